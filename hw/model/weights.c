/* SPDX-License-Identifier: MIT */
/*
 * Weights as stored (dense, tiled, tiled flat, codebook) to rows as CONV uses
 * them. Shared by all: a row is first the codes of its weights, tap by tap.
 */
#include <string.h>

#include "core.h"

enum { CODEBOOK_ENTRY = 8 };

struct source {
	struct bnn_core *core;
	const struct command *cmd;
	const struct ref *ref;
	uint32_t mode, bits, tau;
	uint32_t taps, cg; /* taps, channels of a group */
	uint64_t flat;	   /* stored weights of TILED_FLAT */
	uint8_t *row;	   /* a dense row, or the codebook */
	/* the last bytes that single(s) were taken from */
	uint64_t window_at;
	uint32_t window_len;
	uint8_t window[BNN_PAGE_SIZE];
};

static uint64_t codebook_indices(uint32_t tau)
{
	return align_u64((uint64_t)CODEBOOK_ENTRY << tau, BNN_TENSOR_ALIGN);
}

static uint32_t field(const struct command *cmd, enum bnn_field_id id)
{
	return bnn_field_get(cmd->words, id);
}

uint64_t weights_extent(const struct command *cmd)
{
	uint32_t bits = wformats[field(cmd, BNN_F_CONV_WFORMAT)].bits;
	uint32_t tau = field(cmd, BNN_F_CONV_TAU);
	uint64_t weights = (uint64_t)cmd->cout * cmd->k;

	switch (field(cmd, BNN_F_CONV_WMODE)) {
	case WMODE_TILED_FLAT:
		return (weights / field(cmd, BNN_F_CONV_TILE_P) * bits + 7) / 8;
	case WMODE_CODEBOOK:
		return codebook_indices(tau) + (weights / (cmd->kh * cmd->kw) * tau + 7) / 8;
	default:
		return (uint64_t)cmd->rows * cmd->row_bytes;
	}
}

static bool window_byte(struct source *s, uint64_t at, uint32_t *byte)
{
	if (at < s->window_at || at - s->window_at >= s->window_len) {
		uint64_t left;

		s->window_at = at / BNN_PAGE_SIZE * BNN_PAGE_SIZE;
		left = s->ref->extent - s->window_at;
		s->window_len = left < BNN_PAGE_SIZE ? (uint32_t)left : BNN_PAGE_SIZE;
		if (!mem_read(s->core, s->ref, s->window_at, s->window, s->window_len)) {
			s->window_len = 0;
			return false;
		}
	}
	*byte = s->window[at - s->window_at];
	return true;
}

/* n bits (at most 9) from bit `bit` behind the byte `base`. */
static bool window_bits(struct source *s, uint64_t base, uint64_t bit, uint32_t n, uint32_t *out)
{
	uint32_t lo, hi = 0, shift = bit % 8;

	if (!window_byte(s, base + bit / 8, &lo))
		return false;
	if (shift + n > 8 && !window_byte(s, base + bit / 8 + 1, &hi))
		return false;
	*out = (lo | hi << 8) >> shift & ((1u << n) - 1);
	return true;
}

static bool source_open(struct source *s, struct bnn_core *core)
{
	const struct command *cmd = &core->job.cmd;

	s->core = core;
	s->cmd = cmd;
	s->ref = &cmd->ref[REF_WEIGHT];
	s->mode = field(cmd, BNN_F_CONV_WMODE);
	s->bits = wformats[field(cmd, BNN_F_CONV_WFORMAT)].bits;
	s->tau = field(cmd, BNN_F_CONV_TAU);
	s->taps = cmd->kh * cmd->kw;
	s->cg = cmd->k / s->taps;
	s->window_at = 0;
	s->window_len = 0;
	if (s->mode == WMODE_TILED_FLAT)
		s->flat = (uint64_t)cmd->cout * cmd->k / field(cmd, BNN_F_CONV_TILE_P);
	s->row = scratch_get(core, SCRATCH_WINDOW,
			     s->mode == WMODE_CODEBOOK ? (uint64_t)CODEBOOK_ENTRY << s->tau
						       : cmd->row_bytes);
	if (!s->row)
		return false;
	return s->mode != WMODE_CODEBOOK ||
	       mem_read(core, s->ref, 0, s->row, (uint64_t)CODEBOOK_ENTRY << s->tau);
}

static bool dense_codes(struct source *s, uint32_t r, uint8_t *codes)
{
	uint32_t tap_bytes = (s->cg * s->bits + 15) / 16 * 2;

	if (!mem_read(s->core, s->ref, (uint64_t)r * s->cmd->row_bytes, s->row, s->cmd->row_bytes))
		return false;
	for (uint32_t t = 0; t < s->taps; t++)
		for (uint32_t c = 0; c < s->cg; c++) {
			uint32_t bit = c * s->bits;

			*codes++ =
				s->row[t * tap_bytes + bit / 8] >> bit % 8 & ((1u << s->bits) - 1);
		}
	return true;
}

static bool flat_codes(struct source *s, uint32_t r, uint8_t *codes)
{
	uint64_t number = (uint64_t)r * s->cmd->k % s->flat;

	for (uint32_t j = 0; j < s->cmd->k; j++) {
		uint32_t code;

		if (!window_bits(s, 0, number * s->bits, s->bits, &code))
			return false;
		*codes++ = (uint8_t)code;
		if (++number == s->flat)
			number = 0;
	}
	return true;
}

static bool codebook_codes(struct source *s, uint32_t r, uint8_t *codes)
{
	uint64_t indices = codebook_indices(s->tau);

	for (uint32_t c = 0; c < s->cg; c++) {
		uint64_t number = (uint64_t)r * s->cg + c, entry;
		uint32_t index;

		if (!window_bits(s, indices, number * s->tau, s->tau, &index))
			return false;
		entry = get64(s->row + index * CODEBOOK_ENTRY);
		for (uint32_t t = 0; t < s->taps; t++)
			codes[t * s->cg + c] = entry >> t & 1;
	}
	return true;
}

static bool row_codes(struct source *s, uint32_t r, uint8_t *codes)
{
	switch (s->mode) {
	case WMODE_TILED_FLAT:
		return flat_codes(s, r, codes);
	case WMODE_CODEBOOK:
		return codebook_codes(s, r, codes);
	default:
		return dense_codes(s, r, codes);
	}
}

static void pack_bits(const struct source *s, const uint8_t *codes, uint8_t *row)
{
	uint32_t tap_bytes = (s->cg + 15) / 16 * 2;

	memset(row, 0, s->cmd->row_bytes);
	for (uint32_t t = 0; t < s->taps; t++)
		for (uint32_t c = 0; c < s->cg; c++)
			row[t * tap_bytes + c / 8] |= (uint8_t)(*codes++ << c % 8);
}

bool weights_load(struct bnn_core *core, uint32_t first, uint32_t n, bool bits, uint8_t *out)
{
	const struct command *cmd = &core->job.cmd;
	const struct format *f = &wformats[field(cmd, BNN_F_CONV_WFORMAT)];
	struct source s;
	uint8_t codes[INT16_MAX];
	int16_t value[256];

	if (!source_open(&s, core))
		return false;
	if (bits && (s.mode == WMODE_DENSE || s.mode == WMODE_TILED))
		return mem_read(core, s.ref, (uint64_t)first * cmd->row_bytes, out,
				(uint64_t)n * cmd->row_bytes);
	for (uint32_t code = 0; code < 256; code++)
		value[code] = (int16_t)code_value(f, code & ((1u << f->bits) - 1));
	charge_ops(core, (uint64_t)n * cmd->k / 8);
	for (uint32_t r = 0; r < n; r++) {
		if (!row_codes(&s, first + r, codes))
			return false;
		if (bits) {
			pack_bits(&s, codes, out + (size_t)r * cmd->row_bytes);
			continue;
		}
		for (uint32_t i = 0; i < cmd->k; i++)
			((int16_t *)out)[(size_t)r * cmd->k + i] = value[codes[i]];
	}
	return true;
}
