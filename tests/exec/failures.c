// SPDX-License-Identifier: MIT
/* What goes wrong is told in a sentence that names the place and the remedy. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bnnaccel/bnnaccel.h>

#include "common.h"
#include "device/dev.h"
#include "device/fault.h"
#include "tap.h"

static struct bnn_net *net;

/* Opening must fail with this code and a text that holds both words. */
static void refuses(const struct bnn_exec_ops *ops, const struct bnn_exec_options *options,
		    int code, const char *word, const char *other)
{
	struct bnn_error error = { "" };
	struct bnn_exec *exec = NULL;
	int ret = ops->open(net, options, &exec, &error);

	tap_ok(ret == code && !exec && strstr(error.text, word) && strstr(error.text, other),
	       "%s: %d %s", ops->name, ret, error.text);
	if (exec)
		ops->close(exec);
}

static void test_cores(void)
{
	struct bnn_exec_options options = { .core = "/nowhere/core.so" };

	refuses(&bnn_exec_rtl, &options, BNNACCEL_ERR_NO_BACKEND, "/nowhere/core.so", "make rtl");
	refuses(&bnn_exec_model, &options, BNNACCEL_ERR_NO_BACKEND, "/nowhere/core.so", "core");
	options.core = "libm.so.6";
	refuses(&bnn_exec_rtl, &options, BNNACCEL_ERR_NO_BACKEND, "libm.so.6", "bnn_core_entry");
	options.core = NULL;
	setenv("BNNACCEL_RTL", "/nowhere/from-environment.so", 1);
	refuses(&bnn_exec_rtl, &options, BNNACCEL_ERR_NO_BACKEND, "from-environment.so",
		"make rtl");
	unsetenv("BNNACCEL_RTL");
	options.core_options = "no_such_option=1";
	refuses(&bnn_exec_model, &options, BNNACCEL_ERR_ARGUMENT, "model", "no_such_option");
}

static void test_devices(void)
{
	struct bnn_exec_options options = { .device = "/dev/accel/accel-none" };
	char path[] = "/tmp/bnnaccel-test-XXXXXX";
	int fd = mkstemp(path);

	refuses(&bnn_exec_device, &options, BNNACCEL_ERR_NO_DEVICE, "accel-none", "no device");
	options.device = "/dev/null";
	refuses(&bnn_exec_device, &options, BNNACCEL_ERR_NO_DEVICE, "/dev/null",
		"not a DRM device");
	fchmod(fd, 0);
	options.device = path;
	if (geteuid()) {
		refuses(&bnn_exec_device, &options, BNNACCEL_ERR_PERMISSION, path, "group");
	} else if (seteuid(65534) == 0) {
		refuses(&bnn_exec_device, &options, BNNACCEL_ERR_PERMISSION, path, "group");
		if (seteuid(0))
			abort();
	}
	unlink(path);
	close(fd);
	options.device = NULL;
	if (access("/dev/accel", F_OK))
		refuses(&bnn_exec_device, &options, BNNACCEL_ERR_NO_DEVICE, "bnnaccel device", "");
	else
		printf("ok %d - no device at all # SKIP there is /dev/accel\n", ++tap_count);
}

static void test_budget(void)
{
	struct bnn_exec_options options = { .budget = 1 };
	uint8_t *inputs = make_inputs(net, 1, 9);
	struct outcome o = execute(&bnn_exec_model, net, &options, inputs, 9);

	tap_ok(o.ret == BNNACCEL_ERR_DEVICE && strstr(o.error.text, "TIMEOUT") &&
		       strstr(o.error.text, "'n0' (CONV, command 0)") &&
		       strstr(o.error.text, "budget"),
	       "%d %s", o.ret, o.error.text);
	free_outcome(&o);
	options.budget = 1u << 20;
	o = execute(&bnn_exec_model, net, &options, inputs, 9);
	tap_ok(!o.ret, "enough budget %s", o.error.text);
	free_outcome(&o);
	free(inputs);
}

/* Runs a list of two commands that is not what the compiler makes. */
static void run_damaged(unsigned int word, uint32_t value, bool bind, int status, const char *field)
{
	uint32_t list[2][BNN_COMMAND_BYTES / 4] = { { BNN_CMD_NOP }, { BNN_CMD_END } };
	int32_t nodes[2] = { 0, -1 };
	struct bnn_program program = { .commands = list[0], .count = 2, .nodes = nodes };
	struct bnn_dev_job job = { .iterations = 1, .budget = 1000 };
	struct bnn_dev_fault fault = { 0 };
	struct bnn_dev_buffer *buffer = NULL;
	struct bnn_error error = { "" };
	struct bnn_dev *dev;
	uint64_t ticket;
	int ret;

	list[0][0] = BNN_CMD_TRANSPOSE;
	list[0][1] = 4 | 4 << 16;
	list[0][2] = 2;
	list[0][12] = BNN_PROGRAM_INPUT | BNN_FORMAT_E_U8 << 6 | 1 << 11;
	list[0][18] = 64;
	list[0][19] = BNN_PROGRAM_SCRATCH | BNN_FORMAT_E_U8 << 6 | 2 << 11;
	list[0][word] = value;
	ret = bnn_core_dev_open(false, NULL, &dev, &error);
	if (!tap_ok(!ret, "core opens %s", error.text))
		return;
	dev->ops->alloc(dev, 8192, BNN_DEV_READ, &buffer, &error);
	if (bind) {
		job.regions[BNN_PROGRAM_INPUT] =
			(struct bnn_dev_region){ buffer, BNN_DEV_READ, 0, 4096, 0 };
		job.regions[BNN_PROGRAM_SCRATCH] =
			(struct bnn_dev_region){ buffer, BNN_DEV_READ | BNN_DEV_WRITE, 0, 8192, 0 };
	}
	dev->ops->load(dev, list[0], 2, &job.program, &error);
	ret = dev->ops->submit(dev, &job, &ticket, &error);
	if (!ret)
		ret = dev->ops->wait(dev, ticket, &fault, &error);
	bnn_fault_report(&error, net, &program, "model", &fault, 100);
	tap_ok(ret == BNNACCEL_ERR_DEVICE && (int)fault.status == status &&
		       strstr(error.text, field) &&
		       strstr(error.text, bnn_status_name(fault.status)) &&
		       strstr(error.text, "image 100"),
	       "%s", error.text);
	dev->ops->close(dev);
}

static void test_faults(void)
{
	run_damaged(3, 1, true, BNN_STATUS_BAD_FIELD, "RESERVED");
	run_damaged(0, 0x77, true, BNN_STATUS_BAD_OPCODE, "word 0 (opcode)");
	run_damaged(11, 4096, true, BNN_STATUS_BAD_BOUNDS, "word 11 (IN_OFFSET), read of region 2");
	run_damaged(11, 0, false, BNN_STATUS_BAD_BOUNDS, "word 11 (IN_OFFSET)");
	/* The region grants what the page table does not. */
	run_damaged(18, 64, true, BNN_STATUS_MMU_FAULT, "write of region 4");
}

static void test_texts(void)
{
	int32_t nodes[1] = { 0 };
	uint32_t words[BNN_COMMAND_BYTES / 4] = { BNN_CMD_CONV };
	struct bnn_program program = { .commands = words, .count = 1, .nodes = nodes };
	struct bnn_error error;
	struct bnn_dev_fault fault = { .silent = true };
	bool complete = true;

	bnn_fault_report(&error, net, &program, "device", &fault, 0);
	tap_ok(strstr(error.text, "reset") != NULL, "%s", error.text);
	/* Whatever a device says, there is a sentence that ends within the buffer. */
	for (uint32_t status = 0; status < 20; status++)
		for (uint32_t detail = 0; detail < 16; detail++) {
			fault = (struct bnn_dev_fault){
				.status = status,
				.detail = detail,
				.command = status % 3 ? 0 : UINT32_MAX,
				.word_offset = detail * 8,
				.iteration = UINT32_MAX,
				.access = UINT32_MAX,
				.va = UINT64_MAX,
			};
			bnn_fault_report(&error, net, &program, "device", &fault, 0);
			complete &= strlen(error.text) < sizeof(error.text) - 1;
		}
	tap_ok(complete, "every status and detail has a text that is not cut off");
}

int main(void)
{
	const struct random_net_options shape = { .commands = RANDOM_CONV };

	/* Some work: more than one unit of budget. */
	for (uint64_t seed = 1; !net; seed++) {
		net = random_net(seed, &shape);
		if (bnn_weight_bytes(net->nodes[0].words) < 60000) {
			bnn_net_free(net);
			net = NULL;
		}
	}
	test_cores();
	test_devices();
	test_budget();
	test_faults();
	test_texts();
	bnn_net_free(net);
	return tap_done();
}
