// SPDX-License-Identifier: MIT
/* The commands that no device knows: docs/arithmetic.md, section 12. */
#include <stdlib.h>

#include "cpu.h"

/* Fraction bits of a normalised value. */
#define NORM_BITS 12

struct host {
	const uint32_t *words;
	uint8_t *const *slots;
	uint64_t *saturated;
	struct bnn_cpu_tensor in, out;
	int32_t *values, *codes; /* of a pixel of IN and OUT */
	int64_t *sums;		 /* [channels] */
};

static int16_t int16_at(const uint8_t *p)
{
	return (int16_t)bnn_le16_at(p);
}

/* floor(sqrt(x)) */
static uint64_t square_root(uint64_t x)
{
	uint64_t root = 0, bit = 1ull << 62;

	while (bit > x)
		bit >>= 2;
	for (; bit; bit >>= 2) {
		if (x >= root + bit) {
			x -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return root;
}

/* floor((2n + d) / 2d) for d > 0: the quotient rounded, ties up. */
static int64_t divide(int64_t n, int64_t d)
{
	int64_t twice = 2 * n + d;

	return twice / (2 * d) - (twice % (2 * d) < 0);
}

static void normalise_pixel(struct host *h)
{
	uint32_t channels = h->in.c, s = bnn_field_get(h->words, BNN_F_NORMALISE_S);
	uint32_t sb = bnn_field_get(h->words, BNN_F_NORMALISE_SB), g = 0;
	uint64_t spread = (uint64_t)bnn_field_get(h->words, BNN_F_NORMALISE_EPS_HI) << 32 |
			  bnn_field_get(h->words, BNN_F_NORMALISE_EPS_LO);
	int64_t sum = 0, squares = 0, root;

	for (uint32_t c = 0; c < channels; c++) {
		sum += h->values[c];
		squares += (int64_t)h->values[c] * h->values[c];
	}
	spread += (uint64_t)(channels * squares - sum * sum);
	while (spread && spread << 2 * (g + 1) < 1ull << 62)
		g++;
	root = (int64_t)square_root(spread << 2 * g);
	for (uint32_t c = 0; c < channels; c++) {
		const uint8_t *record = h->slots[BNN_SLOT_PARAM] + (size_t)c * BNN_SIZEOF_NORM;
		int64_t offset = (int32_t)bnn_le32_at(record + BNN_NORM_OFFSET);
		int64_t d = (int64_t)channels * h->values[c] - sum, n = 0;

		if (root)
			n = divide(d * (1ll << (g + NORM_BITS)), root);
		h->codes[c] = (int32_t)bnn_sat(
			bnn_rnd(int16_at(record + BNN_NORM_GAIN) * n + offset * (1ll << sb), s), 16,
			h->saturated);
	}
}

/* The line between two entries of a table, at x from its first one. */
static int64_t interpolate(const uint8_t *table, uint32_t x, uint32_t shift, bool is_signed)
{
	const uint8_t *at = table + 2 * (size_t)(x >> shift);
	int64_t r = x & ((1u << shift) - 1), a = bnn_le16_at(at), b = bnn_le16_at(at + 2);

	if (is_signed) {
		a = int16_at(at);
		b = int16_at(at + 2);
	}
	return bnn_rnd(a * ((1 << shift) - r) + b * r, shift);
}

static void table_pixel(struct host *h)
{
	uint32_t shift = bnn_field_get(h->words, BNN_F_TABLE_SHIFT);

	for (uint32_t c = 0; c < h->in.c; c++)
		h->codes[c] = (int32_t)interpolate(h->slots[BNN_SLOT_WEIGHT],
						   (uint32_t)(h->values[c] + 32768), shift, true);
}

static void softmax_pixel(struct host *h)
{
	uint32_t shift = bnn_field_get(h->words, BNN_F_SOFTMAX_SHIFT);
	int32_t max = INT32_MIN;
	int64_t total = 0;

	for (uint32_t c = 0; c < h->in.c; c++)
		max = h->values[c] > max ? h->values[c] : max;
	for (uint32_t c = 0; c < h->in.c; c++) {
		h->sums[c] = interpolate(h->slots[BNN_SLOT_WEIGHT], (uint32_t)(max - h->values[c]),
					 shift, false);
		total += h->sums[c];
	}
	for (uint32_t c = 0; c < h->in.c; c++)
		h->codes[c] = (int32_t)bnn_sat(total ? divide(h->sums[c] * 32768, total) : 0, 16,
					       h->saturated);
}

/* One node of the result: what its edges bring. */
static void aggregate_node(struct host *h, uint32_t node)
{
	const uint8_t *graph = h->slots[BNN_SLOT_WEIGHT], *weights = NULL;
	uint32_t mode = bnn_field_get(h->words, BNN_F_AGGREGATE_MODE);
	uint32_t s = bnn_field_get(h->words, BNN_F_AGGREGATE_S);
	uint32_t first = bnn_le32_at(graph + 4 * (size_t)node);
	uint32_t last = bnn_le32_at(graph + 4 * (size_t)node + 4);
	const uint8_t *columns = graph + 4 * ((size_t)h->out.h * h->out.w + 1);

	if (bnn_field_get(h->words, BNN_F_AGGREGATE_WEIGHTED))
		weights = graph + bnn_graph_bytes(h->words);
	for (uint32_t c = 0; c < h->in.c; c++)
		h->sums[c] = mode == BNN_AGGREGATE_MAX && first < last ? INT64_MIN : 0;
	for (uint32_t e = first; e < last; e++) {
		uint32_t from = bnn_le32_at(columns + 4 * (size_t)e);
		int64_t w = weights ? int16_at(weights + 2 * (size_t)e) : 1;

		bnn_cpu_load(&h->in, from / h->in.w, from % h->in.w, h->values);
		for (uint32_t c = 0; c < h->in.c; c++) {
			if (mode != BNN_AGGREGATE_MAX)
				h->sums[c] += w * h->values[c];
			else if (h->values[c] > h->sums[c])
				h->sums[c] = h->values[c];
		}
	}
	for (uint32_t c = 0; c < h->in.c; c++) {
		int64_t v = h->sums[c];

		if (mode == BNN_AGGREGATE_MEAN && first < last)
			v = divide(v, last - first);
		h->codes[c] = (int32_t)bnn_sat(bnn_rnd(v, s), 16, h->saturated);
	}
}

static void run_pixel(struct host *h, uint32_t y, uint32_t x)
{
	if ((h->words[0] & 0xff) != BNN_CMD_AGGREGATE)
		bnn_cpu_load(&h->in, y, x, h->values);
	switch (h->words[0] & 0xff) {
	case BNN_CMD_NORMALISE:
		normalise_pixel(h);
		break;
	case BNN_CMD_TABLE:
		table_pixel(h);
		break;
	case BNN_CMD_SOFTMAX:
		softmax_pixel(h);
		break;
	case BNN_CMD_AGGREGATE:
		aggregate_node(h, y * h->out.w + x);
		break;
	}
	bnn_cpu_store(&h->out, y, x, h->codes);
}

int bnn_cpu_host(const uint32_t *words, uint8_t *const *slots, uint64_t *counters)
{
	struct host h = { .words = words,
			  .slots = slots,
			  .saturated = &counters[BNN_COUNTER_SATURATED] };
	struct bnn_slot_info info;
	int rc = -1;

	bnn_slot_describe(words, BNN_SLOT_IN, &info);
	bnn_cpu_tensor(&h.in, &info, slots[BNN_SLOT_IN]);
	bnn_slot_describe(words, BNN_SLOT_OUTP, &info);
	bnn_cpu_tensor(&h.out, &info, slots[BNN_SLOT_OUTP]);
	h.values = calloc(h.in.c, sizeof(*h.values));
	h.codes = calloc(h.in.c, sizeof(*h.codes));
	h.sums = calloc(h.in.c, sizeof(*h.sums));
	if (h.values && h.codes && h.sums) {
		for (uint32_t y = 0; y < h.out.h; y++) {
			for (uint32_t x = 0; x < h.out.w; x++)
				run_pixel(&h, y, x);
		}
		rc = 0;
	}
	free(h.values);
	free(h.codes);
	free(h.sums);
	return rc;
}
