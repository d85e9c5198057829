// SPDX-License-Identifier: MIT
// Write engine of one stream: collects beats that follow each other into bursts
// of up to 16, translates, and hands them over. A burst never crosses a page; it
// is closed by a beat that does not continue it, or by four cycles without one.
//
// Beats of a burst that has been handed over leave whatever happens; a flush
// drops the others.

module bnn_bus_write #(
  parameter int BUS_BITS  = 52,
  parameter int FIFO_LOG2 = 5,             // beats, at least two bursts
  parameter int PAGES     = 1,             // translations kept
  parameter int PHYSICAL  = 1              // 0: req_virt_i is 1, and addresses have 32 bits
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 flush_i,
  input  logic                 hold_i,      // hand nothing over
  input  logic                 forget_i,
  output logic                 held_o,      // beats that no burst holds yet

  input  logic                 req_valid_i,
  output logic                 req_ready_o,
  input  logic                 req_virt_i,
  input  logic [3:0]           req_slot_i,
  input  logic [BUS_BITS-1:4]  req_addr_i,
  input  logic [127:0]         req_data_i,
  input  logic [15:0]          req_strb_i,

  output logic                 xl_req_o,
  output logic [31:12]         xl_page_o,
  output logic [3:0]           xl_slot_o,
  input  logic                 xl_done_i,
  input  logic                 xl_fault_i,
  input  logic [BUS_BITS-1:12] xl_frame_i,

  // Bursts, then their beats.
  output logic                 w_valid_o,
  input  logic                 w_ready_i,
  output logic [BUS_BITS-1:0]  w_addr_o,
  output logic [3:0]           w_len_o,     // beats - 1
  output logic [BUS_BITS-1:12] w_origin_o,  // page to report, virtual or not
  output logic [3:0]           w_slot_o,
  input  logic                 beat_take_i,
  output logic [127:0]         beat_data_o,
  output logic [15:0]          beat_strb_o
);

  localparam int PW = FIFO_LOG2 + 1;
  localparam int AW = (PHYSICAL != 0) ? BUS_BITS : 32;

  // ---- beats: written, handed over, read ----
  (* no_rw_check *) logic [143:0] fifo [0:(1<<FIFO_LOG2)-1];
  logic [PW-1:0] wptr_q, given_q, rptr_q, fill;
  logic          full;
  assign fill = wptr_q - rptr_q;
  assign full = fill[FIFO_LOG2];
  assign {beat_strb_o, beat_data_o} = fifo[rptr_q[FIFO_LOG2-1:0]];

  // ---- the open burst ----
  logic                open_q, virt, same, stop_q;
  logic [3:0]          slot_q;
  logic [AW-1:4]       addr_q;              // first beat
  logic [11:4]         next_q;              // in its page, the one that would follow
  logic [4:0]          count_q;
  logic [1:0]          idle_q;
  logic                joins, put, closed, give;

  // A burst of 16 ends, and so does one at the end of a page.
  assign joins = open_q && same && req_slot_i == slot_q && req_addr_i[AW-1:4] == {addr_q[AW-1:12], next_q} &&
                 !count_q[4] && next_q != 8'd0;
  assign req_ready_o = !flush_i && !stop_q && !full && (!open_q || joins || give);
  assign put         = req_valid_i && req_ready_o;
  assign closed      = open_q && (count_q[4] || next_q == 8'd0 || idle_q == 2'd3 ||
                                  (req_valid_i && !joins) || full);

  // ---- translation ----
  logic                 page_hit, hit;
  logic [BUS_BITS-1:12] frame;
  bnn_bus_pages #(
    .BUS_BITS(BUS_BITS),
    .PAGES   (PAGES)
  ) u_pages (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .forget_i(flush_i || forget_i),
    .page_i  (addr_q[31:12]),
    .hit_o   (page_hit),
    .frame_o (frame),
    .put_i   (xl_req_o && xl_done_i && !xl_fault_i),
    .frame_i (xl_frame_i)
  );
  assign hit        = !virt || page_hit;
  assign xl_req_o   = open_q && !hit && !hold_i && !stop_q && !flush_i;
  assign xl_page_o  = addr_q[31:12];
  assign xl_slot_o  = slot_q;
  assign w_valid_o  = closed && hit && !hold_i && !stop_q && !flush_i;
  assign give       = w_valid_o && w_ready_i;
  assign w_addr_o   = {virt ? frame : w_origin_o, addr_q[11:4], 4'd0};
  assign w_len_o    = 4'(count_q - 5'd1);
  assign w_origin_o = (BUS_BITS-12)'(addr_q[AW-1:12]);
  assign w_slot_o   = slot_q;
  assign held_o     = open_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wptr_q  <= '0;
      given_q <= '0;
      rptr_q  <= '0;
    end else begin
      if (flush_i) wptr_q <= given_q;
      else if (put) wptr_q <= wptr_q + PW'(1);
      if (give) given_q <= wptr_q;
      if (beat_take_i) rptr_q <= rptr_q + PW'(1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      open_q <= 1'b0;
      stop_q <= 1'b0;
    end else begin
      if (put) begin
        open_q <= 1'b1;
        idle_q <= '0;
      end else if (give) begin
        open_q <= 1'b0;
      end else if (idle_q != 2'd3) begin
        idle_q <= idle_q + 2'd1;
      end
      if (!forget_i && xl_req_o && xl_done_i && xl_fault_i) stop_q <= 1'b1;  // until the flush that follows every fault
    end
  end

  always_ff @(posedge clk_i) begin
    if (put) begin
      fifo[wptr_q[FIFO_LOG2-1:0]] <= {req_strb_i, req_data_i};
      next_q  <= req_addr_i[11:4] + 8'd1;
      count_q <= (open_q && !give) ? count_q + 5'd1 : 5'd1;
      if (!open_q || give) begin
        slot_q <= req_slot_i;
        addr_q <= req_addr_i[AW-1:4];
      end
    end
  end

  if (PHYSICAL != 0) begin : gen_virt
    logic virt_q;
    assign virt = virt_q;
    assign same = req_virt_i == virt_q;
    always_ff @(posedge clk_i) begin
      if (put && (!open_q || give)) virt_q <= req_virt_i;
    end
  end else begin : gen_no_virt
    logic unused_virt;
    assign unused_virt = req_virt_i ^ ^(req_addr_i >> (AW - 4));
    assign virt = 1'b1;
    assign same = 1'b1;
  end

endmodule
