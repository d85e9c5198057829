// SPDX-License-Identifier: MIT
#include "placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "../error.h"
#include "compile.h"
#include "liveness.h"

/*
 * Rates for comparing the two sides, coarse on purpose: they only decide about
 * nodes between two that the device can't run. A job costs a doorbell and an
 * interrupt, shared by the images of a batch.
 */
#define CPU_MACS_PER_NS 4
#define CPU_BYTES_PER_NS 1
#define MOVED_BYTES_PER_NS 4
#define CUT_NS 5000
#define DEFAULT_CLOCK_HZ 200000000

struct state {
	const struct bnn_net *net;
	const struct bnn_target *target;
	const struct bnn_placement_options *options;
	struct bnn_placement *out;
};

static int no_memory(const struct bnn_net *net, struct bnn_error *error)
{
	return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory to place network '%s'", net->name);
}

static bool to_cpu(struct state *s, size_t node, const char *reason)
{
	s->out->cpu[node] = true;
	s->out->reasons[node] = strdup(reason);
	return s->out->reasons[node] != NULL;
}

/* Puts on the CPU what must be there: asked for, or beyond the device. */
static int place_needed(struct state *s, struct bnn_error *error)
{
	const bool *wanted = s->options->cpu_nodes;
	char why[BNN_TARGET_WHY];

	for (size_t i = 0; i < s->net->node_count; i++) {
		const struct bnn_node *node = &s->net->nodes[i];
		const char *reason = "was asked for on the CPU";

		if (!wanted || !wanted[i]) {
			if (bnn_target_runs(s->target, node->words, why, sizeof(why)))
				continue;
			if (s->options->fallback == BNN_FALLBACK_NEVER)
				return bnn_target_check(s->target, node, error);
			reason = why;
		}
		if (!to_cpu(s, i, reason))
			return no_memory(s->net, error);
	}
	return 0;
}

/* Bytes that lie between node i - 1 and node i, for each i: what a cut there moves. */
static uint64_t *bytes_across(const struct bnn_net *net)
{
	uint64_t *bytes = calloc(net->node_count + 2, sizeof(*bytes));
	struct bnn_life *lives = bnn_liveness(net);

	for (size_t v = 0; bytes && lives && v < net->value_count; v++) {
		if (!lives[v].accesses || lives[v].buffer != (int32_t)v)
			continue;
		bytes[lives[v].first + 1] += lives[v].bytes;
		bytes[lives[v].last + 1] -= lives[v].bytes;
	}
	for (size_t i = 1; bytes && i < net->node_count; i++)
		bytes[i] += bytes[i - 1];
	if (!lives) {
		free(bytes);
		bytes = NULL;
	}
	free(lives);
	return bytes;
}

uint64_t bnn_placement_cpu_ns(const uint32_t *words, const struct bnn_target *target)
{
	struct bnn_estimate e = { 0 };

	bnn_estimate_command(words, target, &e);
	return e.macs / CPU_MACS_PER_NS + e.bytes / CPU_BYTES_PER_NS;
}

static void node_times(const struct state *s, size_t node, uint64_t ns[2])
{
	uint64_t clock = s->target->clock_hz ? s->target->clock_hz : DEFAULT_CLOCK_HZ;
	struct bnn_estimate e = { 0 };

	bnn_estimate_command(s->net->nodes[node].words, s->target, &e);
	ns[false] = e.cycles * 1000 / (clock / 1000000 ? clock / 1000000 : 1);
	ns[true] = bnn_placement_cpu_ns(s->net->nodes[node].words, s->target);
}

/*
 * Shortest path through the program, where a state is the side of a node and a
 * change of sides costs a job and the bytes that cross. Nodes on the CPU stay.
 */
static int place_by_cost(struct state *s, struct bnn_error *error)
{
	size_t count = s->net->node_count;
	uint64_t *across = bytes_across(s->net), best[2] = { 0, 0 };
	uint8_t *from = calloc(count + 1, 2); /* [node][side]: side of the node before */
	bool side, ok = across && from;

	for (size_t i = 0; ok && i < count; i++) {
		uint64_t ns[2], next[2];

		node_times(s, i, ns);
		for (int to = 0; to < 2; to++) {
			uint64_t cut = i ? across[i] / MOVED_BYTES_PER_NS + CUT_NS : 0;
			bool other = best[!to] + cut < best[to];

			from[2 * i + to] = other ? !to : to;
			next[to] = (other ? best[!to] + cut : best[to]) + ns[to];
		}
		if (s->out->cpu[i]) /* out of reach, but small enough to add to */
			next[false] = UINT64_MAX / 4;
		memcpy(best, next, sizeof(best));
	}
	side = best[true] < best[false];
	for (size_t i = count; ok && i-- > 0;) {
		if (side && !s->out->cpu[i])
			ok = to_cpu(
				s, i,
				"has neighbours on the CPU; moving values would take longer than "
				"the device saves");
		side = from[2 * i + side];
	}
	free(across);
	free(from);
	return ok ? 0 : no_memory(s->net, error);
}

static int make_segments(struct state *s, struct bnn_error *error)
{
	struct bnn_placement *out = s->out;
	uint32_t count = (uint32_t)s->net->node_count;

	out->segments = calloc(count + 1, sizeof(*out->segments));
	if (!out->segments)
		return no_memory(s->net, error);
	for (uint32_t i = 0; i < count; i++) {
		if (!i || s->options->split || out->cpu[i] != out->cpu[i - 1])
			out->segments[out->count++] =
				(struct bnn_segment){ .first = i, .cpu = out->cpu[i] };
		out->segments[out->count - 1].end = i + 1;
	}
	return 0;
}

static bool any_on_cpu(const struct state *s)
{
	for (size_t i = 0; i < s->net->node_count; i++)
		if (s->out->cpu[i])
			return true;
	return false;
}

int bnn_placement_make(const struct bnn_net *net, const struct bnn_target *target,
		       const struct bnn_placement_options *options, struct bnn_placement *placement,
		       struct bnn_error *error)
{
	static const struct bnn_placement_options none;
	struct state s = { net, target, options ? options : &none, placement };
	int ret = 0;

	memset(placement, 0, sizeof(*placement));
	placement->cpu = calloc(net->node_count + 1, sizeof(*placement->cpu));
	placement->reasons = calloc(net->node_count + 1, sizeof(*placement->reasons));
	if (!placement->cpu || !placement->reasons)
		ret = no_memory(net, error);
	if (!ret)
		ret = place_needed(&s, error);
	/* What the device can run whole stays whole. */
	if (!ret && s.options->fallback == BNN_FALLBACK_COST && any_on_cpu(&s))
		ret = place_by_cost(&s, error);
	if (!ret)
		ret = make_segments(&s, error);
	if (ret)
		bnn_placement_free(placement, net->node_count);
	return ret;
}

void bnn_placement_free(struct bnn_placement *placement, size_t nodes)
{
	for (size_t i = 0; placement->reasons && i < nodes; i++)
		free(placement->reasons[i]);
	free(placement->reasons);
	free(placement->cpu);
	free(placement->segments);
	memset(placement, 0, sizeof(*placement));
}
