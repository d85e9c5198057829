/* SPDX-License-Identifier: MIT */
/*
 * Makes random legal networks: every command and format, odd sizes, edges,
 * strides, parameters that saturate. The same seed and options give the same
 * network on every machine.
 */
#ifndef RANDOM_NET_H
#define RANDOM_NET_H

#include "net.h"

struct random {
	uint64_t state;
};

uint64_t random_next(struct random *random);
/* Uniform in low to high, both included. */
uint32_t random_range(struct random *random, uint32_t low, uint32_t high);
/* True once in n. */
bool random_once_in(struct random *random, uint32_t n);

/* Bits of random_net_options.commands. */
enum {
	RANDOM_ENC = 1,
	RANDOM_CONV = 2,
	RANDOM_EW = 4,
	RANDOM_POOL = 8,
	RANDOM_TRANSPOSE = 16,
	RANDOM_GATEFOLD = 32,
	RANDOM_PREFETCH = 64,
	RANDOM_NOP = 128,
	RANDOM_ALL = 255, /* that a device knows */
	RANDOM_NORMALISE = 256,
	RANDOM_TABLE = 512,
	RANDOM_SOFTMAX = 1024,
	RANDOM_AGGREGATE = 2048,
	RANDOM_HOST = 0xf00, /* that only the CPU engine knows */
};

/* 0 everywhere means: what a device knows, one node, sizes that run in a moment. */
struct random_net_options {
	uint32_t nodes;	       /* at most */
	uint32_t commands;     /* bits above */
	uint32_t in_formats;   /* bit f: BNN_FORMAT f may be IN of CONV and EW */
	uint32_t outp_formats; /* likewise; NONE always may */
	uint32_t outs_formats;
	uint32_t wformats; /* bit w: BNN_WFORMAT w */
	uint32_t wmodes;   /* bit m: WMODE m */
	uint32_t max_size; /* rows, columns */
	uint32_t max_channels;
	uint64_t max_work; /* bit operations of a CONV, see random_net.c */
	bool no_frac, no_groups, no_dilation, no_residual, no_pow2, no_pieces, no_sum;
	bool no_pad_value; /* PAD_MODE 0 only */
};

/* Never fails but for memory: then NULL. bnn_net_check() accepts the result. */
struct bnn_net *random_net(uint64_t seed, const struct random_net_options *options);

/* Bytes for the input value of a network; some are extremes only. */
void random_input(uint64_t seed, const struct bnn_net *net, uint8_t *data);

#endif /* RANDOM_NET_H */
