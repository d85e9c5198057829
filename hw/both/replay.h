/* SPDX-License-Identifier: MIT */
/* Runs the job of a trace on a core: its memory is the trace, its ring our own. */
#ifndef BNN_BOTH_REPLAY_H
#define BNN_BOTH_REPLAY_H

#include "bnn_core.h"
#include "trace.h"

struct replay {
	const struct bnn_core_ops *ops;
	struct bnn_core *core;
	void *library;
	struct trace *trace;
	enum trace_side side;
	uint32_t tail;	 /* jobs started */
	uint64_t cycles; /* left for this one */
	bool running;
	/* Ring, completion slots and status block, at bus addresses beyond all others. */
	uint8_t ring[8][BNN_SIZEOF_JOB];
	uint8_t slots[9][BNN_SIZEOF_COMPLETION];
	void (*log)(void *opaque, enum bnn_core_log level, const char *text);
	void *opaque;
};

/* Loads a core library and makes a core. 0, or -1 with a sentence. */
int replay_open(struct replay *r, const char *library, const char *options, char *err, size_t len);
void replay_close(struct replay *r);
/* Forgets the job, if one is running. */
void replay_reset(struct replay *r);
/* Begins the job of the trace. */
void replay_start(struct replay *r);
/*
 * Works for at most so many cycles, or until the job ends or request_stop() of
 * the core. True: it has ended, and its completion is in the trace; one that
 * does not end within its budget gets status TIMEOUT.
 */
bool replay_run(struct replay *r, uint64_t cycles);

#endif /* BNN_BOTH_REPLAY_H */
