// SPDX-License-Identifier: MIT
/* Operators on tensors that move nothing, but for channels repeated, cut or appended. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "read.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED
#define BAD BNNACCEL_ERR_BAD_MODEL

/* The layout that these dimensions are of tensor v; false if none is. */
static bool layout_of(const struct bnn_onnx_reader *r, const struct bnn_onnx_value *v,
		      const int64_t *d, uint32_t rank, enum bnn_onnx_layout *layout,
		      uint32_t *group)
{
	const struct bnn_ir_node *n = &r->ir.nodes[v->tensor];
	int64_t c = n->c, h = n->h, w = n->w;

	*group = 0;
	if (!rank || d[0] != r->batch)
		return false;
	if (rank == 4 && d[1] == c && d[2] == h && d[3] == w)
		*layout = BNN_ONNX_NCHW;
	else if (rank == 2 && d[1] == c * h * w)
		*layout = BNN_ONNX_FLAT;
	else if (rank == 3 && d[1] == c && d[2] == h * w)
		*layout = BNN_ONNX_NCL;
	else if (rank == 4 && d[1] == c && d[2] == h * w && d[3] == 1)
		*layout = BNN_ONNX_NCL1;
	else if (rank == 5 && d[2] > 0 && d[1] * d[2] == c && d[3] == h && d[4] == w)
		*layout = BNN_ONNX_GROUP, *group = (uint32_t)d[2];
	else
		return false;
	return true;
}

/* Dimensions of a tensor whose channels are last, as pixels or as an image. */
static bool last_of(const struct bnn_ir_node *n, const int64_t *d, uint32_t rank,
		    enum bnn_onnx_layout *layout)
{
	if (rank < 3 || d[rank - 1] != n->c)
		return false;
	*layout = rank == 3 ? BNN_ONNX_NLC : BNN_ONNX_NHWC;
	return rank == 3 ? d[1] == (int64_t)n->h * n->w : rank == 4 && d[1] == n->h && d[2] == n->w;
}

static int reshaped(struct bnn_onnx_op *op, const struct bnn_onnx_value *given, const int64_t *d,
		    uint32_t rank)
{
	const struct bnn_ir_node *n = &op->r->ir.nodes[given->tensor];
	struct bnn_onnx_value turned = *given;
	const struct bnn_onnx_value *x = given;
	enum bnn_onnx_layout layout;
	uint32_t group;
	char text[128] = "";
	size_t len = 0;

	/* what is not in the order channel, row, column may only stay as it is */
	if ((x->layout == BNN_ONNX_NHWC || x->layout == BNN_ONNX_NLC) && d[0] == op->r->batch &&
	    last_of(n, d, rank, &layout))
		return bnn_onnx_result_as(op, x->tensor, layout);
	/* read as channels first, pixels are the channels */
	if (x->layout == BNN_ONNX_NLC && n->h * n->w > 1) {
		turned.tensor = bnn_ir_transpose(&op->r->ir, x->tensor, 1);
		if (turned.tensor < 0)
			return turned.tensor;
		x = &turned;
		n = &op->r->ir.nodes[x->tensor];
	}
	if (x->layout == BNN_ONNX_NHWC && n->h * n->w > 1)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "reshapes a tensor whose channels are last; transpose it to "
				     "[N, channels, rows, columns] before");
	if (layout_of(op->r, x, d, rank, &layout, &group)) {
		op->out->group = group;
		return bnn_onnx_result_as(op, x->tensor, layout);
	}
	for (uint32_t i = 0; i < rank && len < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%" PRId64, i ? ", " : "",
					d[i]);
	return bnn_onnx_fail(op, UNSUPPORTED,
			     "makes [%s] of a tensor of %u channels, %u rows and %u columns (batch "
			     "%" PRId64 "); possible are [N, channels, rows, columns], "
			     "[N, channels*rows*columns] and channels in groups",
			     text, n->c, n->h, n->w, op->r->batch);
}

int bnn_onnx_reshape(struct bnn_onnx_op *op)
{
	const struct bnn_onnx_const *c;
	int64_t d[BNN_ONNX_RANK_MAX] = { 0 }, old[BNN_ONNX_RANK_MAX], all = 1, known = 1;
	int64_t allow_zero;
	int rc, free_one = -1;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);
	uint32_t rank;

	if (!x)
		return rc;
	c = bnn_onnx_constant(op, 1, &rc);
	if (!rc)
		rc = bnn_onnx_int(op, "allowzero", 0, &allow_zero);
	if (rc)
		return rc;
	if (!c || c->count > BNN_ONNX_RANK_MAX)
		return bnn_onnx_fail(op, BAD, "has no shape of at most %u numbers",
				     BNN_ONNX_RANK_MAX);
	rank = bnn_onnx_shape(op->r, x, old);
	for (uint32_t i = 0; i < rank; i++)
		all *= old[i];
	for (uint32_t i = 0; i < c->count; i++) {
		d[i] = bnn_onnx_integer(c->v[i]);
		if (d[i] == 0 && !allow_zero && i < rank)
			d[i] = old[i];
		if (d[i] == -1 && free_one < 0)
			free_one = (int)i;
		else if (d[i] < 1 || d[i] > (1ll << 40) / known)
			return bnn_onnx_fail(
				op, BAD, "has an impossible shape: number %u is %" PRId64, i, d[i]);
		else
			known *= d[i];
	}
	if (free_one >= 0)
		d[free_one] = all / known;
	return reshaped(op, x, d, (uint32_t)c->count);
}

int bnn_onnx_flatten(struct bnn_onnx_op *op)
{
	int64_t axis, d[BNN_ONNX_RANK_MAX], to[2];
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);
	uint32_t rank;

	if (!x)
		return rc;
	rc = bnn_onnx_int(op, "axis", 1, &axis);
	if (rc)
		return rc;
	rank = bnn_onnx_shape(op->r, x, d);
	axis += axis < 0 ? (int64_t)rank : 0;
	if (axis != 1)
		return bnn_onnx_fail(op, UNSUPPORTED, "has axis %" PRId64 "; 1 is possible", axis);
	to[0] = d[0];
	to[1] = 1;
	for (uint32_t i = 1; i < rank; i++)
		to[1] *= d[i];
	return reshaped(op, x, to, 2);
}

/* Axes as an attribute, or from operator set 13 on as input 1. */
static int axes_of(const struct bnn_onnx_op *op, int64_t *axes, uint32_t *count)
{
	const struct bnn_onnx_const *c;
	int rc = bnn_onnx_ints(op, "axes", axes, BNN_ONNX_RANK_MAX, count);

	if (rc)
		return rc;
	c = bnn_onnx_constant(op, 1, &rc);
	if (rc || !c)
		return rc;
	if (c->count > BNN_ONNX_RANK_MAX)
		return bnn_onnx_fail(op, BAD, "has %zu axes", c->count);
	*count = (uint32_t)c->count;
	for (uint32_t i = 0; i < *count; i++)
		axes[i] = bnn_onnx_integer(c->v[i]);
	return 0;
}

int bnn_onnx_squeeze(struct bnn_onnx_op *op)
{
	int64_t axes[BNN_ONNX_RANK_MAX], d[BNN_ONNX_RANK_MAX], to[BNN_ONNX_RANK_MAX];
	uint32_t rank, count, n = 0;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = axes_of(op, axes, &count);
	if (rc)
		return rc;
	rank = bnn_onnx_shape(op->r, x, d);
	for (uint32_t i = 0; i < rank; i++) {
		bool gone = !count && i && d[i] == 1;

		for (uint32_t k = 0; k < count; k++)
			gone |= axes[k] == (int64_t)i || axes[k] == (int64_t)i - (int64_t)rank;
		if (!gone)
			to[n++] = d[i];
		else if (d[i] != 1)
			return bnn_onnx_fail(op, BAD,
					     "removes axis %u, which has %" PRId64 " elements", i,
					     d[i]);
	}
	return reshaped(op, x, to, n);
}

int bnn_onnx_unsqueeze(struct bnn_onnx_op *op)
{
	int64_t axes[BNN_ONNX_RANK_MAX], d[BNN_ONNX_RANK_MAX], to[BNN_ONNX_RANK_MAX];
	uint32_t rank, count, used = 0;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = axes_of(op, axes, &count);
	if (rc)
		return rc;
	rank = bnn_onnx_shape(op->r, x, d);
	if (rank + count > BNN_ONNX_RANK_MAX)
		return bnn_onnx_fail(op, UNSUPPORTED, "makes %u dimensions", rank + count);
	for (uint32_t i = 0; i < rank + count; i++) {
		bool added = false;

		for (uint32_t k = 0; k < count; k++)
			added |= axes[k] == (int64_t)i ||
				 axes[k] == (int64_t)i - (int64_t)(rank + count);
		if (!added && used == rank)
			return bnn_onnx_fail(op, BAD, "has axes that are not all different");
		to[i] = added ? 1 : d[used++];
	}
	return reshaped(op, x, to, rank + count);
}

int bnn_onnx_transpose(struct bnn_onnx_op *op)
{
	static const int64_t first[4] = { 0, 3, 1, 2 }, last[4] = { 0, 2, 3, 1 };
	int64_t perm[BNN_ONNX_RANK_MAX];
	uint32_t count;
	int rc;
	bool same = true;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_ints(op, "perm", perm, BNN_ONNX_RANK_MAX, &count);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < count; i++)
		same &= perm[i] == (int64_t)i;
	if (same && count)
		return bnn_onnx_result(op, x->tensor, x);
	if (count == 3 && perm[0] == 0 && perm[1] == 2 && x->layout == BNN_ONNX_NCL)
		return bnn_onnx_result_as(op, x->tensor, BNN_ONNX_NLC);
	if (count == 3 && perm[0] == 0 && perm[1] == 2 && x->layout == BNN_ONNX_NLC)
		return bnn_onnx_result_as(op, x->tensor, BNN_ONNX_NCL);
	if (count == 4 && x->layout == BNN_ONNX_NHWC && !memcmp(perm, first, sizeof(first)))
		return bnn_onnx_result_as(op, x->tensor, BNN_ONNX_NCHW);
	if (count == 4 && x->layout == BNN_ONNX_NCHW && !memcmp(perm, last, sizeof(last)))
		return bnn_onnx_result_as(op, x->tensor, BNN_ONNX_NHWC);
	return bnn_onnx_fail(
		op, UNSUPPORTED,
		"exchanges axes; possible are (0, 3, 1, 2) of channels that are last and "
		"(0, 2, 3, 1) of channels that are first, and (0, 2, 1) of three dimensions");
}

int bnn_onnx_alike(struct bnn_onnx_op *op, const struct bnn_onnx_value *x,
		   const struct bnn_onnx_value *y, int *tensor)
{
	struct bnn_ir *ir = &op->r->ir;
	int64_t a[BNN_ONNX_RANK_MAX], b[BNN_ONNX_RANK_MAX];

	*tensor = y->tensor;
	if (x->layout == y->layout || bnn_onnx_shape(op->r, x, a) != 3 ||
	    bnn_onnx_shape(op->r, y, b) != 3 || a[1] != b[1] || a[2] != b[2])
		return 0;
	*tensor = bnn_ir_transpose(ir, y->tensor, ir->nodes[x->tensor].h);
	return *tensor < 0 ? *tensor : 1;
}

static int need_channels_first(const struct bnn_onnx_op *op, const struct bnn_onnx_value *x)
{
	const struct bnn_ir_node *n = &op->r->ir.nodes[x->tensor];

	if (x->layout == BNN_ONNX_NCHW || (x->layout == BNN_ONNX_FLAT && n->h * n->w == 1))
		return 0;
	return bnn_onnx_fail(op, UNSUPPORTED,
			     "reads a tensor that is not [N, channels, rows, columns]");
}

/* A tensor with itself, or with zeros behind it. */
int bnn_onnx_concat(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	struct bnn_onnx_value *x, *y;
	int64_t axis, d[BNN_ONNX_RANK_MAX];
	uint32_t channels, n = op->n->input_count;
	bool is_zero = false;
	int rc = bnn_onnx_int(op, "axis", 0, &axis);

	x = rc ? NULL : bnn_onnx_tensor(op, 0, &rc);
	if (!x)
		return rc;
	rc = need_channels_first(op, x);
	if (rc)
		return rc;
	axis += axis < 0 ? (int64_t)bnn_onnx_shape(op->r, x, d) : 0;
	if (axis != 1)
		return bnn_onnx_fail(op, UNSUPPORTED, "has axis %" PRId64 "; 1 is possible", axis);
	channels = ir->nodes[x->tensor].c;
	for (uint32_t i = 1; i < n; i++) {
		y = bnn_onnx_input(op, i, &rc);
		if (!y)
			return rc ? rc : bnn_onnx_fail(op, BAD, "lacks input %u", i);
		if (y->kind == BNN_ONNX_CONST) {
			bool all = y->c->rank > 1;

			for (size_t k = 0; k < y->c->count; k++)
				all &= y->c->v[k] == 0;
			if (!all || (i > 1 && !is_zero) || y->c->dims[1] > 65536)
				return bnn_onnx_fail(op, UNSUPPORTED,
						     "appends constants that are not zeros");
			is_zero = true;
			channels += (uint32_t)y->c->dims[1];
		} else if (y->tensor != x->tensor || is_zero || y->layout != x->layout) {
			return bnn_onnx_fail(
				op, UNSUPPORTED,
				"joins different tensors; possible are one tensor with "
				"itself, and zeros behind it");
		} else {
			channels += ir->nodes[x->tensor].c;
		}
	}
	return bnn_onnx_result(op, bnn_ir_extend(ir, x->tensor, channels, is_zero), x);
}

/* Numbers of an input, or before operator set 10 of an attribute; all `otherwise` if absent. */
static int slice_numbers(const struct bnn_onnx_op *op, uint32_t input, const char *attribute,
			 double *v, uint32_t *count)
{
	int64_t ints[BNN_ONNX_RANK_MAX];
	const struct bnn_onnx_const *c;
	int rc = attribute ? bnn_onnx_ints(op, attribute, ints, BNN_ONNX_RANK_MAX, count) : 0;

	if (!attribute)
		*count = 0;
	for (uint32_t i = 0; !rc && i < *count; i++)
		v[i] = (double)ints[i];
	c = rc ? NULL : bnn_onnx_constant(op, input, &rc);
	if (rc || !c)
		return rc;
	if (c->count > BNN_ONNX_RANK_MAX)
		return bnn_onnx_fail(op, BAD, "has %zu numbers in input %u", c->count, input);
	*count = (uint32_t)c->count;
	for (uint32_t i = 0; i < *count; i++)
		v[i] = c->v[i];
	return 0;
}

static int slice_axis(struct bnn_onnx_op *op, struct bnn_onnx_value *x, int64_t axis, double start,
		      double end, double step, int *tensor)
{
	struct bnn_ir *ir = &op->r->ir;
	int64_t d[BNN_ONNX_RANK_MAX];
	uint32_t rank = bnn_onnx_shape(op->r, x, d);
	struct bnn_ir_pool pool = {
		.kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1, .group = 1, .divisor = 1
	};

	axis += axis < 0 ? (int64_t)rank : 0;
	if (axis < 0 || axis >= (int64_t)rank)
		return bnn_onnx_fail(op, BAD, "has axis %" PRId64 " of %u", axis, rank);
	start += start < 0 ? (double)d[axis] : 0;
	end += end < 0 ? (double)d[axis] : 0;
	if (start == 0 && step == 1 && end >= (double)d[axis])
		return 0;
	if (axis == 1 && step > 1 && step <= 64 && start >= 0 && start < step &&
	    end > (double)d[1] - step) {
		*tensor = bnn_ir_part(ir, *tensor, (uint32_t)start, (uint32_t)step);
		return *tensor < 0 ? *tensor : 0;
	}
	if (axis >= 2 && x->layout == BNN_ONNX_NCHW && start == 0 && step > 1 && step <= 64 &&
	    end > (double)d[axis] - step) {
		*(axis == 2 ? &pool.stride_h : &pool.stride_w) = (uint32_t)step;
		*tensor = bnn_ir_pool(ir, *tensor, &pool);
		return *tensor < 0 ? *tensor : 0;
	}
	return bnn_onnx_fail(
		op, UNSUPPORTED,
		"takes %g to %g by %g of axis %" PRId64
		"; possible are every k-th channel (k to 64) of which all are added up, "
		"and every k-th row or column from 0",
		start, end, step, axis);
}

int bnn_onnx_slice(struct bnn_onnx_op *op)
{
	double start[BNN_ONNX_RANK_MAX], end[BNN_ONNX_RANK_MAX], axis[BNN_ONNX_RANK_MAX];
	double step[BNN_ONNX_RANK_MAX];
	uint32_t starts, ends, axes, steps;
	int rc, t;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (x)
		rc = need_channels_first(op, x);
	if (rc)
		return rc;
	rc = slice_numbers(op, 1, "starts", start, &starts);
	if (!rc)
		rc = slice_numbers(op, 2, "ends", end, &ends);
	if (!rc)
		rc = slice_numbers(op, 3, "axes", axis, &axes);
	if (!rc)
		rc = slice_numbers(op, 4, NULL, step, &steps);
	if (rc)
		return rc;
	if (!starts || ends != starts || (axes && axes != starts) || (steps && steps != starts))
		return bnn_onnx_fail(op, BAD, "has %u starts, %u ends, %u axes and %u steps",
				     starts, ends, axes, steps);
	t = x->tensor;
	for (uint32_t i = 0; !rc && i < starts; i++)
		rc = slice_axis(op, x, axes ? bnn_onnx_integer(axis[i]) : (int64_t)i, start[i],
				end[i], steps ? step[i] : 1, &t);
	return rc ? rc : bnn_onnx_result(op, t, x);
}

int bnn_onnx_pad(struct bnn_onnx_op *op)
{
	int64_t pads[2 * BNN_ONNX_RANK_MAX];
	const struct bnn_onnx_const *c, *v;
	struct bnn_ir *ir = &op->r->ir;
	double value = 0;
	uint32_t count;
	float old = 0;
	char mode[16];
	int rc, t;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_word(op, "mode", mode, sizeof(mode));
	if (!rc)
		rc = bnn_onnx_ints(op, "pads", pads, 2 * BNN_ONNX_RANK_MAX, &count);
	if (!rc)
		rc = bnn_onnx_float(op, "value", 0, &old);
	value = (double)old;
	c = rc ? NULL : bnn_onnx_constant(op, 1, &rc);
	v = rc ? NULL : bnn_onnx_constant(op, 2, &rc);
	if (!rc && bnn_onnx_has(op, 3))
		rc = bnn_onnx_fail(op, UNSUPPORTED, "names axes; give pads for all axes instead");
	if (rc)
		return rc;
	for (uint32_t i = 0; c && i < c->count && i < 2 * BNN_ONNX_RANK_MAX; i++)
		pads[i] = bnn_onnx_integer(c->v[i]);
	count = c ? (uint32_t)c->count : count;
	value = v && v->count ? v->v[0] : value;
	if (mode[0] && strcmp(mode, "constant"))
		return bnn_onnx_fail(op, UNSUPPORTED, "has mode \"%s\"; constant is possible",
				     mode);
	if (x->layout != BNN_ONNX_NCHW || count != 8 || pads[0] || pads[4] || pads[1])
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "pads other than rows, columns and behind the last channel of "
				     "[N, channels, rows, columns]");
	for (int i = 0; i < 8; i++) {
		if (pads[i] < 0 || pads[i] > 8192)
			return bnn_onnx_fail(op, UNSUPPORTED,
					     "pads by %" PRId64 "; 0 to 8192 is possible", pads[i]);
	}
	if (pads[5] && value != 0)
		return bnn_onnx_fail(op, UNSUPPORTED, "appends channels of %g; 0 is possible",
				     value);
	t = bnn_ir_extend(ir, x->tensor, ir->nodes[x->tensor].c + (uint32_t)pads[5], true);
	t = bnn_ir_pad(ir, t, (uint32_t)pads[2], (uint32_t)pads[3], (uint32_t)pads[6],
		       (uint32_t)pads[7], value);
	return bnn_onnx_result(op, t, x);
}
