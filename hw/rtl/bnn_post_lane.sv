// SPDX-License-Identifier: MIT
// One channel of the pipe (docs/arithmetic.md, section 4): an accumulator and two
// aligned residuals in, the codes of both outputs 13 cycles later. The records of
// the lane's channels are in three RAMs, each read where the pipe needs it.
//
//   1 P0   2 records  3-5 P1, R1   6 R2   7 records  8-10 P2, v16   11-13 codes

module bnn_post_lane #(
  parameter int DEPTH = 128,     // parameter records
  parameter int MULT  = 1        // 0: P1 and P2 only with POW2
) (
  input  logic                     clk_i,
  input  logic                     en_i,         // every stage moves

  input  logic                     p_we_i,
  input  logic [$clog2(DEPTH)-1:0] p_addr_i,
  input  logic [372:0]             p_data_i,     // {out 81, P2 146, P1 146}

  // Fields of the command.
  input  logic                     p1_i,
  input  logic                     p1_pow2_i,
  input  logic                     p2_i,
  input  logic                     p2_pow2_i,
  input  logic                     straight_i,   // neither P1, P2, R1 nor R2
  input  logic [3:0]               ps_i,
  input  logic [4:0]               s1_i,
  input  logic [4:0]               sb1_i,
  input  logic [4:0]               s2_i,
  input  logic [4:0]               sb2_i,
  input  logic [4:0]               s3_i,
  input  logic [15:0]              a3_i,
  input  logic [31:0]              b3_i,
  input  logic [1:0]               outp_kind_i,  // 0 B1, 1 O2, 2 S16, 3 quantised
  input  logic [1:0]               outs_kind_i,  // 0 E_U16, 1 E_S32, 2 E_S16, 3 quantised
  input  logic                     outp_byte_i,  // a quantised code has 8 bits, else 4
  input  logic                     outs_byte_i,
  input  logic                     outp_signed_i,
  input  logic                     outs_signed_i,
  input  logic                     outp_count_i, // its clamp counts
  input  logic                     outs_count_i,

  input  logic                     mask_i,       // the channel exists
  input  logic [31:0]              acc_i,
  input  logic [32:0]              res1_i,       // 0 without
  input  logic [32:0]              res2_i,
  input  logic [$clog2(DEPTH)-1:0] entry_i,

  output logic [15:0]              v16_o,        // 0 where the channel does not exist
  output logic [15:0]              outp_o,
  output logic [31:0]              outs_o,
  output logic [3:0]               sat_o         // values changed by clamps
);

  localparam int AW = $clog2(DEPTH);

  // ---- records ----
  (* no_rw_check *) logic [145:0] ram1 [0:DEPTH-1];
  (* no_rw_check *) logic [145:0] ram2 [0:DEPTH-1];
  (* no_rw_check *) logic [80:0]  ram3 [0:DEPTH-1];
  logic [AW-1:0] entry_q [0:8];
  logic [145:0]  rec1_q, rec2_q;
  logic [80:0]   rec3_q;

  always_ff @(posedge clk_i) begin
    if (p_we_i) begin
      ram1[p_addr_i] <= p_data_i[145:0];
      ram2[p_addr_i] <= p_data_i[291:146];
      ram3[p_addr_i] <= p_data_i[372:292];
    end
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      entry_q[0] <= entry_i;
      for (int i = 1; i < 9; i++) entry_q[i] <= entry_q[i-1];
      rec1_q <= ram1[entry_i];
      rec2_q <= ram2[entry_q[4]];
      rec3_q <= ram3[entry_q[8]];
    end
  end

  // ---- 1: P0 ----
  logic signed [32:0] acc_ext;
  logic signed [32:0] p0;
  assign acc_ext = $signed({acc_i, 1'b0}) >>> ps_i;           // one bit below the result
  assign p0      = $signed({acc_ext[32], acc_ext[32:1]}) + $signed({32'd0, acc_ext[0]});

  logic               m1_q, c1_q;
  logic signed [23:0] x1_q;
  logic signed [32:0] r1_1_q, r2_1_q;
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m1_q   <= mask_i;
      c1_q   <= p0[32:23] != {10{p0[32]}};
      x1_q   <= (p0[32:23] != {10{p0[32]}}) ? {p0[32], {23{!p0[32]}}} : p0[23:0];
      r1_1_q <= $signed(res1_i);
      r2_1_q <= $signed(res2_i);
    end
  end

  // ---- 2: the piece; record: {neg[2], k[2], a[2], b[2], th} ----
  logic               h1, h2;
  logic               m2_q, c2_q, neg2_q;
  logic signed [23:0] x2_q;
  logic signed [32:0] r1_2_q, r2_2_q;
  logic signed [15:0] a2_q;
  logic signed [31:0] b2_q;
  logic        [7:0]  k2_q;
  assign h1 = $signed({{8{x1_q[23]}}, x1_q}) >= $signed(rec1_q[31:0]);
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m2_q   <= m1_q;
      c2_q   <= c1_q;
      x2_q   <= x1_q;
      r1_2_q <= r1_1_q;
      r2_2_q <= r2_1_q;
      b2_q   <= h1 ? rec1_q[95:64] : rec1_q[63:32];
      a2_q   <= h1 ? rec1_q[127:112] : rec1_q[111:96];
      k2_q   <= h1 ? rec1_q[143:136] : rec1_q[135:128];
      neg2_q <= h1 ? rec1_q[145] : rec1_q[144];
    end
  end

  // ---- 3, 4: P1 ----
  logic signed [48:0] u4;
  logic               c4, m4_q;
  logic        [3:0]  n4_q;
  logic signed [32:0] r1_3_q, r2_3_q, r1_4_q, r2_4_q;
  logic               m3_q, c3_q, c4_q;
  logic signed [48:0] u4_q;

  bnn_post_linear #(
    .XW  (24),
    .MULT(MULT)
  ) u_p1 (
    .clk_i (clk_i),
    .en_i  (en_i),
    .on_i  (p1_i),
    .pow2_i(p1_pow2_i),
    .s_i   (s1_i),
    .sb_i  (sb1_i),
    .x_i   (x2_q),
    .a_i   (a2_q),
    .b_i   (b2_q),
    .k_i   (k2_q),
    .neg_i (neg2_q),
    .y_o   (u4),
    .sat_o (c4)
  );

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m3_q   <= m2_q;
      c3_q   <= c2_q;
      r1_3_q <= r1_2_q;
      r2_3_q <= r2_2_q;
      m4_q   <= m3_q;
      c4_q   <= c3_q;
      r1_4_q <= r1_3_q;
      r2_4_q <= r2_3_q;
      u4_q   <= u4;
      n4_q   <= {3'd0, c4};
    end
  end

  // ---- 5: sat27, R1; 6: R2 ----
  function automatic logic over27(input logic [48:26] v);
    over27 = v != {23{v[48]}};
  endfunction
  function automatic logic [26:0] clamp27(input logic [48:0] v);
    clamp27 = over27(v[48:26]) ? {v[48], {26{!v[48]}}} : v[26:0];
  endfunction

  logic        [26:0] u5;
  logic signed [48:0] u5_sum, u6_sum;
  logic signed [26:0] u5_q, u6_q;
  logic signed [32:0] r2_5_q;
  logic               m5_q, m6_q;
  logic        [3:0]  n5_q, n6_q;
  assign u5     = clamp27(u4_q);
  assign u5_sum = $signed({{22{u5[26]}}, u5}) + $signed({{16{r1_4_q[32]}}, r1_4_q});
  assign u6_sum = $signed({{22{u5_q[26]}}, u5_q}) + $signed({{16{r2_5_q[32]}}, r2_5_q});
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m5_q   <= m4_q;
      r2_5_q <= r2_4_q;
      u5_q   <= clamp27(u5_sum);
      n5_q   <= n4_q + 4'(c4_q) + 4'(over27(u4_q[48:26])) + 4'(over27(u5_sum[48:26]));
      m6_q   <= m5_q;
      u6_q   <= clamp27(u6_sum);
      n6_q   <= n5_q + 4'(over27(u6_sum[48:26]));
    end
  end

  // ---- 7: the piece of P2 ----
  logic               m7_q, neg7_q;
  logic        [3:0]  n7_q;
  logic signed [26:0] u7_q;
  logic signed [15:0] a7_q;
  logic signed [31:0] b7_q;
  logic        [7:0]  k7_q;
  assign h2 = $signed({{5{u6_q[26]}}, u6_q}) >= $signed(rec2_q[31:0]);
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m7_q   <= m6_q;
      n7_q   <= n6_q;
      u7_q   <= u6_q;
      b7_q   <= h2 ? rec2_q[95:64] : rec2_q[63:32];
      a7_q   <= h2 ? rec2_q[127:112] : rec2_q[111:96];
      k7_q   <= h2 ? rec2_q[143:136] : rec2_q[135:128];
      neg7_q <= h2 ? rec2_q[145] : rec2_q[144];
    end
  end

  // ---- 8, 9: P2 ----
  logic signed [48:0] v9, v9_q;
  logic               c9, m8_q, m9_q;
  logic        [3:0]  n8_q, n9_q;
  bnn_post_linear #(
    .XW  (27),
    .MULT(MULT)
  ) u_p2 (
    .clk_i (clk_i),
    .en_i  (en_i),
    .on_i  (p2_i),
    .pow2_i(p2_pow2_i),
    .s_i   (s2_i),
    .sb_i  (sb2_i),
    .x_i   (u7_q),
    .a_i   (a7_q),
    .b_i   (b7_q),
    .k_i   (k7_q),
    .neg_i (neg7_q),
    .y_o   (v9),
    .sat_o (c9)
  );
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m8_q <= m7_q;
      n8_q <= n7_q;
      m9_q <= m8_q;
      n9_q <= n8_q + 4'(c9);
      v9_q <= v9;
    end
  end

  // ---- 10: sat32, sat16 ----
  logic        over32, over16;
  logic [31:0] v10;
  logic signed [31:0] v10_q;
  logic signed [15:0] v16_10_q;
  logic               m10_q;
  logic        [3:0]  n10_q;
  assign over32 = v9_q[48:31] != {18{v9_q[48]}};
  assign v10    = over32 ? {v9_q[48], {31{!v9_q[48]}}} : v9_q[31:0];
  assign over16 = v10[31:15] != {17{v10[31]}};
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m10_q    <= m9_q;
      v10_q    <= v10;
      v16_10_q <= over16 ? {v10[31], {15{!v10[31]}}} : v10[15:0];
      n10_q    <= n9_q + 4'(over32) + 4'(over16);
    end
  end

  // ---- 11: comparisons, product; record: {q[3], inv, tb} ----
  logic signed [31:0] z, v11_q, prod_q;
  logic signed [15:0] v16_11_q;
  logic               bit_q, m11_q;
  logic        [1:0]  code_q;
  logic        [3:0]  n11_q;
  logic               ge0, ge1, ge2;
  assign z   = straight_i ? v10_q : {{16{v16_10_q[15]}}, v16_10_q};
  assign ge0 = v16_10_q >= $signed(rec3_q[48:33]);
  assign ge1 = v16_10_q >= $signed(rec3_q[64:49]);
  assign ge2 = v16_10_q >= $signed(rec3_q[80:65]);
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m11_q    <= m10_q;
      v11_q    <= v10_q;
      v16_11_q <= v16_10_q;
      bit_q    <= (z >= $signed(rec3_q[31:0])) ^ rec3_q[32];
      code_q   <= {1'b0, ge0} + {1'b0, ge1} + {1'b0, ge2};
      prod_q   <= $signed(a3_i) * v16_10_q;
      n11_q    <= n10_q;
    end
  end

  // ---- 12: the quantiser ----
  logic signed [32:0] q_sum;
  logic signed [33:0] q_half, q12_q;
  logic signed [31:0] v12_q;
  logic signed [15:0] v16_12_q;
  logic               bit12_q, m12_q;
  logic        [1:0]  code12_q;
  logic        [3:0]  n12_q;
  assign q_sum  = $signed({prod_q[31], prod_q}) + $signed({b3_i[31], b3_i});
  assign q_half = $signed({q_sum, 1'b0}) >>> s3_i;
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      m12_q    <= m11_q;
      v12_q    <= v11_q;
      v16_12_q <= v16_11_q;
      bit12_q  <= bit_q;
      code12_q <= code_q;
      q12_q    <= (q_half >>> 1) + $signed({33'd0, q_half[0]});
      n12_q    <= n11_q;
    end
  end

  // ---- 13: clamps, codes ----
  // {changed, code}
  function automatic logic [8:0] quantise(input logic signed [33:0] q, input logic eight, input logic sgn);
    logic signed [33:0] lo, hi;
    begin
      lo = !sgn ? 34'sd0 : eight ? -34'sd128 : -34'sd8;
      hi = sgn ? (eight ? 34'sd127 : 34'sd7) : (eight ? 34'sd255 : 34'sd15);
      if (q < lo) quantise = {1'b1, lo[7:0]};
      else if (q > hi) quantise = {1'b1, hi[7:0]};
      else quantise = {1'b0, q[7:0]};
      if (!eight) quantise[7:4] = 4'd0;
    end
  endfunction

  logic [8:0]  qp, qs;
  logic        u16_over;
  logic [31:0] outs;
  logic [15:0] outp;
  assign qp       = quantise(q12_q, outp_byte_i, outp_signed_i);
  assign qs       = quantise(q12_q, outs_byte_i, outs_signed_i);
  assign u16_over = v12_q[31] || v12_q > 32'sd32768;
  always_comb begin
    case (outp_kind_i)
      2'd0:    outp = {15'd0, bit12_q};
      2'd1:    outp = {14'd0, code12_q};
      2'd2:    outp = v16_12_q;
      default: outp = {8'd0, qp[7:0]};
    endcase
    case (outs_kind_i)
      2'd0:    outs = v12_q[31] ? 32'd0 : u16_over ? 32'd32768 : v12_q;
      2'd1:    outs = v12_q;
      2'd2:    outs = {16'd0, v16_12_q};
      default: outs = {24'd0, qs[7:0]};
    endcase
  end
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      v16_o  <= m12_q ? v16_12_q : 16'd0;
      outp_o <= m12_q ? outp : 16'd0;
      outs_o <= m12_q ? outs : 32'd0;
      sat_o  <= m12_q ? n12_q + 4'(outp_count_i && qp[8]) +
                        4'(outs_count_i && (outs_kind_i == 2'd0 ? u16_over : qs[8])) : 4'd0;
    end
  end

endmodule
