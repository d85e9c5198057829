// SPDX-License-Identifier: MIT
// Two words of a link, so that valid, ready and data all come from registers.

module bnn_link_skid (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        in_valid_i,
  output logic        in_ready_o,
  input  logic [15:0] in_data_i,
  output logic        out_valid_o,
  input  logic        out_ready_i,
  output logic [15:0] out_data_o
);

  logic        more_q;                     // the second word is held too
  logic [15:0] next_q;
  logic        put, pop;
  assign put = in_valid_i && in_ready_o;
  assign pop = out_valid_o && out_ready_i;
  assign in_ready_o = !more_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      out_valid_o <= 1'b0;
      more_q      <= 1'b0;
    end else begin
      out_valid_o <= more_q || put || (out_valid_o && !pop);
      more_q      <= (more_q || put) && out_valid_o && !pop;
    end
  end
  always_ff @(posedge clk_i) begin
    if (put) next_q <= in_data_i;
    if (!out_valid_o || pop) out_data_o <= more_q ? next_q : in_data_i;
  end

endmodule
