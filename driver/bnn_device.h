/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BNN_DEVICE_H
#define BNN_DEVICE_H

#include <linux/bitfield.h>
#include <linux/completion.h>
#include <linux/idr.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/semaphore.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/drm_print.h>
#include <drm/gpu_scheduler.h>

#include "bnn_hw.h"

/**
 * DOC: Locks
 *
 * Outer before inner. "fence path" marks locks that code on the way to
 * signalling a fence takes: nobody may allocate with GFP_KERNEL, take a
 * dma_resv or wait for a fence while holding them.
 *
 * ======================= ============================================ =====
 * lock                    protects                                     fence
 *                                                                      path
 * ======================= ============================================ =====
 * bnn_file.lock           list of contexts                              no
 * bnn_device.bos_lock     list of buffer objects and their DMA mapping  no
 * bnn_bo.lock             mappings of one object                        no
 * bnn_device.vms_lock     list of address spaces                        no
 * bnn_vm.lock             page tables and address allocation            no
 * dma_resv                fences of an object (drm_exec for several)    no
 * bnn_ctx.submit_lock     order of arm and push of one context          no
 * bnn_reset.lock          one reset or invalidation at a time           yes
 * bnn_queue.lock          ring, jobs in it, its completion slots        yes
 * bnn_ctx.stat_lock       what CTX_QUERY returns                        yes
 * bnn_perfmon.lock        sums                                          yes
 * ======================= ============================================ =====
 *
 * dma_resv is taken inside bos_lock and bnn_bo.lock, and outside submit_lock.
 *
 * Who waits for bnn_device.stopped holds none of these: remove first waits for
 * everybody inside drm_dev_enter(), and these may be waiting for a lock.
 */

/* Jobs per ring. The scheduler keeps at most BNN_CREDITS of them in use. */
#define BNN_RING_DEPTH		16
#define BNN_CREDITS		8

#define BNN_MAX_FILES		1024
#define BNN_MAX_BO_SIZE		SZ_1G
#define BNN_MAX_CTX		64
#define BNN_MAX_PERFMON		16
#define BNN_MAX_JOBS		64
#define BNN_MAX_SYNCS		64
/* Resets caused by one context before it is banned. */
#define BNN_BAN_LIMIT		3
/* Times a job that was not running may survive a reset. */
#define BNN_RESUBMIT_LIMIT	3
/* Default budget of a job: 2^32 device cycles. */
#define BNN_DEFAULT_BUDGET	BIT(22)

#define BNN_RESET_MS		1000
#define BNN_INVALIDATE_MS	1000
#define BNN_WAIT_SHIFT_MAX	10

struct bnn_device;
struct bnn_sched_job;

/**
 * struct bnn_sched - A scheduler that outlives its device.
 * @base: The scheduler.
 * @name: Its name.
 * @node: In the pool of unused ones.
 *
 * Fences of the scheduler core read base.name for as long as user space holds
 * them, so this memory belongs to the module (bnn_drv.c), which such fences pin.
 */
struct bnn_sched {
	struct drm_gpu_scheduler base;
	char name[24];
	struct list_head node;
};

/**
 * struct bnn_queue - A hardware queue.
 * @bdev: Device.
 * @index: Number of the queue.
 * @sched: Scheduler that feeds it.
 * @lock: Protects what follows.
 * @live: The device's queue is enabled and agrees with @tail.
 * @broken: The device wrote nonsense; all jobs in the ring are lost.
 * @ring: Ring entries.
 * @ring_dma: Their bus address.
 * @cq: Completion slots, then the count of finished jobs.
 * @cq_dma: Their bus address.
 * @tables: Region tables, BNN_REGIONS entries per ring entry.
 * @tables_dma: Their bus address.
 * @tail: Jobs written since the queue was enabled.
 * @done: Jobs reaped since the queue was enabled.
 * @seqno: Last seqno given out; never repeats.
 * @jobs: Jobs in the ring; indices @done to @tail - 1.
 * @completed: Jobs reaped since the driver was bound.
 * @faults: Those of them that did not end OK.
 */
struct bnn_queue {
	struct bnn_device *bdev;
	u32 index;
	struct bnn_sched *sched;

	struct mutex lock; /* see DOC: Locks */
	bool live;
	bool broken;
	struct bnn_job *ring;
	dma_addr_t ring_dma;
	struct bnn_completion *cq;
	dma_addr_t cq_dma;
	struct bnn_region *tables;
	dma_addr_t tables_dma;
	u64 tail;
	u64 done;
	u64 seqno;
	struct bnn_sched_job *jobs[BNN_RING_DEPTH];
	u64 completed;
	u64 faults;
};

/**
 * struct bnn_caps - What the device said of itself at probe.
 * @version: VERSION.
 * @build: BUILD.
 * @features: FEATURES.
 * @array: CAPS_ARRAY.
 * @ram: CAPS_RAM.
 * @clock_hz: CLOCK_HZ, not 0.
 * @queues: 1 to BNN_QUEUES.
 * @regions: 2 to BNN_REGIONS.
 * @bus_bits: 32 to 52.
 * @wait_shift: At most BNN_WAIT_SHIFT_MAX.
 */
struct bnn_caps {
	u32 version;
	u32 build;
	u64 features;
	u32 array;
	u32 ram;
	u32 clock_hz;
	u32 queues;
	u32 regions;
	u32 bus_bits;
	u32 wait_shift;
};

/**
 * struct bnn_look - The running job as the device names it.
 * @queue: RUN_QUEUE: queue + 1, or 0.
 * @seq: RUN_SEQ.
 * @progress: PROGRESS.
 * @progress2: PROGRESS2.
 */
struct bnn_look {
	u32 queue;
	u32 seq;
	u32 progress;
	u32 progress2;
};

/**
 * struct bnn_reset - State of reset handling (bnn_reset.c).
 * @lock: Serialises resets, suspend, function level resets from outside and
 *	invalidations.
 *	A semaphore, as suspend and resume may be different threads.
 * @wq: Ordered; timeout handlers of all schedulers and @work run on it.
 * @work: A reset without a job to blame.
 * @reason: Why @work was queued.
 * @last: What the last timeout saw.
 * @last_jiffies: When @last changed.
 * @last_valid: @last means something.
 * @running: Job that ran when the device was stopped.
 * @by_timeout: The reset under way was caused by a hang.
 * @own_flr: Who makes a function level reset of ours, or NULL. Others may try one
 *	at the same time.
 * @count: Resets so far.
 */
struct bnn_reset {
	struct semaphore lock; /* see DOC: Locks */
	struct workqueue_struct *wq;
	struct work_struct work;
	const char *reason;
	struct bnn_look last;
	unsigned long last_jiffies;
	bool last_valid;
	struct bnn_look running;
	bool by_timeout;
	struct task_struct *own_flr;
	atomic_t count;
};

/**
 * struct bnn_dump - A device coredump in the making (bnn_coredump.c).
 * @buf: Buffer for the next one, or NULL.
 * @next: Not before this time (jiffies), if @taken.
 * @taken: A dump has been taken.
 * @refill: Allocates @buf again.
 */
struct bnn_dump {
	char *buf;
	unsigned long next;
	bool taken;
	struct work_struct refill;
};

/**
 * struct bnn_device - A bnnaccel device.
 * @drm: DRM device.
 * @pdev: PCI device.
 * @regs: BAR0. Only used inside drm_dev_enter(), and by probe and remove.
 * @caps: Capabilities.
 * @queues: Queues; caps.queues of them.
 * @nvec: Interrupt vectors allocated; 1 means that they share one.
 * @irqs: Interrupt vectors requested.
 * @wedged: If not 0, the device can't be reset: bus mastering is off, and all
 *	jobs fail with this error; -ENODEV if it is gone.
 * @stopped: Completed by remove once the device can't access memory any more.
 * @reset: Resets.
 * @dump: Device coredump.
 * @kill_work: Kills jobs of clients that died.
 * @asids: Address space ids in use; 0 is never used.
 * @vms_lock: Protects @vms and, against unplug, their DMA memory.
 * @vms: Address spaces.
 * @bos_lock: Protects @bos and, against unplug, their DMA mappings.
 * @bos: Buffer objects.
 * @live_jobs: Jobs that exist, for debugfs.
 */
struct bnn_device {
	struct drm_device drm;
	struct pci_dev *pdev;
	void __iomem *regs;
	struct bnn_caps caps;
	struct bnn_queue queues[BNN_QUEUES];
	int nvec;
	int irqs;
	int wedged;
	struct completion stopped;

	struct bnn_reset reset;
	struct bnn_dump dump;
	struct delayed_work kill_work;

	struct ida asids;
	struct mutex vms_lock; /* see DOC: Locks */
	struct list_head vms;

	struct mutex bos_lock; /* see DOC: Locks */
	struct list_head bos;

	atomic_t live_jobs;
};

#define to_bnn_device(d) container_of(d, struct bnn_device, drm)

/* Value of every register of a device that is gone. */
#define BNN_GONE U32_MAX

static inline u32 bnn_read(struct bnn_device *bdev, u32 reg)
{
	return readl(bdev->regs + reg);
}

static inline void bnn_write(struct bnn_device *bdev, u32 reg, u32 value)
{
	writel(value, bdev->regs + reg);
}

static inline u32 bnn_queue_read(struct bnn_queue *queue, u32 reg)
{
	return bnn_read(queue->bdev, reg + queue->index * BNN_QUEUE_STRIDE);
}

static inline void bnn_queue_write(struct bnn_queue *queue, u32 reg, u32 value)
{
	bnn_write(queue->bdev, reg + queue->index * BNN_QUEUE_STRIDE, value);
}

static inline bool bnn_gone(struct bnn_device *bdev)
{
	return bnn_read(bdev, BNN_REG_ID) == BNN_GONE;
}

/* Milliseconds to wait where the contract with the hardware says ms. */
static inline u64 bnn_wait_us(struct bnn_device *bdev, u32 ms)
{
	return ((u64)ms * USEC_PER_MSEC) << bdev->caps.wait_shift;
}

/* bnn_drv.c */
extern struct workqueue_struct *bnn_release_wq;
struct bnn_sched *bnn_sched_get(void);
void bnn_sched_put(struct bnn_sched *sched);

/* bnn_device.c */
int bnn_device_init(struct bnn_device *bdev);
void bnn_device_fini(struct bnn_device *bdev);
int bnn_device_start(struct bnn_device *bdev);
int bnn_device_poll(struct bnn_device *bdev, u32 reg, u32 busy, u32 ms);

/* bnn_irq.c */
int bnn_irq_init(struct bnn_device *bdev);
void bnn_irq_fini(struct bnn_device *bdev);

/* bnn_reset.c */
int bnn_reset_init(struct bnn_device *bdev);
int bnn_reset_soft(struct bnn_device *bdev, bool locked);
void bnn_reset_request(struct bnn_device *bdev, const char *reason);
void bnn_reset_request_sync(struct bnn_device *bdev, const char *reason);
void bnn_reset_begin(struct bnn_device *bdev, struct bnn_sched_job *bad, const char *reason);
void bnn_reset_end(struct bnn_device *bdev, bool works);
void bnn_reset_stop(struct bnn_device *bdev);
enum drm_gpu_sched_stat bnn_reset_timedout(struct drm_sched_job *sched_job);

/* bnn_coredump.c */
int bnn_coredump_init(struct bnn_device *bdev);
void bnn_coredump_fini(struct bnn_device *bdev);
void bnn_coredump_capture(struct bnn_device *bdev, const char *reason);

/* bnn_debugfs.c */
void bnn_debugfs_init(struct bnn_device *bdev);
void bnn_debugfs_print_regs(struct bnn_device *bdev, struct drm_printer *p);

#endif /* BNN_DEVICE_H */
