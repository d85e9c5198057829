// SPDX-License-Identifier: MIT
/* What operators need of a node: attributes, shapes, parameters, the result. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "read.h"

const struct bnn_onnx_attribute *bnn_onnx_attribute(const struct bnn_onnx_op *op, const char *name)
{
	for (uint32_t i = 0; i < op->n->attribute_count; i++) {
		if (bnn_onnx_is(op->n->attributes[i].name, name))
			return &op->n->attributes[i];
	}
	return NULL;
}

/* An attribute of this type; NULL if it is not there, *rc if it is of another one. */
static const struct bnn_onnx_attribute *typed(const struct bnn_onnx_op *op, const char *name,
					      int32_t type, int *rc)
{
	const struct bnn_onnx_attribute *a = bnn_onnx_attribute(op, name);

	*rc = 0;
	if (a && a->type && a->type != type)
		*rc = bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL,
				    "has attribute \"%s\" of type %d; it must be of type %d", name,
				    a->type, type);
	return *rc ? NULL : a;
}

int bnn_onnx_int(const struct bnn_onnx_op *op, const char *name, int64_t otherwise, int64_t *value)
{
	int rc;
	const struct bnn_onnx_attribute *a = typed(op, name, BNN_ONNX_ATTR_INT, &rc);

	*value = a ? a->i : otherwise;
	return rc;
}

int bnn_onnx_float(const struct bnn_onnx_op *op, const char *name, float otherwise, float *value)
{
	int rc;
	const struct bnn_onnx_attribute *a = typed(op, name, BNN_ONNX_ATTR_FLOAT, &rc);

	*value = a ? a->f : otherwise;
	return rc;
}

int bnn_onnx_word(const struct bnn_onnx_op *op, const char *name, char *word, size_t room)
{
	int rc;
	const struct bnn_onnx_attribute *a = typed(op, name, BNN_ONNX_ATTR_STRING, &rc);

	word[0] = 0;
	if (!a)
		return rc;
	if (a->s.len >= room || (a->s.len && memchr(a->s.p, 0, a->s.len)))
		return bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL,
				     "has an attribute \"%s\" of %u characters, none that is known",
				     name, a->s.len);
	if (a->s.len)
		memcpy(word, a->s.p, a->s.len);
	word[a->s.len] = 0;
	return 0;
}

int bnn_onnx_ints(const struct bnn_onnx_op *op, const char *name, int64_t *values, uint32_t max,
		  uint32_t *count)
{
	enum { ATTRIBUTE_INTS = 8 };
	int rc;
	const struct bnn_onnx_attribute *a = typed(op, name, BNN_ONNX_ATTR_INTS, &rc);
	struct bnn_onnx_numbers at = { .number = ATTRIBUTE_INTS, .type = BNN_WIRE_VARINT };
	uint64_t v;

	*count = 0;
	if (!a)
		return rc;
	at.message = a->all;
	while (bnn_onnx_number(&at, &v)) {
		if (*count == max)
			return bnn_onnx_fail(op, BNNACCEL_ERR_UNSUPPORTED,
					     "has more than %u numbers in attribute \"%s\"", max,
					     name);
		values[(*count)++] = (int64_t)v;
	}
	return 0;
}

uint32_t bnn_onnx_shape(const struct bnn_onnx_reader *r, const struct bnn_onnx_value *v,
			int64_t d[BNN_ONNX_RANK_MAX])
{
	const struct bnn_ir_node *n = &r->ir.nodes[v->tensor];

	d[0] = r->batch;
	switch (v->layout) {
	case BNN_ONNX_NCHW:
		d[1] = n->c, d[2] = n->h, d[3] = n->w;
		return 4;
	case BNN_ONNX_NHWC:
		d[1] = n->h, d[2] = n->w, d[3] = n->c;
		return 4;
	case BNN_ONNX_FLAT:
		d[1] = (int64_t)n->c * n->h * n->w;
		return 2;
	case BNN_ONNX_NCL:
		d[1] = n->c, d[2] = (int64_t)n->h * n->w;
		return 3;
	case BNN_ONNX_NLC:
		d[1] = (int64_t)n->h * n->w, d[2] = n->c;
		return 3;
	case BNN_ONNX_NCL1:
		d[1] = n->c, d[2] = (int64_t)n->h * n->w, d[3] = 1;
		return 4;
	case BNN_ONNX_GROUP:
		d[1] = n->c / v->group, d[2] = v->group, d[3] = n->h, d[4] = n->w;
		return 5;
	}
	return 0;
}

int bnn_onnx_result_as(struct bnn_onnx_op *op, int t, enum bnn_onnx_layout layout)
{
	if (t < 0)
		return t;
	op->out->kind = BNN_ONNX_TENSOR;
	op->out->tensor = t;
	op->out->layout = layout;
	return 0;
}

int bnn_onnx_result(struct bnn_onnx_op *op, int t, const struct bnn_onnx_value *like)
{
	enum bnn_onnx_layout layout = like->layout;

	op->out->group = like->group;
	return bnn_onnx_result_as(op, t, layout);
}

int bnn_onnx_per_channel(const struct bnn_onnx_op *op, const struct bnn_onnx_const *c,
			 const struct bnn_onnx_value *v, const double **values, uint32_t *n)
{
	const struct bnn_ir_node *x = &op->r->ir.nodes[v->tensor];
	int64_t d[BNN_ONNX_RANK_MAX];
	uint32_t rank = bnn_onnx_shape(op->r, v, d);
	uint32_t axis = v->layout == BNN_ONNX_NHWC ? 3 : v->layout == BNN_ONNX_NLC ? 2 : 1;
	bool channels = v->layout != BNN_ONNX_GROUP &&
			(v->layout != BNN_ONNX_FLAT || (x->h == 1 && x->w == 1));

	*values = c->v;
	*n = 1;
	if (c->count == 1 && c->rank <= rank)
		return 0;
	for (uint32_t i = 0; i < c->rank; i++) {
		int64_t size = c->dims[c->rank - 1 - i];

		if (size == 1)
			continue;
		if (i < rank && rank - 1 - i == axis && channels && size == (int64_t)x->c) {
			*n = x->c;
			continue;
		}
		return bnn_onnx_fail(
			op, BNNACCEL_ERR_UNSUPPORTED,
			"has a constant whose dimension %u is %" PRId64
			"; possible are one number, or one for each of the %u channels "
			"along axis %u of %u",
			c->rank - 1 - i, size, x->c, axis, rank);
	}
	if (c->rank > rank || !c->count)
		return bnn_onnx_fail(
			op, BNNACCEL_ERR_UNSUPPORTED,
			"has a constant of %u dimensions and %zu elements for a tensor "
			"of %u dimensions",
			c->rank, c->count, rank);
	return 0;
}

int bnn_onnx_vector(const struct bnn_onnx_op *op, uint32_t i, uint32_t channels,
		    const double *otherwise, const double **values, uint32_t *n)
{
	const struct bnn_onnx_const *c;
	int rc;

	*values = otherwise;
	*n = 1;
	c = bnn_onnx_constant(op, i, &rc);
	if (rc)
		return rc;
	if (!c)
		return otherwise ? 0
				 : bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL, "lacks input %u", i);
	if (c->count != 1 && c->count != channels)
		return bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL,
				     "has %zu elements in input %u; 1 or %u are possible", c->count,
				     i, channels);
	*values = c->v;
	*n = (uint32_t)c->count;
	return 0;
}

float *bnn_onnx_floats(const struct bnn_onnx_op *op, const double *v, size_t n, int *rc)
{
	float *f = malloc((n ? n : 1) * sizeof(float));

	*rc = 0;
	if (!f)
		*rc = bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	for (size_t i = 0; f && i < n; i++) {
		f[i] = (float)v[i];
		if (isfinite(f[i]))
			continue;
		*rc = bnn_onnx_fail(op, BNNACCEL_ERR_BAD_MODEL,
				    "has a parameter whose element %zu is %s; train it again or "
				    "repair it",
				    i, isnan(v[i]) ? "not a number" : "infinite");
		free(f);
		return NULL;
	}
	return f;
}
