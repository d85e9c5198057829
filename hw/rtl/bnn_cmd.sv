// SPDX-License-Identifier: MIT
// Holds one command, checks it in the order of docs/arithmetic.md section 8 and
// resolves its references to addresses. What a unit needs to execute it, and what
// its retirement adds to the counters, is then on the outputs, until the next
// command is loaded.
//
// The checks share one multiplier and one divider; a command takes some tens of
// cycles, or a few hundred where sizes have to be divided.

module bnn_cmd #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 256,
  parameter int WINDOW_WORDS = 256,
  parameter int FEATURES     = 1
) (
  input  logic          clk_i,
  input  logic          rst_ni,
  input  logic          clear_i,

  input  logic          load_i,         // beats of the command, first to last
  input  logic [2:0]    load_beat_i,
  input  logic [127:0]  load_data_i,
  input  logic          start_i,
  output logic          done_o,         // pulse
  output logic          bad_o,          // with done and after
  output logic [3:0]    status_o,
  output logic [3:0]    detail_o,
  output logic [4:0]    word_o,
  output logic [16:0]   access_o,       // as COMPLETION.ACCESS
  output logic [7:0]    opcode_o,

  // Regions of the job, as of this iteration.
  output logic [4:0]    region_o,
  input  logic [31:0]   region_va_i,
  input  logic [32:0]   region_size_i,  // 0: not bound
  input  logic          region_r_i,
  input  logic          region_w_i,
  input  logic [21:0]   act_bytes_i,

  // Resolved.
  output logic [12:0]   h_o,
  output logic [12:0]   w_o,
  output logic [12:0]   oh_o,
  output logic [12:0]   ow_o,
  output logic [13:0]   cin_o,
  output logic [13:0]   cout_o,
  output logic [13:0]   group_o,        // POOL
  output logic [6:0]    kh_o,
  output logic [6:0]    kw_o,
  output logic [5:0]    taps_o,         // CONV: KH * KW
  output logic [6:0]    sh_o,
  output logic [6:0]    sw_o,
  output logic [2:0]    dh_o,
  output logic [2:0]    dw_o,
  output logic [5:0]    pad_t_o,
  output logic [5:0]    pad_l_o,
  output logic [1:0]    pad_mode_o,
  output logic [3:0]    shift_o,
  output logic [1:0]    mode_o,
  output logic          planar_o,
  output logic          shared_o,
  output logic [7:0]    levels_o,
  output logic          p1_o,
  output logic          p1_pow2_o,
  output logic          p2_o,
  output logic          p2_pow2_o,
  output logic          narrow_o,
  output logic          sum_en_o,
  output logic          frac_o,
  output logic          record_o,       // parameter records are read
  output logic [4:0]    s1_o,
  output logic [4:0]    sb1_o,
  output logic [4:0]    s2_o,
  output logic [4:0]    sb2_o,
  output logic [4:0]    s3_o,
  output logic [15:0]   a3_o,
  output logic [31:0]   b3_o,
  output logic [39:0]   res_o,          // RES2, RES1: {ALIGN 4, ZERO, WIN, C 14}
  output logic [24:0]   formats_o,      // {RES2, RES1, OUTS, OUTP, IN}
  output logic [2:0]    wformat_o,
  output logic [1:0]    wmode_o,
  output logic [3:0]    tau_o,
  output logic [7:0]    tile_p_o,
  output logic [13:0]   groups_o,
  output logic [13:0]   cg_o,           // channels of a group, in and out
  output logic [13:0]   og_o,
  output logic [13:0]   rows_o,         // of stored weights: COUT, fewer if TILED
  output logic [39:0]   flat_o,         // TILED_FLAT: stored weights
  output logic [19:0]   div_o,          // POOL

  // References by slot: 0 IN, 1 WEIGHT or TABLE, 2 PARAM, 3 OUTP or OUT, 4 OUTS,
  // 5 RES1, 6 RES2, 7 SUM. Addresses are virtual, or offsets on chip.
  output logic [7:0]    ref_used_o,
  output logic [7:0]    ref_onchip_o,
  output logic [8*6-1:0]  ref_region_o,
  output logic [8*32-1:0] ref_addr_o,
  output logic [8*33-1:0] ref_end_o,    // address behind the extent
  output logic [8*24-1:0] ref_row_o,    // bytes from row to row
  output logic [8*17-1:0] ref_pixel_o,  // from pixel to pixel
  output logic [8*32-1:0] ref_plane_o,  // from plane to plane

  // What retirement adds to the counters; MACs are what bnn_retire makes of them.
  output logic [2:0]    mac_shift_o,    // log2 of the planes of IN times those of the weights
  output logic [39:0]   bytes_weights_o,
  output logic [39:0]   bytes_act_o,
  output logic [39:0]   bytes_residual_o,
  output logic [39:0]   bytes_written_o
);

  logic [1023:0] cmd_q;

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 8; i++) if (load_i && load_beat_i == 3'(i)) cmd_q[i*128 +: 128] <= load_data_i;
  end

  // Each generated function looks at the bits of its own opcode only.
  /* verilator lint_off UNUSED */
  `include "bnn_hw_checks.vh"
  /* verilator lint_on UNUSED */

  localparam logic [7:0] OP_NOP = `BNN_CMD_NOP, OP_END = `BNN_CMD_END, OP_ENC = `BNN_CMD_ENC,
                         OP_PREFETCH = `BNN_CMD_PREFETCH, OP_GATEFOLD = `BNN_CMD_GATEFOLD,
                         OP_CONV = `BNN_CMD_CONV, OP_EW = `BNN_CMD_EW, OP_POOL = `BNN_CMD_POOL,
                         OP_TRANSPOSE = `BNN_CMD_TRANSPOSE;

  // ---- fields; shape fields lie alike in all commands that have them ----
  logic [7:0]  op;
  logic        is_enc, is_conv, is_pool, is_ew, is_fold, is_turn;
  assign op      = cmd_q[7:0];
  assign is_enc  = op == OP_ENC;
  assign is_conv = op == OP_CONV;
  assign is_pool = op == OP_POOL;
  assign is_ew   = op == OP_EW;
  assign is_fold = op == OP_GATEFOLD;
  assign is_turn = op == OP_TRANSPOSE;

  logic [13:0] groups;
  logic [7:0]  tile_p;
  logic [1:0]  wmode;
  logic [2:0]  wformat;
  logic [4:0]  in_format, out_format, outs_format, res1_format, res2_format;
  assign groups      = cmd_q[`BNN_CONV_GROUPS];
  assign tile_p      = cmd_q[`BNN_CONV_TILE_P];
  assign wmode       = cmd_q[`BNN_CONV_WMODE];
  assign wformat     = cmd_q[`BNN_CONV_WFORMAT];
  assign in_format   = cmd_q[`BNN_CONV_IN_FORMAT];
  assign out_format  = cmd_q[`BNN_CONV_OUTP_FORMAT];
  assign outs_format = cmd_q[`BNN_CONV_OUTS_FORMAT];
  assign res1_format = cmd_q[`BNN_CONV_RES1_FORMAT];
  assign res2_format = cmd_q[`BNN_CONV_RES2_FORMAT];

  logic p1, p1_pow2, p2, p2_pow2, narrow, sum_en, frac;
  assign p1      = cmd_q[`BNN_CONV_P1];
  assign p1_pow2 = cmd_q[`BNN_CONV_P1_POW2];
  assign p2      = cmd_q[`BNN_CONV_P2];
  assign p2_pow2 = cmd_q[`BNN_CONV_P2_POW2];
  assign narrow  = cmd_q[`BNN_CONV_NARROW];
  assign sum_en  = cmd_q[`BNN_CONV_SUM_EN];
  assign frac    = is_conv && cmd_q[`BNN_CONV_FRAC];

  logic [5:0] pad_b, pad_r;
  assign opcode_o   = op;
  assign h_o        = cmd_q[`BNN_CONV_H];
  assign w_o        = cmd_q[`BNN_CONV_W];
  assign cin_o      = (is_ew || is_fold) ? cout_q : cmd_q[`BNN_CONV_CIN];
  assign group_o    = cmd_q[`BNN_POOL_GROUP];
  assign kh_o       = is_pool ? cmd_q[`BNN_POOL_KH] : {3'd0, cmd_q[`BNN_CONV_KH]};
  assign kw_o       = is_pool ? cmd_q[`BNN_POOL_KW] : {3'd0, cmd_q[`BNN_CONV_KW]};
  assign sh_o       = is_pool ? cmd_q[`BNN_POOL_SH] : {4'd0, cmd_q[`BNN_CONV_SH]};
  assign sw_o       = is_pool ? cmd_q[`BNN_POOL_SW] : {4'd0, cmd_q[`BNN_CONV_SW]};
  assign dh_o       = is_pool ? 3'd1 : cmd_q[`BNN_CONV_DH];
  assign dw_o       = is_pool ? 3'd1 : cmd_q[`BNN_CONV_DW];
  assign pad_t_o    = is_pool ? cmd_q[`BNN_POOL_PAD_T] : {1'b0, cmd_q[`BNN_CONV_PAD_T]};
  assign pad_l_o    = is_pool ? cmd_q[`BNN_POOL_PAD_L] : {1'b0, cmd_q[`BNN_CONV_PAD_L]};
  assign pad_b      = is_pool ? cmd_q[`BNN_POOL_PAD_B] : {1'b0, cmd_q[`BNN_CONV_PAD_B]};
  assign pad_r      = is_pool ? cmd_q[`BNN_POOL_PAD_R] : {1'b0, cmd_q[`BNN_CONV_PAD_R]};
  assign pad_mode_o = cmd_q[`BNN_CONV_PAD_MODE];
  assign shift_o    = cmd_q[`BNN_CONV_PS];
  assign mode_o     = is_pool ? cmd_q[`BNN_POOL_MODE] : cmd_q[`BNN_ENC_MODE];
  assign planar_o   = cmd_q[`BNN_ENC_PLANAR];
  assign shared_o   = cmd_q[`BNN_ENC_SHARED];
  assign levels_o   = cmd_q[`BNN_ENC_LEVELS];
  assign p1_o       = p1;
  assign p1_pow2_o  = p1_pow2;
  assign p2_o       = p2;
  assign p2_pow2_o  = p2_pow2;
  assign narrow_o   = narrow;
  assign sum_en_o   = sum_en;
  assign frac_o     = frac;
  assign record_o   = p1 || p2 || frac || out_format == `BNN_FORMAT_B1 || out_format == `BNN_FORMAT_O2;
  assign s1_o       = cmd_q[`BNN_CONV_S1];
  assign sb1_o      = cmd_q[`BNN_CONV_SB1];
  assign s2_o       = cmd_q[`BNN_CONV_S2];
  assign sb2_o      = cmd_q[`BNN_CONV_SB2];
  assign s3_o       = cmd_q[`BNN_CONV_S3];
  assign a3_o       = cmd_q[`BNN_CONV_A3];
  assign b3_o       = cmd_q[`BNN_CONV_B3];
  assign res_o      = {cmd_q[8*32 +: 20], cmd_q[7*32 +: 20]};
  assign formats_o  = {res2_format, res1_format, outs_format, out_format, in_format};
  assign wformat_o  = wformat;
  assign wmode_o    = wmode;
  assign tau_o      = cmd_q[`BNN_CONV_TAU];
  assign tile_p_o   = tile_p;
  assign mac_shift_o = frac ? 3'd0 : code_log2(in_format) + 3'(weight_log2(wformat));
  assign groups_o   = groups;
  assign cg_o       = cg_q;
  assign og_o       = og_q;
  assign rows_o     = (wmode == 2'd1) ? tiled_q[13:0] : cout_q;
  assign flat_o     = tiled_q;
  assign div_o      = cmd_q[`BNN_POOL_DIV];

  // In the order of bnn_check_fields.
  logic [8:0] is;
  assign is = {is_turn, is_pool, is_ew, is_conv, is_fold, op == OP_PREFETCH, is_enc, op == OP_END, op == OP_NOP};

  // ---- formats, by code ----
  function automatic logic is_planes(input logic [4:0] f);
    is_planes = f >= `BNN_FORMAT_B1 && f <= `BNN_FORMAT_S16;
  endfunction
  function automatic logic is_elements(input logic [4:0] f);
    is_elements = f >= `BNN_FORMAT_E_O4 && f <= `BNN_FORMAT_E_S32;
  endfunction
  function automatic logic is_residual(input logic [4:0] f);
    is_residual = f == `BNN_FORMAT_E_O4 || f == `BNN_FORMAT_E_U8 || f == `BNN_FORMAT_E_S8 ||
                  f == `BNN_FORMAT_E_S16;
  endfunction
  function automatic logic is_sum(input logic [4:0] f);
    is_sum = f == `BNN_FORMAT_E_U8 || f == `BNN_FORMAT_E_S8 || f == `BNN_FORMAT_E_S16 ||
             f == `BNN_FORMAT_E_S32;
  endfunction
  function automatic logic is_code(input logic [4:0] f);  // at most 8 bits
    is_code = (f >= `BNN_FORMAT_B1 && f <= `BNN_FORMAT_S8) ||
              (f >= `BNN_FORMAT_E_O4 && f <= `BNN_FORMAT_E_S8);
  endfunction
  function automatic logic is_whole(input logic [4:0] f);  // bytes
    is_whole = f >= `BNN_FORMAT_E_U8 && f <= `BNN_FORMAT_E_S32;
  endfunction
  function automatic logic [3:0] planes_less_1(input logic [4:0] f);
    case (f)
      `BNN_FORMAT_O2:                                  planes_less_1 = 4'd1;
      `BNN_FORMAT_O4, `BNN_FORMAT_U4, `BNN_FORMAT_S4:  planes_less_1 = 4'd3;
      `BNN_FORMAT_O8, `BNN_FORMAT_U8, `BNN_FORMAT_S8:  planes_less_1 = 4'd7;
      `BNN_FORMAT_S16:                                 planes_less_1 = 4'd15;
      default:                                         planes_less_1 = 4'd0;
    endcase
  endfunction
  // log2 of the bits of a pixel's element in memory, of a code, of a weight
  function automatic logic [2:0] bits_log2(input logic [4:0] f);
    case (f)
      `BNN_FORMAT_E_O4, `BNN_FORMAT_E_U4, `BNN_FORMAT_E_S4: bits_log2 = 3'd2;
      `BNN_FORMAT_E_U8, `BNN_FORMAT_E_S8:                   bits_log2 = 3'd3;
      `BNN_FORMAT_E_U16, `BNN_FORMAT_E_S16:                 bits_log2 = 3'd4;
      `BNN_FORMAT_E_S32:                                    bits_log2 = 3'd5;
      default:                                              bits_log2 = 3'd0;
    endcase
  endfunction
  function automatic logic [2:0] code_log2(input logic [4:0] f);
    case (planes_less_1(f))
      4'd1:    code_log2 = 3'd1;
      4'd3:    code_log2 = 3'd2;
      4'd7:    code_log2 = 3'd3;
      4'd15:   code_log2 = 3'd4;
      default: code_log2 = bits_log2(f);
    endcase
  endfunction
  function automatic logic [1:0] weight_log2(input logic [2:0] f);
    case (f)
      `BNN_WFORMAT_T, `BNN_WFORMAT_O2:  weight_log2 = 2'd1;
      `BNN_WFORMAT_O4, `BNN_WFORMAT_S4: weight_log2 = 2'd2;
      `BNN_WFORMAT_O8, `BNN_WFORMAT_S8: weight_log2 = 2'd3;
      default:                          weight_log2 = 2'd0;
    endcase
  endfunction
  function automatic logic is_conv_in(input logic [4:0] f);
    is_conv_in = is_planes(f) || (is_elements(f) && f != `BNN_FORMAT_E_U16 && f != `BNN_FORMAT_E_S32);
  endfunction
  // Largest magnitude; 0 where the format is not one CONV takes, which step 4 tells.
  function automatic logic [15:0] in_max(input logic [4:0] f);
    case (f)
      `BNN_FORMAT_B1:                                           in_max = 16'd1;
      `BNN_FORMAT_O2:                                           in_max = 16'd3;
      `BNN_FORMAT_O4, `BNN_FORMAT_U4, `BNN_FORMAT_E_O4, `BNN_FORMAT_E_U4: in_max = 16'd15;
      `BNN_FORMAT_O8, `BNN_FORMAT_U8, `BNN_FORMAT_E_U8:         in_max = 16'd255;
      `BNN_FORMAT_S4, `BNN_FORMAT_E_S4:                         in_max = 16'd8;
      `BNN_FORMAT_S8, `BNN_FORMAT_E_S8:                         in_max = 16'd128;
      `BNN_FORMAT_S16, `BNN_FORMAT_E_S16:                       in_max = 16'd32768;
      default:                                                  in_max = 16'd0;
    endcase
  endfunction
  function automatic logic [7:0] weight_max(input logic [2:0] f);
    case (f)
      `BNN_WFORMAT_O2: weight_max = 8'd3;
      `BNN_WFORMAT_O4: weight_max = 8'd15;
      `BNN_WFORMAT_O8: weight_max = 8'd255;
      `BNN_WFORMAT_S4: weight_max = 8'd8;
      `BNN_WFORMAT_S8: weight_max = 8'd128;
      default:         weight_max = 8'd1;
    endcase
  endfunction

  // Legal, but not in this build. A format that is not legal here is told later.
  localparam logic [31:0] FEAT = FEATURES;
  logic [31:0] need;
  logic        unsupported;
  function automatic logic [31:0] need_format(input logic [4:0] f);
    need_format = '0;
    if (is_elements(f)) need_format[`BNN_FEATURES_STREAM_BIT] = 1'b1;
    else if (is_planes(f) && f != `BNN_FORMAT_B1) need_format[`BNN_FEATURES_PLANES_BIT] = 1'b1;
  endfunction
  always_comb begin
    need = '0;
    case (op)
      OP_GATEFOLD:         need[`BNN_FEATURES_POST_BIT] = 1'b1;
      OP_TRANSPOSE:        need[`BNN_FEATURES_STREAM_BIT] = 1'b1;
      OP_ENC:              if (mode_o == 2'd0 && is_code(out_format)) need = need_format(out_format);
      OP_POOL:             if (is_sum(in_format)) need[`BNN_FEATURES_STREAM_BIT] = 1'b1;
      OP_CONV, OP_EW: begin
        if (is_planes(out_format)) need = need | need_format(out_format);
        if (is_elements(outs_format)) need[`BNN_FEATURES_STREAM_BIT] = 1'b1;
        if (is_residual(res1_format) || is_residual(res2_format)) begin
          need[`BNN_FEATURES_STREAM_BIT] = 1'b1;
          need[`BNN_FEATURES_POST_BIT]   = 1'b1;
        end
        if (p1 || p2 || sum_en || is_elements(outs_format) ||
            (is_planes(out_format) && (out_format != `BNN_FORMAT_B1 || !narrow))) need[`BNN_FEATURES_POST_BIT] = 1'b1;
        if (is_ew) begin
          need[`BNN_FEATURES_STREAM_BIT] = 1'b1;
          need[`BNN_FEATURES_POST_BIT]   = 1'b1;
          need = need | need_format(in_format);
        end else begin
          if (is_conv_in(in_format)) need = need | need_format(in_format);
          if (frac) begin
            need[`BNN_FEATURES_FRAC_BIT] = 1'b1;
            need[`BNN_FEATURES_POST_BIT] = 1'b1;
          end
          if (wformat != `BNN_WFORMAT_B1) need[`BNN_FEATURES_PLANES_BIT] = 1'b1;
          if (groups != 14'd1 || dh_o != 3'd1 || dw_o != 3'd1) need[`BNN_FEATURES_GROUPS_BIT] = 1'b1;
          if (wmode == 2'd3) need[`BNN_FEATURES_CODEBOOK_BIT] = 1'b1;
          if (wmode == 2'd1 || wmode == 2'd2) need[`BNN_FEATURES_TILED_BIT] = 1'b1;
        end
      end
      default: ;
    endcase
    unsupported = |(need & ~FEAT) || (FEAT[`BNN_FEATURES_SHIFT_ONLY_BIT] && (is_conv || is_ew) &&
                                      ((p1 && !p1_pow2) || (p2 && !p2_pow2)));
  end

  // ---- shared arithmetic: one factor is short ----
  logic [31:0] mul_a_q;
  logic [16:0] mul_b_q;
  logic [48:0] mul_p;
  assign mul_p = {17'd0, mul_a_q} * {32'd0, mul_b_q};

  logic above_8192;
  assign above_8192 = |mul_p[48:14] || (mul_p[13] && |mul_p[12:0]);

  logic        div_start_q, div_done;
  logic [39:0] div_n_q, div_q;
  logic [13:0] div_d_q, div_r;

  bnn_divide #(
    .WIDTH(40),
    .DIV_W(14)
  ) u_divide (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .start_i    (div_start_q),
    .dividend_i (div_n_q),
    .divisor_i  (div_d_q),
    .done_o     (div_done),
    .quotient_o (div_q),
    .remainder_o(div_r)
  );
  logic        div_ready, far;
  logic [12:0] moves;
  assign div_ready = div_done && !div_start_q;
  assign moves     = (div_d_q == 14'd1 ? div_n_q[12:0] : div_q[12:0]) + 13'd1;
  assign far       = |(div_d_q == 14'd1 ? div_n_q[14:12] : div_q[14:12]);

  // ---- sequence ----
  localparam logic [5:0]
    IDLE = 6'd0, FIELDS = 6'd1, FIELDS2 = 6'd2, ENC_1 = 6'd3, GRP_1 = 6'd5, GRP_2 = 6'd6,
    PAD_1 = 6'd8, PAD_2 = 6'd9,
    KRN_1 = 6'd14, KRN_2 = 6'd15, TILE_1 = 6'd16, TILE_2 = 6'd17, TILE_3 = 6'd18, TILE_4 = 6'd19,
    ACC_1 = 6'd20, ACC_2 = 6'd21, PIPE = 6'd23, PGRP = 6'd24, PEND = 6'd25, TRN_1 = 6'd26,
    SUPPORT = 6'd27, SIZE_1 = 6'd28, SIZE_2 = 6'd29, SIZE_3 = 6'd30, SIZE_4 = 6'd31,
    REF = 6'd32, TEN_1 = 6'd33, TEN_2 = 6'd34, TEN_3 = 6'd35, EXTENT = 6'd36, BOUND = 6'd37,
    OVERLAP = 6'd38, OVERLAPS = 6'd39, PASSED = 6'd42, SIZE_5 = 6'd45, SIZE_6 = 6'd46, TEN_4 = 6'd47, TEN_5 = 6'd10, TEN_6 = 6'd11,
    CAP_1 = 6'd48, CAP_2 = 6'd49;

  logic [5:0]  state_q;
  logic [15:0] field_code_q;
  logic        known_q;
  logic [13:0] cg_q, og_q;              // channels of a group, in and out
  logic [39:0] tiled_q;                 // quotient by TILE_P
  logic [12:0] oh_q, ow_q;
  logic [13:0] cout_q;                  // channels of the output
  logic [18:0] k_q;
  logic        across_q;                // the axis at hand: W
  logic [6:0]  kernel, dilated, stride; // its kernel
  logic [2:0]  dilation;

  // (kernel - 1) * dilation + 1; at most 25 for CONV
  logic [5:0]  pad_before, pad_after;
  logic [14:0] span, travel;              // with the padding; what the kernel can move
  assign kernel     = across_q ? kw_o : kh_o;
  assign dilation   = across_q ? dw_o : dh_o;
  assign stride     = across_q ? sw_o : sh_o;
  assign pad_before = across_q ? pad_l_o : pad_t_o;
  assign pad_after  = across_q ? pad_r : pad_b;
  assign dilated    = is_pool ? kernel : (7'(kernel[2:0]) - 7'd1) * 7'(dilation) + 7'd1;
  assign span       = {2'd0, across_q ? w_o : h_o} + 15'(pad_before) + 15'(pad_after);
  assign travel     = span - 15'(dilated);

  // ---- references ----
  // slot: 0 IN (word 11), 1 WEIGHT, TABLE (14), 2 PARAM (16), 3 OUT (18),
  //       4 OUTS (21), 5 RES1 (24), 6 RES2 (27), 7 SUM (30)
  logic [2:0]  slot_q;
  logic [4:0]  slot_word;
  // Of a reference there are looked at 31 bits of its second word and, of a tensor, 16 of its third:
  // the others are reserved.
  localparam int REF_W = 32 + 31 + 16;
  logic [31:0] word0;
  logic [30:0] word1;
  logic [15:0] word2;
  logic [REF_W-1:0] slot_words;
  always_comb begin
    case (slot_q)
      3'd0:    slot_words[62:0] = cmd_q[11*32 +: 63];
      3'd1:    slot_words[62:0] = cmd_q[14*32 +: 63];
      3'd2:    slot_words[62:0] = cmd_q[16*32 +: 63];
      3'd3:    slot_words[62:0] = cmd_q[18*32 +: 63];
      3'd4:    slot_words[62:0] = cmd_q[21*32 +: 63];
      3'd5:    slot_words[62:0] = cmd_q[24*32 +: 63];
      3'd6:    slot_words[62:0] = cmd_q[27*32 +: 63];
      default: slot_words[62:0] = cmd_q[30*32 +: 63];
    endcase
    // Slots 1, 2 and 7 are no tensors.
    case (slot_q)
      3'd3:    slot_words[78:63] = cmd_q[20*32 +: 16];
      3'd4:    slot_words[78:63] = cmd_q[23*32 +: 16];
      3'd5:    slot_words[78:63] = cmd_q[26*32 +: 16];
      3'd6:    slot_words[78:63] = cmd_q[29*32 +: 16];
      default: slot_words[78:63] = cmd_q[13*32 +: 16];
    endcase
    case (slot_q)
      3'd0:    slot_word = 5'd11;
      3'd1:    slot_word = 5'd14;
      3'd2:    slot_word = 5'd16;
      3'd3:    slot_word = 5'd18;
      3'd4:    slot_word = 5'd21;
      3'd5:    slot_word = 5'd24;
      3'd6:    slot_word = 5'd27;
      default: slot_word = 5'd30;
    endcase
  end

  logic        is_tensor, legal, present, may_none;
  logic [4:0]  format;
  assign format    = word1[10:6];
  assign is_tensor = !is_fold && ((slot_q == 3'd0 && !is_enc) || (slot_q >= 3'd3 && slot_q <= 3'd6));
  assign may_none  = (is_conv || is_ew) && slot_q >= 3'd3;
  always_comb begin
    // Whether the command has this reference at all.
    case (op)
      OP_CONV:               present = 1'b1;
      OP_EW:                 present = slot_q != 3'd1;
      OP_ENC:                present = slot_q == 3'd0 || slot_q == 3'd1 || slot_q == 3'd3;
      OP_POOL, OP_TRANSPOSE: present = slot_q == 3'd0 || slot_q == 3'd3;
      OP_GATEFOLD:           present = slot_q == 3'd0 || slot_q == 3'd2 || slot_q == 3'd3;
      OP_PREFETCH:           present = slot_q == 3'd1;
      default:               present = 1'b0;
    endcase
    case (slot_q)
      3'd4:       legal = is_elements(format);
      3'd5, 3'd6: legal = is_residual(format);
      default: begin
        if (is_pool) legal = is_sum(format) || (format == `BNN_FORMAT_B1 && mode_o != 2'd0);
        else if (is_turn) legal = is_whole(format);
        else if (is_enc) legal = (mode_o == 2'd0) ? is_code(format) : format == `BNN_FORMAT_B1;
        else if (slot_q == 3'd3) legal = is_planes(format);
        else legal = is_ew ? is_planes(format) || is_elements(format) : is_conv_in(format);
      end
    endcase
  end

  // Shape of the tensor of the slot.
  logic [13:0] chan, t_h, t_w;
  logic [14:0] res_word;
  logic [14:0] pieces;                  // 16-bit pieces of a pixel (and plane)
  logic [16:0] pixel;
  logic [27:0] area;
  logic [2:0]  planes_log2;
  assign res_word    = (slot_q == 3'd5) ? cmd_q[7*32 +: 15] : cmd_q[8*32 +: 15];
  assign planes_log2 = is_planes(format) ? code_log2(format) : 3'd0;
  always_comb begin
    t_h  = {1'b0, oh_q};
    t_w  = {1'b0, ow_q};
    chan = cout_q;
    area = {2'd0, out_area_q};
    case (slot_q)
      3'd0: begin
        t_h  = {1'b0, h_o};
        t_w  = {1'b0, w_o};
        chan = cin_o;
        area = {2'd0, in_area_q};
      end
      3'd5, 3'd6: begin
        t_h  = {1'b0, oh_q} << res_word[14];
        t_w  = {1'b0, ow_q} << res_word[14];
        chan = res_word[13:0];
        area = {2'd0, out_area_q} << {res_word[14], 1'b0};
      end
      default: begin
        if (is_turn) begin
          t_h  = 14'd1;
          t_w  = cin_o;
          chan = in_area_q[13:0];
          area = {14'd0, cin_o};
        end
      end
    endcase
  end
  // Also those of a group's channels, alone and as weights.
  logic        of_group;
  logic [13:0] of_chan;
  logic [2:0]  of_log2;
  assign of_group = state_q == SUPPORT || state_q == SIZE_3;
  assign of_chan  = of_group ? cg_q : chan;
  assign of_log2  = (state_q == SUPPORT) ? 3'd0 : (state_q == SIZE_3) ? {1'b0, weight_log2(wformat)} : bits_log2(format);
  assign pieces   = 15'((20'(of_chan) << of_log2) + 20'd15 >> 4);
  assign pixel  = (word2 != 16'd0) ? {word2, 1'b0} : {1'b0, pieces, 1'b0};

  logic [39:0] extent_q, end_q, payload_q;
  logic [31:0] base;
  logic [64:0] bound;                     // {end, address}
  logic [30:0] row_need_q;
  logic [35:0] plane_q, plane;
  logic        onchip;
  logic [32:0] limit;
  assign onchip   = word1[5:0] == 6'd63;
  assign region_o = word1[4:0];
  assign plane    = 36'((mul_p[36:0] + 37'd63) & ~37'd63);
  assign limit    = onchip ? {11'd0, act_bytes_i} : region_size_i;

  // What a row needs more than there is; and what it, or planes, add to an extent.
  logic [31:0] slack;
  logic [39:0] extent_sum;
  assign slack      = {1'b0, row_need_q} - {8'd0, word1[30:11], 4'd0};
  assign extent_sum = mul_p[39:0] + ((state_q == TEN_3) ? {{8{slack[31]}}, slack} : extent_q);

  assign base     = onchip ? 32'd0 : region_va_i;
  assign bound    = {33'(base) + end_q[32:0], base + word0};

  // Found so far, by slot.
  logic [7:0]  ref_used_q, ref_onchip_q;
  logic [31:0] ref_addr_q  [0:7];
  logic [32:0] ref_end_q   [0:7];
  logic [31:0] ref_plane_q [0:7];
  logic [23:0] ref_row_q   [0:7];
  logic [16:0] ref_pixel_q [0:7];

  // Overlaps of an output with inputs and with earlier outputs: one after the other.
  logic [66:0] extents [0:7];             // {used, onchip, end, address}
  logic [66:0] out_q, other_q;
  logic [2:0]  out_slot_q, other_slot_q;
  logic        other_v_q, later, hit;

  always_ff @(posedge clk_i) begin
    if (state_q == EXTENT) extents[slot_q] <= {ref_used_q[slot_q], onchip, bound};
  end

  // The output itself and those behind it are not compared.
  assign later = other_slot_q == 3'd7 || (other_slot_q == 3'd4 && out_slot_q != 3'd7) ||
                 (other_slot_q == 3'd3 && out_slot_q == 3'd3);
  assign hit   = other_v_q && out_q[66] && other_q[66] && !later && out_q[65] == other_q[65] &&
                 {1'b0, other_q[31:0]} < out_q[64:32] && {1'b0, out_q[31:0]} < other_q[64:32] &&
                 !(out_slot_q == 3'd4 && in_place);

  // OUTS in all three words what an input is, whose words are at hand.
  logic        in_place;
  logic [14:0] other_res;
  assign other_res = other_slot_q[0] ? cmd_q[7*32 +: 15] : cmd_q[8*32 +: 15];
  assign in_place  = ref_words_q == {cmd_q[23*32 +: 16], cmd_q[21*32 +: 63]} &&
                     ((other_slot_q == 3'd0) ? is_ew
                      : (other_slot_q == 3'd5 || other_slot_q == 3'd6) && other_res == {1'b0, cout_q});

  // Streams and regions of the slots.
  function automatic logic [2:0] stream_of(input logic [2:0] slot);
    case (slot)
      3'd0:       stream_of = is_fold ? 3'd6 : 3'd3;
      3'd1:       stream_of = is_enc ? 3'd6 : (op == OP_PREFETCH && cmd_q[`BNN_PREFETCH_PARAMS]) ? 3'd2 : 3'd1;
      3'd2:       stream_of = 3'd2;
      3'd5, 3'd6: stream_of = 3'd5;
      default:    stream_of = 3'd4;
    endcase
  endfunction
  assign ref_region_o = {cmd_q[31*32 +: 6], cmd_q[28*32 +: 6], cmd_q[25*32 +: 6], cmd_q[22*32 +: 6],
                         cmd_q[19*32 +: 6], cmd_q[17*32 +: 6], cmd_q[15*32 +: 6], cmd_q[12*32 +: 6]};

  // Sizes in bytes of the vectors.
  logic [39:0] vector_bytes;
  logic [25:0] in_area_q, out_area_q;
  logic [39:0] enc_bytes_q, weight_bytes_q;
  always_comb begin
    case (slot_q)
      3'd0:    vector_bytes = is_fold ? {25'd0, cout_q, 1'b0} : enc_bytes_q;
      3'd1:    vector_bytes = is_enc ? (shared_o ? 40'd256 : {18'd0, cin_o, 8'd0})
                                     : is_conv ? weight_bytes_q : {8'd0, cmd_q[`BNN_PREFETCH_BYTES]};
      3'd7:    vector_bytes = {24'd0, cout_q, 2'd0};
      default: vector_bytes = (narrow && !is_fold) ? {23'd0, cout_q, 3'd0} : {20'd0, cout_q, 6'd0};
    endcase
  end

  // What the bytes of the slot are added to.
  logic [39:0] bytes_sum;
  assign bytes_sum = payload_q + (is_output ? bytes_written_o : (slot_q == 3'd0 || is_fold) ? bytes_act_o
                                  : (slot_q >= 3'd5) ? bytes_residual_o : bytes_weights_o);

  logic [12:0] book;                      // bytes of the codebook
  assign book = (cmd_q[`BNN_CONV_TAU] < 4'd3) ? 13'd64 : 13'd8 << cmd_q[`BNN_CONV_TAU];

  // Words of the reference at hand.
  logic [REF_W-1:0] ref_words_q;
  assign {word2, word1, word0} = ref_words_q;

  assign done_o        = state_q == PASSED;
  assign cout_o        = cout_q;
  assign oh_o          = oh_q;
  assign ow_o          = ow_q;
  assign ref_used_o    = ref_used_q;
  assign ref_onchip_o  = ref_onchip_q;
  for (genvar i = 0; i < 8; i++) begin : gen_ref
    assign ref_addr_o[i*32 +: 32]  = ref_addr_q[i];
    assign ref_end_o[i*33 +: 33]   = ref_end_q[i];
    assign ref_row_o[i*24 +: 24]   = ref_row_q[i];
    assign ref_pixel_o[i*17 +: 17] = ref_pixel_q[i];
    assign ref_plane_o[i*32 +: 32] = ref_plane_q[i];
  end
  assign taps_o          = 6'(kh_o[2:0]) * 6'(kw_o[2:0]);

  logic       is_output;
  logic [5:0] out_region;
  logic [4:0] out_word;
  assign is_output  = slot_q == 3'd3 || slot_q == 3'd4 || slot_q == 3'd7;
  assign out_region = (out_slot_q == 3'd3) ? cmd_q[19*32 +: 6] : (out_slot_q == 3'd4) ? cmd_q[22*32 +: 6]
                                                                                      : cmd_q[31*32 +: 6];
  assign out_word   = (out_slot_q == 3'd3) ? 5'd18 : (out_slot_q == 3'd4) ? 5'd21 : 5'd30;

  // What CONV needs of the memories, in words.
  localparam int WH  = LANE_BITS / 16;
  localparam int TPH = (LANES < 16) ? 16 / LANES : 1;
  logic [15:0] mul_p_q;                 // pieces of a window
  logic [19:0] weight_most;
  logic [15:0] window_pieces;
  // ceil(pieces * bits / WH) * TPH > WEIGHT_WORDS, and of a window's words a half of the buffer
  // in all passes, both as limits of pieces.
  function automatic logic [15:0] window_most(input int passes);
    window_most = 16'(WINDOW_WORDS / 2 / passes * WH);
  endfunction
  localparam int WEIGHT_MOST = WEIGHT_WORDS / TPH * WH;
  always_comb begin
    case (weight_log2(wformat))
      2'd0:    weight_most = 20'(WEIGHT_MOST);
      2'd1:    weight_most = 20'(WEIGHT_MOST / 2);
      2'd2:    weight_most = 20'(WEIGHT_MOST / 4);
      default: weight_most = 20'(WEIGHT_MOST / 8);
    endcase
    case (code_log2(in_format))
      3'd0:    window_pieces = window_most(3);
      3'd1:    window_pieces = window_most(4);
      3'd2:    window_pieces = window_most(6);
      3'd3:    window_pieces = window_most(10);
      3'd4:    window_pieces = window_most(18);
      default: window_pieces = window_most(34);
    endcase
  end

  task automatic fail(input logic [3:0] status, input logic [3:0] detail, input logic [4:0] word);
    begin
      bad_o    <= 1'b1;
      status_o <= status;
      detail_o <= detail;
      word_o   <= word;
      state_q  <= PASSED;
    end
  endtask

  localparam logic [3:0] FIELD = 4'(`BNN_STATUS_BAD_FIELD);
  localparam logic [3:0] D_RESERVED = 4'(`BNN_DETAIL_RESERVED), D_RANGE = 4'(`BNN_DETAIL_RANGE),
                         D_SHAPE = 4'(`BNN_DETAIL_SHAPE), D_KERNEL = 4'(`BNN_DETAIL_KERNEL),
                         D_PAD = 4'(`BNN_DETAIL_PAD), D_FORMAT = 4'(`BNN_DETAIL_FORMAT),
                         D_ACC = 4'(`BNN_DETAIL_ACC_RANGE), D_MODE = 4'(`BNN_DETAIL_MODE),
                         D_ALIGN = 4'(`BNN_DETAIL_ALIGN), D_REGION = 4'(`BNN_DETAIL_REGION),
                         D_UNSUPPORTED = 4'(`BNN_DETAIL_UNSUPPORTED), D_NONE = 4'd0;

  logic pow2_bad, narrow_bad, none_bad;
  assign pow2_bad   = (p1_pow2 && !p1) || (p2_pow2 && !p2);
  assign narrow_bad = narrow && (p1 || p2 || frac || out_format > `BNN_FORMAT_B1);
  assign none_bad   = out_format == `BNN_FORMAT_NONE && outs_format == `BNN_FORMAT_NONE && !sum_en;

  always_ff @(posedge clk_i) begin
    div_start_q <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          slot_q <= 3'd0;
          if (start_i) begin
            ref_used_q <= '0;
            bad_o      <= 1'b0;
            access_o   <= '0;
            state_q    <= FIELDS;
          end
        end

        // ---- steps 1 and 2 ----
        FIELDS: begin
          known_q      <= is != 9'd0;
          field_code_q <= bnn_check_fields(cmd_q, {23'd0, is});
          state_q <= FIELDS2;
        end
        FIELDS2: begin
          oh_q    <= h_o;
          ow_q    <= w_o;
          cout_q  <= (is_fold || is_turn) ? cmd_q[`BNN_CONV_CIN] : cmd_q[`BNN_CONV_COUT];
          across_q <= 1'b0;
          cg_q    <= cmd_q[`BNN_CONV_CIN];
          og_q    <= cmd_q[`BNN_CONV_COUT];
          tiled_q <= '0;
          bytes_weights_o  <= '0;
          bytes_act_o      <= '0;
          bytes_residual_o <= '0;
          bytes_written_o  <= '0;
          mul_a_q <= {24'd0, levels_o};
          mul_b_q <= {3'd0, cin_o};
          if (!known_q) begin
            fail(4'(`BNN_STATUS_BAD_OPCODE), D_NONE, 5'd0);
          end else if (field_code_q != 16'd0) begin
            fail(FIELD, field_code_q[11:8], field_code_q[4:0]);
          end else begin
            case (op)
              OP_ENC:       state_q <= ENC_1;
              OP_CONV:      state_q <= (groups == 14'd1) ? PAD_1 : GRP_1;
              OP_EW:        state_q <= PIPE;
              OP_POOL:      state_q <= PGRP;
              OP_TRANSPOSE: state_q <= TRN_1;
              default:      state_q <= SUPPORT;
            endcase
          end
          div_n_q <= {26'd0, cin_o};
          div_d_q <= is_pool ? group_o : groups;
          div_start_q <= 1'b1;
          if (op == OP_TRANSPOSE) begin
            mul_a_q <= {19'd0, h_o};
            mul_b_q <= {4'd0, w_o};
          end
        end

        // ---- step 3: ENC ----
        ENC_1: begin
          case (mode_o)
            2'd0:    cout_q <= cin_o;
            2'd1:    cout_q <= mul_p[13:0];
            default: cout_q <= {cin_o[10:0], 3'd0};
          endcase
          if ((levels_o != 8'd0) != (mode_o == 2'd1) ||
              (mode_o == 2'd1 && above_8192) || (mode_o == 2'd2 && cin_o > 14'd1024)) begin
            fail(FIELD, D_SHAPE, 5'd2);
          end else begin
            state_q <= SUPPORT;
          end
        end

        // ---- step 3: CONV ----
        GRP_1: begin
          if (div_ready) begin
            cg_q        <= div_q[13:0];
            div_n_q     <= {26'd0, cout_q};
            div_start_q <= 1'b1;
            if (div_r != 14'd0) fail(FIELD, D_KERNEL, 5'd5);
            else state_q <= GRP_2;
          end
        end
        GRP_2: begin
          if (div_ready) begin
            og_q <= div_q[13:0];
            if (div_r != 14'd0) fail(FIELD, D_KERNEL, 5'd5);
            else state_q <= PAD_1;
          end
        end
        PAD_1: begin
          div_n_q     <= {25'd0, travel};
          div_d_q     <= {7'd0, stride};
          div_start_q <= stride != 7'd1;
          if (7'(pad_before) >= dilated || 7'(pad_after) >= dilated || travel[14]) fail(FIELD, D_PAD, 5'd4);
          else state_q <= PAD_2;
        end
        PAD_2: begin
          if (stride == 7'd1 || div_ready) begin
            // The axis is through. Without division its dividend is the quotient.
            oh_q     <= across_q ? oh_q : moves;
            ow_q     <= moves;
            across_q <= !across_q;
            state_q  <= !across_q ? PAD_1 : is_pool ? PEND : KRN_1;
            if (far) fail(FIELD, D_PAD, 5'd4);
          end
        end
        KRN_1: begin
          mul_a_q <= {26'd0, taps_o};
          mul_b_q <= {3'd0, cg_q};
          if ((tile_p != 8'd0) != (wmode == 2'd1 || wmode == 2'd2) ||
              (cmd_q[`BNN_CONV_TAU] != 4'd0) != (wmode == 2'd3)) fail(FIELD, D_MODE, 5'd5);
          else state_q <= KRN_2;
        end
        KRN_2: begin
          k_q     <= mul_p[18:0];
          mul_a_q <= mul_p[31:0];
          mul_b_q <= {3'd0, cout_q};
          state_q <= (wmode == 2'd1 || wmode == 2'd2) ? TILE_1 : TILE_3;
        end
        TILE_1: begin
          // TILED: COUT, TILED_FLAT: COUT * K must be a multiple of TILE_P.
          div_n_q     <= (wmode == 2'd1) ? {26'd0, cout_q} : mul_p[39:0];
          div_d_q     <= {6'd0, tile_p};
          div_start_q <= 1'b1;
          state_q     <= TILE_2;
        end
        TILE_2: begin
          if (div_ready) begin
            tiled_q <= div_q;
            if (div_r != 14'd0 || (wmode == 2'd1 && groups != 14'd1)) fail(FIELD, D_MODE, 5'd5);
            else state_q <= TILE_3;
          end
        end
        TILE_3: begin
          if (wmode == 2'd3 && wformat != `BNN_WFORMAT_B1) fail(FIELD, D_MODE, 5'd5);
          else state_q <= TILE_4;
        end
        TILE_4: begin
          mul_a_q <= {16'd0, in_max(in_format)};
          mul_b_q <= {9'd0, weight_max(wformat)};
          if (frac && (in_format != `BNN_FORMAT_O2 || wformat != `BNN_WFORMAT_B1)) fail(FIELD, D_MODE, 5'd0);
          else state_q <= ACC_1;
        end
        ACC_1: begin
          mul_a_q <= mul_p[31:0];
          mul_b_q <= k_q[16:0];              // a K of more bits is refused below
          state_q <= ACC_2;
        end
        ACC_2: begin
          if (|k_q[18:15] || |mul_p[48:31]) fail(FIELD, D_ACC, 5'd2);
          else state_q <= PIPE;
        end

        // ---- step 3: CONV and EW ----
        PIPE: begin
          if (pow2_bad || narrow_bad || none_bad) begin
            fail(FIELD, D_MODE, 5'd0);
          end else if (res1_format == `BNN_FORMAT_NONE ? |cmd_q[7*32 +: 32]
                                                       : cmd_q[`BNN_CONV_RES1_C] == 14'd0) begin
            fail(FIELD, D_RANGE, 5'd7);
          end else if (res2_format == `BNN_FORMAT_NONE ? |cmd_q[8*32 +: 32]
                                                       : cmd_q[`BNN_CONV_RES2_C] == 14'd0) begin
            fail(FIELD, D_RANGE, 5'd8);
          end else begin
            state_q <= SUPPORT;
          end
        end

        // ---- step 3: POOL ----
        PGRP: begin
          if (div_ready) begin
            cout_q <= div_q[13:0];
            if (div_r != 14'd0) fail(FIELD, D_SHAPE, 5'd2);
            else state_q <= PAD_1;
          end
        end
        PEND: begin
          if ((cmd_q[`BNN_POOL_DIV] != 20'd0) != (mode_o == 2'd0)) fail(FIELD, D_RANGE, 5'd5);
          else if (out_format != in_format) fail(FIELD, D_FORMAT, 5'd19);
          else state_q <= SUPPORT;
        end

        // ---- step 3: TRANSPOSE ----
        TRN_1: begin
          if (above_8192) fail(FIELD, D_SHAPE, 5'd1);
          else if (out_format != in_format) fail(FIELD, D_FORMAT, 5'd19);
          else state_q <= SUPPORT;
        end

        SUPPORT: begin
          mul_a_q <= {26'd0, taps_o};
          mul_b_q <= {2'd0, pieces};
          if (unsupported) fail(FIELD, D_UNSUPPORTED, 5'd0);
          else if (op == OP_NOP || op == OP_END) state_q <= PASSED;
          else state_q <= is_conv ? CAP_1 : CAP_2;
        end
        CAP_1: begin
          // The rows of a tile must fit; with groups also a window of all planes, with the two
          // passes that may come to them, in half of the buffer.
          mul_p_q <= mul_p[15:0];
          state_q <= CAP_2;
        end
        CAP_2: begin
          mul_a_q <= {19'd0, h_o};
          mul_b_q <= {4'd0, w_o};
          if (is_conv && ({4'd0, mul_p_q} > weight_most || (groups != 14'd1 && mul_p_q > window_pieces)))
            fail(FIELD, 4'(`BNN_DETAIL_CAPACITY), 5'd0);
          else state_q <= SIZE_1;
        end

        // ---- sizes ----
        SIZE_1: begin
          in_area_q <= mul_p[25:0];
          mul_a_q   <= mul_p[31:0];
          mul_b_q   <= {3'd0, cin_o};
          state_q   <= SIZE_2;
        end
        SIZE_2: begin
          enc_bytes_q <= mul_p[39:0];
          mul_a_q     <= {19'd0, oh_q};
          mul_b_q     <= {4'd0, ow_q};
          state_q     <= SIZE_3;
        end
        SIZE_3: begin
          out_area_q <= mul_p[25:0];
          mul_a_q    <= {26'd0, taps_o};
          mul_b_q    <= {1'b0, pieces, 1'b0};
          state_q    <= SIZE_4;
        end
        SIZE_4: begin
          mul_a_q <= {14'd0, 14'(18'(mul_p[16:0]) + 18'd15 >> 4), 4'd0};
          mul_b_q <= {3'd0, rows_o};
          if (wmode == 2'd3) begin
            mul_a_q <= {18'd0, cout_q};
            mul_b_q <= {3'd0, cg_q};
          end
          state_q <= SIZE_5;
        end
        SIZE_5: begin
          weight_bytes_q <= mul_p[39:0];
          mul_a_q        <= (wmode == 2'd2) ? tiled_q[31:0] : mul_p[31:0];
          mul_b_q        <= (wmode == 2'd2) ? 17'd1 << weight_log2(wformat) : {13'd0, cmd_q[`BNN_CONV_TAU]};
          slot_q         <= 3'd0;
          state_q        <= SIZE_6;
        end
        SIZE_6: begin
          // Bits to bytes; before the indices of a codebook lies its table.
          if (wmode[1]) weight_bytes_q <= mul_p[39:0] + {24'd0, wmode[0] ? book : 13'd0, 3'd7} >> 3;
          state_q <= REF;
        end

        // ---- step 4 ----
        REF: begin
          ref_words_q <= slot_words;
          state_q     <= TEN_1;
        end
        TEN_1: begin
          mul_a_q   <= {18'd0, t_w - 14'd1};
          mul_b_q   <= pixel;
          extent_q  <= vector_bytes;
          payload_q <= vector_bytes;
          if (!present) begin
            state_q <= EXTENT;
          end else if (is_tensor) begin
            if (may_none && format == `BNN_FORMAT_NONE) begin
              if (word0 != 32'd0) fail(FIELD, D_RESERVED, slot_word);
              else if (word1 != 31'd0) fail(FIELD, D_RESERVED, slot_word + 5'd1);
              else if (word2 != 16'd0) fail(FIELD, D_RESERVED, slot_word + 5'd2);
              else state_q <= EXTENT;
            end else if (!legal) begin
              fail(FIELD, D_FORMAT, slot_word + 5'd1);
            end else begin
              state_q <= TEN_2;
            end
          end else if ((is_conv || is_ew) && ((slot_q == 3'd2 && !record_o) || (slot_q == 3'd7 && !sum_en))) begin
            // Not used.
            if (word0 != 32'd0) fail(FIELD, D_RESERVED, slot_word);
            else if (word1 != 31'd0) fail(FIELD, D_RESERVED, slot_word + 5'd1);
            else state_q <= EXTENT;
          end else begin
            state_q <= TEN_2;
          end
        end
        TEN_2: begin
          // Region, alignment.
          row_need_q <= mul_p[30:0] + {15'd0, pieces, 1'b0};
          mul_a_q    <= {8'd0, word1[30:11], 4'd0};
          mul_b_q    <= {3'd0, t_h};
          if (word1[5:0] >= 6'd32 && !onchip) begin
            fail(FIELD, D_REGION, slot_word + 5'd1);
          end else if (is_tensor) begin
            if (word2 != 16'd0 ? word0[0] : word0[5:0] != 6'd0) fail(FIELD, D_ALIGN, slot_word);
            else if (pixel < {1'b0, pieces, 1'b0}) fail(FIELD, D_ALIGN, slot_word + 5'd2);
            else state_q <= TEN_3;
          end else begin
            if (word0[5:0] != 6'd0 && !(is_enc && slot_q == 3'd0)) fail(FIELD, D_ALIGN, slot_word);
            else state_q <= TEN_6;
          end
        end
        TEN_3: begin
          // H rows less what the last one has not.
          plane_q  <= plane;
          extent_q <= extent_sum;
          // Planes are of 8192 channels at most, so 17 bits do.
          mul_a_q  <= {4'd0, area};
          mul_b_q  <= {1'b0, pieces, 1'b0} << planes_log2;
          if (!slack[31] && slack != 32'd0) fail(FIELD, D_ALIGN, slot_word + 5'd1);
          else state_q <= TEN_4;
        end
        TEN_4: begin
          payload_q <= mul_p[39:0];
          mul_a_q   <= plane_q[31:0];
          mul_b_q   <= {13'd0, planes_less_1(format)};
          state_q   <= TEN_5;
        end
        TEN_5: begin
          // Planes of more than 32 bits fit nowhere.
          extent_q     <= extent_sum;
          extent_q[39] <= extent_sum[39] || (|mul_b_q[3:0] && |plane_q[35:32]);
          state_q      <= TEN_6;
        end
        TEN_6: begin
          end_q   <= {8'd0, word0} + extent_q;
          state_q <= BOUND;
        end
        BOUND: begin
          ref_used_q[slot_q]   <= 1'b1;
          ref_onchip_q[slot_q] <= onchip;
          ref_addr_q[slot_q]   <= bound[31:0];
          ref_end_q[slot_q]    <= bound[64:32];
          ref_plane_q[slot_q]  <= plane_q[31:0];
          ref_row_q[slot_q]    <= {word1[30:11], 4'd0};
          ref_pixel_q[slot_q]  <= pixel;
          access_o <= {is_output, 5'd0, stream_of(slot_q), 2'd0, word1[5:0]};
          state_q  <= EXTENT;
          if (end_q > {7'd0, limit}) begin
            fail(onchip ? 4'(`BNN_STATUS_BAD_ONCHIP) : 4'(`BNN_STATUS_BAD_BOUNDS), D_NONE, slot_word);
          end else if (!onchip && (region_o == 5'd0 || !(is_output ? region_w_i : region_r_i))) begin
            fail(4'(`BNN_STATUS_BAD_ACCESS), D_NONE, slot_word);
          end
        end
        EXTENT: begin
          access_o <= '0;
          slot_q   <= (slot_q == 3'd7) ? 3'd3 : slot_q + 3'd1;
          state_q  <= (slot_q == 3'd7) ? OVERLAP : REF;
          if (ref_used_q[slot_q] && !onchip) begin
            if (is_output) bytes_written_o <= bytes_sum;
            else if (slot_q == 3'd0 || is_fold) bytes_act_o <= bytes_sum;
            else if (slot_q >= 3'd5) bytes_residual_o <= bytes_sum;
            else if (is_conv || is_ew) bytes_weights_o <= bytes_sum;
          end
        end

        // ---- step 5: slots 3, 4, 7 ----
        OVERLAP: begin
          // The output's extent; then those of all slots, which are compared a cycle later.
          out_slot_q <= slot_q;
          out_q      <= extents[slot_q];
          other_v_q  <= 1'b0;
          slot_q     <= 3'd0;
          state_q    <= OVERLAPS;
        end
        OVERLAPS: begin
          ref_words_q  <= slot_words;
          other_q      <= extents[slot_q];
          other_slot_q <= slot_q;
          other_v_q    <= 1'b1;
          slot_q       <= slot_q + 3'd1;
          if (hit) begin
            access_o <= {1'b1, 5'd0, 3'd4, 2'd0, out_region};
            fail(4'(`BNN_STATUS_BAD_OVERLAP), D_NONE, out_word);
          end else if (!out_q[66] || (other_v_q && other_slot_q == 3'd6)) begin
            slot_q  <= (out_slot_q == 3'd3) ? 3'd4 : 3'd7;
            state_q <= (out_slot_q == 3'd7) ? PASSED : OVERLAP;
          end
        end
        default: state_q <= IDLE;  // PASSED
      endcase
    end
  end

endmodule
