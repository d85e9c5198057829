/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BNN_CTX_H
#define BNN_CTX_H

#include <linux/kref.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include <drm/gpu_scheduler.h>

#include "bnn_mmu.h"

struct bnn_device;

/**
 * struct bnn_file - An open file.
 * @ref: One of the file, one per context.
 * @bdev: Device; its drm_device is referenced.
 * @vm: Address space.
 * @lock: Protects @all.
 * @all: Every context that still exists, destroyed ones included.
 * @ctxs: Contexts by id.
 * @perfmons: Perfmons by id.
 * @cycles: Device cycles used so far, for fdinfo.
 * @jobs: Jobs ended so far, for fdinfo.
 * @killed: Its process died by a signal: don't run what is still queued.
 *
 * It outlives the drm_file for as long as jobs need the address space.
 */
struct bnn_file {
	struct kref ref;
	struct bnn_device *bdev;
	struct bnn_vm vm;
	struct mutex lock; /* see DOC: Locks */
	struct list_head all;
	struct xarray ctxs;
	struct xarray perfmons;
	atomic64_t cycles;
	atomic64_t jobs;
	bool killed;
};

/**
 * struct bnn_fault - The last failed job of a context.
 * @seqno: Number of the job in its context, from 1; 0 = none.
 * @va: Device virtual address.
 * @status: Status.
 * @detail: Detail.
 * @command: Index of the command.
 * @word: Offset of the word.
 * @iteration: Iteration.
 * @access: Region, stream, direction.
 */
struct bnn_fault {
	u64 seqno;
	u64 va;
	u32 status;
	u32 detail;
	u32 command;
	u32 word;
	u32 iteration;
	u32 access;
};

/**
 * struct bnn_ctx - A context: jobs in order.
 * @ref: One of the id, one per job.
 * @file: Open file; referenced.
 * @link: In bnn_file.all.
 * @close_link: Used when the file is closed.
 * @id: Id in the file.
 * @queue: Hardware queue of its priority.
 * @entity: Its place in the scheduler.
 * @entity_gone: drm_sched_entity_fini() has been called.
 * @submit_lock: Orders arm and push.
 * @submitted: Jobs so far. Protected by @submit_lock.
 * @banned: Submit no more, run no more.
 * @stat_lock: Protects what follows.
 * @guilty: Resets caused.
 * @faults: Jobs failed.
 * @jobs: Jobs ended.
 * @fault: The last failed one.
 */
struct bnn_ctx {
	struct kref ref;
	struct bnn_file *file;
	struct list_head link;
	struct list_head close_link;
	u32 id;
	u32 queue;
	struct drm_sched_entity entity;
	bool entity_gone;
	struct mutex submit_lock; /* see DOC: Locks */
	u64 submitted;
	bool banned;

	spinlock_t stat_lock; /* see DOC: Locks */
	u32 guilty;
	u32 faults;
	u64 jobs;
	struct bnn_fault fault;
};

/**
 * struct bnn_perfmon - Sums of the counters of jobs.
 * @ref: One of the id, one per job.
 * @lock: Protects what follows.
 * @jobs: Jobs in the sums.
 * @values: Sums.
 */
struct bnn_perfmon {
	struct kref ref;
	spinlock_t lock; /* see DOC: Locks */
	u64 jobs;
	u64 values[BNN_COUNTERS];
};

int bnn_file_open(struct drm_device *drm, struct drm_file *filp);
void bnn_file_postclose(struct drm_device *drm, struct drm_file *filp);
struct bnn_ctx *bnn_ctx_get(struct bnn_file *file, u32 id);
void bnn_ctx_put(struct bnn_ctx *ctx);

int bnn_ioctl_ctx_create(struct drm_device *drm, void *data, struct drm_file *filp);
int bnn_ioctl_ctx_destroy(struct drm_device *drm, void *data, struct drm_file *filp);
int bnn_ioctl_ctx_query(struct drm_device *drm, void *data, struct drm_file *filp);

/* bnn_perfmon.c */
struct bnn_perfmon *bnn_perfmon_get(struct bnn_file *file, u32 id);
void bnn_perfmon_put(struct bnn_perfmon *perfmon);
void bnn_perfmon_add(struct bnn_perfmon *perfmon, const struct bnn_completion *c);
void bnn_perfmon_close(struct bnn_file *file);

int bnn_ioctl_perfmon_create(struct drm_device *drm, void *data, struct drm_file *filp);
int bnn_ioctl_perfmon_destroy(struct drm_device *drm, void *data, struct drm_file *filp);
int bnn_ioctl_perfmon_get_values(struct drm_device *drm, void *data, struct drm_file *filp);

#endif /* BNN_CTX_H */
