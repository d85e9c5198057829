// SPDX-License-Identifier: MIT
// Fills the row buffer. Rows way: the rows of IN that some window needs, all planes of
// the group's channels, ahead of use as far as there are free slots; a row lies in its
// slot as {plane, x, piece}, or as bnn_rowmem says of narrow and of MACs. Taps way: what bnn_taps has asked for,
// in a ring.

module bnn_rows #(
  parameter int WH    = 16,
  parameter int DEPTH = 2048
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  logic                     clear_i,

  input  logic                     start_i,     // fields below stay as they are until the end
  input  logic                     taps_i,      // the taps way
  input  logic                     narrow_i,
  input  logic                     slice_i,     // narrow, and pieces hold 4 channels of 2 planes
  input  logic                     mac_i,       // all 8 planes of a piece side by side, as bnn_rowmem says
  input  logic [31:0]              base_i,
  input  logic [23:0]              row_i,
  input  logic [16:0]              pixel_i,
  input  logic [31:0]              plane_i,
  input  logic [12:0]              w_i,
  input  logic [9:0]               cp_i,        // pieces of a pixel and plane
  input  logic [15:0]              wc_i,        // of a row and plane
  input  logic [15:0]              len_i,       // of a row
  input  logic [15:0]              rowp_i,      // from slot to slot
  input  logic [15:0]              lastb_i,     // first piece of the last slot
  input  logic [3:0]               slots_i,
  input  logic [4:0]               planes_i,
  input  logic [$clog2(DEPTH)-1:0] wq_i,        // narrow: bank words of a row and plane
  input  logic [$clog2(DEPTH)-1:0] quad_i,      // of four slots
  input  logic [2:0]               kh_i,
  input  logic [2:0]               sh_i,
  input  logic [4:0]               pad_t_i,
  input  logic [12:0]              yend_i,      // rows from here on are not needed

  output logic                     rq_valid_o,
  input  logic                     rq_ready_i,
  output logic [31:0]              rq_addr_o,
  output logic [27:0]              rq_bytes_o,
  input  logic                     rb_valid_i,
  output logic                     rb_ready_o,
  input  logic [127:0]             rb_data_i,
  output logic                     tap_end_o,   // the last beat of a tap is taken

  output logic [12:0]              rows_o,      // rows before this one are there, or not needed
  input  logic                     free_i,      // an output row is done
  output logic [15:0]              wptr_o,      // taps way: pieces written
  input  logic [15:0]              rptr_i,

  output logic                     w_valid_o,
  output logic [$clog2(WH)-1:0]    w_bank_o,
  output logic [$clog2(DEPTH)-1:0] w_addr_o,
  output logic [2:0]               w_piece_o,
  output logic [3:0]               w_count_o,
  output logic [1:0]               w_be_o,
  output logic [127:0]             w_data_o
);

  localparam int BW  = $clog2(WH);
  localparam int AW  = $clog2(DEPTH);
  localparam int CAP = WH * DEPTH;
  localparam int LIM = (WH < 8) ? WH : 8;

  // ---- requests ----
  logic        run_q, dense, allow, row_first, pl_last, px_last, step, skip, advance;
  logic [12:0] y_q, x_q;
  logic [4:0]  pl_q;
  logic [31:0] row_addr_q, pl_addr_q, px_addr_q;
  logic [15:0] slot_base_q;
  logic signed [14:0] win_q, free_q, y_s;       // first rows of the loader's and of the oldest window

  logic [4:0]  info_wptr_q, info_rptr_q;
  logic [28:0] info [0:15];
  logic        put, pop;

  assign y_s       = $signed({2'd0, y_q});
  assign dense     = pixel_i == {6'd0, cp_i, 1'b0};
  assign advance   = y_s >= win_q + $signed({12'd0, kh_i});
  assign skip      = !advance && y_s < win_q;
  assign allow     = y_s < free_q + $signed({11'd0, slots_i}) && (info_wptr_q ^ info_rptr_q) != 5'd16;
  assign row_first = pl_q == 5'd0 && x_q == 13'd0;
  assign px_last   = dense || x_q == w_i - 13'd1;
  assign pl_last   = pl_q == planes_i - 5'd1;

  assign rq_valid_o = run_q && y_q != yend_i && (!row_first || (allow && !advance && !skip));
  assign rq_addr_o  = px_addr_q;
  assign rq_bytes_o = dense ? {11'd0, wc_i, 1'b0} : {17'd0, cp_i, 1'b0};
  assign step       = rq_valid_o && rq_ready_i;
  assign put        = step && row_first;

  logic next_row;
  assign next_row = (step && px_last && pl_last) || (run_q && row_first && skip && y_q != yend_i);
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      run_q <= 1'b0;
    end else if (start_i) begin
      run_q       <= !taps_i;
      y_q         <= '0;
      x_q         <= '0;
      pl_q        <= '0;
      row_addr_q  <= base_i;
      pl_addr_q   <= base_i;
      px_addr_q   <= base_i;
      slot_base_q <= '0;
      win_q       <= -$signed({10'd0, pad_t_i});
      free_q      <= -$signed({10'd0, pad_t_i});
    end else begin
      if (free_i) free_q <= free_q + $signed({12'd0, sh_i});
      if (run_q && row_first && advance) win_q <= win_q + $signed({12'd0, sh_i});
      if (step) begin
        x_q       <= x_q + 13'd1;
        px_addr_q <= px_addr_q + {15'd0, pixel_i};
        if (px_last) begin
          x_q       <= '0;
          pl_q      <= pl_q + 5'd1;
          pl_addr_q <= pl_addr_q + plane_i;
          px_addr_q <= pl_addr_q + plane_i;
        end
      end
      if (next_row) begin
        y_q         <= y_q + 13'd1;
        pl_q        <= '0;
        row_addr_q  <= row_addr_q + {8'd0, row_i};
        pl_addr_q   <= row_addr_q + {8'd0, row_i};
        px_addr_q   <= row_addr_q + {8'd0, row_i};
        slot_base_q <= (slot_base_q == lastb_i) ? '0 : slot_base_q + rowp_i;
      end
      if (y_q == yend_i) run_q <= 1'b0;
    end
  end

  // Rows under way: {row, its place}.
  always_ff @(posedge clk_i) begin
    if (put) info[info_wptr_q[3:0]] <= {y_q, slot_base_q};
  end

  // ---- writing ----
  logic        first_q;                         // the next piece is the first of its row
  logic        begin_q;                         // of its request
  logic [2:0]  p_q, p;
  logic [15:0] ptr_q, ptr, left_q, left, row_left_q, row_left, whole;
  logic [12:0] x_w_q, x_w, head_y;
  logic [15:0] head_base;
  logic [3:0]  pl_w_q, pl_w;
  logic [AW-1:0] pl_base_q, pl_base;
  logic [1:0]  group_q, group;
  logic [3:0]  lim, rest, count;
  logic        go, room, take, req_end, line_end, row_end;

  assign {head_y, head_base} = info[info_rptr_q[3:0]];
  assign whole    = (taps_i || !dense) ? {6'd0, cp_i} : wc_i;
  assign left     = begin_q ? whole : left_q;
  assign p        = p_q;
  assign ptr      = (first_q && !taps_i) ? head_base : ptr_q;
  assign row_left = first_q ? len_i : row_left_q;
  assign x_w      = first_q ? 13'd0 : x_w_q;
  assign pl_w     = first_q ? 4'd0 : pl_w_q;
  assign group    = first_q ? head_y[1:0] : group_q;
  assign pl_base  = !first_q ? pl_base_q : (slots_i[3] && head_y[2]) ? quad_i : '0;

  assign lim     = narrow_i ? 4'd4 - {2'd0, x_w[1:0]} : mac_i ? 4'd2 - {3'd0, ptr[0]} : 4'(LIM);
  assign rest    = 4'd8 - {1'b0, p};
  always_comb begin
    count = (rest < lim) ? rest : lim;
    if (left < 16'(count)) count = left[3:0];
  end
  // Far enough behind what is being read.
  assign room     = !taps_i || 17'(16'(wptr_o - rptr_i)) <= 17'(CAP - 80);
  assign go       = rb_valid_i && room;
  assign req_end  = left == 16'(count);
  assign row_end  = !taps_i && (mac_i ? line_end && (&pl_w[2:0]) : row_left == 16'(count));
  assign line_end = x_w + 13'(count) == wc_i[12:0];
  assign take     = req_end || rest == count;
  assign rb_ready_o = go && take;
  assign tap_end_o  = go && req_end;
  assign pop        = go && row_end;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      first_q     <= 1'b1;
      begin_q     <= 1'b1;
      p_q         <= '0;
      ptr_q       <= '0;
      wptr_o      <= '0;
      rows_o      <= '0;
      info_wptr_q <= '0;
      info_rptr_q <= '0;
    end else begin
      if (put) info_wptr_q <= info_wptr_q + 5'd1;
      if (pop) begin
        info_rptr_q <= info_rptr_q + 5'd1;
        rows_o      <= head_y + 13'd1;
      end
      if (go) begin
        first_q <= row_end;
        begin_q <= req_end;
        p_q     <= take ? '0 : p + count[2:0];
        ptr_q   <= (mac_i && line_end) ? head_base : ptr + 16'(count);
        if (taps_i) wptr_o <= wptr_o + 16'(count);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (go) begin
      left_q     <= left - 16'(count);
      row_left_q <= row_left - 16'(count);
      group_q    <= group;
      x_w_q      <= line_end ? '0 : x_w + 13'(count);
      pl_w_q     <= pl_w + 4'(line_end);
      pl_base_q  <= (line_end && (!slice_i || pl_w[0])) ? pl_base + wq_i : pl_base;
    end
  end

  assign w_valid_o = go;
  assign w_piece_o = p;
  assign w_count_o = count;
  if (WH == 16) begin : gen_narrow
    assign w_bank_o = narrow_i ? {group, x_w[1:0]} : ptr[BW-1:0] + (mac_i ? {pl_w[2:0], 1'b0} : 4'd0);
    assign w_addr_o = narrow_i ? pl_base + AW'(x_w[12:2]) : mac_i ? ptr[1 +: AW] : ptr[BW +: AW];
    assign w_be_o   = !slice_i ? 2'd3 : pl_w[0] ? 2'd2 : 2'd1;
    for (genvar i = 0; i < 8; i++) begin : gen_data
      // Slices have four channels at most: what lies above does not matter.
      assign w_data_o[i*16 +: 16] = {rb_data_i[i*16+12 +: 4], slice_i ? rb_data_i[i*16 +: 4] : rb_data_i[i*16+8 +: 4],
                                     rb_data_i[i*16 +: 8]};
    end
  end else begin : gen_linear
    assign w_bank_o = ptr[BW-1:0];
    assign w_addr_o = ptr[BW +: AW];
    assign w_be_o   = 2'd3;
    assign w_data_o = rb_data_i;
    logic unused;
    assign unused = ^{group, pl_w, pl_base};
  end
  if (BW + AW < 16) begin : gen_unused
    logic unused;
    assign unused = ^ptr[15:BW+AW];
  end

endmodule
