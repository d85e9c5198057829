// SPDX-License-Identifier: MIT
/* Exact thresholds: against 128-bit integers, at ties, and with factors of extreme size. */
#include <math.h>
#include <stdlib.h>

#include "common.h"
#include "graph/exact.h"

static uint64_t state = 88172645463325252ull;

static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A number of 20 bits in steps of 2^-8, so that 128 bits hold everything below. */
static double small(void)
{
	return (double)((int64_t)(draw() & 0xfffff) - 0x80000) / 256;
}

/* z = ((x*n/d)*s1 + o1)*s2 + o2 >= bound, in units of 2^-40. */
static bool truth(int64_t x, double n, uint32_t d, const struct bnn_exact_step *s, double bound,
		  bool strict)
{
	__int128 z = (__int128)x * (int64_t)(n * 256); /* 2^-8, times d */

	z = z * (int64_t)(s[0].scale * 256) +
	    (__int128)(int64_t)(s[0].offset * 65536) * d; /* 2^-16 */
	z = z * (int64_t)(s[1].scale * 256) +
	    (__int128)(int64_t)(s[1].offset * 16777216) * d; /* 2^-24 */
	z -= (__int128)(int64_t)(bound * 16777216) * d;
	return strict ? z > 0 : z >= 0;
}

static void random_thresholds(void)
{
	size_t wrong = 0, lost_count = 0;

	for (int i = 0; i < 3000; i++) {
		struct bnn_exact_step s[2] = { { small(), small() }, { small(), small() } };
		struct bnn_exact_chain chain = { .num = small(),
						 .den = (uint32_t)(draw() % 9 + 1),
						 .steps = s,
						 .count = 2,
						 .bound = small(),
						 .strict = draw() & 1 };
		bool lost = false, falling;
		int64_t first, lo = -1000, hi = 1000;

		if (i % 7 == 0)
			s[0].scale = 0;
		falling = bnn_exact_first(&chain, lo, hi, &first, &lost);
		lost_count += lost;
		for (int64_t x = lo; x <= hi; x++)
			wrong += (falling ? x < first : x >= first) !=
				 truth(x, chain.num, chain.den, s, chain.bound, chain.strict);
	}
	ok(!wrong && !lost_count,
	   "3000 random chains agree with 128-bit integers at 2001 points each");
}

static int64_t gate(float threshold)
{
	float gates[1] = { threshold };
	struct bnn_op op = { .kind = BNN_OP_CONV };
	struct bnn_unit third = { 1, 3 };

	op.conv.gates = gates;
	return bnn_gate_first(&op, &third, 0);
}

static void gates(void)
{
	float below = nextafterf(2, 0), above = nextafterf(2, 3);
	size_t wrong = 0;

	/* 2/3*M > t <=> M > 1.5*t */
	ok(gate(2) == 4 && gate(below) == 3 && gate(above) == 4,
	   "a gate at t = 2 opens from M = 4");
	ok(gate(0) == 1 && gate(-2) == -2 && gate(1) == 2, "gates at 0, -2 and 1 are strict");
	for (int i = 0; i < 20000; i++) {
		float t = (float)((double)(int64_t)(draw() % 2000001) / 100000 - 10);

		/* 1.5*t is exact in double */
		wrong += gate(t) != (int64_t)floor(1.5 * (double)t) + 1;
	}
	ok(!wrong, "20000 random gates equal floor(1.5 t) + 1");
}

static void extremes(void)
{
	struct bnn_exact_step s[2] = { { 0x1p-149, 0 }, { 0x1p+127, 0 } };
	struct bnn_exact_chain chain = {
		.num = 1, .den = 1, .steps = s, .count = 2, .bound = 0x1p-20
	};
	bool lost = false;
	int64_t first;

	bnn_exact_first(&chain, -100, 1 << 24, &first, &lost);
	ok(first == 4 && !lost, "factors 2^-149 and 2^127 lose nothing");
	s[0] = (struct bnn_exact_step){ 0x1p+60, 0x1p-60 };
	chain.count = 1;
	chain.bound = 0;
	bnn_exact_first(&chain, -100, 100, &first, &lost);
	ok(first == 0 && !lost, "an offset 2^120 times smaller than the scale still counts");
	s[0].offset = -0x1p-60;
	bnn_exact_first(&chain, -100, 100, &first, &lost);
	ok(first == 1, "and so does its sign");
}

int main(void)
{
	random_thresholds();
	gates();
	extremes();
	return plan_end();
}
