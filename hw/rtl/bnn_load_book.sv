// SPDX-License-Identifier: MIT
// CODEBOOK: looks up the indices of 16 channels, one per cycle, then gives their
// weights away tap by tap. The entries are turned by shifting them in bit by
// bit: each tap is a register of 16 channels.

module bnn_load_book (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic [5:0]   taps_i,
  input  logic [13:0]  cg_i,
  input  logic [3:0]   tau_i,

  // The table, once per command.
  input  logic         table_i,      // beats are those of the table
  output logic         table_done_o, // with the last of them
  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  // Indices, once per row: rows follow each other.
  input  logic         start_i,
  input  logic         enable_i,
  input  logic         bits_valid_i,
  output logic         bits_take_o,
  input  logic [15:0]  bits_data_i,

  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [15:0]  out_data_o,
  output logic         out_jump_o,   // last tap of these channels
  output logic         out_last_o    // of the row
);

  (* no_rw_check *) logic [48:0] book [0:511];

  // ---- the table: two entries per beat ----
  logic [8:0]  fill_q;
  logic [48:0] entry;
  logic        unused;
  assign entry        = fill_q[0] ? rb_data_i[112:64] : rb_data_i[48:0];
  assign rb_ready_o   = table_i && fill_q[0];
  assign table_done_o = table_i && rb_valid_i && fill_q == 9'((10'd1 << tau_i) - 10'd1);
  assign unused       = ^{rb_data_i[127:113], rb_data_i[63:49]};
  always_ff @(posedge clk_i) begin
    if (table_i && rb_valid_i) book[fill_q] <= entry;
    if (!table_i) fill_q <= '0;
    else if (rb_valid_i) fill_q <= fill_q + 9'd1;
  end

  // ---- look-up ----
  logic        emit_q, look_q;
  logic [4:0]  chan_q;                 // of these 16
  logic [13:0] left_q;                 // channels of the row that are not looked up
  logic [8:0]  index;
  logic [48:0] word_q;
  logic [5:0]  tap_q;
  logic        exists, step;
  logic [49*16-1:0] turned_q;

  // Channels that do not exist shift in something, too.
  assign exists      = left_q != 14'd0;
  assign step        = enable_i && !emit_q && !chan_q[4] && (!exists || bits_valid_i);
  assign bits_take_o = step && exists;
  assign index       = 9'(bits_data_i & ((16'd1 << tau_i) - 16'd1));
  always_ff @(posedge clk_i) begin
    if (step) word_q <= book[index];
    if (look_q) begin
      for (int t = 0; t < 49; t++) turned_q[t*16 +: 16] <= {word_q[t], turned_q[t*16+1 +: 15]};
    end
  end

  assign out_valid_o = emit_q && !look_q;
  assign out_data_o  = turned_q[{tap_q, 4'd0} +: 16];
  assign out_jump_o  = tap_q == taps_i - 6'd1;
  assign out_last_o  = out_jump_o && !exists;

  always_ff @(posedge clk_i) begin
    look_q <= step;
    if (!rst_ni || clear_i || start_i) begin
      emit_q <= 1'b0;
      look_q <= 1'b0;
      chan_q <= '0;
      left_q <= cg_i;
    end else begin
      if (step) begin
        chan_q <= chan_q + 5'd1;
        if (exists) left_q <= left_q - 14'd1;
        if (chan_q == 5'd15) emit_q <= 1'b1;
      end
      if (out_valid_o && out_ready_i && out_jump_o) begin
        emit_q <= 1'b0;
        chan_q <= '0;
        if (out_last_o) left_q <= cg_i;
      end
    end
    if (!emit_q) tap_q <= '0;
    else if (out_valid_o && out_ready_i) tap_q <= tap_q + 6'd1;
  end

endmodule
