// SPDX-License-Identifier: MIT
//
// Bench of bnn_post: random commands, records, accumulators and residuals, with
// random stalls on both sides, against the functional model's pipe.
//
//   post_tb [COMMANDS [SEED]]

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

constexpr unsigned LANES = 4, DEPTH = 16, GROUPS = 64;

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
		v = (INT64_C(1) << below(bits)) - int64_t(below(3));
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

post_command random_command()
{
	static const unsigned outp[] = { BNN_FORMAT_NONE, BNN_FORMAT_B1, BNN_FORMAT_O2,
					 BNN_FORMAT_O4,	  BNN_FORMAT_O8, BNN_FORMAT_U4,
					 BNN_FORMAT_U8,	  BNN_FORMAT_S4, BNN_FORMAT_S8,
					 BNN_FORMAT_S16 };
	static const unsigned outs[] = { BNN_FORMAT_NONE,  BNN_FORMAT_E_O4,  BNN_FORMAT_E_U4,
					 BNN_FORMAT_E_S4,  BNN_FORMAT_E_U8,  BNN_FORMAT_E_S8,
					 BNN_FORMAT_E_U16, BNN_FORMAT_E_S16, BNN_FORMAT_E_S32 };
	post_command c = {};

	c.p1 = below(3);
	c.p1_pow2 = c.p1 && below(2);
	c.p2 = below(3);
	c.p2_pow2 = c.p2 && below(2);
	c.res1 = below(2);
	c.res2 = below(2);
	c.ps = below(2) ? 0 : below(16);
	c.s1 = below(32);
	c.sb1 = below(17);
	c.s2 = below(32);
	c.sb2 = below(17);
	c.s3 = below(32);
	c.align1 = below(16);
	c.align2 = below(16);
	c.a3 = int16_t(number(16));
	c.b3 = number(32);
	c.outp = outp[below(10)];
	c.outs = outs[below(9)];
	return c;
}

void random_record(uint8_t *r)
{
	for (unsigned i = 0; i < BNN_SIZEOF_PARAM; i++)
		r[i] = uint8_t(random64());
	for (unsigned at : { BNN_PARAM_TH1, BNN_PARAM_B1, BNN_PARAM_B1 + 4, BNN_PARAM_TH2,
			     BNN_PARAM_B2, BNN_PARAM_B2 + 4, BNN_PARAM_TB })
		put(r + at, uint32_t(number(32)), 4);
	for (unsigned at : { BNN_PARAM_A1, BNN_PARAM_A1 + 2, BNN_PARAM_A2, BNN_PARAM_A2 + 2,
			     BNN_PARAM_Q, BNN_PARAM_Q + 2, BNN_PARAM_Q + 4 })
		put(r + at, uint32_t(number(16)), 2);
	for (unsigned i = 0; i < 4; i++)
		r[BNN_PARAM_K1 + i] = uint8_t(below(4) ? int(below(50)) - 33 : number(8));
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

struct Bench {
	Vbnn_post top;
	uint8_t record[LANES][DEPTH][BNN_SIZEOF_PARAM];
	std::deque<Expected> expected;
	unsigned long checked = 0, wrong = 0;

	void clock()
	{
		top.clk_i = 0;
		top.eval();
		top.clk_i = 1;
		top.eval();
	}

	void load()
	{
		for (unsigned l = 0; l < LANES; l++)
			for (unsigned e = 0; e < DEPTH; e++) {
				random_record(record[l][e]);
				pack_record(&top.p_data_i[0], record[l][e]);
				top.p_we_i = uint8_t(1 << l);
				top.p_addr_i = uint8_t(e);
				clock();
			}
		top.p_we_i = 0;
	}

	void command(const post_command &c)
	{
		top.d_p1_i = c.p1;
		top.d_p1_pow2_i = c.p1_pow2;
		top.d_p2_i = c.p2;
		top.d_p2_pow2_i = c.p2_pow2;
		top.d_res_i = c.res1 || c.res2;
		top.d_ps_i = uint8_t(c.ps);
		top.d_s1_i = uint8_t(c.s1);
		top.d_sb1_i = uint8_t(c.sb1);
		top.d_s2_i = uint8_t(c.s2);
		top.d_sb2_i = uint8_t(c.sb2);
		top.d_s3_i = uint8_t(c.s3);
		top.d_a3_i = uint16_t(c.a3);
		top.d_b3_i = uint32_t(c.b3);
		top.d_outp_format_i = uint8_t(c.outp);
		top.d_outs_format_i = uint8_t(c.outs);
		clock();
		clock();
	}

	// A group of channels; near the thresholds more often than by chance.
	void offer(const post_command &c)
	{
		Expected e = {};
		unsigned entry = below(DEPTH);

		e.mask = below(4) ? (1u << LANES) - 1 : below(1u << LANES);
		for (unsigned l = 0; l < LANES; l++) {
			const uint8_t *r = record[l][entry];
			int32_t acc = number(32), res1 = number(16), res2 = number(18), th;

			memcpy(&th, r + (below(2) ? BNN_PARAM_TH1 : BNN_PARAM_TB), 4);
			if (!below(4))
				acc = int32_t(uint32_t(th) + below(3) - 1);
			post_ref(&c, r, acc, res1, res2, &e.lane[l]);
			set_bits(&top.acc_i[0], 32 * l, uint32_t(acc), 32);
			set_bits(&top.res1_i[0], 33 * l,
				 c.res1 ? uint64_t(int64_t(res1) * (1 << c.align1)) : 0, 33);
			set_bits(&top.res2_i[0], 33 * l,
				 c.res2 ? uint64_t(int64_t(res2) * (1 << c.align2)) : 0, 33);
		}
		top.entry_i = uint8_t(entry);
		top.mask_i = uint8_t(e.mask);
		top.in_valid_i = 1;
		expected.push_back(e);
	}

	void check(const post_command &c)
	{
		Expected e = expected.front();
		uint32_t changed = 0;
		bool good = true;

		expected.pop_front();
		for (unsigned l = 0; l < LANES; l++) {
			post_result r = e.lane[l];

			if (!(e.mask >> l & 1))
				r = post_result{};
			changed += r.changed;
			good &= int16_t(top.v16_o >> 16 * l) == r.v16;
			if (c.outp)
				good &= uint16_t(top.outp_o >> 16 * l) == r.outp;
			if (c.outs)
				good &= uint32_t(get_bits(&top.outs_o[0], 32 * l, 32)) == r.outs;
			checked++;
		}
		good &= top.sat_o == changed;
		if (!good && wrong++ < 5)
			printf("# p1 %d%d p2 %d%d res %d%d outp %u outs %u: v16 %04x (%04x) outp "
			       "%04x "
			       "(%04x) sat %u (%u)\n",
			       c.p1, c.p1_pow2, c.p2, c.p2_pow2, c.res1, c.res2, c.outp, c.outs,
			       unsigned(uint16_t(top.v16_o)), unsigned(uint16_t(e.lane[0].v16)),
			       unsigned(uint16_t(top.outp_o)), e.lane[0].outp, top.sat_o, changed);
	}

	void run(unsigned commands)
	{
		top.rst_ni = 0;
		clock();
		top.rst_ni = 1;
		for (unsigned i = 0; i < commands; i++) {
			post_command c = random_command();
			unsigned left = GROUPS, stall = below(3);

			if (i % 16 == 0)
				load();
			command(c);
			top.in_valid_i = 0;
			while (left || !expected.empty() || top.in_valid_i) {
				bool taken, given;

				if (!top.in_valid_i && left && below(3) >= stall) {
					offer(c);
					left--;
				}
				top.out_ready_i = below(3) >= stall;
				top.clk_i = 0;
				top.eval();
				taken = top.in_valid_i && top.in_ready_o;
				given = top.out_valid_o && top.out_ready_i;
				if (given)
					check(c);
				top.clk_i = 1;
				top.eval();
				if (taken)
					top.in_valid_i = 0;
			}
		}
	}
};

} // namespace

int main(int argc, char **argv)
{
	static Bench bench;
	unsigned commands = argc > 1 ? unsigned(atoi(argv[1])) : 1000;

	state = argc > 2 ? strtoull(argv[2], nullptr, 0) : 1;
	bench.run(commands);
	printf("%s - bnn_post: %lu values of %u commands equal the model's pipe\n",
	       bench.wrong ? "not ok" : "ok", bench.checked, commands);
	return bench.wrong != 0;
}
