// SPDX-License-Identifier: MIT
/* The convolution operator. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "ops.h"
#include "split.h"
#include "weights.h"

static uint32_t or1(uint32_t x)
{
	return x ? x : 1;
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
	bool packed = conv->kind == BNNACCEL_WEIGHTS_BITS || conv->kind == BNNACCEL_WEIGHTS_TILED ||
		      conv->kind == BNNACCEL_WEIGHTS_CODEBOOK;

	if (packed && conv->order != BNNACCEL_OHWI)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: packed weights and indices after %s must be ordered OHWI",
			g->name, x->name);
	if ((conv->kind == BNNACCEL_WEIGHTS_CODEBOOK) != (conv->codebook != NULL) ||
	    (conv->codebook ? conv->index_bits < 1 || conv->index_bits > 9 : conv->index_bits > 0))
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: weights of kind CODEBOOK after %s, and no others, "
				      "need a codebook and 1 to 9 index bits, not %u",
				      g->name, x->name, conv->index_bits);
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
	if (conv->scales && !conv->scale)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: %u scales are announced after %s, but none is given", g->name,
			conv->scales, x->name);
	if (c->tile && conv->outputs % c->tile && conv->scales > 1 && conv->scales < conv->outputs)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_UNSUPPORTED,
			"graph %s: a tile repeated %u times ends inside the %u outputs after %s, "
			"so "
			"that they cannot have %u scales; give one scale, or one per output",
			g->name, c->tile, conv->outputs, x->name, conv->scales);
	if (conv->gates &&
	    (x->domain != BNN_DOMAIN_CODES || x->codes != BNNACCEL_CODES_ODD2 ||
	     conv->kind == BNNACCEL_WEIGHTS_FLOAT || conv->kind == BNNACCEL_WEIGHTS_INT8 ||
	     conv->kind == BNNACCEL_WEIGHTS_ODD))
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
	if ((unsigned int)conv->kind > BNNACCEL_WEIGHTS_CODEBOOK ||
	    (unsigned int)conv->order > BNNACCEL_OIHW)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: %s after %s needs a kind and an order of weights "
				      "that exist",
				      g->name, name, g->ops[in].name);
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
	c.w = malloc((size_t)n * c.k * sizeof(*c.w));
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
	rc = bnn_weights_load(g, &c, n, x->c / c.groups, conv);
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
	free(c.codebook);
	free(c.index);
	free(c.scale);
	free(c.bias);
	free(c.gates);
	return g->failed ? g->failed : rc;
}

/*
 * Ternary weights with two scales: P and N, the sums over the +1 and the -1, are not
 * there, but P - N is the convolution with the weights, P + N with their magnitudes.
 */
static int convolve_ternary(struct bnnaccel_graph *g, int in, const struct bnnaccel_conv *conv,
			    bool dense)
{
	struct bnnaccel_conv first = *conv, second = *conv;
	int rc = bnn_op_input(g, in, BNN_IN_CODES | BNN_IN_REAL, "conv"), minus, plus;
	struct bnn_conv_op *c;

	if (rc)
		return rc;
	if (conv->kind != BNNACCEL_WEIGHTS_INT8)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: two scales after %s need INT8 weights of -1, 0, 1",
				      g->name, g->ops[in].name);
	first.bias = NULL;
	first.scale = conv->scale_negative;
	plus = convolve(g, in, &first, dense);
	minus = convolve(g, in, &second, dense);
	if (plus < 0 || minus < 0)
		return plus < 0 ? plus : minus;
	c = &g->ops[plus].conv;
	for (size_t i = 0; i < (size_t)g->ops[plus].c * c->k; i++) {
		if (c->w[i] < -1 || c->w[i] > 1)
			return bnn_graph_fail(
				g, BNNACCEL_ERR_ARGUMENT,
				"graph %s: two scales after %s need weights of -1, 0, 1; one is %d",
				g->name, g->ops[in].name, c->w[i]);
		c->w[i] = (int16_t)abs(c->w[i]);
	}
	/* scales of plus are still n, those of minus p */
	for (uint32_t i = 0; i < g->ops[plus].c; i++) {
		double p = g->ops[minus].conv.scale[i], n = c->scale[i];

		g->ops[minus].conv.scale[i] = (p + n) / 2;
		c->scale[i] = (p - n) / 2;
	}
	g->ops[plus].conv.wformat = BNN_WFORMAT_T;
	g->ops[minus].conv.wformat = BNN_WFORMAT_T;
	g->ops[plus].parameters = conv->scales ? conv->scales : conv->outputs;
	return bnnaccel_graph_add(g, minus, plus, 0);
}

static int convolve_any(struct bnnaccel_graph *g, int in, const struct bnnaccel_conv *conv,
			bool dense)
{
	int t = conv->scale_negative ? convolve_ternary(g, in, conv, dense)
				     : convolve(g, in, conv, dense);

	return bnn_conv_fits(g, t) ? t : bnn_conv_split(g, t);
}

int bnnaccel_graph_conv(struct bnnaccel_graph *g, int in, const struct bnnaccel_conv *conv)
{
	return convolve_any(g, in, conv, false);
}

int bnnaccel_graph_dense(struct bnnaccel_graph *g, int in, const struct bnnaccel_conv *conv)
{
	return convolve_any(g, in, conv, true);
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
