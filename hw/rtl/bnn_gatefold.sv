// SPDX-License-Identifier: MIT
// GATEFOLD: eight gates, then their eight records, one after the other through
// one multiplier.

module bnn_gatefold (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,

  input  logic         start_i,
  output logic         done_o,          // pulse
  output logic         active_o,
  input  logic [13:0]  channels_i,
  input  logic [31:0]  gate_addr_i,
  input  logic [31:0]  in_addr_i,
  input  logic [31:0]  out_addr_i,

  output logic         rq_valid_o,
  input  logic         rq_ready_i,
  output logic [3:0]   rq_slot_o,
  output logic [31:0]  rq_addr_o,
  output logic [27:0]  rq_bytes_o,
  input  logic         rb_valid_i,
  output logic         rb_ready_o,
  input  logic [127:0] rb_data_i,

  output logic         put_valid_o,
  input  logic         put_ready_i,
  output logic [31:0]  put_addr_o,
  output logic [15:0]  put_data_o,
  output logic         count_o,         // pulse: a clamp changed a value
  output logic [1:0]   saturated_o
);

  localparam logic [2:0] IDLE = 3'd0, ASK_G = 3'd1, GET_G = 3'd2, ASK_R = 3'd3, GET_R = 3'd4,
                         FOLD = 3'd5, PUT = 3'd6;

  // Bytes of struct PARAM.
  localparam int B2 = 16, BBN = 24, A2 = 40;

  logic [2:0]   state_q;
  logic [13:0]  at_q;                   // channel
  logic [127:0] gates_q;
  logic [511:0] rec_q;
  logic [1:0]   beat_q, step_q;         // step: B2[0], B2[1], A2[0], A2[1]
  logic [4:0]   piece_q;
  logic [13:0]  left;
  logic [3:0]   batch;

  assign left  = channels_i - {at_q[13:3], 3'd0};
  assign batch = (left < 14'd8) ? left[3:0] : 4'd8;

  assign rq_valid_o = state_q == ASK_G || state_q == ASK_R;
  assign rq_slot_o  = (state_q == ASK_G || state_q == GET_G) ? 4'd0 : 4'd2;
  assign rq_addr_o  = (state_q == ASK_G) ? gate_addr_i + {17'd0, at_q, 1'b0} : in_addr_i + {12'd0, at_q, 6'd0};
  assign rq_bytes_o = (state_q == ASK_G) ? {23'd0, batch, 1'b0} : {18'd0, batch, 6'd0};
  assign rb_ready_o = state_q == GET_G || state_q == GET_R;

  logic signed [31:0] a, bbn;
  logic signed [16:0] g;
  logic signed [48:0] product;
  logic signed [34:0] rounded;
  logic signed [35:0] sum;
  logic               wide, over;
  logic        [31:0] result;
  assign wide    = !step_q[1];
  assign g       = {1'b0, gates_q[{at_q[2:0], 4'd0} +: 16]};
  assign a       = wide ? rec_q[(B2 + (step_q[0] ? 4 : 0))*8 +: 32]
                        : {{16{rec_q[(A2 + (step_q[0] ? 2 : 0))*8 + 15]}}, rec_q[(A2 + (step_q[0] ? 2 : 0))*8 +: 16]};
  assign bbn     = rec_q[BBN*8 +: 32];
  assign product = a * g;
  assign rounded = 35'(product >>> 15) + $signed({34'd0, product[14]});
  assign sum     = $signed({rounded[34], rounded}) + (wide ? $signed({{4{bbn[31]}}, bbn}) : 36'sd0);
  assign over    = wide ? sum[35:31] != {5{sum[35]}} : sum[35:15] != {21{sum[35]}};
  assign result  = !over ? sum[31:0] : wide ? {sum[35], {31{!sum[35]}}} : {16'd0, sum[35], {15{!sum[35]}}};

  assign put_valid_o = state_q == PUT;
  assign put_addr_o  = out_addr_i + {12'd0, at_q, piece_q, 1'b0};
  assign put_data_o  = rec_q[{piece_q, 4'd0} +: 16];
  assign active_o    = state_q != IDLE;
  assign count_o     = state_q == FOLD;
  assign saturated_o = {1'b0, over};

  always_ff @(posedge clk_i) begin
    done_o <= 1'b0;
    if (!rst_ni || clear_i) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: begin
          at_q <= '0;
          if (start_i) state_q <= ASK_G;
        end
        ASK_G: if (rq_ready_i) state_q <= GET_G;
        GET_G: begin
          gates_q <= rb_data_i;
          if (rb_valid_i) state_q <= ASK_R;
        end
        ASK_R: begin
          beat_q <= '0;
          if (rq_ready_i) state_q <= GET_R;
        end
        GET_R: begin
          step_q <= '0;
          if (rb_valid_i) begin
            rec_q  <= {rb_data_i, rec_q[511:128]};
            beat_q <= beat_q + 2'd1;
            if (beat_q == 2'd3) state_q <= FOLD;
          end
        end
        FOLD: begin
          piece_q <= '0;
          step_q  <= step_q + 2'd1;
          case (step_q)
            2'd0:    rec_q[B2*8 +: 32]       <= result;
            2'd1:    rec_q[(B2 + 4)*8 +: 32] <= result;
            2'd2:    rec_q[A2*8 +: 16]       <= result[15:0];
            default: begin
              rec_q[(A2 + 2)*8 +: 16] <= result[15:0];
              state_q                 <= PUT;
            end
          endcase
        end
        default: begin  // PUT
          if (put_ready_i) begin
            piece_q <= piece_q + 5'd1;
            if (piece_q == 5'd31) begin
              at_q    <= at_q + 14'd1;
              state_q <= (at_q[2:0] == 3'd7) ? ASK_G : GET_R;
              if (at_q == channels_i - 14'd1) begin
                done_o  <= 1'b1;
                state_q <= IDLE;
              end
            end
          end
        end
      endcase
    end
  end

endmodule
