// SPDX-License-Identifier: MIT
// One lane of the array: two halves with weights and results of their own. In full
// mode they have one address and one sum, kept in half 0; split they are two lanes of
// half the width.
//
//   s1 address   s2 weights   s3-s5 bnn_array_sum   s6 value   s7 result
//
// MACs: the lane multiplies the value of its own channel by its weight, one tap per step.

module bnn_array_lane #(
  parameter int LANE_BITS = 256,
  parameter int DEPTH     = 512,         // words of weights
  parameter int PW        = 7,
  parameter int RESULTS   = 64,
  parameter int BLOCK_RAM = 0,
  parameter int IMPL      = 0,
  localparam int AW       = $clog2(DEPTH),
  localparam int RW       = $clog2(RESULTS)
) (
  input  logic                    clk_i,

  input  logic                    start_i,
  input  logic                    split_i,
  input  logic [1:0]              planes_i,
  input  logic                    top_neg_i,   // of planes in slices; of the own value
  input  logic                    odd_w_i,
  input  logic                    frac_i,
  input  logic                    listed_i,

  input  logic [LANE_BITS/16-1:0] w_en_i,      // pieces of a word
  input  logic [AW-1:0]           w_addr_i,
  input  logic [LANE_BITS-1:0]    w_data_i,
  input  logic [1:0]              t_we_i,      // of the halves
  input  logic [PW-1:0]           t_addr_i,
  input  logic [17:0]             t_data_i,

  input  logic [RW-1:0]           s0_list_i,
  input  logic                    s1_valid_i,
  input  logic                    s1_listed_i,
  input  logic [AW-1:0]           s1_base_i,   // not listed
  input  logic [AW-1:0]           s1_word_i,
  input  logic                    s2_valid_i,
  input  logic                    s3_valid_i,
  input  logic [LANE_BITS-1:0]    s3_pos_i,
  input  logic [LANE_BITS-1:0]    s3_neg_i,
  input  logic [7:0]              s3_own_i,    // MACs: of the lane's channel, else 0
  input  logic                    s3_second_i, // the second tap of the word
  input  logic                    s4_valid_i,
  input  logic                    s4_sub_i,
  input  logic                    s5_valid_i,
  input  logic                    s5_first_i,
  input  logic                    s5_double_i,
  input  logic                    s5_sub_i,
  input  logic                    s6_valid_i,  // the sum is complete
  input  logic [31:0]             s6_less_i,   // inverted: pairs that were counted, weighted alike
  input  logic [PW-1:0]           s6_gate_i,
  input  logic                    s7_valid_i,
  input  logic                    s7_m_i,
  input  logic                    s7_l_i,
  input  logic [1:0]              s7_exists_i,
  input  logic                    s7_end_i,
  input  logic [RW-1:0]           s7_entry_i,
  input  logic [RW-1:0]           s7_ebase_i,
  input  logic [AW-1:0]           s7_base_i,
  output logic [2*(RW+1)-1:0]     s8_opens_o,

  input  logic                    d_en_i,
  input  logic                    d_first_i,
  input  logic                    d_half_i,
  input  logic [RW-1:0]           d_entry_i,
  input  logic [RW-1:0]           d_high_i,
  output logic [31:0]             d1_value_o,
  output logic                    d1_open_o
);

  localparam int H = LANE_BITS / 2;

  // ---- weights ----
  logic [LANE_BITS-1:0] weight_q;
  logic [2*AW-1:0]      base;
  logic [63:0]          value_q;
  logic [63:0]          acc;
  logic [31:0]          low, high;
  logic [1:0]           open;
  logic                 half_q;

  for (genvar h = 0; h < 2; h++) begin : gen_half
    // Chunks being loaded and read are never the same.
    (* no_rw_check *) logic [H-1:0] weights [0:DEPTH-1];
    logic [AW-1:0] addr_q, addr;
    bnn_add #(
      .W(AW)
    ) u_addr (
      .carry_i(1'b0),
      .a_i    (s1_word_i),
      .b_i    (!s1_listed_i ? s1_base_i : (h == 1 && split_i) ? base[AW +: AW] : base[0 +: AW]),
      .y_o    (addr)
    );
    for (genvar p = 0; p < H / 16; p++) begin : gen_piece
      always_ff @(posedge clk_i) begin
        if (w_en_i[h*(H/16) + p]) weights[w_addr_i][p*16 +: 16] <= w_data_i[h*H + p*16 +: 16];
      end
    end
    always_ff @(posedge clk_i) begin
      if (s1_valid_i) addr_q <= addr;
      if (s2_valid_i) weight_q[h*H +: H] <= weights[addr_q];
    end

    bnn_array_half #(
      .AW       (AW),
      .PW       (PW),
      .RESULTS  (RESULTS),
      .BLOCK_RAM(BLOCK_RAM)
    ) u_half (
      .clk_i      (clk_i),
      .start_i    (start_i),
      .frac_i     (frac_i),
      .listed_i   (listed_i),
      .t_we_i     (t_we_i[h]),
      .t_addr_i   (t_addr_i),
      .t_data_i   (t_data_i),
      .s0_list_i  (s0_list_i),
      .s1_base_o  (base[h*AW +: AW]),
      .s6_gate_i  (s6_gate_i),
      .s7_valid_i (s7_valid_i && (h == 0 || split_i)),
      .s7_m_i     (s7_m_i),
      .s7_l_i     (s7_l_i),
      .s7_value_i (value_q[h*32 +: 32]),
      .s7_exists_i(s7_exists_i[h]),
      .s7_end_i   (s7_end_i),
      .s7_entry_i (s7_entry_i),
      .s7_ebase_i (s7_ebase_i),
      .s7_base_i  (s7_base_i),
      .s8_opens_o (s8_opens_o[h*(RW+1) +: RW+1]),
      .d_en_i     (d_en_i),
      .d_first_i  (d_first_i),
      .d_take_i   (d_half_i == 1'(h)),
      .d_entry_i  (d_entry_i),
      .d_high_i   (d_high_i),
      .d1_low_o   (low[h*16 +: 16]),
      .d1_high_o  (high[h*16 +: 16]),
      .d1_open_o  (open[h])
    );
  end

  // ---- the product ----
  localparam int SW = $clog2(LANE_BITS / 8 + 1) + 10;
  logic [SW-1:0] s4_product;
  if (LANE_BITS == 256) begin : gen_mac
    logic signed [7:0] own_w, own_w_q;
    logic signed [8:0] own_q;
    for (genvar i = 0; i < 8; i++) begin : gen_bit
      assign own_w[i] = s3_second_i ? weight_q[i*32 + 16] : weight_q[i*32];
    end
    always_ff @(posedge clk_i) begin
      own_w_q <= own_w;
      own_q   <= {top_neg_i && s3_own_i[7], s3_own_i};
    end
    // At most 128 * 255: 16 bits.
    assign s4_product = 16'(own_q * own_w_q);
  end else begin : gen_no_mac
    logic unused;
    assign unused     = ^{s3_own_i, s3_second_i};
    assign s4_product = '0;
  end

  bnn_array_sum #(
    .LANE_BITS(LANE_BITS),
    .IMPL     (IMPL)
  ) u_sum (
    .clk_i      (clk_i),
    .split_i    (split_i),
    .planes_i   (planes_i),
    .top_neg_i  (top_neg_i),
    .s3_valid_i (s3_valid_i),
    .s3_hits_i  ((weight_q & s3_pos_i) | (~weight_q & s3_neg_i)),
    .s4_valid_i (s4_valid_i),
    .s4_sub_i   (s4_sub_i),
    .s4_product_i(s4_product),
    .s5_valid_i (s5_valid_i),
    .s5_first_i (s5_first_i),
    .s5_double_i(s5_double_i),
    .s5_sub_i   (s5_sub_i),
    .acc0_o     (acc[31:0]),
    .acc1_o     (acc[63:32])
  );

  // Less the pairs, which are 0 for weights that do not stand for +-1.
  logic [63:0] value;
  for (genvar h = 0; h < 2; h++) begin : gen_value
    bnn_add #(
      .W(32)
    ) u_value (
      .carry_i(1'b1),
      .a_i    (s6_less_i),
      .b_i    (odd_w_i ? {acc[h*32 +: 31], 1'b0} : acc[h*32 +: 32]),
      .y_o    (value[h*32 +: 32])
    );
  end

  always_ff @(posedge clk_i) begin
    if (s6_valid_i) value_q <= value;
    if (d_en_i) half_q <= d_half_i;
  end

  // ---- the half that is drained: its value, or 2 M and, where the gate is open, L ----
  logic [15:0] d_low, d_high;
  logic [17:0] two_m, part_l, sum;
  assign d_low     = half_q ? low[31:16] : low[15:0];
  assign d_high    = half_q ? high[31:16] : high[15:0];
  assign d1_open_o = half_q ? open[1] : open[0];
  assign two_m     = frac_i ? {d_low[15], d_low, 1'b0} : {2'd0, d_low};
  assign part_l    = d1_open_o ? {{2{d_high[15]}}, d_high} : '0;      // only with FRAC
  bnn_add #(
    .W(18)
  ) u_frac (
    .carry_i(1'b0),
    .a_i    (part_l),
    .b_i    (two_m),
    .y_o    (sum)
  );
  assign d1_value_o = {frac_i ? {{14{sum[17]}}, sum[17:16]} : d_high, sum[15:0]};

endmodule
