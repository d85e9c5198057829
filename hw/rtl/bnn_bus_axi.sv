// SPDX-License-Identifier: MIT
// The AXI4 master port: one read and one write id, so everything comes back in
// order. Keeps what belongs to an outstanding transfer (whose it is, the address
// to name in a fault) and counts them, so that others can wait for silence.
//
// Read data is always taken at once: whoever asks for a burst has room for it.
// Requesters see to it that no burst crosses 4 KiB: data bursts stay within 256
// naturally aligned bytes, a PTE line is 64 bytes, writes end with their page. A
// write is asked for when all its beats are there.

module bnn_bus_axi #(
  parameter int BUS_BITS    = 52,
  parameter int READS_LOG2  = 1,           // of the streams
  parameter int WRITES_LOG2 = 1,
  parameter int WR_LOG2     = 6            // writes outstanding: those of planes are single beats
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  // Data reads.
  input  logic                d_valid_i,
  output logic                d_ready_o,
  input  logic [BUS_BITS-1:0] d_addr_i,
  input  logic [3:0]          d_len_i,     // beats - 1
  input  logic [BUS_BITS-1:0] d_origin_i,  // address to report, virtual or bus
  input  logic [3:0]          d_slot_i,
  input  logic [READS_LOG2-1:0] d_stream_i,
  output logic                d_beat_o,
  output logic [READS_LOG2-1:0] d_beat_stream_o,
  output logic                d_error_o,
  output logic [BUS_BITS-1:0] d_error_origin_o,
  output logic [3:0]          d_error_slot_o,

  // Reads of the page-table walker, before data.
  input  logic                k_valid_i,
  output logic                k_ready_o,
  input  logic [BUS_BITS-1:0] k_addr_i,
  input  logic [3:0]          k_len_i,
  output logic                k_beat_o,
  output logic                k_last_o,
  output logic                beat_error_o,
  output logic [127:0]        beat_data_o,

  // Writes: bursts, whose beats are taken from their stream in the same order.
  input  logic                w_valid_i,
  output logic                w_ready_o,
  input  logic [BUS_BITS-1:0] w_addr_i,
  input  logic [3:0]          w_len_i,     // beats - 1
  input  logic [BUS_BITS-1:0] w_origin_i,
  input  logic [3:0]          w_slot_i,
  input  logic [WRITES_LOG2-1:0] w_stream_i,
  output logic                wd_take_o,
  output logic [WRITES_LOG2-1:0] wd_stream_o,
  input  logic [127:0]        wd_data_i,
  input  logic [15:0]         wd_strb_i,
  output logic                w_error_o,
  output logic [BUS_BITS-1:0] w_error_origin_o,
  output logic [3:0]          w_error_slot_o,

  output logic [4:0]          reads_o,     // outstanding
  output logic                read_start_o,
  output logic                writes_o,    // any outstanding

  output logic                arvalid_o,
  input  logic                arready_i,
  output logic [BUS_BITS-1:0] araddr_o,
  output logic [7:0]          arlen_o,
  input  logic                rvalid_i,
  output logic                rready_o,
  input  logic [127:0]        rdata_i,
  input  logic [1:0]          rresp_i,
  input  logic                rlast_i,
  output logic                awvalid_o,
  input  logic                awready_i,
  output logic [BUS_BITS-1:0] awaddr_o,
  output logic [7:0]          awlen_o,
  output logic                wvalid_o,
  input  logic                wready_i,
  output logic [127:0]        wdata_o,
  output logic [15:0]         wstrb_o,
  output logic                wlast_o,
  input  logic                bvalid_i,
  output logic                bready_o,
  input  logic [1:0]          bresp_i
);

  localparam int TAG_W = BUS_BITS + READS_LOG2 + 5;
  localparam int ORG_W = BUS_BITS + 4;

  // ---- reads ----
  logic [4:0]       reads_q;
  logic [3:0]       rd_wptr_q, rd_rptr_q;
  logic [TAG_W-1:0] rd_tag [0:15];
  logic [TAG_W-1:0] tag;
  logic             take, room;

  assign room      = !reads_q[4] && (!arvalid_o || arready_i);
  assign k_ready_o = room;
  assign d_ready_o = room && !k_valid_i;
  assign take      = room && (k_valid_i || d_valid_i);
  assign tag       = rd_tag[rd_rptr_q];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      arvalid_o <= 1'b0;
      reads_q   <= '0;
      rd_wptr_q <= '0;
      rd_rptr_q <= '0;
    end else begin
      if (arready_i) arvalid_o <= 1'b0;
      if (take) begin
        arvalid_o <= 1'b1;
        rd_wptr_q <= rd_wptr_q + 4'd1;
      end
      if (rvalid_i && rlast_i) rd_rptr_q <= rd_rptr_q + 4'd1;
      reads_q <= reads_q + 5'(take) - 5'(rvalid_i && rlast_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      araddr_o          <= k_valid_i ? k_addr_i : d_addr_i;
      arlen_o           <= {4'd0, k_valid_i ? k_len_i : d_len_i};
      rd_tag[rd_wptr_q] <= {k_valid_i, d_stream_i, d_slot_i, d_origin_i};
    end
  end

  assign rready_o         = 1'b1;
  assign beat_data_o      = rdata_i;
  assign beat_error_o     = rresp_i != 2'd0;
  assign k_beat_o         = rvalid_i && tag[TAG_W-1];
  assign k_last_o         = rlast_i;
  assign d_beat_o         = rvalid_i && !tag[TAG_W-1];
  assign d_error_o        = d_beat_o && beat_error_o;
  assign d_error_origin_o = tag[BUS_BITS-1:0];
  assign d_error_slot_o   = tag[BUS_BITS +: 4];
  assign d_beat_stream_o  = tag[BUS_BITS + 4 +: READS_LOG2];
  assign reads_o          = reads_q;
  assign read_start_o     = take;

  // ---- writes ----
  logic [WR_LOG2:0]   writes_q;            // bursts without response
  logic [WR_LOG2-1:0] wr_wptr_q, wr_rptr_q, wd_rptr_q;
  logic [3:0]         at_q;
  logic [WR_LOG2:0]   wd_fill_q;           // bursts whose beats have not all been taken
  logic [ORG_W-1:0]   wr_tag [0:(1<<WR_LOG2)-1];
  logic [WRITES_LOG2+3:0] wd_burst [0:(1<<WR_LOG2)-1]; // {stream, len}
  logic [ORG_W-1:0] wtag;
  logic [3:0]       wd_len;
  logic             put, last;

  assign w_ready_o = !writes_q[WR_LOG2] && (!awvalid_o || awready_i);
  assign put       = w_ready_o && w_valid_i;
  assign wtag      = wr_tag[wr_rptr_q];

  assign {wd_stream_o, wd_len} = wd_burst[wd_rptr_q];
  assign wd_take_o = wd_fill_q != '0 && (!wvalid_o || wready_i);
  assign last        = at_q == wd_len;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      awvalid_o <= 1'b0;
      wvalid_o  <= 1'b0;
      writes_q  <= '0;
      wr_wptr_q <= '0;
      wr_rptr_q <= '0;
      wd_rptr_q <= '0;
      wd_fill_q <= '0;
      at_q      <= '0;
    end else begin
      if (awready_i) awvalid_o <= 1'b0;
      if (wready_i) wvalid_o <= 1'b0;
      if (put) begin
        awvalid_o <= 1'b1;
        wr_wptr_q <= wr_wptr_q + WR_LOG2'(1);
      end
      if (wd_take_o) begin
        wvalid_o <= 1'b1;
        at_q     <= last ? '0 : at_q + 4'd1;
        if (last) wd_rptr_q <= wd_rptr_q + WR_LOG2'(1);
      end
      if (bvalid_i) wr_rptr_q <= wr_rptr_q + WR_LOG2'(1);
      writes_q  <= writes_q + (WR_LOG2+1)'(put) - (WR_LOG2+1)'(bvalid_i);
      wd_fill_q <= wd_fill_q + (WR_LOG2+1)'(put) - (WR_LOG2+1)'(wd_take_o && last);
    end
  end

  always_ff @(posedge clk_i) begin
    if (put) begin
      awaddr_o            <= w_addr_i;
      awlen_o             <= {4'd0, w_len_i};
      wr_tag[wr_wptr_q]   <= {w_slot_i, w_origin_i};
      wd_burst[wr_wptr_q] <= {w_stream_i, w_len_i};
    end
    if (wd_take_o) begin
      wdata_o <= wd_data_i;
      wstrb_o <= wd_strb_i;
      wlast_o <= last;
    end
  end

  assign bready_o         = 1'b1;
  assign w_error_o        = bvalid_i && bresp_i != 2'd0;
  assign w_error_origin_o = wtag[BUS_BITS-1:0];
  assign w_error_slot_o   = wtag[BUS_BITS +: 4];
  assign writes_o         = writes_q != '0;

endmodule
