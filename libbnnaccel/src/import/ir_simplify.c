// SPDX-License-Identifier: MIT
/*
 * Before the builder: what nobody reads is left out, a threshold moves to the tensor
 * behind its offset (which others read too), shortcuts take in what an addition of
 * the builder does by itself. Nothing here rounds.
 */
#include <stdlib.h>

#include "ir.h"

static void count_uses(struct bnn_ir *ir)
{
	for (int i = 0; i < ir->count; i++) {
		ir->nodes[i].alive = i == ir->result;
		ir->nodes[i].uses = i == ir->result;
	}
	for (int i = ir->count - 1; i >= 0; i--) {
		for (int k = 0; ir->nodes[i].alive && k < 2; k++) {
			if (ir->nodes[i].in[k] < 0)
				continue;
			ir->nodes[ir->nodes[i].in[k]].alive = true;
			ir->nodes[ir->nodes[i].in[k]].uses++;
		}
	}
}

/* x + b >= 0 is x >= -b: where only the sign reads x + b, but others read x too. */
static void move_threshold(struct bnn_ir *ir, struct bnn_ir_node *n)
{
	const struct bnn_ir_node *x = &ir->nodes[n->in[0]];

	if (x->kind != BNN_IR_AFFINE || x->uses > 1 || !bnn_ir_is(x->a, 1) || !bnn_ir_is(n->a, 0))
		return;
	if (x->b.n != 1) {
		double *t = malloc(x->b.n * sizeof(double));

		if (!t)
			return; /* it works without */
		free(n->a.v);
		n->a.v = t;
	}
	n->a.n = x->b.n;
	for (uint32_t c = 0; c < x->b.n; c++)
		n->a.v[c] = -x->b.v[c];
	n->in[0] = x->in[0];
}

static bool is_2x2_mean(const struct bnn_ir *ir, int i, const struct bnn_ir_node *add)
{
	const struct bnn_ir_node *n = &ir->nodes[i];
	const struct bnn_ir_pool *p = &n->pool;

	return n->kind == BNN_IR_POOL && n->uses == 1 && !p->max && p->kernel_h == 2 &&
	       p->kernel_w == 2 && p->stride_h == 2 && p->stride_w == 2 && p->group == 1 &&
	       p->divisor == 4 && !(p->pad_top | p->pad_left | p->pad_bottom | p->pad_right) &&
	       ir->nodes[n->in[0]].h == 2 * add->h && ir->nodes[n->in[0]].w == 2 * add->w;
}

static void take_shortcut(struct bnn_ir *ir, struct bnn_ir_node *n)
{
	const struct bnn_ir_node *b;
	int swap = n->in[0];
	bool alone = true;

	if (ir->nodes[n->in[0]].kind == BNN_IR_EXTEND ||
	    (ir->nodes[n->in[1]].kind != BNN_IR_EXTEND && is_2x2_mean(ir, n->in[0], n))) {
		n->in[0] = n->in[1];
		n->in[1] = swap;
	}
	b = &ir->nodes[n->in[1]];
	if (b->kind == BNN_IR_EXTEND) {
		alone = b->uses == 1;
		n->flags |= b->zero ? BNNACCEL_ADD_ZERO : 0;
		n->in[1] = b->in[0];
	}
	if (alone && is_2x2_mean(ir, n->in[1], n)) {
		n->flags |= BNNACCEL_ADD_AVG2X2;
		n->in[1] = ir->nodes[n->in[1]].in[0];
	}
}

void bnn_ir_simplify(struct bnn_ir *ir)
{
	count_uses(ir);
	for (int i = 0; i < ir->count; i++) {
		struct bnn_ir_node *n = &ir->nodes[i];

		if (!n->alive)
			continue;
		if (n->kind == BNN_IR_BINARY && !bnn_ir_is_image(ir, i))
			move_threshold(ir, n);
		if (n->kind == BNN_IR_ADD)
			take_shortcut(ir, n);
	}
	count_uses(ir);
}
