/* SPDX-License-Identifier: MIT */
/* The four rings: enabling, arbitration between jobs, completions, interrupts. */
#include <string.h>

#include "core.h"

static uint64_t low_bits(uint64_t x, uint64_t n)
{
	return x & (n - 1);
}

/* What enabling demands. */
bool queue_sane(const struct queue *q)
{
	return q->size >= BNN_DEPTH_MIN && q->size <= BNN_DEPTH_MAX &&
	       !low_bits(q->size, q->size) && !low_bits(q->ring, BNN_SIZEOF_JOB) &&
	       !low_bits(q->cq, BNN_SIZEOF_COMPLETION);
}

static void stop_queue(struct bnn_core *core, unsigned i, uint32_t error_shift, uint64_t address)
{
	core->queue[i].enabled = false;
	core->queue[i].err = true;
	device_error(core, 1u << (error_shift + i), address);
}

void queue_control(struct bnn_core *core, unsigned i, uint32_t value)
{
	struct queue *q = &core->queue[i];

	if (!(value & BNN_Q_CTRL_EN)) {
		q->enabled = false;
		q->err = false;
		return;
	}
	if (q->enabled)
		return;
	/* A job still running would complete into the new ring: refused too. */
	q->err = !queue_sane(q) || (core->job.active && core->job.queue == i);
	if (q->err)
		return;
	q->enabled = true;
	q->tail = q->head = q->pending = q->passed = 0;
	q->done = 0;
}

void queue_tail(struct bnn_core *core, unsigned i, uint32_t tail)
{
	struct queue *q = &core->queue[i];

	q->tail = tail;
	if (q->enabled && tail - q->head > q->size)
		stop_queue(core, i, BNN_ERROR_BAD_TAIL_SHIFT, 0);
}

static bool waits(const struct queue *q)
{
	return q->enabled && q->tail != q->head;
}

/*
 * The highest queue with work, unless a lower one has been passed by ARB_MAX
 * jobs; of such, the highest. -1: none.
 */
static int pick(struct bnn_core *core)
{
	int best = -1;

	for (int i = BNN_QUEUES - 1; i >= 0; i--) {
		const struct queue *q = &core->queue[i];

		if (!waits(q))
			continue;
		if (best < 0 ||
		    (q->passed >= BNN_ARB_MAX && core->queue[best].passed < BNN_ARB_MAX))
			best = i;
	}
	for (int i = 0; i < BNN_QUEUES; i++) {
		struct queue *q = &core->queue[i];

		q->passed = i < best && waits(q)     ? q->passed + 1
			    : i == best || !waits(q) ? 0
						     : q->passed;
	}
	return best;
}

bool queue_next(struct bnn_core *core)
{
	int i = pick(core);
	struct queue *q;
	uint64_t addr, index;

	if (i < 0)
		return false;
	q = &core->queue[i];
	memset(&core->job, 0, sizeof(core->job));
	core->job.queue = (uint32_t)i;
	index = q->head & (q->size - 1);
	core->job.slot = q->cq + index * BNN_SIZEOF_COMPLETION;
	core->job.count = q->cq + (uint64_t)q->size * BNN_SIZEOF_COMPLETION;
	addr = q->ring + index * BNN_SIZEOF_JOB;
	if (!bus_read(core, addr, core->job.raw, BNN_SIZEOF_JOB)) {
		stop_queue(core, (unsigned)i, BNN_ERROR_RING_READ_SHIFT, addr);
		return true;
	}
	q->head++;
	core->job.hang = core->poke.hang;
	core->poke.hang = false;
	job_start(core);
	return true;
}

static void encode_completion(const struct bnn_core *core, uint8_t *raw)
{
	const struct job *job = &core->job;
	const struct fault *f = &core->fault;
	uint32_t offset = job->index * BNN_COMMAND_BYTES;

	memset(raw, 0, BNN_SIZEOF_COMPLETION);
	put64(raw + BNN_COMPLETION_SEQNO, job->entry.seqno);
	put32(raw + BNN_COMPLETION_STATUS, f->status);
	put32(raw + BNN_COMPLETION_CMD_INDEX, job->index);
	if (f->has_word)
		offset += f->word * 4;
	put32(raw + BNN_COMPLETION_CMD_WORD, f->status ? offset : 0);
	put32(raw + BNN_COMPLETION_ITERATION, job->iteration);
	put32(raw + BNN_COMPLETION_ACCESS, f->access);
	put32(raw + BNN_COMPLETION_DETAIL, f->detail);
	put64(raw + BNN_COMPLETION_FAULT_VA, f->va);
	put64(raw + BNN_COMPLETION_CYCLES, core->now - job->start);
	put64(raw + BNN_COMPLETION_START, job->start);
	put64(raw + BNN_COMPLETION_END, core->now);
	for (unsigned i = 0; i < BNN_COUNTERS; i++)
		put64(raw + BNN_COMPLETION_COUNTERS + 8 * i, job->counters[i]);
}

static void interrupt(struct bnn_core *core, struct queue *q)
{
	bool asked = core->job.entry.flags & BNN_JOB_FLAGS_IRQ || core->fault.status;

	q->pending++;
	if (!asked && !(q->coalesce && q->pending >= q->coalesce) && q->tail != q->head)
		return;
	q->pending = 0;
	irq_raise(core, 2u << core->job.queue);
}

/*
 * Ends the job with core->fault. Everything it wrote lies in memory already;
 * then come slot, count and interrupt, in this order.
 */
void queue_complete(struct bnn_core *core)
{
	struct job *job = &core->job;
	struct queue *q = &core->queue[job->queue];
	uint8_t raw[BNN_SIZEOF_COMPLETION], done[8];

	encode_completion(core, raw);
	core_log(core, BNN_CORE_LOG_DEBUG, "queue %u: job %llu ends with status %u", job->queue,
		 (unsigned long long)job->entry.seqno, core->fault.status);
	put64(done, ++q->done);
	if (!bus_write(core, job->slot, raw, sizeof(raw)))
		stop_queue(core, job->queue, BNN_ERROR_RING_READ_SHIFT, job->slot);
	else if (!bus_write(core, job->count, done, sizeof(done)))
		stop_queue(core, job->queue, BNN_ERROR_RING_READ_SHIFT, job->count);
	else
		interrupt(core, q);
	job_drop(core);
}
