// SPDX-License-Identifier: MIT
// Read engine: turns a request for consecutive 16-byte beats into bursts,
// translating page by page, and hands the beats out in order through a FIFO. A
// burst is only asked for when the FIFO has room for all of it, so read data
// never waits on the bus and can never block a page-table walk behind it.

module bnn_bus_read #(
  parameter int BUS_BITS  = 52,
  parameter int FIFO_LOG2 = 8,             // beats: what 16 bursts bring
  parameter int PAGES     = 1,             // translations kept
  parameter int PHYSICAL  = 1              // 0: req_virt_i is 1, and addresses have 32 bits
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                flush_i,      // forget everything, drop what arrives
  input  logic                hold_i,       // issue nothing
  input  logic                forget_i,     // the translation held is not valid any more

  input  logic                req_valid_i,
  output logic                req_ready_o,
  input  logic                req_virt_i,
  input  logic [3:0]          req_slot_i,
  input  logic [BUS_BITS-1:0] req_addr_i,
  input  logic [23:0]         req_beats_i,

  output logic                beat_valid_o,
  input  logic                beat_ready_i,
  output logic [127:0]        beat_data_o,

  // Translation.
  output logic                xl_req_o,
  output logic [31:12]        xl_page_o,
  output logic [3:0]          xl_slot_o,
  output logic                xl_more_o,    // the request goes on behind the page's line of entries
  input  logic                xl_done_i,
  input  logic                xl_fault_i,
  input  logic [BUS_BITS-1:12] xl_frame_i,

  // Bursts.
  output logic                d_valid_o,
  input  logic                d_ready_i,
  output logic [BUS_BITS-1:0] d_addr_o,
  output logic [3:0]          d_len_o,
  output logic [BUS_BITS-1:12] d_origin_o,  // page to report, virtual or not
  output logic [3:0]          d_slot_o,
  input  logic                d_beat_i,
  input  logic [127:0]        d_data_i
);

  localparam int DEPTH = 1 << FIFO_LOG2;
  localparam int AW    = (PHYSICAL != 0) ? BUS_BITS : 32;

  logic                 act_q, virt, page_hit;
  logic [3:0]           slot_q;
  logic [AW-1:4]        addr_q;
  logic [23:0]          left_q;
  logic [BUS_BITS-1:12] frame;

  logic [FIFO_LOG2:0]   used_q;             // beats not handed out, or on their way
  logic [FIFO_LOG2:0]   wptr_q, rptr_q;
  (* no_rw_check *) logic [127:0] fifo [0:DEPTH-1];

  logic       hit, issue, last, load, pop;
  logic [4:0] to_end, burst;

  logic unused;
  assign unused = ^req_addr_i[3:0] ^ ^(req_addr_i >> AW);
  assign hit    = !virt || page_hit;
  // Bursts end at multiples of 256 bytes and so never cross a page.
  assign to_end = 5'd16 - {1'b0, addr_q[7:4]};
  assign last   = left_q[23:5] == 19'd0 && left_q[4:0] <= to_end;
  assign burst  = last ? left_q[4:0] : to_end;

  assign d_valid_o  = act_q && hit && !hold_i && !flush_i &&
                      (used_q + (FIFO_LOG2+1)'(burst) <= (FIFO_LOG2+1)'(DEPTH));
  assign issue      = d_valid_o && d_ready_i;
  assign d_addr_o   = {virt ? frame : d_origin_o, addr_q[11:4], 4'd0};
  assign d_len_o    = 4'(burst - 5'd1);
  assign d_origin_o = (BUS_BITS-12)'(addr_q[AW-1:12]);
  assign d_slot_o   = slot_q;

  assign xl_req_o    = act_q && !hit && !hold_i && !flush_i;
  assign xl_page_o   = addr_q[31:12];
  assign xl_slot_o   = slot_q;

  // Pages of 256 beats, lines of 8 pages: whether more is left than the line has from here on.
  logic [11:0] to_line;
  assign to_line   = 12'd2048 - {1'b0, addr_q[14:4]};
  assign xl_more_o = left_q[23:12] != 12'd0 || left_q[11:0] > to_line;

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

  assign req_ready_o  = !flush_i && (!act_q || (issue && last));
  assign load         = wptr_q != rptr_q && (!beat_valid_o || beat_ready_i);
  assign pop          = beat_valid_o && beat_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      act_q        <= 1'b0;
      used_q       <= '0;
      wptr_q       <= '0;
      rptr_q       <= '0;
      beat_valid_o <= 1'b0;
    end else begin
      if (issue) begin
        // The last burst may end before, but nothing comes behind it.
        addr_q <= {addr_q[AW-1:8] + (AW-8)'(1), 4'd0};
        left_q <= left_q - 24'(burst);
        if (last) act_q <= 1'b0;
      end
      if (req_valid_i && req_ready_o) begin
        act_q    <= 1'b1;
        slot_q   <= req_slot_i;
        addr_q   <= req_addr_i[AW-1:4];
        left_q   <= req_beats_i;
      end
      if (!forget_i && xl_req_o && xl_done_i && xl_fault_i) act_q <= 1'b0;
      if (d_beat_i) wptr_q <= wptr_q + (FIFO_LOG2+1)'(1);
      if (load) rptr_q <= rptr_q + (FIFO_LOG2+1)'(1);
      if (load || pop) beat_valid_o <= load;
      used_q <= used_q + (issue ? (FIFO_LOG2+1)'(burst) : '0) - (FIFO_LOG2+1)'(pop);
    end
  end

  if (PHYSICAL != 0) begin : gen_virt
    logic virt_q;
    assign virt = virt_q;
    always_ff @(posedge clk_i) begin
      if (req_valid_i && req_ready_o) virt_q <= req_virt_i;
    end
  end else begin : gen_no_virt
    logic unused_virt;
    assign unused_virt = req_virt_i;
    assign virt = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (d_beat_i) fifo[wptr_q[FIFO_LOG2-1:0]] <= d_data_i;
    if (load) beat_data_o <= fifo[rptr_q[FIFO_LOG2-1:0]];
  end

endmodule
