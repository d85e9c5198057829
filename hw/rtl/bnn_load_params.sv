// SPDX-License-Identifier: MIT
// Turns the beats of a chunk's parameter records into writes of the parameter
// RAM and, for FRAC, of T to the gate RAM of the half that computes the channel
// (the lower one, where both work on one). NARROW fills TB and INV only.
//
// Records come copy by copy; a copy's channels fill groups of LANES, so entry and
// lane just count.

module bnn_load_params #(
  parameter int LANES       = 16,
  parameter int PARAM_WORDS = 128,
  parameter int PAR_W       = $clog2(PARAM_WORDS),
  parameter int LANE_W      = $clog2(LANES)
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              clear_i,
  input  logic              start_i,       // of a chunk
  output logic              done_o,        // with its last record

  input  logic              narrow_i,
  input  logic              frac_i,
  input  logic              split_i,
  input  logic [13:0]       rows_i,        // records of a copy
  input  logic [7:0]        copies_i,
  input  logic [PAR_W-1:0]  pbase_i,
  input  logic [PAR_W-1:0]  tbase_i,

  input  logic              enable_i,      // beats are parameters
  input  logic              rb_valid_i,
  output logic              rb_ready_o,
  input  logic [127:0]      rb_data_i,

  output logic              lp_we_o,
  output logic [LANE_W-1:0] lp_lane_o,
  output logic [PAR_W-1:0]  lp_addr_o,
  output logic [372:0]      lp_data_o,
  output logic              lt_we_o,
  output logic [LANE_W-1:0] lt_lane_o,
  output logic              lt_half_o,
  output logic [PAR_W-1:0]  lt_addr_o,
  output logic [17:0]       lt_data_o
);

  logic [13:0]       left_q;               // records of the copy
  logic [7:0]        copies_q;
  logic [1:0]        beat_q;               // of the record, or record of the beat
  logic              take, full, copy_end, we_q;
  logic [PAR_W-1:0]  group_q, tile;
  logic [LANE_W-1:0] lane_q;

  assign take       = enable_i && rb_valid_i;
  assign full       = narrow_i || beat_q == 2'd3;
  assign copy_end   = left_q == 14'd1;
  assign rb_ready_o = enable_i && (!narrow_i || beat_q[0] || copy_end);
  assign done_o     = take && full && copy_end && copies_q == 8'd1;

  // ---- the record ----
  logic [511:0] rec_q;
  logic [63:0]  half;
  logic [31:0]  tb_q, t_word;
  logic [17:0]  t_q;
  logic         inv_q, unused;
  assign half   = beat_q[0] ? rb_data_i[127:64] : rb_data_i[63:0];
  assign t_word = rb_data_i[31:0];
  assign unused = ^{rec_q[511:448], rec_q[384], rec_q[24*8 +: 96], rec_q[49*8 +: 8], rec_q[48*8+5 +: 3], half[63:33]};
  always_ff @(posedge clk_i) begin
    if (take) begin
      for (int k = 0; k < 4; k++) if (32'(beat_q) == k) rec_q[k*128 +: 128] <= rb_data_i;
      if (narrow_i) {inv_q, tb_q} <= half[32:0];
      else if (beat_q == 2'd1) tb_q <= rb_data_i[127:96];
      else if (beat_q == 2'd3) inv_q <= rb_data_i[0];
      if (beat_q == 2'd2) t_q <= ($signed(t_word) > 32'sd65535) ? 18'h0ffff
                               : ($signed(t_word) < -32'sd65536) ? 18'h30000 : t_word[17:0];
    end
  end
  assign lp_data_o = {rec_q[50*8 +: 48], inv_q, tb_q,
                      rec_q[48*8+3 +: 2], rec_q[46*8 +: 16], rec_q[40*8 +: 32], rec_q[16*8 +: 64], rec_q[12*8 +: 32],
                      rec_q[48*8+1 +: 2], rec_q[44*8 +: 16], rec_q[36*8 +: 32], rec_q[4*8 +: 64], rec_q[0 +: 32]};

  // ---- where it goes ----
  assign tile      = split_i ? group_q >> 1 : group_q;
  assign lp_we_o   = we_q;
  assign lp_lane_o = lane_q;
  assign lp_addr_o = pbase_i + group_q;
  assign lt_we_o   = we_q && frac_i;
  assign lt_lane_o = lane_q;
  assign lt_half_o = split_i && group_q[0];
  assign lt_addr_o = tbase_i + tile;
  assign lt_data_o = t_q;

  always_ff @(posedge clk_i) begin
    we_q <= take && full && rst_ni && !clear_i;
    if (start_i) begin
      left_q   <= rows_i;
      copies_q <= copies_i;
      beat_q   <= '0;
      lane_q   <= '0;
      group_q  <= '0;
    end else begin
      if (take) begin
        beat_q <= beat_q + 2'd1;
        if (full) left_q <= left_q - 14'd1;
        if (full && copy_end) begin
          left_q   <= rows_i;
          copies_q <= copies_q - 8'd1;
          beat_q   <= '0;
        end
      end
      if (we_q) begin
        lane_q <= lane_q + LANE_W'(1);
        if (32'(lane_q) == LANES - 1) group_q <= group_q + PAR_W'(1);
      end
    end
  end

endmodule
