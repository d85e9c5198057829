// SPDX-License-Identifier: MIT
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t *make_inputs(const struct bnn_net *net, uint64_t seed, size_t count)
{
	uint64_t bytes = net->values[net->input.value].bytes;
	uint8_t *inputs = malloc(bytes * count);

	for (size_t i = 0; inputs && i < count; i++)
		random_input(seed + i, net, inputs + i * bytes);
	return inputs;
}

struct outcome execute(const struct bnn_exec_ops *ops, const struct bnn_net *net,
		       const struct bnn_exec_options *options, const uint8_t *inputs, size_t count)
{
	struct bnn_exec_options none = { 0 };
	struct outcome o = { 0 };
	struct bnn_exec *exec;

	o.bytes = net->values[net->output.value].bytes * count;
	o.outputs = malloc(o.bytes);
	memset(o.outputs, 0xa5, o.bytes);
	o.ret = ops->open(net, options ? options : &none, &exec, &o.error);
	if (o.ret)
		return o;
	o.ret = ops->run(exec, inputs, net->values[net->input.value].bytes, o.outputs, count,
			 &o.error);
	ops->stats(exec, &o.stats);
	ops->close(exec);
	return o;
}

void free_outcome(struct outcome *outcome)
{
	free(outcome->outputs);
	outcome->outputs = NULL;
}

bool same_outputs(const char *what, const struct outcome *a, const struct outcome *b)
{
	if (a->ret || b->ret) {
		printf("# %s: %d %s\n", what, a->ret ? a->ret : b->ret,
		       a->ret ? a->error.text : b->error.text);
		return false;
	}
	for (size_t i = 0; i < a->bytes; i++) {
		if (a->outputs[i] != b->outputs[i]) {
			printf("# %s: byte %zu of %zu is %02x and %02x\n", what, i, a->bytes,
			       a->outputs[i], b->outputs[i]);
			return false;
		}
	}
	return true;
}

bool same_counters(const char *what, const struct outcome *a, const struct outcome *b,
		   uint64_t mask)
{
	for (unsigned int i = 0; i < BNN_COUNTERS; i++) {
		if (mask >> i & 1 && a->stats.counters[i] != b->stats.counters[i]) {
			printf("# %s: counter %u is %llu and %llu\n", what, i,
			       (unsigned long long)a->stats.counters[i],
			       (unsigned long long)b->stats.counters[i]);
			return false;
		}
	}
	return true;
}
