// SPDX-License-Identifier: MIT
/* Constructors of operators that combine pixels, channels or tensors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir.h"

/* Rows or columns of a result; 0 where no window fits. */
static uint32_t windows(uint32_t size, uint64_t pad, uint64_t kernel, uint32_t stride,
			uint32_t dilation)
{
	uint64_t reach = (uint64_t)dilation * (kernel - 1) + 1, all = size + pad;

	return !kernel || !stride || all < reach ? 0 : (uint32_t)((all - reach) / stride + 1);
}

int bnn_ir_conv(struct bnn_ir *ir, int in, const struct bnn_ir_conv *conv)
{
	struct bnn_ir_conv c = *conv;
	uint32_t h = 1, w = 1;
	int i = in < 0 ? in : bnn_ir_new(ir, BNN_IR_CONV, in);

	if (i >= 0 && !c.dense) {
		const struct bnn_ir_node *x = &ir->nodes[in];

		h = windows(x->h, (uint64_t)c.pad_top + c.pad_bottom, c.kernel_h, c.stride_h,
			    c.dilation_h);
		w = windows(x->w, (uint64_t)c.pad_left + c.pad_right, c.kernel_w, c.stride_w,
			    c.dilation_w);
	}
	if (i >= 0 && (!h || !w)) {
		ir->count--;
		free(ir->nodes[i].name);
		i = bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
				"has a kernel of %ux%u, which does not fit its input of %ux%u",
				c.kernel_h, c.kernel_w, ir->nodes[in].h, ir->nodes[in].w);
	}
	if (i < 0) {
		free(c.weights);
		free(c.scale);
		free(c.bias);
		free(c.gates);
		return i;
	}
	ir->nodes[i].conv = c;
	ir->nodes[i].h = h;
	ir->nodes[i].w = w;
	ir->nodes[i].c = c.outputs;
	return i;
}

/* Parts x[:, i::step] add up to a sum of channels; with all of them it is a pool. */
static int add_parts(struct bnn_ir *ir, int a, int b)
{
	const struct bnn_ir_node *pa = &ir->nodes[a], *pb = &ir->nodes[b];
	uint64_t mask = pa->part.mask | pb->part.mask;
	uint32_t step = pa->part.step;
	struct bnn_ir_pool pool = { .kernel_h = 1,
				    .kernel_w = 1,
				    .stride_h = 1,
				    .stride_w = 1,
				    .group = step,
				    .divisor = step };
	int i, x = pa->in[0];

	if (pa->part.mask & pb->part.mask)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "adds the same channels of a tensor twice");
	if (mask == (step == 64 ? ~0ull : (1ull << step) - 1))
		return bnn_ir_scalar(ir, bnn_ir_pool(ir, x, &pool), step, 0);
	i = bnn_ir_new(ir, BNN_IR_PART, x);
	if (i >= 0) {
		ir->nodes[i].c = ir->nodes[x].c / step;
		ir->nodes[i].part.step = step;
		ir->nodes[i].part.mask = mask;
	}
	return i;
}

int bnn_ir_add(struct bnn_ir *ir, int a, int b)
{
	const struct bnn_ir_node *x, *y;
	int i;

	if (a < 0 || b < 0)
		return a < 0 ? a : b;
	x = &ir->nodes[a];
	y = &ir->nodes[b];
	if (x->h != y->h || x->w != y->w || x->c != y->c)
		return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
				   "adds tensors of different shapes: %ux%ux%u and %ux%ux%u "
				   "(rows, columns, channels)",
				   x->h, x->w, x->c, y->h, y->w, y->c);
	if (x->kind == BNN_IR_PART && y->kind == BNN_IR_PART && x->in[0] == y->in[0] &&
	    x->part.step == y->part.step)
		return add_parts(ir, a, b);
	i = bnn_ir_new(ir, BNN_IR_ADD, a);
	if (i >= 0)
		ir->nodes[i].in[1] = b;
	return i;
}

int bnn_ir_gate(struct bnn_ir *ir, int in, int gate)
{
	int i;

	if (in < 0 || gate < 0)
		return in < 0 ? in : gate;
	if (ir->nodes[gate].h != 1 || ir->nodes[gate].w != 1 ||
	    ir->nodes[gate].c != ir->nodes[in].c)
		return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
				   "multiplies %u channels by a gate of %ux%ux%u (rows, columns, "
				   "channels)",
				   ir->nodes[in].c, ir->nodes[gate].h, ir->nodes[gate].w,
				   ir->nodes[gate].c);
	i = bnn_ir_new(ir, BNN_IR_GATE, in);
	if (i >= 0)
		ir->nodes[i].in[1] = gate;
	return i;
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-5;
}

/*
 * The y of which g is min(max(y + 3, 0), 6)/6, else -1: scalar maps, one clip,
 * scalar maps, wherever the factors stand.
 */
static int hard_sigmoid_of(const struct bnn_ir *ir, int g)
{
	double s = 1, b = 0, lo, hi;
	bool clipped = false;

	for (;;) {
		const struct bnn_ir_node *n = &ir->nodes[g];
		double scale;

		if (clipped && near(s, 1.0 / 6) && near(b, 0.5))
			return g;
		if (n->kind == BNN_IR_CLIP && !clipped) {
			lo = s * n->lo + b;
			hi = s * n->hi + b;
			if (!near(lo, 0) || !near(hi, 1))
				return -1;
			clipped = true;
		} else if (n->kind == BNN_IR_AFFINE && n->a.n == 1 && n->b.n == 1) {
			scale = n->divide ? 1 / n->a.v[0] : n->a.v[0];
			b += s * n->b.v[0];
			s *= scale;
		} else {
			return -1;
		}
		g = n->in[0];
	}
}

int bnn_ir_multiply(struct bnn_ir *ir, int a, int b)
{
	for (int swap = 0; a >= 0 && b >= 0 && swap < 2; swap++) {
		const struct bnn_ir_node *x = &ir->nodes[swap ? b : a];
		const struct bnn_ir_node *g = &ir->nodes[swap ? a : b];
		int y = hard_sigmoid_of(ir, swap ? a : b), product;

		if (bnn_ir_product(ir, swap ? b : a, swap ? a : b, &product))
			return product;
		if (y >= 0 && g->h == 1 && g->w == 1)
			return bnn_ir_gate(ir, swap ? b : a, y);
		/* x*(x >= 0) */
		if (g->kind == BNN_IR_BINARY && g->in[0] == (swap ? b : a) && bnn_ir_is(g->a, 0)) {
			double lo = g->lo, hi = g->hi;

			return bnn_ir_bend(ir, swap ? b : a, &lo, 1, &hi, 1);
		}
		(void)x;
	}
	return a < 0   ? a
	       : b < 0 ? b
		       : bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				     "multiplies two tensors; possible are constants and the gate "
				     "of a squeeze-and-excite: HardSigmoid (alpha 1/6) of a tensor "
				     "of one pixel; GELU, x*(1 + Erf(x/sqrt 2)); x*Sigmoid(x)");
}

int bnn_ir_pool(struct bnn_ir *ir, int in, const struct bnn_ir_pool *pool)
{
	struct bnn_ir_pool p = *pool;
	const struct bnn_ir_node *x;
	uint32_t h, w, c;
	int i;

	if (in < 0)
		return in;
	x = &ir->nodes[in];
	c = x->c;
	if (x->kind == BNN_IR_EXTEND && p.group == 1) {
		bool is_zero = x->zero;

		return bnn_ir_extend(ir, bnn_ir_pool(ir, x->in[0], pool), c, is_zero);
	}
	if (x->kind == BNN_IR_PAD && !p.max && x->pad.value == 0) {
		p.pad_top += x->pad.top;
		p.pad_left += x->pad.left;
		p.pad_bottom += x->pad.bottom;
		p.pad_right += x->pad.right;
		in = x->in[0];
		x = &ir->nodes[in];
	}
	h = windows(x->h, (uint64_t)p.pad_top + p.pad_bottom, p.kernel_h, p.stride_h, 1);
	w = windows(x->w, (uint64_t)p.pad_left + p.pad_right, p.kernel_w, p.stride_w, 1);
	if (!h || !w || !p.group || x->c % p.group)
		return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
				   "has a window of %ux%ux%u, which does not fit its input of "
				   "%ux%ux%u (rows, columns, channels)",
				   p.kernel_h, p.kernel_w, p.group, x->h, x->w, x->c);
	c = x->c / p.group;
	/* the mean over everything is taken from exact sums */
	if (!p.max && p.kernel_h == x->h && p.kernel_w == x->w && h == 1 && w == 1 &&
	    p.group == 1 && x->h * x->w > 1 && p.divisor == p.kernel_h * p.kernel_w &&
	    !(p.pad_top | p.pad_left | p.pad_bottom | p.pad_right))
		return bnn_ir_mean(ir, in);
	i = bnn_ir_new(ir, BNN_IR_POOL, in);
	if (i < 0)
		return i;
	ir->nodes[i].pool = p;
	ir->nodes[i].h = h;
	ir->nodes[i].w = w;
	ir->nodes[i].c = c;
	return i;
}

int bnn_ir_mean(struct bnn_ir *ir, int in)
{
	int i;

	/* of one pixel it is the pixel */
	if (in < 0 || (ir->nodes[in].h == 1 && ir->nodes[in].w == 1))
		return in;
	i = bnn_ir_new(ir, BNN_IR_MEAN, in);
	if (i >= 0)
		ir->nodes[i].h = ir->nodes[i].w = 1;
	return i;
}

int bnn_ir_pad(struct bnn_ir *ir, int in, uint32_t top, uint32_t left, uint32_t bottom,
	       uint32_t right, double value)
{
	const struct bnn_ir_node *x;
	int i;

	if (in < 0 || !(top | left | bottom | right))
		return in;
	x = &ir->nodes[in];
	if (top > 64 || left > 64 || bottom > 64 || right > 64)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "pads by more than 64 rows or columns");
	if (!isfinite(value))
		return bnn_ir_fail(
			ir, BNNACCEL_ERR_UNSUPPORTED,
			"pads with a value that is not finite; give MaxPool pads instead");
	if (x->kind == BNN_IR_EXTEND && (value == 0 || !x->zero)) {
		uint32_t c = x->c;
		bool is_zero = x->zero;

		return bnn_ir_extend(ir, bnn_ir_pad(ir, x->in[0], top, left, bottom, right, value),
				     c, is_zero);
	}
	if (x->kind == BNN_IR_PAD && x->pad.value == value) {
		top += x->pad.top;
		left += x->pad.left;
		bottom += x->pad.bottom;
		right += x->pad.right;
		in = x->in[0];
	}
	i = bnn_ir_new(ir, BNN_IR_PAD, in);
	if (i < 0)
		return i;
	ir->nodes[i].h += top + bottom;
	ir->nodes[i].w += left + right;
	ir->nodes[i].pad.top = top;
	ir->nodes[i].pad.left = left;
	ir->nodes[i].pad.bottom = bottom;
	ir->nodes[i].pad.right = right;
	ir->nodes[i].pad.value = value;
	return i;
}

int bnn_ir_part(struct bnn_ir *ir, int in, uint32_t start, uint32_t step)
{
	int i;

	if (in < 0)
		return in;
	if (step < 2 || step > 64 || start >= step || ir->nodes[in].c % step)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "takes every %uth channel of %u from %u on; possible are steps "
				   "of 2 to 64 that divide the channels",
				   step, ir->nodes[in].c, start);
	i = bnn_ir_new(ir, BNN_IR_PART, in);
	if (i >= 0) {
		ir->nodes[i].c /= step;
		ir->nodes[i].part.step = step;
		ir->nodes[i].part.mask = 1ull << start;
	}
	return i;
}

int bnn_ir_codes(struct bnn_ir *ir, int in, enum bnnaccel_codes codes, float range, bool down,
		 bool symmetric, bool real)
{
	static const struct {
		uint16_t most;
		char kind;
	} kinds[] = {
		[BNNACCEL_CODES_ODD2] = { 3, 'o' },	   [BNNACCEL_CODES_ODD4] = { 15, 'o' },
		[BNNACCEL_CODES_ODD8] = { 255, 'o' },	   [BNNACCEL_CODES_UNSIGNED4] = { 15, 'u' },
		[BNNACCEL_CODES_UNSIGNED8] = { 255, 'u' }, [BNNACCEL_CODES_SIGNED4] = { 7, 's' },
		[BNNACCEL_CODES_SIGNED8] = { 127, 's' },
	};
	double m = kinds[codes].most, r = (double)range, unit = r / (down ? m + 1 : m);
	char kind = kinds[codes].kind;
	int i;

	if (in < 0)
		return in;
	if (!isfinite(range) || range <= 0)
		return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
				   "has a range of %g; it must be positive", r);
	if (down && kind != 'u')
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "rounds down to codes that are not unsigned");
	i = bnn_ir_new(ir, BNN_IR_STEPS, in);
	if (i < 0)
		return i;
	ir->nodes[i].steps.codes = (int)codes;
	ir->nodes[i].steps.bound = r;
	ir->nodes[i].steps.scale = kind == 'o' ? m / (2 * r) : 1 / unit;
	ir->nodes[i].steps.offset = kind == 'o' ? m / 2 + 0.5 : down ? 0 : 0.5;
	ir->nodes[i].steps.first = kind == 's' ? symmetric ? -m : -m - 1 : 0;
	ir->nodes[i].steps.last = m;
	/* a symmetric range is a clip that the file means; see bnn_ir_emit_steps() */
	ir->nodes[i].steps.clipped = symmetric || kind == 'u';
	ir->nodes[i].steps.alpha = (real ? unit : 1) * (kind == 'o' ? 2 : 1);
	ir->nodes[i].steps.beta = kind == 'o' ? -m * (real ? unit : 1) : 0;
	return i;
}

int bnn_ir_thermometer(struct bnn_ir *ir, int in, const uint8_t *table, uint32_t tables,
		       uint32_t levels)
{
	int i;

	if (in < 0)
		return in;
	if (!bnn_ir_is_image(ir, in) || ir->nodes[in].kind != BNN_IR_IMAGE)
		return bnn_ir_fail(
			ir, BNNACCEL_ERR_UNSUPPORTED,
			"does not read the input itself; give it the bytes of the image");
	if (levels < 1 || levels > 255 || levels * ir->nodes[in].c > 8192 ||
	    (tables != 1 && tables != ir->nodes[in].c))
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "has %u levels and %u tables for %u colours; 1 to 255 levels, "
				   "8192 channels and 1 table or one per colour are possible",
				   levels, tables, ir->nodes[in].c);
	i = bnn_ir_new(ir, BNN_IR_THERMOMETER, in);
	if (i < 0)
		return i;
	ir->nodes[i].c *= levels;
	ir->nodes[i].thermo.levels = levels;
	ir->nodes[i].thermo.tables = tables;
	ir->nodes[i].thermo.table = malloc(256 * (size_t)tables);
	if (!ir->nodes[i].thermo.table)
		return bnn_ir_fail(ir, BNNACCEL_ERR_MEMORY, "out of memory");
	memcpy(ir->nodes[i].thermo.table, table, 256 * (size_t)tables);
	return i;
}

int bnn_ir_bitplanes(struct bnn_ir *ir, int in)
{
	int i;

	if (in < 0)
		return in;
	if (ir->nodes[in].kind != BNN_IR_IMAGE || ir->nodes[in].c > 1024)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "does not read the input itself, or it has more than 1024 "
				   "colours; give it the bytes of the image");
	i = bnn_ir_new(ir, BNN_IR_BITPLANES, in);
	if (i >= 0)
		ir->nodes[i].c *= 8;
	return i;
}
