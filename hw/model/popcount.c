/* SPDX-License-Identifier: MIT */
/*
 * The inner loop of binary convolutions. Baseline x86-64 has no population
 * count; the same loop is compiled a second time for machines that have it.
 */
#include "core.h"

static inline __attribute__((always_inline)) void rows_loop(int32_t *out, const uint64_t *a,
							    const uint64_t *m, const uint64_t *w,
							    uint32_t n, uint32_t rows)
{
	for (uint32_t r = 0; r < rows; r++, w += n) {
		int sum = 0;

		for (uint32_t i = 0; i < n; i++)
			sum += __builtin_popcountll((a[i] ^ w[i]) & m[i]);
		out[r] = sum;
	}
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static void rows_popcnt(int32_t *out, const uint64_t *a,
							  const uint64_t *m, const uint64_t *w,
							  uint32_t n, uint32_t rows)
{
	rows_loop(out, a, m, w, n, rows);
}
#endif

void popcount_rows(bool popcnt, int32_t *out, const uint64_t *a, const uint64_t *m,
		   const uint64_t *w, uint32_t n, uint32_t rows)
{
#ifdef __x86_64__
	if (popcnt) {
		rows_popcnt(out, a, m, w, n, rows);
		return;
	}
#else
	(void)popcnt;
#endif
	rows_loop(out, a, m, w, n, rows);
}
