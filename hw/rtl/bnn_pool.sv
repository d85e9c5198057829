// SPDX-License-Identifier: MIT
// MAX (OR) and MIN (AND) of bits over windows and over groups of channels. Taps
// are combined in a row buffer of one pixel; taps outside the input never win,
// so they are skipped. Groups are then reduced bit by bit.

module bnn_pool #(
  parameter int CH = 8
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clear_i,

  input  logic             start_i,
  output logic             done_o,
  output logic             active_o,
  input  logic             min_i,
  input  logic [13:0]      cin_i,
  input  logic [13:0]      group_i,
  input  logic [12:0]      oh_i,
  input  logic [12:0]      ow_i,
  input  logic [31:0]      out_addr_i,
  input  logic [23:0]      out_row_i,
  input  logic [16:0]      out_pixel_i,

  output logic             win_start_o,
  input  logic             c_valid_i,
  output logic             c_ready_o,
  input  logic [CH*16-1:0] c_data_i,
  input  logic [3:0]       c_count_i,
  input  logic             c_absent_i,
  input  logic             c_tap_last_i,
  input  logic             c_win_last_i,

  output logic             put_valid_o,
  input  logic             put_ready_i,
  output logic [31:0]      put_addr_o,
  output logic [15:0]      put_data_o,
  output logic             row_done_o
);

  localparam logic [2:0] IDLE = 3'd0, START = 3'd1, TAKE = 3'd2, SETTLE = 3'd3, PIECES = 3'd4,
                         BITS = 3'd5, NEXT = 3'd6;

  logic [2:0]   state_q;
  logic         first_q;                    // no tap has been stored yet
  logic         tap_pending_q;              // the packer still holds a tap
  logic         pk_ready, wd_valid, wd_last;
  logic [127:0] wd_data;
  logic [5:0]   word_q;
  logic [127:0] unused_mask;

  assign c_ready_o = state_q == TAKE && (c_absent_i ? !tap_pending_q : pk_ready);

  bnn_pack #(
    .CH(CH),
    .WH(8)
  ) u_pack (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .in_valid_i (c_valid_i && state_q == TAKE && !c_absent_i),
    .in_ready_o (pk_ready),
    .in_data_i  (c_data_i),
    .in_mask_i  ('0),
    .in_count_i (c_count_i),
    .in_last_i  (c_tap_last_i),
    .out_valid_o(wd_valid),
    .out_ready_i(1'b1),
    .out_data_o (wd_data),
    .out_mask_o (unused_mask),
    .out_last_o (wd_last)
  );

  // One pixel of up to 8,192 channels.
  logic [127:0] pixel [0:63];
  logic [127:0] held, merged;
  assign held   = pixel[word_q];
  assign merged = first_q ? wd_data : (min_i ? held & wd_data : held | wd_data);

  always_ff @(posedge clk_i) begin
    if (wd_valid) pixel[word_q] <= merged;
  end

  // ---- output ----
  logic [13:0]  chan_q;                     // input channel
  logic [13:0]  in_group_q;
  logic [3:0]   bit_q;
  logic [15:0]  half_q;
  logic         acc_q;
  logic [9:0]   piece_q;
  logic [127:0] out_word;
  logic [15:0]  out_half, keep;
  logic         out_bit, reduced, group_end, chan_end, half_full;
  logic [13:0]  chan_left;

  assign out_word  = pixel[chan_q[12:7]];
  assign out_half  = out_word[{chan_q[6:4], 4'd0} +: 16];
  assign out_bit   = out_half[chan_q[3:0]];
  assign reduced   = (in_group_q == 14'd0) ? out_bit : (min_i ? acc_q & out_bit : acc_q | out_bit);
  assign group_end = in_group_q == group_i - 14'd1;
  assign chan_end  = chan_q == cin_i - 14'd1;
  assign half_full = group_end && (chan_end || bit_q == 4'd15);
  assign chan_left = cin_i - chan_q;
  assign keep      = (chan_left >= 14'd16) ? 16'hffff : 16'hffff >> (5'd16 - {1'b0, chan_left[3:0]});

  logic [31:0] out_row_q, out_px_q;
  logic [12:0] ox_q, oy_q;
  logic        ox_end;
  assign ox_end      = ox_q == ow_i - 13'd1;
  assign put_valid_o = state_q == PIECES || (state_q == BITS && half_full);
  assign put_addr_o  = out_px_q + {21'd0, piece_q, 1'b0};
  assign put_data_o  = (state_q == PIECES) ? out_half & keep : half_q | (16'(reduced) << bit_q);
  assign win_start_o = state_q == START;
  assign active_o    = state_q != IDLE;

  always_ff @(posedge clk_i) begin
    done_o     <= 1'b0;
    row_done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q       <= IDLE;
      tap_pending_q <= 1'b0;
    end else begin
      if (c_valid_i && c_ready_o && !c_absent_i) tap_pending_q <= 1'b1;
      if (wd_valid) begin
        word_q <= wd_last ? '0 : word_q + 6'd1;
        if (wd_last) begin
          first_q       <= 1'b0;
          tap_pending_q <= 1'b0;
        end
      end
      case (state_q)
        IDLE: begin
          out_row_q <= out_addr_i;
          out_px_q  <= out_addr_i;
          ox_q      <= '0;
          oy_q      <= '0;
          word_q    <= '0;
          first_q   <= 1'b1;
          if (start_i) state_q <= START;
        end
        START: state_q <= TAKE;
        TAKE: begin
          chan_q     <= '0;
          in_group_q <= '0;
          bit_q      <= '0;
          piece_q    <= '0;
          half_q     <= '0;
          if (c_valid_i && c_ready_o && c_win_last_i) state_q <= SETTLE;
        end
        SETTLE: begin
          if (!tap_pending_q) state_q <= (group_i == 14'd1) ? PIECES : BITS;
        end
        PIECES: begin
          if (put_ready_i) begin
            piece_q <= piece_q + 10'd1;
            chan_q  <= chan_q + 14'd16;
            if (chan_left <= 14'd16) state_q <= NEXT;
          end
        end
        BITS: begin
          if (!half_full || put_ready_i) begin
            chan_q     <= chan_q + 14'd1;
            acc_q      <= reduced;
            in_group_q <= group_end ? '0 : in_group_q + 14'd1;
            if (group_end) begin
              bit_q  <= bit_q + 4'd1;
              half_q <= half_full ? '0 : half_q | (16'(reduced) << bit_q);
              if (half_full) piece_q <= piece_q + 10'd1;
            end
            if (chan_end) state_q <= NEXT;
          end
        end
        default: begin  // NEXT
          first_q <= 1'b1;
          state_q <= TAKE;
          if (!ox_end) begin
            ox_q     <= ox_q + 13'd1;
            out_px_q <= out_px_q + 32'(out_pixel_i);
          end else begin
            ox_q       <= '0;
            oy_q       <= oy_q + 13'd1;
            out_row_q  <= out_row_q + 32'(out_row_i);
            out_px_q   <= out_row_q + 32'(out_row_i);
            row_done_o <= 1'b1;
            if (oy_q == oh_i - 13'd1) begin
              done_o  <= 1'b1;
              state_q <= IDLE;
            end
          end
        end
      endcase
    end
  end

endmodule
