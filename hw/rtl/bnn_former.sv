// SPDX-License-Identifier: MIT
// Forms the words of windows from what is in the row buffer. A window's pass is a sequence
// of *runs*: taps that are all present, contiguous in the buffer (those of one kernel row), or all
// absent. A run is cut into *steps*, each at most WH pieces to one place of the word
// stream, one per cycle; a step begins at most one word. Narrow, a step is a whole pass.
// Where kernel rows continue each other in the banks and a window has all of its columns,
// its pass is one run; a step may then begin in one kernel row and end in the next.
//
// Nothing stalls behind a step: it is issued when the word that it begins has a place in
// the queue of words. A slice leaves it once for each plane of the weights.

module bnn_former #(
  parameter int LANE_BITS = 256,
  parameter int DEPTH     = 2048           // of a bank of the row buffer
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,            // fields below stay as they are until the end
  output logic         done_o,
  input  logic         hold_i,             // not yet
  input  logic         taps_i,             // pieces come in the order of their use
  input  logic         narrow_i,
  input  logic         slice_i,            // narrow, eight planes in four steps
  input  logic         double_word_i,      // slices of two words
  input  logic         mac_i,              // a step is a tap with all eight planes: half a word
  input  logic         hop_i,              // a pixel in the buffer has more than the tap
  input  logic         join_i,             // the next kernel row begins in the bank behind the end of one
  input  logic [9:0]   cp_i,               // pieces of a tap
  input  logic [9:0]   cpa_i,              // of a pixel in the buffer
  input  logic [9:0]   next_i,             // from group to group there
  input  logic [11:0]  kwc_i,              // KW times that
  input  logic [15:0]  plane_step_i,       // from plane to plane in the buffer; narrow: in a bank
  input  logic [15:0]  plane_top_i,        // first to top plane
  input  logic [15:0]  rowp_i,             // slots
  input  logic [15:0]  lastb_i,
  input  logic         two_i,              // narrow: 8 slots
  input  logic [$clog2(DEPTH)-1:0] quad_i,
  input  logic [12:0]  swc_i,              // SW * cpa
  input  logic [14:0]  plc_i,              // PAD_L * cpa
  input  logic [(LANE_BITS/16+1)*5-1:0] mod_i,   // n mod cp
  input  logic [LANE_BITS/16-1:0] ends_i,  // pieces that end a tap, from an end on
  input  logic [3:0]   cg_low_i,           // channels modulo 16
  input  logic [12:0]  h_i,
  input  logic [12:0]  w_i,
  input  logic [12:0]  oh_i,
  input  logic [12:0]  ow_i,
  input  logic [2:0]   kh_i,
  input  logic [2:0]   kw_i,
  input  logic [2:0]   sh_i,
  input  logic [2:0]   sw_i,
  input  logic [2:0]   dh_i,
  input  logic [2:0]   dw_i,
  input  logic [4:0]   pad_t_i,
  input  logic [4:0]   pad_l_i,
  input  logic [1:0]   pad_mode_i,
  input  logic [4:0]   planes_i,
  input  logic         odd_a_i,
  input  logic         signed_a_i,
  input  logic         odd_w_i,
  input  logic         w_top_neg_i,
  input  logic [1:0]   wl_i,
  input  logic         frac_i,
  input  logic [13:0]  repeat_i,

  input  logic [12:0]  rows_i,             // rows of IN that are there
  output logic         free_o,             // an output row is done
  input  logic [15:0]  wptr_i,             // taps way: pieces written, read
  output logic [15:0]  rptr_o,

  output logic [$clog2(DEPTH)-1:0] r_addr_o,
  output logic [$clog2(LANE_BITS/16)-1:0] r_bank_o,
  output logic [$clog2(LANE_BITS/16)-1:0] r_rot_o,
  output logic         r_narrow_o,
  output logic [1:0]   r_x_o,
  output logic [1:0]   r_slot_o,
  output logic         r_flip_o,
  output logic         r_two_o,
  output logic [$clog2(LANE_BITS/16):0] r_split_o,
  output logic [$clog2(DEPTH)-1:0] r_quad_o,
  input  logic [LANE_BITS-1:0] r_data_i,   // four cycles later

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

  localparam int B   = LANE_BITS;
  localparam int WH  = B / 16;
  localparam int OFF = $clog2(WH);
  localparam int AW  = $clog2(DEPTH);
  localparam int PW  = 12;                 // pieces of a window
  localparam int JW  = PW - OFF;           // words
  localparam int IW  = $clog2((32767 + 49 * 15) / B + 1) + 1;

  // How many of the first k taps, d apart, lie before v.
  function automatic logic [2:0] taps_before(input logic [5:0] v, input logic [2:0] d, input logic [2:0] k);
    taps_before = '0;
    for (int i = 0; i < 7; i++) begin
      if (3'(i) < k && 6'(i) * 6'(d) < v) taps_before = taps_before + 3'd1;
    end
  endfunction
  function automatic logic [5:0] positive(input logic signed [14:0] v);   // at most 63
    positive = (v < 0) ? 6'd0 : (v > 63) ? 6'd63 : v[5:0];
  endfunction

  logic fill, lead_ones, lead_absent;
  assign fill        = pad_mode_i != 2'd0;
  assign lead_ones   = odd_a_i && !odd_w_i;
  assign lead_absent = !odd_a_i && !signed_a_i && pad_mode_i == 2'd2;
  logic [4:0] pass_end;                    // number of the last one
  assign pass_end = (slice_i || mac_i) ? 5'd0 : planes_i - 5'd1 + {3'd0, lead_ones, lead_absent};

  // ---- output rows: prepared while the one before runs ----
  logic        r_act_q, r_valid_q, r_last, r_take, r_ready;
  logic [1:0]  r_phase_q;
  logic [12:0] r_oy_q, y_first, y_need, track_y_q;
  logic signed [14:0] r_iy0_q, y_end;
  logic [2:0]  r_ky0_q, r_kye_q;
  logic [PW-1:0] r_pos_q;
  logic [15:0] track_q;                    // place of row track_y

  assign y_first = (r_iy0_q < 0) ? '0 : r_iy0_q[12:0];
  assign y_end   = r_iy0_q + $signed({12'd0, kh_i});
  assign y_need  = (y_end > $signed({2'd0, h_i})) ? h_i : y_end[12:0];
  assign r_ready = taps_i || (track_y_q == y_first && rows_i >= y_need);
  assign r_last  = r_oy_q == oh_i - 13'd1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      r_act_q   <= 1'b0;
      r_valid_q <= 1'b0;
    end else if (start_i) begin
      r_act_q   <= 1'b1;
      r_valid_q <= 1'b0;
    end else if (r_take) begin
      r_act_q   <= !r_last;
      r_valid_q <= 1'b0;
    end else if (r_phase_q == 2'd2) begin
      r_valid_q <= r_act_q && r_ready;
    end
  end
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      r_oy_q    <= '0;
      r_iy0_q   <= -$signed({10'd0, pad_t_i});
      r_phase_q <= '0;
      track_y_q <= '0;
      track_q   <= '0;
    end else begin
      case (r_phase_q)
        2'd0: begin
          r_ky0_q   <= taps_before(positive(-r_iy0_q), dh_i, kh_i);
          r_kye_q   <= taps_before(positive($signed({2'd0, h_i}) - r_iy0_q), dh_i, kh_i);
          r_phase_q <= 2'd1;
        end
        2'd1: begin
          r_pos_q   <= fill ? '0 : PW'(r_ky0_q) * kwc_i;
          r_phase_q <= 2'd2;
        end
        default: ;
      endcase
      if (track_y_q != y_first) begin
        track_y_q <= track_y_q + 13'd1;
        track_q   <= (track_q == lastb_i) ? '0 : track_q + rowp_i;
      end
      if (r_take) begin
        r_oy_q    <= r_oy_q + 13'd1;
        r_iy0_q   <= r_iy0_q + $signed({12'd0, sh_i});
        r_phase_q <= '0;
      end
    end
  end

  // ---- pixels: a, then the columns b, then the window c ----
  logic        a_valid_q, b_valid_q, c_valid_q, a_take, b_take, c_take, a_ox_end;
  logic        a_last_q, b_row_end_q, b_last_q, c_row_end_q, c_last_q;
  logic [12:0] a_ox_q;
  logic signed [14:0] a_ix0_q;
  logic [15:0] a_xa_q, a_base_q, b_base_q, c_base_q, b_seg_q, c_ps0_q;
  logic [2:0]  a_ky0_q, a_kye_q, b_ky0_q, b_kye_q, c_ky0_q, c_kye_q, b_kx0_q, b_kxe_q, c_kx0_q, c_kxe_q;
  logic [PW-1:0] a_pos_q, b_pos_q, c_pos_q, c_left_q, c_mid_q, c_right_q, c_rpos_q;
  logic [1:0]  b_x_q, c_x_q;
  logic [2:0]  a_slot_q, b_slot_q, c_slot_q;
  logic [5:0]  c_taps_q;
  logic        c_some_q, c_join_q;

  logic [2:0]  b_kn, b_km, b_kr;           // columns, rows inside the input; columns right of it
  assign b_kn = b_kxe_q - b_kx0_q;
  assign b_km = b_kye_q - b_ky0_q;
  assign b_kr = kw_i - b_kxe_q;

  logic       b_join;                      // one run
  assign b_join = join_i && b_kx0_q == 3'd0 && b_kxe_q == kw_i && b_ky0_q < b_kye_q &&
                  (!fill || (b_ky0_q == 3'd0 && b_kye_q == kh_i));

  assign a_ox_end = a_ox_q == ow_i - 13'd1;
  assign b_take   = b_valid_q && (!c_valid_q || c_take);
  assign a_take   = a_valid_q && (!b_valid_q || b_take);
  assign r_take   = r_valid_q && (!a_valid_q || (a_take && a_ox_end));

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      a_valid_q <= 1'b0;
      b_valid_q <= 1'b0;
      c_valid_q <= 1'b0;
    end else begin
      if (r_take) a_valid_q <= 1'b1;
      else if (a_take && a_ox_end) a_valid_q <= 1'b0;
      if (a_take) b_valid_q <= 1'b1;
      else if (b_take) b_valid_q <= 1'b0;
      if (b_take) c_valid_q <= 1'b1;
      else if (c_take) c_valid_q <= 1'b0;
    end
  end
  always_ff @(posedge clk_i) begin
    if (r_take) begin
      a_ox_q   <= '0;
      a_ix0_q  <= -$signed({10'd0, pad_l_i});
      a_xa_q   <= -{1'b0, plc_i};
      a_base_q <= track_q;
      a_ky0_q  <= r_ky0_q;
      a_kye_q  <= r_kye_q;
      a_pos_q  <= r_pos_q;
      a_slot_q <= r_iy0_q[2:0];
      a_last_q <= r_last;
    end else if (a_take) begin
      a_ox_q   <= a_ox_q + 13'd1;
      a_ix0_q  <= a_ix0_q + $signed({12'd0, sw_i});
      a_xa_q   <= a_xa_q + {3'd0, swc_i};
    end
    if (a_take) begin
      b_kx0_q     <= taps_before(positive(-a_ix0_q), dw_i, kw_i);
      b_kxe_q     <= taps_before(positive($signed({2'd0, w_i}) - a_ix0_q), dw_i, kw_i);
      b_seg_q     <= narrow_i ? {{3{a_ix0_q[14]}}, a_ix0_q[14:2]} : (a_ix0_q < 0) ? '0 : a_xa_q;
      b_x_q       <= a_ix0_q[1:0];
      b_slot_q    <= a_slot_q;
      b_base_q    <= narrow_i ? '0 : a_base_q;
      b_ky0_q     <= a_ky0_q;
      b_kye_q     <= a_kye_q;
      b_pos_q     <= a_pos_q;
      b_row_end_q <= a_ox_end;
      b_last_q    <= a_ox_end && a_last_q;
    end
    if (b_take) begin
      c_kx0_q     <= b_kx0_q;
      c_kxe_q     <= b_kxe_q;
      c_left_q    <= PW'(b_kx0_q) * PW'(cp_i);
      c_mid_q     <= b_join ? PW'(b_km) * kwc_i : PW'(b_kn) * PW'(cp_i);
      c_join_q    <= b_join;
      c_rpos_q    <= PW'(b_kxe_q) * PW'(cp_i);
      c_right_q   <= PW'(b_kr) * PW'(cp_i);
      c_x_q       <= b_x_q;
      c_slot_q    <= b_slot_q;
      c_base_q    <= b_base_q;
      c_ky0_q     <= b_ky0_q;
      c_kye_q     <= b_kye_q;
      c_pos_q     <= b_pos_q;
      c_some_q    <= b_kx0_q < b_kxe_q && b_ky0_q < b_kye_q;
      c_taps_q    <= 6'(b_kn) * 6'(b_km);
      c_row_end_q <= b_row_end_q;
      c_last_q    <= b_last_q;
    end
    // The next window of the pixel is that of the next group.
    if (b_take || (g_take && run_win_end)) begin
      c_ps0_q <= (b_take ? (slice_i ? '0 : plane_top_i) : c_ps0_q) + (b_take ? b_seg_q : {6'd0, next_i});
    end
  end

  // ---- runs of the window ----
  localparam logic [1:0] MID = 2'd0, LEFT = 2'd1, RIGHT = 2'd2, GONE = 2'd3;   // GONE: a whole kernel row
  logic          fresh_q;                  // nothing of the window, or of its repetition, has been taken
  logic          top_q;                    // nothing of the pass has been taken
  logic [13:0]   rep_q;
  logic [4:0]    pass_q, pass;
  logic [3:0]    plane_q, plane;
  logic [2:0]    ky_q, ky, ky_next;
  logic [1:0]    type_q, rtype;
  logic [15:0]   ps_q, ps, kyb_q, kyb;
  logic [PW-1:0] pos_q, pos;
  logic [JW-1:0] prev_q;                   // word of the piece before

  logic          g_take, empty, row_here, run_row_end, run_pass_end, run_win_end, rep_end;
  logic          is_lead, is_tail, is_ones, is_absent, low, abit;
  function automatic logic [1:0] begin_of(input logic here, input logic left);
    begin_of = !here ? GONE : left ? LEFT : MID;
  endfunction

  assign pass     = fresh_q ? 5'd0 : pass_q;
  assign plane    = fresh_q ? 4'(planes_i - 5'd1) : plane_q;
  assign ps       = fresh_q ? c_ps0_q : ps_q;
  assign ky       = top_q ? (fill || slice_i ? 3'd0 : c_ky0_q) : ky_q;
  assign kyb      = top_q ? c_base_q : kyb_q;
  assign pos      = top_q ? c_pos_q : pos_q;
  assign ky_next  = ky + 3'd1;
  assign row_here = c_some_q && ky >= c_ky0_q && ky < c_kye_q;
  assign rtype    = top_q ? begin_of(row_here, fill && c_kx0_q != 3'd0) : type_q;
  assign empty    = !fill && !c_some_q;

  assign run_row_end  = rtype == GONE || rtype == RIGHT || (rtype == MID && (!fill || c_kxe_q == kw_i));
  assign run_pass_end = slice_i ? ky[1:0] == 2'd3 && (ky[2] || !double_word_i) : narrow_i || empty || c_join_q ||
                        (run_row_end && (fill ? ky == kh_i - 3'd1 : ky_next == c_kye_q));
  assign rep_end      = rep_q == repeat_i - 14'd1;
  assign run_win_end  = run_pass_end && pass == pass_end;
  assign c_take       = g_take && run_win_end && rep_end;

  assign is_lead   = pass == 5'd0 && (lead_ones || lead_absent);
  assign is_tail   = pass == pass_end && lead_ones;
  assign is_ones   = is_lead && lead_ones || is_tail;
  assign is_absent = is_lead && lead_absent;
  // The code of +1 or -1 that an absent tap has, and whether it counts in this plane.
  assign low = plane == 4'd0 || frac_i || !odd_a_i || !odd_w_i;
  always_comb begin
    if (odd_a_i && odd_w_i) abit = pad_mode_i == 2'd1;
    else if (!odd_a_i) abit = pad_mode_i == 2'd2 || plane == 4'd0;
    else abit = (plane == 4'(planes_i - 5'd1)) == (pad_mode_i == 2'd1);
  end

  logic [PW-1:0] run_pos, run_len;
  logic [15:0]   run_src;
  logic          run_absent, p_take, p_set, p_valid, a_set, a_valid;
  assign run_absent = rtype != MID && !narrow_i;
  assign p_take     = !is_ones && !is_absent;
  assign p_set      = is_ones;
  assign p_valid    = !is_absent;
  assign a_set      = fill && (is_ones || is_absent || (low && abit));
  assign a_valid    = fill && (is_ones || is_absent || low);
  assign run_src    = kyb + ps;
  always_comb begin
    case (rtype)
      MID:     run_len = c_mid_q;
      LEFT:    run_len = c_left_q;
      RIGHT:   run_len = c_right_q;
      default: run_len = kwc_i;
    endcase
    run_pos = pos + ((rtype == MID) ? c_left_q : (rtype == RIGHT) ? c_rpos_q : '0);
    if (empty) begin
      run_pos = '0;
      run_len = PW'(1);
    end
    if (slice_i) begin
      run_pos = PW'({ky, 2'd0});
      run_len = PW'(4);
    end else if (narrow_i) begin
      run_pos = '0;
      run_len = PW'(kh_i) * PW'(kw_i);
    end
  end

  logic [PW-1:0] run_last;                 // its last piece
  logic          run_flush;                // it begins a word
  logic          unused_last;
  assign run_last    = run_pos + run_len - PW'(1);
  assign unused_last = ^run_last[OFF-1:0];
  assign run_flush = top_q || run_pos[PW-1:OFF] != prev_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      fresh_q <= 1'b1;
      top_q   <= 1'b1;
      rep_q   <= '0;
    end else if (g_take) begin
      fresh_q <= run_win_end;
      top_q   <= run_pass_end;
      if (run_win_end) rep_q <= rep_end ? '0 : rep_q + 14'd1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (g_take) begin
      prev_q  <= run_last[PW-1:OFF];
      pass_q  <= pass + 5'(run_pass_end);
      plane_q <= plane;
      ps_q    <= ps;
      if (run_pass_end && !is_lead) begin
        plane_q <= plane - 4'd1;
        ps_q    <= ps - plane_step_i;
      end
      if (slice_i) ps_q <= (ky == 3'd3) ? c_ps0_q : ps + plane_step_i;
      ky_q   <= ky;
      kyb_q  <= kyb;
      pos_q  <= pos;
      type_q <= (rtype == LEFT) ? MID : RIGHT;
      if (run_row_end || slice_i) begin
        ky_q   <= ky_next;
        pos_q  <= pos + kwc_i;
        type_q <= begin_of(c_some_q && ky_next >= c_ky0_q && ky_next < c_kye_q, fill && c_kx0_q != 3'd0);
        if (row_here && !slice_i) kyb_q <= (kyb == lastb_i) ? '0 : kyb + rowp_i;
      end
    end
  end

  // ---- steps ----
  // Of a run and of its steps alike: kinds, flags, the window.
  localparam int SW = 5 + 7 + 6 + 12 + 2 + 3;
  logic [SW-1:0] run_info, g_info_q;
  logic          p_double, p_sub, p_sum, p_first;
  assign p_first  = pass == 5'd0 || frac_i;
  assign p_double = !frac_i && pass != 5'd0 && !(lead_ones && pass == 5'd1);
  assign p_sub    = is_lead || (signed_a_i && !slice_i && !mac_i && plane == 4'(planes_i - 5'd1));
  assign p_sum    = frac_i || pass == pass_end;
  assign run_info = {c_slot_q, c_x_q, c_ky0_q, c_kye_q, c_kx0_q, c_kxe_q, c_taps_q,
                     run_pass_end, pass == pass_end, frac_i && pass == 5'd1, p_sum, p_sub, p_double, p_first,
                     a_valid, a_set,
                     run_absent || empty ? {a_valid, a_set, 1'b0} : {p_valid, p_set, p_take}};

  logic            g_valid_q, g_flush_q, g_top_q, g_row_end_q, g_all_end_q, issue, whole, credit, there, carry;
  logic [PW-1:0]   g_left_q;
  logic [PW-1:0]   g_pos_q;
  logic [15:0]     g_src_q, src_next, avail_q;
  logic [9:0]      g_tl_q, g_hop_q;        // left of the tap; from here to the next one
  logic            g_join_q, row_wrap, row_cross, row_split;
  logic [PW-1:0]   g_rl_q;                 // left of the kernel row
  logic [15:0]     g_kyb_q, row_jump;      // its slot; from its end to the next one
  logic [10:0]     tl_diff;
  logic [9:0]      tl_next;
  logic            tap_end;
  logic [4:0]      n_mod;
  logic [OFF:0]    word_lim, lim, n;
  logic [OFF-1:0]  off;
  logic [OFF+1:0]  sum;
  logic            reads, start_word;
  logic [4:0]      flight_q;               // words begun and not handed out

  assign off     = g_pos_q[OFF-1:0];
  assign word_lim = g_flush_q ? (OFF+1)'(WH) - {1'b0, off} : (OFF+1)'(WH);
  assign lim     = (hop_i && g_tl_q < 10'(word_lim)) ? g_tl_q[OFF:0] : word_lim;
  assign whole   = g_left_q <= PW'(lim);
  assign n       = whole ? g_left_q[OFF:0] : lim;
  assign sum     = {1'b0, n} + {2'd0, off};
  assign carry   = !g_flush_q && sum > (OFF+2)'(WH);
  assign reads   = g_info_q[0];
  assign there   = !taps_i || !reads || avail_q >= 16'(n);
  assign credit  = !flight_q[4];
  assign issue   = g_valid_q && credit && there;
  assign g_take  = c_valid_q && (!g_valid_q || (issue && whole));
  assign start_word = issue && (g_flush_q || carry);
  assign tap_end    = hop_i && g_tl_q == 10'(n);
  assign src_next   = (issue && (!taps_i || reads)) ? g_src_q + (tap_end ? 16'(g_hop_q) : 16'(n)) +
                                                      (row_cross ? row_jump : 16'd0) : g_src_q;
  // A kernel row is a word or more, so a step meets one end.
  assign row_cross  = g_join_q && g_rl_q <= PW'(n);
  assign row_split  = g_join_q && g_rl_q < PW'(n);
  assign row_wrap   = g_kyb_q == lastb_i;
  assign row_jump   = (row_wrap ? 16'd0 - lastb_i : rowp_i) - 16'(kwc_i);
  always_comb begin
    n_mod = '0;
    for (int i = 1; i <= WH; i++) if (n == (OFF+1)'(i)) n_mod = n_mod | mod_i[i*5 +: 5];
  end
  assign tl_diff    = {1'b0, g_tl_q} - 11'(n_mod);
  assign tl_next    = tl_diff[9:0] + ((tl_diff[10] || tl_diff == '0) ? cp_i : 10'd0);
  assign rptr_o     = g_src_q;
  assign free_o     = issue && whole && g_row_end_q;

  logic finish_q, pop;
  always_ff @(posedge clk_i) begin
    done_o <= 1'b0;
    if (!rst_ni || clear_i || start_i) begin
      g_valid_q <= 1'b0;
      g_src_q   <= '0;
      avail_q   <= '0;
      flight_q  <= '0;
      finish_q  <= 1'b0;
    end else begin
      if (g_take) g_valid_q <= 1'b1;
      else if (issue && whole) g_valid_q <= 1'b0;
      g_src_q  <= (g_take && !taps_i) ? run_src : src_next;
      avail_q  <= wptr_i - src_next;
      flight_q <= flight_q + 5'(start_word) - 5'(pop);
      if (issue && whole && g_all_end_q) finish_q <= 1'b1;
      if (finish_q && flight_q == 5'd0 && !hold_i) begin
        finish_q <= 1'b0;
        done_o   <= 1'b1;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (g_take) begin
      g_info_q    <= run_info;
      g_pos_q     <= run_pos;
      g_left_q    <= run_len;
      g_join_q    <= c_join_q;
      g_rl_q      <= kwc_i;
      g_kyb_q     <= kyb;
      g_tl_q      <= cp_i;
      g_hop_q     <= cpa_i;
      g_flush_q   <= run_flush;
      g_top_q     <= top_q;
      g_row_end_q <= c_take && c_row_end_q;
      g_all_end_q <= c_take && c_last_q;
    end else if (issue) begin
      g_pos_q   <= g_pos_q + PW'(n);
      g_left_q  <= g_left_q - PW'(n);
      g_rl_q    <= g_rl_q - PW'(n) + (row_cross ? kwc_i : '0);
      if (row_cross) g_kyb_q <= row_wrap ? '0 : g_kyb_q + rowp_i;
      g_tl_q    <= tl_next;
      g_hop_q   <= tap_end ? cpa_i : g_hop_q - 10'(n);
      g_flush_q <= sum[OFF-1:0] == '0;
      g_top_q   <= 1'b0;
    end
  end

  // ---- down the pipe: 1 to 4 in the row buffer, 5 narrow places, 6 slices, 7 the word ----
  localparam int TW = SW + JW + OFF + (OFF + 2) + 10 + 3 + 1;
  logic          t1_valid_q, t2_valid_q, t3_valid_q, t4_valid_q, t5_valid_q, t6_valid_q, t7_valid_q;
  logic [TW-1:0] t1_q, t2_q, t3_q, t4_q, t5_q;
  logic [15:0]   t1_src_q;
  logic [OFF:0]  t1_split_q;
  logic [AW-1:0] t1_jump_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      t1_valid_q <= 1'b0;
      t2_valid_q <= 1'b0;
      t3_valid_q <= 1'b0;
      t4_valid_q <= 1'b0;
      t5_valid_q <= 1'b0;
      t6_valid_q <= 1'b0;
      t7_valid_q <= 1'b0;
    end else begin
      t1_valid_q <= issue;
      t2_valid_q <= t1_valid_q;
      t3_valid_q <= t2_valid_q;
      t4_valid_q <= t3_valid_q;
      t5_valid_q <= t4_valid_q;
      t6_valid_q <= t5_valid_q;
      t7_valid_q <= t6_valid_q;
    end
  end
  always_ff @(posedge clk_i) begin
    t1_src_q   <= g_src_q;
    t1_split_q <= row_split ? g_rl_q[OFF:0] : (OFF+1)'(WH);
    t1_jump_q  <= row_jump[OFF +: AW];       // a multiple of WH
    t1_q <= {whole, g_flush_q, carry, g_top_q, g_tl_q, sum, off, g_pos_q[PW-1:OFF], g_info_q};
    t2_q <= t1_q;
    t3_q <= t2_q;
    t4_q <= t3_q;
    t5_q <= t4_q;
  end

  // MACs: plane p goes to piece 2p, or 2p + 1 for the second tap of the word.
  assign r_addr_o   = narrow_i ? t1_src_q[AW-1:0] : mac_i ? t1_src_q[1 +: AW] : t1_src_q[OFF +: AW];
  assign r_bank_o   = mac_i ? '0 : t1_src_q[OFF-1:0];
  assign r_rot_o    = narrow_i ? OFF'(t1_q[30 +: 2])
                    : t1_src_q[OFF-1:0] - (mac_i ? OFF'(t1_q[SW+JW+OFF-1]) : t1_q[SW+JW +: OFF]);
  assign r_narrow_o = narrow_i;
  assign r_x_o      = t1_q[30 +: 2];
  assign r_slot_o   = t1_q[32 +: 2];
  assign r_flip_o   = t1_q[34];
  assign r_two_o    = two_i;
  assign r_split_o  = t1_split_q;
  assign r_quad_o   = narrow_i ? quad_i : t1_jump_q;
  if (OFF + AW < 16) begin : gen_unused_src
    logic unused;
    assign unused = ^t1_src_q[15:OFF+AW];
  end

  // Narrow: which taps are present, by number; slices show it in all steps.
  logic [WH-1:0] pres, t6_pres_q;
  logic [B-1:0]  t6_data_q, t7_data_q, sliced;
  if (WH == 16) begin : gen_narrow
    logic [2:0] ky0, kye, kx0, kxe;
    logic [3:0] yin, xin;
    logic [1:0] kw;                        // columns of the block, modulo 4
    assign kw = narrow_i ? kw_i[1:0] : 2'd0;
    assign {ky0, kye, kx0, kxe} = t5_q[18 +: 12];
    always_comb begin
      for (int i = 0; i < 4; i++) begin
        yin[i] = 3'(i) >= ky0 && 3'(i) < kye;
        xin[i] = 3'(i) >= kx0 && 3'(i) < kxe;
      end
    end
    for (genvar t = 0; t < 16; t++) begin : gen_tap
      always_comb begin
        pres[t] = kw_i[1] ? (kw_i[0] ? t < 12 && yin[t/3%4] && xin[t%3] : t < 8 && yin[t/2%4] && xin[t%2])
                          : (kw_i[0] ? t < 4 && yin[t%4] && xin[0] : yin[t/4] && xin[t%4]);
        if (!narrow_i) pres[t] = 1'b1;
      end
      always_ff @(posedge clk_i) begin
        if (!pres[t]) begin
          t6_data_q[t*16 +: 16] <= '0;
        end else begin
          t6_data_q[t*16 +: 16] <= kw[1] ? (kw[0] ? r_data_i[(t/3%4*4 + t%3)*16 +: 16] : r_data_i[(t/2%4*4 + t%2)*16 +: 16])
                                         : (kw[0] ? r_data_i[t%4*64 +: 16] : r_data_i[t*16 +: 16]);
        end
      end
    end
    always_ff @(posedge clk_i) t6_pres_q <= pres;

    logic        upper;                    // word of the slice
    logic [63:0] two;                      // planes: bits of channel c of tap t at t*cg + c
    assign upper = t6_q[SW];
    for (genvar h = 0; h < 2; h++) begin : gen_plane
      for (genvar j = 0; j < 32; j++) begin : gen_bit
        always_comb begin
          two[h*32 + j] = cg_low_i[1] ? (cg_low_i[0] ? t6_data_q[j/3*16 + h*8 + j%3] : t6_data_q[j/2*16 + h*8 + j%2])
                                      : (cg_low_i[0] ? j < 16 && t6_data_q[j%16*16 + h*8] : t6_data_q[j/4*16 + h*8 + j%4]);
          if (upper) begin
            two[h*32 + j] = !cg_low_i[0] ? t6_data_q[(8 + j/4)*16 + h*8 + j%4]
                                         : j < 16 && t6_data_q[(32+j)/3%16*16 + h*8 + (32+j)%3];
          end
        end
      end
    end
    assign sliced = {4{two}};
  end else begin : gen_plain
    assign pres   = '1;
    assign sliced = '0;
    always_ff @(posedge clk_i) begin
      t6_data_q <= r_data_i;
      t6_pres_q <= pres;
    end
    logic unused;
    assign unused = ^{slice_i, t5_q[18 +: 12]};
  end

  // Places of the step's pieces, and which of them end a tap.
  logic [TW-1:0]   t6_q;
  logic [OFF+1:0]  t6_from_q, t6_to_q, t6_end_q;
  logic [10:0]     to_end;
  assign to_end = {1'b0, t5_q[SW+JW+OFF+OFF+2 +: 10]} - 11'd1 + 11'(t5_q[SW+JW +: OFF]);
  always_ff @(posedge clk_i) begin
    t6_q      <= t5_q;
    t6_from_q <= {2'd0, t5_q[SW+JW +: OFF]};
    t6_to_q   <= t5_q[SW+JW+OFF +: OFF+2];
    t6_end_q  <= (to_end >= 11'(2*WH)) ? (OFF+2)'(2*WH) : to_end[OFF+1:0];
  end

  logic [2*WH-1:0] span, ends;
  logic [WH-1:0]   span_n, span_l, ends_n;
  logic            t6_carry;
  for (genvar i = 0; i < 2*WH; i++) begin : gen_span
    assign span[i] = (OFF+2)'(i) >= t6_from_q && (OFF+2)'(i) < t6_to_q;
  end
  assign ends     = slice_i || cg_low_i == 4'd0 ? '0 : {{WH{1'b0}}, ends_i} << t6_end_q;
  assign t6_carry = t6_q[TW-3];
  assign span_n   = mac_i ? {WH/2{t6_from_q[OFF-1], !t6_from_q[OFF-1]}} : t6_carry ? span[2*WH-1:WH] : span[WH-1:0];
  assign span_l   = (t6_carry && t6_valid_q) ? span[WH-1:0] : '0;
  assign ends_n   = t6_carry ? ends[2*WH-1:WH] : ends[WH-1:0];

  // What the step does to the word at hand (n), and to the one it completes (l).
  logic [WH-1:0]   t7_n_take_q, t7_n_set_q, t7_n_valid_q, t7_n_end_q;
  logic [WH-1:0]   t7_l_take_q, t7_l_set_q, t7_l_valid_q, t7_l_end_q;
  logic [WH-1:0]   t7_hold_q;              // pieces that stay
  logic            t7_keep_q, t7_top_q, t7_final_q;
  logic [JW-1:0]   t7_word_q;
  logic [11:0]     t7_flags_q;             // taps, last pass, l, sum, sub, double, first
  always_ff @(posedge clk_i) begin
    t7_hold_q    <= (t6_q[TW-2] || t6_carry) ? '0 : ~span_n;
    t7_n_take_q  <= span_n & (slice_i ? '1 : t6_pres_q) & {WH{t6_q[0]}};
    t7_n_set_q   <= span_n & ((t6_pres_q & {WH{t6_q[1]}}) | (~t6_pres_q & {WH{t6_q[3]}}));
    t7_n_valid_q <= slice_i ? t6_pres_q : span_n & ((t6_pres_q & {WH{t6_q[2]}}) | (~t6_pres_q & {WH{t6_q[4]}}));
    t7_n_end_q   <= ends_n & span_n;
    t7_l_take_q  <= span_l & {WH{t6_q[0]}};
    t7_l_set_q   <= span_l & {WH{t6_q[1]}};
    t7_l_valid_q <= span_l & {WH{t6_q[2]}};
    t7_l_end_q   <= ends[WH-1:0] & span_l;
    t7_keep_q    <= !t6_q[TW-2] && !t6_carry;
    t7_top_q     <= t6_q[TW-4];
    t7_final_q   <= t6_q[TW-1] && t6_q[11];
    t7_word_q    <= t6_q[SW +: JW] + JW'(t6_carry);
    t7_flags_q   <= {t6_q[17:12], t6_q[10:5]};
    t7_data_q    <= slice_i ? sliced : t6_data_q;
  end
  logic unused_t6;
  assign unused_t6 = ^{t6_q[SW-1:18], t6_q[SW+JW +: 2*OFF+12]};

  // ---- the word at hand ----
  logic [15:0]   channels;                 // of the last piece of a tap
  logic          w_valid_q, w_final_q, w_top_q, emit;
  logic [B-1:0]  w_data_q, l_data;
  logic [WH-1:0] w_ok_q, w_end_q;
  logic [JW-1:0] w_word_q;
  logic [11:0]   w_flags_q;
  assign channels = (cg_low_i == 4'd0) ? 16'hffff : 16'hffff >> (5'd16 - {1'b0, cg_low_i});
  for (genvar p = 0; p < WH; p++) begin : gen_word
    logic [15:0] in_n, in_l, mask_n, mask_l;
    assign mask_n = t7_n_end_q[p] ? channels : 16'hffff;
    assign mask_l = t7_l_end_q[p] ? channels : 16'hffff;
    assign in_n   = (t7_n_take_q[p] ? t7_data_q[p*16 +: 16] : {16{t7_n_set_q[p]}}) & mask_n;
    assign in_l   = (t7_l_take_q[p] ? t7_data_q[p*16 +: 16] : {16{t7_l_set_q[p]}}) & mask_l;
    always_ff @(posedge clk_i) if (t7_valid_q && !t7_hold_q[p]) w_data_q[p*16 +: 16] <= in_n;
    assign l_data[p*16 +: 16] = w_data_q[p*16 +: 16] | in_l;
  end
  assign emit = w_valid_q && (w_final_q || (t7_valid_q && !t7_keep_q));

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) w_valid_q <= 1'b0;
    else if (t7_valid_q) w_valid_q <= 1'b1;
    else if (emit) w_valid_q <= 1'b0;
  end
  always_ff @(posedge clk_i) begin
    if (t7_valid_q) begin
      w_ok_q    <= (t7_keep_q ? w_ok_q : '0) | t7_n_valid_q;
      w_end_q   <= (t7_keep_q ? w_end_q : '0) | t7_n_end_q;
      w_word_q  <= t7_word_q;
      w_final_q <= t7_final_q;
      w_top_q   <= t7_keep_q ? w_top_q : t7_top_q;
      w_flags_q <= t7_flags_q;
    end
  end

  // ---- words that wait ----
  localparam int QW = B + 2*WH + JW + 12;
  logic [QW-1:0] queue [0:15];
  logic [QW-1:0] head, tail;
  logic [4:0]    q_wptr_q, q_rptr_q, q_head_q;
  logic [2:0]    again_q;                  // times that the slice has gone out
  logic          again_end, leave, slice_end;
  logic [WH-1:0] ok, last_pieces;
  assign tail = {w_flags_q[11:6], w_flags_q[5] && w_final_q, w_flags_q[4], w_flags_q[3] && w_final_q,
                 w_flags_q[2], w_flags_q[1] && w_top_q, w_flags_q[0] && w_top_q, w_word_q,
                 w_end_q | t7_l_end_q, w_ok_q | t7_l_valid_q, l_data};
  always_ff @(posedge clk_i) begin
    if (emit) queue[q_wptr_q[3:0]] <= tail;
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      q_wptr_q <= '0;
      q_rptr_q <= '0;
      q_head_q <= '0;
      again_q  <= '0;
    end else begin
      if (emit) q_wptr_q <= q_wptr_q + 5'd1;
      if (pop) q_rptr_q <= q_rptr_q + 5'd1;
      if (leave) q_head_q <= (again_end || !slice_end) ? q_head_q + 5'd1 : q_rptr_q;
      if (leave && slice_i && slice_end) again_q <= again_end ? '0 : again_q + 3'd1;
    end
  end
  assign head        = queue[q_head_q[3:0]];
  assign ww_valid_o  = q_wptr_q != q_head_q;
  assign leave       = ww_valid_o && ww_ready_i;
  always_comb begin
    case (wl_i)
      2'd0:    again_end = 1'b1;
      2'd1:    again_end = again_q[0];
      2'd2:    again_end = &again_q[1:0];
      default: again_end = &again_q;
    endcase
    if (!slice_i) again_end = 1'b1;
  end
  assign pop         = leave && again_end;
  assign ok          = head[B +: WH];
  assign last_pieces = head[B+WH +: WH];
  assign ww_data_o   = head[B-1:0];
  logic          h_last, h_sub, h_double, h_first;
  logic [JW-1:0] h_word;
  assign h_word      = head[B+2*WH +: JW];
  assign {ww_taps_o, slice_end, ww_l_o, h_last, h_sub, h_double, h_first} = head[B+2*WH+JW +: 12];
  assign ww_index_o    = !slice_i ? IW'(h_word) : double_word_i ? IW'({again_q, h_word[0]}) : IW'(again_q);
  assign ww_win_last_o = slice_end && again_end;
  assign ww_last_o     = h_last && again_end;
  assign ww_first_o    = h_first && again_q == 3'd0;
  assign ww_double_o   = h_double || (h_first && again_q != 3'd0);
  assign ww_sub_o      = h_sub || (slice_i && w_top_neg_i && again_q == 3'd0);

  logic [B-1:0] slice_mask;
  if (WH == 16) begin : gen_slice_mask
    logic [31:0] one;
    for (genvar j = 0; j < 32; j++) begin : gen_bit
      always_comb begin
        one[j] = cg_low_i[1] ? (cg_low_i[0] ? ok[j/3] : ok[j/2])
                             : (cg_low_i[0] ? j < 16 && ok[j%16] : ok[j/4]);
        if (h_word[0]) one[j] = !cg_low_i[0] ? ok[8 + j/4] : j < 16 && ok[(32+j)/3%16];
      end
    end
    assign slice_mask = {8{one}};
  end else begin : gen_no_slice
    assign slice_mask = '0;
  end
  for (genvar p = 0; p < WH; p++) begin : gen_mask
    assign ww_mask_o[p*16 +: 16] = slice_i ? slice_mask[p*16 +: 16]
                                 : ok[p] ? (last_pieces[p] ? channels : 16'hffff) : 16'd0;
  end

endmodule
