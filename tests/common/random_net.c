// SPDX-License-Identifier: MIT
/*
 * Words are drawn field by field and thrown away until bnn_command_check() likes
 * them: so the distribution is simple and nothing legal is out of reach.
 */
#include "random_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (BNN_COMMAND_BYTES / 4)
#define SET(field, value) bnn_field_set(words, BNN_F_##field, value)
#define GET(field) bnn_field_get(words, BNN_F_##field)

struct state {
	struct random random;
	struct random_net_options o;
	struct bnn_net *net;
	bool *ready; /* by value: may be read */
	size_t ready_size;
	bool failed;
};

uint64_t random_next(struct random *random)
{
	uint64_t x = random->state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint32_t random_range(struct random *random, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(random_next(random) % ((uint64_t)high - low + 1));
}

bool random_once_in(struct random *random, uint32_t n)
{
	return random_next(random) % n == 0;
}

static uint32_t range(struct state *s, uint32_t low, uint32_t high)
{
	return random_range(&s->random, low, high);
}

static bool once_in(struct state *s, uint32_t n)
{
	return random_once_in(&s->random, n);
}

static uint32_t pick_size(struct state *s)
{
	uint32_t size = once_in(s, 8) ? range(s, 1, 40) : range(s, 1, 11);

	return size > s->o.max_size ? range(s, 1, s->o.max_size) : size;
}

/* Around the sizes of words and pixels. */
static uint32_t pick_channels(struct state *s)
{
	static const uint16_t steps[] = { 8, 16, 32, 64, 96, 128, 192, 256, 320 };
	uint32_t c;

	if (once_in(s, 2))
		c = range(s, 1, 20);
	else
		c = steps[range(s, 0, 8)] + range(s, 0, 2) - 1;
	return c > s->o.max_channels ? range(s, 1, s->o.max_channels) : c;
}

static uint32_t pick_bit(struct state *s, uint32_t mask)
{
	uint32_t bit;

	do
		bit = range(s, 0, 31);
	while (!(mask >> bit & 1));
	return bit;
}

/* A shift: mostly small, because large ones leave zeros. */
static uint32_t pick_shift(struct state *s, uint32_t max)
{
	return once_in(s, 6) ? range(s, 0, max) : range(s, 0, max < 6 ? max : 6);
}

static void fill(struct random *random, uint8_t *data, uint64_t bytes)
{
	uint64_t i;

	for (i = 0; i < bytes; i++)
		data[i] = (uint8_t)(random_next(random) >> 32);
}

static void put16(uint8_t *p, int32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, int32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static int32_t around_zero(struct state *s, uint32_t magnitude)
{
	return (int32_t)range(s, 0, 2 * magnitude) - (int32_t)magnitude;
}

/* Parameter records: a part of them wild, the rest near what layers really have. */
static void fill_records(struct state *s, uint8_t *data, uint64_t bytes)
{
	uint32_t scale = 1u << range(s, 1, 16);
	uint64_t at;

	fill(&s->random, data, bytes);
	for (at = 0; at + BNN_SIZEOF_PARAM <= bytes; at += BNN_SIZEOF_PARAM) {
		uint8_t *r = data + at;
		int h;

		if (once_in(s, 4))
			continue;
		put32(r + BNN_PARAM_TH1, around_zero(s, scale));
		put32(r + BNN_PARAM_TH2, around_zero(s, scale));
		put32(r + BNN_PARAM_TB, around_zero(s, scale));
		put32(r + BNN_PARAM_T, around_zero(s, 40));
		put32(r + BNN_PARAM_BBN, around_zero(s, scale));
		for (h = 0; h < 2; h++) {
			put32(r + BNN_PARAM_B1 + 4 * h, around_zero(s, scale));
			put32(r + BNN_PARAM_B2 + 4 * h, around_zero(s, scale));
			put16(r + BNN_PARAM_A1 + 2 * h, around_zero(s, 300));
			put16(r + BNN_PARAM_A2 + 2 * h, around_zero(s, 300));
			r[BNN_PARAM_K1 + h] = (uint8_t)around_zero(s, 6);
			r[BNN_PARAM_K2 + h] = (uint8_t)around_zero(s, 6);
		}
		for (h = 0; h < 3; h++)
			put16(r + BNN_PARAM_Q + 2 * h, around_zero(s, scale / 2));
	}
}

/* As fill_records() for records of 8 bytes. */
static void fill_narrow(struct state *s, uint8_t *data, uint64_t bytes)
{
	uint64_t at;

	fill(&s->random, data, bytes);
	for (at = 0; at + BNN_SIZEOF_PARAM_NARROW <= bytes; at += BNN_SIZEOF_PARAM_NARROW) {
		if (!once_in(s, 4))
			put32(data + at, around_zero(s, 60));
	}
}

static int32_t add_value(struct state *s, struct bnn_value *v)
{
	char name[24];
	int index;

	snprintf(name, sizeof(name), "v%zu", s->net->value_count);
	v->name = name;
	index = bnn_net_add_value(s->net, v);
	if (index >= 0 && (size_t)index >= s->ready_size) {
		bool *more = realloc(s->ready, (s->ready_size * 2 + 16) * sizeof(*more));

		if (!more) {
			s->failed = true;
			return BNN_NO_VALUE;
		}
		s->ready = more;
		s->ready_size = s->ready_size * 2 + 16;
	}
	if (index < 0) {
		s->failed = true;
		return BNN_NO_VALUE;
	}
	s->ready[index] = v->role == BNN_ROLE_INPUT || v->role == BNN_ROLE_CONST;
	return index;
}

/* Row starts and columns in range; some rows have no edges. Weights stay as they are. */
static void fill_graph(struct state *s, const uint32_t *words, uint8_t *data)
{
	uint32_t nodes = GET(AGGREGATE_OH) * GET(AGGREGATE_OW), edges = GET(AGGREGATE_EDGES), i;
	uint32_t columns = GET(AGGREGATE_H) * GET(AGGREGATE_W), at = 0;

	put32(data, 0);
	for (i = 1; i <= nodes; i++) {
		at += range(s, 0, 2 * (edges - at) / (nodes - i + 1));
		at = i == nodes || at > edges ? edges : at;
		put32(data + 4 * i, (int32_t)at);
	}
	for (i = 0; i < edges; i++)
		put32(data + 4 * (nodes + 1 + i), (int32_t)range(s, 0, columns - 1));
}

/* A value for what a slot describes. */
static int32_t new_value(struct state *s, const uint32_t *words, int slot,
			 const struct bnn_slot_info *info, enum bnn_role role)
{
	struct bnn_value v = { .role = role, .bytes = info->bytes };
	uint32_t op = words[0] & 0xff;
	bool pipe = op == BNN_CMD_CONV || op == BNN_CMD_EW;
	bool records = op == BNN_CMD_GATEFOLD || (pipe && !GET(CONV_NARROW));

	if (info->kind == BNN_SLOT_TENSOR) {
		v.format = info->format;
		v.h = info->h;
		v.w = info->w;
		v.c = info->c;
	} else if (slot == BNN_SLOT_SUM && once_in(s, 2)) {
		v.format = BNN_FORMAT_E_S32;
		v.h = v.w = 1;
		v.c = (uint32_t)(info->bytes / 4);
		v.bytes = 0;
	}
	if (role == BNN_ROLE_CONST) {
		v.data = malloc(v.bytes);
		if (!v.data)
			s->failed = true;
		else if (slot == BNN_SLOT_PARAM && records)
			fill_records(s, v.data, v.bytes);
		else if (slot == BNN_SLOT_PARAM && pipe)
			fill_narrow(s, v.data, v.bytes);
		else
			fill(&s->random, v.data, v.bytes);
		if (op == BNN_CMD_AGGREGATE && slot == BNN_SLOT_WEIGHT && v.data)
			fill_graph(s, words, v.data);
	}
	return add_value(s, &v);
}

/* A tensor to go on with, or NULL. Later ones are more likely. */
static const struct bnn_value *pick_tensor(struct state *s, uint32_t formats)
{
	size_t i, tries;

	if (!s->net->value_count || once_in(s, 12))
		return NULL;
	for (tries = 0; tries < 12; tries++) {
		i = range(s, (uint32_t)(tries < 6 ? s->net->value_count / 2 : 0),
			  (uint32_t)s->net->value_count - 1);
		if (s->ready[i] && formats >> s->net->values[i].format & 1)
			return &s->net->values[i];
	}
	return NULL;
}

static void draw_enc(struct state *s, uint32_t *words)
{
	uint32_t mode = range(s, 0, 2), colours = once_in(s, 3) ? pick_channels(s) : range(s, 1, 4);

	SET(ENC_PLANAR, range(s, 0, 1));
	SET(ENC_SHARED, range(s, 0, 1));
	SET(ENC_MODE, mode);
	SET(ENC_H, pick_size(s));
	SET(ENC_W, pick_size(s));
	SET(ENC_COLOURS, colours);
	SET(ENC_LEVELS, mode == BNN_ENC_THERMO ? range(s, 1, 40) : 0);
	SET(ENC_OUT_FORMAT, mode == BNN_ENC_VALUE ? pick_bit(s, 0x1f01fe) : BNN_FORMAT_B1);
}

static uint32_t res_word(struct state *s, uint32_t cout)
{
	uint32_t c = once_in(s, 2) ? cout : once_in(s, 2) ? (cout + 1) / 2 : range(s, 1, cout + 3);

	return c | (uint32_t)once_in(s, 3) << 14 | (uint32_t)once_in(s, 2) << 15 |
	       pick_shift(s, 15) << 16;
}

/* A residual that fits one of the values there are, if there is one. */
static uint32_t res_of_value(struct state *s, const uint32_t *words, uint32_t *format)
{
	const struct bnn_value *v =
		pick_tensor(s, 1u << BNN_FORMAT_E_O4 | 1u << BNN_FORMAT_E_U8 |
				       1u << BNN_FORMAT_E_S8 | 1u << BNN_FORMAT_E_S16);
	uint32_t oh, ow, win;

	bnn_command_output(words, &oh, &ow);
	if (!v || oh > BNN_SIZE_MAX || ow > BNN_SIZE_MAX)
		return 0;
	for (win = 0; win < 2; win++) {
		if (v->h == oh << win && v->w == ow << win) {
			*format = v->format;
			return v->c | win << 14 | (uint32_t)once_in(s, 2) << 15 |
			       pick_shift(s, 8) << 16;
		}
	}
	return 0;
}

static void draw_residual(struct state *s, uint32_t *words, int word, enum bnn_field_id format_id)
{
	static const uint8_t formats[] = { BNN_FORMAT_E_S16, BNN_FORMAT_E_S8, BNN_FORMAT_E_U8,
					   BNN_FORMAT_E_O4 };
	uint32_t format = formats[range(s, 0, 3)];

	if (s->o.no_residual || !once_in(s, 3))
		return;
	words[word] = res_of_value(s, words, &format);
	if (!words[word])
		words[word] = res_word(s, GET(CONV_COUT));
	bnn_field_set(words, format_id, format);
}

static void draw_pipe(struct state *s, uint32_t *words)
{
	bool p1 = !s->o.no_pieces && once_in(s, 2), p2 = !s->o.no_pieces && once_in(s, 2);

	SET(CONV_P1, p1);
	SET(CONV_P2, p2);
	SET(CONV_P1_POW2, p1 && !s->o.no_pow2 && once_in(s, 3));
	SET(CONV_P2_POW2, p2 && !s->o.no_pow2 && once_in(s, 3));
	SET(CONV_NARROW, !p1 && !p2 && once_in(s, 2));
	SET(CONV_SUM_EN, !s->o.no_sum && once_in(s, 4));
	SET(CONV_PS, once_in(s, 2) ? 0 : pick_shift(s, 15));
	SET(CONV_S1, pick_shift(s, 31));
	SET(CONV_SB1, pick_shift(s, 16));
	SET(CONV_S2, pick_shift(s, 31));
	SET(CONV_SB2, pick_shift(s, 16));
	SET(CONV_S3, pick_shift(s, 31));
	SET(CONV_A3, (uint32_t)around_zero(s, once_in(s, 4) ? 32767 : 20));
	SET(CONV_B3, (uint32_t)around_zero(s, 1u << range(s, 0, 30)));
	if (!once_in(s, 3))
		SET(CONV_OUTP_FORMAT, once_in(s, 2) && s->o.outp_formats >> BNN_FORMAT_B1 & 1
					      ? BNN_FORMAT_B1
					      : pick_bit(s, s->o.outp_formats));
	if (!once_in(s, 3))
		SET(CONV_OUTS_FORMAT, pick_bit(s, s->o.outs_formats));
	draw_residual(s, words, 7, BNN_F_CONV_RES1_FORMAT);
	draw_residual(s, words, 8, BNN_F_CONV_RES2_FORMAT);
}

static void draw_conv(struct state *s, uint32_t *words)
{
	const struct bnn_value *in = pick_tensor(s, s->o.in_formats);
	uint32_t mode = pick_bit(s, s->o.wmodes), side = range(s, 1, 7), groups = 1, cin, cout;

	cin = in ? in->c : pick_channels(s);
	cout = pick_channels(s);
	if (!s->o.no_groups && once_in(s, 4)) {
		groups = once_in(s, 2) ? cin : range(s, 1, cin);
		if (once_in(s, 2)) /* a multiple: else it would hardly ever divide */
			cout = groups * range(s, 1, 3);
	}
	SET(CONV_H, in ? in->h : pick_size(s));
	SET(CONV_W, in ? in->w : pick_size(s));
	SET(CONV_CIN, cin);
	SET(CONV_COUT, cout);
	SET(CONV_GROUPS, groups);
	SET(CONV_IN_FORMAT, in ? in->format
			    : once_in(s, 2) && (s->o.in_formats & 2)
				    ? BNN_FORMAT_B1
				    : pick_bit(s, s->o.in_formats));
	if (!in && !s->o.no_frac && s->o.in_formats >> BNN_FORMAT_O2 & 1 && once_in(s, 8))
		SET(CONV_IN_FORMAT, BNN_FORMAT_O2);
	SET(CONV_WFORMAT,
	    once_in(s, 2) && (s->o.wformats & 1) ? BNN_WFORMAT_B1 : pick_bit(s, s->o.wformats));
	side = once_in(s, 2) ? 3 : once_in(s, 2) ? 1 : side;
	SET(CONV_KH, side);
	SET(CONV_KW, once_in(s, 4) ? range(s, 1, 7) : side);
	SET(CONV_SH, once_in(s, 3) ? range(s, 1, 4) : 1);
	SET(CONV_SW, once_in(s, 4) ? range(s, 1, 4) : GET(CONV_SH));
	SET(CONV_DH, !s->o.no_dilation && once_in(s, 5) ? range(s, 1, 4) : 1);
	SET(CONV_DW, !s->o.no_dilation && once_in(s, 5) ? range(s, 1, 4) : GET(CONV_DH));
	side = GET(CONV_DH) * (GET(CONV_KH) - 1);
	SET(CONV_PAD_T, once_in(s, 2) ? side / 2 : range(s, 0, side));
	SET(CONV_PAD_B, once_in(s, 2) ? side / 2 : range(s, 0, side));
	side = GET(CONV_DW) * (GET(CONV_KW) - 1);
	SET(CONV_PAD_L, once_in(s, 2) ? side / 2 : range(s, 0, side));
	SET(CONV_PAD_R, once_in(s, 2) ? side / 2 : range(s, 0, side));
	SET(CONV_PAD_MODE, s->o.no_pad_value ? 0 : range(s, 0, 2));
	SET(CONV_WMODE, mode);
	if (mode == BNN_WMODE_TILED || mode == BNN_WMODE_TILED_FLAT)
		SET(CONV_TILE_P, range(s, 1, once_in(s, 3) ? 255 : 8));
	if (mode == BNN_WMODE_CODEBOOK) {
		SET(CONV_TAU, range(s, 1, 9));
		SET(CONV_WFORMAT, BNN_WFORMAT_B1);
	}
	draw_pipe(s, words);
	if (!s->o.no_frac && GET(CONV_IN_FORMAT) == BNN_FORMAT_O2 && !once_in(s, 4)) {
		SET(CONV_FRAC, 1);
		SET(CONV_NARROW, 0);
		SET(CONV_WFORMAT, BNN_WFORMAT_B1);
	}
}

static void draw_ew(struct state *s, uint32_t *words)
{
	const struct bnn_value *in =
		pick_tensor(s, s->o.in_formats | 1u << BNN_FORMAT_E_S32 | 1u << BNN_FORMAT_E_U16);

	SET(EW_H, in ? in->h : pick_size(s));
	SET(EW_W, in ? in->w : pick_size(s));
	SET(EW_COUT, in ? in->c : pick_channels(s));
	SET(EW_IN_FORMAT, in ? in->format : pick_bit(s, s->o.in_formats | 1u << BNN_FORMAT_E_S32));
	draw_pipe(s, words);
	/* The chance to work in place, or to change one format only. */
	if (once_in(s, 3) && s->o.outs_formats >> GET(EW_IN_FORMAT) & 1)
		SET(EW_OUTS_FORMAT, GET(EW_IN_FORMAT));
}

static void draw_pool(struct state *s, uint32_t *words)
{
	const uint32_t packed = 1u << BNN_FORMAT_E_S8 | 1u << BNN_FORMAT_E_U8 |
				1u << BNN_FORMAT_E_S16 | 1u << BNN_FORMAT_E_S32;
	uint32_t mode = range(s, 0, 2);
	uint32_t formats = packed | (mode != BNN_POOL_AVG ? 1u << BNN_FORMAT_B1 : 0);
	const struct bnn_value *in = pick_tensor(s, formats);
	uint32_t side = once_in(s, 6) ? range(s, 1, 64) : range(s, 1, 4);

	SET(POOL_MODE, mode);
	SET(POOL_H, in ? in->h : pick_size(s));
	SET(POOL_W, in ? in->w : pick_size(s));
	SET(POOL_CIN, in ? in->c : pick_channels(s));
	SET(POOL_GROUP, once_in(s, 3) ? range(s, 1, 8) : 1);
	SET(POOL_KH, side);
	SET(POOL_KW, once_in(s, 3) ? range(s, 1, 6) : side);
	SET(POOL_SH, once_in(s, 2) ? range(s, 1, 5) : side);
	SET(POOL_SW, once_in(s, 2) ? range(s, 1, 5) : GET(POOL_KW));
	SET(POOL_PAD_T, once_in(s, 2) ? 0 : range(s, 0, GET(POOL_KH) - 1));
	SET(POOL_PAD_B, once_in(s, 2) ? 0 : range(s, 0, GET(POOL_KH) - 1));
	SET(POOL_PAD_L, once_in(s, 2) ? 0 : range(s, 0, GET(POOL_KW) - 1));
	SET(POOL_PAD_R, once_in(s, 2) ? 0 : range(s, 0, GET(POOL_KW) - 1));
	if (mode == BNN_POOL_AVG)
		SET(POOL_DIV, once_in(s, 2) ? GET(POOL_KH) * GET(POOL_KW) * GET(POOL_GROUP)
					    : range(s, 1, once_in(s, 3) ? 1048575 : 9));
	SET(POOL_IN_FORMAT, in ? in->format : pick_bit(s, formats));
	SET(POOL_OUT_FORMAT, GET(POOL_IN_FORMAT));
}

static void draw_transpose(struct state *s, uint32_t *words)
{
	const uint32_t formats = 0xf80000; /* E_U8 to E_S32 */
	const struct bnn_value *in = pick_tensor(s, formats);

	SET(TRANSPOSE_H, in ? in->h : pick_size(s));
	SET(TRANSPOSE_W, in ? in->w : pick_size(s));
	SET(TRANSPOSE_C, in ? in->c : pick_channels(s));
	SET(TRANSPOSE_IN_FORMAT, in ? in->format : pick_bit(s, formats));
	SET(TRANSPOSE_OUT_FORMAT, GET(TRANSPOSE_IN_FORMAT));
}

static void draw_gatefold(struct state *s, uint32_t *words)
{
	const struct bnn_value *in = pick_tensor(s, ~1u);

	SET(GATEFOLD_C, in ? in->c : pick_channels(s));
}

/* H, W, C and IN, the same bits in all commands of the host. */
static void draw_host_input(struct state *s, uint32_t *words, uint32_t formats)
{
	const struct bnn_value *in = pick_tensor(s, formats);
	bool fits = in && in->h <= BNN_SIZE_MAX && in->w <= BNN_SIZE_MAX;

	SET(TABLE_H, fits ? in->h : pick_size(s));
	SET(TABLE_W, fits ? in->w : pick_size(s));
	SET(TABLE_C, fits ? in->c : pick_channels(s));
	SET(TABLE_IN_FORMAT, fits ? in->format : pick_bit(s, formats));
	SET(TABLE_OUT_FORMAT, BNN_FORMAT_E_S16);
}

static void draw_normalise(struct state *s, uint32_t *words)
{
	draw_host_input(s, words, 1u << BNN_FORMAT_E_S16);
	SET(NORMALISE_S, range(s, 8, 31));
	SET(NORMALISE_SB, pick_shift(s, 16));
	if (!once_in(s, 3))
		SET(NORMALISE_EPS_LO, (uint32_t)random_next(&s->random) >> range(s, 0, 31));
	if (once_in(s, 4))
		SET(NORMALISE_EPS_HI, range(s, 0, 0xffffff));
}

static void draw_table(struct state *s, uint32_t *words)
{
	draw_host_input(s, words, 1u << BNN_FORMAT_E_S16);
	SET(TABLE_SHIFT, once_in(s, 4) ? range(s, 0, 8) : range(s, 5, 8));
}

static void draw_aggregate(struct state *s, uint32_t *words)
{
	uint32_t nodes;

	draw_host_input(s, words,
			1u << BNN_FORMAT_E_S16 | 1u << BNN_FORMAT_E_S8 | 1u << BNN_FORMAT_B1);
	SET(AGGREGATE_OH, once_in(s, 3) ? GET(AGGREGATE_H) : pick_size(s));
	SET(AGGREGATE_OW, once_in(s, 3) ? GET(AGGREGATE_W) : pick_size(s));
	nodes = GET(AGGREGATE_OH) * GET(AGGREGATE_OW);
	SET(AGGREGATE_EDGES, once_in(s, 16) ? 0 : range(s, 0, 6 * nodes));
	SET(AGGREGATE_MODE, range(s, 0, 2));
	if (GET(AGGREGATE_MODE) == BNN_AGGREGATE_SUM) {
		SET(AGGREGATE_WEIGHTED, range(s, 0, 1));
		SET(AGGREGATE_S, GET(AGGREGATE_WEIGHTED) ? range(s, 10, 20) : pick_shift(s, 31));
	}
}

/* Pairs of bits that a CONV multiplies, which is what the slowest engine feels. */
static uint64_t work(const uint32_t *words)
{
	uint32_t oh, ow;

	if ((words[0] & 0xff) != BNN_CMD_CONV)
		return 0;
	bnn_command_output(words, &oh, &ow);
	return bnn_weight_count(words) * oh * ow * bnn_format_width(GET(CONV_IN_FORMAT)) *
	       bnn_wformat_bits(GET(CONV_WFORMAT));
}

static void draw_words(struct state *s, uint32_t command, uint32_t *words)
{
	static const struct {
		uint32_t command, opcode;
		void (*draw)(struct state *s, uint32_t *words);
	} table[] = {
		{ RANDOM_ENC, BNN_CMD_ENC, draw_enc },
		{ RANDOM_CONV, BNN_CMD_CONV, draw_conv },
		{ RANDOM_EW, BNN_CMD_EW, draw_ew },
		{ RANDOM_POOL, BNN_CMD_POOL, draw_pool },
		{ RANDOM_TRANSPOSE, BNN_CMD_TRANSPOSE, draw_transpose },
		{ RANDOM_GATEFOLD, BNN_CMD_GATEFOLD, draw_gatefold },
		{ RANDOM_NORMALISE, BNN_CMD_NORMALISE, draw_normalise },
		{ RANDOM_TABLE, BNN_CMD_TABLE, draw_table },
		{ RANDOM_SOFTMAX, BNN_CMD_SOFTMAX, draw_table },
		{ RANDOM_AGGREGATE, BNN_CMD_AGGREGATE, draw_aggregate },
		{ RANDOM_PREFETCH, BNN_CMD_PREFETCH, NULL },
		{ RANDOM_NOP, BNN_CMD_NOP, NULL },
	};
	char text[128];
	size_t i;

	do {
		memset(words, 0, BNN_COMMAND_BYTES);
		for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			if (table[i].command != command)
				continue;
			words[0] = table[i].opcode;
			if (table[i].draw)
				table[i].draw(s, words);
		}
		if (command == RANDOM_PREFETCH) {
			SET(PREFETCH_PARAMS, range(s, 0, 1));
			SET(PREFETCH_BYTES, range(s, 1, 600));
		}
	} while (bnn_command_check(words, text, sizeof(text)) || work(words) > s->o.max_work);
}

/* A value that can be read here, or none. */
static int32_t find_value(struct state *s, const uint32_t *words, int slot,
			  const struct bnn_slot_info *info)
{
	size_t count = s->net->value_count, start = range(s, 0, (uint32_t)count), i, at;

	for (i = 0; i < count; i++) {
		at = (start + i) % count;
		if (s->ready[at] &&
		    bnn_slot_fits(words, (enum bnn_slot)slot, info, &s->net->values[at]))
			return (int32_t)at;
	}
	return BNN_NO_VALUE;
}

static int32_t read_value(struct state *s, const uint32_t *words, int slot,
			  const struct bnn_slot_info *info)
{
	bool graph = slot == BNN_SLOT_WEIGHT && (words[0] & 0xff) == BNN_CMD_AGGREGATE;
	bool want = slot == BNN_SLOT_IN || slot == BNN_SLOT_RES1 || slot == BNN_SLOT_RES2 ||
		    once_in(s, slot == BNN_SLOT_PARAM ? 2 : 4);
	int32_t found = want && !graph && s->net->value_count ? find_value(s, words, slot, info)
							      : BNN_NO_VALUE;
	int32_t value;

	if (found != BNN_NO_VALUE)
		return found;
	if (slot != BNN_SLOT_IN || s->net->input.value != BNN_NO_VALUE)
		return new_value(s, words, slot, info, BNN_ROLE_CONST);
	value = new_value(s, words, slot, info, BNN_ROLE_INPUT);
	s->net->input.value = value;
	s->net->input.h = s->net->input.w = 1;
	s->net->input.c = (uint32_t)info->bytes;
	return value;
}

/* In place where that is legal and the value is not the input or a constant. */
static int32_t in_place(struct state *s, const struct bnn_node *node,
			const struct bnn_slot_info *out)
{
	static const uint8_t slots[] = { BNN_SLOT_IN, BNN_SLOT_RES1, BNN_SLOT_RES2 };
	const uint32_t *words = node->words;
	struct bnn_slot_info in;
	int i, other, uses;

	for (i = (words[0] & 0xff) == BNN_CMD_EW ? 0 : 1; i < 3; i++) {
		int32_t ref = node->ref[slots[i]];

		bnn_slot_describe(words, (enum bnn_slot)slots[i], &in);
		if (in.kind != BNN_SLOT_TENSOR || in.format != out->format || in.h != out->h ||
		    in.w != out->w || in.c != out->c || s->net->values[ref].role != BNN_ROLE_TEMP)
			continue;
		for (other = uses = 0; other < BNN_SLOTS; other++)
			uses += node->ref[other] == ref;
		if (uses == 1 && once_in(s, 2))
			return ref;
	}
	return BNN_NO_VALUE;
}

static void add_node(struct state *s, uint32_t command)
{
	struct bnn_node node;
	struct bnn_slot_info info;
	char name[24];
	int slot;

	snprintf(name, sizeof(name), "n%zu", s->net->node_count);
	node.name = name;
	draw_words(s, command, node.words);
	for (slot = 0; slot < BNN_SLOTS; slot++)
		node.ref[slot] = BNN_NO_VALUE;
	for (slot = 0; slot < BNN_SLOTS && !s->failed; slot++) {
		bnn_slot_describe(node.words, (enum bnn_slot)slot, &info);
		if (info.kind != BNN_SLOT_UNUSED && !info.write)
			node.ref[slot] = read_value(s, node.words, slot, &info);
	}
	for (slot = 0; slot < BNN_SLOTS && !s->failed; slot++) {
		bnn_slot_describe(node.words, (enum bnn_slot)slot, &info);
		if (!info.write)
			continue;
		if (slot == BNN_SLOT_OUTS)
			node.ref[slot] = in_place(s, &node, &info);
		if (node.ref[slot] == BNN_NO_VALUE)
			node.ref[slot] = new_value(s, node.words, slot, &info, BNN_ROLE_TEMP);
		s->net->output.value = node.ref[slot];
	}
	for (slot = 0; slot < BNN_SLOTS && !s->failed; slot++) {
		if (node.ref[slot] != BNN_NO_VALUE)
			s->ready[node.ref[slot]] = true;
	}
	if (s->failed || bnn_net_add_node(s->net, &node) < 0)
		s->failed = true;
}

static void set_defaults(struct random_net_options *o)
{
	const uint32_t packed = 0xff0000, planes = 0x3fe;

	if (!o->nodes)
		o->nodes = 1;
	if (!o->commands)
		o->commands = RANDOM_ALL;
	if (!o->in_formats)
		o->in_formats =
			(packed | planes) & ~(1u << BNN_FORMAT_E_U16 | 1u << BNN_FORMAT_E_S32);
	if (!o->outp_formats)
		o->outp_formats = planes;
	if (!o->outs_formats)
		o->outs_formats = packed;
	if (!o->wformats)
		o->wformats = 0x7f;
	if (!o->wmodes)
		o->wmodes = 0xf;
	if (!o->max_size)
		o->max_size = 40;
	if (!o->max_channels)
		o->max_channels = 400;
	if (!o->max_work)
		o->max_work = 1500000;
}

struct bnn_net *random_net(uint64_t seed, const struct random_net_options *options)
{
	const uint32_t sources = ~(uint32_t)(RANDOM_PREFETCH | RANDOM_NOP);
	struct state s = { .random = { seed },
			   .o = options ? *options : (struct random_net_options){ 0 } };
	const struct bnn_value *out;
	uint32_t i, nodes;
	char name[32];

	set_defaults(&s.o);
	random_next(&s.random);
	snprintf(name, sizeof(name), "random-%llu", (unsigned long long)seed);
	s.net = bnn_net_new(name);
	if (!s.net)
		return NULL;
	nodes = range(&s, 1, s.o.nodes);
	for (i = 0; i < nodes && !s.failed; i++)
		add_node(&s, 1u << pick_bit(&s, i ? s.o.commands : s.o.commands & sources));
	free(s.ready);
	if (s.failed) {
		bnn_net_free(s.net);
		return NULL;
	}
	s.net->values[s.net->output.value].role = BNN_ROLE_OUTPUT;
	out = &s.net->values[s.net->output.value];
	s.net->output.count = out->format == BNN_FORMAT_NONE ? (uint32_t)out->bytes : out->c;
	return s.net;
}

void random_input(uint64_t seed, const struct bnn_net *net, uint8_t *data)
{
	static const uint8_t extremes[] = { 0x00, 0xff, 0x7f, 0x80 };
	uint64_t bytes = net->values[net->input.value].bytes, i;
	struct random random = { seed ^ 0x1234567 };

	fill(&random, data, bytes);
	if (random_once_in(&random, 5)) {
		for (i = 0; i < bytes; i++)
			data[i] = extremes[random_next(&random) & 3];
	}
}
