// SPDX-License-Identifier: MIT
// Collects 16-bit pieces of output into beats with byte strobes, for several
// places at once (planes, a stream, sums): pieces that follow each other in one
// place leave as one write. A piece may lie across two beats; it then takes two
// steps.

module bnn_wcombine #(
  parameter int PLACES = 18
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,      // drop what is held

  input  logic         put_valid_i,
  output logic         put_ready_o,
  input  logic [4:0]   put_place_i,
  input  logic         put_onchip_i,
  input  logic [31:0]  put_addr_i,
  input  logic [15:0]  put_data_i,
  input  logic         flush_i,      // level: nothing follows
  output logic         empty_o,

  output logic         w_valid_o,
  input  logic         w_ready_i,
  output logic [4:0]   w_place_o,
  output logic         w_onchip_o,
  output logic [31:4]  w_addr_o,
  output logic [127:0] w_data_o,
  output logic [15:0]  w_strb_o
);

  localparam int W = 1 + 28 + 128 + 16;

  logic [PLACES-1:0] held_q;
  logic [W-1:0]      beat [0:PLACES-1];
  logic              second_q;       // the first byte of the piece is in
  logic [31:4]       addr;
  logic [127:0]      data;
  logic [15:0]       have;
  logic              across, same, put, held;

  // What is held in the place put to, or while flushing in the first one that holds.
  logic [4:0]   at;
  logic [W-1:0] now;
  always_comb begin
    at = put_place_i;
    if (!put_valid_i) begin
      for (int i = PLACES - 1; i >= 0; i--) if (held_q[i]) at = 5'(i);
    end
  end
  assign now  = beat[at];
  assign held = held_q[at];

  assign across      = put_addr_i[3:0] == 4'd15;
  assign addr        = put_addr_i[31:4] + 28'(second_q);
  assign data        = second_q ? {120'd0, put_data_i[15:8]} : {112'd0, put_data_i} << {put_addr_i[3:0], 3'd0};
  assign have        = second_q ? 16'd1 : 16'd3 << put_addr_i[3:0];
  assign same        = addr == now[171:144];
  assign put         = put_valid_i && (!held || same || w_ready_i);
  assign put_ready_o = (!held || same || w_ready_i) && (!across || second_q);
  assign w_valid_o   = held && (put_valid_i ? !same : flush_i);
  assign w_place_o   = at;
  assign w_onchip_o  = now[172];
  assign w_addr_o    = now[171:144];
  assign w_data_o    = now[143:16];
  assign w_strb_o    = now[15:0];
  assign empty_o     = held_q == '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      held_q   <= '0;
      second_q <= 1'b0;
    end else if (put) begin
      held_q[at] <= 1'b1;
      second_q   <= across && !second_q;
    end else if (w_valid_o && w_ready_i) begin
      held_q[at] <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (put) beat[at] <= {put_onchip_i, addr, (held && same) ? now[143:16] | data : data,
                          (held && same) ? now[15:0] | have : have};
  end

endmodule
