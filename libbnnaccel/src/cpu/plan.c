// SPDX-License-Identifier: MIT
/* A node made ready to run. */
#include <stdlib.h>

#include "bnnaccel/bnnaccel.h"
#include "cpu.h"

/* Above this many pairs of planes, multiplying is faster than counting bits. */
#define PACKED_PAIRS_MAX 16

struct bnn_cpu_plan {
	const struct bnn_net *net;
	const struct bnn_node *node;
	struct bnn_cpu_pipe *pipe;     /* CONV, EW */
	struct bnn_cpu_packed *packed; /* CONV, one of these */
	struct bnn_cpu_integer *integer;
	bool weights_ready; /* they are constant */
	int32_t *acc;	    /* EW */
};

static bool use_packed(const uint32_t *words, enum bnn_cpu_path path)
{
	uint32_t pairs = bnn_format_width(bnn_field_get(words, BNN_F_CONV_IN_FORMAT)) *
			 bnn_wformat_bits(bnn_field_get(words, BNN_F_CONV_WFORMAT));

	return path == BNN_CPU_PACKED || (path == BNN_CPU_AUTO && pairs <= PACKED_PAIRS_MAX);
}

static void set_weights(struct bnn_cpu_plan *plan, const uint8_t *data)
{
	if (plan->packed)
		bnn_cpu_packed_weights(plan->packed, data);
	else
		bnn_cpu_integer_weights(plan->integer, data);
}

static bool plan_conv(struct bnn_cpu_plan *plan, enum bnn_cpu_path path, enum bnn_cpu_isa most)
{
	const uint32_t *words = plan->node->words;
	const struct bnn_value *weights = &plan->net->values[plan->node->ref[BNN_SLOT_WEIGHT]];

	if (use_packed(words, path))
		plan->packed = bnn_cpu_packed_new(words, most);
	else
		plan->integer = bnn_cpu_integer_new(words);
	if (!plan->packed && !plan->integer)
		return false;
	plan->weights_ready = weights->role == BNN_ROLE_CONST && weights->data;
	if (plan->weights_ready)
		set_weights(plan, weights->data);
	return true;
}

int bnn_cpu_plan_new(const struct bnn_net *net, size_t node, enum bnn_cpu_path path,
		     enum bnn_cpu_isa most, struct bnn_cpu_plan **result, struct bnn_error *error)
{
	struct bnn_cpu_plan *plan = calloc(1, sizeof(*plan));
	bool ok = plan;

	*result = NULL;
	if (ok) {
		const uint32_t *words = net->nodes[node].words;

		plan->net = net;
		plan->node = &net->nodes[node];
		switch (words[0] & 0xff) {
		case BNN_CMD_CONV:
			ok = plan_conv(plan, path, most);
			plan->pipe = bnn_cpu_pipe_new(words);
			ok &= plan->pipe != NULL;
			break;
		case BNN_CMD_EW:
			plan->acc = calloc(bnn_field_get(words, BNN_F_EW_COUT), sizeof(int32_t));
			plan->pipe = bnn_cpu_pipe_new(words);
			ok = plan->acc && plan->pipe;
			break;
		}
	}
	if (!ok) {
		bnn_cpu_plan_free(plan);
		return bnn_fail(error, BNNACCEL_ERR_MEMORY,
				"out of memory preparing node %zu "
				"\"%.64s\" for the CPU engine",
				node, net->nodes[node].name);
	}
	*result = plan;
	return 0;
}

void bnn_cpu_plan_free(struct bnn_cpu_plan *plan)
{
	if (!plan)
		return;
	bnn_cpu_pipe_free(plan->pipe);
	bnn_cpu_packed_free(plan->packed);
	bnn_cpu_integer_free(plan->integer);
	free(plan->acc);
	free(plan);
}

static void run_conv(struct bnn_cpu_plan *plan, uint8_t *const *slots, uint64_t *counters)
{
	if (!plan->weights_ready)
		set_weights(plan, slots[BNN_SLOT_WEIGHT]);
	bnn_cpu_pipe_start(plan->pipe, slots);
	if (plan->packed)
		bnn_cpu_packed_run(plan->packed, slots[BNN_SLOT_IN], plan->pipe, counters);
	else
		bnn_cpu_integer_run(plan->integer, slots[BNN_SLOT_IN], plan->pipe, counters);
	bnn_cpu_pipe_finish(plan->pipe);
}

static void run_ew(struct bnn_cpu_plan *plan, uint8_t *const *slots, uint64_t *counters)
{
	struct bnn_cpu_tensor in;
	struct bnn_slot_info info;
	uint32_t y, x;

	bnn_slot_describe(plan->node->words, BNN_SLOT_IN, &info);
	bnn_cpu_tensor(&in, &info, slots[BNN_SLOT_IN]);
	bnn_cpu_pipe_start(plan->pipe, slots);
	for (y = 0; y < in.h; y++) {
		for (x = 0; x < in.w; x++) {
			bnn_cpu_load(&in, y, x, plan->acc);
			bnn_cpu_pipe_pixel(plan->pipe, y, x, plan->acc,
					   &counters[BNN_COUNTER_SATURATED]);
		}
	}
	bnn_cpu_pipe_finish(plan->pipe);
}

int bnn_cpu_plan_run(struct bnn_cpu_plan *plan, uint8_t *const *buffers, uint64_t *counters,
		     struct bnn_error *error)
{
	const uint32_t *words = plan->node->words;
	uint8_t *slots[BNN_SLOTS];
	int slot, rc = 0;

	for (slot = 0; slot < BNN_SLOTS; slot++) {
		int32_t ref = plan->node->ref[slot];

		slots[slot] = ref == BNN_NO_VALUE ? NULL : buffers[ref];
		if (ref != BNN_NO_VALUE && !slots[slot])
			slots[slot] = plan->net->values[ref].data;
		if (ref != BNN_NO_VALUE && !slots[slot])
			return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
					"node \"%.64s\" uses value "
					"\"%.64s\", but no buffer was given for it",
					plan->node->name, plan->net->values[ref].name);
	}
	switch (words[0] & 0xff) {
	case BNN_CMD_CONV:
		run_conv(plan, slots, counters);
		break;
	case BNN_CMD_EW:
		run_ew(plan, slots, counters);
		break;
	case BNN_CMD_ENC:
		rc = bnn_cpu_enc(words, slots);
		break;
	case BNN_CMD_POOL:
		rc = bnn_cpu_pool(words, slots, counters);
		break;
	case BNN_CMD_GATEFOLD:
		bnn_cpu_gatefold(words, slots, counters);
		break;
	case BNN_CMD_TRANSPOSE:
		bnn_cpu_transpose(words, slots);
		break;
	default:
		if (bnn_command_is_host(words))
			rc = bnn_cpu_host(words, slots, counters);
	}
	counters[BNN_COUNTER_COMMANDS]++;
	if (rc)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory in node \"%.64s\"",
				plan->node->name);
	return 0;
}
