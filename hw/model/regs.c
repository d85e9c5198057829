/* SPDX-License-Identifier: MIT */
/* BAR0: what reads return and writes do. Interrupts go out at the next run(). */
#include "core.h"

#define LOW31 0x7fffffffu

enum { Q_FIRST = 0x1000, Q_END = Q_FIRST + BNN_QUEUES * BNN_QUEUE_STRIDE };
enum {
	CLOCK_HZ = 200000000,
	LANES = 16,
	LANE_BITS = 256,
	POST_LANES = 16,
	WEIGHT_KIB = 256,
	WAIT_SHIFT = 3,
	VA_BITS = 32,
	DEPTH_LOG2 = 8
};

static const uint32_t features = BNN_FEATURES_BINARY | BNN_FEATURES_POST | BNN_FEATURES_FRAC |
				 BNN_FEATURES_PLANES | BNN_FEATURES_STREAM | BNN_FEATURES_TILED |
				 BNN_FEATURES_CODEBOOK | BNN_FEATURES_GROUPS | BNN_FEATURES_PROFILE;

void irq_raise(struct bnn_core *core, uint32_t vectors)
{
	core->irq_status |= vectors;
	core->irq_due |= vectors & ~core->irq_mask;
}

void irq_deliver(struct bnn_core *core)
{
	for (uint32_t v = 0; v < BNN_IRQ_VECTORS; v++) {
		if (!(core->irq_due >> v & 1))
			continue;
		if (core->poke.lost_irqs)
			core->poke.lost_irqs--;
		else
			core->host.irq(core->host.opaque, v);
	}
	core->irq_due = 0;
}

void device_error(struct bnn_core *core, uint32_t bits, uint64_t address)
{
	core->error |= bits;
	core->error_info = (uint32_t)address & LOW31;
	irq_raise(core, 1);
}

/* Names this very model: a saved state is taken back by the same only. */
static uint32_t build_id(void)
{
	uint32_t hash = 0x811c9dc5u;

	for (const char *p = "bnnaccel model 1"; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 0x01000193u;
	return (hash ^ features ^ BNN_RESET_VERSION) & LOW31;
}

static uint32_t queue_read(const struct bnn_core *core, unsigned i, uint32_t reg)
{
	const struct queue *q = &core->queue[i];
	bool running = core->job.active && core->job.queue == i;

	switch (reg) {
	case BNN_REG_Q_RING_LO:
		return (uint32_t)q->ring;
	case BNN_REG_Q_RING_HI:
		return (uint32_t)(q->ring >> 32);
	case BNN_REG_Q_CQ_LO:
		return (uint32_t)q->cq;
	case BNN_REG_Q_CQ_HI:
		return (uint32_t)(q->cq >> 32);
	case BNN_REG_Q_SIZE:
		return q->size;
	case BNN_REG_Q_CTRL:
		return q->enabled ? BNN_Q_CTRL_EN : 0;
	case BNN_REG_Q_STATUS:
		return (running ? 0 : BNN_Q_STATUS_IDLE) | (q->err ? BNN_Q_STATUS_ERR : 0) |
		       (q->enabled ? BNN_Q_STATUS_ENABLED : 0);
	case BNN_REG_Q_TAIL:
		return q->tail;
	case BNN_REG_Q_HEAD:
		return q->head;
	case BNN_REG_Q_COALESCE:
		return q->coalesce;
	default:
		return 0;
	}
}

uint32_t regs_read(struct bnn_core *core, uint32_t offset)
{
	const struct job *job = &core->job;

	if (offset >= Q_FIRST && offset < Q_END)
		return queue_read(core, (offset - Q_FIRST) / BNN_QUEUE_STRIDE,
				  Q_FIRST + offset % BNN_QUEUE_STRIDE);
	if (offset >= BNN_REG_CNT && offset < BNN_REG_CNT + 8 * BNN_COUNTERS)
		return (uint32_t)(core->snapshot[(offset - BNN_REG_CNT) / 8] >>
				  (offset & 4 ? 32 : 0));
	switch (offset) {
	case BNN_REG_ID:
		return BNN_RESET_ID;
	case BNN_REG_VERSION:
		return BNN_RESET_VERSION;
	case BNN_REG_FEATURES_LO:
		return features;
	case BNN_REG_CAPS_ARRAY:
		return LANES | LANE_BITS << BNN_CAPS_ARRAY_LANE_BITS_SHIFT |
		       POST_LANES << BNN_CAPS_ARRAY_POST_LANES_SHIFT;
	case BNN_REG_CAPS_RAM:
		return core->act_kib | WEIGHT_KIB << BNN_CAPS_RAM_WEIGHT_KIB_SHIFT;
	case BNN_REG_CAPS_LIMITS:
		return BNN_QUEUES | BNN_REGIONS << BNN_CAPS_LIMITS_REGIONS_SHIFT |
		       DEPTH_LOG2 << BNN_CAPS_LIMITS_DEPTH_LOG2_SHIFT;
	case BNN_REG_MMU_CAPS:
		return VA_BITS | core->bus_bits << BNN_MMU_CAPS_BUS_BITS_SHIFT;
	case BNN_REG_CLOCK_HZ:
		return CLOCK_HZ;
	case BNN_REG_BUILD:
		return build_id();
	case BNN_REG_RESET_STATUS:
		return core->reset_status;
	case BNN_REG_RESET_COUNT:
		return core->reset_count;
	case BNN_REG_WAIT_SHIFT:
		return WAIT_SHIFT;
	case BNN_REG_IRQ_STATUS:
		return core->irq_status;
	case BNN_REG_IRQ_MASK:
		return core->irq_mask;
	case BNN_REG_ERROR:
		return core->error;
	case BNN_REG_ERROR_INFO:
		return core->error_info;
	case BNN_REG_RUN_QUEUE:
		return job->active ? job->queue + 1 : 0;
	case BNN_REG_RUN_SEQ:
		return (uint32_t)job->entry.seqno & LOW31;
	case BNN_REG_PROGRESS:
		return job->retired & LOW31;
	case BNN_REG_PROGRESS2:
		return job->rows & LOW31;
	case BNN_REG_LAST_RUN_QUEUE:
		return core->last_queue;
	case BNN_REG_LAST_RUN_SEQ:
		return core->last_seq;
	case BNN_REG_TIMESTAMP_LO:
		core->latched = core->now;
		return (uint32_t)core->latched;
	case BNN_REG_TIMESTAMP_HI:
		return (uint32_t)(core->latched >> 32);
	default:
		return 0;
	}
}

static void set_half(uint64_t *reg, bool high, uint32_t value)
{
	*reg = high ? (uint32_t)*reg | (uint64_t)value << 32
		    : (*reg & ~(uint64_t)UINT32_MAX) | value;
}

static void queue_write(struct bnn_core *core, unsigned i, uint32_t reg, uint32_t value)
{
	struct queue *q = &core->queue[i];
	struct job *job = &core->job;

	switch (reg) {
	case BNN_REG_Q_RING_LO:
	case BNN_REG_Q_RING_HI:
		if (!q->enabled)
			set_half(&q->ring, reg == BNN_REG_Q_RING_HI, value);
		break;
	case BNN_REG_Q_CQ_LO:
	case BNN_REG_Q_CQ_HI:
		if (!q->enabled)
			set_half(&q->cq, reg == BNN_REG_Q_CQ_HI, value);
		break;
	case BNN_REG_Q_SIZE:
		if (!q->enabled)
			q->size = value;
		break;
	case BNN_REG_Q_CTRL:
		queue_control(core, i, value);
		break;
	case BNN_REG_Q_TAIL:
		queue_tail(core, i, value);
		break;
	case BNN_REG_Q_KILL:
		if (job->active && job->queue == i && (uint32_t)job->entry.seqno == value)
			job->killed = true;
		break;
	case BNN_REG_Q_COALESCE:
		q->coalesce = value & 0xff;
		break;
	}
}

static void counter_control(struct bnn_core *core, uint32_t value)
{
	for (unsigned i = 0; i < BNN_COUNTERS; i++) {
		if (value & BNN_CNT_CTRL_SNAPSHOT)
			core->snapshot[i] = core->counters[i];
		if (value & BNN_CNT_CTRL_CLEAR)
			core->counters[i] = 0;
	}
}

void regs_write(struct bnn_core *core, uint32_t offset, uint32_t value)
{
	const uint32_t vectors = (1u << BNN_IRQ_VECTORS) - 1;

	if (offset >= Q_FIRST && offset < Q_END) {
		queue_write(core, (offset - Q_FIRST) / BNN_QUEUE_STRIDE,
			    Q_FIRST + offset % BNN_QUEUE_STRIDE, value);
		return;
	}
	switch (offset) {
	case BNN_REG_CTRL:
		if (value & BNN_CTRL_RESET)
			core_reset(core, BNN_CORE_RESET_SOFT);
		break;
	case BNN_REG_IRQ_STATUS:
		core->irq_status &= ~value;
		break;
	case BNN_REG_IRQ_MASK:
		/* What happened while its vector was masked is told when it no longer is. */
		core->irq_due |= core->irq_status & core->irq_mask & ~value;
		core->irq_mask = value & vectors;
		core->irq_due &= ~core->irq_mask;
		break;
	case BNN_REG_IRQ_TEST:
		irq_raise(core, value & vectors);
		break;
	case BNN_REG_ERROR:
		core->error &= ~value;
		break;
	case BNN_REG_MMU_INV:
		/* Nothing is outstanding between two steps, so it is done at once. */
		mmu_invalidate(core, value & 0xffff);
		break;
	case BNN_REG_CNT_CTRL:
		counter_control(core, value);
		break;
	}
}
