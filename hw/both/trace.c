/* SPDX-License-Identifier: MIT */
/* Pages of a trace, and what each side does to them. */
#include <stdlib.h>
#include <string.h>

#include "trace.h"

void trace_clear(struct trace *t)
{
	for (size_t i = 0; i < t->capacity; i++)
		free(t->pages[i]);
	free(t->pages);
	t->pages = NULL;
	t->count = t->capacity = 0;
	t->incomplete = false;
	memset(t->completion, 0, sizeof(t->completion));
}

static size_t slot_of(const struct trace *t, uint64_t addr)
{
	size_t i = (size_t)((addr / BNN_PAGE_SIZE) * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	for (i &= t->capacity - 1; t->pages[i] && t->pages[i]->addr != addr;)
		i = (i + 1) & (t->capacity - 1);
	return i;
}

/* At most half full. */
static bool grow(struct trace *t)
{
	struct trace old = *t;

	if (t->count < t->capacity / 2)
		return true;
	t->capacity = old.capacity ? 2 * old.capacity : 64;
	t->pages = calloc(t->capacity, sizeof(*t->pages));
	if (!t->pages) {
		*t = old;
		return false;
	}
	for (size_t i = 0; i < old.capacity; i++)
		if (old.pages[i])
			t->pages[slot_of(t, old.pages[i]->addr)] = old.pages[i];
	free(old.pages);
	return true;
}

struct trace_page *trace_page(struct trace *t, uint64_t addr)
{
	struct trace_page *page;
	size_t i;

	addr -= addr % BNN_PAGE_SIZE;
	if (!grow(t)) {
		t->incomplete = true;
		return NULL;
	}
	i = slot_of(t, addr);
	if (t->pages[i])
		return t->pages[i];
	page = calloc(1, sizeof(*page));
	if (!page) {
		t->incomplete = true;
		return NULL;
	}
	page->addr = addr;
	page->bad = !t->fetch || t->fetch(t->opaque, addr, page->before, BNN_PAGE_SIZE);
	for (unsigned side = 0; side < TRACE_SIDES; side++)
		memcpy(page->after[side], page->before, BNN_PAGE_SIZE);
	t->pages[i] = page;
	t->count++;
	return page;
}

int trace_read(struct trace *t, enum trace_side side, uint64_t addr, void *buf, uint32_t len)
{
	const struct trace_page *page = trace_page(t, addr);

	if (!page || page->bad)
		return -1;
	memcpy(buf, page->after[side] + addr % BNN_PAGE_SIZE, len);
	return 0;
}

int trace_write(struct trace *t, enum trace_side side, uint64_t addr, const void *buf, uint32_t len)
{
	struct trace_page *page = trace_page(t, addr);
	uint32_t at = (uint32_t)(addr % BNN_PAGE_SIZE);

	if (!page || page->bad)
		return -1;
	memcpy(page->after[side] + at, buf, len);
	for (uint32_t i = at; i < at + len; i++)
		page->written[side][i / 8] |= (uint8_t)(1u << i % 8);
	return 0;
}
