/* SPDX-License-Identifier: MIT */
/* A job from its ring entry to its status: entry, regions, commands, iterations. */
#include <string.h>

#include "core.h"

#define VA_END (UINT64_C(1) << 32)

static bool fault_status(struct bnn_core *core, uint32_t status, uint32_t access, uint64_t va)
{
	core->fault = (struct fault){ .status = status,
				      .access = access,
				      .va = va & ~(uint64_t)(BNN_PAGE_SIZE - 1) };
	return false;
}

static bool is_entry_legal(const struct bnn_job *e)
{
	bool profile = e->flags & BNN_JOB_FLAGS_PROFILE;

	return !(e->flags & ~(BNN_JOB_FLAGS_IRQ | BNN_JOB_FLAGS_PROFILE)) && !e->reserved &&
	       e->version == 1 && e->asid && e->directory % (BNN_DIRECTORY_ENTRIES * 8) == 0 &&
	       e->regions >= 1 && e->regions <= BNN_REGIONS && e->region_table % 64 == 0 &&
	       e->cmd_offset % BNN_COMMAND_BYTES == 0 && e->cmd_count >= 1 &&
	       e->cmd_count <= BNN_COMMANDS_MAX && e->loop_start < e->cmd_count &&
	       e->iterations >= 1 && e->iterations <= BNN_ITERATIONS_MAX && e->budget &&
	       (profile ? e->profile_region < e->regions : !e->profile_region);
}

/* Decodes job.raw. */
bool job_parse(struct bnn_core *core)
{
	const uint8_t *raw = core->job.raw;
	struct bnn_job *e = &core->job.entry;

	*e = (struct bnn_job){
		.flags = get32(raw + BNN_JOB_FLAGS),
		.ctx = get32(raw + BNN_JOB_CTX),
		.seqno = get64(raw + BNN_JOB_SEQNO),
		.directory = get64(raw + BNN_JOB_DIRECTORY),
		.asid = (uint16_t)get16(raw + BNN_JOB_ASID),
		.regions = raw[BNN_JOB_REGIONS],
		.version = raw[BNN_JOB_VERSION],
		.profile_region = get32(raw + BNN_JOB_PROFILE_REGION),
		.region_table = get64(raw + BNN_JOB_REGION_TABLE),
		.cmd_offset = get32(raw + BNN_JOB_CMD_OFFSET),
		.cmd_count = get32(raw + BNN_JOB_CMD_COUNT),
		.loop_start = get32(raw + BNN_JOB_LOOP_START),
		.iterations = get32(raw + BNN_JOB_ITERATIONS),
		.budget = get32(raw + BNN_JOB_BUDGET),
		.reserved = get32(raw + BNN_JOB_RESERVED),
	};
	return is_entry_legal(e) || fault_status(core, BNN_STATUS_BAD_ENTRY, 0, 0);
}

static bool is_region_legal(const struct region *g, uint32_t reserved, uint32_t iterations)
{
	uint32_t x = BNN_REGION_ACCESS_X,
		 others = BNN_REGION_ACCESS_R | BNN_REGION_ACCESS_W | BNN_REGION_ACCESS_PROFILE;

	if (reserved || g->access & ~(x | others) || (g->access & x && g->access & others))
		return false;
	if (!g->size)
		return true;
	return g->size <= VA_END && g->va <= VA_END - g->size &&
	       (iterations == 1 || g->stride <= (VA_END - g->size - g->va) / (iterations - 1));
}

/* Decodes job.table; regions behind it are not bound. */
bool job_regions(struct bnn_core *core)
{
	struct job *job = &core->job;
	const struct bnn_job *e = &job->entry;
	const struct region *program = &job->region[0], *log = &job->region[e->profile_region];

	memset(job->region, 0, sizeof(job->region));
	for (uint32_t i = 0; i < e->regions; i++) {
		const uint8_t *raw = job->table + i * BNN_SIZEOF_REGION;
		struct region *g = &job->region[i];

		g->va = get64(raw + BNN_REGION_VA);
		g->size = get64(raw + BNN_REGION_SIZE);
		g->stride = get64(raw + BNN_REGION_STRIDE);
		g->access = get32(raw + BNN_REGION_ACCESS);
		if (!is_region_legal(g, get32(raw + BNN_REGION_RESERVED), e->iterations))
			return fault_status(core, BNN_STATUS_BAD_REGION, i, 0);
	}
	if (e->flags & BNN_JOB_FLAGS_PROFILE &&
	    (!log->size || !(log->access & BNN_REGION_ACCESS_PROFILE)))
		return fault_status(core, BNN_STATUS_BAD_REGION, e->profile_region, 0);
	if ((uint64_t)e->cmd_offset + (uint64_t)e->cmd_count * BNN_COMMAND_BYTES > program->size)
		return fault_status(core, BNN_STATUS_BAD_BOUNDS, 0, 0);
	if (!(program->access & BNN_REGION_ACCESS_X))
		return fault_status(core, BNN_STATUS_BAD_ACCESS, 0, 0);
	return true;
}

static bool read_regions(struct bnn_core *core)
{
	uint32_t size = core->job.entry.regions * BNN_SIZEOF_REGION, n;

	for (uint32_t at = 0; at < size; at += n) {
		uint64_t bus = core->job.entry.region_table + at;

		n = min_u32(size - at, BNN_PAGE_SIZE - (uint32_t)(bus % BNN_PAGE_SIZE));
		if (!bus_read(core, bus, core->job.table + at, n))
			return fault_status(core, BNN_STATUS_BUS_ERROR,
					    STREAM_OTHER << BNN_COMPLETION_ACCESS_STREAM_SHIFT,
					    bus);
	}
	return job_regions(core);
}

/* The entry has been read, and it is known where the completion goes. */
void job_start(struct bnn_core *core)
{
	struct job *job = &core->job;

	memset(core->act, 0, core->act_bytes);
	job->active = true;
	job->start = core->now;
	core->fault = (struct fault){ 0 };
	if (!job_parse(core) || !read_regions(core))
		queue_complete(core);
}

/* Forgets the job and all that belongs to it. */
void job_drop(struct bnn_core *core)
{
	memset(&core->job, 0, sizeof(core->job));
	scratch_free(core);
}

static bool open_command(struct bnn_core *core)
{
	struct job *job = &core->job;
	const struct region *g = &job->region[0];
	struct ref list = {
		.used = true,
		.stream = STREAM_COMMANDS,
		.base = g->va + g->stride * job->iteration + job->entry.cmd_offset,
		.extent = (uint64_t)job->entry.cmd_count * BNN_COMMAND_BYTES,
	};
	uint8_t raw[BNN_COMMAND_BYTES];

	if (job->index == job->entry.cmd_count) {
		job->index--;
		return fault_status(core, BNN_STATUS_NO_END, 0, 0);
	}
	/* Later commands are fetched and checked while older ones run. */
	charge_cycles(core, job->retired ? 1 : core->cycles.latency);
	if (!mem_read(core, &list, (uint64_t)job->index * BNN_COMMAND_BYTES, raw, sizeof(raw)))
		return false;
	for (unsigned i = 0; i < 32; i++)
		job->cmd.words[i] = get32(raw + 4 * i);
	if (!decode(core, &job->cmd))
		return false;
	job->open = true;
	job->at = (struct cursor){ 0, 0 };
	job->rows = 0;
	job->issued = core->now - job->start;
	job->rounds = 0;
	if (!job->retired) {
		job->retire = core->now;
		job->loader.at = core->now + CYCLES_LOAD + core->cycles.latency;
	}
	memset(job->sum, 0, sizeof(job->sum));
	core->prepared = false;
	return true;
}

static enum step command_step(struct bnn_core *core)
{
	switch (core->job.cmd.info->opcode) {
	case BNN_CMD_ENC:
		return encode_step(core);
	case BNN_CMD_GATEFOLD:
		return gatefold_step(core);
	case BNN_CMD_CONV:
	case BNN_CMD_EW:
		return layer_step(core);
	case BNN_CMD_POOL:
		return pool_step(core);
	case BNN_CMD_TRANSPOSE:
		return transpose_step(core);
	default: /* NOP, END, PREFETCH */
		return STEP_DONE;
	}
}

static bool profile(struct bnn_core *core, uint32_t stall)
{
	struct job *job = &core->job;
	const struct region *g = &job->region[job->entry.profile_region];
	struct ref log = { .used = true,
			   .write = true,
			   .stream = STREAM_OTHER,
			   .region = (uint8_t)job->entry.profile_region,
			   .base = g->va,
			   .extent = g->size };
	uint8_t raw[BNN_SIZEOF_PROFILE] = { 0 };

	if (!(job->entry.flags & BNN_JOB_FLAGS_PROFILE))
		return true;
	if (job->profiled >= g->size / BNN_SIZEOF_PROFILE) {
		count(core, BNN_COUNTER_PROFILE_DROPPED, 1);
		return true;
	}
	put32(raw + BNN_PROFILE_CMD_INDEX, job->index);
	put32(raw + BNN_PROFILE_OPCODE, job->cmd.info->opcode);
	put32(raw + BNN_PROFILE_ITERATION, job->iteration);
	put32(raw + BNN_PROFILE_STALL, stall);
	put64(raw + BNN_PROFILE_START, job->issued);
	put64(raw + BNN_PROFILE_END, core->now - job->start);
	if (!mem_write(core, &log, (uint64_t)job->profiled++ * BNN_SIZEOF_PROFILE, raw,
		       sizeof(raw)))
		return false;
	/* The next command begins behind it. */
	charge_cycles(core, core->cycles.latency + CYCLES_LOG);
	job->retire = core->now;
	return true;
}

static bool is_late(const struct bnn_core *core)
{
	return (core->now - core->job.start) / BNN_BUDGET_UNIT >= core->job.entry.budget;
}

/*
 * The command at index is done, and the rest of its time passes. False: so is the job, or
 * that time was too long.
 */
static bool retire(struct bnn_core *core)
{
	struct job *job = &core->job;
	bool end = job->cmd.info->opcode == BNN_CMD_END;
	uint32_t stall = charge_command(core);

	if (is_late(core))
		return fault_status(core, BNN_STATUS_TIMEOUT, 0, 0);
	job->open = false;
	count_retired(core, &job->cmd);
	job->retired++;
	if (!profile(core, stall))
		return false;
	if (!end) {
		job->index++;
		return true;
	}
	if (job->iteration + 1 == job->entry.iterations)
		return false;
	job->iteration++;
	job->index = job->entry.loop_start;
	return true;
}

void job_step(struct bnn_core *core, uint64_t end)
{
	struct job *job = &core->job;
	bool more;

	if (job->killed) {
		fault_status(core, BNN_STATUS_KILLED, 0, 0);
		more = false;
	} else if (job->hang) {
		charge_cycles(core, end > core->now ? end - core->now : 1);
		return;
	} else if (is_late(core)) {
		fault_status(core, BNN_STATUS_TIMEOUT, 0, 0);
		more = false;
	} else if (!job->open) {
		more = open_command(core);
	} else {
		enum step step = command_step(core);

		more = step == STEP_MORE || (step == STEP_DONE && retire(core));
	}
	if (!more)
		queue_complete(core);
}
