// SPDX-License-Identifier: MIT
/* Sessions: a model on a backend. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "device/dev.h"

static const struct bnn_exec_ops *const backends[] = {
	&bnn_exec_device,
	&bnn_exec_model,
	&bnn_exec_rtl,
	&bnn_exec_cpu,
};

/* The backend of that name; "auto" is not one. */
static const struct bnn_exec_ops *find_backend(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	}
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
	if (strcmp(options->backend, "auto") && !find_backend(options->backend))
		return bnn_fail(
			&ctx->error, BNNACCEL_ERR_NO_BACKEND,
			"there is no backend \"%.32s\"; use auto, device, model, rtl or cpu",
			options->backend);
	return 0;
}

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

	session->ops = choose ? &bnn_exec_device : find_backend(backend);
	rc = session->ops->open(session->model->net, options, &session->exec, error);
	/*
	 * Other failures are told: a device that may not be opened, or that cannot
	 * run this network, would otherwise just look slow.
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
	if (rc)
		return rc;
	session = calloc(1, sizeof(*session));
	if (!session)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory opening a session");
	/* Only the count of users changes, never what a model is. */
	session->model = (struct bnnaccel_model *)model;
	exec_options = (struct bnn_exec_options){
		.batch = options.batch,
		.device = options.device,
		.core = options.core,
		.core_options = options.core_options,
		.budget = options.budget,
	};
	rc = open_exec(session, options.backend, &exec_options, error);
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
	const struct bnn_net *net;
	struct bnn_error *error;
	uint64_t bytes;

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
	return session->ops->run(session->exec, inputs, input_stride, outputs, count, error);
}

void bnnaccel_session_get_stats(const struct bnnaccel_session *session,
				struct bnnaccel_stats *stats)
{
	struct bnn_exec_stats sum = { 0 };

	_Static_assert(sizeof(stats->counters) == sizeof(sum.counters), "counters");
	if (!stats)
		return;
	memset(stats, 0, sizeof(*stats));
	if (!session)
		return;
	session->ops->stats(session->exec, &sum);
	stats->jobs = sum.jobs;
	memcpy(stats->counters, sum.counters, sizeof(stats->counters));
}

/* Opens the device or core of a backend without a network. */
static int open_dev(const char *backend, const struct bnn_exec_options *options,
		    struct bnn_dev **dev, struct bnn_error *error)
{
	if (!strcmp(backend, "model") || !strcmp(backend, "rtl"))
		return bnn_core_dev_open(!strcmp(backend, "rtl"), options, dev, error);
	return bnn_drm_dev_open(options, dev, error);
}

int bnnaccel_device_get_info(struct bnnaccel *ctx, const struct bnnaccel_session_options *given,
			     struct bnnaccel_device_info *info)
{
	struct bnnaccel_session_options options;
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnn_exec_options exec_options;
	struct bnn_dev *dev = NULL;
	const char *backend;
	int rc;

	if (info)
		memset(info, 0, sizeof(*info));
	if (!ctx || !info)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_device_get_info: context or info is NULL");
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
	strncpy(info->backend, backend, sizeof(info->backend) - 1);
	if (!dev)
		return 0;
	memcpy(info->path, dev->path, sizeof(info->path));
	info->path[sizeof(info->path) - 1] = 0;
	info->version = dev->version;
	info->build = dev->build;
	info->resets = dev->resets;
	info->features = dev->target.features;
	info->caps_array = dev->target.caps_array;
	info->caps_ram = dev->target.caps_ram;
	info->clock_hz = dev->target.clock_hz;
	dev->ops->close(dev);
	return 0;
}
