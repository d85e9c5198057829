// SPDX-License-Identifier: MIT
/* Commands of the host: docs/arithmetic.md, section 12. */
#include <math.h>
#include <stdlib.h>

#include "bytes.h"
#include "lower.h"

/* Fraction bits of normalised values. */
#define NORM_BITS 12

static int no_memory(struct bnn_lower *lo)
{
	return bnn_fail(lo->error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", lo->g->name);
}

static int unsupported(struct bnn_lower *lo, const struct bnn_op *op, const char *what)
{
	return bnn_fail(lo->error, BNNACCEL_ERR_UNSUPPORTED, "graph %s: %s: %s", lo->g->name,
			op->name, what);
}

/* H, W, C, IN and OUT are the same bits in all of them. */
static void begin(struct bnn_lower *lo, int i, unsigned int opcode, struct bnn_node *node)
{
	const struct bnn_op *op = &lo->g->ops[i], *x = &lo->g->ops[op->in[0]];

	bnn_lower_init(node, opcode, op);
	bnn_field_set(node->words, BNN_F_TABLE_H, x->h);
	bnn_field_set(node->words, BNN_F_TABLE_W, x->w);
	bnn_field_set(node->words, BNN_F_TABLE_C, x->c);
	bnn_field_set(node->words, BNN_F_TABLE_IN_FORMAT, BNN_FORMAT_E_S16);
	bnn_field_set(node->words, BNN_F_TABLE_OUT_FORMAT, BNN_FORMAT_E_S16);
	node->ref[BNN_SLOT_IN] = lo->at[op->in[0]].stream;
}

static int finish(struct bnn_lower *lo, int i, struct bnn_node *node, enum bnn_slot slot,
		  uint8_t *data, uint64_t bytes, const char *suffix)
{
	const struct bnn_op *op = &lo->g->ops[i];

	node->ref[slot] = bnn_lower_value(lo, BNN_ROLE_CONST, 0, 0, 0, (uint32_t)bytes, 0, data,
					  op->name, suffix);
	node->ref[BNN_SLOT_OUTP] = lo->at[i].stream =
		bnn_lower_value(lo, BNN_ROLE_TEMP, BNN_FORMAT_E_S16, op->h, op->w, op->c,
				lo->at[i].f, NULL, op->name, "");
	return bnn_lower_node(lo, node);
}

static int normalise(struct bnn_lower *lo, int i)
{
	const struct bnn_op *op = &lo->g->ops[i];
	double eps = ldexp(op->lin.epsilon * op->c * op->c, 2 * lo->at[op->in[0]].f);
	double gain = 0, offset = 0;
	int *f = &lo->at[i].f, s, sb = 0;
	struct bnn_node node;
	uint8_t *data;

	for (uint32_t c = 0; c < op->c; c++) {
		gain = fmax(gain, fabs(op->lin.a[c]));
		offset = fmax(offset, fabs(op->lin.b[c]));
	}
	if (eps + 0.5 >= 0x1p56)
		return unsupported(lo, op, "its epsilon is too large beside its input");
	for (s = 31; ldexp(gain, *f - NORM_BITS + s) >= 32767.5 || ldexp(offset, *f + s) >= 0x1p46;
	     s--)
		;
	/* then fewer bits behind the point will do */
	for (; s < 0; s++)
		--*f;
	if (*f < -8)
		return unsupported(lo, op, "its scales or offsets are too large");
	while (ldexp(offset, *f + s - sb) + 0.5 > INT32_MAX)
		sb++;
	begin(lo, i, BNN_CMD_NORMALISE, &node);
	bnn_field_set(node.words, BNN_F_NORMALISE_S, (uint32_t)s);
	bnn_field_set(node.words, BNN_F_NORMALISE_SB, (uint32_t)sb);
	bnn_field_set(node.words, BNN_F_NORMALISE_EPS_LO, (uint32_t)(uint64_t)(eps + 0.5));
	bnn_field_set(node.words, BNN_F_NORMALISE_EPS_HI, (uint32_t)((uint64_t)(eps + 0.5) >> 32));
	data = calloc(op->c, BNN_SIZEOF_NORM);
	if (!data)
		return no_memory(lo);
	for (uint32_t c = 0; c < op->c; c++) {
		uint8_t *to = data + (size_t)c * BNN_SIZEOF_NORM;

		bnn_bytes16(to + BNN_NORM_GAIN,
			    (int32_t)floor(ldexp(op->lin.a[c], *f - NORM_BITS + s) + 0.5));
		bnn_bytes32(to + BNN_NORM_OFFSET,
			    (int32_t)floor(ldexp(op->lin.b[c], *f + s - sb) + 0.5));
	}
	return finish(lo, i, &node, BNN_SLOT_PARAM, data, (uint64_t)op->c * BNN_SIZEOF_NORM,
		      ".params");
}

/* Distance of table entries: small in real numbers, and 1,024 of them at least. */
static int table_shift(int f, int real)
{
	int shift = f + real;

	return shift < 0 ? 0 : shift > 6 ? 6 : shift;
}

static double clamp(double x, double lo, double hi)
{
	return fmin(fmax(floor(x + 0.5), lo), hi);
}

static int function(struct bnn_lower *lo, int i)
{
	const struct bnn_op *op = &lo->g->ops[i];
	int f = lo->at[op->in[0]].f, shift = table_shift(f, -6);
	uint32_t entries = (65536u >> shift) + 1;
	struct bnn_node node;
	uint8_t *data = malloc(2 * (size_t)entries);

	if (!data)
		return no_memory(lo);
	for (uint32_t j = 0; j < entries; j++) {
		double x = ldexp((double)((int64_t)j << shift) - 32768, -f);

		bnn_bytes16(data + 2 * (size_t)j,
			    (int32_t)clamp(ldexp(bnn_function(op->function, x), lo->at[i].f),
					   INT16_MIN, INT16_MAX));
	}
	begin(lo, i, BNN_CMD_TABLE, &node);
	bnn_field_set(node.words, BNN_F_TABLE_SHIFT, (uint32_t)shift);
	return finish(lo, i, &node, BNN_SLOT_WEIGHT, data, 2ull * entries, ".table");
}

static int softmax(struct bnn_lower *lo, int i)
{
	int f = lo->at[lo->g->ops[i].in[0]].f, shift = table_shift(f, -7);
	uint32_t entries = (65536u >> shift) + 1;
	struct bnn_node node;
	uint8_t *data = malloc(2 * (size_t)entries);

	if (!data)
		return no_memory(lo);
	for (uint32_t j = 0; j < entries; j++) {
		double d = ldexp((double)((uint64_t)j << shift), -f);

		bnn_bytes16(data + 2 * (size_t)j, (int32_t)clamp(65535 * exp(-d), 0, 65535));
	}
	lo->at[i].f = BNN_SOFTMAX_POINT;
	begin(lo, i, BNN_CMD_SOFTMAX, &node);
	bnn_field_set(node.words, BNN_F_SOFTMAX_SHIFT, (uint32_t)shift);
	return finish(lo, i, &node, BNN_SLOT_WEIGHT, data, 2ull * entries, ".table");
}

/* Bits behind the point of edge weights. */
static int weight_point(const struct bnn_edges_op *e)
{
	double max = 0;
	int k = 24;

	for (uint32_t i = 0; e->weights && i < e->count; i++)
		max = fmax(max, fabs(e->weights[i]));
	if (max == 0)
		return 0;
	while (ldexp(max, k) >= 32767.5)
		k--;
	return k;
}

static int aggregate(struct bnn_lower *lo, int i)
{
	static const unsigned int modes[] = {
		[BNNACCEL_AGGREGATE_SUM] = BNN_AGGREGATE_SUM,
		[BNNACCEL_AGGREGATE_MEAN] = BNN_AGGREGATE_MEAN,
		[BNNACCEL_AGGREGATE_MAX] = BNN_AGGREGATE_MAX,
	};
	const struct bnn_op *op = &lo->g->ops[i];
	const struct bnn_edges_op *e = &op->edges;
	uint32_t nodes = op->h * op->w;
	int from = lo->at[op->in[0]].f, k = weight_point(e), *f = &lo->at[i].f;
	struct bnn_node node;
	uint64_t bytes;
	uint8_t *data;

	if (e->mode != BNNACCEL_AGGREGATE_SUM || *f > from + k)
		*f = from + k;
	if (from + k - *f > 31)
		k = 31 - from + *f;
	begin(lo, i, BNN_CMD_AGGREGATE, &node);
	bnn_field_set(node.words, BNN_F_AGGREGATE_MODE, modes[e->mode]);
	bnn_field_set(node.words, BNN_F_AGGREGATE_WEIGHTED, e->weights != NULL);
	bnn_field_set(node.words, BNN_F_AGGREGATE_OH, op->h);
	bnn_field_set(node.words, BNN_F_AGGREGATE_OW, op->w);
	bnn_field_set(node.words, BNN_F_AGGREGATE_EDGES, e->count);
	bnn_field_set(node.words, BNN_F_AGGREGATE_S, (uint32_t)(from + k - *f));
	bytes = bnn_graph_bytes(node.words) + (e->weights ? 2ull * e->count : 0);
	data = malloc(bytes);
	if (!data)
		return no_memory(lo);
	for (uint32_t u = 0; u <= nodes; u++)
		bnn_bytes32(data + 4 * (size_t)u, (int32_t)e->starts[u]);
	for (uint32_t j = 0; j < e->count; j++) {
		bnn_bytes32(data + 4 * ((size_t)nodes + 1 + j), (int32_t)e->sources[j]);
		if (e->weights)
			bnn_bytes16(data + bnn_graph_bytes(node.words) + 2 * (size_t)j,
				    (int32_t)floor(ldexp(e->weights[j], k) + 0.5));
	}
	return finish(lo, i, &node, BNN_SLOT_WEIGHT, data, bytes, ".edges");
}

int bnn_lower_host(struct bnn_lower *lo, int i)
{
	switch (lo->g->ops[i].kind) {
	case BNN_OP_NORMALISE:
		return normalise(lo, i);
	case BNN_OP_FUNCTION:
		return function(lo, i);
	case BNN_OP_SOFTMAX:
		return softmax(lo, i);
	default:
		return aggregate(lo, i);
	}
}
