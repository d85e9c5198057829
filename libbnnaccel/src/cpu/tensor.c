// SPDX-License-Identifier: MIT
/* Pixels of tensors: codes in memory, values outside (docs/arithmetic.md, section 2). */
#include <string.h>

#include "cpu.h"

void bnn_cpu_tensor(struct bnn_cpu_tensor *tensor, const struct bnn_slot_info *info, uint8_t *data)
{
	*tensor = (struct bnn_cpu_tensor){
		.data = data,
		.kind = bnn_format_kind(info->format),
		.planar = bnn_format_is_planes(info->format),
		.width = bnn_format_width(info->format),
		.h = info->h,
		.w = info->w,
		.c = info->c,
		.pixel = (uint32_t)bnn_tensor_pixel(info->format, info->c),
		.pitch = bnn_tensor_pitch(info->format, info->w, info->c),
		.plane = bnn_tensor_plane(info->format, info->h, info->w, info->c),
	};
}

static uint8_t *pixel_at(const struct bnn_cpu_tensor *t, uint32_t y, uint32_t x)
{
	return t->data + y * t->pitch + (uint64_t)x * t->pixel;
}

void bnn_cpu_load_codes(const struct bnn_cpu_tensor *t, uint32_t y, uint32_t x, int32_t *codes)
{
	const uint8_t *p = pixel_at(t, y, x);
	uint32_t c, i;

	if (t->planar) {
		for (c = 0; c < t->c; c++)
			codes[c] = p[c >> 3] >> (c & 7) & 1;
		for (i = 1; i < t->width; i++) {
			p += t->plane;
			for (c = 0; c < t->c; c++)
				codes[c] |= (p[c >> 3] >> (c & 7) & 1) << i;
		}
		return;
	}
	switch (t->width) {
	case 4:
		for (c = 0; c < t->c; c++)
			codes[c] = p[c >> 1] >> 4 * (c & 1) & 15;
		break;
	case 8:
		for (c = 0; c < t->c; c++)
			codes[c] = p[c];
		break;
	case 16:
		for (c = 0; c < t->c; c++)
			codes[c] = bnn_le16_at(p + 2 * c);
		break;
	default:
		for (c = 0; c < t->c; c++)
			codes[c] = (int32_t)bnn_le32_at(p + 4 * c);
	}
}

void bnn_cpu_load(const struct bnn_cpu_tensor *t, uint32_t y, uint32_t x, int32_t *values)
{
	int32_t top = (int32_t)(1u << (t->width - 1));
	uint32_t c;

	bnn_cpu_load_codes(t, y, x, values);
	switch (t->kind) {
	case BNN_KIND_UNSIGNED:
		break;
	case BNN_KIND_ODD:
		for (c = 0; c < t->c; c++)
			values[c] = 2 * values[c] - (2 * top - 1);
		break;
	case BNN_KIND_SIGNED:
		for (c = 0; t->width < 32 && c < t->c; c++)
			values[c] = (values[c] ^ top) - top;
		break;
	}
}

/* Bit i of every code, from bit 0 of the first byte on. */
static void store_plane(uint8_t *p, uint32_t bytes, const int32_t *codes, uint32_t count,
			unsigned int i)
{
	uint32_t c, b, end, byte;

	for (b = 0; b < bytes; b++) {
		c = 8 * b;
		end = c + 8 < count ? c + 8 : count;
		for (byte = 0; c < end; c++)
			byte |= ((uint32_t)codes[c] >> i & 1) << (c & 7);
		p[b] = (uint8_t)byte;
	}
}

void bnn_cpu_store(const struct bnn_cpu_tensor *t, uint32_t y, uint32_t x, const int32_t *codes)
{
	uint8_t *p = pixel_at(t, y, x);
	uint32_t c, i;

	if (t->planar) {
		for (i = 0; i < t->width; i++)
			store_plane(p + i * t->plane, t->pixel, codes, t->c, i);
		return;
	}
	switch (t->width) {
	case 4:
		memset(p, 0, t->pixel);
		for (c = 0; c < t->c; c++)
			p[c >> 1] |= (uint8_t)((codes[c] & 15) << 4 * (c & 1));
		break;
	case 8:
		for (c = 0; c < t->c; c++)
			p[c] = (uint8_t)codes[c];
		if (t->c & 1)
			p[c] = 0;
		break;
	case 16:
		for (c = 0; c < t->c; c++)
			bnn_le16_put(p + 2 * c, (uint32_t)codes[c]);
		break;
	default:
		for (c = 0; c < t->c; c++)
			bnn_le32_put(p + 4 * c, (uint32_t)codes[c]);
	}
}
