/* SPDX-License-Identifier: MIT */
/*
 * Which nodes of a network the device runs and which the CPU engine, and why.
 * Neighbours on one side form a segment; segments run in program order. The bits
 * do not depend on it.
 */
#ifndef BNN_COMPILE_PLACEMENT_H
#define BNN_COMPILE_PLACEMENT_H

#include <stdbool.h>

#include "../net.h"
#include "target.h"

struct bnn_error;

/* What becomes of a node that the device can't run. */
enum bnn_fallback {
	BNN_FALLBACK_NEVER,  /* an error that names it */
	BNN_FALLBACK_NEEDED, /* the CPU runs it */
	BNN_FALLBACK_COST,   /* and neighbours that would not be worth their transfers */
};

/* Nodes [first, end) on one side. */
struct bnn_segment {
	uint32_t first, end;
	bool cpu;
};

struct bnn_placement {
	bool *cpu;	/* per node */
	char **reasons; /* per node; NULL: nothing to say, the device just runs it */
	struct bnn_segment *segments;
	size_t count;
};

struct bnn_placement_options {
	enum bnn_fallback fallback;
	const bool *cpu_nodes; /* per node: the caller wants it on the CPU; may be NULL */
	bool split;	       /* each node is a segment of its own, to be measured alone */
};

/* options may be NULL. BNNACCEL_ERR_UNSUPPORTED without fallback. */
int bnn_placement_make(const struct bnn_net *net, const struct bnn_target *target,
		       const struct bnn_placement_options *options, struct bnn_placement *placement,
		       struct bnn_error *error);
/* What the CPU engine takes for a command, coarsely. */
uint64_t bnn_placement_cpu_ns(const uint32_t *words, const struct bnn_target *target);
void bnn_placement_free(struct bnn_placement *placement, size_t nodes);

#endif /* BNN_COMPILE_PLACEMENT_H */
