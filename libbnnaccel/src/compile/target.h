/* SPDX-License-Identifier: MIT */
/* What the compiler must know of the device it compiles for: the values of its registers. */
#ifndef BNN_COMPILE_TARGET_H
#define BNN_COMPILE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bnn_error;
struct bnn_node;

struct bnn_target {
	const char *name;    /* for error texts: "model", "rtl", "device" */
	uint64_t features;   /* BNN_FEATURES_* */
	uint32_t caps_array; /* CAPS_ARRAY */
	uint32_t caps_ram;   /* CAPS_RAM */
	uint32_t clock_hz;
	uint32_t max_commands;
};

/* Bits of FEATURES that a command needs. */
uint64_t bnn_command_features(const uint32_t *words);

/* Room for what bnn_target_runs() has to say. */
#define BNN_TARGET_WHY 160

/*
 * Whether the target can execute a command. If not, `why` gets the reason, which
 * continues a sentence that begins with the node: "needs feature FRAC ...".
 */
bool bnn_target_runs(const struct bnn_target *target, const uint32_t *words, char *why, size_t len);

/* Refuses a node that the target can't execute, naming both. */
int bnn_target_check(const struct bnn_target *target, const struct bnn_node *node,
		     struct bnn_error *error);

#endif /* BNN_COMPILE_TARGET_H */
