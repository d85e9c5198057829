// SPDX-License-Identifier: MIT
/* Convolutions of the domain bnnaccel: packed, tiled and indexed signs, gates. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "own.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED
#define BAD BNNACCEL_ERR_BAD_MODEL

static struct bnn_ir_node *node_of(const struct bnn_onnx_op *op, const struct bnn_onnx_value *x)
{
	return &op->r->ir.nodes[x->tensor];
}

/* Scales and biases of inputs i and i + 1. */
static int scale_and_bias(struct bnn_onnx_op *op, uint32_t scale, uint32_t bias,
			  struct bnn_ir_conv *c)
{
	const struct bnn_onnx_const *s, *b;
	const double *v;
	double *all;
	uint32_t n;
	int rc;

	s = bnn_onnx_constant(op, scale, &rc);
	b = rc ? NULL : bnn_onnx_constant(op, bias, &rc);
	if (rc)
		return rc;
	if (s) {
		if (!s->count || s->count > c->outputs || c->outputs % s->count)
			return bnn_onnx_fail(op, BAD,
					     "has %zu scales, which do not divide %u outputs",
					     s->count, c->outputs);
		c->scales = (uint32_t)s->count;
		c->scale = bnn_onnx_floats(op, s->v, s->count, &rc);
		if (rc)
			return rc;
	}
	if (!b)
		return 0;
	rc = bnn_onnx_vector(op, bias, c->outputs, NULL, &v, &n);
	if (rc)
		return rc;
	all = malloc(c->outputs * sizeof(double));
	for (uint32_t i = 0; all && i < c->outputs; i++)
		all[i] = v[n == 1 ? 0 : i];
	c->bias = all ? bnn_onnx_floats(op, all, c->outputs, &rc) : NULL;
	free(all);
	return c->bias || rc ? rc : bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
}

static void drop(struct bnn_ir_conv *c)
{
	free(c->weights);
	free(c->scale);
	free(c->bias);
	free(c->gates);
}

/* Room for n codes, within what an import may make. */
static int8_t *room(struct bnn_onnx_op *op, uint64_t n, int *rc)
{
	int8_t *w = NULL;

	*rc = 0;
	if (n > op->r->ir.left)
		*rc = bnn_onnx_fail(op, UNSUPPORTED, "has more weights than an import may make");
	else if (!(w = malloc(n ? n : 1)))
		*rc = bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	else
		op->r->ir.left -= n;
	return w;
}

/* Packed rows, one byte per number of the constant, as +1 and -1. */
static int unpack(struct bnn_onnx_op *op, const struct bnn_onnx_const *c, uint64_t k, int8_t **out)
{
	uint64_t rows = (uint64_t)c->dims[0], bytes = (k + 7) / 8;
	int8_t *w;
	int rc;

	if (c->rank != 2 || (uint64_t)c->dims[1] != bytes)
		return bnn_onnx_fail(op, BAD,
				     "has packed weights of %u dimensions, %" PRId64
				     " bytes a row; %" PRIu64 " weights are %" PRIu64 " bytes",
				     c->rank, c->rank > 1 ? c->dims[1] : 0, k, bytes);
	w = room(op, rows * k, &rc);
	for (uint64_t r = 0; w && r < rows; r++) {
		for (uint64_t i = 0; i < k; i++)
			w[r * k + i] =
				(unsigned int)c->v[r * bytes + i / 8] >> (i % 8) & 1 ? 1 : -1;
	}
	*out = w;
	return rc;
}

/* Geometry of a convolution; where `weights` is [o][c][kh][kw], its kernel is meant. */
static int geometry(struct bnn_onnx_op *op, struct bnn_onnx_value *x,
		    const struct bnn_onnx_const *weights, struct bnn_ir_conv *c)
{
	struct bnn_onnx_window w = { .ceil = false };
	const struct bnn_ir_node *n = node_of(op, x);
	int64_t group, pad;
	int rc;

	if (weights && weights->rank == 4) {
		for (int i = 0; i < 2; i++)
			w.kernel[i] =
				weights->dims[2 + i] > 64 ? 65 : (uint32_t)weights->dims[2 + i];
	} else if (!bnn_onnx_attribute(op, "kernel_shape")) {
		return bnn_onnx_fail(op, BAD, "needs attribute \"kernel_shape\"");
	}
	rc = bnn_onnx_window(op, x, &w);
	if (!rc)
		rc = bnn_onnx_int(op, "group", 1, &group);
	if (!rc)
		rc = bnn_onnx_int(op, "pad_value", 0, &pad);
	if (rc)
		return rc;
	if (w.kernel[0] > 7 || w.kernel[1] > 7)
		return bnn_onnx_fail(op, UNSUPPORTED, "has a kernel of %ux%u; 7x7 is the largest",
				     w.kernel[0], w.kernel[1]);
	if (pad < -1 || pad > 1)
		return bnn_onnx_fail(op, BAD, "has pad_value %" PRId64 "; -1, 0 and 1 are possible",
				     pad);
	if (group < 1 || group > n->c || n->c % group)
		return bnn_onnx_fail(op, BAD, "has %" PRId64 " groups for %u channels", group,
				     n->c);
	c->groups = (uint32_t)group;
	c->pad_value = (int)pad;
	c->kernel_h = w.kernel[0];
	c->kernel_w = w.kernel[1];
	c->stride_h = w.stride[0];
	c->stride_w = w.stride[1];
	c->dilation_h = w.dilation[0];
	c->dilation_w = w.dilation[1];
	c->pad_top = w.pad[0];
	c->pad_left = w.pad[1];
	c->pad_bottom = w.pad[2];
	c->pad_right = w.pad[3];
	return 0;
}

static int check_outputs(const struct bnn_onnx_op *op, int64_t outputs, uint32_t groups)
{
	if (outputs < 1 || outputs > 8192 || outputs % groups)
		return bnn_onnx_fail(op, BAD,
				     "has %" PRId64 " outputs in %u groups; 1 to 8192 are possible",
				     outputs, groups);
	return 0;
}

/* Signs of weights: packed, or float of which the sign is taken. `k` per output. */
static int signs(struct bnn_onnx_op *op, const struct bnn_onnx_const *wt, uint64_t k,
		 struct bnn_ir_conv *c)
{
	int8_t *w = NULL;
	int rc;

	if (!wt || !wt->rank || !wt->dims[0])
		return bnn_onnx_fail(op, BAD, "lacks weights");
	rc = check_outputs(op, wt->dims[0], c->groups);
	if (rc)
		return rc;
	c->outputs = (uint32_t)wt->dims[0];
	c->kind = BNN_IR_WEIGHTS_CODES;
	if (wt->type == BNN_ONNX_UINT8) {
		c->order = BNNACCEL_OHWI;
		rc = unpack(op, wt, k, &w);
		c->weights = w;
		return rc;
	}
	c->order = BNNACCEL_OIHW;
	if (wt->count != c->outputs * k)
		return bnn_onnx_fail(op, BAD,
				     "has %zu weights for %u outputs of %" PRIu64 " inputs",
				     wt->count, c->outputs, k);
	w = room(op, wt->count, &rc);
	c->weights = w;
	for (size_t i = 0; w && i < wt->count; i++) {
		if (isnan(wt->v[i]))
			return bnn_onnx_fail(
				op, BAD,
				"has a weight (element %zu) that is not a number; train it "
				"again or repair it",
				i);
		w[i] = wt->v[i] >= 0 ? 1 : -1;
	}
	return rc;
}

static int finish(struct bnn_onnx_op *op, struct bnn_onnx_value *x, int rc, struct bnn_ir_conv *c)
{
	if (rc) {
		drop(c);
		return rc;
	}
	return bnn_onnx_result_as(op, bnn_ir_conv(&op->r->ir, x->tensor, c),
				  c->dense ? BNN_ONNX_FLAT : x->layout);
}

static uint64_t weights_of(const struct bnn_onnx_op *op, const struct bnn_onnx_value *x,
			   const struct bnn_ir_conv *c)
{
	const struct bnn_ir_node *n = node_of(op, x);

	return c->dense ? (uint64_t)n->h * n->w * n->c
			: (uint64_t)c->kernel_h * c->kernel_w * (n->c / c->groups);
}

static int need_flat(const struct bnn_onnx_op *op, const struct bnn_onnx_value *x)
{
	int64_t d[BNN_ONNX_RANK_MAX];

	if (x->layout == BNN_ONNX_FLAT)
		return 0;
	return bnn_onnx_fail(op, UNSUPPORTED,
			     "reads a tensor of %u dimensions, not [N, K]; use "
			     "Flatten before",
			     bnn_onnx_shape(op->r, x, d));
}

/* The order of packed rows of a dense layer is that of the flattened input: channel first. */
static void reorder_dense(struct bnn_ir_conv *c)
{
	if (c->dense)
		c->order = BNNACCEL_OIHW;
}

int bnn_own_binary_conv(struct bnn_onnx_op *op)
{
	struct bnn_ir_conv c = { .dense = !strcmp(op->name, "BinaryGemm"), .groups = 1 };
	const struct bnn_onnx_const *wt;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	wt = bnn_onnx_constant(op, 1, &rc);
	if (!rc)
		rc = c.dense ? need_flat(op, x) : geometry(op, x, wt, &c);
	if (!rc)
		rc = signs(op, wt, weights_of(op, x, &c), &c);
	reorder_dense(&c);
	if (!rc)
		rc = scale_and_bias(op, 2, 3, &c);
	return finish(op, x, rc, &c);
}

int bnn_own_gated_conv(struct bnn_onnx_op *op)
{
	struct bnn_ir_conv c = { .groups = 1 };
	const struct bnn_onnx_const *wt;
	const double *gates;
	double *all;
	float *w;
	uint64_t k;
	uint32_t n;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	wt = bnn_onnx_constant(op, 1, &rc);
	if (!rc)
		rc = geometry(op, x, wt, &c);
	k = rc ? 0 : weights_of(op, x, &c);
	if (!rc)
		rc = signs(op, wt, k, &c);
	/* the gates compare what comes before the bias; there is no scale */
	if (!rc)
		rc = scale_and_bias(op, 4096, 3, &c);
	if (!rc)
		rc = bnn_onnx_vector(op, 2, c.outputs, NULL, &gates, &n);
	if (rc)
		return finish(op, x, rc, &c);
	w = malloc(c.outputs * k * sizeof(float));
	all = malloc(c.outputs * sizeof(double));
	for (uint64_t i = 0; w && i < c.outputs * k; i++)
		w[i] = ((int8_t *)c.weights)[i];
	for (uint32_t i = 0; all && i < c.outputs; i++)
		all[i] = gates[n == 1 ? 0 : i];
	free(c.weights);
	c.weights = w;
	c.kind = BNN_IR_WEIGHTS_FLOAT;
	if (!w || !all)
		rc = bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	else
		c.gates = bnn_onnx_floats(op, all, c.outputs, &rc);
	free(all);
	return finish(op, x, rc, &c);
}

static bool bit(const uint8_t *bits, uint64_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

static void set_bit(uint8_t *bits, uint64_t i)
{
	bits[i / 8] |= (uint8_t)(1u << i % 8);
}

/*
 * A tile in the order output, channel, ky, kx as one in the order output, ky, kx,
 * channel: possible where it consists of whole outputs. `q` bits.
 */
static uint8_t *reorder_tile(const uint8_t *tile, uint64_t q, uint64_t taps, uint64_t channels)
{
	uint8_t *to = calloc(1, q / 8 + 1);

	for (uint64_t i = 0; to && i < q; i++) {
		uint64_t row = i / (taps * channels), at = i % (taps * channels);

		if (bit(tile, i))
			set_bit(to, row * taps * channels + at % taps * channels + at / taps);
	}
	return to;
}

/* Where a tile cannot stay one: all weights, with a scale for each output. */
static int write_out(struct bnn_onnx_op *op, struct bnn_ir_conv *c, uint8_t *tile, uint64_t k,
		     uint64_t q)
{
	int8_t *w;
	int rc;

	w = room(op, c->outputs * k, &rc);
	for (uint64_t i = 0; w && i < c->outputs * k; i++)
		w[i] = bit(tile, i % q) ? 1 : -1;
	free(tile);
	c->weights = w;
	c->kind = BNN_IR_WEIGHTS_CODES;
	c->tile = 0;
	bnn_note(op->r->ir.notes,
		 "%s: tiles do not begin at outputs, so all weights are written out",
		 op->r->ir.label);
	return rc;
}

static int read_tile(struct bnn_onnx_op *op, const struct bnn_onnx_value *x, struct bnn_ir_conv *c)
{
	const struct bnn_onnx_const *t;
	uint64_t k, q, taps = c->dense ? 1 : (uint64_t)c->kernel_h * c->kernel_w;
	int64_t p, outputs;
	uint8_t *tile;
	char order[8];
	int rc;

	t = bnn_onnx_constant(op, 1, &rc);
	if (!rc)
		rc = bnn_onnx_int(op, "p", 0, &p);
	if (!rc)
		rc = bnn_onnx_int(op, "outputs", 0, &outputs);
	if (!rc)
		rc = bnn_onnx_word(op, "order", order, sizeof(order));
	if (!rc)
		rc = check_outputs(op, outputs, c->groups);
	if (rc)
		return rc;
	k = weights_of(op, x, c);
	if (order[0] && strcmp(order, "OIHW") && strcmp(order, "OHWI"))
		return bnn_onnx_fail(op, BAD, "has order \"%s\"; OIHW and OHWI are possible",
				     order);
	if (p < 1 || p > 255 || (uint64_t)outputs * k % (uint64_t)p)
		return bnn_onnx_fail(op, BAD,
				     "has p %" PRId64
				     "; 1 to 255 is possible, and it must divide the "
				     "%" PRIu64 " weights",
				     p, (uint64_t)outputs * k);
	/* the builder writes them out */
	if ((uint64_t)outputs * k > op->r->ir.left)
		return bnn_onnx_fail(op, UNSUPPORTED, "has more weights than an import may make");
	q = (uint64_t)outputs * k / (uint64_t)p;
	if (!t || t->type != BNN_ONNX_UINT8 || t->count != (q + 7) / 8)
		return bnn_onnx_fail(op, BAD,
				     "has a tile of %zu numbers (%s); %" PRIu64
				     " signs are %" PRIu64 " of uint8",
				     t ? t->count : 0, t ? bnn_onnx_type_name(t->type) : "none", q,
				     (q + 7) / 8);
	tile = malloc(t->count);
	if (!tile)
		return bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < t->count; i++)
		tile[i] = (uint8_t)t->v[i];
	c->outputs = (uint32_t)outputs;
	c->kind = BNN_IR_WEIGHTS_TILE;
	c->tile = (uint32_t)p;
	c->weights = tile;
	c->order = BNNACCEL_OHWI;
	/* a dense layer of several pixels: its input is in the order channel, row, column */
	if (c->dense && !bnn_ir_is_flat(&op->r->ir, x->tensor))
		taps = (uint64_t)node_of(op, x)->h * node_of(op, x)->w;
	if ((!c->dense && !strcmp(order, "OHWI")) || taps == 1)
		return 0;
	if (outputs % p == 0) {
		c->weights = reorder_tile(tile, q, taps, k / taps);
		free(tile);
		return c->weights ? 0 : bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	}
	c->weights = NULL;
	c->order = BNNACCEL_OIHW;
	return write_out(op, c, tile, k, q);
}

int bnn_own_tiled_conv(struct bnn_onnx_op *op)
{
	struct bnn_ir_conv c = { .dense = !strcmp(op->name, "TiledGemm"), .groups = 1 };
	int64_t p;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = c.dense ? need_flat(op, x) : geometry(op, x, NULL, &c);
	if (!rc)
		rc = read_tile(op, x, &c);
	if (!rc)
		rc = bnn_onnx_int(op, "p", 1, &p);
	if (!rc)
		rc = scale_and_bias(op, 2, 3, &c);
	if (!rc && c.scale && c.scales != 1 && c.scales != p)
		rc = bnn_onnx_fail(op, BAD, "has %u scales; 1 or p (%" PRId64 ") are possible",
				   c.scales, p);
	return finish(op, x, rc, &c);
}

int bnn_own_codebook_conv(struct bnn_onnx_op *op)
{
	struct bnn_ir_conv c = { .groups = 1,
				 .kind = BNN_IR_WEIGHTS_CODES,
				 .order = BNNACCEL_OIHW };
	const struct bnn_onnx_const *book, *index;
	uint64_t taps, channels;
	int8_t *w;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	book = bnn_onnx_constant(op, 1, &rc);
	index = rc ? NULL : bnn_onnx_constant(op, 2, &rc);
	if (!rc)
		rc = geometry(op, x, NULL, &c);
	if (rc)
		return rc;
	taps = (uint64_t)c.kernel_h * c.kernel_w;
	channels = node_of(op, x)->c / c.groups;
	if (!book || !index || taps > 16 || index->rank != 2 ||
	    (uint64_t)index->dims[1] != channels)
		return bnn_onnx_fail(op, BAD,
				     "needs a codebook of kernels of at most 16 taps and indices "
				     "[outputs, %" PRIu64 "]",
				     channels);
	rc = check_outputs(op, index->dims[0], c.groups);
	if (rc)
		return rc;
	c.outputs = (uint32_t)index->dims[0];
	w = room(op, index->count * taps, &rc);
	c.weights = w;
	for (size_t i = 0; w && !rc && i < index->count; i++) {
		int64_t entry = bnn_onnx_integer(index->v[i]);
		int64_t kernel;

		if (entry < 0 || entry >= (int64_t)book->count) {
			rc = bnn_onnx_fail(op, BAD,
					   "has index %" PRId64
					   " (element %zu) into a codebook of %zu "
					   "entries",
					   entry, i, book->count);
			break;
		}
		kernel = bnn_onnx_integer(book->v[entry]);
		for (uint64_t t = 0; t < taps; t++)
			w[i * taps + t] = (uint64_t)kernel >> t & 1 ? 1 : -1;
	}
	if (!rc)
		rc = scale_and_bias(op, 3, 4, &c);
	return finish(op, x, rc, &c);
}
