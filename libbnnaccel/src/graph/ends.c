// SPDX-License-Identifier: MIT
/* The ends of a graph: the image and its codes, the output. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"

int bnnaccel_graph_image(struct bnnaccel_graph *g, uint32_t h, uint32_t w, uint32_t c, int planar)
{
	struct bnn_op *op;

	if (g->failed)
		return g->failed;
	if (g->image >= 0)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT, "graph %s has two images", g->name);
	if (!h || !w || !c || h > BNN_SIZE_MAX || w > BNN_SIZE_MAX || c > BNN_CHANNELS_MAX ||
	    (uint64_t)h * w * c > BNN_VALUE_BYTES_MAX)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: an image of %ux%ux%u bytes is outside 1x1x1 to "
				      "%ux%ux%u, or larger than 2 GiB",
				      g->name, h, w, c, BNN_SIZE_MAX, BNN_SIZE_MAX,
				      BNN_CHANNELS_MAX);
	op = bnn_op_add(g, BNN_OP_IMAGE, "image", -1, BNN_DOMAIN_IMAGE);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->h = h;
	op->w = w;
	op->c = c;
	op->planar = planar;
	g->image = (int)g->count - 1;
	return g->image;
}

int bnnaccel_graph_flatten(struct bnnaccel_graph *g, int image)
{
	int rc = bnn_op_input(g, image, BNN_IN_IMAGE, "flatten");
	struct bnn_op *op;

	if (rc)
		return rc;
	if ((uint64_t)g->ops[image].h * g->ops[image].w * g->ops[image].c > BNN_CHANNELS_MAX)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: a flat image has at most %u bytes", g->name,
				      BNN_CHANNELS_MAX);
	op = bnn_op_add(g, BNN_OP_FLATTEN, "flat", image, BNN_DOMAIN_IMAGE);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->c *= op->h * op->w;
	op->h = 1;
	op->w = 1;
	return (int)g->count - 1;
}

int bnnaccel_graph_encode(struct bnnaccel_graph *g, int image, const struct bnnaccel_encoding *e)
{
	int rc = bnn_op_input(g, image, BNN_IN_IMAGE, "encode");
	uint32_t colours, levels, tables;
	struct bnn_op *op;

	if (rc)
		return rc;
	if (!e || (unsigned int)e->mode > BNNACCEL_ENCODE_BITS ||
	    (unsigned int)e->codes > BNNACCEL_CODES_SIGNED16)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: encode needs a mode and codes that exist",
				      g->name);
	colours = g->ops[image].c;
	tables = e->tables ? e->tables : 1;
	levels = e->mode == BNNACCEL_ENCODE_THERMOMETER ? e->levels
		 : e->mode == BNNACCEL_ENCODE_BITS	? 8
							: 1;
	if (!e->table || (tables != 1 && tables != colours))
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: encode needs 1 or %u tables of 256 bytes", g->name,
				      colours);
	if (levels < 1 || levels > 255 || levels * colours > BNN_CHANNELS_MAX)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: encode with %u levels of %u colours; 1 to 255 "
				      "levels and %u channels are possible",
				      g->name, levels, colours, BNN_CHANNELS_MAX);
	if (e->mode == BNNACCEL_ENCODE_VALUE && bnn_codes_bits(e->codes) > 8)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: encode makes codes of at most 8 bits", g->name);
	if (!isfinite(e->unit) || e->unit < 0)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: the unit of encode is not positive", g->name);
	op = bnn_op_add(g, BNN_OP_ENCODE, "encode", image, BNN_DOMAIN_CODES);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->c *= levels;
	op->codes = e->mode == BNNACCEL_ENCODE_VALUE ? e->codes : BNNACCEL_CODES_SIGN;
	op->unit = (struct bnn_unit){ e->unit ? e->unit : 1, 1 };
	op->encode.mode = e->mode;
	op->encode.levels = levels;
	op->encode.shared = tables == 1;
	op->encode.table = malloc(256 * tables);
	if (!op->encode.table)
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	memcpy(op->encode.table, e->table, 256 * tables);
	return (int)g->count - 1;
}

static int copy_labels(struct bnnaccel_graph *g, const char *const *labels)
{
	g->labels = calloc(g->output.count, sizeof(*g->labels));
	for (uint32_t i = 0; g->labels && i < g->output.count; i++) {
		g->labels[i] = strdup(labels[i] ? labels[i] : "");
		if (!g->labels[i])
			return BNNACCEL_ERR_MEMORY;
	}
	return g->labels ? 0 : BNNACCEL_ERR_MEMORY;
}

int bnnaccel_graph_output(struct bnnaccel_graph *g, int in, const struct bnnaccel_output *output)
{
	int rc = bnn_op_input(g, in, BNN_IN_CODES | BNN_IN_REAL, "output");
	const struct bnn_op *x;

	if (rc)
		return rc;
	if (!output || (unsigned int)output->kind > BNNACCEL_OUTPUT_FLOAT ||
	    (unsigned int)output->rule > BNNACCEL_CLASS_HIGH_BIT)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: output needs a kind and a class rule that exist",
				      g->name);
	x = &g->ops[in];
	if (g->result >= 0)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT, "graph %s has two outputs",
				      g->name);
	if (x->h != 1 || x->w != 1 || output->count > x->c)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: output needs one pixel with at least %u channels, "
				      "but %s is %ux%ux%u",
				      g->name, output->count ? output->count : 1, x->name, x->h,
				      x->w, x->c);
	if (output->kind == BNNACCEL_OUTPUT_BITS
		    ? x->domain != BNN_DOMAIN_CODES || x->codes != BNNACCEL_CODES_SIGN
		    : x->domain != BNN_DOMAIN_REAL)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: output of bits needs signs, others a real tensor; %s is not",
			g->name, x->name);
	if (output->bits && output->bits != 16 && output->bits != 32)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: output has 16 or 32 bits", g->name);
	g->output = *output;
	g->output.count = output->count ? output->count : x->c;
	g->column = strdup(output->column ? output->column : "out");
	if (!g->column || (output->labels && copy_labels(g, output->labels)))
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	g->result = in;
	return 0;
}
