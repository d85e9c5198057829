// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "../api.h"
#include "graph.h"

/* Fields behind the caller's structure, of an older program, are the defaults. */
int bnn_build_options(const struct bnnaccel_build_options *given,
		      struct bnnaccel_build_options *options, struct bnn_error *error)
{
	*options = (struct bnnaccel_build_options){ .size = sizeof(*options) };
	if (!given)
		return 0;
	if (given->size < sizeof(given->size) || given->size > 4096)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"options of a build: size is %zu; set it to sizeof(struct "
				"bnnaccel_build_options)",
				given->size);
	memcpy(options, given, given->size < sizeof(*options) ? given->size : sizeof(*options));
	if (options->image_count && !options->images)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"options of a build: no images to calibrate with");
	if (options->headroom && !(options->headroom >= 1 && options->headroom <= 1000))
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"options of a build: headroom %g is not between 1 and 1000",
				options->headroom);
	if (options->guard > 12)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"options of a build: %u guard bits, 12 are possible",
				options->guard);
	return 0;
}

int bnnaccel_graph_build(struct bnnaccel *ctx, struct bnnaccel_graph *graph,
			 const struct bnnaccel_build_options *given, struct bnnaccel_model **model)
{
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnnaccel_build_options options;
	double **scales = NULL;
	struct bnn_net *net;
	int rc;

	if (!ctx || !graph || !model)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"graph_build needs a context, a graph and a model");
	rc = bnn_build_options(given, &options, error);
	if (!rc && options.pow2_scales)
		rc = bnn_pow2_begin(graph, &scales, error);
	if (!rc)
		rc = bnn_graph_lower(graph, &options, &net, error);
	bnn_pow2_end(graph, scales);
	if (rc)
		return rc;
	rc = bnn_api_adopt(ctx, net, model);
	if (rc && options.report) {
		free(*options.report);
		*options.report = NULL;
	}
	return rc;
}
