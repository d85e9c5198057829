// SPDX-License-Identifier: MIT
//
// Bench of bnn_windows: random tensors, shapes and formats; every word, mask and flag
// against what docs/core.md section 4 says of them, and what the words add up to with
// random weights against docs/arithmetic.md section 3.
//
//   windows_tb [-n COUNT] [-s SEED]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "Vbnn_windows.h"
#include "bnn_hw.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr uint32_t BYTES = 4 << 20;
constexpr int64_t CYCLES_MAX = 3000000;
constexpr unsigned B = 8 * sizeof(std::declval<Vbnn_windows>().ww_data_o);

enum Kind { ODD, UNSIGNED, SIGNED, TERNARY };

struct Format {
	unsigned code, planes, bits;
	Kind kind;

	unsigned width() const
	{
		return planes ? planes : bits;
	}
};

#define FORMAT(name, code, planes, bits, kind, text) { code, planes, bits, kind },
#define WFORMAT(name, code, bits, kind, text)
const Format all_formats[] = {
#include "formats.def"
};
#undef FORMAT
#undef WFORMAT

Format format_of(unsigned code)
{
	for (const Format &f : all_formats)
		if (f.code == code)
			return f;
	return Format{};
}

using Bits = std::vector<uint8_t>;

struct Word {
	Bits data, mask;
	uint32_t index = 0, taps = 0;
	bool first = false, dbl = false, sub = false, last = false, l = false, win_last = false;

	bool operator==(const Word &o) const
	{
		return data == o.data && mask == o.mask && index == o.index && taps == o.taps &&
		       first == o.first && dbl == o.dbl && sub == o.sub && last == o.last &&
		       l == o.l && win_last == o.win_last;
	}
	std::string text() const
	{
		std::string s = "word " + std::to_string(index) + " taps " + std::to_string(taps) +
				(first ? " first" : "") + (dbl ? " double" : "") +
				(sub ? " sub" : "") + (last ? " last" : "") + (l ? " L" : "") +
				(win_last ? " win_last" : "") + " ";

		for (size_t i = B; i-- > 0;) {
			s += mask[i] ? data[i] ? '1' : '0' : data[i] ? '!' : '.';
			if (i % 16 == 0)
				s += ' ';
		}
		return s;
	}
};

struct Config {
	Format f;
	uint32_t h, w, c, kh, kw, sh = 1, sw = 1, dh = 1, dw = 1, pt = 0, pl = 0, pb = 0, pr = 0;
	uint32_t mode = 0, cg, chan = 0, repeat = 1, convs = 1, oh, ow;
	bool odd_w = true, frac = false, slice = false, mac = false;
	unsigned wl = 0; // log2 of the bits of a weight; slices only
	uint32_t addr, row, pixel, plane;

	uint32_t natural() const
	{
		return 2 * ((c * f.bits + 15) / 16);
	}
	uint32_t extent() const
	{
		return (std::max(1u, f.planes) - 1) * plane + (h - 1) * row + (w - 1) * pixel +
		       natural();
	}
	uint32_t pieces() const
	{
		return (cg + 15) / 16;
	}
	uint32_t words() const
	{
		return mac     ? (kh * kw + 1) / 2
		       : slice ? (kh * kw * cg + B / 8 - 1) / (B / 8)
			       : (kh * kw * pieces() * 16 + B - 1) / B;
	}
	bool shape()
	{
		uint32_t h2 = h + pt + pb, w2 = w + pl + pr;
		uint32_t k2h = dh * (kh - 1) + 1, k2w = dw * (kw - 1) + 1;

		if (h2 < k2h || w2 < k2w)
			return false;
		oh = (h2 - k2h) / sh + 1;
		ow = (w2 - k2w) / sw + 1;
		return true;
	}
	void place(bool spread)
	{
		pixel = natural() + (spread ? 2 * range(0, 9) : 0);
		row = ((w - 1) * pixel + natural() + 15) / 16 * 16 +
		      (spread ? 16 * range(0, 2) : 0);
		plane = (row * h + 63) / 64 * 64;
		addr = extent() < BYTES / 2 ? random32() % (BYTES / 2) : 0;
	}
	uint32_t work() const
	{
		return oh * ow * repeat * convs * (slice ? 1 << wl : f.width() + 2) * words();
	}
	std::string text() const
	{
		char s[400];

		snprintf(s, sizeof(s),
			 "format %u (odd w %d frac %d slice %d mac %d wl %u) %ux%ux%u cg %u at %u, "
			 "k %ux%u s %ux%u d %ux%u pad %u %u %u %u mode %u repeat %u convs %u, "
			 "out %ux%u, pixel %u row %u addr %x",
			 f.code, odd_w, frac, slice, mac, wl, h, w, c, cg, chan, kh, kw, sh, sw, dh,
			 dw, pt, pl, pb, pr, mode, repeat, convs, oh, ow, pixel, row, addr);
		return s;
	}
};

class Model
{
      public:
	std::vector<uint8_t> memory = std::vector<uint8_t>(BYTES);

	bool bit(const Config &c, unsigned plane, uint32_t y, uint32_t x, uint32_t ch) const
	{
		uint32_t at = c.addr + y * c.row + x * c.pixel, b;

		if (c.f.planes) {
			at += plane * c.plane;
			b = ch;
		} else {
			b = ch * c.f.bits + plane;
		}
		return memory[(at + b / 8) % BYTES] >> b % 8 & 1;
	}
	int64_t value(const Config &c, uint32_t y, uint32_t x, uint32_t ch) const
	{
		unsigned n = c.f.width();
		int64_t q = 0;

		for (unsigned i = 0; i < n; i++)
			q |= int64_t(bit(c, i, y, x, ch)) << i;
		if (c.f.kind == ODD)
			return 2 * q - ((INT64_C(1) << n) - 1);
		return c.f.kind == SIGNED && q >> (n - 1) ? q - (INT64_C(1) << n) : q;
	}

	struct Pass {
		enum { DATA, ONES, ABSENT } kind;
		unsigned plane;
		bool first, dbl, sub, last, l;
	};

	static std::vector<Pass> passes(const Config &c)
	{
		unsigned n = c.f.width();
		std::vector<Pass> p;

		if (c.frac)
			return { { Pass::DATA, 1, true, false, false, true, false },
				 { Pass::DATA, 0, true, false, false, true, true } };
		if (c.f.kind == ODD && !c.odd_w)
			p.push_back({ Pass::ONES, 0, true, false, true, false, false });
		if (c.f.kind == UNSIGNED && c.mode == 2)
			p.push_back({ Pass::ABSENT, 0, true, false, true, false, false });
		for (unsigned i = n; i-- > 0;) {
			bool dbl = !p.empty() && (i != n - 1 || c.f.kind != ODD);

			p.push_back({ Pass::DATA, i, p.empty(), dbl,
				      c.f.kind == SIGNED && i == n - 1, false, false });
		}
		if (c.f.kind == ODD && !c.odd_w)
			p.push_back({ Pass::ONES, 0, false, true, false, false, false });
		p.back().last = true;
		return p;
	}

	// The bit of an absent tap in a plane, and whether it counts there.
	static bool absent(const Config &c, unsigned plane, bool &counts)
	{
		unsigned n = c.f.width();
		int64_t sign = c.mode == 1 ? 1 : -1, q;

		counts = true;
		if (c.frac || (c.f.kind == ODD && c.odd_w)) {
			counts = c.frac || plane == 0;
			return sign > 0;
		}
		if (c.f.kind == ODD)
			q = (sign + (INT64_C(1) << n) - 1) / 2;
		else
			q = sign; // unsigned -1: all ones, less 2^n by the pass before
		return q >> plane & 1;
	}

	void window(const Config &c, uint32_t oy, uint32_t ox, std::vector<Word> &out) const
	{
		struct Tap {
			bool in;
			uint32_t y, x;
		};
		std::vector<Tap> taps;
		std::vector<Word> one;
		uint32_t cp = c.pieces(), present = 0, n = c.words();
		std::vector<bool> used(n);
		unsigned k = 0;

		for (uint32_t ky = 0; ky < c.kh; ky++)
			for (uint32_t kx = 0; kx < c.kw; kx++) {
				int64_t y = int64_t(oy) * c.sh + ky * c.dh - c.pt;
				int64_t x = int64_t(ox) * c.sw + kx * c.dw - c.pl;
				bool in = y >= 0 && y < c.h && x >= 0 && x < c.w;

				taps.push_back({ in, uint32_t(y), uint32_t(x) });
				present += in;
			}
		if (c.slice) {
			uint32_t end = c.words() << c.wl;

			for (uint32_t j = 0; j < end; j++) {
				Word w;

				w.data.resize(B);
				w.mask.resize(B);
				for (uint32_t at = 0; at < taps.size() * c.cg; at++) {
					const Tap &tap = taps[at / c.cg];

					if (!tap.in || at / (B / 8) != j % n)
						continue;
					for (unsigned i = 0; i < 8; i++) {
						uint32_t to = i * B / 8 + at % (B / 8);

						w.mask[to] = 1;
						w.data[to] =
							bit(c, i, tap.y, tap.x, c.chan + at % c.cg);
					}
				}
				w.index = j;
				w.first = j == 0;
				w.dbl = j && j % n == 0;
				w.sub = j < n && !c.odd_w;
				w.last = w.win_last = j == end - 1;
				w.taps = present;
				one.push_back(w);
			}
			for (uint32_t r = 0; r < c.repeat; r++)
				out.insert(out.end(), one.begin(), one.end());
			return;
		}
		if (c.mac) {
			for (uint32_t j = 0; j < n; j++) {
				Word w;

				w.data.resize(B);
				w.mask.resize(B);
				for (uint32_t i = 0; i < B; i++) {
					uint32_t t = 2 * j + i / 16 % 2;

					if (t >= taps.size() || !taps[t].in)
						continue;
					w.mask[i] = 1;
					w.data[i] = bit(c, i / 32, taps[t].y, taps[t].x,
							c.chan + i % 16);
				}
				w.index = j;
				w.first = one.empty();
				w.taps = present;
				if (std::count(w.mask.begin(), w.mask.end(), 1) || (!present && !j))
					one.push_back(w);
			}
			one.back().last = one.back().win_last = true;
			out.insert(out.end(), one.begin(), one.end());
			return;
		}
		for (uint32_t t = 0; t < taps.size(); t++)
			for (uint32_t p = t * cp; p < (t + 1) * cp; p++)
				if (c.mode || taps[t].in)
					used[p * 16 / B] = true;
		if (!c.mode && !present)
			used[0] = true;

		std::vector<Pass> ps = passes(c);
		for (const Pass &pass : ps) {
			bool begun = false;

			k++;
			for (uint32_t j = 0; j < n; j++) {
				Word w;

				if (!used[j])
					continue;
				w.data.resize(B);
				w.mask.resize(B);
				for (uint32_t i = 0; i < B; i++) {
					uint32_t at = j * B + i, t = at / (cp * 16),
						 ch = at % (cp * 16);
					bool counts, b;

					if (t >= taps.size() || ch >= c.cg)
						continue;
					if (taps[t].in) {
						counts = pass.kind != Pass::ABSENT;
						b = pass.kind == Pass::ONES ||
						    bit(c, pass.plane, taps[t].y, taps[t].x,
							c.chan + ch);
					} else if (c.mode) {
						b = absent(c, pass.plane, counts) ||
						    pass.kind != Pass::DATA;
						counts = counts || pass.kind != Pass::DATA;
					} else {
						continue;
					}
					w.mask[i] = counts;
					w.data[i] = counts && b;
				}
				w.index = j;
				w.taps = present;
				w.first = pass.first && !begun;
				w.dbl = pass.dbl && !begun;
				w.sub = pass.sub;
				w.l = pass.l;
				begun = true;
				one.push_back(w);
			}
			one.back().last = pass.last;
			one.back().win_last = k == ps.size();
		}
		for (uint32_t r = 0; r < c.repeat; r++)
			out.insert(out.end(), one.begin(), one.end());
	}

	// Of a pixel: a window for each group.
	void pixel(const Config &c, uint32_t oy, uint32_t ox, std::vector<Word> &out) const
	{
		Config one = c;

		for (uint32_t g = 0; g < c.convs; g++) {
			window(one, oy, ox, out);
			one.chan += one.cg;
		}
	}

	// Slices, as the array weighs them; one word or two for each plane of the weights.
	bool slices_add_up(const Config &c, uint32_t oy, uint32_t ox,
			   const std::vector<Word> &words) const
	{
		unsigned n = 1 << c.wl, per = c.words();
		std::vector<unsigned> codes(c.kh * c.kw * c.cg);
		int64_t acc = 0, pairs = 0, want = 0;

		for (unsigned &v : codes)
			v = random32() & ((1u << n) - 1);
		for (const Word &w : words) {
			int64_t s = 0, all = 0;

			if (w.first)
				acc = pairs = 0;
			for (uint32_t i = 0; i < B; i++) {
				uint32_t at = i % (B / 8) + w.index % per * (B / 8);
				int64_t scale = INT64_C(1) << i / (B / 8);
				bool neg = c.f.kind == ODD && c.odd_w && !w.data[i];

				if (!w.mask[i])
					continue;
				if (c.f.kind == SIGNED && i / (B / 8) == 7)
					scale = -scale;
				if (codes[at] >> (n - 1 - w.index / per) & 1)
					s += w.data[i] ? scale : 0;
				else
					s += neg ? scale : 0;
				all += w.data[i] || neg ? scale : 0;
			}
			acc = (w.dbl ? 2 * acc : acc) + (w.sub ? -s : s);
			pairs = (w.dbl ? 2 * pairs : pairs) + (w.sub ? -all : all);
		}
		for (uint32_t at = 0; at < codes.size(); at++) {
			uint32_t t = at / c.cg;
			int64_t y = int64_t(oy) * c.sh + t / c.kw * c.dh - c.pt;
			int64_t x = int64_t(ox) * c.sw + t % c.kw * c.dw - c.pl;
			int64_t w = codes[at];

			if (y < 0 || y >= c.h || x < 0 || x >= c.w)
				continue;
			if (c.odd_w)
				w = 2 * w - ((1 << n) - 1);
			else if (w >> (n - 1))
				w -= 1 << n;
			want += w * value(c, uint32_t(y), uint32_t(x), c.chan + at % c.cg);
		}
		return want == (c.odd_w ? 2 * acc - pairs : acc);
	}

	// Words of MACs, for each of the 16 channels.
	bool macs_add_up(const Config &c, uint32_t oy, uint32_t ox,
			 const std::vector<Word> &words) const
	{
		for (uint32_t ch = 0; ch < 16; ch++) {
			std::vector<int64_t> weights(c.kh * c.kw + 1);
			int64_t acc = 0, want = 0;

			for (int64_t &v : weights)
				v = int64_t(range(0, 255)) - 128;
			for (const Word &w : words)
				for (uint32_t i = ch; i < B; i += 16) {
					int64_t scale = INT64_C(1) << i / 32;

					if (c.f.kind == SIGNED && i / 32 == 7)
						scale = -scale;
					acc += w.data[i] * scale *
					       weights[2 * w.index + i / 16 % 2];
				}
			for (uint32_t t = 0; t < c.kh * c.kw; t++) {
				int64_t y = int64_t(oy) * c.sh + t / c.kw - c.pt;
				int64_t x = int64_t(ox) * c.sw + t % c.kw - c.pl;

				if (y >= 0 && y < c.h && x >= 0 && x < c.w)
					want += weights[t] *
						value(c, uint32_t(y), uint32_t(x), c.chan + ch);
			}
			if (acc != want)
				return false;
		}
		return true;
	}

	// What the words of a window add up to with weights, and what they should.
	bool adds_up(const Config &c, uint32_t oy, uint32_t ox) const
	{
		std::vector<Word> words;
		std::vector<int64_t> sums, want(c.frac ? 2 : 1), weights(c.kh * c.kw * c.cg);
		uint32_t cp = c.pieces();
		int64_t acc = 0;
		bool odd = c.f.kind == ODD && c.odd_w;
		Config once = c;

		once.repeat = 1;
		window(once, oy, ox, words);
		if (c.slice)
			return slices_add_up(c, oy, ox, words);
		if (c.mac)
			return macs_add_up(c, oy, ox, words);
		for (int64_t &v : weights)
			v = int64_t(range(0, 14)) - 7;
		for (const Word &w : words) {
			int64_t s = 0;

			for (uint32_t i = 0; i < B; i++) {
				uint32_t at = w.index * B + i, t = at / (cp * 16),
					 ch = at % (cp * 16);

				if (w.mask[i])
					s += weights[t * c.cg + ch] *
					     (odd ? w.data[i] ? 1 : -1 : w.data[i]);
			}
			if (w.first)
				acc = 0;
			acc = (w.dbl ? 2 * acc : acc) + (w.sub ? -s : s);
			if (w.last)
				sums.push_back(acc);
		}
		for (uint32_t t = 0; t < c.kh * c.kw; t++) {
			int64_t y = int64_t(oy) * c.sh + t / c.kw * c.dh - c.pt;
			int64_t x = int64_t(ox) * c.sw + t % c.kw * c.dw - c.pl;
			bool in = y >= 0 && y < c.h && x >= 0 && x < c.w;

			for (uint32_t ch = 0; ch < c.cg; ch++) {
				int64_t w = weights[t * c.cg + ch];

				for (unsigned i = 0; i < want.size(); i++) {
					int64_t v;

					if (!in)
						v = c.mode == 1 ? 1 : c.mode == 2 ? -1 : 0;
					else if (c.frac)
						v = bit(c, 1 - i, uint32_t(y), uint32_t(x),
							c.chan + ch)
							    ? 1
							    : -1;
					else
						v = value(c, uint32_t(y), uint32_t(x), c.chan + ch);
					want[i] += v * w;
				}
			}
		}
		return sums == want;
	}
};

// Of a port of 32, 64 or more bits.
template <class T> Bits bits_of(const T &v)
{
	uint8_t bytes[B / 8];
	Bits out(B);

	memcpy(bytes, &v, sizeof(bytes));
	for (unsigned i = 0; i < B; i++)
		out[i] = bytes[i / 8] >> i % 8 & 1;
	return out;
}

class Bench
{
      public:
	std::unique_ptr<Vbnn_windows> top{ new Vbnn_windows };
	Model model;
	int64_t cycles = 0, first_word = 0;
	size_t handed = 0;
	std::string wrong;

	Bench()
	{
		top->rst_ni = 0;
		for (int i = 0; i < 4; i++)
			clock();
		top->rst_ni = 1;
	}

	void drive(const Config &c)
	{
		Vbnn_windows &t = *top;

		t.d_h_i = uint16_t(c.h);
		t.d_w_i = uint16_t(c.w);
		t.d_oh_i = uint16_t(c.oh);
		t.d_ow_i = uint16_t(c.ow);
		t.d_kh_i = uint8_t(c.kh);
		t.d_kw_i = uint8_t(c.kw);
		t.d_sh_i = uint8_t(c.sh);
		t.d_sw_i = uint8_t(c.sw);
		t.d_dh_i = uint8_t(c.dh);
		t.d_dw_i = uint8_t(c.dw);
		t.d_pad_t_i = uint8_t(c.pt);
		t.d_pad_l_i = uint8_t(c.pl);
		t.d_pad_mode_i = uint8_t(c.mode);
		t.d_format_i = uint8_t(c.f.code);
		t.d_cg_i = uint16_t(c.cg);
		t.k_chan_i = uint16_t(c.chan);
		t.d_odd_w_i = c.odd_w;
		t.d_w_top_neg_i = !c.odd_w;
		t.d_wl_i = uint8_t(c.slice ? c.wl : range(0, 3));
		t.d_frac_i = c.frac;
		t.k_slice_i = c.slice;
		t.k_mac_i = c.mac;
		t.k_repeat_i = uint8_t(c.repeat);
		t.k_convs_i = uint16_t(c.convs);
		t.d_onchip_i = one_in(2);
		t.d_addr_i = c.addr;
		t.d_row_i = c.row;
		t.d_pixel_i = c.pixel;
		t.d_plane_i = c.plane;
	}

	// Until done, or, with `until`, cleared then. Latency 0: random, with stalls.
	void run(const Config &c, int64_t until = CYCLES_MAX, unsigned fixed = 0)
	{
		unsigned stall_in = fixed || one_in(3) ? 0 : range(1, 70);
		unsigned stall_out = fixed || one_in(3) ? 0 : range(1, 80);
		unsigned latency = fixed ? fixed : range(1, 40);
		size_t at = 0, pixel = 0;
		std::vector<Word> want;
		bool held = false, asked = false;
		uint32_t ask_addr = 0, ask_bytes = 0;
		Word before;

		drive(c);
		requests.clear();
		answering = false;
		wrong.clear();
		handed = 0;
		top->start_i = 1;
		for (cycles = 0; cycles < until && wrong.empty(); cycles++) {
			top->rq_ready_i = requests.size() < 16 && !chance(stall_in);
			if (!answering && !requests.empty() &&
			    requests.front().ready_at <= cycles && !chance(stall_in)) {
				Request &r = requests.front();
				uint8_t beat[16];

				for (uint32_t i = 0; i < 16; i++)
					beat[i] = i < r.left ? model.memory[(r.addr + i) % BYTES]
							     : uint8_t(random32());
				memcpy(&top->rb_data_i[0], beat, 16);
				answering = true;
			}
			top->rb_valid_i = answering;
			top->ww_ready_i = !chance(stall_out);
			top->eval();

			bool done = top->done_o;
			if (asked && (!top->rq_valid_o || top->rq_addr_o != ask_addr ||
				      top->rq_bytes_o != ask_bytes))
				wrong = "a request changed";
			asked = top->rq_valid_o && !top->rq_ready_i;
			ask_addr = top->rq_addr_o;
			ask_bytes = top->rq_bytes_o;
			if (top->rq_valid_o && top->rq_ready_i) {
				Request r = { top->rq_addr_o, top->rq_bytes_o,
					      cycles + (stall_in ? range(1, latency) : latency) };

				if (!r.left || r.addr < c.addr ||
				    r.addr + r.left > c.addr + c.extent())
					wrong = "request outside the tensor: " +
						std::to_string(r.left) + " bytes at " +
						std::to_string(int64_t(r.addr) - c.addr);
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
			if (held && !top->ww_valid_o)
				wrong = "a word went away";
			if (top->ww_valid_o) {
				Word w = word();

				if (held && !(w == before))
					wrong = "a word changed";
				held = !top->ww_ready_i;
				before = w;
				if (!held) {
					if (!handed++)
						first_word = cycles;
					if (at == want.size()) {
						want.clear();
						at = 0;
						if (pixel == size_t(c.oh) * c.ow)
							wrong = "more words than there are";
						else
							model.pixel(c, uint32_t(pixel / c.ow),
								    uint32_t(pixel % c.ow), want);
						pixel++;
					}
					if (wrong.empty() && !(w == want[at]))
						wrong = "pixel " + std::to_string(pixel - 1) +
							"\n#  is   " + w.text() + "\n#  not  " +
							want[at].text();
					at++;
				}
			}
			if (done && (at != want.size() || pixel != size_t(c.oh) * c.ow))
				wrong = "done too early";
			if (done && !requests.empty())
				wrong = "done with reads under way";
			clock();
			top->start_i = 0;
			if (done && wrong.empty())
				return;
		}
		if (cycles == CYCLES_MAX)
			wrong = "no end";
		top->clear_i = 1;
		top->rb_valid_i = top->rq_ready_i = top->ww_ready_i = 0;
		clock();
		top->clear_i = 0;
	}

      private:
	struct Request {
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
	static bool chance(unsigned percent)
	{
		return percent && random32() % 100 < percent;
	}
	Word word()
	{
		Word w;

		w.data = bits_of(top->ww_data_o);
		w.mask = bits_of(top->ww_mask_o);
		w.index = top->ww_index_o;
		w.taps = top->ww_taps_o;
		w.first = top->ww_first_o;
		w.dbl = top->ww_double_o;
		w.sub = top->ww_sub_o;
		w.last = top->ww_last_o;
		w.l = top->ww_l_o;
		w.win_last = top->ww_win_last_o;
		return w;
	}
};

enum Sort { ROWS, NARROW, TAPS, ELEMENTS, LARGE, WIDE, GROUPS, MERGED, SLICE, MAC, SORTS };
const char *const sort_names[] = {
	"rows",		  "16 channels and less", "taps",   "elements", "large shapes", "wide rows",
	"rows of groups", "kernel rows in one",	  "slices", "MACs"
};

// Of slices: T, S4 and S8 only where the activations are not odd.
void random_weights(Config &c)
{
	c.odd_w = c.f.kind == ODD || one_in(2);
	c.wl = range(c.odd_w ? 0 : 1, 3);
}

Config random_config(Sort sort)
{
	static const unsigned elements[] = { BNN_FORMAT_E_O4, BNN_FORMAT_E_U4, BNN_FORMAT_E_S4,
					     BNN_FORMAT_E_U8, BNN_FORMAT_E_S8, BNN_FORMAT_E_S16 };
	static const unsigned slices[] = { BNN_FORMAT_O8, BNN_FORMAT_U8, BNN_FORMAT_S8 };
	Config c;
	bool good;

	do {
		bool dilated = sort == TAPS && one_in(2), grouped, spread = one_in(2);

		c = Config();
		c.f = format_of(sort == ELEMENTS ? elements[range(0, 5)]
				: sort == SLICE	 ? slices[range(0, 2)]
						 : range(BNN_FORMAT_B1, BNN_FORMAT_S16));
		c.frac = c.f.code == BNN_FORMAT_O2 && one_in(2);
		c.odd_w = c.frac || !one_in(3);
		c.slice = sort == SLICE;
		if (c.slice)
			random_weights(c);
		c.mac = sort == MAC;
		if (c.mac) {
			c.f = format_of(slices[range(1, 2)]);
			c.frac = c.odd_w = false;
		}
		c.h = one_in(4) ? range(1, 40) : range(1, 9);
		c.w = one_in(4) ? range(1, 40) : range(1, 9);
		c.kh = range(1, sort == SLICE || (sort == NARROW && !one_in(4)) ? 4 : 7);
		c.kw = range(1, sort == SLICE || (sort == NARROW && !one_in(4)) ? 4 : 7);
		c.sh = range(1, one_in(4) ? 7 : 2);
		c.sw = range(1, one_in(4) ? 7 : 2);
		c.dh = dilated ? range(1, one_in(4) ? 5 : 2) : 1;
		c.dw = dilated ? range(1, one_in(4) ? 5 : 2) : 1;
		if (!one_in(4)) {
			c.pt = std::min(31u, random32() % (c.dh * (c.kh - 1) + 1));
			c.pb = std::min(31u, random32() % (c.dh * (c.kh - 1) + 1));
			c.pl = std::min(31u, random32() % (c.dw * (c.kw - 1) + 1));
			c.pr = std::min(31u, random32() % (c.dw * (c.kw - 1) + 1));
		}
		c.mode = sort == SLICE || sort == MAC ? 0 : range(0, 2);
		c.cg = sort == SLICE	? range(1, 4)
		       : sort == NARROW ? range(1, 16)
		       : one_in(3)	? 16 * range(1, 20)
		       : one_in(2)	? range(1, 300)
					: range(1, 70);
		if (sort == LARGE) {
			c.cg = one_in(2) ? range(500, 8192) : 16 * range(30, 512);
			c.h = range(1, 4);
			c.w = one_in(3) ? range(50, 200) : range(1, 5);
		}
		grouped = sort != SLICE && (sort == TAPS ? !dilated || one_in(2) : one_in(4));
		c.c = c.cg;
		if (grouped) {
			uint32_t groups = range(2, 5),
				 step = sort == TAPS || sort == ELEMENTS ? 1 : 16;

			c.chan = c.cg * range(0, groups - 1) / step * step;
			c.c = std::max(c.cg * groups, c.chan + c.cg);
			if (one_in(2)) {
				c.convs = range(1, groups);
				c.c = std::max(c.c, c.chan + c.cg * c.convs);
			}
		}
		if (sort == WIDE) {
			// The row buffer at its limits: 8, 4 slots, fewer rows than a window has.
			c.slice = one_in(3) && B == 256;
			if (c.slice) {
				c.f = format_of(slices[range(0, 2)]);
				random_weights(c);
				c.frac = false;
				c.mode = 0;
				c.chan = 0;
				c.convs = 1;
				c.c = c.cg = range(1, 4);
			}
			c.kh = range(1, 4);
			c.kw = range(1, 4);
			c.pt = c.pb = c.pl = c.pr = random32() % std::min(c.kh, c.kw);
			c.sw = range(3, 7);
			c.h = range(1, 12);
			c.w = range(100, one_in(2) ? 1024 : c.slice ? 1024 : 4096);
		}
		if (sort == GROUPS || sort == MAC) {
			uint32_t groups = range(2, one_in(4) ? 20 : 5);

			c.cg = sort == MAC ? 16 : 16 * range(1, one_in(3) ? 20 : 3);
			c.convs = range(sort == MAC ? 1 : 2, groups);
			c.chan = c.cg * range(0, groups - c.convs);
			c.c = c.cg * groups - (sort == MAC ? range(0, 15) : 0);
			if (one_in(3))
				c.w = range(30, 400);
			if (one_in(3))
				c.h = range(5, 30);
			// The row buffer at its limit, and beyond.
			if (one_in(4)) {
				c.h = range(1, 4);
				c.kh = range(1, 3);
				c.pt = c.pb = 0;
				c.sw = range(4, 7);
				c.w = sort == MAC ? 4096 / ((c.c + 15) / 16 * c.kh)
						  : 32768 / (c.f.width() * (c.c / 16) * c.kh) +
							    range(0, 2);
				if (one_in(2))
					c.w -= range(0, c.w / 8);
			}
		}
		if (sort == MERGED) {
			c.cg = 16 * range(1, 12);
			c.c = c.cg * range(1, 2);
			c.chan = one_in(2) ? c.c - c.cg : 0;
			c.convs = 1;
			c.kh = range(2, one_in(4) ? 7 : 3);
			c.h = range(3, 30);
			c.w = range(1, 12);
			c.pt = random32() % c.kh;
			c.pb = random32() % c.kh;
			// Rows of an eighth of the row buffer, a little more or less.
			if (one_in(8)) {
				c.sw = range(4, 7);
				c.w = (B == 256 ? 4096 : 1024) / (c.f.width() * (c.cg / 16)) +
				      range(0, 4) - 2;
			}
		}
		c.repeat = c.convs == 1 && !c.mac && one_in(4) ? range(2, 4) : 1;
		good = c.shape() && c.kh * c.kw * c.cg <= 32767 && c.c <= 8192 &&
		       c.work() <= (sort == WIDE || sort == MERGED || one_in(20) ? 20000u : 2500u);
		if (c.slice)
			good = good && c.kh * c.kw * c.cg <= B / 4;
		if (c.mac) // what the loader promises
			good = good && (c.c + 15) / 16 * c.w * c.kh <= 4096;
		if (good) {
			c.place(spread);
			good = c.extent() < BYTES / 2;
		}
	} while (!good);
	return c;
}

bool run_sort(Bench &b, Sort sort, unsigned number, unsigned count)
{
	unsigned bad = 0, cleared = 0;
	uint64_t words = 0;

	for (unsigned i = 0; i < count && bad < 3; i++) {
		Config c = random_config(sort);

		// Cleared in the middle, every eighth; the next must not notice.
		if (i % 8 == 7) {
			b.run(c, range(1, 400));
			cleared++;
			if (!b.wrong.empty()) {
				printf("# cleared: %s: %s\n", c.text().c_str(), b.wrong.c_str());
				bad++;
			}
			c = random_config(sort);
		}
		if (!b.model.adds_up(c, range(0, c.oh - 1), range(0, c.ow - 1))) {
			printf("# %s: the model's words do not add up\n", c.text().c_str());
			bad++;
		}
		b.run(c);
		words += b.handed;
		if (!b.wrong.empty()) {
			printf("# %u: %s: %s\n", i, c.text().c_str(), b.wrong.c_str());
			bad++;
		}
	}
	printf("%s %u - %s: %u commands, %llu words, %u more cleared\n", bad ? "not ok" : "ok",
	       number, sort_names[sort], count, (unsigned long long)words, cleared);
	return !bad;
}

struct Speed {
	const char *name;
	unsigned format, h, w, c, k, stride, pad;
	bool frac, slice;
	double most; // cycles per pixel
	unsigned wl = 0, groups = 1;
	bool mac = false;
};

bool run_speed(Bench &b, const Speed &s, unsigned number)
{
	Config c;
	double per;
	bool ok;

	c.f = format_of(s.format);
	c.h = s.h;
	c.w = s.w;
	c.convs = s.groups;
	c.c = s.c * s.groups;
	c.cg = s.c;
	c.mac = s.mac;
	c.kh = c.kw = s.k;
	c.sh = c.sw = s.stride;
	c.pt = c.pl = c.pb = c.pr = s.pad;
	c.frac = s.frac;
	c.slice = s.slice;
	c.wl = s.wl;
	c.odd_w = !s.wl && !s.mac;
	c.shape();
	c.place(false);
	b.run(c, CYCLES_MAX, 12);
	per = double(b.cycles) / (c.oh * c.ow);
	ok = b.wrong.empty() && per <= s.most;
	if (!b.wrong.empty())
		printf("# %s\n", b.wrong.c_str());
	printf("# %s: %.2f cycles per pixel, %lld to the first word\n", s.name, per,
	       (long long)b.first_word);
	printf("%s %u - %s in at most %.2f cycles per pixel\n", ok ? "ok" : "not ok", number,
	       s.name, s.most);
	return ok;
}

} // namespace

int main(int argc, char **argv)
{
	static const Speed speeds[] = {
		{ "16 channels, 3x3, O2", BNN_FORMAT_O2, 32, 32, 16, 3, 1, 1, true, false, 2.2 },
		{ "32 channels, 3x3, O2", BNN_FORMAT_O2, 32, 32, 32, 3, 1, 1, true, false, 6.5 },
		{ "64 channels, 3x3, O2", BNN_FORMAT_O2, 16, 16, 64, 3, 1, 1, true, false, 7.2 },
		{ "96 channels, 3x3, B1", BNN_FORMAT_B1, 32, 32, 96, 3, 1, 1, false, false, 4.3 },
		{ "256 channels, 1x1, B1", BNN_FORMAT_B1, 28, 28, 256, 1, 1, 0, false, false, 2.3 },
		{ "256 channels, 3x3, B1", BNN_FORMAT_B1, 14, 14, 256, 3, 1, 1, false, false, 9 },
		{ "3 channels, 3x3, S8, slices", BNN_FORMAT_S8, 32, 32, 3, 3, 1, 0, false, true,
		  4.4 },
		{ "3 channels, 3x3, S8, slices, S8", BNN_FORMAT_S8, 224, 224, 3, 3, 2, 1, false,
		  true, 8.4, 3 },
		{ "3 channels, 4x4, S8, slices, S8", BNN_FORMAT_S8, 224, 224, 3, 4, 4, 0, false,
		  true, 33, 3 },
		{ "4 groups of 32, 3x3, B1", BNN_FORMAT_B1, 28, 28, 32, 3, 1, 1, false, false, 40,
		  0, 4 },
		{ "32 channels, 3x3, S8, MACs", BNN_FORMAT_S8, 112, 112, 16, 3, 2, 1, false, false,
		  32.6, 0, 2, true },
		{ "64 channels, 3x3, S8, MACs", BNN_FORMAT_S8, 28, 28, 16, 3, 1, 1, false, false,
		  37, 0, 4, true },
	};
	unsigned count = 50, number = 0, failed = 0;
	Bench bench;

	tb_seed = 1;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "-n"))
			count = unsigned(atoi(argv[i + 1]));
		if (!strcmp(argv[i], "-s"))
			tb_seed = strtoull(argv[i + 1], nullptr, 0);
	}
	for (uint8_t &byte : bench.model.memory)
		byte = uint8_t(random32());
	for (unsigned sort = 0; sort < SORTS; sort++)
		if (sort < SLICE || B == 256)
			failed += !run_sort(bench, Sort(sort), ++number, count);
	if (B == 256)
		for (const Speed &s : speeds)
			failed += !run_speed(bench, s, ++number);
	printf("1..%u\n", number);
	return failed != 0;
}
