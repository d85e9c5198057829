// SPDX-License-Identifier: MIT
/* bnn_net_check(): what it refuses, and that its sentences name the place. */
#include <stdlib.h>
#include <string.h>

#include "../common/random_net.h"
#include "../common/tap.h"
#include "bnnaccel/bnnaccel.h"
#include "compile/target.h"
#include "error.h"

/* Values and nodes of the network that the cases below damage. */
enum { IMAGE, TABLE, CODES, WEIGHTS, RECORDS, STREAM, LOGITS, SPARE };
enum { ENCODE, CONVOLVE, FINISH };

static void value(struct bnn_net *net, const char *name, enum bnn_role role, int format, uint32_t h,
		  uint32_t w, uint32_t c, uint64_t bytes)
{
	struct bnn_value v = { .name = (char *)name,
			       .role = role,
			       .format = (uint8_t)format,
			       .h = h,
			       .w = w,
			       .c = c,
			       .bytes = bytes };

	if (role == BNN_ROLE_CONST)
		v.data = calloc(1, bytes);
	bnn_net_add_value(net, &v);
}

static struct bnn_node node(const char *name, uint32_t opcode)
{
	struct bnn_node n = { .name = (char *)name, .words = { opcode } };
	int slot;

	for (slot = 0; slot < BNN_SLOTS; slot++)
		n.ref[slot] = BNN_NO_VALUE;
	return n;
}

#define SET(n, field, v) bnn_field_set((n)->words, BNN_F_##field, v)

/* 5x6 image of 3 colours -> O2 codes -> 3x3 CONV to 4 channels -> EW to logits. */
static struct bnn_net *good(void)
{
	struct bnn_net *net = bnn_net_new("good");
	struct bnn_node n;

	value(net, "image", BNN_ROLE_INPUT, 0, 5, 6, 3, 90);
	value(net, "table", BNN_ROLE_CONST, 0, 0, 0, 0, 256);
	value(net, "codes", BNN_ROLE_TEMP, BNN_FORMAT_O2, 5, 6, 3, 0);
	value(net, "weights", BNN_ROLE_CONST, 0, 0, 0, 0, 4 * 32);
	value(net, "records", BNN_ROLE_CONST, 0, 0, 0, 0, 4 * 64);
	value(net, "stream", BNN_ROLE_TEMP, BNN_FORMAT_E_S16, 5, 6, 4, 0);
	value(net, "logits", BNN_ROLE_OUTPUT, BNN_FORMAT_E_S16, 5, 6, 4, 0);
	value(net, "spare", BNN_ROLE_TEMP, BNN_FORMAT_E_S16, 5, 6, 4, 0);
	net->input.value = IMAGE;
	net->input.h = 5;
	net->input.w = 6;
	net->input.c = 3;
	net->output.value = LOGITS;
	net->output.count = 4;

	n = node("encode", BNN_CMD_ENC);
	SET(&n, ENC_SHARED, 1);
	SET(&n, ENC_H, 5);
	SET(&n, ENC_W, 6);
	SET(&n, ENC_COLOURS, 3);
	SET(&n, ENC_OUT_FORMAT, BNN_FORMAT_O2);
	n.ref[BNN_SLOT_IN] = IMAGE;
	n.ref[BNN_SLOT_WEIGHT] = TABLE;
	n.ref[BNN_SLOT_OUTP] = CODES;
	bnn_net_add_node(net, &n);

	n = node("convolve", BNN_CMD_CONV);
	SET(&n, CONV_P1, 1);
	SET(&n, CONV_H, 5);
	SET(&n, CONV_W, 6);
	SET(&n, CONV_CIN, 3);
	SET(&n, CONV_COUT, 4);
	SET(&n, CONV_KH, 3);
	SET(&n, CONV_KW, 3);
	SET(&n, CONV_SH, 1);
	SET(&n, CONV_SW, 1);
	SET(&n, CONV_DH, 1);
	SET(&n, CONV_DW, 1);
	SET(&n, CONV_PAD_T, 1);
	SET(&n, CONV_PAD_L, 1);
	SET(&n, CONV_PAD_B, 1);
	SET(&n, CONV_PAD_R, 1);
	SET(&n, CONV_GROUPS, 1);
	SET(&n, CONV_IN_FORMAT, BNN_FORMAT_O2);
	SET(&n, CONV_OUTS_FORMAT, BNN_FORMAT_E_S16);
	n.ref[BNN_SLOT_IN] = CODES;
	n.ref[BNN_SLOT_WEIGHT] = WEIGHTS;
	n.ref[BNN_SLOT_PARAM] = RECORDS;
	n.ref[BNN_SLOT_OUTS] = STREAM;
	bnn_net_add_node(net, &n);

	n = node("finish", BNN_CMD_EW);
	SET(&n, EW_H, 5);
	SET(&n, EW_W, 6);
	SET(&n, EW_COUT, 4);
	SET(&n, EW_IN_FORMAT, BNN_FORMAT_E_S16);
	SET(&n, EW_OUTS_FORMAT, BNN_FORMAT_E_S16);
	n.ref[BNN_SLOT_IN] = STREAM;
	n.ref[BNN_SLOT_OUTS] = LOGITS;
	bnn_net_add_node(net, &n);
	return net;
}

/* Damages are macros of statements, so that a case is one line. */
#define REFUSED(want, ...) \
	do { \
		struct bnn_net *net = good(); \
		struct bnn_node *nodes = net->nodes; \
		struct bnn_value *values = net->values; \
		struct bnn_error error = { "" }; \
		int rc; \
\
		(void)nodes; \
		(void)values; \
		__VA_ARGS__; \
		rc = bnn_net_check(net, &error); \
		tap_ok(rc == BNNACCEL_ERR_BAD_MODEL && strstr(error.text, want), "refused: %s", \
		       error.text); \
		if (!strstr(error.text, want)) \
			printf("# expected \"%s\"\n", want); \
		bnn_net_free(net); \
	} while (0)

#define ACCEPTED(name, ...) \
	do { \
		struct bnn_net *net = good(); \
		struct bnn_node *nodes = net->nodes; \
		struct bnn_value *values = net->values; \
		struct bnn_error error = { "" }; \
\
		(void)nodes; \
		(void)values; \
		__VA_ARGS__; \
		tap_ok(!bnn_net_check(net, &error), "accepted: %s %s", name, error.text); \
		bnn_net_free(net); \
	} while (0)

static void test_network(void)
{
	REFUSED("images of 5x6x4 bytes do not fill", net->input.c = 4);
	REFUSED("names no input", net->input.value = 99);
	REFUSED("names no input", net->output.value = -5);
	REFUSED("shows 5 output elements", net->output.count = 5);
	REFUSED("shows 0 output elements", net->output.count = 0);
	REFUSED("BITS needs a B1", net->output.kind = BNN_OUTPUT_BITS);
	REFUSED("unknown image order", net->output.rule = (enum bnn_class_rule)9);
	REFUSED("not clean UTF-8", net->name[0] = '\n');
	REFUSED("no node writes the output", nodes[FINISH].ref[BNN_SLOT_OUTS] = SPARE);
}

static void test_values(void)
{
	REFUSED("has role INPUT", values[SPARE].role = BNN_ROLE_INPUT);
	REFUSED("has role INPUT", values[SPARE].role = BNN_ROLE_OUTPUT);
	REFUSED("a constant needs data", values[SPARE].role = BNN_ROLE_CONST);
	REFUSED("unknown tensor format 31", values[SPARE].format = 31);
	REFUSED("unknown tensor format 10", values[SPARE].format = 10);
	REFUSED("shape 0x6x4", values[SPARE].h = 0);
	REFUSED("shape 5x6x8193", values[SPARE].c = 8193);
	REFUSED("shape 4294967295x6x4", values[SPARE].h = UINT32_MAX);
	REFUSED("need 240", values[SPARE].bytes++);
	REFUSED("is not between 1 and 2^31", values[SPARE].format = 0,
		values[SPARE].bytes = 1ull << 40);
	REFUSED("is not between 1 and 2^31", values[SPARE].format = 0, values[SPARE].bytes = 0);
	REFUSED("more than 4 GiB", values[SPARE].format = 0, values[SPARE].bytes = 1ull << 31,
		values[CODES].format = 0, values[CODES].bytes = 1ull << 31);
	REFUSED("value 7: the name", memcpy(values[SPARE].name, "\xff\xfe", 3));
}

/* A POOL that would write where it reads. */
static void max_pool(struct bnn_node *n)
{
	char *name = n->name;

	*n = node(name, BNN_CMD_POOL);
	SET(n, POOL_MODE, BNN_POOL_MAX);
	SET(n, POOL_H, 5);
	SET(n, POOL_W, 6);
	SET(n, POOL_CIN, 4);
	SET(n, POOL_GROUP, 1);
	SET(n, POOL_KH, 1);
	SET(n, POOL_KW, 1);
	SET(n, POOL_SH, 1);
	SET(n, POOL_SW, 1);
	SET(n, POOL_IN_FORMAT, BNN_FORMAT_E_S16);
	SET(n, POOL_OUT_FORMAT, BNN_FORMAT_E_S16);
	n->ref[BNN_SLOT_IN] = n->ref[BNN_SLOT_OUTP] = STREAM;
}

static void test_references(void)
{
	REFUSED("node 1 \"convolve\" (CONV): IN names value 77", nodes[CONVOLVE].ref[0] = 77);
	REFUSED("IN names value -1", nodes[CONVOLVE].ref[0] = BNN_NO_VALUE);
	REFUSED("RES1 is not used", nodes[CONVOLVE].ref[BNN_SLOT_RES1] = SPARE);
	REFUSED("reads value \"codes\" before any node", struct bnn_node n = nodes[0];
		nodes[0] = nodes[1], nodes[1] = n);
	REFUSED("reads value \"spare\" before any node", nodes[FINISH].ref[0] = SPARE);
	REFUSED("writes value \"weights\"", SET(&nodes[CONVOLVE], CONV_SUM_EN, 1),
		values[WEIGHTS].bytes = 16, nodes[CONVOLVE].ref[BNN_SLOT_WEIGHT] = RECORDS,
		nodes[CONVOLVE].ref[BNN_SLOT_SUM] = WEIGHTS);
	REFUSED("IN needs a tensor of format 2, 5x6x3", nodes[CONVOLVE].ref[0] = STREAM);
	REFUSED("OUTS needs a tensor", SET(&nodes[CONVOLVE], CONV_OUTS_FORMAT, BNN_FORMAT_E_S8));
	REFUSED("WEIGHT needs 128 bytes", values[WEIGHTS].bytes = 127);
	REFUSED("PARAM needs 256 bytes", values[RECORDS].bytes = 128);
	REFUSED("WEIGHT needs 256 bytes", values[TABLE].bytes = 255);
	REFUSED("OUTP and IN are the same value", max_pool(&nodes[FINISH]));
	REFUSED("offset, region or pitch", nodes[CONVOLVE].words[11] = 64);
	REFUSED("offset, region or pitch", SET(&nodes[CONVOLVE], CONV_IN_PITCH, 1));
	REFUSED("offset, region or pitch", SET(&nodes[CONVOLVE], CONV_OUTS_PIXEL, 8));
	REFUSED("OUTP is not used", nodes[CONVOLVE].words[18] = 64);
}

static void test_commands(void)
{
#define CONV(field, v) SET(&nodes[CONVOLVE], CONV_##field, v)
	REFUSED("no command with opcode 0x99", nodes[FINISH].words[0] = 0x99);
	REFUSED("END does not belong", memset(nodes[FINISH].words, 0, 128),
		nodes[FINISH].words[0] = BNN_CMD_END);
	REFUSED("reserved bits 0x80000000 of word 0", nodes[FINISH].words[0] |= 1u << 31);
	REFUSED("field KH is 8, but must be 1 to 7", CONV(KH, 8));
	REFUSED("field H is 0", CONV(H, 0));
	REFUSED("field WFORMAT is 7", CONV(WFORMAT, 7));
	REFUSED("GROUPS does not divide", CONV(GROUPS, 2));
	REFUSED("padding is not less", CONV(PAD_R, 3));
	REFUSED("larger than the padded input", CONV(H, 1), CONV(PAD_T, 0), CONV(PAD_B, 0));
	REFUSED("TILE_P must be", CONV(TILE_P, 1));
	REFUSED("TAU must be", CONV(WMODE, BNN_WMODE_CODEBOOK));
	REFUSED("TILED: TILE_P must divide", CONV(WMODE, 1), CONV(TILE_P, 3));
	REFUSED("TILED_FLAT: TILE_P", CONV(WMODE, 2), CONV(TILE_P, 5));
	REFUSED("CODEBOOK: the weights", CONV(WMODE, 3), CONV(TAU, 1), CONV(WFORMAT, 1));
	REFUSED("FRAC: the input", CONV(FRAC, 1), CONV(WFORMAT, 1));
	REFUSED("accumulator could exceed", CONV(CIN, 8192));
	REFUSED("POW2 flag", CONV(P2_POW2, 1));
	REFUSED("NARROW", CONV(NARROW, 1));
	REFUSED("there is no output", CONV(OUTS_FORMAT, 0));
	REFUSED("RES1_C must be", CONV(RES1_C, 4));
	REFUSED("RES2_C must be", CONV(RES2_FORMAT, BNN_FORMAT_E_S16));
	REFUSED("format 23 is not legal for RES1", CONV(RES1_FORMAT, BNN_FORMAT_E_S32),
		CONV(RES1_C, 4));
	REFUSED("format 21 is not legal for IN", CONV(IN_FORMAT, BNN_FORMAT_E_U16));
	REFUSED("format 22 is not legal for OUTP", CONV(OUTP_FORMAT, BNN_FORMAT_E_S16));
	REFUSED("LEVELS must be", SET(&nodes[ENCODE], ENC_LEVELS, 1));
	REFUSED("more than 8192 channels", SET(&nodes[ENCODE], ENC_MODE, BNN_ENC_BITS),
		SET(&nodes[ENCODE], ENC_OUT_FORMAT, 1), SET(&nodes[ENCODE], ENC_COLOURS, 1025));
	REFUSED("format 22 is not legal for OUTP or OUT",
		SET(&nodes[ENCODE], ENC_OUT_FORMAT, BNN_FORMAT_E_S16));
#undef CONV
}

/* The last node sums over a graph: 30 nodes of the stream to 1x3, six edges. */
static void sum_edges(struct bnn_net *net)
{
	static const uint32_t graph[10] = { 0, 2, 2, 6, 0, 29, 7, 7, 3, 4 };
	struct bnn_node *n = &net->nodes[FINISH];
	struct bnn_value *values;
	char *name = n->name;

	value(net, "graph", BNN_ROLE_CONST, 0, 0, 0, 0, sizeof(graph));
	memcpy(net->values[net->value_count - 1].data, graph, sizeof(graph));
	values = net->values;
	values[LOGITS].h = 1;
	values[LOGITS].w = 3;
	values[LOGITS].bytes = bnn_tensor_bytes(BNN_FORMAT_E_S16, 1, 3, 4);
	*n = node(name, BNN_CMD_AGGREGATE);
	SET(n, AGGREGATE_H, 5);
	SET(n, AGGREGATE_W, 6);
	SET(n, AGGREGATE_C, 4);
	SET(n, AGGREGATE_OH, 1);
	SET(n, AGGREGATE_OW, 3);
	SET(n, AGGREGATE_EDGES, 6);
	SET(n, AGGREGATE_IN_FORMAT, BNN_FORMAT_E_S16);
	SET(n, AGGREGATE_OUT_FORMAT, BNN_FORMAT_E_S16);
	n->ref[BNN_SLOT_IN] = STREAM;
	n->ref[BNN_SLOT_WEIGHT] = (int32_t)net->value_count - 1;
	n->ref[BNN_SLOT_OUTP] = LOGITS;
}

static void set_word(struct bnn_net *net, size_t word, uint8_t to)
{
	net->values[net->value_count - 1].data[4 * word] = to;
}

static void test_host(void)
{
	const struct bnn_target target = { .name = "a core that can do anything",
					   .features = UINT64_MAX & ~BNN_FEATURES_SHIFT_ONLY };
	struct bnn_error error = { "" };
	struct bnn_net *net;

	ACCEPTED("sums over a graph", sum_edges(net));
	REFUSED("row start 0 of the graph \"graph\" is 1", sum_edges(net), set_word(net, 0, 1));
	REFUSED("row start 2 of the graph \"graph\" is 1", sum_edges(net), set_word(net, 2, 1));
	REFUSED("row start 3 of the graph \"graph\" is 5", sum_edges(net), set_word(net, 3, 5));
	REFUSED("row start 3 of the graph \"graph\" is 7", sum_edges(net), set_word(net, 3, 7));
	REFUSED("edge 4 of the graph \"graph\" comes from node 30 of 30", sum_edges(net),
		set_word(net, 8, 30));
	REFUSED("the graph \"image\" is not a constant", sum_edges(net),
		net->nodes[FINISH].ref[BNN_SLOT_WEIGHT] = IMAGE);
	REFUSED("WEIGHT needs 52 bytes", sum_edges(net),
		SET(&net->nodes[FINISH], AGGREGATE_WEIGHTED, 1));
	REFUSED("WEIGHTED and S are for SUM only", sum_edges(net),
		SET(&net->nodes[FINISH], AGGREGATE_MODE, BNN_AGGREGATE_MEAN),
		SET(&net->nodes[FINISH], AGGREGATE_S, 1));
	net = good();
	sum_edges(net);
	tap_ok(bnn_command_is_host(net->nodes[FINISH].words) &&
		       !bnn_command_is_host(net->nodes[CONVOLVE].words) &&
		       bnn_target_check(&target, &net->nodes[FINISH], &error) ==
			       BNNACCEL_ERR_UNSUPPORTED,
	       "no device takes it: %s", error.text);
	bnn_net_free(net);
}

static void test_accepted(void)
{
	ACCEPTED("the network itself", (void)0);
	ACCEPTED("in place", nodes[FINISH].ref[BNN_SLOT_OUTS] = STREAM,
		 values[STREAM].role = BNN_ROLE_OUTPUT, values[LOGITS].role = BNN_ROLE_TEMP,
		 net->output.value = STREAM);
	/* 5x6x4 of 16 bits lies without gaps: as 1x30x4 or 1x1x120 too. */
	ACCEPTED("a view", SET(&nodes[FINISH], EW_H, 1), SET(&nodes[FINISH], EW_W, 30));
	ACCEPTED("a flat view", SET(&nodes[FINISH], EW_H, 1), SET(&nodes[FINISH], EW_W, 1),
		 SET(&nodes[FINISH], EW_COUT, 120));
	REFUSED("IN needs a tensor", SET(&nodes[CONVOLVE], CONV_H, 6),
		SET(&nodes[CONVOLVE], CONV_W, 5));
	ACCEPTED("more records than channels", free(values[RECORDS].data),
		 values[RECORDS].data = calloc(1, 1024), values[RECORDS].bytes = 1024);
}

int main(void)
{
	test_network();
	test_values();
	test_references();
	test_commands();
	test_host();
	test_accepted();
	return tap_done();
}
