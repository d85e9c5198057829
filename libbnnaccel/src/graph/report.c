// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "../compile/refs.h"
#include "../exec.h"
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
	fputc('\n', lo->report);
}

static bool is_power(uint32_t x)
{
	return !(x & (x - 1));
}

static bool scales_codes(unsigned int format)
{
	return format && format != BNN_FORMAT_B1 && format != BNN_FORMAT_O2 &&
	       format != BNN_FORMAT_S16 && format != BNN_FORMAT_E_S16 &&
	       format != BNN_FORMAT_E_S32 && format != BNN_FORMAT_E_U16;
}

/* Multiplications for one output pixel and channel. */
static uint64_t products(const uint32_t *words)
{
	unsigned int op = bnn_opcode(words), format;
	uint64_t n = 0;

	if (op == BNN_CMD_POOL)
		return bnn_field_get(words, BNN_F_POOL_MODE) == BNN_POOL_AVG &&
		       !is_power(bnn_field_get(words, BNN_F_POOL_DIV));
	if (op == BNN_CMD_GATEFOLD)
		return 4;
	if (op != BNN_CMD_CONV && op != BNN_CMD_EW)
		return 0;
	n += bnn_field_get(words, BNN_F_CONV_P1) && !bnn_field_get(words, BNN_F_CONV_P1_POW2);
	n += bnn_field_get(words, BNN_F_CONV_P2) && !bnn_field_get(words, BNN_F_CONV_P2_POW2);
	if (scales_codes(bnn_field_get(words, BNN_F_CONV_OUTP_FORMAT)) ||
	    scales_codes(bnn_field_get(words, BNN_F_CONV_OUTS_FORMAT)))
		n += !is_power(bnn_field_get(words, BNN_F_CONV_A3));
	format = bnn_field_get(words, BNN_F_CONV_WFORMAT);
	if (op == BNN_CMD_CONV && format != BNN_WFORMAT_B1 && format != BNN_WFORMAT_T &&
	    bnn_field_get(words, BNN_F_CONV_IN_FORMAT) != BNN_FORMAT_B1)
		n += (uint64_t)bnn_field_get(words, BNN_F_CONV_KH) *
		     bnn_field_get(words, BNN_F_CONV_KW) *
		     (bnn_field_get(words, BNN_F_CONV_CIN) /
		      bnn_field_get(words, BNN_F_CONV_GROUPS));
	return n;
}

uint64_t bnn_net_multiplications(const struct bnn_net *net, uint64_t *ends)
{
	size_t first = net->node_count, last = 0;
	uint64_t inside = 0, outside = 0;

	for (size_t i = 0; i < net->node_count; i++) {
		if (bnn_opcode(net->nodes[i].words) != BNN_CMD_CONV)
			continue;
		first = i < first ? i : first;
		last = i;
	}
	for (size_t i = 0; i < net->node_count; i++) {
		const uint32_t *words = net->nodes[i].words;
		struct bnn_slot_info out = { .h = 1, .w = 1 };
		uint64_t n;

		for (int slot = BNN_SLOT_OUTP; slot <= BNN_SLOT_OUTS; slot++) {
			struct bnn_slot_info info;

			bnn_slot_describe(words, slot, &info);
			if (info.kind == BNN_SLOT_TENSOR)
				out = info;
		}
		if (bnn_opcode(words) == BNN_CMD_CONV || bnn_opcode(words) == BNN_CMD_EW) {
			bnn_command_output(words, &out.h, &out.w);
			out.c = bnn_field_get(words, BNN_F_CONV_COUT);
		}
		n = products(words) * out.h * out.w * out.c;
		if (i > first && i < last)
			inside += n;
		else
			outside += n;
	}
	if (ends)
		*ends = outside;
	return inside;
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
