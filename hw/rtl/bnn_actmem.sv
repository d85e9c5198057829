// SPDX-License-Identifier: MIT
// On-chip activation memory (region 63): read as a stream of beats, written by
// beats with byte strobes. Between jobs it is zeroed; only the range that has
// been written since is, so short jobs do not pay for a large memory.

module bnn_actmem #(
  parameter int KIB = 256
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         flush_i,
  input  logic         scrub_i,      // pulse
  output logic         scrub_busy_o,

  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  logic [31:0]  req_addr_i,
  input  logic [23:0]  req_beats_i,
  output logic         beat_valid_o,
  input  logic         beat_ready_i,
  output logic [127:0] beat_data_o,

  input  logic         w_valid_i,
  output logic         w_ready_o,
  input  logic [31:4]  w_addr_i,
  input  logic [127:0] w_data_i,
  input  logic [15:0]  w_strb_i
);

  localparam int WORDS  = KIB * 64;
  localparam int ADDR_W = $clog2(WORDS);

  // Extents have been checked against the size.
  logic unused;
  assign unused = ^{req_addr_i[31:4+ADDR_W], req_addr_i[3:0], w_addr_i[31:4+ADDR_W]};

  (* no_rw_check *) logic [127:0] mem [0:WORDS-1];

  // ---- reading: an address stage and an output register ----
  logic [ADDR_W-1:0] rd_addr_q;
  logic [23:0]       left_q;
  logic              out_valid_q;
  logic              read;

  assign read         = left_q != 24'd0 && (!out_valid_q || beat_ready_i);
  assign req_ready_o  = left_q == 24'd0 || (read && left_q == 24'd1);
  assign beat_valid_o = out_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      left_q      <= '0;
      out_valid_q <= 1'b0;
    end else begin
      if (beat_ready_i) out_valid_q <= 1'b0;
      if (read) begin
        out_valid_q <= 1'b1;
        rd_addr_q   <= rd_addr_q + ADDR_W'(1);
        left_q      <= left_q - 24'd1;
      end
      if (req_valid_i && req_ready_o) begin
        rd_addr_q <= req_addr_i[4 +: ADDR_W];
        left_q    <= req_beats_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (read) beat_data_o <= mem[rd_addr_q];
  end

  // ---- zeroing: the dirty range [lo, hi]; all of it after power-up ----
  logic              scrub_q, dirty_q;
  logic [ADDR_W-1:0] lo_q, hi_q, waddr;

  assign waddr        = w_addr_i[4 +: ADDR_W];
  assign scrub_busy_o = scrub_q;
  assign w_ready_o    = !scrub_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      scrub_q <= 1'b0;
      dirty_q <= 1'b1;
      lo_q    <= '0;
      hi_q    <= '1;
    end else if (scrub_q) begin
      lo_q <= lo_q + ADDR_W'(1);
      if (lo_q == hi_q) begin
        scrub_q <= 1'b0;
        dirty_q <= 1'b0;
      end
    end else if (scrub_i) begin
      scrub_q <= dirty_q;
    end else if (w_valid_i) begin
      dirty_q <= 1'b1;
      if (!dirty_q || waddr < lo_q) lo_q <= waddr;
      if (!dirty_q || waddr > hi_q) hi_q <= waddr;
    end
  end

  // One write port, so that it maps to a simple dual-port RAM.
  logic [ADDR_W-1:0] port_addr;
  logic [127:0]      port_data;
  logic [15:0]       port_we;
  assign port_addr = scrub_q ? lo_q : waddr;
  assign port_data = scrub_q ? 128'd0 : w_data_i;
  assign port_we   = scrub_q ? 16'hffff : (w_valid_i ? w_strb_i : 16'd0);

  for (genvar b = 0; b < 16; b++) begin : gen_byte
    always_ff @(posedge clk_i) begin
      if (port_we[b]) mem[port_addr][b*8 +: 8] <= port_data[b*8 +: 8];
    end
  end

endmodule
