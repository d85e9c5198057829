// SPDX-License-Identifier: MIT
/*
 * Convolution by multiplying integers, as the formula stands in docs/arithmetic.md
 * section 3. Used where bit planes would be many, and to check the other one.
 * An absent tap is a pixel whose channels all have the value 0, +1 or -1.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

struct bnn_cpu_integer {
	const uint32_t *words;
	struct bnn_cpu_windows n;
	bool frac;
	uint32_t rows, abits, wbits;
	size_t k;	  /* weights of a row */
	int16_t *weights; /* [row][tap][channel] */
	int16_t *image;	  /* [py][px][group][channel]; FRAC: a second one behind it */
	int16_t *window;  /* [tap][channel] */
	int32_t *values;  /* of one pixel */
	int32_t *acc;
};

struct bnn_cpu_integer *bnn_cpu_integer_new(const uint32_t *words)
{
	struct bnn_cpu_integer *p = calloc(1, sizeof(*p));
	size_t image;

	if (!p)
		return NULL;
	p->words = words;
	bnn_cpu_windows(&p->n, words);
	p->frac = bnn_field_get(words, BNN_F_CONV_FRAC);
	p->rows = bnn_cpu_weight_rows(words);
	p->abits = bnn_format_width(bnn_field_get(words, BNN_F_CONV_IN_FORMAT));
	p->wbits = bnn_wformat_bits(bnn_field_get(words, BNN_F_CONV_WFORMAT));
	p->k = (size_t)p->n.taps * p->n.cg;
	image = (size_t)p->n.ph * p->n.pw * p->n.cin;
	p->weights = calloc(p->rows * p->k, sizeof(*p->weights));
	p->image = calloc(image * (p->frac ? 2 : 1), sizeof(*p->image));
	p->window = calloc(p->k, sizeof(*p->window));
	p->values = calloc(p->n.cin, sizeof(*p->values));
	p->acc = calloc(p->n.cout, sizeof(*p->acc));
	if (!p->weights || !p->image || !p->window || !p->values || !p->acc) {
		bnn_cpu_integer_free(p);
		return NULL;
	}
	return p;
}

void bnn_cpu_integer_free(struct bnn_cpu_integer *p)
{
	if (!p)
		return;
	free(p->weights);
	free(p->image);
	free(p->window);
	free(p->values);
	free(p->acc);
	free(p);
}

void bnn_cpu_integer_weights(struct bnn_cpu_integer *p, const uint8_t *data)
{
	uint32_t row;

	for (row = 0; row < p->rows; row++)
		bnn_cpu_weight_row(p->words, data, row, p->weights + row * p->k);
}

static size_t image_size(const struct bnn_cpu_integer *p)
{
	return (size_t)p->n.ph * p->n.pw * p->n.cin;
}

/* Makes the padded image; of FRAC two: high bits, then low bits, as +-1. */
static void load_image(struct bnn_cpu_integer *p, uint8_t *in)
{
	int16_t absent = (int16_t)(p->n.pad_mode == 0 ? 0 : p->n.pad_mode == 1 ? 1 : -1);
	struct bnn_cpu_tensor tensor;
	struct bnn_slot_info info;
	size_t i, size = image_size(p);
	uint32_t y, x, c;

	bnn_slot_describe(p->words, BNN_SLOT_IN, &info);
	bnn_cpu_tensor(&tensor, &info, in);
	for (i = 0; i < size * (p->frac ? 2 : 1); i++)
		p->image[i] = absent;
	for (y = 0; y < p->n.h; y++) {
		for (x = 0; x < p->n.w; x++) {
			int16_t *to = p->image +
				      ((size_t)(y + p->n.pt) * p->n.pw + x + p->n.pl) * p->n.cin;

			bnn_cpu_load(&tensor, y, x, p->values);
			for (c = 0; c < p->n.cin; c++) {
				if (p->frac) { /* -3, -1, 1, 3 = 2 * high + low */
					to[c] = p->values[c] > 0 ? 1 : -1;
					to[size + c] = (int16_t)(p->values[c] - 2 * to[c]);
				} else {
					to[c] = (int16_t)p->values[c];
				}
			}
		}
	}
}

static void gather(struct bnn_cpu_integer *p, const int16_t *image, uint32_t group, uint32_t y,
		   uint32_t x)
{
	int16_t *to = p->window;
	uint32_t ky, kx;

	for (ky = 0; ky < p->n.kh; ky++) {
		for (kx = 0; kx < p->n.kw; kx++, to += p->n.cg) {
			size_t at = (size_t)(y * p->n.sh + ky * p->n.dh) * p->n.pw + x * p->n.sw +
				    kx * p->n.dw;

			memcpy(to, image + at * p->n.cin + group * p->n.cg, p->n.cg * sizeof(*to));
		}
	}
}

static int32_t dot(const int16_t *a, const int16_t *b, size_t n)
{
	int32_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* The gates that are open get the second sum. Returns how many. */
static uint32_t frac_pass(struct bnn_cpu_integer *p, const struct bnn_cpu_pipe *pipe,
			  uint32_t group, uint32_t y, uint32_t x)
{
	uint32_t r, open = 0, first = group * p->n.og;

	gather(p, p->image + image_size(p), group, y, x);
	for (r = first; r < first + p->n.og; r++) {
		bool gate = p->acc[r] >= bnn_cpu_pipe_gate(pipe, r);

		p->acc[r] *= 2;
		if (gate)
			p->acc[r] += dot(p->window, p->weights + r % p->rows * p->k, p->k);
		open += gate;
	}
	return open;
}

void bnn_cpu_integer_run(struct bnn_cpu_integer *p, uint8_t *in, struct bnn_cpu_pipe *pipe,
			 uint64_t *counters)
{
	uint32_t y, x, g, r, rows, open, first;
	uint64_t present;

	load_image(p, in);
	rows = p->n.groups == 1 ? p->rows : p->n.og;
	for (y = 0; y < p->n.oh; y++) {
		for (x = 0; x < p->n.ow; x++) {
			present = (uint64_t)__builtin_popcount(bnn_cpu_present(
					  y, p->n.sh, p->n.dh, p->n.kh, p->n.pt, p->n.h)) *
				  (uint64_t)__builtin_popcount(bnn_cpu_present(
					  x, p->n.sw, p->n.dw, p->n.kw, p->n.pl, p->n.w)) *
				  p->n.cg;
			for (g = 0; g < p->n.groups; g++) {
				first = g * p->n.og;
				gather(p, p->image, g, y, x);
				for (r = first; r < first + p->n.og; r++)
					p->acc[r] = r - first < rows
							    ? dot(p->window, p->weights + r * p->k,
								  p->k)
							    : p->acc[r - rows];
				if (!p->frac) {
					counters[BNN_COUNTER_MACS] +=
						present * rows * p->abits * p->wbits;
					continue;
				}
				open = frac_pass(p, pipe, g, y, x);
				counters[BNN_COUNTER_FRAC_ISSUED] += open;
				counters[BNN_COUNTER_FRAC_SKIPPED] += p->n.og - open;
				counters[BNN_COUNTER_MACS] += present * (rows + open);
			}
			bnn_cpu_pipe_pixel(pipe, y, x, p->acc, &counters[BNN_COUNTER_SATURATED]);
		}
	}
}
