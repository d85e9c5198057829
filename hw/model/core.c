/* SPDX-License-Identifier: MIT */
/* The core ABI: creation, reset and the run loop. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

enum {
	ACT_KIB = 256,
	ACT_KIB_MAX = 4095,
	BUS_BITS_MIN = 32,
	BUS_BITS_MAX = 52,
	LATENCY_MAX = 1000000
};

void core_log(struct bnn_core *core, enum bnn_core_log level, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!core->host.log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	core->host.log(core->host.opaque, level, text);
}

void core_reset(struct bnn_core *core, enum bnn_core_reset kind)
{
	bool soft = kind == BNN_CORE_RESET_SOFT;

	core->last_queue = soft && core->job.active ? core->job.queue + 1 : 0;
	core->last_seq = soft ? (uint32_t)core->job.entry.seqno & 0x7fffffff : 0;
	core->reset_count = soft ? (core->reset_count + 1) & 0x7fffffff : 0;
	core->reset_status = soft && core->poke.stuck ? BNN_RESET_STATUS_STUCK : 0;
	core->poke.stuck = false;
	if (!soft)
		core->poke = (struct pokes){ 0 };
	job_drop(core);
	mmu_invalidate(core, 0);
	memset(core->act, 0, core->act_bytes);
	memset(core->queue, 0, sizeof(core->queue));
	memset(core->counters, 0, sizeof(core->counters));
	memset(core->snapshot, 0, sizeof(core->snapshot));
	core->irq_status = core->irq_due = core->error = core->error_info = 0;
	core->irq_mask = BNN_RESET_IRQ_MASK;
	core->macs_rest = core->bytes_rest = core->ops_rest = 0;
}

static bool number(const char *text, unsigned long lo, unsigned long hi, uint32_t *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 0);

	if (*text < '0' || *text > '9' || *end || v < lo || v > hi)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* The index of value in a NULL-terminated list, or -1. */
static int choice(const char *value, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], value))
			return i;
	return -1;
}

static bool set_option(struct bnn_core *core, const char *key, const char *value)
{
	static const char *const tlb[] = { "normal", "sticky", "none", NULL };
	static const char *const path[] = { "fast", "plain", NULL };
	int i;

	if (!strcmp(key, "act_kib"))
		return number(value, 0, ACT_KIB_MAX, &core->act_kib);
	if (!strcmp(key, "bus_bits"))
		return number(value, BUS_BITS_MIN, BUS_BITS_MAX, &core->bus_bits);
	if (!strcmp(key, "latency"))
		return number(value, 0, LATENCY_MAX, &core->cycles.latency);
	if (!strcmp(key, "bytes"))
		return number(value, 1, 16, &core->cycles.bytes) && 16 % core->cycles.bytes == 0;
	if (!strcmp(key, "chunk"))
		return number(value, 1, UINT32_MAX, &core->chunk);
	if (!strcmp(key, "tlb")) {
		i = choice(value, tlb);
		core->tlb.mode = i < 0 ? TLB_NORMAL : (enum tlb_mode)i;
		return i >= 0;
	}
	if (!strcmp(key, "path")) {
		i = choice(value, path);
		core->plain = i == 1;
		return i >= 0;
	}
	return false;
}

static bool set_options(struct bnn_core *core, const char *options, char *err, size_t err_len)
{
	char *copy = strdup(options ? options : ""), *rest = copy, *item;
	bool ok = copy;

	while (ok && (item = strtok_r(rest, ",", &rest))) {
		char *equals = strchr(item, '=');

		if (equals)
			*equals = 0;
		ok = equals && set_option(core, item, equals + 1);
		if (!ok)
			snprintf(err, err_len, "The model does not know the option '%s%s%s'.", item,
				 equals ? "=" : "", equals ? equals + 1 : "");
	}
	if (!copy)
		snprintf(err, err_len, "Out of memory.");
	free(copy);
	return ok;
}

static void destroy(struct bnn_core *core)
{
	if (!core)
		return;
	scratch_free(core);
	free(core->tlb.line);
	free(core->act);
	free(core);
}

static bool has_popcnt(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("popcnt");
#else
	return false;
#endif
}

static struct bnn_core *create(const struct bnn_core_host *host, const char *options, char *err,
			       size_t err_len)
{
	struct bnn_core *core;

	if (host->abi != BNN_CORE_ABI) {
		snprintf(err, err_len, "The host speaks core ABI %u, the model %u.", host->abi,
			 BNN_CORE_ABI);
		return NULL;
	}
	core = calloc(1, sizeof(*core));
	if (!core) {
		snprintf(err, err_len, "Out of memory.");
		return NULL;
	}
	core->host = *host;
	core->act_kib = ACT_KIB;
	core->bus_bits = BUS_BITS_MAX;
	core->chunk = UINT32_MAX;
	core->cycles = cycles_default;
	core->popcnt = has_popcnt();
	if (!set_options(core, options, err, err_len)) {
		destroy(core);
		return NULL;
	}
	core->act_bytes = (size_t)core->act_kib * 1024;
	core->act = malloc(core->act_bytes + 1);
	if (!core->act) {
		snprintf(err, err_len, "Out of memory.");
		destroy(core);
		return NULL;
	}
	core_reset(core, BNN_CORE_RESET_FLR);
	return core;
}

static enum bnn_core_state run(struct bnn_core *core, uint64_t cycles)
{
	uint64_t end = cycles > UINT64_MAX - core->now ? UINT64_MAX : core->now + cycles;
	enum bnn_core_state state = BNN_CORE_BUSY;

	do {
		irq_deliver(core);
		if (core->job.active) {
			job_step(core, end);
		} else if (!queue_next(core)) {
			state = BNN_CORE_IDLE;
			break;
		}
	} while (core->now < end && !atomic_load_explicit(&core->stop, memory_order_relaxed));
	irq_deliver(core);
	atomic_store_explicit(&core->stop, 0, memory_order_relaxed);
	return state;
}

static void request_stop(struct bnn_core *core)
{
	atomic_store_explicit(&core->stop, 1, memory_order_relaxed);
}

static int poke(struct bnn_core *core, enum bnn_core_poke fault, uint64_t arg)
{
	switch (fault) {
	case BNN_CORE_POKE_HANG:
		core->poke.hang = true;
		return 0;
	case BNN_CORE_POKE_DMA_READ:
		core->poke.read = true;
		core->poke.reads = arg;
		return 0;
	case BNN_CORE_POKE_DMA_WRITE:
		core->poke.write = true;
		core->poke.writes = arg;
		return 0;
	case BNN_CORE_POKE_LOST_IRQ:
		core->poke.lost_irqs = arg;
		return 0;
	case BNN_CORE_POKE_FLIP_BIT:
		core->poke.flip = true;
		return 0;
	case BNN_CORE_POKE_STUCK_RESET:
		core->poke.stuck = true;
		return 0;
	}
	return -1;
}

const struct bnn_core_ops *bnn_core_model(void)
{
	static const struct bnn_core_ops ops = {
		.abi = BNN_CORE_ABI,
		.name = "model",
		.create = create,
		.destroy = destroy,
		.reset = core_reset,
		.mmio_read = regs_read,
		.mmio_write = regs_write,
		.run = run,
		.request_stop = request_stop,
		.save = state_save,
		.load = state_load,
		.poke = poke,
	};

	return &ops;
}
