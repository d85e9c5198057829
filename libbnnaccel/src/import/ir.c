// SPDX-License-Identifier: MIT
#include "ir.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bnn_note(struct bnn_notes *notes, const char *format, ...)
{
	char line[512], *text;
	va_list args;
	size_t n;

	if (!notes)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	n = strlen(line);
	line[n++] = '\n';
	text = realloc(notes->text, notes->len + n + 1);
	if (!text)
		return; /* a report is not worth a failure */
	memcpy(text + notes->len, line, n);
	notes->text = text;
	notes->len += n;
	text[notes->len] = 0;
}

int bnn_ir_fail(struct bnn_ir *ir, int code, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return bnn_fail(ir->error, code, "%.96s: %s%s%s", ir->path, ir->where,
			ir->where[0] ? " " : "", text);
}

static void free_node(struct bnn_ir_node *n)
{
	free(n->name);
	free(n->a.v);
	free(n->b.v);
	if (n->kind == BNN_IR_CONV) {
		free(n->conv.weights);
		free(n->conv.scale);
		free(n->conv.bias);
		free(n->conv.gates);
	}
	if (n->kind == BNN_IR_THERMOMETER)
		free(n->thermo.table);
}

void bnn_ir_free(struct bnn_ir *ir)
{
	for (int i = 0; i < ir->count; i++)
		free_node(&ir->nodes[i]);
	free(ir->nodes);
	free(ir->column);
	for (uint32_t i = 0; ir->labels && i < ir->label_count; i++)
		free(ir->labels[i]);
	free(ir->labels);
}

int bnn_ir_new(struct bnn_ir *ir, enum bnn_ir_kind kind, int in)
{
	struct bnn_ir_node *n;

	if (in < 0 && kind != BNN_IR_IMAGE)
		return in;
	if ((uint32_t)ir->count >= ir->nodes_max)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "is the %uth operator; more are not possible",
				   ir->nodes_max + 1);
	/* once and for all, so that pointers to nodes stay valid */
	if (!ir->nodes)
		ir->nodes = malloc(ir->nodes_max * sizeof(*n));
	if (!ir->nodes)
		return bnn_ir_fail(ir, BNNACCEL_ERR_MEMORY, "out of memory");
	n = &ir->nodes[ir->count];
	*n = (struct bnn_ir_node){ .kind = kind, .in = { in, -1 }, .id = -1, .flat_id = -1 };
	n->name = strdup(ir->label);
	if (!n->name)
		return bnn_ir_fail(ir, BNNACCEL_ERR_MEMORY, "out of memory");
	if (in >= 0) {
		n->h = ir->nodes[in].h;
		n->w = ir->nodes[in].w;
		n->c = ir->nodes[in].c;
	}
	return ir->count++;
}

int bnn_ir_param(struct bnn_ir *ir, struct bnn_ir_param *p, const double *v, uint32_t n)
{
	bool same = true;

	for (uint32_t i = 0; i < n; i++) {
		if (!isfinite(v[i]))
			return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
					   "has a parameter whose element %u is %s; train it again "
					   "or repair it",
					   i, isnan(v[i]) ? "not a number" : "infinite");
		if (fabs(v[i]) > 3.4e38)
			return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
					   "has a parameter whose element %u is %g, beyond float32",
					   i, v[i]);
		same &= v[i] == v[0];
	}
	n = same && n ? 1 : n;
	if (ir->left < n)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "has more parameters than an import may make");
	ir->left -= n;
	p->v = malloc((n ? n : 1) * sizeof(double));
	if (!p->v)
		return bnn_ir_fail(ir, BNNACCEL_ERR_MEMORY, "out of memory");
	memcpy(p->v, v, n * sizeof(double));
	p->n = n;
	return 0;
}

bool bnn_ir_is(struct bnn_ir_param p, double value)
{
	for (uint32_t i = 0; i < p.n; i++) {
		if (p.v[i] != value)
			return false;
	}
	return true;
}

int bnn_ir_image(struct bnn_ir *ir, uint32_t h, uint32_t w, uint32_t c, bool planar)
{
	int i = bnn_ir_new(ir, BNN_IR_IMAGE, -1);

	if (i < 0)
		return i;
	ir->nodes[i].h = h;
	ir->nodes[i].w = w;
	ir->nodes[i].c = c;
	ir->nodes[i].planar = planar;
	return i;
}

int bnn_ir_affine_as(struct bnn_ir *ir, enum bnn_ir_kind kind, int in, const double *a, uint32_t an,
		     const double *b, uint32_t bn)
{
	struct bnn_ir_param pa = { NULL, 0 }, pb = { NULL, 0 };
	int i = in < 0 ? in : 0;

	if (in >= 0 && ((an != 1 && an != ir->nodes[in].c) || (bn != 1 && bn != ir->nodes[in].c)))
		i = bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
				"has parameters of %u and %u elements for %u channels", an, bn,
				ir->nodes[in].c);
	if (!i)
		i = bnn_ir_param(ir, &pa, a, an);
	if (!i)
		i = bnn_ir_param(ir, &pb, b, bn);
	if (!i)
		i = bnn_ir_new(ir, kind, in);
	if (i < 0) {
		free(pa.v);
		free(pb.v);
		return i;
	}
	ir->nodes[i].a = pa;
	ir->nodes[i].b = pb;
	return i;
}

static const double one = 1, zero = 0;

static int affine_of_binary(struct bnn_ir *ir, int in, double a, double b)
{
	const struct bnn_ir_node x = ir->nodes[in];
	int i = bnn_ir_affine_as(ir, BNN_IR_BINARY, x.in[0], x.a.v, x.a.n, &zero, 1);

	if (i < 0)
		return i;
	ir->nodes[i].lo = x.lo * a + b;
	ir->nodes[i].hi = x.hi * a + b;
	ir->nodes[i].strict = x.strict;
	return i;
}

static int affine_of_steps(struct bnn_ir *ir, int in, double a, double b)
{
	int i = bnn_ir_new(ir, BNN_IR_STEPS, ir->nodes[in].in[0]);

	if (i < 0)
		return i;
	ir->nodes[i].steps = ir->nodes[in].steps;
	ir->nodes[i].steps.alpha *= a;
	ir->nodes[i].steps.beta = ir->nodes[i].steps.beta * a + b;
	return i;
}

int bnn_ir_affine(struct bnn_ir *ir, int in, const double *a, uint32_t an, const double *b,
		  uint32_t bn, bool divide)
{
	const struct bnn_ir_node *x;
	int i;

	if (in < 0)
		return in;
	x = &ir->nodes[in];
	if (!a)
		a = &one, an = 1;
	if (!b)
		b = &zero, bn = 1;
	for (uint32_t c = 0; divide && c < an; c++) {
		if (a[c] == 0)
			return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL, "divides by 0 (element %u)",
					   c);
	}
	if (an == 1 && bn == 1 && *a == 1 && *b == 0)
		return in;
	if (an == 1 && bn == 1 && isfinite(*a) && isfinite(*b)) {
		double scale = divide ? 1 / *a : *a;

		if (x->kind == BNN_IR_BINARY)
			return affine_of_binary(ir, in, scale, *b);
		if (x->kind == BNN_IR_STEPS)
			return affine_of_steps(ir, in, scale, *b);
		/* the sum of k parts, divided by k; twice a GELU, halved */
		if (x->kind == BNN_IR_AFFINE && !x->divide && *b == 0 && bnn_ir_is(x->b, 0) &&
		    x->a.n == 1 &&
		    (ir->nodes[x->in[0]].kind == BNN_IR_POOL ||
		     ir->nodes[x->in[0]].kind == BNN_IR_FUNCTION) &&
		    fabs(x->a.v[0] * scale - 1) < 1e-6)
			return x->in[0];
	}
	i = bnn_ir_affine_as(ir, BNN_IR_AFFINE, in, a, an, b, bn);
	if (i >= 0)
		ir->nodes[i].divide = divide;
	return i;
}

int bnn_ir_scalar(struct bnn_ir *ir, int in, double a, double b)
{
	return bnn_ir_affine(ir, in, &a, 1, &b, 1, false);
}

int bnn_ir_bend(struct bnn_ir *ir, int in, const double *below, uint32_t below_n,
		const double *above, uint32_t above_n)
{
	return bnn_ir_affine_as(ir, BNN_IR_BEND, in, below ? below : &one, below ? below_n : 1,
				above ? above : &one, above ? above_n : 1);
}

int bnn_ir_clip(struct bnn_ir *ir, int in, double lo, double hi)
{
	int i;

	if (in < 0)
		return in;
	if (isnan(lo) || isnan(hi) || lo >= hi)
		return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL, "clips from %g to %g", lo, hi);
	if (lo == 0 && isinf(hi))
		return bnn_ir_bend(ir, in, &zero, 1, NULL, 0);
	if (hi == 0 && isinf(lo))
		return bnn_ir_bend(ir, in, NULL, 0, &zero, 1);
	if (ir->nodes[in].kind == BNN_IR_STEPS && ir->nodes[in].steps.alpha == 1 &&
	    ir->nodes[in].steps.beta == 0) {
		i = bnn_ir_new(ir, BNN_IR_STEPS, ir->nodes[in].in[0]);
		if (i < 0)
			return i;
		ir->nodes[i].steps = ir->nodes[in].steps;
		ir->nodes[i].steps.first = fmax(ir->nodes[i].steps.first, ceil(lo));
		ir->nodes[i].steps.last = fmin(ir->nodes[i].steps.last, floor(hi));
		ir->nodes[i].steps.clipped = true;
		return i;
	}
	i = bnn_ir_new(ir, BNN_IR_CLIP, in);
	if (i >= 0) {
		ir->nodes[i].lo = lo;
		ir->nodes[i].hi = hi;
	}
	return i;
}

/* Whether x is max(y, 0). */
static bool is_relu(const struct bnn_ir_node *x)
{
	return x->kind == BNN_IR_BEND && bnn_ir_is(x->a, 0) && bnn_ir_is(x->b, 1);
}

/*
 * floor of scalar maps, clips and a ReLU, the deepest clip being the last that is
 * taken in: what is before it belongs to the network.
 */
int bnn_ir_floor(struct bnn_ir *ir, int in)
{
	double s = 1, b = 0, first = -INFINITY, last = INFINITY, bound = 0;
	double clip_s = 1, clip_b = 0;
	int x = in, clip = -1, i;

	if (in < 0)
		return in;
	for (;;) {
		const struct bnn_ir_node *n = &ir->nodes[x];

		if (n->kind == BNN_IR_AFFINE && n->a.n == 1 && n->b.n == 1 &&
		    (n->divide ? 1 / n->a.v[0] : n->a.v[0]) > 0) {
			b += s * n->b.v[0];
			s = n->divide ? s / n->a.v[0] : s * n->a.v[0];
		} else if (n->kind == BNN_IR_CLIP || is_relu(n)) {
			double lo = n->kind == BNN_IR_CLIP ? n->lo : 0;
			double hi = n->kind == BNN_IR_CLIP ? n->hi : (double)INFINITY;

			first = fmax(first, floor(s * lo + b));
			last = fmin(last, floor(s * hi + b));
			bound = isfinite(hi) ? hi : bound;
			clip = n->in[0];
			clip_s = s;
			clip_b = b;
		} else {
			break;
		}
		x = n->in[0];
	}
	if (clip >= 0)
		x = clip, s = clip_s, b = clip_b;
	i = bnn_ir_new(ir, BNN_IR_STEPS, x);
	if (i < 0)
		return i;
	ir->nodes[i].steps.scale = s;
	ir->nodes[i].steps.offset = b;
	ir->nodes[i].steps.first = first;
	ir->nodes[i].steps.last = last;
	ir->nodes[i].steps.alpha = 1;
	ir->nodes[i].steps.bound = bound;
	ir->nodes[i].steps.clipped = clip >= 0;
	ir->nodes[i].steps.codes = -1;
	return i;
}

int bnn_ir_compare(struct bnn_ir *ir, int in, const double *t, uint32_t n, bool strict, double lo,
		   double hi)
{
	int i;

	if (in < 0)
		return in;
	/* the sign of what lies outside moves behind the sign */
	if (ir->nodes[in].kind == BNN_IR_PAD && n == 1) {
		const struct bnn_ir_node pad = ir->nodes[in];
		bool above = strict ? pad.pad.value > *t : pad.pad.value >= *t;

		i = bnn_ir_compare(ir, pad.in[0], t, n, strict, lo, hi);
		return bnn_ir_pad(ir, i, pad.pad.top, pad.pad.left, pad.pad.bottom, pad.pad.right,
				  above ? hi : lo);
	}
	i = bnn_ir_affine_as(ir, BNN_IR_BINARY, in, t, n, &zero, 1);
	if (i >= 0) {
		ir->nodes[i].strict = strict;
		ir->nodes[i].lo = lo;
		ir->nodes[i].hi = hi;
	}
	return i;
}

/* The slope by which `y` is a multiple of tensor x: y is x, x*a, or a constant 0. */
static bool multiple_of(const struct bnn_ir *ir, int y, double value, int x, const double **slope,
			uint32_t *n)
{
	const struct bnn_ir_node *node;

	*n = 1;
	if (y < 0) {
		*slope = &zero;
		return value == 0;
	}
	*slope = &one;
	if (y == x)
		return true;
	node = &ir->nodes[y];
	if (node->kind != BNN_IR_AFFINE || node->in[0] != x || node->divide ||
	    !bnn_ir_is(node->b, 0))
		return false;
	*slope = node->a.v;
	*n = node->a.n;
	return true;
}

int bnn_ir_select(struct bnn_ir *ir, int condition, int yes, double yes_value, int no,
		  double no_value)
{
	const struct bnn_ir_node *c;
	const double *above, *below;
	uint32_t above_n, below_n;
	bool inverted;

	if (condition < 0)
		return condition;
	c = &ir->nodes[condition];
	if (c->kind != BNN_IR_BINARY || c->lo + c->hi != 1 || c->lo * c->hi != 0)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "chooses by something that is no compare of a tensor with a "
				   "constant");
	inverted = c->lo == 1;
	if (yes < 0 && no < 0)
		return affine_of_binary(ir, condition, yes_value - no_value, no_value);
	if (!bnn_ir_is(c->a, 0) ||
	    !multiple_of(ir, inverted ? no : yes, inverted ? no_value : yes_value, c->in[0], &above,
			 &above_n) ||
	    !multiple_of(ir, inverted ? yes : no, inverted ? yes_value : no_value, c->in[0], &below,
			 &below_n))
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "is neither Where(x >= t, constant, constant) nor "
				   "Where(x >= 0, a*x, b*x) with one tensor x");
	return bnn_ir_bend(ir, c->in[0], below, below_n, above, above_n);
}

int bnn_ir_extend(struct bnn_ir *ir, int in, uint32_t channels, bool is_zero)
{
	int i;

	if (in < 0 || channels == ir->nodes[in].c)
		return in;
	if (channels < ir->nodes[in].c || channels > 65536 ||
	    (!is_zero && channels % ir->nodes[in].c))
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "cannot make %u channels of %u by %s", channels, ir->nodes[in].c,
				   is_zero ? "appending zeros" : "repeating them");
	i = bnn_ir_new(ir, BNN_IR_EXTEND, in);
	if (i >= 0) {
		ir->nodes[i].c = channels;
		ir->nodes[i].zero = is_zero;
	}
	return i;
}
