// SPDX-License-Identifier: MIT
//
// Bench of bnn_stream_in: random tensors, chunks and copies against code written from
// docs/arithmetic.md, with random latency and stalls, cleared at random times; and how many
// cycles a group takes.
//
//   stream_in_tb [-n CHUNKS] [-s SEED]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vbnn_stream_in.h"
#include "bnn_hw.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr uint32_t LANES = TB_LANES;
constexpr bool EW = TB_EW;
constexpr uint32_t WIDTH = EW ? 32 : 33;
constexpr uint32_t BYTES = 1 << 22;

enum Kind { ODD, UNSIGNED, SIGNED };

struct Format {
	const char *name;
	unsigned planes, bits; // bits of an element
	Kind kind;
};

#define FORMAT(name, code, planes, bits, kind, text) { #name, planes, bits, kind },
#define WFORMAT(name, code, bits, kind, text)
const Format defined[] = {
#include "formats.def"
};
#undef FORMAT
#define FORMAT(name, code, planes, bits, kind, text) code,
const unsigned codes[] = {
#include "formats.def"
};

const Format &format_of(unsigned code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return defined[i];
	abort();
}

struct Chunk {
	unsigned format = 0;
	uint32_t oh = 1, ow = 1;
	uint32_t channels = 1; // of the tensor
	uint32_t period = 1;   // EW: 16383
	bool win = false, zero = false;
	uint32_t align = 0;
	uint32_t addr = 0, pixel = 0, row = 0, plane = 0;
	uint32_t base = 0, rows = 1, copies = 1, step = 1;

	uint32_t h() const
	{
		return oh << win;
	}
	uint32_t w() const
	{
		return ow << win;
	}
	uint32_t planes() const
	{
		return std::max(1u, format_of(format).planes);
	}
	uint32_t natural() const
	{
		return 2 * ((channels * format_of(format).bits + 15) / 16);
	}
	uint32_t extent() const
	{
		return (planes() - 1) * plane + (h() - 1) * row + (w() - 1) * pixel + natural();
	}
	uint32_t groups() const
	{
		return (rows + LANES - 1) / LANES * copies * oh * ow;
	}
	void lay_out(uint32_t more, uint32_t lines)
	{
		pixel = natural() + 2 * more;
		row = ((w() - 1) * pixel + natural() + 15) / 16 * 16 + 16 * lines;
		plane = (row * h() + 63) / 64 * 64;
	}
	void print() const
	{
		printf("# %s %ux%u of %u channels, period %u%s%s align %u, pixel %u row %u; "
		       "channels %u + %u, "
		       "%u copies by %u; at 0x%x\n",
		       format_of(format).name, oh, ow, channels, period, win ? " win" : "",
		       zero ? " zero" : "", align, pixel, row, base, rows, copies, step, addr);
	}
};

class Bench
{
      public:
	std::unique_ptr<Vbnn_stream_in> top{ new Vbnn_stream_in };
	std::vector<uint8_t> memory = std::vector<uint8_t>(BYTES);
	std::vector<uint8_t> legal = std::vector<uint8_t>(BYTES);
	std::string wrong;
	uint32_t latency = 1, stall_memory = 0, stall_out = 0;
	int64_t cycles = 0, first_at = 0, last_at = 0;
	uint64_t requests = 0;

	Bench()
	{
		for (uint8_t &b : memory)
			b = uint8_t(random32());
		top->rst_ni = 0;
		for (int i = 0; i < 4; i++)
			clock();
		top->rst_ni = 1;
	}

	int64_t value(const Chunk &c, uint32_t y, uint32_t x, uint32_t ch) const
	{
		const Format &f = format_of(c.format);
		unsigned n = f.planes ? f.planes : f.bits;
		int64_t v = 0;

		for (unsigned p = 0; p < c.planes(); p++)
			for (unsigned b = 0; b < f.bits; b++) {
				uint32_t at = ch * f.bits + b;
				uint8_t byte = memory[c.addr + y * c.row + x * c.pixel +
						      p * c.plane + at / 8];

				v |= int64_t(byte >> at % 8 & 1) << (p + b);
			}
		if (f.kind == ODD)
			return 2 * v - ((INT64_C(1) << n) - 1);
		return f.kind == SIGNED && v >> (n - 1) & 1 ? v - (INT64_C(1) << n) : v;
	}

	uint64_t expected(const Chunk &c, uint32_t y, uint32_t x, uint32_t ch) const
	{
		uint32_t k = ch % c.period;
		int64_t v = 0;

		if (c.zero && ch >= c.period)
			return 0;
		if (c.win)
			for (int i = 0; i < 4; i++)
				v += value(c, 2 * y + i / 2, 2 * x + i % 2, k);
		else
			v = value(c, y, x, k);
		return uint64_t(v * (INT64_C(1) << (EW ? 0 : c.align))) &
		       ((UINT64_C(1) << WIDTH) - 1);
	}

	// Cleared after `until` cycles.
	void run(const Chunk &c, int64_t until = INT64_MAX)
	{
		uint32_t taken = 0, total = c.groups();
		int64_t most = int64_t(total) * LANES * 16 * (latency + 8) * 4 + 20000;
		std::vector<uint32_t> held;
		bool was_valid = false, idle = false;

		wrong.clear();
		pending.clear();
		answering = asked = false;
		requests = 0;
		memset(&legal[0], 0, BYTES);
		for (uint32_t p = 0; p < c.planes(); p++)
			for (uint32_t y = 0; y < c.h(); y++)
				for (uint32_t x = 0; x < c.w(); x++)
					memset(&legal[c.addr + p * c.plane + y * c.row +
						      x * c.pixel],
					       1, c.natural());
		top->k_base_i = uint16_t(c.base);
		top->k_rows_i = uint16_t(c.rows);
		top->k_copies_i = uint8_t(c.copies);
		top->k_copy_step_i = uint16_t(c.step);
		top->d_oh_i = uint16_t(c.oh);
		top->d_ow_i = uint16_t(c.ow);
		top->d_format_i = uint8_t(c.format);
		top->d_period_i = uint16_t(c.period);
		top->d_win_i = c.win;
		top->d_zero_i = c.zero;
		top->d_align_i = uint8_t(c.align);
		top->d_addr_i = c.addr;
		top->d_row_i = c.row;
		top->d_pixel_i = c.pixel;
		top->d_plane_i = c.plane;
		top->start_i = 1;
		for (cycles = 0; cycles < until; cycles++) {
			memory_side();
			top->out_ready_i = !(stall_out && random32() % 100 < stall_out);
			top->eval();
			if (!memory_check())
				break;
			if (was_valid && !top->out_valid_o)
				wrong = "output withdrawn";
			if (top->out_valid_o) {
				std::vector<uint32_t> now = words();

				if (was_valid && now != held)
					wrong = "output changed";
				held = now;
				was_valid = !top->out_ready_i;
				if (top->out_ready_i && !check(c, taken++, total))
					break;
				if (top->out_ready_i) {
					if (taken == 1)
						first_at = cycles;
					last_at = cycles;
				}
			}
			if (idle && taken == total)
				break;
			idle = taken == total && !top->active_o;
			if (cycles && !top->active_o && taken < total)
				wrong = "not active before the end";
			if (cycles > most)
				wrong = "no end after " + std::to_string(taken) + " groups";
			if (!wrong.empty())
				break;
			tick();
			top->start_i = 0;
			top->eval();
		}
		if (wrong.empty() && until == INT64_MAX && (!pending.empty() || answering))
			wrong = "data left over";
		if (until == INT64_MAX && wrong.empty())
			return;
		top->start_i = 0;
		top->clear_i = 1;
		tick();
		top->clear_i = 0;
		top->eval();
		if (top->active_o || top->rq_valid_o || top->out_valid_o)
			wrong = "not idle after clear";
	}

      private:
	struct Request {
		uint32_t addr, left;
		int64_t ready_at;
	};
	std::deque<Request> pending;
	bool answering = false, asked = false;
	uint32_t asked_addr = 0;

	void clock()
	{
		top->clk_i = 0;
		top->eval();
		tick();
	}
	void tick()
	{
		top->clk_i = 1;
		top->eval();
		top->clk_i = 0;
	}
	bool stalled()
	{
		return stall_memory && random32() % 100 < stall_memory;
	}
	void memory_side()
	{
		top->rq_ready_i = !stalled();
		if (!answering && !pending.empty() && pending.front().ready_at <= cycles &&
		    !stalled()) {
			Request &r = pending.front();
			uint8_t beat[16];

			for (uint32_t i = 0; i < 16; i++)
				beat[i] = i < r.left ? memory[r.addr + i] : uint8_t(random32());
			memcpy(&top->rb_data_i[0], beat, 16);
			answering = true;
		}
		top->rb_valid_i = answering;
	}
	bool memory_check()
	{
		if (asked && (!top->rq_valid_o || top->rq_addr_o != asked_addr))
			wrong = "request withdrawn or changed";
		asked = top->rq_valid_o && !top->rq_ready_i;
		asked_addr = top->rq_addr_o;
		if (answering && top->rb_ready_o) {
			Request &r = pending.front();

			answering = false;
			r.addr += 16;
			r.left -= std::min(r.left, 16u);
			if (!r.left)
				pending.pop_front();
		}
		if (top->rq_valid_o && top->rq_ready_i) {
			uint32_t addr = top->rq_addr_o, bytes = top->rq_bytes_o;

			requests++;
			if (!bytes)
				wrong = "request of no bytes";
			for (uint32_t i = 0; i < bytes; i++)
				if (addr + i >= BYTES || !legal[addr + i]) {
					wrong = "reads outside of the tensor";
					break;
				}
			pending.push_back({ addr, bytes, cycles + latency });
			if (pending.size() > 16)
				wrong = "more than 16 requests under way";
		}
		return wrong.empty();
	}

	std::vector<uint32_t> words()
	{
		std::vector<uint32_t> w((LANES * WIDTH + 31) / 32);

		memcpy(w.data(), &top->out_data_o, 4 * w.size());
		return w;
	}
	uint64_t lane(uint32_t l)
	{
		std::vector<uint32_t> w = words();
		uint64_t v = 0;

		for (uint32_t b = 0; b < WIDTH; b++) {
			uint32_t at = l * WIDTH + b;

			v |= uint64_t(w[at / 32] >> at % 32 & 1) << b;
		}
		return v;
	}
	bool check(const Chunk &c, uint32_t number, uint32_t total)
	{
		uint32_t per_copy = (c.rows + LANES - 1) / LANES, per_px = per_copy * c.copies;
		uint32_t px = number / per_px, copy = number % per_px / per_copy,
			 first = number % per_copy * LANES;

		if (number >= total) {
			wrong = "too many groups";
			return false;
		}
		for (uint32_t l = 0; l < LANES; l++) {
			uint64_t want = 0, got = lane(l);

			if (first + l < c.rows)
				want = expected(c, px / c.ow, px % c.ow,
						c.base + copy * c.step + first + l);
			if (got != want) {
				char text[200];

				snprintf(text, sizeof(text),
					 "pixel %u copy %u channel %u: 0x%llx, not 0x%llx", px,
					 copy, first + l, (unsigned long long)got,
					 (unsigned long long)want);
				wrong = text;
				return false;
			}
		}
		return true;
	}
};

Chunk random_chunk()
{
	static const unsigned res[] = { BNN_FORMAT_E_O4, BNN_FORMAT_E_U8, BNN_FORMAT_E_S8,
					BNN_FORMAT_E_S16 };
	Chunk c;

	do {
		uint32_t cout, stored;

		c = Chunk{};
		c.format = EW ? codes[range(1, sizeof(codes) / sizeof(codes[0]) - 1)]
			      : res[range(0, 3)];
		c.oh = range(1, 5);
		c.ow = one_in(4) ? range(1, 40) : range(1, 7);
		c.align = range(0, 15);
		c.win = !EW && one_in(3);
		if (one_in(3)) { // tiled
			stored = one_in(4) ? range(1, 40) : 16 * range(1, 5);
			c.copies = range(2, 5);
			cout = stored * c.copies;
		} else {
			cout = stored = one_in(12)  ? range(1, 3000)
					: one_in(2) ? 16 * range(1, 20)
						    : range(1, 200);
		}
		c.step = stored;
		if (!one_in(2)) {
			c.base = one_in(2) ? range(0, stored - 1)
					   : range(0, stored - 1) / LANES * LANES;
			c.rows = range(1, stored - c.base);
			if (!one_in(3))
				c.rows = c.rows / LANES * LANES;
		} else {
			c.rows = stored;
		}
		if (!c.rows)
			continue;
		// Grouped convolutions begin anywhere.
		if (c.copies == 1 && one_in(8))
			c.base += range(0, 100);
		if (EW) {
			c.period = 16383;
			c.channels = c.base + (c.copies - 1) * c.step + c.rows +
				     (one_in(2) ? 0 : range(1, 40));
		} else {
			switch (range(0, 6)) {
			case 0:
				c.period = range(1, cout + 20);
				break;
			case 1:
				c.period = LANES * range(1, 9);
				break;
			case 2:
				c.period = stored;
				break;
			case 3:
				c.period = std::max(1u, LANES / 2);
				break;
			case 4:
				c.period = 16;
				break;
			default:
				c.period = c.base + (c.copies - 1) * c.step + c.rows;
			}
			c.channels = c.period;
			c.zero = one_in(4);
		}
		c.lay_out(one_in(2) ? 0 : range(0, 20), one_in(2) ? 0 : range(0, 2));
		if (c.extent() > BYTES / 2)
			c.rows = 0;
		else
			c.addr = range(0, BYTES - c.extent());
	} while (!c.rows || uint64_t(c.groups()) * LANES * c.planes() > 12000);
	return c;
}

struct Case {
	const char *what;
	unsigned format;
	uint32_t oh, ow, cout, period;
	bool win;
	uint32_t copies;
};

// Cycles per group between the first and the last, without stalls.
bool measure(Bench &b, const Case &k, uint32_t latency)
{
	Chunk c;
	double got, beats, bound;

	c.format = k.format;
	c.oh = k.oh;
	c.ow = k.ow;
	c.win = k.win;
	c.period = EW ? 16383 : k.period;
	c.channels = k.period;
	c.rows = c.step = k.cout / k.copies;
	c.copies = k.copies;
	c.lay_out(0, 0);
	c.addr = 64;
	b.latency = latency;
	b.stall_memory = b.stall_out = 0;
	b.run(c);
	if (!b.wrong.empty()) {
		printf("# %s: %s\n", k.what, b.wrong.c_str());
		return false;
	}
	got = double(b.last_at - b.first_at) / (c.groups() - 1);
	// A cycle for each beat that a group needs part of; channels of up to 8 groups are read
	// once.
	beats = LANES * format_of(k.format).bits / 128.0;
	if (k.cout < LANES)
		beats *= double(k.cout) / LANES;
	beats = std::max(1.0, beats) * c.planes() * (k.win ? 4 : 1);
	if (k.period <= 8 * LANES)
		beats *= double(std::min(k.period, k.cout)) / k.cout;
	// Sums keep the ring busy, while replayed groups want to be read.
	if (k.win)
		beats += 0.5;
	bound = std::max(1.0, beats) * 1.15 + 0.1;
	// 16 requests under way bring what 16 requests ask for.
	if (k.win || k.format < BNN_FORMAT_E_O4) {
		double in_flight = double(b.requests) * (latency + 6) / 16 / c.groups();

		bound = std::max(bound, in_flight * 1.15);
	}
	printf("# %s, latency %u: %.2f cycles per group (at most %.2f), %.2f requests, first after "
	       "%lld\n",
	       k.what, latency, got, bound, double(b.requests) / c.groups(), (long long)b.first_at);
	return got <= bound;
}

const Case residuals[] = {
	{ "E_S16, 16 channels", BNN_FORMAT_E_S16, 16, 32, 16, 16, false, 1 },
	{ "E_S16, 64 channels", BNN_FORMAT_E_S16, 8, 8, 64, 64, false, 1 },
	{ "E_S8, 64 channels", BNN_FORMAT_E_S8, 16, 16, 64, 64, false, 1 },
	{ "E_U8, 16 channels", BNN_FORMAT_E_U8, 16, 32, 16, 16, false, 1 },
	{ "E_O4, 32 channels", BNN_FORMAT_E_O4, 16, 32, 32, 32, false, 1 },
	{ "E_O4, 1024 channels", BNN_FORMAT_E_O4, 4, 4, 1024, 1024, false, 1 },
	{ "E_S16, 32 channels, WIN", BNN_FORMAT_E_S16, 8, 8, 32, 32, true, 1 },
	{ "E_S16, 16 over 32, WIN", BNN_FORMAT_E_S16, 16, 16, 32, 16, true, 1 },
	{ "E_S16, 32 over 64, WIN", BNN_FORMAT_E_S16, 8, 8, 64, 32, true, 1 },
	{ "E_O4, 64 over 128, WIN", BNN_FORMAT_E_O4, 14, 14, 128, 64, true, 1 },
	{ "E_S16, 32 over 64", BNN_FORMAT_E_S16, 8, 8, 64, 32, false, 1 },
	{ "E_S8, 128 channels, 4 copies", BNN_FORMAT_E_S8, 8, 8, 128, 128, false, 4 },
};
const Case inputs[] = {
	{ "E_S32, 32 channels", BNN_FORMAT_E_S32, 8, 16, 32, 32, false, 1 },
	{ "E_S16, 64 channels", BNN_FORMAT_E_S16, 8, 16, 64, 64, false, 1 },
	{ "E_U8, 64 channels", BNN_FORMAT_E_U8, 8, 16, 64, 64, false, 1 },
	{ "B1, 128 channels", BNN_FORMAT_B1, 8, 16, 128, 128, false, 1 },
	{ "O2, 128 channels", BNN_FORMAT_O2, 8, 16, 128, 128, false, 1 },
	{ "S8, 128 channels", BNN_FORMAT_S8, 8, 16, 128, 128, false, 1 },
};

} // namespace

int main(int argc, char **argv)
{
	unsigned count = tb_options(argc, argv, 1500), failed = 0, cleared = 0;
	uint64_t groups = 0;
	bool fast = true;
	Bench bench;

	for (unsigned i = 0; i < count && failed < 5; i++) {
		Chunk c = random_chunk();

		bench.latency = one_in(3) ? range(10, 300) : range(1, 10);
		bench.stall_memory = one_in(2) ? 0 : range(1, 70);
		bench.stall_out = one_in(2) ? 0 : range(1, 90);
		if (one_in(5)) {
			bench.run(c, range(1, 400));
			cleared++;
		} else {
			bench.run(c);
			groups += c.groups();
		}
		if (!bench.wrong.empty()) {
			printf("# chunk %u: %s (latency %u, stalls %u, %u)\n", i,
			       bench.wrong.c_str(), bench.latency, bench.stall_memory,
			       bench.stall_out);
			c.print();
			failed++;
		}
	}
	tap_ok(!failed, "bnn_stream_in, %u lanes%s: %llu groups of %u chunks, %u cleared", LANES,
	       EW ? ", EW" : "", (unsigned long long)groups, count, cleared);
	for (const Case &k : residuals)
		if (!EW)
			for (uint32_t latency : { 10, 60, 300 })
				fast &= measure(bench, k, latency);
	for (const Case &k : inputs)
		if (EW)
			for (uint32_t latency : { 10, 60, 300 })
				fast &= measure(bench, k, latency);
	tap_ok(fast, "cycles per group");
	return tap_end();
}
