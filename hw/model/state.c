/* SPDX-License-Identifier: MIT */
/*
 * Save and load. One list of fields serves both. What is loaded is not trusted:
 * the job's entry, regions and command are decoded again, and whatever indexes
 * something is checked against them. Translations, buffers and pokes are not
 * part of the state.
 */
#include <string.h>

#include "core.h"

enum { MAGIC = 0x534e4e42 };

struct tape {
	uint8_t *buf;
	size_t len, at;
	bool load;
};

static void xfer(struct tape *s, void *field, size_t n)
{
	if (s->at <= s->len && n <= s->len - s->at) {
		if (s->load)
			memcpy(field, s->buf + s->at, n);
		else
			memcpy(s->buf + s->at, field, n);
	}
	s->at += n;
}

static void xfer_bool(struct tape *s, bool *field)
{
	uint8_t byte = *field;

	xfer(s, &byte, 1);
	*field = byte & 1;
}

#define XFER(field) xfer(s, &(field), sizeof(field))

/* False if the stream is not one of this build and configuration. */
static bool xfer_header(struct tape *s, struct bnn_core *core)
{
	uint32_t want[] = {
		MAGIC,	     regs_read(core, BNN_REG_BUILD), core->act_kib,	core->bus_bits,
		core->chunk, core->cycles.latency,	     core->cycles.bytes
	};
	uint32_t got[7];

	memcpy(got, want, sizeof(got));
	XFER(got);
	return !memcmp(got, want, sizeof(got));
}

static void xfer_queue(struct tape *s, struct queue *q)
{
	XFER(q->ring);
	XFER(q->cq);
	XFER(q->done);
	XFER(q->size);
	XFER(q->tail);
	XFER(q->head);
	XFER(q->coalesce);
	XFER(q->pending);
	XFER(q->passed);
	xfer_bool(s, &q->enabled);
	xfer_bool(s, &q->err);
}

static void xfer_loader(struct tape *s, struct cycles_loader *loader)
{
	XFER(loader->at);
	XFER(loader->count);
	for (unsigned i = 0; i < CYCLES_HELD; i++) {
		XFER(loader->held[i].free);
		XFER(loader->held[i].words);
		XFER(loader->held[i].params);
	}
	XFER(loader->traffic);
	XFER(loader->older);
}

static void xfer_job(struct tape *s, struct job *job)
{
	xfer_bool(s, &job->killed);
	xfer_bool(s, &job->hang);
	XFER(job->queue);
	XFER(job->slot);
	XFER(job->count);
	XFER(job->raw);
	XFER(job->table);
	XFER(job->index);
	XFER(job->iteration);
	XFER(job->retired);
	XFER(job->rows);
	XFER(job->profiled);
	XFER(job->start);
	XFER(job->counters);
	xfer_bool(s, &job->open);
	XFER(job->cmd.words);
	XFER(job->at);
	XFER(job->issued);
	XFER(job->rounds);
	XFER(job->retire);
	xfer_loader(s, &job->loader);
	XFER(job->sum);
}

static void xfer_core(struct tape *s, struct bnn_core *core)
{
	XFER(core->now);
	XFER(core->latched);
	XFER(core->reset_count);
	XFER(core->reset_status);
	XFER(core->irq_status);
	XFER(core->irq_mask);
	XFER(core->irq_due);
	XFER(core->error);
	XFER(core->error_info);
	XFER(core->last_queue);
	XFER(core->last_seq);
	XFER(core->counters);
	XFER(core->snapshot);
	XFER(core->macs_rest);
	XFER(core->bytes_rest);
	XFER(core->ops_rest);
	for (unsigned i = 0; i < BNN_QUEUES; i++)
		xfer_queue(s, &core->queue[i]);
	xfer_bool(s, &core->job.active);
	if (!core->job.active)
		return;
	xfer_job(s, &core->job);
	xfer(s, core->act, core->act_bytes);
}

size_t state_save(struct bnn_core *core, void *buf, size_t len)
{
	struct tape s = { .buf = buf, .len = buf ? len : 0 };

	xfer_header(&s, core);
	xfer_core(&s, core);
	return s.at;
}

static bool check_queue(const struct queue *q)
{
	return !q->enabled || (queue_sane(q) && q->tail - q->head <= q->size);
}

static bool is_cursor(const struct cursor *at, uint32_t rows, uint32_t columns, uint32_t strip)
{
	return at->y < rows && at->x < columns && at->x % strip == 0;
}

/* Where a step may leave the cursor. */
static bool check_cursor(const struct bnn_core *core)
{
	const struct job *job = &core->job;
	const struct command *cmd = &job->cmd;

	switch (cmd->info->opcode) {
	case BNN_CMD_ENC:
		return is_cursor(&job->at, cmd->h, cmd->w, encode_strip(core, cmd));
	case BNN_CMD_GATEFOLD:
		return is_cursor(&job->at, 1, cmd->cout, GATEFOLD_CHUNK);
	case BNN_CMD_CONV:
	case BNN_CMD_EW:
		return is_cursor(&job->at, cmd->oh, cmd->ow, layer_strip(core, cmd));
	case BNN_CMD_POOL:
		return is_cursor(&job->at, cmd->oh, cmd->ow, pool_strip(core, cmd));
	case BNN_CMD_TRANSPOSE:
		return is_cursor(&job->at, 1, cmd->cin, TRANSPOSE_CHUNK);
	default:
		return is_cursor(&job->at, 1, 1, 1);
	}
}

/* Only so far ahead that nothing overflows. */
static bool check_times(const struct bnn_core *core)
{
	const struct cycles_loader *loader = &core->job.loader;
	const uint64_t most = UINT64_C(1) << 62;
	bool ok = core->now < most && core->job.retire < most && loader->at < most &&
		  core->job.rounds < most && loader->count <= CYCLES_HELD;

	for (unsigned i = 0; ok && i < loader->count; i++)
		ok = loader->held[i].free < most && loader->held[i].words <= 1 << 20 &&
		     loader->held[i].params <= 1 << 20;
	for (unsigned i = 0; ok && i < CYCLES_HELD; i++)
		ok = loader->traffic[i].start <= loader->traffic[i].end &&
		     loader->traffic[i].end < most && loader->traffic[i].beats < most;
	for (unsigned i = 0; ok && i < CYCLES_OLDER; i++)
		ok = loader->older[i].end < most;
	return ok;
}

static bool check_job(struct bnn_core *core)
{
	struct job *job = &core->job;

	return job->queue < BNN_QUEUES && check_times(core) && job_parse(core) &&
	       job_regions(core) && job->iteration < job->entry.iterations &&
	       job->index <= job->entry.cmd_count - job->open &&
	       (!job->open || (decode(core, &job->cmd) && check_cursor(core)));
}

static bool check_core(struct bnn_core *core)
{
	const uint32_t vectors = (1u << BNN_IRQ_VECTORS) - 1;

	for (unsigned i = 0; i < BNN_QUEUES; i++)
		if (!check_queue(&core->queue[i]))
			return false;
	return !((core->irq_status | core->irq_mask | core->irq_due) & ~vectors) &&
	       (!core->job.active || check_job(core));
}

int state_load(struct bnn_core *core, const void *buf, size_t len)
{
	struct tape s = { .buf = (uint8_t *)buf, .len = len, .load = true };

	core_reset(core, BNN_CORE_RESET_FLR);
	if (xfer_header(&s, core)) {
		xfer_core(&s, core);
		if (s.at == len && check_core(core)) {
			core->fault = (struct fault){ 0 };
			return 0;
		}
	}
	core_reset(core, BNN_CORE_RESET_FLR);
	return -1;
}
