// SPDX-License-Identifier: MIT
// One of N words. A part select with a variable place is a shifter of all of them to
// synthesis; this is a multiplexer.

module bnn_mux #(
  parameter int N = 2,
  parameter int W = 1,
  localparam int A = (N > 1) ? $clog2(N) : 1
) (
  input  logic [N*W-1:0] in_i,
  input  logic [A-1:0]   at_i,      // less than N
  output logic [W-1:0]   out_o
);

  always_comb begin
    out_o = in_i[0 +: W];
    for (int i = 1; i < N; i++) if (at_i == A'(i)) out_o = in_i[i*W +: W];
  end

endmodule
