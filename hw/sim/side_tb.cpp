// SPDX-License-Identifier: MIT
//
// Bench of bnn_side: random ENC, POOL, TRANSPOSE and GATEFOLD commands between two
// memories, with random latency and stalls on both ports. Every byte of both
// memories, and the saturation count, against code written from docs/arithmetic.md.
//
//   side_tb [COMMANDS [SEED]]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vbnn_side.h"
#include "bnn_hw.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr uint32_t BYTES = 1 << 20;
constexpr int64_t CYCLES_MAX = 2000000;

enum Kind { ODD, UNSIGNED, SIGNED };

struct Format {
	unsigned planes, bits; // bits of an element
	Kind kind;
	bool exists;
};

#define FORMAT(name, code, planes, bits, kind, text) { planes, bits, kind, true },
#define WFORMAT(name, code, bits, kind, text)
const Format defined[] = {
#include "formats.def"
};
#undef FORMAT
#define FORMAT(name, code, planes, bits, kind, text) code,
const unsigned codes[] = {
#include "formats.def"
};

Format format_of(unsigned code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return defined[i];
	return Format{};
}

struct Memory {
	std::vector<uint8_t> data = std::vector<uint8_t>(2 * BYTES); // bus, on chip
	uint8_t &at(bool onchip, uint32_t addr)
	{
		return data.at((onchip ? BYTES : 0) + addr % BYTES);
	}
};

struct Tensor {
	unsigned format = 0;
	uint32_t h = 0, w = 0, c = 0, addr = 0, row = 0, pixel = 0, plane = 0;
	bool onchip = false;

	uint32_t natural() const
	{
		return 2 * ((c * format_of(format).bits + 15) / 16);
	}
	uint32_t extent() const
	{
		unsigned planes = std::max(1u, format_of(format).planes);

		return (planes - 1) * plane + (h - 1) * row + (w - 1) * pixel + natural();
	}
	uint32_t code(Memory &m, uint32_t y, uint32_t x, uint32_t ch) const
	{
		Format f = format_of(format);
		uint32_t px = addr + y * row + x * pixel, v = 0;

		for (unsigned p = 0; p < std::max(1u, f.planes); p++)
			for (unsigned b = 0; b < f.bits; b++) {
				uint32_t at = ch * f.bits + b;

				v |= uint32_t(m.at(onchip, px + p * plane + at / 8) >> at % 8 & 1)
				     << (p + b);
			}
		return v;
	}
	int64_t value(Memory &m, uint32_t y, uint32_t x, uint32_t ch) const
	{
		Format f = format_of(format);
		unsigned n = f.planes ? f.planes : f.bits;
		int64_t v = code(m, y, x, ch);

		if (f.kind == ODD)
			return 2 * v - ((INT64_C(1) << n) - 1);
		return f.kind == SIGNED && v >> (n - 1) & 1 ? v - (INT64_C(1) << n) : v;
	}
	// All channels of a pixel; padding channels become 0.
	void store(Memory &m, uint32_t y, uint32_t x, const std::vector<uint32_t> &v) const
	{
		Format f = format_of(format);

		for (unsigned p = 0; p < std::max(1u, f.planes); p++) {
			uint32_t px = addr + y * row + x * pixel + p * plane;

			for (uint32_t i = 0; i < natural(); i++)
				m.at(onchip, px + i) = 0;
			for (uint32_t ch = 0; ch < c; ch++)
				for (unsigned b = 0; b < f.bits; b++) {
					uint32_t at = ch * f.bits + b;

					m.at(onchip, px + at / 8) |=
						uint8_t((v[ch] >> (p + b) & 1) << at % 8);
				}
		}
	}
};

// Places that do not meet: inputs in the lower half of either memory, outputs in the upper.
uint32_t place(bool out, uint32_t bytes, uint32_t align)
{
	uint32_t most = BYTES / 2 - bytes - 64;

	return (out ? BYTES / 2 : 0) + random32() % most / align * align;
}

bool shape(Tensor &t, unsigned format, uint32_t h, uint32_t w, uint32_t c, bool out)
{
	t.format = format;
	t.h = h;
	t.w = w;
	t.c = c;
	t.onchip = one_in(2);
	t.pixel = t.natural() + (one_in(3) ? 2 * range(0, 20) : 0);
	t.row = ((w - 1) * t.pixel + t.natural() + 15) / 16 * 16 + 16 * range(0, 2);
	t.plane = (t.row * h + 63) / 64 * 64;
	if (t.extent() > BYTES / 4)
		return false;
	// Regions begin anywhere.
	t.addr = place(out, t.extent(), 1);
	return true;
}

struct Command {
	Tensor in, out;
	uint32_t second = 0, third = 0;
	bool second_onchip = false, third_onchip = false;
};

class Bench
{
      public:
	std::unique_ptr<Vbnn_side> top{ new Vbnn_side };
	Memory memory;
	uint64_t saturated = 0;
	int64_t cycles = 0;
	unsigned stall = 0, latency = 1, ahead = 8;
	std::string wrong;

	Bench()
	{
		top->rst_ni = 0;
		for (int i = 0; i < 4; i++)
			clock();
		top->rst_ni = 1;
	}

	// Runs until done; after `until` cycles it is cleared instead.
	void run(int64_t until = CYCLES_MAX, bool stalls = true)
	{
		stall = !stalls || one_in(3) ? 0 : range(1, 60);
		requests.clear();
		answering = false;
		saturated = 0;
		wrong.clear();
		top->start_i = 1;
		for (cycles = 0; cycles < until; cycles++) {
			bool done = step();

			top->start_i = 0;
			if (done)
				return;
			if (!wrong.empty())
				break;
		}
		if (until == CYCLES_MAX && wrong.empty())
			wrong = "no end";
		top->clear_i = 1;
		still();
		clock();
		top->clear_i = 0;
	}

      private:
	struct Request {
		bool onchip;
		uint32_t addr, left;
		int64_t ready_at;
	};
	std::deque<Request> requests;
	bool answering = false;

	void clock()
	{
		top->clk_i = 1;
		top->eval();
		top->clk_i = 0;
		top->eval();
	}
	void still()
	{
		top->rq_ready_i = top->rb_valid_i = top->wr_ready_i = 0;
		top->eval();
	}
	bool stalled()
	{
		return stall && random32() % 100 < stall;
	}

	bool step()
	{
		bool done;

		top->rq_ready_i = requests.size() < ahead && !stalled();
		top->wr_ready_i = !stalled();
		// A valid beat stays.
		if (!answering && !requests.empty() && requests.front().ready_at <= cycles &&
		    !stalled()) {
			Request &r = requests.front();
			uint8_t beat[16];

			for (uint32_t i = 0; i < 16; i++)
				beat[i] = i < r.left ? memory.at(r.onchip, r.addr + i)
						     : uint8_t(random32());
			memcpy(&top->rb_data_i[0], beat, 16);
			answering = true;
		}
		top->rb_valid_i = answering;
		top->eval();

		if (top->rq_valid_o && top->rq_ready_i) {
			Request r = { bool(top->rq_onchip_o), top->rq_addr_o, top->rq_bytes_o,
				      cycles + (stall ? range(1, 20) : latency) };

			if (!r.left)
				wrong = "request of no bytes";
			requests.push_back(r);
		}
		if (answering && top->rb_ready_o) {
			Request &r = requests.front();

			answering = false;
			r.addr += 16;
			r.left -= std::min(r.left, 16u);
			if (!r.left)
				requests.pop_front();
		}
		if (top->wr_valid_o && top->wr_ready_i) {
			uint8_t beat[16];

			memcpy(beat, &top->wr_data_o[0], 16);
			if (!top->wr_strb_o)
				wrong = "write of nothing";
			for (uint32_t i = 0; i < 16; i++)
				if (top->wr_strb_o >> i & 1)
					memory.at(top->wr_onchip_o, top->wr_addr_o * 16 + i) =
						beat[i];
		}
		saturated += top->sat_o;
		done = top->done_o;
		if (done && !requests.empty())
			wrong = "done with a read under way";
		clock();
		return done;
	}
};

void drive(Vbnn_side &top, const Command &c, uint8_t opcode)
{
	top.opcode_i = opcode;
	top.h_i = uint16_t(c.in.h);
	top.w_i = uint16_t(c.in.w);
	top.cin_i = uint16_t(c.in.c);
	top.in_addr_i = c.in.addr;
	top.in_onchip_i = c.in.onchip;
	top.in_row_i = c.in.row;
	top.in_pixel_i = c.in.pixel;
	top.second_addr_i = c.second;
	top.second_onchip_i = c.second_onchip;
	top.third_addr_i = c.third;
	top.third_onchip_i = c.third_onchip;
	top.format_i = uint8_t(c.out.format);
	top.out_addr_i = c.out.addr;
	top.out_onchip_i = c.out.onchip;
	top.out_row_i = c.out.row;
	top.out_pixel_i = c.out.pixel;
	top.out_plane_i = c.out.plane;
	// What a command does not use may be anything.
	top.mode_i = uint8_t(range(0, 3));
	top.levels_i = uint8_t(random32());
	top.div_i = random32() & 0xfffff;
	top.group_i = random32() & 0x3fff;
}

void encode(Bench &b, Memory &want)
{
	static const unsigned valued[] = { BNN_FORMAT_B1,   BNN_FORMAT_O2,   BNN_FORMAT_O4,
					   BNN_FORMAT_O8,   BNN_FORMAT_U4,   BNN_FORMAT_U8,
					   BNN_FORMAT_S4,   BNN_FORMAT_S8,   BNN_FORMAT_E_O4,
					   BNN_FORMAT_E_U4, BNN_FORMAT_E_S4, BNN_FORMAT_E_U8,
					   BNN_FORMAT_E_S8 };
	bool planar = one_in(2), shared = one_in(2);
	uint32_t mode = range(0, 2), levels = 0, colours, channels, area;
	Command c;

	do {
		c.in = Tensor{};
		c.in.h = range(1, 9);
		c.in.w = one_in(4) ? range(1, 70) : range(1, 20);
		colours = c.in.c = one_in(3) ? range(1, 50) : range(1, 6);
		levels = mode == 1 ? one_in(3) ? range(1, 255) : range(1, 40) : 0;
		channels = colours * (mode == 0 ? 1 : mode == 1 ? levels : 8);
	} while (!shape(c.out, mode ? BNN_FORMAT_B1 : valued[range(0, 12)], c.in.h, c.in.w,
			channels, true) ||
		 channels > 8192);
	area = c.in.h * c.in.w;
	c.in.onchip = one_in(2);
	c.second_onchip = one_in(2);
	c.in.addr = place(false, area * colours, 1);
	c.second = place(false, 256 * colours, 1);
	drive(*b.top, c, BNN_CMD_ENC);
	b.top->planar_i = planar;
	b.top->shared_i = shared;
	b.top->mode_i = uint8_t(mode);
	b.top->levels_i = uint8_t(levels);

	for (uint32_t i = 0; i < area; i++) {
		std::vector<uint32_t> v;

		for (uint32_t k = 0; k < colours; k++) {
			uint32_t at = planar ? k * area + i : i * colours + k;
			uint32_t byte = want.at(c.in.onchip, c.in.addr + at);
			uint32_t t =
				want.at(c.second_onchip, c.second + (shared ? 0 : 256 * k) + byte);

			if (mode == 0)
				v.push_back(t);
			for (uint32_t l = 0; mode == 1 && l < levels; l++)
				v.push_back(l < t);
			for (uint32_t l = 0; mode == 2 && l < 8; l++)
				v.push_back(t >> l & 1);
		}
		c.out.store(want, i / c.in.w, i % c.in.w, v);
	}
}

// Makes the values of a tensor what they often are, or what sums are greatest of.
void extremes(Bench &b, Memory &want, const Tensor &t)
{
	unsigned n = format_of(t.format).bits, kind = range(0, 9);
	bool u = format_of(t.format).kind == UNSIGNED;
	uint32_t lo = u ? 0 : UINT32_C(1) << (n - 1), hi = lo - 1, near = range(0, 40);

	if (kind > 4 || n == 1)
		return;
	for (uint32_t y = 0; y < t.h; y++)
		for (uint32_t x = 0; x < t.w; x++) {
			std::vector<uint32_t> v;

			for (uint32_t ch = 0; ch < t.c; ch++) {
				bool low = kind == 0 || (kind > 1 && one_in(2));

				v.push_back((low ? lo : hi) +
					    (kind == 3 ? (low ? 1 : -1) * range(0, near) : 0));
				if (kind == 4)
					v.back() = range(0, near) - (u ? 0 : near / 2);
			}
			t.store(want, y, x, v);
			t.store(b.memory, y, x, v);
		}
}

// means: what bnn_side_mean takes, and what it just does not take.
uint64_t pool(Bench &b, Memory &want, bool means)
{
	static const unsigned formats[] = { BNN_FORMAT_B1, BNN_FORMAT_E_S8, BNN_FORMAT_E_U8,
					    BNN_FORMAT_E_S16, BNN_FORMAT_E_S32 };
	uint32_t mode = means ? 0 : range(0, 2);
	uint32_t f = formats[means ? range(1, 3) : mode ? range(0, 4) : range(1, 4)];
	uint32_t kh, kw, sh, sw, pt, pl, pb, pr, oh, ow, group, h, w, cin;
	int64_t div;
	uint64_t saturated = 0;
	Command c;

	do {
		bool big = one_in(6);

		kh = range(1, big ? 64 : one_in(4) ? 9 : 4);
		kw = range(1, big ? 64 : one_in(4) ? 9 : 4);
		if (one_in(4))
			kh = kw = 1;
		else if (means && big)
			kh = kw = range(5, 12);
		sh = range(1, one_in(6) ? 64 : 3);
		sw = range(1, one_in(6) ? 64 : 3);
		pt = random32() % kh;
		pb = random32() % kh;
		pl = random32() % kw;
		pr = random32() % kw;
		h = range(1, 12);
		w = range(1, 12);
		cin = one_in(8)	  ? range(1, 8192)
		      : one_in(3) ? range(1, 700)
		      : one_in(4) ? range(49, 64)
				  : range(1, 40);
		if (cin > 700)
			h = w = range(1, 2);
		if (means) {
			h = range(1, 20);
			w = range(1, 20);
			group = 1u << range(0, 3);
			cin = group * (one_in(3) ? range(1, 300 / group) : range(1, 5));
		} else if (one_in(2)) {
			group = range(1, 9);
			cin = std::max(1u, cin / group) * group;
		} else {
			do
				group = one_in(2) ? 1 : range(1, cin);
			while (cin % group);
		}
		oh = h + pt + pb < kh ? 0 : (h + pt + pb - kh) / sh + 1;
		ow = w + pl + pr < kw ? 0 : (w + pl + pr - kw) / sw + 1;
	} while (!oh || !ow || uint64_t(oh) * ow * kh * kw * cin > 300000 ||
		 !shape(c.in, f, h, w, cin, false) || !shape(c.out, f, oh, ow, cin / group, true));
	switch (range(0, means ? 3 : 6)) {
	case 0:
		div = range(1, 9);
		break;
	case 1:
		div = range(1, 600);
		break;
	case 2:
		div = range(511, 513);
		break;
	case 3:
		div = means ? kh * kw * group : INT64_C(1) << range(0, 19);
		break;
	case 4:
		div = range(1, 0xfffff);
		break;
	default:
		div = std::min(kh * kw * group, 0xfffffu);
	}
	extremes(b, want, c.in);
	drive(*b.top, c, BNN_CMD_POOL);
	b.top->mode_i = uint8_t(mode);
	b.top->div_i = mode ? 0 : uint32_t(div);
	b.top->group_i = uint16_t(group);
	b.top->kh_i = uint8_t(kh);
	b.top->kw_i = uint8_t(kw);
	b.top->sh_i = uint8_t(sh);
	b.top->sw_i = uint8_t(sw);
	b.top->pad_t_i = uint8_t(pt);
	b.top->pad_l_i = uint8_t(pl);
	b.top->oh_i = uint16_t(oh);
	b.top->ow_i = uint16_t(ow);

	for (uint32_t y = 0; y < oh; y++)
		for (uint32_t x = 0; x < ow; x++) {
			std::vector<int64_t> acc(cin / group);
			std::vector<bool> any(cin / group);
			std::vector<uint32_t> v;

			for (uint32_t k = 0; k < kh * kw; k++) {
				int64_t iy = int64_t(y) * sh + k / kw - pt;
				int64_t ix = int64_t(x) * sw + k % kw - pl;

				if (iy < 0 || iy >= h || ix < 0 || ix >= w)
					continue;
				for (uint32_t ch = 0; ch < cin; ch++) {
					int64_t s =
						c.in.value(want, uint32_t(iy), uint32_t(ix), ch);
					int64_t &a = acc[ch / group];

					if (!any[ch / group])
						a = s;
					else if (mode == 0)
						a += s;
					else
						a = mode == 1 ? std::max(a, s) : std::min(a, s);
					any[ch / group] = true;
				}
			}
			for (int64_t s : acc) {
				if (!mode) {
					unsigned n = format_of(f).bits;
					bool u = format_of(f).kind == UNSIGNED;
					int64_t hi = (INT64_C(1) << (u ? n : n - 1)) - 1;
					int64_t lo = u ? 0 : -hi - 1, num = 2 * s + div, q;

					q = num / (2 * div) - (num % (2 * div) < 0);
					s = std::min(std::max(q, lo), hi);
					saturated += s != q;
				}
				v.push_back(f == BNN_FORMAT_B1 ? s > 0 : uint32_t(s));
			}
			c.out.store(want, y, x, v);
		}
	return saturated;
}

void transpose(Bench &b, Memory &want)
{
	static const unsigned formats[] = { BNN_FORMAT_E_U8, BNN_FORMAT_E_S8, BNN_FORMAT_E_U16,
					    BNN_FORMAT_E_S16, BNN_FORMAT_E_S32 };
	unsigned f = formats[range(0, 4)];
	Command c;

	do {
		uint32_t h = range(1, one_in(4) ? 40 : 8), w = range(1, one_in(4) ? 40 : 8);
		uint32_t ch = range(1, one_in(3) ? 300 : 70);

		c.in.c = 0;
		if (shape(c.in, f, h, w, ch, false) && !shape(c.out, f, 1, ch, h * w, true))
			c.in.c = 0;
	} while (!c.in.c || c.in.extent() > BYTES / 4);
	drive(*b.top, c, BNN_CMD_TRANSPOSE);
	for (uint32_t ch = 0; ch < c.in.c; ch++) {
		std::vector<uint32_t> v;

		for (uint32_t i = 0; i < c.in.h * c.in.w; i++)
			v.push_back(c.in.code(want, i / c.in.w, i % c.in.w, ch));
		c.out.store(want, 0, ch, v);
	}
}

int64_t get(Memory &m, bool onchip, uint32_t addr, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= uint64_t(m.at(onchip, addr + i)) << 8 * i;
	return int64_t(v << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

uint64_t gatefold(Bench &b, Memory &want)
{
	uint32_t n = one_in(3) ? range(1, 400) : range(1, 20);
	uint64_t saturated = 0;
	Command c;

	c.in.h = c.in.w = 1;
	c.in.c = n;
	c.in.onchip = one_in(2);
	c.in.addr = place(false, 2 * n, 1);
	c.third_onchip = one_in(2);
	c.third = place(false, 64 * n, 1);
	c.out.onchip = one_in(2);
	c.out.addr = place(true, 64 * n, 1);
	drive(*b.top, c, BNN_CMD_GATEFOLD);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t in = c.third + 64 * k, out = c.out.addr + 64 * k;
		int64_t g = get(want, c.in.onchip, c.in.addr + 2 * k, 2) & 0xffff;
		int64_t bbn = get(want, c.third_onchip, in + BNN_PARAM_BBN, 4);

		for (uint32_t i = 0; i < 64; i++)
			want.at(c.out.onchip, out + i) = want.at(c.third_onchip, in + i);
		for (unsigned h = 0; h < 2; h++) {
			int64_t a = get(want, c.third_onchip, in + BNN_PARAM_A2 + 2 * h, 2);
			int64_t o = get(want, c.third_onchip, in + BNN_PARAM_B2 + 4 * h, 4);
			int64_t a2 = (a * g + 16384) >> 15, b2 = ((o * g + 16384) >> 15) + bbn;
			int64_t as = std::min<int64_t>(std::max<int64_t>(a2, INT16_MIN), INT16_MAX);
			int64_t bs = std::min<int64_t>(std::max<int64_t>(b2, INT32_MIN), INT32_MAX);

			saturated += (as != a2) + (bs != b2);
			for (unsigned i = 0; i < 2; i++)
				want.at(c.out.onchip, out + BNN_PARAM_A2 + 2 * h + i) =
					uint8_t(as >> 8 * i);
			for (unsigned i = 0; i < 4; i++)
				want.at(c.out.onchip, out + BNN_PARAM_B2 + 4 * h + i) =
					uint8_t(bs >> 8 * i);
		}
	}
	return saturated;
}

const char *const names[] = { "ENC", "POOL", "POOL (fast means)", "TRANSPOSE", "GATEFOLD" };
constexpr unsigned KINDS = sizeof(names) / sizeof(names[0]);

// Returns how many values saturate.
uint64_t prepare(Bench &b, Memory &want, unsigned kind)
{
	switch (kind) {
	case 0:
		encode(b, want);
		return 0;
	case 1:
	case 2:
		return pool(b, want, kind == 2);
	case 3:
		transpose(b, want);
		return 0;
	default:
		return gatefold(b, want);
	}
}

bool run_one(Bench &b, unsigned kind, unsigned number)
{
	Memory want = b.memory;
	uint64_t saturated = prepare(b, want, kind);

	b.run();
	if (!b.wrong.empty()) {
		printf("# %s %u: %s after %lld cycles\n", names[kind], number, b.wrong.c_str(),
		       (long long)b.cycles);
		return false;
	}
	for (uint32_t i = 0; i < 2 * BYTES; i++)
		if (b.memory.data[i] != want.data[i]) {
			printf("# %s %u: byte 0x%x is %02x, not %02x (OUT at 0x%x, %s)\n",
			       names[kind], number, i, b.memory.data[i], want.data[i],
			       b.top->out_addr_i, b.top->out_onchip_i ? "on chip" : "bus");
			b.memory = want;
			return false;
		}
	if (b.saturated != saturated) {
		printf("# %s %u: %llu saturated, not %llu\n", names[kind], number,
		       (unsigned long long)b.saturated, (unsigned long long)saturated);
		return false;
	}
	return true;
}

// Speed, with memory that answers after a while with a beat per cycle.

bool report(Bench &b, unsigned number, const char *what, uint32_t work, const char *unit,
	    int64_t most)
{
	bool ok = b.wrong.empty() && b.cycles <= most;

	printf("%s %u - %s: %lld cycles, %.3f per %s\n", ok ? "ok" : "not ok", number, what,
	       (long long)b.cycles, double(b.cycles) / work, unit);
	return ok;
}

Tensor packed(unsigned format, uint32_t h, uint32_t w, uint32_t c, bool out)
{
	Tensor t;

	t.format = format;
	t.h = h;
	t.w = w;
	t.c = c;
	t.pixel = t.natural();
	t.row = (w * t.pixel + 15) / 16 * 16;
	t.plane = (t.row * h + 63) / 64 * 64;
	t.addr = out ? BYTES / 2 : 0;
	return t;
}

void fast_pool(Bench &b, unsigned mode, unsigned format, uint32_t side, uint32_t c, uint32_t group,
	       uint32_t kernel, uint32_t stride)
{
	uint32_t to = (side - 1) / stride + 1;
	Command p;

	if (stride == kernel)
		to = side / stride;
	p.in = packed(format, side, side, c, false);
	p.out = packed(format, to, to, c / group, true);
	drive(*b.top, p, BNN_CMD_POOL);
	b.top->mode_i = uint8_t(mode);
	b.top->div_i = mode ? 0 : kernel * kernel * group;
	b.top->group_i = uint16_t(group);
	b.top->kh_i = b.top->kw_i = uint8_t(kernel);
	b.top->sh_i = b.top->sw_i = uint8_t(stride);
	b.top->pad_t_i = b.top->pad_l_i = 0;
	b.top->oh_i = b.top->ow_i = uint16_t(to);
	b.run(CYCLES_MAX, false);
}

void fast_encode(Bench &b, unsigned format, bool planar, uint32_t side, uint32_t levels)
{
	Command c;

	c.in.h = c.in.w = side;
	c.in.c = 3;
	c.out = packed(format, side, side, levels ? 3 * levels : 3, true);
	drive(*b.top, c, BNN_CMD_ENC);
	b.top->planar_i = planar;
	b.top->shared_i = 0;
	b.top->mode_i = levels ? 1 : 0;
	b.top->levels_i = uint8_t(levels);
	b.run(CYCLES_MAX, false);
}

unsigned fast(Bench &b, unsigned number)
{
	unsigned bad = 0;

	b.latency = 60;
	b.ahead = 16;
	fast_encode(b, BNN_FORMAT_B1, false, 96, 32);
	bad += !report(b, number++, "ENC, 3 colours to 96 channels", 96 * 96, "pixel",
		       96 * 96 * 21 / 20 + 250);
	fast_encode(b, BNN_FORMAT_S8, false, 96, 0);
	bad += !report(b, number++, "ENC, 3 colours to S8", 96 * 96, "pixel",
		       96 * 96 * 11 / 10 + 250);
	fast_encode(b, BNN_FORMAT_S8, true, 96, 0);
	bad += !report(b, number++, "ENC, 3 planar colours to S8", 96 * 96, "pixel",
		       96 * 96 * 11 / 10 + 250);
	fast_pool(b, 0, BNN_FORMAT_E_S16, 28, 256, 4, 1, 1);
	bad += !report(b, number++, "POOL, means of 4 of 256 channels of 16 bits", 28 * 28 * 32,
		       "beat", 28 * 28 * 32 * 11 / 10 + 200);
	fast_pool(b, 0, BNN_FORMAT_E_S16, 56, 64, 2, 1, 1);
	bad += !report(b, number++, "POOL, means of 2 of 64 channels of 16 bits", 56 * 56 * 8,
		       "beat", 56 * 56 * 8 * 11 / 10 + 200);
	fast_pool(b, 0, BNN_FORMAT_E_S16, 56, 8, 4, 1, 1);
	bad += !report(b, number++, "POOL, means of 4 of 8 channels of 16 bits", 56 * 56, "beat",
		       56 * 56 * 11 / 10 + 200);
	fast_pool(b, 0, BNN_FORMAT_E_S8, 28, 256, 4, 1, 1);
	bad += !report(b, number++, "POOL, means of 4 of 256 channels of 8 bits", 28 * 28 * 16,
		       "beat", 28 * 28 * 16 * 11 / 10 + 200);
	fast_pool(b, 0, BNN_FORMAT_E_S8, 28, 256, 2, 1, 1);
	bad += !report(b, number++, "POOL, means of 2 of 256 channels of 8 bits", 28 * 28 * 16,
		       "beat", 28 * 28 * 16 * 21 / 10 + 200);
	fast_pool(b, 0, BNN_FORMAT_E_S16, 56, 64, 1, 3, 2);
	bad += !report(b, number++, "POOL, 3x3 means with stride 2 of 64 channels of 16 bits",
		       28 * 28 * 64, "element", 28 * 28 * 8 * 9 * 11 / 10 + 200);
	fast_pool(b, 0, BNN_FORMAT_E_S16, 28, 128, 1, 2, 2);
	bad += !report(b, number++, "POOL, 2x2 means of 128 channels of 16 bits", 28 * 28 * 16,
		       "beat", 28 * 28 * 16 * 11 / 10 + 200);
	fast_pool(b, 1, BNN_FORMAT_E_S16, 28, 256, 1, 2, 2);
	bad += !report(b, number++, "POOL, 2x2 maxima of 256 channels of 16 bits", 28 * 28 * 32,
		       "beat", 28 * 28 * 32 * 11 / 10 + 200);
	fast_pool(b, 1, BNN_FORMAT_B1, 56, 64, 1, 2, 2);
	bad += !report(b, number++, "POOL, 2x2 maxima of 64 bits", 56 * 56, "tap",
		       56 * 56 * 22 / 10 + 200);
	return bad;
}

} // namespace

int main(int argc, char **argv)
{
	unsigned commands = argc > 1 ? unsigned(atoi(argv[1])) : 150, failed = 0;
	Bench bench;

	tb_seed = argc > 2 ? strtoull(argv[2], nullptr, 0) : 1;
	for (uint8_t &byte : bench.memory.data)
		byte = uint8_t(random32());
	for (unsigned kind = 0; kind < KINDS; kind++) {
		unsigned bad = 0, cleared = 0;

		for (unsigned i = 0; i < commands && bad < 5; i++) {
			// Cleared in the middle, every eighth; the next one must not notice.
			if (i % 8 == 7) {
				Memory unused = bench.memory;

				prepare(bench, unused, kind);
				bench.run(range(1, 200));
				cleared++;
			}
			bad += !run_one(bench, kind, i);
		}
		printf("%s %u - %u %s commands, %u more cleared\n", bad ? "not ok" : "ok", kind + 1,
		       commands, names[kind], cleared);
		failed += bad;
	}
	failed += fast(bench, KINDS + 1);
	printf("1..%u\n", KINDS + 12);
	return failed != 0;
}
