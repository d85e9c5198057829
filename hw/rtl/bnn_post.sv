// SPDX-License-Identifier: MIT
// The pipe behind CONV and EW: LANES channels per cycle through lanes that move
// together, and the meaning of the command's fields for them. Residuals come by
// themselves, to the stage that adds them: no lane has to hold them back.
//
// MULT: 1 multiplies and shifts with multipliers, which FPGAs have beside their
// LUTs; 2 shifts with multiplexers, for devices with few multipliers; 0 is the
// shift-only build, where P1 and P2 take POW2 only and Q3 alone multiplies.

module bnn_post #(
  parameter int LANES = 16,
  parameter int DEPTH = 128,     // parameter records
  parameter int MULT  = 1,
  localparam int AW   = $clog2(DEPTH)
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,

  // A record as loaded, for the lanes of p_we_i, and fields of the command that it is of.
  input  logic [LANES-1:0]    p_we_i,
  input  logic [AW-1:0]       p_addr_i,
  input  logic [372:0]        p_data_i,
  input  logic                p_straight_i,  // neither P1, P2, RES1 nor RES2
  input  logic [1:0]          p_pow2_i,      // P2, P1
  input  logic [4:0]          p_s1_i,
  input  logic [4:0]          p_sb1_i,
  input  logic [4:0]          p_s2_i,
  input  logic [4:0]          p_sb2_i,

  // The command in the pipe.
  input  logic                d_p1_i,
  input  logic                d_p2_i,
  input  logic                d_res1_i,
  input  logic                d_res2_i,
  input  logic [3:0]          d_ps_i,
  input  logic [4:0]          d_s1_i,
  input  logic [4:0]          d_s2_i,
  input  logic [4:0]          d_s3_i,
  input  logic [15:0]         d_a3_i,
  input  logic [31:0]         d_b3_i,
  input  logic [4:0]          d_outp_format_i,
  input  logic [4:0]          d_outs_format_i,

  input  logic                in_valid_i,
  output logic                in_ready_o,
  input  logic [LANES-1:0]    mask_i,
  input  logic [LANES*32-1:0] acc_i,
  input  logic [AW-1:0]       entry_i,

  input  logic                res_valid_i,   // all that there are
  output logic                res_ready_o,
  output logic                res_wait_o,    // a group waits for them
  input  logic [LANES*33-1:0] res1_i,
  input  logic [LANES*33-1:0] res2_i,

  output logic                out_valid_o,
  input  logic                out_ready_i,
  output logic [LANES*16-1:0] v16_o,
  output logic [LANES*16-1:0] outp_o,
  output logic [LANES*32-1:0] outs_o,
  output logic [15:0]         sat_o,         // values that clamps changed, whenever they did
  output logic                busy_o
);

  localparam int STAGES = 22;
  localparam int A_W    = (MULT != 0) ? 17 : 5;

  logic                en;
  logic [STAGES:1]     valid_q, ce;
  logic [19*AW-1:0]    entry_q;              // of stages 1 to 19
  assign res_wait_o  = valid_q[9] && (d_res1_i || d_res2_i) && !res_valid_i;
  assign en          = (!out_valid_o || out_ready_i) && !res_wait_o;
  assign in_ready_o  = en;
  assign res_ready_o = en && valid_q[9];
  assign out_valid_o = valid_q[STAGES];
  assign busy_o      = |valid_q;
  assign ce          = {STAGES{en}} & {valid_q[STAGES-1:1], in_valid_i};

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) valid_q <= '0;
    else if (out_ready_i && out_valid_o && !en) valid_q[STAGES] <= 1'b0;
    else if (en) valid_q <= {valid_q[STAGES-1:1], in_valid_i};
  end
  always_ff @(posedge clk_i) begin
    for (int k = 0; k < 19; k++) if (ce[k+1]) entry_q[k*AW +: AW] <= (k == 0) ? entry_i : entry_q[(k-1)*AW +: AW];
  end

  // ---- formats ----
  function automatic logic is_q3(input logic [4:0] f);
    is_q3 = f != `BNN_FORMAT_NONE && f != `BNN_FORMAT_B1 && f != `BNN_FORMAT_O2 &&
            f != `BNN_FORMAT_S16 && f != `BNN_FORMAT_E_S16 && f != `BNN_FORMAT_E_S32 &&
            f != `BNN_FORMAT_E_U16;
  endfunction
  function automatic logic is_signed_q3(input logic [4:0] f);
    is_signed_q3 = f == `BNN_FORMAT_S4 || f == `BNN_FORMAT_S8 || f == `BNN_FORMAT_E_S4 ||
                   f == `BNN_FORMAT_E_S8;
  endfunction
  function automatic logic is_byte(input logic [4:0] f);
    is_byte = f == `BNN_FORMAT_O8 || f == `BNN_FORMAT_U8 || f == `BNN_FORMAT_S8 ||
              f == `BNN_FORMAT_E_U8 || f == `BNN_FORMAT_E_S8;
  endfunction

  // ---- the command, as the lanes take it ----
  logic [4:0]  s1, s2;
  logic [15:0] ps_one_q, s1_one_q, s2_one_q;
  logic [15:0] s1_over_q;
  logic [5:0]  ps_over_q;
  logic [11:0] s2_over_q;
  logic [4:0]  s1_q, s2_q;
  logic [1:0]  outp_kind_q, outs_kind_q;
  logic        outp_byte_q, outs_byte_q;
  logic        outp_signed_q, outs_signed_q, outp_count_q, outs_count_q;
  assign s1 = d_p1_i ? d_s1_i : 5'd0;
  assign s2 = d_p2_i ? d_s2_i : 5'd0;

  // How many of the three bits from i above what the result holds must equal the sign, shifting by s.
  function automatic logic [1:0] over(input logic [4:0] s, input int i);
    over = (32'(s) <= i) ? 2'd3 : (32'(s) == i + 1) ? 2'd2 : (32'(s) == i + 2) ? 2'd1 : 2'd0;
  endfunction

  always_ff @(posedge clk_i) begin
    s1_q     <= s1;
    s2_q     <= s2;
    ps_one_q <= 16'h8000 >> d_ps_i;
    s1_one_q <= 16'h8000 >> s1[3:0];
    s2_one_q <= 16'h8000 >> s2[3:0];
    for (int g = 0; g < 3; g++) ps_over_q[2*g +: 2] <= over({1'b0, d_ps_i}, 3*g);
    for (int g = 0; g < 8; g++) s1_over_q[2*g +: 2] <= over(s1, 3*g);
    for (int g = 0; g < 6; g++) s2_over_q[2*g +: 2] <= over(s2, 3*g);
    outp_kind_q   <= (d_outp_format_i == `BNN_FORMAT_O2) ? 2'd1 : (d_outp_format_i == `BNN_FORMAT_S16) ? 2'd2
                   : is_q3(d_outp_format_i) ? 2'd3 : 2'd0;
    outs_kind_q   <= (d_outs_format_i == `BNN_FORMAT_E_S32) ? 2'd1 : (d_outs_format_i == `BNN_FORMAT_E_S16) ? 2'd2
                   : is_q3(d_outs_format_i) ? 2'd3 : 2'd0;
    outp_byte_q   <= is_byte(d_outp_format_i);
    outs_byte_q   <= is_byte(d_outs_format_i);
    outp_signed_q <= is_signed_q3(d_outp_format_i);
    outs_signed_q <= is_signed_q3(d_outs_format_i);
    outp_count_q  <= is_q3(d_outp_format_i);
    // The same clamp for both outputs counts once.
    outs_count_q  <= d_outs_format_i == `BNN_FORMAT_E_U16 ||
                     (is_q3(d_outs_format_i) &&
                      !(is_q3(d_outp_format_i) && is_byte(d_outp_format_i) == is_byte(d_outs_format_i) &&
                        is_signed_q3(d_outp_format_i) == is_signed_q3(d_outs_format_i)));
  end

  // A3 and B3 are shifted so that S3 becomes 7, 15, 23 or 31; then bit 6, 14, 22 or 30 rounds.
  logic        [7:0]  s3_one;
  logic        [22:0] a3_q;
  logic        [38:0] b3_shifted_q;
  logic        [39:0] b3_q;
  logic        [31:0] half;
  assign s3_one = 8'h80 >> d_s3_i[2:0];
  assign half   = 32'd64 << {d_s3_i[4:3], 3'd0};
  if (MULT == 1) begin : gen_b3_mult
    logic [23:0] lo;
    logic signed [22:0] hi;
    assign lo = 24'($signed({1'b0, d_b3_i[15:0]}) * $signed({1'b0, s3_one}));
    assign hi = 23'($signed(d_b3_i[31:16]) * $signed({1'b0, s3_one}));
    always_ff @(posedge clk_i) begin
      a3_q         <= 23'($signed(d_a3_i) * $signed({1'b0, s3_one}));
      b3_shifted_q <= {hi, 16'd0} | {15'd0, lo};
    end
  end else begin : gen_b3_shift
    always_ff @(posedge clk_i) begin
      a3_q         <= {{7{d_a3_i[15]}}, d_a3_i} << (3'd7 - d_s3_i[2:0]);
      b3_shifted_q <= {{7{d_b3_i[31]}}, d_b3_i} << (3'd7 - d_s3_i[2:0]);
    end
    logic unused;
    assign unused = ^s3_one;
  end
  always_ff @(posedge clk_i) b3_q <= {b3_shifted_q[38], b3_shifted_q} + {8'd0, half};

  // ---- records ----
  logic [LANES-1:0]  th_we, pc_we, tb_we, q_we;
  logic [AW-1:0]     th_addr;
  logic [AW:0]       pc_addr, tb_addr, q_addr;
  logic [24:0]       th1;
  logic [27:0]       th2;
  logic              pc_second;
  logic [A_W+53:0]   pc_data;
  logic [33:0]       tb_data;
  logic [15:0]       q_data;
  bnn_post_record #(
    .LANES(LANES),
    .DEPTH(DEPTH),
    .MULT (MULT)
  ) u_record (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .p_we_i      (p_we_i),
    .p_addr_i    (p_addr_i),
    .p_data_i    (p_data_i),
    .p_straight_i(p_straight_i),
    .p_pow2_i    (p_pow2_i),
    .p_s1_i      (p_s1_i),
    .p_sb1_i     (p_sb1_i),
    .p_s2_i      (p_s2_i),
    .p_sb2_i     (p_sb2_i),
    .th_we_o     (th_we),
    .th_addr_o   (th_addr),
    .th1_o       (th1),
    .th2_o       (th2),
    .pc_we_o     (pc_we),
    .pc_addr_o   (pc_addr),
    .pc_second_o (pc_second),
    .pc_data_o   (pc_data),
    .tb_we_o     (tb_we),
    .tb_addr_o   (tb_addr),
    .tb_data_o   (tb_data),
    .q_we_o      (q_we),
    .q_addr_o    (q_addr),
    .q_data_o    (q_data)
  );

  // ---- lanes ----
  logic [LANES*9-1:0] sat;
  for (genvar l = 0; l < LANES; l++) begin : gen_lane
    bnn_post_lane #(
      .DEPTH(DEPTH),
      .MULT (MULT)
    ) u_lane (
      .clk_i        (clk_i),
      .ce_i         (ce),
      .th_we_i      (th_we[l]),
      .th_addr_i    (th_addr),
      .th1_i        (th1),
      .th2_i        (th2),
      .pc_we_i      (pc_we[l]),
      .pc_addr_i    (pc_addr),
      .pc_second_i  (pc_second),
      .pc_data_i    (pc_data),
      .tb_we_i      (tb_we[l]),
      .tb_addr_i    (tb_addr),
      .tb_data_i    (tb_data),
      .q_we_i       (q_we[l]),
      .q_addr_i     (q_addr),
      .q_data_i     (q_data),
      .p1_i         (d_p1_i),
      .p2_i         (d_p2_i),
      .res1_i       (d_res1_i),
      .res2_i       (d_res2_i),
      .ps_i         (d_ps_i),
      .ps_one_i     (ps_one_q),
      .ps_over_i    (ps_over_q),
      .s1_i         (s1_q),
      .s1_one_i     (s1_one_q),
      .s1_over_i    (s1_over_q),
      .s2_i         (s2_q),
      .s2_one_i     (s2_one_q),
      .s2_over_i    (s2_over_q),
      .s3_i         (d_s3_i[4:3]),
      .a3_i         (a3_q),
      .b3_i         (b3_q),
      .o2_i         (outp_kind_q == 2'd1),
      .outp_kind_i  (outp_kind_q),
      .outs_kind_i  (outs_kind_q),
      .outp_byte_i  (outp_byte_q),
      .outs_byte_i  (outs_byte_q),
      .outp_signed_i(outp_signed_q),
      .outs_signed_i(outs_signed_q),
      .outp_count_i (outp_count_q),
      .outs_count_i (outs_count_q),
      .mask_i       (mask_i[l]),
      .acc_i        (acc_i[l*32 +: 32]),
      .r1_i         (res1_i[l*33 +: 33]),
      .r2_i         (res2_i[l*33 +: 33]),
      .entry2_i     (entry_q[1*AW +: AW]),
      .entry3_i     (entry_q[2*AW +: AW]),
      .entry11_i    (entry_q[10*AW +: AW]),
      .entry12_i    (entry_q[11*AW +: AW]),
      .entry17_i    (entry_q[16*AW +: AW]),
      .entry19_i    (entry_q[18*AW +: AW]),
      .v16_o        (v16_o[l*16 +: 16]),
      .outp_o       (outp_o[l*16 +: 16]),
      .outs_o       (outs_o[l*32 +: 32]),
      .sat_o        (sat[l*9 +: 9])
    );
  end

  // ---- what the clamps changed, by lane, then in all ----
  logic [LANES*4-1:0] lane_q;
  logic [15:0]        total;
  always_comb begin
    total = '0;
    for (int l = 0; l < LANES; l++) total = total + 16'(lane_q[l*4 +: 4]);
  end
  always_ff @(posedge clk_i) begin
    for (int l = 0; l < LANES; l++)
      lane_q[l*4 +: 4] <= 4'(sat[l*9]) + 4'(sat[l*9+1]) + 4'(sat[l*9+2]) + 4'(sat[l*9+3]) + 4'(sat[l*9+4]) +
                          4'(sat[l*9+5]) + 4'(sat[l*9+6]) + 4'(sat[l*9+7]) + 4'(sat[l*9+8]);
    sat_o <= (!rst_ni || clear_i) ? '0 : total;
  end

endmodule
