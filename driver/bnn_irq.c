// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: Interrupts
 *
 * MSI-X: vector 0 tells of device errors, vector 1 + q of finished jobs of
 * queue q; there is nothing to acknowledge. With a single MSI vector,
 * IRQ_STATUS tells which. The handlers are threaded, as a ring is protected by
 * a mutex.
 */

#include <linux/interrupt.h>
#include <linux/pci.h>

#include <drm/drm_drv.h>

#include "bnn_device.h"
#include "bnn_job.h"

static void bnn_irq_errors(struct bnn_device *bdev)
{
	u32 error = bnn_read(bdev, BNN_REG_ERROR);

	if (!error || error == BNN_GONE)
		return;

	drm_err_ratelimited(&bdev->drm, "device error %08x, info %08x\n", error,
			    bnn_read(bdev, BNN_REG_ERROR_INFO));
	bnn_write(bdev, BNN_REG_ERROR, error);

	/* The job concerned reports damaged data itself; a stopped queue doesn't. */
	if (error & (BNN_ERROR_BAD_TAIL | BNN_ERROR_RING_READ | BNN_ERROR_MISMATCH))
		bnn_reset_request(bdev, "device error");
}

static irqreturn_t bnn_irq_device(int irq, void *data)
{
	struct bnn_device *bdev = data;
	int idx;

	if (!drm_dev_enter(&bdev->drm, &idx))
		return IRQ_NONE;

	bnn_irq_errors(bdev);
	drm_dev_exit(idx);

	return IRQ_HANDLED;
}

static irqreturn_t bnn_irq_queue(int irq, void *data)
{
	struct bnn_queue *queue = data;

	bnn_queue_process(queue);

	return IRQ_HANDLED;
}

static irqreturn_t bnn_irq_shared(int irq, void *data)
{
	struct bnn_device *bdev = data;
	u32 status, i;
	int idx;

	if (!drm_dev_enter(&bdev->drm, &idx))
		return IRQ_NONE;

	status = bnn_read(bdev, BNN_REG_IRQ_STATUS);
	if (status != BNN_GONE) {
		bnn_write(bdev, BNN_REG_IRQ_STATUS, status);
		if (status & BIT(0))
			bnn_irq_errors(bdev);
	}
	drm_dev_exit(idx);

	/* Cheap, so there is no need to believe the status. */
	for (i = 0; i < bdev->caps.queues; i++)
		bnn_queue_process(&bdev->queues[i]);

	return IRQ_HANDLED;
}

static int bnn_irq_request(struct bnn_device *bdev, irq_handler_t handler, void *data)
{
	int ret;

	ret = pci_request_irq(bdev->pdev, bdev->irqs, NULL, handler, data, "bnnaccel-%s:%d",
			      pci_name(bdev->pdev), bdev->irqs);
	if (!ret)
		bdev->irqs++;

	return ret;
}

static void *bnn_irq_data(struct bnn_device *bdev, int vector)
{
	return vector ? (void *)&bdev->queues[vector - 1] : (void *)bdev;
}

/**
 * bnn_irq_init - Allocate and request interrupts.
 * @bdev: Device, with all vectors masked.
 *
 * Return: 0 or an error.
 */
int bnn_irq_init(struct bnn_device *bdev)
{
	int vectors = 1 + bdev->caps.queues;
	int ret;
	u32 i;

	bdev->nvec = pci_alloc_irq_vectors(bdev->pdev, vectors, vectors, PCI_IRQ_MSIX);
	if (bdev->nvec < 0)
		bdev->nvec = pci_alloc_irq_vectors(bdev->pdev, 1, 1, PCI_IRQ_MSI);
	if (bdev->nvec < 0)
		return bdev->nvec;

	if (bdev->nvec == 1) {
		ret = bnn_irq_request(bdev, bnn_irq_shared, bdev);
	} else {
		ret = bnn_irq_request(bdev, bnn_irq_device, bdev);
		for (i = 0; i < bdev->caps.queues && !ret; i++)
			ret = bnn_irq_request(bdev, bnn_irq_queue, &bdev->queues[i]);
	}
	if (ret)
		bnn_irq_fini(bdev);

	return ret;
}

/**
 * bnn_irq_fini - Free interrupts; no handler runs afterwards.
 * @bdev: Device.
 */
void bnn_irq_fini(struct bnn_device *bdev)
{
	while (bdev->irqs) {
		bdev->irqs--;
		pci_free_irq(bdev->pdev, bdev->irqs, bnn_irq_data(bdev, bdev->irqs));
	}
	pci_free_irq_vectors(bdev->pdev);
}
