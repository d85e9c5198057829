// SPDX-License-Identifier: MIT
// Address translation: a directory and leaf tables, read from the bus. Kept are
// eight directory entries, and for each slot (reference of the command, command,
// structures) eight lines of eight leaf entries, by the line's lowest bits, and for the
// first four twice as many, in two ways: streams go round planes there. The next
// line is read ahead from the middle of one on, or if the request goes on behind it.
// All are tagged with the address space.
//
// A leaf entry that is invalid in a line held here is read again before it
// faults, so that the driver may map pages without an invalidation; invalid
// directory entries are never kept. What goes wrong with a line read ahead is
// found when the line is needed.
//
// Invalidation: hold_o stops new bursts, outstanding ones are waited for, the
// entries are dropped, and forget_o makes the engines drop the page they hold.
// Lines are looked at one by one, as they are after a reset: their tags are in RAM.

module bnn_bus_mmu #(
  parameter int BUS_BITS = 52
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 flush_i,      // read nothing ahead

  input  logic [BUS_BITS-1:14] directory_i,
  input  logic [15:0]          asid_i,

  // One request at a time: taken, then done.
  input  logic                 x_req_i,
  output logic                 x_take_o,
  input  logic                 x_write_i,
  input  logic [31:12]         x_page_i,
  input  logic [3:0]           x_slot_i,
  input  logic                 x_more_i,     // the next line will be needed
  output logic                 x_done_o,
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
  output logic                 walk_o,       // somebody waits
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

  localparam int LINES   = 128;              // {slot, va[17:15]}; slots 11 to 14 are second ways of 0 to 3
  localparam int DIRS    = 8;
  localparam int FRAME_W = BUS_BITS - 12;

  localparam logic [3:0] IDLE = 4'd0, LOOKUP = 4'd1, READ_DIR = 4'd2, WAIT_DIR = 4'd3,
                         CHECK_DIR = 4'd4, READ_LINE = 4'd5, WAIT_LINE = 4'd6,
                         CHECK_LEAF = 4'd7, DONE = 4'd8, DROP = 4'd9;

  logic [3:0]          state_q;
  logic                write_q, more_q, cached_q, again_q, error_q, fault_q;
  logic                way_q, both_q;        // both: the other way has been looked at
  logic [31:12]        page_q;
  logic [3:0]          slot_q;
  logic                block_q, w_q, v_q, bad_q; // of the entry being looked at
  logic [FRAME_W-1:0]  entry_q;              // its frame
  logic [1:0]          beat_q;
  logic [3:0]          status_q;
  logic [FRAME_W-1:0]  frame_q;
  logic                in_dir_q;             // the directory is what is read, or the leaf table

  // ---- lines: both RAMs are read a cycle ahead, at next_line ----
  localparam int ENTRY_W = FRAME_W + 3;      // {bad, W, valid, frame}
  localparam int TAG_W   = 1 + 16 + 14;      // {valid, asid, va[31:18]}
  (* no_rw_check *) logic [TAG_W-1:0]     line_tag [0:LINES-1];
  (* no_rw_check *) logic [2*ENTRY_W-1:0] line [0:4*LINES-1];

  logic [6:0]           line_at, next_at, drop_q; // drop: the one looked at
  logic [1:0]           next_word;
  logic                 line_hit, line_put, dropped;
  logic                 drop_all_q;           // after a reset
  logic [TAG_W-1:0]     tag_q;
  logic [2*ENTRY_W-1:0] line_q;
  logic                 two_ways, next_way;
  logic                 victim [0:31];        // the way of a set that is read into next
  logic                 victim_q;             // that of the set looked at
  logic [4:0]           set;
  assign two_ways = slot_q[3:2] == 2'd0;
  assign set      = {slot_q[1:0], page_q[17:15]};
  assign line_at  = {way_q ? slot_q + 4'd11 : slot_q, page_q[17:15]};
  assign line_hit = tag_q == {1'b1, asid_i, page_q[31:18]};

  // Asked for is the line looked for, its other way, or the next one to be dropped.
  logic [3:0] next_slot;
  assign next_slot = (state_q == IDLE) ? new_slot : slot_q;
  always_comb begin
    next_at   = {next_way ? next_slot + 4'd11 : next_slot, (state_q == IDLE) ? new_line[17:15] : page_q[17:15]};
    next_word = (state_q == IDLE) ? x_page_i[14:13] : page_q[14:13];
    if (state_q == IDLE && inv_req_i) next_at = 7'd0;
    else if (state_q == DROP) next_at = drop_q + 7'd1;
  end
  assign next_way = (state_q == IDLE) ? new_slot[3:2] == 2'd0 && !victim[{new_slot[1:0], new_line[17:15]}] : !way_q;
  assign line_put = state_q == WAIT_LINE && k_beat_i && k_last_i;
  assign dropped  = state_q == DROP && (drop_all_q || inv_asid_i == 16'd0 || tag_q[29:14] == inv_asid_i);

  // ---- directory entries ----
  logic [DIRS-1:0]     dir_valid_q, dir_match;
  logic [DIRS*27-1:0]  dir_tag_q;            // {asid, va[31:21]}
  logic [FRAME_W+1:0]  dir_entry [0:DIRS-1]; // {block, W, frame}
  logic [2:0]          dir_at, dir_victim_q, dir_put_q;
  logic                dir_hit, dir_hit_q;   // put, hit: as found when it was looked for
  logic [FRAME_W+1:0]  dir_held;

  for (genvar i = 0; i < DIRS; i++) begin : gen_dir
    assign dir_match[i] = dir_valid_q[i] && dir_tag_q[i*27 +: 27] == {asid_i, page_q[31:21]};
  end
  always_comb begin
    dir_at = '0;
    for (int i = 0; i < DIRS; i++) if (dir_match[i]) dir_at = 3'(i);
  end
  assign dir_hit  = |dir_match;
  assign dir_held = dir_entry[dir_at];

  // ---- the line to be read ahead ----
  logic               ahead_q, ahead_wait_q; // looked for or read; to be
  logic [31:15]       ahead_line_q;
  logic [3:0]         ahead_slot_q;
  // What is looked for next; first in the way that was read into last.
  logic [3:0]         new_slot;
  logic [31:15]       new_line;
  assign new_slot = x_req_i ? x_slot_i : ahead_slot_q;
  assign new_line = x_req_i ? x_page_i[31:15] : ahead_line_q;
  // Rows and planes are requests of their own, but go on behind each other: from the middle of a line
  // on the next is read, where there may be many planes only from the last quarter on, or it would take
  // the places of lines that others are in.
  logic               planes, ahead_useful;
  assign planes       = slot_q == 4'd0 || slot_q == 4'd3;
  assign ahead_useful = (more_q || (page_q[14] && (page_q[13] || !planes))) && !(&page_q[20:15]) && dir_hit &&
                        !dir_held[FRAME_W+1];

  // Bits that must be 0 in a valid entry: reserved ones, L (no local memory),
  // address bits that this bus does not have.
  function automatic logic malformed(input logic [63:3] e);
    malformed = (|e[63:52]) || (|e[11:3]) || |(e[51:12] >> FRAME_W);
  endfunction
  // What is kept of a leaf entry: nothing can be a block there.
  function automatic logic [ENTRY_W-1:0] leaf(input logic [63:0] e);
    leaf = {malformed(e[63:3]) || e[2], e[1:0], e[12 +: FRAME_W]};
  endfunction
  logic [63:0] k_entry;
  assign k_entry = (in_dir_q ? page_q[21] : page_q[12]) ? k_data_i[127:64] : k_data_i[63:0];

  // What is wrong with the entry, where something is.
  logic [3:0] refused;
  assign refused = error_q ? 4'(`BNN_STATUS_BUS_ERROR) : (v_q && bad_q) ? 4'(`BNN_STATUS_BAD_PTE)
                                                                     : 4'(`BNN_STATUS_MMU_FAULT);

  assign hold_o     = inv_req_i;
  assign inv_done_o = inv_req_i && !drop_all_q && state_q == DROP && drop_q == 7'(LINES - 1);
  assign forget_o   = inv_done_o;
  assign busy_o     = state_q != IDLE;
  assign walk_o     = state_q != IDLE && state_q != DROP && !ahead_q;

  assign k_valid_o   = state_q == READ_DIR || state_q == READ_LINE;
  // Until a fault is told frame_q is that of the leaf table.
  assign k_addr_o    = in_dir_q ? {directory_i, page_q[31:22], 4'd0} : {frame_q, page_q[20:15], 6'd0};
  assign k_len_o     = in_dir_q ? 4'd0 : 4'd3;
  assign line_read_o = k_valid_o && k_ready_i;

  assign x_take_o     = state_q == IDLE && !inv_req_i && x_req_i;
  assign x_done_o     = state_q == DONE;
  assign fault_o      = fault_q;
  assign status_o     = status_q;
  assign fault_addr_o = error_q ? k_addr_o : BUS_BITS'({page_q, 12'd0});
  assign fault_slot_o = slot_q;
  assign frame_o      = entry_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q      <= DROP;
      drop_all_q   <= 1'b1;
      drop_q       <= '0;
      dir_valid_q  <= '0;
      dir_victim_q <= '0;
      ahead_wait_q <= 1'b0;
    end else begin
      case (state_q)
        IDLE: begin
          again_q <= 1'b0;
          error_q <= 1'b0;
          fault_q <= 1'b0;
          ahead_q <= 1'b0;
          both_q  <= 1'b0;
          way_q    <= next_way;
          victim_q <= !next_way;
          drop_q   <= '0;
          if (inv_req_i) begin
            ahead_wait_q <= 1'b0;
            if (quiet_i) begin
              // Of the directories all that is kept: few entries, soon read again.
              dir_valid_q <= '0;
              state_q     <= DROP;
            end
          end else if (x_req_i) begin
            write_q <= x_write_i;
            page_q  <= x_page_i;
            slot_q  <= new_slot;
            more_q  <= x_more_i;
            state_q <= LOOKUP;
          end else if (ahead_wait_q) begin
            ahead_wait_q <= 1'b0;
            ahead_q      <= 1'b1;
            page_q       <= {new_line, 3'd0};
            slot_q       <= new_slot;
            state_q      <= LOOKUP;
          end
        end
        LOOKUP: begin
          cached_q  <= 1'b1;
          in_dir_q  <= 1'b0;
          block_q   <= 1'b0;
          {bad_q, w_q, v_q, entry_q} <= page_q[12] ? line_q[2*ENTRY_W-1:ENTRY_W] : line_q[ENTRY_W-1:0];
          frame_q   <= dir_held[FRAME_W-1:0];
          dir_hit_q <= dir_hit;
          dir_put_q <= dir_hit ? dir_at : dir_victim_q;
          if (line_hit && !again_q) begin
            state_q <= ahead_q ? IDLE : CHECK_LEAF;
          end else if (two_ways && !both_q && !again_q) begin
            way_q  <= next_way;
            both_q <= 1'b1;
          end else if (dir_hit && !again_q) begin
            way_q <= two_ways && victim_q;
            if (dir_held[FRAME_W+1]) begin
              // A block: the leaf entry it stands for.
              {bad_q, w_q, v_q} <= {1'b0, dir_held[FRAME_W], 1'b1};
              entry_q  <= {dir_held[FRAME_W-1:9], page_q[20:12]};
              cached_q <= 1'b0;
              state_q  <= ahead_q ? IDLE : CHECK_LEAF;
            end else begin
              state_q <= READ_LINE;
            end
          end else begin
            // A line that is read again stays where it is.
            if (!again_q) way_q <= two_ways && victim_q;
            in_dir_q <= 1'b1;
            state_q  <= ahead_q ? IDLE : READ_DIR;
          end
        end
        READ_DIR: if (k_ready_i) state_q <= WAIT_DIR;
        WAIT_DIR: begin
          if (k_beat_i) begin
            {block_q, w_q, v_q} <= k_entry[2:0];
            entry_q <= k_entry[12 +: FRAME_W];
            bad_q   <= malformed(k_entry[63:3]) || (k_entry[2] ? |k_entry[20:12] : k_entry[1]);
            error_q <= k_error_i;
            state_q <= CHECK_DIR;
          end
        end
        CHECK_DIR: begin
          cached_q <= 1'b0;
          for (int i = 0; i < DIRS; i++) if (dir_put_q == 3'(i)) dir_tag_q[i*27 +: 27] <= {asid_i, page_q[31:21]};
          dir_entry[dir_put_q]   <= {block_q, w_q, entry_q};
          frame_q                <= entry_q;
          dir_valid_q[dir_put_q] <= !error_q && v_q && !bad_q;
          status_q               <= refused;
          if (error_q || !v_q || bad_q) begin
            fault_q <= 1'b1;
            state_q <= DONE;
          end else begin
            in_dir_q <= 1'b0;
            if (!dir_hit_q) dir_victim_q <= dir_victim_q + 3'd1;
            if (block_q) entry_q[8:0] <= page_q[20:12];
            state_q <= block_q ? CHECK_LEAF : READ_LINE;
          end
        end
        READ_LINE: begin
          beat_q   <= 2'd0;
          cached_q <= 1'b0;
          if (k_ready_i) state_q <= WAIT_LINE;
        end
        WAIT_LINE: begin
          if (k_beat_i) begin
            beat_q  <= beat_q + 2'd1;
            error_q <= error_q || k_error_i;
            if (beat_q == page_q[14:13]) {bad_q, w_q, v_q, entry_q} <= leaf(k_entry);
            if (k_last_i) state_q <= ahead_q ? IDLE : CHECK_LEAF;
          end
        end
        CHECK_LEAF: begin
          status_q <= refused;
          state_q  <= DONE;
          if (!error_q && !v_q && cached_q) begin
            again_q <= 1'b1;
            state_q <= LOOKUP;
          end else if (error_q || !v_q || bad_q || (write_q && !w_q)) begin
            fault_q <= 1'b1;
          end else if (ahead_useful) begin
            ahead_wait_q  <= 1'b1;
            ahead_line_q  <= page_q[31:15] + 17'd1;
            ahead_slot_q  <= slot_q;
          end
        end
        DROP: begin
          drop_q <= drop_q + 7'd1;
          if (drop_q == 7'(LINES - 1)) begin
            drop_all_q <= 1'b0;
            state_q    <= IDLE;
          end
        end
        default: state_q <= IDLE;  // DONE
      endcase
      if (flush_i) ahead_wait_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == WAIT_LINE && k_beat_i) line[{line_at, beat_q}] <= {leaf(k_data_i[127:64]), leaf(k_data_i[63:0])};
    if (line_put || dropped) begin
      line_tag[dropped ? drop_q : line_at] <= {!dropped && !error_q && !k_error_i, asid_i, page_q[31:18]};
    end
    if (line_put) victim[set] <= !way_q;
    tag_q  <= line_tag[next_at];
    line_q <= line[{next_at, next_word}];
  end

endmodule
