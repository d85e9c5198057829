// SPDX-License-Identifier: MIT
// One channel of the pipe (docs/arithmetic.md, section 4): an accumulator in, its
// residuals when it gets there, the codes of both outputs 22 cycles later. The
// records of the lane's channels are read where the pipe needs them.
//
//   1-3 P0   4-9 P1   10 R1   11 R2   12 sat27   13-18 P2   19 v16, the comparison
//   20 A3*v16, second Q   21 + B3, second comparison   22 codes
//
// Each stage has its own enable, so that a value that has to wait for others can
// do so in registers, which there are twice as many of as LUTs.

module bnn_post_lane #(
  parameter int DEPTH  = 128,    // parameter records
  parameter int MULT   = 1,      // as for bnn_post
  localparam int AW    = $clog2(DEPTH),
  localparam int A_W   = (MULT != 0) ? 17 : 5
) (
  input  logic              clk_i,
  input  logic [22:1]       ce_i,          // a stage takes over

  // From bnn_post_record.
  input  logic              th_we_i,
  input  logic [AW-1:0]     th_addr_i,
  input  logic [24:0]       th1_i,
  input  logic [27:0]       th2_i,
  input  logic              pc_we_i,
  input  logic [AW:0]       pc_addr_i,
  input  logic              pc_second_i,
  input  logic [A_W+53:0]   pc_data_i,
  input  logic              tb_we_i,
  input  logic [AW:0]       tb_addr_i,
  input  logic [33:0]       tb_data_i,
  input  logic              q_we_i,
  input  logic [AW:0]       q_addr_i,
  input  logic [15:0]       q_data_i,

  // Fields of the command and what bnn_post makes of them.
  input  logic              p1_i,
  input  logic              p2_i,
  input  logic              res1_i,
  input  logic              res2_i,
  input  logic [3:0]        ps_i,
  input  logic [15:0]       ps_one_i,      // 2^(15 - PS)
  input  logic [5:0]        ps_over_i,     // see bnn_post_linear
  input  logic [4:0]        s1_i,
  input  logic [15:0]       s1_one_i,
  input  logic [15:0]       s1_over_i,
  input  logic [4:0]        s2_i,
  input  logic [15:0]       s2_one_i,
  input  logic [11:0]       s2_over_i,
  input  logic [1:0]        s3_i,          // S3 div 8
  input  logic [22:0]       a3_i,          // A3, B3 times 2^(7 - S3 mod 8), with what rounds
  input  logic [39:0]       b3_i,
  input  logic              o2_i,          // OUTP is O2
  input  logic [1:0]        outp_kind_i,   // 0 B1, 1 O2, 2 S16, 3 quantised
  input  logic [1:0]        outs_kind_i,   // 0 E_U16, 1 E_S32, 2 E_S16, 3 quantised
  input  logic              outp_byte_i,   // a quantised code has 8 bits, else 4
  input  logic              outs_byte_i,
  input  logic              outp_signed_i,
  input  logic              outs_signed_i,
  input  logic              outp_count_i,  // its clamp counts
  input  logic              outs_count_i,

  input  logic              mask_i,        // the channel exists
  input  logic [31:0]       acc_i,
  input  logic [32:0]       r1_i,          // for stage 10
  input  logic [32:0]       r2_i,
  input  logic [AW-1:0]     entry2_i,      // records of what is in stage 2 ...
  input  logic [AW-1:0]     entry3_i,
  input  logic [AW-1:0]     entry11_i,
  input  logic [AW-1:0]     entry12_i,
  input  logic [AW-1:0]     entry17_i,
  input  logic [AW-1:0]     entry19_i,

  output logic [15:0]       v16_o,         // 0 where the channel does not exist
  output logic [15:0]       outp_o,
  output logic [31:0]       outs_o,
  output logic [8:0]        sat_o          // clamps that changed a value, each for one cycle
);

  logic [21:0] m;
  logic [21:1] m_q;
  assign m = {m_q, mask_i};
  for (genvar k = 1; k < 22; k++) begin : gen_m
    always_ff @(posedge clk_i) if (ce_i[k]) m_q[k] <= m[k-1];
  end

  // ---- 1 to 3: P0 ----
  logic [31:0] acc1_q;
  logic [31:0] p0;
  logic        p0_half, far2_q, high3, low3;
  logic [2:0]  far2;
  logic [8:0]  above;                      // what of bits 32 to 24 is not the sign
  logic [24:0] p0_round;
  always_ff @(posedge clk_i) if (ce_i[1]) acc1_q <= acc_i;
  if (MULT == 1) begin : gen_p0_mult
    logic        [30:0] lo2_q;
    logic signed [30:0] hi2_q;
    always_ff @(posedge clk_i) begin
      if (ce_i[2]) begin
        lo2_q <= 31'($signed({1'b0, acc1_q[15:0]}) * $signed({1'b0, ps_one_i}));
        hi2_q <= 31'($signed(acc1_q[31:16]) * $signed({1'b0, ps_one_i}));
      end
    end
    assign p0      = {hi2_q, 1'b0} | {16'd0, lo2_q[30:15]};
    assign p0_half = lo2_q[14];
    logic unused;
    assign unused = ^{ps_i, lo2_q[13:0]};
  end else begin : gen_p0_shift
    logic signed [32:0] t2_q, fine;
    always_ff @(posedge clk_i) if (ce_i[2]) t2_q <= $signed({acc1_q, 1'b0}) >>> {ps_i[3:2], 2'd0};
    assign fine          = t2_q >>> ps_i[1:0];
    assign {p0, p0_half} = fine;
    logic unused;
    assign unused = ^ps_one_i;
  end
  assign p0_round = p0[24:0] + 25'(p0_half);
  logic unused_p0;
  assign unused_p0 = ^p0[30:25];
  // Beyond 25 bits, before it is rounded; then by the upper two of these.
  assign above = {2'd0, acc1_q[30:24] ^ {7{acc1_q[31]}}};
  for (genvar g = 0; g < 3; g++) begin : gen_far
    assign far2[g] = (ps_over_i[2*g +: 2] == 2'd3) ? |above[3*g +: 3] : (ps_over_i[2*g +: 2] == 2'd2) ? |above[3*g+1 +: 2]
                   : (ps_over_i[2*g +: 2] == 2'd1) && above[3*g+2];
  end
  always_ff @(posedge clk_i) if (ce_i[2]) far2_q <= |far2;
  assign high3 = !p0[31] && (far2_q || p0_round[24:23] != 2'd0);
  assign low3  = p0[31] && (far2_q || p0_round[24:23] == 2'd2);

  logic signed [23:0] x3_q;
  always_ff @(posedge clk_i) begin
    if (ce_i[3]) begin
      x3_q[23] <= low3 || (p0_round[23] && !high3);
      if (low3) x3_q[22:0] <= '0;
      else x3_q[22:0] <= p0_round[22:0] | {23{high3}};
    end
    sat_o[0] <= ce_i[3] && m[2] && (high3 || low3);
  end

  // ---- 4 to 9: P1 ----
  logic signed [26:0] u9;
  logic               sat8, sat40_p1;
  bnn_post_linear #(
    .XW   (24),
    .OW   (27),
    .DEPTH(DEPTH),
    .MULT (MULT)
  ) u_p1 (
    .clk_i     (clk_i),
    .ce_i      (ce_i[9:4]),
    .ce_th_i   (ce_i[3]),
    .th_we_i   (th_we_i),
    .th_addr_i (th_addr_i),
    .th_data_i (th1_i),
    .pc_we_i   (pc_we_i && !pc_second_i),
    .pc_addr_i (pc_addr_i),
    .pc_data_i (pc_data_i),
    .on_i      (p1_i),
    .s_i       (s1_i),
    .one_i     (s1_one_i),
    .over_i    (s1_over_i),
    .entry_th_i(entry2_i),
    .entry_i   (entry3_i),
    .x_i       (x3_q),
    .y_o       (u9),
    .sat40_o   (sat40_p1),
    .sat_o     (sat8)
  );

  // ---- 10 to 12: R1, R2 ----
  // A residual beyond 28 bits leads to the clamp whatever it is added to. Which
  // clamp it is, is found with the sum; the clamp is part of the next one.
  logic signed [28:0] sum10, sum11;
  logic        [26:0] sum10_q, sum11_q, u10, u11;
  logic signed [26:0] u12_q;
  logic        [27:0] r2_10_q;
  logic               far10, far2_10_q, minus2_10_q, high10_q, low10_q, high11_q, low11_q;
  assign far10 = res1_i && r1_i[32:27] != {6{r1_i[32]}};
  assign sum10 = 29'(u9) + 29'($signed(r1_i[27:0] & {28{res1_i}}));
  assign u10   = {low10_q || (sum10_q[26] && !high10_q), (sum10_q[25:0] | {26{high10_q}}) & {26{!low10_q}}};
  assign sum11 = {r2_10_q[27], r2_10_q} + {{2{u10[26]}}, u10};
  assign u11   = {low11_q || (sum11_q[26] && !high11_q), (sum11_q[25:0] | {26{high11_q}}) & {26{!low11_q}}};
  always_ff @(posedge clk_i) begin
    if (ce_i[10]) begin
      sum10_q     <= sum10[26:0];
      high10_q    <= far10 ? !r1_i[32] : !sum10[28] && sum10[27:26] != 2'd0;
      low10_q     <= far10 ? r1_i[32] : sum10[28] && sum10[27:26] != 2'd3;
      r2_10_q     <= res2_i ? r2_i[27:0] : '0;
      far2_10_q   <= res2_i && r2_i[32:27] != {6{r2_i[32]}};
      minus2_10_q <= r2_i[32];
    end
    if (ce_i[11]) begin
      sum11_q  <= sum11[26:0];
      high11_q <= far2_10_q ? !minus2_10_q : !sum11[28] && sum11[27:26] != 2'd0;
      low11_q  <= far2_10_q ? minus2_10_q : sum11[28] && sum11[27:26] != 2'd3;
    end
    if (ce_i[12]) u12_q <= u11;
    sat_o[1] <= ce_i[9] && m[8] && sat8;
    sat_o[2] <= ce_i[11] && m[10] && (high10_q || low10_q);
    sat_o[3] <= ce_i[12] && m[11] && (high11_q || low11_q);
  end

  // ---- 13 to 18: P2 ----
  logic signed [31:0] v18;
  logic               sat16, sat17;
  bnn_post_linear #(
    .XW   (27),
    .OW   (32),
    .DEPTH(DEPTH),
    .MULT (MULT)
  ) u_p2 (
    .clk_i     (clk_i),
    .ce_i      (ce_i[18:13]),
    .ce_th_i   (ce_i[12]),
    .th_we_i   (th_we_i),
    .th_addr_i (th_addr_i),
    .th_data_i (th2_i),
    .pc_we_i   (pc_we_i && pc_second_i),
    .pc_addr_i (pc_addr_i),
    .pc_data_i (pc_data_i),
    .on_i      (p2_i),
    .s_i       (s2_i),
    .one_i     (s2_one_i),
    .over_i    (s2_over_i),
    .entry_th_i(entry11_i),
    .entry_i   (entry12_i),
    .x_i       (u12_q),
    .y_o       (v18),
    .sat40_o   (sat16),
    .sat_o     (sat17)
  );

  // ---- 19 to 21: v16, thresholds, A3*v16 + B3 ----
  (* ram_style = "block" *) (* no_rw_check *) logic [33:0] tb [0:2*DEPTH-1];
  (* ram_style = "block" *) (* no_rw_check *) logic [15:0] qs [0:2*DEPTH-1];
  logic        [33:0] tb18_q;
  logic signed [15:0] q20_q;
  logic signed [31:0] v19_q, v20_q, v21_q;
  logic signed [15:0] v16_19_q, v16_20_q, v16_21_q;
  logic        [2:0]  same19;
  logic               high19, low19, high19_q, more19_q, u_zero20_q, u_zero21_q, u_max20_q, u_max21_q;
  logic               ge19_q, ge20_q, bit19_q, bit20_q;
  logic signed [38:0] prod20_q;
  logic signed [39:0] sum21_q;
  logic               u16_20_q, u16_21_q;  // E_U16 clamps
  logic        [1:0]  code21_q;            // of B1 or O2
  always_ff @(posedge clk_i) if (tb_we_i) tb[tb_addr_i] <= tb_data_i;
  always_ff @(posedge clk_i) if (q_we_i) qs[q_addr_i] <= q_data_i;
  always_ff @(posedge clk_i) if (ce_i[18]) tb18_q <= tb[{entry17_i, o2_i}];
  always_ff @(posedge clk_i) if (ce_i[20]) q20_q <= qs[{entry19_i, ge19_q}];
  assign same19 = {v18[31:26] == {6{v18[31]}}, v18[26:21] == {6{v18[26]}}, v18[21:16] == {6{v18[21]}}};
  assign high19 = !v18[31] && (same19 != 3'd7 || v18[15]);
  assign low19  = v18[31] && (same19 != 3'd7 || !v18[15]);
  always_ff @(posedge clk_i) begin
    if (ce_i[19]) begin
      v19_q    <= v18;
      high19_q <= high19;
      more19_q <= v18[30:16] != '0 || v18[14:0] != '0;
      v16_19_q[15] <= v18[31];
      if (low19) v16_19_q[14:0] <= '0;
      else v16_19_q[14:0] <= v18[14:0] | {15{high19}};
      ge19_q   <= $signed({v18[31], v18}) >= $signed(tb18_q[32:0]);
      bit19_q  <= ($signed({v18[31], v18}) >= $signed(tb18_q[32:0])) ^ tb18_q[33];
    end
    if (ce_i[20]) begin
      v20_q    <= v19_q;
      u_zero20_q <= v19_q[31] || high19_q;   // E_U16 is 0, but for bit 15
      u_max20_q  <= high19_q;                // which this is
      u16_20_q   <= v19_q[31] || (high19_q && more19_q);
      v16_20_q <= v16_19_q;
      ge20_q   <= ge19_q;
      bit20_q  <= bit19_q;
      prod20_q <= $signed(a3_i) * v16_19_q;
    end
    if (ce_i[21]) begin
      v21_q      <= v20_q;
      v16_21_q   <= v16_20_q;
      u_zero21_q <= u_zero20_q;
      u_max21_q  <= u_max20_q;
      u16_21_q   <= u16_20_q;
      sum21_q    <= prod20_q + $signed(b3_i);
      code21_q   <= outp_kind_i[0] ? {ge20_q, v16_20_q >= q20_q} : {1'b0, bit20_q};
    end
    sat_o[4] <= ce_i[17] && m[16] && sat16;
    sat_o[5] <= ce_i[18] && m[17] && sat17;
    sat_o[6] <= ce_i[19] && m[18] && (high19 || low19);
  end
  logic unused;
  assign unused = ^{sat40_p1, sum21_q[6:0]};

  // ---- 22: codes ----
  logic [32:0] t;                          // the quantiser's sum, shifted by all but S3 div 8
  logic [7:0]  q;
  logic        same, same4, qp_over, qs_over;
  assign t     = sum21_q[39:7];
  assign q     = (s3_i == 2'd0) ? t[7:0] : (s3_i == 2'd1) ? t[15:8] : (s3_i == 2'd2) ? t[23:16] : t[31:24];
  assign same  = (s3_i != 2'd0 || t[15:8] == {8{t[32]}}) && (s3_i[1] || t[23:16] == {8{t[32]}}) &&
                 (s3_i == 2'd3 || t[31:24] == {8{t[32]}});
  assign same4 = q[7:4] == {4{t[32]}};
  // For a code of n bits: what is above bit n - 1, and that one for signed codes.
  assign qp_over = !same || (!outp_byte_i && !same4) || (outp_signed_i ? (outp_byte_i ? q[7] : q[3]) != t[32] : t[32]);
  assign qs_over = !same || (!outs_byte_i && !same4) || (outs_signed_i ? (outs_byte_i ? q[7] : q[3]) != t[32] : t[32]);

  // Bits below the sign are 0 or 1 beyond the range, that one and those of unsigned codes too.
  logic       qp_high, qp_low, qs_high, qs_low, outp_q, outs_q;
  logic [7:0] qp, qs_code;
  assign qp_high = qp_over && !t[32];
  assign qp_low  = qp_over && t[32];
  assign qs_high = qs_over && !t[32];
  assign qs_low  = qs_over && t[32];
  assign outp_q  = outp_kind_i == 2'd3;
  assign outs_q  = outs_kind_i == 2'd3;
  for (genvar i = 0; i < 8; i++) begin : gen_code
    if (i == 3 || i == 7) begin : gen_sign
      assign qp[i]      = (outp_signed_i && outp_byte_i == (i == 7)) ? t[32] : (q[i] || qp_high) && !qp_low;
      assign qs_code[i] = (outs_signed_i && outs_byte_i == (i == 7)) ? t[32] : (q[i] || qs_high) && !qs_low;
    end else begin : gen_bit
      assign qp[i]      = (q[i] || qp_high) && !qp_low;
      assign qs_code[i] = (q[i] || qs_high) && !qs_low;
    end
  end
  always_ff @(posedge clk_i) begin
    if (ce_i[22]) begin
      if (!m[21]) begin
        v16_o  <= '0;
        outp_o <= '0;
        outs_o <= '0;
      end else begin
        v16_o <= v16_21_q;
        if (outp_kind_i != 2'd2) outp_o[15:8] <= '0;
        else outp_o[15:8] <= v16_21_q[15:8];
        if (outp_q ? !outp_byte_i : outp_kind_i != 2'd2) outp_o[7:4] <= '0;
        else outp_o[7:4] <= outp_q ? qp[7:4] : v16_21_q[7:4];
        outp_o[3:0] <= outp_q ? qp[3:0] : outp_kind_i[1] ? v16_21_q[3:0] : {2'd0, code21_q};
        if (outs_kind_i != 2'd1) outs_o[31:16] <= '0;
        else outs_o[31:16] <= v21_q[31:16];
        if (outs_q || (outs_kind_i == 2'd0 && u_zero21_q)) outs_o[15:8] <= {outs_kind_i == 2'd0 && u_max21_q, 7'd0};
        else outs_o[15:8] <= outs_kind_i[1] ? v16_21_q[15:8] : v21_q[15:8];
        if (outs_q ? !outs_byte_i : outs_kind_i == 2'd0 && u_zero21_q) outs_o[7:4] <= '0;
        else outs_o[7:4] <= outs_q ? qs_code[7:4] : outs_kind_i[1] ? v16_21_q[7:4] : v21_q[7:4];
        if (outs_kind_i == 2'd0 && u_zero21_q) outs_o[3:0] <= '0;
        else outs_o[3:0] <= outs_q ? qs_code[3:0] : outs_kind_i[1] ? v16_21_q[3:0] : v21_q[3:0];
      end
    end
    sat_o[7] <= ce_i[22] && m[21] && outp_count_i && qp_over;
    sat_o[8] <= ce_i[22] && m[21] && outs_count_i && ((outs_kind_i == 2'd0) ? u16_21_q : qs_over);
  end

endmodule
