/* SPDX-License-Identifier: MIT */
/* ENC: bytes through tables to codes. */
#include "core.h"

enum { STRIP_ELEMENTS = 1 << 18 };

uint32_t encode_strip(const struct bnn_core *core, const struct command *cmd)
{
	return min_u32(min_u32(cmd->w, core->chunk),
		       max_u32(1, STRIP_ELEMENTS / max_u32(cmd->cin, cmd->cout)));
}

/* The bytes of a strip as [pixel][colour]. */
static bool read_bytes(struct bnn_core *core, uint32_t n, uint8_t *out)
{
	const struct command *cmd = &core->job.cmd;
	const struct ref *in = &cmd->ref[REF_IN];
	uint64_t first = (uint64_t)core->job.at.y * cmd->w + core->job.at.x;
	uint8_t *line;

	if (!bnn_field_get(cmd->words, BNN_F_ENC_PLANAR))
		return mem_read(core, in, first * cmd->cin, out, (uint64_t)n * cmd->cin);
	line = scratch_get(core, SCRATCH_SPAN, n);
	for (uint32_t c = 0; line && c < cmd->cin; c++) {
		if (!mem_read(core, in, (uint64_t)c * cmd->h * cmd->w + first, line, n))
			return false;
		for (uint32_t i = 0; i < n; i++)
			out[(size_t)i * cmd->cin + c] = line[i];
	}
	return line;
}

static void encode_byte(const struct command *cmd, uint32_t t, int32_t *codes)
{
	uint32_t levels = bnn_field_get(cmd->words, BNN_F_ENC_LEVELS);

	switch (bnn_field_get(cmd->words, BNN_F_ENC_MODE)) {
	case ENC_VALUE:
		codes[0] = (int32_t)(t & ((1u << formats[cmd->ref[REF_OUTP].format].width) - 1));
		break;
	case ENC_THERMO:
		for (uint32_t b = 0; b < levels; b++)
			codes[b] = b < t;
		break;
	default:
		for (uint32_t b = 0; b < 8; b++)
			codes[b] = t >> b & 1;
	}
}

enum step encode_step(struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;
	const struct ref *table = &cmd->ref[REF_WEIGHT];
	struct cursor *at = &core->job.at;
	bool shared = bnn_field_get(cmd->words, BNN_F_ENC_SHARED);
	uint32_t strip = encode_strip(core, cmd), each = cmd->cout / cmd->cin;
	uint8_t *tables = scratch_get(core, SCRATCH_PARAM, table->extent);
	uint8_t *bytes = scratch_get(core, SCRATCH_VALUES, (uint64_t)strip * cmd->cin);
	int32_t *codes =
		scratch_get(core, SCRATCH_CODES, (uint64_t)strip * cmd->cout * sizeof(*codes));
	uint32_t n = min_u32(strip, cmd->w - at->x);

	if (!tables || !bytes || !codes)
		return STEP_FAULT;
	if (!core->prepared) {
		if (!mem_read(core, table, 0, tables, table->extent))
			return STEP_FAULT;
		core->prepared = true;
		return STEP_MORE;
	}
	if (!read_bytes(core, n, bytes))
		return STEP_FAULT;
	for (uint32_t i = 0; i < n * cmd->cin; i++)
		encode_byte(cmd, tables[(shared ? 0 : 256 * (i % cmd->cin)) + bytes[i]],
			    codes + (size_t)i * each);
	charge_ops(core, (uint64_t)n * cmd->cout);
	if (!tensor_write(core, &cmd->ref[REF_OUTP], at->y, at->x, n, codes))
		return STEP_FAULT;
	at->x += n;
	if (at->x < cmd->w)
		return STEP_MORE;
	at->x = 0;
	core->job.rows++;
	return ++at->y < cmd->h ? STEP_MORE : STEP_DONE;
}
