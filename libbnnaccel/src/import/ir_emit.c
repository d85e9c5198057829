// SPDX-License-Identifier: MIT
/* Writes the operators of the builder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir.h"

float *bnn_ir_floats(const struct bnn_ir_node *n, struct bnn_ir_param p, bool inverse, double sign)
{
	float *f = malloc(n->c * sizeof(float));

	for (uint32_t c = 0; f && c < n->c; c++) {
		double v = p.v[p.n == 1 ? 0 : c];

		f[c] = (float)(sign * (inverse ? 1 / v : v));
	}
	return f;
}

static int memory(struct bnn_ir *ir)
{
	return bnn_ir_fail(ir, BNNACCEL_ERR_MEMORY, "out of memory");
}

/* The builder's id of a tensor that an operator reads as real numbers. */
static int real(struct bnn_ir *ir, int in)
{
	static const char *const what[] = {
		[BNN_IR_IMAGE] = "is the image itself",
		[BNN_IR_BINARY] = "has two values only",
		[BNN_IR_STEPS] = "is quantised",
		[BNN_IR_EXTEND] = "has repeated or zero channels, which only an Add can read",
		[BNN_IR_PAD] = "is padded, which only a convolution or a pool can read",
		[BNN_IR_PART] = "is a part of channels, of which only the sum of all, divided by "
				"their number, can be read",
		[BNN_IR_THERMOMETER] = "consists of signs",
		[BNN_IR_BITPLANES] = "consists of signs",
		[BNN_IR_ERF] = "is Erf, which is possible in a GELU x*(1 + Erf(x/sqrt 2)) only",
	};
	const struct bnn_ir_node *n = &ir->nodes[in];
	const char *text = n->kind < sizeof(what) / sizeof(what[0]) ? what[n->kind] : NULL;

	if (bnn_ir_is_image(ir, in) && !text)
		text = "is computed from the image without a convolution";
	if (text)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "reads tensor \"%.60s\" as real numbers, but it %s%s", n->name,
				   text,
				   n->kind == BNN_IR_BINARY || n->kind == BNN_IR_STEPS
					   ? "; only a convolution or a dense layer can read it"
					   : "");
	return n->id;
}

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-4 * fmax(1, fabs(b));
}

/*
 * Which codes of the builder the steps are. q has the values first to last;
 * q = floor(x*scale + offset).
 */
int bnn_ir_code_kind(struct bnn_ir *ir, int i, enum bnnaccel_codes *codes, float *range, bool *down,
		     double *factor)
{
	static const struct {
		enum bnnaccel_codes codes;
		double first, last;
	} ways[] = {
		{ BNNACCEL_CODES_UNSIGNED4, 0, 15 },   { BNNACCEL_CODES_UNSIGNED8, 0, 255 },
		{ BNNACCEL_CODES_SIGNED4, -7, 7 },     { BNNACCEL_CODES_SIGNED4, -8, 7 },
		{ BNNACCEL_CODES_SIGNED8, -127, 127 }, { BNNACCEL_CODES_SIGNED8, -128, 127 },
		{ BNNACCEL_CODES_ODD2, 0, 3 },	       { BNNACCEL_CODES_ODD4, 0, 15 },
		{ BNNACCEL_CODES_ODD8, 0, 255 },
	};
	const struct bnn_ir_node *n = &ir->nodes[i];
	double b = n->steps.offset, s = n->steps.scale;

	for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
		double m = ways[k].last, r;
		bool odd = ways[k].codes <= BNNACCEL_CODES_ODD8;

		if (n->steps.first != ways[k].first || n->steps.last != m ||
		    (n->steps.codes >= 0 && n->steps.codes != (int)ways[k].codes))
			continue;
		*down = !odd && ways[k].first == 0 && near(b, 0);
		if (!*down && !near(b, odd ? m / 2 + 0.5 : 0.5))
			continue;
		if (odd ? !near(n->steps.beta, -n->steps.alpha * m / 2) : n->steps.beta != 0)
			continue;
		r = odd ? m / (2 * s) : (m + *down) / s;
		/* the bound of the file, where it is the same but for rounding */
		if (n->steps.bound > 0 && near(r / n->steps.bound, 1))
			r = n->steps.bound;
		*codes = ways[k].codes;
		*range = (float)r;
		*factor = odd ? n->steps.alpha / 2 : n->steps.alpha;
		return 0;
	}
	return bnn_ir_fail(
		ir, BNNACCEL_ERR_UNSUPPORTED,
		"makes codes %g to %g as floor(x*%g + %g), read as %g*code + %g; possible "
		"are 0 to 15 or 255, -7 or -8 to 7, -127 or -128 to 127 with offset 0.5 "
		"(unsigned ones also 0), and odd codes",
		n->steps.first, n->steps.last, s, b, n->steps.alpha, n->steps.beta);
}

/* A clip that the file means is made before the code, so that it does not count as an accident. */
static int emit_steps(struct bnn_ir *ir, struct bnnaccel_graph *g, int i)
{
	const struct bnn_ir_node *n = &ir->nodes[i];
	enum bnnaccel_codes codes;
	double factor;
	float range;
	bool down, is_signed;
	int x, rc = bnn_ir_code_kind(ir, i, &codes, &range, &down, &factor);

	x = rc ? rc : real(ir, n->in[0]);
	if (x < 0)
		return x;
	is_signed = codes == BNNACCEL_CODES_SIGNED4 || codes == BNNACCEL_CODES_SIGNED8;
	if (n->steps.clipped && is_signed)
		x = bnnaccel_graph_clip(g, x, -range, range);
	else if (n->steps.clipped && down && codes == BNNACCEL_CODES_UNSIGNED4)
		x = bnnaccel_graph_clip(g, x, 0, range / 32 * 31);
	else if (n->steps.clipped && down)
		x = bnnaccel_graph_clip(g, x, 0, range / 512 * 511);
	else if (n->steps.clipped && codes != BNNACCEL_CODES_ODD2)
		x = bnnaccel_graph_clip(g, x, codes <= BNNACCEL_CODES_ODD8 ? -range : 0, range);
	return down ? bnnaccel_graph_quantise_down(g, x, codes, range)
		    : bnnaccel_graph_quantise(g, x, codes, range);
}

static int emit_binary(struct bnn_ir *ir, struct bnnaccel_graph *g, int i)
{
	const struct bnn_ir_node *n = &ir->nodes[i];
	int x = real(ir, n->in[0]);
	float *t;

	if (x < 0)
		return x;
	t = bnn_ir_floats(n, n->a, false, 1);
	if (!t)
		return memory(ir);
	for (uint32_t c = 0; n->strict && c < n->c; c++)
		t[c] = nextafterf(t[c], INFINITY);
	x = bnnaccel_graph_sign(g, x, bnn_ir_is(n->a, 0) && !n->strict ? NULL : t);
	free(t);
	return x;
}

static int emit_linear(struct bnn_ir *ir, struct bnnaccel_graph *g, int i)
{
	const struct bnn_ir_node *n = &ir->nodes[i];
	int x = real(ir, n->in[0]);
	float *a, *b;

	if (x < 0)
		return x;
	a = bnn_ir_floats(n, n->a, n->kind == BNN_IR_AFFINE && n->divide, 1);
	b = bnn_ir_floats(n, n->b, false, 1);
	if (!a || !b)
		x = memory(ir);
	else if (n->kind == BNN_IR_NORMALISE)
		x = bnnaccel_graph_layer_norm(g, x, a, b, n->epsilon);
	else if (n->kind == BNN_IR_AFFINE)
		x = bnnaccel_graph_affine(g, x, bnn_ir_is(n->a, 1) ? NULL : a,
					  bnn_ir_is(n->b, 0) ? NULL : b);
	else
		x = bnnaccel_graph_bend(g, x, bnn_ir_is(n->a, 1) ? NULL : a,
					bnn_ir_is(n->b, 1) ? NULL : b);
	free(a);
	free(b);
	return x;
}

static int emit_clip(struct bnn_ir *ir, struct bnnaccel_graph *g, int i)
{
	const struct bnn_ir_node *n = &ir->nodes[i];
	int x = real(ir, n->in[0]);
	float shift[1];

	if (x < 0 || (isfinite(n->lo) && isfinite(n->hi)))
		return x < 0 ? x : bnnaccel_graph_clip(g, x, (float)n->lo, (float)n->hi);
	(void)shift;
	return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
			   "clips on one side at %g; possible are two finite bounds, or 0",
			   isfinite(n->lo) ? n->lo : n->hi);
}

static int emit_pool(struct bnn_ir *ir, struct bnnaccel_graph *g, int i)
{
	const struct bnn_ir_node *n = &ir->nodes[i];
	const struct bnn_ir_pool *p = &n->pool;
	struct bnn_ir_source s;
	struct bnnaccel_pool pool = { .mode = p->max ? BNNACCEL_POOL_MAX : BNNACCEL_POOL_AVG,
				      .kernel_h = p->kernel_h,
				      .kernel_w = p->kernel_w,
				      .stride_h = p->stride_h,
				      .stride_w = p->stride_w,
				      .pad_top = p->pad_top,
				      .pad_left = p->pad_left,
				      .pad_bottom = p->pad_bottom,
				      .pad_right = p->pad_right,
				      .group = p->group,
				      .divisor = p->divisor };
	const struct bnn_ir_node *x = &ir->nodes[n->in[0]];
	int rc;

	/* of signs: the larger of -s and +s is the smaller code if s is negative */
	if (p->max && (x->kind == BNN_IR_BINARY || x->kind == BNN_IR_POOL) &&
	    !bnn_ir_is_image(ir, n->in[0])) {
		rc = bnn_ir_source_of(ir, g, n->in[0], false, &s);
		if (rc)
			return rc;
		if (s.signs && s.factor < 0)
			pool.mode = BNNACCEL_POOL_MIN;
		return bnnaccel_graph_pool(g, s.id, &pool);
	}
	rc = real(ir, n->in[0]);
	return rc < 0 ? rc : bnnaccel_graph_pool(g, rc, &pool);
}

/* The second operand of an addition: codes, too, where they are read as the values they had. */
static int addend(struct bnn_ir *ir, struct bnnaccel_graph *g, int in)
{
	struct bnn_ir_source s;
	int rc;

	if (ir->nodes[in].kind != BNN_IR_STEPS)
		return real(ir, in);
	rc = bnn_ir_source_of(ir, g, in, false, &s);
	if (rc)
		return rc;
	if (!near(s.factor / s.unit, 1))
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "adds the codes of \"%.60s\" times %g, of which each stands for "
				   "%g; add their values",
				   ir->nodes[in].name, s.factor, s.unit);
	return s.id;
}

static int emit_two(struct bnn_ir *ir, struct bnnaccel_graph *g, int i)
{
	const struct bnn_ir_node *n = &ir->nodes[i];
	bool swap = n->kind == BNN_IR_ADD && !n->flags && ir->nodes[n->in[0]].kind == BNN_IR_STEPS;
	int a = real(ir, n->in[swap]), b;

	if (a < 0)
		return a;
	b = n->kind == BNN_IR_ADD ? addend(ir, g, n->in[!swap]) : real(ir, n->in[1]);
	if (b < 0)
		return b;
	return n->kind == BNN_IR_ADD ? bnnaccel_graph_add(g, a, b, n->flags)
				     : bnnaccel_graph_gate(g, a, b);
}

static int emit(struct bnn_ir *ir, struct bnnaccel_graph *g, int i)
{
	const struct bnn_ir_node *n = &ir->nodes[i];
	int x;

	switch (n->kind) {
	case BNN_IR_IMAGE:
		return bnnaccel_graph_image(g, n->h, n->w, n->c, n->planar);
	case BNN_IR_AFFINE:
	case BNN_IR_BEND:
	case BNN_IR_NORMALISE:
		return emit_linear(ir, g, i);
	case BNN_IR_CLIP:
		return emit_clip(ir, g, i);
	case BNN_IR_BINARY:
		return emit_binary(ir, g, i);
	case BNN_IR_STEPS:
		return emit_steps(ir, g, i);
	case BNN_IR_CONV:
		return bnn_ir_emit_conv(ir, g, i);
	case BNN_IR_ADD:
	case BNN_IR_GATE:
		return emit_two(ir, g, i);
	case BNN_IR_POOL:
		return emit_pool(ir, g, i);
	case BNN_IR_MEAN:
		x = real(ir, n->in[0]);
		return x < 0 ? x : bnnaccel_graph_mean(g, x);
	case BNN_IR_TRANSPOSE:
		x = real(ir, n->in[0]);
		return x < 0 ? x : bnnaccel_graph_transpose(g, x, n->h);
	case BNN_IR_FUNCTION:
		x = real(ir, n->in[0]);
		return x < 0 ? x : bnnaccel_graph_function(g, x, n->function);
	default: /* taken in by their readers */
		return -1;
	}
}

static bool is_taken_in(const struct bnn_ir *ir, int i)
{
	enum bnn_ir_kind kind = ir->nodes[i].kind;

	return kind == BNN_IR_EXTEND || kind == BNN_IR_PAD || kind == BNN_IR_PART ||
	       kind == BNN_IR_THERMOMETER || kind == BNN_IR_BITPLANES || kind == BNN_IR_ERF ||
	       (kind != BNN_IR_IMAGE && bnn_ir_is_image(ir, i));
}

static int emit_output(struct bnn_ir *ir, struct bnnaccel_graph *g)
{
	const struct bnn_ir_node *n = &ir->nodes[ir->result];
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT,
					  .column = ir->column ? ir->column : "logit",
					  .labels = (const char *const *)ir->labels };
	int x;

	if (ir->labels && ir->label_count != n->c)
		return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL, "has %u outputs, but %u labels",
				   n->c, ir->label_count);
	if (n->kind == BNN_IR_BINARY && n->lo < n->hi && !bnn_ir_is_image(ir, ir->result)) {
		output.kind = BNNACCEL_OUTPUT_BITS;
		return bnnaccel_graph_output(g, n->id, &output);
	}
	x = real(ir, ir->result);
	return x < 0 ? x : bnnaccel_graph_output(g, x, &output);
}

int bnn_ir_emit(struct bnn_ir *ir, struct bnnaccel_graph *g)
{
	int rc;

	bnn_ir_simplify(ir);
	for (int i = 0; i < ir->count; i++) {
		struct bnn_ir_node *n = &ir->nodes[i];

		if (!n->alive || is_taken_in(ir, i))
			continue;
		snprintf(ir->where, sizeof(ir->where), "the operator that makes \"%.80s\"",
			 n->name);
		ir->error->text[0] = 0;
		n->id = emit(ir, g, i);
		if (n->id >= 0)
			n->id = bnnaccel_graph_name(g, n->id, n->name);
		if (n->id < 0) {
			if (!ir->error->text[0])
				bnn_fail(ir->error, n->id, "%.96s: %.380s", ir->path,
					 bnnaccel_graph_error(g));
			return n->id;
		}
	}
	snprintf(ir->where, sizeof(ir->where), "the output \"%.80s\"", ir->nodes[ir->result].name);
	ir->error->text[0] = 0;
	rc = emit_output(ir, g);
	if (rc && !ir->error->text[0])
		bnn_fail(ir->error, rc, "%.96s: %.380s", ir->path, bnnaccel_graph_error(g));
	return rc < 0 ? rc : 0;
}
