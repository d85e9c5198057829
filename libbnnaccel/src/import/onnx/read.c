// SPDX-License-Identifier: MIT
/* The reader's main loop: names, nodes in their order, input and output. */
#include "read.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "ends.h"

#define BAD BNNACCEL_ERR_BAD_MODEL
#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED

/* A name of the file for a message: printable, and not longer than `room`. */
static void clean(char *to, size_t room, struct bnn_onnx_text t)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t.len && n + 1 < room; i++)
		to[n++] = t.p[i] > ' ' && t.p[i] < 0x7f && t.p[i] != '"' ? t.p[i] : '_';
	to[n] = 0;
}

static uint64_t hash(struct bnn_onnx_text t)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < t.len; i++)
		h = (h ^ (uint8_t)t.p[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

/* The slot of a name, or the free one where it belongs. */
static struct bnn_onnx_value *slot(const struct bnn_onnx_reader *r, struct bnn_onnx_text name)
{
	size_t i = hash(name) & (r->slots - 1);

	while (r->values[i].name.len && !bnn_onnx_same(r->values[i].name, name))
		i = (i + 1) & (r->slots - 1);
	return &r->values[i];
}

struct bnn_onnx_value *bnn_onnx_find(const struct bnn_onnx_reader *r, struct bnn_onnx_text name)
{
	struct bnn_onnx_value *v = name.len ? slot(r, name) : NULL;

	return v && v->name.len ? v : NULL;
}

struct bnn_onnx_value *bnn_onnx_define(const struct bnn_onnx_reader *r, struct bnn_onnx_text name)
{
	struct bnn_onnx_value *v = name.len ? slot(r, name) : NULL;

	if (v)
		*v = (struct bnn_onnx_value){ .name = name, .maker = -1, .tensor = -1 };
	return v;
}

static int add_name(struct bnn_onnx_reader *r, struct bnn_onnx_text name, const char *what,
		    struct bnn_onnx_value **value)
{
	struct bnn_onnx_value *v;
	char text[64];

	clean(text, sizeof(text), name);
	if (!name.len)
		return bnn_ir_fail(&r->ir, BAD, "has %s without a name", what);
	v = slot(r, name);
	if (v->name.len)
		return bnn_ir_fail(&r->ir, BAD,
				   "makes \"%s\" (%s), which exists already; names must be unique",
				   text, what);
	*value = bnn_onnx_define(r, name);
	return 0;
}

static void describe_node(struct bnn_onnx_reader *r, uint32_t i)
{
	const struct bnn_onnx_node *n = &r->model.nodes[i];
	struct bnn_onnx_text none = { "?", 1 };
	char name[64], op[40];

	clean(name, sizeof(name), n->name.len ? n->name : n->output_count ? n->outputs[0] : none);
	clean(op, sizeof(op), n->op.len ? n->op : none);
	snprintf(r->ir.where, sizeof(r->ir.where), "node %u \"%s\" (%s)", i, name, op);
	clean(r->ir.label, 64, n->output_count && n->outputs[0].len ? n->outputs[0] : n->name);
	if (!r->ir.label[0])
		snprintf(r->ir.label, sizeof(r->ir.label), "node%u", i);
}

/* All names a model makes, so that one that is made later is told from one that is missing. */
static int collect_names(struct bnn_onnx_reader *r)
{
	const struct bnn_onnx_model *m = &r->model;
	size_t count = (size_t)m->initializer_count + m->input_count;
	struct bnn_onnx_value *v;
	int rc = 0;

	for (uint32_t i = 0; i < m->node_count; i++)
		count += m->nodes[i].output_count;
	for (r->slots = 16; r->slots < 2 * count; r->slots *= 2)
		;
	r->values = calloc(r->slots, sizeof(*r->values));
	if (!r->values)
		return bnn_ir_fail(&r->ir, BNNACCEL_ERR_MEMORY, "out of memory");
	snprintf(r->ir.where, sizeof(r->ir.where), "the graph");
	for (uint32_t i = 0; !rc && i < m->initializer_count; i++) {
		rc = add_name(r, m->initializers[i].name, "an initializer", &v);
		if (!rc) {
			v->kind = BNN_ONNX_INITIALIZER;
			v->initializer = &m->initializers[i];
		}
	}
	for (uint32_t i = 0; !rc && i < m->node_count; i++) {
		describe_node(r, i);
		for (uint32_t k = 0; !rc && k < m->nodes[i].output_count; k++) {
			if (!m->nodes[i].outputs[k].len)
				continue;
			rc = add_name(r, m->nodes[i].outputs[k], "its result", &v);
			if (!rc)
				v->maker = (int32_t)i;
		}
	}
	return rc;
}

/* From the output backwards, along the order of the file. */
static int mark_needed(struct bnn_onnx_reader *r, bool *needed)
{
	struct bnn_onnx_value *v = bnn_onnx_find(r, r->last);

	if (v)
		v->needed = true;
	for (uint32_t i = r->model.node_count; i-- > 0;) {
		const struct bnn_onnx_node *n = &r->model.nodes[i];

		for (uint32_t k = 0; k < n->output_count; k++) {
			v = bnn_onnx_find(r, n->outputs[k]);
			needed[i] |= v && v->needed;
		}
		for (uint32_t k = 0; needed[i] && k < n->input_count; k++) {
			v = bnn_onnx_find(r, n->inputs[k]);
			if (v)
				v->needed = true;
		}
	}
	return 0;
}

bool bnn_onnx_has(const struct bnn_onnx_op *op, uint32_t i)
{
	return i < op->n->input_count && op->n->inputs[i].len;
}

static int load(struct bnn_onnx_reader *r, struct bnn_onnx_value *v)
{
	struct bnn_error why = { "" };
	char name[64];
	int code = 0;

	v->c = bnn_onnx_const_load(&r->pool, v->initializer, &why, &code);
	if (v->c) {
		v->kind = BNN_ONNX_CONST;
		return 0;
	}
	clean(name, sizeof(name), v->name);
	return bnn_ir_fail(&r->ir, code, "reads initializer \"%s\", which %s", name, why.text);
}

struct bnn_onnx_value *bnn_onnx_input(const struct bnn_onnx_op *op, uint32_t i, int *rc)
{
	struct bnn_onnx_value *v;
	char name[64];

	*rc = 0;
	if (!bnn_onnx_has(op, i))
		return NULL;
	v = bnn_onnx_find(op->r, op->n->inputs[i]);
	clean(name, sizeof(name), op->n->inputs[i]);
	if (!v)
		*rc = bnn_onnx_fail(op, BAD,
				    "reads \"%s\", which is neither input nor initializer nor made "
				    "by a node; export the model again",
				    name);
	else if (v->kind == BNN_ONNX_UNKNOWN)
		*rc = bnn_onnx_fail(op, BAD,
				    "reads \"%s\", which node %d makes only later: the graph has a "
				    "cycle or its nodes are not sorted",
				    name, v->maker);
	else if (v->kind == BNN_ONNX_INITIALIZER)
		*rc = load(op->r, v);
	return *rc ? NULL : v;
}

const struct bnn_onnx_const *bnn_onnx_constant(const struct bnn_onnx_op *op, uint32_t i, int *rc)
{
	struct bnn_onnx_value *v = bnn_onnx_input(op, i, rc);

	if (v && v->kind != BNN_ONNX_CONST)
		*rc = bnn_onnx_fail(op, UNSUPPORTED,
				    "has input %u, which is computed from the image; it must be "
				    "constant",
				    i);
	return v && !*rc ? v->c : NULL;
}

struct bnn_onnx_value *bnn_onnx_tensor(const struct bnn_onnx_op *op, uint32_t i, int *rc)
{
	struct bnn_onnx_value *v = bnn_onnx_input(op, i, rc);

	if (!*rc && !v)
		*rc = bnn_onnx_fail(op, BAD, "lacks input %u", i);
	else if (v && v->kind != BNN_ONNX_TENSOR)
		*rc = bnn_onnx_fail(op, UNSUPPORTED,
				    "has a constant as input %u, which must be computed from the "
				    "image",
				    i);
	return *rc ? NULL : v;
}

static bool listed(const char *list, struct bnn_onnx_text word)
{
	while (*list) {
		size_t n = strcspn(list, " ");

		if (n == word.len && !memcmp(list, word.p, n))
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

static int check_node(struct bnn_onnx_op *op, const struct bnn_onnx_operator *info)
{
	char text[64];

	for (uint32_t i = 0; i < op->n->attribute_count; i++) {
		const struct bnn_onnx_attribute *a = &op->n->attributes[i];

		clean(text, sizeof(text), a->name);
		if (!listed(info->attributes, a->name))
			return bnn_onnx_fail(op, UNSUPPORTED, "has attribute \"%s\"; known are: %s",
					     text, info->attributes[0] ? info->attributes : "none");
	}
	if (op->n->input_count < info->inputs_min || op->n->input_count > info->inputs_max)
		return bnn_onnx_fail(op, BAD, "has %u inputs; %u to %u are possible",
				     op->n->input_count, info->inputs_min, info->inputs_max);
	for (uint32_t k = 1; k < op->n->output_count; k++) {
		const struct bnn_onnx_value *v = bnn_onnx_find(op->r, op->n->outputs[k]);

		if (v && v->needed)
			return bnn_onnx_fail(op, UNSUPPORTED,
					     "has a second result that is used; only the first is "
					     "possible");
	}
	return 0;
}

static const struct bnn_onnx_operator *known(const struct bnn_onnx_operator *all,
					     struct bnn_onnx_text name)
{
	while (all->name && !bnn_onnx_is(name, all->name))
		all++;
	return all->name ? all : NULL;
}

static int read_node(struct bnn_onnx_reader *r, uint32_t i)
{
	const struct bnn_onnx_node *n = &r->model.nodes[i];
	struct bnn_onnx_op op = { .r = r, .n = n };
	const struct bnn_onnx_operator *info;
	bool own = bnn_onnx_is(n->domain, "bnnaccel");
	char domain[64];
	int rc;

	describe_node(r, i);
	clean(domain, sizeof(domain), n->domain);
	if (!own && n->domain.len && !bnn_onnx_is(n->domain, "ai.onnx"))
		return bnn_onnx_fail(
			&op, UNSUPPORTED,
			"is of domain \"%s\"; known are the standard operators and the "
			"domain bnnaccel (docs/onnx.md)",
			domain);
	if (own ? !r->own : !r->opset)
		return bnn_onnx_fail(
			&op, BAD, "is of domain \"%s\", which the model does not import", domain);
	op.out = n->output_count ? bnn_onnx_find(r, n->outputs[0]) : NULL;
	if (!op.out)
		return bnn_onnx_fail(&op, BAD, "has no result");
	if (!own) {
		rc = bnn_onnx_fold(&op);
		if (rc)
			return rc < 0 ? rc : 0;
	}
	info = known(own ? bnn_onnx_own_operators : bnn_onnx_operators, n->op);
	if (!info)
		return bnn_onnx_fail(
			&op, UNSUPPORTED,
			"is no operator this importer knows%s; docs/onnx.md lists them",
			own ? " in domain bnnaccel" : "");
	op.name = info->name;
	rc = check_node(&op, info);
	return rc ? rc : info->read(&op);
}

static int check_model(struct bnn_onnx_reader *r)
{
	const struct bnn_onnx_model *m = &r->model;

	if (m->ir_version < 3 || m->ir_version > 10)
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "has IR version %" PRId64 "; 3 to 10 are possible",
				   m->ir_version);
	for (uint32_t i = 0; i < m->opset_count; i++) {
		const struct bnn_onnx_opset *o = &m->opsets[i];

		if (!o->domain.len || bnn_onnx_is(o->domain, "ai.onnx"))
			r->opset = o->version;
		else if (bnn_onnx_is(o->domain, "bnnaccel"))
			r->own = o->version;
	}
	if (r->opset && (r->opset < 7 || r->opset > 20))
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "uses operator set %" PRId64
				   "; 7 to 20 are possible: export it with another opset_version",
				   r->opset);
	if (r->own && r->own != 1)
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "uses version %" PRId64
				   " of the operators of domain bnnaccel; 1 "
				   "is known",
				   r->own);
	if (m->function_count)
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "defines functions; export it with them written out");
	if (m->sparse_count)
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "has sparse initializers; export it with dense ones");
	return 0;
}

static int read_all(struct bnn_onnx_reader *r)
{
	bool *needed = calloc((size_t)r->model.node_count + 1, sizeof(*needed));
	int rc =
		needed ? check_model(r) : bnn_ir_fail(&r->ir, BNNACCEL_ERR_MEMORY, "out of memory");

	if (!rc)
		rc = collect_names(r);
	if (!rc)
		rc = bnn_onnx_ends(r);
	if (!rc)
		rc = mark_needed(r, needed);
	for (uint32_t i = 0; !rc && i < r->model.node_count; i++) {
		if (needed[i])
			rc = read_node(r, i);
	}
	free(needed);
	return rc ? rc : bnn_onnx_last(r);
}

int bnn_onnx_graph(const char *path, const char *name, const void *data, size_t len,
		   const struct bnn_onnx_limits *limits, struct bnnaccel_graph **graph,
		   struct bnn_notes *notes, struct bnn_error *error)
{
	struct bnn_onnx_reader r = { .pool.left = limits->elements,
				     .ir = { .path = path,
					     .left = limits->elements,
					     .nodes_max = limits->nodes,
					     .notes = notes,
					     .error = error,
					     .result = -1 } };
	struct bnnaccel_graph *g = NULL;
	int rc = bnn_onnx_model_read(&r.model, path, data, len, error);

	/* an operator of the file becomes a few */
	if (!rc && r.model.node_count < limits->nodes / 16)
		r.ir.nodes_max = 16 * (r.model.node_count + 1);
	if (!rc)
		rc = read_all(&r);
	if (!rc && bnnaccel_graph_new(name, &g))
		rc = bnn_fail(error, BNNACCEL_ERR_MEMORY, "%.96s: out of memory", path);
	if (!rc)
		rc = bnn_onnx_describe(&r, g);
	if (!rc)
		rc = bnn_ir_emit(&r.ir, g);
	bnn_onnx_model_free(&r.model);
	bnn_onnx_pool_free(&r.pool);
	bnn_ir_free(&r.ir);
	free(r.values);
	if (rc) {
		bnnaccel_graph_free(g);
		return rc;
	}
	*graph = g;
	return 0;
}
