/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BNN_GEM_H
#define BNN_GEM_H

#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_mm.h>

struct bnn_device;
struct bnn_vm;

/**
 * struct bnn_bo - A buffer object or a program.
 * @base: Memory.
 * @node: In bnn_device.bos, once it is published.
 * @lock: Protects @mappings.
 * @mappings: One per address space that has a handle.
 * @program: Commands: neither mmap, nor export, nor write access.
 * @commands: Their number, in a program.
 */
struct bnn_bo {
	struct drm_gem_shmem_object base;
	struct list_head node;
	struct mutex lock; /* see DOC: Locks */
	struct list_head mappings;
	bool program;
	u32 commands;
};

/**
 * struct bnn_mapping - A buffer object in an address space.
 * @ref: One for all handles together, one per job.
 * @link: In bnn_bo.mappings while @handles is not 0.
 * @vm: Address space.
 * @bo: Object; referenced.
 * @node: Device virtual addresses.
 * @handles: Handles of the file for the object. Protected by bnn_bo.lock.
 *
 * Jobs hold mappings, so a handle may be closed while jobs use it.
 */
struct bnn_mapping {
	struct kref ref;
	struct list_head link;
	struct bnn_vm *vm;
	struct bnn_bo *bo;
	struct drm_mm_node node;
	u32 handles;
};

static inline struct bnn_bo *to_bnn_bo(struct drm_gem_object *obj)
{
	return container_of(to_drm_gem_shmem_obj(obj), struct bnn_bo, base);
}

struct drm_gem_object *bnn_gem_create_object(struct drm_device *drm, size_t size);
struct drm_gem_object *bnn_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf);
struct bnn_bo *bnn_bo_create(struct bnn_device *bdev, size_t size, bool program);
struct bnn_mapping *bnn_mapping_get(struct drm_file *filp, struct bnn_vm *vm, u32 handle);
void bnn_mapping_put(struct bnn_mapping *mapping);
void bnn_gem_unplug(struct bnn_device *bdev);

int bnn_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *filp);
int bnn_ioctl_bo_mmap_offset(struct drm_device *drm, void *data, struct drm_file *filp);
int bnn_ioctl_bo_wait(struct drm_device *drm, void *data, struct drm_file *filp);

/* bnn_program.c */
int bnn_ioctl_program_create(struct drm_device *drm, void *data, struct drm_file *filp);

#endif /* BNN_GEM_H */
