// SPDX-License-Identifier: MIT
/* Squeeze-and-excite: clips, codes rounded down, gates. */
#include <math.h>

#include "ops.h"

/* The same scale and offset for all channels. */
static int shift(struct bnnaccel_graph *g, int in, double scale, double offset)
{
	in = bnnaccel_graph_affine(g, in, NULL, NULL);
	for (uint32_t i = 0; in >= 0 && i < g->ops[in].c; i++) {
		g->ops[in].lin.a[i] = scale;
		g->ops[in].lin.b[i] = offset;
	}
	return in;
}

static int at_most_0(struct bnnaccel_graph *g, int in)
{
	in = bnnaccel_graph_bend(g, in, NULL, NULL);
	for (uint32_t i = 0; in >= 0 && i < g->ops[in].c; i++)
		g->ops[in].lin.b[i] = 0;
	return in;
}

/* Two bends, so one in P1 and one in P2, with one offset between them. */
static int clip(struct bnnaccel_graph *g, int in, double low, double high)
{
	if (low != 0)
		in = shift(g, in, 1, -low);
	in = shift(g, bnnaccel_graph_relu(g, in), 1, low - high);
	return shift(g, at_most_0(g, in), 1, high);
}

int bnnaccel_graph_clip(struct bnnaccel_graph *g, int in, float low, float high)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "clip");

	if (rc)
		return rc;
	if (!isfinite(low) || !isfinite(high) || low >= high)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: clip from %g to %g after %s needs a finite range",
				      g->name, (double)low, (double)high, g->ops[in].name);
	return clip(g, in, (double)low, (double)high);
}

int bnnaccel_graph_quantise_down(struct bnnaccel_graph *g, int in, enum bnnaccel_codes codes,
				 float range)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "quantise_down");

	if (rc)
		return rc;
	if (codes != BNNACCEL_CODES_UNSIGNED4 && codes != BNNACCEL_CODES_UNSIGNED8)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: quantise_down after %s needs unsigned codes",
				      g->name, g->ops[in].name);
	in = bnnaccel_graph_quantise(g, in, codes, range);
	if (in >= 0) {
		g->ops[in].unit.den++;
		g->ops[in].floor = true;
	}
	return in;
}

int bnnaccel_graph_gate(struct bnnaccel_graph *g, int in, int gate)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "gate");
	struct bnn_op *op;

	if (!rc)
		rc = bnn_op_input(g, gate, BNN_IN_REAL, "gate");
	if (rc)
		return rc;
	if (g->ops[gate].h != 1 || g->ops[gate].w != 1 || g->ops[gate].c != g->ops[in].c)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: gate of %s needs one pixel of %u channels, but %s is %ux%ux%u",
			g->name, g->ops[in].name, g->ops[in].c, g->ops[gate].name, g->ops[gate].h,
			g->ops[gate].w, g->ops[gate].c);
	gate = clip(g, shift(g, gate, 1.0 / 6, 0.5), 0, 1);
	if (gate < 0)
		return gate;
	op = bnn_op_add(g, BNN_OP_GATE, "gated", in, BNN_DOMAIN_REAL);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->in[1] = gate;
	return (int)g->count - 1;
}
