/* SPDX-License-Identifier: MIT */
#ifndef BNN_PACK_H
#define BNN_PACK_H

#include "graph.h"

/*
 * Sets GROUPS, WFORMAT, WMODE and TILE_P of a CONV and packs the weights as
 * docs/arithmetic.md section 3 says. Returns malloc'd bytes, or NULL.
 */
uint8_t *bnn_weights_pack(const struct bnn_op *op, uint32_t *words, uint64_t *bytes);

/* Largest sum of |weight| over the output channels. */
uint32_t bnn_weights_norm(const struct bnn_op *op);

#endif /* BNN_PACK_H */
