// SPDX-License-Identifier: MIT
// The accelerator core: a register port, an AXI4 master and five interrupt
// pulses. docs/hardware.md tells what they mean.
//
//   bnn_regs, bnn_rings   registers, queues, interrupts, soft reset
//   bnn_queue             jobs: entry, regions, completion
//   bnn_front             commands: fetch, checks, order, retirement
//   bnn_load              weights and parameters, ahead of execution
//   bnn_exec, bnn_side    the units that execute
//   bnn_read_port         bytes at any address, from
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
  parameter int          BLOCK_RAM    = 1,   // also where LUTs would do
  parameter int          POST_LANES   = 16,  // channels per cycle of the pipe: 2 to LANES
  parameter int          POST_MULT    = 1,   // multipliers of the pipe, see bnn_post
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

  localparam int WINDOW_WORDS = 256;       // of the window buffer
  localparam int READS  = 6;               // sequencer, IN, RES1, RES2, side units, loader: as they come first on the bus
  localparam int WRITES = 3;               // OUTP, OUTS and SUM, others
  localparam int FEATURES = (1 << `BNN_FEATURES_BINARY_BIT) | (1 << `BNN_FEATURES_POST_BIT) |
                            (1 << `BNN_FEATURES_FRAC_BIT) | (1 << `BNN_FEATURES_PLANES_BIT) |
                            (1 << `BNN_FEATURES_STREAM_BIT) | (1 << `BNN_FEATURES_TILED_BIT) |
                            (1 << `BNN_FEATURES_CODEBOOK_BIT) | (1 << `BNN_FEATURES_GROUPS_BIT) | (1 << `BNN_FEATURES_PROFILE_BIT) |
                            ((LANE_BITS == 256) ? 1 << `BNN_FEATURES_STEM_MAC_BIT : 0) |
                            ((POST_MULT == 0) ? 1 << `BNN_FEATURES_SHIFT_ONLY_BIT : 0);

  logic unused;
  assign unused = ^{stop_addr[BUS_BITS-1:31], run_seq[63:31], sw_addr[3:0], combine_flush, conv_active};

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
  logic [BUS_BITS-1:0] pick_ring, pick_cq, stop_addr;
  logic [7:0]  pick_at;
  logic [8:0]  pick_size;
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
    .pick_ring_o (pick_ring),
    .pick_cq_o   (pick_cq),
    .pick_at_o   (pick_at),
    .pick_size_o (pick_size),
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
  logic                 s_valid, s_ready, s_rb_ready;
  logic [BUS_BITS-1:0]  s_addr;
  logic [27:0]          s_bytes;
  logic                 sw_valid, sw_ready;
  logic [BUS_BITS-1:0]  sw_addr;
  logic [127:0]         sw_data;
  logic [15:0]          sw_strb;
  logic                 fault, fault_write, fault_lost, writes_done, combine_flush, scrub, scrub_busy;
  logic [2:0]           fault_stream;
  logic [3:0]           fault_status;
  logic [BUS_BITS-1:0]  fault_addr;
  logic [3:0]           fault_slot;
  logic [BUS_BITS-1:14] directory;
  logic [15:0]          asid;
  logic [4:0]           region;
  logic [31:0]          region_va;
  logic [32:0]          region_size;
  logic                 region_r, region_w;
  logic                 front_start, step, stepped, front_end, bad, log, macs_add, macs_busy, log_dropped;
  logic [31:0]          list, log_va, bad_word;
  logic [16:0]          cmd_count, bad_access;
  logic [15:0]          loop_start, iterations, index, iter;
  logic [32:0]          log_size;
  logic [5:0]           log_region;
  logic [47:0]          elapsed;
  logic [3:0]           bad_status, bad_detail, stall;
  logic [BUS_BITS-1:12] bad_page;
  logic [7:0]           opcode;
  logic                 start_conv, start_side, unit_done, retire;
  logic                 count, merge, wait_scrub, wait_command, seq_idle;
  logic                 cnt_valid, cnt_take, retire_busy;
  logic [127:0]         cnt_pair;
  logic                 row_done;
  logic                 q_valid;
  logic [127:0]         q_data;

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
    .pick_ring_i    (pick_ring),
    .pick_cq_i      (pick_cq),
    .pick_at_i      (pick_at),
    .pick_size_i    (pick_size),
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
    .retire_i       (retire),
    .directory_o    (directory),
    .asid_o         (asid),
    .rq_valid_o     (s_valid),
    .rq_ready_i     (s_ready),
    .rq_addr_o      (s_addr),
    .rq_bytes_o     (s_bytes),
    .rb_valid_i     (q_valid),
    .rb_ready_o     (s_rb_ready),
    .rb_data_i      (q_data),
    .w_valid_o      (sw_valid),
    .w_ready_i      (sw_ready),
    .w_addr_o       (sw_addr),
    .w_data_o       (sw_data),
    .w_strb_o       (sw_strb),
    .fault_i        (fault && fault_slot == 4'd9),
    .fault_status_i (fault_status),
    .fault_addr_i   (fault_addr),
    .flush_o        (seq_flush),
    .quiet_i        (quiet),
    .scrub_o        (scrub),
    .scrub_busy_i   (scrub_busy),
    .region_i       (region),
    .region_va_o    (region_va),
    .region_size_o  (region_size),
    .region_r_o     (region_r),
    .region_w_o     (region_w),
    .start_o        (front_start),
    .list_o         (list),
    .cmd_count_o    (cmd_count),
    .loop_start_o   (loop_start),
    .iterations_o   (iterations),
    .log_o          (log),
    .log_va_o       (log_va),
    .log_size_o     (log_size),
    .log_region_o   (log_region),
    .elapsed_o      (elapsed),
    .step_i         (step),
    .stepped_o      (stepped),
    .end_i          (front_end),
    .bad_i          (bad),
    .bad_status_i   (bad_status),
    .bad_detail_i   (bad_detail),
    .bad_word_i     (bad_word),
    .bad_access_i   (bad_access),
    .bad_page_i     (bad_page),
    .index_i        (index),
    .iter_i         (iter),
    .macs_busy_i    (macs_busy),
    .count_o        (count),
    .cnt_valid_i    (cnt_valid),
    .cnt_take_o     (cnt_take),
    .cnt_pair_i     (cnt_pair),
    .merge_o        (merge),
    .cnt_busy_i     (cnt_busy),
    .idle_o         (seq_idle)
  );

  // ---- commands; names are of the fields of the one that runs ----
  logic [12:0] h, w, oh, ow;
  logic [13:0] cin, cout, group, cg, og, rows;
  logic [6:0]  kh, kw, sh, sw;
  logic [5:0]  pad_t, pad_l;
  logic [2:0]  dh, dw, wformat;
  logic [1:0]  pad_mode, mode;
  logic [3:0]  shift;
  logic        planar, shared, p1, p2, sum_en, frac;
  logic [7:0]  levels;
  logic [4:0]  s1, s2, s3;
  logic [15:0] a3;
  logic [31:0] b3;
  logic [39:0] res;
  logic [24:0] formats;
  logic [19:0] div;
  logic [7:0]  ref_used, ref_onchip;
  logic [8*32-1:0] ref_addr, ref_plane;
  logic [8*24-1:0] ref_row;
  logic [8*17-1:0] ref_pixel;
  logic [63:0] macs;
  logic [39:0] bytes_weights, bytes_act, bytes_residual, bytes_written;
  logic [31:0] present;
  logic [47:0] open_taps;

  logic unused_cmd;
  assign unused_cmd = ^ref_used;

  // The command that is being loaded.
  logic        load_start, load_done, l_ew, l_narrow, l_frac, l_record, l_w_onchip, l_p_onchip;
  logic [12:0] l_w;
  logic [13:0] l_cout, l_groups, l_cg, l_og, l_rows;
  logic [2:0]  l_kh, l_kw, l_sh, l_dh, l_dw, l_wformat;
  logic [5:0]  l_taps;
  logic [1:0]  l_pad_mode, l_wmode;
  logic [3:0]  l_tau;
  logic [7:0]  l_tile_p;
  logic [39:0] l_flat;
  logic [4:0]  l_in_format;
  logic [22:0] l_pipe;
  logic [31:0] l_w_addr, l_p_addr;

  logic         f_valid, f_ready, f_rb_valid, f_rb_ready, fw_valid, fw_ready;
  logic [31:0]  f_addr;
  logic [127:0] f_rb_data, fw_data;
  logic [31:4]  fw_addr;
  logic [15:0]  fw_strb;

  bnn_front #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .WINDOW_WORDS(WINDOW_WORDS),
    .FEATURES    (FEATURES),
    .BUS_BITS    (BUS_BITS)
  ) u_front (
    .clk_i              (clk_i),
    .rst_ni             (core_rst_n),
    .clear_i            (flush),
    .start_i            (front_start),
    .list_i             (list),
    .cmd_count_i        (cmd_count),
    .loop_start_i       (loop_start),
    .iterations_i       (iterations),
    .log_i              (log),
    .log_va_i           (log_va),
    .log_size_i         (log_size),
    .log_region_i       (log_region),
    .elapsed_i          (elapsed),
    .stall_i            (stall),
    .step_o             (step),
    .stepped_i          (stepped),
    .region_o           (region),
    .region_va_i        (region_va),
    .region_size_i      (region_size),
    .region_r_i         (region_r),
    .region_w_i         (region_w),
    .act_bytes_i        ({act_kib_i, 10'd0}),
    .end_o              (front_end),
    .bad_o              (bad),
    .status_o           (bad_status),
    .detail_o           (bad_detail),
    .word_o             (bad_word),
    .access_o           (bad_access),
    .page_o             (bad_page),
    .index_o            (index),
    .iter_o             (iter),
    .rq_valid_o         (f_valid),
    .rq_ready_i         (f_ready),
    .rq_addr_o          (f_addr),
    .rb_valid_i         (f_rb_valid),
    .rb_ready_o         (f_rb_ready),
    .rb_data_i          (f_rb_data),
    .w_valid_o          (fw_valid),
    .w_ready_i          (fw_ready),
    .w_addr_o           (fw_addr),
    .w_data_o           (fw_data),
    .w_strb_o           (fw_strb),
    .fault_i            (fault),
    .fault_status_i     (fault_status),
    .fault_addr_i       (fault_addr),
    .fault_slot_i       (fault_slot),
    .fault_write_i      (fault_write),
    .fault_load_i       (fault_stream == 3'(READS - 1) && !fault_write),
    .fault_lost_i       (fault_lost),
    .start_conv_o       (start_conv),
    .start_side_o       (start_side),
    .unit_done_i        (unit_done),
    .combine_flush_o    (combine_flush),
    .writes_done_i      (writes_done),
    .present_i          (present),
    .open_i             (open_taps),
    .l_start_o          (load_start),
    .l_done_i           (load_done),
    .retire_o           (retire),
    .retire_busy_i      (retire_busy),
    .macs_add_o         (macs_add),
    .macs_o             (macs),
    .macs_busy_o        (macs_busy),
    .log_dropped_o      (log_dropped),
    .wait_command_o     (wait_command),
    .x_opcode_o         (opcode),
    .l_ew_o             (l_ew),
    .l_w_o              (l_w),
    .l_cout_o           (l_cout),
    .l_kh_o             (l_kh),
    .l_kw_o             (l_kw),
    .l_taps_o           (l_taps),
    .l_sh_o             (l_sh),
    .l_dh_o             (l_dh),
    .l_dw_o             (l_dw),
    .l_pad_mode_o       (l_pad_mode),
    .l_narrow_o         (l_narrow),
    .l_frac_o           (l_frac),
    .l_record_o         (l_record),
    .l_wformat_o        (l_wformat),
    .l_wmode_o          (l_wmode),
    .l_tau_o            (l_tau),
    .l_tile_p_o         (l_tile_p),
    .l_groups_o         (l_groups),
    .l_cg_o             (l_cg),
    .l_og_o             (l_og),
    .l_rows_o           (l_rows),
    .l_flat_o           (l_flat),
    .l_in_format_o      (l_in_format),
    .l_pipe_o           (l_pipe),
    .l_w_onchip_o       (l_w_onchip),
    .l_w_addr_o         (l_w_addr),
    .l_p_onchip_o       (l_p_onchip),
    .l_p_addr_o         (l_p_addr),
    .x_h_o              (h),
    .x_w_o              (w),
    .x_oh_o             (oh),
    .x_ow_o             (ow),
    .x_cin_o            (cin),
    .x_cout_o           (cout),
    .x_group_o          (group),
    .x_kh_o             (kh),
    .x_kw_o             (kw),
    .x_sh_o             (sh),
    .x_sw_o             (sw),
    .x_dh_o             (dh),
    .x_dw_o             (dw),
    .x_pad_t_o          (pad_t),
    .x_pad_l_o          (pad_l),
    .x_pad_mode_o       (pad_mode),
    .x_shift_o          (shift),
    .x_mode_o           (mode),
    .x_planar_o         (planar),
    .x_shared_o         (shared),
    .x_levels_o         (levels),
    .x_p1_o             (p1),
    .x_p2_o             (p2),
    .x_sum_en_o         (sum_en),
    .x_frac_o           (frac),
    .x_s1_o             (s1),
    .x_s2_o             (s2),
    .x_s3_o             (s3),
    .x_a3_o             (a3),
    .x_b3_o             (b3),
    .x_res_o            (res),
    .x_formats_o        (formats),
    .x_wformat_o        (wformat),
    .x_cg_o             (cg),
    .x_og_o             (og),
    .x_rows_o           (rows),
    .x_div_o            (div),
    .x_bytes_weights_o  (bytes_weights),
    .x_bytes_act_o      (bytes_act),
    .x_bytes_residual_o (bytes_residual),
    .x_bytes_written_o  (bytes_written),
    .x_ref_used_o       (ref_used),
    .x_ref_onchip_o     (ref_onchip),
    .x_ref_addr_o       (ref_addr),
    .x_ref_row_o        (ref_row),
    .x_ref_pixel_o      (ref_pixel),
    .x_ref_plane_o      (ref_plane)
  );

  // ---- loader ----
  localparam int AW = $clog2(WEIGHT_WORDS);
  localparam int PW = $clog2(PARAM_WORDS);
  localparam int LW = $clog2(LANES);
  logic                    l_valid, l_ready, l_param, l_rb_valid, l_rb_ready;
  logic [31:0]             l_addr;
  logic [27:0]             l_bytes;
  logic [127:0]            l_rb_data;
  logic                    lw_we, lt_we, lt_half, lp_we;
  logic [LW-1:0]           lw_lane, lt_lane, lp_lane;
  logic [AW-1:0]           lw_addr, ck_wbase;
  logic [LANE_BITS/16-1:0] lw_en;
  logic [LANE_BITS-1:0]    lw_data;
  logic [PW-1:0]           lt_addr, lp_addr, ck_pbase, ck_tbase;
  logic [17:0]             lt_data;
  logic [372:0]            lp_data;
  logic                    ck_valid, ck_ready, ck_free, ck_split, ck_slice, ck_mac, ck_last;
  logic [13:0]             ck_group, ck_lead, ck_convs, ck_first, ck_rows;
  logic [PW:0]             ck_tiles, ck_groups;
  logic [7:0]              ck_copies;
  logic [AW:0]             ck_row_words;

  bnn_load #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .PARAM_WORDS (PARAM_WORDS)
  ) u_load (
    .clk_i         (clk_i),
    .rst_ni        (core_rst_n),
    .clear_i       (flush),
    .start_i       (load_start),
    .done_o        (load_done),
    .d_ew_i        (l_ew),
    .d_cout_i      (l_cout),
    .d_cg_i        (l_cg),
    .d_og_i        (l_og),
    .d_groups_i    (l_groups),
    .d_taps_i      (l_taps),
    .d_kh_i        (l_kh),
    .d_kw_i        (l_kw),
    .d_sh_i        (l_sh),
    .d_dh_i        (l_dh),
    .d_dw_i        (l_dw),
    .d_w_i         (l_w),
    .d_pad_mode_i  (l_pad_mode),
    .d_in_format_i (l_in_format),
    .d_wformat_i   (l_wformat),
    .d_wmode_i     (l_wmode),
    .d_rows_i      (l_rows),
    .d_flat_i      (l_flat),
    .d_tau_i       (l_tau),
    .d_tile_p_i    (l_tile_p),
    .d_record_i    (l_record),
    .d_narrow_i    (l_narrow),
    .d_frac_i      (l_frac),
    .d_w_addr_i    (l_w_addr),
    .d_p_addr_i    (l_p_addr),
    .rq_valid_o    (l_valid),
    .rq_ready_i    (l_ready),
    .rq_param_o    (l_param),
    .rq_addr_o     (l_addr),
    .rq_bytes_o    (l_bytes),
    .rb_valid_i    (l_rb_valid),
    .rb_ready_o    (l_rb_ready),
    .rb_data_i     (l_rb_data),
    .lw_we_o       (lw_we),
    .lw_lane_o     (lw_lane),
    .lw_addr_o     (lw_addr),
    .lw_en_o       (lw_en),
    .lw_data_o     (lw_data),
    .lt_we_o       (lt_we),
    .lt_lane_o     (lt_lane),
    .lt_half_o     (lt_half),
    .lt_addr_o     (lt_addr),
    .lt_data_o     (lt_data),
    .lp_we_o       (lp_we),
    .lp_lane_o     (lp_lane),
    .lp_addr_o     (lp_addr),
    .lp_data_o     (lp_data),
    .ck_valid_o    (ck_valid),
    .ck_ready_i    (ck_ready),
    .ck_group_o    (ck_group),
    .ck_lead_o     (ck_lead),
    .ck_convs_o    (ck_convs),
    .ck_first_o    (ck_first),
    .ck_rows_o     (ck_rows),
    .ck_tiles_o    (ck_tiles),
    .ck_groups_o   (ck_groups),
    .ck_copies_o   (ck_copies),
    .ck_row_words_o(ck_row_words),
    .ck_wbase_o    (ck_wbase),
    .ck_pbase_o    (ck_pbase),
    .ck_tbase_o    (ck_tbase),
    .ck_split_o    (ck_split),
    .ck_slice_o    (ck_slice),
    .ck_mac_o      (ck_mac),
    .ck_last_o     (ck_last),
    .ck_free_i     (ck_free)
  );

  // ---- CONV, EW ----
  logic [2:0]     x_valid, x_ready, x_rb_valid, x_rb_ready;
  logic [3*32-1:0] x_addr;
  logic [3*28-1:0] x_bytes;
  logic [3*128-1:0] x_rb_data;
  logic [1:0]     xw_valid, xw_ready, xw_onchip;
  logic [2*28-1:0] xw_addr;
  logic [2*128-1:0] xw_data;
  logic [2*16-1:0] xw_strb;
  logic           xw_sum, conv_done, conv_active, conv_row, layer_count;
  logic           busy_array, wait_weights, wait_act, wait_post, wait_residual, wait_store;
  logic [15:0]    layer_saturated;
  logic [7:0]     gates_open, gates_shut;

  bnn_exec #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .PARAM_WORDS (PARAM_WORDS),
    .WINDOW_WORDS(WINDOW_WORDS),
    .BLOCK_RAM   (BLOCK_RAM),
    .POST_LANES  (POST_LANES),
    .MULT        (POST_MULT),
    .IMPL        (IMPL)
  ) u_exec (
    .clk_i          (clk_i),
    .rst_ni         (core_rst_n),
    .clear_i        (flush),
    .start_i        (start_conv),
    .done_o         (conv_done),
    .active_o       (conv_active),
    .ew_i           (opcode == `BNN_CMD_EW),
    .h_i            (h),
    .w_i            (w),
    .oh_i           (oh),
    .ow_i           (ow),
    .cout_i         (cout),
    .cg_i           (cg),
    .og_i           (og),
    .kh_i           (kh[2:0]),
    .kw_i           (kw[2:0]),
    .sh_i           (sh[2:0]),
    .sw_i           (sw[2:0]),
    .dh_i           (dh),
    .dw_i           (dw),
    .pad_t_i        (pad_t[4:0]),
    .pad_l_i        (pad_l[4:0]),
    .pad_mode_i     (pad_mode),
    .wformat_i      (wformat),
    .rows_i         (rows),
    .res_i          (res),
    .frac_i         (frac),
    .sum_en_i       (sum_en),
    .p1_i           (p1),
    .p2_i           (p2),
    .ps_i           (shift),
    .s1_i           (s1),
    .s2_i           (s2),
    .s3_i           (s3),
    .a3_i           (a3),
    .b3_i           (b3),
    .formats_i      (formats),
    .ref_onchip_i   (ref_onchip),
    .ref_addr_i     (ref_addr),
    .ref_row_i      (ref_row),
    .ref_pixel_i    (ref_pixel),
    .ref_plane_i    (ref_plane),
    .ck_valid_i     (ck_valid),
    .ck_ready_o     (ck_ready),
    .ck_group_i     (ck_group),
    .ck_lead_i      (ck_lead),
    .ck_convs_i     (ck_convs),
    .ck_first_i     (ck_first),
    .ck_rows_i      (ck_rows),
    .ck_tiles_i     (ck_tiles),
    .ck_groups_i    (ck_groups),
    .ck_copies_i    (ck_copies),
    .ck_row_words_i (ck_row_words),
    .ck_wbase_i     (ck_wbase),
    .ck_pbase_i     (ck_pbase),
    .ck_tbase_i     (ck_tbase),
    .ck_split_i     (ck_split),
    .ck_slice_i     (ck_slice),
    .ck_mac_i       (ck_mac),
    .ck_last_i      (ck_last),
    .ck_free_o      (ck_free),
    .lw_we_i        (lw_we),
    .lw_lane_i      (lw_lane),
    .lw_addr_i      (lw_addr),
    .lw_en_i        (lw_en),
    .lw_data_i      (lw_data),
    .lt_we_i        (lt_we),
    .lt_lane_i      (lt_lane),
    .lt_half_i      (lt_half),
    .lt_addr_i      (lt_addr),
    .lt_data_i      (lt_data),
    .lp_we_i        (lp_we),
    .lp_lane_i      (lp_lane),
    .lp_addr_i      (lp_addr),
    .lp_data_i      (lp_data),
    .lp_pipe_i      (l_pipe),
    .rq_valid_o     (x_valid),
    .rq_ready_i     (x_ready),
    .rq_addr_o      (x_addr),
    .rq_bytes_o     (x_bytes),
    .rb_valid_i     (x_rb_valid),
    .rb_ready_o     (x_rb_ready),
    .rb_data_i      (x_rb_data),
    .wr_valid_o     (xw_valid),
    .wr_ready_i     (xw_ready),
    .wr_onchip_o    (xw_onchip),
    .wr_addr_o      (xw_addr),
    .wr_data_o      (xw_data),
    .wr_strb_o      (xw_strb),
    .wr_sum_o       (xw_sum),
    .present_o      (present),
    .open_o         (open_taps),
    .count_o        (layer_count),
    .saturated_o    (layer_saturated),
    .gates_open_o   (gates_open),
    .gates_shut_o   (gates_shut),
    .busy_array_o   (busy_array),
    .wait_weights_o (wait_weights),
    .wait_act_o     (wait_act),
    .wait_post_o    (wait_post),
    .wait_residual_o(wait_residual),
    .wait_store_o   (wait_store),
    .row_done_o     (conv_row)
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
  logic         e_rb_valid, side_done, side_row;
  logic [127:0] e_rb_data;

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
    .rb_valid_i     (e_rb_valid),
    .rb_ready_o     (e_rb_ready),
    .rb_data_i      (e_rb_data),
    .wr_valid_o     (se_valid),
    .wr_ready_i     (se_ready),
    .wr_onchip_o    (se_onchip),
    .wr_addr_o      (se_addr),
    .wr_data_o      (se_data),
    .wr_strb_o      (se_strb)
  );

  assign unit_done = conv_done || side_done;
  assign row_done  = conv_row || side_row;

  // ---- read streams, in the order of the bus: whom others wait for comes first ----
  logic [READS-1:0]          act_rq, act_rq_ready, bus_rq, bus_rq_ready;
  logic [READS-1:0]          act_beat, act_take, bus_beat, bus_take;
  logic [READS*BUS_BITS-1:0] r_addr;
  logic [READS*24-1:0]       r_beats;
  logic [READS*128-1:0]      act_data, bus_data;
  logic [READS-1:0]          p_valid, p_ready, p_onchip, p_rb_valid, p_rb_ready;
  logic [READS*BUS_BITS-1:0] p_addr;
  logic [READS*28-1:0]       p_bytes;
  logic [READS*128-1:0]      p_rb_data;
  logic [READS*4-1:0]        p_slot;

  // Structures are read before commands.
  assign s_ready    = p_ready[0];
  assign f_ready    = p_ready[0] && !s_valid;
  assign q_valid    = p_rb_valid[0] && s_rb_ready;
  assign q_data     = p_rb_data[127:0];
  assign f_rb_valid = p_rb_valid[0] && !s_rb_ready;
  assign f_rb_data  = p_rb_data[127:0];

  assign p_valid  = {l_valid, e_valid, x_valid, s_valid || f_valid};
  assign p_onchip = {l_param ? l_p_onchip : l_w_onchip, e_onchip, ref_onchip[6], ref_onchip[5], ref_onchip[0], 1'b0};
  assign p_addr   = {BUS_BITS'(l_addr), BUS_BITS'(e_addr), BUS_BITS'(x_addr[64 +: 32]), BUS_BITS'(x_addr[32 +: 32]),
                     BUS_BITS'(x_addr[0 +: 32]), s_valid ? s_addr : BUS_BITS'(f_addr)};
  assign p_bytes  = {l_bytes, e_bytes, x_bytes, s_valid ? s_bytes : 28'd128};
  assign p_slot   = {l_param ? 4'd2 : 4'd1, e_slot, 4'd6, 4'd5, 4'd0, s_valid ? 4'd9 : 4'd8};
  assign p_rb_ready = {l_rb_ready, e_rb_ready, x_rb_ready, s_rb_ready || f_rb_ready};
  assign {l_ready, e_ready, x_ready}          = p_ready[READS-1:1];
  assign {l_rb_valid, e_rb_valid, x_rb_valid} = p_rb_valid[READS-1:1];
  assign {l_rb_data, e_rb_data, x_rb_data}    = p_rb_data[READS*128-1:128];

  for (genvar i = 0; i < READS; i++) begin : gen_port
    bnn_read_port #(
      .BUS_BITS(BUS_BITS)
    ) u_port (
      .clk_i      (clk_i),
      .rst_ni     (core_rst_n),
      .clear_i    (flush),
      .rq_valid_i (p_valid[i]),
      .rq_ready_o (p_ready[i]),
      .rq_onchip_i(p_onchip[i]),
      .rq_addr_i  (p_addr[i*BUS_BITS +: BUS_BITS]),
      .rq_bytes_i (p_bytes[i*28 +: 28]),
      .rb_valid_o (p_rb_valid[i]),
      .rb_ready_i (p_rb_ready[i]),
      .rb_data_o  (p_rb_data[i*128 +: 128]),
      .act_valid_o(act_rq[i]),
      .act_ready_i(act_rq_ready[i]),
      .bus_valid_o(bus_rq[i]),
      .bus_ready_i(bus_rq_ready[i]),
      .addr_o     (r_addr[i*BUS_BITS +: BUS_BITS]),
      .beats_o    (r_beats[i*24 +: 24]),
      .act_beat_i (act_beat[i]),
      .act_take_o (act_take[i]),
      .act_data_i (act_data[i*128 +: 128]),
      .bus_beat_i (bus_beat[i]),
      .bus_take_o (bus_take[i]),
      .bus_data_i (bus_data[i*128 +: 128])
    );
  end

  // The activation memory has no use for the sequencer's stream.
  logic [(READS-1)*32-1:0] act_addr;
  for (genvar i = 1; i < READS; i++) begin : gen_act
    assign act_addr[(i-1)*32 +: 32] = r_addr[i*BUS_BITS +: 32];
  end
  assign act_rq_ready[0]    = 1'b0;
  assign act_beat[0]        = 1'b0;
  assign act_data[0 +: 128] = '0;

  // ---- write streams: OUTP, OUTS and SUM, others ----
  logic [WRITES-1:0] act_w, act_w_ready, bus_w, bus_w_ready;
  logic              dma_writes;

  assign act_w       = {se_valid && se_onchip, xw_valid & xw_onchip} & {WRITES{!flush}};
  assign bus_w       = {sw_valid || fw_valid || (se_valid && !se_onchip), xw_valid & ~xw_onchip} & {WRITES{!flush}};
  assign xw_ready    = (xw_onchip & act_w_ready[1:0]) | (~xw_onchip & bus_w_ready[1:0]);
  assign se_ready    = se_onchip ? act_w_ready[2] : bus_w_ready[2] && !sw_valid && !fw_valid;
  assign sw_ready    = bus_w_ready[2];
  assign fw_ready    = bus_w_ready[2] && !sw_valid;
  assign writes_done = !dma_writes;

  bnn_actmem #(
    .KIB   (ACT_KIB),
    .READS (READS - 1),
    .WRITES(WRITES)
  ) u_actmem (
    .clk_i       (clk_i),
    .rst_ni      (core_rst_n),
    .flush_i     (flush),
    .scrub_i     (scrub),
    .scrub_busy_o(scrub_busy),
    .scrub_wait_o(wait_scrub),
    .r_valid_i   (act_rq[READS-1:1]),
    .r_ready_o   (act_rq_ready[READS-1:1]),
    .r_addr_i    (act_addr),
    .r_beats_i   (r_beats[READS*24-1:24]),
    .b_valid_o   (act_beat[READS-1:1]),
    .b_ready_i   (act_take[READS-1:1]),
    .b_data_o    (act_data[READS*128-1:128]),
    .w_valid_i   (act_w),
    .w_ready_o   (act_w_ready),
    .w_addr_i    ({se_addr, xw_addr}),
    .w_data_i    ({se_data, xw_data}),
    .w_strb_i    ({se_strb, xw_strb})
  );
  logic unused_port;
  assign unused_port = ^{act_rq[0], act_take[0]};

  logic [4:0] reads;
  logic       read_start, line_read, walk;

  bnn_bus #(
    .BUS_BITS(BUS_BITS),
    .READS   (READS),
    .WRITES  (WRITES),
    .READ_PLANES (18),                       // IN and side units
    .WRITE_PLANES(5),
    .READ_PHYSICAL (1),                      // the sequencer's
    .WRITE_PHYSICAL(4)
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
    .rq_valid_i    (bus_rq),
    .rq_ready_o    (bus_rq_ready),
    .rq_virt_i     ({{READS-1{1'b1}}, !s_valid}),
    .rq_slot_i     (p_slot),
    .rq_addr_i     (r_addr),
    .rq_beats_i    (r_beats),
    .rb_valid_o    (bus_beat),
    .rb_ready_i    (bus_take),
    .rb_data_o     (bus_data),
    .w_valid_i     (bus_w),
    .w_ready_o     (bus_w_ready),
    .w_virt_i      ({!sw_valid, 2'b11}),
    .w_slot_i      ({sw_valid ? 4'd9 : fw_valid ? 4'd10 : 4'd3, xw_sum ? 4'd7 : 4'd4, 4'd3}),
    .w_addr_i      ({sw_valid ? sw_addr[BUS_BITS-1:4] : fw_valid ? (BUS_BITS-4)'(fw_addr) : (BUS_BITS-4)'(se_addr),
                     (BUS_BITS-4)'(xw_addr[28 +: 28]), (BUS_BITS-4)'(xw_addr[0 +: 28])}),
    .w_data_i      ({sw_valid ? sw_data : fw_valid ? fw_data : se_data, xw_data}),
    .w_strb_i      ({sw_valid ? sw_strb : fw_valid ? fw_strb : se_strb, xw_strb}),
    .fault_o       (fault),
    .fault_status_o(fault_status),
    .fault_addr_o  (fault_addr),
    .fault_slot_o  (fault_slot),
    .fault_write_o (fault_write),
    .fault_stream_o(fault_stream),
    .fault_lost_o  (fault_lost),
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
    inc[`BNN_COUNTER_STALL_ACT]     = wait_act;
    inc[`BNN_COUNTER_STALL_POST]    = wait_post;
    inc[`BNN_COUNTER_STALL_RESIDUAL] = wait_residual;
    inc[`BNN_COUNTER_STALL_STORE]   = wait_store;
    inc[`BNN_COUNTER_STALL_WALK]    = walk;
    inc[`BNN_COUNTER_STALL_SCRUB]   = wait_scrub;
    inc[`BNN_COUNTER_STALL_COMMAND] = wait_command;
    inc[`BNN_COUNTER_PTE_READS]     = line_read;
    inc[`BNN_COUNTER_LATENCY_COUNT] = read_start;
    inc[`BNN_COUNTER_PROFILE_DROPPED] = log_dropped;

    // What the profile log blames.
    stall = '0;
    for (int i = `BNN_COUNTER_STALL_COMMAND; i >= `BNN_COUNTER_STALL_WEIGHTS; i--) if (inc[i]) stall = 4'(i);
  end

  bnn_counters u_counters (
    .clk_i       (clk_i),
    .rst_ni      (core_rst_n),
    .inc_i       (inc),
    .reads_i     (reads),
    .count_i     (count),
    .macs_add_i  (macs_add),
    .macs_i      (macs),
    .retire_i    (retire),
    .retire_busy_o(retire_busy),
    .weights_i   (bytes_weights),
    .act_i       (bytes_act),
    .residual_i  (bytes_residual),
    .written_i   (bytes_written),
    .add_i       (layer_count || side_sat != 3'd0),
    .saturated_i (side_active ? {13'd0, side_sat} : layer_saturated),
    .gates_open_i(gates_open),
    .gates_shut_i(gates_shut),
    .job_valid_o (cnt_valid),
    .job_take_i  (cnt_take),
    .job_pair_o  (cnt_pair),
    .merge_i     (merge),
    .snapshot_i  (snapshot),
    .clear_i     (clear_cnt),
    .busy_o      (cnt_busy),
    .snap_index_i(snap_index),
    .snap_o      (snap)
  );

  assign idle_o = seq_idle && !regs_pending && !cnt_busy && quiet;

endmodule
