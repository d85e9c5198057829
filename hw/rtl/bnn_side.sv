// SPDX-License-Identifier: MIT
// The side units: ENC, POOL, TRANSPOSE, GATEFOLD, one command at a time, behind
// one read port and one write port. `second` is the table of ENC, `third` the
// records of GATEFOLD, whose gates are `in`.

module bnn_side (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,
  output logic         done_o,            // pulse: the last write has been handed over
  output logic         active_o,
  input  logic [7:0]   opcode_i,
  input  logic [1:0]   mode_i,
  input  logic         planar_i,
  input  logic         shared_i,
  input  logic [7:0]   levels_i,
  input  logic [19:0]  div_i,
  input  logic [12:0]  h_i,
  input  logic [12:0]  w_i,
  input  logic [13:0]  cin_i,             // GATEFOLD, TRANSPOSE: their channels
  input  logic [13:0]  group_i,
  input  logic [6:0]   kh_i,
  input  logic [6:0]   kw_i,
  input  logic [6:0]   sh_i,
  input  logic [6:0]   sw_i,
  input  logic [5:0]   pad_t_i,
  input  logic [5:0]   pad_l_i,
  input  logic [12:0]  oh_i,
  input  logic [12:0]  ow_i,
  input  logic [31:0]  in_addr_i,
  input  logic         in_onchip_i,
  input  logic [23:0]  in_row_i,
  input  logic [16:0]  in_pixel_i,
  input  logic [31:0]  second_addr_i,
  input  logic         second_onchip_i,
  input  logic [31:0]  third_addr_i,
  input  logic         third_onchip_i,
  input  logic [4:0]   format_i,          // of OUT
  input  logic [31:0]  out_addr_i,
  input  logic         out_onchip_i,
  input  logic [23:0]  out_row_i,
  input  logic [16:0]  out_pixel_i,
  input  logic [31:0]  out_plane_i,
  output logic [2:0]   sat_o,             // clamps that changed a value, this cycle
  output logic         row_done_o,

  output logic         rq_valid_o,
  input  logic         rq_ready_i,
  output logic         rq_onchip_o,       // of what is asked for or awaited; it changes when nothing is
  output logic [3:0]   rq_slot_o,         // reference of the command: 0 IN, GATE, 1 TABLE, 2 records
  output logic [31:0]  rq_addr_o,
  output logic [27:0]  rq_bytes_o,
  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  output logic         wr_valid_o,
  input  logic         wr_ready_i,
  output logic         wr_onchip_o,
  output logic [31:4]  wr_addr_o,
  output logic [127:0] wr_data_o,
  output logic [15:0]  wr_strb_o
);

  // ---- which ----
  logic is_enc, is_pool, is_transpose, is_gatefold;
  assign is_enc       = opcode_i == `BNN_CMD_ENC;
  assign is_pool      = opcode_i == `BNN_CMD_POOL;
  assign is_transpose = opcode_i == `BNN_CMD_TRANSPOSE;
  assign is_gatefold  = opcode_i == `BNN_CMD_GATEFOLD;

  // ---- formats ----
  logic [3:0] planes, bits;                 // bits: of an element, where 8 or less
  logic [1:0] size;                         // log2 of its bytes
  logic       is_signed;
  `include "bnn_hw_formats.vh"
  always_comb begin
    planes = 4'd1;
    bits   = 4'd1;
    size   = 2'd0;
    if (bnn_format_is_planes(format_i))             planes = 4'd1 << bnn_format_bits_log2(format_i);
    else if (bnn_format_bits_log2(format_i) > 3'd3) size   = 2'(bnn_format_bits_log2(format_i) - 3'd3);
    else                                            bits   = 4'd1 << bnn_format_bits_log2(format_i);
  end
  assign is_signed = format_i != `BNN_FORMAT_E_U8;

  // ---- units ----
  logic [25:0]  area_q;
  always_ff @(posedge clk_i) area_q <= 26'(h_i) * 26'(w_i);

  logic [1:0]   gate_sat;
  logic [2:0]   pool_sat;
  logic         enc_row, pool_row;
  logic         enc_done, pool_done, turn_done, gate_done;
  logic         enc_rq, pool_rq, turn_rq, gate_rq, enc_rb, pool_rb, turn_rb, gate_rb;
  logic         enc_table, gate_gates;      // what their requests are for
  logic [31:0]  enc_addr, pool_addr, turn_addr, gate_addr;
  logic [27:0]  enc_bytes, pool_bytes, turn_bytes, gate_bytes;
  logic         enc_put, pool_put, turn_put, gate_put, put_ready;
  logic [31:0]  enc_put_addr, pool_put_addr, turn_put_addr, gate_put_addr;
  logic [4:0]   enc_put_bytes, pool_put_bytes, turn_put_bytes, gate_put_bytes;
  logic [127:0] enc_put_data, pool_put_data, turn_put_data, gate_put_data;

  localparam logic [1:0] IDLE = 2'd0, START = 2'd1, RUN = 2'd2, FLUSH = 2'd3;
  logic [1:0] state_q;
  logic       start, rb_valid;
  assign start    = state_q == START;
  assign rb_valid = rb_valid_i && active_o;

  bnn_side_encode u_encode (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .clear_i       (clear_i),
    .start_i       (start && is_enc),
    .done_o        (enc_done),
    .planar_i      (planar_i),
    .shared_i      (shared_i),
    .mode_i        (mode_i),
    .levels_i      (levels_i),
    .planes_i      (planes),
    .bits_i        (bits),
    .h_i           (h_i),
    .w_i           (w_i),
    .area_i        (area_q),
    .colours_i     (cin_i),
    .in_addr_i     (in_addr_i),
    .table_addr_i  (second_addr_i),
    .out_addr_i    (out_addr_i),
    .out_row_i     (out_row_i),
    .out_pixel_i   (out_pixel_i),
    .out_plane_i   (out_plane_i),
    .rq_valid_o    (enc_rq),
    .rq_ready_i    (rq_ready_i),
    .rq_table_o    (enc_table),
    .rq_addr_o     (enc_addr),
    .rq_bytes_o    (enc_bytes),
    .rb_valid_i    (rb_valid),
    .rb_ready_o    (enc_rb),
    .rb_data_i     (rb_data_i),
    .put_valid_o   (enc_put),
    .put_ready_i   (put_ready),
    .put_addr_o    (enc_put_addr),
    .put_bytes_o   (enc_put_bytes),
    .put_data_o    (enc_put_data),
    .row_done_o    (enc_row)
  );

  bnn_side_pool u_pool (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .start_i    (start && is_pool),
    .done_o     (pool_done),
    .mode_i     (mode_i),
    .bits_i     (format_i == `BNN_FORMAT_B1),
    .size_i     (size),
    .signed_i   (is_signed),
    .div_i      (div_i),
    .h_i        (h_i),
    .w_i        (w_i),
    .cin_i      (cin_i),
    .group_i    (group_i),
    .kh_i       (kh_i),
    .kw_i       (kw_i),
    .sh_i       (sh_i),
    .sw_i       (sw_i),
    .pad_t_i    (pad_t_i),
    .pad_l_i    (pad_l_i),
    .oh_i       (oh_i),
    .ow_i       (ow_i),
    .in_addr_i  (in_addr_i),
    .in_row_i   (in_row_i),
    .in_pixel_i (in_pixel_i),
    .out_addr_i (out_addr_i),
    .out_row_i  (out_row_i),
    .out_pixel_i(out_pixel_i),
    .sat_o      (pool_sat),
    .row_done_o (pool_row),
    .rq_valid_o (pool_rq),
    .rq_ready_i (rq_ready_i),
    .rq_addr_o  (pool_addr),
    .rq_bytes_o (pool_bytes),
    .rb_valid_i (rb_valid && is_pool),
    .rb_ready_o (pool_rb),
    .rb_data_i  (rb_data_i),
    .put_valid_o(pool_put),
    .put_ready_i(put_ready),
    .put_addr_o (pool_put_addr),
    .put_bytes_o(pool_put_bytes),
    .put_data_o (pool_put_data)
  );

  bnn_side_transpose u_transpose (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .start_i    (start && is_transpose),
    .done_o     (turn_done),
    .size_i     (size),
    .w_i        (w_i),
    .pixels_i   (area_q[13:0]),
    .channels_i (cin_i),
    .in_addr_i  (in_addr_i),
    .in_row_i   (in_row_i),
    .in_pixel_i (in_pixel_i),
    .out_addr_i (out_addr_i),
    .out_pixel_i(out_pixel_i),
    .rq_valid_o (turn_rq),
    .rq_ready_i (rq_ready_i),
    .rq_addr_o  (turn_addr),
    .rq_bytes_o (turn_bytes),
    .rb_valid_i (rb_valid),
    .rb_ready_o (turn_rb),
    .rb_data_i  (rb_data_i),
    .put_valid_o(turn_put),
    .put_ready_i(put_ready),
    .put_addr_o (turn_put_addr),
    .put_bytes_o(turn_put_bytes),
    .put_data_o (turn_put_data)
  );

  bnn_side_gatefold u_gatefold (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .clear_i      (clear_i),
    .start_i      (start && is_gatefold),
    .done_o       (gate_done),
    .channels_i   (cin_i),
    .gate_addr_i  (in_addr_i),
    .in_addr_i    (third_addr_i),
    .out_addr_i   (out_addr_i),
    .sat_o        (gate_sat),
    .rq_valid_o   (gate_rq),
    .rq_ready_i   (rq_ready_i),
    .rq_gates_o   (gate_gates),
    .rq_addr_o    (gate_addr),
    .rq_bytes_o   (gate_bytes),
    .rb_valid_i   (rb_valid),
    .rb_ready_o   (gate_rb),
    .rb_data_i    (rb_data_i),
    .put_valid_o  (gate_put),
    .put_ready_i  (put_ready),
    .put_addr_o   (gate_put_addr),
    .put_bytes_o  (gate_put_bytes),
    .put_data_o   (gate_put_data)
  );

  // ---- the port of the one that runs ----
  assign rq_valid_o  = enc_rq || pool_rq || turn_rq || gate_rq;
  always_comb begin
    rq_slot_o   = 4'd0;
    rq_onchip_o = in_onchip_i;
    if (is_enc && enc_table) begin
      rq_slot_o   = 4'd1;
      rq_onchip_o = second_onchip_i;
    end else if (is_gatefold && !gate_gates) begin
      rq_slot_o   = 4'd2;
      rq_onchip_o = third_onchip_i;
    end
  end
  assign rq_addr_o   = is_enc ? enc_addr : is_pool ? pool_addr : is_transpose ? turn_addr : gate_addr;
  assign rq_bytes_o  = is_enc ? enc_bytes : is_pool ? pool_bytes : is_transpose ? turn_bytes : gate_bytes;
  assign rb_ready_o  = enc_rb || turn_rb || gate_rb || (pool_rb && is_pool && active_o);

  logic         put_valid, empty;
  logic [31:0]  put_addr;
  logic [4:0]   put_bytes;
  logic [127:0] put_data;
  assign put_valid = enc_put || pool_put || turn_put || gate_put;
  assign put_addr  = is_enc ? enc_put_addr : is_pool ? pool_put_addr : is_transpose ? turn_put_addr : gate_put_addr;
  assign put_bytes = is_enc ? enc_put_bytes : is_pool ? pool_put_bytes
                   : is_transpose ? turn_put_bytes : gate_put_bytes;
  assign put_data  = is_enc ? enc_put_data : is_pool ? pool_put_data : is_transpose ? turn_put_data : gate_put_data;

  bnn_wbeat u_wbeat (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .put_valid_i(put_valid),
    .put_ready_o(put_ready),
    .put_addr_i (put_addr),
    .put_bytes_i(put_bytes),
    .put_data_i (put_data),
    .flush_i    (state_q == FLUSH),
    .empty_o    (empty),
    .w_valid_o  (wr_valid_o),
    .w_ready_i  (wr_ready_i),
    .w_addr_o   (wr_addr_o),
    .w_data_o   (wr_data_o),
    .w_strb_o   (wr_strb_o)
  );

  assign wr_onchip_o = out_onchip_i;
  assign row_done_o  = enc_row || pool_row;
  assign sat_o       = {1'b0, gate_sat} + pool_sat;
  assign active_o    = state_q != IDLE;
  assign done_o      = state_q == FLUSH && empty;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE:    if (start_i) state_q <= START;
        START:   state_q <= RUN;
        RUN:     if (enc_done || pool_done || turn_done || gate_done) state_q <= FLUSH;
        default: if (empty) state_q <= IDLE;
      endcase
    end
  end

endmodule
