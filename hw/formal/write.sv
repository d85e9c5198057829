// SPDX-License-Identifier: MIT
// A write stream: beats leave in the order in which they came, in bursts of beats
// that follow each other, none of which crosses a page or goes elsewhere than its
// beats. What has been handed over leaves, whatever is flushed. 5 bits stand for 144.
// uses: bnn_bus_write bnn_bus_pages
// bound: 11 10
// bound: 38 20 EAGER=1
// mutant: s/ && next_q != 8'd0//
// mutant: s/if \(flush_i\) wptr_q <= given_q/if (flush_i) wptr_q <= rptr_q/
// mutant: s/!count_q\[4\] && //
// mutant: s/req_addr_i\[AW-1:4\] == \{addr_q\[AW-1:12\], next_q\}/1'b1/
// mutant: s/!stop_q && !full && /!stop_q \&\& /

module formal_write #(
  parameter bit EAGER = 1'b0
) (
  input logic         clk_i,
  input logic         flush_i, hold_i, forget_i,
  input logic         req_valid_i, req_virt_i,
  input logic [13:4]  req_addr_i,
  input logic [3:0]   req_data_i,
  input logic         req_strb_i,
  input logic         xl_answer_i, xl_fault_i, w_ready_i, take_i
);

  logic [5:0] start_q = '0;
  logic       rst_n;
  always_ff @(posedge clk_i) if (!(&start_q)) start_q <= start_q + 6'd1;
  assign rst_n = start_q != 6'd0;

  logic         req_ready, held, xl_req, w_valid;
  logic [31:12] xl_page;
  logic [31:0]  w_addr;
  logic [3:0]   w_len;
  logic [127:0] beat_data;
  logic [15:0]  beat_strb;
  (* anyconst *) logic [1:0]  turn;
  (* anyconst *) logic [6:0]  chosen;
  (* anyconst *) logic [9:0]  from;

  bnn_bus_write #(.BUS_BITS(32), .FIFO_LOG2(5)) u_dut (
    .clk_i(clk_i), .rst_ni(rst_n), .flush_i(flush_i), .hold_i(hold_i), .forget_i(forget_i), .held_o(held),
    .req_valid_i(req_valid_i), .req_ready_o(req_ready), .req_virt_i(req_virt_i), .req_slot_i(4'd0),
    .req_addr_i({18'd0, req_addr_i}), .req_data_i({124'd0, req_data_i}), .req_strb_i({15'd0, req_strb_i}),
    .xl_req_o(xl_req), .xl_page_o(xl_page), .xl_slot_o(), .xl_done_i(xl_req && xl_answer_i), .xl_fault_i(xl_fault_i),
    .xl_frame_i(xl_page ^ 20'(turn)),
    .w_valid_o(w_valid), .w_ready_i(w_ready_i), .w_addr_o(w_addr), .w_len_o(w_len), .w_origin_o(), .w_slot_o(),
    .beat_take_i(take_i), .beat_data_o(beat_data), .beat_strb_o(beat_strb)
  );

  // Beats come, are given to a burst, leave; numbers that a flush takes back are used again.
  logic [6:0]   in_q, given_q, out_q;
  logic [4:0]   chosen_q;
  logic [9:0]   at_q;                      // where the chosen one belongs
  logic         put, give;
  logic [6:0]   into;
  assign put  = req_valid_i && req_ready;
  assign give = w_valid && w_ready_i;
  assign into = chosen - given_q;          // its place in the burst

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      {in_q, given_q, out_q} <= '0;
    end else begin
      in_q    <= flush_i ? given_q : in_q + 7'(put);
      given_q <= given_q + (give ? 7'(w_len) + 7'd1 : 7'd0);
      out_q   <= out_q + 7'(take_i);
    end
    if (put && in_q == chosen) begin
      chosen_q <= {req_strb_i, req_data_i};
      at_q     <= {req_virt_i ? req_addr_i[13:12] ^ turn : req_addr_i[13:12], req_addr_i[11:4]};
    end
  end

  always_comb begin
    assume (!take_i || out_q != given_q);
    if (!rst_n) assume (!take_i && !flush_i && !req_valid_i);
    // One long run of beats that fills the FIFO.
    if (EAGER && rst_n && start_q <= 6'd33)
      assume (req_valid_i && !flush_i && !hold_i && !forget_i && !req_virt_i && !take_i &&
              req_addr_i == from + 10'(in_q));
  end

  always_comb begin
    if (rst_n) begin
      assert (in_q - out_q <= 7'd32);
      assert (given_q - out_q <= in_q - out_q);
      if (!flush_i) assert (held == (in_q != given_q));
      if (w_valid) begin
        assert (7'(w_len) + 7'd1 == in_q - given_q);
        assert (9'(w_addr[11:4]) + 9'(w_len) < 9'd256);
        if (into <= 7'(w_len)) assert (w_addr[13:4] + 10'(into) == at_q);
      end
      if (flush_i) assert (!w_valid && !put && !xl_req);
      if (take_i && out_q == chosen) assert ({beat_strb[0], beat_data[3:0]} == chosen_q);
    end
  end

endmodule
