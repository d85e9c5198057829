// SPDX-License-Identifier: MIT
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int code_value(enum bnnaccel_codes kind, uint8_t byte)
{
	switch (kind) {
	case BNNACCEL_CODES_SIGN:
		return byte & 1 ? 1 : -1;
	case BNNACCEL_CODES_ODD2:
		return 2 * (byte & 3) - 3;
	case BNNACCEL_CODES_ODD4:
		return 2 * (byte & 15) - 15;
	case BNNACCEL_CODES_ODD8:
		return 2 * byte - 255;
	case BNNACCEL_CODES_UNSIGNED4:
		return byte & 15;
	case BNNACCEL_CODES_UNSIGNED8:
		return byte;
	case BNNACCEL_CODES_SIGNED4:
		return (byte & 15) - (byte & 8 ? 16 : 0);
	default:
		return (int8_t)byte;
	}
}

void start(struct bench *b, uint32_t h, uint32_t w, uint32_t c, enum bnnaccel_codes kind)
{
	uint8_t table[256];
	struct bnnaccel_encoding e = { .codes = kind, .table = table };

	memset(b, 0, sizeof(*b));
	b->h = h;
	b->w = w;
	b->c = c;
	for (int i = 0; i < 256; i++)
		table[i] = (uint8_t)i;
	for (uint32_t i = 0; i < h * w * c; i++) {
		b->image[i] = (uint8_t)random_draw(256);
		b->value[i] = code_value(kind, b->image[i]);
	}
	bnnaccel_graph_new("bench", &b->g);
	b->codes = bnnaccel_graph_encode(b->g, bnnaccel_graph_image(b->g, h, w, c, 0), &e);
}

void finish(struct bench *b)
{
	bnn_net_free(b->net);
	bnnaccel_graph_free(b->g);
}

int real_codes(struct bench *b, float scale)
{
	int8_t one[CHANNELS * CHANNELS] = { 0 };
	struct bnnaccel_conv copy = { .outputs = b->c,
				      .kernel_h = 1,
				      .kernel_w = 1,
				      .kind = BNNACCEL_WEIGHTS_INT8,
				      .weights = one,
				      .scale = &scale,
				      .scales = 1 };

	for (uint32_t i = 0; i < b->c; i++)
		one[i * b->c + i] = 1;
	return bnnaccel_graph_conv(b->g, b->codes, &copy);
}

static void look(void *opaque, const struct bnn_net *net, int32_t value, const uint8_t *data,
		 uint64_t bytes)
{
	struct bench *b = opaque;
	const struct bnn_value *v = &net->values[value];
	size_t i = 0;

	(void)bytes;
	if (strcmp(v->name, b->name) ||
	    (v->format != BNN_FORMAT_E_S16 && v->format != BNN_FORMAT_E_S32))
		return;
	b->f = v->f;
	for (uint32_t y = 0; y < v->h; y++) {
		for (uint32_t x = 0; x < v->w; x++) {
			for (uint32_t c = 0; c < v->c; c++)
				b->out[i++] = ldexp((double)get_stream((uint8_t *)data, v, y, x, c),
						    -v->f);
		}
	}
}

bool evaluate(struct bench *b, int tensor)
{
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT };
	struct bnnaccel_pool all = { .mode = BNNACCEL_POOL_MAX };
	uint8_t *bytes;
	int last = tensor, rc = BNNACCEL_ERR_ARGUMENT;

	if (tensor >= 0) {
		b->name = b->g->ops[tensor].name;
		all.kernel_h = b->g->ops[tensor].h;
		all.kernel_w = b->g->ops[tensor].w;
		/* so that the tensor itself is in memory */
		last = bnnaccel_graph_pool(b->g, tensor, &all);
		b->name = b->g->ops[tensor].name;
	}
	snprintf(b->error.text, sizeof(b->error.text), "%s", bnnaccel_graph_error(b->g));
	if (!bnnaccel_graph_output(b->g, last, &output))
		rc = bnn_graph_lower(b->g, NULL, &b->net, &b->error);
	if (!rc) {
		bytes = calloc(1, b->net->values[b->net->output.value].bytes);
		rc = bnn_cpu_run_tapped(b->net, b->image, bytes, look, b, &b->error);
		free(bytes);
	}
	if (rc)
		note("%s%s", b->error.text, bnnaccel_graph_error(b->g));
	return !rc;
}

bool has_field(const struct bnn_net *net, enum bnn_field_id field, uint32_t value)
{
	bool found = false;

	for (size_t i = 0; net && i < net->node_count; i++) {
		if ((net->nodes[i].words[0] & 0xff) == BNN_CMD_CONV)
			found |= bnn_field_get(net->nodes[i].words, field) == value;
	}
	return found;
}

double step(const struct bench *b)
{
	return ldexp(1, -b->f);
}

double at(const struct bench *b, int y, int x, uint32_t c)
{
	if (y < 0 || x < 0 || (uint32_t)y >= b->h || (uint32_t)x >= b->w)
		return 0;
	return b->value[((uint32_t)y * b->w + (uint32_t)x) * b->c + c];
}
