// SPDX-License-Identifier: MIT
// The average of POOL: floor((2*sum + div) / (2*div)), clamped to n bits, one per
// cycle. A restoring divider of one stage per quotient bit; a negative numerator
// is divided as its complement, for floor(a / b) = ~floor(~a / b).

module bnn_side_quotient #(
  parameter int SUM_W = 57
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    clear_i,
  input  logic                    en_i,       // moves all stages
  input  logic                    valid_i,
  input  logic                    last_i,
  input  logic signed [SUM_W-1:0] sum_i,
  input  logic [19:0]             div_i,      // at least 1; static, like the next
  input  logic [4:0]              bits_i,     // of the magnitude: 31 at most
  output logic                    valid_o,
  output logic                    last_o,
  output logic [31:0]             value_o,
  output logic                    sat_o       // the clamp changed it
);

  localparam int N = 31;                      // quotient bits
  localparam int MAG_W = SUM_W + 1;

  // Flags of stage i, first the one behind the input.
  logic [N+1:0]       valid_q, last_q, neg_q, over_q;
  logic [MAG_W-1:0]   mag_q;
  logic [N*21-1:0]    rem_q;
  logic [N*31+30:0]   rest_q;                 // rest of the numerator, then quotient bits

  logic [20:0]        den;
  logic [MAG_W:0]     num;
  assign den = {div_i, 1'b0};
  assign num = {sum_i[SUM_W-1], sum_i, 1'b0} + {{(MAG_W - 19){1'b0}}, div_i};

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) valid_q <= '0;
    else if (en_i) valid_q <= {valid_q[N:0], valid_i};
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      last_q <= {last_q[N:0], last_i};
      neg_q  <= {neg_q[N:0], num[MAG_W]};
      mag_q  <= num[MAG_W-1:0] ^ {MAG_W{num[MAG_W]}};
      // The quotient has N bits if the rest of the numerator is less than den.
      over_q       <= {over_q[N:0], 1'b0};
      over_q[1]    <= mag_q[MAG_W-1:N] >= (MAG_W-N)'(den);
      rem_q[20:0]  <= mag_q[N +: 21];
      rest_q[30:0] <= mag_q[30:0];
    end
  end

  for (genvar i = 0; i < N; i++) begin : gen_stage
    logic [21:0] shifted;
    logic [21:0] less;                      // by den, which is even; with its sign
    logic        fits;
    assign shifted = {rem_q[i*21 +: 21], rest_q[i*31 + 30]};
    assign less    = {1'b0, shifted[21:1]} - {2'd0, div_i};
    assign fits    = !less[21];
    logic unused;
    assign unused = ^{less, shifted[0]};
    always_ff @(posedge clk_i) begin
      if (en_i) rest_q[(i+1)*31 +: 31] <= {rest_q[i*31 +: 30], fits};
    end
    if (i < N - 1) begin : gen_next
      always_ff @(posedge clk_i) begin
        if (en_i) rem_q[(i+1)*21 +: 21] <= {fits ? less[19:0] : shifted[20:1], shifted[0]};
      end
    end
  end

  logic [30:0] quotient, most;
  logic        neg, over;
  assign quotient = rest_q[N*31 +: 31];
  assign most     = 31'h7fff_ffff >> (5'd31 - bits_i);
  assign neg      = neg_q[N+1];
  assign over     = over_q[N+1] || quotient > most;
  assign valid_o  = valid_q[N+1];
  assign last_o   = last_q[N+1];
  assign value_o  = {1'b0, over ? most : quotient} ^ {32{neg}};
  assign sat_o    = over;

endmodule
