/* SPDX-License-Identifier: MIT */
/*
 * CONV and EW. An output row is worked on in strips: accumulators of all its
 * channels first, pixel by pixel, then the pipe and the writes in one step.
 * So an interrupted strip has written nothing and can simply be begun again.
 */
#include <string.h>

#include "core.h"

enum { STRIP_ELEMENTS = 1 << 18 };

uint32_t layer_strip(const struct bnn_core *core, const struct command *cmd)
{
	uint32_t widest = cmd->cout, n;

	for (unsigned slot = REF_RES1; slot <= REF_RES2; slot++)
		if (cmd->ref[slot].used)
			widest = max_u32(widest, 4 * cmd->ref[slot].c);
	n = min_u32(min_u32(cmd->ow, core->chunk), max_u32(1, STRIP_ELEMENTS / widest));
	return cmd->info->opcode == BNN_CMD_CONV ? conv_strip(cmd, n) : n;
}

static bool load_params(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	struct layer *l = &core->layer;
	bool narrow = bnn_field_get(cmd->words, BNN_F_CONV_NARROW);
	uint32_t size = narrow ? BNN_SIZEOF_PARAM_NARROW : BNN_SIZEOF_PARAM;
	uint8_t *raw;

	l->param = NULL;
	if (!cmd->record)
		return true;
	raw = scratch_get(core, SCRATCH_RAW, (uint64_t)cmd->cout * size);
	l->param = scratch_get(core, SCRATCH_PARAM, cmd->cout * sizeof(*l->param));
	if (!raw || !l->param ||
	    !mem_read(core, &cmd->ref[REF_PARAM], 0, raw, (uint64_t)cmd->cout * size))
		return false;
	for (uint32_t c = 0; c < cmd->cout; c++)
		param_decode(&l->param[c], raw + (size_t)c * size, narrow);
	return true;
}

static bool prepare(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	struct layer *l = &core->layer;

	l->open = false;
	l->strip = layer_strip(core, cmd);
	l->acc = scratch_get(core, SCRATCH_ACC, (uint64_t)l->strip * cmd->cout * sizeof(*l->acc));
	return l->acc && load_params(core) &&
	       (cmd->info->opcode != BNN_CMD_CONV || conv_prepare(core));
}

static void count_conv(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	const struct layer *l = &core->layer;
	bool frac = bnn_field_get(cmd->words, BNN_F_CONV_FRAC);
	uint32_t planes = frac ? 1 : formats[cmd->ref[REF_IN].format].width;
	uint32_t wplanes = wformats[bnn_field_get(cmd->words, BNN_F_CONV_WFORMAT)].bits;
	uint64_t channels = cmd->cin / bnn_field_get(cmd->words, BNN_F_CONV_GROUPS);

	count(core, BNN_COUNTER_MACS,
	      l->taps * channels * cmd->rows * planes * wplanes + l->frac_macs);
	count(core, BNN_COUNTER_FRAC_ISSUED, l->gates_open);
	count(core, BNN_COUNTER_FRAC_SKIPPED, l->gates_shut);
	core->job.rounds += l->gates.rounds;
}

static bool write_sums(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	const struct ref *r = &cmd->ref[REF_SUM];
	uint8_t *raw;

	if (!r->used)
		return true;
	raw = scratch_get(core, SCRATCH_RAW, r->extent);
	if (!raw)
		return false;
	for (uint32_t c = 0; c < cmd->cout; c++)
		put32(raw + 4 * c, core->job.sum[c]);
	return mem_write(core, r, 0, raw, r->extent);
}

enum step layer_step(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	struct cursor *at = &core->job.at;
	struct layer *l = &core->layer;
	bool conv = cmd->info->opcode == BNN_CMD_CONV;
	uint32_t n;

	if (!core->prepared) {
		if (!prepare(core))
			return STEP_FAULT;
		core->prepared = true;
		return STEP_MORE;
	}
	n = min_u32(l->strip, cmd->ow - at->x);
	if (conv) {
		enum step step;

		if (!l->open) {
			step = conv_open(core, n);
			l->open = step == STEP_DONE;
			return step == STEP_DONE ? STEP_MORE : step;
		}
		step = conv_step(core, n);
		if (step != STEP_DONE)
			return step;
		l->open = false;
	} else if (!tensor_read(core, &cmd->ref[REF_IN], at->y, at->x, n, cmd->cout, l->acc)) {
		return STEP_FAULT;
	}
	if (!pipe_strip(core, n))
		return STEP_FAULT;
	if (conv)
		count_conv(core);
	at->x += n;
	if (at->x < cmd->ow)
		return STEP_MORE;
	at->x = 0;
	core->job.rows++;
	if (++at->y < cmd->oh)
		return STEP_MORE;
	return write_sums(core) ? STEP_DONE : STEP_FAULT;
}
