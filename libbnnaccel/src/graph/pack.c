// SPDX-License-Identifier: MIT
#include "pack.h"

#include <stdlib.h>

static unsigned int code_of(unsigned int wformat, int w)
{
	int max = (1 << bnn_wformat_bits(wformat)) - 1;

	switch (wformat) {
	case BNN_WFORMAT_T: /* bit 0: not zero, bit 1: negative */
		return (w != 0) | (w < 0) << 1;
	case BNN_WFORMAT_S4:
	case BNN_WFORMAT_S8:
		return w & max;
	default: /* odd */
		return (unsigned int)(w + max) / 2;
	}
}

/* Codes of 1, 2, 4 or 8 bits never cross a byte. */
static void put(uint8_t *data, uint64_t bit, unsigned int code)
{
	data[bit / 8] |= (uint8_t)(code << (bit % 8));
}

/* Entries of 8 bytes, then the indices. */
static uint8_t *pack_codebook(const struct bnn_op *op, uint32_t *words, uint64_t *bytes)
{
	const struct bnn_conv_op *c = &op->conv;
	uint64_t kernels = (uint64_t)op->c * (c->k / (c->kh * c->kw)), at;
	uint8_t *data;

	bnn_field_set(words, BNN_F_CONV_WMODE, BNN_WMODE_CODEBOOK);
	bnn_field_set(words, BNN_F_CONV_TAU, c->tau);
	at = bnn_weight_codebook_indices(words);
	*bytes = bnn_weight_bytes(words);
	data = calloc(1, *bytes);
	if (!data)
		return NULL;
	for (uint32_t i = 0; i < 1u << c->tau; i++) {
		for (uint32_t t = 0; t < c->kh * c->kw; t++)
			put(data, 64ull * i + t, c->codebook[i] >> t & 1);
	}
	for (uint64_t i = 0; i < kernels * c->tau; i++)
		put(data, 8 * at + i, c->index[i / c->tau] >> (i % c->tau) & 1);
	return data;
}

uint8_t *bnn_weights_pack(const struct bnn_op *op, uint32_t *words, uint64_t *bytes)
{
	const struct bnn_conv_op *c = &op->conv;
	unsigned int n = bnn_wformat_bits(c->wformat);
	uint64_t total = (uint64_t)op->c * c->k;
	uint32_t taps = c->kh * c->kw, channels = c->k / taps;
	uint64_t tap = ((uint64_t)channels * n + 15) / 16 * 16;
	uint64_t row = (tap * taps + 127) / 128 * 128;
	bool tiled = c->tile > 1;
	/* whole rows repeat: their products are computed once */
	bool rows = tiled && op->c % c->tile == 0 && c->groups == 1;
	uint32_t stored = rows ? op->c / c->tile : op->c;
	uint8_t *data;

	bnn_field_set(words, BNN_F_CONV_GROUPS, c->groups);
	bnn_field_set(words, BNN_F_CONV_WFORMAT, c->wformat);
	if (c->codebook)
		return pack_codebook(op, words, bytes);
	bnn_field_set(words, BNN_F_CONV_WMODE,
		      rows    ? BNN_WMODE_TILED
		      : tiled ? BNN_WMODE_TILED_FLAT
			      : BNN_WMODE_DENSE);
	bnn_field_set(words, BNN_F_CONV_TILE_P, tiled ? c->tile : 0);
	*bytes = tiled && !rows ? (total / c->tile * n + 7) / 8 : stored * row / 8;
	data = calloc(1, *bytes);
	if (!data)
		return NULL;
	if (tiled && !rows) {
		for (uint64_t i = 0; i < total / c->tile; i++)
			put(data, i * n, code_of(c->wformat, c->w[i]));
		return data;
	}
	for (uint32_t o = 0; o < stored; o++) {
		for (uint32_t j = 0; j < c->k; j++)
			put(data, o * row + j / channels * tap + (uint64_t)(j % channels) * n,
			    code_of(c->wformat, c->w[(size_t)o * c->k + j]));
	}
	return data;
}

uint32_t bnn_weights_norm(const struct bnn_op *op)
{
	uint32_t norm = 0;

	for (uint32_t o = 0; o < op->c; o++) {
		uint32_t sum = 0;

		for (uint32_t j = 0; j < op->conv.k; j++)
			sum += (uint32_t)abs(op->conv.w[(size_t)o * op->conv.k + j]);
		norm = sum > norm ? sum : norm;
	}
	return norm;
}
