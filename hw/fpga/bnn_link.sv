// SPDX-License-Identifier: MIT
// The ports of the core on two links of 16 bits, for a device with few pins: what
// drives the registers and holds the memory is at the other end. A link moves a
// word in a cycle with valid and ready. Messages are a header, whose upper four
// bits are the kind, and a fixed number of words, low words first:
//
//   in   1 register write   address, data (2)
//        2 register read    address
//        3 read beat        [0] last, [2:1] RRESP; data (8)
//        4 write response   [1:0] BRESP
//   out  1 register written
//        2 register read    data (2)
//        3 read request     [7:0] ARLEN; address (4)
//        4 write request    [7:0] AWLEN; address (4)
//        5 write beat       [0] last; strobes, data (8)
//        6 interrupts       [4:0] one bit each
//
// The other end asks for one register access at a time, and always takes what
// comes out: the core's read data never wait, so neither does the link in.

module bnn_link #(
  parameter int BUS_BITS = 52
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  input  logic                in_valid_i,
  output logic                in_ready_o,
  input  logic [15:0]         in_data_i,
  output logic                out_valid_o,
  input  logic                out_ready_i,
  output logic [15:0]         out_data_o,

  output logic                reg_req_o,
  output logic                reg_write_o,
  output logic [15:0]         reg_addr_o,
  output logic [31:0]         reg_wdata_o,
  input  logic                reg_ack_i,
  input  logic [31:0]         reg_rdata_i,
  input  logic [4:0]          irq_i,

  input  logic                arvalid_i,
  output logic                arready_o,
  input  logic [BUS_BITS-1:0] araddr_i,
  input  logic [7:0]          arlen_i,
  output logic                rvalid_o,
  input  logic                rready_i,
  output logic [127:0]        rdata_o,
  output logic [1:0]          rresp_o,
  output logic                rlast_o,
  input  logic                awvalid_i,
  output logic                awready_o,
  input  logic [BUS_BITS-1:0] awaddr_i,
  input  logic [7:0]          awlen_i,
  input  logic                wvalid_i,
  output logic                wready_o,
  input  logic [127:0]        wdata_i,
  input  logic [15:0]         wstrb_i,
  input  logic                wlast_i,
  output logic                bvalid_o,
  input  logic                bready_i,
  output logic [1:0]          bresp_o
);

  // ---- in: words are shifted in from above; the message is done when none is left ----
  logic [127:0] in_q;
  logic [15:0]  head_q;
  logic [3:0]   in_left_q;                 // words to come
  logic         in_full_q, in_taken;       // a whole message is held

  function automatic logic [3:0] words(input logic [3:0] kind);
    words = (kind == 4'd1) ? 4'd3 : (kind == 4'd2) ? 4'd1 : (kind == 4'd3) ? 4'd8 : 4'd0;
  endfunction

  logic is_write, is_read;
  assign is_write   = head_q[15:12] == 4'd1;
  assign is_read    = head_q[15:12] == 4'd2;
  assign in_ready_o = !in_full_q || in_taken;

  logic unused;
  assign unused = ^head_q[11:3];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_left_q <= '0;
      in_full_q <= 1'b0;
    end else begin
      if (in_taken) in_full_q <= 1'b0;
      if (in_valid_i && in_ready_o) begin
        if (in_left_q == 4'd0) begin
          in_left_q <= words(in_data_i[15:12]);
          in_full_q <= words(in_data_i[15:12]) == 4'd0;
        end else begin
          in_left_q <= in_left_q - 4'd1;
          in_full_q <= in_left_q == 4'd1;
        end
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (in_valid_i && in_ready_o) begin
      if (in_left_q == 4'd0) head_q <= in_data_i;
      else in_q <= {in_data_i, in_q[127:16]};
    end
  end

  assign rvalid_o = in_full_q && head_q[15:12] == 4'd3;
  assign rdata_o  = in_q;
  assign rlast_o  = head_q[0];
  assign rresp_o  = head_q[2:1];
  assign bvalid_o = in_full_q && head_q[15:12] == 4'd4;
  assign bresp_o  = head_q[1:0];

  // ---- a register access; the answer waits for the link out ----
  logic        answer_q, answer_taken;
  logic [31:0] rdata_q;
  assign in_taken = in_full_q && (rvalid_o ? rready_i : bvalid_o ? bready_i
                                  : !(is_write || is_read) || (!reg_req_o && !answer_q));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      reg_req_o <= 1'b0;
      answer_q  <= 1'b0;
    end else begin
      if (in_full_q && in_taken && (is_write || is_read)) reg_req_o <= 1'b1;
      if (reg_req_o && reg_ack_i) begin
        reg_req_o <= 1'b0;
        answer_q  <= 1'b1;
      end
      if (answer_taken) answer_q <= 1'b0;
    end
  end
  always_ff @(posedge clk_i) begin
    if (in_full_q && !reg_req_o && !answer_q) begin
      reg_write_o <= is_write;
      reg_addr_o  <= is_write ? in_q[95:80] : in_q[127:112];
      reg_wdata_o <= in_q[127:96];
    end
    if (reg_req_o && reg_ack_i) rdata_q <= reg_rdata_i;
  end

  // ---- out: a message is taken whole and shifted out ----
  logic [159:0] out_q;
  logic [3:0]   out_left_q;                // words held
  logic [4:0]   irq_q;
  logic         idle;
  logic [2:0]   pick;
  assign idle        = out_left_q == 4'd0 || (out_left_q == 4'd1 && out_ready_i);
  assign out_valid_o = out_left_q != 4'd0;
  assign out_data_o  = out_q[15:0];

  // A write's request comes out before its beats, as the core offers them.
  assign pick = answer_q ? 3'd1 : irq_q != 5'd0 ? 3'd2 : awvalid_i ? 3'd3 : wvalid_i ? 3'd4
              : arvalid_i ? 3'd5 : 3'd0;
  assign answer_taken = idle && pick == 3'd1;
  assign awready_o    = idle && pick == 3'd3;
  assign wready_o     = idle && pick == 3'd4;
  assign arready_o    = idle && pick == 3'd5;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      out_left_q <= '0;
      irq_q      <= '0;
    end else begin
      irq_q <= ((idle && pick == 3'd2) ? 5'd0 : irq_q) | irq_i;
      if (idle) begin
        case (pick)
          3'd1:    out_left_q <= reg_write_o ? 4'd1 : 4'd3;
          3'd2:    out_left_q <= 4'd1;
          3'd3:    out_left_q <= 4'd5;
          3'd4:    out_left_q <= 4'd10;
          3'd5:    out_left_q <= 4'd5;
          default: out_left_q <= 4'd0;
        endcase
      end else if (out_ready_i) begin
        out_left_q <= out_left_q - 4'd1;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (idle) begin
      case (pick)
        3'd1:    out_q <= {112'd0, rdata_q, reg_write_o ? 16'h1000 : 16'h2000};
        3'd2:    out_q <= {144'd0, 4'd6, 7'd0, irq_q};
        3'd3:    out_q <= {80'd0, 64'(awaddr_i), 4'd4, 4'd0, awlen_i};
        3'd4:    out_q <= {wdata_i, wstrb_i, 4'd5, 11'd0, wlast_i};
        default: out_q <= {80'd0, 64'(araddr_i), 4'd3, 4'd0, arlen_i};
      endcase
    end else if (out_ready_i) begin
      out_q <= out_q >> 16;
    end
  end

endmodule
