/* SPDX-License-Identifier: MIT */
/*
 * The core "both": model and RTL in lock-step, behind the core ABI.
 *
 * The model is the core that the host sees. Memory that a job touches is recorded
 * as it was before (trace.h). When the model has written a job's completion, the
 * count of finished jobs and the interrupt are held back, the RTL runs the same job
 * on the recorded memory, and both results are compared. If they differ, the device
 * stops: ERROR.MISMATCH, a sentence in the log, and a file that bnn-replay runs
 * again. Else the job is published as if nothing had been.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"

enum phase {
	PHASE_BETWEEN, /* no job: the next read is that of a ring entry */
	PHASE_JOB,     /* recording */
	PHASE_HELD,    /* the model has completed it, the RTL works */
};

struct queue {
	uint64_t ring, cq;
	uint32_t size;
};

struct bnn_core {
	struct bnn_core_host host;
	const struct bnn_core_ops *ops; /* of the model */
	struct bnn_core *model;
	void *library;
	struct replay rtl;
	struct trace trace;
	struct queue queue[BNN_QUEUES];
	char *dump; /* folder for files of mismatches */
	unsigned dumped;

	enum phase phase;
	bool skip;	/* this job is not to be compared: a fault was injected, or it was loaded */
	bool skip_next; /* nor the one that starts next */
	bool completed; /* of a JOB: the slot is written, the count follows */
	uint32_t owner; /* its queue */
	uint64_t slot;	/* where its completion goes */
	uint64_t count_addr; /* held back */
	uint8_t count[8];
	uint32_t irqs; /* vectors held back */
	bool mismatch; /* stopped, until a reset */
	bool error;    /* ERROR.MISMATCH, until acknowledged */
	bool raised;   /* vector 0 in IRQ_STATUS because of it */
	atomic_int stop;
};

static void say(struct bnn_core *core, enum bnn_core_log level, const char *text)
{
	if (core->host.log)
		core->host.log(core->host.opaque, level, text);
}

static void forget_job(struct bnn_core *core)
{
	trace_clear(&core->trace);
	core->phase = PHASE_BETWEEN;
	core->skip = core->completed = false;
	core->count_addr = 0;
	core->irqs = 0;
}

/* --- What the model asks of the host -------------------------------------- */

static int fetch(void *opaque, uint64_t addr, void *buf, uint32_t len)
{
	struct bnn_core *core = opaque;

	return core->host.dma_read(core->host.opaque, addr, buf, len);
}

/* An entry: from here on everything belongs to its job. */
static bool begin_job(struct bnn_core *core, uint64_t addr, const void *entry)
{
	for (uint32_t q = 0; q < BNN_QUEUES; q++) {
		const struct queue *queue = &core->queue[q];
		uint64_t index = (addr - queue->ring) / BNN_SIZEOF_JOB;

		if (addr < queue->ring || index >= queue->size)
			continue;
		trace_clear(&core->trace);
		memcpy(core->trace.entry, entry, BNN_SIZEOF_JOB);
		core->phase = PHASE_JOB;
		core->owner = q;
		core->slot = queue->cq + index * BNN_SIZEOF_COMPLETION;
		core->skip = core->skip_next;
		core->skip_next = core->completed = false;
		return true;
	}
	return false;
}

static int model_read(void *opaque, uint64_t addr, void *buf, uint32_t len)
{
	struct bnn_core *core = opaque;
	struct trace_page *page = NULL;
	int ret;

	if (core->phase == PHASE_JOB)
		page = trace_page(&core->trace, addr);
	ret = core->host.dma_read(core->host.opaque, addr, buf, len);
	if (ret && page)
		page->bad = true;
	if (!ret && core->phase == PHASE_BETWEEN && len == BNN_SIZEOF_JOB)
		begin_job(core, addr, buf);
	return ret;
}

/*
 * The count of finished jobs. It is held back, but whether it can be written must be
 * known now: so what was there is written again.
 */
static int hold_count(struct bnn_core *core, uint64_t addr, const void *buf)
{
	uint8_t old[8];

	if (core->host.dma_read(core->host.opaque, addr, old, sizeof(old)) ||
	    core->host.dma_write(core->host.opaque, addr, old, sizeof(old)))
		return -1;
	core->count_addr = addr;
	memcpy(core->count, buf, sizeof(core->count));
	core->phase = PHASE_HELD;
	core->ops->request_stop(core->model);
	return 0;
}

static int model_write(void *opaque, uint64_t addr, const void *buf, uint32_t len)
{
	struct bnn_core *core = opaque;
	struct trace_page *page = NULL;
	int ret;

	if (core->phase == PHASE_JOB && core->completed && len == 8) {
		ret = hold_count(core, addr, buf);
		if (ret)
			forget_job(core);
		return ret;
	}
	if (core->phase == PHASE_JOB && addr == core->slot && len == BNN_SIZEOF_COMPLETION) {
		ret = core->host.dma_write(core->host.opaque, addr, buf, len);
		if (ret) {
			forget_job(core);
			return ret;
		}
		memcpy(core->trace.completion[TRACE_MODEL], buf, len);
		core->completed = true;
		return 0;
	}
	if (core->phase == PHASE_JOB)
		page = trace_page(&core->trace, addr);
	ret = core->host.dma_write(core->host.opaque, addr, buf, len);
	if (page && ret)
		page->bad = true;
	else if (page)
		trace_write(&core->trace, TRACE_MODEL, addr, buf, len);
	return ret;
}

static void model_irq(void *opaque, uint32_t vector)
{
	struct bnn_core *core = opaque;

	if (core->phase == PHASE_HELD)
		core->irqs |= 1u << vector;
	else
		core->host.irq(core->host.opaque, vector);
}

static void model_log(void *opaque, enum bnn_core_log level, const char *text)
{
	say(opaque, level, text);
}

static void rtl_log(void *opaque, enum bnn_core_log level, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "rtl: %s", text);
	say(opaque, level, line);
}

/* --- Lock-step -------------------------------------------------------------- */

static void publish(struct bnn_core *core)
{
	uint32_t irqs = core->irqs;

	core->host.dma_write(core->host.opaque, core->count_addr, core->count, sizeof(core->count));
	forget_job(core);
	for (uint32_t v = 0; v < BNN_IRQ_VECTORS; v++)
		if (irqs >> v & 1)
			core->host.irq(core->host.opaque, v);
	/* So that the next job reads every table that it uses. */
	core->ops->mmio_write(core->model, BNN_REG_MMU_INV, 0);
}

static void stop_device(struct bnn_core *core, const char *why)
{
	char path[4096], err[256] = "", line[4800];

	snprintf(path, sizeof(path), "%s/bnnaccel-mismatch-%ld-%u.trace", core->dump,
		 (long)getpid(), core->dumped++);
	if (trace_save(&core->trace, path, err, sizeof(err)))
		snprintf(line, sizeof(line), "model and rtl differ: %s (no trace: %s)", why, err);
	else
		snprintf(line, sizeof(line), "model and rtl differ: %s. Again: bnn-replay %s", why,
			 path);
	say(core, BNN_CORE_LOG_ERROR, line);
	core->mismatch = core->error = core->raised = true;
	forget_job(core);
	if (!(core->ops->mmio_read(core->model, BNN_REG_IRQ_MASK) & 1))
		core->host.irq(core->host.opaque, 0);
}

static void follow(struct bnn_core *core, uint64_t cycles)
{
	char why[160];

	if (core->skip || trace_depends_on_time(&core->trace)) {
		publish(core);
		return;
	}
	if (!core->rtl.running)
		replay_start(&core->rtl);
	if (!replay_run(&core->rtl, cycles))
		return;
	if (trace_same(&core->trace, why, sizeof(why)))
		publish(core);
	else
		stop_device(core, why);
}

static enum bnn_core_state run(struct bnn_core *core, uint64_t cycles)
{
	uint64_t left = cycles;
	enum bnn_core_state state = BNN_CORE_BUSY;

	while (left && !atomic_load(&core->stop)) {
		uint64_t slice = left < 1000000 ? left : 1000000;

		if (core->mismatch) {
			state = BNN_CORE_IDLE;
			break;
		}
		left -= slice;
		if (core->phase == PHASE_HELD) {
			follow(core, slice);
			continue;
		}
		state = core->ops->run(core->model, slice);
		if (core->phase == PHASE_HELD)
			state = BNN_CORE_BUSY;
		else if (state == BNN_CORE_IDLE)
			break;
	}
	atomic_store(&core->stop, 0);
	return core->phase == PHASE_HELD ? BNN_CORE_BUSY : state;
}

static void request_stop(struct bnn_core *core)
{
	atomic_store(&core->stop, 1);
	core->ops->request_stop(core->model);
	core->rtl.ops->request_stop(core->rtl.core);
}

/* --- Registers ---------------------------------------------------------------- */

static uint64_t model_read64(struct bnn_core *core, uint32_t offset)
{
	return core->ops->mmio_read(core->model, offset) |
	       (uint64_t)core->ops->mmio_read(core->model, offset + 4) << 32;
}

static void learn_queues(struct bnn_core *core)
{
	for (uint32_t q = 0; q < BNN_QUEUES; q++) {
		uint32_t base = q * BNN_QUEUE_STRIDE;

		core->queue[q].ring = model_read64(core, BNN_REG_Q_RING_LO + base);
		core->queue[q].cq = model_read64(core, BNN_REG_Q_CQ_LO + base);
		core->queue[q].size = core->ops->mmio_read(core->model, BNN_REG_Q_SIZE + base);
	}
}

static void forget_all(struct bnn_core *core)
{
	forget_job(core);
	replay_reset(&core->rtl);
	core->mismatch = core->error = core->raised = core->skip_next = false;
	learn_queues(core);
}

static uint32_t mmio_read(struct bnn_core *core, uint32_t offset)
{
	uint32_t v = core->ops->mmio_read(core->model, offset);

	/* To the host the job runs until the RTL has done it too. */
	if (core->phase == PHASE_HELD &&
	    offset == BNN_REG_Q_STATUS + core->owner * BNN_QUEUE_STRIDE)
		return v & ~BNN_Q_STATUS_IDLE;
	if (core->phase == PHASE_HELD && offset == BNN_REG_RUN_QUEUE)
		return core->owner + 1;
	switch (offset) {
	case BNN_REG_FEATURES_LO:
	case BNN_REG_FEATURES_HI:
		return v & core->rtl.ops->mmio_read(core->rtl.core, offset);
	case BNN_REG_ERROR:
		return v | (core->error ? BNN_ERROR_MISMATCH : 0);
	case BNN_REG_IRQ_STATUS:
		return v | core->raised;
	default:
		return v;
	}
}

static void mmio_write(struct bnn_core *core, uint32_t offset, uint32_t value)
{
	core->ops->mmio_write(core->model, offset, value);
	if (offset == BNN_REG_CTRL && value & BNN_CTRL_RESET)
		forget_all(core);
	else if (offset == BNN_REG_ERROR && value & BNN_ERROR_MISMATCH)
		core->error = false;
	else if (offset == BNN_REG_IRQ_STATUS && value & 1)
		core->raised = false;
	else if (offset >= BNN_REG_Q_RING_LO)
		learn_queues(core);
}

static void reset(struct bnn_core *core, enum bnn_core_reset kind)
{
	core->ops->reset(core->model, kind);
	forget_all(core);
}

static int poke(struct bnn_core *core, enum bnn_core_poke fault, uint64_t arg)
{
	/* The RTL doesn't meet it when it runs the job again. */
	if (fault == BNN_CORE_POKE_DMA_READ || fault == BNN_CORE_POKE_DMA_WRITE ||
	    fault == BNN_CORE_POKE_FLIP_BIT)
		core->skip = core->skip_next = true;
	return core->ops->poke(core->model, fault, arg);
}

/* --- State ----------------------------------------------------------------------- */

#define SAVE_MAGIC 0x48544f42u /* "BOTH" */

/* Followed by the model's state. A job under way is not compared after loading. */
struct saved {
	uint32_t magic, phase;
	uint64_t slot, count_addr;
	uint8_t count[8];
	uint32_t completed, irqs, flags, owner;
};

static size_t save(struct bnn_core *core, void *buf, size_t len)
{
	struct saved head = {
		.magic = SAVE_MAGIC,
		.phase = core->phase,
		.slot = core->slot,
		.count_addr = core->count_addr,
		.completed = core->completed,
		.irqs = core->irqs,
		.owner = core->owner,
		.flags = (uint32_t)core->mismatch | (uint32_t)core->error << 1 |
			 (uint32_t)core->raised << 2,
	};
	size_t size = core->ops->save(core->model, NULL, 0);

	memcpy(head.count, core->count, sizeof(head.count));
	if (len >= sizeof(head) + size) {
		memcpy(buf, &head, sizeof(head));
		core->ops->save(core->model, (uint8_t *)buf + sizeof(head), size);
	}
	return sizeof(head) + size;
}

static int load(struct bnn_core *core, const void *buf, size_t len)
{
	struct saved head;

	if (len < sizeof(head))
		goto bad;
	memcpy(&head, buf, sizeof(head));
	if (head.magic != SAVE_MAGIC || head.phase > PHASE_HELD || head.completed > 1 ||
	    head.irqs >> BNN_IRQ_VECTORS || head.flags > 7 || head.owner >= BNN_QUEUES ||
	    head.count_addr % 8 || head.slot % BNN_SIZEOF_COMPLETION ||
	    core->ops->load(core->model, (const uint8_t *)buf + sizeof(head), len - sizeof(head)))
		goto bad;
	forget_all(core);
	core->phase = (enum phase)head.phase;
	core->skip = core->phase != PHASE_BETWEEN;
	core->owner = head.owner;
	core->slot = head.slot;
	core->count_addr = head.count_addr;
	memcpy(core->count, head.count, sizeof(core->count));
	core->completed = head.completed;
	core->irqs = head.irqs;
	core->mismatch = head.flags & 1;
	core->error = head.flags & 2;
	core->raised = head.flags & 4;
	return 0;
bad:
	reset(core, BNN_CORE_RESET_FLR);
	return -1;
}

/* --- Making ------------------------------------------------------------------------ */

static void destroy(struct bnn_core *core)
{
	if (!core)
		return;
	trace_clear(&core->trace);
	replay_close(&core->rtl);
	if (core->model)
		core->ops->destroy(core->model);
	if (core->library)
		dlclose(core->library);
	free(core->dump);
	free(core);
}

/* Paths and the options of either core, taken from "key=value,...". */
struct options {
	char model[2048], rtl[2048], model_options[256], rtl_options[256];
};

static bool append(char *list, size_t size, const char *item)
{
	size_t used = strlen(list);
	int n = snprintf(list + used, size - used, "%s%s", used ? "," : "", item);

	return n > 0 && (size_t)n < size - used;
}

static bool copy_value(char *to, size_t size, const char *item)
{
	const char *value = strchr(item, '=') + 1;
	int n = snprintf(to, size, "%s", value);

	return n > 0 && (size_t)n < size;
}

static bool take_option(struct bnn_core *core, struct options *o, const char *item)
{
	if (!strncmp(item, "model=", 6))
		return copy_value(o->model, sizeof(o->model), item);
	if (!strncmp(item, "rtl=", 4))
		return copy_value(o->rtl, sizeof(o->rtl), item);
	if (!strncmp(item, "dump=", 5)) {
		free(core->dump);
		core->dump = strdup(item + 5);
		return core->dump && item[5];
	}
	if (!strncmp(item, "act_kib=", 8))
		return append(o->model_options, sizeof(o->model_options), item) &&
		       append(o->rtl_options, sizeof(o->rtl_options), item);
	return append(o->rtl_options, sizeof(o->rtl_options), item);
}

static bool take_options(struct bnn_core *core, struct options *o, const char *text, char *err,
			 size_t len)
{
	char *copy = strdup(text ? text : ""), *rest = copy, *item;
	bool ok = copy;

	while (ok && (item = strsep(&rest, ",")))
		if (*item && !take_option(core, o, item)) {
			snprintf(err, len, "The option '%s' is empty or too long.", item);
			ok = false;
		}
	free(copy);
	return ok;
}

/* The other cores lie beside this one. */
static void beside(char *path, size_t size, const char *name)
{
	Dl_info info;
	const char *slash;

	if (*path)
		return;
	if (!dladdr((void *)beside, &info) || !(slash = strrchr(info.dli_fname, '/')))
		snprintf(path, size, "libbnnaccel-%s.so", name);
	else
		snprintf(path, size, "%.*s/libbnnaccel-%s.so", (int)(slash - info.dli_fname),
			 info.dli_fname, name);
}

static bool open_model(struct bnn_core *core, const struct options *o, char *err, size_t len)
{
	const struct bnn_core_host host = {
		.abi = BNN_CORE_ABI,
		.opaque = core,
		.dma_read = model_read,
		.dma_write = model_write,
		.irq = model_irq,
		.log = model_log,
	};
	bnn_core_entry_fn entry;

	core->library = dlopen(o->model, RTLD_NOW | RTLD_LOCAL);
	if (!core->library) {
		snprintf(err, len, "%s", dlerror());
		return false;
	}
	entry = (bnn_core_entry_fn)dlsym(core->library, BNN_CORE_ENTRY);
	core->ops = entry ? entry() : NULL;
	if (!core->ops || core->ops->abi != BNN_CORE_ABI) {
		snprintf(err, len,
			 "%s is no core library of this version: build both from the "
			 "same source",
			 o->model);
		return false;
	}
	core->model = core->ops->create(&host, o->model_options, err, len);
	return core->model;
}

static struct bnn_core *create(const struct bnn_core_host *host, const char *text, char *err,
			       size_t len)
{
	struct bnn_core *core = calloc(1, sizeof(*core));
	struct options *o = calloc(1, sizeof(*o));

	snprintf(err, len, "Out of memory.");
	if (!core || !o || !(core->dump = strdup(".")))
		goto fail;
	if (host->abi != BNN_CORE_ABI) {
		snprintf(err, len, "The host speaks core ABI %u, the core both %u.", host->abi,
			 BNN_CORE_ABI);
		goto fail;
	}
	core->host = *host;
	core->trace.fetch = fetch;
	core->trace.opaque = core;
	core->rtl.trace = &core->trace;
	core->rtl.side = TRACE_RTL;
	if (!take_options(core, o, text, err, len))
		goto fail;
	beside(o->model, sizeof(o->model), "model");
	beside(o->rtl, sizeof(o->rtl), "rtl");
	if (!open_model(core, o, err, len) ||
	    replay_open(&core->rtl, o->rtl, o->rtl_options, err, len))
		goto fail;
	core->rtl.log = rtl_log;
	core->rtl.opaque = core;
	core->trace.act_kib =
		core->ops->mmio_read(core->model, BNN_REG_CAPS_RAM) & BNN_CAPS_RAM_ACT_KIB;
	learn_queues(core);
	free(o);
	return core;
fail:
	free(o);
	destroy(core);
	return NULL;
}

__attribute__((visibility("default"))) const struct bnn_core_ops *bnn_core_entry(void);

const struct bnn_core_ops *bnn_core_entry(void)
{
	static const struct bnn_core_ops ops = {
		.abi = BNN_CORE_ABI,
		.name = "both",
		.create = create,
		.destroy = destroy,
		.reset = reset,
		.mmio_read = mmio_read,
		.mmio_write = mmio_write,
		.run = run,
		.request_stop = request_stop,
		.save = save,
		.load = load,
		.poke = poke,
	};

	return &ops;
}
