// SPDX-License-Identifier: MIT
/*
 * Teacher-forced comparison of FracBNN's layers with golden float tensors: each
 * layer is fed the golden input codes and shortcut. Sums and gates must be equal;
 * outputs must lie within what rounding can explain; codes must be equal unless
 * the golden value is that close to a threshold. (Whole networks of 1 and 2 bits
 * are chaotic, so agreement of predictions says little about the arithmetic.)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

struct golden {
	char *table;
	uint8_t *data;
};

/* Offset of a tensor, C x H x W. */
static const uint8_t *find(const struct golden *g, const char *name)
{
	size_t length = strlen(name), offset;
	const char *line = g->table;

	while (line && (strncmp(line, name, length) || line[length] != '\t')) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line || sscanf(line + length, "\t%*[^\t]\t%*s\t%zu", &offset) != 1)
		return NULL;
	return g->data + offset;
}

/* A layer: one CONV of the lowered network and its golden tensors. */
struct forced {
	struct bnn_net *net;
	size_t node;
	char name[72];	   /* of the golden output, as "layer1_0.out1" */
	const uint8_t *in; /* codes, or bits of the first layer */
	bool first;
	const uint8_t *shortcut;  /* f32, or NULL */
	const uint8_t *msb, *lsb; /* i16; the first layer has only msb */
	const uint8_t *out;	  /* f32 */
	const uint8_t *codes;	  /* of the next layer, or NULL */
	uint8_t **buffers;
	size_t wrong_sums, wrong_outputs, wrong_codes, excused_codes, elements;
	double worst; /* error / bound */
};

static int32_t le32(const uint8_t *p)
{
	return (int32_t)(p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24);
}

static int le16(const uint8_t *p)
{
	return (int16_t)(p[0] | p[1] << 8);
}

static void run(struct forced *t)
{
	struct bnn_error error = { .text = "" };

	if (bnn_cpu_run_node(t->net, t->node, t->buffers, NULL, &error)) {
		ok(false, "%s runs: %s", t->name, error.text);
		exit(plan_end());
	}
}

static void fill(struct forced *t)
{
	const struct bnn_node *node = &t->net->nodes[t->node];
	const struct bnn_value *in = &t->net->values[node->ref[BNN_SLOT_IN]];
	const struct bnn_value *res =
		t->shortcut ? &t->net->values[node->ref[BNN_SLOT_RES1]] : NULL;

	for (uint32_t y = 0; y < in->h; y++) {
		for (uint32_t x = 0; x < in->w; x++) {
			for (uint32_t c = 0; c < in->c; c++) {
				size_t i = chw(in->h, in->w, y, x, c);
				unsigned int code =
					t->first ? t->in[i / 8] >> (i % 8) & 1 : t->in[i];

				put_code(t->buffers[node->ref[BNN_SLOT_IN]], in, y, x, c, code);
			}
		}
	}
	for (uint32_t y = 0; res && y < res->h; y++) {
		for (uint32_t x = 0; x < res->w; x++) {
			for (uint32_t c = 0; c < res->c; c++) {
				double v = golden_f32(t->shortcut, chw(res->h, res->w, y, x, c));

				put_stream(t->buffers[node->ref[BNN_SLOT_RES1]], res, y, x, c,
					   (int64_t)floor(ldexp(v, res->f) + 0.5));
			}
		}
	}
}

/* The same command with everything behind the sums switched off. */
static void check_sums(struct forced *t)
{
	struct bnn_node *node = &t->net->nodes[t->node], saved = *node;
	struct bnn_value sums = { .name = "sums",
				  .role = BNN_ROLE_TEMP,
				  .format = BNN_FORMAT_E_S32 };
	const struct bnn_value *out;
	uint8_t **grown;
	bool gated = bnn_field_get(node->words, BNN_F_CONV_FRAC);
	const uint8_t *params = t->net->values[node->ref[BNN_SLOT_PARAM]].data;
	uint32_t oh, ow;
	int index;

	bnn_command_output(node->words, &oh, &ow);
	sums.h = oh;
	sums.w = ow;
	sums.c = bnn_field_get(node->words, BNN_F_CONV_COUT);
	index = bnn_net_add_value(t->net, &sums);
	grown = realloc(t->buffers, t->net->value_count * sizeof(*grown));
	t->buffers = grown;
	out = &t->net->values[index];
	t->buffers[index] = calloc(1, out->bytes);
	bnn_field_set(node->words, BNN_F_CONV_P1, 0);
	bnn_field_set(node->words, BNN_F_CONV_P2, 0);
	bnn_field_set(node->words, BNN_F_CONV_SUM_EN, 0);
	bnn_field_set(node->words, BNN_F_CONV_OUTP_FORMAT, 0);
	bnn_field_set(node->words, BNN_F_CONV_OUTS_FORMAT, BNN_FORMAT_E_S32);
	bnn_field_set(node->words, BNN_F_CONV_RES1_FORMAT, 0);
	node->words[7] = 0;
	if (!gated)
		node->ref[BNN_SLOT_PARAM] = BNN_NO_VALUE;
	node->ref[BNN_SLOT_OUTP] = node->ref[BNN_SLOT_RES1] = node->ref[BNN_SLOT_SUM] =
		BNN_NO_VALUE;
	node->ref[BNN_SLOT_OUTS] = index;
	run(t);
	for (uint32_t y = 0; y < oh; y++) {
		for (uint32_t x = 0; x < ow; x++) {
			for (uint32_t c = 0; c < out->c; c++) {
				size_t i = chw(oh, ow, y, x, c);
				int m = golden_i16(t->msb, i),
				    l = t->lsb ? golden_i16(t->lsb, i) : 0;
				int want = t->lsb ? 2 * m + l : m;
				int threshold = le32(params + BNN_SIZEOF_PARAM * c + BNN_PARAM_T);

				t->wrong_sums +=
					get_stream(t->buffers[index], out, y, x, c) != want;
				t->wrong_sums += gated && l && m < threshold;
			}
		}
	}
	*node = saved;
}

static double pow2(int e)
{
	return ldexp(1, e);
}

/*
 * What rounding may do to one output, in real numbers: half a unit of the result,
 * of u and of the shortcut, and half a unit of every slope and offset.
 */
static double bound(const struct forced *t, const struct bnn_value *out, uint32_t c, double golden,
		    double sum)
{
	const struct bnn_node *node = &t->net->nodes[t->node];
	const uint8_t *p = t->net->values[node->ref[BNN_SLOT_PARAM]].data + BNN_SIZEOF_PARAM * c;
	int s1 = (int)bnn_field_get(node->words, BNN_F_CONV_S1);
	int s2 = (int)bnn_field_get(node->words, BNN_F_CONV_S2);
	int sb1 = (int)bnn_field_get(node->words, BNN_F_CONV_SB1);
	int sb2 = (int)bnn_field_get(node->words, BNN_F_CONV_SB2);
	double w2 = 1, e = 0.5 * pow2(-out->f), rounding = 0, res = 0;
	int f_u = out->f;

	if (t->shortcut) {
		const struct bnn_value *r = &t->net->values[node->ref[BNN_SLOT_RES1]];
		int win = bnn_field_get(node->words, BNN_F_CONV_RES1_WIN) ? 2 : 0;
		double u;

		f_u = r->f + win + (int)bnn_field_get(node->words, BNN_F_CONV_RES1_ALIGN);
		w2 = le16(p + BNN_PARAM_A2) * pow2(f_u - s2 - out->f);
		res = 0.5 * pow2(-r->f);
		u = w2 != 0 ? fabs((golden - ldexp(le32(p + BNN_PARAM_B2), sb2 - s2 - out->f)) / w2)
			    : 0;
		e += 0.5 * pow2(f_u - s2 - out->f) * u + 0.5 * pow2(sb2 - s2 - out->f);
		rounding = 0.5 * pow2(-f_u);
	}
	e += fabs(w2) *
	     (rounding + res + 0.5 * pow2(-s1 - f_u) * fabs(sum) + 0.5 * pow2(sb1 - s1 - f_u));
	/* the golden tensors are float32 */
	return e + 4e-6 * fmax(1, fabs(golden));
}

static void check_outputs(struct forced *t)
{
	const struct bnn_node *node = &t->net->nodes[t->node];
	const struct bnn_value *out = &t->net->values[node->ref[BNN_SLOT_OUTS]];
	const struct bnn_value *codes = t->codes ? &t->net->values[node->ref[BNN_SLOT_OUTP]] : NULL;

	run(t);
	for (uint32_t y = 0; y < out->h; y++) {
		for (uint32_t x = 0; x < out->w; x++) {
			for (uint32_t c = 0; c < out->c; c++) {
				size_t i = chw(out->h, out->w, y, x, c);
				double golden = golden_f32(t->out, i);
				double sum = golden_i16(t->msb, i) * (t->lsb ? 2 : 1) +
					     (t->lsb ? golden_i16(t->lsb, i) : 0);
				double got = ldexp(
					(double)get_stream(t->buffers[node->ref[BNN_SLOT_OUTS]],
							   out, y, x, c),
					-out->f);
				double allowed = bound(t, out, c, golden, sum);
				double near = fmin(fabs(golden), fabs(fabs(golden) - 2.0 / 3));

				t->elements++;
				t->worst = fmax(t->worst, fabs(got - golden) / allowed);
				t->wrong_outputs += fabs(got - golden) > allowed;
				if (codes && get_code(t->buffers[node->ref[BNN_SLOT_OUTP]], codes,
						      y, x, c) != t->codes[i]) {
					if (near <= allowed)
						t->excused_codes++;
					else
						t->wrong_codes++;
				}
			}
		}
	}
}

static void check_layer(struct forced *t)
{
	struct bnn_node *node;

	for (t->node = 0; t->node < t->net->node_count; t->node++) {
		if (!strcmp(t->net->nodes[t->node].name, t->name))
			break;
	}
	if (t->node == t->net->node_count || !t->in || !t->msb || !t->out) {
		ok(false, "%s has a command and golden tensors", t->name);
		return;
	}
	node = &t->net->nodes[t->node];
	if (node->ref[BNN_SLOT_OUTS] == BNN_NO_VALUE) {
		/* the last one stores only its sums: let it store the stream as well */
		struct bnn_value out = { .name = "out",
					 .role = BNN_ROLE_TEMP,
					 .format = BNN_FORMAT_E_S16,
					 .f = t->net->values[node->ref[BNN_SLOT_SUM]].f,
					 .c = bnn_field_get(node->words, BNN_F_CONV_COUT) };

		bnn_command_output(node->words, &out.h, &out.w);
		node->ref[BNN_SLOT_OUTS] = bnn_net_add_value(t->net, &out);
		bnn_field_set(node->words, BNN_F_CONV_OUTS_FORMAT, BNN_FORMAT_E_S16);
	}
	t->buffers = calloc(t->net->value_count, sizeof(*t->buffers));
	for (size_t i = 0; i < t->net->value_count; i++) {
		const struct bnn_value *v = &t->net->values[i];

		t->buffers[i] = calloc(1, v->bytes);
		if (v->data)
			memcpy(t->buffers[i], v->data, v->bytes);
	}
	fill(t);
	check_sums(t);
	check_outputs(t);
	ok(!t->wrong_sums && !t->wrong_outputs && !t->wrong_codes,
	   "%s: %zu of %zu sums and gates differ, %zu outputs out of bounds (worst %.2f of the "
	   "bound), %zu codes differ (%zu more at a threshold)",
	   t->name, t->wrong_sums, t->elements, t->wrong_outputs, t->worst, t->wrong_codes,
	   t->excused_codes);
	for (size_t i = 0; i < t->net->value_count; i++)
		free(t->buffers[i]);
	free(t->buffers);
}

static const uint8_t *tensor(const struct golden *g, const char *block, const char *what, int n,
			     const char *suffix)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s%d%s", block, what, n, suffix);
	return find(g, name);
}

static void check_image(struct bnn_net *net, int image)
{
	char file[64];
	struct golden g;
	struct forced first = { .net = net, .name = "bn1", .first = true };
	const uint8_t *shortcut;

	snprintf(file, sizeof(file), "fracbnn-cifar10/golden_float_dev500_%d.tsv", image);
	g.table = (char *)read_file(data_path(file), NULL);
	snprintf(file, sizeof(file), "fracbnn-cifar10/golden_float_dev500_%d.bin", image);
	g.data = read_file(data_path(file), NULL);
	if (!g.table || !g.data) {
		skip("golden tensors", "not in the data set");
		return;
	}
	note("image %d", image);
	first.in = find(&g, "input.therm");
	first.msb = find(&g, "conv1.acc");
	first.out = shortcut = find(&g, "bn1");
	first.codes = find(&g, "layer1_0.quant1");
	check_layer(&first);
	for (int i = 0; i < 18; i++) {
		struct forced t = { .net = net, .shortcut = shortcut };
		int n = i % 2 + 1;
		char block[32], next[32];

		snprintf(block, sizeof(block), "layer%d_%d", i / 6 + 1, i / 2 % 3);
		snprintf(next, sizeof(next), "layer%d_%d", (i + 1) / 6 + 1, (i + 1) / 2 % 3);
		snprintf(t.name, sizeof(t.name), "%s.out%d", block, n);
		t.in = tensor(&g, block, "quant", n, "");
		t.msb = tensor(&g, block, "conv", n, "_msb");
		t.lsb = tensor(&g, block, "conv", n, "_lsb_gated");
		t.out = shortcut = find(&g, t.name);
		t.codes = i < 17 ? tensor(&g, next, "quant", 3 - n, "") : NULL;
		check_layer(&t);
	}
	free(g.table);
	free(g.data);
}

int main(void)
{
	struct bnnaccel_build_options options = { .size = sizeof(options), .image_count = 100 };
	struct images images;
	struct bnn_net *net;

	if (!data_exists("fracbnn-cifar10/params.f32") ||
	    !data_exists("cifar10-test1k/dev500.bin")) {
		skip("FracBNN layer by layer", "no data set; BNNACCEL_DATA names its folder");
		return plan_end();
	}
	if (!images_cifar(&images, "cifar10-test1k/dev500.bin"))
		return 1;
	options.images = images.first;
	options.image_stride = images.stride;
	net = import_net("fracbnn-cifar10", &options, NULL);
	for (int image = 0; image < 2; image++)
		check_image(net, image);
	bnn_net_free(net);
	free(images.file);
	return plan_end();
}
