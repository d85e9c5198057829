/* SPDX-License-Identifier: MIT */
/* The pipe behind CONV and EW: accumulators of a strip to outputs and sums. */
#include "core.h"

void param_decode(struct param *p, const uint8_t *raw, bool narrow)
{
	*p = (struct param){
		.tb = (int32_t)get32(raw + (narrow ? BNN_PARAM_NARROW_TB : BNN_PARAM_TB)),
		.inv = raw[narrow ? BNN_PARAM_NARROW_FLAGS : BNN_PARAM_FLAGS] & BNN_PARAM_FLAGS_INV
	};
	if (narrow)
		return;
	p->th1 = (int32_t)get32(raw + BNN_PARAM_TH1);
	p->th2 = (int32_t)get32(raw + BNN_PARAM_TH2);
	p->bbn = (int32_t)get32(raw + BNN_PARAM_BBN);
	p->t = (int32_t)get32(raw + BNN_PARAM_T);
	for (unsigned h = 0; h < 2; h++) {
		p->b1[h] = (int32_t)get32(raw + BNN_PARAM_B1 + 4 * h);
		p->b2[h] = (int32_t)get32(raw + BNN_PARAM_B2 + 4 * h);
		p->a1[h] = (int16_t)get16(raw + BNN_PARAM_A1 + 2 * h);
		p->a2[h] = (int16_t)get16(raw + BNN_PARAM_A2 + 2 * h);
		p->k1[h] = (int8_t)raw[BNN_PARAM_K1 + h];
		p->k2[h] = (int8_t)raw[BNN_PARAM_K2 + h];
		p->neg1[h] = raw[BNN_PARAM_FLAGS] >> (BNN_PARAM_FLAGS_NEG1_SHIFT + h) & 1;
		p->neg2[h] = raw[BNN_PARAM_FLAGS] >> (BNN_PARAM_FLAGS_NEG2_SHIFT + h) & 1;
	}
	for (unsigned i = 0; i < 3; i++)
		p->q[i] = (int16_t)get16(raw + BNN_PARAM_Q + 2 * i);
}

static int64_t sat(int64_t x, unsigned n, uint64_t *changed)
{
	return clamp_count(x, -(INT64_C(1) << (n - 1)), (INT64_C(1) << (n - 1)) - 1, changed);
}

static int64_t linear(int64_t x, int16_t a, int32_t b, unsigned sb, unsigned s)
{
	return rnd(a * x + b * (INT64_C(1) << sb), s);
}

static int64_t linear_pow2(int64_t x, int k, bool neg, int32_t b, unsigned sb, unsigned s,
			   uint64_t *changed)
{
	int64_t p;

	k = k < -31 ? -31 : k > 15 ? 15 : k;
	x = neg ? -x : x;
	p = k >= 0 ? sat(x * (INT64_C(1) << k), 40, changed) : rnd(x, (unsigned)-k);
	return rnd(p + b * (INT64_C(1) << sb), s);
}

struct residual {
	const int32_t *value; /* [pixel][channels], or NULL */
	uint32_t channels;    /* kept of a pixel */
	uint32_t period;      /* RES_C */
	uint32_t align;
	bool zero;
};

static int64_t residual_value(const struct residual *r, uint32_t pixel, uint32_t c)
{
	if (c >= r->period) {
		if (r->zero)
			return 0;
		c %= r->period;
	}
	return r->value[(size_t)pixel * r->channels + c] * (INT64_C(1) << r->align);
}

/* Reads what a strip needs of a residual tensor; with WIN, sums of four. */
static bool residual_open(struct bnn_core *core, enum ref_slot slot, uint32_t n, struct residual *r)
{
	const struct command *cmd = &core->job.cmd;
	const struct ref *t = &cmd->ref[slot];
	uint32_t word = cmd->words[slot == REF_RES1 ? 7 : 8];
	const struct bnn_field *fc = &bnn_fields[BNN_F_CONV_RES1_C];
	struct cursor at = core->job.at;
	bool win = word >> bnn_fields[BNN_F_CONV_RES1_WIN].lsb & 1;
	int32_t *out, *pairs;

	r->value = NULL;
	if (!t->used)
		return true;
	r->period = word & ((1u << fc->width) - 1);
	r->channels = min_u32(r->period, cmd->cout);
	r->zero = word >> bnn_fields[BNN_F_CONV_RES1_ZERO].lsb & 1;
	r->align = word >> bnn_fields[BNN_F_CONV_RES1_ALIGN].lsb & 15;
	out = scratch_get(core, slot == REF_RES1 ? SCRATCH_RES1 : SCRATCH_RES2,
			  (uint64_t)n * r->channels * sizeof(*out));
	if (!out)
		return false;
	r->value = out;
	if (!win)
		return tensor_read(core, t, at.y, at.x, n, r->channels, out);
	pairs = scratch_get(core, SCRATCH_VALUES, (uint64_t)2 * n * r->channels * sizeof(*pairs));
	if (!pairs)
		return false;
	for (uint32_t dy = 0; dy < 2; dy++) {
		if (!tensor_read(core, t, 2 * at.y + dy, 2 * at.x, 2 * n, r->channels, pairs))
			return false;
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t c = 0; c < r->channels; c++) {
				const int32_t *p = pairs + (size_t)2 * i * r->channels + c;
				int32_t *o = out + (size_t)i * r->channels + c;

				*o = (dy ? *o : 0) + p[0] + p[r->channels];
			}
	}
	return true;
}

struct pipe {
	bool p1, p1_pow2, p2, p2_pow2;
	bool straight; /* P1, P2, R1 and R2 are off */
	unsigned ps, s1, sb1, s2, sb2, s3;
	int16_t a3;
	int32_t b3;
	struct residual res[2];
	const struct format *outp, *outs;
	uint32_t outp_code, outs_code;
};

/* Intermediate results that outputs are made of. */
struct result {
	int64_t x, v, v16;
};

static struct result pipe_value(const struct pipe *g, const struct param *p, int64_t acc,
				uint32_t pixel, uint32_t c, uint64_t *changed)
{
	struct result o;
	int64_t u;
	unsigned h;

	o.x = u = sat(rnd(acc, g->ps), 24, changed);
	if (g->p1) {
		h = o.x >= p->th1;
		u = g->p1_pow2 ? linear_pow2(o.x, p->k1[h], p->neg1[h], p->b1[h], g->sb1, g->s1,
					     changed)
			       : linear(o.x, p->a1[h], p->b1[h], g->sb1, g->s1);
		u = sat(u, 27, changed);
	}
	for (unsigned i = 0; i < 2; i++)
		if (g->res[i].value)
			u = sat(u + residual_value(&g->res[i], pixel, c), 27, changed);
	o.v = u;
	if (g->p2) {
		h = u >= p->th2;
		o.v = g->p2_pow2 ? linear_pow2(u, p->k2[h], p->neg2[h], p->b2[h], g->sb2, g->s2,
					       changed)
				 : linear(u, p->a2[h], p->b2[h], g->sb2, g->s2);
		o.v = sat(o.v, 32, changed);
	}
	o.v16 = sat(o.v, 16, changed);
	return o;
}

/* The output quantiser: a code of f's width. */
static int64_t quantise(const struct pipe *g, const struct format *f, int64_t v16,
			uint64_t *changed)
{
	int64_t q = rnd(g->a3 * v16 + g->b3, g->s3);

	if (f->kind == KIND_SIGNED)
		return sat(q, f->width, changed);
	return clamp_count(q, 0, (INT64_C(1) << f->width) - 1, changed);
}

static bool quantised(uint32_t code)
{
	return code && code != BNN_FORMAT_B1 && code != BNN_FORMAT_O2 && code != BNN_FORMAT_S16 &&
	       code != BNN_FORMAT_E_S16 && code != BNN_FORMAT_E_S32 && code != BNN_FORMAT_E_U16;
}

static int64_t plane_code(const struct pipe *g, const struct param *p, const struct result *r,
			  uint64_t *changed)
{
	switch (g->outp_code) {
	case BNN_FORMAT_B1:
		return ((g->straight ? r->x : r->v16) >= p->tb) ^ p->inv;
	case BNN_FORMAT_O2:
		return (r->v16 >= p->q[0]) + (r->v16 >= p->q[1]) + (r->v16 >= p->q[2]);
	case BNN_FORMAT_S16:
		return r->v16;
	default:
		return quantise(g, g->outp, r->v16, changed);
	}
}

static int64_t element_code(const struct pipe *g, const struct result *r, uint64_t *changed)
{
	switch (g->outs_code) {
	case BNN_FORMAT_E_S16:
		return r->v16;
	case BNN_FORMAT_E_S32:
		return r->v;
	case BNN_FORMAT_E_U16:
		return clamp_count(r->v, 0, 32768, changed);
	default:
		return quantise(g, g->outs, r->v16, changed);
	}
}

static struct pipe pipe_open(const struct command *cmd)
{
	const uint32_t *w = cmd->words;
	struct pipe g = {
		.p1 = bnn_field_get(w, BNN_F_CONV_P1),
		.p1_pow2 = bnn_field_get(w, BNN_F_CONV_P1_POW2),
		.p2 = bnn_field_get(w, BNN_F_CONV_P2),
		.p2_pow2 = bnn_field_get(w, BNN_F_CONV_P2_POW2),
		.ps = bnn_field_get(w, BNN_F_CONV_PS),
		.s1 = bnn_field_get(w, BNN_F_CONV_S1),
		.sb1 = bnn_field_get(w, BNN_F_CONV_SB1),
		.s2 = bnn_field_get(w, BNN_F_CONV_S2),
		.sb2 = bnn_field_get(w, BNN_F_CONV_SB2),
		.s3 = bnn_field_get(w, BNN_F_CONV_S3),
		.a3 = (int16_t)bnn_field_get(w, BNN_F_CONV_A3),
		.b3 = (int32_t)bnn_field_get(w, BNN_F_CONV_B3),
		.outp_code = cmd->ref[REF_OUTP].format,
		.outs_code = cmd->ref[REF_OUTS].format,
	};

	g.outp = &formats[g.outp_code];
	g.outs = &formats[g.outs_code];
	g.straight = !g.p1 && !g.p2 && !cmd->ref[REF_RES1].used && !cmd->ref[REF_RES2].used;
	return g;
}

bool pipe_strip(struct bnn_core *core, uint32_t n)
{
	static const struct param no_param;
	const struct command *cmd = &core->job.cmd;
	struct job *job = &core->job;
	struct layer *l = &core->layer;
	struct pipe g = pipe_open(cmd);
	uint64_t size = (uint64_t)n * cmd->cout * sizeof(int32_t);
	bool same_q3 = quantised(g.outp_code) && quantised(g.outs_code) &&
		       g.outp->width == g.outs->width &&
		       (g.outp->kind == KIND_SIGNED) == (g.outs->kind == KIND_SIGNED);
	uint64_t changed = 0, again = 0;
	int32_t *planes = NULL, *elements = NULL;

	if (!residual_open(core, REF_RES1, n, &g.res[0]) ||
	    !residual_open(core, REF_RES2, n, &g.res[1]))
		return false;
	if (g.outp_code && !(planes = scratch_get(core, SCRATCH_CODES, size)))
		return false;
	if (g.outs_code && !(elements = scratch_get(core, SCRATCH_CODES2, size)))
		return false;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t c = 0; c < cmd->cout; c++) {
			size_t at = (size_t)i * cmd->cout + c;
			const struct param *p = l->param ? &l->param[c] : &no_param;
			struct result r = pipe_value(&g, p, l->acc[at], i, c, &changed);

			if (planes)
				planes[at] = (int32_t)plane_code(&g, p, &r, &changed);
			if (elements)
				elements[at] =
					(int32_t)element_code(&g, &r, same_q3 ? &again : &changed);
			job->sum[c] += (uint32_t)r.v16;
		}
	charge_ops(core, (uint64_t)n * cmd->cout);
	count(core, BNN_COUNTER_SATURATED, changed);
	return (!planes ||
		tensor_write(core, &cmd->ref[REF_OUTP], job->at.y, job->at.x, n, planes)) &&
	       (!elements ||
		tensor_write(core, &cmd->ref[REF_OUTS], job->at.y, job->at.x, n, elements));
}
