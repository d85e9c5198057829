// SPDX-License-Identifier: MIT
// Two entries, so that neither side's ready or valid depends on the other's in the
// same cycle.

module bnn_skid #(
  parameter int W = 8
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [W-1:0] in_data_i,
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [W-1:0] out_data_o
);

  logic         valid_q, spare_q;
  logic [W-1:0] data_q, spare_data_q;
  logic         free;

  assign free        = !valid_q || out_ready_i;
  assign in_ready_o  = !spare_q;
  assign out_valid_o = valid_q;
  assign out_data_o  = data_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= 1'b0;
      spare_q <= 1'b0;
    end else begin
      if (free) valid_q <= spare_q || in_valid_i;
      spare_q <= !free && (spare_q || in_valid_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (free) data_q <= spare_q ? spare_data_q : in_data_i;
    if (!spare_q) spare_data_q <= in_data_i;
  end

endmodule
