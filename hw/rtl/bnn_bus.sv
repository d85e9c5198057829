// SPDX-License-Identifier: MIT
// Everything between the units and the bus: a read engine for each read stream, a
// write engine for each write stream, translation and the AXI port, and the first
// fault of any of them.
//
// Streams with lower numbers come first. None can keep the others from the bus
// for long: a read stream stops when its FIFO is full, a write stream when its
// unit has no more.

module bnn_bus #(
  parameter int BUS_BITS  = 52,
  parameter int READS     = 1,                // streams
  parameter int WRITES    = 1,
  parameter int FIFO_LOG2 = 8,                // beats that a read stream holds
  parameter int READ_PLANES  = 0,                // streams that go round planes: they keep eight pages, others two
  parameter int WRITE_PLANES = 0,
  parameter int READ_PHYSICAL  = -1,             // streams that are asked for bus addresses, too
  parameter int WRITE_PHYSICAL = -1
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 flush_i,
  output logic                 quiet_o,         // nothing held or outstanding, no walk
  output logic                 writes_o,        // writes held or outstanding
  output logic [4:0]           reads_o,
  output logic                 read_start_o,
  output logic                 line_read_o,
  output logic                 walk_o,          // a translation is waited for

  input  logic [BUS_BITS-1:14] directory_i,
  input  logic [15:0]          asid_i,
  input  logic                 inv_req_i,
  input  logic [15:0]          inv_asid_i,
  output logic                 inv_done_o,

  input  logic [READS-1:0]          rq_valid_i,
  output logic [READS-1:0]          rq_ready_o,
  input  logic [READS-1:0]          rq_virt_i,
  input  logic [READS*4-1:0]        rq_slot_i,
  input  logic [READS*BUS_BITS-1:0] rq_addr_i,
  input  logic [READS*24-1:0]       rq_beats_i,
  output logic [READS-1:0]          rb_valid_o,
  input  logic [READS-1:0]          rb_ready_i,
  output logic [READS*128-1:0]      rb_data_o,

  input  logic [WRITES-1:0]              w_valid_i,
  output logic [WRITES-1:0]              w_ready_o,
  input  logic [WRITES-1:0]              w_virt_i,
  input  logic [WRITES*4-1:0]            w_slot_i,
  input  logic [WRITES*(BUS_BITS-4)-1:0] w_addr_i,
  input  logic [WRITES*128-1:0]          w_data_i,
  input  logic [WRITES*16-1:0]           w_strb_i,

  output logic                 fault_o,         // pulse
  output logic [3:0]           fault_status_o,
  output logic [BUS_BITS-1:0]  fault_addr_o,
  output logic [3:0]           fault_slot_o,
  output logic                 fault_write_o,
  output logic [((READS > 1) ? $clog2(READS) : 1)-1:0] fault_stream_o,  // of a read
  output logic                 fault_lost_o,    // the request was dropped: no beats of that page

  output logic                 arvalid_o,
  input  logic                 arready_i,
  output logic [BUS_BITS-1:0]  araddr_o,
  output logic [7:0]           arlen_o,
  input  logic                 rvalid_i,
  output logic                 rready_o,
  input  logic [127:0]         rdata_i,
  input  logic [1:0]           rresp_i,
  input  logic                 rlast_i,
  output logic                 awvalid_o,
  input  logic                 awready_i,
  output logic [BUS_BITS-1:0]  awaddr_o,
  output logic [7:0]           awlen_o,
  output logic                 wvalid_o,
  input  logic                 wready_i,
  output logic [127:0]         wdata_o,
  output logic [15:0]          wstrb_o,
  output logic                 wlast_o,
  input  logic                 bvalid_i,
  output logic                 bready_o,
  input  logic [1:0]           bresp_i
);

  localparam int R_LOG2 = (READS > 1) ? $clog2(READS) : 1;
  localparam int W_LOG2 = (WRITES > 1) ? $clog2(WRITES) : 1;
  localparam int N      = READS + WRITES;       // translations: reads, then writes
  localparam int N_LOG2 = $clog2(N);

  logic                 hold, forget, mmu_busy, bus_quiet, bus_writes;

  // ---- engines ----
  logic [READS-1:0]          d_valid, d_beat;
  localparam int PAGE_W = BUS_BITS - 12;
  logic [READS*BUS_BITS-1:0] d_addr;
  logic [READS*PAGE_W-1:0]   d_origin;
  logic [READS*4-1:0]        d_len, d_slot;
  logic [WRITES-1:0]         a_valid, wd_take, held;
  logic [WRITES*BUS_BITS-1:0] a_addr;
  logic [WRITES*PAGE_W-1:0]  a_origin;
  logic [WRITES*4-1:0]       a_len, a_slot;
  logic [WRITES*128-1:0]     wd_data;
  logic [WRITES*16-1:0]      wd_strb;
  logic [N-1:0]              x_req, x_done_to, x_more;
  logic [N*20-1:0]           x_page;
  logic [N*4-1:0]            x_slot;
  logic                      x_done, x_fault, d_ready, a_ready;
  logic [BUS_BITS-1:12]      x_frame;
  logic [127:0]              beat_data;
  logic [R_LOG2-1:0]         d_at, d_beat_at;
  logic [W_LOG2-1:0]         a_at, wd_at;
  logic                      any_beat, any_take;

  for (genvar i = 0; i < READS; i++) begin : gen_read
    assign d_beat[i] = any_beat && d_beat_at == R_LOG2'(i);
    bnn_bus_read #(
      .BUS_BITS (BUS_BITS),
      .FIFO_LOG2(FIFO_LOG2),
      .PAGES    (((READ_PLANES >> i) & 1) != 0 ? 8 : 2),
      .PHYSICAL ((READ_PHYSICAL >> i) & 1)
    ) u_rd (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .flush_i     (flush_i),
      .hold_i      (hold),
      .forget_i    (forget),
      .req_valid_i (rq_valid_i[i]),
      .req_ready_o (rq_ready_o[i]),
      .req_virt_i  (rq_virt_i[i]),
      .req_slot_i  (rq_slot_i[i*4 +: 4]),
      .req_addr_i  (rq_addr_i[i*BUS_BITS +: BUS_BITS]),
      .req_beats_i (rq_beats_i[i*24 +: 24]),
      .beat_valid_o(rb_valid_o[i]),
      .beat_ready_i(rb_ready_i[i]),
      .beat_data_o (rb_data_o[i*128 +: 128]),
      .xl_req_o    (x_req[i]),
      .xl_page_o   (x_page[i*20 +: 20]),
      .xl_slot_o   (x_slot[i*4 +: 4]),
      .xl_more_o   (x_more[i]),
      .xl_done_i   (x_done_to[i]),
      .xl_fault_i  (x_fault),
      .xl_frame_i  (x_frame),
      .d_valid_o   (d_valid[i]),
      .d_ready_i   (d_ready && d_at == R_LOG2'(i)),
      .d_addr_o    (d_addr[i*BUS_BITS +: BUS_BITS]),
      .d_len_o     (d_len[i*4 +: 4]),
      .d_origin_o  (d_origin[i*PAGE_W +: PAGE_W]),
      .d_slot_o    (d_slot[i*4 +: 4]),
      .d_beat_i    (d_beat[i]),
      .d_data_i    (beat_data)
    );
  end

  for (genvar i = 0; i < WRITES; i++) begin : gen_write
    assign wd_take[i]        = any_take && wd_at == W_LOG2'(i);
    assign x_more[READS + i] = 1'b0;
    bnn_bus_write #(
      .BUS_BITS(BUS_BITS),
      .PAGES   (((WRITE_PLANES >> i) & 1) != 0 ? 8 : 1),
      .PHYSICAL((WRITE_PHYSICAL >> i) & 1)
    ) u_wr (
      .clk_i      (clk_i),
      .rst_ni     (rst_ni),
      .flush_i    (flush_i),
      .hold_i     (hold),
      .forget_i   (forget),
      .held_o     (held[i]),
      .req_valid_i(w_valid_i[i]),
      .req_ready_o(w_ready_o[i]),
      .req_virt_i (w_virt_i[i]),
      .req_slot_i (w_slot_i[i*4 +: 4]),
      .req_addr_i (w_addr_i[i*(BUS_BITS-4) +: BUS_BITS-4]),
      .req_data_i (w_data_i[i*128 +: 128]),
      .req_strb_i (w_strb_i[i*16 +: 16]),
      .xl_req_o   (x_req[READS + i]),
      .xl_page_o  (x_page[(READS + i)*20 +: 20]),
      .xl_slot_o  (x_slot[(READS + i)*4 +: 4]),
      .xl_done_i  (x_done_to[READS + i]),
      .xl_fault_i (x_fault),
      .xl_frame_i (x_frame),
      .w_valid_o  (a_valid[i]),
      .w_ready_i  (a_ready && a_at == W_LOG2'(i)),
      .w_addr_o   (a_addr[i*BUS_BITS +: BUS_BITS]),
      .w_len_o    (a_len[i*4 +: 4]),
      .w_origin_o (a_origin[i*PAGE_W +: PAGE_W]),
      .w_slot_o   (a_slot[i*4 +: 4]),
      .beat_take_i(wd_take[i]),
      .beat_data_o(wd_data[i*128 +: 128]),
      .beat_strb_o(wd_strb[i*16 +: 16])
    );
  end

  // ---- whose turn ----
  logic [N_LOG2-1:0] x_at, x_who_q;
  always_comb begin
    d_at = '0;
    a_at = '0;
    x_at = '0;
    for (int i = READS - 1; i >= 0; i--) if (d_valid[i]) d_at = R_LOG2'(i);
    for (int i = WRITES - 1; i >= 0; i--) if (a_valid[i]) a_at = W_LOG2'(i);
    for (int i = N - 1; i >= 0; i--) if (x_req[i]) x_at = N_LOG2'(i);
  end

  // What the stream whose turn it is asks for.
  logic [BUS_BITS-1:0] d_addr_at, a_addr_at;
  logic [PAGE_W-1:0]   d_origin_at, a_origin_at;
  logic [3:0]          d_len_at, d_slot_at, a_len_at, a_slot_at, x_slot_at;
  logic [31:12]        x_page_at;
  logic [127:0]        wd_data_at;
  logic [15:0]         wd_strb_at;
  bnn_mux #(
    .N(READS),
    .W(BUS_BITS)
  ) u_d_addr (
    .in_i (d_addr),
    .at_i (d_at),
    .out_o(d_addr_at)
  );
  bnn_mux #(
    .N(READS),
    .W(PAGE_W)
  ) u_d_origin (
    .in_i (d_origin),
    .at_i (d_at),
    .out_o(d_origin_at)
  );
  bnn_mux #(
    .N(READS),
    .W(4)
  ) u_d_len (
    .in_i (d_len),
    .at_i (d_at),
    .out_o(d_len_at)
  );
  bnn_mux #(
    .N(READS),
    .W(4)
  ) u_d_slot (
    .in_i (d_slot),
    .at_i (d_at),
    .out_o(d_slot_at)
  );
  bnn_mux #(
    .N(WRITES),
    .W(BUS_BITS)
  ) u_a_addr (
    .in_i (a_addr),
    .at_i (a_at),
    .out_o(a_addr_at)
  );
  bnn_mux #(
    .N(WRITES),
    .W(PAGE_W)
  ) u_a_origin (
    .in_i (a_origin),
    .at_i (a_at),
    .out_o(a_origin_at)
  );
  bnn_mux #(
    .N(WRITES),
    .W(4)
  ) u_a_len (
    .in_i (a_len),
    .at_i (a_at),
    .out_o(a_len_at)
  );
  bnn_mux #(
    .N(WRITES),
    .W(4)
  ) u_a_slot (
    .in_i (a_slot),
    .at_i (a_at),
    .out_o(a_slot_at)
  );
  bnn_mux #(
    .N(WRITES),
    .W(128)
  ) u_wd_data (
    .in_i (wd_data),
    .at_i (wd_at),
    .out_o(wd_data_at)
  );
  bnn_mux #(
    .N(WRITES),
    .W(16)
  ) u_wd_strb (
    .in_i (wd_strb),
    .at_i (wd_at),
    .out_o(wd_strb_at)
  );
  bnn_mux #(
    .N(N),
    .W(20)
  ) u_x_page (
    .in_i (x_page),
    .at_i (x_at),
    .out_o(x_page_at)
  );
  bnn_mux #(
    .N(N),
    .W(4)
  ) u_x_slot (
    .in_i (x_slot),
    .at_i (x_at),
    .out_o(x_slot_at)
  );

  // ---- translation: one at a time ----
  logic        x_take;
  logic [3:0]  x_status, x_of, k_len;
  logic [BUS_BITS-1:0] x_addr, k_addr;
  logic        k_valid, k_ready, k_beat, k_last, beat_error;

  always_ff @(posedge clk_i) begin
    if (x_take) x_who_q <= x_at;
  end
  for (genvar i = 0; i < N; i++) begin : gen_done
    assign x_done_to[i] = x_done && x_who_q == N_LOG2'(i);
  end

  bnn_bus_mmu #(
    .BUS_BITS(BUS_BITS)
  ) u_mmu (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .flush_i     (flush_i),
    .directory_i (directory_i),
    .asid_i      (asid_i),
    .x_req_i     (|x_req),
    .x_take_o    (x_take),
    .x_write_i   (x_at >= N_LOG2'(READS)),
    .x_page_i    (x_page_at),
    .x_slot_i    (x_slot_at),
    .x_more_i    (x_more[x_at]),
    .x_done_o    (x_done),
    .fault_o     (x_fault),
    .status_o    (x_status),
    .fault_addr_o(x_addr),
    .fault_slot_o(x_of),
    .frame_o     (x_frame),
    .inv_req_i   (inv_req_i),
    .inv_asid_i  (inv_asid_i),
    .inv_done_o  (inv_done_o),
    .forget_o    (forget),
    .hold_o      (hold),
    .quiet_i     (bus_quiet),
    .busy_o      (mmu_busy),
    .walk_o      (walk_o),
    .line_read_o (line_read_o),
    .k_valid_o   (k_valid),
    .k_ready_i   (k_ready),
    .k_addr_o    (k_addr),
    .k_len_o     (k_len),
    .k_beat_i    (k_beat),
    .k_last_i    (k_last),
    .k_error_i   (beat_error),
    .k_data_i    (beat_data)
  );

  // ---- the bus ----
  logic                d_error, w_error;
  logic [BUS_BITS-1:0] d_error_origin, w_error_origin;
  logic [3:0]          d_error_slot, w_error_slot;

  bnn_bus_axi #(
    .BUS_BITS   (BUS_BITS),
    .READS_LOG2 (R_LOG2),
    .WRITES_LOG2(W_LOG2)
  ) u_axi (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .d_valid_i       (|d_valid),
    .d_ready_o       (d_ready),
    .d_addr_i        (d_addr_at),
    .d_len_i         (d_len_at),
    .d_origin_i      ({d_origin_at, d_addr_at[11:0]}),
    .d_slot_i        (d_slot_at),
    .d_stream_i      (d_at),
    .d_beat_o        (any_beat),
    .d_beat_stream_o (d_beat_at),
    .d_error_o       (d_error),
    .d_error_origin_o(d_error_origin),
    .d_error_slot_o  (d_error_slot),
    .k_valid_i       (k_valid),
    .k_ready_o       (k_ready),
    .k_addr_i        (k_addr),
    .k_len_i         (k_len),
    .k_beat_o        (k_beat),
    .k_last_o        (k_last),
    .beat_error_o    (beat_error),
    .beat_data_o     (beat_data),
    .w_valid_i       (|a_valid),
    .w_ready_o       (a_ready),
    .w_addr_i        (a_addr_at),
    .w_len_i         (a_len_at),
    .w_origin_i      ({a_origin_at, a_addr_at[11:0]}),
    .w_slot_i        (a_slot_at),
    .w_stream_i      (a_at),
    .wd_take_o       (any_take),
    .wd_stream_o     (wd_at),
    .wd_data_i       (wd_data_at),
    .wd_strb_i       (wd_strb_at),
    .w_error_o       (w_error),
    .w_error_origin_o(w_error_origin),
    .w_error_slot_o  (w_error_slot),
    .reads_o         (reads_o),
    .read_start_o    (read_start_o),
    .writes_o        (bus_writes),
    .arvalid_o       (arvalid_o),
    .arready_i       (arready_i),
    .araddr_o        (araddr_o),
    .arlen_o         (arlen_o),
    .rvalid_i        (rvalid_i),
    .rready_o        (rready_o),
    .rdata_i         (rdata_i),
    .rresp_i         (rresp_i),
    .rlast_i         (rlast_i),
    .awvalid_o       (awvalid_o),
    .awready_i       (awready_i),
    .awaddr_o        (awaddr_o),
    .awlen_o         (awlen_o),
    .wvalid_o        (wvalid_o),
    .wready_i        (wready_i),
    .wdata_o         (wdata_o),
    .wstrb_o         (wstrb_o),
    .wlast_o         (wlast_o),
    .bvalid_i        (bvalid_i),
    .bready_o        (bready_o),
    .bresp_i         (bresp_i)
  );

  // An invalidation waits for the bus alone: it keeps held beats where they are.
  assign bus_quiet = reads_o == 5'd0 && !bus_writes;
  assign writes_o  = bus_writes || |held || w_late_q;
  assign quiet_o   = reads_o == 5'd0 && !writes_o && !mmu_busy;

  // One fault per cycle is told. That of a translation, which cannot come two cycles
  // running, goes first; an error beside it is told a cycle later, still before its
  // beat is handed out or the writes are done. A walk that was flushed reports to
  // nobody.
  logic                x_now, d_now, w_now, d_late_q, w_late_q;
  logic [BUS_BITS-1:0] d_origin_q, w_origin_q;
  logic [3:0]          d_slot_q, w_slot_q;
  logic [R_LOG2-1:0]   d_stream_q;
  assign x_now = x_fault && |(x_done_to & x_req);
  assign d_now = !x_now && (d_late_q || d_error);
  assign w_now = !x_now && !d_now && (w_late_q || w_error);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      d_late_q <= 1'b0;
      w_late_q <= 1'b0;
    end else begin
      d_late_q <= d_now ? d_late_q && d_error : d_late_q || d_error;
      w_late_q <= w_now ? w_late_q && w_error : w_late_q || w_error;
    end
    if (d_error && (!d_late_q || d_now)) begin
      d_origin_q <= d_error_origin;
      d_slot_q   <= d_error_slot;
      d_stream_q <= d_beat_at;
    end
    if (w_error && (!w_late_q || w_now)) begin
      w_origin_q <= w_error_origin;
      w_slot_q   <= w_error_slot;
    end
  end

  assign fault_o = x_now || d_now || w_now;
  always_comb begin
    fault_status_o = 4'(`BNN_STATUS_BUS_ERROR);
    fault_addr_o   = w_late_q ? w_origin_q : w_error_origin;
    fault_slot_o   = w_late_q ? w_slot_q : w_error_slot;
    fault_write_o  = 1'b1;
    fault_stream_o = d_late_q ? d_stream_q : d_beat_at;
    fault_lost_o   = x_now;
    if (x_now) begin
      fault_status_o = x_status;
      fault_addr_o   = x_addr;
      fault_slot_o   = x_of;
      fault_write_o  = x_who_q >= N_LOG2'(READS);
      fault_stream_o = R_LOG2'(x_who_q);
    end else if (d_now) begin
      fault_addr_o  = d_late_q ? d_origin_q : d_error_origin;
      fault_slot_o  = d_late_q ? d_slot_q : d_error_slot;
      fault_write_o = 1'b0;
    end
  end

endmodule
