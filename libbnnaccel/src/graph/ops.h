/* SPDX-License-Identifier: MIT */
/* Helpers that the operators share. */
#ifndef BNN_OPS_H
#define BNN_OPS_H

#include <stdio.h>

#include "graph.h"

#define BNN_IN_IMAGE (1u << BNN_DOMAIN_IMAGE)
#define BNN_IN_CODES (1u << BNN_DOMAIN_CODES)
#define BNN_IN_REAL (1u << BNN_DOMAIN_REAL)

/* Appends an operator with the shape of its input; NULL if memory is short. */
struct bnn_op *bnn_op_add(struct bnnaccel_graph *g, enum bnn_op_kind kind, const char *stem, int in,
			  enum bnn_domain domain);

/* Checks that tensor `in` exists and is of one of the domains. */
int bnn_op_input(struct bnnaccel_graph *g, int in, unsigned int domains, const char *op);

/*
 * A checked copy: element i of n is from[i*count/n], or `otherwise` if from is NULL.
 * `what` and `op` name the array in errors: "element 3 of the <what> <op>".
 */
double *bnn_op_floats(struct bnnaccel_graph *g, const float *from, uint32_t count, uint32_t n,
		      double otherwise, const char *op, const char *what);

/* An operator with two arrays of parameters; a is 1 where NULL. */
int bnn_op_linear(struct bnnaccel_graph *g, int in, enum bnn_op_kind kind, const float *a,
		  const float *b, double b_otherwise);

#endif /* BNN_OPS_H */
