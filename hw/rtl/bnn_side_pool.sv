// SPDX-License-Identifier: MIT
// POOL. A window's taps are combined beat by beat in one of two buffers of a
// strip (512 bytes of a pixel) while the other is emptied: beats as they are
// where nothing but MAX or MIN of single channels is asked for; else element by
// element, through the sum of a channel group and the quotient.
//
// A buffer word is 4 x 80 bits, one for each 32 bits of a beat: 32 bits, 4 bytes
// as 20 bits, 2 halves as 40 (28 used) or a word as 44; wide enough for the sum
// of 4,096 taps.

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
  output logic         sat_o,             // a clamp changed a value
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

  logic tap_valid, tap_present, tap_last, tap_pop;

  bnn_side_taps #(
    .STRIP(STRIP)
  ) u_taps (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .clear_i      (clear_i),
    .start_i      (start_i),
    .base_i       (in_addr_i),
    .h_i          (h_i),
    .w_i          (w_i),
    .row_i        (in_row_i),
    .pixel_i      (in_pixel_i),
    .bytes_i      (pixel_bytes),
    .kh_i         (kh_i),
    .kw_i         (kw_i),
    .sh_i         (sh_i),
    .sw_i         (sw_i),
    .pad_t_i      (pad_t_i),
    .pad_l_i      (pad_l_i),
    .oh_i         (oh_i),
    .ow_i         (ow_i),
    .rq_valid_o   (rq_valid_o),
    .rq_ready_i   (rq_ready_i),
    .rq_addr_o    (rq_addr_o),
    .rq_bytes_o   (rq_bytes_o),
    .tap_valid_o  (tap_valid),
    .tap_present_o(tap_present),
    .tap_last_o   (tap_last),
    .tap_pop_i    (tap_pop)
  );

  // ---- combining ----
  logic         in_v_q, take, first_q, fill_side_q, beat_end, strip_full;
  logic [127:0] in_q;
  logic [1:0]   full_q;
  logic [4:0]   beat_q;
  logic [15:0]  fill_left_q;                // bytes of the pixel from this strip on
  logic [319:0] held, merged;

  assign rb_ready_o = !in_v_q || take;
  assign take       = in_v_q && tap_valid && tap_present && !full_q[fill_side_q];
  assign beat_end   = beat_q == 5'd31 || fill_left_q <= {7'd0, beat_q, 4'd0} + 16'd16;
  assign tap_pop    = tap_valid && !full_q[fill_side_q] && (!tap_present || (take && beat_end));
  assign strip_full = tap_pop && tap_last;

  logic max, min;
  assign max = mode_i == 2'd1;
  assign min = mode_i == 2'd2;

  for (genvar g = 0; g < 4; g++) begin : gen_word
    logic [31:0] d;
    logic [79:0] a, as_bytes, as_halves, as_word;
    assign d = in_q[g*32 +: 32];
    assign a = held[g*80 +: 80];
    for (genvar b = 0; b < 4; b++) begin : gen_byte
      logic signed [19:0] x, y;
      assign x = $signed({{12{signed_i && d[b*8 + 7]}}, d[b*8 +: 8]});
      assign y = $signed(a[b*20 +: 20]);
      assign as_bytes[b*20 +: 20] = first_q ? x : max ? (x > y ? x : y) : min ? (x < y ? x : y) : x + y;
    end
    for (genvar b = 0; b < 2; b++) begin : gen_half
      logic signed [27:0] x, y, z;
      assign x = $signed({{12{d[b*16 + 15]}}, d[b*16 +: 16]});
      assign y = $signed(a[b*40 +: 28]);
      assign z = first_q ? x : max ? (x > y ? x : y) : min ? (x < y ? x : y) : x + y;
      assign as_halves[b*40 +: 40] = {12'd0, z};
    end
    logic signed [43:0] x, y, z;
    assign x = $signed({{12{d[31]}}, d});
    assign y = $signed(a[43:0]);
    assign z = first_q ? x : max ? (x > y ? x : y) : min ? (x < y ? x : y) : x + y;
    assign as_word = {36'd0, z};
    assign merged[g*80 +: 80] = bits_i ? {48'd0, first_q ? d : max ? a[31:0] | d : a[31:0] & d}
                              : (size_i == 2'd0) ? as_bytes : (size_i == 2'd1) ? as_halves : as_word;
  end

  logic         side_q, busy;               // the buffer being emptied
  logic [4:0]   look;                       // word
  logic [639:0] rows;                       // the word looked at in both
  logic [319:0] row;
  for (genvar s = 0; s < 2; s++) begin : gen_side
    logic [319:0] mem [0:31];
    assign rows[s*320 +: 320] = mem[busy && side_q == 1'(s) ? look : beat_q];
    always_ff @(posedge clk_i) begin
      if (take && fill_side_q == 1'(s)) mem[beat_q] <= merged;
    end
  end
  assign held = fill_side_q ? rows[639:320] : rows[319:0];
  assign row  = side_q ? rows[639:320] : rows[319:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      in_v_q      <= 1'b0;
      first_q     <= 1'b1;
      beat_q      <= '0;
      fill_side_q <= 1'b0;
      fill_left_q <= pixel_bytes;
    end else begin
      if (rb_ready_o) in_v_q <= rb_valid_i;
      if (take) beat_q <= beat_end ? '0 : beat_q + 5'd1;
      if (tap_pop && tap_present) first_q <= 1'b0;
      if (strip_full) begin
        first_q     <= 1'b1;
        fill_side_q <= !fill_side_q;
        fill_left_q <= (fill_left_q <= 16'(STRIP)) ? pixel_bytes : fill_left_q - 16'(STRIP);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (rb_ready_o) in_q <= rb_data_i;
  end

  // ---- emptying: beats, or elements ----
  logic         plain, strip_end, pixel_end, put_room, move;
  logic [11:0]  at_q, at_last;              // beat or element of the strip
  logic [18:0]  left_q;                     // bits of the pixel's channels
  logic [6:0]   per_beat;                   // elements, less 1

  assign plain     = group_i == 14'd1 && (bits_i || mode_i != 2'd0);
  assign busy      = full_q[side_q];
  assign per_beat  = 7'h7f >> log2_bits;
  assign look      = plain ? at_q[4:0] : 5'(at_q >> (3'd7 - log2_bits));
  assign at_last   = plain ? 12'd31 : 12'hfff >> log2_bits;
  assign pixel_end = left_q <= (plain ? 19'd128 : 19'd1 << log2_bits);
  assign strip_end = at_q == at_last || pixel_end;
  assign put_room  = !put_valid_o || put_ready_i;
  assign move      = busy && put_room;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      full_q <= '0;
      side_q <= 1'b0;
      at_q   <= '0;
      left_q <= pixel_bits;
    end else begin
      if (strip_full) full_q[fill_side_q] <= 1'b1;
      if (move) begin
        at_q   <= strip_end ? '0 : at_q + 12'd1;
        left_q <= pixel_end ? pixel_bits : left_q - (plain ? 19'd128 : 19'd1 << log2_bits);
        if (strip_end) begin
          full_q[side_q] <= 1'b0;
          side_q         <= !side_q;
        end
      end
    end
  end

  // Beats.
  logic [127:0] beat, beat_mask;
  logic [18:0]  left_pieces;
  for (genvar g = 0; g < 4; g++) begin : gen_pack
    // Bits of sums are not used.
    /* verilator lint_off UNUSED */
    logic [79:0] a;
    /* verilator lint_on UNUSED */
    assign a = row[g*80 +: 80];
    assign beat[g*32 +: 32] = (bits_i || size_i == 2'd2) ? a[31:0]
                            : (size_i == 2'd1) ? {a[55:40], a[15:0]}
                            : {a[67:60], a[47:40], a[27:20], a[7:0]};
  end
  assign beat_mask   = (left_q >= 19'd128) ? {128{1'b1}} : ~({128{1'b1}} << left_q[6:0]);
  assign left_pieces = (left_q + 19'd15) >> 4;

  // Elements: word and lane; value; sum of the group; quotient.
  logic [319:0] word_q;
  logic [6:0]   lane_q;
  logic [1:0]   v_q, end_q, last_q;         // valid, end of group, end of pixel
  logic [13:0]  in_group_q;
  logic         group_end, one, joined_v;
  logic signed [SUM_W-1:0] value_q, sum_q, joined, picked;
  logic         new_q;                      // the next value begins a group

  assign group_end = in_group_q == group_i - 14'd1;
  assign one       = word_q[9'(lane_q[6:5]) * 9'd80 + 9'(lane_q[4:0])];
  always_comb begin
    if (bits_i) begin
      picked = {{(SUM_W-1){1'b0}}, one};
    end else if (size_i == 2'd0) begin
      picked = SUM_W'($signed({1'b0, word_q[lane_q[3:0] * 20 +: 20]}));
      if (signed_i) picked = SUM_W'($signed(word_q[lane_q[3:0] * 20 +: 20]));
    end else if (size_i == 2'd1) begin
      picked = SUM_W'($signed(word_q[lane_q[2:0] * 40 +: 28]));
    end else begin
      picked = SUM_W'($signed(word_q[lane_q[1:0] * 80 +: 44]));
    end
  end
  assign joined   = new_q ? value_q
                  : max ? (value_q > sum_q ? value_q : sum_q)
                  : min ? (value_q < sum_q ? value_q : sum_q) : value_q + sum_q;
  assign joined_v = v_q[1] && end_q[1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      v_q        <= '0;
      in_group_q <= '0;
      new_q      <= 1'b1;
    end else if (put_room) begin
      v_q <= {v_q[0], move && !plain};
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
  assign sat_o = q_valid && q_sat && put_room;

  // ---- runs out ----
  logic [127:0] acc_q, acc;
  logic [6:0]   acc_n_q;                    // bits
  logic [7:0]   acc_n;
  logic [31:0]  q_mask;
  logic         put, put_end, ox_end, oy_end, active_q, over_q;
  logic [14:0]  off_q;
  logic [31:0]  row_q, px_q;
  logic [12:0]  ox_q, oy_q;

  assign q_mask  = ~(32'hffff_fffe << ((6'd1 << log2_bits) - 6'd1));
  assign acc     = acc_q | ({96'd0, q_value & q_mask} << acc_n_q);
  assign acc_n   = {1'b0, acc_n_q} + (8'd1 << log2_bits);
  assign put     = put_room && (plain ? busy : q_valid && (acc_n[7] || q_last));
  assign put_end = plain ? pixel_end : q_last;
  assign ox_end  = ox_q == ow_i - 13'd1;
  assign oy_end  = oy_q == oh_i - 13'd1;

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
      acc_n_q     <= '0;
      off_q       <= '0;
      row_q       <= out_addr_i;
      px_q        <= out_addr_i;
      ox_q        <= '0;
      oy_q        <= '0;
    end else begin
      if (put_ready_i) put_valid_o <= 1'b0;
      if (put) put_valid_o <= 1'b1;
      if (put_room && q_valid) begin
        acc_q   <= put ? '0 : acc;
        acc_n_q <= put ? '0 : acc_n[6:0];
      end
      if (put) begin
        off_q <= off_q + 15'd16;
        if (put_end) begin
          off_q <= '0;
          ox_q  <= ox_q + 13'd1;
          px_q  <= px_q + 32'(out_pixel_i);
          if (ox_end) begin
            ox_q       <= '0;
            oy_q       <= oy_q + 13'd1;
            row_q      <= row_q + 32'(out_row_i);
            px_q       <= row_q + 32'(out_row_i);
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
                           : 5'((acc_n + 8'd15) >> 4) << 1;
      put_data_o  <= plain ? beat & beat_mask : acc;
    end
  end

endmodule
