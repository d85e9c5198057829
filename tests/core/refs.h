/* SPDX-License-Identifier: MIT */
/* What a legal command reads and writes: its references, with their extents. */
#ifndef TESTS_CORE_REFS_H
#define TESTS_CORE_REFS_H

#include "host.h"

enum { REFS_MAX = 9 };

struct ref {
	uint8_t word, region, stream;
	bool write, hint;
	uint32_t offset;
	uint64_t bytes; /* the extent */
	/* What of it is written: `bytes` of a run is a pixel's; a vector is one run. */
	uint32_t planes, h, w, run;
	uint64_t plane, row, pixel;
};

/* The tensor in the three words from `word`. */
struct ref ref_tensor(const uint32_t *words, unsigned word, bool write, uint32_t h, uint32_t w,
		      uint32_t c);
/* In the order of their words; returns how many. */
unsigned cmd_refs(const uint32_t *words, struct ref *refs);
uint64_t cmd_weight_bytes(const uint32_t *words);
bool cmd_has_params(const uint32_t *words);
void cmd_conv_size(const uint32_t *words, uint32_t *oh, uint32_t *ow);
void cmd_print(const uint32_t *words);

#endif /* TESTS_CORE_REFS_H */
