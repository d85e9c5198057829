// SPDX-License-Identifier: MIT
/* Layer normalisation and functions of one variable. */
#include <inttypes.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "read.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED

int bnn_onnx_layer_norm(struct bnn_onnx_op *op)
{
	static const double zero;
	const double *scale, *offset;
	int64_t axis, d[BNN_ONNX_RANK_MAX];
	uint32_t rank, c, scales, offsets;
	float epsilon;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);
	const struct bnn_ir_node *n;

	if (!x)
		return rc;
	n = &op->r->ir.nodes[x->tensor];
	rank = bnn_onnx_shape(op->r, x, d);
	c = n->c;
	rc = bnn_onnx_int(op, "axis", -1, &axis);
	if (!rc)
		rc = bnn_onnx_float(op, "epsilon", 1e-5f, &epsilon);
	if (!rc)
		rc = bnn_onnx_vector(op, 1, c, NULL, &scale, &scales);
	if (!rc)
		rc = bnn_onnx_vector(op, 2, c, &zero, &offset, &offsets);
	if (rc)
		return rc;
	axis += axis < 0 ? rank : 0;
	if (axis != rank - 1 || (x->layout != BNN_ONNX_NLC && x->layout != BNN_ONNX_NHWC &&
				 (x->layout != BNN_ONNX_FLAT || n->h * n->w > 1)))
		return bnn_onnx_fail(op, UNSUPPORTED,
				     "normalises axis %" PRId64
				     " of %u; the last one is possible, if it has the channels "
				     "([N, pixels, channels])",
				     axis, rank);
	return bnn_onnx_result(
		op,
		bnn_ir_normalise(&op->r->ir, x->tensor, scale, scales, offset, offsets, epsilon),
		x);
}

int bnn_onnx_function(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	char approximate[16];
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	if (!strcmp(op->name, "Erf"))
		return bnn_onnx_result(op, bnn_ir_erf(ir, x->tensor), x);
	if (!strcmp(op->name, "Sigmoid"))
		return bnn_onnx_result(op, bnn_ir_function(ir, x->tensor, BNNACCEL_SIGMOID), x);
	if (!strcmp(op->name, "Tanh"))
		return bnn_onnx_result(op, bnn_ir_function(ir, x->tensor, BNNACCEL_TANH), x);
	rc = bnn_onnx_word(op, "approximate", approximate, sizeof(approximate));
	if (rc)
		return rc;
	if (approximate[0] && strcmp(approximate, "none"))
		return bnn_onnx_fail(op, UNSUPPORTED, "is approximate (\"%s\"); none is possible",
				     approximate);
	return bnn_onnx_result(op, bnn_ir_function(ir, x->tensor, BNNACCEL_GELU), x);
}
