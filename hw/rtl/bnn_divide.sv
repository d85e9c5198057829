// SPDX-License-Identifier: MIT
// Unsigned division, one quotient bit per cycle. Only the checks of commands
// divide, so it may be slow.

module bnn_divide #(
  parameter int WIDTH = 40,                // of the dividend
  parameter int DIV_W = 14
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             start_i,
  input  logic [WIDTH-1:0] dividend_i,
  input  logic [DIV_W-1:0] divisor_i,      // not 0; stays until done
  output logic             done_o,         // level, until the next start
  output logic [WIDTH-1:0] quotient_o,
  output logic [DIV_W-1:0] remainder_o
);

  logic [WIDTH-1:0]           q_q;
  logic [DIV_W:0]             r_q, shifted;
  logic [DIV_W+1:0]           less;
  logic [$clog2(WIDTH+1)-1:0] left_q;
  logic                       fits;

  logic unused;
  assign unused      = r_q[DIV_W];  // the remainder is less than the divisor
  assign shifted     = {r_q[DIV_W-1:0], q_q[WIDTH-1]};
  assign less        = {1'b0, shifted} - {2'd0, divisor_i};
  assign fits        = !less[DIV_W+1];
  assign done_o      = left_q == '0;
  assign quotient_o  = q_q;
  assign remainder_o = r_q[DIV_W-1:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q <= '0;
    end else if (start_i) begin
      q_q    <= dividend_i;
      r_q    <= '0;
      left_q <= ($clog2(WIDTH+1))'(WIDTH);
    end else if (!done_o) begin
      q_q    <= {q_q[WIDTH-2:0], fits};
      r_q    <= fits ? less[DIV_W:0] : shifted;
      left_q <= left_q - 1'b1;
    end
  end

endmodule
