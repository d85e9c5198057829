// SPDX-License-Identifier: MIT
/* What networks of tokens have (MLP-Mixer): exchanged axes, layer normalisation, GELU. */
#include <math.h>

#include "ir.h"

int bnn_ir_transpose(struct bnn_ir *ir, int in, uint32_t rows)
{
	const struct bnn_ir_node *x;
	int i;

	if (in < 0)
		return in;
	x = &ir->nodes[in];
	/* back to what it was */
	if (x->kind == BNN_IR_TRANSPOSE && ir->nodes[x->in[0]].h == rows)
		return x->in[0];
	if (!rows || x->c % rows || (uint64_t)x->h * x->w > 8192)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "makes %u channels of pixels in %u rows; 8192 channels and "
				   "rows of equal length are possible",
				   x->h * x->w, rows);
	i = bnn_ir_new(ir, BNN_IR_TRANSPOSE, in);
	if (i >= 0) {
		ir->nodes[i].h = rows;
		ir->nodes[i].w = x->c / rows;
		ir->nodes[i].c = x->h * x->w;
	}
	return i;
}

int bnn_ir_normalise(struct bnn_ir *ir, int in, const double *scale, uint32_t scales,
		     const double *offset, uint32_t offsets, float epsilon)
{
	int i = bnn_ir_affine_as(ir, BNN_IR_NORMALISE, in, scale, scales, offset, offsets);

	if (i >= 0)
		ir->nodes[i].epsilon = epsilon;
	return i;
}

int bnn_ir_function(struct bnn_ir *ir, int in, enum bnnaccel_function function)
{
	int i = bnn_ir_new(ir, BNN_IR_FUNCTION, in);

	if (i >= 0)
		ir->nodes[i].function = function;
	return i;
}

int bnn_ir_erf(struct bnn_ir *ir, int in)
{
	return bnn_ir_new(ir, BNN_IR_ERF, in);
}

/* The tensor that x is a multiple of, *factor times: itself if no other. */
static int multiple(const struct bnn_ir *ir, int x, double *factor)
{
	for (*factor = 1;;) {
		const struct bnn_ir_node *n = &ir->nodes[x];

		if (n->kind != BNN_IR_AFFINE || n->a.n != 1 || !bnn_ir_is(n->b, 0))
			return x;
		*factor = n->divide ? *factor / n->a.v[0] : *factor * n->a.v[0];
		x = n->in[0];
	}
}

/* x*(1 + erf(x/sqrt 2)), where the factors on both sides are 1 and one half in all. */
static int gelu(struct bnn_ir *ir, int x, int g)
{
	double outer, inner, mine;
	int y = multiple(ir, g, &outer), z;

	if (ir->nodes[y].kind != BNN_IR_AFFINE || !bnn_ir_is(ir->nodes[y].a, 1) ||
	    !bnn_ir_is(ir->nodes[y].b, 1) || ir->nodes[ir->nodes[y].in[0]].kind != BNN_IR_ERF)
		return -1;
	z = multiple(ir, ir->nodes[ir->nodes[y].in[0]].in[0], &inner);
	x = multiple(ir, x, &mine);
	if (x != z || fabs(inner - sqrt(0.5)) > 1e-6)
		return -1;
	return bnn_ir_scalar(ir, bnn_ir_function(ir, x, BNNACCEL_GELU), 2 * outer * mine, 0);
}

bool bnn_ir_product(struct bnn_ir *ir, int x, int g, int *result)
{
	const struct bnn_ir_node *n = &ir->nodes[g];

	if (n->kind == BNN_IR_FUNCTION && n->function == BNNACCEL_SIGMOID && n->in[0] == x)
		*result = bnn_ir_function(ir, x, BNNACCEL_SILU);
	else
		*result = gelu(ir, x, g);
	return *result >= 0;
}
