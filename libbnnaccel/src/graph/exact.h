/* SPDX-License-Identifier: MIT */
/*
 * Exact arithmetic on binary floating-point numbers: a fixed-point number wide
 * enough for products of several of them. Thresholds are decided here, so that no
 * rounding of this program can move a code.
 */
#ifndef BNN_EXACT_H
#define BNN_EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BNN_EXACT_LIMBS 24  /* 1,536 bits */
#define BNN_EXACT_POINT 896 /* of which below the point */

struct bnn_exact {
	uint64_t limb[BNN_EXACT_LIMBS]; /* two's complement, least significant first */
	bool lost;			/* a bit was lost: the value is not exact */
};

void bnn_exact_set(struct bnn_exact *x, double value);
void bnn_exact_mul(struct bnn_exact *x, double factor);
/* x += value * times */
void bnn_exact_add(struct bnn_exact *x, double value, uint32_t times);
int bnn_exact_sign(const struct bnn_exact *x);

/* One step of a linear chain: y = scale*x + offset. */
struct bnn_exact_step {
	double scale, offset;
};

/*
 * The chain z(x) = steps(x * num / den) as a function of the integer x.
 * bnn_exact_first() finds how z >= bound (z > bound with `strict`) depends on x in
 * [lo, hi]: it is true from *first on (rising), or true below *first (falling,
 * returns true). A value that never changes gives lo or hi + 1.
 */
struct bnn_exact_chain {
	double num;
	uint32_t den;
	const struct bnn_exact_step *steps;
	size_t count;
	double bound;
	bool strict;
};

bool bnn_exact_first(const struct bnn_exact_chain *chain, int64_t lo, int64_t hi, int64_t *first,
		     bool *lost);

#endif /* BNN_EXACT_H */
