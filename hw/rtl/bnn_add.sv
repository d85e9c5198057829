// SPDX-License-Identifier: MIT
// a + b + carry, one LUT per bit where b is a function of up to five bits: a drives the
// carry chain by itself, b is only in the LUT that decides whether the carry passes. As
// a difference, since synthesis exchanges the terms of a sum as it likes.

module bnn_add #(
  parameter int W = 32
) (
  input  logic         carry_i,
  input  logic [W-1:0] a_i,             // from a register, best
  input  logic [W-1:0] b_i,
  output logic [W-1:0] y_o
);

  logic bottom, unused;
  assign {y_o, bottom} = {a_i, carry_i} - (~{b_i, 1'b0});
  assign unused        = bottom;

endmodule
