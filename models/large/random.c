// SPDX-License-Identifier: MIT
/* Random parameters and images. Only sums, products and square roots: the same everywhere. */
#include <math.h>
#include <stdlib.h>

#include "large.h"

static const float nothing[1];

void *large_array(struct large *l, size_t bytes)
{
	struct large_block *block = malloc(sizeof(*block) + bytes);

	if (!block) {
		l->failed = 1; /* large_graph() reports it */
		return NULL;
	}
	block->next = l->blocks;
	l->blocks = block;
	return block + 1;
}

/* splitmix64 */
uint64_t large_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static double unit(uint64_t *state)
{
	return (double)(large_random(state) >> 11) / 9007199254740992.0;
}

double large_uniform(struct large *l, double low, double high)
{
	return low + (high - low) * unit(&l->state);
}

const float *large_uniforms(struct large *l, uint32_t n, double low, double high)
{
	float *a = large_array(l, n * sizeof(*a));

	for (uint32_t i = 0; a && i < n; i++)
		a[i] = (float)large_uniform(l, low, high);
	return a ? a : nothing;
}

/* The sum of four uniform numbers is close enough to normal. */
const float *large_normals(struct large *l, uint32_t n, double mean, double deviation)
{
	float *a = large_array(l, n * sizeof(*a));

	for (uint32_t i = 0; a && i < n; i++) {
		double sum = -2;

		for (int k = 0; k < 4; k++)
			sum += unit(&l->state);
		a[i] = (float)(mean + deviation * sum * sqrt(3));
	}
	return a ? a : nothing;
}

const float *large_powers(struct large *l, uint32_t n, int low, int high)
{
	float *a = large_array(l, n * sizeof(*a));

	for (uint32_t i = 0; a && i < n; i++)
		a[i] = ldexpf(1, low + (int)(large_random(&l->state) % (uint64_t)(high - low + 1)));
	return a ? a : nothing;
}

const int8_t *large_integers(struct large *l, size_t n, int magnitude)
{
	int8_t *a = large_array(l, n);

	for (size_t i = 0; a && i < n; i++)
		a[i] = (int8_t)((int)(large_random(&l->state) % (uint64_t)(2 * magnitude + 1)) -
				magnitude);
	return a;
}

const uint8_t *large_bits(struct large *l, size_t bytes)
{
	uint8_t *a = large_array(l, bytes + 8);

	for (size_t i = 0; a && i < bytes; i += 8) {
		uint64_t x = large_random(&l->state);

		for (int k = 0; k < 8; k++)
			a[i + k] = (uint8_t)(x >> 8 * k);
	}
	return a;
}

/* Cells of random grey values per colour, interpolated. */
static void add_scale(uint64_t *state, uint32_t size, uint32_t cells, double amplitude,
		      double *image)
{
	uint32_t points = cells + 2;
	double *grid = malloc((size_t)points * points * 3 * sizeof(*grid));

	for (size_t i = 0; grid && i < (size_t)points * points * 3; i++)
		grid[i] = amplitude * (2 * unit(state) - 1);
	for (size_t i = 0; grid && i < (size_t)size * size * 3; i++) {
		double y = (double)(i / 3 / size) * cells / size;
		double x = (double)(i / 3 % size) * cells / size;
		uint32_t row = (uint32_t)y, column = (uint32_t)x;
		const double *p = grid + ((size_t)row * points + column) * 3 + i % 3;
		double top = p[0] + (x - column) * (p[3] - p[0]);
		double bottom = p[(size_t)points * 3] +
				(x - column) * (p[(size_t)points * 3 + 3] - p[(size_t)points * 3]);

		image[i] += top + (y - row) * (bottom - top);
	}
	free(grid);
}

void large_image(uint64_t seed, uint32_t size, uint8_t *bytes)
{
	size_t n = (size_t)size * size * 3;
	double *image = calloc(n, sizeof(*image));
	uint64_t state = seed;

	for (uint32_t cells = 3; image && cells < size; cells *= 3)
		add_scale(&state, size, cells, cells == 3 ? 110 : 160.0 / cells, image);
	for (size_t i = 0; i < n; i++) {
		double v = image ? 128 + image[i] : 128;

		bytes[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
	}
	free(image);
}
