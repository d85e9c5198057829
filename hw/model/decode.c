/* SPDX-License-Identifier: MIT */
/*
 * A command's 32 words to struct command, or to the first fault in the order of
 * docs/arithmetic.md, section 8. After this every extent is known to lie in its
 * region, and every shape to be within its limits.
 */
#include <string.h>

#include "core.h"

bool fault_word(struct bnn_core *core, uint32_t status, uint32_t detail, uint32_t word)
{
	core->fault = (struct fault){
		.status = status, .detail = detail, .word = word, .has_word = true
	};
	return false;
}

/* Faults are told to the page: which of its bytes was first depends on the core. */
bool fault_access(struct bnn_core *core, uint32_t status, const struct ref *r, uint64_t va)
{
	core->fault = (struct fault){
		.status = status,
		.access = r->region | (uint32_t)r->stream << BNN_COMPLETION_ACCESS_STREAM_SHIFT |
			  (r->write ? BNN_COMPLETION_ACCESS_WRITE : 0),
		.va = va & ~(uint64_t)(BNN_PAGE_SIZE - 1),
	};
	return false;
}

static bool fault_ref(struct bnn_core *core, uint32_t status, const struct ref *r)
{
	fault_access(core, status, r, 0);
	core->fault.word = r->word;
	core->fault.has_word = true;
	return false;
}

static bool bad_field(struct bnn_core *core, uint32_t detail, uint32_t word)
{
	return fault_word(core, BNN_STATUS_BAD_FIELD, detail, word);
}

/* Step 2: reserved bits and ranges, word by word. */
static bool check_fields(struct bnn_core *core, const struct command *cmd)
{
	const struct bnn_command *info = cmd->info;
	unsigned next = info->first, last = info->first + info->count;

	for (unsigned w = 0; w < 32; w++) {
		if (cmd->words[w] & ~info->claimed[w])
			return bad_field(core, BNN_DETAIL_RESERVED, w);
		for (; next < last && bnn_fields[next].word == w; next++) {
			uint32_t v = bnn_field_get(cmd->words, (enum bnn_field_id)next);

			if (v < bnn_fields[next].min || v > bnn_fields[next].max)
				return bad_field(core, bnn_fields[next].detail, w);
		}
	}
	return true;
}

#define GET(field) bnn_field_get(cmd->words, BNN_F_##field)

/* Output size of a window; 0 if there is none. */
static uint32_t output_size(uint32_t in, uint32_t pads, uint32_t kernel, uint32_t stride)
{
	return in + pads < kernel ? 0 : (in + pads - kernel) / stride + 1;
}

static bool check_pads(struct bnn_core *core, struct command *cmd, uint32_t b, uint32_t r)
{
	uint32_t kh = cmd->dh * (cmd->kh - 1) + 1, kw = cmd->dw * (cmd->kw - 1) + 1;

	if (cmd->pad_t >= kh || b >= kh || cmd->pad_l >= kw || r >= kw)
		return bad_field(core, BNN_DETAIL_PAD, 4);
	cmd->oh = output_size(cmd->h, cmd->pad_t + b, kh, cmd->sh);
	cmd->ow = output_size(cmd->w, cmd->pad_l + r, kw, cmd->sw);
	if (!cmd->oh || !cmd->ow || cmd->oh > BNN_SIZE_MAX || cmd->ow > BNN_SIZE_MAX)
		return bad_field(core, BNN_DETAIL_PAD, 4);
	return true;
}

static bool conv_input(const struct format *f)
{
	return f->exists && f != &formats[BNN_FORMAT_E_U16] && f != &formats[BNN_FORMAT_E_S32];
}

static bool check_conv(struct bnn_core *core, struct command *cmd)
{
	uint32_t groups = GET(CONV_GROUPS), tile_p = GET(CONV_TILE_P), tau = GET(CONV_TAU);
	uint32_t mode = GET(CONV_WMODE), wformat = GET(CONV_WFORMAT);
	bool tiled = mode == WMODE_TILED, flat = mode == WMODE_TILED_FLAT;
	const struct format *in = &formats[GET(CONV_IN_FORMAT)];
	uint64_t k;

	cmd->cin = GET(CONV_CIN);
	cmd->cout = GET(CONV_COUT);
	if (cmd->cin % groups || cmd->cout % groups)
		return bad_field(core, BNN_DETAIL_KERNEL, 5);
	cmd->kh = GET(CONV_KH);
	cmd->kw = GET(CONV_KW);
	cmd->sh = GET(CONV_SH);
	cmd->sw = GET(CONV_SW);
	cmd->dh = GET(CONV_DH);
	cmd->dw = GET(CONV_DW);
	cmd->pad_t = GET(CONV_PAD_T);
	cmd->pad_l = GET(CONV_PAD_L);
	if (!check_pads(core, cmd, GET(CONV_PAD_B), GET(CONV_PAD_R)))
		return false;
	if ((tile_p != 0) != (tiled || flat) || (tau != 0) != (mode == WMODE_CODEBOOK))
		return bad_field(core, BNN_DETAIL_MODE, 5);
	k = (uint64_t)cmd->kh * cmd->kw * (cmd->cin / groups);
	if ((tiled && (cmd->cout % tile_p || groups != 1)) || (flat && cmd->cout * k % tile_p) ||
	    (mode == WMODE_CODEBOOK && wformat != BNN_WFORMAT_B1))
		return bad_field(core, BNN_DETAIL_MODE, 5);
	if (GET(CONV_FRAC) && (in != &formats[BNN_FORMAT_O2] || wformat != BNN_WFORMAT_B1))
		return bad_field(core, BNN_DETAIL_MODE, 0);
	if (k > 32767 ||
	    (conv_input(in) && k * format_max(in) * format_max(&wformats[wformat]) > INT32_MAX))
		return bad_field(core, BNN_DETAIL_ACC_RANGE, 2);
	cmd->k = (uint32_t)k;
	cmd->rows = tiled ? cmd->cout / tile_p : cmd->cout;
	cmd->row_bytes = (uint32_t)align_u64(
		(uint64_t)cmd->kh * cmd->kw *
			align_u64((uint64_t)cmd->cin / groups * wformats[wformat].bits, 16) / 8,
		16);
	return true;
}

static bool check_residual(struct bnn_core *core, const struct command *cmd, uint32_t word,
			   uint32_t format, uint32_t channels)
{
	if (format ? !channels : cmd->words[word] != 0)
		return bad_field(core, BNN_DETAIL_RANGE, word);
	return true;
}

/* The pipe's fields lie at the same places in CONV and EW. */
static bool check_pipe(struct bnn_core *core, struct command *cmd)
{
	uint32_t outp = GET(CONV_OUTP_FORMAT), outs = GET(CONV_OUTS_FORMAT);
	bool p1 = GET(CONV_P1), p2 = GET(CONV_P2);
	bool frac = cmd->info->opcode == BNN_CMD_CONV && GET(CONV_FRAC);

	if ((GET(CONV_P1_POW2) && !p1) || (GET(CONV_P2_POW2) && !p2))
		return bad_field(core, BNN_DETAIL_MODE, 0);
	if (GET(CONV_NARROW) &&
	    (p1 || p2 || frac || (outp != BNN_FORMAT_NONE && outp != BNN_FORMAT_B1)))
		return bad_field(core, BNN_DETAIL_MODE, 0);
	if (!outp && !outs && !GET(CONV_SUM_EN))
		return bad_field(core, BNN_DETAIL_MODE, 0);
	cmd->record = p1 || p2 || frac || outp == BNN_FORMAT_B1 || outp == BNN_FORMAT_O2;
	return check_residual(core, cmd, 7, GET(CONV_RES1_FORMAT), GET(CONV_RES1_C)) &&
	       check_residual(core, cmd, 8, GET(CONV_RES2_FORMAT), GET(CONV_RES2_C));
}

static bool check_pool(struct bnn_core *core, struct command *cmd)
{
	cmd->cin = GET(POOL_CIN);
	if (cmd->cin % GET(POOL_GROUP))
		return bad_field(core, BNN_DETAIL_SHAPE, 2);
	cmd->cout = cmd->cin / GET(POOL_GROUP);
	cmd->kh = GET(POOL_KH);
	cmd->kw = GET(POOL_KW);
	cmd->sh = GET(POOL_SH);
	cmd->sw = GET(POOL_SW);
	cmd->pad_t = GET(POOL_PAD_T);
	cmd->pad_l = GET(POOL_PAD_L);
	if (!check_pads(core, cmd, GET(POOL_PAD_B), GET(POOL_PAD_R)))
		return false;
	if ((GET(POOL_DIV) != 0) != (GET(POOL_MODE) == POOL_AVG))
		return bad_field(core, BNN_DETAIL_RANGE, 5);
	if (GET(POOL_OUT_FORMAT) != GET(POOL_IN_FORMAT))
		return bad_field(core, BNN_DETAIL_FORMAT, 19);
	return true;
}

static bool check_encode(struct bnn_core *core, struct command *cmd)
{
	uint32_t mode = GET(ENC_MODE), levels = GET(ENC_LEVELS);

	cmd->cin = GET(ENC_COLOURS);
	cmd->cout = mode == ENC_VALUE	 ? cmd->cin
		    : mode == ENC_THERMO ? cmd->cin * levels
					 : cmd->cin * 8;
	if ((levels != 0) != (mode == ENC_THERMO) || cmd->cout > BNN_CHANNELS_MAX)
		return bad_field(core, BNN_DETAIL_SHAPE, 2);
	return true;
}

static bool check_transpose(struct bnn_core *core, struct command *cmd)
{
	cmd->cin = GET(TRANSPOSE_C);
	if (cmd->h * cmd->w > BNN_CHANNELS_MAX)
		return bad_field(core, BNN_DETAIL_SHAPE, 1);
	if (GET(TRANSPOSE_OUT_FORMAT) != GET(TRANSPOSE_IN_FORMAT))
		return bad_field(core, BNN_DETAIL_FORMAT, 19);
	return true;
}

/* Step 3. */
static bool check_rules(struct bnn_core *core, struct command *cmd)
{
	cmd->kh = cmd->kw = cmd->sh = cmd->sw = cmd->dh = cmd->dw = 1;
	switch (cmd->info->opcode) {
	case BNN_CMD_ENC:
	case BNN_CMD_CONV:
	case BNN_CMD_EW:
	case BNN_CMD_POOL:
	case BNN_CMD_TRANSPOSE:
		cmd->h = cmd->oh = GET(CONV_H);
		cmd->w = cmd->ow = GET(CONV_W);
		break;
	}
	switch (cmd->info->opcode) {
	case BNN_CMD_ENC:
		return check_encode(core, cmd);
	case BNN_CMD_GATEFOLD:
		cmd->cout = GET(GATEFOLD_C);
		return true;
	case BNN_CMD_CONV:
		return check_conv(core, cmd) && check_pipe(core, cmd);
	case BNN_CMD_EW:
		cmd->cin = cmd->cout = GET(EW_COUT);
		return check_pipe(core, cmd);
	case BNN_CMD_POOL:
		return check_pool(core, cmd);
	case BNN_CMD_TRANSPOSE:
		return check_transpose(core, cmd);
	default:
		return true;
	}
}

/* ---- step 4 ------------------------------------------------------------ */

static const uint8_t slot_word[REF_COUNT] = { 11, 14, 16, 18, 21, 24, 27, 30 };

static struct ref *new_ref(struct command *cmd, enum ref_slot slot, enum stream stream)
{
	struct ref *r = &cmd->ref[slot];

	r->used = true;
	r->word = slot_word[slot];
	r->stream = stream;
	r->write = stream == STREAM_OUTPUT;
	return r;
}

static bool check_region(struct bnn_core *core, const struct command *cmd, struct ref *r)
{
	r->region = cmd->words[r->word + 1] & 63;
	return r->region < BNN_REGIONS || r->region == BNN_REGION_ONCHIP ||
	       bad_field(core, BNN_DETAIL_REGION, r->word + 1);
}

static bool check_extent(struct bnn_core *core, const struct command *cmd, struct ref *r)
{
	const struct job *job = &core->job;
	const struct region *g;
	uint64_t end = cmd->words[r->word] + r->extent;

	if (r->region == BNN_REGION_ONCHIP) {
		r->base = cmd->words[r->word];
		return end <= core->act_bytes || fault_ref(core, BNN_STATUS_BAD_ONCHIP, r);
	}
	g = &job->region[r->region];
	if (end > g->size)
		return fault_ref(core, BNN_STATUS_BAD_BOUNDS, r);
	if (r->region == 0 || !(g->access & (r->write ? BNN_REGION_ACCESS_W : BNN_REGION_ACCESS_R)))
		return fault_ref(core, BNN_STATUS_BAD_ACCESS, r);
	r->base = g->va + g->stride * job->iteration + cmd->words[r->word];
	return true;
}

static bool vector(struct bnn_core *core, struct command *cmd, enum ref_slot slot,
		   enum stream stream, uint64_t extent, uint32_t align)
{
	struct ref *r = new_ref(cmd, slot, stream);

	r->extent = extent;
	if (!check_region(core, cmd, r))
		return false;
	if (cmd->words[r->word] % align)
		return bad_field(core, BNN_DETAIL_ALIGN, r->word);
	return check_extent(core, cmd, r);
}

/* The words of a reference that is not used. */
static bool unused(struct bnn_core *core, const struct command *cmd, enum ref_slot slot,
		   uint32_t words)
{
	for (uint32_t w = slot_word[slot]; w < slot_word[slot] + words; w++)
		if (cmd->words[w])
			return bad_field(core, BNN_DETAIL_RESERVED, w);
	return true;
}

static bool optional_vector(struct bnn_core *core, struct command *cmd, bool used,
			    enum ref_slot slot, enum stream stream, uint64_t extent)
{
	return used ? vector(core, cmd, slot, stream, extent, BNN_TENSOR_ALIGN)
		    : unused(core, cmd, slot, 2);
}

#define ONE(name) (1u << BNN_FORMAT_##name)
enum {
	PLANES = ONE(B1) | ONE(O2) | ONE(O4) | ONE(O8) | ONE(U4) | ONE(U8) | ONE(S4) | ONE(S8) |
		 ONE(S16),
	ELEMENTS = ONE(E_O4) | ONE(E_U4) | ONE(E_S4) | ONE(E_U8) | ONE(E_S8) | ONE(E_U16) |
		   ONE(E_S16) | ONE(E_S32),
	RESIDUALS = ONE(E_O4) | ONE(E_U8) | ONE(E_S8) | ONE(E_S16),
	CODES = (PLANES | ELEMENTS) & ~(ONE(S16) | ONE(E_U16) | ONE(E_S16) | ONE(E_S32)),
	SUMS = ONE(E_S8) | ONE(E_U8) | ONE(E_S16) | ONE(E_S32),
	WHOLE_BYTES = ONE(E_U8) | ONE(E_S8) | ONE(E_U16) | ONE(E_S16) | ONE(E_S32),
	OR_NONE = ONE(NONE)
};

static bool tensor(struct bnn_core *core, struct command *cmd, enum ref_slot slot,
		   enum stream stream, uint32_t legal, uint32_t h, uint32_t w, uint32_t c)
{
	uint32_t word = slot_word[slot], pixel = cmd->words[word + 2] * 2;
	uint32_t code = cmd->words[word + 1] >> 6 & 31;
	const struct format *f = &formats[code];
	struct ref *r;

	if (!(legal >> code & 1))
		return bad_field(core, BNN_DETAIL_FORMAT, word + 1);
	if (!code)
		return unused(core, cmd, slot, 3);
	r = new_ref(cmd, slot, stream);
	r->format = (uint8_t)code;
	r->h = h;
	r->w = w;
	r->c = c;
	r->natural = 2 * ((c * f->bits + 15) / 16);
	r->pixel = pixel ? pixel : r->natural;
	r->row = (uint64_t)(cmd->words[word + 1] >> 11) * BNN_ROW_ALIGN;
	r->plane = align_u64(r->row * h, BNN_TENSOR_ALIGN);
	r->extent = (f->planes - 1) * r->plane + (h - 1) * r->row + (uint64_t)(w - 1) * r->pixel +
		    r->natural;
	if (!check_region(core, cmd, r))
		return false;
	if (cmd->words[word] % (pixel ? 2 : BNN_TENSOR_ALIGN))
		return bad_field(core, BNN_DETAIL_ALIGN, word);
	if (r->pixel < r->natural)
		return bad_field(core, BNN_DETAIL_ALIGN, word + 2);
	if (r->row < (uint64_t)(w - 1) * r->pixel + r->natural)
		return bad_field(core, BNN_DETAIL_ALIGN, word + 1);
	return check_extent(core, cmd, r);
}

static bool residual(struct bnn_core *core, struct command *cmd, enum ref_slot slot,
		     uint32_t channels, bool win)
{
	return tensor(core, cmd, slot, STREAM_RESIDUAL, RESIDUALS | OR_NONE, cmd->oh << win,
		      cmd->ow << win, channels);
}

static bool pipe_refs(struct bnn_core *core, struct command *cmd)
{
	uint32_t record = GET(CONV_NARROW) ? BNN_SIZEOF_PARAM_NARROW : BNN_SIZEOF_PARAM;

	return optional_vector(core, cmd, cmd->record, REF_PARAM, STREAM_PARAMS,
			       (uint64_t)record * cmd->cout) &&
	       tensor(core, cmd, REF_OUTP, STREAM_OUTPUT, PLANES | OR_NONE, cmd->oh, cmd->ow,
		      cmd->cout) &&
	       tensor(core, cmd, REF_OUTS, STREAM_OUTPUT, ELEMENTS | OR_NONE, cmd->oh, cmd->ow,
		      cmd->cout) &&
	       residual(core, cmd, REF_RES1, GET(CONV_RES1_C), GET(CONV_RES1_WIN)) &&
	       residual(core, cmd, REF_RES2, GET(CONV_RES2_C), GET(CONV_RES2_WIN)) &&
	       optional_vector(core, cmd, GET(CONV_SUM_EN), REF_SUM, STREAM_OUTPUT,
			       4 * (uint64_t)cmd->cout);
}

static bool check_refs(struct bnn_core *core, struct command *cmd)
{
	uint32_t legal;

	switch (cmd->info->opcode) {
	case BNN_CMD_ENC:
		legal = GET(ENC_MODE) == ENC_VALUE ? CODES : ONE(B1);
		return vector(core, cmd, REF_IN, STREAM_INPUT, (uint64_t)cmd->h * cmd->w * cmd->cin,
			      1) &&
		       vector(core, cmd, REF_WEIGHT, STREAM_OTHER,
			      256 * (uint64_t)(GET(ENC_SHARED) ? 1 : cmd->cin), BNN_TENSOR_ALIGN) &&
		       tensor(core, cmd, REF_OUTP, STREAM_OUTPUT, legal, cmd->h, cmd->w, cmd->cout);
	case BNN_CMD_PREFETCH:
		return vector(core, cmd, REF_WEIGHT,
			      GET(PREFETCH_PARAMS) ? STREAM_PARAMS : STREAM_WEIGHTS,
			      GET(PREFETCH_BYTES), BNN_TENSOR_ALIGN);
	case BNN_CMD_GATEFOLD:
		return vector(core, cmd, REF_IN, STREAM_OTHER, 2 * (uint64_t)cmd->cout,
			      BNN_TENSOR_ALIGN) &&
		       vector(core, cmd, REF_PARAM, STREAM_PARAMS,
			      BNN_SIZEOF_PARAM * (uint64_t)cmd->cout, BNN_TENSOR_ALIGN) &&
		       vector(core, cmd, REF_OUTP, STREAM_OUTPUT,
			      BNN_SIZEOF_PARAM * (uint64_t)cmd->cout, BNN_TENSOR_ALIGN);
	case BNN_CMD_CONV:
		legal = (PLANES | ELEMENTS) & ~(ONE(E_U16) | ONE(E_S32));
		return tensor(core, cmd, REF_IN, STREAM_INPUT, legal, cmd->h, cmd->w, cmd->cin) &&
		       vector(core, cmd, REF_WEIGHT, STREAM_WEIGHTS, weights_extent(cmd),
			      BNN_TENSOR_ALIGN) &&
		       pipe_refs(core, cmd);
	case BNN_CMD_EW:
		return tensor(core, cmd, REF_IN, STREAM_INPUT, PLANES | ELEMENTS, cmd->h, cmd->w,
			      cmd->cin) &&
		       pipe_refs(core, cmd);
	case BNN_CMD_POOL:
		legal = GET(POOL_MODE) == POOL_AVG ? SUMS : SUMS | ONE(B1);
		return tensor(core, cmd, REF_IN, STREAM_INPUT, legal, cmd->h, cmd->w, cmd->cin) &&
		       tensor(core, cmd, REF_OUTP, STREAM_OUTPUT, legal, cmd->oh, cmd->ow,
			      cmd->cout);
	case BNN_CMD_TRANSPOSE:
		return tensor(core, cmd, REF_IN, STREAM_INPUT, WHOLE_BYTES, cmd->h, cmd->w,
			      cmd->cin) &&
		       tensor(core, cmd, REF_OUTP, STREAM_OUTPUT, WHOLE_BYTES, 1, cmd->cin,
			      cmd->h * cmd->w);
	default:
		return true;
	}
}

/* ---- step 5 ------------------------------------------------------------ */

static bool overlap(const struct ref *a, const struct ref *b)
{
	return (a->region == BNN_REGION_ONCHIP) == (b->region == BNN_REGION_ONCHIP) &&
	       a->base < b->base + b->extent && b->base < a->base + a->extent;
}

/* Whether OUTS is exactly the tensor in that slot, which may then be read in place. */
static bool in_place(const struct command *cmd, enum ref_slot slot)
{
	const uint32_t *a = &cmd->words[slot_word[REF_OUTS]], *b = &cmd->words[slot_word[slot]];

	if (memcmp(a, b, 3 * sizeof(*a)))
		return false;
	switch (slot) {
	case REF_IN:
		return cmd->info->opcode == BNN_CMD_EW;
	case REF_RES1:
		return !GET(CONV_RES1_WIN) && GET(CONV_RES1_C) == cmd->cout;
	case REF_RES2:
		return !GET(CONV_RES2_WIN) && GET(CONV_RES2_C) == cmd->cout;
	default:
		return false;
	}
}

static bool check_overlaps(struct bnn_core *core, const struct command *cmd)
{
	for (unsigned o = 0; o < REF_COUNT; o++) {
		const struct ref *out = &cmd->ref[o];

		if (!out->used || !out->write)
			continue;
		for (unsigned i = 0; i < REF_COUNT; i++) {
			const struct ref *r = &cmd->ref[i];

			if (!r->used || (r->write && i >= o) || !overlap(out, r) ||
			    (o == REF_OUTS && in_place(cmd, i)))
				continue;
			return fault_ref(core, BNN_STATUS_BAD_OVERLAP, out);
		}
	}
	return true;
}

bool decode(struct bnn_core *core, struct command *cmd)
{
	uint32_t opcode = cmd->words[0] & 0xff;

	cmd->info = NULL;
	memset(cmd->ref, 0, sizeof(cmd->ref));
	for (unsigned i = 0; i < BNN_COMMAND_COUNT; i++)
		if (bnn_commands[i].opcode == opcode)
			cmd->info = &bnn_commands[i];
	if (!cmd->info)
		return fault_word(core, BNN_STATUS_BAD_OPCODE, 0, 0);
	return check_fields(core, cmd) && check_rules(core, cmd) && check_refs(core, cmd) &&
	       check_overlaps(core, cmd);
}
