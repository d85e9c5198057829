// SPDX-License-Identifier: MIT
// Asks memory for the taps inside the input, one by one: output row, output column,
// group or repetition, plane from the highest, kernel row, kernel column. Runs ahead of what is used
// as far as sixteen requests; says of which plane the tap is that comes back.

module bnn_taps (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clear_i,

  input  logic        start_i,             // fields below stay as they are until the end
  input  logic [31:0] base_i,              // pixel 0
  input  logic [12:0] h_i,
  input  logic [12:0] w_i,
  input  logic [23:0] row_i,               // bytes from row to row
  input  logic [16:0] pixel_i,             // bytes from pixel to pixel
  input  logic [31:0] plane_i,             // bytes from plane to plane
  input  logic [17:0] chan_i,              // bit of a pixel at which the first group begins
  input  logic [17:0] step_i,              // bits from group to group; 0 for repetitions
  input  logic [17:0] bits_i,              // of a tap
  input  logic [2:0]  kh_i,
  input  logic [2:0]  kw_i,
  input  logic [2:0]  sh_i,
  input  logic [2:0]  sw_i,
  input  logic [2:0]  dh_i,
  input  logic [2:0]  dw_i,
  input  logic [4:0]  pad_t_i,
  input  logic [4:0]  pad_l_i,
  input  logic [12:0] oh_i,
  input  logic [12:0] ow_i,
  input  logic [4:0]  planes_i,
  input  logic [13:0] repeat_i,

  output logic        rq_valid_o,
  input  logic        rq_ready_i,
  output logic [31:0] rq_addr_o,
  output logic [27:0] rq_bytes_o,

  output logic [3:0]  plane_o,             // of the oldest request
  output logic [2:0]  shift_o,             // bit of its first byte at which a tap begins, by a pointer of its own
  input  logic        shift_pop_i,
  output logic        active_o,            // also while it passes over absent taps
  input  logic        pop_i
);

  localparam logic [2:0] IDLE = 3'd0, INIT = 3'd1, RUN = 3'd2, CARRY = 3'd3, FILL = 3'd4;

  // Addresses at which the loops began, and their steps: kernel row, plane, pixel, row. One adder
  // serves all; the end of a kernel row costs some cycles.
  logic [2:0]  state_q;
  logic [31:0] begins [0:7];
  logic [31:0] steps [0:7];
  logic [2:0]  level_q;
  logic        stay_q;                     // the loop begins again where it began
  logic [2:0]  step_q;
  logic [3:0]  count_q;
  logic [31:0] addr_q, kx_step_q, sum, add;
  logic [3:0]  pl_q, top;
  logic [13:0] rep_q;
  logic [17:0] chan_q;
  logic [12:0] oy_q, ox_q;
  logic [2:0]  ky_q, kx_q;
  logic signed [14:0] iy0_q, ix0_q, iy_q, ix_q;

  logic [4:0]  mul_a;
  logic [23:0] mul_b;
  logic [28:0] mul_p;
  always_comb begin
    case (step_q)
      3'd0:    mul_a = {2'd0, dw_i};
      3'd1:    mul_a = {2'd0, dh_i};
      3'd3:    mul_a = {2'd0, sw_i};
      3'd4:    mul_a = {2'd0, sh_i};
      3'd5:    mul_a = pad_t_i;
      default: mul_a = pad_l_i;
    endcase
    mul_b = (step_q == 3'd0 || step_q == 3'd3 || step_q == 3'd6) ? {7'd0, pixel_i} : row_i;
  end
  assign mul_p = {24'd0, mul_a} * {5'd0, mul_b};
  assign top   = 4'(planes_i - 5'd1);

  always_comb begin
    case (state_q)
      INIT:    add = (step_q == 3'd7) ? plane_i : -{3'd0, mul_p};
      RUN:     add = kx_step_q;
      default: add = stay_q ? 32'd0 : steps[level_q];
    endcase
  end
  assign sum = ((state_q == CARRY) ? begins[level_q] : addr_q) + add;

  logic absent, put, room, kx_end, ky_end, pl_end, rep_end, ox_end, oy_end;
  assign absent  = iy_q < 0 || iy_q >= $signed({2'd0, h_i}) || ix_q < 0 || ix_q >= $signed({2'd0, w_i});
  assign kx_end  = kx_q == kw_i - 3'd1;
  assign ky_end  = ky_q == kh_i - 3'd1;
  assign pl_end  = pl_q == 4'd0;
  assign rep_end = rep_q == repeat_i - 14'd1;
  assign ox_end  = ox_q == ow_i - 13'd1;
  assign oy_end  = oy_q == oh_i - 13'd1;

  assign rq_valid_o = state_q == RUN && !absent && room;
  assign active_o   = state_q != IDLE;
  assign rq_addr_o  = addr_q + {17'd0, chan_q[17:3]};
  assign rq_bytes_o = (28'(bits_i) + 28'(chan_q[2:0]) + 28'd7) >> 3;
  assign put        = state_q == RUN && (absent || (room && rq_ready_i));

  // Addresses wrap modulo 2^32; those of taps inside the input do not.
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: if (start_i) state_q <= INIT;
        INIT: if (step_q == 3'd7 && count_q == top) state_q <= FILL;
        RUN:  if (put && kx_end) state_q <= (ky_end && pl_end && rep_end && ox_end && oy_end) ? IDLE : CARRY;
        CARRY: state_q <= FILL;
        default: if (level_q == 3'd1) state_q <= RUN;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == INIT) steps[step_q] <= (step_q == 3'd2) ? -plane_i : {3'd0, mul_p};
    if (state_q == FILL) begins[level_q] <= addr_q;
  end

  always_ff @(posedge clk_i) begin
    case (state_q)
      IDLE: begin
        step_q  <= '0;
        count_q <= '0;
        addr_q  <= base_i;
        oy_q    <= '0;
        ox_q    <= '0;
        rep_q   <= '0;
        chan_q  <= chan_i;
        ky_q    <= '0;
        kx_q    <= '0;
        pl_q    <= top;
        iy0_q   <= -$signed({10'd0, pad_t_i});
        ix0_q   <= -$signed({10'd0, pad_l_i});
        iy_q    <= -$signed({10'd0, pad_t_i});
        ix_q    <= -$signed({10'd0, pad_l_i});
      end
      INIT: begin
        // The first window, in the highest plane.
        level_q <= 3'd4;
        if (step_q != 3'd7) step_q <= step_q + 3'd1;
        if (step_q == 3'd0) kx_step_q <= {3'd0, mul_p};
        if (step_q == 3'd7) count_q <= count_q + 4'd1;
        if (step_q == 3'd5 || step_q == 3'd6 || (step_q == 3'd7 && count_q != top)) addr_q <= sum;
      end
      RUN: begin
        if (put) begin
          kx_q   <= kx_q + 3'd1;
          ix_q   <= ix_q + $signed({12'd0, dw_i});
          addr_q <= sum;
          if (kx_end) begin
            kx_q    <= '0;
            ix_q    <= ix0_q;
            ky_q    <= ky_q + 3'd1;
            iy_q    <= iy_q + $signed({12'd0, dh_i});
            level_q <= 3'd1;
            stay_q  <= 1'b0;
            if (ky_end) begin
              ky_q    <= '0;
              iy_q    <= iy0_q;
              pl_q    <= pl_q - 4'd1;
              level_q <= 3'd2;
              if (pl_end) begin
                pl_q    <= top;
                rep_q   <= rep_q + 14'd1;
                chan_q  <= chan_q + step_i;
                level_q <= 3'd3;
                stay_q  <= 1'b1;
                if (rep_end) begin
                  rep_q  <= '0;
                  chan_q <= chan_i;
                  ox_q   <= ox_q + 13'd1;
                  ix0_q  <= ix0_q + $signed({12'd0, sw_i});
                  ix_q   <= ix0_q + $signed({12'd0, sw_i});
                  stay_q <= 1'b0;
                  if (ox_end) begin
                    ox_q    <= '0;
                    ix0_q   <= -$signed({10'd0, pad_l_i});
                    ix_q    <= -$signed({10'd0, pad_l_i});
                    oy_q    <= oy_q + 13'd1;
                    iy0_q   <= iy0_q + $signed({12'd0, sh_i});
                    iy_q    <= iy0_q + $signed({12'd0, sh_i});
                    level_q <= 3'd4;
                  end
                end
              end
            end
          end
        end
      end
      CARRY:   addr_q  <= sum;
      default: level_q <= level_q - 3'd1;
    endcase
  end

  // ---- what has been asked for: {shift, plane} ----
  logic [6:0] asked [0:15];
  logic [4:0] wptr_q, rptr_q, sptr_q;
  assign room    = (wptr_q ^ rptr_q) != 5'd16;
  assign plane_o = asked[rptr_q[3:0]][3:0];
  assign shift_o = asked[sptr_q[3:0]][6:4];
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wptr_q <= '0;
      rptr_q <= '0;
      sptr_q <= '0;
    end else begin
      if (put && !absent) wptr_q <= wptr_q + 5'd1;
      if (pop_i) rptr_q <= rptr_q + 5'd1;
      if (shift_pop_i) sptr_q <= sptr_q + 5'd1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (put && !absent) asked[wptr_q[3:0]] <= {chan_q[2:0], pl_q};
  end

endmodule
