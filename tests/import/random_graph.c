// SPDX-License-Identifier: MIT
#include "random_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
bool random_powers;

void random_seed(uint64_t seed)
{
	state = seed ? seed : 1;
}

uint32_t random_draw(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % n;
}

static uint32_t draw(uint32_t n)
{
	return random_draw(n);
}

static float real(double lo, double hi)
{
	return (float)(lo + (hi - lo) * draw(1 << 24) / (1 << 24));
}

float *random_reals(uint32_t n, double lo, double hi)
{
	float *v = malloc(n * sizeof(*v));

	for (uint32_t i = 0; i < n; i++)
		v[i] = real(lo, hi);
	return v;
}

static void to_powers(float *v, uint32_t n)
{
	for (uint32_t i = 0; random_powers && i < n; i++) {
		if (v[i] != 0)
			v[i] = copysignf(ldexpf(1, (int)lround(log2(fabs((double)v[i])))), v[i]);
	}
}

static void tell(struct random_graph *b, const char *what)
{
	size_t n = strlen(b->story);

	snprintf(b->story + n, sizeof(b->story) - n, " %s", what);
}

static const struct bnn_op *shape(const struct random_graph *b, int t)
{
	return &b->g->ops[t];
}

void random_encode(struct random_graph *b)
{
	static const char *const names[] = {
		"sign", "odd2", "odd4", "odd8", "u4", "u8", "s4", "s8"
	};
	uint32_t colours = draw(3) + 1, n = draw(3), odd = draw(3) == 0;
	uint8_t table[3 * 256];
	struct bnnaccel_encoding e = { .table = table, .tables = n ? colours : 1 };
	int x = bnnaccel_graph_image(b->g, 2 * draw(4) + 4 + odd, 2 * draw(4) + 4 + odd, colours,
				     (int)draw(2));

	for (int i = 0; i < 3 * 256; i++)
		table[i] = (uint8_t)draw(256);
	e.mode = draw(4)   ? BNNACCEL_ENCODE_VALUE
		 : draw(2) ? BNNACCEL_ENCODE_THERMOMETER
			   : BNNACCEL_ENCODE_BITS;
	e.levels = e.mode == BNNACCEL_ENCODE_THERMOMETER ? draw(20) + 1 : 0;
	e.codes = (enum bnnaccel_codes)draw(8);
	tell(b, e.mode == BNNACCEL_ENCODE_VALUE ? names[e.codes] : "bits");
	b->codes = bnnaccel_graph_encode(b->g, x, &e);
}

/* Memory of the weights of one convolution, by kind. */
struct weights {
	float *floats;
	uint8_t *bytes;
	int16_t *shorts;
	uint64_t codebook[512];
};

/* Draws the kind and fills the weights; k weights per output, of `channels` channels. */
static void draw_weights(struct bnnaccel_conv *c, struct weights *w, uint32_t k, uint32_t channels)
{
	static const int max[] = { 1, 7, 127 };
	static const int odd[] = { 1, 3, 15, 255 };
	uint32_t n = c->outputs * k;
	size_t row = (k + 7) / 8 + draw(3), room = c->outputs * row + n;

	c->row_bytes = row;
	c->kind = (enum bnnaccel_weights_kind)draw(7);
	c->order = c->kind == BNNACCEL_WEIGHTS_BITS || c->kind == BNNACCEL_WEIGHTS_TILED ||
				   c->kind == BNNACCEL_WEIGHTS_CODEBOOK
			   ? BNNACCEL_OHWI
			   : (enum bnnaccel_weights_order)draw(2);
	w->floats = random_reals(n, -1, 1);
	w->shorts = malloc(n * sizeof(*w->shorts));
	w->bytes = malloc(room);
	for (size_t i = 0; i < room; i++)
		w->bytes[i] = (uint8_t)draw(256);
	c->weights = w->bytes;
	switch (c->kind) {
	case BNNACCEL_WEIGHTS_SIGN:
	case BNNACCEL_WEIGHTS_FLOAT:
		c->weights = w->floats;
		break;
	case BNNACCEL_WEIGHTS_INT8: {
		int m = max[draw(3)];

		for (uint32_t i = 0; i < n; i++)
			w->bytes[i] = (uint8_t)((int)draw((uint32_t)(2 * m + 1)) - m);
		break;
	}
	case BNNACCEL_WEIGHTS_ODD: {
		int m = odd[draw(4)];

		for (uint32_t i = 0; i < n; i++)
			w->shorts[i] = (int16_t)(2 * (int)draw((uint32_t)m + 1) - m);
		c->weights = w->shorts;
		break;
	}
	case BNNACCEL_WEIGHTS_CODEBOOK:
		c->codebook = w->codebook;
		c->index_bits = draw(9) + 1;
		for (int i = 0; i < 512; i++)
			w->codebook[i] = (uint64_t)draw(1 << 30) << 30 | draw(1 << 30);
		for (uint32_t i = 0; i < c->outputs * channels; i++)
			w->shorts[i] = (int16_t)draw(1u << c->index_bits);
		c->weights = w->shorts;
		break;
	case BNNACCEL_WEIGHTS_TILED:
		c->tile = draw(4) + 1;
		while (n % c->tile)
			c->tile--;
		break;
	default:
		break;
	}
}

/* Any size of the result is right: other paddings, dilations, kernels that are not square. */
static void loosen(struct bnnaccel_conv *c, const struct bnn_op *in)
{
	uint32_t extent;

	if (draw(2)) {
		c->dilation_h = draw(2) + 1;
		c->dilation_w = draw(3) + 1;
	}
	if (draw(3) == 0)
		c->kernel_w = c->kernel_h == 3 ? 2 : 1;
	extent = (c->dilation_h ? c->dilation_h : 1) * (c->kernel_h - 1);
	c->pad_top = draw(extent + 1);
	c->pad_bottom = draw(extent + 1);
	if (in->h + c->pad_top + c->pad_bottom <= extent)
		c->pad_top = c->pad_bottom = extent;
	extent = (c->dilation_w ? c->dilation_w : 1) * (c->kernel_w - 1);
	c->pad_left = draw(extent + 1);
	c->pad_right = draw(extent + 1);
	if (in->w + c->pad_left + c->pad_right <= extent)
		c->pad_left = c->pad_right = extent;
}

static int make_conv(struct random_graph *b, int x, struct bnnaccel_conv *c)
{
	const struct bnn_op *in = shape(b, x);
	uint32_t outputs = c->outputs, channels, k;
	bool codes = in->domain == BNN_DOMAIN_CODES;
	float *scale, *bias = random_reals(outputs, -1, 1), *gates = NULL, *negative = NULL;
	struct weights w;
	int id;

	c->groups = draw(4) || in->c % 2 || outputs % 2 ? 1 : 2;
	if (in->c == outputs && draw(4) == 0)
		c->groups = in->c;
	channels = in->c / c->groups;
	k = c->kernel_h * c->kernel_w * channels;
	if (codes && draw(3) == 0)
		c->pad_value = (int)draw(3) - 1;
	draw_weights(c, &w, k, channels);
	if (codes && in->codes == BNNACCEL_CODES_ODD2 &&
	    (c->kind <= BNNACCEL_WEIGHTS_TILED || c->kind == BNNACCEL_WEIGHTS_CODEBOOK) && draw(2))
		c->gates = gates = random_reals(outputs, -4, 8);
	/* keep values near 1 */
	c->scales = draw(2) ? 1 : outputs;
	scale = random_reals(outputs, -2.0 / k, 2.0 / k);
	for (uint32_t i = 0; codes && i < outputs; i++)
		scale[i] /= (float)bnn_codes_max(in->codes);
	for (uint32_t i = 0; c->kind == BNNACCEL_WEIGHTS_ODD && i < outputs; i++)
		scale[i] /= 16;
	to_powers(scale, outputs);
	c->scale = scale;
	c->bias = bias;
	if (c->kind == BNNACCEL_WEIGHTS_INT8 && draw(2)) {
		/* ternary with two scales */
		for (uint32_t i = 0; i < outputs * k; i++)
			w.bytes[i] = (uint8_t)((int)draw(3) - 1);
		negative = random_reals(outputs, 0.5 / k, 2.0 / k);
		c->scale_negative = negative;
	}
	tell(b, gates				  ? "gated"
		: negative			  ? "ternary"
		: c->codebook			  ? "codebook"
		: c->kind == BNNACCEL_WEIGHTS_ODD ? "odd-conv"
		: c->tile			  ? "tiled"
						  : "conv");
	id = bnnaccel_graph_conv(b->g, x, c);
	free(scale);
	free(bias);
	free(gates);
	free(negative);
	free(w.floats);
	free(w.bytes);
	free(w.shorts);
	return id;
}

int random_conv(struct random_graph *b, int x, uint32_t outputs, uint32_t kernel, uint32_t stride)
{
	struct bnnaccel_conv c = { .outputs = outputs,
				   .kernel_h = kernel,
				   .kernel_w = kernel,
				   .stride_h = stride,
				   .stride_w = stride,
				   .pad_top = kernel / 2,
				   .pad_left = kernel / 2,
				   .pad_bottom = kernel / 2,
				   .pad_right = kernel / 2 };

	return make_conv(b, x, &c);
}

static int loose_conv(struct random_graph *b, int x)
{
	const struct bnn_op *in = shape(b, x);
	struct bnnaccel_conv c = { .outputs = draw(8) + 1, .kernel_h = in->h > 1 ? 3 : 1 };

	c.kernel_w = c.kernel_h;
	c.stride_h = draw(2) + 1;
	c.stride_w = draw(2) + 1;
	loosen(&c, in);
	return make_conv(b, x, &c);
}

/* Codes that can be added. */
static const enum bnnaccel_codes addable[] = { BNNACCEL_CODES_ODD4, BNNACCEL_CODES_UNSIGNED8,
					       BNNACCEL_CODES_SIGNED8 };

/* Something to add to x: itself, a tensor of its shape, of twice its size, of fewer channels. */
static int residual(struct random_graph *b, int x, unsigned int *flags)
{
	const struct bnn_op *a = shape(b, x), *codes = shape(b, b->codes);
	uint32_t c = a->c, fewer;
	int y = x;

	*flags = 0;
	if (draw(6) == 0 || codes->h % a->h || codes->w % a->w)
		return x;
	fewer = draw(2) && c % 2 == 0 ? c / 2 : c;
	if (fewer < c && draw(2))
		*flags = BNNACCEL_ADD_ZERO;
	if (codes->h == 2 * a->h && codes->w == 2 * a->w && draw(2)) {
		*flags |= BNNACCEL_ADD_AVG2X2;
		y = random_conv(b, b->codes, fewer, 3, 1);
	} else if (codes->h / a->h != codes->w / a->w || codes->h / a->h > 4) {
		*flags = 0;
		return x;
	} else {
		y = random_conv(b, b->codes, fewer, 1, codes->h / a->h);
	}
	if (b->wild && y >= 0 && draw(2)) {
		tell(b, "of-codes");
		y = bnnaccel_graph_quantise(b->g, y, addable[draw(3)], draw(2) ? 1 : 1.7f);
	}
	return y;
}

static int pool(struct random_graph *b, int x)
{
	struct bnnaccel_pool p = { .mode = (enum bnnaccel_pool_mode)draw(3),
				   .kernel_h = draw(2) + 2,
				   .stride_h = 2,
				   .stride_w = 2,
				   .pad_top = draw(2),
				   .pad_left = draw(2),
				   .pad_bottom = draw(2),
				   .group = shape(b, x)->c % 2 == 0 && draw(2) ? 2 : 1 };

	p.kernel_w = p.kernel_h;
	if (shape(b, x)->h < 3 || shape(b, x)->w < 3)
		return x;
	tell(b, "pool");
	return bnnaccel_graph_pool(b->g, x, &p);
}

/* Channels in another order, or joined with others. */
static int channels(struct random_graph *b, int x)
{
	uint32_t c = shape(b, x)->c, groups = draw(c) + 1, picked[16], n = draw(12) + 1;

	if (shape(b, x)->domain == BNN_DOMAIN_REAL && draw(3) == 0) {
		tell(b, "concat");
		return bnnaccel_graph_concat(b->g, x, random_conv(b, x, draw(5) + 1, 1, 1));
	}
	if (c % groups == 0) {
		tell(b, "shuffle");
		return bnnaccel_graph_shuffle(b->g, x, groups);
	}
	tell(b, "select");
	for (uint32_t i = 0; i < n; i++)
		picked[i] = draw(c);
	return bnnaccel_graph_select(b->g, x, picked, n);
}

/* As in FracBNN for ImageNet: codes of 2 bits in, of 4 bits around; or the same codes twice. */
static int codes_around(struct random_graph *b, int x)
{
	int around, in;

	tell(b, "around");
	if (draw(3) == 0) {
		/* signs and values of the same tensor */
		in = random_conv(b, bnnaccel_graph_sign(b->g, x, NULL), shape(b, x)->c, 3, 1);
		return bnnaccel_graph_add(b->g, in, random_conv(b, x, shape(b, in)->c, 1, 1), 0);
	}
	around = in = bnnaccel_graph_quantise(b->g, x, addable[draw(3)], 1);
	if (draw(2))
		in = bnnaccel_graph_quantise(b->g, x, BNNACCEL_CODES_ODD2, 1);
	return bnnaccel_graph_add(b->g, random_conv(b, in, shape(b, x)->c, 3, 1), around, 0);
}

/* Codes made inside, and a convolution of them. */
static int codes_inside(struct random_graph *b, int x)
{
	uint32_t c = shape(b, x)->c, kind = draw(9);
	float *threshold = random_reals(c, -1, 1);
	struct bnnaccel_pool max = { .mode = BNNACCEL_POOL_MAX,
				     .kernel_h = 2,
				     .kernel_w = 2,
				     .stride_h = 1,
				     .stride_w = 1 };
	int y;

	if (kind == 8) {
		free(threshold);
		return codes_around(b, x);
	}
	tell(b, "codes");
	y = kind == BNNACCEL_CODES_SIGN
		    ? bnnaccel_graph_sign(b->g, x, threshold)
		    : bnnaccel_graph_quantise(b->g, x, (enum bnnaccel_codes)kind, real(0.5, 2));
	free(threshold);
	if (kind == BNNACCEL_CODES_SIGN && shape(b, x)->h > 1 && shape(b, x)->w > 1 && draw(3) == 0)
		y = bnnaccel_graph_pool(b->g, y, &max);
	if (y >= 0 && draw(3) == 0)
		y = channels(b, y);
	return y < 0 ? y : loose_conv(b, y);
}

static int aggregate(struct random_graph *b, int x)
{
	uint32_t nodes = shape(b, x)->h * shape(b, x)->w, n = 0, *starts, *sources;
	struct bnnaccel_edges e = { .mode = (enum bnnaccel_aggregation)draw(3) };
	float *weights;

	starts = malloc((nodes + 1) * sizeof(*starts));
	sources = malloc((4 * nodes + 1) * sizeof(*sources));
	weights = random_reals(4 * nodes + 1, -0.5, 0.5);
	for (uint32_t u = 0; u < nodes; u++) {
		starts[u] = n;
		for (uint32_t i = draw(5); i; i--)
			sources[n++] = draw(nodes);
	}
	starts[nodes] = n;
	e.starts = starts;
	e.sources = sources;
	e.weights = e.mode == BNNACCEL_AGGREGATE_SUM && draw(2) ? weights : NULL;
	tell(b, "aggregate");
	x = bnnaccel_graph_aggregate(b->g, x, &e);
	free(starts);
	free(sources);
	free(weights);
	return x;
}

static int host_step(struct random_graph *b, int x)
{
	uint32_t c = shape(b, x)->c;
	float *scale, *offset;

	switch (draw(b->wild ? 5 : 4)) {
	case 0:
		tell(b, "transpose");
		x = bnnaccel_graph_transpose(b->g, x, 0);
		return random_conv(b, x, draw(6) + 1, 1, 1);
	case 1:
		return aggregate(b, x);
	case 2:
		tell(b, "function");
		return bnnaccel_graph_function(b->g, x, (enum bnnaccel_function)draw(4));
	case 3:
		tell(b, "softmax");
		return bnnaccel_graph_softmax(b->g, x);
	default:
		tell(b, "layer_norm");
		scale = random_reals(c, -1.5, 1.5);
		offset = random_reals(c, -1, 1);
		x = bnnaccel_graph_layer_norm(b->g, x, draw(4) ? scale : NULL,
					      draw(4) ? offset : NULL, draw(2) ? 1e-5f : 0.01f);
		free(scale);
		free(offset);
		return x;
	}
}

static int gate(struct random_graph *b, int x, const float *scale, const float *offset)
{
	int y;

	tell(b, "gate");
	y = random_conv(b, bnnaccel_graph_mean(b->g, x), shape(b, x)->c, 1, 1);
	return bnnaccel_graph_gate(b->g, x, bnnaccel_graph_affine(b->g, y, scale, offset));
}

int random_step(struct random_graph *b, int x)
{
	uint32_t c = shape(b, x)->c;
	float *p = random_reals(c, -1, 1), *q = random_reals(c, -1.5, 1.5),
	      *r = random_reals(c, -1, 1), *s = random_reals(c, -1, 1);
	unsigned int flags;
	uint32_t kind;
	int y;

	to_powers(q, c);
	to_powers(r, c);
	kind = draw(12 + (b->wild ? 2 : 0) + (b->host ? 2 : 0));
	switch (kind < 12 || b->wild ? kind : kind + 2) {
	case 0:
		tell(b, "affine");
		if (draw(4) == 0)
			q[0] = 0;
		x = bnnaccel_graph_affine(b->g, x, q, p);
		break;
	case 1:
		tell(b, "rprelu");
		x = bnnaccel_graph_rprelu(b->g, x, p, q, r);
		break;
	case 2:
		tell(b, "dprelu");
		x = bnnaccel_graph_dprelu(b->g, x, p, q, r, s);
		break;
	case 3:
		tell(b, "relu");
		x = bnnaccel_graph_relu(b->g, x);
		break;
	case 4:
	case 5:
		y = residual(b, x, &flags);
		tell(b, flags ? "add'" : "add");
		x = bnnaccel_graph_add(b->g, x, y, flags);
		break;
	case 6:
		x = pool(b, x);
		break;
	case 7:
		tell(b, "clip");
		x = bnnaccel_graph_clip(b->g, x, p[0] - 1, p[0] + 2);
		break;
	case 8:
		x = gate(b, x, q, p);
		break;
	case 9:
		x = channels(b, x);
		break;
	case 10:
		x = loose_conv(b, x);
		break;
	case 11:
		x = random_conv(b, x, draw(8) + 1, shape(b, x)->h > 1 ? 3 : 1, 1);
		break;
	case 12:
	case 13:
		x = codes_inside(b, x);
		break;
	default:
		x = host_step(b, x);
	}
	free(p);
	free(q);
	free(r);
	free(s);
	return x;
}

int random_body(struct random_graph *b)
{
	int x;

	random_encode(b);
	x = random_conv(b, b->codes, 2 * draw(5) + 2, draw(2) ? 3 : 1, draw(2) + 1);
	for (uint32_t i = draw(7); i && x >= 0; i--)
		x = random_step(b, x);
	if (x >= 0)
		x = bnnaccel_graph_mean(b->g, x);
	if (x >= 0 && draw(2))
		x = random_conv(b, x, draw(8) + 1, 1, 1);
	return x;
}
