// SPDX-License-Identifier: MIT
// Number of ones. IMPL 0 is the form simulators are fast with; IMPL 1 is the
// generated tree of full adders and carry chains that synthesis packs best (hw/gen). Both are
// proven equal by hw/sim/popcount.

module bnn_popcount #(
  parameter int WIDTH = 256,
  parameter int IMPL  = 0
) (
  input  logic [WIDTH-1:0]           bits_i,
  output logic [$clog2(WIDTH+1)-1:0] count_o
);

  localparam int COUNT_W = $clog2(WIDTH + 1);

  if (IMPL == 0) begin : gen_behavioural
    assign count_o = COUNT_W'($countones(bits_i));
  end else begin : gen_tree
    bnn_popcount_tree u_tree (
      .bits_i (bits_i),
      .count_o(count_o)
    );
  end

endmodule
