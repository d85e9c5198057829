/* SPDX-License-Identifier: MIT */
#ifndef BNN_WEIGHTS_H
#define BNN_WEIGHTS_H

#include "graph.h"

/*
 * Fills c->w ([outputs][ky][kx][channel of the group], allocated), wformat and the
 * codebook from the caller's weights; FLOAT also multiplies c->scale.
 */
int bnn_weights_load(struct bnnaccel_graph *g, struct bnn_conv_op *c, uint32_t outputs,
		     uint32_t channels, const struct bnnaccel_conv *conv);

#endif /* BNN_WEIGHTS_H */
