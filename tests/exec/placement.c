// SPDX-License-Identifier: MIT
/*
 * Networks whose nodes run partly on a core and partly on the CPU engine: whatever
 * the cut, the bytes are those of the CPU engine alone. What is measured per node;
 * what the placement decides and says.
 *
 *     placement [NETWORKS [FIRST_SEED [LIBRARY]]]
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bnnaccel/bnnaccel.h>

#include "common.h"
#include "compile/compile.h"
#include "device/jobs.h"
#include "tap.h"

/* Counters that both engines keep. */
#define SHARED_COUNTERS \
	(1u << BNN_COUNTER_MACS | 1u << BNN_COUNTER_FRAC_ISSUED | 1u << BNN_COUNTER_FRAC_SKIPPED | \
	 1u << BNN_COUNTER_SATURATED)

enum { IMAGES = 5 };

/* Some nodes, few of them, half or most, by the seed. */
static bool *draw_nodes(uint64_t seed, size_t count)
{
	static const uint32_t eighths[] = { 1, 4, 7 };
	struct random random = { seed };
	uint32_t share = eighths[random_range(&random, 0, 2)];
	bool *nodes = calloc(count, sizeof(*nodes));

	for (size_t i = 0; i < count; i++)
		nodes[i] = random_range(&random, 0, 7) < share;
	return nodes;
}

static bool net_matches(uint64_t seed, const struct bnn_exec_ops *ops,
			struct bnn_exec_options options, const struct random_net_options *shape)
{
	static const char *const chips[] = { "act_kib=0", "act_kib=4", "act_kib=256" };
	struct bnn_net *net = random_net(seed, shape);
	uint8_t *inputs = make_inputs(net, seed, IMAGES);
	bool *nodes = draw_nodes(seed, net->node_count);
	struct outcome cpu, mixed;
	char what[64];
	bool ok;

	options.batch = (uint32_t)(seed % 4);
	options.core_options = chips[seed % 3];
	options.cpu_nodes = nodes;
	cpu = execute(&bnn_exec_cpu, net, NULL, inputs, IMAGES);
	mixed = execute(ops, net, &options, inputs, IMAGES);
	snprintf(what, sizeof(what), "%s, seed %llu", ops->name, (unsigned long long)seed);
	ok = same_outputs(what, &cpu, &mixed) && same_counters(what, &cpu, &mixed, SHARED_COUNTERS);
	free_outcome(&cpu);
	free_outcome(&mixed);
	free(nodes);
	free(inputs);
	bnn_net_free(net);
	return ok;
}

static void test_subsets(uint64_t count, uint64_t first)
{
	const struct random_net_options shape = { .nodes = 16, .max_work = 200000 };
	uint64_t failed = 0;

	for (uint64_t i = 0; i < count && failed < 10; i++)
		failed += !net_matches(first + i, &bnn_exec_model,
				       (struct bnn_exec_options){ .profile = (first + i) % 5 == 0 },
				       &shape);
	tap_ok(!failed, "%llu random networks with random nodes on the CPU: the same bytes",
	       (unsigned long long)count);
}

/* Nodes that no device knows, among others that could be anywhere. */
static void test_host(uint64_t count, uint64_t first)
{
	const struct random_net_options shape = { .nodes = 12,
						  .max_work = 100000,
						  .commands = RANDOM_ALL | RANDOM_HOST };
	uint64_t failed = 0;

	for (uint64_t i = 0; i < count && failed < 10; i++)
		failed += !net_matches(first + i, &bnn_exec_model,
				       (struct bnn_exec_options){ .fallback = BNN_FALLBACK_NEEDED },
				       &shape);
	tap_ok(!failed, "%llu random networks with commands of the host: the same bytes",
	       (unsigned long long)count);
}

static void test_rtl(const char *library)
{
	const struct random_net_options shape = { .nodes = 8, .max_work = 40000, .max_size = 12 };
	unsigned int failed = 0;

	if (access(library, R_OK)) {
		printf("ok %d - rtl # SKIP %s is not built\n", ++tap_count, library);
		return;
	}
	for (uint64_t seed = 1; seed <= 40 && failed < 10; seed++)
		failed += !net_matches(seed, &bnn_exec_rtl,
				       (struct bnn_exec_options){
					       .core = library,
					       .fallback = BNN_FALLBACK_NEEDED,
					       .profile = seed % 4 == 0,
				       },
				       &shape);
	tap_ok(!failed, "40 networks of any kind on the rtl core with help: the same bytes");
}

/* ---- what is measured ---- */

struct totals {
	unsigned int wrong, device, cpu;
};

static void check_nodes(const struct bnn_exec *exec, const struct bnn_net *net, const bool *nodes,
			struct totals *t)
{
	for (size_t i = 0; i < net->node_count; i++) {
		struct bnn_exec_node info;

		bnn_jobs_node(exec, i, &info);
		t->cpu += info.cpu;
		t->device += !info.cpu;
		t->wrong += info.cpu != nodes[i] || (info.cpu && !info.reason) ||
			    info.runs != IMAGES || (info.cpu ? info.cycles : info.ns);
	}
}

/* Whether the counters of the nodes add up to those of all jobs. */
static bool adds_up(const struct bnn_exec *exec, const struct bnn_net *net, bool log)
{
	static const unsigned int bytes[] = { BNN_COUNTER_BYTES_WEIGHTS, BNN_COUNTER_BYTES_ACT,
					      BNN_COUNTER_BYTES_RESIDUAL,
					      BNN_COUNTER_BYTES_WRITTEN };
	static const unsigned int all[] = { BNN_COUNTER_CYCLES, BNN_COUNTER_MACS,
					    BNN_COUNTER_FRAC_ISSUED, BNN_COUNTER_SATURATED,
					    BNN_COUNTER_COMMANDS };
	uint64_t sum[BNN_COUNTERS] = { 0 }, cycles = 0;
	struct bnn_exec_stats stats;
	struct bnn_exec_node info;
	bool ok = true;

	for (size_t i = 0; i < net->node_count; i++) {
		bnn_jobs_node(exec, i, &info);
		cycles += info.cycles;
		for (unsigned int c = 0; c < BNN_COUNTERS; c++)
			sum[c] += info.counters[c];
	}
	bnn_jobs_stats(exec, &stats);
	for (unsigned int i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		ok &= sum[bytes[i]] == stats.counters[bytes[i]];
	for (unsigned int i = 0; !log && i < sizeof(all) / sizeof(all[0]); i++)
		ok &= sum[all[i]] == stats.counters[all[i]];
	return ok && (log ? cycles <= stats.counters[BNN_COUNTER_CYCLES]
			  : cycles == stats.counters[BNN_COUNTER_CYCLES]);
}

/* log: the core writes one; else nodes run alone and counters are read, if it must or we ask. */
static void test_profile(bool log, bool ask)
{
	const struct random_net_options shape = { .nodes = 10, .max_work = 100000 };
	struct totals t = { 0 };
	unsigned int failed = 0;

	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct bnn_net *net = random_net(seed, &shape);
		bool *nodes = draw_nodes(seed, net->node_count);
		struct bnn_exec_options options = { .cpu_nodes = nodes };
		uint8_t *inputs = make_inputs(net, seed, IMAGES);
		struct outcome cpu = execute(&bnn_exec_cpu, net, NULL, inputs, IMAGES), o = cpu;
		struct bnn_exec *exec = NULL;
		struct bnn_dev *dev;

		options.profile = ask ? BNN_MEASURE_ALONE : BNN_MEASURE_NODES;
		options.core_options = seed % 2 ? "pages=scattered,act_kib=4" : "pages=mixed";
		options.batch = 2;
		o.outputs = calloc(1, o.bytes);
		o.ret = bnn_core_dev_open(false, &options, &dev, &o.error);
		if (!o.ret) {
			dev->profile &= log || ask;
			o.ret = bnn_jobs_open(net, &options, dev, &exec, &o.error);
		}
		if (!o.ret)
			o.ret = bnn_jobs_run(exec, inputs, net->values[net->input.value].bytes,
					     o.outputs, IMAGES, &o.error);
		failed += !same_outputs("profile", &cpu, &o);
		if (exec) {
			check_nodes(exec, net, nodes, &t);
			t.wrong += !adds_up(exec, net, log);
		}
		bnn_jobs_close(exec);
		free_outcome(&cpu);
		free_outcome(&o);
		free(nodes);
		free(inputs);
		bnn_net_free(net);
	}
	tap_ok(!failed && !t.wrong && t.device > 50 && t.cpu > 50,
	       "%s: %u nodes on the core, %u on the CPU, every image measured (%u wrong)",
	       log   ? "log of the core"
	       : ask ? "one job per node by wish"
		     : "one job per node",
	       t.device, t.cpu, t.wrong);
}

/* ---- what is decided ---- */

static struct bnn_target make_target(uint64_t features)
{
	return (struct bnn_target){
		.name = "test",
		.features = features,
		.caps_array = 16 | 256 << BNN_CAPS_ARRAY_LANE_BITS_SHIFT |
			      16u << BNN_CAPS_ARRAY_POST_LANES_SHIFT,
		.clock_hz = 200000000,
	};
}

/* Cuts cover the program, and no segment's neighbour is on the same side. */
static bool segments_hold(const struct bnn_placement *p, size_t nodes)
{
	uint32_t at = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct bnn_segment *s = &p->segments[i];

		if (s->first != at || s->end <= s->first || (i && s->cpu == p->segments[i - 1].cpu))
			return false;
		for (; at < s->end; at++)
			if (p->cpu[at] != s->cpu || (s->cpu && !p->reasons[at]))
				return false;
	}
	return at == nodes;
}

static void test_decisions(void)
{
	const struct random_net_options shape = { .nodes = 20, .max_work = 200000 };
	unsigned int wrong = 0, moved = 0, refused = 0, whole = 0;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct random random = { seed };
		struct bnn_target target = make_target(random_next(&random) & 0xff);
		struct bnn_net *net = random_net(seed, &shape);
		struct bnn_placement_options o = { .fallback = BNN_FALLBACK_NEEDED };
		struct bnn_placement needed, cost, none;
		struct bnn_error error = { "" };
		unsigned int on_cpu = 0, more = 0;
		char why[BNN_TARGET_WHY];

		wrong += bnn_placement_make(net, &target, &o, &needed, &error) != 0;
		o.fallback = BNN_FALLBACK_COST;
		wrong += bnn_placement_make(net, &target, &o, &cost, &error) != 0;
		wrong += !segments_hold(&needed, net->node_count) ||
			 !segments_hold(&cost, net->node_count);
		for (size_t i = 0; i < net->node_count; i++) {
			bool runs = bnn_target_runs(&target, net->nodes[i].words, why, sizeof(why));

			wrong += runs == needed.cpu[i] || (needed.cpu[i] && !cost.cpu[i]);
			wrong += !runs && strcmp(why, needed.reasons[i]);
			on_cpu += needed.cpu[i];
			more += cost.cpu[i] && !needed.cpu[i];
		}
		/* By cost there are never more cuts, and none without need. */
		wrong += cost.count > needed.count || (!on_cpu && more);
		moved += more;
		whole += !on_cpu;
		if (bnn_placement_make(net, &target, NULL, &none, &error)) {
			refused++;
			wrong += !on_cpu || !strstr(error.text, "backend auto");
		} else {
			wrong += on_cpu;
			bnn_placement_free(&none, net->node_count);
		}
		bnn_placement_free(&needed, net->node_count);
		bnn_placement_free(&cost, net->node_count);
		bnn_net_free(net);
	}
	tap_ok(!wrong && moved > 100 && refused > 100 && whole > 10,
	       "300 placements: %u islands moved, %u refused without fallback, %u whole (%u wrong)",
	       moved, refused, whole, wrong);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 600;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	test_subsets(count, first);
	test_host(count / 2, first);
	test_profile(true, false);
	test_profile(false, false);
	test_profile(false, true);
	test_decisions();
	test_rtl(argc > 3 ? argv[3] : "build/lib/libbnnaccel-rtl.so");
	return tap_done();
}
