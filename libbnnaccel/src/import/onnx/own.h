/* SPDX-License-Identifier: MIT */
/* Convolutions and dense layers of the domain bnnaccel, own_conv.c. */
#ifndef BNN_ONNX_OWN_H
#define BNN_ONNX_OWN_H

#include "read.h"

int bnn_own_binary_conv(struct bnn_onnx_op *op);
int bnn_own_gated_conv(struct bnn_onnx_op *op);
int bnn_own_tiled_conv(struct bnn_onnx_op *op);
int bnn_own_codebook_conv(struct bnn_onnx_op *op);

#endif /* BNN_ONNX_OWN_H */
