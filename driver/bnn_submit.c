// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Submission
 *
 * Each job of a SUBMIT is queued as a whole or not at all: everything that can
 * fail comes before drm_sched_job_arm(). User memory is read once. Nothing here
 * can be interrupted by a signal, as a restarted ioctl would queue the first
 * jobs again.
 */

#include <linux/dma-fence-chain.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_exec.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_syncobj.h>

#include <drm/bnnaccel_drm.h>

#include "bnn_ctx.h"
#include "bnn_device.h"
#include "bnn_gem.h"
#include "bnn_job.h"

#define BNN_MAX_STRIDE		PAGE_SIZE
#define BNN_REGION_ALIGN	64

/**
 * struct bnn_out - A sync point that the end of a job signals.
 * @syncobj: Sync object; referenced.
 * @chain: Node of a timeline, or NULL for a binary one.
 * @point: Point of a timeline.
 */
struct bnn_out {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;
	u64 point;
};

/**
 * struct bnn_submission - What is only needed while a job is submitted.
 * @filp: File.
 * @file: Its driver part.
 * @job: Job.
 * @sched_job: @job has a scheduler part.
 * @out_count: Entries of @outs.
 * @outs: Sync points to signal.
 */
struct bnn_submission {
	struct drm_file *filp;
	struct bnn_file *file;
	struct bnn_sched_job *job;
	bool sched_job;
	u32 out_count;
	struct bnn_out outs[BNN_MAX_SYNCS];
};

static const char *bnn_fence_get_driver_name(struct dma_fence *fence)
{
	return "bnnaccel";
}

static const char *bnn_fence_get_timeline_name(struct dma_fence *fence)
{
	return "bnnaccel-job";
}

static void bnn_fence_release(struct dma_fence *fence)
{
	dma_fence_free(fence);
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops bnn_fence_ops = {
	.get_driver_name = bnn_fence_get_driver_name,
	.get_timeline_name = bnn_fence_get_timeline_name,
	.release = bnn_fence_release,
};

static struct bnn_fence *bnn_fence_create(void)
{
	struct bnn_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL_ACCOUNT);

	if (!fence)
		return NULL;

	/* Our code must stay for as long as anybody holds the fence. */
	__module_get(THIS_MODULE);
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &bnn_fence_ops, &fence->lock, dma_fence_context_alloc(1),
		       1);

	return fence;
}

/**
 * bnn_job_release - Free a job.
 * @job: Job without, or after, its scheduler part.
 *
 * Not to be called inside drm_dev_enter().
 */
void bnn_job_release(struct bnn_sched_job *job)
{
	struct bnn_ctx *ctx = job->ctx;
	u32 i;

	for (i = 0; i < job->mapping_count; i++)
		bnn_mapping_put(job->mappings[i]);
	if (job->perfmon)
		bnn_perfmon_put(job->perfmon);
	if (job->fence)
		dma_fence_put(&job->fence->base);
	kvfree(job);

	/* Address space and device may end here. */
	atomic_dec(&ctx->file->bdev->live_jobs);
	bnn_ctx_put(ctx);
}

/*
 * Copies element @i of a user array. Bytes beyond the structure that this
 * driver knows must be 0.
 */
static int bnn_copy_element(void *dst, size_t size, const struct drm_bnnaccel_obj_array *array,
			    u32 i)
{
	return copy_struct_from_user(dst, size,
				     u64_to_user_ptr(array->array + (u64)i * array->stride),
				     array->stride);
}

static int bnn_check_array(const struct drm_bnnaccel_obj_array *array, size_t size, u32 max)
{
	if (array->count > max || array->stride > BNN_MAX_STRIDE)
		return -E2BIG;
	if (array->count && array->stride < size)
		return -EINVAL;

	return 0;
}

/* Adds an object to the job; each is kept once. */
static struct bnn_mapping *bnn_submit_bind(struct bnn_submission *sub, u32 handle, bool write)
{
	struct bnn_sched_job *job = sub->job;
	struct bnn_mapping *mapping;
	u32 i;

	mapping = bnn_mapping_get(sub->filp, &sub->file->vm, handle);
	if (!mapping)
		return NULL;

	for (i = 0; i < job->mapping_count; i++)
		if (job->mappings[i] == mapping)
			break;

	if (i < job->mapping_count)
		bnn_mapping_put(mapping);
	else
		job->mappings[job->mapping_count++] = mapping;
	if (write)
		job->writes |= BIT(i);

	return mapping;
}

static int bnn_submit_program(struct bnn_submission *sub, const struct drm_bnnaccel_job *args)
{
	struct bnn_sched_job *job = sub->job;
	struct bnn_mapping *mapping;

	mapping = bnn_submit_bind(sub, args->program, false);
	if (!mapping)
		return -ENOENT;

	if (!mapping->bo->program || args->loop_start >= mapping->bo->commands)
		return -EINVAL;

	job->cmd_count = mapping->bo->commands;
	job->table[0] = (struct bnn_region) {
		.va = cpu_to_le64(mapping->node.start),
		.size = cpu_to_le64((u64)job->cmd_count * BNN_COMMAND_BYTES),
		.access = cpu_to_le32(BNN_REGION_ACCESS_X),
	};

	return 0;
}

static int bnn_submit_region(struct bnn_submission *sub, u32 index,
			     const struct drm_bnnaccel_region *args)
{
	const u32 known = DRM_BNNACCEL_REGION_READ | DRM_BNNACCEL_REGION_WRITE;
	struct bnn_sched_job *job = sub->job;
	struct bnn_mapping *mapping;
	u64 end;

	if (!args->handle)
		return args->access || args->offset || args->size || args->stride ? -EINVAL : 0;

	if (!args->access || (args->access & ~known) || !args->size ||
	    !IS_ALIGNED(args->offset | args->stride, BNN_REGION_ALIGN))
		return -EINVAL;

	mapping = bnn_submit_bind(sub, args->handle, args->access & DRM_BNNACCEL_REGION_WRITE);
	if (!mapping)
		return -ENOENT;

	if (mapping->bo->program ||
	    check_mul_overflow(args->stride, (u64)job->iterations - 1, &end) ||
	    check_add_overflow(end, args->offset, &end) ||
	    check_add_overflow(end, args->size, &end) || end > mapping->node.size)
		return -EINVAL;

	job->table[index] = (struct bnn_region) {
		.va = cpu_to_le64(mapping->node.start + args->offset),
		.size = cpu_to_le64(args->size),
		.stride = cpu_to_le64(args->stride),
		.access = cpu_to_le32((args->access & DRM_BNNACCEL_REGION_READ ?
				       BNN_REGION_ACCESS_R : 0) |
				      (args->access & DRM_BNNACCEL_REGION_WRITE ?
				       BNN_REGION_ACCESS_W : 0)),
	};

	return 0;
}

static int bnn_submit_regions(struct bnn_submission *sub,
			      const struct drm_bnnaccel_obj_array *array)
{
	struct bnn_device *bdev = sub->file->bdev;
	struct drm_bnnaccel_region args;
	int ret;
	u32 i;

	ret = bnn_check_array(array, sizeof(args), bdev->caps.regions - 1);
	if (ret)
		return ret;

	for (i = 0; i < array->count; i++) {
		ret = bnn_copy_element(&args, sizeof(args), array, i);
		if (ret)
			return ret;
		ret = bnn_submit_region(sub, 1 + i, &args);
		if (ret)
			return ret;
	}
	sub->job->regions = 1 + array->count;

	return 0;
}

static int bnn_submit_sync_out(struct bnn_submission *sub, const struct drm_bnnaccel_sync *args)
{
	struct bnn_out *out = &sub->outs[sub->out_count];

	out->syncobj = drm_syncobj_find(sub->filp, args->handle);
	if (!out->syncobj)
		return -ENOENT;

	sub->out_count++;
	out->point = args->point;
	if (args->point) {
		out->chain = dma_fence_chain_alloc();
		if (!out->chain)
			return -ENOMEM;
	}

	return 0;
}

static int bnn_submit_sync_in(struct bnn_submission *sub, const struct drm_bnnaccel_sync *args)
{
	struct dma_fence *fence;
	int ret;

	ret = drm_syncobj_find_fence(sub->filp, args->handle, args->point, 0, &fence);
	if (ret)
		return ret;

	return drm_sched_job_add_dependency(&sub->job->base, fence);
}

static int bnn_submit_syncs(struct bnn_submission *sub,
			    const struct drm_bnnaccel_obj_array *array)
{
	struct drm_bnnaccel_sync args;
	int ret;
	u32 i;

	ret = bnn_check_array(array, sizeof(args), BNN_MAX_SYNCS);
	if (ret)
		return ret;

	for (i = 0; i < array->count; i++) {
		ret = bnn_copy_element(&args, sizeof(args), array, i);
		if (ret)
			return ret;

		if (args.flags == DRM_BNNACCEL_SYNC_SIGNAL)
			ret = bnn_submit_sync_out(sub, &args);
		else if (args.flags == DRM_BNNACCEL_SYNC_WAIT)
			ret = bnn_submit_sync_in(sub, &args);
		else
			ret = -EINVAL;
		if (ret)
			return ret;
	}

	return 0;
}

/* Locks the objects and makes room for one fence of the job in each. */
static int bnn_submit_lock(struct bnn_sched_job *job, struct drm_exec *exec)
{
	u32 i;
	int ret = 0;

	drm_exec_until_all_locked(exec) {
		for (i = 0; i < job->mapping_count; i++) {
			/*
			 * Different objects may share a reservation, so each
			 * makes room for all.
			 */
			ret = drm_exec_prepare_obj(exec, &job->mappings[i]->bo->base.base,
						   job->mapping_count);
			drm_exec_retry_on_contention(exec);
			if (ret)
				return ret;
		}
	}

	return ret;
}

static int bnn_submit_queue(struct bnn_submission *sub)
{
	struct bnn_sched_job *job = sub->job;
	struct bnn_ctx *ctx = job->ctx;
	struct dma_fence *fence;
	struct drm_exec exec;
	int ret;
	u32 i;

	drm_exec_init(&exec, DRM_EXEC_IGNORE_DUPLICATES, job->mapping_count);
	ret = bnn_submit_lock(job, &exec);
	for (i = 0; i < job->mapping_count && !ret; i++)
		ret = drm_sched_job_add_implicit_dependencies(&job->base,
							      &job->mappings[i]->bo->base.base,
							      job->writes & BIT(i));
	if (ret) {
		drm_exec_fini(&exec);
		return ret;
	}

	/* No failure from here on. */
	mutex_lock(&ctx->submit_lock);
	drm_sched_job_arm(&job->base);
	fence = dma_fence_get(&job->base.s_fence->finished);
	job->number = ++ctx->submitted;
	for (i = 0; i < job->mapping_count; i++)
		dma_resv_add_fence(job->mappings[i]->bo->base.base.resv, fence,
				   job->writes & BIT(i) ? DMA_RESV_USAGE_WRITE :
				   DMA_RESV_USAGE_READ);
	/*
	 * While the job still holds its objects: to free one, bos_lock is taken,
	 * and that must not happen under the reservation of another.
	 */
	drm_exec_fini(&exec);
	/* The job may end and be freed as soon as it is pushed. */
	drm_sched_entity_push_job(&job->base);
	mutex_unlock(&ctx->submit_lock);
	sub->job = NULL;
	sub->sched_job = false;

	for (i = 0; i < sub->out_count; i++) {
		struct bnn_out *out = &sub->outs[i];

		if (out->chain)
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->point);
		else
			drm_syncobj_replace_fence(out->syncobj, fence);
		out->chain = NULL; /* consumed */
	}
	dma_fence_put(fence);

	return 0;
}

static int bnn_submit_fill(struct bnn_submission *sub, const struct drm_bnnaccel_job *args)
{
	struct bnn_sched_job *job = sub->job;
	int ret;

	if (args->flags || !args->iterations || args->iterations > BNN_ITERATIONS_MAX)
		return -EINVAL;

	job->iterations = args->iterations;
	job->loop_start = args->loop_start;
	job->budget = args->budget ?: BNN_DEFAULT_BUDGET;

	ret = bnn_submit_program(sub, args);
	if (ret)
		return ret;

	ret = bnn_submit_regions(sub, &args->regions);
	if (ret)
		return ret;

	if (args->perfmon) {
		job->perfmon = bnn_perfmon_get(sub->file, args->perfmon);
		if (!job->perfmon)
			return -ENOENT;
	}

	job->fence = bnn_fence_create();
	if (!job->fence)
		return -ENOMEM;

	ret = drm_sched_job_init(&job->base, &job->ctx->entity, 1, sub->file,
				 sub->filp->client_id);
	if (ret)
		return ret;
	sub->sched_job = true;

	return bnn_submit_syncs(sub, &args->syncs);
}

static void bnn_submit_cleanup(struct bnn_submission *sub)
{
	u32 i;

	if (sub->sched_job)
		drm_sched_job_cleanup(&sub->job->base);
	if (sub->job)
		bnn_job_release(sub->job);
	for (i = 0; i < sub->out_count; i++) {
		dma_fence_chain_free(sub->outs[i].chain);
		drm_syncobj_put(sub->outs[i].syncobj);
	}
}

static int bnn_submit_job(struct drm_file *filp, struct bnn_ctx *ctx,
			  const struct drm_bnnaccel_job *args)
{
	struct bnn_submission *sub;
	int ret;

	sub = kvzalloc(sizeof(*sub), GFP_KERNEL_ACCOUNT);
	if (!sub)
		return -ENOMEM;

	sub->filp = filp;
	sub->file = filp->driver_priv;
	sub->job = kvzalloc(sizeof(*sub->job), GFP_KERNEL_ACCOUNT);
	if (!sub->job) {
		kvfree(sub);
		return -ENOMEM;
	}
	sub->job->ctx = ctx;
	kref_get(&ctx->ref);
	atomic_inc(&sub->file->bdev->live_jobs);

	ret = bnn_submit_fill(sub, args);
	if (!ret)
		ret = bnn_submit_queue(sub);
	bnn_submit_cleanup(sub);
	kvfree(sub);

	return ret;
}

int bnn_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct bnn_device *bdev = to_bnn_device(drm);
	struct drm_bnnaccel_submit *args = data;
	struct drm_bnnaccel_job job;
	struct bnn_ctx *ctx;
	int ret;

	args->queued = 0;
	if (args->flags || args->pad || !args->jobs.count)
		return -EINVAL;
	ret = bnn_check_array(&args->jobs, sizeof(job), BNN_MAX_JOBS);
	if (ret)
		return ret;

	ctx = bnn_ctx_get(filp->driver_priv, args->ctx);
	if (!ctx)
		return -ENOENT;

	while (!ret && args->queued < args->jobs.count) {
		ret = READ_ONCE(bdev->wedged);
		if (!ret && READ_ONCE(ctx->banned))
			ret = -EBADFD;
		if (!ret)
			ret = bnn_copy_element(&job, sizeof(job), &args->jobs, args->queued);
		if (!ret)
			ret = bnn_submit_job(filp, ctx, &job);
		if (!ret)
			args->queued++;
	}
	bnn_ctx_put(ctx);

	if (ret)
		drm_dbg(drm, "job %u: error %d\n", args->queued, ret);

	return ret;
}
