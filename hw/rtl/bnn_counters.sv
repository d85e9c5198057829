// SPDX-License-Identifier: MIT
// Counters of the running job, and the global ones: what all finished jobs
// added.
//
// They lie in RAMs behind one adder. What happens is added up in a few bits for
// each counter, and the adder takes that to the RAM, a counter after the other: it
// comes by more often than these bits overflow. What a command's retirement adds is
// taken first, and the next one waits for it. When counting ends, all is taken once
// more. Snapshot, clear and the merge at a job's end are further rounds of the adder.

module bnn_counters (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic [23:0] inc_i,           // by one
  input  logic [4:0]  reads_i,         // outstanding: their sum is the latency
  input  logic        count_i,         // a job runs
  input  logic        macs_add_i,
  input  logic [63:0] macs_i,
  input  logic        retire_i,        // the next four; not while retire_busy_o
  output logic        retire_busy_o,
  input  logic [39:0] weights_i,
  input  logic [39:0] act_i,
  input  logic [39:0] residual_i,
  input  logic [39:0] written_i,
  input  logic        add_i,           // the next three
  input  logic [15:0] saturated_i,
  input  logic [7:0]  gates_open_i,
  input  logic [7:0]  gates_shut_i,

  output logic        job_valid_o,     // a pair of the job's counters, in order; once it counts no more
  input  logic        job_take_i,
  output logic [127:0] job_pair_o,
  input  logic        merge_i,         // pulse, after them
  input  logic        snapshot_i,      // pulse
  input  logic        clear_i,         // pulse
  output logic        busy_o,
  input  logic [4:0]  snap_index_i,
  output logic [63:0] snap_o
);

  localparam logic [4:0] LAST  = 5'(`BNN_COUNTERS - 1);
  localparam logic [4:0] ROUND = 5'd19;               // counters that are swept
  localparam int         BITS  = 6;                   // the adder comes by within 2^BITS cycles

  // ---- whose turn ----
  logic [4:0] at_q, op_at_q;                          // of the sweep; of a round of the others
  logic [4:0] left_q;                                 // counters to be swept before all is in
  logic [4:0] pair_q;
  logic [3:0] event_q;
  logic [1:0] turn_q;
  logic       retire_q, macs_q, init_q, merge_q, snapshot_q, clear_q;
  logic       event_go, op, op_init, op_snapshot, op_clear, op_merge, op_zero, sweep, pair_go;
  logic       zero_q;                                 // a merge takes two cycles: the job's is zeroed
  logic       put_q;                                  // the second stage writes
  logic [4:0] index_q;

  assign event_go      = retire_q || macs_q;
  assign op_init       = init_q;
  assign op_snapshot   = !init_q && snapshot_q;
  assign op_clear      = !init_q && !snapshot_q && clear_q;
  assign op_merge      = !init_q && !snapshot_q && !clear_q;
  assign op_zero       = op_init || (op_merge && zero_q);
  // The sweep gets three of four cycles that are free: 16 after a retirement are 11 or more.
  assign op            = (init_q || merge_q || snapshot_q || clear_q) && !event_go && (turn_q == 2'd0 || left_q == 5'd0) &&
                         !(put_q && index_q == op_at_q);
  assign sweep         = !event_go && !op && left_q != 5'd0;
  assign pair_go       = !event_go && !op && left_q == 5'd0 && !put_q && (!job_valid_o || job_take_i);
  assign retire_busy_o = event_q != 4'd0 || retire_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      init_q      <= 1'b1;
      merge_q     <= 1'b0;
      snapshot_q  <= 1'b0;
      clear_q     <= 1'b0;
      retire_q    <= 1'b0;
      macs_q      <= 1'b0;
      event_q     <= '0;
      turn_q      <= '0;
      zero_q      <= 1'b0;
      at_q        <= '0;
      op_at_q     <= '0;
      left_q      <= '0;
      pair_q      <= '0;
      job_valid_o <= 1'b0;
    end else begin
      if (retire_i && count_i) retire_q <= 1'b1;
      else if (event_q == 4'd3) retire_q <= 1'b0;
      if (retire_busy_o) event_q <= event_q + 4'd1;
      if (macs_add_i && count_i) macs_q <= 1'b1;
      else if (!retire_q) macs_q <= 1'b0;

      if (sweep) begin
        at_q <= (at_q == 5'(`BNN_COUNTER_MACS - 1)) ? 5'(`BNN_COUNTER_MACS + 1)
              : (at_q == 5'(`BNN_COUNTER_BYTES_COMMANDS)) ? 5'(`BNN_COUNTER_BYTES_WRITTEN + 1)
              : (at_q == LAST) ? 5'd0 : at_q + 5'd1;
      end
      if (count_i) left_q <= ROUND;
      else if (sweep) left_q <= left_q - 5'd1;

      if (count_i) begin
        pair_q      <= '0;
        job_valid_o <= 1'b0;
      end else begin
        if (job_take_i) job_valid_o <= 1'b0;
        if (pair_go) begin
          pair_q      <= pair_q + 5'd1;
          job_valid_o <= pair_q[0];
        end
      end

      turn_q <= turn_q + 2'd1;
      if (op) begin
        zero_q <= op_merge && !zero_q;
        if (!op_merge || zero_q) op_at_q <= op_at_q + 5'd1;
        if (op_at_q == LAST && (!op_merge || zero_q)) begin
          op_at_q <= '0;
          if (init_q) init_q <= 1'b0;
          else if (snapshot_q) snapshot_q <= 1'b0;
          else if (clear_q) clear_q <= 1'b0;
          else merge_q <= 1'b0;
        end
      end
      if (merge_i) merge_q <= 1'b1;
      if (snapshot_i) snapshot_q <= 1'b1;
      if (clear_i) clear_q <= 1'b1;
    end
  end

  // ---- what is added up ----
  // By one; twice for the commands, which are also bytes.
  logic [14:0]        ones, ones_swept;
  logic [15*BITS-1:0] ones_now;                       // with what this cycle adds
  logic [15+BITS:0]   saturated_q, saturated;
  logic [7+BITS:0]    open_q, shut_q, open, shut;
  logic [4+BITS:0]    latency_q, latency;
  logic               add;

  assign ones = {retire_i, retire_i, inc_i[23], inc_i[20], inc_i[18], inc_i[9:0]} & {15{count_i}};
  for (genvar k = 0; k < 15; k++) begin : gen_ones
    localparam int AT = (k < 10) ? k : (k == 10) ? `BNN_COUNTER_PTE_READS : (k == 11) ? `BNN_COUNTER_LATENCY_COUNT
                      : (k == 12) ? `BNN_COUNTER_PROFILE_DROPPED : (k == 13) ? `BNN_COUNTER_BYTES_COMMANDS
                                                                             : `BNN_COUNTER_COMMANDS;
    localparam int W = (k < 13) ? BITS : 3;           // commands are 16 cycles apart
    logic [W-1:0] sum_q, now;
    for (genvar b = 0; b < W; b++) begin : gen_bit
      if (b == 0) begin : gen_first
        assign now[b] = sum_q[b] ^ ones[k];
      end else begin : gen_rest
        assign now[b] = sum_q[b] ^ (ones[k] & (&sum_q[b-1:0]));
      end
    end
    assign ones_swept[k] = sweep && at_q == 5'(AT);
    assign ones_now[k*BITS +: BITS] = BITS'(now);
    always_ff @(posedge clk_i) begin
      if (!rst_ni || ones_swept[k]) sum_q <= '0;
      else sum_q <= now;
    end
  end

  assign add       = add_i && count_i;
  assign saturated = saturated_q + (add ? (16 + BITS)'(saturated_i) : '0);
  assign open      = open_q + (add ? (8 + BITS)'(gates_open_i) : '0);
  assign shut      = shut_q + (add ? (8 + BITS)'(gates_shut_i) : '0);
  assign latency   = latency_q + (count_i ? (5 + BITS)'(reads_i) : '0);
  always_ff @(posedge clk_i) begin
    saturated_q <= saturated;
    open_q      <= open;
    shut_q      <= shut;
    latency_q   <= latency;
    if (!rst_ni || (sweep && at_q == 5'(`BNN_COUNTER_SATURATED))) saturated_q <= '0;
    if (!rst_ni || (sweep && at_q == 5'(`BNN_COUNTER_FRAC_ISSUED))) open_q <= '0;
    if (!rst_ni || (sweep && at_q == 5'(`BNN_COUNTER_FRAC_SKIPPED))) shut_q <= '0;
    if (!rst_ni || (sweep && at_q == 5'(`BNN_COUNTER_LATENCY_SUM))) latency_q <= '0;
  end

  logic [159:0] bytes_q;
  logic [63:0]  macs_sum_q;
  always_ff @(posedge clk_i) begin
    // Taken one after the other from below; a retirement does not come before they are.
    if (retire_i) bytes_q <= {written_i, residual_i, act_i, weights_i};
    else if (retire_q) bytes_q <= {40'd0, bytes_q[159:40]};
    if (macs_add_i) macs_sum_q <= macs_i;
  end

  logic [15+BITS:0] swept;
  always_comb begin
    swept = '0;
    for (int k = 0; k < 10; k++) if (at_q == 5'(k)) swept[BITS-1:0] = ones_now[k*BITS +: BITS];
    case (at_q)
      5'(`BNN_COUNTER_PTE_READS):       swept[BITS-1:0] = ones_now[10*BITS +: BITS];
      5'(`BNN_COUNTER_LATENCY_COUNT):   swept[BITS-1:0] = ones_now[11*BITS +: BITS];
      5'(`BNN_COUNTER_PROFILE_DROPPED): swept[BITS-1:0] = ones_now[12*BITS +: BITS];
      5'(`BNN_COUNTER_BYTES_COMMANDS):  swept[BITS+6:7] = ones_now[13*BITS +: BITS];
      5'(`BNN_COUNTER_COMMANDS):        swept[BITS-1:0] = ones_now[14*BITS +: BITS];
      5'(`BNN_COUNTER_SATURATED):       swept           = saturated;
      5'(`BNN_COUNTER_FRAC_ISSUED):     swept[7+BITS:0] = open;
      5'(`BNN_COUNTER_FRAC_SKIPPED):    swept[7+BITS:0] = shut;
      5'(`BNN_COUNTER_LATENCY_SUM):     swept[4+BITS:0] = latency;
      default: ;
    endcase
  end

  // ---- RAMs ----
  // The first stage reads both operands, the second writes the sum.
  logic [63:0] job      [0:31];
  logic [63:0] all      [0:31];                       // less one: clear writes ~job
  logic [63:0] snap     [0:31];
  logic [63:0] a_q, b_q, sum, read;
  logic [4:0]  index;
  logic [1:0]  what;                                  // is added
  logic        one_q, put_all_q, not_q, put_snap_q, unused_carry;

  always_comb begin
    index = pair_q;
    if (event_go) index = retire_q ? 5'(`BNN_COUNTER_BYTES_WEIGHTS) + {3'd0, event_q[1:0]} : 5'(`BNN_COUNTER_MACS);
    else if (op) index = op_at_q;
    else if (sweep) index = at_q;
  end
  assign what   = op ? 2'd0 : !event_go ? 2'd1 : retire_q ? 2'd2 : 2'd3;
  assign read   = job[index];
  assign snap_o = snap[snap_index_i];
  assign busy_o = init_q || merge_q || snapshot_q || clear_q || put_all_q || put_snap_q;
  assign {sum, unused_carry} = {a_q, one_q} + {b_q, one_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      put_q      <= 1'b0;
      put_all_q  <= 1'b0;
      put_snap_q <= 1'b0;
    end else begin
      put_q      <= event_go || sweep || (op && op_zero);
      put_all_q  <= op && (op_init || op_clear || (op_merge && !zero_q));
      put_snap_q <= op && (op_init || op_snapshot);
    end
    index_q <= index;
    one_q   <= op && (op_snapshot || op_zero);
    not_q   <= op_init || op_clear;
    a_q     <= read;
    if (op && op_zero) a_q <= '0;
    case (what)
      2'd0:    b_q <= all[op_at_q];
      2'd1:    b_q <= 64'(swept);
      2'd2:    b_q <= 64'(bytes_q[39:0]);
      default: b_q <= macs_sum_q;
    endcase
    if (op && op_zero) b_q <= 64'hffffffffffffffff;   // and one, which a snapshot adds
    if (pair_go && !pair_q[0]) job_pair_o[63:0] <= read;
    if (pair_go && pair_q[0]) job_pair_o[127:64] <= read;
  end

  always_ff @(posedge clk_i) begin
    if (put_q) job[index_q] <= sum;
    if (put_all_q) all[index_q] <= not_q ? ~a_q : sum;
    if (put_snap_q) snap[index_q] <= sum;
  end

  logic unused;
  assign unused = ^{inc_i[22:21], inc_i[19], inc_i[17:10], unused_carry};

endmodule
