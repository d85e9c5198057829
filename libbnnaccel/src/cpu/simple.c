// SPDX-License-Identifier: MIT
/* The commands without weights: docs/arithmetic.md, section 6. */
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

static void slot_tensor(struct bnn_cpu_tensor *tensor, const uint32_t *words, enum bnn_slot slot,
			uint8_t *const *slots)
{
	struct bnn_slot_info info;

	bnn_slot_describe(words, slot, &info);
	bnn_cpu_tensor(tensor, &info, slots[slot]);
}

static int32_t enc_code(uint32_t mode, uint32_t t, uint32_t b)
{
	switch (mode) {
	case BNN_ENC_THERMO:
		return b < t;
	case BNN_ENC_BITS:
		return (int32_t)(t >> b & 1);
	default:
		return (int32_t)t;
	}
}

int bnn_cpu_enc(const uint32_t *words, uint8_t *const *slots)
{
#define GET(field) bnn_field_get(words, BNN_F_ENC_##field)
	uint32_t h = GET(H), w = GET(W), colours = GET(COLOURS), mode = GET(MODE);
	uint32_t levels = mode == BNN_ENC_THERMO ? GET(LEVELS) : mode == BNN_ENC_BITS ? 8 : 1;
	bool planar = GET(PLANAR), shared = GET(SHARED);
#undef GET
	const uint8_t *in = slots[BNN_SLOT_IN], *tables = slots[BNN_SLOT_WEIGHT];
	struct bnn_cpu_tensor out;
	uint32_t y, x, k, b, t;
	int32_t *codes;

	slot_tensor(&out, words, BNN_SLOT_OUTP, slots);
	codes = calloc(out.c, sizeof(*codes));
	if (!codes)
		return -1;
	for (y = 0; y < h; y++) {
		for (x = 0; x < w; x++) {
			for (k = 0; k < colours; k++) {
				t = in[planar ? ((size_t)k * h + y) * w + x
					      : ((size_t)y * w + x) * colours + k];
				t = tables[(shared ? 0 : 256 * k) + t];
				for (b = 0; b < levels; b++)
					codes[k * levels + b] = enc_code(mode, t, b);
			}
			bnn_cpu_store(&out, y, x, codes);
		}
	}
	free(codes);
	return 0;
}

/* Merges the channels of one input pixel into the results of a window. */
static void pool_pixel(uint32_t mode, uint32_t channels, uint32_t group, const int32_t *values,
		       bool first, int64_t *result)
{
	uint32_t c, i;

	for (c = 0; c < channels; c++) {
		for (i = 0; i < group; i++, values++) {
			if (mode == BNN_POOL_AVG)
				result[c] = (first && !i ? 0 : result[c]) + *values;
			else if ((first && !i) ||
				 (mode == BNN_POOL_MAX ? *values > result[c] : *values < result[c]))
				result[c] = *values;
		}
	}
}

/* floor(n / d) for positive d. */
static int64_t floor_div(int64_t n, int64_t d)
{
	return n / d - (n % d < 0);
}

int bnn_cpu_pool(const uint32_t *words, uint8_t *const *slots, uint64_t *counters)
{
#define GET(field) bnn_field_get(words, BNN_F_POOL_##field)
	uint32_t mode = GET(MODE), group = GET(GROUP), kh = GET(KH), kw = GET(KW);
	uint32_t sh = GET(SH), sw = GET(SW), pt = GET(PAD_T), pl = GET(PAD_L);
	int64_t div = GET(DIV);
#undef GET
	uint64_t *saturated = &counters[BNN_COUNTER_SATURATED];
	struct bnn_cpu_tensor in, out;
	uint32_t oy, ox, ky, kx, y, x, c;
	int32_t *values, *codes;
	int64_t *result;
	int rc = -1;

	slot_tensor(&in, words, BNN_SLOT_IN, slots);
	slot_tensor(&out, words, BNN_SLOT_OUTP, slots);
	values = calloc(in.c, sizeof(*values));
	codes = calloc(out.c, sizeof(*codes));
	result = calloc(out.c, sizeof(*result));
	if (!values || !codes || !result)
		goto out;
	for (oy = 0; oy < out.h; oy++) {
		for (ox = 0; ox < out.w; ox++) {
			bool first = true;

			for (ky = 0; ky < kh; ky++) {
				for (kx = 0; kx < kw; kx++) {
					y = oy * sh + ky - pt; /* wraps above the input */
					x = ox * sw + kx - pl;
					if (y >= in.h || x >= in.w)
						continue;
					bnn_cpu_load(&in, y, x, values);
					pool_pixel(mode, out.c, group, values, first, result);
					first = false;
				}
			}
			for (c = 0; c < out.c; c++) {
				int64_t v = result[c];

				if (mode == BNN_POOL_AVG)
					v = floor_div(2 * v + div, 2 * div);
				if (mode == BNN_POOL_AVG && out.kind == BNN_KIND_UNSIGNED)
					v = bnn_usat(v, out.width, saturated);
				else if (mode == BNN_POOL_AVG)
					v = bnn_sat(v, out.width, saturated);
				/* The only odd format here is B1. */
				codes[c] = (int32_t)(out.kind == BNN_KIND_ODD ? v > 0 : v);
			}
			bnn_cpu_store(&out, oy, ox, codes);
		}
	}
	rc = 0;
out:
	free(values);
	free(codes);
	free(result);
	return rc;
}

void bnn_cpu_gatefold(const uint32_t *words, uint8_t *const *slots, uint64_t *counters)
{
	uint32_t channels = bnn_field_get(words, BNN_F_GATEFOLD_C), c, h;
	uint64_t *saturated = &counters[BNN_COUNTER_SATURATED];
	const uint8_t *gates = slots[BNN_SLOT_IN], *in = slots[BNN_SLOT_PARAM];
	uint8_t *out = slots[BNN_SLOT_OUTP];

	for (c = 0; c < channels; c++, in += BNN_SIZEOF_PARAM, out += BNN_SIZEOF_PARAM) {
		int64_t g = bnn_le16_at(gates + 2 * c);
		int64_t bbn = (int32_t)bnn_le32_at(in + BNN_PARAM_BBN);

		memcpy(out, in, BNN_SIZEOF_PARAM);
		for (h = 0; h < 2; h++) {
			int64_t a = (int16_t)bnn_le16_at(in + BNN_PARAM_A2 + 2 * h);
			int64_t b = (int32_t)bnn_le32_at(in + BNN_PARAM_B2 + 4 * h);

			a = bnn_sat(bnn_rnd(a * g, 15), 16, saturated);
			b = bnn_sat(bnn_rnd(b * g, 15) + bbn, 32, saturated);
			bnn_le16_put(out + BNN_PARAM_A2 + 2 * h, (uint32_t)a);
			bnn_le32_put(out + BNN_PARAM_B2 + 4 * h, (uint32_t)b);
		}
	}
}

void bnn_cpu_transpose(const uint32_t *words, uint8_t *const *slots)
{
	struct bnn_cpu_tensor in, out;
	uint32_t y, x, c, bytes;

	slot_tensor(&in, words, BNN_SLOT_IN, slots);
	slot_tensor(&out, words, BNN_SLOT_OUTP, slots);
	bytes = in.width / 8;
	for (c = 0; c < in.c; c++) {
		uint8_t *to = out.data + (size_t)c * out.pixel;

		memset(to, 0, out.pixel);
		for (y = 0; y < in.h; y++) {
			for (x = 0; x < in.w; x++, to += bytes)
				memcpy(to,
				       in.data + y * in.pitch + (size_t)x * in.pixel + c * bytes,
				       bytes);
		}
	}
}
