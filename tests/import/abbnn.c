// SPDX-License-Identifier: MIT
/*
 * A&B BNN layer by layer: each block is fed the golden bits and the golden shortcut.
 * Sums must be equal, outputs within what rounding can explain, bits equal unless
 * the golden value is that close to the threshold. Both shortcuts of halved size are
 * computed from the golden tensor before them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define BLOCKS 12

struct golden {
	char *table;
	uint8_t *data;
	int image;
};

struct block {
	struct bnn_net *net;
	const struct golden *golden;
	uint8_t **buffers;
	int number;
	size_t node;
};

/* A tensor of block `number` ("" and -1: the stem), or NULL. */
static const uint8_t *find(const struct golden *g, int number, const char *what)
{
	char name[64];
	const char *line;
	size_t offset;
	int n = snprintf(name, sizeof(name), "\n%d\tblock%d.%s\t", g->image, number, what);

	if (number < 0)
		n = snprintf(name, sizeof(name), "\n%d\tstem.%s\t", g->image, what);
	line = strstr(g->table, name);
	if (!line || sscanf(line + n, "%*s\t%*s\t%zu", &offset) != 1)
		return NULL;
	return g->data + offset;
}

static size_t find_node(const struct bnn_net *net, int number, const char *what)
{
	char name[64];
	size_t i = 0;

	snprintf(name, sizeof(name), "block%d.%s", number, what);
	while (i < net->node_count && (strcmp(net->nodes[i].name, name) ||
				       (net->nodes[i].words[0] & 0xff) != BNN_CMD_CONV))
		i++;
	return i;
}

static void run(const struct block *b, size_t node)
{
	struct bnn_error error = { .text = "" };

	if (bnn_cpu_run_node(b->net, node, b->buffers, NULL, &error)) {
		ok(false, "block %d runs: %s", b->number, error.text);
		exit(plan_end());
	}
}

static void fill(const struct block *b, int32_t index, const uint8_t *golden, bool bits)
{
	const struct bnn_value *v = &b->net->values[index];

	for (uint32_t y = 0; y < v->h; y++) {
		for (uint32_t x = 0; x < v->w; x++) {
			for (uint32_t c = 0; c < v->c; c++) {
				size_t i = chw(v->h, v->w, y, x, c);

				if (bits)
					put_code(b->buffers[index], v, y, x, c, golden[i]);
				else
					put_stream(
						b->buffers[index], v, y, x, c,
						(int64_t)floor(ldexp(golden_f32(golden, i), v->f) +
							       0.5));
			}
		}
	}
}

/* A new value of the shape of the block's result, with a buffer. */
static int add_value(struct block *b, unsigned int format, int f)
{
	const uint32_t *words = b->net->nodes[b->node].words;
	struct bnn_value v = { .name = "test",
			       .role = BNN_ROLE_TEMP,
			       .format = (uint8_t)format,
			       .f = (int8_t)f,
			       .c = bnn_field_get(words, BNN_F_CONV_COUT) };
	int index;

	bnn_command_output(words, &v.h, &v.w);
	index = bnn_net_add_value(b->net, &v);
	b->buffers = realloc(b->buffers, b->net->value_count * sizeof(*b->buffers));
	b->buffers[index] = calloc(1, b->net->values[index].bytes);
	return index;
}

/* The convolution with everything behind it switched off. */
static size_t wrong_sums(struct block *b)
{
	struct bnn_node *node = &b->net->nodes[b->node], saved = *node;
	int index = add_value(b, BNN_FORMAT_E_S32, 0);
	const struct bnn_value *v = &b->net->values[index];
	const uint8_t *golden = find(b->golden, b->number, "conv");
	size_t wrong = 0;

	bnn_field_set(node->words, BNN_F_CONV_P1, 0);
	bnn_field_set(node->words, BNN_F_CONV_P1_POW2, 0);
	bnn_field_set(node->words, BNN_F_CONV_P2, 0);
	bnn_field_set(node->words, BNN_F_CONV_P2_POW2, 0);
	bnn_field_set(node->words, BNN_F_CONV_SUM_EN, 0);
	bnn_field_set(node->words, BNN_F_CONV_OUTP_FORMAT, 0);
	bnn_field_set(node->words, BNN_F_CONV_OUTS_FORMAT, BNN_FORMAT_E_S32);
	bnn_field_set(node->words, BNN_F_CONV_RES1_FORMAT, 0);
	node->words[7] = 0;
	node->ref[BNN_SLOT_PARAM] = node->ref[BNN_SLOT_OUTP] = BNN_NO_VALUE;
	node->ref[BNN_SLOT_RES1] = node->ref[BNN_SLOT_SUM] = BNN_NO_VALUE;
	node->ref[BNN_SLOT_OUTS] = index;
	run(b, b->node);
	for (uint32_t y = 0; y < v->h; y++) {
		for (uint32_t x = 0; x < v->w; x++) {
			for (uint32_t c = 0; c < v->c; c++)
				wrong += get_stream(b->buffers[index], v, y, x, c) !=
					 golden_i16(golden, chw(v->h, v->w, y, x, c));
		}
	}
	*node = saved;
	return wrong;
}

static double power(int e)
{
	return ldexp(1, e);
}

/* The error of a slope of P1 for a sum n: none in POW2. */
static double slope_error(const struct bnn_node *node, double n)
{
	int s1 = (int)bnn_field_get(node->words, BNN_F_CONV_S1);

	return bnn_field_get(node->words, BNN_F_CONV_P1_POW2) ? 0 : 0.5 * power(-s1) * fabs(n);
}

/*
 * What rounding may do to an output, in real numbers: half a unit of the result, of u
 * and of the shortcut, and of slope and offsets. QRPReLU is continuous, so the larger
 * of its two slopes bounds it on both sides.
 */
static double bound(const struct block *b, int f, uint32_t c, double sum)
{
	const struct bnn_node *node = &b->net->nodes[b->node];
	const uint8_t *p =
		b->net->values[node->ref[BNN_SLOT_PARAM]].data + (size_t)BNN_SIZEOF_PARAM * c;
	const struct bnn_value *r = &b->net->values[node->ref[BNN_SLOT_RES1]];
	int f_u = r->f + (int)bnn_field_get(node->words, BNN_F_CONV_RES1_ALIGN);
	int s2 = (int)bnn_field_get(node->words, BNN_F_CONV_S2);
	int sb2 = (int)bnn_field_get(node->words, BNN_F_CONV_SB2);
	int k0 = (int8_t)p[BNN_PARAM_K2], k1 = (int8_t)p[BNN_PARAM_K2 + 1];
	double w2 = power((k0 > k1 ? k0 : k1) - s2 + f_u - f);

	return 0.5 * power(-f) + 0.5 * power(sb2 - s2 - f) +
	       (k0 < 0 || k1 < 0 ? 0.5 * power(-s2 - f) : 0) +
	       w2 * (0.5 * power(-f_u) * (1 + slope_error(node, 2 * sum)) + 0.5 * power(-r->f));
}

struct result {
	size_t elements, outputs, bits, excused;
	double worst;
};

static struct result check_outputs(const struct block *b)
{
	const struct bnn_node *node = &b->net->nodes[b->node];
	const struct bnn_value *v = &b->net->values[node->ref[BNN_SLOT_OUTS]];
	const struct bnn_value *bits = node->ref[BNN_SLOT_OUTP] == BNN_NO_VALUE
					       ? NULL
					       : &b->net->values[node->ref[BNN_SLOT_OUTP]];
	const uint8_t *params = b->net->values[node->ref[BNN_SLOT_PARAM]].data;
	const uint8_t *out = find(b->golden, b->number, "out");
	const uint8_t *conv = find(b->golden, b->number, "conv");
	const uint8_t *next = find(b->golden, b->number + 1, "bits");
	struct result r = { 0 };

	run(b, b->node);
	for (uint32_t y = 0; y < v->h; y++) {
		for (uint32_t x = 0; x < v->w; x++) {
			for (uint32_t c = 0; c < v->c; c++) {
				size_t i = chw(v->h, v->w, y, x, c);
				int64_t code = get_stream(b->buffers[node->ref[BNN_SLOT_OUTS]], v,
							  y, x, c);
				double golden = golden_f32(out, i);
				/* golden tensors are float32 */
				double allowed = bound(b, v->f, c, golden_i16(conv, i)) +
						 4e-6 * fmax(1, fabs(golden));
				double off = fabs(ldexp((double)code, -v->f) - golden);
				const uint8_t *tb =
					params + (size_t)BNN_SIZEOF_PARAM * c + BNN_PARAM_TB;
				int threshold = tb[0] | tb[1] << 8 | tb[2] << 16 |
						(int)((uint32_t)tb[3] << 24);

				r.elements++;
				r.worst = fmax(r.worst, off / allowed);
				r.outputs += off > allowed;
				if (!bits || get_code(b->buffers[node->ref[BNN_SLOT_OUTP]], bits, y,
						      x, c) == next[i])
					continue;
				/* the threshold lies within one unit below tb */
				if (fabs(golden - ldexp(threshold - 0.5, -v->f)) <=
				    allowed + power(-v->f - 1))
					r.excused++;
				else
					r.bits++;
			}
		}
	}
	return r;
}

/* A 2x2 mean and its binary 1x1 convolution, from the golden tensor before. */
static void check_shortcut(struct block *b, int32_t from)
{
	size_t last = find_node(b->net, b->number, "short");
	const struct bnn_node *node = &b->net->nodes[last];
	const struct bnn_value *v, *in = &b->net->values[from];
	const uint8_t *golden = find(b->golden, b->number, "short"), *p;
	size_t wrong = 0;
	double worst = 0;
	int s1;

	fill(b, from, find(b->golden, b->number - 1, "out"), false);
	for (size_t i = last - 2; i <= last; i++)
		run(b, i);
	v = &b->net->values[node->ref[BNN_SLOT_OUTS]];
	s1 = (int)bnn_field_get(node->words, BNN_F_CONV_S1);
	for (uint32_t y = 0; y < v->h; y++) {
		for (uint32_t x = 0; x < v->w; x++) {
			for (uint32_t c = 0; c < v->c; c++) {
				double want = golden_f32(golden, chw(v->h, v->w, y, x, c)), w, off;
				double allowed;

				p = b->net->values[node->ref[BNN_SLOT_PARAM]].data +
				    (size_t)BNN_SIZEOF_PARAM * c;
				w = bnn_field_get(node->words, BNN_F_CONV_P1_POW2)
					    ? power((int8_t)p[BNN_PARAM_K1])
					    : (int16_t)(p[BNN_PARAM_A1] | p[BNN_PARAM_A1 + 1] << 8);
				w *= power(in->f - s1 - v->f);
				/* the inputs and their means are rounded */
				allowed = 0.5 * power(-v->f) + w * in->c * power(-in->f) +
					  slope_error(node, ldexp(want / w, in->f - v->f)) +
					  4e-6 * fmax(1, fabs(want));
				off = fabs(ldexp((double)get_stream(
							 b->buffers[node->ref[BNN_SLOT_OUTS]], v, y,
							 x, c),
						 -v->f) -
					   want);
				worst = fmax(worst, off / allowed);
				wrong += off > allowed;
			}
		}
	}
	ok(!wrong, "block %d: %zu values of the shortcut out of bounds (worst %.2f of the bound)",
	   b->number, wrong, worst);
}

static void check_block(struct block *b)
{
	struct bnn_node *node;
	const uint8_t *shortcut = find(b->golden, b->number, "short");
	struct result r;
	size_t sums;

	b->node = find_node(b->net, b->number, "out");
	if (b->node == b->net->node_count || !find(b->golden, b->number, "out")) {
		ok(false, "block %d has a command and golden tensors", b->number);
		return;
	}
	node = &b->net->nodes[b->node];
	b->buffers = calloc(b->net->value_count, sizeof(*b->buffers));
	for (size_t i = 0; i < b->net->value_count; i++) {
		const struct bnn_value *v = &b->net->values[i];

		b->buffers[i] = calloc(1, v->bytes);
		if (v->data)
			memcpy(b->buffers[i], v->data, v->bytes);
	}
	if (node->ref[BNN_SLOT_OUTS] == BNN_NO_VALUE) {
		/* the last one keeps only its sums: let it store the stream as well */
		node->ref[BNN_SLOT_OUTS] =
			add_value(b, BNN_FORMAT_E_S16, b->net->values[node->ref[BNN_SLOT_SUM]].f);
		bnn_field_set(node->words, BNN_F_CONV_OUTS_FORMAT, BNN_FORMAT_E_S16);
	}
	if (shortcut)
		check_shortcut(
			b,
			b->net->nodes[find_node(b->net, b->number - 1, "out")].ref[BNN_SLOT_OUTS]);
	fill(b, node->ref[BNN_SLOT_IN], find(b->golden, b->number, "bits"), true);
	fill(b, node->ref[BNN_SLOT_RES1],
	     shortcut ? shortcut : find(b->golden, b->number - 1, "out"), false);
	sums = wrong_sums(b);
	r = check_outputs(b);
	ok(!sums && !r.outputs && !r.bits,
	   "block %d: %zu of %zu sums differ, %zu outputs out of bounds (worst %.2f of the bound), "
	   "%zu bits differ (%zu more at the threshold)",
	   b->number, sums, r.elements, r.outputs, r.worst, r.bits, r.excused);
	for (size_t i = 0; i < b->net->value_count; i++)
		free(b->buffers[i]);
	free(b->buffers);
}

static void check_network(const char *folder, const struct bnnaccel_build_options *options)
{
	struct bnn_net *net = import_net(folder, options, NULL);
	struct golden g = { .image = 0 };
	char file[64];

	snprintf(file, sizeof(file), "%s/golden.tsv", folder);
	g.table = (char *)read_file(data_path(file), NULL);
	snprintf(file, sizeof(file), "%s/golden.bin", folder);
	g.data = read_file(data_path(file), NULL);
	if (!g.table || !g.data)
		skip(folder, "no golden tensors in the data set");
	for (; g.table && g.data && g.image < 2; g.image++) {
		note("%s, image %d", folder, g.image);
		for (int i = 0; i < BLOCKS; i++) {
			struct block b = { .net = net, .golden = &g, .number = i };

			check_block(&b);
		}
	}
	free(g.table);
	free(g.data);
	bnn_net_free(net);
}

/* The network with real scales, rounded in the build: only its ends multiply. */
static void check_rounded(const struct bnnaccel_build_options *options)
{
	struct bnnaccel_build_options rounded = *options;
	struct bnnaccel_figures figures = { .size = sizeof(figures) };
	struct bnnaccel_graph *graph;
	struct bnnaccel_model *model = NULL;
	struct bnnaccel *ctx = NULL;

	bnn_net_free(import_net("abbnn-cifar10-small", options, &graph));
	rounded.pow2_scales = 1;
	rounded.image_count = 1;
	bnnaccel_open(&ctx);
	if (bnnaccel_graph_build(ctx, graph, &rounded, &model) ||
	    bnnaccel_model_get_figures(ctx, model, &figures))
		note("%s", bnnaccel_last_error(ctx));
	ok(model && !figures.multiplications_inside && figures.multiplications,
	   "scales rounded to powers of two: %llu multiplications inside, %llu at the ends",
	   (unsigned long long)figures.multiplications_inside,
	   (unsigned long long)figures.multiplications);
	bnnaccel_model_free(ctx, model);
	bnnaccel_close(ctx);
	bnnaccel_graph_free(graph);
}

int main(void)
{
	static const char *const folders[] = { "abbnn-cifar10-small", "abbnn-cifar10-small/pow2" };
	struct bnnaccel_build_options options = { .size = sizeof(options), .image_count = 100 };
	struct images images;

	if (!data_exists("abbnn-cifar10-small/weights.bin") ||
	    !data_exists("cifar10-test1k/dev500.bin")) {
		skip("A&B BNN layer by layer", "no data set; BNNACCEL_DATA names its folder");
		return plan_end();
	}
	if (!images_cifar(&images, "cifar10-test1k/dev500.bin"))
		return 1;
	options.images = images.first;
	options.image_stride = images.stride;
	for (int i = 0; i < 2; i++)
		check_network(folders[i], &options);
	check_rounded(&options);
	free(images.file);
	return plan_end();
}
