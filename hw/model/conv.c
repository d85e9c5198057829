/* SPDX-License-Identifier: MIT */
/*
 * Accumulators of CONV. The input rows under the window are kept in slots, the
 * weights in blocks of rows; a step is one output pixel against one block.
 *
 * Two ways to the same sums. Plain: everything as int16 values. Bits: planes of
 * odd codes against B1 weights as words of 64 bits, where one plane contributes
 * 2^i * (present - 2 * number of bits that differ). FRAC keeps its two planes
 * apart in either way.
 */
#include <string.h>

#include "core.h"

/* Bytes of rows and of weights kept; weights unpacked in a step. */
enum { ROWS_MAX = 4 << 20, WEIGHTS_MAX = 16 << 20, WEIGHTS_STEP = 1 << 20 };
enum { TAPS_MAX = BNN_KERNEL_MAX * BNN_KERNEL_MAX };

static uint32_t field(const struct command *cmd, enum bnn_field_id id)
{
	return bnn_field_get(cmd->words, id);
}

static uint32_t slots_of(const struct command *cmd)
{
	return cmd->dh * (cmd->kh - 1) + 1;
}

/* Input columns under a strip of n outputs. */
static uint32_t columns_of(const struct command *cmd, uint32_t n)
{
	return min_u32(cmd->w, (n - 1) * cmd->sw + cmd->dw * (cmd->kw - 1) + 1);
}

/* The longest strip whose input rows fit; an upper bound for either way. */
uint32_t conv_strip(const struct command *cmd, uint32_t wanted)
{
	uint64_t column = (uint64_t)slots_of(cmd) * cmd->cin * sizeof(int16_t) * 2;

	while (wanted > 1 && column * columns_of(cmd, wanted) > ROWS_MAX)
		wanted = (wanted + 1) / 2;
	return wanted;
}

static bool use_bits(const struct bnn_core *core, const struct command *cmd)
{
	const struct format *f = &formats[cmd->ref[REF_IN].format];

	return !core->plain && f->kind == KIND_ODD && !f->packed &&
	       field(cmd, BNN_F_CONV_WFORMAT) == BNN_WFORMAT_B1 &&
	       field(cmd, BNN_F_CONV_GROUPS) == 1;
}

bool conv_prepare(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	const struct ref *in = &cmd->ref[REF_IN];
	struct layer *l = &core->layer;
	struct cycles_plan plan;

	l->bits = use_bits(core, cmd);
	l->slots = slots_of(cmd);
	l->cols_max = columns_of(cmd, l->strip);
	if (l->bits) {
		l->planes = formats[in->format].planes;
		l->plane_bytes = (uint64_t)l->cols_max * in->natural;
		l->weight_row = cmd->row_bytes;
	} else {
		l->planes = field(cmd, BNN_F_CONV_FRAC) ? 2 : 1;
		l->plane_bytes = (uint64_t)l->cols_max * cmd->cin * sizeof(int16_t);
		l->weight_row = cmd->k * sizeof(int16_t);
	}
	l->slot_bytes = l->planes * l->plane_bytes;
	l->block_rows = min_u32(min_u32(cmd->rows, core->chunk),
				max_u32(1, (uint32_t)(WEIGHTS_MAX / l->weight_row)));
	l->loaded_block = -1;
	cycles_plan(&core->cycles, cmd, &plan);
	cycles_gates_start(&l->gates, &plan);
	for (uint32_t i = 0; i < SLOTS_MAX; i++)
		l->row_of[i] = -1;
	l->lo = -1;
	l->row = scratch_get(core, SCRATCH_ROWS, l->slots * l->slot_bytes);
	l->weights = scratch_get(core, SCRATCH_WEIGHTS, l->block_rows * l->weight_row);
	return l->row && l->weights;
}

static bool load_row(struct bnn_core *core, uint32_t iy, uint8_t *slot)
{
	const struct command *cmd = &core->job.cmd;
	const struct ref *in = &cmd->ref[REF_IN];
	struct layer *l = &core->layer;
	uint32_t x = (uint32_t)l->lo;
	size_t n = (size_t)l->cols * cmd->cin;
	int32_t *values;

	if (l->bits) {
		for (uint32_t p = 0; p < l->planes; p++)
			if (!tensor_raw(core, in, p, iy, x, l->cols, slot + p * l->plane_bytes))
				return false;
		return true;
	}
	values = scratch_get(core, SCRATCH_VALUES, n * sizeof(*values));
	if (!values || !tensor_read(core, in, iy, x, l->cols, cmd->cin, values))
		return false;
	for (uint32_t p = 0; p < l->planes; p++) {
		int16_t *out = (int16_t *)(slot + p * l->plane_bytes);

		/* An O2 value is 2*M + L with M and L in {-1, +1}. */
		for (size_t i = 0; i < n; i++)
			out[i] = (int16_t)(l->planes == 1 ? values[i]
					   : p == 1	  ? (values[i] > 0 ? 1 : -1)
							  : values[i] - (values[i] > 0 ? 2 : -2));
	}
	return true;
}

/*
 * Loads what the strip at the cursor needs and is not there from the row above,
 * one row at a step. DONE: all of it is there.
 */
enum step conv_open(struct bnn_core *core, uint32_t n)
{
	const struct command *cmd = &core->job.cmd;
	struct layer *l = &core->layer;
	int64_t lo = (int64_t)core->job.at.x * cmd->sw - cmd->pad_l;
	int64_t hi = lo + (int64_t)(n - 1) * cmd->sw + cmd->dw * (cmd->kw - 1) + 1;

	lo = lo < 0 ? 0 : lo;
	hi = hi > cmd->w ? cmd->w : hi;
	if (hi <= lo) /* nothing but padding */
		lo = hi = 0;
	if (lo != l->lo || hi - lo != l->cols) {
		for (uint32_t i = 0; i < l->slots; i++)
			l->row_of[i] = -1;
		l->lo = lo;
		l->cols = (uint32_t)(hi - lo);
	}
	for (uint32_t ky = 0; ky < cmd->kh && l->cols; ky++) {
		int64_t iy = (int64_t)core->job.at.y * cmd->sh + ky * cmd->dh - cmd->pad_t;
		uint32_t slot;

		if (iy < 0 || iy >= cmd->h)
			continue;
		slot = (uint32_t)(iy % l->slots);
		if (l->row_of[slot] == iy)
			continue;
		l->row_of[slot] = -1;
		if (!load_row(core, (uint32_t)iy, l->row + slot * l->slot_bytes))
			return STEP_FAULT;
		l->row_of[slot] = iy;
		return STEP_MORE;
	}
	l->pixel = l->block = 0;
	l->taps = l->frac_macs = l->gates_open = l->gates_shut = 0;
	l->gates.rounds = 0;
	return STEP_DONE;
}

/* Where the taps of one output pixel lie: byte offset of the pixel's column, or -1. */
struct window {
	const uint8_t *tap[TAPS_MAX]; /* in plane 0; NULL: absent */
	uint32_t present;
};

static void find_window(const struct bnn_core *core, uint32_t x, struct window *w)
{
	const struct command *cmd = &core->job.cmd;
	const struct layer *l = &core->layer;
	size_t pixel = l->bits ? cmd->ref[REF_IN].natural : cmd->cin * sizeof(int16_t);

	w->present = 0;
	for (uint32_t ky = 0; ky < cmd->kh; ky++) {
		int64_t iy = (int64_t)core->job.at.y * cmd->sh + ky * cmd->dh - cmd->pad_t;

		for (uint32_t kx = 0; kx < cmd->kw; kx++) {
			int64_t ix = (int64_t)x * cmd->sw + kx * cmd->dw - cmd->pad_l;
			bool there = iy >= 0 && iy < cmd->h && ix >= 0 && ix < cmd->w;

			w->tap[ky * cmd->kw + kx] =
				there ? l->row + (size_t)(iy % l->slots) * l->slot_bytes +
						(size_t)(ix - l->lo) * pixel
				      : NULL;
			w->present += there;
		}
	}
}

static int32_t dot(const int16_t *a, const int16_t *w, uint32_t n)
{
	int32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += a[i] * w[i];
	return sum;
}

static int32_t weight_sum(const int16_t *w, uint32_t n)
{
	int32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += w[i];
	return sum;
}

/* What absent taps are multiplied with. */
static int32_t absent_value(const struct command *cmd)
{
	static const int32_t value[] = { 0, 1, -1 };

	return value[field(cmd, BNN_F_CONV_PAD_MODE)];
}

static int32_t plain_sum(const struct layer *l, const struct command *cmd, const struct window *win,
			 uint32_t plane, uint32_t group, const int16_t *w)
{
	uint32_t taps = cmd->kh * cmd->kw, cg = cmd->k / taps;
	int32_t absent = absent_value(cmd), sum = 0;

	for (uint32_t t = 0; t < taps;) {
		uint32_t run = 1;

		if (win->tap[t]) {
			/* Taps that lie one behind the other, as their weights do. */
			while (cg == cmd->cin && (t + run) % cmd->kw && win->tap[t + run] &&
			       cmd->dw == 1)
				run++;
			sum += dot((const int16_t *)(win->tap[t] + plane * l->plane_bytes) +
					   group * cg,
				   w + t * cg, run * cg);
		} else if (absent) {
			sum += absent * weight_sum(w + t * cg, cg);
		}
		t += run;
	}
	return sum;
}

/* The gate of the fractional pass; counts what it lets through. */
static bool gate(struct layer *l, const struct window *win, uint32_t cg, uint32_t oc, int32_t m)
{
	bool open = m >= l->param[oc].t;

	cycles_gates_add(&l->gates, oc, open);
	if (open) {
		l->gates_open++;
		l->frac_macs += (uint64_t)win->present * cg;
	} else {
		l->gates_shut++;
	}
	return open;
}

static void plain_pixel(struct bnn_core *core, const struct window *win, int32_t *acc,
			uint32_t first, uint32_t n)
{
	const struct command *cmd = &core->job.cmd;
	struct layer *l = &core->layer;
	uint32_t groups = field(cmd, BNN_F_CONV_GROUPS);
	uint32_t og = cmd->cout / groups, cg = cmd->cin / groups;
	bool frac = field(cmd, BNN_F_CONV_FRAC);

	for (uint32_t r = first; r < first + n; r++) {
		const int16_t *w = (const int16_t *)l->weights + (size_t)(r - first) * cmd->k;
		uint32_t group = groups > 1 ? r / og : 0;
		int32_t m = plain_sum(l, cmd, win, frac ? 1 : 0, group, w);

		for (uint32_t oc = r; oc < cmd->cout; oc += cmd->rows) {
			acc[oc] = m;
			if (frac)
				acc[oc] = 2 * m + (gate(l, win, cg, oc, m)
							   ? plain_sum(l, cmd, win, 0, group, w)
							   : 0);
		}
	}
}

enum { WORDS_MAX = (32768 + TAPS_MAX * 16) / 64 + 2 };

/* The taps of plane p as one string of bits, as weights are stored. */
static void gather(const struct bnn_core *core, const struct window *win, uint32_t p, uint64_t *a)
{
	const struct command *cmd = &core->job.cmd;
	uint32_t natural = cmd->ref[REF_IN].natural, taps = cmd->kh * cmd->kw;
	int fill = absent_value(cmd) > 0 ? 0xff : 0;
	uint8_t *to = (uint8_t *)a;

	for (uint32_t t = 0; t < taps; t++, to += natural) {
		if (win->tap[t])
			memcpy(to, win->tap[t] + p * core->layer.plane_bytes, natural);
		else
			memset(to, fill, natural);
	}
	memset(to, 0, cmd->row_bytes - (size_t)taps * natural);
}

/* Which bits of the string count; returns how many. */
static int32_t gather_mask(const struct command *cmd, const struct window *win, bool absent_counts,
			   uint64_t *m)
{
	uint32_t natural = cmd->ref[REF_IN].natural, taps = cmd->kh * cmd->kw;
	uint8_t *to = (uint8_t *)m;
	int32_t bits = 0;

	memset(m, 0, cmd->row_bytes);
	for (uint32_t t = 0; t < taps; t++, to += natural) {
		if (!win->tap[t] && !absent_counts)
			continue;
		memset(to, 0xff, cmd->cin / 8);
		if (cmd->cin % 8)
			to[cmd->cin / 8] = (uint8_t)((1u << cmd->cin % 8) - 1);
		bits += (int32_t)cmd->cin;
	}
	return bits;
}

static void bits_pixel(struct bnn_core *core, const struct window *win, int32_t *acc,
		       uint32_t first, uint32_t n)
{
	const struct command *cmd = &core->job.cmd;
	struct layer *l = &core->layer;
	const uint64_t *w = (const uint64_t *)l->weights;
	uint64_t a[2][WORDS_MAX], m[WORDS_MAX];
	uint32_t words = cmd->row_bytes / sizeof(*w);
	int32_t differ[BNN_CHANNELS_MAX];
	bool pads = absent_value(cmd) != 0;
	int32_t total = gather_mask(cmd, win, pads, m);

	if (field(cmd, BNN_F_CONV_FRAC)) {
		gather(core, win, 0, a[0]);
		gather(core, win, 1, a[1]);
		popcount_rows(core->popcnt, differ, a[1], m, w, words, n);
		for (uint32_t r = 0; r < n; r++) {
			int32_t sum = total - 2 * differ[r];

			for (uint32_t oc = first + r; oc < cmd->cout; oc += cmd->rows) {
				int32_t d;

				acc[oc] = 2 * sum;
				if (!gate(l, win, cmd->cin, oc, sum))
					continue;
				popcount_rows(core->popcnt, &d, a[0], m, w + (size_t)r * words,
					      words, 1);
				acc[oc] += total - 2 * d;
			}
		}
		return;
	}
	for (uint32_t p = 0; p < l->planes; p++) {
		/* An absent tap is +-1 in every format: it is in the lowest plane only. */
		if (p == 1 && pads)
			total = gather_mask(cmd, win, false, m);
		gather(core, win, p, a[0]);
		popcount_rows(core->popcnt, differ, a[0], m, w, words, n);
		for (uint32_t r = 0; r < n; r++) {
			int32_t sum = (total - 2 * differ[r]) * (1 << p);

			acc[first + r] = p ? acc[first + r] + sum : sum;
		}
	}
	for (uint32_t oc = first + cmd->rows; oc < cmd->cout; oc++)
		if (oc % cmd->rows >= first && oc % cmd->rows < first + n)
			acc[oc] = acc[oc % cmd->rows];
}

/* Some more rows of the block in turn. DONE: it is complete. */
static enum step load_block(struct bnn_core *core, uint32_t first, uint32_t rows)
{
	struct layer *l = &core->layer;
	uint32_t n;

	if (l->loaded_block != l->block) {
		l->loaded_block = l->block;
		l->loaded_rows = 0;
	}
	if (l->loaded_rows == rows)
		return STEP_DONE;
	n = min_u32(rows - l->loaded_rows, max_u32(1, WEIGHTS_STEP / core->job.cmd.k));
	if (!weights_load(core, first + l->loaded_rows, n, l->bits,
			  l->weights + l->loaded_rows * l->weight_row))
		return STEP_FAULT;
	l->loaded_rows += n;
	return STEP_MORE;
}

/* One pixel of the strip against one block of weights. DONE: the strip is. */
enum step conv_step(struct bnn_core *core, uint32_t n)
{
	const struct command *cmd = &core->job.cmd;
	struct layer *l = &core->layer;
	uint32_t first = l->block * l->block_rows;
	uint32_t rows = min_u32(l->block_rows, cmd->rows - first);
	int32_t *acc = l->acc + (size_t)l->pixel * cmd->cout;
	enum step load = load_block(core, first, rows);
	struct window win;

	if (load != STEP_DONE)
		return load;
	find_window(core, core->job.at.x + l->pixel, &win);
	if (l->bits)
		bits_pixel(core, &win, acc, first, rows);
	else
		plain_pixel(core, &win, acc, first, rows);
	if (!l->block)
		l->taps += win.present;
	cycles_gates_end(&l->gates);
	charge_macs(core, (uint64_t)cmd->k * rows * formats[cmd->ref[REF_IN].format].width *
				  wformats[field(cmd, BNN_F_CONV_WFORMAT)].bits);
	if (++l->pixel < n)
		return STEP_MORE;
	l->pixel = 0;
	return ++l->block * l->block_rows < cmd->rows ? STEP_MORE : STEP_DONE;
}
