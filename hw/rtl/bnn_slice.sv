// SPDX-License-Identifier: MIT
// Takes one bit of every element out of the beats of a tap, so that a plane of an
// element-packed tensor looks like a plane in memory.

module bnn_slice (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic [2:0]   bits_i,          // log2 of the bits of an element: 0 (pass through), 2, 3 or 4
  input  logic [10:0]  beats_i,         // of a tap
  input  logic [3:0]   plane_i,         // of the tap at hand

  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [127:0] in_data_i,
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [127:0] out_data_o
);

  logic         full_q, through, take, tap_end;
  logic [3:0]   part_q;
  logic [10:0]  beat_q;
  logic [127:0] data_q, shifted;
  logic [31:0]  bits;

  // Byte k of the result comes with the beat that has it; what a short last beat leaves
  // behind its channels does not matter.
  logic [15:0]  hit;
  logic [127:0] spread;
  for (genvar k = 0; k < 16; k++) begin : gen_byte
    always_comb begin
      case (bits_i)
        3'd2:    begin hit[k] = part_q[1:0] == 2'(k/4); spread[k*8 +: 8] = bits[k%4*8 +: 8]; end
        3'd3:    begin hit[k] = part_q[2:0] == 3'(k/2); spread[k*8 +: 8] = bits[k%2*8 +: 8]; end
        default: begin hit[k] = part_q == 4'(k);        spread[k*8 +: 8] = bits[7:0]; end
      endcase
    end
    always_ff @(posedge clk_i) if (take && hit[k]) data_q[k*8 +: 8] <= spread[k*8 +: 8];
  end


  assign through     = bits_i == 3'd0;
  assign out_valid_o = through ? in_valid_i : full_q;
  assign out_data_o  = through ? in_data_i : data_q;
  assign in_ready_o  = through ? out_ready_i : !full_q;
  assign take        = in_valid_i && !full_q && !through;
  assign tap_end     = beat_q == beats_i - 11'd1;
  assign shifted     = in_data_i >> plane_i;

  always_comb begin
    bits = '0;
    for (int i = 0; i < 32; i++) begin
      case (bits_i)
        3'd2:    bits[i] = shifted[i*4];
        3'd3:    if (i < 16) bits[i] = shifted[i*8];
        default: if (i < 8) bits[i] = shifted[i*16];
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      full_q <= 1'b0;
      part_q <= '0;
      beat_q <= '0;
    end else begin
      if (take) begin
        part_q <= part_q + 4'd1;
        beat_q <= tap_end ? '0 : beat_q + 11'd1;
        full_q <= tap_end || (bits_i == 3'd2 ? part_q[1:0] == 2'd3 : bits_i == 3'd3 ? part_q[2:0] == 3'd7 : part_q == 4'd15);
      end
      if (full_q && out_ready_i) begin
        full_q <= 1'b0;
        part_q <= '0;
      end
    end
  end

endmodule
