// SPDX-License-Identifier: MIT
// One lane of the array: its weights, the count of matching pairs, an accumulator
// and the gate of FRAC.
//
// A word of activations comes as two rails: `pos` counts where the weight bit is
// 1, `neg` where it is 0; a pair that must not count is in neither. Weights of n
// bits lie as n planes in equal parts of a word; each eighth of the word is
// therefore counted alone and weighted by its plane.
//
//   s1 weights and rails   s2 counts   s3 accumulator   s4 result

module bnn_lane #(
  parameter int LANE_BITS   = 256,
  parameter int DEPTH       = 256,           // words of weights
  parameter int PARAM_WORDS = 128,
  parameter int IMPL        = 0
) (
  input  logic                           clk_i,

  input  logic [LANE_BITS/16-1:0]        w_we_i,     // pieces of a word
  input  logic [$clog2(DEPTH)-1:0]       w_addr_i,
  input  logic [LANE_BITS-1:0]           w_data_i,

  input  logic                           t_we_i,
  input  logic [$clog2(PARAM_WORDS)-1:0] t_addr_i,
  input  logic signed [17:0]             t_data_i,   // T, clamped

  input  logic                           en_i,
  input  logic [1:0]                     bits_i,     // log2 of the bits of a weight
  input  logic                           top_neg_i,  // its top plane subtracts
  input  logic                           pm1_i,      // planes stand for +-1, not for 0 and 1
  input  logic                           s1_valid_i,
  input  logic [$clog2(DEPTH)-1:0]       s1_addr_i,
  input  logic                           s2_valid_i,
  input  logic [LANE_BITS-1:0]           s2_pos_i,
  input  logic [LANE_BITS-1:0]           s2_neg_i,
  input  logic                           s3_valid_i,
  input  logic                           s3_first_i,
  input  logic                           s3_double_i,
  input  logic                           s3_sub_i,
  input  logic [$clog2(PARAM_WORDS)-1:0] s3_tile_i,
  input  logic                           s4_valid_i, // the sum is complete
  input  logic [31:0]                    s4_count_i, // weighted number of pairs of the sum
  input  logic                           s4_m_i,     // FRAC: M
  input  logic                           s4_l_i,     // FRAC: L
  output logic [31:0]                    acc_o,
  output logic                           open_o      // FRAC: the gate
);

  localparam int SLICE   = LANE_BITS / 8;
  localparam int SLICE_W = $clog2(SLICE + 1);

  // Never read in the cycle in which it is written: loading and computing
  // alternate.
  (* no_rw_check *) logic [LANE_BITS-1:0] weights [0:DEPTH-1];
  (* no_rw_check *) logic signed [17:0]   gates   [0:PARAM_WORDS-1];

  logic [LANE_BITS-1:0] weight_q, hits;

  for (genvar p = 0; p < LANE_BITS / 16; p++) begin : gen_piece
    always_ff @(posedge clk_i) begin
      if (w_we_i[p]) weights[w_addr_i][p*16 +: 16] <= w_data_i[p*16 +: 16];
    end
  end
  always_ff @(posedge clk_i) begin
    if (t_we_i) gates[t_addr_i] <= t_data_i;
    if (en_i && s1_valid_i) weight_q <= weights[s1_addr_i];
  end

  // ---- counts ----
  logic [8*SLICE_W-1:0] counts;
  assign hits = (weight_q & s2_pos_i) | (~weight_q & s2_neg_i);
  for (genvar i = 0; i < 8; i++) begin : gen_slice
    bnn_popcount #(
      .WIDTH(SLICE),
      .IMPL (IMPL)
    ) u_popcount (
      .bits_i (hits[i*SLICE +: SLICE]),
      .count_o(counts[i*SLICE_W +: SLICE_W])
    );
  end

  logic signed [17:0] total, count_q;
  always_comb begin
    total = '0;
    for (int i = 0; i < 8; i++) begin
      logic [17:0] part;
      logic        top;
      part = 18'(counts[i*SLICE_W +: SLICE_W]);
      top  = 1'b0;
      case (bits_i)
        2'd1: begin
          part = part << (i / 4);
          top  = i >= 4;
        end
        2'd2: begin
          part = part << (i / 2);
          top  = i >= 6;
        end
        2'd3: begin
          part = part << i;
          top  = i == 7;
        end
        default: ;
      endcase
      total = (top && top_neg_i) ? total - $signed(part) : total + $signed(part);
    end
  end

  // ---- accumulator, result ----
  logic signed [31:0] acc_q, base, value, m_q;
  logic signed [17:0] gate_q;
  assign base  = s3_first_i ? 32'sd0 : s3_double_i ? {acc_q[30:0], 1'b0} : acc_q;
  assign value = pm1_i ? {acc_q[30:0], 1'b0} - $signed(s4_count_i) : acc_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (s2_valid_i) count_q <= total;
      if (s3_valid_i) begin
        acc_q  <= s3_sub_i ? base - 32'(count_q) : base + 32'(count_q);
        gate_q <= gates[s3_tile_i];
      end
      if (s4_valid_i) begin
        if (s4_m_i) m_q <= value;
        acc_o  <= s4_l_i ? {m_q[30:0], 1'b0} + (m_q >= 32'(gate_q) ? value : 32'sd0) : value;
        open_o <= m_q >= 32'(gate_q);
      end
    end
  end

endmodule
