// SPDX-License-Identifier: MIT
//
// Bench of bnn_link, with random traffic on every port of the core and random
// stalls on all sides: what goes in at one side comes out at the other, whole,
// once and in order.
//
//   link_tb [-n CYCLES] [-s SEED]

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vbnn_link.h"
#include "tb.h"
#include "verilated.h"

namespace
{

using Message = std::vector<uint16_t>;

// Words of a message from the core, by its kind.
size_t length(uint16_t head)
{
	static const size_t words[16] = { 0, 1, 3, 5, 5, 10, 1 };

	return words[head >> 12];
}

Message beat(uint16_t head, const uint32_t *data)
{
	Message m = { head };

	for (unsigned i = 0; i < 8; i++)
		m.push_back(uint16_t(data[i / 2] >> 16 * (i % 2)));
	return m;
}

Message request(uint16_t head, uint64_t addr)
{
	Message m = { head };

	for (unsigned i = 0; i < 4; i++)
		m.push_back(uint16_t(addr >> 16 * i));
	return m;
}

class Bench
{
      public:
	std::string wrong;
	uint64_t done[7] = {};

	Bench() : top_(new Vbnn_link(&context_, "top"))
	{
		top_->rst_ni = 0;
		for (int i = 0; i < 3; i++) {
			top_->clk_i = 0;
			top_->eval();
			top_->clk_i = 1;
			top_->eval();
		}
		top_->rst_ni = 1;
	}

	bool run(uint64_t cycles, unsigned stall)
	{
		for (uint64_t i = 0; wrong.empty(); i++) {
			bool idle = in_.empty() && !reg_due_ && expect_read_.empty() &&
				    beats_.empty() && responses_.empty() && !top_->arvalid_i &&
				    !top_->awvalid_i && !top_->wvalid_i && irq_due_ == irq_seen_ &&
				    out_.empty() && ar_.empty() && aw_.empty() && w_.empty();

			if (i >= cycles && idle)
				return true;
			if (i > cycles + 20000)
				wrong = "hangs";
			step(i < cycles, stall);
		}
		return false;
	}

      private:
	VerilatedContext context_;
	std::unique_ptr<Vbnn_link> top_;
	std::deque<uint16_t> in_;
	Message out_;
	// Expected at the core's side.
	bool reg_due_ = false, reg_write_ = false, ack_ = false, acked_ = false;
	uint16_t reg_addr_ = 0;
	uint32_t reg_data_ = 0, irq_due_ = 0, irq_seen_ = 0;
	std::deque<uint32_t> expect_read_;
	std::deque<std::array<uint32_t, 5>> beats_; // data, {resp, last}
	std::deque<unsigned> responses_;
	// Expected at the other end.
	std::deque<Message> ar_, aw_, w_;

	static bool go(unsigned stall)
	{
		return random32() % 100 >= stall;
	}
	void send(const Message &m)
	{
		in_.insert(in_.end(), m.begin(), m.end());
	}

	void offer()
	{
		if (!reg_due_ && random32() % 4 == 0) {
			reg_due_ = true;
			acked_ = false;
			reg_write_ = random32() & 1;
			reg_addr_ = uint16_t(random32());
			reg_data_ = random32();
			if (reg_write_)
				send({ 0x1000, reg_addr_, uint16_t(reg_data_),
				       uint16_t(reg_data_ >> 16) });
			else
				send({ 0x2000, reg_addr_ });
		}
		if (random32() % 4 == 0) {
			std::array<uint32_t, 5> b;

			for (auto &x : b)
				x = random32();
			b[4] &= 7;
			beats_.push_back(b);
			send(beat(uint16_t(0x3000 | b[4]), b.data()));
		}
		if (random32() % 8 == 0) {
			responses_.push_back(random32() & 3);
			send({ uint16_t(0x4000 | responses_.back()) });
		}
	}

	void message()
	{
		unsigned kind = out_[0] >> 12;
		std::deque<Message> *q = kind == 3 ? &ar_ : kind == 4 ? &aw_ : &w_;

		done[kind]++;
		if (kind == 1) {
			if (!acked_ || !reg_write_)
				wrong = "a register written";
			reg_due_ = false;
		} else if (kind == 2) {
			if (!acked_ || reg_write_ ||
			    (out_[1] | uint32_t(out_[2]) << 16) != expect_read_.front())
				wrong = "a register read";
			else
				expect_read_.pop_front();
			reg_due_ = false;
		} else if (kind == 6) {
			irq_seen_ |= out_[0] & 31;
			if (irq_seen_ & ~irq_due_ || !(out_[0] & 31))
				wrong = "an interrupt";
			if (irq_seen_ == irq_due_)
				irq_seen_ = irq_due_ = 0;
		} else if (q->empty() || q->front() != out_) {
			wrong = "a message of kind " + std::to_string(kind);
		} else {
			q->pop_front();
		}
		out_.clear();
	}

	void step(bool more, unsigned stall)
	{
		Vbnn_link &t = *top_;

		if (more && in_.size() < 64)
			offer();
		if (!t.in_valid_i && !in_.empty() && go(stall)) {
			t.in_valid_i = 1;
			t.in_data_i = in_.front();
		}
		t.out_ready_i = go(stall);
		t.rready_i = go(stall);
		t.bready_i = go(stall);
		t.reg_ack_i = ack_;
		t.irq_i = 0;
		// A vector is raised again only after it has been told.
		if (more && random32() % 50 == 0) {
			t.irq_i = random32() & 31 & ~irq_due_;
			irq_due_ |= t.irq_i;
		}
		if (more && !t.arvalid_i && random32() % 16 == 0) {
			t.arvalid_i = 1;
			t.araddr_i = (uint64_t(random32()) << 32 | random32()) &
				     ((UINT64_C(1) << 52) - 1);
			t.arlen_i = uint8_t(random32());
			ar_.push_back(request(uint16_t(0x3000 | t.arlen_i), t.araddr_i));
		}
		if (more && !t.awvalid_i && random32() % 16 == 0) {
			t.awvalid_i = 1;
			t.awaddr_i = (uint64_t(random32()) << 32 | random32()) &
				     ((UINT64_C(1) << 52) - 1);
			t.awlen_i = uint8_t(random32());
			aw_.push_back(request(uint16_t(0x4000 | t.awlen_i), t.awaddr_i));
		}
		if (more && !t.wvalid_i && random32() % 8 == 0) {
			uint32_t data[4];
			Message m;

			for (unsigned i = 0; i < 4; i++)
				t.wdata_i[i] = data[i] = random32();
			t.wvalid_i = 1;
			t.wlast_i = random32() & 1;
			t.wstrb_i = uint16_t(random32());
			m = beat(uint16_t(0x5000 | t.wlast_i), data);
			m.insert(m.begin() + 1, t.wstrb_i);
			w_.push_back(m);
		}
		t.clk_i = 0;
		t.eval();

		bool in = t.in_valid_i && t.in_ready_o, out = t.out_valid_o && t.out_ready_i;
		bool ar = t.arvalid_i && t.arready_o, aw = t.awvalid_i && t.awready_o;
		bool w = t.wvalid_i && t.wready_o;
		bool waits = t.out_valid_o && !out;
		uint16_t word = t.out_data_o;

		if (t.rvalid_o && t.rready_i) {
			if (beats_.empty() || memcmp(beats_.front().data(), &t.rdata_o[0], 16) ||
			    beats_.front()[4] != uint32_t(t.rlast_o | t.rresp_o << 1))
				wrong = "a beat read";
			else
				beats_.pop_front();
			done[0]++;
		}
		if (t.bvalid_o && t.bready_i) {
			if (responses_.empty() || responses_.front() != t.bresp_o)
				wrong = "a response";
			else
				responses_.pop_front();
		}
		bool was = ack_;

		ack_ = false;
		if (t.reg_req_o && !was && random32() % 3 == 0) {
			ack_ = true;
			if (!reg_due_ || acked_ || t.reg_write_o != reg_write_ ||
			    t.reg_addr_o != reg_addr_ || (reg_write_ && t.reg_wdata_o != reg_data_))
				wrong = "a register access";
			acked_ = true;
			t.reg_rdata_i = random32();
			if (!reg_write_)
				expect_read_.push_back(t.reg_rdata_i);
		}
		if (out) {
			out_.push_back(word);
			if (!length(out_[0]))
				wrong = "a header";
			else if (out_.size() == length(out_[0]))
				message();
		}
		t.clk_i = 1;
		t.eval();
		if (in) {
			t.in_valid_i = 0;
			in_.pop_front();
		}
		if (ar)
			t.arvalid_i = 0;
		if (aw)
			t.awvalid_i = 0;
		if (w)
			t.wvalid_i = 0;
		if (waits && (!t.out_valid_o || t.out_data_o != word))
			wrong = "a word that does not stay";
	}
};

} // namespace

int main(int argc, char **argv)
{
	uint64_t cycles = tb_options(argc, argv, 200000);
	static const unsigned stalls[] = { 0, 50, 90 };

	for (unsigned stall : stalls) {
		std::unique_ptr<Bench> b(new Bench);
		bool ok = b->run(cycles, stall);

		for (unsigned i = 0; i < 7 && ok; i++) {
			if (!b->done[i]) {
				ok = false;
				b->wrong = "nothing of kind " + std::to_string(i);
			}
		}
		if (!ok)
			printf("# %s\n", b->wrong.c_str());
		tap_ok(ok, "%llu register accesses, %llu beats in, %llu out, stalls %u %%",
		       (unsigned long long)(b->done[1] + b->done[2]),
		       (unsigned long long)b->done[0], (unsigned long long)b->done[5], stall);
	}
	return tap_end();
}
