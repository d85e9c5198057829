// SPDX-License-Identifier: MIT
// The row buffer: WH banks of 16 bits, each with its own address, so that WH pieces
// beginning anywhere (or, narrow, a block of 4 x 4 pixels) come out per cycle.
// Piece a lies in bank a mod WH; narrow, pixel x of slot s in bank 4*(s mod 4) + x mod 4.
// For MACs plane p of piece a lies in bank (a + 2p) mod 16, word a div 2: all eight come out at once.
//
// Reading takes four cycles: addresses, banks, and the two levels of the network that
// brings the pieces to their places in the word.

module bnn_rowmem #(
  parameter int WH    = 16,                // 2, 4, 8 or 16
  parameter int DEPTH = 2048               // of a bank
) (
  input  logic                     clk_i,

  // Pieces piece_i .. piece_i + count_i - 1 of a beat, at most WH, to banks from bank_i on.
  input  logic                     w_valid_i,
  input  logic [$clog2(WH)-1:0]    w_bank_i,
  input  logic [$clog2(DEPTH)-1:0] w_addr_i,    // in the first bank
  input  logic [2:0]               w_piece_i,
  input  logic [3:0]               w_count_i,
  input  logic [1:0]               w_be_i,
  input  logic [127:0]             w_data_i,

  input  logic [$clog2(DEPTH)-1:0] r_addr_i,    // in the first bank
  input  logic [$clog2(WH)-1:0]    r_bank_i,    // the first bank
  input  logic [$clog2(WH)-1:0]    r_rot_i,     // piece p of the word comes from bank p + rot
  input  logic                     r_narrow_i,
  input  logic [1:0]               r_x_i,       // narrow: column and slot of the first pixel, modulo 4
  input  logic [1:0]               r_slot_i,
  input  logic                     r_flip_i,    // the first slot lies in the second four
  input  logic                     r_two_i,     // of 8 slots
  input  logic [$clog2(WH):0]      r_split_i,   // pieces from the first address on; the others lie r_quad_i further
  input  logic [$clog2(DEPTH)-1:0] r_quad_i,    // narrow: from slot to slot + 4
  output logic [WH*16-1:0]         r_data_o
);

  localparam int BW = $clog2(WH);
  localparam int AW = $clog2(DEPTH);

  // ---- writing ----
  // Banks WH apart, or 8, get the same piece of a beat.
  localparam int NW = (WH < 8) ? WH : 8;
  logic [NW*16-1:0] part, wd_q;
  logic [2*WH-1:0]  we_q;
  logic [WH-1:0]    wn_q;                  // the address behind
  logic [AW-1:0]    wa0_q, wa1_q;
  logic [2:0]       turn;                  // bank j gets piece j + turn of the part
  if (WH >= 8) begin : gen_whole
    assign part = w_data_i;
    assign turn = w_piece_i - w_bank_i[2:0];
  end else begin : gen_part
    assign part = w_data_i[{w_piece_i[2:BW], {BW{1'b0}}, 4'd0} +: NW*16];
    assign turn = 3'd0 - 3'(w_bank_i);
    logic unused;
    assign unused = ^{w_piece_i[BW-1:0], turn[2:BW]};
  end
  logic [NW*16-1:0] w1;
  for (genvar j = 0; j < NW; j++) begin : gen_turn
    logic [15:0] w2;
    if (NW > 2) begin : gen_four
      always_comb begin
        w1[j*16 +: 16] = turn[1] ? (turn[0] ? part[(j+3)%NW*16 +: 16] : part[(j+2)%NW*16 +: 16])
                                 : (turn[0] ? part[(j+1)%NW*16 +: 16] : part[j*16 +: 16]);
      end
    end else begin : gen_pair
      assign w1[j*16 +: 16] = turn[0] ? part[(j+1)%NW*16 +: 16] : part[j*16 +: 16];
    end
    assign w2 = (NW == 8 && turn[2]) ? w1[(j+4)%NW*16 +: 16] : w1[j*16 +: 16];
    always_ff @(posedge clk_i) wd_q[j*16 +: 16] <= w2;
  end
  for (genvar b = 0; b < WH; b++) begin : gen_write
    logic [BW-1:0] place;
    logic [BW:0]   behind;                 // carries where the first bank is behind this one
    logic          unused;
    assign place  = BW'(b) - w_bank_i;
    assign behind = {1'b0, w_bank_i} + (BW+1)'(WH - 1 - b);
    assign unused = ^behind[BW-1:0];
    always_ff @(posedge clk_i) begin
      we_q[b*2 +: 2] <= (w_valid_i && 5'(place) < 5'(w_count_i)) ? w_be_i : 2'd0;
      wn_q[b]        <= behind[BW];
    end
  end
  always_ff @(posedge clk_i) begin
    wa0_q <= w_addr_i;
    wa1_q <= w_addr_i + AW'(1);
  end

  // ---- reading ----
  logic [AW-1:0] a0_q, a0n_q, a1_q, a1n_q;
  logic [BW-1:0] bank_q, rot2_q, rot3_q;
  logic [BW:0]   split_q;
  logic          narrow2_q, flip_q, two_q;
  logic [1:0]    x_q, slot2_q;
  always_ff @(posedge clk_i) begin
    a0_q      <= r_addr_i;
    a0n_q     <= r_addr_i + AW'(1);
    a1_q      <= r_addr_i + r_quad_i;
    a1n_q     <= r_addr_i + r_quad_i + AW'(1);
    bank_q    <= r_bank_i;
    split_q   <= r_split_i;
    narrow2_q <= r_narrow_i;
    flip_q    <= r_flip_i;
    two_q     <= r_two_i;
    x_q       <= r_x_i;
    slot2_q   <= r_slot_i;
    rot2_q    <= r_rot_i;
    rot3_q    <= rot2_q;
  end

  logic [WH*16-1:0] rd;
  for (genvar b = 0; b < WH; b++) begin : gen_bank
    (* no_rw_check *) logic [15:0] m [0:DEPTH-1];
    logic [15:0]   q;
    logic [AW-1:0] wa;
    logic          second, next;
    logic [BW-1:0] place;
    logic [BW:0]   behind;
    logic [2:0]    behind_x, behind_slot;
    assign place       = BW'(b) - bank_q;
    assign wa          = wn_q[b] ? wa1_q : wa0_q;
    assign behind      = {1'b0, bank_q} + (BW+1)'(WH - 1 - b);
    assign behind_x    = {1'b0, x_q} + 3'(3 - b%4);
    assign behind_slot = {1'b0, slot2_q} + 3'(3 - b/4);
    assign second = (narrow2_q && two_q && (flip_q ^ behind_slot[2])) || {1'b0, place} >= split_q;
    assign next   = narrow2_q ? behind_x[2] : behind[BW];
    logic unused;
    assign unused = ^{behind[BW-1:0], behind_x[1:0], behind_slot[1:0]};
    always_ff @(posedge clk_i) begin
      if (we_q[b*2])     m[wa][7:0]  <= wd_q[b%NW*16 +: 8];
      if (we_q[b*2 + 1]) m[wa][15:8] <= wd_q[b%NW*16+8 +: 8];
      q <= m[second ? (next ? a1n_q : a1_q) : (next ? a0n_q : a0_q)];
    end
    assign rd[b*16 +: 16] = q;
  end

  // First level: by 0 to 3 banks. Second: by multiples of four. Narrow, a column that the
  // first level took from the next row is taken from one row less by the second.
  logic [WH*16-1:0] l1_q;
  if (WH > 4) begin : gen_two
    localparam int GW = BW - 2;
    logic [4*GW-1:0] rows, rows_q;
    logic            narrow3_q;
    logic [1:0]      slot3_q;
    for (genvar c = 0; c < 4; c++) begin : gen_column
      assign rows[c*GW +: GW] = narrow3_q ? GW'(slot3_q) - GW'({1'b0, rot3_q[1:0]} + 3'(c) >= 3'd4) : rot3_q[BW-1:2];
    end
    always_ff @(posedge clk_i) begin
      narrow3_q <= narrow2_q;
      slot3_q   <= slot2_q;
      rows_q    <= rows;
    end
    logic unused;
    assign unused = slot3_q[1];
    for (genvar p = 0; p < WH; p++) begin : gen_piece
      always_ff @(posedge clk_i) begin
        l1_q[p*16 +: 16] <= rot3_q[1] ? (rot3_q[0] ? rd[(p+3)%WH*16 +: 16] : rd[(p+2)%WH*16 +: 16])
                                      : (rot3_q[0] ? rd[(p+1)%WH*16 +: 16] : rd[p*16 +: 16]);
      end
      logic [1:0] row;
      assign row = 2'(rows_q[(p%4)*GW +: GW]);
      always_ff @(posedge clk_i) begin
        r_data_o[p*16 +: 16] <= row[1] ? (row[0] ? l1_q[(p+12)%WH*16 +: 16] : l1_q[(p+8)%WH*16 +: 16])
                                       : (row[0] ? l1_q[(p+4)%WH*16 +: 16] : l1_q[p*16 +: 16]);
      end
    end
  end else begin : gen_one
    logic       unused;
    logic [1:0] turn3;
    assign unused = ^slot2_q;
    assign turn3  = 2'(rot3_q);
    for (genvar p = 0; p < WH; p++) begin : gen_piece
      always_ff @(posedge clk_i) begin
        l1_q[p*16 +: 16] <= turn3[1] ? (turn3[0] ? rd[(p+3)%WH*16 +: 16] : rd[(p+2)%WH*16 +: 16])
                                     : (turn3[0] ? rd[(p+1)%WH*16 +: 16] : rd[p*16 +: 16]);
      end
    end
    always_ff @(posedge clk_i) r_data_o <= l1_q;
  end

endmodule
