// SPDX-License-Identifier: MIT
/*
 * Networks of the papers' size (models/large). Each is built small, as the generator
 * builds it large, and gives the same bits on the CPU engine and on the model core; in
 * full size, its graph must have the figures of the papers.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../models/large/large.h"
#include "common.h"
#include "cpu/cpu.h"
#include "figures.h"
#include "file_pack.h"

enum { SMALL = 32, IMAGES = 3 };

static const struct large_network *find(const char *name)
{
	const struct large_network *n = large_find(name);

	if (!n)
		ok(false, "%s exists", name);
	return n;
}

static struct bnnaccel_graph *make(const struct large_network *n, uint32_t size, uint32_t shrink)
{
	struct bnnaccel_graph *g = NULL;

	if (n && large_graph(n, size, shrink, &g)) {
		ok(false, "%s: %s", n->name, g ? bnnaccel_graph_error(g) : "out of memory");
		exit(plan_end());
	}
	return g;
}

/* Products times bits of both operands, from the operators instead of the commands. */
static uint64_t graph_ace(const struct bnnaccel_graph *g)
{
	uint64_t ace = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct bnn_op *op = &g->ops[i], *x = &g->ops[op->in[0] < 0 ? 0 : op->in[0]];

		if (op->kind == BNN_OP_CONV)
			ace += (uint64_t)op->h * op->w * op->c * op->conv.k *
			       bnn_wformat_bits(op->conv.wformat) *
			       (x->domain == BNN_DOMAIN_CODES ? bnn_codes_bits(x->codes) : 16);
	}
	return ace;
}

static uint64_t graph_parameters(const struct bnnaccel_graph *g)
{
	uint64_t n = 0;

	for (size_t i = 0; i < g->count; i++)
		n += g->ops[i].parameters;
	return n;
}

/* Outputs of all images, malloc'd; NULL after a failure. */
static uint8_t *run(const struct bnn_exec_ops *ops, const struct bnn_net *net,
		    const uint8_t *images, struct bnn_exec_stats *stats)
{
	const struct bnn_exec_options options = { .fallback = BNN_FALLBACK_NEEDED };
	uint8_t *outputs = calloc(IMAGES, net->values[net->output.value].bytes);
	struct bnn_error error = { "" };
	struct bnn_exec *exec = NULL;
	int rc = ops->open(net, &options, &exec, &error);

	if (!rc)
		rc = ops->run(exec, images, net->values[net->input.value].bytes, outputs, IMAGES,
			      &error);
	if (!rc)
		ops->stats(exec, stats);
	else
		note("%s: %s", ops->name, error.text);
	if (exec)
		ops->close(exec);
	if (rc) {
		free(outputs);
		return NULL;
	}
	return outputs;
}

/* Share of +1 among all signs of one image. */
static double ones(const struct bnnaccel_graph *g, const uint8_t *image)
{
	double **values = calloc(g->count, sizeof(*values));
	struct bnn_error error = { "" };
	uint64_t set = 0, all = 0;

	if (values && !bnn_reference_run(g, image, values, &error)) {
		for (size_t i = 0; i < g->count; i++) {
			const struct bnn_op *op = &g->ops[i];
			size_t n = (size_t)op->h * op->w * op->c;

			for (size_t j = 0; op->kind == BNN_OP_SIGN && j < n; j++, all++)
				set += values[i][j] > 0;
		}
		bnn_reference_free(g, values);
	}
	free(values);
	return all ? (double)set / (double)all : 0.5;
}

static bool varies(const struct bnn_net *net, const uint8_t *outputs)
{
	uint64_t bytes = net->values[net->output.value].bytes;

	return memcmp(outputs, outputs + bytes, bytes) &&
	       output_int(net, outputs, 0) != output_int(net, outputs, 1);
}

/* Codes of shortcuts, of 4 or 8 bits, that are the least or the largest. */
static void count_ends(void *opaque, const struct bnn_net *net, int32_t value, const uint8_t *data,
		       uint64_t bytes)
{
	const struct bnn_value *v = &net->values[value];
	const struct bnn_slot_info info = {
		.kind = BNN_SLOT_TENSOR, .format = v->format, .h = v->h, .w = v->w, .c = v->c
	};
	int32_t *codes = malloc(v->c * sizeof(*codes));
	struct bnn_cpu_tensor tensor;
	uint64_t *ends = opaque;

	(void)bytes;
	if ((v->format == BNN_FORMAT_E_O4 || v->format == BNN_FORMAT_E_S8) && codes) {
		bnn_cpu_tensor(&tensor, &info, (uint8_t *)data);
		for (uint32_t p = 0; p < v->h * v->w; p++) {
			bnn_cpu_load_codes(&tensor, p / v->w, p % v->w, codes);
			for (uint32_t c = 0; c < v->c; c++)
				*ends += v->format == BNN_FORMAT_E_O4
						 ? codes[c] == 0 || codes[c] == 15
						 : codes[c] == -128 || codes[c] == 127;
		}
	}
	free(codes);
}

/*
 * The 4-bit shortcuts of FracBNN are clamped on purpose, those of 8 bits may be, and
 * nothing else is, but that a clip of PokeBNN whose slope was rounded may start a step
 * below 0, where unsigned codes clamp it.
 */
static void test_clamps(const struct large_network *n, const struct bnn_net *net,
			const uint8_t *images, uint64_t saturated)
{
	uint8_t *output = malloc(net->values[net->output.value].bytes);
	uint64_t bytes = net->values[net->input.value].bytes, ends = 0;
	struct bnn_error error = { "" };
	int rc = 0;

	for (uint64_t i = 0; i < IMAGES && !rc; i++)
		rc = bnn_cpu_run_tapped(net, images + i * bytes, output, count_ends, &ends, &error);
	ok(!rc && saturated <= ends + 3,
	   "%s small: %llu values saturate, %llu codes of shortcuts are at their ends", n->name,
	   (unsigned long long)saturated, (unsigned long long)ends);
	free(output);
}

static void test_values(const struct large_network *n, const struct bnnaccel_graph *g,
			const struct bnn_net *net, const uint8_t *images)
{
	struct bnn_exec_stats cpu = { 0 }, model = { 0 };
	uint8_t *a = run(&bnn_exec_cpu, net, images, &cpu);
	uint8_t *b = run(&bnn_exec_model, net, images, &model);
	uint64_t open = cpu.counters[BNN_COUNTER_FRAC_ISSUED];
	uint64_t gates = open + cpu.counters[BNN_COUNTER_FRAC_SKIPPED];
	double share = ones(g, images);

	ok(a && b && !memcmp(a, b, IMAGES * net->values[net->output.value].bytes),
	   "%s small: cpu = model", n->name);
	ok(a && varies(net, a), "%s small: results depend on image and class", n->name);
	ok(share > 0.35 && share < 0.65, "%s small: %.0f %% of the signs are +1", n->name,
	   100 * share);
	if (gates) {
		double opened = (double)open / (double)gates;

		ok(opened > 0.3 && opened < 0.5, "%s small: %.0f %% of the gates are open", n->name,
		   100 * opened);
	}
	test_clamps(n, net, images, cpu.counters[BNN_COUNTER_SATURATED]);
	free(a);
	free(b);
}

static void test_figures(const struct large_network *n, const struct bnnaccel_graph *g,
			 const struct bnn_net *net)
{
	struct bnnaccel_figures f;
	uint64_t macs = 0, ace = 0;

	bnn_net_figures(net, &f);
	for (uint32_t i = 0; i < f.macs_count; i++) {
		macs += f.macs[i].macs;
		ace += f.macs[i].macs * f.macs[i].weight_bits * f.macs[i].activation_bits;
	}
	ok(f.ace == graph_ace(g) && f.ace == ace && f.executed_ace <= f.ace &&
		   macs >= f.binary_macs,
	   "%s small: ACE of the commands is that of the operators", n->name);
	ok(f.parameters == graph_parameters(g) && f.parameters > f.weights,
	   "%s small: %llu parameters", n->name, (unsigned long long)f.parameters);
}

static bool same_bytes(const struct bnn_net *a, const struct bnn_net *b)
{
	struct bnn_error error;
	uint8_t *x = NULL, *y = NULL;
	size_t m = 0, n = 0;
	bool same = !bnn_file_pack(a, &x, &m, &error) && !bnn_file_pack(b, &y, &n, &error) &&
		    m == n && !memcmp(x, y, n);

	free(x);
	free(y);
	return same;
}

static void test_small(const struct large_network *n)
{
	static uint8_t images[IMAGES][SMALL * SMALL * 3];
	const struct bnnaccel_build_options options = {
		.size = sizeof(options), .images = images, .image_count = IMAGES, .headroom = 2
	};
	struct bnnaccel_graph *g = make(n, SMALL, n->shrink_max);
	struct bnnaccel_graph *again = make(n, SMALL, n->shrink_max);
	struct bnn_net *net = NULL, *second = NULL;
	struct bnn_error error = { "" };

	for (uint64_t i = 0; i < IMAGES; i++)
		large_image(i + 1, SMALL, images[i]);
	if (bnn_graph_lower(g, &options, &net, &error) ||
	    bnn_graph_lower(again, &options, &second, &error)) {
		ok(false, "%s small: %s", n->name, error.text);
	} else {
		ok(same_bytes(net, second), "%s small: made twice, the same file", n->name);
		test_values(n, g, net, images[0]);
		test_figures(n, g, net);
	}
	bnn_net_free(net);
	bnn_net_free(second);
	bnnaccel_graph_free(g);
	bnnaccel_graph_free(again);
}

static const struct expected {
	const char *name;
	double ace;	   /* of the paper's formula */
	double parameters; /* 0: not published */
} expected[] = {
	{ "pokebnn-0.5", 1.410e9, 0 },	   { "pokebnn-1.0", 4.223e9, 0 },
	{ "pokebnn-2.0", 15.331e9, 0 },	   { "abbnn-reactnet18", 0, 11.7e6 },
	{ "abbnn-reactnet34", 0, 21.8e6 }, { "abbnn-reactnet-a", 0, 29.3e6 },
	{ "tbn-resnet18", 0, 11.7e6 },	   { "tbn-resnet18-all", 0, 11.7e6 },
	{ "pokebnn-1.0-s8", 4.223e9, 0 },  { "abbnn-reactnet-a-s8", 0, 29.3e6 },
};

/* In full size only the graph is made: its products do not depend on formats. */
static void test_full(const struct expected *e)
{
	struct bnnaccel_graph *g = make(find(e->name), 224, 1);
	double ace = g ? (double)graph_ace(g) : 0, n = g ? (double)graph_parameters(g) : 0;

	if (e->ace > 0)
		ok(fabs(ace / e->ace - 1) < 5e-4, "%s: ACE is %.4g, %.5g published", e->name, ace,
		   e->ace);
	else
		ok(fabs(n - e->parameters) < 0.05e6, "%s: %.3f M parameters, %.3g M published",
		   e->name, n / 1e6, e->parameters / 1e6);
	bnnaccel_graph_free(g);
}

int main(void)
{
	for (const struct large_network *n = large_networks; n->name; n++)
		test_small(n);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		test_full(&expected[i]);
	return plan_end();
}
