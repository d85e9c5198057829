// SPDX-License-Identifier: MIT
/* Sessions: a model on a backend. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "api_buffer.h"
#include "api_options.h"
#include "api_queue.h"
#include "compile/refs.h"
#include "device/dev.h"

static void link_session(struct bnnaccel *ctx, struct bnnaccel_session *session)
{
	session->ctx = ctx;
	session->next = ctx->sessions;
	ctx->sessions = session;
}

/* Opens on the backend wanted; auto: on the device if there is one. */
static int open_exec(struct bnnaccel_session *session, const char *backend,
		     const struct bnn_exec_options *options, struct bnn_error *error)
{
	bool choose = !strcmp(backend, "auto");
	int rc;

	session->ops = choose ? &bnn_exec_device : bnn_api_backend(backend);
	rc = session->ops->open(session->model->net, options, &session->exec, error);
	/*
	 * Other failures are told: a device that may not be opened would otherwise
	 * just look slow.
	 */
	if (choose && rc == BNNACCEL_ERR_NO_DEVICE && !options->device) {
		session->ops = &bnn_exec_cpu;
		rc = session->ops->open(session->model->net, options, &session->exec, error);
		if (!rc && error)
			error->text[0] = 0;
	}
	return rc;
}

int bnnaccel_session_open(struct bnnaccel *ctx, const struct bnnaccel_model *model,
			  const struct bnnaccel_session_options *given,
			  struct bnnaccel_session **result)
{
	struct bnnaccel_session_options options;
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnn_exec_options exec_options;
	struct bnnaccel_session *session;
	int rc;

	if (result)
		*result = NULL;
	if (!ctx || !model || !result)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_session_open: context, model or session is NULL");
	rc = bnn_api_options(ctx, given, &options);
	if (!rc)
		rc = bnn_api_exec_options(&options, model->net, &exec_options, error);
	if (rc)
		return rc;
	session = calloc(1, sizeof(*session));
	if (!session) {
		bnn_api_exec_options_free(&exec_options);
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory opening a session");
	}
	/* Only the count of users changes, never what a model is. */
	session->model = (struct bnnaccel_model *)model;
	session->batch = options.batch;
	rc = open_exec(session, options.backend, &exec_options, error);
	bnn_api_exec_options_free(&exec_options);
	if (rc) {
		free(session);
		return rc;
	}
	bnn_api_model_ref(session->model);
	link_session(ctx, session);
	*result = session;
	return 0;
}

void bnnaccel_session_close(struct bnnaccel_session *session)
{
	struct bnnaccel_session **at;

	if (!session)
		return;
	for (at = &session->ctx->sessions; *at && *at != session; at = &(*at)->next)
		;
	if (*at)
		*at = session->next;
	bnn_queue_end(session);
	bnn_buffers_end(session);
	session->ops->close(session->exec);
	bnn_api_model_unref(session->model);
	free(session);
}

const char *bnnaccel_session_backend(const struct bnnaccel_session *session)
{
	return session ? session->ops->name : "";
}

int bnnaccel_run(struct bnnaccel_session *session, const void *inputs, size_t input_stride,
		 void *outputs, size_t count)
{
	struct bnnaccel_request request = {
		.size = sizeof(request),
		.inputs = inputs,
		.input_stride = input_stride,
		.outputs = outputs,
		.count = count,
	};
	const struct bnn_net *net;
	struct bnn_error *error;
	uint64_t ticket, bytes;
	int rc;

	if (!session)
		return BNNACCEL_ERR_ARGUMENT;
	error = bnn_api_error(session->ctx);
	if (!count)
		return 0;
	if (!inputs || !outputs)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_run: inputs or outputs is NULL");
	net = session->model->net;
	bytes = net->values[net->input.value].bytes;
	if (count > 1 && input_stride < bytes)
		return bnn_fail(error, BNNACCEL_ERR_BAD_INPUT,
				"bnnaccel_run: images are %zu bytes "
				"apart, but network \"%.64s\" reads %llu bytes of each",
				input_stride, net->name, (unsigned long long)bytes);
	if (count > 1 && count > SIZE_MAX / (input_stride ? input_stride : 1))
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_run: %zu images cannot lie in memory", count);
	if (!session->queue)
		return session->ops->run(session->exec, inputs, input_stride, outputs, count,
					 error);
	/* Behind the requests that are in flight. */
	if (count == 1)
		request.input_stride = 0;
	rc = bnnaccel_submit(session, &request, &ticket);
	return rc ? rc : bnnaccel_wait(session, ticket, -1);
}

int bnnaccel_session_get_stats(struct bnnaccel_session *session, struct bnnaccel_stats *stats)
{
	struct bnnaccel_stats all = { 0 };
	struct bnn_exec_stats sum;

	_Static_assert(sizeof(all.counters) == sizeof(sum.counters), "counters");
	if (!session || !stats || !bnn_api_size_ok(stats->size))
		return BNNACCEL_ERR_ARGUMENT;
	bnn_queue_enter(session);
	session->ops->stats(session->exec, &sum);
	bnn_queue_leave(session);
	all.jobs = sum.jobs;
	all.copied = sum.copied;
	memcpy(all.counters, sum.counters, sizeof(all.counters));
	bnn_api_give(stats, &all, sizeof(all));
	return 0;
}

int bnnaccel_session_get_node(struct bnnaccel_session *session, uint32_t i,
			      struct bnnaccel_node_info *info)
{
	struct bnnaccel_node_info all = { 0 };
	const struct bnn_command *command;
	const struct bnn_node *node;
	struct bnn_exec_node measured;

	_Static_assert(sizeof(all.counters) == sizeof(measured.counters), "counters");
	if (!session || !info || !bnn_api_size_ok(info->size) ||
	    i >= session->model->net->node_count)
		return BNNACCEL_ERR_ARGUMENT;
	node = &session->model->net->nodes[i];
	command = bnn_command_find(node->words);
	bnn_queue_enter(session);
	session->ops->node(session->exec, i, &measured);
	bnn_queue_leave(session);
	all.name = node->name;
	all.command = command ? command->name : "?";
	all.on_cpu = measured.cpu;
	all.reason = measured.reason ? measured.reason : "";
	all.runs = measured.runs;
	all.cycles = measured.cycles;
	all.ns = measured.ns;
	all.stall = measured.stall;
	memcpy(all.counters, measured.counters, sizeof(all.counters));
	bnn_api_give(info, &all, sizeof(all));
	return 0;
}

/* Opens the device or core of a backend without a network. */
static int open_dev(const char *backend, const struct bnn_exec_options *options,
		    struct bnn_dev **dev, struct bnn_error *error)
{
	if (!strcmp(backend, "model") || !strcmp(backend, "rtl"))
		return bnn_core_dev_open(!strcmp(backend, "rtl"), options, dev, error);
	return bnn_drm_dev_open(options, dev, error);
}

static void describe_dev(const struct bnn_dev *dev, struct bnnaccel_device_info *info)
{
	memcpy(info->path, dev->path, sizeof(info->path));
	info->path[sizeof(info->path) - 1] = 0;
	info->version = dev->version;
	info->build = dev->build;
	info->resets = dev->resets;
	info->features = dev->target.features;
	info->caps_array = dev->target.caps_array;
	info->caps_ram = dev->target.caps_ram;
	info->clock_hz = dev->target.clock_hz;
}

int bnnaccel_device_get_info(struct bnnaccel *ctx, const struct bnnaccel_session_options *given,
			     struct bnnaccel_device_info *info)
{
	struct bnnaccel_session_options options;
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnnaccel_device_info all = { 0 };
	struct bnn_exec_options exec_options;
	struct bnn_dev *dev = NULL;
	const char *backend;
	int rc;

	if (!ctx || !info || !bnn_api_size_ok(info->size))
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_device_get_info: context or info is NULL, or its size is "
				"not set");
	bnn_api_give(info, &all, sizeof(all));
	rc = bnn_api_options(ctx, given, &options);
	if (rc)
		return rc;
	exec_options = (struct bnn_exec_options){
		.device = options.device,
		.core = options.core,
		.core_options = options.core_options,
	};
	backend = options.backend;
	if (strcmp(backend, "cpu")) {
		rc = open_dev(backend, &exec_options, &dev, error);
		if (!strcmp(backend, "auto")) {
			backend = "device";
			if (rc == BNNACCEL_ERR_NO_DEVICE && !options.device) {
				backend = "cpu";
				bnn_api_error(ctx);
				rc = 0;
			}
		}
	}
	if (rc)
		return rc;
	strncpy(all.backend, backend, sizeof(all.backend) - 1);
	if (dev) {
		describe_dev(dev, &all);
		dev->ops->close(dev);
	}
	bnn_api_give(info, &all, sizeof(all));
	return 0;
}
