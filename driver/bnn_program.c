// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Programs
 *
 * Command lists, copied once from user space into objects that nobody can
 * change afterwards: not by mmap, not through a dma-buf, not by the device, for
 * which they are read-only. The kernel does not parse them; the device confines
 * every access to the regions of the job.
 */

#include <linux/iosys-map.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>

#include <drm/bnnaccel_drm.h>

#include "bnn_device.h"
#include "bnn_gem.h"

static int bnn_program_fill(struct bnn_bo *bo, const void __user *data, size_t size)
{
	struct iosys_map map;
	int ret;

	ret = drm_gem_vmap_unlocked(&bo->base.base, &map);
	if (ret)
		return ret;

	if (copy_from_user(map.vaddr, data, size))
		ret = -EFAULT;
	drm_gem_vunmap_unlocked(&bo->base.base, &map);

	return ret;
}

int bnn_ioctl_program_create(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_program_create *args = data;
	struct bnn_bo *bo;
	int ret;

	if (args->flags || args->pad || !args->size || args->size % BNN_COMMAND_BYTES ||
	    args->size / BNN_COMMAND_BYTES > BNN_COMMANDS_MAX) {
		drm_dbg(drm, "bad size %u, flags %x or pad %x\n", args->size, args->flags,
			args->pad);
		return -EINVAL;
	}

	bo = bnn_bo_create(to_bnn_device(drm), args->size, true);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	bo->commands = args->size / BNN_COMMAND_BYTES;
	ret = bnn_program_fill(bo, u64_to_user_ptr(args->data), args->size);
	if (!ret)
		ret = drm_gem_handle_create(filp, &bo->base.base, &args->handle);
	drm_gem_object_put(&bo->base.base);

	return ret;
}
