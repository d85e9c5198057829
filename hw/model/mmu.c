/* SPDX-License-Identifier: MIT */
/*
 * Translation: a page directory of 2,048 entries and leaf tables of 512. Lines
 * of eight entries are cached, tagged with the address space.
 *
 * The cache is direct-mapped. Mode "sticky" grows it so that a line is never
 * evicted: a driver that forgets an invalidation then always meets the stale
 * entry. Mode "none" keeps nothing, which finds the opposite mistake.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"

enum {
	LINE_PTES = 8,
	LINE_BYTES = LINE_PTES * BNN_SIZEOF_PTE,
	NORMAL_LINES = 64,
	STICKY_LINES_MAX = 1 << 18
};

#define KEY_LEAF \
	0x80000000u /* line of a leaf table, by VA[31:15]; else of the directory, by VA[31:24] */
#define PTE_RESERVED 0xfff0000000000ff0ull

static struct tlb_line *place(const struct tlb *t, uint32_t asid, uint32_t key)
{
	uint32_t hash = (key * 0x9e3779b1u ^ asid * 0x85ebca77u) >> 7;

	return &t->line[hash & (t->size - 1)];
}

/* Doubles a sticky cache until the line's place is free. Without memory it evicts. */
static void grow_until_free(struct tlb *t, uint32_t asid, uint32_t key)
{
	for (;;) {
		struct tlb_line *at = place(t, asid, key);
		struct tlb bigger = { t->mode, NULL, t->size };
		bool fits;

		if (!at->asid || (at->asid == asid && at->key == key))
			return;
		do {
			free(bigger.line);
			bigger.size *= 2;
			if (bigger.size > STICKY_LINES_MAX)
				return;
			bigger.line = calloc(bigger.size, sizeof(*bigger.line));
			if (!bigger.line)
				return;
			fits = true;
			for (uint32_t i = 0; fits && i < t->size; i++) {
				struct tlb_line *to;

				if (!t->line[i].asid)
					continue;
				to = place(&bigger, t->line[i].asid, t->line[i].key);
				fits = !to->asid;
				*to = t->line[i];
			}
		} while (!fits);
		free(t->line);
		*t = bigger;
	}
}

/* The entry as cached, or 0, which is an invalid entry, if it is not. */
static uint64_t cached(const struct bnn_core *core, uint32_t key, unsigned i)
{
	const struct tlb *t = &core->tlb;
	const struct tlb_line *l;

	if (!t->size)
		return 0;
	l = place(t, core->job.entry.asid, key);
	return l->asid == core->job.entry.asid && l->key == key ? l->pte[i] : 0;
}

/* Reads the line of 8 entries at addr and keeps it. */
static bool read_line(struct bnn_core *core, uint32_t key, uint64_t addr, unsigned i, uint64_t *pte)
{
	struct tlb *t = &core->tlb;
	uint8_t raw[LINE_BYTES];
	struct tlb_line line = { .asid = core->job.entry.asid, .key = key };

	count(core, BNN_COUNTER_PTE_READS, 1);
	if (!bus_read(core, addr, raw, sizeof(raw)))
		return false;
	for (unsigned j = 0; j < LINE_PTES; j++)
		line.pte[j] = get64(raw + j * BNN_SIZEOF_PTE);
	*pte = line.pte[i];
	if (t->mode != TLB_NONE && !t->size) {
		t->line = calloc(NORMAL_LINES, sizeof(*t->line));
		t->size = t->line ? NORMAL_LINES : 0;
	}
	if (t->size) {
		if (t->mode == TLB_STICKY)
			grow_until_free(t, line.asid, key);
		*place(t, line.asid, key) = line;
	}
	return true;
}

static bool malformed(const struct bnn_core *core, uint64_t pte)
{
	return (pte & (PTE_RESERVED | BNN_PTE_L)) || (pte & BNN_PTE_ADDR) >> core->bus_bits;
}

/*
 * Returns a status. On BUS_ERROR *bus is the address that could not be read.
 * An entry that is invalid in the cache is read again before it faults, so the
 * driver may map pages without an invalidation.
 */
uint32_t mmu_translate(struct bnn_core *core, uint32_t va, bool write, uint64_t *bus)
{
	uint32_t leaf_key = KEY_LEAF | va >> 15, dir_key = va >> 24;
	unsigned leaf_i = va >> 12 & 7, dir_i = va >> 21 & 7;
	uint64_t pte = cached(core, leaf_key, leaf_i);
	uint64_t pde, page_mask = BNN_PAGE_SIZE - 1;

	if (!(pte & BNN_PTE_V)) {
		pde = cached(core, dir_key, dir_i);
		if (!(pde & BNN_PTE_V)) {
			*bus = core->job.entry.directory + (uint64_t)dir_key * LINE_BYTES;
			if (!read_line(core, dir_key, *bus, dir_i, &pde))
				return BNN_STATUS_BUS_ERROR;
		}
		if (!(pde & BNN_PTE_V))
			return BNN_STATUS_MMU_FAULT;
		if (malformed(core, pde))
			return BNN_STATUS_BAD_PTE;
		if (pde & BNN_PTE_B) {
			page_mask = BNN_BLOCK_SIZE - 1;
			pte = pde & ~BNN_PTE_B;
			if (pde & page_mask & BNN_PTE_ADDR)
				return BNN_STATUS_BAD_PTE;
		} else {
			if (pde & BNN_PTE_W)
				return BNN_STATUS_BAD_PTE;
			*bus = (pde & BNN_PTE_ADDR) + (uint64_t)(leaf_key & 63) * LINE_BYTES;
			if (!read_line(core, leaf_key, *bus, leaf_i, &pte))
				return BNN_STATUS_BUS_ERROR;
		}
	}
	if (!(pte & BNN_PTE_V))
		return BNN_STATUS_MMU_FAULT;
	if (malformed(core, pte) || pte & BNN_PTE_B)
		return BNN_STATUS_BAD_PTE;
	if (write && !(pte & BNN_PTE_W))
		return BNN_STATUS_MMU_FAULT;
	*bus = (pte & BNN_PTE_ADDR) | (va & page_mask);
	return BNN_STATUS_OK;
}

void mmu_invalidate(struct bnn_core *core, uint32_t asid)
{
	struct tlb *t = &core->tlb;

	for (uint32_t i = 0; i < t->size; i++)
		if (!asid || t->line[i].asid == asid)
			t->line[i].asid = 0;
}
