/* SPDX-License-Identifier: MIT */
/*
 * Trains a small fully binary network, 784-128-128-64-10, on the digits that
 * models/digits draws, and writes it as raw arrays (README.md). Weights and
 * activations are +-1 in the forward pass; the backward pass is that of the
 * straight-through estimator. One binary output per class, trained by itself,
 * so the class is a bit and no comparison of sums is needed.
 *
 *     train IMAGES.idx LABELS.idx OUTPUT_FOLDER [EPOCHS]
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 4, IN = 784, OUT = 10, WIDEST = IN };

static const int width[LAYERS + 1] = { IN, 128, 128, 64, OUT };

struct layer {
	int rows, cols;
	float *w, *m, *v;   /* latent weights and Adam's moments */
	float *b, *bm, *bv; /* offsets: the bit is sum >= -offset */
	float *sign;	    /* +-1 of w */
	float *gw, *gb;
	float in[WIDEST], sum[WIDEST];
};

static struct layer layers[LAYERS];
static uint64_t state = 88172645463325252ull;

static float uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (float)(state >> 40) / (1 << 23) - 1;
}

static float *floats(size_t n)
{
	float *p = calloc(n, sizeof(*p));

	if (!p) {
		fprintf(stderr, "train: out of memory\n");
		exit(1);
	}
	return p;
}

static void make_layers(void)
{
	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &layers[i];
		size_t n;

		l->rows = width[i + 1];
		l->cols = width[i];
		n = (size_t)l->rows * l->cols;
		l->w = floats(n);
		l->m = floats(n);
		l->v = floats(n);
		l->sign = floats(n);
		l->gw = floats(n);
		l->b = floats(l->rows);
		l->bm = floats(l->rows);
		l->bv = floats(l->rows);
		l->gb = floats(l->rows);
		for (size_t k = 0; k < n; k++)
			l->w[k] = .1f * uniform();
	}
}

static void binarise(struct layer *l)
{
	for (int k = 0; k < l->rows * l->cols; k++)
		l->sign[k] = l->w[k] >= 0 ? 1 : -1;
}

static void forward(const uint8_t *pixels)
{
	for (int k = 0; k < IN; k++)
		layers[0].in[k] = pixels[k] >= 128 ? 1 : -1;
	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &layers[i];

		for (int r = 0; r < l->rows; r++) {
			const float *w = l->sign + (size_t)r * l->cols;
			float sum = 0;

			for (int k = 0; k < l->cols; k++)
				sum += w[k] * l->in[k];
			l->sum[r] = sum + roundf(l->b[r]);
			if (i + 1 < LAYERS)
				layers[i + 1].in[r] = l->sum[r] >= 0 ? 1 : -1;
		}
	}
}

static void backward(int label)
{
	float up[WIDEST], down[WIDEST];

	for (int i = LAYERS - 1; i >= 0; i--) {
		struct layer *l = &layers[i];
		float scale = 1 / sqrtf(l->cols);

		for (int r = 0; r < l->rows; r++) {
			float z = l->sum[r] * scale;

			if (i ==
			    LAYERS - 1) /* logistic loss on each class, rare ones weighted up */
				up[r] = (1 / (1 + expf(-2 * z)) - (r == label)) *
					(r == label ? 5 : 1);
			else /* the sign's gradient: 1 near 0 */
				up[r] *= fabsf(z) < 1.5f ? 1 : 0;
		}
		memset(down, 0, sizeof(down));
		for (int r = 0; r < l->rows; r++) {
			const float *w = l->sign + (size_t)r * l->cols;
			float *gw = l->gw + (size_t)r * l->cols, g = up[r] * scale;

			if (!g)
				continue;
			l->gb[r] += g;
			for (int k = 0; k < l->cols; k++) {
				gw[k] += g * l->in[k];
				down[k] += g * w[k];
			}
		}
		memcpy(up, down, sizeof(up));
	}
}

static void adam(float *p, float *m, float *v, float *g, size_t n, float rate, float limit)
{
	for (size_t k = 0; k < n; k++) {
		m[k] = .9f * m[k] + .1f * g[k];
		v[k] = .999f * v[k] + .001f * g[k] * g[k];
		p[k] -= rate * m[k] / (sqrtf(v[k]) + 1e-8f);
		p[k] = p[k] > limit ? limit : p[k] < -limit ? -limit : p[k];
		g[k] = 0;
	}
}

static int predicted(void)
{
	for (int c = OUT - 1; c > 0; c--)
		if (layers[LAYERS - 1].sum[c] >= 0)
			return c;
	return 0;
}

static uint8_t *read_idx(const char *path, long head, long item, long *count)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long len;

	if (!f || fseek(f, 0, SEEK_END) || (len = ftell(f)) < head) {
		fprintf(stderr, "train: cannot read %s\n", path);
		exit(1);
	}
	*count = (len - head) / item;
	data = malloc(len);
	if (!data || fseek(f, head, SEEK_SET) || fread(data, item, *count, f) != (size_t)*count) {
		fprintf(stderr, "train: cannot read %s\n", path);
		exit(1);
	}
	fclose(f);
	return data;
}

static FILE *create(const char *folder, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	if (!f) {
		fprintf(stderr, "train: cannot write %s\n", path);
		exit(1);
	}
	return f;
}

/*
 * Rows are padded to whole 64-bit words with ones, as LFC's are. The bit is sum + offset >= 0, that
 * is popcount > T with sum = 2*popcount - cols.
 */
static void save(const char *folder)
{
	FILE *manifest = create(folder, "manifest.tsv");

	fprintf(manifest, "layer\trows\tcols\trow_bytes\thas_thresholds\n");
	for (int i = 0; i < LAYERS; i++) {
		const struct layer *l = &layers[i];
		int padded = (l->cols + 63) / 64 * 64;
		char name[64];
		FILE *f;

		fprintf(manifest, "%d\t%d\t%d\t%d\tTrue\n", i, l->rows, padded, padded / 8);
		snprintf(name, sizeof(name), "L%d_weights.bits", i);
		f = create(folder, name);
		for (int r = 0; r < l->rows; r++) {
			for (int k = 0; k < padded; k += 8) {
				int byte = 0xff;

				for (int b = 0; b < 8 && k < l->cols; b++)
					if (l->w[r * l->cols + k + b] < 0)
						byte &= ~(1 << b);
				fputc(byte, f);
			}
		}
		fclose(f);
		snprintf(name, sizeof(name), "L%d_thresholds.i32", i);
		f = create(folder, name);
		for (int r = 0; r < l->rows; r++) {
			int least =
				(int)ceilf((l->cols - roundf(l->b[r])) / 2); /* popcount needed */
			int32_t t = least - 1;

			fwrite(&t, 4, 1, f);
		}
		fclose(f);
	}
	fclose(manifest);
}

int main(int argc, char **argv)
{
	int epochs = argc > 4 ? atoi(argv[4]) : 20;
	long images, labels;
	uint8_t *pixels, *truth;

	if (argc < 4) {
		fprintf(stderr, "usage: train IMAGES.idx LABELS.idx OUTPUT_FOLDER [EPOCHS]\n");
		return 2;
	}
	pixels = read_idx(argv[1], 16, IN, &images);
	truth = read_idx(argv[2], 8, 1, &labels);
	if (images != labels || images < 100) {
		fprintf(stderr, "train: %ld images, %ld labels\n", images, labels);
		return 1;
	}
	make_layers();
	for (int e = 0; e <= epochs; e++) {
		/* the last tenth is kept back; the last round only tests */
		long train = images * 9 / 10, right = 0;
		float rate = .0007f * (1 - (float)e / (epochs + 1));

		for (long n = 0; n < images; n++) {
			long i = n < train ? (long)((uniform() + 1) / 2 * train) % train : n;

			if (e == epochs && n < train)
				continue;
			for (int l = 0; l < LAYERS && (n % 50 == 0 || n == train); l++)
				binarise(&layers[l]);
			forward(pixels + i * IN);
			right += n >= train && predicted() == truth[i];
			if (n >= train)
				continue;
			backward(truth[i]);
			for (int l = 0; l < LAYERS && n % 50 == 49; l++) {
				struct layer *y = &layers[l];

				adam(y->w, y->m, y->v, y->gw, (size_t)y->rows * y->cols, rate, 1);
				adam(y->b, y->bm, y->bv, y->gb, y->rows, 100 * rate, 200);
			}
		}
		printf("epoch %2d: %ld of %ld kept-back digits right\n", e, right, images - train);
		fflush(stdout);
	}
	save(argv[3]);
	return 0;
}
