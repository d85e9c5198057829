/* SPDX-License-Identifier: MIT */
/* State of a lowering. */
#ifndef BNN_LOWER_H
#define BNN_LOWER_H

#include <stdio.h>

#include "chains.h"
#include "graph.h"

/* Where tensor i is in the network: values, or BNN_NO_VALUE. */
struct bnn_places {
	int32_t stream; /* E_S16 (E_S32 of an output of 32 bits) */
	int32_t codes;	/* planes of a SIGN, QUANTISE, ENCODE or POOL */
	int32_t planes; /* S16 */
	int32_t sum;	/* E_S32 */
	int32_t gate;	/* E_U16 */
	int f;		/* binary point of stream and planes */
};

struct bnn_lower {
	const struct bnnaccel_graph *g;
	struct bnn_chains chains;
	struct bnn_range *ranges;
	struct bnn_places *at;
	unsigned int guard;
	struct bnn_net *net;
	FILE *report; /* or NULL */
	struct bnn_error *error;
};

/* Adds a tensor, bytes (h = 0, c bytes) or, with data (taken over), a constant. */
int32_t bnn_lower_value(struct bnn_lower *lo, enum bnn_role role, unsigned int format, uint32_t h,
			uint32_t w, uint32_t c, int f, uint8_t *data, const char *name,
			const char *suffix);
int bnn_lower_node(struct bnn_lower *lo, struct bnn_node *node);
void bnn_lower_init(struct bnn_node *node, unsigned int opcode, const struct bnn_op *op);

int bnn_lower_encode(struct bnn_lower *lo, int op);
int bnn_lower_pool(struct bnn_lower *lo, int op);
int bnn_lower_transpose(struct bnn_lower *lo, int op);
/* NORMALISE, FUNCTION, SOFTMAX, AGGREGATE */
int bnn_lower_host(struct bnn_lower *lo, int op);
/* Whether the result of an operator has the binary point of its input. */
bool bnn_lower_keeps_point(const struct bnn_op *op);
/* Lowers the binary points of what a chain adds so far that its sums fit 27 bits. */
void bnn_lower_limit_residuals(struct bnn_lower *lo, const struct bnn_chain *chain);
int bnn_lower_chain(struct bnn_lower *lo, const struct bnn_chain *chain);

/* Binary point of gates: 15 would make 1 too large for v16, and count as saturation. */
#define BNN_GATE_POINT 14

#define BNN_SOFTMAX_POINT 15

/* The binary point with which values up to `max` fill `bits` bits. */
int bnn_lower_point(double max, int bits);
double bnn_range_max(const struct bnn_range *range);

#define BNN_HEADROOM 1.25 /* default */

/* Sets ranges from images: the largest value seen times headroom, at most the bounds. */
int bnn_calibrate(const struct bnnaccel_graph *g, const struct bnnaccel_build_options *options,
		  struct bnn_range *ranges, struct bnn_error *error);

/*
 * Report: one line per chain, how many multiplications are left, and how many values
 * saturate on the calibration images (0 unless something is wrong).
 */
struct bnn_pipe_notes {
	int f;
	double error;		/* largest relative error of a slope */
	uint32_t lost, inexact; /* slopes that became 0, thresholds not decided exactly */
	uint32_t never, always; /* gates that never or always open */
	unsigned int ps;
	bool products[2]; /* P1, P2 multiplies */
};
void bnn_report_chain(struct bnn_lower *lo, const struct bnn_chain *chain,
		      const struct bnn_pipe_notes *notes);
void bnn_report_multiplications(const struct bnn_net *net, FILE *report);
int bnn_report_saturation(const struct bnnaccel_graph *g,
			  const struct bnnaccel_build_options *options, const struct bnn_net *net,
			  FILE *report, struct bnn_error *error);

#endif /* BNN_LOWER_H */
