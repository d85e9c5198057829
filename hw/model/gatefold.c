/* SPDX-License-Identifier: MIT */
/* GATEFOLD: squeeze-excite gates into the P2 part of parameter records. */
#include "core.h"

enum step gatefold_step(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	struct cursor *at = &core->job.at;
	uint32_t n = min_u32(GATEFOLD_CHUNK, cmd->cout - at->x);
	uint8_t gates[GATEFOLD_CHUNK * 2], records[GATEFOLD_CHUNK * BNN_SIZEOF_PARAM];
	uint64_t changed = 0;

	if (!mem_read(core, &cmd->ref[REF_IN], at->x * UINT64_C(2), gates, n * UINT64_C(2)) ||
	    !mem_read(core, &cmd->ref[REF_PARAM], (uint64_t)at->x * BNN_SIZEOF_PARAM, records,
		      (uint64_t)n * BNN_SIZEOF_PARAM))
		return STEP_FAULT;
	for (uint32_t c = 0; c < n; c++) {
		uint8_t *r = records + c * BNN_SIZEOF_PARAM;
		int64_t g = get16(gates + 2 * c), bbn = (int32_t)get32(r + BNN_PARAM_BBN);

		for (unsigned h = 0; h < 2; h++) {
			uint8_t *a2 = r + BNN_PARAM_A2 + 2 * h, *b2 = r + BNN_PARAM_B2 + 4 * h;
			int64_t a = rnd((int16_t)get16(a2) * g, 15);
			int64_t b = rnd((int32_t)get32(b2) * g, 15) + bbn;

			put16(a2, (uint32_t)clamp_count(a, INT16_MIN, INT16_MAX, &changed));
			put32(b2, (uint32_t)clamp_count(b, INT32_MIN, INT32_MAX, &changed));
		}
	}
	count(core, BNN_COUNTER_SATURATED, changed);
	if (!mem_write(core, &cmd->ref[REF_OUTP], (uint64_t)at->x * BNN_SIZEOF_PARAM, records,
		       (uint64_t)n * BNN_SIZEOF_PARAM))
		return STEP_FAULT;
	at->x += n;
	return at->x < cmd->cout ? STEP_MORE : STEP_DONE;
}
