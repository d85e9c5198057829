// SPDX-License-Identifier: MIT
// A read stream: bursts are the request, cut at multiples of 256 bytes, and
// translated; beats come out in the order of their arrival and never find the
// FIFO full. A FIFO of 32 beats stands for that of 256, 4 bits for 128.
// uses: bnn_bus_read bnn_bus_pages
// bound: 10 8
// mutant: s/\+ \(FIFO_LOG2\+1\)'\(burst\) <= /<= /
// mutant: s/if \(load\) rptr_q/if (load || pop) rptr_q/
// mutant: s/5'd16 - \{1'b0, addr_q\[7:4\]\}/5'd16/
// mutant: s/- \(FIFO_LOG2\+1\)'\(pop\)/- (FIFO_LOG2+1)'(load)/
// mutant: s/\(!act_q \|\| \(issue && last\)\)/(!act_q || last)/

module formal_read (
  input logic         clk_i,
  input logic         flush_i, hold_i, forget_i,
  input logic         req_valid_i, req_virt_i,
  input logic [13:4]  req_addr_i,
  input logic [6:0]   req_beats_i,
  input logic         beat_ready_i, xl_answer_i, xl_fault_i,
  input logic         d_ready_i, d_beat_i,
  input logic [3:0]   d_data_i
);

  logic [4:0] start_q = '0;
  logic       rst_n;
  always_ff @(posedge clk_i) if (!start_q[4]) start_q <= start_q + 5'd1;
  assign rst_n = start_q != 5'd0;

  logic         req_ready, beat_valid, xl_req, d_valid;
  logic [127:0] beat_data;
  logic [31:12] xl_page;
  logic [31:0]  d_addr;
  logic [31:12] d_origin;
  logic [3:0]   d_len;
  (* anyconst *) logic [1:0] turn;         // virtual page to frame
  (* anyconst *) logic [6:0]  chosen;      // a beat

  bnn_bus_read #(.BUS_BITS(32), .FIFO_LOG2(5)) u_dut (
    .clk_i(clk_i), .rst_ni(rst_n), .flush_i(flush_i), .hold_i(hold_i), .forget_i(forget_i),
    .req_valid_i(req_valid_i), .req_ready_o(req_ready), .req_virt_i(req_virt_i), .req_slot_i(4'd0),
    .req_addr_i({18'd0, req_addr_i, 4'd0}), .req_beats_i({17'd0, req_beats_i}),
    .beat_valid_o(beat_valid), .beat_ready_i(beat_ready_i), .beat_data_o(beat_data),
    .xl_req_o(xl_req), .xl_page_o(xl_page), .xl_slot_o(), .xl_more_o(), .xl_done_i(xl_req && xl_answer_i),
    .xl_fault_i(xl_fault_i), .xl_frame_i(xl_page ^ 20'(turn)),
    .d_valid_o(d_valid), .d_ready_i(d_ready_i), .d_addr_o(d_addr), .d_len_o(d_len), .d_origin_o(d_origin),
    .d_slot_o(), .d_beat_i(d_beat_i), .d_data_i({124'd0, d_data_i})
  );

  logic        take, issue, pop, virt_q;
  logic [9:0]  way_q;                      // beats asked for that have not arrived
  logic [6:0]  in_q, out_q;                // beats arrived, handed out
  logic [9:0] next_q;
  logic [6:0] left_q;
  logic [3:0]  chosen_q;
  assign take  = req_valid_i && req_ready;
  assign issue = d_valid && d_ready_i;
  assign pop   = beat_valid && beat_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      {way_q, in_q, out_q} <= '0;
      left_q <= '0;
    end else begin
      way_q <= way_q + (issue ? 10'(d_len) + 10'd1 : 10'd0) - 10'(d_beat_i);
      if (flush_i) begin
        {in_q, out_q} <= '0;
        left_q <= '0;
      end else begin
        in_q  <= in_q + 7'(d_beat_i);
        out_q <= out_q + 7'(pop);
        if (issue) begin
          next_q <= next_q + 10'(d_len) + 10'd1;
          left_q <= left_q - 7'(d_len) - 7'd1;
        end
        if (take) begin
          next_q <= req_addr_i;
          left_q <= req_beats_i;
          virt_q <= req_virt_i;
        end
        if (xl_req && xl_answer_i && xl_fault_i && !forget_i) left_q <= '0;
      end
    end
    if (d_beat_i && in_q == chosen) chosen_q <= d_data_i;
  end

  always_comb begin
    assume (!d_beat_i || way_q != 10'd0);
    assume (req_beats_i != 7'd0);
    // Nothing runs out of the pages that the addresses here can name.
    assume (11'(req_addr_i) + 11'(req_beats_i) <= 11'd1024);
    if (!rst_n) assume (!d_beat_i && !flush_i);
  end
  // A flush lasts until everything asked for has come.
  always_ff @(posedge clk_i)
    if (start_q > 5'd1 && $past(flush_i) && $past(way_q) != 10'd0) assume (flush_i);

  always_comb begin
    if (rst_n && !flush_i) begin
      assert (in_q - out_q <= 7'd33);      // those of the FIFO and the one at its exit
      assert (10'(in_q - out_q) + way_q <= 10'd32);
      if (d_valid) begin
        assert (7'(d_len) < left_q);
        assert (d_origin == {18'd0, next_q[9:8]});
        assert (d_addr == {18'd0, virt_q ? next_q[9:8] ^ turn : next_q[9:8], next_q[7:0], 4'd0});
        assert (5'(d_addr[7:4]) + 5'(d_len) < 5'd16);
        assert (7'(d_len) + 7'd1 == left_q || d_addr[7:4] + d_len == 4'd15);
      end
      if (xl_req) assert (left_q != 7'd0 && xl_page == {18'd0, next_q[9:8]});
      if (take) assert (left_q == 7'd0 || (issue && 7'(d_len) + 7'd1 == left_q));
      if (beat_valid) assert (in_q != out_q);
      if (beat_valid && out_q == chosen) assert (beat_data[3:0] == chosen_q);
    end
    if (flush_i) assert (!d_valid && !xl_req && !req_ready);
  end

endmodule
