// SPDX-License-Identifier: MIT
// Makes of a parameter record what the lanes of the pipe keep, once, as it is
// loaded, so that no lane has to do it for every value:
//
// - Thresholds are clamped to one bit more than what they are compared with.
// - A piece is {neg, near, w, a, b}: u = ((a*x >> 16w) + b + c) >> S, c the bit that was
//   shifted out last, 1 for w = 0. So b holds the rounding of S, and 1 less with
//   w = 0; POW2 has a = +-2^(K mod 16), w = 0 for K >= 0, 1 to -16, 2 to -31;
//   near, K - 12 for K >= 13, and neg say where p passes 40 bits.
// - TB is compared with the value before sat16, so beyond int16 it means always
//   or never, unless the pipe is straight (neither P1, P2, R1 nor R2). Q is
//   sorted: the middle one first, then the lower or the upper one.
//
// The four pieces take a cycle each: records come four cycles apart. One that is
// followed sooner is narrow: it has TB and INV only.

module bnn_post_record #(
  parameter int LANES  = 16,
  parameter int DEPTH  = 128,
  parameter int MULT   = 1,      // as for bnn_post
  localparam int AW    = $clog2(DEPTH),
  localparam int A_W   = (MULT != 0) ? 17 : 5     // {neg, K mod 16} without multipliers
) (
  input  logic              clk_i,
  input  logic              rst_ni,

  input  logic [LANES-1:0]  p_we_i,
  input  logic [AW-1:0]     p_addr_i,
  input  logic [372:0]      p_data_i,      // {Q 48, INV, TB, P2 146, P1 146}
  input  logic              p_straight_i,
  input  logic [1:0]        p_pow2_i,      // P2, P1
  input  logic [4:0]        p_s1_i,
  input  logic [4:0]        p_sb1_i,
  input  logic [4:0]        p_s2_i,
  input  logic [4:0]        p_sb2_i,

  output logic [LANES-1:0]  th_we_o,
  output logic [AW-1:0]     th_addr_o,
  output logic [24:0]       th1_o,
  output logic [27:0]       th2_o,
  output logic [LANES-1:0]  pc_we_o,
  output logic [AW:0]       pc_addr_o,     // {entry, h}
  output logic              pc_second_o,   // of P2
  output logic [A_W+53:0]   pc_data_o,
  output logic [LANES-1:0]  tb_we_o,
  output logic [AW:0]       tb_addr_o,     // {entry, it is the middle Q}
  output logic [33:0]       tb_data_o,     // {INV, threshold}
  output logic [LANES-1:0]  q_we_o,
  output logic [AW:0]       q_addr_o,      // {entry, the upper one}
  output logic [15:0]       q_data_o
);

  // ---- the record, as it came ----
  logic [372:0]     rec_q;
  logic [LANES-1:0] lanes_q;
  logic [AW-1:0]    addr_q;
  logic             straight_q;
  logic [1:0]       pow2_q;
  logic [4:0]       s1_q, sb1_q, s2_q, sb2_q;
  logic [2:0]       step_q;                // 0 to 3: {P2, h}; 4: done
  always_ff @(posedge clk_i) begin
    if (|p_we_i) begin
      rec_q      <= p_data_i;
      lanes_q    <= p_we_i;
      addr_q     <= p_addr_i;
      straight_q <= p_straight_i;
      pow2_q     <= p_pow2_i;
      s1_q       <= p_s1_i;
      sb1_q      <= p_sb1_i;
      s2_q       <= p_s2_i;
      sb2_q      <= p_sb2_i;
    end
    if (!rst_ni) step_q <= 3'd4;
    else if (|p_we_i) step_q <= 3'd0;
    else if (!step_q[2]) step_q <= step_q + 3'd1;
  end

  // ---- thresholds ----
  logic signed [31:0] th1, th2, tb;
  logic               first;
  assign th1   = rec_q[31:0];
  assign th2   = rec_q[146 +: 32];
  assign tb    = rec_q[292 +: 32];
  assign first = step_q == 3'd0;

  logic [15:0] q0, q1, q2, q_next;
  logic        le01, le02, le12, le01_q, le02_q, le12_q;
  logic [1:0]  q_sel;
  logic        tb_always, q_low;           // always or never; always
  assign {q2, q1, q0} = rec_q[325 +: 48];
  assign le01   = $signed(q0) <= $signed(q1);
  assign le02   = $signed(q0) <= $signed(q2);
  assign le12   = $signed(q1) <= $signed(q2);
  assign tb_always = !straight_q && (tb[31:15] != {17{tb[31]}} || tb[15:0] == 16'h8000);
  assign q_low     = q_next == 16'h8000;
  always_comb begin
    case (step_q[1:0])
      2'd1:    q_sel = (le01_q != le02_q) ? 2'd0 : (le01_q == le12_q) ? 2'd1 : 2'd2;
      2'd2:    q_sel = (le01_q && le02_q) ? 2'd0 : (!le01_q && le12_q) ? 2'd1 : 2'd2;
      default: q_sel = (!le01_q && !le02_q) ? 2'd0 : (le01_q && !le12_q) ? 2'd1 : 2'd2;
    endcase
    q_next = (q_sel == 2'd0) ? q0 : (q_sel == 2'd1) ? q1 : q2;
  end

  always_ff @(posedge clk_i) begin
    th_we_o   <= first ? lanes_q : '0;
    th_addr_o <= addr_q;
    th1_o     <= (th1[31:23] != {9{th1[31]}}) ? {th1[31], !th1[31], 23'd0} : th1[24:0];
    th2_o     <= (th2[31:26] != {6{th2[31]}}) ? {th2[31], !th2[31], 26'd0} : th2[27:0];
    le01_q    <= le01;
    le02_q    <= le02;
    le12_q    <= le12;
    tb_we_o   <= (step_q[2:1] == 2'd0) ? lanes_q : '0;
    tb_addr_o <= {addr_q, step_q[0]};
    tb_data_o[33]    <= rec_q[324];
    tb_data_o[32:31] <= step_q[0] ? {q_next[15], q_next[15] && !q_low} : {tb[31], tb_always ? !tb[31] : tb[31]};
    if (step_q[0] ? q_low : tb_always) tb_data_o[30:0] <= '0;
    else tb_data_o[30:0] <= step_q[0] ? {{15{q_next[15]}}, q_next} : tb[30:0];
    q_we_o    <= (step_q[2:1] == 2'd1) ? lanes_q : '0;
    q_addr_o  <= {addr_q, step_q[0]};
    q_data_o  <= q_next;
  end

  // ---- pieces: what is in the record ----
  logic [145:0]     half;                  // {neg[2], k[2], a[2], b[2], th}
  logic             h;
  logic [LANES-1:0] lanes1_q, lanes2_q;
  logic [AW:0]      addr1_q, addr2_q;
  logic             second1_q, second2_q;
  logic [31:0]      b1_q;
  logic [15:0]      a1_q, a2_q;
  logic [7:0]       k1_q;
  logic             neg1_q, pow2_1_q, pow2_2_q, neg2_q;
  logic [4:0]       s1_1_q, sb_1_q;
  assign h    = step_q[0];
  assign half = step_q[1] ? rec_q[146 +: 146] : rec_q[0 +: 146];
  always_ff @(posedge clk_i) begin
    lanes1_q  <= step_q[2] ? '0 : lanes_q;
    addr1_q   <= {addr_q, h};
    second1_q <= step_q[1];
    b1_q      <= h ? half[95:64] : half[63:32];
    a1_q      <= h ? half[127:112] : half[111:96];
    k1_q      <= h ? half[143:136] : half[135:128];
    neg1_q    <= h ? half[145] : half[144];
    pow2_1_q  <= step_q[1] ? pow2_q[1] : pow2_q[0];
    s1_1_q    <= step_q[1] ? s2_q : s1_q;
    sb_1_q    <= step_q[1] ? sb2_q : sb1_q;
  end
  logic unused;
  assign unused = ^half[31:0];

  // ---- the exponent, b << SB, what rounds ----
  logic        [1:0]  w, w_q, near2_q;
  logic        [3:0]  e, e2_q;
  logic        [48:0] c_q;
  logic signed [48:0] b2;
  always_comb begin
    w = 2'd0;
    e = k1_q[3:0];
    if (!k1_q[7]) begin
      if (k1_q[6:4] != 3'd0) e = 4'd15;
    end else begin
      w = (k1_q[6:4] == 3'd7) ? 2'd1 : 2'd2;
      if (k1_q[6:5] != 2'd3) e = 4'd1;      // p is 0 from -28 on
    end
    if (!pow2_1_q) w = 2'd0;
  end
  always_ff @(posedge clk_i) begin
    lanes2_q  <= lanes1_q;
    addr2_q   <= addr1_q;
    second2_q <= second1_q;
    w_q       <= w;
    near2_q   <= (pow2_1_q && w == 2'd0 && e[3:2] == 2'd3) ? e[1:0] : 2'd0;
    e2_q      <= e;
    a2_q      <= a1_q;
    pow2_2_q  <= pow2_1_q;
    neg2_q    <= neg1_q;
    // 2^(S-1) or 0 for S = 0, one less with w = 0
    for (int i = 0; i < 31; i++)
      c_q[i] <= (w == 2'd0) ? 5'(i + 1) < s1_1_q || s1_1_q == 5'd0 : 5'(i + 1) == s1_1_q;
    c_q[48:31] <= {18{w == 2'd0 && s1_1_q == 5'd0}};
  end
  if (MULT == 1) begin : gen_b_mult
    logic        [16:0] one;
    logic        [31:0] lo_q;
    logic signed [32:0] hi_q;
    assign one = 17'd1 << sb_1_q;
    always_ff @(posedge clk_i) begin
      lo_q <= 32'($signed({1'b0, b1_q[15:0]}) * $signed({1'b0, one}));
      hi_q <= 33'($signed(b1_q[31:16]) * $signed({1'b0, one}));
    end
    assign b2 = {hi_q, 16'd0} | {17'd0, lo_q};
  end else begin : gen_b_shift
    logic signed [48:0] b_q;
    always_ff @(posedge clk_i) b_q <= $signed({{17{b1_q[31]}}, b1_q}) <<< sb_1_q;
    assign b2 = b_q;
  end

  // ---- the piece ----
  logic [48:0]    b3;
  logic [A_W-1:0] a3;
  assign b3 = c_q + b2;
  if (MULT != 0) begin : gen_a
    logic [16:0] power;
    for (genvar i = 0; i < 17; i++) begin : gen_power
      assign power[i] = neg2_q ? i >= 32'(e2_q) : i == 32'(e2_q);
    end
    assign a3 = pow2_2_q ? power : {a2_q[15], a2_q};
  end else begin : gen_k
    logic unused_a;
    assign unused_a = ^{a2_q, pow2_2_q};
    assign a3 = {neg2_q, e2_q};
  end
  always_ff @(posedge clk_i) begin
    pc_we_o     <= lanes2_q;
    pc_addr_o   <= addr2_q;
    pc_second_o <= second2_q;
    pc_data_o   <= {neg2_q, near2_q, w_q, a3, b3};
  end

endmodule
