// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Perfmons
 *
 * The device runs one job at a time and counts per job, so a perfmon is just
 * the sum of the completion slots of the jobs attached to it: exact, and never
 * about another client's work.
 */

#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>

#include <drm/bnnaccel_drm.h>

#include "bnn_ctx.h"
#include "bnn_device.h"

static void bnn_perfmon_release(struct kref *ref)
{
	kfree(container_of(ref, struct bnn_perfmon, ref));
}

/**
 * bnn_perfmon_put - Drop a reference.
 * @perfmon: Perfmon.
 */
void bnn_perfmon_put(struct bnn_perfmon *perfmon)
{
	kref_put(&perfmon->ref, bnn_perfmon_release);
}

/**
 * bnn_perfmon_get - Find a perfmon.
 * @file: Open file.
 * @id: Id.
 *
 * Return: A perfmon to put, or NULL.
 */
struct bnn_perfmon *bnn_perfmon_get(struct bnn_file *file, u32 id)
{
	struct bnn_perfmon *perfmon;

	xa_lock(&file->perfmons);
	perfmon = xa_load(&file->perfmons, id);
	if (perfmon)
		kref_get(&perfmon->ref);
	xa_unlock(&file->perfmons);

	return perfmon;
}

/**
 * bnn_perfmon_add - Add a job.
 * @perfmon: Perfmon.
 * @c: Copy of the job's completion slot.
 */
void bnn_perfmon_add(struct bnn_perfmon *perfmon, const struct bnn_completion *c)
{
	u32 i;

	spin_lock(&perfmon->lock);
	perfmon->jobs++;
	for (i = 0; i < BNN_COUNTERS; i++)
		perfmon->values[i] += le64_to_cpu(c->counters[i]);
	spin_unlock(&perfmon->lock);
}

/**
 * bnn_perfmon_close - Drop all perfmons of a file.
 * @file: Open file.
 */
void bnn_perfmon_close(struct bnn_file *file)
{
	struct bnn_perfmon *perfmon;
	unsigned long id;

	xa_for_each(&file->perfmons, id, perfmon) {
		xa_erase(&file->perfmons, id);
		bnn_perfmon_put(perfmon);
	}
	xa_destroy(&file->perfmons);
}

int bnn_ioctl_perfmon_create(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_perfmon_create *args = data;
	struct bnn_file *file = filp->driver_priv;
	struct bnn_perfmon *perfmon;
	int ret;

	if (args->flags)
		return -EINVAL;

	perfmon = kzalloc(sizeof(*perfmon), GFP_KERNEL_ACCOUNT);
	if (!perfmon)
		return -ENOMEM;

	kref_init(&perfmon->ref);
	spin_lock_init(&perfmon->lock);
	ret = xa_alloc(&file->perfmons, &args->id, perfmon, XA_LIMIT(1, BNN_MAX_PERFMON),
		       GFP_KERNEL);
	if (ret) {
		bnn_perfmon_put(perfmon);
		return ret == -EBUSY ? -ENOSPC : ret;
	}

	return 0;
}

int bnn_ioctl_perfmon_destroy(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_perfmon_destroy *args = data;
	struct bnn_file *file = filp->driver_priv;
	struct bnn_perfmon *perfmon;

	if (args->pad)
		return -EINVAL;

	perfmon = xa_erase(&file->perfmons, args->id);
	if (!perfmon)
		return -ENOENT;

	bnn_perfmon_put(perfmon);

	return 0;
}

int bnn_ioctl_perfmon_get_values(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_perfmon_get_values *args = data;
	u32 count = min_t(u32, args->count, BNN_COUNTERS);
	struct bnn_perfmon *perfmon;
	u64 values[BNN_COUNTERS];

	perfmon = bnn_perfmon_get(filp->driver_priv, args->id);
	if (!perfmon)
		return -ENOENT;

	spin_lock(&perfmon->lock);
	memcpy(values, perfmon->values, sizeof(values));
	args->jobs = perfmon->jobs;
	spin_unlock(&perfmon->lock);
	bnn_perfmon_put(perfmon);

	args->count = BNN_COUNTERS;
	if (copy_to_user(u64_to_user_ptr(args->values), values, count * sizeof(values[0])))
		return -EFAULT;

	return 0;
}
