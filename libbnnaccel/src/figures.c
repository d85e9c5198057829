// SPDX-License-Identifier: MIT
/*
 * What a network costs, from its commands alone. Papers count layers, so a
 * convolution counts in full: taps in the padding, gates that may be closed, rows
 * that a tile repeats.
 */
#include "figures.h"

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "compile/disasm.h"
#include "compile/refs.h"

#define GET(field) bnn_field_get(words, BNN_F_CONV_##field)

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

/* Weights of one output channel. */
static uint64_t fan_in(const uint32_t *words)
{
	return bnn_weight_count(words) / GET(COUT);
}

/* The same of a command of the host, quotients included. */
static uint64_t host_products(const uint32_t *words)
{
	switch (bnn_opcode(words)) {
	case BNN_CMD_TABLE: /* the line between two entries */
		return bnn_field_get(words, BNN_F_TABLE_SHIFT) ? 2 : 0;
	case BNN_CMD_AGGREGATE:
		return bnn_field_get(words, BNN_F_AGGREGATE_MODE) == BNN_AGGREGATE_MEAN;
	default: /* NORMALISE: square, quotient, gain; SOFTMAX: line, quotient */
		return 3;
	}
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
	if (bnn_command_is_host(words))
		return host_products(words);
	if (op != BNN_CMD_CONV && op != BNN_CMD_EW)
		return 0;
	n += GET(P1) && !GET(P1_POW2);
	n += GET(P2) && !GET(P2_POW2);
	if (scales_codes(GET(OUTP_FORMAT)) || scales_codes(GET(OUTS_FORMAT)))
		n += !is_power(GET(A3));
	format = GET(WFORMAT);
	if (op == BNN_CMD_CONV && format != BNN_WFORMAT_B1 && format != BNN_WFORMAT_T &&
	    GET(IN_FORMAT) != BNN_FORMAT_B1)
		n += fan_in(words);
	return n;
}

/* Elements that a command makes. */
static uint64_t results(const uint32_t *words)
{
	struct bnn_slot_info out = { .h = 1, .w = 1 };

	if (bnn_opcode(words) == BNN_CMD_CONV || bnn_opcode(words) == BNN_CMD_EW) {
		bnn_command_output(words, &out.h, &out.w);
		out.c = GET(COUT);
	} else {
		struct bnn_slot_info info;

		bnn_slot_describe(words, BNN_SLOT_OUTP, &info);
		if (info.kind == BNN_SLOT_TENSOR)
			out = info;
		else if (bnn_opcode(words) == BNN_CMD_GATEFOLD)
			out.c = bnn_field_get(words, BNN_F_GATEFOLD_C);
	}
	return (uint64_t)out.h * out.w * out.c;
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
		uint64_t n = products(words) * results(words);

		if (bnn_opcode(words) == BNN_CMD_AGGREGATE &&
		    bnn_field_get(words, BNN_F_AGGREGATE_WEIGHTED))
			n = (uint64_t)bnn_field_get(words, BNN_F_AGGREGATE_EDGES) *
			    bnn_field_get(words, BNN_F_AGGREGATE_C);
		if (i > first && i < last)
			inside += n;
		else
			outside += n;
	}
	if (ends)
		*ends = outside;
	return inside;
}

/* The entry for these bits, in the order of their first use: of 4 times 5 there can be. */
static struct bnnaccel_macs *macs_entry(struct bnnaccel_figures *f, uint32_t wbits, uint32_t abits)
{
	uint32_t i = 0;

	while (i < f->macs_count &&
	       (f->macs[i].weight_bits != wbits || f->macs[i].activation_bits != abits))
		i++;
	if (i == f->macs_count)
		f->macs[f->macs_count++] = (struct bnnaccel_macs){ wbits, abits, 0, 0 };
	return &f->macs[i];
}

static void add_macs(struct bnnaccel_figures *f, const uint32_t *words)
{
	uint32_t wbits = bnn_wformat_bits(GET(WFORMAT)), abits = bnn_format_width(GET(IN_FORMAT));
	uint32_t tile = GET(WMODE) == BNN_WMODE_TILED ? GET(TILE_P) : 1;
	struct bnnaccel_macs *entry = macs_entry(f, wbits, abits);
	uint64_t n = fan_in(words) * results(words);

	entry->macs += n;
	entry->executed += n / tile;
	f->ace += n * wbits * abits;
	f->executed_ace += n / tile * wbits * abits;
	f->cpu64 += (double)n * (wbits > abits ? wbits : abits) / 64;
	if (wbits == 1 && abits == 1)
		f->binary_macs += n;
}

/* Weights, and the slope of each output channel where P1 scales. */
static void add_weights(struct bnnaccel_figures *f, const uint32_t *words)
{
	f->weights += bnn_weight_count(words);
	f->stored_bits += bnn_weight_stored_bits(words);
	if (GET(P1))
		f->stored_bits += (uint64_t)GET(COUT) * (GET(P1_POW2) ? 8 : 16);
}

static void add_padding(struct bnnaccel_figures *f, const uint32_t *words)
{
	if (GET(PAD_T) || GET(PAD_L) || GET(PAD_B) || GET(PAD_R))
		f->padding |= 1u << GET(PAD_MODE);
}

static void add_format(struct bnnaccel_figures *f, const struct bnn_value *v)
{
	const char *name = bnn_format_name(v->format);
	bool stream = v->format == BNN_FORMAT_E_S16 || v->format == BNN_FORMAT_S16;
	uint32_t i = 0;

	if (v->role == BNN_ROLE_CONST || v->format == BNN_FORMAT_NONE)
		return;
	while (i < f->format_count && f->formats[i].name != name)
		i++;
	if (i == BNNACCEL_FIGURES_FORMATS)
		return;
	if (i == f->format_count)
		f->formats[f->format_count++] = (struct bnnaccel_format){ name, 0, v->f, v->f };
	f->formats[i].tensors++;
	if (!stream)
		return;
	if (v->f < f->formats[i].least_point)
		f->formats[i].least_point = v->f;
	if (v->f > f->formats[i].largest_point)
		f->formats[i].largest_point = v->f;
}

int bnn_net_figures(const struct bnn_net *net, struct bnnaccel_figures *f)
{
	bool *seen = calloc(net->value_count + 1, sizeof(*seen));
	uint64_t ends;

	memset(f, 0, sizeof(*f));
	if (!seen)
		return -1;
	for (size_t i = 0; i < net->node_count; i++) {
		const struct bnn_node *node = &net->nodes[i];
		int32_t weights = node->ref[BNN_SLOT_WEIGHT];

		f->cpu_nodes += bnn_command_is_host(node->words);
		if (bnn_opcode(node->words) != BNN_CMD_CONV)
			continue;
		add_macs(f, node->words);
		add_padding(f, node->words);
		if (!seen[weights] && net->values[weights].role == BNN_ROLE_CONST)
			add_weights(f, node->words);
		seen[weights] = true;
	}
	free(seen);
	for (size_t i = 0; i < net->value_count; i++)
		add_format(f, &net->values[i]);
	f->parameters = net->origin.parameters;
	f->calibration_images = net->origin.images;
	f->headroom = net->origin.headroom / 1000.0;
	f->bits_per_weight = f->weights ? (double)f->stored_bits / (double)f->weights : 0;
	f->multiplications_inside = bnn_net_multiplications(net, &ends);
	f->multiplications = f->multiplications_inside + ends;
	return 0;
}

int bnnaccel_model_get_figures(struct bnnaccel *ctx, const struct bnnaccel_model *model,
			       struct bnnaccel_figures *figures)
{
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnnaccel_figures all;

	if (!ctx || !model || !figures || !bnn_api_size_ok(figures->size))
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_model_get_figures: context, model or figures is NULL, or "
				"its size is not set");
	if (bnn_net_figures(model->net, &all))
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory for the figures");
	bnn_api_give(figures, &all, sizeof(all));
	return 0;
}
