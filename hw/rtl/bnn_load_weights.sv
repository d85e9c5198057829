// SPDX-License-Identifier: MIT
// Turns the beats of a chunk's weights into what bnn_load_write writes: beats as
// they are (1-bit rows), rows compacted to their bits (slices), or units of 16
// weights of n bits. Rows whose taps are whole units are taken unit by unit out
// of the beats, a beat of 8-bit weights per cycle; all others piece by piece,
// because a tap's last unit has fewer pieces.

module bnn_load_weights #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 512,
  parameter int ADDR_W       = $clog2(WEIGHT_WORDS),
  parameter int LANE_W       = $clog2(LANES)
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    clear_i,
  input  logic                    start_i,       // of a chunk
  output logic                    done_o,        // with its last beat
  output logic                    idle_o,        // all is written

  input  logic [13:0]             cg_i,
  input  logic [5:0]              taps_i,
  input  logic [3:0]              tau_i,
  input  logic [1:0]              wl_i,
  input  logic                    ternary_i,
  input  logic                    flat_i,
  input  logic                    book_i,
  input  logic [15:0]             row_units_i,
  input  logic [15:0]             row_pieces_i,
  input  logic [13:0]             rows_i,
  input  logic [ADDR_W:0]         row_words_i,
  input  logic [ADDR_W-1:0]       wbase_i,
  input  logic                    split_i,
  input  logic                    slice_i,

  input  logic                    run_valid_i,
  output logic                    run_ready_o,
  input  logic [2:0]              run_skip_i,
  input  logic [31:0]             run_bits_i,
  input  logic                    run_last_i,

  input  logic                    table_i,
  output logic                    table_done_o,
  input  logic                    enable_i,      // beats are weights
  input  logic                    rb_valid_i,
  output logic                    rb_ready_o,
  input  logic [127:0]            rb_data_i,

  output logic                    lw_we_o,
  output logic [LANE_W-1:0]       lw_lane_o,
  output logic [ADDR_W-1:0]       lw_addr_o,
  output logic [LANE_BITS/16-1:0] lw_en_o,
  output logic [LANE_BITS-1:0]    lw_data_o
);

  localparam int PART = (LANE_BITS < 128) ? 16 : LANE_BITS / 8;  // of a word, in slice mode

  // ---- the kind of the command ----
  logic        is_whole, is_units, is_pieces, is_long, is_two;
  logic [10:0] cg_units;
  logic [15:0] row_beats;
  // Slices: n words, or twice as many.
  assign is_two    = row_words_i[ADDR_W:1] >> wl_i != '0;
  assign is_long   = LANE_BITS == 256 && slice_i && (wl_i != 2'd0 || is_two);
  assign is_whole  = wl_i == 2'd0 && !flat_i && !book_i && !is_long;
  assign is_units  = wl_i != 2'd0 && !flat_i && cg_i[3:0] == 4'd0;
  assign is_pieces = !is_whole && !is_units && !book_i;
  assign cg_units  = 11'((15'(cg_i) + 15'd15) >> 4);
  assign row_beats = (row_pieces_i + 16'd7) >> 3;

  // ---- the unit being written ----
  logic         u_valid_q, u_last_q, u_jump_q, u_ready, u_free, w_ready, long_ready, long_valid, long_last, long_idle;
  logic [31:0]  long_data;
  logic [127:0] unit_q, fill;
  logic [7:0]   fill_en;
  logic         give, give_last;                 // the unit is complete with this
  assign u_free = !u_valid_q || u_ready;

  logic [13:0] rows_q;                           // that are not complete
  assign done_o = give && give_last && rows_q == 14'd1;
  assign idle_o = !u_valid_q && long_idle;

  // ---- beats ----
  logic [15:0] left_q;                           // beats or units of the row
  logic        left_end, unit_end, beat_ready, beat_take;
  logic [1:0]  sel_q;                            // unit of the beat
  logic [127:0] unit;
  assign left_end   = left_q == 16'd1;
  assign unit_end   = left_end || wl_i == 2'd3 || (wl_i == 2'd2 ? sel_q[0] : &sel_q);
  assign beat_ready = enable_i && u_free && (is_whole || is_units);
  assign beat_take  = beat_ready && rb_valid_i;
  always_comb begin
    unit = rb_data_i;
    if (wl_i == 2'd2) unit[63:0] = rb_data_i[{sel_q[0], 6'd0} +: 64];
    if (wl_i == 2'd1) unit[31:0] = rb_data_i[{sel_q, 5'd0} +: 32];
  end

  // Slice of one word: eight taps of the beat, up to 4 bits each. A row has up to two beats.
  logic [31:0]     close, first_q;
  logic [63:0]     both;
  logic [PART-1:0] compact;
  logic            unused;
  assign unused = ^both;
  always_comb begin
    close = '0;
    for (int t = 0; t < 8; t++) begin
      case (cg_i[2:0])
        3'd1:    close[t]         = rb_data_i[t*16];
        3'd2:    close[t*2 +: 2]  = rb_data_i[t*16 +: 2];
        3'd3:    close[t*3 +: 3]  = rb_data_i[t*16 +: 3];
        default: close[t*4 +: 4]  = rb_data_i[t*16 +: 4];
      endcase
    end
    case (cg_i[2:0])
      3'd1:    both = {24'd0, close, first_q[7:0]};
      3'd2:    both = {16'd0, close, first_q[15:0]};
      3'd3:    both = {8'd0, close, first_q[23:0]};
      default: both = {close, first_q};
    endcase
    compact = (row_beats == 16'd1) ? PART'(close) : PART'(both);
  end
  always_ff @(posedge clk_i) if (beat_take) first_q <= close;

  // ---- bits ----
  logic        run_valid, run_ready, run_last, bits_valid, bits_take, bits_rb_ready, raw;
  logic [31:0] run_bits;
  logic [2:0]  run_skip;
  logic [4:0]  want;
  logic [15:0] bits;
  logic [13:0] runs_q;                           // rows whose run has not begun
  assign raw         = is_pieces && !flat_i;     // rows as they lie in memory, each a run
  assign run_valid   = raw || run_valid_i;
  assign run_bits    = raw ? {12'd0, row_pieces_i, 4'd0} : run_bits_i;
  assign run_skip    = raw ? 3'd0 : run_skip_i;
  assign run_last    = raw ? runs_q == 14'd1 : run_last_i;
  assign run_ready_o = run_ready && !raw;

  bnn_load_bits u_bits (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .start_i    (start_i),
    .enable_i   (enable_i && (is_pieces || book_i)),
    .run_valid_i(run_valid),
    .run_ready_o(run_ready),
    .run_skip_i (run_skip),
    .run_bits_i (run_bits),
    .run_last_i (run_last),
    .rb_valid_i (rb_valid_i),
    .rb_ready_o (bits_rb_ready),
    .rb_data_i  (rb_data_i),
    .want_i     (want),
    .out_valid_o(bits_valid),
    .out_take_i (bits_take),
    .out_data_o (bits)
  );

  // Pieces of a tap; the last one of a tap without padding may be short.
  logic [17:0] tap_bits, tap_left_q;
  logic [5:0]  tap_q;
  logic [2:0]  have_q;                           // pieces of the unit
  logic        piece_take, tap_end, piece_end;
  assign tap_bits   = 18'(cg_i) << wl_i;
  assign tap_end    = tap_left_q <= 18'd16;
  assign piece_take = enable_i && is_pieces && bits_valid && (have_q != 3'd0 || u_free);
  assign piece_end  = tap_end || have_q == 3'((4'd1 << wl_i) - 4'd1);
  assign want       = book_i ? {1'b0, tau_i} : (tap_end && flat_i) ? tap_left_q[4:0] : 5'd16;

  logic        book_take, book_valid, book_jump, book_last, book_rb_ready;
  logic [15:0] book_data;
  assign bits_take = book_i ? book_take : piece_take;

  bnn_load_book u_book (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (clear_i),
    .taps_i      (taps_i),
    .cg_i        (cg_i),
    .tau_i       (tau_i),
    .table_i     (table_i),
    .table_done_o(table_done_o),
    .rb_valid_i  (rb_valid_i),
    .rb_ready_o  (book_rb_ready),
    .rb_data_i   (rb_data_i),
    .start_i     (start_i),
    .enable_i    (enable_i && book_i),
    .bits_valid_i(bits_valid),
    .bits_take_o (book_take),
    .bits_data_i (bits),
    .out_valid_o (book_valid),
    .out_ready_i (u_free),
    .out_data_o  (book_data),
    .out_jump_o  (book_jump),
    .out_last_o  (book_last)
  );

  assign rb_ready_o = book_rb_ready || bits_rb_ready || (beat_ready && (is_whole || unit_end));

  // ---- into the unit ----
  always_comb begin
    fill      = unit;
    fill_en   = '1;
    give      = beat_take;
    give_last = left_end;
    if (slice_i && !is_long) begin
      fill = {128/PART{compact}};
      give = beat_take && left_end;
    end
    if (book_i) begin
      fill      = {8{book_data}};
      give      = book_valid && u_free;
      give_last = book_last;
    end else if (is_pieces) begin
      fill      = {8{bits}};
      give      = piece_take && piece_end;
      give_last = tap_end && tap_q == taps_i - 6'd1;
      fill_en   = 8'd1 << have_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (beat_take || piece_take || (book_valid && u_free)) begin
      for (int k = 0; k < 8; k++) if (fill_en[k]) unit_q[k*16 +: 16] <= fill[k*16 +: 16];
    end
    if (give) begin
      u_last_q <= give_last;
      u_jump_q <= book_i && book_jump;
    end
    if (start_i) begin
      rows_q <= rows_i;
      runs_q <= rows_i;
    end else begin
      if (give && give_last) rows_q <= rows_q - 14'd1;
      if (raw && run_ready) runs_q <= runs_q - 14'd1;
    end
    if (start_i || (give && give_last)) begin
      left_q     <= is_whole ? row_beats : row_units_i;
      sel_q      <= '0;
      tap_q      <= '0;
      tap_left_q <= tap_bits;
      have_q     <= '0;
    end else begin
      if (beat_take) begin
        left_q <= left_q - 16'd1;
        sel_q  <= unit_end ? '0 : sel_q + 2'd1;
      end
      if (piece_take) begin
        have_q     <= piece_end ? '0 : have_q + 3'd1;
        tap_left_q <= tap_end ? tap_bits : tap_left_q - 18'd16;
        if (tap_end) tap_q <= tap_q + 6'd1;
      end
    end
    u_valid_q <= give || !u_free;
    if (!rst_ni || clear_i) u_valid_q <= 1'b0;
  end

  if (LANE_BITS == 256) begin : gen_long
    bnn_load_slice u_slice (
      .clk_i      (clk_i),
      .rst_ni     (rst_ni),
      .clear_i    (clear_i),
      .start_i    (start_i),
      .wl_i       (wl_i),
      .ternary_i  (ternary_i),
      .cg_i       (cg_i[2:0]),
      .two_i      (is_two),
      .in_valid_i (u_valid_q && is_long),
      .in_ready_o (long_ready),
      .in_data_i  (unit_q[31:0]),
      .in_last_i  (u_last_q),
      .out_valid_o(long_valid),
      .out_ready_i(w_ready),
      .out_data_o (long_data),
      .out_last_o (long_last),
      .idle_o     (long_idle)
    );
  end else begin : gen_short
    assign long_ready = 1'b0;
    assign long_valid = 1'b0;
    assign long_data  = '0;
    assign long_last  = 1'b0;
    assign long_idle  = 1'b1;
  end
  assign u_ready = is_long ? long_ready : w_ready;

  bnn_load_write #(
    .LANES(LANES),
    .LANE_BITS(LANE_BITS),
    .WEIGHT_WORDS(WEIGHT_WORDS)
  ) u_write (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .start_i    (start_i),
    .whole_i    (is_whole || is_long),
    .slice_i    (slice_i),
    .split_i    (split_i),
    .wl_i       (wl_i),
    .ternary_i  (ternary_i),
    .book_i     (book_i),
    .cg_units_i (cg_units),
    .row_words_i(row_words_i),
    .wbase_i    (wbase_i),
    .u_valid_i  (is_long ? long_valid : u_valid_q),
    .u_ready_o  (w_ready),
    .u_data_i   (is_long ? {4{long_data}} : unit_q),
    .u_last_i   (is_long ? long_last : u_last_q),
    .u_jump_i   (u_jump_q),
    .lw_we_o    (lw_we_o),
    .lw_lane_o  (lw_lane_o),
    .lw_addr_o  (lw_addr_o),
    .lw_en_o    (lw_en_o),
    .lw_data_o  (lw_data_o)
  );

endmodule
