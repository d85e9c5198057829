// SPDX-License-Identifier: MIT
// Binary convolution. In each pass the weights and thresholds of as many output
// channels as fit become resident; then every window is packed once, as the
// weight rows are (taps without gaps), and run against all of them.
//
//   for each pass:  load weights, load thresholds
//     for each output pixel:  fill the window buffer
//       for each tile of LANES channels:  for each word:  all lanes

module bnn_conv #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 256,
  parameter int CH           = 8,
  parameter int IMPL         = 0
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clear_i,

  input  logic             start_i,
  output logic             done_o,        // pulse
  output logic             active_o,
  input  logic [13:0]      cin_i,
  input  logic [13:0]      cout_i,
  input  logic [9:0]       pieces_i,      // 16-bit pieces of an input pixel
  input  logic [9:0]       out_pieces_i,
  input  logic [5:0]       taps_i,        // KH * KW
  input  logic [1:0]       pad_mode_i,
  input  logic [3:0]       shift_i,
  input  logic [12:0]      oh_i,
  input  logic [12:0]      ow_i,
  input  logic [31:0]      weight_addr_i,
  input  logic             weight_onchip_i,
  input  logic [31:0]      param_addr_i,
  input  logic             param_onchip_i,
  input  logic [31:0]      out_addr_i,
  input  logic [23:0]      out_row_i,
  input  logic [16:0]      out_pixel_i,

  output logic             rq_valid_o,
  input  logic             rq_ready_i,
  output logic             rq_onchip_o,
  output logic [2:0]       rq_stream_o,
  output logic [31:0]      rq_addr_o,
  output logic [27:0]      rq_bytes_o,
  output logic             rb_take_o,     // beats are this module's
  input  logic             rb_valid_i,
  output logic             rb_ready_o,
  input  logic [127:0]     rb_data_i,

  output logic             win_start_o,
  output logic             first_pass_o,
  input  logic             c_valid_i,
  output logic             c_ready_o,
  input  logic [CH*16-1:0] c_data_i,
  input  logic [3:0]       c_count_i,
  input  logic             c_absent_i,
  input  logic             c_tap_last_i,
  input  logic             c_win_last_i,

  output logic             put_valid_o,
  input  logic             put_ready_i,
  output logic [31:0]      put_addr_o,
  output logic [15:0]      put_data_o,

  output logic             busy_array_o,
  output logic             wait_weights_o,
  output logic             wait_act_o,
  output logic             wait_store_o,
  output logic             row_done_o
);

  localparam int WH      = LANE_BITS / 16;                      // pieces of a word
  localparam int WH_LOG2 = $clog2(WH);
  localparam int CHUNK   = (LANE_BITS < 128) ? LANE_BITS : 128;
  localparam int CHUNKS  = LANE_BITS / CHUNK;                   // chunks of a word
  localparam int BCH     = 128 / CHUNK;                         // chunks of a beat
  localparam int ADDR_W  = $clog2(WEIGHT_WORDS);
  localparam int LANE_W  = $clog2(LANES);
  localparam int TPH     = (LANES < 16) ? 16 / LANES : 1;       // tiles of an output piece

  localparam logic [3:0] IDLE = 4'd0, PLAN = 4'd1, FIT = 4'd2, ROUND = 4'd3, PASS = 4'd4,
                         ASK_W = 4'd5, LOAD_W = 4'd6, ASK_P = 4'd7, LOAD_P = 4'd8,
                         WINDOW = 4'd9, FILL = 4'd10, COMPUTE = 4'd11, DRAIN = 4'd12;

  logic [3:0]        state_q;
  logic [14:0]       row_pieces_q;           // of a weight row
  logic [12:0]       row_beats_q;
  logic [ADDR_W:0]   row_words_q, fit_q;
  logic [13:0]       tiles_q, tiles_all;     // of a pass; of the command
  logic [13:0]       row_q, rows_q;          // first channel of the pass; channels of it
  logic [14:0]       rows_max, rows_left;
  logic [27:0]       pass_beats;             // beats of the weights of the pass
  logic [31:0]       weight_q, param_q;

  assign tiles_all = 14'((15'(cout_i) + 15'(LANES - 1)) >> LANE_W);
  assign pass_beats = 28'(rows_q) * 28'(row_beats_q);
  assign rows_left = {1'b0, cout_i - row_q};
  assign rows_max  = {1'b0, tiles_q} << LANE_W;

  // The number of channels only matters in units of pieces and within the last one.
  logic unused;
  assign unused = ^cin_i[13:4];

  // ---- loading ----
  logic [12:0]       beat_q;                 // of the row
  logic [$clog2(BCH+1)-1:0] bch_q;           // chunk of the beat
  logic [$clog2(CHUNKS+1)-1:0] chunk_q;      // chunk of the word
  logic [ADDR_W:0]   word_q;                 // of the row
  logic [ADDR_W-1:0] tile_base_q;
  logic [LANE_W-1:0] lane_q;
  logic [13:0]       loaded_q;               // rows or parameter records
  logic              beat_end, row_end, w_take;
  logic [CHUNK-1:0]  w_data;
  logic [CHUNKS-1:0] w_sel;

  assign w_take   = state_q == LOAD_W && rb_valid_i;
  assign beat_end = 32'(bch_q) == BCH - 1;
  assign row_end  = beat_end && beat_q == row_beats_q - 13'd1;
  assign w_data   = rb_data_i[32'(bch_q)*CHUNK +: CHUNK];
  for (genvar c = 0; c < CHUNKS; c++) begin : gen_sel
    // The padding of a row may reach beyond its last word.
    assign w_sel[c] = w_take && 32'(chunk_q) == c && word_q != row_words_q;
  end

  logic        p_take;
  logic [13:0] p_next;
  assign p_take = state_q == LOAD_P && rb_valid_i;
  assign p_next = loaded_q + 14'd2;

  assign rq_valid_o  = state_q == ASK_W || state_q == ASK_P;
  assign rq_onchip_o = (state_q == ASK_W || state_q == LOAD_W) ? weight_onchip_i : param_onchip_i;
  assign rq_stream_o = (state_q == ASK_W) ? 3'd1 : 3'd2;
  assign rq_addr_o   = (state_q == ASK_W) ? weight_q : param_q;
  assign rq_bytes_o  = (state_q == ASK_W) ? {pass_beats[23:0], 4'd0} : {11'd0, rows_q, 3'd0};
  assign rb_take_o   = state_q == ASK_W || state_q == LOAD_W || state_q == ASK_P || state_q == LOAD_P;
  assign rb_ready_o  = (state_q == LOAD_W && beat_end) || state_q == LOAD_P;

  // ---- packing a window ----
  logic [15:0]          piece_mask;          // channels of the last piece of a pixel
  logic [CH*16-1:0]     chan_mask, in_data, in_mask;
  logic                 pk_ready, wd_valid, wd_last;
  logic [LANE_BITS-1:0] wd_data, wd_mask;
  logic [ADDR_W-1:0]    fill_q;
  logic [15:0]          pairs_q;             // valid pairs of the window

  assign piece_mask = (cin_i[3:0] == 4'd0) ? 16'hffff : 16'hffff >> (5'd16 - {1'b0, cin_i[3:0]});
  for (genvar i = 0; i < CH; i++) begin : gen_mask
    assign chan_mask[i*16 +: 16] = (c_tap_last_i && 4'(i) + 4'd1 == c_count_i) ? piece_mask : 16'hffff;
  end
  assign in_data = c_absent_i ? {CH*16{pad_mode_i == 2'd1}} : c_data_i;
  assign in_mask = (c_absent_i && pad_mode_i == 2'd0) ? '0 : chan_mask;

  assign c_ready_o = state_q == FILL && pk_ready;

  bnn_pack #(
    .CH(CH),
    .WH(WH)
  ) u_pack (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .in_valid_i (c_valid_i && state_q == FILL),
    .in_ready_o (pk_ready),
    .in_data_i  (in_data & in_mask),
    .in_mask_i  (in_mask),
    .in_count_i (c_count_i),
    .in_last_i  (c_win_last_i),
    .out_valid_o(wd_valid),
    .out_ready_i(1'b1),
    .out_data_o (wd_data),
    .out_mask_o (wd_mask),
    .out_last_o (wd_last)
  );

  // A window is as long as a weight row.
  (* no_rw_check *) logic [2*LANE_BITS-1:0] window [0:WEIGHT_WORDS-1];
  logic [LANE_BITS-1:0] s1_act_q, s1_mask_q;

  always_ff @(posedge clk_i) begin
    if (wd_valid) window[fill_q] <= {wd_mask, wd_data};
  end

  // ---- computing ----
  logic              en, s0_valid, s0_last, tile_end;
  logic [ADDR_W-1:0] w_idx_q, addr_q;
  logic [13:0]       tile_q;
  logic              s1_valid_q, s1_first_q, s1_last_q, s2_valid_q, s2_first_q, s2_last_q,
                     s3_valid_q, out_valid_q;
  logic [ADDR_W-1:0] s1_tile_q, s2_tile_q, s3_tile_q, out_tile_q;
  logic [LANES-1:0]  out_bits;
  logic              out_ready;

  assign en       = !out_valid_q || out_ready;
  assign s0_valid = state_q == COMPUTE;
  assign s0_last  = {1'b0, w_idx_q} == row_words_q - (ADDR_W+1)'(1);
  assign tile_end = tile_q == tiles_q - 14'd1;

  always_ff @(posedge clk_i) begin
    if (en && s0_valid) {s1_mask_q, s1_act_q} <= window[w_idx_q];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      s1_valid_q  <= 1'b0;
      s2_valid_q  <= 1'b0;
      s3_valid_q  <= 1'b0;
      out_valid_q <= 1'b0;
    end else if (en) begin
      s1_valid_q  <= s0_valid;
      s1_first_q  <= w_idx_q == '0;
      s1_last_q   <= s0_last;
      s1_tile_q   <= ADDR_W'(tile_q);
      s2_valid_q  <= s1_valid_q;
      s2_first_q  <= s1_first_q;
      s2_last_q   <= s1_last_q;
      s2_tile_q   <= s1_tile_q;
      s3_valid_q  <= s2_valid_q && s2_last_q;
      s3_tile_q   <= s2_tile_q;
      out_valid_q <= s3_valid_q;
      out_tile_q  <= s3_tile_q;
    end
  end

  for (genvar l = 0; l < LANES; l++) begin : gen_lane
    localparam int HALF = l % 2;             // which record of a beat
    bnn_lane #(
      .LANE_BITS(LANE_BITS),
      .DEPTH    (WEIGHT_WORDS),
      .CHUNK    (CHUNK),
      .IMPL     (IMPL)
    ) u_lane (
      .clk_i           (clk_i),
      .w_we_i          (lane_q == LANE_W'(l) ? w_sel : '0),
      .w_addr_i        (tile_base_q + word_q[ADDR_W-1:0]),
      .w_data_i        (w_data),
      .p_we_i          (p_take && (loaded_q[LANE_W-1:0] | LANE_W'(1)) == LANE_W'(l | 1)),
      .p_addr_i        (ADDR_W'(loaded_q >> LANE_W)),
      .p_data_i        ({rb_data_i[HALF*64 + 32], rb_data_i[HALF*64 +: 32]}),
      .en_i            (en),
      .s0_valid_i      (s0_valid),
      .s0_addr_i       (addr_q),
      .s1_valid_i      (s1_valid_q),
      .s1_act_i        (s1_act_q),
      .s1_mask_i       (s1_mask_q),
      .s2_valid_i      (s2_valid_q),
      .s2_first_i      (s2_first_q),
      .s2_tile_i       (s2_tile_q),
      .s3_valid_i      (s3_valid_q),
      .s3_valid_pairs_i(pairs_q),
      .s3_shift_i      (shift_i),
      .bit_o           (out_bits[l])
    );
  end

  // ---- output: pieces of 16 channels ----
  logic [31:0] out_row_q, out_px_q;
  logic [12:0] ox_q, oy_q;
  logic [13:0] out_chan;                     // first channel of the tile
  logic [9:0]  piece;
  logic [15:0] out_mask, half;

  assign out_chan   = row_q + 14'(15'(out_tile_q) << LANE_W);
  assign out_mask   = (piece == out_pieces_i - 10'd1 && cout_i[3:0] != 4'd0)
                      ? 16'hffff >> (5'd16 - {1'b0, cout_i[3:0]}) : 16'hffff;
  assign put_addr_o = out_px_q + {21'd0, piece, 1'b0};
  assign put_data_o = half & out_mask;

  if (LANES >= 16) begin : gen_wide
    localparam int HPT   = LANES / 16;       // pieces of a tile
    localparam int SUB_W = (HPT > 1) ? $clog2(HPT) : 1;
    logic [SUB_W-1:0] sub_q;
    logic             sub_end, skip;
    assign piece       = 10'(out_chan >> 4) + 10'(sub_q);
    assign half        = out_bits[32'(sub_q)*16 +: 16];
    assign skip        = piece >= out_pieces_i;
    assign sub_end     = 32'(sub_q) == HPT - 1;
    assign put_valid_o = out_valid_q && !skip;
    assign out_ready   = sub_end && (skip || put_ready_i);
    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) sub_q <= '0;
      else if (out_valid_q && (skip || put_ready_i)) sub_q <= sub_end ? '0 : sub_q + SUB_W'(1);
    end
  end else begin : gen_narrow
    logic [15:0] held_q;
    logic        full;
    assign piece       = 10'(out_chan >> 4);
    assign half        = held_q | (16'(out_bits) << out_chan[3:0]);
    assign full        = out_chan[3:0] == 4'(16 - LANES) || 14'(out_tile_q) == tiles_q - 14'd1;
    assign put_valid_o = out_valid_q && full;
    assign out_ready   = !full || put_ready_i;
    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) held_q <= '0;
      else if (out_valid_q && out_ready) held_q <= full ? '0 : half;
    end
  end

  // ---- control ----
  logic idle_pipe, last_pixel, ox_end;
  assign idle_pipe    = !s1_valid_q && !s2_valid_q && !s3_valid_q && !out_valid_q;
  assign ox_end       = ox_q == ow_i - 13'd1;
  assign last_pixel   = ox_end && oy_q == oh_i - 13'd1;
  assign win_start_o  = state_q == WINDOW;
  assign first_pass_o = row_q == 14'd0;
  assign active_o     = state_q != IDLE;

  assign busy_array_o   = s0_valid && en;
  assign wait_store_o   = !en;
  assign wait_weights_o = state_q >= PASS && state_q <= LOAD_P;
  assign wait_act_o     = state_q == FILL;

  always_ff @(posedge clk_i) begin
    done_o     <= 1'b0;
    row_done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          row_q        <= '0;
          weight_q     <= weight_addr_i;
          param_q      <= param_addr_i;
          row_pieces_q <= 15'(taps_i) * 15'(pieces_i);
          if (start_i) state_q <= PLAN;
        end
        PLAN: begin
          row_beats_q <= 13'((16'(row_pieces_q) + 16'd7) >> 3);
          row_words_q <= (ADDR_W+1)'((16'(row_pieces_q) + 16'(WH - 1)) >> WH_LOG2);
          tiles_q     <= '0;
          fit_q       <= '0;
          state_q     <= FIT;
        end
        FIT: begin
          // How many tiles fit.
          if (tiles_q != tiles_all &&
              {1'b0, fit_q} + {1'b0, row_words_q} <= (ADDR_W+2)'(WEIGHT_WORDS)) begin
            tiles_q <= tiles_q + 14'd1;
            fit_q   <= fit_q + row_words_q;
          end else begin
            state_q <= ROUND;
          end
        end
        ROUND: begin
          // A pass ends at a whole output piece.
          if (tiles_q != tiles_all) tiles_q <= tiles_q & ~14'(TPH - 1);
          state_q <= PASS;
        end
        PASS: begin
          if (rows_left <= rows_max) begin
            rows_q  <= cout_i - row_q;
            tiles_q <= 14'((rows_left + 15'(LANES - 1)) >> LANE_W);
          end else begin
            rows_q <= rows_max[13:0];
          end
          beat_q      <= '0;
          bch_q       <= '0;
          chunk_q     <= '0;
          word_q      <= '0;
          tile_base_q <= '0;
          lane_q      <= '0;
          loaded_q    <= '0;
          state_q     <= ASK_W;
        end
        ASK_W: if (rq_ready_i) state_q <= LOAD_W;
        LOAD_W: begin
          if (w_take) begin
            bch_q <= beat_end ? '0 : bch_q + 1'b1;
            if (beat_end) beat_q <= beat_q + 13'd1;
            if (32'(chunk_q) == CHUNKS - 1) begin
              chunk_q <= '0;
              if (word_q != row_words_q) word_q <= word_q + (ADDR_W+1)'(1);
            end else begin
              chunk_q <= chunk_q + 1'b1;
            end
            if (row_end) begin
              beat_q   <= '0;
              chunk_q  <= '0;
              word_q   <= '0;
              lane_q   <= lane_q + LANE_W'(1);
              loaded_q <= loaded_q + 14'd1;
              if (32'(lane_q) == LANES - 1) tile_base_q <= tile_base_q + row_words_q[ADDR_W-1:0];
              if (loaded_q == rows_q - 14'd1) begin
                loaded_q <= '0;
                state_q  <= ASK_P;
              end
            end
          end
        end
        ASK_P: if (rq_ready_i) state_q <= LOAD_P;
        LOAD_P: begin
          if (p_take) begin
            loaded_q <= p_next;
            if (p_next >= rows_q) state_q <= WINDOW;
          end
        end
        WINDOW: begin
          out_row_q <= out_addr_i;
          out_px_q  <= out_addr_i;
          ox_q      <= '0;
          oy_q      <= '0;
          fill_q    <= '0;
          pairs_q   <= '0;
          state_q   <= FILL;
        end
        FILL: begin
          if (c_valid_i && c_ready_o && !(c_absent_i && pad_mode_i == 2'd0)) begin
            pairs_q <= pairs_q + {8'd0, c_count_i, 4'd0} -
                       ((c_tap_last_i && cin_i[3:0] != 4'd0) ? 16'd16 - {12'd0, cin_i[3:0]} : 16'd0);
          end
          if (wd_valid) begin
            fill_q <= fill_q + ADDR_W'(1);
            if (wd_last) state_q <= COMPUTE;
          end
          w_idx_q <= '0;
          addr_q  <= '0;
          tile_q  <= '0;
        end
        COMPUTE: begin
          if (en) begin
            addr_q <= addr_q + ADDR_W'(1);
            if (s0_last) begin
              w_idx_q <= '0;
              tile_q  <= tile_q + 14'd1;
              if (tile_end) state_q <= DRAIN;
            end else begin
              w_idx_q <= w_idx_q + ADDR_W'(1);
            end
          end
        end
        default: begin  // DRAIN
          if (idle_pipe) begin
            fill_q  <= '0;
            pairs_q <= '0;
            state_q <= FILL;
            if (!ox_end) begin
              ox_q     <= ox_q + 13'd1;
              out_px_q <= out_px_q + 32'(out_pixel_i);
            end else begin
              ox_q      <= '0;
              oy_q      <= oy_q + 13'd1;
              out_row_q <= out_row_q + 32'(out_row_i);
              out_px_q  <= out_row_q + 32'(out_row_i);
            end
            row_done_o <= ox_end && row_q + rows_q == cout_i;
            if (last_pixel) begin
              row_q    <= row_q + rows_q;
              weight_q <= weight_q + {pass_beats, 4'd0};
              param_q  <= param_q + {15'd0, rows_q, 3'd0};
              if (row_q + rows_q == cout_i) begin
                done_o  <= 1'b1;
                state_q <= IDLE;
              end else begin
                state_q <= PASS;
              end
            end
          end
        end
      endcase
    end
  end

endmodule
