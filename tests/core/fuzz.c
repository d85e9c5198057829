/* SPDX-License-Identifier: MIT */
/*
 * Damaged command lists, entries, regions and page tables against a core that is
 * linked in (with sanitizers). Whatever they are: every job ends, nothing is
 * written but what its regions allow, and the next good job ends well.
 *
 * fuzz [STREAMS [SEED]]; built with FUZZ_NO_MAIN it is a libFuzzer target.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

enum { COMMANDS = 3, BUDGET = 64, SLICES_MAX = 20000 };

static struct host *h;
static uint8_t *kept; /* what no job may change: program and input */

/* Mutations draw from the fuzzer's bytes first, then from the generator. */
struct source {
	const uint8_t *data;
	size_t left;
	struct rng rng;
};

static uint32_t draw(struct source *s)
{
	uint32_t v;

	if (s->left < sizeof(v))
		return rng_next(&s->rng);
	memcpy(&v, s->data, sizeof(v));
	s->data += sizeof(v);
	s->left -= sizeof(v);
	return v;
}

static uint32_t draw_below(struct source *s, uint32_t n)
{
	return n ? draw(s) % n : 0;
}

static const struct bnn_command *info_of(const uint32_t *w)
{
	for (unsigned i = 0; i < BNN_COMMAND_COUNT; i++)
		if (bnn_commands[i].opcode == (w[0] & 0xff))
			return &bnn_commands[i];
	return NULL;
}

/* Mostly legal: a field to some value of its range, or to an edge of it. */
static void mutate_field(struct source *s, uint32_t *w)
{
	const struct bnn_command *info = info_of(w);
	const struct bnn_field *f;
	enum bnn_field_id id;
	uint32_t v;

	if (!info || !info->count)
		return;
	id = (enum bnn_field_id)(info->first + draw_below(s, info->count));
	f = &bnn_fields[id];
	switch (draw_below(s, 6)) {
	case 0:
		v = f->min;
		break;
	case 1:
		v = f->max;
		break;
	case 2:
		v = bnn_field_get(w, id) + 1;
		break;
	case 3:
		v = bnn_field_get(w, id) - 1;
		break;
	case 4:
		v = f->min + draw_below(s, f->max - f->min < 40 ? f->max - f->min + 1 : 40);
		break;
	default:
		v = draw(s);
	}
	bnn_field_set(w, id, v);
}

static void mutate_command(struct source *s, uint32_t *w)
{
	for (unsigned n = draw_below(s, 5) / 2; n; n--) {
		if (draw_below(s, 4))
			mutate_field(s, w);
		else
			w[draw_below(s, 32)] ^= 1u << draw_below(s, 32);
	}
}

static void mutate_bytes(struct source *s, void *data, size_t size)
{
	((uint8_t *)data)[draw_below(s, (uint32_t)size)] ^= (uint8_t)(1u << draw_below(s, 8));
}

static void restore(void)
{
	h->ops->reset(h->core, BNN_CORE_RESET_FLR);
	host_setup(h);
}

static void start(void)
{
	struct rng rng = { 1 };

	host_linked = bnn_core_model;
	h = host_open(NULL, "act_kib=64,chunk=7");
	kept = malloc(WRITE_AT);
	if (!h || !kept)
		abort();
	gen_memory(h, &rng);
	host_get(h, HOST_VA, kept, WRITE_AT);
}

static void fail(const char *why)
{
	fprintf(stderr, "fuzz: %s\n", why);
	abort();
}

static void check_kept(void)
{
	for (uint32_t at = PROGRAM_BYTES; at < WRITE_AT; at += BNN_PAGE_SIZE)
		if (memcmp(host_at(h, HOST_VA + at), kept + at, BNN_PAGE_SIZE))
			fail("a job wrote where it had no right");
}

static void one_stream(struct source *s, uint64_t seed)
{
	struct gen g = { .rng = { seed }, .act_bytes = h->act_bytes };
	uint32_t list[COMMANDS + 1][32], kind = draw_below(s, 16);
	struct job job;
	bool damaged = false;
	unsigned slices = 0;

	for (unsigned i = 0; i < COMMANDS; i++) {
		gen_command(&g, list[i]);
		if (draw_below(s, 2))
			mutate_command(s, list[i]);
	}
	cmd_init(list[COMMANDS], BNN_CMD_END);
	job_program(h, list, COMMANDS + 1);
	job_init(&job, COMMANDS + 1);
	job.entry.budget = BUDGET;
	job.entry.iterations = 1 + draw_below(s, 3);
	job.entry.loop_start = draw_below(s, 3);
	if (kind == 0) {
		mutate_bytes(s, &job.entry, sizeof(job.entry));
		damaged = true; /* it may name other tables */
	} else if (kind == 1) {
		mutate_bytes(s, &job.region[draw_below(s, R_COUNT)], sizeof(job.region[0]));
		damaged = true; /* it may grant writing to the input */
	} else if (kind == 2) {
		uint64_t va = HOST_VA + draw_below(s, HOST_DATA_BYTES);

		host_set_pte(h, va, host_pte(h, va) ^ UINT64_C(1) << draw_below(s, 64));
		damaged = true;
	} else if (kind == 3) {
		h->ops->poke(h->core,
			     draw_below(s, 2) ? BNN_CORE_POKE_DMA_READ : BNN_CORE_POKE_DMA_WRITE,
			     draw_below(s, 100));
		damaged = true;
	}
	job_submit(h, 1, &job);
	while (h->ops->run(h->core, 1 + draw_below(s, 100000)) == BNN_CORE_BUSY)
		if (++slices == SLICES_MAX)
			fail("a job does not end");
	if (damaged) {
		restore();
		for (uint32_t at = PROGRAM_BYTES; at < HOST_DATA_BYTES; at += BNN_PAGE_SIZE)
			if (at < WRITE_AT)
				memcpy(host_at(h, HOST_VA + at), kept + at, BNN_PAGE_SIZE);
		h->stray = 0;
	} else if (job_result(h, 1).seqno != h->seqno) {
		fail("no completion");
	}
	if (h->stray)
		fail("a transaction against the rules");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = { data, size, { 99 } };

	if (!h)
		start();
	one_stream(&s, draw(&s));
	check_kept();
	return 0;
}

#ifndef FUZZ_NO_MAIN
int main(int argc, char **argv)
{
	unsigned streams = argc > 1 ? (unsigned)atoi(argv[1]) : 10000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	unsigned status[16] = { 0 };

	start();
	for (unsigned i = 0; i < streams; i++) {
		struct source s = { NULL, 0, { seed * 1000003 + i } };

		one_stream(&s, seed * 1000003 + i);
		if (job_result(h, 1).seqno == h->seqno)
			status[job_result(h, 1).status & 15]++;
		if (i % 64 == 0)
			check_kept();
	}
	check_kept();
	for (unsigned i = 0; i < 16; i++)
		if (status[i])
			tap_note("status %u: %u", i, status[i]);
	tap_ok(true, "%u damaged streams", streams);
	host_close(h);
	free(kept);
	return tap_done();
}
#endif
