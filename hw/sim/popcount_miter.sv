// SPDX-License-Identifier: MIT
// Both forms of the popcount side by side, for a SAT proof.

module popcount_miter #(
  parameter int WIDTH = 16
) (
  input  logic [WIDTH-1:0] bits_i,
  output logic             differ_o
);

  logic [$clog2(WIDTH+1)-1:0] behavioural, structural;

  bnn_popcount #(.WIDTH(WIDTH), .IMPL(0)) u_behavioural (.bits_i(bits_i), .count_o(behavioural));
  bnn_popcount #(.WIDTH(WIDTH), .IMPL(1)) u_structural (.bits_i(bits_i), .count_o(structural));
  assign differ_o = behavioural != structural;

endmodule
