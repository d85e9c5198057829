// SPDX-License-Identifier: MIT
/* Counts of common bits: the inner loop of the packed convolution. */
#include "cpu.h"

/* Without a population count instruction the compiler would call a table look-up. */
static inline uint32_t count_portable(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (uint32_t)(x * 0x0101010101010101ull >> 56);
}

static inline __attribute__((always_inline)) void match(const uint64_t *window,
							const uint64_t *rows, size_t count,
							size_t n, uint32_t *out, bool instruction)
{
	size_t r, i;

	for (r = 0; r < count; r++, rows += n) {
		uint32_t bits = 0;

		for (i = 0; i < n; i++)
			bits += instruction ? (uint32_t)__builtin_popcountll(window[i] & rows[i])
					    : count_portable(window[i] & rows[i]);
		out[r] = bits;
	}
}

static void match_portable(const uint64_t *window, const uint64_t *rows, size_t count, size_t n,
			   uint32_t *out)
{
	match(window, rows, count, n, out, false);
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static void
match_popcnt(const uint64_t *window, const uint64_t *rows, size_t count, size_t n, uint32_t *out)
{
	match(window, rows, count, n, out, true);
}

bnn_cpu_match_fn bnn_cpu_match(enum bnn_cpu_isa most)
{
	if (most == BNN_CPU_ISA_PORTABLE)
		return match_portable;
	return __builtin_cpu_supports("popcnt") ? match_popcnt : match_portable;
}
#else
bnn_cpu_match_fn bnn_cpu_match(enum bnn_cpu_isa most)
{
	(void)most;
	return match_portable;
}
#endif
