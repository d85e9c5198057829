// SPDX-License-Identifier: MIT
// The core for a vendor's shell: an AXI4 master for memory, of AXI_BITS of the
// configuration (128 or narrower), an AXI4-Lite slave of 64 KiB for the registers, five interrupts. One clock, one
// synchronous reset for all of it.
//
// Interrupts are pulses of one cycle: a shell latches them, as messages (MSI) or
// in its interrupt controller as edges.

`include "bnn_config.vh"

module bnn_axi (
  input  logic         aclk,
  input  logic         aresetn,
  output logic [4:0]   irq,

  input  logic [15:0]  s_axil_awaddr,
  input  logic [2:0]   s_axil_awprot,
  input  logic         s_axil_awvalid,
  output logic         s_axil_awready,
  input  logic [31:0]  s_axil_wdata,
  input  logic [3:0]   s_axil_wstrb,
  input  logic         s_axil_wvalid,
  output logic         s_axil_wready,
  output logic [1:0]   s_axil_bresp,
  output logic         s_axil_bvalid,
  input  logic         s_axil_bready,
  input  logic [15:0]  s_axil_araddr,
  input  logic [2:0]   s_axil_arprot,
  input  logic         s_axil_arvalid,
  output logic         s_axil_arready,
  output logic [31:0]  s_axil_rdata,
  output logic [1:0]   s_axil_rresp,
  output logic         s_axil_rvalid,
  input  logic         s_axil_rready,

  output logic [0:0]   m_axi_awid,
  output logic [63:0]  m_axi_awaddr,
  output logic [7:0]   m_axi_awlen,
  output logic [2:0]   m_axi_awsize,
  output logic [1:0]   m_axi_awburst,
  output logic         m_axi_awlock,
  output logic [3:0]   m_axi_awcache,
  output logic [2:0]   m_axi_awprot,
  output logic [3:0]   m_axi_awqos,
  output logic         m_axi_awvalid,
  input  logic         m_axi_awready,
  output logic [`BNN_CFG_AXI_BITS-1:0] m_axi_wdata,
  output logic [`BNN_CFG_AXI_BITS/8-1:0] m_axi_wstrb,
  output logic         m_axi_wlast,
  output logic         m_axi_wvalid,
  input  logic         m_axi_wready,
  input  logic [0:0]   m_axi_bid,
  input  logic [1:0]   m_axi_bresp,
  input  logic         m_axi_bvalid,
  output logic         m_axi_bready,
  output logic [0:0]   m_axi_arid,
  output logic [63:0]  m_axi_araddr,
  output logic [7:0]   m_axi_arlen,
  output logic [2:0]   m_axi_arsize,
  output logic [1:0]   m_axi_arburst,
  output logic         m_axi_arlock,
  output logic [3:0]   m_axi_arcache,
  output logic [2:0]   m_axi_arprot,
  output logic [3:0]   m_axi_arqos,
  output logic         m_axi_arvalid,
  input  logic         m_axi_arready,
  input  logic [0:0]   m_axi_rid,
  input  logic [`BNN_CFG_AXI_BITS-1:0] m_axi_rdata,
  input  logic [1:0]   m_axi_rresp,
  input  logic         m_axi_rlast,
  input  logic         m_axi_rvalid,
  output logic         m_axi_rready
);

  localparam int BUS_BITS = `BNN_CFG_BUS_BITS;

  logic                reg_req, reg_write, reg_ack, idle, hang_ack;
  logic [15:0]         reg_addr;
  logic [31:0]         reg_wdata, reg_rdata;
  logic [BUS_BITS-1:0] araddr, awaddr;
  logic [7:0]          arlen, awlen;
  logic                rvalid, rready, rlast, wvalid, wready, wlast;
  logic [127:0]        rdata, wdata;
  logic [1:0]          rresp;
  logic [15:0]         wstrb;
  logic [2:0]          size;

  // One ID: everything is answered in order.
  logic unused;
  assign unused = ^{s_axil_awprot, s_axil_arprot, m_axi_bid, m_axi_rid, idle, hang_ack};

  assign m_axi_awid    = '0;
  assign m_axi_awaddr  = 64'(awaddr);
  assign m_axi_awsize  = size;
  assign m_axi_awburst = 2'b01;            // INCR
  assign m_axi_awlock  = 1'b0;
  assign m_axi_awcache = 4'b0011;          // normal, not cached, bufferable
  assign m_axi_awprot  = 3'b000;
  assign m_axi_awqos   = 4'd0;
  assign m_axi_arid    = '0;
  assign m_axi_araddr  = 64'(araddr);
  assign m_axi_arsize  = size;
  assign m_axi_arburst = 2'b01;
  assign m_axi_arlock  = 1'b0;
  assign m_axi_arcache = 4'b0011;
  assign m_axi_arprot  = 3'b000;
  assign m_axi_arqos   = 4'd0;

  bnn_axil u_axil (
    .clk_i      (aclk),
    .rst_ni     (aresetn),
    .awvalid_i  (s_axil_awvalid),
    .awready_o  (s_axil_awready),
    .awaddr_i   (s_axil_awaddr),
    .wvalid_i   (s_axil_wvalid),
    .wready_o   (s_axil_wready),
    .wdata_i    (s_axil_wdata),
    .wstrb_i    (s_axil_wstrb),
    .bvalid_o   (s_axil_bvalid),
    .bready_i   (s_axil_bready),
    .bresp_o    (s_axil_bresp),
    .arvalid_i  (s_axil_arvalid),
    .arready_o  (s_axil_arready),
    .araddr_i   (s_axil_araddr),
    .rvalid_o   (s_axil_rvalid),
    .rready_i   (s_axil_rready),
    .rdata_o    (s_axil_rdata),
    .rresp_o    (s_axil_rresp),
    .reg_req_o  (reg_req),
    .reg_write_o(reg_write),
    .reg_addr_o (reg_addr),
    .reg_wdata_o(reg_wdata),
    .reg_ack_i  (reg_ack),
    .reg_rdata_i(reg_rdata)
  );

  bnn_axi_width #(
    .BITS(`BNN_CFG_AXI_BITS)
  ) u_width (
    .clk_i   (aclk),
    .rst_ni  (aresetn),
    .arlen_i (arlen),
    .rvalid_o(rvalid),
    .rready_i(rready),
    .rdata_o (rdata),
    .rresp_o (rresp),
    .rlast_o (rlast),
    .awlen_i (awlen),
    .wvalid_i(wvalid),
    .wready_o(wready),
    .wdata_i (wdata),
    .wstrb_i (wstrb),
    .wlast_i (wlast),
    .arlen_o (m_axi_arlen),
    .size_o  (size),
    .rvalid_i(m_axi_rvalid),
    .rready_o(m_axi_rready),
    .rdata_i (m_axi_rdata),
    .rresp_i (m_axi_rresp),
    .rlast_i (m_axi_rlast),
    .awlen_o (m_axi_awlen),
    .wvalid_o(m_axi_wvalid),
    .wready_i(m_axi_wready),
    .wdata_o (m_axi_wdata),
    .wstrb_o (m_axi_wstrb),
    .wlast_o (m_axi_wlast)
  );

  bnn_top u_top (
    .clk_i          (aclk),
    .rst_ni         (aresetn),
    .act_kib_i      (12'(`BNN_CFG_ACT_KIB)),
    .reg_req_i      (reg_req),
    .reg_write_i    (reg_write),
    .reg_addr_i     (reg_addr),
    .reg_wdata_i    (reg_wdata),
    .reg_ack_o      (reg_ack),
    .reg_rdata_o    (reg_rdata),
    .irq_o          (irq),
    .idle_o         (idle),
    .test_hold_i    (1'b0),
    .test_hang_i    (1'b0),
    .test_hang_ack_o(hang_ack),
    .test_stuck_i   (1'b0),
    .arvalid_o      (m_axi_arvalid),
    .arready_i      (m_axi_arready),
    .araddr_o       (araddr),
    .arlen_o        (arlen),
    .rvalid_i       (rvalid),
    .rready_o       (rready),
    .rdata_i        (rdata),
    .rresp_i        (rresp),
    .rlast_i        (rlast),
    .awvalid_o      (m_axi_awvalid),
    .awready_i      (m_axi_awready),
    .awaddr_o       (awaddr),
    .awlen_o        (awlen),
    .wvalid_o       (wvalid),
    .wready_i       (wready),
    .wdata_o        (wdata),
    .wstrb_o        (wstrb),
    .wlast_o        (wlast),
    .bvalid_i       (m_axi_bvalid),
    .bready_o       (m_axi_bready),
    .bresp_i        (m_axi_bresp)
  );

endmodule
