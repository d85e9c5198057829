// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Device page tables
 *
 * Two levels: a directory of 2,048 entries, leaf tables of 512 pages of 4 KiB;
 * a directory entry may also name a block of 2 MiB.
 *
 * The device looks an invalid entry up again before it faults, so a new entry
 * needs no invalidation. Everything else does: entries are cleared, the device
 * drops what it has cached and ends every access that used it, and only then
 * pages and leaf tables are freed.
 */

#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>

#include "bnn_device.h"
#include "bnn_mmu.h"

#define BNN_DIRECTORY_BYTES	(BNN_DIRECTORY_ENTRIES * sizeof(__le64))
#define BNN_LEAF_BYTES		(BNN_LEAF_ENTRIES * sizeof(__le64))

/**
 * struct bnn_leaf - A leaf table.
 * @ptes: Entries.
 * @dma: Their bus address.
 * @used: Valid entries.
 * @node: In a list of tables to free.
 */
struct bnn_leaf {
	__le64 *ptes;
	dma_addr_t dma;
	u32 used;
	struct list_head node;
};

static u32 bnn_dir_index(u64 va)
{
	return va / BNN_BLOCK_SIZE;
}

static u32 bnn_leaf_index(u64 va)
{
	return va / BNN_PAGE_SIZE % BNN_LEAF_ENTRIES;
}

static struct bnn_leaf *bnn_leaf_create(struct bnn_vm *vm)
{
	struct bnn_leaf *leaf;

	leaf = kzalloc(sizeof(*leaf), GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return NULL;

	leaf->ptes = dma_alloc_coherent(vm->bdev->drm.dev, BNN_LEAF_BYTES, &leaf->dma,
					GFP_KERNEL_ACCOUNT);
	if (!leaf->ptes) {
		kfree(leaf);
		return NULL;
	}

	return leaf;
}

static void bnn_leaf_free(struct bnn_vm *vm, struct bnn_leaf *leaf)
{
	dma_free_coherent(vm->bdev->drm.dev, BNN_LEAF_BYTES, leaf->ptes, leaf->dma);
	kfree(leaf);
}

/*
 * Inside drm_dev_enter(). When it returns, the device uses no translation of
 * the address space that isn't in its tables.
 */
static void bnn_mmu_invalidate(struct bnn_device *bdev, u32 asid)
{
	int ret = 0;

	/*
	 * One at a time, and not during a reset: a device that resets isn't busy
	 * with invalidations, but may be with accesses.
	 */
	down(&bdev->reset.lock);
	if (!READ_ONCE(bdev->wedged)) {
		bnn_write(bdev, BNN_REG_MMU_INV, asid);
		ret = bnn_device_poll(bdev, BNN_REG_MMU_INV_STATUS, BNN_MMU_INV_STATUS_BUSY,
				      BNN_INVALIDATE_MS);
	}
	up(&bdev->reset.lock);

	/* A reset forgets all translations, or bus mastering ends. */
	if (ret)
		bnn_reset_request_sync(bdev, "no answer to an invalidation");
}

/*
 * drm_dev_enter(), or the device has been stopped. Without locks: who holds one
 * here would keep others who are inside drm_dev_enter(), and so remove, waiting.
 */
static bool bnn_mmu_enter(struct bnn_device *bdev, int *idx)
{
	if (drm_dev_enter(&bdev->drm, idx))
		return true;

	wait_for_completion(&bdev->stopped);

	return false;
}

static int bnn_vm_set(struct bnn_vm *vm, u64 va, dma_addr_t addr, u64 size, bool writable)
{
	u64 flags = BNN_PTE_V | (writable ? BNN_PTE_W : 0);
	u64 end = va + size;

	while (va < end) {
		u32 dir = bnn_dir_index(va);
		struct bnn_leaf *leaf = vm->leaves[dir];

		if (!leaf && IS_ALIGNED(va | addr, BNN_BLOCK_SIZE) &&
		    end - va >= BNN_BLOCK_SIZE) {
			WRITE_ONCE(vm->directory[dir], cpu_to_le64(addr | flags | BNN_PTE_B));
			va += BNN_BLOCK_SIZE;
			addr += BNN_BLOCK_SIZE;
			continue;
		}

		if (!leaf) {
			leaf = bnn_leaf_create(vm);
			if (!leaf)
				return -ENOMEM;
			vm->leaves[dir] = leaf;
			dma_wmb(); /* the table is zeroed before it is visible */
			WRITE_ONCE(vm->directory[dir], cpu_to_le64(leaf->dma | BNN_PTE_V));
		}

		WRITE_ONCE(leaf->ptes[bnn_leaf_index(va)], cpu_to_le64(addr | flags));
		leaf->used++;
		va += BNN_PAGE_SIZE;
		addr += BNN_PAGE_SIZE;
	}

	return 0;
}

/* Clears what is set in a range; leaf tables that become empty go to @empty. */
static void bnn_vm_clear(struct bnn_vm *vm, u64 va, u64 size, struct list_head *empty)
{
	u64 end = va + size;

	while (va < end) {
		u32 dir = bnn_dir_index(va);
		struct bnn_leaf *leaf = vm->leaves[dir];
		u64 next = min_t(u64, end, ALIGN(va + 1, BNN_BLOCK_SIZE));

		for (; leaf && va < next; va += BNN_PAGE_SIZE) {
			__le64 *pte = &leaf->ptes[bnn_leaf_index(va)];

			if (*pte) {
				WRITE_ONCE(*pte, 0);
				leaf->used--;
			}
		}

		if (!leaf || !leaf->used)
			WRITE_ONCE(vm->directory[dir], 0);
		if (leaf && !leaf->used) {
			vm->leaves[dir] = NULL;
			list_add(&leaf->node, empty);
		}
		va = next;
	}
	dma_wmb();
}

static void bnn_vm_free_leaves(struct bnn_vm *vm, struct list_head *leaves)
{
	struct bnn_leaf *leaf, *tmp;

	list_for_each_entry_safe(leaf, tmp, leaves, node)
		bnn_leaf_free(vm, leaf);
}

static int bnn_vm_set_sgt(struct bnn_vm *vm, u64 va, struct sg_table *sgt, u64 size,
			  bool writable)
{
	struct scatterlist *sg;
	int i, ret;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		dma_addr_t addr = sg_dma_address(sg);
		u64 len = min_t(u64, sg_dma_len(sg), size);

		if (!size)
			break;
		if (!IS_ALIGNED(addr | len, BNN_PAGE_SIZE))
			return -EINVAL;

		ret = bnn_vm_set(vm, va, addr, len, writable);
		if (ret)
			return ret;
		va += len;
		size -= len;
	}

	return size ? -EINVAL : 0;
}

/**
 * bnn_vm_map - Make memory visible to the device.
 * @vm: Address space.
 * @node: Zeroed; gets the addresses.
 * @sgt: DMA-mapped memory.
 * @size: Bytes, a multiple of the page size.
 * @writable: The device may write.
 *
 * Called inside drm_dev_enter().
 *
 * Return: 0 or an error.
 */
int bnn_vm_map(struct bnn_vm *vm, struct drm_mm_node *node, struct sg_table *sgt, u64 size,
	       bool writable)
{
	u64 align = size >= BNN_BLOCK_SIZE ? BNN_BLOCK_SIZE : BNN_PAGE_SIZE;
	LIST_HEAD(empty);
	int ret;

	mutex_lock(&vm->lock);
	ret = drm_mm_insert_node_generic(&vm->mm, node, size, align, 0, DRM_MM_INSERT_BEST);
	if (ret)
		goto out;

	ret = bnn_vm_set_sgt(vm, node->start, sgt, size, writable);
	if (ret) {
		bnn_vm_clear(vm, node->start, size, &empty);
		bnn_mmu_invalidate(vm->bdev, vm->asid);
		bnn_vm_free_leaves(vm, &empty);
		drm_mm_remove_node(node);
		goto out;
	}
	dma_wmb(); /* before the doorbell of a job that uses it */
out:
	mutex_unlock(&vm->lock);

	return ret;
}

/**
 * bnn_vm_unmap - Take memory away from the device.
 * @vm: Address space.
 * @node: Its addresses.
 *
 * When it returns, the device no longer accesses the memory. Not to be called
 * inside drm_dev_enter().
 */
void bnn_vm_unmap(struct bnn_vm *vm, struct drm_mm_node *node)
{
	LIST_HEAD(empty);
	int idx;
	bool entered = bnn_mmu_enter(vm->bdev, &idx);

	mutex_lock(&vm->lock);
	if (!vm->dead) {
		bnn_vm_clear(vm, node->start, node->size, &empty);
		/* Under the lock: a new table must not meet a stale directory entry. */
		if (entered)
			bnn_mmu_invalidate(vm->bdev, vm->asid);
		bnn_vm_free_leaves(vm, &empty);
	}
	drm_mm_remove_node(node);
	mutex_unlock(&vm->lock);

	if (entered)
		drm_dev_exit(idx);
}

/* With vms_lock, so that remove doesn't overtake it; the device is done with them. */
static void bnn_vm_free_tables(struct bnn_vm *vm)
{
	u32 i;

	for (i = 0; i < BNN_DIRECTORY_ENTRIES; i++) {
		if (vm->leaves[i])
			bnn_leaf_free(vm, vm->leaves[i]);
		vm->leaves[i] = NULL;
	}
	dma_free_coherent(vm->bdev->drm.dev, BNN_DIRECTORY_BYTES, vm->directory,
			  vm->directory_dma);
	vm->directory = NULL;
	vm->dead = true;
}

/**
 * bnn_vm_init - Make an address space.
 * @bdev: Device.
 * @vm: Zeroed.
 *
 * Called inside drm_dev_enter().
 *
 * Return: 0 or an error; -ENOSPC if there are too many.
 */
int bnn_vm_init(struct bnn_device *bdev, struct bnn_vm *vm)
{
	int ret;

	vm->bdev = bdev;
	vm->leaves = kvcalloc(BNN_DIRECTORY_ENTRIES, sizeof(*vm->leaves), GFP_KERNEL_ACCOUNT);
	if (!vm->leaves)
		return -ENOMEM;

	/* The allocator aligns to the size, as the device demands. */
	vm->directory = dma_alloc_coherent(bdev->drm.dev, BNN_DIRECTORY_BYTES,
					   &vm->directory_dma, GFP_KERNEL_ACCOUNT);
	if (!vm->directory) {
		ret = -ENOMEM;
		goto err_leaves;
	}

	ret = ida_alloc_range(&bdev->asids, 1, BNN_MAX_FILES, GFP_KERNEL);
	if (ret < 0)
		goto err_directory;
	vm->asid = ret;

	mutex_init(&vm->lock);
	drm_mm_init(&vm->mm, BNN_VA_START, BNN_VA_SIZE);

	mutex_lock(&bdev->vms_lock);
	list_add(&vm->node, &bdev->vms);
	mutex_unlock(&bdev->vms_lock);

	return 0;

err_directory:
	dma_free_coherent(bdev->drm.dev, BNN_DIRECTORY_BYTES, vm->directory,
			  vm->directory_dma);
err_leaves:
	kvfree(vm->leaves);

	return ret;
}

/**
 * bnn_vm_fini - Free an address space in which nothing is mapped.
 * @vm: Address space.
 *
 * Not to be called inside drm_dev_enter().
 */
void bnn_vm_fini(struct bnn_vm *vm)
{
	struct bnn_device *bdev = vm->bdev;
	int idx;
	bool entered = bnn_mmu_enter(bdev, &idx);

	mutex_lock(&bdev->vms_lock);
	list_del(&vm->node);
	if (!vm->dead) {
		/* The directory itself and its emptiness may still be cached. */
		if (entered)
			bnn_mmu_invalidate(bdev, vm->asid);
		bnn_vm_free_tables(vm);
	}
	mutex_unlock(&bdev->vms_lock);

	if (entered)
		drm_dev_exit(idx);

	ida_free(&bdev->asids, vm->asid);
	drm_mm_takedown(&vm->mm);
	mutex_destroy(&vm->lock);
	kvfree(vm->leaves);
}

/**
 * bnn_mmu_unplug - Free all page tables.
 * @bdev: Device, stopped.
 */
void bnn_mmu_unplug(struct bnn_device *bdev)
{
	struct bnn_vm *vm;

	mutex_lock(&bdev->vms_lock);
	list_for_each_entry(vm, &bdev->vms, node) {
		mutex_lock(&vm->lock);
		bnn_vm_free_tables(vm);
		mutex_unlock(&vm->lock);
	}
	mutex_unlock(&bdev->vms_lock);
}
