/* SPDX-License-Identifier: MIT */
/*
 * Random command lists on two cores, normally the model and the Verilog: every
 * byte of memory, status, detail, index, word, and the deterministic counters
 * have to agree. Then lists with one damaged command, and jobs with damaged
 * entries, regions and page tables, where the faults have to agree.
 *
 *   bench [-n COMMANDS] [-f FAULTS] [-s SEED] [-i LIST] [-o OPTIONS] MODEL RTL
 *
 * A mismatch names the seed and the number of its list; -s SEED -i LIST runs
 * that list alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

enum { LIST_MAX = 6, NARROW_AT = 0x200000, NARROWS = 0x8000 };

static struct host *model, *rtl;
static unsigned long seed = 1;

/* ---- random binary commands ---------------------------------------------- */

struct place {
	uint32_t both, write, act;
};

#define SET(field, value) bnn_field_set(w, BNN_F_##field, value)
#define GET(field) bnn_field_get(w, BNN_F_##field)

static uint32_t bump(uint32_t *next, uint32_t bytes)
{
	uint32_t at = *next;

	*next = (at + bytes + 127) & ~63u;
	return at;
}

/* A place for bytes that meets no other of the same command. */
static void place(struct rng *r, struct place *p, uint32_t *w, unsigned word, bool write,
		  uint32_t bytes, uint32_t align)
{
	uint32_t region, offset;

	if (p->act + bytes + 128 <= rtl->act_bytes && rng_one_in(r, 3)) {
		region = BNN_REGION_ONCHIP;
		offset = bump(&p->act, bytes + 64);
	} else if (p->both + bytes + 128 <= BOTH_BYTES && rng_one_in(r, 2)) {
		region = R_BOTH;
		offset = bump(&p->both, bytes + 64);
	} else if (write) {
		region = R_WRITE;
		offset = bump(&p->write, bytes + 64);
	} else {
		region = R_READ;
		offset = rng_below(r, (NARROW_AT - bytes - 64) / 64) * 64;
	}
	w[word] = offset + rng_below(r, 64 / align) * align;
	w[word + 1] = (w[word + 1] & ~63u) | region;
}

static void tensor(struct rng *r, struct place *p, uint32_t *w, unsigned word, bool write,
		   uint32_t h, uint32_t width, uint32_t c)
{
	uint32_t natural = (c + 15) / 16 * 2, pixel = natural, row;
	bool spread = rng_one_in(r, 3);

	if (spread)
		pixel += 2 * rng_below(r, rng_one_in(r, 8) ? 400 : 10);
	row = ((width - 1) * pixel + natural + 15) / 16 + rng_below(r, 3);
	w[word + 1] = BNN_FORMAT_B1 << 6 | row << 11;
	w[word + 2] = spread ? pixel / 2 : 0;
	place(r, p, w, word, write, (h - 1) * row * 16 + (width - 1) * pixel + natural,
	      spread ? 2 : 64);
}

static uint32_t channels(struct rng *r, uint32_t most)
{
	static const uint16_t usual[] = { 1,  3,  8,   15,  16,	 17,  31,  32,	33,  63,
					  64, 65, 127, 128, 129, 255, 256, 257, 300, 512 };
	uint32_t c = rng_one_in(r, 2) ? usual[rng_below(r, 20)] : rng_range(r, 1, 48);

	return c > most ? rng_range(r, 1, most) : c;
}

static uint32_t divisor(struct rng *r, uint32_t n)
{
	uint32_t d;

	do
		d = rng_range(r, 1, n);
	while (n % d);
	return d;
}

static void gen_conv(struct rng *r, struct place *p, uint32_t *w)
{
	uint32_t h, width, cin, cout, kh, kw, oh, ow, pad[4], row;
	uint64_t macs;

	do {
		uint32_t sh = rng_one_in(r, 2) ? 1 : rng_range(r, 1, 4);
		uint32_t sw = rng_one_in(r, 2) ? 1 : rng_range(r, 1, 4);
		bool flat = rng_one_in(r, 6);

		cmd_init(w, BNN_CMD_CONV);
		h = flat ? 1 : rng_range(r, 1, 10);
		width = flat ? 1 : rng_range(r, 1, 14);
		cin = flat && rng_one_in(r, 3) ? rng_range(r, 1, 8192) : channels(r, 512);
		cout = flat && rng_one_in(r, 3) ? rng_range(r, 1, 1200) : channels(r, 300);
		kh = flat ? 1 : rng_one_in(r, 3) ? rng_range(r, 1, 7) : rng_range(r, 1, 3);
		kw = flat ? 1 : rng_one_in(r, 3) ? rng_range(r, 1, 7) : rng_range(r, 1, 3);
		for (unsigned i = 0; i < 4; i++)
			pad[i] = rng_one_in(r, 3) ? 0 : rng_below(r, i % 2 ? kw : kh);
		oh = h + pad[0] + pad[2] >= kh ? (h + pad[0] + pad[2] - kh) / sh + 1 : 0;
		ow = width + pad[1] + pad[3] >= kw ? (width + pad[1] + pad[3] - kw) / sw + 1 : 0;
		SET(CONV_NARROW, 1);
		SET(CONV_H, h);
		SET(CONV_W, width);
		SET(CONV_CIN, cin);
		SET(CONV_COUT, cout);
		SET(CONV_KH, kh);
		SET(CONV_KW, kw);
		SET(CONV_SH, sh);
		SET(CONV_SW, sw);
		SET(CONV_DH, 1);
		SET(CONV_DW, 1);
		SET(CONV_GROUPS, 1);
		SET(CONV_PAD_T, pad[0]);
		SET(CONV_PAD_L, pad[1]);
		SET(CONV_PAD_B, pad[2]);
		SET(CONV_PAD_R, pad[3]);
		SET(CONV_PAD_MODE, rng_below(r, 3));
		SET(CONV_PS, rng_one_in(r, 3) ? rng_below(r, 16) : 0);
		/* Fields that only say something in other modes may hold anything. */
		if (rng_one_in(r, 8)) {
			SET(CONV_S1, rng_below(r, 32));
			SET(CONV_A3, rng_next(r) & 0xffff);
			SET(CONV_B3, rng_next(r));
		}
		row = (kh * kw * ((cin + 15) / 16 * 2) + 15) / 16 * 16;
		macs = (uint64_t)oh * ow * cout * kh * kw * cin;
	} while (!oh || !ow || macs > 6000000 || kh * kw * cin > 32767 || row * cout > 0x100000);
	tensor(r, p, w, 11, false, h, width, cin);
	place(r, p, w, 14, false, row * cout, 64);
	if (rng_one_in(r, 8))
		place(r, p, w, 16, false, 8 * cout, 64);
	else
		cmd_vector(w, 16, R_READ,
			   NARROW_AT + rng_below(r, NARROWS / 8 - cout / 8 - 1) * 64);
	tensor(r, p, w, 18, true, oh, ow, cout);
}

static void gen_pool(struct rng *r, struct place *p, uint32_t *w)
{
	uint32_t h, width, oh, ow, cin, group;

	do {
		uint32_t kh = rng_one_in(r, 8) ? rng_range(r, 1, 64) : rng_range(r, 1, 4);
		uint32_t kw = rng_one_in(r, 8) ? rng_range(r, 1, 64) : rng_range(r, 1, 4);
		uint32_t pt = rng_below(r, kh), pb = rng_below(r, kh);
		uint32_t pl = rng_below(r, kw), pr = rng_below(r, kw);

		cmd_init(w, BNN_CMD_POOL);
		h = rng_range(r, 1, 12);
		width = rng_range(r, 1, 12);
		cin = rng_one_in(r, 40) ? rng_range(r, 1, 8192) : channels(r, 512);
		group = rng_one_in(r, 2) ? 1 : divisor(r, cin);
		SET(POOL_MODE, 1 + rng_below(r, 2));
		SET(POOL_H, h);
		SET(POOL_W, width);
		SET(POOL_CIN, cin);
		SET(POOL_GROUP, group);
		SET(POOL_KH, kh);
		SET(POOL_KW, kw);
		SET(POOL_SH, rng_one_in(r, 8) ? rng_range(r, 1, 64) : rng_range(r, 1, 4));
		SET(POOL_SW, rng_one_in(r, 8) ? rng_range(r, 1, 64) : rng_range(r, 1, 4));
		SET(POOL_PAD_T, pt);
		SET(POOL_PAD_L, pl);
		SET(POOL_PAD_B, pb);
		SET(POOL_PAD_R, pr);
		oh = h + pt + pb >= kh ? (h + pt + pb - kh) / GET(POOL_SH) + 1 : 0;
		ow = width + pl + pr >= kw ? (width + pl + pr - kw) / GET(POOL_SW) + 1 : 0;
	} while (!oh || !ow || (uint64_t)oh * ow * GET(POOL_KH) * GET(POOL_KW) > 30000 ||
		 (cin > 512 && h * width > 4));
	tensor(r, p, w, 11, false, h, width, cin);
	tensor(r, p, w, 18, true, oh, ow, cin / group);
}

static void gen_enc(struct rng *r, struct place *p, uint32_t *w)
{
	uint32_t mode = rng_below(r, 3), h, width, colours, levels, c;

	cmd_init(w, BNN_CMD_ENC);
	do {
		h = rng_range(r, 1, 9);
		width = rng_range(r, 1, 12);
		colours = rng_one_in(r, 3) ? rng_range(r, 1, 200) : rng_range(r, 1, 4);
		levels = mode == 1 ? rng_one_in(r, 4) ? rng_range(r, 1, 255) : rng_range(r, 1, 20)
				   : 0;
		c = mode == 0 ? colours : mode == 1 ? colours * levels : colours * 8;
	} while (c > 8192 || (uint64_t)h * width * c > 40000);
	SET(ENC_PLANAR, rng_below(r, 2));
	SET(ENC_SHARED, rng_below(r, 2));
	SET(ENC_MODE, mode);
	SET(ENC_H, h);
	SET(ENC_W, width);
	SET(ENC_COLOURS, colours);
	SET(ENC_LEVELS, levels);
	place(r, p, w, 11, false, h * width * colours, 1);
	place(r, p, w, 14, false, 256 * (GET(ENC_SHARED) ? 1 : colours), 64);
	tensor(r, p, w, 18, true, h, width, c);
}

static void gen_command(struct rng *r, uint32_t *w)
{
	struct place p = { rng_below(r, 0x1000) * 64, rng_below(r, 0x1000) * 64,
			   rng_below(r, rtl->act_bytes / 256 + 1) * 64 };

	switch (rng_below(r, 12)) {
	case 0:
		cmd_init(w, BNN_CMD_NOP);
		break;
	case 1:
		cmd_init(w, BNN_CMD_PREFETCH);
		SET(PREFETCH_PARAMS, rng_below(r, 2));
		SET(PREFETCH_BYTES, rng_range(r, 1, 5000));
		place(r, &p, w, 14, false, 5000, 64);
		break;
	case 2:
	case 3:
	case 4:
		gen_enc(r, &p, w);
		break;
	case 5:
	case 6:
		gen_pool(r, &p, w);
		break;
	default:
		gen_conv(r, &p, w);
	}
}

/* ---- memory of both ------------------------------------------------------- */

static void fill_memory(struct rng *r)
{
	uint8_t *p = model->mem + HOST_DATA;

	/* Words at a time: rng_fill() takes a step per byte. */
	for (size_t i = 0; i < HOST_DATA_BYTES; i += 4) {
		uint32_t v = rng_next(r);

		memcpy(p + i, &v, 4);
	}
	for (uint32_t i = 0; i < NARROWS; i++) {
		uint32_t record[2];

		record[0] = rng_below(r, 257) - 128;
		if (rng_one_in(r, 4))
			record[0] = rng_below(r, 21) - 10;
		if (rng_one_in(r, 16))
			record[0] = rng_next(r);
		record[1] = rng_next(r);
		host_put(model, HOST_VA + READ_AT + NARROW_AT + 8 * i, record, 8);
	}
	memcpy(rtl->mem + HOST_DATA, p, HOST_DATA_BYTES);
}

static bool same_memory(char *why, size_t n)
{
	const uint8_t *a = model->mem + HOST_DATA, *b = rtl->mem + HOST_DATA;

	if (!memcmp(a, b, HOST_DATA_BYTES))
		return true;
	for (uint64_t va = HOST_VA; va < HOST_VA + HOST_DATA_BYTES; va++)
		if (*host_at(model, va) != *host_at(rtl, va)) {
			snprintf(why, n, "byte at data offset 0x%llx: %02x, %02x",
				 (unsigned long long)(va - HOST_VA), *host_at(model, va),
				 *host_at(rtl, va));
			return false;
		}
	return true;
}

static void copy_memory(void)
{
	memcpy(rtl->mem + HOST_DATA, model->mem + HOST_DATA, HOST_DATA_BYTES);
}

/* ---- comparison ------------------------------------------------------------ */

static const bool deterministic[BNN_COUNTERS] = {
	[BNN_COUNTER_MACS] = true,	     [BNN_COUNTER_FRAC_ISSUED] = true,
	[BNN_COUNTER_FRAC_SKIPPED] = true,   [BNN_COUNTER_BYTES_COMMANDS] = true,
	[BNN_COUNTER_BYTES_WEIGHTS] = true,  [BNN_COUNTER_BYTES_ACT] = true,
	[BNN_COUNTER_BYTES_RESIDUAL] = true, [BNN_COUNTER_BYTES_WRITTEN] = true,
	[BNN_COUNTER_COMMANDS] = true,	     [BNN_COUNTER_SATURATED] = true,
};

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
	FIELD(seqno);
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
		if (deterministic[i] && a->counters[i] != b->counters[i]) {
			snprintf(why, n, "counter %u: %llu, %llu", i,
				 (unsigned long long)a->counters[i],
				 (unsigned long long)b->counters[i]);
			return false;
		}
	return true;
}

static void show(uint32_t list[][32], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		printf("#  %2u:", i);
		for (unsigned k = 0; k < 32; k++)
			printf("%s%x", k % 16 ? " " : "\n#    ", list[i][k]);
		putchar('\n');
	}
}

static void submit_both(struct job *job, uint32_t list[][32], uint32_t count,
			struct bnn_completion *a, struct bnn_completion *b)
{
	struct job other = *job;

	host_put(model, HOST_VA + job->region[R_PROGRAM].va % 64, list,
		 (size_t)count * BNN_COMMAND_BYTES);
	host_put(rtl, HOST_VA + job->region[R_PROGRAM].va % 64, list,
		 (size_t)count * BNN_COMMAND_BYTES);
	job_submit(model, 1, job);
	host_run(model);
	*a = job_result(model, 1);
	job_submit(rtl, 1, &other);
	host_run(rtl);
	*b = job_result(rtl, 1);
}

/* ---- lists ------------------------------------------------------------------ */

static uint64_t cycles_spent;
static unsigned statuses[16], details[16];

static struct rng list_rng(unsigned long number, uint32_t salt)
{
	return (struct rng){ (uint64_t)seed << 32 ^ number * 0x10001 ^ (uint64_t)salt << 56 };
}

/* Returns the number of commands, 0 on a mismatch. */
static uint32_t run_random(unsigned long number)
{
	struct rng r = list_rng(number, 1);
	uint32_t list[LIST_MAX + 1][32], count = rng_range(&r, 1, LIST_MAX);
	struct bnn_completion a, b;
	struct job job;
	char why[256];

	for (uint32_t i = 0; i < count; i++)
		gen_command(&r, list[i]);
	cmd_init(list[count], BNN_CMD_END);
	job_init(&job, count + 1);
	if (rng_one_in(&r, 8)) {
		job.entry.iterations = rng_range(&r, 1, 3);
		job.entry.loop_start = rng_below(&r, count + 1);
		for (unsigned i = R_READ; i <= R_BOTH; i++) {
			job.region[i].size -= 0x4000;
			job.region[i].stride = rng_below(&r, 0x2000);
		}
	}
	/* Regions start at any byte. */
	if (rng_one_in(&r, 3))
		for (unsigned i = R_PROGRAM; i <= R_BOTH; i++) {
			job.region[i].va += rng_below(&r, 64);
			job.region[i].size -= 64;
		}
	submit_both(&job, list, count + 1, &a, &b);
	cycles_spent += b.cycles;
	statuses[a.status & 15]++;
	if (same_completion(&a, &b, true, why, sizeof(why)) && same_memory(why, sizeof(why)))
		return count * job.entry.iterations;
	printf("# -s %lu -i %lu: %s\n", seed, number, why);
	show(list, count + 1);
	copy_memory();
	return 0;
}

/* A fault of the model that comes after the point where UNSUPPORTED is told. */
static bool late(const struct bnn_completion *c)
{
	return c->status == BNN_STATUS_OK || c->status == BNN_STATUS_NO_END ||
	       (c->status >= BNN_STATUS_BAD_BOUNDS && c->status <= BNN_STATUS_BUS_ERROR) ||
	       (c->status == BNN_STATUS_BAD_FIELD &&
		(c->detail == BNN_DETAIL_FORMAT || c->detail == BNN_DETAIL_ALIGN ||
		 c->detail == BNN_DETAIL_REGION || c->detail == BNN_DETAIL_RESERVED));
}

static void damage(struct rng *r, uint32_t *w)
{
	uint32_t op = w[0] & 0xff;

	switch (rng_below(r, 8)) {
	case 0: /* any bit of any word */
		w[rng_below(r, 32)] ^= 1u << rng_below(r, 32);
		break;
	case 1: { /* a field at or beyond a limit */
		const struct bnn_command *info = NULL;

		for (unsigned i = 0; i < BNN_COMMAND_COUNT; i++)
			if (bnn_commands[i].opcode == op)
				info = &bnn_commands[i];
		if (info && info->count) {
			unsigned f = info->first + rng_below(r, info->count);
			uint32_t lo = bnn_fields[f].min, hi = bnn_fields[f].max;
			uint32_t v = rng_one_in(r, 2) ? lo - rng_below(r, 2) : hi + rng_below(r, 2);

			if (rng_one_in(r, 3))
				v = rng_next(r);
			bnn_field_set(w, (enum bnn_field_id)f,
				      v & (uint32_t)((UINT64_C(1) << bnn_fields[f].width) - 1));
		}
		break;
	}
	case 2: /* region, format or pitch of a reference */
	case 3: {
		static const uint8_t word[] = { 12, 15, 17, 19, 22, 25, 28, 31 };
		uint32_t i = word[rng_below(r, 8)];

		if (rng_one_in(r, 2))
			w[i] = (w[i] & ~63u) | rng_below(r, 64);
		else if (rng_one_in(r, 2))
			w[i] = (w[i] & ~(31u << 6)) | rng_below(r, 32) << 6;
		else
			w[i] = (w[i] & 2047) | ((w[i] >> 11) - rng_below(r, 3)) << 11;
		break;
	}
	case 4: { /* offset, pixel */
		static const uint8_t word[] = { 11, 14, 16, 18, 13, 20 };

		w[word[rng_below(r, 6)]] +=
			rng_one_in(r, 2) ? rng_below(r, 64) : rng_next(r) >> rng_below(r, 32);
		break;
	}
	case 5: /* sizes that no longer go together */
		w[1 + rng_below(r, 5)] += rng_one_in(r, 2) ? 1u << rng_below(r, 30) : (uint32_t)-1;
		break;
	case 6: /* the output onto an input */
		if (rng_one_in(r, 2)) {
			w[18] = w[11] + 64 * rng_below(r, 20);
			w[19] = (w[19] & ~63u) | (w[12] & 63);
		} else {
			w[18] = w[14] + 64 * rng_below(r, 20);
			w[19] = (w[19] & ~63u) | (w[15] & 63);
		}
		break;
	default: /* the opcode */
		w[0] = (w[0] & ~0xffu) |
		       (rng_one_in(r, 2) ? rng_next(r) & 0xff
					 : bnn_commands[rng_below(r, BNN_COMMAND_COUNT)].opcode);
	}
}

static bool run_faulty(unsigned long number)
{
	struct rng r = list_rng(number, 2);
	uint32_t list[LIST_MAX + 1][32], count = rng_range(&r, 1, 2), at = rng_below(&r, count);
	struct bnn_completion a, b;
	struct job job;
	char why[256];
	bool ok;

	for (uint32_t i = 0; i < count; i++)
		gen_command(&r, list[i]);
	do
		damage(&r, list[at]);
	while (rng_one_in(&r, 8));
	cmd_init(list[count], BNN_CMD_END);
	job_init(&job, count + (rng_below(&r, 20) != 0));
	/* Damage may make a command of millions of cycles out of a small one. */
	job.entry.budget = 400;
	submit_both(&job, list, count + 1, &a, &b);
	if (a.status == BNN_STATUS_TIMEOUT || b.status == BNN_STATUS_TIMEOUT) {
		copy_memory();
		return true;
	}
	statuses[b.status & 15]++;
	if (b.status == BNN_STATUS_BAD_FIELD)
		details[b.detail & 15]++;
	if (b.status == BNN_STATUS_BAD_FIELD && b.detail == BNN_DETAIL_UNSUPPORTED) {
		ok = b.cmd_index < count && b.cmd_word == 128 * b.cmd_index &&
		     cmd_features(list[b.cmd_index]) & ~rtl->features &&
		     (a.status == BNN_STATUS_OK || a.cmd_index > b.cmd_index ||
		      (a.cmd_index == b.cmd_index && late(&a)));
		snprintf(why, sizeof(why),
			 "UNSUPPORTED; the other says %u, detail %u, index %u, word %x", a.status,
			 a.detail, a.cmd_index, a.cmd_word);
		copy_memory();
	} else {
		ok = same_completion(&a, &b, true, why, sizeof(why)) &&
		     same_memory(why, sizeof(why));
	}
	if (ok)
		return true;
	printf("# -s %lu -i %lu (damaged): %s\n", seed, number, why);
	show(list, count + 1);
	copy_memory();
	return false;
}

/* ---- entries, regions, tables ------------------------------------------------ */

static bool run_bad_job(unsigned long number)
{
	struct rng r = list_rng(number, 3);
	uint32_t list[2][32];
	struct bnn_completion a, b;
	struct job job;
	char why[256];

	cmd_init(list[0], BNN_CMD_NOP);
	cmd_init(list[1], BNN_CMD_END);
	job_init(&job, 2);
	switch (rng_below(&r, 3)) {
	case 0: /* a bit of the entry that does not say where memory is */
		do {
			uint32_t bit = rng_below(&r, 512);

			((uint8_t *)&job.entry)[bit / 8] ^= 1u << bit % 8;
			if ((bit >= 142 && bit < 192) || (bit >= 262 && bit < 320))
				((uint8_t *)&job.entry)[bit / 8] ^= 1u << bit % 8;
		} while (rng_one_in(&r, 2));
		break;
	case 1: { /* a bit of the regions */
		uint32_t bit = rng_below(&r, 256 * R_COUNT);

		((uint8_t *)job.region)[bit / 8] ^= 1u << bit % 8;
		if (rng_one_in(&r, 2))
			job.entry.iterations = rng_range(&r, 1, 20);
		break;
	}
	default: { /* a window near the end of the space */
		struct bnn_region *g = &job.region[rng_below(&r, R_COUNT)];

		job.entry.iterations = rng_range(&r, 1, 5);
		g->size = rng_range(&r, 0, 3) * 4096;
		g->stride = rng_range(&r, 0, 3) * 4096;
		g->va = (UINT64_C(1) << 32) - rng_range(&r, 0, 16) * 4096;
	}
	}
	job.entry.seqno = 0;
	submit_both(&job, list, 2, &a, &b);
	statuses[b.status & 15]++;
	a.seqno = b.seqno;
	if (same_completion(&a, &b, true, why, sizeof(why)))
		return true;
	printf("# -s %lu -i %lu (entry or region): %s\n", seed, number, why);
	return false;
}

/* A page-table entry of one of the command's extents is damaged. */
static bool run_bad_page(unsigned long number)
{
	static const uint64_t bits[] = {
		BNN_PTE_V, BNN_PTE_W,	      BNN_PTE_B,	 BNN_PTE_L,	   1 << 5,
		1 << 11,   UINT64_C(1) << 52, UINT64_C(1) << 63, UINT64_C(1) << 40
	};
	struct rng r = list_rng(number, 4);
	uint32_t list[2][32];
	static const uint8_t words[] = { 11, 14, 18, 0 };
	static const uint32_t starts[] = { 0, READ_AT, WRITE_AT, BOTH_AT };
	uint32_t slot = words[rng_below(&r, 4)], region;
	struct bnn_completion a, b;
	struct job job;
	uint64_t va, old, bad;
	bool dir = rng_one_in(&r, 3), ok;
	char why[256];

	do {
		gen_command(&r, list[0]);
		region = slot ? list[0][slot + 1] & 63 : 0;
	} while ((slot && region == 0) || region == BNN_REGION_ONCHIP ||
		 (list[0][0] & 0xff) < BNN_CMD_ENC || (list[0][0] & 0xff) == BNN_CMD_PREFETCH ||
		 ((list[0][0] & 0xff) == BNN_CMD_POOL && slot == 14));
	cmd_init(list[1], BNN_CMD_END);
	job_init(&job, 2);
	va = HOST_VA + starts[region] + (slot ? list[0][slot] : 0);
	old = dir ? host_pde(model, va) : host_pte(model, va);
	bad = old ^ bits[rng_below(&r, 9)];
	for (unsigned i = 0; i < 2; i++) {
		struct host *h = i ? rtl : model;

		host_set(h, BNN_REG_MMU_INV, HOST_ASID);
		host_run(h);
		dir ? host_set_pde(h, va, bad) : host_set_pte(h, va, bad);
	}
	submit_both(&job, list, 2, &a, &b);
	for (unsigned i = 0; i < 2; i++) {
		struct host *h = i ? rtl : model;

		dir ? host_set_pde(h, va, old) : host_set_pte(h, va, old);
		host_set(h, BNN_REG_MMU_INV, rng_one_in(&r, 2) ? 0 : HOST_ASID);
		host_run(h);
	}
	statuses[b.status & 15]++;
	ok = same_completion(&a, &b, false, why, sizeof(why));
	/* An untouched list must leave equal memory; the outputs of a failed command are undefined.
	 */
	if (ok && !a.status)
		ok = same_memory(why, sizeof(why));
	copy_memory();
	if (ok)
		return true;
	printf("# -s %lu -i %lu (page, word %u, %s %llx): %s\n", seed, number, slot,
	       dir ? "PDE" : "PTE", (unsigned long long)bad, why);
	show(list, 2);
	return false;
}

static void report(void)
{
	char line[256];
	int at = 0;

	for (unsigned i = 0; i < 16; i++)
		if (statuses[i])
			at += snprintf(line + at, sizeof(line) - (size_t)at, " %u:%u", i,
				       statuses[i]);
	tap_note("statuses%s", at ? line : " none");
	at = 0;
	for (unsigned i = 0; i < 16; i++)
		if (details[i])
			at += snprintf(line + at, sizeof(line) - (size_t)at, " %u:%u", i,
				       details[i]);
	if (at)
		tap_note("details of BAD_FIELD%s", line);
	memset(statuses, 0, sizeof(statuses));
	memset(details, 0, sizeof(details));
}

static bool several(const char *what, bool (*one)(unsigned long), unsigned long n,
		    unsigned long only)
{
	unsigned long failed = 0;

	for (unsigned long i = 0; i < n && failed < 10; i++)
		if (only == -1ul || only == i)
			failed += !one(i);
	report();
	return tap_ok(!failed, "%lu %s agree", n, what);
}

int main(int argc, char **argv)
{
	unsigned long commands = 1000, faults = 1000, only = -1ul, done = 0, lists = 0, failed = 0;
	const char *options = "stall=25";
	struct rng r;
	char both[64];
	int c;

	while ((c = getopt(argc, argv, "n:f:s:i:o:")) != -1) {
		switch (c) {
		case 'n':
			commands = strtoul(optarg, NULL, 0);
			break;
		case 'f':
			faults = strtoul(optarg, NULL, 0);
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
		default:
			return 2;
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: bench [-n COMMANDS] [-f FAULTS] [-s SEED] [-i LIST] [-o "
				"OPTIONS] MODEL RTL\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	rtl = host_open(argv[optind + 1], options);
	if (!rtl)
		return 2;
	snprintf(both, sizeof(both), "act_kib=%u", rtl->act_bytes / 1024);
	model = host_open(argv[optind], both);
	if (!model)
		return 2;
	host_run(rtl);
	r = list_rng(0, 0);
	fill_memory(&r);

	for (; only == -1ul ? done < commands && failed < 10 : lists <= only; lists++) {
		uint32_t n;

		if (only != -1ul && lists != only)
			continue;
		n = run_random(lists);
		done += n;
		failed += !n;
	}
	report();
	tap_note("%llu cycles", (unsigned long long)cycles_spent);
	tap_ok(!failed, "%lu commands in %lu lists agree (seed %lu)", done, lists, seed);
	several("lists with a damaged command", run_faulty, faults, only);
	several("jobs with damaged entries and regions", run_bad_job, faults / 2, only);
	several("jobs with damaged page tables", run_bad_page, faults / 4, only);
	tap_ok(!rtl->stray, "no transaction against the rules (%u reads, %u writes)", rtl->reads,
	       rtl->writes);
	c = tap_done();
	host_close(model);
	host_close(rtl);
	return c;
}
