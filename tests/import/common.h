/* SPDX-License-Identifier: MIT */
/* TAP output, the data sets, and results of a lowered network. */
#ifndef IMPORT_COMMON_H
#define IMPORT_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec.h"
#include "graph/graph.h"
#include "import/import.h"
#include "net.h"

/* TAP: call plan_end() last; its result is main's. */
void ok(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
void skip(const char *name, const char *why);
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
int plan_end(void);

/* Path of a file below the data folder (BNNACCEL_DATA or ../shared/data); static buffers. */
const char *data_path(const char *relative);
bool data_exists(const char *relative);
/* Whole file with a 0 byte behind it, or NULL. */
uint8_t *read_file(const char *path, size_t *bytes);

struct images {
	uint8_t *file;
	const uint8_t *first;
	size_t stride, count;
};
bool images_cifar(struct images *images, const char *relative);
bool images_idx(struct images *images, const char *relative);

/* Imports and lowers a folder; exits on failure after a "not ok". */
struct bnn_net *import_net(const char *relative, const struct bnnaccel_build_options *options,
			   struct bnnaccel_graph **graph);

/* Element i of a result, as an integer. */
int64_t output_int(const struct bnn_net *net, const uint8_t *output, uint32_t i);
uint32_t output_class(const struct bnn_net *net, const uint8_t *output);
/* Runs all images on the CPU engine; malloc'd outputs. */
uint8_t *run_all(const struct bnn_net *net, const struct images *images, size_t count,
		 uint64_t *saturated);

/* Golden tensors: C x H x W, little-endian. */
size_t chw(uint32_t h, uint32_t w, uint32_t y, uint32_t x, uint32_t c);
int golden_i16(const uint8_t *p, size_t i);
double golden_f32(const uint8_t *p, size_t i);

/* Elements of a tensor in planes, or of a stream of 16 (get: or 32) bits. */
void put_code(uint8_t *data, const struct bnn_value *v, uint32_t y, uint32_t x, uint32_t c,
	      unsigned int code);
unsigned int get_code(uint8_t *data, const struct bnn_value *v, uint32_t y, uint32_t x, uint32_t c);
int64_t get_stream(uint8_t *data, const struct bnn_value *v, uint32_t y, uint32_t x, uint32_t c);
void put_stream(uint8_t *data, const struct bnn_value *v, uint32_t y, uint32_t x, uint32_t c,
		int64_t value);

#endif
