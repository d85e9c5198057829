// SPDX-License-Identifier: MIT
/* What the families share, and the list of networks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "large.h"

const struct large_network large_networks[] = {
	{ "fracbnn-imagenet", "FracBNN for ImageNet (arXiv 2012.12206)", large_fracbnn, 0, 8 },
	{ "pokebnn-0.5", "PokeBNN 0.5x (arXiv 2112.00133)", large_pokebnn, 8, 4 },
	{ "pokebnn-1.0", "PokeBNN 1.0x (arXiv 2112.00133)", large_pokebnn, 16, 8 },
	{ "pokebnn-1.0-s8", "PokeBNN 1.0x (arXiv 2112.00133) with shortcuts of 8 bits",
	  large_pokebnn, -16, 8 },
	{ "pokebnn-2.0", "PokeBNN 2.0x (arXiv 2112.00133)", large_pokebnn, 32, 8 },
	{ "abbnn-reactnet18", "A&B BNN, ReActNet-18 (arXiv 2403.03739)", large_reactnet, 18, 8 },
	{ "abbnn-reactnet34", "A&B BNN, ReActNet-34 (arXiv 2403.03739)", large_reactnet, 34, 8 },
	{ "abbnn-reactnet-a", "A&B BNN, ReActNet-A (arXiv 2403.03739)", large_reactnet_a, 0, 8 },
	{ "abbnn-reactnet-a-s8", "A&B BNN, ReActNet-A (arXiv 2403.03739) with shortcuts of 8 bits",
	  large_reactnet_a, 8, 8 },
	{ "tbn-resnet18", "Tiled bit network, ResNet-18, p = 4 (arXiv 2407.12075)", large_resnet, 4,
	  8 },
	{ "tbn-resnet18-all", "As tbn-resnet18, but every layer between stem and last is tiled",
	  large_resnet, -4, 8 },
	{ "tbn-resnet18-untiled", "Binary weights, ResNet-18, for comparison with tbn-resnet18",
	  large_resnet, 1, 8 },
	{ "tbn-mlpmixer", "Tiled bit network, MLP-Mixer B/16, p = 4 (arXiv 2407.12075)",
	  large_mixer, 4, 8 },
	{ 0 },
};

const struct large_network *large_find(const char *name)
{
	for (const struct large_network *n = large_networks; n->name; n++) {
		if (!strcmp(n->name, name))
			return n;
	}
	return NULL;
}

int large_graph(const struct large_network *network, uint32_t size, uint32_t shrink,
		struct bnnaccel_graph **graph)
{
	struct large l = { .size = size,
			   .shrink = shrink,
			   .classes = 1000 / shrink / 8 * 8,
			   /* as for ImageNet in the paper's code */
			   .tiled_from = 150000 / shrink / shrink,
			   .state = 1 };
	char about[160];
	int rc = bnnaccel_graph_new(network->name, graph);

	if (rc)
		return rc;
	l.g = *graph;
	/* networks of one family have different parameters */
	for (const char *p = network->name; *p; p++)
		l.state = l.state * 31 + (uint64_t)*p;
	snprintf(about, sizeof(about), "%s; random parameters", network->about);
	bnnaccel_graph_describe(l.g, about);
	network->build(&l, network->variant);
	while (l.blocks) {
		struct large_block *block = l.blocks;

		l.blocks = block->next;
		free(block);
	}
	return l.failed			    ? BNNACCEL_ERR_MEMORY
	       : *bnnaccel_graph_error(l.g) ? BNNACCEL_ERR_ARGUMENT
					    : 0;
}

int large_named(struct large *l, int x, const char *prefix, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", prefix, what);
	return bnnaccel_graph_name(l->g, x, name);
}

struct bnnaccel_conv large_binary(struct large *l, uint32_t inputs, uint32_t outputs,
				  uint32_t kernel, uint32_t stride)
{
	return (struct bnnaccel_conv){
		.outputs = outputs,
		.kernel_h = kernel,
		.kernel_w = kernel,
		.stride_h = stride,
		.stride_w = stride,
		.pad_top = kernel / 2,
		.pad_left = kernel / 2,
		.pad_bottom = kernel / 2,
		.pad_right = kernel / 2,
		.kind = BNNACCEL_WEIGHTS_BITS,
		.order = BNNACCEL_OHWI,
		.weights = large_bits(l, (size_t)outputs * ((inputs * kernel * kernel + 7) / 8)),
	};
}

void large_shortcut(struct large *l, struct large_tensor *x, const char *name, float unit)
{
	x->added = x->id;
	if (unit == 0)
		return;
	x->added = bnnaccel_graph_quantise(l->g, x->id, BNNACCEL_CODES_SIGNED8, 127 * unit);
	x->added = large_named(l, x->added, name, "added");
}

void large_tile(struct large *l, struct bnnaccel_conv *conv, uint32_t fan_in, uint32_t p)
{
	double scale = 1 / sqrt(fan_in);

	if (p > 1 && (uint64_t)conv->outputs * fan_in >= l->tiled_from) {
		conv->kind = BNNACCEL_WEIGHTS_TILED;
		conv->tile = p;
	}
	conv->scales = conv->tile ? p : 1;
	conv->scale = large_uniforms(l, conv->scales, 0.8 * scale, 1.2 * scale);
}

int large_normalised(struct large *l, int image)
{
	static const double mean[] = { 0.485, 0.456, 0.406 }, deviation[] = { 0.229, 0.224, 0.225 };
	const double unit = (1 - 0.406) / 0.225 / 127; /* the largest value is code 127 */
	uint8_t table[3 * 256];
	struct bnnaccel_encoding encoding = { .mode = BNNACCEL_ENCODE_VALUE,
					      .codes = BNNACCEL_CODES_SIGNED8,
					      .table = table,
					      .tables = 3,
					      .unit = (float)unit };

	for (int i = 0; i < 3 * 256; i++)
		table[i] = (uint8_t)(int)floor(
			(i % 256 / 255.0 - mean[i / 256]) / deviation[i / 256] / unit + 0.5);
	return bnnaccel_graph_name(l->g, bnnaccel_graph_encode(l->g, image, &encoding), "input");
}

void large_classify(struct large *l, struct large_tensor x)
{
	struct bnnaccel_conv dense = {
		.outputs = l->classes,
		.kind = BNNACCEL_WEIGHTS_FLOAT,
		.weights = large_normals(l, l->classes * x.channels, 0, 2 / sqrt(x.channels)),
		.bias = large_normals(l, l->classes, 0, 0.1),
	};
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT, .column = "logit" };
	const float range = 4;

	/* 512 and more products of 16 with 8 bits could exceed 32: 8 with 8 */
	x.id = bnnaccel_graph_name(l->g, bnnaccel_graph_mean(l->g, x.id), "mean");
	x.id = bnnaccel_graph_clip(l->g, x.id, -range, range);
	x.id = bnnaccel_graph_quantise(l->g, x.id, BNNACCEL_CODES_SIGNED8, range);
	x.id = bnnaccel_graph_name(l->g, x.id, "logits.codes");
	x.id = bnnaccel_graph_name(l->g, bnnaccel_graph_dense(l->g, x.id, &dense), "logits");
	bnnaccel_graph_output(l->g, x.id, &output);
}

void large_classify_tiled(struct large *l, struct large_tensor x, uint32_t p)
{
	struct bnnaccel_conv dense = large_binary(l, x.channels, l->classes, 1, 1);
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT, .column = "logit" };

	dense.pad_top = dense.pad_left = dense.pad_bottom = dense.pad_right = 0;
	dense.bias = large_normals(l, l->classes, 0, 0.1);
	large_tile(l, &dense, x.channels, p);
	x.id = bnnaccel_graph_name(l->g, bnnaccel_graph_mean(l->g, x.id), "mean");
	x.id = bnnaccel_graph_name(l->g, bnnaccel_graph_dense(l->g, x.id, &dense), "logits");
	bnnaccel_graph_output(l->g, x.id, &output);
}
