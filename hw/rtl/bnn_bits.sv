// SPDX-License-Identifier: MIT
// Brings taps that begin inside a byte (groups of channels) to bit 0, a piece per cycle.

module bnn_bits (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic [2:0]   shift_i,         // bits; 0: pass through
  input  logic [13:0]  in_pieces_i,     // of a tap
  input  logic [13:0]  out_pieces_i,    // as many, or one less

  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [127:0] in_data_i,
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [127:0] out_data_o
);

  logic         through, full_q, step, tail, beat_end;
  logic [13:0]  at_q;                   // piece of the tap
  logic [15:0]  piece, held_q;
  logic [127:0] data_q;

  assign through  = shift_i == 3'd0;
  assign tail     = at_q == in_pieces_i;                 // only the piece held is left
  assign step     = !through && !full_q && (tail || in_valid_i);
  assign piece    = tail ? 16'd0 : in_data_i[{at_q[2:0], 4'd0} +: 16];
  assign beat_end = at_q[2:0] == 3'd7 || at_q + 14'd1 == in_pieces_i;

  assign in_ready_o  = through ? out_ready_i : step && !tail && beat_end;
  assign out_valid_o = through ? in_valid_i : full_q;
  assign out_data_o  = through ? in_data_i : data_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      full_q <= 1'b0;
      at_q   <= '0;
    end else begin
      if (step) begin
        at_q   <= at_q + 14'd1;
        full_q <= at_q == out_pieces_i || (at_q[2:0] == 3'd0 && at_q != 14'd0);
        if (at_q == out_pieces_i) at_q <= '0;
      end
      if (full_q && out_ready_i) full_q <= 1'b0;
    end
  end

  logic [2:0]  place;
  logic [15:0] moved;
  assign place = at_q[2:0] - 3'd1;
  assign moved = 16'({piece, held_q} >> shift_i);
  always_ff @(posedge clk_i) begin
    if (step) begin
      held_q <= piece;
      for (int i = 0; i < 8; i++) if (place == 3'(i)) data_q[i*16 +: 16] <= moved;
    end
  end

endmodule
