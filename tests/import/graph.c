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
#include "random_graph.h"

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

static double try_graph(uint64_t seed, bool calibrate, struct random_graph *b,
			struct bnn_error *error)
{
	struct bnnaccel_build_options options = { .size = sizeof(options) };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT, .bits = 32 };
	struct bnn_net *net = NULL;
	uint8_t image[16 * 16 * 3];
	double result = -1;
	int x;

	random_seed(seed * 0x9e3779b97f4a7c15ull + 1);
	memset(b, 0, sizeof(*b));
	b->host = seed % 4 == 0;
	bnnaccel_graph_new("random", &b->g);
	x = random_body(b);
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)random_draw(256);
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

/* The compiled bytes on the functional core, nodes of the host between them, and the CPU engine. */
static bool same_bytes(const struct bnn_net *net, const uint8_t *images, size_t stride,
		       struct bnn_error *error)
{
	enum { COUNT = 2 };
	const struct bnn_exec_options options = { .fallback = BNN_FALLBACK_NEEDED };
	const struct bnn_exec_ops *ops[] = { &bnn_exec_cpu, &bnn_exec_model };
	size_t bytes = net->values[net->output.value].bytes;
	uint8_t *outputs[2] = { calloc(COUNT, bytes), calloc(COUNT, bytes) };
	bool good = true;

	for (int i = 0; i < 2 && good; i++) {
		struct bnn_exec *exec;

		good = !ops[i]->open(net, &options, &exec, error);
		if (!good)
			break;
		good = !ops[i]->run(exec, images, stride, outputs[i], COUNT, error);
		ops[i]->close(exec);
	}
	if (good && memcmp(outputs[0], outputs[1], COUNT * bytes)) {
		snprintf(error->text, sizeof(error->text), "cpu and model differ");
		good = false;
	}
	free(outputs[0]);
	free(outputs[1]);
	return good;
}

/* What occurred, so that a test of nothing is noticed. */
struct seen {
	unsigned int opcodes[256], wformats[8], wmodes[4], in[32], res[32], outp[32];
	unsigned int frac, groups, dilation, pads[3], win, zero, pow2, host;
};

static void see(struct seen *seen, const struct bnn_net *net)
{
#define GET(field) bnn_field_get(words, BNN_F_CONV_##field)
	bool host = false;

	for (size_t i = 0; i < net->node_count; i++) {
		const uint32_t *words = net->nodes[i].words;
		unsigned int op = words[0] & 0xff;

		host |= bnn_command_is_host(words);
		seen->opcodes[op]++;
		if (op != BNN_CMD_CONV && op != BNN_CMD_EW)
			continue;
		seen->res[GET(RES1_FORMAT)]++;
		seen->outp[GET(OUTP_FORMAT)]++;
		seen->win += GET(RES1_WIN);
		seen->zero += GET(RES1_ZERO);
		seen->pow2 += GET(P1_POW2) + GET(P2_POW2);
		if (op == BNN_CMD_EW)
			continue;
		seen->in[GET(IN_FORMAT)]++;
		seen->wformats[GET(WFORMAT)]++;
		seen->wmodes[GET(WMODE)]++;
		seen->frac += GET(FRAC);
		seen->groups += GET(GROUPS) > 1;
		seen->dilation += GET(DH) > 1 || GET(DW) > 1;
		seen->pads[GET(PAD_MODE)]++;
	}
	seen->host += host;
#undef GET
}

static bool all_seen(const unsigned int *counts, size_t n, uint32_t wanted)
{
	for (size_t i = 0; i < n; i++) {
		if (wanted >> i & 1 && !counts[i])
			return false;
	}
	return true;
}

static void check_seen(const struct seen *s)
{
	static const uint8_t opcodes[] = { BNN_CMD_ENC,	      BNN_CMD_GATEFOLD, BNN_CMD_CONV,
					   BNN_CMD_EW,	      BNN_CMD_POOL,	BNN_CMD_TRANSPOSE,
					   BNN_CMD_NORMALISE, BNN_CMD_TABLE,	BNN_CMD_SOFTMAX,
					   BNN_CMD_AGGREGATE };
	bool all = true;

	for (size_t i = 0; i < sizeof(opcodes); i++)
		all &= s->opcodes[opcodes[i]] > 0;
	ok(all, "graphs of every command");
	ok(all_seen(s->wformats, 8, 0x7f) && all_seen(s->wmodes, 4, 0xf), "every kind of weights");
	ok(all_seen(s->in, 32, 0x5903fe) && all_seen(s->outp, 32, 0x3ff) &&
		   all_seen(s->res, 32, 0x590001),
	   "every format of inputs, codes and residuals");
	ok(s->frac && s->groups && s->dilation && all_seen(s->pads, 3, 7) && s->win && s->zero &&
		   s->pow2,
	   "gates, groups, dilation, padding values, residuals of every shape, powers of two");
}

/* Graphs of everything: the same bytes from the CPU engine and the functional core. */
static void executors(int count)
{
	struct seen seen = { .host = 0 };
	int failed = 0;

	for (int i = 0; i < count; i++) {
		struct bnnaccel_build_options options = { .size = sizeof(options) };
		struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT };
		struct random_graph b = { .wild = true, .host = i % 2 };
		struct bnn_error error = { .text = "" };
		struct bnn_net *net = NULL;
		uint8_t images[2 * 16 * 16 * 3];
		bool good = false;

		random_seed((uint64_t)(i + 1) * 0x9e3779b97f4a7c15ull);
		random_powers = i % 5 == 0;
		bnnaccel_graph_new("executors", &b.g);
		bnnaccel_graph_output(b.g, random_body(&b), &output);
		for (size_t j = 0; j < sizeof(images); j++)
			images[j] = (uint8_t)random_draw(256);
		options.images = images;
		options.image_count = random_draw(2) * 2;
		if (!bnn_graph_lower(b.g, &options, &net, &error)) {
			see(&seen, net);
			good = same_bytes(net, images, net->values[net->input.value].bytes, &error);
		}
		if (!good && ++failed < 10)
			note("graph %d: %s:%s", i, error.text, b.story);
		bnn_net_free(net);
		bnnaccel_graph_free(b.g);
	}
	random_powers = false;
	ok(!failed && seen.host,
	   "%d random graphs, %u with nodes of the host: cpu = model, every byte", count,
	   seen.host);
	check_seen(&seen);
}

static void random_graphs(bool calibrate, int count, double tolerance)
{
	double worst = 0;
	int failed = 0;

	for (int i = 0; i < count; i++) {
		struct bnn_error error = { .text = "" };
		struct random_graph b;
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
	   count, random_powers ? " of powers of two" : "",
	   calibrate ? "calibrated" : "with formats from bounds", worst);
}

/* Signs of linear steps: equal to the reference in every bit, for any factor. */
static void signs(void)
{
	size_t wrong = 0, bits = 0;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_BITS };
		struct random_graph b = { .story = "" };
		struct bnn_error error;
		struct bnn_net *net;
		double **values;
		uint8_t image[16 * 16 * 3], *out;
		float *scale, *offset, *threshold;
		uint32_t c;
		int x;

		random_seed(seed * 0x9e3779b97f4a7c15ull);
		bnnaccel_graph_new("signs", &b.g);
		random_encode(&b);
		x = random_conv(&b, b.codes, 16, 1, 1);
		c = 16;
		scale = random_reals(c, -2, 2);
		offset = random_reals(c, -1, 1);
		threshold = random_reals(c, -1, 1);
		scale[3] = 0;
		/* a threshold that is met exactly */
		offset[4] = 0;
		threshold[4] = 0;
		x = bnnaccel_graph_affine(b.g, x, scale, offset);
		x = bnnaccel_graph_sign(b.g, x, random_draw(4) ? threshold : NULL);
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
			image[i] = (uint8_t)random_draw(256);
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
			struct random_graph b = { .story = "" };
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

			random_seed(seed * 0x9e3779b97f4a7c15ull);
			bnnaccel_graph_new("codes", &b.g);
			random_encode(&b);
			x = random_conv(&b, b.codes, 8, 1, 1);
			x = bnnaccel_graph_mean(b.g, x);
			x = bnnaccel_graph_quantise(b.g, x, (enum bnnaccel_codes)codes, 1);
			x = bnnaccel_graph_conv(b.g, x, &pick);
			bnnaccel_graph_output(b.g, x, &output);
			for (size_t i = 0; i < sizeof(image); i++)
				image[i] = (uint8_t)random_draw(256);
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
	executors(4000);
	random_graphs(true, 2000, 0.02);
	random_graphs(false, 2000, 0.05);
	random_powers = true;
	random_graphs(true, 1000, 0.02);
	random_graphs(false, 1000, 0.05);
	random_powers = false;
	exponents();
	signs();
	quantisers();
	return plan_end();
}
