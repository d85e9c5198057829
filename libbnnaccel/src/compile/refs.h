/* SPDX-License-Identifier: MIT */
/*
 * What a command reads and writes: the list of the references it uses, with the
 * geometry that bnn_slot_describe() derives and the pitches the compiler gives them.
 */
#ifndef BNN_COMPILE_REFS_H
#define BNN_COMPILE_REFS_H

#include <stdbool.h>
#include <stdint.h>

#include "../net.h"

/* Largest row pitch of a reference, in units of BNN_ROW_ALIGN. */
#define BNN_REF_PITCH_MAX 0xfffffull

struct bnn_ref {
	enum bnn_slot slot;
	bool tensor; /* else a vector: plain bytes, two words */
	bool write;
	uint8_t format; /* NONE for vectors */
	uint32_t h, w, c;
	uint64_t pitch;	  /* bytes from row to row; 0 for vectors */
	uint64_t bytes;	  /* memory it occupies */
	uint64_t payload; /* bytes that the counters of section 10 count */
};

/* Fills refs with what the command uses, in the order of their words. Returns how many. */
unsigned int bnn_command_refs(const uint32_t *words, struct bnn_ref refs[BNN_SLOTS]);

/*
 * Adds what a compiled command adds to the byte counters (docs/arithmetic.md, section
 * 10): payload in memory, by class. Commands without references add nothing but 128.
 */
void bnn_command_count_bytes(const uint32_t *words, uint64_t counters[BNN_COUNTERS]);

/* Row of bnn_commands for the opcode, or NULL. */
const struct bnn_command *bnn_command_find(const uint32_t *words);

/* Fields shared by CONV and EW lie at the same place in both. */
static inline uint32_t bnn_pipe_get(const uint32_t *words, enum bnn_field_id conv_id)
{
	return bnn_field_get(words, conv_id);
}

static inline unsigned int bnn_opcode(const uint32_t *words)
{
	return words[0] & 0xff;
}

/* The raw parts of the reference at a word. */
static inline uint32_t bnn_ref_offset(const uint32_t *words, unsigned int word)
{
	return words[word];
}

static inline unsigned int bnn_ref_region(const uint32_t *words, unsigned int word)
{
	return words[word + 1] & 0x3f;
}

static inline unsigned int bnn_ref_format(const uint32_t *words, unsigned int word)
{
	return words[word + 1] >> 6 & 0x1f;
}

#endif /* BNN_COMPILE_REFS_H */
