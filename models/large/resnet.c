// SPDX-License-Identifier: MIT
/*
 * ResNet-18 as a Tiled Bit Network (arXiv 2407.12075): binary weights, of which one
 * tile is stored and repeated p times with a scale each, activations after ReLU.
 * Layers of fewer than 150,000 weights are not tiled, as for ImageNet in the paper's
 * code. Activations, real numbers there, are codes of 8 bits here.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "large.h"

#define RANGE 4	 /* of activations */
#define MEAN 0.5 /* of activations, about */

/* Sum of the weights of output o: what an activation's mean contributes. */
static int weight_sum(const struct bnnaccel_conv *conv, uint32_t fan_in, uint32_t o)
{
	size_t row = conv->tile ? fan_in : (fan_in + 7) / 8 * 8;
	size_t all = conv->tile ? (size_t)conv->outputs * fan_in / conv->tile : SIZE_MAX;
	const uint8_t *bits = conv->weights;
	int sum = 0;

	for (uint32_t j = 0; bits && j < fan_in; j++) {
		size_t i = (o * row + j) % all;

		sum += bits[i / 8] >> i % 8 & 1 ? 1 : -1;
	}
	return sum;
}

/* BN(conv(x)); the batch norm takes out what the activations' mean makes of each output. */
static struct large_tensor convolve(struct large *l, struct large_tensor x, const char *name,
				    uint32_t outputs, uint32_t kernel, uint32_t stride, uint32_t p)
{
	uint32_t fan_in = x.channels * kernel * kernel;
	struct bnnaccel_conv conv = large_binary(l, x.channels, outputs, kernel, stride);
	const float *scale = large_uniforms(l, outputs, 0.8, 1.2);
	float *offset = large_array(l, outputs * sizeof(*offset));
	int y;

	large_tile(l, &conv, fan_in, p);
	for (uint32_t o = 0; offset && !l->failed && o < outputs; o++) {
		double alpha = (double)conv.scale[(size_t)o * conv.scales / outputs];
		double mean = x.channels == 3 ? 0 : MEAN;

		offset[o] = (float)(large_uniform(l, -0.3, 0.3) -
				    (double)scale[o] * alpha * mean * weight_sum(&conv, fan_in, o));
	}
	y = large_named(l, bnnaccel_graph_conv(l->g, x.id, &conv), name, "conv");
	y = bnnaccel_graph_affine(l->g, y, scale, offset);
	return (struct large_tensor){ y, x.size / stride, outputs, y };
}

/* ReLU; codes of 8 bits for the convolutions come from it. */
static int relu(struct large *l, int x, const char *name)
{
	return large_named(l, bnnaccel_graph_clip(l->g, x, 0, RANGE), name, "out");
}

static struct large_tensor codes(struct large *l, struct large_tensor x, const char *name)
{
	x.id = bnnaccel_graph_quantise(l->g, x.id, BNNACCEL_CODES_UNSIGNED8, RANGE);
	x.id = large_named(l, x.id, name, "codes");
	return x;
}

static struct large_tensor basic_block(struct large *l, struct large_tensor x, const char *name,
				       uint32_t outputs, uint32_t stride, uint32_t p)
{
	struct large_tensor in = codes(l, x, name), y, shortcut = x;
	char part[48];

	snprintf(part, sizeof(part), "%s.a", name);
	y = convolve(l, in, part, outputs, 3, stride, p);
	y.id = relu(l, y.id, part);
	snprintf(part, sizeof(part), "%s.b", name);
	y = convolve(l, codes(l, y, part), part, outputs, 3, 1, p);
	if (stride == 2) {
		snprintf(part, sizeof(part), "%s.short", name);
		shortcut = convolve(l, in, part, outputs, 1, 2, p);
	}
	y.id = relu(l, bnnaccel_graph_add(l->g, y.id, shortcut.id, 0), name);
	return y;
}

void large_resnet(struct large *l, int p)
{
	struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_MAX,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .stride_h = 2,
				      .stride_w = 2,
				      .pad_top = 1,
				      .pad_left = 1,
				      .pad_bottom = 1,
				      .pad_right = 1 };
	struct large_tensor x = { .size = l->size, .channels = 3 };
	char name[32];

	x.id = large_normalised(l, bnnaccel_graph_image(l->g, l->size, l->size, 3, 0));
	x = convolve(l, x, "stem", 64 / l->shrink, 7, 2, p < 0 ? 1 : (uint32_t)p);
	if (p < 0)
		l->tiled_from = 0;
	p = abs(p);
	x.id = relu(l, x.id, "stem");
	x.id = large_named(l, bnnaccel_graph_pool(l->g, x.id, &pool), "stem", "pool");
	x.size /= 2;
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "block%d", i);
		x = basic_block(l, x, name, (64u << i / 2) / l->shrink, i && i % 2 == 0 ? 2 : 1,
				(uint32_t)p);
	}
	large_classify_tiled(l, x, (uint32_t)p);
}
