// SPDX-License-Identifier: MIT
/*
 * Channels in another order. Convolutions with weights of 0 and 1 copy values exactly,
 * so that no other command is needed.
 */
#include <stdlib.h>

#include "ops.h"

/* Codes as they were, from the real tensor of their values. */
static int as_codes(struct bnnaccel_graph *g, int real, int codes)
{
	enum bnnaccel_codes kind = g->ops[codes].codes;
	int id;

	if (kind == BNNACCEL_CODES_SIGN)
		return bnnaccel_graph_sign(g, real, NULL);
	id = bnnaccel_graph_quantise(g, real, kind, 1);
	if (id >= 0)
		g->ops[id].unit = g->ops[codes].unit;
	return id;
}

/* Channel i of the result, of `outputs`, is channel from[i], or 0 where that is too large. */
static int copy_channels(struct bnnaccel_graph *g, int in, const uint32_t *from, uint32_t outputs)
{
	uint32_t c = g->ops[in].c;
	int8_t *weights = calloc(outputs, c);
	struct bnnaccel_conv conv = { .outputs = outputs,
				      .kernel_h = 1,
				      .kernel_w = 1,
				      .kind = BNNACCEL_WEIGHTS_INT8,
				      .weights = weights };
	int id;

	if (!weights)
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	for (uint32_t i = 0; i < outputs; i++) {
		if (from[i] < c)
			weights[(size_t)i * c + from[i]] = 1;
	}
	id = bnnaccel_graph_conv(g, in, &conv);
	free(weights);
	if (id >= 0)
		g->ops[id].parameters = 0;
	return id;
}

int bnnaccel_graph_select(struct bnnaccel_graph *g, int in, const uint32_t *channels,
			  uint32_t count)
{
	int rc = bnn_op_input(g, in, BNN_IN_CODES | BNN_IN_REAL, "select");
	int id;

	if (rc)
		return rc;
	if (!channels || !count || count > BNN_CHANNELS_MAX)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: select of %u channels of %s; 1 to %u are possible",
				      g->name, count, g->ops[in].name, BNN_CHANNELS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		if (channels[i] >= g->ops[in].c)
			return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
					      "graph %s: select of channel %u of %s, which has %u",
					      g->name, channels[i], g->ops[in].name, g->ops[in].c);
	}
	id = copy_channels(g, in, channels, count);
	return id >= 0 && g->ops[in].domain == BNN_DOMAIN_CODES ? as_codes(g, id, in) : id;
}

int bnnaccel_graph_shuffle(struct bnnaccel_graph *g, int in, uint32_t groups)
{
	int rc = bnn_op_input(g, in, BNN_IN_CODES | BNN_IN_REAL, "shuffle");
	uint32_t *channels, c;

	if (rc)
		return rc;
	c = g->ops[in].c;
	if (!groups || c % groups)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: %u groups of shuffle do not divide the %u channels "
			"of %s",
			g->name, groups, c, g->ops[in].name);
	channels = malloc(c * sizeof(*channels));
	if (!channels)
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	for (uint32_t i = 0; i < c; i++)
		channels[i] = i % groups * (c / groups) + i / groups;
	rc = bnnaccel_graph_select(g, in, channels, c);
	free(channels);
	return rc;
}

int bnnaccel_graph_concat(struct bnnaccel_graph *g, int a, int b)
{
	int rc = bnn_op_input(g, a, BNN_IN_REAL, "concat");
	uint32_t *channels, c;

	if (!rc)
		rc = bnn_op_input(g, b, BNN_IN_REAL, "concat");
	if (rc)
		return rc;
	c = g->ops[a].c + g->ops[b].c;
	if (g->ops[a].h != g->ops[b].h || g->ops[a].w != g->ops[b].w || c > BNN_CHANNELS_MAX)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: concat cannot join %s (%ux%ux%u) and %s (%ux%ux%u)", g->name,
			g->ops[a].name, g->ops[a].h, g->ops[a].w, g->ops[a].c, g->ops[b].name,
			g->ops[b].h, g->ops[b].w, g->ops[b].c);
	channels = malloc(c * sizeof(*channels));
	if (!channels)
		return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	/* below 0, which is too large: nothing of b */
	for (uint32_t i = 0; i < c; i++)
		channels[i] = i - g->ops[a].c;
	rc = copy_channels(g, b, channels, c);
	free(channels);
	return bnnaccel_graph_add(g, rc, a, BNNACCEL_ADD_ZERO);
}
