/* SPDX-License-Identifier: MIT */
/*
 * docs/arithmetic.md once more, as literally as C allows: one element at a time,
 * from the bits in memory to the bits in memory. Commands must be legal.
 */
#ifndef TESTS_CORE_ORACLE_H
#define TESTS_CORE_ORACLE_H

#include "host.h"

struct world {
	uint8_t *data; /* HOST_DATA_BYTES, as device virtual memory sees them */
	uint8_t *act;
	uint64_t counters[BNN_COUNTERS]; /* the deterministic ones */
};

/* region_at[r]: offset of region r in data. */
void oracle_run(struct world *w, const uint32_t *words, const uint32_t *region_at);

#endif /* TESTS_CORE_ORACLE_H */
