// SPDX-License-Identifier: MIT
/*
 * How an image becomes codes: everything element-wise between the bytes and the first
 * convolution is evaluated for 256 bytes and each colour, in double precision.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir.h"

bool bnn_ir_is_image(const struct bnn_ir *ir, int in)
{
	for (;;) {
		switch (ir->nodes[in].kind) {
		case BNN_IR_IMAGE:
			return true;
		case BNN_IR_AFFINE:
		case BNN_IR_BEND:
		case BNN_IR_CLIP:
		case BNN_IR_BINARY:
		case BNN_IR_STEPS:
			in = ir->nodes[in].in[0];
			break;
		default:
			return false;
		}
	}
}

static double at(struct bnn_ir_param p, uint32_t c)
{
	return p.v[p.n == 1 ? 0 : c];
}

/* One operator on one value. */
static double apply(const struct bnn_ir_node *n, uint32_t c, double x)
{
	double q;

	switch (n->kind) {
	case BNN_IR_AFFINE:
		return (n->divide ? x / at(n->a, c) : x * at(n->a, c)) + at(n->b, c);
	case BNN_IR_BEND:
		return x * (x >= 0 ? at(n->b, c) : at(n->a, c));
	case BNN_IR_CLIP:
		return fmin(fmax(x, n->lo), n->hi);
	case BNN_IR_BINARY:
		return (n->strict ? x > at(n->a, c) : x >= at(n->a, c)) ? n->hi : n->lo;
	case BNN_IR_STEPS:
		q = floor(x * n->steps.scale + n->steps.offset);
		q = fmin(fmax(q, n->steps.first), n->steps.last);
		return n->steps.alpha * q + n->steps.beta;
	default:
		return x;
	}
}

/* The 256 values of a colour, from the image upwards. */
static void table_of(const struct bnn_ir *ir, int in, uint32_t colour, double *values)
{
	const struct bnn_ir_node *n = &ir->nodes[in];

	if (n->kind == BNN_IR_IMAGE) {
		for (int i = 0; i < 256; i++)
			values[i] = i;
		return;
	}
	table_of(ir, n->in[0], colour, values);
	for (int i = 0; i < 256; i++)
		values[i] = apply(n, colour, values[i]);
}

struct coding {
	enum bnnaccel_codes codes;
	float unit;
	bool exact;
	int half; /* of ODD8: codes are (v/unit + 255)/2 */
};

/* Whether all are k*unit with integer k from lo to hi, of step `step`. */
static bool multiples(const double *v, size_t n, double unit, double lo, double hi, bool odd)
{
	for (size_t i = 0; i < n; i++) {
		double k = v[i] / unit, r = round(k);

		if (fabs(k - r) > 1e-6 * fmax(1, fabs(k)) || r < lo || r > hi ||
		    (odd && fmod(r, 2) == 0))
			return false;
	}
	return true;
}

/* The distance of neighbouring values, if there are several. */
static double smallest_step(const double *v, size_t n)
{
	double step = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		double d = i % 256 == 255 ? 0 : fabs(v[i + 1] - v[i]);

		if (d > 0 && (step == 0 || d < step))
			step = d;
	}
	return step;
}

static struct coding choose(const double *v, size_t n)
{
	static const struct {
		enum bnnaccel_codes codes;
		double lo, hi, part; /* of the step, that a unit is */
		bool odd;
	} ways[] = {
		{ BNNACCEL_CODES_UNSIGNED4, 0, 15, 1, false },
		{ BNNACCEL_CODES_SIGNED4, -8, 7, 1, false },
		{ BNNACCEL_CODES_UNSIGNED8, 0, 255, 1, false },
		{ BNNACCEL_CODES_SIGNED8, -128, 127, 1, false },
		{ BNNACCEL_CODES_ODD2, -3, 3, 0.5, true },
		{ BNNACCEL_CODES_ODD4, -15, 15, 0.5, true },
		{ BNNACCEL_CODES_ODD8, -255, 255, 0.5, true },
	};
	double step = smallest_step(v, n), max = 0;

	if (multiples(v, n, 1, -1, 1, true))
		return (struct coding){ BNNACCEL_CODES_SIGN, 1, true, 0 };
	/* a unit that is nearly 1 is meant to be 1 */
	if (fabs(step - 1) < 1e-6)
		step = 1;
	for (size_t i = 0; step > 0 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		float unit = (float)(step * ways[i].part);

		if (unit > 0 &&
		    multiples(v, n, step * ways[i].part, ways[i].lo, ways[i].hi, ways[i].odd))
			return (struct coding){ ways[i].codes, unit, true,
						ways[i].odd ? (int)ways[i].hi : 0 };
	}
	for (size_t i = 0; i < n; i++)
		max = fmax(max, fabs(v[i]));
	return (struct coding){ BNNACCEL_CODES_SIGNED8, (float)(max / 127), false, 0 };
}

static uint8_t code_of(const struct coding *c, double v)
{
	double q;

	if (c->codes == BNNACCEL_CODES_SIGN)
		return v > 0;
	if (c->exact) {
		q = round(v / (double)c->unit);
		return (uint8_t)(int)(c->half ? (q + c->half) / 2 : q);
	}
	q = floor(v / (double)c->unit + 0.5);
	return (uint8_t)(int)fmin(fmax(q, -127), 127);
}

static void note_encoding(struct bnn_ir *ir, const struct coding *c, uint32_t tables)
{
	static const char *const names[] = { "signs",
					     "odd codes of 2 bits",
					     "odd codes of 4 bits",
					     "odd codes of 8 bits",
					     "unsigned codes of 4 bits",
					     "unsigned codes of 8 bits",
					     "signed codes of 4 bits",
					     "signed codes of 8 bits" };

	if (c->codes == BNNACCEL_CODES_SIGN)
		bnn_note(ir->notes, "input: signs");
	else
		bnn_note(ir->notes, "input: %s, %s, unit %g, %s", names[c->codes],
			 c->exact ? "exact" : "rounded to the nearest", (double)c->unit,
			 tables == 1 ? "one table" : "a table for each colour");
}

/* A thermometer or bits of the image. */
static int encode_bits(struct bnn_ir *ir, struct bnnaccel_graph *g, const struct bnn_ir_node *n)
{
	struct bnnaccel_encoding e = { .mode = BNNACCEL_ENCODE_BITS };
	uint8_t same[256];

	if (n->kind == BNN_IR_THERMOMETER) {
		e.mode = BNNACCEL_ENCODE_THERMOMETER;
		e.levels = n->thermo.levels;
		e.table = n->thermo.table;
		e.tables = n->thermo.tables;
	} else {
		for (int i = 0; i < 256; i++)
			same[i] = (uint8_t)i;
		e.table = same;
	}
	return bnnaccel_graph_encode(g, ir->nodes[n->in[0]].id, &e);
}

/* Values of all colours, one set if they are alike. NULL: no memory. */
static double *values_of(struct bnn_ir *ir, int in, uint32_t *tables)
{
	uint32_t colours = ir->nodes[in].c;
	double *v = malloc((size_t)colours * 256 * sizeof(double));
	bool alike = true;

	for (uint32_t c = 0; v && c < colours; c++) {
		table_of(ir, in, c, v + (size_t)c * 256);
		alike &= !memcmp(v, v + (size_t)c * 256, 256 * sizeof(double));
	}
	*tables = alike ? 1 : colours;
	return v;
}

int bnn_ir_encode(struct bnn_ir *ir, struct bnnaccel_graph *g, int in, bool flat)
{
	const struct bnn_ir_node *n = &ir->nodes[in], *image = n;
	struct bnnaccel_encoding e = { .mode = BNNACCEL_ENCODE_VALUE };
	uint32_t tables, pixels = flat ? n->h * n->w : 1;
	struct coding coding;
	uint8_t *table;
	double *values;
	int x;

	if (n->kind == BNN_IR_THERMOMETER || n->kind == BNN_IR_BITPLANES)
		return encode_bits(ir, g, n);
	while (image->kind != BNN_IR_IMAGE)
		image = &ir->nodes[image->in[0]];
	if (flat && !image->planar && n->c > 1)
		return bnn_ir_fail(ir, BNNACCEL_ERR_UNSUPPORTED,
				   "reads an image of [N, rows, columns, channels] as one pixel; "
				   "give the model [N, channels, rows, columns]");
	values = values_of(ir, in, &tables);
	if (!values)
		return bnn_ir_fail(ir, BNNACCEL_ERR_MEMORY, "out of memory");
	coding = choose(values, (size_t)tables * 256);
	/* a flat image has a colour for each of its bytes */
	e.tables = tables == 1 ? 1 : tables * pixels;
	table = malloc((size_t)e.tables * 256);
	for (size_t i = 0; table && i < (size_t)e.tables * 256; i++) {
		size_t t = i / 256, c = image->planar ? t / pixels : t % tables;

		table[i] = code_of(&coding, values[(tables == 1 ? 0 : c) * 256 + i % 256]);
	}
	free(values);
	if (!table)
		return bnn_ir_fail(ir, BNNACCEL_ERR_MEMORY, "out of memory");
	if (!(coding.unit > 0) || !isfinite(coding.unit)) {
		free(table);
		return bnn_ir_fail(ir, BNNACCEL_ERR_BAD_MODEL,
				   "the input becomes 0 for every byte, or beyond float32");
	}
	note_encoding(ir, &coding, tables);
	e.codes = coding.codes;
	e.unit = coding.unit;
	e.table = table;
	x = flat ? bnnaccel_graph_flatten(g, image->id) : image->id;
	x = bnnaccel_graph_encode(g, x, &e);
	free(table);
	return x;
}
