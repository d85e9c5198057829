// SPDX-License-Identifier: MIT
// Write engine: translates single beats with byte strobes and passes them on.

module bnn_dma_wr #(
  parameter int BUS_BITS = 52
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 flush_i,
  input  logic                 hold_i,
  input  logic                 forget_i,

  input  logic                 req_valid_i,
  output logic                 req_ready_o,
  input  logic                 req_virt_i,
  input  logic [BUS_BITS-1:4]  req_addr_i,

  output logic                 xl_req_o,
  output logic [31:12]         xl_page_o,
  input  logic                 xl_done_i,
  input  logic                 xl_fault_i,
  input  logic [BUS_BITS-1:12] xl_frame_i,

  output logic                 w_valid_o,
  input  logic                 w_ready_i,
  output logic [BUS_BITS-1:0]  w_addr_o,
  output logic [BUS_BITS-1:0]  w_origin_o
);

  logic                 page_ok_q, stop_q;
  logic [31:12]         page_q;
  logic [BUS_BITS-1:12] frame_q;
  logic                 hit;

  assign hit         = !req_virt_i || (page_ok_q && page_q == req_addr_i[31:12]);
  assign xl_req_o    = req_valid_i && !hit && !hold_i && !stop_q;
  assign xl_page_o   = req_addr_i[31:12];
  assign w_valid_o   = req_valid_i && hit && !hold_i && !stop_q;
  assign req_ready_o = w_valid_o && w_ready_i;
  assign w_addr_o    = {req_virt_i ? frame_q : req_addr_i[BUS_BITS-1:12], req_addr_i[11:4], 4'd0};
  assign w_origin_o  = {req_addr_i, 4'd0};

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      page_ok_q <= 1'b0;
      stop_q    <= 1'b0;
    end else if (forget_i) begin
      page_ok_q <= 1'b0;
    end else if (xl_req_o && xl_done_i) begin
      page_ok_q <= !xl_fault_i;
      stop_q    <= xl_fault_i;   // until the flush that follows every fault
      page_q    <= req_addr_i[31:12];
      frame_q   <= xl_frame_i;
    end
  end

endmodule
