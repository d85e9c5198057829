// SPDX-License-Identifier: MIT
// One read stream of a unit: bytes at any address, from memory or on chip, answered
// in order.

module bnn_read_port #(
  parameter int BUS_BITS = 32
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,

  input  logic                rq_valid_i,
  output logic                rq_ready_o,
  input  logic                rq_onchip_i,
  input  logic [BUS_BITS-1:0] rq_addr_i,
  input  logic [27:0]         rq_bytes_i,    // at least 1
  output logic                rb_valid_o,
  input  logic                rb_ready_i,
  output logic [127:0]        rb_data_o,

  // Beats: of the activation memory, of the bus.
  output logic                act_valid_o,
  input  logic                act_ready_i,
  output logic                bus_valid_o,
  input  logic                bus_ready_i,
  output logic [BUS_BITS-1:0] addr_o,
  output logic [23:0]         beats_o,
  input  logic                act_beat_i,
  output logic                act_take_o,
  input  logic [127:0]        act_data_i,
  input  logic                bus_beat_i,
  output logic                bus_take_o,
  input  logic [127:0]        bus_data_i
);

  logic valid, onchip, beat_onchip, take;
  assign act_valid_o = valid && onchip;
  assign bus_valid_o = valid && !onchip;
  assign act_take_o  = take && beat_onchip;
  assign bus_take_o  = take && !beat_onchip;

  bnn_align #(
    .BUS_BITS(BUS_BITS)
  ) u_align (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .clear_i      (clear_i),
    .rq_valid_i   (rq_valid_i),
    .rq_ready_o   (rq_ready_o),
    .rq_onchip_i  (rq_onchip_i),
    .rq_addr_i    (rq_addr_i),
    .rq_bytes_i   (rq_bytes_i),
    .rb_valid_o   (rb_valid_o),
    .rb_ready_i   (rb_ready_i),
    .rb_data_o    (rb_data_o),
    .src_valid_o  (valid),
    .src_ready_i  (onchip ? act_ready_i : bus_ready_i),
    .src_onchip_o (onchip),
    .src_addr_o   (addr_o),
    .src_beats_o  (beats_o),
    .beat_onchip_o(beat_onchip),
    .beat_valid_i (beat_onchip ? act_beat_i : bus_beat_i),
    .beat_ready_o (take),
    .beat_data_i  (beat_onchip ? act_data_i : bus_data_i)
  );

endmodule
