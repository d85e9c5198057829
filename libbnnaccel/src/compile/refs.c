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

const struct bnn_command *bnn_command_find(const uint32_t *words)
{
	for (unsigned int i = 0; i < BNN_ALL_COMMAND_COUNT; i++)
		if (bnn_commands[i].opcode == bnn_opcode(words))
			return &bnn_commands[i];
	return NULL;
}
