// SPDX-License-Identifier: MIT
/* Convolutions: what they read, their padding, and the form of their weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir.h"

/* The sign at the bottom of maximum pools, or -1. */
static int signs_below(const struct bnn_ir *ir, int in)
{
	while (ir->nodes[in].kind == BNN_IR_POOL && ir->nodes[in].pool.max)
		in = ir->nodes[in].in[0];
	return ir->nodes[in].kind == BNN_IR_BINARY ? in : -1;
}

int bnn_ir_source_of(struct bnn_ir *ir, struct bnnaccel_graph *g, int in, bool flat,
		     struct bnn_ir_source *s)
{
	struct bnn_ir_node *n = &ir->nodes[in];
	enum bnnaccel_codes codes;
	int signs, *id = flat ? &n->flat_id : &n->id;
	float range;
	bool down;

	*s = (struct bnn_ir_source){ .id = n->id, .factor = 1, .unit = 1 };
	if (n->kind == BNN_IR_THERMOMETER || n->kind == BNN_IR_BITPLANES ||
	    bnn_ir_is_image(ir, in)) {
		if (*id < 0 || n->kind == BNN_IR_IMAGE)
			s->id = bnn_ir_encode(ir, g, in, flat);
		else
			s->id = *id;
		if (n->kind != BNN_IR_IMAGE)
			*id = s->id;
		s->signs = n->kind == BNN_IR_THERMOMETER || n->kind == BNN_IR_BITPLANES;
		return s->id < 0 ? s->id : 0;
	}
	signs = signs_below(ir, in);
	if (signs >= 0) {
		s->factor = ir->nodes[signs].hi;
		s->signs = true;
		if (ir->nodes[signs].lo != -ir->nodes[signs].hi || ir->nodes[signs].hi == 0)
			return bnn_ir_fail(
				ir, BNNACCEL_ERR_UNSUPPORTED,
				"reads a tensor of values %g and %g; make them -1 and +1 "
				"(or -s and +s)",
				ir->nodes[signs].lo, ir->nodes[signs].hi);
		return 0;
	}
	if (n->kind == BNN_IR_STEPS) {
		int rc = bnn_ir_code_kind(ir, in, &codes, &range, &down, &s->factor);
		static const double most[] = { 1, 3, 15, 255, 15, 255, 7, 127, 32767 };

		s->unit = rc ? 1 : (double)range / (most[codes] + down);
		return rc;
	}
	s->real = true;
	return n->id < 0 ? bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				       "reads tensor \"%.60s\", which is repeated, padded or "
				       "part of another; only additions can read such",
				       n->name)
			 : 0;
}

/* Takes a Pad in front into the convolution. */
static int take_pad(struct bnn_ir *ir, struct bnn_ir_node *n, double *value)
{
	const struct bnn_ir_node *x = &ir->nodes[n->in[0]];
	bool own = n->conv.pad_top | n->conv.pad_left | n->conv.pad_bottom | n->conv.pad_right;

	*value = n->conv.pad_value;
	if (x->kind != BNN_IR_PAD)
		return 0;
	if (own && *value != x->pad.value)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "pads with %g what a Pad has padded with %g", *value,
				   x->pad.value);
	*value = x->pad.value;
	n->conv.pad_top += x->pad.top;
	n->conv.pad_left += x->pad.left;
	n->conv.pad_bottom += x->pad.bottom;
	n->conv.pad_right += x->pad.right;
	n->in[0] = x->in[0];
	return 0;
}

/* All are integers of 8 bits. */
static bool are_codes(const float *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!(w[i] >= -128 && w[i] <= 127) || w[i] != truncf(w[i]))
			return false;
	}
	return true;
}

/* The s of which all weights of a row are integer multiples up to 127; 0 if there is none. */
static float row_unit(const float *w, size_t k)
{
	float s = 0;

	for (size_t i = 0; i < k; i++) {
		float a = fabsf(w[i]);

		if (a > 0 && (s == 0 || a < s))
			s = a;
	}
	for (size_t i = 0; s > 0 && i < k; i++) {
		double q = round((double)w[i] / (double)s);

		if (fabs(q) > 127 || q * (double)s != (double)w[i])
			return 0;
	}
	return s > 0 ? s : 1;
}

/* Weights as codes and a scale per row, if float weights are such: malloc'd, or NULL. */
static int8_t *as_codes(const float *w, uint32_t rows, size_t k, float *scale)
{
	bool plain = are_codes(w, rows * k);
	int8_t *codes;

	for (uint32_t r = 0; r < rows; r++) {
		scale[r] = plain ? 1 : row_unit(w + r * k, k);
		if (scale[r] == 0)
			return NULL;
	}
	codes = malloc(rows * k);
	for (size_t i = 0; codes && i < rows * k; i++)
		codes[i] = (int8_t)round((double)w[i] / (double)scale[i / k]);
	return codes;
}

static void note_conv(struct bnn_ir *ir, const struct bnn_ir_node *n, const char *weights,
		      double pad, const struct bnn_ir_source *s)
{
	char text[64];
	bool padded = n->conv.pad_top | n->conv.pad_left | n->conv.pad_bottom | n->conv.pad_right;

	snprintf(text, sizeof(text), ", padding %g%s", pad,
		 pad == 0 && s->signs ? " (taps outside are absent)" : "");
	bnn_note(ir->notes, "%s: %s%s%s", n->name, weights,
		 s->real    ? " on values of 16 bits"
		 : s->signs ? " on signs"
			    : " on codes",
		 padded ? text : "");
}

static const char *name_of(const struct bnn_ir_conv *c, const int8_t *codes, size_t n)
{
	int least = 127, most = 0;

	if (c->kind == BNN_IR_WEIGHTS_TILE)
		return "tiled weights of 1 bit";
	if (!codes)
		return "real weights, rounded to 8 bits";
	for (size_t i = 0; i < n; i++) {
		int a = codes[i] < 0 ? -codes[i] : codes[i];

		least = a < least ? a : least;
		most = a > most ? a : most;
	}
	return most <= 1 ? least == 1 ? "weights of 1 bit" : "ternary weights" : "integer weights";
}

/* scale of the result: of the rows, of the file, of the codes. */
static int set_scale(struct bnn_ir *ir, struct bnn_ir_node *n, const float *rows, double comp,
		     struct bnnaccel_conv *conv, float *work)
{
	const struct bnn_ir_conv *c = &n->conv;
	uint32_t scales = c->scale ? c->scales : 1;
	bool plain = true;

	for (uint32_t i = 0; rows && i < c->outputs; i++)
		plain &= rows[i] == 1;
	if (fabs(comp - 1) < 1e-6)
		comp = 1;
	scales = plain ? scales : c->outputs;
	for (uint32_t i = 0; i < scales; i++) {
		double s = plain ? 1 : (double)rows[i];

		if (c->scale)
			s *= (double)c->scale[plain ? i : (uint64_t)i * c->scales / c->outputs];
		work[i] = (float)(s * comp);
		if (!isfinite(work[i]))
			return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
					   "has a scale that is no finite float32");
	}
	if (scales == 1 && work[0] == 1)
		return 0;
	conv->scale = work;
	conv->scales = scales == c->outputs ? 0 : scales;
	return 0;
}

static int pad_code(struct bnn_ir *ir, const struct bnn_ir_node *n, double value,
		    const struct bnn_ir_source *s, int *code)
{
	double q = value / s->factor;

	*code = 0;
	if (!(n->conv.pad_top | n->conv.pad_left | n->conv.pad_bottom | n->conv.pad_right))
		return 0;
	if (q != 0 && (!s->signs || (q != 1 && q != -1)))
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "is padded with %g; possible are 0 and, of signs, their two "
				   "values",
				   value);
	*code = (int)q;
	return 0;
}

bool bnn_ir_is_flat(const struct bnn_ir *ir, int in)
{
	const struct bnn_ir_node *x = &ir->nodes[in];

	return bnn_ir_is_image(ir, in) && (x->h > 7 || x->w > 7);
}

int bnn_ir_emit_conv(struct bnn_ir *ir, struct bnnaccel_graph *g, int i)
{
	struct bnn_ir_node *n = &ir->nodes[i];
	struct bnn_ir_conv *c = &n->conv;
	struct bnnaccel_conv conv = { .outputs = c->outputs, .groups = c->groups };
	struct bnn_ir_source s;
	const struct bnn_ir_node *x;
	float *rows = malloc(2 * (size_t)c->outputs * sizeof(float));
	int8_t *codes = NULL;
	double value;
	size_t k;
	int rc = take_pad(ir, n, &value);
	bool flat;

	x = &ir->nodes[n->in[0]];
	flat = c->dense && bnn_ir_is_flat(ir, n->in[0]);
	if (!rc)
		rc = rows ? 0 : bnn_ir_fail(ir, BNNACCEL_ERR_MEMORY, "out of memory");
	if (!rc)
		rc = bnn_ir_source_of(ir, g, n->in[0], flat, &s);
	if (!rc)
		rc = pad_code(ir, n, value, &s, &conv.pad_value);
	if (rc)
		goto out;
	k = c->dense ? (size_t)x->h * x->w * x->c
		     : (size_t)c->kernel_h * c->kernel_w * (x->c / (c->groups ? c->groups : 1));
	conv.kernel_h = c->kernel_h;
	conv.kernel_w = c->kernel_w;
	conv.stride_h = c->stride_h;
	conv.stride_w = c->stride_w;
	conv.dilation_h = c->dilation_h;
	conv.dilation_w = c->dilation_w;
	conv.pad_top = c->pad_top;
	conv.pad_left = c->pad_left;
	conv.pad_bottom = c->pad_bottom;
	conv.pad_right = c->pad_right;
	conv.order = flat ? BNNACCEL_OHWI : c->order;
	conv.weights = c->weights;
	conv.tile = c->tile;
	conv.bias = c->bias;
	conv.gates = c->gates;
	for (uint32_t r = 0; r < c->outputs; r++)
		rows[r] = 1;
	if (c->kind == BNN_IR_WEIGHTS_FLOAT)
		codes = as_codes(c->weights, c->outputs, k, rows);
	if (!codes && c->kind == BNN_IR_WEIGHTS_FLOAT) {
		for (uint32_t r = 0; r < c->outputs; r++)
			rows[r] = 1;
		conv.kind = BNNACCEL_WEIGHTS_FLOAT;
	} else if (c->kind == BNN_IR_WEIGHTS_TILE) {
		conv.kind = BNNACCEL_WEIGHTS_TILED;
	} else {
		conv.kind = BNNACCEL_WEIGHTS_INT8;
		conv.weights = codes ? codes : c->weights;
	}
	/* the builder takes packed signs only for gated convolutions */
	if (conv.gates && conv.kind == BNNACCEL_WEIGHTS_INT8) {
		conv.kind = BNNACCEL_WEIGHTS_SIGN;
		conv.weights = c->weights;
	}
	rc = set_scale(ir, n, rows, s.factor / s.unit, &conv, rows + c->outputs);
	if (rc)
		goto out;
	note_conv(ir, n,
		  name_of(c, c->kind == BNN_IR_WEIGHTS_CODES ? c->weights : codes, c->outputs * k),
		  value, &s);
	rc = c->dense ? bnnaccel_graph_dense(g, s.id, &conv) : bnnaccel_graph_conv(g, s.id, &conv);
out:
	free(rows);
	free(codes);
	return rc;
}
