// SPDX-License-Identifier: MIT
// The core on an ECP5 with 40 pins: its ports have ten times as many, so they go
// over the links of bnn_link. One clock for all, which the links follow.

`include "bnn_config.vh"

module bnn_ecp5 (
  input  logic        clk_i,
  input  logic        rst_ni,              // any time: it is synchronised here
  input  logic        in_valid_i,
  output logic        in_ready_o,
  input  logic [15:0] in_data_i,
  output logic        out_valid_o,
  input  logic        out_ready_i,
  output logic [15:0] out_data_o,
  output logic        idle_o
);

  localparam int BUS_BITS = `BNN_CFG_BUS_BITS;

  logic [1:0] rst_q;
  logic       rst_n;
  assign rst_n = rst_q[1];
  always_ff @(posedge clk_i) rst_q <= {rst_q[0], rst_ni};

  // Pins are registered on the way in and out; a word more is held for each link.
  logic        in_valid, in_ready, out_valid, out_ready;
  logic [15:0] in_data, out_data;

  bnn_link_skid u_in (
    .clk_i      (clk_i),
    .rst_ni     (rst_n),
    .in_valid_i (in_valid_i),
    .in_ready_o (in_ready_o),
    .in_data_i  (in_data_i),
    .out_valid_o(in_valid),
    .out_ready_i(in_ready),
    .out_data_o (in_data)
  );
  bnn_link_skid u_out (
    .clk_i      (clk_i),
    .rst_ni     (rst_n),
    .in_valid_i (out_valid),
    .in_ready_o (out_ready),
    .in_data_i  (out_data),
    .out_valid_o(out_valid_o),
    .out_ready_i(out_ready_i),
    .out_data_o (out_data_o)
  );

  logic                reg_req, reg_write, reg_ack, hang_ack;
  logic [15:0]         reg_addr;
  logic [31:0]         reg_wdata, reg_rdata;
  logic [4:0]          irq;
  logic                arvalid, arready, rvalid, rready, rlast;
  logic [BUS_BITS-1:0] araddr, awaddr;
  logic [7:0]          arlen, awlen;
  logic [127:0]        rdata, wdata;
  logic [1:0]          rresp, bresp;
  logic                awvalid, awready, wvalid, wready, wlast, bvalid, bready;
  logic [15:0]         wstrb;

  logic unused;
  assign unused = hang_ack;

  bnn_link #(
    .BUS_BITS(BUS_BITS)
  ) u_link (
    .clk_i      (clk_i),
    .rst_ni     (rst_n),
    .in_valid_i (in_valid),
    .in_ready_o (in_ready),
    .in_data_i  (in_data),
    .out_valid_o(out_valid),
    .out_ready_i(out_ready),
    .out_data_o (out_data),
    .reg_req_o  (reg_req),
    .reg_write_o(reg_write),
    .reg_addr_o (reg_addr),
    .reg_wdata_o(reg_wdata),
    .reg_ack_i  (reg_ack),
    .reg_rdata_i(reg_rdata),
    .irq_i      (irq),
    .arvalid_i  (arvalid),
    .arready_o  (arready),
    .araddr_i   (araddr),
    .arlen_i    (arlen),
    .rvalid_o   (rvalid),
    .rready_i   (rready),
    .rdata_o    (rdata),
    .rresp_o    (rresp),
    .rlast_o    (rlast),
    .awvalid_i  (awvalid),
    .awready_o  (awready),
    .awaddr_i   (awaddr),
    .awlen_i    (awlen),
    .wvalid_i   (wvalid),
    .wready_o   (wready),
    .wdata_i    (wdata),
    .wstrb_i    (wstrb),
    .wlast_i    (wlast),
    .bvalid_o   (bvalid),
    .bready_i   (bready),
    .bresp_o    (bresp)
  );

  bnn_top u_top (
    .clk_i          (clk_i),
    .rst_ni         (rst_n),
    .act_kib_i      (12'(`BNN_CFG_ACT_KIB)),
    .reg_req_i      (reg_req),
    .reg_write_i    (reg_write),
    .reg_addr_i     (reg_addr),
    .reg_wdata_i    (reg_wdata),
    .reg_ack_o      (reg_ack),
    .reg_rdata_o    (reg_rdata),
    .irq_o          (irq),
    .idle_o         (idle_o),
    .test_hold_i    (1'b0),
    .test_hang_i    (1'b0),
    .test_hang_ack_o(hang_ack),
    .test_stuck_i   (1'b0),
    .arvalid_o      (arvalid),
    .arready_i      (arready),
    .araddr_o       (araddr),
    .arlen_o        (arlen),
    .rvalid_i       (rvalid),
    .rready_o       (rready),
    .rdata_i        (rdata),
    .rresp_i        (rresp),
    .rlast_i        (rlast),
    .awvalid_o      (awvalid),
    .awready_i      (awready),
    .awaddr_o       (awaddr),
    .awlen_o        (awlen),
    .wvalid_o       (wvalid),
    .wready_i       (wready),
    .wdata_o        (wdata),
    .wstrb_o        (wstrb),
    .wlast_o        (wlast),
    .bvalid_i       (bvalid),
    .bready_o       (bready),
    .bresp_i        (bresp)
  );

endmodule
