// SPDX-License-Identifier: MIT
/* What a CONV or an EW writes. */
#include <math.h>

#include "exact.h"
#include "pipe.h"

/* Thresholds of a SIGN: on x if nothing but linear steps lies between, else on v16. */
static void make_signs(struct bnn_lower *lo, struct bnn_pipe *p)
{
	const struct bnn_op *op = &lo->g->ops[p->chain->outp];
	struct bnn_stage_in in = bnn_pipe_stage_in(lo, p, 0);

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

/* Thresholds of O2 codes on v16. */
static void make_quarters(struct bnn_pipe *p, const struct bnn_unit *unit)
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
static int make_quantiser(struct bnn_lower *lo, struct bnn_pipe *p, const struct bnn_op *op)
{
	bool odd = op->codes <= BNNACCEL_CODES_ODD8;
	double a = ldexp(op->unit.den / op->unit.num, -p->f - odd);
	/* what is rounded to the nearest, less one half, is rounded down */
	double b = odd ? bnn_codes_max(op->codes) / 2.0 : op->floor ? -0.5 : 0;
	int s = 31;

	while (s >= 0 && (ldexp(a, s) >= 32767.5 || fabs(ldexp(b, s)) >= 0x1p31 - 1))
		s--;
	if (s < 0 || ldexp(a, s) < 0.5)
		return bnn_pipe_unsupported(lo, p,
					    "the range of its codes does not suit its values");
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
void bnn_pipe_choose_result(const struct bnn_lower *lo, struct bnn_pipe *p)
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

int bnn_pipe_set_outputs(struct bnn_lower *lo, struct bnn_pipe *p)
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
