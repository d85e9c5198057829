// SPDX-License-Identifier: MIT
// The array: bnn_steps plays words to the lanes, which compare them with their
// weights; results are kept until they are drained in order, a group of LANES channels
// per cycle.
//
// A word of activations comes as two rails: `pos` counts where the weight bit is
// 1, `neg` where it is 0; a pair that must not count is in neither. One more sum
// counts all pairs of the word, for weights that stand for +-1.

module bnn_array #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 512,
  parameter int PARAM_WORDS  = 128,
  parameter int WINDOW_WORDS = 256,
  parameter int RESULTS      = 64,
  parameter int BLOCK_RAM    = 0,
  parameter int IMPL         = 0,
  localparam int AW = $clog2(WEIGHT_WORDS),
  localparam int PW = $clog2(PARAM_WORDS),
  localparam int RW = $clog2(RESULTS),
  localparam int LW = $clog2(LANES),
  localparam int WH = LANE_BITS / 16,
  localparam int IW = $clog2((32767 + 49 * 15) / LANE_BITS + 1) + 1
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 clear_i,

  // From the loader; never into the chunk that runs.
  input  logic                 lw_we_i,
  input  logic [LW-1:0]        lw_lane_i,
  input  logic [AW-1:0]        lw_addr_i,
  input  logic [WH-1:0]        lw_en_i,
  input  logic [LANE_BITS-1:0] lw_data_i,
  input  logic                 lt_we_i,
  input  logic [LW-1:0]        lt_lane_i,
  input  logic                 lt_half_i,
  input  logic [PW-1:0]        lt_addr_i,
  input  logic [17:0]          lt_data_i,

  // The chunk; as it is from start until everything is drained.
  input  logic                 start_i,
  input  logic [PW:0]          k_tiles_i,
  input  logic [PW:0]          k_groups_i,
  input  logic [7:0]           k_copies_i,
  input  logic [13:0]          k_rows_i,
  input  logic [13:0]          k_og_i,         // channels of a group
  input  logic [13:0]          k_first_i,      // channels of the chunk that belong to its first group
  input  logic [AW:0]          k_row_words_i,
  input  logic [AW-1:0]        k_wbase_i,
  input  logic [PW-1:0]        k_tbase_i,
  input  logic                 k_split_i,
  input  logic                 k_slice_i,
  input  logic                 k_stream_i,
  input  logic                 k_mac_i,        // LANE_BITS is 256
  input  logic [1:0]           k_mac_log2_i,   // channels per value: 1, 2, 4
  input  logic [3:0]           k_mac_tile_i,   // tiles before the chunk
  input  logic [1:0]           d_wl_i,         // log2 of the bits of a weight
  input  logic                 d_w_top_neg_i,
  input  logic                 d_odd_a_i,
  input  logic                 d_a_top_neg_i,
  input  logic                 d_odd_w_i,
  input  logic                 d_frac_i,

  input  logic                 ww_valid_i,
  output logic                 ww_ready_o,
  input  logic [LANE_BITS-1:0] ww_data_i,
  input  logic [LANE_BITS-1:0] ww_mask_i,
  input  logic [IW-1:0]        ww_index_i,
  input  logic                 ww_first_i,
  input  logic                 ww_double_i,
  input  logic                 ww_sub_i,
  input  logic                 ww_last_i,
  input  logic                 ww_l_i,
  input  logic                 ww_win_last_i,
  input  logic [5:0]           ww_taps_i,

  output logic                 rs_valid_o,
  input  logic                 rs_ready_i,
  output logic [LANES*32-1:0]  rs_acc_o,
  output logic [7:0]           rs_copy_o,
  output logic [PW-1:0]        rs_group_o,
  output logic                 rs_last_o,      // of the pixel
  output logic [LANES-1:0]     rs_open_o,      // FRAC
  output logic [5:0]           rs_taps_o,

  output logic                 idle_o,
  output logic                 busy_o,
  output logic                 wait_act_o,
  output logic                 wait_post_o
);

  localparam int FW = 28 + 2*RW + PW + AW;

  // ---- s0, s1: the step ----
  logic [RW-1:0]        s0_list, s1_entry, s1_ebase;
  logic                 s1_valid, s1_listed, s1_first, s1_double, s1_sub, s1_last, s1_m, s1_l, s1_end, s1_full;
  logic [13:0]          s1_lo, s1_hi;
  logic [LANE_BITS-1:0] s1_data, s1_mask;
  logic [2:0]           s1_part;
  logic [AW-1:0]        s1_word, s1_base;
  logic [PW-1:0]        s1_tile;
  logic [5:0]           s1_taps;
  logic                 rounds_valid;
  logic [RW:0]          rounds, freed;

  bnn_steps #(
    .LANES       (LANES),
    .LANE_BITS   (LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS),
    .PARAM_WORDS (PARAM_WORDS),
    .WINDOW_WORDS(WINDOW_WORDS),
    .RESULTS     (RESULTS)
  ) u_steps (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .clear_i       (clear_i),
    .start_i       (start_i),
    .k_tiles_i     (k_tiles_i),
    .k_rows_i      (k_rows_i),
    .k_og_i        (k_og_i),
    .k_first_i     (k_first_i),
    .k_row_words_i (k_row_words_i),
    .k_wbase_i     (k_wbase_i),
    .k_split_i     (k_split_i),
    .k_mac_i       (k_mac_i),
    .k_stream_i    (k_stream_i),
    .k_listed_i    (listed),
    .d_wl_i        (d_wl_i),
    .d_frac_i      (d_frac_i),
    .ww_valid_i    (ww_valid_i),
    .ww_ready_o    (ww_ready_o),
    .ww_data_i     (ww_data_i),
    .ww_mask_i     (ww_mask_i),
    .ww_index_i    (ww_index_i),
    .ww_first_i    (ww_first_i),
    .ww_double_i   (ww_double_i),
    .ww_sub_i      (ww_sub_i),
    .ww_last_i     (ww_last_i),
    .ww_l_i        (ww_l_i),
    .ww_win_last_i (ww_win_last_i),
    .ww_taps_i     (ww_taps_i),
    .rounds_valid_i(rounds_valid),
    .rounds_i      (rounds),
    .freed_i       (freed),
    .s0_list_o     (s0_list),
    .s1_valid_o    (s1_valid),
    .s1_data_o     (s1_data),
    .s1_mask_o     (s1_mask),
    .s1_part_o     (s1_part),
    .s1_word_o     (s1_word),
    .s1_base_o     (s1_base),
    .s1_listed_o   (s1_listed),
    .s1_first_o    (s1_first),
    .s1_double_o   (s1_double),
    .s1_sub_o      (s1_sub),
    .s1_last_o     (s1_last),
    .s1_m_o        (s1_m),
    .s1_l_o        (s1_l),
    .s1_end_o      (s1_end),
    .s1_full_o     (s1_full),
    .s1_lo_o       (s1_lo),
    .s1_hi_o       (s1_hi),
    .s1_entry_o    (s1_entry),
    .s1_ebase_o    (s1_ebase),
    .s1_tile_o     (s1_tile),
    .s1_taps_o     (s1_taps),
    .busy_o        (busy_o),
    .wait_act_o    (wait_act_o),
    .wait_post_o   (wait_post_o)
  );

  // ---- rails: a part of the word, as often as the weight word has planes ----
  // Halves of halves: one choice of two per bit and level, where the parts themselves would
  // be a choice of fifteen.
  logic [LANE_BITS-1:0] data, mask, s2_pos_q, s2_neg_q, s3_pos_q, s3_neg_q;
  logic [1:0]           part_copies;     // log2
  logic [2:0]           part_which;      // half, of it, of that
  always_comb begin
    case ({k_split_i, d_wl_i})
      3'b100, 3'b001: begin part_copies = 2'd1; part_which = {s1_part[0], 2'd0}; end
      3'b010:         begin part_copies = 2'd2; part_which = {s1_part[1:0], 1'b0}; end
      3'b011:         begin part_copies = 2'd3; part_which = s1_part; end
      default:        begin part_copies = 2'd0; part_which = 3'd0; end
    endcase
  end
  function automatic logic [LANE_BITS-1:0] repeated(input logic [LANE_BITS-1:0] word, input logic [1:0] copies,
                                                    input logic [2:0] which);
    logic [LANE_BITS/2-1:0] half;
    logic [LANE_BITS/4-1:0] quarter;
    logic [LANE_BITS/8-1:0] eighth;
    half     = which[2] ? word[LANE_BITS/2 +: LANE_BITS/2] : word[0 +: LANE_BITS/2];
    quarter  = which[1] ? half[LANE_BITS/4 +: LANE_BITS/4] : half[0 +: LANE_BITS/4];
    eighth   = which[0] ? quarter[LANE_BITS/8 +: LANE_BITS/8] : quarter[0 +: LANE_BITS/8];
    quarter  = copies == 2'd3 ? {2{eighth}} : quarter;
    half     = copies[1] ? {2{quarter}} : half;
    repeated = copies != 2'd0 ? {2{half}} : word;
  endfunction
  assign data = repeated(s1_data, part_copies, part_which);
  assign mask = repeated(s1_mask, part_copies, part_which);

  // ---- what goes along with a step ----
  logic          s2_valid_q, s3_valid_q, s4_valid_q, s5_valid_q, s6_valid_q, s7_valid_q, s8_valid_q;
  logic [4:0]    s2_flags_q, s3_flags_q, s4_flags_q, s5_flags_q, s6_flags_q, s7_flags_q;  // {m, l, first, double, sub}
  logic [6:2]    last_q, end_q, full_q;           // by stage
  logic          s7_end_q, s7_full_q;
  logic [FW-1:0] s2_where_q, s3_where_q, s4_where_q, s5_where_q, s6_where_q;
  logic [RW-1:0] s7_entry_q, s7_ebase_q;
  logic [PW-1:0] s6_tile;
  logic [AW-1:0] s7_base_q;
  logic [5:0]    s2_taps_q, s3_taps_q, s4_taps_q, s5_taps_q, s6_taps_q, s7_taps_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      s2_valid_q <= 1'b0;
      s3_valid_q <= 1'b0;
      s4_valid_q <= 1'b0;
      s5_valid_q <= 1'b0;
      s6_valid_q <= 1'b0;
      s7_valid_q <= 1'b0;
      s8_valid_q <= 1'b0;
      last_q     <= '0;
      end_q      <= '0;
      full_q     <= '0;
      s7_full_q  <= 1'b0;
      s7_end_q   <= 1'b0;
    end else begin
      s2_valid_q <= s1_valid;
      s3_valid_q <= s2_valid_q;
      s4_valid_q <= s3_valid_q;
      s5_valid_q <= s4_valid_q;
      s6_valid_q <= s5_valid_q;
      s7_valid_q <= s6_valid_q && last_q[6];
      s8_valid_q <= s7_valid_q && s7_flags_q[4] && s7_end_q;
      last_q     <= {last_q[5:2], s1_last};
      end_q      <= {end_q[5:2], s1_end};
      full_q     <= {full_q[5:2], s1_full};
      s7_end_q   <= end_q[6];
      s7_full_q  <= full_q[6];
    end
  end

  always_ff @(posedge clk_i) begin
    if (s1_valid) begin
      s2_pos_q <= k_mac_i ? '0 : data;
      s2_neg_q <= (d_odd_a_i && d_odd_w_i) ? mask & ~data : '0;
    end
    s2_flags_q <= {s1_m, s1_l, s1_first, s1_double, s1_sub};
    s2_where_q <= {s1_lo, s1_hi, s1_ebase, s1_entry, s1_tile, s1_base};
    s2_taps_q  <= s1_taps;
    if (s2_valid_q) begin
      s3_pos_q <= s2_pos_q;
      s3_neg_q <= s2_neg_q;
    end
    s3_flags_q <= s2_flags_q;
    s3_where_q <= s2_where_q;
    s3_taps_q  <= s2_taps_q;
    s4_flags_q <= s3_flags_q;
    s4_where_q <= s3_where_q;
    s4_taps_q  <= s3_taps_q;
    s5_flags_q <= s4_flags_q;
    s5_where_q <= s4_where_q;
    s5_taps_q  <= s4_taps_q;
    s6_flags_q <= s5_flags_q;
    s6_where_q <= s5_where_q;
    s6_taps_q  <= s5_taps_q;
    s7_flags_q <= s6_flags_q;
    s7_taps_q  <= s6_taps_q;
    {s7_ebase_q, s7_entry_q} <= s6_where_q[FW-29 -: 2*RW];
    s7_base_q  <= s6_where_q[AW-1:0];
  end
  assign s6_tile = s6_where_q[AW +: PW];

  // ---- MACs: 16 values of a tap; those that the tile's lanes use, moved to the front ----
  logic [LANES*8-1:0] s3_own;
  logic               s3_second;
  if (LANE_BITS == 256) begin : gen_mac
    logic [127:0] tap, moved, s2_tap_q, s3_tap_q;
    logic [3:0]   tile, s1_from, s2_from_q;   // channel of the first lane
    logic         s2_second_q, s3_second_q;
    assign tile    = 4'(s1_tile) + k_mac_tile_i;
    // Only these three: what cannot be is no choice then.
    assign s1_from = k_mac_log2_i[1] ? 4'({4'd0, tile} << (LW-2)) :
                     k_mac_log2_i[0] ? 4'({4'd0, tile} << (LW-1)) : 4'({4'd0, tile} << LW);
    always_comb begin
      for (int i = 0; i < 8; i++) begin
        tap[i*16 +: 16] = s1_part[0] ? s1_data[i*32+16 +: 16] : s1_data[i*32 +: 16];
      end
      moved = s2_tap_q;
      for (int i = 0; i < 8; i++) begin
        if (s2_from_q[3]) moved[i*16 +: 8] = moved[i*16+8 +: 8];
        if (s2_from_q[2]) moved[i*16 +: 4] = moved[i*16+4 +: 4];
        if (s2_from_q[1]) moved[i*16 +: 2] = moved[i*16+2 +: 2];
        if (s2_from_q[0]) moved[i*16]      = moved[i*16+1];
      end
    end
    always_ff @(posedge clk_i) begin
      s2_tap_q    <= k_mac_i ? tap : '0;
      s2_from_q   <= s1_from;
      s2_second_q <= s1_part[0];
      s3_tap_q    <= moved;
      s3_second_q <= s2_second_q;
    end
    for (genvar l = 0; l < LANES; l++) begin : gen_own
      for (genvar i = 0; i < 8; i++) begin : gen_bit
        assign s3_own[l*8 + i] = k_mac_log2_i[1] ? s3_tap_q[i*16 + l/4%16] :
                                 k_mac_log2_i[0] ? s3_tap_q[i*16 + l/2%16] : s3_tap_q[i*16 + l%16];
      end
    end
    assign s3_second = s3_second_q;
  end else begin : gen_no_mac
    logic unused_mac;
    assign unused_mac = ^{k_mac_log2_i, k_mac_tile_i};
    assign s3_own     = '0;
    assign s3_second  = 1'b0;
  end

  // ---- pairs ----
  logic [1:0]  planes;
  logic        top_neg;
  logic [31:0] pairs0, pairs1;
  assign planes  = k_slice_i ? 2'd3 : d_wl_i;
  assign top_neg = (k_slice_i || k_mac_i) ? d_a_top_neg_i : d_w_top_neg_i;

  bnn_array_sum #(
    .LANE_BITS(LANE_BITS),
    .IMPL     (IMPL)
  ) u_pairs (
    .clk_i      (clk_i),
    .split_i    (k_split_i),
    .planes_i   (planes),
    .top_neg_i  (top_neg),
    .s3_valid_i (s3_valid_q),
    .s3_hits_i  (s3_pos_q | s3_neg_q),
    .s4_valid_i (s4_valid_q),
    .s4_sub_i   (s4_flags_q[0]),
    .s4_product_i('0),
    .s5_valid_i (s5_valid_q),
    .s5_first_i (s5_flags_q[2]),
    .s5_double_i(s5_flags_q[1]),
    .s5_sub_i   (s5_flags_q[0]),
    .acc0_o     (pairs0),
    .acc1_o     (pairs1)
  );
  logic unused;
  assign unused = ^{pairs1, s7_flags_q};  // split: both halves see the same word

  // What the values have less: inverted, all that a lane needs is an adder.
  logic [31:0] s6_less;
  assign s6_less = ~(d_odd_w_i ? pairs0 : '0);

  // ---- lanes ----
  logic signed [15:0]        lo_q, hi_q;          // channels of the window, from the tile at s7 on
  logic [LANES*32-1:0]       d1_value;
  logic [LANES-1:0]          d1_open;
  logic [LANES*2*(RW+1)-1:0] opens;
  logic                      d_en, d_first, d_half, listed;
  logic [RW-1:0]             d_entry, d_high;
  // With groups tiles are gone over several times: no lists.
  assign listed = d_frac_i && !k_stream_i && k_first_i == k_rows_i;

  logic [15:0] s6_chan;
  assign s6_chan = k_split_i ? 16'({s6_tile, {(LW+1){1'b0}}}) : 16'({s6_tile, {LW{1'b0}}});
  always_ff @(posedge clk_i) begin
    lo_q <= $signed({2'd0, s6_where_q[FW-1 -: 14]}) - $signed(s6_chan);
    hi_q <= $signed({2'd0, s6_where_q[FW-15 -: 14]}) - $signed(s6_chan);
  end

  // Which channels that leaves, of up to 2 LANES; what lies outside of them is one of two cases.
  logic [2*LANES-1:0]   from, to;
  logic signed [LW+1:0] lo, hi;          // not negative
  logic                 lo_above, hi_above;
  assign lo_above = !lo_q[15] && |lo_q[14:LW+1];
  assign hi_above = |hi_q[14:LW+1];
  assign lo       = lo_q[15] ? '0 : {1'b0, lo_q[LW:0]};
  assign hi       = hi_above ? (LW+2)'(2*LANES - 1) : {1'b0, hi_q[LW:0]};
  for (genvar c = 0; c < 2 * LANES; c++) begin : gen_exists
    assign from[c] = !lo_above && lo <= (LW+2)'($signed(c));
    assign to[c]   = !hi_q[15] && hi >= (LW+2)'($signed(c));
  end

  for (genvar l = 0; l < LANES; l++) begin : gen_lane
    logic [1:0] exists;
    assign exists = {from[l + LANES] && to[l + LANES], from[l] && to[l]};
    bnn_array_lane #(
      .LANE_BITS(LANE_BITS),
      .DEPTH    (WEIGHT_WORDS),
      .PW       (PW),
      .RESULTS  (RESULTS),
      .BLOCK_RAM(BLOCK_RAM),
      .IMPL     (IMPL)
    ) u_lane (
      .clk_i      (clk_i),
      .start_i    (start_i),
      .split_i    (k_split_i),
      .planes_i   (planes),
      .top_neg_i  (top_neg),
      .odd_w_i    (d_odd_w_i),
      .frac_i     (d_frac_i),
      .listed_i   (listed),
      .w_en_i     ((lw_we_i && lw_lane_i == LW'(l)) ? lw_en_i : '0),
      .w_addr_i   (lw_addr_i),
      .w_data_i   (lw_data_i),
      .t_we_i     ((lt_we_i && lt_lane_i == LW'(l)) ? {lt_half_i, !lt_half_i} : 2'd0),
      .t_addr_i   (lt_addr_i),
      .t_data_i   (lt_data_i),
      .s0_list_i  (s0_list),
      .s1_valid_i (s1_valid),
      .s1_listed_i(s1_listed),
      .s1_base_i  (s1_base),
      .s1_word_i  (s1_word),
      .s2_valid_i (s2_valid_q),
      .s3_valid_i (s3_valid_q),
      .s3_pos_i   (s3_pos_q),
      .s3_neg_i   (s3_neg_q),
      .s3_own_i   (s3_own[l*8 +: 8]),
      .s3_second_i(s3_second),
      .s4_valid_i (s4_valid_q),
      .s4_sub_i   (s4_flags_q[0]),
      .s5_valid_i (s5_valid_q),
      .s5_first_i (s5_flags_q[2]),
      .s5_double_i(s5_flags_q[1]),
      .s5_sub_i   (s5_flags_q[0]),
      .s6_valid_i (s6_valid_q && last_q[6]),
      .s6_less_i  (s6_less),
      .s6_gate_i  (k_tbase_i + s6_tile),
      .s7_valid_i (s7_valid_q),
      .s7_m_i     (s7_flags_q[4]),
      .s7_l_i     (s7_flags_q[3]),
      .s7_exists_i(exists),
      .s7_end_i   (s7_end_q),
      .s7_entry_i (s7_entry_q),
      .s7_ebase_i (s7_ebase_q),
      .s7_base_i  (s7_base_q),
      .s8_opens_o (opens[l*2*(RW+1) +: 2*(RW+1)]),
      .d_en_i     (d_en),
      .d_first_i  (d_first),
      .d_half_i   (d_half),
      .d_entry_i  (d_entry),
      .d_high_i   (d_high),
      .d1_value_o (d1_value[l*32 +: 32]),
      .d1_open_o  (d1_open[l])
    );
  end

  // ---- rounds of L: what the half with most open gates needs; pairs of halves, then all ----
  logic [LANES*(RW+1)-1:0] most, most_q;
  logic [RW:0]             all;
  logic                    s9_valid_q, s10_valid_q;
  logic [RW:0]             rounds_q;
  for (genvar l = 0; l < LANES; l++) begin : gen_most
    logic [RW:0] first, second;
    assign first  = opens[l*2*(RW+1) +: RW+1];
    assign second = opens[l*2*(RW+1) + RW+1 +: RW+1];
    assign most[l*(RW+1) +: RW+1] = (k_split_i && second > first) ? second : first;
  end
  // A tree, written as a heap: node i has children 2i and 2i + 1.
  always_comb begin
    logic [2*LANES*(RW+1)-1:0] heap;
    heap = {most_q, {LANES*(RW+1){1'b0}}};
    for (int i = LANES - 1; i >= 1; i--) begin
      heap[i*(RW+1) +: RW+1] = (heap[2*i*(RW+1) +: RW+1] > heap[(2*i+1)*(RW+1) +: RW+1])
                             ? heap[2*i*(RW+1) +: RW+1] : heap[(2*i+1)*(RW+1) +: RW+1];
    end
    all = heap[RW+1 +: RW+1];
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      s9_valid_q  <= 1'b0;
      s10_valid_q <= 1'b0;
    end else begin
      s9_valid_q  <= s8_valid_q && listed;
      s10_valid_q <= s9_valid_q;
    end
    most_q   <= most;
    rounds_q <= all;
  end
  assign rounds_valid = s10_valid_q;
  assign rounds       = rounds_q;

  // ---- draining ----
  logic [RW:0]   avail_q;                         // results that are complete
  logic [RW-1:0] entry_q, ebase_q;
  logic [PW-1:0] tile_q, group_q;
  logic [7:0]    copy_q;
  logic          half_q, drain, have, group_end, copy_end, tile_end, free, window_done, value_done;
  logic          d1_valid_q, d1_last_q;
  logic [7:0]    d1_copy_q;
  logic [PW-1:0] d1_group_q;
  logic [5:0]    d1_taps_q;
  (* ram_style = "distributed" *) logic [5:0] taps [0:RESULTS-1];

  // A window's results are complete when its last round is in; without rounds, at once.
  assign window_done = listed && s7_end_q && !(s7_valid_q && s7_flags_q[4]);
  assign value_done  = s7_valid_q && !listed && s7_full_q;

  assign group_end = (PW+1)'(group_q) + (PW+1)'(1) == k_groups_i;
  assign copy_end  = copy_q + 8'd1 == k_copies_i;
  assign tile_end  = !k_split_i || half_q || group_end;
  assign have      = avail_q > (copy_end ? '0 : (RW+1)'(tile_q));
  assign d_en      = !rs_valid_o || rs_ready_i;
  assign drain     = d_en && have;
  assign free      = drain && tile_end && copy_end;
  // L results of a window lie as they came, not with their tiles.
  assign freed     = listed ? ((free && group_end) ? (RW+1)'(k_tiles_i) : '0) : (RW+1)'(free);
  assign d_first   = tile_q == '0;
  assign d_half    = half_q;
  assign d_entry   = entry_q;
  assign d_high    = listed ? ebase_q : entry_q;

  always_ff @(posedge clk_i) begin
    if (s7_valid_q && !s7_flags_q[3]) taps[s7_entry_q] <= s7_taps_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      avail_q    <= '0;
      entry_q    <= '0;
      ebase_q    <= '0;
      tile_q     <= '0;
      group_q    <= '0;
      copy_q     <= '0;
      half_q     <= 1'b0;
      d1_valid_q <= 1'b0;
      rs_valid_o <= 1'b0;
    end else begin
      avail_q <= avail_q + (window_done ? (RW+1)'(k_tiles_i) : (RW+1)'(value_done)) - (RW+1)'(free);
      if (drain) begin
        group_q <= group_q + PW'(1);
        half_q  <= k_split_i && !half_q;
        if (tile_end) begin
          half_q  <= 1'b0;
          tile_q  <= tile_q + PW'(1);
          entry_q <= entry_q + RW'(1);
        end
        if (group_end) begin
          group_q <= '0;
          tile_q  <= '0;
          copy_q  <= copy_end ? '0 : copy_q + 8'd1;
          entry_q <= copy_end ? entry_q + RW'(1) : ebase_q;
          if (copy_end) ebase_q <= entry_q + RW'(1);
        end
      end
      if (d_en) begin
        d1_valid_q <= drain;
        rs_valid_o <= d1_valid_q;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (d_en) begin
      d1_copy_q  <= copy_q;
      d1_group_q <= group_q;
      d1_last_q  <= group_end && copy_end;
      d1_taps_q  <= taps[entry_q];
      if (d1_valid_q) begin
        rs_acc_o   <= d1_value;
        rs_open_o  <= d1_open;
        rs_copy_o  <= d1_copy_q;
        rs_group_o <= d1_group_q;
        rs_last_o  <= d1_last_q;
        rs_taps_o  <= d1_taps_q;
      end
    end
  end

  assign idle_o = !busy_o && avail_q == '0 && !d1_valid_q && !rs_valid_o && !(|{s1_valid, s2_valid_q, s3_valid_q,
                  s4_valid_q, s5_valid_q, s6_valid_q, s7_valid_q});

endmodule
