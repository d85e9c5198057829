/* SPDX-License-Identifier: MIT */
/* Running a network on two executors and comparing them. */
#ifndef EXEC_COMMON_H
#define EXEC_COMMON_H

#include "exec.h"
#include "random_net.h"

struct outcome {
	int ret;
	struct bnn_error error;
	uint8_t *outputs;
	size_t bytes;
	struct bnn_exec_stats stats;
};

/* count images, made of the seed; the caller frees. */
uint8_t *make_inputs(const struct bnn_net *net, uint64_t seed, size_t count);

/* Opens, runs and closes. free_outcome() afterwards. */
struct outcome execute(const struct bnn_exec_ops *ops, const struct bnn_net *net,
		       const struct bnn_exec_options *options, const uint8_t *inputs, size_t count);
void free_outcome(struct outcome *outcome);

/* True if both ran well with the same bytes; else says with # what differs. */
bool same_outputs(const char *what, const struct outcome *a, const struct outcome *b);

/* Likewise for the counters whose bits are set in the mask. */
bool same_counters(const char *what, const struct outcome *a, const struct outcome *b,
		   uint64_t mask);

#endif /* EXEC_COMMON_H */
