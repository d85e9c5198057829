// SPDX-License-Identifier: MIT
/*
 * PokeBNN (arXiv 2112.00133) for images of 32x32: two convolutions of 8 bits, then
 * bottlenecks of three PokeConvs
 *     y = DPReLU(A*conv(sign(x)) + D + match(x) [+ match(r1)]) * gate(x), out = A2*y + D2
 * whose gates are squeeze-and-excites of 4 bits, then mean and a dense layer of 8 bits.
 * Weights that are no signs are integers. How many bottlenecks there are and their
 * sizes is read from layers.tsv.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "import.h"
#include "layers.h"

#define SIZE 32
#define COLOURS 3
#define CLASSES 10
#define SQUEEZE 8 /* channels of a PokeConv for one unit of its squeeze-and-excite */

struct pokebnn {
	const char *path;
	struct bnn_bundle b; /* its code is that of everything */
	struct bnn_layers layers;
	struct bnnaccel_graph *g;
};

/* A tensor in progress and its shape: images are square. */
struct tensor {
	int id;
	uint32_t size, channels;
};

static int bad(struct pokebnn *p, const char *layer, const char *what)
{
	p->b.code = bnn_layers_bad(&p->layers, layer, what);
	return p->b.code;
}

static const float *floats(struct pokebnn *p, const char *prefix, const char *what, size_t count)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", prefix, what);
	return bnn_bundle_floats(&p->b, name, count);
}

static const int8_t *codes(struct pokebnn *p, const char *prefix, const char *what, size_t count)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", prefix, what);
	return bnn_bundle_int8(&p->b, name, count);
}

/* A clipping bound; 1 after an error. */
static float bound(struct pokebnn *p, const char *prefix, const char *what)
{
	const float *value = floats(p, prefix, what, 1);

	if (value && !(*value > 0)) {
		p->b.code = bnn_fail(p->b.error, BNNACCEL_ERR_BAD_MODEL,
				     "%s: array %s.%s is not positive", p->path, prefix, what);
		return 1;
	}
	return value ? *value : 1;
}

static int named(struct pokebnn *p, int x, const char *prefix, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", prefix, what);
	return bnnaccel_graph_name(p->g, x, name);
}

static int affine(struct pokebnn *p, int x, const char *prefix, const char *scale,
		  const char *offset, uint32_t channels)
{
	const float *a = floats(p, prefix, scale, channels);
	const float *d = floats(p, prefix, offset, channels);

	return p->b.code ? p->b.code : bnnaccel_graph_affine(p->g, x, a, d);
}

static int dprelu(struct pokebnn *p, int x, const char *prefix, uint32_t channels)
{
	const float *bx = floats(p, prefix, "bx", channels),
		    *by = floats(p, prefix, "by", channels);
	const float *pos = floats(p, prefix, "pos", channels);
	const float *neg = floats(p, prefix, "neg", channels);

	return p->b.code ? p->b.code : bnnaccel_graph_dprelu(p->g, x, bx, neg, pos, by);
}

/* floor(clamp(x, -range, range)*(max/range) + 0.5): never the least code, -max - 1. */
static int quantise(struct pokebnn *p, int x, enum bnnaccel_codes kind, float range)
{
	return bnnaccel_graph_quantise(p->g, bnnaccel_graph_clip(p->g, x, -range, range), kind,
				       range);
}

static int stem1(struct pokebnn *p, int image, uint32_t channels)
{
	struct bnnaccel_encoding e = { .mode = BNNACCEL_ENCODE_VALUE,
				       .codes = BNNACCEL_CODES_SIGNED8 };
	struct bnnaccel_conv conv = { .outputs = channels,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .pad_top = 1,
				      .pad_left = 1,
				      .pad_bottom = 1,
				      .pad_right = 1,
				      .kind = BNNACCEL_WEIGHTS_INT8,
				      .order = BNNACCEL_OIHW };
	uint8_t table[256];
	int x;

	for (int i = 0; i < 256; i++)
		table[i] = (uint8_t)(i - 128);
	e.table = table;
	conv.weights = codes(p, "stem1", "weight", (size_t)channels * COLOURS * 9);
	if (p->b.code)
		return p->b.code;
	x = named(p, bnnaccel_graph_encode(p->g, image, &e), "stem1", "q");
	x = named(p, bnnaccel_graph_conv(p->g, x, &conv), "stem1", "conv");
	x = affine(p, x, "stem1", "A", "D", channels);
	return named(p, dprelu(p, x, "stem1", channels), "stem1", "out");
}

/* SAME with stride 2 on an even size: nothing before, one row and column after. */
static int stem2(struct pokebnn *p, int x, uint32_t channels)
{
	float range = bound(p, "stem2", "bound"), scale = 127 / range;
	struct bnnaccel_conv conv = { .outputs = channels,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .stride_h = 2,
				      .stride_w = 2,
				      .pad_bottom = 1,
				      .pad_right = 1,
				      .groups = channels / 2,
				      .kind = BNNACCEL_WEIGHTS_INT8,
				      .order = BNNACCEL_OIHW,
				      .scale = &scale,
				      .scales = 1 };

	conv.weights = codes(p, "stem2", "weight", (size_t)channels * 9);
	if (p->b.code)
		return p->b.code;
	x = named(p, quantise(p, x, BNNACCEL_CODES_SIGNED8, range), "stem2", "q");
	/* A is that of sums of codes */
	x = named(p, bnnaccel_graph_conv(p->g, x, &conv), "stem2", "conv");
	x = affine(p, x, "stem2", "A", "D", channels);
	return named(p, dprelu(p, x, "stem2", channels), "stem2", "out");
}

/* y + match(r): groups of channels are averaged, 3x3 windows of twice the size too. */
static int add_match(struct pokebnn *p, struct tensor y, struct tensor r, unsigned int flags,
		     const char *layer)
{
	struct bnnaccel_pool pool = {
		.mode = BNNACCEL_POOL_AVG, .kernel_h = 1, .kernel_w = 1, .group = 1
	};

	if (p->b.code)
		return p->b.code;
	if (r.channels > y.channels) {
		if (r.channels % y.channels)
			return bad(p, layer, "cannot average the channels of its shortcut");
		pool.group = r.channels / y.channels;
	} else if (flags & BNNACCEL_ADD_ZERO ? 0 : y.channels % r.channels) {
		return bad(p, layer, "cannot repeat the channels of its shortcut");
	}
	if (r.size > y.size) {
		pool.kernel_h = pool.kernel_w = 3;
		pool.stride_h = pool.stride_w = 2;
		pool.pad_bottom = pool.pad_right = 1;
	}
	if (pool.group > 1 || r.size > y.size)
		r.id = bnnaccel_graph_pool(p->g, r.id, &pool);
	return bnnaccel_graph_add(p->g, y.id, r.id, pool.group > 1 ? 0 : flags);
}

/* The gate of a PokeConv from its input: what bnnaccel_graph_gate() takes. */
static int excite(struct pokebnn *p, int x, const char *prefix, uint32_t cin, uint32_t cout)
{
	uint32_t units = cin / SQUEEZE;
	float range1 = bound(p, prefix, "se1.bound"), range2 = bound(p, prefix, "se2.bound");
	struct bnnaccel_conv squeeze = { .outputs = units,
					 .kind = BNNACCEL_WEIGHTS_INT8,
					 .scale = floats(p, prefix, "se1.step", units),
					 .bias = floats(p, prefix, "se1.bias", units) };
	struct bnnaccel_conv spread = { .outputs = cout,
					.kind = BNNACCEL_WEIGHTS_INT8,
					.scale = floats(p, prefix, "se2.step", cout),
					.bias = floats(p, prefix, "se2.bias", cout) };

	squeeze.weights = codes(p, prefix, "se1.weight", (size_t)units * cin);
	spread.weights = codes(p, prefix, "se2.weight", (size_t)cout * units);
	if (p->b.code)
		return p->b.code;
	x = quantise(p, bnnaccel_graph_mean(p->g, x), BNNACCEL_CODES_SIGNED4, range1);
	x = named(p, x, prefix, "se1.q");
	x = bnnaccel_graph_dense(p->g, x, &squeeze);
	/* from 15/16 of the range on the code is 15 */
	x = bnnaccel_graph_clip(p->g, x, 0, range2 / 32 * 31);
	x = bnnaccel_graph_quantise_down(p->g, x, BNNACCEL_CODES_UNSIGNED4, range2);
	x = named(p, x, prefix, "se2.q");
	return bnnaccel_graph_dense(p->g, x, &spread);
}

static struct tensor pokeconv(struct pokebnn *p, struct tensor x, const struct tensor *r1,
			      const char *name)
{
	struct tensor y = { .id = -1 };
	struct bnn_layer l;
	struct bnnaccel_conv conv;
	int gate;

	if (!p->b.code)
		p->b.code = bnn_layers_get(&p->layers, name, "bin", &l);
	if (p->b.code)
		return y;
	if (l.cin != x.channels || x.size % l.stride) {
		bad(p, name, "does not read what the one before makes");
		return y;
	}
	if ((l.k != 1 && l.k != 3) || (l.k == 1 && l.stride != 1)) {
		bad(p, name, "is neither 1x1 nor 3x3");
		return y;
	}
	conv = (struct bnnaccel_conv){ .outputs = l.cout,
				       .kernel_h = l.k,
				       .kernel_w = l.k,
				       .stride_h = l.stride,
				       .stride_w = l.stride,
				       .pad_top = l.k / 2 && l.stride == 1,
				       .pad_left = l.k / 2 && l.stride == 1,
				       .pad_bottom = l.k / 2,
				       .pad_right = l.k / 2,
				       .kind = BNNACCEL_WEIGHTS_BITS,
				       .order = BNNACCEL_OHWI,
				       .weights = l.weights };
	y.channels = l.cout;
	y.size = x.size / l.stride;
	gate = excite(p, x.id, name, l.cin, l.cout);
	y.id = named(p, bnnaccel_graph_sign(p->g, x.id, NULL), name, "bits");
	y.id = named(p, bnnaccel_graph_conv(p->g, y.id, &conv), name, "conv");
	y.id = affine(p, y.id, name, "A", "D", l.cout);
	y.id = add_match(p, y, x, BNNACCEL_ADD_ZERO, name);
	if (r1)
		y.id = add_match(p, y, *r1, 0, name);
	y.id = named(p, dprelu(p, y.id, name, l.cout), name, "act");
	if (!p->b.code)
		y.id = bnnaccel_graph_gate(p->g, y.id, gate);
	y.id = named(p, affine(p, y.id, name, "A2", "D2", l.cout), name, "out");
	return y;
}

static struct tensor bottlenecks(struct pokebnn *p, struct tensor x)
{
	char name[32];

	for (int i = 0; !p->b.code; i++) {
		struct tensor r1 = x;

		snprintf(name, sizeof(name), "block%d.c1", i);
		if (i && !bnn_layers_have(&p->layers, name))
			break;
		for (int j = 1; j <= 3; j++) {
			snprintf(name, sizeof(name), "block%d.c%d", i, j);
			x = pokeconv(p, x, j == 3 ? &r1 : NULL, name);
		}
	}
	return x;
}

static int classify(struct pokebnn *p, struct tensor x)
{
	struct bnnaccel_conv dense = { .outputs = CLASSES, .kind = BNNACCEL_WEIGHTS_INT8 };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT,
					  .column = "logit",
					  .labels = bnn_cifar10_labels };
	float range = bound(p, "fc", "bound");

	dense.weights = codes(p, "fc", "weight", (size_t)CLASSES * x.channels);
	dense.scale = floats(p, "fc", "step", CLASSES);
	dense.bias = floats(p, "fc", "bias", CLASSES);
	if (p->b.code)
		return p->b.code;
	x.id = bnnaccel_graph_name(p->g, bnnaccel_graph_mean(p->g, x.id), "pool");
	x.id = named(p, quantise(p, x.id, BNNACCEL_CODES_SIGNED8, range), "fc", "q");
	x.id = bnnaccel_graph_name(p->g, bnnaccel_graph_dense(p->g, x.id, &dense), "logits");
	return bnnaccel_graph_output(p->g, x.id, &output);
}

static int build(struct pokebnn *p)
{
	struct tensor x = { .size = SIZE / 2 };
	struct bnn_layer first;

	p->b.code = bnn_layers_get(&p->layers, "block0.c1", "bin", &first);
	if (p->b.code)
		return p->b.code;
	x.channels = first.cin;
	x.id = bnnaccel_graph_image(p->g, SIZE, SIZE, COLOURS, 1);
	x.id = stem1(p, x.id, first.cin / 2);
	if (!p->b.code)
		x.id = stem2(p, x.id, first.cin);
	x = bottlenecks(p, x);
	return p->b.code ? p->b.code : classify(p, x);
}

int bnn_import_pokebnn(const char *path, const char *name, struct bnnaccel_graph **graph,
		       struct bnn_error *error)
{
	struct pokebnn p = { .path = path };
	int rc = bnn_bundle_open(&p.b, path, "params.tsv", "params.bin", error);

	if (!rc)
		rc = bnn_layers_open(&p.layers, path, error);
	if (!rc)
		rc = bnnaccel_graph_new(name, &p.g);
	if (!rc) {
		bnnaccel_graph_describe(p.g, "PokeBNN for CIFAR-10 (arXiv 2112.00133)");
		rc = build(&p);
	}
	bnn_bundle_close(&p.b);
	bnn_layers_close(&p.layers);
	return bnn_import_end(path, p.g, rc, p.b.code, graph, error);
}
