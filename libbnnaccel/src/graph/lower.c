// SPDX-License-Identifier: MIT
/* Graph to network: formats, then commands in the order of their results. */
#include "lower.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A constant that already is in the network: tables of functions are alike. */
static int find_constant(const struct bnn_net *net, const uint8_t *data, uint64_t bytes)
{
	for (size_t i = 0; i < net->value_count; i++) {
		const struct bnn_value *v = &net->values[i];

		if (v->role == BNN_ROLE_CONST && v->format == BNN_FORMAT_NONE &&
		    v->bytes == bytes && !memcmp(v->data, data, bytes))
			return (int)i;
	}
	return BNN_NO_VALUE;
}

int32_t bnn_lower_value(struct bnn_lower *lo, enum bnn_role role, unsigned int format, uint32_t h,
			uint32_t w, uint32_t c, int f, uint8_t *data, const char *name,
			const char *suffix)
{
	char text[256];
	struct bnn_value value = {
		.name = text, .role = role, .format = (uint8_t)format, .f = (int8_t)f, .data = data
	};
	int index;

	if (role == BNN_ROLE_CONST && !format && data) {
		index = find_constant(lo->net, data, c);
		if (index != BNN_NO_VALUE) {
			free(data);
			return index;
		}
	}
	snprintf(text, sizeof(text), "%.200s%s", name, suffix);
	if (format) {
		value.h = h;
		value.w = w;
		value.c = c;
	} else {
		value.bytes = c;
	}
	index = bnn_net_add_value(lo->net, &value);
	if (role == BNN_ROLE_OUTPUT && index >= 0)
		lo->net->output.value = index;
	return index;
}

int bnn_lower_node(struct bnn_lower *lo, struct bnn_node *node)
{
	int rc = bnn_net_add_node(lo->net, node);

	/* references of values that could not be added are negative */
	for (int i = 0; i < BNN_SLOTS && rc >= 0; i++) {
		if (node->ref[i] < BNN_NO_VALUE)
			rc = node->ref[i];
	}
	return rc < 0 ? bnn_fail(lo->error, rc, "graph %s: out of memory", lo->g->name) : 0;
}

void bnn_lower_init(struct bnn_node *node, unsigned int opcode, const struct bnn_op *op)
{
	memset(node, 0, sizeof(*node));
	node->name = op->name;
	node->words[0] = opcode;
	for (int i = 0; i < BNN_SLOTS; i++)
		node->ref[i] = BNN_NO_VALUE;
}

int bnn_lower_point(double max, int bits)
{
	int f = bits == 16 ? 20 : 24;

	/* rounding may add a unit or two to the largest value */
	while (f > -8 && ldexp(max, f) > ldexp(1, bits - 1) - 3)
		f--;
	return f;
}

bool bnn_lower_keeps_point(const struct bnn_op *op)
{
	return op->domain == BNN_DOMAIN_REAL &&
	       (op->kind == BNN_OP_POOL || op->kind == BNN_OP_TRANSPOSE ||
		(op->kind == BNN_OP_AGGREGATE && op->edges.mode != BNNACCEL_AGGREGATE_SUM));
}

/* First choice; a chain may lower that of its result. Pools keep their input's. */
static void choose_points(struct bnn_lower *lo)
{
	for (size_t i = 0; i < lo->g->count; i++) {
		if (lo->g->ops[i].domain == BNN_DOMAIN_REAL)
			lo->at[i].f = bnn_lower_point(bnn_range_max(&lo->ranges[i]), 16);
	}
	for (size_t i = 0; i < lo->g->count; i++) {
		if (lo->g->ops[i].kind == BNN_OP_SOFTMAX)
			lo->at[i].f = BNN_SOFTMAX_POINT;
	}
	for (size_t i = 0; i < lo->chains.count; i++) {
		if (lo->chains.chains[i].gates)
			lo->at[lo->chains.chains[i].final].f = BNN_GATE_POINT;
	}
	for (size_t i = 0; i < lo->chains.count; i++)
		bnn_lower_limit_residuals(lo, &lo->chains.chains[i]);
}

static int describe_ends(struct bnn_lower *lo)
{
	const struct bnnaccel_graph *g = lo->g;
	const struct bnn_op *image = &g->ops[g->image];
	static const enum bnn_output_kind kinds[] = {
		[BNNACCEL_OUTPUT_INT] = BNN_OUTPUT_INT,
		[BNNACCEL_OUTPUT_BITS] = BNN_OUTPUT_BITS,
		[BNNACCEL_OUTPUT_FLOAT] = BNN_OUTPUT_FLOAT,
	};
	struct bnn_net *net = lo->net;

	free(net->description);
	net->description = strdup(g->description);
	free(net->output.column);
	net->output.column = strdup(g->column);
	net->output.kind = kinds[g->output.kind];
	net->output.rule =
		g->output.rule == BNNACCEL_CLASS_HIGH_BIT ? BNN_CLASS_HIGH_BIT : BNN_CLASS_ARGMAX;
	net->output.count = g->output.count;
	net->output.value = BNN_NO_VALUE;
	if (g->labels) {
		net->output.labels = calloc(g->output.count, sizeof(char *));
		for (uint32_t i = 0; net->output.labels && i < g->output.count; i++)
			net->output.labels[i] = strdup(g->labels[i]);
	}
	net->input.h = image->h;
	net->input.w = image->w;
	net->input.c = image->c;
	net->input.order = image->planar ? BNN_IMAGE_PLANAR : BNN_IMAGE_HWC;
	net->input.value =
		bnn_lower_value(lo, BNN_ROLE_INPUT, 0, 0, 0, image->h * image->w * image->c, 0,
				NULL, image->name, "");
	return net->description && net->output.column && net->input.value >= 0
		       ? 0
		       : BNNACCEL_ERR_MEMORY;
}

static int emit(struct bnn_lower *lo)
{
	int rc = describe_ends(lo);

	if (rc)
		return bnn_fail(lo->error, rc, "graph %s: out of memory", lo->g->name);
	for (size_t i = 0; i < lo->g->count && !rc; i++) {
		if (lo->g->ops[i].kind == BNN_OP_ENCODE)
			rc = bnn_lower_encode(lo, (int)i);
		else if (lo->g->ops[i].kind == BNN_OP_POOL)
			rc = bnn_lower_pool(lo, (int)i);
		else if (lo->g->ops[i].kind == BNN_OP_TRANSPOSE)
			rc = bnn_lower_transpose(lo, (int)i);
		else if (lo->g->ops[i].kind >= BNN_OP_NORMALISE)
			rc = bnn_lower_host(lo, (int)i);
		/* everything that a chain reads is older than the tensor it ends in */
		for (size_t c = 0; c < lo->chains.count && !rc; c++) {
			if (lo->chains.chains[c].final == (int)i)
				rc = bnn_lower_chain(lo, &lo->chains.chains[c]);
		}
	}
	return rc ? rc : bnn_net_check(lo->net, lo->error);
}

static void note_origin(struct bnn_lower *lo, const struct bnnaccel_build_options *options)
{
	struct bnn_origin *origin = &lo->net->origin;
	double headroom = options->headroom > 0 ? options->headroom : BNN_HEADROOM;

	for (size_t i = 0; i < lo->g->count; i++)
		origin->parameters += lo->g->ops[i].parameters;
	if (!options->image_count)
		return;
	origin->images =
		options->image_count < UINT32_MAX ? (uint32_t)options->image_count : UINT32_MAX;
	origin->headroom = (uint32_t)(headroom * 1000 + 0.5);
}

static int check_graph(const struct bnnaccel_graph *g, struct bnn_error *error)
{
	if (g->failed)
		return bnn_fail(error, g->failed, "%s", g->error.text);
	if (g->image < 0 || g->result < 0)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT, "graph %s has no %s", g->name,
				g->image < 0 ? "image" : "output");
	for (size_t i = 0; i < g->count; i++) {
		const struct bnn_op *op = &g->ops[i];

		if ((uint64_t)op->h * op->w * op->c > BNN_VALUE_BYTES_MAX / 4)
			return bnn_fail(
				error, BNNACCEL_ERR_UNSUPPORTED,
				"graph %s: %s has %ux%ux%u elements; a tensor may take 2 GiB",
				g->name, op->name, op->h, op->w, op->c);
	}
	for (size_t i = 0; i < g->count; i++) {
		if (g->ops[i].domain == BNN_DOMAIN_CODES && (int)i == g->result) {
			for (size_t j = 0; j < g->count; j++) {
				if (g->ops[j].in[0] == (int)i)
					return bnn_fail(error, BNNACCEL_ERR_UNSUPPORTED,
							"graph %s: the output %s is read inside as "
							"well; make it twice",
							g->name, g->ops[i].name);
			}
		}
	}
	return 0;
}

int bnn_graph_lower(const struct bnnaccel_graph *g, const struct bnnaccel_build_options *options,
		    struct bnn_net **net, struct bnn_error *error)
{
	static const struct bnnaccel_build_options defaults;
	struct bnn_lower lo = { .g = g, .error = error };
	char *text = NULL;
	size_t length;
	int rc = check_graph(g, error);

	if (rc)
		return rc;
	options = options ? options : &defaults;
	lo.guard = options->guard ? options->guard : 6;
	lo.ranges = calloc(g->count, sizeof(*lo.ranges));
	lo.at = malloc(g->count * sizeof(*lo.at));
	lo.net = bnn_net_new(g->name);
	if (options->report)
		lo.report = open_memstream(&text, &length);
	if (!lo.ranges || !lo.at || !lo.net || (options->report && !lo.report)) {
		rc = bnn_fail(error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
		goto out;
	}
	for (size_t i = 0; i < g->count; i++)
		lo.at[i] = (struct bnn_places){ BNN_NO_VALUE, BNN_NO_VALUE, BNN_NO_VALUE,
						BNN_NO_VALUE, BNN_NO_VALUE, 0 };
	rc = bnn_graph_bounds(g, lo.ranges, error);
	if (!rc && options->image_count)
		rc = bnn_calibrate(g, options, lo.ranges, error);
	if (!rc)
		rc = bnn_chains_make(g, &lo.chains, error);
	if (!rc) {
		choose_points(&lo);
		note_origin(&lo, options);
		rc = emit(&lo);
	}
	if (!rc && lo.report) {
		bnn_report_multiplications(lo.net, lo.report);
		rc = bnn_report_saturation(g, options, lo.net, lo.report, error);
	}
out:
	bnn_chains_free(&lo.chains);
	free(lo.ranges);
	free(lo.at);
	if (lo.report)
		fclose(lo.report);
	if (rc) {
		free(text);
		bnn_net_free(lo.net);
		return rc;
	}
	if (options->report)
		*options->report = text;
	*net = lo.net;
	return 0;
}
