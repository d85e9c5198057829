// SPDX-License-Identifier: MIT
// Reads what goes into the pipe besides accumulators: a residual or, with EW, the
// input of EW. Gives LANES channels at a time in the order of the results: for each
// pixel, for each copy, groups of channels base + copy*step + j*LANES + lane.
//
// Three parts work apart, so that memory's latency is hidden:
//   walker    cuts each copy of a pixel into units: whole groups up to the end of
//             the period in one unit, single elements where a group does not lie
//             in one run of bytes at a whole byte; units that continue each other
//             in memory are asked for together
//   cells     what one beat brings to one group: taken out of the beat, turned into
//             values, put or added into the ring of groups; WIN adds four pixels,
//             plane formats add one plane after the other
//   output    walks pixels, copies and groups; takes groups from the ring, again
//             and again where RES_C channels repeat (replay)
//
// A unit begins at a group and groups have a power of two of bits, so a group never
// has to be shifted within its beats.

module bnn_stream_in #(
  parameter int LANES = 16,                 // 2 to 32
  parameter int EW    = 0                   // 1: all formats, 32-bit values as they are
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,

  input  logic                start_i,      // a chunk; fields hold while active
  output logic                active_o,
  input  logic [13:0]         k_base_i,
  input  logic [13:0]         k_rows_i,
  input  logic [7:0]          k_copies_i,
  input  logic [13:0]         k_copy_step_i,
  input  logic [12:0]         d_oh_i,
  input  logic [12:0]         d_ow_i,
  input  logic [4:0]          d_format_i,
  input  logic [13:0]         d_period_i,   // RES_C; EW: 16383
  input  logic                d_win_i,
  input  logic                d_zero_i,
  input  logic [3:0]          d_align_i,
  input  logic [31:0]         d_addr_i,
  input  logic [23:0]         d_row_i,
  input  logic [16:0]         d_pixel_i,
  input  logic [31:0]         d_plane_i,

  output logic                rq_valid_o,
  input  logic                rq_ready_i,
  output logic [31:0]         rq_addr_o,
  output logic [27:0]         rq_bytes_o,
  input  logic                rb_valid_i,
  output logic                rb_ready_o,
  input  logic [127:0]        rb_data_i,

  output logic                out_valid_o,
  input  logic                out_ready_i,
  output logic [LANES*((EW != 0) ? 32 : 33)-1:0] out_data_o
);

  localparam int LN    = $clog2(LANES);
  localparam int VW    = (EW != 0) ? 32 : 18;   // a sum of four 16-bit values
  localparam int BATCH = 8;                     // groups added up at a time, of 16 in the ring

  // ---- format ----
  logic [2:0] lb;                           // log2 of the bits of an element
  logic [4:0] planes;
  logic       odd, sgn;
  `include "bnn_hw_formats.vh"
  always_comb begin
    lb     = bnn_format_bits_log2(d_format_i);
    planes = 5'd1;
    if (EW != 0 && bnn_format_is_planes(d_format_i)) begin
      planes = 5'd1 << lb;
      lb     = 3'd0;
    end else if (EW == 0 && lb != 3'd2 && lb != 3'd3) begin
      lb     = 3'd4;                        // residuals have 4, 8 or 16 bits
    end
    odd = bnn_format_odd(d_format_i);
    sgn = bnn_format_signed(d_format_i);
  end

  // Bytes of v elements.
  function automatic logic [15:0] bytes_of(input logic [2:0] log2, input logic [13:0] v);
    case (log2)
      3'd0:    bytes_of = (EW != 0) ? {5'd0, v[13:3]} : {1'b0, v, 1'b0};
      3'd2:    bytes_of = {3'd0, v[13:1]};
      3'd3:    bytes_of = {2'd0, v};
      3'd5:    bytes_of = (EW != 0) ? {v, 2'd0} : {1'b0, v, 1'b0};
      default: bytes_of = {1'b0, v, 1'b0};
    endcase
  endfunction

  logic win, acc;                           // units have several passes, which are added
  assign win = EW == 0 && d_win_i;
  assign acc = win || planes != 5'd1;

  // Cells: of a beat, of a group (one of the two is 1); log2.
  logic [2:0] cell_el;                      // elements of a cell
  logic [6:0] beat_cells;                   // less one
  logic [2:0] group_cells;                  // less one
  logic [2:0] group_cells_q;                // of groups as they are in this chunk
  always_comb begin
    cell_el     = (3'd7 - lb < 3'(LN)) ? 3'd7 - lb : 3'(LN);
    beat_cells  = '0;
    group_cells = '0;
    for (int i = 0; i < 6; i++) begin
      if (lb == 3'(i)) begin
        if (LN + i < 7) beat_cells = 7'((1 << (7 - LN - i)) - 1);
        if (LN + i > 7) group_cells = 3'((1 << (LN + i - 7)) - 1);
      end
    end
  end

  // ---- walker ----
  localparam logic [2:0] IDLE = 3'd0, MOD = 3'd1, DIV = 3'd2, PLAN = 3'd3, PREP = 3'd4, RUN = 3'd5;
  logic [2:0]    state_q;
  logic [13:0]   num_q, rem_q;              // for channels modulo the period, bit by bit
  logic [14:0]   rem;
  logic [3:0]    bit_q;
  logic          phase_q;                   // 0: of the base, 1: of the step
  logic [13:0]   base_q, step_q;
  logic          replay_q, mirror_q;
  logic          short_q;                   // a copy is less than a group, but whole beats
  logic [3:0]    again_q;                   // replay: groups of a pixel that are read
  logic [13:0]   rest0_q, left0_q;
  logic [7:0]    copies_q;
  logic [24:0]   corner_q;                  // row + pixel

  logic [12:0]   x_q, y_q;
  logic [31:0]   row_q, px_q, off_q;        // off: of the corner, or plane
  logic [7:0]    copy_q;
  logic [13:0]   start_q;                   // rest where the copy began
  logic [13:0]   rest_q, left_q;            // channels to the end of the period, of the copy
  logic [13:0]   cur;                       // channel
  logic [LN-1:0] lane_q;
  logic [3:0]    pass_q;
  logic          double_q;                  // both pixels of a row of WIN in one unit

  logic          none, le, whole, fast, close, copy_end, px_end, x_end, y_end;
  logic [13:0]   n_run, n, n_1, left_next, start_next;
  logic [14:0]   start_less;
  logic          pass_last, emit, move, v_ready;
  logic          groups_whole;              // another unit may follow in the same cells

  assign rem = {rem_q, num_q[13]};

  assign cur   = d_period_i - rest_q;
  assign none  = d_zero_i && rest_q == 14'd0;
  assign le    = left_q <= rest_q;
  assign whole = le || d_zero_i;            // behind the unit is the end, or zero
  assign fast  = lane_q == '0 && !(lb == 3'd2 && cur[0]) && !(lb == 3'd0 && cur[2:0] != 3'd0) &&
                 (whole || rest_q[13:LN] != '0);
  assign n_run = le ? left_q : d_zero_i ? rest_q : {rest_q[13:LN], {LN{1'b0}}};
  assign n     = !fast ? 14'd1 : (acc && n_run[13:LN+3] != '0) ? 14'(BATCH * LANES) : n_run;
  assign close = lane_q == LN'(LANES - 1) || left_q == 14'd1 || (d_zero_i && rest_q == 14'd1);

  assign left_next = left_q - n;
  assign copy_end  = none || left_next == 14'd0;
  assign px_end    = copy_end && copy_q == copies_q - 8'd1;
  assign x_end     = x_q == d_ow_i - 13'd1;
  assign y_end     = y_q == d_oh_i - 13'd1;
  assign start_less = {1'b0, start_q} - {1'b0, step_q};
  assign start_next = (!start_less[14] && start_less[13:0] != 14'd0) ? start_less[13:0]
                    : d_zero_i ? 14'd0 : start_less[13:0] + d_period_i;
  assign n_1        = n - 14'd1;

  assign groups_whole = fast && (short_q ? le : n[LN-1:0] == '0 && (lb != 3'd0 || n[2:0] == 3'd0));
  assign pass_last = win ? (double_q ? pass_q[1] : pass_q == 4'd3) : pass_q == 4'(planes - 5'd1);
  assign emit      = state_q == RUN && !none && v_ready;
  assign move      = state_q == RUN && (none || (emit && pass_last));

  logic last_move;
  assign last_move = move && px_end && x_end && y_end;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: if (start_i) state_q <= MOD;
        MOD: begin
          if (!d_zero_i && num_q > d_period_i) state_q <= DIV;
          else if (phase_q || k_copies_i == 8'd1) state_q <= PLAN;
        end
        DIV:     if (bit_q == 4'd13) state_q <= MOD;
        PLAN:    state_q <= acc ? PREP : RUN;
        PREP:    state_q <= RUN;
        default: if (move) state_q <= last_move ? IDLE : acc ? PREP : RUN;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    case (state_q)
      IDLE: begin
        num_q   <= k_base_i;
        phase_q <= 1'b0;
      end
      MOD: begin
        // Where the division is needed, this is passed again with a small number.
        phase_q <= 1'b1;
        bit_q   <= '0;
        rem_q   <= '0;
        if (!d_zero_i && num_q > d_period_i) begin
          phase_q <= phase_q;
        end else begin
          num_q <= k_copy_step_i;
          if (!phase_q) base_q <= (!d_zero_i && num_q == d_period_i) ? 14'd0 : num_q;
          step_q <= (k_copies_i == 8'd1 || (!d_zero_i && num_q == d_period_i)) ? 14'd0 : num_q;
        end
      end
      DIV: begin
        bit_q <= bit_q + 4'd1;
        rem_q <= (rem >= {1'b0, d_period_i}) ? 14'(rem - {1'b0, d_period_i}) : rem[13:0];
        num_q <= num_q << 1;
        if (bit_q == 4'd13) num_q <= (rem >= {1'b0, d_period_i}) ? 14'(rem - {1'b0, d_period_i}) : rem[13:0];
      end
      default: ;
    endcase
  end

  // Replay: a pixel needs the period's channels more than once, and they are whole
  // groups or (mirror) half a group in whole beats.
  logic        repeats, half, part;
  logic [13:0] rows0, rest0;
  assign half    = d_period_i == 14'(LANES / 2) && 32'(LANES / 2) << lb >= 32'd128;
  assign repeats = !d_zero_i && base_q == 14'd0 && step_q == 14'd0 && (k_rows_i > d_period_i || k_copies_i != 8'd1) &&
                   (half || (d_period_i[LN-1:0] == '0 && d_period_i <= 14'(BATCH * LANES)));
  assign rows0   = (repeats && d_period_i < k_rows_i) ? d_period_i : k_rows_i;
  assign part    = k_rows_i < 14'(LANES) || (repeats && half);
  assign rest0   = (base_q < d_period_i) ? d_period_i - base_q : 14'd0;

  always_ff @(posedge clk_i) begin
    if (state_q == PLAN) begin
      replay_q <= repeats;
      mirror_q <= repeats && half;
      short_q  <= part && 7'(rows0 << lb) == 7'd0;
      group_cells_q <= part ? 3'((rows0 - 14'd1) >> cell_el) : group_cells;
      again_q  <= 4'((rows0 + 14'(LANES - 1)) >> LN);
      rest0_q  <= rest0;
      left0_q  <= rows0;
      copies_q <= repeats ? 8'd1 : k_copies_i;
      corner_q <= 25'(d_row_i) + 25'(d_pixel_i);
      x_q      <= '0;
      y_q      <= '0;
      row_q    <= d_addr_i;
      px_q     <= d_addr_i;
      off_q    <= '0;
      copy_q   <= '0;
      start_q  <= rest0;
      rest_q   <= rest0;
      left_q   <= rows0;
      lane_q   <= '0;
      pass_q   <= '0;
      double_q <= 1'b0;
    end
    if (state_q == PREP) double_q <= win && groups_whole && {1'b0, bytes_of(lb, n)} == d_pixel_i;
    if (emit) begin
      pass_q <= pass_q + (double_q ? 4'd2 : 4'd1);
      off_q  <= !win ? off_q + d_plane_i : double_q || pass_q[0] ? {8'd0, d_row_i} : pass_q[1] ? {7'd0, corner_q}
              : {15'd0, d_pixel_i};
    end
    if (move) begin
      pass_q <= '0;
      off_q  <= '0;
      rest_q <= (rest_q == n && !d_zero_i) ? d_period_i : rest_q - n;
      left_q <= left_next;
      lane_q <= (fast || close) ? '0 : lane_q + LN'(1);
      if (copy_end) begin
        copy_q <= copy_q + 8'd1;
        start_q <= start_next;
        rest_q  <= start_next;
        left_q  <= left0_q;
        lane_q  <= '0;
      end
      if (px_end) begin
        copy_q <= '0;
        start_q <= rest0_q;
        rest_q  <= rest0_q;
        x_q    <= x_end ? '0 : x_q + 13'd1;
        px_q   <= px_q + (32'(d_pixel_i) << win);
        if (x_end) begin
          y_q   <= y_q + 13'd1;
          row_q <= row_q + (32'(d_row_i) << win);
          px_q  <= row_q + (32'(d_row_i) << win);
        end
      end
    end
  end

  // ---- units: V, U; open run: O; request: R ----
  // Of a unit: {single, lane, close, first, last, two, groups - 1, plane, bit}
  localparam int FW = 1 + LN + 1 + 1 + 1 + 1 + 3 + 4 + 3;
  localparam int MW = FW + 14;
  logic          v_q, v_cont_q, v_whole_q;  // continues a run; may be continued
  logic [31:0]   v_addr_q;
  logic [15:0]   v_off_q;
  logic [13:0]   v_n_q;                     // elements, bytes, cells: all less one
  logic [FW-1:0] v_flags_q;
  logic          u_q, u_cont_q, u_whole_q;
  logic [31:0]   u_addr_q;
  logic [15:0]   u_bytes_q;
  logic [13:0]   u_cells_q;
  logic [FW-1:0] u_flags_q;
  logic          o_q, o_whole_q;
  logic [31:0]   o_addr_q, o_end_q;
  logic [16:0]   o_bytes_q;
  logic [13:0]   o_cells_q;
  logic [FW-1:0] o_flags_q;
  logic [3:0]    limit_q;                   // of a run, in 64 bytes: 1, 2, 4, 8, so that the first ones leave early
  logic          enough;
  logic          u_ready, match, closed, push, meta_room, r_q;
  logic [31:0]   r_addr_q;
  logic [16:0]   r_bytes_q;
  logic          two;
  logic [2:0]    bit_at;
  logic [2:0]    groups_1;

  assign two      = double_q;
  assign bit_at   = (lb == 3'd2) ? {cur[0], 2'd0} : (lb == 3'd0) ? cur[2:0] : 3'd0;
  assign groups_1 = 3'(n_1 >> LN);
  assign v_ready  = !v_q || u_ready;
  assign u_ready  = !u_q || !o_q || match || push;

  assign enough = o_bytes_q[16:9] != '0 || ({limit_q[1] || limit_q[0] || limit_q[2], limit_q[1] || limit_q[0], limit_q[0]} & o_bytes_q[8:6]) != 3'd0;
  assign match  = u_cont_q && o_whole_q && u_addr_q == o_end_q && !enough;
  assign closed = o_q && (u_q ? !match : (!o_whole_q || enough || (state_q == IDLE && !v_q)));
  assign push   = closed && meta_room && (!r_q || rq_ready_i);

  logic [13:0] u_cells;
  logic [15:0] u_bytes;
  logic        v_two;
  assign v_two    = v_flags_q[10];
  always_comb begin
    u_cells = v_n_q;
    for (int i = 1; i < 8; i++) if (cell_el == 3'(i)) u_cells = v_n_q >> i;
    u_bytes = bytes_of(lb, v_n_q) | {14'd0, (lb == 3'd5) ? 2'd3 : {1'b0, lb == 3'd4}};
  end

  assign rq_valid_o = r_q;
  assign rq_addr_o  = r_addr_q;
  assign rq_bytes_o = {11'd0, r_bytes_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      v_q <= 1'b0;
      u_q <= 1'b0;
      o_q <= 1'b0;
      r_q <= 1'b0;
    end else begin
      if (v_ready) v_q <= emit;
      if (u_ready) u_q <= v_q;
      if (u_q && u_ready) o_q <= 1'b1;
      else if (push) o_q <= 1'b0;
      if (push) r_q <= 1'b1;
      else if (rq_ready_i) r_q <= 1'b0;
    end
    if (state_q == IDLE && start_i) limit_q <= 4'd1;
    else if (push && !limit_q[3]) limit_q <= limit_q << 1;
    if (v_ready) begin
      v_addr_q  <= px_q + off_q;
      v_off_q   <= bytes_of(lb, cur);
      v_n_q     <= n_1;
      v_cont_q  <= fast && !acc;
      v_whole_q <= groups_whole && !acc;
      v_flags_q <= {!fast, lane_q, close, pass_q == 4'd0, pass_last, two, groups_1, pass_q, bit_at};
    end
    if (u_ready) begin
      u_addr_q  <= v_addr_q + {16'd0, v_off_q};
      u_bytes_q <= v_two ? {u_bytes[14:0], 1'b1} : u_bytes;
      u_cells_q <= v_two ? {u_cells[12:0], 1'b1} : u_cells;
      u_cont_q  <= v_cont_q;
      u_whole_q <= v_whole_q;
      u_flags_q <= v_flags_q;
    end
    if (u_q && u_ready) begin
      o_whole_q <= u_whole_q;
      o_flags_q <= u_flags_q;               // of all units of a run alike, where they matter
      o_end_q   <= u_addr_q + {16'd0, u_bytes_q} + 32'd1;
      o_bytes_q <= (o_q && match) ? o_bytes_q + {1'b0, u_bytes_q} + 17'd1 : {1'b0, u_bytes_q};
      o_cells_q <= (o_q && match) ? o_cells_q + u_cells_q + 14'd1 : u_cells_q;
      if (!(o_q && match)) o_addr_q <= u_addr_q;
    end
    if (push) begin
      r_addr_q  <= o_addr_q;
      r_bytes_q <= o_bytes_q + 17'd1;
    end
  end

  // ---- what has been asked for ----
  logic [MW-1:0] meta [0:15];
  logic [MW-1:0] head;
  logic [4:0]    mw_q, mr_q, fill;
  logic          pop;
  assign fill      = mw_q - mr_q;
  assign meta_room = !fill[4];
  assign head      = meta[mr_q[3:0]];
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      mw_q <= '0;
      mr_q <= '0;
    end else begin
      if (push) mw_q <= mw_q + 5'd1;
      if (pop) mr_q <= mr_q + 5'd1;
    end
    if (push) meta[mw_q[3:0]] <= {o_cells_q, o_flags_q};
  end

  // ---- cells ----
  logic          h_single, h_close, h_first, h_last, h_two;
  logic [LN-1:0] h_lane;
  logic [2:0]    h_groups, h_bit;
  logic [3:0]    h_plane;
  logic [13:0]   h_cells;
  logic [13:0]   cell_q;                    // of the run
  logic [6:0]    sub_q;                     // of the beat
  logic [2:0]    part_q;                    // of the group
  logic [2:0]    group_q;                   // of the pass
  logic          second_q;                  // the second pass of two
  logic [4:0]    at_q, batch_q;             // ring: entry; the first of what is added up
  logic [4:0]    wp_q, fp_q;                // complete; oldest in use
  logic          ring_full;
  logic          take, run_end, group_end, beat_end, final_pass;

  assign {h_cells, h_single, h_lane, h_close, h_first, h_last, h_two, h_groups, h_plane, h_bit} = head;
  assign ring_full  = at_q == {!fp_q[4], fp_q[3:0]};
  assign run_end    = cell_q == h_cells;    // less one
  assign beat_end   = sub_q == beat_cells || run_end;
  assign group_end  = h_single ? h_close : part_q == group_cells_q || run_end;
  assign final_pass = h_last && (!h_two || second_q);
  assign take       = rb_valid_i && fill != 5'd0 && !ring_full;
  assign rb_ready_o = fill != 5'd0 && !ring_full && beat_end;
  assign pop        = take && run_end;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || (state_q == IDLE && start_i)) begin
      cell_q   <= '0;
      sub_q    <= '0;
      part_q   <= '0;
      group_q  <= '0;
      second_q <= 1'b0;
      at_q     <= '0;
      batch_q  <= '0;
    end else if (take) begin
      cell_q <= run_end ? '0 : cell_q + 14'd1;
      sub_q  <= beat_end ? '0 : sub_q + 7'd1;
      part_q <= (group_end || run_end) ? '0 : part_q + 3'd1;
      if (group_end) begin
        at_q    <= at_q + 5'd1;
        group_q <= group_q + 3'd1;
        if (final_pass) batch_q <= at_q + 5'd1;
      end
      if (!final_pass && (run_end || (group_end && group_q == h_groups && h_two))) begin
        at_q     <= batch_q;
        group_q  <= '0;
        second_q <= 1'b1;
      end
      if (run_end) begin
        group_q  <= '0;
        second_q <= 1'b0;
      end
    end
  end

  // The cell at the lowest bits of the beat; a single element at all places.
  localparam int C1 = LANES, C4 = (LANES*4 < 128) ? LANES*4 : 128, C8 = (LANES*8 < 128) ? LANES*8 : 128,
                 C16 = (LANES*16 < 128) ? LANES*16 : 128, C32 = (LANES*32 < 128) ? LANES*32 : 128;
  logic [31:0]  element;
  logic [127:0] norm;
  always_comb begin
    norm = '0;
    case (lb)
      3'd0: begin
        element       = {32{rb_data_i[{4'd0, h_bit}]}};
        if (EW != 0) norm[C1-1:0] = rb_data_i[(32'(sub_q) & (128/C1 - 1))*C1 +: C1];
      end
      3'd2: begin
        element       = {8{h_bit[2] ? rb_data_i[7:4] : rb_data_i[3:0]}};
        norm[C4-1:0]  = rb_data_i[(32'(sub_q) & (128/C4 - 1))*C4 +: C4];
      end
      3'd3: begin
        element       = {4{rb_data_i[7:0]}};
        norm[C8-1:0]  = rb_data_i[(32'(sub_q) & (128/C8 - 1))*C8 +: C8];
      end
      3'd5: begin
        element       = rb_data_i[31:0];
        if (EW != 0) norm[C32-1:0] = rb_data_i[(32'(sub_q) & (128/C32 - 1))*C32 +: C32];
      end
      default: begin
        element       = {2{rb_data_i[15:0]}};
        norm[C16-1:0] = rb_data_i[(32'(sub_q) & (128/C16 - 1))*C16 +: C16];
      end
    endcase
    if (h_single) norm = {4{element}};
  end

  logic             e_q, e_first_q, e_done_q;
  logic [127:0]     e_beat_q;
  logic [3:0]       e_at_q;
  logic [LANES-1:0] lanes, e_lanes_q;
  logic [31:0]      e_one_q, e_zero_q;      // what a bit of the plane adds
  always_comb begin
    for (int l = 0; l < LANES; l++) begin
      lanes[l] = h_single ? h_lane == LN'(l)
               : 32'(mirror_q ? l % (LANES/2) : l) >> cell_el == 32'(part_q);
    end
  end
  always_ff @(posedge clk_i) begin
    e_q       <= rst_ni && !clear_i && take;
    e_first_q <= h_first && !second_q;
    e_done_q  <= final_pass && group_end;
    e_beat_q  <= norm;
    e_at_q    <= at_q[3:0];
    e_lanes_q <= lanes;
    e_one_q   <= (sgn && h_plane == 4'(planes - 5'd1)) ? -(32'd1 << h_plane) : 32'd1 << h_plane;
    e_zero_q  <= odd ? -(32'd1 << h_plane) : 32'd0;
  end

  // Values, so that what follows is but a sum.
  logic                f_q, f_first_q, f_done_q;
  logic [3:0]          f_at_q;
  logic [LANES-1:0]    f_lanes_q;
  logic [LANES*VW-1:0] value, f_value_q;
  always_ff @(posedge clk_i) begin
    f_q       <= rst_ni && !clear_i && e_q;
    f_first_q <= e_first_q;
    f_done_q  <= e_done_q;
    f_at_q    <= e_at_q;
    f_lanes_q <= e_lanes_q;
    f_value_q <= value;
  end

  // ---- ring ----
  // One port reads for the sum and for the output; the sum comes first, because the
  // first cells of a sum leave the port free.
  logic             port_free;
  logic [3:0]       raddr, index_q;
  logic [LANES*VW-1:0] ring_out;
  assign port_free = !f_q || f_first_q;
  assign raddr     = port_free ? fp_q[3:0] + index_q : f_at_q;
  for (genvar l = 0; l < LANES; l++) begin : gen_lane
    logic [VW-1:0] ring [0:15];
    logic [VW-1:0] old, code;
    logic [3:0]    q4;
    logic [7:0]    q8;
    logic [15:0]   q16;
    assign q4  = e_beat_q[l*4 +: 4];
    assign q8  = e_beat_q[(l % 16)*8 +: 8];
    assign q16 = e_beat_q[(l % 8)*16 +: 16];
    if (EW != 0) begin : gen_all
      always_comb begin
        case (lb)
          3'd0:    code = e_beat_q[l] ? e_one_q : e_zero_q;
          3'd2:    code = odd ? {{28{!q4[3]}}, q4[2:0], 1'b1} : {{28{sgn && q4[3]}}, q4};
          3'd3:    code = {{24{sgn && q8[7]}}, q8};
          3'd4:    code = {{16{sgn && q16[15]}}, q16};
          default: code = e_beat_q[(l % 4)*32 +: 32];
        endcase
      end
    end else begin : gen_res
      always_comb begin
        case (lb)
          3'd2:    code = {{14{!q4[3]}}, q4[2:0], 1'b1};
          3'd3:    code = {{10{sgn && q8[7]}}, q8};
          default: code = {{2{q16[15]}}, q16};
        endcase
      end
    end
    assign value[l*VW +: VW] = code;
    assign old = ring[raddr];
    assign ring_out[l*VW +: VW] = old;
    always_ff @(posedge clk_i) begin
      if (f_q && f_lanes_q[l]) ring[f_at_q] <= (f_first_q ? VW'(0) : old) + f_value_q[l*VW +: VW];
    end
  end

  // ---- output ----
  logic             busy_q, need, have, go, o1_ready, o1_valid_q;
  logic [12:0]      ox_q, oy_q;
  logic [7:0]       ocopy_q;
  logic [13:0]      oleft_q, ozero_q, ozs_q; // of the copy; channels before zeros begin, at the copy's start
  logic             o_copy_end, o_px_end, o_end;
  logic [4:0]       ready;
  logic [13:0]      ozs_next;
  logic [LANES-1:0] mask, mask_left, mask_zero;

  assign need       = !d_zero_i || ozero_q != 14'd0;
  assign ready      = wp_q - fp_q;
  assign have       = ready > {1'b0, index_q} && port_free;
  assign go         = busy_q && (!need || have) && o1_ready;
  assign o_copy_end = oleft_q[13:LN] == '0 || oleft_q == 14'(LANES);
  assign o_px_end   = o_copy_end && ocopy_q == k_copies_i - 8'd1;
  assign o_end      = o_px_end && ox_q == d_ow_i - 13'd1 && oy_q == d_oh_i - 13'd1;
  assign ozs_next   = (ozs_q > step_q) ? ozs_q - step_q : 14'd0;
  always_comb begin
    mask_left = {LANES{oleft_q[13:LN] != '0}};
    mask_zero = {LANES{!d_zero_i || ozero_q[13:LN] != '0}};
    for (int i = 1; i < LANES; i++) begin
      if (oleft_q[LN-1:0] == LN'(i)) mask_left = mask_left | LANES'((1 << i) - 1);
      if (ozero_q[LN-1:0] == LN'(i)) mask_zero = mask_zero | LANES'((1 << i) - 1);
    end
    mask = mask_left & mask_zero;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      busy_q <= 1'b0;
      wp_q   <= '0;
      fp_q   <= '0;
    end else if (state_q == PLAN) begin
      busy_q <= 1'b1;
      wp_q   <= '0;
      fp_q   <= '0;
    end else begin
      if (f_q && f_done_q) wp_q <= wp_q + 5'd1;
      if (go) begin
        if (o_end) busy_q <= 1'b0;
        if (replay_q ? o_px_end : need) fp_q <= fp_q + (replay_q ? {1'b0, again_q} : 5'd1);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (state_q == PLAN) begin
      ox_q    <= '0;
      oy_q    <= '0;
      ocopy_q <= '0;
      index_q <= '0;
      oleft_q <= k_rows_i;
      ozero_q <= rest0;
      ozs_q   <= rest0;
    end else if (go) begin
      oleft_q <= oleft_q - 14'(LANES);
      ozero_q <= (ozero_q[13:LN] != '0) ? ozero_q - 14'(LANES) : 14'd0;
      index_q <= (!replay_q || index_q == again_q - 4'd1) ? '0 : index_q + 4'd1;
      if (o_copy_end) begin
        index_q <= '0;
        oleft_q <= k_rows_i;
        ocopy_q <= ocopy_q + 8'd1;
        ozero_q <= ozs_next;
        ozs_q   <= ozs_next;
      end
      if (o_px_end) begin
        ocopy_q <= '0;
        ozero_q <= rest0_q;
        ozs_q   <= rest0_q;
        ox_q    <= (ox_q == d_ow_i - 13'd1) ? '0 : ox_q + 13'd1;
        if (ox_q == d_ow_i - 13'd1) oy_q <= oy_q + 13'd1;
      end
    end
  end

  // Values by lane, then aligned.
  logic [LANES*VW-1:0] o1_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) o1_valid_q <= 1'b0;
    else if (o1_ready) o1_valid_q <= go;
    if (o1_ready) begin
      for (int l = 0; l < LANES; l++) o1_q[l*VW +: VW] <= mask[l] ? ring_out[l*VW +: VW] : VW'(0);
    end
  end
  logic unused;
  if (EW != 0) begin : gen_value
    assign o1_ready    = !o1_valid_q || out_ready_i;
    assign out_valid_o = o1_valid_q;
    assign out_data_o  = o1_q;
    assign active_o    = state_q != IDLE || busy_q || o1_valid_q;
    assign unused      = ^{d_align_i, d_win_i, e_beat_q};
  end else begin : gen_align
    logic                o2_valid_q;
    logic [LANES*33-1:0] o2_q, aligned;
    // The product with a power of two: multipliers are there, a shifter would take LUTs.
    logic signed [16:0]  scale;
    assign scale = 17'd1 << d_align_i;
    for (genvar l = 0; l < LANES; l++) begin : gen_shift
      logic signed [VW+16:0] product;
      logic                  unused_top;
      assign product    = $signed(o1_q[l*VW +: VW]) * scale;
      assign unused_top = ^product[VW+16:33];
      assign aligned[l*33 +: 33] = product[32:0];
    end
    assign o1_ready = !o1_valid_q || !o2_valid_q || out_ready_i;
    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) o2_valid_q <= 1'b0;
      else if (!o2_valid_q || out_ready_i) o2_valid_q <= o1_valid_q;
      if (!o2_valid_q || out_ready_i) o2_q <= aligned;
    end
    assign out_valid_o = o2_valid_q;
    assign out_data_o  = o2_q;
    assign active_o    = state_q != IDLE || busy_q || o1_valid_q || o2_valid_q;
    assign unused      = ^{d_plane_i, e_one_q, e_zero_q, e_beat_q};
  end

endmodule
