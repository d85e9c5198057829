// SPDX-License-Identifier: MIT
/* Stored weights to plain integers: docs/arithmetic.md, section 3. */
#include "cpu.h"

#define GET(field) bnn_field_get(words, BNN_F_CONV_##field)

static uint32_t bits_at(const uint8_t *data, uint64_t bit, uint32_t n)
{
	uint32_t value = 0, i;

	for (i = 0; i < n; i++, bit++)
		value |= (uint32_t)(data[bit >> 3] >> (bit & 7) & 1) << i;
	return value;
}

static int16_t value_of(uint32_t wformat, uint32_t n, uint32_t code)
{
	switch (wformat) {
	case BNN_WFORMAT_T:
		return (int16_t)(!(code & 1) ? 0 : code & 2 ? -1 : 1);
	case BNN_WFORMAT_S4:
	case BNN_WFORMAT_S8:
		return (int16_t)((int)(code ^ 1u << (n - 1)) - (1 << (n - 1)));
	default:
		return (int16_t)(2 * (int)code - ((1 << n) - 1));
	}
}

uint32_t bnn_cpu_weight_rows(const uint32_t *words)
{
	return (uint32_t)bnn_weight_rows(words);
}

/* Position of the code of weight (row, tap, channel) in bits; not for CODEBOOK. */
static uint64_t position(const uint32_t *words, uint32_t row, uint32_t tap, uint32_t channel)
{
	uint32_t n = bnn_wformat_bits(GET(WFORMAT)), cg = GET(CIN) / GET(GROUPS);
	uint64_t k = (uint64_t)GET(KH) * GET(KW) * cg;

	if (GET(WMODE) == BNN_WMODE_TILED_FLAT)
		return (row * k + (uint64_t)tap * cg + channel) % (GET(COUT) * k / GET(TILE_P)) * n;
	return row * bnn_weight_row_bytes(words) * 8 + tap * bnn_weight_tap_bits(words) +
	       (uint64_t)channel * n;
}

void bnn_cpu_weight_row(const uint32_t *words, const uint8_t *data, uint32_t row, int16_t *out)
{
	uint32_t taps = GET(KH) * GET(KW), cg = GET(CIN) / GET(GROUPS);
	uint32_t wformat = GET(WFORMAT), n = bnn_wformat_bits(wformat), mode = GET(WMODE);
	const uint8_t *indices = data + bnn_weight_codebook_indices(words);
	uint32_t tau = GET(TAU), tap, channel, entry, code;
	uint64_t bit = 0;

	for (tap = 0; tap < taps; tap++) {
		for (channel = 0; channel < cg; channel++) {
			if (mode == BNN_WMODE_CODEBOOK) {
				entry = bits_at(indices, ((uint64_t)row * cg + channel) * tau, tau);
				code = bits_at(data + 8 * entry, tap, 1);
			} else {
				if (!channel || mode == BNN_WMODE_TILED_FLAT)
					bit = position(words, row, tap, channel);
				code = bits_at(data, bit, n);
				bit += n;
			}
			*out++ = value_of(wformat, n, code);
		}
	}
}
