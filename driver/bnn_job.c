// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Rings and jobs
 *
 * One ring and one scheduler per hardware queue. The scheduler calls run_job
 * when a job's dependencies are done and the ring has room; the job's hardware
 * fence is signalled when its completion slot has been read.
 *
 * Nothing that the device writes is trusted: the count of finished jobs must
 * lie between what was seen and what was submitted, and a slot must carry the
 * seqno of the job it belongs to, else the device is reset.
 *
 * A hardware fence pins the module, and every scheduler fence that user space
 * may hold refers to one: the scheduler core reads names from our memory for
 * as long as its fences live.
 */

#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/gpu_scheduler.h>

#include "bnn_ctx.h"
#include "bnn_device.h"
#include "bnn_job.h"

/* Pause between attempts to kill the jobs of a dead client. */
#define BNN_KILL_DELAY	msecs_to_jiffies(20)

static unsigned int job_timeout_ms = 5000;
module_param(job_timeout_ms, uint, 0644);
MODULE_PARM_DESC(job_timeout_ms,
		 "Time without progress after which the device is examined; the second time it is reset. Read when a device is bound (default 5000)");

/**
 * bnn_job_timeout - Time between two looks at the progress of a job.
 * @bdev: Device.
 *
 * Return: Jiffies.
 */
unsigned long bnn_job_timeout(struct bnn_device *bdev)
{
	u64 ms = (u64)clamp(job_timeout_ms, 10u, 3600u * 1000) << bdev->caps.wait_shift;

	return msecs_to_jiffies(min_t(u64, ms, 3600 * 1000));
}

static int bnn_status_to_errno(u32 status)
{
	switch (status) {
	case BNN_STATUS_OK:
		return 0;
	case BNN_STATUS_BAD_ENTRY:
	case BNN_STATUS_BAD_REGION:
	case BNN_STATUS_BAD_OPCODE:
	case BNN_STATUS_BAD_FIELD:
	case BNN_STATUS_BAD_ONCHIP:
	case BNN_STATUS_BAD_OVERLAP:
	case BNN_STATUS_NO_END:
		return -EINVAL;
	case BNN_STATUS_BAD_BOUNDS:
	case BNN_STATUS_BAD_ACCESS:
	case BNN_STATUS_MMU_FAULT:
	case BNN_STATUS_BAD_PTE:
		return -EFAULT;
	case BNN_STATUS_TIMEOUT:
		return -ETIME;
	case BNN_STATUS_KILLED:
		return -ECANCELED;
	default:
		return -EIO;
	}
}

static void bnn_job_signal(struct bnn_sched_job *job, int error)
{
	atomic64_inc(&job->ctx->file->jobs);
	if (error)
		dma_fence_set_error(&job->fence->base, error);
	dma_fence_signal(&job->fence->base);
}

/* The device has finished the job; @c is a copy of its slot. */
static void bnn_job_complete(struct bnn_sched_job *job, const struct bnn_completion *c)
{
	struct bnn_ctx *ctx = job->ctx;
	u32 status = le32_to_cpu(c->status);

	atomic64_add(le64_to_cpu(c->cycles), &ctx->file->cycles);
	if (job->perfmon)
		bnn_perfmon_add(job->perfmon, c);

	spin_lock(&ctx->stat_lock);
	ctx->jobs++;
	if (status != BNN_STATUS_OK) {
		ctx->faults++;
		ctx->fault = (struct bnn_fault) {
			.seqno = job->number,
			/* With BUS_ERROR it may be the bus address of our structures. */
			.va = status == BNN_STATUS_BUS_ERROR ? 0 : le64_to_cpu(c->fault_va),
			.status = status,
			.detail = le32_to_cpu(c->detail),
			.command = le32_to_cpu(c->cmd_index),
			.word = le32_to_cpu(c->cmd_word),
			.iteration = le32_to_cpu(c->iteration),
			.access = le32_to_cpu(c->access),
		};
	}
	spin_unlock(&ctx->stat_lock);

	bnn_job_signal(job, bnn_status_to_errno(status));
}

/**
 * bnn_job_fail - End a job without an answer of the device.
 * @job: Job that the device can't access any more, or never saw.
 * @error: Error of its fence.
 * @guilty: It caused a reset.
 */
void bnn_job_fail(struct bnn_sched_job *job, int error, bool guilty)
{
	struct bnn_ctx *ctx = job->ctx;

	spin_lock(&ctx->stat_lock);
	ctx->jobs++;
	if (guilty) {
		ctx->faults++;
		ctx->fault = (struct bnn_fault) {
			.seqno = job->number,
			.status = U32_MAX,
		};
		if (++ctx->guilty >= BNN_BAN_LIMIT)
			WRITE_ONCE(ctx->banned, true);
	}
	spin_unlock(&ctx->stat_lock);

	bnn_job_signal(job, error);
}

static __le64 *bnn_queue_done(struct bnn_queue *queue)
{
	return (__le64 *)&queue->cq[BNN_RING_DEPTH];
}

static u32 bnn_queue_index(u64 count)
{
	return count % BNN_RING_DEPTH;
}

/**
 * bnn_queue_push - Write a job into the ring.
 * @queue: Queue; locked, live and not full.
 * @job: Job.
 */
void bnn_queue_push(struct bnn_queue *queue, struct bnn_sched_job *job)
{
	u32 i = bnn_queue_index(queue->tail);
	struct bnn_region *table = &queue->tables[i * BNN_REGIONS];
	struct bnn_vm *vm = &job->ctx->file->vm;

	lockdep_assert_held(&queue->lock);

	memcpy(table, job->table, job->regions * sizeof(*table));
	job->seqno = ++queue->seqno;
	queue->ring[i] = (struct bnn_job) {
		.flags = cpu_to_le32(BNN_JOB_FLAGS_IRQ),
		.ctx = cpu_to_le32(job->ctx->id),
		.seqno = cpu_to_le64(job->seqno),
		.directory = cpu_to_le64(vm->directory_dma),
		.asid = cpu_to_le16(vm->asid),
		.regions = job->regions,
		.version = 1,
		.region_table = cpu_to_le64(queue->tables_dma +
					    i * BNN_REGIONS * sizeof(*table)),
		.cmd_count = cpu_to_le32(job->cmd_count),
		.loop_start = cpu_to_le32(job->loop_start),
		.iterations = cpu_to_le32(job->iterations),
		.budget = cpu_to_le32(job->budget),
	};
	queue->jobs[i] = job;
	queue->tail++;

	/* writel() orders it behind the writes above. */
	bnn_queue_write(queue, BNN_REG_Q_TAIL, lower_32_bits(queue->tail));
}

static void bnn_queue_break(struct bnn_queue *queue, const char *what, u64 value)
{
	struct bnn_device *bdev = queue->bdev;

	drm_err_ratelimited(&bdev->drm, "queue %u: bad %s %llu, expected %llu to %llu\n",
			    queue->index, what, value, queue->done, queue->tail);
	queue->live = false;
	queue->broken = true;
	bnn_reset_request(bdev, "bad completion");
}

/**
 * bnn_queue_reap - Take finished jobs out of the ring and signal them.
 * @queue: Queue; locked, with memory that the device writes or wrote.
 */
void bnn_queue_reap(struct bnn_queue *queue)
{
	u64 done;

	lockdep_assert_held(&queue->lock);

	while (!queue->broken) {
		done = le64_to_cpu(READ_ONCE(*bnn_queue_done(queue)));
		if (done == queue->done)
			break;
		if (done < queue->done || done > queue->tail) {
			bnn_queue_break(queue, "count", done);
			break;
		}
		dma_rmb(); /* the slots were written before the count */

		while (queue->done < done) {
			u32 i = bnn_queue_index(queue->done);
			struct bnn_sched_job *job = queue->jobs[i];
			struct bnn_completion c;

			memcpy(&c, &queue->cq[i], sizeof(c));
			barrier(); /* from here on only the copy is read */
			if (le64_to_cpu(c.seqno) != job->seqno) {
				bnn_queue_break(queue, "seqno", le64_to_cpu(c.seqno));
				break;
			}

			queue->jobs[i] = NULL;
			queue->done++;
			queue->completed++;
			if (c.status)
				queue->faults++;
			bnn_job_complete(job, &c);
		}
	}
}

/**
 * bnn_queue_process - Look for finished jobs.
 * @queue: Queue.
 */
void bnn_queue_process(struct bnn_queue *queue)
{
	mutex_lock(&queue->lock);
	if (queue->live)
		bnn_queue_reap(queue);
	mutex_unlock(&queue->lock);
}

/**
 * bnn_queue_enable - Enable a queue with an empty ring.
 * @queue: Queue of a device that was reset; no interrupt or scheduler runs yet,
 *	or the queue is locked.
 *
 * Return: 0, or -EIO if the device refuses.
 */
int bnn_queue_enable(struct bnn_queue *queue)
{
	u32 status;

	queue->tail = 0;
	queue->done = 0;
	queue->broken = false;
	memset(queue->cq, 0, BNN_RING_DEPTH * sizeof(*queue->cq));
	WRITE_ONCE(*bnn_queue_done(queue), 0);

	bnn_queue_write(queue, BNN_REG_Q_RING_LO, lower_32_bits(queue->ring_dma));
	bnn_queue_write(queue, BNN_REG_Q_RING_HI, upper_32_bits(queue->ring_dma));
	bnn_queue_write(queue, BNN_REG_Q_CQ_LO, lower_32_bits(queue->cq_dma));
	bnn_queue_write(queue, BNN_REG_Q_CQ_HI, upper_32_bits(queue->cq_dma));
	bnn_queue_write(queue, BNN_REG_Q_SIZE, BNN_RING_DEPTH);
	bnn_queue_write(queue, BNN_REG_Q_COALESCE, 0);
	bnn_queue_write(queue, BNN_REG_Q_CTRL, BNN_Q_CTRL_EN);

	status = bnn_queue_read(queue, BNN_REG_Q_STATUS);
	if (status == BNN_GONE || (status & BNN_Q_STATUS_ERR) || !(status & BNN_Q_STATUS_ENABLED))
		return -EIO;

	queue->live = true;

	return 0;
}

static int bnn_job_may_run(struct bnn_sched_job *job)
{
	struct bnn_device *bdev = job->ctx->file->bdev;

	int wedged = READ_ONCE(bdev->wedged);

	if (wedged)
		return wedged;
	if (READ_ONCE(job->ctx->banned) || READ_ONCE(job->ctx->file->killed))
		return -ECANCELED;

	return 0;
}

static struct dma_fence *bnn_sched_run_job(struct drm_sched_job *sched_job)
{
	struct bnn_sched_job *job = to_bnn_sched_job(sched_job);
	struct bnn_device *bdev = job->ctx->file->bdev;
	struct bnn_queue *queue = &bdev->queues[job->ctx->queue];
	int ret, idx;

	if (!drm_dev_enter(&bdev->drm, &idx)) {
		bnn_job_fail(job, -ENODEV, false);
		return dma_fence_get(&job->fence->base);
	}

	mutex_lock(&queue->lock);
	ret = bnn_job_may_run(job);
	/*
	 * A broken queue is about to be reset, and with it whatever the job
	 * would have waited for.
	 */
	if (!ret && (!queue->live || queue->tail - queue->done >= BNN_RING_DEPTH))
		ret = -EIO;
	if (ret)
		bnn_job_fail(job, ret, false);
	else
		bnn_queue_push(queue, job);
	mutex_unlock(&queue->lock);
	drm_dev_exit(idx);

	return dma_fence_get(&job->fence->base);
}

static void bnn_job_release_work(struct work_struct *work)
{
	bnn_job_release(container_of(work, struct bnn_sched_job, release_work));
}

static void bnn_sched_free_job(struct drm_sched_job *sched_job)
{
	struct bnn_sched_job *job = to_bnn_sched_job(sched_job);
	struct drm_sched_fence *s_fence = sched_job->s_fence;

	/* Dropped before it reached run_job: make its fence pin the module, too. */
	if (!s_fence->parent) {
		if (!dma_fence_is_signaled(&job->fence->base))
			bnn_job_fail(job, -ECANCELED, false);
		/* As the core sets it: a deadline may be set at the same time. */
		smp_store_release(&s_fence->parent, dma_fence_get(&job->fence->base));
	}
	drm_sched_job_cleanup(sched_job);

	/* Unmapping waits for the device, which fences must not. */
	INIT_WORK(&job->release_work, bnn_job_release_work);
	queue_work(bnn_release_wq, &job->release_work);
}

static const struct drm_sched_backend_ops bnn_sched_ops = {
	.run_job = bnn_sched_run_job,
	.timedout_job = bnn_reset_timedout,
	.free_job = bnn_sched_free_job,
};

static void bnn_sched_release(struct drm_device *drm, void *data)
{
	struct bnn_sched *sched = data;

	/* Not earlier: entities point into it until the last file is gone. */
	drm_sched_fini(&sched->base);
	bnn_sched_put(sched);
}

static int bnn_sched_init(struct bnn_queue *queue)
{
	struct bnn_device *bdev = queue->bdev;
	struct bnn_sched *sched = bnn_sched_get();
	const struct drm_sched_init_args args = {
		.ops = &bnn_sched_ops,
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
		.credit_limit = BNN_CREDITS,
		.timeout = bnn_job_timeout(bdev),
		.timeout_wq = bdev->reset.wq,
		.name = sched ? sched->name : NULL,
		.dev = bdev->drm.dev,
	};
	int ret;

	if (!sched)
		return -ENOMEM;

	snprintf(sched->name, sizeof(sched->name), "bnnaccel-queue%u", queue->index);
	ret = drm_sched_init(&sched->base, &args);
	if (ret) {
		bnn_sched_put(sched);
		return ret;
	}

	queue->sched = sched;

	return drmm_add_action_or_reset(&bdev->drm, bnn_sched_release, sched);
}

/**
 * bnn_queue_init - Prepare a queue; it isn't enabled yet.
 * @bdev: Device.
 * @index: Number of the queue.
 *
 * Return: 0 or an error.
 */
int bnn_queue_init(struct bnn_device *bdev, u32 index)
{
	struct bnn_queue *queue = &bdev->queues[index];
	struct device *dev = bdev->drm.dev;
	int ret;

	queue->bdev = bdev;
	queue->index = index;
	ret = drmm_mutex_init(&bdev->drm, &queue->lock);
	if (ret)
		return ret;

	queue->ring = dmam_alloc_coherent(dev, BNN_RING_DEPTH * sizeof(*queue->ring),
					  &queue->ring_dma, GFP_KERNEL);
	/* One more slot than jobs: the status block. */
	queue->cq = dmam_alloc_coherent(dev, (BNN_RING_DEPTH + 1) * sizeof(*queue->cq),
					&queue->cq_dma, GFP_KERNEL);
	queue->tables = dmam_alloc_coherent(dev, BNN_RING_DEPTH * BNN_REGIONS *
					    sizeof(*queue->tables), &queue->tables_dma,
					    GFP_KERNEL);
	if (!queue->ring || !queue->cq || !queue->tables)
		return -ENOMEM;

	return bnn_sched_init(queue);
}

static bool bnn_queue_kill(struct bnn_queue *queue)
{
	bool again = false;
	u64 i;

	mutex_lock(&queue->lock);
	for (i = queue->done; queue->live && i < queue->tail; i++) {
		struct bnn_sched_job *job = queue->jobs[bnn_queue_index(i)];

		if (!READ_ONCE(job->ctx->file->killed))
			continue;
		/* Ignored unless it is the running one: so try until it is. */
		bnn_queue_write(queue, BNN_REG_Q_KILL, lower_32_bits(job->seqno));
		again = true;
	}
	mutex_unlock(&queue->lock);

	return again;
}

/**
 * bnn_job_kill_work - Kill what dead clients have in the rings.
 * @work: kill_work of a device.
 */
void bnn_job_kill_work(struct work_struct *work)
{
	struct bnn_device *bdev = container_of(work, struct bnn_device, kill_work.work);
	bool again = false;
	int idx;
	u32 i;

	if (!drm_dev_enter(&bdev->drm, &idx))
		return;

	for (i = 0; i < bdev->caps.queues; i++)
		again |= bnn_queue_kill(&bdev->queues[i]);
	if (again)
		queue_delayed_work(system_wq, &bdev->kill_work, BNN_KILL_DELAY);
	drm_dev_exit(idx);
}

/**
 * bnn_job_kill_file - Kill the jobs of a file.
 * @file: Open file with killed set, so that no further job of it runs.
 */
void bnn_job_kill_file(struct bnn_file *file)
{
	struct bnn_device *bdev = file->bdev;
	int idx;

	if (!drm_dev_enter(&bdev->drm, &idx))
		return;

	mod_delayed_work(system_wq, &bdev->kill_work, 0);
	drm_dev_exit(idx);
}
