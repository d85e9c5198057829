// SPDX-License-Identifier: MIT
/* Every mistake is one clear sentence that names the place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

static void expect_text(const char *text, const char *part, const char *what)
{
	bool good = strstr(text, part) && !strchr(text, '\n');

	ok(good, "%s: %s", what, good ? text : "(wrong text)");
	if (!good)
		note("'%s' lacks '%s'", text, part);
}

/* A graph with an image of 8x8x1 and its codes. */
static struct bnnaccel_graph *start(int *codes)
{
	static uint8_t table[256];
	struct bnnaccel_encoding e = { .mode = BNNACCEL_ENCODE_VALUE,
				       .codes = BNNACCEL_CODES_SIGN,
				       .table = table };
	struct bnnaccel_graph *g = NULL;

	bnnaccel_graph_new("net", &g);
	*codes = bnnaccel_graph_encode(g, bnnaccel_graph_image(g, 8, 8, 1, 0), &e);
	return g;
}

static const float ones[64 * 9] = { 1 };

static int plain_conv(struct bnnaccel_graph *g, int x, uint32_t outputs)
{
	struct bnnaccel_conv c = { .outputs = outputs,
				   .kernel_h = 3,
				   .kernel_w = 3,
				   .weights = ones,
				   .pad_top = 1,
				   .pad_left = 1,
				   .pad_bottom = 1,
				   .pad_right = 1 };

	return bnnaccel_graph_conv(g, x, &c);
}

static void builder(void)
{
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT };
	float bad[4] = { 1, 2, NAN, INFINITY }, gates[4] = { 0 };
	struct bnnaccel_conv conv = { .outputs = 4, .kernel_h = 9, .kernel_w = 3, .weights = ones };
	struct bnn_net *net = NULL;
	struct bnnaccel_graph *g;
	struct bnn_error error;
	int codes, x;

	g = start(&codes);
	x = bnnaccel_graph_affine(g, plain_conv(g, codes, 4), bad, NULL);
	x = bnnaccel_graph_relu(g, x);
	ok(x == BNNACCEL_ERR_BAD_MODEL, "an error passes through later operators");
	expect_text(bnnaccel_graph_error(g), "element 2 of the scales", "NaN in a scale");
	ok(bnn_graph_lower(g, NULL, &net, &error) == BNNACCEL_ERR_BAD_MODEL && !net,
	   "and the build reports it");
	expect_text(error.text, "element 2 of the scales", "build");
	bnnaccel_graph_free(g);

	g = start(&codes);
	bad[2] = 3;
	bnnaccel_graph_affine(g, plain_conv(g, codes, 4), NULL, bad);
	expect_text(bnnaccel_graph_error(g), "element 3 of the offsets", "infinity in an offset");
	bnnaccel_graph_free(g);

	g = start(&codes);
	bnnaccel_graph_conv(g, codes, &conv);
	expect_text(bnnaccel_graph_error(g), "kernel 9x3", "kernel too large");
	bnnaccel_graph_free(g);

	g = start(&codes);
	conv.kernel_h = 3;
	conv.gates = gates;
	bnnaccel_graph_conv(g, codes, &conv);
	expect_text(bnnaccel_graph_error(g), "ODD2", "gates without 2-bit codes");
	bnnaccel_graph_free(g);

	g = start(&codes);
	conv.gates = NULL;
	conv.groups = 3;
	bnnaccel_graph_conv(g, codes, &conv);
	expect_text(bnnaccel_graph_error(g), "3 groups", "groups");
	bnnaccel_graph_free(g);

	g = start(&codes);
	x = plain_conv(g, codes, 4);
	bnnaccel_graph_add(g, x, plain_conv(g, codes, 3), 0);
	expect_text(bnnaccel_graph_error(g), "cannot map the 3 channels", "channels of a sum");
	bnnaccel_graph_free(g);

	g = start(&codes);
	x = plain_conv(g, codes, 4);
	bnnaccel_graph_add(g, x, x, BNNACCEL_ADD_AVG2X2);
	expect_text(bnnaccel_graph_error(g), "cannot fit", "size of a sum");
	bnnaccel_graph_free(g);

	g = start(&codes);
	bnnaccel_graph_affine(g, codes, NULL, NULL);
	expect_text(bnnaccel_graph_error(g), "cannot take encode1",
		    "codes where a real tensor is needed");
	bnnaccel_graph_free(g);

	g = start(&codes);
	bnnaccel_graph_relu(g, 77);
	expect_text(bnnaccel_graph_error(g), "77", "an id that does not exist");
	bnnaccel_graph_free(g);

	g = start(&codes);
	bnnaccel_graph_output(g, plain_conv(g, codes, 4), &output);
	expect_text(bnnaccel_graph_error(g), "8x8x4", "an output of many pixels");
	bnnaccel_graph_free(g);

	g = start(&codes);
	ok(bnn_graph_lower(g, NULL, &net, &error) == BNNACCEL_ERR_ARGUMENT,
	   "a graph without output");
	expect_text(error.text, "no output", "build");
	bnnaccel_graph_free(g);
}

/* An operator's mistake that ends a graph. */
#define REFUSED(part, ...) \
	do { \
		struct bnnaccel_graph *g; \
		int codes, x; \
\
		g = start(&codes); \
		x = plain_conv(g, codes, 4); \
		__VA_ARGS__; \
		expect_text(bnnaccel_graph_error(g), part, "graph"); \
		ok(x < 0, "its tensor is an error"); \
		bnnaccel_graph_free(g); \
	} while (0)

static void weights(void)
{
	static const int16_t even[4 * 1] = { 1, 3, 4, 5 };
	static const uint16_t index[4] = { 0, 1, 2, 1 };
	static const uint64_t book[4] = { 0 };
	static const int8_t two[4] = { 1, 2, 0, 1 };
	float nan[4] = { 0, 1, 2, NAN };
	struct bnnaccel_conv c = { .outputs = 4, .kernel_h = 1, .kernel_w = 1, .weights = ones };

	REFUSED("4 scales are announced", c.scales = 4; x = bnnaccel_graph_conv(g, codes, &c));
	c.scales = 0;
	REFUSED("needs a kind and an order", c.kind = (enum bnnaccel_weights_kind)77;
		x = bnnaccel_graph_conv(g, codes, &c));
	REFUSED("weight 2 of operator 3 is 4, not an odd code", c.kind = BNNACCEL_WEIGHTS_ODD;
		c.weights = even; x = bnnaccel_graph_conv(g, codes, &c));
	c.kind = BNNACCEL_WEIGHTS_CODEBOOK;
	c.weights = index;
	REFUSED("need a codebook", x = bnnaccel_graph_conv(g, codes, &c));
	c.codebook = book;
	REFUSED("1 to 9 index bits, not 10", c.index_bits = 10;
		x = bnnaccel_graph_conv(g, codes, &c));
	REFUSED("index 2 of operator 3 is 2, but the codebook has 2 kernels", c.index_bits = 1;
		x = bnnaccel_graph_conv(g, codes, &c));
	c = (struct bnnaccel_conv){ .outputs = 4,
				    .kernel_h = 1,
				    .kernel_w = 1,
				    .kind = BNNACCEL_WEIGHTS_INT8,
				    .weights = two,
				    .scale_negative = ones };
	REFUSED("need weights of -1, 0, 1; one is 2", x = bnnaccel_graph_conv(g, codes, &c));
	c.scale_negative = nan;
	REFUSED("element 3 of the scales of conv is not a number",
		x = bnnaccel_graph_conv(g, codes, &c));
	c.kind = BNNACCEL_WEIGHTS_SIGN;
	REFUSED("two scales after encode1 need INT8", x = bnnaccel_graph_conv(g, codes, &c));
}

static void relatives(void)
{
	static const uint32_t starts[65] = { 0 }, falling[65] = { 0, 2, 1 };
	static const uint32_t far[1] = { 64 }, channels[2] = { 1, 4 };
	uint32_t one[65];
	float nan = NAN;
	struct bnnaccel_edges e = { .starts = starts, .sources = far };

	for (int i = 0; i < 65; i++)
		one[i] = i > 0;
	REFUSED("cannot take encode1", x = bnnaccel_graph_layer_norm(g, codes, NULL, NULL, 0));
	REFUSED("epsilon of layer_norm after conv2 is nan",
		x = bnnaccel_graph_layer_norm(g, x, NULL, NULL, NAN));
	REFUSED("there is no function 9",
		x = bnnaccel_graph_function(g, x, (enum bnnaccel_function)9));
	REFUSED("to 3 rows", x = bnnaccel_graph_transpose(g, x, 3));
	REFUSED("needs starts and sources", e.starts = NULL;
		x = bnnaccel_graph_aggregate(g, x, &e));
	REFUSED("starts 2 and 1 of node 1", e.starts = falling;
		x = bnnaccel_graph_aggregate(g, x, &e));
	REFUSED("edge 0 of aggregate comes from node 64, but conv2 has 64", e.starts = one;
		x = bnnaccel_graph_aggregate(g, x, &e));
	REFUSED("weights only with SUM", e.weights = &nan; e.mode = BNNACCEL_AGGREGATE_MAX;
		x = bnnaccel_graph_aggregate(g, x, &e));
	REFUSED("weight 0 of aggregate after conv2 is not finite", e.sources = starts;
		e.mode = BNNACCEL_AGGREGATE_SUM; x = bnnaccel_graph_aggregate(g, x, &e));
	REFUSED("select of channel 4 of conv2, which has 4",
		x = bnnaccel_graph_select(g, x, channels, 2));
	REFUSED("3 groups of shuffle do not divide the 4 channels",
		x = bnnaccel_graph_shuffle(g, x, 3));
	REFUSED("concat cannot join conv2 (8x8x4) and mean3 (1x1x4)",
		x = bnnaccel_graph_concat(g, x, bnnaccel_graph_mean(g, x)));
	REFUSED("the codes of encode1 cannot be added", x = bnnaccel_graph_add(g, x, codes, 0));
	REFUSED("flags 0x4", x = bnnaccel_graph_add(g, x, x, 4));
}

static void sizes(void)
{
	struct bnnaccel_output output = { .kind = BNNACCEL_OUTPUT_FLOAT };
	struct bnnaccel_conv c = { .outputs = 8192, .kernel_h = 1, .kernel_w = 1, .weights = NULL };
	uint8_t table[256] = { 0 };
	struct bnnaccel_encoding e = { .table = table };
	float *many = calloc(8192, sizeof(*many));
	struct bnn_error error = { .text = "" };
	struct bnnaccel_graph *g;
	struct bnn_net *net;
	int x;

	bnnaccel_graph_new("large", &g);
	x = bnnaccel_graph_image(g, 4096, 4096, 8192, 0);
	expect_text(bnnaccel_graph_error(g), "larger than 2 GiB", "an image of 2^37 bytes");
	bnnaccel_graph_free(g);
	c.weights = many;
	bnnaccel_graph_new("large", &g);
	x = bnnaccel_graph_encode(g, bnnaccel_graph_image(g, 4096, 4096, 1, 0), &e);
	x = bnnaccel_graph_conv(g, x, &c);
	{
		struct bnnaccel_pool p = { .mode = BNNACCEL_POOL_AVG,
					   .kernel_h = 64,
					   .kernel_w = 64 };

		x = bnnaccel_graph_mean(g, bnnaccel_graph_pool(g, x, &p));
	}
	bnnaccel_graph_output(g, x, &output);
	ok(bnn_graph_lower(g, NULL, &net, &error) == BNNACCEL_ERR_UNSUPPORTED, "a tensor of 2^37");
	expect_text(error.text, "conv2 has 4096x4096x8192 elements", "build");
	bnnaccel_graph_free(g);
	free(many);
}

static void gates(void)
{
	struct bnnaccel_graph *g;
	int codes, x;

	g = start(&codes);
	x = plain_conv(g, codes, 4);
	bnnaccel_graph_gate(g, x, x);
	expect_text(bnnaccel_graph_error(g), "gate of conv2 needs one pixel of 4 channels",
		    "a gate per pixel");
	bnnaccel_graph_free(g);

	g = start(&codes);
	x = plain_conv(g, codes, 4);
	bnnaccel_graph_gate(g, x, bnnaccel_graph_mean(g, plain_conv(g, codes, 3)));
	expect_text(bnnaccel_graph_error(g), "is 1x1x3", "a gate of other channels");
	bnnaccel_graph_free(g);

	g = start(&codes);
	bnnaccel_graph_clip(g, plain_conv(g, codes, 4), 1, 1);
	expect_text(bnnaccel_graph_error(g), "clip from 1 to 1", "an empty range");
	bnnaccel_graph_free(g);

	g = start(&codes);
	bnnaccel_graph_quantise_down(g, plain_conv(g, codes, 4), BNNACCEL_CODES_SIGNED4, 1);
	expect_text(bnnaccel_graph_error(g), "needs unsigned codes", "signed codes rounded down");
	bnnaccel_graph_free(g);
}

static const char *folder(void)
{
	static char path[64];

	if (!*path) {
		snprintf(path, sizeof(path), "/tmp/bnnaccel-import-XXXXXX");
		if (!mkdtemp(path))
			exit(1);
	}
	return path;
}

static void put(const char *name, const void *data, size_t bytes)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder(), name);
	if (!data) {
		unlink(path);
		return;
	}
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, bytes, f) != bytes)
		exit(1);
	fclose(f);
}

static void import_fails(int code, const char *part, const char *what)
{
	struct bnnaccel_model *model = NULL;
	struct bnnaccel *ctx;
	int rc;

	if (bnnaccel_open(&ctx))
		exit(1);
	rc = bnnaccel_import(ctx, folder(), NULL, &model);
	ok(rc == code && !model, "%s: code %d", what, rc);
	expect_text(bnnaccel_last_error(ctx), part, what);
	bnnaccel_close(ctx);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

#define LAYERS "name\tkind\tcin\tcout\tk\tstride\toffset\tbytes\n"
#define ONES(name, shape) name "\tf32\t" shape "\t0\n"
#define BLOCK \
	"name\tdtype\tshape\toffset\n" ONES("input.mean", "3") ONES("input.std", "3") \
		ONES("stem.weight", "8x3x3x3") ONES("block0.t", "8") ONES("block0.A", "8") \
			ONES("block0.m1", "8") ONES("block0.m2", "8")

static const char abbnn_layers[] = LAYERS "block0.conv\tbin\t8\t8\t3\t1\t0\t72\n";
static const char abbnn_params[] =
	BLOCK "block0.k\ti8\t8\t864\n" ONES("fc.weight", "10x8") ONES("fc.bias", "10");

/* A network of one block whose float arrays are all ones. */
static void put_abbnn(void)
{
	static uint8_t zeros[872];
	float one = 1;

	put("weights.bin", zeros, 72);
	for (int i = 0; i < 216; i++)
		memcpy(zeros + 4 * i, &one, 4);
	put("params.bin", zeros, sizeof(zeros));
	put_text("layers.tsv", abbnn_layers);
	put_text("params.tsv", abbnn_params);
}

static void remove_abbnn(void)
{
	put("weights.bin", NULL, 0);
	put("params.bin", NULL, 0);
	put("layers.tsv", NULL, 0);
	put("params.tsv", NULL, 0);
}

static void abbnn(void)
{
	put_abbnn();
	put_text("layers.tsv", LAYERS);
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.conv is missing", "no layers");
	put_text("layers.tsv", LAYERS "block0.conv\tbin\t8\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.conv is not name, kind", "a damaged layer");
	put_text("layers.tsv", LAYERS "block0.conv\tbin\t8\t8\t3\t1\t0\t71\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.conv has another number of bytes",
		     "a layer of another size");
	put_text("layers.tsv", LAYERS "block0.conv\tbin\t8\t8\t3\t1\t1\t72\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.conv lies outside weights.bin",
		     "a layer behind the end");
	put_text("layers.tsv", LAYERS "block0.conv\tbin\t8\t8\t3\t2\t0\t72\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.down is missing", "no shortcut");
	put_text("layers.tsv", abbnn_layers);
	put_text("params.tsv", BLOCK "block0.k\ti8\t8\t0\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "element 3 of array block0.k is 63",
		     "a slope that is too large");
	put_text("params.tsv", BLOCK "block0.k\tf32\t8\t0\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.k is not name, dtype i8, shape, offset",
		     "an array of another type");
	put_text("params.tsv", BLOCK "block0.k\ti8\t8\t864\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "lists no array fc.weight", "a missing array");
	put_text("params.tsv", BLOCK "block0.k\ti8\t8\t865\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "array block0.k lies outside",
		     "slopes behind the end");
	remove_abbnn();
}

#define POKE "name\tdtype\tshape\toffset\n"
#define DPRELU(name, c) \
	ONES(name ".A", c) \
	ONES(name ".D", c) \
	ONES(name ".bx", c) ONES(name ".pos", c) ONES(name ".neg", c) ONES(name ".by", c)
#define STEMS \
	POKE "stem1.weight\ti8\t4x3x3x3\t0\nstem2.weight\ti8\t8x1x3x3\t0\n" DPRELU("stem1", "4") \
		DPRELU("stem2", "8")
#define SQUEEZES(name) \
	name ".se1.weight\ti8\t1x8\t0\n" name \
	     ".se2.weight\ti8\t8x1\t0\n" ONES(name ".se1.step", "1") ONES(name ".se1.bias", "1") \
		     ONES(name ".se1.bound", "1") ONES(name ".se2.step", "8") \
			     ONES(name ".se2.bias", "8") ONES(name ".se2.bound", "1")

static void pokebnn(void)
{
	static const char one_layer[] = LAYERS "block0.c1\tbin\t8\t8\t1\t1\t0\t8\n";

	put_abbnn();
	put_text("layers.tsv", one_layer);
	import_fails(BNNACCEL_ERR_BAD_MODEL, "lists no array stem1.weight", "no stem");
	put_text("params.tsv", STEMS "stem2.bound\tf32\t1\t864\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "array stem2.bound is not positive", "a bound of 0");
	put_text("params.tsv", STEMS ONES("stem2.bound", "1"));
	import_fails(BNNACCEL_ERR_BAD_MODEL, "lists no array block0.c1.se1.bound", "no gate");
	put_text("params.tsv",
		 STEMS ONES("stem2.bound", "1") SQUEEZES("block0.c1") DPRELU("block0.c1", "8")
			 ONES("block0.c1.A2", "8") ONES("block0.c1.D2", "8"));
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.c2 is missing", "an open bottleneck");
	put_text("layers.tsv", LAYERS "block0.c1\tbin\t8\t8\t1\t1\t0\t8\n"
				      "block0.c2\tbin\t16\t8\t1\t1\t0\t16\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.c2 does not read what",
		     "channels that differ");
	put_text("layers.tsv", LAYERS "block0.c1\tbin\t8\t8\t1\t2\t0\t8\n");
	import_fails(BNNACCEL_ERR_BAD_MODEL, "block0.c1 is neither 1x1 nor 3x3",
		     "1x1 with a stride");
	remove_abbnn();
}

/* Random damage to the tables of A&B BNN. */
static void abbnn_damage(void)
{
	unsigned int seed = 1, imported = 0;

	mkdir(folder(), 0700);
	put_abbnn();
	for (int round = 0; round < 1000; round++) {
		char layers[sizeof(abbnn_layers)], params[sizeof(abbnn_params)];
		struct bnnaccel_graph *g = NULL;
		struct bnn_error error;
		struct bnn_net *net;

		memcpy(layers, abbnn_layers, sizeof(layers));
		memcpy(params, abbnn_params, sizeof(params));
		if (rand_r(&seed) % 2)
			layers[(size_t)rand_r(&seed) % (sizeof(layers) - 1)] =
				"0123456789x\t\n-"[rand_r(&seed) % 14];
		if (rand_r(&seed) % 2)
			params[(size_t)rand_r(&seed) % (sizeof(params) - 1)] =
				"0123456789x\t\n-"[rand_r(&seed) % 14];
		put_text("layers.tsv", layers);
		put_text("params.tsv", params);
		if (bnn_import_graph(folder(), &g, &error))
			continue;
		if (!bnn_graph_lower(g, NULL, &net, &error)) {
			imported++;
			bnn_net_free(net);
		}
		bnnaccel_graph_free(g);
	}
	remove_abbnn();
	rmdir(folder());
	ok(imported > 0 && imported < 1000, "1000 damaged tables: %u imported, no crash", imported);
}

static void importers(void)
{
	static const char *const own[] = { "fc1_tile.bits", "fc2_tile.bits", "fc1_alpha_q16.i32",
					   "fc2_alpha_q16.i32" };
	static const char table[] =
		"name\tdims\tbyte_offset\tcount\nconv1_weight\t16x96x3x3\t0\t13824\n";
	static uint8_t zeros[1 << 17];
	static float weights[13824];
	struct bnnaccel *ctx;

	import_fails(BNNACCEL_ERR_BAD_MODEL, "no network of a known kind", "an empty folder");
	put("manifest.tsv", "layer\n0\t1024\n", 13);
	put("L0_weights.bits", zeros, 4);
	put("L0_thresholds.i32", zeros, 4);
	import_fails(BNNACCEL_ERR_BAD_MODEL, "manifest.tsv: line '0\t1024'", "a damaged manifest");
	{
		static const char good[] = "h\n0 1024 832 104 True\n1 1024 1024 128 True\n"
					   "2 1024 1024 128 True\n3 64 1024 128 True\n";

		put("manifest.tsv", good, sizeof(good) - 1);
	}
	import_fails(BNNACCEL_ERR_BAD_MODEL, "L0_weights.bits has 4 bytes, but 106496",
		     "a short file");
	put("L0_weights.bits", zeros, 106500);
	import_fails(BNNACCEL_ERR_BAD_MODEL, "more than 106496", "a long file");
	put("L0_weights.bits", zeros, 106496);
	put("L0_thresholds.i32", zeros, 4096);
	import_fails(BNNACCEL_ERR_NO_FILE, "L1_weights.bits", "a missing file");
	put("manifest.tsv", NULL, 0);

	put(own[0], zeros, 3136);
	put(own[1], zeros, 160);
	import_fails(BNNACCEL_ERR_NO_FILE, own[2], "scales missing");
	put(own[2], zeros, 12);
	put(own[3], zeros, 4);
	import_fails(BNNACCEL_ERR_BAD_MODEL, "3136 and 160 bytes with 3 scales",
		     "sizes that do not fit");
	for (int i = 0; i < 4; i++)
		put(own[i], NULL, 0);

	put("params.tsv", table, sizeof(table) - 1);
	put("params.f32", zeros, 100);
	import_fails(BNNACCEL_ERR_BAD_MODEL, "conv1_weight lies outside",
		     "an array behind the end");
	for (int i = 0; i < 13824; i++)
		weights[i] = 1;
	weights[77] = NAN;
	put("params.f32", weights, sizeof(weights));
	import_fails(BNNACCEL_ERR_BAD_MODEL, "element 77 of array conv1_weight", "NaN in a weight");
	weights[77] = 1;
	put("params.f32", weights, sizeof(weights));
	import_fails(BNNACCEL_ERR_BAD_MODEL, "lists no array bn1_weight", "a missing array");
	put("params.tsv", NULL, 0);
	put("params.f32", NULL, 0);
	put("L0_weights.bits", NULL, 0);
	put("L0_thresholds.i32", NULL, 0);
	abbnn();
	pokebnn();
	rmdir(folder());
	import_fails(BNNACCEL_ERR_NO_FILE, "no file or folder", "no folder");

	if (!bnnaccel_open(&ctx)) {
		struct bnnaccel_build_options options = { .size = sizeof(options),
							  .headroom = 0.5 };
		struct bnnaccel_model *model;

		ok(bnnaccel_import(ctx, folder(), &options, &model) == BNNACCEL_ERR_ARGUMENT,
		   "headroom below 1: %s", bnnaccel_last_error(ctx));
		bnnaccel_close(ctx);
	}
}

/* Nothing of a folder with random damage may crash the importers. */
static void damage(void)
{
	static const char *const files[] = { "manifest.tsv",	  "L0_weights.bits",
					     "L0_thresholds.i32", "L1_weights.bits",
					     "L1_thresholds.i32", "L2_weights.bits",
					     "L2_thresholds.i32", "L3_weights.bits",
					     "L3_thresholds.i32" };
	unsigned int seed = 1, imported = 0;
	uint8_t *data[9];
	size_t bytes[9];

	for (int i = 0; i < 9; i++) {
		char path[128];

		snprintf(path, sizeof(path), "models/digits-bnn/%s", files[i]);
		data[i] = read_file(path, &bytes[i]);
		if (!data[i]) {
			skip("damaged folders", "models/digits-bnn is not here");
			return;
		}
	}
	mkdir(folder(), 0700);
	for (int round = 0; round < 300; round++) {
		struct bnnaccel_graph *g = NULL;
		struct bnn_error error;
		struct bnn_net *net;

		for (int i = 0; i < 9; i++) {
			uint8_t *copy = malloc(bytes[i] + 1);
			size_t n = bytes[i];

			memcpy(copy, data[i], bytes[i]);
			if (rand_r(&seed) % 4 == 0 && n)
				copy[rand_r(&seed) % n] = (uint8_t)rand_r(&seed);
			if (rand_r(&seed) % 40 == 0)
				n -= n / 3;
			put(files[i], copy, n);
			free(copy);
		}
		if (bnn_import_graph(folder(), &g, &error))
			continue;
		if (!bnn_graph_lower(g, NULL, &net, &error)) {
			imported++;
			bnn_net_free(net);
		}
		bnnaccel_graph_free(g);
	}
	for (int i = 0; i < 9; i++) {
		put(files[i], NULL, 0);
		free(data[i]);
	}
	rmdir(folder());
	ok(true, "300 damaged folders: %u imported, no crash", imported);
}

int main(void)
{
	builder();
	weights();
	relatives();
	sizes();
	gates();
	importers();
	damage();
	abbnn_damage();
	return plan_end();
}
