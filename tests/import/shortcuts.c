// SPDX-License-Identifier: MIT
/* Shortcuts of every kind, codes made beside each other, channels moved, slopes of 2^k. */
#include <math.h>
#include <stdlib.h>

#include "bench.h"

/* Sum of 2x2 or 3x3 codes. */
static double window(const struct bench *b, int y, int x, int side, uint32_t c)
{
	double sum = 0;

	for (int i = 0; i < side * side; i++)
		sum += at(b, y + i / side, x + i % side, c);
	return sum;
}

/* A convolution of the codes with weights of +1 and one scale: scale * (sum of all channels). */
static int sum_channels(struct bench *b, uint32_t outputs, uint32_t stride, float scale)
{
	float ones[CHANNELS * CHANNELS];
	struct bnnaccel_conv c = { .outputs = outputs,
				   .kernel_h = 1,
				   .kernel_w = 1,
				   .stride_h = stride,
				   .stride_w = stride,
				   .weights = ones,
				   .scale = &scale,
				   .scales = 1 };

	for (int i = 0; i < CHANNELS * CHANNELS; i++)
		ones[i] = 1;
	return bnnaccel_graph_conv(b->g, b->codes, &c);
}

enum shortcut {
	IDENTITY,
	AVERAGE_2X2,
	AVERAGE_3X3,
	REPEATED,
	PADDED,
	AVERAGED_PADDED,
	GROUP_MEAN,
	JOINED,
	SHORTCUTS
};

/* Adds a shortcut of a kind to sums of channels; *flags and what it is made of. */
static int add_shortcut(struct bench *b, enum shortcut kind)
{
	static const unsigned int flags[SHORTCUTS] = {
		[AVERAGE_2X2] = BNNACCEL_ADD_AVG2X2,
		[PADDED] = BNNACCEL_ADD_ZERO,
		[AVERAGED_PADDED] = BNNACCEL_ADD_AVG2X2 | BNNACCEL_ADD_ZERO,
	};
	struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_AVG,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .stride_h = 2,
				      .stride_w = 2,
				      .pad_bottom = 1,
				      .pad_right = 1 };
	struct bnnaccel_pool mean = {
		.mode = BNNACCEL_POOL_AVG, .kernel_h = 1, .kernel_w = 1, .group = 2
	};
	bool halved = kind == AVERAGE_2X2 || kind == AVERAGE_3X3 || kind == AVERAGED_PADDED;
	bool more = kind == REPEATED || kind == PADDED || kind == AVERAGED_PADDED;
	uint32_t outputs = kind == GROUP_MEAN ? b->c / 2 : more || kind == JOINED ? 2 * b->c : b->c;
	int a = sum_channels(b, outputs, halved ? 2 : 1, 0.25f), x = real_codes(b, 1);

	if (kind == AVERAGE_3X3)
		x = bnnaccel_graph_pool(b->g, x, &pool);
	if (kind == GROUP_MEAN)
		x = bnnaccel_graph_pool(b->g, x, &mean);
	if (kind == JOINED)
		x = bnnaccel_graph_concat(b->g, x, sum_channels(b, b->c, 1, 2));
	return bnnaccel_graph_add(b->g, a, x, flags[kind]);
}

static double shortcut_value(const struct bench *b, enum shortcut kind, int y, int x, uint32_t c)
{
	double all = 0;

	for (uint32_t i = 0; i < b->c; i++)
		all += at(b, y, x, i);
	switch (kind) {
	case AVERAGE_2X2:
		return window(b, 2 * y, 2 * x, 2, c) / 4;
	case AVERAGE_3X3:
		return window(b, 2 * y, 2 * x, 3, c) / 9;
	case REPEATED:
		return at(b, y, x, c % b->c);
	case PADDED:
		return c < b->c ? at(b, y, x, c) : 0;
	case AVERAGED_PADDED:
		return c < b->c ? window(b, 2 * y, 2 * x, 2, c) / 4 : 0;
	case GROUP_MEAN:
		return (at(b, y, x, 2 * c) + at(b, y, x, 2 * c + 1)) / 2;
	case JOINED:
		return c < b->c ? at(b, y, x, c) : 2 * all;
	default:
		return at(b, y, x, c);
	}
}

static void shortcuts(void)
{
	static const char *const names[SHORTCUTS] = { "identity",     "2x2 averages",
						      "3x3 averages", "repeated channels",
						      "zeros",	      "averages, zeros",
						      "group means",  "two tensors joined" };

	for (int kind = 0; kind < SHORTCUTS; kind++) {
		double worst = 0;
		struct bench b;
		int t, stride;
		uint32_t i = 0;

		start(&b, 6, 8, 6, BNNACCEL_CODES_SIGNED4);
		t = add_shortcut(&b, (enum shortcut)kind);
		if (!evaluate(&b, t))
			worst = 1e9;
		stride = t >= 0 && b.g->ops[t].h == 3 ? 2 : 1;
		for (uint32_t p = 0; t >= 0 && p < b.g->ops[t].h * b.g->ops[t].w; p++) {
			int y = (int)(p / b.g->ops[t].w), x = (int)(p % b.g->ops[t].w);
			double sum = 0;

			for (uint32_t c = 0; c < b.c; c++)
				sum += at(&b, stride * y, stride * x, c) * 0.25;
			for (uint32_t c = 0; c < b.g->ops[t].c; c++, i++)
				worst = fmax(worst, fabs(b.out[i] - sum -
							 shortcut_value(&b, (enum shortcut)kind, y,
									x, c)));
		}
		/* a pool rounds once more */
		ok(worst <= step(&b) * (kind == AVERAGE_3X3 ? 1.01 : 0.51),
		   "shortcut, %s: off by %.3g steps", names[kind], worst / step(&b));
		finish(&b);
	}
}

/*
 * FracBNN for ImageNet: shortcuts are codes of 4 bits, (2q - 15)/15, or 2x2 averages of
 * them. What is added is an integer 15 times as large, so that only the end rounds: the
 * result, and its slope of 1/15 to 16 bits.
 */
static void codes_of_4_bits(void)
{
	for (int halved = 0; halved < 2; halved++) {
		enum bnnaccel_codes kind = BNNACCEL_CODES_SIGNED8;
		double worst = 0;
		bool packed = false;
		struct bench b;
		int x, q;
		uint32_t i = 0;

		start(&b, 6, 6, 4, kind);
		/* no code lies at a threshold but that of 0, which is exact */
		x = real_codes(&b, 1.0f / 101);
		q = bnnaccel_graph_quantise(b.g, x, BNNACCEL_CODES_ODD4, 1);
		x = sum_channels(&b, 8, halved ? 2 : 1, 1.0f / 64);
		x = bnnaccel_graph_add(b.g, x, q, halved ? BNNACCEL_ADD_AVG2X2 : 0);
		if (!evaluate(&b, x))
			worst = 1e9;
		for (int p = 0; p < (halved ? 9 : 36); p++) {
			int side = halved ? 3 : 6, s = halved ? 2 : 1;
			int py = s * (p / side), px = s * (p % side);
			double sum = 0;

			for (uint32_t c = 0; c < 4; c++)
				sum += at(&b, py, px, c) / 64;
			for (uint32_t c = 0; c < 8; c++, i++) {
				double codes = 0, want;

				for (int e = 0; e < s * s; e++) {
					double v = at(&b, py + e / 2, px + e % 2, c % 4) / 101;

					codes += 2 * fmin(fmax(floor((v + 1) * 7.5 + 0.5), 0), 15) -
						 15;
				}
				want = sum + codes / 15 / s / s;
				worst = fmax(worst, fabs(b.out[i] - want) / (0.5 * step(&b) +
									     fabs(want) * 0x1p-15));
			}
		}
		for (size_t n = 0; b.net && n < b.net->node_count; n++)
			packed |= bnn_field_get(b.net->nodes[n].words, BNN_F_CONV_RES1_FORMAT) ==
					  BNN_FORMAT_E_O4 &&
				  (b.net->nodes[n].words[0] & 0xff) == BNN_CMD_CONV;
		ok(worst <= 1 && packed, "shortcut of 4 bits%s: %.3g of what rounding allows",
		   halved ? ", averaged" : "", worst);
		finish(&b);
	}
}

/* Output and shortcut of FracBNN's block are codes of the same tensor: one command makes both. */
static void codes_of_2_and_4_bits(void)
{
	struct bench b;
	int x, q2, q4;
	unsigned int commands = 0;

	start(&b, 4, 4, 4, BNNACCEL_CODES_SIGNED8);
	x = real_codes(&b, 1.0f / 100);
	q2 = bnnaccel_graph_quantise(b.g, x, BNNACCEL_CODES_ODD2, 1);
	q4 = bnnaccel_graph_quantise(b.g, x, BNNACCEL_CODES_ODD4, 1);
	b.codes = q2;
	x = bnnaccel_graph_add(b.g, sum_channels(&b, 4, 1, 1), q4, 0);
	if (evaluate(&b, x)) {
		for (size_t i = 0; i < b.net->node_count; i++) {
			const uint32_t *words = b.net->nodes[i].words;

			commands += (words[0] & 0xff) == BNN_CMD_CONV &&
				    bnn_field_get(words, BNN_F_CONV_OUTP_FORMAT) == BNN_FORMAT_O2 &&
				    bnn_field_get(words, BNN_F_CONV_OUTS_FORMAT) == BNN_FORMAT_E_O4;
		}
	}
	ok(commands == 1, "one command makes codes of 2 and of 4 bits");
	finish(&b);
}

/* Means of codes of 8 bits are codes again: 3x3 windows at the edge, and groups of channels. */
static void means_of_codes(void)
{
	for (int kind = 0; kind < 4; kind++) {
		bool sign = kind & 1, groups = kind & 2;
		enum bnnaccel_codes codes =
			sign ? BNNACCEL_CODES_SIGNED8 : BNNACCEL_CODES_UNSIGNED8;
		struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_AVG,
					      .kernel_h = groups ? 1 : 3,
					      .kernel_w = groups ? 1 : 3,
					      .stride_h = groups ? 1 : 2,
					      .stride_w = groups ? 1 : 2,
					      .pad_bottom = !groups,
					      .pad_right = !groups,
					      .group = groups ? 3 : 1 };
		uint32_t outputs = groups ? 2 : 6;
		unsigned int wrong = 0;
		bool packed = false;
		struct bench b;
		uint32_t i = 0;
		int x, s = groups ? 1 : 2;

		start(&b, 6, 6, 6, codes);
		/* units of 2^-4: nothing is rounded but the mean */
		x = bnnaccel_graph_quantise(b.g, real_codes(&b, 0x1p-4f), codes,
					    (sign ? 127 : 255) * 0x1p-4f);
		x = bnnaccel_graph_pool(b.g, x, &pool);
		x = bnnaccel_graph_add(b.g, sum_channels(&b, outputs, (uint32_t)s, 0x1p-4f), x, 0);
		wrong += !evaluate(&b, x);
		for (int p = 0; p < 36 / s / s; p++) {
			int py = s * (p / (6 / s)), px = s * (p % (6 / s));
			double all = 0;

			for (uint32_t c = 0; c < b.c; c++)
				all += at(&b, py, px, c);
			for (uint32_t c = 0; c < outputs; c++, i++) {
				double sum = groups ? at(&b, py, px, 3 * c) +
							      at(&b, py, px, 3 * c + 1) +
							      at(&b, py, px, 3 * c + 2)
						    : window(&b, py, px, 3, c);
				double mean = floor(sum / (groups ? 3 : 9) + 0.5);

				wrong += b.out[i] != (all + mean) / 16;
			}
		}
		for (size_t n = 0; b.net && n < b.net->node_count; n++)
			packed |= (b.net->nodes[n].words[0] & 0xff) == BNN_CMD_POOL &&
				  bnn_field_get(b.net->nodes[n].words, BNN_F_POOL_OUT_FORMAT) ==
					  (sign ? BNN_FORMAT_E_S8 : BNN_FORMAT_E_U8);
		ok(!wrong && packed, "means of %s codes, %s: %u wrong",
		   sign ? "signed" : "unsigned", groups ? "groups" : "3x3", wrong);
		finish(&b);
	}
}

/* The same graph in floating point: a mean of codes is rounded there, too. */
static void means_in_reference(void)
{
	const struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_AVG,
					    .kernel_h = 2,
					    .kernel_w = 2 };
	unsigned int wrong = 0;
	double *values[4] = { NULL };
	struct bench b;

	start(&b, 4, 4, 3, BNNACCEL_CODES_SIGNED8);
	bnnaccel_graph_pool(b.g, b.codes, &pool);
	wrong += bnn_reference_run(b.g, b.image, values, &b.error) != 0;
	for (int i = 0; !wrong && i < 12; i++)
		wrong += values[2][i] !=
			 floor(window(&b, i / 6 * 2, i / 3 % 2 * 2, 2, (uint32_t)i % 3) / 4 + 0.5);
	ok(!wrong, "means of codes in floating point: %u wrong", wrong);
	bnn_reference_free(b.g, values);
	finish(&b);
}

static void max_pool(void)
{
	struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_MAX,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .stride_h = 2,
				      .stride_w = 2,
				      .pad_top = 1,
				      .pad_left = 1 };
	unsigned int wrong = 0;
	struct bench b;
	uint32_t i = 0;

	start(&b, 7, 7, 3, BNNACCEL_CODES_SIGNED8);
	if (!evaluate(&b, bnnaccel_graph_pool(b.g, real_codes(&b, 1), &pool)))
		wrong++;
	for (int p = 0; p < 9; p++) {
		for (uint32_t c = 0; c < 3; c++, i++) {
			double most = -1000;

			for (int t = 0; t < 9; t++) {
				int y = 2 * (p / 3) + t / 3 - 1, x = 2 * (p % 3) + t % 3 - 1;

				if (y >= 0 && x >= 0)
					most = fmax(most, at(&b, y, x, c));
			}
			wrong += b.out[i] != most;
		}
	}
	ok(!wrong, "max pool of a stream: %u wrong", wrong);
	finish(&b);
}

static void selection(void)
{
	static const uint32_t picked[5] = { 5, 0, 5, 3, 1 };
	unsigned int wrong = 0;

	for (int real = 0; real < 2; real++) {
		struct bench b;
		int x;

		start(&b, 3, 4, 6, real ? BNNACCEL_CODES_SIGNED8 : BNNACCEL_CODES_SIGN);
		x = bnnaccel_graph_select(b.g, real ? real_codes(&b, 1) : b.codes, picked, 5);
		if (!real) {
			/* codes stay codes; a grouped convolution of one channel each shows them */
			b.codes = bnnaccel_graph_shuffle(b.g, x, 5);
			b.c = 5;
			x = real_codes(&b, 1);
			b.c = 6;
		}
		wrong += !evaluate(&b, x);
		for (uint32_t i = 0; i < 60; i++)
			wrong += b.out[i] !=
				 at(&b, (int)(i / 5 / 4), (int)(i / 5 % 4), picked[i % 5]);
		finish(&b);
	}
	ok(!wrong, "channels selected: %u wrong", wrong);
}

/* Channel shuffle between grouped convolutions. */
static void shuffled(void)
{
	unsigned int wrong = 0;
	struct bench b;

	start(&b, 2, 3, 12, BNNACCEL_CODES_SIGN);
	b.codes = bnnaccel_graph_shuffle(b.g, b.codes, 3);
	wrong += !evaluate(&b, real_codes(&b, 1));
	for (uint32_t i = 0; i < 72; i++)
		wrong += b.out[i] !=
			 at(&b, (int)(i / 12 / 3), (int)(i / 12 % 3), i % 12 % 3 * 4 + i % 12 / 3);
	ok(!wrong, "channels shuffled: %u wrong", wrong);
	finish(&b);
}

/* A&B BNN's RPReLU with slopes 2^k of both signs of k, behind a shortcut, without multiplier. */
static void slopes(void)
{
	enum { N = 12 };
	float shift_x[N], slope[N], shift_y[N];
	double worst = 0;
	bool shifts = false;
	struct bench b;
	int x;

	for (int i = 0; i < N; i++) {
		shift_x[i] = 0.125f * (float)(i - 6);
		slope[i] = ldexpf(1, i - 5); /* up to 2^6 */
		shift_y[i] = 0.0625f * (float)(3 - i);
	}
	start(&b, 5, 5, N, BNNACCEL_CODES_SIGNED4);
	x = bnnaccel_graph_add(b.g, sum_channels(&b, N, 1, 0.0625f), real_codes(&b, 0.125f), 0);
	x = bnnaccel_graph_rprelu(b.g, x, shift_x, slope, shift_y);
	if (!evaluate(&b, x))
		worst = 1e9;
	for (int i = 0; i < 25 * N; i++) {
		double sum = 0, u;
		int c = i % N;

		for (int k = 0; k < N; k++)
			sum += b.value[i / N * N + k] * 0.0625;
		u = sum + b.value[i] * 0.125 + (double)shift_x[c];
		worst = fmax(worst, fabs(b.out[i] - (u < 0 ? u * (double)slope[c] : u) -
					 (double)shift_y[c]));
	}
	for (size_t i = 0; b.net && i < b.net->node_count; i++)
		shifts |= (b.net->nodes[i].words[0] & 0xff) == BNN_CMD_CONV &&
			  bnn_field_get(b.net->nodes[i].words, BNN_F_CONV_P2_POW2);
	ok(worst <= 0.51 * step(&b) && shifts,
	   "slopes from 2^-5 to 2^6 by shifts: off by %.3g steps", worst / step(&b));
	finish(&b);
}

/* Two blocks of A&B BNN between layers with real scales; multiplications as built. */
static uint64_t multiplications(bool pow2, uint64_t *all)
{
	struct bnnaccel_build_options options = { .size = sizeof(options), .pow2_scales = pow2 };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT };
	struct bnnaccel_figures figures = { .size = sizeof(figures) };
	struct bnnaccel_model *model = NULL;
	struct bnnaccel *ctx = NULL;
	struct bench b;
	int x;

	start(&b, 8, 8, 8, BNNACCEL_CODES_SIGNED8);
	x = real_codes(&b, 0.37f);
	for (int block = 0; block < 2; block++) {
		float *weights = random_reals(8 * 9 * 8, -1, 1),
		      *scale = random_reals(8, -0.1, 0.1);
		float *shift = random_reals(8, -1, 1), slope[8];
		struct bnnaccel_conv c = { .outputs = 8,
					   .kernel_h = 3,
					   .kernel_w = 3,
					   .pad_top = 1,
					   .pad_left = 1,
					   .pad_bottom = 1,
					   .pad_right = 1,
					   .weights = weights,
					   .scale = scale };
		int y = bnnaccel_graph_conv(b.g, bnnaccel_graph_sign(b.g, x, shift), &c);

		for (int i = 0; i < 8; i++)
			slope[i] = ldexpf(1, i - 6);
		x = bnnaccel_graph_rprelu(b.g, bnnaccel_graph_add(b.g, y, x, 0), shift, slope,
					  shift);
		free(weights);
		free(scale);
		free(shift);
	}
	/* the last layer */
	{
		float *weights = random_reals(8 * 3, -1, 1);
		struct bnnaccel_conv c = { .outputs = 3,
					   .kind = BNNACCEL_WEIGHTS_FLOAT,
					   .weights = weights };

		x = bnnaccel_graph_dense(b.g, bnnaccel_graph_mean(b.g, x), &c);
		free(weights);
	}
	bnnaccel_graph_output(b.g, x, &output);
	bnnaccel_open(&ctx);
	if (bnnaccel_graph_build(ctx, b.g, &options, &model) ||
	    bnnaccel_model_get_figures(ctx, model, &figures))
		note("%s", bnnaccel_last_error(ctx));
	bnnaccel_model_free(ctx, model);
	bnnaccel_close(ctx);
	finish(&b);
	*all = figures.multiplications;
	return figures.multiplications_inside;
}

static void powers_of_two(void)
{
	uint64_t all, all_pow2, inside = multiplications(false, &all);
	uint64_t inside_pow2 = multiplications(true, &all_pow2);

	ok(inside == 2 * 8 * 8 * 8 && !inside_pow2 && all_pow2 && all == all_pow2 + inside,
	   "rounded scales: %llu multiplications inside instead of %llu",
	   (unsigned long long)inside_pow2, (unsigned long long)inside);
}

int main(void)
{
	random_seed(21);
	shortcuts();
	codes_of_4_bits();
	codes_of_2_and_4_bits();
	means_of_codes();
	means_in_reference();
	max_pool();
	selection();
	shuffled();
	slopes();
	powers_of_two();
	return plan_end();
}
