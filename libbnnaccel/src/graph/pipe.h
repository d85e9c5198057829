/* SPDX-License-Identifier: MIT */
/*
 * A chain on its way to a CONV or an EW. Fields of EW lie where CONV has them, so both
 * are written through the names of CONV.
 */
#ifndef BNN_PIPE_H
#define BNN_PIPE_H

#include "lower.h"
#include "stage.h"

struct bnn_pipe {
	const struct bnn_chain *chain;
	const struct bnn_op *final;
	struct bnn_node node;
	struct bnn_unit unit;  /* of x */
	struct bnn_unit input; /* of the codes that a CONV reads */
	bool frac, p1, p2, threshold;
	bool wide;   /* result of 32 bits */
	int f_u, f;  /* binary points of u and v */
	int f_least; /* that u must have for its residuals */
	uint32_t c;
	struct bnn_stage stage[2];
	int32_t *tb; /* [c], of a SIGN output */
	bool *inv;
	int32_t *t; /* [c], gates */
	int16_t q[3];
	struct bnn_pipe_notes notes;
};

int bnn_pipe_unsupported(struct bnn_lower *lo, const struct bnn_pipe *p, const char *what);

/* IN, weights and shape; *bound is the largest sum. */
int bnn_pipe_conv_source(struct bnn_lower *lo, struct bnn_pipe *p, uint64_t *bound);
void bnn_pipe_ew_source(struct bnn_lower *lo, struct bnn_pipe *p, uint64_t *bound);

/* What is done in P1 (0) or P2 (1), with the formats chosen so far. */
struct bnn_stage_in bnn_pipe_stage_in(const struct bnn_lower *lo, const struct bnn_pipe *p,
				      int stage);
/* P1, the residuals and P2, and the binary points between them. */
int bnn_pipe_make_stages(struct bnn_lower *lo, struct bnn_pipe *p);

/* The format of the network's result. */
void bnn_pipe_choose_result(const struct bnn_lower *lo, struct bnn_pipe *p);
/* OUTP, OUTS and SUM, and their thresholds. */
int bnn_pipe_set_outputs(struct bnn_lower *lo, struct bnn_pipe *p);

/* Gate thresholds of FRAC, parameter records, and what GATEFOLD makes of these. */
void bnn_pipe_make_gates(struct bnn_lower *lo, struct bnn_pipe *p);
int bnn_pipe_set_params(struct bnn_lower *lo, struct bnn_pipe *p);
int bnn_pipe_fold_gate(struct bnn_lower *lo, struct bnn_pipe *p);

#endif /* BNN_PIPE_H */
