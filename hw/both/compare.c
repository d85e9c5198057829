/* SPDX-License-Identifier: MIT */
/* Whether two cores have done the same job alike. */
#include <stdio.h>
#include <string.h>

#include "trace.h"

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* What of the completion must agree, and from which fault on it need not. */
static const struct {
	const char *name;
	uint8_t offset, bytes;
	bool memory_faults; /* also compared when a translation or the bus failed */
} fields[] = {
	{ "sequence number", BNN_COMPLETION_SEQNO, 8, true },
	{ "status", BNN_COMPLETION_STATUS, 4, true },
	{ "command", BNN_COMPLETION_CMD_INDEX, 4, true },
	{ "word", BNN_COMPLETION_CMD_WORD, 4, true },
	{ "iteration", BNN_COMPLETION_ITERATION, 4, true },
	{ "detail", BNN_COMPLETION_DETAIL, 4, true },
	/* Of several missing pages any may be named. */
	{ "access", BNN_COMPLETION_ACCESS, 4, false },
	{ "address", BNN_COMPLETION_FAULT_VA, 8, false },
};

static bool is_memory_fault(uint64_t status)
{
	return status == BNN_STATUS_MMU_FAULT || status == BNN_STATUS_BAD_PTE ||
	       status == BNN_STATUS_BUS_ERROR;
}

static bool same_completion(const uint8_t *a, const uint8_t *b, char *why, size_t len)
{
	uint64_t status = get(a + BNN_COMPLETION_STATUS, 4);

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint64_t x = get(a + fields[i].offset, fields[i].bytes);
		uint64_t y = get(b + fields[i].offset, fields[i].bytes);

		if (x == y || (is_memory_fault(status) && !fields[i].memory_faults))
			continue;
		snprintf(why, len, "%s: model %#llx, rtl %#llx", fields[i].name,
			 (unsigned long long)x, (unsigned long long)y);
		return false;
	}
	for (unsigned i = 0; !status && i < BNN_COUNTERS; i++) {
		uint64_t x = get(a + BNN_COMPLETION_COUNTERS + 8 * i, 8);
		uint64_t y = get(b + BNN_COMPLETION_COUNTERS + 8 * i, 8);

		if (!(BNN_COUNTERS_DETERMINISTIC >> i & 1) || x == y)
			continue;
		snprintf(why, len, "counter %u: model %llu, rtl %llu", i, (unsigned long long)x,
			 (unsigned long long)y);
		return false;
	}
	return true;
}

static bool peek(struct trace *t, uint64_t addr, void *buf, uint32_t len)
{
	/* A page is fetched if need be; nothing is written. */
	return !trace_read(t, TRACE_MODEL, addr, buf, len);
}

/* The bus address of a page of the job, by a walk through its tables. */
static uint64_t translate(struct trace *t, uint64_t va)
{
	uint8_t raw[8];
	uint64_t entry;

	if (!peek(t, get(t->entry + BNN_JOB_DIRECTORY, 8) + va / BNN_BLOCK_SIZE * 8, raw, 8))
		return UINT64_MAX;
	entry = get(raw, 8);
	if (entry & BNN_PTE_V && !(entry & BNN_PTE_B)) {
		uint64_t leaf = entry & BNN_PTE_ADDR;

		if (!peek(t, leaf + va % BNN_BLOCK_SIZE / BNN_PAGE_SIZE * 8, raw, 8))
			return UINT64_MAX;
		entry = get(raw, 8);
		return entry & BNN_PTE_V ? entry & BNN_PTE_ADDR : UINT64_MAX;
	}
	if (!(entry & BNN_PTE_V))
		return UINT64_MAX;
	return (entry & BNN_PTE_ADDR) + va % BNN_BLOCK_SIZE / BNN_PAGE_SIZE * BNN_PAGE_SIZE;
}

/* The log holds cycles: what both wrote there counts as equal. */
static void ignore_log(struct trace *t)
{
	uint64_t table = get(t->entry + BNN_JOB_REGION_TABLE, 8);
	uint64_t region = get(t->entry + BNN_JOB_PROFILE_REGION, 4);
	uint8_t raw[BNN_SIZEOF_REGION];
	uint64_t va, size;

	if (!(get(t->entry + BNN_JOB_FLAGS, 4) & BNN_JOB_FLAGS_PROFILE) || region >= BNN_REGIONS ||
	    !peek(t, table + region * BNN_SIZEOF_REGION, raw, sizeof(raw)))
		return;
	va = get(raw + BNN_REGION_VA, 8);
	size = get(raw + BNN_REGION_SIZE, 8);
	if (va >> 32 || size > UINT64_C(1) << 32)
		return;
	for (uint64_t at = va; at < va + size; at += BNN_PAGE_SIZE - at % BNN_PAGE_SIZE) {
		uint64_t end = at - at % BNN_PAGE_SIZE + BNN_PAGE_SIZE;
		uint64_t bus = translate(t, at);
		struct trace_page *page = bus == UINT64_MAX ? NULL : trace_page(t, bus);

		if (end > va + size)
			end = va + size;
		for (uint64_t i = at; page && i < end; i++)
			for (unsigned side = 0; side < TRACE_SIDES; side++)
				page->written[side][i % BNN_PAGE_SIZE / 8] &=
					(uint8_t) ~(1u << i % 8);
	}
}

static bool same_page(const struct trace_page *page, char *why, size_t len)
{
	for (uint32_t i = 0; i < BNN_PAGE_SIZE; i++) {
		bool a = page->written[TRACE_MODEL][i / 8] >> i % 8 & 1;
		bool b = page->written[TRACE_RTL][i / 8] >> i % 8 & 1;

		if (a == b && (!a || page->after[TRACE_MODEL][i] == page->after[TRACE_RTL][i]))
			continue;
		if (a != b)
			snprintf(why, len, "bus address %#llx: written by the %s only",
				 (unsigned long long)(page->addr + i), a ? "model" : "rtl");
		else
			snprintf(why, len, "bus address %#llx: model %#x, rtl %#x",
				 (unsigned long long)(page->addr + i), page->after[TRACE_MODEL][i],
				 page->after[TRACE_RTL][i]);
		return false;
	}
	return true;
}

bool trace_depends_on_time(const struct trace *t)
{
	uint64_t status = get(t->completion[TRACE_MODEL] + BNN_COMPLETION_STATUS, 4);

	return status == BNN_STATUS_TIMEOUT || status == BNN_STATUS_KILLED;
}

bool trace_same(struct trace *t, char *why, size_t len)
{
	const uint8_t *a = t->completion[TRACE_MODEL], *b = t->completion[TRACE_RTL];
	uint64_t status = get(a + BNN_COMPLETION_STATUS, 4);
	uint64_t detail = get(b + BNN_COMPLETION_DETAIL, 4);

	if (t->incomplete || trace_depends_on_time(t))
		return true;
	if (get(b + BNN_COMPLETION_STATUS, 4) == BNN_STATUS_BAD_FIELD &&
	    (detail == BNN_DETAIL_UNSUPPORTED || detail == BNN_DETAIL_CAPACITY))
		return true;
	if (!same_completion(a, b, why, len))
		return false;
	if (is_memory_fault(status))
		return true;
	ignore_log(t);
	for (size_t i = 0; i < t->capacity; i++)
		if (t->pages[i] && !same_page(t->pages[i], why, len))
			return false;
	return true;
}
