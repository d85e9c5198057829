/* SPDX-License-Identifier: MIT */
/* TRANSPOSE: a step turns a run of channels into as many output pixels. */
#include <string.h>

#include "core.h"

enum step transpose_step(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	const struct ref *in = &cmd->ref[REF_IN], *out = &cmd->ref[REF_OUTP];
	struct cursor *at = &core->job.at;
	uint32_t size = formats[in->format].bits / 8, pixels = cmd->h * cmd->w;
	uint32_t n = min_u32(TRANSPOSE_CHUNK, cmd->cin - at->x);
	uint8_t *block = scratch_get(core, SCRATCH_VALUES, (uint64_t)pixels * n * size);
	uint8_t *pixel = scratch_get(core, SCRATCH_RAW, out->natural);

	if (!block || !pixel)
		return STEP_FAULT;
	for (uint32_t i = 0; i < pixels; i++)
		if (!mem_read(core, in,
			      i / cmd->w * in->row + (uint64_t)(i % cmd->w) * in->pixel +
				      (uint64_t)at->x * size,
			      block + (size_t)i * n * size, n * size))
			return STEP_FAULT;
	memset(pixel, 0, out->natural);
	for (uint32_t c = 0; c < n; c++) {
		for (uint32_t i = 0; i < pixels; i++)
			memcpy(pixel + (size_t)i * size, block + ((size_t)i * n + c) * size, size);
		if (!mem_write(core, out, (uint64_t)(at->x + c) * out->pixel, pixel, out->natural))
			return STEP_FAULT;
	}
	charge_ops(core, (uint64_t)pixels * n);
	at->x += n;
	if (at->x < cmd->cin)
		return STEP_MORE;
	core->job.rows++;
	return STEP_DONE;
}
