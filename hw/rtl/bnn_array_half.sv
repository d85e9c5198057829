// SPDX-License-Identifier: MIT
// Results of half a lane: values, or with FRAC M with its gate and L. Each tile with
// an open gate is noted in a list; round k of L uses entry k and leaves its result as
// the window's kth, so that all halves write to one place. When results are drained,
// counting gates from the window's first tile finds it again.
//
//   s7 value   s8 number of open gates of the window

module bnn_array_half #(
  parameter int AW      = 9,
  parameter int PW      = 7,
  parameter int RESULTS = 64,
  parameter int BLOCK_RAM = 0,
  localparam int RW     = $clog2(RESULTS)
) (
  input  logic          clk_i,

  input  logic          start_i,        // of a chunk
  input  logic          frac_i,
  input  logic          listed_i,       // L by the list; else for every tile

  input  logic          t_we_i,
  input  logic [PW-1:0] t_addr_i,
  input  logic [17:0]   t_data_i,

  input  logic [RW-1:0] s0_list_i,
  output logic [AW-1:0] s1_base_o,      // row of the tile in the list

  input  logic [PW-1:0] s6_gate_i,
  input  logic          s7_valid_i,
  input  logic          s7_m_i,
  input  logic          s7_l_i,
  input  logic [31:0]   s7_value_i,
  input  logic          s7_exists_i,    // the channel does
  input  logic          s7_end_i,       // last tile of the window
  input  logic [RW-1:0] s7_entry_i,
  input  logic [RW-1:0] s7_ebase_i,
  input  logic [AW-1:0] s7_base_i,
  output logic [RW:0]   s8_opens_o,     // of the last window

  input  logic          d_en_i,
  input  logic          d_first_i,      // of the window
  input  logic          d_take_i,       // this half's result is taken
  input  logic [RW-1:0] d_entry_i,
  input  logic [RW-1:0] d_high_i,       // of the upper half: the entry, or with a list the first of the window
  output logic [15:0]   d1_low_o,
  output logic [15:0]   d1_high_o,
  output logic          d1_open_o
);

  // Small and many; where there are enough blocks of RAM, they save LUTs.
  (* no_rw_check, ram_style = (BLOCK_RAM != 0) ? "block" : "distributed" *)
  logic [15:0] low  [0:RESULTS-1];      // of a value; M
  (* no_rw_check, ram_style = (BLOCK_RAM != 0) ? "block" : "distributed" *)
  logic [15:0] high [0:RESULTS-1];      // of a value; L
  (* no_rw_check, ram_style = (BLOCK_RAM != 0) ? "block" : "distributed" *)
  logic [17:0] gates [0:(1<<PW)-1];
  (* ram_style = "distributed" *) logic          open  [0:RESULTS-1];
  (* ram_style = "distributed" *) logic [AW-1:0] list  [0:RESULTS-1];

  logic unused;
  assign unused = 1'(BLOCK_RAM);

  // ---- gates ----
  logic signed [17:0] gate_q;
  logic               is_open, note;
  logic [RW:0]        opens_q, opens;
  assign is_open = $signed(s7_value_i[17:0]) >= gate_q && s7_exists_i;
  assign note    = s7_valid_i && s7_m_i;
  assign opens   = opens_q + (RW+1)'(is_open);

  always_ff @(posedge clk_i) begin
    if (t_we_i) gates[t_addr_i] <= t_data_i;
    if (frac_i) gate_q <= gates[s6_gate_i];
    if (note && is_open && listed_i) list[s7_ebase_i + opens_q[RW-1:0]] <= s7_base_i;
    s1_base_o <= list[s0_list_i];
    if (start_i) opens_q <= '0;
    else if (note) opens_q <= s7_end_i ? '0 : opens;
    if (note) s8_opens_o <= opens;
  end

  // ---- results: of the channels that the window belongs to; L of a list has no tile ----
  logic write;
  assign write = s7_valid_i && (s7_exists_i || (s7_l_i && listed_i));
  always_ff @(posedge clk_i) begin
    if (write && !s7_l_i) low[s7_entry_i] <= s7_value_i[15:0];
    if (write && !s7_m_i) high[s7_entry_i] <= s7_l_i ? s7_value_i[15:0] : s7_value_i[31:16];
    if (write && s7_m_i) open[s7_entry_i] <= is_open;
  end

  // ---- draining ----
  logic          d_open;
  logic [RW-1:0] passed_q, passed, high_addr;
  assign d_open = frac_i && open[d_entry_i];
  assign passed = d_first_i ? '0 : passed_q;
  bnn_add #(
    .W(RW)
  ) u_high (
    .carry_i(1'b0),
    .a_i    (d_high_i),
    .b_i    (listed_i ? passed : '0),
    .y_o    (high_addr)
  );

  always_ff @(posedge clk_i) begin
    if (d_en_i && d_take_i) begin
      passed_q  <= passed + RW'(d_open);
      d1_low_o  <= low[d_entry_i];
      d1_high_o <= high[high_addr];
      d1_open_o <= d_open;
    end
  end

endmodule
