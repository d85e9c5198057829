// SPDX-License-Identifier: MIT
// On-chip activation memory (region 63): read as two streams of beats, written by
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

  input  logic         r0_valid_i,
  output logic         r0_ready_o,
  input  logic [31:0]  r0_addr_i,
  input  logic [23:0]  r0_beats_i,
  output logic         b0_valid_o,
  input  logic         b0_ready_i,
  output logic [127:0] b0_data_o,

  input  logic         r1_valid_i,
  output logic         r1_ready_o,
  input  logic [31:0]  r1_addr_i,
  input  logic [23:0]  r1_beats_i,
  output logic         b1_valid_o,
  input  logic         b1_ready_i,
  output logic [127:0] b1_data_o,

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
  assign unused = ^{r0_addr_i[31:4+ADDR_W], r0_addr_i[3:0], r1_addr_i[31:4+ADDR_W], r1_addr_i[3:0],
                    w_addr_i[31:4+ADDR_W]};

  // Four banks, by the lowest bits of a beat's address; each reads one beat per
  // cycle. Where both readers want the same bank, the second one waits.
  localparam int BANK_W = ADDR_W - 2;

  logic [ADDR_W-1:0] addr0, addr1;
  logic              want0, want1, read1;
  logic [127:0]      out0, out1;
  assign read1 = want1 && !(want0 && addr0[1:0] == addr1[1:0]);

  bnn_actmem_reader #(
    .ADDR_W(ADDR_W)
  ) u_reader0 (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .flush_i     (flush_i),
    .req_valid_i (r0_valid_i),
    .req_ready_o (r0_ready_o),
    .req_addr_i  (r0_addr_i[4 +: ADDR_W]),
    .req_beats_i (r0_beats_i),
    .want_o      (want0),
    .addr_o      (addr0),
    .read_i      (want0),
    .data_i      (out0),
    .beat_valid_o(b0_valid_o),
    .beat_ready_i(b0_ready_i),
    .beat_data_o (b0_data_o)
  );
  bnn_actmem_reader #(
    .ADDR_W(ADDR_W)
  ) u_reader1 (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .flush_i     (flush_i),
    .req_valid_i (r1_valid_i),
    .req_ready_o (r1_ready_o),
    .req_addr_i  (r1_addr_i[4 +: ADDR_W]),
    .req_beats_i (r1_beats_i),
    .want_o      (want1),
    .addr_o      (addr1),
    .read_i      (read1),
    .data_i      (out1),
    .beat_valid_o(b1_valid_o),
    .beat_ready_i(b1_ready_i),
    .beat_data_o (b1_data_o)
  );

  logic [4*128-1:0] outs;
  logic [1:0]       bank0_q, bank1_q;
  always_ff @(posedge clk_i) begin
    bank0_q <= addr0[1:0];
    bank1_q <= addr1[1:0];
  end
  assign out0 = outs[{bank0_q, 7'd0} +: 128];
  assign out1 = outs[{bank1_q, 7'd0} +: 128];

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

  for (genvar k = 0; k < 4; k++) begin : gen_bank
    (* no_rw_check *) logic [127:0] mem [0:WORDS/4-1];
    logic [127:0]      out_q;
    logic              first;
    logic [BANK_W-1:0] raddr;
    assign first = want0 && addr0[1:0] == 2'(k);
    assign raddr = first ? addr0[ADDR_W-1:2] : addr1[ADDR_W-1:2];
    assign outs[k*128 +: 128] = out_q;
    always_ff @(posedge clk_i) begin
      if (first || (want1 && addr1[1:0] == 2'(k))) out_q <= mem[raddr];
    end
    for (genvar b = 0; b < 16; b++) begin : gen_byte
      always_ff @(posedge clk_i) begin
        if (port_we[b] && port_addr[1:0] == 2'(k)) mem[port_addr[ADDR_W-1:2]][b*8 +: 8] <= port_data[b*8 +: 8];
      end
    end
  end

endmodule
