// SPDX-License-Identifier: MIT
/*
 * Scales of convolutions of signs, rounded to powers of two, so that the stage they
 * join shifts instead of multiplying (A&B BNN, arXiv 2403.03739). The graph keeps its
 * own scales: they are put aside for one build.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

static bool of_signs(const struct bnn_op *op)
{
	return op->kind == BNN_OP_CONV && op->conv.wformat == BNN_WFORMAT_B1;
}

/* Nearest in the logarithm; 0 stays 0. */
static double nearest(double scale)
{
	return scale == 0 ? 0 : copysign(exp2(round(log2(fabs(scale)))), scale);
}

int bnn_pow2_begin(struct bnnaccel_graph *g, double ***saved, struct bnn_error *error)
{
	*saved = calloc(g->count ? g->count : 1, sizeof(**saved));
	for (size_t i = 0; *saved && i < g->count; i++) {
		struct bnn_op *op = &g->ops[i];
		double *rounded;

		if (!of_signs(op))
			continue;
		rounded = malloc(op->c * sizeof(*rounded));
		if (!rounded) {
			bnn_pow2_end(g, *saved);
			*saved = NULL;
			break;
		}
		for (uint32_t c = 0; c < op->c; c++)
			rounded[c] = nearest(op->conv.scale[c]);
		(*saved)[i] = op->conv.scale;
		op->conv.scale = rounded;
	}
	return *saved ? 0 : bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory");
}

void bnn_pow2_end(struct bnnaccel_graph *g, double **saved)
{
	for (size_t i = 0; saved && i < g->count; i++) {
		if (!saved[i])
			continue;
		free(g->ops[i].conv.scale);
		g->ops[i].conv.scale = saved[i];
	}
	free(saved);
}
