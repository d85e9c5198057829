// SPDX-License-Identifier: MIT
// On-chip activation memory (region 63): read as streams of beats, written by
// beats with byte strobes. Four banks, by the lowest bits of a beat's address; a bank
// reads one beat and writes one beat per cycle, for the first stream that wants it. Streams
// that may need one in every cycle come first: RES1 and RES2 (reads 1 and 2), OUTS (write 1).
//
// After a job it is zeroed, a beat per bank and cycle; only the range that has been
// written since is, so short jobs do not pay for a large memory. Whoever comes
// meanwhile waits here, so the next job may begin.

module bnn_actmem #(
  parameter int KIB    = 256,
  parameter int READS  = 2,
  parameter int WRITES = 2
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  flush_i,
  input  logic                  scrub_i,      // pulse
  output logic                  scrub_busy_o,
  output logic                  scrub_wait_o, // somebody waits for it

  input  logic [READS-1:0]      r_valid_i,
  output logic [READS-1:0]      r_ready_o,
  input  logic [READS*32-1:0]   r_addr_i,
  input  logic [READS*24-1:0]   r_beats_i,
  output logic [READS-1:0]      b_valid_o,
  input  logic [READS-1:0]      b_ready_i,
  output logic [READS*128-1:0]  b_data_o,

  input  logic [WRITES-1:0]     w_valid_i,
  output logic [WRITES-1:0]     w_ready_o,
  input  logic [WRITES*28-1:0]  w_addr_i,     // of the beat
  input  logic [WRITES*128-1:0] w_data_i,
  input  logic [WRITES*16-1:0]  w_strb_i
);

  localparam int ADDR_W = $clog2(KIB * 64);
  localparam int BANK_W = ADDR_W - 2;

  // Extents have been checked against the size.
  logic unused;
  assign unused = ^{r_addr_i, w_addr_i};

  // ---- readers ----
  logic [READS-1:0]        want, read;
  logic [READS*ADDR_W-1:0] raddr;
  logic [4*128-1:0]        outs;

  for (genvar i = 0; i < READS; i++) begin : gen_reader
    logic [1:0] bank_q;
    always_ff @(posedge clk_i) bank_q <= raddr[i*ADDR_W +: 2];
    bnn_actmem_reader #(
      .ADDR_W(ADDR_W)
    ) u_reader (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .flush_i     (flush_i),
      .req_valid_i (r_valid_i[i]),
      .req_ready_o (r_ready_o[i]),
      .req_addr_i  (r_addr_i[i*32 + 4 +: ADDR_W]),
      .req_beats_i (r_beats_i[i*24 +: 24]),
      .want_o      (want[i]),
      .addr_o      (raddr[i*ADDR_W +: ADDR_W]),
      .read_i      (read[i]),
      .data_i      (outs[{bank_q, 7'd0} +: 128]),
      .beat_valid_o(b_valid_o[i]),
      .beat_ready_i(b_ready_i[i]),
      .beat_data_o (b_data_o[i*128 +: 128])
    );
  end

  // ---- zeroing: the dirty range of bank words [lo, hi]; all of it after power-up ----
  logic              scrub_q, dirty_q;
  logic [BANK_W-1:0] lo_q, hi_q, lo, hi;
  logic              any_write;

  assign scrub_busy_o = scrub_q;
  assign scrub_wait_o = scrub_q && (|{want, w_valid_i});
  always_comb begin
    lo        = dirty_q ? lo_q : '1;
    hi        = dirty_q ? hi_q : '0;
    any_write = 1'b0;
    for (int i = 0; i < WRITES; i++) begin
      if (w_valid_i[i]) begin
        any_write = 1'b1;
        if (w_addr_i[i*28 + 2 +: BANK_W] < lo) lo = w_addr_i[i*28 + 2 +: BANK_W];
        if (w_addr_i[i*28 + 2 +: BANK_W] > hi) hi = w_addr_i[i*28 + 2 +: BANK_W];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      scrub_q <= 1'b0;
      dirty_q <= 1'b1;
      lo_q    <= '0;
      hi_q    <= '1;
    end else if (scrub_q) begin
      lo_q <= lo_q + BANK_W'(1);
      if (lo_q == hi_q) begin
        scrub_q <= 1'b0;
        dirty_q <= 1'b0;
      end
    end else begin
      if (scrub_i) scrub_q <= dirty_q;
      if (any_write) begin
        dirty_q <= 1'b1;
        lo_q    <= lo;
        hi_q    <= hi;
      end
    end
  end

  // ---- banks ----
  logic [4*READS-1:0]  r_take;               // by bank
  logic [4*WRITES-1:0] w_take;

  for (genvar k = 0; k < 4; k++) begin : gen_bank
    (* no_rw_check *) logic [127:0] mem [0:(1<<BANK_W)-1];
    logic [BANK_W-1:0] r_at, w_at, port_addr;
    logic [127:0]      out_q, w_data, port_data;
    logic [15:0]       w_strb, port_we;
    logic              r_found, w_found;

    always_comb begin
      w_found = 1'b0;
      w_at    = '0;
      w_data  = '0;
      w_strb  = '0;
      for (int i = WRITES - 1; i >= 0; i--) begin
        w_take[k*WRITES + i] = 1'b0;
        if (w_valid_i[i] && !w_found && w_addr_i[i*28 +: 2] == 2'(k)) begin
          w_found              = 1'b1;
          w_take[k*WRITES + i] = !scrub_q;
          w_at                 = w_addr_i[i*28 + 2 +: BANK_W];
          w_data               = w_data_i[i*128 +: 128];
          w_strb               = w_strb_i[i*16 +: 16];
        end
      end
    end
    assign port_addr = scrub_q ? lo_q : w_at;
    assign port_data = scrub_q ? 128'd0 : w_data;
    assign port_we   = scrub_q ? 16'hffff : w_strb;

    // A beat that is written now is read a cycle later.
    always_comb begin
      r_found = 1'b0;
      r_at    = '0;
      for (int late = 0; late < 2; late++) begin
        for (int i = 0; i < READS; i++) begin
          if ((late == 0) == (i == 1 || i == 2)) begin
            r_take[k*READS + i] = 1'b0;
            if (want[i] && !scrub_q && !r_found && raddr[i*ADDR_W +: 2] == 2'(k)) begin
              r_found             = 1'b1;
              r_take[k*READS + i] = !(w_found && w_at == raddr[i*ADDR_W + 2 +: BANK_W]);
              r_at                = raddr[i*ADDR_W + 2 +: BANK_W];
            end
          end
        end
      end
    end

    assign outs[k*128 +: 128] = out_q;
    always_ff @(posedge clk_i) begin
      if (r_found) out_q <= mem[r_at];
    end
    for (genvar b = 0; b < 16; b++) begin : gen_byte
      always_ff @(posedge clk_i) begin
        if (port_we[b]) mem[port_addr][b*8 +: 8] <= port_data[b*8 +: 8];
      end
    end
  end

  assign read      = r_take[0 +: READS] | r_take[READS +: READS] | r_take[2*READS +: READS] | r_take[3*READS +: READS];
  assign w_ready_o = w_take[0 +: WRITES] | w_take[WRITES +: WRITES] | w_take[2*WRITES +: WRITES] | w_take[3*WRITES +: WRITES];

endmodule
