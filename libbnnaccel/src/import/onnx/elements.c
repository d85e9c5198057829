// SPDX-License-Identifier: MIT
/* Element-wise operators on tensors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "read.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED

static const double zero = 0;

static int identity(struct bnn_onnx_op *op)
{
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	return x ? bnn_onnx_result(op, x->tensor, x) : rc;
}

static int cast(struct bnn_onnx_op *op)
{
	int64_t to;
	int rc = bnn_onnx_int(op, "to", 0, &to);

	if (rc)
		return rc;
	if (to != BNN_ONNX_FLOAT && to != BNN_ONNX_DOUBLE && to != BNN_ONNX_FLOAT16)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "makes a tensor %s; only float is possible (Floor rounds)",
				     bnn_onnx_type_name((int32_t)to));
	return identity(op);
}

/* Sign(x): sign(0) is +1 here. */
static int sign(struct bnn_onnx_op *op)
{
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	bnn_note(op->r->ir.notes, "%s: Sign, read as +1 where x >= 0, else -1", op->r->ir.label);
	return bnn_onnx_result(op, bnn_ir_compare(&op->r->ir, x->tensor, &zero, 1, false, -1, 1),
			       x);
}

static int negate(struct bnn_onnx_op *op)
{
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	return x ? bnn_onnx_result(op, bnn_ir_scalar(&op->r->ir, x->tensor, -1, 0), x) : rc;
}

static int floors(struct bnn_onnx_op *op)
{
	int rc, t;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	t = x->tensor;
	if (!strcmp(op->name, "Round")) {
		bnn_note(op->r->ir.notes, "%s: Round, ties go up instead of to even",
			 op->r->ir.label);
		t = bnn_ir_scalar(&op->r->ir, t, 1, 0.5);
	}
	return bnn_onnx_result(op, bnn_ir_floor(&op->r->ir, t), x);
}

/* The two inputs of a binary operator; one may be a constant. */
struct pair {
	struct bnn_onnx_value *a, *b;
	const double *v; /* of the constant */
	uint32_t n;
	bool left; /* the constant is input 0 */
};

static int pair(const struct bnn_onnx_op *op, struct pair *p)
{
	struct bnn_onnx_value *x[2];
	int rc;

	*p = (struct pair){ .n = 1 };
	for (int i = 0; i < 2; i++) {
		x[i] = bnn_onnx_input(op, (uint32_t)i, &rc);
		if (!x[i])
			return rc ? rc
				  : bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL, "lacks input %d", i);
	}
	p->left = x[0]->kind == BNN_ONNX_CONST;
	p->a = x[p->left];
	if (p->a->kind != BNN_ONNX_TENSOR) /* else it would have been folded */
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "has constant inputs only, of types that are "
				     "not known");
	if (x[!p->left]->kind == BNN_ONNX_CONST)
		return bnn_onnx_per_channel(op, x[!p->left]->c, p->a, &p->v, &p->n);
	p->b = x[1];
	return 0;
}

/* Add of tensors whose dimensions are equal, or a gate of one pixel. */
static int same_layout(const struct bnn_onnx_op *op, const struct pair *p)
{
	int64_t a[BNN_ONNX_RANK_MAX], b[BNN_ONNX_RANK_MAX];
	uint32_t ra = bnn_onnx_shape(op->r, p->a, a), rb = bnn_onnx_shape(op->r, p->b, b);

	if (ra != rb || p->a->layout != p->b->layout)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "combines tensors of %u and %u dimensions; make them alike "
				     "(Unsqueeze, Flatten)",
				     ra, rb);
	return 0;
}

static int add(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	bool subtract = !strcmp(op->name, "Sub");
	double *minus;
	struct pair p;
	int t, rc = pair(op, &p);

	if (rc)
		return rc;
	if (p.b) {
		rc = bnn_onnx_alike(op, p.a, p.b, &t);
		if (!rc)
			rc = same_layout(op, &p);
		if (rc < 0)
			return rc;
		t = subtract ? bnn_ir_scalar(ir, t, -1, 0) : t;
		return bnn_onnx_result(op, bnn_ir_add(ir, p.a->tensor, t), p.a);
	}
	if (!subtract || p.left) {
		double sign = subtract ? -1 : 1;

		t = bnn_ir_affine(ir, p.a->tensor, &sign, 1, p.v, p.n, false);
		return bnn_onnx_result(op, t, p.a);
	}
	minus = malloc(p.n * sizeof(double));
	if (!minus)
		return bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	for (uint32_t i = 0; i < p.n; i++)
		minus[i] = -p.v[i];
	t = bnn_ir_affine(ir, p.a->tensor, NULL, 0, minus, p.n, false);
	free(minus);
	return bnn_onnx_result(op, t, p.a);
}

static int multiply(struct bnn_onnx_op *op)
{
	bool divide = !strcmp(op->name, "Div");
	struct bnn_ir *ir = &op->r->ir;
	struct pair p;
	int rc = pair(op, &p);

	if (!rc && divide && (p.b || p.left))
		rc = bnn_onnx_fail(op, UNSUPPORTED,
				   "divides by something computed from the image; only constants "
				   "are possible");
	if (!rc && p.b)
		rc = same_layout(op, &p);
	if (rc)
		return rc;
	if (p.b) {
		/* the result is as large as the larger of the two */
		const struct bnn_ir_node *x = &ir->nodes[p.a->tensor];

		return bnn_onnx_result(op, bnn_ir_multiply(ir, p.a->tensor, p.b->tensor),
				       x->h * x->w > 1 ? p.a : p.b);
	}
	return bnn_onnx_result(op, bnn_ir_affine(ir, p.a->tensor, p.v, p.n, NULL, 0, divide), p.a);
}

static int compare(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	bool greater = op->name[0] == 'G';
	bool equal = strlen(op->name) > 8; /* ...OrEqual */
	struct pair p;
	int t, rc = pair(op, &p);

	if (rc)
		return rc;
	if (p.b)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "compares two tensors; one of them must be constant");
	/* t > x is x < t */
	greater ^= p.left;
	/* x < t is not x >= t; x <= t is not x > t */
	t = bnn_ir_compare(ir, p.a->tensor, p.v, p.n, greater != equal, greater ? 0 : 1,
			   greater ? 1 : 0);
	return bnn_onnx_result(op, t, p.a);
}

static int not(struct bnn_onnx_op * op)
{
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	return x ? bnn_onnx_result(op, bnn_ir_scalar(&op->r->ir, x->tensor, -1, 1), x) : rc;
}

static int where(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	struct bnn_onnx_value *c, *x[2];
	double value[2] = { 0, 0 };
	int rc;

	c = bnn_onnx_tensor(op, 0, &rc);
	if (!c)
		return rc;
	for (uint32_t i = 0; i < 2; i++) {
		x[i] = bnn_onnx_input(op, 1 + i, &rc);
		if (!x[i])
			return rc ? rc
				  : bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL, "lacks input %u",
						  1 + i);
		if (x[i]->kind != BNN_ONNX_CONST)
			continue;
		value[i] = x[i]->c->count ? x[i]->c->v[0] : 0;
		for (size_t k = 0; k < x[i]->c->count; k++) {
			if (x[i]->c->v[k] != value[i] || !isfinite(value[i]))
				return bnn_onnx_fail(op, UNSUPPORTED,
						     "chooses constants that are not all the same "
						     "finite number");
		}
	}
	return bnn_onnx_result(
		op,
		bnn_ir_select(ir, c->tensor, x[0]->kind == BNN_ONNX_CONST ? -1 : x[0]->tensor,
			      value[0], x[1]->kind == BNN_ONNX_CONST ? -1 : x[1]->tensor, value[1]),
		c);
}

static int bend(struct bnn_onnx_op *op)
{
	const struct bnn_onnx_const *c;
	const double *slope = &zero;
	double alpha;
	uint32_t n = 1;
	float f;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	if (!strcmp(op->name, "LeakyRelu")) {
		rc = bnn_onnx_float(op, "alpha", 0.01f, &f);
		alpha = (double)f;
		slope = &alpha;
	} else if (!strcmp(op->name, "PRelu")) {
		c = bnn_onnx_constant(op, 1, &rc);
		if (!rc && !c)
			rc = bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL, "lacks input 1");
		/* PyTorch exports [c, 1, 1]; [c] is meant alike by some */
		if (!rc)
			rc = bnn_onnx_per_channel(op, c, x, &slope, &n);
	}
	return rc ? rc
		  : bnn_onnx_result(op, bnn_ir_bend(&op->r->ir, x->tensor, slope, n, NULL, 0), x);
}

/* One number of input i, which may be missing. */
static int number(const struct bnn_onnx_op *op, uint32_t i, double otherwise, double *value)
{
	int rc;
	const struct bnn_onnx_const *c = bnn_onnx_constant(op, i, &rc);

	*value = otherwise;
	if (rc || !c)
		return rc;
	if (c->count != 1)
		return bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL,
				     "has %zu numbers in input %u, not 1", c->count, i);
	*value = c->v[0];
	return 0;
}

static int clip(struct bnn_onnx_op *op)
{
	double lo = -(double)INFINITY, hi = (double)INFINITY;
	float f;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	/* attributes before operator set 11 */
	if (bnn_onnx_attribute(op, "min"))
		rc = bnn_onnx_float(op, "min", 0, &f), lo = (double)f;
	if (!rc && bnn_onnx_attribute(op, "max"))
		rc = bnn_onnx_float(op, "max", 0, &f), hi = (double)f;
	if (!rc)
		rc = number(op, 1, lo, &lo);
	if (!rc)
		rc = number(op, 2, hi, &hi);
	if (rc)
		return rc;
	/* how exporters write "no bound" */
	lo = lo < -3e38 ? -(double)INFINITY : lo;
	hi = hi > 3e38 ? (double)INFINITY : hi;
	if (isinf(lo) && isinf(hi) && lo < hi)
		return identity(op);
	return bnn_onnx_result(op, bnn_ir_clip(&op->r->ir, x->tensor, lo, hi), x);
}

/* Max(x, 0), Min(x, 0), or with another constant. */
static int limit(struct bnn_onnx_op *op)
{
	bool max = !strcmp(op->name, "Max");
	double inf = (double)INFINITY;
	struct pair p;
	int rc = pair(op, &p);

	if (rc)
		return rc;
	if (p.b || p.n != 1)
		return bnn_onnx_fail(
			op, UNSUPPORTED,
			"combines two tensors or many numbers; one number is possible");
	return bnn_onnx_result(
		op, bnn_ir_clip(&op->r->ir, p.a->tensor, max ? *p.v : -inf, max ? inf : *p.v), p.a);
}

static int batch_norm(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	const double *v[4]; /* scale, offset, mean, variance */
	double *a, *b;
	int64_t training;
	uint32_t n, c;
	float epsilon;
	int rc, t;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	c = ir->nodes[x->tensor].c;
	rc = bnn_onnx_float(op, "epsilon", 1e-5f, &epsilon);
	if (!rc)
		rc = bnn_onnx_int(op, "training_mode", 0, &training);
	if (!rc && training)
		rc = bnn_onnx_fail(op, UNSUPPORTED,
				   "is in training mode; export the model after model.eval()");
	if (!rc &&
	    (x->layout == BNN_ONNX_NHWC || x->layout == BNN_ONNX_NLC ||
	     (x->layout == BNN_ONNX_FLAT && ir->nodes[x->tensor].h * ir->nodes[x->tensor].w > 1)))
		rc = bnn_onnx_fail(op, UNSUPPORTED, "has its channels in another axis than 1");
	for (uint32_t i = 0; !rc && i < 4; i++) {
		rc = bnn_onnx_vector(op, 1 + i, c, NULL, &v[i], &n);
		if (!rc && n != c)
			rc = bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL,
					   "has %u elements in input %u for %u channels", n, 1 + i,
					   c);
	}
	if (rc)
		return rc;
	a = malloc(c * sizeof(double));
	b = malloc(c * sizeof(double));
	for (uint32_t i = 0; a && b && i < c && !rc; i++) {
		double variance = v[3][i] + (double)epsilon;

		if (!(variance > 0))
			rc = bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL,
					   "has a variance whose element %u is %g; it must be "
					   "positive",
					   i, v[3][i]);
		a[i] = v[0][i] / sqrt(variance);
		b[i] = v[1][i] - v[2][i] * a[i];
	}
	t = rc	       ? rc
	    : !a || !b ? bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory")
		       : bnn_ir_affine(ir, x->tensor, a, c, b, c, false);
	free(a);
	free(b);
	return bnn_onnx_result(op, t, x);
}

static int hard_sigmoid(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	float alpha, beta;
	int rc, t;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_float(op, "alpha", 0.2f, &alpha);
	if (!rc)
		rc = bnn_onnx_float(op, "beta", 0.5f, &beta);
	if (rc)
		return rc;
	t = bnn_ir_scalar(ir, x->tensor, (double)alpha, (double)beta);
	return bnn_onnx_result(op, bnn_ir_clip(ir, t, 0, 1), x);
}

/* The largest stays the largest: left out in front of the output. */
static int softmax(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	int64_t axis, d[BNN_ONNX_RANK_MAX];
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_int(op, "axis", op->r->opset < 13 ? 1 : -1, &axis);
	if (rc)
		return rc;
	axis += axis < 0 ? (int64_t)bnn_onnx_shape(op->r, x, d) : 0;
	if (axis != 1 || x->layout == BNN_ONNX_NLC ||
	    !bnn_onnx_same(op->n->outputs[0], op->r->last))
		return bnn_onnx_fail(
			op, UNSUPPORTED,
			"is possible as the last operator, over axis 1; it is left out "
			"there");
	bnn_note(ir->notes, "%s: %s left out, results are what it reads", ir->label, op->name);
	return bnn_onnx_result(op, x->tensor, x);
}

const struct bnn_onnx_operator bnn_onnx_operators[] = {
	{ "Add", "", 2, 2, add },
	{ "AveragePool", "kernel_shape strides pads auto_pad ceil_mode count_include_pad", 1, 1,
	  bnn_onnx_average_pool },
	{ "BatchNormalization", "epsilon momentum spatial training_mode", 5, 5, batch_norm },
	{ "Cast", "to saturate", 1, 1, cast },
	{ "Clip", "min max", 1, 3, clip },
	{ "Concat", "axis", 1, 4096, bnn_onnx_concat },
	{ "Conv", "kernel_shape strides pads dilations group auto_pad", 2, 3, bnn_onnx_conv },
	{ "Div", "", 2, 2, multiply },
	{ "Dropout", "ratio seed", 1, 3, identity },
	{ "Erf", "", 1, 1, bnn_onnx_function },
	{ "Flatten", "axis", 1, 1, bnn_onnx_flatten },
	{ "Floor", "", 1, 1, floors },
	{ "Gelu", "approximate", 1, 1, bnn_onnx_function },
	{ "Gemm", "alpha beta transA transB", 2, 3, bnn_onnx_gemm },
	{ "GlobalAveragePool", "", 1, 1, bnn_onnx_global_pool },
	{ "GlobalMaxPool", "", 1, 1, bnn_onnx_global_pool },
	{ "Greater", "", 2, 2, compare },
	{ "GreaterOrEqual", "", 2, 2, compare },
	{ "HardSigmoid", "alpha beta", 1, 1, hard_sigmoid },
	{ "Identity", "", 1, 1, identity },
	{ "LayerNormalization", "axis epsilon stash_type", 2, 3, bnn_onnx_layer_norm },
	{ "LeakyRelu", "alpha", 1, 1, bend },
	{ "Less", "", 2, 2, compare },
	{ "LessOrEqual", "", 2, 2, compare },
	{ "LogSoftmax", "axis", 1, 1, softmax },
	{ "MatMul", "", 2, 2, bnn_onnx_matmul },
	{ "Max", "", 2, 2, limit },
	{ "MaxPool", "kernel_shape strides pads auto_pad ceil_mode dilations storage_order", 1, 1,
	  bnn_onnx_max_pool },
	{ "Min", "", 2, 2, limit },
	{ "Mul", "", 2, 2, multiply },
	{ "Neg", "", 1, 1, negate },
	{ "Not", "", 1, 1, not },
	{ "PRelu", "", 2, 2, bend },
	{ "Pad", "mode pads value", 1, 4, bnn_onnx_pad },
	{ "ReduceMean", "axes keepdims noop_with_empty_axes", 1, 2, bnn_onnx_reduce_mean },
	{ "Relu", "", 1, 1, bend },
	{ "Reshape", "allowzero", 2, 2, bnn_onnx_reshape },
	{ "Round", "", 1, 1, floors },
	{ "Sigmoid", "", 1, 1, bnn_onnx_function },
	{ "Sign", "", 1, 1, sign },
	{ "Slice", "starts ends axes", 1, 5, bnn_onnx_slice },
	{ "Softmax", "axis", 1, 1, softmax },
	{ "Squeeze", "axes", 1, 2, bnn_onnx_squeeze },
	{ "Sub", "", 2, 2, add },
	{ "Tanh", "", 1, 1, bnn_onnx_function },
	{ "Transpose", "perm", 1, 1, bnn_onnx_transpose },
	{ "Unsqueeze", "axes", 1, 2, bnn_onnx_unsqueeze },
	{ "Where", "", 3, 3, where },
	{ NULL, NULL, 0, 0, NULL },
};
