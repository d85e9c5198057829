// SPDX-License-Identifier: MIT
/* Convolutions, dense layers, pools and means. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "read.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED
#define BAD BNNACCEL_ERR_BAD_MODEL

/* Two numbers of an attribute, from `least` to 64; 1 each without. */
static int two(const struct bnn_onnx_op *op, const char *name, uint32_t v[2])
{
	int64_t n[2];
	uint32_t count;
	int rc = bnn_onnx_ints(op, name, n, 2, &count);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < count; i++) {
		if (count != 2 || n[i] < 1 || n[i] > 64)
			return bnn_onnx_fail(op, UNSUPPORTED,
					     "has %s whose number %u of %u is %" PRId64
					     "; two numbers from 1 to 64 are possible",
					     name, i, count, n[i]);
		v[i] = (uint32_t)n[i];
	}
	return 0;
}

/* auto_pad SAME: as many rows and columns of the result as strides fit. */
static void pad_same(const struct bnn_ir_node *x, bool upper, struct bnn_onnx_window *w)
{
	for (int i = 0; i < 2; i++) {
		int64_t size = i ? x->w : x->h, reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
		int64_t out = (size + w->stride[i] - 1) / w->stride[i];
		int64_t total = (out - 1) * w->stride[i] + reach - size;

		total = total > 0 ? total : 0;
		w->pad[i] = (uint32_t)(upper ? total / 2 : total - total / 2);
		w->pad[i + 2] = (uint32_t)(total - w->pad[i]);
	}
}

int bnn_onnx_window(const struct bnn_onnx_op *op, const struct bnn_onnx_value *x,
		    struct bnn_onnx_window *w)
{
	const struct bnn_ir_node *n = &op->r->ir.nodes[x->tensor];
	int64_t pads[4], ceil_mode;
	uint32_t count, kernel[2] = { w->kernel[0], w->kernel[1] };
	char auto_pad[16];
	int rc;

	if (x->layout != BNN_ONNX_NCHW && x->layout != BNN_ONNX_NCL1)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "reads a tensor that is not [N, channels, rows, columns]");
	for (int i = 0; i < 2; i++)
		w->stride[i] = w->dilation[i] = 1;
	rc = two(op, "kernel_shape", w->kernel);
	if (!rc)
		rc = two(op, "strides", w->stride);
	if (!rc)
		rc = two(op, "dilations", w->dilation);
	if (!rc)
		rc = bnn_onnx_ints(op, "pads", pads, 4, &count);
	if (!rc)
		rc = bnn_onnx_int(op, "ceil_mode", 0, &ceil_mode);
	if (!rc)
		rc = bnn_onnx_word(op, "auto_pad", auto_pad, sizeof(auto_pad));
	if (rc)
		return rc;
	w->ceil = ceil_mode != 0;
	if (x->layout == BNN_ONNX_NCL1 &&
	    (w->kernel[0] != 1 || w->kernel[1] != 1 || w->stride[0] != 1 || w->stride[1] != 1))
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "reads [N, channels, pixels, 1] with a kernel of %ux%u; 1x1 "
				     "without strides is possible",
				     w->kernel[0], w->kernel[1]);
	if (!w->kernel[0] ||
	    (kernel[0] && (kernel[0] != w->kernel[0] || kernel[1] != w->kernel[1])))
		return bnn_onnx_fail(
			op, BAD, "has kernel_shape %u, %u, which its weights (%u, %u) do not have",
			w->kernel[0], w->kernel[1], kernel[0], kernel[1]);
	if (!strcmp(auto_pad, "SAME_UPPER") || !strcmp(auto_pad, "SAME_LOWER")) {
		pad_same(n, auto_pad[5] == 'U', w);
		return 0;
	}
	if (auto_pad[0] && strcmp(auto_pad, "NOTSET") && strcmp(auto_pad, "VALID"))
		return bnn_onnx_fail(op, BAD, "has auto_pad \"%s\", which ONNX does not know",
				     auto_pad);
	if (count && (count != 4 || !strcmp(auto_pad, "VALID")))
		return bnn_onnx_fail(op, BAD,
				     "has %u pads; four are possible, and none with "
				     "auto_pad VALID",
				     count);
	for (uint32_t i = 0; i < count; i++) {
		if (pads[i] < 0 || pads[i] > 64)
			return bnn_onnx_fail(op, UNSUPPORTED,
					     "has pads whose number %u is %" PRId64
					     "; 0 to 64 is possible",
					     i, pads[i]);
		w->pad[i] = (uint32_t)pads[i];
	}
	return 0;
}

int bnn_onnx_conv(struct bnn_onnx_op *op)
{
	const struct bnn_onnx_const *wt, *b;
	struct bnn_onnx_window w = { .ceil = false };
	struct bnn_ir_conv conv = { .order = BNNACCEL_OIHW };
	const struct bnn_ir_node *n;
	int64_t group;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	wt = bnn_onnx_constant(op, 1, &rc);
	b = rc ? NULL : bnn_onnx_constant(op, 2, &rc);
	if (!rc && (!wt || wt->rank != 4 || !wt->count))
		rc = bnn_onnx_fail(
			op, UNSUPPORTED,
			"has weights of %u dimensions; [outputs, channels, rows, columns] "
			"is possible",
			wt ? wt->rank : 0);
	if (rc)
		return rc;
	n = &op->r->ir.nodes[x->tensor];
	for (int i = 0; i < 2; i++) {
		if (wt->dims[2 + i] > 64)
			return bnn_onnx_fail(op, UNSUPPORTED,
					     "has a kernel of %" PRId64 ", 7 is the largest",
					     wt->dims[2 + i]);
		w.kernel[i] = (uint32_t)wt->dims[2 + i];
	}
	rc = bnn_onnx_window(op, x, &w);
	if (!rc)
		rc = bnn_onnx_int(op, "group", 1, &group);
	if (rc)
		return rc;
	if (group < 1 || group > (int64_t)n->c || n->c % group || wt->dims[0] % group ||
	    wt->dims[1] != (int64_t)n->c / group || wt->dims[0] > 8192)
		return bnn_onnx_fail(op, BAD,
				     "has weights for %" PRId64 " outputs and %" PRId64
				     " channels in %" PRId64
				     " groups, but its input has %u channels",
				     wt->dims[0], wt->dims[1], group, n->c);
	if (b && b->count != (size_t)wt->dims[0])
		return bnn_onnx_fail(op, BAD, "has %zu biases for %" PRId64 " outputs", b->count,
				     wt->dims[0]);
	conv.outputs = (uint32_t)wt->dims[0];
	conv.groups = (uint32_t)group;
	conv.kernel_h = w.kernel[0];
	conv.kernel_w = w.kernel[1];
	conv.stride_h = w.stride[0];
	conv.stride_w = w.stride[1];
	conv.dilation_h = w.dilation[0];
	conv.dilation_w = w.dilation[1];
	conv.pad_top = w.pad[0];
	conv.pad_left = w.pad[1];
	conv.pad_bottom = w.pad[2];
	conv.pad_right = w.pad[3];
	conv.weights = bnn_onnx_floats(op, wt->v, wt->count, &rc);
	if (!rc && b)
		conv.bias = bnn_onnx_floats(op, b->v, b->count, &rc);
	if (rc) {
		free(conv.weights);
		return rc;
	}
	return bnn_onnx_result(op, bnn_ir_conv(&op->r->ir, x->tensor, &conv), x);
}

/* A dense layer; weights[o][k] is at o*step_o + k*step_k of the constant. */
static int dense(struct bnn_onnx_op *op, struct bnn_onnx_value *x, const struct bnn_onnx_const *wt,
		 bool transposed, const struct bnn_onnx_const *b)
{
	struct bnn_ir_conv conv = { .dense = true, .order = BNNACCEL_OIHW };
	int64_t d[BNN_ONNX_RANK_MAX];
	size_t outputs, k;
	bool pixels;
	int in = x->tensor;
	float *given, *w;
	int rc;

	pixels = x->layout == BNN_ONNX_NLC || x->layout == BNN_ONNX_NCL;
	if ((bnn_onnx_shape(op->r, x, d) != 2 && !pixels) || wt->rank != 2)
		return bnn_onnx_fail(
			op, UNSUPPORTED,
			"multiplies a tensor of %u dimensions by weights of %u; 2 and 2 "
			"are possible (Flatten before), or 3 and 2",
			bnn_onnx_shape(op->r, x, d), wt->rank);
	outputs = (size_t)wt->dims[transposed ? 0 : 1];
	k = (size_t)wt->dims[transposed ? 1 : 0];
	if ((int64_t)k != d[pixels ? 2 : 1] || !outputs || outputs > 8192)
		return bnn_onnx_fail(
			op, BAD,
			"has weights for %zu inputs and %zu outputs, but its input has "
			"%" PRId64 " (at most 8192 outputs)",
			k, outputs, d[pixels ? 2 : 1]);
	if (b && b->count != outputs && b->count != 1)
		return bnn_onnx_fail(op, BAD, "has %zu biases for %zu outputs", b->count, outputs);
	given = bnn_onnx_floats(op, wt->v, wt->count, &rc);
	if (!given)
		return rc;
	w = given;
	if (!transposed) {
		w = malloc(wt->count * sizeof(float));
		for (size_t o = 0; w && o < outputs; o++)
			for (size_t i = 0; i < k; i++)
				w[o * k + i] = given[i * outputs + o];
		free(given);
	}
	conv.outputs = (uint32_t)outputs;
	conv.groups = 1;
	conv.weights = w;
	if (!w)
		rc = bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	if (b && !rc) {
		double *all = malloc(outputs * sizeof(double));

		for (size_t o = 0; all && o < outputs; o++)
			all[o] = b->v[b->count == 1 ? 0 : o];
		conv.bias = all ? bnn_onnx_floats(op, all, outputs, &rc) : NULL;
		if (!all)
			rc = bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
		free(all);
	}
	if (rc) {
		free(conv.weights);
		return rc;
	}
	if (pixels) {
		/* of each pixel: a 1x1 convolution, along the last axis */
		conv.dense = false;
		conv.kernel_h = conv.kernel_w = conv.stride_h = conv.stride_w = 1;
		conv.dilation_h = conv.dilation_w = 1;
		if (x->layout == BNN_ONNX_NCL)
			in = bnn_ir_transpose(&op->r->ir, in, 1);
	}
	return bnn_onnx_result_as(op, bnn_ir_conv(&op->r->ir, in, &conv),
				  pixels ? BNN_ONNX_NLC : BNN_ONNX_FLAT);
}

int bnn_onnx_gemm(struct bnn_onnx_op *op)
{
	const struct bnn_onnx_const *wt, *b;
	int64_t trans_a, trans_b;
	float alpha, beta;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	wt = bnn_onnx_constant(op, 1, &rc);
	b = rc ? NULL : bnn_onnx_constant(op, 2, &rc);
	if (!rc)
		rc = bnn_onnx_float(op, "alpha", 1, &alpha);
	if (!rc)
		rc = bnn_onnx_float(op, "beta", 1, &beta);
	if (!rc)
		rc = bnn_onnx_int(op, "transA", 0, &trans_a);
	if (!rc)
		rc = bnn_onnx_int(op, "transB", 0, &trans_b);
	if (rc)
		return rc;
	if (alpha != 1 || beta != 1 || trans_a)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "has alpha %g, beta %g and transA %" PRId64
				     "; 1, 1 and 0 are possible",
				     (double)alpha, (double)beta, trans_a);
	return wt ? dense(op, x, wt, trans_b != 0, b) : bnn_onnx_fail(op, BAD, "lacks input 1");
}

int bnn_onnx_matmul(struct bnn_onnx_op *op)
{
	const struct bnn_onnx_const *wt;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	wt = bnn_onnx_constant(op, 1, &rc);
	if (rc)
		return rc;
	return wt ? dense(op, x, wt, false, NULL) : bnn_onnx_fail(op, BAD, "lacks input 1");
}

static struct bnn_ir_pool pool_of(const struct bnn_onnx_window *w, bool max)
{
	return (struct bnn_ir_pool){ .max = max,
				     .kernel_h = w->kernel[0],
				     .kernel_w = w->kernel[1],
				     .stride_h = w->stride[0],
				     .stride_w = w->stride[1],
				     .pad_top = w->pad[0],
				     .pad_left = w->pad[1],
				     .pad_bottom = w->pad[2],
				     .pad_right = w->pad[3],
				     .group = 1,
				     .divisor = max ? 0 : w->kernel[0] * w->kernel[1] };
}

/* Rows or columns that ceil_mode adds a window for. */
static uint32_t ceil_rest(uint32_t size, uint32_t pad, uint32_t kernel, uint32_t stride)
{
	uint32_t rest = size + pad < kernel ? 0 : (size + pad - kernel) % stride;

	return rest ? stride - rest : 0;
}

int bnn_onnx_average_pool(struct bnn_onnx_op *op)
{
	struct bnn_onnx_window w = { .ceil = false };
	const struct bnn_ir_node *n;
	struct bnn_ir_pool pool;
	int64_t include;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_window(op, x, &w);
	if (!rc)
		rc = bnn_onnx_int(op, "count_include_pad", 0, &include);
	if (rc)
		return rc;
	n = &op->r->ir.nodes[x->tensor];
	if (!include && (w.pad[0] | w.pad[1] | w.pad[2] | w.pad[3]))
		return bnn_onnx_fail(
			op, UNSUPPORTED,
			"has pads with count_include_pad 0, so divides by other numbers "
			"at the border; use count_include_pad 1 or no pads");
	if (w.ceil && (ceil_rest(n->h, w.pad[0] + w.pad[2], w.kernel[0], w.stride[0]) ||
		       ceil_rest(n->w, w.pad[1] + w.pad[3], w.kernel[1], w.stride[1])))
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "has ceil_mode 1 with windows that reach outside; use 0");
	pool = pool_of(&w, false);
	return bnn_onnx_result(op, bnn_ir_pool(&op->r->ir, x->tensor, &pool), x);
}

int bnn_onnx_max_pool(struct bnn_onnx_op *op)
{
	struct bnn_onnx_window w = { .ceil = false };
	const struct bnn_ir_node *n;
	struct bnn_ir_pool pool;
	int64_t order;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_window(op, x, &w);
	if (!rc)
		rc = bnn_onnx_int(op, "storage_order", 0, &order);
	if (!rc && (w.dilation[0] != 1 || w.dilation[1] != 1))
		rc = bnn_onnx_fail(op, UNSUPPORTED, "has dilations %u, %u; 1, 1 is possible",
				   w.dilation[0], w.dilation[1]);
	if (rc)
		return rc;
	n = &op->r->ir.nodes[x->tensor];
	if (w.ceil) {
		w.pad[2] += ceil_rest(n->h, w.pad[0] + w.pad[2], w.kernel[0], w.stride[0]);
		w.pad[3] += ceil_rest(n->w, w.pad[1] + w.pad[3], w.kernel[1], w.stride[1]);
	}
	pool = pool_of(&w, true);
	return bnn_onnx_result(op, bnn_ir_pool(&op->r->ir, x->tensor, &pool), x);
}

int bnn_onnx_global_pool(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	struct bnn_ir_pool pool = { .max = true, .stride_h = 1, .stride_w = 1, .group = 1 };
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	if (x->layout != BNN_ONNX_NCHW)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "reads a tensor that is not [N, channels, rows, columns]");
	if (!strcmp(op->name, "GlobalAveragePool"))
		return bnn_onnx_result(op, bnn_ir_mean(ir, x->tensor), x);
	pool.kernel_h = ir->nodes[x->tensor].h;
	pool.kernel_w = ir->nodes[x->tensor].w;
	return bnn_onnx_result(op, bnn_ir_pool(ir, x->tensor, &pool), x);
}

/* Mean of groups of channels: [N, groups, k, rows, columns] over axis 2. */
static int mean_of_groups(struct bnn_onnx_op *op, struct bnn_onnx_value *x, bool keep)
{
	struct bnn_ir_pool pool = { .kernel_h = 1,
				    .kernel_w = 1,
				    .stride_h = 1,
				    .stride_w = 1,
				    .group = x->group,
				    .divisor = x->group };

	if (keep)
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "keeps the axis of a group of channels; use keepdims 0");
	return bnn_onnx_result_as(op, bnn_ir_pool(&op->r->ir, x->tensor, &pool), BNN_ONNX_NCHW);
}

int bnn_onnx_reduce_mean(struct bnn_onnx_op *op)
{
	int64_t axes[BNN_ONNX_RANK_MAX], d[BNN_ONNX_RANK_MAX], keep;
	const struct bnn_onnx_const *c;
	uint32_t count, rank, mask = 0, want;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_ints(op, "axes", axes, BNN_ONNX_RANK_MAX, &count);
	if (!rc)
		rc = bnn_onnx_int(op, "keepdims", 1, &keep);
	c = rc ? NULL : bnn_onnx_constant(op, 1, &rc);
	if (rc)
		return rc;
	rank = bnn_onnx_shape(op->r, x, d);
	count = c ? c->count > BNN_ONNX_RANK_MAX ? BNN_ONNX_RANK_MAX : (uint32_t)c->count : count;
	for (uint32_t i = 0; i < count; i++) {
		int64_t axis = c ? bnn_onnx_integer(c->v[i]) : axes[i];

		axis += axis < 0 ? (int64_t)rank : 0;
		mask |= axis >= 0 && axis < (int64_t)rank ? 1u << axis : 1u << 31;
	}
	if (x->layout == BNN_ONNX_GROUP && mask == 1u << 2)
		return mean_of_groups(op, x, keep != 0);
	want = x->layout == BNN_ONNX_NCHW   ? 12
	       : x->layout == BNN_ONNX_NHWC ? 6
	       : x->layout == BNN_ONNX_NLC  ? 2
					    : 4;
	if (x->layout == BNN_ONNX_NLC && mask == 4)
		return bnn_onnx_fail(
			op, UNSUPPORTED,
			"takes a mean over the channels of each pixel; if it is part of "
			"a layer normalisation, export with operator set 17, which has "
			"LayerNormalization");
	if (mask != want || x->layout == BNN_ONNX_FLAT || x->layout == BNN_ONNX_NCL1 ||
	    x->layout == BNN_ONNX_GROUP || (keep && x->layout == BNN_ONNX_NCL))
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "takes a mean over other axes than rows and columns");
	return bnn_onnx_result_as(op, bnn_ir_mean(&op->r->ir, x->tensor),
				  keep ? x->layout : BNN_ONNX_FLAT);
}
