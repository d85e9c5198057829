// SPDX-License-Identifier: MIT
// Registers of the four queues, the choice of the next job and the rule by which
// a completion raises its vector.

module bnn_rings #(
  parameter int BUS_BITS = 52
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  // Register accesses; offset within the queue.
  input  logic                write_i,
  input  logic [1:0]          queue_i,
  input  logic [7:0]          offset_i,
  input  logic [31:0]         wdata_i,
  output logic [31:0]         rdata_o,
  output logic [3:0]          bad_tail_o,    // pulse
  output logic                kill_o,        // pulse: queue_i, wdata_i

  // Sequencer.
  output logic                waiting_o,     // a job waits
  input  logic                pick_i,        // pulse: take the next one
  output logic [1:0]          pick_queue_o,
  output logic [BUS_BITS-1:0] pick_entry_o,
  output logic [BUS_BITS-1:0] pick_slot_o,
  output logic [BUS_BITS-1:0] pick_count_o,  // where the count of finished jobs goes
  input  logic                running_i,
  input  logic [1:0]          run_queue_i,
  input  logic                fetched_i,     // pulse: the entry has been read
  input  logic                stop_i,        // pulse: RING_READ
  input  logic                finish_i,      // pulse: one more job is finished
  output logic [63:0]         finished_o,    // count of run_queue_i, this one included
  input  logic                tell_i,        // pulse: the completion is in memory
  input  logic                asked_i,       // with tell: IRQ flag or failure
  output logic [3:0]          raise_o        // pulse
);

  logic [63:0] ring_q     [0:3];
  logic [63:0] cq_q       [0:3];
  logic [31:0] size_q     [0:3];
  logic [31:0] tail_q     [0:3];
  logic [31:0] head_q     [0:3];
  logic [63:0] done_q     [0:3];
  logic [7:0]  coalesce_q [0:3];
  logic [8:0]  pending_q  [0:3];
  logic [3:0]  passed_q   [0:3];
  logic [3:0]  en_q, err_q;

  // ---- choice: the highest queue with work, unless ARB_MAX jobs have passed a lower one ----
  logic [3:0] waits, starved, from;
  for (genvar i = 0; i < 4; i++) begin : gen_wait
    assign waits[i]   = en_q[i] && tail_q[i] != head_q[i];
    assign starved[i] = waits[i] && passed_q[i] >= 4'(`BNN_ARB_MAX);
  end
  assign from         = (starved != 4'd0) ? starved : waits;
  logic unused;
  assign unused       = from[0];
  assign pick_queue_o = from[3] ? 2'd3 : from[2] ? 2'd2 : from[1] ? 2'd1 : 2'd0;
  assign waiting_o    = waits != 4'd0;

  logic [7:0] slot;
  assign slot         = head_q[pick_queue_o][7:0] & 8'(size_q[pick_queue_o] - 32'd1);
  assign pick_entry_o = ring_q[pick_queue_o][BUS_BITS-1:0] + BUS_BITS'({slot, 6'd0});
  assign pick_slot_o  = cq_q[pick_queue_o][BUS_BITS-1:0] + BUS_BITS'({slot, 8'd0});
  assign pick_count_o = cq_q[pick_queue_o][BUS_BITS-1:0] + BUS_BITS'({size_q[pick_queue_o][8:0], 8'd0});
  assign finished_o   = done_q[run_queue_i] + 64'd1;

  // ---- interrupts ----
  logic [8:0] pending_next;
  logic       tell_raise;
  assign pending_next = (pending_q[run_queue_i] == 9'h1ff) ? 9'h1ff : pending_q[run_queue_i] + 9'd1;
  assign tell_raise   = asked_i || tail_q[run_queue_i] == head_q[run_queue_i] ||
                        (coalesce_q[run_queue_i] != 8'd0 && pending_next >= 9'(coalesce_q[run_queue_i]));
  assign raise_o      = (tell_i && tell_raise) ? 4'd1 << run_queue_i : 4'd0;

  // ---- registers ----
  localparam logic [7:0] RING_LO = 8'(`BNN_REG_Q_RING_LO), RING_HI = 8'(`BNN_REG_Q_RING_HI),
                         CQ_LO = 8'(`BNN_REG_Q_CQ_LO), CQ_HI = 8'(`BNN_REG_Q_CQ_HI),
                         SIZE = 8'(`BNN_REG_Q_SIZE), CTRL = 8'(`BNN_REG_Q_CTRL),
                         STATUS = 8'(`BNN_REG_Q_STATUS), TAIL = 8'(`BNN_REG_Q_TAIL),
                         HEAD = 8'(`BNN_REG_Q_HEAD), KILL = 8'(`BNN_REG_Q_KILL),
                         COALESCE = 8'(`BNN_REG_Q_COALESCE);

  logic [31:0] size;
  logic        sane, idle;
  assign size = size_q[queue_i];
  assign idle = !(running_i && run_queue_i == queue_i);
  assign sane = size >= `BNN_DEPTH_MIN && size <= `BNN_DEPTH_MAX && (size & (size - 32'd1)) == 32'd0 &&
                ring_q[queue_i][5:0] == 6'd0 && cq_q[queue_i][7:0] == 8'd0;

  logic tail_bad;
  assign tail_bad   = en_q[queue_i] && wdata_i - head_q[queue_i] > size;
  assign bad_tail_o = (write_i && offset_i == TAIL && tail_bad) ? 4'd1 << queue_i : 4'd0;
  assign kill_o     = write_i && offset_i == KILL;

  always_comb begin
    case (offset_i)
      RING_LO:  rdata_o = ring_q[queue_i][31:0];
      RING_HI:  rdata_o = ring_q[queue_i][63:32];
      CQ_LO:    rdata_o = cq_q[queue_i][31:0];
      CQ_HI:    rdata_o = cq_q[queue_i][63:32];
      SIZE:     rdata_o = size;
      CTRL:     rdata_o = {31'd0, en_q[queue_i]};
      STATUS:   rdata_o = {29'd0, en_q[queue_i], err_q[queue_i], idle};
      TAIL:     rdata_o = tail_q[queue_i];
      HEAD:     rdata_o = head_q[queue_i];
      COALESCE: rdata_o = {24'd0, coalesce_q[queue_i]};
      default:  rdata_o = 32'd0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      en_q  <= '0;
      err_q <= '0;
      for (int i = 0; i < 4; i++) begin
        ring_q[i]     <= '0;
        cq_q[i]       <= '0;
        size_q[i]     <= '0;
        tail_q[i]     <= '0;
        head_q[i]     <= '0;
        done_q[i]     <= '0;
        coalesce_q[i] <= '0;
        pending_q[i]  <= '0;
        passed_q[i]   <= '0;
      end
    end else begin
      if (pick_i) begin
        for (int i = 0; i < 4; i++) begin
          if (!waits[i] || 2'(i) == pick_queue_o) passed_q[i] <= '0;
          else if (i < 32'(pick_queue_o) && passed_q[i] != 4'hf) passed_q[i] <= passed_q[i] + 4'd1;
        end
      end
      if (fetched_i) head_q[run_queue_i] <= head_q[run_queue_i] + 32'd1;
      if (finish_i) done_q[run_queue_i] <= finished_o;
      if (tell_i) pending_q[run_queue_i] <= tell_raise ? 9'd0 : pending_next;
      if (stop_i) begin
        en_q[run_queue_i]  <= 1'b0;
        err_q[run_queue_i] <= 1'b1;
      end
      if (write_i) begin
        case (offset_i)
          RING_LO:  if (!en_q[queue_i]) ring_q[queue_i][31:0] <= wdata_i;
          RING_HI:  if (!en_q[queue_i]) ring_q[queue_i][63:32] <= wdata_i;
          CQ_LO:    if (!en_q[queue_i]) cq_q[queue_i][31:0] <= wdata_i;
          CQ_HI:    if (!en_q[queue_i]) cq_q[queue_i][63:32] <= wdata_i;
          SIZE:     if (!en_q[queue_i]) size_q[queue_i] <= wdata_i;
          COALESCE: coalesce_q[queue_i] <= wdata_i[7:0];
          TAIL: begin
            tail_q[queue_i] <= wdata_i;
            if (tail_bad) begin
              en_q[queue_i]  <= 1'b0;
              err_q[queue_i] <= 1'b1;
            end
          end
          CTRL: begin
            if (!wdata_i[0]) begin
              en_q[queue_i]  <= 1'b0;
              err_q[queue_i] <= 1'b0;
            end else if (!en_q[queue_i]) begin
              // A job still running would complete into the new ring.
              err_q[queue_i] <= !sane || !idle;
              if (sane && idle) begin
                en_q[queue_i]      <= 1'b1;
                tail_q[queue_i]    <= '0;
                head_q[queue_i]    <= '0;
                done_q[queue_i]    <= '0;
                pending_q[queue_i] <= '0;
                passed_q[queue_i]  <= '0;
              end
            end
          end
          default: ;
        endcase
      end
    end
  end

endmodule
