// SPDX-License-Identifier: MIT
// The front end: commands of a job from their fetch to their retirement. While one
// runs, the next are fetched, checked by bnn_cmd and put into a table of eight
// slots, in program order; decoding runs on across iterations.
//
//   decoder  bnn_fetch, bnn_cmd; a command that is bad stops it
//   L        takes CONV and EW for their weights and parameters, in order, as early
//            as it can: when no older command will write what it reads
//   E        runs the oldest command, one at a time; the next one begins when the
//            writes of this one are visible and it has retired
//
// Faults are precise: each waits until its command is the oldest.

module bnn_front #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 256,
  parameter int WINDOW_WORDS = 2048,
  parameter int FEATURES     = 1,
  parameter int BUS_BITS     = 52
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      clear_i,

  // The job; holds while it runs.
  input  logic                      start_i,              // pulse
  input  logic [31:0]               list_i,               // address of the list in the decoder's iteration
  input  logic [16:0]               cmd_count_i,
  input  logic [15:0]               loop_start_i,
  input  logic [15:0]               iterations_i,
  input  logic                      log_i,                // profile log
  input  logic [31:0]               log_va_i,
  input  logic [32:0]               log_size_i,
  input  logic [5:0]                log_region_i,
  input  logic [47:0]               elapsed_i,            // cycles of the job
  input  logic [3:0]                stall_i,              // counter of the stall of this cycle, or 0

  // Regions, as of the decoder's iteration.
  output logic                      step_o,               // held: to the next iteration, until stepped_i
  input  logic                      stepped_i,            // pulse
  output logic [4:0]                region_o,
  input  logic [31:0]               region_va_i,
  input  logic [32:0]               region_size_i,
  input  logic                      region_r_i,
  input  logic                      region_w_i,
  input  logic [21:0]               act_bytes_i,

  // How the job ends; the oldest command.
  output logic                      end_o,                // END of the last iteration; until clear
  output logic                      bad_o,                // a fault; until clear
  output logic [3:0]                status_o,
  output logic [3:0]                detail_o,
  output logic [31:0]               word_o,
  output logic [16:0]               access_o,
  output logic [BUS_BITS-1:12]      page_o,
  output logic [15:0]               index_o,
  output logic [15:0]               iter_o,

  // Commands: 128 bytes per request.
  output logic                      rq_valid_o,
  input  logic                      rq_ready_i,
  output logic [31:0]               rq_addr_o,
  input  logic                      rb_valid_i,
  output logic                      rb_ready_o,
  input  logic [127:0]              rb_data_i,

  // The profile log.
  output logic                      w_valid_o,
  input  logic                      w_ready_i,
  output logic [31:4]               w_addr_o,
  output logic [127:0]              w_data_o,
  output logic [15:0]               w_strb_o,

  // An access failed: pulse. Slots: 0 to 7 references, 8 commands, 10 the log.
  input  logic                      fault_i,
  input  logic [3:0]                fault_status_i,
  input  logic [BUS_BITS-1:0]       fault_addr_i,
  input  logic [3:0]                fault_slot_i,
  input  logic                      fault_write_i,
  input  logic                      fault_load_i,         // it was L's
  input  logic                      fault_lost_i,         // no beats will come

  // E.
  output logic                      start_conv_o,         // pulse
  output logic                      start_side_o,         // pulse
  input  logic                      unit_done_i,          // pulse
  output logic                      combine_flush_o,      // it is done: write what is held
  input  logic                      writes_done_i,        // nothing to write is held or outstanding
  input  logic [31:0]               present_i,            // with done, until the next start
  input  logic [47:0]               open_i,

  // L.
  output logic                      l_start_o,            // pulse
  input  logic                      l_done_i,             // pulse

  // Counters.
  output logic                      retire_o,             // pulse, with x_bytes_*
  input  logic                      retire_busy_i,        // those of the last one are still added
  output logic                      macs_add_o,           // pulse
  output logic [63:0]               macs_o,
  output logic                      macs_busy_o,          // a retired command's are still computed
  output logic                      log_dropped_o,        // pulse
  output logic                      wait_command_o,       // nothing runs because nothing is decoded

  // The command in L, from l_start_o to l_done_i.
  output logic                      l_ew_o,
  output logic [12:0]               l_w_o,
  output logic [13:0]               l_cout_o,
  output logic [2:0]                l_kh_o,
  output logic [2:0]                l_kw_o,
  output logic [5:0]                l_taps_o,
  output logic [2:0]                l_sh_o,
  output logic [2:0]                l_dh_o,
  output logic [2:0]                l_dw_o,
  output logic [1:0]                l_pad_mode_o,
  output logic                      l_narrow_o,
  output logic                      l_frac_o,
  output logic                      l_record_o,
  output logic [2:0]                l_wformat_o,
  output logic [1:0]                l_wmode_o,
  output logic [3:0]                l_tau_o,
  output logic [7:0]                l_tile_p_o,
  output logic [13:0]               l_groups_o,
  output logic [13:0]               l_cg_o,
  output logic [13:0]               l_og_o,
  output logic [13:0]               l_rows_o,
  output logic [39:0]               l_flat_o,
  output logic [4:0]                l_in_format_o,
  output logic [22:0]               l_pipe_o,             // {neither P1, P2 nor RES, POW2 of P2, of P1, SB2, S2, SB1, S1}
  output logic                      l_w_onchip_o,
  output logic [31:0]               l_w_addr_o,
  output logic                      l_p_onchip_o,
  output logic [31:0]               l_p_addr_o,

  // The command in E, while it runs.
  output logic [7:0]                x_opcode_o,
  output logic [12:0]               x_h_o,
  output logic [12:0]               x_w_o,
  output logic [12:0]               x_oh_o,
  output logic [12:0]               x_ow_o,
  output logic [13:0]               x_cin_o,
  output logic [13:0]               x_cout_o,
  output logic [13:0]               x_group_o,
  output logic [6:0]                x_kh_o,
  output logic [6:0]                x_kw_o,
  output logic [6:0]                x_sh_o,
  output logic [6:0]                x_sw_o,
  output logic [2:0]                x_dh_o,
  output logic [2:0]                x_dw_o,
  output logic [5:0]                x_pad_t_o,
  output logic [5:0]                x_pad_l_o,
  output logic [1:0]                x_pad_mode_o,
  output logic [3:0]                x_shift_o,
  output logic [1:0]                x_mode_o,
  output logic                      x_planar_o,
  output logic                      x_shared_o,
  output logic [7:0]                x_levels_o,
  output logic                      x_p1_o,
  output logic                      x_p2_o,
  output logic                      x_sum_en_o,
  output logic                      x_frac_o,
  output logic [4:0]                x_s1_o,
  output logic [4:0]                x_s2_o,
  output logic [4:0]                x_s3_o,
  output logic [15:0]               x_a3_o,
  output logic [31:0]               x_b3_o,
  output logic [39:0]               x_res_o,              // RES2, RES1: {ALIGN 4, ZERO, WIN, C 14}
  output logic [24:0]               x_formats_o,          // {RES2, RES1, OUTS, OUTP, IN}
  output logic [2:0]                x_wformat_o,
  output logic [13:0]               x_cg_o,
  output logic [13:0]               x_og_o,
  output logic [13:0]               x_rows_o,             // stored
  output logic [19:0]               x_div_o,
  output logic [39:0]               x_bytes_weights_o,
  output logic [39:0]               x_bytes_act_o,
  output logic [39:0]               x_bytes_residual_o,
  output logic [39:0]               x_bytes_written_o,
  output logic [7:0]                x_ref_used_o,
  output logic [7:0]                x_ref_onchip_o,
  output logic [8*32-1:0]           x_ref_addr_o,
  output logic [8*24-1:0]           x_ref_row_o,
  output logic [8*17-1:0]           x_ref_pixel_o,
  output logic [8*32-1:0]           x_ref_plane_o         // of IN and OUTP
);

  // ---- decoder: one command, held by bnn_cmd until it has a slot ----
  localparam logic [3:0] D_IDLE = 4'd0, D_LOAD = 4'd1, D_CHECK = 4'd2, D_WAIT = 4'd3, D_EXTENT = 4'd4,
                         D_SCAN = 4'd5, D_PUSH = 4'd6, D_DROP = 4'd7, D_STEP = 4'd8, D_START = 4'd9,
                         D_BAD = 4'd10, D_DONE = 4'd11;

  logic [3:0]  d_q;
  logic [15:0] d_index_q, d_iter_q;
  logic        d_fetch_q, d_no_end_q;         // what is bad: the fetch; that there is no END; else the command

  logic        f_load, f_loaded, f_failed, f_dropped;
  logic [2:0]  f_beat;
  logic [3:0]  f_status;
  logic [BUS_BITS-1:12] f_page;

  bnn_fetch #(
    .BUS_BITS(BUS_BITS)
  ) u_fetch (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .clear_i       (clear_i),
    .start_i       (d_q == D_START),
    .list_i        (list_i),
    .count_i       (cmd_count_i),
    .index_i       (d_index_q),
    .drop_i        (d_q == D_DROP || d_q == D_STEP),
    .dropped_o     (f_dropped),
    .want_i        (d_q == D_LOAD),
    .load_o        (f_load),
    .load_beat_o   (f_beat),
    .loaded_o      (f_loaded),
    .failed_o      (f_failed),
    .status_o      (f_status),
    .page_o        (f_page),
    .rq_valid_o    (rq_valid_o),
    .rq_ready_i    (rq_ready_i),
    .rq_addr_o     (rq_addr_o),
    .rb_valid_i    (rb_valid_i),
    .rb_ready_o    (rb_ready_o),
    .fault_i       (fault_i && fault_slot_i == 4'd8),
    .fault_lost_i  (fault_lost_i),
    .fault_status_i(fault_status_i),
    .fault_addr_i  (fault_addr_i)
  );

  // What the decoder has resolved.
  logic [7:0]    opcode;
  logic [12:0]   h;
  logic [12:0]   w;
  logic [12:0]   oh;
  logic [12:0]   ow;
  logic [13:0]   cin;
  logic [13:0]   cout;
  logic [13:0]   group;
  logic [6:0]    kh;
  logic [6:0]    kw;
  logic [5:0]    taps;
  logic [6:0]    sh;
  logic [6:0]    sw;
  logic [2:0]    dh;
  logic [2:0]    dw;
  logic [5:0]    pad_t;
  logic [5:0]    pad_l;
  logic [1:0]    pad_mode;
  logic [3:0]    shift;
  logic [1:0]    mode;
  logic          planar;
  logic          shared;
  logic [7:0]    levels;
  logic          p1;
  logic          p1_pow2;
  logic          p2;
  logic          p2_pow2;
  logic          narrow;
  logic          sum_en;
  logic          frac;
  logic          record;
  logic [4:0]    s1;
  logic [4:0]    sb1;
  logic [4:0]    s2;
  logic [4:0]    sb2;
  logic [4:0]    s3;
  logic [15:0]   a3;
  logic [31:0]   b3;
  logic [39:0]   res;
  logic [24:0]   formats;
  logic [2:0]    wformat;
  logic [1:0]    wmode;
  logic [3:0]    tau;
  logic [7:0]    tile_p;
  logic [13:0]   groups;
  logic [13:0]   cg;
  logic [13:0]   og;
  logic [13:0]   rows;
  logic [39:0]   flat;
  logic [19:0]   div;
  logic [39:0]   bytes_weights;
  logic [39:0]   bytes_act;
  logic [39:0]   bytes_residual;
  logic [39:0]   bytes_written;
  logic [2:0]    mac_shift;
  logic [7:0]      ref_used, ref_onchip;
  logic [8*6-1:0]  ref_region;
  logic [8*32-1:0] ref_addr, ref_plane;
  logic [8*33-1:0] ref_end;
  logic [8*24-1:0] ref_row;
  logic [8*17-1:0] ref_pixel;
  logic            checked, c_bad;
  logic [3:0]      c_status, c_detail;
  logic [4:0]      c_word;
  logic [16:0]     c_access;

  bnn_cmd #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .WINDOW_WORDS(WINDOW_WORDS),
    .FEATURES    (FEATURES)
  ) u_cmd (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .clear_i         (clear_i),
    .load_i          (f_load),
    .load_beat_i     (f_beat),
    .load_data_i     (rb_data_i),
    .start_i         (d_q == D_CHECK),
    .done_o          (checked),
    .bad_o           (c_bad),
    .status_o        (c_status),
    .detail_o        (c_detail),
    .word_o          (c_word),
    .access_o        (c_access),
    .opcode_o        (opcode),
    .region_o        (region_o),
    .region_va_i     (region_va_i),
    .region_size_i   (region_size_i),
    .region_r_i      (region_r_i),
    .region_w_i      (region_w_i),
    .act_bytes_i     (act_bytes_i),
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
    .tile_p_o        (tile_p),
    .groups_o        (groups),
    .cg_o            (cg),
    .og_o            (og),
    .rows_o          (rows),
    .flat_o          (flat),
    .div_o           (div),
    .bytes_weights_o (bytes_weights),
    .bytes_act_o     (bytes_act),
    .bytes_residual_o(bytes_residual),
    .bytes_written_o (bytes_written),
    .mac_shift_o     (mac_shift),
    .ref_used_o      (ref_used),
    .ref_onchip_o    (ref_onchip),
    .ref_region_o    (ref_region),
    .ref_addr_o      (ref_addr),
    .ref_end_o       (ref_end),
    .ref_row_o       (ref_row),
    .ref_pixel_o     (ref_pixel),
    .ref_plane_o     (ref_plane)
  );

  logic is_layer, is_side;
  assign is_layer = opcode == `BNN_CMD_CONV || opcode == `BNN_CMD_EW;
  assign is_side  = opcode == `BNN_CMD_ENC || opcode == `BNN_CMD_POOL || opcode == `BNN_CMD_TRANSPOSE ||
                    opcode == `BNN_CMD_GATEFOLD;

  // Not every bit of what is declared for all references exists.
  logic unused;
  assign unused = ^{ref_row[7*24 +: 24], ref_row[1*24 +: 48], ref_pixel[7*17 +: 17], ref_pixel[1*17 +: 34],
                    ref_plane[4*32 +: 128], ref_plane[1*32 +: 64], ref_end[5*33 +: 66], ref_end[0 +: 33]};

  // ---- slots ----
  localparam int REFS = 8 + 8 + 8*6 + 8*32 + 5*24 + 5*17 + 2*32;
  localparam int E_W  = 523 + 2 + 3 + REFS;
  localparam int L_W  = 1 + 166 + 5 + 23 + 2*6 + 2*33;

  logic [E_W-1:0]  e_slots [0:7];
  logic [L_W-1:0]  l_slots [0:7];
  logic [31:0]     names   [0:7];             // {iteration, index}
  logic [2:0]      waits   [0:7];             // L waits for the slot so many before this one; 0: for none
  logic [7:0]      layer_q, unit_q;           // L has work; E has
  logic [2:0]      head_q, tail_q;
  logic [3:0]      count_q, l_left_q;         // slots taken; those L has not been through
  logic            push, pop;

  assign push = d_q == D_PUSH && !count_q[3];

  always_ff @(posedge clk_i) begin
    if (push) begin
      e_slots[tail_q] <= {opcode, h, w, oh, ow, cin, cout, group, kh, kw, sh, sw, dh, dw, pad_t, pad_l,
                          pad_mode, shift, mode, planar, shared, levels, p1, p2,
                          sum_en, frac, s1, s2, s3, a3, b3, res, formats, wformat,
                          cg, og, rows, div, bytes_weights, bytes_act,
                          bytes_residual, bytes_written, is_layer, is_side, mac_shift, ref_used, ref_onchip,
                          ref_region, ref_addr, ref_row[3*24 +: 4*24], ref_row[0 +: 24],
                          ref_pixel[3*17 +: 4*17], ref_pixel[0 +: 17], ref_plane[3*32 +: 32], ref_plane[0 +: 32]};
      l_slots[tail_q] <= {opcode == `BNN_CMD_EW, w, cout, kh[2:0], kw[2:0], taps, sh[2:0], dh, dw, pad_mode,
                          narrow, frac, record, wformat, wmode, tau, tile_p, groups, cg, og, rows, flat,
                          formats[4:0], !p1 && !p2 && formats[24:15] == 10'd0, p2_pow2, p1_pow2, sb2, s2, sb1, s1,
                          ref_region[1*6 +: 12], ref_onchip[1], ref_addr[1*32 +: 32],
                          ref_onchip[2], ref_addr[2*32 +: 32]};
      names[tail_q]   <= {d_iter_q, d_index_q};
      waits[tail_q]   <= wait_q;
      layer_q[tail_q] <= is_layer;
      unit_q[tail_q]  <= is_layer || is_side;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      head_q  <= '0;
      tail_q  <= '0;
      count_q <= '0;
    end else begin
      head_q  <= head_q + 3'(pop);
      tail_q  <= tail_q + 3'(push);
      count_q <= count_q + 4'(push) - 4'(pop);
    end
  end

  // ---- interlock of L: extents of WEIGHT and PARAM against those of older outputs ----
  localparam int EXT_W = 1 + 1 + 32 + 33;     // {used, onchip, address, end}
  logic [EXT_W-1:0] outs [0:31];              // {slot, output}
  logic [1:0]       e_at_q;                   // output of the slot
  logic [3:0]       dist_q;                   // slots from the one looked at to the command's
  logic [2:0]       wait_q, e_slot;
  logic [EXT_W-1:0] e_new, e_old;
  logic             e_hit;

  assign e_slot = tail_q - dist_q[2:0];
  assign e_old  = outs[{e_slot, e_at_q}];
  always_comb begin
    case (e_at_q)
      2'd0:    e_new = {ref_used[3], ref_onchip[3], ref_addr[3*32 +: 32], ref_end[3*33 +: 33]};
      2'd1:    e_new = {ref_used[4], ref_onchip[4], ref_addr[4*32 +: 32], ref_end[4*33 +: 33]};
      default: e_new = {ref_used[7], ref_onchip[7], ref_addr[7*32 +: 32], ref_end[7*33 +: 33]};
    endcase
    e_hit = 1'b0;
    for (int i = 1; i <= 2; i++) begin
      if (ref_used[i] && e_old[66] && ref_onchip[i] == e_old[65] &&
          {1'b0, ref_addr[i*32 +: 32]} < e_old[32:0] && {1'b0, e_old[64:33]} < ref_end[i*33 +: 33]) e_hit = 1'b1;
    end
  end

  // The slot's own extents are not looked at before it is taken: the table may be full.
  always_ff @(posedge clk_i) begin
    if (d_q == D_EXTENT) outs[{tail_q, e_at_q}] <= e_new;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      d_q        <= D_IDLE;
      d_index_q  <= '0;
      d_iter_q   <= '0;
      d_fetch_q  <= 1'b0;
      d_no_end_q <= 1'b0;
    end else begin
      case (d_q)
        D_IDLE: begin
          if (start_i) d_q <= D_START;
        end
        D_START: d_q <= D_LOAD;
        D_LOAD: begin
          if (f_failed) begin
            d_fetch_q <= 1'b1;
            d_q       <= D_BAD;
          end else if (f_loaded) begin
            d_q <= D_CHECK;
          end
        end
        D_CHECK: d_q <= D_WAIT;
        D_WAIT: begin
          e_at_q <= 2'd0;
          dist_q <= 4'd1;
          wait_q <= 3'd0;
          if (checked) d_q <= c_bad ? D_BAD : (is_layer || is_side) ? D_EXTENT : D_PUSH;
        end
        D_EXTENT: begin
          e_at_q <= (e_at_q == 2'd2) ? 2'd0 : e_at_q + 2'd1;
          if (e_at_q == 2'd2) d_q <= is_layer ? D_SCAN : D_PUSH;
        end
        D_SCAN: begin
          // From the youngest on: when that has retired, so have the others. The eighth has before this one is in.
          e_at_q <= (e_at_q == 2'd2) ? 2'd0 : e_at_q + 2'd1;
          if (dist_q[3] || dist_q > count_q) begin
            d_q <= D_PUSH;
          end else if (unit_q[e_slot] && e_hit) begin
            wait_q <= dist_q[2:0];
            d_q    <= D_PUSH;
          end else if (e_at_q == 2'd2 || !unit_q[e_slot]) begin
            e_at_q <= 2'd0;
            dist_q <= dist_q + 4'd1;
          end
        end
        D_PUSH: begin
          if (push) begin
            if (opcode == `BNN_CMD_END) begin
              d_q <= D_DONE;
              if (d_iter_q + 16'd1 != iterations_i) begin
                d_index_q <= loop_start_i;
                d_iter_q  <= d_iter_q + 16'd1;
                d_q       <= D_DROP;
              end
            end else if ({1'b0, d_index_q} + 17'd1 == cmd_count_i) begin
              d_no_end_q <= 1'b1;
              d_q        <= D_BAD;
            end else begin
              d_index_q <= d_index_q + 16'd1;
              d_q       <= D_LOAD;
            end
          end
        end
        D_DROP: begin
          if (f_dropped) d_q <= D_STEP;
        end
        D_STEP: begin
          if (stepped_i) d_q <= D_START;
        end
        default: ;  // D_BAD, D_DONE
      endcase
    end
  end
  assign step_o = d_q == D_STEP;

  // ---- L ----
  localparam logic [1:0] L_LOOK = 2'd0, L_START = 2'd1, L_RUN = 2'd2;

  logic [1:0]  l_q;
  logic [2:0]  l_at, l_wait;
  logic [3:0]  l_older;                       // slots taken before l_at
  logic        l_go, l_next, l_bad;
  logic [11:0] l_region;

  assign l_at    = tail_q - l_left_q[2:0];
  assign l_older = count_q - l_left_q;
  assign l_wait  = waits[l_at];
  // With a fault L stays at the slot, whatever it still does. Slots before head have retired.
  assign l_bad   = bad_q && bad_load_q;
  assign l_go    = l_q == L_LOOK && l_left_q != 4'd0 && layer_q[l_at] &&
                   (l_wait == 3'd0 || {1'b0, l_wait} > l_older);
  assign l_next  = (l_q == L_LOOK && l_left_q != 4'd0 && !layer_q[l_at]) || (l_q == L_RUN && l_done_i && !l_bad);
  assign l_start_o = l_q == L_START;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      l_q      <= L_LOOK;
      l_left_q <= '0;
    end else begin
      l_left_q <= l_left_q + 4'(push) - 4'(l_next);
      case (l_q)
        L_LOOK:  if (l_go) l_q <= L_START;
        L_START: l_q <= L_RUN;
        default: if (l_next) l_q <= L_LOOK;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (l_go) begin
      {l_ew_o, l_w_o, l_cout_o, l_kh_o, l_kw_o, l_taps_o, l_sh_o, l_dh_o, l_dw_o, l_pad_mode_o, l_narrow_o,
       l_frac_o, l_record_o, l_wformat_o, l_wmode_o, l_tau_o, l_tile_p_o, l_groups_o, l_cg_o, l_og_o,
       l_rows_o, l_flat_o,
       l_in_format_o, l_pipe_o, l_region, l_w_onchip_o, l_w_addr_o, l_p_onchip_o, l_p_addr_o} <= l_slots[l_at];
    end
  end

  // ---- E ----
  localparam logic [2:0] X_WAIT = 3'd0, X_ISSUE = 3'd1, X_RUN = 3'd2, X_DRAIN = 3'd3, X_RETIRE = 3'd4,
                         X_LOG = 3'd5, X_LOGGED = 3'd6, X_END = 3'd7;

  logic [2:0]      x_q;
  logic            x_layer, x_side, x_over, halted, log_done, log_put_q;
  logic [2:0]      x_mac_shift;
  logic [8*6-1:0]  x_region;
  logic [31:0]     oldest;

  assign oldest  = names[head_q];
  assign halted  = bad_q && !bad_load_q;      // E's own fault
  assign x_over  = x_opcode_o == `BNN_CMD_END && oldest[31:16] + 16'd1 == iterations_i;
  assign start_conv_o    = x_q == X_ISSUE && x_layer;
  assign start_side_o    = x_q == X_ISSUE && x_side;
  assign combine_flush_o = x_q == X_DRAIN;
  // L may still be about to pass a slot that it has nothing to do with.
  assign retire_o = x_q == X_RETIRE && !macs_busy_o && !retire_busy_i && l_left_q != count_q && !halted && !clear_i;
  assign pop      = !halted && !x_over && ((retire_o && !log_i) || (x_q == X_LOGGED && writes_done_i));
  assign end_o    = x_q == X_END;
  assign wait_command_o = x_q == X_WAIT && count_q == 4'd0 && d_q != D_IDLE;

  always_ff @(posedge clk_i) begin
    log_put_q <= retire_o && log_i;
    if (!rst_ni || clear_i) begin
      x_q       <= X_WAIT;
      log_put_q <= 1'b0;
    end else if (!halted) begin
      case (x_q)
        X_WAIT:   if (count_q != 4'd0) x_q <= X_ISSUE;
        X_ISSUE:  x_q <= (x_layer || x_side) ? X_RUN : X_RETIRE;
        X_RUN:    if (unit_done_i) x_q <= X_DRAIN;
        X_DRAIN:  if (writes_done_i) x_q <= X_RETIRE;
        X_RETIRE: if (retire_o) x_q <= log_i ? X_LOG : x_over ? X_END : X_WAIT;
        X_LOG:    if (log_done) x_q <= X_LOGGED;
        X_LOGGED: if (writes_done_i) x_q <= x_over ? X_END : X_WAIT;
        default: ;  // X_END
      endcase
    end
  end

  logic [5*24-1:0] x_row;                     // RES2, RES1, OUTS, OUTP, IN
  logic [5*17-1:0] x_pixel;
  logic [2*32-1:0] x_plane;                   // OUTP, IN
  assign x_ref_row_o   = {24'd0, x_row[24 +: 4*24], 48'd0, x_row[0 +: 24]};
  assign x_ref_pixel_o = {17'd0, x_pixel[17 +: 4*17], 34'd0, x_pixel[0 +: 17]};
  assign x_ref_plane_o = {128'd0, x_plane[32 +: 32], 64'd0, x_plane[0 +: 32]};
  always_ff @(posedge clk_i) begin
    if (x_q == X_WAIT) begin
      {x_opcode_o, x_h_o, x_w_o, x_oh_o, x_ow_o, x_cin_o, x_cout_o, x_group_o, x_kh_o, x_kw_o,
       x_sh_o, x_sw_o, x_dh_o, x_dw_o, x_pad_t_o, x_pad_l_o, x_pad_mode_o, x_shift_o, x_mode_o, x_planar_o,
       x_shared_o, x_levels_o, x_p1_o, x_p2_o, x_sum_en_o, x_frac_o,
       x_s1_o, x_s2_o, x_s3_o, x_a3_o, x_b3_o, x_res_o, x_formats_o,
       x_wformat_o, x_cg_o, x_og_o, x_rows_o,
       x_div_o, x_bytes_weights_o, x_bytes_act_o, x_bytes_residual_o, x_bytes_written_o,
       x_layer, x_side, x_mac_shift, x_ref_used_o, x_ref_onchip_o, x_region, x_ref_addr_o,
       x_row, x_pixel, x_plane} <= e_slots[head_q];
    end
  end

  bnn_retire u_retire (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .start_i  (retire_o && x_opcode_o == `BNN_CMD_CONV),
    .frac_i   (x_frac_o),
    .rows_i   (x_rows_o),
    .cg_i     (x_cg_o),
    .shift_i  (x_mac_shift),
    .present_i(present_i),
    .open_i   (open_i),
    .busy_o   (macs_busy_o),
    .add_o    (macs_add_o),
    .macs_o   (macs_o)
  );

  bnn_log u_log (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .clear_i  (clear_i),
    .open_i   (start_i),
    .va_i     (log_va_i),
    .size_i   (log_size_i),
    .elapsed_i(elapsed_i),
    .stall_i  (stall_i),
    .begin_i  (x_q == X_ISSUE),
    .end_i    (x_q == X_ISSUE || x_q == X_DRAIN),
    .put_i    (log_put_q),
    .index_i  (oldest[15:0]),
    .opcode_i (x_opcode_o),
    .iter_i   (oldest[31:16]),
    .done_o   (log_done),
    .dropped_o(log_dropped_o),
    .w_valid_o(w_valid_o),
    .w_ready_i(w_ready_i),
    .w_addr_o (w_addr_o),
    .w_strb_o (w_strb_o),
    .w_data_o (w_data_o)
  );

  // ---- faults of accesses: E's command is the oldest, so its fault comes before one of L's ----
  logic                 bad_q, bad_load_q, bad_write_q, now_bad;
  logic [3:0]           bad_status_q, bad_slot_q;
  logic [BUS_BITS-1:12] bad_page_q;
  logic [2:0]           bad_stream;
  logic [5:0]           bad_region, x_bad_region;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      bad_q <= 1'b0;
    end else if (fault_i && fault_slot_i != 4'd8 && fault_slot_i != 4'd9 &&
                 (!bad_q || (bad_load_q && !fault_load_i))) begin
      bad_q        <= 1'b1;
      bad_load_q   <= fault_load_i;
      bad_status_q <= fault_status_i;
      bad_slot_q   <= fault_slot_i;
      bad_write_q  <= fault_write_i;
      bad_page_q   <= fault_addr_i[BUS_BITS-1:12];
    end
  end

  bnn_mux #(
    .N(8),
    .W(6)
  ) u_bad_region (
    .in_i (x_region),
    .at_i (bad_slot_q[2:0]),
    .out_o(x_bad_region)
  );
  always_comb begin
    case (bad_slot_q[2:0])
      3'd0:       bad_stream = (x_opcode_o == `BNN_CMD_GATEFOLD) ? 3'd6 : 3'd3;
      3'd1:       bad_stream = (x_opcode_o == `BNN_CMD_ENC) ? 3'd6 : 3'd1;
      3'd2:       bad_stream = 3'd2;
      3'd5, 3'd6: bad_stream = 3'd5;
      default:    bad_stream = 3'd4;
    endcase
    bad_region = x_bad_region;
    if (bad_load_q) begin
      bad_stream = (bad_slot_q[2:0] == 3'd1) ? 3'd1 : 3'd2;
      bad_region = (bad_slot_q[2:0] == 3'd1) ? l_region[5:0] : l_region[11:6];
    end else if (bad_slot_q[3]) begin
      bad_stream = 3'd6;
      bad_region = log_region_i;
    end
  end

  assign now_bad = bad_q && (!bad_load_q || l_older == 4'd0);
  assign bad_o   = now_bad || (d_q == D_BAD && count_q == 4'd0);
  assign index_o = (count_q != 4'd0) ? oldest[15:0] : d_index_q;
  assign iter_o  = (count_q != 4'd0) ? oldest[31:16] : d_iter_q;
  always_comb begin
    status_o = c_status;
    detail_o = 4'd0;
    word_o   = {9'd0, index_o, 7'd0};
    access_o = '0;
    page_o   = '0;
    if (now_bad) begin
      status_o = bad_status_q;
      access_o = {bad_write_q, 5'd0, bad_stream, 2'd0, bad_region};
      page_o   = bad_page_q;
    end else if (d_fetch_q) begin
      status_o = f_status;
      page_o   = f_page;
    end else if (d_no_end_q) begin
      status_o = 4'(`BNN_STATUS_NO_END);
    end else begin
      detail_o = c_detail;
      word_o   = {9'd0, index_o, c_word, 2'd0};
      access_o = c_access;
    end
  end

endmodule
