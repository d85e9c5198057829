// SPDX-License-Identifier: MIT
// Registers of the four queues, the choice of the next job and the rule by which
// a completion raises its vector.
//
// What is as wide as a register lies in LUT RAM: all that is written in one, for
// reads, and each thing once more for whoever needs it. RAM knows no reset: a flag
// says of each word whether it has been written, else it reads as 0.

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
  output logic [BUS_BITS-1:0] pick_ring_o,
  output logic [BUS_BITS-1:0] pick_cq_o,
  output logic [7:0]          pick_at_o,     // entry and slot
  output logic [8:0]          pick_size_o,   // behind so many slots goes the count of finished jobs
  input  logic                running_i,
  input  logic [1:0]          run_queue_i,
  input  logic                fetched_i,     // pulse: the entry has been read
  input  logic                stop_i,        // pulse: RING_READ
  input  logic                finish_i,      // pulse: one more job is finished
  output logic [63:0]         finished_o,    // from three cycles later on, the count of the queue
  input  logic                tell_i,        // pulse: the completion is in memory
  input  logic                asked_i,       // with tell: IRQ flag or failure
  output logic [3:0]          raise_o        // pulse
);

  localparam logic [7:0] RING_LO = 8'(`BNN_REG_Q_RING_LO), RING_HI = 8'(`BNN_REG_Q_RING_HI),
                         CQ_LO = 8'(`BNN_REG_Q_CQ_LO), CQ_HI = 8'(`BNN_REG_Q_CQ_HI),
                         SIZE = 8'(`BNN_REG_Q_SIZE), CTRL = 8'(`BNN_REG_Q_CTRL),
                         STATUS = 8'(`BNN_REG_Q_STATUS), TAIL = 8'(`BNN_REG_Q_TAIL),
                         HEAD = 8'(`BNN_REG_Q_HEAD), KILL = 8'(`BNN_REG_Q_KILL),
                         COALESCE = 8'(`BNN_REG_Q_COALESCE);

  // ---- what is written, as words of a queue; that of COALESCE takes the place of CTRL ----
  localparam logic [2:0] W_RING_LO = RING_LO[4:2], W_RING_HI = RING_HI[4:2], W_CQ_LO = CQ_LO[4:2],
                         W_CQ_HI = CQ_HI[4:2], W_COALESCE = CTRL[4:2], W_TAIL = TAIL[4:2];
  localparam int HI_W = BUS_BITS > 32 ? BUS_BITS - 32 : 1;

  logic [31:0]     words    [0:31];          // {queue, word}
  logic [31:0]     ring_lo  [0:3];
  logic [HI_W-1:0] ring_hi  [0:3];
  logic [31:0]     cq_lo    [0:3];
  logic [HI_W-1:0] cq_hi    [0:3];
  logic [8:0]      sizes    [0:3];           // when enabled a size has no more bits
  logic [31:0]     tails    [0:3];
  logic [31:0]     heads    [0:3];
  logic [31:0]     dones    [0:7];           // {queue, half}
  logic [7:0]      coalesce [0:3];
  logic [8:0]      pending  [0:3];
  logic [7:0]      set_q    [0:3];           // words that have been written, of TAIL since the queue was enabled
  logic [3:0]      head_q, done_q, pending_q; // the same of these
  logic [3:0]      ring_ok_q, cq_ok_q, size_ok_q; // what is written may be enabled
  logic [3:0]      more_q;                   // TAIL is not HEAD
  logic [3:0]      passed_q [0:3];
  logic [3:0]      en_q, err_q;

  // ---- choice: the highest queue with work, unless ARB_MAX jobs have passed a lower one ----
  logic [3:0] waits, starved, from;
  for (genvar i = 0; i < 4; i++) begin : gen_wait
    assign waits[i]   = en_q[i] && more_q[i];
    assign starved[i] = waits[i] && passed_q[i] >= 4'(`BNN_ARB_MAX);
  end
  assign from         = (starved != 4'd0) ? starved : waits;
  logic unused;
  assign unused       = from[0];
  assign pick_queue_o = from[3] ? 2'd3 : from[2] ? 2'd2 : from[1] ? 2'd1 : 2'd0;
  assign waiting_o    = waits != 4'd0;

  logic [7:0]  picked;                       // words of the queue
  logic [1:0]  at;                           // the queue that is picked or runs
  logic [31:0] head, head_next;
  assign picked      = set_q[pick_queue_o];
  assign pick_ring_o = BUS_BITS'({picked[W_RING_HI] ? ring_hi[pick_queue_o] : HI_W'(0),
                                  picked[W_RING_LO] ? ring_lo[pick_queue_o] : 32'd0});
  assign pick_cq_o   = BUS_BITS'({picked[W_CQ_HI] ? cq_hi[pick_queue_o] : HI_W'(0),
                                  picked[W_CQ_LO] ? cq_lo[pick_queue_o] : 32'd0});
  assign pick_size_o = sizes[pick_queue_o];
  assign pick_at_o   = head[7:0] & 8'(pick_size_o - 9'd1);
  assign at          = pick_i ? pick_queue_o : run_queue_i;
  assign head        = head_q[at] ? heads[at] : 32'd0;
  assign head_next   = head + 32'd1;

  // ---- finished jobs: the lower half of the count, then the upper one ----
  logic        upper_q, carry_q, carry;
  logic [31:0] done, done_next;
  assign done               = done_q[run_queue_i] ? dones[{run_queue_i, upper_q}] : 32'd0;
  assign {carry, done_next} = {1'b0, done} + {32'd0, upper_q ? carry_q : 1'b1};
  always_ff @(posedge clk_i) begin
    upper_q <= finish_i && rst_ni;
    carry_q <= carry;
    if (finish_i || upper_q) begin
      dones[{run_queue_i, upper_q}] <= done_next;
      finished_o                    <= {done_next, finished_o[63:32]};
    end
  end

  // ---- interrupts ----
  logic [8:0] told, pending_next;
  logic [7:0] enough;
  logic       tell_raise;
  assign told         = pending_q[run_queue_i] ? pending[run_queue_i] : 9'd0;
  assign enough       = set_q[run_queue_i][W_COALESCE] ? coalesce[run_queue_i] : 8'd0;
  assign pending_next = (told == 9'h1ff) ? 9'h1ff : told + 9'd1;
  assign tell_raise   = asked_i || !more_q[run_queue_i] || (enough != 8'd0 && pending_next >= 9'(enough));
  assign raise_o      = (tell_i && tell_raise) ? 4'd1 << run_queue_i : 4'd0;
  always_ff @(posedge clk_i) begin
    if (tell_i) pending[run_queue_i] <= tell_raise ? 9'd0 : pending_next;
  end

  // ---- registers ----
  logic [2:0]  word;
  logic [31:0] shown, head_shown, ahead;     // ahead: of TAIL, when it is what is written
  logic        idle, is_word, put, enable, tail_bad;
  assign word       = (offset_i == COALESCE) ? W_COALESCE : offset_i[4:2];
  assign shown      = set_q[queue_i][word] ? words[{queue_i, word}] : 32'd0;
  assign head_shown = head_q[queue_i] ? heads[queue_i] : 32'd0;
  assign idle       = !(running_i && run_queue_i == queue_i);
  assign is_word    = offset_i == RING_LO || offset_i == RING_HI || offset_i == CQ_LO || offset_i == CQ_HI ||
                      offset_i == SIZE;
  assign put        = write_i && ((is_word && !en_q[queue_i]) || offset_i == COALESCE || offset_i == TAIL);
  // A job still running would complete into the new ring.
  assign enable     = write_i && offset_i == CTRL && wdata_i[0] && !en_q[queue_i] && idle && ring_ok_q[queue_i] &&
                      cq_ok_q[queue_i] && size_ok_q[queue_i];

  assign ahead      = wdata_i - head_shown;
  assign tail_bad   = en_q[queue_i] && (ahead[31:9] != 23'd0 || ahead[8:0] > sizes[queue_i]);
  assign bad_tail_o = (write_i && offset_i == TAIL && tail_bad) ? 4'd1 << queue_i : 4'd0;
  assign kill_o     = write_i && offset_i == KILL;

  always_comb begin
    rdata_o = 32'd0;
    case (offset_i)
      RING_LO, RING_HI, CQ_LO, CQ_HI, SIZE, TAIL: rdata_o = shown;
      COALESCE: rdata_o[7:0] = shown[7:0];
      HEAD:     rdata_o = head_shown;
      CTRL:     rdata_o[0] = en_q[queue_i];
      STATUS:   rdata_o[2:0] = {en_q[queue_i], err_q[queue_i], idle};
      default: ;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (put) begin
      words[{queue_i, word}] <= wdata_i;
      case (offset_i)
        RING_LO: ring_lo[queue_i]  <= wdata_i;
        RING_HI: ring_hi[queue_i]  <= wdata_i[HI_W-1:0];
        CQ_LO:   cq_lo[queue_i]    <= wdata_i;
        CQ_HI:   cq_hi[queue_i]    <= wdata_i[HI_W-1:0];
        SIZE:    sizes[queue_i]    <= wdata_i[8:0];
        TAIL:    tails[queue_i]    <= wdata_i;
        default: coalesce[queue_i] <= wdata_i[7:0];
      endcase
    end
    if (fetched_i) heads[run_queue_i] <= head_next;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      en_q      <= '0;
      err_q     <= '0;
      head_q    <= '0;
      done_q    <= '0;
      pending_q <= '0;
      more_q    <= '0;
      ring_ok_q <= '1;
      cq_ok_q   <= '1;
      size_ok_q <= '0;
      for (int i = 0; i < 4; i++) begin
        set_q[i]    <= '0;
        passed_q[i] <= '0;
      end
    end else begin
      if (pick_i) begin
        for (int i = 0; i < 4; i++) begin
          if (!waits[i] || 2'(i) == pick_queue_o) passed_q[i] <= '0;
          else if (i < 32'(pick_queue_o) && passed_q[i] != 4'hf) passed_q[i] <= passed_q[i] + 4'd1;
        end
      end
      if (fetched_i) begin
        head_q[run_queue_i] <= 1'b1;
        more_q[run_queue_i] <= !set_q[run_queue_i][W_TAIL] || head_next != tails[run_queue_i];
      end
      if (upper_q) done_q[run_queue_i] <= 1'b1;
      if (tell_i) pending_q[run_queue_i] <= 1'b1;
      if (stop_i) begin
        en_q[run_queue_i]  <= 1'b0;
        err_q[run_queue_i] <= 1'b1;
      end
      if (put) set_q[queue_i][word] <= 1'b1;
      if (write_i) begin
        case (offset_i)
          RING_LO: if (!en_q[queue_i]) ring_ok_q[queue_i] <= wdata_i[5:0] == 6'd0;
          CQ_LO:   if (!en_q[queue_i]) cq_ok_q[queue_i] <= wdata_i[7:0] == 8'd0;
          SIZE: begin
            if (!en_q[queue_i]) begin
              size_ok_q[queue_i] <= wdata_i >= `BNN_DEPTH_MIN && wdata_i <= `BNN_DEPTH_MAX &&
                                    (wdata_i & (wdata_i - 32'd1)) == 32'd0;
            end
          end
          TAIL: begin
            more_q[queue_i] <= ahead != 32'(fetched_i && queue_i == run_queue_i);
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
              err_q[queue_i] <= !enable;
              if (enable) begin
                en_q[queue_i]          <= 1'b1;
                set_q[queue_i][W_TAIL] <= 1'b0;
                head_q[queue_i]        <= 1'b0;
                done_q[queue_i]        <= 1'b0;
                pending_q[queue_i]     <= 1'b0;
                more_q[queue_i]        <= 1'b0;
                passed_q[queue_i]      <= '0;
              end
            end
          end
          default: ;
        endcase
      end
    end
  end

endmodule
