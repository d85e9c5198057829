// SPDX-License-Identifier: MIT
// Walks the windows of POOL: output row, output column, strip of the pixel's
// bytes, kernel row, kernel column; and asks for the bytes of the taps inside the
// input, ahead of their use. Rows outside are passed over at once.

module bnn_side_taps #(
  parameter int STRIP = 512                // bytes, a power of two
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clear_i,

  input  logic        start_i,
  input  logic [31:0] base_i,
  input  logic [12:0] h_i,
  input  logic [12:0] w_i,
  input  logic [23:0] row_i,
  input  logic [16:0] pixel_i,
  input  logic [15:0] bytes_i,             // of a pixel
  input  logic [6:0]  kh_i,
  input  logic [6:0]  kw_i,
  input  logic [6:0]  sh_i,
  input  logic [6:0]  sw_i,
  input  logic [5:0]  pad_t_i,
  input  logic [5:0]  pad_l_i,
  input  logic [12:0] oh_i,
  input  logic [12:0] ow_i,

  output logic        rq_valid_o,
  input  logic        rq_ready_i,
  output logic [31:0] rq_addr_o,
  output logic [27:0] rq_bytes_o,

  // What has been asked for, in order. A tap that is not present only ends a strip.
  output logic        tap_valid_o,
  output logic        tap_present_o,
  output logic        tap_last_o,          // of the strip's window
  input  logic        tap_pop_i
);

  localparam logic [1:0] IDLE = 2'd0, INIT = 2'd1, RUN = 2'd2;

  logic [1:0]  state_q, step_q;
  logic [31:0] oy_step_q, ox_step_q;
  logic [31:0] row_q, win_q, line_q, tap_q;       // of the output row, window, kernel row, tap
  logic [12:0] oy_q, ox_q;
  logic [6:0]  ky_q, kx_q;
  logic [15:0] strip_q, left;
  logic signed [14:0] iy0_q, ix0_q, iy_q, ix_q;

  logic [6:0]  mul_a;
  logic [23:0] mul_b;
  logic [30:0] mul_p;
  always_comb begin
    case (step_q)
      2'd0:    begin mul_a = sh_i;            mul_b = row_i; end
      2'd1:    begin mul_a = sw_i;            mul_b = {7'd0, pixel_i}; end
      2'd2:    begin mul_a = {1'b0, pad_t_i}; mul_b = row_i; end
      default: begin mul_a = {1'b0, pad_l_i}; mul_b = {7'd0, pixel_i}; end
    endcase
  end
  assign mul_p = {24'd0, mul_a} * {7'd0, mul_b};

  logic row_absent, absent, move, put, room, kx_end, ky_end, strip_end, ox_end, oy_end;
  assign row_absent = iy_q < 0 || iy_q >= $signed({2'd0, h_i});
  assign absent     = row_absent || ix_q < 0 || ix_q >= $signed({2'd0, w_i});
  assign kx_end     = kx_q == kw_i - 7'd1 || row_absent;
  assign ky_end     = ky_q == kh_i - 7'd1;
  assign left       = bytes_i - strip_q;
  assign strip_end  = left <= 16'(STRIP);
  assign ox_end     = ox_q == ow_i - 13'd1;
  assign oy_end     = oy_q == oh_i - 13'd1;

  assign rq_valid_o = state_q == RUN && !absent && room;
  assign rq_addr_o  = tap_q;
  assign rq_bytes_o = strip_end ? 28'(left) : 28'(STRIP);
  assign move       = state_q == RUN && room && (absent || rq_ready_i);
  assign put        = move && (!absent || (kx_end && ky_end));

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          step_q  <= '0;
          row_q   <= base_i;
          oy_q    <= '0;
          ox_q    <= '0;
          ky_q    <= '0;
          kx_q    <= '0;
          strip_q <= '0;
          iy0_q   <= -$signed({9'd0, pad_t_i});
          ix0_q   <= -$signed({9'd0, pad_l_i});
          iy_q    <= -$signed({9'd0, pad_t_i});
          ix_q    <= -$signed({9'd0, pad_l_i});
          if (start_i) state_q <= INIT;
        end
        INIT: begin
          step_q <= step_q + 2'd1;
          case (step_q)
            2'd0:    oy_step_q <= {1'b0, mul_p};
            2'd1:    ox_step_q <= {1'b0, mul_p};
            2'd2:    row_q     <= row_q - {1'b0, mul_p};
            default: begin
              row_q     <= row_q - {1'b0, mul_p};
              win_q     <= row_q - {1'b0, mul_p};
              line_q <= row_q - {1'b0, mul_p};
              tap_q     <= row_q - {1'b0, mul_p};
              state_q   <= RUN;
            end
          endcase
        end
        default: begin
          // Addresses wrap modulo 2^32; those of taps inside the input do not.
          if (move) begin
            if (!kx_end) begin
              kx_q  <= kx_q + 7'd1;
              ix_q  <= ix_q + 15'sd1;
              tap_q <= tap_q + 32'(pixel_i);
            end else if (!ky_end) begin
              kx_q      <= '0;
              ky_q      <= ky_q + 7'd1;
              ix_q      <= ix0_q;
              iy_q      <= iy_q + 15'sd1;
              line_q <= line_q + 32'(row_i);
              tap_q     <= line_q + 32'(row_i);
            end else begin
              kx_q <= '0;
              ky_q <= '0;
              ix_q <= ix0_q;
              iy_q <= iy0_q;
              if (!strip_end) begin
                strip_q   <= strip_q + 16'(STRIP);
                line_q <= win_q + 32'(strip_q) + 32'(STRIP);
                tap_q     <= win_q + 32'(strip_q) + 32'(STRIP);
              end else if (!ox_end) begin
                strip_q   <= '0;
                ox_q      <= ox_q + 13'd1;
                ix0_q     <= ix0_q + $signed({8'd0, sw_i});
                ix_q      <= ix0_q + $signed({8'd0, sw_i});
                win_q     <= win_q + ox_step_q;
                line_q <= win_q + ox_step_q;
                tap_q     <= win_q + ox_step_q;
              end else if (!oy_end) begin
                strip_q   <= '0;
                ox_q      <= '0;
                oy_q      <= oy_q + 13'd1;
                ix0_q     <= -$signed({9'd0, pad_l_i});
                ix_q      <= -$signed({9'd0, pad_l_i});
                iy0_q     <= iy0_q + $signed({8'd0, sh_i});
                iy_q      <= iy0_q + $signed({8'd0, sh_i});
                row_q     <= row_q + oy_step_q;
                win_q     <= row_q + oy_step_q;
                line_q <= row_q + oy_step_q;
                tap_q     <= row_q + oy_step_q;
              end else begin
                state_q <= IDLE;
              end
            end
          end
        end
      endcase
    end
  end

  // ---- {present, last} ----
  logic [1:0] meta [0:15];
  logic [4:0] wptr_q, rptr_q, fill;
  assign fill          = wptr_q - rptr_q;
  assign room          = !fill[4];
  assign tap_valid_o   = fill != 5'd0;
  assign tap_present_o = meta[rptr_q[3:0]][1];
  assign tap_last_o    = meta[rptr_q[3:0]][0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wptr_q <= '0;
      rptr_q <= '0;
    end else begin
      if (put) wptr_q <= wptr_q + 5'd1;
      if (tap_pop_i) rptr_q <= rptr_q + 5'd1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (put) meta[wptr_q[3:0]] <= {!absent, kx_end && ky_end};
  end

endmodule
