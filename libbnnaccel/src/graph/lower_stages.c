// SPDX-License-Identifier: MIT
/* P1, what is added, and P2: the binary points between them, and their parameters. */
#include <math.h>

#include "pipe.h"

struct bnn_stage_in bnn_pipe_stage_in(const struct bnn_lower *lo, const struct bnn_pipe *p,
				      int stage)
{
	return (struct bnn_stage_in){
		.g = lo->g,
		.steps = p->chain->steps[stage],
		.count = p->chain->count[stage],
		.unit = stage ? (struct bnn_unit){ ldexp(p->chain->frame.num, -p->f_u),
						   p->chain->frame.den }
			      : p->unit,
		.frame = stage ? (struct bnn_unit){ 1, 1 } : p->chain->frame,
		.lo = stage ? -(1 << 26) : -(1 << 23),
		.hi = stage ? (1 << 26) - 1 : (1 << 23) - 1,
		.f = stage ? p->f : p->f_u,
		.name = p->final->name,
		.gated = stage && p->chain->gate != BNN_NONE,
	};
}

/* The binary point of what a chain adds: of a stream, or of codes in their frame. */
static int residual_point(const struct bnn_lower *lo, const struct bnn_chain *chain, unsigned int i)
{
	const struct bnn_op *op = &lo->g->ops[chain->res[i]];
	int e;

	if (op->domain == BNN_DOMAIN_REAL)
		return lo->at[chain->res[i]].f;
	if (chain->frame.num == op->unit.num && chain->frame.den == op->unit.den)
		return 0;
	frexp(op->unit.num / op->unit.den, &e);
	return 1 - e;
}

/* The largest value of u before its binary point is chosen. */
static double inner_max(const struct bnn_lower *lo, const struct bnn_chain *chain)
{
	int first = chain->count[0] ? chain->steps[0][chain->count[0] - 1] : chain->source;
	double max = bnn_range_max(&lo->ranges[first]);

	for (unsigned int i = 0; i < chain->residuals; i++)
		max = fmax(max, bnn_range_max(&lo->ranges[chain->adds[i]]));
	return max * chain->frame.den / chain->frame.num;
}

void bnn_lower_limit_residuals(struct bnn_lower *lo, const struct bnn_chain *chain)
{
	struct bnn_pipe p = { .chain = chain, .final = &lo->g->ops[chain->final] };
	struct bnn_stage_in in;
	int limit;

	if (!chain->residuals)
		return;
	p.unit = (struct bnn_unit){ ldexp(1, -lo->at[chain->source].f), 1 };
	if (chain->conv) {
		const struct bnn_op *op = &lo->g->ops[chain->source], *x = &lo->g->ops[op->in[0]];

		p.unit = (struct bnn_unit){ ldexp(1, -lo->at[op->in[0]].f), 1 };
		if (x->domain == BNN_DOMAIN_CODES)
			p.unit = x->unit;
	}
	p.f_u = bnn_lower_point(inner_max(lo, chain), 27);
	in = bnn_pipe_stage_in(lo, &p, 0);
	limit = p.f_u - bnn_stage_excess(&in, p.final->c);
	for (unsigned int i = 0; i < chain->residuals; i++) {
		int win = lo->g->ops[chain->adds[i]].add_flags & BNNACCEL_ADD_AVG2X2 ? 2 : 0;
		int t = chain->res[i];

		if (lo->g->ops[t].domain == BNN_DOMAIN_CODES)
			continue;
		while (bnn_lower_keeps_point(&lo->g->ops[t]))
			t = lo->g->ops[t].in[0];
		if (lo->at[t].f > limit - win)
			lo->at[t].f = limit - win;
	}
}

static bool is_calibrated(const struct bnn_lower *lo, const struct bnn_chain *chain)
{
	const struct bnn_range *r = &lo->ranges[chain->final];

	return r->seen_lo <= r->seen_hi;
}

/* The binary point of u: bits below the finest residual, while the sums fit 27 bits. */
static int choose_inner_point(struct bnn_lower *lo, struct bnn_pipe *p)
{
	const struct bnn_chain *chain = p->chain;
	double max = inner_max(lo, chain);
	int f = p->f, least = -8, most = 127, e;

	/* as fine as the result in any frame */
	frexp(chain->frame.num / chain->frame.den, &e);
	f += chain->frame.den == 1 && chain->frame.num == 1 ? 0 : e;

	for (unsigned int i = 0; i < chain->residuals; i++) {
		int win = lo->g->ops[chain->adds[i]].add_flags & BNNACCEL_ADD_AVG2X2 ? 2 : 0;
		int f_res = residual_point(lo, chain, i);

		f = f_res > f ? f_res : f;
		least = f_res + win > least ? f_res + win : least;
		most = f_res + win + 15 < most ? f_res + win + 15 : most;
	}
	f += (int)lo->guard;
	f = f < most ? f : most;
	f = f > least ? f : least;
	while (f > least && ldexp(max, f) > 0x1p26 - 64)
		f--;
	if (f > most || ldexp(max, f) > 0x1p26 - 64)
		return bnn_pipe_unsupported(
			lo, p,
			!is_calibrated(lo, chain)
				? "bounds alone leave no format that holds its values; calibrate "
				  "with images"
			: chain->residuals
				? "the tensors that are added have formats too far apart; rescale "
				  "the network"
				: "its values are too large for any format; rescale the network");
	p->f_u = f;
	p->f_least = least;
	return 0;
}

/*
 * Few sums with many bits behind the point would need slopes beyond 16 bits: such a
 * tensor has less information than its format could hold, so the format gives way.
 */
static int yield_points(struct bnn_lower *lo, struct bnn_pipe *p)
{
	bool fixed =
		p->chain->gates || (p->chain->result && lo->g->output.kind == BNNACCEL_OUTPUT_INT);
	struct bnn_stage_in in = bnn_pipe_stage_in(lo, p, 0);
	int excess = p->p1 ? bnn_stage_excess(&in, p->c) : 0;

	if (excess && p->p2) {
		p->f_u -= excess;
		if (p->f_u < p->f_least)
			return bnn_pipe_unsupported(
				lo, p,
				"its scales are too large beside what is added; rescale "
				"the network");
		excess = 0;
	}
	if (p->p2) {
		in = bnn_pipe_stage_in(lo, p, 1);
		excess = bnn_stage_excess(&in, p->c);
	}
	if (!excess)
		return 0;
	p->f -= excess;
	p->f_u -= p->p2 ? 0 : excess;
	if (fixed || p->f < -8)
		return bnn_pipe_unsupported(
			lo, p, "its scales or offsets are too large; rescale the network");
	if (!p->chain->result)
		lo->at[p->chain->final].f = p->f;
	return 0;
}

static void set_residuals(struct bnn_lower *lo, struct bnn_pipe *p)
{
	for (unsigned int i = 0; i < p->chain->residuals; i++) {
		static const enum bnn_field_id c[] = { BNN_F_CONV_RES1_C, BNN_F_CONV_RES2_C };
		static const enum bnn_field_id win[] = { BNN_F_CONV_RES1_WIN, BNN_F_CONV_RES2_WIN };
		static const enum bnn_field_id zero[] = { BNN_F_CONV_RES1_ZERO,
							  BNN_F_CONV_RES2_ZERO };
		static const enum bnn_field_id al[] = { BNN_F_CONV_RES1_ALIGN,
							BNN_F_CONV_RES2_ALIGN };
		static const enum bnn_field_id format[] = { BNN_F_CONV_RES1_FORMAT,
							    BNN_F_CONV_RES2_FORMAT };
		const struct bnn_op *add = &lo->g->ops[p->chain->adds[i]];
		bool avg = add->add_flags & BNNACCEL_ADD_AVG2X2;
		int res = p->chain->res[i];
		bool codes = lo->g->ops[res].domain == BNN_DOMAIN_CODES;

		bnn_field_set(p->node.words, c[i], lo->g->ops[res].c);
		bnn_field_set(p->node.words, win[i], avg);
		bnn_field_set(p->node.words, zero[i],
			      add->add_flags & BNNACCEL_ADD_ZERO && lo->g->ops[res].c < p->c);
		bnn_field_set(p->node.words, al[i],
			      (uint32_t)(p->f_u - residual_point(lo, p->chain, i) - (avg ? 2 : 0)));
		bnn_field_set(p->node.words, format[i],
			      codes ? bnn_codes_packed(lo->g->ops[res].codes) : BNN_FORMAT_E_S16);
		p->node.ref[i ? BNN_SLOT_RES2 : BNN_SLOT_RES1] =
			codes ? lo->at[res].codes : lo->at[res].stream;
	}
}

int bnn_pipe_make_stages(struct bnn_lower *lo, struct bnn_pipe *p)
{
	const struct bnn_chain *chain = p->chain;
	struct bnn_stage_in in;
	uint32_t *words = p->node.words;
	int rc = 0;

	p->p2 = chain->residuals || chain->count[1];
	p->f_u = p->f;
	if (p->p2)
		rc = choose_inner_point(lo, p);
	if (rc)
		return rc;
	/* a copy at the same binary point needs no multiplication */
	p->p1 = chain->count[0] || p->unit.den != 1 || p->unit.num != ldexp(1, -p->f_u) ||
		chain->frame.den != 1 || chain->frame.num != 1;
	rc = yield_points(lo, p);
	if (rc)
		return rc;
	p->notes.f = p->f;
	if (p->p1) {
		in = bnn_pipe_stage_in(lo, p, 0);
		rc = bnn_stage_make(&in, p->c, &p->stage[0], lo->error);
		bnn_field_set(words, BNN_F_CONV_P1, 1);
		bnn_field_set(words, BNN_F_CONV_P1_POW2, p->stage[0].pow2);
		bnn_field_set(words, BNN_F_CONV_S1, p->stage[0].s);
		bnn_field_set(words, BNN_F_CONV_SB1, p->stage[0].sb);
	}
	if (!rc && p->p2) {
		in = bnn_pipe_stage_in(lo, p, 1);
		rc = bnn_stage_make(&in, p->c, &p->stage[1], lo->error);
		bnn_field_set(words, BNN_F_CONV_P2, 1);
		bnn_field_set(words, BNN_F_CONV_P2_POW2, p->stage[1].pow2);
		bnn_field_set(words, BNN_F_CONV_S2, p->stage[1].s);
		bnn_field_set(words, BNN_F_CONV_SB2, p->stage[1].sb);
	}
	for (int i = 0; i < 2; i++) {
		p->notes.error = fmax(p->notes.error, p->stage[i].error);
		p->notes.lost += p->stage[i].lost;
		p->notes.inexact += p->stage[i].inexact;
	}
	p->notes.products[0] = p->p1 && !p->stage[0].pow2;
	p->notes.products[1] = p->p2 && !p->stage[1].pow2;
	set_residuals(lo, p);
	return rc;
}
