// SPDX-License-Identifier: MIT
// One two-piece linear stage, the piece chosen: rnd(A*x + (B << SB), S), with
// POW2 rnd(p + (B << SB), S) where p is +-x times a power of two; x itself if off.
// One register inside; the result is combinational behind it.

module bnn_post_linear #(
  parameter int XW   = 27,
  parameter int MULT = 1         // 0: no multiplier
) (
  input  logic                 clk_i,
  input  logic                 en_i,
  input  logic                 on_i,
  input  logic                 pow2_i,
  input  logic [4:0]           s_i,
  input  logic [4:0]           sb_i,         // 0 to 16
  input  logic signed [XW-1:0] x_i,
  input  logic signed [15:0]   a_i,
  input  logic signed [31:0]   b_i,
  input  logic        [7:0]    k_i,          // exponent, clamped to -31..15 here
  input  logic                 neg_i,
  output logic signed [48:0]   y_o,
  output logic                 sat_o         // sat40 changed p
);

  // ---- the product ----
  logic signed [XW:0]    xn;                 // +-x
  logic        [4:0]     down;
  logic        [3:0]     up;
  logic signed [XW+15:0] wide;
  logic signed [XW+1:0]  half;
  logic signed [XW+1:0]  low;
  logic                  over;
  logic signed [48:0]    p_pow2, p;

  assign xn   = neg_i ? -$signed({x_i[XW-1], x_i}) : $signed({x_i[XW-1], x_i});
  assign up   = ($signed(k_i) > 8'sd15) ? 4'd15 : k_i[3:0];
  assign down = ($signed(k_i) < -8'sd31) ? 5'd31 : 5'(-k_i);
  assign wide = $signed({{15{xn[XW]}}, xn}) <<< up;
  assign half = $signed({xn, 1'b0}) >>> down;
  assign low  = (half >>> 1) + $signed({{XW+1{1'b0}}, half[0]});
  if (XW + 16 > 40) begin : gen_over
    assign over = wide[XW+15:39] != {XW-23{wide[XW+15]}};
  end else begin : gen_fits
    assign over = 1'b0;
  end
  always_comb begin
    if (k_i[7]) p_pow2 = {{47-XW{low[XW+1]}}, low};
    else if (over) p_pow2 = {{10{wide[XW+15]}}, {39{!wide[XW+15]}}};
    else p_pow2 = {{33-XW{wide[XW+15]}}, wide};
  end

  if (MULT != 0) begin : gen_mult
    logic signed [XW+15:0] product;
    assign product = a_i * x_i;
    assign p = pow2_i ? p_pow2 : {{33-XW{product[XW+15]}}, product};
  end else begin : gen_shift
    logic unused;
    assign unused = ^a_i ^ pow2_i;
    assign p = p_pow2;
  end

  logic signed [48:0]   p_q, b_q;
  logic signed [XW-1:0] x_q;
  logic                 over_q;
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      p_q    <= p;
      b_q    <= $signed({{17{b_i[31]}}, b_i}) <<< sb_i;
      x_q    <= x_i;
      over_q <= over && !k_i[7];
    end
  end

  // ---- the sum, rounded; |p| < 2^42, |B << SB| <= 2^47 ----
  logic signed [48:0] sum;
  logic signed [49:0] shifted;
  assign sum     = p_q + b_q;
  assign shifted = $signed({sum, 1'b0}) >>> s_i;
  assign y_o     = on_i ? $signed(shifted[49:1]) + $signed({48'd0, shifted[0]}) : {{49-XW{x_q[XW-1]}}, x_q};
  assign sat_o   = on_i && pow2_i && over_q;

endmodule
