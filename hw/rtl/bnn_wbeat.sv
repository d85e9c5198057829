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

  logic [15:0]  mask;
  logic [127:0] clean;
  logic [255:0] data;
  logic [31:0]  have;
  logic         across, same, elsewhere;

  assign mask = 16'hffff >> (5'd16 - put_bytes_i);
  for (genvar i = 0; i < 16; i++) begin : gen_clean
    assign clean[i*8 +: 8] = put_data_i[i*8 +: 8] & {8{mask[i]}};
  end
  assign data   = {128'd0, clean} << {put_addr_i[3:0], 3'd0};
  assign have   = {16'd0, mask} << put_addr_i[3:0];
  assign across = |have[31:16];

  assign same      = held_q && put_addr_i[31:4] == addr_q;
  assign elsewhere = held_q && !same;

  // What leaves: the beat held, where the run begins elsewhere; else the beat
  // held with the first part of the run, where the run fills it.
  logic [127:0] merged;
  logic [15:0]  merged_have;
  assign merged      = same ? data_q | data[127:0] : data[127:0];
  assign merged_have = same ? have_q | have[15:0] : have[15:0];

  assign w_valid_o   = put_valid_i ? (elsewhere || across) : (held_q && flush_i);
  assign w_addr_o    = (put_valid_i && !elsewhere) ? put_addr_i[31:4] : addr_q;
  assign w_data_o    = (put_valid_i && !elsewhere) ? merged : data_q;
  assign w_strb_o    = (put_valid_i && !elsewhere) ? merged_have : have_q;
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

  always_ff @(posedge clk_i) begin
    if (put_valid_i && (!w_valid_o || w_ready_i)) begin
      if (elsewhere || !across) begin
        addr_q <= put_addr_i[31:4];
        data_q <= elsewhere ? data[127:0] : merged;
        have_q <= elsewhere ? have[15:0] : merged_have;
      end else begin
        addr_q <= put_addr_i[31:4] + 28'd1;
        data_q <= data[255:128];
        have_q <= have[31:16];
      end
    end
  end

endmodule
