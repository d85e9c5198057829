// SPDX-License-Identifier: MIT
// ENC: bytes through tables to codes. Up to four colours of a pixel per cycle.
//
// Colours are taken in groups of 16, whose tables are held here and whose output
// is a whole number of 16-bit pieces:
//
//   for each group:  load its tables (once, if shared)
//     for each pixel:  for each four colours:  bytes, look up, emit
//
// Codes of one bit per channel and packed elements are strung together bit by
// bit. Codes in several planes are collected plane by plane, for up to eight
// pixels that lie behind each other, while those before leave.

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

  localparam logic [2:0] IDLE = 3'd0, SETUP = 3'd1, ASK = 3'd2, LOAD = 3'd3, BEGIN = 3'd4,
                         PIXELS = 3'd5, NEXT = 3'd6;

  logic [2:0]  state_q;
  logic [13:0] colour_q, rest;              // first of the group
  logic [4:0]  group;                       // colours of the group
  logic [1:0]  quad_last;                   // fours of the group, less 1
  logic        single;                      // one group holds all colours
  logic        in_planes;
  logic [25:0] area_q;                      // H * W
  logic [16:0] line_q;                      // W * COLOURS, where single
  logic [31:0] table_q, in_q;               // of the group
  logic [13:0] base_q, step_q;              // bytes of a pixel before the group; in a group

  assign rest      = colours_i - colour_q;
  assign group     = (rest < 14'd16) ? rest[4:0] : 5'd16;
  assign quad_last = 2'((group - 5'd1) >> 2);
  assign single    = colours_i <= 14'd16;
  assign in_planes = mode_i == 2'd0 && planes_i != 4'd1;

  // ---- asking ----
  // Pixels in order: rows, or, if there are more groups, the group's bytes of a
  // pixel. Planar: 16 pixels of each colour.
  logic        ask_q;
  logic [31:0] ask_block_q, ask_addr_q;     // of the 16 pixels; of the request
  logic [25:0] ask_left_q;                  // requests; planar: pixels
  logic [4:0]  ask_colour_q;
  logic        ask_end;

  assign ask_end    = ask_colour_q == group - 5'd1;
  assign rq_valid_o = state_q == ASK || ask_q;
  assign rq_table_o = state_q == ASK || state_q == LOAD;
  assign rq_addr_o  = (state_q == ASK) ? table_q : ask_addr_q;
  always_comb begin
    if (state_q == ASK) rq_bytes_o = shared_i ? 28'd256 : {15'd0, group, 8'd0};
    else if (planar_i)  rq_bytes_o = (ask_left_q < 26'd16) ? 28'(ask_left_q) : 28'd16;
    else if (single)    rq_bytes_o = 28'(line_q);
    else                rq_bytes_o = 28'(group);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      ask_q <= 1'b0;
    end else if (state_q == BEGIN) begin
      ask_q        <= 1'b1;
      ask_block_q  <= in_q;
      ask_addr_q   <= in_q;
      ask_left_q   <= (single && !planar_i) ? 26'(h_i) : area_q;
      ask_colour_q <= '0;
    end else if (ask_q && rq_ready_i) begin
      if (!planar_i) begin
        ask_addr_q <= ask_addr_q + (single ? 32'(line_q) : 32'(colours_i));
        ask_left_q <= ask_left_q - 26'd1;
        if (ask_left_q == 26'd1) ask_q <= 1'b0;
      end else if (!ask_end) begin
        ask_colour_q <= ask_colour_q + 5'd1;
        ask_addr_q   <= ask_addr_q + 32'(area_q);
      end else begin
        ask_colour_q <= '0;
        ask_block_q  <= ask_block_q + 32'd16;
        ask_addr_q   <= ask_block_q + 32'd16;
        ask_left_q   <= ask_left_q - 26'd16;
        if (ask_left_q <= 26'd16) ask_q <= 1'b0;
      end
    end
  end

  // ---- bytes of up to four colours ----
  logic [25:0] left_q;                      // pixels still to be taken
  logic [1:0]  quad_q;
  logic [2:0]  nk;                          // colours at hand
  logic        quad_end, take, room, in_ok;
  logic [31:0] bytes;

  assign nk       = quad_end ? 3'(group - {1'b0, quad_q, 2'd0}) : 3'd4;
  assign quad_end = quad_q == quad_last;

  // Interleaved: a window on two beats.
  logic [127:0] beat0_q, beat1_q;
  logic [1:0]   have_q, drop;
  logic [3:0]   pos_q;
  logic [4:0]   pos_next;
  logic [16:0]  run_q;                      // bytes left in the run
  logic         run_end, fill;
  logic [31:0]  seen;
  assign pos_next = {1'b0, pos_q} + {2'd0, nk};
  assign run_end  = run_q == {14'd0, nk};
  assign seen     = 32'({beat1_q, beat0_q} >> {pos_q, 3'd0});
  always_comb begin
    drop = 2'd0;
    if (take && !planar_i) begin
      if (run_end) drop = (pos_next > 5'd16) ? 2'd2 : 2'd1;
      else if (pos_next >= 5'd16) drop = 2'd1;
    end
  end

  // Planar: two blocks of 16 pixels, colour c in memory c mod 4.
  logic [1:0]  full_q;
  logic        fill_side_q, side_q;
  logic [3:0]  fill_colour_q, at_q;         // pixel of the block
  logic        block_end, fill_last;
  logic [31:0] picked;
  assign fill_last = {1'b0, fill_colour_q} == group - 5'd1;
  assign block_end = quad_end && (at_q == 4'd15 || left_q == 26'd1);

  for (genvar b = 0; b < 4; b++) begin : gen_block
    logic [127:0] mem [0:7];
    logic [127:0] line;
    always_ff @(posedge clk_i) begin
      if (fill && planar_i && fill_colour_q[1:0] == 2'(b)) mem[{fill_side_q, fill_colour_q[3:2]}] <= rb_data_i;
    end
    assign line = mem[{side_q, quad_q}];
    assign picked[b*8 +: 8] = line[{at_q, 3'd0} +: 8];
  end

  assign in_ok = planar_i ? full_q[side_q] : (pos_next > 5'd16 ? have_q == 2'd2 : have_q != 2'd0);
  assign take  = state_q == PIXELS && left_q != 26'd0 && in_ok && room;
  assign bytes = planar_i ? picked : seen;
  assign fill  = state_q == PIXELS && rb_valid_i && rb_ready_o;

  logic load_half_q;
  assign rb_ready_o = (state_q == LOAD) ? load_half_q
                    : (state_q == PIXELS) && (planar_i ? !full_q[fill_side_q] : have_q != 2'd2);

  always_ff @(posedge clk_i) begin
    if (state_q == BEGIN) begin
      left_q        <= area_q;
      quad_q        <= '0;
      have_q        <= '0;
      pos_q         <= '0;
      run_q         <= single ? line_q : 17'(group);
      full_q        <= '0;
      fill_side_q   <= 1'b0;
      side_q        <= 1'b0;
      fill_colour_q <= '0;
      at_q          <= '0;
    end else begin
      if (take) begin
        quad_q <= quad_end ? '0 : quad_q + 2'd1;
        if (quad_end) begin
          left_q <= left_q - 26'd1;
          at_q   <= at_q + 4'd1;
        end
        run_q <= !run_end ? run_q - {14'd0, nk} : single ? line_q : 17'(group);
        pos_q <= run_end ? 4'd0 : pos_next[3:0];
        if (planar_i && block_end) begin
          full_q[side_q] <= 1'b0;
          side_q         <= !side_q;
          at_q           <= '0;
        end
      end
      if (fill && planar_i) begin
        fill_colour_q <= fill_last ? '0 : fill_colour_q + 4'd1;
        if (fill_last) begin
          full_q[fill_side_q] <= 1'b1;
          fill_side_q         <= !fill_side_q;
        end
      end
      have_q <= have_q - drop + {1'b0, fill && !planar_i};
      if (drop == 2'd1) beat0_q <= beat1_q;
      if (fill && !planar_i) begin
        if (have_q == drop) beat0_q <= rb_data_i;
        else beat1_q <= rb_data_i;
      end
    end
  end

  // ---- tables: colour c in memory c mod 4 (shared: in all), 8 entries wide ----
  logic        v1_q, v2_q, last1_q, last2_q, ready1, ready2;
  logic [2:0]  n1_q, n2_q;
  logic [1:0]  quad1_q, quad2_q;
  logic [31:0] t_q;                         // what the tables say
  logic [7:0]  load_q;                      // {colour, beat}

  assign ready1 = !v1_q || ready2;
  assign room   = ready1;

  for (genvar b = 0; b < 4; b++) begin : gen_table
    (* no_rw_check *) logic [63:0] mem [0:127];
    logic [63:0] row_q;
    logic [2:0]  sel_q;
    logic        put;
    assign put = state_q == LOAD && rb_valid_i && (shared_i || load_q[5:4] == 2'(b));
    always_ff @(posedge clk_i) begin
      if (put) mem[{load_q[7:6], load_q[3:0], load_half_q}] <= load_half_q ? rb_data_i[127:64] : rb_data_i[63:0];
      if (take) row_q <= mem[{shared_i ? 2'd0 : quad_q, bytes[b*8 + 3 +: 5]}];
      if (take) sel_q <= bytes[b*8 +: 3];
      if (v1_q && ready2) t_q[b*8 +: 8] <= (3'(b) < n1_q) ? row_q[{sel_q, 3'd0} +: 8] : 8'd0;
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
      n1_q    <= nk;
      quad1_q <= quad_q;
      last1_q <= quad_end;
    end
    if (v1_q && ready2) begin
      n2_q    <= n1_q;
      quad2_q <= quad1_q;
      last2_q <= last1_q;
    end
  end

  // ---- up to 128 bits: four colours at once, or one after the other ----
  logic         b_v_q, b_last_q, b_ready, sub_end, hi_q, wide;
  logic [1:0]   sub_q;
  logic [127:0] b_q, line;
  logic [7:0]   b_n_q, line_n;              // bits
  logic [7:0]   sub_t;
  logic [7:0]   part;
  logic         emit, collect, open;        // open: the plane collector takes

  assign wide    = mode_i == 2'd1 && levels_i > 8'd32;
  assign sub_t   = t_q[{sub_q, 3'd0} +: 8];
  assign part    = hi_q ? levels_i - 8'd128 : (levels_i > 8'd128) ? 8'd128 : levels_i;
  assign sub_end = !wide || ({1'b0, sub_q} == n2_q - 3'd1 && (hi_q || levels_i <= 8'd128));
  assign emit    = v2_q && !in_planes && b_ready;
  assign collect = v2_q && in_planes && open;
  assign ready2  = !v2_q || collect || (emit && sub_end);
  assign b_ready = !b_v_q || b_take;

  // b < t, for 32 levels of each colour and for 128 of one.
  logic [127:0] narrow, long;
  for (genvar b = 0; b < 32; b++) begin : gen_level
    for (genvar c = 0; c < 4; c++) begin : gen_colour
      assign narrow[c*32 + b] = 8'(b) < t_q[c*8 +: 8] && 8'(b) < levels_i;
    end
  end
  for (genvar b = 0; b < 128; b++) begin : gen_long
    assign long[b] = {hi_q, 7'(b)} < sub_t;
  end

  logic [6:0] turn2, turn3;
  assign turn2 = 7'(levels_i[5:0]) << 1;
  assign turn3 = turn2 + 7'(levels_i[5:0]);
  always_comb begin
    line   = {96'd0, t_q};
    line_n = {2'd0, n2_q, 3'd0};
    case (mode_i)
      2'd0: begin
        if (bits_i == 4'd4) begin
          line   = {112'd0, t_q[27:24], t_q[19:16], t_q[11:8], t_q[3:0]};
          line_n = {3'd0, n2_q, 2'd0};
        end else if (bits_i == 4'd1) begin
          line   = {124'd0, t_q[24], t_q[16], t_q[8], t_q[0]};
          line_n = {5'd0, n2_q};
        end
      end
      2'd1: begin
        line   = wide ? long : ({96'd0, narrow[31:0]} | ({96'd0, narrow[63:32]} << levels_i[5:0]) |
                                ({96'd0, narrow[95:64]} << turn2) | ({96'd0, narrow[127:96]} << turn3));
        line_n = wide ? part : 8'(n2_q) * {2'd0, levels_i[5:0]};
      end
      default: ;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || state_q == BEGIN) begin
      b_v_q <= 1'b0;
      sub_q <= '0;
      hi_q  <= 1'b0;
    end else begin
      if (b_ready) b_v_q <= emit;
      if (emit && wide) begin
        if (levels_i > 8'd128 && !hi_q) begin
          hi_q <= 1'b1;
        end else begin
          hi_q  <= 1'b0;
          sub_q <= sub_end ? '0 : sub_q + 2'd1;
        end
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (emit) begin
      b_q      <= line & ~({128{1'b1}} << line_n);
      b_n_q    <= line_n;
      b_last_q <= sub_end && last2_q;
    end
  end

  // ---- stringing bits together ----
  logic [127:0] acc_q;
  logic [6:0]   acc_n_q;
  logic         spill_q, b_take, p_full, p_put, p_end, put_room;
  logic [255:0] total;
  logic [7:0]   total_n;
  logic [8:0]   off_q;                      // bytes of the pixel's group that have left
  logic [4:0]   p_bytes;

  assign total    = {128'd0, acc_q} | ({128'd0, b_q} << acc_n_q);
  assign total_n  = {1'b0, acc_n_q} + b_n_q;
  assign p_full   = total_n[7];
  assign put_room = !put_valid_o || put_ready_i;
  assign b_take   = b_v_q && !spill_q && (put_room || (!p_full && !b_last_q));
  assign p_put    = put_room && (spill_q || (b_v_q && (p_full || b_last_q)));
  // More than 128 bits take two runs.
  assign p_end    = p_put && (spill_q || (b_last_q && total_n <= 8'd128));
  assign p_bytes  = (!spill_q && p_full) ? 5'd16 : 5'((8'(spill_q ? {1'b0, acc_n_q} : total_n) + 8'd15) >> 4) << 1;

  // ---- collecting planes ----
  logic [127:0]  codes_q, codes;            // of the group, a byte each
  logic [127:0]  pieces;                    // of this pixel, 16 bits for each plane
  logic [1023:0] pl_q, leave_q;             // 128 bits of each plane: collected; leaving
  logic [3:0]    pl_n_q, pl_n, leave_n_q;   // pieces in each
  logic [3:0]    pl_at_q;                   // the plane that leaves
  logic          pl_full_q, pl_out_q, pl_put, pl_end, pl_flush, pl_move;
  logic [31:0]   pl_base_q, leave_base_q, pl_off_q;
  logic [31:0]   px_q, row_q;
  logic [12:0]   x_q, y_q;
  logic          step, x_end, y_end, over_q;

  always_comb begin
    codes = codes_q;
    codes[{quad2_q, 5'd0} +: 32] = t_q;
  end
  for (genvar i = 0; i < 8; i++) begin : gen_piece
    for (genvar c = 0; c < 16; c++) begin : gen_bit
      assign pieces[i*16 + c] = codes[c*8 + i];
    end
  end
  assign pl_put   = pl_out_q && put_room;
  assign pl_end   = pl_put && pl_at_q == planes_i - 4'd1;
  assign pl_move  = pl_full_q && (!pl_out_q || pl_end);
  assign pl_n     = pl_full_q ? 4'd0 : pl_n_q;
  assign pl_flush = pl_n == 4'd7 || !single || out_pixel_i != 17'd2 || x_end;
  assign open     = !pl_full_q || pl_move;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || state_q == BEGIN) begin
      codes_q   <= '0;
      pl_n_q    <= '0;
      pl_at_q   <= '0;
      pl_off_q  <= '0;
      pl_full_q <= 1'b0;
      pl_out_q  <= 1'b0;
      acc_q     <= '0;
      acc_n_q   <= '0;
      spill_q   <= 1'b0;
      off_q     <= '0;
    end else begin
      if (pl_put) begin
        pl_at_q  <= pl_at_q + 4'd1;
        pl_off_q <= pl_off_q + out_plane_i;
        if (pl_end) begin
          pl_at_q  <= '0;
          pl_off_q <= '0;
          pl_out_q <= 1'b0;
        end
      end
      if (pl_move) begin
        pl_n_q    <= '0;
        pl_full_q <= 1'b0;
        pl_out_q  <= 1'b1;
      end
      if (collect) begin
        codes_q <= last2_q ? '0 : codes;
        if (last2_q) begin
          pl_n_q    <= pl_n + 4'd1;
          pl_full_q <= pl_flush;
        end
      end
      if (b_take) begin
        acc_q   <= p_full ? total[255:128] : total[127:0];
        acc_n_q <= total_n[6:0];
        spill_q <= b_last_q && total_n > 8'd128;
      end
      if (p_put) off_q <= off_q + 9'd16;
      if (p_end) begin
        acc_q   <= '0;
        acc_n_q <= '0;
        spill_q <= 1'b0;
        off_q   <= '0;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (collect && last2_q) begin
      if (pl_n == 4'd0) pl_base_q <= px_q;
      for (int i = 0; i < 8; i++) pl_q[i*128 + 32'(pl_n[2:0])*16 +: 16] <= pieces[i*16 +: 16];
    end
    if (pl_move) begin
      leave_q      <= pl_q;
      leave_n_q    <= pl_n_q;
      leave_base_q <= pl_base_q;
    end
  end

  // ---- runs out ----
  assign step  = p_end || (collect && last2_q);
  assign x_end = x_q == w_i - 13'd1;
  assign y_end = y_q == h_i - 13'd1;

  always_ff @(posedge clk_i) begin
    row_done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      put_valid_o <= 1'b0;
    end else begin
      if (put_ready_i) put_valid_o <= 1'b0;
      if (p_put || pl_put) put_valid_o <= 1'b1;
    end
    if (state_q == BEGIN) begin
      x_q    <= '0;
      y_q    <= '0;
      px_q   <= out_addr_i + 32'(base_q);
      row_q  <= out_addr_i + 32'(base_q);
      over_q <= 1'b0;
    end else if (step) begin
      x_q  <= x_q + 13'd1;
      px_q <= px_q + 32'(out_pixel_i);
      if (x_end) begin
        x_q        <= '0;
        y_q        <= y_q + 13'd1;
        row_q      <= row_q + 32'(out_row_i);
        px_q       <= row_q + 32'(out_row_i);
        row_done_o <= 1'b1;
        over_q     <= y_end;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (p_put) begin
      put_addr_o  <= px_q + 32'(off_q);
      put_bytes_o <= p_bytes;
      put_data_o  <= spill_q ? acc_q : total[127:0];
    end else if (pl_put) begin
      put_addr_o  <= leave_base_q + pl_off_q;
      put_bytes_o <= 5'(leave_n_q) << 1;
      put_data_o  <= leave_q[{pl_at_q[2:0], 7'd0} +: 128];
    end
  end

  // ---- groups ----
  always_ff @(posedge clk_i) begin
    done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          colour_q <= '0;
          table_q  <= table_addr_i;
          in_q     <= in_addr_i;
          base_q   <= '0;
          area_q   <= 26'(h_i) * 26'(w_i);
          step_q   <= (mode_i == 2'd0) ? {9'd0, bits_i, 1'b0} : (mode_i == 2'd1) ? {5'd0, levels_i, 1'b0} : 14'd16;
          line_q   <= 17'(w_i) * 17'(colours_i[4:0]);
          if (start_i) state_q <= ASK;
        end
        SETUP: state_q <= shared_i ? BEGIN : ASK;
        ASK: begin
          load_q      <= '0;
          load_half_q <= 1'b0;
          if (rq_ready_i) state_q <= LOAD;
        end
        LOAD: begin
          if (rb_valid_i) begin
            load_half_q <= !load_half_q;
            if (load_half_q) begin
              load_q <= load_q + 8'd1;
              if (load_q == (shared_i ? 8'd15 : 8'({group, 4'd0} - 9'd1))) state_q <= BEGIN;
            end
          end
        end
        BEGIN: state_q <= PIXELS;
        PIXELS: if (over_q && !pl_full_q && !pl_out_q && !put_valid_o) state_q <= NEXT;
        default: begin  // NEXT
          colour_q <= colour_q + 14'd16;
          table_q  <= table_q + 32'd4096;
          in_q     <= in_q + (planar_i ? 32'({area_q, 4'd0}) : 32'd16);
          base_q   <= base_q + step_q;
          state_q  <= SETUP;
          if (rest <= 14'd16) begin
            done_o  <= 1'b1;
            state_q <= IDLE;
          end
        end
      endcase
    end
  end

endmodule
