// SPDX-License-Identifier: MIT
// Simulation models of the ECP5's block RAM and multiplier: yosys has none. Written from Lattice's
// guides (FPGA-TN-02204, FPGA-TN-02205) and from how yosys maps to them, for what it uses: no output
// registers, at most a synchronous reset, no cascades. A netlist that uses more does not elaborate.

// 18 Kbit. AD counts bits, parity not among them: a port of 18 bits starts at AD[4], one of 9 at AD[3],
// the others are within 8 of 9 bits. AD[3:0] of ports of 18 and 36 bits are byte enables. A port of
// 36 bits takes DIA, DIB (it is A) or gives DOA, DOB (it is B).
//
// A word that is read by one port while the other writes it is undefined: the bits being written come
// out inverted here, so that a design that counts on old or new ones is found.

/* verilator lint_off MULTIDRIVEN */
module DP16KD #(
  parameter DATA_WIDTH_A = 18,
  parameter DATA_WIDTH_B = 18,
  parameter REGMODE_A = "NOREG",
  parameter REGMODE_B = "NOREG",
  parameter RESETMODE = "SYNC",
  parameter ASYNC_RESET_RELEASE = "SYNC",
  parameter CSDECODE_A = "0b000",
  parameter CSDECODE_B = "0b000",
  parameter [127:0] WRITEMODE_A = "NORMAL",
  parameter [127:0] WRITEMODE_B = "NORMAL",
  parameter CLKAMUX = "CLKA",
  parameter CLKBMUX = "CLKB",
  parameter GSR = "AUTO",
  parameter [319:0] INITVAL_00 = 320'd0, INITVAL_01 = 320'd0, INITVAL_02 = 320'd0, INITVAL_03 = 320'd0,
  parameter [319:0] INITVAL_04 = 320'd0, INITVAL_05 = 320'd0, INITVAL_06 = 320'd0, INITVAL_07 = 320'd0,
  parameter [319:0] INITVAL_08 = 320'd0, INITVAL_09 = 320'd0, INITVAL_0A = 320'd0, INITVAL_0B = 320'd0,
  parameter [319:0] INITVAL_0C = 320'd0, INITVAL_0D = 320'd0, INITVAL_0E = 320'd0, INITVAL_0F = 320'd0,
  parameter [319:0] INITVAL_10 = 320'd0, INITVAL_11 = 320'd0, INITVAL_12 = 320'd0, INITVAL_13 = 320'd0,
  parameter [319:0] INITVAL_14 = 320'd0, INITVAL_15 = 320'd0, INITVAL_16 = 320'd0, INITVAL_17 = 320'd0,
  parameter [319:0] INITVAL_18 = 320'd0, INITVAL_19 = 320'd0, INITVAL_1A = 320'd0, INITVAL_1B = 320'd0,
  parameter [319:0] INITVAL_1C = 320'd0, INITVAL_1D = 320'd0, INITVAL_1E = 320'd0, INITVAL_1F = 320'd0,
  parameter [319:0] INITVAL_20 = 320'd0, INITVAL_21 = 320'd0, INITVAL_22 = 320'd0, INITVAL_23 = 320'd0,
  parameter [319:0] INITVAL_24 = 320'd0, INITVAL_25 = 320'd0, INITVAL_26 = 320'd0, INITVAL_27 = 320'd0,
  parameter [319:0] INITVAL_28 = 320'd0, INITVAL_29 = 320'd0, INITVAL_2A = 320'd0, INITVAL_2B = 320'd0,
  parameter [319:0] INITVAL_2C = 320'd0, INITVAL_2D = 320'd0, INITVAL_2E = 320'd0, INITVAL_2F = 320'd0,
  parameter [319:0] INITVAL_30 = 320'd0, INITVAL_31 = 320'd0, INITVAL_32 = 320'd0, INITVAL_33 = 320'd0,
  parameter [319:0] INITVAL_34 = 320'd0, INITVAL_35 = 320'd0, INITVAL_36 = 320'd0, INITVAL_37 = 320'd0,
  parameter [319:0] INITVAL_38 = 320'd0, INITVAL_39 = 320'd0, INITVAL_3A = 320'd0, INITVAL_3B = 320'd0,
  parameter [319:0] INITVAL_3C = 320'd0, INITVAL_3D = 320'd0, INITVAL_3E = 320'd0, INITVAL_3F = 320'd0
) (
  input  CLKA, CEA, OCEA, WEA, RSTA, CSA2, CSA1, CSA0,
  input  ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input  DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1,
         DIA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1,
         DOA0,
  input  CLKB, CEB, OCEB, WEB, RSTB, CSB2, CSB1, CSB0,
  input  ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input  DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1,
         DIB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1,
         DOB0
);
  wire [13:0] ada;
  wire [17:0] dia;
  wire [13:0] adb;
  wire [17:0] dib;
  assign ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  assign dia = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3,
                DIA2, DIA1, DIA0};
  assign adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  assign dib = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3,
                DIB2, DIB1, DIB0};

  // Where the addressed bits are in a row of 36, and which of them a write changes.
  function [5:0] place(input integer width, input [13:0] ad);
    place = ((width < 36 && ad[4]) ? 6'd18 : 6'd0) + ((width < 18 && ad[3]) ? 6'd9 : 6'd0) +
            ((width == 4) ? {3'd0, ad[2], 2'd0} : (width == 2) ? {3'd0, ad[2:1], 1'd0} :
             (width == 1) ? {3'd0, ad[2:0]} : 6'd0);
  endfunction
  function [35:0] mask(input integer width, input [13:0] ad);
    mask = (width == 36) ? {{9{ad[3]}}, {9{ad[2]}}, {9{ad[1]}}, {9{ad[0]}}} :
           ((width == 18) ? {18'd0, {9{ad[1]}}, {9{ad[0]}}} : (36'd1 << width) - 36'd1) << place(width, ad);
  endfunction

  reg  [35:0] row [0:511];
  reg  [35:0] qa, qb;
  wire        clka, clkb, ena, enb, wra, wrb;
  wire [35:0] maska, maskb, olda, oldb, newa, newb, seena, seenb;

  assign clka  = (CLKAMUX == "INV") ? ~CLKA : CLKA;
  assign clkb  = (CLKBMUX == "INV") ? ~CLKB : CLKB;
  assign ena   = CEA && {CSA2, CSA1, CSA0} == 3'd0;
  assign enb   = CEB && {CSB2, CSB1, CSB0} == 3'd0;
  assign wra   = ena && WEA && !RSTA;
  assign wrb   = enb && WEB && !RSTB;
  assign maska = wra ? mask(DATA_WIDTH_A, ada) : 36'd0;
  assign maskb = wrb ? mask(DATA_WIDTH_B, adb) : 36'd0;
  assign olda  = row[ada[13:5]];
  assign oldb  = row[adb[13:5]];
  assign newa  = (olda & ~maska) | (({DATA_WIDTH_A == 36 ? dib : 18'd0, dia} << place(DATA_WIDTH_A, ada)) & maska);
  assign newb  = (oldb & ~maskb) | (({18'd0, dib} << place(DATA_WIDTH_B, adb)) & maskb);
  assign seena = (ada[13:5] == adb[13:5]) ? olda ^ maskb : olda;
  assign seenb = (ada[13:5] == adb[13:5]) ? oldb ^ maska : oldb;

  always @(posedge clka) begin
    if (RESETMODE != "SYNC" && (RSTA || RSTB)) $fatal(1, "DP16KD: no model of an asynchronous reset");
    if (wra) row[ada[13:5]] <= newa;
    if (RSTA) qa <= 36'd0;
    else if (ena && (!WEA || WRITEMODE_A == "READBEFOREWRITE")) qa <= seena >> place(DATA_WIDTH_A, ada);
    else if (ena && WRITEMODE_A == "WRITETHROUGH") qa <= newa >> place(DATA_WIDTH_A, ada);
  end
  always @(posedge clkb) begin
    if (wrb) row[adb[13:5]] <= newb;
    if (RSTB) qb <= 36'd0;
    else if (enb && (!WEB || WRITEMODE_B == "READBEFOREWRITE")) qb <= seenb >> place(DATA_WIDTH_B, adb);
    else if (enb && WRITEMODE_B == "WRITETHROUGH") qb <= newb >> place(DATA_WIDTH_B, adb);
  end

  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2,
          DOA1, DOA0} = (DATA_WIDTH_B == 36) ? qb[17:0] : qa[17:0];
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2,
          DOB1, DOB0} = (DATA_WIDTH_B == 36) ? qb[35:18] : qb[17:0];

  localparam [20479:0] INIT = {
    INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C,
    INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
    INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
    INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
    INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C,
    INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
    INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24,
    INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
    INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C,
    INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
    INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14,
    INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
    INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C,
    INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
    INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04,
    INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00};
  integer i;
  initial begin
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG" || CSDECODE_A != "0b000" || CSDECODE_B != "0b000")
      $fatal(1, "DP16KD: no model of this mode");
    qa = 36'd0;
    qb = 36'd0;
    for (i = 0; i < 512; i = i + 1) row[i] = {INIT[40*i+20 +: 18], INIT[40*i +: 18]};
  end

endmodule
/* verilator lint_on MULTIDRIVEN */

module MULT18X18D (
  input  A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input  B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input  C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input  SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
         P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  wire signed [18:0] a, b;
  wire signed [37:0] p;
  assign a = {SIGNEDA && A17, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  assign b = {SIGNEDB && B17, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  assign p = a * b;
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15,
          P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = p[35:0];

endmodule
