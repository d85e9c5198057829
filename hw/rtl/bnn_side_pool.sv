// SPDX-License-Identifier: MIT
// POOL. Taps come in runs, are cut out of them, and combined beat by beat in one
// of two buffers of a strip (512 bytes of a pixel) while the other is emptied, in
// one of three ways:
//
//   beats      as they are: MAX and MIN of single channels; pixels of 8 bytes of bits
//              two at a time, whose halves are combined in the end
//   fast       averages of 8 and 16 bits where the group is 1, 2, 4 or 8, DIV at
//              most 512 and the sum less than 2^24: up to a beat per cycle, four
//              results at a time (bnn_side_mean)
//   elements   all others: one by one, through the sum of the group and a divider
//
// A buffer word is 4 x 80 bits, one for each 32 bits of a beat, in slots of 20 bits:
// 4 bytes in a slot each, 2 halves in two each, a word or 32 bits in all; wide
// enough for the sum of 4,096 taps.

module bnn_side_pool (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,
  output logic         done_o,            // pulse: the last run has been taken
  input  logic [1:0]   mode_i,            // 0 AVG, 1 MAX, 2 MIN
  input  logic         bits_i,            // B1; else elements:
  input  logic [1:0]   size_i,            // log2 of their bytes
  input  logic         signed_i,
  input  logic [19:0]  div_i,
  input  logic [12:0]  h_i,
  input  logic [12:0]  w_i,
  input  logic [13:0]  cin_i,
  input  logic [13:0]  group_i,
  input  logic [6:0]   kh_i,
  input  logic [6:0]   kw_i,
  input  logic [6:0]   sh_i,
  input  logic [6:0]   sw_i,
  input  logic [5:0]   pad_t_i,
  input  logic [5:0]   pad_l_i,
  input  logic [12:0]  oh_i,
  input  logic [12:0]  ow_i,
  input  logic [31:0]  in_addr_i,
  input  logic [23:0]  in_row_i,
  input  logic [16:0]  in_pixel_i,
  input  logic [31:0]  out_addr_i,
  input  logic [23:0]  out_row_i,
  input  logic [16:0]  out_pixel_i,
  output logic [2:0]   sat_o,             // clamps that changed a value, this cycle
  output logic         row_done_o,

  output logic         rq_valid_o,
  input  logic         rq_ready_i,
  output logic [31:0]  rq_addr_o,
  output logic [27:0]  rq_bytes_o,
  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  output logic         put_valid_o,
  input  logic         put_ready_i,
  output logic [31:0]  put_addr_o,
  output logic [4:0]   put_bytes_o,
  output logic [127:0] put_data_o
);

  localparam int STRIP = 512;
  localparam int SUM_W = 57;                // 2^31 * 4,096 taps * 8,192 channels

  logic [2:0]  log2_bits;                   // of an element
  logic [18:0] pixel_bits;
  logic [15:0] pixel_bytes;
  assign log2_bits   = bits_i ? 3'd0 : {1'b0, size_i} + 3'd3;
  assign pixel_bits  = {5'd0, cin_i} << log2_bits;
  assign pixel_bytes = 16'((pixel_bits + 19'd15) >> 4) << 1;

  logic max, min;
  assign max = mode_i == 2'd1;
  assign min = mode_i == 2'd2;

  logic        line, run_valid, run_last, run_pop;
  logic [6:0]  run_taps;
  logic [12:0] area;

  bnn_side_taps #(
    .STRIP(STRIP)
  ) u_taps (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .start_i    (start_i),
    .base_i     (in_addr_i),
    .h_i        (h_i),
    .w_i        (w_i),
    .row_i      (in_row_i),
    .pixel_i    (in_pixel_i),
    .bytes_i    (pixel_bytes),
    .kh_i       (kh_i),
    .kw_i       (kw_i),
    .sh_i       (sh_i),
    .sw_i       (sw_i),
    .pad_t_i    (pad_t_i),
    .pad_l_i    (pad_l_i),
    .oh_i       (oh_i),
    .ow_i       (ow_i),
    .area_o     (area),
    .rq_valid_o (rq_valid_o),
    .rq_ready_i (rq_ready_i),
    .rq_addr_o  (rq_addr_o),
    .rq_bytes_o (rq_bytes_o),
    .line_o     (line),
    .run_valid_o(run_valid),
    .run_taps_o (run_taps),
    .run_last_o (run_last),
    .run_pop_i  (run_pop)
  );

  // ---- cutting: runs to beats of taps, through a window on two beats ----
  logic [127:0] in_q, window;
  logic [127:16] held_q;                    // the last beat
  logic [2:0]   pos_q;                      // its next piece of 16 bits; 0: none is left
  logic         needed;                     // the next beat
  logic [3:0]   need, pos_next;
  logic [8:0]   tap_left_q;                 // pieces of the tap
  logic [14:0]  pixel_pieces, pix_left_q, pix_next;  // pieces of the pixel from this strip on
  logic         plain, paired, two;         // beats as they are; a beat may hold two taps; it does
  logic [6:0]   run_at_q, run_at_next;      // tap of the run
  logic [12:0]  line_at_q;                  // window of the line
  logic         first_q;                    // tap of the window
  logic         cut, tap_end, strip_last, window_end, run_end;
  logic         in_v_q, in_first_q, in_end_q, in_last_q, take;

  assign paired       = plain && bits_i && !line && pixel_bytes == 16'd8;
  assign two          = paired && run_at_q != run_taps - 7'd1;
  assign run_at_next  = run_at_q + (two ? 7'd2 : 7'd1);
  assign pixel_pieces = pixel_bytes[15:1];
  assign need         = (tap_left_q < 9'd8 && !two) ? tap_left_q[3:0] : 4'd8;
  assign pos_next     = {1'b0, pos_q} + need;
  assign tap_end      = tap_left_q <= 9'd8;
  assign strip_last   = pix_left_q <= 15'(STRIP / 2);
  assign window_end   = tap_end && (line || (run_last && run_at_next == run_taps));
  assign run_end      = tap_end && (line ? strip_last && line_at_q == w_i - 13'd1 : run_at_next == run_taps);
  assign cut          = run_valid && (!needed || rb_valid_i) && (!in_v_q || take);
  assign run_pop      = cut && run_end;
  assign pix_next     = !window_end ? pix_left_q : strip_last ? pixel_pieces : pix_left_q - 15'(STRIP / 2);

  assign needed     = pos_q == 3'd0 || pos_next > 4'd8;
  assign rb_ready_o = cut && needed;
  always_comb begin
    case (pos_q)
      3'd0:    window = rb_data_i;
      3'd1:    window = {rb_data_i[15:0], held_q[127:16]};
      3'd2:    window = {rb_data_i[31:0], held_q[127:32]};
      3'd3:    window = {rb_data_i[47:0], held_q[127:48]};
      3'd4:    window = {rb_data_i[63:0], held_q[127:64]};
      3'd5:    window = {rb_data_i[79:0], held_q[127:80]};
      3'd6:    window = {rb_data_i[95:0], held_q[127:96]};
      default: window = {rb_data_i[111:0], held_q[127:112]};
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      pos_q      <= '0;
      run_at_q   <= '0;
      line_at_q  <= '0;
      first_q    <= 1'b1;
      in_v_q     <= 1'b0;
      pix_left_q <= pixel_pieces;
      tap_left_q <= (pixel_pieces < 15'(STRIP / 2)) ? pixel_pieces[8:0] : 9'(STRIP / 2);
    end else begin
      if (!in_v_q || take) in_v_q <= cut;
      if (cut) begin
        pos_q      <= run_end ? 3'd0 : pos_next[2:0];
        tap_left_q <= tap_left_q - 9'd8;
        if (tap_end) begin
          first_q    <= window_end;
          run_at_q   <= run_end ? '0 : run_at_next;
          pix_left_q <= pix_next;
          tap_left_q <= (pix_next < 15'(STRIP / 2)) ? pix_next[8:0] : 9'(STRIP / 2);
          if (strip_last) line_at_q <= run_end ? '0 : line_at_q + 13'd1;
        end
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (cut) begin
      if (needed) held_q <= rb_data_i[127:16];
      // What is not there changes nothing.
      in_q       <= (paired && !two) ? {{64{min}}, window[63:0]} : window;
      in_first_q <= first_q;
      in_end_q   <= tap_end;
      in_last_q  <= window_end;
    end
  end

  // ---- combining ----
  logic         fill_side_q, strip_full;
  logic [1:0]   full_q;
  logic [4:0]   beat_q;
  logic [319:0] held, merged;

  assign take       = in_v_q && !full_q[fill_side_q];
  assign strip_full = take && in_last_q;

  // One adder per word for all formats: MAX and MIN subtract. Between two slots lies
  // a bit that lets the carry pass where they are one, else makes it what a sum or
  // a difference begins with. The last slot of a word of 32 bits is not needed.
  for (genvar g = 0; g < 4; g++) begin : gen_word
    logic [31:0] d;
    logic [79:0] x, y, t;
    logic [83:0] add_x, add_y, sum;
    logic [3:0]  less, joins;
    assign d     = in_q[g*32 +: 32];
    assign y     = held[g*80 +: 80];
    assign joins = (size_i == 2'd0) ? 4'b0000 : (size_i == 2'd1) ? 4'b1010 : 4'b1110;
    always_comb begin
      if (bits_i || size_i == 2'd2) x = {{48{d[31]}}, d};
      else if (size_i == 2'd1)      x = {{24{d[31]}}, d[31:16], {24{d[15]}}, d[15:0]};
      else x = {{12{signed_i && d[31]}}, d[31:24], {12{signed_i && d[23]}}, d[23:16],
                {12{signed_i && d[15]}}, d[15:8], {12{signed_i && d[7]}}, d[7:0]};
    end
    for (genvar i = 0; i < 4; i++) begin : gen_slot
      assign add_x[i*21 +: 21] = {x[i*20 +: 20], joins[i] || max || min};
      assign add_y[i*21 +: 21] = {y[i*20 +: 20] ^ {20{max || min}}, !joins[i] && (max || min)};
      assign t[i*20 +: 20]     = sum[i*21 + 1 +: 20];
    end
    assign sum  = add_x + add_y;
    assign less = (size_i == 2'd0) ? {t[79], t[59], t[39], t[19]}
                : (size_i == 2'd1) ? {t[79], t[79], t[39], t[39]} : {4{t[59]}};
    for (genvar i = 0; i < 4; i++) begin : gen_pick
      // 0 what is held, 1 the tap, 2 the sum, 3 bit by bit; bits are the lower 32.
      logic [1:0] pick;
      assign pick = in_first_q ? 2'd1 : mode_i == 2'd0 ? 2'd2 : bits_i ? 2'd3 : {1'b0, less[i] ? min : max};
      for (genvar b = i*20; b < (i + 1)*20; b++) begin : gen_bit
        if (b < 32) begin : gen_low
          assign merged[g*80 + b] = pick[1] ? (pick[0] ? (max ? x[b] || y[b] : x[b] && y[b]) : t[b])
                                            : (pick[0] ? x[b] : y[b]);
        end else begin : gen_high
          assign merged[g*80 + b] = pick[1] ? t[b] : pick[0] ? x[b] : y[b];
        end
      end
    end
    logic unused;
    assign unused = ^{sum[0], sum[21], sum[42], sum[63]};
  end

  logic         side_q, busy;               // the buffer being emptied
  logic [4:0]   look;                       // word
  logic [639:0] rows;                       // the word looked at in both
  logic [319:0] row;
  for (genvar s = 0; s < 2; s++) begin : gen_side
    logic [319:0] mem [0:STRIP/16-1];
    assign rows[s*320 +: 320] = mem[busy && side_q == 1'(s) ? look : beat_q];
    always_ff @(posedge clk_i) begin
      if (take && fill_side_q == 1'(s)) mem[beat_q] <= merged;
    end
  end
  assign held = fill_side_q ? rows[639:320] : rows[319:0];
  assign row  = side_q ? rows[639:320] : rows[319:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      beat_q      <= '0;
      fill_side_q <= 1'b0;
    end else begin
      if (take) beat_q <= in_end_q ? '0 : beat_q + 5'd1;
      if (strip_full) fill_side_q <= !fill_side_q;
    end
  end

  // ---- emptying: beats, beats in steps, or elements ----
  logic         fast_q, beats, strip_end, pixel_end, put_room, move;
  logic [11:0]  at_q, at_last;              // beat or element of the strip
  logic [18:0]  left_q, left_pieces;        // bits, pieces of the pixel's channels
  logic [6:0]   per_beat;                   // elements, less 1
  logic         mean_ready, mean_end;       // its last step of a beat

  assign plain       = group_i == 14'd1 && (bits_i || mode_i != 2'd0);
  assign beats       = plain || fast_q;
  assign busy        = full_q[side_q];
  assign per_beat    = 7'h7f >> log2_bits;
  assign look        = beats ? at_q[4:0] : 5'(at_q >> (3'd7 - log2_bits));
  assign at_last     = beats ? 12'(STRIP/16 - 1) : 12'hfff >> log2_bits;
  assign pixel_end   = left_q <= (beats ? 19'd128 : 19'd1 << log2_bits);
  assign strip_end   = at_q == at_last || pixel_end;
  assign left_pieces = (left_q + 19'd15) >> 4;
  assign put_room    = !put_valid_o || put_ready_i;
  assign move        = busy && put_room && (!fast_q || mean_ready);

  // Sums of fewer than 512 elements of 16 bits, and all of 8, are less than 2^24.
  logic [1:0]  log2_group;
  logic [15:0] elements;
  assign log2_group = {group_i[3] || group_i[2], group_i[3] || group_i[1]};
  assign elements   = {3'd0, area} << log2_group;
  always_ff @(posedge clk_i) begin
    fast_q <= mode_i == 2'd0 && !size_i[1] && (size_i == 2'd0 || elements < 16'd512) && div_i <= 20'd512 &&
              (group_i == 14'd1 || group_i == 14'd2 || group_i == 14'd4 || group_i == 14'd8);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      full_q <= '0;
      side_q <= 1'b0;
      at_q   <= '0;
      left_q <= pixel_bits;
    end else begin
      if (strip_full) full_q[fill_side_q] <= 1'b1;
      if (move && (!fast_q || mean_end)) begin
        at_q   <= strip_end ? '0 : at_q + 12'd1;
        left_q <= pixel_end ? pixel_bits : left_q - (beats ? 19'd128 : 19'd1 << log2_bits);
        if (strip_end) begin
          full_q[side_q] <= 1'b0;
          side_q         <= !side_q;
        end
      end
    end
  end

  // Beats.
  logic [127:0] beat, both, beat_mask;
  logic [15:0]  full, part_full;            // bytes that are the pixel's, wholly and in part
  logic [7:0]   full_bits;
  for (genvar g = 0; g < 4; g++) begin : gen_pack
    logic [79:0] a;
    assign a = row[g*80 +: 80];
    assign beat[g*32 +: 32] = (bits_i || size_i == 2'd2) ? a[31:0]
                            : (size_i == 2'd1) ? {a[55:40], a[15:0]}
                            : {a[67:60], a[47:40], a[27:20], a[7:0]};
    logic unused;
    assign unused = ^a;                     // bits of sums
  end
  assign both      = {beat[127:64], max ? beat[63:0] | beat[127:64] : beat[63:0] & beat[127:64]};
  assign full      = (|left_q[18:7]) ? 16'hffff : ~(16'hffff << left_q[6:3]);
  assign part_full = {full[14:0], 1'b1} & ~full;
  assign full_bits = ~(8'hff << left_q[2:0]);
  for (genvar i = 0; i < 16; i++) begin : gen_mask
    assign beat_mask[i*8 +: 8] = {8{full[i]}} | ({8{part_full[i]}} & full_bits);
  end

  // Beats in steps.
  logic [319:0] word_q;
  logic         m_valid, m_last, m_split, m_odd;
  logic [3:0]   m_have, m_over;
  logic [2:0]   m_pieces;
  logic [63:0]  m_value;
  bnn_side_mean u_mean (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .clear_i (clear_i),
    .start_i (start_i),
    .en_i    (put_room),
    .ready_o (mean_ready),
    .move_i  (move && fast_q),
    .end_o   (mean_end),
    .last_i  (pixel_end),
    .left_i  (left_q),
    .pieces_i(left_pieces[14:0]),
    .bytes_i (size_i == 2'd0),
    .signed_i(signed_i),
    .group_i (log2_group),
    .div_i   (div_i[9:0]),
    .word_i  (word_q),
    .valid_o (m_valid),
    .last_o  (m_last),
    .split_o (m_split),
    .odd_o   (m_odd),
    .have_o  (m_have),
    .pieces_o(m_pieces),
    .value_o (m_value),
    .over_o  (m_over)
  );

  // Elements: word and lane; value; sum of the group; quotient.
  logic [6:0]   lane_q;
  logic [1:0]   v_q, end_q, last_q;         // valid, end of group, end of pixel
  logic [13:0]  in_group_q;
  logic         group_end, one, joined_v;
  logic signed [SUM_W-1:0] value_q, sum_q, joined, picked, added;
  logic         unused_carry;
  logic         new_q;                      // the next value begins a group

  assign group_end = in_group_q == group_i - 14'd1;
  // Which word of the four, then which part of it.
  logic [1:0]  which;
  logic [79:0] pick;
  logic [19:0] pick_byte;
  logic [27:0] pick_half;
  assign which     = bits_i ? lane_q[6:5] : (size_i == 2'd0) ? lane_q[3:2] : (size_i == 2'd1) ? lane_q[2:1] : lane_q[1:0];
  assign pick      = which[1] ? (which[0] ? word_q[319:240] : word_q[239:160])
                              : (which[0] ? word_q[159:80] : word_q[79:0]);
  assign one       = pick[{2'd0, lane_q[4:0]}];
  assign pick_byte = lane_q[1] ? (lane_q[0] ? pick[79:60] : pick[59:40]) : (lane_q[0] ? pick[39:20] : pick[19:0]);
  assign pick_half = lane_q[0] ? pick[67:40] : pick[27:0];
  always_comb begin
    if (bits_i)                picked = {{(SUM_W-1){1'b0}}, one};
    else if (size_i == 2'd0)   picked = {{(SUM_W-20){signed_i && pick_byte[19]}}, pick_byte};
    else if (size_i == 2'd1)   picked = {{(SUM_W-28){pick_half[27]}}, pick_half};
    else                       picked = {{(SUM_W-44){pick[43]}}, pick[43:0]};
  end
  // One adder: MAX and MIN subtract.
  assign {added, unused_carry} = {value_q, max || min} + {sum_q ^ {SUM_W{max || min}}, max || min};
  assign joined   = (new_q || ((max || min) && added[SUM_W-1] == min)) ? value_q
                  : (max || min) ? sum_q : added;
  assign joined_v = v_q[1] && end_q[1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      v_q        <= '0;
      in_group_q <= '0;
      new_q      <= 1'b1;
    end else if (put_room) begin
      v_q <= {v_q[0], move && !beats};
      if (move) in_group_q <= group_end ? '0 : in_group_q + 14'd1;
      if (v_q[1]) new_q <= end_q[1];
    end
  end
  always_ff @(posedge clk_i) begin
    if (put_room) begin
      word_q  <= row;
      lane_q  <= at_q[6:0] & per_beat;
      end_q   <= {end_q[0], group_end};
      last_q  <= {last_q[0], pixel_end};
      value_q <= picked;
      if (v_q[1]) sum_q <= joined;
    end
  end

  logic        q_valid, q_last, q_sat;
  logic [31:0] q_value;
  logic [4:0]  q_bits;
  always_comb begin
    if (bits_i) q_bits = 5'd1;
    else if (size_i == 2'd0) q_bits = signed_i ? 5'd7 : 5'd8;
    else q_bits = (size_i == 2'd1) ? 5'd15 : 5'd31;
  end

  // MAX and MIN take their way too: divided by 1.
  bnn_side_quotient #(
    .SUM_W(SUM_W)
  ) u_quotient (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .clear_i(clear_i),
    .en_i   (put_room),
    .valid_i(joined_v),
    .last_i (last_q[1]),
    .sum_i  (joined),
    .div_i  (mode_i == 2'd0 ? div_i : 20'd1),
    .bits_i (q_bits),
    .valid_o(q_valid),
    .last_o (q_last),
    .value_o(q_value),
    .sat_o  (q_sat)
  );

  // ---- results of a cycle: up to four of 16 bits ----
  // Bits are strung together to a byte, which is written until it is complete.
  logic        r_v_q, r_last_q, r_split_q, r_odd_q, r_more_q;
  logic [3:0]  r_have_q;
  logic [2:0]  r_pieces_q;
  logic [63:0] r_q;
  logic [7:0]  part_q, part;
  logic [2:0]  part_n_q;
  assign part = part_q | ({7'd0, q_value[0]} << part_n_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      r_v_q    <= 1'b0;
      part_q   <= '0;
      part_n_q <= '0;
    end else if (put_room) begin
      r_v_q <= m_valid || q_valid;
      if (q_valid && bits_i) begin
        part_n_q <= q_last ? '0 : part_n_q + 3'd1;
        part_q   <= (q_last || part_n_q == 3'd7) ? '0 : part;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (put_room) begin
      r_last_q   <= fast_q ? m_last : q_last;
      r_split_q  <= fast_q && m_split;
      r_odd_q    <= m_odd;
      r_more_q   <= bits_i && part_n_q != 3'd7;
      r_have_q   <= fast_q ? m_have : 4'd1;
      r_pieces_q <= m_pieces;
      r_q        <= fast_q ? m_value : {32'd0, bits_i ? {24'd0, part} : q_value};
    end
  end
  assign sat_o = !put_room ? 3'd0
               : fast_q ? {2'd0, m_over[0]} + {2'd0, m_over[1]} + {2'd0, m_over[2]} + {2'd0, m_over[3]}
               : {2'd0, q_valid && q_sat};

  // ---- runs out ----
  logic [127:0] acc_q, acc;
  logic [3:0]   acc_at_q;                   // bytes
  logic [4:0]   acc_next, acc_bytes;
  logic [63:0]  spread;                     // 8 bytes, of which those enabled are taken
  logic [7:0]   en_zero, en;
  logic [3:0]   step;
  logic         put, put_end, ox_end, oy_end, active_q, over_q;
  logic [14:0]  off_q;
  logic [31:0]  row_q, px_q, px_next;
  logic [12:0]  ox_q, oy_q;

  // Bytes of a step: its results, or, where they are every other byte, those of both halves.
  logic [1:0] form;                         // log2 of the results of a step
  assign form = !fast_q ? 2'd0
              : (size_i == 2'd0) ? (log2_group == 2'd3 ? 2'd1 : 2'd2)
              : (log2_group == 2'd3) ? 2'd0 : (log2_group == 2'd2) ? 2'd1 : 2'd2;
  always_comb begin
    spread  = {8{r_q[7:0]}};
    en_zero = 8'h01;
    step    = r_more_q ? 4'd0 : 4'd1;
    if (size_i == 2'd2) begin
      spread  = {2{r_q[31:0]}};
      en_zero = 8'h0f;
      step    = 4'd4;
    end else if (size_i == 2'd1) begin
      spread  = (form == 2'd2) ? r_q : (form == 2'd1) ? {2{r_q[31:0]}} : {4{r_q[15:0]}};
      en_zero = {{2{r_have_q[3]}}, {2{r_have_q[2]}}, {2{r_have_q[1]}}, {2{r_have_q[0]}}};
      step    = 4'd2 << form;
    end else if (r_split_q) begin
      spread  = {{2{r_q[55:48]}}, {2{r_q[39:32]}}, {2{r_q[23:16]}}, {2{r_q[7:0]}}};
      en_zero = {r_have_q[3] && r_odd_q, r_have_q[3] && !r_odd_q, r_have_q[2] && r_odd_q, r_have_q[2] && !r_odd_q,
                 r_have_q[1] && r_odd_q, r_have_q[1] && !r_odd_q, r_have_q[0] && r_odd_q, r_have_q[0] && !r_odd_q};
      step    = r_odd_q ? 4'd8 : 4'd0;
    end else if (form != 2'd0) begin
      spread  = (form == 2'd2) ? {2{r_q[55:48], r_q[39:32], r_q[23:16], r_q[7:0]}} : {4{r_q[23:16], r_q[7:0]}};
      en_zero = {4'd0, r_have_q};
      step    = 4'd1 << form;
    end
  end
  assign en        = 8'(en_zero << acc_at_q[2:0]);
  assign acc_next  = {1'b0, acc_at_q} + {1'b0, step};
  // Whole pieces: one result may be half of one, or begin it.
  assign acc_bytes = {1'b0, acc_at_q[3:1], 1'b0} +
                     (fast_q ? {1'b0, r_pieces_q, 1'b0} : size_i == 2'd2 ? 5'd4 : 5'd2);
  for (genvar i = 0; i < 16; i++) begin : gen_acc
    assign acc[i*8 +: 8] = (en[i % 8] && acc_at_q[3] == 1'(i / 8)) ? spread[(i % 8)*8 +: 8] : acc_q[i*8 +: 8];
  end
  assign put     = put_room && (plain ? busy : r_v_q && (acc_next[4] || r_last_q));
  assign put_end = plain ? pixel_end : r_last_q;
  assign ox_end  = ox_q == ow_i - 13'd1;
  assign oy_end  = oy_q == oh_i - 13'd1;
  assign px_next = (ox_end ? row_q : px_q) + (ox_end ? 32'(out_row_i) : 32'(out_pixel_i));

  always_ff @(posedge clk_i) begin
    done_o     <= 1'b0;
    row_done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      put_valid_o <= 1'b0;
      active_q    <= 1'b0;
    end else if (start_i) begin
      put_valid_o <= 1'b0;
      active_q    <= 1'b1;
      over_q      <= 1'b0;
      acc_q       <= '0;
      acc_at_q    <= '0;
      off_q       <= '0;
      row_q       <= out_addr_i;
      px_q        <= out_addr_i;
      ox_q        <= '0;
      oy_q        <= '0;
    end else begin
      if (put_ready_i) put_valid_o <= 1'b0;
      if (put) put_valid_o <= 1'b1;
      if (put_room && r_v_q) begin
        acc_q    <= put ? '0 : acc;
        acc_at_q <= put ? '0 : acc_next[3:0];
      end
      if (put) begin
        off_q <= off_q + 15'd16;
        if (put_end) begin
          off_q <= '0;
          ox_q  <= ox_q + 13'd1;
          px_q  <= px_next;
          if (ox_end) begin
            ox_q       <= '0;
            oy_q       <= oy_q + 13'd1;
            row_q      <= px_next;
            row_done_o <= 1'b1;
            over_q     <= oy_end;
          end
        end
      end
      if (active_q && over_q && put_room) begin
        active_q <= 1'b0;
        done_o   <= 1'b1;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (put) begin
      put_addr_o  <= px_q + 32'(off_q);
      put_bytes_o <= plain ? (left_pieces >= 19'd8 ? 5'd16 : {1'b0, left_pieces[2:0], 1'b0})
                           : acc_bytes;
      put_data_o  <= plain ? (paired ? both : beat) & beat_mask : acc;
    end
  end

endmodule
