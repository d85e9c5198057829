// SPDX-License-Identifier: MIT
//
// Bench of bnn_axi_width: random bursts of 128-bit beats as the core makes them, read
// from and written to a memory behind the narrower bus, every side stalled at random,
// some parts answered with an error. Every byte and strobe must arrive once and in
// order, an error must be told with its beat, bursts must end where they should.
//
//   axi_width_tb [-n BURSTS] [-s SEED]

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>

#include "Vbnn_axi_width.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr unsigned BITS = TB_BITS, BYTES = BITS / 8, PARTS = 128 / BITS;

struct Part { // of a beat, on the bus
	uint8_t data[BYTES];
	uint32_t strb;
	unsigned resp;
	bool last;
};

struct Beat { // of the core
	uint8_t data[16];
	uint32_t strb;
	unsigned resp;
	bool last;
};

class Bench
{
      public:
	std::string wrong;
	unsigned long beats = 0, errors = 0;

	Bench() : top_(new Vbnn_axi_width(&context_, "top"))
	{
		top_->rst_ni = 0;
		clock();
		top_->rst_ni = 1;
	}

	// One burst of reads and one of writes beside it.
	bool run(unsigned stall)
	{
		unsigned reads = range(1, 16), writes = range(1, 16);

		lengths(reads, writes);
		for (unsigned i = 0; i < reads; i++)
			read_beat(i == reads - 1);
		for (unsigned i = 0; i < writes; i++)
			write_beat(i == writes - 1);
		for (unsigned i = 0; wrong.empty(); i++) {
			if (parts_.empty() && expect_.empty() && sent_.empty() && due_.empty())
				return true;
			if (i > 20000)
				wrong = "hangs";
			step(stall);
		}
		return false;
	}

      private:
	VerilatedContext context_;
	std::unique_ptr<Vbnn_axi_width> top_;
	std::deque<Part> parts_, due_;	 // from the bus; that it must get
	std::deque<Beat> expect_, sent_; // that the core must get; from the core

	void clock()
	{
		top_->clk_i = 0;
		top_->eval();
		top_->clk_i = 1;
		top_->eval();
	}
	void lengths(unsigned reads, unsigned writes)
	{
		top_->arlen_i = uint8_t(reads - 1);
		top_->awlen_i = uint8_t(writes - 1);
		top_->eval();
		if (top_->arlen_o + 1u != reads * PARTS || top_->awlen_o + 1u != writes * PARTS ||
		    1u << top_->size_o != BYTES)
			wrong = "length or size of a burst";
	}
	void read_beat(bool last)
	{
		Beat b = {};

		for (unsigned p = 0; p < PARTS; p++) {
			Part part = {};

			for (unsigned i = 0; i < BYTES; i++)
				b.data[p * BYTES + i] = part.data[i] = uint8_t(random32());
			part.resp = one_in(20) ? 2 : 0;
			part.last = last && p == PARTS - 1;
			b.resp |= part.resp;
			parts_.push_back(part);
		}
		b.last = last;
		errors += b.resp != 0;
		expect_.push_back(b);
	}
	void write_beat(bool last)
	{
		Beat b = {};

		b.strb = one_in(3) ? random32() & 0xffff : 0xffff;
		b.last = last;
		for (uint8_t &v : b.data)
			v = uint8_t(random32());
		for (unsigned p = 0; p < PARTS; p++) {
			Part part = {};

			memcpy(part.data, b.data + p * BYTES, BYTES);
			part.strb = b.strb >> p * BYTES & ((1u << BYTES) - 1);
			part.last = last && p == PARTS - 1;
			due_.push_back(part);
		}
		sent_.push_back(b);
	}

	void step(unsigned stall)
	{
		Vbnn_axi_width &t = *top_;

		// Valid stays until taken.
		if (!t.rvalid_i && !parts_.empty() && range(0, 99) >= stall) {
			t.rvalid_i = 1;
			memcpy(&t.rdata_i, parts_.front().data, BYTES);
			t.rresp_i = parts_.front().resp;
			t.rlast_i = parts_.front().last;
		}
		if (!t.wvalid_i && !sent_.empty() && range(0, 99) >= stall) {
			t.wvalid_i = 1;
			memcpy(&t.wdata_i, sent_.front().data, 16);
			t.wstrb_i = sent_.front().strb;
			t.wlast_i = sent_.front().last;
		}
		t.rready_i = range(0, 99) >= stall;
		t.wready_i = range(0, 99) >= stall;
		t.clk_i = 0;
		t.eval();
		bool r_part = t.rvalid_i && t.rready_o, w_beat = t.wvalid_i && t.wready_o;

		if (t.rvalid_o && t.rready_i)
			got_beat();
		if (t.wvalid_o && t.wready_i)
			got_part();
		t.clk_i = 1;
		t.eval();
		if (r_part) {
			parts_.pop_front();
			t.rvalid_i = 0;
		}
		if (w_beat) {
			sent_.pop_front();
			t.wvalid_i = 0;
		}
	}
	void got_beat()
	{
		const Vbnn_axi_width &t = *top_;

		if (expect_.empty()) {
			wrong = "a beat too many";
			return;
		}
		const Beat &b = expect_.front();

		if (memcmp(&t.rdata_o, b.data, 16) != 0 || t.rresp_o != b.resp ||
		    t.rlast_o != b.last)
			wrong = "a beat read";
		beats++;
		expect_.pop_front();
	}
	void got_part()
	{
		const Vbnn_axi_width &t = *top_;

		if (due_.empty()) {
			wrong = "a part too many";
			return;
		}
		const Part &p = due_.front();

		if (memcmp(&t.wdata_o, p.data, BYTES) != 0)
			wrong = "data written";
		if (t.wstrb_o != p.strb || t.wlast_o != p.last)
			wrong = "strobes or end of what is written";
		due_.pop_front();
	}
};

} // namespace

int main(int argc, char **argv)
{
	unsigned bursts = tb_options(argc, argv, 3000), i = 0;
	static const unsigned stalls[] = { 0, 30, 80 };
	Bench bench;

	while (i < bursts && bench.run(stalls[i % 3]))
		i++;
	tap_ok(bench.wrong.empty(),
	       "bnn_axi_width, %u bits: %u bursts each way, %lu beats read, %lu with an error%s%s",
	       BITS, i, bench.beats, bench.errors, bench.wrong.empty() ? "" : ": ",
	       bench.wrong.c_str());
	return tap_end();
}
