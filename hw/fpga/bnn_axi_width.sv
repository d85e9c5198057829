// SPDX-License-Identifier: MIT
// Makes the core's bursts of 128-bit beats bursts of narrower ones: a beat becomes
// 128/BITS of them, so 16 beats are at most 64, which AXI allows. Addresses stay as
// they are. Nothing is stored but the parts of a read beat that is not whole yet, so
// no channel waits for another, and with BITS = 128 all are wires.

module bnn_axi_width #(
  parameter int BITS = 64                  // 32, 64 or 128
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  // The core.
  input  logic [7:0]         arlen_i,
  output logic               rvalid_o,
  input  logic               rready_i,
  output logic [127:0]       rdata_o,
  output logic [1:0]         rresp_o,      // of any part
  output logic               rlast_o,
  input  logic [7:0]         awlen_i,
  input  logic               wvalid_i,
  output logic               wready_o,
  input  logic [127:0]       wdata_i,
  input  logic [15:0]        wstrb_i,
  input  logic               wlast_i,

  // The bus.
  output logic [7:0]         arlen_o,
  output logic [2:0]         size_o,
  input  logic               rvalid_i,
  output logic               rready_o,
  input  logic [BITS-1:0]    rdata_i,
  input  logic [1:0]         rresp_i,
  input  logic               rlast_i,
  output logic [7:0]         awlen_o,
  output logic               wvalid_o,
  input  logic               wready_i,
  output logic [BITS-1:0]    wdata_o,
  output logic [BITS/8-1:0]  wstrb_o,
  output logic               wlast_o
);

  localparam int PARTS = 128 / BITS;
  localparam int PW    = $clog2(PARTS);

  assign size_o = 3'($clog2(BITS / 8));

  if (PARTS == 1) begin : gen_same
    assign arlen_o  = arlen_i;
    assign rvalid_o = rvalid_i;
    assign rready_o = rready_i;
    assign rdata_o  = rdata_i;
    assign rresp_o  = rresp_i;
    assign rlast_o  = rlast_i;
    assign awlen_o  = awlen_i;
    assign wvalid_o = wvalid_i;
    assign wready_o = wready_i;
    assign wdata_o  = wdata_i;
    assign wstrb_o  = wstrb_i;
    assign wlast_o  = wlast_i;
    logic unused;
    assign unused = ^{clk_i, rst_ni};
  end else begin : gen_narrow
    assign arlen_o = {arlen_i[7-PW:0], {PW{1'b1}}};
    assign awlen_o = {awlen_i[7-PW:0], {PW{1'b1}}};

    // ---- read data: the last part makes the beat ----
    logic [PW-1:0]       r_part_q;
    logic [127-BITS:0]   r_data_q;
    logic [1:0]          r_resp_q;
    logic                r_end, r_take;
    assign r_end    = &r_part_q;
    assign rvalid_o = rvalid_i && r_end;
    assign rready_o = !r_end || rready_i;
    assign rdata_o  = {rdata_i, r_data_q};
    assign rresp_o  = rresp_i | r_resp_q;
    assign rlast_o  = rlast_i;
    assign r_take   = rvalid_i && rready_o;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) r_part_q <= '0;
      else if (r_take) r_part_q <= r_part_q + PW'(1);
      if (r_take) begin
        r_resp_q <= r_end ? 2'd0 : rresp_o;
        for (int i = 0; i < PARTS - 1; i++) if (r_part_q == PW'(i)) r_data_q[i*BITS +: BITS] <= rdata_i;
      end
      if (!rst_ni) r_resp_q <= '0;
    end

    // ---- write data: the beat stays until its last part is taken ----
    logic [PW-1:0] w_part_q;
    logic          w_end;
    assign w_end    = &w_part_q;
    assign wvalid_o = wvalid_i;
    assign wready_o = wready_i && w_end;
    assign wlast_o  = wlast_i && w_end;
    always_comb begin
      wdata_o = wdata_i[127 -: BITS];
      wstrb_o = wstrb_i[15 -: BITS/8];
      for (int i = 0; i < PARTS - 1; i++) begin
        if (w_part_q == PW'(i)) begin
          wdata_o = wdata_i[i*BITS +: BITS];
          wstrb_o = wstrb_i[i*(BITS/8) +: BITS/8];
        end
      end
    end
    always_ff @(posedge clk_i) begin
      if (!rst_ni) w_part_q <= '0;
      else if (wvalid_o && wready_i) w_part_q <= w_part_q + PW'(1);
    end

    logic unused;
    assign unused = ^{arlen_i[7:8-PW], awlen_i[7:8-PW]};
  end

endmodule
