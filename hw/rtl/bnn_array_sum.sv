// SPDX-License-Identifier: MIT
// Counts hits and adds them up: eight slices of a word, weighted where a word holds
// planes, into one accumulator, or (split) into one for each half.
//
//   s3 hits   s4 counts of the slices   s5 weighted sums   s6 accumulators
//
// Where there is a product, there are no hits, and the other way round.

module bnn_array_sum #(
  parameter int LANE_BITS = 256,
  parameter int IMPL      = 0,
  localparam int SLICE = LANE_BITS / 8,
  localparam int CW    = $clog2(SLICE + 1),
  localparam int SW    = CW + 10            // of a weighted sum
) (
  input  logic                 clk_i,

  input  logic                 split_i,
  input  logic [1:0]           planes_i,    // log2 of the planes that a word holds
  input  logic                 top_neg_i,   // the top one subtracts

  input  logic                 s3_valid_i,
  input  logic [LANE_BITS-1:0] s3_hits_i,
  input  logic                 s4_valid_i,
  input  logic [SW-1:0]        s4_product_i, // instead of hits
  input  logic                 s5_valid_i,
  input  logic                 s5_first_i,
  input  logic                 s5_double_i,
  input  logic                 s5_sub_i,
  output logic [31:0]          acc0_o,
  output logic [31:0]          acc1_o
);

  logic [8*CW-1:0] counts, counts_q;
  for (genvar i = 0; i < 8; i++) begin : gen_slice
    bnn_popcount #(
      .WIDTH(SLICE),
      .IMPL (IMPL)
    ) u_popcount (
      .bits_i (s3_hits_i[i*SLICE +: SLICE]),
      .count_o(counts[i*CW +: CW])
    );
  end

  // Pairs of slices, pairs of these, all: a plane is one slice or a whole number of pairs,
  // so each level shifts its upper part, and one of them subtracts.
  logic signed [SW-1:0] count0, count2, count4, count6, odd1, odd3, odd5, odd7;
  logic signed [SW-1:0] pair1, pair3, pair3_up, lo, hi, up, sum0, sum0_q, sum1_q;
  function automatic logic signed [SW-1:0] widen(input logic [CW-1:0] c, input logic twice);
    widen = twice ? {{SW-CW-1{1'b0}}, c, 1'b0} : {{SW-CW{1'b0}}, c};
  endfunction
  assign count0 = widen(counts_q[0*CW +: CW], 1'b0);
  assign count2 = widen(counts_q[2*CW +: CW], 1'b0);
  assign count4 = widen(counts_q[4*CW +: CW], 1'b0);
  assign count6 = widen(counts_q[6*CW +: CW], 1'b0);
  assign odd1   = widen(counts_q[1*CW +: CW], planes_i == 2'd3);
  assign odd3   = widen(counts_q[3*CW +: CW], planes_i == 2'd3);
  assign odd5   = widen(counts_q[5*CW +: CW], planes_i == 2'd3);
  assign odd7   = widen(counts_q[7*CW +: CW], planes_i == 2'd3);
  assign pair1  = count2 + odd3;
  assign lo     = (count0 + odd1) + (planes_i[1] ? (planes_i[0] ? pair1 <<< 2 : pair1 <<< 1) : pair1);
  assign pair3_up = planes_i[1] ? (planes_i[0] ? pair3 <<< 2 : pair3 <<< 1) : pair3;
  always_comb begin
    case (planes_i)
      2'd0:    up = hi;
      2'd1:    up = hi <<< 1;
      2'd2:    up = hi <<< 2;
      default: up = hi <<< 4;
    endcase
    if (split_i) up = '0;
  end
  bnn_addsub #(
    .W(SW)
  ) u_pair (
    .minus_i(top_neg_i && planes_i == 2'd3),
    .a_i    (count6),
    .b_i    (odd7),
    .y_o    (pair3)
  );
  bnn_addsub #(
    .W(SW)
  ) u_hi (
    .minus_i(top_neg_i && planes_i == 2'd2),
    .a_i    (count4 + odd5),
    .b_i    (pair3_up),
    .y_o    (hi)
  );
  bnn_addsub #(
    .W(SW)
  ) u_sum (
    .minus_i(top_neg_i && planes_i == 2'd1),
    .a_i    (lo),
    .b_i    (up),
    .y_o    (sum0)
  );

  logic signed [31:0] acc0, acc1, acc0_q, acc1_q, base0, base1;
  assign base0  = s5_first_i ? 32'sd0 : s5_double_i ? {acc0_q[30:0], 1'b0} : acc0_q;
  assign base1  = s5_first_i ? 32'sd0 : s5_double_i ? {acc1_q[30:0], 1'b0} : acc1_q;
  assign acc0_o = acc0_q;
  assign acc1_o = acc1_q;
  bnn_addsub #(
    .W(32)
  ) u_acc0 (
    .minus_i(s5_sub_i),
    .a_i    (base0),
    .b_i    (32'(sum0_q)),
    .y_o    (acc0)
  );
  bnn_addsub #(
    .W(32)
  ) u_acc1 (
    .minus_i(s5_sub_i),
    .a_i    (base1),
    .b_i    (32'(sum1_q)),
    .y_o    (acc1)
  );

  always_ff @(posedge clk_i) begin
    if (s3_valid_i) counts_q <= counts;
    if (s4_valid_i) begin
      sum0_q <= sum0 | s4_product_i;
      if (split_i) sum1_q <= hi;
    end
    if (s5_valid_i) begin
      acc0_q <= acc0;
      if (split_i) acc1_q <= acc1;
    end
  end

endmodule
