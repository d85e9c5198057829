// SPDX-License-Identifier: MIT
// Packs a stream of 16-bit pieces, each with a mask, into words without gaps.
// Pieces beyond the count of a step are ignored; `last` ends the word.

module bnn_pack #(
  parameter int CH = 8,                    // pieces per step
  parameter int WH = 16                    // pieces of a word, at least CH
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clear_i,

  input  logic             in_valid_i,
  output logic             in_ready_o,
  input  logic [CH*16-1:0] in_data_i,
  input  logic [CH*16-1:0] in_mask_i,
  input  logic [3:0]       in_count_i,
  input  logic             in_last_i,

  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [WH*16-1:0] out_data_o,
  output logic [WH*16-1:0] out_mask_o,
  output logic             out_last_o
);

  localparam int AW = (WH + CH) * 16;
  localparam int FW = $clog2(WH + CH + 1);

  logic [AW-1:0]    data_q, mask_q;
  logic [FW-1:0]    fill_q;
  logic             last_q;
  logic [CH*16-1:0] keep;
  logic [AW-1:0]    data, mask;             // of the step, from bit 0
  logic             in, out;

  for (genvar i = 0; i < CH; i++) begin : gen_keep
    assign keep[i*16 +: 16] = {16{4'(i) < in_count_i}};
  end

  assign data = {{WH*16{1'b0}}, in_data_i & keep};
  assign mask = {{WH*16{1'b0}}, in_mask_i & keep};

  assign out_valid_o = fill_q >= FW'(WH) || last_q;
  assign in_ready_o  = !out_valid_o;
  assign in          = in_valid_i && in_ready_o;
  assign out         = out_valid_o && out_ready_i;
  assign out_data_o  = data_q[WH*16-1:0];
  assign out_mask_o  = mask_q[WH*16-1:0];
  assign out_last_o  = last_q && fill_q <= FW'(WH);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      fill_q <= '0;
      last_q <= 1'b0;
      data_q <= '0;
      mask_q <= '0;
    end else if (in) begin
      data_q <= data_q | (data << {fill_q, 4'd0});
      mask_q <= mask_q | (mask << {fill_q, 4'd0});
      fill_q <= fill_q + FW'(in_count_i);
      last_q <= in_last_i;
    end else if (out) begin
      data_q <= data_q >> (WH * 16);
      mask_q <= mask_q >> (WH * 16);
      fill_q <= (fill_q > FW'(WH)) ? fill_q - FW'(WH) : '0;
      if (out_last_o) last_q <= 1'b0;
    end
  end

endmodule
