// SPDX-License-Identifier: MIT
/*
 * PokeBNN (arXiv 2112.00133, section 4): two convolutions of 8 bits, 16 bottlenecks
 * of three PokeConvs, mean, a dense layer of 8 bits. A PokeConv is
 *     y = DPReLU(A*conv(sign(x)) + D + match(x) [+ match(r1)]) * gate(x), out = A2*y + D2
 * with a squeeze-and-excite of 4 bits as gate and r1 the bottleneck's input.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "large.h"

#define SQUEEZE 8 /* channels for one unit of a squeeze-and-excite */

static const struct stage {
	uint32_t channels, blocks;
} stages[] = { { 64, 3 }, { 128, 4 }, { 256, 6 }, { 512, 3 } };

static int dprelu(struct large *l, int x, uint32_t c)
{
	const float *bx = large_normals(l, c, 0, 0.1), *neg = large_uniforms(l, c, 0.1, 0.4);
	const float *pos = large_uniforms(l, c, 0.8, 1.2), *by = large_normals(l, c, 0.13, 0.1);

	return bnnaccel_graph_dprelu(l->g, x, bx, neg, pos, by);
}

/* Clipped, so that codes never take their least value. */
static int quantise(struct large *l, int x, enum bnnaccel_codes codes, float range)
{
	return bnnaccel_graph_quantise(l->g, bnnaccel_graph_clip(l->g, x, -range, range), codes,
				       range);
}

/* Weights of `bits` bits; results of sums of codes with this deviation have deviation 1. */
static int integer_layer(struct large *l, int x, struct bnnaccel_conv *conv, uint32_t fan_in,
			 double unit, double deviation)
{
	double w = 127 / sqrt(3);

	conv->kind = BNNACCEL_WEIGHTS_INT8;
	conv->weights = large_integers(l, (size_t)conv->outputs * fan_in, 127);
	conv->scale = large_uniforms(l, conv->outputs, 0.8 / (unit * deviation * w * sqrt(fan_in)),
				     1.2 / (unit * deviation * w * sqrt(fan_in)));
	return bnnaccel_graph_conv(l->g, x, conv);
}

static struct large_tensor stem(struct large *l, int image)
{
	struct bnnaccel_encoding encoding = { .mode = BNNACCEL_ENCODE_VALUE,
					      .codes = BNNACCEL_CODES_SIGNED8 };
	struct bnnaccel_conv first = {
		.outputs = 32, .kernel_h = 4, .kernel_w = 4, .stride_h = 4, .stride_w = 4
	};
	struct bnnaccel_conv second = { .outputs = 64,
					.kernel_h = 3,
					.kernel_w = 3,
					.pad_top = 1,
					.pad_left = 1,
					.pad_bottom = 1,
					.pad_right = 1,
					.groups = 32 };
	uint8_t table[256];
	int x;

	for (int i = 0; i < 256; i++)
		table[i] = (uint8_t)(i - 128);
	encoding.table = table;
	x = large_named(l, bnnaccel_graph_encode(l->g, image, &encoding), "stem1", "q");
	x = integer_layer(l, x, &first, 48, 1, 50);
	x = bnnaccel_graph_affine(l->g, x, NULL, large_normals(l, 32, 0, 0.1));
	x = large_named(l, dprelu(l, x, 32), "stem1", "out");
	x = large_named(l, quantise(l, x, BNNACCEL_CODES_SIGNED8, 3), "stem2", "q");
	x = integer_layer(l, x, &second, 9, 3.0 / 127, 25);
	x = bnnaccel_graph_affine(l->g, x, NULL, large_normals(l, 64, 0, 0.1));
	x = large_named(l, dprelu(l, x, 64), "stem2", "out");
	return (struct large_tensor){ x, l->size / 4, 64, x };
}

/* y + match(r): groups of channels are averaged, and 3x3 windows where the size is halved. */
static int add_match(struct large *l, struct large_tensor y, struct large_tensor r,
		     unsigned int flags)
{
	struct bnnaccel_pool pool = {
		.mode = BNNACCEL_POOL_AVG, .kernel_h = 1, .kernel_w = 1, .group = 1
	};

	if (r.channels > y.channels)
		pool.group = r.channels / y.channels;
	if (r.size > y.size) {
		pool.kernel_h = pool.kernel_w = 3;
		pool.stride_h = pool.stride_w = 2;
		pool.pad_bottom = pool.pad_right = 1;
	}
	if (pool.group > 1 || r.size > y.size)
		r.added = bnnaccel_graph_pool(l->g, r.added, &pool);
	return bnnaccel_graph_add(l->g, y.id, r.added, pool.group > 1 ? 0 : flags);
}

/* Squeeze-and-excite; its result has a deviation of about 1. */
static int excite(struct large *l, int x, const char *name, uint32_t cin, uint32_t cout)
{
	uint32_t units = cin / SQUEEZE;
	double first = 1 / (0.5 * 4.3 * sqrt(cin)), second = 1 / (0.7 * 4.3 * sqrt(units));
	struct bnnaccel_conv squeeze = {
		.outputs = units,
		.kind = BNNACCEL_WEIGHTS_INT8,
		.weights = large_integers(l, (size_t)units * cin, 7),
		.scale = large_uniforms(l, units, 0.8 * first, 1.2 * first),
		.bias = large_normals(l, units, 0, 0.2),
	};
	struct bnnaccel_conv spread = {
		.outputs = cout,
		.kind = BNNACCEL_WEIGHTS_INT8,
		.weights = large_integers(l, (size_t)cout * units, 7),
		.scale = large_uniforms(l, cout, 0.8 * second, 1.2 * second),
		.bias = large_normals(l, cout, 0, 0.3),
	};
	const float range = 3;

	x = quantise(l, bnnaccel_graph_mean(l->g, x), BNNACCEL_CODES_SIGNED4, 2);
	x = bnnaccel_graph_dense(l->g, large_named(l, x, name, "se1.q"), &squeeze);
	/* from 15/16 of the range on the code is 15 */
	x = bnnaccel_graph_clip(l->g, x, 0, range / 32 * 31);
	x = bnnaccel_graph_quantise_down(l->g, x, BNNACCEL_CODES_UNSIGNED4, range);
	return bnnaccel_graph_dense(l->g, large_named(l, x, name, "se2.q"), &spread);
}

static struct large_tensor pokeconv(struct large *l, struct large_tensor x,
				    const struct large_tensor *r1, const char *name,
				    uint32_t outputs, uint32_t kernel, uint32_t stride)
{
	struct bnnaccel_conv conv = large_binary(l, x.channels, outputs, kernel, stride);
	struct large_tensor y = { -1, x.size / stride, outputs, -1 };
	double a = 0.7 / sqrt(x.channels * kernel * kernel);
	int gate = excite(l, x.id, name, x.channels, outputs);

	/* SAME on an even size: nothing before, one row and column after */
	if (stride == 2)
		conv.pad_top = conv.pad_left = 0;
	y.id = large_named(l, bnnaccel_graph_sign(l->g, x.id, NULL), name, "bits");
	y.id = large_named(l, bnnaccel_graph_conv(l->g, y.id, &conv), name, "conv");
	y.id = bnnaccel_graph_affine(l->g, y.id, large_uniforms(l, outputs, 0.7 * a, 1.3 * a),
				     large_normals(l, outputs, 0, 0.2));
	y.id = add_match(l, y, x, BNNACCEL_ADD_ZERO);
	if (r1)
		y.id = add_match(l, y, *r1, 0);
	y.id = bnnaccel_graph_gate(l->g, dprelu(l, y.id, outputs), gate);
	/* a gate is 1/2 on average; the way of x has a gain below 1, so depth does no harm */
	y.id = bnnaccel_graph_affine(l->g, y.id, large_uniforms(l, outputs, 1.6, 2.4),
				     large_normals(l, outputs, -0.04, 0.2));
	y.id = large_named(l, y.id, name, "out");
	return y;
}

static void classify(struct large *l, struct large_tensor x)
{
	double scale = 2 / (0.5 * 73 * sqrt(x.channels));
	struct bnnaccel_conv dense = {
		.outputs = l->classes,
		.kind = BNNACCEL_WEIGHTS_INT8,
		.weights = large_integers(l, (size_t)l->classes * x.channels, 127),
		.scale = large_uniforms(l, l->classes, 0.8 * scale, 1.2 * scale),
		.bias = large_normals(l, l->classes, 0, 0.1),
	};
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT, .column = "logit" };

	x.id = bnnaccel_graph_name(l->g, bnnaccel_graph_mean(l->g, x.id), "mean");
	x.id = large_named(l, quantise(l, x.id, BNNACCEL_CODES_SIGNED8, 3), "fc", "q");
	x.id = bnnaccel_graph_name(l->g, bnnaccel_graph_dense(l->g, x.id, &dense), "logits");
	bnnaccel_graph_output(l->g, x.id, &output);
}

void large_pokebnn(struct large *l, int sixteenths)
{
	struct large_tensor x = stem(l, bnnaccel_graph_image(l->g, l->size, l->size, 3, 0));
	const float unit = sixteenths < 0 ? 0x1p-3f : 0;
	char name[32];
	int block = 0;

	sixteenths = abs(sixteenths);
	large_shortcut(l, &x, "stem2", unit);
	for (int s = 0; s < 4; s++) {
		uint32_t f = stages[s].channels * (uint32_t)sixteenths / 16 / l->shrink;

		for (uint32_t i = 0; i < stages[s].blocks; i++, block++) {
			struct large_tensor r1 = x;

			snprintf(name, sizeof(name), "block%d.c1", block);
			x = pokeconv(l, x, NULL, name, f, 1, 1);
			large_shortcut(l, &x, name, unit);
			snprintf(name, sizeof(name), "block%d.c2", block);
			x = pokeconv(l, x, NULL, name, f, 3, s && !i ? 2 : 1);
			large_shortcut(l, &x, name, unit);
			snprintf(name, sizeof(name), "block%d.c3", block);
			x = pokeconv(l, x, &r1, name, 4 * f, 1, 1);
			large_shortcut(l, &x, name, block < 15 ? unit : 0);
		}
	}
	classify(l, x);
}
