// SPDX-License-Identifier: MIT
/* What a caller asks of a session, checked and in the executors' words. */
#include "api_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"

static const struct bnn_exec_ops *const backends[] = {
	&bnn_exec_device,
	&bnn_exec_model,
	&bnn_exec_rtl,
	&bnn_exec_cpu,
};

const struct bnn_exec_ops *bnn_api_backend(const char *name)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	return NULL;
}

int bnn_api_options(struct bnnaccel *ctx, const struct bnnaccel_session_options *given,
		    struct bnnaccel_session_options *options)
{
	const unsigned char *bytes = (const unsigned char *)given;
	size_t i;

	memset(options, 0, sizeof(*options));
	if (given) {
		if (given->size < sizeof(given->size))
			return bnn_fail(&ctx->error, BNNACCEL_ERR_ARGUMENT,
					"session options: set size to sizeof(struct "
					"bnnaccel_session_options), not %zu",
					given->size);
		/* A caller built with a later header may only leave what is new at 0. */
		for (i = sizeof(*options); i < given->size; i++) {
			if (bytes[i])
				return bnn_fail(&ctx->error, BNNACCEL_ERR_ARGUMENT,
						"session options: this libbnnaccel is older than "
						"an option that is set (size %zu, known %zu)",
						given->size, sizeof(*options));
		}
		memcpy(options, given,
		       given->size < sizeof(*options) ? given->size : sizeof(*options));
	}
	if (!options->backend)
		options->backend = "auto";
	if (strcmp(options->backend, "auto") && !bnn_api_backend(options->backend))
		return bnn_fail(
			&ctx->error, BNNACCEL_ERR_NO_BACKEND,
			"there is no backend \"%.32s\"; use auto, device, model, rtl or cpu",
			options->backend);
	return 0;
}

static int find_fallback(const struct bnnaccel_session_options *options, enum bnn_fallback *result,
			 struct bnn_error *error)
{
	switch (options->fallback) {
	case BNNACCEL_FALLBACK_DEFAULT:
		*result = strcmp(options->backend, "auto") ? BNN_FALLBACK_NEVER : BNN_FALLBACK_COST;
		return 0;
	case BNNACCEL_FALLBACK_NEVER:
		*result = BNN_FALLBACK_NEVER;
		return 0;
	case BNNACCEL_FALLBACK_NEEDED:
		*result = BNN_FALLBACK_NEEDED;
		return 0;
	case BNNACCEL_FALLBACK_BY_COST:
		*result = BNN_FALLBACK_COST;
		return 0;
	}
	return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
			"session options: fallback is %d; see enum bnnaccel_fallback",
			(int)options->fallback);
}

static int find_isa(const char *name, int *isa, struct bnn_error *error)
{
	char known[128] = "";
	size_t used = 0;

	*isa = BNN_CPU_ISA_BEST;
	if (!name)
		name = getenv("BNNACCEL_ISA");
	if (!name || !*name)
		return 0;
	*isa = bnn_cpu_isa_find(name);
	if (*isa >= 0)
		return 0;
	for (int i = BNN_CPU_ISA_BEST + 1; bnn_cpu_isa_name(i); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
					 used ? ", " : "", bnn_cpu_isa_name(i));
	return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
			"the CPU engine knows no instruction set \"%.32s\" (option isa or "
			"BNNACCEL_ISA); it knows %s",
			name, known);
}

static int mark_nodes(const struct bnnaccel_session_options *options, const struct bnn_net *net,
		      bool *nodes, struct bnn_error *error)
{
	if (options->cpu_node_count && !options->cpu_nodes)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"session options: cpu_node_count is %u, but cpu_nodes is NULL",
				options->cpu_node_count);
	for (uint32_t i = 0; i < options->cpu_node_count; i++) {
		if (options->cpu_nodes[i] >= net->node_count)
			return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
					"session options: there is no node %u to run on the CPU; "
					"network '%.64s' has %zu, from 0",
					options->cpu_nodes[i], net->name, net->node_count);
		nodes[options->cpu_nodes[i]] = true;
	}
	return 0;
}

int bnn_api_exec_options(const struct bnnaccel_session_options *options, const struct bnn_net *net,
			 struct bnn_exec_options *result, struct bnn_error *error)
{
	bool *nodes = calloc(net->node_count + 1, sizeof(*nodes));
	int ret;

	*result = (struct bnn_exec_options){
		.batch = options->batch,
		.device = options->device,
		.core = options->core,
		.core_options = options->core_options,
		.budget = options->budget,
		.profile = options->profile > 1 ? BNN_MEASURE_ALONE
			   : options->profile	? BNN_MEASURE_NODES
						: BNN_MEASURE_OFF,
		.cpu_nodes = nodes,
	};
	if (!nodes)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory opening a session");
	ret = find_fallback(options, &result->fallback, error);
	if (!ret)
		ret = find_isa(options->isa, &result->isa, error);
	if (!ret)
		ret = mark_nodes(options, net, nodes, error);
	if (ret)
		bnn_api_exec_options_free(result);
	return ret;
}

void bnn_api_exec_options_free(struct bnn_exec_options *options)
{
	free((void *)options->cpu_nodes);
	options->cpu_nodes = NULL;
}
