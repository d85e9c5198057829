// SPDX-License-Identifier: MIT
// AXI4-Lite slave in front of the core's register port. Address and data of a
// write may come in any order; one write and one read are held, and they take
// turns. Registers are written whole: a write with some strobes is answered with
// SLVERR and changes nothing, one without any changes nothing.

module bnn_axil (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        awvalid_i,
  output logic        awready_o,
  input  logic [15:0] awaddr_i,
  input  logic        wvalid_i,
  output logic        wready_o,
  input  logic [31:0] wdata_i,
  input  logic [3:0]  wstrb_i,
  output logic        bvalid_o,
  input  logic        bready_i,
  output logic [1:0]  bresp_o,
  input  logic        arvalid_i,
  output logic        arready_o,
  input  logic [15:0] araddr_i,
  output logic        rvalid_o,
  input  logic        rready_i,
  output logic [31:0] rdata_o,
  output logic [1:0]  rresp_o,

  output logic        reg_req_o,
  output logic        reg_write_o,
  output logic [15:0] reg_addr_o,
  output logic [31:0] reg_wdata_o,
  input  logic        reg_ack_i,
  input  logic [31:0] reg_rdata_i
);

  logic        aw_q, w_q, ar_q;            // held
  logic [15:2] awaddr_q, araddr_q;
  logic [3:0]  wstrb_q;
  logic        wrote_q;                    // the last access was a write
  logic        can_write, can_read, skip, start_write, start_read;

  logic unused;
  assign unused = ^{awaddr_i[1:0], araddr_i[1:0]};

  assign awready_o = !aw_q;
  assign wready_o  = !w_q;
  assign arready_o = !ar_q;
  assign rresp_o   = 2'b00;

  assign can_write   = aw_q && w_q && !bvalid_o && !reg_req_o;
  assign can_read    = ar_q && !rvalid_o && !reg_req_o;
  assign start_write = can_write && !(can_read && wrote_q);
  assign start_read  = can_read && !start_write;
  assign skip        = wstrb_q != 4'hf;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_q      <= 1'b0;
      w_q       <= 1'b0;
      ar_q      <= 1'b0;
      bvalid_o  <= 1'b0;
      rvalid_o  <= 1'b0;
      reg_req_o <= 1'b0;
      wrote_q   <= 1'b0;
    end else begin
      if (awvalid_i && awready_o) aw_q <= 1'b1;
      if (wvalid_i && wready_o) w_q <= 1'b1;
      if (arvalid_i && arready_o) ar_q <= 1'b1;
      if (bready_i) bvalid_o <= 1'b0;
      if (rready_i) rvalid_o <= 1'b0;
      if (start_write) begin
        wrote_q   <= 1'b1;
        reg_req_o <= !skip;
        if (skip) begin
          aw_q     <= 1'b0;
          w_q      <= 1'b0;
          bvalid_o <= 1'b1;
          bresp_o  <= (wstrb_q == 4'h0) ? 2'b00 : 2'b10;
        end
      end
      if (start_read) begin
        wrote_q   <= 1'b0;
        reg_req_o <= 1'b1;
      end
      if (reg_req_o && reg_ack_i) begin
        reg_req_o <= 1'b0;
        if (reg_write_o) begin
          aw_q     <= 1'b0;
          w_q      <= 1'b0;
          bvalid_o <= 1'b1;
          bresp_o  <= 2'b00;
        end else begin
          ar_q     <= 1'b0;
          rvalid_o <= 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (awvalid_i && awready_o) awaddr_q <= awaddr_i[15:2];
    if (arvalid_i && arready_o) araddr_q <= araddr_i[15:2];
    if (wvalid_i && wready_o) begin
      reg_wdata_o <= wdata_i;
      wstrb_q     <= wstrb_i;
    end
    if (start_write || start_read) begin
      reg_write_o <= start_write;
      reg_addr_o  <= {start_write ? awaddr_q : araddr_q, 2'b00};
    end
    if (reg_req_o && reg_ack_i && !reg_write_o) rdata_o <= reg_rdata_i;
  end

endmodule
