/* SPDX-License-Identifier: MIT */
/*
 * One stage of the pipe (P1 or P2) in fixed point: two linear pieces per channel,
 * one shift for all. Where every slope is +-2^e or 0, slopes are exponents (POW2),
 * so that nothing is multiplied.
 */
#ifndef BNN_STAGE_H
#define BNN_STAGE_H

#include "graph.h"

struct bnn_stage {
	uint32_t channels;
	int32_t *th;	    /* [c]: piece 1 where x >= th */
	int16_t *a;	    /* [c][2]; of POW2: 0, 1 or -1, times 2^k */
	int8_t *k;	    /* [c][2], of POW2 */
	int32_t *b;	    /* [c][2] */
	int32_t *bbn;	    /* [c], what is added after a gate; else 0 */
	unsigned int s, sb; /* with a gate, which is in units of 2^-14: after it */
	bool pow2;
	double error;	  /* largest relative error of a slope that is not 0 */
	uint32_t lost;	  /* slopes that became 0 though they are not */
	uint32_t inexact; /* thresholds that could not be decided exactly */
};

struct bnn_stage_in {
	const struct bnnaccel_graph *g;
	const int *steps; /* operators: CONV (scale, bias), AFFINE, BEND (one at most), GATE */
	size_t count;
	struct bnn_unit unit; /* real value of x = 1 */
	int64_t lo, hi;	      /* range of x */
	int f;		      /* result = real * 2^f / frame */
	struct bnn_unit frame;
	const char *name; /* for errors */
	bool gated;	  /* has a GATE */
};

/* By how much f must fall so that the slopes and offsets fit their fields; 0 if they do. */
int bnn_stage_excess(const struct bnn_stage_in *in, uint32_t channels);

int bnn_stage_make(const struct bnn_stage_in *in, uint32_t channels, struct bnn_stage *stage,
		   struct bnn_error *error);
void bnn_stage_free(struct bnn_stage *stage);

/*
 * Where x >= *first (or, with the result true, x < *first) the steps, all linear,
 * give at least `bound` in this channel.
 */
bool bnn_stage_threshold(const struct bnn_stage_in *in, uint32_t channel, size_t count,
			 double bound, int64_t *first, bool *lost);

#endif /* BNN_STAGE_H */
