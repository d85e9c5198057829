/* SPDX-License-Identifier: MIT */
/*
 * The core ABI: what the functional model and the Verilated RTL both offer, and
 * all that the QEMU device, the in-process executors and the benches know of a
 * core. Registers and memory structures are those of hw/spec (bnn_hw.h).
 *
 * Threads: a core has one owner thread. Every function but request_stop() is
 * called from it. Host callbacks happen only inside run() and must not call the
 * core. Many cores may live in one process; there is no global state.
 */
#ifndef BNN_CORE_H
#define BNN_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BNN_CORE_ABI 1

/* Name of the one symbol a core library exports, of type bnn_core_entry_fn. */
#define BNN_CORE_ENTRY "bnn_core_entry"

struct bnn_core;

enum bnn_core_log { BNN_CORE_LOG_ERROR, BNN_CORE_LOG_INFO, BNN_CORE_LOG_DEBUG };

/* What the host gives the core. Bus addresses are the host's. */
struct bnn_core_host {
	uint32_t abi; /* BNN_CORE_ABI */
	void *opaque;
	/*
	 * Moves len bytes (1 to 4096, never across a 4096-byte boundary).
	 * Returns 0, or non-zero for a bus error.
	 */
	int (*dma_read)(void *opaque, uint64_t addr, void *buf, uint32_t len);
	int (*dma_write)(void *opaque, uint64_t addr, const void *buf, uint32_t len);
	/* Raises vector 0 (device) or 1 + q (queue q). All writes before it are done. */
	void (*irq)(void *opaque, uint32_t vector);
	/* May be NULL. */
	void (*log)(void *opaque, enum bnn_core_log level, const char *text);
};

enum bnn_core_reset {
	BNN_CORE_RESET_SOFT, /* as register CTRL.RESET */
	BNN_CORE_RESET_FLR,  /* also clears RESET_COUNT and LAST_RUN_* */
};

enum bnn_core_state {
	BNN_CORE_IDLE, /* nothing to do until the next register write */
	BNN_CORE_BUSY, /* call run() again */
};

/* Faults for tests; each acts once unless stated. */
enum bnn_core_poke {
	BNN_CORE_POKE_HANG,	  /* the next job never ends, but for kill and reset */
	BNN_CORE_POKE_DMA_READ,	  /* arg: number of reads to let pass, then one fails */
	BNN_CORE_POKE_DMA_WRITE,  /* arg: number of writes to let pass, then one fails */
	BNN_CORE_POKE_LOST_IRQ,	  /* arg: number of interrupts to swallow */
	BNN_CORE_POKE_FLIP_BIT,	  /* arg: bit to flip in the next weights read: PARITY */
	BNN_CORE_POKE_STUCK_RESET /* the next soft reset ends with RESET_STATUS.STUCK */
};

struct bnn_core_ops {
	uint32_t abi;	  /* BNN_CORE_ABI */
	const char *name; /* "model", "rtl" */

	/*
	 * Makes a core. options is "key=value,..." or NULL. Both cores know
	 * act_kib (size of the activation memory), latency and bytes (per cycle) of
	 * the bus, the RTL also its seed and stall; an unknown key is an error.
	 * On failure returns NULL and writes a sentence into err.
	 */
	struct bnn_core *(*create)(const struct bnn_core_host *host, const char *options, char *err,
				   size_t err_len);
	void (*destroy)(struct bnn_core *core);
	void (*reset)(struct bnn_core *core, enum bnn_core_reset kind);

	/* offset: 0 to 0xfffc, a multiple of 4. Unknown registers read 0. */
	uint32_t (*mmio_read)(struct bnn_core *core, uint32_t offset);
	void (*mmio_write)(struct bnn_core *core, uint32_t offset, uint32_t value);

	/* Works for at most `cycles` device cycles, or until idle. */
	enum bnn_core_state (*run)(struct bnn_core *core, uint64_t cycles);
	/* Makes a run() in progress return soon. Any thread. */
	void (*request_stop)(struct bnn_core *core);

	/*
	 * State between two run() calls. save() returns the size needed and
	 * fills buf if len suffices. load() takes a stream of the same build and
	 * options, checks it as hostile input, and returns 0 or -1 (then the core
	 * is as after reset).
	 */
	size_t (*save)(struct bnn_core *core, void *buf, size_t len);
	int (*load)(struct bnn_core *core, const void *buf, size_t len);

	/* Returns 0, or -1 if this core cannot inject the fault. */
	int (*poke)(struct bnn_core *core, enum bnn_core_poke fault, uint64_t arg);
};

typedef const struct bnn_core_ops *(*bnn_core_entry_fn)(void);

/* The functional model (hw/model), for those who link it in. */
const struct bnn_core_ops *bnn_core_model(void);

#ifdef __cplusplus
}
#endif

#endif /* BNN_CORE_H */
