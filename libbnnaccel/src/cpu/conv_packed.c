// SPDX-License-Identifier: MIT
/*
 * Convolution on bit planes. A code with bits a_i has the value sum(A_i * a_i) + A0,
 * a weight sum(W_j * w_j) + W0. So over the taps that are present
 *
 *     sum(value * weight) = sum over i, j of A_i * W_j * count(a_i AND w_j)
 *                         + W0 * sum over i of A_i * count(a_i)
 *                         + A0 * (sum of the weights of these taps)
 *
 * Absent taps have no bits in a window, and contribute 0 or +-(sum of their weights).
 * A window holds the pixels under the kernel one after the other, exactly as a
 * weight row holds its taps: each padded to 16 bits.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

struct bnn_cpu_packed {
	const uint32_t *words;
	struct bnn_cpu_windows n;
	bnn_cpu_match_fn match;
	bool frac;

	/* Activations: planes of the padded input, one image per group and plane. */
	uint32_t planes;
	int32_t a[16], a0;
	uint32_t pixel; /* bytes */
	size_t image;	/* bytes of an image */
	uint8_t *images;
	int32_t *codes;	  /* of one pixel */
	uint64_t *window; /* [plane][row_words] */

	/* Weights: [plane][row][row_words]. */
	bool ternary;
	uint32_t wplanes, rows;
	int32_t w[8], w0;
	size_t row_words;
	uint64_t *weights;
	int32_t *tap_sums; /* [row][tap]: sum of the weights of a tap */
	int16_t *row;	   /* scratch: one row as integers */

	/* Of the current pixel. */
	uint32_t present_y, present_x;
	int32_t *base; /* [row]: what depends only on which taps are present */
	int32_t *acc;
	uint32_t *counts; /* [row] */
};

/* Value of a code as a sum over its bits. */
static int32_t code_parts(enum bnn_kind kind, uint32_t n, int32_t *parts)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		parts[i] = kind == BNN_KIND_ODD ? 2 << i : 1 << i;
	if (kind == BNN_KIND_SIGNED)
		parts[n - 1] = -parts[n - 1];
	return kind == BNN_KIND_ODD ? -((1 << n) - 1) : 0;
}

static void weight_parts(struct bnn_cpu_packed *p, uint32_t wformat)
{
	p->wplanes = bnn_wformat_bits(wformat);
	p->ternary = wformat == BNN_WFORMAT_T;
	if (p->ternary) {
		p->w[0] = 1;  /* not zero */
		p->w[1] = -2; /* negative (and not zero) */
		p->w0 = 0;
		return;
	}
	p->w0 = code_parts(wformat == BNN_WFORMAT_S4 || wformat == BNN_WFORMAT_S8 ? BNN_KIND_SIGNED
										  : BNN_KIND_ODD,
			   p->wplanes, p->w);
}

struct bnn_cpu_packed *bnn_cpu_packed_new(const uint32_t *words, enum bnn_cpu_isa most)
{
	struct bnn_cpu_packed *p = calloc(1, sizeof(*p));
	uint32_t format = bnn_field_get(words, BNN_F_CONV_IN_FORMAT);

	if (!p)
		return NULL;
	p->words = words;
	bnn_cpu_windows(&p->n, words);
	p->match = bnn_cpu_match(most);
	p->frac = bnn_field_get(words, BNN_F_CONV_FRAC);
	p->planes = bnn_format_width(format);
	p->a0 = code_parts(bnn_format_kind(format), p->planes, p->a);
	weight_parts(p, bnn_field_get(words, BNN_F_CONV_WFORMAT));
	if (p->frac) {
		/* Both planes are used as B1: +-1. */
		p->a[0] = p->a[1] = 2;
		p->a0 = -1;
	}
	p->pixel = 2 * ((p->n.cg + 15) / 16);
	p->image = (size_t)p->n.ph * p->n.pw * p->pixel;
	p->rows = bnn_cpu_weight_rows(words);
	p->row_words = ((size_t)p->n.taps * p->pixel + 7) / 8;
	p->images = calloc((size_t)p->n.groups * p->planes, p->image);
	p->codes = calloc(p->n.cin, sizeof(*p->codes));
	p->window = calloc(p->planes * p->row_words, sizeof(*p->window));
	p->weights = calloc((size_t)p->wplanes * p->rows * p->row_words, sizeof(*p->weights));
	p->tap_sums = calloc((size_t)p->rows * p->n.taps, sizeof(*p->tap_sums));
	p->row = calloc((size_t)p->n.taps * p->n.cg, sizeof(*p->row));
	p->base = calloc(p->rows, sizeof(*p->base));
	p->acc = calloc(p->n.cout, sizeof(*p->acc));
	p->counts = calloc(p->rows, sizeof(*p->counts));
	if (!p->images || !p->codes || !p->window || !p->weights || !p->tap_sums || !p->row ||
	    !p->base || !p->acc || !p->counts) {
		bnn_cpu_packed_free(p);
		return NULL;
	}
	return p;
}

void bnn_cpu_packed_free(struct bnn_cpu_packed *p)
{
	if (!p)
		return;
	free(p->images);
	free(p->codes);
	free(p->window);
	free(p->weights);
	free(p->tap_sums);
	free(p->row);
	free(p->base);
	free(p->acc);
	free(p->counts);
	free(p);
}

/* Bits of the planes of a weight. */
static uint32_t weight_bits(const struct bnn_cpu_packed *p, int32_t value)
{
	if (p->ternary)
		return (uint32_t)(value != 0) | (uint32_t)(value < 0) << 1;
	return (uint32_t)(p->w0 ? (value - p->w0) / 2 : value);
}

void bnn_cpu_packed_weights(struct bnn_cpu_packed *p, const uint8_t *data)
{
	size_t plane = p->rows * p->row_words, at;
	uint32_t row, tap, c, j, bits, bit;
	const int16_t *value;

	memset(p->weights, 0, p->wplanes * plane * sizeof(*p->weights));
	memset(p->tap_sums, 0, (size_t)p->rows * p->n.taps * sizeof(*p->tap_sums));
	for (row = 0; row < p->rows; row++) {
		bnn_cpu_weight_row(p->words, data, row, p->row);
		value = p->row;
		for (tap = 0; tap < p->n.taps; tap++) {
			for (c = 0; c < p->n.cg; c++, value++) {
				p->tap_sums[row * p->n.taps + tap] += *value;
				bits = weight_bits(p, *value);
				bit = tap * p->pixel * 8 + c;
				at = row * p->row_words * 8 + bit / 8;
				for (j = 0; j < p->wplanes; j++)
					((uint8_t *)(p->weights + j * plane))[at] |=
						(uint8_t)((bits >> j & 1) << (bit & 7));
			}
		}
	}
	p->present_y = p->present_x = UINT32_MAX;
}

static uint8_t *image_pixel(const struct bnn_cpu_packed *p, uint32_t group, uint32_t plane,
			    uint32_t y, uint32_t x)
{
	return p->images + ((size_t)group * p->planes + plane) * p->image +
	       ((size_t)y * p->n.pw + x) * p->pixel;
}

/* Without groups the pixels of a plane are already as a window wants them. */
static void copy_planes(struct bnn_cpu_packed *p, const struct bnn_cpu_tensor *in)
{
	uint32_t spare = p->pixel * 8 - p->n.cin, y, x, i, b;
	uint8_t *to;

	for (i = 0; i < p->planes; i++) {
		for (y = 0; y < p->n.h; y++) {
			to = image_pixel(p, 0, i, y + p->n.pt, p->n.pl);
			memcpy(to, in->data + i * in->plane + y * in->pitch,
			       (size_t)p->n.w * p->pixel);
			for (x = 0; spare && x < p->n.w; x++, to += p->pixel) {
				for (b = p->n.cin; b < p->pixel * 8; b = (b | 7) + 1)
					to[b >> 3] &= (uint8_t)((1u << (b & 7)) - 1);
			}
		}
	}
}

static void split_planes(struct bnn_cpu_packed *p, const struct bnn_cpu_tensor *in)
{
	uint32_t y, x, g, i, c;
	const int32_t *codes;
	uint8_t *to;

	for (y = 0; y < p->n.h; y++) {
		for (x = 0; x < p->n.w; x++) {
			bnn_cpu_load_codes(in, y, x, p->codes);
			for (g = 0; g < p->n.groups; g++) {
				codes = p->codes + g * p->n.cg;
				for (i = 0; i < p->planes; i++) {
					to = image_pixel(p, g, i, y + p->n.pt, x + p->n.pl);
					memset(to, 0, p->pixel);
					for (c = 0; c < p->n.cg; c++)
						to[c >> 3] |=
							(uint8_t)(((uint32_t)codes[c] >> i & 1)
								  << (c & 7));
				}
			}
		}
	}
}

static void gather(struct bnn_cpu_packed *p, uint32_t group, uint32_t y, uint32_t x)
{
	uint32_t i, ky, kx;

	for (i = 0; i < p->planes; i++) {
		uint8_t *to = (uint8_t *)(p->window + i * p->row_words);

		for (ky = 0; ky < p->n.kh; ky++) {
			const uint8_t *from =
				image_pixel(p, group, i, y * p->n.sh + ky * p->n.dh, x * p->n.sw);

			if (p->n.dw == 1) {
				memcpy(to, from, p->n.kw * p->pixel);
				to += p->n.kw * p->pixel;
				continue;
			}
			for (kx = 0; kx < p->n.kw; kx++, to += p->pixel)
				memcpy(to, from + kx * p->n.dw * p->pixel, p->pixel);
		}
	}
}

/* What the accumulators of all rows start from, given which taps are present. */
static void update_base(struct bnn_cpu_packed *p, uint32_t present_y, uint32_t present_x)
{
	int32_t absent = p->n.pad_mode == 0 ? 0 : p->n.pad_mode == 1 ? 1 : -1;
	uint32_t row, tap;

	if (present_y == p->present_y && present_x == p->present_x)
		return;
	p->present_y = present_y;
	p->present_x = present_x;
	for (row = 0; row < p->rows; row++) {
		const int32_t *sums = p->tap_sums + (size_t)row * p->n.taps;
		uint32_t base = 0;

		for (tap = 0; tap < p->n.taps; tap++) {
			bool present = (present_y >> tap / p->n.kw & 1) &&
				       (present_x >> tap % p->n.kw & 1);

			base += (uint32_t)(present ? p->a0 : absent) * (uint32_t)sums[tap];
		}
		p->base[row] = (int32_t)base;
	}
}

static uint32_t count_ones(const struct bnn_cpu_packed *p, uint32_t plane)
{
	const uint64_t *window = p->window + plane * p->row_words;
	uint32_t count;

	p->match(window, window, 1, p->row_words, &count);
	return count;
}

/*
 * Adds one plane of activations to acc, for `rows` rows from `first` on. Modulo
 * 2^32, because parts may be larger than the whole, which is known to fit.
 */
static void add_plane(struct bnn_cpu_packed *p, uint32_t i, uint32_t first, uint32_t rows,
		      int32_t *acc)
{
	uint32_t offset = p->w0 ? (uint32_t)(p->w0 * p->a[i]) * count_ones(p, i) : 0;
	size_t plane = p->rows * p->row_words;
	uint32_t j, r;

	for (j = 0; j < p->wplanes; j++) {
		uint32_t factor = (uint32_t)(p->a[i] * p->w[j]);

		p->match(p->window + i * p->row_words,
			 p->weights + j * plane + first * p->row_words, rows, p->row_words,
			 p->counts);
		for (r = 0; r < rows; r++)
			acc[r] = (int32_t)((uint32_t)acc[r] + factor * p->counts[r] + offset);
		offset = 0;
	}
}

/* FRAC: the plane of the low bits, only where the one of the high bits says so. */
static uint32_t frac_pass(struct bnn_cpu_packed *p, const struct bnn_cpu_pipe *pipe, uint32_t first,
			  uint32_t rows, uint32_t channels, int32_t *acc)
{
	uint32_t r, open = 0, row;
	int32_t high, low;

	memcpy(acc, p->base + first, rows * sizeof(*acc));
	add_plane(p, 1, first, rows, acc);
	for (r = channels; r--;) { /* downwards, because the first rows are read by all */
		row = r % rows;
		high = acc[row];
		if (high >= bnn_cpu_pipe_gate(pipe, first + r)) {
			low = p->base[first + row];
			add_plane(p, 0, first + row, 1, &low);
			acc[r] = 2 * high + low;
			open++;
		} else {
			acc[r] = 2 * high;
		}
	}
	return open;
}

void bnn_cpu_packed_run(struct bnn_cpu_packed *p, uint8_t *in, struct bnn_cpu_pipe *pipe,
			uint64_t *counters)
{
	struct bnn_cpu_tensor tensor;
	struct bnn_slot_info info;
	uint32_t y, x, g, i, r, py, px, rows, first;
	uint64_t present, open;
	int32_t *acc;

	bnn_slot_describe(p->words, BNN_SLOT_IN, &info);
	bnn_cpu_tensor(&tensor, &info, in);
	if (tensor.planar && p->n.groups == 1)
		copy_planes(p, &tensor);
	else
		split_planes(p, &tensor);
	/* Rows of a group: fewer than its channels only when TILED, which has one group. */
	rows = p->n.groups == 1 ? p->rows : p->n.og;
	for (y = 0; y < p->n.oh; y++) {
		py = bnn_cpu_present(y, p->n.sh, p->n.dh, p->n.kh, p->n.pt, p->n.h);
		for (x = 0; x < p->n.ow; x++) {
			px = bnn_cpu_present(x, p->n.sw, p->n.dw, p->n.kw, p->n.pl, p->n.w);
			present = (uint64_t)__builtin_popcount(py) *
				  (uint32_t)__builtin_popcount(px) * p->n.cg;
			update_base(p, py, px);
			for (g = 0; g < p->n.groups; g++) {
				first = g * p->n.og;
				acc = p->acc + first;
				gather(p, g, y, x);
				if (p->frac) {
					open = frac_pass(p, pipe, first, rows, p->n.og, acc);
					counters[BNN_COUNTER_FRAC_ISSUED] += open;
					counters[BNN_COUNTER_FRAC_SKIPPED] += p->n.og - open;
					counters[BNN_COUNTER_MACS] += present * (rows + open);
					continue;
				}
				memcpy(acc, p->base + first, rows * sizeof(*acc));
				for (i = 0; i < p->planes; i++)
					add_plane(p, i, first, rows, acc);
				for (r = rows; r < p->n.og; r++)
					acc[r] = acc[r - rows];
				counters[BNN_COUNTER_MACS] +=
					present * rows * p->planes * p->wplanes;
			}
			bnn_cpu_pipe_pixel(pipe, y, x, p->acc, &counters[BNN_COUNTER_SATURATED]);
		}
	}
}
