/* SPDX-License-Identifier: MIT */
#include "refs.h"

#include <stdio.h>

#define GET(field) bnn_field_get(words, BNN_F_##field)

static const uint8_t planes_of[32] = {
	[BNN_FORMAT_B1] = 1, [BNN_FORMAT_O2] = 2, [BNN_FORMAT_O4] = 4,
	[BNN_FORMAT_O8] = 8, [BNN_FORMAT_U4] = 4, [BNN_FORMAT_U8] = 8,
	[BNN_FORMAT_S4] = 4, [BNN_FORMAT_S8] = 8, [BNN_FORMAT_S16] = 16,
};
static const uint8_t bits_of[32] = {
	[BNN_FORMAT_E_O4] = 4,	 [BNN_FORMAT_E_U4] = 4,	  [BNN_FORMAT_E_S4] = 4,
	[BNN_FORMAT_E_U8] = 8,	 [BNN_FORMAT_E_S8] = 8,	  [BNN_FORMAT_E_U16] = 16,
	[BNN_FORMAT_E_S16] = 16, [BNN_FORMAT_E_S32] = 32,
};

struct ref ref_tensor(const uint32_t *words, unsigned word, bool write, uint32_t h, uint32_t w,
		      uint32_t c)
{
	uint32_t format = words[word + 1] >> 6 & 31;
	uint32_t planes = planes_of[format] ? planes_of[format] : 1;
	uint32_t bits = bits_of[format] ? bits_of[format] : 1;
	uint32_t natural = (uint32_t)(((uint64_t)c * bits + 15) / 16 * 2);
	struct ref r = { .word = (uint8_t)word,
			 .region = words[word + 1] & 63,
			 .write = write,
			 .stream = write ? 4 : 3,
			 .offset = words[word],
			 .planes = planes,
			 .h = h,
			 .w = w,
			 .run = natural,
			 .row = (uint64_t)(words[word + 1] >> 11) * 16,
			 .pixel = words[word + 2] ? 2 * words[word + 2] : natural };

	r.plane = (r.row * h + 63) / 64 * 64;
	r.bytes = (planes - 1) * r.plane + (h - 1) * r.row + (w - 1) * r.pixel + natural;
	return r;
}

static struct ref vector(const uint32_t *words, unsigned word, unsigned stream, uint64_t bytes)
{
	return (struct ref){ .word = (uint8_t)word,
			     .region = words[word + 1] & 63,
			     .write = stream == 4,
			     .stream = (uint8_t)stream,
			     .offset = words[word],
			     .bytes = bytes,
			     .planes = 1,
			     .h = 1,
			     .w = 1,
			     .run = (uint32_t)bytes };
}

uint64_t cmd_weight_bytes(const uint32_t *words)
{
	static const uint8_t bits[] = { 1, 2, 2, 4, 8, 4, 8, 8 };
	uint32_t taps = GET(CONV_KH) * GET(CONV_KW), cg = GET(CONV_CIN) / GET(CONV_GROUPS);
	uint32_t n = bits[GET(CONV_WFORMAT)], cout = GET(CONV_COUT), tau = GET(CONV_TAU);
	uint64_t row = (taps * (((uint64_t)cg * n + 15) / 16 * 2) + 15) / 16 * 16;

	switch (GET(CONV_WMODE)) {
	case 1:
		return row * (cout / GET(CONV_TILE_P));
	case 2:
		return ((uint64_t)cout * taps * cg / GET(CONV_TILE_P) * n + 7) / 8;
	case 3:
		return ((8u << tau) + 63) / 64 * 64 + ((uint64_t)cout * cg * tau + 7) / 8;
	default:
		return row * cout;
	}
}

bool cmd_has_params(const uint32_t *words)
{
	uint32_t outp = words[19] >> 6 & 31;

	return GET(CONV_P1) || GET(CONV_P2) ||
	       ((words[0] & 0xff) == BNN_CMD_CONV && GET(CONV_FRAC)) || outp == BNN_FORMAT_B1 ||
	       outp == BNN_FORMAT_O2;
}

void cmd_conv_size(const uint32_t *words, uint32_t *oh, uint32_t *ow)
{
	*oh = (GET(CONV_H) + GET(CONV_PAD_T) + GET(CONV_PAD_B) - GET(CONV_DH) * (GET(CONV_KH) - 1) -
	       1) / GET(CONV_SH) +
	      1;
	*ow = (GET(CONV_W) + GET(CONV_PAD_L) + GET(CONV_PAD_R) - GET(CONV_DW) * (GET(CONV_KW) - 1) -
	       1) / GET(CONV_SW) +
	      1;
}

static unsigned layer_refs(const uint32_t *words, struct ref *refs)
{
	bool conv = (words[0] & 0xff) == BNN_CMD_CONV;
	uint32_t h = GET(CONV_H), w = GET(CONV_W), oh = h, ow = w, cout = GET(CONV_COUT);
	unsigned n = 0;

	if (conv)
		cmd_conv_size(words, &oh, &ow);
	refs[n++] = ref_tensor(words, 11, false, h, w, conv ? GET(CONV_CIN) : cout);
	if (conv)
		refs[n++] = vector(words, 14, 1, cmd_weight_bytes(words));
	if (cmd_has_params(words))
		refs[n++] = vector(words, 16, 2, cout * (GET(CONV_NARROW) ? 8u : 64u));
	for (unsigned word = 18; word < 30; word += 3) {
		uint32_t field = word < 24 ? 0 : words[word == 24 ? 7 : 8];
		uint32_t win = field >> 14 & 1;

		if (!(words[word + 1] >> 6 & 31))
			continue;
		refs[n] = ref_tensor(words, word, word < 24, oh << win, ow << win,
				     word < 24 ? cout : field & 0x3fff);
		if (word >= 24)
			refs[n].stream = 5;
		n++;
	}
	if (GET(CONV_SUM_EN))
		refs[n++] = vector(words, 30, 4, 4 * cout);
	return n;
}

unsigned cmd_refs(const uint32_t *words, struct ref *refs)
{
	uint32_t h, w, c;

	switch (words[0] & 0xff) {
	case BNN_CMD_ENC:
		h = GET(ENC_H), w = GET(ENC_W), c = GET(ENC_COLOURS);
		refs[0] = vector(words, 11, 3, (uint64_t)h * w * c);
		refs[1] = vector(words, 14, 6, 256 * (GET(ENC_SHARED) ? 1 : c));
		refs[2] = ref_tensor(words, 18, true, h, w,
				     c * (GET(ENC_MODE) == 0   ? 1
					  : GET(ENC_MODE) == 1 ? GET(ENC_LEVELS)
							       : 8));
		return 3;
	case BNN_CMD_PREFETCH:
		refs[0] = vector(words, 14, GET(PREFETCH_PARAMS) ? 2 : 1, GET(PREFETCH_BYTES));
		refs[0].hint = true;
		return 1;
	case BNN_CMD_GATEFOLD:
		c = GET(GATEFOLD_C);
		refs[0] = vector(words, 11, 6, 2 * c);
		refs[1] = vector(words, 16, 2, 64 * c);
		refs[2] = vector(words, 18, 4, 64 * c);
		return 3;
	case BNN_CMD_CONV:
	case BNN_CMD_EW:
		return layer_refs(words, refs);
	case BNN_CMD_POOL:
		h = (GET(POOL_H) + GET(POOL_PAD_T) + GET(POOL_PAD_B) - GET(POOL_KH)) /
			    GET(POOL_SH) +
		    1;
		w = (GET(POOL_W) + GET(POOL_PAD_L) + GET(POOL_PAD_R) - GET(POOL_KW)) /
			    GET(POOL_SW) +
		    1;
		c = GET(POOL_CIN);
		refs[0] = ref_tensor(words, 11, false, GET(POOL_H), GET(POOL_W), c);
		refs[1] = ref_tensor(words, 18, true, h, w, c / GET(POOL_GROUP));
		return 2;
	case BNN_CMD_TRANSPOSE:
		h = GET(TRANSPOSE_H), w = GET(TRANSPOSE_W), c = GET(TRANSPOSE_C);
		refs[0] = ref_tensor(words, 11, false, h, w, c);
		refs[1] = ref_tensor(words, 18, true, 1, c, h * w);
		return 2;
	default:
		return 0;
	}
}

void cmd_print(const uint32_t *words)
{
	for (unsigned i = 0; i < BNN_COMMAND_COUNT; i++) {
		const struct bnn_command *cmd = &bnn_commands[i];

		if (cmd->opcode != (words[0] & 0xff))
			continue;
		printf("# %s", cmd->name);
		for (unsigned f = cmd->first; f < cmd->first + cmd->count; f++) {
			uint32_t v = bnn_field_get(words, (enum bnn_field_id)f);

			if (v)
				printf(" %s=%u", bnn_fields[f].name, v);
		}
		putchar('\n');
		return;
	}
	printf("# opcode %#x\n", words[0] & 0xff);
}
