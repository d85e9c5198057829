// SPDX-License-Identifier: MIT
/* Is this network one that every executor can run without looking again? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"
#include "error.h"
#include "net.h"

#define BAD BNNACCEL_ERR_BAD_MODEL
#define TEXT_MAX 4096

static const char *const slot_names[BNN_SLOTS] = {
	[BNN_SLOT_IN] = "IN",	  [BNN_SLOT_WEIGHT] = "WEIGHT", [BNN_SLOT_PARAM] = "PARAM",
	[BNN_SLOT_OUTP] = "OUTP", [BNN_SLOT_OUTS] = "OUTS",	[BNN_SLOT_RES1] = "RES1",
	[BNN_SLOT_RES2] = "RES2", [BNN_SLOT_SUM] = "SUM",
};

/* Well-formed UTF-8 without control characters, so that any program may print it. */
static bool text_ok(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t code, more, least;

	if (!text || strnlen(text, TEXT_MAX) == TEXT_MAX)
		return false;
	while (*s) {
		code = *s++;
		if (code < 0x20 || code == 0x7f)
			return false;
		if (code < 0x80)
			continue;
		more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : 1;
		least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
		if (code < 0xc0 || code >= 0xf8)
			return false;
		for (code &= 0x3fu >> more; more; more--, s++) {
			if ((*s & 0xc0) != 0x80)
				return false;
			code = code << 6 | (*s & 0x3f);
		}
		if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
		    (code >= 0x80 && code < 0xa0))
			return false;
	}
	return true;
}

/* Whether the memory of a tensor is its elements one after the other, nothing between. */
static bool gapless(unsigned int format, uint32_t h, uint32_t w, uint32_t c)
{
	uint64_t bits = (uint64_t)c * bnn_format_bits(format);

	if (bits % 16 && (uint64_t)h * w > 1)
		return false;
	return h == 1 || w * bnn_tensor_pixel(format, c) % BNN_ROW_ALIGN == 0;
}

static uint64_t elements(uint32_t h, uint32_t w, uint32_t c)
{
	return (uint64_t)h * w * c;
}

/* A tensor that lies in memory as the rows of weights that this CONV reads. */
static bool is_weights(const uint32_t *words, const struct bnn_value *value)
{
	uint32_t mode = bnn_field_get(words, BNN_F_CONV_WMODE);
	uint32_t taps = bnn_field_get(words, BNN_F_CONV_KH) * bnn_field_get(words, BNN_F_CONV_KW);

	return (words[0] & 0xff) == BNN_CMD_CONV &&
	       (mode == BNN_WMODE_DENSE || mode == BNN_WMODE_TILED) &&
	       (!bnn_format_is_planes(value->format) || value->format == BNN_FORMAT_B1) &&
	       bnn_format_bits(value->format) ==
		       bnn_wformat_bits(bnn_field_get(words, BNN_F_CONV_WFORMAT)) &&
	       value->h == bnn_weight_rows(words) && value->w == taps &&
	       value->c == bnn_field_get(words, BNN_F_CONV_CIN) /
				   bnn_field_get(words, BNN_F_CONV_GROUPS);
}

bool bnn_slot_fits(const uint32_t *words, enum bnn_slot slot, const struct bnn_slot_info *info,
		   const struct bnn_value *value)
{
	uint64_t bytes;

	if (info->kind == BNN_SLOT_TENSOR) {
		if (value->format != info->format)
			return false;
		if (value->h == info->h && value->w == info->w && value->c == info->c)
			return true;
		return gapless(value->format, value->h, value->w, value->c) &&
		       gapless(info->format, info->h, info->w, info->c) &&
		       elements(value->h, value->w, value->c) ==
			       elements(info->h, info->w, info->c);
	}
	bytes = value->bytes;
	if (value->format != BNN_FORMAT_NONE) {
		if (slot == BNN_SLOT_WEIGHT && is_weights(words, value))
			return true;
		if (bnn_format_is_planes(value->format) ||
		    !gapless(value->format, value->h, value->w, value->c))
			return false;
		bytes = elements(value->h, value->w, value->c) * bnn_format_bits(value->format) / 8;
	}
	/* A part may be read, but what is written must be written whole. */
	return info->write ? bytes == info->bytes : bytes >= info->bytes;
}

static int check_value(const struct bnn_net *net, size_t i, struct bnn_error *error)
{
	const struct bnn_value *v = &net->values[i];
	uint64_t want;

	if (!text_ok(v->name))
		return bnn_fail(error, BAD, "value %zu: the name is not clean UTF-8 text", i);
	if (v->role > BNN_ROLE_CONST)
		return bnn_fail(error, BAD, "value %zu \"%.64s\": unknown role %u", i, v->name,
				v->role);
	if ((v->role == BNN_ROLE_CONST) != (v->data != NULL))
		return bnn_fail(error, BAD,
				"value %zu \"%.64s\": a constant needs data, and only "
				"a constant has any",
				i, v->name);
	if (v->format != BNN_FORMAT_NONE) {
		if (!bnn_format_known(v->format))
			return bnn_fail(error, BAD, "value %zu \"%.64s\": unknown tensor format %u",
					i, v->name, v->format);
		if (!v->h || !v->w || !v->c || v->h > BNN_VALUE_SIZE_MAX ||
		    v->w > BNN_VALUE_SIZE_MAX || v->c > BNN_CHANNELS_MAX)
			return bnn_fail(error, BAD,
					"value %zu \"%.64s\": shape %ux%ux%u is outside "
					"1 to %u rows and columns, 1 to %u channels",
					i, v->name, v->h, v->w, v->c, BNN_VALUE_SIZE_MAX,
					BNN_CHANNELS_MAX);
		want = bnn_tensor_bytes(v->format, v->h, v->w, v->c);
		if (v->bytes != want)
			return bnn_fail(error, BAD,
					"value %zu \"%.64s\": has %" PRIu64
					" bytes, but its shape and format need %" PRIu64,
					i, v->name, v->bytes, want);
	}
	if (!v->bytes || v->bytes > BNN_VALUE_BYTES_MAX)
		return bnn_fail(error, BAD,
				"value %zu \"%.64s\": size of %" PRIu64
				" bytes is not between 1 and 2^31",
				i, v->name, v->bytes);
	if ((v->role == BNN_ROLE_INPUT) != (net->input.value == (int32_t)i) ||
	    (v->role == BNN_ROLE_OUTPUT) != (net->output.value == (int32_t)i))
		return bnn_fail(error, BAD,
				"value %zu \"%.64s\": exactly the input of the network "
				"has role INPUT, and the output role OUTPUT",
				i, v->name);
	return 0;
}

static int check_ends(const struct bnn_net *net, struct bnn_error *error)
{
	const struct bnn_value *in, *out;
	uint32_t i, available;

	if (!text_ok(net->name) || !text_ok(net->description) || !text_ok(net->output.column))
		return bnn_fail(error, BAD,
				"name, description or output column of the network is "
				"not clean UTF-8 text");
	if (net->value_count > INT32_MAX || net->node_count >= BNN_COMMANDS_MAX)
		return bnn_fail(error, BAD, "the network has %zu nodes; at most %u are possible",
				net->node_count, BNN_COMMANDS_MAX - 1);
	if (net->input.value < 0 || (size_t)net->input.value >= net->value_count ||
	    net->output.value < 0 || (size_t)net->output.value >= net->value_count)
		return bnn_fail(error, BAD, "the network names no input or no output value");
	in = &net->values[net->input.value];
	out = &net->values[net->output.value];
	if (!net->input.h || !net->input.w || !net->input.c ||
	    (uint64_t)net->input.h * net->input.w > in->bytes ||
	    (uint64_t)net->input.h * net->input.w * net->input.c != in->bytes)
		return bnn_fail(error, BAD,
				"images of %ux%ux%u bytes do not fill the input value "
				"of %" PRIu64 " bytes",
				net->input.h, net->input.w, net->input.c, in->bytes);
	if ((unsigned int)net->input.order > BNN_IMAGE_PLANAR ||
	    (unsigned int)net->output.kind > BNN_OUTPUT_FLOAT ||
	    (unsigned int)net->output.rule > BNN_CLASS_HIGH_BIT)
		return bnn_fail(error, BAD, "unknown image order, output kind or class rule");
	available = out->format == BNN_FORMAT_NONE ? (uint32_t)out->bytes : out->c;
	if (!net->output.count || net->output.count > available)
		return bnn_fail(error, BAD,
				"the network shows %u output elements, but the output "
				"value \"%.64s\" has %u",
				net->output.count, out->name, available);
	if (net->output.kind == BNN_OUTPUT_BITS && out->format != BNN_FORMAT_B1)
		return bnn_fail(error, BAD, "output kind BITS needs a B1 tensor as output");
	for (i = 0; net->output.labels && i < net->output.count; i++) {
		if (!text_ok(net->output.labels[i]))
			return bnn_fail(error, BAD, "class name %u is not clean UTF-8 text", i);
	}
	return 0;
}

/* Offset, region, pitches: the compiler's business, so nothing may be there yet. */
static bool references_empty(const uint32_t *words)
{
	int slot, word;

	for (slot = 0; slot < BNN_SLOTS; slot++) {
		struct bnn_slot_info info;

		bnn_slot_describe(words, (enum bnn_slot)slot, &info);
		word = bnn_slot_word[slot];
		if (info.kind != BNN_SLOT_UNUSED && (words[word] || words[word + 1] & ~0x7c0u))
			return false;
		if (info.kind == BNN_SLOT_TENSOR && words[word + 2])
			return false;
	}
	return true;
}

/* An unused reference must be all zero; bits of other fields may lie there. */
static bool unused_empty(const uint32_t *words, int slot)
{
	uint32_t op = words[0] & 0xff;
	int word = bnn_slot_word[slot];
	bool pipe = op == BNN_CMD_CONV || op == BNN_CMD_EW;

	return !pipe || (!words[word] && !words[word + 1] &&
			 (slot < BNN_SLOT_OUTP || slot == BNN_SLOT_SUM || !words[word + 2]));
}

struct where {
	const struct bnn_net *net;
	size_t node;
	struct bnn_error *error;
};

static const char *command_name(uint32_t opcode)
{
	int i;

	for (i = 0; i < BNN_ALL_COMMAND_COUNT; i++) {
		if (bnn_commands[i].opcode == opcode)
			return bnn_commands[i].name;
	}
	return "?";
}

#define FAIL(at, text, ...) \
	bnn_fail((at)->error, BAD, "node %zu \"%.64s\" (%s): " text, (at)->node, \
		 (at)->net->nodes[(at)->node].name, \
		 command_name((at)->net->nodes[(at)->node].words[0] & 0xff), ##__VA_ARGS__)

static int check_reference(const struct where *at, int slot, const bool *written)
{
	const struct bnn_node *node = &at->net->nodes[at->node];
	int32_t ref = node->ref[slot];
	const struct bnn_value *value;
	struct bnn_slot_info info;

	bnn_slot_describe(node->words, (enum bnn_slot)slot, &info);
	if (info.kind == BNN_SLOT_UNUSED) {
		if (ref != BNN_NO_VALUE || !unused_empty(node->words, slot))
			return FAIL(at, "%s is not used, but a value or bits are given for it",
				    slot_names[slot]);
		return 0;
	}
	if (ref < 0 || (size_t)ref >= at->net->value_count)
		return FAIL(at, "%s names value %d; there are %zu values", slot_names[slot], ref,
			    at->net->value_count);
	value = &at->net->values[ref];
	if (!bnn_slot_fits(node->words, (enum bnn_slot)slot, &info, value)) {
		if (info.kind == BNN_SLOT_TENSOR)
			return FAIL(at,
				    "%s needs a tensor of format %u, %ux%ux%u, but value "
				    "\"%.64s\" is of format %u, %ux%ux%u",
				    slot_names[slot], info.format, info.h, info.w, info.c,
				    value->name, value->format, value->h, value->w, value->c);
		return FAIL(at,
			    "%s needs %" PRIu64 " bytes without gaps, but value \"%.64s\" is "
			    "of format %u, %ux%ux%u, %" PRIu64 " bytes",
			    slot_names[slot], info.bytes, value->name, value->format, value->h,
			    value->w, value->c, value->bytes);
	}
	if (info.write && value->role != BNN_ROLE_TEMP && value->role != BNN_ROLE_OUTPUT)
		return FAIL(at, "%s writes value \"%.64s\", which is an input or a constant",
			    slot_names[slot], value->name);
	if (!info.write && !written[ref])
		return FAIL(at, "%s reads value \"%.64s\" before any node has written it",
			    slot_names[slot], value->name);
	return 0;
}

static uint32_t le32_at(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The graph of an AGGREGATE is read without a look at every index, so it is looked at here. */
static int check_graph(const struct where *at)
{
	const struct bnn_node *node = &at->net->nodes[at->node];
	const struct bnn_value *graph = &at->net->values[node->ref[BNN_SLOT_WEIGHT]];
	uint32_t edges = bnn_field_get(node->words, BNN_F_AGGREGATE_EDGES), before = 0, i;
	uint32_t rows = bnn_field_get(node->words, BNN_F_AGGREGATE_OH) *
			bnn_field_get(node->words, BNN_F_AGGREGATE_OW);
	uint32_t columns = bnn_field_get(node->words, BNN_F_AGGREGATE_H) *
			   bnn_field_get(node->words, BNN_F_AGGREGATE_W);

	if (graph->role != BNN_ROLE_CONST)
		return FAIL(at, "the graph \"%.64s\" is not a constant", graph->name);
	for (i = 0; i <= rows; i++) {
		uint32_t start = le32_at(graph->data + 4 * (size_t)i);

		if (start < before || start > edges || (!i && start) ||
		    (i == rows && start != edges))
			return FAIL(
				at,
				"row start %u of the graph \"%.64s\" is %u; they must rise from "
				"0 to the %u edges",
				i, graph->name, start, edges);
		before = start;
	}
	for (i = 0; i < edges; i++) {
		uint32_t column = le32_at(graph->data + 4 * ((size_t)rows + 1 + i));

		if (column >= columns)
			return FAIL(at, "edge %u of the graph \"%.64s\" comes from node %u of %u",
				    i, graph->name, column, columns);
	}
	return 0;
}

/* The exception of section 8, step 5. */
static bool in_place(const uint32_t *words, int out, int in)
{
	uint32_t options = words[in == BNN_SLOT_RES1 ? 7 : 8];

	if (out != BNN_SLOT_OUTS)
		return false;
	if (in == BNN_SLOT_IN)
		return (words[0] & 0xff) == BNN_CMD_EW;
	if (in != BNN_SLOT_RES1 && in != BNN_SLOT_RES2)
		return false;
	return !(options >> 14 & 1) && (options & 0x3fff) == bnn_field_get(words, BNN_F_CONV_COUT);
}

static int check_overlap(const struct where *at)
{
	const struct bnn_node *node = &at->net->nodes[at->node];
	struct bnn_slot_info a, b;
	int out, other;

	for (out = 0; out < BNN_SLOTS; out++) {
		bnn_slot_describe(node->words, (enum bnn_slot)out, &a);
		if (!a.write)
			continue;
		for (other = 0; other < BNN_SLOTS; other++) {
			bnn_slot_describe(node->words, (enum bnn_slot)other, &b);
			if (other == out || b.kind == BNN_SLOT_UNUSED ||
			    node->ref[other] != node->ref[out])
				continue;
			/* In place also means the same shape, so not through a view. */
			if (in_place(node->words, out, other) && a.h == b.h && a.w == b.w &&
			    a.c == b.c && a.format == b.format)
				continue;
			return FAIL(at, "%s and %s are the same value", slot_names[out],
				    slot_names[other]);
		}
	}
	return 0;
}

static int check_node(const struct where *at, bool *written)
{
	const struct bnn_node *node = &at->net->nodes[at->node];
	struct bnn_slot_info info;
	const char *problem;
	char buf[128];
	int slot, rc;

	if (!text_ok(node->name))
		return bnn_fail(at->error, BAD, "node %zu: the name is not clean UTF-8 text",
				at->node);
	problem = bnn_command_check(node->words, buf, sizeof(buf));
	if (problem)
		return FAIL(at, "%s", problem);
	if ((node->words[0] & 0xff) == BNN_CMD_END)
		return FAIL(at, "END does not belong in a network; the compiler adds it");
	if (!references_empty(node->words))
		return FAIL(at, "offset, region or pitch of a reference is not 0");
	for (slot = 0; slot < BNN_SLOTS; slot++) {
		rc = check_reference(at, slot, written);
		if (rc)
			return rc;
	}
	rc = check_overlap(at);
	if (!rc && (node->words[0] & 0xff) == BNN_CMD_AGGREGATE)
		rc = check_graph(at);
	if (rc)
		return rc;
	for (slot = 0; slot < BNN_SLOTS; slot++) {
		bnn_slot_describe(node->words, (enum bnn_slot)slot, &info);
		if (info.write)
			written[node->ref[slot]] = true;
	}
	return 0;
}

int bnn_net_check(const struct bnn_net *net, struct bnn_error *error)
{
	struct where at = { .net = net, .error = error };
	uint64_t total = 0;
	bool *written;
	size_t i;
	int rc;

	rc = check_ends(net, error);
	for (i = 0; !rc && i < net->value_count; i++) {
		rc = check_value(net, i, error);
		total += net->values[i].bytes;
		if (!rc && total > BNN_NET_BYTES_MAX)
			rc = bnn_fail(error, BAD, "the values take more than 4 GiB together");
	}
	if (rc)
		return rc;
	written = calloc(net->value_count, sizeof(*written));
	if (!written)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory checking a network");
	for (i = 0; i < net->value_count; i++)
		written[i] = net->values[i].role == BNN_ROLE_INPUT ||
			     net->values[i].role == BNN_ROLE_CONST;
	for (at.node = 0; !rc && at.node < net->node_count; at.node++)
		rc = check_node(&at, written);
	if (!rc && !written[net->output.value])
		rc = bnn_fail(error, BAD, "no node writes the output \"%.64s\"",
			      net->values[net->output.value].name);
	free(written);
	return rc;
}
