// SPDX-License-Identifier: MIT
/* The operators of the domain bnnaccel, version 1 (docs/onnx.md). */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "own.h"

#define UNSUPPORTED BNNACCEL_ERR_UNSUPPORTED
#define BAD BNNACCEL_ERR_BAD_MODEL

static const double zero = 0;

static struct bnn_ir_node *node_of(const struct bnn_onnx_op *op, const struct bnn_onnx_value *x)
{
	return &op->r->ir.nodes[x->tensor];
}

static int sign(struct bnn_onnx_op *op)
{
	const double *t;
	uint32_t n;
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_vector(op, 1, node_of(op, x)->c, &zero, &t, &n);
	return rc ? rc
		  : bnn_onnx_result(op, bnn_ir_compare(&op->r->ir, x->tensor, t, n, false, -1, 1),
				    x);
}

static int quantise(struct bnn_onnx_op *op)
{
	static const char *const names[] = {
		[BNNACCEL_CODES_ODD2] = "odd2",		  [BNNACCEL_CODES_ODD4] = "odd4",
		[BNNACCEL_CODES_ODD8] = "odd8",		  [BNNACCEL_CODES_UNSIGNED4] = "unsigned4",
		[BNNACCEL_CODES_UNSIGNED8] = "unsigned8", [BNNACCEL_CODES_SIGNED4] = "signed4",
		[BNNACCEL_CODES_SIGNED8] = "signed8",
	};
	char codes[16], rounding[16], output[16];
	int64_t symmetric;
	float range;
	int rc, k = BNNACCEL_CODES_ODD2;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	rc = bnn_onnx_word(op, "codes", codes, sizeof(codes));
	if (!rc)
		rc = bnn_onnx_float(op, "range", 0, &range);
	if (!rc)
		rc = bnn_onnx_word(op, "rounding", rounding, sizeof(rounding));
	if (!rc)
		rc = bnn_onnx_word(op, "output", output, sizeof(output));
	if (!rc)
		rc = bnn_onnx_int(op, "symmetric", 0, &symmetric);
	if (rc)
		return rc;
	while (k <= BNNACCEL_CODES_SIGNED8 && strcmp(names[k], codes))
		k++;
	if (k > BNNACCEL_CODES_SIGNED8)
		return bnn_onnx_fail(op, BAD,
				     "has codes \"%s\"; odd2, odd4, odd8, unsigned4, unsigned8, "
				     "signed4 and signed8 are possible",
				     codes);
	if ((rounding[0] && strcmp(rounding, "nearest") && strcmp(rounding, "down")) ||
	    (output[0] && strcmp(output, "real") && strcmp(output, "codes")))
		return bnn_onnx_fail(
			op, BAD,
			"has rounding \"%s\" and output \"%s\"; nearest or down, real or "
			"codes are possible",
			rounding, output);
	return bnn_onnx_result(op,
			       bnn_ir_codes(&op->r->ir, x->tensor, (enum bnnaccel_codes)k, range,
					    rounding[0] == 'd', symmetric != 0, output[0] != 'c'),
			       x);
}

/* shift_x, slope or below and above, shift_y, one or c of each. */
static int rprelu(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	bool two = !strcmp(op->name, "DPReLU");
	const double *v[4];
	double *minus[2];
	uint32_t n[4], c, last = two ? 4 : 3;
	int rc, t;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	c = node_of(op, x)->c;
	for (uint32_t i = 0; !rc && i < last; i++)
		rc = bnn_onnx_vector(op, 1 + i, c, NULL, &v[i], &n[i]);
	if (rc)
		return rc;
	minus[0] = malloc(c * sizeof(double));
	minus[1] = malloc(c * sizeof(double));
	for (int k = 0; k < 2 && minus[0] && minus[1]; k++) {
		uint32_t from = k ? last - 1 : 0;

		for (uint32_t i = 0; i < n[from]; i++)
			minus[k][i] = two ? -v[from][i] : v[from][i];
	}
	if (!minus[0] || !minus[1]) {
		t = bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	} else {
		t = bnn_ir_affine(ir, x->tensor, NULL, 0, minus[0], n[0], false);
		t = bnn_ir_bend(ir, t, v[1], n[1], two ? v[2] : NULL, two ? n[2] : 0);
		t = bnn_ir_affine(ir, t, NULL, 0, minus[1], n[last - 1], false);
	}
	free(minus[0]);
	free(minus[1]);
	return bnn_onnx_result(op, t, x);
}

static int thermometer(struct bnn_onnx_op *op)
{
	int64_t levels, resolution, *given = NULL;
	uint32_t colours, count = 0;
	uint8_t *table;
	int rc, t;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	colours = node_of(op, x)->c;
	rc = bnn_onnx_int(op, "levels", 0, &levels);
	if (!rc)
		rc = bnn_onnx_int(op, "resolution", 0, &resolution);
	if (rc)
		return rc;
	given = malloc(256 * (size_t)colours * sizeof(*given));
	table = malloc(256 * (size_t)colours);
	if (!given || !table)
		rc = bnn_onnx_fail(op, BNNACCEL_ERR_MEMORY, "out of memory");
	if (!rc)
		rc = bnn_onnx_ints(op, "table", given, 256 * colours, &count);
	if (!rc &&
	    (levels < 1 || levels > 255 || (count && count != 256 && count != 256 * colours) ||
	     (!count && (resolution < 1 || resolution > 255))))
		rc = bnn_onnx_fail(
			op, BAD,
			"has %" PRId64 " levels, resolution %" PRId64
			" and a table of %u numbers; 1 to 255 levels, and a resolution of 1 "
			"to 255 or a table of 256 numbers (or that for each colour) are "
			"possible",
			levels, resolution, count);
	for (uint32_t i = 0; !rc && i < count; i++) {
		if (given[i] < 0 || given[i] > 255)
			rc = bnn_onnx_fail(op, BAD, "has level %" PRId64 " in its table", given[i]);
		else
			table[i] = (uint8_t)given[i];
	}
	/* half to even, as training code rounds */
	for (int i = 0; !rc && !count && i < 256; i++)
		table[i] = (uint8_t)nearbyint(i / (double)resolution);
	t = rc ? rc
	       : bnn_ir_thermometer(&op->r->ir, x->tensor, table, count > 256 ? colours : 1,
				    (uint32_t)levels);
	free(given);
	free(table);
	return bnn_onnx_result(op, t, x);
}

static int bitplanes(struct bnn_onnx_op *op)
{
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	return x ? bnn_onnx_result(op, bnn_ir_bitplanes(&op->r->ir, x->tensor), x) : rc;
}

static int gate(struct bnn_onnx_op *op)
{
	int rc;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc), *g;

	g = x ? bnn_onnx_tensor(op, 1, &rc) : NULL;
	return g ? bnn_onnx_result(op, bnn_ir_gate(&op->r->ir, x->tensor, g->tensor), x) : rc;
}

static int match_channels(struct bnn_onnx_op *op)
{
	struct bnn_ir *ir = &op->r->ir;
	struct bnn_ir_pool pool = {
		.kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1, .group = 1
	};
	int64_t channels, stride;
	char mode[16];
	uint32_t c;
	int rc, t;
	struct bnn_onnx_value *x = bnn_onnx_tensor(op, 0, &rc);

	if (!x)
		return rc;
	c = node_of(op, x)->c;
	rc = bnn_onnx_int(op, "channels", c, &channels);
	if (!rc)
		rc = bnn_onnx_int(op, "stride", 1, &stride);
	if (!rc)
		rc = bnn_onnx_word(op, "mode", mode, sizeof(mode));
	if (rc)
		return rc;
	if (x->layout != BNN_ONNX_NCHW || channels < 1 || channels > 8192 ||
	    (channels < c && c % channels) || (stride != 1 && stride != 2) ||
	    (strcmp(mode, "zero") && strcmp(mode, "repeat") && channels > c) ||
	    (stride == 2 && (node_of(op, x)->h % 2 || node_of(op, x)->w % 2)))
		return bnn_onnx_fail(
			op, BAD,
			"makes %" PRId64 " channels of %u, mode \"%s\", stride %" PRId64
			"; a divisor or more channels, zero or repeat, stride 1, or 2 of "
			"even sizes are possible",
			channels, c, mode, stride);
	pool.group = channels < c ? c / (uint32_t)channels : 1;
	if (stride == 2) {
		pool.kernel_h = pool.kernel_w = 3;
		pool.stride_h = pool.stride_w = 2;
		pool.pad_bottom = pool.pad_right = 1;
	}
	pool.divisor = pool.kernel_h * pool.kernel_w * pool.group;
	t = x->tensor;
	if (pool.divisor > 1)
		t = bnn_ir_pool(ir, t, &pool);
	if (channels > c)
		t = bnn_ir_extend(ir, t, (uint32_t)channels, mode[0] == 'z');
	return bnn_onnx_result(op, t, x);
}

#define CONV "kernel_shape strides pads dilations group auto_pad pad_value"

const struct bnn_onnx_operator bnn_onnx_own_operators[] = {
	{ "BinaryConv", CONV, 2, 4, bnn_own_binary_conv },
	{ "BinaryGemm", "", 2, 4, bnn_own_binary_conv },
	{ "BitPlanes", "", 1, 1, bitplanes },
	{ "CodebookConv", CONV, 3, 5, bnn_own_codebook_conv },
	{ "DPReLU", "", 5, 5, rprelu },
	{ "Gate", "", 2, 2, gate },
	{ "MatchChannels", "channels mode stride", 1, 1, match_channels },
	{ "PrecisionGatedConv", CONV, 3, 4, bnn_own_gated_conv },
	{ "Quantise", "codes range rounding symmetric output", 1, 1, quantise },
	{ "RPReLU", "", 4, 4, rprelu },
	{ "Sign", "", 1, 2, sign },
	{ "Thermometer", "levels resolution table", 1, 1, thermometer },
	{ "TiledConv", CONV " p outputs order", 3, 4, bnn_own_tiled_conv },
	{ "TiledGemm", "p outputs", 3, 4, bnn_own_tiled_conv },
	{ NULL, NULL, 0, 0, NULL },
};
