// SPDX-License-Identifier: MIT
// Keeps the words of several windows and plays them: each window once per tile of
// the chunk, one step per cycle. FRAC: M of a window for all tiles; then, when its
// gates are known, L as often as the half with most open gates needs; M of later
// windows is played meanwhile.
//
// Nothing stalls behind a step: it is sent only when its result has a place. Windows
// that are too large to be kept come once per tile and are used as they come.
//
// With groups a pixel has a window for each of them, which is played for the tiles
// that have channels of the group; a result is complete when the last group with
// channels in its tile has been played. L is then played right behind M.
//
//   s0 choice of the step, control of its word   s1 the word

module bnn_steps #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 512,
  parameter int PARAM_WORDS  = 128,
  parameter int WINDOW_WORDS = 256,
  parameter int RESULTS      = 64,
  localparam int AW = $clog2(WEIGHT_WORDS),
  localparam int PW = $clog2(PARAM_WORDS),
  localparam int RW = $clog2(RESULTS),
  localparam int LW = $clog2(LANES),
  localparam int IW = $clog2((32767 + 49 * 15) / LANE_BITS + 1) + 1
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 clear_i,

  input  logic                 start_i,
  input  logic [PW:0]          k_tiles_i,
  input  logic [13:0]          k_rows_i,
  input  logic [13:0]          k_og_i,          // channels of a group
  input  logic [13:0]          k_first_i,       // channels of the chunk that belong to its first group
  input  logic [AW:0]          k_row_words_i,
  input  logic [AW-1:0]        k_wbase_i,
  input  logic                 k_split_i,
  input  logic                 k_mac_i,         // parts of a word are two taps with one word of weights
  input  logic                 k_stream_i,
  input  logic                 k_listed_i,      // FRAC: L by the lists
  input  logic [1:0]           d_wl_i,
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

  input  logic                 rounds_valid_i,  // of the next window whose M is in
  input  logic [RW:0]          rounds_i,
  input  logic [RW:0]          freed_i,         // places that became free

  output logic [RW-1:0]        s0_list_o,       // L: entry of the lists to be read
  output logic                 s1_valid_o,
  output logic [LANE_BITS-1:0] s1_data_o,
  output logic [LANE_BITS-1:0] s1_mask_o,
  output logic [2:0]           s1_part_o,       // of the word
  output logic [AW-1:0]        s1_word_o,       // of the weight row
  output logic [AW-1:0]        s1_base_o,       // the row of the tile
  output logic                 s1_listed_o,     // rows from the lists
  output logic                 s1_first_o,
  output logic                 s1_double_o,
  output logic                 s1_sub_o,
  output logic                 s1_last_o,       // the sum is complete
  output logic                 s1_m_o,
  output logic                 s1_l_o,
  output logic                 s1_end_o,        // with last: of the window; without valid: no L at all
  output logic                 s1_full_o,       // with last: the result is complete
  output logic [13:0]          s1_lo_o,         // channels of the window, within the chunk
  output logic [13:0]          s1_hi_o,
  output logic [RW-1:0]        s1_entry_o,      // place of the result
  output logic [RW-1:0]        s1_ebase_o,      // that of tile 0
  output logic [PW-1:0]        s1_tile_o,
  output logic [5:0]           s1_taps_o,

  output logic                 busy_o,
  output logic                 wait_act_o,
  output logic                 wait_post_o
);

  localparam int WW = $clog2(WINDOW_WORDS);
  localparam int SLICE = LANE_BITS / 8;
  localparam int WINS = 16;                     // windows kept

  // ---- words: parts of each that have a pair; the first and the last are played, with those between ----
  localparam int CW = 6 + IW + 3 + 3 + 5;
  (* no_rw_check *) logic [2*LANE_BITS-1:0] words [0:WINDOW_WORDS-1];
  logic [CW-1:0] ctl [0:WINDOW_WORDS-1];        // {taps, index, first part, last part, first, double, sub, last, l}
  logic [7:0]    filled, parts;
  logic [2:0]    part_lo, part_hi;

  for (genvar i = 0; i < 8; i++) begin : gen_filled
    assign filled[i] = |ww_mask_i[i*SLICE +: SLICE];
  end
  always_comb begin
    case ({k_split_i, d_wl_i})
      3'b100, 3'b001: parts = {6'd0, |filled[7:4], |filled[3:0]};
      3'b010:         parts = {4'd0, |filled[7:6], |filled[5:4], |filled[3:2], |filled[1:0]};
      3'b011:         parts = filled;
      default:        parts = 8'd1;
    endcase
    if (k_mac_i) parts = {6'd0, ww_mask_i[16], ww_mask_i[0]};
    part_lo = '0;
    part_hi = '0;
    for (int i = 7; i >= 0; i--) if (parts[i]) part_lo = 3'(i);
    for (int i = 0; i < 8; i++) if (parts[i]) part_hi = 3'(i);
  end

  logic [WW-1:0] wptr_q;
  logic [WW:0]   used_q, freed, len_q;          // len: words of the window being written
  logic [4:0]    wins_q;                        // windows kept
  logic [3:0]    win_wptr_q;
  logic          put, win_freed;
  logic [WW-1:0] wins [0:WINS-1];               // words less one
  assign ww_ready_o = !used_q[WW] && !wins_q[4];
  assign put        = ww_valid_i && ww_ready_o;

  always_ff @(posedge clk_i) begin
    if (put) begin
      words[wptr_q] <= {ww_mask_i, ww_data_i};
      ctl[wptr_q]   <= {ww_taps_i, ww_index_i, part_lo, part_hi, ww_first_i, ww_double_i, ww_sub_i, ww_last_i, ww_l_i};
      if (ww_win_last_i) wins[win_wptr_q] <= WW'(len_q);
    end
  end

  // ---- runs: one tile (M) or one round (L) of a window ----
  logic          cur_q, l_q, null_q, end_q, full_q, fresh_q;
  logic [13:0]   lo_q, hi_q;
  logic [WW-1:0] ptr_q;
  logic [2:0]    part_q;
  logic [AW-1:0] base_q;
  logic [RW-1:0] entry_q, ebase_q;
  logic [PW-1:0] tile_q;
  logic [WW:0]   free_q;                        // words that the end of the run frees

  // Next M.
  logic [WW-1:0] m_start_q;
  logic [4:0]    m_wins_q;                      // whole windows not taken yet
  logic [3:0]    m_win_q;
  logic [PW-1:0] m_tile_q;
  logic [AW-1:0] m_base_q;
  logic [RW-1:0] m_entry_q, m_ebase_q;
  logic [13:0]   m_lo_q, m_hi_q, m_top_q;       // channels of the window; last one of the tile
  logic          m_new_q;                       // the tile has no place for its result yet
  logic [RW:0]   credit_q;
  logic          m_ready, m_take, m_win_end, m_pix_end, m_tile_full;
  logic [WW:0]   m_len;

  // Next L.
  logic [WW-1:0] l_start_q;
  logic [3:0]    l_win_q;
  logic [RW:0]   l_round_q, rounds;
  logic [RW-1:0] l_ebase_q;
  logic          l_ready, l_take, l_end;
  logic [WW:0]   l_len;
  logic [RW:0]   round_fifo [0:WINS-1];
  logic [4:0]    round_wptr_q, round_rptr_q;

  // The word at hand.
  logic [5:0]    c_taps;
  logic [IW-1:0] c_index;
  logic [2:0]    c_lo, c_hi, part;
  logic          c_first, c_double, c_sub, c_last, c_l, have, issue, run_end, word_end, choose;
  assign {c_taps, c_index, c_lo, c_hi, c_first, c_double, c_sub, c_last, c_l} = ctl[ptr_q];

  assign have     = !k_stream_i || used_q != '0;
  assign issue    = cur_q && !null_q && have;
  assign part     = fresh_q ? c_lo : part_q;
  assign word_end = issue && part == c_hi;
  assign run_end  = (cur_q && null_q) || (word_end && c_last && (k_listed_i || c_l || !d_frac_i));
  assign choose   = !cur_q || run_end;

  assign m_len      = {1'b0, wins[m_win_q]} + (WW+1)'(1);
  assign l_len      = {1'b0, wins[l_win_q]} + (WW+1)'(1);
  assign m_win_end   = m_top_q >= m_hi_q;
  assign m_pix_end   = m_win_end && m_hi_q == k_rows_i - 14'd1;
  assign m_tile_full = m_hi_q >= m_top_q || m_pix_end;
  assign m_ready     = (credit_q != '0 || !m_new_q) && (k_stream_i ? used_q != '0 : m_wins_q != 5'd0) && !starting_q;
  assign rounds     = round_fifo[round_rptr_q[3:0]];
  assign l_ready    = round_wptr_q != round_rptr_q;
  assign l_end      = l_round_q + (RW+1)'(1) >= rounds;
  assign l_take     = choose && l_ready;
  assign m_take     = choose && !l_ready && m_ready && !(k_stream_i && cur_q);
  assign s0_list_o  = entry_q;

  assign win_freed = run_end && free_q != '0 && !k_stream_i;
  assign freed     = k_stream_i ? (WW+1)'(word_end) : win_freed ? free_q : '0;

  logic        starting_q;
  logic [13:0] tile_size;
  assign tile_size = k_split_i ? 14'd2 << LW : 14'd1 << LW;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      cur_q        <= 1'b0;
      wptr_q       <= '0;
      used_q       <= '0;
      len_q        <= '0;
      wins_q       <= '0;
      win_wptr_q   <= '0;
      m_start_q    <= '0;
      m_wins_q     <= '0;
      m_win_q      <= '0;
      m_tile_q     <= '0;
      m_entry_q    <= '0;
      m_ebase_q    <= '0;
      credit_q     <= (RW+1)'(RESULTS);
      l_start_q    <= '0;
      l_win_q      <= '0;
      l_round_q    <= '0;
      l_ebase_q    <= '0;
      round_wptr_q <= '0;
      round_rptr_q <= '0;
      starting_q   <= 1'b1;
    end else begin
      starting_q <= 1'b0;
      if (put) begin
        wptr_q <= wptr_q + WW'(1);
        len_q  <= ww_win_last_i ? '0 : len_q + (WW+1)'(1);
        if (ww_win_last_i && !k_stream_i) win_wptr_q <= win_wptr_q + 4'd1;
      end
      used_q   <= used_q + (WW+1)'(put) - freed;
      wins_q   <= wins_q + 5'(put && ww_win_last_i && !k_stream_i) - 5'(win_freed);
      m_wins_q <= m_wins_q + 5'(put && ww_win_last_i && !k_stream_i) - 5'(m_take && m_win_end && !k_stream_i);
      credit_q <= credit_q - (RW+1)'(m_take && m_new_q) + freed_i;
      if (rounds_valid_i) round_wptr_q <= round_wptr_q + 5'd1;

      // ---- within a run ----
      if (issue) begin
        fresh_q <= part == c_hi;
        part_q  <= part + 3'd1;
        if (part == c_hi) ptr_q <= ptr_q + WW'(1);
      end

      // ---- the next run ----
      if (choose) begin
        cur_q   <= l_take || m_take;
        fresh_q <= 1'b1;
      end
      if (l_take) begin
        l_q       <= 1'b1;
        null_q    <= rounds == '0;
        end_q     <= l_end;
        full_q    <= 1'b0;
        ptr_q     <= l_start_q + WW'(l_len >> 1);
        entry_q   <= l_ebase_q + RW'(l_round_q);
        ebase_q   <= l_ebase_q;
        free_q    <= l_end ? l_len : '0;
        l_round_q <= l_round_q + (RW+1)'(1);
        if (l_end) begin
          l_round_q    <= '0;
          l_start_q    <= l_start_q + WW'(l_len);
          l_win_q      <= l_win_q + 4'd1;
          l_ebase_q    <= l_ebase_q + RW'(k_tiles_i);
          round_rptr_q <= round_rptr_q + 5'd1;
        end
      end else if (m_take) begin
        l_q      <= 1'b0;
        null_q   <= 1'b0;
        end_q    <= m_pix_end;
        full_q   <= m_tile_full;
        lo_q     <= m_lo_q;
        hi_q     <= m_hi_q;
        ptr_q    <= m_start_q;
        base_q   <= m_base_q;
        entry_q  <= m_entry_q;
        ebase_q  <= m_ebase_q;
        tile_q   <= m_tile_q;
        free_q   <= (m_win_end && !k_listed_i) ? m_len : '0;
        m_new_q  <= m_tile_full;
        if (m_tile_full) begin
          m_tile_q  <= m_tile_q + PW'(1);
          m_top_q   <= m_top_q + tile_size;
          m_base_q  <= m_base_q + k_row_words_i[AW-1:0];
          m_entry_q <= m_entry_q + RW'(1);
        end
        if (m_win_end) begin
          m_lo_q <= m_hi_q + 14'd1;
          m_hi_q <= (k_rows_i - 14'd1 - m_hi_q < k_og_i) ? k_rows_i - 14'd1 : m_hi_q + k_og_i;
          if (!k_stream_i) begin
            m_win_q   <= m_win_q + 4'd1;
            m_start_q <= m_start_q + WW'(m_len);
          end
        end
        if (m_pix_end) begin
          m_lo_q    <= '0;
          m_hi_q    <= k_first_i - 14'd1;
          m_tile_q  <= '0;
          m_top_q   <= tile_size - 14'd1;
          m_base_q  <= k_wbase_i;
          m_ebase_q <= m_entry_q + RW'(1);
        end
      end
      if (k_stream_i && word_end) m_start_q <= ptr_q + WW'(1);
      if (starting_q) begin
        m_base_q <= k_wbase_i;
        m_lo_q   <= '0;
        m_hi_q   <= k_first_i - 14'd1;
        m_top_q  <= tile_size - 14'd1;
        m_new_q  <= 1'b1;
      end
    end
    if (rounds_valid_i) round_fifo[round_wptr_q[3:0]] <= rounds_i;
  end

  // ---- s1 ----
  logic [AW-1:0] word;
  always_comb begin
    case ({k_split_i, d_wl_i})
      3'b100, 3'b001: word = AW'({c_index, part[0]});
      3'b010:         word = AW'({c_index, part[1:0]});
      3'b011:         word = AW'({c_index, part});
      default:        word = AW'(c_index);
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      s1_valid_o <= 1'b0;
      s1_end_o   <= 1'b0;
      s1_last_o  <= 1'b0;
    end else begin
      s1_valid_o <= issue;
      s1_last_o  <= word_end && c_last;
      s1_end_o   <= (word_end && c_last && end_q) || (cur_q && null_q);
    end
  end

  logic [2*LANE_BITS-1:0] word_q;
  assign {s1_mask_o, s1_data_o} = word_q;
  always_ff @(posedge clk_i) begin
    if (issue) word_q <= words[ptr_q];
    s1_part_o   <= part;
    s1_word_o   <= word;
    s1_base_o   <= base_q;
    s1_listed_o <= l_q;
    s1_full_o   <= full_q && (c_l || !d_frac_i);
    s1_lo_o     <= lo_q;
    s1_hi_o     <= hi_q;
    s1_first_o  <= c_first && fresh_q;
    s1_double_o <= c_double && fresh_q;
    s1_sub_o    <= c_sub;
    s1_m_o      <= d_frac_i && !c_l;
    s1_l_o      <= d_frac_i && c_l;
    s1_entry_o  <= entry_q;
    s1_ebase_o  <= ebase_q;
    s1_tile_o   <= tile_q;
    s1_taps_o   <= c_taps;
  end

  assign busy_o      = issue;
  assign wait_post_o = !issue && credit_q == '0;
  assign wait_act_o  = !issue && credit_q != '0;

  logic unused;
  assign unused = ^{k_row_words_i[AW], k_tiles_i};

endmodule
