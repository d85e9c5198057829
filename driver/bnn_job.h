/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BNN_JOB_H
#define BNN_JOB_H

#include <linux/dma-fence.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include "bnn_hw.h"

struct bnn_ctx;
struct bnn_device;
struct bnn_file;
struct bnn_mapping;
struct bnn_perfmon;
struct bnn_queue;

/**
 * struct bnn_fence - Signalled when the device has finished a job.
 * @base: Fence. Each is a timeline of its own, as jobs may run again after a
 *	reset.
 * @lock: Its lock.
 */
struct bnn_fence {
	struct dma_fence base;
	spinlock_t lock; /* of base */
};

/**
 * struct bnn_sched_job - A job, from submission until its resources are freed.
 * @base: The scheduler's part.
 * @ctx: Context; referenced.
 * @perfmon: Perfmon or NULL; referenced.
 * @fence: Hardware fence; referenced.
 * @release_work: Frees the job.
 * @number: Number in its context, from 1.
 * @seqno: Name in the ring; given when it enters it.
 * @resubmits: Resets it survived.
 * @cmd_count: Commands of the program.
 * @loop_start: From the user.
 * @iterations: From the user.
 * @budget: From the user, or the default.
 * @regions: Entries of @table.
 * @mapping_count: Entries of @mappings.
 * @writes: Bit i is set if the job may write mappings[i].
 * @mappings: Objects of the job, each once.
 * @table: Region table.
 */
struct bnn_sched_job {
	struct drm_sched_job base;
	struct bnn_ctx *ctx;
	struct bnn_perfmon *perfmon;
	struct bnn_fence *fence;
	struct work_struct release_work;
	u64 number;
	u64 seqno;
	u32 resubmits;
	u32 cmd_count;
	u32 loop_start;
	u32 iterations;
	u32 budget;
	u32 regions;
	u32 mapping_count;
	u32 writes;
	struct bnn_mapping *mappings[BNN_REGIONS];
	struct bnn_region table[BNN_REGIONS];
};

static inline struct bnn_sched_job *to_bnn_sched_job(struct drm_sched_job *job)
{
	return container_of(job, struct bnn_sched_job, base);
}

int bnn_queue_init(struct bnn_device *bdev, u32 index);
int bnn_queue_enable(struct bnn_queue *queue);
void bnn_queue_push(struct bnn_queue *queue, struct bnn_sched_job *job);
void bnn_queue_reap(struct bnn_queue *queue);
void bnn_queue_process(struct bnn_queue *queue);
void bnn_job_fail(struct bnn_sched_job *job, int error, bool guilty);
int bnn_job_init_sched(struct bnn_queue *queue);
void bnn_job_kill_file(struct bnn_file *file);
void bnn_job_kill_work(struct work_struct *work);
unsigned long bnn_job_timeout(struct bnn_device *bdev);

/* bnn_submit.c */
void bnn_job_release(struct bnn_sched_job *job);
int bnn_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *filp);

#endif /* BNN_JOB_H */
