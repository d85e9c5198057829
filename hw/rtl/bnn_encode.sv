// SPDX-License-Identifier: MIT
// Bytes to bits through tables: VALUE (bit 0 of the table byte), THERMO and BITS.
//
// Colours are taken in groups of 16, whose tables are held here and whose output
// is a whole number of 16-bit pieces. With a shared table it is loaded once.
//
//   for each group:  load its tables
//     for each pixel:  for each colour:  look up, emit its bits

module bnn_encode (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,
  output logic         done_o,
  output logic         active_o,
  input  logic         planar_i,
  input  logic         shared_i,
  input  logic [1:0]   mode_i,            // 0 VALUE, 1 THERMO, 2 BITS
  input  logic [7:0]   levels_i,
  input  logic [12:0]  h_i,
  input  logic [12:0]  w_i,
  input  logic [13:0]  colours_i,
  input  logic [31:0]  in_addr_i,
  input  logic         in_onchip_i,
  input  logic [31:0]  table_addr_i,
  input  logic         table_onchip_i,
  input  logic [31:0]  out_addr_i,
  input  logic [23:0]  out_row_i,
  input  logic [16:0]  out_pixel_i,
  input  logic [31:0]  out_plane_i,
  input  logic [4:0]   out_format_i,

  output logic         rq_valid_o,
  input  logic         rq_ready_i,
  output logic         rq_onchip_o,
  output logic [2:0]   rq_stream_o,
  output logic [31:0]  rq_addr_o,
  output logic [27:0]  rq_bytes_o,
  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  output logic         put_valid_o,
  input  logic         put_ready_i,
  output logic [4:0]   put_place_o,
  output logic [31:0]  put_addr_o,
  output logic [15:0]  put_data_o,
  output logic         row_done_o
);

  localparam logic [2:0] IDLE = 3'd0, SETUP = 3'd1, ASK = 3'd2, LOAD = 3'd3, PIXELS = 3'd4,
                         NEXT = 3'd5;

  logic [2:0]  state_q;
  logic [13:0] colour_q;                    // first of the group
  logic [13:0] rest;
  logic [4:0]  group;                       // colours of the group
  logic [31:0] table_q;
  logic [25:0] plane_q;                     // H * W
  logic [8:0]  beat_q;
  logic [7:0]  width;                       // bits of a colour

  assign rest  = colours_i - colour_q;
  assign group = (rest < 14'd16) ? rest[4:0] : 5'd16;
  assign width = (mode_i == 2'd0) ? 8'd1 : (mode_i == 2'd1) ? levels_i : 8'd8;

  // ---- asking for input: a run of a pixel's bytes, or single bytes if planar ----
  logic        ask_q;                       // more to ask for
  logic [31:0] ask_px_q, ask_addr_q;        // first byte of the pixel; next one
  logic [25:0] ask_left_q;                  // pixels
  logic [4:0]  ask_colour_q;
  logic        ask_take, ask_pixel_end;

  assign ask_pixel_end = !planar_i || ask_colour_q == group - 5'd1;
  assign ask_take      = state_q == PIXELS && ask_q && rq_ready_i;

  assign rq_valid_o  = state_q == ASK || (state_q == PIXELS && ask_q);
  assign rq_onchip_o = (state_q == ASK || state_q == LOAD) ? table_onchip_i : in_onchip_i;
  assign rq_stream_o = (state_q == ASK) ? 3'd6 : 3'd3;
  assign rq_addr_o   = (state_q == ASK) ? table_q : ask_addr_q;
  assign rq_bytes_o  = (state_q != ASK) ? (planar_i ? 28'd1 : 28'(group))
                                        : shared_i ? 28'd256 : {15'd0, group, 8'd0};

  // ---- tables: 16 of 256 bytes ----
  (* no_rw_check *) logic [127:0] tables [0:255];
  logic [127:0] row_q;
  logic [3:0]   sel_q;
  logic [7:0]   entry;

  always_ff @(posedge clk_i) begin
    if (state_q == LOAD && rb_valid_i) tables[beat_q[7:0]] <= rb_data_i;
  end

  // ---- bytes ----
  localparam logic [1:0] BYTE = 2'd0, LOOK = 2'd1, EMIT = 2'd2, PUT = 2'd3;
  logic [1:0]  step_q;
  logic [3:0]  pos_q, pos;
  logic        run_first_q;                 // the next byte is the first of its run
  logic [4:0]  in_colour_q;
  logic [7:0]  in_byte;
  logic        byte_take, run_end, pixel_end;

  assign pos       = run_first_q ? 4'd0 : pos_q;
  assign in_byte   = rb_data_i[{pos, 3'd0} +: 8];
  assign byte_take = state_q == PIXELS && step_q == BYTE && rb_valid_i;
  assign pixel_end = in_colour_q == group - 5'd1;
  assign run_end   = planar_i || pixel_end;
  assign rb_ready_o = state_q == LOAD || (byte_take && (run_end || pos == 4'd15));

  always_ff @(posedge clk_i) begin
    if (byte_take) begin
      row_q <= tables[{shared_i ? 4'd0 : in_colour_q[3:0], in_byte[7:4]}];
      sel_q <= in_byte[3:0];
    end
  end
  assign entry = row_q[{sel_q, 3'd0} +: 8];

  // ---- codes of VALUE: collected by 16, then put as planes or elements ----
  logic [127:0] codes_q;
  logic [3:0]   put_q;
  logic [31:0]  plane_addr_q;
  logic         value, elements, byte_wide, put_end;
  logic [3:0]   last_put;
  logic [15:0]  code_piece;
  assign value     = mode_i == 2'd0;
  assign elements  = out_format_i >= `BNN_FORMAT_E_O4;
  assign byte_wide = out_format_i == `BNN_FORMAT_E_U8 || out_format_i == `BNN_FORMAT_E_S8;
  always_comb begin
    case (out_format_i)
      `BNN_FORMAT_B1:                                 last_put = 4'd0;
      `BNN_FORMAT_O2:                                 last_put = 4'd1;
      `BNN_FORMAT_O4, `BNN_FORMAT_U4, `BNN_FORMAT_S4: last_put = 4'd3;
      default:                                        last_put = 4'd7;
    endcase
    if (elements) last_put = byte_wide ? {1'b0, fill_q[3:1]} : {2'b0, fill_q[3:2]};
    for (int c = 0; c < 16; c++) code_piece[c] = codes_q[c*8 + 32'(put_q[2:0])];
    if (elements) begin
      if (byte_wide) code_piece = codes_q[{put_q[2:0], 4'd0} +: 16];
      else for (int c = 0; c < 4; c++) code_piece[c*4 +: 4] = codes_q[{put_q[1:0], 5'd0} + 7'(c*8) +: 4];
    end
  end
  assign put_end = put_q == last_put;

  // ---- bits ----
  logic [7:0]  entry_q, b_q;
  logic [3:0]  fill_q;
  logic [15:0] half_q;
  logic [12:0] piece_q;                     // of the pixel
  logic [31:0] out_row_q, out_px_q;
  logic [12:0] x_q, y_q;
  logic [12:0] piece_base_q;
  logic        emit, bit_now, colour_end, half_end, last_q;

  assign bit_now     = (mode_i == 2'd1) ? b_q < entry_q : entry_q[b_q[2:0]];
  assign colour_end  = b_q == width - 8'd1;
  assign half_end    = fill_q == 4'd15 || (colour_end && last_q);
  assign put_valid_o = (step_q == EMIT && half_end && !value) || step_q == PUT;
  assign emit        = (step_q == EMIT && (!half_end || (put_ready_i && !value))) ||
                       (step_q == PUT && put_ready_i && put_end);
  assign put_place_o = (step_q == PUT && !elements) ? {1'b0, put_q} : 5'd0;
  assign put_addr_o  = (step_q != PUT) ? out_px_q + {18'd0, piece_q, 1'b0}
                     : elements ? out_px_q + ({18'd0, piece_q, 1'b0} << (byte_wide ? 3 : 2)) + {27'd0, put_q, 1'b0}
                                : plane_addr_q + {18'd0, piece_q, 1'b0};
  assign put_data_o  = (step_q == PUT) ? code_piece : half_q | (16'(bit_now) << fill_q);
  assign active_o    = state_q != IDLE;

  always_ff @(posedge clk_i) begin
    done_o     <= 1'b0;
    row_done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
      step_q  <= BYTE;
    end else begin
      case (state_q)
        IDLE: begin
          colour_q     <= '0;
          table_q      <= table_addr_i;
          piece_base_q <= '0;
          plane_q      <= 26'(h_i) * 26'(w_i);
          if (start_i) state_q <= SETUP;
        end
        SETUP: begin
          ask_q        <= 1'b1;
          ask_left_q   <= plane_q;
          ask_px_q     <= in_addr_i + (planar_i ? 32'(colour_q) * 32'(plane_q) : 32'(colour_q));
          ask_addr_q   <= in_addr_i + (planar_i ? 32'(colour_q) * 32'(plane_q) : 32'(colour_q));
          ask_colour_q <= '0;
          beat_q       <= '0;
          run_first_q  <= 1'b1;
          in_colour_q  <= '0;
          fill_q       <= '0;
          half_q       <= '0;
          codes_q      <= '0;
          piece_q      <= piece_base_q;
          out_row_q    <= out_addr_i;
          out_px_q     <= out_addr_i;
          x_q          <= '0;
          y_q          <= '0;
          step_q       <= BYTE;
          state_q      <= (shared_i && colour_q != 14'd0) ? PIXELS : ASK;
        end
        ASK: if (rq_ready_i) state_q <= LOAD;
        LOAD: begin
          if (rb_valid_i) begin
            beat_q <= beat_q + 9'd1;
            if (beat_q == (shared_i ? 9'd15 : {group, 4'd0} - 9'd1)) state_q <= PIXELS;
          end
        end
        PIXELS: ;  // below
        default: begin  // NEXT
          if (rest <= 14'd16) begin
            done_o  <= 1'b1;
            state_q <= IDLE;
          end else begin
            colour_q     <= colour_q + 14'd16;
            table_q      <= table_q + 32'd4096;
            piece_base_q <= piece_base_q + 13'(width);
            state_q      <= SETUP;
          end
        end
      endcase

      if (ask_take) begin
        if (ask_pixel_end) begin
          ask_colour_q <= '0;
          ask_px_q     <= ask_px_q + (planar_i ? 32'd1 : 32'(colours_i));
          ask_addr_q   <= ask_px_q + (planar_i ? 32'd1 : 32'(colours_i));
          ask_left_q   <= ask_left_q - 26'd1;
          if (ask_left_q == 26'd1) ask_q <= 1'b0;
        end else begin
          ask_colour_q <= ask_colour_q + 5'd1;
          ask_addr_q   <= ask_addr_q + 32'(plane_q);
        end
      end

      if (byte_take) begin
        pos_q         <= pos + 4'd1;
        run_first_q   <= run_end;
        in_colour_q   <= pixel_end ? '0 : in_colour_q + 5'd1;
        last_q        <= pixel_end;
        step_q        <= LOOK;
      end
      if (step_q == LOOK) begin
        entry_q <= entry;
        b_q     <= '0;
        step_q  <= EMIT;
      end
      if (step_q == EMIT && value) begin
        codes_q[{fill_q, 3'd0} +: 8] <= entry_q;
        put_q        <= '0;
        plane_addr_q <= out_px_q;
        if (half_end) step_q <= PUT;
      end
      if (step_q == PUT && put_ready_i) begin
        put_q        <= put_q + 4'd1;
        plane_addr_q <= plane_addr_q + out_plane_i;
        if (put_end) codes_q <= '0;
      end
      if (emit) begin
        b_q    <= b_q + 8'd1;
        fill_q <= half_end ? '0 : fill_q + 4'd1;
        half_q <= half_end ? '0 : half_q | (16'(bit_now) << fill_q);
        if (half_end) piece_q <= piece_q + 13'd1;
        if (colour_end) begin
          step_q <= BYTE;
          if (last_q) begin
            piece_q <= piece_base_q;
            if (x_q != w_i - 13'd1) begin
              x_q      <= x_q + 13'd1;
              out_px_q <= out_px_q + 32'(out_pixel_i);
            end else begin
              x_q        <= '0;
              y_q        <= y_q + 13'd1;
              out_row_q  <= out_row_q + 32'(out_row_i);
              out_px_q   <= out_row_q + 32'(out_row_i);
              row_done_o <= 1'b1;
              if (y_q == h_i - 13'd1) state_q <= NEXT;
            end
          end
        end
      end
    end
  end

endmodule
