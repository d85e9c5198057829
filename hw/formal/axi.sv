// SPDX-License-Identifier: MIT
// The AXI port: what waits does not change, no burst crosses 4 KiB, write beats
// match their bursts, whatever comes back goes to whom it belongs, at most 16 (the core has 64 writes) of
// each kind are under way. 4 bits of a beat stand for 144.
// uses: bnn_bus_axi
// bound: 13 11
// bound: 21 19 EAGER=1
// mutant: s/if \(arready_i\) arvalid_o <= 1'b0;/arvalid_o <= 1'b0;/
// mutant: s/assign last        = at_q == wd_len/assign last = at_q == wd_len - 4'd1/
// mutant: s/!reads_q\[4\] && //
// mutant: s/assign d_ready_o = room && !k_valid_i/assign d_ready_o = room/
// mutant: s/if \(wd_take_o\) begin\n      wdata_o/if (wd_fill_q != 0) begin\n      wdata_o/
// mutant: s/if \(last\) wd_rptr_q <= wd_rptr_q \+ WR_LOG2'\(1\)/wd_rptr_q <= wd_rptr_q + WR_LOG2'(1)/

module formal_axi #(
  parameter bit EAGER = 1'b0
) (
  input logic         clk_i,
  input logic         d_valid_i, k_valid_i, w_valid_i,
  input logic [12:0]  d_addr_i, k_addr_i, w_addr_i,
  input logic [3:0]   d_len_i, k_len_i, w_len_i,
  input logic         d_stream_i, w_stream_i,
  input logic [3:0]   d_slot_i, w_slot_i,
  input logic [2:0]   wd_data_i,
  input logic         wd_strb_i,
  input logic         arready_i, rvalid_i, rlast_i, awready_i, wready_i, bvalid_i,
  input logic [1:0]   rresp_i, bresp_i
);

  logic [4:0] start_q = '0;
  logic       rst_n;
  always_ff @(posedge clk_i) if (!start_q[4]) start_q <= start_q + 5'd1;
  assign rst_n = start_q != 5'd0;

  logic        d_ready, k_ready, w_ready, d_beat, k_beat, d_beat_stream, d_error, w_error, wd_take, wd_stream;
  logic [12:0] d_error_origin, w_error_origin, araddr, awaddr;
  logic [3:0]  d_error_slot, w_error_slot;
  logic [4:0]  reads;
  logic        writes, arvalid, awvalid, wvalid, wlast, rlast;
  logic [7:0]  arlen, awlen;
  logic [127:0] wdata;
  logic [15:0] wstrb;

  bnn_bus_axi #(.BUS_BITS(13), .WR_LOG2(4)) u_dut (
    .clk_i(clk_i), .rst_ni(rst_n),
    .d_valid_i(d_valid_i), .d_ready_o(d_ready), .d_addr_i(d_addr_i), .d_len_i(d_len_i), .d_origin_i(~d_addr_i),
    .d_slot_i(d_slot_i), .d_stream_i(d_stream_i), .d_beat_o(d_beat), .d_beat_stream_o(d_beat_stream),
    .d_error_o(d_error), .d_error_origin_o(d_error_origin), .d_error_slot_o(d_error_slot),
    .k_valid_i(k_valid_i), .k_ready_o(k_ready), .k_addr_i(k_addr_i), .k_len_i(k_len_i), .k_beat_o(k_beat), .k_last_o(),
    .beat_error_o(), .beat_data_o(),
    .w_valid_i(w_valid_i), .w_ready_o(w_ready), .w_addr_i(w_addr_i), .w_len_i(w_len_i), .w_origin_i(~w_addr_i),
    .w_slot_i(w_slot_i), .w_stream_i(w_stream_i), .wd_take_o(wd_take), .wd_stream_o(wd_stream), .wd_data_i({125'd0, wd_data_i}),
    .wd_strb_i({15'd0, wd_strb_i}), .w_error_o(w_error), .w_error_origin_o(w_error_origin), .w_error_slot_o(w_error_slot),
    .reads_o(reads), .read_start_o(), .writes_o(writes),
    .arvalid_o(arvalid), .arready_i(arready_i), .araddr_o(araddr), .arlen_o(arlen), .rvalid_i(rvalid_i), .rready_o(),
    .rdata_i(128'd0), .rresp_i(rresp_i), .rlast_i(rlast), .awvalid_o(awvalid), .awready_i(awready_i), .awaddr_o(awaddr),
    .awlen_o(awlen), .wvalid_o(wvalid), .wready_i(wready_i), .wdata_o(wdata), .wstrb_o(wstrb), .wlast_o(wlast),
    .bvalid_i(bvalid_i), .bready_o(), .bresp_i(bresp_i)
  );

  // Bursts are numbered, as they are asked for, told to the bus, answered. What
  // belongs to one of them is kept; which one is the solver's choice.
  (* anyconst *) logic [4:0] chosen;
  logic [4:0]  asked_q, ar_q, answered_q, given_q, aw_q, sent_q, done_q;
  logic [3:0]  beat_q, send_at_q;
  logic        ask, give, stream_q;
  logic        k_q, d_stream_q, w_stream_q;
  logic [3:0]  d_slot_q, w_slot_q, r_len_q, w_len_q;
  logic [12:0] r_addr_q, w_addr_q;
  logic        mine_r, mine_w, mine_b;
  assign ask    = (k_valid_i && k_ready) || (d_valid_i && d_ready);
  assign give   = w_valid_i && w_ready;
  assign mine_r = answered_q == chosen && ar_q != answered_q;
  assign mine_w = sent_q == chosen && given_q != sent_q;
  assign mine_b = done_q == chosen && given_q != done_q;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      {asked_q, ar_q, answered_q, beat_q} <= '0;
      {given_q, aw_q, sent_q, done_q, send_at_q} <= '0;
    end else begin
      asked_q    <= asked_q + 5'(ask);
      ar_q       <= ar_q + 5'(arvalid && arready_i);
      beat_q     <= !rvalid_i ? beat_q : rlast ? 4'd0 : beat_q + 4'd1;
      answered_q <= answered_q + 5'(rvalid_i && rlast);
      given_q    <= given_q + 5'(give);
      aw_q       <= aw_q + 5'(awvalid && awready_i);
      send_at_q  <= !(wvalid && wready_i) ? send_at_q : wlast ? 4'd0 : send_at_q + 4'd1;
      sent_q     <= sent_q + 5'(wvalid && wready_i && wlast);
      done_q     <= done_q + 5'(bvalid_i);
    end
    if (ask && asked_q == chosen) begin
      k_q        <= k_valid_i;
      d_stream_q <= d_stream_i;
      d_slot_q   <= d_slot_i;
      r_addr_q   <= k_valid_i ? k_addr_i : d_addr_i;
      r_len_q    <= k_valid_i ? k_len_i : d_len_i;
    end
    if (give && given_q == chosen) begin
      w_stream_q <= w_stream_i;
      w_slot_q   <= w_slot_i;
      w_addr_q   <= w_addr_i;
      w_len_q    <= w_len_i;
    end
    if (wd_take) stream_q <= wd_stream;
  end

  // Requesters keep to pages; the bus answers what has been asked for.
  assign rlast = mine_r ? beat_q == r_len_q : rlast_i;
  always_comb begin
    assume (d_addr_i[3:0] == 4'd0 && k_addr_i[3:0] == 4'd0 && w_addr_i[3:0] == 4'd0);
    assume (9'(d_addr_i[11:4]) + 9'(d_len_i) < 9'd256);
    assume (9'(k_addr_i[11:4]) + 9'(k_len_i) < 9'd256);
    assume (9'(w_addr_i[11:4]) + 9'(w_len_i) < 9'd256);
    assume (!rvalid_i || ar_q != answered_q);
    assume (!bvalid_i || (aw_q != done_q && sent_q != done_q));
    if (!rst_n) assume (!rvalid_i && !bvalid_i);
    // As much as possible, and nothing comes back.
    if (EAGER && start_q <= 5'd15) begin
      assume ((d_valid_i || k_valid_i) && arready_i && !rvalid_i);
      assume (w_valid_i && w_len_i == 4'd0 && awready_i && wready_i && !bvalid_i);
    end
  end

  always_comb begin
    if (rst_n) begin
      assert (!(k_valid_i && k_ready && d_valid_i && d_ready));
      assert (!(ask && asked_q - answered_q == 5'd16));
      assert (reads == asked_q - answered_q);
      assert (!(give && given_q - done_q == 5'd16));
      assert (writes == (given_q != done_q));
      if (arvalid) begin
        assert (asked_q != ar_q);
        assert (9'(araddr[11:4]) + 9'(arlen) < 9'd256);
        if (ar_q == chosen) assert (araddr == r_addr_q && arlen == 8'(r_len_q));
      end
      if (rvalid_i && mine_r) begin
        assert (k_beat == k_q && d_beat == !k_q);
        assert (k_q || d_beat_stream == d_stream_q);
        assert (d_error == (!k_q && rresp_i != 2'd0));
        assert (!d_error || (d_error_origin == ~r_addr_q && d_error_slot == d_slot_q));
      end
      if (!rvalid_i) assert (!k_beat && !d_beat && !d_error);
      if (awvalid) begin
        assert (given_q != aw_q);
        assert (9'(awaddr[11:4]) + 9'(awlen) < 9'd256);
        if (aw_q == chosen) assert (awaddr == w_addr_q && awlen == 8'(w_len_q));
      end
      if (wvalid) begin
        assert (given_q != sent_q);
        if (mine_w) assert (wlast == (send_at_q == w_len_q) && stream_q == w_stream_q);
      end
      assert (w_error == (bvalid_i && bresp_i != 2'd0));
      if (w_error && mine_b) assert (w_error_origin == ~w_addr_q && w_error_slot == w_slot_q);
    end
  end

  // What is offered stays.
  always_ff @(posedge clk_i) begin
    if (start_q > 5'd1) begin
      if ($past(arvalid && !arready_i)) assert (arvalid && araddr == $past(araddr) && arlen == $past(arlen));
      if ($past(awvalid && !awready_i)) assert (awvalid && awaddr == $past(awaddr) && awlen == $past(awlen));
      if ($past(wvalid && !wready_i))
        assert (wvalid && wdata[2:0] == $past(wdata[2:0]) && wstrb[0] == $past(wstrb[0]) && wlast == $past(wlast));
      if ($past(wd_take)) assert (wvalid && wdata[2:0] == $past(wd_data_i) && wstrb[0] == $past(wd_strb_i));
    end
  end

endmodule
