/* SPDX-License-Identifier: MIT */
/*
 * A trace as a file, little-endian: magic, act_kib, number of pages (u32 each), the
 * job, both completions; per page its address (u64), flags (u32, bit 0: bad), 0
 * (u32) and its 4,096 bytes before the job.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

static const uint8_t magic[8] = "BNNTRC1\n";

struct head {
	uint8_t magic[8];
	uint32_t act_kib, pages;
	uint8_t entry[BNN_SIZEOF_JOB];
	uint8_t completion[TRACE_SIDES][BNN_SIZEOF_COMPLETION];
};

struct page_head {
	uint64_t addr;
	uint32_t flags, reserved;
};

int trace_save(const struct trace *t, const char *path, char *err, size_t len)
{
	struct head head = { .act_kib = t->act_kib, .pages = (uint32_t)t->count };
	FILE *file = fopen(path, "wb");
	bool ok;

	if (!file) {
		snprintf(err, len, "%s: %s", path, strerror(errno));
		return -1;
	}
	memcpy(head.magic, magic, sizeof(magic));
	memcpy(head.entry, t->entry, sizeof(head.entry));
	memcpy(head.completion, t->completion, sizeof(head.completion));
	ok = fwrite(&head, sizeof(head), 1, file) == 1;
	for (size_t i = 0; ok && i < t->capacity; i++) {
		const struct trace_page *page = t->pages[i];
		struct page_head at = { 0 };

		if (!page)
			continue;
		at.addr = page->addr;
		at.flags = page->bad;
		ok = fwrite(&at, sizeof(at), 1, file) == 1 &&
		     fwrite(page->before, sizeof(page->before), 1, file) == 1;
	}
	if (fclose(file) || !ok) {
		snprintf(err, len, "%s: %s", path, strerror(errno));
		remove(path);
		return -1;
	}
	return 0;
}

static bool load_page(struct trace *t, FILE *file)
{
	struct page_head at;
	struct trace_page *page;

	if (fread(&at, sizeof(at), 1, file) != 1 || at.addr % BNN_PAGE_SIZE || at.flags > 1 ||
	    at.reserved)
		return false;
	page = trace_page(t, at.addr);
	if (!page || fread(page->before, sizeof(page->before), 1, file) != 1)
		return false;
	page->bad = at.flags;
	for (unsigned side = 0; side < TRACE_SIDES; side++)
		memcpy(page->after[side], page->before, sizeof(page->before));
	return true;
}

int trace_load(struct trace *t, const char *path, char *err, size_t len)
{
	FILE *file = fopen(path, "rb");
	struct head head;
	bool ok;

	if (!file) {
		snprintf(err, len, "%s: %s", path, strerror(errno));
		return -1;
	}
	ok = fread(&head, sizeof(head), 1, file) == 1 && !memcmp(head.magic, magic, sizeof(magic));
	trace_clear(t);
	for (uint32_t i = 0; ok && i < head.pages; i++)
		ok = load_page(t, file);
	ok = ok && fgetc(file) == EOF && t->count == head.pages;
	fclose(file);
	if (!ok) {
		trace_clear(t);
		snprintf(err, len, "%s is no trace of a job, or is damaged", path);
		return -1;
	}
	t->act_kib = head.act_kib;
	memcpy(t->entry, head.entry, sizeof(head.entry));
	memcpy(t->completion, head.completion, sizeof(head.completion));
	return 0;
}
