/* SPDX-License-Identifier: MIT */
/* What the sources of core_dev.c and core_mem.c share. */
#ifndef BNN_DEVICE_CORE_STATE_H
#define BNN_DEVICE_CORE_STATE_H

#include <stdatomic.h>

#include "arena.h"
#include "bnn_core.h"
#include "dev.h"

#define QUEUE 1 /* as jobs of normal priority */
#define DEPTH BNN_DEPTH_MIN
#define ASID 1
#define Q_REG(name) (BNN_REG_Q_##name + QUEUE * BNN_QUEUE_STRIDE)

/* What only the device reads: ring, behind it a region table per entry. */
struct ring {
	struct bnn_job jobs[DEPTH];
	struct bnn_region regions[DEPTH][BNN_REGIONS];
};

/* What it writes. */
struct completions {
	struct bnn_completion slots[DEPTH];
	uint64_t done;
	uint8_t rest[56];
};

struct core_buffer {
	struct bnn_dev_buffer base;
	uint64_t va;
	unsigned int access;
	bool in_use;
	struct core_buffer *next;
};

struct core_program {
	uint64_t va;
	uint32_t count;
};

struct core_dev {
	struct bnn_dev base;
	const struct bnn_core_ops *ops;
	struct bnn_core *core;
	struct bnn_arena *arena;
	struct ring *ring;
	uint64_t ring_bus;
	struct completions *completions;
	struct core_buffer *buffers;
	struct core_program *programs;
	uint32_t program_count;
	bool scattered; /* pages of its memory */
	atomic_bool stop;
	uint64_t submitted;
	uint64_t reaped;
	uint64_t counters[BNN_COUNTERS];
	struct bnn_dev_fault faults[DEPTH]; /* by ring index; status 0 = ended well */
};

static inline struct core_dev *core_dev(struct bnn_dev *dev)
{
	return (struct core_dev *)dev;
}

static inline uint32_t reg_read(struct core_dev *cd, uint32_t offset)
{
	return cd->ops->mmio_read(cd->core, offset);
}

static inline void reg_write(struct core_dev *cd, uint32_t offset, uint32_t value)
{
	cd->ops->mmio_write(cd->core, offset, value);
}

static inline void reg_write64(struct core_dev *cd, uint32_t offset, uint64_t value)
{
	reg_write(cd, offset, (uint32_t)value);
	reg_write(cd, offset + 4, (uint32_t)(value >> 32));
}

/* Buffers and programs: members of bnn_dev_ops. */
int bnn_core_alloc(struct bnn_dev *dev, uint64_t bytes, unsigned int access,
		   struct bnn_dev_buffer **buffer, struct bnn_error *error);
void bnn_core_free(struct bnn_dev *dev, struct bnn_dev_buffer *buffer);
int bnn_core_load_program(struct bnn_dev *dev, const uint32_t *commands, uint32_t count,
			  uint32_t *program, struct bnn_error *error);

#endif /* BNN_DEVICE_CORE_STATE_H */
