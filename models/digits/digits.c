/* SPDX-License-Identifier: MIT */
/*
 * Draws handwriting-like digits, 28x28 grey, and writes them as MNIST idx files
 * (images and labels). The strokes are polylines and arcs of our own; every image
 * gets its own slant, size, pen width and wobble from a seeded generator, so
 * the same seed gives the same bytes everywhere.
 *
 *     digits OUTPUT_PREFIX COUNT [SEED]
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 28, MAX_POINTS = 160 };

static const double pi = 3.14159265358979323846;

/* Arcs and lines in a box of width 1 and height 1, y down. */
struct stroke {
	enum { END, LINE, ARC } kind;
	double a, b, c, d; /* LINE: x0 y0 x1 y1. ARC: cx cy rx ry */
	double from, to;   /* ARC: angles in turns, 0 = right, clockwise */
};

static const struct stroke glyphs[10][7] = {
	{ { ARC, .50, .50, .42, .46, 0, 1 } },
	{ { LINE, .56, .02, .46, .98, 0, 0 } },
	{ { ARC, .48, .27, .33, .26, -.47, .11 },
	  { LINE, .73, .44, .12, .93, 0, 0 },
	  { LINE, .12, .93, .90, .91, 0, 0 } },
	{ { ARC, .45, .26, .32, .25, -.42, .22 }, { ARC, .43, .73, .36, .25, -.22, .42 } },
	{ { LINE, .22, .04, .14, .52, 0, 0 },
	  { LINE, .14, .52, .84, .50, 0, 0 },
	  { LINE, .78, .05, .68, .98, 0, 0 } },
	{ { LINE, .85, .04, .30, .05, 0, 0 },
	  { LINE, .30, .05, .24, .42, 0, 0 },
	  { ARC, .42, .68, .36, .29, -.32, .40 } },
	{ { ARC, .95, .70, .75, .70, -.50, -.28 }, { ARC, .50, .76, .30, .21, 0, 1 } },
	{ { LINE, .06, .16, .88, .12, 0, 0 }, { LINE, .88, .12, .56, .98, 0, 0 } },
	{ { ARC, .50, .26, .27, .24, 0, 1 }, { ARC, .50, .74, .32, .25, 0, 1 } },
	{ { ARC, .46, .24, .32, .20, 0, 1 }, { LINE, .78, .24, .66, .98, 0, 0 } },
};

static uint64_t state;

/* xorshift64*: uniform in [-1, 1). */
static double wobble(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)(int64_t)((state * 2685821657736338717ull) >> 11) / 4503599627370496.0 - 1;
}

static size_t trace(int digit, double points[][4])
{
	size_t n = 0;

	for (const struct stroke *s = glyphs[digit]; s < glyphs[digit] + 7 && s->kind != END; s++) {
		int steps = s->kind == LINE ? 1 : 24;
		double x0 = 0, y0 = 0;

		for (int i = 0; i <= steps; i++) {
			double t = s->from + (s->to - s->from) * i / steps;
			double x =
				s->kind == LINE ? (i ? s->c : s->a) : s->a + s->c * cos(2 * pi * t);
			double y =
				s->kind == LINE ? (i ? s->d : s->b) : s->b + s->d * sin(2 * pi * t);

			if (i && n < MAX_POINTS) {
				points[n][0] = x0;
				points[n][1] = y0;
				points[n][2] = x;
				points[n++][3] = y;
			}
			x0 = x;
			y0 = y;
		}
	}
	return n;
}

/* Centre of mass, which MNIST puts in the middle of its images. */
static void centre(double points[][4], size_t n, double *x, double *y)
{
	double length = 0;

	*x = *y = 0;
	for (size_t i = 0; i < n; i++) {
		const double *p = points[i];
		double l = hypot(p[2] - p[0], p[3] - p[1]);

		*x += l * (p[0] + p[2]) / 2;
		*y += l * (p[1] + p[3]) / 2;
		length += l;
	}
	*x /= length;
	*y /= length;
}

static double segment_distance(double x, double y, const double s[4])
{
	double dx = s[2] - s[0], dy = s[3] - s[1];
	double t = ((x - s[0]) * dx + (y - s[1]) * dy) / (dx * dx + dy * dy + 1e-12);

	t = t < 0 ? 0 : t > 1 ? 1 : t;
	return hypot(x - s[0] - t * dx, y - s[1] - t * dy);
}

static void draw(int digit, uint8_t image[SIZE][SIZE])
{
	double points[MAX_POINTS][4];
	size_t n = trace(digit, points);
	double height = 19 + wobble(), width = height * (.66 + .08 * wobble());
	double slant = .16 + .16 * wobble(), turn = .08 * wobble();
	double pen = 1.25 + .3 * wobble(), cx = 14 + .6 * wobble(), cy = 14 + .6 * wobble(), mx, my;

	centre(points, n, &mx, &my);
	for (size_t i = 0; i < n; i++) {
		for (int end = 0; end < 4; end += 2) {
			double x = (points[i][end] - mx) * width,
			       y = (points[i][end + 1] - my) * height;

			x -= slant * y;
			points[i][end] = cx + x * cos(turn) - y * sin(turn);
			points[i][end + 1] = cy + x * sin(turn) + y * cos(turn);
		}
	}
	for (int y = 0; y < SIZE; y++) {
		for (int x = 0; x < SIZE; x++) {
			double nearest = SIZE, ink;

			for (size_t i = 0; i < n; i++)
				nearest =
					fmin(nearest, segment_distance(x + .5, y + .5, points[i]));
			ink = pen + .5 - nearest;
			image[y][x] = (uint8_t)(255 * (ink < 0 ? 0 : ink > 1 ? 1 : ink) + .5);
		}
	}
}

static int write_file(const char *prefix, const char *suffix, const uint8_t *head, size_t head_len,
		      const uint8_t *data, size_t len)
{
	char path[4096];
	FILE *file;
	int bad;

	if (snprintf(path, sizeof(path), "%s%s", prefix, suffix) >= (int)sizeof(path))
		return fprintf(stderr, "digits: path too long\n"), 1;
	file = fopen(path, "wb");
	if (!file)
		return fprintf(stderr, "digits: %s: %s\n", path, strerror(errno)), 1;
	bad = fwrite(head, 1, head_len, file) != head_len || fwrite(data, 1, len, file) != len;
	bad |= fclose(file) != 0;
	if (bad)
		fprintf(stderr, "digits: %s: write failed\n", path);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	if (argc < 3 || argc > 4 || !count || count > 1000000) {
		fprintf(stderr, "usage: digits OUTPUT_PREFIX COUNT [SEED]\n");
		return 2;
	}
	state = 0x9e3779b97f4a7c15ull + (argc > 3 ? strtoull(argv[3], NULL, 10) : 1);

	uint8_t(*images)[SIZE][SIZE] = calloc(count, sizeof(*images)), *labels = calloc(count, 1);
	const uint8_t n[4] = { count >> 24, count >> 16, count >> 8, count };
	const uint8_t image_head[16] = { 0, 0, 8, 3,	n[0], n[1], n[2], n[3],
					 0, 0, 0, SIZE, 0,    0,    0,	  SIZE };
	const uint8_t label_head[8] = { 0, 0, 8, 1, n[0], n[1], n[2], n[3] };
	int bad;

	if (!images || !labels)
		return fprintf(stderr, "digits: out of memory\n"), 1;
	for (unsigned long i = 0; i < count; i++) {
		labels[i] = i % 10;
		draw(labels[i], images[i]);
	}
	bad = write_file(argv[1], "-images-idx3-ubyte", image_head, 16, images[0][0],
			 count * SIZE * SIZE) ||
	      write_file(argv[1], "-labels-idx1-ubyte", label_head, 8, labels, count);
	free(images);
	free(labels);
	return bad;
}
