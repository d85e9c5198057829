/* SPDX-License-Identifier: MIT */
/* Counters and the model's time: that of the Verilog core, as cycles.h predicts it. */
#include <string.h>

#include "core.h"

void count(struct bnn_core *core, unsigned id, uint64_t n)
{
	core->counters[id] += n;
	if (core->job.active)
		core->job.counters[id] += n;
}

void charge_cycles(struct bnn_core *core, uint64_t cycles)
{
	core->now += cycles;
	if (core->job.active)
		count(core, BNN_COUNTER_CYCLES, cycles);
}

static uint64_t whole_cycles(uint64_t *rest, uint64_t n, uint32_t per_cycle)
{
	uint64_t cycles = (*rest + n) / per_cycle;

	*rest = (*rest + n) % per_cycle;
	return cycles;
}

void charge_macs(struct bnn_core *core, uint64_t macs)
{
	charge_cycles(core, whole_cycles(&core->macs_rest, macs, MACS_PER_CYCLE));
}

void charge_bytes(struct bnn_core *core, uint64_t bytes)
{
	charge_cycles(core, whole_cycles(&core->bytes_rest, bytes, BYTES_PER_CYCLE));
}

void charge_ops(struct bnn_core *core, uint64_t ops)
{
	charge_cycles(core, whole_cycles(&core->ops_rest, ops, OPS_PER_CYCLE));
}

uint32_t charge_command(struct bnn_core *core)
{
	static const unsigned int causes[] = { BNN_COUNTER_STALL_WEIGHTS, BNN_COUNTER_STALL_ACT,
					       BNN_COUNTER_STALL_POST, BNN_COUNTER_STALL_RESIDUAL,
					       BNN_COUNTER_STALL_STORE };
	struct job *job = &core->job;
	struct cycles_result r;
	uint64_t stalls[5], most = 0;
	uint32_t named = 0;

	cycles_command(&core->cycles, &job->cmd, job->retire, job->rounds, &job->loader, &r);
	if (r.end > core->now)
		charge_cycles(core, r.end - core->now);
	job->retire = core->now;
	count(core, BNN_COUNTER_ARRAY_BUSY, r.busy);
	memcpy(stalls, (uint64_t[]){ r.weights, r.act, r.post, r.residual, r.store },
	       sizeof(stalls));
	for (unsigned int i = 0; i < 5; i++) {
		count(core, causes[i], stalls[i]);
		if (stalls[i] > most) {
			most = stalls[i];
			named = causes[i];
		}
	}
	return named;
}

/* What a reference adds to the byte counters: payload, not gaps, not on chip. */
static uint64_t payload(const struct ref *r)
{
	if (!r->used || r->region == BNN_REGION_ONCHIP)
		return 0;
	if (!r->format)
		return r->extent;
	return (uint64_t)r->natural * r->h * r->w * formats[r->format].planes;
}

/* The deterministic counters that follow from a command's fields alone. */
void count_retired(struct bnn_core *core, const struct command *cmd)
{
	count(core, BNN_COUNTER_COMMANDS, 1);
	count(core, BNN_COUNTER_BYTES_COMMANDS, BNN_COMMAND_BYTES);
	for (unsigned i = 0; i < REF_COUNT; i++) {
		const struct ref *r = &cmd->ref[i];
		unsigned id = BNN_COUNTER_BYTES_ACT;

		if (cmd->info->opcode == BNN_CMD_PREFETCH || r->stream == STREAM_OTHER)
			id = BNN_COUNTERS;
		else if (r->write)
			id = BNN_COUNTER_BYTES_WRITTEN;
		else if (r->stream == STREAM_RESIDUAL)
			id = BNN_COUNTER_BYTES_RESIDUAL;
		else if (r->stream == STREAM_WEIGHTS || r->stream == STREAM_PARAMS)
			id = BNN_COUNTER_BYTES_WEIGHTS;
		/* GATEFOLD's gates and records are its inputs. */
		if (cmd->info->opcode == BNN_CMD_GATEFOLD && !r->write)
			id = BNN_COUNTER_BYTES_ACT;
		if (id < BNN_COUNTERS)
			count(core, id, payload(r));
	}
}
