// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Resets
 *
 * The budget of a job is enforced by the device, so a long job ends by itself.
 * The scheduler's timeout is for a device that is broken: the first time it
 * only notes what runs, how far it is, and looks for lost interrupts; when the
 * same job is found at the same place again, the device is reset.
 *
 * A reset stops the schedulers and the device (soft reset, else function level
 * reset), takes what has finished out of the rings, fails the job that was
 * running, and writes the others into fresh rings. If nothing stops the device,
 * bus mastering is turned off and the device is wedged: all jobs fail with -EIO.
 *
 * Resets, suspend and function level resets from outside go through
 * bnn_reset_begin() and bnn_reset_end().
 */

#include <linux/delay.h>
#include <linux/pci.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "bnn_ctx.h"
#include "bnn_device.h"
#include "bnn_job.h"

/* RUN_SEQ holds this much of a seqno. */
#define BNN_RUN_SEQ_MASK	GENMASK(30, 0)
/* How long suspend waits for jobs in the rings. */
#define BNN_DRAIN_MS		2000
/* Attempts to get hold of the PCI device, 20 ms apart. */
#define BNN_FLR_TRIES		10

static struct bnn_look bnn_reset_look(struct bnn_device *bdev)
{
	return (struct bnn_look) {
		.queue = bnn_read(bdev, BNN_REG_RUN_QUEUE),
		.seq = bnn_read(bdev, BNN_REG_RUN_SEQ),
		.progress = bnn_read(bdev, BNN_REG_PROGRESS),
		.progress2 = bnn_read(bdev, BNN_REG_PROGRESS2),
	};
}

/* True if the device stands where it stood a timeout ago. */
static bool bnn_reset_hangs(struct bnn_device *bdev)
{
	struct bnn_reset *reset = &bdev->reset;
	struct bnn_look look = bnn_reset_look(bdev);
	/* Timers of several queues end at any time; be a little generous. */
	unsigned long patience = bnn_job_timeout(bdev) * 3 / 4;

	if (!reset->last_valid || memcmp(&look, &reset->last, sizeof(look))) {
		reset->last = look;
		reset->last_jiffies = jiffies;
		reset->last_valid = true;
		return false;
	}

	return time_after_eq(jiffies, reset->last_jiffies + patience);
}

static int bnn_reset_function(struct bnn_device *bdev, bool locked)
{
	int ret, i;

	if (locked)
		return pci_reset_function_locked(bdev->pdev);

	/* Whoever holds the device lock may be remove, waiting for us. */
	for (i = 0; i < BNN_FLR_TRIES; i++) {
		ret = pci_try_reset_function(bdev->pdev);
		if (ret != -EAGAIN)
			break;
		msleep(20);
	}

	return ret;
}

/**
 * bnn_reset_soft - Reset the device, with a function level reset if need be.
 * @bdev: Device.
 * @locked: The caller holds the lock of the PCI device, as all callbacks of the
 *	PCI core do.
 *
 * Return: 0, or an error if the device may still be running.
 */
int bnn_reset_soft(struct bnn_device *bdev, bool locked)
{
	int ret;

	bnn_write(bdev, BNN_REG_CTRL, BNN_CTRL_RESET);
	ret = bnn_device_poll(bdev, BNN_REG_RESET_STATUS, BNN_RESET_STATUS_BUSY, BNN_RESET_MS);
	if (ret == -ENODEV)
		return ret;
	if (!ret && !(bnn_read(bdev, BNN_REG_RESET_STATUS) & BNN_RESET_STATUS_STUCK))
		return 0;

	drm_warn(&bdev->drm, "soft reset failed, trying a function level reset\n");
	WRITE_ONCE(bdev->reset.own_flr, current);
	ret = bnn_reset_function(bdev, locked);
	WRITE_ONCE(bdev->reset.own_flr, NULL);
	if (ret)
		return ret;

	return bnn_read(bdev, BNN_REG_ID) == BNN_RESET_ID ? 0 : -EIO;
}

/* drm_sched_stop() drops the hardware fences of jobs that are still to end. */
static void bnn_sched_restart(struct drm_gpu_scheduler *sched)
{
	struct drm_sched_job *sched_job;

	list_for_each_entry(sched_job, &sched->pending_list, list)
		sched_job->s_fence->parent =
			dma_fence_get(&to_bnn_sched_job(sched_job)->fence->base);
	drm_sched_start(sched);
}

static bool bnn_reset_idle(struct bnn_device *bdev)
{
	bool idle = true;
	u32 i;

	for (i = 0; i < bdev->caps.queues; i++) {
		struct bnn_queue *queue = &bdev->queues[i];

		mutex_lock(&queue->lock);
		if (queue->live)
			bnn_queue_reap(queue);
		idle &= !queue->live || queue->done == queue->tail;
		mutex_unlock(&queue->lock);
	}

	return idle;
}

static void bnn_reset_drain(struct bnn_device *bdev)
{
	unsigned long end = jiffies + usecs_to_jiffies(bnn_wait_us(bdev, BNN_DRAIN_MS));

	while (!bnn_reset_idle(bdev) && time_before(jiffies, end))
		usleep_range(500, 1000);
}

/**
 * bnn_reset_begin - Stop schedulers and device.
 * @bdev: Device.
 * @bad: Job that a timeout handler was called for, or NULL.
 * @reason: For log and coredump; NULL: nothing is wrong, so wait for the jobs
 *	that are in the rings.
 *
 * To be followed by bnn_reset_end().
 */
void bnn_reset_begin(struct bnn_device *bdev, struct bnn_sched_job *bad, const char *reason)
{
	struct bnn_reset *reset = &bdev->reset;
	u32 i;

	down(&reset->lock);
	/* Not if somebody has reset the device while we waited for the lock. */
	reset->by_timeout = bad && reset->last_valid;

	for (i = 0; i < bdev->caps.queues; i++)
		drm_sched_stop(&bdev->queues[i].sched->base, bad ? &bad->base : NULL);

	if (!reason)
		bnn_reset_drain(bdev);

	for (i = 0; i < bdev->caps.queues; i++) {
		struct bnn_queue *queue = &bdev->queues[i];

		mutex_lock(&queue->lock);
		bnn_queue_reap(queue);
		queue->live = false;
		mutex_unlock(&queue->lock);
	}

	reset->running = bnn_reset_look(bdev);
	if (!reason)
		return;

	drm_err(&bdev->drm, "reset: %s; running queue %d, seqno %u, command %u\n", reason,
		(int)reset->running.queue - 1, reset->running.seq, reset->running.progress);
	bnn_coredump_capture(bdev, reason);
}

static bool bnn_reset_was_running(struct bnn_device *bdev, struct bnn_queue *queue,
				  struct bnn_sched_job *job)
{
	struct bnn_look *running = &bdev->reset.running;

	return running->queue == queue->index + 1 &&
	       running->seq == (job->seqno & BNN_RUN_SEQ_MASK);
}

/* With the queue locked: what becomes of a job that was in the ring. */
static void bnn_reset_job(struct bnn_queue *queue, struct bnn_sched_job *job, int error)
{
	struct bnn_device *bdev = queue->bdev;
	bool ran = bnn_reset_was_running(bdev, queue, job);
	bool guilty = ran && bdev->reset.by_timeout;

	if (guilty) {
		drm_err(&bdev->drm, "context %u caused the reset\n", job->ctx->id);
		bnn_job_fail(job, error ?: -ETIMEDOUT, true);
	} else if (error) {
		bnn_job_fail(job, error, false);
	} else if (ran) {
		/* Its outputs are half written, and it may work in place. */
		bnn_job_fail(job, -EIO, false);
	} else if (READ_ONCE(job->ctx->banned) || READ_ONCE(job->ctx->file->killed)) {
		bnn_job_fail(job, -ECANCELED, false);
	} else if (++job->resubmits > BNN_RESUBMIT_LIMIT) {
		bnn_job_fail(job, -ETIMEDOUT, false);
	} else {
		bnn_queue_push(queue, job);
	}
}

static void bnn_reset_queue(struct bnn_queue *queue, int error)
{
	struct bnn_sched_job *jobs[BNN_RING_DEPTH];
	u32 count = 0, i;

	mutex_lock(&queue->lock);

	/* What finished between the last look and the reset. */
	bnn_queue_reap(queue);
	if (queue->broken && !error)
		error = -EIO;
	while (queue->done < queue->tail)
		jobs[count++] = queue->jobs[queue->done++ % BNN_RING_DEPTH];
	memset(queue->jobs, 0, sizeof(queue->jobs));

	if (!READ_ONCE(queue->bdev->wedged) && bnn_queue_enable(queue) && !error) {
		drm_err(&queue->bdev->drm, "queue %u can't be enabled\n", queue->index);
		error = -EIO;
	}
	for (i = 0; i < count; i++)
		bnn_reset_job(queue, jobs[i], error);

	mutex_unlock(&queue->lock);
}

static void bnn_reset_wedge(struct bnn_device *bdev)
{
	bool gone = bnn_gone(bdev);

	pci_clear_master(bdev->pdev);
	WRITE_ONCE(bdev->wedged, gone ? -ENODEV : -EIO);
	drm_err(&bdev->drm, "the device %s\n", gone ? "is gone" : "can't be reset and is disabled");
}

/**
 * bnn_reset_end - Start again.
 * @bdev: Device.
 * @works: It was reset.
 */
void bnn_reset_end(struct bnn_device *bdev, bool works)
{
	struct bnn_reset *reset = &bdev->reset;
	u32 i;

	atomic_inc(&reset->count);
	reset->last_valid = false;

	if (!works && !bdev->wedged)
		bnn_reset_wedge(bdev);

	/* Before the first job, or its interrupt could be lost. */
	if (!bdev->wedged)
		bnn_write(bdev, BNN_REG_IRQ_MASK, 0);

	for (i = 0; i < bdev->caps.queues; i++)
		bnn_reset_queue(&bdev->queues[i], bdev->wedged);

	for (i = 0; i < bdev->caps.queues; i++)
		bnn_sched_restart(&bdev->queues[i].sched->base);

	up(&reset->lock);
}

static void bnn_reset_all(struct bnn_device *bdev, struct bnn_sched_job *bad,
			  const char *reason)
{
	struct bnn_look last;
	bool works;

	bnn_reset_begin(bdev, bad, reason);
	works = !bdev->wedged && !bnn_reset_soft(bdev, false);

	/* Exact, unless a function level reset has cleared it. */
	last.queue = bnn_read(bdev, BNN_REG_LAST_RUN_QUEUE);
	last.seq = bnn_read(bdev, BNN_REG_LAST_RUN_SEQ);
	if (works && last.queue && last.queue != BNN_GONE)
		bdev->reset.running = last;

	bnn_reset_end(bdev, works);
}

/**
 * bnn_reset_timedout - timedout_job of the schedulers.
 * @sched_job: The oldest job of a queue that hasn't ended.
 *
 * Runs on the ordered reset workqueue, outside drm_dev_enter().
 *
 * Return: DRM_GPU_SCHED_STAT_NOMINAL; the scheduler is running again.
 */
enum drm_gpu_sched_stat bnn_reset_timedout(struct drm_sched_job *sched_job)
{
	struct bnn_sched_job *job = to_bnn_sched_job(sched_job);
	struct bnn_device *bdev = job->ctx->file->bdev;
	bool hangs = false;
	int idx;

	if (drm_dev_enter(&bdev->drm, &idx)) {
		bnn_queue_process(&bdev->queues[job->ctx->queue]);
		if (!dma_fence_is_signaled(&job->fence->base))
			hangs = bnn_gone(bdev) || bnn_reset_hangs(bdev);
		if (hangs)
			bnn_reset_all(bdev, job, "no progress");
		drm_dev_exit(idx);
	}

	if (!hangs) {
		/* The core has unlinked the job; only this takes it back. */
		down(&bdev->reset.lock);
		drm_sched_stop(sched_job->sched, sched_job);
		bnn_sched_restart(sched_job->sched);
		up(&bdev->reset.lock);
	}

	return DRM_GPU_SCHED_STAT_NOMINAL;
}

static void bnn_reset_work(struct work_struct *work)
{
	struct bnn_device *bdev = container_of(work, struct bnn_device, reset.work);
	int idx;

	if (!drm_dev_enter(&bdev->drm, &idx))
		return;

	bnn_reset_all(bdev, NULL, READ_ONCE(bdev->reset.reason));
	drm_dev_exit(idx);
}

/**
 * bnn_reset_request - Reset the device soon.
 * @bdev: Device.
 * @reason: For log and coredump.
 */
void bnn_reset_request(struct bnn_device *bdev, const char *reason)
{
	WRITE_ONCE(bdev->reset.reason, reason);
	queue_work(bdev->reset.wq, &bdev->reset.work);
}

/**
 * bnn_reset_request_sync - Reset the device and wait for the end of it.
 * @bdev: Device.
 * @reason: For log and coredump.
 *
 * Not to be called with locks of the fence path.
 */
void bnn_reset_request_sync(struct bnn_device *bdev, const char *reason)
{
	bnn_reset_request(bdev, reason);
	flush_work(&bdev->reset.work);
}

/**
 * bnn_reset_stop - Stop the device for good and fail all jobs.
 * @bdev: Device, unplugged or never registered; it may be gone.
 */
void bnn_reset_stop(struct bnn_device *bdev)
{
	u32 i;

	disable_work_sync(&bdev->reset.work);
	disable_delayed_work_sync(&bdev->kill_work);

	bnn_write(bdev, BNN_REG_CTRL, BNN_CTRL_RESET);
	bnn_device_poll(bdev, BNN_REG_RESET_STATUS, BNN_RESET_STATUS_BUSY, BNN_RESET_MS);
	pci_clear_master(bdev->pdev);

	for (i = 0; i < bdev->caps.queues; i++) {
		struct bnn_queue *queue = &bdev->queues[i];

		mutex_lock(&queue->lock);
		bnn_queue_reap(queue);
		queue->live = false;
		while (queue->done < queue->tail)
			bnn_job_fail(queue->jobs[queue->done++ % BNN_RING_DEPTH], -ENODEV, false);
		mutex_unlock(&queue->lock);
	}
}

static void bnn_reset_destroy_wq(struct drm_device *drm, void *wq)
{
	destroy_workqueue(wq);
}

/**
 * bnn_reset_init - Prepare reset handling.
 * @bdev: Device.
 *
 * Return: 0 or an error.
 */
int bnn_reset_init(struct bnn_device *bdev)
{
	struct bnn_reset *reset = &bdev->reset;

	sema_init(&reset->lock, 1);
	INIT_WORK(&reset->work, bnn_reset_work);
	reset->wq = alloc_ordered_workqueue("bnnaccel-reset", WQ_MEM_RECLAIM);
	if (!reset->wq)
		return -ENOMEM;

	return drmm_add_action_or_reset(&bdev->drm, bnn_reset_destroy_wq, reset->wq);
}
