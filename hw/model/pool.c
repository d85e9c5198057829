/* SPDX-License-Identifier: MIT */
/* POOL: a step takes one input row into the accumulators of a strip of outputs. */
#include "core.h"

enum { STRIP_ELEMENTS = 1 << 18 };

/* Bounds the outputs, the input columns under them and the work of a step. */
uint32_t pool_strip(const struct bnn_core *core, const struct command *cmd)
{
	uint64_t per_output = (uint64_t)max_u32(cmd->kw, cmd->sw) * cmd->cin;

	return min_u32(min_u32(cmd->ow, core->chunk),
		       max_u32(1, (uint32_t)(STRIP_ELEMENTS / per_output)));
}

static int64_t start_value(uint32_t mode)
{
	return mode == POOL_AVG ? 0 : mode == POOL_MAX ? INT64_MIN : INT64_MAX;
}

static void take(uint32_t mode, int64_t *acc, int64_t v)
{
	if (mode == POOL_AVG)
		*acc += v;
	else if (mode == POOL_MAX ? v > *acc : v < *acc)
		*acc = v;
}

/* Adds row ky of the windows of n outputs. */
static bool take_row(struct bnn_core *core, uint32_t ky, uint32_t n)
{
	const struct command *cmd = &core->job.cmd;
	const struct cursor *at = &core->job.at;
	uint32_t mode = bnn_field_get(cmd->words, BNN_F_POOL_MODE);
	uint32_t group = cmd->cin / cmd->cout;
	int64_t iy = (int64_t)at->y * cmd->sh + ky - cmd->pad_t;
	int64_t left = (int64_t)at->x * cmd->sw - cmd->pad_l;
	int64_t lo = left < 0 ? 0 : left;
	int64_t hi = left + (int64_t)(n - 1) * cmd->sw + cmd->kw;
	int32_t *in;

	hi = hi > cmd->w ? cmd->w : hi;
	if (iy < 0 || iy >= cmd->h || hi <= lo)
		return true;
	in = scratch_get(core, SCRATCH_VALUES, (uint64_t)(hi - lo) * cmd->cin * sizeof(*in));
	if (!in || !tensor_read(core, &cmd->ref[REF_IN], (uint32_t)iy, (uint32_t)lo,
				(uint32_t)(hi - lo), cmd->cin, in))
		return false;
	charge_ops(core, (uint64_t)n * cmd->kw * cmd->cin);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t kx = 0; kx < cmd->kw; kx++) {
			int64_t ix = left + (int64_t)i * cmd->sw + kx;
			int64_t *acc = core->pool.acc + (size_t)i * cmd->cout;
			const int32_t *pixel;

			if (ix < lo || ix >= hi)
				continue;
			pixel = in + (size_t)(ix - lo) * cmd->cin;
			for (uint32_t c = 0; c < cmd->cout; c++)
				for (uint32_t g = 0; g < group; g++)
					take(mode, &acc[c], *pixel++);
		}
	return true;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool write_strip(struct bnn_core *core, uint32_t n)
{
	const struct command *cmd = &core->job.cmd;
	const struct ref *out = &cmd->ref[REF_OUTP];
	const struct format *f = &formats[out->format];
	int64_t div = bnn_field_get(cmd->words, BNN_F_POOL_DIV);
	int64_t lo = f->kind == KIND_UNSIGNED ? 0 : -(INT64_C(1) << (f->width - 1));
	int64_t hi = (INT64_C(1) << (f->kind == KIND_UNSIGNED ? f->width : f->width - 1u)) - 1;
	size_t elements = (size_t)n * cmd->cout;
	int32_t *codes = scratch_get(core, SCRATCH_CODES, elements * sizeof(*codes));
	uint64_t changed = 0;

	if (!codes)
		return false;
	for (size_t i = 0; i < elements; i++) {
		int64_t v = core->pool.acc[i];

		if (div)
			v = clamp_count(floor_div(2 * v + div, 2 * div), lo, hi, &changed);
		codes[i] = (int32_t)value_code(f, (int32_t)v);
	}
	count(core, BNN_COUNTER_SATURATED, changed);
	return tensor_write(core, out, core->job.at.y, core->job.at.x, n, codes);
}

enum step pool_step(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	struct cursor *at = &core->job.at;
	struct pool *p = &core->pool;
	uint32_t strip = pool_strip(core, cmd), n = min_u32(strip, cmd->ow - at->x);

	if (!core->prepared) {
		p->acc = scratch_get(core, SCRATCH_ACC,
				     (uint64_t)strip * cmd->cout * sizeof(*p->acc));
		if (!p->acc)
			return STEP_FAULT;
		p->open = false;
		core->prepared = true;
	}
	if (!p->open) {
		int64_t start = start_value(bnn_field_get(cmd->words, BNN_F_POOL_MODE));

		for (size_t i = 0; i < (size_t)n * cmd->cout; i++)
			p->acc[i] = start;
		p->ky = 0;
		p->open = true;
	}
	if (!take_row(core, p->ky, n))
		return STEP_FAULT;
	if (++p->ky < cmd->kh)
		return STEP_MORE;
	p->open = false;
	if (!write_strip(core, n))
		return STEP_FAULT;
	at->x += n;
	if (at->x < cmd->ow)
		return STEP_MORE;
	at->x = 0;
	core->job.rows++;
	return ++at->y < cmd->oh ? STEP_MORE : STEP_DONE;
}
