// SPDX-License-Identifier: MIT
/* The pipe of CONV and EW: docs/arithmetic.md, section 4. */
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

/* One linear stage, P1 or P2, of one channel. */
struct stage {
	int32_t threshold;
	int64_t offset[2]; /* B << SB */
	int16_t slope[2];
	int8_t exponent[2];
	bool negative[2];
};

struct channel {
	struct stage p1, p2;
	int32_t tb, gate;
	int16_t q[3];
	bool invert;
};

struct residual {
	bool on, win, zero;
	uint32_t c, align;
	struct bnn_cpu_tensor tensor;
	int32_t *values; /* of one pixel */
	int32_t *window; /* of one pixel of a 2x2 window */
};

/* Q3: the output quantiser of n bits. */
struct quantiser {
	uint32_t n;
	bool is_signed;
};

struct bnn_cpu_pipe {
	const uint32_t *words;
	uint32_t cout;
	bool p1, p1_pow2, p2, p2_pow2, narrow, bypass, sum_on;
	uint32_t ps, s1, sb1, s2, sb2, s3, outp_format, outs_format;
	int32_t a3, b3;
	struct quantiser outp_q, outs_q;
	struct residual res1, res2;
	struct bnn_cpu_tensor outp, outs;
	struct channel *channels;
	int32_t *outp_codes, *outs_codes;
	uint32_t *sums;
	uint8_t *sum_data;
};

#define GET(field) bnn_field_get(words, BNN_F_CONV_##field)

static bool residual_init(struct residual *res, uint32_t word, uint32_t format)
{
	*res = (struct residual){
		.on = format != BNN_FORMAT_NONE,
		.c = word & 0x3fff,
		.win = word >> 14 & 1,
		.zero = word >> 15 & 1,
		.align = word >> 16 & 15,
	};
	if (!res->on)
		return true;
	res->values = calloc(res->c, sizeof(int32_t));
	res->window = calloc(res->c, sizeof(int32_t));
	return res->values && res->window;
}

static struct quantiser quantiser_of(uint32_t format)
{
	return (struct quantiser){
		.n = bnn_format_width(format),
		.is_signed = bnn_format_kind(format) == BNN_KIND_SIGNED,
	};
}

struct bnn_cpu_pipe *bnn_cpu_pipe_new(const uint32_t *words)
{
	struct bnn_cpu_pipe *pipe = calloc(1, sizeof(*pipe));
	bool ok;

	if (!pipe)
		return NULL;
	pipe->words = words;
	pipe->cout = GET(COUT);
	pipe->p1 = GET(P1);
	pipe->p1_pow2 = GET(P1_POW2);
	pipe->p2 = GET(P2);
	pipe->p2_pow2 = GET(P2_POW2);
	pipe->narrow = GET(NARROW);
	pipe->sum_on = GET(SUM_EN);
	pipe->ps = GET(PS);
	pipe->s1 = GET(S1);
	pipe->sb1 = GET(SB1);
	pipe->s2 = GET(S2);
	pipe->sb2 = GET(SB2);
	pipe->s3 = GET(S3);
	pipe->a3 = (int16_t)GET(A3);
	pipe->b3 = (int32_t)GET(B3);
	pipe->outp_format = GET(OUTP_FORMAT);
	pipe->outs_format = GET(OUTS_FORMAT);
	pipe->outp_q = quantiser_of(pipe->outp_format);
	pipe->outs_q = quantiser_of(pipe->outs_format);
	ok = residual_init(&pipe->res1, words[7], GET(RES1_FORMAT));
	ok &= residual_init(&pipe->res2, words[8], GET(RES2_FORMAT));
	pipe->bypass = !pipe->p1 && !pipe->p2 && !pipe->res1.on && !pipe->res2.on;
	pipe->channels = calloc(pipe->cout, sizeof(*pipe->channels));
	pipe->outp_codes = calloc(pipe->cout, sizeof(int32_t));
	pipe->outs_codes = calloc(pipe->cout, sizeof(int32_t));
	pipe->sums = calloc(pipe->cout, sizeof(uint32_t));
	if (!ok || !pipe->channels || !pipe->outp_codes || !pipe->outs_codes || !pipe->sums) {
		bnn_cpu_pipe_free(pipe);
		return NULL;
	}
	return pipe;
}

void bnn_cpu_pipe_free(struct bnn_cpu_pipe *pipe)
{
	if (!pipe)
		return;
	free(pipe->res1.values);
	free(pipe->res1.window);
	free(pipe->res2.values);
	free(pipe->res2.window);
	free(pipe->channels);
	free(pipe->outp_codes);
	free(pipe->outs_codes);
	free(pipe->sums);
	free(pipe);
}

static void read_record(struct channel *ch, const uint8_t *r, uint32_t sb1, uint32_t sb2)
{
	uint8_t flags = r[BNN_PARAM_FLAGS];
	int h;

	ch->p1.threshold = (int32_t)bnn_le32_at(r + BNN_PARAM_TH1);
	ch->p2.threshold = (int32_t)bnn_le32_at(r + BNN_PARAM_TH2);
	ch->tb = (int32_t)bnn_le32_at(r + BNN_PARAM_TB);
	ch->gate = (int32_t)bnn_le32_at(r + BNN_PARAM_T);
	ch->invert = flags & BNN_PARAM_FLAGS_INV;
	for (h = 0; h < 2; h++) {
		ch->p1.offset[h] = (int32_t)bnn_le32_at(r + BNN_PARAM_B1 + 4 * h) * (1ll << sb1);
		ch->p2.offset[h] = (int32_t)bnn_le32_at(r + BNN_PARAM_B2 + 4 * h) * (1ll << sb2);
		ch->p1.slope[h] = (int16_t)bnn_le16_at(r + BNN_PARAM_A1 + 2 * h);
		ch->p2.slope[h] = (int16_t)bnn_le16_at(r + BNN_PARAM_A2 + 2 * h);
		ch->p1.exponent[h] = (int8_t)r[BNN_PARAM_K1 + h];
		ch->p2.exponent[h] = (int8_t)r[BNN_PARAM_K2 + h];
		ch->p1.negative[h] = flags >> (BNN_PARAM_FLAGS_NEG1_SHIFT + h) & 1;
		ch->p2.negative[h] = flags >> (BNN_PARAM_FLAGS_NEG2_SHIFT + h) & 1;
	}
	for (h = 0; h < 3; h++)
		ch->q[h] = (int16_t)bnn_le16_at(r + BNN_PARAM_Q + 2 * h);
}

static void start_tensor(struct bnn_cpu_tensor *tensor, const uint32_t *words, enum bnn_slot slot,
			 uint8_t *const *slots)
{
	struct bnn_slot_info info;

	bnn_slot_describe(words, slot, &info);
	if (info.kind == BNN_SLOT_TENSOR)
		bnn_cpu_tensor(tensor, &info, slots[slot]);
}

void bnn_cpu_pipe_start(struct bnn_cpu_pipe *pipe, uint8_t *const *slots)
{
	const uint8_t *records = slots[BNN_SLOT_PARAM];
	uint32_t c;

	start_tensor(&pipe->outp, pipe->words, BNN_SLOT_OUTP, slots);
	start_tensor(&pipe->outs, pipe->words, BNN_SLOT_OUTS, slots);
	start_tensor(&pipe->res1.tensor, pipe->words, BNN_SLOT_RES1, slots);
	start_tensor(&pipe->res2.tensor, pipe->words, BNN_SLOT_RES2, slots);
	memset(pipe->sums, 0, pipe->cout * sizeof(*pipe->sums));
	pipe->sum_data = slots[BNN_SLOT_SUM];
	if (!bnn_command_needs_param(pipe->words))
		return;
	for (c = 0; c < pipe->cout; c++) {
		if (pipe->narrow) {
			const uint8_t *r = records + c * BNN_SIZEOF_PARAM_NARROW;

			pipe->channels[c].tb = (int32_t)bnn_le32_at(r + BNN_PARAM_NARROW_TB);
			pipe->channels[c].invert = r[BNN_PARAM_NARROW_FLAGS] & 1;
		} else {
			read_record(&pipe->channels[c], records + c * BNN_SIZEOF_PARAM, pipe->sb1,
				    pipe->sb2);
		}
	}
}

int32_t bnn_cpu_pipe_gate(const struct bnn_cpu_pipe *pipe, uint32_t channel)
{
	return pipe->channels[channel].gate;
}

static void load_residual(struct residual *res, uint32_t y, uint32_t x)
{
	uint32_t c, i;

	if (!res->on)
		return;
	if (!res->win) {
		bnn_cpu_load(&res->tensor, y, x, res->values);
		return;
	}
	bnn_cpu_load(&res->tensor, 2 * y, 2 * x, res->values);
	for (i = 1; i < 4; i++) {
		bnn_cpu_load(&res->tensor, 2 * y + i / 2, 2 * x + i % 2, res->window);
		for (c = 0; c < res->c; c++)
			res->values[c] += res->window[c];
	}
}

static inline int64_t residual_value(const struct residual *res, uint32_t c)
{
	if (c >= res->c) {
		if (res->zero)
			return 0;
		c %= res->c;
	}
	return res->values[c] * (1ll << res->align);
}

static inline int64_t linear(const struct stage *st, bool pow2, unsigned int shift, int64_t x,
			     uint64_t *saturated)
{
	int h = x >= st->threshold;
	int64_t s, p;
	int k;

	if (!pow2)
		return bnn_rnd(st->slope[h] * x + st->offset[h], shift);
	s = st->negative[h] ? -x : x;
	k = st->exponent[h] < -31 ? -31 : st->exponent[h] > 15 ? 15 : st->exponent[h];
	p = k >= 0 ? bnn_sat(s * (1ll << k), 40, saturated) : bnn_rnd(s, -k);
	return bnn_rnd(p + st->offset[h], shift);
}

static int32_t quantise(const struct quantiser *q, int64_t x, uint64_t *saturated)
{
	return (int32_t)(q->is_signed ? bnn_sat(x, q->n, saturated) : bnn_usat(x, q->n, saturated));
}

/* Code of OUTP; `q3` is A3*v16 + B3, rounded. */
static inline int32_t outp_code(const struct bnn_cpu_pipe *pipe, const struct channel *ch,
				int64_t x, int32_t v16, int64_t q3, uint64_t *saturated)
{
	switch (pipe->outp_format) {
	case BNN_FORMAT_B1:
		return ((pipe->bypass ? x : v16) >= ch->tb) ^ ch->invert;
	case BNN_FORMAT_O2:
		return (v16 >= ch->q[0]) + (v16 >= ch->q[1]) + (v16 >= ch->q[2]);
	case BNN_FORMAT_S16:
		return v16;
	default:
		return quantise(&pipe->outp_q, q3, saturated);
	}
}

static inline int32_t outs_code(const struct bnn_cpu_pipe *pipe, int64_t v, int32_t v16, int64_t q3,
				uint64_t *saturated)
{
	uint64_t counted_at_outp = 0;

	switch (pipe->outs_format) {
	case BNN_FORMAT_E_S16:
		return v16;
	case BNN_FORMAT_E_S32:
		return (int32_t)v;
	case BNN_FORMAT_E_U16:
		return (int32_t)bnn_clamp(v, 0, 32768, saturated);
	default:
		/* The same clamp for both outputs is one value, so it counts once. */
		if (pipe->outp_format > BNN_FORMAT_O2 && pipe->outp_format != BNN_FORMAT_S16 &&
		    pipe->outp_q.n == pipe->outs_q.n &&
		    pipe->outp_q.is_signed == pipe->outs_q.is_signed)
			saturated = &counted_at_outp;
		return quantise(&pipe->outs_q, q3, saturated);
	}
}

void bnn_cpu_pipe_pixel(struct bnn_cpu_pipe *pipe, uint32_t y, uint32_t x, const int32_t *acc,
			uint64_t *saturated)
{
	uint64_t clamps = 0;
	uint32_t c;

	load_residual(&pipe->res1, y, x);
	load_residual(&pipe->res2, y, x);
	for (c = 0; c < pipe->cout; c++) {
		const struct channel *ch = &pipe->channels[c];
		int64_t p0 = bnn_sat(bnn_rnd(acc[c], pipe->ps), 24, &clamps);
		int64_t u = p0, v, q3;
		int32_t v16;

		if (pipe->p1)
			u = bnn_sat(linear(&ch->p1, pipe->p1_pow2, pipe->s1, u, &clamps), 27,
				    &clamps);
		if (pipe->res1.on)
			u = bnn_sat(u + residual_value(&pipe->res1, c), 27, &clamps);
		if (pipe->res2.on)
			u = bnn_sat(u + residual_value(&pipe->res2, c), 27, &clamps);
		v = u;
		if (pipe->p2)
			v = bnn_sat(linear(&ch->p2, pipe->p2_pow2, pipe->s2, u, &clamps), 32,
				    &clamps);
		v16 = (int32_t)bnn_sat(v, 16, &clamps);
		q3 = bnn_rnd((int64_t)pipe->a3 * v16 + pipe->b3, pipe->s3);
		pipe->sums[c] += (uint32_t)v16;
		if (pipe->outp_format)
			pipe->outp_codes[c] = outp_code(pipe, ch, p0, v16, q3, &clamps);
		if (pipe->outs_format)
			pipe->outs_codes[c] = outs_code(pipe, v, v16, q3, &clamps);
	}
	if (pipe->outp_format)
		bnn_cpu_store(&pipe->outp, y, x, pipe->outp_codes);
	if (pipe->outs_format)
		bnn_cpu_store(&pipe->outs, y, x, pipe->outs_codes);
	*saturated += clamps;
}

void bnn_cpu_pipe_finish(struct bnn_cpu_pipe *pipe)
{
	uint32_t c;

	for (c = 0; pipe->sum_on && c < pipe->cout; c++)
		bnn_le32_put(pipe->sum_data + 4 * c, pipe->sums[c]);
}
