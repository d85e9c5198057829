/* SPDX-License-Identifier: MIT */
/* When the values of a network are alive, and which of them may be one buffer. */
#ifndef BNN_COMPILE_LIVENESS_H
#define BNN_COMPILE_LIVENESS_H

#include "../net.h"

/* A buffer: one TEMP value, or several that are updated in place. */
struct bnn_life {
	uint32_t first, last; /* nodes, both included */
	uint32_t accesses;    /* commands' reads and writes; 0 = not used */
	uint64_t bytes;
	int32_t buffer; /* value that stands for the buffer; itself unless merged */
};

/* One entry per value, or NULL when memory is short. Only TEMP values get accesses. */
struct bnn_life *bnn_liveness(const struct bnn_net *net);

#endif /* BNN_COMPILE_LIVENESS_H */
