// SPDX-License-Identifier: MIT
// Everything between the units and the bus: read and write engine, translation
// and the AXI port, and the first fault of any of them.

module bnn_dma #(
  parameter int BUS_BITS = 52
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 flush_i,
  output logic                 quiet_o,         // nothing outstanding, no walk
  output logic                 writes_o,        // writes outstanding
  output logic [4:0]           reads_o,
  output logic                 read_start_o,
  output logic                 line_read_o,
  output logic                 walk_o,          // a translation is being looked up

  input  logic [BUS_BITS-1:14] directory_i,
  input  logic [15:0]          asid_i,
  input  logic                 inv_req_i,
  input  logic [15:0]          inv_asid_i,
  output logic                 inv_done_o,

  input  logic                 rq_valid_i,
  output logic                 rq_ready_o,
  input  logic                 rq_virt_i,
  input  logic [3:0]           rq_slot_i,
  input  logic [BUS_BITS-1:0]  rq_addr_i,
  input  logic [23:0]          rq_beats_i,
  output logic                 rb_valid_o,
  input  logic                 rb_ready_i,
  output logic [127:0]         rb_data_o,

  // The second read client: virtual addresses only.
  input  logic                 rq2_valid_i,
  output logic                 rq2_ready_o,
  input  logic [3:0]           rq2_slot_i,
  input  logic [BUS_BITS-1:0]  rq2_addr_i,
  input  logic [23:0]          rq2_beats_i,
  output logic                 rb2_valid_o,
  input  logic                 rb2_ready_i,
  output logic [127:0]         rb2_data_o,

  input  logic                 w_valid_i,
  output logic                 w_ready_o,
  input  logic                 w_virt_i,
  input  logic [3:0]           w_slot_i,
  input  logic [BUS_BITS-1:4]  w_addr_i,
  input  logic [127:0]         w_data_i,
  input  logic [15:0]          w_strb_i,

  output logic                 fault_o,         // pulse
  output logic [3:0]           fault_status_o,
  output logic [BUS_BITS-1:0]  fault_addr_o,
  output logic [3:0]           fault_slot_o,
  output logic                 fault_write_o,

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

  logic                 hold, forget, mmu_busy, bus_quiet;
  logic                 rx_req, rx_done, wx_req, wx_done, x_fault;
  logic [31:12]         rx_page, wx_page;
  logic [3:0]           rx_slot, x_slot;
  logic [3:0]           x_status;
  logic [BUS_BITS-1:0]  x_addr;
  logic [BUS_BITS-1:12] x_frame;

  logic                 d_valid, d_ready, d_beat, d_error;
  logic [BUS_BITS-1:0]  d_addr, d_origin, d_error_origin;
  logic [3:0]           d_len;
  logic [3:0]           d_slot, d_error_slot;
  logic                 k_valid, k_ready, k_beat, k_last, beat_error;
  logic [BUS_BITS-1:0]  k_addr;
  logic [3:0]           k_len;
  logic [127:0]         beat_data;
  logic                 a_valid, a_ready, w_error;
  logic [BUS_BITS-1:0]  a_addr, a_origin, w_error_origin;
  logic [3:0]           w_error_slot;

  logic                 d_sel, d_client, d_valid0, d_valid1, rx_sel, rx_sel_q, rx_held_q;
  logic                 rx_req0, rx_req1;
  logic [31:12]         rx_page0, rx_page1;
  logic [3:0]           rx_slot0, rx_slot1, d_slot0, d_slot1, d_len0, d_len1;
  logic [BUS_BITS-1:0]  d_addr0, d_addr1, d_origin0, d_origin1;

  bnn_dma_rd #(
    .BUS_BITS(BUS_BITS)
  ) u_rd (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .flush_i     (flush_i),
    .hold_i      (hold),
    .forget_i    (forget),
    .req_valid_i (rq_valid_i),
    .req_ready_o (rq_ready_o),
    .req_virt_i  (rq_virt_i),
    .req_slot_i  (rq_slot_i),
    .req_addr_i  (rq_addr_i),
    .req_beats_i (rq_beats_i),
    .beat_valid_o(rb_valid_o),
    .beat_ready_i(rb_ready_i),
    .beat_data_o (rb_data_o),
    .xl_req_o    (rx_req0),
    .xl_page_o   (rx_page0),
    .xl_slot_o   (rx_slot0),
    .xl_done_i   (rx_done && !rx_sel),
    .xl_fault_i  (x_fault),
    .xl_frame_i  (x_frame),
    .d_valid_o   (d_valid0),
    .d_ready_i   (d_ready && !d_sel),
    .d_addr_o    (d_addr0),
    .d_len_o     (d_len0),
    .d_origin_o  (d_origin0),
    .d_slot_o    (d_slot0),
    .d_beat_i    (d_beat && !d_client),
    .d_data_i    (beat_data)
  );

  bnn_dma_rd #(
    .BUS_BITS(BUS_BITS)
  ) u_rd2 (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .flush_i     (flush_i),
    .hold_i      (hold),
    .forget_i    (forget),
    .req_valid_i (rq2_valid_i),
    .req_ready_o (rq2_ready_o),
    .req_virt_i  (1'b1),
    .req_slot_i  (rq2_slot_i),
    .req_addr_i  (rq2_addr_i),
    .req_beats_i (rq2_beats_i),
    .beat_valid_o(rb2_valid_o),
    .beat_ready_i(rb2_ready_i),
    .beat_data_o (rb2_data_o),
    .xl_req_o    (rx_req1),
    .xl_page_o   (rx_page1),
    .xl_slot_o   (rx_slot1),
    .xl_done_i   (rx_done && rx_sel),
    .xl_fault_i  (x_fault),
    .xl_frame_i  (x_frame),
    .d_valid_o   (d_valid1),
    .d_ready_i   (d_ready && d_sel),
    .d_addr_o    (d_addr1),
    .d_len_o     (d_len1),
    .d_origin_o  (d_origin1),
    .d_slot_o    (d_slot1),
    .d_beat_i    (d_beat && d_client),
    .d_data_i    (beat_data)
  );

  // Bursts of the second client first; a translation is not given up for another.
  assign d_sel    = d_valid1;
  assign d_valid  = d_valid0 || d_valid1;
  assign d_addr   = d_sel ? d_addr1 : d_addr0;
  assign d_len    = d_sel ? d_len1 : d_len0;
  assign d_origin = d_sel ? d_origin1 : d_origin0;
  assign d_slot   = d_sel ? d_slot1 : d_slot0;
  assign rx_sel   = rx_held_q ? rx_sel_q : rx_req1;
  assign rx_req   = rx_sel ? rx_req1 : rx_req0;
  assign rx_page  = rx_sel ? rx_page1 : rx_page0;
  assign rx_slot  = rx_sel ? rx_slot1 : rx_slot0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      rx_held_q <= 1'b0;
    end else begin
      rx_held_q <= rx_req && !rx_done;
      rx_sel_q  <= rx_sel;
    end
  end

  bnn_dma_wr #(
    .BUS_BITS(BUS_BITS)
  ) u_wr (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .flush_i    (flush_i),
    .hold_i     (hold),
    .forget_i   (forget),
    .req_valid_i(w_valid_i),
    .req_ready_o(w_ready_o),
    .req_virt_i (w_virt_i),
    .req_addr_i (w_addr_i),
    .xl_req_o   (wx_req),
    .xl_page_o  (wx_page),
    .xl_done_i  (wx_done),
    .xl_fault_i (x_fault),
    .xl_frame_i (x_frame),
    .w_valid_o  (a_valid),
    .w_ready_i  (a_ready),
    .w_addr_o   (a_addr),
    .w_origin_o (a_origin)
  );

  bnn_mmu #(
    .BUS_BITS(BUS_BITS)
  ) u_mmu (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .directory_i   (directory_i),
    .asid_i        (asid_i),
    .r_req_i       (rx_req),
    .r_page_i      (rx_page),
    .r_slot_i      (rx_slot),
    .r_done_o      (rx_done),
    .w_req_i       (wx_req),
    .w_page_i      (wx_page),
    .w_slot_i      (w_slot_i),
    .w_done_o      (wx_done),
    .fault_o       (x_fault),
    .status_o      (x_status),
    .fault_addr_o  (x_addr),
    .fault_slot_o(x_slot),
    .frame_o       (x_frame),
    .inv_req_i     (inv_req_i),
    .inv_asid_i    (inv_asid_i),
    .inv_done_o    (inv_done_o),
    .forget_o      (forget),
    .hold_o        (hold),
    .quiet_i       (bus_quiet),
    .busy_o        (mmu_busy),
    .line_read_o   (line_read_o),
    .k_valid_o     (k_valid),
    .k_ready_i     (k_ready),
    .k_addr_o      (k_addr),
    .k_len_o       (k_len),
    .k_beat_i      (k_beat),
    .k_last_i      (k_last),
    .k_error_i     (beat_error),
    .k_data_i      (beat_data)
  );

  bnn_axi #(
    .BUS_BITS(BUS_BITS)
  ) u_axi (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .d_valid_i       (d_valid),
    .d_ready_o       (d_ready),
    .d_addr_i        (d_addr),
    .d_len_i         (d_len),
    .d_origin_i      (d_origin),
    .d_slot_i        (d_slot),
    .d_client_i      (d_sel),
    .d_beat_o        (d_beat),
    .d_client_o      (d_client),
    .d_error_o       (d_error),
    .d_error_origin_o(d_error_origin),
    .d_error_slot_o(d_error_slot),
    .k_valid_i       (k_valid),
    .k_ready_o       (k_ready),
    .k_addr_i        (k_addr),
    .k_len_i         (k_len),
    .k_beat_o        (k_beat),
    .k_last_o        (k_last),
    .beat_error_o    (beat_error),
    .beat_data_o     (beat_data),
    .w_valid_i       (a_valid),
    .w_ready_o       (a_ready),
    .w_addr_i        (a_addr),
    .w_data_i        (w_data_i),
    .w_strb_i        (w_strb_i),
    .w_origin_i      (a_origin),
    .w_slot_i      (w_slot_i),
    .w_error_o       (w_error),
    .w_error_origin_o(w_error_origin),
    .w_error_slot_o(w_error_slot),
    .reads_o         (reads_o),
    .read_start_o    (read_start_o),
    .writes_o        (writes_o),
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

  assign bus_quiet = reads_o == 5'd0 && !writes_o;
  assign quiet_o   = bus_quiet && !mmu_busy;
  assign walk_o    = mmu_busy;

  // A walk that was flushed reports to nobody.
  logic x_now;
  assign x_now          = x_fault && ((rx_done && rx_req) || (wx_done && wx_req));
  assign fault_o        = x_now || d_error || w_error;
  assign fault_status_o = x_now ? x_status : 4'(`BNN_STATUS_BUS_ERROR);
  assign fault_addr_o   = x_now ? x_addr : d_error ? d_error_origin : w_error_origin;
  assign fault_slot_o = x_now ? x_slot : d_error ? d_error_slot : w_error_slot;
  assign fault_write_o  = x_now ? wx_done : !d_error;

endmodule
