// SPDX-License-Identifier: MIT
// Turns IN into passes of words, for each output pixel in raster order. Two ways into the
// row buffer: whole rows, once, where they fit; or the taps of one window after the
// other. Here are what both need to know, and the choice.
//
// With groups, rows hold the channels of all of them, and a window hops from tap to tap.
// For MACs 16 groups of one channel come as a group of 16; a word is two taps of 8 planes.

module bnn_windows #(
  parameter int LANE_BITS = 256,
  parameter int ROW_KIB   = 64
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,
  output logic         done_o,             // pulse: every word has been handed out

  input  logic [12:0]  d_h_i,
  input  logic [12:0]  d_w_i,
  input  logic [12:0]  d_oh_i,
  input  logic [12:0]  d_ow_i,
  input  logic [2:0]   d_kh_i,
  input  logic [2:0]   d_kw_i,
  input  logic [2:0]   d_sh_i,
  input  logic [2:0]   d_sw_i,
  input  logic [2:0]   d_dh_i,
  input  logic [2:0]   d_dw_i,
  input  logic [4:0]   d_pad_t_i,
  input  logic [4:0]   d_pad_l_i,
  input  logic [1:0]   d_pad_mode_i,
  input  logic [4:0]   d_format_i,
  input  logic [13:0]  d_cg_i,             // channels of a group
  input  logic [13:0]  k_chan_i,           // the first one of the first group
  input  logic [13:0]  k_convs_i,          // groups, one after the other for each pixel
  input  logic         d_odd_w_i,
  input  logic         d_w_top_neg_i,
  input  logic [1:0]   d_wl_i,             // log2 of the bits of a weight
  input  logic         d_frac_i,
  input  logic         k_slice_i,          // only where LANE_BITS is 256
  input  logic         k_mac_i,            // alike; where rows fit
  input  logic [7:0]   k_repeat_i,
  input  logic         d_onchip_i,
  input  logic [31:0]  d_addr_i,
  input  logic [23:0]  d_row_i,
  input  logic [16:0]  d_pixel_i,
  input  logic [31:0]  d_plane_i,

  output logic         rq_valid_o,
  input  logic         rq_ready_i,
  output logic         rq_onchip_o,
  output logic [31:0]  rq_addr_o,
  output logic [27:0]  rq_bytes_o,
  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  output logic         ww_valid_o,
  input  logic         ww_ready_i,
  output logic [LANE_BITS-1:0] ww_data_o,
  output logic [LANE_BITS-1:0] ww_mask_o,
  output logic [$clog2((32767+49*15)/LANE_BITS+1):0] ww_index_o,
  output logic         ww_first_o,
  output logic         ww_double_o,
  output logic         ww_sub_o,
  output logic         ww_last_o,
  output logic         ww_l_o,
  output logic         ww_win_last_o,
  output logic [5:0]   ww_taps_o
);

  localparam int WH    = LANE_BITS / 16;
  localparam int DEPTH = ROW_KIB * 512 / WH;          // of a bank
  localparam int CAP   = ROW_KIB * 512;               // pieces
  localparam int BW    = $clog2(WH);
  localparam int AW    = $clog2(DEPTH);

  // ---- the format ----
  logic [4:0] planes;
  logic [2:0] planes_log2, bits;                      // bits: log2 of an element's, 0 for planes
  logic       is_planes, odd_a, signed_a;
  `include "bnn_hw_formats.vh"
  assign planes_log2 = bnn_format_bits_log2(d_format_i);
  assign odd_a     = bnn_format_odd(d_format_i);
  assign signed_a  = bnn_format_signed(d_format_i);
  assign planes    = 5'd1 << planes_log2;
  assign is_planes = bnn_format_is_planes(d_format_i);
  assign bits      = is_planes ? 3'd0 : planes_log2;

  // ---- windows of a pixel: of several groups, or the same several times ----
  logic        grouped;
  logic [13:0] times;
  assign grouped = k_convs_i != 14'd1;
  assign times   = grouped ? k_convs_i : {6'd0, k_repeat_i};

  // ---- one multiplier, one product after the other ----
  localparam logic [2:0] IDLE = 3'd0, SIZE = 3'd1, FIT = 3'd2, GO = 3'd3, RUN = 3'd4;
  logic [2:0]  state_q, step_q;
  logic [9:0]  cp_q, cpa_q;                           // pieces of a tap and plane (MACs: all planes), of a pixel and plane
  logic [11:0] kwc_q;
  logic [12:0] swc_q, yend_q;
  logic [14:0] plc_q;
  logic [15:0] wc_q;
  logic [15:0] len_q;                                 // of a row
  logic [16:0] rowp_q;                                // from slot to slot, at most 2^16
  logic [20:0] slots_p_q;                             // of all slots
  logic [3:0]  slots_q;
  logic        join_q;                                // kernel rows continue each other, see bnn_former
  logic        wide_q;                                // a row and plane alone is too much

  logic [16:0] mul_a;
  logic [9:0]  mul_b;
  logic [26:0] mul_p;
  always_comb begin
    mul_b = cpa_q;
    case (step_q)
      3'd0:    mul_a = {4'd0, d_w_i};
      3'd1:    mul_a = {14'd0, d_kw_i};
      3'd2:    mul_a = {14'd0, d_sw_i};
      3'd3:    mul_a = {12'd0, d_pad_l_i};
      3'd4:    mul_a = rowp_q;
      3'd5:    mul_a = {4'd0, d_oh_i - 13'd1};
      default: mul_a = {3'd0, k_convs_i};
    endcase
    if (step_q == 3'd1) mul_b = cp_q;
    if (step_q == 3'd4) mul_b = {6'd0, slots_q};
    if (step_q == 3'd5) mul_b = {7'd0, d_sh_i};
    if (step_q == 3'd6) mul_b = next;
  end
  assign mul_p = {10'd0, mul_a} * {17'd0, mul_b};

  logic signed [17:0] y_last;                         // behind the last row of the last window
  assign y_last = $signed({2'd0, mul_p[15:0]}) - $signed({13'd0, d_pad_t_i}) + $signed({15'd0, d_kh_i});

  // Where a kernel row is a word or more, slots lie so far apart that the next one goes on in the bank
  // behind its end; with eight slots mostly also round the end of the ring.
  logic [16:0]   row_len;
  logic [BW-1:0] join_pad;
  logic          may_join;
  assign row_len  = k_mac_i ? {1'b0, wc_q} : 17'(wc_q) << planes_log2;
  assign join_pad = kwc_q[BW-1:0] - row_len[BW-1:0];
  assign may_join = may_rows && !hops && !is_small && kwc_q >= 12'(WH) && row_len < 17'(CAP / 8 - WH);

  // Narrow: bank words of a row and plane (slices: of two), of four slots.
  logic        near_one, may_rows, is_small, fits_narrow, fits_two, fits_rows, hops;
  logic [9:0]  next;                                  // from group to group
  logic [10:0] quarter;
  logic [15:0] quad;
  assign quarter     = 11'((14'(d_w_i) + 14'd3) >> 2);
  assign quad        = 16'(quarter) << (k_slice_i ? 3'd2 : planes_log2);
  assign near_one    = d_dh_i == 3'd1 && d_dw_i == 3'd1;
  assign may_rows    = is_planes && near_one && k_chan_i[3:0] == 4'd0 && (!grouped || d_cg_i[3:0] == 4'd0);
  assign hops        = grouped || k_mac_i;
  assign next        = k_mac_i ? 10'd1 : cp_q;
  assign is_small    = WH == 16 && cp_q == 10'd1 && !grouped && d_kh_i <= 3'd4 && d_kw_i <= 3'd4;
  assign fits_narrow = may_rows && is_small && 32'(quad) <= DEPTH;
  assign fits_two    = 32'(quad) <= DEPTH / 2;
  assign fits_rows   = 32'(slots_p_q) <= (k_mac_i ? CAP / 8 : CAP) && !wide_q && slots_q >= {1'b0, d_kh_i};

  logic taps_q, narrow_q, slice_q, two_q, start_rows, start_form;
  logic [4:0] table_q;                                // entries of the table of n mod cp
  logic       table_end, formed_q;
  assign table_end  = 32'(table_q) == WH + 1;
  assign start_rows = state_q == GO;
  assign start_form = (state_q == GO || state_q == RUN) && table_end && !formed_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: if (start_i) state_q <= SIZE;
        SIZE: if (step_q == 3'd5) state_q <= FIT;
        FIT:  if (!may_rows || fits_narrow || fits_rows || slots_q < {1'b0, d_kh_i}) state_q <= GO;
        GO:   state_q <= RUN;
        default: if (done_o) state_q <= IDLE;
      endcase
    end
  end
  always_ff @(posedge clk_i) begin
    case (state_q)
      IDLE: begin
        step_q   <= (may_rows && hops) ? 3'd6 : 3'd0;
        formed_q <= 1'b0;
        cp_q     <= k_mac_i ? 10'd8 : 10'((15'(d_cg_i) + 15'd15) >> 4);
        cpa_q    <= 10'((15'(d_cg_i) + 15'd15) >> 4);
        slots_q  <= 4'(d_kh_i) + 4'(d_sh_i);
      end
      SIZE: begin
        step_q <= (step_q == 3'd6) ? 3'd0 : step_q + 3'd1;
        case (step_q)
          3'd0: begin
            wc_q   <= mul_p[15:0];
            wide_q <= mul_p[26:16] != '0;
          end
          3'd1: kwc_q <= mul_p[11:0];
          3'd2: begin
            swc_q  <= mul_p[12:0];
            wide_q <= wide_q || (32'(wc_q) << planes_log2) > CAP;
            len_q  <= row_len[15:0];
            rowp_q <= row_len + (may_join ? 17'(join_pad) : 17'd0);
            if (may_join) slots_q <= 4'd8;
          end
          3'd3: plc_q     <= mul_p[14:0];
          3'd4: slots_p_q <= mul_p[20:0];
          3'd5:    yend_q <= (y_last > $signed({5'd0, d_h_i})) ? d_h_i : y_last[12:0];
          default: cpa_q  <= mul_p[9:0];
        endcase
      end
      FIT: begin
        // As many slots as there is room for, but never fewer than a window has rows.
        join_q   <= may_join && slots_q[3] && slots_p_q[BW-1:0] == '0;
        slice_q  <= k_slice_i && fits_narrow;
        narrow_q <= fits_narrow;
        two_q    <= fits_two;
        taps_q   <= !may_rows || !(fits_narrow || fits_rows);
        if (slots_q < {1'b0, d_kh_i}) cpa_q <= cp_q;  // taps after all
        if (fits_narrow) begin
          slots_q <= fits_two ? 4'd8 : 4'd4;
        end else if (!fits_rows) begin
          slots_q   <= slots_q - 4'd1;
          slots_p_q <= slots_p_q - 21'(rowp_q);
        end
      end
      default: if (start_form) formed_q <= 1'b1;
    endcase
  end

  // ---- n mod cp, for n to WH ----
  logic [(WH+1)*5-1:0] mod_q;
  logic [WH-1:0]       ends;
  logic [4:0]          rem_q;
  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      table_q <= '0;
      rem_q   <= '0;
    end else if (!table_end) begin
      mod_q   <= {rem_q, mod_q[(WH+1)*5-1:5]};
      table_q <= table_q + 5'd1;
      rem_q   <= (10'(rem_q) + 10'd1 == cp_q) ? '0 : rem_q + 5'd1;
    end
  end
  for (genvar i = 0; i < WH; i++) begin : gen_ends
    assign ends[i] = mod_q[i*5 +: 5] == 5'd0;
  end

  // ---- memory ----
  logic [17:0] chan_bits;                             // first bit of the group
  logic [17:0] tap_bits;
  logic [31:0] base;
  assign chan_bits = 18'(k_chan_i) << bits;
  assign tap_bits  = 18'(d_cg_i) << bits;
  assign base      = d_addr_i + {17'd0, chan_bits[17:3]};
  assign rq_onchip_o = d_onchip_i;

  logic         t_valid, t_active, t_pop, r_valid, tap_end;
  logic [31:0]  t_addr, r_addr;
  logic [27:0]  t_bytes, r_bytes;
  logic [3:0]   t_plane;
  logic [2:0]   t_shift;
  logic         b_tap_end;
  assign rq_valid_o = t_valid || r_valid;
  assign rq_addr_o  = t_valid ? t_addr : r_addr;
  assign rq_bytes_o = t_valid ? t_bytes : r_bytes;
  assign t_pop      = tap_end && taps_q;

  bnn_taps u_taps (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .clear_i   (clear_i),
    .start_i   (start_rows && taps_q),
    .base_i    (d_addr_i),
    .h_i       (d_h_i),
    .w_i       (d_w_i),
    .row_i     (d_row_i),
    .pixel_i   (d_pixel_i),
    .plane_i   (is_planes ? d_plane_i : 32'd0),
    .chan_i    (chan_bits),
    .step_i    (grouped ? tap_bits : '0),
    .bits_i    (tap_bits),
    .kh_i      (d_kh_i),
    .kw_i      (d_kw_i),
    .sh_i      (d_sh_i),
    .sw_i      (d_sw_i),
    .dh_i      (d_dh_i),
    .dw_i      (d_dw_i),
    .pad_t_i   (d_pad_t_i),
    .pad_l_i   (d_pad_l_i),
    .oh_i      (d_oh_i),
    .ow_i      (d_ow_i),
    .planes_i  (planes),
    .repeat_i  (times),
    .rq_valid_o(t_valid),
    .rq_ready_i(rq_ready_i),
    .rq_addr_o (t_addr),
    .rq_bytes_o(t_bytes),
    .plane_o   (t_plane),
    .shift_o   (t_shift),
    .shift_pop_i(b_tap_end && taps_q),
    .active_o  (t_active),
    .pop_i     (t_pop)
  );

  // Taps are brought to bit 0, planes taken out of elements. Rows need neither.
  logic         b_valid, b_ready, w_rb_valid, w_rb_ready;
  logic [127:0] b_data, w_rb_data;
  bnn_bits u_bits (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (clear_i),
    .taps_i      (taps_q),
    .bits_i      (tap_bits),
    .shift_i     (t_shift),
    .tap_end_o   (b_tap_end),
    .in_valid_i  (rb_valid_i),
    .in_ready_o  (rb_ready_o),
    .in_data_i   (rb_data_i),
    .out_valid_o (b_valid),
    .out_ready_i (b_ready),
    .out_data_o  (b_data)
  );

  bnn_slice u_slice (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .bits_i     (bits),
    .beats_i    (11'((19'(tap_bits) + 19'd127) >> 7)),
    .plane_i    (t_plane),
    .in_valid_i (b_valid),
    .in_ready_o (b_ready),
    .in_data_i  (b_data),
    .out_valid_o(w_rb_valid),
    .out_ready_i(w_rb_ready),
    .out_data_o (w_rb_data)
  );

  // ---- the row buffer ----
  logic [15:0]   rowp, lastb, wptr, rptr;
  logic [12:0]   rows;
  logic          free;
  logic          m_valid, m_narrow, m_flip, m_two;
  logic [BW-1:0] m_bank, m_r_bank, m_rot;
  logic [BW:0]   m_split;
  logic [AW-1:0] m_addr, m_r_addr, m_quad;
  logic [2:0]    m_piece;
  logic [3:0]    m_count;
  logic [1:0]    m_be, m_x, m_slot;
  logic [127:0]  m_data;
  logic [LANE_BITS-1:0] m_r_data;
  assign rowp  = rowp_q[15:0];
  assign lastb = slots_p_q[15:0] - rowp;

  bnn_rows #(
    .WH   (WH),
    .DEPTH(DEPTH)
  ) u_rows (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .start_i    (start_rows),
    .taps_i     (taps_q),
    .narrow_i   (narrow_q),
    .slice_i    (slice_q),
    .mac_i      (k_mac_i),
    .base_i     (base),
    .row_i      (d_row_i),
    .pixel_i    (d_pixel_i),
    .plane_i    (d_plane_i),
    .w_i        (d_w_i),
    .cp_i       (cpa_q),
    .wc_i       (wc_q),
    .len_i      (len_q),
    .rowp_i     (rowp),
    .lastb_i    (lastb),
    .slots_i    (slots_q),
    .planes_i   (planes),
    .wq_i       (AW'(quarter)),
    .quad_i     (AW'(quad)),
    .kh_i       (d_kh_i),
    .sh_i       (d_sh_i),
    .pad_t_i    (d_pad_t_i),
    .yend_i     (yend_q),
    .rq_valid_o (r_valid),
    .rq_ready_i (rq_ready_i),
    .rq_addr_o  (r_addr),
    .rq_bytes_o (r_bytes),
    .rb_valid_i (w_rb_valid),
    .rb_ready_o (w_rb_ready),
    .rb_data_i  (w_rb_data),
    .tap_end_o  (tap_end),
    .rows_o     (rows),
    .free_i     (free),
    .wptr_o     (wptr),
    .rptr_i     (rptr),
    .w_valid_o  (m_valid),
    .w_bank_o   (m_bank),
    .w_addr_o   (m_addr),
    .w_piece_o  (m_piece),
    .w_count_o  (m_count),
    .w_be_o     (m_be),
    .w_data_o   (m_data)
  );

  bnn_rowmem #(
    .WH   (WH),
    .DEPTH(DEPTH)
  ) u_rowmem (
    .clk_i     (clk_i),
    .w_valid_i (m_valid),
    .w_bank_i  (m_bank),
    .w_addr_i  (m_addr),
    .w_piece_i (m_piece),
    .w_count_i (m_count),
    .w_be_i    (m_be),
    .w_data_i  (m_data),
    .r_addr_i  (m_r_addr),
    .r_bank_i  (m_r_bank),
    .r_rot_i   (m_rot),
    .r_narrow_i(m_narrow),
    .r_x_i     (m_x),
    .r_slot_i  (m_slot),
    .r_flip_i  (m_flip),
    .r_two_i   (m_two),
    .r_split_i (m_split),
    .r_quad_i  (m_quad),
    .r_data_o  (m_r_data)
  );

  // ---- words ----
  logic [6:0] slice_k;                                // bits of a plane
  logic       two_words;
  assign slice_k   = 7'(5'(d_kh_i) * 5'(d_kw_i)) * 7'(d_cg_i[2:0]);
  assign two_words = slice_k > 7'd32;
  bnn_former #(
    .LANE_BITS(LANE_BITS),
    .DEPTH    (DEPTH)
  ) u_former (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .clear_i      (clear_i),
    .start_i      (start_form),
    .done_o       (done_o),
    .hold_i       (t_active),
    .taps_i       (taps_q),
    .narrow_i     (narrow_q),
    .slice_i      (slice_q),
    .mac_i        (k_mac_i),
    .hop_i        (hops && !taps_q),
    .join_i       (join_q && !taps_q),
    .cp_i         (cp_q),
    .cpa_i        (cpa_q),
    .next_i       (hops ? next : 10'd0),
    .kwc_i        (kwc_q),
    .plane_step_i (narrow_q ? 16'(quarter) : wc_q),
    .plane_top_i  (narrow_q ? quad - 16'(quarter) : len_q - wc_q),
    .rowp_i       (rowp),
    .lastb_i      (lastb),
    .two_i        (two_q),
    .quad_i       (AW'(quad)),
    .swc_i        (swc_q),
    .plc_i        (plc_q),
    .mod_i        (mod_q),
    .ends_i       (ends),
    .cg_low_i     (d_cg_i[3:0]),
    .h_i          (d_h_i),
    .w_i          (d_w_i),
    .oh_i         (d_oh_i),
    .ow_i         (d_ow_i),
    .kh_i         (d_kh_i),
    .kw_i         (d_kw_i),
    .sh_i         (d_sh_i),
    .sw_i         (d_sw_i),
    .dh_i         (d_dh_i),
    .dw_i         (d_dw_i),
    .pad_t_i      (d_pad_t_i),
    .pad_l_i      (d_pad_l_i),
    .pad_mode_i   (d_pad_mode_i),
    .planes_i     (planes),
    .odd_a_i      (odd_a),
    .signed_a_i   (signed_a),
    .odd_w_i      (d_odd_w_i),
    .w_top_neg_i  (d_w_top_neg_i),
    .wl_i         (d_wl_i),
    .double_word_i(two_words),
    .frac_i       (d_frac_i),
    .repeat_i     (times),
    .rows_i       (rows),
    .free_o       (free),
    .wptr_i       (wptr),
    .rptr_o       (rptr),
    .r_addr_o     (m_r_addr),
    .r_bank_o     (m_r_bank),
    .r_rot_o      (m_rot),
    .r_narrow_o   (m_narrow),
    .r_x_o        (m_x),
    .r_slot_o     (m_slot),
    .r_flip_o     (m_flip),
    .r_two_o      (m_two),
    .r_split_o    (m_split),
    .r_quad_o     (m_quad),
    .r_data_i     (m_r_data),
    .ww_valid_o   (ww_valid_o),
    .ww_ready_i   (ww_ready_i),
    .ww_data_o    (ww_data_o),
    .ww_mask_o    (ww_mask_o),
    .ww_index_o   (ww_index_o),
    .ww_first_o   (ww_first_o),
    .ww_double_o  (ww_double_o),
    .ww_sub_o     (ww_sub_o),
    .ww_last_o    (ww_last_o),
    .ww_l_o       (ww_l_o),
    .ww_win_last_o(ww_win_last_o),
    .ww_taps_o    (ww_taps_o)
  );

endmodule
