// SPDX-License-Identifier: MIT
// Slices of weights of n bits, or of more than one word: taps come one by one, up to
// four channels each, and leave as words of 32 bits, plane by plane from the top, with the
// channels of all taps side by side.
//
// One channel per cycle into a register per plane, and on until it is full: a row
// takes as many cycles as its words have bits, and no bit needs to be put in its place.

module bnn_load_slice (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clear_i,
  input  logic        start_i,

  input  logic [1:0]  wl_i,          // log2 of the bits of a weight
  input  logic        ternary_i,
  input  logic [2:0]  cg_i,          // 1 to 4
  input  logic        two_i,         // words of a plane

  input  logic        in_valid_i,
  output logic        in_ready_o,
  input  logic [31:0] in_data_i,
  input  logic        in_last_i,     // of the row
  output logic        out_valid_o,
  input  logic        out_ready_i,
  output logic [31:0] out_data_o,
  output logic        out_last_o,
  output logic        idle_o
);

  localparam logic [1:0] TAKE = 2'd0, TAP = 2'd1, FILL = 2'd2, GIVE = 2'd3;
  logic [1:0]    state_q;
  logic          last_q, more_q, word_q, full;
  logic [2:0]    left_q;             // channels of the tap
  logic [2:0]    plane_q;
  logic [5:0]    count_q;            // bits of a plane
  logic [31:0]   tap_q;
  logic [8*64-1:0] planes_q;
  logic [7:0]    bits;

  assign in_ready_o  = state_q == TAKE;
  assign out_valid_o = state_q == GIVE;
  assign idle_o      = state_q == TAKE && !more_q;
  assign full        = two_i ? &count_q : &count_q[4:0];
  assign out_last_o  = plane_q == 3'd0 && (!two_i || word_q);
  // One word is in the upper half.
  assign out_data_o  = (two_i && !word_q) ? planes_q[32'(plane_q)*64 +: 32] : planes_q[32'(plane_q)*64 + 32 +: 32];
  always_comb begin
    bits = tap_q[7:0];
    if (ternary_i) bits[1] = tap_q[1] && tap_q[0];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      state_q <= TAKE;
      more_q  <= 1'b0;
    end else begin
      case (state_q)
        TAKE: if (in_valid_i) begin
          state_q <= TAP;
          more_q  <= !in_last_i;
        end
        // The last bit of a row may be the last that there is room for.
        TAP:  if (left_q == 3'd1) state_q <= !last_q ? TAKE : full ? GIVE : FILL;
        FILL: if (full) state_q <= GIVE;
        default: if (out_ready_i && out_last_o) state_q <= TAKE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    case (state_q)
      TAKE: begin
        tap_q  <= in_data_i;
        last_q <= in_last_i;
        left_q <= cg_i;
        word_q <= 1'b0;
        case (wl_i)
          2'd0:    plane_q <= 3'd0;
          2'd1:    plane_q <= 3'd1;
          2'd2:    plane_q <= 3'd3;
          default: plane_q <= 3'd7;
        endcase
        if (!more_q) count_q <= '0;
      end
      TAP: begin
        left_q <= left_q - 3'd1;
        case (wl_i)
          2'd0:    tap_q <= tap_q >> 1;
          2'd1:    tap_q <= tap_q >> 2;
          2'd2:    tap_q <= tap_q >> 4;
          default: tap_q <= tap_q >> 8;
        endcase
      end
      GIVE: if (out_ready_i) begin
        word_q <= two_i && !word_q;
        if (!two_i || word_q) plane_q <= plane_q - 3'd1;
      end
      default: ;
    endcase
    if (state_q == TAP || state_q == FILL) begin
      count_q <= count_q + 6'd1;
      for (int j = 0; j < 8; j++) planes_q[j*64 +: 64] <= {bits[j], planes_q[j*64+1 +: 63]};
    end
  end

endmodule
