// SPDX-License-Identifier: MIT
// Open beats of every other plane of OUTP: pieces of 16 channels are collected until
// one lies in another beat. A piece may lie across two beats; it then takes two steps.

module bnn_store_planes #(
  parameter int ODD = 0,                    // planes 1, 3, 5 and so on
  localparam int BW = 28 + 128 + 16         // {addr, data, strb}
) (
  input  logic          clk_i,
  input  logic          rst_ni,
  input  logic          clear_i,            // nothing is held

  input  logic [4:0]    planes_i,
  input  logic          put_i,              // with ready
  output logic          ready_o,
  input  logic [3:0]    plane_i,
  input  logic [31:0]   addr_i,
  input  logic [15:0]   data_i,
  input  logic          flush_i,            // nothing follows
  output logic          held_o,             // a piece waits
  output logic          empty_o,            // flushed

  output logic          want_o,             // a beat leaves, if there is room
  input  logic          room_i,
  output logic [BW-1:0] beat_o
);

  logic          p1_q;
  logic [3:0]    plane_q;
  logic [31:0]   addr_q;
  logic [15:0]   data_q;
  logic [BW-1:0] beats [0:7];
  logic [7:0]    held_q;
  logic [3:0]    flush_q;                   // how many planes have been flushed
  logic          second_q;                  // the first byte of a piece across two beats is in
  logic [2:0]    index;
  logic          across, go, same, flush;
  logic [31:4]   beat_addr;
  logic [15:0]   have, strb;
  logic [127:0]  data;

  assign empty_o   = {flush_q, 1'b0} + 5'(ODD) >= planes_i;
  assign flush     = flush_i && !p1_q && !empty_o;
  assign index     = p1_q ? plane_q[3:1] : flush_q[2:0];
  assign beat_o    = beats[index];
  assign across    = addr_q[3:0] == 4'd15;
  assign beat_addr = addr_q[31:4] + 28'(second_q);
  assign have      = second_q ? 16'd1 : 16'd3 << addr_q[3:0];
  assign same      = held_q[index] && beat_o[BW-1 -: 28] == beat_addr;
  assign go        = p1_q && room_i;
  assign ready_o   = !p1_q || (room_i && (!across || second_q));
  assign want_o    = held_q[index] && (p1_q ? !same : flush);
  assign held_o    = p1_q;
  always_comb begin
    for (int b = 0; b < 16; b++) begin
      // Bytes of the piece alternate; an even address has the lower one in even bytes.
      data[b*8 +: 8] = !have[b] ? beat_o[16 + b*8 +: 8] : (b[0] == addr_q[0]) ? data_q[7:0] : data_q[15:8];
    end
    strb = same ? beat_o[15:0] | have : have;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      p1_q     <= 1'b0;
      held_q   <= '0;
      second_q <= 1'b0;
      flush_q  <= '0;
    end else begin
      if (ready_o) p1_q <= put_i;
      if (go) begin
        held_q[index] <= 1'b1;
        second_q      <= across && !second_q;
      end else if (flush && room_i) begin
        flush_q <= flush_q + 4'd1;
      end
    end
    if (go) beats[index] <= {beat_addr, data, strb};
    if (ready_o) begin
      plane_q <= plane_i;
      addr_q  <= addr_i;
      data_q  <= data_i;
    end
  end

  logic unused;
  assign unused = plane_q[0];

endmodule
