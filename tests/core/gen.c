/* SPDX-License-Identifier: MIT */
#include "gen.h"

#include <string.h>

/* Parts of region R_READ. */
enum {
	NOISE_BYTES = 0x180000,
	PARAMS_AT = NOISE_BYTES,
	PARAMS = 8192,
	NARROW_AT = PARAMS_AT + 64 * PARAMS,
	NARROWS = 16384,
	BLOCK = 256, /* records of a kind beside each other */
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

/* What records beside each other have in common: how often gates are open, above all. */
struct taste {
	int32_t gate;
	uint32_t spread, size;
};

static void tame_record(struct rng *r, const struct taste *t, uint8_t *p)
{
	uint32_t size = rng_one_in(r, 4) ? 1u << rng_below(r, 14) : t->size;

	rng_fill(r, p, 64);
	put32(p + BNN_PARAM_TH1, (uint32_t)around_zero(r, size));
	put32(p + BNN_PARAM_TH2, (uint32_t)around_zero(r, 1 << 14));
	put32(p + BNN_PARAM_TB, (uint32_t)around_zero(r, size));
	put32(p + BNN_PARAM_T,
	      rng_one_in(r, 16) ? rng_next(r) : (uint32_t)(t->gate + around_zero(r, t->spread)));
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
	struct taste taste = { 0 };

	for (uint32_t at = 0; at < NOISE_BYTES; at += 64) {
		rng_fill(rng, record, 64);
		host_put(h, HOST_VA + READ_AT + at, record, 64);
	}
	for (uint32_t i = 0; i < PARAMS; i++) {
		if (i % BLOCK == 0) {
			taste.spread = 1u << rng_below(rng, 10);
			taste.gate = around_zero(rng, 1u << rng_below(rng, 8));
			taste.size = 1u << rng_below(rng, 14);
		}
		tame_record(rng, &taste, record);
		host_put(h, HOST_VA + READ_AT + PARAMS_AT + 64 * i, record, 64);
	}
	for (uint32_t i = 0; i < NARROWS; i++) {
		if (i % BLOCK == 0)
			taste.size = 1u << rng_below(rng, 8);
		rng_fill(rng, record, 8);
		if (!rng_one_in(rng, 16))
			put32(record, (uint32_t)around_zero(rng, taste.size));
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

/* ---- where things are ------------------------------------------------------ */

static uint32_t region_bytes(const struct gen *g, uint32_t region)
{
	switch (region) {
	case BNN_REGION_ONCHIP:
		return g->act_bytes;
	case R_READ:
		return NOISE_BYTES;
	case R_WRITE:
		return WRITE_BYTES - g->spare;
	default:
		return BOTH_BYTES - g->spare;
	}
}

/* An output must meet nothing else of the command. */
static bool is_free(const struct gen *g, const struct gen_extent *e)
{
	for (unsigned i = 0; i < g->owned; i++) {
		const struct gen_extent *o = &g->own[i];

		if (o->region == e->region && (o->write || e->write) && o->bytes &&
		    o->at < e->at + e->bytes && e->at < o->at + o->bytes)
			return false;
	}
	return true;
}

/* At, inside, or across an end of something that came before; false: there is nothing. */
static bool near_recent(struct gen *g, struct gen_extent *e)
{
	const struct gen_extent *o;
	int64_t at;

	if (!g->recents)
		return false;
	o = &g->recent[rng_below(&g->rng, g->recents)];
	at = o->at;
	switch (rng_below(&g->rng, 4)) {
	case 0:
		at += rng_below(&g->rng, o->bytes);
		break;
	case 1:
		at -= rng_below(&g->rng, e->bytes);
		break;
	default:
		break;
	}
	e->region = o->region;
	e->at = at < 0 ? 0 : (uint32_t)at;
	return true;
}

static void anywhere(struct gen *g, struct gen_extent *e)
{
	struct rng *r = &g->rng;
	uint32_t size, choice = rng_below(r, 4);

	e->region = choice == 0	  ? BNN_REGION_ONCHIP
		    : choice == 1 ? R_BOTH
		    : e->write	  ? R_WRITE
				  : R_READ;
	size = region_bytes(g, e->region);
	if (size < e->bytes) {
		e->region = e->write ? R_WRITE : R_READ;
		size = region_bytes(g, e->region);
	}
	size -= e->bytes;
	/* Mostly close together; now and then at the very end. */
	if (e->region == BNN_REGION_ONCHIP || e->region == R_BOTH) {
		if (rng_one_in(r, 16)) {
			e->at = size;
			return;
		}
		if (!rng_one_in(r, 4) && size > 0x20000)
			size = 0x20000;
	}
	e->at = rng_below(r, size + 1);
}

static void keep(struct gen *g, const struct gen_extent *e)
{
	if (g->owned < REFS_MAX)
		g->own[g->owned++] = *e;
}

/* Chooses region and offset for bytes that no output of the command meets. */
static void place(struct gen *g, uint32_t *words, unsigned word, bool write, uint32_t bytes,
		  uint32_t align)
{
	struct gen_extent e = { .write = write, .bytes = bytes };

	for (unsigned tries = 0;; tries++) {
		if (tries > 30) {
			e.region = write ? R_WRITE : R_READ;
			e.at = rng_below(&g->rng, region_bytes(g, e.region) - bytes + 1);
		} else if (!rng_one_in(&g->rng, 3) || !near_recent(g, &e)) {
			anywhere(g, &e);
		}
		/* Of what may lie anywhere, half is aligned all the same. */
		e.at -= e.at % (align < 64 && rng_one_in(&g->rng, 2) ? 64 : align);
		if (e.at + bytes <= region_bytes(g, e.region) && is_free(g, &e))
			break;
	}
	keep(g, &e);
	if (e.region == R_BOTH && e.at >= ALIAS_SKIP && rng_one_in(&g->rng, 3)) {
		e.region = R_ALIAS;
		e.at -= ALIAS_SKIP;
	}
	words[word] = e.at;
	words[word + 1] = (words[word + 1] & ~63u) | e.region;
}

void gen_start(struct gen *g)
{
	g->recents = g->owned = 0;
}

static void remember(struct gen *g)
{
	for (unsigned i = 0; i < g->owned; i++) {
		const struct gen_extent *e = &g->own[i];

		if (e->region != R_BOTH && e->region != BNN_REGION_ONCHIP)
			continue;
		/* What was written is what matters. */
		if (!e->write && !rng_one_in(&g->rng, 4))
			continue;
		g->recent[g->recents < GEN_RECENT ? g->recents++ : rng_below(&g->rng, GEN_RECENT)] =
			*e;
	}
	g->owned = 0;
}

bool gen_show(struct gen *g, const uint32_t *words, uint32_t *show)
{
	struct ref refs[REFS_MAX];
	unsigned n = cmd_refs(words, refs);

	for (unsigned i = 0; i < n; i++) {
		const struct ref *r = &refs[i];
		uint32_t at = r->offset & ~63u, rows;

		if (!r->write || r->region != BNN_REGION_ONCHIP || rng_one_in(&g->rng, 4))
			continue;
		rows = (r->offset + (uint32_t)r->bytes - at) / 64;
		rows = rows < 1 ? 1 : rows > 4096 ? 4096 : rows;
		if (at + 64 > g->act_bytes)
			return false;
		cmd_init(show, BNN_CMD_POOL);
		bnn_field_set(show, BNN_F_POOL_MODE, 1);
		bnn_field_set(show, BNN_F_POOL_H, rows);
		bnn_field_set(show, BNN_F_POOL_W, 1);
		bnn_field_set(show, BNN_F_POOL_CIN, 512);
		bnn_field_set(show, BNN_F_POOL_GROUP, 1);
		bnn_field_set(show, BNN_F_POOL_KH, 1);
		bnn_field_set(show, BNN_F_POOL_KW, 1);
		bnn_field_set(show, BNN_F_POOL_SH, 1);
		bnn_field_set(show, BNN_F_POOL_SW, 1);
		cmd_tensor(show, 11, BNN_REGION_ONCHIP, at, BNN_FORMAT_B1, 1, 512);
		cmd_tensor(show, 18, R_WRITE, 0, BNN_FORMAT_B1, 1, 512);
		place(g, show, 18, true, 64 * rows, 64);
		while ((show[19] & 63) != R_WRITE) {
			g->owned = 0;
			place(g, show, 18, true, 64 * rows, 64);
		}
		g->owned = 0;
		return true;
	}
	return false;
}

static void gen_tensor(struct gen *g, uint32_t *words, unsigned word, bool write, uint32_t format,
		       uint32_t h, uint32_t w, uint32_t c)
{
	static const uint8_t element[] = { 4, 4, 4, 8, 8, 16, 16, 32 };
	bool packed = format >= BNN_FORMAT_E_O4;
	uint32_t bits = packed ? element[format - BNN_FORMAT_E_O4] : 1;
	uint32_t natural = (c * bits + 15) / 16 * 2, pixel = natural, row;
	bool spread = rng_one_in(&g->rng, 3), far = rng_one_in(&g->rng, 10);

	words[word + 1] = format << 6;
	if (h * w * ref_tensor(words, word, write, h, w, c).planes >= 64)
		far = false;
	if (spread)
		pixel += 2 * rng_below(&g->rng, far ? 3000 : 12);
	row = ((w - 1) * pixel + natural + 15) / 16 + rng_below(&g->rng, 3);
	words[word + 1] = format << 6 | row << 11;
	words[word + 2] = spread ? pixel / 2 : 0;
	place(g, words, word, write, (uint32_t)ref_tensor(words, word, write, h, w, c).bytes,
	      spread ? 2 : 64);
}

/* ---- shapes ------------------------------------------------------------------- */

static uint32_t channels(struct gen *g, uint32_t most)
{
	static const uint16_t usual[] = { 1,  3,  8,   15,  16,	 17,  31,  32,	33,  63, 64,
					  65, 96, 127, 128, 130, 255, 256, 257, 300, 512 };
	uint32_t c = rng_one_in(&g->rng, 2)
			     ? usual[rng_below(&g->rng, sizeof(usual) / sizeof(usual[0]))]
			     : rng_range(&g->rng, 1, 40);

	return c > most ? rng_range(&g->rng, 1, most < 40 ? most : 40) : c;
}

/* As networks have them. */
static uint32_t round_channels(struct gen *g)
{
	static const uint8_t round[] = { 16, 16, 32, 32, 64, 64, 96, 128 };

	return PICK(g, round);
}

static uint32_t divisor(struct gen *g, uint32_t n)
{
	uint32_t d;

	do
		d = rng_range(&g->rng, 1, n);
	while (n % d);
	return d;
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
	uint32_t most = 2 * cout < 512 ? 2 * cout : 512;
	uint32_t rc = rng_one_in(&g->rng, 2) ? cout : channels(g, most);
	uint32_t win = rng_one_in(&g->rng, 3), zero = rng_below(&g->rng, 2);
	uint32_t align = rng_one_in(&g->rng, 4) ? rng_below(&g->rng, 16) : rng_below(&g->rng, 4);

	words[7 + which] = rc | win << 14 | zero << 15 | align << 16;
	gen_tensor(g, words, 24 + 3 * which, false, PICK(g, residual_formats), oh << win, ow << win,
		   rc);
}

/* OUTS exactly where a residual or EW's input lies, if nothing else is there. */
static bool gen_in_place(struct gen *g, uint32_t *words, uint32_t cout)
{
	bool ew = (words[0] & 0xff) == BNN_CMD_EW;
	unsigned from = ew && rng_one_in(&g->rng, 2) ? 11 : rng_one_in(&g->rng, 2) ? 24 : 27;
	uint32_t region = words[from + 1] & 63, at = words[from];
	struct gen_extent *in = NULL, e;

	if (!words[from + 1] || region == R_READ || (words[from + 1] >> 6 & 31) < BNN_FORMAT_E_O4)
		return false;
	if (from != 11 && (words[from == 24 ? 7 : 8] & 0x7fff) != cout)
		return false;
	if (region == R_ALIAS) {
		region = R_BOTH;
		at += ALIAS_SKIP;
	}
	for (unsigned i = 0; i < g->owned; i++)
		if (g->own[i].region == region && g->own[i].at == at)
			in = &g->own[i];
	if (!in)
		return false;
	e = *in;
	e.write = true;
	in->bytes = 0;
	if (!is_free(g, &e)) {
		in->bytes = e.bytes;
		return false;
	}
	*in = e;
	memcpy(&words[21], &words[from], 12);
	return true;
}

static void gen_pipe(struct gen *g, uint32_t *words, uint32_t oh, uint32_t ow, uint32_t cout)
{
	struct rng *r = &g->rng;
	bool frac = (words[0] & 0xff) == BNN_CMD_CONV && GET(CONV_FRAC);
	bool narrow = !frac && rng_one_in(r, 4), outs, planes;
	uint32_t outp;

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
	if (outs && !(rng_one_in(r, 3) && gen_in_place(g, words, cout)))
		gen_tensor(g, words, 21, true, PICK(g, element_formats), oh, ow, cout);
	if (GET(CONV_SUM_EN))
		place(g, words, 30, true, 4 * cout, 64);
	if (cmd_has_params(words)) {
		uint32_t size = narrow ? 8 : 64, at = narrow ? NARROW_AT : PARAMS_AT;

		if (rng_one_in(r, 5))
			place(g, words, 16, false, size * cout, 64);
		else
			cmd_vector(
				words, 16, R_READ,
				at + rng_below(r, narrow ? (NARROWS - cout) / 8 : PARAMS - cout) *
						64);
	}
}

/* Sizes, kernel, padding: odd ones, or as networks have them. */
static void odd_shape(struct gen *g, uint32_t *words)
{
	struct rng *r = &g->rng;
	bool flat = rng_one_in(r, 8), wide = flat && rng_one_in(r, 3);
	uint32_t kh = rng_one_in(r, 3) ? rng_range(r, 1, 7) : rng_range(r, 1, 3);
	uint32_t kw = rng_one_in(r, 3) ? rng_range(r, 1, 7) : rng_range(r, 1, 3);
	uint32_t dh = rng_one_in(r, 5) ? rng_range(r, 1, 4) : 1;
	uint32_t dw = rng_one_in(r, 5) ? rng_range(r, 1, 4) : 1;
	uint32_t groups = 1, cin = wide ? rng_range(r, 1, 8192) : channels(g, 512);
	uint32_t cout = wide ? rng_range(r, 1, 1200) : channels(g, 300);
	uint32_t pads = rng_below(r, 3);

	if (flat)
		kh = kw = 1;
	if (rng_one_in(r, 4)) {
		groups = rng_one_in(r, 3) ? cin : divisor(g, cin);
		cout = groups * rng_range(r, 1, groups < 100 ? 3 : 1);
	}
	SET(CONV_H, flat ? 1 : rng_range(r, 1, 10));
	SET(CONV_W, flat ? 1 : rng_range(r, 1, 14));
	SET(CONV_CIN, cin);
	SET(CONV_COUT, cout);
	SET(CONV_KH, kh);
	SET(CONV_KW, kw);
	SET(CONV_SH, rng_one_in(r, 2) ? 1 : rng_range(r, 1, 4));
	SET(CONV_SW, rng_one_in(r, 2) ? 1 : rng_range(r, 1, 4));
	SET(CONV_DH, dh);
	SET(CONV_DW, dw);
	SET(CONV_PAD_T, pads ? rng_below(r, dh * (kh - 1) + 1) : 0);
	SET(CONV_PAD_B, pads ? rng_below(r, dh * (kh - 1) + 1) : 0);
	SET(CONV_PAD_L, pads ? rng_below(r, dw * (kw - 1) + 1) : 0);
	SET(CONV_PAD_R, pads ? rng_below(r, dw * (kw - 1) + 1) : 0);
	SET(CONV_GROUPS, groups);
}

static void usual_shape(struct gen *g, uint32_t *words)
{
	struct rng *r = &g->rng;
	bool first = rng_one_in(r, 8), depth = !first && rng_one_in(r, 8);
	uint32_t k = rng_one_in(r, 4) ? 1 : rng_one_in(r, 6) ? rng_range(r, 2, 7) : 3;
	uint32_t cin = first ? rng_range(r, 1, 4) : round_channels(g),
		 pad = rng_one_in(r, 4) ? 0 : k / 2;
	uint32_t cout = depth ? cin : round_channels(g), size = rng_range(r, 4, 32);
	uint32_t stride = rng_one_in(r, 4) ? 2 : 1;

	while (size > 4 &&
	       size * size * k * k * cin / (depth ? cin : 1) * cout / stride / stride > g->work)
		size -= size / 4;
	SET(CONV_H, rng_one_in(r, 4) ? rng_range(r, k, size < k ? k : size) : size < k ? k : size);
	SET(CONV_W, size < k ? k : size);
	SET(CONV_CIN, cin);
	SET(CONV_COUT, cout);
	SET(CONV_KH, k);
	SET(CONV_KW, k);
	SET(CONV_SH, stride);
	SET(CONV_SW, stride);
	SET(CONV_DH, 1);
	SET(CONV_DW, 1);
	SET(CONV_PAD_T, pad);
	SET(CONV_PAD_L, pad);
	SET(CONV_PAD_B, pad);
	SET(CONV_PAD_R, pad);
	SET(CONV_GROUPS, depth ? cin : 1);
}

/* Groups of one channel, or of 16 and more. */
static void group_shape(struct gen *g, uint32_t *words)
{
	struct rng *r = &g->rng;
	uint32_t kh = rng_range(r, 1, rng_one_in(r, 3) ? 7 : 3);
	uint32_t kw = rng_range(r, 1, rng_one_in(r, 3) ? 7 : 3);
	uint32_t per = rng_one_in(r, 2) ? 1 : 16 * rng_range(r, 1, 3);
	uint32_t groups = rng_range(r, 2, per == 1 ? 70 : 5), pads = rng_below(r, 3);

	SET(CONV_H, rng_range(r, 1, 12));
	SET(CONV_W, rng_range(r, 1, rng_one_in(r, 4) ? 300 : 20));
	SET(CONV_CIN, groups * per);
	SET(CONV_COUT, groups * (rng_one_in(r, 6) ? rng_range(r, 1, 9) : 1u << rng_below(r, 3)));
	SET(CONV_KH, kh);
	SET(CONV_KW, kw);
	SET(CONV_SH, rng_range(r, 1, 3));
	SET(CONV_SW, rng_range(r, 1, rng_one_in(r, 4) ? 4 : 2));
	SET(CONV_DH, 1);
	SET(CONV_DW, 1);
	SET(CONV_PAD_T, pads ? rng_below(r, kh) : 0);
	SET(CONV_PAD_B, pads ? rng_below(r, kh) : 0);
	SET(CONV_PAD_L, pads ? rng_below(r, kw) : 0);
	SET(CONV_PAD_R, pads ? rng_below(r, kw) : 0);
	SET(CONV_GROUPS, groups);
}

static void gen_weights(struct gen *g, uint32_t *words, bool usual)
{
	struct rng *r = &g->rng;
	uint32_t cout = GET(CONV_COUT), p;
	uint32_t k = GET(CONV_KH) * GET(CONV_KW) * (GET(CONV_CIN) / GET(CONV_GROUPS));

	SET(CONV_WFORMAT, rng_one_in(r, 2) ? 0 : rng_below(r, 7));
	switch (rng_one_in(r, 2) ? 0 : rng_below(r, 4)) {
	case 1:
		if (GET(CONV_GROUPS) != 1)
			break;
		p = usual ? 1u << rng_below(r, 4) : divisor(g, cout);
		if (p > 255 || cout % p)
			break;
		SET(CONV_WMODE, 1);
		SET(CONV_TILE_P, p);
		break;
	case 2:
		p = usual ? 1u << rng_below(r, 6) : rng_range(r, 1, 255);
		while ((uint64_t)cout * k % p)
			p--;
		SET(CONV_WMODE, 2);
		SET(CONV_TILE_P, p);
		break;
	case 3:
		SET(CONV_WMODE, 3);
		SET(CONV_WFORMAT, 0);
		SET(CONV_TAU, rng_range(r, 1, 9));
	}
}

static void gen_conv(struct gen *g, uint32_t *words)
{
	static const uint64_t max_in[32] = { [1] = 1, 3,	 15, 255, 15,  255, 8, 128,
					     32768,   [16] = 15, 15, 8,	  255, 128, 0, 32768 };
	static const uint8_t max_w[] = { 1, 1, 3, 15, 255, 8, 128 };
	static const uint8_t planes[32] = { [1] = 1, 2,	       4, 8, 4, 8, 4, 8,
					    16,	     [16] = 4, 4, 4, 8, 8, 0, 16 };
	static const uint8_t bits[] = { 1, 2, 2, 4, 8, 4, 8 };
	static const uint8_t first[] = { BNN_FORMAT_U8, BNN_FORMAT_S8, BNN_FORMAT_O8,
					 BNN_FORMAT_E_S8, BNN_FORMAT_E_U8 };
	struct rng *r = &g->rng;
	uint32_t oh, ow, cin, format, k;
	uint64_t work;

	if (!g->work)
		g->work = 300000;
	for (;;) {
		bool usual = rng_one_in(r, 2), apart = rng_one_in(r, 8);

		cmd_init(words, BNN_CMD_CONV);
		if (apart)
			group_shape(g, words);
		else if (usual)
			usual_shape(g, words);
		else
			odd_shape(g, words);
		if (GET(CONV_H) + GET(CONV_PAD_T) + GET(CONV_PAD_B) <=
			    GET(CONV_DH) * (GET(CONV_KH) - 1) ||
		    GET(CONV_W) + GET(CONV_PAD_L) + GET(CONV_PAD_R) <=
			    GET(CONV_DW) * (GET(CONV_KW) - 1))
			continue;
		cmd_conv_size(words, &oh, &ow);
		cin = GET(CONV_CIN);
		k = GET(CONV_KH) * GET(CONV_KW) * (cin / GET(CONV_GROUPS));
		SET(CONV_PAD_MODE, rng_one_in(r, 2) ? 0 : rng_below(r, 3));
		gen_weights(g, words, usual);
		format = rng_one_in(r, 3) ? PICK(g, conv_formats) : PICK(g, plane_formats);
		if (usual && cin <= 4 && !rng_one_in(r, 4))
			format = PICK(g, first);
		else if (rng_one_in(r, 3)) {
			format = BNN_FORMAT_O2;
			SET(CONV_FRAC, 1);
			SET(CONV_WFORMAT, 0);
		} else if (rng_one_in(r, 3)) {
			format = BNN_FORMAT_B1;
		}
		if (apart && rng_one_in(r, 2)) { /* bytes by bytes */
			format = rng_one_in(r, 2) ? BNN_FORMAT_S8 : BNN_FORMAT_U8;
			SET(CONV_FRAC, 0);
			SET(CONV_WFORMAT, BNN_WFORMAT_S8);
			SET(CONV_PAD_MODE, rng_one_in(r, 8));
			if (GET(CONV_WMODE) == 3) {
				SET(CONV_WMODE, 0);
				SET(CONV_TAU, 0);
			}
		}
		work = (uint64_t)oh * ow * GET(CONV_COUT) * k * planes[format] *
		       bits[GET(CONV_WFORMAT)];
		if (k <= 32767 && k * max_in[format] * max_w[GET(CONV_WFORMAT)] <= INT32_MAX &&
		    work <= (apart ? 8 : 2) * (uint64_t)g->work &&
		    cmd_weight_bytes(words) <= 0x100000)
			break;
	}
	gen_tensor(g, words, 11, false, format, GET(CONV_H), GET(CONV_W), cin);
	place(g, words, 14, false, (uint32_t)cmd_weight_bytes(words), 64);
	gen_pipe(g, words, oh, ow, GET(CONV_COUT));
}

/* Sizes of the commands without weights. */
static void gen_size(struct gen *g, uint32_t *h, uint32_t *w, uint32_t *c)
{
	struct rng *r = &g->rng;

	*h = rng_range(r, 1, 9);
	*w = rng_range(r, 1, 12);
	*c = rng_one_in(r, 30) ? rng_range(r, 1, 2000) : channels(g, 300);
	if (rng_one_in(r, 3)) {
		*h = *w = rng_range(r, 4, 16);
		*c = round_channels(g);
	}
	while (*h * *w * *c > 8000) {
		if (*h > 1)
			--*h;
		else if (*w > 1)
			--*w;
		else
			break;
	}
}

static void gen_ew(struct gen *g, uint32_t *words)
{
	uint32_t h, w, c;

	gen_size(g, &h, &w, &c);
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
	uint32_t h, w, colours, mode = rng_below(r, 3), levels, c;

	do {
		gen_size(g, &h, &w, &colours);
		if (!rng_one_in(r, 3))
			colours = rng_range(r, 1, 5);
		levels = mode != 1 ? 0 : rng_range(r, 1, rng_one_in(r, 4) ? 255 : 40);
		c = mode == 0 ? colours : mode == 1 ? colours * levels : colours * 8;
	} while (c > 8192 || h * w * c > 20000);
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
	uint32_t h, w, oh, ow, mode = rng_below(r, 3), format, cin, group;

	do {
		uint32_t kh = rng_one_in(r, 8) ? rng_range(r, 1, 64) : rng_range(r, 1, 5);
		uint32_t kw = rng_one_in(r, 8) ? rng_range(r, 1, 64) : rng_range(r, 1, 5);
		uint32_t pt = rng_below(r, kh < 64 ? kh : 64), pb = rng_below(r, kh < 64 ? kh : 64);
		uint32_t pl = rng_below(r, kw), pr = rng_below(r, kw);

		cmd_init(words, BNN_CMD_POOL);
		gen_size(g, &h, &w, &cin);
		if (rng_one_in(r, 40))
			h = w = 1, cin = rng_range(r, 1, 8192);
		group = rng_one_in(r, 2) ? 1 : divisor(g, cin);
		SET(POOL_MODE, mode);
		SET(POOL_H, h);
		SET(POOL_W, w);
		SET(POOL_CIN, cin);
		SET(POOL_GROUP, group);
		SET(POOL_KH, kh);
		SET(POOL_KW, kw);
		SET(POOL_SH, rng_range(r, 1, rng_one_in(r, 8) ? 64 : 4));
		SET(POOL_SW, rng_range(r, 1, rng_one_in(r, 8) ? 64 : 4));
		SET(POOL_PAD_T, pt);
		SET(POOL_PAD_L, pl);
		SET(POOL_PAD_B, pb);
		SET(POOL_PAD_R, pr);
		SET(POOL_DIV, mode ? 0 : rng_one_in(r, 4) ? 1 : rng_range(r, 1, kh * kw * group));
		oh = h + pt + pb >= kh ? (h + pt + pb - kh) / GET(POOL_SH) + 1 : 0;
		ow = w + pl + pr >= kw ? (w + pl + pr - kw) / GET(POOL_SW) + 1 : 0;
	} while (!oh || !ow || oh * ow * GET(POOL_KH) * GET(POOL_KW) > 8000);
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
	uint32_t h, w, c, format = PICK(g, whole);

	do
		gen_size(g, &h, &w, &c);
	while (c > 4096);

	cmd_init(words, BNN_CMD_TRANSPOSE);
	SET(TRANSPOSE_H, h);
	SET(TRANSPOSE_W, w);
	SET(TRANSPOSE_C, c);
	gen_tensor(g, words, 11, false, format, h, w, c);
	gen_tensor(g, words, 18, true, format, 1, c, h * w);
}

static void gen_one(struct gen *g, uint32_t *words, uint32_t opcode)
{
	struct rng *r = &g->rng;

	g->owned = 0;
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

/* 0: of any kind. Gives up on what the core lacks altogether. */
void gen_opcode(struct gen *g, uint32_t *words, uint32_t opcode)
{
	static const uint8_t opcodes[] = { BNN_CMD_NOP,	     BNN_CMD_ENC,      BNN_CMD_PREFETCH,
					   BNN_CMD_GATEFOLD, BNN_CMD_CONV,     BNN_CMD_CONV,
					   BNN_CMD_CONV,     BNN_CMD_CONV,     BNN_CMD_CONV,
					   BNN_CMD_EW,	     BNN_CMD_EW,       BNN_CMD_POOL,
					   BNN_CMD_POOL,     BNN_CMD_TRANSPOSE };
	unsigned tries = 0;

	do
		gen_one(g, words, opcode ? opcode : PICK(g, opcodes));
	while (g->features && cmd_lacks(words, g->features) && ++tries < 5000);
	remember(g);
}

void gen_command(struct gen *g, uint32_t *words)
{
	gen_opcode(g, words, 0);
}
