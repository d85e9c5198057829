// SPDX-License-Identifier: MIT
// Fetches the commands of a list ahead of the decoder, up to eight, each with a
// request of its own. They wait in the FIFO of the read stream.
//
// A fault belongs to the command whose fetch failed and is told when the decoder
// wants that command; if END comes first, nobody hears of it. A request that is
// not translated brings no beats and leaves the stream out of step. So nothing is
// asked for ahead of need on a page that has not been translated yet, and such a
// fault, should it come nevertheless, stays: it is that of the next command.

module bnn_fetch #(
  parameter int BUS_BITS = 52
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 clear_i,

  input  logic                 start_i,       // pulse, with nothing under way: begin at index_i
  input  logic [31:0]          list_i,        // address of the list
  input  logic [16:0]          count_i,       // commands of the list
  input  logic [15:0]          index_i,       // of the command the decoder is at
  input  logic                 drop_i,        // ask for nothing, and throw away what comes
  output logic                 dropped_o,     // nothing is under way

  input  logic                 want_i,        // the decoder is ready for command index_i
  output logic                 load_o,        // beats of the command
  output logic [2:0]           load_beat_o,
  output logic                 loaded_o,      // with the last one
  output logic                 failed_o,      // it could not be fetched
  output logic [3:0]           status_o,
  output logic [BUS_BITS-1:12] page_o,

  output logic                 rq_valid_o,    // 128 bytes
  input  logic                 rq_ready_i,
  output logic [31:0]          rq_addr_o,
  input  logic                 rb_valid_i,
  output logic                 rb_ready_o,

  input  logic                 fault_i,       // pulse, before the beat of a bad response is handed out
  input  logic                 fault_lost_i,  // no beats will come
  input  logic [3:0]           fault_status_i,
  input  logic [BUS_BITS-1:0]  fault_addr_i   // of the burst
);

  logic        valid_q, take;
  logic [31:0] addr_q;
  logic [16:0] left_q;                        // not asked for yet
  logic [3:0]  under_q;                       // under way, or in the FIFO
  logic [3:0]  next_q;                        // index of the next request, modulo 16
  logic [2:0]  beat_q;
  logic        first_q, apart, may, pop;

  // Where the page is another than that of the command before, or two.
  assign apart = first_q || addr_q[11:7] == 5'd0 || (addr_q[11:7] == 5'd31 && addr_q[6:0] != 7'd0);
  assign may   = left_q != 17'd0 && !drop_i && !bad_q && !under_q[3] && (!apart || (want_i && under_q == 4'd0));

  assign rq_valid_o  = valid_q;
  assign rq_addr_o   = addr_q;
  assign take        = valid_q && rq_ready_i;
  assign dropped_o   = !valid_q && (under_q == 4'd0 || (bad_q && lost_q));
  assign rb_ready_o  = drop_i || (want_i && !failed_o);
  assign load_o      = rb_valid_i && rb_ready_o && !drop_i;
  assign load_beat_o = beat_q;
  assign pop         = rb_valid_i && rb_ready_o && beat_q == 3'd7;
  assign loaded_o    = pop && !drop_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= 1'b0;
      under_q <= '0;
      beat_q  <= '0;
      left_q  <= '0;
    end else begin
      valid_q <= valid_q ? !rq_ready_i : may && !start_i;
      under_q <= under_q + 4'(take) - 4'(pop);
      if (rb_valid_i && rb_ready_o) beat_q <= beat_q + 3'd1;
      if (start_i) left_q <= count_i - {1'b0, index_i};
      else if (take) left_q <= left_q - 17'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      addr_q  <= list_i + {9'd0, index_i, 7'd0};
      next_q  <= index_i[3:0];
      first_q <= 1'b1;
    end else if (take) begin
      addr_q  <= addr_q + 32'd128;
      next_q  <= next_q + 4'd1;
      first_q <= 1'b0;
    end
  end

  // ---- the first fault, in program order ----
  logic       bad_q, lost_q;
  logic [3:0] bad_at_q, at;                   // index modulo 16
  logic [6:0] offset;
  assign offset   = fault_addr_i[10:4] - list_i[10:4];
  assign at       = fault_lost_i ? next_q - 4'd1 : offset[6:3];
  assign failed_o = want_i && bad_q && bad_at_q == index_i[3:0];

  logic unused;
  assign unused = ^{offset[2:0], fault_addr_i[11], fault_addr_i[3:0]};

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      bad_q <= 1'b0;
    end else if (fault_i) begin
      bad_q <= 1'b1;
      if (!bad_q || 4'(at - index_i[3:0]) < 4'(bad_at_q - index_i[3:0])) begin
        bad_at_q <= at;
        lost_q   <= fault_lost_i;
        status_o <= fault_status_i;
        page_o   <= fault_addr_i[BUS_BITS-1:12];
      end
    end else if (start_i) begin
      bad_q    <= bad_q && lost_q;
      bad_at_q <= index_i[3:0];
    end
  end

endmodule
