// SPDX-License-Identifier: MIT
// MACs of a retired CONV (docs/arithmetic.md, section 10), one bit of a factor per
// cycle: nobody waits for a counter, but for the next command and the end of the
// job, and the commands before those take longer.
//
//   stored rows * channels of a group * (present taps << planes) + channels of a group * open taps
//
// The planes are shifts of the present taps before they are added.
//
// There is no clear: the command has retired, whatever becomes of the job.

module bnn_retire (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        start_i,        // not while busy
  input  logic        frac_i,
  input  logic [13:0] rows_i,
  input  logic [13:0] cg_i,
  input  logic [2:0]  shift_i,
  input  logic [31:0] present_i,
  input  logic [47:0] open_i,
  output logic        busy_o,
  output logic        add_o,          // pulse
  output logic [63:0] macs_o
);

  localparam logic [1:0] IDLE = 2'd0, ROWS = 2'd1, TAPS = 2'd2, OPEN = 2'd3;

  logic [1:0]  state_q;
  logic        frac_q;
  logic [13:0] cg_q;
  logic [31:0] taps_q;
  logic [2:0]  shift_q;
  logic [47:0] open_q;
  logic [63:0] wide_q, sum_q, next;   // multiplicand, sum
  logic [27:0] bits_q;                // multiplier
  logic        shift, last;

  assign shift  = state_q == TAPS && shift_q != 3'd0;
  assign next   = sum_q + ((bits_q[0] && !shift) ? wide_q : 64'd0);
  assign last   = bits_q[27:1] == 27'd0 && !shift;
  assign busy_o = state_q != IDLE;
  assign macs_o = next;
  assign add_o  = last && (state_q == OPEN || (state_q == TAPS && !frac_q));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE:    if (start_i) state_q <= ROWS;
        ROWS:    if (last) state_q <= TAPS;
        TAPS:    if (last) state_q <= frac_q ? OPEN : IDLE;
        default: if (last) state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    sum_q  <= next;
    wide_q <= {wide_q[62:0], 1'b0};
    if (shift) shift_q <= shift_q - 3'd1;
    else bits_q <= {1'b0, bits_q[27:1]};
    if (state_q == IDLE) begin
      frac_q  <= frac_i;
      cg_q    <= cg_i;
      taps_q  <= present_i;
      shift_q <= shift_i;
      open_q  <= open_i;
      sum_q   <= '0;
      wide_q  <= {50'd0, rows_i};
      bits_q  <= {14'd0, cg_i};
    end else if (last) begin
      sum_q  <= (state_q == ROWS) ? 64'd0 : next;
      wide_q <= (state_q == ROWS) ? {32'd0, taps_q} : {16'd0, open_q};
      bits_q <= (state_q == ROWS) ? next[27:0] : {14'd0, cg_q};
    end
  end

endmodule
