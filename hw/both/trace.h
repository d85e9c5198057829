/* SPDX-License-Identifier: MIT */
/*
 * A trace: one job and all bus memory it touches, as it was before, so that any
 * core can run the job again and what each core wrote can be compared.
 */
#ifndef BNN_BOTH_TRACE_H
#define BNN_BOTH_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bnn_hw.h"

enum trace_side { TRACE_MODEL, TRACE_RTL, TRACE_SIDES };

struct trace_page {
	uint64_t addr; /* bus address, a multiple of BNN_PAGE_SIZE */
	bool bad;      /* an access ended in a bus error */
	uint8_t before[BNN_PAGE_SIZE];
	uint8_t after[TRACE_SIDES][BNN_PAGE_SIZE];
	uint8_t written[TRACE_SIDES][BNN_PAGE_SIZE / 8]; /* a bit per byte */
};

struct trace {
	/* Where a page comes from that is touched for the first time: 0, or a bus error. */
	int (*fetch)(void *opaque, uint64_t addr, void *buf, uint32_t len);
	void *opaque;
	uint32_t act_kib;
	uint8_t entry[BNN_SIZEOF_JOB];
	uint8_t completion[TRACE_SIDES][BNN_SIZEOF_COMPLETION];
	bool incomplete;	   /* out of memory: not to be compared */
	struct trace_page **pages; /* hash table; NULL where empty */
	size_t count, capacity;
};

/* Forgets the job. */
void trace_clear(struct trace *t);
/* The page of an address; NULL when there is no memory left for it. */
struct trace_page *trace_page(struct trace *t, uint64_t addr);
/* Within a page. 0, or non-zero for a bus error. */
int trace_read(struct trace *t, enum trace_side side, uint64_t addr, void *buf, uint32_t len);
int trace_write(struct trace *t, enum trace_side side, uint64_t addr, const void *buf,
		uint32_t len);

/* Whether the model ended the job for reasons of time: another core need not. */
bool trace_depends_on_time(const struct trace *t);

/*
 * Whether both sides ended alike; if not, why is a sentence. Not compared are
 * jobs whose end depends on time, what the RTL reports as
 * UNSUPPORTED or beyond its CAPACITY, the log of a profiled job, and the memory
 * of jobs that ended with a bus or translation fault, which is undefined then.
 */
bool trace_same(struct trace *t, char *why, size_t len);

/* Files: 0, or -1 with a sentence. */
int trace_save(const struct trace *t, const char *path, char *err, size_t len);
int trace_load(struct trace *t, const char *path, char *err, size_t len);

#endif /* BNN_BOTH_TRACE_H */
