// SPDX-License-Identifier: MIT
/*
 * A&B BNN (arXiv 2403.03739): blocks x = QRPReLU(A*conv(sign(x + t)) + shortcut(x)),
 * no batch norms, slopes that are powers of two. ReActNet-18 and -34 are residual
 * networks, ReActNet-A has the shape of MobileNet.
 */
#include <math.h>
#include <stdio.h>

#include "large.h"

static const struct shape {
	int layers;
	uint32_t blocks[4]; /* of one convolution each */
} shapes[] = { { 18, { 4, 4, 4, 4 } }, { 34, { 6, 8, 12, 6 } } };

static struct large_tensor stem(struct large *l, uint32_t kernel, uint32_t outputs)
{
	struct bnnaccel_conv conv = {
		.outputs = outputs,
		.kernel_h = kernel,
		.kernel_w = kernel,
		.stride_h = 2,
		.stride_w = 2,
		.pad_top = kernel / 2,
		.pad_left = kernel / 2,
		.pad_bottom = kernel / 2,
		.pad_right = kernel / 2,
		.kind = BNNACCEL_WEIGHTS_FLOAT,
		.order = BNNACCEL_OIHW,
		.weights =
			large_normals(l, outputs * 3 * kernel * kernel, 0, 1.0 / kernel / sqrt(3)),
	};
	int x = large_normalised(l, bnnaccel_graph_image(l->g, l->size, l->size, 3, 0));

	x = large_named(l, bnnaccel_graph_conv(l->g, x, &conv), "stem", "out");
	return (struct large_tensor){ x, l->size / 2, outputs, x };
}

/* A*conv(sign(x + t)) */
static struct large_tensor convolve(struct large *l, struct large_tensor x, const char *name,
				    uint32_t outputs, uint32_t kernel, uint32_t stride)
{
	struct bnnaccel_conv conv = large_binary(l, x.channels, outputs, kernel, stride);
	double scale = 0.5 / sqrt(x.channels * kernel * kernel);
	int y = bnnaccel_graph_sign(l->g, x.id, large_normals(l, x.channels, 0, 0.2));

	conv.scale = large_uniforms(l, outputs, 0.7 * scale, 1.3 * scale);
	y = large_named(l, y, name, "bits");
	y = large_named(l, bnnaccel_graph_conv(l->g, y, &conv), name, "conv");
	return (struct large_tensor){ y, x.size / stride, outputs, y };
}

static int qrprelu(struct large *l, int x, const char *name, uint32_t c)
{
	const float *m1 = large_normals(l, c, 0, 0.1), *m2 = large_normals(l, c, -0.15, 0.1);

	x = bnnaccel_graph_rprelu(l->g, x, m1, large_powers(l, c, -6, 0), m2);
	return large_named(l, x, name, "out");
}

/* Where the size is halved: a binary 1x1 convolution of the real 2x2 averages. */
static int shortcut(struct large *l, struct large_tensor x, const char *name, uint32_t outputs)
{
	struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_AVG, .kernel_h = 2, .kernel_w = 2 };
	struct bnnaccel_conv down = large_binary(l, x.channels, outputs, 1, 1);
	double scale = 0.8 / sqrt(x.channels);
	int y = large_named(l, bnnaccel_graph_pool(l->g, x.id, &pool), name, "pool");

	down.scale = large_uniforms(l, outputs, 0.7 * scale, 1.3 * scale);
	return large_named(l, bnnaccel_graph_conv(l->g, y, &down), name, "short");
}

void large_reactnet(struct large *l, int layers)
{
	const struct shape *shape = layers == 18 ? &shapes[0] : &shapes[1];
	struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_MAX,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .stride_h = 2,
				      .stride_w = 2,
				      .pad_top = 1,
				      .pad_left = 1,
				      .pad_bottom = 1,
				      .pad_right = 1 };
	struct large_tensor x = stem(l, 7, 64 / l->shrink);
	char name[32];
	int block = 0;

	x.id = large_named(l, bnnaccel_graph_pool(l->g, x.id, &pool), "stem", "pool");
	x.size = (x.size + 1) / 2;
	for (int s = 0; s < 4; s++) {
		for (uint32_t i = 0; i < shape->blocks[s]; i++, block++) {
			uint32_t stride = s && !i ? 2 : 1;
			struct large_tensor y;

			snprintf(name, sizeof(name), "block%d", block);
			y = convolve(l, x, name, (64u << s) / l->shrink, 3, stride);
			if (stride == 2)
				x.id = shortcut(l, x, name, y.channels);
			y.id = bnnaccel_graph_add(l->g, y.id, x.id, 0);
			y.id = qrprelu(l, y.id, name, y.channels);
			x = y;
		}
	}
	large_classify(l, x);
}

void large_reactnet_a(struct large *l, int variant)
{
	static const uint32_t widths[] = { 64,	128, 128, 256, 256,  512, 512,
					   512, 512, 512, 512, 1024, 1024 };
	struct large_tensor x = stem(l, 3, 32 / l->shrink), y;
	const float unit = variant == 8 ? 0x1p-4f : 0;
	char name[32];

	large_shortcut(l, &x, "stem", unit);
	for (int i = 0; i < 13; i++) {
		uint32_t outputs = widths[i] / l->shrink;
		uint32_t stride = i && outputs != x.channels ? 2 : 1;

		snprintf(name, sizeof(name), "block%d.a", i);
		y = convolve(l, x, name, x.channels, 3, stride);
		y.id = bnnaccel_graph_add(l->g, y.id, x.added,
					  stride == 2 ? BNNACCEL_ADD_AVG2X2 : 0);
		y.id = qrprelu(l, y.id, name, y.channels);
		large_shortcut(l, &y, name, unit);
		x = y;
		/* two convolutions side by side where the channels double: the shortcut repeats */
		snprintf(name, sizeof(name), "block%d.b", i);
		y = convolve(l, x, name, outputs, 1, 1);
		y.id = bnnaccel_graph_add(l->g, y.id, x.added, 0);
		y.id = qrprelu(l, y.id, name, y.channels);
		large_shortcut(l, &y, name, i < 12 ? unit : 0);
		x = y;
	}
	large_classify(l, x);
}
