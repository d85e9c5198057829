// SPDX-License-Identifier: MIT
/*
 * The operators of relatives of the binary networks, each against its formula in
 * floating point.
 */
#include <math.h>
#include <stdlib.h>

#include "bench.h"

static void transposed(void)
{
	for (uint32_t rows = 1; rows <= 2; rows++) {
		unsigned int wrong = 0;
		struct bench b;
		int x;

		start(&b, 4, 4, 6, BNNACCEL_CODES_SIGNED8);
		x = bnnaccel_graph_transpose(b.g, real_codes(&b, 1), rows);
		wrong += !evaluate(&b, x) || b.g->ops[x].h != rows || b.g->ops[x].w != 6 / rows;
		for (uint32_t i = 0; i < 96; i++)
			wrong += b.out[i] != b.value[i % 16 * 6 + i / 16];
		ok(!wrong, "pixels and channels exchanged, %u rows: %u wrong", rows, wrong);
		finish(&b);
	}
}

static void layer_norm(void)
{
	double worst = 0, most = 0;

	for (int round = 0; round < 40; round++) {
		uint32_t c = random_draw(CHANNELS) + 1, i = 0;
		float *scale = random_reals(c, -2, 2), *offset = random_reals(c, -1, 1);
		float epsilon = round % 3 == 0 ? 0 : round % 3 == 1 ? 1e-5f : 0.5f;
		struct bench b;
		int x;

		start(&b, 3, 3, c, BNNACCEL_CODES_SIGNED8);
		x = real_codes(&b, 1.0f / 32);
		x = bnnaccel_graph_layer_norm(b.g, x, scale, offset, epsilon);
		if (!evaluate(&b, x))
			worst = 1e9;
		for (int p = 0; p < 9; p++) {
			double mean = 0, variance = (double)epsilon;

			for (uint32_t k = 0; k < c; k++)
				mean += at(&b, p / 3, p % 3, k) / 32 / c;
			for (uint32_t k = 0; k < c; k++)
				variance += pow(at(&b, p / 3, p % 3, k) / 32 - mean, 2) / c;
			for (uint32_t k = 0; k < c; k++, i++) {
				double z = (at(&b, p / 3, p % 3, k) / 32 - mean) / sqrt(variance);
				double want = (double)offset[k];

				if (variance > 0)
					want += (double)scale[k] * z;
				/* the result, 12 bits of the normalised value, 15 of the gain */
				worst = fmax(worst, fabs(b.out[i] - want) /
							    (0.5 * step(&b) +
							     fabs((double)scale[k]) * 0x1p-13 +
							     3.3 * 0x1p-14));
				most = fmax(most, fabs(b.out[i]));
			}
		}
		free(scale);
		free(offset);
		finish(&b);
	}
	ok(worst <= 1 && most > 1, "layer normalisation: %.3g of what rounding allows", worst);
}

static void functions(void)
{
	static const char *const names[] = { "gelu", "silu", "sigmoid", "tanh" };

	for (int function = 0; function < 4; function++) {
		double worst = 0;

		for (int range = 0; range < 4; range++) {
			float unit = ldexpf(1, -7 + range); /* inputs up to 1, 2, 4, 8 */
			struct bench b;

			start(&b, 8, 8, 12, BNNACCEL_CODES_SIGNED8);
			if (!evaluate(&b,
				      bnnaccel_graph_function(b.g, real_codes(&b, unit),
							      (enum bnnaccel_function)function)))
				worst = 1e9;
			for (int i = 0; i < 8 * 8 * 12; i++) {
				double x = b.value[i] * (double)unit, want;

				want = function == 0   ? x * (1 + erf(x / sqrt(2))) / 2
				       : function == 1 ? x / (1 + exp(-x))
				       : function == 2 ? 1 / (1 + exp(-x))
						       : tanh(x);
				/* entries and the line between them are rounded; it is 2^-6 long */
				worst = fmax(worst,
					     fabs(b.out[i] - want) / (1.01 * step(&b) + 0x1p-15));
			}
			finish(&b);
		}
		ok(worst <= 1, "%s: %.3g of what rounding allows", names[function], worst);
	}
}

static void softmax(void)
{
	double worst = 0;
	struct bench b;

	start(&b, 4, 4, 10, BNNACCEL_CODES_SIGNED8);
	if (!evaluate(&b, bnnaccel_graph_softmax(b.g, real_codes(&b, 1.0f / 16))))
		worst = 1e9;
	for (int p = 0; p < 16; p++) {
		double total = 0;

		for (int c = 0; c < 10; c++)
			total += exp(b.value[p * 10 + c] / 16.0);
		for (int c = 0; c < 10; c++)
			worst = fmax(worst, fabs(b.out[p * 10 + c] -
						 exp(b.value[p * 10 + c] / 16.0) / total));
	}
	ok(worst <= 4 * 0x1p-15, "softmax: off by %.3g steps", worst / 0x1p-15);
	finish(&b);
}

static void aggregations(void)
{
	static const uint32_t starts[7] = { 0, 3, 3, 4, 9, 10, 12 };
	static const uint32_t sources[12] = { 0, 5, 11, 7, 1, 2, 3, 4, 5, 11, 6, 6 };
	float *weights = random_reals(12, -3, 3);

	for (int kind = 0; kind < 4; kind++) {
		struct bnnaccel_edges e = { .mode = (enum bnnaccel_aggregation)(kind % 3),
					    .h = 2,
					    .w = 3,
					    .starts = starts,
					    .sources = sources,
					    .weights = kind == 3 ? weights : NULL };
		double worst = 0;
		struct bench b;

		start(&b, 3, 4, 5, BNNACCEL_CODES_SIGNED8);
		if (!evaluate(&b, bnnaccel_graph_aggregate(b.g, real_codes(&b, 0.125f), &e)))
			worst = 1e9;
		for (uint32_t u = 0; u < 6; u++) {
			for (uint32_t c = 0; c < 5; c++) {
				uint32_t n = starts[u + 1] - starts[u];
				double sum = 0, most = n ? -1e9 : 0, want;

				for (uint32_t i = starts[u]; i < starts[u + 1]; i++) {
					double x = b.value[sources[i] * 5 + c] * 0.125;

					sum += kind == 3 ? (double)weights[i] * x : x;
					most = fmax(most, x);
				}
				want = kind == 2 ? most : kind == 1 && n ? sum / n : sum;
				worst = fmax(worst, fabs(b.out[u * 5 + c] - want));
			}
		}
		/* weights have 16 bits: 13 behind the point, of five inputs up to 16 */
		ok(worst <= (kind == 3	 ? 0.5 * step(&b) + 5 * 16 * 0x1p-14
			     : kind == 1 ? 0.5 * step(&b)
					 : 0),
		   "%s over edges: off by %.3g steps",
		   kind == 0   ? "sum"
		   : kind == 1 ? "mean"
		   : kind == 2 ? "largest"
			       : "weighted sum",
		   worst / step(&b));
		finish(&b);
	}
	free(weights);
}

/* A binary graph layer (arXiv 2012.15823): signs times signs, sums over edges, signs again. */
static void graph_layer(void)
{
	enum { NODES = 12, IN = 6, OUT = 7 };
	uint32_t starts[NODES + 1], sources[3 * NODES];
	struct bnnaccel_edges e = { .starts = starts, .sources = sources };
	float *weights = random_reals(OUT * IN, -1, 1), threshold[OUT];
	struct bnnaccel_conv c = {
		.outputs = OUT, .kernel_h = 1, .kernel_w = 1, .weights = weights
	};
	unsigned int wrong = 0;
	struct bench b;
	int x;

	for (uint32_t u = 0; u < NODES; u++) {
		starts[u] = 3 * u;
		for (int i = 0; i < 3; i++)
			sources[3 * u + (uint32_t)i] = (u * 5 + (uint32_t)i * 7) % NODES;
	}
	starts[NODES] = 3 * NODES;
	for (int i = 0; i < OUT; i++)
		threshold[i] = (float)i - 2;
	start(&b, 3, 4, IN, BNNACCEL_CODES_SIGN);
	x = bnnaccel_graph_aggregate(b.g, bnnaccel_graph_conv(b.g, b.codes, &c), &e);
	x = bnnaccel_graph_sign(b.g, x, threshold);
	b.codes = x;
	b.c = OUT;
	wrong += !evaluate(&b, real_codes(&b, 1));
	for (uint32_t i = 0; i < NODES * OUT; i++) {
		int sum = 0;

		for (int edge = 0; edge < 3; edge++) {
			for (int k = 0; k < IN; k++)
				sum += b.value[sources[i / OUT * 3 + (uint32_t)edge] * IN +
					       (uint32_t)k] *
				       (weights[i % OUT * IN + (uint32_t)k] >= 0 ? 1 : -1);
		}
		wrong += b.out[i] != (sum >= (int)(i % OUT) - 2 ? 1 : -1);
	}
	ok(!wrong, "a binary graph layer: %u of %d signs wrong", wrong, NODES * OUT);
	free(weights);
	finish(&b);
}

/* A last layer of 8 bits by 8 bits. */
static void dense_of_8_bits(void)
{
	float *weights = random_reals(4 * 10, -1, 1), range = 128.0f / 100;
	struct bnnaccel_conv c = { .outputs = 4,
				   .kind = BNNACCEL_WEIGHTS_FLOAT,
				   .weights = weights };
	double worst = 0;
	struct bench b;
	int x;

	start(&b, 1, 1, 10, BNNACCEL_CODES_SIGNED8);
	x = real_codes(&b, 1.0f / 100);
	x = bnnaccel_graph_quantise(b.g, x, BNNACCEL_CODES_SIGNED8, range);
	x = bnnaccel_graph_dense(b.g, x, &c);
	if (!evaluate(&b, x))
		worst = 1e9;
	for (int o = 0; o < 4; o++) {
		double want = 0, scale = 0;

		for (int i = 0; i < 10; i++)
			scale = fmax(scale, fabs((double)weights[o * 10 + i]) / 127);
		for (int i = 0; i < 10; i++) {
			double unit = (double)range / 127;

			want += floor(b.value[i] / 100.0 / unit + 0.5) * unit * scale *
				floor((double)weights[o * 10 + i] / scale + 0.5);
		}
		worst = fmax(worst, fabs(b.out[o] - want));
	}
	ok(worst <= 0.6 * step(&b) && has_field(b.net, BNN_F_CONV_WFORMAT, BNN_WFORMAT_S8) &&
		   has_field(b.net, BNN_F_CONV_IN_FORMAT, BNN_FORMAT_S8),
	   "8 bits by 8 bits: off by %.3g steps", worst / step(&b));
	free(weights);
	finish(&b);
}

int main(void)
{
	random_seed(22);
	transposed();
	layer_norm();
	functions();
	softmax();
	aggregations();
	graph_layer();
	dense_of_8_bits();
	return plan_end();
}
