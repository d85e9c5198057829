// SPDX-License-Identifier: MIT
/*
 * Cost of a command from its shape. Coarse on purpose: it only decides how many
 * images go into a job and how large its cycle budget is.
 */
#include "compile.h"
#include "refs.h"

/* Cycles per command in which the array waits for the first data. */
#define START_CYCLES 150
#define BUS_BYTES 16

static uint64_t div_up(uint64_t x, uint64_t y)
{
	return (x + y - 1) / y;
}

/* Taps of all output positions along one axis that lie inside the input. */
static uint64_t present_taps(uint32_t out, uint32_t size, uint32_t kernel, uint32_t stride,
			     uint32_t dilation, uint32_t before)
{
	uint64_t taps = 0;

	for (uint32_t o = 0; o < out; o++)
		for (uint32_t k = 0; k < kernel; k++) {
			int64_t pos = (int64_t)o * stride + (int64_t)k * dilation - before;

			taps += pos >= 0 && pos < size;
		}
	return taps;
}

static void add_conv(const uint32_t *words, uint32_t lanes, uint32_t lane_bits,
		     struct bnn_estimate *estimate, uint64_t *busy)
{
	unsigned int format = bnn_ref_format(words, bnn_slot_word[BNN_SLOT_IN]);
	uint64_t planes = (uint64_t)bnn_format_width(format) *
			  bnn_wformat_bits(bnn_field_get(words, BNN_F_CONV_WFORMAT));
	uint64_t groups = bnn_field_get(words, BNN_F_CONV_GROUPS);
	uint64_t cin = bnn_field_get(words, BNN_F_CONV_CIN) / groups;
	uint64_t cout = bnn_field_get(words, BNN_F_CONV_COUT), rows;
	uint32_t kh = bnn_field_get(words, BNN_F_CONV_KH), kw = bnn_field_get(words, BNN_F_CONV_KW);
	uint32_t oh, ow;
	uint64_t taps, macs;

	if (bnn_field_get(words, BNN_F_CONV_WMODE) == BNN_WMODE_TILED)
		cout /= bnn_field_get(words, BNN_F_CONV_TILE_P);
	bnn_command_output(words, &oh, &ow);
	taps = present_taps(oh, bnn_field_get(words, BNN_F_CONV_H), kh,
			    bnn_field_get(words, BNN_F_CONV_SH),
			    bnn_field_get(words, BNN_F_CONV_DH),
			    bnn_field_get(words, BNN_F_CONV_PAD_T)) *
	       present_taps(ow, bnn_field_get(words, BNN_F_CONV_W), kw,
			    bnn_field_get(words, BNN_F_CONV_SW),
			    bnn_field_get(words, BNN_F_CONV_DW),
			    bnn_field_get(words, BNN_F_CONV_PAD_L));
	macs = taps * cin * cout * planes;
	/* Groups of few channels leave lanes idle. */
	rows = groups * div_up(div_up(cout, groups), lanes);
	*busy = (uint64_t)oh * ow * rows * div_up((uint64_t)kh * kw * cin, lane_bits) * planes;
	if (bnn_field_get(words, BNN_F_CONV_FRAC)) {
		/* One pass always, the other where a gate is open. */
		macs = macs / 2 + macs / 4;
		*busy -= *busy / 4;
	}
	estimate->macs += macs;
}

void bnn_estimate_command(const uint32_t *words, const struct bnn_target *target,
			  struct bnn_estimate *estimate)
{
	uint32_t lanes = target->caps_array & BNN_CAPS_ARRAY_LANES;
	uint32_t lane_bits =
		(target->caps_array & BNN_CAPS_ARRAY_LANE_BITS) >> BNN_CAPS_ARRAY_LANE_BITS_SHIFT;
	uint32_t post =
		(target->caps_array & BNN_CAPS_ARRAY_POST_LANES) >> BNN_CAPS_ARRAY_POST_LANES_SHIFT;
	struct bnn_ref refs[BNN_SLOTS];
	unsigned int count = bnn_command_refs(words, refs);
	uint64_t busy = 0, post_busy = 0, bytes = BNN_COMMAND_BYTES, transfer;

	for (unsigned int i = 0; i < count; i++) {
		bytes += refs[i].payload;
		if (refs[i].tensor) {
			uint64_t elements = (uint64_t)refs[i].h * refs[i].w * refs[i].c;

			elements = div_up(elements, post ? post : 1);
			if (refs[i].write && elements > post_busy)
				post_busy = elements;
		}
	}
	if (bnn_opcode(words) == BNN_CMD_CONV)
		add_conv(words, lanes ? lanes : 1, lane_bits ? lane_bits : 1, estimate, &busy);
	transfer = div_up(bytes, BUS_BYTES);
	if (post_busy > busy)
		busy = post_busy;
	estimate->bytes += bytes;
	estimate->cycles += START_CYCLES + (busy > transfer ? busy : transfer);
}
