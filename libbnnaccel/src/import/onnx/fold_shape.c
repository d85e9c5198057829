// SPDX-License-Identifier: MIT
/* Constants in another shape, parts of constants, constants from shapes. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "fold.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED
#define BAD BNNACCEL_ERR_BAD_MODEL

/* The same numbers in another shape. */
int bnn_fold_same(struct bnn_onnx_folding *f, const struct bnn_onnx_const *x, uint32_t rank,
		  const int64_t *dims)
{
	int rc;
	struct bnn_onnx_const *y = bnn_fold_result(f, x->type, rank, dims, &rc);

	if (!y)
		return rc;
	if (y->count != x->count)
		return bnn_onnx_fail(f->op, BAD, "makes %zu elements of %zu", y->count, x->count);
	memcpy(y->v, x->v, x->count * sizeof(double));
	return 0;
}

/* Integers of constant i; false (with an error) if there are more than 8. */
bool bnn_fold_integers(struct bnn_onnx_folding *f, uint32_t i, int64_t *v, uint32_t *n, int *rc)
{
	const struct bnn_onnx_const *c = i < 4 ? f->c[i] : NULL;

	*n = 0;
	*rc = 0;
	if (c && c->count > BNN_ONNX_RANK_MAX)
		*rc = bnn_onnx_fail(f->op, UNSUPPORTED, "has %zu numbers in input %u", c->count, i);
	for (size_t k = 0; !*rc && c && k < c->count; k++)
		v[(*n)++] = bnn_onnx_integer(c->v[k]);
	return !*rc;
}

/* Axes of Squeeze and Unsqueeze: attribute or input 1. */
int bnn_fold_axes_of(struct bnn_onnx_folding *f, int64_t *axes, uint32_t *n)
{
	int rc = bnn_onnx_ints(f->op, "axes", axes, BNN_ONNX_RANK_MAX, n);

	if (!rc && f->c[1])
		bnn_fold_integers(f, 1, axes, n, &rc);
	return rc;
}

bool bnn_fold_is_one_of(const int64_t *axes, uint32_t n, uint32_t axis, uint32_t rank)
{
	for (uint32_t k = 0; k < n; k++) {
		if (axes[k] == (int64_t)axis || axes[k] == (int64_t)axis - (int64_t)rank)
			return true;
	}
	return false;
}

int bnn_fold_copy(struct bnn_onnx_folding *f)
{
	return bnn_fold_same(f, f->c[0], f->c[0]->rank, f->c[0]->dims);
}

int bnn_fold_reshape(struct bnn_onnx_folding *f)
{
	int64_t dims[BNN_ONNX_RANK_MAX];
	const struct bnn_onnx_const *x = f->c[0];
	uint32_t rank;
	size_t known = 1;
	int rc, open = -1;

	if (!bnn_fold_integers(f, 1, dims, &rank, &rc))
		return rc;
	for (uint32_t i = 0; i < rank; i++) {
		if (dims[i] == 0 && i < x->rank)
			dims[i] = x->dims[i];
		if (dims[i] == -1 && open < 0)
			open = (int)i;
		else if (dims[i] < 0 || (dims[i] && known > (1ull << 40) / (uint64_t)dims[i]))
			return bnn_onnx_fail(f->op, BAD,
					     "has an impossible shape: number %u is %" PRId64, i,
					     dims[i]);
		else
			known *= (size_t)dims[i];
	}
	if (open >= 0)
		dims[open] = known ? (int64_t)(x->count / known) : 0;
	return bnn_fold_same(f, x, rank, dims);
}

int bnn_fold_flatten(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t axis, dims[2] = { 1, 1 };
	int rc = bnn_onnx_int(f->op, "axis", 1, &axis);

	if (rc)
		return rc;
	axis += axis < 0 ? (int64_t)x->rank : 0;
	for (uint32_t i = 0; i < x->rank; i++)
		dims[(int64_t)i >= axis] *= x->dims[i];
	return bnn_fold_same(f, x, 2, dims);
}

int bnn_fold_squeeze(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t axes[BNN_ONNX_RANK_MAX], dims[BNN_ONNX_RANK_MAX];
	uint32_t n, rank = 0;
	int rc = bnn_fold_axes_of(f, axes, &n);

	for (uint32_t i = 0; !rc && i < x->rank; i++) {
		if (x->dims[i] != 1 || (n && !bnn_fold_is_one_of(axes, n, i, x->rank)))
			dims[rank++] = x->dims[i];
	}
	return rc ? rc : bnn_fold_same(f, x, rank, dims);
}

int bnn_fold_unsqueeze(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t axes[BNN_ONNX_RANK_MAX], dims[BNN_ONNX_RANK_MAX];
	uint32_t n, used = 0;
	int rc = bnn_fold_axes_of(f, axes, &n);

	if (rc)
		return rc;
	if (x->rank + n > BNN_ONNX_RANK_MAX)
		return bnn_onnx_fail(f->op, UNSUPPORTED, "makes %u dimensions", x->rank + n);
	for (uint32_t i = 0; i < x->rank + n; i++) {
		bool added = bnn_fold_is_one_of(axes, n, i, x->rank + n);

		if (!added && used == x->rank)
			return bnn_onnx_fail(f->op, BAD, "has axes that are not all different");
		dims[i] = added ? 1 : x->dims[used++];
	}
	return bnn_fold_same(f, x, x->rank + n, dims);
}

int bnn_fold_transpose(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t perm[BNN_ONNX_RANK_MAX], dims[BNN_ONNX_RANK_MAX], at[BNN_ONNX_RANK_MAX] = { 0 };
	size_t strides[1][BNN_ONNX_RANK_MAX], from[BNN_ONNX_RANK_MAX], offset = 0, step = 1;
	uint32_t n, seen = 0;
	struct bnn_onnx_const *y;
	int rc = bnn_onnx_ints(f->op, "perm", perm, BNN_ONNX_RANK_MAX, &n);

	for (uint32_t i = 0; !n && i < x->rank; i++)
		perm[i] = (int64_t)x->rank - 1 - (int64_t)i;
	for (uint32_t i = 0; !rc && i < x->rank; i++) {
		if ((n && n != x->rank) || perm[i] < 0 || perm[i] >= (int64_t)x->rank ||
		    seen >> perm[i] & 1)
			rc = bnn_onnx_fail(f->op, BAD,
					   "has a perm that is no permutation of %u axes", x->rank);
		else
			seen |= 1u << perm[i];
	}
	if (rc)
		return rc;
	for (uint32_t i = x->rank; i-- > 0;) {
		from[i] = step;
		step *= (size_t)x->dims[i];
	}
	for (uint32_t i = 0; i < x->rank; i++) {
		dims[i] = x->dims[perm[i]];
		strides[0][i] = from[perm[i]];
	}
	y = bnn_fold_result(f, x->type, x->rank, dims, &rc);
	for (size_t i = 0; y && i < y->count; i++) {
		y->v[i] = x->v[offset];
		bnn_fold_next(x->rank, dims, at, &offset, strides, 1);
	}
	return rc;
}

int bnn_fold_slice(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t start[BNN_ONNX_RANK_MAX], end[BNN_ONNX_RANK_MAX], axes[BNN_ONNX_RANK_MAX];
	int64_t steps[BNN_ONNX_RANK_MAX], dims[BNN_ONNX_RANK_MAX], at[BNN_ONNX_RANK_MAX] = { 0 };
	size_t strides[1][BNN_ONNX_RANK_MAX], offset = 0, step = 1;
	uint32_t n, ends, named, stepped;
	struct bnn_onnx_const *y;
	int rc;

	/* input 4 is not among the four that are kept; its constant is asked for */
	const struct bnn_onnx_const *by = bnn_onnx_constant(f->op, 4, &rc);

	if (rc || !bnn_fold_integers(f, 1, start, &n, &rc) ||
	    !bnn_fold_integers(f, 2, end, &ends, &rc) ||
	    !bnn_fold_integers(f, 3, axes, &named, &rc))
		return rc;
	if (!f->c[1]) {
		rc = bnn_onnx_ints(f->op, "starts", start, BNN_ONNX_RANK_MAX, &n);
		if (!rc)
			rc = bnn_onnx_ints(f->op, "ends", end, BNN_ONNX_RANK_MAX, &ends);
		if (!rc)
			rc = bnn_onnx_ints(f->op, "axes", axes, BNN_ONNX_RANK_MAX, &named);
	}
	stepped = by && by->count <= BNN_ONNX_RANK_MAX ? (uint32_t)by->count : 0;
	for (uint32_t i = 0; i < stepped; i++)
		steps[i] = bnn_onnx_integer(by->v[i]);
	if (rc)
		return rc;
	if (ends != n || (named && named != n) || (stepped && stepped != n) || n > x->rank)
		return bnn_onnx_fail(f->op, BAD, "has %u starts, %u ends, %u axes and %u steps", n,
				     ends, named, stepped);
	for (uint32_t i = x->rank; i-- > 0;) {
		strides[0][i] = step;
		step *= (size_t)x->dims[i];
		dims[i] = x->dims[i];
	}
	for (uint32_t i = 0; i < n; i++) {
		int64_t a = named ? axes[i] : (int64_t)i, by_i = stepped ? steps[i] : 1, size;

		a += a < 0 ? (int64_t)x->rank : 0;
		if (a < 0 || a >= (int64_t)x->rank || by_i < 1 || by_i > 1 << 30)
			return bnn_onnx_fail(f->op, UNSUPPORTED,
					     "cuts axis %" PRId64 " in steps of %" PRId64, a, by_i);
		size = x->dims[a];
		start[i] += start[i] < 0 ? size : 0;
		end[i] += end[i] < 0 ? size : 0;
		start[i] = start[i] < 0 ? 0 : start[i] > size ? size : start[i];
		end[i] = end[i] < start[i] ? start[i] : end[i] > size ? size : end[i];
		offset += (size_t)start[i] * strides[0][a];
		dims[a] = (end[i] - start[i] + by_i - 1) / by_i;
		strides[0][a] *= (size_t)by_i;
	}
	y = bnn_fold_result(f, x->type, x->rank, dims, &rc);
	for (size_t i = 0; y && i < y->count; i++) {
		y->v[i] = x->v[offset];
		bnn_fold_next(x->rank, dims, at, &offset, strides, 1);
	}
	return rc;
}

int bnn_fold_gather(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0], *which = f->c[1];
	int64_t axis, dims[2 * BNN_ONNX_RANK_MAX];
	size_t outer = 1, inner = 1, size;
	struct bnn_onnx_const *y;
	uint32_t rank = 0;
	int rc = bnn_onnx_int(f->op, "axis", 0, &axis);

	if (rc)
		return rc;
	axis += axis < 0 ? (int64_t)x->rank : 0;
	if (axis < 0 || axis >= (int64_t)x->rank)
		return bnn_onnx_fail(f->op, BAD, "has axis %" PRId64 " of %u", axis, x->rank);
	for (uint32_t i = 0; i < x->rank; i++) {
		if ((int64_t)i == axis) {
			for (uint32_t k = 0; k < which->rank; k++)
				dims[rank++] = which->dims[k];
			continue;
		}
		*((int64_t)i < axis ? &outer : &inner) *= (size_t)x->dims[i];
		dims[rank++] = x->dims[i];
	}
	size = (size_t)x->dims[axis];
	for (size_t i = 0; i < which->count; i++) {
		int64_t k = bnn_onnx_integer(which->v[i]);

		if (k < -(int64_t)size || k >= (int64_t)size)
			return bnn_onnx_fail(f->op, BAD, "takes element %" PRId64 " of %zu", k,
					     size);
	}
	y = bnn_fold_result(f, x->type, rank, dims, &rc);
	for (size_t o = 0, to = 0; y && o < outer; o++) {
		for (size_t i = 0; i < which->count; i++) {
			int64_t k = bnn_onnx_integer(which->v[i]);

			k += k < 0 ? (int64_t)size : 0;
			for (size_t j = 0; j < inner; j++)
				y->v[to++] = x->v[(o * size + (size_t)k) * inner + j];
		}
	}
	return rc;
}

int bnn_fold_concat(struct bnn_onnx_folding *f)
{
	uint32_t n = f->op->n->input_count;
	const struct bnn_onnx_const *x = f->c[0], *c;
	int64_t axis, dims[BNN_ONNX_RANK_MAX];
	size_t outer = 1, inner = 1, done = 0;
	struct bnn_onnx_const *y;
	int rc = bnn_onnx_int(f->op, "axis", 0, &axis);

	if (rc)
		return rc;
	axis += axis < 0 ? (int64_t)x->rank : 0;
	if (axis < 0 || axis >= (int64_t)x->rank)
		return bnn_onnx_fail(f->op, BAD, "has axis %" PRId64 " of %u", axis, x->rank);
	memcpy(dims, x->dims, sizeof(dims));
	dims[axis] = 0;
	for (uint32_t i = 0; i < n; i++) {
		c = bnn_onnx_constant(f->op, i, &rc);
		if (!c)
			return rc ? rc : bnn_onnx_fail(f->op, BAD, "lacks input %u", i);
		for (uint32_t k = 0; k < x->rank; k++) {
			if (c->rank != x->rank || ((int64_t)k != axis && c->dims[k] != x->dims[k]))
				return bnn_onnx_fail(f->op, BAD,
						     "joins constants whose shapes do not fit");
		}
		dims[axis] += c->dims[axis];
	}
	for (uint32_t k = 0; k < x->rank; k++)
		*((int64_t)k < axis ? &outer : &inner) *= (int64_t)k == axis ? 1 : (size_t)dims[k];
	y = bnn_fold_result(f, x->type, x->rank, dims, &rc);
	for (uint32_t i = 0; y && i < n; i++) {
		size_t part;

		c = bnn_onnx_constant(f->op, i, &rc);
		part = (size_t)c->dims[axis] * inner;
		for (size_t o = 0; o < outer && part; o++)
			memcpy(y->v + (o * (size_t)dims[axis]) * inner + done, c->v + o * part,
			       part * sizeof(double));
		done += part;
	}
	return rc;
}

/* Shape: of a constant, or of a tensor, which has a batch of 1 if the model does not say. */
int bnn_fold_shape_of(struct bnn_onnx_folding *f)
{
	int64_t dims[BNN_ONNX_RANK_MAX], n;
	struct bnn_onnx_const *y;
	struct bnn_onnx_value *v;
	int rc;

	v = bnn_onnx_input(f->op, 0, &rc);
	if (!v)
		return rc ? rc : bnn_onnx_fail(f->op, BAD, "lacks input 0");
	if (bnn_onnx_attribute(f->op, "start") || bnn_onnx_attribute(f->op, "end"))
		return bnn_onnx_fail(f->op, UNSUPPORTED,
				     "has attribute \"start\" or \"end\"; use Slice instead");
	n = v->kind == BNN_ONNX_TENSOR ? bnn_onnx_shape(f->op->r, v, dims) : v->c->rank;
	y = bnn_fold_result(f, BNN_ONNX_INT64, 1, &n, &rc);
	for (int64_t i = 0; y && i < n; i++)
		y->v[i] = (double)(v->kind == BNN_ONNX_TENSOR ? dims[i] : v->c->dims[i]);
	return rc;
}

int bnn_fold_expand(struct bnn_onnx_folding *f)
{
	struct bnn_onnx_const shape = { .rank = 0 }, *y;
	int64_t dims[BNN_ONNX_RANK_MAX], at[BNN_ONNX_RANK_MAX] = { 0 };
	size_t strides[1][BNN_ONNX_RANK_MAX], offset = 0;
	uint32_t rank;
	int rc;

	if (!bnn_fold_integers(f, 1, shape.dims, &shape.rank, &rc))
		return rc;
	if (!bnn_fold_common(f->c[0], &shape, &rank, dims))
		return bnn_onnx_fail(f->op, BAD, "cannot expand a constant to this shape");
	y = bnn_fold_result(f, f->c[0]->type, rank, dims, &rc);
	if (!y)
		return rc;
	bnn_fold_broadcast(f->c[0], rank, dims, strides[0]);
	for (size_t i = 0; i < y->count; i++) {
		y->v[i] = f->c[0]->v[offset];
		bnn_fold_next(rank, dims, at, &offset, strides, 1);
	}
	return 0;
}

int bnn_fold_of_shape(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_attribute *a = bnn_onnx_attribute(f->op, "value");
	int64_t dims[BNN_ONNX_RANK_MAX];
	struct bnn_onnx_const *value = NULL, *y;
	struct bnn_onnx_tensor tensor;
	struct bnn_error why = { "" };
	uint32_t rank;
	int rc;

	if (!bnn_fold_integers(f, 0, dims, &rank, &rc))
		return rc;
	if (a && a->tensor.p) {
		rc = bnn_onnx_tensor_read(&tensor, f->op->r->ir.path, a->tensor,
					  f->op->r->ir.error);
		if (rc)
			return rc;
		value = bnn_onnx_const_load(&f->op->r->pool, &tensor, &why, &rc);
		if (!value)
			return bnn_onnx_fail(f->op, rc, "has a value that %s", why.text);
	}
	y = bnn_fold_result(f, value ? value->type : BNN_ONNX_FLOAT, rank, dims, &rc);
	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = value && value->count ? value->v[0] : 0;
	return rc;
}

int bnn_fold_range(struct bnn_onnx_folding *f)
{
	double from, to, by;
	struct bnn_onnx_const *y;
	int64_t n;
	int rc;

	for (int i = 0; i < 3; i++) {
		if (!f->c[i] || f->c[i]->count != 1)
			return bnn_onnx_fail(f->op, BAD, "has no three numbers");
	}
	from = f->c[0]->v[0], to = f->c[1]->v[0], by = f->c[2]->v[0];
	n = by != 0 ? bnn_onnx_integer(fmax(ceil((to - from) / by), 0)) : 0;
	y = bnn_fold_result(f, f->c[0]->type, 1, &n, &rc);
	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = from + (double)i * by;
	return rc;
}
