// SPDX-License-Identifier: MIT
/*
 * Bounds that no input can exceed, channel by channel: what formats are chosen
 * from when there are no images to calibrate with.
 */
#include <math.h>
#include <stdlib.h>

#include "graph.h"

struct interval {
	double lo, hi;
};

static struct interval code_interval(const struct bnn_op *x)
{
	int abs = bnn_codes_abs(x->codes);

	switch (x->codes) {
	case BNNACCEL_CODES_UNSIGNED4:
	case BNNACCEL_CODES_UNSIGNED8:
		return (struct interval){ 0, abs };
	default:
		return (struct interval){ -abs, abs };
	}
}

static void bound_conv(const struct bnnaccel_graph *g, const struct bnn_op *op,
		       struct interval *const *all, struct interval *out)
{
	const struct bnn_op *x = &g->ops[op->in[0]];
	const struct bnn_conv_op *c = &op->conv;
	uint32_t channels = x->c / c->groups;
	bool codes = x->domain == BNN_DOMAIN_CODES;
	double unit = codes ? x->unit.num / x->unit.den : 1;

	for (uint32_t o = 0; o < op->c; o++) {
		uint32_t base = o / (op->c / c->groups) * channels;
		double lo = 0, hi = 0, a, b;

		for (uint32_t j = 0; j < c->k; j++) {
			struct interval v =
				codes ? code_interval(x) : all[op->in[0]][base + j % channels];
			double w = c->w[(size_t)o * c->k + j];

			/* an absent tap may stand for 0 or, with pad_mode, for +-1 */
			v.lo = fmin(v.lo, c->pad_mode ? -1 : 0);
			v.hi = fmax(v.hi, c->pad_mode ? 1 : 0);
			lo += w > 0 ? w * v.lo : w * v.hi;
			hi += w > 0 ? w * v.hi : w * v.lo;
		}
		a = lo * unit * c->scale[o];
		b = hi * unit * c->scale[o];
		out[o].lo = fmin(a, b) + c->bias[o];
		out[o].hi = fmax(a, b) + c->bias[o];
	}
}

static void bound_linear(const struct bnn_op *op, const struct interval *in, struct interval *out)
{
	for (uint32_t i = 0; i < op->c; i++) {
		double a, b;

		if (op->kind == BNN_OP_AFFINE) {
			a = in[i].lo * op->lin.a[i] + op->lin.b[i];
			b = in[i].hi * op->lin.a[i] + op->lin.b[i];
		} else {
			a = in[i].lo * (in[i].lo >= 0 ? op->lin.b[i] : op->lin.a[i]);
			b = in[i].hi * (in[i].hi >= 0 ? op->lin.b[i] : op->lin.a[i]);
		}
		out[i].lo = fmin(a, b);
		out[i].hi = fmax(a, b);
		/* both slopes may lead to the same side of 0 */
		if (op->kind == BNN_OP_BEND && in[i].lo < 0 && in[i].hi > 0) {
			out[i].lo = fmin(out[i].lo, 0);
			out[i].hi = fmax(out[i].hi, 0);
		}
	}
}

/* A channel of what is added, which may be codes. */
static struct interval added(const struct bnn_op *y, const struct interval *real, uint32_t channel)
{
	double unit = y->unit.num / y->unit.den;
	struct interval codes;

	if (real)
		return real[channel];
	codes = code_interval(y);
	return (struct interval){ codes.lo * unit, codes.hi * unit };
}

static struct interval of_all(const struct interval *in, uint32_t n)
{
	struct interval all = in[0];

	for (uint32_t i = 1; i < n; i++) {
		all.lo = fmin(all.lo, in[i].lo);
		all.hi = fmax(all.hi, in[i].hi);
	}
	return all;
}

/* One channel may be as far from the mean as all others on the other side allow. */
static void bound_normalise(const struct bnn_op *op, struct interval *out)
{
	double most = sqrt(op->c - 1.0);

	for (uint32_t i = 0; i < op->c; i++) {
		double reach = fabs(op->lin.a[i]) * most;

		out[i] = (struct interval){ op->lin.b[i] - reach, op->lin.b[i] + reach };
	}
}

static struct interval bound_function(enum bnnaccel_function function, struct interval in)
{
	/* where it is least; the others rise everywhere */
	double least = function == BNNACCEL_GELU   ? -0.7517915
		       : function == BNNACCEL_SILU ? -1.2784645
						   : -INFINITY;
	struct interval out = { bnn_function(function, in.lo), bnn_function(function, in.hi) };

	if (out.lo > out.hi)
		out = (struct interval){ out.hi, out.lo };
	if (in.lo < least && least < in.hi)
		out.lo = bnn_function(function, least);
	return out;
}

static void bound_aggregate(const struct bnn_op *op, const struct interval *in,
			    struct interval *out)
{
	const struct bnn_edges_op *e = &op->edges;
	bool sum = e->mode == BNNACCEL_AGGREGATE_SUM;

	for (uint32_t i = 0; i < op->c; i++)
		out[i] = sum ? (struct interval){ 0, 0 }
			     : (struct interval){ fmin(in[i].lo, 0), fmax(in[i].hi, 0) };
	for (uint32_t u = 0; sum && u < op->h * op->w; u++) {
		double plus = 0, minus = 0;

		for (uint32_t j = e->starts[u]; j < e->starts[u + 1]; j++) {
			double w = e->weights ? e->weights[j] : 1;

			*(w > 0 ? &plus : &minus) += w;
		}
		for (uint32_t i = 0; i < op->c; i++) {
			out[i].lo = fmin(out[i].lo, plus * in[i].lo + minus * in[i].hi);
			out[i].hi = fmax(out[i].hi, plus * in[i].hi + minus * in[i].lo);
		}
	}
}

static void bound_op(const struct bnnaccel_graph *g, const struct bnn_op *op,
		     struct interval *const *all, struct interval *out)
{
	const struct interval *in = op->in[0] >= 0 ? all[op->in[0]] : NULL;

	switch (op->kind) {
	case BNN_OP_CONV:
		bound_conv(g, op, all, out);
		break;
	case BNN_OP_AFFINE:
	case BNN_OP_BEND:
		bound_linear(op, in, out);
		break;
	case BNN_OP_ADD:
		for (uint32_t i = 0; i < op->c; i++) {
			uint32_t cb = g->ops[op->in[1]].c;
			struct interval b = { 0, 0 };

			if (!(op->add_flags & BNNACCEL_ADD_ZERO) || i < cb)
				b = added(&g->ops[op->in[1]], all[op->in[1]], i % cb);
			out[i] = (struct interval){ in[i].lo + b.lo, in[i].hi + b.hi };
		}
		break;
	case BNN_OP_POOL:
		for (uint32_t i = 0; i < op->c; i++) {
			double scale = 1;

			out[i] = in[(size_t)i * op->pool.group];
			for (uint32_t j = 1; j < op->pool.group; j++) {
				out[i].lo = fmin(out[i].lo, in[i * op->pool.group + j].lo);
				out[i].hi = fmax(out[i].hi, in[i * op->pool.group + j].hi);
			}
			if (op->pool.mode == BNNACCEL_POOL_AVG) {
				scale = (double)op->pool.kernel_h * op->pool.kernel_w *
					op->pool.group / op->pool.divisor;
				out[i].lo = fmin(out[i].lo * scale, 0);
				out[i].hi = fmax(out[i].hi * scale, 0);
			}
		}
		break;
	case BNN_OP_GATE:
		for (uint32_t i = 0; i < op->c; i++)
			out[i] = (struct interval){ fmin(in[i].lo, 0), fmax(in[i].hi, 0) };
		break;
	case BNN_OP_TRANSPOSE:
		/* every channel is a pixel of all channels */
		for (uint32_t i = 0; i < op->c; i++)
			out[i] = of_all(in, g->ops[op->in[0]].c);
		break;
	case BNN_OP_NORMALISE:
		bound_normalise(op, out);
		break;
	case BNN_OP_FUNCTION:
		for (uint32_t i = 0; i < op->c; i++)
			out[i] = bound_function(op->function, in[i]);
		break;
	case BNN_OP_SOFTMAX:
		for (uint32_t i = 0; i < op->c; i++)
			out[i] = (struct interval){ 0, 1 };
		break;
	case BNN_OP_AGGREGATE:
		bound_aggregate(op, in, out);
		break;
	default: /* MEAN */
		for (uint32_t i = 0; i < op->c; i++)
			out[i] = in[i];
	}
}

int bnn_graph_bounds(const struct bnnaccel_graph *g, struct bnn_range *ranges,
		     struct bnn_error *error)
{
	struct interval **all = calloc(g->count, sizeof(*all));
	int rc = all ? 0 : BNNACCEL_ERR_MEMORY;

	for (size_t i = 0; !rc && i < g->count; i++) {
		const struct bnn_op *op = &g->ops[i];
		struct bnn_range *r = &ranges[i];

		*r = (struct bnn_range){ .seen_lo = INFINITY, .seen_hi = -INFINITY };
		if (op->domain != BNN_DOMAIN_REAL)
			continue;
		all[i] = malloc(op->c * sizeof(**all));
		if (!all[i]) {
			rc = BNNACCEL_ERR_MEMORY;
			break;
		}
		bound_op(g, op, all, all[i]);
		for (uint32_t c = 0; c < op->c; c++) {
			r->lo = fmin(r->lo, all[i][c].lo);
			r->hi = fmax(r->hi, all[i][c].hi);
		}
	}
	for (size_t i = 0; all && i < g->count; i++)
		free(all[i]);
	free(all);
	return rc ? bnn_fail(error, rc, "graph %s: out of memory", g->name) : 0;
}
