/* SPDX-License-Identifier: MIT */
/*
 * Random legal commands over the regions of a standard job. Of a list, later
 * commands often read or overwrite what earlier ones have read or written, as
 * data, weights, parameters or tables.
 */
#ifndef TESTS_CORE_GEN_H
#define TESTS_CORE_GEN_H

#include "host.h"
#include "refs.h"

enum { GEN_RECENT = 16 };

/* In R_BOTH, or on chip. */
struct gen_extent {
	uint8_t region;
	bool write;
	uint32_t at, bytes;
};

struct gen {
	struct rng rng;
	uint32_t act_bytes;
	uint32_t features; /* what a command may need; 0: anything */
	uint32_t work;	   /* most binary multiply-accumulates of one CONV; 0: 300,000 */
	uint32_t spare;	   /* bytes at the end of every region to keep clear of */
	/* Where this command's references are, and those of the last ones. */
	unsigned owned, recents;
	struct gen_extent own[REFS_MAX + 1], recent[GEN_RECENT];
};

/* Fills the readable regions: noise, and records in which not everything saturates. */
void gen_memory(struct host *h, struct rng *rng);
/* Forgets the commands before. */
void gen_start(struct gen *g);
void gen_command(struct gen *g, uint32_t *words);
void gen_opcode(struct gen *g, uint32_t *words, uint32_t opcode);
/* A copy of what the command has written on chip, to R_WRITE; false: nothing. */
bool gen_show(struct gen *g, const uint32_t *words, uint32_t *show);

#endif /* TESTS_CORE_GEN_H */
