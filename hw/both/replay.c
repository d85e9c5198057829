/* SPDX-License-Identifier: MIT */
/* One queue of a core of our own, fed with single jobs. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "replay.h"

enum { DEPTH = 8 };

/* Behind what a PTE or a driver can name. */
#define WINDOW UINT64_C(0xffffffff00000)
#define RING_AT WINDOW
#define SLOTS_AT (WINDOW + 0x1000)

/* A job whose cost is unknown gets what a model's million cycles may take. */
#define CYCLES_LEAST UINT64_C(1000000000)

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* The place of our own memory at an address, or NULL. */
static uint8_t *own(struct replay *r, uint64_t addr, uint32_t len)
{
	if (addr >= RING_AT && addr + len <= RING_AT + sizeof(r->ring))
		return r->ring[0] + (addr - RING_AT);
	if (addr >= SLOTS_AT && addr + len <= SLOTS_AT + sizeof(r->slots))
		return r->slots[0] + (addr - SLOTS_AT);
	return NULL;
}

static int dma_read(void *opaque, uint64_t addr, void *buf, uint32_t len)
{
	struct replay *r = opaque;
	const uint8_t *mine = own(r, addr, len);

	if (!mine)
		return trace_read(r->trace, r->side, addr, buf, len);
	memcpy(buf, mine, len);
	return 0;
}

static int dma_write(void *opaque, uint64_t addr, const void *buf, uint32_t len)
{
	struct replay *r = opaque;
	uint8_t *mine = own(r, addr, len);

	if (!mine)
		return trace_write(r->trace, r->side, addr, buf, len);
	memcpy(mine, buf, len);
	return 0;
}

/* Polled instead. */
static void irq(void *opaque, uint32_t vector)
{
	(void)opaque;
	(void)vector;
}

static void log_text(void *opaque, enum bnn_core_log level, const char *text)
{
	struct replay *r = opaque;

	if (r->log)
		r->log(r->opaque, level, text);
}

static void set(struct replay *r, uint32_t offset, uint64_t value)
{
	r->ops->mmio_write(r->core, offset, (uint32_t)value);
}

static void set64(struct replay *r, uint32_t offset, uint64_t value)
{
	set(r, offset, value);
	set(r, offset + 4, value >> 32);
}

void replay_reset(struct replay *r)
{
	r->ops->reset(r->core, BNN_CORE_RESET_FLR);
	memset(r->ring, 0, sizeof(r->ring));
	memset(r->slots, 0, sizeof(r->slots));
	r->tail = 0;
	r->running = false;
	set64(r, BNN_REG_Q_RING_LO, RING_AT);
	set64(r, BNN_REG_Q_CQ_LO, SLOTS_AT);
	set(r, BNN_REG_Q_SIZE, DEPTH);
	set(r, BNN_REG_Q_CTRL, BNN_Q_CTRL_EN);
}

int replay_open(struct replay *r, const char *library, const char *options, char *err, size_t len)
{
	struct bnn_core_host host = {
		.abi = BNN_CORE_ABI,
		.opaque = r,
		.dma_read = dma_read,
		.dma_write = dma_write,
		.irq = irq,
		.log = log_text,
	};
	bnn_core_entry_fn entry;

	r->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (!r->library) {
		snprintf(err, len, "%s", dlerror());
		return -1;
	}
	entry = (bnn_core_entry_fn)dlsym(r->library, BNN_CORE_ENTRY);
	r->ops = entry ? entry() : NULL;
	if (!r->ops || r->ops->abi != BNN_CORE_ABI) {
		snprintf(err, len,
			 "%s is no core library of this version: build both from the "
			 "same source",
			 library);
		goto fail;
	}
	r->core = r->ops->create(&host, options, err, len);
	if (!r->core)
		goto fail;
	replay_reset(r);
	return 0;
fail:
	dlclose(r->library);
	memset(r, 0, sizeof(*r));
	return -1;
}

void replay_close(struct replay *r)
{
	if (r->core)
		r->ops->destroy(r->core);
	if (r->library)
		dlclose(r->library);
	memset(r, 0, sizeof(*r));
}

static bool is_invalidating(struct replay *r)
{
	return r->ops->mmio_read(r->core, BNN_REG_MMU_INV_STATUS) & BNN_MMU_INV_STATUS_BUSY;
}

void replay_start(struct replay *r)
{
	uint8_t *entry = r->ring[r->tail % DEPTH];
	uint64_t model = get(r->trace->completion[TRACE_MODEL] + BNN_COMPLETION_CYCLES, 8);

	memcpy(entry, r->trace->entry, BNN_SIZEOF_JOB);
	/* A budget is time, and the cores differ in it. That of 0 is an error to keep. */
	if (get(entry + BNN_JOB_BUDGET, 4))
		put(entry + BNN_JOB_BUDGET, UINT32_MAX, 4);
	r->cycles = CYCLES_LEAST + model * 1000;
	r->running = true;
	/* Translations of the job before: each job brings its tables along. */
	set(r, BNN_REG_MMU_INV, 0);
	for (unsigned i = 0; i < 1000 && is_invalidating(r); i++)
		r->ops->run(r->core, 1000);
	set(r, BNN_REG_Q_TAIL, ++r->tail);
}

bool replay_run(struct replay *r, uint64_t cycles)
{
	uint8_t *completion = r->trace->completion[r->side];

	if (cycles > r->cycles)
		cycles = r->cycles;
	r->ops->run(r->core, cycles);
	r->cycles -= cycles;
	if (get(r->slots[DEPTH], 8) == r->tail) {
		memcpy(completion, r->slots[(r->tail - 1) % DEPTH], BNN_SIZEOF_COMPLETION);
		r->running = false;
		return true;
	}
	if (r->cycles)
		return false;
	replay_reset(r);
	memcpy(completion, r->trace->completion[TRACE_MODEL], BNN_SIZEOF_COMPLETION);
	put(completion + BNN_COMPLETION_STATUS, BNN_STATUS_TIMEOUT, 4);
	return true;
}
