// SPDX-License-Identifier: MIT
#include "jobs.h"

#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "fault.h"

/* Device time that a job should take: bounds how long others wait for the device. */
#define JOB_MS 20
/* Memory of one side of one job. */
#define SLOT_BYTES (16ull << 20)
/* The budget ends jobs that hang, so it errs far on the long side. */
#define BUDGET_FACTOR 256
#define BUDGET_BASE (1ull << 28)

/* A job in preparation or in flight, and its buffers. */
struct slot {
	struct bnn_dev_buffer *input, *output;
	uint64_t ticket; /* 0: not in flight */
	size_t first, count;
};

struct bnn_exec {
	const struct bnn_net *net;
	struct bnn_dev *dev;
	struct bnn_program *program;
	struct bnn_dev_buffer *constants, *scratch;
	struct slot slots[BNN_DEV_JOBS];
	uint32_t batch;	 /* images per job at most */
	uint32_t budget; /* 0: from the estimate */
	uint64_t jobs;
};

struct transfer {
	const uint8_t *inputs;
	size_t input_stride;
	uint8_t *outputs;
};

static uint32_t choose_batch(const struct bnn_exec *exec, uint32_t wanted)
{
	const struct bnn_program *program = exec->program;
	uint64_t stride = program->input_stride > program->output_stride ? program->input_stride
									 : program->output_stride;
	uint64_t clock = exec->dev->target.clock_hz ? exec->dev->target.clock_hz : 200000000;
	uint64_t batch = clock / 1000 * JOB_MS / program->estimate.cycles;

	if (wanted)
		batch = wanted;
	if (batch > SLOT_BYTES / stride)
		batch = SLOT_BYTES / stride;
	if (batch > BNN_ITERATIONS_MAX)
		batch = BNN_ITERATIONS_MAX;
	return batch ? (uint32_t)batch : 1;
}

static uint32_t job_budget(const struct bnn_exec *exec, size_t images)
{
	uint64_t units;

	if (exec->budget)
		return exec->budget;
	units = exec->program->estimate.cycles / BNN_BUDGET_UNIT + 1;
	if (units > UINT32_MAX / BUDGET_FACTOR / images)
		return UINT32_MAX;
	units = units * BUDGET_FACTOR * images + BUDGET_BASE / BNN_BUDGET_UNIT;
	return units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

static int alloc(struct bnn_exec *exec, uint64_t bytes, unsigned int access,
		 struct bnn_dev_buffer **buffer, struct bnn_error *error)
{
	if (!bytes)
		return 0;
	return exec->dev->ops->alloc(exec->dev, bytes, access, buffer, error);
}

static unsigned int output_access(const struct bnn_program *program)
{
	return BNN_DEV_WRITE | (program->output_read ? BNN_DEV_READ : 0);
}

static int prepare(struct bnn_exec *exec, const struct bnn_exec_options *options,
		   struct bnn_error *error)
{
	struct bnn_dev *dev = exec->dev;
	struct bnn_program *program;
	int ret;

	ret = bnn_compile(exec->net, &dev->target, &dev->compile, &exec->program, error);
	if (ret)
		return ret;
	program = exec->program;
	exec->batch = choose_batch(exec, options ? options->batch : 0);
	exec->budget = options ? options->budget : 0;

	ret = dev->ops->load(dev, program->commands, program->count, error);
	if (ret)
		return ret;
	ret = alloc(exec, program->constants_bytes, BNN_DEV_READ, &exec->constants, error);
	if (ret)
		return ret;
	if (exec->constants)
		memcpy(exec->constants->map, program->constants, program->constants_bytes);
	ret = alloc(exec, program->scratch_bytes, BNN_DEV_READ | BNN_DEV_WRITE, &exec->scratch,
		    error);
	for (unsigned int i = 0; i < BNN_DEV_JOBS && !ret; i++) {
		ret = alloc(exec, program->input_stride * exec->batch, BNN_DEV_READ,
			    &exec->slots[i].input, error);
		if (!ret)
			ret = alloc(exec, program->output_stride * exec->batch,
				    output_access(program), &exec->slots[i].output, error);
	}
	return ret;
}

int bnn_jobs_open(const struct bnn_net *net, const struct bnn_exec_options *options,
		  struct bnn_dev *dev, struct bnn_exec **out, struct bnn_error *error)
{
	struct bnn_exec *exec = calloc(1, sizeof(*exec));
	int ret;

	*out = NULL;
	if (!exec) {
		dev->ops->close(dev);
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a session");
	}
	exec->net = net;
	exec->dev = dev;
	ret = prepare(exec, options, error);
	if (ret) {
		bnn_jobs_close(exec);
		return ret;
	}
	*out = exec;
	return 0;
}

static void fill_job(const struct bnn_exec *exec, const struct slot *slot, struct bnn_dev_job *job)
{
	const struct bnn_program *program = exec->program;

	*job = (struct bnn_dev_job){
		.loop_start = program->loop_start,
		.iterations = (uint32_t)slot->count,
		.budget = job_budget(exec, slot->count),
	};
	job->regions[BNN_PROGRAM_CONSTANTS] =
		(struct bnn_dev_region){ exec->constants, BNN_DEV_READ, program->constants_bytes,
					 0 };
	job->regions[BNN_PROGRAM_INPUT] =
		(struct bnn_dev_region){ slot->input, BNN_DEV_READ, program->input_bytes,
					 program->input_stride };
	job->regions[BNN_PROGRAM_OUTPUT] =
		(struct bnn_dev_region){ slot->output, output_access(program),
					 program->output_bytes, program->output_stride };
	job->regions[BNN_PROGRAM_SCRATCH] =
		(struct bnn_dev_region){ exec->scratch, BNN_DEV_READ | BNN_DEV_WRITE,
					 program->scratch_bytes, 0 };
}

static int submit(struct bnn_exec *exec, struct slot *slot, const struct transfer *t, size_t first,
		  size_t count, struct bnn_error *error)
{
	const struct bnn_program *program = exec->program;
	struct bnn_dev_job job;
	int ret;

	for (size_t i = 0; i < count; i++)
		memcpy(slot->input->map + i * program->input_stride,
		       t->inputs + (first + i) * t->input_stride, program->input_bytes);
	slot->first = first;
	slot->count = count;
	fill_job(exec, slot, &job);
	ret = exec->dev->ops->submit(exec->dev, &job, &slot->ticket, error);
	if (ret)
		slot->ticket = 0;
	return ret;
}

/* The bytes between pixels are never written by commands, so they stay 0 from the start. */
static void copy_out(const struct bnn_exec *exec, const struct slot *slot, const struct transfer *t)
{
	const struct bnn_program *program = exec->program;

	for (size_t i = 0; i < slot->count; i++)
		memcpy(t->outputs + (slot->first + i) * program->output_bytes,
		       slot->output->map + i * program->output_stride, program->output_bytes);
}

static int report(struct bnn_exec *exec, const struct slot *slot, const struct bnn_dev_fault *fault,
		  struct bnn_error *error)
{
	/* With two jobs in flight the fault on record may be the other one's. */
	for (unsigned int i = 0; i < BNN_DEV_JOBS; i++)
		if (fault->ticket && exec->slots[i].ticket == fault->ticket)
			slot = &exec->slots[i];
	return bnn_fault_report(error, exec->net, exec->program, exec->dev->target.name, fault,
				slot->first);
}

static int finish(struct bnn_exec *exec, struct slot *slot, const struct transfer *t,
		  struct bnn_error *error)
{
	struct bnn_dev_fault fault = { 0 };
	int ret = exec->dev->ops->wait(exec->dev, slot->ticket, &fault, error);

	exec->jobs++;
	if (ret && (fault.status || fault.silent))
		ret = report(exec, slot, &fault, error);
	slot->ticket = 0;
	if (!ret)
		copy_out(exec, slot, t);
	return ret;
}

/* After an error: no job may be left that writes into the buffers of a later one. */
static void drain(struct bnn_exec *exec)
{
	for (unsigned int i = 0; i < BNN_DEV_JOBS; i++) {
		struct bnn_dev_fault fault = { 0 };

		if (!exec->slots[i].ticket)
			continue;
		exec->dev->ops->wait(exec->dev, exec->slots[i].ticket, &fault, NULL);
		exec->slots[i].ticket = 0;
		exec->jobs++;
	}
}

static bool in_flight(const struct bnn_exec *exec)
{
	for (unsigned int i = 0; i < BNN_DEV_JOBS; i++)
		if (exec->slots[i].ticket)
			return true;
	return false;
}

int bnn_jobs_run(struct bnn_exec *exec, const uint8_t *inputs, size_t input_stride,
		 uint8_t *outputs, size_t count, struct bnn_error *error)
{
	struct transfer t = { inputs, input_stride, outputs };
	size_t next = 0, turn = 0;
	int ret = 0;

	/* Each turn empties and refills the slot whose job is the oldest. */
	while (!ret && (next < count || in_flight(exec))) {
		struct slot *slot = &exec->slots[turn++ % BNN_DEV_JOBS];
		size_t left = count - next, n = left < exec->batch ? left : exec->batch;

		if (slot->ticket)
			ret = finish(exec, slot, &t, error);
		if (!ret && n) {
			ret = submit(exec, slot, &t, next, n, error);
			next += n;
		}
	}
	if (ret)
		drain(exec);
	return ret;
}

void bnn_jobs_stats(const struct bnn_exec *exec, struct bnn_exec_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->jobs = exec->jobs;
	exec->dev->ops->counters(exec->dev, stats->counters);
}

void bnn_jobs_close(struct bnn_exec *exec)
{
	if (!exec)
		return;
	exec->dev->ops->close(exec->dev);
	bnn_program_free(exec->program);
	free(exec);
}

const struct bnn_program *bnn_jobs_program(const struct bnn_exec *exec)
{
	return exec->program;
}
