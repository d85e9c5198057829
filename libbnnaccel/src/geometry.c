// SPDX-License-Identifier: MIT
/*
 * Sizes that follow from formats and command words: docs/arithmetic.md, sections
 * 2 and 3. Nothing here trusts its arguments to be within the limits, but the
 * results make sense only for words whose fields are in range.
 */
#include "net.h"

const uint8_t bnn_slot_word[BNN_SLOTS] = {
	[BNN_SLOT_IN] = 11,   [BNN_SLOT_WEIGHT] = 14, [BNN_SLOT_PARAM] = 16, [BNN_SLOT_OUTP] = 18,
	[BNN_SLOT_OUTS] = 21, [BNN_SLOT_RES1] = 24,   [BNN_SLOT_RES2] = 27,  [BNN_SLOT_SUM] = 30,
};

static const struct {
	uint8_t planes; /* 0: element-packed */
	uint8_t bits;
	uint8_t kind;
} formats[32] = {
	[BNN_FORMAT_B1] = { 1, 1, BNN_KIND_ODD },
	[BNN_FORMAT_O2] = { 2, 1, BNN_KIND_ODD },
	[BNN_FORMAT_O4] = { 4, 1, BNN_KIND_ODD },
	[BNN_FORMAT_O8] = { 8, 1, BNN_KIND_ODD },
	[BNN_FORMAT_U4] = { 4, 1, BNN_KIND_UNSIGNED },
	[BNN_FORMAT_U8] = { 8, 1, BNN_KIND_UNSIGNED },
	[BNN_FORMAT_S4] = { 4, 1, BNN_KIND_SIGNED },
	[BNN_FORMAT_S8] = { 8, 1, BNN_KIND_SIGNED },
	[BNN_FORMAT_S16] = { 16, 1, BNN_KIND_SIGNED },
	[BNN_FORMAT_E_O4] = { 0, 4, BNN_KIND_ODD },
	[BNN_FORMAT_E_U4] = { 0, 4, BNN_KIND_UNSIGNED },
	[BNN_FORMAT_E_S4] = { 0, 4, BNN_KIND_SIGNED },
	[BNN_FORMAT_E_U8] = { 0, 8, BNN_KIND_UNSIGNED },
	[BNN_FORMAT_E_S8] = { 0, 8, BNN_KIND_SIGNED },
	[BNN_FORMAT_E_U16] = { 0, 16, BNN_KIND_UNSIGNED },
	[BNN_FORMAT_E_S16] = { 0, 16, BNN_KIND_SIGNED },
	[BNN_FORMAT_E_S32] = { 0, 32, BNN_KIND_SIGNED },
};

static uint64_t align(uint64_t x, uint64_t n)
{
	return (x + n - 1) / n * n;
}

bool bnn_format_known(unsigned int format)
{
	return format < 32 && formats[format].bits;
}

bool bnn_format_is_planes(unsigned int format)
{
	return format < 32 && formats[format].planes;
}

uint32_t bnn_format_planes(unsigned int format)
{
	return bnn_format_is_planes(format) ? formats[format].planes : 1;
}

uint32_t bnn_format_bits(unsigned int format)
{
	return format < 32 ? formats[format].bits : 0;
}

uint32_t bnn_format_width(unsigned int format)
{
	return bnn_format_planes(format) * bnn_format_bits(format);
}

enum bnn_kind bnn_format_kind(unsigned int format)
{
	return format < 32 ? formats[format].kind : BNN_KIND_UNSIGNED;
}

uint32_t bnn_wformat_bits(unsigned int wformat)
{
	static const uint8_t bits[7] = { 1, 2, 2, 4, 8, 4, 8 };

	return wformat < 7 ? bits[wformat] : 0;
}

uint64_t bnn_tensor_pixel(unsigned int format, uint32_t c)
{
	return 2 * (((uint64_t)c * bnn_format_bits(format) + 15) / 16);
}

uint64_t bnn_tensor_pitch(unsigned int format, uint32_t w, uint32_t c)
{
	return align(w * bnn_tensor_pixel(format, c), BNN_ROW_ALIGN);
}

uint64_t bnn_tensor_plane(unsigned int format, uint32_t h, uint32_t w, uint32_t c)
{
	return align(h * bnn_tensor_pitch(format, w, c), BNN_TENSOR_ALIGN);
}

uint64_t bnn_tensor_bytes(unsigned int format, uint32_t h, uint32_t w, uint32_t c)
{
	if (!bnn_format_known(format) || h > BNN_VALUE_SIZE_MAX || w > BNN_VALUE_SIZE_MAX ||
	    c > BNN_CHANNELS_MAX)
		return 0;
	return (bnn_format_planes(format) - 1) * bnn_tensor_plane(format, h, w, c) +
	       h * bnn_tensor_pitch(format, w, c);
}

/* Rows of stored weights, as docs/arithmetic.md counts them, and bytes of a row. */
uint64_t bnn_weight_rows(const uint32_t *words)
{
	uint32_t cout = bnn_field_get(words, BNN_F_CONV_COUT);
	uint32_t p = bnn_field_get(words, BNN_F_CONV_TILE_P);

	return bnn_field_get(words, BNN_F_CONV_WMODE) == BNN_WMODE_TILED && p ? cout / p : cout;
}

uint64_t bnn_weight_tap_bits(const uint32_t *words)
{
	uint32_t groups = bnn_field_get(words, BNN_F_CONV_GROUPS);
	uint64_t channels = groups ? bnn_field_get(words, BNN_F_CONV_CIN) / groups : 0;

	return align(channels * bnn_wformat_bits(bnn_field_get(words, BNN_F_CONV_WFORMAT)), 16);
}

uint64_t bnn_weight_row_bytes(const uint32_t *words)
{
	uint64_t taps =
		(uint64_t)bnn_field_get(words, BNN_F_CONV_KH) * bnn_field_get(words, BNN_F_CONV_KW);

	return align(taps * bnn_weight_tap_bits(words) / 8, BNN_ROW_ALIGN);
}

uint64_t bnn_weight_codebook_indices(const uint32_t *words)
{
	return align(8ull << bnn_field_get(words, BNN_F_CONV_TAU), BNN_TENSOR_ALIGN);
}

uint64_t bnn_weight_count(const uint32_t *words)
{
	uint32_t groups = bnn_field_get(words, BNN_F_CONV_GROUPS);
	uint64_t k = groups ? bnn_field_get(words, BNN_F_CONV_CIN) / groups : 0;

	k *= bnn_field_get(words, BNN_F_CONV_KH) * bnn_field_get(words, BNN_F_CONV_KW);
	return k * bnn_field_get(words, BNN_F_CONV_COUT);
}

uint64_t bnn_weight_stored_bits(const uint32_t *words)
{
	uint32_t p = bnn_field_get(words, BNN_F_CONV_TILE_P);
	uint32_t tau = bnn_field_get(words, BNN_F_CONV_TAU);
	uint64_t taps =
		(uint64_t)bnn_field_get(words, BNN_F_CONV_KH) * bnn_field_get(words, BNN_F_CONV_KW);
	uint64_t count = bnn_weight_count(words);

	switch (bnn_field_get(words, BNN_F_CONV_WMODE)) {
	case BNN_WMODE_CODEBOOK:
		return (taps << tau) + (taps ? count / taps * tau : 0);
	case BNN_WMODE_TILED:
	case BNN_WMODE_TILED_FLAT:
		count = p ? count / p : 0;
		break;
	}
	return count * bnn_wformat_bits(bnn_field_get(words, BNN_F_CONV_WFORMAT));
}

uint64_t bnn_weight_bytes(const uint32_t *words)
{
	uint64_t taps =
		(uint64_t)bnn_field_get(words, BNN_F_CONV_KH) * bnn_field_get(words, BNN_F_CONV_KW);
	uint64_t indices;

	switch (bnn_field_get(words, BNN_F_CONV_WMODE)) {
	case BNN_WMODE_CODEBOOK:
		indices = taps ? bnn_weight_count(words) / taps : 0;
		return bnn_weight_codebook_indices(words) +
		       (indices * bnn_field_get(words, BNN_F_CONV_TAU) + 7) / 8;
	case BNN_WMODE_TILED_FLAT:
		return (bnn_weight_stored_bits(words) + 7) / 8;
	default:
		return bnn_weight_rows(words) * bnn_weight_row_bytes(words);
	}
}

/* Size of an output of windows; 0 if not even one fits. */
static uint32_t windows(uint32_t in, uint32_t pad, uint32_t kernel, uint32_t stride)
{
	return in + pad < kernel || !stride ? 0 : (in + pad - kernel) / stride + 1;
}

void bnn_command_output(const uint32_t *words, uint32_t *oh, uint32_t *ow)
{
	/* H and W are the same bits in every command that has them. */
	uint32_t h = bnn_field_get(words, BNN_F_CONV_H);
	uint32_t w = bnn_field_get(words, BNN_F_CONV_W);

	switch (words[0] & 0xff) {
	case BNN_CMD_CONV:
		*oh = windows(h,
			      bnn_field_get(words, BNN_F_CONV_PAD_T) +
				      bnn_field_get(words, BNN_F_CONV_PAD_B),
			      bnn_field_get(words, BNN_F_CONV_DH) *
					      (bnn_field_get(words, BNN_F_CONV_KH) - 1) +
				      1,
			      bnn_field_get(words, BNN_F_CONV_SH));
		*ow = windows(w,
			      bnn_field_get(words, BNN_F_CONV_PAD_L) +
				      bnn_field_get(words, BNN_F_CONV_PAD_R),
			      bnn_field_get(words, BNN_F_CONV_DW) *
					      (bnn_field_get(words, BNN_F_CONV_KW) - 1) +
				      1,
			      bnn_field_get(words, BNN_F_CONV_SW));
		break;
	case BNN_CMD_POOL:
		*oh = windows(h,
			      bnn_field_get(words, BNN_F_POOL_PAD_T) +
				      bnn_field_get(words, BNN_F_POOL_PAD_B),
			      bnn_field_get(words, BNN_F_POOL_KH),
			      bnn_field_get(words, BNN_F_POOL_SH));
		*ow = windows(w,
			      bnn_field_get(words, BNN_F_POOL_PAD_L) +
				      bnn_field_get(words, BNN_F_POOL_PAD_R),
			      bnn_field_get(words, BNN_F_POOL_KW),
			      bnn_field_get(words, BNN_F_POOL_SW));
		break;
	case BNN_CMD_AGGREGATE:
		*oh = bnn_field_get(words, BNN_F_AGGREGATE_OH);
		*ow = bnn_field_get(words, BNN_F_AGGREGATE_OW);
		break;
	default:
		*oh = h;
		*ow = w;
	}
}

bool bnn_command_is_host(const uint32_t *words)
{
	return (words[0] & 0xff) >= BNN_HOST_OPCODE;
}

uint64_t bnn_graph_bytes(const uint32_t *words)
{
	uint64_t nodes = (uint64_t)bnn_field_get(words, BNN_F_AGGREGATE_OH) *
			 bnn_field_get(words, BNN_F_AGGREGATE_OW);

	return 4 * (nodes + 1 + bnn_field_get(words, BNN_F_AGGREGATE_EDGES));
}

bool bnn_command_needs_param(const uint32_t *words)
{
	uint32_t op = words[0] & 0xff;
	uint32_t outp = bnn_field_get(words, BNN_F_CONV_OUTP_FORMAT);

	if (op != BNN_CMD_CONV && op != BNN_CMD_EW)
		return false;
	return bnn_field_get(words, BNN_F_CONV_P1) || bnn_field_get(words, BNN_F_CONV_P2) ||
	       (op == BNN_CMD_CONV && bnn_field_get(words, BNN_F_CONV_FRAC)) ||
	       outp == BNN_FORMAT_B1 || outp == BNN_FORMAT_O2;
}

static void tensor(struct bnn_slot_info *info, bool write, uint32_t word, uint32_t h, uint32_t w,
		   uint32_t c)
{
	info->kind = BNN_SLOT_TENSOR;
	info->write = write;
	info->format = word >> 6 & 31;
	info->h = h;
	info->w = w;
	info->c = c;
	info->bytes = bnn_tensor_bytes(info->format, h, w, c);
}

static void vector(struct bnn_slot_info *info, bool write, uint64_t bytes)
{
	info->kind = BNN_SLOT_VECTOR;
	info->write = write;
	info->bytes = bytes;
}

static void describe_pipe(const uint32_t *words, enum bnn_slot slot, struct bnn_slot_info *info)
{
	uint32_t cout = bnn_field_get(words, BNN_F_CONV_COUT);
	uint32_t word = bnn_slot_word[slot] + 1;
	uint32_t options = words[slot == BNN_SLOT_RES1 ? 7 : 8];
	uint32_t oh, ow;
	bool win;

	bnn_command_output(words, &oh, &ow);
	switch (slot) {
	case BNN_SLOT_OUTP:
	case BNN_SLOT_OUTS:
		if (words[word] >> 6 & 31)
			tensor(info, true, words[word], oh, ow, cout);
		break;
	case BNN_SLOT_RES1:
	case BNN_SLOT_RES2:
		win = options >> 14 & 1;
		if (words[word] >> 6 & 31)
			tensor(info, false, words[word], oh << win, ow << win, options & 0x3fff);
		break;
	case BNN_SLOT_PARAM:
		if (bnn_command_needs_param(words))
			vector(info, false,
			       cout * (bnn_field_get(words, BNN_F_CONV_NARROW)
					       ? BNN_SIZEOF_PARAM_NARROW
					       : BNN_SIZEOF_PARAM));
		break;
	case BNN_SLOT_SUM:
		if (bnn_field_get(words, BNN_F_CONV_SUM_EN))
			vector(info, true, 4ull * cout);
		break;
	default:
		break;
	}
}

/* Bytes of the vector that a host command reads beside its input; 0: none in this slot. */
static uint64_t host_vector(const uint32_t *words, enum bnn_slot slot)
{
	uint32_t op = words[0] & 0xff;

	if (op == BNN_CMD_NORMALISE)
		return slot == BNN_SLOT_PARAM
			       ? (uint64_t)bnn_field_get(words, BNN_F_NORMALISE_C) * BNN_SIZEOF_NORM
			       : 0;
	if (slot != BNN_SLOT_WEIGHT)
		return 0;
	if (op == BNN_CMD_AGGREGATE)
		return bnn_graph_bytes(words) +
		       (bnn_field_get(words, BNN_F_AGGREGATE_WEIGHTED)
				? 2ull * bnn_field_get(words, BNN_F_AGGREGATE_EDGES)
				: 0);
	/* SHIFT is the same bits in both */
	return 2 * ((65536ull >> bnn_field_get(words, BNN_F_TABLE_SHIFT)) + 1);
}

/* H, W, C, IN and OUT are the same bits in all of them. */
static void describe_host(const uint32_t *words, enum bnn_slot slot, struct bnn_slot_info *info)
{
	uint32_t c = bnn_field_get(words, BNN_F_TABLE_C), oh, ow;
	uint64_t bytes;

	if (slot == BNN_SLOT_IN) {
		tensor(info, false, words[12], bnn_field_get(words, BNN_F_TABLE_H),
		       bnn_field_get(words, BNN_F_TABLE_W), c);
		return;
	}
	if (slot == BNN_SLOT_OUTP) {
		bnn_command_output(words, &oh, &ow);
		tensor(info, true, words[19], oh, ow, c);
		return;
	}
	bytes = host_vector(words, slot);
	if (bytes)
		vector(info, false, bytes);
}

void bnn_slot_describe(const uint32_t *words, enum bnn_slot slot, struct bnn_slot_info *info)
{
	uint32_t h = bnn_field_get(words, BNN_F_CONV_H);
	uint32_t w = bnn_field_get(words, BNN_F_CONV_W);
	uint32_t c = bnn_field_get(words, BNN_F_CONV_CIN);
	uint32_t n, oh, ow;

	*info = (struct bnn_slot_info){ .kind = BNN_SLOT_UNUSED };
	switch (words[0] & 0xff) {
	case BNN_CMD_ENC:
		if (slot == BNN_SLOT_IN) {
			vector(info, false, (uint64_t)h * w * c);
		} else if (slot == BNN_SLOT_WEIGHT) {
			vector(info, false,
			       bnn_field_get(words, BNN_F_ENC_SHARED) ? 256 : 256ull * c);
		} else if (slot == BNN_SLOT_OUTP) {
			n = bnn_field_get(words, BNN_F_ENC_MODE);
			n = n == 0 ? 1 : n == 1 ? bnn_field_get(words, BNN_F_ENC_LEVELS) : 8;
			tensor(info, true, words[19], h, w, n * c);
		}
		break;
	case BNN_CMD_PREFETCH:
		if (slot == BNN_SLOT_WEIGHT)
			vector(info, false, bnn_field_get(words, BNN_F_PREFETCH_BYTES));
		break;
	case BNN_CMD_GATEFOLD:
		if (slot == BNN_SLOT_IN)
			vector(info, false, 2ull * c);
		else if (slot == BNN_SLOT_PARAM || slot == BNN_SLOT_OUTP)
			vector(info, slot == BNN_SLOT_OUTP, (uint64_t)c * BNN_SIZEOF_PARAM);
		break;
	case BNN_CMD_CONV:
		if (slot == BNN_SLOT_IN)
			tensor(info, false, words[12], h, w, c);
		else if (slot == BNN_SLOT_WEIGHT)
			vector(info, false, bnn_weight_bytes(words));
		else
			describe_pipe(words, slot, info);
		break;
	case BNN_CMD_EW:
		if (slot == BNN_SLOT_IN)
			tensor(info, false, words[12], h, w, bnn_field_get(words, BNN_F_EW_COUT));
		else
			describe_pipe(words, slot, info);
		break;
	case BNN_CMD_POOL:
		if (slot == BNN_SLOT_IN) {
			tensor(info, false, words[12], h, w, c);
		} else if (slot == BNN_SLOT_OUTP) {
			n = bnn_field_get(words, BNN_F_POOL_GROUP);
			bnn_command_output(words, &oh, &ow);
			tensor(info, true, words[19], oh, ow, n ? c / n : 0);
		}
		break;
	case BNN_CMD_TRANSPOSE:
		if (slot == BNN_SLOT_IN)
			tensor(info, false, words[12], h, w, c);
		else if (slot == BNN_SLOT_OUTP)
			tensor(info, true, words[19], 1, c, h * w);
		break;
	case BNN_CMD_NORMALISE:
	case BNN_CMD_TABLE:
	case BNN_CMD_SOFTMAX:
	case BNN_CMD_AGGREGATE:
		describe_host(words, slot, info);
		break;
	}
}
