// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "../exec.h"
#include "../figures.h"
#include "lower.h"

void bnn_report_chain(struct bnn_lower *lo, const struct bnn_chain *chain,
		      const struct bnn_pipe_notes *notes)
{
	const struct bnn_op *op = &lo->g->ops[chain->final];
	const struct bnn_range *r = &lo->ranges[chain->final];

	if (!lo->report)
		return;
	if (!ftell(lo->report))
		fprintf(lo->report, "%-24s %-12s %4s %11s %11s %11s %11s %10s\n", "tensor", "shape",
			"f", "least", "largest", "seen least", "largest", "slope err");
	fprintf(lo->report, "%-24s %3ux%ux%-5u %4d %11.4g %11.4g", op->name, op->h, op->w, op->c,
		notes->f, r->lo, r->hi);
	if (r->seen_lo <= r->seen_hi)
		fprintf(lo->report, " %11.4g %11.4g", r->seen_lo, r->seen_hi);
	else
		fprintf(lo->report, " %11s %11s", "-", "-");
	fprintf(lo->report, " %10.2g", notes->error);
	if (notes->products[0] || notes->products[1])
		fprintf(lo->report, "; multiplies in%s%s", notes->products[0] ? " P1" : "",
			notes->products[1] ? " P2" : "");
	if (notes->ps)
		fprintf(lo->report, "; sums rounded by %u bits", notes->ps);
	if (notes->lost)
		fprintf(lo->report, "; %u slopes became 0", notes->lost);
	if (notes->inexact)
		fprintf(lo->report, "; %u thresholds not exact", notes->inexact);
	if (notes->never)
		fprintf(lo->report, "; %u gates never open", notes->never);
	if (notes->always)
		fprintf(lo->report, "; %u gates always open", notes->always);
	if (chain->conv && lo->g->ops[chain->source].conv.high)
		fprintf(lo->report,
			"; weights of 8 bits in two parts of 4, because %u products with 16 bits "
			"could exceed 32",
			lo->g->ops[chain->source].conv.k);
	fputc('\n', lo->report);
}

void bnn_report_multiplications(const struct bnn_net *net, FILE *report)
{
	uint64_t ends, inside = bnn_net_multiplications(net, &ends);

	fprintf(report,
		"%s: %" PRIu64 " multiplications per image between the first and the last layer, "
		"%" PRIu64 " in these two\n",
		net->name, inside, ends);
}

int bnn_report_saturation(const struct bnnaccel_graph *g,
			  const struct bnnaccel_build_options *options, const struct bnn_net *net,
			  FILE *report, struct bnn_error *error)
{
	size_t bytes = net->values[net->input.value].bytes;
	size_t stride = options->image_stride ? options->image_stride : bytes;
	struct bnn_exec_stats stats = { .jobs = 0 };
	struct bnn_exec *exec;
	uint8_t *outputs;
	int rc;

	if (!options->image_count) {
		fprintf(report,
			"%s: formats from bounds, so nothing can saturate; calibrate for more "
			"bits\n",
			g->name);
		return 0;
	}
	rc = bnn_exec_cpu.open(net, NULL, &exec, error);
	if (rc)
		return rc;
	outputs = malloc(net->values[net->output.value].bytes * options->image_count);
	rc = outputs ? bnn_exec_cpu.run(exec, options->images, stride, outputs,
					options->image_count, error)
		     : bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory");
	if (!rc)
		bnn_exec_cpu.stats(exec, &stats);
	bnn_exec_cpu.close(exec);
	free(outputs);
	if (!rc)
		fprintf(report, "%s: %" PRIu64 " values saturated on %zu calibration images\n",
			g->name, stats.counters[BNN_COUNTER_SATURATED], options->image_count);
	return rc;
}
