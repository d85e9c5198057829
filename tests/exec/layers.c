// SPDX-License-Identifier: MIT
/*
 * The compiled bytes on the functional core against the CPU engine: random layers
 * and networks, every output byte and the deterministic counters.
 *
 *     layers [COUNT [FIRST_SEED]]
 */
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "device/jobs.h"
#include "tap.h"

/* Counters that the CPU engine keeps as well. */
#define SHARED_COUNTERS \
	(1u << BNN_COUNTER_MACS | 1u << BNN_COUNTER_FRAC_ISSUED | 1u << BNN_COUNTER_FRAC_SKIPPED | \
	 1u << BNN_COUNTER_SATURATED)

static bool layer_matches(uint64_t seed)
{
	const struct bnn_exec_options options = { .core_options = "act_kib=0" };
	struct bnn_net *net = random_net(seed, NULL);
	uint8_t *inputs = make_inputs(net, seed, 2);
	struct outcome cpu = execute(&bnn_exec_cpu, net, NULL, inputs, 2);
	struct outcome model = execute(&bnn_exec_model, net, &options, inputs, 2);
	char what[48];
	bool ok;

	snprintf(what, sizeof(what), "seed %llu, opcode %02x", (unsigned long long)seed,
		 net->nodes[0].words[0] & 0xff);
	ok = same_outputs(what, &cpu, &model) && same_counters(what, &cpu, &model, SHARED_COUNTERS);
	free_outcome(&cpu);
	free_outcome(&model);
	free(inputs);
	bnn_net_free(net);
	return ok;
}

static void test_layers(uint64_t count, uint64_t first)
{
	uint64_t failed = 0;

	for (uint64_t i = 0; i < count && failed < 20; i++)
		failed += !layer_matches(first + i);
	tap_ok(!failed, "%llu random layers: cpu and model agree, counters too",
	       (unsigned long long)count);
}

/* Wherever values lie and however images are grouped, the bytes are the same. */
static bool net_matches(uint64_t seed)
{
	static const struct bnn_exec_options variants[] = {
		{ .core_options = "act_kib=0" },
		{ .core_options = "act_kib=0", .batch = 1 },
		{ .core_options = "act_kib=1", .batch = 2 },
		{ .core_options = "act_kib=16", .batch = 3 },
		{ .core_options = "act_kib=256", .batch = 5 },
		{ .core_options = "act_kib=4095" },
	};
	const struct random_net_options shape = { .nodes = 14, .max_work = 300000 };
	const size_t count = 7;
	struct bnn_net *net = random_net(seed, &shape);
	uint8_t *inputs = make_inputs(net, seed, count);
	struct outcome cpu = execute(&bnn_exec_cpu, net, NULL, inputs, count);
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(variants) / sizeof(variants[0]); i++) {
		struct outcome model = execute(&bnn_exec_model, net, &variants[i], inputs, count);
		uint64_t jobs = variants[i].batch ? (count - 1) / variants[i].batch + 1 : 1;
		char what[64];

		snprintf(what, sizeof(what), "seed %llu, %s, batch %u", (unsigned long long)seed,
			 variants[i].core_options, variants[i].batch);
		ok = same_outputs(what, &cpu, &model) &&
		     same_counters(what, &cpu, &model, SHARED_COUNTERS);
		if (ok && model.stats.jobs < jobs) {
			printf("# %s: %llu jobs\n", what, (unsigned long long)model.stats.jobs);
			ok = false;
		}
		free_outcome(&model);
	}
	free_outcome(&cpu);
	free(inputs);
	bnn_net_free(net);
	return ok;
}

static void test_nets(uint64_t count, uint64_t first)
{
	uint64_t failed = 0;

	for (uint64_t i = 0; i < count && failed < 20; i++)
		failed += !net_matches(first + i);
	tap_ok(!failed, "%llu random networks: same bytes for each batch and on-chip size",
	       (unsigned long long)count);
}

/* Many images, several run() calls on one session, a stride with gaps, none at all. */
static void test_session(void)
{
	const struct random_net_options shape = { .nodes = 6, .max_work = 30000, .max_size = 6 };
	const struct bnn_exec_options options = { .batch = 16 };
	struct bnn_net *net = random_net(77, &shape);
	size_t count = 600, in = net->values[net->input.value].bytes;
	size_t out = net->values[net->output.value].bytes, stride = in + 13;
	uint8_t *inputs = make_inputs(net, 5, count), *spread = malloc(stride * count);
	struct outcome cpu = execute(&bnn_exec_cpu, net, NULL, inputs, count);
	uint8_t *got = malloc(out * count);
	struct bnn_error error = { "" };
	struct bnn_exec_stats stats;
	struct bnn_exec *exec;
	int ret;

	for (size_t i = 0; i < count; i++)
		memcpy(spread + i * stride, inputs + i * in, in);
	ret = bnn_exec_model.open(net, &options, &exec, &error);
	if (!tap_ok(!ret, "session opens%s%s", ret ? ": " : "", error.text))
		return;
	tap_ok(!bnn_exec_model.run(exec, spread, stride, got, 0, &error), "no images");
	ret = bnn_exec_model.run(exec, spread, stride, got, 1, &error) ||
	      bnn_exec_model.run(exec, spread + stride, stride, got + out, 36, &error) ||
	      bnn_exec_model.run(exec, spread + 37 * stride, stride, got + 37 * out, count - 37,
				 &error);
	tap_ok(!ret && !memcmp(got, cpu.outputs, out * count), "600 images in three calls");
	bnn_exec_model.stats(exec, &stats);
	tap_ok(stats.jobs == 1 + 3 + 36, "each call fills its jobs (%llu)",
	       (unsigned long long)stats.jobs);
	tap_ok(stats.counters[BNN_COUNTER_COMMANDS] == (net->node_count + 1) * count,
	       "commands are counted over all jobs");
	bnn_exec_model.close(exec);
	free_outcome(&cpu);
	free(inputs);
	free(spread);
	free(got);
	bnn_net_free(net);
}

/* Commands before LOOP_START run once per job; announcing weights changes no byte. */
static bool prefetch_matches(uint64_t seed, unsigned int *announced)
{
	const struct random_net_options shape = { .nodes = 6, .max_work = 200000 };
	const struct bnn_exec_options options = { .batch = 4 };
	const size_t count = 6;
	struct bnn_net *net = random_net(seed, &shape);
	uint8_t *inputs = make_inputs(net, seed, count);
	struct outcome cpu = execute(&bnn_exec_cpu, net, NULL, inputs, count), model = { 0 };
	struct bnn_exec_stats stats = { 0 };
	struct bnn_exec *exec;
	struct bnn_dev *dev;
	uint32_t once = 0;
	bool ok;

	model.bytes = cpu.bytes;
	model.outputs = malloc(cpu.bytes);
	model.ret = bnn_core_dev_open(false, &options, &dev, &model.error);
	if (!model.ret) {
		dev->compile.prefetch = true;
		model.ret = bnn_jobs_open(net, &options, dev, &exec, &model.error);
	}
	if (!model.ret) {
		once = bnn_jobs_program(exec)->loop_start;
		model.ret = bnn_jobs_run(exec, inputs, net->values[net->input.value].bytes,
					 model.outputs, count, &model.error);
		bnn_jobs_stats(exec, &stats);
		bnn_jobs_close(exec);
	}
	ok = same_outputs("prefetch", &cpu, &model) &&
	     stats.counters[BNN_COUNTER_COMMANDS] == (net->node_count + 1) * count + 2 * once;
	*announced += once;
	free_outcome(&cpu);
	free_outcome(&model);
	free(inputs);
	bnn_net_free(net);
	return ok;
}

static void test_prefetch(void)
{
	unsigned int failed = 0, announced = 0;

	for (uint64_t seed = 1; seed <= 100; seed++)
		failed += !prefetch_matches(seed, &announced);
	tap_ok(!failed && announced > 20, "weights announced in %u of 100 networks: same bytes",
	       announced);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	test_session();
	test_prefetch();
	test_nets(count / 25 + 1, first);
	test_layers(count, first);
	return tap_done();
}
