/* SPDX-License-Identifier: MIT */
/* One operator at a time: a graph of an image and its codes, and what is read back of a tensor. */
#ifndef BENCH_H
#define BENCH_H

#include "common.h"
#include "random_graph.h"

enum { SIDE = 8, CHANNELS = 12, MOST = SIDE * SIDE * CHANNELS };

/* An image, its codes, and what is read back of one tensor. */
struct bench {
	struct bnnaccel_graph *g;
	struct bnn_net *net;
	struct bnn_error error;
	uint32_t h, w, c;
	int codes;
	uint8_t image[MOST];
	int value[MOST]; /* of the codes, [y][x][c] */
	const char *name;
	double out[4 * MOST];
	int f;
};

/* h*w*c random codes of a kind. */
void start(struct bench *b, uint32_t h, uint32_t w, uint32_t c, enum bnnaccel_codes kind);
void finish(struct bench *b);
/* The codes as a real tensor: code * scale. */
int real_codes(struct bench *b, float scale);
/* Runs the graph up to a real tensor, and reads that; false and a note if it cannot. */
bool evaluate(struct bench *b, int tensor);
/* Whether some CONV has a value in a field. */
bool has_field(const struct bnn_net *net, enum bnn_field_id field, uint32_t value);

/* One unit in the last place of what was read back. */
double step(const struct bench *b);
/* Element (y, x, c) of the codes, 0 outside. */
double at(const struct bench *b, int y, int x, uint32_t c);

#endif /* BENCH_H */
