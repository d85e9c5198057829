/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of real tensors (16 bits) whose weights of 8 bits could exceed the
 * accumulator (docs/arithmetic.md, section 3): from 512 weights per output on, or 258
 * odd ones. Their weights are parted, exactly, into two convolutions with 4 bits.
 */
#ifndef BNN_SPLIT_H
#define BNN_SPLIT_H

#include "graph.h"

/* Whether K times the largest code and weight of their formats is within 32 bits. */
bool bnn_conv_in_range(const struct bnnaccel_graph *g, const struct bnn_op *conv);

/* That, or tensor t is no convolution that could be parted. */
bool bnn_conv_fits(const struct bnnaccel_graph *g, int t);

/* Parts convolution t, the youngest operator: the tensor that stands for it. */
int bnn_conv_split(struct bnnaccel_graph *g, int t);

#endif /* BNN_SPLIT_H */
