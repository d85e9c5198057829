// SPDX-License-Identifier: MIT
// Collects 16-bit pieces of output into beats with byte strobes: pieces that
// follow each other in memory leave as one write.

module bnn_wcombine (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,      // drop what is held

  input  logic         put_valid_i,
  output logic         put_ready_o,
  input  logic [31:1]  put_addr_i,
  input  logic [15:0]  put_data_i,
  input  logic         flush_i,      // level: nothing follows
  output logic         empty_o,

  output logic         w_valid_o,
  input  logic         w_ready_i,
  output logic [31:4]  w_addr_o,
  output logic [127:0] w_data_o,
  output logic [15:0]  w_strb_o
);

  logic         held_q;
  logic [31:4]  addr_q;
  logic [127:0] data_q;
  logic [7:0]   have_q;
  logic         same, put;

  assign same        = put_addr_i[31:4] == addr_q;
  assign put_ready_o = !held_q || same || w_ready_i;
  assign put         = put_valid_i && put_ready_o;
  assign w_valid_o   = held_q && (put_valid_i ? !same : flush_i);
  assign w_addr_o    = addr_q;
  assign w_data_o    = data_q;
  assign empty_o     = !held_q;

  for (genvar i = 0; i < 8; i++) begin : gen_strb
    assign w_strb_o[2*i +: 2] = {2{have_q[i]}};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      held_q <= 1'b0;
      have_q <= '0;
    end else if (put) begin
      held_q <= 1'b1;
      if (held_q && same) have_q <= have_q | (8'd1 << put_addr_i[3:1]);
      else have_q <= 8'd1 << put_addr_i[3:1];
    end else if (w_valid_o && w_ready_i) begin
      held_q <= 1'b0;
      have_q <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (put) begin
      addr_q                               <= put_addr_i[31:4];
      data_q[{put_addr_i[3:1], 4'd0} +: 16] <= put_data_i;
    end
  end

endmodule
