// SPDX-License-Identifier: MIT
// The loader: brings the weights and parameters of one command after the other
// into the memories of the lanes, in chunks, as far ahead of execution as there
// is room. bnn_load_plan cuts and asks; the data is in order, chunk after chunk:
// weights, then parameters. A chunk is offered when all of it is written and its
// room is used again when execution gives it back, in the same order.

module bnn_load #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 512,
  parameter int PARAM_WORDS  = 128,
  parameter int ADDR_W       = $clog2(WEIGHT_WORDS),
  parameter int PAR_W        = $clog2(PARAM_WORDS),
  parameter int LANE_W       = $clog2(LANES)
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    clear_i,

  input  logic                    start_i,
  output logic                    done_o,        // pulse: the last chunk is offered

  input  logic                    d_ew_i,
  input  logic [13:0]             d_cout_i,
  input  logic [13:0]             d_cg_i,        // input channels of a group
  input  logic [13:0]             d_og_i,        // output channels of a group
  input  logic [13:0]             d_groups_i,
  input  logic [5:0]              d_taps_i,
  input  logic [2:0]              d_kh_i,
  input  logic [2:0]              d_kw_i,
  input  logic [2:0]              d_sh_i,
  input  logic [2:0]              d_dh_i,
  input  logic [2:0]              d_dw_i,
  input  logic [12:0]             d_w_i,
  input  logic [1:0]              d_pad_mode_i,
  input  logic [4:0]              d_in_format_i,
  input  logic [2:0]              d_wformat_i,
  input  logic [1:0]              d_wmode_i,
  input  logic [13:0]             d_rows_i,      // stored rows
  input  logic [39:0]             d_flat_i,      // TILED_FLAT: stored weights
  input  logic [3:0]              d_tau_i,
  input  logic [7:0]              d_tile_p_i,
  input  logic                    d_record_i,
  input  logic                    d_narrow_i,
  input  logic                    d_frac_i,
  input  logic [31:0]             d_w_addr_i,
  input  logic [31:0]             d_p_addr_i,

  output logic                    rq_valid_o,
  input  logic                    rq_ready_i,
  output logic                    rq_param_o,
  output logic [31:0]             rq_addr_o,
  output logic [27:0]             rq_bytes_o,
  input  logic                    rb_valid_i,
  output logic                    rb_ready_o,
  input  logic [127:0]            rb_data_i,

  output logic                    lw_we_o,
  output logic [LANE_W-1:0]       lw_lane_o,
  output logic [ADDR_W-1:0]       lw_addr_o,
  output logic [LANE_BITS/16-1:0] lw_en_o,       // pieces
  output logic [LANE_BITS-1:0]    lw_data_o,
  output logic                    lt_we_o,
  output logic [LANE_W-1:0]       lt_lane_o,
  output logic                    lt_half_o,
  output logic [PAR_W-1:0]        lt_addr_o,
  output logic [17:0]             lt_data_o,
  output logic                    lp_we_o,
  output logic [LANE_W-1:0]       lp_lane_o,
  output logic [PAR_W-1:0]        lp_addr_o,
  output logic [372:0]            lp_data_o,

  // The oldest loaded chunk.
  output logic                    ck_valid_o,
  input  logic                    ck_ready_i,
  output logic [13:0]             ck_group_o,    // of its first channel
  output logic [13:0]             ck_lead_o,     // its channels in that group
  output logic [13:0]             ck_convs_o,    // groups that have channels of it
  output logic [13:0]             ck_first_o,    // stored row
  output logic [13:0]             ck_rows_o,
  output logic [PAR_W:0]          ck_tiles_o,
  output logic [PAR_W:0]          ck_groups_o,
  output logic [7:0]              ck_copies_o,
  output logic [ADDR_W:0]         ck_row_words_o,
  output logic [ADDR_W-1:0]       ck_wbase_o,
  output logic [PAR_W-1:0]        ck_pbase_o,
  output logic [PAR_W-1:0]        ck_tbase_o,
  output logic                    ck_split_o,
  output logic                    ck_slice_o,
  output logic                    ck_mac_o,
  output logic                    ck_last_o,     // of the command
  input  logic                    ck_free_i      // pulse: the oldest taken one is done
);

  localparam int DEPTH_LOG2 = 3;                 // chunks
  localparam int RUNS_LOG2  = 2;
  localparam int CW = 14*5 + (PAR_W+1)*2 + 8 + ADDR_W+1 + ADDR_W + PAR_W*2 + 4;
  localparam int FW = ADDR_W+1 + PAR_W+1;

  // ---- the command ----
  logic [1:0] wl;
  logic       is_book, has_weights;
  `include "bnn_hw_formats.vh"
  assign wl          = bnn_wformat_bits_log2(d_wformat_i);
  assign is_book     = d_wmode_i == 2'd3;
  assign has_weights = !d_ew_i;

  // ---- chunks: planned, loaded, taken, freed ----
  (* no_rw_check *) logic [CW-1:0] chunks [0:(1<<DEPTH_LOG2)-1];
  (* no_rw_check *) logic [FW-1:0] sizes [0:(1<<DEPTH_LOG2)-1];
  logic [DEPTH_LOG2:0] planned_q, loaded_q, taken_q, freed_q, held;
  logic [CW-1:0]       put_chunk, k_q;
  logic [FW-1:0]       put_size, free_size;
  logic                put, loaded;
  assign held      = planned_q - freed_q;
  assign free_size = sizes[freed_q[DEPTH_LOG2-1:0]];
  assign ck_valid_o = loaded_q != taken_q;
  assign {ck_group_o, ck_lead_o, ck_convs_o, ck_first_o, ck_rows_o, ck_tiles_o, ck_groups_o, ck_copies_o, ck_row_words_o, ck_wbase_o,
          ck_pbase_o, ck_tbase_o, ck_split_o, ck_slice_o, ck_mac_o, ck_last_o} = chunks[taken_q[DEPTH_LOG2-1:0]];

  always_ff @(posedge clk_i) begin
    if (put) begin
      chunks[planned_q[DEPTH_LOG2-1:0]] <= put_chunk;
      sizes[planned_q[DEPTH_LOG2-1:0]]  <= put_size;
    end
    if (!rst_ni || clear_i) begin
      planned_q <= '0;
      loaded_q  <= '0;
      taken_q   <= '0;
      freed_q   <= '0;
    end else begin
      if (put) planned_q <= planned_q + (DEPTH_LOG2+1)'(1);
      if (loaded) loaded_q <= loaded_q + (DEPTH_LOG2+1)'(1);
      if (ck_valid_o && ck_ready_i) taken_q <= taken_q + (DEPTH_LOG2+1)'(1);
      if (ck_free_i) freed_q <= freed_q + (DEPTH_LOG2+1)'(1);
    end
  end

  // ---- planning ----
  logic        p_run_valid, p_run_ready, p_run_last, run_valid, run_ready, run_last;
  logic [2:0]  p_run_skip, run_skip;
  logic [31:0] p_run_bits, run_bits;
  logic [15:0] row_units, row_pieces;
  logic [13:0] put_group, put_lead, put_convs, put_first, put_rows;
  logic [PAR_W:0] put_tiles, put_groups, put_params;
  logic [7:0]  put_copies;
  logic [ADDR_W:0] put_row_words, put_words;
  logic [ADDR_W-1:0] put_wbase;
  logic [PAR_W-1:0] put_pbase, put_tbase;
  logic        put_split, put_slice, put_mac, put_last;
  assign put_chunk = {put_group, put_lead, put_convs, put_first, put_rows, put_tiles, put_groups, put_copies, put_row_words, put_wbase,
                      put_pbase, put_tbase, put_split, put_slice, put_mac, put_last};
  assign put_size  = {put_words, put_params};

  bnn_load_plan #(
    .LANES(LANES),
    .LANE_BITS(LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .PARAM_WORDS(PARAM_WORDS)
  ) u_plan (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .clear_i        (clear_i),
    .start_i        (start_i),
    .d_ew_i         (d_ew_i),
    .d_cout_i       (d_cout_i),
    .d_cg_i         (d_cg_i),
    .d_og_i         (d_og_i),
    .d_groups_i     (d_groups_i),
    .d_taps_i       (d_taps_i),
    .d_kh_i         (d_kh_i),
    .d_kw_i         (d_kw_i),
    .d_sh_i         (d_sh_i),
    .d_dh_i         (d_dh_i),
    .d_dw_i         (d_dw_i),
    .d_w_i          (d_w_i),
    .d_pad_mode_i   (d_pad_mode_i),
    .d_in_format_i  (d_in_format_i),
    .d_wformat_i    (d_wformat_i),
    .d_wmode_i      (d_wmode_i),
    .d_rows_i       (d_rows_i),
    .d_flat_i       (d_flat_i[31:0]),
    .d_tau_i        (d_tau_i),
    .d_tile_p_i     (d_tile_p_i),
    .d_record_i     (d_record_i),
    .d_narrow_i     (d_narrow_i),
    .d_frac_i       (d_frac_i),
    .d_w_addr_i     (d_w_addr_i),
    .d_p_addr_i     (d_p_addr_i),
    .wl_i           (wl),
    .rq_valid_o     (rq_valid_o),
    .rq_ready_i     (rq_ready_i),
    .rq_param_o     (rq_param_o),
    .rq_addr_o      (rq_addr_o),
    .rq_bytes_o     (rq_bytes_o),
    .run_valid_o    (p_run_valid),
    .run_ready_i    (p_run_ready),
    .run_skip_o     (p_run_skip),
    .run_bits_o     (p_run_bits),
    .run_last_o     (p_run_last),
    .row_units_o    (row_units),
    .row_pieces_o   (row_pieces),
    .put_o          (put),
    .put_ready_i    (!held[DEPTH_LOG2]),
    .put_group_o    (put_group),
    .put_lead_o     (put_lead),
    .put_convs_o    (put_convs),
    .put_first_o    (put_first),
    .put_rows_o     (put_rows),
    .put_tiles_o    (put_tiles),
    .put_groups_o   (put_groups),
    .put_copies_o   (put_copies),
    .put_row_words_o(put_row_words),
    .put_wbase_o    (put_wbase),
    .put_pbase_o    (put_pbase),
    .put_tbase_o    (put_tbase),
    .put_split_o    (put_split),
    .put_slice_o    (put_slice),
    .put_mac_o      (put_mac),
    .put_last_o     (put_last),
    .put_words_o    (put_words),
    .put_params_o   (put_params),
    .free_i         (ck_free_i),
    .free_words_i   (free_size[FW-1 -: ADDR_W+1]),
    .free_params_i  (free_size[PAR_W:0])
  );

  // ---- runs of bits that have been asked for ----
  (* no_rw_check *) logic [35:0] runs [0:(1<<RUNS_LOG2)-1];
  logic [RUNS_LOG2:0] run_w_q, run_r_q, run_fill;
  assign run_fill    = run_w_q - run_r_q;
  assign p_run_ready = !run_fill[RUNS_LOG2];
  assign run_valid   = run_fill != '0;
  assign {run_skip, run_bits, run_last} = runs[run_r_q[RUNS_LOG2-1:0]];
  always_ff @(posedge clk_i) begin
    if (p_run_valid && p_run_ready) runs[run_w_q[RUNS_LOG2-1:0]] <= {p_run_skip, p_run_bits, p_run_last};
    if (!rst_ni || clear_i) begin
      run_w_q <= '0;
      run_r_q <= '0;
    end else begin
      if (p_run_valid && p_run_ready) run_w_q <= run_w_q + (RUNS_LOG2+1)'(1);
      if (run_valid && run_ready) run_r_q <= run_r_q + (RUNS_LOG2+1)'(1);
    end
  end

  // ---- the chunk whose data comes ----
  localparam logic [2:0] IDLE = 3'd0, BEGIN = 3'd1, TABLE = 3'd2, WEIGHTS = 3'd3, PARAMS = 3'd4, FINISH = 3'd5;
  logic [2:0]        state_q;
  logic              table_q;                    // the command's table is in
  logic [13:0]       k_group, k_lead, k_convs, k_first, k_rows;
  logic [PAR_W:0]    k_tiles, k_groups;
  logic [7:0]        k_copies;
  logic [ADDR_W:0]   k_row_words;
  logic [ADDR_W-1:0] k_wbase;
  logic [PAR_W-1:0]  k_pbase, k_tbase;
  logic              k_split, k_slice, k_mac, k_last;
  logic              w_done, w_idle, w_ready, table_done, p_done, p_ready;
  assign {k_group, k_lead, k_convs, k_first, k_rows, k_tiles, k_groups, k_copies, k_row_words, k_wbase,
          k_pbase, k_tbase, k_split, k_slice, k_mac, k_last} = k_q;

  logic unused;
  assign unused = ^{d_flat_i[39:32], k_lead, k_convs, k_first, k_group, k_tiles, k_groups, k_mac};

  assign loaded     = state_q == FINISH && w_idle;
  assign rb_ready_o = w_ready || p_ready;

  always_ff @(posedge clk_i) begin
    done_o <= loaded && k_last && rst_ni && !clear_i;
    k_q    <= (state_q == IDLE) ? chunks[loaded_q[DEPTH_LOG2-1:0]] : k_q;
    if (start_i) table_q <= 1'b0;
    case (state_q)
      IDLE:    if (planned_q != loaded_q) state_q <= BEGIN;
      BEGIN:   state_q <= !has_weights ? (d_record_i ? PARAMS : FINISH) : (is_book && !table_q) ? TABLE : WEIGHTS;
      TABLE: begin
        table_q <= 1'b1;
        if (table_done) state_q <= WEIGHTS;
      end
      WEIGHTS: if (w_done) state_q <= d_record_i ? PARAMS : FINISH;
      PARAMS:  if (p_done) state_q <= FINISH;
      default: if (w_idle) state_q <= IDLE;
    endcase
    if (!rst_ni || clear_i) state_q <= IDLE;
  end

  bnn_load_weights #(
    .LANES(LANES),
    .LANE_BITS(LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS)
  ) u_weights (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (clear_i),
    .start_i     (state_q == BEGIN),
    .done_o      (w_done),
    .idle_o      (w_idle),
    .cg_i        (d_cg_i),
    .taps_i      (d_taps_i),
    .tau_i       (d_tau_i),
    .wl_i        (wl),
    .ternary_i   (d_wformat_i == `BNN_WFORMAT_T),
    .flat_i      (d_wmode_i == 2'd2),
    .book_i      (is_book),
    .row_units_i (row_units),
    .row_pieces_i(row_pieces),
    .rows_i      (k_rows),
    .row_words_i (k_row_words),
    .wbase_i     (k_wbase),
    .split_i     (k_split),
    .slice_i     (k_slice),
    .run_valid_i (run_valid),
    .run_ready_o (run_ready),
    .run_skip_i  (run_skip),
    .run_bits_i  (run_bits),
    .run_last_i  (run_last),
    .table_i     (state_q == TABLE),
    .table_done_o(table_done),
    .enable_i    (state_q == WEIGHTS),
    .rb_valid_i  (rb_valid_i),
    .rb_ready_o  (w_ready),
    .rb_data_i   (rb_data_i),
    .lw_we_o     (lw_we_o),
    .lw_lane_o   (lw_lane_o),
    .lw_addr_o   (lw_addr_o),
    .lw_en_o     (lw_en_o),
    .lw_data_o   (lw_data_o)
  );

  bnn_load_params #(
    .LANES(LANES),
    .PARAM_WORDS(PARAM_WORDS)
  ) u_params (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .clear_i   (clear_i),
    .start_i   (state_q == BEGIN),
    .done_o    (p_done),
    .narrow_i  (d_narrow_i),
    .frac_i    (d_frac_i),
    .split_i   (k_split),
    .rows_i    (k_rows),
    .copies_i  (k_copies),
    .pbase_i   (k_pbase),
    .tbase_i   (k_tbase),
    .enable_i  (state_q == PARAMS),
    .rb_valid_i(rb_valid_i),
    .rb_ready_o(p_ready),
    .rb_data_i (rb_data_i),
    .lp_we_o   (lp_we_o),
    .lp_lane_o (lp_lane_o),
    .lp_addr_o (lp_addr_o),
    .lp_data_o (lp_data_o),
    .lt_we_o   (lt_we_o),
    .lt_lane_o (lt_lane_o),
    .lt_half_o (lt_half_o),
    .lt_addr_o (lt_addr_o),
    .lt_data_o (lt_data_o)
  );

endmodule
