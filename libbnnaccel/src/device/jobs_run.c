// SPDX-License-Identifier: MIT
/* Pieces on their way through the stages of an executor. */
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "fault.h"
#include "jobs_state.h"

/* The budget ends jobs that hang, so it errs far on the long side. */
#define BUDGET_FACTOR 256
#define BUDGET_BASE (1ull << 28)

static uint32_t job_budget(const struct bnn_exec *exec, const struct bnn_program *program,
			   size_t images)
{
	uint64_t units;

	if (exec->budget)
		return exec->budget;
	units = program->estimate.cycles / BNN_BUDGET_UNIT + 1;
	if (units > UINT32_MAX / BUDGET_FACTOR / images)
		return UINT32_MAX;
	units = units * BUDGET_FACTOR * images + BUDGET_BASE / BNN_BUDGET_UNIT;
	return units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

/*
 * The buffer of the caller in which `count` items lie so that a job can reach them
 * there: binding->buffer is NULL if there is none.
 */
static struct bnn_binding find_lent(const struct bnn_exec *exec, const uint8_t *data, size_t stride,
				    size_t count, uint64_t bytes)
{
	uint64_t step = count > 1 ? stride : 0, extent = (count - 1) * step + bytes;

	for (const struct bnn_lent *lent = exec->lent; lent; lent = lent->next) {
		struct bnn_dev_buffer *b = lent->buffer;
		uint64_t offset = (uint64_t)(data - b->map);

		if (data < b->map || offset >= b->bytes)
			continue;
		if ((offset | step) % BNN_TENSOR_ALIGN || extent > b->bytes - offset)
			break;
		return (struct bnn_binding){ b, offset, step };
	}
	return (struct bnn_binding){ 0 };
}

static void bind_input(struct bnn_exec *exec, struct bnn_lane *slot)
{
	const struct bnn_piece *p = &slot->piece;

	slot->in = find_lent(exec, p->inputs, p->input_stride, p->count, exec->input_bytes);
	if (slot->in.buffer)
		return;
	slot->in = (struct bnn_binding){ slot->input, 0, exec->input_stride };
	for (size_t i = 0; i < p->count; i++)
		memcpy(slot->input->map + i * exec->input_stride, p->inputs + i * p->input_stride,
		       exec->input_bytes);
	exec->copied += p->count * exec->input_bytes;
}

/*
 * Commands never write the bytes between pixels: in memory of our own they stay 0
 * from the start, in the caller's they are cleared.
 */
static void bind_output(struct bnn_exec *exec, struct bnn_lane *slot)
{
	const struct bnn_piece *p = &slot->piece;

	slot->out = find_lent(exec, p->outputs, p->output_stride, p->count, exec->output_bytes);
	if (!slot->out.buffer)
		slot->out = (struct bnn_binding){ slot->output, 0, exec->output_stride };
	else
		for (size_t i = 0; i < p->count; i++)
			memset(p->outputs + i * p->output_stride, 0, exec->output_bytes);
}

static void copy_out(struct bnn_exec *exec, const struct bnn_lane *slot)
{
	const struct bnn_piece *p = &slot->piece;

	if (slot->out.buffer != slot->output)
		return;
	for (size_t i = 0; i < p->count; i++)
		memcpy(p->outputs + i * p->output_stride,
		       slot->output->map + i * exec->output_stride, exec->output_bytes);
	exec->copied += p->count * exec->output_bytes;
}

static void fill_job(const struct bnn_exec *exec, const struct bnn_lane *slot,
		     struct bnn_dev_job *job)
{
	const struct bnn_stage *stage = &exec->stages[slot->stage];
	const struct bnn_program *program = stage->program;

	*job = (struct bnn_dev_job){
		.program = stage->number,
		.loop_start = program->loop_start,
		.iterations = (uint32_t)slot->piece.count,
		.budget = job_budget(exec, program, slot->piece.count),
	};
	job->regions[BNN_PROGRAM_CONSTANTS] =
		(struct bnn_dev_region){ stage->constants, BNN_DEV_READ, 0,
					 program->constants_bytes, 0 };
	job->regions[BNN_PROGRAM_INPUT] =
		(struct bnn_dev_region){ slot->in.buffer, BNN_DEV_READ, slot->in.offset,
					 program->input_bytes, slot->in.stride };
	job->regions[BNN_PROGRAM_OUTPUT] =
		(struct bnn_dev_region){ slot->out.buffer, exec->output_access, slot->out.offset,
					 program->output_bytes, slot->out.stride };
	job->regions[BNN_PROGRAM_SCRATCH] =
		(struct bnn_dev_region){ exec->scratch, BNN_DEV_READ | BNN_DEV_WRITE, 0,
					 program->scratch_bytes, 0 };
	job->regions[BNN_PROGRAM_EXCHANGE] =
		(struct bnn_dev_region){ slot->exchange, BNN_DEV_READ | BNN_DEV_WRITE, 0,
					 program->exchange_bytes, program->exchange_bytes };
	bnn_profile_bind(exec, slot, job);
}

static int run_on_cpu(struct bnn_exec *exec, const struct bnn_lane *slot, struct bnn_error *error)
{
	const struct bnn_stage *stage = &exec->stages[slot->stage];
	int ret = 0;

	for (size_t i = 0; i < slot->piece.count && !ret; i++) {
		struct bnn_host_image image = {
			.input = slot->in.buffer->map + slot->in.offset + i * slot->in.stride,
			.output = slot->out.buffer->map + slot->out.offset + i * slot->out.stride,
		};

		if (slot->exchange)
			image.exchange = slot->exchange->map + i * exec->exchange_bytes;
		ret = bnn_host_run(exec->host, &stage->segment, &image, exec->measured, &exec->stop,
				   error);
	}
	return ret;
}

/* Goes on until the next job is submitted, or the last stage is over. */
static int advance(struct bnn_exec *exec, struct bnn_lane *slot, struct bnn_error *error)
{
	struct bnn_dev_job job;
	int ret = 0;

	for (; slot->stage < exec->placement.count && !ret; slot->stage++) {
		if (!exec->stages[slot->stage].segment.cpu) {
			fill_job(exec, slot, &job);
			return exec->dev->ops->submit(exec->dev, &job, &slot->ticket, error);
		}
		ret = run_on_cpu(exec, slot, error);
	}
	return ret;
}

/* Waits for the job of the present stage. */
static int end_job(struct bnn_exec *exec, struct bnn_lane *slot, struct bnn_error *error)
{
	struct bnn_dev_fault fault = { 0 };
	int ret = exec->dev->ops->wait(exec->dev, slot->ticket, &fault, error);

	exec->jobs++;
	slot->ticket = 0;
	if (ret && (fault.status || fault.silent))
		return bnn_fault_report(error, exec->net, exec->stages[slot->stage].program,
					exec->dev->target.name, &fault, slot->piece.first);
	if (!ret)
		bnn_profile_job(exec, slot);
	slot->stage++;
	return ret;
}

void bnn_jobs_limits(const struct bnn_exec *exec, size_t *pieces, size_t *images)
{
	*pieces = exec->slot_count;
	*images = exec->batch;
}

int bnn_jobs_begin(struct bnn_exec *exec, const struct bnn_piece *piece, struct bnn_error *error)
{
	struct bnn_lane *slot = &exec->slots[exec->begun % exec->slot_count];
	int ret;

	slot->piece = *piece;
	slot->stage = 0;
	slot->ticket = 0;
	bind_input(exec, slot);
	bind_output(exec, slot);
	ret = advance(exec, slot, error);
	if (ret) {
		slot->ticket = 0;
		return ret;
	}
	exec->begun++;
	return 0;
}

int bnn_jobs_finish(struct bnn_exec *exec, struct bnn_error *error)
{
	struct bnn_lane *slot = &exec->slots[exec->finished++ % exec->slot_count];
	int ret = 0;

	while (slot->ticket && !ret) {
		ret = end_job(exec, slot, error);
		if (!ret)
			ret = advance(exec, slot, error);
	}
	slot->ticket = 0;
	if (!ret)
		copy_out(exec, slot);
	return ret;
}

int bnn_jobs_run(struct bnn_exec *exec, const uint8_t *inputs, size_t input_stride,
		 uint8_t *outputs, size_t count, struct bnn_error *error)
{
	struct bnn_piece piece = {
		.inputs = inputs,
		.input_stride = input_stride,
		.outputs = outputs,
		.output_stride = exec->output_bytes,
	};
	size_t done = 0;
	int ret = 0;

	while (!ret && (done < count || exec->begun != exec->finished)) {
		bool full = exec->begun - exec->finished == exec->slot_count;

		if (full || done == count) {
			ret = bnn_jobs_finish(exec, error);
			continue;
		}
		piece.first = done;
		piece.count = count - done < exec->batch ? count - done : exec->batch;
		ret = bnn_jobs_begin(exec, &piece, error);
		done += piece.count;
		piece.inputs += piece.count * input_stride;
		piece.outputs += piece.count * exec->output_bytes;
	}
	/* After an error: no job may be left that writes into the buffers of a later one. */
	while (exec->begun != exec->finished)
		bnn_jobs_finish(exec, NULL);
	return ret;
}
