// SPDX-License-Identifier: MIT
// One of N words. A part select with a variable place is a shifter of all of them to
// synthesis; this is a tree of multiplexers, one level for each bit of the place.

module bnn_mux #(
  parameter int N = 2,
  parameter int W = 1,
  localparam int A = (N > 1) ? $clog2(N) : 1
) (
  input  logic [N*W-1:0] in_i,
  input  logic [A-1:0]   at_i,      // less than N
  output logic [W-1:0]   out_o
);

  // A word without a partner passes.
  logic [N*W-1:0] level;
  always_comb begin
    level = in_i;
    for (int b = 0; b < A; b++) begin
      for (int i = 0; i < N; i += 2 << b) begin
        if (i + (1 << b) < N) begin
          level[i*W +: W] = at_i[b] ? level[(i + (1 << b))*W +: W] : level[i*W +: W];
        end
      end
    end
  end
  assign out_o = level[0 +: W];

endmodule
