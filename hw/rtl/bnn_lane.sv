// SPDX-License-Identifier: MIT
// One output channel at a time: resident weights and thresholds, XNOR, popcount,
// accumulation and comparison.
//
// Pipeline, all of it stopped by en_i:
//   0  read the weight word       1  XNOR, popcount
//   2  accumulate, read threshold 3  compare
//
// The sum over n valid pairs of +-1 products is 2 * (equal pairs) - n; n is the
// same for every channel of a pixel and comes from outside.

module bnn_lane #(
  parameter int LANE_BITS = 256,
  parameter int DEPTH     = 256,
  parameter int CHUNK     = 128,
  parameter int IMPL      = 0
) (
  input  logic                       clk_i,

  input  logic [LANE_BITS/CHUNK-1:0] w_we_i,
  input  logic [$clog2(DEPTH)-1:0]   w_addr_i,
  input  logic [CHUNK-1:0]           w_data_i,

  input  logic                       p_we_i,
  input  logic [$clog2(DEPTH)-1:0]   p_addr_i,
  input  logic [32:0]                p_data_i,   // {INV, TB}

  input  logic                       en_i,
  input  logic                       s0_valid_i,
  input  logic [$clog2(DEPTH)-1:0]   s0_addr_i,
  input  logic                       s1_valid_i,
  input  logic [LANE_BITS-1:0]       s1_act_i,
  input  logic [LANE_BITS-1:0]       s1_mask_i,
  input  logic                       s2_valid_i,
  input  logic                       s2_first_i,
  input  logic [$clog2(DEPTH)-1:0]   s2_tile_i,
  input  logic                       s3_valid_i,
  input  logic [15:0]                s3_valid_pairs_i,
  input  logic [3:0]                 s3_shift_i,
  output logic                       bit_o
);

  localparam int CHUNKS  = LANE_BITS / CHUNK;
  localparam int COUNT_W = $clog2(LANE_BITS + 1);

  // Never read in the cycle in which it is written: loading and computing
  // alternate.
  (* no_rw_check *) logic [LANE_BITS-1:0] weights [0:DEPTH-1];
  (* no_rw_check *) logic [32:0]          params  [0:DEPTH-1];

  logic [LANE_BITS-1:0] weight_q;
  logic [COUNT_W-1:0]   count, count_q;
  logic [15:0]          acc_q;
  logic [32:0]          param_q;

  for (genvar c = 0; c < CHUNKS; c++) begin : gen_chunk
    always_ff @(posedge clk_i) begin
      if (w_we_i[c]) weights[w_addr_i][c*CHUNK +: CHUNK] <= w_data_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (p_we_i) params[p_addr_i] <= p_data_i;
  end

  bnn_popcount #(
    .WIDTH(LANE_BITS),
    .IMPL (IMPL)
  ) u_popcount (
    .bits_i ((weight_q ~^ s1_act_i) & s1_mask_i),
    .count_o(count)
  );

  // x = rnd(2 * equal - n, PS); |x| <= 32767, so no clamp of the pipe can act.
  logic signed [17:0] sum, half, x;
  assign sum  = $signed({1'b0, acc_q, 1'b0}) - $signed({2'b0, s3_valid_pairs_i});
  assign half = (s3_shift_i == 4'd0) ? 18'sd0 : (18'sd1 <<< (s3_shift_i - 4'd1));
  assign x    = (sum + half) >>> s3_shift_i;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (s0_valid_i) weight_q <= weights[s0_addr_i];
      if (s1_valid_i) count_q <= count;
      if (s2_valid_i) begin
        acc_q   <= (s2_first_i ? 16'd0 : acc_q) + 16'(count_q);
        param_q <= params[s2_tile_i];
      end
      if (s3_valid_i) bit_o <= ($signed(32'(x)) >= $signed(param_q[31:0])) ^ param_q[32];
    end
  end

endmodule
