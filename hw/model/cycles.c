/* SPDX-License-Identifier: MIT */
#include "cycles.h"

#include <string.h>

#include "core.h"

/* The default build. */
const struct cycles_config cycles_default = {
	.lanes = 16,
	.lane_bits = 256,
	.weight_words = 512,
	.param_words = 128,
	.row_kib = 64,
	.window_words = 256,
	.latency = 60,
	.bytes = 16,
};

enum {
	PIECE = 16,	   /* bits */
	BEAT = 16,	   /* bytes */
	POOL_STRIP = 512,  /* bytes of a pixel in the buffer of POOL */
	RESIDUAL_HELD = 8, /* groups in the ring of bnn_stream_in */
	TILES = 32,	   /* of a chunk: half of the results that a half lane keeps */
	MASKS = 1 << BNN_KERNEL_MAX
};

static uint32_t field(const struct command *cmd, enum bnn_field_id id)
{
	return bnn_field_get(cmd->words, id);
}

static uint64_t div_up(uint64_t x, uint64_t y)
{
	return (x + y - 1) / y;
}

static const struct format *in_format(const struct command *cmd)
{
	return &formats[cmd->ref[REF_IN].format];
}

static uint32_t in_planes(const struct command *cmd)
{
	return in_format(cmd)->width;
}

static uint32_t weight_bits(const struct command *cmd)
{
	return wformats[field(cmd, BNN_F_CONV_WFORMAT)].bits;
}

static bool on_chip(const struct ref *r)
{
	return r->region == BNN_REGION_ONCHIP;
}

/* Pieces of a tap and plane. */
static uint32_t tap_pieces(const struct cycles_plan *plan)
{
	return (plan->cg + PIECE - 1) / PIECE;
}

/* ---- which taps are there ---- */

/* How many output positions of an axis see which taps: count[mask]. */
static void count_masks(uint32_t out, uint32_t size, uint32_t kernel, uint32_t stride,
			uint32_t dilation, uint32_t before, uint32_t count[MASKS])
{
	memset(count, 0, MASKS * sizeof(*count));
	for (uint32_t o = 0; o < out; o++) {
		uint32_t mask = 0;

		for (uint32_t k = 0; k < kernel; k++) {
			int64_t pos = (int64_t)o * stride + (int64_t)k * dilation - before;

			if (pos >= 0 && pos < size)
				mask |= 1u << k;
		}
		count[mask]++;
	}
}

/* Words of a pass that have a tap; at least one is sent. */
static uint32_t words_present(const struct command *cmd, uint32_t pieces, uint32_t word_pieces,
			      uint32_t words, uint32_t rows, uint32_t columns)
{
	uint64_t tap = 0;
	uint32_t n = 0;

	for (uint32_t w = 0; w < words; w++) {
		uint64_t first = (uint64_t)w * word_pieces, last = first + word_pieces - 1;
		bool any = false;

		for (tap = first / pieces; tap <= last / pieces && tap < cmd->kh * cmd->kw; tap++)
			any |= rows >> tap / cmd->kw & columns >> tap % cmd->kw & 1;
		n += any;
	}
	return n ? n : 1;
}

/* Kernel rows that follow each other in the banks of the row buffer are one run. */
static bool rows_join(const struct cycles_config *config, const struct command *cmd,
		      const struct cycles_plan *plan)
{
	uint32_t row = tap_pieces(plan) * cmd->kw, word = config->lane_bits / PIECE;

	return !plan->taps && plan->convs == 1 && !plan->mac && !plan->slice && row >= word &&
	       8 * row % word == 0 &&
	       cmd->w * tap_pieces(plan) * in_planes(cmd) <
		       config->row_kib * 1024 / (PIECE / 8) / 8 - word;
}

/* Steps of bnn_former for a pass: runs of a kernel row; of what is absent only where it counts. */
static uint32_t form_pass(const struct cycles_config *config, const struct command *cmd,
			  const struct cycles_plan *plan, uint32_t rows, uint32_t columns)
{
	uint32_t pieces = tap_pieces(plan), word_pieces = config->lane_bits / PIECE;
	uint32_t there = (uint32_t)__builtin_popcount(columns);
	uint32_t present = (uint32_t)__builtin_popcount(rows), left, right, steps, first;

	if (plan->narrow || !rows || !columns)
		return 1;
	if (!plan->taps && plan->convs > 1) /* tap by tap */
		return (uint32_t)(present * div_up(pieces, word_pieces)) * there;
	if (rows_join(config, cmd, plan) && there == cmd->kw &&
	    (!field(cmd, BNN_F_CONV_PAD_MODE) || present == cmd->kh)) {
		first = (uint32_t)__builtin_ctz(rows) * cmd->kw * pieces;
		return (first + present * cmd->kw * pieces - 1) / word_pieces -
		       first / word_pieces + 1;
	}
	steps = present * (uint32_t)div_up((uint64_t)there * pieces, word_pieces);
	if (!field(cmd, BNN_F_CONV_PAD_MODE))
		return steps;
	left = (uint32_t)__builtin_ctz(columns);
	right = cmd->kw - left - there;
	steps += present * (uint32_t)(div_up((uint64_t)left * pieces, word_pieces) +
				      div_up((uint64_t)right * pieces, word_pieces));
	return steps +
	       (cmd->kh - present) * (uint32_t)div_up((uint64_t)cmd->kw * pieces, word_pieces);
}

/* Passes of a pixel without those of FRAC's L; docs/core.md, section 4. */
static uint32_t count_passes(const struct command *cmd, const struct cycles_plan *plan)
{
	const struct format *a = in_format(cmd);
	const struct format *w = &wformats[field(cmd, BNN_F_CONV_WFORMAT)];
	uint32_t planes = in_planes(cmd);

	if (plan->frac || plan->slice)
		return 1;
	if (a->kind == KIND_ODD)
		return w->kind == KIND_ODD ? planes : planes + 2;
	return planes + (a->kind == KIND_UNSIGNED && field(cmd, BNN_F_CONV_PAD_MODE) == 2);
}

static void count_windows(const struct cycles_config *config, const struct command *cmd,
			  struct cycles_plan *plan)
{
	uint32_t rows[MASKS], columns[MASKS], words, word_pieces, pieces = tap_pieces(plan);
	uint32_t wbits = weight_bits(cmd), played, planes = plan->frac ? 2 : plan->passes;

	count_masks(cmd->oh, cmd->h, cmd->kh, cmd->sh, cmd->dh, cmd->pad_t, rows);
	count_masks(cmd->ow, cmd->w, cmd->kw, cmd->sw, cmd->dw, cmd->pad_l, columns);
	word_pieces = config->lane_bits / PIECE;
	played = plan->split ? word_pieces / 2 : word_pieces;
	words = (uint32_t)div_up((uint64_t)cmd->kh * cmd->kw * pieces, played);
	for (uint32_t r = 0; r < 1u << cmd->kh; r++) {
		for (uint32_t c = 0; rows[r] && c < 1u << cmd->kw; c++) {
			uint64_t n = (uint64_t)rows[r] * columns[c];
			uint32_t present, taps;

			if (!n)
				continue;
			present = words_present(cmd, pieces, played, words, r, c);
			if (field(cmd, BNN_F_CONV_PAD_MODE))
				present = words;
			if (plan->slice)
				present = plan->row_words / wbits;
			taps = (uint32_t)(__builtin_popcount(r) * __builtin_popcount(c));
			plan->taken += n * taps;
			if (plan->mac) { /* a tap per step */
				plan->steps += n * max_u32(taps, 1);
				plan->form_steps += n * max_u32(taps, 1);
				continue;
			}
			/* Parts of a word behind the end of the window are not played. */
			plan->steps += n * plan->passes *
				       (present == words ? plan->row_words : present * wbits);
			plan->form_steps += n * planes * form_pass(config, cmd, plan, r, c);
		}
	}
	if (plan->slice) /* four reads for a word, which goes out once per plane of the weights */
		plan->form_steps =
			max_u32(plan->row_words, 4 * plan->row_words / wbits) * plan->pixels;
	if (plan->taps)
		plan->form_steps +=
			plan->taken * planes * (CYCLES_TAP + div_up(pieces * (PIECE / 8), BEAT));
	plan->replay = !plan->mac && words * planes > config->window_words / 2;
}

/* ---- how a command is cut ---- */

static bool is_slice(const struct cycles_config *config, const struct command *cmd,
		     const struct cycles_plan *plan)
{
	unsigned int f = cmd->ref[REF_IN].format;
	bool odd = wformats[field(cmd, BNN_F_CONV_WFORMAT)].kind == KIND_ODD;

	return config->lane_bits == 256 && field(cmd, BNN_F_CONV_WMODE) == WMODE_DENSE &&
	       ((f == BNN_FORMAT_O8 && odd) || f == BNN_FORMAT_U8 || f == BNN_FORMAT_S8) &&
	       !field(cmd, BNN_F_CONV_PAD_MODE) && cmd->cin <= 4 && plan->groups == 1 &&
	       cmd->kh <= 4 && cmd->kw <= 4 && cmd->dh == 1 && cmd->dw == 1 && cmd->w <= 1024 &&
	       cmd->kh + cmd->sh <= 8 && cmd->k <= config->lane_bits / 4;
}

/* Groups of one channel, multiplied by the lanes, if the rows of a window fit. */
static bool is_mac(const struct cycles_config *config, const struct command *cmd)
{
	uint32_t groups = field(cmd, BNN_F_CONV_GROUPS), og = cmd->cout / groups;
	unsigned int f = cmd->ref[REF_IN].format;

	return config->lane_bits == 256 && groups > 1 && groups == cmd->cin &&
	       (og == 1 || og == 2 || og == 4) && (f == BNN_FORMAT_U8 || f == BNN_FORMAT_S8) &&
	       field(cmd, BNN_F_CONV_WFORMAT) == BNN_WFORMAT_S8 &&
	       !field(cmd, BNN_F_CONV_PAD_MODE) && cmd->dh == 1 && cmd->dw == 1 &&
	       div_up(groups, 16) * cmd->kh * cmd->w <= 4096;
}

/* Each stored row of a tile is computed once and given copies times. */
static bool fans_out(const struct cycles_config *config, const struct command *cmd)
{
	uint32_t unit = config->lanes < 16 ? 16 / config->lanes : 1;

	return field(cmd, BNN_F_CONV_WMODE) == WMODE_TILED && !field(cmd, BNN_F_CONV_FRAC) &&
	       cmd->rows % 16 == 0 && cmd->rows % config->lanes == 0 &&
	       field(cmd, BNN_F_CONV_TILE_P) * unit <= config->param_words / 2;
}

/* Entries of the parameter memory for a tile. */
static uint32_t tile_params(const struct cycles_plan *plan)
{
	return plan->copies * (plan->split ? 2 : 1);
}

static void choose_modes(const struct cycles_config *config, const struct command *cmd,
			 struct cycles_plan *plan)
{
	uint32_t n = config->lanes, pieces = config->lane_bits / PIECE, wbits = weight_bits(cmd);
	uint32_t unit = n < 16 ? 16 / n : 1, unit_split = n < 8 ? 8 / n : 1, least;
	uint64_t units, full, half;

	if (fans_out(config, cmd)) {
		plan->copies = field(cmd, BNN_F_CONV_TILE_P);
		plan->rows = cmd->rows;
	}
	plan->slice = is_slice(config, cmd, plan);
	units = (uint64_t)cmd->kh * cmd->kw * tap_pieces(plan);
	full = div_up(units * wbits, pieces);
	half = div_up(units, pieces / 2);
	plan->split = wbits == 1 && !plan->slice &&
		      half * div_up(plan->rows, 2 * n) < full * div_up(plan->rows, n) &&
		      half * unit_split <= config->weight_words;
	plan->row_words = (uint32_t)(plan->split ? half : full);
	if (plan->slice) /* of planes of up to 32 bits */
		plan->row_words = wbits * (uint32_t)div_up(cmd->k, config->lane_bits / 8);
	plan->tile_rows = plan->split ? 2 * n : n;
	least = plan->split ? unit_split : unit;
	plan->tiles_max = min_u32(config->weight_words / 2 / plan->row_words,
				  config->param_words / 2 / tile_params(plan));
	plan->tiles_max = min_u32(plan->tiles_max, TILES) / least * least;
	plan->tiles_max = max_u32(plan->tiles_max, least);
	plan->convs =
		(uint32_t)div_up(min_u32(plan->rows, plan->tiles_max * plan->tile_rows), plan->og);
}

static void choose_way(const struct cycles_config *config, const struct command *cmd,
		       struct cycles_plan *plan)
{
	const struct format *f = in_format(cmd);
	uint64_t row =
		(uint64_t)cmd->w * tap_pieces(plan) * plan->convs * (PIECE / 8) * in_planes(cmd);
	bool may = !f->packed && cmd->dh == 1 && cmd->dw == 1 &&
		   (plan->groups == 1 || plan->cg % PIECE == 0);

	/* Four rows of a plane in quarters of the banks; slices hold two planes in a piece. */
	plan->narrow = may && !plan->mac && config->lane_bits == 256 &&
		       tap_pieces(plan) * plan->convs == 1 && cmd->kh <= 4 && cmd->kw <= 4 &&
		       row * 4 <= config->row_kib * 1024;
	plan->slice = plan->slice && plan->narrow;
	plan->taps = !plan->narrow && !(may && row * cmd->kh <= config->row_kib * 1024);
}

void cycles_plan(const struct cycles_config *config, const struct command *cmd,
		 struct cycles_plan *plan)
{
	uint32_t last, rows;
	uint64_t beats;

	*plan = (struct cycles_plan){
		.conv = cmd->info->opcode == BNN_CMD_CONV,
		.groups = 1,
		.convs = 1,
		.og = cmd->cout,
		.rows = cmd->cout,
		.copies = 1,
		.tile_rows = config->lanes,
		.tiles_max = config->param_words / 2,
		.passes = in_planes(cmd),
		.pixels = (uint64_t)cmd->oh * cmd->ow,
	};
	if (!plan->conv)
		return;
	plan->frac = field(cmd, BNN_F_CONV_FRAC);
	plan->groups = field(cmd, BNN_F_CONV_GROUPS);
	plan->cg = cmd->cin / plan->groups;
	plan->og = cmd->cout / plan->groups;
	plan->mac = is_mac(config, cmd);
	if (plan->mac) {
		plan->groups = (uint32_t)div_up(plan->groups, 16);
		plan->cg *= 16;
		plan->og *= 16;
	}
	choose_modes(config, cmd, plan);
	choose_way(config, cmd, plan);
	plan->passes = count_passes(cmd, plan);
	count_windows(config, cmd, plan);
	/* Rows from the first that a window needs to the last. */
	last = (cmd->oh - 1) * cmd->sh + (cmd->kh - 1) * cmd->dh + 1;
	rows = min_u32(cmd->h, last > cmd->pad_t ? last - cmd->pad_t : 1);
	beats = div_up((uint64_t)cmd->w * tap_pieces(plan) * plan->convs * (PIECE / 8), BEAT);
	if (!plan->taps) {
		plan->row_beats = rows * beats * in_planes(cmd);
		plan->first_beats = min_u32(rows, cmd->kh) * beats * in_planes(cmd);
	}
	if (plan->mac) { /* two pieces at once */
		beats = div_up((uint64_t)cmd->w * plan->convs, 2) * in_planes(cmd);
		plan->row_writes = rows * beats;
		plan->first_beats = min_u32(rows, cmd->kh) * beats;
	}
}

void cycles_chunk(const struct cycles_config *config, const struct command *cmd,
		  const struct cycles_plan *plan, uint32_t first, struct cycles_chunk *chunk)
{
	uint32_t record =
		field(cmd, BNN_F_CONV_NARROW) ? BNN_SIZEOF_PARAM_NARROW : BNN_SIZEOF_PARAM;
	uint32_t mode = plan->conv ? field(cmd, BNN_F_CONV_WMODE) : WMODE_DENSE;

	chunk->first = first;
	chunk->rows = min_u32(plan->rows - first, plan->tiles_max * plan->tile_rows);
	chunk->tiles = (uint32_t)div_up(chunk->rows, plan->tile_rows);
	chunk->groups = (uint32_t)div_up(chunk->rows, config->lanes);
	chunk->convs = 1;
	chunk->plays = chunk->tiles;
	if (plan->conv && plan->groups > 1) { /* a window of a group for the tiles that it is in */
		uint32_t end = first + chunk->rows;

		chunk->convs = (end - 1) / plan->og - first / plan->og + 1;
		chunk->plays = 0;
		for (uint32_t row = first; row < end; row += plan->tile_rows)
			chunk->plays += (min_u32(row + plan->tile_rows, end) - 1) / plan->og -
					row / plan->og + 1;
	}
	chunk->words = chunk->tiles * plan->row_words;
	chunk->params = plan->copies * chunk->groups;
	chunk->load_beats = 0;
	if (cmd->record)
		chunk->load_beats += div_up((uint64_t)chunk->rows * record, BEAT) * plan->copies;
	if (!plan->conv)
		return;
	if (mode == WMODE_TILED_FLAT || mode == WMODE_CODEBOOK) /* 16 bits per cycle */
		chunk->load_beats +=
			chunk->rows * div_up((uint64_t)cmd->k * weight_bits(cmd), PIECE);
	else /* weights of 2 and 4 bits are taken apart half a beat at a time */
		chunk->load_beats += div_up((uint64_t)chunk->rows * cmd->row_bytes, BEAT) *
				     (weight_bits(cmd) == 2 || weight_bits(cmd) == 4 ? 2 : 1);
}

/* ---- pipe ---- */

uint32_t cycles_post(const struct cycles_plan *plan, const struct cycles_chunk *chunk)
{
	return plan->copies * chunk->groups;
}

/* Beats of a group of elements: at least one. */
static uint64_t group_beats(const struct cycles_config *config, const struct ref *r)
{
	return div_up((uint64_t)config->lanes * formats[r->format].width, 8 * BEAT);
}

uint64_t cycles_store(const struct cycles_config *config, const struct command *cmd,
		      const struct cycles_plan *plan, const struct cycles_chunk *chunk)
{
	const struct ref *p = &cmd->ref[REF_OUTP], *s = &cmd->ref[REF_OUTS];
	uint64_t planes = 0, elements = 0, sums = 0;

	/* A piece of two planes per cycle. */
	if (p->used)
		planes = plan->copies * div_up(chunk->rows, PIECE) *
			 div_up(formats[p->format].planes, 2);
	if (s->used)
		elements = (uint64_t)cycles_post(plan, chunk) * group_beats(config, s);
	if (field(cmd, BNN_F_CONV_SUM_EN)) /* 16 channels at once; the same ones only every other
					      cycle */
		sums = cycles_post(plan, chunk) == 1
			       ? 2
			       : (uint64_t)cycles_post(plan, chunk) * div_up(config->lanes, 16);
	if (sums > planes)
		planes = sums;
	return planes > elements ? planes : elements;
}

static uint64_t residual_beats(const struct cycles_config *config, const struct ref *r,
			       uint32_t groups, bool win)
{
	/* Channels that repeat are read once, if bnn_stream_in holds them. */
	if (r->c <= RESIDUAL_HELD * config->lanes)
		groups = min_u32(groups, (uint32_t)div_up(r->c, config->lanes));
	return r->used ? groups * group_beats(config, r) * (win ? 4 : 1) : 0;
}

uint64_t cycles_residual(const struct cycles_config *config, const struct command *cmd,
			 const struct cycles_plan *plan, const struct cycles_chunk *chunk)
{
	uint32_t groups = cycles_post(plan, chunk);
	uint64_t a = residual_beats(config, &cmd->ref[REF_RES1], groups,
				    field(cmd, BNN_F_CONV_RES1_WIN));
	uint64_t b = residual_beats(config, &cmd->ref[REF_RES2], groups,
				    field(cmd, BNN_F_CONV_RES2_WIN));

	/* Two readers; on chip they share a port. */
	return a > b ? a : b;
}

/* ---- gates ---- */

void cycles_gates_start(struct cycles_gates *gates, const struct cycles_plan *plan)
{
	uint32_t lanes = min_u32(plan->tile_rows, CYCLES_HALVES);
	uint32_t chunk = plan->tile_rows * plan->tiles_max;

	*gates = (struct cycles_gates){ .mask = lanes - 1, .chunk = chunk, .limit = chunk };
}

/* Behind the last channel of a chunk. */
static void end_chunk(struct cycles_gates *gates)
{
	gates->rounds += gates->most;
	gates->most = 0;
	memset(gates->open, 0, gates->mask + 1);
}

void cycles_gates_add(struct cycles_gates *gates, uint32_t channel, bool open)
{
	uint8_t *lane = &gates->open[channel & gates->mask];

	if (channel >= gates->limit) {
		end_chunk(gates);
		gates->limit += gates->chunk;
	}
	*lane = (uint8_t)(*lane + open);
	if (*lane > gates->most)
		gates->most = *lane;
}

void cycles_gates_end(struct cycles_gates *gates)
{
	end_chunk(gates);
	gates->limit = gates->chunk;
}

/* ---- time ---- */

/* When beats that may come from `at` on have come, behind what the last commands read. */
static uint64_t transfer(const struct cycles_loader *loader, uint64_t at, uint64_t beats)
{
	for (unsigned int i = CYCLES_HELD; i-- > 0;) {
		uint64_t start = loader->traffic[i].start, end = loader->traffic[i].end, left;

		if (end <= at)
			continue;
		if (at < start) {
			if (beats <= start - at)
				break;
			beats -= start - at;
			at = start;
		}
		left = end - start > loader->traffic[i].beats
			       ? end - start - loader->traffic[i].beats
			       : 0;
		left = (uint64_t)((double)left * (double)(end - at) / (double)(end - start));
		if (beats <= left)
			return at + (uint64_t)((double)beats * (double)(end - at) / (double)left);
		beats -= left;
		at = end;
	}
	return at + beats;
}

static void note_traffic(struct cycles_loader *loader, uint64_t start, uint64_t end, uint64_t beats)
{
	memmove(loader->traffic + 1, loader->traffic,
		sizeof(loader->traffic) - sizeof(loader->traffic[0]));
	loader->traffic[0].start = start;
	loader->traffic[0].end = end;
	loader->traffic[0].beats = beats;
}

/* Where a vector or tensor begins, on chip apart from memory. */
static uint64_t place(const struct ref *r)
{
	return r->base + (on_chip(r) ? UINT64_C(1) << 62 : 0);
}

/* The loader waits for older commands that write what it reads. */
static uint64_t written_at(const struct command *cmd, const struct cycles_loader *loader)
{
	uint64_t at = 0;

	for (unsigned int i = 0; i < CYCLES_OLDER; i++) {
		for (unsigned int slot = 0; slot < REF_COUNT; slot++) {
			const struct ref *r = &cmd->ref[slot];

			if (!r->used || (r->stream != STREAM_WEIGHTS && r->stream != STREAM_PARAMS))
				continue;
			for (unsigned int k = 0; k < 2; k++)
				if (place(r) < loader->older[i].to[k] &&
				    loader->older[i].from[k] < place(r) + r->extent)
					at = at > loader->older[i].end ? at : loader->older[i].end;
		}
	}
	return at;
}

/* Notes what a command wrote, for the loader. */
static void note_written(const struct command *cmd, uint64_t end, struct cycles_loader *loader)
{
	unsigned int k = 0;

	memmove(loader->older + 1, loader->older, sizeof(loader->older) - sizeof(loader->older[0]));
	memset(loader->older, 0, sizeof(loader->older[0]));
	loader->older[0].end = end;
	for (unsigned int slot = 0; slot < REF_COUNT && k < 2; slot++) {
		const struct ref *r = &cmd->ref[slot];

		if (!r->used || !r->write)
			continue;
		loader->older[0].from[k] = place(r);
		loader->older[0].to[k++] = place(r) + r->extent;
	}
}

/* Loads a chunk as early as there is room; returns when it is there. */
static uint64_t load(const struct cycles_config *config, const struct cycles_chunk *chunk,
		     uint64_t begin, struct cycles_loader *loader)
{
	uint64_t words = chunk->words, params = chunk->params;
	uint64_t beats = chunk->load_beats * BEAT / config->bytes;
	uint32_t keep = loader->count;

	/* What is held longest goes first, until the rest fits. */
	for (uint32_t i = loader->count; i-- > 0;) {
		words += loader->held[i].words;
		params += loader->held[i].params;
		if (words > config->weight_words || params > config->param_words)
			break;
		keep = i;
	}
	if (keep == CYCLES_HELD)
		keep = CYCLES_HELD - 1;
	begin = begin > loader->at ? begin : loader->at;
	for (uint32_t i = 0; i < keep; i++)
		begin = begin > loader->held[i].free ? begin : loader->held[i].free;
	/* Requests go out while older data is on its way: the latency shows after a pause only. */
	loader->at = transfer(loader, begin == loader->at ? begin : begin + config->latency, beats);
	loader->count -= keep;
	memmove(loader->held, loader->held + keep, loader->count * sizeof(loader->held[0]));
	return loader->at;
}

static void hold(struct cycles_loader *loader, const struct cycles_chunk *chunk, uint64_t until)
{
	if (loader->count == CYCLES_HELD) {
		loader->count--;
		memmove(loader->held, loader->held + 1, loader->count * sizeof(loader->held[0]));
	}
	loader->held[loader->count].free = until;
	loader->held[loader->count].words = chunk->words;
	loader->held[loader->count++].params = chunk->params;
}

static uint64_t scaled(const struct cycles_config *config, uint64_t beats)
{
	return beats * BEAT / config->bytes;
}

static void add_if_most(uint64_t *cause, uint64_t time, uint64_t *longest, uint64_t **most)
{
	if (time <= *longest)
		return;
	*longest = time;
	*most = cause;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Sixteenths of a cycle for OUTP of a pixel: two planes at once wait where one of them has a beat
 * for memory. */
static uint64_t plane_cycles(const struct command *cmd, const struct cycles_plan *plan,
			     const struct cycles_chunk *chunk)
{
	const struct ref *r = &cmd->ref[REF_OUTP];
	uint64_t pieces = plan->copies * div_up(chunk->rows, PIECE), planes;

	if (!r->used)
		return 0;
	planes = formats[r->format].planes;
	return pieces * (16 * div_up(planes, 2) + (planes > 1 ? planes : 0));
}

/* Sixteenths of a beat of a pixel on the write channel: two bursts of 16 have a cycle besides. */
static uint64_t write_beats(const struct command *cmd, const struct cycles_plan *plan,
			    const struct cycles_chunk *chunk)
{
	uint64_t bits = 0, channels = (uint64_t)plan->copies * chunk->rows;

	for (unsigned int slot = REF_OUTP; slot <= REF_OUTS; slot++) {
		const struct ref *r = &cmd->ref[slot];

		if (r->used && !on_chip(r))
			bits += channels * formats[r->format].width;
	}
	return bits * 33 / (2 * 8 * BEAT);
}

/* Beats of a pixel of a residual in memory; the requests of WIN take a cycle. */
static uint64_t residual_memory(const struct ref *r, uint32_t channels, bool win)
{
	uint64_t bits = (uint64_t)min_u32(r->c, channels) * formats[r->format].width;

	return div_up(bits, 8 * BEAT) * (win ? 4 : 1) + win;
}

/* One chunk at work from `start` on; returns its end. */
static uint64_t run_chunk(const struct cycles_config *config, const struct command *cmd,
			  const struct cycles_plan *plan, const struct cycles_chunk *chunk,
			  uint64_t l_steps, uint64_t start, struct cycles_result *result)
{
	const struct ref *in = &cmd->ref[REF_IN];
	uint64_t pixels = plan->pixels, longest, idle = 0, *most = &idle, first = CYCLES_SETUP;
	uint64_t array = plan->steps * chunk->plays + l_steps;
	uint64_t residual = pixels * cycles_residual(config, cmd, plan, chunk), memory = 0;
	uint64_t form = plan->form_steps * (plan->replay ? chunk->tiles : chunk->convs),
		 rows = plan->row_beats;
	uint64_t written;

	if (!plan->conv) {
		array = 0;
		rows = 0;
		form = pixels * cycles_post(plan, chunk) *
		       (formats[in->format].packed ? group_beats(config, in) : in_planes(cmd));
		memory = on_chip(in) ? 0 : form;
	}
	/* One read channel and one write channel of the bus. */
	memory += on_chip(in) ? 0 : rows;
	for (unsigned int slot = REF_RES1; slot <= REF_RES2; slot++)
		if (cmd->ref[slot].used && !on_chip(&cmd->ref[slot]))
			memory +=
				pixels *
				residual_memory(&cmd->ref[slot], plan->copies * chunk->rows,
						field(cmd, slot == REF_RES1 ? BNN_F_CONV_RES1_WIN
									    : BNN_F_CONV_RES2_WIN));
	written = pixels * cycles_store(config, cmd, plan, chunk);
	written = max_u64(written, pixels * plane_cycles(cmd, plan, chunk) / 16);
	written = max_u64(written, scaled(config, pixels * write_beats(cmd, plan, chunk) / 16));
	result->memory += scaled(config, memory);
	first += scaled(config, plan->first_beats) + (on_chip(in) ? CYCLES_TAP : config->latency);
	longest = array;
	add_if_most(&result->post, pixels * cycles_post(plan, chunk), &longest, &most);
	add_if_most(&result->act, form > rows ? form : rows, &longest, &most);
	add_if_most(&result->act, plan->row_writes, &longest, &most);
	add_if_most(&result->store, written, &longest, &most);
	add_if_most(&result->residual, residual, &longest, &most);
	add_if_most(&result->act, scaled(config, memory), &longest, &most);
	*most += longest - array;
	result->act += first;
	result->busy += array;
	return start + first + longest + CYCLES_DRAIN;
}

static uint64_t layer_end(const struct cycles_config *config, const struct command *cmd,
			  uint64_t start, uint64_t rounds, struct cycles_loader *loader,
			  struct cycles_result *result)
{
	struct cycles_plan plan;
	struct cycles_chunk chunk;
	uint64_t l_steps = 0, at = start, tiles;

	cycles_plan(config, cmd, &plan);
	tiles = div_up(plan.rows, plan.tile_rows);
	if (plan.frac)
		l_steps = (uint64_t)((double)rounds * (double)plan.steps / (double)plan.pixels);
	for (uint32_t row = 0; row < plan.rows; row += chunk.rows) {
		uint64_t ready, begin;

		cycles_chunk(config, cmd, &plan, row, &chunk);
		if (!chunk.load_beats) {
			ready = at;
		} else {
			ready = load(config, &chunk, written_at(cmd, loader), loader);
			if (ready > at)
				result->weights += ready - at;
		}
		at = ready > at ? ready : at;
		begin = at;
		result->memory = 0;
		at = run_chunk(config, cmd, &plan, &chunk, l_steps * chunk.tiles / tiles, at,
			       result);
		note_traffic(loader, begin, at, result->memory);
		if (chunk.load_beats)
			hold(loader, &chunk, at);
	}
	return at;
}

/* ---- bnn_side ---- */

static uint64_t ref_beats(const struct ref *r)
{
	return r->used ? div_up((uint64_t)r->natural * r->h * r->w * formats[r->format].planes,
				BEAT)
		       : 0;
}

static uint64_t encode_cycles(const struct command *cmd)
{
	const struct ref *out = &cmd->ref[REF_OUTP];
	uint64_t beats = div_up((uint64_t)out->natural * formats[out->format].planes, BEAT);
	uint64_t colours = cmd->cin <= 4 ? 1 : (uint64_t)cmd->cin * CYCLES_COLOUR;
	unsigned levels = (unsigned)field(cmd, BNN_F_ENC_LEVELS);

	/* Levels of one colour at a time, 128 of them. */
	if (field(cmd, BNN_F_ENC_MODE) == ENC_THERMO && levels != 32 && cmd->cin <= 4)
		colours = cmd->cin * (levels > 128 ? 2 : 1);
	return div_up(cmd->ref[REF_WEIGHT].extent, BEAT) + CYCLES_ENCODE +
	       (uint64_t)cmd->h * cmd->w * (colours > beats ? colours : beats);
}

/* Taps inside an axis, over all positions, of which so many come at a time. */
static uint64_t taps_there(uint32_t out, uint32_t size, uint32_t kernel, uint32_t stride,
			   uint32_t before, uint32_t at_once)
{
	uint64_t n = 0;

	for (uint32_t o = 0; o < out; o++) {
		int64_t first = (int64_t)o * stride - before, end = first + kernel;

		first = first < 0 ? 0 : first;
		end = end > size ? size : end;
		n += end > first ? div_up((uint64_t)(end - first), at_once) : 0;
	}
	return n;
}

/* bnn_side_mean gives four averages per cycle, the divider one; sums of groups are taken by
 * element. */
static uint64_t pool_cycles(const struct command *cmd)
{
	const struct ref *in = &cmd->ref[REF_IN], *out = &cmd->ref[REF_OUTP];
	uint64_t taps = (uint64_t)cmd->kh * cmd->kw, beats, results, strips, there;
	uint32_t group = field(cmd, BNN_F_POOL_GROUP), width = formats[in->format].width;
	bool mean = field(cmd, BNN_F_POOL_MODE) == POOL_AVG, slow = false;
	/* Bits of two pixels in a beat. */
	bool paired = group == 1 && in->format == BNN_FORMAT_B1 && in->natural == BEAT / 2 &&
		      in->pixel == in->natural && cmd->kw > 1;

	beats = div_up((uint64_t)in->natural * formats[in->format].planes, BEAT);
	if (mean && (width == 8 || width == 16) && group <= 8 && !(group & (group - 1)) &&
	    field(cmd, BNN_F_POOL_DIV) <= 512) {
		results = div_up(cmd->cout, 4);
	} else if (mean || group > 1) {
		results = group > 1 ? taps * cmd->cin : cmd->cout;
		slow = true;
	} else {
		results = div_up(out->natural, BEAT);
	}
	/* Taps outside of IN are not read; each tap of a strip is asked for. */
	strips = div_up(in->natural, POOL_STRIP);
	there = taps_there(cmd->oh, cmd->h, cmd->kh, cmd->sh, cmd->pad_t, 1) *
		taps_there(cmd->ow, cmd->w, cmd->kw, cmd->sw, cmd->pad_l, paired ? 2 : 1) *
		(max_u32((uint32_t)beats, 1) + (strips > 1 ? strips * CYCLES_POOL_STRIP : 0));
	results *= (uint64_t)cmd->oh * cmd->ow;
	return max_u64(there, results) +
	       (slow ? (uint64_t)cmd->oh * cmd->ow * CYCLES_POOL_PIXEL : 0);
}

static uint64_t side_memory(const struct cycles_config *config, const struct command *cmd)
{
	uint64_t beats = 0;

	for (unsigned int slot = 0; slot < REF_COUNT; slot++) {
		const struct ref *r = &cmd->ref[slot];

		if (r->used && !r->write && !on_chip(r))
			beats += r->format ? ref_beats(r) : div_up(r->extent, BEAT);
	}
	return scaled(config, beats);
}

static uint64_t side_cycles(const struct cycles_config *config, const struct command *cmd)
{
	uint64_t cycles, memory;

	switch (cmd->info->opcode) {
	case BNN_CMD_ENC:
		cycles = encode_cycles(cmd);
		break;
	case BNN_CMD_POOL:
		cycles = pool_cycles(cmd);
		break;
	case BNN_CMD_TRANSPOSE:
		cycles = 2 * ref_beats(&cmd->ref[REF_IN]);
		break;
	case BNN_CMD_GATEFOLD:
		cycles = (uint64_t)cmd->cout * CYCLES_RECORD + cmd->cout / 8 + CYCLES_FOLD;
		break;
	default: /* NOP, END, PREFETCH */
		return 0;
	}
	memory = side_memory(config, cmd);
	return CYCLES_SIDE + (on_chip(&cmd->ref[REF_IN]) ? 0 : config->latency) +
	       (cycles > memory ? cycles : memory);
}

/* Writes are visible before the next command starts. */
static uint64_t visible(const struct cycles_config *config, const struct command *cmd)
{
	for (unsigned int slot = 0; slot < REF_COUNT; slot++)
		if (cmd->ref[slot].used && cmd->ref[slot].write && !on_chip(&cmd->ref[slot]))
			return config->latency;
	return 0;
}

void cycles_command(const struct cycles_config *config, const struct command *cmd, uint64_t start,
		    uint64_t rounds, struct cycles_loader *loader, struct cycles_result *result)
{
	unsigned int opcode = cmd->info->opcode;

	*result = (struct cycles_result){ 0 };
	start += CYCLES_DISPATCH;
	if (opcode == BNN_CMD_CONV || opcode == BNN_CMD_EW) {
		result->end = layer_end(config, cmd, start, rounds, loader, result);
	} else {
		result->end = start + side_cycles(config, cmd);
		result->act = result->end - start;
		note_traffic(loader, start, result->end, side_memory(config, cmd));
	}
	result->end += visible(config, cmd);
	note_written(cmd, result->end, loader);
}
