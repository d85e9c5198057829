// SPDX-License-Identifier: MIT
#include "stage.h"

#include <math.h>
#include <stdlib.h>

#include "exact.h"

/* Exponents of POW2. */
#define POW2_LEAST (-31)
#define POW2_MOST 15

static struct bnn_exact_step linear_step(const struct bnn_op *op, uint32_t channel)
{
	if (op->kind == BNN_OP_CONV)
		return (struct bnn_exact_step){ op->conv.scale[channel], op->conv.bias[channel] };
	if (op->kind == BNN_OP_GATE)
		return (struct bnn_exact_step){ 1, 0 };
	return (struct bnn_exact_step){ op->lin.a[channel], op->lin.b[channel] };
}

bool bnn_stage_threshold(const struct bnn_stage_in *in, uint32_t channel, size_t count,
			 double bound, int64_t *first, bool *lost)
{
	struct bnn_exact_step steps[16];
	struct bnn_exact_chain chain = { .num = in->unit.num,
					 .den = in->unit.den,
					 .steps = steps,
					 .count = count,
					 .bound = bound };

	/* more than this in a row: fold the rest in doubles, and say so */
	for (size_t i = 0; i < count; i++) {
		struct bnn_exact_step s = linear_step(&in->g->ops[in->steps[i]], channel);

		if (i < 16) {
			steps[i] = s;
			continue;
		}
		steps[15].scale *= s.scale;
		steps[15].offset = steps[15].offset * s.scale + s.offset;
		chain.count = 16;
		*lost = true;
	}
	return bnn_exact_first(&chain, in->lo, in->hi, first, lost);
}

/* One side of a stage: scale*x + offset, and what follows a gate. */
struct piece {
	double scale, offset, after;
};

/* Real slope and offset of the whole stage where the bend takes its upper or lower side. */
static struct piece whole(const struct bnn_stage_in *in, uint32_t channel, bool above)
{
	struct piece p = { in->unit.num / in->unit.den, 0, 0 };
	bool gated = false;

	for (size_t i = 0; i < in->count; i++) {
		const struct bnn_op *op = &in->g->ops[in->steps[i]];
		struct bnn_exact_step s = linear_step(op, channel);

		if (op->kind == BNN_OP_BEND)
			s = (struct bnn_exact_step){ above ? op->lin.b[channel]
							   : op->lin.a[channel],
						     0 };
		gated |= op->kind == BNN_OP_GATE;
		p.scale *= s.scale;
		p.offset = p.offset * s.scale + (gated ? 0 : s.offset);
		p.after = p.after * s.scale + (gated ? s.offset : 0);
	}
	p.scale = ldexp(p.scale * in->frame.den / in->frame.num, in->f);
	p.offset = ldexp(p.offset * in->frame.den / in->frame.num, in->f);
	p.after = ldexp(p.after * in->frame.den / in->frame.num, in->f);
	return p;
}

static void pieces(const struct bnn_stage_in *in, uint32_t channel, struct bnn_stage *stage,
		   struct piece out[2])
{
	size_t bend = 0;
	int64_t first;
	bool lost = false, falling;

	while (bend < in->count && in->g->ops[in->steps[bend]].kind != BNN_OP_BEND)
		bend++;
	out[0] = whole(in, channel, false);
	out[1] = whole(in, channel, true);
	stage->th[channel] = 0;
	if (bend == in->count)
		return;
	falling = bnn_stage_threshold(in, channel, bend, 0, &first, &lost);
	stage->inexact += lost;
	stage->th[channel] = (int32_t)first;
	if (falling) {
		/* piece 1, of the large x, is then the lower side */
		struct piece t = out[0];

		out[0] = out[1];
		out[1] = t;
	}
}

/*
 * The largest shift that all slopes and offsets survive, negative if none does. A
 * slope is at most 32767; an offset, with its own shift of 16 at most, below 2^46.
 */
static int largest_shift(double a, double b)
{
	int s = 31;

	while (s > -1000 && (ldexp(a, s) >= 32767.5 || ldexp(b, s) >= 0x1p46))
		s--;
	return s;
}

static int choose_shift(const struct piece *p, uint32_t n)
{
	double a = 0, b = 0;

	for (uint32_t i = 0; i < n; i++) {
		a = fmax(a, fabs(p[i].scale));
		b = fmax(b, fabs(p[i].offset) + fabs(p[i].after));
	}
	return largest_shift(a, b);
}

int bnn_stage_excess(const struct bnn_stage_in *in, uint32_t channels)
{
	double a = 0, b = 0;
	int s;

	for (uint32_t c = 0; c < channels; c++) {
		for (int i = 0; i < 2; i++) {
			struct piece p = whole(in, c, i);

			a = fmax(a, fabs(p.scale));
			b = fmax(b, fabs(p.offset) + fabs(p.after));
		}
	}
	s = largest_shift(a, b) - in->gated;
	return s < 0 ? -s : 0;
}

/*
 * The shift of POW2, negative if some slope is not +-2^e or does not fit. Slopes
 * become 2^(e + s): as large as 40 bits allow, so that those of small slopes are not
 * negative and only the sum is rounded, once, as with multiplications.
 */
static int choose_pow2(const struct bnn_stage_in *in, const struct piece *p, uint32_t n)
{
	double b = 0;
	int64_t x = in->hi > -in->lo ? in->hi : -in->lo;
	int top = -1000, k = POW2_MOST, s;

	for (uint32_t i = 0; i < n; i++) {
		int e;

		b = fmax(b, fabs(p[i].offset));
		if (p[i].scale == 0)
			continue;
		if (fabs(frexp(p[i].scale, &e)) != 0.5)
			return -1;
		top = e - 1 > top ? e - 1 : top;
	}
	while (k > 0 && x > (1ll << 38) >> k)
		k--;
	s = k - top < 31 ? k - top : 31;
	if (s < 0)
		s = top <= POW2_MOST ? 0 : -1;
	while (s >= 0 && ldexp(b, s) >= 0x1p46)
		s--;
	return s;
}

/* The shortest form of the same numbers, and the slopes; offsets follow. */
static void fix_pow2(const struct piece *p, uint32_t n, struct bnn_stage *stage, int s)
{
	int64_t all = 0;
	int least = POW2_MOST;

	for (uint32_t i = 0; i < n; i++) {
		int e;

		all |= llrint(ldexp(p[i].offset, s));
		if (p[i].scale == 0)
			continue;
		frexp(p[i].scale, &e);
		least = e - 1 + s < least ? e - 1 + s : least;
	}
	for (; s > 0 && least > 0 && !(all & 1); s--, least--)
		all >>= 1;
	for (uint32_t i = 0; i < n; i++) {
		int e = 0, k;

		frexp(p[i].scale, &e);
		k = e - 1 + s;
		stage->a[i] = p[i].scale < 0 ? -1 : 1;
		if (p[i].scale == 0)
			stage->a[i] = 0;
		/* x has 27 bits at most, so this is a slope of 0 */
		stage->k[i] = (int8_t)(stage->a[i] && k > POW2_LEAST ? k : POW2_LEAST);
		stage->lost += stage->a[i] && k < -27;
	}
	stage->pow2 = true;
	stage->s = (unsigned int)s;
}

static void fix_offsets(const struct piece *p, uint32_t n, struct bnn_stage *stage)
{
	double max = 0;
	int s = (int)stage->s;

	for (uint32_t i = 0; i < n; i++)
		max = fmax(max, ldexp(fabs(p[i].offset) + fabs(p[i].after), s));
	stage->sb = 0;
	while (ldexp(max, -(int)stage->sb) + 0.5 > INT32_MAX)
		stage->sb++;
	for (uint32_t i = 0; i < n; i++)
		stage->b[i] = (int32_t)llrint(ldexp(p[i].offset, s - (int)stage->sb));
	for (uint32_t i = 0; i < n; i += 2)
		stage->bbn[i / 2] = (int32_t)llrint(ldexp(p[i].after, s - 1 - (int)stage->sb));
}

static void fix(const struct piece *p, uint32_t n, struct bnn_stage *stage, int s, bool gated)
{
	int64_t all = 0;

	for (uint32_t i = 0; i < n; i++) {
		int64_t b = llrint(ldexp(p[i].offset, s));
		double a = floor(ldexp(p[i].scale, s) + 0.5);

		stage->a[i] = (int16_t)fmin(a, 32767);
		all |= stage->a[i] | b;
	}
	/*
	 * The shortest form of the same numbers: integers stay visible as such. But what a
	 * gate is folded into keeps its bits.
	 */
	while (s > 0 && !gated && !(all & 1)) {
		all >>= 1;
		s--;
		for (uint32_t i = 0; i < n; i++)
			stage->a[i] /= 2;
	}
	stage->s = (unsigned int)s;
	for (uint32_t i = 0; i < n; i++) {
		double real = ldexp(p[i].scale, s);

		if (p[i].scale != 0 && !stage->a[i])
			stage->lost++;
		else if (p[i].scale != 0)
			stage->error = fmax(stage->error, fabs(stage->a[i] - real) / fabs(real));
	}
}

int bnn_stage_make(const struct bnn_stage_in *in, uint32_t channels, struct bnn_stage *stage,
		   struct bnn_error *error)
{
	struct piece *p = malloc(2 * channels * sizeof(*p));
	int s, pow2;

	*stage = (struct bnn_stage){ .channels = channels };
	stage->th = malloc(channels * sizeof(*stage->th));
	stage->a = malloc(2 * channels * sizeof(*stage->a));
	stage->b = malloc(2 * channels * sizeof(*stage->b));
	stage->k = calloc(2 * channels, sizeof(*stage->k));
	stage->bbn = malloc(channels * sizeof(*stage->bbn));
	if (!p || !stage->th || !stage->a || !stage->b || !stage->k || !stage->bbn) {
		free(p);
		bnn_stage_free(stage);
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory at %s", in->name);
	}
	for (uint32_t c = 0; c < channels; c++)
		pieces(in, c, stage, &p[2 * c]);
	s = choose_shift(p, 2 * channels);
	/* a gate folds into slopes that are products */
	pow2 = in->gated ? -1 : choose_pow2(in, p, 2 * channels);
	if (s < in->gated && pow2 < 0) {
		free(p);
		bnn_stage_free(stage);
		return bnn_fail(error, BNNACCEL_ERR_UNSUPPORTED,
				"the scales or offsets at %s are too large for its range; rescale "
				"the network",
				in->name);
	}
	if (pow2 >= 0)
		fix_pow2(p, 2 * channels, stage, pow2);
	else
		fix(p, 2 * channels, stage, s, in->gated);
	fix_offsets(p, 2 * channels, stage);
	stage->s -= in->gated;
	free(p);
	return 0;
}

void bnn_stage_free(struct bnn_stage *stage)
{
	free(stage->th);
	free(stage->a);
	free(stage->b);
	free(stage->k);
	free(stage->bbn);
	*stage = (struct bnn_stage){ .channels = 0 };
}
