// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>

#include "lower.h"

static void see(struct bnn_range *r, const double *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r->seen_lo = fmin(r->seen_lo, values[i]);
		r->seen_hi = fmax(r->seen_hi, values[i]);
	}
}

int bnn_calibrate(const struct bnnaccel_graph *g, const struct bnnaccel_build_options *options,
		  struct bnn_range *ranges, struct bnn_error *error)
{
	const struct bnn_op *image = &g->ops[g->image];
	size_t bytes = (size_t)image->h * image->w * image->c;
	size_t stride = options->image_stride ? options->image_stride : bytes;
	double headroom = options->headroom > 0 ? options->headroom : BNN_HEADROOM;
	double **values = calloc(g->count, sizeof(*values));
	int rc = values ? 0 : BNNACCEL_ERR_MEMORY;

	for (size_t i = 0; !rc && i < options->image_count; i++) {
		rc = bnn_reference_run(g, (const uint8_t *)options->images + i * stride, values,
				       error);
		for (size_t t = 0; !rc && t < g->count; t++) {
			const struct bnn_op *op = &g->ops[t];

			if (op->domain == BNN_DOMAIN_REAL)
				see(&ranges[t], values[t], (size_t)op->h * op->w * op->c);
		}
		if (!rc)
			bnn_reference_free(g, values);
	}
	free(values);
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
