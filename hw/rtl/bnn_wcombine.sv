// SPDX-License-Identifier: MIT
// Collects 16-bit pieces of output into beats with byte strobes: pieces that
// follow each other in memory leave as one write. A piece may lie across two
// beats; it then takes two steps.

module bnn_wcombine (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,      // drop what is held

  input  logic         put_valid_i,
  output logic         put_ready_o,
  input  logic [31:0]  put_addr_i,
  input  logic [15:0]  put_data_i,
  input  logic         flush_i,      // level: nothing follows
  output logic         empty_o,

  output logic         w_valid_o,
  input  logic         w_ready_i,
  output logic [31:4]  w_addr_o,
  output logic [127:0] w_data_o,
  output logic [15:0]  w_strb_o
);

  logic         held_q, second_q;    // second: the first byte of the piece is in
  logic [31:4]  addr_q, addr;
  logic [127:0] data_q, data;
  logic [15:0]  have_q, have;
  logic         across, same, put;

  assign across      = put_addr_i[3:0] == 4'd15;
  assign addr        = put_addr_i[31:4] + 28'(second_q);
  assign data        = second_q ? {120'd0, put_data_i[15:8]} : {112'd0, put_data_i} << {put_addr_i[3:0], 3'd0};
  assign have        = second_q ? 16'd1 : 16'd3 << put_addr_i[3:0];
  assign same        = addr == addr_q;
  assign put         = put_valid_i && (!held_q || same || w_ready_i);
  assign put_ready_o = (!held_q || same || w_ready_i) && (!across || second_q);
  assign w_valid_o   = held_q && (put_valid_i ? !same : flush_i);
  assign w_addr_o    = addr_q;
  assign w_data_o    = data_q;
  assign w_strb_o    = have_q;
  assign empty_o     = !held_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      held_q   <= 1'b0;
      second_q <= 1'b0;
    end else if (put) begin
      held_q   <= 1'b1;
      second_q <= across && !second_q;
    end else if (w_valid_o && w_ready_i) begin
      held_q   <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (put) begin
      addr_q <= addr;
      data_q <= (held_q && same) ? data_q | data : data;
      have_q <= (held_q && same) ? have_q | have : have;
    end
  end

endmodule
