// SPDX-License-Identifier: MIT
/*
 * The rules of docs/arithmetic.md section 8 for one command, as far as they do
 * not concern memory. The core model has its own implementation on purpose: they
 * are compared by tests, so keep them apart.
 */
#include <stdio.h>

#include "net.h"

#define GET(field) bnn_field_get(words, BNN_F_##field)

/* Largest magnitude of a value, section 3. */
static uint64_t format_magnitude(unsigned int format)
{
	uint32_t n = bnn_format_width(format);

	return bnn_format_kind(format) == BNN_KIND_SIGNED ? 1ull << (n - 1) : (1ull << n) - 1;
}

static uint64_t wformat_magnitude(unsigned int wformat)
{
	static const uint8_t magnitude[7] = { 1, 1, 3, 15, 255, 8, 128 };

	return magnitude[wformat];
}

static const char *check_fields(const uint32_t *words, const struct bnn_command *command, char *buf,
				size_t len)
{
	uint32_t w, i;

	/* Word by word: reserved bits come before the ranges, but any one is fatal. */
	for (w = 0; w < 32; w++) {
		if (words[w] & ~command->claimed[w]) {
			snprintf(buf, len, "reserved bits 0x%x of word %u are set",
				 words[w] & ~command->claimed[w], w);
			return buf;
		}
	}
	for (i = command->first; i < (uint32_t)command->first + command->count; i++) {
		const struct bnn_field *f = &bnn_fields[i];
		uint32_t value = bnn_field_get(words, (enum bnn_field_id)i);

		if (value < f->min || value > f->max) {
			snprintf(buf, len, "field %s is %u, but must be %u to %u", f->name, value,
				 f->min, f->max);
			return buf;
		}
	}
	return NULL;
}

static const char *check_enc(const uint32_t *words)
{
	uint32_t mode = GET(ENC_MODE), levels = GET(ENC_LEVELS);
	uint32_t channels = GET(ENC_COLOURS);

	if ((mode == BNN_ENC_THERMO) != (levels > 0))
		return "LEVELS must be at least 1 with THERMO and 0 without";
	channels *= mode == BNN_ENC_THERMO ? levels : mode == BNN_ENC_BITS ? 8 : 1;
	if (channels > BNN_CHANNELS_MAX)
		return "the encoded tensor has more than 8192 channels";
	return NULL;
}

static const char *check_conv(const uint32_t *words)
{
	uint32_t cin = GET(CONV_CIN), cout = GET(CONV_COUT), groups = GET(CONV_GROUPS);
	uint32_t extent_h = GET(CONV_DH) * (GET(CONV_KH) - 1) + 1;
	uint32_t extent_w = GET(CONV_DW) * (GET(CONV_KW) - 1) + 1;
	uint32_t mode = GET(CONV_WMODE), p = GET(CONV_TILE_P), oh, ow;
	uint64_t k;

	if (cin % groups || cout % groups)
		return "GROUPS does not divide CIN and COUT";
	if (GET(CONV_PAD_T) >= extent_h || GET(CONV_PAD_B) >= extent_h ||
	    GET(CONV_PAD_L) >= extent_w || GET(CONV_PAD_R) >= extent_w)
		return "a padding is not less than the dilated kernel";
	bnn_command_output(words, &oh, &ow);
	if (!oh || !ow)
		return "the dilated kernel is larger than the padded input";
	if (oh > BNN_SIZE_MAX || ow > BNN_SIZE_MAX)
		return "the output is larger than 4096 rows or columns";
	k = (uint64_t)GET(CONV_KH) * GET(CONV_KW) * (cin / groups);
	if ((mode == BNN_WMODE_TILED || mode == BNN_WMODE_TILED_FLAT) != (p > 0))
		return "TILE_P must be at least 1 with TILED and TILED_FLAT and 0 otherwise";
	if ((mode == BNN_WMODE_CODEBOOK) != (GET(CONV_TAU) > 0))
		return "TAU must be at least 1 with CODEBOOK and 0 otherwise";
	if (mode == BNN_WMODE_TILED && (cout % p || groups != 1))
		return "TILED: TILE_P must divide COUT, and GROUPS must be 1";
	if (mode == BNN_WMODE_TILED_FLAT && cout * k % p)
		return "TILED_FLAT: TILE_P must divide the number of weights";
	if (mode == BNN_WMODE_CODEBOOK && GET(CONV_WFORMAT) != BNN_WFORMAT_B1)
		return "CODEBOOK: the weights must be B1";
	if (GET(CONV_FRAC) &&
	    (GET(CONV_IN_FORMAT) != BNN_FORMAT_O2 || GET(CONV_WFORMAT) != BNN_WFORMAT_B1))
		return "FRAC: the input must be O2 and the weights B1";
	/* An unknown input format has no magnitude; it is refused with the formats. */
	if (k > 32767 ||
	    (bnn_format_known(GET(CONV_IN_FORMAT)) &&
	     k * format_magnitude(GET(CONV_IN_FORMAT)) * wformat_magnitude(GET(CONV_WFORMAT)) >
		     INT32_MAX))
		return "the accumulator could exceed 32 bits: fewer input channels per group, a "
		       "smaller kernel or narrower formats are needed";
	return NULL;
}

/* Rules of the pipe; the fields of CONV and EW are the same bits. */
static const char *check_pipe(const uint32_t *words)
{
	uint32_t outp = GET(CONV_OUTP_FORMAT);
	bool res1 = GET(CONV_RES1_FORMAT), res2 = GET(CONV_RES2_FORMAT);
	bool frac = (words[0] & 0xff) == BNN_CMD_CONV && GET(CONV_FRAC);

	if ((GET(CONV_P1_POW2) && !GET(CONV_P1)) || (GET(CONV_P2_POW2) && !GET(CONV_P2)))
		return "a POW2 flag is set without its stage";
	if (GET(CONV_NARROW) && (GET(CONV_P1) || GET(CONV_P2) || frac ||
				 (outp != BNN_FORMAT_B1 && outp != BNN_FORMAT_NONE)))
		return "NARROW: P1, P2 and FRAC must be off, and OUTP B1 or NONE";
	if (!outp && !GET(CONV_OUTS_FORMAT) && !GET(CONV_SUM_EN))
		return "there is no output";
	if (res1 ? !GET(CONV_RES1_C) : words[7] != 0)
		return "RES1_C must be at least 1 with RES1, and its options 0 without";
	if (res2 ? !GET(CONV_RES2_C) : words[8] != 0)
		return "RES2_C must be at least 1 with RES2, and its options 0 without";
	return NULL;
}

static const char *check_pool(const uint32_t *words)
{
	uint32_t oh, ow;

	if (GET(POOL_CIN) % GET(POOL_GROUP))
		return "GROUP does not divide CIN";
	if (GET(POOL_PAD_T) >= GET(POOL_KH) || GET(POOL_PAD_B) >= GET(POOL_KH) ||
	    GET(POOL_PAD_L) >= GET(POOL_KW) || GET(POOL_PAD_R) >= GET(POOL_KW))
		return "a padding is not less than the window";
	bnn_command_output(words, &oh, &ow);
	if (!oh || !ow)
		return "the window is larger than the padded input";
	if (oh > BNN_SIZE_MAX || ow > BNN_SIZE_MAX)
		return "the output is larger than 4096 rows or columns";
	if ((GET(POOL_MODE) == BNN_POOL_AVG) != (GET(POOL_DIV) > 0))
		return "DIV must be at least 1 with AVG and 0 otherwise";
	if (GET(POOL_IN_FORMAT) != GET(POOL_OUT_FORMAT))
		return "input and output must have the same format";
	return NULL;
}

static const char *check_transpose(const uint32_t *words)
{
	if (GET(TRANSPOSE_H) * GET(TRANSPOSE_W) > BNN_CHANNELS_MAX)
		return "there are more than 8192 pixels";
	if (GET(TRANSPOSE_IN_FORMAT) != GET(TRANSPOSE_OUT_FORMAT))
		return "input and output must have the same format";
	return NULL;
}

static const char *check_aggregate(const uint32_t *words)
{
	if (GET(AGGREGATE_MODE) == BNN_AGGREGATE_SUM)
		return NULL;
	return GET(AGGREGATE_WEIGHTED) || GET(AGGREGATE_S) ? "WEIGHTED and S are for SUM only"
							   : NULL;
}

/* Step 4: is this format legal in this role? */
static bool format_legal(const uint32_t *words, enum bnn_slot slot, unsigned int format)
{
	uint32_t op = words[0] & 0xff;
	bool planes = bnn_format_is_planes(format);

	if (!bnn_format_known(format))
		return false;
	switch (op) {
	case BNN_CMD_ENC:
		return GET(ENC_MODE) == BNN_ENC_VALUE ? bnn_format_width(format) <= 8
						      : format == BNN_FORMAT_B1;
	case BNN_CMD_POOL:
		return format == BNN_FORMAT_E_S8 || format == BNN_FORMAT_E_U8 ||
		       format == BNN_FORMAT_E_S16 || format == BNN_FORMAT_E_S32 ||
		       (format == BNN_FORMAT_B1 && GET(POOL_MODE) != BNN_POOL_AVG);
	case BNN_CMD_TRANSPOSE:
		return !planes && bnn_format_bits(format) >= 8;
	case BNN_CMD_NORMALISE:
	case BNN_CMD_TABLE:
	case BNN_CMD_SOFTMAX:
		return format == BNN_FORMAT_E_S16;
	case BNN_CMD_AGGREGATE:
		return format == BNN_FORMAT_E_S16 ||
		       (slot == BNN_SLOT_IN &&
			(format == BNN_FORMAT_B1 || format == BNN_FORMAT_E_S8));
	}
	switch (slot) {
	case BNN_SLOT_IN:
		return op == BNN_CMD_EW ||
		       (format != BNN_FORMAT_E_U16 && format != BNN_FORMAT_E_S32);
	case BNN_SLOT_OUTP:
		return planes;
	case BNN_SLOT_OUTS:
		return !planes;
	default:
		return format == BNN_FORMAT_E_O4 || format == BNN_FORMAT_E_U8 ||
		       format == BNN_FORMAT_E_S8 || format == BNN_FORMAT_E_S16;
	}
}

static const char *check_formats(const uint32_t *words, char *buf, size_t len)
{
	static const char *const names[BNN_SLOTS] = {
		[BNN_SLOT_IN] = "IN",	    [BNN_SLOT_WEIGHT] = "WEIGHT",
		[BNN_SLOT_PARAM] = "PARAM", [BNN_SLOT_OUTP] = "OUTP or OUT",
		[BNN_SLOT_OUTS] = "OUTS",   [BNN_SLOT_RES1] = "RES1",
		[BNN_SLOT_RES2] = "RES2",   [BNN_SLOT_SUM] = "SUM",
	};
	struct bnn_slot_info info;
	int slot;

	for (slot = 0; slot < BNN_SLOTS; slot++) {
		bnn_slot_describe(words, (enum bnn_slot)slot, &info);
		if (info.kind == BNN_SLOT_TENSOR &&
		    !format_legal(words, (enum bnn_slot)slot, info.format)) {
			snprintf(buf, len, "tensor format %u is not legal for %s", info.format,
				 names[slot]);
			return buf;
		}
	}
	return NULL;
}

const char *bnn_command_check(const uint32_t *words, char *buf, size_t len)
{
	const struct bnn_command *command = NULL;
	const char *problem;
	int i;

	for (i = 0; i < BNN_ALL_COMMAND_COUNT; i++) {
		if (bnn_commands[i].opcode == (words[0] & 0xff))
			command = &bnn_commands[i];
	}
	if (!command) {
		snprintf(buf, len, "there is no command with opcode 0x%02x", words[0] & 0xff);
		return buf;
	}
	problem = check_fields(words, command, buf, len);
	if (problem)
		return problem;
	switch (command->opcode) {
	case BNN_CMD_ENC:
		problem = check_enc(words);
		break;
	case BNN_CMD_CONV:
		problem = check_conv(words);
		if (!problem)
			problem = check_pipe(words);
		break;
	case BNN_CMD_EW:
		problem = check_pipe(words);
		break;
	case BNN_CMD_POOL:
		problem = check_pool(words);
		break;
	case BNN_CMD_TRANSPOSE:
		problem = check_transpose(words);
		break;
	case BNN_CMD_AGGREGATE:
		problem = check_aggregate(words);
		break;
	}
	return problem ? problem : check_formats(words, buf, len);
}
