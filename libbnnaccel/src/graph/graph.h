/* SPDX-License-Identifier: MIT */
/*
 * The float graph: operators in the order they were written, which is a
 * topological order, because an operator can only name older tensors. The result
 * of operator i is tensor i.
 */
#ifndef BNN_GRAPH_H
#define BNN_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../error.h"
#include "../net.h"
#include "bnnaccel/graph.h"

enum bnn_op_kind {
	BNN_OP_IMAGE,
	BNN_OP_FLATTEN,
	BNN_OP_ENCODE,
	BNN_OP_CONV,
	BNN_OP_AFFINE,
	BNN_OP_BEND,
	BNN_OP_ADD,
	BNN_OP_POOL,
	BNN_OP_MEAN,
	BNN_OP_SIGN,
	BNN_OP_QUANTISE,
	BNN_OP_GATE, /* in[0] times in[1], one pixel of 0 to 1 */
	BNN_OP_TRANSPOSE,
	BNN_OP_NORMALISE, /* this and the rest run on the host */
	BNN_OP_FUNCTION,
	BNN_OP_SOFTMAX,
	BNN_OP_AGGREGATE,
};

enum bnn_domain { BNN_DOMAIN_IMAGE, BNN_DOMAIN_CODES, BNN_DOMAIN_REAL };

/* Real value of code 1: num / den. */
struct bnn_unit {
	double num;
	uint32_t den;
};

struct bnn_conv_op {
	uint32_t kh, kw, sh, sw, dh, dw, pad_t, pad_l, pad_b, pad_r, pad_mode, groups;
	uint32_t k;	    /* weights per output channel */
	uint32_t tile;	    /* p, or 0 */
	uint8_t wformat;    /* BNN_WFORMAT_* */
	int16_t *w;	    /* [outputs][ky][kx][channel], values */
	uint64_t *codebook; /* or NULL; 2^tau kernels, bit ky*kw + kx */
	uint16_t *index;    /* [outputs][channel], into the codebook */
	uint32_t tau;
	double *scale, *bias; /* [outputs]: real = acc*unit*scale + bias */
	float *gates;	      /* or NULL */
	int high;	      /* part of a convolution (split.h): its weights times this; else 0 */
};

struct bnn_edges_op {
	enum bnnaccel_aggregation mode;
	uint32_t count;
	uint32_t *starts, *sources;
	double *weights; /* or NULL */
};

struct bnn_op {
	enum bnn_op_kind kind;
	int in[2];
	char *name;
	uint32_t h, w, c;
	enum bnn_domain domain;
	enum bnnaccel_codes codes;
	struct bnn_unit unit; /* of codes */
	bool packed;	      /* codes that are added somewhere: element-packed */
	uint64_t parameters;  /* numbers given to the operator: weights as used, scales, ... */
	union {
		bool planar; /* IMAGE */
		struct {
			enum bnnaccel_encoding_mode mode;
			uint8_t *table;
			bool shared;
			uint32_t levels;
		} encode;
		struct bnn_conv_op conv;
		struct {
			/* AFFINE, NORMALISE: scale, offset. BEND: below, above */
			double *a, *b;
			double epsilon; /* NORMALISE */
		} lin;
		enum bnnaccel_function function;
		struct bnn_edges_op edges;
		unsigned int add_flags;
		struct bnnaccel_pool pool;
		float *threshold; /* SIGN: or NULL */
		bool floor;	  /* QUANTISE: rounds down */
	};
};

struct bnnaccel_graph {
	char *name, *description;
	struct bnn_op *ops;
	size_t count;
	int image;  /* tensor, or -1 */
	int result; /* tensor, or -1 */
	struct bnnaccel_output output;
	char *column;
	char **labels;
	int failed; /* first error code, or 0 */
	struct bnn_error error;
};

/* Records the first mistake and returns its code. */
int bnn_graph_fail(struct bnnaccel_graph *g, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Format in planes, number of bits, largest code. */
unsigned int bnn_codes_format(enum bnnaccel_codes codes);
unsigned int bnn_codes_packed(enum bnnaccel_codes codes); /* to be added; NONE if it cannot be */
unsigned int bnn_codes_bits(enum bnnaccel_codes codes);
int bnn_codes_max(enum bnnaccel_codes codes); /* largest that a range stands for */
int bnn_codes_abs(enum bnnaccel_codes codes); /* largest magnitude */

/* GELU and so on. */
double bnn_function(enum bnnaccel_function function, double x);

/* The smallest integer M at which a gate is open. */
int64_t bnn_gate_first(const struct bnn_op *conv, const struct bnn_unit *unit, uint32_t channel);

/* What is known about the values of a real tensor; with headroom, if calibrated. */
struct bnn_range {
	double lo, hi;		 /* that formats must hold */
	double seen_lo, seen_hi; /* in calibration; lo > hi: not calibrated */
};

/* Bounds for every tensor from its inputs' bounds; `ranges` has g->count elements. */
int bnn_graph_bounds(const struct bnnaccel_graph *g, struct bnn_range *ranges,
		     struct bnn_error *error);

/*
 * Evaluates the graph in floating point on one image. values[i] (calloc'd by the
 * callee, h*w*c, [y][x][c]) is tensor i: codes as integers, else real values.
 * bnn_reference_free() frees them.
 */
int bnn_reference_run(const struct bnnaccel_graph *g, const uint8_t *image, double **values,
		      struct bnn_error *error);
void bnn_reference_host(const struct bnnaccel_graph *g, const struct bnn_op *op, const double *in,
			double *out);
void bnn_reference_free(const struct bnnaccel_graph *g, double **values);

/* The same, but each tensor is shown once, and freed when nothing reads it any more. */
typedef void (*bnn_reference_fn)(void *opaque, size_t tensor, const double *values);
int bnn_reference_walk(const struct bnnaccel_graph *g, const uint8_t *image, bnn_reference_fn visit,
		       void *opaque, struct bnn_error *error);

/*
 * The whole lowering: a checked network, and a report (malloc'd text) if wanted.
 */
int bnn_graph_lower(const struct bnnaccel_graph *g, const struct bnnaccel_build_options *options,
		    struct bnn_net **net, struct bnn_error *error);

/*
 * Rounds the scales of convolutions of signs to powers of two; the end gives the graph
 * its own back, which begin puts aside in `saved`.
 */
int bnn_pow2_begin(struct bnnaccel_graph *g, double ***saved, struct bnn_error *error);
void bnn_pow2_end(struct bnnaccel_graph *g, double **saved);

/* Checks and completes a caller's options. */
int bnn_build_options(const struct bnnaccel_build_options *given,
		      struct bnnaccel_build_options *options, struct bnn_error *error);

#endif /* BNN_GRAPH_H */
