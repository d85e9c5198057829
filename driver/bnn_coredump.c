// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Device coredump
 *
 * A text with registers and rings as they were before a reset, in
 * /sys/class/devcoredump. Resets are on the way to signalling fences, so the
 * buffer is allocated in advance. At most one every 10 s.
 */

#include <linux/devcoredump.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "bnn_ctx.h"
#include "bnn_device.h"
#include "bnn_job.h"

#define BNN_DUMP_SIZE		SZ_64K
#define BNN_DUMP_INTERVAL	(10 * HZ)

static void bnn_coredump_refill(struct work_struct *work)
{
	struct bnn_device *bdev = container_of(work, struct bnn_device, dump.refill);

	if (!READ_ONCE(bdev->dump.buf))
		WRITE_ONCE(bdev->dump.buf, vzalloc(BNN_DUMP_SIZE));
}

/* Words of memory that the device reads or writes, 8 per line. */
static void bnn_coredump_words(struct drm_printer *p, const void *data, size_t size)
{
	const __le32 *words = data;
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		drm_printf(p, "%s%08x%s", i % 8 ? " " : "    ", le32_to_cpu(words[i]),
			   i % 8 == 7 ? "\n" : "");
}

static void bnn_coredump_job(struct drm_printer *p, struct bnn_queue *queue, u32 index)
{
	struct bnn_sched_job *job = queue->jobs[index];

	drm_printf(p, "  job: slot %u, seqno %llu, context %u, number %llu, asid %u\n", index,
		   job->seqno, job->ctx->id, job->number, job->ctx->file->vm.asid);
	bnn_coredump_words(p, &queue->ring[index], sizeof(queue->ring[index]));
	drm_puts(p, "   regions:\n");
	bnn_coredump_words(p, &queue->tables[index * BNN_REGIONS],
			   job->regions * sizeof(queue->tables[0]));
}

static void bnn_coredump_queue(struct drm_printer *p, struct bnn_queue *queue)
{
	u64 i;

	mutex_lock(&queue->lock);
	drm_printf(p, " queue %u: tail %llu, done %llu\n", queue->index, queue->tail,
		   queue->done);
	for (i = queue->done; i < queue->tail; i++)
		bnn_coredump_job(p, queue, i % BNN_RING_DEPTH);
	mutex_unlock(&queue->lock);
}

/**
 * bnn_coredump_capture - Dump the state of the device.
 * @bdev: Device.
 * @reason: Why it is about to be reset.
 */
void bnn_coredump_capture(struct bnn_device *bdev, const char *reason)
{
	struct bnn_dump *dump = &bdev->dump;
	char *buf = READ_ONCE(dump->buf);
	struct drm_print_iterator iter = {
		.data = buf,
		.remain = BNN_DUMP_SIZE,
	};
	struct drm_printer p = drm_coredump_printer(&iter);
	u32 i;

	if (!buf || (dump->taken && time_before(jiffies, dump->next)))
		return;
	dump->taken = true;
	dump->next = jiffies + BNN_DUMP_INTERVAL;
	WRITE_ONCE(dump->buf, NULL);

	drm_printf(&p, "bnnaccel coredump 1\nreason: %s\nkernel: %s\ndevice: %s\n", reason,
		   init_utsname()->release, pci_name(bdev->pdev));
	drm_puts(&p, "registers:\n");
	bnn_debugfs_print_regs(bdev, &p);
	drm_puts(&p, "rings:\n");
	for (i = 0; i < bdev->caps.queues; i++)
		bnn_coredump_queue(&p, &bdev->queues[i]);

	/* Frees the buffer, and isn't tied to the module. */
	dev_coredumpv(bdev->drm.dev, buf, BNN_DUMP_SIZE - iter.remain, GFP_NOWAIT);
	queue_work(system_wq, &dump->refill);
}

static void bnn_coredump_release(struct drm_device *drm, void *unused)
{
	vfree(to_bnn_device(drm)->dump.buf);
}

/**
 * bnn_coredump_init - Prepare.
 * @bdev: Device.
 *
 * Return: 0 or -ENOMEM.
 */
int bnn_coredump_init(struct bnn_device *bdev)
{
	INIT_WORK(&bdev->dump.refill, bnn_coredump_refill);
	bdev->dump.buf = vzalloc(BNN_DUMP_SIZE);
	if (!bdev->dump.buf)
		return -ENOMEM;

	return drmm_add_action_or_reset(&bdev->drm, bnn_coredump_release, NULL);
}

/**
 * bnn_coredump_fini - Take no more dumps.
 * @bdev: Device; no reset happens any more.
 */
void bnn_coredump_fini(struct bnn_device *bdev)
{
	disable_work_sync(&bdev->dump.refill);
}
