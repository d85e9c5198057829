// SPDX-License-Identifier: MIT
// Bytes at any address: the beats asked for cover the request and no more, as
// many beats come out as it takes, their bytes are those of the addresses, and a
// request takes its beats from where it was made to.
// uses: bnn_align
// bound: 8 7
// bound: 20 19 EAGER=1
// mutant: s/rq_bytes_i\} \+ 29'd15/rq_bytes_i} + 29'd31/
// mutant: s/\{beat_data_i, held_q\}/{held_q, beat_data_i}/
// mutant: s/in_left - 24'\(take\)/in_left/
// mutant: s/prime_q <= !pop && /prime_q <= /
// mutant: s/rq_valid_i && !fill\[4\]/rq_valid_i/

module formal_align #(
  parameter bit EAGER = 1'b0
) (
  input logic        clk_i,
  input logic        clear_i,
  input logic        rq_valid_i, rq_onchip_i,
  input logic [7:0]  rq_addr_i,
  input logic [5:0]  rq_bytes_i,
  input logic        rb_ready_i, src_ready_i, beat_valid_i
);

  logic [4:0] start_q = '0;
  logic       rst_n;
  always_ff @(posedge clk_i) if (!start_q[4]) start_q <= start_q + 5'd1;
  assign rst_n = start_q != 5'd0;

  logic         rq_ready, rb_valid, src_valid, src_onchip, beat_onchip, beat_ready;
  logic [127:0] rb_data, beat_data;
  logic [7:0]   src_addr;
  logic [23:0]  src_beats;

  bnn_align #(.BUS_BITS(8)) u_dut (
    .clk_i(clk_i), .rst_ni(rst_n), .clear_i(clear_i),
    .rq_valid_i(rq_valid_i), .rq_ready_o(rq_ready), .rq_onchip_i(rq_onchip_i), .rq_addr_i(rq_addr_i),
    .rq_bytes_i({22'd0, rq_bytes_i}), .rb_valid_o(rb_valid), .rb_ready_i(rb_ready_i), .rb_data_o(rb_data),
    .src_valid_o(src_valid), .src_ready_i(src_ready_i), .src_onchip_o(src_onchip), .src_addr_o(src_addr),
    .src_beats_o(src_beats), .beat_onchip_o(beat_onchip), .beat_valid_i(beat_valid_i), .beat_ready_o(beat_ready),
    .beat_data_i(beat_data)
  );

  // Requests under way, and how far their beats have come in and out.
  logic [15:0] asked [0:31];               // {on chip, bytes, addr}
  logic [4:0]  asked_q, in_q, out_q;
  logic [3:0]  in_at_q, out_at_q;
  logic [15:0] src, dst;
  logic [7:0]  first, end_at;
  logic [3:0]  beats_in, beats_out;
  logic        ask, take, give;
  assign ask       = rq_valid_i && rq_ready;
  assign take      = beat_valid_i && beat_ready;
  assign give      = rb_valid && rb_ready_i;
  assign src       = asked[in_q];
  assign dst       = asked[out_q];
  assign first     = {src[7:4], 4'd0} + {in_at_q, 4'd0};
  assign end_at    = 8'(src[3:0]) + 8'(src[14:8]) + 8'd15;
  assign beats_in  = end_at[7:4];
  assign beats_out = 4'((8'(dst[14:8]) + 8'd15) >> 4);

  // A byte is its address.
  always_comb for (int i = 0; i < 16; i++) beat_data[8*i +: 8] = first + 8'(i);

  always_ff @(posedge clk_i) begin
    if (!rst_n || clear_i) begin
      {asked_q, in_q, out_q, in_at_q, out_at_q} <= '0;
    end else begin
      asked_q  <= asked_q + 5'(ask);
      in_at_q  <= !take ? in_at_q : (in_at_q + 4'd1 == beats_in) ? 4'd0 : in_at_q + 4'd1;
      in_q     <= in_q + 5'(take && in_at_q + 4'd1 == beats_in);
      out_at_q <= !give ? out_at_q : (out_at_q + 4'd1 == beats_out) ? 4'd0 : out_at_q + 4'd1;
      out_q    <= out_q + 5'(give && out_at_q + 4'd1 == beats_out);
    end
    if (ask) asked[asked_q] <= {rq_onchip_i, 1'b0, rq_bytes_i, rq_addr_i};
  end

  always_comb begin
    assume (rq_bytes_i != 6'd0 && rq_bytes_i <= 6'd50);
    // The source answers what it has been asked for.
    assume (!beat_valid_i || in_q != asked_q);
    if (!rst_n) assume (!rq_valid_i && !beat_valid_i);
    // As many requests as possible before the first beat.
    if (EAGER && rst_n && start_q <= 5'd15) assume (rq_valid_i && src_ready_i && !beat_valid_i && !clear_i);
  end

  (* anyconst *) logic [3:0] lane;
  always_comb begin
    if (rst_n && !clear_i) begin
      assert (ask == (src_valid && src_ready_i));
      if (ask) begin
        assert (asked_q - out_q < 5'd16);
        assert (src_onchip == rq_onchip_i && src_addr == {rq_addr_i[7:4], 4'd0});
        assert ({src_beats, 4'd0} >= 28'(rq_addr_i[3:0]) + 28'(rq_bytes_i));
        assert ({src_beats - 24'd1, 4'd0} < 28'(rq_addr_i[3:0]) + 28'(rq_bytes_i));
      end
      if (take) assert (beat_onchip == src[15]);
      if (rb_valid) begin
        assert (out_q != asked_q);
        if (7'({out_at_q, lane}) < dst[14:8])
          assert (rb_data[8*lane +: 8] == dst[7:0] + 8'({out_at_q, lane}));
      end
      // Its last beat in is taken no later than its last beat out.
      assert (in_q - out_q <= 5'd1 || in_q == out_q);
    end
  end

endmodule
