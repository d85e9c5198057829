/* SPDX-License-Identifier: MIT */
/*
 * Constants of an ONNX graph: numbers of any type as doubles, with the type they
 * have in the file. float32 arithmetic is rounded to float32 after every operation,
 * as the exporting program would have done it.
 */
#ifndef BNN_ONNX_CONST_H
#define BNN_ONNX_CONST_H

#include "model.h"

struct bnn_onnx_const {
	int32_t type; /* enum bnn_onnx_type */
	uint32_t rank;
	int64_t dims[BNN_ONNX_RANK_MAX];
	size_t count;
	double *v;
	struct bnn_onnx_const *next; /* in the pool */
};

/* All constants of an import, and how many elements may still be made. */
struct bnn_onnx_pool {
	struct bnn_onnx_const *first;
	uint64_t left;
};

void bnn_onnx_pool_free(struct bnn_onnx_pool *pool);

/*
 * A new constant, values uninitialised. NULL and a text in `why` (one line, without the
 * name) if the shape is impossible, too large or memory is short; `code` receives the
 * error's. At most rank 8, no negative dimensions.
 */
struct bnn_onnx_const *bnn_onnx_const_new(struct bnn_onnx_pool *pool, int32_t type, uint32_t rank,
					  const int64_t *dims, struct bnn_error *why, int *code);

/* The values of a tensor of the file. */
struct bnn_onnx_const *bnn_onnx_const_load(struct bnn_onnx_pool *pool,
					   const struct bnn_onnx_tensor *tensor,
					   struct bnn_error *why, int *code);

const char *bnn_onnx_type_name(int32_t type);
bool bnn_onnx_type_is_float(int32_t type);
/* As the type would hold it: rounded, or wrapped. */
double bnn_onnx_type_round(int32_t type, double value);

/* An integer, the nearest there is. */
static inline int64_t bnn_onnx_integer(double v)
{
	return v >= 0x1p62 ? 1ll << 62 : v <= -0x1p62 ? -(1ll << 62) : v != v ? 0 : (int64_t)v;
}

#endif /* BNN_ONNX_CONST_H */
