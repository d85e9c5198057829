// SPDX-License-Identifier: MIT
// The accelerator core: a register port, an AXI4 master and five interrupt
// pulses. docs/hardware.md tells what they mean.
//
//   bnn_regs, bnn_rings   registers, queues, interrupts, soft reset
//   bnn_queue             jobs: entry, regions, commands, completion
//   bnn_cmd               one command: its checks, its resolved references
//   bnn_layer, bnn_side   the units; bnn_window walks for the first
//   bnn_align             bytes at any address, from
//   bnn_bus, bnn_actmem   streams, translation, the bus; region 63

module bnn_core #(
  parameter int          LANES        = 16,
  parameter int          LANE_BITS    = 256,
  parameter int          WEIGHT_WORDS = 256,
  parameter int          PARAM_WORDS  = 128,
  parameter int          ACT_KIB      = 256,
  parameter int          BUS_BITS     = 52,
  parameter int          CLOCK_HZ     = 200000000,
  parameter int          WAIT_SHIFT   = 6,
  parameter logic [31:0] BUILD        = 0,
  parameter int          IMPL         = 0    // of the popcount
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic [11:0]         act_kib_i,     // strap: at most ACT_KIB

  input  logic                reg_req_i,
  input  logic                reg_write_i,
  input  logic [15:0]         reg_addr_i,
  input  logic [31:0]         reg_wdata_i,
  output logic                reg_ack_o,
  output logic [31:0]         reg_rdata_o,
  output logic [4:0]          irq_o,
  output logic                idle_o,        // nothing happens until the next register write

  // For simulation and tests; tie to 0. Hold: no job is picked.
  input  logic                test_hold_i,
  input  logic                test_hang_i,
  output logic                test_hang_ack_o,
  input  logic                test_stuck_i,

  output logic                arvalid_o,
  input  logic                arready_i,
  output logic [BUS_BITS-1:0] araddr_o,
  output logic [7:0]          arlen_o,
  input  logic                rvalid_i,
  output logic                rready_o,
  input  logic [127:0]        rdata_i,
  input  logic [1:0]          rresp_i,
  input  logic                rlast_i,
  output logic                awvalid_o,
  input  logic                awready_i,
  output logic [BUS_BITS-1:0] awaddr_o,
  output logic [7:0]          awlen_o,
  output logic                wvalid_o,
  input  logic                wready_i,
  output logic [127:0]        wdata_o,
  output logic [15:0]         wstrb_o,
  output logic                wlast_o,
  input  logic                bvalid_i,
  output logic                bready_o,
  input  logic [1:0]          bresp_i
);

  // 16-bit pieces that the window stream moves in a cycle.
  localparam int CH = (LANE_BITS < 128) ? LANE_BITS / 16 : 8;
  // A window of the longest K, in 16 planes.
  localparam int WINDOW_WORDS = 16 * ((32767 + 49 * 15) / LANE_BITS + 1);
  localparam int FEATURES = (1 << `BNN_FEATURES_BINARY_BIT) | (1 << `BNN_FEATURES_POST_BIT) |
                            (1 << `BNN_FEATURES_FRAC_BIT) | (1 << `BNN_FEATURES_PLANES_BIT) |
                            (1 << `BNN_FEATURES_STREAM_BIT);

  logic unused;
  assign unused = ^{stop_addr[BUS_BITS-1:31], run_seq[63:31], sw_addr[3:0]};

  // ---- reset and quiet ----
  logic        reset, reset_now, stuck, quiet, dma_quiet, core_rst_n, flush, seq_flush;
  logic [63:0] now;
  assign core_rst_n = rst_ni && !reset_now;
  assign flush      = seq_flush || reset || stuck;

  // ---- registers and rings ----
  logic        q_write, cnt_busy, snapshot, clear_cnt, regs_pending, kill;
  logic [1:0]  q_queue, run_queue, pick_queue;
  logic [7:0]  q_offset;
  logic [31:0] q_wdata, q_rdata;
  logic [3:0]  bad_tail, raise;
  logic        inv_req, inv_done;
  logic [15:0] inv_asid;
  logic        waiting, pick, running, fetched, stop, finish, tell, asked;
  logic [BUS_BITS-1:0] pick_entry, pick_slot, pick_count, stop_addr;
  logic [63:0] finished, run_seq;
  logic [30:0] progress, progress2;
  logic [4:0]  snap_index;
  logic [63:0] snap;

  bnn_regs #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .BUS_BITS    (BUS_BITS),
    .CLOCK_HZ    (CLOCK_HZ),
    .WAIT_SHIFT  (WAIT_SHIFT),
    .BUILD       (BUILD),
    .FEATURES    (FEATURES)
  ) u_regs (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .act_kib_i   (act_kib_i),
    .test_stuck_i(test_stuck_i),
    .reg_req_i   (reg_req_i),
    .reg_write_i (reg_write_i),
    .reg_addr_i  (reg_addr_i),
    .reg_wdata_i (reg_wdata_i),
    .reg_ack_o   (reg_ack_o),
    .reg_rdata_o (reg_rdata_o),
    .irq_o       (irq_o),
    .q_write_o   (q_write),
    .q_queue_o   (q_queue),
    .q_offset_o  (q_offset),
    .wdata_o     (q_wdata),
    .q_rdata_i   (q_rdata),
    .bad_tail_i  (bad_tail),
    .ring_read_i (stop ? 4'd1 << run_queue : 4'd0),
    .ring_addr_i (stop_addr[30:0]),
    .raise_i     (raise),
    .inv_req_o   (inv_req),
    .inv_asid_o  (inv_asid),
    .inv_done_i  (inv_done),
    .run_i       (running),
    .run_queue_i (run_queue),
    .run_seq_i   (run_seq[30:0]),
    .progress_i  (progress),
    .progress2_i (progress2),
    .snapshot_o  (snapshot),
    .clear_o     (clear_cnt),
    .cnt_busy_i  (cnt_busy),
    .snap_index_o(snap_index),
    .snap_i      (snap),
    .now_o       (now),
    .reset_o     (reset),
    .reset_now_o (reset_now),
    .stuck_o     (stuck),
    .quiet_i     (quiet),
    .pending_o   (regs_pending)
  );

  bnn_rings #(
    .BUS_BITS(BUS_BITS)
  ) u_rings (
    .clk_i       (clk_i),
    .rst_ni      (core_rst_n),
    .write_i     (q_write),
    .queue_i     (q_queue),
    .offset_i    (q_offset),
    .wdata_i     (q_wdata),
    .rdata_o     (q_rdata),
    .bad_tail_o  (bad_tail),
    .kill_o      (kill),
    .waiting_o   (waiting),
    .pick_i      (pick),
    .pick_queue_o(pick_queue),
    .pick_entry_o(pick_entry),
    .pick_slot_o (pick_slot),
    .pick_count_o(pick_count),
    .running_i   (running),
    .run_queue_i (run_queue),
    .fetched_i   (fetched),
    .stop_i      (stop),
    .finish_i    (finish),
    .finished_o  (finished),
    .tell_i      (tell),
    .asked_i     (asked),
    .raise_o     (raise)
  );

  // ---- sequencer ----
  logic                 s_valid, s_ready, s_virt, s_rb_ready;
  logic [3:0]           s_slot;
  logic [BUS_BITS-1:0]  s_addr;
  logic [27:0]          s_bytes;
  logic                 sw_valid, sw_ready;
  logic [BUS_BITS-1:0]  sw_addr;
  logic [127:0]         sw_data;
  logic [15:0]          sw_strb;
  logic                 fault, fault_write, writes_done, combine_flush, scrub, scrub_busy;
  logic [3:0]           fault_status;
  logic [BUS_BITS-1:0]  fault_addr;
  logic [3:0]           fault_slot, held_slot;
  logic [2:0]           held_stream;
  logic [5:0]           held_region;
  logic [BUS_BITS-1:14] directory;
  logic [15:0]          asid;
  logic [4:0]           region;
  logic [31:0]          region_va;
  logic [32:0]          region_size;
  logic                 region_r, region_w;
  logic                 cmd_load, check, checked, bad;
  logic [2:0]           cmd_beat;
  logic [3:0]           bad_status, bad_detail;
  logic [4:0]           bad_word;
  logic [16:0]          bad_access;
  logic [7:0]           opcode;
  logic                 start_conv, start_side, unit_done, retire, retired;
  logic                 count, merge, wait_scrub, wait_command, seq_idle;
  logic [4:0]           cnt_index;
  logic [127:0]         cnt_pair;
  logic                 row_done;
  logic                 rb_valid;
  logic [127:0]         rb_data;

  bnn_queue #(
    .BUS_BITS(BUS_BITS)
  ) u_queue (
    .clk_i          (clk_i),
    .rst_ni         (core_rst_n),
    .halt_i         (reset || stuck),
    .now_i          (now),
    .hold_i         (test_hold_i),
    .test_hang_i    (test_hang_i),
    .test_hang_ack_o(test_hang_ack_o),
    .waiting_i      (waiting),
    .pick_o         (pick),
    .pick_queue_i   (pick_queue),
    .pick_entry_i   (pick_entry),
    .pick_slot_i    (pick_slot),
    .pick_count_i   (pick_count),
    .running_o      (running),
    .run_queue_o    (run_queue),
    .run_seq_o      (run_seq),
    .fetched_o      (fetched),
    .stop_o         (stop),
    .stop_addr_o    (stop_addr),
    .finish_o       (finish),
    .finished_i     (finished),
    .tell_o         (tell),
    .asked_o        (asked),
    .kill_i         (kill),
    .kill_queue_i   (q_queue),
    .kill_seq_i     (q_wdata),
    .progress_o     (progress),
    .progress2_o    (progress2),
    .row_done_i     (row_done),
    .directory_o    (directory),
    .asid_o         (asid),
    .rq_valid_o     (s_valid),
    .rq_ready_i     (s_ready),
    .rq_virt_o      (s_virt),
    .rq_slot_o      (s_slot),
    .rq_addr_o      (s_addr),
    .rq_bytes_o     (s_bytes),
    .rb_valid_i     (rb_valid),
    .rb_ready_o     (s_rb_ready),
    .rb_data_i      (rb_data),
    .w_valid_o      (sw_valid),
    .w_ready_i      (sw_ready),
    .w_addr_o       (sw_addr),
    .w_data_o       (sw_data),
    .w_strb_o       (sw_strb),
    .fault_i        (fault),
    .fault_status_i (fault_status),
    .fault_addr_i   (fault_addr),
    .fault_slot_i   (fault_slot),
    .fault_write_i  (fault_write),
    .fault_slot_o   (held_slot),
    .fault_stream_i (held_stream),
    .fault_region_i (held_region),
    .flush_o        (seq_flush),
    .quiet_i        (quiet),
    .writes_done_i  (writes_done),
    .combine_flush_o(combine_flush),
    .scrub_o        (scrub),
    .scrub_busy_i   (scrub_busy),
    .region_i       (region),
    .region_va_o    (region_va),
    .region_size_o  (region_size),
    .region_r_o     (region_r),
    .region_w_o     (region_w),
    .cmd_load_o     (cmd_load),
    .cmd_beat_o     (cmd_beat),
    .check_o        (check),
    .checked_i      (checked),
    .bad_i          (bad),
    .bad_status_i   (bad_status),
    .bad_detail_i   (bad_detail),
    .bad_word_i     (bad_word),
    .bad_access_i   (bad_access),
    .opcode_i       (opcode),
    .start_conv_o   (start_conv),
    .start_side_o   (start_side),
    .unit_done_i    (unit_done),
    .retire_o       (retire),
    .retired_i      (retired),
    .count_o        (count),
    .cnt_index_o    (cnt_index),
    .cnt_pair_i     (cnt_pair),
    .merge_o        (merge),
    .cnt_busy_i     (cnt_busy),
    .wait_scrub_o   (wait_scrub),
    .wait_command_o (wait_command),
    .idle_o         (seq_idle)
  );

  // ---- command ----
  logic [12:0] h, w, oh, ow;
  logic [13:0] cin, cout, group, groups, cg, og, rows;
  logic [6:0]  kh, kw, sh, sw;
  logic [5:0]  taps, pad_t, pad_l;
  logic [2:0]  dh, dw, wformat;
  logic [1:0]  pad_mode, mode, wmode;
  logic [3:0]  shift, tau;
  logic        planar, shared, p1, p1_pow2, p2, p2_pow2, narrow, sum_en, frac, record;
  logic [7:0]  levels;
  logic [4:0]  s1, sb1, s2, sb2, s3;
  logic [15:0] a3;
  logic [31:0] b3;
  logic [39:0] res, flat;
  logic [24:0] formats;
  logic [14:0] k;
  logic [19:0] div;
  logic [9:0]  in_pieces, out_pieces;
  logic [7:0]  ref_used, ref_onchip;
  logic [8*32-1:0] ref_addr, ref_plane;
  logic [8*24-1:0] ref_row;
  logic [8*17-1:0] ref_pixel;
  logic [63:0] macs;
  logic [39:0] bytes_weights, bytes_act, bytes_residual, bytes_written;
  logic [31:0] present;
  logic [47:0] open_taps;

  logic unused_cmd;
  assign unused_cmd = ^{groups, cg, og, k, div, ref_used, ref_addr, ref_plane,
                        ref_row, ref_pixel, ref_onchip, out_pieces};

  bnn_cmd #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .WINDOW_WORDS(WINDOW_WORDS),
    .FEATURES    (FEATURES)
  ) u_cmd (
    .clk_i           (clk_i),
    .rst_ni          (core_rst_n),
    .clear_i         (flush),
    .load_i          (cmd_load),
    .load_beat_i     (cmd_beat),
    .load_data_i     (rb_data),
    .start_i         (check),
    .done_o          (checked),
    .bad_o           (bad),
    .status_o        (bad_status),
    .detail_o        (bad_detail),
    .word_o          (bad_word),
    .access_o        (bad_access),
    .opcode_o        (opcode),
    .region_o        (region),
    .region_va_i     (region_va),
    .region_size_i   (region_size),
    .region_r_i      (region_r),
    .region_w_i      (region_w),
    .act_bytes_i     ({act_kib_i, 10'd0}),
    .slot_i          (held_slot),
    .slot_stream_o   (held_stream),
    .slot_region_o   (held_region),
    .h_o             (h),
    .w_o             (w),
    .oh_o            (oh),
    .ow_o            (ow),
    .cin_o           (cin),
    .cout_o          (cout),
    .group_o         (group),
    .kh_o            (kh),
    .kw_o            (kw),
    .taps_o          (taps),
    .sh_o            (sh),
    .sw_o            (sw),
    .dh_o            (dh),
    .dw_o            (dw),
    .pad_t_o         (pad_t),
    .pad_l_o         (pad_l),
    .pad_mode_o      (pad_mode),
    .shift_o         (shift),
    .mode_o          (mode),
    .planar_o        (planar),
    .shared_o        (shared),
    .levels_o        (levels),
    .p1_o            (p1),
    .p1_pow2_o       (p1_pow2),
    .p2_o            (p2),
    .p2_pow2_o       (p2_pow2),
    .narrow_o        (narrow),
    .sum_en_o        (sum_en),
    .frac_o          (frac),
    .record_o        (record),
    .s1_o            (s1),
    .sb1_o           (sb1),
    .s2_o            (s2),
    .sb2_o           (sb2),
    .s3_o            (s3),
    .a3_o            (a3),
    .b3_o            (b3),
    .res_o           (res),
    .formats_o       (formats),
    .wformat_o       (wformat),
    .wmode_o         (wmode),
    .tau_o           (tau),
    .groups_o        (groups),
    .cg_o            (cg),
    .og_o            (og),
    .rows_o          (rows),
    .flat_o          (flat),
    .k_o             (k),
    .div_o           (div),
    .in_pieces_o     (in_pieces),
    .out_pieces_o    (out_pieces),
    .ref_used_o      (ref_used),
    .ref_onchip_o    (ref_onchip),
    .ref_addr_o      (ref_addr),
    .ref_row_o       (ref_row),
    .ref_pixel_o     (ref_pixel),
    .ref_plane_o     (ref_plane),
    .retire_i        (retire),
    .present_i       (present),
    .open_i          (open_taps),
    .retired_o       (retired),
    .macs_o          (macs),
    .bytes_weights_o (bytes_weights),
    .bytes_act_o     (bytes_act),
    .bytes_residual_o(bytes_residual),
    .bytes_written_o (bytes_written)
  );

  // ---- windows ----
  logic             conv_win, win_active, w_rb_valid, w_rb_ready;
  logic [127:0]     w_rb_data;
  logic [3:0]       c_plane;
  logic             g_valid, g_ready, g_rb_ready, conv_active;
  logic [31:0]      g_addr;
  logic [27:0]      g_bytes;
  logic             c_valid, c_ready, c_absent, c_tap_last, c_win_last, c_first, c_pix_last;
  logic [CH*16-1:0] c_data;
  logic [3:0]       c_count;

  bnn_window #(
    .CH(CH)
  ) u_window (
    .clk_i         (clk_i),
    .rst_ni        (core_rst_n),
    .clear_i       (flush),
    .start_i       (conv_win),
    .base_i        (ref_addr[0 +: 32]),
    .h_i           (h),
    .w_i           (w),
    .row_i         (ref_row[0 +: 24]),
    .pixel_i       (ref_pixel[0 +: 17]),
    .pieces_i      (in_pieces),
    .bytes_i       ({13'd0, in_tap_bytes}),
    .kh_i          (kh),
    .kw_i          (kw),
    .sh_i          (sh),
    .sw_i          (sw),
    .dh_i          (dh),
    .dw_i          (dw),
    .pad_t_i       (pad_t),
    .pad_l_i       (pad_l),
    .oh_i          (oh),
    .ow_i          (ow),
    .planes_i      (in_planes),
    .plane_i       (in_bits == 3'd0 ? ref_plane[0 +: 32] : 32'd0),
    .active_o      (win_active),
    .rq_valid_o    (g_valid),
    .rq_ready_i    (g_ready),
    .rq_addr_o     (g_addr),
    .rq_bytes_o    (g_bytes),
    .rb_valid_i    (w_rb_valid),
    .rb_ready_o    (w_rb_ready),
    .rb_data_i     (w_rb_data),
    .c_plane_o     (c_plane),
    .c_valid_o     (c_valid),
    .c_ready_i     (c_ready),
    .c_data_o      (c_data),
    .c_count_o     (c_count),
    .c_absent_o    (c_absent),
    .c_tap_last_o  (c_tap_last),
    .c_win_last_o  (c_win_last),
    .c_first_o     (c_first),
    .c_pix_last_o  (c_pix_last)
  );

  // Planes of IN, in memory or to be taken out of elements.
  logic [4:0]  in_planes;
  logic [2:0]  in_bits;
  logic [14:0] in_tap_bytes;
  always_comb begin
    case (formats[4:0])
      `BNN_FORMAT_O2:                                       in_planes = 5'd2;
      `BNN_FORMAT_O4, `BNN_FORMAT_U4, `BNN_FORMAT_S4,
      `BNN_FORMAT_E_O4, `BNN_FORMAT_E_U4, `BNN_FORMAT_E_S4: in_planes = 5'd4;
      `BNN_FORMAT_O8, `BNN_FORMAT_U8, `BNN_FORMAT_S8,
      `BNN_FORMAT_E_U8, `BNN_FORMAT_E_S8:                   in_planes = 5'd8;
      `BNN_FORMAT_S16, `BNN_FORMAT_E_S16:                   in_planes = 5'd16;
      default:                                              in_planes = 5'd1;
    endcase
    case (formats[4:0])
      `BNN_FORMAT_E_O4, `BNN_FORMAT_E_U4, `BNN_FORMAT_E_S4: in_bits = 3'd2;
      `BNN_FORMAT_E_U8, `BNN_FORMAT_E_S8:                   in_bits = 3'd3;
      `BNN_FORMAT_E_S16:                                    in_bits = 3'd4;
      default:                                              in_bits = 3'd0;
    endcase
  end
  assign in_tap_bytes = {14'(17'((17'(cin) << in_bits) + 17'd15) >> 4), 1'b0};

  // The tap at hand may be absent: beats under way then belong to a later one.
  logic win_active_rb;
  assign win_active_rb = conv_active && opcode == `BNN_CMD_CONV;

  bnn_slice u_slice (
    .clk_i      (clk_i),
    .rst_ni     (core_rst_n),
    .clear_i    (flush),
    .bits_i     (in_bits),
    .beats_i    (11'((15'(in_tap_bytes) + 15'd15) >> 4)),
    .plane_i    (c_plane),
    .in_valid_i (rb_valid && win_active_rb && !c_absent),
    .in_ready_o (g_rb_ready),
    .in_data_i  (rb_data),
    .out_valid_o(w_rb_valid),
    .out_ready_i(w_rb_ready),
    .out_data_o (w_rb_data)
  );
  logic unused_window;
  assign unused_window = c_pix_last;

  // ---- convolution ----
  logic        l_valid, l_ready, l_rb_valid, l_rb_ready, conv_done;
  logic [127:0] l_rb_data;
  logic [3:0]  l_slot;
  logic [31:0] l_addr;
  logic [27:0] l_bytes;
  logic        put_valid, put_ready, put_onchip;
  logic [4:0]  put_place;
  logic [31:0] put_addr;
  logic [15:0] put_data;
  logic        busy_array, wait_weights, wait_act, wait_post, wait_store;
  logic        conv_row, side_row, side_done;
  logic        layer_count;
  logic [15:0] layer_saturated;
  logic [7:0]  gates_open, gates_shut;

  bnn_layer #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .PARAM_WORDS (PARAM_WORDS),
    .WINDOW_WORDS(WINDOW_WORDS),
    .CH          (CH),
    .IMPL        (IMPL)
  ) u_layer (
    .clk_i         (clk_i),
    .rst_ni        (core_rst_n),
    .clear_i       (flush),
    .start_i       (start_conv),
    .done_o        (conv_done),
    .active_o      (conv_active),
    .cin_i         (cin),
    .cout_i        (cout),
    .taps_i        (taps),
    .pad_mode_i    (pad_mode),
    .oh_i          (oh),
    .ow_i          (ow),
    .wformat_i     (wformat),
    .wmode_i       (wmode),
    .rows_i        (rows),
    .flat_i        (flat),
    .tau_i         (tau),
    .ew_i          (opcode == `BNN_CMD_EW),
    .res_i         (res),
    .frac_i        (frac),
    .narrow_i      (narrow),
    .record_i      (record),
    .sum_en_i      (sum_en),
    .p1_i          (p1),
    .p1_pow2_i     (p1_pow2),
    .p2_i          (p2),
    .p2_pow2_i     (p2_pow2),
    .ps_i          (shift),
    .s1_i          (s1),
    .sb1_i         (sb1),
    .s2_i          (s2),
    .sb2_i         (sb2),
    .s3_i          (s3),
    .a3_i          (a3),
    .b3_i          (b3),
    .formats_i     (formats),
    .ref_onchip_i  (ref_onchip),
    .ref_addr_i    (ref_addr),
    .ref_row_i     (ref_row),
    .ref_pixel_i   (ref_pixel),
    .ref_plane_i   (ref_plane),
    .rq_valid_o    (l_valid),
    .rq_ready_i    (l_ready),
    .rq_slot_o     (l_slot),
    .rq_addr_o     (l_addr),
    .rq_bytes_o    (l_bytes),
    .rb_valid_i    (l_rb_valid),
    .rb_ready_o    (l_rb_ready),
    .rb_data_i     (l_rb_data),
    .win_start_o   (conv_win),
    .c_valid_i     (c_valid),
    .c_ready_o     (c_ready),
    .c_data_i      (c_data),
    .c_count_i     (c_count),
    .c_absent_i    (c_absent),
    .c_tap_last_i  (c_tap_last),
    .c_win_last_i  (c_win_last),
    .c_first_i     (c_first),
    .put_valid_o   (put_valid),
    .put_ready_i   (put_ready),
    .put_place_o   (put_place),
    .put_onchip_o  (put_onchip),
    .put_addr_o    (put_addr),
    .put_data_o    (put_data),
    .present_o     (present),
    .open_o        (open_taps),
    .count_o       (layer_count),
    .saturated_o   (layer_saturated),
    .gates_open_o  (gates_open),
    .gates_shut_o  (gates_shut),
    .busy_array_o  (busy_array),
    .wait_weights_o(wait_weights),
    .wait_act_o    (wait_act),
    .wait_post_o   (wait_post),
    .wait_store_o  (wait_store),
    .row_done_o    (conv_row)
  );

  // ---- ENC, POOL, TRANSPOSE, GATEFOLD ----
  logic         e_valid, e_ready, e_onchip, e_rb_ready, side_active, se_valid, se_ready, se_onchip;
  logic [3:0]   e_slot;
  logic [31:0]  e_addr;
  logic [27:0]  e_bytes;
  logic [31:4]  se_addr;
  logic [127:0] se_data;
  logic [15:0]  se_strb;
  logic [2:0]   side_sat;

  bnn_side u_side (
    .clk_i          (clk_i),
    .rst_ni         (core_rst_n),
    .clear_i        (flush),
    .start_i        (start_side),
    .done_o         (side_done),
    .active_o       (side_active),
    .opcode_i       (opcode),
    .mode_i         (mode),
    .planar_i       (planar),
    .shared_i       (shared),
    .levels_i       (levels),
    .div_i          (div),
    .h_i            (h),
    .w_i            (w),
    .cin_i          (cin),
    .group_i        (group),
    .kh_i           (kh),
    .kw_i           (kw),
    .sh_i           (sh),
    .sw_i           (sw),
    .pad_t_i        (pad_t),
    .pad_l_i        (pad_l),
    .oh_i           (oh),
    .ow_i           (ow),
    .in_addr_i      (ref_addr[0 +: 32]),
    .in_onchip_i    (ref_onchip[0]),
    .in_row_i       (ref_row[0 +: 24]),
    .in_pixel_i     (ref_pixel[0 +: 17]),
    .second_addr_i  (ref_addr[1*32 +: 32]),
    .second_onchip_i(ref_onchip[1]),
    .third_addr_i   (ref_addr[2*32 +: 32]),
    .third_onchip_i (ref_onchip[2]),
    .format_i       (formats[9:5]),
    .out_addr_i     (ref_addr[3*32 +: 32]),
    .out_onchip_i   (ref_onchip[3]),
    .out_row_i      (ref_row[3*24 +: 24]),
    .out_pixel_i    (ref_pixel[3*17 +: 17]),
    .out_plane_i    (ref_plane[3*32 +: 32]),
    .sat_o          (side_sat),
    .row_done_o     (side_row),
    .rq_valid_o     (e_valid),
    .rq_ready_i     (e_ready),
    .rq_onchip_o    (e_onchip),
    .rq_slot_o      (e_slot),
    .rq_addr_o      (e_addr),
    .rq_bytes_o     (e_bytes),
    .rb_valid_i     (rb_valid && side_active),
    .rb_ready_o     (e_rb_ready),
    .rb_data_i      (rb_data),
    .wr_valid_o     (se_valid),
    .wr_ready_i     (se_ready),
    .wr_onchip_o    (se_onchip),
    .wr_addr_o      (se_addr),
    .wr_data_o      (se_data),
    .wr_strb_o      (se_strb)
  );

  assign unit_done = conv_done || side_done;
  assign row_done  = conv_row || side_row;

  // ---- reads of windows and of all but layers: one unit at a time, each either on chip or not ----
  logic                use_onchip, src_onchip, beat_onchip, rq_valid, rq_ready, src_valid, src_ready;
  logic [BUS_BITS-1:0] rq_addr, src_addr;
  logic [27:0]         rq_bytes;
  logic [23:0]         src_beats;
  logic [3:0]          rq_slot;
  logic                rb_ready, beat_valid, beat_ready;
  logic [127:0]        beat_data;
  logic                dma_rq_ready, act_rq_ready, dma_rb_valid, act_rb_valid;
  logic [127:0]        dma_rb_data, act_rb_data;
  logic [31:0]         unit_addr;

  assign use_onchip = conv_active ? ref_onchip[0]
                    : side_active && e_onchip;
  assign unit_addr  = g_valid ? g_addr : e_addr;
  assign rq_valid   = s_valid || g_valid || e_valid;
  assign rq_addr    = s_valid ? s_addr : BUS_BITS'(unit_addr);
  assign rq_bytes   = s_valid ? s_bytes : g_valid ? g_bytes : e_bytes;
  assign rq_slot    = s_valid ? s_slot : g_valid ? 4'd0 : e_slot;
  assign s_ready    = rq_ready;
  assign g_ready    = rq_ready && !s_valid;
  assign e_ready    = rq_ready && !s_valid && !g_valid;
  assign rb_ready   = s_rb_ready || (g_rb_ready && win_active_rb && !c_absent) || e_rb_ready;
  assign src_ready  = src_onchip ? act_rq_ready : dma_rq_ready;
  assign beat_valid = beat_onchip ? act_rb_valid : dma_rb_valid;
  assign beat_data  = beat_onchip ? act_rb_data : dma_rb_data;

  bnn_align #(
    .BUS_BITS(BUS_BITS)
  ) u_align (
    .clk_i       (clk_i),
    .rst_ni      (core_rst_n),
    .clear_i     (flush),
    .rq_valid_i  (rq_valid),
    .rq_ready_o  (rq_ready),
    .rq_onchip_i (use_onchip),
    .rq_addr_i   (rq_addr),
    .rq_bytes_i  (rq_bytes),
    .rb_valid_o  (rb_valid),
    .rb_ready_i  (rb_ready),
    .rb_data_o   (rb_data),
    .src_valid_o (src_valid),
    .src_ready_i (src_ready),
    .src_onchip_o(src_onchip),
    .src_addr_o  (src_addr),
    .src_beats_o (src_beats),
    .beat_onchip_o(beat_onchip),
    .beat_valid_i(beat_valid),
    .beat_ready_o(beat_ready),
    .beat_data_i (beat_data)
  );

  // ---- reads of layers: weights, parameters, residuals ----
  logic         src2_valid, src2_ready, src2_onchip, beat2_onchip, beat2_valid, beat2_ready;
  logic         dma2_rq_ready, act2_rq_ready, dma2_rb_valid, act2_rb_valid;
  logic [31:0]  src2_addr;
  logic [23:0]  src2_beats;
  logic [127:0] beat2_data, dma2_rb_data, act2_rb_data;

  assign src2_ready  = src2_onchip ? act2_rq_ready : dma2_rq_ready;
  assign beat2_valid = beat2_onchip ? act2_rb_valid : dma2_rb_valid;
  assign beat2_data  = beat2_onchip ? act2_rb_data : dma2_rb_data;

  bnn_align #(
    .BUS_BITS(32)
  ) u_align2 (
    .clk_i        (clk_i),
    .rst_ni       (core_rst_n),
    .clear_i      (flush),
    .rq_valid_i   (l_valid),
    .rq_ready_o   (l_ready),
    .rq_onchip_i  (ref_onchip[l_slot[2:0]]),
    .rq_addr_i    (l_addr),
    .rq_bytes_i   (l_bytes),
    .rb_valid_o   (l_rb_valid),
    .rb_ready_i   (l_rb_ready),
    .rb_data_o    (l_rb_data),
    .src_valid_o  (src2_valid),
    .src_ready_i  (src2_ready),
    .src_onchip_o (src2_onchip),
    .src_addr_o   (src2_addr),
    .src_beats_o  (src2_beats),
    .beat_onchip_o(beat2_onchip),
    .beat_valid_i (beat2_valid),
    .beat_ready_o (beat2_ready),
    .beat_data_i  (beat2_data)
  );

  // ---- writes ----
  logic         cw_valid, cw_ready, cw_onchip, combine_empty, dma_w_ready, act_w_ready, dma_writes;
  logic [4:0]   cw_place;
  logic [31:4]  cw_addr;
  logic [127:0] cw_data;
  logic [15:0]  cw_strb;

  bnn_wcombine u_wcombine (
    .clk_i      (clk_i),
    .rst_ni     (core_rst_n),
    .clear_i    (flush),
    .put_valid_i(put_valid),
    .put_ready_o(put_ready),
    .put_place_i (put_place),
    .put_onchip_i(put_onchip),
    .put_addr_i (put_addr),
    .put_data_i (put_data),
    .flush_i    (combine_flush),
    .empty_o    (combine_empty),
    .w_valid_o  (cw_valid),
    .w_ready_i  (cw_ready),
    .w_place_o  (cw_place),
    .w_onchip_o (cw_onchip),
    .w_addr_o   (cw_addr),
    .w_data_o   (cw_data),
    .w_strb_o   (cw_strb)
  );

  // A layer and a side unit do not run at the same time yet.
  logic         u_valid, u_ready, u_onchip;
  logic [31:4]  u_addr;
  logic [127:0] u_data;
  logic [15:0]  u_strb;
  assign u_valid  = cw_valid || se_valid;
  assign u_onchip = cw_valid ? cw_onchip : se_onchip;
  assign u_addr   = cw_valid ? cw_addr : se_addr;
  assign u_data   = cw_valid ? cw_data : se_data;
  assign u_strb   = cw_valid ? cw_strb : se_strb;
  assign u_ready  = u_onchip ? act_w_ready : (dma_w_ready && !sw_valid);
  assign cw_ready = u_ready;
  assign se_ready = u_ready && !cw_valid;
  assign sw_ready    = dma_w_ready;
  assign writes_done = combine_empty && !dma_writes;

  bnn_actmem #(
    .KIB(ACT_KIB)
  ) u_actmem (
    .clk_i       (clk_i),
    .rst_ni      (core_rst_n),
    .flush_i     (flush),
    .scrub_i     (scrub),
    .scrub_busy_o(scrub_busy),
    .r0_valid_i  (src_valid && src_onchip),
    .r0_ready_o  (act_rq_ready),
    .r0_addr_i   (src_addr[31:0]),
    .r0_beats_i  (src_beats),
    .b0_valid_o  (act_rb_valid),
    .b0_ready_i  (beat_ready && beat_onchip),
    .b0_data_o   (act_rb_data),
    .r1_valid_i  (src2_valid && src2_onchip),
    .r1_ready_o  (act2_rq_ready),
    .r1_addr_i   (src2_addr),
    .r1_beats_i  (src2_beats),
    .b1_valid_o  (act2_rb_valid),
    .b1_ready_i  (beat2_ready && beat2_onchip),
    .b1_data_o   (act2_rb_data),
    .w_valid_i   (u_valid && u_onchip && !flush),
    .w_ready_o   (act_w_ready),
    .w_addr_i    (u_addr),
    .w_data_i    (u_data),
    .w_strb_i    (u_strb)
  );

  logic [4:0] reads;
  logic       read_start, line_read, walk;

  bnn_bus #(
    .BUS_BITS(BUS_BITS),
    .READS   (2)
  ) u_bus (
    .clk_i         (clk_i),
    .rst_ni        (core_rst_n),
    .flush_i       (flush),
    .quiet_o       (dma_quiet),
    .writes_o      (dma_writes),
    .reads_o       (reads),
    .read_start_o  (read_start),
    .line_read_o   (line_read),
    .walk_o        (walk),
    .directory_i   (directory),
    .asid_i        (asid),
    .inv_req_i     (inv_req),
    .inv_asid_i    (inv_asid),
    .inv_done_o    (inv_done),
    .rq_valid_i    ({src_valid && !src_onchip, src2_valid && !src2_onchip}),
    .rq_ready_o    ({dma_rq_ready, dma2_rq_ready}),
    .rq_virt_i     ({!s_valid || s_virt, 1'b1}),
    .rq_slot_i     ({rq_slot, l_slot}),
    .rq_addr_i     ({src_addr, BUS_BITS'(src2_addr)}),
    .rq_beats_i    ({src_beats, src2_beats}),
    .rb_valid_o    ({dma_rb_valid, dma2_rb_valid}),
    .rb_ready_i    ({beat_ready && !beat_onchip, beat2_ready && !beat2_onchip}),
    .rb_data_o     ({dma_rb_data, dma2_rb_data}),
    .w_valid_i     ((sw_valid || (u_valid && !u_onchip)) && !flush),
    .w_ready_o     (dma_w_ready),
    .w_virt_i      (!sw_valid),
    .w_slot_i      (sw_valid ? 4'd9 : !cw_valid ? 4'd3 : cw_place == 5'd16 ? 4'd4 : cw_place == 5'd17 ? 4'd7 : 4'd3),
    .w_addr_i      (sw_valid ? sw_addr[BUS_BITS-1:4] : (BUS_BITS-4)'(u_addr)),
    .w_data_i      (sw_valid ? sw_data : u_data),
    .w_strb_i      (sw_valid ? sw_strb : u_strb),
    .fault_o       (fault),
    .fault_status_o(fault_status),
    .fault_addr_o  (fault_addr),
    .fault_slot_o  (fault_slot),
    .fault_write_o (fault_write),
    .arvalid_o     (arvalid_o),
    .arready_i     (arready_i),
    .araddr_o      (araddr_o),
    .arlen_o       (arlen_o),
    .rvalid_i      (rvalid_i),
    .rready_o      (rready_o),
    .rdata_i       (rdata_i),
    .rresp_i       (rresp_i),
    .rlast_i       (rlast_i),
    .awvalid_o     (awvalid_o),
    .awready_i     (awready_i),
    .awaddr_o      (awaddr_o),
    .awlen_o       (awlen_o),
    .wvalid_o      (wvalid_o),
    .wready_i      (wready_i),
    .wdata_o       (wdata_o),
    .wstrb_o       (wstrb_o),
    .wlast_o       (wlast_o),
    .bvalid_i      (bvalid_i),
    .bready_o      (bready_o),
    .bresp_i       (bresp_i)
  );

  assign quiet = dma_quiet;

  // ---- counters ----
  logic [23:0] inc;
  always_comb begin
    inc = '0;
    inc[`BNN_COUNTER_CYCLES]        = 1'b1;
    inc[`BNN_COUNTER_ARRAY_BUSY]    = busy_array;
    inc[`BNN_COUNTER_STALL_WEIGHTS] = wait_weights;
    inc[`BNN_COUNTER_STALL_ACT]     = wait_act && !c_valid;
    inc[`BNN_COUNTER_STALL_POST]    = wait_post;
    inc[`BNN_COUNTER_STALL_STORE]   = wait_store;
    inc[`BNN_COUNTER_STALL_WALK]    = walk;
    inc[`BNN_COUNTER_STALL_SCRUB]   = wait_scrub;
    inc[`BNN_COUNTER_STALL_COMMAND] = wait_command;
    inc[`BNN_COUNTER_PTE_READS]     = line_read;
    inc[`BNN_COUNTER_LATENCY_COUNT] = read_start;
  end

  bnn_counters u_counters (
    .clk_i       (clk_i),
    .rst_ni      (core_rst_n),
    .inc_i       (inc),
    .reads_i     (reads),
    .count_i     (count),
    .retire_i    (retired),
    .macs_i      (macs),
    .weights_i   (bytes_weights),
    .act_i       (bytes_act),
    .residual_i  (bytes_residual),
    .written_i   (bytes_written),
    .add_i       (layer_count || side_sat != 3'd0),
    .saturated_i (side_active ? {13'd0, side_sat} : layer_saturated),
    .gates_open_i(gates_open),
    .gates_shut_i(gates_shut),
    .job_index_i (cnt_index),
    .job_pair_o  (cnt_pair),
    .merge_i     (merge),
    .snapshot_i  (snapshot),
    .clear_i     (clear_cnt),
    .busy_o      (cnt_busy),
    .snap_index_i(snap_index),
    .snap_o      (snap)
  );

  assign idle_o = seq_idle && !regs_pending && !cnt_busy && !win_active && quiet;

endmodule
