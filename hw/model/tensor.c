/* SPDX-License-Identifier: MIT */
/* Tensors in memory to values, and codes to tensors in memory, a run of pixels at a time. */
#include <string.h>

#include "core.h"

static uint64_t pixel_offset(const struct ref *t, uint32_t plane, uint32_t y, uint32_t x)
{
	return plane * t->plane + y * t->row + (uint64_t)x * t->pixel;
}

/*
 * The pixels without the gaps between them. A gap shorter than a page may be
 * read over, because then every page touched holds bytes of a pixel too.
 */
bool tensor_raw(struct bnn_core *core, const struct ref *t, uint32_t plane, uint32_t y, uint32_t x,
		uint32_t n, uint8_t *raw)
{
	uint64_t off = pixel_offset(t, plane, y, x);
	uint64_t span = (uint64_t)(n - 1) * t->pixel + t->natural;
	uint8_t *spread;

	if (t->pixel == t->natural)
		return mem_read(core, t, off, raw, span);
	if (t->pixel - t->natural >= BNN_PAGE_SIZE) {
		for (uint32_t i = 0; i < n; i++)
			if (!mem_read(core, t, off + (uint64_t)i * t->pixel,
				      raw + (size_t)i * t->natural, t->natural))
				return false;
		return true;
	}
	spread = scratch_get(core, SCRATCH_SPAN, span);
	if (!spread || !mem_read(core, t, off, spread, span))
		return false;
	for (uint32_t i = 0; i < n; i++)
		memcpy(raw + (size_t)i * t->natural, spread + (size_t)i * t->pixel, t->natural);
	return true;
}

/* Element c of a pixel, n bits each; n divides 8 or is a multiple of 8. */
static uint32_t get_element(const uint8_t *pixel, uint32_t c, unsigned bits)
{
	switch (bits) {
	case 8:
		return pixel[c];
	case 16:
		return get16(pixel + 2 * c);
	case 32:
		return get32(pixel + 4 * c);
	default:
		return pixel[c * bits / 8] >> (c * bits % 8) & ((1u << bits) - 1);
	}
}

/* The bits there must be 0 still. */
static void put_element(uint8_t *pixel, uint32_t c, unsigned bits, uint32_t code)
{
	switch (bits) {
	case 8:
		pixel[c] = (uint8_t)code;
		break;
	case 16:
		put16(pixel + 2 * c, code);
		break;
	case 32:
		put32(pixel + 4 * c, code);
		break;
	default:
		pixel[c * bits / 8] |= (uint8_t)((code & ((1u << bits) - 1)) << (c * bits % 8));
	}
}

bool tensor_read(struct bnn_core *core, const struct ref *t, uint32_t y, uint32_t x, uint32_t n,
		 uint32_t channels, int32_t *out)
{
	const struct format *f = &formats[t->format];
	uint8_t *raw = scratch_get(core, SCRATCH_RAW, (uint64_t)n * t->natural);

	if (!raw)
		return false;
	for (uint32_t p = 0; p < f->planes; p++) {
		if (!tensor_raw(core, t, p, y, x, n, raw))
			return false;
		for (uint32_t i = 0; i < n; i++) {
			const uint8_t *pixel = raw + (size_t)i * t->natural;
			int32_t *o = out + (size_t)i * channels;

			for (uint32_t c = 0; c < channels; c++) {
				uint32_t code = get_element(pixel, c, f->bits) << p;

				o[c] = p ? (int32_t)((uint32_t)o[c] | code) : (int32_t)code;
			}
		}
	}
	for (size_t i = 0; i < (size_t)n * channels; i++)
		out[i] = code_value(f, (uint32_t)out[i]);
	return true;
}

bool tensor_write(struct bnn_core *core, const struct ref *t, uint32_t y, uint32_t x, uint32_t n,
		  const int32_t *codes)
{
	const struct format *f = &formats[t->format];
	size_t bytes = (size_t)n * t->natural;
	uint8_t *raw = scratch_get(core, SCRATCH_RAW, bytes);

	if (!raw)
		return false;
	for (uint32_t p = 0; p < f->planes; p++) {
		uint64_t off = pixel_offset(t, p, y, x);

		memset(raw, 0, bytes);
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t c = 0; c < t->c; c++)
				put_element(raw + (size_t)i * t->natural, c, f->bits,
					    (uint32_t)codes[(size_t)i * t->c + c] >> p);
		if (t->pixel == t->natural) {
			if (!mem_write(core, t, off, raw, bytes))
				return false;
			continue;
		}
		for (uint32_t i = 0; i < n; i++)
			if (!mem_write(core, t, off + (uint64_t)i * t->pixel,
				       raw + (size_t)i * t->natural, t->natural))
				return false;
	}
	return true;
}
