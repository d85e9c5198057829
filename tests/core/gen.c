/* SPDX-License-Identifier: MIT */
#include "gen.h"

#include <string.h>

/* Parts of region R_READ. */
enum {
	NOISE_BYTES = 0x180000,
	PARAMS_AT = NOISE_BYTES,
	PARAMS = 4096,
	NARROW_AT = PARAMS_AT + 64 * PARAMS,
	NARROWS = 4096,
};

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static int32_t around_zero(struct rng *r, uint32_t magnitude)
{
	return (int32_t)rng_below(r, 2 * magnitude + 1) - (int32_t)magnitude;
}

static void tame_record(struct rng *r, uint8_t *p)
{
	uint32_t size = 1u << rng_below(r, 14);

	rng_fill(r, p, 64);
	put32(p + BNN_PARAM_TH1, (uint32_t)around_zero(r, size));
	put32(p + BNN_PARAM_TH2, (uint32_t)around_zero(r, 1 << 14));
	put32(p + BNN_PARAM_TB, (uint32_t)around_zero(r, size));
	put32(p + BNN_PARAM_T, (uint32_t)around_zero(r, size / 2));
	for (unsigned i = 0; i < 2; i++) {
		put32(p + BNN_PARAM_B1 + 4 * i, (uint32_t)around_zero(r, 1u << rng_below(r, 24)));
		put32(p + BNN_PARAM_B2 + 4 * i, (uint32_t)around_zero(r, 1u << rng_below(r, 24)));
		p[BNN_PARAM_K1 + i] = (uint8_t)around_zero(r, 8);
		p[BNN_PARAM_K2 + i] = (uint8_t)around_zero(r, 8);
	}
}

void gen_memory(struct host *h, struct rng *rng)
{
	uint8_t record[64];

	for (uint32_t at = 0; at < NOISE_BYTES; at += 64) {
		rng_fill(rng, record, 64);
		host_put(h, HOST_VA + READ_AT + at, record, 64);
	}
	for (uint32_t i = 0; i < PARAMS; i++) {
		tame_record(rng, record);
		host_put(h, HOST_VA + READ_AT + PARAMS_AT + 64 * i, record, 64);
	}
	for (uint32_t i = 0; i < NARROWS; i++) {
		rng_fill(rng, record, 8);
		put32(record, (uint32_t)around_zero(rng, 1u << rng_below(rng, 8)));
		host_put(h, HOST_VA + READ_AT + NARROW_AT + 8 * i, record, 8);
	}
	for (uint32_t at = 0; at < BOTH_BYTES; at += 64) {
		rng_fill(rng, record, 64);
		host_put(h, HOST_VA + BOTH_AT + at, record, 64);
	}
}

#define SET(field, value) bnn_field_set(words, BNN_F_##field, value)
#define GET(field) bnn_field_get(words, BNN_F_##field)

static uint32_t pick(struct gen *g, const uint8_t *list, uint32_t n)
{
	return list[rng_below(&g->rng, n)];
}
#define PICK(g, list) pick(g, list, sizeof(list))

static uint32_t bump(uint32_t *next, uint32_t bytes)
{
	uint32_t at = *next;

	*next = (at + bytes + 63) & ~63u;
	return at;
}

/* Chooses region and offset for bytes that do not meet others of the command. */
static void place(struct gen *g, uint32_t *words, unsigned word, bool write, uint32_t bytes,
		  uint32_t align)
{
	uint32_t choice = rng_below(&g->rng, 4), offset, region;

	if (choice == 0 && g->next_act + bytes + 64 <= g->act_bytes) {
		region = BNN_REGION_ONCHIP;
		offset = bump(&g->next_act, bytes + 64 - align);
	} else if (choice == 1 && g->next_both + bytes + 64 <= BOTH_BYTES) {
		region = R_BOTH;
		offset = bump(&g->next_both, bytes + 64 - align);
	} else if (write) {
		region = R_WRITE;
		offset = bump(&g->next_write, bytes + 64 - align);
	} else {
		region = R_READ;
		offset = rng_below(&g->rng, (NOISE_BYTES - bytes) / 64) * 64;
	}
	offset += rng_below(&g->rng, 64 / align) * align;
	words[word] = offset;
	words[word + 1] = (words[word + 1] & ~63u) | region;
}

static void gen_tensor(struct gen *g, uint32_t *words, unsigned word, bool write, uint32_t format,
		       uint32_t h, uint32_t w, uint32_t c)
{
	static const uint8_t element[] = { 4, 4, 4, 8, 8, 16, 16, 32 };
	static const uint8_t planes[] = { 0, 1, 2, 4, 8, 4, 8, 4, 8, 16 };
	bool packed = format >= BNN_FORMAT_E_O4;
	uint32_t bits = packed ? element[format - BNN_FORMAT_E_O4] : 1;
	uint32_t natural = (c * bits + 15) / 16 * 2, pixel = natural, row, plane, extent;
	uint32_t stored = packed ? 1 : planes[format];
	bool spread = rng_one_in(&g->rng, 3), far = h * w * stored < 64 && rng_one_in(&g->rng, 10);

	if (spread)
		pixel += 2 * rng_below(&g->rng, far ? 3000 : 12);
	row = ((w - 1) * pixel + natural + 15) / 16 + rng_below(&g->rng, 3);
	plane = (row * 16 * h + 63) / 64 * 64;
	extent = (stored - 1) * plane + (h - 1) * row * 16 + (w - 1) * pixel + natural;
	words[word + 1] = format << 6 | row << 11;
	words[word + 2] = spread ? pixel / 2 : 0;
	place(g, words, word, write, extent, spread ? 2 : 64);
}

static uint32_t channels(struct gen *g, uint32_t most)
{
	static const uint8_t usual[] = { 1,  3,	 8,  15, 16, 17,  31,  32,
					 33, 63, 64, 65, 96, 127, 128, 130 };
	uint32_t c = rng_one_in(&g->rng, 2) ? PICK(g, usual) : rng_range(&g->rng, 1, 40);

	return c > most ? rng_range(&g->rng, 1, most) : c;
}

static const uint8_t plane_formats[] = {
	BNN_FORMAT_B1, BNN_FORMAT_B1, BNN_FORMAT_B1, BNN_FORMAT_O2, BNN_FORMAT_O2, BNN_FORMAT_O4,
	BNN_FORMAT_O8, BNN_FORMAT_U4, BNN_FORMAT_U8, BNN_FORMAT_S4, BNN_FORMAT_S8, BNN_FORMAT_S16
};
static const uint8_t element_formats[] = { BNN_FORMAT_E_O4,  BNN_FORMAT_E_U4, BNN_FORMAT_E_S4,
					   BNN_FORMAT_E_U8,  BNN_FORMAT_E_S8, BNN_FORMAT_E_U16,
					   BNN_FORMAT_E_S16, BNN_FORMAT_E_S32 };
static const uint8_t residual_formats[] = { BNN_FORMAT_E_O4, BNN_FORMAT_E_U8, BNN_FORMAT_E_S8,
					    BNN_FORMAT_E_S16 };
static const uint8_t conv_formats[] = { BNN_FORMAT_E_O4, BNN_FORMAT_E_U4, BNN_FORMAT_E_S4,
					BNN_FORMAT_E_U8, BNN_FORMAT_E_S8, BNN_FORMAT_E_S16 };

static void gen_residual(struct gen *g, uint32_t *words, unsigned which, uint32_t oh, uint32_t ow,
			 uint32_t cout)
{
	uint32_t rc = rng_one_in(&g->rng, 2) ? cout : channels(g, 2 * cout);
	uint32_t win = rng_one_in(&g->rng, 3), zero = rng_below(&g->rng, 2);
	uint32_t align = rng_one_in(&g->rng, 4) ? rng_below(&g->rng, 16) : rng_below(&g->rng, 4);

	words[7 + which] = rc | win << 14 | zero << 15 | align << 16;
	gen_tensor(g, words, 24 + 3 * which, false, PICK(g, residual_formats), oh << win, ow << win,
		   rc);
}

/* OUTS exactly where a residual or EW's input lies. */
static void gen_in_place(struct gen *g, uint32_t *words, uint32_t cout)
{
	bool ew = (words[0] & 0xff) == BNN_CMD_EW;
	unsigned from = ew && rng_one_in(&g->rng, 2) ? 11 : rng_one_in(&g->rng, 2) ? 24 : 27;
	uint32_t region = words[from + 1] & 63;

	if (!words[from + 1] || region == R_READ || (words[from + 1] >> 6 & 31) < BNN_FORMAT_E_O4)
		return;
	if (from != 11 && words[from == 24 ? 7 : 8] & ~0xf8000u & ~cout)
		return;
	if (from != 11 && (words[from == 24 ? 7 : 8] & 0x7fff) != cout)
		return;
	memcpy(&words[21], &words[from], 12);
}

static void gen_pipe(struct gen *g, uint32_t *words, uint32_t oh, uint32_t ow, uint32_t cout)
{
	struct rng *r = &g->rng;
	bool frac = (words[0] & 0xff) == BNN_CMD_CONV && GET(CONV_FRAC);
	bool narrow = !frac && rng_one_in(r, 4), outs, planes;
	uint32_t outp = 0;

	if (!narrow) {
		SET(CONV_P1, rng_below(r, 2));
		SET(CONV_P2, rng_below(r, 2));
		SET(CONV_P1_POW2, GET(CONV_P1) && rng_one_in(r, 2));
		SET(CONV_P2_POW2, GET(CONV_P2) && rng_one_in(r, 2));
	}
	SET(CONV_NARROW, narrow);
	SET(CONV_SUM_EN, rng_one_in(r, 3));
	SET(CONV_PS, rng_one_in(r, 2) ? 0 : rng_below(r, 16));
	SET(CONV_S1, rng_below(r, rng_one_in(r, 3) ? 32 : 16));
	SET(CONV_SB1, rng_below(r, rng_one_in(r, 3) ? 17 : 4));
	SET(CONV_S2, rng_below(r, rng_one_in(r, 3) ? 32 : 16));
	SET(CONV_SB2, rng_below(r, rng_one_in(r, 3) ? 17 : 4));
	SET(CONV_S3, rng_below(r, rng_one_in(r, 3) ? 32 : 16));
	SET(CONV_A3, rng_next(r) & 0xffff);
	SET(CONV_B3, rng_one_in(r, 2) ? rng_next(r) : rng_below(r, 1 << 16));
	planes = rng_below(r, 3);
	outs = !planes || rng_one_in(r, 2);
	if (rng_one_in(r, 3))
		gen_residual(g, words, 0, oh, ow, cout);
	if (rng_one_in(r, 4))
		gen_residual(g, words, 1, oh, ow, cout);
	if (planes) {
		outp = narrow ? BNN_FORMAT_B1 : PICK(g, plane_formats);
		gen_tensor(g, words, 18, true, outp, oh, ow, cout);
	}
	if (outs) {
		gen_tensor(g, words, 21, true, PICK(g, element_formats), oh, ow, cout);
		if (rng_one_in(r, 3))
			gen_in_place(g, words, cout);
	}
	if (GET(CONV_SUM_EN))
		place(g, words, 30, true, 4 * cout, 64);
	if (GET(CONV_P1) || GET(CONV_P2) || frac || outp == BNN_FORMAT_B1 ||
	    outp == BNN_FORMAT_O2) {
		uint32_t size = narrow ? 8 : 64, at = narrow ? NARROW_AT : PARAMS_AT;

		if (rng_one_in(r, 8))
			place(g, words, 16, false, size * cout, 64);
		else
			cmd_vector(words, 16, R_READ,
				   at + rng_below(r, (narrow ? NARROWS / 8 : PARAMS) - cout) * 64);
	}
}

static uint32_t divisor(struct gen *g, uint32_t n)
{
	uint32_t d;

	do
		d = rng_range(&g->rng, 1, n);
	while (n % d);
	return d;
}

static uint32_t weight_bytes(const uint32_t *words)
{
	static const uint8_t bits[] = { 1, 2, 2, 4, 8, 4, 8 };
	uint32_t taps = GET(CONV_KH) * GET(CONV_KW), cg = GET(CONV_CIN) / GET(CONV_GROUPS);
	uint32_t n = bits[GET(CONV_WFORMAT)];
	uint32_t row = (taps * ((cg * n + 15) / 16 * 2) + 15) / 16 * 16;

	if (GET(CONV_WMODE) == 2)
		return GET(CONV_COUT) * taps * cg / GET(CONV_TILE_P) * n / 8 + 1;
	if (GET(CONV_WMODE) == 3)
		return ((8u << GET(CONV_TAU)) + 63) / 64 * 64 +
		       GET(CONV_COUT) * cg * GET(CONV_TAU) / 8 + 1;
	return row * GET(CONV_COUT);
}

static void gen_conv(struct gen *g, uint32_t *words)
{
	static const uint64_t max_in[32] = { [1] = 1, 3,	 15, 255, 15,  255, 8, 128,
					     32768,   [16] = 15, 15, 8,	  255, 128, 0, 32768 };
	static const uint8_t max_w[] = { 1, 1, 3, 15, 255, 8, 128 };
	struct rng *r = &g->rng;
	uint32_t oh, ow, h, w, cin, cout, kh, kw, format, k, macs;

	do {
		uint32_t pad[4], dh, dw, sh, sw, groups;

		cmd_init(words, BNN_CMD_CONV);
		h = rng_range(r, 1, 9);
		w = rng_range(r, 1, 12);
		cin = channels(g, 130);
		cout = channels(g, 70);
		kh = rng_one_in(r, 3) ? rng_range(r, 1, 7) : rng_range(r, 1, 3);
		kw = rng_one_in(r, 3) ? rng_range(r, 1, 7) : rng_range(r, 1, 3);
		sh = rng_one_in(r, 2) ? 1 : rng_range(r, 1, 4);
		sw = rng_one_in(r, 2) ? 1 : rng_range(r, 1, 4);
		dh = rng_one_in(r, 4) ? rng_range(r, 1, 4) : 1;
		dw = rng_one_in(r, 4) ? rng_range(r, 1, 4) : 1;
		for (unsigned i = 0; i < 4; i++)
			pad[i] = rng_below(r, (i % 2 ? dw * (kw - 1) : dh * (kh - 1)) + 1);
		oh = h + pad[0] + pad[2] > dh * (kh - 1)
			     ? (h + pad[0] + pad[2] - dh * (kh - 1) - 1) / sh + 1
			     : 0;
		ow = w + pad[1] + pad[3] > dw * (kw - 1)
			     ? (w + pad[1] + pad[3] - dw * (kw - 1) - 1) / sw + 1
			     : 0;
		groups = 1;
		if (rng_one_in(r, 4)) {
			groups = divisor(g, cin);
			cout = groups * rng_range(r, 1, 3);
		}
		SET(CONV_H, h);
		SET(CONV_W, w);
		SET(CONV_CIN, cin);
		SET(CONV_COUT, cout);
		SET(CONV_KH, kh);
		SET(CONV_KW, kw);
		SET(CONV_SH, sh);
		SET(CONV_SW, sw);
		SET(CONV_DH, dh);
		SET(CONV_DW, dw);
		SET(CONV_PAD_T, pad[0]);
		SET(CONV_PAD_L, pad[1]);
		SET(CONV_PAD_B, pad[2]);
		SET(CONV_PAD_R, pad[3]);
		SET(CONV_PAD_MODE, rng_one_in(r, 2) ? 0 : rng_below(r, 3));
		SET(CONV_GROUPS, groups);
		k = kh * kw * (cin / groups);
		format = rng_one_in(r, 3) ? PICK(g, conv_formats) : PICK(g, plane_formats);
		SET(CONV_WFORMAT, rng_one_in(r, 2) ? 0 : rng_below(r, 7));
		SET(CONV_WMODE, rng_one_in(r, 2) ? 0 : rng_below(r, 4));
		if (rng_one_in(r, 3)) {
			format = BNN_FORMAT_O2;
			SET(CONV_FRAC, 1);
			SET(CONV_WFORMAT, 0);
		}
		switch (GET(CONV_WMODE)) {
		case 1:
			SET(CONV_TILE_P, divisor(g, cout));
			if (groups != 1)
				SET(CONV_WMODE, 0), SET(CONV_TILE_P, 0);
			break;
		case 2:
			SET(CONV_TILE_P, rng_below(r, 255) + 1);
			while (cout * k % GET(CONV_TILE_P))
				SET(CONV_TILE_P, GET(CONV_TILE_P) - 1);
			break;
		case 3:
			SET(CONV_WFORMAT, 0);
			SET(CONV_TAU, rng_range(r, 1, 9));
		}
		macs = oh * ow * cout * k;
	} while (!oh || !ow || cout > 130 || macs > 300000 ||
		 k * max_in[format] * max_w[GET(CONV_WFORMAT)] > INT32_MAX);
	gen_tensor(g, words, 11, false, format, h, w, cin);
	place(g, words, 14, false, weight_bytes(words), 64);
	gen_pipe(g, words, oh, ow, cout);
}

static void gen_ew(struct gen *g, uint32_t *words)
{
	uint32_t h = rng_range(&g->rng, 1, 9), w = rng_range(&g->rng, 1, 12), c = channels(g, 130);

	cmd_init(words, BNN_CMD_EW);
	SET(EW_H, h);
	SET(EW_W, w);
	SET(EW_COUT, c);
	gen_tensor(g, words, 11, false,
		   rng_one_in(&g->rng, 3) ? PICK(g, plane_formats) : PICK(g, element_formats), h, w,
		   c);
	gen_pipe(g, words, h, w, c);
}

static void gen_enc(struct gen *g, uint32_t *words)
{
	static const uint8_t codes[] = { BNN_FORMAT_B1,	  BNN_FORMAT_O2,   BNN_FORMAT_O4,
					 BNN_FORMAT_O8,	  BNN_FORMAT_U4,   BNN_FORMAT_U8,
					 BNN_FORMAT_S4,	  BNN_FORMAT_S8,   BNN_FORMAT_E_O4,
					 BNN_FORMAT_E_U4, BNN_FORMAT_E_S4, BNN_FORMAT_E_U8,
					 BNN_FORMAT_E_S8 };
	struct rng *r = &g->rng;
	uint32_t h = rng_range(r, 1, 9), w = rng_range(r, 1, 12), colours = rng_range(r, 1, 5);
	uint32_t mode = rng_below(r, 3), levels = mode == 1 ? rng_range(r, 1, 40) : 0;
	uint32_t c = mode == 0 ? colours : mode == 1 ? colours * levels : colours * 8;

	cmd_init(words, BNN_CMD_ENC);
	SET(ENC_PLANAR, rng_below(r, 2));
	SET(ENC_SHARED, rng_below(r, 2));
	SET(ENC_MODE, mode);
	SET(ENC_H, h);
	SET(ENC_W, w);
	SET(ENC_COLOURS, colours);
	SET(ENC_LEVELS, levels);
	place(g, words, 11, false, h * w * colours, 1);
	place(g, words, 14, false, 256 * (GET(ENC_SHARED) ? 1 : colours), 64);
	gen_tensor(g, words, 18, true, mode ? BNN_FORMAT_B1 : PICK(g, codes), h, w, c);
}

static void gen_pool(struct gen *g, uint32_t *words)
{
	static const uint8_t sums[] = { BNN_FORMAT_E_S8, BNN_FORMAT_E_U8, BNN_FORMAT_E_S16,
					BNN_FORMAT_E_S32 };
	struct rng *r = &g->rng;
	uint32_t h, w, oh, ow, mode = rng_below(r, 3), format, cin = channels(g, 130), group;

	do {
		uint32_t kh = rng_one_in(r, 8) ? rng_range(r, 1, 64) : rng_range(r, 1, 5);
		uint32_t kw = rng_one_in(r, 8) ? rng_range(r, 1, 64) : rng_range(r, 1, 5);
		uint32_t pt = rng_below(r, kh < 64 ? kh : 64), pb = rng_below(r, kh < 64 ? kh : 64);
		uint32_t pl = rng_below(r, kw), pr = rng_below(r, kw);

		cmd_init(words, BNN_CMD_POOL);
		h = rng_range(r, 1, 12);
		w = rng_range(r, 1, 12);
		group = rng_one_in(r, 2) ? 1 : divisor(g, cin);
		SET(POOL_MODE, mode);
		SET(POOL_H, h);
		SET(POOL_W, w);
		SET(POOL_CIN, cin);
		SET(POOL_GROUP, group);
		SET(POOL_KH, kh);
		SET(POOL_KW, kw);
		SET(POOL_SH, rng_range(r, 1, 4));
		SET(POOL_SW, rng_range(r, 1, 4));
		SET(POOL_PAD_T, pt);
		SET(POOL_PAD_L, pl);
		SET(POOL_PAD_B, pb);
		SET(POOL_PAD_R, pr);
		SET(POOL_DIV, mode ? 0 : rng_one_in(r, 4) ? 1 : rng_range(r, 1, kh * kw * group));
		oh = h + pt + pb >= kh ? (h + pt + pb - kh) / GET(POOL_SH) + 1 : 0;
		ow = w + pl + pr >= kw ? (w + pl + pr - kw) / GET(POOL_SW) + 1 : 0;
	} while (!oh || !ow);
	format = mode && rng_one_in(r, 3) ? BNN_FORMAT_B1 : PICK(g, sums);
	gen_tensor(g, words, 11, false, format, h, w, cin);
	gen_tensor(g, words, 18, true, format, oh, ow, cin / group);
}

static void gen_gatefold(struct gen *g, uint32_t *words)
{
	uint32_t c = rng_range(&g->rng, 1, 200);

	cmd_init(words, BNN_CMD_GATEFOLD);
	SET(GATEFOLD_C, c);
	place(g, words, 11, false, 2 * c, 64);
	place(g, words, 16, false, 64 * c, 64);
	place(g, words, 18, true, 64 * c, 64);
}

static void gen_transpose(struct gen *g, uint32_t *words)
{
	static const uint8_t whole[] = { BNN_FORMAT_E_U8, BNN_FORMAT_E_S8, BNN_FORMAT_E_U16,
					 BNN_FORMAT_E_S16, BNN_FORMAT_E_S32 };
	uint32_t h = rng_range(&g->rng, 1, 9), w = rng_range(&g->rng, 1, 12);
	uint32_t c = channels(g, 130), format = PICK(g, whole);

	cmd_init(words, BNN_CMD_TRANSPOSE);
	SET(TRANSPOSE_H, h);
	SET(TRANSPOSE_W, w);
	SET(TRANSPOSE_C, c);
	gen_tensor(g, words, 11, false, format, h, w, c);
	gen_tensor(g, words, 18, true, format, 1, c, h * w);
}

void gen_opcode(struct gen *g, uint32_t *words, uint32_t opcode)
{
	struct rng *r = &g->rng;

	g->next_both = rng_below(r, 0x800) * 64;
	g->next_write = rng_below(r, 0x800) * 64;
	g->next_act = rng_below(r, 64) * 64;
	cmd_init(words, opcode);
	switch (opcode) {
	case BNN_CMD_ENC:
		gen_enc(g, words);
		break;
	case BNN_CMD_PREFETCH:
		SET(PREFETCH_PARAMS, rng_below(r, 2));
		SET(PREFETCH_BYTES, rng_range(r, 1, 5000));
		place(g, words, 14, false, GET(PREFETCH_BYTES), 64);
		break;
	case BNN_CMD_GATEFOLD:
		gen_gatefold(g, words);
		break;
	case BNN_CMD_CONV:
		gen_conv(g, words);
		break;
	case BNN_CMD_EW:
		gen_ew(g, words);
		break;
	case BNN_CMD_POOL:
		gen_pool(g, words);
		break;
	case BNN_CMD_TRANSPOSE:
		gen_transpose(g, words);
		break;
	}
}

void gen_command(struct gen *g, uint32_t *words)
{
	static const uint8_t opcodes[] = { BNN_CMD_NOP,	     BNN_CMD_ENC,      BNN_CMD_PREFETCH,
					   BNN_CMD_GATEFOLD, BNN_CMD_CONV,     BNN_CMD_CONV,
					   BNN_CMD_CONV,     BNN_CMD_CONV,     BNN_CMD_CONV,
					   BNN_CMD_EW,	     BNN_CMD_EW,       BNN_CMD_POOL,
					   BNN_CMD_POOL,     BNN_CMD_TRANSPOSE };

	gen_opcode(g, words, PICK(g, opcodes));
}
