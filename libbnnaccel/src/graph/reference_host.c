// SPDX-License-Identifier: MIT
/* The operators of host.c in floating point. */
#include <math.h>

#include "graph.h"

static void normalise(const struct bnn_op *op, const double *in, double *out)
{
	double mean = 0, variance = 0;

	for (uint32_t c = 0; c < op->c; c++)
		mean += in[c] / op->c;
	for (uint32_t c = 0; c < op->c; c++)
		variance += (in[c] - mean) * (in[c] - mean) / op->c;
	variance += op->lin.epsilon;
	for (uint32_t c = 0; c < op->c; c++)
		out[c] = (variance > 0 ? op->lin.a[c] * (in[c] - mean) / sqrt(variance) : 0) +
			 op->lin.b[c];
}

static void softmax(const struct bnn_op *op, const double *in, double *out)
{
	double max = -INFINITY, sum = 0;

	for (uint32_t c = 0; c < op->c; c++)
		max = fmax(max, in[c]);
	for (uint32_t c = 0; c < op->c; c++)
		sum += exp(in[c] - max);
	for (uint32_t c = 0; c < op->c; c++)
		out[c] = exp(in[c] - max) / sum;
}

static void aggregate(const struct bnn_op *op, const double *in, uint32_t node, double *out)
{
	const struct bnn_edges_op *e = &op->edges;
	uint32_t first = e->starts[node], last = e->starts[node + 1];

	for (uint32_t c = 0; c < op->c; c++) {
		double sum = 0, max = -INFINITY;

		for (uint32_t i = first; i < last; i++) {
			double x = in[(size_t)e->sources[i] * op->c + c];

			sum += e->weights ? e->weights[i] * x : x;
			max = fmax(max, x);
		}
		if (first == last)
			max = 0;
		else if (e->mode == BNNACCEL_AGGREGATE_MEAN)
			sum /= last - first;
		out[c] = e->mode == BNNACCEL_AGGREGATE_MAX ? max : sum;
	}
}

void bnn_reference_host(const struct bnnaccel_graph *g, const struct bnn_op *op, const double *in,
			double *out)
{
	const struct bnn_op *x = &g->ops[op->in[0]];
	size_t pixels = (size_t)op->h * op->w;

	for (size_t p = 0; p < pixels; p++) {
		const double *from = in + p * op->c;
		double *to = out + p * op->c;

		switch (op->kind) {
		case BNN_OP_TRANSPOSE: /* pixel p is channel p of x */
			for (uint32_t c = 0; c < op->c; c++)
				to[c] = in[(size_t)c * x->c + p];
			break;
		case BNN_OP_NORMALISE:
			normalise(op, from, to);
			break;
		case BNN_OP_FUNCTION:
			for (uint32_t c = 0; c < op->c; c++)
				to[c] = bnn_function(op->function, from[c]);
			break;
		case BNN_OP_SOFTMAX:
			softmax(op, from, to);
			break;
		default:
			aggregate(op, in, (uint32_t)p, to);
		}
	}
}
