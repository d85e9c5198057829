/* SPDX-License-Identifier: MIT */
/* Random graphs of all operators, in small shapes. The same seed gives the same graph. */
#ifndef RANDOM_GRAPH_H
#define RANDOM_GRAPH_H

#include "common.h"

struct random_graph {
	struct bnnaccel_graph *g;
	int codes; /* encoded image */
	/*
	 * Also operators by which one rounding may change a result by any amount: codes
	 * made inside, layer normalisation; and those of the host.
	 */
	bool wild, host;
	char story[512];
};

/* Scales and slopes are rounded to powers of two: nothing is multiplied then (POW2). */
extern bool random_powers;

void random_seed(uint64_t seed);
uint32_t random_draw(uint32_t n); /* 0 to n - 1 */
float *random_reals(uint32_t n, double lo, double hi);

/* The image and its codes. */
void random_encode(struct random_graph *b);
/* A convolution of codes or of a real tensor with weights of a random kind. */
int random_conv(struct random_graph *b, int x, uint32_t outputs, uint32_t kernel, uint32_t stride);
/* One operator, or a few that belong together. */
int random_step(struct random_graph *b, int x);
/* A few steps on the encoded image, then one pixel. */
int random_body(struct random_graph *b);

#endif /* RANDOM_GRAPH_H */
