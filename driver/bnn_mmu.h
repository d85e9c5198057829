/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BNN_MMU_H
#define BNN_MMU_H

#include <linux/mutex.h>
#include <linux/scatterlist.h>

#include <drm/drm_mm.h>

#include "bnn_hw.h"

struct bnn_device;
struct bnn_leaf;

/* The first page is never mapped. */
#define BNN_VA_START	((u64)BNN_PAGE_SIZE)
#define BNN_VA_SIZE	(SZ_4G - BNN_VA_START)

/**
 * struct bnn_vm - A device address space; one per open file.
 * @bdev: Device.
 * @node: In bnn_device.vms.
 * @asid: Tag of cached translations.
 * @lock: Protects what follows.
 * @mm: Allocator of device virtual addresses.
 * @dead: The device is gone, and the tables are freed.
 * @directory: Page directory.
 * @directory_dma: Its bus address.
 * @leaves: Leaf tables by directory index; NULL where there is none.
 */
struct bnn_vm {
	struct bnn_device *bdev;
	struct list_head node;
	u32 asid;
	struct mutex lock; /* see DOC: Locks */
	struct drm_mm mm;
	bool dead;
	__le64 *directory;
	dma_addr_t directory_dma;
	struct bnn_leaf **leaves;
};

int bnn_vm_init(struct bnn_device *bdev, struct bnn_vm *vm);
void bnn_vm_fini(struct bnn_vm *vm);
int bnn_vm_map(struct bnn_vm *vm, struct drm_mm_node *node, struct sg_table *sgt, u64 size,
	       bool writable);
void bnn_vm_unmap(struct bnn_vm *vm, struct drm_mm_node *node);
void bnn_mmu_unplug(struct bnn_device *bdev);

#endif /* BNN_MMU_H */
