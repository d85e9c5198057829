// SPDX-License-Identifier: MIT
/*
 * Operators of relatives of the binary networks (ViT, MLP-Mixer, graph networks) that
 * run on the host, and the exchange of pixels and channels that they come with.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"

int bnnaccel_graph_transpose(struct bnnaccel_graph *g, int in, uint32_t rows)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "transpose");
	uint64_t pixels;
	struct bnn_op *op;
	uint32_t c;

	if (rc)
		return rc;
	c = g->ops[in].c;
	rows = rows ? rows : 1;
	pixels = (uint64_t)g->ops[in].h * g->ops[in].w;
	if (pixels > BNN_CHANNELS_MAX || c > BNN_SIZE_MAX || c % rows)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: transpose of %s (%ux%ux%u) to %u rows; %u pixels "
				      "and %u channels are the most, and rows divide channels",
				      g->name, g->ops[in].name, g->ops[in].h, g->ops[in].w, c, rows,
				      BNN_CHANNELS_MAX, BNN_SIZE_MAX);
	if (rows > 1 && c / rows * pixels % 8)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_UNSUPPORTED,
			"graph %s: transpose of %s to %u rows of %ux%u values; such rows "
			"lie apart in memory unless their size is a multiple of 8",
			g->name, g->ops[in].name, rows, c / rows, (uint32_t)pixels);
	op = bnn_op_add(g, BNN_OP_TRANSPOSE, "transposed", in, BNN_DOMAIN_REAL);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->h = rows;
	op->w = c / rows;
	op->c = (uint32_t)pixels;
	return (int)g->count - 1;
}

int bnnaccel_graph_layer_norm(struct bnnaccel_graph *g, int in, const float *scale,
			      const float *offset, float epsilon)
{
	int id = bnn_op_linear(g, in, BNN_OP_NORMALISE, scale, offset, 0);

	if (id < 0)
		return id;
	if (!isfinite(epsilon) || epsilon < 0)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: epsilon of layer_norm after %s is %g", g->name,
				      g->ops[in].name, (double)epsilon);
	g->ops[id].lin.epsilon = (double)epsilon;
	return id;
}

double bnn_function(enum bnnaccel_function function, double x)
{
	switch (function) {
	case BNNACCEL_GELU:
		return x * 0.5 * erfc(-x * M_SQRT1_2);
	case BNNACCEL_SILU:
		return x / (1 + exp(-x));
	case BNNACCEL_SIGMOID:
		return 1 / (1 + exp(-x));
	default:
		return tanh(x);
	}
}

int bnnaccel_graph_function(struct bnnaccel_graph *g, int in, enum bnnaccel_function function)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "function");
	struct bnn_op *op;

	if (rc)
		return rc;
	if ((unsigned int)function > BNNACCEL_TANH)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT, "graph %s: there is no function %d",
				      g->name, function);
	op = bnn_op_add(g, BNN_OP_FUNCTION, "function", in, BNN_DOMAIN_REAL);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->function = function;
	return (int)g->count - 1;
}

int bnnaccel_graph_gelu(struct bnnaccel_graph *g, int in)
{
	return bnnaccel_graph_function(g, in, BNNACCEL_GELU);
}

int bnnaccel_graph_softmax(struct bnnaccel_graph *g, int in)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "softmax");

	if (rc)
		return rc;
	return bnn_op_add(g, BNN_OP_SOFTMAX, "softmax", in, BNN_DOMAIN_REAL) ? (int)g->count - 1
									     : BNNACCEL_ERR_MEMORY;
}

static int check_edges(struct bnnaccel_graph *g, const struct bnn_op *x,
		       const struct bnnaccel_edges *e, uint32_t nodes)
{
	for (uint32_t u = 0; u < nodes; u++) {
		if ((!u && e->starts[0]) || e->starts[u + 1] < e->starts[u] ||
		    e->starts[u + 1] > 0xffffff)
			return bnn_graph_fail(
				g, BNNACCEL_ERR_ARGUMENT,
				"graph %s: edges of aggregate after %s: starts %u and %u "
				"of node %u; they rise from 0 to %u at most",
				g->name, x->name, e->starts[u], e->starts[u + 1], u, 0xffffff);
	}
	for (uint32_t i = 0; i < e->starts[nodes]; i++) {
		if (e->sources[i] >= x->h * x->w)
			return bnn_graph_fail(
				g, BNNACCEL_ERR_ARGUMENT,
				"graph %s: edge %u of aggregate comes from node %u, but "
				"%s has %u",
				g->name, i, e->sources[i], x->name, x->h * x->w);
		if (e->weights && !isfinite(e->weights[i]))
			return bnn_graph_fail(
				g, BNNACCEL_ERR_BAD_MODEL,
				"graph %s: weight %u of aggregate after %s is not finite; "
				"train it again or repair it",
				g->name, i, x->name);
	}
	return 0;
}

static bool copy_edges(struct bnn_edges_op *to, const struct bnnaccel_edges *from, uint32_t nodes)
{
	/* one more, so that a graph without edges is no special case */
	to->mode = from->mode;
	to->count = from->starts[nodes];
	to->starts = malloc((nodes + 1ull) * sizeof(*to->starts));
	to->sources = malloc((to->count + 1ull) * sizeof(*to->sources));
	to->weights = from->weights ? malloc((to->count + 1ull) * sizeof(*to->weights)) : NULL;
	if (!to->starts || !to->sources || (from->weights && !to->weights))
		return false;
	memcpy(to->starts, from->starts, (nodes + 1ull) * sizeof(*to->starts));
	for (uint32_t i = 0; i < to->count; i++) {
		to->sources[i] = from->sources[i];
		if (to->weights)
			to->weights[i] = (double)from->weights[i];
	}
	return true;
}

int bnnaccel_graph_aggregate(struct bnnaccel_graph *g, int in, const struct bnnaccel_edges *e)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "aggregate");
	struct bnn_op *op;
	uint32_t h, w;

	if (rc)
		return rc;
	h = e->h ? e->h : g->ops[in].h;
	w = e->w ? e->w : g->ops[in].w;
	if (h > BNN_SIZE_MAX || w > BNN_SIZE_MAX || !e->starts || !e->sources ||
	    (unsigned int)e->mode > BNNACCEL_AGGREGATE_MAX ||
	    (e->weights && e->mode != BNNACCEL_AGGREGATE_SUM))
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: aggregate after %s needs starts and sources of edges, "
			"at most %ux%u nodes, and weights only with SUM",
			g->name, g->ops[in].name, BNN_SIZE_MAX, BNN_SIZE_MAX);
	rc = check_edges(g, &g->ops[in], e, h * w);
	if (rc)
		return rc;
	op = bnn_op_add(g, BNN_OP_AGGREGATE, "aggregate", in, BNN_DOMAIN_REAL);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->h = h;
	op->w = w;
	if (!copy_edges(&op->edges, e, h * w))
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	op->parameters = e->weights ? op->edges.count : 0;
	return (int)g->count - 1;
}
