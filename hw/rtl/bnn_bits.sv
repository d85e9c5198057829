// SPDX-License-Identifier: MIT
// Brings taps that begin inside a byte (groups of channels) to bit 0, a piece per cycle;
// others pass.

module bnn_bits (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         taps_i,          // else all beats pass
  input  logic [17:0]  bits_i,          // of a tap
  input  logic [2:0]   shift_i,         // of the tap at hand
  output logic         tap_end_o,       // its last beat has been taken

  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [127:0] in_data_i,
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [127:0] out_data_o
);

  logic [2:0]   shift;
  logic         through, full_q, step, tail, beat_end, last;
  logic [13:0]  in_pieces, out_pieces;   // of the tap: with the bits before it; as many, or one less
  logic [13:0]  at_q;                   // piece of the tap
  logic [15:0]  piece, held_q;
  logic [127:0] data_q;

  assign shift      = taps_i ? shift_i : 3'd0;
  assign in_pieces  = 14'((19'(bits_i) + {16'd0, shift} + 19'd15) >> 4);
  assign out_pieces = 14'((19'(bits_i) + 19'd15) >> 4);

  // What is left of a shifted tap goes out before another passes.
  assign through  = shift == 3'd0 && !full_q;
  assign tail     = at_q == in_pieces;                   // only the piece held is left
  assign step     = shift != 3'd0 && !full_q && (tail || in_valid_i);
  assign piece    = tail ? 16'd0 : in_data_i[{at_q[2:0], 4'd0} +: 16];
  assign beat_end = at_q[2:0] == 3'd7 || at_q + 14'd1 == in_pieces;
  assign last     = shift == 3'd0 ? at_q + 14'd8 >= in_pieces : at_q == out_pieces;

  assign in_ready_o  = through ? out_ready_i : step && !tail && beat_end;
  assign out_valid_o = through ? in_valid_i : full_q;
  assign out_data_o  = through ? in_data_i : data_q;
  assign tap_end_o   = last && (through ? in_valid_i && out_ready_i : step);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      full_q <= 1'b0;
      at_q   <= '0;
    end else begin
      if (taps_i && through && in_valid_i && out_ready_i) at_q <= last ? '0 : at_q + 14'd8;
      if (step) begin
        at_q   <= last ? '0 : at_q + 14'd1;
        full_q <= last || (at_q[2:0] == 3'd0 && at_q != 14'd0);
      end
      if (full_q && out_ready_i) full_q <= 1'b0;
    end
  end

  logic [2:0] place;
  assign place = at_q[2:0] - 3'd1;
  always_ff @(posedge clk_i) begin
    if (step) begin
      held_q <= piece;
      data_q[{place, 4'd0} +: 16] <= 16'({piece, held_q} >> shift);
    end
  end

endmodule
