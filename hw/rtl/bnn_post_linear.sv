// SPDX-License-Identifier: MIT
// One two-piece linear stage with its records: y = sat(rnd(A*x + (B << SB), S)) or,
// with POW2, of +-x times a power of two. Records are as bnn_post_record makes
// them. Six registers:
//
//   1 the comparison, piece read  2 piece  3 product  4 sum  5, 6 shift, clamp
//
// The shift by S is exact in three multipliers: 16, 26 and 7 bits of the sum times
// 2^(15 - S mod 16) do not overlap, so what comes out is just put together.

module bnn_post_linear #(
  parameter int XW    = 27,
  parameter int OW    = 32,
  parameter int DEPTH = 128,     // parameter records
  parameter int MULT  = 1,       // as for bnn_post
  localparam int AW   = $clog2(DEPTH),
  localparam int A_W  = (MULT != 0) ? 17 : 5,
  localparam int G    = (48 - OW + 1 + 2) / 3
) (
  input  logic                 clk_i,
  input  logic [5:0]           ce_i,         // a register is written
  input  logic                 ce_th_i,      // that of x_i

  input  logic                 th_we_i,
  input  logic [AW-1:0]        th_addr_i,
  input  logic [XW:0]          th_data_i,
  input  logic                 pc_we_i,
  input  logic [AW:0]          pc_addr_i,
  input  logic [A_W+53:0]      pc_data_i,

  input  logic                 on_i,         // else y is x
  input  logic [4:0]           s_i,          // 0 if off
  input  logic [15:0]          one_i,        // 2^(15 - S mod 16)
  input  logic [2*G-1:0]       over_i,       // how many of three bits have to equal the sign
  input  logic [AW-1:0]        entry_th_i,   // record of the x that comes next
  input  logic [AW-1:0]        entry_i,      // of x_i
  input  logic signed [XW-1:0] x_i,

  output logic signed [OW-1:0] y_o,
  output logic                 sat40_o,      // of 4: p was clamped
  output logic                 sat_o         // of 5: y will be
);

  localparam int PW = XW + 16;

  // ---- 1: the piece ----
  (* ram_style = "block" *) (* no_rw_check *) logic [XW:0]     th [0:DEPTH-1];
  (* ram_style = "block" *) (* no_rw_check *) logic [A_W+53:0] pc [0:2*DEPTH-1];
  logic signed [XW:0]   th_q;
  logic        [A_W+53:0] pc_q;
  logic                 h;
  logic signed [XW-1:0] x1_q, x2_q;
  always_ff @(posedge clk_i) if (th_we_i) th[th_addr_i] <= th_data_i;
  always_ff @(posedge clk_i) if (pc_we_i) pc[pc_addr_i] <= pc_data_i;
  always_ff @(posedge clk_i) if (ce_th_i) th_q <= th[entry_th_i];
  assign h = $signed({x_i[XW-1], x_i}) >= th_q;
  always_ff @(posedge clk_i) begin
    if (ce_i[0]) begin
      pc_q <= pc[{entry_i, h}];
      x1_q <= x_i;
    end
  end

  // ---- 2: off is x * 1 + (-1) + 1 ----
  logic        [1:0]     w2_q, near2_q;     // near 2^39: K - 12, with POW2 and K >= 13
  logic                  neg2_q;
  logic        [A_W-1:0] a2_q;
  logic        [48:0]    b2_q;
  always_ff @(posedge clk_i) begin
    if (ce_i[1]) begin
      x2_q <= x1_q;
      {neg2_q, near2_q, w2_q} <= on_i ? pc_q[A_W+53 -: 5] : 5'd0;
      a2_q <= on_i ? pc_q[49 +: A_W] : A_W'((MULT != 0) ? 1 : 0);
      b2_q <= on_i ? pc_q[48:0] : '1;
    end
  end

  // ---- 3: the product ----
  logic signed [PW-1:0] p3_q;
  logic        [1:0]    sel3_q;
  logic                 over40;
  logic        [48:0]   b3_q;
  if (MULT != 0) begin : gen_mult
    always_ff @(posedge clk_i) if (ce_i[2]) p3_q <= x2_q * $signed(a2_q);
  end else begin : gen_shift
    logic signed [XW:0] xn;
    assign xn = a2_q[4] ? -$signed({x2_q[XW-1], x2_q}) : $signed({x2_q[XW-1], x2_q});
    always_ff @(posedge clk_i) if (ce_i[2]) p3_q <= $signed({{15{xn[XW]}}, xn}) <<< a2_q[3:0];
  end
  always_ff @(posedge clk_i) begin
    if (ce_i[2]) begin
      sel3_q <= over40 ? 2'd3 : w2_q;
      b3_q   <= b2_q;
    end
  end
  // sat40, found while the product is made: -x has other limits than x.
  if (PW > 40) begin : gen_over40
    logic        zero2_q;                  // bits below 24
    logic [26:24] top;
    assign top = x2_q[26:24];
    always_ff @(posedge clk_i) if (ce_i[1]) zero2_q <= x1_q[23:0] == '0;
    always_comb begin
      case (near2_q)
        2'd1:    over40 = neg2_q && zero2_q && top == 3'b100;
        2'd2:    over40 = neg2_q ? (top[26] ? !top[25] || (zero2_q && !top[24]) : top[25] && !(zero2_q && !top[24])) : top[26] != top[25];
        2'd3:    over40 = neg2_q ? (top[26] ? top != 3'b111 || zero2_q : top != 3'b000 && !(zero2_q && top == 3'b001))
                                 : top != {3{top[26]}};
        default: over40 = 1'b0;
      endcase
    end
  end else begin : gen_fits40
    logic unused;
    assign unused = ^{near2_q, neg2_q};
    assign over40 = 1'b0;
  end

  // ---- 4: the sum; |p| <= 2^41, |b| <= 2^47 + 1 ----
  logic               c;
  logic signed [48:0] p_ext, p;
  logic        [49:0] sum;
  logic        [48:0] sum4_q;
  assign p_ext = {{49-PW{p3_q[PW-1]}}, p3_q};
  always_comb begin
    case (sel3_q)
      2'd0:    p = p_ext;
      2'd1:    p = p_ext >>> 16;
      2'd2:    p = p_ext >>> 32;
      default: p = {{9{p3_q[PW-1]}}, 1'b1, 39'd0};       // 2^39, with c = 0 less 1, or -2^39
    endcase
    c = sel3_q[1] ? (sel3_q[0] ? p3_q[PW-1] : p3_q[31]) : !sel3_q[0] || p3_q[15];
  end
  assign sum = {b3_q, 1'b1} + {p, c};
  logic unused_sum;
  assign unused_sum = sum[0];
  always_ff @(posedge clk_i) begin
    if (ce_i[3]) begin
      sum4_q  <= sum[49:1];
      sat40_o <= sel3_q == 2'd3;
    end
  end

  // ---- 5, 6: the shift ----
  logic [G-1:0]  bad;
  logic [3*G-1:0] upper;                     // bits 47 to OW - 1
  logic          high5_q, low5_q, sign5_q;
  logic [OW-2:0] out;
  assign upper = {{3*G+OW-49{sum4_q[48]}}, sum4_q[47:OW-1]};
  for (genvar g = 0; g < G; g++) begin : gen_bad
    logic [2:0] off;
    assign off    = upper[3*g +: 3] ^ {3{sum4_q[48]}};
    assign bad[g] = (over_i[2*g +: 2] == 2'd3) ? |off : (over_i[2*g +: 2] == 2'd2) ? |off[2:1]
                  : (over_i[2*g +: 2] == 2'd1) && off[2];
  end
  always_ff @(posedge clk_i) begin
    if (ce_i[4]) begin
      sign5_q <= sum4_q[48];
      high5_q <= |bad && !sum4_q[48];
      low5_q  <= |bad && sum4_q[48];
    end
  end
  assign sat_o = high5_q || low5_q;

  if (MULT == 1) begin : gen_out_mult
    logic        [30:0] lo5_q;
    logic        [40:0] mid5_q;
    logic signed [21:0] hi5_q;
    logic        [57:0] lo;
    logic        [57:0] mid;
    logic        [57:0] hi;
    always_ff @(posedge clk_i) begin
      if (ce_i[4]) begin
        lo5_q  <= 31'($signed({1'b0, sum4_q[15:0]}) * $signed({1'b0, one_i}));
        mid5_q <= 41'($signed({1'b0, sum4_q[41:16]}) * $signed({1'b0, one_i}));
        hi5_q  <= 22'($signed(sum4_q[48:42]) * $signed({1'b0, one_i}));
      end
    end
    // From bit 15 of where they stand in the sum.
    assign lo  = {42'd0, lo5_q[30:15]};
    assign mid = {16'd0, mid5_q, 1'b0};
    assign hi  = {{9{hi5_q[21]}}, hi5_q, 27'd0};
    assign out = s_i[4] ? mid[16 +: OW-1] | hi[16 +: OW-1] : lo[0 +: OW-1] | mid[0 +: OW-1] | hi[0 +: OW-1];
    logic unused;
    assign unused = ^{s_i[3:0], lo, mid, hi, lo5_q[14:0]};
  end else begin : gen_out_shift
    logic signed [48:0]     coarse;
    logic signed [OW+5:0]   t5_q;
    logic        [OW+5:0]   fine;
    assign coarse = $signed(sum4_q) >>> {s_i[4:3], 3'd0};
    always_ff @(posedge clk_i) if (ce_i[4]) t5_q <= coarse[OW+5:0];
    assign fine = t5_q >> s_i[2:0];
    assign out  = fine[OW-2:0];
    logic unused;
    assign unused = ^{one_i, coarse[48:OW+6], fine[OW+5:OW-1]};
  end

  always_ff @(posedge clk_i) begin
    if (ce_i[5]) begin
      y_o[OW-1] <= sign5_q;
      if (low5_q) y_o[OW-2:0] <= '0;
      else y_o[OW-2:0] <= out | {OW-1{high5_q}};
    end
  end

endmodule
