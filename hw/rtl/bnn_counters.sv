// SPDX-License-Identifier: MIT
// Counters of the running job, and the global ones: what all finished jobs
// added. Snapshot, clear and the merge at a job's end take one cycle per counter.

module bnn_counters (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic [23:0] inc_i,           // by one
  input  logic [4:0]  reads_i,         // outstanding: their sum is the latency
  input  logic        count_i,         // a job runs
  input  logic        macs_add_i,
  input  logic [63:0] macs_i,
  input  logic        retire_i,        // the next four
  input  logic [39:0] weights_i,
  input  logic [39:0] act_i,
  input  logic [39:0] residual_i,
  input  logic [39:0] written_i,
  input  logic        add_i,           // the next three
  input  logic [15:0] saturated_i,
  input  logic [7:0]  gates_open_i,
  input  logic [7:0]  gates_shut_i,

  input  logic [4:0]  job_index_i,     // a pair of counters of the job
  output logic [127:0] job_pair_o,
  input  logic        merge_i,         // pulse
  input  logic        snapshot_i,      // pulse
  input  logic        clear_i,         // pulse
  output logic        busy_o,
  input  logic [4:0]  snap_index_i,
  output logic [63:0] snap_o
);

  localparam int N = `BNN_COUNTERS;

  logic [63:0] job_q [0:N-1];
  logic [63:0] all   [0:N-1];
  logic [63:0] snap  [0:N-1];

  logic       merge_q, snapshot_q, clear_q;
  logic [4:0] at_q;
  logic [63:0] sum;

  assign sum        = all[at_q] + job_q[at_q];
  assign busy_o     = merge_q || snapshot_q || clear_q;
  assign job_pair_o = {job_q[job_index_i | 5'd1], job_q[job_index_i & 5'h1e]};
  assign snap_o     = snap[snap_index_i];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      merge_q    <= 1'b0;
      snapshot_q <= 1'b0;
      clear_q    <= 1'b0;
      at_q       <= '0;
      for (int i = 0; i < N; i++) begin
        job_q[i] <= '0;
        all[i]   <= '0;
        snap[i]  <= '0;
      end
    end else begin
      if (count_i) begin
        for (int i = 0; i < N; i++) begin
          if (inc_i[i]) job_q[i] <= job_q[i] + 64'd1;
        end
        if (reads_i != 5'd0) begin
          job_q[`BNN_COUNTER_LATENCY_SUM] <= job_q[`BNN_COUNTER_LATENCY_SUM] + 64'(reads_i);
        end
        if (add_i) begin
          job_q[`BNN_COUNTER_SATURATED]    <= job_q[`BNN_COUNTER_SATURATED] + 64'(saturated_i);
          job_q[`BNN_COUNTER_FRAC_ISSUED]  <= job_q[`BNN_COUNTER_FRAC_ISSUED] + 64'(gates_open_i);
          job_q[`BNN_COUNTER_FRAC_SKIPPED] <= job_q[`BNN_COUNTER_FRAC_SKIPPED] + 64'(gates_shut_i);
        end
        if (macs_add_i) job_q[`BNN_COUNTER_MACS] <= job_q[`BNN_COUNTER_MACS] + macs_i;
        if (retire_i) begin
          job_q[`BNN_COUNTER_BYTES_RESIDUAL] <= job_q[`BNN_COUNTER_BYTES_RESIDUAL] + 64'(residual_i);
          job_q[`BNN_COUNTER_BYTES_WEIGHTS]  <= job_q[`BNN_COUNTER_BYTES_WEIGHTS] + 64'(weights_i);
          job_q[`BNN_COUNTER_BYTES_ACT]      <= job_q[`BNN_COUNTER_BYTES_ACT] + 64'(act_i);
          job_q[`BNN_COUNTER_BYTES_WRITTEN]  <= job_q[`BNN_COUNTER_BYTES_WRITTEN] + 64'(written_i);
          job_q[`BNN_COUNTER_BYTES_COMMANDS] <= job_q[`BNN_COUNTER_BYTES_COMMANDS] + 64'd128;
          job_q[`BNN_COUNTER_COMMANDS]       <= job_q[`BNN_COUNTER_COMMANDS] + 64'd1;
        end
      end
      if (busy_o) begin
        at_q <= at_q + 5'd1;
        if (snapshot_q) begin
          snap[at_q] <= sum;
        end else if (clear_q) begin
          // What the running job has counted so far is gone as well.
          all[at_q] <= -job_q[at_q];
        end else begin
          all[at_q]   <= sum;
          job_q[at_q] <= '0;
        end
        if (at_q == 5'(N - 1)) begin
          at_q <= '0;
          if (snapshot_q) snapshot_q <= 1'b0;
          else if (clear_q) clear_q <= 1'b0;
          else merge_q <= 1'b0;
        end
      end
      if (merge_i) merge_q <= 1'b1;
      if (snapshot_i) snapshot_q <= 1'b1;
      if (clear_i) clear_q <= 1'b1;
    end
  end

endmodule
