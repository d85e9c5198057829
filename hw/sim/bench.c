/* SPDX-License-Identifier: MIT */
/*
 * Random jobs on two cores, normally the model and the Verilog. Every byte of
 * memory, status, detail, index, word and the deterministic counters have to
 * agree:
 *
 * - lists of legal commands of every kind the second core has (tests/core/gen.h),
 *   with loops, several jobs at once, regions that start at any byte
 * - lists with a damaged command; damaged entries, regions and page tables
 * - jobs that something happens to: a transaction fails, a page is taken away,
 *   the job is killed, its budget ends. What it leaves must be what the commands
 *   before the one it names write (the model runs them), but for the outputs of
 *   that one.
 * - soft resets at any cycle: no byte outside the outputs of the list changes.
 *   The next job must be right after each of these.
 *
 *   bench [OPTIONS] MODEL RTL      (bench --help)
 *
 * A mismatch names the seed and the number of its list; -s SEED -i LIST runs
 * that list alone. At the end is a table of the codes seen: one that the core can
 * give and did not is a failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen.h"

enum {
	LIST_MAX = 7,
	LINES = 2 * LIST_MAX + 1, /* each may be followed by one that shows its output */
	ITERATIONS = 4,
	JOBS = 2,
	SPARE = 0x8000,		     /* at the end of the regions, for the windows of a loop */
	BUDGET = 30000,		     /* of every job that should end by itself */
	PATIENCE = 3 * BUDGET * 1024 /* cycles until a core is given up */
};

static struct host *model, *rtl;
static unsigned long seed = 1;
static uint32_t work;
static uint8_t *before, *undefined; /* HOST_DATA_BYTES each */

static unsigned statuses[16], details[16];
static uint64_t cycles_spent;
static unsigned injected[8], hit[8];

struct program {
	uint32_t line[LINES * ITERATIONS][32];
	uint32_t count;
	struct job job;
};

/* ---- memory of both ------------------------------------------------------- */

/* The log holds cycles, which differ. */
static bool same_memory(char *why, size_t n)
{
	const uint8_t *a = model->mem + HOST_DATA, *b = rtl->mem + HOST_DATA;

	if (!memcmp(a, b, HOST_DATA_BYTES))
		return true;
	for (uint64_t va = HOST_VA; va < HOST_VA + HOST_DATA_BYTES; va++) {
		uint64_t at = va - HOST_VA;

		if (*host_at(model, va) == *host_at(rtl, va) ||
		    (at >= LOG_AT && at < LOG_AT + LOG_BYTES))
			continue;
		snprintf(why, n, "byte at data offset 0x%llx: %02x, %02x", (unsigned long long)at,
			 *host_at(model, va), *host_at(rtl, va));
		return false;
	}
	return true;
}

static void copy_memory(void)
{
	memcpy(rtl->mem + HOST_DATA, model->mem + HOST_DATA, HOST_DATA_BYTES);
}

/* Marks what a command may write in an iteration. */
static void mark(const struct program *p, const uint32_t *words, uint32_t iteration)
{
	struct ref refs[REFS_MAX];
	unsigned n = cmd_refs(words, refs);

	for (unsigned i = 0; i < n; i++) {
		const struct ref *r = &refs[i];
		const struct bnn_region *g = &p->job.region[r->region & 31];
		uint64_t at = g->va + iteration * g->stride + r->offset - HOST_VA;

		if (!r->write || r->region == BNN_REGION_ONCHIP)
			continue;
		for (uint32_t k = 0; k < r->planes; k++)
			for (uint32_t y = 0; y < r->h; y++)
				for (uint32_t x = 0; x < r->w; x++)
					memset(undefined + at + k * r->plane + y * r->row +
						       x * r->pixel,
					       1, r->run);
	}
}

/* ---- running --------------------------------------------------------------- */

/* Ends the program if the core does not come to rest: nothing can be said after that. */
static void run_to_idle(struct host *h)
{
	uint64_t cycles = 0;

	while (h->ops->run(h->core, 1 << 20) == BNN_CORE_BUSY)
		if ((cycles += 1 << 20) > PATIENCE) {
			tap_ok(false, "the %s core never rests", h->ops->name);
			exit(1);
		}
}

static void put_program(struct host *h, const struct program *p)
{
	uint64_t va = p->job.region[R_PROGRAM].va + p->job.entry.cmd_offset;

	host_put(h, va, p->line, (size_t)p->count * BNN_COMMAND_BYTES);
}

static void submit(struct host *h, const struct program *p)
{
	struct job job = p->job;

	put_program(h, p);
	job_submit(h, 1, &job);
}

static struct bnn_completion run_program(struct host *h, const struct program *p)
{
	submit(h, p);
	run_to_idle(h);
	return job_result(h, 1);
}

static void note_codes(const struct bnn_completion *c)
{
	statuses[c->status & 15]++;
	if (c->status == BNN_STATUS_BAD_FIELD)
		details[c->detail & 15]++;
}

static void invalidate(struct host *h, uint32_t asid)
{
	host_set(h, BNN_REG_MMU_INV, asid);
	while (host_reg(h, BNN_REG_MMU_INV_STATUS) & BNN_MMU_INV_STATUS_BUSY)
		h->ops->run(h->core, 16);
}

/* ---- comparison ------------------------------------------------------------ */

static bool same_completion(const struct bnn_completion *a, const struct bnn_completion *b,
			    bool access, char *why, size_t n)
{
#define FIELD(name) \
	if (a->name != b->name) { \
		snprintf(why, n, #name " %llx, %llx (status %u, %u detail %u, %u word %x, %x)", \
			 (unsigned long long)a->name, (unsigned long long)b->name, a->status, \
			 b->status, a->detail, b->detail, a->cmd_word, b->cmd_word); \
		return false; \
	}
	FIELD(status);
	FIELD(detail);
	FIELD(cmd_index);
	FIELD(cmd_word);
	FIELD(iteration);
	if (access) {
		FIELD(access);
		FIELD(fault_va);
	}
#undef FIELD
	if (a->status)
		return true;
	for (unsigned i = 0; i < BNN_COUNTERS; i++)
		if (BNN_COUNTERS_DETERMINISTIC >> i & 1 && a->counters[i] != b->counters[i]) {
			snprintf(why, n, "counter %u: %llu, %llu", i,
				 (unsigned long long)a->counters[i],
				 (unsigned long long)b->counters[i]);
			return false;
		}
	return true;
}

static bool same_log(const struct program *p, char *why, size_t n)
{
	uint64_t va = p->job.region[R_LOG].va;

	if (!(p->job.entry.flags & BNN_JOB_FLAGS_PROFILE))
		return true;
	for (uint32_t i = 0; i < p->job.region[R_LOG].size / BNN_SIZEOF_PROFILE; i++) {
		struct bnn_profile a, b;

		host_get(model, va + i * sizeof(a), &a, sizeof(a));
		host_get(rtl, va + i * sizeof(b), &b, sizeof(b));
		if (a.cmd_index != b.cmd_index || a.opcode != b.opcode ||
		    a.iteration != b.iteration) {
			snprintf(why, n, "profile record %u", i);
			return false;
		}
	}
	return true;
}

static bool report(unsigned long number, const char *what, const struct program *p, const char *why)
{
	printf("# -s %lu -i %lu (%s): %s\n", seed, number, what, why);
	if (p)
		printf("# loop from %u, %u iterations\n", p->job.entry.loop_start,
		       p->job.entry.iterations);
	for (uint32_t i = 0; p && i < p->count; i++)
		cmd_print(p->line[i]);
	memcpy(rtl->mem, model->mem, HOST_BYTES);
	rtl->ops->reset(rtl->core, BNN_CORE_RESET_FLR);
	host_setup(rtl);
	model->ops->reset(model->core, BNN_CORE_RESET_FLR);
	host_setup(model);
	return false;
}

/* ---- lists ------------------------------------------------------------------ */

static struct rng list_rng(unsigned long number, uint32_t salt)
{
	return (struct rng){ (uint64_t)seed << 32 ^ number * 0x10001 ^ (uint64_t)salt << 56 };
}

static struct gen list_gen(struct rng *r)
{
	return (struct gen){ .rng = { rng_next(r) },
			     .act_bytes = rtl->act_bytes,
			     .features = rtl->features,
			     .work = work,
			     .spare = SPARE };
}

static void gen_lines(struct gen *g, struct program *p, uint32_t commands)
{
	p->count = 0;
	for (uint32_t i = 0; i < commands; i++) {
		gen_command(g, p->line[p->count++]);
		if (gen_show(g, p->line[p->count - 1], p->line[p->count]))
			p->count++;
	}
	cmd_init(p->line[p->count++], BNN_CMD_END);
}

/* The job of a list; the k-th of several at once. */
static void gen_job(struct rng *r, struct program *p, unsigned k, bool loops)
{
	struct bnn_region *g = p->job.region;

	job_init(&p->job, p->count);
	p->job.entry.budget = BUDGET;
	p->job.entry.cmd_offset = k * 0x10000 + BNN_COMMAND_BYTES * rng_below(r, 40);
	if (loops) {
		p->job.entry.iterations = rng_range(r, 1, ITERATIONS);
		p->job.entry.loop_start = rng_below(r, p->count);
		for (unsigned i = R_READ; i <= R_BOTH; i++) {
			g[i].size -= SPARE - 64;
			g[i].stride = rng_below(r, SPARE / ITERATIONS / 64) * 64;
		}
		g[R_ALIAS].size -= SPARE - 64;
		g[R_ALIAS].stride = g[R_BOTH].stride;
	}
	/* Regions start at any byte. */
	if (rng_one_in(r, 3)) {
		for (unsigned i = R_PROGRAM; i <= R_BOTH; i++) {
			g[i].va += rng_below(r, 64);
			g[i].size -= 64;
		}
		g[R_ALIAS].va = g[R_BOTH].va + ALIAS_SKIP;
		g[R_ALIAS].size -= 64;
	}
	if (rtl->features & BNN_FEATURES_PROFILE && rng_one_in(r, 4)) {
		p->job.entry.flags |= BNN_JOB_FLAGS_PROFILE;
		p->job.entry.profile_region = R_LOG;
		g[R_LOG].size = rng_range(r, 1, 12 * BNN_SIZEOF_PROFILE);
	}
}

/* Returns the number of commands, 0 on a mismatch. */
static uint32_t run_random(unsigned long number)
{
	static struct program p[JOBS];
	struct rng r = list_rng(number, 1), size = list_rng(number, 3);
	struct gen g = list_gen(&r);
	unsigned jobs = rng_one_in(&r, 4) ? JOBS : 1;
	uint32_t done = 0;
	char why[256];

	/* Most lists are of small commands: ten of them find more than one large one. */
	if (!rng_one_in(&size, 8))
		g.work = work >> rng_range(&size, 3, 7);
	for (unsigned k = 0; k < jobs; k++) {
		gen_lines(&g, &p[k], rng_range(&r, 1, LIST_MAX));
		gen_job(&r, &p[k], k, rng_one_in(&r, 6));
		done += (p[k].count - 1) * p[k].job.entry.iterations;
		submit(model, &p[k]);
		submit(rtl, &p[k]);
	}
	run_to_idle(model);
	run_to_idle(rtl);
	for (unsigned k = 0; k < jobs; k++) {
		struct bnn_completion a = job_result_at(model, 1, model->tail[1] - jobs + 1 + k);
		struct bnn_completion b = job_result_at(rtl, 1, rtl->tail[1] - jobs + 1 + k);

		cycles_spent += b.cycles;
		note_codes(&b);
		/* Windows that move may meet; nothing else is wrong with these lists. */
		if (a.status && !(a.status == BNN_STATUS_BAD_OVERLAP && a.iteration)) {
			snprintf(why, sizeof(why),
				 "not legal: status %u detail %u command %u word %x", a.status,
				 a.detail, a.cmd_index, a.cmd_word);
			report(number, "random", &p[k], why);
			return 0;
		}
		if (b.status == BNN_STATUS_BAD_FIELD && b.detail == BNN_DETAIL_CAPACITY) {
			copy_memory();
			continue;
		}
		if (!same_completion(&a, &b, true, why, sizeof(why)) ||
		    !same_log(&p[k], why, sizeof(why)) || !same_memory(why, sizeof(why))) {
			report(number, "random", &p[k], why);
			return 0;
		}
	}
	return done;
}

/* ---- damaged commands --------------------------------------------------------- */

/* A fault of the model that comes after the point where UNSUPPORTED is told. */
static bool late(const struct bnn_completion *c)
{
	return c->status == BNN_STATUS_OK || c->status == BNN_STATUS_NO_END ||
	       (c->status >= BNN_STATUS_BAD_BOUNDS && c->status <= BNN_STATUS_BUS_ERROR) ||
	       (c->status == BNN_STATUS_BAD_FIELD &&
		(c->detail == BNN_DETAIL_FORMAT || c->detail == BNN_DETAIL_ALIGN ||
		 c->detail == BNN_DETAIL_REGION || c->detail == BNN_DETAIL_RESERVED));
}

static void damage_field(struct rng *r, uint32_t *w)
{
	const struct bnn_command *info = NULL;
	uint32_t lo, hi, v;
	unsigned f;

	for (unsigned i = 0; i < BNN_COMMAND_COUNT; i++)
		if (bnn_commands[i].opcode == (w[0] & 0xff))
			info = &bnn_commands[i];
	if (!info || !info->count)
		return;
	f = info->first + rng_below(r, info->count);
	lo = bnn_fields[f].min, hi = bnn_fields[f].max;
	v = rng_one_in(r, 2) ? lo - rng_below(r, 2) : hi + rng_below(r, 2);
	if (rng_one_in(r, 3))
		v = rng_next(r);
	bnn_field_set(w, (enum bnn_field_id)f,
		      v & (uint32_t)((UINT64_C(1) << bnn_fields[f].width) - 1));
}

/* Fields that are legal each by itself. */
static void break_rule(struct rng *r, uint32_t *w)
{
	switch (rng_below(r, 5)) {
	case 0: /* more than the accumulator holds */
		bnn_field_set(w, BNN_F_CONV_CIN, BNN_CHANNELS_MAX);
		bnn_field_set(w, BNN_F_CONV_GROUPS, 1);
		bnn_field_set(w, BNN_F_CONV_IN_FORMAT, BNN_FORMAT_S16);
		bnn_field_set(w, BNN_F_CONV_WFORMAT, BNN_WFORMAT_S8);
		bnn_field_set(w, BNN_F_CONV_WMODE, 0);
		bnn_field_set(w, BNN_F_CONV_TILE_P, 0);
		bnn_field_set(w, BNN_F_CONV_TAU, 0);
		bnn_field_set(w, BNN_F_CONV_FRAC, 0);
		break;
	case 1:
		bnn_field_set(w, BNN_F_CONV_GROUPS, rng_range(r, 2, BNN_CHANNELS_MAX));
		break;
	case 2:
		bnn_field_set(w, BNN_F_CONV_PAD_T + rng_below(r, 4), rng_below(r, 25));
		break;
	case 3:
		bnn_field_set(w, BNN_F_CONV_TILE_P, rng_below(r, 4));
		break;
	default:
		w[0] ^= 1u << rng_range(r, 8, 14);
	}
}

/* refs are those of the command while it was legal. */
static void damage(struct rng *r, uint32_t *w, const struct ref *refs, unsigned n)
{
	const struct ref *a = &refs[rng_below(r, n)], *b = &refs[rng_below(r, n)];
	uint32_t kind = rng_below(r, 10);

	if (!n && kind > 1)
		kind = 9;
	switch (kind) {
	case 0: /* any bit of any word */
		w[rng_below(r, 32)] ^= 1u << rng_below(r, 32);
		break;
	case 1: /* a field at or beyond a limit */
		damage_field(r, w);
		break;
	case 2:
		w[a->word + 1] = (w[a->word + 1] & ~63u) | rng_below(r, 64);
		break;
	case 3: /* format or pitch; of a vector these bits are reserved */
		if (rng_one_in(r, 2))
			w[a->word + 1] = (w[a->word + 1] & ~(31u << 6)) | rng_below(r, 32) << 6;
		else
			w[a->word + 1] = (w[a->word + 1] & 2047) |
					 ((w[a->word + 1] >> 11) - rng_below(r, 3)) << 11;
		break;
	case 4:
		w[a->word] += rng_one_in(r, 2) ? rng_below(r, 64) : rng_next(r) >> rng_below(r, 32);
		break;
	case 5: /* pixel pitch */
		w[a->word + 2] ^= 1u << rng_below(r, 16);
		break;
	case 6: /* sizes that no longer go together, sums that may overflow */
		if ((w[0] & 0xff) == BNN_CMD_CONV && rng_one_in(r, 2)) {
			break_rule(r, w);
			break;
		}
		w[1 + rng_below(r, 5)] += rng_one_in(r, 2) ? 1u << rng_below(r, 30) : (uint32_t)-1;
		break;
	case 7: /* one onto another */
		w[a->word] = w[b->word] + 64 * (rng_below(r, 40) - 20);
		w[a->word + 1] = (w[a->word + 1] & ~63u) | (w[b->word + 1] & 63);
		break;
	case 8: /* across the end of where it is, or of the activation memory */
		if (rng_one_in(r, 2))
			w[a->word + 1] = (w[a->word + 1] & ~63u) | BNN_REGION_ONCHIP;
		w[a->word] =
			((w[a->word + 1] & 63) == BNN_REGION_ONCHIP ? rtl->act_bytes : READ_BYTES) -
			64 * rng_below(r, 20);
		break;
	default: /* the opcode */
		w[0] = (w[0] & ~0xffu) |
		       (rng_one_in(r, 2) ? rng_next(r) & 0xff
					 : bnn_commands[rng_below(r, BNN_COMMAND_COUNT)].opcode);
	}
}

static bool run_faulty(unsigned long number)
{
	static struct program p;
	struct rng r = list_rng(number, 2);
	struct gen g = list_gen(&r);
	struct ref refs[REFS_MAX];
	struct bnn_completion a, b;
	char why[256];
	unsigned at, n;
	bool ok;

	g.work = 50000;
	/* Now and then what the core lacks. */
	if (rng_one_in(&r, 8))
		g.features = 0;
	gen_lines(&g, &p, rng_range(&r, 1, 3));
	at = rng_below(&r, p.count - 1);
	n = cmd_refs(p.line[at], refs);
	do
		damage(&r, p.line[at], refs, n);
	while (rng_one_in(&r, 8));
	gen_job(&r, &p, 0, rng_one_in(&r, 8));
	p.job.entry.cmd_count -= rng_one_in(&r, 20);
	if (p.job.entry.loop_start >= p.job.entry.cmd_count)
		p.job.entry.loop_start = 0;
	/* Damage may make a command of millions of cycles out of a small one. */
	p.job.entry.budget = 400;
	a = run_program(model, &p);
	b = run_program(rtl, &p);
	note_codes(&b);
	if (a.status == BNN_STATUS_TIMEOUT || b.status == BNN_STATUS_TIMEOUT) {
		copy_memory();
		return true;
	}
	if (b.status == BNN_STATUS_BAD_FIELD &&
	    (b.detail == BNN_DETAIL_UNSUPPORTED || b.detail == BNN_DETAIL_CAPACITY)) {
		ok = b.cmd_index < p.count && b.cmd_word == 128 * b.cmd_index &&
		     (b.detail == BNN_DETAIL_CAPACITY ||
		      cmd_lacks(p.line[b.cmd_index], rtl->features)) &&
		     (a.status == BNN_STATUS_OK || a.cmd_index > b.cmd_index ||
		      a.iteration > b.iteration || (a.cmd_index == b.cmd_index && late(&a)));
		snprintf(why, sizeof(why),
			 "UNSUPPORTED; the other says %u, detail %u, index %u, word %x", a.status,
			 a.detail, a.cmd_index, a.cmd_word);
		copy_memory();
	} else {
		ok = same_completion(&a, &b, true, why, sizeof(why)) &&
		     same_memory(why, sizeof(why));
	}
	return ok || report(number, "damaged", &p, why);
}

/* ---- entries, regions ------------------------------------------------------------ */

static bool run_bad_job(unsigned long number)
{
	static struct program p;
	struct rng r = list_rng(number, 3);
	struct bnn_completion a, b;
	char why[256];

	cmd_init(p.line[0], BNN_CMD_NOP);
	cmd_init(p.line[1], BNN_CMD_END);
	p.count = 2;
	job_init(&p.job, 2);
	switch (rng_below(&r, 3)) {
	case 0: /* a bit of the entry that does not say where memory is */
		do {
			uint32_t bit = rng_below(&r, 512);

			((uint8_t *)&p.job.entry)[bit / 8] ^= 1u << bit % 8;
			if ((bit >= 142 && bit < 192) || (bit >= 262 && bit < 320))
				((uint8_t *)&p.job.entry)[bit / 8] ^= 1u << bit % 8;
		} while (rng_one_in(&r, 2));
		break;
	case 1: { /* a bit of the regions */
		uint32_t bit = rng_below(&r, 256 * R_COUNT);

		((uint8_t *)p.job.region)[bit / 8] ^= 1u << bit % 8;
		if (rng_one_in(&r, 2))
			p.job.entry.iterations = rng_range(&r, 1, 20);
		break;
	}
	default: { /* a window near the end of the space */
		struct bnn_region *g = &p.job.region[rng_below(&r, R_COUNT)];

		p.job.entry.iterations = rng_range(&r, 1, 5);
		g->size = rng_range(&r, 0, 3) * 4096;
		g->stride = rng_range(&r, 0, 3) * 4096;
		g->va = (UINT64_C(1) << 32) - rng_range(&r, 0, 16) * 4096;
	}
	}
	if (p.job.entry.flags & BNN_JOB_FLAGS_PROFILE && !(rtl->features & BNN_FEATURES_PROFILE))
		return true;
	for (unsigned i = 0; i < 2; i++) {
		struct host *h = i ? rtl : model;
		struct job job = p.job;

		host_put(h, HOST_VA, p.line, 2 * BNN_COMMAND_BYTES);
		job_submit(h, 1, &job);
		run_to_idle(h);
	}
	a = job_result(model, 1);
	b = job_result(rtl, 1);
	note_codes(&b);
	/* It may find other commands than these. */
	if (b.status == BNN_STATUS_BAD_FIELD &&
	    (b.detail == BNN_DETAIL_UNSUPPORTED || b.detail == BNN_DETAIL_CAPACITY)) {
		copy_memory();
		return true;
	}
	return same_completion(&a, &b, true, why, sizeof(why)) ||
	       report(number, "entry or region", NULL, why);
}

/* ---- what happens to a job -------------------------------------------------------- */

/* Line of the list that is command `index` of an iteration of the unrolled one. */
static uint32_t unrolled(const struct program *p, uint32_t iteration, uint32_t index)
{
	return index + iteration * (p->count - p->job.entry.loop_start);
}

/* The same without a loop, up to the end of the list or to a command of it. */
static void unroll(const struct program *p, struct program *u, uint32_t iteration, uint32_t index)
{
	struct ref refs[REFS_MAX];

	*u = *p;
	u->count = 0;
	u->job.entry.flags &= ~(uint32_t)BNN_JOB_FLAGS_PROFILE;
	u->job.entry.profile_region = 0;
	u->job.entry.budget = BUDGET;
	u->job.entry.iterations = 1;
	u->job.entry.loop_start = 0;
	for (uint32_t i = 0; i < BNN_REGIONS; i++) {
		u->job.region[i].size += u->job.region[i].stride * (ITERATIONS - 1);
		u->job.region[i].stride = 0;
	}
	for (uint32_t it = 0; it <= iteration; it++)
		for (uint32_t i = it ? p->job.entry.loop_start : 0;
		     i < (it == iteration ? index : p->count - 1); i++) {
			uint32_t *w = u->line[u->count++];
			unsigned n;

			memcpy(w, p->line[i], BNN_COMMAND_BYTES);
			n = cmd_refs(w, refs);
			for (unsigned k = 0; k < n; k++)
				if (refs[k].region < BNN_REGIONS)
					w[refs[k].word] +=
						it * (uint32_t)p->job.region[refs[k].region].stride;
		}
	cmd_init(u->line[u->count++], BNN_CMD_END);
	u->job.entry.cmd_count = u->count;
	u->job.entry.cmd_offset = 0;
}

/*
 * Both memories were `before`, what is in the Verilog's now is what the job left.
 * The model runs what the completion says has been done.
 */
static bool is_precise(const struct program *p, const struct bnn_completion *c, char *why, size_t n)
{
	static struct program u;
	uint32_t iteration = c->iteration, index = c->cmd_index, done;
	struct bnn_completion a;

	if (!c->status)
		index = p->count - 1;
	if (index >= p->count || iteration >= p->job.entry.iterations) {
		snprintf(why, n, "status %u names command %u, iteration %u", c->status, index,
			 iteration);
		return false;
	}
	unroll(p, &u, iteration, index);
	a = run_program(model, &u);
	put_program(model, p);
	/* The program is not what is compared. */
	for (uint32_t at = 0; at < PROGRAM_BYTES; at += BNN_PAGE_SIZE)
		memcpy(host_at(model, HOST_VA + at), host_at(rtl, HOST_VA + at), BNN_PAGE_SIZE);
	if (a.status) {
		snprintf(why, n, "what the job has done is not legal: status %u", a.status);
		return false;
	}
	/* With a log, a command is done before its record is written. */
	done = unrolled(p, iteration, index) + !c->status;
	if (c->counters[BNN_COUNTER_COMMANDS] != done &&
	    !(c->status && p->job.entry.flags & BNN_JOB_FLAGS_PROFILE &&
	      c->counters[BNN_COUNTER_COMMANDS] == done + 1)) {
		snprintf(why, n, "status %u names command %u, iteration %u, but %llu were executed",
			 c->status, index, iteration,
			 (unsigned long long)c->counters[BNN_COUNTER_COMMANDS]);
		return false;
	}
	if (!memcmp(model->mem + HOST_DATA, rtl->mem + HOST_DATA, HOST_DATA_BYTES))
		return true;
	memset(undefined, 0, HOST_DATA_BYTES);
	if (c->status)
		mark(p, p->line[index], iteration);
	memset(undefined + LOG_AT, 1, LOG_BYTES);
	for (uint64_t at = 0; at < HOST_DATA_BYTES; at++)
		if (!undefined[at] &&
		    *host_at(model, HOST_VA + at) != *host_at(rtl, HOST_VA + at)) {
			snprintf(why, n,
				 "status %u names command %u, iteration %u, but the byte at data "
				 "offset 0x%llx is %02x, not %02x",
				 c->status, index, iteration, (unsigned long long)at,
				 *host_at(rtl, HOST_VA + at), *host_at(model, HOST_VA + at));
			return false;
		}
	copy_memory();
	return true;
}

/* Nothing but outputs of the list has changed since `before`. */
static bool is_confined(const struct program *p, char *why, size_t n)
{
	memset(undefined, 0, HOST_DATA_BYTES);
	for (uint32_t it = 0; it < p->job.entry.iterations; it++)
		for (uint32_t i = it ? p->job.entry.loop_start : 0; i < p->count; i++)
			mark(p, p->line[i], it);
	memset(undefined + LOG_AT, 1, LOG_BYTES);
	for (uint64_t at = 0; at < HOST_DATA_BYTES; at++)
		if (!undefined[at] &&
		    *host_at(rtl, HOST_VA + at) !=
			    before[host_at(rtl, HOST_VA + at) - rtl->mem - HOST_DATA]) {
			snprintf(why, n, "the byte at data offset 0x%llx is no output",
				 (unsigned long long)at);
			return false;
		}
	copy_memory();
	return true;
}

/* The list again, on both, from the same memory, with nothing happening to it. */
static bool runs_again(const struct program *p, char *why, size_t n)
{
	struct bnn_completion a, b;
	char first[200];

	/* Whatever one of them holds, both begin with it. */
	memcpy(model->mem + HOST_DATA, rtl->mem + HOST_DATA, HOST_DATA_BYTES);
	a = run_program(model, p);
	b = run_program(rtl, p);
	if (b.status == BNN_STATUS_BAD_FIELD && b.detail == BNN_DETAIL_CAPACITY) {
		copy_memory();
		return true; /* the model has room for everything */
	}
	if (same_completion(&a, &b, true, first, sizeof(first)) &&
	    same_memory(first, sizeof(first)))
		return true;
	snprintf(why, n, "the next job: %s", first);
	return false;
}

static void reset_rtl(void)
{
	host_set(rtl, BNN_REG_CTRL, BNN_CTRL_RESET);
	while (host_reg(rtl, BNN_REG_RESET_STATUS) & BNN_RESET_STATUS_BUSY)
		rtl->ops->run(rtl->core, 64);
}

/* 1 to 2^most, all magnitudes alike. */
static uint64_t any_size(struct rng *r, unsigned most)
{
	return 1 + rng_below(r, 1u << rng_range(r, 1, most));
}

/* A page that the list uses, as data offset; false: it has none. */
static bool used_page(struct rng *r, const struct program *p, uint64_t *page)
{
	struct ref refs[REFS_MAX];

	for (unsigned tries = 0; tries < 20; tries++) {
		const uint32_t *w = p->line[rng_below(r, p->count)];
		unsigned n = cmd_refs(w, refs);
		const struct ref *f = &refs[rng_below(r, n)];
		const struct bnn_region *g;

		if (!n || f->region >= BNN_REGIONS)
			continue;
		g = &p->job.region[f->region];
		*page = g->va + f->offset +
			(rng_one_in(r, 2) ? rng_below(r, (uint32_t)f->bytes) : 0);
		*page = (*page - HOST_VA) & ~(uint64_t)(BNN_PAGE_SIZE - 1);
		return true;
	}
	return false;
}

enum event { FAIL_READ, FAIL_WRITE, LOSE_PAGE, BREAK_PAGE, KILL, TIMEOUT, RESET, EVENTS };

static const char *const event_name[EVENTS] = { "a read fails",	   "a write fails",
						"a page is taken", "a page is damaged",
						"it is killed",	   "its budget ends",
						"a soft reset" };

static bool run_event(unsigned long number, enum event event)
{
	static struct program p;
	struct rng r = list_rng(number, 8 + event);
	struct gen g = list_gen(&r);
	struct bnn_completion c = { 0 };
	uint64_t page = 0, pte = 0;
	bool paged = false, held = true, ok = true, told;
	char why[256] = "";

	g.work = work / 2;
	gen_lines(&g, &p, rng_range(&r, 1, 5));
	gen_job(&r, &p, 0, rng_one_in(&r, 3));
	/* Memory from the same state on both, the program included. */
	put_program(model, &p);
	put_program(rtl, &p);
	memcpy(before, model->mem + HOST_DATA, HOST_DATA_BYTES);
	if (event == TIMEOUT)
		p.job.entry.budget = (uint32_t)any_size(&r, 5);
	if (event == FAIL_READ)
		rtl->ops->poke(rtl->core, BNN_CORE_POKE_DMA_READ, any_size(&r, 11) - 1);
	if (event == FAIL_WRITE)
		rtl->ops->poke(rtl->core, BNN_CORE_POKE_DMA_WRITE, any_size(&r, 11) - 1);
	if (event == BREAK_PAGE && used_page(&r, &p, &page)) {
		static const uint64_t bits[] = { BNN_PTE_V, BNN_PTE_V, BNN_PTE_W,
						 BNN_PTE_B, 1 << 5,    UINT64_C(1) << 40 };

		paged = true;
		pte = host_pte(rtl, HOST_VA + page);
		invalidate(rtl, HOST_ASID);
		host_set_pte(rtl, HOST_VA + page, pte ^ bits[rng_below(&r, 6)]);
	}
	submit(rtl, &p);
	if (event == LOSE_PAGE || event == KILL || event == RESET)
		rtl->ops->run(rtl->core, 60 + any_size(&r, 15));
	if (event == LOSE_PAGE && used_page(&r, &p, &page)) {
		paged = true;
		/* The one in use is where it hurts. */
		if (rng_one_in(&r, 2))
			page = rtl->last;
		pte = host_pte(rtl, HOST_VA + page);
		host_set_pte(rtl, HOST_VA + page, 0);
		invalidate(rtl, rng_one_in(&r, 3) ? 0 : HOST_ASID);
		rtl->trespasses = 0;
		rtl->closed = host_bus(HOST_VA + page);
	}
	if (event == KILL)
		host_set(rtl, BNN_REG_Q_KILL + BNN_QUEUE_STRIDE, (uint32_t)rtl->seqno);
	if (event == RESET) {
		unsigned writes, irqs;

		reset_rtl();
		writes = rtl->writes, irqs = rtl->irqs[2];
		run_to_idle(rtl);
		ok = writes == rtl->writes && irqs == rtl->irqs[2];
		if (!ok)
			snprintf(why, sizeof(why), "something happens after the reset");
		host_setup(rtl);
	}
	run_to_idle(rtl);
	rtl->ops->poke(rtl->core, BNN_CORE_POKE_DMA_READ, UINT64_MAX);
	rtl->ops->poke(rtl->core, BNN_CORE_POKE_DMA_WRITE, UINT64_MAX);
	rtl->closed = 0;
	if (paged && event == LOSE_PAGE)
		held = !rtl->trespasses;
	if (paged) {
		host_set_pte(rtl, HOST_VA + page, pte);
		invalidate(rtl, 0);
	}
	c = job_result(rtl, 1);
	told = event != RESET && c.seqno == rtl->seqno && !host_reg(rtl, BNN_REG_ERROR);
	injected[event]++;
	if (!ok) {
	} else if (!held) {
		ok = false;
		snprintf(why, sizeof(why), "the page at 0x%llx was used after it was taken",
			 (unsigned long long)page);
	} else if (told) {
		/* What a job may end with, given what happened to it. */
		static const uint32_t may[EVENTS] = {
			[FAIL_READ] = 1 << BNN_STATUS_BUS_ERROR,
			[FAIL_WRITE] = 1 << BNN_STATUS_BUS_ERROR,
			[LOSE_PAGE] = 1 << BNN_STATUS_MMU_FAULT,
			[BREAK_PAGE] = 1 << BNN_STATUS_MMU_FAULT | 1 << BNN_STATUS_BAD_PTE |
				       1 << BNN_STATUS_BUS_ERROR,
			[KILL] = 1 << BNN_STATUS_KILLED,
			[TIMEOUT] = 1 << BNN_STATUS_TIMEOUT,
		};
		bool overlap = c.status == BNN_STATUS_BAD_OVERLAP && c.iteration;
		bool small = c.status == BNN_STATUS_BAD_FIELD && c.detail == BNN_DETAIL_CAPACITY;

		note_codes(&c);
		hit[event] += c.status != 0;
		if (c.status && !(may[event] >> c.status & 1) && !overlap && !small) {
			ok = false;
			snprintf(why, sizeof(why), "status %u detail %u command %u", c.status,
				 c.detail, c.cmd_index);
		} else if (paged &&
			   (c.status == BNN_STATUS_MMU_FAULT || c.status == BNN_STATUS_BAD_PTE) &&
			   c.fault_va != HOST_VA + page) {
			ok = false;
			snprintf(why, sizeof(why), "fault at 0x%llx, not at the page 0x%llx",
				 (unsigned long long)c.fault_va,
				 (unsigned long long)(HOST_VA + page));
		} else {
			ok = is_precise(&p, &c, why, sizeof(why));
		}
	} else {
		/* Without a completion: the ring could not be read, or the slot not written. */
		hit[event]++;
		if (event != RESET) {
			uint32_t error = host_reg(rtl, BNN_REG_ERROR);

			ok = event <= FAIL_WRITE && error == 2u << BNN_ERROR_RING_READ_SHIFT;
			if (!ok)
				snprintf(why, sizeof(why), "no completion; ERROR is 0x%x", error);
			reset_rtl();
			host_setup(rtl);
		}
		ok = ok && is_confined(&p, why, sizeof(why));
	}
	p.job.entry.budget = BUDGET;
	ok = ok && runs_again(&p, why, sizeof(why));
	return ok || report(number, event_name[event], &p, why);
}

static bool run_event_of(unsigned long number)
{
	return run_event(number, number % EVENTS);
}

/* ---- page tables that both read --------------------------------------------------- */

/* The first page of an extent, or the directory entry of it, is damaged for both. */
static bool run_bad_page(unsigned long number)
{
	static const uint64_t bits[] = {
		BNN_PTE_V, BNN_PTE_W,	      BNN_PTE_B,	 BNN_PTE_L,	   1 << 5,
		1 << 11,   UINT64_C(1) << 52, UINT64_C(1) << 63, UINT64_C(1) << 40
	};
	static struct program p;
	struct rng r = list_rng(number, 4);
	struct gen g = list_gen(&r);
	struct ref refs[REFS_MAX];
	struct bnn_completion a, b;
	unsigned n;
	uint64_t va, old, bad;
	bool dir = rng_one_in(&r, 3), ok;
	char why[256];

	g.work = 50000;
	gen_lines(&g, &p, 1);
	gen_job(&r, &p, 0, false);
	n = cmd_refs(p.line[0], refs);
	va = p.job.region[0].va + p.job.entry.cmd_offset;
	for (unsigned i = 0; i < 4 && n; i++) {
		const struct ref *f = &refs[rng_below(&r, n)];

		if (f->region == BNN_REGION_ONCHIP || f->hint)
			continue;
		va = p.job.region[f->region].va + f->offset;
		break;
	}
	old = dir ? host_pde(model, va) : host_pte(model, va);
	bad = old ^ bits[rng_below(&r, 9)];
	for (unsigned i = 0; i < 2; i++) {
		struct host *h = i ? rtl : model;

		invalidate(h, HOST_ASID);
		dir ? host_set_pde(h, va, bad) : host_set_pte(h, va, bad);
	}
	a = run_program(model, &p);
	b = run_program(rtl, &p);
	for (unsigned i = 0; i < 2; i++) {
		struct host *h = i ? rtl : model;

		dir ? host_set_pde(h, va, old) : host_set_pte(h, va, old);
		invalidate(h, rng_one_in(&r, 2) ? 0 : HOST_ASID);
	}
	note_codes(&b);
	ok = same_completion(&a, &b, false, why, sizeof(why));
	/* An untouched list must leave equal memory; the outputs of a failed command are undefined.
	 */
	if (ok && !a.status)
		ok = same_memory(why, sizeof(why));
	if (ok && a.status && a.status != BNN_STATUS_BUS_ERROR &&
	    b.fault_va >> (dir ? 21 : 12) != va >> (dir ? 21 : 12)) {
		ok = false;
		snprintf(why, sizeof(why), "fault at 0x%llx, not 0x%llx",
			 (unsigned long long)b.fault_va, (unsigned long long)va);
	}
	copy_memory();
	if (ok)
		return true;
	printf("# %s of 0x%llx: 0x%llx\n", dir ? "PDE" : "PTE", (unsigned long long)va,
	       (unsigned long long)bad);
	return report(number, "page", &p, why);
}

/* ---- all of it --------------------------------------------------------------------- */

static bool several(const char *what, bool (*one)(unsigned long), unsigned long n,
		    unsigned long only)
{
	unsigned long failed = 0;

	for (unsigned long i = 0; i < n && failed < 10; i++)
		if (only == -1ul || only == i)
			failed += !one(i);
	return tap_ok(!failed, "%lu %s", n, what);
}

static const char *const status_name[16] = {
#define STATUS(name, value, text) [value] = #name,
#define DETAIL(name, value, text)
#define COUNTER(name, deterministic, text)
#include "status.def"
#undef STATUS
#undef DETAIL
};
static const char *const detail_name[16] = {
#define STATUS(name, value, text)
#define DETAIL(name, value, text) [value] = #name,
#include "status.def"
#undef STATUS
#undef DETAIL
#undef COUNTER
};

/* Whether the core can give it; of CAPACITY nobody outside can know. */
static bool can_give(bool detail, unsigned code)
{
	const uint32_t all = BNN_FEATURES_POST | BNN_FEATURES_FRAC | BNN_FEATURES_PLANES |
			     BNN_FEATURES_STREAM | BNN_FEATURES_TILED | BNN_FEATURES_CODEBOOK |
			     BNN_FEATURES_GROUPS;

	if (detail)
		return code && detail_name[code] && code != BNN_DETAIL_CAPACITY &&
		       (code != BNN_DETAIL_UNSUPPORTED || (rtl->features & all) != all ||
			rtl->features & BNN_FEATURES_SHIFT_ONLY);
	if (code == BNN_STATUS_BAD_ONCHIP)
		return rtl->act_bytes;
	return status_name[code] && code != BNN_STATUS_PARITY;
}

static bool complete(void)
{
	for (unsigned i = 0; i < 16; i++)
		if ((can_give(false, i) && !statuses[i]) || (can_give(true, i) && !details[i]))
			return false;
	return true;
}

/* Parity exists where a bit can be flipped. */
static void provoke_parity(void)
{
	static struct program p;
	struct rng r = list_rng(0, 7);
	struct gen g = list_gen(&r);
	struct bnn_completion c;

	if (rtl->ops->poke(rtl->core, BNN_CORE_POKE_FLIP_BIT, 3))
		return;
	gen_opcode(&g, p.line[0], BNN_CMD_CONV);
	cmd_init(p.line[1], BNN_CMD_END);
	p.count = 2;
	gen_job(&r, &p, 0, false);
	c = run_program(rtl, &p);
	note_codes(&c);
	tap_ok(c.status == BNN_STATUS_PARITY, "a flipped bit is found");
	copy_memory();
	host_set(rtl, BNN_REG_ERROR, BNN_ERROR_PARITY);
}

static void table(void)
{
	for (unsigned i = 0; i < 16; i++)
		if (status_name[i])
			tap_note("%-12s %8u%s", status_name[i], statuses[i],
				 statuses[i]	      ? ""
				 : can_give(false, i) ? "  MISSING"
						      : "  not in this core");
	for (unsigned i = 1; i < 16; i++)
		if (detail_name[i])
			tap_note("  %-12s %6u%s", detail_name[i], details[i],
				 details[i]	     ? ""
				 : can_give(true, i) ? "  MISSING"
						     : "  not in this core");
	for (unsigned i = 0; i < EVENTS; i++)
		tap_note("%s: %u times, %u in time", event_name[i], injected[i], hit[i]);
}

static uint32_t default_work(void)
{
	uint32_t caps = host_reg(rtl, BNN_REG_CAPS_ARRAY);
	uint32_t pairs = (caps & 255) * (caps >> 8 & 0xfff);

	return pairs < 1000 ? 300000 : pairs * 300;
}

static const char usage_text[] =
	"usage: bench [OPTIONS] MODEL RTL\n"
	"Random jobs on two cores (libraries with the core ABI); every byte must agree.\n"
	"  -n COMMANDS  legal commands, in lists (1000)\n"
	"  -f FAULTS    lists with a damaged command; half as many damaged jobs, a quarter damaged "
	"page tables (1000)\n"
	"  -e EVENTS    jobs that something happens to, soft resets among them (half of FAULTS)\n"
	"  -s SEED      of all of it (1)\n"
	"  -i LIST      only this list of each kind, as a failure names it\n"
	"  -o OPTIONS   of the bus: stall=PERCENT,latency=CYCLES,bytes=PER_CYCLE,act_kib=KIB "
	"(stall=25)\n"
	"  -w WORK      products of a command at most (by the size of the array)\n";

int main(int argc, char **argv)
{
	unsigned long commands = 1000, faults = 1000, events = -1ul, only = -1ul, done = 0,
		      lists = 0, failed = 0;
	const char *options = "stall=25";
	struct rng r;
	char both[64];
	int c;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage_text, stdout);
		return 0;
	}
	while ((c = getopt(argc, argv, "n:f:e:s:i:o:w:h")) != -1) {
		switch (c) {
		case 'n':
			commands = strtoul(optarg, NULL, 0);
			break;
		case 'f':
			faults = strtoul(optarg, NULL, 0);
			break;
		case 'e':
			events = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoul(optarg, NULL, 0);
			break;
		case 'i':
			only = strtoul(optarg, NULL, 0);
			break;
		case 'o':
			options = optarg;
			break;
		case 'w':
			work = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (argc - optind != 2) {
		fputs(usage_text, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	before = malloc(HOST_DATA_BYTES);
	undefined = malloc(HOST_DATA_BYTES);
	rtl = host_open(argv[optind + 1], options);
	if (!rtl || !before || !undefined)
		return 2;
	snprintf(both, sizeof(both), "act_kib=%u,bus_bits=%u", rtl->act_bytes / 1024,
		 host_reg(rtl, BNN_REG_MMU_CAPS) >> BNN_MMU_CAPS_BUS_BITS_SHIFT & 255);
	model = host_open(argv[optind], both);
	if (!model)
		return 2;
	run_to_idle(rtl);
	if (!work)
		work = default_work();
	r = list_rng(0, 0);
	gen_memory(model, &r);
	copy_memory();

	for (; only == -1ul ? done < commands && failed < 10 : lists <= only; lists++) {
		uint32_t n;

		if (only != -1ul && lists != only)
			continue;
		n = run_random(lists);
		done += n;
		failed += !n;
	}
	tap_note("%llu cycles", (unsigned long long)cycles_spent);
	tap_ok(!failed, "%lu commands in %lu lists agree (seed %lu, options %s)", done, lists, seed,
	       options);
	several("lists with a damaged command agree", run_faulty, faults, only);
	several("jobs with damaged entries and regions agree", run_bad_job, faults / 2, only);
	several("jobs with damaged page tables agree", run_bad_page, faults / 4, only);
	several("jobs that something happened to are precise, and so is the next", run_event_of,
		events == -1ul ? faults / 2 : events, only);
	if (only == -1ul && faults) {
		provoke_parity();
		/* What chance has left out. */
		for (unsigned long i = faults; !complete() && i < 20 * faults + 2000; i++)
			failed += !run_faulty(i) + !run_bad_job(i);
		table();
		tap_ok(complete() && !failed, "every code that the core can give was seen");
	}
	tap_ok(!rtl->stray, "no transaction against the rules (%u reads, %u writes)", rtl->reads,
	       rtl->writes);
	c = tap_done();
	host_close(model);
	host_close(rtl);
	free(before);
	free(undefined);
	return c;
}
