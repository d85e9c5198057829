// SPDX-License-Identifier: MIT
/*
 * ONNX files from anyone: read, shapes, constants, translation, and, where it is small
 * enough, lowering. A libFuzzer target; its mutator works on the fields of the messages
 * and writes the lengths around them again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "graph/graph.h"
#include "import/onnx/read.h"

enum { CHANNELS_MAX = 96, OPS_MAX = 24, WEIGHTS_MAX = 2048 };

static bool is_small(const struct bnnaccel_graph *g)
{
	uint64_t channels = 0, weights = 0;

	for (size_t i = 0; i < g->count; i++) {
		channels += g->ops[i].c;
		if (g->ops[i].kind == BNN_OP_CONV)
			weights += (uint64_t)g->ops[i].conv.k * g->ops[i].c;
	}
	return g->count <= OPS_MAX && channels <= CHANNELS_MAX && weights <= WEIGHTS_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bnn_onnx_limits limits = { .elements = 16384, .nodes = 64 };
	static const struct bnnaccel_build_options options = { .size = sizeof(options) };
	struct bnnaccel_graph *graph = NULL;
	struct bnn_error error = { "" };
	struct bnn_notes notes = { NULL, 0 };
	struct bnn_net *net = NULL;
	int rc = bnn_onnx_graph("model.onnx", "model", data, size, &limits, &graph, &notes, &error);

	free(notes.text);
	if (rc) {
		fuzz_check(rc < 0 && error.text[0] && !strncmp(error.text, "model.onnx: ", 12),
			   data, size, "refused without a sentence");
		return 0;
	}
	if (is_small(graph)) {
		rc = bnn_graph_lower(graph, &options, &net, &error);
		fuzz_check(!rc == (net != NULL) && (!rc || error.text[0]), data, size,
			   "lowering failed without a sentence");
		bnn_net_free(net);
	}
	bnnaccel_graph_free(graph);
	return 0;
}

/* --- the mutator --- */

enum message {
	LEAF,
	MODEL,
	GRAPH,
	NODE,
	ATTRIBUTE,
	TENSOR,
	INFO,
	TYPE,
	TENSOR_TYPE,
	SHAPE,
	DIM,
	PAIR
};

static const struct {
	enum message in;
	uint32_t number;
	enum message is;
} schema[] = {
	{ MODEL, 7, GRAPH }, { MODEL, 8, PAIR },       { MODEL, 14, PAIR },
	{ GRAPH, 1, NODE },  { GRAPH, 5, TENSOR },     { GRAPH, 11, INFO },
	{ GRAPH, 12, INFO }, { NODE, 5, ATTRIBUTE },   { ATTRIBUTE, 5, TENSOR },
	{ INFO, 2, TYPE },   { TYPE, 1, TENSOR_TYPE }, { TENSOR_TYPE, 2, SHAPE },
	{ SHAPE, 1, DIM },
};

static enum message message_of(enum message in, uint32_t number)
{
	for (size_t i = 0; i < sizeof(schema) / sizeof(schema[0]); i++) {
		if (schema[i].in == in && schema[i].number == number)
			return schema[i].is;
	}
	return LEAF;
}

struct mutator {
	unsigned int seed, target, at;
	const uint8_t *pick; /* payload of some other leaf, to be put in its place */
	size_t pick_len;
	unsigned int pick_at;
};

static unsigned int draw(struct mutator *m, unsigned int n)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return n ? (m->seed >> 8) % n : 0;
}

static size_t put_varint(uint8_t *out, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

static const char *const words[] = {
	"Conv",
	"Gemm",
	"MatMul",
	"Add",
	"Mul",
	"Sub",
	"Div",
	"Sign",
	"Relu",
	"PRelu",
	"Clip",
	"Floor",
	"Round",
	"Where",
	"Cast",
	"GreaterOrEqual",
	"Less",
	"Pad",
	"Concat",
	"Slice",
	"Reshape",
	"Flatten",
	"Transpose",
	"Shape",
	"Gather",
	"Unsqueeze",
	"Squeeze",
	"MaxPool",
	"AveragePool",
	"GlobalAveragePool",
	"ReduceMean",
	"BatchNormalization",
	"HardSigmoid",
	"Constant",
	"ConstantOfShape",
	"Expand",
	"Range",
	"BinaryConv",
	"TiledConv",
	"TiledGemm",
	"CodebookConv",
	"Quantise",
	"Thermometer",
	"Gate",
	"MatchChannels",
	"PrecisionGatedConv",
	"DPReLU",
	"RPReLU",
	"BitPlanes",
	"bnnaccel",
	"",
	"x",
	"image",
};

/* A changed payload of a leaf. */
static size_t mutate_leaf(struct mutator *m, const struct bnn_wire_field *f, uint8_t *out,
			  size_t max)
{
	size_t len = bnn_wire_left(&f->bytes);
	const char *word;

	switch (draw(m, 8)) {
	case 0:
		word = words[draw(m, sizeof(words) / sizeof(words[0]))];
		len = strlen(word);
		if (len <= max)
			memcpy(out, word, len);
		return len <= max ? len : 0;
	case 1:
	case 2:
	case 3:
		if (m->pick && m->pick_len <= max) {
			memcpy(out, m->pick, m->pick_len);
			return m->pick_len;
		}
		/* fall through */
	default:
		if (len > max)
			return 0;
		memcpy(out, f->bytes.p, len);
		return LLVMFuzzerMutate(out, len, max);
	}
}

static uint64_t mutate_value(struct mutator *m, uint64_t value)
{
	static const uint64_t edges[] = { 0,	      1,	  2,	     3,	       4,
					  5,	      7,	  8,	     9,	       10,
					  11,	      16,	  32,	     64,       65,
					  255,	      256,	  8192,	     8193,     65535,
					  65536,      ~0ull,	  ~1ull,     1u << 31, 0x7fffffff,
					  1ull << 40, 1ull << 62, 1ull << 63 };

	switch (draw(m, 4)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value ^ 1ull << draw(m, 64);
	default:
		return edges[draw(m, sizeof(edges) / sizeof(edges[0]))];
	}
}

static size_t put_field(const struct bnn_wire_field *f, const uint8_t *payload, size_t len,
			uint8_t *out, size_t max)
{
	size_t n;

	if (len + 24 > max)
		return 0;
	n = put_varint(out, (uint64_t)f->number << 3 | f->type);
	if (f->type == BNN_WIRE_VARINT)
		return n + put_varint(out + n, f->value);
	if (f->type == BNN_WIRE_BYTES) {
		n += put_varint(out + n, len);
		memmove(out + n, payload, len);
		return n + len;
	}
	for (unsigned int i = 0; i < (f->type == BNN_WIRE_64 ? 8u : 4u); i++)
		out[n++] = (uint8_t)(f->value >> 8 * i);
	return n;
}

/* Counts fields, and remembers the payload of leaf number pick_at. */
static void walk(struct mutator *m, enum message in, struct bnn_wire w, int depth)
{
	struct bnn_wire_field f;

	while (bnn_wire_next(&w, &f) > 0) {
		enum message is = message_of(in, f.number);

		if (f.type == BNN_WIRE_BYTES && is != LEAF && depth < 8)
			walk(m, is, f.bytes, depth + 1);
		else if (f.type == BNN_WIRE_BYTES && m->at == m->pick_at)
			m->pick = f.bytes.p, m->pick_len = bnn_wire_left(&f.bytes);
		m->at++;
	}
}

/* Writes a message again with field number `target` changed. */
static size_t rewrite(struct mutator *m, enum message in, struct bnn_wire w, uint8_t *out,
		      size_t max, int depth)
{
	struct bnn_wire_field f;
	uint8_t *inner = malloc(max);
	size_t n = 0;

	while (bnn_wire_next(&w, &f) > 0) {
		enum message is =
			f.type == BNN_WIRE_BYTES && depth < 8 ? message_of(in, f.number) : LEAF;
		const uint8_t *payload = f.bytes.p;
		size_t len = bnn_wire_left(&f.bytes);
		unsigned int copies = 1;

		if (is != LEAF) {
			len = rewrite(m, is, f.bytes, inner, max, depth + 1);
			payload = inner;
		}
		if (m->at++ == m->target) {
			switch (draw(m, is == LEAF ? 10 : 3)) {
			case 0:
				copies = 0;
				break;
			case 1:
				copies = 2;
				break;
			default:
				if (is != LEAF)
					break;
				f.value = mutate_value(m, f.value);
				if (f.type == BNN_WIRE_BYTES) {
					len = mutate_leaf(m, &f, inner, max);
					payload = inner;
				}
			}
		}
		for (; copies; copies--)
			n += put_field(&f, payload, len, out + n, max - n);
	}
	free(inner);
	return n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct mutator m = { .seed = seed };
	struct bnn_wire w = { data, data + size };
	uint8_t *out;
	size_t n;

	if (seed % 16 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	walk(&m, MODEL, w, 0);
	if (!m.at)
		return LLVMFuzzerMutate(data, size, max_size);
	m.target = draw(&m, m.at);
	m.pick_at = draw(&m, m.at);
	m.at = 0;
	walk(&m, MODEL, w, 0);
	m.at = 0;
	out = malloc(max_size);
	n = rewrite(&m, MODEL, w, out, max_size, 0);
	memcpy(data, out, n);
	free(out);
	return n;
}
