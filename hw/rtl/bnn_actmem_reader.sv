// SPDX-License-Identifier: MIT
// One reader of the activation memory: a request for consecutive beats, read as
// the bank allows, through a FIFO that takes what is under way.

module bnn_actmem_reader #(
  parameter int ADDR_W = 14
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              flush_i,
  input  logic              req_valid_i,
  output logic              req_ready_o,
  input  logic [ADDR_W-1:0] req_addr_i,
  input  logic [23:0]       req_beats_i,

  output logic              want_o,
  output logic [ADDR_W-1:0] addr_o,
  input  logic              read_i,         // the bank reads it now; data a cycle later
  input  logic [127:0]      data_i,

  output logic              beat_valid_o,
  input  logic              beat_ready_i,
  output logic [127:0]      beat_data_o
);

  logic [23:0]  left_q;
  logic         read_q, pop;
  logic [2:0]   used_q, wptr_q, rptr_q;     // used: in the FIFO or under way
  logic [127:0] fifo [0:3];

  assign want_o       = left_q != 24'd0 && used_q != 3'd4;
  assign req_ready_o  = left_q == 24'd0 || (read_i && left_q == 24'd1);
  assign beat_valid_o = wptr_q != rptr_q;
  assign beat_data_o  = fifo[rptr_q[1:0]];
  assign pop          = beat_valid_o && beat_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      left_q <= '0;
      read_q <= 1'b0;
      used_q <= '0;
      wptr_q <= '0;
      rptr_q <= '0;
    end else begin
      read_q <= read_i;
      used_q <= used_q + 3'(read_i) - 3'(pop);
      if (read_q) wptr_q <= wptr_q + 3'd1;
      if (pop) rptr_q <= rptr_q + 3'd1;
      if (read_i) begin
        addr_o <= addr_o + ADDR_W'(1);
        left_q <= left_q - 24'd1;
      end
      if (req_valid_i && req_ready_o) begin
        addr_o <= req_addr_i;
        left_q <= req_beats_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (read_q) fifo[wptr_q[1:0]] <= data_i;
  end

endmodule
