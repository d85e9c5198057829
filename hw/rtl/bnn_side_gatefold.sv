// SPDX-License-Identifier: MIT
// GATEFOLD: gates into the P2 part of parameter records. Gates of 64 channels
// are loaded, then their records stream through, one beat of 16 bytes per cycle:
// beat 1 of a record holds B2 and BBN, beat 2 holds A2, the others pass. All is asked
// for in this order, ahead of use as far as the port takes it.

module bnn_side_gatefold (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,
  output logic         done_o,            // pulse: the last run has been taken
  input  logic [13:0]  channels_i,
  input  logic [31:0]  gate_addr_i,
  input  logic [31:0]  in_addr_i,
  input  logic [31:0]  out_addr_i,
  output logic [1:0]   sat_o,             // clamps that changed a value

  output logic         rq_valid_o,
  input  logic         rq_ready_i,
  output logic         rq_gates_o,        // of the gates; else of the records
  output logic [31:0]  rq_addr_o,
  output logic [27:0]  rq_bytes_o,
  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  output logic         put_valid_o,
  input  logic         put_ready_i,
  output logic [31:0]  put_addr_o,
  output logic [4:0]   put_bytes_o,
  output logic [127:0] put_data_o
);

  localparam logic [1:0] IDLE = 2'd0, GATES = 2'd1, RECORDS = 2'd2, DRAIN = 2'd3;

  logic [1:0]  state_q;
  logic        ask_q, ask_gates_q;
  logic [13:0] left_q, ask_left_q;          // channels
  logic [6:0]  n, ask_n;                    // of the block
  logic [31:0] gate_addr_q, in_addr_q;
  logic [7:0]  beat_q, last;                // of the block
  logic        take;

  assign n    = (left_q < 14'd64) ? left_q[6:0] : 7'd64;
  assign last = (state_q == GATES) ? 8'((n - 7'd1) >> 3) : 8'({n, 2'd0} - 9'd1);

  assign ask_n       = (ask_left_q < 14'd64) ? ask_left_q[6:0] : 7'd64;
  assign rq_valid_o  = ask_q;
  assign rq_gates_o  = ask_gates_q;
  assign rq_addr_o   = ask_gates_q ? gate_addr_q : in_addr_q;
  assign rq_bytes_o  = ask_gates_q ? {20'd0, ask_n, 1'b0} : {15'd0, ask_n, 6'd0};

  // ---- gates of the block ----
  logic [127:0] gates [0:7];
  logic [127:0] gates_row;
  always_ff @(posedge clk_i) begin
    if (state_q == GATES && rb_valid_i) gates[beat_q[2:0]] <= rb_data_i;
  end
  assign gates_row = gates[beat_q[7:5]];

  // ---- pipe: beat; products; result ----
  logic               en, v1_q, v2_q, v3_q;
  logic [1:0]         part1_q, part2_q;     // beat of the record
  logic [127:0]       data1_q, data2_q, data3_q;
  logic [16:0]        gate1_q;
  logic signed [31:0] b0, b1, bbn;
  logic signed [48:0] p0_q, p1_q;
  logic [31:0]        addr_q;

  assign en         = !v3_q || put_ready_i;
  assign take       = state_q == RECORDS && rb_valid_i && en;
  assign rb_ready_o = state_q == GATES || (state_q == RECORDS && en);

  assign b0 = $signed((part1_q == 2'd1) ? data1_q[31:0] : {{16{data1_q[79]}}, data1_q[79:64]});
  assign b1 = $signed((part1_q == 2'd1) ? data1_q[63:32] : {{16{data1_q[95]}}, data1_q[95:80]});

  function automatic logic signed [34:0] rounded(input logic signed [48:0] p);
    rounded = 35'((p + 49'sd16384) >>> 15);
  endfunction

  logic signed [34:0] r0, r1, lo, hi;
  logic signed [34:0] c0, c1;
  logic               s0, s1;
  assign bbn = $signed(data2_q[95:64]);
  assign r0  = rounded(p0_q) + ((part2_q == 2'd1) ? 35'(bbn) : 35'sd0);
  assign r1  = rounded(p1_q) + ((part2_q == 2'd1) ? 35'(bbn) : 35'sd0);
  assign hi  = (part2_q == 2'd1) ? 35'sh7fff_ffff : 35'sh7fff;
  assign lo  = ~hi;
  assign s0  = r0 > hi || r0 < lo;
  assign s1  = r1 > hi || r1 < lo;
  assign c0  = (r0 > hi) ? hi : (r0 < lo) ? lo : r0;
  assign c1  = (r1 > hi) ? hi : (r1 < lo) ? lo : r1;

  logic unused;
  assign unused = ^{c0[34:32], c1[34:32]};

  always_ff @(posedge clk_i) begin
    if (en) begin
      data1_q <= rb_data_i;
      part1_q <= beat_q[1:0];
      gate1_q <= {1'b0, gates_row[{beat_q[4:2], 4'd0} +: 16]};
      data2_q <= data1_q;
      part2_q <= part1_q;
      p0_q    <= b0 * $signed(gate1_q);
      p1_q    <= b1 * $signed(gate1_q);
      data3_q <= data2_q;
      if (part2_q == 2'd1) data3_q[63:0] <= {c1[31:0], c0[31:0]};
      if (part2_q == 2'd2) data3_q[95:64] <= {c1[15:0], c0[15:0]};
    end
  end

  assign sat_o       = (en && v2_q && (part2_q == 2'd1 || part2_q == 2'd2)) ? {1'b0, s0} + {1'b0, s1} : 2'd0;
  assign put_valid_o = v3_q;
  assign put_addr_o  = addr_q;
  assign put_bytes_o = 5'd16;
  assign put_data_o  = data3_q;

  always_ff @(posedge clk_i) begin
    done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
      ask_q   <= 1'b0;
      v1_q    <= 1'b0;
      v2_q    <= 1'b0;
      v3_q    <= 1'b0;
    end else begin
      if (en) begin
        v1_q <= take;
        v2_q <= v1_q;
        v3_q <= v2_q;
      end
      if (v3_q && put_ready_i) addr_q <= addr_q + 32'd16;
      if (ask_q && rq_ready_i) begin
        ask_gates_q <= !ask_gates_q;
        if (ask_gates_q) begin
          gate_addr_q <= gate_addr_q + 32'd128;
        end else begin
          in_addr_q  <= in_addr_q + 32'd4096;
          ask_left_q <= ask_left_q - 14'(ask_n);
          ask_q      <= ask_left_q > 14'd64;
        end
      end
      case (state_q)
        IDLE: begin
          left_q      <= channels_i;
          ask_left_q  <= channels_i;
          ask_gates_q <= 1'b1;
          gate_addr_q <= gate_addr_i;
          in_addr_q   <= in_addr_i;
          beat_q      <= '0;
          if (start_i) begin
            addr_q  <= out_addr_i;
            ask_q   <= 1'b1;
            state_q <= GATES;
          end
        end
        GATES: begin
          if (rb_valid_i) begin
            beat_q <= beat_q + 8'd1;
            if (beat_q == last) begin
              beat_q  <= '0;
              state_q <= RECORDS;
            end
          end
        end
        RECORDS: begin
          if (take) begin
            beat_q <= beat_q + 8'd1;
            if (beat_q == last) begin
              beat_q  <= '0;
              left_q  <= left_q - 14'(n);
              state_q <= (left_q <= 14'd64) ? DRAIN : GATES;
            end
          end
        end
        default: begin  // DRAIN
          if (!v1_q && !v2_q && !v3_q) begin
            done_o  <= 1'b1;
            state_q <= IDLE;
          end
        end
      endcase
    end
  end

endmodule
