// SPDX-License-Identifier: MIT
// What the pipe reads besides accumulators: residuals, and the input of EW. Walks
// the pixels of a chunk of channels in the order of the results and gives, for
// LANES channels at a time, aligned values.
//
// A group of channels is fetched in runs: consecutive channels of one pixel (and
// plane) of one tensor. Requests run ahead of the answers; what an answer is for
// waits in a FIFO.

module bnn_values #(
  parameter int LANES = 16
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,

  input  logic                start_i,        // a chunk; fields hold while it runs
  input  logic                first_i,        // it is the first of the command
  input  logic                ew_i,           // IN is wanted
  input  logic [13:0]         first_chan_i,
  input  logic [13:0]         channels_i,
  input  logic [12:0]         oh_i,
  input  logic [12:0]         ow_i,
  input  logic [14:0]         formats_i,      // {RES2, RES1, IN}
  input  logic [39:0]         res_i,          // RES2, RES1: {ALIGN 4, ZERO, WIN, C 14}
  input  logic [95:0]         addr_i,         // {RES2, RES1, IN}
  input  logic [71:0]         row_i,
  input  logic [50:0]         pixel_i,
  input  logic [31:0]         plane_i,        // of IN

  output logic                rq_valid_o,
  input  logic                rq_ready_i,
  output logic [3:0]          rq_slot_o,
  output logic [31:0]         rq_addr_o,
  output logic [27:0]         rq_bytes_o,
  input  logic                rb_valid_i,
  output logic                rb_ready_o,
  input  logic [127:0]        rb_data_i,

  output logic                out_valid_o,
  input  logic                out_ready_i,
  output logic [LANES*32-1:0] acc_o,
  output logic [LANES*33-1:0] res1_o,
  output logic [LANES*33-1:0] res2_o,
  output logic                active_o
);

  localparam int LW    = $clog2(LANES) + 1;                    // counts lanes
  localparam int BEATS = (LANES*32 + 8 + 127) / 128;           // of a run
  localparam int BW    = $clog2(BEATS + 1);

  // Bits of an element (of a plane of it), planes, kind.
  function automatic logic [2:0] log2_bits(input logic [4:0] f);
    case (f)
      `BNN_FORMAT_E_O4, `BNN_FORMAT_E_U4, `BNN_FORMAT_E_S4: log2_bits = 3'd2;
      `BNN_FORMAT_E_U8, `BNN_FORMAT_E_S8:                   log2_bits = 3'd3;
      `BNN_FORMAT_E_U16, `BNN_FORMAT_E_S16:                 log2_bits = 3'd4;
      `BNN_FORMAT_E_S32:                                    log2_bits = 3'd5;
      default:                                              log2_bits = 3'd0;
    endcase
  endfunction
  function automatic logic [4:0] planes_of(input logic [4:0] f);
    case (f)
      `BNN_FORMAT_O2:                                 planes_of = 5'd2;
      `BNN_FORMAT_O4, `BNN_FORMAT_U4, `BNN_FORMAT_S4: planes_of = 5'd4;
      `BNN_FORMAT_O8, `BNN_FORMAT_U8, `BNN_FORMAT_S8: planes_of = 5'd8;
      `BNN_FORMAT_S16:                                planes_of = 5'd16;
      default:                                        planes_of = 5'd1;
    endcase
  endfunction
  function automatic logic signed [31:0] value(input logic [4:0] f, input logic [31:0] q);
    case (f)
      `BNN_FORMAT_B1:                       value = {30'd0, q[0], 1'b0} - 32'sd1;
      `BNN_FORMAT_O2:                       value = {29'd0, q[1:0], 1'b0} - 32'sd3;
      `BNN_FORMAT_O4, `BNN_FORMAT_E_O4:     value = {27'd0, q[3:0], 1'b0} - 32'sd15;
      `BNN_FORMAT_O8:                       value = {23'd0, q[7:0], 1'b0} - 32'sd255;
      `BNN_FORMAT_U4, `BNN_FORMAT_E_U4:     value = {28'd0, q[3:0]};
      `BNN_FORMAT_U8, `BNN_FORMAT_E_U8:     value = {24'd0, q[7:0]};
      `BNN_FORMAT_S4, `BNN_FORMAT_E_S4:     value = {{28{q[3]}}, q[3:0]};
      `BNN_FORMAT_S8, `BNN_FORMAT_E_S8:     value = {{24{q[7]}}, q[7:0]};
      `BNN_FORMAT_E_U16:                    value = {16'd0, q[15:0]};
      `BNN_FORMAT_S16, `BNN_FORMAT_E_S16:   value = {{16{q[15]}}, q[15:0]};
      default:                              value = q;
    endcase
  endfunction

  // ---- requests ----
  localparam logic [1:0] IDLE = 2'd0, RUN = 2'd1, STEP = 2'd2, END = 2'd3;
  logic [1:0]  state_q;
  logic [1:0]  src_q;                       // 0 IN, 1 RES1, 2 RES2
  logic [13:0] tile_q;                      // first channel of the group, within the chunk
  logic [LW-1:0] lane_q, lanes;             // done of it; its size
  logic [13:0] left;
  logic [13:0] cur_q, chan1_q, chan2_q, start1_q, start2_q;  // channel in the tensor; of RES at the group, the chunk
  logic [1:0]  corner_q;                    // of WIN
  logic [4:0]  plane_q;
  logic [12:0] x_q, y_q;
  logic [31:0] row0_q, row1_q, row2_q, px0_q, px1_q, px2_q;  // pixel of IN, RES1, RES2

  logic [4:0]  format;
  logic [13:0] period;
  logic        win, zero, used;
  logic [31:0] px, corner_addr, plane_addr_q;
  logic [23:0] row;
  logic [16:0] pixel;
  logic [2:0]  lb;
  logic [LW-1:0] run;
  logic [13:0] rest;
  logic [18:0] bit_at;
  logic [2:0]  bit_off;
  logic [10:0] run_bits;
  logic        none, src_end, group_end, px_end, all_end, meta_room, put;

  assign left  = channels_i - tile_q;
  assign lanes = (left < 14'(LANES)) ? LW'(left) : LW'(LANES);
  always_comb begin
    case (src_q)
      2'd1: begin
        format = formats_i[9:5];
        period = res_i[13:0];
        win    = res_i[14];
        zero   = res_i[15];
        px     = px1_q;
        row    = row_i[24 +: 24];
        pixel  = pixel_i[17 +: 17];
      end
      2'd2: begin
        format = formats_i[14:10];
        period = res_i[33:20];
        win    = res_i[34];
        zero   = res_i[35];
        px     = px2_q;
        row    = row_i[48 +: 24];
        pixel  = pixel_i[34 +: 17];
      end
      default: begin
        format = formats_i[4:0];
        period = 14'h3fff;
        win    = 1'b0;
        zero   = 1'b0;
        px     = px0_q;
        row    = row_i[0 +: 24];
        pixel  = pixel_i[0 +: 17];
      end
    endcase
  end
  assign used = (src_q == 2'd0) ? ew_i : format != `BNN_FORMAT_NONE;
  assign none = cur_q >= period;            // ZERO, behind the last channel
  assign rest = period - cur_q;
  assign run  = (!none && rest < 14'(lanes) - 14'(lane_q)) ? LW'(rest) : lanes - lane_q;
  assign lb   = log2_bits(format);

  assign corner_addr = px + (corner_q[0] ? 32'(pixel) : 32'd0) + (corner_q[1] ? 32'(row) : 32'd0);
  assign bit_at      = 19'(cur_q) << lb;
  assign bit_off     = bit_at[2:0];
  assign run_bits    = 11'(run) << lb;
  assign rq_valid_o  = state_q == RUN && used && !none && meta_room;
  assign rq_slot_o   = (src_q == 2'd0) ? 4'd0 : (src_q == 2'd1) ? 4'd5 : 4'd6;
  assign rq_addr_o   = corner_addr + plane_addr_q + {16'd0, bit_at[18:3]};
  assign rq_bytes_o  = (28'(bit_off) + 28'(run_bits) + 28'd7) >> 3;
  assign put         = (rq_valid_o && rq_ready_i) || (state_q == END && meta_room);

  // After this run: more lanes, planes, corners of the same tensor?
  logic lane_end, plane_end, corner_end;
  assign lane_end   = lane_q + run == lanes;
  assign plane_end  = plane_q == planes_of(format) - 5'd1;
  assign corner_end = !win || corner_q == 2'd3;
  assign src_end    = !used || (lane_end && plane_end && corner_end);
  assign group_end  = tile_q + 14'(LANES) >= channels_i;
  assign px_end     = x_q == ow_i - 13'd1;
  assign all_end    = group_end && px_end && y_q == oh_i - 13'd1;

  logic [13:0] run_start;                   // channel at which the group starts
  assign run_start = (src_q == 2'd0) ? first_chan_i + tile_q : (src_q == 2'd1) ? chan1_q : chan2_q;

  // The channel behind the group, modulo RES_C; ZERO: as it is.
  logic [13:0] next_cur;
  assign next_cur = (cur_q + 14'(run) == period && !zero) ? 14'd0 : cur_q + 14'(run);
  assign active_o = state_q != IDLE;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          src_q        <= '0;
          tile_q       <= '0;
          lane_q       <= '0;
          corner_q     <= '0;
          plane_q      <= '0;
          plane_addr_q <= '0;
          x_q          <= '0;
          y_q          <= '0;
          cur_q        <= first_chan_i;
          row0_q       <= addr_i[31:0];
          px0_q        <= addr_i[31:0];
          row1_q       <= addr_i[63:32];
          px1_q        <= addr_i[63:32];
          row2_q       <= addr_i[95:64];
          px2_q        <= addr_i[95:64];
          if (start_i) begin
            // The last chunk has left the channels at which this one starts.
            start1_q <= first_i ? '0 : chan1_q;
            chan1_q  <= first_i ? '0 : chan1_q;
            start2_q <= first_i ? '0 : chan2_q;
            chan2_q  <= first_i ? '0 : chan2_q;
            state_q  <= RUN;
          end
        end
        RUN: begin
          if (!used || none || put) begin
            lane_q <= lane_q + run;
            cur_q  <= next_cur;
            if (lane_end || !used) begin
              lane_q       <= '0;
              cur_q        <= run_start;
              plane_q      <= plane_q + 5'd1;
              plane_addr_q <= plane_addr_q + plane_i;
              if (plane_end || !used) begin
                plane_q      <= '0;
                plane_addr_q <= '0;
                corner_q     <= corner_q + 2'd1;
                if (src_end) begin
                  corner_q <= '0;
                  if (src_q == 2'd1 && used) chan1_q <= next_cur;
                  if (src_q == 2'd2 && used) chan2_q <= next_cur;
                  state_q  <= STEP;
                end
              end
            end
          end
        end
        STEP: begin
          src_q   <= src_q + 2'd1;
          cur_q   <= (src_q == 2'd0) ? chan1_q : chan2_q;
          state_q <= (src_q == 2'd2) ? END : RUN;
        end
        default: begin  // END: of the group
          if (meta_room) begin
            src_q   <= '0;
            tile_q  <= tile_q + 14'(LANES);
            cur_q   <= first_chan_i + tile_q + 14'(LANES);
            state_q <= RUN;
            if (group_end) begin
              tile_q <= '0;
              cur_q  <= first_chan_i;
              if (!all_end) begin
                chan1_q <= start1_q;
                chan2_q <= start2_q;
              end
              x_q   <= x_q + 13'd1;
              px0_q <= px0_q + 32'(pixel_i[0 +: 17]);
              px1_q <= px1_q + (32'(pixel_i[17 +: 17]) << res_i[14]);
              px2_q <= px2_q + (32'(pixel_i[34 +: 17]) << res_i[34]);
              if (px_end) begin
                x_q    <= '0;
                y_q    <= y_q + 13'd1;
                row0_q <= row0_q + 32'(row_i[0 +: 24]);
                px0_q  <= row0_q + 32'(row_i[0 +: 24]);
                row1_q <= row1_q + (32'(row_i[24 +: 24]) << res_i[14]);
                px1_q  <= row1_q + (32'(row_i[24 +: 24]) << res_i[14]);
                row2_q <= row2_q + (32'(row_i[48 +: 24]) << res_i[34]);
                px2_q  <= row2_q + (32'(row_i[48 +: 24]) << res_i[34]);
              end
              if (all_end) state_q <= IDLE;
            end
          end
        end
      endcase
    end
  end

  // ---- what has been asked for: {end, source, lane, run, bit, plane, beats} ----
  localparam int MW = 1 + 2 + 2*LW + 3 + 4 + BW;
  logic [MW-1:0] meta [0:15];
  logic [MW-1:0] head;
  logic [4:0]    wptr_q, rptr_q, fill;
  logic          pop;
  assign fill      = wptr_q - rptr_q;
  assign meta_room = !fill[4];
  assign head      = meta[rptr_q[3:0]];
  always_ff @(posedge clk_i) begin
    if (put) meta[wptr_q[3:0]] <= {state_q == END, src_q, lane_q, run, bit_off, plane_q[3:0], BW'((rq_bytes_o + 28'd15) >> 4)};
  end

  // ---- answers ----
  logic [BEATS*128-1:0] buffer_q, data;
  logic [BW-1:0]        beat_q, h_beats;
  logic                 h_end, take, last;
  logic [1:0]           h_src;
  logic [LW-1:0]        h_lane, h_run;
  logic [2:0]           h_bit;
  logic [3:0]           h_plane;
  assign {h_end, h_src, h_lane, h_run, h_bit, h_plane, h_beats} = head;
  assign last       = beat_q == h_beats - BW'(1);
  assign rb_ready_o = fill != 5'd0 && !h_end;
  assign take       = rb_valid_i && rb_ready_o;
  assign pop        = fill != 5'd0 && (h_end ? !out_valid_o || out_ready_i : take && last);
  always_comb begin
    data = buffer_q;
    data[32'(beat_q)*128 +: 128] = rb_data_i;
  end

  // Elements of the run, by lane.
  logic [4:0]          h_format;
  logic [2:0]          h_lb;
  logic [BEATS*128-1:0] bits;
  logic [LANES*32-1:0] codes, placed;
  logic [LANES-1:0]    here;
  assign h_format = (h_src == 2'd0) ? formats_i[4:0] : (h_src == 2'd1) ? formats_i[9:5] : formats_i[14:10];
  assign h_lb     = log2_bits(h_format);
  assign bits     = data >> h_bit;
  always_comb begin
    for (int i = 0; i < LANES; i++) begin
      case (h_lb)
        3'd0:    codes[i*32 +: 32] = {31'd0, bits[i]};
        3'd2:    codes[i*32 +: 32] = {28'd0, bits[i*4 +: 4]};
        3'd3:    codes[i*32 +: 32] = {24'd0, bits[i*8 +: 8]};
        3'd4:    codes[i*32 +: 32] = {16'd0, bits[i*16 +: 16]};
        default: codes[i*32 +: 32] = bits[i*32 +: 32];
      endcase
    end
    placed = codes << {h_lane, 5'd0};
    for (int i = 0; i < LANES; i++) here[i] = LW'(i) >= h_lane && LW'(i) < h_lane + h_run;
  end

  logic [LANES*32-1:0] in_q;                // codes of IN
  logic [LANES*19-1:0] sum1_q, sum2_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wptr_q      <= '0;
      rptr_q      <= '0;
      beat_q      <= '0;
      out_valid_o <= 1'b0;
    end else begin
      if (put) wptr_q <= wptr_q + 5'd1;
      if (pop) rptr_q <= rptr_q + 5'd1;
      if (take) beat_q <= last ? '0 : beat_q + BW'(1);
      if (out_ready_i) out_valid_o <= 1'b0;
      if (pop && h_end) out_valid_o <= 1'b1;
    end
    if (start_i) begin
      in_q   <= '0;
      sum1_q <= '0;
      sum2_q <= '0;
    end else begin
      if (take) buffer_q <= data;
      for (int i = 0; i < LANES; i++) begin
        if (take && last && here[i]) begin
          if (h_src == 2'd0) in_q[i*32 +: 32] <= in_q[i*32 +: 32] | (placed[i*32 +: 32] << h_plane);
          if (h_src == 2'd1) sum1_q[i*19 +: 19] <= sum1_q[i*19 +: 19] + 19'(value(h_format, placed[i*32 +: 32]));
          if (h_src == 2'd2) sum2_q[i*19 +: 19] <= sum2_q[i*19 +: 19] + 19'(value(h_format, placed[i*32 +: 32]));
        end
        if (pop && h_end) begin
          acc_o[i*32 +: 32]  <= value(formats_i[4:0], in_q[i*32 +: 32]);
          res1_o[i*33 +: 33] <= {{14{sum1_q[i*19+18]}}, sum1_q[i*19 +: 19]} << res_i[19:16];
          res2_o[i*33 +: 33] <= {{14{sum2_q[i*19+18]}}, sum2_q[i*19 +: 19]} << res_i[39:36];
        end
      end
      if (pop && h_end) begin
        in_q   <= '0;
        sum1_q <= '0;
        sum2_q <= '0;
      end
    end
  end

endmodule
