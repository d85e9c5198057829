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
#include "fold.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED
#define BAD BNNACCEL_ERR_BAD_MODEL

/* A new constant of this type and shape, which becomes the result. */
struct bnn_onnx_const *bnn_fold_result(struct bnn_onnx_folding *f, int32_t type, uint32_t rank,
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

static int list_of(struct bnn_onnx_folding *f, const char *name, int32_t type, uint32_t number,
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
	y = bnn_fold_result(f, type, 1, &n, &rc);
	for (int64_t i = 0; y && i < n && bnn_onnx_number(&again, &bits); i++) {
		uint32_t low = (uint32_t)bits;
		float value;

		memcpy(&value, &low, sizeof(value));
		y->v[i] = type == BNN_ONNX_FLOAT ? (double)value : (double)(int64_t)bits;
	}
	return rc;
}

static int constant(struct bnn_onnx_folding *f)
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
	y = bnn_fold_result(f,
			    bnn_onnx_is(a->name, "value_float") ? BNN_ONNX_FLOAT : BNN_ONNX_INT64,
			    0, NULL, &rc);
	if (y)
		y->v[0] = y->type == BNN_ONNX_FLOAT ? (double)a->f : (double)a->i;
	return rc;
}

static int cast(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	struct bnn_onnx_const *y;
	int64_t to;
	int rc = bnn_onnx_int(f->op, "to", 0, &to);

	if (rc)
		return rc;
	if (to <= 0 || to > BNN_ONNX_UINT64 || to == BNN_ONNX_STRING)
		return bnn_onnx_fail(f->op, UNSUPPORTED, "casts to type %" PRId64, to);
	y = bnn_fold_result(f, (int32_t)to, x->rank, x->dims, &rc);
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

static int unary(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int rc;
	struct bnn_onnx_const *y = bnn_fold_result(f, x->type, x->rank, x->dims, &rc);

	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = bnn_onnx_type_round(x->type, apply1(f->name, x->v[i]));
	return rc;
}

/* Strides of a constant inside a larger shape: 0 along axes that are repeated. */
bool bnn_fold_broadcast(const struct bnn_onnx_const *c, uint32_t rank, const int64_t *dims,
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
bool bnn_fold_common(const struct bnn_onnx_const *a, const struct bnn_onnx_const *b, uint32_t *rank,
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
void bnn_fold_next(uint32_t rank, const int64_t *dims, int64_t *at, size_t *offsets,
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

static int binary(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *a = f->c[0], *b = f->c[1];
	size_t strides[2][BNN_ONNX_RANK_MAX], offset[2] = { 0, 0 };
	int64_t dims[BNN_ONNX_RANK_MAX], at[BNN_ONNX_RANK_MAX] = { 0 };
	struct bnn_onnx_const *y;
	uint32_t rank;
	int32_t type;
	int rc;

	if (f->n != 2 || !bnn_fold_common(a, b, &rank, dims))
		return bnn_onnx_fail(f->op, BAD, "combines constants whose shapes do not fit");
	type = is_compare(f->name) ? BNN_ONNX_BOOL : a->type;
	y = bnn_fold_result(f, type, rank, dims, &rc);
	if (!y)
		return rc;
	bnn_fold_broadcast(a, rank, dims, strides[0]);
	bnn_fold_broadcast(b, rank, dims, strides[1]);
	for (size_t i = 0; i < y->count; i++) {
		y->v[i] = bnn_onnx_type_round(
			type, apply2(f->name, a->type, a->v[offset[0]], b->v[offset[1]]));
		bnn_fold_next(rank, dims, at, offset, strides, 2);
	}
	return 0;
}

static int where(struct bnn_onnx_folding *f)
{
	size_t strides[3][BNN_ONNX_RANK_MAX], offset[3] = { 0, 0, 0 };
	int64_t dims[BNN_ONNX_RANK_MAX], at[BNN_ONNX_RANK_MAX] = { 0 };
	struct bnn_onnx_const shape = { .rank = 0 }, *y;
	uint32_t rank;
	int rc;
	bool fit = bnn_fold_common(f->c[0], f->c[1], &shape.rank, shape.dims) &&
		   bnn_fold_common(&shape, f->c[2], &rank, dims);

	if (!fit)
		return bnn_onnx_fail(f->op, BAD, "combines constants whose shapes do not fit");
	y = bnn_fold_result(f, f->c[1]->type, rank, dims, &rc);
	if (!y)
		return rc;
	for (int k = 0; k < 3; k++)
		bnn_fold_broadcast(f->c[k], rank, dims, strides[k]);
	for (size_t i = 0; i < y->count; i++) {
		int k = f->c[0]->v[offset[0]] != 0 ? 1 : 2;

		y->v[i] = f->c[k]->v[offset[k]];
		bnn_fold_next(rank, dims, at, offset, strides, 3);
	}
	return 0;
}

static int clip(struct bnn_onnx_folding *f)
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
	y = rc ? NULL : bnn_fold_result(f, x->type, x->rank, x->dims, &rc);
	for (size_t i = 0; y && i < y->count; i++)
		y->v[i] = x->v[i] < lo ? lo : x->v[i] > hi ? hi : x->v[i];
	return rc;
}

/* Mean over axes, all of them without. Summed in double precision. */
static int mean(struct bnn_onnx_folding *f)
{
	const struct bnn_onnx_const *x = f->c[0];
	int64_t axes[BNN_ONNX_RANK_MAX], kept[BNN_ONNX_RANK_MAX], dims[BNN_ONNX_RANK_MAX], keep;
	size_t strides[1][BNN_ONNX_RANK_MAX] = { { 0 } }, offset = 0, step = 1;
	int64_t at[BNN_ONNX_RANK_MAX] = { 0 };
	struct bnn_onnx_const *y;
	uint32_t n, rank = 0;
	int rc = bnn_fold_axes_of(f, axes, &n);

	if (!rc)
		rc = bnn_onnx_int(f->op, "keepdims", 1, &keep);
	if (rc)
		return rc;
	for (uint32_t i = x->rank; i-- > 0;) {
		bool gone = !n || bnn_fold_is_one_of(axes, n, i, x->rank);

		strides[0][i] = gone ? 0 : step;
		step *= gone ? 1 : (size_t)x->dims[i];
		kept[i] = gone ? 1 : x->dims[i];
	}
	for (uint32_t i = 0; i < x->rank; i++) {
		if (keep || (n && !bnn_fold_is_one_of(axes, n, i, x->rank)))
			dims[rank++] = kept[i];
	}
	y = bnn_fold_result(f, x->type, rank, dims, &rc);
	if (!y)
		return rc;
	memset(y->v, 0, y->count * sizeof(double));
	for (size_t i = 0; i < x->count; i++) {
		y->v[offset] += x->v[i];
		bnn_fold_next(x->rank, x->dims, at, &offset, strides, 1);
	}
	for (size_t i = 0; i < y->count; i++)
		y->v[i] = bnn_onnx_type_round(x->type, y->v[i] * (double)y->count /
							       (double)(x->count ? x->count : 1));
	return 0;
}

static const struct {
	const char *name;
	uint8_t inputs; /* that it needs */
	int (*fold)(struct bnn_onnx_folding *f);
} folds[] = {
	{ "Abs", 1, unary },
	{ "Add", 2, binary },
	{ "And", 2, binary },
	{ "Cast", 1, cast },
	{ "Ceil", 1, unary },
	{ "Clip", 1, clip },
	{ "Concat", 1, bnn_fold_concat },
	{ "Constant", 0, constant },
	{ "ConstantOfShape", 1, bnn_fold_of_shape },
	{ "Div", 2, binary },
	{ "Dropout", 1, bnn_fold_copy },
	{ "Equal", 2, binary },
	{ "Exp", 1, unary },
	{ "Expand", 2, bnn_fold_expand },
	{ "Flatten", 1, bnn_fold_flatten },
	{ "Floor", 1, unary },
	{ "Gather", 2, bnn_fold_gather },
	{ "Greater", 2, binary },
	{ "GreaterOrEqual", 2, binary },
	{ "Identity", 1, bnn_fold_copy },
	{ "Less", 2, binary },
	{ "LessOrEqual", 2, binary },
	{ "Max", 2, binary },
	{ "Min", 2, binary },
	{ "Mul", 2, binary },
	{ "Neg", 1, unary },
	{ "Not", 1, unary },
	{ "Pow", 2, binary },
	{ "Range", 3, bnn_fold_range },
	{ "Reciprocal", 1, unary },
	{ "ReduceMean", 1, mean },
	{ "Relu", 1, unary },
	{ "Reshape", 2, bnn_fold_reshape },
	{ "Round", 1, unary },
	{ "Shape", 1, bnn_fold_shape_of },
	{ "Sign", 1, unary },
	{ "Slice", 1, bnn_fold_slice },
	{ "Sqrt", 1, unary },
	{ "Squeeze", 1, bnn_fold_squeeze },
	{ "Sub", 2, binary },
	{ "Transpose", 1, bnn_fold_transpose },
	{ "Unsqueeze", 1, bnn_fold_unsqueeze },
	{ "Where", 3, where },
};

int bnn_onnx_fold(struct bnn_onnx_op *op)
{
	struct bnn_onnx_folding f = { .op = op, .n = op->n->input_count };
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
		if (v && v->kind != BNN_ONNX_CONST && folds[i].fold != bnn_fold_shape_of)
			return 0;
		if (k < 4)
			f.c[k] = v && v->kind == BNN_ONNX_CONST ? v->c : NULL;
	}
	for (uint32_t k = 0; k < folds[i].inputs && folds[i].fold != bnn_fold_shape_of; k++) {
		if (!f.c[k])
			return bnn_onnx_fail(op, BAD, "lacks input %u", k);
	}
	rc = folds[i].fold(&f);
	return rc ? rc : 1;
}
