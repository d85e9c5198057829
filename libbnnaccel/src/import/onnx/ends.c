// SPDX-License-Identifier: MIT
#include "ends.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"

#define BAD BNNACCEL_ERR_BAD_MODEL
#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED

static const struct bnn_onnx_property *property(const struct bnn_onnx_reader *r, const char *key)
{
	for (uint32_t i = 0; i < r->model.property_count; i++) {
		if (bnn_onnx_is(r->model.properties[i].key, key))
			return &r->model.properties[i];
	}
	return NULL;
}

/* A copy that ends with 0; NULL without memory. */
static char *copy(struct bnn_onnx_text t)
{
	char *s = malloc((size_t)t.len + 1);

	if (s) {
		if (t.len)
			memcpy(s, t.p, t.len);
		s[t.len] = 0;
		/* bnn_net_check() would refuse what is not text */
		for (uint32_t i = 0; i < t.len; i++)
			s[i] = (unsigned char)s[i] < ' ' || s[i] == 0x7f ? ' ' : s[i];
	}
	return s;
}

/* 1 to `max` comma-separated numbers of the metadata; *n is 0 without the key. */
static int numbers(struct bnn_onnx_reader *r, const char *key, double *v, uint32_t max, uint32_t *n)
{
	const struct bnn_onnx_property *p = property(r, key);
	char *text, *at, *end;

	*n = 0;
	if (!p)
		return 0;
	text = copy(p->value);
	if (!text)
		return bnn_ir_fail(&r->ir, BNNACCEL_ERR_MEMORY, "out of memory");
	for (at = text; *n < max; at = end + 1) {
		v[*n] = strtod(at, &end);
		if (end == at || !isfinite(v[*n]))
			break;
		++*n;
		if (*end != ',')
			break;
	}
	if (end == at || *end || !*n) {
		free(text);
		return bnn_ir_fail(&r->ir, BAD, "has metadata %s that are not 1 to %u numbers", key,
				   max);
	}
	free(text);
	return 0;
}

/* Whether (0, 3, 1, 2) is done to the input, or to something element-wise of it. */
static bool is_interleaved(const struct bnn_onnx_reader *r, struct bnn_onnx_text input)
{
	const struct bnn_onnx_model *m = &r->model;
	struct bnn_onnx_text like = input; /* the last tensor that is alike */

	for (uint32_t i = 0; i < m->node_count; i++) {
		const struct bnn_onnx_node *n = &m->nodes[i];
		struct bnn_onnx_op op = { .r = (struct bnn_onnx_reader *)r, .n = n };
		int64_t perm[BNN_ONNX_RANK_MAX];
		uint32_t count = 0;

		if (!n->input_count || !n->output_count || !bnn_onnx_same(n->inputs[0], like))
			continue;
		if (bnn_onnx_is(n->op, "Transpose"))
			return !bnn_onnx_ints(&op, "perm", perm, BNN_ONNX_RANK_MAX, &count) &&
			       count == 4 && !perm[0] && perm[1] == 3 && perm[2] == 1 &&
			       perm[3] == 2;
		if (bnn_onnx_is(n->op, "Cast") || bnn_onnx_is(n->op, "Div") ||
		    bnn_onnx_is(n->op, "Mul") || bnn_onnx_is(n->op, "Sub") ||
		    bnn_onnx_is(n->op, "Add") || bnn_onnx_is(n->op, "Identity"))
			like = n->outputs[0];
	}
	return false;
}

/* (byte/255 - mean)/std, if the metadata says so. */
static int normalise(struct bnn_onnx_reader *r, int image)
{
	double mean[64], std[64], bytes = 255, none = 0;
	uint32_t means, stds;
	int rc = numbers(r, "bnnaccel.mean", mean, 64, &means);

	if (!rc)
		rc = numbers(r, "bnnaccel.std", std, 64, &stds);
	if (rc)
		return rc;
	if (!means && !stds)
		return image;
	for (uint32_t i = 0; i < means; i++)
		mean[i] = -mean[i];
	snprintf(r->ir.where, sizeof(r->ir.where), "the metadata bnnaccel.mean or bnnaccel.std");
	image = bnn_ir_affine(&r->ir, image, &bytes, 1, NULL, 0, true);
	image = bnn_ir_affine(&r->ir, image, NULL, 0, means ? mean : &none, means ? means : 1,
			      false);
	return stds ? bnn_ir_affine(&r->ir, image, std, stds, NULL, 0, true) : image;
}

static int read_input(struct bnn_onnx_reader *r, const struct bnn_onnx_value_info *info,
		      struct bnn_onnx_value *v)
{
	const int64_t *d = info->dims;
	int64_t h, w, c;
	bool mixed = info->rank == 4 && is_interleaved(r, info->name);

	if (!info->tensor || (info->type != BNN_ONNX_FLOAT && info->type != BNN_ONNX_UINT8 &&
			      info->type != BNN_ONNX_DOUBLE))
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "is of type %s; a tensor of float or uint8 is possible",
				   info->tensor ? bnn_onnx_type_name(info->type) : "no tensor");
	if (!info->shaped || (info->rank != 2 && info->rank != 4))
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "has %u dimensions; [N, channels, rows, columns] or "
				   "[N, values] is possible",
				   info->rank);
	if (info->rank == 2) {
		c = 1;
		h = d[1] > 0 ? (int64_t)sqrt((double)d[1]) : 0;
		w = h;
		/* images of as many rows as columns, if that is possible */
		if (h * w != d[1])
			h = 1, w = d[1];
	} else {
		c = d[mixed ? 3 : 1];
		h = d[mixed ? 1 : 2];
		w = d[mixed ? 2 : 3];
	}
	if (d[0] == 0 || d[0] < -1 || d[0] > INT32_MAX || c < 1 || h < 1 || w < 1 || c > 8192 ||
	    h > 65535 || w > 65535)
		return bnn_ir_fail(&r->ir, BAD,
				   "has %" PRId64 " channels, %" PRId64 " rows and %" PRId64
				   " columns; they must be numbers, 1 to 8192 and 1 to 65535",
				   c, h, w);
	r->batch = d[0] > 0 ? d[0] : 1;
	v->kind = BNN_ONNX_TENSOR;
	v->layout = info->rank == 2 ? BNN_ONNX_FLAT : mixed ? BNN_ONNX_NHWC : BNN_ONNX_NCHW;
	v->tensor = normalise(
		r, bnn_ir_image(&r->ir, (uint32_t)h, (uint32_t)w, (uint32_t)c, !mixed && c > 1));
	return v->tensor < 0 ? v->tensor : 0;
}

int bnn_onnx_ends(struct bnn_onnx_reader *r)
{
	const struct bnn_onnx_model *m = &r->model;
	const struct bnn_onnx_value_info *input = NULL;
	struct bnn_onnx_value *v;
	uint32_t inputs = 0;

	for (uint32_t i = 0; i < m->input_count; i++) {
		v = bnn_onnx_find(r, m->inputs[i].name);
		if (v && v->kind == BNN_ONNX_INITIALIZER)
			continue; /* a default, as old exporters list them */
		input = &m->inputs[i];
		inputs++;
	}
	snprintf(r->ir.where, sizeof(r->ir.where), "the graph");
	if (inputs != 1 || m->output_count != 1)
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "has %u inputs and %u outputs; one of each is possible", inputs,
				   m->output_count);
	snprintf(r->ir.where, sizeof(r->ir.where), "the input \"%.*s\"",
		 input->name.len > 60 ? 60 : (int)input->name.len, input->name.p);
	snprintf(r->ir.label, sizeof(r->ir.label), "image");
	for (char *p = r->ir.where; *p; p++)
		*p = *p < ' ' || *p >= 0x7f ? '_' : *p;
	v = bnn_onnx_find(r, input->name);
	if (v)
		return bnn_ir_fail(&r->ir, BAD, "is also made by node %d", v->maker);
	r->last = m->outputs[0].name;
	/* the table has room for it: collect_names() has counted it */
	v = bnn_onnx_define(r, input->name);
	return v ? read_input(r, input, v) : bnn_ir_fail(&r->ir, BAD, "has no name");
}

/* Splits at commas. */
static int read_labels(struct bnn_onnx_reader *r, struct bnn_onnx_text t)
{
	uint32_t n = 1;

	if (!t.len)
		return 0;
	for (uint32_t i = 0; i < t.len; i++)
		n += t.p[i] == ',';
	if (n > 65536)
		return bnn_ir_fail(&r->ir, UNSUPPORTED, "has %u labels", n);
	r->ir.labels = calloc((size_t)n + 1, sizeof(char *));
	for (uint32_t i = 0, from = 0; r->ir.labels && i < n; i++) {
		uint32_t to = from;

		while (to < t.len && t.p[to] != ',')
			to++;
		r->ir.labels[i] = copy((struct bnn_onnx_text){ t.p + from, to - from });
		r->ir.label_count++;
		if (!r->ir.labels[i])
			return bnn_ir_fail(&r->ir, BNNACCEL_ERR_MEMORY, "out of memory");
		from = to + 1;
	}
	return r->ir.labels ? 0 : bnn_ir_fail(&r->ir, BNNACCEL_ERR_MEMORY, "out of memory");
}

int bnn_onnx_last(struct bnn_onnx_reader *r)
{
	const struct bnn_onnx_value *v = bnn_onnx_find(r, r->last);
	const struct bnn_onnx_property *p;
	const struct bnn_ir_node *n;
	int rc = 0;

	snprintf(r->ir.where, sizeof(r->ir.where), "the output \"%.*s\"",
		 r->last.len > 60 ? 60 : (int)r->last.len, r->last.p ? r->last.p : "");
	for (char *c = r->ir.where; *c; c++)
		*c = *c < ' ' || *c >= 0x7f ? '_' : *c;
	if (!v || v->kind == BNN_ONNX_UNKNOWN)
		return bnn_ir_fail(&r->ir, BAD, "is made by no node");
	if (v->kind != BNN_ONNX_TENSOR)
		return bnn_ir_fail(&r->ir, UNSUPPORTED, "does not depend on the input");
	n = &r->ir.nodes[v->tensor];
	if (n->h != 1 || n->w != 1)
		return bnn_ir_fail(&r->ir, UNSUPPORTED,
				   "has %u rows and %u columns; one pixel is possible: classes as "
				   "[N, classes] or [N, classes, 1, 1]",
				   n->h, n->w);
	r->ir.result = v->tensor;
	p = property(r, "bnnaccel.labels");
	if (p)
		rc = read_labels(r, p->value);
	p = property(r, "bnnaccel.column");
	if (!rc && p) {
		r->ir.column = copy(p->value);
		rc = r->ir.column ? 0 : bnn_ir_fail(&r->ir, BNNACCEL_ERR_MEMORY, "out of memory");
	}
	return rc;
}

int bnn_onnx_describe(struct bnn_onnx_reader *r, struct bnnaccel_graph *graph)
{
	const struct bnn_onnx_property *p = property(r, "bnnaccel.about");
	char *text = p ? copy(p->value) : strdup("from an ONNX model");
	int rc = text ? bnnaccel_graph_describe(graph, text) : BNNACCEL_ERR_MEMORY;

	free(text);
	return rc ? bnn_ir_fail(&r->ir, rc, "out of memory") : 0;
}
