// SPDX-License-Identifier: MIT
// CONV and EW. In each chunk the weights and parameter records of as many output
// channels as fit become resident; then every window is packed once, plane by
// plane, as the weight rows are (taps without gaps), and run against all of them.
//
//   for each chunk:  load weights, load parameters
//     for each output pixel:  fill the window buffer
//       for each tile of LANES channels:  for each pass:  for each word:  all lanes
//
// A pass sets one plane of the input against all planes of the weights; passes
// come in descending significance, the accumulators are doubled between them. For EW
// bnn_values gives the accumulators as it does residuals.

module bnn_layer #(
  parameter int LANES        = 16,
  parameter int LANE_BITS    = 256,
  parameter int WEIGHT_WORDS = 256,
  parameter int PARAM_WORDS  = 128,
  parameter int WINDOW_WORDS = 2048,
  parameter int CH           = 8,
  parameter int IMPL         = 0
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clear_i,

  input  logic             start_i,
  output logic             done_o,        // pulse
  output logic             active_o,

  input  logic [13:0]      cin_i,
  input  logic [13:0]      cout_i,
  input  logic [5:0]       taps_i,        // KH * KW
  input  logic [1:0]       pad_mode_i,
  input  logic [12:0]      oh_i,
  input  logic [12:0]      ow_i,
  input  logic [2:0]       wformat_i,
  input  logic [1:0]       wmode_i,
  input  logic [13:0]      rows_i,        // stored weight rows
  input  logic [39:0]      flat_i,        // TILED_FLAT: stored weights
  input  logic [3:0]       tau_i,
  input  logic             ew_i,
  input  logic [39:0]      res_i,
  input  logic             frac_i,
  input  logic             narrow_i,
  input  logic             record_i,
  input  logic             sum_en_i,
  input  logic             p1_i,
  input  logic             p1_pow2_i,
  input  logic             p2_i,
  input  logic             p2_pow2_i,
  input  logic [3:0]       ps_i,
  input  logic [4:0]       s1_i,
  input  logic [4:0]       sb1_i,
  input  logic [4:0]       s2_i,
  input  logic [4:0]       sb2_i,
  input  logic [4:0]       s3_i,
  input  logic [15:0]      a3_i,
  input  logic [31:0]      b3_i,
  input  logic [24:0]      formats_i,     // {RES2, RES1, OUTS, OUTP, IN}
  input  logic [7:0]       ref_onchip_i,
  input  logic [8*32-1:0]  ref_addr_i,
  input  logic [8*24-1:0]  ref_row_i,
  input  logic [8*17-1:0]  ref_pixel_i,
  input  logic [8*32-1:0]  ref_plane_i,

  // Weights, parameters, residuals, IN of EW.
  output logic             rq_valid_o,
  input  logic             rq_ready_i,
  output logic [3:0]       rq_slot_o,
  output logic [31:0]      rq_addr_o,
  output logic [27:0]      rq_bytes_o,
  input  logic             rb_valid_i,
  output logic             rb_ready_o,
  input  logic [127:0]     rb_data_i,

  output logic             win_start_o,
  input  logic             c_valid_i,
  output logic             c_ready_o,
  input  logic [CH*16-1:0] c_data_i,
  input  logic [3:0]       c_count_i,
  input  logic             c_absent_i,
  input  logic             c_tap_last_i,
  input  logic             c_win_last_i,
  input  logic             c_first_i,

  output logic             put_valid_o,
  input  logic             put_ready_i,
  output logic [4:0]       put_place_o,   // 0 to 15 planes of OUTP, 16 OUTS, 17 SUM
  output logic             put_onchip_o,
  output logic [31:0]      put_addr_o,
  output logic [15:0]      put_data_o,

  output logic [31:0]      present_o,     // taps inside the input, of all pixels
  output logic [47:0]      open_o,        // of them, times open gates
  output logic             count_o,       // pulse with the next three
  output logic [15:0]      saturated_o,
  output logic [7:0]       gates_open_o,
  output logic [7:0]       gates_shut_o,
  output logic             busy_array_o,
  output logic             wait_weights_o,
  output logic             wait_act_o,
  output logic             wait_post_o,
  output logic             wait_store_o,
  output logic             row_done_o
);

  localparam int WH      = LANE_BITS / 16;                      // pieces of a word
  localparam int WH_LOG2 = $clog2(WH);
  localparam int CHUNK   = (LANE_BITS < 128) ? LANE_BITS : 128;
  localparam int CHUNKS  = LANE_BITS / CHUNK;                   // chunks of a word
  localparam int BCH     = 128 / CHUNK;                         // chunks of a beat
  localparam int ADDR_W  = $clog2(WEIGHT_WORDS);
  localparam int WIN_W   = $clog2(WINDOW_WORDS);
  localparam int MASK_D  = 1 << $clog2((32767 + 49 * 15) / LANE_BITS + 1);
  localparam int MASK_W  = $clog2(MASK_D);
  localparam int PAR_W   = $clog2(PARAM_WORDS);
  localparam int LANE_W  = $clog2(LANES);
  localparam int TPH     = (LANES < 16) ? 16 / LANES : 1;       // tiles of 16 channels
  localparam int CAP     = (LANES < 16) ? 16 : LANES;           // channels collected before they are put
  localparam int SUBS    = CAP / 16;

  localparam logic [4:0] IDLE = 5'd0, PLAN = 5'd1, FIT = 5'd2, ROUND = 5'd3, PASS = 5'd4,
                         ASK_W = 5'd5, LOAD_W = 5'd6, ASK_P = 5'd7, LOAD_P = 5'd8,
                         WINDOW = 5'd9, FILL = 5'd10, COMPUTE = 5'd11, DRAIN = 5'd12,
                         SUMS = 5'd13, NEXT = 5'd14, PLAN2 = 5'd15, FEED = 5'd16,
                         RUN_ASK = 5'd17, RUN_GET = 5'd18, UNIT = 5'd19, BOOK_ASK = 5'd20,
                         BOOK_GET = 5'd21, INDEX_ASK = 5'd22, INDEX_GET = 5'd23, LOOK = 5'd24, EMIT = 5'd25;

  logic [4:0] state_q;

  // ---- formats ----
  logic [4:0] in_format, outp_format, outs_format;
  assign in_format   = formats_i[4:0];
  assign outp_format = formats_i[9:5];
  assign outs_format = formats_i[14:10];

  function automatic logic [4:0] planes_of(input logic [4:0] f);
    case (f)
      `BNN_FORMAT_B1:                                 planes_of = 5'd1;
      `BNN_FORMAT_O2:                                 planes_of = 5'd2;
      `BNN_FORMAT_O4, `BNN_FORMAT_U4, `BNN_FORMAT_S4, `BNN_FORMAT_E_O4, `BNN_FORMAT_E_U4,
      `BNN_FORMAT_E_S4:                               planes_of = 5'd4;
      `BNN_FORMAT_S16, `BNN_FORMAT_E_S16:             planes_of = 5'd16;
      `BNN_FORMAT_NONE:                               planes_of = 5'd0;
      default:                                        planes_of = 5'd8;
    endcase
  endfunction
  function automatic logic [5:0] element_bits(input logic [4:0] f);
    case (f)
      `BNN_FORMAT_NONE:                                     element_bits = 6'd0;
      `BNN_FORMAT_E_O4, `BNN_FORMAT_E_U4, `BNN_FORMAT_E_S4: element_bits = 6'd4;
      `BNN_FORMAT_E_U8, `BNN_FORMAT_E_S8:                   element_bits = 6'd8;
      `BNN_FORMAT_E_S32:                                    element_bits = 6'd32;
      default:                                              element_bits = 6'd16;
    endcase
  endfunction

  logic [1:0] wl_q;                          // log2 of the bits of a weight
  logic       w_pm1_q, w_top_neg_q, w_ternary_q, a_odd_q, a_signed_q;
  logic [4:0] na_q, outp_planes_q, passes_q;
  logic [5:0] outs_bits_q;
  logic       extra_q;                       // absent taps of -1 in an unsigned format: a pass of their own
  always_ff @(posedge clk_i) begin
    if (state_q == PLAN) begin
      case (wformat_i)
        `BNN_WFORMAT_T, `BNN_WFORMAT_O2:  wl_q <= 2'd1;
        `BNN_WFORMAT_O4, `BNN_WFORMAT_S4: wl_q <= 2'd2;
        `BNN_WFORMAT_O8, `BNN_WFORMAT_S8: wl_q <= 2'd3;
        default:                          wl_q <= 2'd0;
      endcase
      w_ternary_q   <= wformat_i == `BNN_WFORMAT_T;
      w_top_neg_q   <= wformat_i == `BNN_WFORMAT_T || wformat_i == `BNN_WFORMAT_S4 || wformat_i == `BNN_WFORMAT_S8;
      w_pm1_q       <= !(wformat_i == `BNN_WFORMAT_T || wformat_i == `BNN_WFORMAT_S4 || wformat_i == `BNN_WFORMAT_S8);
      a_odd_q       <= in_format <= `BNN_FORMAT_O8 || in_format == `BNN_FORMAT_E_O4;
      a_signed_q    <= in_format == `BNN_FORMAT_S4 || in_format == `BNN_FORMAT_S8 || in_format == `BNN_FORMAT_S16 ||
                       in_format == `BNN_FORMAT_E_S4 || in_format == `BNN_FORMAT_E_S8 || in_format == `BNN_FORMAT_E_S16;
      na_q          <= planes_of(in_format);
      outp_planes_q <= planes_of(outp_format);
      outs_bits_q   <= element_bits(outs_format);
    end
    if (state_q == PLAN2) begin
      extra_q  <= !a_odd_q && !a_signed_q && pad_mode_i == 2'd2;
      passes_q <= (a_odd_q && !w_pm1_q) ? na_q + 5'd2
                : na_q + 5'(!a_odd_q && !a_signed_q && pad_mode_i == 2'd2);
    end
  end

  // ---- sizes ----
  logic [9:0]        cg_pieces, out_pieces;
  logic [12:0]       tap_pieces_q;           // 16-bit pieces of a stored tap
  logic [14:0]       act_pieces_q;           // pieces of a window and plane
  logic [13:0]       row_beats_q;
  logic [ADDR_W:0]   row_words_q, fit_q;     // words of a weight row
  logic [MASK_W:0]   act_words_q;            // of a window and plane
  logic [13:0]       tiles_q, tiles_all;     // of a chunk; of the command
  logic [13:0]       row_q, rows_q;          // first channel of the chunk; channels of it
  logic [14:0]       rows_max, rows_left;
  logic [31:0]       param_q;
  logic [14:0]       outs_pieces;

  assign cg_pieces   = 10'((15'(cin_i) + 15'd15) >> 4);
  assign out_pieces  = 10'((15'(cout_i) + 15'd15) >> 4);
  assign outs_pieces = 15'((20'(cout_i) * 20'(outs_bits_q) + 20'd15) >> 4);
  assign tiles_all   = 14'((15'(cout_i) + 15'(LANES - 1)) >> LANE_W);
  assign rows_left   = {1'b0, cout_i - row_q};
  assign rows_max    = {1'b0, tiles_q} << LANE_W;

  // ---- loading weights ----
  logic              dense_fast;             // whole beats, one bit per weight
  logic              is_flat, is_book;
  logic [13:0]       beat_q;                 // of the row
  logic [$clog2(BCH+1)-1:0] bch_q;           // chunk of the beat
  logic [$clog2(CHUNKS+1)-1:0] chunk_q;      // chunk of the word
  logic [ADDR_W:0]   word_q;                 // of the row
  logic [ADDR_W-1:0] tile_base_q;
  logic [LANE_W-1:0] lane_q;
  logic [13:0]       loaded_q;               // rows or parameter records
  logic [13:0]       src_row_q;              // stored row
  logic [31:0]       src_addr_q, row_bytes;
  logic              w_take, row_end;
  logic              single;                 // a request per row

  assign dense_fast = wl_q == 2'd0 && !is_flat && !is_book;
  assign is_flat    = wmode_i == 2'd2;
  assign is_book    = wmode_i == 2'd3;
  assign single     = wmode_i == 2'd1;
  assign row_bytes  = {14'd0, row_beats_q, 4'd0};

  // Whole beats.
  logic              beat_end;
  logic [CHUNK-1:0]  f_data;
  logic [CHUNKS-1:0] f_sel;
  assign w_take   = state_q == LOAD_W && rb_valid_i;
  assign beat_end = 32'(bch_q) == BCH - 1;
  assign f_data   = rb_data_i[32'(bch_q)*CHUNK +: CHUNK];
  for (genvar c = 0; c < CHUNKS; c++) begin : gen_sel
    // The padding of a row may reach beyond its last word.
    assign f_sel[c] = w_take && dense_fast && 32'(chunk_q) == c && word_q != row_words_q;
  end

  // Piece by piece: 16 weights of n bits make a unit, which is taken apart into planes.
  logic [2:0]        pos_q;                  // piece of the beat
  logic [12:0]       tap_left_q;             // pieces of the tap
  logic [5:0]        tap_q;
  logic [127:0]      unit_q, planes;
  logic [3:0]        have_q;                 // pieces of the unit
  logic [14:0]       unit_index_q;
  logic              unit_full_q;
  logic [2:0]        part_q;                 // write of the unit
  logic              piece_take, unit_end, part_end;
  logic [15:0]       piece;

  assign piece      = rb_data_i[{pos_q, 4'd0} +: 16];
  assign piece_take = w_take && !dense_fast && !unit_full_q && beat_q != row_beats_q;
  assign unit_end   = have_q == (4'd1 << wl_q) - 4'd1 || tap_left_q == 13'd1;
  always_comb begin
    planes = '0;
    for (int c = 0; c < 16; c++) begin
      for (int j = 0; j < 8; j++) begin
        case (wl_q)
          2'd0:    if (j < 1) planes[c] = unit_q[c];
          2'd1:    if (j < 2) planes[j*16 + c] = unit_q[c*2 + j];
          2'd2:    if (j < 4) planes[j*16 + c] = unit_q[c*4 + j];
          default: planes[j*16 + c] = unit_q[c*8 + j];
        endcase
      end
    end
    // T as two's complement: not zero, and negative.
    if (w_ternary_q) planes[31:16] = planes[31:16] & planes[15:0];
  end

  logic [WH-1:0]        u_we;
  logic [LANE_BITS-1:0] u_data;
  logic [ADDR_W-1:0]    u_word;
  logic [4*WH-1:0]        u_we_n;
  logic [4*LANE_BITS-1:0] u_data_n;
  logic [4*ADDR_W-1:0]    u_word_n;
  logic [3:0]             u_end_n;
  for (genvar n = 0; n < 4; n++) begin : gen_unit
    localparam int PART = LANE_BITS >> n;      // bits of a plane in a word
    if (PART >= 16) begin : gen_whole
      localparam int PPS = PART / 16;          // units of a word
      localparam int PL  = $clog2(PPS);
      logic [WH-1:0] we;
      always_comb begin
        we = '0;
        for (int j = 0; j < (1 << n); j++) we[j*PPS + (32'(unit_index_q) & (PPS - 1))] = 1'b1;
      end
      assign u_we_n[n*WH +: WH] = we;
      for (genvar g = 0; g < WH; g++) begin : gen_piece
        assign u_data_n[n*LANE_BITS + g*16 +: 16] = planes[(g/PPS)*16 +: 16];
      end
      assign u_word_n[n*ADDR_W +: ADDR_W] = ADDR_W'(unit_index_q >> PL);
      assign u_end_n[n] = 1'b1;
    end else begin : gen_parts
      localparam int PARTS = 16 / PART;        // words of a unit
      localparam int PL    = $clog2(PARTS);
      assign u_we_n[n*WH +: WH] = '1;
      for (genvar j = 0; j < (1 << n); j++) begin : gen_plane
        assign u_data_n[n*LANE_BITS + j*PART +: PART] = planes[j*16 + 32'(part_q)*PART +: PART];
      end
      assign u_word_n[n*ADDR_W +: ADDR_W] = ADDR_W'({unit_index_q, {PL{1'b0}}}) | ADDR_W'(part_q);
      assign u_end_n[n] = 32'(part_q) == PARTS - 1;
    end
  end
  assign u_we     = u_we_n[32'(wl_q)*WH +: WH];
  assign u_data   = u_data_n[32'(wl_q)*LANE_BITS +: LANE_BITS];
  assign u_word   = u_word_n[32'(wl_q)*ADDR_W +: ADDR_W];
  assign part_end = u_end_n[wl_q];

  logic [WH-1:0]        lw_we;
  logic [LANE_BITS-1:0] lw_data;
  logic [ADDR_W-1:0]    lw_addr;
  always_comb begin
    lw_we = '0;
    if (unit_full_q) lw_we = u_we;
    else for (int c = 0; c < CHUNKS; c++) if (f_sel[c]) lw_we[c*(CHUNK/16) +: CHUNK/16] = '1;
  end
  assign lw_data = unit_full_q ? u_data : {CHUNKS{f_data}};
  assign lw_addr = tile_base_q + (unit_full_q ? u_word : word_q[ADDR_W-1:0]);

  logic fast_row_end, slow_row_end;
  assign fast_row_end = w_take && dense_fast && beat_end && beat_q == row_beats_q - 14'd1;
  // The row's padding is taken before its last unit has been written, or after it.
  assign slow_row_end = !dense_fast && state_q == LOAD_W && beat_q == row_beats_q && (!unit_full_q || part_end);
  // ---- weights without rows: runs of bits (TILED_FLAT), indices (CODEBOOK) ----
  logic [39:0]  at_q;                        // weight, or bit of the indices
  logic [13:0]  chan_q;                      // channel of the tap at which the unit begins
  logic [4:0]   need_q;                      // weights the unit still lacks
  logic [4:0]   unit_size, run;
  logic [39:0]  to_wrap;
  logic [34:0]  run_bit;
  logic [7:0]   run_bits;
  logic [4:0]   run_bytes;
  logic         second_q;                    // beat of the run
  logic [127:0] first_q, run_data;
  logic [255:0] run_pair;
  logic [31:0]  book_bytes, index_base;
  logic         flat_row_end, book_row_end, last_tap, last_unit;

  assign unit_size  = (cin_i - chan_q < 14'd16) ? 5'(cin_i - chan_q) : 5'd16;
  assign to_wrap    = flat_i - at_q;
  assign run        = is_book ? unit_size : (to_wrap < 40'(need_q)) ? 5'(to_wrap) : need_q;
  assign run_bit    = is_book ? at_q[34:0] : at_q[34:0] << wl_q;
  assign run_bits   = is_book ? 8'(run) * 8'(tau_i) : 8'(run) << wl_q;
  assign run_bytes  = 5'((9'(run_bit[2:0]) + 9'(run_bits) + 9'd7) >> 3);
  assign run_pair   = second_q ? {rb_data_i, first_q} : {128'd0, rb_data_i};
  assign book_bytes = 32'd8 << tau_i;
  assign index_base = ref_addr_i[1*32 +: 32] + ((book_bytes < 32'd64) ? 32'd64 : book_bytes);
  always_comb begin
    run_data = 128'(run_pair >> run_bit[2:0]);
    for (int i = 0; i < 128; i++) if (8'(i) >= run_bits) run_data[i] = 1'b0;
  end

  // The codebook; two entries of 64 bits in a word.
  (* no_rw_check *) logic [127:0] book [0:255];
  logic [7:0]    book_at_q;
  logic [127:0]  book_word_q;
  logic [150:0]  index_q;                    // indices not looked up yet
  logic [8:0]    index;
  logic          pick_q, looked_q;
  logic [4:0]    look_q;
  logic [63:0]   entry_word;
  logic [16*49-1:0] entries_q;
  assign index      = 9'(index_q[8:0] & ((9'd1 << tau_i) - 9'd1));
  assign entry_word = pick_q ? book_word_q[127:64] : book_word_q[63:0];
  always_ff @(posedge clk_i) begin
    if (state_q == BOOK_GET && rb_valid_i) book[book_at_q] <= rb_data_i;
    book_word_q <= book[index[8:1]];
    pick_q      <= index[0];
  end

  assign last_tap     = tap_q == taps_i - 6'd1;
  assign last_unit    = chan_q + 14'd16 >= cin_i;
  assign flat_row_end = state_q == UNIT && part_end && last_tap && last_unit;
  assign book_row_end = state_q == EMIT && unit_full_q && part_end && last_tap && last_unit;
  assign row_end      = fast_row_end || slow_row_end || flat_row_end || book_row_end;
  logic unused_entry;
  assign unused_entry = ^entry_word[63:49];

  // ---- residuals and the input of EW ----
  logic                v_rq, v_rb, v_valid, v_ready, v_active, v_wanted;
  logic [3:0]          v_slot;
  logic [31:0]         v_addr;
  logic [27:0]         v_bytes;
  logic [LANES*32-1:0] v_acc;
  logic [LANES*33-1:0] v_res1, v_res2;
  logic                has_res;
  assign has_res  = formats_i[24:15] != 10'd0;
  assign v_wanted = has_res || ew_i;

  bnn_values #(
    .LANES(LANES)
  ) u_values (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (clear_i),
    .start_i     (state_q == WINDOW && v_wanted),
    .first_i     (row_q == 14'd0),
    .ew_i        (ew_i),
    .first_chan_i(row_q),
    .channels_i  (rows_q),
    .oh_i        (oh_i),
    .ow_i        (ow_i),
    .formats_i   ({formats_i[24:15], formats_i[4:0]}),
    .res_i       (res_i),
    .addr_i      ({ref_addr_i[6*32 +: 32], ref_addr_i[5*32 +: 32], ref_addr_i[0 +: 32]}),
    .row_i       ({ref_row_i[6*24 +: 24], ref_row_i[5*24 +: 24], ref_row_i[0 +: 24]}),
    .pixel_i     ({ref_pixel_i[6*17 +: 17], ref_pixel_i[5*17 +: 17], ref_pixel_i[0 +: 17]}),
    .plane_i     (ref_plane_i[31:0]),
    .rq_valid_o  (v_rq),
    .rq_ready_i  (rq_ready_i),
    .rq_slot_o   (v_slot),
    .rq_addr_o   (v_addr),
    .rq_bytes_o  (v_bytes),
    .rb_valid_i  (rb_valid_i),
    .rb_ready_o  (v_rb),
    .rb_data_i   (rb_data_i),
    .out_valid_o (v_valid),
    .out_ready_i (v_ready),
    .acc_o       (v_acc),
    .res1_o      (v_res1),
    .res2_o      (v_res2),
    .active_o    (v_active)
  );

  // ---- loading parameters ----
  logic [383:0] rec_q;
  logic [1:0]   rec_beat_q;
  logic         p_take, p_full, p_we;
  logic [511:0] rec;
  logic [372:0] p_data;
  logic [63:0]  half;
  logic [31:0]  t_word;
  logic signed [17:0] t_data;
  assign p_take = state_q == LOAD_P && rb_valid_i;
  assign p_full = narrow_i || rec_beat_q == 2'd3;
  assign p_we   = p_take && p_full;
  assign rec    = {rb_data_i, rec_q};
  assign half   = rec_beat_q[0] ? rb_data_i[127:64] : rb_data_i[63:0];
  assign t_word = rec[32*8 +: 32];
  assign t_data = ($signed(t_word) > 32'sd65535) ? 18'sd65535
                : ($signed(t_word) < -32'sd65536) ? -18'sd65536 : $signed(t_word[17:0]);
  always_comb begin
    if (narrow_i) begin
      p_data = '0;
      p_data[292 +: 33] = {half[32], half[31:0]};
    end else begin
      p_data = {rec[50*8 +: 48], rec[48*8], rec[28*8 +: 32],
                rec[48*8+3 +: 2], rec[46*8 +: 16], rec[40*8 +: 32], rec[16*8 +: 64], rec[12*8 +: 32],
                rec[48*8+1 +: 2], rec[44*8 +: 16], rec[36*8 +: 32], rec[4*8 +: 64], rec[0 +: 32]};
    end
  end
  logic unused;
  assign unused = ^{ref_onchip_i, ref_addr_i, ref_row_i, ref_pixel_i, ref_plane_i, rec[511:448], rec[24*8 +: 32], rec[49*8 +: 8], rec[48*8+5 +: 3], half[63:33]};

  logic ask_run;
  assign ask_run     = state_q == RUN_ASK || state_q == INDEX_ASK;
  assign rq_valid_o  = state_q == ASK_W || state_q == ASK_P || state_q == BOOK_ASK || ask_run || v_rq;
  assign rq_slot_o   = (state_q == ASK_P) ? 4'd2 : v_rq ? v_slot : 4'd1;
  assign rq_addr_o   = (state_q == ASK_W) ? src_addr_q : (state_q == ASK_P) ? param_q : v_rq ? v_addr
                     : (state_q == BOOK_ASK) ? ref_addr_i[1*32 +: 32]
                     : (is_book ? index_base : ref_addr_i[1*32 +: 32]) + run_bit[34:3];
  assign rq_bytes_o  = v_rq ? v_bytes : ask_run ? 28'(run_bytes) : (state_q == BOOK_ASK) ? 28'(book_bytes)
                     : (state_q == ASK_W) ? (single ? {10'd0, row_beats_q, 4'd0} : {10'(28'(rows_q) * 28'(row_beats_q) >> 14), 14'(28'(rows_q) * 28'(row_beats_q)), 4'd0})
                     : narrow_i ? {11'd0, rows_q, 3'd0} : {8'd0, rows_q, 6'd0};
  assign rb_ready_o  = v_rb || state_q == RUN_GET || state_q == INDEX_GET || state_q == BOOK_GET || (state_q == LOAD_W ? (dense_fast ? beat_end : piece_take && pos_q == 3'd7)
                     : state_q == LOAD_P && (!narrow_i || rec_beat_q[0] || loaded_q == rows_q - 14'd1));

  // ---- packing a window ----
  logic [15:0]          piece_mask;          // channels of the last piece of a pixel
  logic [CH*16-1:0]     chan_mask, in_data, in_all, in_real;
  logic                 pk_ready, pk_ready_r, wd_valid, wd_last, wr_valid, wr_last, absent_bit;
  logic [LANE_BITS-1:0] wd_data, wd_all, wr_real, wr_unused;
  logic [MASK_W:0]      fill_q;
  logic [WIN_W-1:0]     fill_base_q;
  logic [4:0]           in_plane_q, fill_plane_q;
  logic [5:0]           taps_q;              // present ones of the window

  assign piece_mask = (cin_i[3:0] == 4'd0) ? 16'hffff : 16'hffff >> (5'd16 - {1'b0, cin_i[3:0]});
  for (genvar i = 0; i < CH; i++) begin : gen_mask
    assign chan_mask[i*16 +: 16] = (c_tap_last_i && 4'(i) + 4'd1 == c_count_i) ? piece_mask : 16'hffff;
  end
  // The code of +1 (mode 1) or -1 (mode 2) that an absent tap has in this plane.
  always_comb begin
    if (a_odd_q && w_pm1_q) absent_bit = pad_mode_i == 2'd1;
    else if (!a_odd_q) absent_bit = pad_mode_i == 2'd2 || in_plane_q == 5'd0;
    else absent_bit = (in_plane_q == na_q - 5'd1) == (pad_mode_i == 2'd1);
  end
  assign in_data = c_absent_i ? {CH*16{absent_bit}} : c_data_i;
  assign in_all  = (c_absent_i && pad_mode_i == 2'd0) ? '0 : chan_mask;
  assign in_real = c_absent_i ? '0 : chan_mask;

  assign c_ready_o = state_q == FILL && pk_ready && pk_ready_r;

  bnn_pack #(
    .CH(CH),
    .WH(WH)
  ) u_pack (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .in_valid_i (c_valid_i && state_q == FILL && pk_ready_r),
    .in_ready_o (pk_ready),
    .in_data_i  (in_data & in_all),
    .in_mask_i  (in_all),
    .in_count_i (c_count_i),
    .in_last_i  (c_win_last_i),
    .out_valid_o(wd_valid),
    .out_ready_i(1'b1),
    .out_data_o (wd_data),
    .out_mask_o (wd_all),
    .out_last_o (wd_last)
  );

  bnn_pack #(
    .CH(CH),
    .WH(WH)
  ) u_pack_real (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .clear_i    (clear_i),
    .in_valid_i (c_valid_i && state_q == FILL && pk_ready),
    .in_ready_o (pk_ready_r),
    .in_data_i  (in_real),
    .in_mask_i  ('0),
    .in_count_i (c_count_i),
    .in_last_i  (c_win_last_i),
    .out_valid_o(wr_valid),
    .out_ready_i(1'b1),
    .out_data_o (wr_real),
    .out_mask_o (wr_unused),
    .out_last_o (wr_last)
  );
  logic unused_pack;
  assign unused_pack = wr_valid ^ wr_last ^ (^wr_unused);

  (* no_rw_check *) logic [LANE_BITS-1:0]   window [0:WINDOW_WORDS-1];
  (* no_rw_check *) logic [2*LANE_BITS-1:0] masks  [0:MASK_D-1];
  always_ff @(posedge clk_i) begin
    if (wd_valid) begin
      window[fill_base_q + WIN_W'(fill_q)] <= wd_data;
      if (fill_plane_q == 5'd0) masks[fill_q[MASK_W-1:0]] <= {wr_real, wd_all};
    end
  end

  // ---- passes ----
  localparam logic [1:0] DATA = 2'd0, ONES = 2'd1, ABSENT = 2'd2;
  logic [4:0]        pass_q;
  logic [1:0]        pass_kind;
  logic              pass_double, pass_sub, pass_start, pass_low, pass_end, plane_step;
  logic [WIN_W-1:0]  top_base_q, plane_base_q;
  logic [4:0]        plane_q;

  always_comb begin
    pass_kind   = DATA;
    pass_double = pass_q != 5'd0;
    pass_sub    = 1'b0;
    plane_step  = 1'b1;                      // the next pass has the next lower plane
    if (a_odd_q && !w_pm1_q) begin
      if (pass_q == 5'd0) begin
        pass_kind  = ONES;
        pass_sub   = 1'b1;
        plane_step = 1'b0;
      end else if (pass_q == 5'd1) begin
        pass_double = 1'b0;
      end else if (pass_q == passes_q - 5'd1) begin
        pass_kind = ONES;
      end
    end else if (extra_q && pass_q == 5'd0) begin
      pass_kind  = ABSENT;
      pass_sub   = 1'b1;
      plane_step = 1'b0;
    end else if (a_signed_q) begin
      pass_sub = plane_q == na_q - 5'd1;
    end
  end
  assign pass_start = pass_q == 5'd0 || frac_i;
  assign pass_end   = pass_q == passes_q - 5'd1;
  // Absent taps of +-1 are in the lowest plane only.
  assign pass_low   = plane_q == 5'd0 || frac_i || !a_odd_q || !w_pm1_q;

  // ---- computing ----
  logic              en, s0_valid, s0_last;
  logic [ADDR_W-1:0] w_idx_q, addr_q;
  logic [13:0]       tile_q;
  logic [MASK_W-1:0] act_word;

  // Stage registers; s1 holds the window word, s2 the rails.
  logic              s1_valid_q, s2_valid_q, s3_valid_q, s4_valid_q, out_valid_q;
  logic [LANE_BITS-1:0] s1_data_q, s2_pos_q, s2_neg_q;
  logic [2*LANE_BITS-1:0] s1_mask_q;
  logic [1:0]        s1_kind_q;
  logic              s1_low_q;
  logic [2:0]        s1_sub_word_q;
  logic [ADDR_W-1:0] s1_addr_q;
  logic [3:0]        s1_flags_q, s2_flags_q, s3_flags_q;   // {first, double, sub, sum end}
  logic [1:0]        s1_frac_q, s2_frac_q, s3_frac_q, s4_frac_q;  // {L, M}
  logic [PAR_W-1:0]  s1_tile_q, s2_tile_q, s3_tile_q, s4_tile_q, out_tile_q;
  logic              s4_end_q;
  logic [5:0]        s1_taps_q, s2_taps_q, s3_taps_q, s4_taps_q, out_taps_q;
  logic              post_ready;

  assign en       = !out_valid_q || post_take;
  assign s0_valid = state_q == COMPUTE;
  assign s0_last  = {1'b0, w_idx_q} == row_words_q - (ADDR_W+1)'(1);
  assign act_word = MASK_W'(w_idx_q >> wl_q);

  always_ff @(posedge clk_i) begin
    if (en && s0_valid) begin
      s1_data_q <= window[plane_base_q + WIN_W'(act_word)];
      s1_mask_q <= masks[act_word];
    end
  end

  // Rails. Of a word of activations, weights of n bits need one of n parts, n times.
  logic [LANE_BITS-1:0] mask_all, mask_real, rail_pos, rail_neg, part_pos, part_neg, pos, neg, both;
  assign mask_all  = s1_mask_q[LANE_BITS-1:0];
  assign mask_real = s1_mask_q[LANE_BITS +: LANE_BITS];
  always_comb begin
    case (s1_kind_q)
      ONES: begin
        rail_pos = mask_all;
        rail_neg = '0;
      end
      ABSENT: begin
        rail_pos = mask_all & ~mask_real;
        rail_neg = '0;
      end
      default: begin
        rail_pos = s1_data_q & (s1_low_q ? mask_all : mask_real);
        rail_neg = (a_odd_q && w_pm1_q) ? ~s1_data_q & (s1_low_q ? mask_all : mask_real) : '0;
      end
    endcase
  end
  always_comb begin
    case (wl_q)
      2'd1: begin
        part_pos = LANE_BITS'(rail_pos[32'(s1_sub_word_q[0])*(LANE_BITS/2) +: LANE_BITS/2]);
        part_neg = LANE_BITS'(rail_neg[32'(s1_sub_word_q[0])*(LANE_BITS/2) +: LANE_BITS/2]);
        pos      = {2{part_pos[LANE_BITS/2-1:0]}};
        neg      = {2{part_neg[LANE_BITS/2-1:0]}};
      end
      2'd2: begin
        part_pos = LANE_BITS'(rail_pos[32'(s1_sub_word_q[1:0])*(LANE_BITS/4) +: LANE_BITS/4]);
        part_neg = LANE_BITS'(rail_neg[32'(s1_sub_word_q[1:0])*(LANE_BITS/4) +: LANE_BITS/4]);
        pos      = {4{part_pos[LANE_BITS/4-1:0]}};
        neg      = {4{part_neg[LANE_BITS/4-1:0]}};
      end
      2'd3: begin
        part_pos = LANE_BITS'(rail_pos[32'(s1_sub_word_q)*(LANE_BITS/8) +: LANE_BITS/8]);
        part_neg = LANE_BITS'(rail_neg[32'(s1_sub_word_q)*(LANE_BITS/8) +: LANE_BITS/8]);
        pos      = {8{part_pos[LANE_BITS/8-1:0]}};
        neg      = {8{part_neg[LANE_BITS/8-1:0]}};
      end
      default: begin
        part_pos = rail_pos;
        part_neg = rail_neg;
        pos      = rail_pos;
        neg      = rail_neg;
      end
    endcase
  end

  // Pairs of the word, weighted as the planes of the weights are together.
  localparam int COUNT_W = $clog2(LANE_BITS + 1);
  logic [COUNT_W-1:0] pairs;
  logic [17:0]        s2_pairs_q, s3_pairs_q;
  logic [31:0]        pairs_acc_q, pairs_base;
  assign both = part_pos | part_neg;
  bnn_popcount #(
    .WIDTH(LANE_BITS),
    .IMPL (0)
  ) u_pairs (
    .bits_i (both),
    .count_o(pairs)
  );
  assign pairs_base = s3_flags_q[3] ? 32'd0 : s3_flags_q[2] ? {pairs_acc_q[30:0], 1'b0} : pairs_acc_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      s1_valid_q  <= 1'b0;
      s2_valid_q  <= 1'b0;
      s3_valid_q  <= 1'b0;
      s4_valid_q  <= 1'b0;
      out_valid_q <= 1'b0;
    end else if (en) begin
      s1_valid_q    <= s0_valid;
      s1_kind_q     <= pass_kind;
      s1_low_q      <= pass_low;
      s1_sub_word_q <= 3'(w_idx_q) & ((3'd1 << wl_q) - 3'd1);
      s1_addr_q     <= addr_q;
      s1_flags_q    <= {w_idx_q == '0 && pass_start, w_idx_q == '0 && pass_double, pass_sub,
                        s0_last && (pass_end || frac_i)};
      s1_frac_q     <= {frac_i && pass_end, frac_i && !pass_end};
      s1_tile_q     <= PAR_W'(tile_q);
      s1_taps_q     <= taps_q;
      s2_valid_q    <= s1_valid_q;
      s2_pos_q      <= pos;
      s2_neg_q      <= neg;
      s2_pairs_q    <= (18'(pairs) << (4'd1 << wl_q)) - 18'(pairs);
      s2_flags_q    <= s1_flags_q;
      s2_frac_q     <= s1_frac_q;
      s2_tile_q     <= s1_tile_q;
      s2_taps_q     <= s1_taps_q;
      s3_valid_q    <= s2_valid_q;
      s3_pairs_q    <= s2_pairs_q;
      s3_flags_q    <= s2_flags_q;
      s3_frac_q     <= s2_frac_q;
      s3_tile_q     <= s2_tile_q;
      s3_taps_q     <= s2_taps_q;
      s4_valid_q    <= s3_valid_q && s3_flags_q[0];
      s4_end_q      <= s3_frac_q[0] ? 1'b0 : 1'b1;
      s4_frac_q     <= s3_frac_q;
      s4_tile_q     <= s3_tile_q;
      s4_taps_q     <= s3_taps_q;
      if (s3_valid_q) pairs_acc_q <= s3_flags_q[1] ? pairs_base - 32'(s3_pairs_q) : pairs_base + 32'(s3_pairs_q);
      out_valid_q   <= s4_valid_q && s4_end_q;
      out_tile_q    <= s4_tile_q;
      out_taps_q    <= s4_taps_q;
    end
  end

  logic [LANES*32-1:0] acc;
  logic [LANES-1:0]    gate_open, mask;
  for (genvar l = 0; l < LANES; l++) begin : gen_lane
    bnn_lane #(
      .LANE_BITS  (LANE_BITS),
      .DEPTH      (WEIGHT_WORDS),
      .PARAM_WORDS(PARAM_WORDS),
      .IMPL       (IMPL)
    ) u_lane (
      .clk_i      (clk_i),
      .w_we_i     (lane_q == LANE_W'(l) ? lw_we : '0),
      .w_addr_i   (lw_addr),
      .w_data_i   (lw_data),
      .t_we_i     (p_we && loaded_q[LANE_W-1:0] == LANE_W'(l)),
      .t_addr_i   (PAR_W'(loaded_q >> LANE_W)),
      .t_data_i   (t_data),
      .en_i       (en),
      .bits_i     (wl_q),
      .top_neg_i  (w_top_neg_q),
      .pm1_i      (w_pm1_q),
      .s1_valid_i (s1_valid_q),
      .s1_addr_i  (s1_addr_q),
      .s2_valid_i (s2_valid_q),
      .s2_pos_i   (s2_pos_q),
      .s2_neg_i   (s2_neg_q),
      .s3_valid_i (s3_valid_q),
      .s3_first_i (s3_flags_q[3]),
      .s3_double_i(s3_flags_q[2]),
      .s3_sub_i   (s3_flags_q[1]),
      .s3_tile_i  (s3_tile_q),
      .s4_valid_i (s4_valid_q),
      .s4_count_i (pairs_acc_q),
      .s4_m_i     (s4_frac_q[0]),
      .s4_l_i     (s4_frac_q[1]),
      .acc_o      (acc[l*32 +: 32]),
      .open_o     (gate_open[l])
    );
    assign mask[l] = {{(15-PAR_W){1'b0}}, entry} * 15'(LANES) + 15'(l) < {1'b0, rows_q};
  end

  logic [7:0] open_now, valid_now;
  always_comb begin
    open_now  = '0;
    valid_now = '0;
    for (int l = 0; l < LANES; l++) begin
      open_now  = open_now + 8'(gate_open[l] && mask[l]);
      valid_now = valid_now + 8'(mask[l]);
    end
  end

  // ---- pipe ----
  // A group goes in when all of its parts are there.
  logic             post_valid, post_take;
  logic [PAR_W-1:0] entry, feed_tile_q;
  assign post_valid = ew_i ? v_valid && state_q == FEED : out_valid_q && (!has_res || v_valid);
  assign post_take  = post_valid && post_ready;
  assign v_ready    = post_take;
  assign entry      = ew_i ? feed_tile_q : out_tile_q;

  logic                po_valid, po_ready, post_busy;
  logic [LANES*16-1:0] po_v16, po_outp;
  logic [LANES*32-1:0] po_outs;
  logic [15:0]         po_sat;

  bnn_post #(
    .LANES(LANES),
    .DEPTH(PARAM_WORDS)
  ) u_post (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .clear_i        (clear_i),
    .p_we_i         (p_we ? LANES'(1) << loaded_q[LANE_W-1:0] : '0),
    .p_addr_i       (PAR_W'(loaded_q >> LANE_W)),
    .p_data_i       (p_data),
    .d_p1_i         (p1_i),
    .d_p1_pow2_i    (p1_pow2_i),
    .d_p2_i         (p2_i),
    .d_p2_pow2_i    (p2_pow2_i),
    .d_res_i        (has_res),
    .d_ps_i         (ps_i),
    .d_s1_i         (s1_i),
    .d_sb1_i        (sb1_i),
    .d_s2_i         (s2_i),
    .d_sb2_i        (sb2_i),
    .d_s3_i         (s3_i),
    .d_a3_i         (a3_i),
    .d_b3_i         (b3_i),
    .d_outp_format_i(outp_format),
    .d_outs_format_i(outs_format),
    .in_valid_i     (post_valid),
    .in_ready_o     (post_ready),
    .mask_i         (mask),
    .acc_i          (ew_i ? v_acc : acc),
    .res1_i         (has_res ? v_res1 : '0),
    .res2_i         (has_res ? v_res2 : '0),
    .entry_i        (entry),
    .out_valid_o    (po_valid),
    .out_ready_i    (po_ready),
    .v16_o          (po_v16),
    .outp_o         (po_outp),
    .outs_o         (po_outs),
    .sat_o          (po_sat),
    .busy_o         (post_busy)
  );

  // ---- collecting and putting ----
  logic                  emit_q;
  logic [CAP*16-1:0]     cp_q;               // codes of OUTP
  logic [CAP*32-1:0]     cs_q;               // of OUTS
  logic [13:0]           o_tile_q;
  logic [13:0]           o_chan_q;           // first channel of what is collected
  logic [$clog2(SUBS+1)-1:0] e_sub_q;
  logic [5:0]            e_step_q;
  logic                  e_stream_q;         // planes first, then elements
  logic [12:0]           ox_q;
  logic [31:0]           p_row_q, p_px_q, p_plane_q, s_row_q, s_px_q;
  logic                  o_tile_end, o_full, first_px_q;
  logic [9:0]            e_piece;
  logic [14:0]           e_elem_piece;
  logic [255:0]          e_codes;
  logic [511:0]          e_elems;
  logic [15:0]           e_plane_bits, e_elem_bits;
  logic                  e_exists, e_put, e_go, e_step_end, sub_end, ox_end;
  logic [511:0]          e_packed;

  assign o_tile_end = o_tile_q == tiles_q - 14'd1;
  assign o_full     = LANES >= 16 || o_tile_end || (32'(o_tile_q) & (TPH - 1)) == TPH - 1;
  assign po_ready   = !emit_q;
  assign ox_end     = ox_q == ow_i - 13'd1;

  assign e_piece  = 10'(o_chan_q >> 4) + 10'(e_sub_q);
  assign e_exists = e_piece < out_pieces && {e_piece, 4'd0} < row_q + rows_q;
  assign e_codes  = cp_q[32'(e_sub_q)*256 +: 256];
  assign e_elems  = cs_q[32'(e_sub_q)*512 +: 512];
  always_comb begin
    for (int c = 0; c < 16; c++) e_plane_bits[c] = e_codes[c*16 + 32'(e_step_q[3:0])];
    e_packed = e_elems;
    if (outs_bits_q == 6'd4) for (int c = 0; c < 16; c++) e_packed[c*4 +: 4] = e_elems[c*32 +: 4];
    if (outs_bits_q == 6'd8) for (int c = 0; c < 16; c++) e_packed[c*8 +: 8] = e_elems[c*32 +: 8];
    if (outs_bits_q == 6'd16) for (int c = 0; c < 16; c++) e_packed[c*16 +: 16] = e_elems[c*32 +: 16];
    e_elem_bits = e_packed[{e_step_q[4:0], 4'd0} +: 16];
  end
  assign e_elem_piece = 15'(e_piece) * 15'(outs_bits_q) + 15'(e_step_q);
  assign e_put        = emit_q && e_exists &&
                        (e_stream_q ? e_elem_piece < outs_pieces && outs_bits_q != 6'd0 : outp_planes_q != 5'd0);
  assign e_go         = emit_q && (!e_put || put_ready_i);
  assign e_step_end   = !e_exists || (e_stream_q ? e_step_q + 6'd1 >= outs_bits_q
                                                 : e_step_q[4:0] + 5'd1 >= outp_planes_q);
  assign sub_end      = 32'(e_sub_q) == SUBS - 1;

  // ---- sums ----
  logic [LANES*32-1:0] sums [0:PARAM_WORDS-1];
  logic [LANES*32-1:0] sum_old, sum_new, sum_out;
  logic [13:0]         sum_tile_q;
  logic [LANE_W-1:0]   sum_lane_q;
  logic                sum_high_q, sum_exists;
  logic [31:0]         sum_word;
  logic [14:0]         sum_chan;
  assign sum_old = first_px_q ? '0 : sums[PAR_W'(o_tile_q)];
  for (genvar l = 0; l < LANES; l++) begin : gen_sum
    assign sum_new[l*32 +: 32] = sum_old[l*32 +: 32] + {{16{po_v16[l*16+15]}}, po_v16[l*16 +: 16]};
  end
  always_ff @(posedge clk_i) begin
    if (po_valid && po_ready) sums[PAR_W'(o_tile_q)] <= sum_new;
  end
  assign sum_out    = sums[PAR_W'(sum_tile_q)];
  assign sum_word   = sum_out[32'(sum_lane_q)*32 +: 32];
  assign sum_chan   = ({1'b0, sum_tile_q} << LANE_W) + 15'(sum_lane_q);
  assign sum_exists = sum_chan < {1'b0, rows_q};

  assign put_valid_o  = e_put || (state_q == SUMS && sum_exists);
  assign put_place_o  = (state_q == SUMS) ? 5'd17 : e_stream_q ? 5'd16 : {1'b0, e_step_q[3:0]};
  assign put_onchip_o = (state_q == SUMS) ? ref_onchip_i[7] : e_stream_q ? ref_onchip_i[4] : ref_onchip_i[3];
  assign put_addr_o   = (state_q == SUMS) ? ref_addr_i[7*32 +: 32] + {16'd0, row_q, 2'd0} + {15'd0, sum_chan, 2'd0} +
                                            {30'd0, sum_high_q, 1'b0}
                      : e_stream_q ? s_px_q + {16'd0, e_elem_piece, 1'b0} : p_plane_q + {21'd0, e_piece, 1'b0};
  assign put_data_o   = (state_q == SUMS) ? (sum_high_q ? sum_word[31:16] : sum_word[15:0])
                      : e_stream_q ? e_elem_bits : e_plane_bits;

  // ---- counters ----
  assign count_o        = (po_valid && po_ready) || post_take;
  assign saturated_o    = (po_valid && po_ready) ? po_sat : 16'd0;
  assign gates_open_o   = (post_take && frac_i) ? open_now : 8'd0;
  assign gates_shut_o   = (post_take && frac_i) ? valid_now - open_now : 8'd0;
  assign busy_array_o   = s0_valid && en;
  assign wait_store_o   = po_valid && !po_ready;
  assign wait_post_o    = !en && !(po_valid && !po_ready);
  assign wait_weights_o = (state_q >= PASS && state_q <= LOAD_P) || state_q >= RUN_ASK;
  assign wait_act_o     = state_q == FILL;

  // ---- control ----
  logic idle_pipe, last_pixel;
  logic [12:0] cx_q, cy_q;                   // pixel computed
  assign idle_pipe   = !s1_valid_q && !s2_valid_q && !s3_valid_q && !s4_valid_q && !out_valid_q &&
                       !post_busy && !emit_q && !v_active;
  assign last_pixel  = cx_q == ow_i - 13'd1 && cy_q == oh_i - 13'd1;
  assign win_start_o = state_q == WINDOW && !ew_i;
  assign active_o    = state_q != IDLE;

  always_ff @(posedge clk_i) begin
    done_o     <= 1'b0;
    row_done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q     <= IDLE;
      emit_q      <= 1'b0;
      unit_full_q <= 1'b0;
    end else begin
      case (state_q)
        IDLE: begin
          row_q        <= '0;
          src_row_q    <= '0;
          at_q         <= '0;
          src_addr_q   <= ref_addr_i[1*32 +: 32];
          param_q      <= ref_addr_i[2*32 +: 32];
          if (start_i) begin
            present_o <= '0;
            open_o    <= '0;
            state_q   <= PLAN;
          end
        end
        PLAN: begin
          act_pieces_q <= 15'(taps_i) * 15'(cg_pieces);
          state_q      <= PLAN2;
        end
        PLAN2: begin
          tap_pieces_q <= 13'((17'(cin_i) << wl_q) + 17'd15 >> 4);
          act_words_q  <= (MASK_W+1)'((16'(act_pieces_q) + 16'(WH - 1)) >> WH_LOG2);
          row_words_q  <= (ADDR_W+1)'(((19'(act_pieces_q) << wl_q) + 19'(WH - 1)) >> WH_LOG2);
          tiles_q      <= '0;
          fit_q        <= '0;
          state_q      <= FIT;
        end
        FIT: begin
          // How many tiles fit.
          if (ew_i) row_words_q <= '0;
          row_beats_q <= 14'((19'(taps_i) * 19'(tap_pieces_q) + 19'd7) >> 3);
          top_base_q  <= WIN_W'((32'(na_q) - 1) * 32'(act_words_q));
          if (tiles_q != tiles_all && 32'(tiles_q) != PARAM_WORDS &&
              (ew_i || {1'b0, fit_q} + {1'b0, row_words_q} <= (ADDR_W+2)'(WEIGHT_WORDS))) begin
            tiles_q <= tiles_q + 14'd1;
            fit_q   <= fit_q + row_words_q;
          end else begin
            state_q <= ROUND;
          end
        end
        ROUND: begin
          // A chunk ends at a whole output piece.
          if (tiles_q != tiles_all) tiles_q <= tiles_q & ~14'(TPH - 1);
          state_q <= PASS;
        end
        PASS: begin
          if (rows_left <= rows_max) begin
            rows_q  <= cout_i - row_q;
            tiles_q <= 14'((rows_left + 15'(LANES - 1)) >> LANE_W);
          end else begin
            rows_q <= rows_max[13:0];
          end
          tile_base_q  <= '0;
          lane_q       <= '0;
          loaded_q     <= '0;
          beat_q       <= '0;
          bch_q        <= '0;
          chunk_q      <= '0;
          word_q       <= '0;
          pos_q        <= '0;
          tap_q        <= '0;
          tap_left_q   <= tap_pieces_q;
          have_q       <= '0;
          unit_q       <= '0;
          unit_index_q <= '0;
          part_q       <= '0;
          rec_beat_q   <= '0;
          chan_q       <= '0;
          need_q       <= (cin_i < 14'd16) ? cin_i[4:0] : 5'd16;
          state_q      <= ew_i ? (record_i ? ASK_P : WINDOW) : is_flat ? RUN_ASK
                        : !is_book ? ASK_W : (row_q == 14'd0) ? BOOK_ASK : INDEX_ASK;
        end
        ASK_W: if (rq_ready_i) state_q <= LOAD_W;
        LOAD_W: begin
          if (w_take && dense_fast) begin
            bch_q <= beat_end ? '0 : bch_q + 1'b1;
            if (beat_end) beat_q <= beat_q + 14'd1;
            if (32'(chunk_q) == CHUNKS - 1) begin
              chunk_q <= '0;
              if (word_q != row_words_q) word_q <= word_q + (ADDR_W+1)'(1);
            end else begin
              chunk_q <= chunk_q + 1'b1;
            end
          end
          if (piece_take) begin
            pos_q <= pos_q + 3'd1;
            if (pos_q == 3'd7) beat_q <= beat_q + 14'd1;
            if (tap_q != taps_i) begin
              unit_q[{have_q[2:0], 4'd0} +: 16] <= piece;
              have_q      <= have_q + 4'd1;
              unit_full_q <= unit_end;
              tap_left_q  <= tap_left_q - 13'd1;
              if (tap_left_q == 13'd1) begin
                tap_left_q <= tap_pieces_q;
                tap_q      <= tap_q + 6'd1;
              end
            end
          end
        end
        // TILED_FLAT: a unit is made of one run or, at the wrap, of several.
        RUN_ASK: begin
          second_q <= 1'b0;
          if (rq_ready_i) state_q <= RUN_GET;
        end
        RUN_GET: begin
          if (rb_valid_i) begin
            first_q  <= rb_data_i;
            second_q <= 1'b1;
            if (second_q || run_bytes <= 5'd16) begin
              unit_q <= unit_q | (run_data << ((8'(unit_size) - 8'(need_q)) << wl_q));
              at_q   <= (40'(run) == to_wrap) ? '0 : at_q + 40'(run);
              need_q <= need_q - run;
              if (need_q == run) begin
                unit_full_q <= 1'b1;
                state_q     <= UNIT;
              end else begin
                state_q <= RUN_ASK;
              end
            end
          end
        end
        UNIT: begin
          if (part_end) begin
            chan_q  <= last_unit ? '0 : chan_q + 14'd16;
            need_q  <= last_unit ? ((cin_i < 14'd16) ? cin_i[4:0] : 5'd16)
                                 : (cin_i - chan_q - 14'd16 < 14'd16) ? 5'(cin_i - chan_q) - 5'd16 : 5'd16;
            if (last_unit) tap_q <= tap_q + 6'd1;
            state_q <= RUN_ASK;
          end
        end

        // CODEBOOK: 16 indices, looked up one after the other, then a unit per tap.
        BOOK_ASK: begin
          book_at_q <= '0;
          if (rq_ready_i) state_q <= BOOK_GET;
        end
        BOOK_GET: begin
          if (rb_valid_i) begin
            book_at_q <= book_at_q + 8'd1;
            if (book_at_q == 8'((9'd1 << tau_i >> 1) - 9'd1)) state_q <= INDEX_ASK;
          end
        end
        INDEX_ASK: begin
          second_q <= 1'b0;
          if (rq_ready_i) state_q <= INDEX_GET;
        end
        INDEX_GET: begin
          look_q   <= '0;
          looked_q <= 1'b0;
          if (rb_valid_i) begin
            first_q  <= rb_data_i;
            second_q <= 1'b1;
            index_q  <= 151'(run_pair >> run_bit[2:0]);
            if (second_q || run_bytes <= 5'd16) state_q <= LOOK;
          end
        end
        LOOK: begin
          // The entry is there one cycle after its index.
          looked_q <= !looked_q;
          if (looked_q) begin
            entries_q <= {entry_word[48:0], entries_q[16*49-1:49]};
            index_q   <= index_q >> tau_i;
            look_q    <= look_q + 5'd1;
            if (look_q == 5'd15) begin
              unit_index_q <= {5'd0, chan_q[13:4]};
              tap_q        <= '0;
              state_q      <= EMIT;
            end
          end
        end
        EMIT: begin
          if (!unit_full_q) begin
            for (int c = 0; c < 16; c++) unit_q[c] <= entries_q[c*49];
            unit_full_q <= 1'b1;
          end else if (part_end) begin
            for (int c = 0; c < 16; c++) entries_q[c*49 +: 48] <= entries_q[c*49+1 +: 48];
            tap_q <= tap_q + 6'd1;
            if (last_tap) begin
              chan_q  <= chan_q + 14'd16;
              at_q    <= at_q + 40'(run_bits);
              state_q <= INDEX_ASK;
            end
          end
        end
        ASK_P: if (rq_ready_i) state_q <= LOAD_P;
        LOAD_P: begin
          if (p_take) begin
            rec_beat_q <= rec_beat_q + 2'd1;
            rec_q      <= {rb_data_i, rec_q[383:128]};
            if (p_full) begin
              loaded_q <= loaded_q + 14'd1;
              if (loaded_q == rows_q - 14'd1) state_q <= WINDOW;
            end
          end
        end
        WINDOW: begin
          cx_q         <= '0;
          cy_q         <= '0;
          fill_q       <= '0;
          fill_base_q  <= '0;
          fill_plane_q <= '0;
          in_plane_q   <= '0;
          taps_q       <= '0;
          o_tile_q     <= '0;
          o_chan_q     <= row_q;
          ox_q         <= '0;
          first_px_q   <= 1'b1;
          p_row_q      <= ref_addr_i[3*32 +: 32];
          p_px_q       <= ref_addr_i[3*32 +: 32];
          s_row_q      <= ref_addr_i[4*32 +: 32];
          s_px_q       <= ref_addr_i[4*32 +: 32];
          feed_tile_q  <= '0;
          state_q      <= ew_i ? FEED : FILL;
        end
        FEED: begin
          if (post_take) begin
            feed_tile_q <= feed_tile_q + PAR_W'(1);
            if (14'(feed_tile_q) == tiles_q - 14'd1) begin
              feed_tile_q <= '0;
              cx_q        <= (cx_q == ow_i - 13'd1) ? '0 : cx_q + 13'd1;
              if (cx_q == ow_i - 13'd1) cy_q <= cy_q + 13'd1;
              if (last_pixel) state_q <= DRAIN;
            end
          end
        end
        FILL: begin
          tile_q       <= '0;
          pass_q       <= '0;
          plane_q      <= na_q - 5'd1;
          plane_base_q <= top_base_q;
          w_idx_q      <= '0;
          addr_q       <= '0;
          if (c_valid_i && c_ready_o) begin
            if (c_tap_last_i && !c_absent_i && c_first_i) taps_q <= taps_q + 6'd1;
            if (c_win_last_i) in_plane_q <= in_plane_q + 5'd1;
          end
          if (wd_valid) begin
            fill_q <= fill_q + (MASK_W+1)'(1);
            if (wd_last) begin
              fill_q       <= '0;
              fill_base_q  <= fill_base_q + WIN_W'(act_words_q);
              fill_plane_q <= fill_plane_q + 5'd1;
              if (fill_plane_q == na_q - 5'd1) begin
                fill_base_q  <= '0;
                fill_plane_q <= '0;
                in_plane_q   <= '0;
                if (row_q == 14'd0) present_o <= present_o + 32'(taps_q);
                state_q <= COMPUTE;
              end
            end
          end
        end
        COMPUTE: begin
          if (en) begin
            w_idx_q <= w_idx_q + ADDR_W'(1);
            addr_q  <= addr_q + ADDR_W'(1);
            if (s0_last) begin
              w_idx_q <= '0;
              addr_q  <= addr_q - w_idx_q;
              pass_q  <= pass_q + 5'd1;
              if (plane_step && !pass_end) begin
                plane_q      <= plane_q - 5'd1;
                plane_base_q <= plane_base_q - WIN_W'(act_words_q);
              end
              if (pass_end) begin
                pass_q       <= '0;
                plane_q      <= na_q - 5'd1;
                plane_base_q <= top_base_q;
                addr_q       <= addr_q + ADDR_W'(1);
                tile_q       <= tile_q + 14'd1;
                if (tile_q == tiles_q - 14'd1) begin
                  taps_q  <= '0;
                  cx_q    <= (cx_q == ow_i - 13'd1) ? '0 : cx_q + 13'd1;
                  if (cx_q == ow_i - 13'd1) cy_q <= cy_q + 13'd1;
                  state_q <= last_pixel ? DRAIN : FILL;
                end
              end
            end
          end
        end
        DRAIN: begin
          sum_tile_q <= '0;
          sum_lane_q <= '0;
          sum_high_q <= 1'b0;
          if (idle_pipe) state_q <= sum_en_i ? SUMS : NEXT;
        end
        SUMS: begin
          if (!sum_exists) begin
            state_q <= NEXT;
          end else if (put_ready_i) begin
            sum_high_q <= !sum_high_q;
            if (sum_high_q) begin
              sum_lane_q <= sum_lane_q + LANE_W'(1);
              if (32'(sum_lane_q) == LANES - 1) begin
                sum_tile_q <= sum_tile_q + 14'd1;
                if (sum_tile_q == tiles_q - 14'd1) state_q <= NEXT;
              end
            end
          end
        end
        default: begin  // NEXT
          row_q   <= row_q + rows_q;
          param_q <= param_q + (narrow_i ? {15'd0, rows_q, 3'd0} : {12'd0, rows_q, 6'd0});
          if (row_q + rows_q == cout_i) begin
            done_o  <= 1'b1;
            state_q <= IDLE;
          end else begin
            state_q <= PASS;
          end
        end
      endcase

      // ---- a unit is written, a row is complete ----
      if (unit_full_q) begin
        part_q <= part_q + 3'd1;
        if (part_end) begin
          part_q       <= '0;
          unit_full_q  <= 1'b0;
          have_q       <= '0;
          unit_q       <= '0;
          unit_index_q <= unit_index_q + (is_book ? 15'(cg_pieces) : 15'd1);
        end
      end
      if (row_end) begin
        beat_q       <= '0;
        chunk_q      <= '0;
        bch_q        <= '0;
        word_q       <= '0;
        tap_q        <= '0;
        unit_index_q <= '0;
        lane_q       <= lane_q + LANE_W'(1);
        loaded_q     <= loaded_q + 14'd1;
        src_row_q    <= (src_row_q == rows_i - 14'd1) ? '0 : src_row_q + 14'd1;
        src_addr_q   <= (src_row_q == rows_i - 14'd1) ? ref_addr_i[1*32 +: 32] : src_addr_q + row_bytes;
        if (32'(lane_q) == LANES - 1) tile_base_q <= tile_base_q + row_words_q[ADDR_W-1:0];
        if (single) state_q <= ASK_W;
        if (is_flat) state_q <= RUN_ASK;
        if (is_book) state_q <= INDEX_ASK;
        chan_q <= '0;
        need_q <= (cin_i < 14'd16) ? cin_i[4:0] : 5'd16;
        if (loaded_q == rows_q - 14'd1) begin
          loaded_q <= '0;
          state_q  <= record_i ? ASK_P : WINDOW;
        end
      end

      if (post_take && frac_i) open_o <= open_o + 48'(open_now) * 48'(out_taps_q);

      // ---- what leaves the pipe ----
      if (po_valid && po_ready) begin
        for (int l = 0; l < LANES; l++) begin
          cp_q[((32'(o_tile_q) & (TPH - 1)) * LANES + l)*16 +: 16] <= po_outp[l*16 +: 16];
          cs_q[((32'(o_tile_q) & (TPH - 1)) * LANES + l)*32 +: 32] <= po_outs[l*32 +: 32];
        end
        e_sub_q    <= '0;
        e_step_q   <= '0;
        e_stream_q <= 1'b0;
        p_plane_q  <= p_px_q;
        emit_q     <= o_full;
        if (!o_full) o_tile_q <= o_tile_q + 14'd1;
      end
      if (e_go) begin
        e_step_q  <= e_step_q + 6'd1;
        p_plane_q <= p_plane_q + ref_plane_i[3*32 +: 32];
        if (e_step_end) begin
          e_step_q   <= '0;
          e_stream_q <= !e_stream_q;
          p_plane_q  <= p_px_q;
          if (e_stream_q) begin
            e_sub_q <= e_sub_q + 1'b1;
            if (sub_end) begin
              emit_q   <= 1'b0;
              cp_q     <= '0;
              cs_q     <= '0;
              o_tile_q <= o_tile_q + 14'd1;
              o_chan_q <= o_chan_q + 14'(CAP);
              if (o_tile_end) begin
                o_tile_q   <= '0;
                o_chan_q   <= row_q;
                first_px_q <= 1'b0;
                ox_q       <= ox_q + 13'd1;
                p_px_q     <= p_px_q + 32'(ref_pixel_i[3*17 +: 17]);
                s_px_q     <= s_px_q + 32'(ref_pixel_i[4*17 +: 17]);
                if (ox_end) begin
                  ox_q       <= '0;
                  p_row_q    <= p_row_q + 32'(ref_row_i[3*24 +: 24]);
                  p_px_q     <= p_row_q + 32'(ref_row_i[3*24 +: 24]);
                  s_row_q    <= s_row_q + 32'(ref_row_i[4*24 +: 24]);
                  s_px_q     <= s_row_q + 32'(ref_row_i[4*24 +: 24]);
                  row_done_o <= 1'b1;
                end
              end
            end
          end
        end
      end
    end
  end

endmodule
