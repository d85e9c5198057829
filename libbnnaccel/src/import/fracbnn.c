// SPDX-License-Identifier: MIT
/*
 * FracBNN for CIFAR-10 (arXiv 2012.12206): thermometer input, a binary convolution,
 * nine blocks of two gated 2-bit convolutions with RPReLU, shortcut and batch norms
 * before and after it, global mean, a dense layer. Arrays as in the authors'
 * weights_tb.h: batch norms are folded to weight*x + bias.
 */
#include <stdio.h>

#include "arrays.h"
#include "import.h"

struct frac {
	struct bnn_bundle b;
	struct bnnaccel_graph *g;
};

/* Array "<prefix>_<suffix>". */
static const float *array(struct frac *f, const char *prefix, const char *suffix, size_t count)
{
	char name[128];

	snprintf(name, sizeof(name), "%s_%s", prefix, suffix);
	return bnn_bundle_floats(&f->b, name, count);
}

static int batch_norm(struct frac *f, int x, const char *prefix, const char *bn, uint32_t c)
{
	char name[96];
	const float *weight, *bias;

	snprintf(name, sizeof(name), "%s%s", prefix, bn);
	weight = array(f, name, "weight", c);
	bias = array(f, name, "bias", c);
	return f->b.code ? f->b.code : bnnaccel_graph_affine(f->g, x, weight, bias);
}

/* BN2( RPReLU( BN1( gated conv( Q2(x) ) ) ) + shortcut(x) ), half of a block. */
static int half(struct frac *f, int x, const char *block, int n, uint32_t in, uint32_t out)
{
	char conv_name[96], act_name[96], bn1[8], bn2[8], name[64];
	uint32_t stride = in == out ? 1 : 2;
	struct bnnaccel_conv conv = { .outputs = out,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .stride_h = stride,
				      .stride_w = stride,
				      .pad_top = 1,
				      .pad_left = 1,
				      .pad_bottom = 1,
				      .pad_right = 1,
				      .kind = BNNACCEL_WEIGHTS_SIGN,
				      .order = BNNACCEL_OIHW };
	const float *shift_x, *slope, *shift_y;
	int y;

	snprintf(conv_name, sizeof(conv_name), "%s_conv%d", block, n);
	snprintf(act_name, sizeof(act_name), "%s_rprelu%d", block, n);
	snprintf(bn1, sizeof(bn1), "_bn%d", n);
	snprintf(bn2, sizeof(bn2), "_bn%d", n + 2);
	conv.weights = array(f, conv_name, "weight", (size_t)out * in * 9);
	conv.gates = array(f, conv_name, "threshold", out);
	shift_x = array(f, act_name, "shift_x_bias", out);
	slope = array(f, act_name, "prelu_weight", out);
	shift_y = array(f, act_name, "shift_y_bias", out);
	if (f->b.code)
		return f->b.code;
	y = bnnaccel_graph_quantise(f->g, x, BNNACCEL_CODES_ODD2, 1);
	snprintf(name, sizeof(name), "%s.quant%d", block, n);
	y = bnnaccel_graph_name(f->g, y, name);
	y = bnnaccel_graph_conv(f->g, y, &conv);
	snprintf(name, sizeof(name), "%s.conv%d", block, n);
	y = bnnaccel_graph_name(f->g, y, name);
	y = batch_norm(f, y, block, bn1, out);
	y = bnnaccel_graph_rprelu(f->g, y, shift_x, slope, shift_y);
	/* twice the channels: the shortcut is repeated */
	y = bnnaccel_graph_add(f->g, y, x, stride == 2 ? BNNACCEL_ADD_AVG2X2 : 0);
	y = batch_norm(f, y, block, bn2, out);
	snprintf(name, sizeof(name), "%s.out%d", block, n);
	return bnnaccel_graph_name(f->g, y, name);
}

static int first_layer(struct frac *f, int x)
{
	uint8_t table[256];
	struct bnnaccel_encoding encoding = { .mode = BNNACCEL_ENCODE_THERMOMETER,
					      .table = table,
					      .levels = 32 };
	struct bnnaccel_conv conv = { .outputs = 16,
				      .kernel_h = 3,
				      .kernel_w = 3,
				      .pad_top = 1,
				      .pad_left = 1,
				      .pad_bottom = 1,
				      .pad_right = 1,
				      .kind = BNNACCEL_WEIGHTS_SIGN,
				      .order = BNNACCEL_OIHW };

	/* round half to even of p/8, as the training code does */
	for (int p = 0; p < 256; p++)
		table[p] = (uint8_t)((p + 3 + (p >> 3 & 1)) >> 3);
	conv.weights = array(f, "conv1", "weight", 16 * 96 * 9);
	if (f->b.code)
		return f->b.code;
	x = bnnaccel_graph_name(f->g, bnnaccel_graph_encode(f->g, x, &encoding), "input");
	x = bnnaccel_graph_name(f->g, bnnaccel_graph_conv(f->g, x, &conv), "conv1");
	x = batch_norm(f, x, "", "bn1", 16);
	return bnnaccel_graph_name(f->g, x, "bn1");
}

static int build(struct frac *f)
{
	struct bnnaccel_conv linear = { .outputs = 10, .kind = BNNACCEL_WEIGHTS_FLOAT };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT,
					  .column = "logit",
					  .labels = bnn_cifar10_labels };
	uint32_t in = 16;
	int x = bnnaccel_graph_image(f->g, 32, 32, 3, 1);

	x = first_layer(f, x);
	for (int group = 1; group <= 3; group++) {
		for (int block = 0; block < 3; block++) {
			uint32_t out = 16u << (group - 1);
			char name[32];

			snprintf(name, sizeof(name), "layer%d_%d", group, block);
			x = half(f, x, name, 1, in, out);
			x = half(f, x, name, 2, out, out);
			in = out;
		}
	}
	linear.weights = array(f, "linear", "weight", 640);
	linear.bias = array(f, "linear", "bias", 10);
	if (f->b.code)
		return f->b.code;
	x = bnnaccel_graph_name(f->g, bnnaccel_graph_mean(f->g, x), "mean");
	x = bnnaccel_graph_name(f->g, bnnaccel_graph_dense(f->g, x, &linear), "logits");
	return bnnaccel_graph_output(f->g, x, &output);
}

int bnn_import_fracbnn(const char *path, const char *name, struct bnnaccel_graph **graph,
		       struct bnn_error *error)
{
	struct frac f = { .g = NULL };
	int rc = bnn_bundle_open(&f.b, path, "params.tsv", "params.f32", error);

	if (!rc)
		rc = bnnaccel_graph_new(name, &f.g);
	if (!rc) {
		bnnaccel_graph_describe(f.g, "FracBNN for CIFAR-10 (arXiv 2012.12206)");
		rc = build(&f);
	}
	bnn_bundle_close(&f.b);
	return bnn_import_end(path, f.g, rc, f.b.code, graph, error);
}
