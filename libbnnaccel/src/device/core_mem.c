// SPDX-License-Identifier: MIT
/* Memory of a core in this process: buffers and programs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "core_state.h"

/* The arena never unmaps, so a freed buffer waits for an owner of the same kind. */
static struct core_buffer *reuse(struct core_dev *cd, uint64_t bytes, unsigned int access)
{
	struct core_buffer *b = cd->buffers;

	while (b && (b->in_use || b->base.bytes != bytes || b->access != access))
		b = b->next;
	if (b)
		memset(b->base.map, 0, bytes);
	return b;
}

static struct core_buffer *map_buffer(struct core_dev *cd, uint64_t bytes, unsigned int access)
{
	struct core_buffer *b = calloc(1, sizeof(*b));
	bool writes = access & (BNN_DEV_WRITE | BNN_DEV_PROFILE);

	if (b)
		b->base.map = bnn_arena_map(cd->arena, bytes, writes, &b->va);
	if (!b || !b->base.map) {
		free(b);
		return NULL;
	}
	b->base.bytes = bytes;
	b->access = access;
	b->next = cd->buffers;
	cd->buffers = b;
	return b;
}

int bnn_core_alloc(struct bnn_dev *dev, uint64_t bytes, unsigned int access,
		   struct bnn_dev_buffer **buffer, struct bnn_error *error)
{
	struct core_dev *cd = core_dev(dev);
	struct core_buffer *b = reuse(cd, bytes, access);

	if (!b)
		b = map_buffer(cd, bytes, access);
	if (!b)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY,
				"%s: no memory for a buffer of %" PRIu64
				" bytes; use a smaller batch",
				dev->target.name, bytes);
	b->in_use = true;
	*buffer = &b->base;
	return 0;
}

void bnn_core_free(struct bnn_dev *dev, struct bnn_dev_buffer *buffer)
{
	(void)dev;
	((struct core_buffer *)buffer)->in_use = false;
}

int bnn_core_load_program(struct bnn_dev *dev, const uint32_t *commands, uint32_t count,
			  uint32_t *program, struct bnn_error *error)
{
	struct core_dev *cd = core_dev(dev);
	struct core_program *more =
		realloc(cd->programs, (cd->program_count + 1) * sizeof(*cd->programs));
	uint64_t va = 0;
	void *copy = NULL;

	if (more) {
		cd->programs = more;
		copy = bnn_arena_map(cd->arena, (uint64_t)count * BNN_COMMAND_BYTES, false, &va);
	}
	if (!copy)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY,
				"%s: no memory for %" PRIu32 " commands", dev->target.name, count);
	memcpy(copy, commands, (size_t)count * BNN_COMMAND_BYTES);
	more[cd->program_count] = (struct core_program){ va, count };
	*program = cd->program_count++;
	return 0;
}
