// SPDX-License-Identifier: MIT
/*
 * Operators whose inputs are all constants, computed here: shapes that exporters
 * compute at run time, weights that are made binary by the graph, scales.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "read.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED
#define BAD BNNACCEL_ERR_BAD_MODEL

/* A node that is folded: its inputs; c[i] is NULL where input i is left out. */
struct fold {
	struct bnn_onnx_op *op;
	const char *name;
	const struct bnn_onnx_const *c[4];
	uint32_t n;
};

/* A new constant of this type and shape, which becomes the result. */
static struct bnn_onnx_const *result(struct fold *f, int32_t type, uint32_t rank,
				     const int64_t *dims, int *rc)
{
	struct bnn_error why = { "" };
	struct bnn_onnx_const *c = bnn_onnx_const_new(&f->op->r->pool, type, rank, dims, &why, rc);

	if (!c) {
		bnn_onnx_fail(f->op, *rc, "makes a constant that %s", why.text);
		return NULL;
	}
	*rc = 0;
	f->op->out->kind = BNN_ONNX_CONST;
	f->op->out->c = c;
	return c;
}

/* The same numbers in another shape. */
static int same(struct fold *f, const struct bnn_onnx_const *x, uint32_t rank, const int64_t *dims)
{
	int rc;
	struct bnn_onnx_const *y = result(f, x->type, rank, dims, &rc);

	if (!y)
		return rc;
	if (y->count != x->count)
		return bnn_onnx_fail(f->op, BAD, "makes %zu elements of %zu", y->count, x->count);
	memcpy(y->v, x->v, x->count * sizeof(double));
	return 0;
}

static int copy(struct fold *f)
{
	return same(f, f->c[0], f->c[0]->rank, f->c[0]->dims);
}

static int list_of(struct fold *f, const char *name, int32_t type, uint32_t number,
		   enum bnn_wire_type wire)
{
	const struct bnn_onnx_attribute *a = bnn_onnx_attribute(f->op, name);
	struct bnn_onnx_numbers at = { .message = a->all, .number = number, .type = wire };
	struct bnn_onnx_numbers again = at;
	struct bnn_onnx_const *y;
	int64_t n = 0;
	uint64_t bits;
	int rc;

	while (bnn_onnx_number(&at, &bits))
		n++;
	y = result(f, type, 1, &n, &rc);
	for (int64_t i = 0; y && i < n && bnn_onnx_number(&again, &bits); i++) {
		uint32_t low = (uint32_t)bits;
		float value;

		memcpy(&value, &low, sizeof(value));
		y->v[i] = type == BNN_ONNX_FLOAT ? (double)value : (double)(int64_t)bits;
	}
	return rc;
}

static int constant(struct fold *f)
{
	struct bnn_onnx_op *op = f->op;
	const struct bnn_onnx_attribute *a = bnn_onnx_attribute(op, "value");
	struct bnn_onnx_tensor tensor;
	struct bnn_error why = { "" };
	struct bnn_onnx_const *y;
	int rc;

	if (a && a->tensor.p) {
		rc = bnn_onnx_tensor_read(&tensor, op->r->ir.path, a->tensor, op->r->ir.error);
		if (rc)
			return rc;
		op->out->c = bnn_onnx_const_load(&op->r->pool, &tensor, &why, &rc);
		op->out->kind = BNN_ONNX_CONST;
		return op->out->c ? 0 : bnn_onnx_fail(op, rc, "%s", why.text);
	}
	if (bnn_onnx_attribute(op, "value_floats"))
		return list_of(f, "value_floats", BNN_ONNX_FLOAT, 7, BNN_WIRE_32);
	if (bnn_onnx_attribute(op, "value_ints"))
		return list_of(f, "value_ints", BNN_ONNX_INT64, 8, BNN_WIRE_VARINT);
	a = bnn_onnx_attribute(op, "value_float");
	if (!a)
		a = bnn_onnx_attribute(op, "value_int");
	if (!a)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "has no value; possible are value, value_float, value_int, "
				     "value_floats and value_ints");
	y = result(f, bnn_onnx_is(a->name, "value_float") ? BNN_ONNX_FLOAT : BNN_ONNX_INT64, 0,
		   NULL, &rc);
	if (y)
		y->v[0] = y->type == BNN_ONNX_FLOAT ? (double)a->f : (double)a->i;
	return rc;
}

static int cast(struct fold *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	struct bnn_onnx_const *y;
	int64_t to;
	int rc = bnn_onnx_int(f->op, "to", 0, &to);

	if (rc)
		return rc;
	if (to <= 0 || to > BNN_ONNX_UINT64 || to == BNN_ONNX_STRING)
		return bnn_onnx_fail(f->op, UNSUPPORTED, "casts to type %" PRId64, to);
	y = result(f, (int32_t)to, x->rank, x->dims, &rc);
	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = bnn_onnx_type_round((int32_t)to, x->v[i]);
	return rc;
}

static double sign_of(double x)
{
	return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double apply1(const char *name, double x)
{
	switch (name[0]) {
	case 'A':
		return fabs(x);
	case 'C':
		return ceil(x);
	case 'E':
		return exp(x);
	case 'F':
		return floor(x);
	case 'N':
		return name[2] == 'g' ? -x : x == 0;
	case 'R':
		return name[1] == 'o' ? nearbyint(x) : name[3] == 'u' ? fmax(x, 0) : 1 / x;
	default:
		return name[1] == 'q' ? sqrt(x) : sign_of(x);
	}
}

static int unary(struct fold *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int rc;
	struct bnn_onnx_const *y = result(f, x->type, x->rank, x->dims, &rc);

	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = bnn_onnx_type_round(x->type, apply1(f->name, x->v[i]));
	return rc;
}

/* Strides of a constant inside a larger shape: 0 along axes that are repeated. */
static bool broadcast(const struct bnn_onnx_const *c, uint32_t rank, const int64_t *dims,
		      size_t *strides)
{
	size_t step = 1;

	memset(strides, 0, BNN_ONNX_RANK_MAX * sizeof(*strides));
	for (uint32_t i = 0; i < c->rank; i++) {
		int64_t size = c->dims[c->rank - 1 - i];

		if (size != 1 && size != dims[rank - 1 - i])
			return false;
		strides[rank - 1 - i] = size == 1 ? 0 : step;
		step *= (size_t)size;
	}
	return true;
}

/* The shape that both constants can be repeated to. */
static bool common(const struct bnn_onnx_const *a, const struct bnn_onnx_const *b, uint32_t *rank,
		   int64_t *dims)
{
	*rank = a->rank > b->rank ? a->rank : b->rank;
	for (uint32_t i = 0; i < *rank; i++) {
		int64_t da = i < a->rank ? a->dims[a->rank - 1 - i] : 1;
		int64_t db = i < b->rank ? b->dims[b->rank - 1 - i] : 1;

		if (da != db && da != 1 && db != 1)
			return false;
		dims[*rank - 1 - i] = da == 1 ? db : da;
	}
	return true;
}

/* The next element of a shape in row-major order; offsets follow by their strides. */
static void next(uint32_t rank, const int64_t *dims, int64_t *at, size_t *offsets,
		 size_t strides[][BNN_ONNX_RANK_MAX], int n)
{
	for (uint32_t i = rank; i-- > 0;) {
		for (int k = 0; k < n; k++)
			offsets[k] += strides[k][i];
		if (++at[i] < dims[i])
			return;
		for (int k = 0; k < n; k++)
			offsets[k] -= strides[k][i] * (size_t)dims[i];
		at[i] = 0;
	}
}

static double apply2(const char *name, int32_t type, double a, double b)
{
	switch (name[0]) {
	case 'A':
		return name[1] == 'd' ? a + b : a != 0 && b != 0;
	case 'S':
		return a - b;
	case 'M':
		return name[1] == 'u' ? a * b : name[1] == 'a' ? fmax(a, b) : fmin(a, b);
	case 'D':
		/* integers: toward 0 */
		return bnn_onnx_type_is_float(type) ? a / b : b != 0 ? trunc(a / b) : 0;
	case 'P':
		return pow(a, b);
	case 'E':
		return a == b;
	case 'G':
		return strlen(name) > 8 ? a >= b : a > b;
	default:
		return strlen(name) > 8 ? a <= b : a < b;
	}
}

static bool is_compare(const char *name)
{
	return name[0] == 'G' || name[0] == 'L' || name[0] == 'E';
}

static int binary(struct fold *f)
{
	const struct bnn_onnx_const *a = f->c[0], *b = f->c[1];
	size_t strides[2][BNN_ONNX_RANK_MAX], offset[2] = { 0, 0 };
	int64_t dims[BNN_ONNX_RANK_MAX], at[BNN_ONNX_RANK_MAX] = { 0 };
	struct bnn_onnx_const *y;
	uint32_t rank;
	int32_t type;
	int rc;

	if (f->n != 2 || !common(a, b, &rank, dims))
		return bnn_onnx_fail(f->op, BAD, "combines constants whose shapes do not fit");
	type = is_compare(f->name) ? BNN_ONNX_BOOL : a->type;
	y = result(f, type, rank, dims, &rc);
	if (!y)
		return rc;
	broadcast(a, rank, dims, strides[0]);
	broadcast(b, rank, dims, strides[1]);
	for (size_t i = 0; i < y->count; i++) {
		y->v[i] = bnn_onnx_type_round(
			type, apply2(f->name, a->type, a->v[offset[0]], b->v[offset[1]]));
		next(rank, dims, at, offset, strides, 2);
	}
	return 0;
}

static int where(struct fold *f)
{
	size_t strides[3][BNN_ONNX_RANK_MAX], offset[3] = { 0, 0, 0 };
	int64_t dims[BNN_ONNX_RANK_MAX], at[BNN_ONNX_RANK_MAX] = { 0 };
	struct bnn_onnx_const shape = { .rank = 0 }, *y;
	uint32_t rank;
	int rc;
	bool fit = common(f->c[0], f->c[1], &shape.rank, shape.dims) &&
		   common(&shape, f->c[2], &rank, dims);

	if (!fit)
		return bnn_onnx_fail(f->op, BAD, "combines constants whose shapes do not fit");
	y = result(f, f->c[1]->type, rank, dims, &rc);
	if (!y)
		return rc;
	for (int k = 0; k < 3; k++)
		broadcast(f->c[k], rank, dims, strides[k]);
	for (size_t i = 0; i < y->count; i++) {
		int k = f->c[0]->v[offset[0]] != 0 ? 1 : 2;

		y->v[i] = f->c[k]->v[offset[k]];
		next(rank, dims, at, offset, strides, 3);
	}
	return 0;
}

static int clip(struct fold *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	double lo = -(double)INFINITY, hi = (double)INFINITY;
	struct bnn_onnx_const *y;
	float v;
	int rc = 0;

	if (bnn_onnx_attribute(f->op, "min"))
		rc = bnn_onnx_float(f->op, "min", 0, &v), lo = (double)v;
	if (!rc && bnn_onnx_attribute(f->op, "max"))
		rc = bnn_onnx_float(f->op, "max", 0, &v), hi = (double)v;
	lo = f->c[1] && f->c[1]->count ? f->c[1]->v[0] : lo;
	hi = f->c[2] && f->c[2]->count ? f->c[2]->v[0] : hi;
	y = rc ? NULL : result(f, x->type, x->rank, x->dims, &rc);
	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = x->v[i] < lo ? lo : x->v[i] > hi ? hi : x->v[i];
	return rc;
}

/* Integers of constant i; false (with an error) if there are more than 8. */
static bool integers(struct fold *f, uint32_t i, int64_t *v, uint32_t *n, int *rc)
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

static int reshape(struct fold *f)
{
	int64_t dims[BNN_ONNX_RANK_MAX];
	const struct bnn_onnx_const *x = f->c[0];
	uint32_t rank;
	size_t known = 1;
	int rc, open = -1;

	if (!integers(f, 1, dims, &rank, &rc))
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
	return same(f, x, rank, dims);
}

static int flatten(struct fold *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t axis, dims[2] = { 1, 1 };
	int rc = bnn_onnx_int(f->op, "axis", 1, &axis);

	if (rc)
		return rc;
	axis += axis < 0 ? (int64_t)x->rank : 0;
	for (uint32_t i = 0; i < x->rank; i++)
		dims[(int64_t)i >= axis] *= x->dims[i];
	return same(f, x, 2, dims);
}

/* Axes of Squeeze and Unsqueeze: attribute or input 1. */
static int axes_of(struct fold *f, int64_t *axes, uint32_t *n)
{
	int rc = bnn_onnx_ints(f->op, "axes", axes, BNN_ONNX_RANK_MAX, n);

	if (!rc && f->c[1])
		integers(f, 1, axes, n, &rc);
	return rc;
}

static bool is_one_of(const int64_t *axes, uint32_t n, uint32_t axis, uint32_t rank)
{
	for (uint32_t k = 0; k < n; k++) {
		if (axes[k] == (int64_t)axis || axes[k] == (int64_t)axis - (int64_t)rank)
			return true;
	}
	return false;
}

static int squeeze(struct fold *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t axes[BNN_ONNX_RANK_MAX], dims[BNN_ONNX_RANK_MAX];
	uint32_t n, rank = 0;
	int rc = axes_of(f, axes, &n);

	for (uint32_t i = 0; !rc && i < x->rank; i++) {
		if (x->dims[i] != 1 || (n && !is_one_of(axes, n, i, x->rank)))
			dims[rank++] = x->dims[i];
	}
	return rc ? rc : same(f, x, rank, dims);
}

static int unsqueeze(struct fold *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t axes[BNN_ONNX_RANK_MAX], dims[BNN_ONNX_RANK_MAX];
	uint32_t n, used = 0;
	int rc = axes_of(f, axes, &n);

	if (rc)
		return rc;
	if (x->rank + n > BNN_ONNX_RANK_MAX)
		return bnn_onnx_fail(f->op, UNSUPPORTED, "makes %u dimensions", x->rank + n);
	for (uint32_t i = 0; i < x->rank + n; i++) {
		bool added = is_one_of(axes, n, i, x->rank + n);

		if (!added && used == x->rank)
			return bnn_onnx_fail(f->op, BAD, "has axes that are not all different");
		dims[i] = added ? 1 : x->dims[used++];
	}
	return same(f, x, x->rank + n, dims);
}

static int transpose(struct fold *f)
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
	y = result(f, x->type, x->rank, dims, &rc);
	for (size_t i = 0; y && i < y->count; i++) {
		y->v[i] = x->v[offset];
		next(x->rank, dims, at, &offset, strides, 1);
	}
	return rc;
}

static int slice(struct fold *f)
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

	if (rc || !integers(f, 1, start, &n, &rc) || !integers(f, 2, end, &ends, &rc) ||
	    !integers(f, 3, axes, &named, &rc))
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
	y = result(f, x->type, x->rank, dims, &rc);
	for (size_t i = 0; y && i < y->count; i++) {
		y->v[i] = x->v[offset];
		next(x->rank, dims, at, &offset, strides, 1);
	}
	return rc;
}

static int gather(struct fold *f)
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
	y = result(f, x->type, rank, dims, &rc);
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

static int concat(struct fold *f)
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
	y = result(f, x->type, x->rank, dims, &rc);
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

static int of_shape(struct fold *f)
{
	const struct bnn_onnx_attribute *a = bnn_onnx_attribute(f->op, "value");
	int64_t dims[BNN_ONNX_RANK_MAX];
	struct bnn_onnx_const *value = NULL, *y;
	struct bnn_onnx_tensor tensor;
	struct bnn_error why = { "" };
	uint32_t rank;
	int rc;

	if (!integers(f, 0, dims, &rank, &rc))
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
	y = result(f, value ? value->type : BNN_ONNX_FLOAT, rank, dims, &rc);
	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = value && value->count ? value->v[0] : 0;
	return rc;
}

static int expand(struct fold *f)
{
	struct bnn_onnx_const shape = { .rank = 0 }, *y;
	int64_t dims[BNN_ONNX_RANK_MAX], at[BNN_ONNX_RANK_MAX] = { 0 };
	size_t strides[1][BNN_ONNX_RANK_MAX], offset = 0;
	uint32_t rank;
	int rc;

	if (!integers(f, 1, shape.dims, &shape.rank, &rc))
		return rc;
	if (!common(f->c[0], &shape, &rank, dims))
		return bnn_onnx_fail(f->op, BAD, "cannot expand a constant to this shape");
	y = result(f, f->c[0]->type, rank, dims, &rc);
	if (!y)
		return rc;
	broadcast(f->c[0], rank, dims, strides[0]);
	for (size_t i = 0; i < y->count; i++) {
		y->v[i] = f->c[0]->v[offset];
		next(rank, dims, at, &offset, strides, 1);
	}
	return 0;
}

static int range(struct fold *f)
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
	y = result(f, f->c[0]->type, 1, &n, &rc);
	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = from + (double)i * by;
	return rc;
}

/* Mean over axes, all of them without. Summed in double precision. */
static int mean(struct fold *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t axes[BNN_ONNX_RANK_MAX], kept[BNN_ONNX_RANK_MAX], dims[BNN_ONNX_RANK_MAX], keep;
	size_t strides[1][BNN_ONNX_RANK_MAX] = { { 0 } }, offset = 0, step = 1;
	int64_t at[BNN_ONNX_RANK_MAX] = { 0 };
	struct bnn_onnx_const *y;
	uint32_t n, rank = 0;
	int rc = axes_of(f, axes, &n);

	if (!rc)
		rc = bnn_onnx_int(f->op, "keepdims", 1, &keep);
	if (rc)
		return rc;
	for (uint32_t i = x->rank; i-- > 0;) {
		bool gone = !n || is_one_of(axes, n, i, x->rank);

		strides[0][i] = gone ? 0 : step;
		step *= gone ? 1 : (size_t)x->dims[i];
		kept[i] = gone ? 1 : x->dims[i];
	}
	for (uint32_t i = 0; i < x->rank; i++) {
		if (keep || (n && !is_one_of(axes, n, i, x->rank)))
			dims[rank++] = kept[i];
	}
	y = result(f, x->type, rank, dims, &rc);
	if (!y)
		return rc;
	memset(y->v, 0, y->count * sizeof(double));
	for (size_t i = 0; i < x->count; i++) {
		y->v[offset] += x->v[i];
		next(x->rank, x->dims, at, &offset, strides, 1);
	}
	for (size_t i = 0; i < y->count; i++)
		y->v[i] = bnn_onnx_type_round(x->type, y->v[i] * (double)y->count /
							       (double)(x->count ? x->count : 1));
	return 0;
}

/* Shape: of a constant, or of a tensor, which has a batch of 1 if the model does not say. */
static int shape_of(struct fold *f)
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
	y = result(f, BNN_ONNX_INT64, 1, &n, &rc);
	for (int64_t i = 0; y && i < n; i++)
		y->v[i] = (double)(v->kind == BNN_ONNX_TENSOR ? dims[i] : v->c->dims[i]);
	return rc;
}

static const struct {
	const char *name;
	uint8_t inputs; /* that it needs */
	int (*fold)(struct fold *f);
} folds[] = {
	{ "Abs", 1, unary },
	{ "Add", 2, binary },
	{ "And", 2, binary },
	{ "Cast", 1, cast },
	{ "Ceil", 1, unary },
	{ "Clip", 1, clip },
	{ "Concat", 1, concat },
	{ "Constant", 0, constant },
	{ "ConstantOfShape", 1, of_shape },
	{ "Div", 2, binary },
	{ "Dropout", 1, copy },
	{ "Equal", 2, binary },
	{ "Exp", 1, unary },
	{ "Expand", 2, expand },
	{ "Flatten", 1, flatten },
	{ "Floor", 1, unary },
	{ "Gather", 2, gather },
	{ "Greater", 2, binary },
	{ "GreaterOrEqual", 2, binary },
	{ "Identity", 1, copy },
	{ "Less", 2, binary },
	{ "LessOrEqual", 2, binary },
	{ "Max", 2, binary },
	{ "Min", 2, binary },
	{ "Mul", 2, binary },
	{ "Neg", 1, unary },
	{ "Not", 1, unary },
	{ "Pow", 2, binary },
	{ "Range", 3, range },
	{ "Reciprocal", 1, unary },
	{ "ReduceMean", 1, mean },
	{ "Relu", 1, unary },
	{ "Reshape", 2, reshape },
	{ "Round", 1, unary },
	{ "Shape", 1, shape_of },
	{ "Sign", 1, unary },
	{ "Slice", 1, slice },
	{ "Sqrt", 1, unary },
	{ "Squeeze", 1, squeeze },
	{ "Sub", 2, binary },
	{ "Transpose", 1, transpose },
	{ "Unsqueeze", 1, unsqueeze },
	{ "Where", 3, where },
};

int bnn_onnx_fold(struct bnn_onnx_op *op)
{
	struct fold f = { .op = op, .n = op->n->input_count };
	size_t i = 0;
	int rc = 0;

	while (i < sizeof(folds) / sizeof(folds[0]) && !bnn_onnx_is(op->n->op, folds[i].name))
		i++;
	if (i == sizeof(folds) / sizeof(folds[0]))
		return 0;
	f.name = folds[i].name;
	for (uint32_t k = 0; k < f.n; k++) {
		struct bnn_onnx_value *v = bnn_onnx_input(op, k, &rc);

		if (rc)
			return rc;
		if (v && v->kind != BNN_ONNX_CONST && folds[i].fold != shape_of)
			return 0;
		if (k < 4)
			f.c[k] = v && v->kind == BNN_ONNX_CONST ? v->c : NULL;
	}
	for (uint32_t k = 0; k < folds[i].inputs && folds[i].fold != shape_of; k++) {
		if (!f.c[k])
			return bnn_onnx_fail(op, BAD, "lacks input %u", k);
	}
	rc = folds[i].fold(&f);
	return rc ? rc : 1;
}
