// SPDX-License-Identifier: MIT
#include "refs.h"

unsigned int bnn_command_refs(const uint32_t *words, struct bnn_ref refs[BNN_SLOTS])
{
	unsigned int count = 0;

	for (unsigned int slot = 0; slot < BNN_SLOTS; slot++) {
		struct bnn_slot_info info;
		struct bnn_ref *ref = &refs[count];

		bnn_slot_describe(words, (enum bnn_slot)slot, &info);
		if (info.kind == BNN_SLOT_UNUSED)
			continue;
		*ref = (struct bnn_ref){
			.slot = (enum bnn_slot)slot,
			.tensor = info.kind == BNN_SLOT_TENSOR,
			.write = info.write,
			.bytes = info.bytes,
			.payload = info.bytes,
		};
		if (ref->tensor) {
			ref->format = info.format;
			ref->h = info.h;
			ref->w = info.w;
			ref->c = info.c;
			ref->pitch = bnn_tensor_pitch(info.format, info.w, info.c);
			ref->payload = bnn_tensor_pixel(info.format, info.c) * info.h * info.w *
				       bnn_format_planes(info.format);
		}
		count++;
	}
	return count;
}

static unsigned int byte_counter(const uint32_t *words, const struct bnn_ref *ref)
{
	unsigned int opcode = bnn_opcode(words);

	if (ref->write)
		return BNN_COUNTER_BYTES_WRITTEN;
	/* Gates and records are what GATEFOLD works on. */
	if (opcode == BNN_CMD_GATEFOLD)
		return BNN_COUNTER_BYTES_ACT;
	switch (ref->slot) {
	case BNN_SLOT_IN:
		return BNN_COUNTER_BYTES_ACT;
	case BNN_SLOT_RES1:
	case BNN_SLOT_RES2:
		return BNN_COUNTER_BYTES_RESIDUAL;
	default: /* but for the table of ENC */
		return opcode == BNN_CMD_ENC ? BNN_COUNTERS : BNN_COUNTER_BYTES_WEIGHTS;
	}
}

void bnn_command_count_bytes(const uint32_t *words, uint64_t counters[BNN_COUNTERS])
{
	struct bnn_ref refs[BNN_SLOTS];
	unsigned int count = 0;

	counters[BNN_COUNTER_BYTES_COMMANDS] += BNN_COMMAND_BYTES;
	if (bnn_opcode(words) != BNN_CMD_PREFETCH)
		count = bnn_command_refs(words, refs);
	for (unsigned int i = 0; i < count; i++) {
		unsigned int id = byte_counter(words, &refs[i]);

		if (id < BNN_COUNTERS &&
		    bnn_ref_region(words, bnn_slot_word[refs[i].slot]) != BNN_REGION_ONCHIP)
			counters[id] += refs[i].payload;
	}
}

const struct bnn_command *bnn_command_find(const uint32_t *words)
{
	for (unsigned int i = 0; i < BNN_ALL_COMMAND_COUNT; i++)
		if (bnn_commands[i].opcode == bnn_opcode(words))
			return &bnn_commands[i];
	return NULL;
}
