// SPDX-License-Identifier: MIT
// Walks the windows of POOL: output row, output column, strip of the pixel's
// bytes, kernel row, kernel column; and asks for the bytes of the taps inside the
// input, ahead of their use. Taps that lie behind each other are asked for at once,
// so that few requests reach far ahead: those of a kernel row, where pixels have no
// gaps and one strip; all of an output row, where windows are single pixels.
//
// Three stages, each one window or request per cycle: which window; which run of
// it; the request.

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
  output logic [12:0] area_o,              // KH * KW, before the first request

  output logic        rq_valid_o,
  input  logic        rq_ready_i,
  output logic [31:0] rq_addr_o,
  output logic [27:0] rq_bytes_o,

  // What has been asked for, in order.
  output logic        line_o,              // static: a run is a row of W pixels, each a window
  output logic        run_valid_o,
  output logic [6:0]  run_taps_o,
  output logic        run_last_o,          // of the strip's window
  input  logic        run_pop_i
);

  localparam logic [1:0] IDLE = 2'd0, INIT = 2'd1, WALK = 2'd2;

  logic [1:0]  state_q;
  logic [2:0]  step_q;
  logic        gapless, together;
  assign gapless  = pixel_i == {1'b0, bytes_i};
  assign together = gapless && bytes_i <= 16'(STRIP);
  assign line_o   = gapless && kh_i == 7'd1 && kw_i == 7'd1 && sw_i == 7'd1;

  // One multiplier: products of the command first, then bytes of runs.
  logic [6:0]  mul_a, b_taps_q;
  logic [23:0] mul_b;
  logic [30:0] mul_p;
  always_comb begin
    mul_a = b_taps_q;
    mul_b = {8'd0, bytes_i};
    if (state_q == INIT) begin
      case (step_q)
        3'd0:    begin mul_a = sh_i;               mul_b = row_i; end
        3'd1:    begin mul_a = sw_i;               mul_b = {7'd0, pixel_i}; end
        3'd2:    begin mul_a = {1'b0, pad_t_i};    mul_b = row_i; end
        3'd3:    begin mul_a = {1'b0, pad_l_i};    mul_b = {7'd0, pixel_i}; end
        3'd4:    begin mul_a = kh_i;               mul_b = {17'd0, kw_i}; end
        3'd5:    begin mul_a = w_i[6:0];           mul_b = {8'd0, bytes_i}; end
        default: begin mul_a = {1'b0, w_i[12:7]};  mul_b = {8'd0, bytes_i}; end
      endcase
    end
  end
  assign mul_p = {24'd0, mul_a} * {7'd0, mul_b};

  // ---- windows ----
  // Addresses wrap modulo 2^32; those of taps inside the input do not.
  logic [31:0] oy_step_q, ox_step_q;
  logic [31:0] row_q, off_q;                // of the first tap's row, column 0; of its column in it
  logic [31:0] first_off_q;                 // of output column 0
  logic [12:0] oy_q, ox_q;
  logic signed [14:0] iy_q, ix_q;           // of the first tap
  logic [27:0] line_bytes_q;
  logic        ox_end, oy_end, b_ready;
  assign ox_end = line_o || ox_q == ow_i - 13'd1;
  assign oy_end = oy_q == oh_i - 13'd1;

  // Taps inside the input: every window has some.
  logic [6:0]  rows_most, taps_most, rows, taps;
  logic [14:0] rows_rest, taps_rest;
  assign rows_most = iy_q[14] ? kh_i + iy_q[6:0] : kh_i;
  assign rows_rest = iy_q[14] ? {2'd0, h_i} : {2'd0, h_i} - iy_q;
  assign rows      = (rows_rest < {8'd0, rows_most}) ? rows_rest[6:0] : rows_most;
  assign taps_most = ix_q[14] ? kw_i + ix_q[6:0] : kw_i;
  assign taps_rest = ix_q[14] ? {2'd0, w_i} : {2'd0, w_i} - ix_q;
  assign taps      = (taps_rest < {8'd0, taps_most}) ? taps_rest[6:0] : taps_most;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          step_q <= '0;
          row_q  <= base_i;
          oy_q   <= '0;
          ox_q   <= '0;
          iy_q   <= -$signed({9'd0, pad_t_i});
          ix_q   <= -$signed({9'd0, pad_l_i});
          if (start_i) state_q <= INIT;
        end
        INIT: begin
          step_q <= step_q + 3'd1;
          case (step_q)
            3'd0:    oy_step_q    <= {1'b0, mul_p};
            3'd1:    ox_step_q    <= {1'b0, mul_p};
            3'd2:    row_q        <= row_q - {1'b0, mul_p};
            3'd3:    off_q        <= -{1'b0, mul_p};
            3'd4:    area_o       <= mul_p[12:0];
            3'd5:    line_bytes_q <= mul_p[27:0];
            default: begin
              line_bytes_q <= line_bytes_q + {mul_p[20:0], 7'd0};
              state_q      <= WALK;
            end
          endcase
        end
        default: begin
          if (b_ready) begin
            if (!ox_end) begin
              ox_q  <= ox_q + 13'd1;
              ix_q  <= ix_q + $signed({8'd0, sw_i});
              off_q <= off_q + ox_step_q;
            end else begin
              ox_q  <= '0;
              ix_q  <= -$signed({9'd0, pad_l_i});
              off_q <= first_off_q;
              oy_q  <= oy_q + 13'd1;
              iy_q  <= iy_q + $signed({8'd0, sh_i});
              row_q <= row_q + oy_step_q;
              if (oy_end) state_q <= IDLE;
            end
          end
        end
      endcase
    end
  end
  always_ff @(posedge clk_i) begin
    if (state_q == INIT && step_q == 3'd4) first_off_q <= off_q;
  end

  // ---- runs ----
  logic        b_v_q, b_move, kx_end, ky_end, strip_end, c_ready;
  logic [31:0] win_q, line_q, tap_q, first; // of the strip's window, kernel row, tap
  logic [6:0]  b_rows_q, ky_q, kx_q;
  logic [15:0] strip_q, left;

  assign first     = (iy_q[14] ? base_i : row_q) + (ix_q[14] ? 32'd0 : off_q);
  assign kx_end    = together || line_o || kx_q == b_taps_q - 7'd1;
  assign ky_end    = ky_q == b_rows_q - 7'd1;
  assign left      = bytes_i - strip_q;
  assign strip_end = line_o || left <= 16'(STRIP);
  assign b_move    = b_v_q && c_ready;
  assign b_ready   = !b_v_q || (b_move && kx_end && ky_end && strip_end);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) b_v_q <= 1'b0;
    else if (b_ready) b_v_q <= state_q == WALK;
  end
  always_ff @(posedge clk_i) begin
    if (b_ready) begin
      win_q    <= first;
      line_q   <= first;
      tap_q    <= first;
      b_rows_q <= rows;
      b_taps_q <= taps;
      ky_q     <= '0;
      kx_q     <= '0;
      strip_q  <= '0;
    end else if (b_move) begin
      if (!kx_end) begin
        kx_q  <= kx_q + 7'd1;
        tap_q <= tap_q + 32'(pixel_i);
      end else if (!ky_end) begin
        kx_q   <= '0;
        ky_q   <= ky_q + 7'd1;
        line_q <= line_q + 32'(row_i);
        tap_q  <= line_q + 32'(row_i);
      end else begin
        kx_q    <= '0;
        ky_q    <= '0;
        strip_q <= strip_q + 16'(STRIP);
        win_q   <= win_q + 32'(STRIP);
        line_q  <= win_q + 32'(STRIP);
        tap_q   <= win_q + 32'(STRIP);
      end
    end
  end

  // ---- requests ----
  logic       c_v_q, c_last_q, put, room;
  logic [6:0] c_taps_q;
  assign c_ready    = !c_v_q || put;
  assign rq_valid_o = c_v_q && room;
  assign put        = rq_valid_o && rq_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) c_v_q <= 1'b0;
    else if (c_ready) c_v_q <= b_v_q;
  end
  always_ff @(posedge clk_i) begin
    if (c_ready) begin
      rq_addr_o  <= tap_q;
      rq_bytes_o <= line_o ? line_bytes_q : together ? mul_p[27:0] : strip_end ? 28'(left) : 28'(STRIP);
      c_taps_q   <= together ? b_taps_q : 7'd1;
      c_last_q   <= kx_end && ky_end;
    end
  end

  // ---- {taps, last} ----
  logic [7:0] meta [0:15];
  logic [4:0] wptr_q, rptr_q, fill;
  assign fill        = wptr_q - rptr_q;
  assign room        = !fill[4];
  assign run_valid_o = fill != 5'd0;
  assign run_taps_o  = meta[rptr_q[3:0]][7:1];
  assign run_last_o  = meta[rptr_q[3:0]][0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wptr_q <= '0;
      rptr_q <= '0;
    end else begin
      if (put) wptr_q <= wptr_q + 5'd1;
      if (run_pop_i) rptr_q <= rptr_q + 5'd1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (put) meta[wptr_q[3:0]] <= {c_taps_q, c_last_q};
  end

endmodule
