// SPDX-License-Identifier: MIT
/*
 * A core in this process as a device. This file does what the driver does: it
 * writes page tables, region tables and ring entries, and reads completion slots.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "core_load.h"
#include "core_state.h"

/* Device cycles between two looks at the completion count, and at stop(). */
#define SLICE (1ull << 18)

/* The core exists before the arena, whose addresses depend on the core's bus width. */
static int on_read(void *opaque, uint64_t addr, void *buf, uint32_t len)
{
	struct core_dev *cd = opaque;

	return cd->arena ? bnn_arena_dma_read(cd->arena, addr, buf, len) : -1;
}

static int on_write(void *opaque, uint64_t addr, const void *buf, uint32_t len)
{
	struct core_dev *cd = opaque;

	return cd->arena ? bnn_arena_dma_write(cd->arena, addr, buf, len) : -1;
}

/* Completions are found by their count, so there is nothing to do. */
static void on_irq(void *opaque, uint32_t vector)
{
	(void)opaque;
	(void)vector;
}

static void core_close(struct bnn_dev *dev)
{
	struct core_dev *cd = core_dev(dev);

	if (cd->core)
		cd->ops->destroy(cd->core);
	while (cd->buffers) {
		struct core_buffer *b = cd->buffers;

		cd->buffers = b->next;
		free(b);
	}
	bnn_arena_free(cd->arena);
	free(cd->programs);
	free(cd);
}

static void fill_regions(struct core_dev *cd, const struct bnn_dev_job *job,
			 struct bnn_region *table)
{
	const struct core_program *program = &cd->programs[job->program];

	memset(table, 0, BNN_REGIONS * sizeof(*table));
	table[0] = (struct bnn_region){
		.va = program->va,
		.size = (uint64_t)program->count * BNN_COMMAND_BYTES,
		.access = BNN_REGION_ACCESS_X,
	};
	for (unsigned int i = 1; i < BNN_PROGRAM_REGIONS; i++) {
		const struct bnn_dev_region *r = &job->regions[i];

		if (!r->buffer)
			continue;
		table[i] = (struct bnn_region){
			.va = ((const struct core_buffer *)r->buffer)->va + r->offset,
			.size = r->size,
			.stride = r->stride,
			.access = (r->access & BNN_DEV_READ ? BNN_REGION_ACCESS_R : 0) |
				  (r->access & BNN_DEV_WRITE ? BNN_REGION_ACCESS_W : 0) |
				  (r->access & BNN_DEV_PROFILE ? BNN_REGION_ACCESS_PROFILE : 0),
		};
	}
}

static int core_submit(struct bnn_dev *dev, const struct bnn_dev_job *job, uint64_t *ticket,
		       struct bnn_error *error)
{
	struct core_dev *cd = core_dev(dev);
	uint32_t index = cd->submitted % DEPTH;
	bool profile = job->regions[BNN_PROGRAM_PROFILE].buffer;

	if (cd->submitted - cd->reaped >= DEPTH)
		return bnn_fail(error, BNNACCEL_ERR_SYSTEM, "%s: too many jobs at once",
				dev->target.name);
	fill_regions(cd, job, cd->ring->regions[index]);
	cd->ring->jobs[index] = (struct bnn_job){
		.flags = BNN_JOB_FLAGS_IRQ | (profile ? BNN_JOB_FLAGS_PROFILE : 0),
		.seqno = ++cd->submitted,
		.directory = bnn_arena_directory(cd->arena),
		.asid = ASID,
		.regions = BNN_PROGRAM_REGIONS,
		.version = 1,
		.profile_region = profile ? BNN_PROGRAM_PROFILE : 0,
		.region_table = cd->ring_bus + offsetof(struct ring, regions) +
				index * sizeof(cd->ring->regions[0]),
		.cmd_count = cd->programs[job->program].count,
		.loop_start = job->loop_start,
		.iterations = job->iterations,
		.budget = job->budget,
	};
	reg_write(cd, Q_REG(TAIL), (uint32_t)cd->submitted);
	*ticket = cd->submitted;
	return 0;
}

static int reap(struct core_dev *cd, struct bnn_error *error)
{
	while (cd->reaped < cd->completions->done) {
		uint32_t index = cd->reaped % DEPTH;
		const struct bnn_completion *slot = &cd->completions->slots[index];

		if (slot->seqno != ++cd->reaped)
			return bnn_fail(error, BNNACCEL_ERR_DEVICE,
					"%s: completion of job %" PRIu64 " carries number %" PRIu64,
					cd->base.target.name, cd->reaped, slot->seqno);
		cd->faults[index] = (struct bnn_dev_fault){
			.ticket = slot->seqno,
			.status = slot->status,
			.detail = slot->detail,
			.command = slot->cmd_index,
			.word_offset = slot->cmd_word,
			.iteration = slot->iteration,
			.access = slot->access,
			.va = slot->fault_va,
		};
		for (unsigned int i = 0; i < BNN_COUNTERS; i++)
			cd->counters[i] += slot->counters[i];
	}
	return 0;
}

static int stopped(struct core_dev *cd, struct bnn_error *error)
{
	return bnn_fail(error, BNNACCEL_ERR_DEVICE,
			"%s: the core went idle with %" PRIu64 " of %" PRIu64
			" jobs done (ERROR 0x%x at 0x%x, Q_STATUS 0x%x)",
			cd->base.target.name, cd->completions->done, cd->submitted,
			reg_read(cd, BNN_REG_ERROR), reg_read(cd, BNN_REG_ERROR_INFO),
			reg_read(cd, Q_REG(STATUS)));
}

static int core_wait(struct bnn_dev *dev, uint64_t ticket, struct bnn_dev_fault *fault,
		     struct bnn_error *error)
{
	struct core_dev *cd = core_dev(dev);
	const struct bnn_dev_fault *result = &cd->faults[(ticket - 1) % DEPTH];
	int ret;

	while (cd->reaped < ticket) {
		enum bnn_core_state state;

		if (atomic_load(&cd->stop))
			return bnn_fail(error, BNNACCEL_ERR_CANCELLED,
					"%s: the session is being closed", dev->target.name);
		state = cd->ops->run(cd->core, SLICE);
		if (cd->completions->done > cd->submitted)
			return stopped(cd, error);
		ret = reap(cd, error);
		if (ret)
			return ret;
		if (state == BNN_CORE_IDLE && cd->reaped < ticket)
			return stopped(cd, error);
	}
	if (result->status == BNN_STATUS_OK)
		return 0;
	*fault = *result;
	return BNNACCEL_ERR_DEVICE;
}

static void core_stop(struct bnn_dev *dev)
{
	struct core_dev *cd = core_dev(dev);

	atomic_store(&cd->stop, true);
	cd->ops->request_stop(cd->core);
}

static void core_counters(struct bnn_dev *dev, uint64_t counters[BNN_COUNTERS])
{
	memcpy(counters, core_dev(dev)->counters, sizeof(core_dev(dev)->counters));
}

static const struct bnn_dev_ops core_dev_ops = {
	.load = bnn_core_load_program,
	.alloc = bnn_core_alloc,
	.free = bnn_core_free,
	.submit = core_submit,
	.wait = core_wait,
	.stop = core_stop,
	.counters = core_counters,
	.close = core_close,
};

static int read_registers(struct core_dev *cd, struct bnn_error *error)
{
	struct bnn_dev *dev = &cd->base;
	uint32_t major;

	dev->version = reg_read(cd, BNN_REG_VERSION);
	dev->build = reg_read(cd, BNN_REG_BUILD);
	major = (dev->version & BNN_VERSION_MAJOR) >> BNN_VERSION_MAJOR_SHIFT;
	if (reg_read(cd, BNN_REG_ID) != BNN_RESET_ID ||
	    major != (BNN_RESET_VERSION & BNN_VERSION_MAJOR) >> BNN_VERSION_MAJOR_SHIFT)
		return bnn_fail(
			error, BNNACCEL_ERR_NO_BACKEND,
			"core '%s' speaks interface version %u, this library another; build both "
			"from the same source",
			cd->ops->name, major);
	dev->target.features = reg_read(cd, BNN_REG_FEATURES_LO) |
			       (uint64_t)reg_read(cd, BNN_REG_FEATURES_HI) << 32;
	dev->target.caps_array = reg_read(cd, BNN_REG_CAPS_ARRAY);
	dev->target.caps_ram = reg_read(cd, BNN_REG_CAPS_RAM);
	dev->target.clock_hz = reg_read(cd, BNN_REG_CLOCK_HZ);
	dev->target.max_commands = BNN_COMMANDS_MAX;
	dev->profile = dev->target.features & BNN_FEATURES_PROFILE;
	return 0;
}

static int start_queue(struct core_dev *cd, struct bnn_error *error)
{
	uint64_t cq_bus;

	cd->ring = bnn_arena_coherent(cd->arena, sizeof(*cd->ring), 64, false, &cd->ring_bus);
	cd->completions =
		bnn_arena_coherent(cd->arena, sizeof(*cd->completions), 256, true, &cq_bus);
	if (!cd->ring || !cd->completions)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for the rings of core '%s'",
				cd->ops->name);
	reg_write64(cd, Q_REG(RING_LO), cd->ring_bus);
	reg_write64(cd, Q_REG(CQ_LO), cq_bus);
	reg_write(cd, Q_REG(SIZE), DEPTH);
	reg_write(cd, Q_REG(CTRL), BNN_Q_CTRL_EN);
	cd->ops->run(cd->core, 1024);
	if (reg_read(cd, Q_REG(STATUS)) & BNN_Q_STATUS_ERR)
		return bnn_fail(error, BNNACCEL_ERR_DEVICE, "core '%s' refused its queue",
				cd->ops->name);
	return 0;
}

/*
 * Takes "pages=mixed" or "pages=scattered" out of the options: memory is ours, the rest
 * the core's. Returns the rest, which the caller frees, or NULL: memory is short.
 */
static char *take_pages(const char *options, bool *scattered, bool *known)
{
	static const char key[] = "pages=";
	char *rest = strdup(options ? options : ""), *at = rest;

	*scattered = false;
	*known = true;
	while (at && *at) {
		size_t length = strcspn(at, ",");
		const char *value = at + sizeof(key) - 1;

		if (strncmp(at, key, sizeof(key) - 1)) {
			at += length + (at[length] == ',');
			continue;
		}
		length -= sizeof(key) - 1;
		*scattered = length == strlen("scattered") && !strncmp(value, "scattered", length);
		*known &= *scattered ||
			  (length == strlen("mixed") && !strncmp(value, "mixed", length));
		length += (size_t)(value - at);
		if (at[length])
			memmove(at, at + length + 1, strlen(at + length));
		else
			*at = 0;
	}
	return rest;
}

static int create(struct core_dev *cd, const char *options, struct bnn_error *error)
{
	struct bnn_core_host host = {
		.abi = BNN_CORE_ABI,
		.opaque = cd,
		.dma_read = on_read,
		.dma_write = on_write,
		.irq = on_irq,
	};
	char text[256] = "no reason given", *rest;
	bool known;

	rest = take_pages(options, &cd->scattered, &known);
	if (!rest)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for core '%s'",
				cd->ops->name);
	if (known)
		cd->core = cd->ops->create(&host, rest, text, sizeof(text));
	free(rest);
	if (!known)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"core option pages is mixed or scattered");
	if (!cd->core)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT, "core '%s' can't be made: %s",
				cd->ops->name, text);
	return 0;
}

static int open_core(struct core_dev *cd, bool rtl, const struct bnn_exec_options *options,
		     struct bnn_error *error)
{
	int ret;

	ret = bnn_core_load(rtl, options ? options->core : NULL, &cd->ops, error);
	if (ret)
		return ret;
	ret = create(cd, options ? options->core_options : NULL, error);
	if (!ret)
		ret = read_registers(cd, error);
	if (ret)
		return ret;
	cd->arena = bnn_arena_new((reg_read(cd, BNN_REG_MMU_CAPS) & BNN_MMU_CAPS_BUS_BITS) >>
					  BNN_MMU_CAPS_BUS_BITS_SHIFT,
				  cd->scattered);
	if (!cd->arena)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for core '%s'",
				cd->ops->name);
	return start_queue(cd, error);
}

int bnn_core_dev_open(bool rtl, const struct bnn_exec_options *options, struct bnn_dev **dev,
		      struct bnn_error *error)
{
	struct core_dev *cd = calloc(1, sizeof(*cd));
	int ret;

	*dev = NULL;
	if (!cd)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a core");
	cd->base.ops = &core_dev_ops;
	cd->base.target.name = rtl ? "rtl" : "model";
	ret = open_core(cd, rtl, options, error);
	if (ret) {
		core_close(&cd->base);
		return ret;
	}
	*dev = &cd->base;
	return 0;
}
