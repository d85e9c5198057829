// SPDX-License-Identifier: MIT
// Writes the weights of a chunk to the lanes. What comes is either 128 bits as
// they lie in the word (whole) or a unit of 16 weights of n bits, which are taken
// apart into planes. A position counts pieces of a word; it advances by what a
// step of the command's kind is, so nothing here divides or multiplies.
//
// Pieces behind the last one of a row are not written or hold what memory has
// behind the row: the mask of a window never selects them.

module bnn_load_write #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 512,
  parameter int ADDR_W       = $clog2(WEIGHT_WORDS),
  parameter int LANE_W       = $clog2(LANES)
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    clear_i,
  input  logic                    start_i,       // of a chunk; the statics are there

  input  logic                    whole_i,
  input  logic                    slice_i,
  input  logic                    split_i,
  input  logic [1:0]              wl_i,
  input  logic                    ternary_i,
  input  logic                    book_i,
  input  logic [10:0]             cg_units_i,
  input  logic [ADDR_W:0]         row_words_i,
  input  logic [ADDR_W-1:0]       wbase_i,

  input  logic                    u_valid_i,
  output logic                    u_ready_o,
  input  logic [127:0]            u_data_i,
  input  logic                    u_last_i,      // of the row
  input  logic                    u_jump_i,      // CODEBOOK: the next unit is at the first tap again

  output logic                    lw_we_o,
  output logic [LANE_W-1:0]       lw_lane_o,
  output logic [ADDR_W-1:0]       lw_addr_o,
  output logic [LANE_BITS/16-1:0] lw_en_o,
  output logic [LANE_BITS-1:0]    lw_data_o
);

  localparam int H       = LANE_BITS / 2;
  localparam int WH      = LANE_BITS / 16;
  localparam int WH_LOG2 = $clog2(WH);
  localparam int HH      = WH / 2;                              // pieces of a half
  localparam int FULL    = (LANE_BITS < 128) ? LANE_BITS : 128; // bits written at once
  localparam int HALF    = (H < 128) ? H : 128;
  localparam int POS_W   = ADDR_W + 1 + WH_LOG2;

  // ---- where ----
  logic [POS_W-1:0]   pos_q, base_q, step, jump;
  logic [WH_LOG2-1:0] piece;
  logic [ADDR_W:0]    word;
  logic [ADDR_W-1:0]  tile_q;
  logic [LANE_W-1:0]  lane_q;
  logic               half_q;
  logic [2:0]         part_q, part_end;          // a unit may fill several words
  logic               parts_done;

  assign piece = pos_q[WH_LOG2-1:0];
  assign word  = pos_q[POS_W-1:WH_LOG2];
  assign jump  = split_i ? POS_W'(2) : POS_W'(1);
  always_comb begin
    part_end = '0;
    step     = POS_W'(WH);
    if (whole_i) begin
      if (split_i) begin
        part_end = 3'(128 / HALF - 1);
        if (H > 128) step = POS_W'(16);
      end else begin
        part_end = 3'(128 / FULL - 1);
        if (LANE_BITS > 128 && !slice_i) step = POS_W'(8);
      end
    end else if (book_i) begin
      step = split_i ? POS_W'({cg_units_i, 1'b0}) : POS_W'(cg_units_i);
    end else if (split_i) begin
      step = POS_W'(2);
    end else begin
      for (int n = 0; n < 4; n++) begin
        if (32'(wl_i) == n) begin
          if ((LANE_BITS >> n) < 16) part_end = 3'((16 << n) / LANE_BITS - 1);
          else step = POS_W'(1 << n);
        end
      end
    end
  end
  // A row may end within a beat.
  assign parts_done = part_q == part_end || (whole_i && part_end != 3'd0 && word == row_words_i - (ADDR_W+1)'(1));
  assign u_ready_o  = parts_done;

  // ---- what: pieces that are written, and their bits, for each kind ----
  logic [WH-1:0]        en, en_whole, en_half, en_unit;
  logic [5*WH-1:0]      en_n;
  logic [4*LANE_BITS-1:0] unit_n;
  logic [LANE_BITS-1:0] data_whole, data_half, data;

  for (genvar g = 0; g < WH; g++) begin : gen_piece
    // Whole: the beat, or a part of it.
    if (FULL == 128) begin : gen_full
      assign en_whole[g]           = slice_i || 32'(piece) / 8 == g / 8;
      assign data_whole[g*16 +: 16] = u_data_i[(g % 8)*16 +: 16];
    end else begin : gen_full_part
      assign en_whole[g]           = 1'b1;
      assign data_whole[g*16 +: 16] = u_data_i[32'(part_q)*LANE_BITS % 128 + g*16 +: 16];
    end
    if (HALF == 128) begin : gen_half
      assign en_half[g]           = half_q == (g >= HH) && 32'(piece) / 16 == (g % HH) / 8;
      assign data_half[g*16 +: 16] = u_data_i[(g % 8)*16 +: 16];
    end else begin : gen_half_part
      assign en_half[g]           = half_q == (g >= HH);
      assign data_half[g*16 +: 16] = u_data_i[32'(part_q)*H % 128 + (g % HH)*16 +: 16];
    end
    assign en_n[4*WH + g] = half_q == (g >= HH) && 32'(piece) / 2 == g % HH;
  end

  logic unused;
  assign unused = slice_i;

  // Units: planes of 16 bits, or of less where a plane has less of a word.
  for (genvar n = 0; n < 4; n++) begin : gen_unit
    localparam int BITS  = 1 << n;
    localparam int PLANE = LANE_BITS >> n;
    logic [16*BITS-1:0] planes;
    for (genvar j = 0; j < BITS; j++) begin : gen_plane
      for (genvar c = 0; c < 16; c++) begin : gen_bit
        if (n == 1 && j == 1) begin : gen_neg
          // T as two's complement: not zero, and negative.
          assign planes[j*16 + c] = u_data_i[c*BITS + j] && (!ternary_i || u_data_i[c*BITS]);
        end else begin : gen_as_is
          assign planes[j*16 + c] = u_data_i[c*BITS + j];
        end
      end
      if (PLANE >= 16) begin : gen_pieces
        for (genvar p = 0; p < PLANE/16; p++) begin : gen_at
          assign en_n[n*WH + j*(PLANE/16) + p]                 = 32'(piece) / BITS == p;
          assign unit_n[n*LANE_BITS + j*PLANE + p*16 +: 16] = planes[j*16 +: 16];
        end
      end else begin : gen_parts
        assign unit_n[n*LANE_BITS + j*PLANE +: PLANE] = planes[j*16 + 32'(part_q)*PLANE % 16 +: PLANE];
      end
    end
    if (PLANE < 16) begin : gen_all
      assign en_n[n*WH +: WH] = '1;
    end
  end

  assign en_unit = split_i ? en_n[4*WH +: WH] : en_n[32'(wl_i)*WH +: WH];
  assign en      = !whole_i ? en_unit : split_i ? en_half : en_whole;
  assign data    = !whole_i ? unit_n[32'(wl_i)*LANE_BITS +: LANE_BITS] : split_i ? data_half : data_whole;

  always_ff @(posedge clk_i) begin
    lw_lane_o <= lane_q;
    lw_addr_o <= tile_q + word[ADDR_W-1:0];
    lw_en_o   <= en;
    lw_data_o <= data;
    lw_we_o   <= u_valid_i && rst_ni && !clear_i;
    if (start_i) begin
      pos_q  <= '0;
      base_q <= '0;
      part_q <= '0;
      lane_q <= '0;
      half_q <= 1'b0;
      tile_q <= wbase_i;
    end else if (u_valid_i) begin
      part_q <= part_q + 3'd1;
      pos_q  <= pos_q + step;
      if (parts_done) begin
        part_q <= '0;
        if (u_last_i) begin
          pos_q  <= '0;
          base_q <= '0;
          lane_q <= lane_q + LANE_W'(1);
          if (32'(lane_q) == LANES - 1) begin
            half_q <= split_i && !half_q;
            if (!split_i || half_q) tile_q <= tile_q + row_words_i[ADDR_W-1:0];
          end
        end else if (u_jump_i) begin
          pos_q  <= base_q + jump;
          base_q <= base_q + jump;
        end
      end
    end
  end

endmodule
