/* SPDX-License-Identifier: MIT */
/*
 * The compiler: a lowered network becomes a command list, an image of its
 * constants and a memory plan for one target. These bytes are what a core
 * executes, in this process or behind the driver.
 */
#ifndef BNN_COMPILE_H
#define BNN_COMPILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../net.h"
#include "placement.h"
#include "plan.h"
#include "target.h"

struct bnn_error;

/* Regions of a compiled program. */
enum bnn_program_region {
	BNN_PROGRAM_COMMANDS,
	BNN_PROGRAM_CONSTANTS,
	BNN_PROGRAM_INPUT,
	BNN_PROGRAM_OUTPUT,
	BNN_PROGRAM_SCRATCH,
	BNN_PROGRAM_EXCHANGE, /* values that other segments of the network use, too */
	BNN_PROGRAM_PROFILE,  /* log of the device; no command names it */
	BNN_PROGRAM_REGIONS
};

/* Largest buffer a program may need; also the driver's largest object. */
#define BNN_SPACE_MAX (1ull << 30)

/* What one image costs, predicted from the shapes. */
struct bnn_estimate {
	uint64_t macs;	 /* as counter MACS, with every second gate of FRAC open */
	uint64_t bytes;	 /* moved to and from memory */
	uint64_t cycles; /* of the target's array */
};

struct bnn_program {
	uint32_t *commands; /* count * 32 words */
	uint32_t count;	    /* END included */
	uint32_t loop_start;
	int32_t *nodes; /* per command: index of its node, or -1 */

	uint8_t *constants;
	uint64_t constants_bytes; /* multiple of 64, may be 0 */

	/* Per image; the strides are multiples of 64. */
	uint64_t input_bytes, input_stride;
	uint64_t output_bytes, output_stride;
	bool output_read;	 /* a command also reads the output */
	uint64_t exchange_bytes; /* also their stride */
	uint64_t scratch_bytes;	 /* not per image */
	uint64_t onchip_bytes;

	struct bnn_place *places; /* per value of the net */
	struct bnn_estimate estimate;
};

struct bnn_compile_options {
	/* Announce the weights once per job, if the target can keep them all. */
	bool prefetch;
};

/* The whole network. options may be NULL. The program does not refer to the network. */
int bnn_compile(const struct bnn_net *net, const struct bnn_target *target,
		const struct bnn_compile_options *options, struct bnn_program **program,
		struct bnn_error *error);

/* One segment of it, as `plan` lays out the values of all segments. */
int bnn_compile_segment(const struct bnn_net *net, const struct bnn_target *target,
			const struct bnn_compile_options *options, const struct bnn_plan *plan,
			const struct bnn_segment *segment, struct bnn_program **program,
			struct bnn_error *error);
/* Bytes of activation memory of a target. */
uint64_t bnn_target_onchip(const struct bnn_target *target);

void bnn_program_free(struct bnn_program *program);

static inline const uint32_t *bnn_program_command(const struct bnn_program *program, uint32_t index)
{
	return program->commands + (size_t)index * (BNN_COMMAND_BYTES / 4);
}

/* Adds the cost of one command. */
void bnn_estimate_command(const uint32_t *words, const struct bnn_target *target,
			  struct bnn_estimate *estimate);

#endif /* BNN_COMPILE_H */
