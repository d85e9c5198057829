// SPDX-License-Identifier: MIT
/*
 * Dense layers of 16-bit activations whose weights of 8 bits could exceed the
 * accumulator, and those just below, against sums in floating point written down here.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { OUTPUTS = 24, IMAGES = 3 };

/* A layer of k weights per output on a real tensor of k channels. */
struct wide {
	uint32_t k, kind; /* enum bnnaccel_weights_kind */
	uint8_t *images;
	float *scale;  /* [k]: x = byte - 128 times this */
	double *w;     /* [OUTPUTS][k], what the layer is to multiply with */
	float *factor; /* [OUTPUTS], of weights that are integers; else NULL */
	void *weights; /* as the graph takes them */
	struct bnnaccel_graph *g;
	struct bnn_net *net;
};

static void draw_weights(struct wide *t)
{
	size_t n = (size_t)OUTPUTS * t->k;

	t->w = malloc(n * sizeof(double));
	t->factor = random_reals(OUTPUTS, 0.001, 0.002);
	if (t->kind == BNNACCEL_WEIGHTS_FLOAT) {
		float *f = t->weights = random_reals((uint32_t)n, -1, 1);

		for (uint32_t o = 0; o < OUTPUTS; o++) {
			double max = 0;

			for (uint32_t j = 0; j < t->k; j++)
				max = fmax(max, fabs((double)f[o * t->k + j]));
			/* as documented: rounded to 8 bits with one scale per output */
			for (uint32_t j = 0; j < t->k; j++)
				t->w[o * t->k + j] =
					floor((double)f[o * t->k + j] * 127 / max + 0.5) * max /
					127 * (double)t->factor[o];
		}
	} else if (t->kind == BNNACCEL_WEIGHTS_INT8) {
		int8_t *v = t->weights = malloc(n);

		for (size_t i = 0; i < n; i++) {
			v[i] = (int8_t)random_draw(256); /* every code, -128 included */
			t->w[i] = v[i] * (double)t->factor[i / t->k];
		}
	} else {
		int16_t *v = t->weights = malloc(n * sizeof(*v));

		for (size_t i = 0; i < n; i++) {
			v[i] = (int16_t)(2 * (int)random_draw(256) - 255);
			t->w[i] = v[i] * (double)t->factor[i / t->k];
		}
	}
}

/* 0, or an error of the lowering. */
static int build(struct wide *t, struct bnn_error *error)
{
	struct bnnaccel_build_options options = { .size = sizeof(options),
						  .images = t->images,
						  .image_count = IMAGES };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT, .bits = 32 };
	struct bnnaccel_encoding encoding = { .codes = BNNACCEL_CODES_SIGNED8 };
	struct bnnaccel_conv each = { .outputs = t->k,
				      .groups = t->k,
				      .kernel_h = 1,
				      .kernel_w = 1,
				      .kind = BNNACCEL_WEIGHTS_INT8 };
	struct bnnaccel_conv dense = { .outputs = OUTPUTS,
				       .kind = (enum bnnaccel_weights_kind)t->kind,
				       .weights = t->weights,
				       .scale = t->factor };
	uint8_t table[256];
	int8_t *ones = malloc(t->k);
	uint32_t rows = 1;
	int x;

	for (int i = 0; i < 256; i++)
		table[i] = (uint8_t)(i - 128);
	memset(ones, 1, t->k);
	encoding.table = table;
	each.weights = ones;
	each.scale = t->scale;
	bnnaccel_graph_new("wide", &t->g);
	while (t->k % rows || t->k / rows > 4096)
		rows++;
	x = bnnaccel_graph_image(t->g, rows, t->k / rows, 1, 0);
	x = bnnaccel_graph_encode(t->g, bnnaccel_graph_flatten(t->g, x), &encoding);
	x = bnnaccel_graph_name(t->g, bnnaccel_graph_conv(t->g, x, &each), "x");
	x = bnnaccel_graph_dense(t->g, x, &dense);
	bnnaccel_graph_output(t->g, x, &output);
	free(ones);
	return bnn_graph_lower(t->g, &options, &t->net, error);
}

/* One unit in the last place of the streams (or planes) that are no outputs, in their order. */
static double place(const struct bnn_net *net, unsigned int format)
{
	for (size_t i = 0; i < net->value_count; i++) {
		if (net->values[i].format == format)
			return ldexp(1, -net->values[i].f);
	}
	return 0;
}

/* Whether the layer is one convolution with weights of 8 bits, or two with these formats. */
static bool convolutions(const struct bnn_net *net, unsigned int high, unsigned int rest)
{
	unsigned int found[8] = { 0 }, wanted[8] = { 0 };

	wanted[high]++;
	if (high != BNN_WFORMAT_S8)
		wanted[rest]++;
	for (size_t i = 0; i < net->node_count; i++) {
		const uint32_t *words = net->nodes[i].words;

		if ((words[0] & 0xff) == BNN_CMD_CONV &&
		    bnn_field_get(words, BNN_F_CONV_COUT) == OUTPUTS)
			found[bnn_field_get(words, BNN_F_CONV_WFORMAT) % 8]++;
	}
	return !memcmp(found, wanted, sizeof(found));
}

/*
 * The bound: x is rounded once, to 16 bits (half a unit, and its 16-bit slope, 2^-15 of x);
 * both sums keep 23 bits, their slopes 15; the smaller sum is rounded to 16 bits, and the
 * result once. Returns the largest error over what is allowed; *gain: the bound of reading 8-bit
 * codes of the largest x over this one, at least.
 */
static double worst(const struct wide *t, const uint8_t *outputs, double *gain)
{
	const struct bnn_value *out = &t->net->values[t->net->output.value];
	double unit = ldexp(1, -out->f), most = 0, top = 0;
	double x_unit = place(t->net, BNN_FORMAT_S16), rest_unit = place(t->net, BNN_FORMAT_E_S16);

	for (uint32_t i = 0; i < t->k; i++)
		top = fmax(top, 128 * (double)t->scale[i]);
	for (uint32_t n = 0; n < IMAGES; n++) {
		for (uint32_t o = 0; o < OUTPUTS; o++) {
			double sum = 0, all = 0, norm = 0, bound, eight;

			for (uint32_t j = 0; j < t->k; j++) {
				double w = t->w[o * t->k + j];
				double x = (t->images[n * t->k + j] - 128) * (double)t->scale[j];

				sum += x * w;
				all += fabs(x * w);
				norm += fabs(w);
			}
			bound = norm * (x_unit / 2 + ldexp(top, -15)) + ldexp(all, -14) +
				rest_unit + unit;
			eight = norm * top / 254;
			most = fmax(most,
				    fabs((double)output_int(t->net, outputs + n * out->bytes, o) *
						 unit -
					 sum) /
					    bound);
			*gain = fmin(*gain, eight / bound);
		}
	}
	return most;
}

static void dense(uint32_t k, enum bnnaccel_weights_kind kind, unsigned int high, unsigned int rest)
{
	static const char *const names[] = { [BNNACCEL_WEIGHTS_FLOAT] = "real",
					     [BNNACCEL_WEIGHTS_INT8] = "integer",
					     [BNNACCEL_WEIGHTS_ODD] = "odd" };
	static const struct bnn_exec_ops *const ops[] = { &bnn_exec_cpu, &bnn_exec_model };
	struct wide t = { .k = k, .kind = kind };
	struct bnn_error error = { .text = "" };
	double most = INFINITY, gain = INFINITY;
	uint8_t *outputs[2] = { NULL, NULL };
	bool parts = false, same = false;
	size_t bytes = 0;

	t.images = malloc((size_t)IMAGES * k);
	for (uint32_t i = 0; i < IMAGES * k; i++)
		t.images[i] = (uint8_t)random_draw(256);
	t.scale = random_reals(k, 0.005, 0.01);
	draw_weights(&t);
	if (!build(&t, &error)) {
		bytes = IMAGES * t.net->values[t.net->output.value].bytes;
		parts = convolutions(t.net, high, rest);
	}
	for (int i = 0; i < 2 && bytes; i++) {
		struct bnn_exec *exec;

		outputs[i] = calloc(1, bytes);
		if (ops[i]->open(t.net, NULL, &exec, &error))
			break;
		if (!ops[i]->run(exec, t.images, k, outputs[i], IMAGES, &error) && !i)
			most = worst(&t, outputs[0], &gain);
		ops[i]->close(exec);
	}
	same = outputs[1] && !memcmp(outputs[0], outputs[1], bytes);
	if (error.text[0])
		note("%s", error.text);
	ok(parts && most <= 1 && gain > 20,
	   "%u products of 16 bits with %s weights of 8: %s, %.2f of the bound, a %.0fth of that "
	   "of "
	   "8-bit codes",
	   k, names[kind], high == BNN_WFORMAT_S8 ? "one sum" : "two of 4 bits", most, gain);
	ok(same, "%u products with %s weights: cpu = model", k, names[kind]);
	free(outputs[0]);
	free(outputs[1]);
	free(t.images);
	free(t.scale);
	free(t.w);
	free(t.factor);
	free(t.weights);
	bnn_net_free(t.net);
	bnnaccel_graph_free(t.g);
}

/* Beyond what two parts can hold: an error that says what to do. */
static void too_wide(void)
{
	struct wide t = { .k = 4370, .kind = BNNACCEL_WEIGHTS_FLOAT };
	struct bnn_error error = { .text = "" };
	int rc;

	t.images = calloc(IMAGES, t.k);
	t.scale = random_reals(t.k, 0.005, 0.01);
	draw_weights(&t);
	rc = build(&t, &error);
	ok(rc == BNNACCEL_ERR_UNSUPPORTED && strstr(error.text, "quantise its input"),
	   "%u products: %s", t.k, error.text);
	free(t.images);
	free(t.scale);
	free(t.w);
	free(t.factor);
	free(t.weights);
	bnn_net_free(t.net);
	bnnaccel_graph_free(t.g);
}

int main(void)
{
	random_seed(60);
	dense(511, BNNACCEL_WEIGHTS_FLOAT, BNN_WFORMAT_S8, BNN_WFORMAT_S8);
	dense(512, BNNACCEL_WEIGHTS_FLOAT, BNN_WFORMAT_O4, BNN_WFORMAT_S4);
	dense(512, BNNACCEL_WEIGHTS_INT8, BNN_WFORMAT_O4, BNN_WFORMAT_S4);
	dense(258, BNNACCEL_WEIGHTS_ODD, BNN_WFORMAT_O4, BNN_WFORMAT_O4);
	dense(2048, BNNACCEL_WEIGHTS_FLOAT, BNN_WFORMAT_O4, BNN_WFORMAT_S4);
	dense(2048, BNNACCEL_WEIGHTS_INT8, BNN_WFORMAT_O4, BNN_WFORMAT_S4);
	dense(4369, BNNACCEL_WEIGHTS_FLOAT, BNN_WFORMAT_O4, BNN_WFORMAT_S4);
	too_wide();
	return plan_end();
}
