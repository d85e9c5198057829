// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Buffer objects
 *
 * GEM objects in shmem, mapped into the device address space of every file
 * that has a handle, from the creation of the handle to the end of the last
 * job that uses it. Submitting a job touches no page table.
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_prime.h>
#include <drm/drm_utils.h>

#include <drm/bnnaccel_drm.h>

#include "bnn_ctx.h"
#include "bnn_device.h"
#include "bnn_gem.h"
#include "bnn_mmu.h"

MODULE_IMPORT_NS(DMA_BUF);

static struct bnn_mapping *bnn_mapping_find(struct bnn_bo *bo, struct bnn_vm *vm)
{
	struct bnn_mapping *mapping;

	lockdep_assert_held(&bo->lock);
	list_for_each_entry(mapping, &bo->mappings, link)
		if (mapping->vm == vm)
			return mapping;

	return NULL;
}

static void bnn_mapping_release(struct kref *ref)
{
	struct bnn_mapping *mapping = container_of(ref, struct bnn_mapping, ref);

	bnn_vm_unmap(mapping->vm, &mapping->node);
	drm_gem_object_put(&mapping->bo->base.base);
	kfree(mapping);
}

/**
 * bnn_mapping_put - Drop a reference.
 * @mapping: Mapping.
 *
 * The last one unmaps, waiting for the device. Not to be called inside
 * drm_dev_enter().
 */
void bnn_mapping_put(struct bnn_mapping *mapping)
{
	kref_put(&mapping->ref, bnn_mapping_release);
}

/**
 * bnn_mapping_get - Find what a handle means in an address space.
 * @filp: Whose handle.
 * @vm: Its address space.
 * @handle: Handle.
 *
 * Return: A mapping to put, or NULL.
 */
struct bnn_mapping *bnn_mapping_get(struct drm_file *filp, struct bnn_vm *vm, u32 handle)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(filp, handle);
	struct bnn_mapping *mapping;
	struct bnn_bo *bo;

	if (!obj)
		return NULL;

	bo = to_bnn_bo(obj);
	mutex_lock(&bo->lock);
	mapping = bnn_mapping_find(bo, vm);
	if (mapping)
		kref_get(&mapping->ref);
	mutex_unlock(&bo->lock);
	drm_gem_object_put(obj);

	return mapping;
}

static struct bnn_mapping *bnn_mapping_create(struct bnn_bo *bo, struct bnn_vm *vm)
{
	struct bnn_mapping *mapping;
	struct sg_table *sgt;
	int ret;

	sgt = drm_gem_shmem_get_pages_sgt(&bo->base);
	if (IS_ERR(sgt))
		return ERR_CAST(sgt);

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return ERR_PTR(-ENOMEM);

	ret = bnn_vm_map(vm, &mapping->node, sgt, bo->base.base.size, !bo->program);
	if (ret) {
		kfree(mapping);
		return ERR_PTR(ret);
	}

	kref_init(&mapping->ref);
	mapping->vm = vm;
	mapping->bo = bo;
	drm_gem_object_get(&bo->base.base);
	list_add(&mapping->link, &bo->mappings);

	return mapping;
}

/* A handle is made. */
static int bnn_gem_open(struct drm_gem_object *obj, struct drm_file *filp)
{
	struct bnn_file *file = filp->driver_priv;
	struct bnn_bo *bo = to_bnn_bo(obj);
	struct bnn_mapping *mapping;
	int ret = 0, idx;

	if (!drm_dev_enter(obj->dev, &idx))
		return -ENODEV;

	mutex_lock(&bo->lock);
	mapping = bnn_mapping_find(bo, &file->vm);
	if (!mapping)
		mapping = bnn_mapping_create(bo, &file->vm);
	if (IS_ERR(mapping))
		ret = PTR_ERR(mapping);
	else
		mapping->handles++;
	mutex_unlock(&bo->lock);
	drm_dev_exit(idx);

	return ret;
}

/* A handle is closed. */
static void bnn_gem_close(struct drm_gem_object *obj, struct drm_file *filp)
{
	struct bnn_file *file = filp->driver_priv;
	struct bnn_bo *bo = to_bnn_bo(obj);
	struct bnn_mapping *mapping;

	mutex_lock(&bo->lock);
	mapping = bnn_mapping_find(bo, &file->vm);
	if (mapping && --mapping->handles)
		mapping = NULL;
	if (mapping)
		list_del(&mapping->link);
	mutex_unlock(&bo->lock);

	if (mapping)
		bnn_mapping_put(mapping);
}

/* With bos_lock: takes the memory away from the device's driver model side. */
static void bnn_bo_unmap_dma(struct bnn_bo *bo)
{
	struct drm_gem_object *obj = &bo->base.base;
	struct sg_table *sgt;

	dma_resv_lock(obj->resv, NULL);
	sgt = bo->base.sgt;
	bo->base.sgt = NULL;
	if (sgt && obj->import_attach) {
		dma_buf_unmap_attachment(obj->import_attach, sgt, DMA_BIDIRECTIONAL);
	} else if (sgt) {
		dma_unmap_sgtable(obj->dev->dev, sgt, DMA_BIDIRECTIONAL, 0);
		sg_free_table(sgt);
		kfree(sgt);
	}
	dma_resv_unlock(obj->resv);
}

static void bnn_gem_free(struct drm_gem_object *obj)
{
	struct bnn_device *bdev = to_bnn_device(obj->dev);
	struct bnn_bo *bo = to_bnn_bo(obj);

	mutex_lock(&bdev->bos_lock);
	if (!list_empty(&bo->node)) {
		list_del_init(&bo->node);
		bnn_bo_unmap_dma(bo);
	}
	mutex_unlock(&bdev->bos_lock);

	mutex_destroy(&bo->lock);
	drm_gem_shmem_free(&bo->base);
}

/**
 * bnn_gem_unplug - Undo the DMA mappings of all buffer objects.
 * @bdev: Device, stopped.
 */
void bnn_gem_unplug(struct bnn_device *bdev)
{
	struct bnn_bo *bo;

	mutex_lock(&bdev->bos_lock);
	list_for_each_entry(bo, &bdev->bos, node)
		bnn_bo_unmap_dma(bo);
	mutex_unlock(&bdev->bos_lock);
}

static int bnn_gem_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if (to_bnn_bo(obj)->program)
		return -EPERM;

	return drm_gem_shmem_object_mmap(obj, vma);
}

static struct dma_buf *bnn_gem_export(struct drm_gem_object *obj, int flags)
{
	if (to_bnn_bo(obj)->program)
		return ERR_PTR(-EPERM);

	return drm_gem_prime_export(obj, flags);
}

static enum drm_gem_object_status bnn_gem_status(struct drm_gem_object *obj)
{
	struct bnn_bo *bo = to_bnn_bo(obj);

	return obj->import_attach || bo->base.pages ? DRM_GEM_OBJECT_RESIDENT : 0;
}

static const struct drm_gem_object_funcs bnn_gem_funcs = {
	.free = bnn_gem_free,
	.open = bnn_gem_open,
	.close = bnn_gem_close,
	.print_info = drm_gem_shmem_object_print_info,
	.export = bnn_gem_export,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = bnn_gem_mmap,
	.status = bnn_gem_status,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

/**
 * bnn_gem_create_object - Allocate the driver's part of an object.
 * @drm: Device.
 * @size: Bytes.
 *
 * Return: The object or an error pointer.
 */
struct drm_gem_object *bnn_gem_create_object(struct drm_device *drm, size_t size)
{
	struct bnn_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);

	if (!bo)
		return ERR_PTR(-ENOMEM);

	INIT_LIST_HEAD(&bo->node);
	INIT_LIST_HEAD(&bo->mappings);
	mutex_init(&bo->lock);
	bo->base.base.funcs = &bnn_gem_funcs;

	return &bo->base.base;
}

static void bnn_bo_publish(struct bnn_bo *bo)
{
	struct bnn_device *bdev = to_bnn_device(bo->base.base.dev);

	mutex_lock(&bdev->bos_lock);
	if (list_empty(&bo->node))
		list_add(&bo->node, &bdev->bos);
	mutex_unlock(&bdev->bos_lock);
}

/**
 * bnn_gem_prime_import - Import a dma-buf.
 * @drm: Device.
 * @dma_buf: Buffer of this or another driver.
 *
 * Return: An object or an error pointer.
 */
struct drm_gem_object *bnn_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj;
	int idx;

	if (!dma_buf->size || dma_buf->size > BNN_MAX_BO_SIZE)
		return ERR_PTR(-EINVAL);

	/* Within, so that unplug either prevents the DMA mapping or finds it. */
	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);

	obj = drm_gem_prime_import(drm, dma_buf);
	if (!IS_ERR(obj))
		bnn_bo_publish(to_bnn_bo(obj));
	drm_dev_exit(idx);

	return obj;
}

/**
 * bnn_bo_create - Make a zeroed object.
 * @bdev: Device.
 * @size: Bytes.
 * @program: It will hold commands.
 *
 * Return: The object or an error pointer.
 */
struct bnn_bo *bnn_bo_create(struct bnn_device *bdev, size_t size, bool program)
{
	struct drm_gem_shmem_object *shmem = drm_gem_shmem_create(&bdev->drm, size);
	struct bnn_bo *bo;

	if (IS_ERR(shmem))
		return ERR_CAST(shmem);

	bo = to_bnn_bo(&shmem->base);
	bo->program = program;
	/* Rather low memory than bounce buffers, which nobody synchronises. */
	if (dma_addressing_limited(bdev->drm.dev))
		mapping_set_gfp_mask(shmem->base.filp->f_mapping,
				     GFP_USER | __GFP_DMA32 | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	bnn_bo_publish(bo);

	return bo;
}

int bnn_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_bo_create *args = data;
	struct bnn_bo *bo;
	int ret;

	if (args->flags || !args->size || args->size > BNN_MAX_BO_SIZE) {
		drm_dbg(drm, "bad size %llu or flags %x\n", args->size, args->flags);
		return -EINVAL;
	}

	bo = bnn_bo_create(to_bnn_device(drm), args->size, false);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	args->size = bo->base.base.size;
	ret = drm_gem_handle_create(filp, &bo->base.base, &args->handle);
	drm_gem_object_put(&bo->base.base);

	return ret;
}

int bnn_ioctl_bo_mmap_offset(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_bo_mmap_offset *args = data;
	struct drm_gem_object *obj;
	int ret = 0;

	if (args->pad)
		return -EINVAL;

	obj = drm_gem_object_lookup(filp, args->handle);
	if (!obj)
		return -ENOENT;

	if (to_bnn_bo(obj)->program)
		ret = -EPERM;
	else
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);

	return ret;
}

int bnn_ioctl_bo_wait(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct drm_bnnaccel_bo_wait *args = data;
	struct drm_gem_object *obj;
	long ret;

	if (args->flags)
		return -EINVAL;

	obj = drm_gem_object_lookup(filp, args->handle);
	if (!obj)
		return -ENOENT;

	ret = dma_resv_wait_timeout(obj->resv, dma_resv_usage_rw(true), true,
				    drm_timeout_abs_to_jiffies(args->timeout_ns));
	drm_gem_object_put(obj);

	if (!ret)
		return -ETIMEDOUT;

	return ret < 0 ? ret : 0;
}
