// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Driver for the bnnaccel binary-neural-network accelerator
 *
 * Module, PCI driver and DRM driver. The life of a device:
 *
 * probe: registers, capabilities, reset, rings, schedulers, interrupts, then
 * drm_dev_register() last.
 *
 * remove: drm_dev_unplug(), device stopped, everything that the device could
 * access is unmapped. Open files, mappings, dma-bufs and fences live on; the
 * schedulers keep running and fail what is queued with -ENODEV until the last
 * reference to the drm_device is gone.
 */

#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>

#include <drm/bnnaccel_drm.h>

#include "bnn_ctx.h"
#include "bnn_device.h"
#include "bnn_gem.h"
#include "bnn_job.h"
#include "bnn_mmu.h"

/* Frees jobs and what hangs on them; flushed when the module is unloaded. */
struct workqueue_struct *bnn_release_wq;

static DEFINE_MUTEX(bnn_sched_lock);
static LIST_HEAD(bnn_sched_pool);
static atomic_t bnn_devices = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(bnn_devices_wait);

/**
 * bnn_sched_get - Take a scheduler from the pool.
 *
 * Return: An uninitialised scheduler, or NULL.
 */
struct bnn_sched *bnn_sched_get(void)
{
	struct bnn_sched *sched;

	mutex_lock(&bnn_sched_lock);
	sched = list_first_entry_or_null(&bnn_sched_pool, struct bnn_sched, node);
	if (sched)
		list_del_init(&sched->node);
	mutex_unlock(&bnn_sched_lock);

	return sched ?: kzalloc(sizeof(*sched), GFP_KERNEL);
}

/**
 * bnn_sched_put - Give a scheduler back.
 * @sched: Scheduler after drm_sched_fini().
 *
 * Its name stays readable until the module is unloaded.
 */
void bnn_sched_put(struct bnn_sched *sched)
{
	mutex_lock(&bnn_sched_lock);
	list_add(&sched->node, &bnn_sched_pool);
	mutex_unlock(&bnn_sched_lock);
}

static int bnn_query_info(struct bnn_device *bdev, struct drm_bnnaccel_dev_query *args)
{
	struct drm_bnnaccel_dev_info info = {
		.version = bdev->caps.version,
		.build = bdev->caps.build,
		.features = bdev->caps.features,
		.caps_array = bdev->caps.array,
		.caps_ram = bdev->caps.ram,
		.clock_hz = bdev->caps.clock_hz,
		.queues = bdev->caps.queues,
		.max_regions = bdev->caps.regions,
		.max_jobs = BNN_MAX_JOBS,
		.max_syncs = BNN_MAX_SYNCS,
		.max_commands = BNN_COMMANDS_MAX,
		.counters = BNN_COUNTERS,
		.resets = atomic_read(&bdev->reset.count),
		.max_bo_size = BNN_MAX_BO_SIZE,
		.va_size = BNN_VA_SIZE,
	};

	if (!args->pointer) {
		args->size = sizeof(info);
		return 0;
	}

	args->size = min_t(u32, args->size, sizeof(info));
	if (copy_to_user(u64_to_user_ptr(args->pointer), &info, args->size))
		return -EFAULT;

	return 0;
}

static int bnn_ioctl_dev_query(struct drm_device *drm, void *data, struct drm_file *filp)
{
	struct bnn_device *bdev = to_bnn_device(drm);
	struct drm_bnnaccel_dev_query *args = data;

	switch (args->type) {
	case DRM_BNNACCEL_DEV_QUERY_INFO:
		return bnn_query_info(bdev, args);
	default:
		drm_dbg(drm, "unknown query %u\n", args->type);
		return -EINVAL;
	}
}

static const struct drm_ioctl_desc bnn_ioctls[] = {
	DRM_IOCTL_DEF_DRV(BNNACCEL_DEV_QUERY, bnn_ioctl_dev_query, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_BO_CREATE, bnn_ioctl_bo_create, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_BO_MMAP_OFFSET, bnn_ioctl_bo_mmap_offset, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_BO_WAIT, bnn_ioctl_bo_wait, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_CTX_CREATE, bnn_ioctl_ctx_create, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_CTX_DESTROY, bnn_ioctl_ctx_destroy, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_CTX_QUERY, bnn_ioctl_ctx_query, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_PROGRAM_CREATE, bnn_ioctl_program_create, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_SUBMIT, bnn_ioctl_submit, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_PERFMON_CREATE, bnn_ioctl_perfmon_create, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_PERFMON_DESTROY, bnn_ioctl_perfmon_destroy, 0),
	DRM_IOCTL_DEF_DRV(BNNACCEL_PERFMON_GET_VALUES, bnn_ioctl_perfmon_get_values, 0),
};

static void bnn_show_fdinfo(struct drm_printer *p, struct drm_file *filp)
{
	struct bnn_file *file = filp->driver_priv;
	struct bnn_device *bdev = file->bdev;
	u64 cycles = atomic64_read(&file->cycles);
	u32 hz = bdev->caps.clock_hz;
	u32 rest;
	u64 ns = div_u64_rem(cycles, hz, &rest) * NSEC_PER_SEC +
		 div_u64((u64)rest * NSEC_PER_SEC, hz);

	/* One array serves all queues, so there is one engine. */
	drm_printf(p, "drm-engine-bnn:\t%llu ns\n", ns);
	drm_printf(p, "drm-cycles-bnn:\t%llu\n", cycles);
	drm_printf(p, "drm-maxfreq-bnn:\t%u Hz\n", hz);
	drm_printf(p, "bnnaccel-jobs:\t%lld\n", (s64)atomic64_read(&file->jobs));
	drm_show_memory_stats(p, filp);
}

static const struct file_operations bnn_fops = {
	.owner = THIS_MODULE,
	DRM_ACCEL_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

static const struct drm_driver bnn_drm_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE,
	.open = bnn_file_open,
	.postclose = bnn_file_postclose,
	.gem_create_object = bnn_gem_create_object,
	.gem_prime_import = bnn_gem_prime_import,
	.gem_prime_import_sg_table = drm_gem_shmem_prime_import_sg_table,
	.ioctls = bnn_ioctls,
	.num_ioctls = ARRAY_SIZE(bnn_ioctls),
	.fops = &bnn_fops,
	.show_fdinfo = bnn_show_fdinfo,
	.name = "bnnaccel",
	.desc = "Binary neural network accelerator",
	.date = "20250101",
	.major = 1,
	.minor = 0,
};

static void bnn_device_released(struct drm_device *drm, void *unused)
{
	if (atomic_dec_and_test(&bnn_devices))
		wake_up_all(&bnn_devices_wait);
}

static int bnn_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bnn_device *bdev;
	int ret;

	bdev = devm_drm_dev_alloc(&pdev->dev, &bnn_drm_driver, struct bnn_device, drm);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);

	bdev->pdev = pdev;
	pci_set_drvdata(pdev, bdev);

	atomic_inc(&bnn_devices);
	ret = drmm_add_action_or_reset(&bdev->drm, bnn_device_released, NULL);
	if (ret)
		return ret;

	ret = bnn_device_init(bdev);
	if (ret)
		return ret;

	bnn_debugfs_init(bdev);

	ret = drm_dev_register(&bdev->drm, 0);
	if (ret) {
		bnn_device_fini(bdev);
		return dev_err_probe(&pdev->dev, ret, "can't register\n");
	}

	drm_info(&bdev->drm, "interface %u.%u, build %08x, %u queues, %d vectors\n",
		 FIELD_GET(BNN_VERSION_MAJOR, bdev->caps.version),
		 FIELD_GET(BNN_VERSION_MINOR, bdev->caps.version),
		 bdev->caps.build, bdev->caps.queues, bdev->nvec);

	return 0;
}

static void bnn_pci_remove(struct pci_dev *pdev)
{
	struct bnn_device *bdev = pci_get_drvdata(pdev);

	drm_dev_unplug(&bdev->drm);
	bnn_device_fini(bdev);
}

/* Before kexec or power off the device must stop accessing memory. */
static void bnn_pci_shutdown(struct pci_dev *pdev)
{
	struct bnn_device *bdev = pci_get_drvdata(pdev);

	bnn_reset_begin(bdev, NULL, NULL);
	bnn_reset_soft(bdev, true);
	pci_clear_master(pdev);
}

static int bnn_pm_suspend(struct device *dev)
{
	struct bnn_device *bdev = dev_get_drvdata(dev);

	bnn_reset_begin(bdev, NULL, NULL);
	bnn_reset_soft(bdev, true);

	return 0;
}

static int bnn_pm_resume(struct device *dev)
{
	struct bnn_device *bdev = dev_get_drvdata(dev);
	bool works = !bdev->wedged && !bnn_gone(bdev) && !bnn_reset_soft(bdev, true);

	bnn_reset_end(bdev, works);
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(bnn_pm_ops, bnn_pm_suspend, bnn_pm_resume);

static void bnn_pci_reset_prepare(struct pci_dev *pdev)
{
	struct bnn_device *bdev = pci_get_drvdata(pdev);

	if (READ_ONCE(bdev->reset.own_flr) != current)
		bnn_reset_begin(bdev, NULL, NULL);
}

static void bnn_pci_reset_done(struct pci_dev *pdev)
{
	struct bnn_device *bdev = pci_get_drvdata(pdev);
	bool works;

	if (READ_ONCE(bdev->reset.own_flr) == current)
		return;

	/* Somebody has done what we could not: a wedged device gets a new chance. */
	works = !bnn_gone(bdev) && !bnn_reset_soft(bdev, true);
	if (works && bdev->wedged) {
		pci_set_master(pdev);
		WRITE_ONCE(bdev->wedged, 0);
	}
	bnn_reset_end(bdev, works);
}

static const struct pci_error_handlers bnn_pci_err_handlers = {
	.reset_prepare = bnn_pci_reset_prepare,
	.reset_done = bnn_pci_reset_done,
};

static const struct pci_device_id bnn_pci_ids[] = {
	{ PCI_DEVICE(BNN_PCI_VENDOR_ID, BNN_PCI_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, bnn_pci_ids);

static struct pci_driver bnn_pci_driver = {
	.name = "bnnaccel",
	.id_table = bnn_pci_ids,
	.probe = bnn_pci_probe,
	.remove = bnn_pci_remove,
	.shutdown = bnn_pci_shutdown,
	.err_handler = &bnn_pci_err_handlers,
	.driver.pm = pm_sleep_ptr(&bnn_pm_ops),
};

static int __init bnn_init(void)
{
	int ret;

	bnn_release_wq = alloc_workqueue("bnnaccel-release", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!bnn_release_wq)
		return -ENOMEM;

	ret = pci_register_driver(&bnn_pci_driver);
	if (ret)
		destroy_workqueue(bnn_release_wq);

	return ret;
}
module_init(bnn_init);

static void __exit bnn_exit(void)
{
	struct bnn_sched *sched, *tmp;

	pci_unregister_driver(&bnn_pci_driver);

	/* No file is open any more, but jobs may still be on their way out. */
	wait_event(bnn_devices_wait, !atomic_read(&bnn_devices));
	destroy_workqueue(bnn_release_wq);

	/* Hardware fences pin the module, so nobody can read the names any more. */
	list_for_each_entry_safe(sched, tmp, &bnn_sched_pool, node)
		kfree(sched);

	rcu_barrier();
}
module_exit(bnn_exit);

MODULE_DESCRIPTION("bnnaccel binary neural network accelerator");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
