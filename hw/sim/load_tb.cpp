// SPDX-License-Identifier: MIT
//
// Bench of bnn_load: random commands one after the other, random memory, chunks
// taken and freed early and late. Every bit of every live chunk, its records and
// gates, its fields; no request outside the command's bytes, no write outside the
// chunk being loaded or into a piece twice, no use of room that is not free.
//
//   load_tb [-n COMMANDS] [-s SEED]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vbnn_load.h"
#include "bnn_hw.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr unsigned N = TB_LANES, B = TB_LANE_BITS, WORDS = TB_WEIGHT_WORDS, PARAMS = TB_PARAM_WORDS;
constexpr unsigned PIECES = B / 16, BYTES = B / 8, TILES = 32, RECORD_BITS = 373;
constexpr uint32_t BASE = 0x7ff00000, SIZE = 4 << 20;
constexpr unsigned DENSE = 0, TILED = 1, FLAT = 2, BOOK = 3;

uint32_t up(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

uint8_t memory[SIZE];

unsigned memory_bit(uint32_t addr, uint64_t bit)
{
	return memory[addr - BASE + bit / 8] >> bit % 8 & 1;
}

uint32_t memory_word(uint32_t addr)
{
	uint32_t v;

	memcpy(&v, &memory[addr - BASE], 4);
	return v;
}

template <class W> const uint8_t *bytes_of(const W &words)
{
	return reinterpret_cast<const uint8_t *>(&words);
}

void set_bits(uint8_t *p, unsigned at, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++, at++)
		p[at / 8] = uint8_t((p[at / 8] & ~(1u << at % 8)) | (v >> i & 1) << at % 8);
}

// ---- commands ----

struct Command {
	bool ew, record, narrow, frac;
	unsigned cg, og, groups, kh, kw, sh, dh, dw, w, pad_mode, in_format, wformat, wmode;
	unsigned rows, tau, tile_p;
	uint64_t flat;
	uint32_t w_addr, p_addr, w_bytes, p_bytes;

	unsigned cout() const
	{
		return og * groups;
	}
	unsigned taps() const
	{
		return kh * kw;
	}
	uint32_t k() const
	{
		return taps() * cg;
	}
	unsigned bits() const
	{
		static const unsigned n[] = { 1, 2, 2, 4, 8, 4, 8 };

		return n[wformat];
	}
	uint32_t units() const
	{
		return taps() * up(cg, 16);
	}
	uint32_t row_bytes() const
	{
		return 16 * up(taps() * up(cg * bits(), 16), 8);
	}
	uint32_t full_words() const
	{
		return up(units() * bits(), PIECES);
	}

	// Bit j of the code of a weight of output channel (or, TILED, stored row) r.
	unsigned weight(uint32_t r, unsigned tap, unsigned c, unsigned j) const
	{
		uint64_t number;
		uint32_t entry = 0, indices = w_addr + std::max(64u, 8u << tau);

		switch (wmode) {
		case FLAT:
			number = (uint64_t(r) * k() + tap * cg + c) % flat;
			return memory_bit(w_addr, number * bits() + j);
		case BOOK:
			number = uint64_t(r) * cg + c;
			for (unsigned i = 0; i < tau; i++)
				entry |= memory_bit(indices, number * tau + i) << i;
			return memory_bit(w_addr + 8 * entry, tap);
		default:
			return memory_bit(w_addr + (r % rows) * row_bytes(),
					  tap * 16 * up(cg * bits(), 16) + c * bits() + j);
		}
	}

	// As the array wants it: T as two's complement.
	unsigned plane(uint32_t r, unsigned tap, unsigned c, unsigned j) const
	{
		unsigned v = weight(r, tap, c, j);

		if (wformat == BNN_WFORMAT_T && j == 1)
			v &= weight(r, tap, c, 0);
		return v;
	}
};

struct Chunk {
	const Command *c;
	unsigned group, lead, convs, first, rows, tiles, groups, copies, row_words, wbase, pbase,
		tbase;
	bool split, slice, mac, last;
	unsigned words, params;
	std::vector<uint8_t> mask, value;      // of the words, lane by lane
	std::vector<uint32_t> needed, written; // pieces
	std::vector<uint8_t> has_record, has_gate;
	unsigned open; // pieces, records and gates to come
	bool made;

	uint32_t record(unsigned copy, unsigned row) const
	{
		uint32_t channel = copy * c->rows + first + row;

		return c->p_addr + channel * (c->narrow ? 8 : 64);
	}

	void put(unsigned lane, unsigned word, unsigned bit, int v)
	{
		size_t at = lane * words + word;

		needed[at] |= 1u << bit / 16;
		if (v < 0)
			return;
		mask[at * BYTES + bit / 8] |= uint8_t(1u << bit % 8);
		value[at * BYTES + bit / 8] |= uint8_t(v << bit % 8);
	}

	// A weight or, behind the last channel, what fills its unit.
	void place(uint32_t channel, unsigned t, unsigned ch, unsigned lane, unsigned tile,
		   unsigned half)
	{
		unsigned n = c->bits(), part = split ? B / 2 : B / n;
		uint32_t at = (t * up(c->cg, 16) + ch / 16) * 16 + ch % 16;
		uint32_t word = tile * row_words + at / part;

		for (unsigned j = 0; j < n; j++) {
			int v = ch < c->cg ? int(c->plane(channel, t, ch, j)) : -1;

			if (!slice)
				put(lane, word, (split ? half : j) * part + at % part, v);
			else if (v >= 0)
				for (unsigned i = 0; i < 8; i++) {
					unsigned to = t * c->cg + ch, per = row_words / n;

					put(lane,
					    tile * row_words + (n - 1 - j) * per + to / (B / 8),
					    i * B / 8 + to % (B / 8), v);
				}
		}
	}

	// What must be in memory. Rows of a tile with fan-out are stored rows, all others channels.
	void make()
	{
		if (made)
			return;
		made = true;
		mask.resize(size_t(N) * words * BYTES);
		value.resize(mask.size());
		needed.resize(N * words);
		written.resize(N * words);
		for (unsigned r = 0; r < rows && !c->ew; r++) {
			unsigned lane = r % N, tile = split ? r / (2 * N) : r / N, half = r / N % 2;
			uint32_t channel = first + r;

			for (unsigned t = 0; t < c->taps(); t++)
				for (unsigned ch = 0; ch < up(c->cg, 16) * 16; ch++)
					place(channel, t, ch, lane, tile, half);
		}
		open = 0;
		for (uint32_t m : needed)
			open += unsigned(__builtin_popcount(m));
		if (c->record) {
			has_record.resize(N * params);
			open += copies * rows;
		}
		if (c->frac) {
			has_gate.resize(N * tiles * 2);
			open += rows;
		}
	}
};

// The documented cut, with divisions.
std::vector<Chunk> cut(const Command &c)
{
	std::vector<Chunk> out;
	unsigned unit = N < 16 ? 16 / N : 1, unit_split = N < 8 ? 8 / N : 1, most, copies = 1;
	unsigned rows = c.cout(), per_tile = N;
	bool fan, slice, split, mac, odd;
	unsigned og = c.og;
	uint32_t words;

	fan = !c.ew && c.wmode == TILED && !c.frac && c.rows % 16 == 0 && c.rows % N == 0 &&
	      c.tile_p * unit <= PARAMS / 2;
	if (fan) {
		copies = c.tile_p;
		rows = c.rows;
	}
	odd = c.wformat == BNN_WFORMAT_B1 || c.wformat == BNN_WFORMAT_O2 ||
	      c.wformat == BNN_WFORMAT_O4 || c.wformat == BNN_WFORMAT_O8;
	slice = !c.ew && B == 256 && c.wmode == DENSE &&
		((c.in_format == BNN_FORMAT_O8 && odd) || c.in_format == BNN_FORMAT_U8 ||
		 c.in_format == BNN_FORMAT_S8) &&
		c.cg <= 4 && c.groups == 1 && c.kh <= 4 && c.kw <= 4 && c.dh == 1 && c.dw == 1 &&
		c.w <= 1024 && c.pad_mode == 0 && c.kh + c.sh <= 8 && c.k() <= B / 4;
	mac = !c.ew && B == 256 && c.cg == 1 && c.groups > 1 && (og == 1 || og == 2 || og == 4) &&
	      c.wformat == BNN_WFORMAT_S8 &&
	      (c.in_format == BNN_FORMAT_U8 || c.in_format == BNN_FORMAT_S8) && c.pad_mode == 0 &&
	      c.dh == 1 && c.dw == 1 && up(c.groups, 16) * c.kh * c.w <= 4096;
	if (mac)
		og *= 16;
	words = c.ew ? 0 : slice ? up(c.k(), B / 8) * c.bits() : c.full_words();
	split = !c.ew && !slice && c.bits() == 1 &&
		up(c.units(), PIECES / 2) * unit_split <= WORDS &&
		uint64_t(up(c.units(), PIECES / 2)) * up(rows, 2 * N) <
			uint64_t(words) * up(rows, N);
	if (split) {
		words = up(c.units(), PIECES / 2);
		per_tile = 2 * N;
		unit = unit_split;
	}
	most = PARAMS / 2 / (copies * per_tile / N);
	if (!c.ew)
		most = std::min({ most, TILES, WORDS / 2 / words });
	most = std::max(most / unit, 1u) * unit;

	for (unsigned first = 0; first < rows;) {
		Chunk k = {};

		k.c = &c;
		k.group = first / og;
		k.first = first;
		k.rows = std::min(rows - first, most * per_tile);
		k.lead = std::min(k.rows, og - first % og);
		k.convs = (first + k.rows - 1) / og - first / og + 1;
		k.groups = up(k.rows, N);
		k.tiles = up(k.rows, per_tile);
		k.copies = copies;
		k.row_words = words;
		k.split = split;
		k.slice = slice;
		k.mac = mac;
		k.words = k.tiles * words;
		k.params = k.groups * copies;
		first += k.rows;
		k.last = first == rows;
		out.push_back(k);
	}
	return out;
}

// Cycles, roughly.
uint64_t cost(const Command &c)
{
	uint64_t rows = c.wmode == TILED && c.rows % 16 == 0 ? c.rows : c.cout();
	uint64_t beats = c.row_bytes() / 16, work = c.narrow   ? c.cout()
						    : c.record ? 4 * c.cout()
							       : 0;

	if (c.ew)
		return work;
	if (c.wmode == BOOK)
		return work + rows * up(c.cg, 16) * (18 + c.taps()) + (1u << c.tau);
	if (c.wmode == FLAT)
		return work + rows * c.k() * c.bits() / 16 + rows * c.taps() * 2 +
		       20 * (rows * c.k() / c.flat);
	return work + rows * beats * (B < 128 ? 128 / B : 1) * (c.cg % 16 && c.bits() > 1 ? 8 : 1);
}

enum Size { SMALL, BIG, FILL };

Command random_command(Size size)
{
	static const unsigned formats[] = { BNN_FORMAT_B1,   BNN_FORMAT_O2,   BNN_FORMAT_O4,
					    BNN_FORMAT_O8,   BNN_FORMAT_U4,   BNN_FORMAT_U8,
					    BNN_FORMAT_S8,   BNN_FORMAT_S16,  BNN_FORMAT_E_O4,
					    BNN_FORMAT_E_U8, BNN_FORMAT_E_S16 };
	uint64_t limit = size == SMALL ? 4000 : 40000;
	bool big = size == BIG;

	for (;;) {
		Command c = {};
		uint64_t bits;
		bool many;

		c.ew = one_in(10);
		c.groups = one_in(5) ? range(2, 5) : 1;
		c.og = one_in(2) ? 16 * range(1, 8) : range(1, one_in(4) ? 1000 : 70);
		c.cg = one_in(2) ? 16 * range(1, one_in(3) ? 40 : 8)
				 : range(1, one_in(2) ? 20 : 300);
		if (big && one_in(2))
			c.cg = range(1, one_in(2) ? 8192 : 1500);
		c.kh = one_in(3) ? 1 : range(1, one_in(4) ? 7 : 3);
		c.kw = one_in(2) ? c.kh : range(1, 7);
		c.sh = range(1, 7);
		c.dh = one_in(8) ? range(1, 4) : 1;
		c.dw = one_in(8) ? range(1, 4) : 1;
		c.w = one_in(8) ? range(1, 4096) : range(1, 1024);
		c.pad_mode = one_in(3) ? range(1, 2) : 0;
		c.in_format = formats[range(0, 10)];
		c.wformat = one_in(2) ? BNN_WFORMAT_B1 : range(0, 6);
		c.wmode = one_in(2) ? DENSE : range(0, 3);
		if (one_in(8)) {
			c.cg = range(1, 4);
			c.kh = range(1, 4);
			c.sh = range(1, 4);
			c.kw = range(1, 5);
			c.groups = one_in(8) ? 2 : 1;
			c.in_format = one_in(2)	  ? BNN_FORMAT_S8
				      : one_in(2) ? BNN_FORMAT_U8
						  : BNN_FORMAT_O8;
			c.wformat = one_in(3) ? 0 : range(0, 6);
			c.wmode = c.pad_mode = 0;
			c.dh = c.dw = 1;
		}
		// One channel per group.
		if (one_in(10)) {
			c.cg = 1;
			c.groups = range(2, one_in(3) ? 700 : 80);
			c.og = 1 << range(0, 2);
			if (one_in(8))
				c.og = 3;
			c.in_format = one_in(8)	  ? BNN_FORMAT_O8
				      : one_in(2) ? BNN_FORMAT_S8
						  : BNN_FORMAT_U8;
			c.wformat = one_in(8) ? BNN_WFORMAT_O8 : BNN_WFORMAT_S8;
			c.wmode = one_in(8) ? FLAT : DENSE;
			c.pad_mode = one_in(8);
			c.dh = one_in(8) ? 2 : 1;
			c.dw = one_in(8) ? 2 : 1;
			c.kh = range(1, one_in(4) ? 7 : 3);
			c.w = 4096 / (up(c.groups, 16) * c.kh) + range(0, 3);
			if (one_in(2))
				c.w = range(1, c.w);
		}
		// Wide rows: the fewest tiles take more than half of the memory.
		if (big && one_in(2)) {
			c.wformat = one_in(2) ? BNN_WFORMAT_S8 : BNN_WFORMAT_O8;
			c.wmode = DENSE;
			c.groups = c.kw = 1;
			c.kh = range(1, 2);
			c.cg = 16 * range(1, 512);
			c.og = range(1, std::max(2 * N, 40u));
			if (2 * c.full_words() * std::max(1u, 16 / N) <= WORDS)
				continue;
		}
		// A good part of the weights, few records: what is loaded fills the memory.
		if (size == FILL && !one_in(6)) {
			unsigned words = range(WORDS / 16, WORDS / 2);

			c.ew = false;
			c.wmode = DENSE;
			c.wformat = one_in(2) ? BNN_WFORMAT_B1 : BNN_WFORMAT_S8;
			c.groups = 1;
			c.og = range(1, 4 * N);
			c.kh = range(1, 3);
			c.kw = range(1, 3);
			c.cg = 16 * std::clamp(words * PIECES / up(c.og, N) / c.bits() / c.taps(),
					       1u, 512u);
		}
		if (c.ew && one_in(2))
			c.og = range(1, 3 * PARAMS * N / 2);
		if (c.ew)
			c.groups = one_in(2) ? 1 : c.groups;
		// Many copies: their records take more than half of theirs.
		many = big && one_in(3);
		if (many) {
			c.ew = false;
			c.wmode = TILED;
			c.wformat = BNN_WFORMAT_B1;
			c.cg = range(1, 100);
		}
		if (c.cout() > 8192 || c.cg * c.groups > 8192 || c.k() > 32767)
			continue;
		c.rows = c.cout();
		switch (c.wmode) {
		case TILED:
			c.groups = 1;
			c.tile_p = range(1, one_in(3) ? PARAMS / 2 : 6);
			c.rows = one_in(2) ? 16 * range(1, 8) : one_in(4) ? 1 : range(1, 60);
			if (many) {
				c.rows = 2 * std::max(N, 16u);
				c.tile_p = range(PARAMS / 4, PARAMS / 2);
			}
			c.og = c.rows * c.tile_p;
			break;
		case FLAT:
			for (unsigned i = 0; i < 100 && !c.flat; i++) {
				uint64_t all = uint64_t(c.cout()) * c.k();

				c.tile_p = range(1, 255);
				if (all % c.tile_p == 0)
					c.flat = all / c.tile_p;
			}
			if (!c.flat)
				continue;
			break;
		case BOOK:
			c.wformat = BNN_WFORMAT_B1;
			c.tau = range(1, 9);
			break;
		}
		c.frac = !c.ew && c.wformat == BNN_WFORMAT_B1 && !many && one_in(3);
		if (c.frac)
			c.in_format = BNN_FORMAT_O2;
		c.record = c.frac || !one_in(4);
		c.narrow = c.record && !c.frac && one_in(3);
		if (!c.ew && uint64_t(c.full_words()) * std::max(1u, 16 / N) > WORDS)
			continue;
		if (c.cout() > 8192 || cost(c) > limit)
			continue;
		switch (c.wmode) {
		case FLAT:
			bits = c.flat * c.bits();
			break;
		case BOOK:
			bits = std::max(64u, 8u << c.tau) * UINT64_C(8) +
			       uint64_t(c.cout()) * c.cg * c.tau;
			break;
		default:
			bits = uint64_t(c.rows) * c.row_bytes() * 8;
		}
		if (bits / 8 + 1 > SIZE / 2)
			continue;
		c.w_bytes = uint32_t((bits + 7) / 8);
		c.p_bytes = c.cout() * (c.narrow ? 8 : 64);
		c.w_addr = BASE + range(0, SIZE - c.w_bytes);
		c.p_addr = BASE + range(0, SIZE - c.p_bytes);
		if (!one_in(4))
			c.w_addr &= ~63u;
		if (!one_in(4))
			c.p_addr &= ~63u;
		return c;
	}
}

// ---- the bench ----

struct Request {
	uint32_t addr, bytes;
	int64_t ready;
};

struct Bench {
	Vbnn_load top;
	std::string wrong;
	int64_t now = 0, last_progress = 0;

	// Memory.
	bool stuck = false; // chunks are freed when nothing else can be done
	unsigned rq_stall = 0, rb_stall = 0, latency = 0, hold = 0, idle = 0;
	std::deque<Request> requests;
	uint8_t beat[16];
	bool beat_valid = false;
	uint64_t beats = 0;
	bool rq_was = false;
	uint64_t rq_had[3];

	// Commands and chunks. Of chunks: all that have begun, oldest first.
	std::deque<Command> commands;
	std::deque<Chunk> chunks;
	const Command *active = nullptr;
	size_t taken = 0, loading = 0; // chunks that are taken; complete
	unsigned next_wbase = 0, next_pbase = 0, next_tbase = 0;
	int64_t start_at = 0, take_at = 0, free_at = 0;
	bool ck_was = false;

	// Lane memories.
	uint8_t ram[N][WORDS][BYTES] = {};
	uint8_t record[N][PARAMS][48] = {};
	uint32_t gate[N][2][PARAMS] = {};

	// What has been seen.
	unsigned seen_split = 0, seen_slice = 0, seen_mac = 0, seen_fan = 0, seen_whole = 0,
		 seen_records = 0;
	unsigned seen_wrap = 0, seen_ew = 0, seen_format[8] = {}, seen_mode[4] = {};
	unsigned done_commands = 0, done_chunks = 0, most_waiting = 0;

	void fail(const std::string &what)
	{
		if (wrong.empty())
			wrong = what;
	}

	void forget()
	{
		requests.clear();
		beat_valid = false;
		rq_was = ck_was = false;
		chunks.clear();
		commands.clear();
		active = nullptr;
		taken = loading = 0;
		next_wbase = next_pbase = next_tbase = 0;
		last_progress = now;
	}

	void drive_command(const Command *c)
	{
		Command other;

		// Between commands nothing holds.
		if (!c) {
			other = random_command(SMALL);
			c = &other;
		}
		top.d_ew_i = c->ew;
		top.d_cout_i = uint16_t(c->cout());
		top.d_cg_i = uint16_t(c->cg);
		top.d_og_i = uint16_t(c->og);
		top.d_groups_i = uint16_t(c->groups);
		top.d_taps_i = uint8_t(c->taps());
		top.d_kh_i = uint8_t(c->kh);
		top.d_kw_i = uint8_t(c->kw);
		top.d_sh_i = uint8_t(c->sh);
		top.d_dh_i = uint8_t(c->dh);
		top.d_dw_i = uint8_t(c->dw);
		top.d_w_i = uint16_t(c->w);
		top.d_pad_mode_i = uint8_t(c->pad_mode);
		top.d_in_format_i = uint8_t(c->in_format);
		top.d_wformat_i = uint8_t(c->wformat);
		top.d_wmode_i = uint8_t(c->wmode);
		top.d_rows_i = uint16_t(c->rows);
		top.d_flat_i = c->flat;
		top.d_tau_i = uint8_t(c->tau);
		top.d_tile_p_i = uint8_t(c->tile_p);
		top.d_record_i = c->record;
		top.d_narrow_i = c->narrow;
		top.d_frac_i = c->frac;
		top.d_w_addr_i = c->w_addr;
		top.d_p_addr_i = c->p_addr;
	}

	void begin(const Command &c)
	{
		active = &c;
		for (Chunk &k : cut(c)) {
			k.wbase = next_wbase;
			k.pbase = next_pbase;
			k.tbase = next_tbase;
			next_wbase = (next_wbase + k.words) % WORDS;
			next_pbase = (next_pbase + k.params) % PARAMS;
			next_tbase = (next_tbase + k.tiles) % PARAMS;
			seen_split += k.split;
			seen_slice += k.slice;
			seen_mac += k.mac;
			seen_fan += k.copies > 1;
			seen_whole += k.words > WORDS / 2;
			seen_records += k.params > PARAMS / 2;
			seen_wrap += k.words && k.wbase + k.words > WORDS;
			chunks.push_back(k);
		}
		seen_ew += c.ew;
		if (!c.ew) {
			seen_format[c.wformat]++;
			seen_mode[c.wmode]++;
		}
	}

	// The chunk being loaded, if what comes before it leaves it room.
	Chunk *current()
	{
		unsigned words = 0, params = 0;

		while (loading < chunks.size()) {
			chunks[loading].make();
			if (chunks[loading].open)
				break;
			loading++;
			last_progress = now;
		}
		if (loading == chunks.size()) {
			fail("a write without a chunk");
			return nullptr;
		}
		for (size_t i = 0; i <= loading; i++) {
			words += chunks[i].words;
			params += chunks[i].params;
		}
		if (words > WORDS || params > PARAMS)
			fail("a write of a chunk that has no room yet");
		return &chunks[loading];
	}

	void settle_loading()
	{
		while (loading < chunks.size()) {
			chunks[loading].make();
			if (chunks[loading].open)
				break;
			loading++;
			last_progress = now;
		}
		unsigned waiting = 0;

		for (size_t i = taken; i < loading; i++)
			waiting += !chunks[i].c->ew || chunks[i].c->record;
		most_waiting = std::max(most_waiting, waiting);
	}

	void check_writes()
	{
		if (top.lw_we_o) {
			Chunk *k = current();
			unsigned lane = top.lw_lane_o, addr = top.lw_addr_o, en = top.lw_en_o;
			const uint8_t *data = bytes_of(top.lw_data_o);

			if (!k)
				return;
			unsigned word = (addr + WORDS - k->wbase) % WORDS;
			if (word >= k->words) {
				fail("a weight outside the chunk");
				return;
			}
			uint32_t &needed = k->needed[lane * k->words + word];
			uint32_t &written = k->written[lane * k->words + word];
			if (written & en)
				fail("a piece written twice");
			if (!(needed & en))
				fail("a write of no weights");
			written |= en;
			k->open -= unsigned(__builtin_popcount(needed & en));
			for (unsigned p = 0; p < PIECES; p++)
				if (en >> p & 1)
					memcpy(&ram[lane][addr][2 * p], data + 2 * p, 2);
		}
		if (top.lp_we_o) {
			Chunk *k = current();
			unsigned lane = top.lp_lane_o, addr = top.lp_addr_o;

			if (!k)
				return;
			unsigned entry = (addr + PARAMS - k->pbase) % PARAMS;
			if (entry >= k->params || !k->c->record) {
				fail("a record outside the chunk");
				return;
			}
			if (k->has_record[entry * N + lane])
				fail("a record written twice");
			k->has_record[entry * N + lane] = 1;
			k->open--;
			memcpy(record[lane][addr], bytes_of(top.lp_data_o), 47);
		}
		if (top.lt_we_o) {
			Chunk *k = current();
			unsigned lane = top.lt_lane_o, half = top.lt_half_o, addr = top.lt_addr_o;

			if (!k)
				return;
			unsigned tile = (addr + PARAMS - k->tbase) % PARAMS;
			if (tile >= k->tiles || !k->c->frac) {
				fail("a gate outside the chunk");
				return;
			}
			if (k->has_gate[(tile * 2 + half) * N + lane])
				fail("a gate written twice");
			k->has_gate[(tile * 2 + half) * N + lane] = 1;
			k->open--;
			gate[lane][half][addr] = top.lt_data_o;
		}
	}

	void check_memory(const Chunk &k)
	{
		for (unsigned l = 0; l < N; l++)
			for (unsigned w = 0; w < k.words; w++) {
				const uint8_t *have = ram[l][(k.wbase + w) % WORDS];
				size_t at = size_t(l * k.words + w) * BYTES;

				for (unsigned i = 0; i < BYTES; i++)
					if ((have[i] ^ k.value[at + i]) & k.mask[at + i]) {
						fail("weights differ");
						return;
					}
			}
		for (unsigned i = 0; i < k.copies && k.c->record; i++)
			for (unsigned r = 0; r < k.rows; r++) {
				uint8_t want[48] = {}, mask[48] = {};
				uint32_t at = k.record(i, r);
				const uint8_t *have =
					record[r % N][(k.pbase + i * k.groups + r / N) % PARAMS];

				if (k.c->narrow) {
					set_bits(want, 292, memory_word(at + BNN_PARAM_NARROW_TB),
						 32);
					set_bits(want, 324,
						 memory_word(at + BNN_PARAM_NARROW_FLAGS) & 1, 1);
					set_bits(mask, 292, ~UINT64_C(0), 33);
				} else {
					uint32_t flags = memory_word(at + BNN_PARAM_FLAGS);

					set_bits(want, 0, memory_word(at + BNN_PARAM_TH1), 32);
					set_bits(want, 32, memory_word(at + BNN_PARAM_B1), 32);
					set_bits(want, 64, memory_word(at + BNN_PARAM_B1 + 4), 32);
					set_bits(want, 96, memory_word(at + BNN_PARAM_A1), 32);
					set_bits(want, 128, memory_word(at + BNN_PARAM_K1), 16);
					set_bits(want, 144, flags >> BNN_PARAM_FLAGS_NEG1_SHIFT, 2);
					set_bits(want, 146, memory_word(at + BNN_PARAM_TH2), 32);
					set_bits(want, 178, memory_word(at + BNN_PARAM_B2), 32);
					set_bits(want, 210, memory_word(at + BNN_PARAM_B2 + 4), 32);
					set_bits(want, 242, memory_word(at + BNN_PARAM_A2), 32);
					set_bits(want, 274, memory_word(at + BNN_PARAM_K2), 16);
					set_bits(want, 290, flags >> BNN_PARAM_FLAGS_NEG2_SHIFT, 2);
					set_bits(want, 292, memory_word(at + BNN_PARAM_TB), 32);
					set_bits(want, 324, flags & 1, 1);
					set_bits(want, 325, memory_word(at + BNN_PARAM_Q), 32);
					set_bits(want, 357, memory_word(at + BNN_PARAM_Q + 4), 16);
					for (unsigned b = 0; b < RECORD_BITS; b++)
						mask[b / 8] |= uint8_t(1u << b % 8);
				}
				for (unsigned b = 0; b < 47; b++)
					if ((have[b] ^ want[b]) & mask[b]) {
						fail("a record differs");
						return;
					}
				if (k.c->frac) {
					int32_t t = int32_t(memory_word(at + BNN_PARAM_T));
					unsigned half = k.split ? r / N % 2 : 0;
					unsigned tile = k.split ? r / (2 * N) : r / N;

					t = std::max(-65536, std::min(65535, t));
					if (gate[r % N][half][(k.tbase + tile) % PARAMS] !=
					    (uint32_t(t) & 0x3ffff)) {
						fail("a threshold differs");
						return;
					}
				}
			}
	}

	void check_chunk()
	{
		const Chunk &k = chunks[taken];
		unsigned pmask = k.c->record ? ~0u : 0, wmask = k.c->ew ? 0 : ~0u,
			 tmask = k.c->frac ? ~0u : 0;

		if (top.ck_group_o != k.group || top.ck_lead_o != k.lead ||
		    top.ck_convs_o != k.convs || top.ck_first_o != k.first ||
		    top.ck_rows_o != k.rows)
			fail("the rows of a chunk differ");
		if (top.ck_tiles_o != k.tiles || top.ck_groups_o != k.groups ||
		    top.ck_copies_o != k.copies)
			fail("the tiles of a chunk differ");
		if (top.ck_row_words_o != k.row_words || ((top.ck_wbase_o ^ k.wbase) & wmask) ||
		    ((top.ck_pbase_o ^ k.pbase) & pmask) || ((top.ck_tbase_o ^ k.tbase) & tmask))
			fail("the places of a chunk differ");
		if (top.ck_split_o != k.split || top.ck_slice_o != k.slice ||
		    top.ck_mac_o != k.mac || top.ck_last_o != k.last)
			fail("the mode of a chunk differs");
		if (loading <= taken)
			fail("a chunk is offered before it is loaded");
	}

	void fetch()
	{
		Request &r = requests.front();
		uint32_t n = std::min(16u, r.bytes);

		for (unsigned i = 0; i < 16; i++)
			beat[i] = i < n ? memory[r.addr - BASE + i] : uint8_t(random32());
		r.addr += n;
		r.bytes -= n;
		if (!r.bytes)
			requests.pop_front();
		beat_valid = true;
	}

	void request()
	{
		uint32_t addr = top.rq_addr_o, bytes = top.rq_bytes_o;
		uint32_t from, extent;

		if (!active) {
			fail("a request without a command");
			return;
		}
		from = top.rq_param_o ? active->p_addr : active->w_addr;
		extent = top.rq_param_o ? active->p_bytes : active->w_bytes;
		if (!bytes || addr < from || addr - from > extent ||
		    bytes > extent - (addr - from) || (top.rq_param_o && !active->record) ||
		    (!top.rq_param_o && active->ew)) {
			fail("a request outside the command's bytes");
			return;
		}
		requests.push_back({ addr, bytes, now + latency });
	}

	// One cycle. start: the next command begins.
	void step(bool clear = false)
	{
		bool start = !active && !commands.empty() && now >= start_at && !clear, take, give;
		bool release =
			taken && (stuck ? now - last_progress > 60 + latency : now >= free_at);

		top.start_i = start;
		if (start)
			drive_command(&commands.front());
		top.clear_i = clear;
		top.rq_ready_i = requests.size() < 16 && range(0, 99) >= rq_stall;
		if (!beat_valid && !requests.empty() && requests.front().ready <= now &&
		    range(0, 99) >= rb_stall)
			fetch();
		top.rb_valid_i = beat_valid;
		memcpy(&top.rb_data_i, beat, 16);
		take = taken < 2 && now >= take_at;
		top.ck_ready_i = take;
		top.ck_free_i = release;
		top.clk_i = 0;
		top.eval();

		if (!clear) {
			check_writes();
			settle_loading();
			uint64_t has[3] = { top.rq_addr_o, top.rq_bytes_o, top.rq_param_o };
			if (rq_was && (!top.rq_valid_o || memcmp(has, rq_had, sizeof(has))))
				fail("a request is withdrawn");
			memcpy(rq_had, has, sizeof(has));
			rq_was = top.rq_valid_o && !top.rq_ready_i;
			if (ck_was && !top.ck_valid_o)
				fail("a chunk is withdrawn");
			ck_was = top.ck_valid_o && !take;
			if (top.ck_valid_o && taken == chunks.size())
				fail("a chunk too many");
			else if (top.ck_valid_o)
				check_chunk();
			if (top.rq_valid_o && top.rq_ready_i)
				request();
			give = top.rb_ready_o && beat_valid;
			if (give) {
				beat_valid = false;
				beats++;
				last_progress = now;
			}
			if (top.done_o) {
				if (!active || loading != chunks.size() ||
				    (taken + 1 == chunks.size() && !top.ck_valid_o))
					fail("done too early");
				if (!requests.empty() || beat_valid)
					fail("done with data on its way");
				active = nullptr;
				done_commands++;
				drive_command(nullptr);
				start_at = now + 1 + (idle ? range(0, idle) : 0);
				last_progress = now;
			}
			if (release) {
				check_memory(chunks.front());
				chunks.pop_front();
				taken--;
				loading--;
				done_chunks++;
				free_at = now + 1 + (hold ? range(0, hold) : 0);
			}
			if (top.ck_valid_o && take && wrong.empty()) {
				check_memory(chunks[taken]);
				if (!taken++)
					free_at = now + 1 + (hold ? range(0, hold) : 0);
				take_at = now + 1 + (hold && one_in(3) ? range(0, hold) : 0);
				last_progress = now;
			}
		}
		if (start) {
			finished.push_back(std::unique_ptr<Command>(new Command(commands.front())));
			commands.pop_front();
			begin(*finished.back());
		}
		top.clk_i = 1;
		top.eval();
		now++;
		if (clear)
			forget();
		if (now - last_progress > 20000 + 3 * int64_t(hold) + latency)
			fail("nothing moves");
	}
	std::deque<std::unique_ptr<Command>> finished;

	bool busy() const
	{
		return active || !commands.empty() || !chunks.empty();
	}

	void pace()
	{
		static const unsigned stalls[] = { 0, 0, 30, 70 }, holds[] = { 0, 20, 400, 3000 };

		rq_stall = stalls[range(0, 3)];
		rb_stall = stalls[range(0, 3)];
		latency = one_in(2) ? range(0, 10) : range(0, 200);
		hold = holds[range(0, 3)];
		stuck = one_in(3);
		idle = one_in(2) ? 0 : 30;
	}

	void reset()
	{
		top.rst_ni = 0;
		top.clear_i = 0;
		top.start_i = 0;
		drive_command(nullptr);
		for (unsigned i = 0; i < 2; i++)
			step(true);
		top.rst_ni = 1;
		forget();
	}

	bool drain()
	{
		while (busy() && wrong.empty())
			step();
		for (unsigned i = 0; i < 20 && wrong.empty(); i++)
			step();
		finished.clear();
		return wrong.empty();
	}
};

bool traffic(Bench &b)
{
	unsigned n = range(2, 8);
	bool fill = one_in(6);

	b.pace();
	for (unsigned i = 0; i < n; i++)
		b.commands.push_back(random_command(fill ? FILL : one_in(12) ? BIG : SMALL));
	return b.drain();
}

// Cleared anywhere, it is as new.
bool cleared(Bench &b)
{
	unsigned cycles = one_in(2) ? range(1, 60) : range(1, 4000);

	b.pace();
	for (unsigned i = 0; i < 4; i++)
		b.commands.push_back(random_command(one_in(8) ? BIG : SMALL));
	for (unsigned i = 0; i < cycles && b.wrong.empty(); i++)
		b.step();
	if (!b.wrong.empty())
		return false;
	b.step(true);
	b.drive_command(nullptr);
	for (unsigned i = range(0, 3); i && b.wrong.empty(); i--) {
		b.step();
		if (b.top.rq_valid_o || b.top.ck_valid_o || b.top.lw_we_o || b.top.lp_we_o ||
		    b.top.lt_we_o || b.top.done_o)
			b.fail("not idle after clear");
	}
	b.commands.push_back(random_command(SMALL));
	return b.drain();
}

// Beats per cycle of a large dense layer, with memory that gives one per cycle.
bool speed(Bench &b, unsigned wformat, unsigned cg, unsigned k, unsigned og)
{
	double least, rate;
	Command c = {};
	uint64_t beats;
	int64_t from;

	b.rq_stall = b.rb_stall = b.hold = b.idle = 0;
	b.stuck = false;
	b.latency = 20;
	c.cg = cg;
	c.og = c.rows = og;
	c.groups = c.sh = c.dh = c.dw = 1;
	c.kh = c.kw = k;
	c.w = 14;
	c.in_format = BNN_FORMAT_B1;
	c.wformat = wformat;
	c.w_addr = BASE + 64;
	c.w_bytes = og * c.row_bytes();
	c.p_addr = BASE;
	// A unit per cycle, or a word.
	least = 0.95 * std::min(c.bits() == 1 ? 1 : c.bits() / 8.0, B / 128.0);
	if (c.w_bytes > SIZE - 64 || c.full_words() * std::max(1u, 16 / N) > WORDS)
		return false;
	b.commands.push_back(c);
	beats = b.beats;
	from = b.now;
	while ((b.active || !b.commands.empty()) && b.wrong.empty())
		b.step();
	beats = b.beats - beats;
	rate = double(beats) / double(b.now - from);
	printf("# weights of %u bit, %u x %u x %u to %u: %llu beats, %.3f per cycle\n", c.bits(), k,
	       k, cg, og, (unsigned long long)beats, rate);
	return b.drain() && rate >= least;
}

void report(bool ok, const char *what, const Bench &b)
{
	if (!ok)
		printf("# %s, cycle %lld, command %u\n", b.wrong.c_str(), (long long)b.now,
		       b.done_commands);
	tap_ok(ok, "bnn_load %ux%u: %s", N, B, what);
}

bool all_seen(const Bench &b)
{
	bool ok = b.seen_split && ((b.seen_slice && b.seen_mac) || B != 256) && b.seen_fan &&
		  b.seen_wrap && b.seen_whole && (b.seen_records || N < 16) && b.seen_ew &&
		  b.most_waiting >= 4;

	for (unsigned f = BNN_WFORMAT_B1; f <= BNN_WFORMAT_S8; f++)
		ok &= b.seen_format[f] != 0;
	for (unsigned n : b.seen_mode)
		ok &= n != 0;
	return ok;
}

} // namespace

int main(int argc, char **argv)
{
	unsigned commands = tb_options(argc, argv, 1000);
	bool ok = true;

	for (uint8_t &m : memory)
		m = uint8_t(random32());
	// Thresholds small enough to be kept as they are, and just too large, too.
	for (uint32_t at = BNN_PARAM_T; at < SIZE; at += 64) {
		int32_t t = int32_t(random32()) >> range(12, 16);

		if (!one_in(4))
			memcpy(&memory[at], &t, 4);
	}
	std::unique_ptr<Bench> b(new Bench);
	b->reset();
	while (ok && b->done_commands < commands)
		ok = traffic(*b);
	printf("# %u commands, %u chunks: %u split, %u slice, %u MACs, %u fan-out, %u words and %u "
	       "records "
	       "beyond half, "
	       "%u wrapped; up to %u wait\n",
	       b->done_commands, b->done_chunks, b->seen_split, b->seen_slice, b->seen_mac,
	       b->seen_fan, b->seen_whole, b->seen_records, b->seen_wrap, b->most_waiting);
	report(ok, "weights, records, gates and chunks", *b);
	report(ok && (commands < 1000 || all_seen(*b)), "all kinds were seen", *b);
	for (unsigned i = 0; i < commands / 2 && ok; i++)
		ok = cleared(*b);
	report(ok, "clear at any time", *b);
	ok = ok && speed(*b, BNN_WFORMAT_B1, 256, 3, B < 128 ? 128 : 1024) &&
	     speed(*b, BNN_WFORMAT_S8, 1024, 1, B < 128 ? 64 : 500) &&
	     speed(*b, BNN_WFORMAT_S4, 1024, 1, 64) && speed(*b, BNN_WFORMAT_T, 1024, 1, 64);
	report(ok, "speed of dense weights", *b);
	return tap_end();
}
