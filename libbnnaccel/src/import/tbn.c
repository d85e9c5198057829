// SPDX-License-Identifier: MIT
/*
 * Tiled Bit Network (arXiv 2407.12075): bytes, a dense layer whose tile is repeated
 * with a scale per repetition, ReLU, a dense layer. Scales are integers in Q16.
 */
#include <stdlib.h>

#include "arrays.h"
#include "import.h"

#define PIXELS 784

struct tbn {
	uint8_t *tile1, *tile2;
	int32_t *alpha1, *alpha2;
	size_t tile1_bytes, tile2_bytes, alpha1_bytes, alpha2_bytes;
};

static int read_all(const char *path, struct tbn *t, struct bnn_error *error)
{
	int code = 0;

	t->tile1 = bnn_array_read(path, "fc1_tile.bits", 0, &t->tile1_bytes, &code, error);
	if (!code)
		t->tile2 = bnn_array_read(path, "fc2_tile.bits", 0, &t->tile2_bytes, &code, error);
	if (!code)
		t->alpha1 = bnn_array_read(path, "fc1_alpha_q16.i32", 0, &t->alpha1_bytes, &code,
					   error);
	if (!code)
		t->alpha2 = bnn_array_read(path, "fc2_alpha_q16.i32", 4, &t->alpha2_bytes, &code,
					   error);
	return code;
}

static int build(struct bnnaccel_graph *g, const struct tbn *t, uint32_t hidden, uint32_t outputs)
{
	uint32_t p = (uint32_t)(t->alpha1_bytes / 4);
	float scale1[64], scale2 = (float)t->alpha2[0] / 65536;
	uint8_t table[256];
	struct bnnaccel_encoding encoding = { .mode = BNNACCEL_ENCODE_VALUE,
					      .codes = BNNACCEL_CODES_UNSIGNED8,
					      .table = table };
	struct bnnaccel_conv fc1 = { .outputs = hidden,
				     .kind = BNNACCEL_WEIGHTS_TILED,
				     .weights = t->tile1,
				     .tile = p,
				     .scale = scale1,
				     .scales = p };
	struct bnnaccel_conv fc2 = { .outputs = outputs,
				     .kind = BNNACCEL_WEIGHTS_BITS,
				     .weights = t->tile2,
				     .scale = &scale2,
				     .scales = 1 };
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_INT, .column = "acc" };
	int x;

	for (int i = 0; i < 256; i++)
		table[i] = (uint8_t)i;
	for (uint32_t i = 0; i < p; i++)
		scale1[i] = (float)t->alpha1[i] / 65536;
	x = bnnaccel_graph_image(g, 28, 28, 1, 0);
	x = bnnaccel_graph_name(g, bnnaccel_graph_flatten(g, x), "pixels");
	x = bnnaccel_graph_name(g, bnnaccel_graph_encode(g, x, &encoding), "input");
	x = bnnaccel_graph_name(g, bnnaccel_graph_dense(g, x, &fc1), "fc1");
	x = bnnaccel_graph_name(g, bnnaccel_graph_relu(g, x), "relu");
	x = bnnaccel_graph_name(g, bnnaccel_graph_dense(g, x, &fc2), "fc2");
	return bnnaccel_graph_output(g, x, &output);
}

int bnn_import_tbn(const char *path, const char *name, struct bnnaccel_graph **graph,
		   struct bnn_error *error)
{
	struct tbn t = { .tile1 = NULL };
	struct bnnaccel_graph *g = NULL;
	size_t hidden = 0, outputs = 0;
	int rc = read_all(path, &t, error);

	if (!rc) {
		size_t p = t.alpha1_bytes / 4;

		hidden = t.tile1_bytes * 8 * p / PIXELS;
		outputs = hidden ? t.tile2_bytes * 8 / hidden : 0;
		if (!p || p > 64 || t.alpha1_bytes % 4 ||
		    hidden * PIXELS != t.tile1_bytes * 8 * p || hidden > 8192 || hidden % p ||
		    outputs < 2 || outputs > 8192 || outputs * hidden != t.tile2_bytes * 8)
			rc = bnn_fail(error, BNNACCEL_ERR_BAD_MODEL,
				      "%s: tiles of %zu and %zu bytes with %zu scales are no "
				      "network of %u inputs",
				      path, t.tile1_bytes, t.tile2_bytes, p, PIXELS);
	}
	if (!rc)
		rc = bnnaccel_graph_new(name, &g);
	if (!rc) {
		bnnaccel_graph_describe(g,
					"Tiled bit network of two dense layers (arXiv 2407.12075)");
		rc = build(g, &t, (uint32_t)hidden, (uint32_t)outputs);
	}
	free(t.tile1);
	free(t.tile2);
	free(t.alpha1);
	free(t.alpha2);
	return bnn_import_end(path, g, rc, false, graph, error);
}
