// SPDX-License-Identifier: MIT
/*
 * MLP-Mixer B/16 (arXiv 2105.01601) as a Tiled Bit Network (arXiv 2407.12075): patches
 * of 16x16 pixels, 12 blocks of a perceptron over patches and one over channels, each
 * behind a layer normalisation, with GELU inside. What the perceptrons read is codes
 * of 8 bits. Normalisation and GELU run on the CPU, the rest on the device.
 */
#include <math.h>
#include <stdio.h>

#include "large.h"

enum { BLOCKS = 12, CHANNELS = 768, PATCH_UNITS = 384, CHANNEL_UNITS = 3072 };

static const float range = 12; /* of codes: nothing is clipped */

static int codes(struct large *l, int x, const char *name)
{
	x = bnnaccel_graph_quantise(l->g, x, BNNACCEL_CODES_SIGNED8, range);
	return large_named(l, x, name, "codes");
}

/* A dense layer for each pixel. */
static int dense(struct large *l, int x, const char *name, uint32_t inputs, uint32_t outputs,
		 uint32_t p)
{
	struct bnnaccel_conv conv = large_binary(l, inputs, outputs, 1, 1);

	conv.bias = large_normals(l, outputs, 0, 0.1);
	large_tile(l, &conv, inputs, p);
	return large_named(l, bnnaccel_graph_conv(l->g, codes(l, x, name), &conv), name, "dense");
}

static int perceptron(struct large *l, int x, const char *name, uint32_t inputs, uint32_t units,
		      uint32_t p)
{
	char part[48];

	snprintf(part, sizeof(part), "%s.1", name);
	x = bnnaccel_graph_gelu(l->g, dense(l, x, part, inputs, units, p));
	x = large_named(l, x, part, "gelu");
	snprintf(part, sizeof(part), "%s.2", name);
	return dense(l, x, part, units, inputs, p);
}

static int normalise(struct large *l, int x, const char *name, uint32_t channels)
{
	x = bnnaccel_graph_layer_norm(l->g, x, large_uniforms(l, channels, 0.8, 1.2),
				      large_normals(l, channels, 0, 0.1), 1e-6f);
	return large_named(l, x, name, "norm");
}

/*
 * A 16x16 convolution with stride 16 in two steps, because kernels have at most 7x7:
 * the first only moves 4x4 pixels into channels, so the second sees all 16x16.
 */
static struct large_tensor patches(struct large *l, uint32_t channels, uint32_t p)
{
	static const float unit = (float)((1 - 0.406) / 0.225);
	int8_t *identity = large_array(l, 48 * 48);
	struct bnnaccel_conv move = { .outputs = 48,
				      .kernel_h = 4,
				      .kernel_w = 4,
				      .stride_h = 4,
				      .stride_w = 4,
				      .kind = BNNACCEL_WEIGHTS_INT8,
				      .weights = identity };
	struct bnnaccel_conv embed = large_binary(l, 48, channels, 4, 4);
	int x = large_normalised(l, bnnaccel_graph_image(l->g, l->size, l->size, 3, 0));

	for (int i = 0; identity && i < 48 * 48; i++)
		identity[i] = i / 48 == i % 48;
	x = large_named(l, bnnaccel_graph_conv(l->g, x, &move), "patch", "pixels");
	x = bnnaccel_graph_quantise(l->g, x, BNNACCEL_CODES_SIGNED8, unit);
	embed.pad_top = embed.pad_left = embed.pad_bottom = embed.pad_right = 0;
	large_tile(l, &embed, 768, p);
	embed.bias = large_normals(l, channels, 0, 0.1);
	x = large_named(l, bnnaccel_graph_conv(l->g, x, &embed), "patch", "out");
	return (struct large_tensor){ x, l->size / 16, channels, x };
}

void large_mixer(struct large *l, int tile)
{
	uint32_t channels = CHANNELS / l->shrink, p = (uint32_t)tile;
	struct large_tensor x = patches(l, channels, p);
	uint32_t count = x.size * x.size;
	char name[32];
	int y;

	for (int i = 0; i < BLOCKS; i++) {
		snprintf(name, sizeof(name), "block%d.patches", i);
		y = bnnaccel_graph_transpose(l->g, normalise(l, x.id, name, channels), 0);
		y = perceptron(l, y, name, count, PATCH_UNITS / l->shrink, p);
		y = bnnaccel_graph_transpose(l->g, y, x.size);
		x.id = large_named(l, bnnaccel_graph_add(l->g, x.id, y, 0), name, "out");
		snprintf(name, sizeof(name), "block%d.channels", i);
		y = normalise(l, x.id, name, channels);
		y = perceptron(l, y, name, channels, CHANNEL_UNITS / l->shrink, p);
		x.id = large_named(l, bnnaccel_graph_add(l->g, x.id, y, 0), name, "out");
	}
	x.id = normalise(l, x.id, "last", channels);
	large_classify_tiled(l, x, p);
}
