/* SPDX-License-Identifier: MIT */
/*
 * Random legal command lists against the oracle: all memory, the status and the
 * deterministic counters. Then the same lists on a second core with other
 * options, to the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"
#include "oracle.h"

enum { COMMANDS = 4 };

static const uint32_t region_at[BNN_REGIONS] = {
	[R_READ] = READ_AT,
	[R_WRITE] = WRITE_AT,
	[R_BOTH] = BOTH_AT,
	[R_ALIAS] = BOTH_AT + ALIAS_SKIP,
};

/* First byte of the data in which host and world differ, or HOST_DATA_BYTES. */
static uint32_t differ(struct host *h, const struct world *w)
{
	for (uint32_t at = 0; at < HOST_DATA_BYTES; at += BNN_PAGE_SIZE) {
		const uint8_t *page = host_at(h, HOST_VA + at);

		if (!memcmp(page, w->data + at, BNN_PAGE_SIZE))
			continue;
		while (*page++ == w->data[at])
			at++;
		return at;
	}
	return HOST_DATA_BYTES;
}

/* A list is skipped where the core lacks a feature, which must be what it says. */
enum verdict { PASS, FAIL, SKIP };

static enum verdict one_list(struct host *h, struct world *w, struct gen *g, uint32_t opcode)
{
	uint32_t list[COMMANDS + 1][32] = { { 0 } }, lacks = 0;
	struct bnn_completion c;
	uint32_t at;

	memset(w->counters, 0, sizeof(w->counters));
	memset(w->act, 0, h->act_bytes);
	gen_start(g);
	for (unsigned i = 0; i < COMMANDS; i++) {
		/* Now and then one that the core lacks: it is to say so. */
		g->features = rng_one_in(&g->rng, 16) ? 0 : h->features;
		gen_opcode(g, list[i], opcode);
		lacks |= cmd_lacks(list[i], h->features);
	}
	cmd_init(list[COMMANDS], BNN_CMD_END);
	host_put(h, HOST_VA, list, sizeof(list));
	memcpy(w->data, list, sizeof(list));
	c = run_list(h, list, COMMANDS + 1);
	if (c.status == BNN_STATUS_BAD_FIELD &&
	    ((c.detail == BNN_DETAIL_UNSUPPORTED && lacks) || c.detail == BNN_DETAIL_CAPACITY))
		return SKIP;
	if (c.status) {
		tap_note("status %u detail %u command %u word %u va %llx", c.status, c.detail,
			 c.cmd_index, (c.cmd_word & 127) / 4, (unsigned long long)c.fault_va);
		cmd_print(list[c.cmd_index < COMMANDS ? c.cmd_index : 0]);
		return FAIL;
	}
	for (unsigned i = 0; i <= COMMANDS; i++)
		oracle_run(w, list[i], region_at);
	at = differ(h, w);
	if (at < HOST_DATA_BYTES) {
		tap_note("byte 0x%x is 0x%02x, not 0x%02x", at, *host_at(h, HOST_VA + at),
			 w->data[at]);
		for (unsigned i = 0; i < COMMANDS; i++)
			cmd_print(list[i]);
		return FAIL;
	}
	for (unsigned i = 0; i < BNN_COUNTERS; i++)
		if (BNN_COUNTERS_DETERMINISTIC >> i & 1 && c.counters[i] != w->counters[i]) {
			tap_note("counter %u is %llu, not %llu", i,
				 (unsigned long long)c.counters[i],
				 (unsigned long long)w->counters[i]);
			for (unsigned j = 0; j < COMMANDS; j++)
				cmd_print(list[j]);
			return FAIL;
		}
	return PASS;
}

static void many(struct host *h, struct world *w, const char *what, uint64_t seed, uint32_t opcode,
		 unsigned lists)
{
	struct gen g = { .rng = { seed }, .act_bytes = h->act_bytes };
	unsigned skipped = 0;

	for (unsigned i = 0; i < lists; i++) {
		enum verdict v = one_list(h, w, &g, opcode);

		skipped += v == SKIP;
		if (v != PASS)
			for (uint32_t p = 0; p < HOST_DATA_BYTES; p += BNN_PAGE_SIZE)
				memcpy(w->data + p, host_at(h, HOST_VA + p), BNN_PAGE_SIZE);
		if (v == FAIL) {
			tap_ok(false, "%s: list %u of seed %llu", what, i,
			       (unsigned long long)seed);
			return;
		}
	}
	if (skipped == lists)
		tap_skip("%s: not in this core", what);
	else
		tap_ok(h->stray == 0, "%s: %u lists of %u, %u skipped", what, lists - skipped,
		       COMMANDS, skipped);
}

static void suite(const char *library, const char *options, uint64_t seed, unsigned lists)
{
	static const struct {
		const char *name;
		uint32_t opcode;
	} kinds[] = {
		{ "ENC", BNN_CMD_ENC },	  { "GATEFOLD", BNN_CMD_GATEFOLD },
		{ "CONV", BNN_CMD_CONV }, { "EW", BNN_CMD_EW },
		{ "POOL", BNN_CMD_POOL }, { "TRANSPOSE", BNN_CMD_TRANSPOSE },
		{ "mixed", 0 },
	};
	struct host *h = host_open(library, options);
	struct rng rng = { seed };
	struct world w = { .data = calloc(1, HOST_DATA_BYTES) };
	char text[80];

	if (!h || !w.data || !(w.act = calloc(1, h->act_bytes + 1)))
		exit(2);
	gen_memory(h, &rng);
	for (uint32_t p = 0; p < HOST_DATA_BYTES; p += BNN_PAGE_SIZE)
		memcpy(w.data + p, host_at(h, HOST_VA + p), BNN_PAGE_SIZE);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(text, sizeof(text), "%s, options %s", kinds[i].name,
			 options ? options : "none");
		many(h, &w, text, seed + i, kinds[i].opcode,
		     kinds[i].opcode && kinds[i].opcode != BNN_CMD_CONV ? lists / 4 : lists);
	}
	host_close(h);
	free(w.data);
	free(w.act);
}

/* arith-test [LIBRARY [LISTS [SEED]]] */
int main(int argc, char **argv)
{
	const char *library = argc > 1 ? argv[1] : "build/lib/libbnnaccel-model.so";
	unsigned lists = argc > 2 ? (unsigned)atoi(argv[2]) : 600;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;

	suite(library, NULL, seed, lists);
	if (strstr(library, "model")) {
		suite(library, "path=plain,tlb=none", seed + 100, lists / 2);
		suite(library, "tlb=sticky,act_kib=8", seed + 200, lists / 4);
		suite(library, "chunk=3", seed + 300, lists / 2);
		suite(library, "chunk=1,path=plain", seed + 400, lists / 4);
	}
	return tap_done();
}
