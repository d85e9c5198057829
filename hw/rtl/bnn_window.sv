// SPDX-License-Identifier: MIT
// Walks the windows of a convolution or pooling in the order output row, output
// column, plane, kernel row, kernel column; asks for the pixels inside the input ahead
// of their use and hands all taps out as a stream of 16-bit pieces.

module bnn_window #(
  parameter int CH = 8                     // pieces per step, 1 to 8, a power of two
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clear_i,

  input  logic             start_i,        // fields below stay as they are until the end
  input  logic [31:0]      base_i,
  input  logic [12:0]      h_i,
  input  logic [12:0]      w_i,
  input  logic [23:0]      row_i,          // bytes from row to row
  input  logic [16:0]      pixel_i,        // bytes from pixel to pixel
  input  logic [9:0]       pieces_i,       // of a pixel, as a plane
  input  logic [27:0]      bytes_i,        // to ask for per tap
  input  logic [6:0]       kh_i,
  input  logic [6:0]       kw_i,
  input  logic [6:0]       sh_i,
  input  logic [6:0]       sw_i,
  input  logic [2:0]       dh_i,
  input  logic [2:0]       dw_i,
  input  logic [5:0]       pad_t_i,
  input  logic [5:0]       pad_l_i,
  input  logic [12:0]      oh_i,
  input  logic [12:0]      ow_i,
  input  logic [4:0]       planes_i,
  input  logic [31:0]      plane_i,        // bytes from plane to plane
  output logic             active_o,

  output logic             rq_valid_o,
  input  logic             rq_ready_i,
  output logic [31:0]      rq_addr_o,
  output logic [27:0]      rq_bytes_o,
  input  logic             rb_valid_i,
  output logic             rb_ready_o,
  input  logic [127:0]     rb_data_i,

  output logic [3:0]       c_plane_o,
  output logic             c_valid_o,
  input  logic             c_ready_i,
  output logic [CH*16-1:0] c_data_o,
  output logic [3:0]       c_count_o,
  output logic             c_absent_o,
  output logic             c_tap_last_o,
  output logic             c_win_last_o,   // of the plane
  output logic             c_first_o,      // plane 0
  output logic             c_pix_last_o    // the last plane
);

  // ---- issue ----
  localparam logic [1:0] IDLE = 2'd0, INIT = 2'd1, RUN = 2'd2;

  logic [1:0]  state_q;
  logic [2:0]  step_q;
  logic [31:0] ky_step_q, kx_step_q, oy_step_q, ox_step_q;
  logic [31:0] row_addr_q, win_addr_q, pl_addr_q, ky_addr_q, tap_addr_q;
  logic [4:0]  pl_q;
  logic [12:0] oy_q, ox_q;
  logic [6:0]  ky_q, kx_q;
  logic signed [19:0] iy0_q, ix0_q, iy_q, ix_q;

  logic [6:0]  mul_a;
  logic [23:0] mul_b;
  logic [30:0] mul_p;
  always_comb begin
    case (step_q)
      3'd0:    begin mul_a = {4'd0, dh_i};    mul_b = row_i; end
      3'd1:    begin mul_a = {4'd0, dw_i};    mul_b = {7'd0, pixel_i}; end
      3'd2:    begin mul_a = sh_i;            mul_b = row_i; end
      3'd3:    begin mul_a = sw_i;            mul_b = {7'd0, pixel_i}; end
      3'd4:    begin mul_a = {1'b0, pad_t_i}; mul_b = row_i; end
      default: begin mul_a = {1'b0, pad_l_i}; mul_b = {7'd0, pixel_i}; end
    endcase
  end
  assign mul_p = {24'd0, mul_a} * {7'd0, mul_b};

  logic        absent, put, meta_room, kx_end, ky_end, pl_end, ox_end, oy_end;
  assign absent = iy_q < 0 || iy_q >= $signed({7'd0, h_i}) || ix_q < 0 || ix_q >= $signed({7'd0, w_i});
  assign kx_end = kx_q == kw_i - 7'd1;
  assign ky_end = ky_q == kh_i - 7'd1;
  assign pl_end = pl_q == planes_i - 5'd1;
  assign ox_end = ox_q == ow_i - 13'd1;
  assign oy_end = oy_q == oh_i - 13'd1;

  assign rq_valid_o = state_q == RUN && !absent && meta_room;
  assign rq_addr_o  = tap_addr_q;
  assign rq_bytes_o = bytes_i;
  assign put        = state_q == RUN && meta_room && (absent || rq_ready_i);
  assign active_o   = state_q != IDLE;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          step_q <= 3'd0;
          if (start_i) state_q <= INIT;
          row_addr_q <= base_i;
          oy_q  <= '0;
          ox_q  <= '0;
          pl_q  <= '0;
          ky_q  <= '0;
          kx_q  <= '0;
          iy0_q <= -$signed({14'd0, pad_t_i});
          ix0_q <= -$signed({14'd0, pad_l_i});
          iy_q  <= -$signed({14'd0, pad_t_i});
          ix_q  <= -$signed({14'd0, pad_l_i});
        end
        INIT: begin
          step_q <= step_q + 3'd1;
          case (step_q)
            3'd0:    ky_step_q  <= {1'b0, mul_p};
            3'd1:    kx_step_q  <= {1'b0, mul_p};
            3'd2:    oy_step_q  <= {1'b0, mul_p};
            3'd3:    ox_step_q  <= {1'b0, mul_p};
            3'd4:    row_addr_q <= row_addr_q - {1'b0, mul_p};
            3'd5:    row_addr_q <= row_addr_q - {1'b0, mul_p};
            default: begin
              win_addr_q <= row_addr_q;
              pl_addr_q  <= row_addr_q;
              ky_addr_q  <= row_addr_q;
              tap_addr_q <= row_addr_q;
              state_q    <= RUN;
            end
          endcase
        end
        default: begin
          // Addresses wrap modulo 2^32; those of taps inside the input do not.
          if (put) begin
            if (!kx_end) begin
              kx_q       <= kx_q + 7'd1;
              ix_q       <= ix_q + $signed({17'd0, dw_i});
              tap_addr_q <= tap_addr_q + kx_step_q;
            end else if (!ky_end) begin
              kx_q       <= '0;
              ky_q       <= ky_q + 7'd1;
              ix_q       <= ix0_q;
              iy_q       <= iy_q + $signed({17'd0, dh_i});
              ky_addr_q  <= ky_addr_q + ky_step_q;
              tap_addr_q <= ky_addr_q + ky_step_q;
            end else if (!pl_end) begin
              kx_q       <= '0;
              ky_q       <= '0;
              pl_q       <= pl_q + 5'd1;
              ix_q       <= ix0_q;
              iy_q       <= iy0_q;
              pl_addr_q  <= pl_addr_q + plane_i;
              ky_addr_q  <= pl_addr_q + plane_i;
              tap_addr_q <= pl_addr_q + plane_i;
            end else if (!ox_end) begin
              kx_q       <= '0;
              ky_q       <= '0;
              pl_q       <= '0;
              pl_addr_q  <= win_addr_q + ox_step_q;
              ox_q       <= ox_q + 13'd1;
              ix0_q      <= ix0_q + $signed({13'd0, sw_i});
              ix_q       <= ix0_q + $signed({13'd0, sw_i});
              iy_q       <= iy0_q;
              win_addr_q <= win_addr_q + ox_step_q;
              ky_addr_q  <= win_addr_q + ox_step_q;
              tap_addr_q <= win_addr_q + ox_step_q;
            end else if (!oy_end) begin
              kx_q       <= '0;
              ky_q       <= '0;
              pl_q       <= '0;
              pl_addr_q  <= row_addr_q + oy_step_q;
              ox_q       <= '0;
              oy_q       <= oy_q + 13'd1;
              ix0_q      <= -$signed({14'd0, pad_l_i});
              ix_q       <= -$signed({14'd0, pad_l_i});
              iy0_q      <= iy0_q + $signed({13'd0, sh_i});
              iy_q       <= iy0_q + $signed({13'd0, sh_i});
              row_addr_q <= row_addr_q + oy_step_q;
              win_addr_q <= row_addr_q + oy_step_q;
              ky_addr_q  <= row_addr_q + oy_step_q;
              tap_addr_q <= row_addr_q + oy_step_q;
            end else begin
              state_q <= IDLE;
            end
          end
        end
      endcase
    end
  end

  // ---- what has been asked for, in order: {plane, first plane, last plane, absent, last of window} ----
  logic [7:0] meta [0:15];
  logic [4:0] m_wptr_q, m_rptr_q, m_fill;
  logic [7:0] head;
  logic       m_pop;
  assign m_fill    = m_wptr_q - m_rptr_q;
  assign meta_room = !m_fill[4];
  assign head      = meta[m_rptr_q[3:0]];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      m_wptr_q <= '0;
      m_rptr_q <= '0;
    end else begin
      if (put) m_wptr_q <= m_wptr_q + 5'd1;
      if (m_pop) m_rptr_q <= m_rptr_q + 5'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (put) meta[m_wptr_q[3:0]] <= {pl_q[3:0], pl_q == 5'd0, pl_end, absent, kx_end && ky_end};
  end

  // ---- handing out ----
  logic       first_q;                     // the next piece is the first of its tap
  logic [9:0] left_q, left;
  logic [2:0] pos_q, pos;
  logic [3:0] to_end, limit, count;
  logic       step, tap_end;

  assign left    = first_q ? pieces_i : left_q;
  assign pos     = first_q ? 3'd0 : pos_q;
  assign to_end  = head[1] ? 4'd8 : 4'd8 - {1'b0, pos};
  assign limit   = (to_end < 4'(CH)) ? to_end : 4'(CH);
  assign count   = (left < 10'(limit)) ? left[3:0] : limit;
  assign tap_end = left == 10'(count);

  assign c_valid_o    = m_fill != 5'd0 && (head[1] || rb_valid_i);
  assign c_data_o     = (CH*16)'(rb_data_i >> {pos, 4'd0});
  assign c_count_o    = count;
  assign c_absent_o   = head[1];
  assign c_tap_last_o = tap_end;
  assign c_win_last_o = tap_end && head[0];
  assign c_plane_o    = head[7:4];
  assign c_first_o    = head[3];
  assign c_pix_last_o = head[2];

  assign step       = c_valid_o && c_ready_i;
  assign m_pop      = step && tap_end;
  assign rb_ready_o = step && !head[1] && (tap_end || count == to_end);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      first_q <= 1'b1;
    end else if (step) begin
      first_q <= tap_end;
      left_q  <= left - 10'(count);
      pos_q   <= pos + count[2:0];
    end
  end

endmodule
