/* SPDX-License-Identifier: MIT */
/* What the files that fold constants share. */
#ifndef BNN_ONNX_FOLD_H
#define BNN_ONNX_FOLD_H

#include "read.h"

/* A node that is folded: its inputs; c[i] is NULL where input i is left out. */
struct bnn_onnx_folding {
	struct bnn_onnx_op *op;
	const char *name;
	const struct bnn_onnx_const *c[4];
	uint32_t n;
};

/* A new constant of this type and shape, which becomes the result. */
struct bnn_onnx_const *bnn_fold_result(struct bnn_onnx_folding *f, int32_t type, uint32_t rank,
				       const int64_t *dims, int *rc);

/* The same numbers in another shape. */
int bnn_fold_same(struct bnn_onnx_folding *f, const struct bnn_onnx_const *x, uint32_t rank,
		  const int64_t *dims);

/* Integers of constant i; false (with an error) if there are more than 8. */
bool bnn_fold_integers(struct bnn_onnx_folding *f, uint32_t i, int64_t *v, uint32_t *n, int *rc);

/* Axes of Squeeze and Unsqueeze: attribute or input 1. */
int bnn_fold_axes_of(struct bnn_onnx_folding *f, int64_t *axes, uint32_t *n);

bool bnn_fold_is_one_of(const int64_t *axes, uint32_t n, uint32_t axis, uint32_t rank);

/* The next element of a shape in row-major order; offsets follow by their strides. */
void bnn_fold_next(uint32_t rank, const int64_t *dims, int64_t *at, size_t *offsets,
		   size_t strides[][BNN_ONNX_RANK_MAX], int n);

/* Strides of a constant inside a larger shape: 0 along axes that are repeated. */
bool bnn_fold_broadcast(const struct bnn_onnx_const *c, uint32_t rank, const int64_t *dims,
			size_t *strides);

/* The shape that both constants can be repeated to. */
bool bnn_fold_common(const struct bnn_onnx_const *a, const struct bnn_onnx_const *b, uint32_t *rank,
		     int64_t *dims);

/* Operators that compute no numbers, fold_shape.c. */
int bnn_fold_copy(struct bnn_onnx_folding *f);
int bnn_fold_reshape(struct bnn_onnx_folding *f);
int bnn_fold_flatten(struct bnn_onnx_folding *f);
int bnn_fold_squeeze(struct bnn_onnx_folding *f);
int bnn_fold_unsqueeze(struct bnn_onnx_folding *f);
int bnn_fold_transpose(struct bnn_onnx_folding *f);
int bnn_fold_slice(struct bnn_onnx_folding *f);
int bnn_fold_gather(struct bnn_onnx_folding *f);
int bnn_fold_concat(struct bnn_onnx_folding *f);
int bnn_fold_shape_of(struct bnn_onnx_folding *f);
int bnn_fold_expand(struct bnn_onnx_folding *f);
int bnn_fold_of_shape(struct bnn_onnx_folding *f);
int bnn_fold_range(struct bnn_onnx_folding *f);

#endif /* BNN_ONNX_FOLD_H */
