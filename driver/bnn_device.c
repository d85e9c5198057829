// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Device
 *
 * Finds out what the device is, prepares it and stops it.
 */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iopoll.h>
#include <linux/pci.h>

#include <drm/drm_managed.h>

#include "bnn_device.h"
#include "bnn_gem.h"
#include "bnn_job.h"
#include "bnn_mmu.h"

/**
 * bnn_device_poll - Wait for bits of a register to fall.
 * @bdev: Device.
 * @reg: Register.
 * @busy: Bits.
 * @ms: Limit in milliseconds of device time.
 *
 * Return: 0, -ETIMEDOUT, or -ENODEV if the device is gone.
 */
int bnn_device_poll(struct bnn_device *bdev, u32 reg, u32 busy, u32 ms)
{
	u32 value;
	int ret;

	ret = read_poll_timeout(bnn_read, value, value == BNN_GONE || !(value & busy),
				20, bnn_wait_us(bdev, ms), false, bdev, reg);
	if (value == BNN_GONE)
		return -ENODEV;

	return ret;
}

static u64 bnn_read64(struct bnn_device *bdev, u32 reg)
{
	return bnn_read(bdev, reg) | (u64)bnn_read(bdev, reg + 4) << 32;
}

static int bnn_device_identify(struct bnn_device *bdev)
{
	struct device *dev = &bdev->pdev->dev;
	struct bnn_caps *caps = &bdev->caps;
	u32 id = bnn_read(bdev, BNN_REG_ID);
	u32 limits, mmu, va_bits, depth_log2;

	if (id != BNN_RESET_ID)
		return dev_err_probe(dev, -ENODEV, "not a bnnaccel: id %08x\n", id);

	caps->version = bnn_read(bdev, BNN_REG_VERSION);
	if (FIELD_GET(BNN_VERSION_MAJOR, caps->version) !=
	    FIELD_GET(BNN_VERSION_MAJOR, BNN_RESET_VERSION))
		return dev_err_probe(dev, -ENODEV, "unknown interface version %08x\n",
				     caps->version);

	caps->build = bnn_read(bdev, BNN_REG_BUILD);
	caps->features = bnn_read64(bdev, BNN_REG_FEATURES_LO);
	caps->array = bnn_read(bdev, BNN_REG_CAPS_ARRAY);
	caps->ram = bnn_read(bdev, BNN_REG_CAPS_RAM);
	caps->clock_hz = bnn_read(bdev, BNN_REG_CLOCK_HZ);
	caps->wait_shift = bnn_read(bdev, BNN_REG_WAIT_SHIFT);

	limits = bnn_read(bdev, BNN_REG_CAPS_LIMITS);
	caps->queues = FIELD_GET(BNN_CAPS_LIMITS_QUEUES, limits);
	caps->regions = FIELD_GET(BNN_CAPS_LIMITS_REGIONS, limits);
	depth_log2 = FIELD_GET(BNN_CAPS_LIMITS_DEPTH_LOG2, limits);

	mmu = bnn_read(bdev, BNN_REG_MMU_CAPS);
	va_bits = FIELD_GET(BNN_MMU_CAPS_VA_BITS, mmu);
	caps->bus_bits = FIELD_GET(BNN_MMU_CAPS_BUS_BITS, mmu);

	if (!caps->queues || caps->queues > BNN_QUEUES || caps->regions < 2 ||
	    (1u << depth_log2) < BNN_RING_DEPTH || va_bits != 32 ||
	    caps->bus_bits < 32 || caps->bus_bits > 52 || !caps->clock_hz ||
	    caps->wait_shift > BNN_WAIT_SHIFT_MAX)
		return dev_err_probe(dev, -ENODEV,
				     "bad capabilities: limits %08x, mmu %08x, clock %u, wait %u\n",
				     limits, mmu, caps->clock_hz, caps->wait_shift);

	caps->regions = min_t(u32, caps->regions, BNN_REGIONS);

	return 0;
}

/**
 * bnn_device_start - Enable queues and interrupts after a reset.
 * @bdev: Device, freshly reset.
 *
 * Return: 0 or an error.
 */
int bnn_device_start(struct bnn_device *bdev)
{
	u32 i;
	int ret;

	for (i = 0; i < bdev->caps.queues; i++) {
		ret = bnn_queue_enable(&bdev->queues[i]);
		if (ret)
			return ret;
	}

	bnn_write(bdev, BNN_REG_ERROR, BNN_ERROR_BAD_TAIL | BNN_ERROR_RING_READ |
		  BNN_ERROR_PARITY | BNN_ERROR_MISMATCH | BNN_ERROR_INV_BUSY);
	bnn_write(bdev, BNN_REG_IRQ_MASK, 0);

	return 0;
}

static void bnn_device_idas(struct drm_device *drm, void *unused)
{
	struct bnn_device *bdev = to_bnn_device(drm);

	ida_destroy(&bdev->asids);
}

static int bnn_device_init_locks(struct bnn_device *bdev)
{
	int ret;

	ret = drmm_mutex_init(&bdev->drm, &bdev->vms_lock);
	if (ret)
		return ret;
	ret = drmm_mutex_init(&bdev->drm, &bdev->bos_lock);
	if (ret)
		return ret;

	INIT_LIST_HEAD(&bdev->vms);
	INIT_LIST_HEAD(&bdev->bos);
	init_completion(&bdev->stopped);
	INIT_DELAYED_WORK(&bdev->kill_work, bnn_job_kill_work);
	ida_init(&bdev->asids);

	return drmm_add_action_or_reset(&bdev->drm, bnn_device_idas, NULL);
}

/**
 * bnn_device_init - Prepare everything but the registration.
 * @bdev: Device, zeroed, with pdev set.
 *
 * Return: 0 or an error; then nothing is left to undo.
 */
int bnn_device_init(struct bnn_device *bdev)
{
	struct pci_dev *pdev = bdev->pdev;
	struct device *dev = &pdev->dev;
	u32 i;
	int ret;

	ret = bnn_device_init_locks(bdev);
	if (ret)
		return ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(dev, ret, "can't enable\n");

	if (pci_resource_len(pdev, 0) < BNN_BAR0_SIZE)
		return dev_err_probe(dev, -ENODEV, "BAR 0 is missing or too small\n");

	bdev->regs = pcim_iomap_region(pdev, 0, "bnnaccel");
	if (IS_ERR(bdev->regs))
		return dev_err_probe(dev, PTR_ERR(bdev->regs), "can't map BAR 0\n");

	ret = bnn_device_identify(bdev);
	if (ret)
		return ret;

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(bdev->caps.bus_bits));
	if (ret)
		return dev_err_probe(dev, ret, "no DMA with %u bits\n", bdev->caps.bus_bits);
	dma_set_max_seg_size(dev, UINT_MAX);

	/* Whatever an earlier owner left running must not see bus mastering. */
	ret = bnn_reset_soft(bdev, true);
	if (ret)
		return dev_err_probe(dev, ret, "reset failed\n");

	ret = bnn_reset_init(bdev);
	if (ret)
		return ret;

	ret = bnn_coredump_init(bdev);
	if (ret)
		return ret;

	for (i = 0; i < bdev->caps.queues; i++) {
		ret = bnn_queue_init(bdev, i);
		if (ret)
			return dev_err_probe(dev, ret, "no memory for queue %u\n", i);
	}

	pci_set_master(pdev);

	ret = bnn_irq_init(bdev);
	if (ret)
		return dev_err_probe(dev, ret, "no message signalled interrupts\n");

	ret = bnn_device_start(bdev);
	if (ret) {
		bnn_device_fini(bdev);
		return dev_err_probe(dev, ret, "a queue can't be enabled\n");
	}

	return 0;
}

/**
 * bnn_device_fini - Stop the device and take its memory away.
 * @bdev: Device; its drm_device is unplugged, or was never registered.
 */
void bnn_device_fini(struct bnn_device *bdev)
{
	bnn_reset_stop(bdev);
	bnn_irq_fini(bdev);
	complete_all(&bdev->stopped);

	bnn_mmu_unplug(bdev);
	bnn_gem_unplug(bdev);
	bnn_coredump_fini(bdev);
}
