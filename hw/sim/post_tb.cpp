// SPDX-License-Identifier: MIT
//
// Bench of bnn_post: random commands, records, accumulators and residuals, with
// random stalls on all sides and clears, against the functional model's pipe.
// Records of a command are loaded while the one before runs.
//
//   post_tb [-n COMMANDS] [-s SEED]

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "Vbnn_post.h"
#include "bnn_hw.h"
#include "post_ref.h"
#include "verilated.h"

namespace
{

constexpr unsigned LANES = TB_LANES, DEPTH = TB_DEPTH, GROUPS = 64;
constexpr bool SHIFT_ONLY = TB_MULT == 0;

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

// Of any magnitude, with extremes and powers of two more often than by chance.
int32_t number(unsigned bits)
{
	int64_t hi = (INT64_C(1) << (bits - 1)) - 1, v;

	switch (below(8)) {
	case 0:
		v = below(2) ? hi : -hi - 1;
		break;
	case 1:
		v = INT64_C(1) << below(bits);
		v = (below(2) ? v : -v) + int64_t(below(3)) - 1;
		break;
	default:
		v = int64_t(random64()) >> (64 - bits + below(bits));
	}
	v = v > hi ? hi : v < -hi - 1 ? -hi - 1 : v;
	return int32_t(v);
}

void put(uint8_t *at, uint32_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = uint8_t(v >> 8 * i);
}

void set_bits(uint32_t *words, unsigned at, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++, at++) {
		words[at / 32] &= ~(1u << at % 32);
		words[at / 32] |= uint32_t(v >> i & 1) << at % 32;
	}
}

uint64_t get_bits(const uint32_t *words, unsigned at, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++, at++)
		v |= uint64_t(words[at / 32] >> at % 32 & 1) << i;
	return v;
}

struct Command {
	post_command c;
	bool narrow;
};

Command random_command()
{
	static const unsigned outp[] = { BNN_FORMAT_NONE, BNN_FORMAT_B1, BNN_FORMAT_O2,
					 BNN_FORMAT_O4,	  BNN_FORMAT_O8, BNN_FORMAT_U4,
					 BNN_FORMAT_U8,	  BNN_FORMAT_S4, BNN_FORMAT_S8,
					 BNN_FORMAT_S16 };
	static const unsigned outs[] = { BNN_FORMAT_NONE,  BNN_FORMAT_E_O4,  BNN_FORMAT_E_U4,
					 BNN_FORMAT_E_S4,  BNN_FORMAT_E_U8,  BNN_FORMAT_E_S8,
					 BNN_FORMAT_E_U16, BNN_FORMAT_E_S16, BNN_FORMAT_E_S32 };
	Command r = {};
	post_command &c = r.c;

	r.narrow = !below(8);
	c.p1 = !r.narrow && below(3);
	c.p1_pow2 = c.p1 && (SHIFT_ONLY || below(2));
	c.p2 = !r.narrow && below(3);
	c.p2_pow2 = c.p2 && (SHIFT_ONLY || below(2));
	c.res1 = below(2);
	c.res2 = below(2);
	c.ps = below(2) ? 0 : below(16);
	c.s1 = below(4) ? below(32) : 0;
	c.sb1 = below(4) ? below(17) : 0;
	c.s2 = below(4) ? below(32) : 0;
	c.sb2 = below(4) ? below(17) : 0;
	c.s3 = below(32);
	c.align1 = below(16);
	c.align2 = below(16);
	c.a3 = int16_t(number(16));
	c.b3 = number(32);
	c.outp = r.narrow ? outp[below(2)] : outp[below(10)];
	c.outs = outs[below(9)];
	return r;
}

// What makes the sum of a stage reach a clamp of so many bits, or nearly.
uint32_t aimed(unsigned bits, unsigned s, unsigned sb)
{
	int64_t edge = INT64_C(1) << (bits - 1 + s), half = s ? INT64_C(1) << (s - 1) : 0;
	int64_t v = ((below(2) ? edge : -edge) - half + int64_t(below(5)) - 2) >> sb;

	return v == int32_t(v) ? uint32_t(v) : uint32_t(number(32));
}

void random_record(uint8_t *r, const post_command &c)
{
	for (unsigned i = 0; i < BNN_SIZEOF_PARAM; i++)
		r[i] = uint8_t(random64());
	for (unsigned at : { BNN_PARAM_TH1, BNN_PARAM_B1, BNN_PARAM_B1 + 4, BNN_PARAM_TH2,
			     BNN_PARAM_B2, BNN_PARAM_B2 + 4, BNN_PARAM_TB })
		put(r + at, uint32_t(below(4) ? number(32) : number(4)), 4);
	for (unsigned at : { BNN_PARAM_A1, BNN_PARAM_A1 + 2, BNN_PARAM_A2, BNN_PARAM_A2 + 2,
			     BNN_PARAM_Q, BNN_PARAM_Q + 2, BNN_PARAM_Q + 4 })
		put(r + at, uint32_t(below(4) ? number(16) : number(2)), 2);
	if (!below(4))
		put(r + BNN_PARAM_TB, uint32_t(below(2) ? 32768 : -32768) + below(3) - 1, 4);
	for (unsigned i = 0; i < 4; i++)
		r[BNN_PARAM_K1 + i] = uint8_t(!below(4)	 ? number(8)
					      : below(4) ? int(below(50)) - 33
							 : int(below(6)) + 12);
	if (!below(4))
		for (unsigned h = 0; h < 2; h++) {
			put(r + BNN_PARAM_B1 + 4 * h, aimed(27, c.s1, c.sb1), 4);
			put(r + BNN_PARAM_B2 + 4 * h, aimed(below(2) ? 32 : 16, c.s2, c.sb2), 4);
		}
}

// The layout that the loader writes: {out 81, P2 146, P1 146}.
void pack_record(uint32_t *w, const uint8_t *r)
{
	auto get = [r](unsigned at, unsigned n) {
		uint64_t v = 0;

		for (unsigned i = 0; i < n; i++)
			v |= uint64_t(r[at + i]) << 8 * i;
		return v;
	};
	uint8_t flags = r[BNN_PARAM_FLAGS];

	set_bits(w, 0, get(BNN_PARAM_TH1, 4), 32);
	set_bits(w, 32, get(BNN_PARAM_B1, 8), 64);
	set_bits(w, 96, get(BNN_PARAM_A1, 4), 32);
	set_bits(w, 128, get(BNN_PARAM_K1, 2), 16);
	set_bits(w, 144, flags >> BNN_PARAM_FLAGS_NEG1_SHIFT, 2);
	set_bits(w, 146, get(BNN_PARAM_TH2, 4), 32);
	set_bits(w, 178, get(BNN_PARAM_B2, 8), 64);
	set_bits(w, 242, get(BNN_PARAM_A2, 4), 32);
	set_bits(w, 274, get(BNN_PARAM_K2, 2), 16);
	set_bits(w, 290, flags >> BNN_PARAM_FLAGS_NEG2_SHIFT, 2);
	set_bits(w, 292, get(BNN_PARAM_TB, 4), 32);
	set_bits(w, 324, flags & 1, 1);
	set_bits(w, 325, get(BNN_PARAM_Q, 6), 48);
}

struct Expected {
	post_result lane[LANES];
	unsigned mask;
};

struct Residual {
	int64_t value[2][LANES];
};

struct Bench {
	Vbnn_post top;
	uint8_t record[LANES][DEPTH][BNN_SIZEOF_PARAM];
	std::deque<Expected> expected;
	std::deque<Residual> residuals;
	Command next;
	unsigned next_record, wait;
	uint64_t saturated, must_saturate;
	unsigned long checked = 0, wrong = 0, clears = 0;

	// Records are loaded for command i into half i % 2 of the memories, in the cycles of
	// others.
	bool loading() const
	{
		return next_record < LANES * DEPTH / 2;
	}

	void load(unsigned half)
	{
		const post_command &c = next.c;

		// The fields are there with the record only.
		top.p_we_i = 0;
		top.p_straight_i = below(2);
		top.p_pow2_i = below(4);
		top.p_s1_i = below(32);
		top.p_sb1_i = below(32);
		top.p_s2_i = below(32);
		top.p_sb2_i = below(32);
		top.p_addr_i = below(DEPTH);
		for (unsigned i = 0; i < 12; i++)
			top.p_data_i[i] = uint32_t(random64());
		top.p_data_i[11] &= (1u << (373 - 352)) - 1;
		if (!loading() || (wait && wait--))
			return;

		unsigned l = next_record % LANES, e = half * DEPTH / 2 + next_record / LANES;

		next_record++;
		random_record(record[l][e], c);
		pack_record(&top.p_data_i[0], record[l][e]);
		top.p_we_i = 1u << l;
		top.p_addr_i = e;
		if (next.narrow) {
			for (unsigned i = 0; i < 292; i++)
				set_bits(&top.p_data_i[0], i, random64(), 1);
			wait = below(4) ? 0 : below(3);
		} else {
			wait = 3 + (below(4) ? 0 : below(6));
		}
		top.p_straight_i = !c.p1 && !c.p2 && !c.res1 && !c.res2;
		top.p_pow2_i = unsigned(c.p2_pow2) << 1 | unsigned(c.p1_pow2);
		top.p_s1_i = c.s1;
		top.p_sb1_i = c.sb1;
		top.p_s2_i = c.s2;
		top.p_sb2_i = c.sb2;
	}

	void cycle(unsigned half)
	{
		load(half);
		top.clk_i = 0;
		top.eval();
		saturated += top.sat_o;
		top.clk_i = 1;
		top.eval();
	}

	void command(const post_command &c)
	{
		top.d_p1_i = c.p1;
		top.d_p2_i = c.p2;
		top.d_res1_i = c.res1;
		top.d_res2_i = c.res2;
		top.d_ps_i = uint8_t(c.ps);
		top.d_s1_i = uint8_t(c.s1);
		top.d_s2_i = uint8_t(c.s2);
		top.d_s3_i = uint8_t(c.s3);
		top.d_a3_i = uint16_t(c.a3);
		top.d_b3_i = uint32_t(c.b3);
		top.d_outp_format_i = uint8_t(c.outp);
		top.d_outs_format_i = uint8_t(c.outs);
	}

	// A group of channels; near the thresholds more often than by chance.
	void offer(const post_command &c, unsigned half)
	{
		Expected e = {};
		Residual r = {};
		unsigned entry = half * DEPTH / 2 + below(DEPTH / 2);

		e.mask = below(4) ? (1u << LANES) - 1 : below(1u << LANES);
		for (unsigned l = 0; l < LANES; l++) {
			const uint8_t *p = record[l][entry];
			int32_t acc = number(32), res[2] = { number(16), number(18) }, th;

			memcpy(&th, p + (below(2) ? BNN_PARAM_TH1 : BNN_PARAM_TB), 4);
			switch (below(8)) {
			case 0:
				acc = int32_t(uint32_t(th) + below(3) - 1);
				break;
			case 1:
				acc = number(3);
				break;
			case 2:
				acc = int32_t(aimed(24, c.ps, 0));
				break;
			case 3:
				acc = number(3);
				res[0] = res[1] = 0;
				break;
			}
			post_ref(&c, p, acc, res[0], res[1], &e.lane[l]);
			set_bits(&top.acc_i[0], 32 * l, uint32_t(acc), 32);
			for (unsigned i = 0; i < 2; i++)
				r.value[i][l] = int64_t(res[i]) * (1 << (i ? c.align2 : c.align1));
		}
		top.entry_i = entry;
		top.mask_i = e.mask;
		top.in_valid_i = 1;
		expected.push_back(e);
		if (c.res1 || c.res2)
			residuals.push_back(r);
	}

	void show_residual(const post_command &c)
	{
		const Residual &r = residuals.front();

		for (unsigned l = 0; l < LANES; l++) {
			set_bits(&top.res1_i[0], 33 * l,
				 uint64_t(c.res1 ? r.value[0][l] : random64()), 33);
			set_bits(&top.res2_i[0], 33 * l,
				 uint64_t(c.res2 ? r.value[1][l] : random64()), 33);
		}
		top.res_valid_i = 1;
	}

	void check(const post_command &c)
	{
		Expected e = expected.front();
		bool good = true;

		expected.pop_front();
		for (unsigned l = 0; l < LANES; l++) {
			post_result r = e.lane[l];

			if (!(e.mask >> l & 1))
				r = post_result{};
			must_saturate += r.changed;
			good &= int16_t(get_bits(reinterpret_cast<uint32_t *>(&top.v16_o), 16 * l,
						 16)) == r.v16;
			if (c.outp)
				good &= get_bits(reinterpret_cast<uint32_t *>(&top.outp_o), 16 * l,
						 16) == r.outp;
			if (c.outs)
				good &= uint32_t(get_bits(&top.outs_o[0], 32 * l, 32)) == r.outs;
			checked++;
		}
		if (!good && wrong++ < 5)
			printf("# p1 %d%d p2 %d%d res %d%d outp %u outs %u ps %u s1 %u s2 %u s3 %u "
			       "mask %x: v16 %04x "
			       "(%04x) outp %04x (%04x) outs %08x (%08x)\n",
			       c.p1, c.p1_pow2, c.p2, c.p2_pow2, c.res1, c.res2, c.outp, c.outs,
			       c.ps, c.s1, c.s2, c.s3, e.mask, unsigned(uint16_t(top.v16_o)),
			       unsigned(uint16_t(e.lane[0].v16)), unsigned(uint16_t(top.outp_o)),
			       e.lane[0].outp, unsigned(top.outs_o[0]), e.lane[0].outs);
	}

	void fail(const char *what, uint64_t is, uint64_t must)
	{
		if (wrong++ < 5)
			printf("# %s %llu (%llu)\n", what, static_cast<unsigned long long>(is),
			       static_cast<unsigned long long>(must));
	}

	void run(unsigned commands)
	{
		top.rst_ni = 0;
		top.p_we_i = 0;
		next_record = LANES * DEPTH / 2;
		cycle(0);
		top.rst_ni = 1;
		next = random_command();
		next_record = wait = 0;
		while (loading())
			cycle(0);
		for (unsigned i = 0; i < commands; i++) {
			Command now = next;
			const post_command &c = now.c;
			unsigned half = i % 2, left = GROUPS, stall = below(3),
				 res_stall = below(3);
			int clear = below(8) ? -1 : int(below(2 * GROUPS));
			bool cleared = false;

			// The last records need a few cycles to arrive, as do the command's fields.
			command(c);
			for (unsigned k = 0; k < 8; k++)
				cycle(half);
			next = random_command();
			next_record = wait = 0;
			saturated = must_saturate = 0;
			top.in_valid_i = top.res_valid_i = 0;
			while (left || !expected.empty()) {
				bool taken, given, res_taken;

				if (!top.in_valid_i && left && below(3) >= stall) {
					offer(c, half);
					left--;
				}
				if (!top.res_valid_i && !residuals.empty() && below(3) >= res_stall)
					show_residual(c);
				top.out_ready_i = below(3) >= stall;
				top.clear_i = clear == 0;
				load(!half);
				top.clk_i = 0;
				top.eval();
				taken = top.in_valid_i && top.in_ready_o;
				given = top.out_valid_o && top.out_ready_i;
				res_taken = top.res_valid_i && top.res_ready_o;
				saturated += top.sat_o;
				if (given && expected.empty())
					fail("results nobody asked for", 1, 0);
				else if (given)
					check(c);
				top.clk_i = 1;
				top.eval();
				if (taken)
					top.in_valid_i = 0;
				if (res_taken) {
					residuals.pop_front();
					top.res_valid_i = 0;
				}
				if (clear == 0) {
					expected.clear();
					residuals.clear();
					left = below(GROUPS);
					top.in_valid_i = top.res_valid_i = top.clear_i = 0;
					top.eval();
					if (top.busy_o || top.out_valid_o)
						fail("busy after clear", 1, 0);
					cleared = true;
					clears++;
				}
				if (clear >= 0)
					clear--;
			}
			if (!residuals.empty())
				fail("residuals left", residuals.size(), 0);
			while (loading())
				cycle(!half);
			for (unsigned k = 0; k < 4; k++)
				cycle(!half);
			// What is cleared may have been counted or not.
			if (!cleared && saturated != must_saturate)
				fail("saturated", saturated, must_saturate);
		}
	}
};

} // namespace

int main(int argc, char **argv)
{
	static Bench bench;
	unsigned commands = 15000;

	state = 1;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "-n"))
			commands = unsigned(atoi(argv[i + 1]));
		else if (!strcmp(argv[i], "-s"))
			state = strtoull(argv[i + 1], nullptr, 0);
	}
	bench.run(commands);
	printf("%s 1 - bnn_post%s: %lu values of %u commands equal the model's pipe, %lu "
	       "clears\n1..1\n",
	       bench.wrong ? "not ok" : "ok", SHIFT_ONLY ? ", shift only" : "", bench.checked,
	       commands, bench.clears);
	return bench.wrong != 0;
}
