/* SPDX-License-Identifier: MIT */
/* The image of a network's constants: equal contents are stored once. */
#ifndef BNN_COMPILE_CONSTANTS_H
#define BNN_COMPILE_CONSTANTS_H

#include "plan.h"

struct bnn_constants {
	uint8_t *data;
	uint64_t bytes;	       /* multiple of 64 */
	uint64_t weight_bytes; /* the weights lie at the front, in program order */
};

struct bnn_segment;

/* Sets places[] of the CONST values that the nodes of a segment use. */
int bnn_constants_make(const struct bnn_net *net, const struct bnn_segment *segment,
		       struct bnn_place *places, struct bnn_constants *constants,
		       struct bnn_error *error);

#endif /* BNN_COMPILE_CONSTANTS_H */
