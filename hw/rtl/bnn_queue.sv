// SPDX-License-Identifier: MIT
// The job sequencer: from a ring entry to its completion, one job at a time. The
// commands are bnn_front's.
//
// Whatever ends a job (END, a fault, kill, the budget) goes through ABORT: the
// front end and all units are cleared, what is outstanding on the bus is waited
// for, and only then is the completion written.

module bnn_queue #(
  parameter int BUS_BITS = 52
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 halt_i,          // soft reset running or failed: start nothing
  input  logic [63:0]          now_i,
  input  logic                 hold_i,          // pick no job
  input  logic                 test_hang_i,
  output logic                 test_hang_ack_o,

  input  logic                 waiting_i,
  output logic                 pick_o,
  input  logic [1:0]           pick_queue_i,
  input  logic [BUS_BITS-1:0]  pick_ring_i,
  input  logic [BUS_BITS-1:0]  pick_cq_i,
  input  logic [7:0]           pick_at_i,
  input  logic [8:0]           pick_size_i,
  output logic                 running_o,
  output logic [1:0]           run_queue_o,
  output logic [63:0]          run_seq_o,
  output logic                 fetched_o,
  output logic                 stop_o,
  output logic [BUS_BITS-1:0]  stop_addr_o,
  output logic                 finish_o,
  input  logic [63:0]          finished_i,
  output logic                 tell_o,
  output logic                 asked_o,
  input  logic                 kill_i,
  input  logic [1:0]           kill_queue_i,
  input  logic [31:0]          kill_seq_i,
  output logic [30:0]          progress_o,
  output logic [30:0]          progress2_o,
  input  logic                 row_done_i,
  input  logic                 retire_i,        // pulse: a command

  output logic [BUS_BITS-1:14] directory_o,
  output logic [15:0]          asid_o,

  // Reads and writes of the sequencer itself: bus addresses, multiples of 16.
  output logic                 rq_valid_o,
  input  logic                 rq_ready_i,
  output logic [BUS_BITS-1:0]  rq_addr_o,
  output logic [27:0]          rq_bytes_o,
  input  logic                 rb_valid_i,
  output logic                 rb_ready_o,
  input  logic [127:0]         rb_data_i,
  output logic                 w_valid_o,
  input  logic                 w_ready_i,
  output logic [BUS_BITS-1:0]  w_addr_o,
  output logic [127:0]         w_data_o,
  output logic [15:0]          w_strb_o,

  input  logic                 fault_i,         // pulse: one of these accesses failed
  input  logic [3:0]           fault_status_i,
  input  logic [BUS_BITS-1:0]  fault_addr_i,
  output logic                 flush_o,
  input  logic                 quiet_i,
  output logic                 scrub_o,
  input  logic                 scrub_busy_i,

  input  logic [4:0]           region_i,
  output logic [31:0]          region_va_o,
  output logic [32:0]          region_size_o,
  output logic                 region_r_o,
  output logic                 region_w_o,

  // The front end.
  output logic                 start_o,         // pulse
  output logic [31:0]          list_o,
  output logic [16:0]          cmd_count_o,
  output logic [15:0]          loop_start_o,
  output logic [15:0]          iterations_o,
  output logic                 log_o,
  output logic [31:0]          log_va_o,
  output logic [32:0]          log_size_o,
  output logic [5:0]           log_region_o,
  output logic [47:0]          elapsed_o,
  input  logic                 step_i,          // held: all regions to the next iteration
  output logic                 stepped_o,       // pulse
  input  logic                 end_i,           // the job is done
  input  logic                 bad_i,           // it has failed
  input  logic [3:0]           bad_status_i,
  input  logic [3:0]           bad_detail_i,
  input  logic [31:0]          bad_word_i,
  input  logic [16:0]          bad_access_i,
  input  logic [BUS_BITS-1:12] bad_page_i,
  input  logic [15:0]          index_i,         // oldest command
  input  logic [15:0]          iter_i,
  input  logic                 macs_busy_i,     // counters of a command are not complete

  output logic                 count_o,         // counters run
  input  logic                 cnt_valid_i,     // counters of the job, two after the other
  output logic                 cnt_take_o,
  input  logic [127:0]         cnt_pair_i,
  output logic                 merge_o,
  input  logic                 cnt_busy_i,
  output logic                 idle_o
);

  localparam logic [4:0]
    IDLE = 5'd0, ENTRY_ASK = 5'd1, ENTRY_GET = 5'd2, ENTRY = 5'd3, REG_ASK = 5'd4, REG_LO = 5'd5,
    REG_HI = 5'd6, REG_MUL = 5'd7, REG_CHECK = 5'd8, PROGRAM = 5'd9, HANG = 5'd10, RUN = 5'd11,
    ABORT = 5'd12, SLOT = 5'd13, SLOT_WAIT = 5'd14, COUNT = 5'd15, COUNT_WAIT = 5'd16,
    MERGE = 5'd17, MERGE_WAIT = 5'd18, STOP = 5'd19;

  logic [4:0]   state_q;
  logic [511:0] entry_q;
  logic [BUS_BITS-1:0] entry_addr_q;      // what ERROR_INFO would name; the ring until the entry is asked for
  logic [BUS_BITS-1:8] cq_q;
  logic [7:0]   at_q;                      // entry and slot
  logic [8:0]   size_q;
  logic [63:0]  start_q, end_q;
  logic         active_q, kill_q, fault_q, regions_bad_q;
  logic [4:0]   beat_q;
  logic [15:0]  index_q;
  logic [15:0]  iter_q;

  // The fault of an access, first one first.
  logic [3:0]           f_status_q;
  logic [BUS_BITS-1:12] f_page_q;

  // How the job ends.
  logic [3:0]           status_q, detail_q;
  logic [31:0]          word_q;
  logic [16:0]          access_q;
  logic [BUS_BITS-1:12] page_q;

  // ---- entry ----
  logic [31:0] e_flags, e_cmd_offset, e_cmd_count, e_loop_start, e_iterations, e_budget;
  logic [7:0]  e_regions;
  logic        entry_ok;
  assign e_flags      = entry_q[`BNN_JOB_FLAGS];
  assign e_cmd_offset = entry_q[`BNN_JOB_CMD_OFFSET];
  assign e_cmd_count  = entry_q[`BNN_JOB_CMD_COUNT];
  assign e_loop_start = entry_q[`BNN_JOB_LOOP_START];
  assign e_iterations = entry_q[`BNN_JOB_ITERATIONS];
  assign e_budget     = entry_q[`BNN_JOB_BUDGET];
  assign e_regions    = entry_q[`BNN_JOB_REGIONS];

  logic [63:0] e_directory, e_table;
  logic [31:0] e_profile;
  assign e_directory = entry_q[`BNN_JOB_DIRECTORY];
  assign e_table     = entry_q[`BNN_JOB_REGION_TABLE];
  assign e_profile   = entry_q[`BNN_JOB_PROFILE_REGION];
  assign entry_ok = e_flags[31:2] == 30'd0 && entry_q[`BNN_JOB_RESERVED] == 32'd0 &&
                    entry_q[`BNN_JOB_VERSION] == 8'd1 && entry_q[`BNN_JOB_ASID] != 16'd0 &&
                    e_directory[13:0] == 14'd0 && e_regions != 8'd0 && e_regions <= 8'd32 &&
                    e_table[5:0] == 6'd0 && e_cmd_offset[6:0] == 7'd0 &&
                    e_cmd_count != 32'd0 && e_cmd_count <= `BNN_COMMANDS_MAX &&
                    e_loop_start < e_cmd_count && e_iterations != 32'd0 &&
                    e_iterations <= `BNN_ITERATIONS_MAX && e_budget != 32'd0 &&
                    (e_flags[1] ? e_profile < 32'(e_regions) : e_profile == 32'd0);

  assign directory_o = e_directory[BUS_BITS-1:14];
  assign asid_o      = entry_q[`BNN_JOB_ASID];
  assign run_seq_o   = entry_q[`BNN_JOB_SEQNO];

  // ---- regions: {access, size, stride, va} ----
  logic [100:0] regions [0:31];
  logic [4:0]   reg_q;
  logic [63:0]  r_va_q, r_size_q, r_stride_q;
  logic [3:0]   r_access_q;
  logic         r_reserved_q;
  logic [48:0]  r_reach_q;                 // stride * (iterations - 1)
  logic [33:0]  r_top_q;                   // end of the first window
  logic         region_ok;
  logic [15:0]  steps;
  logic [100:0] looked, at_reg;
  logic [31:0]  program_va_q;              // of region 0, which the decoder does not look up
  logic [32:7]  program_size_q;            // in commands
  logic         program_x_q;

  assign looked        = regions[region_i];
  assign at_reg        = regions[reg_q];
  assign region_va_o   = looked[31:0];
  assign region_size_o = ({3'd0, region_i} < e_regions) ? looked[96:64] : 33'd0;
  assign region_r_o    = looked[97];
  assign region_w_o    = looked[98];

  assign steps = e_iterations[15:0] - 16'd1;

  // The last window must end within the 32-bit space.
  logic [49:0] r_end;
  assign r_end     = {16'd0, r_top_q} + {1'b0, r_reach_q};
  assign region_ok = !r_reserved_q && !(r_access_q[2] && (r_access_q & 4'b1011) != 4'd0) &&
                     (r_size_q == 64'd0 ||
                      (r_va_q[63:33] == 31'd0 && r_size_q[63:33] == 31'd0 &&
                       (e_iterations == 32'd1 || r_stride_q[63:33] == 31'd0) &&
                       r_end[49:33] == 17'd0 && !(r_end[32] && r_end[31:0] != 32'd0)));

  logic [25:0] list_end;                   // in commands
  assign list_end = {1'b0, e_cmd_offset[31:7]} + 26'(e_cmd_count[16:0]);

  // ---- budget, kill ----
  logic [63:0] elapsed;
  logic        timeout;
  assign elapsed = ((state_q > ABORT) ? end_q : now_i) - start_q;
  assign timeout = elapsed[63:42] != 22'd0 || elapsed[41:10] >= e_budget;

  assign start_o      = state_q == PROGRAM && state_next == RUN;
  assign list_o       = program_va_q + e_cmd_offset;
  assign cmd_count_o  = e_cmd_count[16:0];
  assign loop_start_o = e_loop_start[15:0];
  assign iterations_o = e_iterations[15:0];
  assign log_o        = e_flags[1];
  assign log_region_o = {1'b0, e_profile[4:0]};
  // With start_o, when reg_q is still that of the log.
  assign log_va_o     = at_reg[31:0];
  assign log_size_o   = at_reg[96:64];
  assign elapsed_o    = elapsed[47:0];
  assign stepped_o    = step_i && reg_q == 5'(e_regions - 8'd1);

  // ---- places: the entry; the slot, a multiple of 256; behind all slots the count ----
  logic [BUS_BITS-1:0] place;
  logic [16:0]         behind;               // the base
  always_comb begin
    behind = {1'b0, at_q, 8'd0};
    if (state_q == ENTRY_ASK) behind = {3'd0, at_q, 6'd0};
    else if (state_q == COUNT || state_q == COUNT_WAIT) behind = {size_q, 8'd0};
  end
  assign place = ((state_q == ENTRY_ASK) ? entry_addr_q : {cq_q, 8'd0}) + BUS_BITS'(behind);

  // ---- requests ----
  assign rq_valid_o  = state_q == ENTRY_ASK || state_q == REG_ASK;
  assign rq_addr_o   = (state_q == ENTRY_ASK) ? place : e_table[BUS_BITS-1:0];
  assign rq_bytes_o  = (state_q == ENTRY_ASK) ? 28'd64 : {15'd0, e_regions, 5'd0};
  assign rb_ready_o  = state_q == ENTRY_GET || state_q == REG_LO || state_q == REG_HI;

  // ---- completion ----
  always_comb begin
    w_addr_o = {place[BUS_BITS-1:8], beat_q[3:0], 4'd0};
    w_strb_o = 16'hffff;
    case (beat_q[3:0])
      4'd0:    w_data_o = {16'd0, index_q, 28'd0, status_q, run_seq_o};
      4'd1:    w_data_o = {28'd0, detail_q, 15'd0, access_q, 16'd0, iter_q, word_q};
      4'd2:    w_data_o = {elapsed, 64'({page_q, 12'd0})};
      4'd3:    w_data_o = {end_q, start_q};
      default: w_data_o = cnt_pair_i;
    endcase
    if (state_q == COUNT) begin
      w_data_o = {64'd0, finished_i};
      w_strb_o = 16'h00ff;
    end
  end
  assign w_valid_o  = (state_q == SLOT && (beat_q[3:2] == 2'd0 || cnt_valid_i)) || state_q == COUNT;
  assign cnt_take_o = state_q == SLOT && beat_q[3:2] != 2'd0 && cnt_valid_i && w_ready_i;

  // Echoes, alignments checked elsewhere.
  logic unused;
  assign unused = ^{entry_q[`BNN_JOB_CTX], e_directory >> BUS_BITS, e_table >> BUS_BITS, elapsed[63:48],
                    looked[100:99], looked[63:32], at_reg[99:97], fault_addr_i[11:0], pick_cq_i[7:0]};

  logic ended;                         // nothing of the job is under way
  assign ended = state_q == ABORT && quiet_i && !scrub_busy_i && !macs_busy_i;

  // ---- small outputs ----
  assign idle_o          = state_q == IDLE && !(waiting_i && !halt_i);
  assign pick_o          = state_q == IDLE && waiting_i && !halt_i && !hold_i;
  assign running_o       = active_q;
  assign flush_o         = state_q == ABORT;
  assign count_o         = active_q && state_q < SLOT;
  assign fetched_o       = state_q == ENTRY;
  // After each job; before the first one after a reset.
  assign scrub_o         = (state_q == REG_ASK && beat_q == 5'd0) || ended;
  assign merge_o         = state_q == MERGE;
  assign stop_o          = state_q == STOP;
  assign finish_o        = state_q == SLOT && beat_q == 5'd0 && w_ready_i;
  assign tell_o          = state_q == MERGE && !fault_q;
  assign asked_o         = e_flags[0] || status_q != 4'd0;
  assign stop_addr_o     = entry_addr_q;
  assign test_hang_ack_o = state_q == HANG;

  // Checks that need the whole table; the log's region is the one at reg_q then.
  logic [3:0] refused;
  logic [4:0] state_next;
  assign refused = (regions_bad_q || (e_flags[1] && (at_reg[96:64] == 33'd0 || !at_reg[100]))) ? 4'(`BNN_STATUS_BAD_REGION)
                 : (list_end > program_size_q) ? 4'(`BNN_STATUS_BAD_BOUNDS)
                 : !program_x_q ? 4'(`BNN_STATUS_BAD_ACCESS) : 4'd0;
  assign state_next = (fault_q || refused != 4'd0) ? ABORT : test_hang_i ? HANG : RUN;

  task automatic finish(input logic [3:0] status, input logic [16:0] access);
    begin
      status_q <= status;
      detail_q <= 4'd0;
      access_q <= access;
      page_q   <= '0;
      word_q   <= '0;
      state_q  <= ABORT;
    end
  endtask

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q  <= IDLE;
      active_q <= 1'b0;
      fault_q  <= 1'b0;
      kill_q   <= 1'b0;
    end else if (!halt_i) begin
      if (fault_i && !fault_q) begin
        fault_q    <= 1'b1;
        f_status_q <= fault_status_i;
        f_page_q   <= fault_addr_i[BUS_BITS-1:12];
      end
      if (kill_i && active_q && kill_queue_i == run_queue_o && kill_seq_i == run_seq_o[31:0]) kill_q <= 1'b1;
      if (row_done_i) progress2_o <= progress2_o + 31'd1;
      if (retire_i) begin
        progress_o  <= progress_o + 31'd1;
        progress2_o <= '0;
      end

      case (state_q)
        IDLE: begin
          if (pick_o) begin
            run_queue_o  <= pick_queue_i;
            entry_addr_q <= pick_ring_i;
            cq_q         <= pick_cq_i[BUS_BITS-1:8];
            at_q         <= pick_at_i;
            size_q       <= pick_size_i;
            state_q      <= ENTRY_ASK;
          end
          beat_q <= '0;
        end
        ENTRY_ASK: begin
          if (rq_ready_i) begin
            entry_addr_q <= place;
            state_q      <= ENTRY_GET;
          end
        end
        ENTRY_GET: begin
          if (rb_valid_i) begin
            entry_q <= {rb_data_i, entry_q[511:128]};
            beat_q  <= beat_q + 5'd1;
            // A bad response has been seen before its beat is handed out.
            if (beat_q == 5'd3) state_q <= fault_q ? STOP : ENTRY;
          end
        end
        STOP: begin
          fault_q <= 1'b0;
          state_q <= active_q ? MERGE : IDLE;
          if (active_q) fault_q <= 1'b1;   // no interrupt for this job
        end
        ENTRY: begin
          active_q      <= 1'b1;
          kill_q        <= 1'b0;
          start_q       <= now_i;
          index_q       <= '0;
          iter_q        <= '0;
          progress_o    <= '0;
          progress2_o   <= '0;
          regions_bad_q <= 1'b0;
          status_q      <= '0;
          detail_q      <= '0;
          word_q        <= '0;
          access_q      <= '0;
          page_q        <= '0;
          reg_q         <= '0;
          beat_q        <= '0;
          state_q       <= REG_ASK;
          if (!entry_ok) begin
            index_q  <= '0;
            status_q <= 4'(`BNN_STATUS_BAD_ENTRY);
            state_q  <= ABORT;
          end
        end
        REG_ASK: begin
          beat_q <= 5'd1;
          if (rq_ready_i) state_q <= REG_LO;
        end
        REG_LO: begin
          r_va_q   <= rb_data_i[63:0];
          r_size_q <= rb_data_i[127:64];
          if (rb_valid_i) state_q <= REG_HI;
        end
        REG_HI: begin
          r_stride_q   <= rb_data_i[63:0];
          r_access_q   <= rb_data_i[67:64];
          r_reserved_q <= |rb_data_i[127:68];
          if (rb_valid_i) state_q <= REG_MUL;
        end
        REG_MUL: begin
          r_reach_q <= 49'(r_stride_q[32:0]) * 49'(steps);
          r_top_q   <= {1'b0, r_va_q[32:0]} + {1'b0, r_size_q[32:0]};
          state_q   <= REG_CHECK;
        end
        REG_CHECK: begin
          reg_q   <= reg_q + 5'd1;
          state_q <= REG_LO;
          if (reg_q == 5'd0) begin
            program_va_q   <= r_va_q[31:0];
            program_size_q <= r_size_q[32:7];
            program_x_q    <= r_access_q[2];
          end
          if (reg_q == 5'(e_regions - 8'd1)) begin
            reg_q   <= e_profile[4:0];
            state_q <= PROGRAM;
          end
          if (!region_ok && !regions_bad_q) begin
            regions_bad_q <= 1'b1;
            access_q      <= {12'd0, reg_q};
          end
        end
        PROGRAM: begin
          state_q <= state_next;
          if (fault_q) begin
            finish(f_status_q, {6'd0, 3'd6, 8'd0});
            page_q <= f_page_q;
          end else if (refused != 4'd0) begin
            finish(refused, regions_bad_q ? access_q
                          : (refused == 4'(`BNN_STATUS_BAD_REGION)) ? {12'd0, reg_q} : 17'd0);
          end else begin
            reg_q <= '0;
          end
        end
        HANG: begin
          if (kill_q) finish(4'(`BNN_STATUS_KILLED), 17'd0);
        end
        RUN: begin
          if (step_i) begin
            reg_q <= stepped_o ? 5'd0 : reg_q + 5'd1;
            if (reg_q == 5'd0) program_va_q <= program_va_q + at_reg[63:32];
          end
          index_q <= index_i;
          iter_q  <= iter_i;
          if (bad_i) begin
            finish(bad_status_i, bad_access_i);
            detail_q <= bad_detail_i;
            word_q   <= bad_word_i;
            page_q   <= bad_page_i;
          end else if (end_i) begin
            state_q <= ABORT;              // nothing is left to abort
          end else if (kill_q || timeout) begin
            finish(kill_q ? 4'(`BNN_STATUS_KILLED) : 4'(`BNN_STATUS_TIMEOUT), 17'd0);
            word_q <= {9'd0, index_i, 7'd0};
          end
        end
        ABORT: begin
          beat_q <= '0;
          end_q  <= now_i;
          if (ended) begin
            fault_q <= 1'b0;
            state_q <= SLOT;
          end
        end
        SLOT: begin
          if (w_valid_o && w_ready_i) begin
            beat_q <= beat_q + 5'd1;
            if (beat_q == 5'd15) state_q <= SLOT_WAIT;
          end
        end
        SLOT_WAIT: begin
          entry_addr_q <= place;
          if (quiet_i) state_q <= fault_q ? STOP : COUNT;
        end
        COUNT: if (w_ready_i) state_q <= COUNT_WAIT;
        COUNT_WAIT: begin
          entry_addr_q <= place;
          if (quiet_i) state_q <= fault_q ? STOP : MERGE;
        end
        MERGE: begin  // pulse, then wait
          fault_q  <= 1'b0;
          active_q <= 1'b0;
          kill_q   <= 1'b0;
          state_q  <= MERGE_WAIT;
        end
        default: if (!cnt_busy_i) state_q <= IDLE;  // MERGE_WAIT
      endcase

    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == REG_CHECK) begin
      regions[reg_q] <= {r_access_q, r_size_q[32:0], r_stride_q[31:0], r_va_q[31:0]};
    end else if (state_q == RUN && step_i) begin
      regions[reg_q] <= {at_reg[100:32], at_reg[31:0] + at_reg[63:32]};
    end
  end

endmodule
