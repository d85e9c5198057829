/* SPDX-License-Identifier: MIT */
/* What the examples share: handwritten digits from an idx file, and errors. */
#ifndef EXAMPLES_DIGITS_H
#define EXAMPLES_DIGITS_H

#include <stdio.h>
#include <stdlib.h>

#include <bnnaccel/bnnaccel.h>

enum { DIGIT_BYTES = 28 * 28, IDX_HEADER = 16 };

/* Ends the program with the library's own words if a call has failed. */
static inline void check(const struct bnnaccel *ctx, int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s\n", bnnaccel_error_name(rc), bnnaccel_last_error(ctx));
	exit(1);
}

/* Reads all images of a file; returns their number. */
static inline size_t read_digits(const char *path, unsigned char **images)
{
	FILE *file = fopen(path, "rb");
	size_t count = 0;
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < IDX_HEADER) {
		perror(path);
		exit(1);
	}
	*images = malloc((size_t)size);
	if (*images && !fseek(file, IDX_HEADER, SEEK_SET))
		count = fread(*images, DIGIT_BYTES, (size_t)size / DIGIT_BYTES, file);
	fclose(file);
	return count;
}

#endif /* EXAMPLES_DIGITS_H */
