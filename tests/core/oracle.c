/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

enum kind { ODD, UNS, SIG, TER };

static const struct {
	uint8_t planes, bits, kind;
} fmt[32] = {
	[BNN_FORMAT_B1] = { 1, 1, ODD },     [BNN_FORMAT_O2] = { 2, 1, ODD },
	[BNN_FORMAT_O4] = { 4, 1, ODD },     [BNN_FORMAT_O8] = { 8, 1, ODD },
	[BNN_FORMAT_U4] = { 4, 1, UNS },     [BNN_FORMAT_U8] = { 8, 1, UNS },
	[BNN_FORMAT_S4] = { 4, 1, SIG },     [BNN_FORMAT_S8] = { 8, 1, SIG },
	[BNN_FORMAT_S16] = { 16, 1, SIG },   [BNN_FORMAT_E_O4] = { 0, 4, ODD },
	[BNN_FORMAT_E_U4] = { 0, 4, UNS },   [BNN_FORMAT_E_S4] = { 0, 4, SIG },
	[BNN_FORMAT_E_U8] = { 0, 8, UNS },   [BNN_FORMAT_E_S8] = { 0, 8, SIG },
	[BNN_FORMAT_E_U16] = { 0, 16, UNS }, [BNN_FORMAT_E_S16] = { 0, 16, SIG },
	[BNN_FORMAT_E_S32] = { 0, 32, SIG },
};
static const struct {
	uint8_t bits, kind;
} wfmt[7] = {
	{ 1, ODD }, { 2, TER }, { 2, ODD }, { 4, ODD }, { 8, ODD }, { 4, SIG }, { 8, SIG },
};

static int64_t value(unsigned n, unsigned kind, uint64_t q)
{
	switch (kind) {
	case ODD:
		return 2 * (int64_t)q - ((INT64_C(1) << n) - 1);
	case SIG:
		return q >> (n - 1) & 1 ? (int64_t)q - (INT64_C(1) << n) : (int64_t)q;
	case TER:
		return q & 1 ? (q & 2 ? -1 : 1) : 0;
	default:
		return (int64_t)q;
	}
}

static uint64_t bits_at(const uint8_t *p, uint64_t bit, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++, bit++)
		v |= (uint64_t)(p[bit / 8] >> bit % 8 & 1) << i;
	return v;
}

static void set_bits(uint8_t *p, uint64_t bit, unsigned n, uint64_t v)
{
	for (unsigned i = 0; i < n; i++, bit++)
		p[bit / 8] = (uint8_t)((p[bit / 8] & ~(1u << bit % 8)) | (v >> i & 1) << bit % 8);
}

/* ---- tensors -------------------------------------------------------------- */

struct view {
	uint8_t *p;
	unsigned format, n, kind;
	uint32_t h, w, c, natural, pixel;
	uint64_t row, plane;
	bool on_chip;
};

static uint8_t *ref_at(struct world *w, const uint32_t *words, unsigned word,
		       const uint32_t *region_at, bool *on_chip)
{
	unsigned r = words[word + 1] & 63;

	*on_chip = r == BNN_REGION_ONCHIP;
	return *on_chip ? w->act + words[word] : w->data + region_at[r] + words[word];
}

static struct view view(struct world *w, const uint32_t *words, unsigned word,
			const uint32_t *region_at, uint32_t h, uint32_t width, uint32_t c)
{
	struct view v = { .format = words[word + 1] >> 6 & 31, .h = h, .w = width, .c = c };

	if (!v.format)
		return v;
	v.p = ref_at(w, words, word, region_at, &v.on_chip);
	v.n = fmt[v.format].planes ? fmt[v.format].planes : fmt[v.format].bits;
	v.kind = fmt[v.format].kind;
	v.natural = (c * fmt[v.format].bits + 15) / 16 * 2;
	v.pixel = words[word + 2] ? 2 * words[word + 2] : v.natural;
	v.row = 16 * (uint64_t)(words[word + 1] >> 11);
	v.plane = (v.row * h + 63) / 64 * 64;
	return v;
}

static uint64_t code_at(const struct view *v, uint32_t y, uint32_t x, uint32_t c)
{
	uint64_t at = y * v->row + (uint64_t)x * v->pixel, q = 0;

	if (!fmt[v->format].planes)
		return bits_at(v->p + at, (uint64_t)c * v->n, v->n);
	for (unsigned i = 0; i < v->n; i++)
		q |= bits_at(v->p + i * v->plane + at, c, 1) << i;
	return q;
}

static int64_t value_at(const struct view *v, uint32_t y, uint32_t x, uint32_t c)
{
	return value(v->n, v->kind, code_at(v, y, x, c));
}

static void put_code(const struct view *v, uint32_t y, uint32_t x, uint32_t c, uint64_t q)
{
	uint64_t at = y * v->row + (uint64_t)x * v->pixel;

	if (!fmt[v->format].planes)
		set_bits(v->p + at, (uint64_t)c * v->n, v->n, q);
	for (unsigned i = 0; i < fmt[v->format].planes; i++)
		set_bits(v->p + i * v->plane + at, c, 1, q >> i);
}

static void zero_padding(const struct view *v, uint32_t y, uint32_t x)
{
	uint64_t at = y * v->row + (uint64_t)x * v->pixel;
	unsigned planes = fmt[v->format].planes ? fmt[v->format].planes : 1;
	unsigned used = v->c * fmt[v->format].bits;

	for (unsigned i = 0; i < planes; i++)
		for (unsigned b = used; b < v->natural * 8; b++)
			set_bits(v->p + i * v->plane + at, b, 1, 0);
}

static uint64_t payload(const struct view *v)
{
	unsigned planes = fmt[v->format].planes ? fmt[v->format].planes : 1;

	return v->format && !v->on_chip ? (uint64_t)v->natural * v->h * v->w * planes : 0;
}

/* ---- arithmetic ------------------------------------------------------------ */

static uint64_t saturated;

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
	if (x < lo || x > hi)
		saturated++;
	return x < lo ? lo : x > hi ? hi : x;
}

static int64_t sat(int64_t x, unsigned n)
{
	return clamp(x, -(INT64_C(1) << (n - 1)), (INT64_C(1) << (n - 1)) - 1);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	int64_t q = a / b;

	return q * b > a ? q - 1 : q;
}

static int64_t rnd(int64_t x, unsigned s)
{
	return s ? floor_div(x + (INT64_C(1) << (s - 1)), INT64_C(1) << s) : x;
}

#define F(name) bnn_field_get(words, BNN_F_##name)

static int64_t s32(const uint8_t *p)
{
	return value(32, SIG, bits_at(p, 0, 32));
}

static int64_t s16(const uint8_t *p)
{
	return value(16, SIG, bits_at(p, 0, 16));
}

static int64_t lin(const uint8_t *record, unsigned stage, unsigned h, bool pow2, int64_t x,
		   unsigned sb, unsigned s)
{
	int64_t b = s32(record + (stage == 1 ? BNN_PARAM_B1 : BNN_PARAM_B2) + 4 * h);
	int64_t a = s16(record + (stage == 1 ? BNN_PARAM_A1 : BNN_PARAM_A2) + 2 * h);
	int64_t k = (int8_t)record[(stage == 1 ? BNN_PARAM_K1 : BNN_PARAM_K2) + h];
	bool neg = record[BNN_PARAM_FLAGS] >> ((stage == 1 ? 1 : 3) + h) & 1;

	b *= INT64_C(1) << sb;
	if (!pow2)
		return rnd(a * x + b, s);
	if (k < -31)
		k = -31;
	if (k > 15)
		k = 15;
	x = neg ? -x : x;
	return rnd((k >= 0 ? sat(x * (INT64_C(1) << k), 40) : rnd(x, (unsigned)-k)) + b, s);
}

static int64_t residual(const uint32_t *words, unsigned which, const struct view *v, uint32_t y,
			uint32_t x, uint32_t c)
{
	uint32_t word = words[7 + which], rc = word & 0x3fff;
	int64_t sum = 0;

	if (word >> 15 & 1 && c >= rc)
		return 0;
	c %= rc;
	if (word >> 14 & 1) {
		for (unsigned i = 0; i < 4; i++)
			sum += value_at(v, 2 * y + i / 2, 2 * x + i % 2, c);
	} else {
		sum = value_at(v, y, x, c);
	}
	return sum * (1 << (word >> 16 & 15));
}

static bool takes_q3(unsigned f)
{
	return f && f != BNN_FORMAT_B1 && f != BNN_FORMAT_O2 && f != BNN_FORMAT_S16 &&
	       f != BNN_FORMAT_E_S16 && f != BNN_FORMAT_E_S32 && f != BNN_FORMAT_E_U16;
}

static int64_t q3(const uint32_t *words, unsigned f, int64_t v16)
{
	int64_t a3 = value(16, SIG, F(CONV_A3)), b3 = value(32, SIG, F(CONV_B3));
	int64_t q = rnd(a3 * v16 + b3, F(CONV_S3));
	unsigned n = fmt[f].planes ? fmt[f].planes : fmt[f].bits;

	return fmt[f].kind == SIG ? sat(q, n) : clamp(q, 0, (INT64_C(1) << n) - 1);
}

struct pipe {
	const uint32_t *words;
	struct view res[2], outp, outs;
	const uint8_t *params;
	uint8_t *sums;
	uint32_t *sum;
};

static void pipe_element(const struct pipe *p, uint32_t y, uint32_t x, uint32_t c, int64_t acc)
{
	static const uint8_t none[64];
	const uint32_t *words = p->words;
	bool narrow = F(CONV_NARROW), straight = !F(CONV_P1) && !F(CONV_P2);
	const uint8_t *r = p->params ? p->params + c * (narrow ? 8 : 64) : none;
	int64_t x0 = sat(rnd(acc, F(CONV_PS)), 24), u = x0, v, v16;

	if (F(CONV_P1))
		u = sat(lin(r, 1, x0 >= s32(r + BNN_PARAM_TH1), F(CONV_P1_POW2), x0, F(CONV_SB1),
			    F(CONV_S1)),
			27);
	for (unsigned i = 0; i < 2; i++)
		if (p->res[i].format) {
			u = sat(u + residual(words, i, &p->res[i], y, x, c), 27);
			straight = false;
		}
	v = u;
	if (F(CONV_P2))
		v = sat(lin(r, 2, u >= s32(r + BNN_PARAM_TH2), F(CONV_P2_POW2), u, F(CONV_SB2),
			    F(CONV_S2)),
			32);
	v16 = sat(v, 16);
	p->sum[c] += (uint32_t)v16;
	if (p->outp.format) {
		int64_t q;

		if (p->outp.format == BNN_FORMAT_B1)
			q = ((straight ? x0 : v16) >= s32(r + (narrow ? 0 : BNN_PARAM_TB))) ^
			    (r[narrow ? 4 : BNN_PARAM_FLAGS] & 1);
		else if (p->outp.format == BNN_FORMAT_O2)
			q = (v16 >= s16(r + BNN_PARAM_Q)) + (v16 >= s16(r + BNN_PARAM_Q + 2)) +
			    (v16 >= s16(r + BNN_PARAM_Q + 4));
		else if (p->outp.format == BNN_FORMAT_S16)
			q = v16;
		else
			q = q3(words, p->outp.format, v16);
		put_code(&p->outp, y, x, c, (uint64_t)q);
	}
	if (p->outs.format) {
		uint64_t before = saturated;
		unsigned f = p->outs.format;
		int64_t q = f == BNN_FORMAT_E_S16   ? v16
			    : f == BNN_FORMAT_E_S32 ? v
			    : f == BNN_FORMAT_E_U16 ? clamp(v, 0, 32768)
						    : q3(words, f, v16);

		/* The same value for two outputs: its clamp counts once. */
		if (takes_q3(f) && takes_q3(p->outp.format) && p->outs.n == p->outp.n &&
		    (p->outs.kind == SIG) == (p->outp.kind == SIG))
			saturated = before;
		put_code(&p->outs, y, x, c, (uint64_t)q);
	}
}

/* ---- CONV and EW ------------------------------------------------------------ */

static int64_t weight_at(const uint32_t *words, const uint8_t *p, uint32_t r, uint32_t tap,
			 uint32_t c)
{
	uint32_t cg = F(CONV_CIN) / F(CONV_GROUPS), taps = F(CONV_KH) * F(CONV_KW);
	unsigned n = wfmt[F(CONV_WFORMAT)].bits, kind = wfmt[F(CONV_WFORMAT)].kind;
	uint64_t tap_bits = (cg * n + 15) / 16 * 16, k = (uint64_t)taps * cg, q;
	uint64_t row_bytes = (taps * tap_bits / 8 + 15) / 16 * 16;

	switch (F(CONV_WMODE)) {
	case 1:
		r %= F(CONV_COUT) / F(CONV_TILE_P);
		break;
	case 2:
		q = F(CONV_COUT) * k / F(CONV_TILE_P);
		return value(n, kind, bits_at(p, (r * k + tap * cg + c) % q * n, n));
	case 3:
		q = bits_at(p + ((8u << F(CONV_TAU)) + 63) / 64 * 64,
			    ((uint64_t)r * cg + c) * F(CONV_TAU), F(CONV_TAU));
		return value(n, kind, bits_at(p + 8 * q, tap, 1));
	}
	return value(n, kind, bits_at(p + r * row_bytes, tap * tap_bits + c * n, n));
}

static uint64_t weight_bytes(const uint32_t *words)
{
	uint32_t cg = F(CONV_CIN) / F(CONV_GROUPS), taps = F(CONV_KH) * F(CONV_KW);
	unsigned n = wfmt[F(CONV_WFORMAT)].bits;
	uint64_t tap_bits = (cg * n + 15) / 16 * 16;
	uint64_t row_bytes = (taps * tap_bits / 8 + 15) / 16 * 16;

	switch (F(CONV_WMODE)) {
	case 0:
		return row_bytes * F(CONV_COUT);
	case 1:
		return row_bytes * (F(CONV_COUT) / F(CONV_TILE_P));
	case 2:
		return ((uint64_t)F(CONV_COUT) * taps * cg / F(CONV_TILE_P) * n + 7) / 8;
	default:
		return ((8u << F(CONV_TAU)) + 63) / 64 * 64 +
		       ((uint64_t)F(CONV_COUT) * cg * F(CONV_TAU) + 7) / 8;
	}
}

/* plane: -1 all, else the one of an O2 input. present: taps inside. */
static int64_t window_sum(const uint32_t *words, const struct view *in, const uint8_t *weights,
			  uint32_t y, uint32_t x, uint32_t oc, int plane, uint32_t *present)
{
	uint32_t groups = F(CONV_GROUPS), cg = F(CONV_CIN) / groups;
	uint32_t g = oc / (F(CONV_COUT) / groups);
	int64_t sum = 0;

	*present = 0;
	for (uint32_t ky = 0; ky < F(CONV_KH); ky++)
		for (uint32_t kx = 0; kx < F(CONV_KW); kx++) {
			int64_t iy = (int64_t)y * F(CONV_SH) + ky * F(CONV_DH) - F(CONV_PAD_T);
			int64_t ix = (int64_t)x * F(CONV_SW) + kx * F(CONV_DW) - F(CONV_PAD_L);
			bool there = iy >= 0 && iy < in->h && ix >= 0 && ix < in->w;

			*present += there;
			for (uint32_t c = 0; c < cg; c++) {
				int64_t w = weight_at(words, weights, oc, ky * F(CONV_KW) + kx, c);
				int64_t a = F(CONV_PAD_MODE) == 0   ? 0
					    : F(CONV_PAD_MODE) == 1 ? 1
								    : -1;

				if (there && plane < 0)
					a = value_at(in, (uint32_t)iy, (uint32_t)ix, g * cg + c);
				else if (there)
					a = code_at(in, (uint32_t)iy, (uint32_t)ix, g * cg + c) >>
								    plane &
							    1
						    ? 1
						    : -1;
				sum += a * w;
			}
		}
	return sum;
}

static void layer(struct world *w, const uint32_t *words, const uint32_t *region_at, bool conv)
{
	uint32_t cin = conv ? F(CONV_CIN) : F(CONV_COUT), cout = F(CONV_COUT);
	uint32_t h = F(CONV_H), width = F(CONV_W), oh = h, ow = width;
	bool frac = conv && F(CONV_FRAC), on_chip = false;
	struct view in = view(w, words, 11, region_at, h, width, cin);
	struct pipe p = { .words = words, .sum = calloc(cout, sizeof(uint32_t)) };
	const uint8_t *weights = NULL;
	uint64_t *count = w->counters;

	if (conv) {
		oh = (h + F(CONV_PAD_T) + F(CONV_PAD_B) - (F(CONV_DH) * (F(CONV_KH) - 1) + 1)) /
			     F(CONV_SH) +
		     1;
		ow = (width + F(CONV_PAD_L) + F(CONV_PAD_R) - (F(CONV_DW) * (F(CONV_KW) - 1) + 1)) /
			     F(CONV_SW) +
		     1;
		weights = ref_at(w, words, 14, region_at, &on_chip);
		count[BNN_COUNTER_BYTES_WEIGHTS] += on_chip ? 0 : weight_bytes(words);
	}
	p.outp = view(w, words, 18, region_at, oh, ow, cout);
	p.outs = view(w, words, 21, region_at, oh, ow, cout);
	for (unsigned i = 0; i < 2; i++) {
		bool win = words[7 + i] >> 14 & 1;

		p.res[i] = view(w, words, 24 + 3 * i, region_at, oh << win, ow << win,
				words[7 + i] & 0x3fff);
		count[BNN_COUNTER_BYTES_RESIDUAL] += payload(&p.res[i]);
	}
	if (F(CONV_P1) || F(CONV_P2) || frac || p.outp.format == BNN_FORMAT_B1 ||
	    p.outp.format == BNN_FORMAT_O2) {
		p.params = ref_at(w, words, 16, region_at, &on_chip);
		count[BNN_COUNTER_BYTES_WEIGHTS] += on_chip ? 0 : cout * (F(CONV_NARROW) ? 8 : 64);
	}
	for (uint32_t y = 0; y < oh; y++)
		for (uint32_t x = 0; x < ow; x++) {
			for (uint32_t c = 0; c < cout; c++) {
				uint32_t present = 0;
				int64_t acc;
				uint64_t macs;

				if (!conv) {
					pipe_element(&p, y, x, c, value_at(&in, y, x, c));
					continue;
				}
				acc = window_sum(words, &in, weights, y, x, c, frac ? 1 : -1,
						 &present);
				macs = (uint64_t)present * cin / F(CONV_GROUPS);
				if (F(CONV_WMODE) != 1 || c < cout / F(CONV_TILE_P))
					count[BNN_COUNTER_MACS] += macs * (frac ? 1 : in.n) *
								   wfmt[F(CONV_WFORMAT)].bits;
				if (frac) {
					bool open = acc >= s32(p.params + c * 64 + BNN_PARAM_T);
					int64_t l = window_sum(words, &in, weights, y, x, c, 0,
							       &present);

					acc = 2 * acc + (open ? l : 0);
					count[open ? BNN_COUNTER_FRAC_ISSUED
						   : BNN_COUNTER_FRAC_SKIPPED]++;
					count[BNN_COUNTER_MACS] += open ? macs : 0;
				}
				pipe_element(&p, y, x, c, acc);
			}
			if (p.outp.format)
				zero_padding(&p.outp, y, x);
			if (p.outs.format)
				zero_padding(&p.outs, y, x);
		}
	count[BNN_COUNTER_BYTES_ACT] += payload(&in);
	count[BNN_COUNTER_BYTES_WRITTEN] += payload(&p.outp) + payload(&p.outs);
	if (F(CONV_SUM_EN)) {
		uint8_t *sums = ref_at(w, words, 30, region_at, &on_chip);

		for (uint32_t c = 0; c < cout; c++)
			set_bits(sums, 32 * (uint64_t)c, 32, p.sum[c]);
		count[BNN_COUNTER_BYTES_WRITTEN] += on_chip ? 0 : 4 * cout;
	}
	free(p.sum);
}

/* ---- the others --------------------------------------------------------------- */

static void encode(struct world *w, const uint32_t *words, const uint32_t *region_at)
{
	uint32_t h = F(ENC_H), width = F(ENC_W), colours = F(ENC_COLOURS), levels = F(ENC_LEVELS);
	uint32_t each = F(ENC_MODE) == 0 ? 1 : F(ENC_MODE) == 1 ? levels : 8;
	struct view out = view(w, words, 18, region_at, h, width, colours * each);
	bool on_chip, table_on_chip;
	const uint8_t *in = ref_at(w, words, 11, region_at, &on_chip);
	const uint8_t *table = ref_at(w, words, 14, region_at, &table_on_chip);

	for (uint32_t y = 0; y < h; y++)
		for (uint32_t x = 0; x < width; x++) {
			for (uint32_t c = 0; c < colours; c++) {
				uint8_t byte = F(ENC_PLANAR) ? in[(c * h + y) * width + x]
							     : in[(y * width + x) * colours + c];
				uint8_t t = table[(F(ENC_SHARED) ? 0 : 256 * c) + byte];

				for (uint32_t b = 0; b < each; b++)
					put_code(&out, y, x, c * each + b,
						 F(ENC_MODE) == 0   ? t
						 : F(ENC_MODE) == 1 ? b < t
								    : t >> b & 1);
			}
			zero_padding(&out, y, x);
		}
	w->counters[BNN_COUNTER_BYTES_ACT] += on_chip ? 0 : (uint64_t)h * width * colours;
	w->counters[BNN_COUNTER_BYTES_WRITTEN] += payload(&out);
}

static void pool(struct world *w, const uint32_t *words, const uint32_t *region_at)
{
	uint32_t group = F(POOL_GROUP), cout = F(POOL_CIN) / group, mode = F(POOL_MODE);
	uint32_t oh = (F(POOL_H) + F(POOL_PAD_T) + F(POOL_PAD_B) - F(POOL_KH)) / F(POOL_SH) + 1;
	uint32_t ow = (F(POOL_W) + F(POOL_PAD_L) + F(POOL_PAD_R) - F(POOL_KW)) / F(POOL_SW) + 1;
	struct view in = view(w, words, 11, region_at, F(POOL_H), F(POOL_W), F(POOL_CIN));
	struct view out = view(w, words, 18, region_at, oh, ow, cout);

	for (uint32_t y = 0; y < oh; y++)
		for (uint32_t x = 0; x < ow; x++) {
			for (uint32_t c = 0; c < cout; c++) {
				int64_t sum = 0, best = 0, div = F(POOL_DIV);
				bool any = false;

				for (uint32_t k = 0; k < F(POOL_KH) * F(POOL_KW) * group; k++) {
					uint32_t tap = k / group;
					int64_t iy = (int64_t)y * F(POOL_SH) + tap / F(POOL_KW) -
						     F(POOL_PAD_T);
					int64_t ix = (int64_t)x * F(POOL_SW) + tap % F(POOL_KW) -
						     F(POOL_PAD_L);
					int64_t v;

					if (iy < 0 || iy >= in.h || ix < 0 || ix >= in.w)
						continue;
					v = value_at(&in, (uint32_t)iy, (uint32_t)ix,
						     c * group + k % group);
					sum += v;
					if (!any || (mode == 1 ? v > best : v < best))
						best = v;
					any = true;
				}
				if (mode == 0) {
					best = floor_div(2 * sum + div, 2 * div);
					best = in.kind == UNS
						       ? clamp(best, 0, (INT64_C(1) << in.n) - 1)
						       : sat(best, in.n);
				}
				if (in.format == BNN_FORMAT_B1)
					best = best > 0;
				put_code(&out, y, x, c, (uint64_t)best);
			}
			zero_padding(&out, y, x);
		}
	w->counters[BNN_COUNTER_BYTES_ACT] += payload(&in);
	w->counters[BNN_COUNTER_BYTES_WRITTEN] += payload(&out);
}

static void gatefold(struct world *w, const uint32_t *words, const uint32_t *region_at)
{
	uint32_t n = F(GATEFOLD_C);
	bool chip[3];
	const uint8_t *gate = ref_at(w, words, 11, region_at, &chip[0]);
	const uint8_t *in = ref_at(w, words, 16, region_at, &chip[1]);
	uint8_t *out = ref_at(w, words, 18, region_at, &chip[2]);

	for (uint32_t c = 0; c < n; c++) {
		int64_t g = (int64_t)bits_at(gate, 16 * c, 16);
		const uint8_t *r = in + 64 * c;

		memmove(out + 64 * c, r, 64);
		for (unsigned h = 0; h < 2; h++) {
			int64_t a = sat(rnd(s16(r + BNN_PARAM_A2 + 2 * h) * g, 15), 16);
			int64_t b = sat(rnd(s32(r + BNN_PARAM_B2 + 4 * h) * g, 15) +
						s32(r + BNN_PARAM_BBN),
					32);

			set_bits(out + 64 * c + BNN_PARAM_A2 + 2 * h, 0, 16, (uint64_t)a);
			set_bits(out + 64 * c + BNN_PARAM_B2 + 4 * h, 0, 32, (uint64_t)b);
		}
	}
	w->counters[BNN_COUNTER_BYTES_ACT] += (chip[0] ? 0 : 2 * n) + (chip[1] ? 0 : 64 * n);
	w->counters[BNN_COUNTER_BYTES_WRITTEN] += chip[2] ? 0 : 64 * n;
}

static void transpose(struct world *w, const uint32_t *words, const uint32_t *region_at)
{
	uint32_t h = F(TRANSPOSE_H), width = F(TRANSPOSE_W), n = F(TRANSPOSE_C);
	struct view in = view(w, words, 11, region_at, h, width, n);
	struct view out = view(w, words, 18, region_at, 1, n, h * width);

	for (uint32_t c = 0; c < n; c++) {
		for (uint32_t i = 0; i < h * width; i++)
			put_code(&out, 0, c, i, code_at(&in, i / width, i % width, c));
		zero_padding(&out, 0, c);
	}
	w->counters[BNN_COUNTER_BYTES_ACT] += payload(&in);
	w->counters[BNN_COUNTER_BYTES_WRITTEN] += payload(&out);
}

void oracle_run(struct world *w, const uint32_t *words, const uint32_t *region_at)
{
	saturated = 0;
	switch (words[0] & 0xff) {
	case BNN_CMD_ENC:
		encode(w, words, region_at);
		break;
	case BNN_CMD_GATEFOLD:
		gatefold(w, words, region_at);
		break;
	case BNN_CMD_CONV:
		layer(w, words, region_at, true);
		break;
	case BNN_CMD_EW:
		layer(w, words, region_at, false);
		break;
	case BNN_CMD_POOL:
		pool(w, words, region_at);
		break;
	case BNN_CMD_TRANSPOSE:
		transpose(w, words, region_at);
		break;
	}
	w->counters[BNN_COUNTER_SATURATED] += saturated;
	w->counters[BNN_COUNTER_COMMANDS]++;
	w->counters[BNN_COUNTER_BYTES_COMMANDS] += BNN_COMMAND_BYTES;
}
