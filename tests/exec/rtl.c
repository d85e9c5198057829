// SPDX-License-Identifier: MIT
/*
 * The same compiled bytes on the Verilated core and on the functional one: bytes
 * and all deterministic counters.
 *
 *     rtl LIBRARY [NETWORKS]
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "compile/target.h"
#include "tap.h"

static bool binary_only(const struct bnn_net *net)
{
	for (size_t i = 0; i < net->node_count; i++)
		if (bnn_command_features(net->nodes[i].words) & ~(uint64_t)BNN_FEATURES_BINARY)
			return false;
	return true;
}

static struct bnn_net *binary_net(uint64_t *seed)
{
	const struct random_net_options shape = {
		.nodes = 5,
		.commands = RANDOM_ENC | RANDOM_CONV | RANDOM_POOL | RANDOM_PREFETCH | RANDOM_NOP,
		.in_formats = 1u << BNN_FORMAT_B1,
		.outp_formats = 1u << BNN_FORMAT_B1,
		.wformats = 1u << BNN_WFORMAT_B1,
		.wmodes = 1u << BNN_WMODE_DENSE,
		.max_work = 60000,
		.no_frac = true,
		.no_groups = true,
		.no_dilation = true,
		.no_residual = true,
		.no_pieces = true,
		.no_sum = true,
	};

	for (;;) {
		struct bnn_net *net = random_net(++*seed, &shape);

		if (binary_only(net))
			return net;
		bnn_net_free(net);
	}
}

static bool net_matches(const char *library, const struct bnn_net *net, uint64_t seed,
			const char *core_options)
{
	struct bnn_exec_options options = { .batch = 2, .core_options = core_options };
	const size_t count = 3;
	uint8_t *inputs = make_inputs(net, seed, count);
	struct outcome model = execute(&bnn_exec_model, net, &options, inputs, count), rtl;
	char what[64];
	bool ok;

	options.core = library;
	rtl = execute(&bnn_exec_rtl, net, &options, inputs, count);
	snprintf(what, sizeof(what), "seed %llu, %s, model and rtl", (unsigned long long)seed,
		 core_options);
	ok = same_outputs(what, &model, &rtl) &&
	     same_counters(what, &model, &rtl, BNN_COUNTERS_DETERMINISTIC);
	free_outcome(&model);
	free_outcome(&rtl);
	free(inputs);
	return ok;
}

static bool refused(const char *library)
{
	const struct random_net_options shape = { .commands = RANDOM_TABLE };
	struct bnn_exec_options options = { .core = library };
	struct bnn_net *net = random_net(1, &shape);
	uint8_t *inputs = make_inputs(net, 1, 1);
	struct outcome rtl = execute(&bnn_exec_rtl, net, &options, inputs, 1);
	bool ok = rtl.ret == -8 && strstr(rtl.error.text, "'n0' (TABLE)");

	printf("# %s\n", rtl.error.text);
	free_outcome(&rtl);
	free(inputs);
	bnn_net_free(net);
	return ok;
}

int main(int argc, char **argv)
{
	const char *library = argc > 1 ? argv[1] : "build/lib/libbnnaccel-rtl.so";
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 60;
	unsigned int failed[2] = { 0 };
	uint64_t seed = 0;

	if (access(library, R_OK)) {
		printf("ok 1 - rtl # SKIP %s is not built\n1..1\n", library);
		return 0;
	}
	for (unsigned long i = 0; i < count && failed[0] + failed[1] < 10; i++) {
		struct bnn_net *net = binary_net(&seed);

		failed[0] += !net_matches(library, net, seed, "act_kib=0");
		failed[1] += !net_matches(library, net, seed, "act_kib=64");
		bnn_net_free(net);
	}
	tap_ok(!failed[0], "%lu networks, all values in memory: model = rtl", count);
	tap_ok(!failed[1], "%lu networks, values on chip: model = rtl", count);
	tap_ok(refused(library), "what the rtl core can't do is refused by name");
	return tap_done();
}
