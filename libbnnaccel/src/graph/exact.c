/* SPDX-License-Identifier: MIT */
#include "exact.h"

#include <math.h>
#include <string.h>

/* value = mantissa * 2^exponent with an integer mantissa below 2^53. */
static int64_t split(double value, int *exponent)
{
	double m = frexp(value, exponent);

	*exponent -= 53;
	return (int64_t)ldexp(m, 53);
}

static bool negative(const struct bnn_exact *x)
{
	return x->limb[BNN_EXACT_LIMBS - 1] >> 63;
}

static void negate(struct bnn_exact *x)
{
	unsigned __int128 carry = 1;

	for (int i = 0; i < BNN_EXACT_LIMBS; i++) {
		carry += (uint64_t)~x->limb[i];
		x->limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

/* Shift of a value that is not negative; notes bits that fall out at either end. */
static void shift(struct bnn_exact *x, int by)
{
	struct bnn_exact y = { .lost = x->lost };
	int limbs = (by >= 0 ? by : -by) / 64, bits = (by >= 0 ? by : -by) % 64;

	for (int i = 0; i < BNN_EXACT_LIMBS; i++) {
		int to = by >= 0 ? i + limbs : i - limbs;
		uint64_t main = by >= 0 ? x->limb[i] << bits : x->limb[i] >> bits;
		uint64_t rest = !bits	  ? 0
				: by >= 0 ? x->limb[i] >> (64 - bits)
					  : x->limb[i] << (64 - bits);
		int next = by >= 0 ? to + 1 : to - 1;

		if (to >= 0 && to < BNN_EXACT_LIMBS)
			y.limb[to] |= main;
		else if (main)
			y.lost = true;
		if (next >= 0 && next < BNN_EXACT_LIMBS)
			y.limb[next] |= rest;
		else if (rest)
			y.lost = true;
	}
	if (negative(&y))
		y.lost = true;
	*x = y;
}

void bnn_exact_set(struct bnn_exact *x, double value)
{
	memset(x, 0, sizeof(*x));
	bnn_exact_add(x, value, 1);
}

void bnn_exact_mul(struct bnn_exact *x, double factor)
{
	bool minus = negative(x) != (factor < 0);
	unsigned __int128 carry = 0;
	uint64_t m;
	int e;

	if (factor == 0) {
		bool lost = x->lost;

		memset(x, 0, sizeof(*x));
		x->lost = lost;
		return;
	}
	m = (uint64_t)split(fabs(factor), &e);
	while (!(m & 1)) {
		m >>= 1;
		e++;
	}
	if (negative(x))
		negate(x);
	for (int i = 0; i < BNN_EXACT_LIMBS; i++) {
		carry += (unsigned __int128)x->limb[i] * m;
		x->limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
	if (carry || negative(x))
		x->lost = true;
	shift(x, e);
	if (minus)
		negate(x);
}

void bnn_exact_add(struct bnn_exact *x, double value, uint32_t times)
{
	struct bnn_exact y = { .lost = false };
	unsigned __int128 m, carry = 0;
	int e;

	if (value == 0 || !times)
		return;
	m = (unsigned __int128)(uint64_t)split(fabs(value), &e) * times;
	y.limb[BNN_EXACT_POINT / 64] = (uint64_t)m;
	y.limb[BNN_EXACT_POINT / 64 + 1] = (uint64_t)(m >> 64);
	shift(&y, e);
	if (value < 0)
		negate(&y);
	for (int i = 0; i < BNN_EXACT_LIMBS; i++) {
		carry += (unsigned __int128)x->limb[i] + y.limb[i];
		x->limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
	x->lost |= y.lost;
}

int bnn_exact_sign(const struct bnn_exact *x)
{
	if (negative(x))
		return -1;
	for (int i = 0; i < BNN_EXACT_LIMBS; i++) {
		if (x->limb[i])
			return 1;
	}
	return 0;
}

static bool holds(const struct bnn_exact_chain *chain, int64_t x, bool *lost)
{
	struct bnn_exact z;
	int sign;

	/* everything is carried times den, so that thirds stay integers */
	bnn_exact_set(&z, (double)x);
	bnn_exact_mul(&z, chain->num);
	for (size_t i = 0; i < chain->count; i++) {
		bnn_exact_mul(&z, chain->steps[i].scale);
		bnn_exact_add(&z, chain->steps[i].offset, chain->den);
	}
	bnn_exact_add(&z, -chain->bound, chain->den);
	*lost |= z.lost;
	sign = bnn_exact_sign(&z);
	return chain->strict ? sign > 0 : sign >= 0;
}

bool bnn_exact_first(const struct bnn_exact_chain *chain, int64_t lo, int64_t hi, int64_t *first,
		     bool *lost)
{
	bool falling = chain->num < 0, flat = chain->num == 0;

	for (size_t i = 0; i < chain->count; i++) {
		falling ^= chain->steps[i].scale < 0;
		flat |= chain->steps[i].scale == 0;
	}
	if (flat) {
		*first = holds(chain, 0, lost) ? lo : hi + 1;
		return false;
	}
	hi++; /* the answer lies in [lo, hi] */
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (holds(chain, mid, lost) != falling)
			hi = mid;
		else
			lo = mid + 1;
	}
	*first = lo;
	return falling;
}
