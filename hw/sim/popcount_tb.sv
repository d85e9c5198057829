// SPDX-License-Identifier: MIT
// Random words through both forms of the popcount.

module popcount_tb #(
  parameter int WIDTH = 256,
  parameter int WORDS = 20000
) (
  output logic done_o
);

  logic [WIDTH-1:0]           word;
  logic [$clog2(WIDTH+1)-1:0] behavioural, structural;

  bnn_popcount #(.WIDTH(WIDTH), .IMPL(0)) u_behavioural (.bits_i(word), .count_o(behavioural));
  bnn_popcount #(.WIDTH(WIDTH), .IMPL(1)) u_structural (.bits_i(word), .count_o(structural));

  initial begin
    done_o = 1'b0;
    for (int i = 0; i < WORDS; i++) begin
      for (int b = 0; b < WIDTH; b++) word[b] = $urandom_range(0, 99) < i % 101;
      #1;
      if (behavioural != structural) begin
        $display("not ok - popcount of %h: %d, %d", word, behavioural, structural);
        $finish;
      end
    end
    $display("ok - popcount tree of %0d bits: %0d random words", WIDTH, WORDS);
    done_o = 1'b1;
    $finish;
  end

endmodule
