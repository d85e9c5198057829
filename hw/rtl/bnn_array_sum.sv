// SPDX-License-Identifier: MIT
// Counts hits and adds them up: eight slices of a word, weighted where a word holds
// planes, into one accumulator, or (split) into one for each half.
//
//   s3 hits   s4 counts of the slices   s5 weighted sums   s6 accumulators

module bnn_array_sum #(
  parameter int LANE_BITS = 256,
  parameter int IMPL      = 0
) (
  input  logic                 clk_i,

  input  logic                 split_i,
  input  logic [1:0]           planes_i,    // log2 of the planes that a word holds
  input  logic                 top_neg_i,   // the top one subtracts

  input  logic                 s3_valid_i,
  input  logic [LANE_BITS-1:0] s3_hits_i,
  input  logic                 s4_valid_i,
  input  logic                 s5_valid_i,
  input  logic                 s5_first_i,
  input  logic                 s5_double_i,
  input  logic                 s5_sub_i,
  output logic [31:0]          acc0_o,
  output logic [31:0]          acc1_o
);

  localparam int SLICE = LANE_BITS / 8;
  localparam int CW    = $clog2(SLICE + 1);
  localparam int SW    = CW + 10;           // of a weighted sum

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

  // Pairs of slices first: a plane is one slice or a whole number of pairs.
  logic signed [SW-1:0] c0, c1, c2, c3, c4, c5, c6, c7, lo, hi, top;
  logic signed [SW-1:0] sum0, sum1, sum0_q, sum1_q;
  assign c0 = SW'(counts_q[0*CW +: CW]);
  assign c1 = SW'(counts_q[1*CW +: CW]);
  assign c2 = SW'(counts_q[2*CW +: CW]);
  assign c3 = SW'(counts_q[3*CW +: CW]);
  assign c4 = SW'(counts_q[4*CW +: CW]);
  assign c5 = SW'(counts_q[5*CW +: CW]);
  assign c6 = SW'(counts_q[6*CW +: CW]);
  assign c7 = SW'(counts_q[7*CW +: CW]);
  always_comb begin
    case (planes_i)
      2'd3: begin
        lo  = c0 + (c1 <<< 1) + (c2 <<< 2) + (c3 <<< 3);
        hi  = (c4 <<< 4) + (c5 <<< 5) + (c6 <<< 6);
        top = c7 <<< 7;
      end
      2'd2: begin
        lo  = (c0 + c1) + ((c2 + c3) <<< 1);
        hi  = (c4 + c5) <<< 2;
        top = (c6 + c7) <<< 3;
      end
      2'd1: begin
        lo  = (c0 + c1) + (c2 + c3);
        hi  = '0;
        top = ((c4 + c5) + (c6 + c7)) <<< 1;
      end
      default: begin
        lo  = (c0 + c1) + (c2 + c3);
        hi  = c4 + c5;
        top = c6 + c7;
      end
    endcase
    sum1 = (top_neg_i && planes_i != 2'd0) ? hi - top : hi + top;
    sum0 = split_i ? lo : lo + sum1;
  end

  logic signed [31:0] acc0_q, acc1_q, base0, base1;
  assign base0  = s5_first_i ? 32'sd0 : s5_double_i ? {acc0_q[30:0], 1'b0} : acc0_q;
  assign base1  = s5_first_i ? 32'sd0 : s5_double_i ? {acc1_q[30:0], 1'b0} : acc1_q;
  assign acc0_o = acc0_q;
  assign acc1_o = acc1_q;

  always_ff @(posedge clk_i) begin
    if (s3_valid_i) counts_q <= counts;
    if (s4_valid_i) begin
      sum0_q <= sum0;
      if (split_i) sum1_q <= sum1;
    end
    if (s5_valid_i) begin
      acc0_q <= s5_sub_i ? base0 - 32'(sum0_q) : base0 + 32'(sum0_q);
      if (split_i) acc1_q <= s5_sub_i ? base1 - 32'(sum1_q) : base1 + 32'(sum1_q);
    end
  end

endmodule
