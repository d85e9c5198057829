// SPDX-License-Identifier: MIT
/*
 * What each node takes: cycles from the log that a device with feature PROFILE writes,
 * or, where there is none, all counters around jobs of one node each.
 */
#include "../compile/refs.h"
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

bool bnn_profile_by_log(const struct bnn_exec *exec)
{
	return exec->measured && exec->dev->profile && !exec->alone;
}

uint64_t bnn_profile_bytes(const struct bnn_exec *exec)
{
	if (!bnn_profile_by_log(exec))
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

/*
 * A device may issue a command while older ones run, so the cycles of a command begin
 * with its issue or the end of the one before: those of a job never count twice.
 */
static void take_log(struct bnn_exec *exec, const struct bnn_program *program,
		     const struct bnn_lane *slot)
{
	uint64_t count = (uint64_t)(program->count - program->loop_start) * slot->piece.count +
			 program->loop_start;
	uint64_t before = 0;

	for (uint64_t i = 0; i < count; i++) {
		const struct bnn_profile *record = (const struct bnn_profile *)slot->log->map + i;
		uint64_t start = record->start > before ? record->start : before;
		struct bnn_exec_node *measured;
		int32_t node =
			record->cmd_index < program->count ? program->nodes[record->cmd_index] : -1;

		before = record->end;
		if (node < 0)
			continue;
		measured = &exec->measured[node];
		measured->runs++;
		measured->cycles += record->end > start ? record->end - start : 0;
		measured->stall = record->stall;
		measured->counters[BNN_COUNTER_COMMANDS]++;
		bnn_command_count_bytes(bnn_program_command(program, record->cmd_index),
					measured->counters);
	}
}

static void take_counter(struct bnn_exec *exec, const struct bnn_stage *stage,
			 const struct bnn_lane *slot)
{
	struct bnn_exec_node *node = &exec->measured[stage->segment.first];
	uint64_t counters[BNN_COUNTERS];

	exec->dev->ops->counters(exec->dev, counters);
	node->runs += slot->piece.count;
	node->cycles += counters[BNN_COUNTER_CYCLES] - exec->last[BNN_COUNTER_CYCLES];
	for (unsigned int i = 0; i < BNN_COUNTERS; i++) {
		node->counters[i] += counters[i] - exec->last[i];
		exec->last[i] = counters[i];
	}
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
