// SPDX-License-Identifier: MIT
// CONV and EW: takes the chunks that bnn_load has made resident, in order, and runs
// each one through windows, array and pipe into the store. Two chunks never overlap
// here; the loader works ahead.
//
//   bnn_windows -> bnn_array -.
//                 bnn_stream_in (IN of EW) -> bnn_post -> bnn_store
//                 bnn_stream_in (RES1, RES2) -'
//
// Streams, pipe and store take POST_LANES channels per cycle: a group of LANES results
// goes in as many parts as have channels.

module bnn_exec #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 512,
  parameter int PARAM_WORDS  = 128,
  parameter int ROW_KIB      = 64,
  parameter int WINDOW_WORDS = 256,
  parameter int RESULTS      = 64,
  parameter int BLOCK_RAM    = 0,
  parameter int POST_LANES   = 16,
  parameter int MULT         = 1,
  parameter int IMPL         = 0,
  localparam int AW          = $clog2(WEIGHT_WORDS),
  localparam int PW          = $clog2(PARAM_WORDS),
  localparam int LW          = $clog2(LANES)
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    clear_i,

  // The command; as it is from start to done.
  input  logic                    start_i,
  output logic                    done_o,        // pulse: everything is with the write ports
  output logic                    active_o,
  input  logic                    ew_i,
  input  logic [12:0]             h_i,
  input  logic [12:0]             w_i,
  input  logic [12:0]             oh_i,
  input  logic [12:0]             ow_i,
  input  logic [13:0]             cout_i,
  input  logic [13:0]             cg_i,
  input  logic [13:0]             og_i,
  input  logic [2:0]              kh_i,
  input  logic [2:0]              kw_i,
  input  logic [2:0]              sh_i,
  input  logic [2:0]              sw_i,
  input  logic [2:0]              dh_i,
  input  logic [2:0]              dw_i,
  input  logic [4:0]              pad_t_i,
  input  logic [4:0]              pad_l_i,
  input  logic [1:0]              pad_mode_i,
  input  logic [2:0]              wformat_i,
  input  logic [13:0]             rows_i,        // stored weight rows
  input  logic [39:0]             res_i,         // RES2, RES1: {ALIGN 4, ZERO, WIN, C 14}
  input  logic                    frac_i,
  input  logic                    sum_en_i,
  input  logic                    p1_i,
  input  logic                    p2_i,
  input  logic [3:0]              ps_i,
  input  logic [4:0]              s1_i,
  input  logic [4:0]              s2_i,
  input  logic [4:0]              s3_i,
  input  logic [15:0]             a3_i,
  input  logic [31:0]             b3_i,
  input  logic [24:0]             formats_i,     // {RES2, RES1, OUTS, OUTP, IN}
  input  logic [7:0]              ref_onchip_i,  // references by slot, see bnn_cmd
  input  logic [8*32-1:0]         ref_addr_i,
  input  logic [8*24-1:0]         ref_row_i,
  input  logic [8*17-1:0]         ref_pixel_i,
  input  logic [8*32-1:0]         ref_plane_i,

  // Chunks, and what the loader writes.
  input  logic                    ck_valid_i,
  output logic                    ck_ready_o,
  input  logic [13:0]             ck_group_i,    // of its first channel
  input  logic [13:0]             ck_lead_i,     // its channels in that group
  input  logic [13:0]             ck_convs_i,    // groups that have channels of it
  input  logic [13:0]             ck_first_i,
  input  logic [13:0]             ck_rows_i,
  input  logic [PW:0]             ck_tiles_i,
  input  logic [PW:0]             ck_groups_i,
  input  logic [7:0]              ck_copies_i,
  input  logic [AW:0]             ck_row_words_i,
  input  logic [AW-1:0]           ck_wbase_i,
  input  logic [PW-1:0]           ck_pbase_i,
  input  logic [PW-1:0]           ck_tbase_i,
  input  logic                    ck_split_i,
  input  logic                    ck_slice_i,
  input  logic                    ck_mac_i,
  input  logic                    ck_last_i,
  output logic                    ck_free_o,
  input  logic                    lw_we_i,
  input  logic [LW-1:0]           lw_lane_i,
  input  logic [AW-1:0]           lw_addr_i,
  input  logic [LANE_BITS/16-1:0] lw_en_i,
  input  logic [LANE_BITS-1:0]    lw_data_i,
  input  logic                    lt_we_i,
  input  logic [LW-1:0]           lt_lane_i,
  input  logic                    lt_half_i,
  input  logic [PW-1:0]           lt_addr_i,
  input  logic [17:0]             lt_data_i,
  input  logic                    lp_we_i,
  input  logic [LW-1:0]           lp_lane_i,
  input  logic [PW-1:0]           lp_addr_i,
  input  logic [372:0]            lp_data_i,
  input  logic [22:0]             lp_pipe_i,     // of its command: {neither P1, P2 nor RES, POW2 of P2, of P1, SB2, S2, SB1, S1}

  // Read streams: 0 IN, 1 RES1, 2 RES2.
  output logic [2:0]              rq_valid_o,
  input  logic [2:0]              rq_ready_i,
  output logic [3*32-1:0]         rq_addr_o,
  output logic [3*28-1:0]         rq_bytes_o,
  input  logic [2:0]              rb_valid_i,
  output logic [2:0]              rb_ready_o,
  input  logic [3*128-1:0]        rb_data_i,

  // Write streams: 0 OUTP, 1 OUTS and SUM.
  output logic [1:0]              wr_valid_o,
  input  logic [1:0]              wr_ready_i,
  output logic [1:0]              wr_onchip_o,
  output logic [2*28-1:0]         wr_addr_o,
  output logic [2*128-1:0]        wr_data_o,
  output logic [2*16-1:0]         wr_strb_o,
  output logic                    wr_sum_o,      // stream 1: this is SUM

  output logic [31:0]             present_o,     // taps inside the input, of all pixels
  output logic [47:0]             open_o,        // of them, times open gates
  output logic                    count_o,       // with the next three
  output logic [15:0]             saturated_o,
  output logic [7:0]              gates_open_o,
  output logic [7:0]              gates_shut_o,
  output logic                    busy_array_o,
  output logic                    wait_weights_o,
  output logic                    wait_act_o,
  output logic                    wait_post_o,
  output logic                    wait_residual_o,
  output logic                    wait_store_o,
  output logic                    row_done_o
);

  localparam int WH = LANE_BITS / 16;
  localparam int PL = POST_LANES;
  localparam int PLW = $clog2(PL);
  localparam int PARTS = LANES / PL;            // of a group
  localparam int RECORDS = PARAM_WORDS * PARTS; // of a lane of the pipe
  localparam int RW = $clog2(RECORDS);
  localparam int IW = $clog2((32767 + 49 * 15) / LANE_BITS + 1) + 1;

  // ---- formats ----
  logic [4:0] in_format, outp_format, outs_format, res1_format, res2_format;
  assign {res2_format, res1_format, outs_format, outp_format, in_format} = formats_i;

  `include "bnn_hw_formats.vh"

  logic [1:0] wl;                          // log2 of the bits of a weight
  logic       odd_w, w_top_neg, odd_a, signed_a;
  assign wl        = bnn_wformat_bits_log2(wformat_i);
  assign odd_w     = bnn_wformat_odd(wformat_i);
  assign w_top_neg = !odd_w;
  assign odd_a     = bnn_format_odd(in_format);
  assign signed_a  = bnn_format_signed(in_format);

  // ---- control ----
  localparam logic [2:0] IDLE = 3'd0, WAIT = 3'd1, SIZE = 3'd2, MODE = 3'd3, GO = 3'd4, RUN = 3'd5;
  logic [2:0]    state_q;
  logic [13:0]   group_q, lead_q, convs_q, first_q, rows_q, chan_q;
  logic [PW:0]   tiles_q, groups_q;
  logic [7:0]    copies_q;
  logic [AW:0]   row_words_q;
  logic [AW-1:0] wbase_q;
  logic [PW-1:0] pbase_q, tbase_q;
  logic          split_q, slice_q, mac_q, last_q, stream_q;
  logic [13:0]   cg, og;                   // as the array sees them: MACs take 16 groups as one
  logic [13:0]   pieces_q;                 // of a window and plane
  logic [17:0]   words_q;                  // of a window
  logic [4:0]    passes_q;
  logic          go, store_done, stored_q, windows_q, ended;

  assign cg         = mac_q ? 14'd16 : cg_i;
  assign og         = mac_q ? {7'd0, og_i[2:0], 4'd0} : og_i;
  assign go         = state_q == GO;
  assign ck_ready_o = state_q == WAIT;
  // Windows may still pass over absent taps when the last result has been stored; what they are given
  // must not change meanwhile.
  assign ended      = state_q == RUN && (store_done || stored_q) && !windows_q && array_idle;
  assign ck_free_o  = ended;
  assign active_o   = state_q != IDLE;

  always_ff @(posedge clk_i) begin
    done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: if (start_i) state_q <= WAIT;
        WAIT: if (ck_valid_i) state_q <= SIZE;
        SIZE: state_q <= MODE;
        MODE: state_q <= GO;
        GO:   state_q <= RUN;
        default: begin
          if (ended) begin
            done_o  <= last_q;
            state_q <= last_q ? IDLE : WAIT;
          end
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (go) stored_q <= 1'b0;
    else if (store_done) stored_q <= 1'b1;
    if (!rst_ni || clear_i || windows_done) windows_q <= 1'b0;
    else if (go) windows_q <= !ew_i;
  end

  always_ff @(posedge clk_i) begin
    if (state_q == WAIT) begin
      group_q     <= ck_group_i;
      lead_q      <= ck_lead_i;
      convs_q     <= ck_convs_i;
      first_q     <= ck_first_i;
      rows_q      <= ck_rows_i;
      tiles_q     <= ck_tiles_i;
      groups_q    <= ck_groups_i;
      copies_q    <= ck_copies_i;
      row_words_q <= ck_row_words_i;
      wbase_q     <= ck_wbase_i;
      pbase_q     <= ck_pbase_i;
      tbase_q     <= ck_tbase_i;
      split_q     <= ck_split_i;
      slice_q     <= ck_slice_i;
      mac_q       <= ck_mac_i;
      last_q      <= ck_last_i;
    end
    if (state_q == SIZE) begin
      pieces_q <= 14'(6'(kh_i) * 6'(kw_i)) * 14'((15'(cg_i) + 15'd15) >> 4);
      chan_q   <= 14'(group_q * cg);
      passes_q <= (5'd1 << bnn_format_bits_log2(in_format)) + ((odd_a && !odd_w) ? 5'd2 : 5'(!odd_a && !signed_a && pad_mode_i == 2'd2));
    end
    if (state_q == MODE) begin
      words_q <= (slice_q || mac_q) ? 18'(row_words_q) : ((18'(pieces_q) + 18'(WH - 1)) >> $clog2(WH)) * 18'(passes_q);
    end
  end
  // Windows of more than half the buffer come once per tile.
  assign stream_q = words_q > 18'(WINDOW_WORDS / 2);

  // ---- windows ----
  logic                 ww_valid, ww_ready, ww_first, ww_double, ww_sub, ww_last, ww_l, ww_win_last, windows_done;
  logic [LANE_BITS-1:0] ww_data, ww_mask;
  logic [IW-1:0]        ww_index;
  logic [5:0]           ww_taps;
  logic                 wi_onchip;
  logic                 wi_rq_valid, wi_rb_ready, ei_rq_valid, ei_rb_ready;
  logic [31:0]          wi_rq_addr, ei_rq_addr;
  logic [27:0]          wi_rq_bytes, ei_rq_bytes;

  bnn_windows #(
    .LANE_BITS(LANE_BITS),
    .ROW_KIB  (ROW_KIB)
  ) u_windows (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .clear_i      (clear_i),
    .start_i      (go && !ew_i),
    .done_o       (windows_done),
    .d_h_i        (h_i),
    .d_w_i        (w_i),
    .d_oh_i       (oh_i),
    .d_ow_i       (ow_i),
    .d_kh_i       (kh_i),
    .d_kw_i       (kw_i),
    .d_sh_i       (sh_i),
    .d_sw_i       (sw_i),
    .d_dh_i       (dh_i),
    .d_dw_i       (dw_i),
    .d_pad_t_i    (pad_t_i),
    .d_pad_l_i    (pad_l_i),
    .d_pad_mode_i (pad_mode_i),
    .d_format_i   (in_format),
    .d_cg_i       (cg),
    .d_odd_w_i    (odd_w),
    .d_w_top_neg_i(w_top_neg),
    .d_wl_i       (wl),
    .d_frac_i     (frac_i),
    .d_onchip_i   (ref_onchip_i[0]),
    .d_addr_i     (ref_addr_i[0 +: 32]),
    .d_row_i      (ref_row_i[0 +: 24]),
    .d_pixel_i    (ref_pixel_i[0 +: 17]),
    .d_plane_i    (ref_plane_i[0 +: 32]),
    .k_chan_i     (chan_q),
    .k_convs_i    (convs_q),
    .k_slice_i    (slice_q),
    .k_mac_i      (mac_q),
    .k_repeat_i   (stream_q ? 8'(tiles_q) : 8'd1),
    .rq_valid_o   (wi_rq_valid),
    .rq_ready_i   (rq_ready_i[0]),
    .rq_addr_o    (wi_rq_addr),
    .rq_bytes_o   (wi_rq_bytes),
    .rq_onchip_o  (wi_onchip),
    .rb_valid_i   (rb_valid_i[0] && !ew_i),
    .rb_ready_o   (wi_rb_ready),
    .rb_data_i    (rb_data_i[0 +: 128]),
    .ww_valid_o   (ww_valid),
    .ww_ready_i   (ww_ready),
    .ww_data_o    (ww_data),
    .ww_mask_o    (ww_mask),
    .ww_index_o   (ww_index),
    .ww_first_o   (ww_first),
    .ww_double_o  (ww_double),
    .ww_sub_o     (ww_sub),
    .ww_last_o    (ww_last),
    .ww_l_o       (ww_l),
    .ww_win_last_o(ww_win_last),
    .ww_taps_o    (ww_taps)
  );

  // ---- array ----
  logic                rs_valid, rs_ready, rs_last, array_idle;
  logic [LANES*32-1:0] rs_acc;
  logic [7:0]          rs_copy;
  logic [PW-1:0]       rs_group;
  logic [LANES-1:0]    rs_open;
  logic [5:0]          rs_taps;
  logic                wait_act, wait_post;

  bnn_array #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .PARAM_WORDS (PARAM_WORDS),
    .WINDOW_WORDS(WINDOW_WORDS),
    .RESULTS     (RESULTS),
    .BLOCK_RAM   (BLOCK_RAM),
    .IMPL        (IMPL)
  ) u_array (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .clear_i      (clear_i),
    .lw_we_i      (lw_we_i),
    .lw_lane_i    (lw_lane_i),
    .lw_addr_i    (lw_addr_i),
    .lw_en_i      (lw_en_i),
    .lw_data_i    (lw_data_i),
    .lt_we_i      (lt_we_i),
    .lt_lane_i    (lt_lane_i),
    .lt_half_i    (lt_half_i),
    .lt_addr_i    (lt_addr_i),
    .lt_data_i    (lt_data_i),
    .start_i      (go && !ew_i),
    .k_tiles_i    (tiles_q),
    .k_groups_i   (groups_q),
    .k_copies_i   (copies_q),
    .k_rows_i     (rows_q),
    .k_og_i       (og),
    .k_first_i    (lead_q),
    .k_row_words_i(row_words_q),
    .k_wbase_i    (wbase_q),
    .k_tbase_i    (tbase_q),
    .k_split_i    (split_q),
    .k_slice_i    (slice_q),
    .k_stream_i   (stream_q),
    .k_mac_i      (mac_q),
    .k_mac_log2_i (og_i[2:1]),
    .k_mac_tile_i (4'(first_q >> LW)),
    .d_wl_i       ((slice_q || mac_q) ? 2'd0 : wl),
    .d_w_top_neg_i(w_top_neg),
    .d_odd_a_i    (odd_a),
    .d_a_top_neg_i(signed_a),
    .d_odd_w_i    (odd_w),
    .d_frac_i     (frac_i),
    .ww_valid_i   (ww_valid),
    .ww_ready_o   (ww_ready),
    .ww_data_i    (ww_data),
    .ww_mask_i    (ww_mask),
    .ww_index_i   (ww_index),
    .ww_first_i   (ww_first),
    .ww_double_i  (ww_double),
    .ww_sub_i     (ww_sub),
    .ww_last_i    (ww_last),
    .ww_l_i       (ww_l),
    .ww_win_last_i(ww_win_last),
    .ww_taps_i    (ww_taps),
    .rs_valid_o   (rs_valid),
    .rs_ready_i   (rs_ready),
    .rs_acc_o     (rs_acc),
    .rs_copy_o    (rs_copy),
    .rs_group_o   (rs_group),
    .rs_last_o    (rs_last),
    .rs_open_o    (rs_open),
    .rs_taps_o    (rs_taps),
    .idle_o       (array_idle),
    .busy_o       (busy_array_o),
    .wait_act_o   (wait_act),
    .wait_post_o  (wait_post)
  );

  // ---- streams ----
  logic                ei_valid, take, res_take;
  logic [PL*32-1:0]    ei_data;
  logic [2:0]          stream_active;

  bnn_stream_in #(
    .LANES(PL),
    .EW   (1)
  ) u_in (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .clear_i      (clear_i),
    .start_i      (go && ew_i),
    .active_o     (stream_active[0]),
    .k_base_i     (first_q),
    .k_rows_i     (rows_q),
    .k_copies_i   (copies_q),
    .k_copy_step_i(rows_i),
    .d_oh_i       (oh_i),
    .d_ow_i       (ow_i),
    .d_format_i   (in_format),
    .d_period_i   (14'h3fff),
    .d_win_i      (1'b0),
    .d_zero_i     (1'b0),
    .d_align_i    (4'd0),
    .d_addr_i     (ref_addr_i[0 +: 32]),
    .d_row_i      (ref_row_i[0 +: 24]),
    .d_pixel_i    (ref_pixel_i[0 +: 17]),
    .d_plane_i    (ref_plane_i[0 +: 32]),
    .rq_valid_o   (ei_rq_valid),
    .rq_ready_i   (rq_ready_i[0]),
    .rq_addr_o    (ei_rq_addr),
    .rq_bytes_o   (ei_rq_bytes),
    .rb_valid_i   (rb_valid_i[0] && ew_i),
    .rb_ready_o   (ei_rb_ready),
    .rb_data_i    (rb_data_i[0 +: 128]),
    .out_valid_o  (ei_valid),
    .out_ready_i  (take && ew_i),
    .out_data_o   (ei_data)
  );

  // RES1 and RES2: references 5 and 6, read streams 1 and 2.
  logic [1:0]            r_valid, has_res;
  logic [2*PL*33-1:0]    r_data;
  assign has_res = {res2_format != `BNN_FORMAT_NONE, res1_format != `BNN_FORMAT_NONE};

  for (genvar i = 0; i < 2; i++) begin : gen_res
    bnn_stream_in #(
      .LANES(PL)
    ) u_res (
      .clk_i        (clk_i),
      .rst_ni       (rst_ni),
      .clear_i      (clear_i),
      .start_i      (go && has_res[i]),
      .active_o     (stream_active[1+i]),
      .k_base_i     (first_q),
      .k_rows_i     (rows_q),
      .k_copies_i   (copies_q),
      .k_copy_step_i(rows_i),
      .d_oh_i       (oh_i),
      .d_ow_i       (ow_i),
      .d_format_i   (formats_i[(3+i)*5 +: 5]),
      .d_period_i   (res_i[i*20 +: 14]),
      .d_win_i      (res_i[i*20 + 14]),
      .d_zero_i     (res_i[i*20 + 15]),
      .d_align_i    (res_i[i*20 + 16 +: 4]),
      .d_addr_i     (ref_addr_i[(5+i)*32 +: 32]),
      .d_row_i      (ref_row_i[(5+i)*24 +: 24]),
      .d_pixel_i    (ref_pixel_i[(5+i)*17 +: 17]),
      .d_plane_i    (32'd0),
      .rq_valid_o   (rq_valid_o[1+i]),
      .rq_ready_i   (rq_ready_i[1+i]),
      .rq_addr_o    (rq_addr_o[(1+i)*32 +: 32]),
      .rq_bytes_o   (rq_bytes_o[(1+i)*28 +: 28]),
      .rb_valid_i   (rb_valid_i[1+i]),
      .rb_ready_o   (rb_ready_o[1+i]),
      .rb_data_i    (rb_data_i[(1+i)*128 +: 128]),
      .out_valid_o  (r_valid[i]),
      .out_ready_i  (res_take && has_res[i]),
      .out_data_o   (r_data[i*PL*33 +: PL*33])
    );
  end

  assign rq_valid_o[0]       = ew_i ? ei_rq_valid : wi_rq_valid;
  assign rq_addr_o[0 +: 32]  = ew_i ? ei_rq_addr : wi_rq_addr;
  assign rq_bytes_o[0 +: 28] = ew_i ? ei_rq_bytes : wi_rq_bytes;
  assign rb_ready_o[0]       = ew_i ? ei_rb_ready : wi_rb_ready;

  // ---- pipe ----
  logic             acc_valid, post_ready, post_busy, res_waits;
  logic [PW-1:0]    ew_group_q, group, entry;
  logic             part_last, group_take;
  logic [LW-1:0]    first_lane;                // of the part
  logic [LANES-1:0] mask;                      // of the group
  logic [PL-1:0]    part_mask;
  logic [PL*32-1:0] part_acc;
  assign acc_valid  = ew_i ? ei_valid : rs_valid;
  assign take       = acc_valid && post_ready;
  assign group_take = take && part_last;
  assign rs_ready   = group_take && !ew_i;
  assign group      = ew_i ? ew_group_q : rs_group;

  for (genvar l = 0; l < LANES; l++) begin : gen_mask
    assign mask[l] = {group, LW'(l)} < (PW+LW)'(rows_q) || rows_q >= 14'(PARAM_WORDS * LANES);
  end
  if (PARTS > 1) begin : gen_parts
    localparam int SW = $clog2(PARTS);
    logic [SW-1:0]          part_q;
    logic [PARTS-1:0]       behind;            // no channel there
    logic [PARTS*PL*33-1:0] parts;
    for (genvar i = 0; i < PARTS; i++) begin : gen_behind
      assign behind[i] = (i == PARTS - 1) || !mask[(i+1)*PL % LANES];
    end
    assign part_last  = behind[part_q];
    assign first_lane = {part_q, PLW'(0)};
    always_ff @(posedge clk_i) begin
      if (go || group_take) part_q <= '0;
      else if (take) part_q <= part_q + SW'(1);
    end
    bnn_mux #(
      .N(PARTS),
      .W(PL * 33)
    ) u_part (
      .in_i (parts),
      .at_i (part_q),
      .out_o({part_mask, part_acc})
    );
    for (genvar i = 0; i < PARTS; i++) begin : gen_part
      assign parts[i*PL*33 +: PL*33] = {mask[i*PL +: PL], rs_acc[i*PL*32 +: PL*32]};
    end
  end else begin : gen_whole
    assign part_last  = 1'b1;
    assign first_lane = '0;
    assign part_mask  = mask;
    assign part_acc   = rs_acc;
  end

  always_ff @(posedge clk_i) begin
    if (go) ew_group_q <= '0;
    else if (group_take) ew_group_q <= ((PW+1)'(ew_group_q) + (PW+1)'(1) == groups_q) ? '0 : ew_group_q + PW'(1);
  end

  // Records of copy i begin at i*groups; counted along with the results.
  logic [PW-1:0] copy_base_q;
  logic          group_end;
  assign group_end = (PW+1)'(group) + (PW+1)'(1) == groups_q;
  always_ff @(posedge clk_i) begin
    if (go) copy_base_q <= '0;
    else if (group_take && group_end) copy_base_q <= (ew_i || rs_last) ? '0 : copy_base_q + groups_q[PW-1:0];
  end
  assign entry = pbase_q + copy_base_q + group;

  logic                po_valid, po_ready;
  logic [PL*16-1:0]    po_v16, po_outp;
  logic [PL*32-1:0]    po_outs;
  logic [15:0]         po_sat;

  bnn_post #(
    .LANES(PL),
    .DEPTH(RECORDS),
    .MULT (MULT)
  ) u_post (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .clear_i        (clear_i),
    .p_we_i         (lp_we_i ? PL'(1) << lp_lane_i[PLW-1:0] : '0),
    .p_addr_i       (RW'({lp_addr_i, lp_lane_i} >> PLW)),
    .p_data_i       (lp_data_i),
    .p_straight_i   (lp_pipe_i[22]),
    .p_pow2_i       (lp_pipe_i[21:20]),
    .p_s1_i         (lp_pipe_i[4:0]),
    .p_sb1_i        (lp_pipe_i[9:5]),
    .p_s2_i         (lp_pipe_i[14:10]),
    .p_sb2_i        (lp_pipe_i[19:15]),
    .d_p1_i         (p1_i),
    .d_p2_i         (p2_i),
    .d_res1_i       (has_res[0]),
    .d_res2_i       (has_res[1]),
    .d_ps_i         (ps_i),
    .d_s1_i         (s1_i),
    .d_s2_i         (s2_i),
    .d_s3_i         (s3_i),
    .d_a3_i         (a3_i),
    .d_b3_i         (b3_i),
    .d_outp_format_i(outp_format),
    .d_outs_format_i(outs_format),
    .in_valid_i     (acc_valid),
    .in_ready_o     (post_ready),
    .mask_i         (part_mask),
    .acc_i          (ew_i ? ei_data : part_acc),
    .entry_i        (RW'({entry, first_lane} >> PLW)),
    .res_valid_i    (&(r_valid | ~has_res)),
    .res_ready_o    (res_take),
    .res_wait_o     (res_waits),
    .res1_i         (r_data[0 +: PL*33]),
    .res2_i         (r_data[PL*33 +: PL*33]),
    .out_valid_o    (po_valid),
    .out_ready_i    (po_ready),
    .v16_o          (po_v16),
    .outp_o         (po_outp),
    .outs_o         (po_outs),
    .sat_o          (po_sat),
    .busy_o         (post_busy)
  );

  bnn_store #(
    .LANES      (PL),
    .PARAM_WORDS(RECORDS)
  ) u_store (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .clear_i      (clear_i),
    .start_i      (go),
    .done_o       (store_done),
    .k_base_i     (first_q),
    .k_rows_i     (rows_q),
    .k_copies_i   (copies_q),
    .k_copy_step_i(rows_i),
    .d_oh_i       (oh_i),
    .d_ow_i       (ow_i),
    .d_cout_i     (cout_i),
    .d_outp_format_i(outp_format),
    .d_outs_format_i(outs_format),
    .d_sum_en_i   (sum_en_i),
    .d_p_onchip_i (ref_onchip_i[3]),
    .d_p_addr_i   (ref_addr_i[3*32 +: 32]),
    .d_p_row_i    (ref_row_i[3*24 +: 24]),
    .d_p_pixel_i  (ref_pixel_i[3*17 +: 17]),
    .d_p_plane_i  (ref_plane_i[3*32 +: 32]),
    .d_s_onchip_i (ref_onchip_i[4]),
    .d_s_addr_i   (ref_addr_i[4*32 +: 32]),
    .d_s_row_i    (ref_row_i[4*24 +: 24]),
    .d_s_pixel_i  (ref_pixel_i[4*17 +: 17]),
    .d_sum_onchip_i(ref_onchip_i[7]),
    .d_sum_addr_i (ref_addr_i[7*32 +: 32]),
    .in_valid_i   (po_valid),
    .in_ready_o   (po_ready),
    .in_outp_i    (po_outp),
    .in_outs_i    (po_outs),
    .in_v16_i     (po_v16),
    .p_valid_o    (wr_valid_o[0]),
    .p_ready_i    (wr_ready_i[0]),
    .p_onchip_o   (wr_onchip_o[0]),
    .p_addr_o     (wr_addr_o[0 +: 28]),
    .p_data_o     (wr_data_o[0 +: 128]),
    .p_strb_o     (wr_strb_o[0 +: 16]),
    .s_valid_o    (wr_valid_o[1]),
    .s_ready_i    (wr_ready_i[1]),
    .s_onchip_o   (wr_onchip_o[1]),
    .s_addr_o     (wr_addr_o[28 +: 28]),
    .s_data_o     (wr_data_o[128 +: 128]),
    .s_strb_o     (wr_strb_o[16 +: 16]),
    .s_sum_o      (wr_sum_o),
    .row_done_o   (row_done_o)
  );

  // ---- counters ----
  logic [7:0] open_now, valid_now;
  logic       first_chunk;
  assign first_chunk = first_q == 14'd0;
  always_comb begin
    open_now  = '0;
    valid_now = '0;
    for (int l = 0; l < LANES; l++) begin
      open_now  = open_now + 8'(rs_open[l] && mask[l]);
      valid_now = valid_now + 8'(mask[l]);
    end
  end
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      present_o <= '0;
      open_o    <= '0;
    end else if (rs_ready) begin
      if (rs_last && first_chunk) present_o <= present_o + 32'(rs_taps);
      if (frac_i) open_o <= open_o + 48'(14'(open_now) * 14'(rs_taps));
    end
  end
  assign count_o      = po_sat != 16'd0 || take;
  assign saturated_o  = po_sat;
  assign gates_open_o = (rs_ready && frac_i) ? open_now : 8'd0;
  assign gates_shut_o = (rs_ready && frac_i) ? valid_now - open_now : 8'd0;

  // The first cause that applies, towards the end of the pipe: what holds the array back.
  logic store_full;
  assign store_full      = po_valid && !po_ready;
  assign wait_weights_o  = state_q == WAIT;
  assign wait_store_o    = state_q == RUN && !busy_array_o && store_full;
  assign wait_residual_o = state_q == RUN && !busy_array_o && !store_full && res_waits;
  assign wait_post_o     = state_q == RUN && !busy_array_o && !store_full && !res_waits && (wait_post || ew_i);
  assign wait_act_o      = state_q == RUN && !busy_array_o && !store_full && !res_waits && wait_act && !ew_i;

  logic unused;
  assign unused = ^{ref_onchip_i, ref_addr_i, ref_row_i, ref_pixel_i, ref_plane_i,
                    stream_active, rs_copy, post_busy, wi_onchip};

endmodule
