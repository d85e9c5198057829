// SPDX-License-Identifier: MIT
#include "constants.h"

#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "../error.h"
#include "compile.h"
#include "placement.h"

struct image {
	const struct bnn_net *net;
	const struct bnn_segment *segment;
	struct bnn_place *places;
	struct bnn_constants *out;
	int32_t *table; /* open addressing: value index or -1 */
	size_t mask;
};

static uint64_t hash_bytes(const uint8_t *data, uint64_t len)
{
	uint64_t h = 0xcbf29ce484222325ull ^ len;

	for (uint64_t i = 0; i < len; i++)
		h = (h ^ data[i]) * 0x100000001b3ull;
	return h ^ h >> 29;
}

/* The value with the same contents that already has a place, else NULL; enters v. */
static const struct bnn_place *find_or_enter(struct image *image, int32_t v)
{
	const struct bnn_value *value = &image->net->values[v];
	size_t i = hash_bytes(value->data, value->bytes) & image->mask;

	for (; image->table[i] >= 0; i = (i + 1) & image->mask) {
		const struct bnn_value *other = &image->net->values[image->table[i]];

		if (other->bytes == value->bytes && !memcmp(other->data, value->data, value->bytes))
			return &image->places[image->table[i]];
	}
	image->table[i] = v;
	return NULL;
}

static void place(struct image *image, int32_t v)
{
	const struct bnn_value *value = &image->net->values[v];
	const struct bnn_place *same;

	if (value->role != BNN_ROLE_CONST || image->places[v].region != BNN_PLACE_UNUSED)
		return;
	same = find_or_enter(image, v);
	if (same) {
		image->places[v] = *same;
		return;
	}
	image->places[v] = (struct bnn_place){ BNN_PROGRAM_CONSTANTS, image->out->bytes };
	image->out->bytes +=
		(value->bytes + BNN_TENSOR_ALIGN - 1) & ~(uint64_t)(BNN_TENSOR_ALIGN - 1);
}

static void place_slot(struct image *image, bool weights)
{
	for (size_t n = image->segment->first; n < image->segment->end; n++) {
		const struct bnn_node *node = &image->net->nodes[n];

		for (unsigned int s = 0; s < BNN_SLOTS; s++) {
			bool is_weight =
				s == BNN_SLOT_WEIGHT && (node->words[0] & 0xff) == BNN_CMD_CONV;

			if (is_weight == weights && node->ref[s] != BNN_NO_VALUE)
				place(image, node->ref[s]);
		}
	}
}

static void copy_values(struct image *image)
{
	for (size_t v = 0; v < image->net->value_count; v++) {
		const struct bnn_value *value = &image->net->values[v];

		if (value->role == BNN_ROLE_CONST && image->places[v].region != BNN_PLACE_UNUSED)
			memcpy(image->out->data + image->places[v].offset, value->data,
			       value->bytes);
	}
}

int bnn_constants_make(const struct bnn_net *net, const struct bnn_segment *segment,
		       struct bnn_place *places, struct bnn_constants *constants,
		       struct bnn_error *error)
{
	struct image image = {
		.net = net, .segment = segment, .places = places, .out = constants, .mask = 15
	};

	memset(constants, 0, sizeof(*constants));
	while (image.mask < 2 * net->value_count)
		image.mask = 2 * image.mask + 1;
	image.table = malloc((image.mask + 1) * sizeof(*image.table));
	if (!image.table)
		goto no_memory;
	memset(image.table, 0xff, (image.mask + 1) * sizeof(*image.table));
	place_slot(&image, true);
	constants->weight_bytes = constants->bytes;
	place_slot(&image, false);
	free(image.table);
	if (constants->bytes > BNN_SPACE_MAX)
		return bnn_fail(error, BNNACCEL_ERR_UNSUPPORTED,
				"the constants of network '%s' exceed the %u MiB of device memory "
				"a session may use",
				net->name, (unsigned int)(BNN_SPACE_MAX >> 20));
	constants->data = calloc(1, constants->bytes ? constants->bytes : 1);
	if (!constants->data)
		goto no_memory;
	copy_values(&image);
	return 0;
no_memory:
	return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for the constants of network '%s'",
			net->name);
}
