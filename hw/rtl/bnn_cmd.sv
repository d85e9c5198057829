// SPDX-License-Identifier: MIT
// Holds one command, checks it in the order of docs/arithmetic.md section 8 and
// resolves its references to addresses. What a unit needs to execute it, and what
// its retirement adds to the counters, is then on the outputs.
//
// The checks share one multiplier and one divider; a command takes some tens of
// cycles, or a few hundred where sizes have to be divided.

module bnn_cmd #(
  parameter int BUS_BITS = 52
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

  // Which region a stream of this command uses.
  input  logic [2:0]    stream_i,
  output logic [5:0]    stream_region_o,

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
  output logic [9:0]    in_pieces_o,
  output logic [9:0]    out_pieces_o,
  output logic [31:0]   in_addr_o,
  output logic          in_onchip_o,
  output logic [23:0]   in_row_o,
  output logic [16:0]   in_pixel_o,
  output logic [31:0]   second_addr_o,  // weights, table
  output logic          second_onchip_o,
  output logic [31:0]   param_addr_o,
  output logic          param_onchip_o,
  output logic [31:0]   out_addr_o,
  output logic          out_onchip_o,
  output logic [23:0]   out_row_o,
  output logic [16:0]   out_pixel_o,

  // Deterministic counters: retire_i starts, retired_o ends.
  input  logic          retire_i,
  input  logic [31:0]   present_i,      // taps inside the input, CONV
  output logic          retired_o,
  output logic [63:0]   macs_o,
  output logic [39:0]   bytes_weights_o,
  output logic [39:0]   bytes_act_o,
  output logic [39:0]   bytes_written_o
);

  // BUS_BITS is not needed here; it keeps the parameters of all units alike.
  if (BUS_BITS < 32) begin : gen_bad_bus
    initial $error("BUS_BITS");
  end

  logic [1023:0] cmd_q;

  always_ff @(posedge clk_i) begin
    if (load_i) cmd_q[{load_beat_i, 7'd0} +: 128] <= load_data_i;
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
  logic        is_enc, is_conv, is_pool;
  assign op      = cmd_q[7:0];
  assign is_enc  = op == OP_ENC;
  assign is_conv = op == OP_CONV;
  assign is_pool = op == OP_POOL;

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
  assign cin_o      = cmd_q[`BNN_CONV_CIN];
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

  // Legal, but not in this build: only BINARY of FEATURES.
  logic unsupported;
  always_comb begin
    unsupported = 1'b0;
    case (op)
      OP_GATEFOLD, OP_EW, OP_TRANSPOSE: unsupported = 1'b1;
      OP_ENC:  unsupported = mode_o == 2'd0 && is_code(out_format) && out_format != `BNN_FORMAT_B1;
      OP_POOL: unsupported = is_sum(in_format);
      OP_CONV: unsupported = p1 || p2 || frac || sum_en || groups != 14'd1 ||
                             dh_o != 3'd1 || dw_o != 3'd1 ||
                             wformat != `BNN_WFORMAT_B1 || wmode != 2'd0 ||
                             (is_conv_in(in_format) && in_format != `BNN_FORMAT_B1) ||
                             (is_planes(out_format) && (out_format != `BNN_FORMAT_B1 || !narrow)) ||
                             is_elements(outs_format) ||
                             is_residual(res1_format) || is_residual(res2_format);
      default: ;
    endcase
  end

  // ---- shared arithmetic ----
  logic [31:0] mul_a_q, mul_b_q;
  logic [63:0] mul_p;
  assign mul_p = {32'd0, mul_a_q} * {32'd0, mul_b_q};

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
  logic div_ready;
  assign div_ready = div_done && !div_start_q;

  // ---- sequence ----
  localparam logic [5:0]
    IDLE = 6'd0, FIELDS = 6'd1, FIELDS2 = 6'd2,
    ENC_1 = 6'd3,
    GRP_1 = 6'd5, GRP_2 = 6'd6,
    PAD_1 = 6'd8, PAD_2 = 6'd9, OH_1 = 6'd10, OH_2 = 6'd11, OW_1 = 6'd12, OW_2 = 6'd13,
    KRN_1 = 6'd14, KRN_2 = 6'd15, TILE_1 = 6'd16, TILE_2 = 6'd17, TILE_3 = 6'd18, TILE_4 = 6'd19,
    ACC_1 = 6'd20, ACC_2 = 6'd21,
    PIPE = 6'd23, PGRP = 6'd24, PEND = 6'd25, TRN_1 = 6'd26,
    SUPPORT = 6'd27, SIZE_1 = 6'd28, SIZE_2 = 6'd29, SIZE_3 = 6'd30, SIZE_4 = 6'd31,
    REF = 6'd32, TEN_1 = 6'd33, TEN_2 = 6'd34, TEN_3 = 6'd35, EXTENT = 6'd36, BOUND = 6'd37,
    OVERLAP = 6'd38, RET_1 = 6'd39, RET_2 = 6'd40, RET_3 = 6'd41, PASSED = 6'd42,
    RET_4 = 6'd43, RET_5 = 6'd44;

  logic [5:0]  state_q;
  logic [15:0] field_code_q;
  logic        known_q;
  logic [13:0] cg_q;                    // channels of a group
  logic [12:0] oh_q, ow_q;
  logic [13:0] cout_q;                  // channels of the output
  logic [18:0] k_q;
  logic [6:0]  dkh, dkw;                // extent of the dilated kernel

  // (kernel - 1) * dilation + 1; at most 25 for CONV
  assign dkh = is_pool ? kh_o : (kh_o - 7'd1) * 7'(dh_o) + 7'd1;
  assign dkw = is_pool ? kw_o : (kw_o - 7'd1) * 7'(dw_o) + 7'd1;

  logic [14:0] span_h, span_w;
  assign span_h = 15'(h_o) + 15'(pad_t_o) + 15'(pad_b);
  assign span_w = 15'(w_o) + 15'(pad_l_o) + 15'(pad_r);

  // ---- references ----
  // slot: 0 IN (word 11), 1 WEIGHT, TABLE (14), 2 PARAM (16), 3 OUT (18),
  //       4 OUTS (21), 5 RES1 (24), 6 RES2 (27), 7 SUM (30)
  logic [2:0]  slot_q;
  logic [4:0]  slot_word;
  logic [31:0] word0, word1, word2;
  always_comb begin
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
  assign is_tensor = (slot_q == 3'd0 && !is_enc) || (slot_q >= 3'd3 && slot_q <= 3'd6);
  assign may_none  = is_conv && slot_q >= 3'd3;
  always_comb begin
    // Whether the command has this reference at all.
    case (op)
      OP_CONV:     present = 1'b1;
      OP_ENC:      present = slot_q == 3'd0 || slot_q == 3'd1 || slot_q == 3'd3;
      OP_POOL:     present = slot_q == 3'd0 || slot_q == 3'd3;
      OP_PREFETCH: present = slot_q == 3'd1;
      default:     present = 1'b0;
    endcase
    // Everything legal but B1 has been refused as not supported.
    legal = format == `BNN_FORMAT_B1 && slot_q <= 3'd3 && !(is_pool && mode_o == 2'd0);
  end

  logic [13:0] chan;
  logic [12:0] t_h, t_w;
  logic [9:0]  pieces;
  logic [16:0] pixel;
  assign chan   = (slot_q == 3'd0) ? cin_o : cout_q;
  assign t_h    = (slot_q == 3'd0) ? h_o : oh_q;
  assign t_w    = (slot_q == 3'd0) ? w_o : ow_q;
  assign pieces = 10'((15'(chan) + 15'd15) >> 4);
  assign pixel  = (word2[15:0] != 16'd0) ? {word2[15:0], 1'b0} : {6'd0, pieces, 1'b0};

  logic [39:0] extent_q, end_q;
  logic [28:0] row_need_q;
  logic        onchip;
  assign onchip   = word1[5:0] == 6'd63;
  assign region_o = word1[4:0];

  // Extents found so far, for the overlaps: slots 0 to 3.
  logic [3:0]  ref_used_q, ref_onchip_q;
  logic [31:0] ref_addr_q [0:3];
  logic [32:0] ref_end_q  [0:3];

  logic [3:0] hit;
  for (genvar i = 0; i < 4; i++) begin : gen_hit
    assign hit[i] = i != 3 && ref_used_q[i] && ref_onchip_q[i] == ref_onchip_q[3] &&
                    {1'b0, ref_addr_q[i]} < ref_end_q[3] && {1'b0, ref_addr_q[3]} < ref_end_q[i];
  end

  logic [2:0] second_stream;
  assign second_stream = is_enc ? 3'd6 : (op == OP_PREFETCH && cmd_q[`BNN_PREFETCH_PARAMS]) ? 3'd2 : 3'd1;

  always_comb begin
    case (stream_i)
      3'd2:    stream_region_o = cmd_q[`BNN_CONV_PARAM_REGION];
      3'd3:    stream_region_o = cmd_q[`BNN_CONV_IN_REGION];
      3'd4:    stream_region_o = cmd_q[`BNN_CONV_OUTP_REGION];
      3'd0:    stream_region_o = 6'd0;
      default: stream_region_o = cmd_q[`BNN_CONV_WEIGHT_REGION];
    endcase
  end

  logic [2:0] slot_stream;
  always_comb begin
    case (slot_q)
      3'd0:    slot_stream = 3'd3;
      3'd1:    slot_stream = second_stream;
      3'd2:    slot_stream = 3'd2;
      default: slot_stream = 3'd4;
    endcase
  end

  // Sizes in bytes of the vectors.
  logic [39:0] vector_bytes;
  logic [25:0] in_area_q, out_area_q;
  logic [39:0] enc_bytes_q, weight_bytes_q;
  always_comb begin
    case (slot_q)
      3'd0:    vector_bytes = enc_bytes_q;
      3'd1:    vector_bytes = is_enc ? (shared_o ? 40'd256 : {18'd0, cin_o, 8'd0})
                                     : is_conv ? weight_bytes_q : {8'd0, cmd_q[`BNN_PREFETCH_BYTES]};
      default: vector_bytes = {23'd0, cout_q, 3'd0};  // narrow parameter records
    endcase
  end

  // Words of the reference at hand.
  logic [95:0] ref_words_q;
  assign word0 = ref_words_q[31:0];
  assign word1 = ref_words_q[63:32];
  assign word2 = ref_words_q[95:64];

  assign done_o          = state_q == PASSED;
  assign cout_o          = cout_q;
  assign oh_o            = oh_q;
  assign ow_o            = ow_q;
  assign in_addr_o       = ref_addr_q[0];
  assign in_onchip_o     = ref_onchip_q[0];
  assign second_addr_o   = ref_addr_q[1];
  assign second_onchip_o = ref_onchip_q[1];
  assign param_addr_o    = ref_addr_q[2];
  assign param_onchip_o  = ref_onchip_q[2];
  assign out_addr_o      = ref_addr_q[3];
  assign out_onchip_o    = ref_onchip_q[3];
  assign in_pieces_o     = 10'((15'(cin_o) + 15'd15) >> 4);
  assign out_pieces_o    = 10'((15'(cout_q) + 15'd15) >> 4);
  assign in_row_o        = {cmd_q[`BNN_CONV_IN_PITCH], 4'd0};
  assign out_row_o       = {cmd_q[`BNN_CONV_OUTP_PITCH], 4'd0};
  assign in_pixel_o      = (cmd_q[`BNN_CONV_IN_PIXEL] != 16'd0) ? {cmd_q[`BNN_CONV_IN_PIXEL], 1'b0}
                                                                : {6'd0, in_pieces_o, 1'b0};
  assign out_pixel_o     = (cmd_q[`BNN_CONV_OUTP_PIXEL] != 16'd0) ? {cmd_q[`BNN_CONV_OUTP_PIXEL], 1'b0}
                                                                  : {6'd0, out_pieces_o, 1'b0};
  assign taps_o          = 6'(kh_o[2:0]) * 6'(kw_o[2:0]);

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
    retired_o   <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          slot_q     <= 3'd0;
          ref_used_q <= '0;
          if (start_i) begin
            bad_o    <= 1'b0;
            access_o <= '0;
            state_q  <= FIELDS;
          end else if (retire_i) begin
            state_q <= RET_1;
          end
        end

        // ---- steps 1 and 2 ----
        FIELDS: begin
          known_q <= 1'b1;
          case (op)
            OP_NOP:       field_code_q <= bnn_check_nop(cmd_q);
            OP_END:       field_code_q <= bnn_check_end(cmd_q);
            OP_ENC:       field_code_q <= bnn_check_enc(cmd_q);
            OP_PREFETCH:  field_code_q <= bnn_check_prefetch(cmd_q);
            OP_GATEFOLD:  field_code_q <= bnn_check_gatefold(cmd_q);
            OP_CONV:      field_code_q <= bnn_check_conv(cmd_q);
            OP_EW:        field_code_q <= bnn_check_ew(cmd_q);
            OP_POOL:      field_code_q <= bnn_check_pool(cmd_q);
            OP_TRANSPOSE: field_code_q <= bnn_check_transpose(cmd_q);
            default:      known_q <= 1'b0;
          endcase
          state_q <= FIELDS2;
        end
        FIELDS2: begin
          oh_q    <= h_o;
          ow_q    <= w_o;
          cout_q  <= cmd_q[`BNN_CONV_COUT];
          cg_q    <= cin_o;
          mul_a_q <= {24'd0, levels_o};
          mul_b_q <= {18'd0, cin_o};
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
            mul_b_q <= {19'd0, w_o};
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
              (mode_o == 2'd1 && mul_p > 64'd8192) || (mode_o == 2'd2 && cin_o > 14'd1024)) begin
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
            if (div_r != 14'd0) fail(FIELD, D_KERNEL, 5'd5);
            else state_q <= PAD_1;
          end
        end
        PAD_1: begin
          if (7'(pad_t_o) >= dkh || 7'(pad_b) >= dkh || 7'(pad_l_o) >= dkw || 7'(pad_r) >= dkw ||
              span_h < 15'(dkh) || span_w < 15'(dkw)) fail(FIELD, D_PAD, 5'd4);
          else state_q <= PAD_2;
        end
        PAD_2: begin
          div_n_q     <= {25'd0, span_h - 15'(dkh)};
          div_d_q     <= {7'd0, sh_o};
          div_start_q <= sh_o != 7'd1;
          state_q     <= OH_1;
        end
        OH_1: begin
          if (sh_o == 7'd1) begin
            oh_q    <= 13'(div_n_q) + 13'd1;
            state_q <= OH_2;
            if (div_n_q > 40'd4095) fail(FIELD, D_PAD, 5'd4);
          end else if (div_ready) begin
            oh_q    <= div_q[12:0] + 13'd1;
            state_q <= OH_2;
            if (div_q > 40'd4095) fail(FIELD, D_PAD, 5'd4);
          end
        end
        OH_2: begin
          div_n_q     <= {25'd0, span_w - 15'(dkw)};
          div_d_q     <= {7'd0, sw_o};
          div_start_q <= sw_o != 7'd1;
          state_q     <= OW_1;
        end
        OW_1: begin
          if (sw_o == 7'd1) begin
            ow_q    <= 13'(div_n_q) + 13'd1;
            state_q <= OW_2;
            if (div_n_q > 40'd4095) fail(FIELD, D_PAD, 5'd4);
          end else if (div_ready) begin
            ow_q    <= div_q[12:0] + 13'd1;
            state_q <= OW_2;
            if (div_q > 40'd4095) fail(FIELD, D_PAD, 5'd4);
          end
        end
        OW_2: state_q <= is_pool ? PEND : KRN_1;
        KRN_1: begin
          mul_a_q <= {26'd0, taps_o};
          mul_b_q <= {18'd0, cg_q};
          if ((tile_p != 8'd0) != (wmode == 2'd1 || wmode == 2'd2) ||
              (cmd_q[`BNN_CONV_TAU] != 4'd0) != (wmode == 2'd3)) fail(FIELD, D_MODE, 5'd5);
          else state_q <= KRN_2;
        end
        KRN_2: begin
          k_q     <= mul_p[18:0];
          mul_a_q <= mul_p[31:0];
          mul_b_q <= {18'd0, cout_q};
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
          mul_b_q <= {24'd0, weight_max(wformat)};
          if (frac && (in_format != `BNN_FORMAT_O2 || wformat != `BNN_WFORMAT_B1)) fail(FIELD, D_MODE, 5'd0);
          else state_q <= ACC_1;
        end
        ACC_1: begin
          mul_a_q <= mul_p[31:0];
          mul_b_q <= {13'd0, k_q};
          state_q <= ACC_2;
        end
        ACC_2: begin
          if (k_q > 19'd32767 || mul_p > 64'h7fff_ffff) fail(FIELD, D_ACC, 5'd2);
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
          if (mul_p > 64'd8192) fail(FIELD, D_SHAPE, 5'd1);
          else if (out_format != in_format) fail(FIELD, D_FORMAT, 5'd19);
          else state_q <= SUPPORT;
        end

        SUPPORT: begin
          mul_a_q <= {19'd0, h_o};
          mul_b_q <= {19'd0, w_o};
          if (unsupported) fail(FIELD, D_UNSUPPORTED, 5'd0);
          else if (op == OP_NOP || op == OP_END) state_q <= PASSED;
          else state_q <= SIZE_1;
        end

        // ---- sizes ----
        SIZE_1: begin
          in_area_q <= mul_p[25:0];
          mul_a_q   <= mul_p[31:0];
          mul_b_q   <= {18'd0, cin_o};
          state_q   <= SIZE_2;
        end
        SIZE_2: begin
          enc_bytes_q <= mul_p[39:0];
          mul_a_q     <= {19'd0, oh_q};
          mul_b_q     <= {19'd0, ow_q};
          state_q     <= SIZE_3;
        end
        SIZE_3: begin
          out_area_q <= mul_p[25:0];
          mul_a_q    <= {26'd0, taps_o};
          mul_b_q    <= {21'd0, in_pieces_o, 1'b0};
          state_q    <= SIZE_4;
        end
        SIZE_4: begin
          mul_a_q     <= {16'd0, 12'(17'(mul_p[15:0]) + 17'd15 >> 4), 4'd0};
          mul_b_q     <= {18'd0, cout_q};
          slot_q      <= 3'd0;
          state_q     <= REF;
        end

        // ---- step 4 ----
        REF: begin
          if (slot_q == 3'd0) weight_bytes_q <= mul_p[39:0];
          ref_words_q <= 96'(cmd_q >> {slot_word, 5'd0});
          state_q     <= TEN_1;
        end
        TEN_1: begin
          mul_a_q <= {19'd0, t_w - 13'd1};
          mul_b_q <= {15'd0, pixel};
          extent_q <= vector_bytes;
          if (!present) begin
            state_q <= EXTENT;
          end else if (is_tensor) begin
            if (may_none && format == `BNN_FORMAT_NONE) begin
              if (word0 != 32'd0) fail(FIELD, D_RESERVED, slot_word);
              else if (word1 != 32'd0) fail(FIELD, D_RESERVED, slot_word + 5'd1);
              else if (word2 != 32'd0) fail(FIELD, D_RESERVED, slot_word + 5'd2);
              else state_q <= EXTENT;
            end else if (!legal) begin
              fail(FIELD, D_FORMAT, slot_word + 5'd1);
            end else begin
              state_q <= TEN_2;
            end
          end else if ((slot_q == 3'd2 && out_format != `BNN_FORMAT_B1) || slot_q == 3'd7) begin
            // No parameters, no sums.
            if (word0 != 32'd0) fail(FIELD, D_RESERVED, slot_word);
            else if (word1 != 32'd0) fail(FIELD, D_RESERVED, slot_word + 5'd1);
            else state_q <= EXTENT;
          end else begin
            state_q <= TEN_2;
          end
        end
        TEN_2: begin
          // Region, alignment.
          row_need_q <= mul_p[28:0] + {18'd0, pieces, 1'b0};
          mul_a_q    <= {19'd0, t_h - 13'd1};
          mul_b_q    <= {8'd0, word1[30:11], 4'd0};
          if (word1[5:0] >= 6'd32 && !onchip) begin
            fail(FIELD, D_REGION, slot_word + 5'd1);
          end else if (is_tensor) begin
            if (word2[15:0] != 16'd0 ? word0[0] : word0[5:0] != 6'd0) fail(FIELD, D_ALIGN, slot_word);
            else if (pixel < {6'd0, pieces, 1'b0}) fail(FIELD, D_ALIGN, slot_word + 5'd2);
            else state_q <= TEN_3;
          end else begin
            if (word0[5:0] != 6'd0 && !(is_enc && slot_q == 3'd0)) fail(FIELD, D_ALIGN, slot_word);
            else state_q <= BOUND;
          end
          end_q <= {8'd0, word0} + extent_q;
        end
        TEN_3: begin
          extent_q <= mul_p[39:0] + 40'(row_need_q);
          end_q    <= {8'd0, word0} + mul_p[39:0] + 40'(row_need_q);
          if ({5'd0, word1[30:11], 4'd0} < row_need_q) fail(FIELD, D_ALIGN, slot_word + 5'd1);
          else state_q <= BOUND;
        end
        BOUND: begin
          ref_used_q[slot_q[1:0]]   <= 1'b1;
          ref_onchip_q[slot_q[1:0]] <= onchip;
          ref_addr_q[slot_q[1:0]]   <= onchip ? word0 : region_va_i + word0;
          ref_end_q[slot_q[1:0]]    <= onchip ? end_q[32:0] : 33'(region_va_i) + end_q[32:0];
          access_o <= {slot_q == 3'd3, 5'd0, slot_stream, 2'd0, word1[5:0]};
          state_q  <= EXTENT;
          if (onchip) begin
            if (end_q > {18'd0, act_bytes_i}) fail(4'(`BNN_STATUS_BAD_ONCHIP), D_NONE, slot_word);
          end else if (end_q > {7'd0, region_size_i}) begin
            fail(4'(`BNN_STATUS_BAD_BOUNDS), D_NONE, slot_word);
          end else if (region_o == 5'd0 || !(slot_q == 3'd3 ? region_w_i : region_r_i)) begin
            fail(4'(`BNN_STATUS_BAD_ACCESS), D_NONE, slot_word);
          end
        end
        EXTENT: begin
          access_o <= '0;
          slot_q   <= slot_q + 3'd1;
          state_q  <= (slot_q == 3'd7) ? OVERLAP : REF;
        end

        // ---- step 5 ----
        OVERLAP: begin
          state_q <= PASSED;
          if (ref_used_q[3] && |hit) begin
            access_o <= {1'b1, 5'd0, 3'd4, 2'd0, cmd_q[`BNN_CONV_OUTP_REGION]};
            fail(4'(`BNN_STATUS_BAD_OVERLAP), D_NONE, 5'd18);
          end
        end
        PASSED: state_q <= IDLE;

        // ---- counters ----
        RET_1: begin
          mul_a_q         <= {18'd0, cin_o};
          mul_b_q         <= {18'd0, cout_q};
          bytes_weights_o <= is_conv ? (second_onchip_o ? 40'd0 : weight_bytes_q) +
                                       (param_onchip_o ? 40'd0 : {23'd0, cout_q, 3'd0}) : 40'd0;
          bytes_act_o     <= 40'd0;
          bytes_written_o <= 40'd0;
          macs_o          <= 64'd0;
          if (is_conv || is_pool || is_enc) state_q <= RET_2;
          else begin
            retired_o <= 1'b1;
            state_q   <= IDLE;
          end
        end
        RET_2: begin
          mul_a_q <= mul_p[31:0];
          mul_b_q <= present_i;
          state_q <= RET_3;
        end
        RET_3: begin
          if (is_conv) macs_o <= mul_p;
          mul_a_q <= {6'd0, in_area_q};
          mul_b_q <= {21'd0, in_pieces_o, 1'b0};
          state_q <= RET_4;
        end
        RET_4: begin
          if (!in_onchip_o) bytes_act_o <= is_enc ? enc_bytes_q : mul_p[39:0];
          mul_a_q <= {6'd0, out_area_q};
          mul_b_q <= {21'd0, out_pieces_o, 1'b0};
          state_q <= RET_5;
        end
        default: begin  // RET_5
          if (!out_onchip_o) bytes_written_o <= mul_p[39:0];
          retired_o <= 1'b1;
          state_q   <= IDLE;
        end
      endcase
    end
  end

endmodule
