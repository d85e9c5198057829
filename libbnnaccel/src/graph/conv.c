// SPDX-License-Identifier: MIT
/* The convolution operator: geometry, and weights of every kind as integers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "ops.h"

static uint32_t or1(uint32_t x)
{
	return x ? x : 1;
}

/* Index in the caller's array of weight (output o, tap t, channel i). */
static size_t source(const struct bnnaccel_conv *conv, const struct bnn_conv_op *c,
		     uint32_t channels, uint32_t o, uint32_t t, uint32_t i)
{
	if (conv->order == BNNACCEL_OIHW)
		return ((size_t)o * channels + i) * c->kh * c->kw + t;
	return (size_t)o * c->k + (size_t)t * channels + i;
}

static bool bit(const void *bits, uint64_t i)
{
	return ((const uint8_t *)bits)[i / 8] >> (i % 8) & 1;
}

/* One scale per output channel, so that the largest weight becomes 127. */
static void quantise_row(struct bnn_conv_op *c, uint32_t o, const float *w, uint32_t channels,
			 const struct bnnaccel_conv *conv)
{
	uint32_t taps = c->kh * c->kw;
	double max = 0;

	for (uint32_t j = 0; j < c->k; j++)
		max = fmax(
			max,
			fabs((double)w[source(conv, c, channels, o, j / channels, j % channels)]));
	for (uint32_t t = 0; t < taps; t++) {
		for (uint32_t i = 0; i < channels; i++) {
			double x = (double)w[source(conv, c, channels, o, t, i)];

			c->w[(size_t)o * c->k + t * channels + i] =
				max > 0 ? (int8_t)floor(x * 127 / max + 0.5) : 0;
		}
	}
	c->scale[o] *= max / 127;
}

static uint8_t smallest_format(const int8_t *w, size_t n)
{
	bool zero = false, more = false, wide = false;

	for (size_t i = 0; i < n; i++) {
		zero |= !w[i];
		more |= w[i] < -1 || w[i] > 1;
		wide |= w[i] < -8 || w[i] > 7;
	}
	return wide   ? BNN_WFORMAT_S8
	       : more ? BNN_WFORMAT_S4
	       : zero ? BNN_WFORMAT_T
		      : BNN_WFORMAT_B1;
}

static int load_weights(struct bnnaccel_graph *g, struct bnn_conv_op *c, uint32_t outputs,
			uint32_t channels, const struct bnnaccel_conv *conv)
{
	const float *f = conv->weights;
	size_t row = conv->row_bytes ? conv->row_bytes : (c->k + 7) / 8;
	uint64_t total = (uint64_t)outputs * c->k, tile = c->tile ? total / c->tile : 0;

	for (uint32_t o = 0; o < outputs; o++) {
		for (uint32_t j = 0; j < c->k; j++) {
			int8_t *w = &c->w[(size_t)o * c->k + j];
			size_t from = source(conv, c, channels, o, j / channels, j % channels);

			switch (conv->kind) {
			case BNNACCEL_WEIGHTS_SIGN:
			case BNNACCEL_WEIGHTS_FLOAT:
				if (!isfinite(f[from]))
					return bnn_graph_fail(
						g, BNNACCEL_ERR_BAD_MODEL,
						"graph %s: weight %zu of operator %zu is not "
						"finite; train it again or repair it",
						g->name, from, g->count);
				*w = f[from] >= 0 ? 1 : -1;
				break;
			case BNNACCEL_WEIGHTS_BITS:
				*w = bit(conv->weights, (uint64_t)o * row * 8 + j) ? 1 : -1;
				break;
			case BNNACCEL_WEIGHTS_TILED:
				*w = bit(conv->weights, ((uint64_t)o * c->k + j) % tile) ? 1 : -1;
				break;
			case BNNACCEL_WEIGHTS_INT8:
				*w = ((const int8_t *)conv->weights)[from];
				break;
			}
		}
		if (conv->kind == BNNACCEL_WEIGHTS_FLOAT)
			quantise_row(c, o, f, channels, conv);
	}
	c->wformat = conv->kind == BNNACCEL_WEIGHTS_FLOAT  ? BNN_WFORMAT_S8
		     : conv->kind == BNNACCEL_WEIGHTS_INT8 ? smallest_format(c->w, total)
							   : BNN_WFORMAT_B1;
	return 0;
}

static int check_geometry(struct bnnaccel_graph *g, const struct bnn_op *x,
			  const struct bnnaccel_conv *conv, const struct bnn_conv_op *c,
			  const char *name)
{
	uint32_t ekh = c->dh * (c->kh - 1) + 1, ekw = c->dw * (c->kw - 1) + 1;

	if (!conv->weights || !conv->outputs || conv->outputs > BNN_CHANNELS_MAX)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: %s after %s needs weights and 1 to %u outputs, not %u", g->name,
			name, x->name, BNN_CHANNELS_MAX, conv->outputs);
	if (!c->kh || !c->kw || c->kh > BNN_KERNEL_MAX || c->kw > BNN_KERNEL_MAX || c->sh > 4 ||
	    c->sw > 4 || c->dh > 4 || c->dw > 4)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: %s after %s has kernel %ux%u, stride %ux%u, "
				      "dilation %ux%u; 7, 4 and 4 are the largest",
				      g->name, name, x->name, c->kh, c->kw, c->sh, c->sw, c->dh,
				      c->dw);
	if (c->groups > x->c || x->c % c->groups || conv->outputs % c->groups)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: %u groups of %s do not divide %u inputs and %u outputs", g->name,
			c->groups, name, x->c, conv->outputs);
	if (c->pad_t >= ekh || c->pad_b >= ekh || c->pad_l >= ekw || c->pad_r >= ekw ||
	    x->h + c->pad_t + c->pad_b < ekh || x->w + c->pad_l + c->pad_r < ekw)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: a %ux%u kernel with padding %u,%u,%u,%u does not fit %s (%ux%u)",
			g->name, ekh, ekw, c->pad_t, c->pad_l, c->pad_b, c->pad_r, x->name, x->h,
			x->w);
	if (c->k > 32767)
		return bnn_graph_fail(g, BNNACCEL_ERR_UNSUPPORTED,
				      "graph %s: %s after %s sums %u products, 32767 are possible",
				      g->name, name, x->name, c->k);
	if (conv->pad_value < -1 || conv->pad_value > 1)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: pad_value is %d, not -1, 0 or 1", g->name,
				      conv->pad_value);
	return 0;
}

static int check_modes(struct bnnaccel_graph *g, const struct bnn_op *x,
		       const struct bnnaccel_conv *conv, const struct bnn_conv_op *c)
{
	bool packed = conv->kind == BNNACCEL_WEIGHTS_BITS || conv->kind == BNNACCEL_WEIGHTS_TILED;

	if (packed && conv->order != BNNACCEL_OHWI)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: packed weights after %s must be ordered OHWI",
				      g->name, x->name);
	if ((conv->kind == BNNACCEL_WEIGHTS_TILED) != (c->tile > 0) || c->tile > 255 ||
	    (c->tile && (uint64_t)conv->outputs * c->k % c->tile))
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: a tile repeated %u times cannot fill %u weights after %s",
			g->name, c->tile, conv->outputs * c->k, x->name);
	if (conv->scales > conv->outputs || (conv->scales && conv->outputs % conv->scales))
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: %u scales do not divide %u outputs after %s",
				      g->name, conv->scales, conv->outputs, x->name);
	if (conv->gates &&
	    (x->domain != BNN_DOMAIN_CODES || x->codes != BNNACCEL_CODES_ODD2 ||
	     conv->kind == BNNACCEL_WEIGHTS_FLOAT || conv->kind == BNNACCEL_WEIGHTS_INT8))
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: a gated convolution needs ODD2 codes and weights "
				      "of +-1; %s is not such",
				      g->name, x->name);
	return 0;
}

static int convolve(struct bnnaccel_graph *g, int in, const struct bnnaccel_conv *conv, bool dense)
{
	const char *name = dense ? "dense" : "conv";
	int rc = bnn_op_input(g, in, BNN_IN_CODES | BNN_IN_REAL, name);
	struct bnn_conv_op c = { .w = NULL };
	const struct bnn_op *x;
	struct bnn_op *op;
	uint32_t n;

	if (rc)
		return rc;
	x = &g->ops[in];
	n = conv->outputs;
	c.kh = dense ? x->h : conv->kernel_h;
	c.kw = dense ? x->w : conv->kernel_w;
	c.sh = or1(conv->stride_h);
	c.sw = or1(conv->stride_w);
	c.dh = or1(conv->dilation_h);
	c.dw = or1(conv->dilation_w);
	c.pad_t = conv->pad_top;
	c.pad_l = conv->pad_left;
	c.pad_b = conv->pad_bottom;
	c.pad_r = conv->pad_right;
	c.pad_mode = conv->pad_value > 0 ? 1 : conv->pad_value < 0 ? 2 : 0;
	c.groups = or1(conv->groups);
	c.tile = conv->tile;
	c.k = c.kh * c.kw * (x->c / c.groups);
	rc = check_geometry(g, x, conv, &c, name);
	if (!rc)
		rc = check_modes(g, x, conv, &c);
	if (rc)
		return rc;
	c.w = malloc((size_t)n * c.k);
	c.scale = bnn_op_floats(g, conv->scale, conv->scales ? conv->scales : n, n, 1, name,
				"scales of");
	c.bias = bnn_op_floats(g, conv->bias, n, n, 0, name, "biases of");
	c.gates = conv->gates ? malloc(n * sizeof(float)) : NULL;
	if (!c.w || !c.scale || !c.bias || (conv->gates && !c.gates)) {
		rc = bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
		goto fail;
	}
	for (uint32_t i = 0; conv->gates && i < n; i++) {
		c.gates[i] = conv->gates[i];
		if (!isfinite(c.gates[i])) {
			rc = bnn_graph_fail(g, BNNACCEL_ERR_BAD_MODEL,
					    "graph %s: gate %u of %s after %s is not finite; train "
					    "it again or repair it",
					    g->name, i, name, x->name);
			goto fail;
		}
	}
	rc = load_weights(g, &c, n, x->c / c.groups, conv);
	if (rc)
		goto fail;
	op = bnn_op_add(g, BNN_OP_CONV, name, in, BNN_DOMAIN_REAL);
	rc = BNNACCEL_ERR_MEMORY;
	if (!op)
		goto fail;
	x = &g->ops[in];
	op->h = (x->h + c.pad_t + c.pad_b - c.dh * (c.kh - 1) - 1) / c.sh + 1;
	op->w = (x->w + c.pad_l + c.pad_r - c.dw * (c.kw - 1) - 1) / c.sw + 1;
	op->c = n;
	op->conv = c;
	op->parameters = (uint64_t)n * c.k + (conv->scale ? conv->scales ? conv->scales : n : 0) +
			 (conv->bias ? n : 0) + (conv->gates ? n : 0);
	return (int)g->count - 1;
fail:
	free(c.w);
	free(c.scale);
	free(c.bias);
	free(c.gates);
	return g->failed ? g->failed : rc;
}

int bnnaccel_graph_conv(struct bnnaccel_graph *g, int in, const struct bnnaccel_conv *conv)
{
	return convolve(g, in, conv, false);
}

int bnnaccel_graph_dense(struct bnnaccel_graph *g, int in, const struct bnnaccel_conv *conv)
{
	return convolve(g, in, conv, true);
}

int64_t bnn_gate_first(const struct bnn_op *conv, const struct bnn_unit *unit, uint32_t channel)
{
	struct bnn_exact_chain chain = {
		.num = 2 * unit->num,
		.den = unit->den,
		.bound = (double)conv->conv.gates[channel],
		.strict = true,
	};
	bool lost = false;
	int64_t first;

	bnn_exact_first(&chain, -(1 << 24), 1 << 24, &first, &lost);
	return first;
}
