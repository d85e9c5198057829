// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: debugfs
 *
 * In /sys/kernel/debug/accel/<PCI address>/: "queues" (software and hardware
 * view of the rings), "regs" (registers that are safe to read), "objects"
 * (numbers that must return to 0 when all clients are gone) and "reset" (write
 * 1: reset the device now).
 */

#include <linux/debugfs.h>
#include <linux/kstrtox.h>
#include <linux/list.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>

#include "bnn_device.h"
#include "bnn_job.h"

#define BNN_NAMED_REG(name) { #name, BNN_REG_##name }

static const struct {
	const char *name;
	u32 offset;
} bnn_named_regs[] = {
	BNN_NAMED_REG(ID),
	BNN_NAMED_REG(VERSION),
	BNN_NAMED_REG(BUILD),
	BNN_NAMED_REG(FEATURES_LO),
	BNN_NAMED_REG(FEATURES_HI),
	BNN_NAMED_REG(CAPS_ARRAY),
	BNN_NAMED_REG(CAPS_RAM),
	BNN_NAMED_REG(CAPS_LIMITS),
	BNN_NAMED_REG(MMU_CAPS),
	BNN_NAMED_REG(CLOCK_HZ),
	BNN_NAMED_REG(WAIT_SHIFT),
	BNN_NAMED_REG(RESET_STATUS),
	BNN_NAMED_REG(RESET_COUNT),
	BNN_NAMED_REG(IRQ_STATUS),
	BNN_NAMED_REG(IRQ_MASK),
	BNN_NAMED_REG(ERROR),
	BNN_NAMED_REG(ERROR_INFO),
	BNN_NAMED_REG(MMU_INV_STATUS),
	BNN_NAMED_REG(RUN_QUEUE),
	BNN_NAMED_REG(RUN_SEQ),
	BNN_NAMED_REG(PROGRESS),
	BNN_NAMED_REG(PROGRESS2),
	BNN_NAMED_REG(LAST_RUN_QUEUE),
	BNN_NAMED_REG(LAST_RUN_SEQ),
};

/**
 * bnn_debugfs_print_regs - Print registers.
 * @bdev: Device; inside drm_dev_enter().
 * @p: Printer.
 */
void bnn_debugfs_print_regs(struct bnn_device *bdev, struct drm_printer *p)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bnn_named_regs); i++)
		drm_printf(p, " %-16s %08x\n", bnn_named_regs[i].name,
			   bnn_read(bdev, bnn_named_regs[i].offset));

	for (i = 0; i < bdev->caps.queues; i++) {
		struct bnn_queue *queue = &bdev->queues[i];

		drm_printf(p, " Q%u: ctrl %08x status %08x tail %08x head %08x\n", i,
			   bnn_queue_read(queue, BNN_REG_Q_CTRL),
			   bnn_queue_read(queue, BNN_REG_Q_STATUS),
			   bnn_queue_read(queue, BNN_REG_Q_TAIL),
			   bnn_queue_read(queue, BNN_REG_Q_HEAD));
	}
}

static struct bnn_device *bnn_seq_device(struct seq_file *m)
{
	struct drm_debugfs_entry *entry = m->private;

	return to_bnn_device(entry->dev);
}

static int bnn_debugfs_regs(struct seq_file *m, void *unused)
{
	struct bnn_device *bdev = bnn_seq_device(m);
	struct drm_printer p = drm_seq_file_printer(m);
	int idx;

	if (!drm_dev_enter(&bdev->drm, &idx))
		return -ENODEV;
	bnn_debugfs_print_regs(bdev, &p);
	drm_dev_exit(idx);

	return 0;
}

static int bnn_debugfs_queues(struct seq_file *m, void *unused)
{
	struct bnn_device *bdev = bnn_seq_device(m);
	u32 i;

	for (i = 0; i < bdev->caps.queues; i++) {
		struct bnn_queue *queue = &bdev->queues[i];

		mutex_lock(&queue->lock);
		seq_printf(m, "queue %u: %s, tail %llu, done %llu, completed %llu, faults %llu\n",
			   i, queue->live ? "live" : "stopped", queue->tail, queue->done,
			   queue->completed, queue->faults);
		mutex_unlock(&queue->lock);
	}

	return 0;
}

static int bnn_debugfs_objects(struct seq_file *m, void *unused)
{
	struct bnn_device *bdev = bnn_seq_device(m);
	size_t bos, vms;

	mutex_lock(&bdev->bos_lock);
	bos = list_count_nodes(&bdev->bos);
	mutex_unlock(&bdev->bos_lock);
	mutex_lock(&bdev->vms_lock);
	vms = list_count_nodes(&bdev->vms);
	mutex_unlock(&bdev->vms_lock);

	seq_printf(m, "bos %zu\nvms %zu\njobs %d\nresets %d\nwedged %d\n", bos, vms,
		   atomic_read(&bdev->live_jobs), atomic_read(&bdev->reset.count),
		   READ_ONCE(bdev->wedged));

	return 0;
}

static ssize_t bnn_debugfs_reset(struct file *filp, const char __user *buf, size_t count,
				 loff_t *pos)
{
	struct bnn_device *bdev = file_inode(filp)->i_private;
	bool yes;
	int ret, idx;

	ret = kstrtobool_from_user(buf, count, &yes);
	if (ret)
		return ret;

	if (!drm_dev_enter(&bdev->drm, &idx))
		return -ENODEV;
	if (yes)
		bnn_reset_request_sync(bdev, "debugfs");
	drm_dev_exit(idx);

	return count;
}

static const struct file_operations bnn_debugfs_reset_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = bnn_debugfs_reset,
};

static const struct drm_debugfs_info bnn_debugfs_files[] = {
	{ "regs", bnn_debugfs_regs },
	{ "queues", bnn_debugfs_queues },
	{ "objects", bnn_debugfs_objects },
};

/**
 * bnn_debugfs_init - Make the files.
 * @bdev: Device, not registered yet.
 */
void bnn_debugfs_init(struct bnn_device *bdev)
{
	drm_debugfs_add_files(&bdev->drm, bnn_debugfs_files, ARRAY_SIZE(bnn_debugfs_files));
	debugfs_create_file("reset", 0200, bdev->drm.debugfs_root, bdev,
			    &bnn_debugfs_reset_fops);
}
