// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Open files and contexts
 *
 * A file has one address space; its contexts share it and are separated by the
 * regions of their jobs. A context is a queue of jobs with a priority, a record
 * of its failures and, after too many resets, a ban.
 *
 * References: job -> context -> file -> drm_device. Jobs release them from
 * bnn_release_wq, so files and contexts may end there.
 */

#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include <drm/bnnaccel_drm.h>

#include "bnn_ctx.h"
#include "bnn_device.h"
#include "bnn_job.h"

/* How long closing a file lets an exiting process's jobs enter the ring. */
#define BNN_CLOSE_FLUSH	HZ

static void bnn_file_release(struct kref *ref)
{
	struct bnn_file *file = container_of(ref, struct bnn_file, ref);
	struct drm_device *drm = &file->bdev->drm;

	bnn_vm_fini(&file->vm);
	mutex_destroy(&file->lock);
	kfree(file);
	drm_dev_put(drm);
}

static void bnn_file_put(struct bnn_file *file)
{
	kref_put(&file->ref, bnn_file_release);
}

/**
 * bnn_file_open - A file is opened.
 * @drm: Device.
 * @filp: File.
 *
 * Return: 0 or an error; -ENOSPC if too many are open.
 */
int bnn_file_open(struct drm_device *drm, struct drm_file *filp)
{
	struct bnn_device *bdev = to_bnn_device(drm);
	struct bnn_file *file;
	int ret, idx;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;

	if (!drm_dev_enter(drm, &idx)) {
		kfree(file);
		return -ENODEV;
	}
	ret = bnn_vm_init(bdev, &file->vm);
	drm_dev_exit(idx);
	if (ret) {
		kfree(file);
		return ret;
	}

	kref_init(&file->ref);
	drm_dev_get(drm);
	file->bdev = bdev;
	mutex_init(&file->lock);
	INIT_LIST_HEAD(&file->all);
	xa_init_flags(&file->ctxs, XA_FLAGS_ALLOC1);
	xa_init_flags(&file->perfmons, XA_FLAGS_ALLOC1);
	filp->driver_priv = file;

	return 0;
}

static void bnn_ctx_release(struct kref *ref)
{
	struct bnn_ctx *ctx = container_of(ref, struct bnn_ctx, ref);
	struct bnn_file *file = ctx->file;

	/* Jobs hold references, so nothing is queued. */
	if (!ctx->entity_gone)
		drm_sched_entity_fini(&ctx->entity);

	mutex_lock(&file->lock);
	list_del(&ctx->link);
	mutex_unlock(&file->lock);

	mutex_destroy(&ctx->submit_lock);
	kfree(ctx);
	bnn_file_put(file);
}

/**
 * bnn_ctx_put - Drop a reference.
 * @ctx: Context.
 */
void bnn_ctx_put(struct bnn_ctx *ctx)
{
	kref_put(&ctx->ref, bnn_ctx_release);
}

/**
 * bnn_ctx_get - Find a context.
 * @file: Open file.
 * @id: Id.
 *
 * Return: A context to put, or NULL.
 */
struct bnn_ctx *bnn_ctx_get(struct bnn_file *file, u32 id)
{
	struct bnn_ctx *ctx;

	xa_lock(&file->ctxs);
	ctx = xa_load(&file->ctxs, id);
	if (ctx)
		kref_get(&ctx->ref);
	xa_unlock(&file->ctxs);

	return ctx;
}

/**
 * bnn_file_postclose - A file is closed.
 * @drm: Device.
 * @filp: File; its handles are closed already.
 *
 * Jobs in the ring end normally unless the process was killed; what is queued
 * behind them gets a chance to enter the ring if the process lives.
 */
void bnn_file_postclose(struct drm_device *drm, struct drm_file *filp)
{
	struct bnn_file *file = filp->driver_priv;
	struct bnn_ctx *ctx, *tmp;
	unsigned long id;
	long timeout = BNN_CLOSE_FLUSH;
	LIST_HEAD(closing);

	if ((current->flags & PF_EXITING) && (current->exit_code & 0x7f)) {
		WRITE_ONCE(file->killed, true);
		bnn_job_kill_file(file);
	}

	mutex_lock(&file->lock);
	list_for_each_entry(ctx, &file->all, link)
		if (kref_get_unless_zero(&ctx->ref))
			list_add_tail(&ctx->close_link, &closing);
	mutex_unlock(&file->lock);

	list_for_each_entry(ctx, &closing, close_link)
		timeout = drm_sched_entity_flush(&ctx->entity, timeout);

	xa_for_each(&file->ctxs, id, ctx) {
		xa_erase(&file->ctxs, id);
		bnn_ctx_put(ctx);
	}
	xa_destroy(&file->ctxs);

	list_for_each_entry_safe(ctx, tmp, &closing, close_link) {
		drm_sched_entity_fini(&ctx->entity);
		ctx->entity_gone = true;
		bnn_ctx_put(ctx);
	}

	bnn_perfmon_close(file);
	bnn_file_put(file);
}

int bnn_ioctl_ctx_create(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct bnn_device *bdev = to_bnn_device(drm);
	struct drm_bnnaccel_ctx_create *args = data;
	struct bnn_file *file = filp->driver_priv;
	struct drm_gpu_scheduler *sched;
	struct bnn_ctx *ctx;
	int ret;

	if (args->flags || args->pad || args->priority > DRM_BNNACCEL_PRIORITY_HIGH) {
		drm_dbg(drm, "bad priority %u, flags %x or pad %x\n", args->priority,
			args->flags, args->pad);
		return -EINVAL;
	}
	if (args->priority == DRM_BNNACCEL_PRIORITY_HIGH && !capable(CAP_SYS_NICE))
		return -EPERM;

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return -ENOMEM;

	kref_init(&ctx->ref);
	mutex_init(&ctx->submit_lock);
	spin_lock_init(&ctx->stat_lock);
	ctx->queue = min(args->priority, bdev->caps.queues - 1);
	sched = &bdev->queues[ctx->queue].sched->base;
	ret = drm_sched_entity_init(&ctx->entity, DRM_SCHED_PRIORITY_NORMAL, &sched, 1, NULL);
	if (ret) {
		kfree(ctx);
		return ret;
	}

	ctx->file = file;
	kref_get(&file->ref);
	mutex_lock(&file->lock);
	list_add(&ctx->link, &file->all);
	mutex_unlock(&file->lock);

	/* Another thread may destroy it as soon as it has an id. */
	xa_lock(&file->ctxs);
	ret = __xa_alloc(&file->ctxs, &ctx->id, ctx, XA_LIMIT(1, BNN_MAX_CTX), GFP_KERNEL);
	if (!ret)
		args->id = ctx->id;
	xa_unlock(&file->ctxs);
	if (ret) {
		bnn_ctx_put(ctx);
		return ret == -EBUSY ? -ENOSPC : ret;
	}

	return 0;
}

int bnn_ioctl_ctx_destroy(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_ctx_destroy *args = data;
	struct bnn_file *file = filp->driver_priv;
	struct bnn_ctx *ctx;

	if (args->pad)
		return -EINVAL;

	ctx = xa_erase(&file->ctxs, args->id);
	if (!ctx)
		return -ENOENT;

	bnn_ctx_put(ctx);

	return 0;
}

int bnn_ioctl_ctx_query(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_ctx_query *args = data;
	struct bnn_ctx *ctx;

	ctx = bnn_ctx_get(filp->driver_priv, args->id);
	if (!ctx)
		return -ENOENT;

	spin_lock(&ctx->stat_lock);
	*args = (struct drm_bnnaccel_ctx_query) {
		.id = args->id,
		.flags = READ_ONCE(ctx->banned) ? DRM_BNNACCEL_CTX_BANNED : 0,
		.guilty = ctx->guilty,
		.faults = ctx->faults,
		.jobs = ctx->jobs,
		.fault_seqno = ctx->fault.seqno,
		.fault_status = ctx->fault.status,
		.fault_detail = ctx->fault.detail,
		.fault_command = ctx->fault.command,
		.fault_word = ctx->fault.word,
		.fault_iteration = ctx->fault.iteration,
		.fault_access = ctx->fault.access,
		.fault_va = ctx->fault.va,
	};
	spin_unlock(&ctx->stat_lock);
	bnn_ctx_put(ctx);

	return 0;
}
