// SPDX-License-Identifier: MIT
//
// Bench of bnn_axil: reads and writes at random, address and data of a write in
// any order, all sides stalled at random, against an array of registers behind
// the register port. Every access must reach it once, whole and in order; every
// answer must be its own and must stay until taken.
//
//   axil_tb [-n CYCLES] [-s SEED]

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>

#include "Vbnn_axil.h"
#include "tb.h"
#include "verilated.h"

namespace
{

struct Write {
	uint16_t addr;
	uint32_t data;
	uint8_t strb;
};

class Bench
{
      public:
	std::string wrong;
	uint64_t writes = 0, reads = 0, early_data = 0, both = 0;

	Bench() : top_(new Vbnn_axil(&context_, "top"))
	{
		top_->rst_ni = 0;
		for (int i = 0; i < 3; i++)
			clock();
		top_->rst_ni = 1;
		for (auto &r : regs_)
			r = random32();
	}

	// Runs until nothing is under way; new accesses only in the first cycles.
	bool run(uint64_t cycles, unsigned stall)
	{
		for (uint64_t i = 0; wrong.empty(); i++) {
			if (i >= cycles && sent_.empty() && data_.empty() && addr_.empty() &&
			    asked_.empty() && expect_.empty() && due_.empty())
				return true;
			if (i > cycles + 2000)
				wrong = "hangs";
			step(i < cycles, stall);
		}
		return false;
	}

      private:
	VerilatedContext context_;
	std::unique_ptr<Vbnn_axil> top_;
	uint32_t regs_[0x4000];
	// Writes whose response is due, their address and data still to be sent;
	// reads to be sent, and whose answer is due.
	std::deque<Write> sent_, addr_, data_, due_;
	std::deque<uint16_t> asked_, expect_;
	bool ack_ = false;
	unsigned wait_ = 0;

	void clock()
	{
		top_->clk_i = 0;
		top_->eval();
		top_->clk_i = 1;
		top_->eval();
	}

	static bool go(unsigned stall)
	{
		return random32() % 100 >= stall;
	}

	// What a write leaves, where a register access must follow.
	void access()
	{
		if (top_->reg_write_o) {
			if (due_.empty() || due_.front().addr >> 2 != top_->reg_addr_o >> 2 ||
			    due_.front().data != top_->reg_wdata_o) {
				wrong = "a write that was not asked for";
				return;
			}
			due_.pop_front();
			regs_[top_->reg_addr_o >> 2] = top_->reg_wdata_o;
			writes++;
		} else {
			if (expect_.empty() || expect_.front() >> 2 != top_->reg_addr_o >> 2)
				wrong = "a read that was not asked for";
			top_->reg_rdata_i = regs_[top_->reg_addr_o >> 2];
			answer_ = top_->reg_rdata_i;
			reads++;
		}
		if (top_->reg_addr_o & 3)
			wrong = "an address inside a register";
	}
	uint32_t answer_ = 0;

	void step(bool more, unsigned stall)
	{
		Vbnn_axil &t = *top_;

		if (more && sent_.size() < 8 && random32() % 4 == 0) {
			Write w = { uint16_t(random32()), random32(), 0xf };

			if (random32() % 8 == 0)
				w.strb = uint8_t(random32() & 15);
			addr_.push_back(w);
			data_.push_back(w);
			sent_.push_back(w);
			if (w.strb == 0xf)
				due_.push_back(w);
		}
		if (more && asked_.size() < 8 && random32() % 4 == 0)
			asked_.push_back(uint16_t(random32()));

		// Valid stays until taken.
		if (!t.awvalid_i && !addr_.empty() && go(stall)) {
			t.awvalid_i = 1;
			t.awaddr_i = addr_.front().addr;
		}
		if (!t.wvalid_i && !data_.empty() && go(stall)) {
			t.wvalid_i = 1;
			t.wdata_i = data_.front().data;
			t.wstrb_i = data_.front().strb;
		}
		if (!t.arvalid_i && !asked_.empty() && go(stall)) {
			t.arvalid_i = 1;
			t.araddr_i = asked_.front();
		}
		t.bready_i = go(stall);
		t.rready_i = go(stall);
		t.reg_ack_i = ack_;
		t.clk_i = 0;
		t.eval();

		bool aw = t.awvalid_i && t.awready_o, w = t.wvalid_i && t.wready_o;
		bool ar = t.arvalid_i && t.arready_o;
		bool b = t.bvalid_o && t.bready_i, r = t.rvalid_o && t.rready_i;
		bool b_waits = t.bvalid_o && !b, r_waits = t.rvalid_o && !r;
		uint32_t resp = t.bresp_o, data = t.rdata_o;

		both += t.awvalid_i && t.arvalid_i;
		early_data += w && data_.size() <= addr_.size() - aw;
		if (b) {
			if (sent_.empty())
				wrong = "a response too many";
			else if (resp !=
				 (sent_.front().strb == 0xf || !sent_.front().strb ? 0u : 2u))
				wrong = "BRESP";
			else
				sent_.pop_front();
		}
		if (r) {
			if (expect_.empty() || data != answer_ || t.rresp_o)
				wrong = "read data";
			else
				expect_.pop_front();
		}
		// An access is done a cycle after it is seen, or later; then the
		// request must be another one or none.
		bool req = t.reg_req_o;
		uint32_t reg_addr = t.reg_addr_o;
		bool was = ack_;

		ack_ = false;
		if (req && !was) {
			if (wait_ == 0 || --wait_ == 0) {
				wait_ = random32() % 4;
				access();
				ack_ = true;
			}
		}
		if (aw)
			addr_.pop_front();
		if (w)
			data_.pop_front();
		if (ar) {
			expect_.push_back(asked_.front());
			asked_.pop_front();
		}
		t.clk_i = 1;
		t.eval();
		if (aw)
			t.awvalid_i = 0;
		if (w)
			t.wvalid_i = 0;
		if (ar)
			t.arvalid_i = 0;
		if (b_waits && (!t.bvalid_o || t.bresp_o != resp))
			wrong = "a response that does not stay";
		if (r_waits && (!t.rvalid_o || t.rdata_o != data))
			wrong = "read data that do not stay";
		if (req && !was && (!t.reg_req_o || t.reg_addr_o != reg_addr))
			wrong = "a request that does not stay";
	}
};

} // namespace

int main(int argc, char **argv)
{
	uint64_t cycles = tb_options(argc, argv, 200000);
	static const unsigned stalls[] = { 10, 50, 90 };

	for (unsigned stall : stalls) {
		std::unique_ptr<Bench> b(new Bench);
		bool ok = b->run(cycles, stall);

		if (ok &&
		    (!b->writes || !b->reads || (stall >= 50 && !b->early_data) || !b->both)) {
			ok = false;
			b->wrong = "something did not happen";
		}
		if (!ok)
			printf("# %s\n", b->wrong.c_str());
		tap_ok(ok, "%llu writes, %llu reads, each side stalled in %u %% of the cycles",
		       (unsigned long long)b->writes, (unsigned long long)b->reads, stall);
	}
	return tap_end();
}
