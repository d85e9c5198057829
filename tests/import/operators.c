// SPDX-License-Identifier: MIT
/*
 * Convolutions of every kind, on the CPU engine, against formulas written down here: the
 * integers that a graph becomes give the values that its author meant.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* One output of a convolution, from the codes; w: [output][ky][kx][channel of the group]. */
static long direct(const struct bench *b, const struct bnnaccel_conv *c, const int *w, uint32_t o,
		   uint32_t y, uint32_t x)
{
	uint32_t groups = c->groups ? c->groups : 1, n = b->c / groups;
	uint32_t first = o / (c->outputs / groups) * n;
	long sum = 0;

	for (uint32_t ky = 0; ky < c->kernel_h; ky++) {
		for (uint32_t kx = 0; kx < c->kernel_w; kx++) {
			long iy = (long)(y * c->stride_h + ky * c->dilation_h) - c->pad_top;
			long ix = (long)(x * c->stride_w + kx * c->dilation_w) - c->pad_left;

			for (uint32_t i = 0; i < n; i++) {
				int v = c->pad_value;

				if (iy >= 0 && iy < b->h && ix >= 0 && ix < b->w)
					v = b->value[((uint32_t)iy * b->w + (uint32_t)ix) * b->c +
						     first + i];
				sum += v * w[((o * c->kernel_h + ky) * c->kernel_w + kx) * n + i];
			}
		}
	}
	return sum;
}

/* Results of convolution `tensor` that differ from the sums. */
static unsigned int wrong_sums(struct bench *b, const struct bnnaccel_conv *c, const int *w,
			       int tensor)
{
	unsigned int wrong = 0, i = 0;
	const struct bnn_op *op;

	if (!evaluate(b, tensor))
		return 1;
	op = &b->g->ops[tensor];
	for (uint32_t y = 0; y < op->h; y++) {
		for (uint32_t x = 0; x < op->w; x++) {
			for (uint32_t o = 0; o < op->c; o++)
				wrong += b->out[i++] != direct(b, c, w, o, y, x);
		}
	}
	return wrong;
}

static struct bnnaccel_conv any_geometry(const struct bench *b)
{
	struct bnnaccel_conv c = { .kernel_h = random_draw(3) + 1,
				   .kernel_w = random_draw(3) + 1,
				   .stride_h = random_draw(3) + 1,
				   .stride_w = random_draw(3) + 1,
				   .dilation_h = random_draw(3) + 1,
				   .dilation_w = random_draw(3) + 1,
				   .pad_value = (int)random_draw(3) - 1 };
	uint32_t eh, ew;

	do {
		eh = c.dilation_h * (c.kernel_h - 1);
		ew = c.dilation_w * (c.kernel_w - 1);
		c.pad_top = random_draw(eh + 1);
		c.pad_bottom = random_draw(eh + 1);
		c.pad_left = random_draw(ew + 1);
		c.pad_right = random_draw(ew + 1);
	} while (b->h + c.pad_top + c.pad_bottom <= eh || b->w + c.pad_left + c.pad_right <= ew);
	c.groups = random_draw(3) ? 1 : b->c % 2 == 0 && random_draw(2) ? 2 : b->c;
	c.outputs = c.groups * (random_draw(3) + 1);
	return c;
}

static void geometry(void)
{
	static const enum bnnaccel_codes kinds[] = { BNNACCEL_CODES_SIGN, BNNACCEL_CODES_ODD2,
						     BNNACCEL_CODES_ODD4, BNNACCEL_CODES_UNSIGNED4,
						     BNNACCEL_CODES_SIGNED4 };
	unsigned int wrong = 0;

	for (int round = 0; round < 300; round++) {
		int8_t weights[3 * CHANNELS * 9 * CHANNELS];
		int w[3 * CHANNELS * 9 * CHANNELS];
		struct bnnaccel_conv c;
		struct bench b;

		start(&b, random_draw(SIDE) + 1, random_draw(SIDE) + 1, random_draw(6) + 1,
		      kinds[random_draw(5)]);
		c = any_geometry(&b);
		c.kind = BNNACCEL_WEIGHTS_INT8;
		c.weights = weights;
		for (size_t i = 0; i < sizeof(weights); i++)
			w[i] = weights[i] = (int8_t)((int)random_draw(15) - 7);
		wrong += wrong_sums(&b, &c, w, bnnaccel_graph_conv(b.g, b.codes, &c));
		finish(&b);
	}
	ok(!wrong, "300 convolutions of any stride, dilation, padding and groups: %u sums differ",
	   wrong);
}

/* TensorFlow's SAME with stride 2: nothing before and one after on even sizes. */
static void same_padding(void)
{
	unsigned int wrong = 0;

	for (uint32_t size = 4; size <= 8; size++) {
		uint32_t pads = size % 2 ? 2 : 1;
		float weights[2 * 9 * 2];
		int w[2 * 9 * 2];
		struct bnnaccel_conv c = { .outputs = 2,
					   .kernel_h = 3,
					   .kernel_w = 3,
					   .stride_h = 2,
					   .stride_w = 2,
					   .dilation_h = 1,
					   .dilation_w = 1,
					   .pad_top = pads / 2,
					   .pad_left = pads / 2,
					   .pad_bottom = 1,
					   .pad_right = 1,
					   .weights = weights };
		struct bench b;
		int x;

		start(&b, size, size, 2, BNNACCEL_CODES_SIGN);
		for (int i = 0; i < 36; i++) {
			weights[i] = random_draw(2) ? 0.5f : -0.5f;
			w[i] = weights[i] > 0 ? 1 : -1;
		}
		x = bnnaccel_graph_conv(b.g, b.codes, &c);
		wrong += x < 0 || b.g->ops[x].h != (size + 1) / 2;
		wrong += wrong_sums(&b, &c, w, x);
		finish(&b);
	}
	ok(!wrong, "SAME with stride 2: %u differ", wrong);
}

static void codebook(void)
{
	enum { OUTPUTS = 5, INPUTS = 7 };
	unsigned int wrong = 0;
	bool used = true;

	for (uint32_t bits = 1; bits <= 9; bits++) {
		uint64_t book[512];
		uint16_t index[OUTPUTS * INPUTS];
		int w[OUTPUTS * 9 * INPUTS];
		struct bnnaccel_conv c = { .outputs = OUTPUTS,
					   .kernel_h = 3,
					   .kernel_w = 3,
					   .stride_h = 1,
					   .stride_w = 1,
					   .dilation_h = 1,
					   .dilation_w = 1,
					   .pad_top = 1,
					   .pad_left = 1,
					   .kind = BNNACCEL_WEIGHTS_CODEBOOK,
					   .weights = index,
					   .codebook = book,
					   .index_bits = bits };
		struct bench b;

		start(&b, 5, 6, INPUTS, BNNACCEL_CODES_SIGN);
		for (int i = 0; i < 512; i++)
			book[i] = random_draw(512);
		for (int i = 0; i < OUTPUTS * INPUTS; i++)
			index[i] = (uint16_t)random_draw(1u << bits);
		for (int i = 0; i < OUTPUTS * 9 * INPUTS; i++)
			w[i] = book[index[i / (9 * INPUTS) * INPUTS + i % INPUTS]] >>
						       (i / INPUTS % 9) &
					       1
				       ? 1
				       : -1;
		wrong += wrong_sums(&b, &c, w, bnnaccel_graph_conv(b.g, b.codes, &c));
		used &= has_field(b.net, BNN_F_CONV_WMODE, BNN_WMODE_CODEBOOK) &&
			has_field(b.net, BNN_F_CONV_TAU, bits);
		finish(&b);
	}
	ok(!wrong && used, "kernels from codebooks of 2 to 512: %u sums differ", wrong);
}

/* Codes and weights that are sums of +-1 times 2^i, of every width, to 32 bits. */
static void odd_products(void)
{
	static const struct {
		enum bnnaccel_codes codes;
		int max;
		uint32_t wformat;
	} kinds[] = { { BNNACCEL_CODES_SIGN, 1, BNN_WFORMAT_B1 },
		      { BNNACCEL_CODES_ODD2, 3, BNN_WFORMAT_O2 },
		      { BNNACCEL_CODES_ODD4, 15, BNN_WFORMAT_O4 },
		      { BNNACCEL_CODES_ODD8, 255, BNN_WFORMAT_O8 } };
	unsigned int wrong = 0;

	for (int pair = 0; pair < 16; pair++) {
		struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_INT, .bits = 32 };
		int16_t weights[4 * CHANNELS];
		struct bnnaccel_conv c = { .outputs = 4,
					   .kind = BNNACCEL_WEIGHTS_ODD,
					   .weights = weights };
		int max = kinds[pair % 4].max, x;
		uint8_t out[64];
		struct bench b;

		start(&b, 1, 1, CHANNELS, kinds[pair / 4].codes);
		for (int i = 0; i < 4 * CHANNELS; i++)
			weights[i] = (int16_t)(2 * (int)random_draw((uint32_t)max + 1) - max);
		weights[0] = (int16_t)max;
		x = bnnaccel_graph_dense(b.g, b.codes, &c);
		bnnaccel_graph_output(b.g, x, &output);
		if (bnn_graph_lower(b.g, NULL, &b.net, &b.error) ||
		    bnn_cpu_run_tapped(b.net, b.image, out, NULL, NULL, &b.error)) {
			note("%s", b.error.text);
			wrong++;
		}
		for (uint32_t o = 0; b.net && o < 4; o++) {
			long sum = 0;

			for (int i = 0; i < CHANNELS; i++)
				sum += weights[o * CHANNELS + i] * b.value[i];
			wrong += output_int(b.net, out, o) != sum;
		}
		wrong += !has_field(b.net, BNN_F_CONV_WFORMAT, kinds[pair % 4].wformat);
		finish(&b);
	}
	ok(!wrong, "odd codes by odd weights of 1, 2, 4 and 8 bits: %u sums differ", wrong);
}

/* The graph in floating point sums codes exactly too, beyond 24 bits. */
static void large_sums(void)
{
	enum { N = 600 };
	int16_t weights[N];
	struct bnnaccel_conv c = { .outputs = 1, .kind = BNNACCEL_WEIGHTS_ODD, .weights = weights };
	double *values[8] = { NULL };
	long sum = 0;
	struct bench b;
	int x;

	start(&b, 1, 1, N, BNNACCEL_CODES_ODD8);
	for (int i = 0; i < N; i++) {
		b.image[i] = i % 7 ? 255 : 254;
		weights[i] = i % 5 ? 255 : 251;
		sum += (2 * b.image[i] - 255) * weights[i];
	}
	x = bnnaccel_graph_dense(b.g, b.codes, &c);
	ok(x >= 0 && x < 8 && !bnn_reference_run(b.g, b.image, values, &b.error) &&
		   values[x][0] == (double)sum,
	   "a sum of %ld in floating point", sum);
	bnn_reference_free(b.g, values);
	finish(&b);
}

static void ternary(void)
{
	float positive[3] = { 0.75f, 1.3f, 0.2f }, negative[3] = { 0.5f, 0.1f, 1.9f };
	int8_t weights[3 * 9 * 4];
	struct bnnaccel_conv c = { .outputs = 3,
				   .kernel_h = 3,
				   .kernel_w = 3,
				   .kind = BNNACCEL_WEIGHTS_INT8,
				   .weights = weights,
				   .scale = positive,
				   .scale_negative = negative };
	double worst = 0;
	struct bench b;

	start(&b, 3, 3, 4, BNNACCEL_CODES_SIGNED4);
	for (int i = 0; i < 3 * 9 * 4; i++)
		weights[i] = (int8_t)((int)random_draw(3) - 1);
	if (!evaluate(&b, bnnaccel_graph_conv(b.g, b.codes, &c)))
		worst = 1e9;
	for (int o = 0; o < 3; o++) {
		long p = 0, n = 0;

		for (int i = 0; i < 36; i++) {
			p += weights[o * 36 + i] > 0 ? b.value[i] : 0;
			n += weights[o * 36 + i] < 0 ? b.value[i] : 0;
		}
		worst = fmax(worst,
			     fabs(b.out[o] - ((double)positive[o] * p - (double)negative[o] * n)));
	}
	ok(worst <= ldexp(1.01, -b.f) && has_field(b.net, BNN_F_CONV_WFORMAT, BNN_WFORMAT_T),
	   "ternary weights with two scales: off by %g, one step is %g", worst, ldexp(1, -b.f));
	finish(&b);
}

/* A tile that ends inside an output channel. */
static void tiles(void)
{
	enum { OUTPUTS = 5, K = 9 * 4, P = 3 };
	uint8_t tile[(OUTPUTS * K / P + 7) / 8];
	int w[OUTPUTS * K];
	float one = 1, several[P] = { 1, 2, 3 };
	struct bnnaccel_conv c = { .outputs = OUTPUTS,
				   .kernel_h = 3,
				   .kernel_w = 3,
				   .stride_h = 1,
				   .stride_w = 1,
				   .dilation_h = 1,
				   .dilation_w = 1,
				   .kind = BNNACCEL_WEIGHTS_TILED,
				   .weights = tile,
				   .tile = P,
				   .scale = &one,
				   .scales = 1 };
	unsigned int wrong;
	struct bench b;

	start(&b, 4, 5, 4, BNNACCEL_CODES_SIGNED4);
	for (size_t i = 0; i < sizeof(tile); i++)
		tile[i] = (uint8_t)random_draw(256);
	for (int i = 0; i < OUTPUTS * K; i++)
		w[i] = tile[i % (OUTPUTS * K / P) / 8] >> (i % (OUTPUTS * K / P) % 8) & 1 ? 1 : -1;
	wrong = wrong_sums(&b, &c, w, bnnaccel_graph_conv(b.g, b.codes, &c));
	ok(!wrong && has_field(b.net, BNN_F_CONV_WMODE, BNN_WMODE_TILED_FLAT),
	   "a tile across output channels: %u sums differ", wrong);
	finish(&b);

	start(&b, 4, 5, 4, BNNACCEL_CODES_SIGNED4);
	c.outputs = 9;
	c.tile = 12;
	c.scale = several;
	c.scales = P;
	bnnaccel_graph_conv(b.g, b.codes, &c);
	ok(strstr(bnnaccel_graph_error(b.g), "ends inside the 9 outputs"), "%s",
	   bnnaccel_graph_error(b.g));
	finish(&b);
}

/* Binary weights read activations of 8 and of 16 bits. */
static void wide_activations(void)
{
	float weights[3 * 9 * 2];
	int w[3 * 9 * 2];
	struct bnnaccel_conv c = { .outputs = 3,
				   .kernel_h = 3,
				   .kernel_w = 3,
				   .stride_h = 1,
				   .stride_w = 1,
				   .dilation_h = 1,
				   .dilation_w = 1,
				   .weights = weights };

	for (int i = 0; i < 54; i++) {
		weights[i] = random_draw(2) ? 1 : -1;
		w[i] = (int)weights[i];
	}
	for (int wide = 0; wide < 2; wide++) {
		struct bench b;
		unsigned int wrong;
		int x;

		start(&b, 4, 4, 2, BNNACCEL_CODES_SIGNED8);
		x = wide ? real_codes(&b, 1) : b.codes;
		wrong = wrong_sums(&b, &c, w, bnnaccel_graph_conv(b.g, x, &c));
		ok(!wrong && has_field(b.net, BNN_F_CONV_IN_FORMAT,
				       wide ? BNN_FORMAT_S16 : BNN_FORMAT_S8),
		   "binary weights on %d bits: %u sums differ", wide ? 16 : 8, wrong);
		finish(&b);
	}
}

/* Bit planes of the input, a depthwise binary kernel and a scale each (arXiv 2305.02885). */
static void bit_planes(void)
{
	enum { H = 5, W = 6, COLOURS = 3, PLANES = 8 * COLOURS };
	uint8_t table[256];
	struct bnnaccel_encoding e = { .mode = BNNACCEL_ENCODE_BITS, .table = table };
	struct bnnaccel_pool sum = {
		.mode = BNNACCEL_POOL_AVG, .kernel_h = 1, .kernel_w = 1, .group = 8, .divisor = 1
	};
	float *weights = random_reals(PLANES * 9, -1, 1), scale[PLANES];
	struct bnnaccel_conv c = { .outputs = PLANES,
				   .kernel_h = 3,
				   .kernel_w = 3,
				   .pad_top = 1,
				   .pad_left = 1,
				   .pad_bottom = 1,
				   .pad_right = 1,
				   .groups = PLANES,
				   .weights = weights,
				   .scale = scale };
	double worst = 0;
	struct bench b = { .h = H, .w = W, .c = COLOURS };
	int x;

	for (int i = 0; i < 256; i++)
		table[i] = (uint8_t)i;
	for (int i = 0; i < PLANES; i++)
		scale[i] = ldexpf(1 + 0.1f * (float)(i % 5), i % 8 - 8);
	for (int i = 0; i < H * W * COLOURS; i++)
		b.image[i] = (uint8_t)random_draw(256);
	bnnaccel_graph_new("planes", &b.g);
	x = bnnaccel_graph_encode(b.g, bnnaccel_graph_image(b.g, H, W, COLOURS, 0), &e);
	x = bnnaccel_graph_pool(b.g, bnnaccel_graph_conv(b.g, x, &c), &sum);
	if (!evaluate(&b, x))
		worst = 1e9;
	for (int i = 0; i < H * W * COLOURS; i++) {
		int colour = i % COLOURS, y = i / COLOURS / W, column = i / COLOURS % W;
		double want = 0;

		for (int plane = 0; plane < 8; plane++) {
			int sum1 = 0;

			for (int t = 0; t < 9; t++) {
				int iy = y + t / 3 - 1, ix = column + t % 3 - 1;
				int bit;

				if (iy < 0 || iy >= H || ix < 0 || ix >= W)
					continue;
				bit = b.image[(iy * W + ix) * COLOURS + colour] >> plane & 1;
				sum1 += (bit ? 1 : -1) *
					(weights[(8 * colour + plane) * 9 + t] >= 0 ? 1 : -1);
			}
			want += (double)scale[8 * colour + plane] * sum1;
		}
		worst = fmax(worst, fabs(b.out[i] - want));
	}
	ok(worst <= ldexp(8 * 0.51, -b.f), "bit planes with scales: off by %g, one step is %g",
	   worst, ldexp(1, -b.f));
	free(weights);
	finish(&b);
}

int main(void)
{
	random_seed(20);
	geometry();
	same_padding();
	codebook();
	odd_products();
	large_sums();
	ternary();
	tiles();
	wide_activations();
	bit_planes();
	return plan_end();
}
