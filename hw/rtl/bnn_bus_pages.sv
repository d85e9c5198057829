// SPDX-License-Identifier: MIT
// Translations that an engine keeps: of the last pages it used, so that a stream
// that goes round several planes asks once per page, not once per burst.

module bnn_bus_pages #(
  parameter int BUS_BITS = 52,
  parameter int PAGES    = 1
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 forget_i,    // all of them

  input  logic [31:12]         page_i,
  output logic                 hit_o,
  output logic [BUS_BITS-1:12] frame_o,

  input  logic                 put_i,       // the page asked for, in place of the oldest
  input  logic [BUS_BITS-1:12] frame_i
);

  localparam int FW = BUS_BITS - 12;
  localparam int NW = (PAGES > 1) ? $clog2(PAGES) : 1;

  logic [PAGES-1:0]    valid_q, match;
  logic [PAGES*20-1:0] page_q;
  logic [NW-1:0]       next_q, at;

  always_comb begin
    at = '0;
    for (int i = 0; i < PAGES; i++) begin
      match[i] = valid_q[i] && page_q[i*20 +: 20] == page_i;
      if (match[i]) at = at | NW'(i);
    end
  end
  assign hit_o = |match;

  // Many frames are RAM; few are not worth one.
  if (PAGES > 2) begin : gen_ram
    logic [FW-1:0] frame [0:PAGES-1];
    assign frame_o = frame[at];
    always_ff @(posedge clk_i) begin
      if (put_i) frame[next_q] <= frame_i;
    end
  end else begin : gen_registers
    logic [FW-1:0] first_q, second_q;
    assign frame_o = at[0] ? second_q : first_q;
    always_ff @(posedge clk_i) begin
      if (put_i && !next_q[0]) first_q <= frame_i;
      if (put_i && next_q[0]) second_q <= frame_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || forget_i) begin
      valid_q <= '0;
      next_q  <= '0;
    end else if (put_i) begin
      for (int i = 0; i < PAGES; i++) if (NW'(i) == next_q) valid_q[i] <= 1'b1;
      next_q          <= (32'(next_q) == PAGES - 1) ? '0 : next_q + NW'(1);
    end
    for (int i = 0; i < PAGES; i++) begin
      if (put_i && NW'(i) == next_q) page_q[i*20 +: 20] <= page_i;
    end
  end

endmodule
