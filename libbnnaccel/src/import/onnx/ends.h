/* SPDX-License-Identifier: MIT */
/* Input, output and metadata of a model. */
#ifndef BNN_ONNX_ENDS_H
#define BNN_ONNX_ENDS_H

#include "read.h"

/* Finds input and output; the input becomes an image. */
int bnn_onnx_ends(struct bnn_onnx_reader *r);
/* The output, once all nodes are read: its tensor and how it is shown. */
int bnn_onnx_last(struct bnn_onnx_reader *r);
int bnn_onnx_describe(struct bnn_onnx_reader *r, struct bnnaccel_graph *graph);

#endif /* BNN_ONNX_ENDS_H */
