// SPDX-License-Identifier: MIT
// a + b or a - b with one adder: the borrow comes in as a carry at the bottom. Written
// as a choice of a sum and a difference, synthesis makes two adders of it.

module bnn_addsub #(
  parameter int W = 32
) (
  input  logic         minus_i,
  input  logic [W-1:0] a_i,
  input  logic [W-1:0] b_i,
  output logic [W-1:0] y_o
);

  logic bottom, unused;
  assign {y_o, bottom} = {a_i, 1'b1} + {b_i ^ {W{minus_i}}, minus_i};
  assign unused        = bottom;

endmodule
