// SPDX-License-Identifier: MIT
/*
 * The reader of ONNX files against one made by protobuf-c from ONNX's own definition:
 * names, operators, attributes, shapes and every element of every tensor.
 *
 *     onnx_oracle FILE...
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "import/onnx/const.h"
#include "onnx-ml.pb-c.h"

static bool same_text(struct bnn_onnx_text a, const char *b)
{
	return bnn_onnx_is(a, b ? b : "");
}

static bool same_bytes(struct bnn_onnx_text a, ProtobufCBinaryData b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.data, a.len));
}

/* Element i as the oracle has it. */
static double element(const Onnx__TensorProto *t, size_t i)
{
	const uint8_t *p = t->raw_data.data;
	uint16_t u16;
	int32_t i32;
	int64_t i64;
	double d;
	float f;

	if (!t->has_raw_data) {
		switch (t->data_type) {
		case BNN_ONNX_FLOAT:
			return (double)t->float_data[i];
		case BNN_ONNX_INT64:
			return (double)t->int64_data[i];
		case BNN_ONNX_DOUBLE:
			return t->double_data[i];
		default:
			return t->int32_data[i];
		}
	}
	switch (t->data_type) {
	case BNN_ONNX_FLOAT:
		memcpy(&f, p + 4 * i, 4);
		return (double)f;
	case BNN_ONNX_DOUBLE:
		memcpy(&d, p + 8 * i, 8);
		return d;
	case BNN_ONNX_INT64:
		memcpy(&i64, p + 8 * i, 8);
		return (double)i64;
	case BNN_ONNX_INT32:
		memcpy(&i32, p + 4 * i, 4);
		return i32;
	case BNN_ONNX_UINT16:
		memcpy(&u16, p + 2 * i, 2);
		return u16;
	case BNN_ONNX_INT8:
		return (int8_t)p[i];
	default:
		return p[i];
	}
}

static bool same_tensor(const struct bnn_onnx_tensor *a, const Onnx__TensorProto *b)
{
	struct bnn_onnx_pool pool = { .left = 1 << 30 };
	const struct bnn_onnx_const *c;
	struct bnn_error why = { "" };
	bool same = same_text(a->name, b->name) && a->type == b->data_type && a->rank == b->n_dims;
	int code;

	for (uint32_t i = 0; same && i < a->rank; i++)
		same = a->dims[i] == b->dims[i];
	c = same ? bnn_onnx_const_load(&pool, a, &why, &code) : NULL;
	for (size_t i = 0; c && same && i < c->count; i++)
		same = c->v[i] == element(b, i);
	bnn_onnx_pool_free(&pool);
	return c && same;
}

static bool same_attribute(const struct bnn_onnx_attribute *a, const Onnx__AttributeProto *b)
{
	struct bnn_onnx_numbers ints = { .message = a->all, .number = 8, .type = BNN_WIRE_VARINT };
	struct bnn_onnx_numbers floats = { .message = a->all, .number = 7, .type = BNN_WIRE_32 };
	struct bnn_onnx_tensor tensor;
	struct bnn_error error;
	uint64_t v;

	if (!same_text(a->name, b->name) || a->type != (int)b->type || a->f != b->f ||
	    a->i != b->i || !same_bytes(a->s, b->s) || (a->tensor.p != NULL) != (b->t != NULL))
		return false;
	for (size_t i = 0; i < b->n_ints; i++) {
		if (!bnn_onnx_number(&ints, &v) || (int64_t)v != b->ints[i])
			return false;
	}
	for (size_t i = 0; i < b->n_floats; i++) {
		uint32_t bits;

		memcpy(&bits, &b->floats[i], sizeof(bits));
		if (!bnn_onnx_number(&floats, &v) || (uint32_t)v != bits)
			return false;
	}
	if (bnn_onnx_number(&ints, &v) || bnn_onnx_number(&floats, &v))
		return false;
	return !b->t || (!bnn_onnx_tensor_read(&tensor, "x", a->tensor, &error) &&
			 same_tensor(&tensor, b->t));
}

static bool same_node(const struct bnn_onnx_node *a, const Onnx__NodeProto *b)
{
	bool same = same_text(a->name, b->name) && same_text(a->op, b->op_type) &&
		    same_text(a->domain, b->domain) && a->input_count == b->n_input &&
		    a->output_count == b->n_output && a->attribute_count == b->n_attribute;

	for (size_t i = 0; same && i < b->n_input; i++)
		same = same_text(a->inputs[i], b->input[i]);
	for (size_t i = 0; same && i < b->n_output; i++)
		same = same_text(a->outputs[i], b->output[i]);
	for (size_t i = 0; same && i < b->n_attribute; i++)
		same = same_attribute(&a->attributes[i], b->attribute[i]);
	return same;
}

static bool same_info(const struct bnn_onnx_value_info *a, const Onnx__ValueInfoProto *b)
{
	const Onnx__TypeProto__Tensor *t = b->type ? b->type->tensor_type : NULL;
	bool same = same_text(a->name, b->name) && a->tensor == (t != NULL);

	if (!same || !t)
		return same;
	same = a->type == t->elem_type && a->shaped == (t->shape != NULL) &&
	       a->rank == (t->shape ? t->shape->n_dim : 0);
	for (size_t i = 0; same && t->shape && i < t->shape->n_dim; i++) {
		const Onnx__TensorShapeProto__Dimension *d = t->shape->dim[i];
		bool number = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;

		same = a->dims[i] == (number ? d->dim_value : -1);
	}
	return same;
}

static bool same_model(const struct bnn_onnx_model *a, const Onnx__ModelProto *b)
{
	const Onnx__GraphProto *g = b->graph;
	bool same =
		g && a->ir_version == b->ir_version && same_text(a->producer, b->producer_name) &&
		a->opset_count == b->n_opset_import && a->property_count == b->n_metadata_props &&
		a->node_count == g->n_node && a->initializer_count == g->n_initializer &&
		a->input_count == g->n_input && a->output_count == g->n_output;

	for (size_t i = 0; same && i < b->n_opset_import; i++)
		same = same_text(a->opsets[i].domain, b->opset_import[i]->domain) &&
		       a->opsets[i].version == b->opset_import[i]->version;
	for (size_t i = 0; same && i < b->n_metadata_props; i++)
		same = same_text(a->properties[i].key, b->metadata_props[i]->key) &&
		       same_text(a->properties[i].value, b->metadata_props[i]->value);
	for (size_t i = 0; same && i < g->n_node; i++)
		same = same_node(&a->nodes[i], g->node[i]);
	for (size_t i = 0; same && i < g->n_initializer; i++)
		same = same_tensor(&a->initializers[i], g->initializer[i]);
	for (size_t i = 0; same && i < g->n_input; i++)
		same = same_info(&a->inputs[i], g->input[i]);
	for (size_t i = 0; same && i < g->n_output; i++)
		same = same_info(&a->outputs[i], g->output[i]);
	return same;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct bnn_onnx_model model = { 0 };
		struct bnn_error error = { "" };
		size_t len;
		uint8_t *data = read_file(argv[i], &len);
		Onnx__ModelProto *want = data ? onnx__model_proto__unpack(NULL, len, data) : NULL;
		int rc = data ? bnn_onnx_model_read(&model, argv[i], data, len, &error) : -1;
		const char *name = strrchr(argv[i], '/');

		ok(want && !rc && same_model(&model, want), "%s is read as protobuf-c reads it",
		   name ? name + 1 : argv[i]);
		if (rc)
			note("%s", error.text);
		bnn_onnx_model_free(&model);
		if (want)
			onnx__model_proto__free_unpacked(want, NULL);
		free(data);
	}
	if (argc < 2)
		skip("onnx_oracle", "no models");
	return plan_end();
}
