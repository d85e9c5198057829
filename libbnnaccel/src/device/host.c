// SPDX-License-Identifier: MIT
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bnnaccel/bnnaccel.h>

#include "../compile/compile.h"
#include "../cpu/cpu.h"

struct bnn_host {
	const struct bnn_net *net;
	struct bnn_cpu_plan **plans; /* per node; NULL: the device runs it */
	struct bnn_place *places;    /* per value */
	uint8_t **own;		     /* per value: memory that no job sees */
	uint8_t **values;	     /* per value, of the image that runs */
	uint64_t counters[BNN_COUNTERS];
};

void bnn_host_free(struct bnn_host *host)
{
	if (!host)
		return;
	for (size_t i = 0; host->plans && i < host->net->node_count; i++)
		bnn_cpu_plan_free(host->plans[i]);
	for (size_t v = 0; host->own && v < host->net->value_count; v++)
		free(host->own[v]);
	free(host->plans);
	free(host->places);
	free(host->own);
	free(host->values);
	free(host);
}

/* Values between nodes of one CPU segment have a buffer each. */
static int make_values(struct bnn_host *host, const struct bnn_node *node, struct bnn_error *error)
{
	for (unsigned int s = 0; s < BNN_SLOTS; s++) {
		int32_t v = node->ref[s];

		if (v == BNN_NO_VALUE || host->own[v] ||
		    host->net->values[v].role != BNN_ROLE_TEMP ||
		    host->places[v].region == BNN_PROGRAM_EXCHANGE)
			continue;
		/* Zeroed, so that bytes which no command writes are the same every time. */
		host->own[v] = calloc(1, host->net->values[v].bytes);
		if (!host->own[v])
			return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for value '%.64s'",
					host->net->values[v].name);
	}
	return 0;
}

int bnn_host_new(const struct bnn_net *net, const struct bnn_placement *placement,
		 const struct bnn_plan *plan, int isa, struct bnn_host **out,
		 struct bnn_error *error)
{
	struct bnn_host *host = calloc(1, sizeof(*host));
	int ret = 0;

	*out = NULL;
	if (host) {
		host->net = net;
		host->plans = calloc(net->node_count + 1, sizeof(*host->plans));
		host->places = calloc(net->value_count + 1, sizeof(*host->places));
		host->own = calloc(net->value_count + 1, sizeof(*host->own));
		host->values = calloc(net->value_count + 1, sizeof(*host->values));
	}
	if (!host || !host->plans || !host->places || !host->own || !host->values) {
		bnn_host_free(host);
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for the CPU engine");
	}
	memcpy(host->places, plan->places, net->value_count * sizeof(*host->places));
	for (size_t i = 0; i < net->node_count && !ret; i++) {
		if (!placement->cpu[i])
			continue;
		ret = make_values(host, &net->nodes[i], error);
		if (!ret)
			ret = bnn_cpu_plan_new(net, i, BNN_CPU_AUTO, isa, &host->plans[i], error);
	}
	if (ret)
		bnn_host_free(host);
	else
		*out = host;
	return ret;
}

static void bind_values(struct bnn_host *host, const struct bnn_node *node,
			const struct bnn_host_image *image)
{
	const struct bnn_net *net = host->net;

	for (unsigned int s = 0; s < BNN_SLOTS; s++) {
		int32_t v = node->ref[s];

		if (v == BNN_NO_VALUE)
			continue;
		if (v == net->input.value)
			host->values[v] = image->input;
		else if (v == net->output.value)
			host->values[v] = image->output;
		else if (host->places[v].region == BNN_PROGRAM_EXCHANGE)
			host->values[v] = image->exchange + host->places[v].offset;
		else
			host->values[v] = host->own[v];
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int bnn_host_run(struct bnn_host *host, const struct bnn_segment *segment,
		 const struct bnn_host_image *image, struct bnn_exec_node *measured,
		 const atomic_bool *stop, struct bnn_error *error)
{
	for (uint32_t i = segment->first; i < segment->end; i++) {
		uint64_t start = measured ? now_ns() : 0, *counters = host->counters;
		int ret;

		if (atomic_load(stop))
			return bnn_fail(error, BNNACCEL_ERR_CANCELLED,
					"cpu: the session is being closed");
		bind_values(host, &host->net->nodes[i], image);
		/* Those of measured nodes are added up when somebody asks. */
		if (measured)
			counters = measured[i].counters;
		ret = bnn_cpu_plan_run(host->plans[i], host->values, counters, error);
		if (ret)
			return ret;
		if (measured) {
			measured[i].runs++;
			measured[i].ns += now_ns() - start;
		}
	}
	return 0;
}

void bnn_host_counters(const struct bnn_host *host, uint64_t counters[BNN_COUNTERS])
{
	for (unsigned int i = 0; i < BNN_COUNTERS; i++)
		counters[i] += host->counters[i];
}
