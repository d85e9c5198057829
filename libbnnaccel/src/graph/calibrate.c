// SPDX-License-Identifier: MIT
#include <math.h>

#include "lower.h"

struct seen {
	const struct bnnaccel_graph *g;
	struct bnn_range *ranges;
};

static void see(void *opaque, size_t tensor, const double *values)
{
	const struct seen *seen = opaque;
	const struct bnn_op *op = &seen->g->ops[tensor];
	struct bnn_range *r = &seen->ranges[tensor];

	if (op->domain != BNN_DOMAIN_REAL)
		return;
	for (size_t i = 0; i < (size_t)op->h * op->w * op->c; i++) {
		r->seen_lo = values[i] < r->seen_lo ? values[i] : r->seen_lo;
		r->seen_hi = values[i] > r->seen_hi ? values[i] : r->seen_hi;
	}
}

int bnn_calibrate(const struct bnnaccel_graph *g, const struct bnnaccel_build_options *options,
		  struct bnn_range *ranges, struct bnn_error *error)
{
	const struct bnn_op *image = &g->ops[g->image];
	size_t bytes = (size_t)image->h * image->w * image->c;
	size_t stride = options->image_stride ? options->image_stride : bytes;
	double headroom = options->headroom > 0 ? options->headroom : BNN_HEADROOM;
	struct seen seen = { g, ranges };
	int rc = 0;

	for (size_t i = 0; !rc && i < options->image_count; i++)
		rc = bnn_reference_walk(g, (const uint8_t *)options->images + i * stride, see,
					&seen, error);
	for (size_t t = 0; !rc && options->image_count && t < g->count; t++) {
		struct bnn_range *r = &ranges[t];
		double max = headroom * fmax(fabs(r->seen_lo), fabs(r->seen_hi));

		if (g->ops[t].domain != BNN_DOMAIN_REAL)
			continue;
		r->lo = fmax(r->lo, -max);
		r->hi = fmin(r->hi, max);
	}
	return rc;
}

double bnn_range_max(const struct bnn_range *range)
{
	return fmax(fabs(range->lo), fabs(range->hi));
}
