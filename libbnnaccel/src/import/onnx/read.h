/* SPDX-License-Identifier: MIT */
/* From an ONNX model to the neutral graph of ir.h: what the files of this folder share. */
#ifndef BNN_ONNX_READ_H
#define BNN_ONNX_READ_H

#include "../ir.h"
#include "const.h"
#include "model.h"

/* How the dimensions of a tensor in the file are those of an image. N is the batch. */
enum bnn_onnx_layout {
	BNN_ONNX_NCHW,
	BNN_ONNX_NHWC,
	BNN_ONNX_FLAT,	/* N, channels*rows*columns in this order */
	BNN_ONNX_NCL,	/* N, channels, pixels */
	BNN_ONNX_NLC,	/* N, pixels, channels */
	BNN_ONNX_NCL1,	/* N, channels, pixels, 1 */
	BNN_ONNX_GROUP, /* N, groups, channels of a group, rows, columns */
};

enum bnn_onnx_value_kind {
	BNN_ONNX_UNKNOWN,     /* made by a node that has not been read */
	BNN_ONNX_INITIALIZER, /* not loaded yet */
	BNN_ONNX_CONST,
	BNN_ONNX_TENSOR,
};

struct bnn_onnx_value {
	struct bnn_onnx_text name;
	enum bnn_onnx_value_kind kind;
	const struct bnn_onnx_tensor *initializer;
	struct bnn_onnx_const *c;
	int32_t maker; /* node, or -1 */
	bool needed;
	int tensor; /* of the neutral graph */
	enum bnn_onnx_layout layout;
	uint32_t group; /* of GROUP: channels of a group */
};

struct bnn_onnx_reader {
	struct bnn_onnx_model model;
	struct bnn_onnx_pool pool;
	struct bnn_ir ir;
	struct bnn_onnx_value *values; /* a hash table */
	size_t slots;
	int64_t batch, opset, own; /* version of the operator sets; 0: not imported */
	struct bnn_onnx_text last; /* name of the output */
};

/* A node while it is read. */
struct bnn_onnx_op {
	struct bnn_onnx_reader *r;
	const struct bnn_onnx_node *n;
	const char *name; /* of the operator, known */
	struct bnn_onnx_value *out;
};

/* Fails with a text that names the node. */
#define bnn_onnx_fail(op, ...) bnn_ir_fail(&(op)->r->ir, __VA_ARGS__)

struct bnn_onnx_value *bnn_onnx_find(const struct bnn_onnx_reader *r, struct bnn_onnx_text name);

/* A new name, NULL if it is empty; the table must have room. */
struct bnn_onnx_value *bnn_onnx_define(const struct bnn_onnx_reader *r, struct bnn_onnx_text name);

/* Input i: NULL if it is left out (no error) or cannot be had (an error, *rc). */
struct bnn_onnx_value *bnn_onnx_input(const struct bnn_onnx_op *op, uint32_t i, int *rc);
/* Input i as a constant or a tensor. *rc is set where it is not; missing: NULL and 0. */
const struct bnn_onnx_const *bnn_onnx_constant(const struct bnn_onnx_op *op, uint32_t i, int *rc);
struct bnn_onnx_value *bnn_onnx_tensor(const struct bnn_onnx_op *op, uint32_t i, int *rc);
bool bnn_onnx_has(const struct bnn_onnx_op *op, uint32_t i);

const struct bnn_onnx_attribute *bnn_onnx_attribute(const struct bnn_onnx_op *op, const char *name);
/* Attributes with a default. A value of another type is an error. */
int bnn_onnx_int(const struct bnn_onnx_op *op, const char *name, int64_t otherwise, int64_t *value);
int bnn_onnx_float(const struct bnn_onnx_op *op, const char *name, float otherwise, float *value);
/* A word; "" where there is none. `room` includes the 0. */
int bnn_onnx_word(const struct bnn_onnx_op *op, const char *name, char *word, size_t room);
/* At most `max` ints; *count is 0 where there is no such attribute. */
int bnn_onnx_ints(const struct bnn_onnx_op *op, const char *name, int64_t *values, uint32_t max,
		  uint32_t *count);

/* Dimensions of a tensor as the file sees it. Returns the rank. */
uint32_t bnn_onnx_shape(const struct bnn_onnx_reader *r, const struct bnn_onnx_value *v,
			int64_t dims[BNN_ONNX_RANK_MAX]);
/* The result of the node: tensor `t` (negative: an error, returned) like `like`. */
int bnn_onnx_result(struct bnn_onnx_op *op, int t, const struct bnn_onnx_value *like);
int bnn_onnx_result_as(struct bnn_onnx_op *op, int t, enum bnn_onnx_layout layout);

/* A constant per channel of tensor v: *n is 1 or c. The numbers belong to the constant. */
int bnn_onnx_per_channel(const struct bnn_onnx_op *op, const struct bnn_onnx_const *c,
			 const struct bnn_onnx_value *v, const double **values, uint32_t *n);
/* A constant of one element, or [c], whatever its shape; missing: one `otherwise`. */
int bnn_onnx_vector(const struct bnn_onnx_op *op, uint32_t i, uint32_t c, const double *otherwise,
		    const double **values, uint32_t *n);

/* The operators. */
struct bnn_onnx_operator {
	const char *name;
	const char *attributes; /* separated by spaces */
	uint16_t inputs_min, inputs_max;
	int (*read)(struct bnn_onnx_op *op);
};
extern const struct bnn_onnx_operator bnn_onnx_operators[];	/* ends with name NULL */
extern const struct bnn_onnx_operator bnn_onnx_own_operators[]; /* of the domain bnnaccel */

/*
 * Folds a node whose inputs are all constants, or Shape of a tensor: 1 if it did, 0 if
 * the operator is not known here, or the code of an error.
 */
int bnn_onnx_fold(struct bnn_onnx_op *op);
/* Shape operators on tensors, layout.c. */
int bnn_onnx_reshape(struct bnn_onnx_op *op);
int bnn_onnx_flatten(struct bnn_onnx_op *op);
int bnn_onnx_squeeze(struct bnn_onnx_op *op);
int bnn_onnx_unsqueeze(struct bnn_onnx_op *op);
int bnn_onnx_transpose(struct bnn_onnx_op *op);
int bnn_onnx_concat(struct bnn_onnx_op *op);
int bnn_onnx_slice(struct bnn_onnx_op *op);
int bnn_onnx_pad(struct bnn_onnx_op *op);
/* Gives two tensors of the same dimensions the same layout: that of the first. */
int bnn_onnx_alike(struct bnn_onnx_op *op, const struct bnn_onnx_value *x,
		   const struct bnn_onnx_value *y, int *tensor);
/* Tokens, tokens.c. */
int bnn_onnx_layer_norm(struct bnn_onnx_op *op);
int bnn_onnx_function(struct bnn_onnx_op *op);
/* Convolutions and pools, windows.c. */
struct bnn_onnx_window {
	uint32_t kernel[2], stride[2], dilation[2];
	uint32_t pad[4]; /* top, left, bottom, right */
	bool ceil;
};
/* kernel 0x0: it must be an attribute. */
int bnn_onnx_window(const struct bnn_onnx_op *op, const struct bnn_onnx_value *x,
		    struct bnn_onnx_window *w);
int bnn_onnx_conv(struct bnn_onnx_op *op);
int bnn_onnx_gemm(struct bnn_onnx_op *op);
int bnn_onnx_matmul(struct bnn_onnx_op *op);
int bnn_onnx_average_pool(struct bnn_onnx_op *op);
int bnn_onnx_max_pool(struct bnn_onnx_op *op);
int bnn_onnx_global_pool(struct bnn_onnx_op *op);
int bnn_onnx_reduce_mean(struct bnn_onnx_op *op);

/* A copy as float32, malloc'd; *rc if memory is short or a number is not finite. */
float *bnn_onnx_floats(const struct bnn_onnx_op *op, const double *v, size_t n, int *rc);

/*
 * The whole import: a graph of the builder from the bytes of a file. `left` bounds the
 * elements that may be made of it, `nodes` the operators.
 */
struct bnn_onnx_limits {
	uint64_t elements;
	uint32_t nodes;
};
int bnn_onnx_graph(const char *path, const char *name, const void *data, size_t len,
		   const struct bnn_onnx_limits *limits, struct bnnaccel_graph **graph,
		   struct bnn_notes *notes, struct bnn_error *error);

#endif /* BNN_ONNX_READ_H */
