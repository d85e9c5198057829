// SPDX-License-Identifier: MIT
// Takes runs of bits out of beats and gives them away as one stream, up to 16
// bits at a time and 16 bits per cycle. A run begins at any bit of its first
// byte and ends at any bit; what its last beat has behind it is dropped.
//
// Beats are taken only for runs that have begun, and none after the last run of
// a chunk until the next start: what comes then is not for this module.

module bnn_load_bits (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  input  logic         start_i,
  input  logic         enable_i,

  input  logic         run_valid_i,
  output logic         run_ready_o,
  input  logic [2:0]   run_skip_i,
  input  logic [31:0]  run_bits_i,
  input  logic         run_last_i,

  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  input  logic [4:0]   want_i,       // bits, 1 to 16
  output logic         out_valid_o,
  input  logic         out_take_i,   // only with valid
  output logic [15:0]  out_data_o    // bits beyond want_i are of no meaning
);

  // ---- pieces of the run ----
  logic        run_q, stop_q;
  logic [31:0] left_q;
  logic [2:0]  skip_q, pos_q;
  logic        piece_valid_q, piece_free, piece_go, take, run_end;
  logic [15:0] piece_q, mask;
  logic [4:0]  size_q, whole, size;

  assign run_ready_o = enable_i && !run_q && !stop_q;
  assign whole       = 5'd16 - {2'd0, skip_q};
  assign run_end     = left_q <= 32'(whole);
  assign size        = run_end ? left_q[4:0] : whole;
  assign mask        = 16'hffff >> (5'd16 - size);
  assign piece_free  = !piece_valid_q || piece_go;
  assign take        = run_q && rb_valid_i && piece_free;
  assign rb_ready_o  = run_q && piece_free && (pos_q == 3'd7 || run_end);

  // ---- bits held ----
  logic [31:0] hold_q, held, more;
  logic [5:0]  count_q, count;

  assign out_valid_o = count_q >= {1'b0, want_i};
  assign out_data_o  = hold_q[15:0];
  assign count       = out_take_i ? count_q - {1'b0, want_i} : count_q;
  assign held        = out_take_i ? hold_q >> want_i : hold_q;
  assign piece_go    = piece_valid_q && count <= 6'd16;
  assign more        = piece_go ? {16'd0, piece_q} << count[4:0] : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      run_q         <= 1'b0;
      stop_q        <= 1'b0;
      piece_valid_q <= 1'b0;
      count_q       <= '0;
      hold_q        <= '0;
    end else begin
      if (run_valid_i && run_ready_o) begin
        run_q  <= 1'b1;
        stop_q <= run_last_i;
      end
      if (take && run_end) run_q <= 1'b0;
      piece_valid_q <= take || !piece_free;
      count_q       <= count + (piece_go ? {1'b0, size_q} : 6'd0);
      hold_q        <= held | more;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!run_q) begin
      left_q <= run_bits_i;
      skip_q <= run_skip_i;
      pos_q  <= '0;
    end else if (take) begin
      left_q  <= left_q - 32'(size);
      skip_q  <= '0;
      pos_q   <= pos_q + 3'd1;
    end
    if (take) begin
      piece_q <= (rb_data_i[{pos_q, 4'd0} +: 16] >> skip_q) & mask;
      size_q  <= size;
    end
  end

endmodule
