// SPDX-License-Identifier: MIT
// Lets units ask for bytes at any address: requests become whole beats for the
// sources behind, and what comes back is shifted so that the first byte asked
// for is byte 0. Requests may follow each other before their data is in.

module bnn_align #(
  parameter int BUS_BITS = 52
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,

  input  logic                rq_valid_i,
  output logic                rq_ready_o,
  input  logic                rq_onchip_i,
  input  logic [BUS_BITS-1:0] rq_addr_i,
  input  logic [27:0]         rq_bytes_i,   // at least 1
  output logic                rb_valid_o,
  input  logic                rb_ready_i,
  output logic [127:0]        rb_data_o,

  output logic                src_valid_o,
  input  logic                src_ready_i,
  output logic                src_onchip_o,
  output logic [BUS_BITS-1:0] src_addr_o,
  output logic [23:0]         src_beats_o,
  output logic                beat_onchip_o, // where the next beat comes from
  input  logic                beat_valid_i,
  output logic                beat_ready_o,
  input  logic [127:0]        beat_data_i
);

  localparam int W = 1 + 4 + 24 + 24;

  // What has been asked for, in order: {on chip, shift, beats in, beats out}.
  logic [W-1:0] meta [0:15];
  logic [W-1:0] head;
  logic [4:0]   wptr_q, rptr_q, fill;
  logic [28:0]  span, need;
  logic [23:0]  beats_in, beats_out;
  logic         put, pop;

  assign span     = {1'b0, rq_bytes_i} + {25'd0, rq_addr_i[3:0]} + 29'd15;
  assign need     = {1'b0, rq_bytes_i} + 29'd15;
  assign beats_in  = span[27:4];
  assign beats_out = need[27:4];

  assign fill        = wptr_q - rptr_q;
  assign src_valid_o = rq_valid_i && !fill[4];
  assign rq_ready_o  = src_ready_i && !fill[4];
  assign src_addr_o  = {rq_addr_i[BUS_BITS-1:4], 4'd0};
  assign src_beats_o = beats_in;
  assign put         = src_valid_o && src_ready_i;

  logic unused;
  assign unused = ^{span[28], span[3:0], need[28], need[3:0]};

  always_ff @(posedge clk_i) begin
    if (put) meta[wptr_q[3:0]] <= {rq_onchip_i, rq_addr_i[3:0], beats_in, beats_out};
  end

  // An output beat is made of the beat held and the one at hand. The last one
  // may need the beat held alone; an aligned one is the beat at hand.
  logic         first_q;                    // nothing of the request has been taken yet
  logic         prime_q;                    // a beat is held
  logic [23:0]  in_q, out_q, in_left, out_left;
  logic [127:0] held_q;
  logic [3:0]   shift;
  logic         give, take, tail, last;

  assign head     = meta[rptr_q[3:0]];
  assign shift    = head[W-2 -: 4];
  assign beat_onchip_o = head[W-1];
  assign src_onchip_o  = rq_onchip_i;
  assign in_left  = first_q ? head[47:24] : in_q;
  assign out_left = first_q ? head[23:0] : out_q;
  assign tail     = in_left == 24'd0;       // only the beat held is left
  assign last     = out_left == 24'd1;

  // Turned once, when a beat comes; the upper bytes of one and the lower ones of the
  // next, turned alike, then lie where they belong.
  logic [127:0] turn4, turned;
  for (genvar i = 0; i < 16; i++) begin : gen_turn
    assign turn4[i*8 +: 8]  = (shift[3:2] == 2'd0) ? beat_data_i[i*8 +: 8]
                            : (shift[3:2] == 2'd1) ? beat_data_i[((i + 4) % 16)*8 +: 8]
                            : (shift[3:2] == 2'd2) ? beat_data_i[((i + 8) % 16)*8 +: 8]
                                                   : beat_data_i[((i + 12) % 16)*8 +: 8];
    assign turned[i*8 +: 8] = (shift[1:0] == 2'd0) ? turn4[i*8 +: 8]
                            : (shift[1:0] == 2'd1) ? turn4[((i + 1) % 16)*8 +: 8]
                            : (shift[1:0] == 2'd2) ? turn4[((i + 2) % 16)*8 +: 8]
                                                   : turn4[((i + 3) % 16)*8 +: 8];
    assign rb_data_o[i*8 +: 8] = (prime_q && 5'(i) + {1'b0, shift} < 5'd16) ? held_q[i*8 +: 8]
                                                                           : turned[i*8 +: 8];
  end

  // Without shift, or when the request lies within one beat, nothing is held.
  logic direct;
  assign direct       = !prime_q && (shift == 4'd0 || in_left == 24'd1);
  assign rb_valid_o   = fill != 5'd0 && (prime_q ? (tail || beat_valid_i) : (direct && beat_valid_i));
  assign give         = rb_valid_o && rb_ready_i;
  assign beat_ready_o = fill != 5'd0 && ((prime_q || direct) ? (rb_ready_i && !tail) : 1'b1);
  assign take         = beat_valid_i && beat_ready_o;
  assign pop          = give && last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wptr_q  <= '0;
      rptr_q  <= '0;
      first_q <= 1'b1;
      prime_q <= 1'b0;
    end else begin
      if (put) wptr_q <= wptr_q + 5'd1;
      if (pop) rptr_q <= rptr_q + 5'd1;
      if (take || give) begin
        first_q <= pop;
        in_q    <= in_left - 24'(take);
        out_q   <= out_left - 24'(give);
        prime_q <= !pop && (prime_q || (take && !direct));
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) held_q <= turned;
  end

endmodule
