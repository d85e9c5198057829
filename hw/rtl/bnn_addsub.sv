// SPDX-License-Identifier: MIT
// a + b or a - b with one adder: the borrow comes in as a carry. Written
// as a choice of a sum and a difference, synthesis makes two adders of it.

module bnn_addsub #(
  parameter int W = 32
) (
  input  logic         minus_i,
  input  logic [W-1:0] a_i,
  input  logic [W-1:0] b_i,
  output logic [W-1:0] y_o
);

  bnn_add #(
    .W(W)
  ) u_add (
    .carry_i(minus_i),
    .a_i    (a_i),
    .b_i    (b_i ^ {W{minus_i}}),
    .y_o    (y_o)
  );

endmodule
