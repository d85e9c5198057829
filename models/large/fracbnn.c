// SPDX-License-Identifier: MIT
/*
 * FracBNN for ImageNet (arXiv 2012.12206): thermometer input, a binary convolution,
 * 13 blocks of a 3x3 and a 1x1 gated convolution of 2-bit activations, whose
 * shortcuts are quantised to 4 bits, mean, a dense layer.
 */
#include <math.h>
#include <stdio.h>

#include "large.h"

#define LEVELS 32

static const uint32_t widths[] = {
	64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024
};

static int batch_norm(struct large *l, int x, double scale, uint32_t c)
{
	return bnnaccel_graph_affine(l->g, x, large_uniforms(l, c, 0.7 * scale, 1.3 * scale),
				     large_normals(l, c, 0, 0.15));
}

static struct large_tensor first_layer(struct large *l)
{
	uint8_t table[256];
	struct bnnaccel_encoding encoding = { .mode = BNNACCEL_ENCODE_THERMOMETER,
					      .table = table,
					      .levels = LEVELS };
	uint32_t outputs = 32 / l->shrink;
	struct bnnaccel_conv conv = large_binary(l, 3 * LEVELS, outputs, 3, 2);
	int x = bnnaccel_graph_image(l->g, l->size, l->size, 3, 0);

	/* round half to even of p/8 */
	for (int p = 0; p < 256; p++)
		table[p] = (uint8_t)((p + 3 + (p >> 3 & 1)) >> 3);
	x = bnnaccel_graph_name(l->g, bnnaccel_graph_encode(l->g, x, &encoding), "input");
	x = bnnaccel_graph_name(l->g, bnnaccel_graph_conv(l->g, x, &conv), "conv1");
	x = batch_norm(l, x, 0.7 / sqrt(9 * 3 * LEVELS), outputs);
	return (struct large_tensor){ bnnaccel_graph_name(l->g, x, "bn1"), l->size / 2, outputs,
				      x };
}

/* BN( RPReLU( BN( gated conv( Q2(x) ) ) ) + shortcut( Q4(x) ) ) */
static struct large_tensor half(struct large *l, struct large_tensor x, const char *name,
				uint32_t outputs, uint32_t kernel, uint32_t stride)
{
	double deviation = sqrt(x.channels * kernel * kernel);
	struct bnnaccel_conv conv = large_binary(l, x.channels, outputs, kernel, stride);
	int y = bnnaccel_graph_quantise(l->g, x.id, BNNACCEL_CODES_ODD2, 1);
	int shortcut = bnnaccel_graph_quantise(l->g, x.id, BNNACCEL_CODES_ODD4, 1);

	/* about 40 % of the gates are open: 2/3 of a sum of +-1 exceeds a quarter of a deviation */
	conv.gates = large_normals(l, outputs, 2.0 / 3 * 0.25 * deviation, 0.05 * deviation);
	y = large_named(l, y, name, "quant");
	shortcut = large_named(l, shortcut, name, "short");
	y = large_named(l, bnnaccel_graph_conv(l->g, y, &conv), name, "conv");
	y = batch_norm(l, y, 0.6 / deviation, outputs);
	y = bnnaccel_graph_rprelu(l->g, y, large_normals(l, outputs, 0, 0.1),
				  large_uniforms(l, outputs, 0.1, 0.4),
				  large_normals(l, outputs, -0.2, 0.05));
	/* twice the channels: the shortcut is repeated */
	y = bnnaccel_graph_add(l->g, y, shortcut, stride == 2 ? BNNACCEL_ADD_AVG2X2 : 0);
	y = large_named(l, batch_norm(l, y, 1, outputs), name, "out");
	return (struct large_tensor){ y, x.size / stride, outputs, y };
}

void large_fracbnn(struct large *l, int variant)
{
	struct large_tensor x = first_layer(l);
	char name[32];

	(void)variant;
	for (int i = 0; i < 13; i++) {
		uint32_t outputs = widths[i] / l->shrink;

		snprintf(name, sizeof(name), "block%d.a", i);
		x = half(l, x, name, x.channels, 3, i && outputs != x.channels ? 2 : 1);
		snprintf(name, sizeof(name), "block%d.b", i);
		x = half(l, x, name, outputs, 1, 1);
	}
	large_classify(l, x);
}
