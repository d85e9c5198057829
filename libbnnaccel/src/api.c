// SPDX-License-Identifier: MIT
/* Contexts and models. */
#include "api.h"

#include <stdlib.h>
#include <string.h>

int bnnaccel_open(struct bnnaccel **ctx)
{
	if (!ctx)
		return BNNACCEL_ERR_ARGUMENT;
	*ctx = calloc(1, sizeof(**ctx));
	return *ctx ? 0 : BNNACCEL_ERR_MEMORY;
}

void bnnaccel_close(struct bnnaccel *ctx)
{
	if (!ctx)
		return;
	while (ctx->sessions)
		bnnaccel_session_close(ctx->sessions);
	while (ctx->models)
		bnnaccel_model_free(ctx, ctx->models->model);
	free(ctx);
}

const char *bnnaccel_last_error(const struct bnnaccel *ctx)
{
	return ctx ? ctx->error.text : "";
}

const char *bnnaccel_error_name(int code)
{
	switch (code) {
	case 0:
		return "no error";
	case BNNACCEL_ERR_ARGUMENT:
		return "wrong argument";
	case BNNACCEL_ERR_NO_FILE:
		return "no file";
	case BNNACCEL_ERR_BAD_MODEL:
		return "bad model";
	case BNNACCEL_ERR_BAD_INPUT:
		return "bad input";
	case BNNACCEL_ERR_NO_DEVICE:
		return "no device";
	case BNNACCEL_ERR_PERMISSION:
		return "no permission";
	case BNNACCEL_ERR_UNSUPPORTED:
		return "unsupported";
	case BNNACCEL_ERR_DEVICE:
		return "device error";
	case BNNACCEL_ERR_MEMORY:
		return "out of memory";
	case BNNACCEL_ERR_SYSTEM:
		return "system error";
	case BNNACCEL_ERR_NO_BACKEND:
		return "no backend";
	case BNNACCEL_ERR_TIMEOUT:
		return "timeout";
	case BNNACCEL_ERR_CANCELLED:
		return "cancelled";
	case BNNACCEL_ERR_BUSY:
		return "busy";
	}
	return "unknown error";
}

void bnn_api_give(void *to, const void *from, size_t known)
{
	size_t size;

	memcpy(&size, to, sizeof(size));
	memset((char *)to + sizeof(size), 0, size - sizeof(size));
	if (known > size)
		known = size;
	memcpy((char *)to + sizeof(size), (const char *)from + sizeof(size), known - sizeof(size));
}

struct bnn_error *bnn_api_error(struct bnnaccel *ctx)
{
	if (!ctx)
		return NULL;
	ctx->error.text[0] = 0;
	return &ctx->error;
}

void bnn_api_model_ref(struct bnnaccel_model *model)
{
	atomic_fetch_add(&model->users, 1);
}

void bnn_api_model_unref(struct bnnaccel_model *model)
{
	if (atomic_fetch_sub(&model->users, 1) != 1)
		return;
	bnn_net_free(model->net);
	free(model);
}

/* Binary multiply-accumulates of a node if no tap were absent and every gate open. */
static uint64_t dense_macs(const uint32_t *words)
{
	uint32_t oh, ow;

	if ((words[0] & 0xff) != BNN_CMD_CONV)
		return 0;
	bnn_command_output(words, &oh, &ow);
	return bnn_weight_count(words) * oh * ow *
	       bnn_format_width(bnn_field_get(words, BNN_F_CONV_IN_FORMAT)) *
	       bnn_wformat_bits(bnn_field_get(words, BNN_F_CONV_WFORMAT));
}

/* Sums over the nodes; weights that several nodes share count once. */
static int measure(struct bnnaccel_model *model)
{
	const struct bnn_net *net = model->net;
	bool *seen = calloc(net->value_count + 1, sizeof(*seen));
	size_t i;

	if (!seen)
		return -1;
	for (i = 0; i < net->node_count; i++) {
		const struct bnn_node *node = &net->nodes[i];
		int32_t weights = node->ref[BNN_SLOT_WEIGHT];

		if ((node->words[0] & 0xff) != BNN_CMD_CONV)
			continue;
		model->macs += dense_macs(node->words);
		if (!seen[weights] && net->values[weights].role == BNN_ROLE_CONST)
			model->weight_bits += bnn_weight_stored_bits(node->words);
		seen[weights] = true;
	}
	free(seen);
	return 0;
}

int bnn_api_adopt(struct bnnaccel *ctx, struct bnn_net *net, struct bnnaccel_model **result)
{
	struct bnn_api_model_list *entry = calloc(1, sizeof(*entry));
	struct bnnaccel_model *model = calloc(1, sizeof(*model));
	int rc = bnn_net_check(net, &ctx->error);

	*result = NULL;
	if (!rc && (!entry || !model))
		rc = bnn_fail(&ctx->error, BNNACCEL_ERR_MEMORY, "out of memory for a model");
	if (!rc) {
		model->net = net;
		if (measure(model))
			rc = bnn_fail(&ctx->error, BNNACCEL_ERR_MEMORY,
				      "out of memory for a model");
	}
	if (rc) {
		bnn_net_free(net);
		free(model);
		free(entry);
		return rc;
	}
	atomic_init(&model->users, 1);
	entry->model = model;
	entry->next = ctx->models;
	ctx->models = entry;
	*result = model;
	return 0;
}

int bnnaccel_model_load(struct bnnaccel *ctx, const char *path, struct bnnaccel_model **model)
{
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnn_net *net;
	int rc;

	if (model)
		*model = NULL;
	if (!ctx || !path || !model)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_model_load: context, path or model is NULL");
	rc = bnn_file_read(path, &net, error);
	return rc ? rc : bnn_api_adopt(ctx, net, model);
}

int bnnaccel_model_parse(struct bnnaccel *ctx, const void *data, size_t len,
			 struct bnnaccel_model **model)
{
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnn_net *net;
	int rc;

	if (model)
		*model = NULL;
	if (!ctx || !data || !model)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_model_parse: context, data or model is NULL");
	rc = bnn_file_parse(data, len, &net, error);
	return rc ? rc : bnn_api_adopt(ctx, net, model);
}

int bnnaccel_model_save(struct bnnaccel *ctx, const struct bnnaccel_model *model, const char *path)
{
	struct bnn_error *error = bnn_api_error(ctx);

	if (!ctx || !model || !path)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_model_save: context, model or path is NULL");
	return bnn_file_write(model->net, path, error);
}

void bnnaccel_model_free(struct bnnaccel *ctx, struct bnnaccel_model *model)
{
	struct bnn_api_model_list **at, *entry;

	if (!ctx || !model)
		return;
	for (at = &ctx->models; *at; at = &(*at)->next) {
		entry = *at;
		if (entry->model != model)
			continue;
		*at = entry->next;
		free(entry);
		/* Sessions that are still open keep the network. */
		bnn_api_model_unref(model);
		return;
	}
}
