/* SPDX-License-Identifier: MIT */
/* Random legal commands over the regions of a standard job. */
#ifndef TESTS_CORE_GEN_H
#define TESTS_CORE_GEN_H

#include "host.h"

struct gen {
	struct rng rng;
	uint32_t act_bytes;
	uint32_t next_both, next_write, next_act; /* where this command's tensors go */
};

/* Fills the readable regions: noise, and records in which not everything saturates. */
void gen_memory(struct host *h, struct rng *rng);
void gen_command(struct gen *g, uint32_t *words);
void gen_opcode(struct gen *g, uint32_t *words, uint32_t opcode);

#endif /* TESTS_CORE_GEN_H */
