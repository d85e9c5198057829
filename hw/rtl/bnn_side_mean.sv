// SPDX-License-Identifier: MIT
// The fast averages of POOL: a beat of sums, through sums of 1, 2, 4 or 8
// neighbours, to up to four results per cycle: floor((s + DIV/2) / DIV), clamped.
//
// Divided by multiplication. |m| < 2^24, d <= 2^9, K = 33: with r = ceil(2^K / d),
// m*r / 2^K exceeds m/d by |m| * (r*d - 2^K) / (d * 2^K) < 1/d, so their floors are
// equal where m >= 0. Negative m take r - 1, which is less than 2^K / d by no more
// than 1. r has 34 bits, of which the lower 17 and the upper 17 are a product each.
//
// Pairs of bytes lie where elements of 16 bits do. Single bytes are taken from
// pairs, the even ones first, then the odd ones ("split").

module bnn_side_mean (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,             // what follows but for words is static from here on
  input  logic         en_i,                // moves all stages
  output logic         ready_o,             // may move
  input  logic         move_i,              // a step of the word that is word_i in the next cycle
  output logic         end_o,               // the last of this word
  input  logic         last_i,              // word of the pixel
  input  logic [18:0]  left_i,              // of the pixel: bits
  input  logic [14:0]  pieces_i,            // pieces of 16 bits
  input  logic         bytes_i,             // else 16 bits
  input  logic         signed_i,
  input  logic [1:0]   group_i,             // log2
  input  logic [9:0]   div_i,               // 512 at most
  input  logic [319:0] word_i,              // 16 bytes of 20 bits or 8 halves of 40

  output logic         valid_o,
  output logic         last_o,              // of the pixel
  output logic         split_o,             // static
  output logic         odd_o,
  output logic [3:0]   have_o,              // lanes
  output logic [2:0]   pieces_o,            // of 16 bits, with that of the even step
  output logic [63:0]  value_o,
  output logic [3:0]   over_o               // lanes whose clamp changed the value
);

  localparam int W = 25;                    // of a sum, signed
  localparam int STAGES = 9;

  // ---- reciprocal ----
  logic        done;
  logic [32:0] below;                       // ceil(2^33 / d) - 1
  logic [9:0]  rest;
  logic signed [17:0] low_q, low_neg_q, high_q;
  bnn_divide #(
    .WIDTH(33),
    .DIV_W(10)
  ) u_divide (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .start_i    (start_i),
    .dividend_i ({33{1'b1}}),
    .divisor_i  (div_i),
    .done_o     (done),
    .quotient_o (below),
    .remainder_o(rest)
  );

  logic        unused_rest;
  logic [33:0] recip;
  assign unused_rest = ^rest;
  assign recip       = {1'b0, below} + 34'd1;
  always_ff @(posedge clk_i) begin
    low_q     <= $signed({1'b0, recip[16:0]});
    low_neg_q <= $signed({1'b0, recip[16:0]}) - 18'sd1;
    high_q    <= $signed({1'b0, recip[33:17]});
    ready_o   <= done && !start_i;
  end

  // ---- steps ----
  logic        upper_q, odd_q, halves;      // upper: the upper 4 pairs or halves
  logic [3:0]  have, part;                  // lanes that have a result; even bytes of the half
  logic [2:0]  pieces;
  logic [15:0] there;                       // bytes of the beat that are the pixel's
  logic [7:0]  half;
  assign split_o = bytes_i && group_i == 2'd0;
  assign halves  = split_o || group_i == (bytes_i ? 2'd1 : 2'd0);
  assign end_o   = (!split_o || odd_q) && (!halves || upper_q || pieces_i <= 15'd4);

  assign there = (left_i >= 19'd128) ? 16'hffff : ~(16'hffff << left_i[6:3]);
  assign half  = upper_q ? there[15:8] : there[7:0];
  assign part  = {half[6], half[4], half[2], half[0]};
  always_comb begin
    if (split_o) have = odd_q ? {half[7], half[5], half[3], half[1]} : part;
    else if (halves) have = part;
    else have = {there[12], there[8], there[4], there[0]};
    if (group_i == (bytes_i ? 2'd3 : 2'd2)) have = {2'd0, there[8], 1'b1};
    if (!bytes_i && group_i == 2'd3) have = 4'd1;
    if (split_o) pieces = {2'd0, part[0]} + {2'd0, part[1]} + {2'd0, part[2]} + {2'd0, part[3]};
    else if (bytes_i) pieces = {1'b0, have[2], !have[2]};
    else pieces = {2'd0, have[0]} + {2'd0, have[1]} + {2'd0, have[2]} + {2'd0, have[3]};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      upper_q <= 1'b0;
      odd_q   <= 1'b0;
    end else if (move_i) begin
      odd_q   <= split_o && !odd_q;
      upper_q <= !end_o && (upper_q ^ (!split_o || odd_q));
    end
  end

  // ---- {last, upper, odd, have, pieces} of each stage ----
  localparam int C = 10;
  logic [STAGES-1:0]   valid_q;
  logic [STAGES*C-1:0] ctl_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) valid_q <= '0;
    else if (en_i) valid_q <= {valid_q[STAGES-2:0], move_i};
  end
  always_ff @(posedge clk_i) begin
    if (en_i) ctl_q <= {ctl_q[(STAGES-1)*C-1:0], last_i && end_o, upper_q, odd_q, have, pieces};
  end

  // 1: pairs of bytes, or one of them; or halves.
  logic [8*W-1:0] u_q;
  for (genvar i = 0; i < 8; i++) begin : gen_pair
    logic [39:0]         a;
    logic signed [W-1:0] low, high;
    logic                low_on, high_on;
    assign a       = word_i[i*40 +: 40];
    assign low_on  = !split_o || !ctl_q[7];
    assign high_on = bytes_i && (!split_o || ctl_q[7]);
    assign low     = bytes_i ? {{(W-20){signed_i && a[19]}}, a[19:0]} : a[W-1:0];
    assign high    = {{(W-20){signed_i && a[39]}}, a[39:20]};
    always_ff @(posedge clk_i) begin
      if (en_i) u_q[i*W +: W] <= (low & {W{low_on}}) + (high & {W{high_on}});
    end
    logic unused;
    assign unused = ^a;
  end

  // 2: four of them, or sums of two. 3: sums of two or four of these.
  logic        twos, fours;
  logic [4*W-1:0] two_q, four_q, mid;
  assign twos  = group_i == (bytes_i ? 2'd3 : 2'd2);
  assign fours = group_i == 2'd3 && !bytes_i;
  for (genvar i = 0; i < 4; i++) begin : gen_two
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        two_q[i*W +: W] <= (halves ? (ctl_q[C + 8] ? u_q[(4 + i)*W +: W] : u_q[i*W +: W]) : u_q[2*i*W +: W]) +
                           (halves ? {W{1'b0}} : u_q[(2*i + 1)*W +: W]);
      end
    end
  end
  assign mid = {two_q[3*W +: W], two_q[2*W +: W],
                (twos || fours) ? two_q[2*W +: W] + two_q[3*W +: W] : two_q[W +: W],
                (twos || fours) ? two_q[0 +: W] + two_q[W +: W] : two_q[0 +: W]};
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      four_q <= mid;
      if (fours) four_q[0 +: W] <= mid[0 +: W] + mid[W +: W];
    end
  end

  logic [3:0] over_q;
  // 4: m. 5: lower product. 6: upper product. 7: quotient. 8: clamp.
  for (genvar i = 0; i < 4; i++) begin : gen_lane
    logic signed [W-1:0]  sum, m_q, m2_q;
    logic signed [W+17:0] low_prod_q, low2_q, high_prod_q, all_q;
    logic signed [17:0]   r;
    logic [W:0]           q;
    logic                 neg, over;
    assign sum = $signed(four_q[i*W +: W]);
    assign r   = m_q[W-1] ? low_neg_q : low_q;
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        m_q         <= sum + $signed({16'd0, div_i[9:1]});
        low_prod_q  <= m_q * r;
        m2_q        <= m_q;
        high_prod_q <= m2_q * high_q;
        low2_q      <= low_prod_q;
        all_q       <= high_prod_q + (low2_q >>> 17);
      end
    end
    assign q    = all_q[16 +: W+1];
    assign neg  = q[W];
    assign over = !bytes_i ? (q[W-1:15] != {(W-15){neg}})
                : signed_i ? (q[W-1:7] != {(W-7){neg}}) : (q[W-1:8] != '0);
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        value_o[i*16 +: 16] <= q[15:0];
        // The sign tells which way.
        if (over) value_o[i*16 +: 16] <= !bytes_i ? {neg, {15{!neg}}} : signed_i ? {8'd0, neg, {7{!neg}}} : 16'h00ff;
        over_q[i] <= over;
      end
    end
    logic unused;
    assign unused = ^{all_q[W+17], all_q[15:0]};
  end

  assign valid_o  = valid_q[STAGES-1];
  assign last_o   = ctl_q[(STAGES-1)*C + 9];
  assign odd_o    = ctl_q[(STAGES-1)*C + 7];
  assign have_o   = ctl_q[(STAGES-1)*C + 3 +: 4];
  assign pieces_o = ctl_q[(STAGES-1)*C +: 3];
  assign over_o   = over_q & have_o & {4{valid_o}};

endmodule
