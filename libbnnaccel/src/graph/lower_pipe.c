// SPDX-License-Identifier: MIT
/*
 * CONV and EW. Fields of EW lie where CONV has them, so both are written through
 * the names of CONV.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "exact.h"
#include "lower.h"
#include "pack.h"
#include "stage.h"

/* One chain on its way to a command. */
struct pipe {
	const struct bnn_chain *chain;
	const struct bnn_op *final;
	struct bnn_node node;
	struct bnn_unit unit;  /* of x */
	struct bnn_unit input; /* of the codes that a CONV reads */
	bool frac, p1, p2, threshold;
	bool wide;   /* result of 32 bits */
	int f_u, f;  /* binary points of u and v */
	int f_least; /* that u must have for its residuals */
	uint32_t c;
	struct bnn_stage stage[2];
	int32_t *tb; /* [c], of a SIGN output */
	bool *inv;
	int32_t *t; /* [c], gates */
	int16_t q[3];
	struct bnn_pipe_notes notes;
};

static int unsupported(struct bnn_lower *lo, const struct pipe *p, const char *what)
{
	return bnn_fail(lo->error, BNNACCEL_ERR_UNSUPPORTED, "graph %s: %s: %s", lo->g->name,
			p->final->name, what);
}

/* Shift that brings sums of at most `bound` into the 24 bits of x. */
static unsigned int pre_shift(uint64_t bound)
{
	unsigned int ps = 0;

	while ((bound >> ps) + 1 > 0x7fffff)
		ps++;
	return ps;
}

/* Largest magnitude of a weight format. */
static uint64_t largest_weight(unsigned int wformat)
{
	unsigned int bits = bnn_wformat_bits(wformat);

	if (wformat == BNN_WFORMAT_T)
		return 1;
	return wformat == BNN_WFORMAT_S4 || wformat == BNN_WFORMAT_S8 ? 1ull << (bits - 1)
								      : (1ull << bits) - 1;
}

static int conv_source(struct bnn_lower *lo, struct pipe *p, uint64_t *bound)
{
	const struct bnn_op *op = &lo->g->ops[p->chain->source];
	const struct bnn_op *x = &lo->g->ops[op->in[0]];
	const struct bnn_places *from = &lo->at[op->in[0]];
	bool codes = x->domain == BNN_DOMAIN_CODES;
	unsigned int format = !codes	  ? BNN_FORMAT_S16
			      : x->packed ? bnn_codes_packed(x->codes)
					  : bnn_codes_format(x->codes);
	uint32_t *words = p->node.words;
	uint64_t abs = codes ? (uint64_t)bnn_codes_abs(x->codes) : 32768, bytes, wmax;
	uint8_t *data;

	p->input = codes ? x->unit : (struct bnn_unit){ ldexp(1, -from->f), 1 };
	p->unit = p->input;
	p->frac = op->conv.gates;
	*bound = bnn_weights_norm(op) * abs;
	wmax = largest_weight(op->conv.wformat);
	if (op->conv.k * abs * wmax > INT32_MAX)
		return unsupported(
			lo, p, "its sums could exceed 32 bits; quantise its input to fewer bits");
	if (!codes && op->conv.pad_mode)
		return unsupported(lo, p, "padding with +-1 needs an input of codes");
	bnn_lower_init(&p->node, BNN_CMD_CONV, p->final);
	bnn_field_set(words, BNN_F_CONV_FRAC, p->frac);
	bnn_field_set(words, BNN_F_CONV_H, x->h);
	bnn_field_set(words, BNN_F_CONV_W, x->w);
	bnn_field_set(words, BNN_F_CONV_CIN, x->c);
	bnn_field_set(words, BNN_F_CONV_COUT, op->c);
	bnn_field_set(words, BNN_F_CONV_KH, op->conv.kh);
	bnn_field_set(words, BNN_F_CONV_KW, op->conv.kw);
	bnn_field_set(words, BNN_F_CONV_SH, op->conv.sh);
	bnn_field_set(words, BNN_F_CONV_SW, op->conv.sw);
	bnn_field_set(words, BNN_F_CONV_DH, op->conv.dh);
	bnn_field_set(words, BNN_F_CONV_DW, op->conv.dw);
	bnn_field_set(words, BNN_F_CONV_PAD_T, op->conv.pad_t);
	bnn_field_set(words, BNN_F_CONV_PAD_L, op->conv.pad_l);
	bnn_field_set(words, BNN_F_CONV_PAD_B, op->conv.pad_b);
	bnn_field_set(words, BNN_F_CONV_PAD_R, op->conv.pad_r);
	bnn_field_set(words, BNN_F_CONV_PAD_MODE, op->conv.pad_mode);
	data = bnn_weights_pack(op, words, &bytes);
	if (!data)
		return bnn_fail(lo->error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory",
				lo->g->name);
	p->node.ref[BNN_SLOT_WEIGHT] = bnn_lower_value(lo, BNN_ROLE_CONST, 0, 0, 0, (uint32_t)bytes,
						       0, data, op->name, ".weights");
	if (codes) {
		p->node.ref[BNN_SLOT_IN] = from->codes;
	} else if (from->planes != BNN_NO_VALUE) {
		p->node.ref[BNN_SLOT_IN] = from->planes;
	} else {
		format = BNN_FORMAT_E_S16;
		p->node.ref[BNN_SLOT_IN] = from->stream;
	}
	bnn_field_set(words, BNN_F_CONV_IN_FORMAT, format);
	return 0;
}

static void ew_source(struct bnn_lower *lo, struct pipe *p, uint64_t *bound)
{
	const struct bnn_chain *chain = p->chain;
	const struct bnn_op *x = &lo->g->ops[chain->source];
	bool mean = chain->mean;
	const struct bnn_places *from = &lo->at[mean ? x->in[0] : chain->source];
	uint32_t *words = p->node.words;

	bnn_lower_init(&p->node, BNN_CMD_EW, p->final);
	bnn_field_set(words, BNN_F_CONV_H, x->h);
	bnn_field_set(words, BNN_F_CONV_W, x->w);
	bnn_field_set(words, BNN_F_CONV_COUT, x->c);
	p->unit = (struct bnn_unit){ ldexp(1, -from->f), 1 };
	*bound = 32768;
	if (mean) {
		const struct bnn_op *before = &lo->g->ops[x->in[0]];

		p->unit.den = before->h * before->w;
		*bound *= p->unit.den;
	}
	p->node.ref[BNN_SLOT_IN] = mean ? from->sum : from->stream;
	bnn_field_set(words, BNN_F_CONV_IN_FORMAT, mean ? BNN_FORMAT_E_S32 : BNN_FORMAT_E_S16);
}

static bool is_sign(const struct bnn_lower *lo, int op)
{
	return op != BNN_NONE && lo->g->ops[op].kind == BNN_OP_SIGN;
}

static struct bnn_stage_in stage_in(const struct bnn_lower *lo, const struct pipe *p, int stage)
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
	struct pipe p = { .chain = chain, .final = &lo->g->ops[chain->final] };
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
	in = stage_in(lo, &p, 0);
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

/* The binary point of u: bits below the finest residual, while the sums fit 27 bits. */
static int choose_inner_point(struct bnn_lower *lo, struct pipe *p)
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
		return unsupported(lo, p,
				   chain->residuals
					   ? "the tensors that are added have formats too far apart"
					   : "its values may be too large for any format; "
					     "calibrate with images");
	p->f_u = f;
	p->f_least = least;
	return 0;
}

/*
 * Few sums with many bits behind the point would need slopes beyond 16 bits: such a
 * tensor has less information than its format could hold, so the format gives way.
 */
static int yield_points(struct bnn_lower *lo, struct pipe *p)
{
	bool fixed =
		p->chain->gates || (p->chain->result && lo->g->output.kind == BNNACCEL_OUTPUT_INT);
	struct bnn_stage_in in = stage_in(lo, p, 0);
	int excess = p->p1 ? bnn_stage_excess(&in, p->c) : 0;

	if (excess && p->p2) {
		p->f_u -= excess;
		if (p->f_u < p->f_least)
			return unsupported(lo, p,
					   "its scales are too large beside what is added; rescale "
					   "the network");
		excess = 0;
	}
	if (p->p2) {
		in = stage_in(lo, p, 1);
		excess = bnn_stage_excess(&in, p->c);
	}
	if (!excess)
		return 0;
	p->f -= excess;
	p->f_u -= p->p2 ? 0 : excess;
	if (fixed || p->f < -8)
		return unsupported(lo, p,
				   "its scales or offsets are too large; rescale the network");
	if (!p->chain->result)
		lo->at[p->chain->final].f = p->f;
	return 0;
}

static void set_residuals(struct bnn_lower *lo, struct pipe *p)
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

static int make_stages(struct bnn_lower *lo, struct pipe *p)
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
		in = stage_in(lo, p, 0);
		rc = bnn_stage_make(&in, p->c, &p->stage[0], lo->error);
		bnn_field_set(words, BNN_F_CONV_P1, 1);
		bnn_field_set(words, BNN_F_CONV_P1_POW2, p->stage[0].pow2);
		bnn_field_set(words, BNN_F_CONV_S1, p->stage[0].s);
		bnn_field_set(words, BNN_F_CONV_SB1, p->stage[0].sb);
	}
	if (!rc && p->p2) {
		in = stage_in(lo, p, 1);
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

/* Thresholds of a SIGN: on x if nothing but linear steps lies between, else on v16. */
static void make_signs(struct bnn_lower *lo, struct pipe *p)
{
	const struct bnn_op *op = &lo->g->ops[p->chain->outp];
	struct bnn_stage_in in = stage_in(lo, p, 0);

	if (!p->threshold)
		in = (struct bnn_stage_in){ .g = lo->g,
					    .unit = { ldexp(1, -p->f), 1 },
					    .frame = { 1, 1 },
					    .lo = INT16_MIN,
					    .hi = INT16_MAX };
	for (uint32_t c = 0; c < p->c; c++) {
		bool lost = false;
		int64_t first;

		p->inv[c] = bnn_stage_threshold(&in, c, in.count,
						op->threshold ? (double)op->threshold[c] : 0,
						&first, &lost);
		p->tb[c] = (int32_t)first;
		p->notes.inexact += lost;
	}
}

static void make_gates(struct bnn_lower *lo, struct pipe *p)
{
	const struct bnn_op *op = &lo->g->ops[p->chain->source];
	int64_t k = op->conv.k;

	for (uint32_t c = 0; c < p->c; c++) {
		int64_t first = bnn_gate_first(op, &p->input, c);

		p->t[c] = (int32_t)first;
		p->notes.never += first > k;
		p->notes.always += first <= -k;
	}
}

/* Thresholds of O2 codes on v16. */
static void make_quarters(struct pipe *p, const struct bnn_unit *unit)
{
	for (int i = 0; i < 3; i++) {
		struct bnn_exact_chain chain = {
			.num = ldexp(unit->den, -p->f),
			.den = 1,
			.bound = 2 * (i - 1) * unit->num,
		};
		bool lost = false;
		int64_t first;

		bnn_exact_first(&chain, INT16_MIN, INT16_MAX, &first, &lost);
		p->q[i] = (int16_t)(first > INT16_MAX ? INT16_MAX : first);
	}
}

/* A3, B3, S3: code = v16 / (unit * 2^f), or half of that and up for odd codes. */
static int make_quantiser(struct bnn_lower *lo, struct pipe *p, const struct bnn_op *op)
{
	bool odd = op->codes <= BNNACCEL_CODES_ODD8;
	double a = ldexp(op->unit.den / op->unit.num, -p->f - odd);
	/* what is rounded to the nearest, less one half, is rounded down */
	double b = odd ? bnn_codes_max(op->codes) / 2.0 : op->floor ? -0.5 : 0;
	int s = 31;

	while (s >= 0 && (ldexp(a, s) >= 32767.5 || fabs(ldexp(b, s)) >= 0x1p31 - 1))
		s--;
	if (s < 0 || ldexp(a, s) < 0.5)
		return unsupported(lo, p, "the range of its codes does not suit its values");
	while (s > 0 && !((int64_t)floor(ldexp(a, s) + 0.5) & 1) && !((int64_t)ldexp(b, s) & 1))
		s--;
	bnn_field_set(p->node.words, BNN_F_CONV_A3, (uint32_t)floor(ldexp(a, s) + 0.5));
	bnn_field_set(p->node.words, BNN_F_CONV_B3, (uint32_t)(int64_t)ldexp(b, s));
	bnn_field_set(p->node.words, BNN_F_CONV_S3, (uint32_t)s);
	return 0;
}

/*
 * Format of the result. Unless the caller has chosen, 16 bits if they do; else 32,
 * but then real numbers get 9 bits behind the point, not all there are: v16 is
 * computed as well, and should not saturate, or counters would show it.
 */
static void choose_result(const struct bnn_lower *lo, struct pipe *p)
{
	double max = bnn_range_max(&lo->ranges[p->chain->final]);
	unsigned int bits = lo->g->output.bits;
	int f16 = bnn_lower_point(max, 16), f27 = bnn_lower_point(max, 27);

	p->wide = bits == 32;
	if (lo->g->output.kind == BNNACCEL_OUTPUT_INT) {
		p->wide |= !bits && f16 < 0;
		p->f = 0;
		return;
	}
	p->f = p->wide ? f27 : f16;
	if (!bits && f16 < 8) {
		p->wide = true;
		p->f = f27 < 9 ? f27 : 9;
	}
}

static int set_outputs(struct bnn_lower *lo, struct pipe *p)
{
	const struct bnn_chain *chain = p->chain;
	const struct bnn_op *final = p->final;
	struct bnn_places *at = &lo->at[chain->final];
	uint32_t *words = p->node.words;
	unsigned int format;
	int rc = 0;

	if (chain->outp != BNN_NONE) {
		const struct bnn_op *op = &lo->g->ops[chain->outp];
		enum bnn_role role = chain->outp == lo->g->result ? BNN_ROLE_OUTPUT : BNN_ROLE_TEMP;

		format = bnn_codes_format(op->codes);
		if (op->kind == BNN_OP_SIGN)
			make_signs(lo, p);
		else if (op->codes == BNNACCEL_CODES_ODD2)
			make_quarters(p, &op->unit);
		else
			rc = make_quantiser(lo, p, op);
		p->node.ref[BNN_SLOT_OUTP] = lo->at[chain->outp].codes = bnn_lower_value(
			lo, role, format, op->h, op->w, op->c, 0, NULL, op->name, "");
		bnn_field_set(words, BNN_F_CONV_OUTP_FORMAT, format);
	} else if (chain->planes) {
		p->node.ref[BNN_SLOT_OUTP] = at->planes =
			bnn_lower_value(lo, BNN_ROLE_TEMP, BNN_FORMAT_S16, final->h, final->w,
					final->c, p->f, NULL, final->name, ".planes");
		bnn_field_set(words, BNN_F_CONV_OUTP_FORMAT, BNN_FORMAT_S16);
	}
	if (chain->outs != BNN_NONE) {
		const struct bnn_op *op = &lo->g->ops[chain->outs];

		format = bnn_codes_packed(op->codes);
		rc = rc ? rc : make_quantiser(lo, p, op);
		p->node.ref[BNN_SLOT_OUTS] = lo->at[chain->outs].codes = bnn_lower_value(
			lo, BNN_ROLE_TEMP, format, op->h, op->w, op->c, 0, NULL, op->name, "");
		bnn_field_set(words, BNN_F_CONV_OUTS_FORMAT, format);
	}
	/* planes could not be made beside codes: then the stream is read */
	if (chain->result || ((chain->stream || (chain->planes && at->planes == BNN_NO_VALUE)) &&
			      at->stream == BNN_NO_VALUE)) {
		format = chain->result && p->wide ? BNN_FORMAT_E_S32 : BNN_FORMAT_E_S16;
		p->node.ref[BNN_SLOT_OUTS] =
			bnn_lower_value(lo, chain->result ? BNN_ROLE_OUTPUT : BNN_ROLE_TEMP, format,
					final->h, final->w, final->c, p->f, NULL, final->name, "");
		if (!chain->result)
			at->stream = p->node.ref[BNN_SLOT_OUTS];
		bnn_field_set(words, BNN_F_CONV_OUTS_FORMAT, format);
	}
	if (chain->gates) {
		p->node.ref[BNN_SLOT_OUTS] = at->gate =
			bnn_lower_value(lo, BNN_ROLE_TEMP, BNN_FORMAT_E_U16, 1, 1, final->c, p->f,
					NULL, final->name, "");
		bnn_field_set(words, BNN_F_CONV_OUTS_FORMAT, BNN_FORMAT_E_U16);
	}
	if (chain->sum) {
		p->node.ref[BNN_SLOT_SUM] = at->sum =
			bnn_lower_value(lo, BNN_ROLE_TEMP, BNN_FORMAT_E_S32, 1, 1, final->c, p->f,
					NULL, final->name, ".sum");
		bnn_field_set(words, BNN_F_CONV_SUM_EN, 1);
	}
	return rc;
}

/* Where a stage has its parameters in a record. */
struct stage_places {
	unsigned int th, b, a, k, neg;
};

static void put_stage(const struct bnn_stage *s, const struct stage_places *at, uint32_t c,
		      uint8_t *to)
{
	bnn_bytes32(to + at->th, s->th[c]);
	for (unsigned int i = 0; i < 2; i++) {
		bnn_bytes32(to + at->b + 4 * i, s->b[2 * c + i]);
		if (s->pow2) {
			to[at->k + i] = (uint8_t)s->k[2 * c + i];
			if (s->a[2 * c + i] < 0)
				to[BNN_PARAM_FLAGS] |= (uint8_t)(1u << (at->neg + i));
		} else {
			bnn_bytes16(to + at->a + 2 * i, s->a[2 * c + i]);
		}
	}
}

static void put_record(const struct pipe *p, uint32_t c, uint8_t *to)
{
	static const struct stage_places places[] = {
		{ BNN_PARAM_TH1, BNN_PARAM_B1, BNN_PARAM_A1, BNN_PARAM_K1,
		  BNN_PARAM_FLAGS_NEG1_SHIFT },
		{ BNN_PARAM_TH2, BNN_PARAM_B2, BNN_PARAM_A2, BNN_PARAM_K2,
		  BNN_PARAM_FLAGS_NEG2_SHIFT },
	};

	if (p->p1)
		put_stage(&p->stage[0], &places[0], c, to);
	if (p->p2)
		put_stage(&p->stage[1], &places[1], c, to);
	if (p->chain->gate != BNN_NONE)
		bnn_bytes32(to + BNN_PARAM_BBN, p->stage[1].bbn[c]);
	bnn_bytes32(to + BNN_PARAM_TB, p->tb[c]);
	bnn_bytes32(to + BNN_PARAM_T, p->t[c]);
	to[BNN_PARAM_FLAGS] |= p->inv[c] ? BNN_PARAM_FLAGS_INV : 0;
	for (int i = 0; i < 3; i++)
		bnn_bytes16(to + BNN_PARAM_Q + 2 * i, p->q[i]);
}

static int set_params(struct bnn_lower *lo, struct pipe *p)
{
	bool narrow = p->threshold && !p->frac;
	uint32_t size = narrow ? BNN_SIZEOF_PARAM_NARROW : BNN_SIZEOF_PARAM;
	uint8_t *data;

	bnn_field_set(p->node.words, BNN_F_CONV_NARROW, narrow);
	if (!bnn_command_needs_param(p->node.words))
		return 0;
	data = calloc(p->c, size);
	if (!data)
		return bnn_fail(lo->error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory",
				lo->g->name);
	for (uint32_t c = 0; c < p->c; c++) {
		if (narrow) {
			bnn_bytes32(data + c * size + BNN_PARAM_NARROW_TB, p->tb[c]);
			data[c * size + BNN_PARAM_NARROW_FLAGS] =
				p->inv[c] ? BNN_PARAM_FLAGS_INV : 0;
		} else {
			put_record(p, c, data + c * size);
		}
	}
	p->node.ref[BNN_SLOT_PARAM] = bnn_lower_value(lo, BNN_ROLE_CONST, 0, 0, 0, p->c * size, 0,
						      data, p->final->name, ".params");
	return 0;
}

/* The records as they are with the gates of this image. */
static int fold_gate(struct bnn_lower *lo, struct pipe *p)
{
	struct bnn_node fold;

	bnn_lower_init(&fold, BNN_CMD_GATEFOLD, p->final);
	bnn_field_set(fold.words, BNN_F_GATEFOLD_C, p->c);
	fold.ref[BNN_SLOT_IN] = lo->at[p->chain->gate].gate;
	fold.ref[BNN_SLOT_PARAM] = p->node.ref[BNN_SLOT_PARAM];
	fold.ref[BNN_SLOT_OUTP] =
		bnn_lower_value(lo, BNN_ROLE_TEMP, 0, 0, 0, p->c * BNN_SIZEOF_PARAM, 0, NULL,
				p->final->name, ".gated");
	p->node.ref[BNN_SLOT_PARAM] = fold.ref[BNN_SLOT_OUTP];
	return bnn_lower_node(lo, &fold);
}

static int lower(struct bnn_lower *lo, struct pipe *p)
{
	const struct bnn_chain *chain = p->chain;
	uint64_t bound;
	unsigned int ps;
	int rc = 0;

	if (chain->conv)
		rc = conv_source(lo, p, &bound);
	else
		ew_source(lo, p, &bound);
	if (rc)
		return rc;
	ps = pre_shift(bound);
	p->unit.num = ldexp(p->unit.num, (int)ps);
	bnn_field_set(p->node.words, BNN_F_CONV_PS, ps);
	p->f = lo->at[chain->final].f;
	if (chain->result)
		choose_result(lo, p);
	p->f_u = p->f;
	p->notes.f = p->f;
	p->notes.ps = ps;
	p->threshold = is_sign(lo, chain->outp) && chain->outs == BNN_NONE && !chain->stream &&
		       !chain->sum && !chain->planes && !chain->residuals && !chain->count[1] &&
		       !chain->bent[0];
	if (!p->threshold)
		rc = make_stages(lo, p);
	if (!rc && p->frac)
		make_gates(lo, p);
	if (!rc)
		rc = set_outputs(lo, p);
	if (!rc)
		rc = set_params(lo, p);
	if (!rc && chain->gate != BNN_NONE)
		rc = fold_gate(lo, p);
	if (!rc)
		rc = bnn_lower_node(lo, &p->node);
	if (!rc)
		bnn_report_chain(lo, chain, &p->notes);
	return rc;
}

int bnn_lower_chain(struct bnn_lower *lo, const struct bnn_chain *chain)
{
	struct pipe p = { .chain = chain, .final = &lo->g->ops[chain->final] };
	int rc;

	p.c = p.final->c;
	p.tb = calloc(p.c, sizeof(*p.tb));
	p.t = calloc(p.c, sizeof(*p.t));
	p.inv = calloc(p.c, sizeof(*p.inv));
	if (p.tb && p.t && p.inv)
		rc = lower(lo, &p);
	else
		rc = bnn_fail(lo->error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory",
			      lo->g->name);
	bnn_stage_free(&p.stage[0]);
	bnn_stage_free(&p.stage[1]);
	free(p.tb);
	free(p.t);
	free(p.inv);
	return rc;
}
