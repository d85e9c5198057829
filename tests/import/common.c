// SPDX-License-Identifier: MIT
#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int tests, failed;

void ok(bool good, const char *format, ...)
{
	va_list args;

	printf("%sok %u - ", good ? "" : "not ", ++tests);
	failed += !good;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void skip(const char *name, const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++tests, name, why);
}

void note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

int plan_end(void)
{
	printf("1..%u\n", tests);
	return failed ? 1 : 0;
}

const char *data_path(const char *relative)
{
	static char paths[4][1024];
	static unsigned int next;
	const char *root = getenv("BNNACCEL_DATA");
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", root ? root : "../shared/data", relative);
	return path;
}

bool data_exists(const char *relative)
{
	return !access(data_path(relative), R_OK);
}

uint8_t *read_file(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;

	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (size = ftell(f)) >= 0 && !fseek(f, 0, SEEK_SET)) {
		data = malloc((size_t)size + 1);
		if (data && fread(data, 1, (size_t)size, f) == (size_t)size) {
			data[size] = 0;
			if (bytes)
				*bytes = (size_t)size;
		}
	}
	fclose(f);
	return data;
}

bool images_cifar(struct images *images, const char *relative)
{
	size_t bytes;

	images->file = read_file(data_path(relative), &bytes);
	if (!images->file)
		return false;
	images->first = images->file + 1;
	images->stride = 3073;
	images->count = bytes / 3073;
	return true;
}

bool images_idx(struct images *images, const char *relative)
{
	size_t bytes;

	images->file = read_file(data_path(relative), &bytes);
	if (!images->file)
		return false;
	images->first = images->file + 16;
	images->stride = 784;
	images->count = (bytes - 16) / 784;
	return true;
}

struct bnn_net *import_net(const char *relative, const struct bnnaccel_build_options *options,
			   struct bnnaccel_graph **graph)
{
	struct bnn_error error = { .text = "" };
	struct bnnaccel_graph *g = NULL;
	struct bnn_net *net = NULL;
	int rc = bnn_import_graph(data_path(relative), &g, &error);

	if (!rc)
		rc = bnn_graph_lower(g, options, &net, &error);
	ok(!rc, "%s is imported%s%s", relative, rc ? ": " : "", error.text);
	if (rc)
		exit(plan_end());
	if (graph)
		*graph = g;
	else
		bnnaccel_graph_free(g);
	return net;
}

int64_t output_int(const struct bnn_net *net, const uint8_t *output, uint32_t i)
{
	switch (net->values[net->output.value].format) {
	case BNN_FORMAT_B1:
		return output[i / 8] >> (i % 8) & 1;
	case BNN_FORMAT_E_S16:
		return (int16_t)(output[2 * i] | output[2 * i + 1] << 8);
	default:
		return (int32_t)(output[4 * i] | output[4 * i + 1] << 8 | output[4 * i + 2] << 16 |
				 (uint32_t)output[4 * i + 3] << 24);
	}
}

uint32_t output_class(const struct bnn_net *net, const uint8_t *output)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < net->output.count; i++) {
		if (net->output.rule == BNN_CLASS_HIGH_BIT
			    ? output_int(net, output, i) != 0
			    : output_int(net, output, i) > output_int(net, output, best))
			best = i;
	}
	return best;
}

uint8_t *run_all(const struct bnn_net *net, const struct images *images, size_t count,
		 uint64_t *saturated)
{
	struct bnn_error error = { .text = "" };
	struct bnn_exec_stats stats = { .jobs = 0 };
	struct bnn_exec *exec = NULL;
	uint8_t *outputs = calloc(count, net->values[net->output.value].bytes);
	int rc = bnn_exec_cpu.open(net, NULL, &exec, &error);

	if (!rc)
		rc = bnn_exec_cpu.run(exec, images->first, images->stride, outputs, count, &error);
	if (rc) {
		ok(false, "%s runs: %s", net->name, error.text);
		exit(plan_end());
	}
	bnn_exec_cpu.stats(exec, &stats);
	if (saturated)
		*saturated = stats.counters[BNN_COUNTER_SATURATED];
	bnn_exec_cpu.close(exec);
	return outputs;
}

size_t chw(uint32_t h, uint32_t w, uint32_t y, uint32_t x, uint32_t c)
{
	return ((size_t)c * h + y) * w + x;
}

int golden_i16(const uint8_t *p, size_t i)
{
	return (int16_t)(p[2 * i] | p[2 * i + 1] << 8);
}

double golden_f32(const uint8_t *p, size_t i)
{
	float f;

	memcpy(&f, p + 4 * i, 4);
	return (double)f;
}

/* Bit-addressed access to an element of a tensor with natural pixels. */
static uint8_t *place(uint8_t *data, const struct bnn_value *v, unsigned int plane, uint32_t y,
		      uint32_t x, uint64_t bit, unsigned int *shift)
{
	*shift = bit % 8;
	return data + plane * bnn_tensor_plane(v->format, v->h, v->w, v->c) +
	       y * bnn_tensor_pitch(v->format, v->w, v->c) + x * bnn_tensor_pixel(v->format, v->c) +
	       bit / 8;
}

void put_code(uint8_t *data, const struct bnn_value *v, uint32_t y, uint32_t x, uint32_t c,
	      unsigned int code)
{
	for (unsigned int i = 0; i < bnn_format_planes(v->format); i++) {
		unsigned int shift;
		uint8_t *p = place(data, v, i, y, x, c, &shift);

		*p = (uint8_t)((*p & ~(1u << shift)) | (code >> i & 1) << shift);
	}
}

unsigned int get_code(uint8_t *data, const struct bnn_value *v, uint32_t y, uint32_t x, uint32_t c)
{
	unsigned int code = 0;

	for (unsigned int i = 0; i < bnn_format_planes(v->format); i++) {
		unsigned int shift;
		uint8_t *p = place(data, v, i, y, x, c, &shift);

		code |= (*p >> shift & 1u) << i;
	}
	return code;
}

int64_t get_stream(uint8_t *data, const struct bnn_value *v, uint32_t y, uint32_t x, uint32_t c)
{
	unsigned int shift, bytes = v->format == BNN_FORMAT_E_S32 ? 4 : 2;
	uint8_t *p = place(data, v, 0, y, x, (uint64_t)c * bytes * 8, &shift);

	if (bytes == 2)
		return (int16_t)(p[0] | p[1] << 8);
	return (int32_t)(p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24);
}

void put_stream(uint8_t *data, const struct bnn_value *v, uint32_t y, uint32_t x, uint32_t c,
		int64_t value)
{
	unsigned int shift;
	uint8_t *p = place(data, v, 0, y, x, (uint64_t)c * 16, &shift);

	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}
