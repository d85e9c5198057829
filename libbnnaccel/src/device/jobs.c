// SPDX-License-Identifier: MIT
/* Making and ending executors on a device; jobs_run.c runs them. */
#include "jobs.h"

#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "jobs_state.h"

/* Time that a batch should take: bounds how long others wait for the device, or for us. */
#define BATCH_MS 20
/* Memory of one side of one job. */
#define SLOT_BYTES (16ull << 20)
#define DEFAULT_CLOCK_HZ 200000000

static uint32_t choose_batch(const struct bnn_exec *exec, uint32_t wanted)
{
	uint64_t clock = exec->dev->target.clock_hz ? exec->dev->target.clock_hz : DEFAULT_CLOCK_HZ;
	uint64_t stride = exec->exchange_bytes, ns = 1, batch;

	for (size_t i = 0; i < exec->placement.count; i++)
		if (exec->stages[i].program)
			ns += exec->stages[i].program->estimate.cycles * 1000 /
			      (clock / 1000000 + 1);
	for (size_t i = 0; i < exec->net->node_count; i++)
		if (exec->placement.cpu[i])
			ns += bnn_placement_cpu_ns(exec->net->nodes[i].words, &exec->dev->target);
	if (exec->input_stride > stride)
		stride = exec->input_stride;
	if (exec->output_stride > stride)
		stride = exec->output_stride;
	batch = wanted ? wanted : BATCH_MS * 1000000ull / ns;
	if (batch > SLOT_BYTES / stride)
		batch = SLOT_BYTES / stride;
	if (batch > BNN_ITERATIONS_MAX)
		batch = BNN_ITERATIONS_MAX;
	return batch ? (uint32_t)batch : 1;
}

static int alloc(struct bnn_exec *exec, uint64_t bytes, unsigned int access,
		 struct bnn_dev_buffer **buffer, struct bnn_error *error)
{
	if (!bytes)
		return 0;
	return exec->dev->ops->alloc(exec->dev, bytes, access, buffer, error);
}

static int prepare_stage(struct bnn_exec *exec, const struct bnn_plan *plan,
			 struct bnn_stage *stage, struct bnn_error *error)
{
	struct bnn_dev *dev = exec->dev;
	struct bnn_program *program;
	int ret;

	if (stage->segment.cpu)
		return 0;
	ret = bnn_compile_segment(exec->net, &dev->target, &dev->compile, plan, &stage->segment,
				  &stage->program, error);
	if (ret)
		return ret;
	program = stage->program;
	if (program->output_read)
		exec->output_access |= BNN_DEV_READ;
	ret = dev->ops->load(dev, program->commands, program->count, &stage->number, error);
	if (!ret)
		ret = alloc(exec, program->constants_bytes, BNN_DEV_READ, &stage->constants, error);
	if (!ret && stage->constants)
		memcpy(stage->constants->map, program->constants, program->constants_bytes);
	return ret;
}

static int prepare_slot(struct bnn_exec *exec, struct bnn_lane *slot, struct bnn_error *error)
{
	int ret = alloc(exec, exec->input_stride * exec->batch, BNN_DEV_READ, &slot->input, error);

	if (!ret)
		ret = alloc(exec, exec->output_stride * exec->batch, exec->output_access,
			    &slot->output, error);
	if (!ret)
		ret = alloc(exec, exec->exchange_bytes * exec->batch, BNN_DEV_READ | BNN_DEV_WRITE,
			    &slot->exchange, error);
	if (!ret)
		ret = alloc(exec, bnn_profile_bytes(exec), BNN_DEV_PROFILE, &slot->log, error);
	return ret;
}

static uint64_t align_up(uint64_t x)
{
	return (x + BNN_TENSOR_ALIGN - 1) & ~(uint64_t)(BNN_TENSOR_ALIGN - 1);
}

static int prepare(struct bnn_exec *exec, const struct bnn_plan *plan,
		   const struct bnn_exec_options *options, struct bnn_error *error)
{
	const struct bnn_net *net = exec->net;
	int ret = 0;

	exec->input_bytes = net->values[net->input.value].bytes;
	exec->input_stride = align_up(exec->input_bytes);
	exec->output_bytes = net->values[net->output.value].bytes;
	exec->output_stride = align_up(exec->output_bytes);
	exec->exchange_bytes = plan->exchange_bytes;
	exec->output_access = BNN_DEV_WRITE;
	exec->stages = calloc(exec->placement.count + 1, sizeof(*exec->stages));
	if (!exec->stages)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a session");
	for (size_t i = 0; i < exec->placement.count && !ret; i++) {
		struct bnn_stage *stage = &exec->stages[i];

		stage->segment = exec->placement.segments[i];
		ret = prepare_stage(exec, plan, stage, error);
		if (stage->segment.cpu && !exec->host && !ret)
			ret = bnn_host_new(net, &exec->placement, plan, options ? options->isa : 0,
					   &exec->host, error);
	}
	exec->batch = choose_batch(exec, options ? options->batch : 0);
	exec->budget = options ? options->budget : 0;
	if (!ret)
		ret = alloc(exec, plan->scratch_bytes, BNN_DEV_READ | BNN_DEV_WRITE, &exec->scratch,
			    error);
	for (size_t i = 0; i < exec->slot_count && !ret; i++)
		ret = prepare_slot(exec, &exec->slots[i], error);
	return ret;
}

static int place_and_prepare(struct bnn_exec *exec, const struct bnn_exec_options *options,
			     struct bnn_error *error)
{
	struct bnn_placement_options how = {
		.fallback = options ? options->fallback : BNN_FALLBACK_NEVER,
		.cpu_nodes = options ? options->cpu_nodes : NULL,
		.split = exec->measured && !bnn_profile_by_log(exec),
	};
	struct bnn_plan plan;
	int ret = bnn_placement_make(exec->net, &exec->dev->target, &how, &exec->placement, error);

	if (ret)
		return ret;
	ret = bnn_plan_make(exec->net, &exec->placement, bnn_target_onchip(&exec->dev->target),
			    &plan, error);
	if (ret)
		return ret;
	/* Jobs that are measured by a counter run one at a time. */
	exec->slot_count = how.split ? 1 : BNN_DEV_JOBS;
	ret = prepare(exec, &plan, options, error);
	bnn_plan_free(&plan);
	return ret;
}

int bnn_jobs_open(const struct bnn_net *net, const struct bnn_exec_options *options,
		  struct bnn_dev *dev, struct bnn_exec **out, struct bnn_error *error)
{
	struct bnn_exec *exec = calloc(1, sizeof(*exec));
	bool profile = options && options->profile;
	int ret;

	*out = NULL;
	if (exec && profile)
		exec->measured = calloc(net->node_count + 1, sizeof(*exec->measured));
	if (!exec || (profile && !exec->measured)) {
		dev->ops->close(dev);
		free(exec);
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a session");
	}
	exec->net = net;
	exec->dev = dev;
	exec->alone = profile && options->profile == BNN_MEASURE_ALONE;
	ret = place_and_prepare(exec, options, error);
	if (ret) {
		bnn_jobs_close(exec);
		return ret;
	}
	*out = exec;
	return 0;
}

void bnn_jobs_stats(const struct bnn_exec *exec, struct bnn_exec_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->jobs = exec->jobs;
	stats->copied = exec->copied;
	exec->dev->ops->counters(exec->dev, stats->counters);
	if (exec->host)
		bnn_host_counters(exec->host, stats->counters);
	for (size_t i = 0; exec->measured && i < exec->net->node_count; i++)
		for (unsigned int c = 0; exec->placement.cpu[i] && c < BNN_COUNTERS; c++)
			stats->counters[c] += exec->measured[i].counters[c];
}

void bnn_jobs_node(const struct bnn_exec *exec, size_t node, struct bnn_exec_node *info)
{
	*info = exec->measured ? exec->measured[node] : (struct bnn_exec_node){ 0 };
	info->cpu = exec->placement.cpu[node];
	info->reason = exec->placement.reasons[node];
}

void bnn_jobs_stop(struct bnn_exec *exec)
{
	atomic_store(&exec->stop, true);
	exec->dev->ops->stop(exec->dev);
}

void bnn_jobs_close(struct bnn_exec *exec)
{
	if (!exec)
		return;
	exec->dev->ops->close(exec->dev);
	while (exec->lent) {
		struct bnn_lent *lent = exec->lent;

		exec->lent = lent->next;
		free(lent);
	}
	for (size_t i = 0; exec->stages && i < exec->placement.count; i++)
		bnn_program_free(exec->stages[i].program);
	bnn_host_free(exec->host);
	bnn_placement_free(&exec->placement, exec->net->node_count);
	free(exec->stages);
	free(exec->measured);
	free(exec);
}

int bnn_jobs_alloc(struct bnn_exec *exec, uint64_t bytes, struct bnn_dev_buffer **buffer,
		   uint8_t **map, struct bnn_error *error)
{
	struct bnn_lent *lent = calloc(1, sizeof(*lent));
	int ret;

	if (!lent)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a buffer");
	ret = alloc(exec, bytes, BNN_DEV_READ | BNN_DEV_WRITE, &lent->buffer, error);
	if (ret) {
		free(lent);
		return ret;
	}
	lent->next = exec->lent;
	exec->lent = lent;
	*buffer = lent->buffer;
	*map = lent->buffer->map;
	return 0;
}

void bnn_jobs_free(struct bnn_exec *exec, struct bnn_dev_buffer *buffer)
{
	struct bnn_lent **at = &exec->lent, *lent;

	while (*at && (*at)->buffer != buffer)
		at = &(*at)->next;
	lent = *at;
	if (!lent)
		return;
	*at = lent->next;
	exec->dev->ops->free(exec->dev, buffer);
	free(lent);
}

const struct bnn_program *bnn_jobs_program(const struct bnn_exec *exec)
{
	for (size_t i = 0; i < exec->placement.count; i++)
		if (exec->stages[i].program)
			return exec->stages[i].program;
	return NULL;
}
