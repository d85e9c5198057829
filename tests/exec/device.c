// SPDX-License-Identifier: MIT
/*
 * A real device node (in the emulated machine) against the CPU engine: random
 * networks, many jobs, the budget, signals while waiting, several sessions.
 *
 *     device [NETWORKS]
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <bnnaccel/bnnaccel.h>

#include "common.h"
#include "tap.h"

#define SHARED_COUNTERS \
	(1u << BNN_COUNTER_MACS | 1u << BNN_COUNTER_FRAC_ISSUED | 1u << BNN_COUNTER_FRAC_SKIPPED | \
	 1u << BNN_COUNTER_SATURATED)

enum { IMAGES = 9 };

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
}

static void set_alarm(long microseconds)
{
	struct itimerval interval = { { 0, microseconds }, { 0, microseconds } };

	setitimer(ITIMER_REAL, &interval, NULL);
}

/* cut: commands of the CPU engine, too, and every third node on the CPU. */
static bool net_matches(uint64_t seed, uint32_t batch, bool cut)
{
	const struct random_net_options shape = { .nodes = 8,
						  .max_work = 200000,
						  .commands = cut ? RANDOM_ALL | RANDOM_HOST : 0 };
	static const bool thirds[9] = {
		true, false, false, true, false, false, true, false, false
	};
	const struct bnn_exec_options options = {
		.batch = batch,
		.cpu_nodes = cut ? thirds + seed % 2 : NULL,
		.fallback = cut ? BNN_FALLBACK_NEEDED : BNN_FALLBACK_NEVER,
		.profile = cut && seed % 4 == 0,
	};
	struct bnn_net *net = random_net(seed, &shape);
	uint8_t *inputs = make_inputs(net, seed, IMAGES);
	struct outcome cpu = execute(&bnn_exec_cpu, net, NULL, inputs, IMAGES);
	struct outcome device = execute(&bnn_exec_device, net, &options, inputs, IMAGES);
	char what[48];
	bool ok;

	snprintf(what, sizeof(what), "seed %llu, batch %u", (unsigned long long)seed, batch);
	ok = same_outputs(what, &cpu, &device) &&
	     same_counters(what, &cpu, &device, SHARED_COUNTERS);
	free_outcome(&cpu);
	free_outcome(&device);
	free(inputs);
	bnn_net_free(net);
	return ok;
}

static void test_nets(unsigned long count)
{
	unsigned int failed = 0;

	for (uint64_t seed = 1; seed <= count && failed < 10; seed++)
		failed += !net_matches(seed, (uint32_t)(seed % 4), false);
	tap_ok(!failed, "%lu random networks: device = cpu", count);
	failed = 0;
	for (uint64_t seed = 1; seed <= count && failed < 10; seed++)
		failed += !net_matches(seed, (uint32_t)(seed % 4), true);
	tap_ok(!failed, "%lu random networks cut between device and CPU: device = cpu", count);
}

static void test_signals(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	unsigned int failed = 0;

	sigaction(SIGALRM, &action, NULL);
	set_alarm(1000);
	for (uint64_t seed = 1001; seed <= 1010; seed++)
		failed += !net_matches(seed, 1, false);
	set_alarm(0);
	tap_ok(!failed && alarms, "%d signals in the middle of it", (int)alarms);
}

static void test_budget(void)
{
	const struct random_net_options shape = { .commands = RANDOM_CONV };
	struct bnn_exec_options options = { .budget = 1, .batch = 1 };
	struct bnn_net *net = NULL;
	struct outcome o, cpu;
	uint8_t *inputs;

	for (uint64_t seed = 1; !net; seed++) {
		net = random_net(seed, &shape);
		if (bnn_weight_bytes(net->nodes[0].words) < 60000) {
			bnn_net_free(net);
			net = NULL;
		}
	}
	inputs = make_inputs(net, 3, IMAGES);
	o = execute(&bnn_exec_device, net, &options, inputs, IMAGES);
	tap_ok(o.ret == BNNACCEL_ERR_DEVICE && strstr(o.error.text, "TIMEOUT") &&
		       strstr(o.error.text, "'n0' (CONV, command 0)"),
	       "%s", o.error.text);
	free_outcome(&o);
	options.budget = 0;
	cpu = execute(&bnn_exec_cpu, net, NULL, inputs, IMAGES);
	o = execute(&bnn_exec_device, net, &options, inputs, IMAGES);
	tap_ok(same_outputs("after it", &cpu, &o) && o.stats.jobs == IMAGES,
	       "the next session works");
	free_outcome(&o);
	free_outcome(&cpu);
	free(inputs);
	bnn_net_free(net);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 60;

	test_nets(count);
	test_signals();
	test_budget();
	return tap_done();
}
