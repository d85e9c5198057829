// SPDX-License-Identifier: MIT
// TRANSPOSE: [H*W][C] to [C][H*W] of elements of 8, 16 or 32 bits, in tiles of 64
// channels by 4*E pixels, E elements to 16 bytes. The tile lies in 16 byte-wide
// RAMs, element lanes rotated by the pixel: E channels of a pixel and E pixels of
// a channel both lie in different lanes, so both sides move 16 bytes per cycle.

module bnn_side_transpose (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,
  output logic         done_o,            // pulse: the last run has been taken
  input  logic [1:0]   size_i,            // log2 of the bytes of an element
  input  logic [12:0]  w_i,
  input  logic [13:0]  pixels_i,          // H * W, at most 8192
  input  logic [13:0]  channels_i,
  input  logic [31:0]  in_addr_i,
  input  logic [23:0]  in_row_i,
  input  logic [16:0]  in_pixel_i,
  input  logic [31:0]  out_addr_i,
  input  logic [16:0]  out_pixel_i,

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

  logic [6:0] tile;                         // pixels of a full tile
  assign tile = 7'd64 >> size_i;

  // ---- asking: the pixels of each tile, ahead of their use ----
  logic        ask_q;
  logic [13:0] a_left_q, a_chan_q;          // pixels from this tile on; channels from this tile on
  logic [6:0]  a_i_q, a_np;                 // pixel of the tile
  logic [31:0] a_c0_q;                      // bytes of the channels before this tile
  logic [31:0] a_first_row_q, a_first_q;    // where the tile's pixels begin
  logic [12:0] a_first_x_q, a_x_q, a_next_x;
  logic [31:0] a_row_q, a_px_q, a_next_row, a_next;
  logic [7:0]  a_n;
  logic        a_tile_end;

  assign a_np       = (a_left_q < 14'(tile)) ? a_left_q[6:0] : tile;
  assign a_n        = (a_chan_q < 14'd64) ? a_chan_q[7:0] : 8'd64;
  assign a_tile_end = a_i_q == a_np - 7'd1;
  assign a_next_x   = (a_x_q == w_i - 13'd1) ? 13'd0 : a_x_q + 13'd1;
  assign a_next_row = (a_x_q == w_i - 13'd1) ? a_row_q + 32'(in_row_i) : a_row_q;
  assign a_next     = (a_x_q == w_i - 13'd1) ? a_next_row : a_px_q + 32'(in_pixel_i);
  assign rq_valid_o = ask_q;
  assign rq_addr_o  = a_px_q + a_c0_q;
  assign rq_bytes_o = {20'd0, a_n} << size_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      ask_q <= 1'b0;
    end else if (start_i) begin
      ask_q         <= 1'b1;
      a_left_q      <= pixels_i;
      a_chan_q      <= channels_i;
      a_i_q         <= '0;
      a_c0_q        <= '0;
      a_x_q         <= '0;
      a_row_q       <= in_addr_i;
      a_px_q        <= in_addr_i;
      a_first_x_q   <= '0;
      a_first_row_q <= in_addr_i;
      a_first_q     <= in_addr_i;
    end else if (ask_q && rq_ready_i) begin
      a_i_q   <= a_i_q + 7'd1;
      a_x_q   <= a_next_x;
      a_row_q <= a_next_row;
      a_px_q  <= a_next;
      if (a_tile_end) begin
        a_i_q <= '0;
        if (a_chan_q > 14'd64) begin
          a_chan_q <= a_chan_q - 14'd64;
          a_c0_q   <= a_c0_q + (32'd64 << size_i);
          a_x_q    <= a_first_x_q;
          a_row_q  <= a_first_row_q;
          a_px_q   <= a_first_q;
        end else begin
          a_chan_q      <= channels_i;
          a_c0_q        <= '0;
          a_left_q      <= a_left_q - 14'(a_np);
          a_first_x_q   <= a_next_x;
          a_first_row_q <= a_next_row;
          a_first_q     <= a_next;
          if (a_left_q <= 14'(tile)) ask_q <= 1'b0;
        end
      end
    end
  end

  // ---- filling and emptying a tile ----
  localparam logic [1:0] IDLE = 2'd0, FILL = 2'd1, EMPTY = 2'd2, DRAIN = 2'd3;

  logic [1:0]  state_q;
  logic [13:0] left_q, chan_q;
  logic [6:0]  np, i_q;                     // pixels of the tile; the one being filled
  logic [6:0]  n, c_q;                      // channels of the tile; the one being emptied
  logic [4:0]  beat_q, beat_last;           // of a pixel: 64 elements of 4 bytes are 16 beats
  logic [1:0]  blk_q, blk_last;             // of a channel
  logic [31:0] base_q, out_q;               // pixel of OUT at the tile's first pixel: channel 0; at hand
  logic        fill, look, en;

  assign np        = (left_q < 14'(tile)) ? left_q[6:0] : tile;
  assign n         = (chan_q < 14'd64) ? chan_q[6:0] : 7'd64;
  assign beat_last = 5'(((9'(n) << size_i) - 9'd1) >> 4);
  assign blk_last  = 2'(((9'(np) << size_i) - 9'd1) >> 4);

  assign rb_ready_o = state_q == FILL;
  assign fill       = rb_valid_i && rb_ready_o;

  // Element lane of a byte lane; rotations in bytes.
  logic [3:0]   lane_mask, fill_turn, look_turn;
  logic [127:0] turned;
  logic [5:0]   first_chan;
  assign lane_mask  = 4'hf >> size_i;
  assign fill_turn  = 4'((i_q[3:0] & lane_mask) << size_i);
  assign look_turn  = 4'd0 - ((c_q[3:0] & lane_mask) << size_i);
  assign first_chan = 6'(({5'd0, beat_q} << 4) >> size_i);

  // Up or, by 16 less that, down; in two steps of four ways each.
  function automatic logic [127:0] turn(input logic [127:0] d, input logic [3:0] bytes);
    logic [127:0] d4;
    d4   = bytes[3] ? (bytes[2] ? {d[31:0], d[127:32]} : {d[63:0], d[127:64]})
                    : (bytes[2] ? {d[95:0], d[127:96]} : d);
    turn = bytes[1] ? (bytes[0] ? {d4[103:0], d4[127:104]} : {d4[111:0], d4[127:112]})
                    : (bytes[0] ? {d4[119:0], d4[127:120]} : d4);
  endfunction
  assign turned = turn(rb_data_i, fill_turn);

  logic [1:0]   fill_blk;
  logic [127:0] row_q;
  assign fill_blk = 2'((9'(i_q) << size_i) >> 4);

  for (genvar k = 0; k < 16; k++) begin : gen_lane
    (* no_rw_check, ram_style = "block" *) logic [7:0] mem [0:255];
    logic [3:0] lane;
    logic [5:0] chan;
    assign lane = (4'(k) >> size_i) - i_q[3:0];
    assign chan = first_chan + {2'd0, lane & lane_mask};
    always_ff @(posedge clk_i) begin
      if (fill) mem[{fill_blk, chan}] <= turned[k*8 +: 8];
      if (look) row_q[k*8 +: 8] <= mem[{blk_q, c_q[5:0]}];
    end
  end

  // ---- out: RAM output, then a register ----
  logic        v1_q, v2_q;
  logic [3:0]  turn_q;
  logic [4:0]  bytes_q, bytes2_q;           // not rounded up to pieces
  logic [31:0] addr_q, addr2_q;
  logic [127:0] data_q;
  logic [8:0]  blk_bytes;

  logic [15:0]  beyond;
  logic [127:0] looked;
  assign beyond    = 16'hffff << bytes_q;
  assign looked    = turn(row_q, turn_q);
  assign blk_bytes = (9'(np) << size_i) - {3'd0, blk_q, 4'd0};
  assign en        = !v2_q || put_ready_i;
  assign look      = state_q == EMPTY && en;

  always_ff @(posedge clk_i) begin
    if (en) begin
      turn_q   <= look_turn;
      bytes_q  <= (blk_bytes > 9'd16) ? 5'd16 : blk_bytes[4:0];
      addr_q   <= out_q + {26'd0, blk_q, 4'd0};
      for (int i = 0; i < 16; i++) data_q[i*8 +: 8] <= looked[i*8 +: 8] & {8{!beyond[i]}};
      bytes2_q <= bytes_q + {4'd0, bytes_q[0]};
      addr2_q  <= addr_q;
    end
  end
  assign put_valid_o = v2_q;
  assign put_addr_o  = addr2_q;
  assign put_bytes_o = bytes2_q;
  assign put_data_o  = data_q;

  always_ff @(posedge clk_i) begin
    done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
      v1_q    <= 1'b0;
      v2_q    <= 1'b0;
    end else begin
      if (en) begin
        v1_q <= look;
        v2_q <= v1_q;
      end
      case (state_q)
        IDLE: begin
          left_q <= pixels_i;
          chan_q <= channels_i;
          i_q    <= '0;
          beat_q <= '0;
          c_q    <= '0;
          blk_q  <= '0;
          base_q <= out_addr_i;
          out_q  <= out_addr_i;
          if (start_i) state_q <= FILL;
        end
        FILL: begin
          if (fill) begin
            beat_q <= beat_q + 5'd1;
            if (beat_q == beat_last) begin
              beat_q <= '0;
              i_q    <= i_q + 7'd1;
              if (i_q == np - 7'd1) begin
                i_q     <= '0;
                state_q <= EMPTY;
              end
            end
          end
        end
        EMPTY: begin
          if (en) begin
            blk_q <= blk_q + 2'd1;
            if (blk_q == blk_last) begin
              blk_q <= '0;
              c_q   <= c_q + 7'd1;
              out_q <= out_q + 32'(out_pixel_i);
              if (c_q == n - 7'd1) begin
                c_q     <= '0;
                state_q <= FILL;
                if (chan_q > 14'd64) begin
                  chan_q <= chan_q - 14'd64;
                end else begin
                  chan_q <= channels_i;
                  left_q <= left_q - 14'(np);
                  base_q <= base_q + 32'd64;
                  out_q  <= base_q + 32'd64;
                  if (left_q <= 14'(tile)) state_q <= DRAIN;
                end
              end
            end
          end
        end
        default: begin  // DRAIN
          if (!v1_q && !v2_q) begin
            done_o  <= 1'b1;
            state_q <= IDLE;
          end
        end
      endcase
    end
  end

endmodule
