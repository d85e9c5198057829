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
  input  logic                 s4_sub_i,
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
  // so each level shifts its upper part, and one of them subtracts. No wider than what
  // comes of slices of at most 2^(CW-1).
  logic [CW-1:0]          count [8];
  logic [CW:0]            odd1, odd3, odd5, odd7, pair0, pair1, pair2;
  logic [CW+2:0]          pair1_up, lo;
  logic signed [CW+1:0]   pair3;
  logic signed [CW+3:0]   pair3_up, hi, sum1_q;
  logic signed [CW+7:0]   up, sum0;
  logic signed [SW-1:0]   sum0_q;
  for (genvar i = 0; i < 8; i++) begin : gen_count
    assign count[i] = counts_q[i*CW +: CW];
  end
  assign odd1  = planes_i == 2'd3 ? {count[1], 1'b0} : {1'b0, count[1]};
  assign odd3  = planes_i == 2'd3 ? {count[3], 1'b0} : {1'b0, count[3]};
  assign odd5  = planes_i == 2'd3 ? {count[5], 1'b0} : {1'b0, count[5]};
  assign odd7  = planes_i == 2'd3 ? {count[7], 1'b0} : {1'b0, count[7]};
  assign pair0 = (CW+1)'(count[0]) + odd1;
  assign pair1 = (CW+1)'(count[2]) + odd3;
  assign pair2 = (CW+1)'(count[4]) + odd5;
  assign lo    = (CW+3)'(pair0) + pair1_up;
  always_comb begin
    case (planes_i)
      2'd2:    pair1_up = {1'b0, pair1, 1'b0};
      2'd3:    pair1_up = {pair1, 2'b00};
      default: pair1_up = {2'b00, pair1};
    endcase
    case (planes_i)
      2'd2:    pair3_up = (CW+4)'({pair3, 1'b0});
      2'd3:    pair3_up = {pair3, 2'b00};
      default: pair3_up = (CW+4)'(pair3);
    endcase
    case (planes_i)
      2'd0:    up = (CW+8)'(hi);
      2'd1:    up = (CW+8)'(hi) <<< 1;
      2'd2:    up = (CW+8)'(hi) <<< 2;
      default: up = (CW+8)'(hi) <<< 4;
    endcase
    if (split_i) up = '0;
  end
  bnn_addsub #(
    .W(CW+2)
  ) u_pair (
    .minus_i(top_neg_i && planes_i == 2'd3),
    .a_i    ((CW+2)'(count[6])),
    .b_i    ((CW+2)'(odd7)),
    .y_o    (pair3)
  );
  bnn_addsub #(
    .W(CW+4)
  ) u_hi (
    .minus_i(top_neg_i && planes_i == 2'd2),
    .a_i    ((CW+4)'(pair2)),
    .b_i    (pair3_up),
    .y_o    (hi)
  );
  bnn_addsub #(
    .W(CW+8)
  ) u_sum (
    .minus_i(top_neg_i && planes_i == 2'd1),
    .a_i    ((CW+8)'(lo)),
    .b_i    (up),
    .y_o    (sum0)
  );

  // What subtracts is inverted before it is kept, and lacks 1, which comes in as a carry: the
  // accumulators' adders have no choice but that of their own bits, so a place is one LUT.
  logic signed [31:0] acc0, acc1, acc0_q, acc1_q, base0, base1;
  assign base0  = s5_first_i ? 32'sd0 : s5_double_i ? {acc0_q[30:0], 1'b0} : acc0_q;
  assign base1  = s5_first_i ? 32'sd0 : s5_double_i ? {acc1_q[30:0], 1'b0} : acc1_q;
  assign acc0_o = acc0_q;
  assign acc1_o = acc1_q;
  bnn_add #(
    .W(32)
  ) u_acc0 (
    .carry_i(s5_sub_i),
    .a_i    (32'(sum0_q)),
    .b_i    (base0),
    .y_o    (acc0)
  );
  bnn_add #(
    .W(32)
  ) u_acc1 (
    .carry_i(s5_sub_i),
    .a_i    (32'(sum1_q)),
    .b_i    (base1),
    .y_o    (acc1)
  );

  always_ff @(posedge clk_i) begin
    if (s3_valid_i) counts_q <= counts;
    if (s4_valid_i) begin
      sum0_q <= (SW'(sum0) | s4_product_i) ^ {SW{s4_sub_i}};
      if (split_i) sum1_q <= hi ^ {(CW+4){s4_sub_i}};
    end
    if (s5_valid_i) begin
      acc0_q <= acc0;
      if (split_i) acc1_q <= acc1;
    end
  end

endmodule
