// SPDX-License-Identifier: MIT
// Puts the results of a chunk into memory. For each group of LANES channels:
//
//   OUTP  a piece of 16 channels of two planes per cycle, into an open beat per plane
//   OUTS  up to 16 bytes of elements per cycle, turned to their place in the beat,
//         into one open beat
//   SUM   int32 per channel in a RAM, 16 channels per cycle; written at the end of the
//         chunk, on the way of OUTS
//
// The three work side by side; a group is taken when each has room for it. A beat
// leaves when the next piece or slice lies in another one, elements also when it is
// full. Nothing outside of the chunk's channels is written but padding behind COUT,
// which is 0. So a chunk's channels have to begin and end
//   OUTP           at multiples of 16 (each copy); the last one anywhere
//   OUTS, 4 bits   at multiples of 2; the last one anywhere
//   others         anywhere

module bnn_store #(
  parameter int LANES       = 16,           // 2 to 32
  parameter int PARAM_WORDS = 128           // groups of a chunk at most
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,

  input  logic                start_i,      // a chunk; fields hold until done
  output logic                done_o,       // pulse: all of it has been taken
  input  logic [13:0]         k_base_i,
  input  logic [13:0]         k_rows_i,
  input  logic [7:0]          k_copies_i,
  input  logic [13:0]         k_copy_step_i,
  input  logic [12:0]         d_oh_i,
  input  logic [12:0]         d_ow_i,
  input  logic [13:0]         d_cout_i,
  input  logic [4:0]          d_outp_format_i,
  input  logic [4:0]          d_outs_format_i,
  input  logic                d_sum_en_i,
  input  logic                d_p_onchip_i,
  input  logic [31:0]         d_p_addr_i,
  input  logic [23:0]         d_p_row_i,
  input  logic [16:0]         d_p_pixel_i,
  input  logic [31:0]         d_p_plane_i,
  input  logic                d_s_onchip_i,
  input  logic [31:0]         d_s_addr_i,
  input  logic [23:0]         d_s_row_i,
  input  logic [16:0]         d_s_pixel_i,
  input  logic                d_sum_onchip_i,
  input  logic [31:0]         d_sum_addr_i,

  input  logic                in_valid_i,   // lanes that do not exist are 0
  output logic                in_ready_o,
  input  logic [LANES*16-1:0] in_outp_i,
  input  logic [LANES*32-1:0] in_outs_i,
  input  logic [LANES*16-1:0] in_v16_i,

  output logic                p_valid_o,
  input  logic                p_ready_i,
  output logic                p_onchip_o,
  output logic [31:4]         p_addr_o,
  output logic [127:0]        p_data_o,
  output logic [15:0]         p_strb_o,
  output logic                s_valid_o,
  input  logic                s_ready_i,
  output logic                s_onchip_o,
  output logic [31:4]         s_addr_o,
  output logic [127:0]        s_data_o,
  output logic [15:0]         s_strb_o,
  output logic                s_sum_o,      // the beat is SUM's
  output logic                row_done_o    // pulse
);

  localparam int LN    = $clog2(LANES);
  localparam int PW    = $clog2(PARAM_WORDS);
  localparam int TPH   = (LANES < 16) ? 16 / LANES : 1;   // groups of a piece
  localparam int SUBS  = (LANES < 16) ? 1 : LANES / 16;   // pieces of a group
  localparam int CAP   = 16 * SUBS;
  localparam int SUBW  = $clog2(SUBS + 1);
  localparam int MS    = (LANES < 16) ? LANES : 16;       // sums per cycle
  localparam int PARTS = LANES / MS;
  localparam int PL    = $clog2(PARTS);
  localparam int SL    = (LANES < 4) ? LANES : 4;         // sums of a slice
  localparam int SLICES = MS / SL;
  localparam int PARTW = $clog2(PARTS + 1), SLICEW = $clog2(SLICES + 1);

  // ---- formats ----
  logic [4:0] planes;                       // 0: no OUTP
  logic [2:0] lb;                           // log2 of the bits of an element
  logic       p_on, s_on;
  `include "bnn_hw_formats.vh"
  assign planes = 5'(p_on) << bnn_format_bits_log2(d_outp_format_i);
  assign lb     = bnn_format_bits_log2(d_outs_format_i);
  assign p_on   = d_outp_format_i != `BNN_FORMAT_NONE;
  assign s_on   = d_outs_format_i != `BNN_FORMAT_NONE;

  // ---- control, and where the next group belongs ----
  localparam logic [2:0] IDLE = 3'd0, RUN = 3'd1, DRAIN = 3'd2, SUMS = 3'd3, FLUSH = 3'd4;
  logic [2:0]    state_q;
  logic [13:0]   chan_q, left_q, copy_chan_q; // channel, left of the copy, where it began
  logic [7:0]    copy_q;
  logic [12:0]   x_q, y_q;
  logic [PW-1:0] entry_q;
  logic          first_px_q;
  logic [31:0]   p_row_q, p_px_q, s_row_q, s_px_q;
  logic          take, full, copy_end, copies_end, x_end, last;
  logic          p_ok, s_ok, m_ok, p_idle, s_idle, m_idle, flushed, empty;
  logic          sum_step;                  // a slice of the sums is taken
  logic [13:0]   next_copy;

  assign in_ready_o = state_q == RUN && p_ok && s_ok && m_ok;
  assign take       = in_valid_i && in_ready_o;
  assign full       = left_q[13:LN] != '0;
  assign copy_end   = (state_q == SUMS) ? left_q <= 14'(SL) : !full || left_q == 14'(LANES);
  assign copies_end = copy_end && copy_q == k_copies_i - 8'd1;
  assign x_end      = x_q == d_ow_i - 13'd1;
  assign last       = copies_end && x_end && y_q == d_oh_i - 13'd1;
  assign next_copy  = copy_chan_q + k_copy_step_i;

  always_ff @(posedge clk_i) begin
    done_o     <= 1'b0;
    row_done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      row_done_o <= take && copies_end && x_end;
      case (state_q)
        IDLE:    if (start_i) state_q <= RUN;
        RUN:     if (take && last) state_q <= DRAIN;
        DRAIN:   if (m_idle && s_idle) state_q <= d_sum_en_i ? SUMS : FLUSH;
        SUMS:    if (sum_step && copies_end) state_q <= FLUSH;
        default: begin
          if (flushed && empty) begin
            state_q <= IDLE;
            done_o  <= 1'b1;
          end
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      chan_q      <= k_base_i;
      copy_chan_q <= k_base_i;
      left_q      <= k_rows_i;
      copy_q      <= '0;
      x_q         <= '0;
      y_q         <= '0;
      entry_q     <= '0;
      first_px_q  <= 1'b1;
      p_row_q     <= d_p_addr_i;
      p_px_q      <= d_p_addr_i;
      s_row_q     <= d_s_addr_i;
      s_px_q      <= d_s_addr_i;
    end else if (take || sum_step) begin
      chan_q  <= chan_q + ((state_q == SUMS) ? 14'(SL) : 14'(LANES));
      left_q  <= left_q - ((state_q == SUMS) ? 14'(SL) : 14'(LANES));
      entry_q <= entry_q + PW'(1);
      if (copy_end) begin
        copy_q      <= copy_q + 8'd1;
        copy_chan_q <= next_copy;
        chan_q      <= next_copy;
        left_q      <= k_rows_i;
      end
      if (copies_end) begin
        copy_q      <= '0;
        copy_chan_q <= k_base_i;
        chan_q      <= k_base_i;
        entry_q     <= '0;
        first_px_q  <= 1'b0;
        x_q         <= x_q + 13'd1;
        p_px_q      <= p_px_q + 32'(d_p_pixel_i);
        s_px_q      <= s_px_q + 32'(d_s_pixel_i);
        if (x_end) begin
          x_q     <= '0;
          y_q     <= y_q + 13'd1;
          p_row_q <= p_row_q + 32'(d_p_row_i);
          p_px_q  <= p_row_q + 32'(d_p_row_i);
          s_row_q <= s_row_q + 32'(d_s_row_i);
          s_px_q  <= s_row_q + 32'(d_s_row_i);
        end
      end
    end
  end

  // ---- OUTP: codes of a group, or of the groups of a piece ----
  logic [CAP*16-1:0] codes, codes_q;
  logic              piece_end;             // with this group pieces are complete
  if (LANES < 16) begin : gen_collect
    logic [$clog2(TPH)-1:0]  slot_q;
    logic [(16-LANES)*16-1:0] have_q;
    assign piece_end = copy_end || 32'(slot_q) == TPH - 1;
    always_comb begin
      codes = '0;
      for (int t = 0; t < TPH; t++) begin
        if (32'(slot_q) == t) codes[t*LANES*16 +: LANES*16] = in_outp_i;
        else if (t < TPH - 1 && 32'(slot_q) > t) codes[t*LANES*16 +: LANES*16] = have_q[(t % (TPH-1))*LANES*16 +: LANES*16];
      end
    end
    always_ff @(posedge clk_i) begin
      if (state_q == IDLE) slot_q <= '0;
      else if (take) slot_q <= piece_end ? '0 : slot_q + 1'b1;
      if (take) have_q <= codes[(16-LANES)*16-1:0];
    end
  end else begin : gen_whole
    assign piece_end = 1'b1;
    assign codes     = in_outp_i;
  end

  logic                      p_busy_q;
  logic [3:0]                plane_q;       // even; the next one goes along
  logic [SUBW-1:0]           sub_q, subs, subs_q; // piece; pieces, less one
  logic [31:0]               p_at_q;        // of piece 0 in the plane
  logic                      p_last, p_step, sub_end;
  logic [1:0]                p_ready, p_held, p_empty, p_want;

  always_comb begin
    // Pieces that exist.
    subs = '0;
    for (int i = 1; i < SUBS; i++) if (full || 32'(left_q[LN-1:0]) > i*16) subs = SUBW'(i);
  end
  assign sub_end  = sub_q == subs_q;
  assign p_last   = sub_end && {1'b0, plane_q} + 5'd2 >= planes;
  assign p_step   = p_busy_q && (&p_ready);
  assign p_ok     = !p_on || !piece_end || !p_busy_q || (p_last && (&p_ready));

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) p_busy_q <= 1'b0;
    else if (take && p_on && piece_end) p_busy_q <= 1'b1;
    else if (p_step && p_last) p_busy_q <= 1'b0;

    if (p_step) begin
      sub_q <= sub_end ? '0 : sub_q + 1'b1;
      if (sub_end) begin
        plane_q <= plane_q + 4'd2;
        p_at_q  <= p_at_q + {d_p_plane_i[30:0], 1'b0};
      end
    end
    if (take && piece_end) begin
      codes_q <= codes;
      sub_q   <= '0;
      subs_q  <= subs;
      plane_q <= '0;
      p_at_q  <= p_px_q + {21'd0, chan_q[13:4], 1'b0};
    end
  end

  // ---- open beats of even and of odd planes; where both have one to hand out, the even goes first ----
  localparam int BW = 28 + 128 + 16;
  logic [2*BW-1:0] p_beat;
  logic            p_flush, p_room;
  assign p_flush = state_q != IDLE && state_q != RUN && !p_busy_q;

  for (genvar k = 0; k < 2; k++) begin : gen_planes
    logic [15:0] piece;
    always_comb begin
      for (int c = 0; c < 16; c++) piece[c] = codes_q[(32'(sub_q)*16 + c)*16 + 32'({plane_q[3:1], 1'(k)})];
    end
    bnn_store_planes #(
      .ODD(k)
    ) u_planes (
      .clk_i   (clk_i),
      .rst_ni  (rst_ni),
      .clear_i (clear_i || state_q == IDLE),
      .planes_i(planes),
      .put_i   (p_step && (k == 0 || planes != 5'd1)),
      .ready_o (p_ready[k]),
      .plane_i (plane_q),
      .addr_i  (p_at_q + {{(31-SUBW){1'b0}}, sub_q, 1'b0} + (k == 0 ? 32'd0 : d_p_plane_i)),
      .data_i  (piece),
      .flush_i (p_flush),
      .held_o  (p_held[k]),
      .empty_o (p_empty[k]),
      .want_o  (p_want[k]),
      .room_i  (p_room && (k == 0 || !p_want[0])),
      .beat_o  (p_beat[k*BW +: BW])
    );
  end

  bnn_skid #(
    .W(BW)
  ) u_p (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .in_valid_i (|p_want),
    .in_ready_o (p_room),
    .in_data_i  (p_want[0] ? p_beat[BW-1:0] : p_beat[2*BW-1:BW]),
    .out_valid_o(p_valid_o),
    .out_ready_i(p_ready_i),
    .out_data_o ({p_addr_o, p_data_o, p_strb_o})
  );
  assign p_onchip_o = d_p_onchip_i;

  // ---- SUM ----
  localparam int MD = PARAM_WORDS * PARTS;
  localparam int MA = $clog2(MD);
  (* no_rw_check *) logic [MS*32-1:0] sums [0:MD-1];
  logic [MS*32-1:0]    sum_q, sum_new;
  logic                m_busy_q, m_first_q, m_last, m_stall, w_q, w_first_q;
  logic [PW-1:0]       m_entry_q;
  logic [PARTW-1:0]    m_part_q;
  logic [LANES*16-1:0] m_v16_q;
  logic [MS*16-1:0]    w_v16_q;
  logic [MA-1:0]       m_addr, w_addr_q;
  logic                read_q;              // SUMS: what is read is there
  logic [SLICEW-1:0]   slice_q;
  logic                slice_end, part_end;

  assign m_addr  = MA'(32'(m_entry_q) << PL) | MA'(m_part_q);
  assign m_last  = 32'(m_part_q) == PARTS - 1;
  assign m_stall = w_q && w_addr_q == m_addr;
  assign m_ok    = !d_sum_en_i || !m_busy_q || (m_last && !m_stall);
  assign m_idle  = !m_busy_q && !w_q;
  for (genvar l = 0; l < MS; l++) begin : gen_sum
    assign sum_new[l*32 +: 32] = (w_first_q ? 32'd0 : sum_q[l*32 +: 32]) + {{16{w_v16_q[l*16+15]}}, w_v16_q[l*16 +: 16]};
  end

  assign slice_end = 32'(slice_q) == SLICES - 1;
  assign part_end  = slice_end || copy_end;

  always_ff @(posedge clk_i) begin
    sum_q <= sums[m_addr];
    if (w_q) sums[w_addr_q] <= sum_new;
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      m_busy_q <= 1'b0;
      w_q      <= 1'b0;
    end else begin
      w_q <= m_busy_q && !m_stall;
      if (take && d_sum_en_i) m_busy_q <= 1'b1;
      else if (m_last && !m_stall) m_busy_q <= 1'b0;
    end
    w_first_q <= m_first_q;
    w_addr_q  <= m_addr;
    w_v16_q   <= m_v16_q[32'(m_part_q)*MS*16 +: MS*16];
    if (m_busy_q && !m_stall) m_part_q <= m_last ? '0 : m_part_q + 1'b1;
    if (take) begin
      m_v16_q   <= in_v16_i;
      m_entry_q <= entry_q;
      m_first_q <= first_px_q;
      m_part_q  <= '0;
    end
    if (state_q == DRAIN && m_idle) begin
      m_entry_q <= '0;
      m_part_q  <= '0;
      read_q    <= 1'b0;
      slice_q   <= '0;
    end
    if (state_q == SUMS) begin
      read_q <= 1'b1;
      if (sum_step) begin
        slice_q <= part_end ? '0 : slice_q + 1'b1;
        if (part_end) begin
          read_q   <= 1'b0;
          m_part_q <= (m_last || copy_end) ? '0 : m_part_q + 1'b1;
          if (m_last || copy_end) m_entry_q <= m_entry_q + PW'(1);
        end
      end
    end
  end

  // ---- OUTS: slices of a group ----
  localparam int W8 = (LANES*8 < 128) ? 128 : LANES*8, W16 = (LANES*16 < 128) ? 128 : LANES*16,
                 W32 = (LANES*32 < 128) ? 128 : LANES*32;
  logic [LANES*32-1:0] outs_q;
  logic                s_busy_q, s_last, s_step, s1_ready;
  logic [2:0]          s_index_q;
  logic [31:0]         s_at_q;
  logic [7:0]          s_bytes, s_left_q;   // of the group; not given out yet
  logic [15:0]         s_off;
  logic                s_pad;
  logic [127:0]        pack4, slice, sum_slice;
  logic [W8-1:0]       pack8;
  logic [W16-1:0]      pack16;
  logic [W32-1:0]      pack32;

  assign s_off   = (lb == 3'd2) ? {3'd0, chan_q[13:1]} : 16'(18'(chan_q) << lb >> 3);
  assign s_bytes = full ? 8'((32'(LANES) << lb) >> 3) : 8'(((11'(left_q[LN-1:0]) << lb) + 11'd7) >> 3);
  assign s_pad   = copies_end && chan_q + left_q == d_cout_i && s_off[0] != s_bytes[0];
  always_comb begin
    pack4  = '0;
    pack8  = '0;
    pack16 = '0;
    pack32 = '0;
    for (int l = 0; l < LANES; l++) begin
      pack4[l*4 +: 4]    = outs_q[l*32 +: 4];
      pack8[l*8 +: 8]    = outs_q[l*32 +: 8];
      pack16[l*16 +: 16] = outs_q[l*32 +: 16];
      pack32[l*32 +: 32] = outs_q[l*32 +: 32];
    end
    case (lb)
      3'd2:    slice = pack4;
      3'd3:    slice = pack8[(32'(s_index_q) & (W8/128 - 1))*128 +: 128];
      3'd4:    slice = pack16[(32'(s_index_q) & (W16/128 - 1))*128 +: 128];
      default: slice = pack32[(32'(s_index_q) & (W32/128 - 1))*128 +: 128];
    endcase
    // A byte of padding behind whole slices.
    if ({1'b0, s_index_q, 7'd0} >= 11'(LANES << lb)) slice = '0;
    sum_slice = '0;
    sum_slice[SL*32-1:0] = sum_q[32'(slice_q)*SL*32 +: SL*32];
  end
  assign s_last   = s_left_q <= 8'd16;
  assign s_step   = s_busy_q && s1_ready;
  assign s_ok     = !s_on || !s_busy_q || (s_last && s1_ready);
  assign sum_step = state_q == SUMS && read_q && s1_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) s_busy_q <= 1'b0;
    else if (take && s_on) s_busy_q <= 1'b1;
    else if (s_step && s_last) s_busy_q <= 1'b0;
    if (s_step) begin
      s_index_q <= s_index_q + 3'd1;
      s_at_q    <= s_at_q + 32'd16;
      s_left_q  <= s_left_q - 8'd16;
    end
    if (take) begin
      outs_q    <= in_outs_i;
      s_index_q <= '0;
      s_at_q    <= s_px_q + {16'd0, s_off};
      s_left_q  <= s_bytes + 8'(s_pad);
    end
  end

  // ---- slice, turned, open beat ----
  logic         s1_q, s1_sum_q, s2_q, s2_sum_q, s2_ready, s2_take;
  logic [127:0] s1_data_q, s2_data_q, near, turned;
  logic [31:0]  s1_addr_q, s2_addr_q;
  logic [4:0]   s1_bytes_q, s2_end_q;       // s2_end: byte behind the slice
  logic         o_q, o_sum_q, same, spill, reach, apart, s_room, s_out, s1_idle;
  logic [27:0]  o_addr_q;
  logic [127:0] o_data_q, merged;
  logic [15:0]  o_strb_q, low, high, merged_strb;

  assign s1_ready = !s1_q || s2_ready;
  assign s2_ready = !s2_q || s2_take;
  always_comb begin
    case (s1_addr_q[1:0])
      2'd0:    near = s1_data_q;
      2'd1:    near = {s1_data_q[119:0], s1_data_q[127:120]};
      2'd2:    near = {s1_data_q[111:0], s1_data_q[127:112]};
      default: near = {s1_data_q[103:0], s1_data_q[127:104]};
    endcase
    case (s1_addr_q[3:2])
      2'd0:    turned = near;
      2'd1:    turned = {near[95:0], near[127:96]};
      2'd2:    turned = {near[63:0], near[127:64]};
      default: turned = {near[31:0], near[127:32]};
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      s1_q <= 1'b0;
      s2_q <= 1'b0;
    end else begin
      if (s1_ready) s1_q <= s_busy_q || (state_q == SUMS && read_q);
      if (s2_ready) s2_q <= s1_q;
    end
    if (s1_ready) begin
      s1_sum_q   <= state_q == SUMS;
      s1_data_q  <= (state_q == SUMS) ? sum_slice : slice;
      s1_addr_q  <= (state_q == SUMS) ? d_sum_addr_i + {16'd0, chan_q, 2'd0} : s_at_q;
      s1_bytes_q <= (state_q == SUMS) ? (copy_end ? {left_q[2:0], 2'd0} : 5'(SL*4)) : s_last ? s_left_q[4:0] : 5'd16;
    end
    if (s2_ready) begin
      s2_sum_q  <= s1_sum_q;
      s2_data_q <= turned;
      s2_addr_q <= s1_addr_q;
      s2_end_q  <= {1'b0, s1_addr_q[3:0]} + s1_bytes_q;
    end
  end

  // What does not continue the open beat sends it off first; if it also reaches into
  // the beat after its own, in a cycle of its own.
  assign reach   = s2_end_q[4];
  assign spill   = reach && s2_end_q[3:0] != 4'd0;
  assign same    = o_addr_q == s2_addr_q[31:4] && o_sum_q == s2_sum_q;
  assign apart   = o_q && !same;
  assign s2_take = s2_q && s_room && !(apart && spill);
  assign s_out   = s_room && (s2_q ? apart || reach : o_q && s1_idle && state_q == FLUSH);
  assign s1_idle = !s1_q && !s_busy_q;
  assign s_idle  = s1_idle && !s2_q;
  always_comb begin
    for (int b = 0; b < 16; b++) begin
      low[b]  = 4'(b) >= s2_addr_q[3:0] && (reach || 4'(b) < s2_end_q[3:0]);
      high[b] = 4'(b) < s2_end_q[3:0];
      merged[b*8 +: 8] = (s2_q && !apart && low[b]) ? s2_data_q[b*8 +: 8] : o_data_q[b*8 +: 8];
    end
    merged_strb = (o_q ? o_strb_q : 16'd0) | ((s2_q && !apart) ? low : 16'd0);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || state_q == IDLE) begin
      o_q <= 1'b0;
    end else if (s2_q && s_room) begin
      o_q <= apart ? !spill : !reach || spill;
    end else if (s_out) begin
      o_q <= 1'b0;
    end
    if (s2_take) begin
      o_addr_q <= s2_addr_q[31:4] + 28'(spill);
      o_sum_q  <= s2_sum_q;
      o_strb_q <= spill ? high : apart ? low : merged_strb;
      for (int b = 0; b < 16; b++) begin
        if (spill || low[b]) o_data_q[b*8 +: 8] <= s2_data_q[b*8 +: 8];
      end
    end
  end

  bnn_skid #(
    .W(1 + BW)
  ) u_s (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .in_valid_i (s_out),
    .in_ready_o (s_room),
    .in_data_i  ({(s2_q && !apart) ? s2_sum_q : o_sum_q, (s2_q && !apart) ? s2_addr_q[31:4] : o_addr_q, merged, merged_strb}),
    .out_valid_o(s_valid_o),
    .out_ready_i(s_ready_i),
    .out_data_o ({s_sum_o, s_addr_o, s_data_o, s_strb_o})
  );
  assign s_onchip_o = s_sum_o ? d_sum_onchip_i : d_s_onchip_i;

  assign p_idle  = !p_busy_q && p_held == 2'd0;
  assign flushed = p_idle && (&p_empty) && s_idle && !o_q;
  assign empty   = (!p_valid_o || p_ready_i) && p_room && (!s_valid_o || s_ready_i) && s_room;

endmodule
