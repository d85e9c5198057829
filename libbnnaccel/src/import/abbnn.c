// SPDX-License-Identifier: MIT
/*
 * A&B BNN (arXiv 2403.03739) for images of 32x32: a real convolution, blocks of one
 * binary convolution x = QRPReLU(A*conv(sign(x + t)) + shortcut), global mean, a
 * dense layer. No batch norms; the slopes of QRPReLU are powers of two. Where the
 * size is halved, the shortcut is a binary 1x1 convolution of the 2x2 averages.
 * How many blocks there are and their sizes is read from layers.tsv.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "layers.h"

#define SIZE 32
#define COLOURS 3
#define CLASSES 10

struct abbnn {
	const char *path;
	struct bnn_bundle b; /* params.tsv, params.bin; its code is that of everything */
	struct bnn_layers layers;
	struct bnnaccel_graph *g;
};

static int bad(struct abbnn *a, const char *name, const char *what)
{
	a->b.code = bnn_layers_bad(&a->layers, name, what);
	return a->b.code;
}

static int get_layer(struct abbnn *a, const char *name, const char *kind, struct bnn_layer *layer)
{
	a->b.code = a->b.code ? a->b.code : bnn_layers_get(&a->layers, name, kind, layer);
	return a->b.code;
}

static const float *floats(struct abbnn *a, int block, const char *what, size_t count)
{
	char name[64];

	snprintf(name, sizeof(name), "block%d.%s", block, what);
	return bnn_bundle_floats(&a->b, name, count);
}

/* Slopes 2^k. The pipe's exponents end at -31, where nothing of 27 bits is left. */
static int slopes(struct abbnn *a, int block, uint32_t count, float *slope)
{
	const int8_t *k;
	char name[64];

	snprintf(name, sizeof(name), "block%d.k", block);
	k = bnn_bundle_int8(&a->b, name, count);
	for (uint32_t c = 0; k && c < count; c++) {
		if (k[c] > 15) {
			a->b.code =
				bnn_fail(a->b.error, BNNACCEL_ERR_BAD_MODEL,
					 "%s: element %" PRIu32 " of array %s is %d: slopes above "
					 "2^15 are not possible",
					 a->path, c, name, k[c]);
			break;
		}
		slope[c] = k[c] < -31 ? 0 : ldexpf(1, k[c]);
	}
	return a->b.code;
}

static int named(struct abbnn *a, int x, int block, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "block%d.%s", block, what);
	return bnnaccel_graph_name(a->g, x, name);
}

static struct bnnaccel_conv binary(const struct bnn_layer *l, const float *scale)
{
	return (struct bnnaccel_conv){ .outputs = l->cout,
				       .kernel_h = l->k,
				       .kernel_w = l->k,
				       .stride_h = l->stride,
				       .stride_w = l->stride,
				       .pad_top = l->k / 2,
				       .pad_left = l->k / 2,
				       .pad_bottom = l->k / 2,
				       .pad_right = l->k / 2,
				       .kind = BNNACCEL_WEIGHTS_BITS,
				       .order = BNNACCEL_OHWI,
				       .weights = l->weights,
				       .scale = scale };
}

static int shortcut(struct abbnn *a, int x, int block, const struct bnn_layer *conv)
{
	struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_AVG, .kernel_h = 2, .kernel_w = 2 };
	struct bnnaccel_conv down;
	struct bnn_layer layer;
	const float *scale;
	char name[64];

	if (conv->stride == 1)
		return x;
	snprintf(name, sizeof(name), "block%d.down", block);
	if (get_layer(a, name, "real-in", &layer))
		return a->b.code;
	if (layer.k != 1 || layer.stride != 1 || layer.cin != conv->cin || layer.cout != conv->cout)
		return bad(a, name, "does not fit the convolution of its block");
	scale = floats(a, block, "Sd", conv->cout);
	if (!scale)
		return a->b.code;
	down = binary(&layer, scale);
	x = named(a, bnnaccel_graph_pool(a->g, x, &pool), block, "pool");
	return named(a, bnnaccel_graph_conv(a->g, x, &down), block, "short");
}

/* QRPReLU(A*conv(sign(x + t)) + shortcut(x)); sign(x + t) is x >= -t. */
static int add_block(struct abbnn *a, int x, int block, const struct bnn_layer *l)
{
	const float *t = floats(a, block, "t", l->cin), *scale = floats(a, block, "A", l->cout);
	const float *m1 = floats(a, block, "m1", l->cout), *m2 = floats(a, block, "m2", l->cout);
	float *work = malloc(sizeof(float) * (l->cin > l->cout ? l->cin : l->cout));
	struct bnnaccel_conv conv = binary(l, scale);
	int y = -1, r;

	if (!work)
		a->b.code = bnn_fail(a->b.error, BNNACCEL_ERR_MEMORY, "out of memory");
	if (a->b.code)
		goto out;
	for (uint32_t c = 0; c < l->cin; c++)
		work[c] = -t[c];
	y = named(a, bnnaccel_graph_sign(a->g, x, work), block, "bits");
	y = named(a, bnnaccel_graph_conv(a->g, y, &conv), block, "conv");
	r = shortcut(a, x, block, l);
	if (a->b.code || slopes(a, block, l->cout, work))
		goto out;
	y = bnnaccel_graph_add(a->g, y, r, 0);
	y = named(a, bnnaccel_graph_rprelu(a->g, y, m1, work, m2), block, "out");
out:
	free(work);
	return a->b.code ? a->b.code : y;
}

/*
 * Normalised colours (byte/255 - mean)/std as signed codes of 8 bits, one unit for
 * all: the largest value is 127 units. So the border outside the image, which is 0,
 * is code 0.
 */
static int encode(struct abbnn *a, int image)
{
	const float *mean = bnn_bundle_floats(&a->b, "input.mean", COLOURS);
	const float *std = bnn_bundle_floats(&a->b, "input.std", COLOURS);
	struct bnnaccel_encoding e = { .mode = BNNACCEL_ENCODE_VALUE,
				       .codes = BNNACCEL_CODES_SIGNED8,
				       .tables = COLOURS };
	uint8_t table[COLOURS * 256];
	double max = 0, unit;

	for (int c = 0; !a->b.code && c < COLOURS; c++) {
		double m = (double)mean[c], s = (double)std[c];

		if (!(s > 0)) {
			a->b.code = bnn_fail(a->b.error, BNNACCEL_ERR_BAD_MODEL,
					     "%s: element %d of array input.std is not positive",
					     a->path, c);
			break;
		}
		max = fmax(max, fmax(fabs(m / s), fabs((1 - m) / s)));
	}
	if (a->b.code)
		return a->b.code;
	e.unit = (float)(max / 127);
	unit = (double)e.unit;
	for (int i = 0; i < COLOURS * 256; i++) {
		double m = (double)mean[i / 256], s = (double)std[i / 256];
		double q = floor((i % 256 / 255.0 - m) / s / unit + 0.5);

		table[i] = (uint8_t)(int)fmin(fmax(q, -127), 127);
	}
	e.table = table;
	return bnnaccel_graph_name(a->g, bnnaccel_graph_encode(a->g, image, &e), "input");
}

static int stem(struct abbnn *a, int x, uint32_t outputs)
{
	struct bnnaccel_conv conv = { .outputs = outputs,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .pad_top = 1,
				      .pad_left = 1,
				      .pad_bottom = 1,
				      .pad_right = 1,
				      .kind = BNNACCEL_WEIGHTS_FLOAT,
				      .order = BNNACCEL_OIHW };

	conv.weights = bnn_bundle_floats(&a->b, "stem.weight", (size_t)outputs * COLOURS * 9);
	if (a->b.code)
		return a->b.code;
	return bnnaccel_graph_name(a->g, bnnaccel_graph_conv(a->g, x, &conv), "stem.out");
}

static int blocks(struct abbnn *a, int x, uint32_t *channels)
{
	struct bnn_layer l;
	char name[64];

	for (int i = 0; !i || bnn_layers_have(&a->layers, name); i++) {
		snprintf(name, sizeof(name), "block%d.conv", i);
		if (get_layer(a, name, "bin", &l))
			return a->b.code;
		if (!i)
			x = stem(a, x, l.cin);
		else if (l.cin != *channels)
			return bad(a, name, "does not read what the block before makes");
		if (l.stride == 1 && l.cin != l.cout)
			return bad(a, name, "has a shortcut of another size");
		if (a->b.code)
			return a->b.code;
		x = add_block(a, x, i, &l);
		if (a->b.code)
			return a->b.code;
		*channels = l.cout;
		snprintf(name, sizeof(name), "block%d.conv", i + 1);
	}
	return x;
}

static int build(struct abbnn *a)
{
	struct bnnaccel_conv dense = { .outputs = CLASSES, .kind = BNNACCEL_WEIGHTS_FLOAT };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT,
					  .column = "logit",
					  .labels = bnn_cifar10_labels };
	uint32_t channels = 0;
	int x = encode(a, bnnaccel_graph_image(a->g, SIZE, SIZE, COLOURS, 1));

	if (!a->b.code)
		x = blocks(a, x, &channels);
	if (a->b.code)
		return a->b.code;
	dense.weights = bnn_bundle_floats(&a->b, "fc.weight", (size_t)CLASSES * channels);
	dense.bias = bnn_bundle_floats(&a->b, "fc.bias", CLASSES);
	if (a->b.code)
		return a->b.code;
	x = bnnaccel_graph_name(a->g, bnnaccel_graph_mean(a->g, x), "pool");
	x = bnnaccel_graph_name(a->g, bnnaccel_graph_dense(a->g, x, &dense), "logits");
	return bnnaccel_graph_output(a->g, x, &output);
}

int bnn_import_abbnn(const char *path, const char *name, struct bnnaccel_graph **graph,
		     struct bnn_error *error)
{
	struct abbnn a = { .path = path };
	int rc = bnn_bundle_open(&a.b, path, "params.tsv", "params.bin", error);

	if (!rc)
		rc = bnn_layers_open(&a.layers, path, error);
	if (!rc)
		rc = bnnaccel_graph_new(name, &a.g);
	if (!rc) {
		bnnaccel_graph_describe(a.g, "A&B BNN for CIFAR-10 (arXiv 2403.03739)");
		rc = build(&a);
	}
	bnn_bundle_close(&a.b);
	bnn_layers_close(&a.layers);
	return bnn_import_end(path, a.g, rc, a.b.code, graph, error);
}
