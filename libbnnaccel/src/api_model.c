// SPDX-License-Identifier: MIT
/* What a model says of itself, and how its results are read. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "compile/disasm.h"

int bnnaccel_model_get_info(const struct bnnaccel_model *model, struct bnnaccel_model_info *info)
{
	struct bnnaccel_model_info all = { 0 };
	const struct bnn_net *net;

	if (!model || !info || !bnn_api_size_ok(info->size))
		return BNNACCEL_ERR_ARGUMENT;
	net = model->net;
	all.name = net->name;
	all.description = net->description;
	all.input_h = net->input.h;
	all.input_w = net->input.w;
	all.input_c = net->input.c;
	all.input_planar = net->input.order == BNN_IMAGE_PLANAR;
	all.input_bytes = net->values[net->input.value].bytes;
	all.output_bytes = net->values[net->output.value].bytes;
	all.classes = net->output.count;
	all.output_kind = (enum bnnaccel_output_kind)net->output.kind;
	all.output_column = net->output.column;
	all.nodes = (uint32_t)net->node_count;
	all.weight_bits = model->weight_bits;
	all.macs = model->macs;
	bnn_api_give(info, &all, sizeof(all));
	return 0;
}

const char *bnnaccel_model_label(const struct bnnaccel_model *model, uint32_t i)
{
	if (!model || !model->net->output.labels || i >= model->net->output.count)
		return NULL;
	return model->net->output.labels[i];
}

/* The element of channel i of the first pixel; of plain bytes, byte i. */
int64_t bnn_api_element(const struct bnn_net *net, const uint8_t *output, uint32_t i)
{
	const struct bnn_value *v = &net->values[net->output.value];
	uint32_t width = bnn_format_width(v->format), bits = bnn_format_bits(v->format), b;
	uint64_t code = 0, at;

	if (v->format == BNN_FORMAT_NONE)
		return output[i];
	for (b = 0; b < width; b++) {
		at = bnn_format_is_planes(v->format)
			     ? 8 * b * bnn_tensor_plane(v->format, v->h, v->w, v->c) + i
			     : (uint64_t)i * bits + b;
		code |= (uint64_t)(output[at / 8] >> at % 8 & 1) << b;
	}
	if (net->output.kind == BNN_OUTPUT_BITS)
		return (int64_t)code;
	switch (bnn_format_kind(v->format)) {
	case BNN_KIND_ODD:
		return 2 * (int64_t)code - ((1ll << width) - 1);
	case BNN_KIND_SIGNED:
		return (int64_t)code - (code >> (width - 1) ? 1ll << width : 0);
	default:
		return (int64_t)code;
	}
}

int64_t bnnaccel_output_int(const struct bnnaccel_model *model, const void *output, uint32_t i)
{
	if (!model || !output || i >= model->net->output.count)
		return 0;
	return bnn_api_element(model->net, output, i);
}

double bnnaccel_output_value(const struct bnnaccel_model *model, const void *output, uint32_t i)
{
	if (!model || !output)
		return 0;
	return ldexp((double)bnnaccel_output_int(model, output, i),
		     -model->net->values[model->net->output.value].f);
}

uint32_t bnnaccel_output_class(const struct bnnaccel_model *model, const void *output)
{
	const struct bnn_net *net;
	uint32_t best = 0, i;
	int64_t most, v;

	if (!model || !output)
		return 0;
	net = model->net;
	most = bnn_api_element(net, output, 0);
	for (i = 1; i < net->output.count; i++) {
		v = bnn_api_element(net, output, i);
		if (net->output.rule == BNN_CLASS_HIGH_BIT ? v == 1 : v > most) {
			best = i;
			most = v;
		}
	}
	return best;
}

/* Text that grows; counts what would not fit, as snprintf() does. */
struct text {
	char *buf;
	size_t len, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	size_t room = t->used < t->len ? t->len - t->used : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(room ? t->buf + t->used : NULL, room, format, args);
	va_end(args);
	if (n > 0)
		t->used += (size_t)n;
}

/* A tensor of the shape named last is named by its format alone. */
static void add_slot(struct text *t, const char *before, const uint32_t *words, enum bnn_slot slot,
		     struct bnn_slot_info *last)
{
	struct bnn_slot_info info;

	bnn_slot_describe(words, slot, &info);
	if (info.kind == BNN_SLOT_TENSOR) {
		if (info.h == last->h && info.w == last->w && info.c == last->c)
			add(t, "%s%s", before, bnn_format_name(info.format));
		else
			add(t, "%s%ux%ux%u %s", before, info.h, info.w, info.c,
			    bnn_format_name(info.format));
		*last = info;
	}
	if (info.kind == BNN_SLOT_VECTOR)
		add(t, "%s%llu bytes", before, (unsigned long long)info.bytes);
}

static void add_conv(struct text *t, const uint32_t *words)
{
	static const char *const formats[] = { "B1", "T", "O2", "O4", "O8", "S4", "S8", "?" };
	static const char *const modes[] = { "", " tiled", " tiled (flat)", " codebook" };
#define GET(field) bnn_field_get(words, BNN_F_CONV_##field)
	add(t, ", %ux%u %s%s", GET(KH), GET(KW), formats[GET(WFORMAT)], modes[GET(WMODE)]);
	if (GET(SH) != GET(SW))
		add(t, ", stride %ux%u", GET(SH), GET(SW));
	else if (GET(SH) != 1)
		add(t, ", stride %u", GET(SH));
	if (GET(DH) != 1 || GET(DW) != 1)
		add(t, ", dilation %ux%u", GET(DH), GET(DW));
	if (GET(PAD_T) || GET(PAD_B) || GET(PAD_L) || GET(PAD_R))
		add(t, ", padding %s", GET(PAD_MODE) == 0 ? "0" : GET(PAD_MODE) == 1 ? "+1" : "-1");
	if (GET(GROUPS) > 1)
		add(t, ", %u groups", GET(GROUPS));
	if (GET(FRAC))
		add(t, ", gated");
#undef GET
}

int bnnaccel_model_describe_node(const struct bnnaccel_model *model, uint32_t i, char *buf,
				 size_t len)
{
	struct text t = { buf, buf ? len : 0, 0 };
	struct bnn_slot_info last = { .h = 0 };
	const struct bnn_node *node;
	const char *command = "?";
	uint32_t op;
	int k;

	if (!model || i >= model->net->node_count)
		return BNNACCEL_ERR_ARGUMENT;
	node = &model->net->nodes[i];
	op = node->words[0] & 0xff;
	for (k = 0; k < BNN_ALL_COMMAND_COUNT; k++) {
		if (bnn_commands[k].opcode == op)
			command = bnn_commands[k].name;
	}
	add(&t, "%s: %s", node->name, command);
	add_slot(&t, " ", node->words, BNN_SLOT_IN, &last);
	last.h = 0;
	if (node->ref[BNN_SLOT_OUTP] != BNN_NO_VALUE || node->ref[BNN_SLOT_OUTS] != BNN_NO_VALUE ||
	    node->ref[BNN_SLOT_SUM] != BNN_NO_VALUE)
		add(&t, " ->");
	add_slot(&t, " ", node->words, BNN_SLOT_OUTP, &last);
	add_slot(&t, node->ref[BNN_SLOT_OUTP] != BNN_NO_VALUE ? " + " : " ", node->words,
		 BNN_SLOT_OUTS, &last);
	if (node->ref[BNN_SLOT_SUM] != BNN_NO_VALUE)
		add(&t, " sums");
	if (op == BNN_CMD_CONV)
		add_conv(&t, node->words);
	add_slot(&t, ", plus ", node->words, BNN_SLOT_RES1, &last);
	add_slot(&t, ", plus ", node->words, BNN_SLOT_RES2, &last);
	if (bnn_command_is_host(node->words))
		add(&t, ", on the CPU");
	return (int)t.used;
}
