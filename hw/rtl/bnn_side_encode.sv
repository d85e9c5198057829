// SPDX-License-Identifier: MIT
// ENC: bytes through tables to codes. Up to four colours of a pixel per cycle.
//
// Colours are taken in groups of 16, whose tables are held here and whose output
// is a whole number of 16-bit pieces:
//
//   for each group:  ask for its tables (once, if shared) and for the pixels; load the tables
//     for each pixel:  for each four colours:  bytes, look up, emit
//
// Nothing here is shifted by a variable amount. Codes of 4 and 8 bits, and 32
// levels, lie where they are emitted: four colours are a whole number of pieces.
// Other numbers of levels are made a colour at a time as what lies between two
// positions; what does not fill a piece is carried. Codes in planes are collected
// for up to eight pixels that lie behind each other, while those before leave.

module bnn_side_encode (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,
  output logic         done_o,            // pulse: the last run has been taken
  input  logic         planar_i,
  input  logic         shared_i,
  input  logic [1:0]   mode_i,            // 0 VALUE, 1 THERMO, 2 BITS
  input  logic [7:0]   levels_i,
  input  logic [3:0]   planes_i,          // of OUT: 1, 2, 4, 8
  input  logic [3:0]   bits_i,            // of an element of OUT: 1, 4, 8
  input  logic [12:0]  h_i,
  input  logic [12:0]  w_i,
  input  logic [25:0]  area_i,            // H * W, from the cycle after start_i
  input  logic [13:0]  colours_i,
  input  logic [31:0]  in_addr_i,
  input  logic [31:0]  table_addr_i,
  input  logic [31:0]  out_addr_i,
  input  logic [23:0]  out_row_i,
  input  logic [16:0]  out_pixel_i,
  input  logic [31:0]  out_plane_i,

  output logic         rq_valid_o,
  input  logic         rq_ready_i,
  output logic         rq_table_o,        // of the table; else of IN
  output logic [31:0]  rq_addr_o,
  output logic [27:0]  rq_bytes_o,
  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  output logic         put_valid_o,
  input  logic         put_ready_i,
  output logic [31:0]  put_addr_o,
  output logic [4:0]   put_bytes_o,
  output logic [127:0] put_data_o,
  output logic         row_done_o
);

  localparam logic [2:0] IDLE = 3'd0, TABLE = 3'd1, ASK = 3'd2, LOAD = 3'd3, SETUP = 3'd4,
                         BEGIN = 3'd5, PIXELS = 3'd6, NEXT = 3'd7;

  logic [2:0]  state_q;
  logic        table_q;                     // tables are under way
  logic [13:0] colour_q, rest;              // first of the group
  logic [3:0]  last;                        // colours of the group, less 1
  logic        single;                      // the picture is one run; else, if interleaved, each pixel's colours of the group
  logic        in_planes, thermo32, spread; // how codes are emitted; spread: THERMO, not 32 levels
  logic [27:0] bytes_q;                     // of the picture, where single
  logic [29:0] off_q;                       // PLANAR: bytes before the group
  logic [13:0] base_q;                      // bytes of a pixel before the group
  logic [8:0]  step;                        // bytes of a pixel in a group

  assign rest      = colours_i - colour_q;
  assign last      = (rest < 14'd16) ? rest[3:0] - 4'd1 : 4'd15;
  assign single    = colours_i <= 14'd16 && !planar_i && area_i[25:24] == 2'd0;   // 28 bits hold its bytes
  assign thermo32  = mode_i == 2'd1 && levels_i == 8'd32;
  assign spread    = mode_i == 2'd1 && levels_i != 8'd32;
  assign in_planes = mode_i == 2'd0 && bits_i == 4'd1;
  assign step      = (mode_i == 2'd1) ? {levels_i, 1'b0} : (mode_i == 2'd2) ? 9'd16 : {4'd0, bits_i, 1'b0};

  // ---- asking ----
  // The tables of the group. Then pixels in order: all of them, or, if there are more
  // groups, the group's bytes of a pixel. Planar: a block of pixels, of each colour. Few
  // colours have long ones: many short requests wait behind what the loader asks for.
  logic        ask_q;
  logic [31:0] ask_addr_q, ask_block_q;     // of the request; of the block
  logic [31:0] ask_from, ask_sum, more_q;
  logic [25:0] ask_left_q;                  // requests; planar: pixels
  logic [3:0]  ask_colour_q;
  logic        ask_begin, ask_end, ask_go, ask_next;
  logic        few;                         // up to four colours
  logic [6:0]  block;                       // pixels of it

  assign few        = last[3:2] == 2'd0;
  assign block      = few ? 7'd64 : 7'd16;
  assign ask_begin  = (state_q == ASK && !ask_q) || state_q == BEGIN;
  assign ask_end    = planar_i && ask_colour_q == last;
  assign ask_go     = ask_q && rq_ready_i;
  assign ask_next   = ask_go && (!planar_i || ask_end || state_q == ASK);
  assign rq_valid_o = ask_q;
  assign rq_table_o = state_q == ASK;
  assign rq_addr_o  = ask_addr_q;
  always_comb begin
    if (rq_table_o)    rq_bytes_o = {15'd0, 5'({1'b0, shared_i ? 4'd0 : last} + 5'd1), 8'd0};
    else if (planar_i) rq_bytes_o = (ask_left_q < 26'(block)) ? 28'(ask_left_q[5:0]) : 28'(block);
    else if (single)   rq_bytes_o = bytes_q;
    else               rq_bytes_o = 28'(last) + 28'd1;
  end

  assign ask_from = (state_q == ASK) ? table_addr_i : (state_q == BEGIN) ? in_addr_i
                  : ask_end ? ask_block_q : ask_addr_q;
  assign ask_sum  = ask_from + ((ask_end && !ask_begin) ? 32'(block) : more_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      ask_q <= 1'b0;
    end else if (ask_begin) begin
      ask_q <= 1'b1;
    end else if (ask_next && (state_q == ASK || ask_left_q <= (planar_i ? 26'(block) : 26'd1))) begin
      ask_q <= 1'b0;
    end
  end
  // What is added next: to the addresses of the table and of IN, then to that of a request.
  always_ff @(posedge clk_i) begin
    case (state_q)
      TABLE:   more_q <= {10'd0, colour_q, 8'd0};
      SETUP:   more_q <= planar_i ? {2'd0, off_q} : {18'd0, colour_q};
      default: more_q <= planar_i ? {6'd0, area_i} : {18'd0, colours_i};
    endcase
    if (ask_begin || ask_go) ask_addr_q <= ask_sum;
    if (ask_begin || ask_next) ask_block_q <= ask_sum;
    if (state_q == BEGIN) ask_left_q <= single ? 26'd1 : area_i;
    else if (ask_next) ask_left_q <= ask_left_q - (planar_i ? 26'(block) : 26'd1);
    if (state_q == BEGIN || (ask_go && ask_end)) ask_colour_q <= '0;
    else if (ask_go) ask_colour_q <= ask_colour_q + 4'd1;
  end

  // ---- bytes of up to four colours ----
  // Beats are taken a word of four bytes at a time.
  logic [12:0] x_q, y_q;                    // pixels of the row, rows, still to be taken
  logic [1:0]  quad_q, more;                // more: colours at hand, less 1
  logic        all_q;                       // all pixels have been taken
  logic        quad_end, x_end, y_end, take, room, in_ok;
  logic [1:0]  word_q;
  logic [31:0] word;
  assign quad_end = quad_q == last[3:2];
  assign more     = quad_end ? last[1:0] : 2'd3;
  assign x_end    = x_q == 13'd1;
  assign y_end    = y_q == 13'd1;
  assign word     = rb_data_i[{word_q, 5'd0} +: 32];

  // Interleaved: the rest of a word, which begins at at_q (0: nothing is left), and
  // the word behind it. Runs begin with a beat.
  logic [31:8] held_q;
  logic [31:0] seen;
  logic [1:0]  at_q;
  logic [2:0]  at_next;
  logic        needed, run_end;
  assign at_next = {1'b0, at_q} + {1'b0, more} + 3'd1;
  assign needed  = at_q == 2'd0 || at_next > 3'd4;
  assign run_end = quad_end && (!single || (x_end && y_end));
  always_comb begin
    case (at_q)
      2'd0:    seen = word;
      2'd1:    seen = {word[7:0], held_q[31:8]};
      2'd2:    seen = {word[15:0], held_q[31:16]};
      default: seen = {word[23:0], held_q[31:24]};
    endcase
  end

  // Planar: two blocks of pixels, colour c in memory c mod 4, four pixels a word.
  logic [1:0]  full_q, part_q;              // part: beat of the block and colour
  logic        fill_side_q, side_q, fill, part_last, fill_end, block_end;
  logic [3:0]  fill_colour_q;
  logic [21:0] fill_left_q;                 // beats of a colour, from the block on, less one
  logic [5:0]  pixel_q;                     // of the block
  logic [31:0] picked, bytes;
  assign fill      = state_q == PIXELS && planar_i && rb_valid_i && !full_q[fill_side_q];
  assign part_last = !few || part_q == 2'd3 || 22'(part_q) == fill_left_q;
  assign fill_end  = fill && word_q == 2'd3 && part_last && fill_colour_q == last;
  assign block_end = quad_end && (pixel_q == 6'(block - 7'd1) || (x_end && y_end));

  for (genvar b = 0; b < 4; b++) begin : gen_block
    logic [31:0] mem [0:31];
    logic [31:0] pixels;
    always_ff @(posedge clk_i) begin
      if (fill && fill_colour_q[1:0] == 2'(b)) mem[{fill_side_q, few ? part_q : fill_colour_q[3:2], word_q}] <= word;
    end
    assign pixels = mem[{side_q, few ? pixel_q[5:4] : quad_q, pixel_q[3:2]}];
    assign picked[b*8 +: 8] = pixels[{pixel_q[1:0], 3'd0} +: 8];
  end

  assign in_ok = planar_i ? full_q[side_q] : (!needed || rb_valid_i);
  assign take  = state_q == PIXELS && !all_q && in_ok && room;
  assign bytes = planar_i ? picked : seen;

  logic load_half_q;
  always_comb begin
    if (state_q == LOAD) rb_ready_o = load_half_q;
    else if (planar_i)   rb_ready_o = fill && word_q == 2'd3;
    else                 rb_ready_o = take && (needed ? run_end || word_q == 2'd3 : run_end && word_q != 2'd0);
  end

  always_ff @(posedge clk_i) begin
    if (state_q == BEGIN) begin
      x_q           <= w_i;
      y_q           <= h_i;
      all_q         <= 1'b0;
      quad_q        <= '0;
      at_q          <= '0;
      word_q        <= '0;
      full_q        <= '0;
      fill_side_q   <= 1'b0;
      side_q        <= 1'b0;
      fill_colour_q <= '0;
      fill_left_q   <= 22'((area_i - 26'd1) >> 4);
      part_q        <= '0;
      pixel_q       <= '0;
    end else begin
      if (take) begin
        quad_q <= quad_end ? '0 : quad_q + 2'd1;
        if (quad_end) begin
          x_q     <= x_end ? w_i : x_q - 13'd1;
          pixel_q <= block_end ? '0 : pixel_q + 6'd1;
          if (x_end) begin
            y_q   <= y_q - 13'd1;
            all_q <= y_end;
          end
        end
        at_q <= run_end ? '0 : at_next[1:0];
        if (block_end) begin
          full_q[side_q] <= 1'b0;
          side_q         <= !side_q;
        end
      end
      if (fill && word_q == 2'd3) begin
        part_q <= part_last ? '0 : part_q + 2'd1;
        if (part_last) fill_colour_q <= fill_end ? '0 : fill_colour_q + 4'd1;
      end
      if (fill_end) begin
        fill_left_q         <= fill_left_q - (few ? 22'd4 : 22'd1);
        full_q[fill_side_q] <= 1'b1;
        fill_side_q         <= !fill_side_q;
      end
      if (fill || (take && needed && !planar_i)) word_q <= word_q + 2'd1;
      if (take && run_end && !planar_i) word_q <= '0;
    end
    if (take && needed) held_q <= word[31:8];
  end

  // ---- tables: colour c in memory c mod 4 (shared: in all) ----
  logic        v1_q, v2_q, ready1, ready2;
  logic [1:0]  more1_q, more2_q, quad1_q, quad2_q;
  logic        end1_q, end2_q, x_end1_q, x_end2_q, y_end1_q, y_end2_q;
  logic [31:0] t_q;                         // what the tables say
  logic [7:0]  load_q;                      // {colour, beat}
  logic [63:0] half;
  logic [3:0]  present;

  assign ready1 = !v1_q || ready2;
  assign room   = ready1;
  assign present = ~(4'he << more1_q);
  assign half   = load_half_q ? rb_data_i[127:64] : rb_data_i[63:0];

  for (genvar b = 0; b < 4; b++) begin : gen_table
    (* no_rw_check *) logic [7:0] mem [0:1023];   // written eight at a time
    logic [7:0] t1_q;
    logic       put;
    assign put = state_q == LOAD && rb_valid_i && (shared_i || load_q[5:4] == 2'(b));
    always_ff @(posedge clk_i) begin
      for (int i = 0; i < 8; i++) if (put) mem[{load_q[7:6], load_q[3:0], load_half_q, 3'(i)}] <= half[i*8 +: 8];
      if (take) t1_q <= mem[{shared_i ? 2'd0 : quad_q, bytes[b*8 +: 8]}];
      if (v1_q && ready2) t_q[b*8 +: 8] <= present[b] ? t1_q : 8'd0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || state_q == BEGIN) begin
      v1_q <= 1'b0;
      v2_q <= 1'b0;
    end else begin
      if (ready1) v1_q <= take;
      if (ready2) v2_q <= v1_q;
    end
  end
  always_ff @(posedge clk_i) begin
    if (take) begin
      more1_q  <= more;
      quad1_q  <= quad_q;
      end1_q   <= quad_end;
      x_end1_q <= x_end;
      y_end1_q <= y_end;
    end
    if (v1_q && ready2) begin
      more2_q  <= more1_q;
      quad2_q  <= quad1_q;
      end2_q   <= end1_q;
      x_end2_q <= x_end1_q;
      y_end2_q <= y_end1_q;
    end
  end

  // ---- levels of one colour ----
  // Bits of the colour begin at from_q of the piece that is open and are ones up to
  // ones_q; levels_q is their end. Beats of them leave one after the other.
  logic        a_v_q, a_last_q, a_x_end_q, a_y_end_q, a_take, a_emit, a_end, put_room;
  logic [1:0]  sub_q, beat_q;
  logic        sub_end;
  logic [7:0]  sub_t;
  logic [3:0]  next_q, from_q;
  logic [8:0]  ones_q, levels_q, levels_end;
  logic [15:0] carry_q, carry, below, behind;
  logic [7:0]  above, equal;                // pieces below the one where the ones end, that one
  logic        part, first_piece;
  logic [4:0]  a_bytes;

  assign sub_t      = t_q[{sub_q, 3'd0} +: 8];
  assign sub_end    = sub_q == more2_q;
  assign levels_end = {5'd0, next_q} + {1'b0, levels_i};
  assign a_take     = v2_q && spread && (!a_v_q || a_end);
  assign a_emit     = a_v_q && put_room;
  assign a_end      = a_emit && levels_q[8:7] == beat_q;
  always_comb begin
    a_bytes = 5'd16;
    if (levels_q[8:7] == beat_q) a_bytes = {1'b0, {1'b0, levels_q[6:4]} + 4'(a_last_q && levels_q[3:0] != 4'd0)} << 1;
  end

  for (genvar p = 0; p < 8; p++) begin : gen_equal
    assign equal[p] = ones_q[8:7] == beat_q && ones_q[6:4] == 3'(p);
  end
  assign above       = (ones_q[8:7] > beat_q) ? 8'hff : (ones_q[8:7] == beat_q) ? ~(8'hff << ones_q[6:4]) : 8'd0;
  assign below       = ~(16'hffff << ones_q[3:0]);
  assign behind      = 16'hffff << from_q;
  assign part        = ones_q[8:4] == levels_q[8:4];
  assign first_piece = levels_q[8:4] == 5'd0;
  assign carry       = (carry_q & {16{first_piece}}) | (below & (behind | {16{!first_piece}}) & {16{part}});

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || state_q == BEGIN) begin
      a_v_q   <= 1'b0;
      sub_q   <= '0;
      next_q  <= '0;
      beat_q  <= '0;
      from_q  <= '0;
      ones_q  <= '0;                        // for what else is emitted
      carry_q <= '0;
    end else begin
      if (a_emit) begin
        beat_q  <= beat_q + 2'd1;
        from_q  <= '0;
        carry_q <= '0;
      end
      if (a_end) begin
        a_v_q <= 1'b0;
        if (!a_last_q) carry_q <= carry;
      end
      if (a_take) begin
        a_v_q  <= 1'b1;
        sub_q  <= sub_end ? '0 : sub_q + 2'd1;
        next_q <= (sub_end && end2_q) ? '0 : levels_end[3:0];
        beat_q <= '0;
        from_q <= next_q;
        ones_q <= {5'd0, next_q} + {1'b0, (sub_t < levels_i) ? sub_t : levels_i};
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (a_take) begin
      levels_q  <= levels_end;
      a_last_q  <= sub_end && end2_q;
      a_x_end_q <= x_end2_q;
      a_y_end_q <= y_end2_q;
    end
  end

  // ---- collecting planes ----
  // Four colours of a pixel take one of eight places, pixels of more colours two or
  // four of them. They leave a plane after the other.
  logic [255:0] places_q, leave_q;          // of each plane four bits of each place
  logic [2:0]   pixels_q, pixels, place;    // in the places
  logic [3:0]   leave_n_q;
  logic [2:0]   plane_q;                    // the plane that leaves
  logic         pl_full_q, pl_out_q, pl_put, pl_end, pl_move, pl_last, open, collect;
  logic         one, two;                   // places of a pixel; else four
  logic [31:0]  pl_base_q, leave_base_q;
  logic [31:0]  px_q, row_q, px_from, px_sum;   // places in OUT: of the pixel, of the row
  logic         px_step;

  assign one     = last[3:2] == 2'd0;
  assign two     = last[3:2] == 2'd1;
  assign pl_put  = pl_out_q && put_room;
  assign pl_end  = pl_put && plane_q == 3'(planes_i - 4'd1);
  assign pl_move = pl_full_q && (!pl_out_q || pl_end);
  assign pixels  = pl_full_q ? 3'd0 : pixels_q;
  assign place   = one ? pixels : two ? {pixels[1:0], quad2_q[0]} : {pixels[0], quad2_q};
  assign pl_last = pixels == (one ? 3'd7 : two ? 3'd3 : 3'd1) || out_pixel_i != 17'd2 || x_end2_q;
  assign open    = !pl_full_q || pl_move;
  assign collect = v2_q && in_planes && open;

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 8; i++) begin
      if (collect && place == 3'(i)) begin
        for (int p = 0; p < 8; p++) begin
          for (int c = 0; c < 4; c++) places_q[p*32 + i*4 + c] <= t_q[c*8 + p];
        end
      end
    end
    if (collect && end2_q && pixels == 3'd0) pl_base_q <= px_q;
    if (pl_move) begin
      leave_n_q    <= {1'b0, pixels_q} + 4'd1;
      leave_base_q <= pl_base_q;
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || state_q == BEGIN) begin
      pixels_q  <= '0;
      plane_q   <= '0;
      pl_full_q <= 1'b0;
      pl_out_q  <= 1'b0;
      leave_q   <= '0;                      // for what else is emitted
    end else begin
      if (pl_put) begin
        plane_q <= plane_q + 3'd1;
        if (pl_end) begin
          plane_q  <= '0;
          pl_out_q <= 1'b0;
        end
      end
      if (pl_move) begin
        pixels_q  <= '0;
        pl_full_q <= 1'b0;
        pl_out_q  <= 1'b1;
      end
      if (pl_move || pl_put) leave_q <= pl_move ? places_q : {32'd0, leave_q[255:32]};
      // The number of pixels stays until they move.
      if (collect && end2_q) begin
        pl_full_q <= pl_last;
        pixels_q  <= pl_last ? pixels : pixels + 3'd1;
      end
    end
  end

  // Where the places lie among the pieces of their pixels.
  logic [31:0] l;
  logic [127:0] pieces;
  logic [3:0]  in1, in2, in3;               // whether there are more than 4, 8, 12 colours
  assign l   = leave_q[31:0];
  assign in1 = {4{!one}};
  assign in2 = {4{last[3]}};
  assign in3 = {4{&last[3:2]}};
  assign pieces[15:0]   = {in3 & l[15:12], in2 & l[11:8], in1 & l[7:4], l[3:0]};
  assign pieces[31:16]  = {in3 & l[31:28], in2 & l[27:24], in1 & (two ? l[15:12] : l[23:20]),
                           one ? l[7:4] : two ? l[11:8] : l[19:16]};
  assign pieces[63:32]  = {8'd0, in1 & l[31:28], one ? l[15:12] : l[27:24],
                           8'd0, in1 & l[23:20], one ? l[11:8] : l[19:16]};
  assign pieces[95:64]  = {12'd0, l[23:20], 12'd0, l[19:16]};
  assign pieces[127:96] = {12'd0, l[31:28], 12'd0, l[27:24]};

  // ---- runs out ----
  // Sources that do not emit are zero.
  logic [127:0] line, levels;
  logic [31:0]  packed_t, t32;
  logic [4:0]   direct_bytes;
  logic         direct, direct_end, a_step, p_step, p_x_end, p_y_end, emit, fresh_q, over_q;

  assign put_room   = !put_valid_o || put_ready_i;
  assign direct     = v2_q && !in_planes && !spread && put_room;
  assign ready2     = !v2_q || direct || collect || (a_take && sub_end);
  assign t32        = thermo32 ? t_q : 32'd0;
  for (genvar c = 0; c < 4; c++) begin : gen_colour
    assign levels[c*32 +: 32] = ~(32'hffffffff << t32[c*8 +: 5]) | {32{|t32[c*8 + 5 +: 3]}};
  end
  always_comb begin
    packed_t     = '0;
    direct_bytes = more2_q[1] ? 5'd4 : 5'd2;
    if (thermo32) begin
      direct_bytes = {{1'b0, more2_q} + 3'd1, 2'd0};
    end else if (!in_planes && !spread) begin
      packed_t     = t_q;
      if (mode_i == 2'd0 && bits_i == 4'd4) begin
        packed_t     = {16'd0, t_q[27:24], t_q[19:16], t_q[11:8], t_q[3:0]};
        direct_bytes = 5'd2;
      end
    end
  end
  for (genvar i = 0; i < 128; i++) begin : gen_line
    assign line[i] = ((above[i/16] || (equal[i/16] && below[i%16])) && (i >= 16 || behind[i%16])) ||
                     (i < 16 && carry_q[i%16]) || levels[i] || pieces[i] || (i < 32 && packed_t[i%32]);
  end

  // A pixel of the group is through.
  assign direct_end = direct && end2_q;
  assign a_step     = a_end && a_last_q;
  assign p_step     = collect && end2_q;
  assign p_x_end    = spread ? a_x_end_q : x_end2_q;
  assign p_y_end    = spread ? a_y_end_q : y_end2_q;
  assign emit       = direct || pl_put || (a_emit && a_bytes != 5'd0);

  assign px_step = direct_end || a_step || p_step;
  assign px_from = (state_q == BEGIN) ? out_addr_i : p_x_end ? row_q : px_q;
  assign px_sum  = px_from + ((state_q == BEGIN) ? 32'(base_q) : p_x_end ? 32'(out_row_i) : 32'(out_pixel_i));

  always_ff @(posedge clk_i) begin
    row_done_o <= px_step && p_x_end;
    if (!rst_ni || clear_i) begin
      put_valid_o <= 1'b0;
    end else begin
      if (put_ready_i) put_valid_o <= 1'b0;
      if (emit) put_valid_o <= 1'b1;
    end
    if (state_q == BEGIN || px_step) begin
      px_q   <= px_sum;
      over_q <= state_q != BEGIN && p_x_end && p_y_end;
    end
    if (state_q == BEGIN || (px_step && p_x_end)) row_q <= px_sum;
    // The next run begins somewhere else.
    if (emit) fresh_q <= 1'b0;
    if (state_q == BEGIN || pl_move || direct_end || a_step) fresh_q <= 1'b1;
  end
  always_ff @(posedge clk_i) begin
    if (emit) begin
      put_addr_o  <= fresh_q ? (in_planes ? leave_base_q : px_q)
                             : put_addr_o + (in_planes ? out_plane_i : 32'(put_bytes_o));
      put_bytes_o <= in_planes ? {leave_n_q, 1'b0} : spread ? a_bytes : direct_bytes;
      put_data_o  <= line;
    end
  end

  // ---- groups ----
  always_ff @(posedge clk_i) begin
    done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: if (start_i) state_q <= TABLE;
        TABLE: state_q <= ASK;
        ASK: if (ask_q && rq_ready_i) state_q <= SETUP;
        LOAD: begin
          if (rb_valid_i && load_half_q && load_q == {shared_i ? 4'd0 : last, 4'd15}) state_q <= PIXELS;
        end
        SETUP:  state_q <= BEGIN;
        BEGIN:  state_q <= table_q ? LOAD : PIXELS;
        PIXELS: if (over_q && !pl_full_q && !pl_out_q && !put_valid_o) state_q <= NEXT;
        default: begin  // NEXT
          state_q <= shared_i ? SETUP : TABLE;
          if (rest <= 14'd16) begin
            done_o  <= 1'b1;
            state_q <= IDLE;
          end
        end
      endcase
    end
  end
  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      colour_q <= '0;
      off_q    <= '0;
      base_q   <= '0;
    end else if (state_q == NEXT) begin
      colour_q <= colour_q + 14'd16;
      off_q    <= off_q + {area_i, 4'd0};
      base_q   <= base_q + 14'(step);
    end
    table_q <= state_q == TABLE || (table_q && state_q != LOAD);
    bytes_q <= 28'(31'(area_i) * 31'(colours_i[4:0]));
    if (state_q != LOAD) begin
      load_q      <= '0;
      load_half_q <= 1'b0;
    end else if (rb_valid_i) begin
      load_half_q <= !load_half_q;
      if (load_half_q) load_q <= load_q + 8'd1;
    end
  end

endmodule
