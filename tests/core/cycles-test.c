// SPDX-License-Identifier: MIT
/*
 * What hw/model/cycles.c counts, against numbers worked out by hand (docs/core.md, section
 * 8) and against an enumeration tap by tap.
 */
#include <stdlib.h>
#include <string.h>

#include "../common/tap.h"
#include "core.h"

static const struct cycles_config *const config = &cycles_default;

struct shape {
	uint32_t size, cin, cout, kernel, stride, pad;
	uint8_t in, weights, outp, outs, res;
	bool frac;
	uint32_t groups, tile;
};

static void set_ref(struct command *cmd, enum ref_slot slot, uint8_t format, uint32_t h, uint32_t c)
{
	const struct format *f = &formats[format];

	cmd->ref[slot] = (struct ref){ .used = format,
				       .write = slot == REF_OUTP || slot == REF_OUTS,
				       .region = BNN_REGION_ONCHIP,
				       .format = format,
				       .h = h,
				       .w = h,
				       .c = c };
	if (format)
		cmd->ref[slot].natural =
			f->packed ? (c * f->bits + 15) / 16 * 2 : (c + 15) / 16 * 2;
}

/* Square CONV with what the decoder would make of it; all tensors on chip. */
static struct command conv(const struct shape *s)
{
	struct command cmd = { .kh = s->kernel, .kw = s->kernel, .dh = 1, .dw = 1 };
	uint32_t groups = s->groups ? s->groups : 1, cg = s->cin / groups;
	uint32_t bits = wformats[s->weights].bits;

	for (unsigned i = 0; i < BNN_COMMAND_COUNT; i++)
		if (bnn_commands[i].opcode == BNN_CMD_CONV)
			cmd.info = &bnn_commands[i];
	cmd.h = cmd.w = s->size;
	cmd.cin = s->cin;
	cmd.cout = s->cout;
	cmd.sh = cmd.sw = s->stride ? s->stride : 1;
	cmd.pad_t = cmd.pad_l = s->pad;
	cmd.oh = cmd.ow = (s->size + 2 * s->pad - s->kernel) / cmd.sh + 1;
	cmd.k = cg * s->kernel * s->kernel;
	cmd.rows = s->tile ? s->cout / s->tile : s->cout;
	cmd.row_bytes = (cg * bits + 15) / 16 * 2 * s->kernel * s->kernel;
	cmd.row_bytes = (cmd.row_bytes + 15) / 16 * 16;
	cmd.record = true;
	bnn_field_set(cmd.words, BNN_F_CONV_GROUPS, groups);
	bnn_field_set(cmd.words, BNN_F_CONV_WFORMAT, s->weights);
	bnn_field_set(cmd.words, BNN_F_CONV_FRAC, s->frac);
	bnn_field_set(cmd.words, BNN_F_CONV_WMODE, s->tile ? WMODE_TILED : WMODE_DENSE);
	bnn_field_set(cmd.words, BNN_F_CONV_TILE_P, s->tile ? s->tile : 0);
	set_ref(&cmd, REF_IN, s->in, s->size, s->cin);
	set_ref(&cmd, REF_OUTP, s->outp, cmd.oh, s->cout);
	set_ref(&cmd, REF_OUTS, s->outs, cmd.oh, s->cout);
	set_ref(&cmd, REF_RES1, s->res, cmd.oh, s->cout);
	return cmd;
}

static struct cycles_plan plan_of(const struct shape *s)
{
	struct command cmd = conv(s);
	struct cycles_plan plan;

	cycles_plan(config, &cmd, &plan);
	return plan;
}

/* ---- by hand ---- */

static const struct shape first = { .size = 32,
				    .cin = 96,
				    .cout = 16,
				    .kernel = 3,
				    .pad = 1,
				    .in = BNN_FORMAT_B1,
				    .weights = BNN_WFORMAT_B1 };
static const struct shape frac16 = { .size = 32,
				     .cin = 16,
				     .cout = 16,
				     .kernel = 3,
				     .pad = 1,
				     .in = BNN_FORMAT_O2,
				     .weights = BNN_WFORMAT_B1,
				     .outp = BNN_FORMAT_O2,
				     .outs = BNN_FORMAT_E_S16,
				     .res = BNN_FORMAT_E_S16,
				     .frac = true };
static const struct shape frac64 = { .size = 8,
				     .cin = 64,
				     .cout = 64,
				     .kernel = 3,
				     .pad = 1,
				     .in = BNN_FORMAT_O2,
				     .weights = BNN_WFORMAT_B1,
				     .outp = BNN_FORMAT_O2,
				     .outs = BNN_FORMAT_E_S16,
				     .res = BNN_FORMAT_E_S16,
				     .frac = true };
static const struct shape slice = { .size = 32,
				    .cin = 3,
				    .cout = 64,
				    .kernel = 3,
				    .in = BNN_FORMAT_S8,
				    .weights = BNN_WFORMAT_B1,
				    .outp = BNN_FORMAT_B1 };
static const struct shape stem = { .size = 224,
				   .cin = 3,
				   .cout = 32,
				   .kernel = 3,
				   .stride = 2,
				   .pad = 1,
				   .in = BNN_FORMAT_S8,
				   .weights = BNN_WFORMAT_S8,
				   .outp = BNN_FORMAT_B1,
				   .outs = BNN_FORMAT_E_S8 };
static const struct shape apart = { .size = 56,
				    .cin = 32,
				    .cout = 64,
				    .kernel = 3,
				    .pad = 1,
				    .in = BNN_FORMAT_S8,
				    .weights = BNN_WFORMAT_S8,
				    .groups = 32,
				    .outp = BNN_FORMAT_S8 };
static const struct shape grouped = { .size = 28,
				      .cin = 128,
				      .cout = 128,
				      .kernel = 3,
				      .pad = 1,
				      .in = BNN_FORMAT_B1,
				      .weights = BNN_WFORMAT_B1,
				      .groups = 4,
				      .outp = BNN_FORMAT_B1 };
static const struct shape dense = { .size = 1,
				    .cin = 1024,
				    .cout = 1000,
				    .kernel = 1,
				    .in = BNN_FORMAT_S8,
				    .weights = BNN_WFORMAT_S8,
				    .outs = BNN_FORMAT_E_S16 };
static const struct shape tiled = { .size = 28,
				    .cin = 128,
				    .cout = 128,
				    .kernel = 3,
				    .pad = 1,
				    .in = BNN_FORMAT_U8,
				    .weights = BNN_WFORMAT_B1,
				    .outp = BNN_FORMAT_U8,
				    .tile = 4 };

static void by_hand(void)
{
	struct cycles_plan p = plan_of(&first);
	struct command cmd;
	struct cycles_chunk k;

	/* Row 0 lacks word 0, the last row and column word 3, the corner of these word 2. */
	tap_ok(!p.split && p.row_words == 4 && p.tiles_max == 32 &&
		       p.steps == 4 * 32 * 32 - 32 - 32 - 31 - 1,
	       "96 -> 16: 4 words of a window, %llu of 4096 played", (unsigned long long)p.steps);
	p = plan_of(&frac16);
	tap_ok(!p.split && p.narrow && p.row_words == 1 && p.steps == 1024 && p.form_steps == 2048,
	       "16 -> 16, gated: a word for each plane");
	p = plan_of(&frac64);
	tap_ok(p.split && p.row_words == 5 && p.tile_rows == 32 && p.steps < 64 * 5 &&
		       p.form_steps == 2 * 8 * (6 * 3 + 2 * 2),
	       "64 -> 64, gated: split, 5 words, 2 tiles");
	p = plan_of(&slice);
	tap_ok(p.slice && p.passes == 1 && p.steps == 30 * 30 && p.form_steps == 4 * 30 * 30,
	       "3 x S8 -> 64: planes side by side, a word for each pixel");
	p = plan_of(&stem);
	tap_ok(p.slice && p.row_words == 8 && p.steps == 8 * 112 * 112 &&
		       p.form_steps == 8 * 112 * 112,
	       "3 x S8 -> 32 x S8: slices, once per plane of the weights");
	cmd = conv(&apart);
	cycles_plan(config, &cmd, &p);
	cycles_chunk(config, &cmd, &p, 0, &k);
	/* Taps inside the input: 3 of each row and column but the outer ones. */
	tap_ok(p.mac && !p.taps && p.groups == 2 && p.row_words == 5 && p.steps == 166 * 166 &&
		       p.form_steps == 166 * 166 && p.row_writes == 56 * 8 * 56 && k.tiles == 4 &&
		       k.plays == 4 && k.convs == 2,
	       "32 groups of one S8, 2 x S8 each: a tap per step, 4 tiles");
	cmd = conv(&grouped);
	cycles_plan(config, &cmd, &p);
	cycles_chunk(config, &cmd, &p, 0, &k);
	/* Groups are as large as tiles. A kernel row has 82 of 84 columns. */
	tap_ok(p.split && !p.taps && k.tiles == 4 && k.plays == 4 && k.convs == 4 &&
		       p.form_steps == 82 * 82,
	       "4 groups of 32: each played for its tile, formed tap by tap");
	p = plan_of(&dense);
	tap_ok(!p.split && !p.mac && p.row_words == 32 && p.tiles_max == 8 && p.passes == 8,
	       "1024 x S8 -> 1000 x S8: 32 words, 8 tiles in a chunk");
	p = plan_of(&tiled);
	tap_ok(p.copies == 4 && p.rows == 32 && p.passes == 8,
	       "tiled: 32 rows, each given 4 times");
}

static void pipes(void)
{
	struct command a = conv(&frac16), b = conv(&frac64), c = conv(&slice), d = conv(&tiled);
	struct cycles_plan p;
	struct cycles_chunk k;
	bool ok;

	cycles_plan(config, &a, &p);
	cycles_chunk(config, &a, &p, 0, &k);
	ok = cycles_post(&p, &k) == 1 && cycles_store(config, &a, &p, &k) == 2 &&
	     cycles_residual(config, &a, &p, &k) == 2;
	cycles_plan(config, &b, &p);
	cycles_chunk(config, &b, &p, 0, &k);
	ok &= cycles_post(&p, &k) == 4 && cycles_store(config, &b, &p, &k) == 8 &&
	      cycles_residual(config, &b, &p, &k) == 8;
	cycles_plan(config, &c, &p);
	cycles_chunk(config, &c, &p, 0, &k);
	ok &= cycles_post(&p, &k) == 4 && cycles_store(config, &c, &p, &k) == 4 &&
	      cycles_residual(config, &c, &p, &k) == 0;
	cycles_plan(config, &d, &p);
	cycles_chunk(config, &d, &p, 0, &k);
	ok &= cycles_post(&p, &k) == 8 && cycles_store(config, &d, &p, &k) == 32;
	tap_ok(ok, "groups, pieces and beats of the pipe");
}

/* ---- tap by tap ---- */

static uint64_t enumerate(const struct command *cmd, const struct cycles_plan *p)
{
	uint32_t cg = cmd->cin / p->groups, pieces = (cg + 15) / 16 * 16;
	uint32_t bits = p->split ? config->lane_bits / 2 : config->lane_bits;
	uint32_t all = cmd->kh * cmd->kw * pieces;
	uint32_t wbits = wformats[bnn_field_get(cmd->words, BNN_F_CONV_WFORMAT)].bits;
	uint64_t steps = 0;

	for (uint32_t pixel = 0; pixel < cmd->oh * cmd->ow; pixel++) {
		uint32_t n = 0;

		for (uint32_t word = 0; word * bits < all; word++) {
			bool any = false;

			for (uint32_t i = word * bits; i < all && i < (word + 1) * bits; i++) {
				uint32_t tap = i / pieces;
				int64_t y = (int64_t)(pixel / cmd->ow * cmd->sh + tap / cmd->kw) -
					    cmd->pad_t;
				int64_t x = (int64_t)(pixel % cmd->ow * cmd->sw + tap % cmd->kw) -
					    cmd->pad_l;

				any |= y >= 0 && y < cmd->h && x >= 0 && x < cmd->w;
			}
			n += any;
		}
		n = n ? n : 1;
		/* All words: not the parts of the last one that are empty. */
		steps += n == (all + bits - 1) / bits ? p->row_words : n * wbits;
	}
	return steps * p->passes;
}

static uint32_t draw(uint64_t *state, uint32_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % n;
}

static void random_shapes(void)
{
	unsigned int wrong = 0, chunks_wrong = 0, split = 0;
	uint64_t state = 1;

	for (int i = 0; i < 400; i++) {
		static const uint8_t in[] = { BNN_FORMAT_B1, BNN_FORMAT_O2, BNN_FORMAT_U4,
					      BNN_FORMAT_S8 };
		static const uint8_t weights[] = { BNN_WFORMAT_B1, BNN_WFORMAT_B1, BNN_WFORMAT_S4,
						   BNN_WFORMAT_O2 };
		struct shape s = { .size = 1 + draw(&state, 9),
				   .cin = 1 + draw(&state, 200),
				   .cout = 1 + draw(&state, 1200),
				   .kernel = 1 + draw(&state, 5),
				   .stride = 1 + draw(&state, 3),
				   .in = in[draw(&state, 4)],
				   .weights = weights[draw(&state, 4)],
				   .outp = BNN_FORMAT_B1 };
		struct cycles_chunk k = { 0 };
		struct cycles_plan p;
		struct command cmd;
		uint64_t rows = 0, beats = 0, slow = 1;

		s.pad = draw(&state, s.kernel);
		if (s.size + 2 * s.pad < s.kernel)
			continue;
		cmd = conv(&s);
		cycles_plan(config, &cmd, &p);
		split += p.split;
		if (s.weights != BNN_WFORMAT_B1) /* half a beat per cycle */
			slow = 2;
		if (!p.slice)
			wrong += p.steps != enumerate(&cmd, &p);
		for (uint32_t first_row = 0; first_row < p.rows; first_row += k.rows) {
			cycles_chunk(config, &cmd, &p, first_row, &k);
			rows += k.rows;
			beats += k.load_beats;
			chunks_wrong += k.tiles > 1 && (k.words > config->weight_words / 2 ||
							k.params > config->param_words / 2);
			chunks_wrong += k.tiles * p.tile_rows < k.rows || !k.rows;
		}
		chunks_wrong +=
			rows != s.cout ||
			beats != (uint64_t)s.cout * (cmd.row_bytes * slow + BNN_SIZEOF_PARAM) / 16;
	}
	tap_ok(!wrong && split > 20, "words of 400 random windows, %u of them split: %u wrong",
	       split, wrong);
	tap_ok(!chunks_wrong, "their chunks hold every row once and fit: %u wrong", chunks_wrong);
}

/* Channels per lane and chunk of the 3x3 layers for ImageNet. */
static void imagenet(void)
{
	struct shape s = { .size = 14,
			   .cin = 512,
			   .cout = 512,
			   .kernel = 3,
			   .pad = 1,
			   .in = BNN_FORMAT_O2,
			   .weights = BNN_WFORMAT_B1,
			   .frac = true };
	struct cycles_plan p = plan_of(&s);
	uint32_t small = p.tiles_max;

	s.cin = s.cout = 1024;
	p = plan_of(&s);
	tap_ok(small == 14 && p.tiles_max == 7 && !p.split && p.row_words == 36 && p.replay == 0,
	       "512 and 1024 channels: 14 and 7 in a lane and chunk");
}

static void gates(void)
{
	struct cycles_plan p = plan_of(&frac64);
	struct cycles_gates g;
	uint64_t none, one, all;

	cycles_gates_start(&g, &p);
	for (uint32_t c = 0; c < 64; c++)
		cycles_gates_add(&g, c, false);
	cycles_gates_end(&g);
	none = g.rounds;
	for (uint32_t c = 0; c < 64; c++)
		cycles_gates_add(&g, c, c == 40);
	cycles_gates_end(&g);
	one = g.rounds;
	for (uint32_t c = 0; c < 64; c++)
		cycles_gates_add(&g, c, true);
	cycles_gates_end(&g);
	all = g.rounds - one;
	tap_ok(none == 0 && one == 1 && all == 2, "rounds of L: none, one lane, all lanes");
	/* 5 open in one lane of the first chunk, 1 in the second */
	p.tile_rows = 16;
	p.tiles_max = 8;
	cycles_gates_start(&g, &p);
	for (uint32_t c = 0; c < 256; c++)
		cycles_gates_add(&g, c, (c % 16 == 3 && c < 80) || c == 255);
	cycles_gates_end(&g);
	tap_ok(g.rounds == 6, "rounds of L add up over chunks: %llu", (unsigned long long)g.rounds);
}

/* ---- time ---- */

static void loading(void)
{
	struct command cmd = conv(&dense), small = conv(&frac16);
	struct cycles_loader loader = { .at = 1000 };
	struct cycles_result r, ahead, behind;

	/* 1 MB of weights: the bus is what counts, and shows as waiting for them. */
	cycles_command(config, &cmd, 1000, 0, &loader, &r);
	tap_ok(r.end - 1000 >= 68000 && r.end - 1000 < 70000 && r.busy == 63 * 256 &&
		       r.weights + r.busy > 68000,
	       "1024 -> 1000 of 8 bits: %llu cycles, %llu of them for weights",
	       (unsigned long long)(r.end - 1000), (unsigned long long)r.weights);
	/* What was loaded under the command before costs nothing. */
	loader = (struct cycles_loader){ .at = 0 };
	cycles_command(config, &small, 5000, 1024, &loader, &ahead);
	loader = (struct cycles_loader){ .at = 5000 };
	cycles_command(config, &small, 5000, 1024, &loader, &behind);
	tap_ok(ahead.weights == 0 && behind.weights == 32 + 64 - CYCLES_DISPATCH &&
		       behind.end == ahead.end + behind.weights,
	       "weights loaded ahead, or waited for");
	tap_ok(ahead.busy == 2048 && ahead.end - 5000 > 2106 &&
		       ahead.end - 5000 < 2236, /* 2,171 on the RTL */
	       "16 -> 16, gated, every gate open: %llu cycles",
	       (unsigned long long)(ahead.end - 5000));
	loader.count = CYCLES_HELD;
	memset(loader.held, 0, sizeof(loader.held));
	cycles_command(config, &small, 5000, 0, &loader, &r);
	tap_ok(loader.count <= CYCLES_HELD && r.busy == 1024, "a full list of chunks");
}

/* A chunk waits until the one that has its room is done. */
static void room(void)
{
	struct shape s = { .size = 7,
			   .cin = 1024,
			   .cout = 1024,
			   .kernel = 3,
			   .pad = 1,
			   .in = BNN_FORMAT_B1,
			   .weights = BNN_WFORMAT_B1,
			   .outp = BNN_FORMAT_B1 };
	struct command cmd = conv(&s);
	struct cycles_loader loader = { .at = 0 };
	struct cycles_result r;
	uint64_t bytes = 1024 * 1152 + 1024 * 64;

	cycles_command(config, &cmd, 0, 0, &loader, &r);
	tap_ok(r.end > bytes / 16 && r.busy <= 49 * 36 * 64 && r.weights + r.busy <= r.end &&
		       r.weights > 0,
	       "1024 -> 1024 at 7x7: %llu cycles, the bus needs %llu", (unsigned long long)r.end,
	       (unsigned long long)(bytes / 16));
}

static void set_side(struct command *cmd, uint8_t opcode)
{
	memset(cmd, 0, sizeof(*cmd));
	for (unsigned i = 0; i < BNN_COMMAND_COUNT; i++)
		if (bnn_commands[i].opcode == opcode)
			cmd->info = &bnn_commands[i];
}

/* Cycles that the RTL took, tensors in memory: within a tenth. */
static void side(void)
{
	static const struct {
		uint8_t format, mode;
		uint32_t size, c, group, kernel, stride, out, cycles;
	} pools[] = {
		{ BNN_FORMAT_E_S16, POOL_AVG, 28, 256, 4, 1, 1, 28, 25206 },
		{ BNN_FORMAT_E_S16, POOL_AVG, 56, 64, 2, 1, 1, 56, 25182 },
		{ BNN_FORMAT_E_S16, POOL_AVG, 56, 8, 4, 1, 1, 56, 3223 },
		{ BNN_FORMAT_E_S8, POOL_AVG, 28, 256, 4, 1, 1, 28, 12646 },
		{ BNN_FORMAT_E_S8, POOL_AVG, 28, 256, 2, 1, 1, 28, 25190 },
		{ BNN_FORMAT_E_S16, POOL_AVG, 56, 64, 1, 3, 2, 28, 55214 },
		{ BNN_FORMAT_E_S16, POOL_MAX, 28, 256, 1, 2, 2, 14, 25196 },
		{ BNN_FORMAT_B1, POOL_MAX, 28, 64, 1, 2, 2, 14, 804 },
	};
	struct cycles_loader loader = { .at = 0 };
	unsigned int wrong = 0;
	struct command cmd;
	struct cycles_result r;

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		uint64_t got;

		set_side(&cmd, BNN_CMD_POOL);
		cmd.h = cmd.w = pools[i].size;
		cmd.kh = cmd.kw = pools[i].kernel;
		cmd.sh = cmd.sw = pools[i].stride;
		cmd.oh = cmd.ow = pools[i].out;
		cmd.cin = pools[i].c;
		cmd.cout = pools[i].c / pools[i].group;
		bnn_field_set(cmd.words, BNN_F_POOL_MODE, pools[i].mode);
		bnn_field_set(cmd.words, BNN_F_POOL_GROUP, pools[i].group);
		set_ref(&cmd, REF_IN, pools[i].format, cmd.h, cmd.cin);
		set_ref(&cmd, REF_OUTP, pools[i].format, cmd.oh, cmd.cout);
		cycles_command(config, &cmd, 0, 0, &loader, &r);
		got = r.end;
		if (got * 10 < pools[i].cycles * 9ull || got * 10 > pools[i].cycles * 11ull) {
			printf("# pool %zu: %llu, %u on the RTL\n", i, (unsigned long long)got,
			       pools[i].cycles);
			wrong++;
		}
	}
	tap_ok(!wrong, "pools take what they take on the RTL: %u wrong", wrong);
}

static void slower_memory(void)
{
	struct cycles_config slow = *config;
	struct command cmd = conv(&dense);
	struct cycles_loader a = { .at = 0 }, b = { .at = 0 };
	struct cycles_result fast, half;

	slow.bytes = 8;
	cycles_command(config, &cmd, 0, 0, &a, &fast);
	cycles_command(&slow, &cmd, 0, 0, &b, &half);
	tap_ok(half.end > 19 * fast.end / 10, "half the bytes per cycle, twice the time");
}

int main(void)
{
	by_hand();
	pipes();
	random_shapes();
	imagenet();
	gates();
	loading();
	room();
	side();
	slower_memory();
	return tap_done();
}
