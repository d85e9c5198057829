/* SPDX-License-Identifier: MIT */
/* Raw arrays in files. */
#ifndef BNN_ARRAYS_H
#define BNN_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../error.h"

#define BNN_FILE_MAX (64u << 20)

bool bnn_array_exists(const char *folder, const char *file);

/*
 * Reads a whole file; with want != 0 it must have that many bytes. A 0 byte is
 * appended, so text can be used as a string. NULL and a text in error on failure.
 */
void *bnn_array_read(const char *folder, const char *file, size_t want, size_t *bytes, int *code,
		     struct bnn_error *error);

/*
 * Arrays in one file, listed in a table of tab-separated name, dims, byte offset,
 * count; or, if its first line says so, name, dtype (f32, i8), shape, byte offset.
 */
struct bnn_bundle {
	const char *folder, *table_name;
	char *table;
	bool typed;
	uint8_t *data;
	size_t bytes;
	int code; /* first failure */
	struct bnn_error *error;
};

int bnn_bundle_open(struct bnn_bundle *b, const char *folder, const char *table, const char *data,
		    struct bnn_error *error);
void bnn_bundle_close(struct bnn_bundle *b);
/* A float array of exactly `count` finite elements, or NULL (b->code, error). Belongs to the
 * bundle. */
const float *bnn_bundle_floats(struct bnn_bundle *b, const char *name, size_t count);
/* The same for int8, of a table with types. */
const int8_t *bnn_bundle_int8(struct bnn_bundle *b, const char *name, size_t count);

#endif /* BNN_ARRAYS_H */
