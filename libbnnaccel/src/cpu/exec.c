// SPDX-License-Identifier: MIT
/* The CPU engine as an executor. Every value has its own buffer. */
#include "exec.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bnnaccel/bnnaccel.h"
#include "cpu.h"

struct cpu_exec {
	const struct bnn_net *net;
	struct bnn_cpu_plan **plans;
	uint8_t **buffers; /* by value; constants use their own data */
	uint64_t counters[BNN_COUNTERS];
	uint64_t images;
	struct bnn_exec_node *measured; /* per node; NULL: no profile */
	atomic_bool stop;
	bnn_tap_fn tap;
	void *opaque;
};

static void cpu_close(struct bnn_exec *exec)
{
	struct cpu_exec *cpu = (struct cpu_exec *)exec;
	size_t i;

	if (!cpu)
		return;
	for (i = 0; cpu->plans && i < cpu->net->node_count; i++)
		bnn_cpu_plan_free(cpu->plans[i]);
	for (i = 0; cpu->buffers && i < cpu->net->value_count; i++)
		free(cpu->buffers[i]);
	free(cpu->plans);
	free(cpu->buffers);
	free(cpu->measured);
	free(cpu);
}

static int cpu_open(const struct bnn_net *net, const struct bnn_exec_options *options,
		    struct bnn_exec **exec, struct bnn_error *error)
{
	struct cpu_exec *cpu = calloc(1, sizeof(*cpu));
	size_t i;
	int rc = 0;

	*exec = NULL;
	if (cpu) {
		cpu->net = net;
		if (options && options->profile)
			cpu->measured = calloc(net->node_count + 1, sizeof(*cpu->measured));
		cpu->plans = calloc(net->node_count + 1, sizeof(*cpu->plans));
		cpu->buffers = calloc(net->value_count + 1, sizeof(*cpu->buffers));
	}
	if (!cpu || !cpu->plans || !cpu->buffers || (options && options->profile && !cpu->measured))
		rc = bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory opening the CPU engine");
	for (i = 0; !rc && i < net->value_count; i++) {
		if (net->values[i].role == BNN_ROLE_CONST)
			continue;
		/* Zeroed, so that bytes which no command writes are the same every time. */
		cpu->buffers[i] = calloc(1, net->values[i].bytes);
		if (!cpu->buffers[i])
			rc = bnn_fail(error, BNNACCEL_ERR_MEMORY,
				      "out of memory for value "
				      "\"%.64s\"",
				      net->values[i].name);
	}
	for (i = 0; !rc && i < net->node_count; i++)
		rc = bnn_cpu_plan_new(net, i, BNN_CPU_AUTO, options ? options->isa : 0,
				      &cpu->plans[i], error);
	if (rc) {
		cpu_close((struct bnn_exec *)cpu);
		return rc;
	}
	*exec = (struct bnn_exec *)cpu;
	return 0;
}

/* Shows the tap what a node has written. */
static void tap_node(const struct cpu_exec *cpu, const struct bnn_node *node)
{
	struct bnn_slot_info info;
	int slot;

	for (slot = 0; slot < BNN_SLOTS; slot++) {
		bnn_slot_describe(node->words, (enum bnn_slot)slot, &info);
		if (info.write)
			cpu->tap(cpu->opaque, cpu->net, node->ref[slot],
				 cpu->buffers[node->ref[slot]],
				 cpu->net->values[node->ref[slot]].bytes);
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int run_node(struct cpu_exec *cpu, size_t i, struct bnn_error *error)
{
	struct bnn_exec_node *measured = cpu->measured ? &cpu->measured[i] : NULL;
	uint64_t start, *own = measured ? measured->counters : cpu->counters;
	int rc;

	if (!measured)
		return bnn_cpu_plan_run(cpu->plans[i], cpu->buffers, own, error);
	start = now_ns();
	rc = bnn_cpu_plan_run(cpu->plans[i], cpu->buffers, own, error);
	measured->ns += now_ns() - start;
	measured->runs++;
	return rc;
}

static int run_image(struct cpu_exec *cpu, const uint8_t *input, uint8_t *output,
		     struct bnn_error *error)
{
	const struct bnn_net *net = cpu->net;
	size_t i;
	int rc;

	memcpy(cpu->buffers[net->input.value], input, net->values[net->input.value].bytes);
	for (i = 0; i < net->node_count; i++) {
		if (atomic_load_explicit(&cpu->stop, memory_order_relaxed))
			return bnn_fail(error, BNNACCEL_ERR_CANCELLED,
					"cpu: the session is being closed");
		rc = run_node(cpu, i, error);
		if (rc)
			return rc;
		if (cpu->tap)
			tap_node(cpu, &net->nodes[i]);
	}
	memcpy(output, cpu->buffers[net->output.value], net->values[net->output.value].bytes);
	cpu->images++;
	return 0;
}

static int cpu_run(struct bnn_exec *exec, const uint8_t *inputs, size_t input_stride,
		   uint8_t *outputs, size_t count, struct bnn_error *error)
{
	struct cpu_exec *cpu = (struct cpu_exec *)exec;
	uint64_t bytes = cpu->net->values[cpu->net->output.value].bytes;
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < count; i++)
		rc = run_image(cpu, inputs + i * input_stride, outputs + i * bytes, error);
	return rc;
}

static void cpu_stats(const struct bnn_exec *exec, struct bnn_exec_stats *stats)
{
	const struct cpu_exec *cpu = (const struct cpu_exec *)exec;

	memset(stats, 0, sizeof(*stats));
	stats->jobs = cpu->images;
	memcpy(stats->counters, cpu->counters, sizeof(stats->counters));
	for (size_t i = 0; cpu->measured && i < cpu->net->node_count; i++)
		for (unsigned int c = 0; c < BNN_COUNTERS; c++)
			stats->counters[c] += cpu->measured[i].counters[c];
}

static void cpu_node(const struct bnn_exec *exec, size_t node, struct bnn_exec_node *info)
{
	const struct cpu_exec *cpu = (const struct cpu_exec *)exec;

	*info = cpu->measured ? cpu->measured[node] : (struct bnn_exec_node){ 0 };
	info->cpu = true;
}

static void cpu_stop(struct bnn_exec *exec)
{
	atomic_store(&((struct cpu_exec *)exec)->stop, true);
}

const struct bnn_exec_ops bnn_exec_cpu = {
	.name = "cpu",
	.open = cpu_open,
	.run = cpu_run,
	.stats = cpu_stats,
	.node = cpu_node,
	.stop = cpu_stop,
	.close = cpu_close,
};

int bnn_cpu_run_tapped(const struct bnn_net *net, const uint8_t *input, uint8_t *output,
		       bnn_tap_fn tap, void *opaque, struct bnn_error *error)
{
	struct bnn_exec *exec;
	struct cpu_exec *cpu;
	int rc;

	rc = cpu_open(net, NULL, &exec, error);
	if (rc)
		return rc;
	cpu = (struct cpu_exec *)exec;
	cpu->tap = tap;
	cpu->opaque = opaque;
	rc = run_image(cpu, input, output, error);
	cpu_close(exec);
	return rc;
}

int bnn_cpu_run_node(const struct bnn_net *net, size_t node, uint8_t *const *buffers,
		     uint64_t counters[BNN_COUNTERS], struct bnn_error *error)
{
	uint64_t unused[BNN_COUNTERS] = { 0 };
	struct bnn_cpu_plan *plan;
	int rc;

	rc = bnn_cpu_plan_new(net, node, BNN_CPU_AUTO, BNN_CPU_ISA_BEST, &plan, error);
	if (rc)
		return rc;
	rc = bnn_cpu_plan_run(plan, buffers, counters ? counters : unused, error);
	bnn_cpu_plan_free(plan);
	return rc;
}
