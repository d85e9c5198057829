// SPDX-License-Identifier: MIT
//
// Bench of bnn_store: commands of random formats, pitches and addresses, cut into chunks at
// random, against code written from docs/arithmetic.md. Every byte of both memories is
// compared; with random stalls, cleared at random times; and how many cycles a group takes.
//
//   store_tb [-n COMMANDS] [-s SEED]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "Vbnn_store.h"
#include "bnn_hw.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr uint32_t LANES = TB_LANES, PARAM_WORDS = TB_PARAM_WORDS;
constexpr uint32_t BYTES = 1 << 17;

struct Format {
	const char *name;
	unsigned planes, bits; // bits of an element
};

#define FORMAT(name, code, planes, bits, kind, text) { #name, planes, bits },
#define WFORMAT(name, code, bits, kind, text)
const Format defined[] = {
#include "formats.def"
};
#undef FORMAT
#define FORMAT(name, code, planes, bits, kind, text) code,
const unsigned codes[] = {
#include "formats.def"
};
constexpr unsigned FORMATS = sizeof(codes) / sizeof(codes[0]);

const Format &format_of(unsigned code)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (codes[i] == code)
			return defined[i];
	abort();
}

struct Tensor {
	unsigned format = BNN_FORMAT_NONE;
	bool onchip = false;
	uint32_t addr = 0, row = 0, pixel = 0, plane = 0, natural = 0, extent = 0;

	const Format &f() const
	{
		return format_of(format);
	}
	void lay_out(unsigned fmt, uint32_t h, uint32_t w, uint32_t c, uint32_t more,
		     uint32_t lines)
	{
		format = fmt;
		natural = 2 * ((c * f().bits + 15) / 16);
		pixel = natural + 2 * more;
		row = ((w - 1) * pixel + natural + 15) / 16 * 16 + 16 * lines;
		plane = (row * h + 63) / 64 * 64;
		extent = f().bits ? (std::max(1u, f().planes) - 1) * plane + (h - 1) * row +
					    (w - 1) * pixel + natural
				  : 0;
	}
};

struct Command {
	uint32_t oh = 1, ow = 1, cout = 1, copies = 1;
	Tensor p, s;
	bool sum = false, sum_onchip = false;
	uint32_t sum_addr = 0;

	uint32_t stored() const
	{
		return cout / copies;
	}
};

struct Chunk {
	uint32_t base, rows;

	uint32_t groups(const Command &c) const
	{
		return (rows + LANES - 1) / LANES * c.copies;
	}
};

// One memory of each port: bus, on chip.
struct Image {
	std::vector<uint8_t> data[2];

	Image()
	{
		for (std::vector<uint8_t> &d : data) {
			d.resize(2 * BYTES);
			for (uint8_t &b : d)
				b = uint8_t(random32());
		}
	}
};

void bits_at(std::vector<uint8_t> &m, uint32_t byte, uint32_t bit, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++, bit++) {
		uint8_t &b = m.at(byte + bit / 8);

		b = uint8_t((b & ~(1u << bit % 8)) | (v >> i & 1) << bit % 8);
	}
}

// Codes of the command: outp, outs, v16 of each pixel and channel.
struct Results {
	std::vector<uint32_t> outp, outs, v16;

	explicit Results(const Command &c)
	{
		size_t n = size_t(c.oh) * c.ow * c.cout;

		for (size_t i = 0; i < n; i++) {
			outp.push_back(random32() & 0xffff);
			outs.push_back(random32());
			v16.push_back(one_in(4) ? 0x8000 : random32() & 0xffff);
		}
	}
};

// A chunk writes its channels and, behind the last channel of the tensor, the padding.
void reference(const Command &c, const Chunk &k, const Results &r, Image &want, Image *counts)
{
	for (uint32_t px = 0; px < c.oh * c.ow; px++) {
		uint32_t y = px / c.ow, x = px % c.ow;
		uint32_t p_at = c.p.addr + y * c.p.row + x * c.p.pixel;
		uint32_t s_at = c.s.addr + y * c.s.row + x * c.s.pixel;

		for (uint32_t i = 0; i < c.copies; i++)
			for (uint32_t j = 0; j < k.rows; j++) {
				uint32_t ch = i * c.stored() + k.base + j, bits = c.s.f().bits;
				bool end = ch == c.cout - 1;
				size_t at = size_t(px) * c.cout + ch;

				for (uint32_t n = 0; n < c.p.f().planes; n++) {
					uint32_t byte = p_at + n * c.p.plane;
					std::vector<uint8_t> &m = want.data[c.p.onchip];

					bits_at(m, byte, ch, r.outp[at] >> n & 1, 1);
					if (end)
						bits_at(m, byte, c.cout, 0,
							8 * c.p.natural - c.cout);
					if (counts && (ch % 8 == 0))
						counts->data[c.p.onchip][byte + ch / 8] = 1;
					if (counts && end)
						counts->data[c.p.onchip][byte + c.p.natural - 1] =
							1;
				}
				if (bits) {
					std::vector<uint8_t> &m = want.data[c.s.onchip];

					bits_at(m, s_at, ch * bits, r.outs[at], bits);
					if (end)
						bits_at(m, s_at, c.cout * bits, 0,
							8 * c.s.natural - c.cout * bits);
					for (uint32_t b = ch * bits / 8;
					     counts && b <= ((ch + 1) * bits - 1) / 8; b++)
						counts->data[c.s.onchip][s_at + b] = 1;
					if (counts && end)
						counts->data[c.s.onchip][s_at + c.s.natural - 1] =
							1;
				}
				if (c.sum && !px) {
					uint32_t sum = 0;

					for (uint32_t q = 0; q < c.oh * c.ow; q++)
						sum += uint32_t(int32_t(
							int16_t(r.v16[size_t(q) * c.cout + ch])));
					bits_at(want.data[c.sum_onchip], c.sum_addr + 4 * ch, 0,
						sum, 32);
					for (uint32_t b = 0; counts && b < 4; b++)
						counts->data[c.sum_onchip]
							    [c.sum_addr + 4 * ch + b] = 1;
				}
			}
	}
}

template <class T> void lane_bits(T &port, uint32_t at, uint32_t v, unsigned n)
{
	uint8_t *b = reinterpret_cast<uint8_t *>(&port);

	for (unsigned i = 0; i < n / 8; i++)
		b[at / 8 + i] = uint8_t(v >> 8 * i);
}

class Bench
{
      public:
	std::unique_ptr<Vbnn_store> top{ new Vbnn_store };
	Image memory;
	Image writes; // how often a byte has been written
	std::string wrong;
	uint32_t stall_in = 0, stall_p = 0, stall_s = 0;
	int64_t cycles = 0, first_at = 0, last_at = 0, done_at = 0;
	uint64_t beats = 0;

	Bench()
	{
		top->rst_ni = 0;
		for (int i = 0; i < 4; i++) {
			top->eval();
			tick();
		}
		top->rst_ni = 1;
	}

	void run(const Command &c, const Chunk &k, const Results &r, int64_t until = INT64_MAX)
	{
		uint32_t given = 0, per_px = k.groups(c), total = per_px * c.oh * c.ow, rows = 0;
		int64_t most = int64_t(total) * 20000 + 100000;
		bool offered = false;
		Held p_held, s_held;

		wrong.clear();
		beats = 0;
		drive(c, k);
		top->start_i = 1;
		top->in_valid_i = 0;
		for (cycles = 0; cycles < until; cycles++) {
			top->p_ready_i = !stalled(stall_p);
			top->s_ready_i = !stalled(stall_s);
			if (cycles && !offered && given < total && !stalled(stall_in)) {
				offer(c, k, r, given);
				offered = true;
			}
			top->in_valid_i = offered;
			top->eval();
			if (offered && top->in_ready_o) {
				if (!given)
					first_at = cycles;
				last_at = cycles;
				given++;
				offered = false;
			}
			port(p_held, top->p_valid_o, top->p_ready_i, top->p_onchip_o, top->p_addr_o,
			     &top->p_data_o[0], top->p_strb_o, "p");
			port(s_held, top->s_valid_o, top->s_ready_i, top->s_onchip_o, top->s_addr_o,
			     &top->s_data_o[0], top->s_strb_o, "s");
			if (top->s_valid_o && top->s_sum_o && given < total)
				wrong = "sums before the end";
			rows += top->row_done_o;
			if (top->done_o) {
				done_at = cycles;
				if (given < total)
					wrong = "done before the end";
				if (rows != c.oh)
					wrong = "rows done: " + std::to_string(rows);
				if (top->p_valid_o || top->s_valid_o)
					wrong = "done with a write left";
				break;
			}
			if (cycles > most)
				wrong = "no end";
			if (!wrong.empty())
				break;
			tick();
			top->start_i = 0;
			scramble();
			top->eval();
		}
		top->start_i = 0;
		top->in_valid_i = 0;
		tick();
		if (until == INT64_MAX && wrong.empty())
			return;
		top->clear_i = 1;
		top->eval();
		tick();
		top->clear_i = 0;
		top->eval();
		if (top->p_valid_o || top->s_valid_o || top->in_ready_o)
			wrong = "not idle after clear";
	}

      private:
	struct Held {
		bool valid = false;
		uint32_t addr = 0, strb = 0;
		uint8_t data[16] = {};
	};

	void tick()
	{
		top->clk_i = 1;
		top->eval();
		top->clk_i = 0;
		top->eval();
	}
	bool stalled(uint32_t percent)
	{
		return percent && random32() % 100 < percent;
	}
	// What is not valid may be anything.
	void scramble()
	{
		if (top->in_valid_i)
			return;
		for (uint32_t l = 0; l < LANES; l++) {
			lane_bits(top->in_outp_i, l * 16, random32(), 16);
			lane_bits(top->in_outs_i, l * 32, random32(), 32);
			lane_bits(top->in_v16_i, l * 16, random32(), 16);
		}
	}
	void drive(const Command &c, const Chunk &k)
	{
		top->k_base_i = uint16_t(k.base);
		top->k_rows_i = uint16_t(k.rows);
		top->k_copies_i = uint8_t(c.copies);
		top->k_copy_step_i = uint16_t(c.stored());
		top->d_oh_i = uint16_t(c.oh);
		top->d_ow_i = uint16_t(c.ow);
		top->d_cout_i = uint16_t(c.cout);
		top->d_outp_format_i = uint8_t(c.p.format);
		top->d_outs_format_i = uint8_t(c.s.format);
		top->d_sum_en_i = c.sum;
		top->d_p_onchip_i = c.p.onchip;
		top->d_p_addr_i = c.p.addr;
		top->d_p_row_i = c.p.row;
		top->d_p_pixel_i = c.p.pixel;
		top->d_p_plane_i = c.p.plane;
		top->d_s_onchip_i = c.s.onchip;
		top->d_s_addr_i = c.s.addr;
		top->d_s_row_i = c.s.row;
		top->d_s_pixel_i = c.s.pixel;
		top->d_sum_onchip_i = c.sum_onchip;
		top->d_sum_addr_i = c.sum_addr;
	}
	void offer(const Command &c, const Chunk &k, const Results &r, uint32_t number)
	{
		uint32_t per_px = k.groups(c), per_copy = per_px / c.copies;
		uint32_t px = number / per_px, copy = number % per_px / per_copy,
			 first = number % per_copy * LANES;

		for (uint32_t l = 0; l < LANES; l++) {
			bool there = first + l < k.rows;
			size_t at = size_t(px) * c.cout +
				    (there ? copy * c.stored() + k.base + first + l : 0);

			lane_bits(top->in_outp_i, l * 16, there ? r.outp[at] : 0, 16);
			lane_bits(top->in_outs_i, l * 32, there ? r.outs[at] : 0, 32);
			lane_bits(top->in_v16_i, l * 16, there ? r.v16[at] : 0, 16);
		}
	}
	void port(Held &h, bool valid, bool ready, bool onchip, uint32_t addr, const void *data,
		  uint32_t strb, const char *name)
	{
		const uint8_t *b = static_cast<const uint8_t *>(data);

		if (h.valid &&
		    (!valid || h.addr != addr || h.strb != strb || memcmp(h.data, b, 16)))
			wrong = std::string(name) + " withdrawn or changed";
		h.valid = valid && !ready;
		h.addr = addr;
		h.strb = strb;
		memcpy(h.data, b, 16);
		if (!valid || !ready)
			return;
		beats++;
		if (!strb)
			wrong = std::string(name) + " writes nothing";
		for (uint32_t i = 0; i < 16; i++)
			if (strb >> i & 1) {
				uint32_t at = addr * 16 + i;

				if (at >= 2 * BYTES) {
					wrong = std::string(name) + " writes behind the memory";
					return;
				}
				memory.data[onchip][at] = b[i];
				writes.data[onchip][at]++;
			}
	}
};

bool compare(Bench &b, const Image &want, const Image &counts)
{
	char text[160];

	for (unsigned m = 0; m < 2; m++)
		for (uint32_t i = 0; i < 2 * BYTES; i++) {
			if (b.memory.data[m][i] == want.data[m][i] &&
			    b.writes.data[m][i] == counts.data[m][i])
				continue;
			snprintf(text, sizeof(text),
				 "byte 0x%x %s is %02x, not %02x; written %u times, not %u", i,
				 m ? "on chip" : "on the bus", b.memory.data[m][i], want.data[m][i],
				 b.writes.data[m][i], counts.data[m][i]);
			b.wrong = text;
			return false;
		}
	return true;
}

void zero(Image &i)
{
	for (std::vector<uint8_t> &d : i.data)
		std::fill(d.begin(), d.end(), uint8_t(0));
}

unsigned random_format(bool planes)
{
	unsigned f;

	do
		f = codes[range(1, FORMATS - 1)];
	while ((f < BNN_FORMAT_E_O4) != planes);
	return f;
}

// Outputs do not meet: OUTP in the lower half of either memory, OUTS and SUM in the upper.
Command random_command()
{
	Command c;

	do {
		c = Command{};
		c.oh = range(1, 5);
		c.ow = one_in(4) ? range(1, 30) : range(1, 6);
		c.cout = one_in(10)  ? range(1, 1500)
			 : one_in(2) ? 16 * range(1, 12)
				     : range(1, 150);
		if (one_in(4)) {
			c.copies = range(2, 5);
			c.cout = 16 * range(1, 6) * c.copies;
		}
		if (!one_in(3))
			c.p.lay_out(random_format(true), c.oh, c.ow, c.cout,
				    one_in(2) ? 0 : range(0, 20), range(0, 2));
		if (!one_in(3))
			c.s.lay_out(random_format(false), c.oh, c.ow, c.cout,
				    one_in(2) ? 0 : range(0, 20), range(0, 2));
		c.sum = one_in(3);
	} while (uint64_t(c.oh) * c.ow * c.cout > 8000 || c.p.extent > BYTES - 64 ||
		 c.s.extent + 4 * c.cout > BYTES - 64 || !(c.p.extent || c.s.extent || c.sum));
	c.p.onchip = one_in(2);
	c.s.onchip = one_in(2);
	c.sum_onchip = one_in(2);
	c.p.addr = range(0, BYTES - c.p.extent - 32);
	c.s.addr = BYTES + range(0, BYTES - c.s.extent - 4 * c.cout - 32);
	c.sum_addr = one_in(3) ? c.s.addr + c.s.extent
			       : range(c.s.addr + c.s.extent, 2 * BYTES - 4 * c.cout);
	return c;
}

// Where chunks may be cut.
std::vector<Chunk> chunks_of(const Command &c)
{
	uint32_t unit = c.p.extent ? 16 : c.s.f().bits == 4 ? 2 : 1;
	uint32_t most = PARAM_WORDS / c.copies * LANES, mean = one_in(2) ? most : range(1, 64);
	std::vector<Chunk> v;

	for (uint32_t at = 0; at < c.stored();) {
		uint32_t n = std::max(unit, range(1, mean) / unit * unit);

		n = std::min(std::min(n, std::max(unit, most / unit * unit)), c.stored() - at);
		v.push_back({ at, n });
		at += n;
	}
	return v;
}

void print(const Command &c, const Chunk &k)
{
	printf("# %ux%ux%u, %u copies, OUTP %s at 0x%x row %u pixel %u plane %u, OUTS %s at 0x%x "
	       "row %u pixel %u, SUM %d at 0x%x; channels %u + %u\n",
	       c.oh, c.ow, c.cout, c.copies, c.p.f().name, c.p.addr, c.p.row, c.p.pixel, c.p.plane,
	       c.s.f().name, c.s.addr, c.s.row, c.s.pixel, c.sum, c.sum_addr, k.base, k.rows);
}

struct Case {
	unsigned p, s;
	bool sum;
	uint32_t oh, ow, cout, copies;
};

// Cycles per group, without stalls.
bool measure(Bench &b, const Case &k)
{
	Command c;
	double got, bound = 1;

	c.oh = k.oh;
	c.ow = k.ow;
	c.cout = k.cout;
	c.copies = k.copies;
	c.sum = k.sum;
	c.p.lay_out(k.p, k.oh, k.ow, k.cout, 0, 0);
	c.s.lay_out(k.s, k.oh, k.ow, k.cout, 0, 0);
	c.s.addr = BYTES;
	c.sum_addr = BYTES + c.s.extent;
	b.stall_in = b.stall_p = b.stall_s = 0;
	b.run(c, { 0, c.stored() }, Results(c));
	if (!b.wrong.empty()) {
		printf("# %s\n", b.wrong.c_str());
		print(c, { 0, c.stored() });
		return false;
	}
	bound = std::max(bound, c.p.f().planes * LANES / 16.0);
	bound = std::max(bound, c.s.f().bits * LANES / 128.0);
	if (c.sum)
		bound = std::max(bound, LANES / 16.0);
	bound = bound * 1.05 + 0.1;
	got = double(b.last_at - b.first_at) /
	      ((Chunk{ 0, c.stored() }).groups(c) * c.oh * c.ow - 1);
	printf("# OUTP %s, OUTS %s%s, %u channels: %.2f cycles per group (at most %.2f), %llu "
	       "beats, done %lld after the last\n",
	       c.p.f().name, c.s.f().name, c.sum ? ", SUM" : "", c.cout, got, bound,
	       (unsigned long long)b.beats, (long long)(b.done_at - b.last_at));
	return got <= bound;
}

const Case cases[] = {
	{ BNN_FORMAT_B1, BNN_FORMAT_NONE, false, 8, 8, 128, 1 },
	{ BNN_FORMAT_O2, BNN_FORMAT_E_S16, false, 16, 32, 16, 1 },
	{ BNN_FORMAT_O2, BNN_FORMAT_E_S16, false, 8, 8, 64, 1 },
	{ BNN_FORMAT_B1, BNN_FORMAT_NONE, false, 8, 8, 256, 4 },
	{ BNN_FORMAT_U4, BNN_FORMAT_NONE, false, 8, 8, 64, 1 },
	{ BNN_FORMAT_S8, BNN_FORMAT_E_S32, false, 8, 8, 64, 1 },
	{ BNN_FORMAT_S16, BNN_FORMAT_NONE, false, 8, 8, 64, 1 },
	{ BNN_FORMAT_NONE, BNN_FORMAT_E_O4, false, 8, 8, 256, 1 },
	{ BNN_FORMAT_NONE, BNN_FORMAT_E_S8, false, 8, 8, 64, 1 },
	{ BNN_FORMAT_NONE, BNN_FORMAT_E_S16, true, 8, 8, 64, 1 },
	{ BNN_FORMAT_NONE, BNN_FORMAT_E_S32, false, 8, 8, 64, 1 },
	{ BNN_FORMAT_NONE, BNN_FORMAT_NONE, true, 8, 8, 64, 1 },
};

} // namespace

int main(int argc, char **argv)
{
	unsigned count = 700, failed = 0, cleared = 0, chunks = 0;
	bool fast = true;

	tb_seed = 1;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "-n"))
			count = unsigned(atoi(argv[i + 1]));
		else if (!strcmp(argv[i], "-s"))
			tb_seed = strtoull(argv[i + 1], nullptr, 0);
	}
	Bench bench;
	Image want, counts;

	want = bench.memory;
	printf("1..2\n");
	for (unsigned i = 0; i < count && failed < 5; i++) {
		Command c = random_command();
		Results r(c);
		std::vector<Chunk> all = chunks_of(c);

		bench.stall_in = one_in(2) ? 0 : range(1, 80);
		bench.stall_p = one_in(2) ? 0 : range(1, 80);
		bench.stall_s = one_in(2) ? 0 : range(1, 80);
		zero(counts);
		zero(bench.writes);
		for (const Chunk &k : all) {
			chunks++;
			if (one_in(6)) {
				// It may have written some of what it is to write.
				Image before = bench.memory, times = bench.writes;

				bench.run(c, k, r, range(1, 300));
				bench.memory = before;
				bench.writes = times;
				cleared++;
			}
			if (bench.wrong.empty()) {
				reference(c, k, r, want, &counts);
				bench.run(c, k, r);
			}
			if (bench.wrong.empty())
				compare(bench, want, counts);
			if (!bench.wrong.empty()) {
				printf("# command %u: %s (stalls %u, %u, %u)\n", i,
				       bench.wrong.c_str(), bench.stall_in, bench.stall_p,
				       bench.stall_s);
				print(c, k);
				want = bench.memory;
				bench.wrong.clear();
				failed++;
				break;
			}
		}
	}
	printf("%s 1 - bnn_store, %u lanes: %u commands in %u chunks, %u cleared\n",
	       failed ? "not ok" : "ok", LANES, count, chunks, cleared);
	for (const Case &k : cases)
		fast &= measure(bench, k);
	printf("%s 2 - cycles per group\n", fast ? "ok" : "not ok");
	return failed || !fast;
}
