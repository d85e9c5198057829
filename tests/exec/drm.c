// SPDX-License-Identifier: MIT
/*
 * The driver's side of the library against a stand-in: same bits as the CPU
 * engine, every call that fails in turn, jobs that fail, nothing left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "common.h"
#include "fake_drm.h"
#include "tap.h"

enum { IMAGES = 11 };

static unsigned int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static struct bnn_exec_options device_options(void)
{
	return (struct bnn_exec_options){ .device = fake.path, .batch = 2 };
}

static bool net_matches(uint64_t seed)
{
	const struct random_net_options shape = { .nodes = 10, .max_work = 200000 };
	struct bnn_exec_options options;
	struct bnn_net *net = random_net(seed, &shape);
	uint8_t *inputs = make_inputs(net, seed, IMAGES);
	struct outcome cpu, device;
	char what[48];
	bool ok;

	fake_start();
	fake.act_kib = seed % 3 * 16;
	options = device_options();
	cpu = execute(&bnn_exec_cpu, net, NULL, inputs, IMAGES);
	device = execute(&bnn_exec_device, net, &options, inputs, IMAGES);
	snprintf(what, sizeof(what), "seed %llu", (unsigned long long)seed);
	ok = same_outputs(what, &cpu, &device) &&
	     same_counters(what, &cpu, &device,
			   1u << BNN_COUNTER_MACS | 1u << BNN_COUNTER_SATURATED);
	ok = ok && device.stats.jobs == (IMAGES + 1) / 2 && fake.most_in_flight == 2 &&
	     !fake.misuse && !fake.objects && !fake_mappings();
	free_outcome(&cpu);
	free_outcome(&device);
	free(inputs);
	bnn_net_free(net);
	fake_stop();
	return ok;
}

/* Cut at random, with images and results in memory of the device. */
static bool cut_net_matches(uint64_t seed)
{
	const struct random_net_options shape = { .nodes = 10,
						  .max_work = 100000,
						  .commands = RANDOM_ALL | RANDOM_HOST };
	const struct bnn_exec_ops *ops = &bnn_exec_device;
	struct bnn_net *net = random_net(seed, &shape);
	size_t in = net->values[net->input.value].bytes, out = net->values[net->output.value].bytes;
	size_t in_stride = (in + 63) / 64 * 64, out_stride = (out + 63) / 64 * 64;
	uint8_t *inputs = make_inputs(net, seed, IMAGES), *in_map = NULL, *out_map = NULL;
	struct outcome cpu = execute(&bnn_exec_cpu, net, NULL, inputs, IMAGES);
	bool *nodes = calloc(net->node_count, sizeof(*nodes));
	struct random random = { seed };
	struct bnn_exec_options options;
	struct bnn_dev_buffer *a, *b;
	struct bnn_exec_stats stats;
	struct bnn_error error = { "" };
	struct bnn_piece piece = { .input_stride = in_stride, .output_stride = out_stride };
	struct bnn_exec *exec;
	bool ok;

	fake_start();
	for (size_t i = 0; i < net->node_count; i++)
		nodes[i] = random_once_in(&random, 3);
	options = device_options();
	options.cpu_nodes = nodes;
	options.fallback = BNN_FALLBACK_NEEDED;
	options.profile = seed % 3 == 0;
	ok = !ops->open(net, &options, &exec, &error) &&
	     !ops->alloc(exec, in_stride * 2, &a, &in_map, &error) &&
	     !ops->alloc(exec, out_stride * 2, &b, &out_map, &error);
	for (size_t i = 0; i < IMAGES && ok; i += piece.count) {
		piece.count = IMAGES - i < 2 ? 1 : 2;
		piece.inputs = in_map;
		piece.outputs = out_map;
		for (size_t k = 0; k < piece.count; k++)
			memcpy(in_map + k * in_stride, inputs + (i + k) * in, in);
		ok = !ops->begin(exec, &piece, &error) && !ops->finish(exec, &error);
		for (size_t k = 0; k < piece.count && ok; k++)
			ok = !memcmp(out_map + k * out_stride, cpu.outputs + (i + k) * out, out);
	}
	ops->stats(exec, &stats);
	ops->free(exec, a);
	ops->close(exec);
	if (!ok)
		printf("# seed %llu: %s\n", (unsigned long long)seed, error.text);
	ok = ok && !stats.copied && !fake.misuse && !fake.objects && !fake_mappings();
	free_outcome(&cpu);
	free(nodes);
	free(inputs);
	bnn_net_free(net);
	fake_stop();
	return ok;
}

static void test_cuts(void)
{
	unsigned int failed = 0;

	for (uint64_t seed = 1; seed <= 60; seed++)
		failed += !cut_net_matches(seed);
	tap_ok(!failed, "60 networks cut at random, in memory of the device: device = cpu");
}

static void test_bits(void)
{
	unsigned int failed = 0;

	for (uint64_t seed = 1; seed <= 100; seed++)
		failed += !net_matches(seed);
	tap_ok(!failed,
	       "100 networks: device = cpu, two jobs in flight, no call the driver refuses");
}

static void test_failing_calls(struct bnn_net *net, const uint8_t *inputs)
{
	static const struct {
		int error, code;
	} kinds[] = {
		{ ENODEV, BNNACCEL_ERR_NO_DEVICE }, { EIO, BNNACCEL_ERR_DEVICE },
		{ ENOMEM, BNNACCEL_ERR_MEMORY },    { EBADFD, BNNACCEL_ERR_DEVICE },
		{ EPERM, BNNACCEL_ERR_SYSTEM },
	};
	unsigned int files = open_files(), left = 0, wrong = 0, silent = 0, reached = 0;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (unsigned int call = 1;; call++) {
			struct bnn_exec_options options;
			struct outcome o;
			unsigned int calls;

			fake_start();
			fake.fail_call = call;
			fake.fail_errno = kinds[k].error;
			options = device_options();
			o = execute(&bnn_exec_device, net, &options, inputs, IMAGES);
			calls = fake.calls;
			silent += o.ret && !strstr(o.error.text, fake.path);
			/* The first call only asks whose device it is, the last one for counters.
			 */
			if (call == 1)
				wrong += o.ret != BNNACCEL_ERR_NO_DEVICE;
			else if (call < calls)
				wrong += o.ret != kinds[k].code;
			left += fake.objects || fake_mappings() || fake.misuse;
			reached++;
			free_outcome(&o);
			fake_stop();
			if (calls < call)
				break;
		}
	}
	tap_ok(reached > 100 && !wrong, "%u times one call failed: the right code (%u wrong)",
	       reached, wrong);
	tap_ok(!silent, "and a text that names the device");
	tap_ok(!left && open_files() == files, "and nothing is left behind");
}

static void test_failing_jobs(struct bnn_net *net, const uint8_t *inputs)
{
	struct bnn_exec_options options;
	struct bnn_error error = { "" };
	struct outcome cpu = execute(&bnn_exec_cpu, net, NULL, inputs, IMAGES);
	uint8_t *outputs = malloc(cpu.bytes);
	struct bnn_exec *exec;
	int ret;

	fake_start();
	fake.bad_job = 3;
	fake.bad_status = BNN_STATUS_PARITY;
	options = device_options();
	if (!tap_ok(!bnn_exec_device.open(net, &options, &exec, &error), "open %s", error.text))
		return;
	ret = bnn_exec_device.run(exec, inputs, net->values[net->input.value].bytes, outputs,
				  IMAGES, &error);
	tap_ok(ret == BNNACCEL_ERR_DEVICE && strstr(error.text, "PARITY") &&
		       strstr(error.text, "(image 4)"),
	       "%s", error.text);
	ret = bnn_exec_device.run(exec, inputs, net->values[net->input.value].bytes, outputs,
				  IMAGES, &error);
	tap_ok(!ret && !memcmp(outputs, cpu.outputs, cpu.bytes), "the session works on");
	fake.bad_job = fake.jobs + 1;
	fake.bad_status = UINT32_MAX;
	ret = bnn_exec_device.run(exec, inputs, net->values[net->input.value].bytes, outputs, 1,
				  &error);
	tap_ok(ret == BNNACCEL_ERR_DEVICE && strstr(error.text, "reset"), "%s", error.text);
	bnn_exec_device.close(exec);
	tap_ok(!fake.misuse && !fake.objects, "all calls were in order");
	fake_stop();

	fake_start();
	options = device_options();
	options.budget = 1;
	free_outcome(&cpu);
	cpu = execute(&bnn_exec_device, net, &options, inputs, IMAGES);
	tap_ok(cpu.ret == BNNACCEL_ERR_DEVICE && strstr(cpu.error.text, "TIMEOUT"), "%s",
	       cpu.error.text);
	fake_stop();
	free_outcome(&cpu);
	free(outputs);
}

/* Two jobs in flight have both ended when the first is looked at: each gets its own end. */
static void test_whose_fault(struct bnn_net *net, const uint8_t *inputs)
{
	size_t in = net->values[net->input.value].bytes, out = net->values[net->output.value].bytes;
	const struct bnn_exec_ops *ops = &bnn_exec_device;
	uint8_t *outputs = malloc(4 * out);
	struct bnn_piece a = { inputs, in, outputs, out, 2, 0 };
	struct bnn_piece b = { inputs + 2 * in, in, outputs + 2 * out, out, 2, 2 };
	bool ok = true;

	for (unsigned int bad = 0; bad < 3; bad++) {
		struct bnn_exec_options options;
		struct bnn_error error = { "" };
		struct bnn_exec *exec;
		int first, second;

		fake_start();
		fake.eager = true;
		fake.bad_job = bad;
		fake.bad_status = BNN_STATUS_PARITY;
		options = device_options();
		ok &= !ops->open(net, &options, &exec, &error) && !ops->begin(exec, &a, &error) &&
		      !ops->begin(exec, &b, &error);
		first = ops->finish(exec, &error);
		ok &= first == (bad == 1 ? BNNACCEL_ERR_DEVICE : 0);
		second = ops->finish(exec, &error);
		ok &= second == (bad == 2 ? BNNACCEL_ERR_DEVICE : 0);
		ok &= bad != 2 || strstr(error.text, "(image 2)");
		ops->close(exec);
		fake_stop();
	}
	tap_ok(ok, "of two jobs in flight the one that failed is told");
	free(outputs);
}

static void refuses(const struct bnn_net *net, int code, const char *word)
{
	struct bnn_exec_options options = device_options();
	struct bnn_error error = { "" };
	struct bnn_exec *exec;
	int ret = bnn_exec_device.open(net, &options, &exec, &error);

	tap_ok(ret == code && strstr(error.text, word), "%d %s", ret, error.text);
}

int main(void)
{
	const struct random_net_options shape = { .commands = RANDOM_CONV };
	struct bnn_net *net = NULL;
	uint8_t *inputs;

	for (uint64_t seed = 1; !net; seed++) {
		net = random_net(seed, &shape);
		if (bnn_weight_bytes(net->nodes[0].words) < 60000) {
			bnn_net_free(net);
			net = NULL;
		}
	}
	inputs = make_inputs(net, 1, IMAGES);
	test_bits();
	test_cuts();
	test_failing_calls(net, inputs);
	test_failing_jobs(net, inputs);
	test_whose_fault(net, inputs);
	fake_start();
	fake.driver = "ivpu";
	refuses(net, BNNACCEL_ERR_NO_DEVICE, "'ivpu'");
	fake.driver = "bnnaccel";
	fake.major = 9;
	refuses(net, BNNACCEL_ERR_UNSUPPORTED, "version 9");
	fake_stop();
	free(inputs);
	bnn_net_free(net);
	return tap_done();
}
