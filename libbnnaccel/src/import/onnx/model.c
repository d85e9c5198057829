// SPDX-License-Identifier: MIT
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"

/* Field numbers of onnx.proto. */
enum { MODEL_IR = 1, MODEL_PRODUCER, MODEL_GRAPH = 7, MODEL_OPSET, MODEL_PROPERTY = 14 };
enum { MODEL_FUNCTION = 25 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT, GRAPH_SPARSE = 15 };
enum { NODE_INPUT = 1, NODE_OUTPUT, NODE_NAME, NODE_OP, NODE_ATTRIBUTE, NODE_DOMAIN = 7 };
enum { ATTR_NAME = 1, ATTR_F, ATTR_I, ATTR_S, ATTR_T, ATTR_TYPE = 20 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE, TENSOR_NAME = 8, TENSOR_RAW, TENSOR_EXTERNAL = 13 };
enum { TENSOR_LOCATION = 14 };
enum { INFO_NAME = 1, INFO_TYPE, TYPE_TENSOR = 1, TENSOR_TYPE_ELEMENT = 1, TENSOR_TYPE_SHAPE };
enum { SHAPE_DIM = 1, DIM_VALUE = 1 };

/* Of a node, and of the model. */
enum { TENSORS_MAX = 4096, ATTRIBUTES_MAX = 64, PROPERTIES_MAX = 4096 };

struct reader {
	const char *path;
	struct bnn_error *error;
	struct bnn_onnx_model *m;
};

static int malformed(const struct reader *r, const char *what)
{
	return bnn_fail(r->error, BNNACCEL_ERR_BAD_MODEL,
			"%.96s: %s is damaged or this is no ONNX file; export it again", r->path,
			what);
}

static int no_memory(const struct reader *r)
{
	return bnn_fail(r->error, BNNACCEL_ERR_MEMORY, "%.96s: out of memory", r->path);
}

static struct bnn_onnx_text text(const struct bnn_wire_field *f)
{
	size_t len = bnn_wire_left(&f->bytes);

	return (struct bnn_onnx_text){ (const char *)f->bytes.p,
				       len > 0xffffff ? 0xffffff : (uint32_t)len };
}

bool bnn_onnx_is(struct bnn_onnx_text t, const char *word)
{
	return strlen(word) == t.len && !memcmp(t.p ? t.p : "", word, t.len);
}

bool bnn_onnx_same(struct bnn_onnx_text a, struct bnn_onnx_text b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

bool bnn_onnx_number(struct bnn_onnx_numbers *at, uint64_t *value)
{
	struct bnn_wire_field f;

	while (at->packed.p == at->packed.end) {
		if (bnn_wire_next(&at->message, &f) <= 0)
			return false;
		if (f.number != at->number)
			continue;
		if (f.type == at->type) {
			*value = f.value;
			return true;
		}
		if (f.type != BNN_WIRE_BYTES)
			return false;
		at->packed = f.bytes;
	}
	if (at->type == BNN_WIRE_VARINT)
		return bnn_wire_varint(&at->packed, value);
	*value = 0;
	for (unsigned int i = 0, n = at->type == BNN_WIRE_64 ? 8 : 4; i < n; i++) {
		if (at->packed.p == at->packed.end)
			return false;
		*value |= (uint64_t)*at->packed.p++ << 8 * i;
	}
	return true;
}

int bnn_onnx_tensor_read(struct bnn_onnx_tensor *t, const char *path, struct bnn_wire w,
			 struct bnn_error *error)
{
	struct reader r = { .path = path, .error = error };
	struct bnn_onnx_numbers dims = { .message = w,
					 .number = TENSOR_DIMS,
					 .type = BNN_WIRE_VARINT };
	struct bnn_wire_field f;
	uint64_t dim;
	int more;

	*t = (struct bnn_onnx_tensor){ .all = w };
	while ((more = bnn_wire_next(&w, &f)) > 0) {
		if (f.number == TENSOR_TYPE && f.type == BNN_WIRE_VARINT)
			t->type = (int32_t)f.value;
		else if (f.number == TENSOR_NAME && f.type == BNN_WIRE_BYTES)
			t->name = text(&f);
		else if (f.number == TENSOR_RAW && f.type == BNN_WIRE_BYTES)
			t->raw = f.bytes, t->has_raw = true;
		else if (f.number == TENSOR_EXTERNAL ||
			 (f.number == TENSOR_LOCATION && f.type == BNN_WIRE_VARINT && f.value))
			t->external = true;
	}
	if (more < 0)
		return malformed(&r, "a tensor");
	while (bnn_onnx_number(&dims, &dim)) {
		if (t->rank == BNN_ONNX_RANK_MAX)
			return bnn_fail(error, BNNACCEL_ERR_UNSUPPORTED,
					"%.96s: tensor \"%.*s\" has more than %u dimensions", path,
					t->name.len > 64 ? 64 : (int)t->name.len, t->name.p,
					BNN_ONNX_RANK_MAX);
		t->dims[t->rank++] = (int64_t)dim;
	}
	return 0;
}

static int read_attribute(const struct reader *r, struct bnn_onnx_attribute *a, struct bnn_wire w)
{
	struct bnn_wire_field f;
	int more;

	a->all = w;
	while ((more = bnn_wire_next(&w, &f)) > 0) {
		uint32_t bits = (uint32_t)f.value;

		if (f.number == ATTR_NAME && f.type == BNN_WIRE_BYTES)
			a->name = text(&f);
		else if (f.number == ATTR_TYPE && f.type == BNN_WIRE_VARINT)
			a->type = (int32_t)f.value;
		else if (f.number == ATTR_F && f.type == BNN_WIRE_32)
			memcpy(&a->f, &bits, sizeof(a->f));
		else if (f.number == ATTR_I && f.type == BNN_WIRE_VARINT)
			a->i = (int64_t)f.value;
		else if (f.number == ATTR_S && f.type == BNN_WIRE_BYTES)
			a->s = text(&f);
		else if (f.number == ATTR_T && f.type == BNN_WIRE_BYTES)
			a->tensor = f.bytes;
	}
	return more < 0 ? malformed(r, "an attribute") : 0;
}

static int read_dims(const struct reader *r, struct bnn_onnx_value_info *info, struct bnn_wire w)
{
	struct bnn_wire_field f, d;
	int more, inner;

	info->shaped = true;
	while ((more = bnn_wire_next(&w, &f)) > 0) {
		if (f.number != SHAPE_DIM || f.type != BNN_WIRE_BYTES)
			continue;
		if (info->rank == BNN_ONNX_RANK_MAX)
			return malformed(r, "the shape of an input or output");
		info->dims[info->rank] = -1;
		while ((inner = bnn_wire_next(&f.bytes, &d)) > 0) {
			if (d.number == DIM_VALUE && d.type == BNN_WIRE_VARINT)
				info->dims[info->rank] = (int64_t)d.value;
		}
		if (inner < 0)
			return malformed(r, "the shape of an input or output");
		info->rank++;
	}
	return more < 0 ? malformed(r, "the shape of an input or output") : 0;
}

static int read_info(const struct reader *r, struct bnn_onnx_value_info *info, struct bnn_wire w)
{
	struct bnn_wire type = { NULL, NULL }, tensor = { NULL, NULL };
	struct bnn_wire_field f;
	int more, rc = 0;

	while ((more = bnn_wire_next(&w, &f)) > 0) {
		if (f.number == INFO_NAME && f.type == BNN_WIRE_BYTES)
			info->name = text(&f);
		else if (f.number == INFO_TYPE && f.type == BNN_WIRE_BYTES)
			type = f.bytes;
	}
	while (more >= 0 && (more = bnn_wire_next(&type, &f)) > 0) {
		if (f.number == TYPE_TENSOR && f.type == BNN_WIRE_BYTES)
			tensor = f.bytes, info->tensor = true;
	}
	while (!rc && more >= 0 && (more = bnn_wire_next(&tensor, &f)) > 0) {
		if (f.number == TENSOR_TYPE_ELEMENT && f.type == BNN_WIRE_VARINT)
			info->type = (int32_t)f.value;
		else if (f.number == TENSOR_TYPE_SHAPE && f.type == BNN_WIRE_BYTES && !info->shaped)
			rc = read_dims(r, info, f.bytes);
	}
	return more < 0 ? malformed(r, "an input or output") : rc;
}

/* Counts the fields with one of these numbers, all of which must be bytes. */
static int count(const struct reader *r, struct bnn_wire w, const uint32_t *numbers, uint32_t n,
		 uint32_t *counts, const char *what)
{
	struct bnn_wire_field f;
	int more;

	while ((more = bnn_wire_next(&w, &f)) > 0) {
		for (uint32_t i = 0; i < n; i++) {
			if (f.number != numbers[i])
				continue;
			if (f.type != BNN_WIRE_BYTES || counts[i] == UINT32_MAX)
				return malformed(r, what);
			counts[i]++;
		}
	}
	return more < 0 ? malformed(r, what) : 0;
}

static int read_node(const struct reader *r, struct bnn_onnx_node *n, struct bnn_wire w)
{
	static const uint32_t numbers[] = { NODE_INPUT, NODE_OUTPUT, NODE_ATTRIBUTE };
	uint32_t counts[3] = { 0 };
	struct bnn_wire_field f;
	int rc = count(r, w, numbers, 3, counts, "a node");

	if (!rc &&
	    (counts[0] > TENSORS_MAX || counts[1] > TENSORS_MAX || counts[2] > ATTRIBUTES_MAX))
		rc = bnn_fail(r->error, BNNACCEL_ERR_UNSUPPORTED,
			      "%.96s: a node with %u inputs, %u outputs and %u attributes; at most "
			      "%u, %u and %u are possible",
			      r->path, counts[0], counts[1], counts[2], TENSORS_MAX, TENSORS_MAX,
			      ATTRIBUTES_MAX);
	if (rc)
		return rc;
	n->inputs = calloc((size_t)counts[0] + counts[1] + 1, sizeof(*n->inputs));
	n->attributes = calloc((size_t)counts[2] + 1, sizeof(*n->attributes));
	if (!n->inputs || !n->attributes)
		return no_memory(r);
	n->outputs = n->inputs + counts[0];
	while (!rc && bnn_wire_next(&w, &f) > 0) {
		if (f.type != BNN_WIRE_BYTES)
			continue;
		if (f.number == NODE_INPUT)
			n->inputs[n->input_count++] = text(&f);
		else if (f.number == NODE_OUTPUT)
			n->outputs[n->output_count++] = text(&f);
		else if (f.number == NODE_NAME)
			n->name = text(&f);
		else if (f.number == NODE_OP)
			n->op = text(&f);
		else if (f.number == NODE_DOMAIN)
			n->domain = text(&f);
		else if (f.number == NODE_ATTRIBUTE)
			rc = read_attribute(r, &n->attributes[n->attribute_count++], f.bytes);
	}
	return rc;
}

static int read_graph(const struct reader *r, struct bnn_wire w)
{
	static const uint32_t numbers[] = { GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT,
					    GRAPH_OUTPUT, GRAPH_SPARSE };
	struct bnn_onnx_model *m = r->m;
	uint32_t counts[5] = { 0 };
	struct bnn_wire_field f;
	int rc = count(r, w, numbers, 5, counts, "the graph");

	for (int i = 0; !rc && i < 4; i++) {
		if (counts[i] > BNN_ONNX_NODES_MAX)
			return bnn_fail(r->error, BNNACCEL_ERR_UNSUPPORTED,
					"%.96s: %u nodes, %u initializers, %u inputs and %u "
					"outputs; %u of each are possible",
					r->path, counts[0], counts[1], counts[2], counts[3],
					BNN_ONNX_NODES_MAX);
	}
	if (rc)
		return rc;
	m->has_graph = true;
	m->sparse_count = counts[4];
	m->nodes = calloc((size_t)counts[0] + 1, sizeof(*m->nodes));
	m->initializers = calloc((size_t)counts[1] + 1, sizeof(*m->initializers));
	m->inputs = calloc((size_t)counts[2] + 1, sizeof(*m->inputs));
	m->outputs = calloc((size_t)counts[3] + 1, sizeof(*m->outputs));
	if (!m->nodes || !m->initializers || !m->inputs || !m->outputs)
		return no_memory(r);
	while (!rc && bnn_wire_next(&w, &f) > 0) {
		if (f.number == GRAPH_NODE)
			rc = read_node(r, &m->nodes[m->node_count++], f.bytes);
		else if (f.number == GRAPH_INITIALIZER)
			rc = bnn_onnx_tensor_read(&m->initializers[m->initializer_count++], r->path,
						  f.bytes, r->error);
		else if (f.number == GRAPH_INPUT)
			rc = read_info(r, &m->inputs[m->input_count++], f.bytes);
		else if (f.number == GRAPH_OUTPUT)
			rc = read_info(r, &m->outputs[m->output_count++], f.bytes);
	}
	return rc;
}

static int read_opset(const struct reader *r, struct bnn_wire w)
{
	struct bnn_onnx_opset *o = &r->m->opsets[r->m->opset_count++];
	struct bnn_wire_field f;
	int more;

	while ((more = bnn_wire_next(&w, &f)) > 0) {
		if (f.number == 1 && f.type == BNN_WIRE_BYTES)
			o->domain = text(&f);
		else if (f.number == 2 && f.type == BNN_WIRE_VARINT)
			o->version = (int64_t)f.value;
	}
	return more < 0 ? malformed(r, "an operator set") : 0;
}

static int read_property(const struct reader *r, struct bnn_wire w)
{
	struct bnn_onnx_property *p = &r->m->properties[r->m->property_count++];
	struct bnn_wire_field f;
	int more;

	while ((more = bnn_wire_next(&w, &f)) > 0) {
		if (f.number == 1 && f.type == BNN_WIRE_BYTES)
			p->key = text(&f);
		else if (f.number == 2 && f.type == BNN_WIRE_BYTES)
			p->value = text(&f);
	}
	return more < 0 ? malformed(r, "the metadata") : 0;
}

int bnn_onnx_model_read(struct bnn_onnx_model *m, const char *path, const void *data, size_t len,
			struct bnn_error *error)
{
	static const uint32_t numbers[] = { MODEL_GRAPH, MODEL_OPSET, MODEL_PROPERTY,
					    MODEL_FUNCTION };
	struct reader r = { .path = path, .error = error, .m = m };
	struct bnn_wire w = { data, (const uint8_t *)data + len };
	struct bnn_wire_field f;
	uint32_t counts[4] = { 0 };
	int rc;

	*m = (struct bnn_onnx_model){ 0 };
	rc = count(&r, w, numbers, 4, counts, "the model");
	if (rc)
		return rc;
	if (counts[0] != 1)
		return bnn_fail(error, BNNACCEL_ERR_BAD_MODEL,
				"%.96s: has %u graphs, not 1, so this is no ONNX model", path,
				counts[0]);
	if (counts[1] > PROPERTIES_MAX || counts[2] > PROPERTIES_MAX)
		return bnn_fail(
			error, BNNACCEL_ERR_UNSUPPORTED,
			"%.96s: %u operator sets and %u properties; %u of each are possible", path,
			counts[1], counts[2], PROPERTIES_MAX);
	m->function_count = counts[3];
	m->opsets = calloc((size_t)counts[1] + 1, sizeof(*m->opsets));
	m->properties = calloc((size_t)counts[2] + 1, sizeof(*m->properties));
	if (!m->opsets || !m->properties)
		rc = no_memory(&r);
	while (!rc && bnn_wire_next(&w, &f) > 0) {
		if (f.number == MODEL_IR && f.type == BNN_WIRE_VARINT)
			m->ir_version = (int64_t)f.value;
		else if (f.number == MODEL_PRODUCER && f.type == BNN_WIRE_BYTES)
			m->producer = text(&f);
		else if (f.number == MODEL_GRAPH)
			rc = read_graph(&r, f.bytes);
		else if (f.number == MODEL_OPSET)
			rc = read_opset(&r, f.bytes);
		else if (f.number == MODEL_PROPERTY)
			rc = read_property(&r, f.bytes);
	}
	if (rc)
		bnn_onnx_model_free(m);
	return rc;
}

void bnn_onnx_model_free(struct bnn_onnx_model *m)
{
	for (uint32_t i = 0; m->nodes && i < m->node_count; i++) {
		free(m->nodes[i].inputs);
		free(m->nodes[i].attributes);
	}
	free(m->nodes);
	free(m->initializers);
	free(m->inputs);
	free(m->outputs);
	free(m->opsets);
	free(m->properties);
	*m = (struct bnn_onnx_model){ 0 };
}
