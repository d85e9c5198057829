// SPDX-License-Identifier: MIT
// Address translation: a directory and leaf tables, read from the bus. Each
// stream keeps the directory entry and the line of eight leaf entries that it
// used last, tagged with the address space.
//
// A leaf entry that is invalid in a line held here is read again before it
// faults, so that the driver may map pages without an invalidation; invalid
// directory entries are never kept.
//
// Invalidation: hold_o stops new bursts, outstanding ones are waited for, the
// entries are dropped, and forget_o makes the engines drop the page they hold.

module bnn_mmu #(
  parameter int BUS_BITS = 52
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,

  input  logic [BUS_BITS-1:14] directory_i,
  input  logic [15:0]          asid_i,

  // Read and write engine.
  input  logic                 r_req_i,
  input  logic [31:12]         r_page_i,
  input  logic [3:0]           r_slot_i,
  output logic                 r_done_o,
  input  logic                 w_req_i,
  input  logic [31:12]         w_page_i,
  input  logic [3:0]           w_slot_i,
  output logic                 w_done_o,
  output logic                 fault_o,      // with done
  output logic [3:0]           status_o,
  output logic [BUS_BITS-1:0]  fault_addr_o,
  output logic [3:0]           fault_slot_o,
  output logic [BUS_BITS-1:12] frame_o,

  input  logic                 inv_req_i,    // held until inv_done_o
  input  logic [15:0]          inv_asid_i,   // 0: all
  output logic                 inv_done_o,
  output logic                 forget_o,
  output logic                 hold_o,
  input  logic                 quiet_i,      // nothing outstanding on the bus
  output logic                 busy_o,
  output logic                 line_read_o,

  output logic                 k_valid_o,
  input  logic                 k_ready_i,
  output logic [BUS_BITS-1:0]  k_addr_o,
  output logic [3:0]           k_len_o,
  input  logic                 k_beat_i,
  input  logic                 k_last_i,
  input  logic                 k_error_i,
  input  logic [127:0]         k_data_i
);

  localparam int STREAMS = 16;
  localparam int FRAME_W = BUS_BITS - 12;

  localparam logic [3:0] IDLE = 4'd0, LOOKUP = 4'd1, READ_DIR = 4'd2, WAIT_DIR = 4'd3,
                         CHECK_DIR = 4'd4, READ_LINE = 4'd5, WAIT_LINE = 4'd6,
                         CHECK_LEAF = 4'd7, DONE = 4'd8;

  logic [3:0]          state_q;
  logic                write_q, cached_q, again_q, error_q, fault_q;
  logic [31:12]        page_q;
  logic [3:0]          slot_q;
  logic [63:0]         entry_q;             // the one being looked at
  logic [1:0]          beat_q;
  logic [3:0]          status_q;
  logic [FRAME_W-1:0]  frame_q;
  logic [BUS_BITS-1:0] fault_addr_q;

  logic [STREAMS-1:0]     dir_valid_q, line_valid_q;
  logic [26:0]            dir_tag   [0:STREAMS-1];   // {asid, va[31:21]}
  logic [FRAME_W+1:0]     dir_entry [0:STREAMS-1];   // {block, W, frame}
  logic [32:0]            line_tag  [0:STREAMS-1];   // {asid, va[31:15]}
  (* no_rw_check *) logic [127:0] line [0:4*STREAMS-1];

  logic dir_hit, line_hit;
  assign dir_hit  = dir_valid_q[slot_q]  && dir_tag[slot_q]  == {asid_i, page_q[31:21]};
  assign line_hit = line_valid_q[slot_q] && line_tag[slot_q] == {asid_i, page_q[31:15]};

  logic [127:0]       line_word;
  logic [FRAME_W+1:0] dir_held;
  assign line_word = line[{slot_q, page_q[14:13]}];
  assign dir_held  = dir_entry[slot_q];

  // Bits that must be 0 in a valid entry: reserved ones, L (no local memory),
  // address bits that this bus does not have.
  function automatic logic malformed(input logic [63:3] e);
    malformed = (|e[63:52]) || (|e[11:3]) || |(e[51:12] >> FRAME_W);
  endfunction

  assign hold_o     = inv_req_i;
  assign inv_done_o = inv_req_i && state_q == IDLE && quiet_i;
  assign forget_o   = inv_done_o;
  assign busy_o     = state_q != IDLE;

  assign k_valid_o   = state_q == READ_DIR || state_q == READ_LINE;
  // READ_LINE keeps the frame of the leaf table in frame_q.
  assign k_addr_o    = (state_q == READ_DIR) ? {directory_i, page_q[31:22], 4'd0}
                                             : {frame_q, page_q[20:15], 6'd0};
  assign k_len_o     = (state_q == READ_DIR) ? 4'd0 : 4'd3;
  assign line_read_o = k_valid_o && k_ready_i;

  assign r_done_o       = state_q == DONE && !write_q;
  assign w_done_o       = state_q == DONE && write_q;
  assign fault_o        = fault_q;
  assign status_o       = status_q;
  assign fault_addr_o   = fault_addr_q;
  assign fault_slot_o = slot_q;
  assign frame_o        = frame_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q      <= IDLE;
      dir_valid_q  <= '0;
      line_valid_q <= '0;
    end else begin
      case (state_q)
        IDLE: begin
          if (inv_req_i) begin
            if (quiet_i) begin
              for (int i = 0; i < STREAMS; i++) begin
                if (inv_asid_i == 16'd0 || dir_tag[i][26:11] == inv_asid_i) dir_valid_q[i] <= 1'b0;
                if (inv_asid_i == 16'd0 || line_tag[i][32:17] == inv_asid_i) line_valid_q[i] <= 1'b0;
              end
            end
          end else if (r_req_i || w_req_i) begin
            write_q  <= !r_req_i;
            page_q   <= r_req_i ? r_page_i : w_page_i;
            slot_q <= r_req_i ? r_slot_i : w_slot_i;
            again_q  <= 1'b0;
            error_q  <= 1'b0;
            fault_q  <= 1'b0;
            state_q  <= LOOKUP;
          end
        end
        LOOKUP: begin
          fault_addr_q <= BUS_BITS'({page_q, 12'd0});
          cached_q     <= 1'b1;
          entry_q      <= page_q[12] ? line_word[127:64] : line_word[63:0];
          frame_q      <= dir_held[FRAME_W-1:0];
          if (line_hit && !again_q) begin
            state_q <= CHECK_LEAF;
          end else if (dir_hit && !again_q) begin
            if (dir_held[FRAME_W+1]) begin
              // A block: the leaf entry it stands for.
              entry_q  <= {12'd0, 40'({dir_held[FRAME_W-1:9], page_q[20:12]}), 10'd0,
                           dir_held[FRAME_W], 1'b1};
              cached_q <= 1'b0;
              state_q  <= CHECK_LEAF;
            end else begin
              state_q <= READ_LINE;
            end
          end else begin
            state_q <= READ_DIR;
          end
        end
        READ_DIR: if (k_ready_i) state_q <= WAIT_DIR;
        WAIT_DIR: begin
          if (k_beat_i) begin
            entry_q      <= page_q[21] ? k_data_i[127:64] : k_data_i[63:0];
            error_q      <= k_error_i;
            fault_addr_q <= k_error_i ? {directory_i, page_q[31:22], 4'd0} : fault_addr_q;
            state_q      <= CHECK_DIR;
          end
        end
        CHECK_DIR: begin
          cached_q            <= 1'b0;
          dir_tag[slot_q]   <= {asid_i, page_q[31:21]};
          dir_entry[slot_q] <= {entry_q[2], entry_q[1], entry_q[12 +: FRAME_W]};
          frame_q             <= entry_q[12 +: FRAME_W];
          dir_valid_q[slot_q] <= 1'b0;
          if (error_q) begin
            fault_q  <= 1'b1;
            status_q <= 4'(`BNN_STATUS_BUS_ERROR);
            state_q  <= DONE;
          end else if (!entry_q[0]) begin
            fault_q  <= 1'b1;
            status_q <= 4'(`BNN_STATUS_MMU_FAULT);
            state_q  <= DONE;
          end else if (malformed(entry_q[63:3]) ||
                       (entry_q[2] ? |entry_q[20:12] : entry_q[1])) begin
            fault_q  <= 1'b1;
            status_q <= 4'(`BNN_STATUS_BAD_PTE);
            state_q  <= DONE;
          end else begin
            dir_valid_q[slot_q] <= 1'b1;
            if (entry_q[2]) begin
              entry_q <= {entry_q[63:21], page_q[20:12], entry_q[11:3], 1'b0, entry_q[1:0]};
              state_q <= CHECK_LEAF;
            end else begin
              state_q <= READ_LINE;
            end
          end
        end
        READ_LINE: begin
          line_valid_q[slot_q] <= 1'b0;
          line_tag[slot_q]     <= {asid_i, page_q[31:15]};
          beat_q                 <= 2'd0;
          cached_q               <= 1'b0;
          if (k_ready_i) state_q <= WAIT_LINE;
        end
        WAIT_LINE: begin
          if (k_beat_i) begin
            beat_q <= beat_q + 2'd1;
            if (k_error_i && !error_q) begin
              error_q      <= 1'b1;
              fault_addr_q <= {frame_q, page_q[20:15], 6'd0};
            end
            if (beat_q == page_q[14:13]) entry_q <= page_q[12] ? k_data_i[127:64] : k_data_i[63:0];
            if (k_last_i) begin
              line_valid_q[slot_q] <= !error_q && !k_error_i;
              state_q                <= CHECK_LEAF;
            end
          end
        end
        CHECK_LEAF: begin
          frame_q <= entry_q[12 +: FRAME_W];
          state_q <= DONE;
          if (error_q) begin
            fault_q  <= 1'b1;
            status_q <= 4'(`BNN_STATUS_BUS_ERROR);
          end else if (!entry_q[0]) begin
            if (cached_q) begin
              again_q <= 1'b1;
              state_q <= LOOKUP;
            end else begin
              fault_q  <= 1'b1;
              status_q <= 4'(`BNN_STATUS_MMU_FAULT);
            end
          end else if (malformed(entry_q[63:3]) || entry_q[2]) begin
            fault_q  <= 1'b1;
            status_q <= 4'(`BNN_STATUS_BAD_PTE);
          end else if (write_q && !entry_q[1]) begin
            fault_q  <= 1'b1;
            status_q <= 4'(`BNN_STATUS_MMU_FAULT);
          end
        end
        default: state_q <= IDLE;  // DONE
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == WAIT_LINE && k_beat_i) line[{slot_q, beat_q}] <= k_data_i;
  end

endmodule
