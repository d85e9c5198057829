// SPDX-License-Identifier: MIT
//
// Bench of bnn_array: random chunks (modes, tiles, copies, gates) and random windows,
// against sums taken bit by bit. Weights of the next chunk are written while one runs;
// words and results stall at random; some chunks are cleared.
//
//   array_tb [CHUNKS [SEED]]

#include <algorithm>
#include <bitset>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "Vbnn_array.h"
#include "verilated.h"

namespace
{

constexpr unsigned N = TB_LANES, B = TB_LANE_BITS, DEPTH = TB_WEIGHT_WORDS, PARAMS = TB_PARAM_WORDS,
		   RESULTS = TB_RESULTS;
using Bits = std::bitset<B>;

uint64_t state;

uint64_t random64()
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

unsigned below(unsigned n)
{
	return unsigned(random64() % n);
}

// Each bit is 1 with a probability of `odds` quarters.
Bits random_bits(unsigned odds = 2)
{
	Bits v;

	for (unsigned i = 0; i < B; i++)
		v[i] = below(4) < odds;
	return v;
}

Bits low_bits(unsigned n)
{
	return n ? ~Bits() >> (B - n) : Bits();
}

template <class T> void assign(T &port, const Bits &v)
{
	uint8_t bytes[B / 8] = {};

	for (unsigned i = 0; i < B; i++)
		bytes[i / 8] |= uint8_t(v[i] << i % 8);
	memcpy(&port, bytes, sizeof(bytes));
}

struct Word {
	Bits data, mask;
	unsigned index;
	bool first, dbl, sub, last, l, win_last;
	unsigned taps;
};

struct Chunk {
	bool split, slice, mac, stream, odd_a, a_top_neg, odd_w, w_top_neg, frac;
	unsigned wl, rows, og, first, tiles, groups, copies, row_words, wbase, tbase, windows;
	unsigned words;				// of B bits, of a window and pass
	unsigned mac_log2, before;		// MACs: channels per value; tiles before the chunk
	bool even;				// windows of one pass without empty words
	std::vector<std::vector<Bits>> weights; // by row: words of B bits (split: of H)
	std::vector<int> gate;
};

struct Result {
	std::vector<int32_t> acc;
	std::vector<bool> open;
	unsigned copy, group, taps;
	bool last;
};

Vbnn_array *top;
uint64_t cycles;

void tick()
{
	top->clk_i = 1;
	top->eval();
	top->clk_i = 0;
	top->eval();
	cycles++;
}

unsigned bits_of_part(const Chunk &c)
{
	return c.split ? B / 2 : B >> c.wl;
}

Chunk random_chunk(unsigned turn, int density)
{
	Chunk c = {};
	unsigned room = DEPTH / 2, unit;

	c.frac = below(2);
	switch (c.frac ? below(2) : below(B == 256 ? 9 : 6)) {
	case 0:
		break;
	case 1:
		c.split = true;
		break;
	case 2:
		c.slice = true;
		break;
	case 6:
	case 7:
	case 8:
		c.mac = true;
		break;
	default:
		c.wl = 1 + below(3);
	}
	c.odd_a = c.frac || below(2);
	c.a_top_neg = !c.odd_a && below(2);
	c.odd_w = c.wl == 0 || below(2);
	if (c.mac)
		c.odd_a = c.odd_w = false;
	c.w_top_neg = !c.odd_w;
	c.stream = !c.slice && !c.mac && below(6) == 0;
	c.words = c.slice ? 1 : 1 + below(c.wl == 3 ? 3 : 6);
	// The row may end within its last word.
	unit = B / bits_of_part(c);
	c.row_words = c.words * unit - (unit > 1 ? below(unit) : 0);
	if (c.slice)
		c.row_words = 1;
	c.tiles = 1 + below(std::min(room / c.row_words, c.frac ? RESULTS / 2 : RESULTS));
	c.rows = (c.tiles - 1) * N * (c.split ? 2 : 1) + 1 + below(N * (c.split ? 2 : 1));
	c.groups = (c.rows + N - 1) / N;
	c.og = c.first = c.rows;
	if (below(3) == 0) {
		c.og = 1 + below(c.rows);
		c.first = 1 + below(c.og);
	}
	if (c.mac) { // 16 values of a window; chunks begin with a tile
		unsigned skip;

		c.mac_log2 = below(3);
		c.og = 16u << c.mac_log2;
		c.before = below(8);
		skip = c.before * N % c.og;
		c.first = std::min(c.og - skip, c.rows);
	}
	c.copies = (c.frac || c.first != c.rows || below(3) || c.tiles > 4) ? 1 : 1 + below(4);
	c.wbase = (turn % 2) * room + (below(2) ? 0 : below(room - c.tiles * c.row_words + 1));
	c.tbase = (turn % 2) * PARAMS / 2;
	c.windows = 1 + below(30);
	c.weights.resize(c.rows);
	for (auto &row : c.weights)
		for (unsigned w = 0; w < c.row_words; w++)
			row.push_back(random_bits() & low_bits(c.split ? B / 2 : B));
	for (unsigned r = 0; r < c.rows; r++) {
		int most = int(c.words * B);

		c.gate.push_back(density == 0	? most + 1
				 : density == 2 ? -most - 1
						: int(below(40)) - 15);
	}
	return c;
}

std::vector<Word> random_window(const Chunk &c)
{
	std::vector<Word> out;
	std::vector<unsigned> index;
	unsigned passes = c.frac		       ? 2
			  : c.slice || c.mac || c.even ? 1
						       : 1 + below(4),
		 taps = 1 + below(49);
	unsigned bits = c.row_words * bits_of_part(c); // of the weight row

	for (unsigned w = 0; w < c.words; w++)
		if (c.even || below(8))
			index.push_back(w);
	if (index.empty())
		index.push_back(c.words - 1);
	std::vector<Bits> mask;
	for (unsigned i : index) {
		Bits m = c.even || below(4) ? random_bits(3)
			 : below(2)	    ? random_bits() & low_bits(B / 2)
					    : Bits();

		if (!c.even && below(3) == 0)
			m &= ~Bits() << below(B);
		if (c.mac) { // two taps
			unsigned taps = below(4) ? 3 : below(4);

			for (unsigned b = 0; b < B; b++)
				m[b] = taps >> b / 16 % 2 & 1;
		}
		for (unsigned b = 0; b < B; b++)
			if (!c.slice && !c.mac && i * B + b >= bits)
				m[b] = false;
		mask.push_back(m);
	}
	for (unsigned p = 0; p < passes; p++) {
		bool dbl = p && below(3), sub = below(3) == 0 && !c.frac && !c.mac;

		for (size_t i = 0; i < index.size(); i++) {
			Word w = {};

			w.mask = mask[i];
			w.data = random_bits() & w.mask;
			w.index = index[i];
			w.first = i == 0 && (p == 0 || c.frac);
			w.dbl = i == 0 && dbl && !c.frac;
			w.sub = sub;
			w.win_last = p == passes - 1 && i == index.size() - 1;
			w.last = w.win_last || (c.frac && i == index.size() - 1);
			w.l = c.frac && p == 1;
			w.taps = taps;
			out.push_back(w);
		}
	}
	return out;
}

int64_t value_of(const Chunk &c, unsigned row, const std::vector<Word> &window, int pass_l)
{
	int64_t acc = 0, pairs = 0;

	if (c.mac) {
		unsigned value = (c.before * N + row) >> c.mac_log2;

		for (const Word &w : window)
			for (unsigned t = 0; t < 2; t++) {
				int64_t x = 0, weight = 0;

				for (unsigned i = 0; i < 8; i++) {
					int64_t scale = i == 7 ? -128 : 1 << i;

					weight += c.weights[row][w.index][i * 32 + t * 16] * scale;
					if (i == 7 && !c.a_top_neg)
						scale = 128;
					x += w.data[i * 32 + t * 16 + value % 16] * scale;
				}
				acc += x * weight;
			}
		return int32_t(acc);
	}
	for (const Word &w : window) {
		int64_t hit = 0, pair = 0;

		if (c.frac && w.l != bool(pass_l))
			continue;
		if (w.dbl) {
			acc *= 2;
			pairs *= 2;
		}
		for (unsigned b = 0; b < B; b++) {
			bool pos = w.data[b], neg = c.odd_a && c.odd_w && w.mask[b] && !pos;
			unsigned planes = 1u << c.wl, part = bits_of_part(c);

			for (unsigned j = 0; j < planes; j++) {
				unsigned word = w.index * (B / part) + b / part,
					 bit = j * part + b % part;
				int64_t weight = INT64_C(1) << j;
				bool one;

				if (!pos && !neg)
					continue;
				one = c.weights[row][word][bit];
				if (c.w_top_neg && j == planes - 1)
					weight = -weight;
				if (c.slice) {
					weight = INT64_C(1) << b / (B / 8);
					if (c.a_top_neg && b / (B / 8) == 7)
						weight = -weight;
				}
				pair += weight;
				hit += (one ? pos : neg) ? weight : 0;
			}
		}
		acc += w.sub ? -hit : hit;
		pairs += w.sub ? -pair : pair;
	}
	return int32_t(c.odd_w ? 2 * acc - pairs : acc);
}

struct Write {
	bool gate;
	unsigned lane, half, addr, en;
	int gate_value;
	Bits data;
};

std::deque<Write> writes_of(const Chunk &c)
{
	constexpr unsigned HALF = (1u << B / 32) - 1, ALL = (1u << B / 16) - 1;
	std::deque<Write> out;

	for (unsigned r = 0; r < c.rows; r++) {
		unsigned half = c.split ? r / N % 2 : 0, tile = c.split ? r / (2 * N) : r / N;

		for (unsigned w = 0; w < c.row_words; w++)
			out.push_back(
				{ false, r % N, half, (c.wbase + tile * c.row_words + w) % DEPTH,
				  c.split ? (half ? HALF << B / 32 : HALF) : ALL, 0,
				  c.split && half ? c.weights[r][w] << B / 2 : c.weights[r][w] });
		if (c.frac)
			out.push_back({ true, r % N, half, (c.tbase + tile) % PARAMS, 0, c.gate[r],
					Bits() });
	}
	return out;
}

void drive_write(std::deque<Write> &writes)
{
	top->lw_we_i = 0;
	top->lt_we_i = 0;
	if (writes.empty())
		return;
	const Write &w = writes.front();
	if (w.gate) {
		top->lt_we_i = 1;
		top->lt_lane_i = w.lane;
		top->lt_half_i = w.half;
		top->lt_addr_i = w.addr;
		top->lt_data_i = unsigned(w.gate_value) & 0x3ffff;
	} else {
		top->lw_we_i = 1;
		top->lw_lane_i = w.lane;
		top->lw_addr_i = w.addr;
		top->lw_en_i = w.en;
		assign(top->lw_data_i, w.data);
	}
	writes.pop_front();
}

// Of a pixel: a window for each group of the convolution.
void expect_pixel(const Chunk &c, const std::vector<std::vector<Word>> &windows,
		  std::deque<Result> &out)
{
	for (unsigned copy = 0; copy < c.copies; copy++) {
		for (unsigned g = 0; g < c.groups; g++) {
			Result r = {};

			r.copy = copy;
			r.group = g;
			r.taps = windows[0][0].taps;
			r.last = copy == c.copies - 1 && g == c.groups - 1;
			for (unsigned l = 0; l < N; l++) {
				unsigned row = g * N + l;
				int64_t m;

				if (row >= c.rows) {
					r.acc.push_back(0);
					r.open.push_back(false);
					continue;
				}
				const auto &window =
					windows[row < c.first ? 0 : 1 + (row - c.first) / c.og];
				m = value_of(c, row, window, 0);
				r.open.push_back(c.frac && m >= c.gate[row]);
				if (c.frac)
					m = 2 * m + (r.open[l] ? value_of(c, row, window, 1) : 0);
				r.acc.push_back(int32_t(m));
			}
			out.push_back(r);
		}
	}
}

// Runs a chunk; false on a mismatch.
bool run(const Chunk &c, std::deque<Write> &own, std::deque<Write> &next, bool clear,
	 unsigned stall_w, unsigned stall_r)
{
	std::deque<Word> words;
	std::deque<Result> results;
	unsigned abort_at = clear ? 1 + below(60) : 0;
	uint64_t limit;

	for (unsigned w = 0; w < c.windows; w++) {
		std::vector<std::vector<Word>> pixel;
		unsigned size = N * (c.split ? 2 : 1), lo = 0, hi = c.first, taps = 1 + below(49);

		while (lo < c.rows) {
			unsigned times = c.stream ? (hi - 1) / size - lo / size + 1 : 1;
			std::vector<Word> window = random_window(c);

			for (Word &word : window)
				word.taps = taps;
			for (unsigned k = 0; k < times; k++)
				words.insert(words.end(), window.begin(), window.end());
			pixel.push_back(window);
			lo = hi;
			hi = std::min(hi + c.og, c.rows);
		}
		expect_pixel(c, pixel, results);
	}
	while (!own.empty()) {
		drive_write(own);
		tick();
	}
	drive_write(own);
	top->k_tiles_i = c.tiles;
	top->k_groups_i = c.groups;
	top->k_copies_i = c.copies;
	top->k_rows_i = c.rows;
	top->k_og_i = c.og;
	top->k_first_i = c.first;
	top->k_row_words_i = c.row_words;
	top->k_wbase_i = c.wbase;
	top->k_tbase_i = c.tbase;
	top->k_split_i = c.split;
	top->k_slice_i = c.slice;
	top->k_stream_i = c.stream;
	top->k_mac_i = c.mac;
	top->k_mac_log2_i = c.mac_log2;
	top->k_mac_tile_i = c.before & 15;
	top->d_wl_i = c.wl;
	top->d_w_top_neg_i = c.w_top_neg;
	top->d_odd_a_i = c.odd_a;
	top->d_a_top_neg_i = c.a_top_neg;
	top->d_odd_w_i = c.odd_w;
	top->d_frac_i = c.frac;
	top->start_i = 1;
	tick();
	top->start_i = 0;
	limit = cycles + 2000 + words.size() * c.tiles * 40 * (1 + stall_w + stall_r);
	while (!results.empty()) {
		bool give;

		if (cycles > limit) {
			printf("# hangs: %zu results left, words %zu\n", results.size(),
			       words.size());
			return false;
		}
		if (abort_at && --abort_at == 0) {
			top->clear_i = 1;
			top->ww_valid_i = 0;
			top->lw_we_i = 0;
			top->lt_we_i = 0;
			tick();
			top->clear_i = 0;
			return true;
		}
		drive_write(next);
		if (!top->ww_valid_i && !words.empty() && below(stall_w + 1) == 0) {
			const Word &w = words.front();

			top->ww_valid_i = 1;
			assign(top->ww_data_i, w.data);
			assign(top->ww_mask_i, w.mask);
			top->ww_index_i = w.index;
			top->ww_first_i = w.first;
			top->ww_double_i = w.dbl;
			top->ww_sub_i = w.sub;
			top->ww_last_i = w.last;
			top->ww_l_i = w.l;
			top->ww_win_last_i = w.win_last;
			top->ww_taps_i = w.taps;
		}
		top->rs_ready_i = below(stall_r + 1) == 0;
		top->eval();
		give = top->ww_valid_i && top->ww_ready_o;
		if (top->rs_valid_o && top->rs_ready_i) {
			const Result &r = results.front();
			bool same = top->rs_copy_o == r.copy && top->rs_group_o == r.group &&
				    top->rs_last_o == r.last && top->rs_taps_o == r.taps;

			for (unsigned l = 0; l < N; l++) {
				if (r.group * N + l >= c.rows)
					continue;
				same = same && int32_t(top->rs_acc_o[l]) == r.acc[l] &&
				       (!c.frac || (top->rs_open_o >> l & 1) == r.open[l]);
			}
			if (!same) {
				printf("# split %d slice %d mac %d stream %d wl %u frac %d odd %d "
				       "%d rows "
				       "%u tiles %u words %u/%u\n",
				       c.split, c.slice, c.mac, c.stream, c.wl, c.frac, c.odd_a,
				       c.odd_w, c.rows, c.tiles, c.words, c.row_words);
				printf("# group %u/%u copy %u/%u taps %u/%u, %zu results left\n",
				       top->rs_group_o, r.group, top->rs_copy_o, r.copy,
				       top->rs_taps_o, r.taps, results.size());
				for (unsigned l = 0; l < N; l++)
					printf("#   %d, expected %d\n", int32_t(top->rs_acc_o[l]),
					       r.acc[l]);
				return false;
			}
			results.pop_front();
		}
		tick();
		if (give) {
			words.pop_front();
			top->ww_valid_i = 0;
		}
	}
	for (unsigned i = 0; i < 40; i++) {
		top->eval();
		if (top->rs_valid_o) {
			printf("# a result too many\n");
			return false;
		}
		drive_write(next);
		tick();
	}
	if (!top->idle_o) {
		printf("# not idle at the end\n");
		return false;
	}
	return true;
}

// Cycles per window in steady state.
double pace(bool frac, bool split, unsigned tiles, unsigned row_words, int density)
{
	Chunk c = {};
	std::deque<Write> own, none;
	uint64_t start;

	c.frac = frac;
	c.split = split;
	c.odd_a = c.odd_w = c.even = true;
	c.tiles = tiles;
	c.row_words = row_words;
	c.words = split ? (row_words + 1) / 2 : row_words;
	c.rows = tiles * N * (split ? 2 : 1);
	c.groups = c.rows / N;
	c.og = c.first = c.rows;
	c.copies = 1;
	c.windows = 300;
	c.weights.assign(c.rows, std::vector<Bits>(row_words));
	for (auto &row : c.weights)
		for (auto &w : row)
			w = random_bits() & low_bits(split ? B / 2 : B);
	for (unsigned r = 0; r < c.rows; r++)
		c.gate.push_back(density == 2 ? -100000 : 4);
	own = writes_of(c);
	while (!own.empty()) {
		drive_write(own);
		tick();
	}
	start = cycles;
	run(c, own, none, false, 0, 0);
	return double(cycles - start - 40) / c.windows;
}

} // namespace

int main(int argc, char **argv)
{
	unsigned chunks = argc > 1 ? unsigned(atoi(argv[1]))
			  : B > 64 ? 500
				   : 3000,
		 failed = 0, cleared = 0;

	state = argc > 2 ? strtoull(argv[2], nullptr, 0) : 1;
	top = new Vbnn_array;
	top->rst_ni = 0;
	tick();
	tick();
	top->rst_ni = 1;
	std::deque<Write> own, next;
	Chunk now = random_chunk(0, 1);
	own = writes_of(now);
	for (unsigned i = 0; i < chunks && !failed; i++) {
		Chunk then = random_chunk(i + 1, int(below(4)));
		bool clear = below(20) == 0;

		next = writes_of(then);
		if (!run(now, own, next, clear, below(2) ? 0 : below(4), below(2) ? 0 : below(4))) {
			failed++;
			printf("# chunk %u\n", i);
		}
		cleared += clear;
		now = then;
		own = next;
	}
	printf("%s - array: %u random chunks, %u of them cleared\n", failed ? "not ok" : "ok",
	       chunks, cleared);

	struct {
		const char *what;
		bool frac, split;
		unsigned tiles, words;
		int density;
		double ideal;
	} paces[] = { { "3 tiles of 9 words", false, false, 3, 9, 1, 27 },
		      { "1 tile of 1 word", false, false, 1, 1, 1, 1 },
		      { "FRAC, 1 tile of 1 word, all gates open", true, false, 1, 1, 2, 2 },
		      { "FRAC, split, 2 tiles of 5 half words, all gates open", true, true, 2, 5, 2,
			20 } };
	for (const auto &p : paces) {
		double got = pace(p.frac, p.split, p.tiles, p.words, p.density);
		bool ok = got <= p.ideal * 1.02 + 0.15;

		printf("%s - array: %s: %.2f cycles per window, ideal %.0f\n", ok ? "ok" : "not ok",
		       p.what, got, p.ideal);
		failed += !ok;
	}
	top->final();
	delete top;
	return failed != 0;
}
