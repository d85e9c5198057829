// SPDX-License-Identifier: MIT
// The pipe behind CONV and EW: LANES channels per cycle through lanes that move
// together, and the meaning of the formats for them.

module bnn_post #(
  parameter int LANES = 16,
  parameter int DEPTH = 128,
  parameter int MULT  = 1
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  logic                     clear_i,

  input  logic [LANES-1:0]         p_we_i,
  input  logic [$clog2(DEPTH)-1:0] p_addr_i,
  input  logic [372:0]             p_data_i,

  input  logic                     d_p1_i,
  input  logic                     d_p1_pow2_i,
  input  logic                     d_p2_i,
  input  logic                     d_p2_pow2_i,
  input  logic                     d_res_i,       // RES1 or RES2 is there
  input  logic [3:0]               d_ps_i,
  input  logic [4:0]               d_s1_i,
  input  logic [4:0]               d_sb1_i,
  input  logic [4:0]               d_s2_i,
  input  logic [4:0]               d_sb2_i,
  input  logic [4:0]               d_s3_i,
  input  logic [15:0]              d_a3_i,
  input  logic [31:0]              d_b3_i,
  input  logic [4:0]               d_outp_format_i,
  input  logic [4:0]               d_outs_format_i,

  input  logic                     in_valid_i,
  output logic                     in_ready_o,
  input  logic [LANES-1:0]         mask_i,
  input  logic [LANES*32-1:0]      acc_i,
  input  logic [LANES*33-1:0]      res1_i,
  input  logic [LANES*33-1:0]      res2_i,
  input  logic [$clog2(DEPTH)-1:0] entry_i,

  output logic                     out_valid_o,
  input  logic                     out_ready_i,
  output logic [LANES*16-1:0]      v16_o,
  output logic [LANES*16-1:0]      outp_o,
  output logic [LANES*32-1:0]      outs_o,
  output logic [15:0]              sat_o,
  output logic                     busy_o
);

  localparam int STAGES = 13;

  logic              en;
  logic [STAGES-1:0] valid_q;
  assign en          = !out_valid_o || out_ready_i;
  assign in_ready_o  = en;
  assign out_valid_o = valid_q[STAGES-1];
  assign busy_o      = |valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) valid_q <= '0;
    else if (en) valid_q <= {valid_q[STAGES-2:0], in_valid_i};
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

  logic [1:0] outp_kind_q, outs_kind_q;
  logic       outp_byte_q, outs_byte_q;
  logic       outp_signed_q, outs_signed_q, outp_count_q, outs_count_q, straight_q;
  always_ff @(posedge clk_i) begin
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
    straight_q    <= !d_p1_i && !d_p2_i && !d_res_i;
  end

  logic [LANES*4-1:0] sat;
  for (genvar l = 0; l < LANES; l++) begin : gen_lane
    bnn_post_lane #(
      .DEPTH(DEPTH),
      .MULT (MULT)
    ) u_lane (
      .clk_i        (clk_i),
      .en_i         (en),
      .p_we_i       (p_we_i[l]),
      .p_addr_i     (p_addr_i),
      .p_data_i     (p_data_i),
      .p1_i         (d_p1_i),
      .p1_pow2_i    (d_p1_pow2_i),
      .p2_i         (d_p2_i),
      .p2_pow2_i    (d_p2_pow2_i),
      .straight_i   (straight_q),
      .ps_i         (d_ps_i),
      .s1_i         (d_s1_i),
      .sb1_i        (d_sb1_i),
      .s2_i         (d_s2_i),
      .sb2_i        (d_sb2_i),
      .s3_i         (d_s3_i),
      .a3_i         (d_a3_i),
      .b3_i         (d_b3_i),
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
      .res1_i       (res1_i[l*33 +: 33]),
      .res2_i       (res2_i[l*33 +: 33]),
      .entry_i      (entry_i),
      .v16_o        (v16_o[l*16 +: 16]),
      .outp_o       (outp_o[l*16 +: 16]),
      .outs_o       (outs_o[l*32 +: 32]),
      .sat_o        (sat[l*4 +: 4])
    );
  end

  logic [15:0] total;
  always_comb begin
    total = '0;
    for (int l = 0; l < LANES; l++) total = total + 16'(sat[l*4 +: 4]);
  end
  assign sat_o = out_valid_o ? total : 16'd0;

endmodule
