// SPDX-License-Identifier: MIT
/*
 * Random graphs: the lowered integers against the graph in floating point. Codes
 * are made from the image only, through tables, so nothing can flip and the
 * results differ by rounding alone.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

static uint64_t state;

static uint32_t draw(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % n;
}

static float real(double lo, double hi)
{
	return (float)(lo + (hi - lo) * draw(1 << 24) / (1 << 24));
}

static float *reals(uint32_t n, double lo, double hi)
{
	float *v = malloc(n * sizeof(*v));

	for (uint32_t i = 0; i < n; i++)
		v[i] = real(lo, hi);
	return v;
}

/* Scales and slopes are rounded to powers of two: nothing is multiplied then (POW2). */
static bool powers;

static void to_powers(float *v, uint32_t n)
{
	for (uint32_t i = 0; powers && i < n; i++) {
		if (v[i] != 0)
			v[i] = copysignf(ldexpf(1, (int)lround(log2(fabs((double)v[i])))), v[i]);
	}
}

struct builder {
	struct bnnaccel_graph *g;
	int codes; /* encoded image */
	char story[512];
};

static void tell(struct builder *b, const char *what)
{
	size_t n = strlen(b->story);

	snprintf(b->story + n, sizeof(b->story) - n, " %s", what);
}

static const struct bnn_op *shape(const struct builder *b, int t)
{
	return &b->g->ops[t];
}

static void encode(struct builder *b)
{
	static const char *const names[] = {
		"sign", "odd2", "odd4", "odd8", "u4", "u8", "s4", "s8"
	};
	uint32_t colours = draw(3) + 1, n = draw(3);
	uint8_t table[3 * 256];
	struct bnnaccel_encoding e = { .table = table, .tables = n ? colours : 1 };
	int x = bnnaccel_graph_image(b->g, 2 * draw(4) + 4, 2 * draw(4) + 4, colours, (int)draw(2));

	for (int i = 0; i < 3 * 256; i++)
		table[i] = (uint8_t)draw(256);
	e.mode = draw(4)   ? BNNACCEL_ENCODE_VALUE
		 : draw(2) ? BNNACCEL_ENCODE_THERMOMETER
			   : BNNACCEL_ENCODE_BITS;
	e.levels = e.mode == BNNACCEL_ENCODE_THERMOMETER ? draw(20) + 1 : 0;
	e.codes = (enum bnnaccel_codes)draw(8);
	tell(b, e.mode == BNNACCEL_ENCODE_VALUE ? names[e.codes] : "bits");
	b->codes = bnnaccel_graph_encode(b->g, x, &e);
}

/* A convolution of codes or of a real tensor with random weights of a random kind. */
static int conv(struct builder *b, int x, uint32_t outputs, uint32_t kernel, uint32_t stride)
{
	const struct bnn_op *in = shape(b, x);
	uint32_t groups = draw(4) || in->c % 2 || outputs % 2 ? 1 : 2;
	uint32_t k = kernel * kernel * in->c / groups;
	size_t row = (k + 7) / 8 + draw(3);
	struct bnnaccel_conv c = { .outputs = outputs,
				   .kernel_h = kernel,
				   .kernel_w = kernel,
				   .stride_h = stride,
				   .stride_w = stride,
				   .groups = groups,
				   .pad_top = kernel / 2,
				   .pad_left = kernel / 2,
				   .pad_bottom = kernel / 2,
				   .pad_right = kernel / 2,
				   .row_bytes = row };
	bool codes = in->domain == BNN_DOMAIN_CODES;
	int max[] = { 1, 7, 127 };
	float *scale, *bias = reals(outputs, -1, 1), *gates = NULL, *floats;
	void *weights;
	int id;

	c.kind = (enum bnnaccel_weights_kind)draw(5);
	c.order = c.kind == BNNACCEL_WEIGHTS_BITS || c.kind == BNNACCEL_WEIGHTS_TILED
			  ? BNNACCEL_OHWI
			  : (enum bnnaccel_weights_order)draw(2);
	if (codes && draw(3) == 0)
		c.pad_value = (int)draw(3) - 1;
	floats = reals(outputs * k, -1, 1);
	weights = malloc(outputs * row + outputs * k);
	for (size_t i = 0; i < outputs * row + outputs * k; i++)
		((uint8_t *)weights)[i] = (uint8_t)draw(256);
	if (c.kind == BNNACCEL_WEIGHTS_INT8) {
		int m = max[draw(3)];

		for (uint32_t i = 0; i < outputs * k; i++)
			((int8_t *)weights)[i] = (int8_t)((int)draw((uint32_t)(2 * m + 1)) - m);
	}
	c.weights = c.kind == BNNACCEL_WEIGHTS_SIGN || c.kind == BNNACCEL_WEIGHTS_FLOAT
			    ? (void *)floats
			    : weights;
	if (c.kind == BNNACCEL_WEIGHTS_TILED) {
		c.tile = draw(4) + 1;
		while (outputs * k % c.tile)
			c.tile--;
	}
	if (codes && in->codes == BNNACCEL_CODES_ODD2 && c.kind <= BNNACCEL_WEIGHTS_TILED &&
	    draw(2))
		c.gates = gates = reals(outputs, -4, 8);
	/* keep values near 1 */
	c.scales = draw(2) ? 1 : outputs;
	scale = reals(outputs, -2.0 / k, 2.0 / k);
	if (codes) {
		for (uint32_t i = 0; i < outputs; i++)
			scale[i] /= (float)bnn_codes_max(in->codes);
	}
	to_powers(scale, outputs);
	c.scale = scale;
	c.bias = bias;
	tell(b, gates ? "gated" : c.kind == BNNACCEL_WEIGHTS_TILED ? "tiled" : "conv");
	id = bnnaccel_graph_conv(b->g, x, &c);
	free(scale);
	free(bias);
	free(gates);
	free(floats);
	free(weights);
	return id;
}

/* Something to add to x: itself, a tensor of its shape, of twice its size, of fewer channels. */
static int residual(struct builder *b, int x, unsigned int *flags)
{
	const struct bnn_op *a = shape(b, x), *codes = shape(b, b->codes);
	uint32_t c = a->c, fewer;

	*flags = 0;
	if (draw(6) == 0 || codes->h % a->h || codes->w % a->w)
		return x;
	fewer = draw(2) && c % 2 == 0 ? c / 2 : c;
	if (fewer < c && draw(2))
		*flags = BNNACCEL_ADD_ZERO;
	if (codes->h == 2 * a->h && codes->w == 2 * a->w && draw(2)) {
		*flags |= BNNACCEL_ADD_AVG2X2;
		return conv(b, b->codes, fewer, 3, 1);
	}
	if (codes->h / a->h != codes->w / a->w || codes->h / a->h > 4) {
		*flags = 0;
		return x;
	}
	return conv(b, b->codes, fewer, 1, codes->h / a->h);
}

static int step(struct builder *b, int x)
{
	uint32_t c = shape(b, x)->c;
	float *p = reals(c, -1, 1), *q = reals(c, -1.5, 1.5), *r = reals(c, -1, 1),
	      *s = reals(c, -1, 1);
	unsigned int flags;
	int y;

	to_powers(q, c);
	to_powers(r, c);
	switch (draw(10)) {
	case 0:
		tell(b, "affine");
		if (draw(4) == 0)
			q[0] = 0;
		x = bnnaccel_graph_affine(b->g, x, q, p);
		break;
	case 1:
		tell(b, "rprelu");
		x = bnnaccel_graph_rprelu(b->g, x, p, q, r);
		break;
	case 2:
		tell(b, "dprelu");
		x = bnnaccel_graph_dprelu(b->g, x, p, q, r, s);
		break;
	case 3:
		tell(b, "relu");
		x = bnnaccel_graph_relu(b->g, x);
		break;
	case 4:
	case 5:
		y = residual(b, x, &flags);
		tell(b, flags ? "add'" : "add");
		x = bnnaccel_graph_add(b->g, x, y, flags);
		break;
	case 6: {
		struct bnnaccel_pool pool = { .mode = (enum bnnaccel_pool_mode)draw(3),
					      .kernel_h = 2,
					      .kernel_w = 2,
					      .pad_top = draw(2),
					      .pad_left = draw(2),
					      .group = c % 2 == 0 && draw(2) ? 2 : 1 };

		if (shape(b, x)->h < 2 || shape(b, x)->w < 2)
			break;
		tell(b, "pool");
		x = bnnaccel_graph_pool(b->g, x, &pool);
		break;
	}
	case 7:
		tell(b, "clip");
		x = bnnaccel_graph_clip(b->g, x, p[0] - 1, p[0] + 2);
		break;
	case 8:
		tell(b, "gate");
		y = conv(b, bnnaccel_graph_mean(b->g, x), c, 1, 1);
		x = bnnaccel_graph_gate(b->g, x, bnnaccel_graph_affine(b->g, y, q, p));
		break;
	default:
		x = conv(b, x, draw(8) + 1, shape(b, x)->h > 1 ? 3 : 1, 1);
	}
	free(p);
	free(q);
	free(r);
	free(s);
	return x;
}

/* Largest difference from the reference, relative to the largest value; negative: failed. */
static double difference(struct bnnaccel_graph *g, const struct bnn_net *net, const uint8_t *image,
			 struct bnn_error *error)
{
	const struct bnn_value *out = &net->values[net->output.value];
	uint8_t *output = calloc(1, out->bytes);
	double **values = calloc(g->count, sizeof(*values));
	double worst = 0, largest = 1e-3;

	if (bnn_cpu_run_tapped(net, image, output, NULL, NULL, error) ||
	    bnn_reference_run(g, image, values, error)) {
		worst = -1;
	} else {
		for (uint32_t i = 0; i < net->output.count; i++) {
			double want = values[g->result][i];

			largest = fmax(largest, fabs(want));
			worst = fmax(
				worst,
				fabs(ldexp((double)output_int(net, output, i), -out->f) - want));
		}
		bnn_reference_free(g, values);
		worst /= largest;
	}
	free(values);
	free(output);
	return worst;
}

static double try_graph(uint64_t seed, bool calibrate, struct builder *b, struct bnn_error *error)
{
	struct bnnaccel_build_options options = { .size = sizeof(options) };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT, .bits = 32 };
	struct bnn_net *net = NULL;
	uint8_t image[16 * 16 * 3];
	double result = -1;
	int x;

	state = seed * 0x9e3779b97f4a7c15ull + 1;
	memset(b, 0, sizeof(*b));
	bnnaccel_graph_new("random", &b->g);
	encode(b);
	x = conv(b, b->codes, 2 * draw(5) + 2, draw(2) ? 3 : 1, draw(2) + 1);
	for (uint32_t i = draw(7); i && x >= 0; i--)
		x = step(b, x);
	if (x >= 0)
		x = bnnaccel_graph_mean(b->g, x);
	if (x >= 0 && draw(2))
		x = conv(b, x, draw(8) + 1, 1, 1);
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)draw(256);
	if (calibrate) {
		options.images = image;
		options.image_count = 1;
	}
	if (bnnaccel_graph_output(b->g, x, &output))
		snprintf(error->text, sizeof(error->text), "%s", bnnaccel_graph_error(b->g));
	else if (!bnn_graph_lower(b->g, &options, &net, error))
		result = difference(b->g, net, image, error);
	bnn_net_free(net);
	bnnaccel_graph_free(b->g);
	return result;
}

static void random_graphs(bool calibrate, int count, double tolerance)
{
	double worst = 0;
	int failed = 0;

	for (int i = 0; i < count; i++) {
		struct bnn_error error = { .text = "" };
		struct builder b;
		double d = try_graph((uint64_t)i, calibrate, &b, &error);

		worst = fmax(worst, d);
		if (d < 0 || !(d <= tolerance)) {
			failed++;
			if (failed < 10)
				note("seed %d: off by %g, %s:%s", i, d, error.text, b.story);
		}
	}
	ok(!failed,
	   "%d random graphs%s %s differ from floating point by at most %.2g of the largest value",
	   count, powers ? " of powers of two" : "",
	   calibrate ? "calibrated" : "with formats from bounds", worst);
}

/* Signs of linear steps: equal to the reference in every bit, for any factor. */
static void signs(void)
{
	size_t wrong = 0, bits = 0;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_BITS };
		struct builder b = { .story = "" };
		struct bnn_error error;
		struct bnn_net *net;
		double **values;
		uint8_t image[16 * 16 * 3], *out;
		float *scale, *offset, *threshold;
		uint32_t c;
		int x;

		state = seed * 0x9e3779b97f4a7c15ull;
		bnnaccel_graph_new("signs", &b.g);
		encode(&b);
		x = conv(&b, b.codes, 16, 1, 1);
		c = 16;
		scale = reals(c, -2, 2);
		offset = reals(c, -1, 1);
		threshold = reals(c, -1, 1);
		scale[3] = 0;
		/* a threshold that is met exactly */
		offset[4] = 0;
		threshold[4] = 0;
		x = bnnaccel_graph_affine(b.g, x, scale, offset);
		x = bnnaccel_graph_sign(b.g, x, draw(4) ? threshold : NULL);
		{
			struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_MAX,
						      .kernel_h = b.g->ops[x].h,
						      .kernel_w = b.g->ops[x].w };

			x = bnnaccel_graph_pool(b.g, x, &pool);
		}
		bnnaccel_graph_output(b.g, x, &output);
		free(scale);
		free(offset);
		free(threshold);
		if (bnn_graph_lower(b.g, NULL, &net, &error)) {
			note("seed %d: %s", (int)seed, error.text);
			wrong++;
			bnnaccel_graph_free(b.g);
			continue;
		}
		for (size_t i = 0; i < sizeof(image); i++)
			image[i] = (uint8_t)draw(256);
		values = calloc(b.g->count, sizeof(*values));
		out = calloc(1, net->values[net->output.value].bytes);
		if (bnn_cpu_run_tapped(net, image, out, NULL, NULL, &error) ||
		    bnn_reference_run(b.g, image, values, &error)) {
			wrong++;
		} else {
			for (uint32_t i = 0; i < c; i++, bits++)
				wrong += output_int(net, out, i) != (values[b.g->result][i] > 0);
			bnn_reference_free(b.g, values);
		}
		free(values);
		free(out);
		bnn_net_free(net);
		bnnaccel_graph_free(b.g);
	}
	ok(!wrong, "%zu of %zu signs differ", wrong, bits);
}

/* Every kind of codes made inside the network: off by one code at most, and rarely. */
static void quantisers(void)
{
	for (int codes = BNNACCEL_CODES_ODD2; codes <= BNNACCEL_CODES_SIGNED8; codes++) {
		size_t wrong = 0;

		for (uint64_t seed = 1; seed <= 40; seed++) {
			struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT,
							  .bits = 32 };
			struct builder b = { .story = "" };
			struct bnn_error error;
			struct bnn_net *net;
			uint8_t image[16 * 16 * 3];
			int8_t one[8] = { 1, 0, 0, 0, 0, 0, 0, 1 };
			struct bnnaccel_conv pick = { .outputs = 1,
						      .kernel_h = 1,
						      .kernel_w = 1,
						      .kind = BNNACCEL_WEIGHTS_INT8,
						      .weights = one };
			double step = 2.0 / bnn_codes_max((enum bnnaccel_codes)codes), **values;
			const struct bnn_value *v;
			uint8_t *out;
			int x;

			state = seed * 0x9e3779b97f4a7c15ull;
			bnnaccel_graph_new("codes", &b.g);
			encode(&b);
			x = conv(&b, b.codes, 8, 1, 1);
			x = bnnaccel_graph_mean(b.g, x);
			x = bnnaccel_graph_quantise(b.g, x, (enum bnnaccel_codes)codes, 1);
			x = bnnaccel_graph_conv(b.g, x, &pick);
			bnnaccel_graph_output(b.g, x, &output);
			for (size_t i = 0; i < sizeof(image); i++)
				image[i] = (uint8_t)draw(256);
			values = calloc(b.g->count, sizeof(*values));
			if (bnn_graph_lower(b.g, NULL, &net, &error)) {
				note("%s", error.text);
				wrong += 40;
				bnnaccel_graph_free(b.g);
				free(values);
				continue;
			}
			v = &net->values[net->output.value];
			out = calloc(1, v->bytes);
			if (bnn_cpu_run_tapped(net, image, out, NULL, NULL, &error) ||
			    bnn_reference_run(b.g, image, values, &error)) {
				wrong += 40;
			} else {
				double got = ldexp((double)output_int(net, out, 0), -v->f);

				wrong += fabs(got - values[b.g->result][0]) > 0.5 * step;
				/* a whole step is more than rounding at a threshold explains twice
				 */
				wrong += 20 * (fabs(got - values[b.g->result][0]) > 2.5 * step);
				bnn_reference_free(b.g, values);
			}
			free(values);
			free(out);
			bnn_net_free(net);
			bnnaccel_graph_free(b.g);
		}
		ok(wrong <= 3, "codes of kind %d: %zu of 40 differ by a step", codes, wrong);
	}
}

/* Bends with slopes of both signs from 2^-19 to 2^7, the range of A&B BNN. */
static void exponents(void)
{
	enum { CHANNELS = 27 };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT, .bits = 32 };
	struct bnnaccel_conv copy = {
		.outputs = CHANNELS, .kernel_h = 1, .kernel_w = 1, .kind = BNNACCEL_WEIGHTS_INT8
	};
	uint8_t table[256], image, *out;
	struct bnnaccel_encoding e = { .codes = BNNACCEL_CODES_SIGNED8, .table = table };
	float below[CHANNELS], above[CHANNELS];
	int8_t one[CHANNELS];
	struct bnnaccel_graph *g;
	struct bnn_net *net;
	struct bnn_error error = { .text = "" };
	size_t wrong = 0, far = 0;
	int x, f;

	memset(one, 1, sizeof(one));
	for (int i = 0; i < 256; i++)
		table[i] = (uint8_t)i;
	for (int i = 0; i < CHANNELS; i++) {
		below[i] = ldexpf(i % 3 ? 1 : -1, i - 19);
		above[i] = ldexpf(i % 2 ? 1 : -1, 7 - i);
	}
	copy.weights = one;
	bnnaccel_graph_new("exponents", &g);
	x = bnnaccel_graph_encode(g, bnnaccel_graph_image(g, 1, 1, 1, 0), &e);
	x = bnnaccel_graph_bend(g, bnnaccel_graph_conv(g, x, &copy), below, above);
	bnnaccel_graph_output(g, x, &output);
	if (bnn_graph_lower(g, NULL, &net, &error)) {
		ok(false, "exponents: %s", error.text);
		bnnaccel_graph_free(g);
		return;
	}
	ok(bnn_field_get(net->nodes[net->node_count - 1].words, BNN_F_CONV_P1_POW2),
	   "slopes of powers of two are not multiplied");
	out = calloc(1, net->values[net->output.value].bytes);
	f = net->values[net->output.value].f;
	for (int i = -128; i < 128; i++) {
		image = (uint8_t)i;
		if (bnn_cpu_run_tapped(net, &image, out, NULL, NULL, &error))
			wrong++;
		for (int c = 0; c < CHANNELS; c++) {
			double slope = (double)(i < 0 ? below[c] : above[c]);
			double want = ldexp(i * slope, f);
			double got = (double)output_int(net, out, (uint32_t)c);

			/* far below the largest slope the product is rounded before the sum */
			if (fabs(ldexp(slope, f)) >= 0.5)
				wrong += got != floor(want + 0.5);
			else
				far += fabs(got - want) > 0.75;
		}
	}
	ok(!wrong && !far, "slopes from 2^-19 to 2^7: %zu results wrong, %zu too far off", wrong,
	   far);
	free(out);
	bnn_net_free(net);
	bnnaccel_graph_free(g);
}

int main(void)
{
	random_graphs(true, 2000, 0.02);
	random_graphs(false, 2000, 0.25);
	powers = true;
	random_graphs(true, 1000, 0.02);
	random_graphs(false, 1000, 0.25);
	powers = false;
	exponents();
	signs();
	quantisers();
	return plan_end();
}
