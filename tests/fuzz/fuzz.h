/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. Each is a libFuzzer target; linked with replay.c
 * instead it runs the files it is given, which is how `make test` replays the corpora.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); /* libFuzzer's */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* A property that must hold: otherwise a finding, which libFuzzer writes to a file. */
static inline void fuzz_check(bool holds, const uint8_t *data, size_t size, const char *what)
{
	if (holds)
		return;
	(void)data;
	fprintf(stderr, "finding: %s (input of %zu bytes)\n", what, size);
	abort();
}

#endif /* FUZZ_H */
