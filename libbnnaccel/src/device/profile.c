// SPDX-License-Identifier: MIT
/*
 * Cycles of each node: from the log that a device with feature PROFILE writes, or,
 * where there is none, from the counter CYCLES around jobs of one node each.
 */
#include "jobs_state.h"

static uint32_t most_commands(const struct bnn_exec *exec)
{
	uint32_t most = 0;

	for (size_t i = 0; i < exec->placement.count; i++) {
		const struct bnn_program *program = exec->stages[i].program;

		if (program && program->count > most)
			most = program->count;
	}
	return most;
}

uint64_t bnn_profile_bytes(const struct bnn_exec *exec)
{
	if (!exec->measured || !exec->dev->profile)
		return 0;
	return (uint64_t)most_commands(exec) * exec->batch * BNN_SIZEOF_PROFILE;
}

void bnn_profile_bind(const struct bnn_exec *exec, const struct bnn_lane *slot,
		      struct bnn_dev_job *job)
{
	if (slot->log)
		job->regions[BNN_PROGRAM_PROFILE] = (struct bnn_dev_region){
			.buffer = slot->log,
			.access = BNN_DEV_PROFILE,
			.size = bnn_profile_bytes(exec),
		};
}

static void take_log(struct bnn_exec *exec, const struct bnn_program *program,
		     const struct bnn_lane *slot)
{
	uint64_t count = (uint64_t)(program->count - program->loop_start) * slot->piece.count +
			 program->loop_start;

	for (uint64_t i = 0; i < count; i++) {
		const struct bnn_profile *record = (const struct bnn_profile *)slot->log->map + i;
		int32_t node =
			record->cmd_index < program->count ? program->nodes[record->cmd_index] : -1;

		if (node < 0)
			continue;
		exec->measured[node].runs++;
		exec->measured[node].cycles += record->end - record->start;
	}
}

static void take_counter(struct bnn_exec *exec, const struct bnn_stage *stage,
			 const struct bnn_lane *slot)
{
	struct bnn_exec_node *node = &exec->measured[stage->segment.first];
	uint64_t counters[BNN_COUNTERS];

	exec->dev->ops->counters(exec->dev, counters);
	node->runs += slot->piece.count;
	node->cycles += counters[BNN_COUNTER_CYCLES] - exec->last_cycles;
	exec->last_cycles = counters[BNN_COUNTER_CYCLES];
}

void bnn_profile_job(struct bnn_exec *exec, const struct bnn_lane *slot)
{
	const struct bnn_stage *stage = &exec->stages[slot->stage];

	if (!exec->measured)
		return;
	if (slot->log)
		take_log(exec, stage->program, slot);
	else
		take_counter(exec, stage, slot);
}
