/* SPDX-License-Identifier: MIT */
/*
 * Which operators become which command. A chain is one CONV or EW: a source, the
 * steps of P1, up to two residuals, the steps of P2, and everything made from the
 * result, in the order of docs/arithmetic.md section 4.
 */
#ifndef BNN_CHAINS_H
#define BNN_CHAINS_H

#include "graph.h"

#define BNN_NONE (-1)

struct bnn_chain {
	bool conv; /* CONV of operator `source`; else EW of tensor `source` */
	int source;
	int final;     /* the tensor that v16 stands for */
	int *steps[2]; /* operators of P1 (CONV: its scale and bias first), P2 */
	size_t count[2];
	bool bent[2]; /* P1, P2 has its bend */
	int adds[2];  /* ADD operators */
	int res[2];   /* and the tensor each adds */
	unsigned int residuals;
	int gate;	       /* tensor whose values P2 is multiplied with, or BNN_NONE */
	int outp;	       /* SIGN or QUANTISE operator made from the result */
	int outs;	       /* QUANTISE operator whose codes are added somewhere */
	struct bnn_unit frame; /* codes added: u is real / this; else 1 */
	bool planes;	       /* result as 16 planes, for a convolution of a real tensor */
	bool stream;	       /* result as stream */
	bool sum;	       /* sums over pixels */
	bool gates;	       /* result as gates, and as nothing else */
	bool mean;	       /* EW of a MEAN: reads the sums */
	bool result;	       /* stream is the network's output */
};

struct bnn_chains {
	struct bnn_chain *chains;
	size_t count;
	int *chain_of; /* [ops]: chain whose final is this tensor, or -1 */
	int *uses;     /* [ops] */
};

/* Whether codes of this operator need A3, B3, S3, of which a command has one set. */
bool bnn_chains_scaled(const struct bnn_op *op);

int bnn_chains_make(const struct bnnaccel_graph *g, struct bnn_chains *plan,
		    struct bnn_error *error);
void bnn_chains_free(struct bnn_chains *plan);

#endif /* BNN_CHAINS_H */
