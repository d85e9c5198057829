/* SPDX-License-Identifier: MIT */
/*
 * A host for any core library: memory with bus addresses, page tables, rings,
 * and TAP. Bus pages behind neighbouring virtual pages are never neighbours.
 */
#ifndef TESTS_CORE_HOST_H
#define TESTS_CORE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bnn_core.h"
#include "bnn_hw.h"
#include "bnn_hw_fields.h"

/* Bus memory. */
#define HOST_BUS UINT64_C(0x140000000)
enum {
	HOST_RINGS = 0, /* per queue: ring, completion slots, status block */
	HOST_RING_BYTES = 0x20000,
	HOST_CQ = 0x8000, /* behind the ring */
	HOST_TABLES = 4 * HOST_RING_BYTES,
	HOST_DIRECTORY = HOST_TABLES, /* 16 KiB */
	HOST_DIRECTORY2 = HOST_TABLES + 0x4000,
	HOST_REGIONS = HOST_TABLES + 0x8000, /* 1 KiB for each entry of each ring */
	HOST_LEAVES = HOST_REGIONS + 4 * 256 * 1024,
	HOST_LEAF_COUNT = 16,
	HOST_DATA = 0x400000, /* a multiple of the block size */
	HOST_DATA_BYTES = 0x800000,
	HOST_BYTES = HOST_DATA + HOST_DATA_BYTES
};

/* Virtual memory: data page k is at HOST_VA + 4096 * k. */
enum { HOST_VA = 0x10000000, HOST_ASID = 7 };

/* Regions of a standard job, all within the data. */
enum {
	R_PROGRAM = 0,
	R_READ = 1,
	R_WRITE = 2,
	R_BOTH = 3,
	R_LOG = 4,
	R_UNBOUND = 5,
	R_ALIAS = 6, /* R_BOTH from ALIAS_SKIP on, under another index */
	R_COUNT = 7,
	PROGRAM_BYTES = 0x80000,
	READ_AT = PROGRAM_BYTES,
	READ_BYTES = 0x300000,
	WRITE_AT = READ_AT + READ_BYTES,
	WRITE_BYTES = 0x200000,
	BOTH_AT = WRITE_AT + WRITE_BYTES,
	BOTH_BYTES = 0x200000,
	ALIAS_SKIP = 0x8000,
	LOG_AT = BOTH_AT + BOTH_BYTES,
	LOG_BYTES = 0x10000
};

struct host {
	const struct bnn_core_ops *ops;
	struct bnn_core *core;
	void *library;
	uint8_t *mem; /* HOST_BYTES */
	uint32_t features;
	uint32_t act_bytes;
	uint32_t tail[BNN_QUEUES];
	uint64_t seqno;
	unsigned irqs[BNN_IRQ_VECTORS];
	unsigned reads, writes, stray; /* transactions; those against the rules */
	unsigned leaves;	       /* tables handed out */
	uint64_t closed;	       /* a bus page that must not be used; 0: none */
	unsigned trespasses;	       /* uses of it */
	uint64_t last;		       /* the page of the last access to data, as data offset */
	uint64_t slice;		       /* cycles per run() */
	/* order of events: completion slot, done and interrupt of the last job */
	unsigned clock, slot_at, done_at, irq_at;
	unsigned order_queue;
};

/* Loads the core library (NULL: the one linked in, see host_linked) and makes a core. */
struct host *host_open(const char *library, const char *options);
void host_close(struct host *h);
/* Set by programs that link a core in. */
extern const struct bnn_core_ops *(*host_linked)(void);

uint32_t host_reg(struct host *h, uint32_t offset);
void host_set(struct host *h, uint32_t offset, uint32_t value);
void host_run(struct host *h); /* until idle */

/* Fresh page tables for all data, queues enabled, interrupts unmasked. */
void host_setup(struct host *h);
void host_enable(struct host *h, unsigned q, unsigned depth);
uint64_t host_bus(uint64_t va);		       /* of mapped data */
uint8_t *host_at(struct host *h, uint64_t va); /* only to the end of the page */
void host_put(struct host *h, uint64_t va, const void *data, size_t n);
void host_get(struct host *h, uint64_t va, void *data, size_t n);
uint64_t host_pte(struct host *h, uint64_t va);
void host_set_pte(struct host *h, uint64_t va, uint64_t pte);
uint64_t host_pde(struct host *h, uint64_t va);
void host_set_pde(struct host *h, uint64_t va, uint64_t pde);

/* A standard job over `count` commands, to be altered before it is submitted. */
struct job {
	struct bnn_job entry;
	struct bnn_region region[BNN_REGIONS];
};
void job_init(struct job *job, uint32_t count);
void job_program(struct host *h, uint32_t words[][32], uint32_t count);
/* Returns the seqno. */
uint64_t job_submit(struct host *h, unsigned q, struct job *job);
/* Completion of the entry submitted last in q, after host_run(). */
struct bnn_completion job_result(struct host *h, unsigned q);
struct bnn_completion job_result_at(struct host *h, unsigned q, uint32_t count);
/* All of these for one list in queue 1. */
struct bnn_completion run_list(struct host *h, uint32_t words[][32], uint32_t count);
/* One command and END. */
struct bnn_completion run_one(struct host *h, const uint32_t *words);

/* Commands. */
void cmd_init(uint32_t *words, uint32_t opcode);
/* A tensor in the three words from `word`; PIXEL 0, smallest legal pitch. */
void cmd_tensor(uint32_t *words, unsigned word, uint32_t region, uint32_t offset, uint32_t format,
		uint32_t w, uint32_t c);
void cmd_vector(uint32_t *words, unsigned word, uint32_t region, uint32_t offset);
/* Features that a command needs (register FEATURES). */
uint32_t cmd_features(const uint32_t *words);
/* What a command needs and a core with these features lacks; SHIFT_ONLY where it multiplies. */
uint32_t cmd_lacks(const uint32_t *words, uint32_t features);

/* TAP. */
bool tap_ok(bool pass, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tap_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int tap_done(void); /* the program's exit status */

/* A small generator of numbers: same everywhere. */
struct rng {
	uint64_t state;
};
uint32_t rng_next(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n);
uint32_t rng_range(struct rng *r, uint32_t lo, uint32_t hi); /* inclusive */
bool rng_one_in(struct rng *r, uint32_t n);
void rng_fill(struct rng *r, void *data, size_t n);

#endif /* TESTS_CORE_HOST_H */
