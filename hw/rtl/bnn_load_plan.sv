// SPDX-License-Identifier: MIT
// Cuts a command into chunks, finds room for them and asks for their bytes.
//
// Weight words, parameter entries and gate entries are three rings of whole
// chunks. A chunk takes half of a ring at most, so that one can be loaded while
// another is at work, unless not even the fewest tiles that end at a multiple of
// 16 channels fit there. Requests for a chunk are made when it has room, while
// the data of chunks before it is still on its way.
//
// Rows lie in memory in the order in which they are loaded, but for the wraps of
// tiled weights: everything advances by adding, and one multiplier, a product
// per step, does the rest.

module bnn_load_plan #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 512,
  parameter int PARAM_WORDS  = 128,
  parameter int ADDR_W       = $clog2(WEIGHT_WORDS),
  parameter int PAR_W        = $clog2(PARAM_WORDS)
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              clear_i,
  input  logic              start_i,

  input  logic              d_ew_i,
  input  logic [13:0]       d_cout_i,
  input  logic [13:0]       d_cg_i,
  input  logic [13:0]       d_og_i,
  input  logic [13:0]       d_groups_i,
  input  logic [5:0]        d_taps_i,
  input  logic [2:0]        d_kh_i,
  input  logic [2:0]        d_kw_i,
  input  logic [2:0]        d_sh_i,
  input  logic [2:0]        d_dh_i,
  input  logic [2:0]        d_dw_i,
  input  logic [12:0]       d_w_i,
  input  logic [1:0]        d_pad_mode_i,
  input  logic [4:0]        d_in_format_i,
  input  logic [2:0]        d_wformat_i,
  input  logic [1:0]        d_wmode_i,
  input  logic [13:0]       d_rows_i,
  input  logic [31:0]       d_flat_i,
  input  logic [3:0]        d_tau_i,
  input  logic [7:0]        d_tile_p_i,
  input  logic              d_record_i,
  input  logic              d_narrow_i,
  input  logic              d_frac_i,
  input  logic [31:0]       d_w_addr_i,
  input  logic [31:0]       d_p_addr_i,
  input  logic [1:0]        wl_i,          // log2 of the bits of a weight

  output logic              rq_valid_o,
  input  logic              rq_ready_i,
  output logic              rq_param_o,
  output logic [31:0]       rq_addr_o,
  output logic [27:0]       rq_bytes_o,

  // Runs of bits, as asked for (TILED_FLAT, CODEBOOK).
  output logic              run_valid_o,
  input  logic              run_ready_i,
  output logic [2:0]        run_skip_o,    // bits of the first byte that are not in it
  output logic [31:0]       run_bits_o,
  output logic              run_last_o,    // of the chunk

  output logic [15:0]       row_units_o,   // 16 weights of a tap
  output logic [15:0]       row_pieces_o,  // in memory

  // The chunk that has just got its room.
  output logic              put_o,
  input  logic              put_ready_i,
  output logic [13:0]       put_group_o,   // of its first channel
  output logic [13:0]       put_lead_o,    // its channels in that group
  output logic [13:0]       put_convs_o,   // groups that have channels of it
  output logic [13:0]       put_first_o,
  output logic [13:0]       put_rows_o,
  output logic [PAR_W:0]    put_tiles_o,
  output logic [PAR_W:0]    put_groups_o,
  output logic [7:0]        put_copies_o,
  output logic [ADDR_W:0]   put_row_words_o,
  output logic [ADDR_W-1:0] put_wbase_o,
  output logic [PAR_W-1:0]  put_pbase_o,
  output logic [PAR_W-1:0]  put_tbase_o,
  output logic              put_split_o,
  output logic              put_slice_o,
  output logic              put_mac_o,     // groups are 16 of the command's
  output logic              put_last_o,
  output logic [ADDR_W:0]   put_words_o,   // what it takes of the rings
  output logic [PAR_W:0]    put_params_o,

  input  logic              free_i,
  input  logic [ADDR_W:0]   free_words_i,
  input  logic [PAR_W:0]    free_params_i
);

  localparam int WH       = LANE_BITS / 16;
  localparam int WH_LOG2  = $clog2(WH);
  localparam int LANE_W   = $clog2(LANES);
  localparam int UNIT     = (LANES < 16) ? 16 / LANES : 1;      // tiles of 16 channels
  localparam int UNIT_S   = (LANES < 8) ? 8 / LANES : 1;        // split
  localparam int TILES    = 32;                                 // half of the results of a half lane
  localparam int FIT_LOG2 = (PAR_W > 6) ? PAR_W - 1 : 5;
  localparam int SLICE_K  = LANE_BITS / 8;                      // of a word
  localparam int MAC_ROWS = 4096;                               // pieces of 8 planes in the row buffer

  localparam logic [3:0] IDLE = 4'd0, SETUP = 4'd1, FIT = 4'd2, ROUND = 4'd3, CUT = 4'd4, SPACE = 4'd5,
                         TABLE = 4'd6, RUN = 4'd7, RUN_A = 4'd8, RUN_P = 4'd9, ASK = 4'd10,
                         BITS = 4'd11, ASK_BITS = 4'd12, ASK_PARAM = 4'd13, NEXT = 4'd14, COUNT = 4'd15;
  logic [3:0] state_q, step_q;

  // ---- the multiplier: operands in one step, the product two steps later ----
  logic [17:0] mul_a_q;
  logic [13:0] mul_b_q;
  logic [31:0] mul_p_q;
  always_ff @(posedge clk_i) mul_p_q <= 32'(mul_a_q) * 32'(mul_b_q);

  // ---- the command ----
  logic            is_flat, is_book, is_bits, fan_ok, top_neg, slice_ok, mac_ok, mac_q;
  logic            fan_q, slice_q, two_q, split_q;   // two: words of a plane
  logic [10:0]     cg_units, mac_pieces;
  logic [13:0]     tap_pieces_q;
  logic [15:0]     row_units_q, row_pieces_q, row_beats, words_full, words_split;
  logic [17:0]     row_bits_q;
  logic [15:0]     full_q, half_q;          // words of a row in full and in split mode
  logic [13:0]     rows_q, tiles_full, tiles_split;
  logic [31:0]     cost_q;
  logic [7:0]      copies_q;
  logic [ADDR_W:0] row_words_q;

  assign is_flat  = d_wmode_i == 2'd2;
  assign is_book  = d_wmode_i == 2'd3;
  assign is_bits  = is_flat || is_book;
  assign cg_units = 11'((15'(d_cg_i) + 15'd15) >> 4);
  // A stored row gives the results of all its channels, which need their records side by side.
  assign fan_ok   = !d_ew_i && d_wmode_i == 2'd1 && !d_frac_i && d_rows_i[3:0] == 4'd0 &&
                    (d_rows_i & 14'(LANES - 1)) == 14'd0 &&
                    32'(d_tile_p_i) * UNIT <= PARAM_WORDS / 2;
  `include "bnn_hw_formats.vh"
  assign top_neg  = !bnn_wformat_odd(d_wformat_i);
  // Odd values and weights that are not would take passes of ones as well.
  assign slice_ok = LANE_BITS == 256 && !d_ew_i && d_wmode_i == 2'd0 &&
                    ((d_in_format_i == `BNN_FORMAT_O8 && !top_neg) || d_in_format_i == `BNN_FORMAT_U8 ||
                     d_in_format_i == `BNN_FORMAT_S8) && d_pad_mode_i == 2'd0 &&
                    d_cg_i <= 14'd4 && d_groups_i == 14'd1 && d_kh_i <= 3'd4 && d_kw_i <= 3'd4 &&
                    d_dh_i == 3'd1 && d_dw_i == 3'd1 && d_w_i <= 13'd1024 &&
                    {1'b0, d_kh_i} + {1'b0, d_sh_i} <= 4'd8;
  // One channel per group, which the lane picks: 16 groups at once, if all rows of a window fit.
  assign mac_ok   = LANE_BITS == 256 && !d_ew_i && d_cg_i == 14'd1 && d_groups_i != 14'd1 &&
                    (d_og_i == 14'd1 || d_og_i == 14'd2 || d_og_i == 14'd4) && d_wformat_i == `BNN_WFORMAT_S8 &&
                    (d_in_format_i == `BNN_FORMAT_U8 || d_in_format_i == `BNN_FORMAT_S8) && d_pad_mode_i == 2'd0 &&
                    d_dh_i == 3'd1 && d_dw_i == 3'd1;
  assign mac_pieces = 11'((15'(d_groups_i) + 15'd15) >> 4);
  assign row_beats    = (row_pieces_q + 16'd7) >> 3;
  assign words_full   = 16'(((19'(row_units_q) << wl_i) + 19'(WH - 1)) >> WH_LOG2);
  assign words_split  = 16'((17'(row_units_q) + 17'(WH/2 - 1)) >> (WH_LOG2 - 1));
  assign tiles_full   = 14'((15'(rows_q) + 15'(LANES - 1)) >> LANE_W);
  assign tiles_split  = 14'((15'(rows_q) + 15'(2*LANES - 1)) >> (LANE_W + 1));
  assign row_units_o  = row_units_q;
  assign row_pieces_o = row_pieces_q;

  // ---- tiles of a chunk: their number bit by bit, from the top ----
  localparam int FW = ADDR_W + 1 + FIT_LOG2;
  localparam int FP = PAR_W + 2 + FIT_LOG2;
  logic [FIT_LOG2:0]  bit_q;
  logic [FIT_LOG2+1:0] max_q, max_new, limit;
  logic [FW-1:0]      fit_w_q;              // words of bit_q tiles
  logic [FP-1:0]      fit_p_q;
  logic [ADDR_W:0]    sum_w_q;
  logic [PAR_W:0]     sum_p_q;
  logic [FW:0]        new_w;
  logic [FP:0]        new_p;
  logic               fits;
  assign limit   = d_ew_i ? (FIT_LOG2+2)'(PARAM_WORDS / 2) : (FIT_LOG2+2)'(TILES);
  assign max_new = max_q + {1'b0, bit_q};
  assign new_w   = {1'b0, fit_w_q} + (FW+1)'(sum_w_q);
  assign new_p   = {1'b0, fit_p_q} + (FP+1)'(sum_p_q);
  assign fits    = max_new <= limit && new_w <= (FW+1)'(WEIGHT_WORDS / 2) && new_p <= (FP+1)'(PARAM_WORDS / 2);

  // ---- the chunk ----
  logic [13:0]       group_q, first_q, left, most, n_q;
  logic [13:0]       lead_q, convs_q;       // channels left in the group; groups of the chunk
  logic [13:0]       next_group_q, next_lead_q, rest_n_q, og;
  logic              end_q;
  logic [PAR_W:0]    n_groups, groups_q, tiles_q, params_q;
  logic [ADDR_W:0]   words_q;
  logic [ADDR_W-1:0] wbase_q;
  logic [PAR_W-1:0]  pbase_q, tbase_q;
  assign og       = mac_q ? {7'd0, d_og_i[2:0], 4'd0} : d_og_i;
  assign left     = rows_q - first_q;
  assign most     = split_q ? 14'(max_q) << (LANE_W + 1) : 14'(max_q) << LANE_W;
  assign n_groups = (PAR_W+1)'((15'(n_q) + 15'(LANES - 1)) >> LANE_W);

  logic [ADDR_W:0]   used_w_q;
  logic [PAR_W:0]    used_p_q;
  logic              room;
  assign room  = {1'b0, used_w_q} + {1'b0, words_q} <= (ADDR_W+2)'(WEIGHT_WORDS) &&
                 {1'b0, used_p_q} + {1'b0, params_q} <= (PAR_W+2)'(PARAM_WORDS);
  assign put_o = state_q == SPACE && room && put_ready_i;

  assign put_group_o     = group_q;
  assign put_lead_o      = (lead_q < n_q) ? lead_q : n_q;
  assign put_convs_o     = convs_q;
  assign put_first_o     = first_q;
  assign put_rows_o      = n_q;
  assign put_tiles_o     = tiles_q;
  assign put_groups_o    = groups_q;
  assign put_copies_o    = copies_q;
  assign put_row_words_o = row_words_q;
  assign put_wbase_o     = wbase_q;
  assign put_pbase_o     = pbase_q;
  assign put_tbase_o     = tbase_q;
  assign put_split_o     = split_q;
  assign put_slice_o     = slice_q;
  assign put_mac_o       = mac_q;
  assign put_last_o      = end_q;
  assign put_words_o     = words_q;
  assign put_params_o    = params_q;

  // ---- requests ----
  logic [13:0] src_q, rest_q, run_q, src_left;    // stored row; rows not asked for, asked for now
  logic [31:0] addr_q;
  logic [31:0] at_q, bits_left_q, bits_q, to_wrap; // bit of what is stored
  logic [32:0] beyond;
  logic        first_chunk_q, bits_last_q, bits_wrap_q;
  logic [31:0] param_q, copy_addr_q;
  logic [7:0]  copy_q;
  logic [27:0] bits_bytes;

  assign src_left   = d_rows_i - src_q;
  assign to_wrap    = (d_flat_i << wl_i) - at_q;
  assign beyond     = {1'b0, to_wrap} - {1'b0, bits_left_q};
  assign bits_bytes = 28'((33'(bits_q) + 33'(at_q[2:0]) + 33'd7) >> 3);

  assign run_skip_o  = at_q[2:0];
  assign run_bits_o  = bits_q;
  assign run_last_o  = bits_last_q;
  assign run_valid_o = state_q == ASK_BITS && rq_ready_i;

  assign rq_valid_o = state_q == TABLE || state_q == ASK || state_q == ASK_PARAM ||
                      (state_q == ASK_BITS && run_ready_i);
  assign rq_param_o = state_q == ASK_PARAM;
  always_comb begin
    case (state_q)
      ASK_PARAM: begin
        rq_addr_o  = copy_addr_q;
        rq_bytes_o = d_narrow_i ? {11'd0, n_q, 3'd0} : {8'd0, n_q, 6'd0};
      end
      ASK: begin
        rq_addr_o  = addr_q;
        rq_bytes_o = {mul_p_q[23:0], 4'd0};
      end
      TABLE: begin
        rq_addr_o  = d_w_addr_i;
        rq_bytes_o = 28'd8 << d_tau_i;
      end
      default: begin
        rq_addr_o  = d_w_addr_i + {3'd0, at_q[31:3]};
        rq_bytes_o = bits_bytes;
      end
    endcase
  end

  logic [31:0] n_bytes, copy_bytes;
  assign n_bytes    = d_narrow_i ? {15'd0, n_q, 3'd0} : {12'd0, n_q, 6'd0};
  assign copy_bytes = d_narrow_i ? {15'd0, d_rows_i, 3'd0} : {12'd0, d_rows_i, 6'd0};

  always_ff @(posedge clk_i) begin
    step_q <= step_q + 4'd1;
    case (state_q)
      IDLE: begin
        step_q        <= '0;
        group_q       <= '0;
        first_q       <= '0;
        first_chunk_q <= 1'b1;
        src_q         <= '0;
        at_q          <= !is_book ? '0 : (d_tau_i < 4'd3) ? 32'd512 : 32'd64 << d_tau_i;  // behind the table
        addr_q        <= d_w_addr_i;
        param_q       <= d_p_addr_i;
        if (start_i) state_q <= SETUP;
      end
      SETUP: begin
        case (step_q)
          4'd0: begin
            mul_a_q      <= 18'(cg_units);
            mul_b_q      <= 14'(d_taps_i);
            tap_pieces_q <= 14'((18'(d_cg_i) << wl_i) + 18'd15 >> 4);
            fan_q        <= fan_ok;
          end
          4'd1: begin
            mul_a_q  <= 18'(tap_pieces_q);
            copies_q <= fan_q ? d_tile_p_i : 8'd1;
            rows_q   <= fan_q ? d_rows_i : d_cout_i;
          end
          4'd2: begin
            row_units_q <= mul_p_q[15:0];
            mul_a_q     <= 18'(d_cg_i);
          end
          4'd3: begin
            row_pieces_q <= mul_p_q[15:0];
            full_q       <= words_full;
            half_q       <= words_split;
            mul_b_q      <= 14'(d_tau_i);
          end
          4'd4: begin
            slice_q    <= slice_ok && mul_p_q <= 2*SLICE_K;
            two_q      <= mul_p_q > SLICE_K;
            row_bits_q <= mul_p_q[17:0] << wl_i;
            mul_a_q    <= 18'(half_q);
            mul_b_q    <= tiles_split;
          end
          4'd5: begin
            if (is_book) row_bits_q <= mul_p_q[17:0];
            mul_a_q <= 18'(full_q);
            mul_b_q <= tiles_full;
          end
          4'd6: cost_q <= mul_p_q;
          4'd7: begin
            split_q <= wl_i == 2'd0 && !slice_q && !d_ew_i && cost_q < mul_p_q &&
                       32'(half_q) * UNIT_S <= WEIGHT_WORDS;
            mac_q   <= 1'b0;
            mul_a_q <= 18'(mac_pieces);
            mul_b_q <= 14'(d_kh_i);
            if (!mac_ok) step_q <= 4'd12;
          end
          4'd9: begin
            mul_a_q <= mul_p_q[17:0];
            mul_b_q <= 14'(d_w_i);
          end
          4'd11: mac_q <= mul_p_q <= MAC_ROWS;
          4'd12: begin
            row_words_q <= d_ew_i ? '0 : slice_q ? (ADDR_W+1)'(1) << wl_i << two_q : split_q ? half_q[ADDR_W:0] : full_q[ADDR_W:0];
            fit_p_q     <= split_q ? FP'(copies_q) << (FIT_LOG2 + 1) : FP'(copies_q) << FIT_LOG2;
            bit_q       <= (FIT_LOG2+1)'(1) << FIT_LOG2;
            max_q       <= '0;
            sum_w_q     <= '0;
            sum_p_q     <= '0;
            lead_q      <= og;
            step_q      <= '0;
            state_q     <= FIT;
          end
          default: ;
        endcase
      end
      FIT: begin
        if (step_q == 4'd0) begin
          fit_w_q <= FW'(row_words_q) << FIT_LOG2;
        end else begin
          if (fits) begin
            max_q   <= max_new;
            sum_w_q <= new_w[ADDR_W:0];
            sum_p_q <= new_p[PAR_W:0];
          end
          fit_w_q <= fit_w_q >> 1;
          fit_p_q <= fit_p_q >> 1;
          bit_q   <= bit_q >> 1;
          if (bit_q[0]) state_q <= ROUND;
        end
      end
      ROUND: begin
        // A chunk ends at a multiple of 16 channels. (yosys 0.23 takes ~ before a cast for a part of its width.)
        if (split_q) max_q <= (32'(max_q) < UNIT_S) ? (FIT_LOG2+2)'(UNIT_S) : max_q & ~((FIT_LOG2+2)'(UNIT_S - 1));
        else         max_q <= (32'(max_q) < UNIT) ? (FIT_LOG2+2)'(UNIT) : max_q & ~((FIT_LOG2+2)'(UNIT - 1));
        step_q  <= '0;
        state_q <= CUT;
      end
      CUT: begin
        case (step_q)
          4'd0: begin
            n_q   <= (left <= most) ? left : most;
            end_q <= left <= most;
          end
          4'd1: begin
            groups_q <= n_groups;
            mul_a_q  <= row_bits_q;
            mul_b_q  <= n_q;
          end
          4'd2: tiles_q <= split_q ? (groups_q + (PAR_W+1)'(1)) >> 1 : groups_q;
          4'd3: begin
            bits_left_q <= mul_p_q;
            mul_a_q     <= 18'(row_words_q);
            mul_b_q     <= 14'(tiles_q);
          end
          4'd4: begin
            mul_a_q <= 18'(groups_q);
            mul_b_q <= 14'(copies_q);
          end
          4'd5: words_q <= mul_p_q[ADDR_W:0];
          default: begin
            params_q     <= mul_p_q[PAR_W:0];
            convs_q      <= 14'd1;
            next_group_q <= group_q;
            next_lead_q  <= lead_q;
            rest_n_q     <= n_q;
            state_q      <= COUNT;
          end
        endcase
      end
      COUNT: begin
        // Over the groups of the chunk, to the one in which the next begins.
        if (rest_n_q >= next_lead_q) begin
          rest_n_q     <= rest_n_q - next_lead_q;
          next_lead_q  <= og;
          next_group_q <= next_group_q + 14'd1;
          if (rest_n_q != next_lead_q) convs_q <= convs_q + 14'd1;
        end else begin
          next_lead_q <= next_lead_q - rest_n_q;
          state_q     <= SPACE;
        end
      end
      SPACE: begin
        rest_q      <= n_q;
        copy_q      <= copies_q;
        copy_addr_q <= param_q;
        if (put_o) begin
          wbase_q       <= wbase_q + words_q[ADDR_W-1:0];
          pbase_q       <= pbase_q + params_q[PAR_W-1:0];
          tbase_q       <= tbase_q + tiles_q[PAR_W-1:0];
          first_chunk_q <= 1'b0;
          state_q       <= d_ew_i ? (d_record_i ? ASK_PARAM : NEXT)
                         : (is_book && first_chunk_q) ? TABLE : is_bits ? BITS : RUN;
        end
      end
      TABLE: if (rq_ready_i) state_q <= BITS;
      RUN: begin
        run_q   <= (rest_q <= src_left) ? rest_q : src_left;
        state_q <= RUN_A;
      end
      RUN_A: begin
        mul_a_q <= 18'(row_beats);
        mul_b_q <= run_q;
        state_q <= RUN_P;
      end
      RUN_P: state_q <= ASK;
      ASK: begin
        if (rq_ready_i) begin
          rest_q  <= rest_q - run_q;
          src_q   <= (run_q == src_left) ? '0 : src_q + run_q;
          addr_q  <= (run_q == src_left) ? d_w_addr_i : addr_q + {4'd0, mul_p_q[23:0], 4'd0};
          state_q <= (rest_q != run_q) ? RUN : d_record_i ? ASK_PARAM : NEXT;
        end
      end
      BITS: begin
        bits_q      <= (is_book || !beyond[32]) ? bits_left_q : to_wrap;
        bits_last_q <= is_book || !beyond[32];
        bits_wrap_q <= is_flat && (beyond[32] || beyond == '0);
        state_q     <= ASK_BITS;
      end
      ASK_BITS: begin
        if (rq_ready_i && run_ready_i) begin
          at_q        <= bits_wrap_q ? '0 : at_q + bits_q;
          bits_left_q <= bits_left_q - bits_q;
          state_q     <= !run_last_o ? BITS : d_record_i ? ASK_PARAM : NEXT;
        end
      end
      ASK_PARAM: begin
        if (rq_ready_i) begin
          copy_q      <= copy_q - 8'd1;
          copy_addr_q <= copy_addr_q + copy_bytes;
          if (copy_q == 8'd1) state_q <= NEXT;
        end
      end
      default: begin  // NEXT
        param_q <= param_q + n_bytes;
        first_q <= first_q + n_q;
        group_q <= next_group_q;
        lead_q  <= next_lead_q;
        step_q  <= '0;
        state_q <= end_q ? IDLE : CUT;
      end
    endcase

    used_w_q <= used_w_q + (put_o ? words_q : '0) - (free_i ? free_words_i : '0);
    used_p_q <= used_p_q + (put_o ? params_q : '0) - (free_i ? free_params_i : '0);
    if (!rst_ni || clear_i) begin
      state_q  <= IDLE;
      used_w_q <= '0;
      used_p_q <= '0;
      wbase_q  <= '0;
      pbase_q  <= '0;
      tbase_q  <= '0;
    end
  end

endmodule
