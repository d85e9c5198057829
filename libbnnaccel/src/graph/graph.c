// SPDX-License-Identifier: MIT
/* Life of a graph, and what codes are. */
#include "graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bnnaccel_graph_new(const char *name, struct bnnaccel_graph **graph)
{
	struct bnnaccel_graph *g;

	if (!name || !*name || !graph)
		return BNNACCEL_ERR_ARGUMENT;
	g = calloc(1, sizeof(*g));
	if (!g)
		return BNNACCEL_ERR_MEMORY;
	g->image = -1;
	g->result = -1;
	g->name = strdup(name);
	g->description = strdup("");
	if (!g->name || !g->description) {
		bnnaccel_graph_free(g);
		return BNNACCEL_ERR_MEMORY;
	}
	*graph = g;
	return 0;
}

static void free_op(struct bnn_op *op)
{
	switch (op->kind) {
	case BNN_OP_ENCODE:
		free(op->encode.table);
		break;
	case BNN_OP_CONV:
		free(op->conv.w);
		free(op->conv.scale);
		free(op->conv.bias);
		free(op->conv.gates);
		free(op->conv.codebook);
		free(op->conv.index);
		break;
	case BNN_OP_AFFINE:
	case BNN_OP_BEND:
	case BNN_OP_NORMALISE:
		free(op->lin.a);
		free(op->lin.b);
		break;
	case BNN_OP_SIGN:
		free(op->threshold);
		break;
	case BNN_OP_AGGREGATE:
		free(op->edges.starts);
		free(op->edges.sources);
		free(op->edges.weights);
		break;
	default:
		break;
	}
	free(op->name);
}

void bnnaccel_graph_free(struct bnnaccel_graph *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->count; i++)
		free_op(&g->ops[i]);
	for (uint32_t i = 0; g->labels && i < g->output.count; i++)
		free(g->labels[i]);
	free(g->labels);
	free(g->column);
	free(g->ops);
	free(g->name);
	free(g->description);
	free(g);
}

int bnn_graph_fail(struct bnnaccel_graph *g, int code, const char *format, ...)
{
	va_list args;

	if (g->failed)
		return code;
	g->failed = code;
	va_start(args, format);
	vsnprintf(g->error.text, sizeof(g->error.text), format, args);
	va_end(args);
	return code;
}

const char *bnnaccel_graph_error(const struct bnnaccel_graph *g)
{
	return g->error.text;
}

static int replace(struct bnnaccel_graph *g, char **string, const char *text)
{
	char *copy = strdup(text ? text : "");

	if (!copy)
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "out of memory");
	free(*string);
	*string = copy;
	return 0;
}

int bnnaccel_graph_describe(struct bnnaccel_graph *g, const char *text)
{
	return replace(g, &g->description, text);
}

int bnnaccel_graph_name(struct bnnaccel_graph *g, int tensor, const char *name)
{
	int rc;

	if (tensor < 0)
		return tensor;
	if ((size_t)tensor >= g->count)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: tensor %d to be named %s does not exist", g->name,
				      tensor, name);
	rc = replace(g, &g->ops[tensor].name, name);
	return rc ? rc : tensor;
}

static const struct {
	uint8_t format, packed, bits;
	int max, abs;
} codes_info[] = {
	[BNNACCEL_CODES_SIGN] = { BNN_FORMAT_B1, 0, 1, 1, 1 },
	[BNNACCEL_CODES_ODD2] = { BNN_FORMAT_O2, 0, 2, 3, 3 },
	[BNNACCEL_CODES_ODD4] = { BNN_FORMAT_O4, BNN_FORMAT_E_O4, 4, 15, 15 },
	[BNNACCEL_CODES_ODD8] = { BNN_FORMAT_O8, 0, 8, 255, 255 },
	[BNNACCEL_CODES_UNSIGNED4] = { BNN_FORMAT_U4, 0, 4, 15, 15 },
	[BNNACCEL_CODES_UNSIGNED8] = { BNN_FORMAT_U8, BNN_FORMAT_E_U8, 8, 255, 255 },
	[BNNACCEL_CODES_SIGNED4] = { BNN_FORMAT_S4, 0, 4, 7, 8 },
	[BNNACCEL_CODES_SIGNED8] = { BNN_FORMAT_S8, BNN_FORMAT_E_S8, 8, 127, 128 },
	[BNNACCEL_CODES_SIGNED16] = { BNN_FORMAT_S16, 0, 16, 32767, 32768 },
};

unsigned int bnn_codes_packed(enum bnnaccel_codes codes)
{
	return codes_info[codes].packed;
}

unsigned int bnn_codes_format(enum bnnaccel_codes codes)
{
	return codes_info[codes].format;
}

unsigned int bnn_codes_bits(enum bnnaccel_codes codes)
{
	return codes_info[codes].bits;
}

int bnn_codes_max(enum bnnaccel_codes codes)
{
	return codes_info[codes].max;
}

int bnn_codes_abs(enum bnnaccel_codes codes)
{
	return codes_info[codes].abs;
}
