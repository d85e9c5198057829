// SPDX-License-Identifier: MIT
/*
 * PokeBNN layer by layer: each command of a PokeConv is fed golden tensors. Sums must be
 * equal, codes of 4 bits too but for two that may be one off, gates and outputs within
 * what rounding can explain.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

struct golden {
	char *table;
	uint8_t *data;
	int image;
};

struct forced {
	struct bnn_net *net;
	const struct golden *golden;
	uint8_t **buffers;
	int block, conv;
	size_t node;	     /* CONV of the PokeConv */
	size_t first, fold;  /* EW of its mean, and GATEFOLD */
	double worst, gates; /* of the bound; difference */
	size_t near;	     /* codes that are one off */
	size_t sums;	     /* that differ */
};

static const uint8_t *find(const struct golden *g, const char *tensor)
{
	char name[64];
	const char *line;
	size_t offset;
	int n = snprintf(name, sizeof(name), "\n%d\t%s\t", g->image, tensor);

	line = strstr(g->table, name);
	if (!line || sscanf(line + n, "%*s\t%*s\t%zu", &offset) != 1) {
		ok(false, "there is a golden tensor %s", tensor);
		exit(plan_end());
	}
	return g->data + offset;
}

static const uint8_t *own(const struct forced *t, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "block%d.c%d.%s", t->block, t->conv, what);
	return find(t->golden, name);
}

/* The tensor that enters PokeConv `conv` of a block. */
static const uint8_t *input(const struct forced *t, int conv)
{
	char name[64];

	if (conv > 1)
		snprintf(name, sizeof(name), "block%d.c%d.out", t->block, conv - 1);
	else if (t->block)
		snprintf(name, sizeof(name), "block%d.c3.out", t->block - 1);
	else
		snprintf(name, sizeof(name), "stem2.out");
	return find(t->golden, name);
}

static void run(const struct forced *t, size_t node)
{
	struct bnn_error error = { .text = "" };

	if (bnn_cpu_run_node(t->net, node, t->buffers, NULL, &error)) {
		ok(false, "%s runs: %s", t->net->nodes[node].name, error.text);
		exit(plan_end());
	}
}

static void fill(const struct forced *t, int32_t index, const uint8_t *golden)
{
	const struct bnn_value *v = &t->net->values[index];

	for (uint32_t y = 0; y < v->h; y++) {
		for (uint32_t x = 0; x < v->w; x++) {
			for (uint32_t c = 0; c < v->c; c++) {
				size_t i = chw(v->h, v->w, y, x, c);

				if (v->format == BNN_FORMAT_B1)
					put_code(t->buffers[index], v, y, x, c, golden[i]);
				else
					put_stream(
						t->buffers[index], v, y, x, c,
						(int64_t)floor(ldexp(golden_f32(golden, i), v->f) +
							       0.5));
			}
		}
	}
}

/* Codes of 4 bits, which are then replaced by the golden ones. */
static size_t wrong_codes(struct forced *t, int32_t index, const uint8_t *golden)
{
	const struct bnn_value *v = &t->net->values[index];
	size_t wrong = 0;

	for (uint32_t c = 0; c < v->c; c++) {
		unsigned int want = (unsigned int)golden_i16(golden, c) & 15;

		unsigned int off = (get_code(t->buffers[index], v, 0, 0, c) - want) & 15;

		t->near += off == 1 || off == 15;
		wrong += off > 1 && off < 15;
		put_code(t->buffers[index], v, 0, 0, c, want);
	}
	return wrong;
}

/* The squeeze-and-excite from golden sums. Returns how many codes differ. */
static size_t squeeze(struct forced *t)
{
	const struct bnn_node *nodes = t->net->nodes;
	int32_t sum = nodes[t->first].ref[BNN_SLOT_IN];
	int32_t q = nodes[t->first].ref[BNN_SLOT_OUTP];
	int32_t q2 = nodes[t->first + 1].ref[BNN_SLOT_OUTP];
	int32_t gate = nodes[t->fold].ref[BNN_SLOT_IN];
	int32_t x = nodes[t->node].ref[BNN_SLOT_IN];
	const struct bnn_value *v = &t->net->values[sum];
	const uint8_t *golden = input(t, t->conv), *gates = own(t, "gate");
	size_t pixels, wrong;

	pixels = (size_t)t->net->values[x].h * t->net->values[x].w;
	for (uint32_t c = 0; c < v->c; c++) {
		double s = 0;
		int32_t code;

		for (size_t i = 0; i < pixels; i++)
			s += golden_f32(golden, c * pixels + i);
		code = (int32_t)floor(ldexp(s, v->f) + 0.5);
		memcpy(t->buffers[sum] + 4 * c, &code, 4);
	}
	run(t, t->first);
	wrong = wrong_codes(t, q, own(t, "se1.q"));
	run(t, t->first + 1);
	wrong += wrong_codes(t, q2, own(t, "se2.q"));
	run(t, t->fold - 1);
	for (uint32_t c = 0; c < t->net->values[gate].c; c++) {
		double want = golden_f32(gates, c);
		uint8_t *p = t->buffers[gate] + 2 * c;
		int code = (int)floor(ldexp(want, 14) + 0.5);

		t->gates = fmax(t->gates, fabs(ldexp(p[0] | p[1] << 8, -14) - want));
		p[0] = (uint8_t)code;
		p[1] = (uint8_t)(code >> 8);
	}
	return wrong;
}

/* A residual: the tensor itself, or what POOL makes of it. */
static void shortcut(const struct forced *t, enum bnn_slot slot, int conv)
{
	int32_t index = t->net->nodes[t->node].ref[slot];
	size_t i = 0;

	while (i < t->net->node_count && ((t->net->nodes[i].words[0] & 0xff) != BNN_CMD_POOL ||
					  t->net->nodes[i].ref[BNN_SLOT_OUTP] != index))
		i++;
	if (i == t->net->node_count) {
		fill(t, index, input(t, conv));
		return;
	}
	fill(t, t->net->nodes[i].ref[BNN_SLOT_IN], input(t, conv));
	run(t, i);
}

static int le16(const uint8_t *p)
{
	return (int16_t)(p[0] | p[1] << 8);
}

static double power(int e)
{
	return ldexp(1, e);
}

/*
 * Half a unit of the result; through the slope of P2, half a unit of u and of both
 * shortcuts (a unit where a POOL rounded as well) and of P1's slope; half a unit of
 * P2's slope for u, of the gate for slope and offset, of both offsets.
 */
static double bound(const struct forced *t, uint32_t c, double sum, double u)
{
	const struct bnn_node *node = &t->net->nodes[t->node];
	const uint8_t *p = t->buffers[node->ref[BNN_SLOT_PARAM]] + (size_t)BNN_SIZEOF_PARAM * c;
	const uint8_t *raw = t->net->values[t->net->nodes[t->fold].ref[BNN_SLOT_PARAM]].data +
			     (size_t)BNN_SIZEOF_PARAM * c;
	int f = t->net->values[node->ref[BNN_SLOT_OUTS]].f;
	int f_res = t->net->values[node->ref[BNN_SLOT_RES1]].f;
	int f_u = f_res + (int)bnn_field_get(node->words, BNN_F_CONV_RES1_ALIGN);
	int s1 = (int)bnn_field_get(node->words, BNN_F_CONV_S1);
	int s2 = (int)bnn_field_get(node->words, BNN_F_CONV_S2);
	int sb2 = (int)bnn_field_get(node->words, BNN_F_CONV_SB2);
	double a = fmax(abs(le16(p + BNN_PARAM_A2)), abs(le16(p + BNN_PARAM_A2 + 2)));
	double a_raw = fmax(abs(le16(raw + BNN_PARAM_A2)), abs(le16(raw + BNN_PARAM_A2 + 2)));
	double w = (a + 1) * power(f_u - s2 - f), inner;

	inner = power(-f_u) * (0.5 + 0.5 * power(-s1) * fabs(sum) + 0.5) + power(-f_res);
	if (node->ref[BNN_SLOT_RES2] != BNN_NO_VALUE)
		inner += power(-t->net->values[node->ref[BNN_SLOT_RES2]].f);
	/* slopes: rounded at import by half of 2^-1 (a gate halves them), by GATEFOLD, by the gate
	 */
	return 0.5 * power(-f) + w * inner +
	       u * power(f_u - s2 - f) * (0.25 + 0.5 + a_raw * power(-16)) +
	       2 * power(sb2 - s2 - f);
}

/* The convolution without P2: u; without anything behind it: sums. A value of 32 bits. */
static int inside(struct forced *t, bool sums)
{
	struct bnn_node *node = &t->net->nodes[t->node], saved = *node;
	struct bnn_value v = { .name = "test",
			       .role = BNN_ROLE_TEMP,
			       .format = BNN_FORMAT_E_S32,
			       .c = bnn_field_get(node->words, BNN_F_CONV_COUT) };
	int index;

	bnn_command_output(node->words, &v.h, &v.w);
	index = bnn_net_add_value(t->net, &v);
	t->buffers = realloc(t->buffers, t->net->value_count * sizeof(*t->buffers));
	t->buffers[index] = calloc(1, t->net->values[index].bytes);
	bnn_field_set(node->words, BNN_F_CONV_P2, 0);
	bnn_field_set(node->words, BNN_F_CONV_SUM_EN, 0);
	bnn_field_set(node->words, BNN_F_CONV_OUTP_FORMAT, 0);
	bnn_field_set(node->words, BNN_F_CONV_OUTS_FORMAT, BNN_FORMAT_E_S32);
	node->ref[BNN_SLOT_OUTP] = node->ref[BNN_SLOT_SUM] = BNN_NO_VALUE;
	node->ref[BNN_SLOT_OUTS] = index;
	if (sums) {
		bnn_field_set(node->words, BNN_F_CONV_P1, 0);
		bnn_field_set(node->words, BNN_F_CONV_RES1_FORMAT, 0);
		bnn_field_set(node->words, BNN_F_CONV_RES2_FORMAT, 0);
		node->words[7] = node->words[8] = 0;
		node->ref[BNN_SLOT_PARAM] = BNN_NO_VALUE;
		node->ref[BNN_SLOT_RES1] = node->ref[BNN_SLOT_RES2] = BNN_NO_VALUE;
	}
	run(t, t->node);
	*node = saved;
	return index;
}

static size_t wrong_outputs(struct forced *t)
{
	int sums = inside(t, true), us = inside(t, false);
	const struct bnn_node *node = &t->net->nodes[t->node];
	int32_t outs = node->ref[BNN_SLOT_OUTS];
	const struct bnn_value *v = &t->net->values[outs], *w = &t->net->values[us];
	int f_u = t->net->values[node->ref[BNN_SLOT_RES1]].f +
		  (int)bnn_field_get(node->words, BNN_F_CONV_RES1_ALIGN);
	const uint8_t *out = own(t, "out"), *conv = own(t, "conv");
	size_t wrong = 0;

	run(t, t->node);
	for (uint32_t y = 0; y < v->h; y++) {
		for (uint32_t x = 0; x < v->w; x++) {
			for (uint32_t c = 0; c < v->c; c++) {
				size_t i = chw(v->h, v->w, y, x, c);
				double want = golden_f32(out, i), off, allowed;

				int64_t sum = get_stream(t->buffers[sums], w, y, x, c);
				double u =
					ldexp((double)get_stream(t->buffers[us], w, y, x, c), -f_u);

				t->sums += sum != golden_i16(conv, i);
				allowed = bound(t, c, (double)sum, fabs(u)) +
					  4e-6 * fmax(1, fabs(want));
				off = fabs(ldexp((double)get_stream(t->buffers[outs], v, y, x, c),
						 -v->f) -
					   want);
				t->worst = fmax(t->worst, off / allowed);
				wrong += off > allowed;
			}
		}
	}
	return wrong;
}

static void add_stream(struct forced *t)
{
	struct bnn_node *node = &t->net->nodes[t->node];
	struct bnn_value v = { .name = "test",
			       .role = BNN_ROLE_TEMP,
			       .format = BNN_FORMAT_E_S16,
			       .f = t->net->values[node->ref[BNN_SLOT_SUM]].f,
			       .c = bnn_field_get(node->words, BNN_F_CONV_COUT) };

	bnn_command_output(node->words, &v.h, &v.w);
	node->ref[BNN_SLOT_OUTS] = bnn_net_add_value(t->net, &v);
	bnn_field_set(node->words, BNN_F_CONV_OUTS_FORMAT, BNN_FORMAT_E_S16);
}

static void check(struct forced *t)
{
	char name[64];
	size_t codes, outputs;

	snprintf(name, sizeof(name), "block%d.c%d.out", t->block, t->conv);
	for (t->node = 0; t->node < t->net->node_count; t->node++) {
		if (!strcmp(t->net->nodes[t->node].name, name) &&
		    (t->net->nodes[t->node].words[0] & 0xff) == BNN_CMD_CONV)
			break;
	}
	if (t->node == t->net->node_count) {
		ok(false, "%s has a command", name);
		return;
	}
	t->fold = t->node - 1;
	/* EW, CONV, CONV make the gate; pools may lie between */
	for (t->first = t->fold; (t->net->nodes[t->first].words[0] & 0xff) != BNN_CMD_EW;)
		t->first--;
	/* the last one keeps only its sums */
	if (t->net->nodes[t->node].ref[BNN_SLOT_OUTS] == BNN_NO_VALUE)
		add_stream(t);
	t->buffers = calloc(t->net->value_count, sizeof(*t->buffers));
	for (size_t i = 0; i < t->net->value_count; i++) {
		const struct bnn_value *v = &t->net->values[i];

		t->buffers[i] = calloc(1, v->bytes);
		if (v->data)
			memcpy(t->buffers[i], v->data, v->bytes);
	}
	codes = squeeze(t);
	run(t, t->fold);
	fill(t, t->net->nodes[t->node].ref[BNN_SLOT_IN], own(t, "bits"));
	shortcut(t, BNN_SLOT_RES1, t->conv);
	if (t->conv == 3)
		shortcut(t, BNN_SLOT_RES2, 1);
	outputs = wrong_outputs(t);
	ok(!codes && !outputs && !t->sums && t->gates < 1 * power(-14),
	   "%s, image %d: %zu codes differ (%zu more by one), gates by at most %.1f of 2^-14, %zu "
	   "sums differ, %zu outputs out of "
	   "bounds (worst %.2f of the bound)",
	   name, t->golden->image, codes, t->near, ldexp(t->gates, 14), t->sums, outputs, t->worst);
	for (size_t i = 0; i < t->net->value_count; i++)
		free(t->buffers[i]);
	free(t->buffers);
}

int main(void)
{
	struct bnnaccel_build_options options = { .size = sizeof(options), .image_count = 100 };
	struct golden g = { .image = 0 };
	struct images images;
	struct bnn_net *net;
	size_t near = 0;

	if (!data_exists("pokebnn-cifar10-small/golden.bin") ||
	    !data_exists("cifar10-test1k/dev500.bin")) {
		skip("PokeBNN layer by layer", "no data set; BNNACCEL_DATA names its folder");
		return plan_end();
	}
	if (!images_cifar(&images, "cifar10-test1k/dev500.bin"))
		return 1;
	options.images = images.first;
	options.image_stride = images.stride;
	net = import_net("pokebnn-cifar10-small", &options, NULL);
	g.table = (char *)read_file(data_path("pokebnn-cifar10-small/golden.tsv"), NULL);
	g.data = read_file(data_path("pokebnn-cifar10-small/golden.bin"), NULL);
	for (; g.table && g.data && g.image < 2; g.image++) {
		for (int i = 0; i < 18; i++) {
			struct forced t = {
				.net = net, .golden = &g, .block = i / 3, .conv = i % 3 + 1
			};

			check(&t);
			near += t.near;
		}
	}
	ok(near <= 2, "%zu codes are one off", near);
	free(g.table);
	free(g.data);
	bnn_net_free(net);
	free(images.file);
	return plan_end();
}
