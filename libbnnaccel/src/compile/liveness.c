// SPDX-License-Identifier: MIT
#include "liveness.h"

#include <stdlib.h>

#include "refs.h"

static bool is_temp(const struct bnn_net *net, int32_t value)
{
	return value != BNN_NO_VALUE && net->values[value].role == BNN_ROLE_TEMP;
}

static const struct bnn_ref *find_ref(const struct bnn_ref *refs, unsigned int count,
				      enum bnn_slot slot)
{
	for (unsigned int i = 0; i < count; i++)
		if (refs[i].slot == slot)
			return &refs[i];
	return NULL;
}

static bool same_layout(const struct bnn_ref *a, const struct bnn_ref *b)
{
	return a->tensor && b->tensor && a->format == b->format && a->h == b->h && a->w == b->w &&
	       a->c == b->c;
}

/*
 * A command may write OUTS over a residual, or EW over its input, if both have
 * the same three words (docs/arithmetic.md, section 8). Every other use of that
 * memory by the same command would be an overlap.
 */
static bool may_replace(const struct bnn_node *node, const struct bnn_ref *refs, unsigned int count,
			const struct bnn_ref *outs, int32_t old)
{
	for (unsigned int i = 0; i < count; i++) {
		enum bnn_slot slot = refs[i].slot;

		if (node->ref[slot] != old)
			continue;
		if (slot != BNN_SLOT_RES1 && slot != BNN_SLOT_RES2 &&
		    !(slot == BNN_SLOT_IN && bnn_opcode(node->words) == BNN_CMD_EW))
			return false;
		if (!same_layout(&refs[i], outs))
			return false;
	}
	return true;
}

/* Gives OUTS the memory of an operand that nobody needs afterwards. */
static void merge_in_place(const struct bnn_net *net, uint32_t index, struct bnn_life *lives)
{
	static const enum bnn_slot operands[] = { BNN_SLOT_RES1, BNN_SLOT_RES2, BNN_SLOT_IN };
	const struct bnn_node *node = &net->nodes[index];
	struct bnn_ref refs[BNN_SLOTS];
	unsigned int count = bnn_command_refs(node->words, refs);
	const struct bnn_ref *outs = find_ref(refs, count, BNN_SLOT_OUTS);
	int32_t fresh = node->ref[BNN_SLOT_OUTS];

	if (!outs || !is_temp(net, fresh) || lives[fresh].first != index ||
	    lives[fresh].buffer != fresh)
		return;
	for (unsigned int i = 0; i < sizeof(operands) / sizeof(operands[0]); i++) {
		const struct bnn_ref *in = find_ref(refs, count, operands[i]);
		int32_t old = in ? node->ref[operands[i]] : BNN_NO_VALUE;
		struct bnn_life *into;

		if (!is_temp(net, old) || old == fresh)
			continue;
		into = &lives[lives[old].buffer];
		if (lives[old].last != index || into->last != index ||
		    !may_replace(node, refs, count, outs, old) ||
		    net->values[old].bytes != net->values[fresh].bytes)
			continue;
		into->last = lives[fresh].last;
		into->accesses += lives[fresh].accesses;
		lives[fresh].buffer = lives[old].buffer;
		return;
	}
}

struct bnn_life *bnn_liveness(const struct bnn_net *net)
{
	struct bnn_life *lives = calloc(net->value_count ? net->value_count : 1, sizeof(*lives));

	if (!lives)
		return NULL;
	for (size_t v = 0; v < net->value_count; v++) {
		lives[v].buffer = (int32_t)v;
		lives[v].bytes = net->values[v].bytes;
	}
	for (uint32_t n = 0; n < net->node_count; n++) {
		for (unsigned int s = 0; s < BNN_SLOTS; s++) {
			int32_t v = net->nodes[n].ref[s];

			if (!is_temp(net, v))
				continue;
			if (!lives[v].accesses++)
				lives[v].first = n;
			lives[v].last = n;
		}
	}
	for (uint32_t n = 0; n < net->node_count; n++)
		merge_in_place(net, n, lives);
	return lives;
}
