// SPDX-License-Identifier: MIT
#include "split.h"

#include <stdlib.h>
#include <string.h>

#include "ops.h"

/* Largest magnitude of a weight format. */
static uint64_t largest_weight(unsigned int wformat)
{
	unsigned int bits = bnn_wformat_bits(wformat);

	if (wformat == BNN_WFORMAT_T)
		return 1;
	return wformat == BNN_WFORMAT_S4 || wformat == BNN_WFORMAT_S8 ? 1ull << (bits - 1)
								      : (1ull << bits) - 1;
}

static bool in_range(const struct bnn_op *x, uint32_t k, unsigned int wformat)
{
	bool codes = x->domain == BNN_DOMAIN_CODES;
	uint64_t abs = codes ? (uint64_t)bnn_codes_abs(x->codes) : 32768;

	return k * abs * largest_weight(wformat) <= INT32_MAX;
}

bool bnn_conv_in_range(const struct bnnaccel_graph *g, const struct bnn_op *conv)
{
	return in_range(&g->ops[conv->in[0]], conv->conv.k, conv->conv.wformat);
}

bool bnn_conv_fits(const struct bnnaccel_graph *g, int t)
{
	const struct bnn_op *op, *x;

	if (t < 0 || g->ops[t].kind != BNN_OP_CONV)
		return true;
	op = &g->ops[t];
	x = &g->ops[op->in[0]];
	return x->domain != BNN_DOMAIN_REAL || bnn_conv_in_range(g, op) ||
	       (op->conv.wformat != BNN_WFORMAT_S8 && op->conv.wformat != BNN_WFORMAT_O8) ||
	       !in_range(x, op->conv.k, BNN_WFORMAT_O4);
}

/*
 * w = high*O + rest, with an odd code O of 4 bits and a rest of 4 bits: signed ones are
 * 8*O + S4, odd ones 16*O + O4. Every weight of 8 bits has one such form.
 */
int bnn_conv_split(struct bnnaccel_graph *g, int t)
{
	struct bnn_op *rest = &g->ops[t], *op;
	bool odd = rest->conv.wformat == BNN_WFORMAT_O8;
	int high = odd ? 16 : 8, least = odd ? -255 : -128;
	uint32_t n = rest->c;
	size_t weights = (size_t)n * rest->conv.k;
	struct bnn_conv_op c = rest->conv;

	c.w = malloc(weights * sizeof(*c.w));
	c.scale = malloc(n * sizeof(*c.scale));
	c.bias = malloc(n * sizeof(*c.bias));
	op = c.w && c.scale && c.bias
		     ? bnn_op_add(g, BNN_OP_CONV, "high", rest->in[0], BNN_DOMAIN_REAL)
		     : NULL;
	if (!op) {
		free(c.w);
		free(c.scale);
		free(c.bias);
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	}
	rest = &g->ops[t];
	for (size_t i = 0; i < weights; i++) {
		int q = (rest->conv.w[i] - least) / (odd ? 32 : 16); /* 0 to 15 */

		c.w[i] = (int16_t)(2 * q - 15);
		rest->conv.w[i] = (int16_t)(rest->conv.w[i] - high * c.w[i]);
	}
	for (uint32_t i = 0; i < n; i++) {
		c.scale[i] = high * rest->conv.scale[i];
		c.bias[i] = rest->conv.bias[i];
		rest->conv.bias[i] = 0;
	}
	c.wformat = BNN_WFORMAT_O4;
	c.high = high;
	rest->conv.wformat = odd ? BNN_WFORMAT_O4 : BNN_WFORMAT_S4;
	op->conv = c;
	op->h = rest->h;
	op->w = rest->w;
	op->c = n;
	return bnnaccel_graph_add(g, (int)g->count - 1, t, 0);
}
