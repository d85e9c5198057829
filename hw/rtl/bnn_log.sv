// SPDX-License-Identifier: MIT
// The profile log: what a command took and what it waited for most, as a record of
// 32 bytes. A record that does not fit into the region is dropped.
//
// A region may begin at any byte: a record goes round a byte per cycle until it lies
// right, and is then two or three beats, the last of them the first again.

module bnn_log (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         open_i,        // pulse: a job begins; va_i, size_i
  input  logic [31:0]  va_i,
  input  logic [32:0]  size_i,
  input  logic [47:0]  elapsed_i,     // cycles of the job
  input  logic [3:0]   stall_i,       // counter of the stall of this cycle, or 0

  input  logic         begin_i,       // pulse: a command begins
  input  logic         end_i,         // pulse: it is done
  input  logic         put_i,         // pulse: write its record; index_i, opcode_i, iter_i hold until done
  input  logic [15:0]  index_i,
  input  logic [7:0]   opcode_i,
  input  logic [15:0]  iter_i,
  output logic         done_o,        // pulse: its beats are handed over, or the record was dropped
  output logic         dropped_o,     // pulse

  output logic         w_valid_o,
  input  logic         w_ready_i,
  output logic [31:4]  w_addr_o,
  output logic [127:0] w_data_o,
  output logic [15:0]  w_strb_o
);

  localparam logic [1:0] IDLE = 2'd0, LOAD = 2'd1, MOVE = 2'd2, WRITE = 2'd3;

  logic [1:0]  state_q;
  logic [31:0] at_q;
  logic [27:0] left_q;
  logic [3:0]  moved_q;
  logic [1:0]  beat_q;
  logic [255:0] record_q;
  logic        last, turn;
  logic [47:0] start_q, end_q;
  logic [3:0]  which_q;                 // the stall with most cycles
  logic        full;

  logic unused;
  assign unused = ^size_i[4:0];

  assign full      = left_q == 28'd0;
  assign turn      = state_q == MOVE && moved_q != at_q[3:0];
  assign last      = beat_q == 2'd2 || (beat_q == 2'd1 && at_q[3:0] == 4'd0);
  assign w_valid_o = state_q == WRITE;
  assign w_addr_o  = at_q[31:4] + 28'(beat_q);
  assign w_data_o  = beat_q[0] ? record_q[255:128] : record_q[127:0];
  assign w_strb_o  = (beat_q == 2'd0) ? 16'hffff << at_q[3:0] : (beat_q == 2'd1) ? 16'hffff : ~(16'hffff << at_q[3:0]);
  assign dropped_o = put_i && full;
  assign done_o    = dropped_o || (state_q == WRITE && w_ready_i && last);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE:    if (put_i && !full) state_q <= LOAD;
        LOAD:    state_q <= MOVE;
        MOVE:    if (moved_q == at_q[3:0]) state_q <= WRITE;
        default: if (w_ready_i && last) state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (open_i) begin
      at_q   <= va_i;
      left_q <= size_i[32:5];
    end else if (state_q == WRITE && w_ready_i && last) begin
      at_q   <= at_q + 32'd32;
      left_q <= left_q - 28'd1;
    end
    if (state_q == LOAD) begin
      moved_q <= '0;
      beat_q  <= '0;
    end
    if (turn) moved_q <= moved_q + 4'd1;
    if (state_q == WRITE && w_ready_i) beat_q <= beat_q + 2'd1;
    // Of LOAD and MOVE the one has a bit that the other has not: three inputs per bit of the record.
    if (state_q == LOAD || turn) begin
      record_q <= state_q[0] ? {16'd0, end_q, 16'd0, start_q, 28'd0, which_q, 16'd0, iter_i, 24'd0, opcode_i, 16'd0, index_i}
                             : {record_q[247:0], record_q[255:248]};
    end
    if (begin_i) start_q <= elapsed_i;
    if (end_i) end_q <= elapsed_i;
  end

  // ---- stalls: counted one per cycle, the largest count is kept as they grow ----
  logic [31:0] stalls [0:7];
  logic [7:0]  seen_q;
  logic [2:0]  at;
  logic        hit, grown_q;
  logic [31:0] now, now_q, most_q;
  logic [3:0]  who_q;

  assign at  = 3'(stall_i - 4'(`BNN_COUNTER_STALL_WEIGHTS));
  assign hit = stall_i != 4'd0 && !begin_i;
  assign now = (seen_q[at] ? stalls[at] : 32'd0) + 32'd1;

  always_ff @(posedge clk_i) begin
    if (hit) stalls[at] <= now;
  end

  always_ff @(posedge clk_i) begin
    grown_q <= hit;
    now_q   <= now;
    who_q   <= stall_i;
    if (begin_i) begin
      seen_q  <= '0;
      most_q  <= '0;
      which_q <= '0;
    end else begin
      if (hit) seen_q[at] <= 1'b1;
      if (grown_q && now_q > most_q) begin
        most_q  <= now_q;
        which_q <= who_q;
      end
    end
  end

endmodule
