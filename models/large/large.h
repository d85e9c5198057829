/* SPDX-License-Identifier: MIT */
/*
 * Networks of the papers in their full size, written with the public builder. No
 * trained weights of this size can be had here, so parameters are random, seeded,
 * and scaled so that values stay in range and bits are balanced: sizes, formats,
 * command lists and run times are those of trained networks, predictions are not.
 */
#ifndef LARGE_H
#define LARGE_H

#include <stddef.h>
#include <stdint.h>

#include <bnnaccel/graph.h>

/* Before an array that lives until the graph is done. */
struct large_block {
	struct large_block *next;
};

/* A network being written. Sizes below the papers' are for tests. */
struct large {
	struct bnnaccel_graph *g;
	uint32_t size;	     /* rows and columns of the image */
	uint32_t shrink;     /* divides the numbers of channels */
	uint32_t classes;    /* 1,000 */
	uint32_t tiled_from; /* weights; smaller layers are not tiled */
	uint64_t state;	     /* of the random numbers */
	struct large_block *blocks;
	int failed; /* memory was short */
};

/*
 * A tensor and its shape; images are square. `added` is what shortcuts read of it: the
 * tensor, or codes of 8 bits.
 */
struct large_tensor {
	int id;
	uint32_t size, channels;
	int added;
};

struct large_network {
	const char *name, *about;
	/* Writes everything up to bnnaccel_graph_output(); mistakes stay in the graph. */
	void (*build)(struct large *l, int variant);
	int variant;
	uint32_t shrink_max; /* for tests */
};

/* All of them; the last has no name. */
extern const struct large_network large_networks[];
const struct large_network *large_find(const char *name);

/*
 * Makes the graph of a network; shrink = 1 and size = 224 is that of the paper.
 * Returns 0 or a bnnaccel error; the graph then says what is wrong.
 */
int large_graph(const struct large_network *network, uint32_t size, uint32_t shrink,
		struct bnnaccel_graph **graph);

/* A random smooth image of size*size*3 bytes, [y][x][colour]. */
void large_image(uint64_t seed, uint32_t size, uint8_t *bytes);

/*
 * Random numbers and arrays of them, the same on every machine. Arrays live until
 * the graph is done; after an error the pointer is to nothing that counts.
 */
uint64_t large_random(uint64_t *state);
double large_uniform(struct large *l, double low, double high);
const float *large_uniforms(struct large *l, uint32_t n, double low, double high);
const float *large_normals(struct large *l, uint32_t n, double mean, double deviation);
/* 2^k with k from low to high. */
const float *large_powers(struct large *l, uint32_t n, int low, int high);
const int8_t *large_integers(struct large *l, size_t n, int magnitude);
const uint8_t *large_bits(struct large *l, size_t bytes);
void *large_array(struct large *l, size_t bytes);

/* What the families share. Each names its tensors "<prefix>.<what>". */
int large_named(struct large *l, int x, const char *prefix, const char *what);
/* A convolution with random bits, padded to keep the size (divided by the stride). */
struct bnnaccel_conv large_binary(struct large *l, uint32_t inputs, uint32_t outputs,
				  uint32_t kernel, uint32_t stride);
/*
 * Makes random bits a tile that is repeated p times with a scale each, unless the
 * layer is small: then it has one scale. Sums of +-1 get a deviation of about 1.
 */
void large_tile(struct large *l, struct bnnaccel_conv *conv, uint32_t fan_in, uint32_t p);
/* Colours normalised by ImageNet's mean and deviation, as codes of 8 bits. */
int large_normalised(struct large *l, int image);
/* Mean over the pixels as codes of 8 bits, a dense layer of rounded real weights, the result. */
void large_classify(struct large *l, struct large_tensor x);
/* The same with tiled binary weights, which read 16 bits. */
void large_classify_tiled(struct large *l, struct large_tensor x, uint32_t p);

/* Chooses what shortcuts read: 8-bit codes of this unit, or, unit 0, the tensor itself. */
void large_shortcut(struct large *l, struct large_tensor *x, const char *name, float unit);

void large_fracbnn(struct large *l, int variant);
void large_pokebnn(struct large *l, int sixteenths); /* width; negative: 8-bit shortcuts */
void large_reactnet(struct large *l, int layers);    /* 18, 34 */
void large_reactnet_a(struct large *l, int variant); /* 8: 8-bit shortcuts */
void large_resnet(struct large *l, int tile);	     /* p; negative: of every layer but the ends */
void large_mixer(struct large *l, int tile);

#endif /* LARGE_H */
