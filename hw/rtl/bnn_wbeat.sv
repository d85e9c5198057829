// SPDX-License-Identifier: MIT
// Runs of 1 to 16 bytes at any address to beats with byte strobes. Runs that
// follow each other in memory share beats; one run is taken per cycle unless it
// begins elsewhere and lies across two beats.

module bnn_wbeat (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,      // drop what is held

  input  logic         put_valid_i,
  output logic         put_ready_o,
  input  logic [31:0]  put_addr_i,
  input  logic [4:0]   put_bytes_i,
  input  logic [127:0] put_data_i,
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
  logic [15:0]  have_q;

  // The run, turned to where its first byte belongs; the strobes say which of the
  // bytes are its own, in this beat and in the next.
  logic [15:0]  mask, low, high;
  logic [31:0]  have;
  logic [127:0] turned;
  logic         across, same, elsewhere;

  assign mask   = 16'hffff >> (5'd16 - put_bytes_i);
  assign have   = {16'd0, mask} << put_addr_i[3:0];
  assign low    = have[15:0];
  assign high   = have[31:16];
  assign across = |high;

  logic [127:0] turn4;                      // in two steps of four ways each
  for (genvar i = 0; i < 16; i++) begin : gen_turn
    assign turn4[i*8 +: 8]  = (put_addr_i[3:2] == 2'd0) ? put_data_i[i*8 +: 8]
                            : (put_addr_i[3:2] == 2'd1) ? put_data_i[((i + 12) % 16)*8 +: 8]
                            : (put_addr_i[3:2] == 2'd2) ? put_data_i[((i + 8) % 16)*8 +: 8]
                                                        : put_data_i[((i + 4) % 16)*8 +: 8];
    assign turned[i*8 +: 8] = (put_addr_i[1:0] == 2'd0) ? turn4[i*8 +: 8]
                            : (put_addr_i[1:0] == 2'd1) ? turn4[((i + 15) % 16)*8 +: 8]
                            : (put_addr_i[1:0] == 2'd2) ? turn4[((i + 14) % 16)*8 +: 8]
                                                        : turn4[((i + 13) % 16)*8 +: 8];
  end

  assign same      = held_q && put_addr_i[31:4] == addr_q;
  assign elsewhere = held_q && !same;

  // What leaves: the beat held, where the run begins elsewhere; else the beat
  // held with the first part of the run, where the run fills it.
  logic        joins;
  logic [15:0] merged_have;
  assign joins       = put_valid_i && !elsewhere;
  assign merged_have = same ? have_q | low : low;
  for (genvar i = 0; i < 16; i++) begin : gen_out
    assign w_data_o[i*8 +: 8] = (joins && low[i]) ? turned[i*8 +: 8] : data_q[i*8 +: 8];
  end

  assign w_valid_o   = put_valid_i ? (elsewhere || across) : (held_q && flush_i);
  assign w_addr_o    = joins ? put_addr_i[31:4] : addr_q;
  assign w_strb_o    = joins ? merged_have : have_q;
  assign put_ready_o = elsewhere ? (w_ready_i && !across) : (!across || w_ready_i);
  assign empty_o     = !held_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      held_q <= 1'b0;
    end else if (put_valid_i) begin
      if (!w_valid_o || w_ready_i) held_q <= 1'b1;
    end else if (flush_i && w_ready_i) begin
      held_q <= 1'b0;
    end
  end

  // Bytes without strobe are of no account, so those of the run just replace.
  logic keep, next;                         // the run is kept; the part of it behind the beat
  assign keep = put_valid_i && (!w_valid_o || w_ready_i);
  assign next = across && !elsewhere;
  always_ff @(posedge clk_i) begin
    if (keep) begin
      addr_q <= put_addr_i[31:4] + 28'(next);
      have_q <= next ? high : elsewhere ? low : merged_have;
    end
    for (int i = 0; i < 16; i++) begin
      if (keep && (next ? high[i] : low[i])) data_q[i*8 +: 8] <= turned[i*8 +: 8];
    end
  end

endmodule
