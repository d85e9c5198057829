/* SPDX-License-Identifier: MIT */
/*
 * An ONNX file as it is: messages and their fields, nothing interpreted. Texts and
 * data point into the caller's bytes. Every array is as long as the file says with
 * at least two bytes per element, so a file cannot ask for more memory than some
 * multiple of its size.
 */
#ifndef BNN_ONNX_MODEL_H
#define BNN_ONNX_MODEL_H

#include "../../error.h"
#include "wire.h"

#define BNN_ONNX_RANK_MAX 8
#define BNN_ONNX_NODES_MAX 65536

struct bnn_onnx_text {
	const char *p; /* not ended by 0 */
	uint32_t len;
};

enum bnn_onnx_type {
	BNN_ONNX_FLOAT = 1,
	BNN_ONNX_UINT8,
	BNN_ONNX_INT8,
	BNN_ONNX_UINT16,
	BNN_ONNX_INT16,
	BNN_ONNX_INT32,
	BNN_ONNX_INT64,
	BNN_ONNX_STRING,
	BNN_ONNX_BOOL,
	BNN_ONNX_FLOAT16,
	BNN_ONNX_DOUBLE,
	BNN_ONNX_UINT32,
	BNN_ONNX_UINT64,
};

/* A TensorProto. */
struct bnn_onnx_tensor {
	struct bnn_onnx_text name;
	int32_t type;
	uint32_t rank;
	int64_t dims[BNN_ONNX_RANK_MAX];
	bool has_raw, external;
	struct bnn_wire raw; /* raw_data */
	struct bnn_wire all; /* the message: typed fields are read from it when needed */
};

enum bnn_onnx_attribute_type {
	BNN_ONNX_ATTR_FLOAT = 1,
	BNN_ONNX_ATTR_INT,
	BNN_ONNX_ATTR_STRING,
	BNN_ONNX_ATTR_TENSOR,
	BNN_ONNX_ATTR_GRAPH,
	BNN_ONNX_ATTR_FLOATS,
	BNN_ONNX_ATTR_INTS,
};

struct bnn_onnx_attribute {
	struct bnn_onnx_text name;
	int32_t type; /* as the file says; 0: it does not */
	float f;
	int64_t i;
	struct bnn_onnx_text s;
	struct bnn_wire tensor; /* p is NULL if there is none */
	struct bnn_wire all;	/* the message, for floats and ints */
};

struct bnn_onnx_node {
	struct bnn_onnx_text name, op, domain;
	struct bnn_onnx_text *inputs, *outputs;
	struct bnn_onnx_attribute *attributes;
	uint32_t input_count, output_count, attribute_count;
};

/* A ValueInfoProto of a tensor; a dimension that is not a number is -1. */
struct bnn_onnx_value_info {
	struct bnn_onnx_text name;
	bool tensor, shaped;
	int32_t type;
	uint32_t rank;
	int64_t dims[BNN_ONNX_RANK_MAX];
};

struct bnn_onnx_opset {
	struct bnn_onnx_text domain;
	int64_t version;
};

struct bnn_onnx_property {
	struct bnn_onnx_text key, value;
};

struct bnn_onnx_model {
	int64_t ir_version;
	bool has_graph;
	struct bnn_onnx_text producer;
	struct bnn_onnx_opset *opsets;
	struct bnn_onnx_property *properties;
	uint32_t opset_count, property_count, function_count;
	struct bnn_onnx_node *nodes;
	struct bnn_onnx_tensor *initializers;
	struct bnn_onnx_value_info *inputs, *outputs;
	uint32_t node_count, initializer_count, input_count, output_count;
	uint32_t sparse_count; /* sparse initializers, which nothing reads */
};

/* Reads a model from bytes that outlive it. `path` is for errors. */
int bnn_onnx_model_read(struct bnn_onnx_model *model, const char *path, const void *data,
			size_t len, struct bnn_error *error);
void bnn_onnx_model_free(struct bnn_onnx_model *model);

/* One TensorProto, as of an attribute. 0, or the code of an error with a text. */
int bnn_onnx_tensor_read(struct bnn_onnx_tensor *tensor, const char *path, struct bnn_wire bytes,
			 struct bnn_error *error);

bool bnn_onnx_is(struct bnn_onnx_text text, const char *word);
bool bnn_onnx_same(struct bnn_onnx_text a, struct bnn_onnx_text b);

/* Numbers of a repeated field, packed or not. `at` starts as the message; false at its end. */
struct bnn_onnx_numbers {
	struct bnn_wire message, packed;
	uint32_t number;
	enum bnn_wire_type type; /* of an element: VARINT, 32 or 64 */
};
bool bnn_onnx_number(struct bnn_onnx_numbers *at, uint64_t *value);

#endif /* BNN_ONNX_MODEL_H */
