// SPDX-License-Identifier: MIT
/* Weights of every kind as integers. */
#include "weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
				max > 0 ? (int16_t)floor(x * 127 / max + 0.5) : 0;
		}
	}
	c->scale[o] *= max / 127;
}

static uint8_t smallest_format(const int16_t *w, size_t n)
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

static uint8_t smallest_odd_format(const int16_t *w, size_t n)
{
	int max = 0;

	for (size_t i = 0; i < n; i++)
		max = abs(w[i]) > max ? abs(w[i]) : max;
	return max > 15	 ? BNN_WFORMAT_O8
	       : max > 3 ? BNN_WFORMAT_O4
	       : max > 1 ? BNN_WFORMAT_O2
			 : BNN_WFORMAT_B1;
}

/* Keeps the codebook, and every kernel as weights. */
static int load_codebook(struct bnnaccel_graph *g, struct bnn_conv_op *c, uint32_t outputs,
			 uint32_t channels, const struct bnnaccel_conv *conv)
{
	size_t kernels = (size_t)outputs * channels, entries = (size_t)1 << conv->index_bits;
	uint32_t taps = c->kh * c->kw;

	c->tau = conv->index_bits;
	c->index = malloc(kernels * sizeof(*c->index));
	c->codebook = malloc(entries * sizeof(*c->codebook));
	if (!c->index || !c->codebook)
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	memcpy(c->codebook, conv->codebook, entries * sizeof(*c->codebook));
	memcpy(c->index, conv->weights, kernels * sizeof(*c->index));
	for (size_t i = 0; i < kernels; i++) {
		if (c->index[i] >= entries)
			return bnn_graph_fail(g, BNNACCEL_ERR_BAD_MODEL,
					      "graph %s: index %zu of operator %zu is %u, but the "
					      "codebook has %zu kernels",
					      g->name, i, g->count, c->index[i], entries);
		for (uint32_t t = 0; t < taps; t++)
			c->w[(i / channels * taps + t) * channels + i % channels] =
				c->codebook[c->index[i]] >> t & 1 ? 1 : -1;
	}
	c->wformat = BNN_WFORMAT_B1;
	return 0;
}

static int check_odd(struct bnnaccel_graph *g, int w, size_t from)
{
	if (w >= -255 && w <= 255 && w & 1)
		return 0;
	return bnn_graph_fail(
		g, BNNACCEL_ERR_BAD_MODEL,
		"graph %s: weight %zu of operator %zu is %d, not an odd code of -255 to "
		"255",
		g->name, from, g->count, w);
}

int bnn_weights_load(struct bnnaccel_graph *g, struct bnn_conv_op *c, uint32_t outputs,
		     uint32_t channels, const struct bnnaccel_conv *conv)
{
	const float *f = conv->weights;
	size_t row = conv->row_bytes ? conv->row_bytes : (c->k + 7) / 8;
	uint64_t total = (uint64_t)outputs * c->k, tile = c->tile ? total / c->tile : 0;

	if (conv->kind == BNNACCEL_WEIGHTS_CODEBOOK)
		return load_codebook(g, c, outputs, channels, conv);
	for (uint32_t o = 0; o < outputs; o++) {
		for (uint32_t j = 0; j < c->k; j++) {
			int16_t *w = &c->w[(size_t)o * c->k + j];
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
			case BNNACCEL_WEIGHTS_ODD:
				*w = ((const int16_t *)conv->weights)[from];
				if (check_odd(g, *w, from))
					return g->failed;
				break;
			case BNNACCEL_WEIGHTS_CODEBOOK:
				break;
			}
		}
		if (conv->kind == BNNACCEL_WEIGHTS_FLOAT)
			quantise_row(c, o, f, channels, conv);
	}
	c->wformat = conv->kind == BNNACCEL_WEIGHTS_FLOAT  ? BNN_WFORMAT_S8
		     : conv->kind == BNNACCEL_WEIGHTS_INT8 ? smallest_format(c->w, total)
		     : conv->kind == BNNACCEL_WEIGHTS_ODD  ? smallest_odd_format(c->w, total)
							   : BNN_WFORMAT_B1;
	return 0;
}
