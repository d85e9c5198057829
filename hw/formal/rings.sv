// SPDX-License-Identifier: MIT
// The queues: no job comes from an empty or disabled ring, a tail too far ahead
// stops its queue, the highest queue goes first, entries and slots lie in their
// rings.
// uses: bnn_rings
// bound: 8 6
// bound: 13 10 EAGER=1
// mutant: s/en_q\[i\] && more_q\[i\]/en_q[i]/
// mutant: s/ahead\[8:0\] > sizes\[queue_i\]/ahead[8:0] > sizes[queue_i] + 1/
// mutant: s/head_next != tails/head != tails/
// mutant: s/!en_q\[queue_i\] && idle/!en_q[queue_i]/
// mutant: s/\(is_word && !en_q\[queue_i\]\)/is_word/
// mutant: s/from\[3\] \? 2'd3 : from\[2\]/from[2]/

module formal_rings #(
  parameter bit EAGER = 1'b0
) (
  input logic        clk_i,
  input logic        write_i,
  input logic [1:0]  queue_i,
  input logic [7:0]  offset_i,
  input logic [11:0] wdata_i,
  input logic        pick_i, fetched_i, stop_i, finish_i, tell_i, asked_i
);

  logic [4:0] start_q = '0;
  logic       rst_n;
  always_ff @(posedge clk_i) if (!start_q[4]) start_q <= start_q + 5'd1;
  assign rst_n = start_q != 5'd0;

  logic [3:0]  bad_tail, raise;
  logic        waiting, running_q, fetch_q;
  logic [1:0]  pick_queue, run_q;
  logic [31:0] entry, slot, count, rdata, ring, cq;
  logic [7:0]  at;
  logic [8:0]  size;
  assign entry = ring + {18'd0, at, 6'd0};
  assign slot  = cq + {16'd0, at, 8'd0};
  assign count = cq + {15'd0, size, 8'd0};

  bnn_rings #(.BUS_BITS(32)) u_dut (
    .clk_i(clk_i), .rst_ni(rst_n), .write_i(write_i), .queue_i(queue_i), .offset_i(offset_i), .wdata_i({20'd0, wdata_i}),
    .rdata_o(rdata), .bad_tail_o(bad_tail), .kill_o(), .waiting_o(waiting), .pick_i(pick_i), .pick_queue_o(pick_queue),
    .pick_ring_o(ring), .pick_cq_o(cq), .pick_at_o(at), .pick_size_o(size), .running_i(running_q), .run_queue_i(run_q),
    .fetched_i(fetched_i), .stop_i(stop_i), .finish_i(finish_i), .finished_o(), .tell_i(tell_i), .asked_i(asked_i),
    .raise_o(raise)
  );

  // One queue, as the host sees it.
  (* anyconst *) logic [1:0] q;
  logic        en_q;
  logic [31:0] tail_q, head_q, size_q, ring_q, cq_q;
  logic        mine, enable, too_far;
  assign mine    = write_i && queue_i == q;
  assign enable  = mine && offset_i == 8'(`BNN_REG_Q_CTRL) && wdata_i[0];
  assign too_far = 32'(wdata_i) - head_q > size_q;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      {en_q, running_q, fetch_q} <= '0;
      {tail_q, head_q, size_q, ring_q, cq_q} <= '0;
    end else begin
      if (pick_i) begin
        running_q <= 1'b1;
        fetch_q   <= 1'b1;
        run_q     <= pick_queue;
      end
      if (fetched_i || stop_i) fetch_q <= 1'b0;
      if (fetched_i && run_q == q) head_q <= head_q + 32'd1;
      if (tell_i || stop_i) running_q <= 1'b0;
      if (stop_i && run_q == q) en_q <= 1'b0;
      if (mine && !en_q) begin
        if (offset_i == 8'(`BNN_REG_Q_SIZE)) size_q <= 32'(wdata_i);
        if (offset_i == 8'(`BNN_REG_Q_RING_LO)) ring_q <= 32'(wdata_i);
        if (offset_i == 8'(`BNN_REG_Q_CQ_LO)) cq_q <= 32'(wdata_i);
      end
      if (mine && offset_i == 8'(`BNN_REG_Q_TAIL)) begin
        tail_q <= 32'(wdata_i);
        if (en_q && too_far) en_q <= 1'b0;
      end
      if (mine && offset_i == 8'(`BNN_REG_Q_CTRL) && !wdata_i[0]) en_q <= 1'b0;
      if (enable && !en_q && !(running_q && run_q == q) && ring_q[5:0] == 6'd0 && cq_q[7:0] == 8'd0 &&
          (size_q == 32'd8 || size_q == 32'd16 || size_q == 32'd32 || size_q == 32'd64 || size_q == 32'd128 ||
           size_q == 32'd256)) begin
        en_q   <= 1'b1;
        tail_q <= '0;
        head_q <= '0;
      end
    end
  end

  // The sequencer: a job is picked when one waits and none runs, fetched once, told once.
  always_comb begin
    assume (!pick_i || (waiting && !running_q));
    assume (!fetched_i || fetch_q);
    assume (!stop_i || running_q);
    assume (!tell_i || (running_q && !fetch_q));
    assume (!(stop_i && (fetched_i || tell_i)));
    assume (!finish_i || (running_q && !fetch_q));
    if (!rst_n) assume (!write_i && !pick_i);
    // The queue is set up without delay.
    if (EAGER && rst_n) begin
      if (start_q == 5'd1) assume (mine && offset_i == 8'(`BNN_REG_Q_SIZE) && wdata_i == 12'd8);
      if (start_q == 5'd2) assume (mine && offset_i == 8'(`BNN_REG_Q_CTRL) && wdata_i == 12'd1);
      if (start_q == 5'd3) assume (mine && offset_i == 8'(`BNN_REG_Q_TAIL));
    end
    // A tail is not taken back over a job that is being fetched.
    if (fetch_q && write_i && queue_i == run_q) assume (offset_i != 8'(`BNN_REG_Q_TAIL));
    if (pick_i && write_i && queue_i == pick_queue) assume (offset_i != 8'(`BNN_REG_Q_TAIL));
  end

  logic [3:0] picks_q;
  always_ff @(posedge clk_i)
    if (!rst_n) picks_q <= '0;
    else if (pick_i && picks_q != 4'd15) picks_q <= picks_q + 4'd1;

  always_comb begin
    if (rst_n) begin
      if (en_q && !(fetch_q && run_q == q)) assert (tail_q - head_q <= size_q);
      if (en_q && tail_q != head_q) assert (waiting);
      if (pick_i && pick_queue == q) begin
        assert (en_q && tail_q != head_q);
        assert (entry - ring_q < (size_q << 6) && entry[5:0] == 6'd0);
        assert (slot - cq_q < (size_q << 8) && slot[7:0] == 8'd0);
        assert (slot - cq_q == (entry - ring_q) << 2);
        assert ((entry - ring_q) >> 6 == (head_q & (size_q - 32'd1)));
        assert (count == cq_q + (size_q << 8));
      end
      assert (bad_tail[q] == (mine && offset_i == 8'(`BNN_REG_Q_TAIL) && en_q && too_far));
      // The highest goes first, until eight jobs have passed a lower one.
      if (pick_i && en_q && tail_q != head_q) assert (pick_queue >= q || picks_q >= 4'd8);
      if (queue_i == q && offset_i == 8'(`BNN_REG_Q_HEAD)) assert (rdata == head_q);
      if (queue_i == q && offset_i == 8'(`BNN_REG_Q_TAIL)) assert (rdata == tail_q);
      if (queue_i == q && offset_i == 8'(`BNN_REG_Q_CTRL)) assert (rdata == {31'd0, en_q});
      if (raise[q]) assert (tell_i && run_q == q);
    end
  end

endmodule
