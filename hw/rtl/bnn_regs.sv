// SPDX-License-Identifier: MIT
// The register port, the global registers, interrupts and soft reset. An access
// is held until it is acknowledged, one cycle later or when a counter operation
// has ended.

module bnn_regs #(
  parameter int          LANES        = 16,
  parameter int          LANE_BITS    = 256,
  parameter int          WEIGHT_WORDS = 256,
  parameter int          BUS_BITS     = 52,
  parameter int          CLOCK_HZ     = 200000000,
  parameter int          WAIT_SHIFT   = 6,
  parameter logic [31:0] BUILD        = 0,
  parameter logic [31:0] FEATURES     = 1
) (
  input  logic        clk_i,
  input  logic        rst_ni,         // power-up and function level reset
  input  logic [11:0] act_kib_i,
  input  logic        test_stuck_i,

  input  logic        reg_req_i,
  input  logic        reg_write_i,
  input  logic [15:0] reg_addr_i,
  input  logic [31:0] reg_wdata_i,
  output logic        reg_ack_o,
  output logic [31:0] reg_rdata_o,
  output logic [4:0]  irq_o,          // pulses

  output logic        q_write_o,
  output logic [1:0]  q_queue_o,
  output logic [7:0]  q_offset_o,
  output logic [31:0] wdata_o,
  input  logic [31:0] q_rdata_i,

  input  logic [3:0]  bad_tail_i,
  input  logic [3:0]  ring_read_i,
  input  logic [30:0] ring_addr_i,
  input  logic [3:0]  raise_i,

  output logic        inv_req_o,
  output logic [15:0] inv_asid_o,
  input  logic        inv_done_i,

  input  logic        run_i,
  input  logic [1:0]  run_queue_i,
  input  logic [30:0] run_seq_i,
  input  logic [30:0] progress_i,
  input  logic [30:0] progress2_i,

  output logic        snapshot_o,
  output logic        clear_o,
  input  logic        cnt_busy_i,
  output logic [4:0]  snap_index_o,
  input  logic [63:0] snap_i,

  output logic [63:0] now_o,
  output logic        reset_o,        // soft reset: stop everything
  output logic        reset_now_o,    // one cycle: all is quiet, forget everything
  output logic        stuck_o,
  input  logic        quiet_i,
  output logic        pending_o       // this module has something to do
);

  localparam int          MS       = CLOCK_HZ / 1000;
  localparam int          MS_W     = $clog2(MS + 1);
  localparam int          W_KIB    = LANES * LANE_BITS * WEIGHT_WORDS / 8192;

  logic [63:0]     now_q;
  logic [31:0]     latch_q;
  logic [4:0]      status_q, mask_q, due_q;
  logic [10:0]     error_q;
  logic [30:0]     error_info_q, reset_count_q, last_seq_q;
  logic [2:0]      last_queue_q;
  logic            reset_q, stuck_q, stuck_test_q;
  logic [MS_W-1:0] reset_time_q;
  logic            inv_q;
  logic [15:0]     inv_asid_q;

  logic        go, wr, is_queue;
  logic [31:0] wdata;
  assign go       = reg_req_i && !reg_ack_o && !cnt_busy_i;
  assign wr       = go && reg_write_i;
  assign wdata    = reg_wdata_i;
  assign is_queue = reg_addr_i[15:10] == 6'b000100;  // 0x1000 to 0x13ff

  assign q_write_o    = wr && is_queue && !reset_q;
  assign q_queue_o    = reg_addr_i[9:8];
  assign q_offset_o   = reg_addr_i[7:0];
  assign wdata_o      = wdata;
  assign snap_index_o = reg_addr_i[7:3];
  assign snapshot_o   = wr && reg_addr_i == `BNN_REG_CNT_CTRL && wdata[`BNN_CNT_CTRL_SNAPSHOT_BIT];
  assign clear_o      = wr && reg_addr_i == `BNN_REG_CNT_CTRL && wdata[`BNN_CNT_CTRL_CLEAR_BIT];
  assign inv_req_o    = inv_q;
  assign inv_asid_o   = inv_asid_q;
  assign now_o        = now_q;
  assign reset_o      = reset_q;
  assign stuck_o      = stuck_q;
  assign pending_o    = reset_q || inv_q || due_q != 5'd0 || irq_o != 5'd0;

  // ---- reads ----
  logic [31:0] rdata;
  always_comb begin
    rdata = 32'd0;
    case (reg_addr_i)
      `BNN_REG_ID:             rdata = 32'h414e4e42;
      `BNN_REG_VERSION:        rdata = 32'h00010000;
      `BNN_REG_FEATURES_LO:    rdata = FEATURES;
      `BNN_REG_CAPS_ARRAY:     rdata = {4'd0, 8'(LANES), 12'(LANE_BITS), 8'(LANES)};
      `BNN_REG_CAPS_RAM:       rdata = {8'd0, 12'(W_KIB), act_kib_i};
      `BNN_REG_CAPS_LIMITS:    rdata = {18'd0, 4'd8, 6'd32, 4'd4};
      `BNN_REG_MMU_CAPS:       rdata = {16'd0, 8'(BUS_BITS), 8'd32};
      `BNN_REG_CLOCK_HZ:       rdata = 32'(CLOCK_HZ);
      `BNN_REG_BUILD:          rdata = BUILD;
      `BNN_REG_RESET_STATUS:   rdata = {30'd0, stuck_q, reset_q};
      `BNN_REG_RESET_COUNT:    rdata = {1'b0, reset_count_q};
      `BNN_REG_WAIT_SHIFT:     rdata = 32'(WAIT_SHIFT);
      `BNN_REG_IRQ_STATUS:     rdata = {27'd0, status_q};
      `BNN_REG_IRQ_MASK:       rdata = {27'd0, mask_q};
      `BNN_REG_ERROR:          rdata = {21'd0, error_q};
      `BNN_REG_ERROR_INFO:     rdata = {1'b0, error_info_q};
      `BNN_REG_MMU_INV_STATUS: rdata = {31'd0, inv_q};
      `BNN_REG_RUN_QUEUE:      rdata = run_i ? {29'd0, {1'b0, run_queue_i} + 3'd1} : 32'd0;
      `BNN_REG_RUN_SEQ:        rdata = run_i ? {1'b0, run_seq_i} : 32'd0;
      `BNN_REG_PROGRESS:       rdata = run_i ? {1'b0, progress_i} : 32'd0;
      `BNN_REG_PROGRESS2:      rdata = run_i ? {1'b0, progress2_i} : 32'd0;
      `BNN_REG_LAST_RUN_QUEUE: rdata = {29'd0, last_queue_q};
      `BNN_REG_LAST_RUN_SEQ:   rdata = {1'b0, last_seq_q};
      `BNN_REG_TIMESTAMP_LO:   rdata = now_q[31:0];
      `BNN_REG_TIMESTAMP_HI:   rdata = latch_q;
      default: begin
        if (is_queue) rdata = q_rdata_i;
        else if (reg_addr_i >= `BNN_REG_CNT && reg_addr_i < `BNN_REG_CNT + 16'(8 * `BNN_COUNTERS)) begin
          rdata = reg_addr_i[2] ? snap_i[63:32] : snap_i[31:0];
        end
      end
    endcase
  end

  // ---- what is raised now ----
  logic [10:0] error_new;
  logic [4:0]  raise;
  logic        inv_clash;
  assign inv_clash = wr && reg_addr_i == `BNN_REG_MMU_INV && inv_q;
  assign error_new = {inv_clash, 2'd0, ring_read_i, bad_tail_i};
  assign raise     = {raise_i, |error_new} |
                     ((wr && reg_addr_i == `BNN_REG_IRQ_TEST) ? wdata[4:0] : 5'd0);

  logic stop_time;
  assign stop_time   = reset_time_q == MS_W'(MS);
  assign reset_now_o = reset_q && ((quiet_i && !stuck_test_q) || stop_time);

  // What a soft reset keeps.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      now_q         <= '0;
      reset_q       <= 1'b0;
      stuck_q       <= 1'b0;
      reset_count_q <= '0;
      last_queue_q  <= '0;
      last_seq_q    <= '0;
      reg_ack_o     <= 1'b0;
    end else begin
      now_q     <= now_q + 64'd1;
      reg_ack_o <= go;
      if (go) reg_rdata_o <= rdata;
      if (go && reg_addr_i == `BNN_REG_TIMESTAMP_LO) latch_q <= now_q[63:32];
      if (reset_q) reset_time_q <= reset_time_q + MS_W'(1);
      if (reset_now_o) begin
        reset_q <= 1'b0;
        stuck_q <= !quiet_i || stuck_test_q;
      end
      if (wr && reg_addr_i == `BNN_REG_CTRL && wdata[`BNN_CTRL_RESET_BIT] && !reset_q) begin
        reset_q       <= 1'b1;
        reset_time_q  <= '0;
        stuck_test_q  <= test_stuck_i;
        stuck_q       <= 1'b0;
        reset_count_q <= reset_count_q + 31'd1;
        last_queue_q  <= run_i ? {1'b0, run_queue_i} + 3'd1 : 3'd0;
        last_seq_q    <= run_i ? run_seq_i : 31'd0;
      end
    end
  end

  // What it does not.
  always_ff @(posedge clk_i) begin
    irq_o <= 5'd0;
    if (!rst_ni || reset_now_o) begin
      status_q     <= '0;
      mask_q       <= 5'h1f;
      due_q        <= '0;
      error_q      <= '0;
      error_info_q <= '0;
      inv_q        <= 1'b0;
    end else begin
      // A vector raised while masked is told when it no longer is.
      if (!reset_q) irq_o <= due_q & ~mask_q;
      status_q <= status_q | raise;
      due_q    <= raise & ~mask_q;
      error_q  <= error_q | error_new;
      if (|error_new) error_info_q <= (|ring_read_i) ? ring_addr_i : 31'd0;
      if (inv_done_i) inv_q <= 1'b0;
      if (wr) begin
        case (reg_addr_i)
          `BNN_REG_IRQ_STATUS: status_q <= (status_q & ~wdata[4:0]) | raise;
          `BNN_REG_IRQ_MASK: begin
            mask_q <= wdata[4:0];
            due_q  <= ((status_q & mask_q) | raise) & ~wdata[4:0];
          end
          `BNN_REG_ERROR: error_q <= (error_q & ~wdata[10:0]) | error_new;
          `BNN_REG_MMU_INV: begin
            if (!inv_q) begin
              inv_q      <= 1'b1;
              inv_asid_q <= wdata[15:0];
            end
          end
          default: ;
        endcase
      end
    end
  end

endmodule
