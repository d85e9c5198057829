// SPDX-License-Identifier: MIT
//
// What the benches of single modules have in common: random numbers that follow
// from a seed, options, TAP.
#ifndef BNN_TB_H
#define BNN_TB_H

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

inline uint64_t tb_seed = 1;

// splitmix64
inline uint64_t random64()
{
	uint64_t z = tb_seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

inline uint32_t random32()
{
	return uint32_t(random64() >> 32);
}

inline uint32_t range(uint32_t lo, uint32_t hi)
{
	return lo + random32() % (hi - lo + 1);
}

inline bool one_in(uint32_t n)
{
	return random32() % n == 0;
}

// -n COUNT, how much to do, which is returned, and -s SEED.
inline unsigned tb_options(int argc, char **argv, unsigned count)
{
	int c;

	while ((c = getopt(argc, argv, "n:s:")) != -1) {
		if (c == 'n') {
			count = unsigned(strtoul(optarg, nullptr, 0));
		} else if (c == 's') {
			tb_seed = strtoull(optarg, nullptr, 0);
		} else {
			fprintf(stderr, "usage: %s [-n COUNT] [-s SEED]\n", argv[0]);
			exit(2);
		}
	}
	return count;
}

inline unsigned tb_number, tb_failed;

// One line of TAP; returns ok.
__attribute__((format(printf, 2, 3))) inline bool tap_ok(bool ok, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("%s %u - ", ok ? "ok" : "not ok", ++tb_number);
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	va_end(args);
	tb_failed += !ok;
	return ok;
}

// The plan; returns the exit status.
inline int tap_end()
{
	printf("1..%u\n", tb_number);
	return tb_failed != 0;
}

#endif // BNN_TB_H
