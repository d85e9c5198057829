/* SPDX-License-Identifier: MIT */
/* Everything around the arithmetic: registers, rings, translations, faults, resets, state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

static bool is_model(const struct host *h)
{
	return !strcmp(h->ops->name, "model");
}

static uint32_t q_reg(unsigned q, uint32_t reg)
{
	return reg + q * BNN_QUEUE_STRIDE;
}

/* A core in its first state, with everything mapped and enabled. */
static void fresh(struct host *h)
{
	h->ops->reset(h->core, BNN_CORE_RESET_FLR);
	host_setup(h);
	h->slice = UINT64_MAX;
	h->clock = h->slot_at = h->done_at = h->irq_at = 0;
	memset(h->irqs, 0, sizeof(h->irqs));
}

static uint64_t done_count(struct host *h, unsigned q)
{
	uint32_t depth = host_reg(h, q_reg(q, BNN_REG_Q_SIZE));
	uint64_t done;

	memcpy(&done,
	       h->mem + HOST_RINGS + q * HOST_RING_BYTES + HOST_CQ + depth * BNN_SIZEOF_COMPLETION,
	       8);
	return done;
}

/* A list of nothing. */
static void empty_job(struct host *h, struct job *job)
{
	uint32_t list[1][32];

	cmd_init(list[0], BNN_CMD_END);
	job_program(h, list, 1);
	job_init(job, 1);
}

/* A legal command of each kind, the simplest that names every reference. */
static void plain_command(uint32_t *w, uint32_t opcode)
{
	cmd_init(w, opcode);
	switch (opcode) {
	case BNN_CMD_ENC:
		bnn_field_set(w, BNN_F_ENC_H, 2);
		bnn_field_set(w, BNN_F_ENC_W, 3);
		bnn_field_set(w, BNN_F_ENC_COLOURS, 2);
		bnn_field_set(w, BNN_F_ENC_MODE, 2);
		cmd_vector(w, 11, R_READ, 0);
		cmd_vector(w, 14, R_READ, 64);
		cmd_tensor(w, 18, R_WRITE, 0, BNN_FORMAT_B1, 3, 16);
		break;
	case BNN_CMD_PREFETCH:
		bnn_field_set(w, BNN_F_PREFETCH_BYTES, 64);
		cmd_vector(w, 14, R_READ, 0);
		break;
	case BNN_CMD_GATEFOLD:
		bnn_field_set(w, BNN_F_GATEFOLD_C, 3);
		cmd_vector(w, 11, R_READ, 0);
		cmd_vector(w, 16, R_READ, 64);
		cmd_vector(w, 18, R_WRITE, 0);
		break;
	case BNN_CMD_CONV:
		bnn_field_set(w, BNN_F_CONV_H, 4);
		bnn_field_set(w, BNN_F_CONV_W, 5);
		bnn_field_set(w, BNN_F_CONV_CIN, 16);
		bnn_field_set(w, BNN_F_CONV_COUT, 8);
		bnn_field_set(w, BNN_F_CONV_KH, 3);
		bnn_field_set(w, BNN_F_CONV_KW, 3);
		bnn_field_set(w, BNN_F_CONV_SH, 1);
		bnn_field_set(w, BNN_F_CONV_SW, 1);
		bnn_field_set(w, BNN_F_CONV_DH, 1);
		bnn_field_set(w, BNN_F_CONV_DW, 1);
		bnn_field_set(w, BNN_F_CONV_PAD_T, 1);
		bnn_field_set(w, BNN_F_CONV_PAD_L, 1);
		bnn_field_set(w, BNN_F_CONV_PAD_B, 1);
		bnn_field_set(w, BNN_F_CONV_PAD_R, 1);
		bnn_field_set(w, BNN_F_CONV_GROUPS, 1);
		bnn_field_set(w, BNN_F_CONV_NARROW, 1);
		cmd_tensor(w, 11, R_READ, 0, BNN_FORMAT_B1, 5, 16);
		cmd_vector(w, 14, R_READ, 4096);
		cmd_vector(w, 16, R_READ, 8192);
		cmd_tensor(w, 18, R_WRITE, 0, BNN_FORMAT_B1, 5, 8);
		break;
	case BNN_CMD_EW:
		bnn_field_set(w, BNN_F_EW_H, 4);
		bnn_field_set(w, BNN_F_EW_W, 5);
		bnn_field_set(w, BNN_F_EW_COUT, 8);
		cmd_tensor(w, 11, R_READ, 0, BNN_FORMAT_E_S16, 5, 8);
		cmd_tensor(w, 21, R_WRITE, 0, BNN_FORMAT_E_S16, 5, 8);
		break;
	case BNN_CMD_POOL:
		bnn_field_set(w, BNN_F_POOL_MODE, 1);
		bnn_field_set(w, BNN_F_POOL_H, 4);
		bnn_field_set(w, BNN_F_POOL_W, 4);
		bnn_field_set(w, BNN_F_POOL_CIN, 16);
		bnn_field_set(w, BNN_F_POOL_GROUP, 1);
		bnn_field_set(w, BNN_F_POOL_KH, 2);
		bnn_field_set(w, BNN_F_POOL_KW, 2);
		bnn_field_set(w, BNN_F_POOL_SH, 2);
		bnn_field_set(w, BNN_F_POOL_SW, 2);
		cmd_tensor(w, 11, R_READ, 0, BNN_FORMAT_B1, 4, 16);
		cmd_tensor(w, 18, R_WRITE, 0, BNN_FORMAT_B1, 2, 16);
		break;
	case BNN_CMD_TRANSPOSE:
		bnn_field_set(w, BNN_F_TRANSPOSE_H, 2);
		bnn_field_set(w, BNN_F_TRANSPOSE_W, 2);
		bnn_field_set(w, BNN_F_TRANSPOSE_C, 8);
		cmd_tensor(w, 11, R_READ, 0, BNN_FORMAT_E_U8, 2, 8);
		cmd_tensor(w, 18, R_WRITE, 0, BNN_FORMAT_E_U8, 8, 4);
		break;
	}
}

/* ---- registers -------------------------------------------------------------- */

static void test_registers(struct host *h)
{
	bool ones = false;
	uint32_t word;

	h->ops->reset(h->core, BNN_CORE_RESET_FLR);
	tap_ok(host_reg(h, BNN_REG_ID) == BNN_RESET_ID, "ID is BNNA");
	tap_ok(host_reg(h, BNN_REG_VERSION) >> 16 == BNN_RESET_VERSION >> 16,
	       "VERSION has the known major");
	tap_ok(host_reg(h, BNN_REG_FEATURES_LO) & BNN_FEATURES_BINARY, "FEATURES has BINARY");
	tap_ok((host_reg(h, BNN_REG_CAPS_LIMITS) & BNN_CAPS_LIMITS_QUEUES) == BNN_QUEUES,
	       "four queues");
	tap_ok((host_reg(h, BNN_REG_MMU_CAPS) & BNN_MMU_CAPS_VA_BITS) == 32,
	       "32 bits of virtual address");
	tap_ok(host_reg(h, BNN_REG_IRQ_MASK) == BNN_RESET_IRQ_MASK,
	       "all vectors are masked after reset");
	for (uint32_t at = 0; at < BNN_BAR0_SIZE; at += 4)
		ones |= host_reg(h, at) == UINT32_MAX;
	tap_ok(!ones, "no register reads all ones");
	tap_ok(host_reg(h, 0x00f0) == 0 && host_reg(h, 0x8000) == 0 && host_reg(h, 0xfffc) == 0,
	       "unknown registers read 0");
	word = host_reg(h, BNN_REG_FEATURES_LO);
	host_set(h, BNN_REG_FEATURES_LO, ~word);
	host_set(h, 0xfffc, 1);
	tap_ok(host_reg(h, BNN_REG_FEATURES_LO) == word, "read-only registers ignore writes");
	for (unsigned q = 0; q < BNN_QUEUES; q++)
		ones |= host_reg(h, q_reg(q, BNN_REG_Q_STATUS)) != BNN_Q_STATUS_IDLE;
	tap_ok(!ones, "queues are idle and disabled after reset");
	host_set(h, q_reg(2, BNN_REG_Q_COALESCE), 0xfff);
	tap_ok(host_reg(h, q_reg(2, BNN_REG_Q_COALESCE)) == 0xff, "COALESCE keeps 8 bits");
}

static void test_interrupts(struct host *h)
{
	h->ops->reset(h->core, BNN_CORE_RESET_FLR);
	memset(h->irqs, 0, sizeof(h->irqs));
	host_set(h, BNN_REG_IRQ_TEST, 0x12);
	host_run(h);
	tap_ok(!h->irqs[1] && !h->irqs[4] && host_reg(h, BNN_REG_IRQ_STATUS) == 0x12,
	       "masked vectors only set IRQ_STATUS");
	host_set(h, BNN_REG_IRQ_MASK, 0x10);
	host_run(h);
	tap_ok(h->irqs[1] == 1 && !h->irqs[4], "unmasking tells what was pending");
	host_set(h, BNN_REG_IRQ_STATUS, 0x12);
	host_set(h, BNN_REG_IRQ_MASK, 0);
	host_run(h);
	tap_ok(h->irqs[1] == 1 && !h->irqs[4] && !host_reg(h, BNN_REG_IRQ_STATUS),
	       "an acknowledged vector is not raised by unmasking");
	host_set(h, BNN_REG_IRQ_TEST, 0x1f);
	host_set(h, BNN_REG_IRQ_TEST, 0x01);
	host_run(h);
	tap_ok(h->irqs[0] >= 1 && h->irqs[1] == 2 && h->irqs[4] == 1,
	       "IRQ_TEST raises every vector");
}

/* ---- rings -------------------------------------------------------------------- */

static void test_enable(struct host *h)
{
	/* clang-format off */
	static const struct { uint32_t reg, value; const char *what; } bad[] = {
		{ BNN_REG_Q_SIZE, 0, "size 0" }, { BNN_REG_Q_SIZE, 4, "size 4" },
		{ BNN_REG_Q_SIZE, 12, "size 12" }, { BNN_REG_Q_SIZE, 512, "size 512" },
		{ BNN_REG_Q_RING_LO, 32, "ring at 32" }, { BNN_REG_Q_CQ_LO, 64, "completions at 64" },
	};
	/* clang-format on */
	uint32_t status;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh(h);
		host_set(h, q_reg(1, BNN_REG_Q_CTRL), 0);
		host_set(h, q_reg(1, bad[i].reg), bad[i].value);
		host_set(h, q_reg(1, BNN_REG_Q_CTRL), BNN_Q_CTRL_EN);
		status = host_reg(h, q_reg(1, BNN_REG_Q_STATUS));
		tap_ok(status & BNN_Q_STATUS_ERR && !(status & BNN_Q_STATUS_ENABLED),
		       "enabling is refused: %s", bad[i].what);
	}
	fresh(h);
	status = host_reg(h, BNN_REG_Q_RING_LO);
	host_set(h, BNN_REG_Q_RING_LO, 0x1000);
	host_set(h, BNN_REG_Q_SIZE, 64);
	tap_ok(host_reg(h, BNN_REG_Q_RING_LO) == status && host_reg(h, BNN_REG_Q_SIZE) == 16,
	       "base and size are fixed while enabled");
}

static void test_completion(struct host *h)
{
	struct bnn_completion c;
	struct job job;
	uint64_t seqno;

	fresh(h);
	empty_job(h, &job);
	seqno = job_submit(h, 2, &job);
	host_run(h);
	c = job_result(h, 2);
	tap_ok(c.seqno == seqno && !c.status && !c.cmd_index && !c.cmd_word && !c.detail &&
		       !c.access && !c.fault_va && !c.iteration,
	       "an empty job ends OK");
	tap_ok(c.start <= c.end && c.cycles == c.end - c.start, "cycles and timestamps agree");
	tap_ok(c.counters[BNN_COUNTER_COMMANDS] == 1 &&
		       c.counters[BNN_COUNTER_BYTES_COMMANDS] == 128,
	       "END counts as a command");
	tap_ok(done_count(h, 2) == 1 && h->slot_at < h->done_at && h->done_at < h->irq_at &&
		       h->irqs[3] == 1,
	       "slot, then count, then interrupt");
	tap_ok(host_reg(h, q_reg(2, BNN_REG_Q_HEAD)) == 1 && !host_reg(h, BNN_REG_RUN_QUEUE) &&
		       host_reg(h, q_reg(2, BNN_REG_Q_STATUS)) ==
			       (BNN_Q_STATUS_IDLE | BNN_Q_STATUS_ENABLED),
	       "the queue is idle again");
	host_enable(h, 2, 8);
	for (unsigned i = 0; i < 43; i++) {
		job_submit(h, 2, &job);
		if (i % 7 == 0)
			host_run(h);
	}
	host_run(h);
	c = job_result(h, 2);
	tap_ok(done_count(h, 2) == 43 && c.seqno == job.entry.seqno, "a ring of 8 goes round");
}

static void start_long(struct host *h, unsigned q, struct job *job);

/* A job that runs already lets the others meet at the arbiter. */
static void test_arbitration(struct host *h)
{
	struct job job;
	bool sorted = true;
	unsigned before = 0;
	uint64_t start[BNN_QUEUES];

	start_long(h, 1, &job);
	empty_job(h, &job);
	for (unsigned q = 0; q < BNN_QUEUES; q++)
		job_submit(h, q, &job);
	host_run(h);
	for (unsigned q = 0; q < BNN_QUEUES; q++)
		start[q] = job_result(h, q).start;
	for (unsigned q = 1; q < BNN_QUEUES; q++)
		sorted &= start[q] < start[q - 1];
	tap_ok(sorted, "the highest queue goes first");
	start_long(h, 0, &job);
	empty_job(h, &job);
	for (unsigned i = 0; i < 16; i++)
		job_submit(h, 3, &job);
	job_submit(h, 0, &job);
	host_run(h);
	for (unsigned i = 1; i <= 16; i++)
		before += job_result_at(h, 3, i).start < job_result(h, 0).start;
	tap_ok(before == BNN_ARB_MAX, "a waiting queue is passed by %u jobs", before);
	start_long(h, 0, &job);
	empty_job(h, &job);
	for (unsigned i = 0; i < 15; i++) {
		job_submit(h, 3, &job);
		job_submit(h, 1, &job);
		job_submit(h, 0, &job);
	}
	host_run(h);
	tap_ok(job_result_at(h, 1, 1).start < job_result(h, 3).start &&
		       job_result_at(h, 0, 2).start < job_result(h, 3).start,
	       "no queue starves");
}

static void test_moderation(struct host *h)
{
	struct job job;

	fresh(h);
	empty_job(h, &job);
	job.entry.flags = 0;
	for (unsigned i = 0; i < 10; i++)
		job_submit(h, 1, &job);
	host_run(h);
	tap_ok(h->irqs[2] == 1, "jobs without IRQ: one interrupt when the queue is empty");
	fresh(h);
	host_set(h, q_reg(1, BNN_REG_Q_COALESCE), 4);
	for (unsigned i = 0; i < 10; i++)
		job_submit(h, 1, &job);
	host_run(h);
	tap_ok(h->irqs[2] == 3, "COALESCE 4: 10 jobs raise %u", h->irqs[2]);
	fresh(h);
	job.entry.version = 2;
	job_submit(h, 1, &job);
	job.entry.version = 1;
	for (unsigned i = 0; i < 3; i++)
		job_submit(h, 1, &job);
	host_run(h);
	tap_ok(h->irqs[2] == 2, "a failed job is told at once");
}

static void test_queue_errors(struct host *h)
{
	struct job job;

	fresh(h);
	empty_job(h, &job);
	host_set(h, q_reg(1, BNN_REG_Q_TAIL), 17);
	host_run(h);
	tap_ok(host_reg(h, BNN_REG_ERROR) == 2 && h->irqs[0] == 1 &&
		       host_reg(h, q_reg(1, BNN_REG_Q_STATUS)) ==
			       (BNN_Q_STATUS_IDLE | BNN_Q_STATUS_ERR),
	       "BAD_TAIL stops the queue");
	job_submit(h, 0, &job);
	host_run(h);
	tap_ok(job_result(h, 0).seqno == job.entry.seqno, "the others go on");
	host_set(h, BNN_REG_ERROR, 2);
	tap_ok(!host_reg(h, BNN_REG_ERROR), "ERROR is cleared by writing 1");
	fresh(h);
	host_set(h, BNN_REG_Q_CTRL, 0);
	host_set(h, BNN_REG_Q_RING_HI, 0x700);
	host_set(h, BNN_REG_Q_CTRL, 1);
	host_set(h, BNN_REG_Q_TAIL, 1);
	host_run(h);
	tap_ok(host_reg(h, BNN_REG_ERROR) == 0x10 &&
		       host_reg(h, BNN_REG_Q_STATUS) & BNN_Q_STATUS_ERR && h->irqs[0] == 1,
	       "an unreadable ring: RING_READ");
	fresh(h);
	host_set(h, BNN_REG_Q_CTRL, 0);
	host_set(h, BNN_REG_Q_CQ_HI, 0x700);
	host_set(h, BNN_REG_Q_CTRL, 1);
	job_submit(h, 0, &job);
	host_run(h);
	tap_ok(host_reg(h, BNN_REG_ERROR) == 0x10 && h->irqs[0] == 1 && !h->irqs[1],
	       "a completion that cannot be written: RING_READ");
}

/* ---- entries and regions ---------------------------------------------------------- */

static void test_entries(struct host *h)
{
	/* clang-format off */
	static const struct { uint8_t at, size; uint32_t value; const char *what; } bad[] = {
		{ BNN_JOB_FLAGS, 4, 4, "flag bit 2" }, { BNN_JOB_DIRECTORY, 4, 0x40001000, "directory" },
		{ BNN_JOB_ASID, 2, 0, "ASID 0" }, { BNN_JOB_REGIONS, 1, 0, "0 regions" },
		{ BNN_JOB_REGIONS, 1, 33, "33 regions" }, { BNN_JOB_VERSION, 1, 0, "version 0" },
		{ BNN_JOB_VERSION, 1, 2, "version 2" },
		{ BNN_JOB_PROFILE_REGION, 4, 1, "profile region without the flag" },
		{ BNN_JOB_REGION_TABLE, 4, 0x40000020, "region table" },
		{ BNN_JOB_CMD_OFFSET, 4, 64, "command offset 64" },
		{ BNN_JOB_CMD_COUNT, 4, 0, "0 commands" }, { BNN_JOB_CMD_COUNT, 4, 65537, "65537 commands" },
		{ BNN_JOB_LOOP_START, 4, 1, "loop start = count" },
		{ BNN_JOB_ITERATIONS, 4, 0, "0 iterations" },
		{ BNN_JOB_ITERATIONS, 4, 65536, "65536 iterations" }, { BNN_JOB_BUDGET, 4, 0, "budget 0" },
		{ BNN_JOB_RESERVED, 4, 1, "reserved word" },
	};
	/* clang-format on */
	struct bnn_completion c;
	struct job job;

	fresh(h);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		empty_job(h, &job);
		memcpy((uint8_t *)&job.entry + bad[i].at, &bad[i].value, bad[i].size);
		job_submit(h, 1, &job);
		host_run(h);
		c = job_result(h, 1);
		tap_ok(c.status == BNN_STATUS_BAD_ENTRY && c.seqno == job.entry.seqno &&
			       !c.cmd_word,
		       "BAD_ENTRY: %s", bad[i].what);
	}
	empty_job(h, &job);
	job.entry.region_table = UINT64_C(0x70000000000);
	job_submit(h, 1, &job);
	host_run(h);
	c = job_result(h, 1);
	tap_ok(c.status == BNN_STATUS_BUS_ERROR && c.fault_va == UINT64_C(0x70000000000),
	       "an unreadable region table: BUS_ERROR");
}

static struct bnn_completion run_regions(struct host *h, struct job *job)
{
	job_submit(h, 1, job);
	host_run(h);
	return job_result(h, 1);
}

static void test_regions(struct host *h)
{
	/* clang-format off */
	static const struct { uint64_t va, size, stride; uint32_t access, reserved, iterations;
			      uint32_t status; const char *what; } cases[] = {
		{ 0xfffff000, 0x1000, 0, 1, 0, 1, BNN_STATUS_OK, "the last page" },
		{ 0xfffff000, 0x1001, 0, 1, 0, 1, BNN_STATUS_BAD_REGION, "one byte past the end" },
		{ 0x100000000, 1, 0, 1, 0, 1, BNN_STATUS_BAD_REGION, "behind the space" },
		{ UINT64_MAX - 10, 100, 0, 1, 0, 1, BNN_STATUS_BAD_REGION, "wrapping at 64 bits" },
		{ 0, UINT64_MAX, 0, 1, 0, 1, BNN_STATUS_BAD_REGION, "all of 64 bits" },
		{ 0, UINT64_C(1) << 32, 0, 1, 0, 1, BNN_STATUS_OK, "the whole space" },
		{ 0xffff0000, 0x1000, 0x1000, 1, 0, 16, BNN_STATUS_OK, "the last of 16 windows" },
		{ 0xffff0000, 0x1000, 0x1000, 1, 0, 17, BNN_STATUS_BAD_REGION, "17 windows" },
		{ 0x1000, 0x1000, UINT64_C(1) << 63, 1, 0, 3, BNN_STATUS_BAD_REGION, "a stride that wraps" },
		{ 0x10000, 0x1000, UINT64_MAX - 0xfff, 1, 0, 2, BNN_STATUS_BAD_REGION, "a negative stride" },
		{ 0x1000, 0x1000, UINT64_MAX, 1, 0, 1, BNN_STATUS_OK, "any stride for one iteration" },
		{ 0x1000, 0x1000, 0, 0x10, 0, 1, BNN_STATUS_BAD_REGION, "access bit 4" },
		{ 0x1000, 0x1000, 0, 0x5, 0, 1, BNN_STATUS_BAD_REGION, "X with R" },
		{ 0x1000, 0x1000, 0, 0x6, 0, 1, BNN_STATUS_BAD_REGION, "X with W" },
		{ 0x1000, 0x1000, 0, 0xc, 0, 1, BNN_STATUS_BAD_REGION, "X with PROFILE" },
		{ 0x1000, 0x1000, 0, 0x1, 1, 1, BNN_STATUS_BAD_REGION, "the reserved word" },
		{ UINT64_MAX, 0, UINT64_MAX, 1, 0, 9, BNN_STATUS_OK, "not bound" },
		{ 0, 0, 0, 0x10, 0, 1, BNN_STATUS_BAD_REGION, "not bound, access bit 4" },
	};
	/* clang-format on */
	struct bnn_completion c;
	struct job job;

	fresh(h);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		empty_job(h, &job);
		job.entry.iterations = cases[i].iterations;
		job.region[R_LOG] =
			(struct bnn_region){ cases[i].va, cases[i].size, cases[i].stride,
					     cases[i].access, cases[i].reserved };
		c = run_regions(h, &job);
		tap_ok(c.status == cases[i].status && c.access == (c.status ? R_LOG : 0) &&
			       !c.detail,
		       "region table: %s", cases[i].what);
	}
	empty_job(h, &job);
	job.region[R_PROGRAM].size = 127;
	c = run_regions(h, &job);
	tap_ok(c.status == BNN_STATUS_BAD_BOUNDS && !c.access, "a list that leaves region 0");
	empty_job(h, &job);
	job.region[R_PROGRAM].access = BNN_REGION_ACCESS_R;
	c = run_regions(h, &job);
	tap_ok(c.status == BNN_STATUS_BAD_ACCESS, "region 0 without X");
}

static void test_iterations(struct host *h)
{
	uint32_t list[3][32], i;
	uint8_t in[64] = { 0 }, out[64];
	struct bnn_completion c;
	struct job job;

	fresh(h);
	plain_command(list[0], BNN_CMD_POOL);
	plain_command(list[1], BNN_CMD_POOL);
	bnn_field_set(list[1], BNN_F_POOL_IN_OFFSET, 0);
	bnn_field_set(list[1], BNN_F_POOL_OUT_OFFSET, 0x400);
	cmd_init(list[2], BNN_CMD_END);
	job_program(h, list, 3);
	job_init(&job, 3);
	job.entry.loop_start = 1;
	job.entry.iterations = 5;
	job.region[R_READ].size = job.region[R_WRITE].size = 0x1000;
	job.region[R_READ].stride = job.region[R_WRITE].stride = 0x1000;
	for (i = 0; i < 5; i++) {
		memset(in, (int)(i * 37 + 1), sizeof(in));
		host_put(h, HOST_VA + READ_AT + i * 0x1000, in, sizeof(in));
		memset(in, 0xee, sizeof(in));
		host_put(h, HOST_VA + WRITE_AT + i * 0x1000, in, sizeof(in));
		host_put(h, HOST_VA + WRITE_AT + i * 0x1000 + 0x400, in, sizeof(in));
	}
	c = run_regions(h, &job);
	tap_ok(!c.status && c.iteration == 4 && c.cmd_index == 2 &&
		       c.counters[BNN_COUNTER_COMMANDS] == 11,
	       "five iterations of a loop behind one command");
	for (i = 0; i < 5; i++) {
		host_get(h, HOST_VA + WRITE_AT + i * 0x1000 + 0x400, out, 4);
		if (out[0] != i * 37 + 1 || out[3] != i * 37 + 1)
			break;
	}
	tap_ok(i == 5, "each iteration has its windows");
	host_get(h, HOST_VA + WRITE_AT, out, 1);
	host_get(h, HOST_VA + WRITE_AT + 0x1000, out + 1, 1);
	tap_ok(out[0] == 1 && out[1] == 0xee, "what is before the loop runs once");
	job.entry.cmd_count = 2;
	c = run_regions(h, &job);
	tap_ok(c.status == BNN_STATUS_NO_END && c.cmd_index == 1 && c.cmd_word == 128, "NO_END");
}

/* ---- command faults ------------------------------------------------------------- */

static bool is_fault(const struct bnn_completion *c, uint32_t status, uint32_t detail,
		     uint32_t index, uint32_t word)
{
	bool same = c->status == status && c->detail == detail && c->cmd_index == index &&
		    c->cmd_word == index * BNN_COMMAND_BYTES + 4 * word;

	if (!same)
		tap_note("status %u detail %u command %u word %u; expected %u %u %u %u", c->status,
			 c->detail, c->cmd_index, (c->cmd_word - c->cmd_index * 128) / 4, status,
			 detail, index, word);
	return same;
}

static const uint32_t opcodes[] = { BNN_CMD_NOP,      BNN_CMD_END,	BNN_CMD_ENC,
				    BNN_CMD_PREFETCH, BNN_CMD_GATEFOLD, BNN_CMD_CONV,
				    BNN_CMD_EW,	      BNN_CMD_POOL,	BNN_CMD_TRANSPOSE };
enum { OPCODES = sizeof(opcodes) / sizeof(opcodes[0]) };

/* Every reserved bit of every command, and every field just outside its range. */
static void test_fields(struct host *h)
{
	unsigned step = is_model(h) ? 1 : 17;
	struct bnn_completion c;
	uint32_t w[32];

	fresh(h);
	for (unsigned i = 0; i < OPCODES; i++) {
		const struct bnn_command *info = &bnn_commands[i];
		bool good = true;

		plain_command(w, opcodes[i]);
		c = run_one(h, w);
		tap_ok(!c.status || c.detail == BNN_DETAIL_UNSUPPORTED, "%s: a plain one",
		       info->name);
		for (unsigned bit = 0; bit < 1024; bit += step) {
			if (info->claimed[bit / 32] >> bit % 32 & 1)
				continue;
			plain_command(w, opcodes[i]);
			w[bit / 32] ^= 1u << bit % 32;
			c = run_one(h, w);
			good &= is_fault(&c, BNN_STATUS_BAD_FIELD, BNN_DETAIL_RESERVED, 0,
					 bit / 32);
		}
		tap_ok(good, "%s: reserved bits", info->name);
		good = true;
		for (unsigned f = info->first; f < info->first + info->count; f++) {
			const struct bnn_field *field = &bnn_fields[f];
			uint32_t top = (uint32_t)((UINT64_C(1) << field->width) - 1);

			for (unsigned side = 0; side < 2; side++) {
				if (side ? field->max == top : field->min == 0)
					continue;
				plain_command(w, opcodes[i]);
				bnn_field_set(w, (enum bnn_field_id)f,
					      side ? field->max + 1 : field->min - 1);
				c = run_one(h, w);
				good &= is_fault(&c, BNN_STATUS_BAD_FIELD, field->detail, 0,
						 field->word);
			}
		}
		tap_ok(good, "%s: ranges", info->name);
	}
	for (uint32_t op = 0, good = 1; op < 256; op++) {
		bool known = false;

		for (unsigned i = 0; i < OPCODES; i++)
			known |= opcodes[i] == op;
		if (!known) {
			cmd_init(w, op);
			w[5] = UINT32_MAX;
			c = run_one(h, w);
			good &= is_fault(&c, BNN_STATUS_BAD_OPCODE, 0, 0, 0);
		}
		if (op == 255)
			tap_ok(good, "unknown opcodes");
	}
}

struct rule {
	const char *what;
	uint32_t opcode;
	struct {
		enum bnn_field_id field;
		uint32_t value;
	} set[6];
	uint8_t status, detail, word;
};

#define BAD(detail) BNN_STATUS_BAD_FIELD, BNN_DETAIL_##detail
/* clang-format off */
static const struct rule rules[] = {
	{ "ENC: levels without THERMO", BNN_CMD_ENC, { { BNN_F_ENC_LEVELS, 1 } }, BAD(SHAPE), 2 },
	{ "ENC: THERMO without levels", BNN_CMD_ENC, { { BNN_F_ENC_MODE, 1 } }, BAD(SHAPE), 2 },
	{ "ENC: 8200 channels", BNN_CMD_ENC, { { BNN_F_ENC_COLOURS, 1025 } }, BAD(SHAPE), 2 },
	{ "CONV: groups of CIN", BNN_CMD_CONV, { { BNN_F_CONV_GROUPS, 3 } }, BAD(KERNEL), 5 },
	{ "CONV: groups of COUT", BNN_CMD_CONV, { { BNN_F_CONV_GROUPS, 16 } }, BAD(KERNEL), 5 },
	{ "CONV: PAD = kernel", BNN_CMD_CONV, { { BNN_F_CONV_PAD_T, 3 } }, BAD(PAD), 4 },
	{ "CONV: PAD_R = kernel", BNN_CMD_CONV, { { BNN_F_CONV_PAD_R, 3 } }, BAD(PAD), 4 },
	{ "CONV: no output row", BNN_CMD_CONV, { { BNN_F_CONV_H, 1 }, { BNN_F_CONV_PAD_T, 0 } }, BAD(PAD), 4 },
	{ "CONV: 4098 output rows", BNN_CMD_CONV, { { BNN_F_CONV_H, 4096 }, { BNN_F_CONV_PAD_T, 2 },
	  { BNN_F_CONV_PAD_B, 2 } }, BAD(PAD), 4 },
	{ "CONV: TILE_P without a tile", BNN_CMD_CONV, { { BNN_F_CONV_TILE_P, 1 } }, BAD(MODE), 5 },
	{ "CONV: TILED without TILE_P", BNN_CMD_CONV, { { BNN_F_CONV_WMODE, 1 } }, BAD(MODE), 5 },
	{ "CONV: TAU without codebook", BNN_CMD_CONV, { { BNN_F_CONV_TAU, 1 } }, BAD(MODE), 5 },
	{ "CONV: CODEBOOK without TAU", BNN_CMD_CONV, { { BNN_F_CONV_WMODE, 3 } }, BAD(MODE), 5 },
	{ "CONV: TILE_P does not divide", BNN_CMD_CONV, { { BNN_F_CONV_WMODE, 1 }, { BNN_F_CONV_TILE_P, 3 } }, BAD(MODE), 5 },
	{ "CONV: TILED with groups", BNN_CMD_CONV, { { BNN_F_CONV_WMODE, 1 }, { BNN_F_CONV_TILE_P, 2 },
	  { BNN_F_CONV_GROUPS, 2 } }, BAD(MODE), 5 },
	{ "CONV: flat TILE_P does not divide", BNN_CMD_CONV, { { BNN_F_CONV_WMODE, 2 }, { BNN_F_CONV_TILE_P, 5 } }, BAD(MODE), 5 },
	{ "CONV: CODEBOOK of T", BNN_CMD_CONV, { { BNN_F_CONV_WMODE, 3 }, { BNN_F_CONV_TAU, 1 },
	  { BNN_F_CONV_WFORMAT, 1 } }, BAD(MODE), 5 },
	{ "CONV: FRAC of B1", BNN_CMD_CONV, { { BNN_F_CONV_FRAC, 1 } }, BAD(MODE), 0 },
	{ "CONV: FRAC with T", BNN_CMD_CONV, { { BNN_F_CONV_FRAC, 1 }, { BNN_F_CONV_IN_FORMAT, 2 },
	  { BNN_F_CONV_WFORMAT, 1 } }, BAD(MODE), 0 },
	{ "CONV: K > 32767", BNN_CMD_CONV, { { BNN_F_CONV_CIN, 4096 } }, BAD(ACC_RANGE), 2 },
	{ "CONV: S16 x S8 x 512", BNN_CMD_CONV, { { BNN_F_CONV_CIN, 57 }, { BNN_F_CONV_IN_FORMAT, 9 },
	  { BNN_F_CONV_WFORMAT, 6 } }, BAD(ACC_RANGE), 2 },
	{ "CONV: POW2 without P1", BNN_CMD_CONV, { { BNN_F_CONV_P1_POW2, 1 } }, BAD(MODE), 0 },
	{ "CONV: POW2 without P2", BNN_CMD_CONV, { { BNN_F_CONV_P2_POW2, 1 } }, BAD(MODE), 0 },
	{ "CONV: NARROW with P1", BNN_CMD_CONV, { { BNN_F_CONV_P1, 1 } }, BAD(MODE), 0 },
	{ "CONV: NARROW with OUTP O2", BNN_CMD_CONV, { { BNN_F_CONV_OUTP_FORMAT, 2 } }, BAD(MODE), 0 },
	{ "CONV: no output", BNN_CMD_CONV, { { BNN_F_CONV_OUTP_FORMAT, 0 } }, BAD(MODE), 0 },
	{ "CONV: RES1 fields without RES1", BNN_CMD_CONV, { { BNN_F_CONV_RES1_ALIGN, 1 } }, BAD(RANGE), 7 },
	{ "CONV: RES2 without channels", BNN_CMD_CONV, { { BNN_F_CONV_RES2_FORMAT, 22 } }, BAD(RANGE), 8 },
	{ "EW: no output", BNN_CMD_EW, { { BNN_F_EW_OUTS_FORMAT, 0 } }, BAD(MODE), 0 },
	{ "POOL: GROUP does not divide", BNN_CMD_POOL, { { BNN_F_POOL_GROUP, 3 } }, BAD(SHAPE), 2 },
	{ "POOL: PAD = kernel", BNN_CMD_POOL, { { BNN_F_POOL_PAD_L, 2 } }, BAD(PAD), 4 },
	{ "POOL: no output", BNN_CMD_POOL, { { BNN_F_POOL_KH, 5 } }, BAD(PAD), 4 },
	{ "POOL: DIV with MAX", BNN_CMD_POOL, { { BNN_F_POOL_DIV, 1 } }, BAD(RANGE), 5 },
	{ "POOL: AVG without DIV", BNN_CMD_POOL, { { BNN_F_POOL_MODE, 0 } }, BAD(RANGE), 5 },
	{ "POOL: formats differ", BNN_CMD_POOL, { { BNN_F_POOL_OUT_FORMAT, 20 } }, BAD(FORMAT), 19 },
	{ "TRANSPOSE: H*W > 8192", BNN_CMD_TRANSPOSE, { { BNN_F_TRANSPOSE_H, 128 }, { BNN_F_TRANSPOSE_W, 128 } }, BAD(SHAPE), 1 },
	{ "TRANSPOSE: formats differ", BNN_CMD_TRANSPOSE, { { BNN_F_TRANSPOSE_OUT_FORMAT, 20 } }, BAD(FORMAT), 19 },
	/* references */
	{ "CONV: IN NONE", BNN_CMD_CONV, { { BNN_F_CONV_IN_FORMAT, 0 } }, BAD(FORMAT), 12 },
	{ "CONV: IN 12", BNN_CMD_CONV, { { BNN_F_CONV_IN_FORMAT, 12 } }, BAD(FORMAT), 12 },
	{ "CONV: IN E_S32", BNN_CMD_CONV, { { BNN_F_CONV_IN_FORMAT, 23 } }, BAD(FORMAT), 12 },
	{ "CONV: OUTP element-packed", BNN_CMD_CONV, { { BNN_F_CONV_NARROW, 0 }, { BNN_F_CONV_OUTP_FORMAT, 19 },
	  { BNN_F_CONV_PARAM_OFFSET, 0 }, { BNN_F_CONV_PARAM_REGION, 0 } }, BAD(FORMAT), 19 },
	{ "CONV: OUTS in planes", BNN_CMD_CONV, { { BNN_F_CONV_OUTS_FORMAT, 1 } }, BAD(FORMAT), 22 },
	{ "CONV: RES1 E_S32", BNN_CMD_CONV, { { BNN_F_CONV_RES1_FORMAT, 23 }, { BNN_F_CONV_RES1_C, 8 } }, BAD(FORMAT), 25 },
	{ "POOL: AVG of B1", BNN_CMD_POOL, { { BNN_F_POOL_MODE, 0 }, { BNN_F_POOL_DIV, 1 } }, BAD(FORMAT), 12 },
	{ "ENC: THERMO to O2", BNN_CMD_ENC, { { BNN_F_ENC_OUT_FORMAT, 2 } }, BAD(FORMAT), 19 },
	{ "TRANSPOSE of nibbles", BNN_CMD_TRANSPOSE, { { BNN_F_TRANSPOSE_IN_FORMAT, 16 }, { BNN_F_TRANSPOSE_OUT_FORMAT, 16 } }, BAD(FORMAT), 12 },
	{ "OUTS NONE with an offset", BNN_CMD_CONV, { { BNN_F_CONV_OUTS_OFFSET, 64 } }, BAD(RESERVED), 21 },
	{ "OUTS NONE with a pitch", BNN_CMD_CONV, { { BNN_F_CONV_OUTS_PITCH, 1 } }, BAD(RESERVED), 22 },
	{ "OUTS NONE with a pixel", BNN_CMD_CONV, { { BNN_F_CONV_OUTS_PIXEL, 1 } }, BAD(RESERVED), 23 },
	{ "unused PARAM", BNN_CMD_EW, { { BNN_F_EW_PARAM_OFFSET, 64 } }, BAD(RESERVED), 16 },
	{ "unused SUM", BNN_CMD_EW, { { BNN_F_EW_SUM_REGION, 1 } }, BAD(RESERVED), 31 },
	{ "region 32", BNN_CMD_CONV, { { BNN_F_CONV_WEIGHT_REGION, 32 } }, BAD(REGION), 15 },
	{ "region 62", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, 62 } }, BAD(REGION), 12 },
	{ "offset 32", BNN_CMD_CONV, { { BNN_F_CONV_IN_OFFSET, 32 } }, BAD(ALIGN), 11 },
	{ "offset 1 of a slice", BNN_CMD_CONV, { { BNN_F_CONV_IN_OFFSET, 1 }, { BNN_F_CONV_IN_PIXEL, 1 } }, BAD(ALIGN), 11 },
	{ "weights at 32", BNN_CMD_CONV, { { BNN_F_CONV_WEIGHT_OFFSET, 32 } }, BAD(ALIGN), 14 },
	{ "pixel pitch too small", BNN_CMD_EW, { { BNN_F_EW_IN_PIXEL, 7 } }, BAD(ALIGN), 13 },
	{ "row pitch too small", BNN_CMD_EW, { { BNN_F_EW_IN_PITCH, 4 } }, BAD(ALIGN), 12 },
	{ "row pitch 0", BNN_CMD_EW, { { BNN_F_EW_OUTS_PITCH, 0 } }, BAD(ALIGN), 22 },
	{ "IN behind its region", BNN_CMD_CONV, { { BNN_F_CONV_IN_OFFSET, READ_BYTES } }, BNN_STATUS_BAD_BOUNDS, 0, 11 },
	{ "IN of an unbound region", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, R_UNBOUND } }, BNN_STATUS_BAD_BOUNDS, 0, 11 },
	{ "IN of region 31", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, 31 } }, BNN_STATUS_BAD_BOUNDS, 0, 11 },
	{ "offset 2^32 - 64", BNN_CMD_CONV, { { BNN_F_CONV_WEIGHT_OFFSET, 0xffffffc0 } }, BNN_STATUS_BAD_BOUNDS, 0, 14 },
	{ "IN from a W region", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, R_WRITE } }, BNN_STATUS_BAD_ACCESS, 0, 11 },
	{ "OUTP to an R region", BNN_CMD_CONV, { { BNN_F_CONV_OUTP_REGION, R_READ } }, BNN_STATUS_BAD_ACCESS, 0, 18 },
	{ "IN from the program", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, 0 } }, BNN_STATUS_BAD_ACCESS, 0, 11 },
	{ "OUTP to the program", BNN_CMD_CONV, { { BNN_F_CONV_OUTP_REGION, 0 } }, BNN_STATUS_BAD_ACCESS, 0, 18 },
	{ "OUTP to the log", BNN_CMD_CONV, { { BNN_F_CONV_OUTP_REGION, R_LOG } }, BNN_STATUS_BAD_ACCESS, 0, 18 },
	{ "IN behind the activation memory", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, 63 }, { BNN_F_CONV_IN_OFFSET, 0x3ffc0 + 64 } }, BNN_STATUS_BAD_ONCHIP, 0, 11 },
	{ "PREFETCH past the end", BNN_CMD_PREFETCH, { { BNN_F_PREFETCH_BYTES, READ_BYTES + 1 } }, BNN_STATUS_BAD_BOUNDS, 0, 14 },
	{ "OUTP meets IN", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, R_BOTH }, { BNN_F_CONV_OUTP_REGION, R_BOTH } }, BNN_STATUS_BAD_OVERLAP, 0, 18 },
	{ "OUTP meets the weights", BNN_CMD_CONV, { { BNN_F_CONV_WEIGHT_REGION, R_BOTH }, { BNN_F_CONV_OUTP_REGION, R_BOTH },
	  { BNN_F_CONV_OUTP_OFFSET, 4096 } }, BNN_STATUS_BAD_OVERLAP, 0, 18 },
	{ "OUTP meets IN on chip", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, 63 }, { BNN_F_CONV_OUTP_REGION, 63 } }, BNN_STATUS_BAD_OVERLAP, 0, 18 },
	{ "GATEFOLD in place", BNN_CMD_GATEFOLD, { { BNN_F_GATEFOLD_IN_REGION, R_BOTH }, { BNN_F_GATEFOLD_OUT_REGION, R_BOTH },
	  { BNN_F_GATEFOLD_OUT_OFFSET, 64 } }, BNN_STATUS_BAD_OVERLAP, 0, 18 },
	{ "SUM meets OUTS", BNN_CMD_EW, { { BNN_F_EW_SUM_EN, 1 }, { BNN_F_EW_SUM_REGION, R_WRITE }, { BNN_F_EW_SUM_OFFSET, 64 } }, BNN_STATUS_BAD_OVERLAP, 0, 30 },
	{ "EW shifted in place", BNN_CMD_EW, { { BNN_F_EW_IN_REGION, R_BOTH }, { BNN_F_EW_OUTS_REGION, R_BOTH },
	  { BNN_F_EW_OUTS_OFFSET, 64 } }, BNN_STATUS_BAD_OVERLAP, 0, 21 },
	{ "EW in place", BNN_CMD_EW, { { BNN_F_EW_IN_REGION, R_BOTH }, { BNN_F_EW_OUTS_REGION, R_BOTH } }, BNN_STATUS_OK, 0, 0 },
	/* which comes first */
	{ "reserved before range", BNN_CMD_CONV, { { BNN_F_CONV_H, 0 }, { BNN_F_CONV_KH, 0 } }, BAD(SHAPE), 1 },
	{ "rule before reference", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, 40 }, { BNN_F_CONV_GROUPS, 3 } }, BAD(KERNEL), 5 },
	{ "word 11 before word 14", BNN_CMD_CONV, { { BNN_F_CONV_IN_OFFSET, READ_BYTES }, { BNN_F_CONV_WEIGHT_OFFSET, 1 } }, BNN_STATUS_BAD_BOUNDS, 0, 11 },
	{ "bounds before access", BNN_CMD_CONV, { { BNN_F_CONV_OUTP_REGION, R_READ }, { BNN_F_CONV_OUTP_OFFSET, READ_BYTES } }, BNN_STATUS_BAD_BOUNDS, 0, 18 },
	{ "reference before overlap", BNN_CMD_CONV, { { BNN_F_CONV_IN_REGION, R_BOTH }, { BNN_F_CONV_OUTP_REGION, R_BOTH },
	  { BNN_F_CONV_OUTS_OFFSET, 1 } }, BAD(RESERVED), 21 },
};
/* clang-format on */

static void test_rules(struct host *h)
{
	fresh(h);
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];
		struct bnn_completion c;
		uint32_t w[32];

		plain_command(w, r->opcode);
		/* Field 0 of no set[] is meant: it ends the list. */
		for (unsigned j = 0; j < 6 && (r->set[j].field || r->set[j].value); j++)
			bnn_field_set(w, r->set[j].field, r->set[j].value);
		c = run_one(h, w);
		if (c.detail == BNN_DETAIL_UNSUPPORTED && cmd_lacks(w, h->features))
			tap_skip("%s", r->what);
		else if (r->status)
			tap_ok(is_fault(&c, r->status, r->detail, 0, r->word), "%s", r->what);
		else
			tap_ok(!c.status, "%s", r->what);
	}
}

/* A fault is precise: what is before has been done, what is behind has not. */
static void test_precise(struct host *h)
{
	uint32_t list[4][32];
	struct bnn_completion c;
	uint8_t mark = 0xee, before, behind;

	fresh(h);
	for (unsigned i = 0; i < 3; i++) {
		plain_command(list[i], BNN_CMD_POOL);
		bnn_field_set(list[i], BNN_F_POOL_OUT_OFFSET, 0x1000 * i);
		host_put(h, HOST_VA + WRITE_AT + 0x1000 * i, &mark, 1);
	}
	mark = 0x5a;
	host_put(h, HOST_VA + READ_AT, &mark, 1);
	bnn_field_set(list[1], BNN_F_POOL_IN_REGION, R_WRITE);
	cmd_init(list[3], BNN_CMD_END);
	c = run_list(h, list, 4);
	host_get(h, HOST_VA + WRITE_AT, &before, 1);
	host_get(h, HOST_VA + WRITE_AT + 0x2000, &behind, 1);
	tap_ok(is_fault(&c, BNN_STATUS_BAD_ACCESS, 0, 1, 11) && before != 0xee && behind == 0xee &&
		       c.access == (R_WRITE | 3 << 8),
	       "the older command has run, the younger not");
}

/* ---- translations -------------------------------------------------------------------- */

/* POOL of one page of input; the output is a few bytes. */
static struct bnn_completion read_page(struct host *h, uint64_t va)
{
	uint32_t w[32];

	plain_command(w, BNN_CMD_POOL);
	if (va >= HOST_VA + BOTH_AT) {
		bnn_field_set(w, BNN_F_POOL_IN_REGION, R_BOTH);
		bnn_field_set(w, BNN_F_POOL_IN_OFFSET, (uint32_t)(va - HOST_VA - BOTH_AT));
	} else {
		bnn_field_set(w, BNN_F_POOL_IN_OFFSET, (uint32_t)(va - HOST_VA - READ_AT));
	}
	return run_one(h, w);
}

static bool is_page_fault(struct bnn_completion c, uint32_t status, uint64_t va, uint32_t access)
{
	bool same = c.status == status && c.fault_va == va && c.access == access && !c.cmd_word &&
		    !c.detail;

	if (!same)
		tap_note("status %u va %llx access %x", c.status, (unsigned long long)c.fault_va,
			 c.access);
	return same;
}

static void invalidate(struct host *h, uint32_t asid)
{
	host_set(h, BNN_REG_MMU_INV, asid);
	while (host_reg(h, BNN_REG_MMU_INV_STATUS) & BNN_MMU_INV_STATUS_BUSY)
		h->ops->run(h->core, 1000);
}

static void test_faulty_entries(struct host *h)
{
	/* clang-format off */
	static const struct { uint64_t flip; const char *what; } ptes[] = {
		{ 1ull << 4, "bit 4" }, { 1ull << 11, "bit 11" }, { 1ull << 52, "bit 52" },
		{ 1ull << 63, "bit 63" }, { BNN_PTE_B, "B in a leaf" }, { BNN_PTE_L, "L without local memory" },
	};
	static const struct { uint64_t flip; const char *what; } pdes[] = {
		{ 1ull << 5, "bit 5" }, { 1ull << 60, "bit 60" }, { BNN_PTE_W, "W in a table entry" },
		{ BNN_PTE_L, "L" }, { BNN_PTE_B | 1ull << 12, "a block not aligned" },
	};
	/* clang-format on */
	const uint64_t va = HOST_VA + READ_AT + 0x40000;
	const uint32_t input = R_READ | 3 << 8;
	uint64_t old;

	for (unsigned i = 0; i < sizeof(ptes) / sizeof(ptes[0]); i++) {
		fresh(h);
		if (ptes[i].flip == BNN_PTE_L && h->features & BNN_FEATURES_LOCALMEM) {
			tap_skip("BAD_PTE: %s", ptes[i].what);
			continue;
		}
		host_set_pte(h, va, host_pte(h, va) ^ ptes[i].flip);
		tap_ok(is_page_fault(read_page(h, va), BNN_STATUS_BAD_PTE, va, input),
		       "BAD_PTE: %s", ptes[i].what);
	}
	for (unsigned i = 0; i < sizeof(pdes) / sizeof(pdes[0]); i++) {
		struct bnn_completion c;

		fresh(h);
		old = host_pde(h, HOST_VA + 0x200000);
		host_set_pde(h, HOST_VA + 0x200000, old ^ pdes[i].flip);
		c = read_page(h, HOST_VA + 0x200000);
		host_set_pde(h, HOST_VA + 0x200000, old);
		tap_ok(is_page_fault(c, BNN_STATUS_BAD_PTE, HOST_VA + 0x200000, input),
		       "BAD_PTE in the directory: %s", pdes[i].what);
	}
	fresh(h);
	host_set_pte(h, va, ~BNN_PTE_V);
	tap_ok(is_page_fault(read_page(h, va), BNN_STATUS_MMU_FAULT, va, input),
	       "MMU_FAULT: not valid, other bits ignored");
	fresh(h);
	host_set_pte(h, HOST_VA + WRITE_AT, host_pte(h, HOST_VA + WRITE_AT) & ~BNN_PTE_W);
	tap_ok(is_page_fault(read_page(h, va), BNN_STATUS_MMU_FAULT, HOST_VA + WRITE_AT,
			     R_WRITE | 4 << 8 | 1 << 16),
	       "MMU_FAULT: not writable");
	fresh(h);
	host_set_pte(h, HOST_VA, 0);
	tap_ok(is_page_fault(read_page(h, va), BNN_STATUS_MMU_FAULT, HOST_VA, 0),
	       "MMU_FAULT: the commands");
	fresh(h);
	host_set_pte(h, va, (host_pte(h, va) & ~BNN_PTE_ADDR) | UINT64_C(0x7000000000));
	tap_ok(is_page_fault(read_page(h, va), BNN_STATUS_BUS_ERROR, va, input), "BUS_ERROR: data");
	fresh(h);
	old = host_pde(h, va);
	host_set_pde(h, va, UINT64_C(0x7000000000) | BNN_PTE_V);
	tap_ok(read_page(h, va).status == BNN_STATUS_BUS_ERROR, "BUS_ERROR: a leaf table");
	host_set_pde(h, va, old);
}

static void test_mapping(struct host *h)
{
	const uint64_t va = HOST_VA + READ_AT + 0x40000;
	uint64_t old;
	uint8_t byte;
	struct bnn_completion c;

	fresh(h);
	old = host_pte(h, va + 4096);
	host_set_pte(h, va + 4096, 0);
	c = read_page(h, va);
	host_set_pte(h, va + 4096, old);
	tap_ok(!c.status && !read_page(h, va + 4096).status,
	       "a page mapped beside a cached line needs no invalidation");
	fresh(h);
	old = host_pde(h, HOST_VA + 0x600000);
	host_set_pde(h, HOST_VA + 0x600000, 0);
	c = read_page(h, va);
	host_set_pde(h, HOST_VA + 0x600000, old);
	tap_ok(!c.status && !read_page(h, HOST_VA + 0x600000).status,
	       "a table hung beside a cached directory line needs no invalidation");
	fresh(h);
	byte = 0x11;
	host_put(h, va, &byte, 1);
	byte = 0x22;
	host_put(h, va + 4096, &byte, 1);
	read_page(h, va);
	old = host_pte(h, va);
	host_set_pte(h, va, host_pte(h, va + 4096));
	invalidate(h, HOST_ASID);
	c = read_page(h, va);
	host_get(h, HOST_VA + WRITE_AT, &byte, 1);
	host_set_pte(h, va, old);
	tap_ok(!c.status && byte & 0x22,
	       "a page that moved is seen after the invalidation of its ASID");
	invalidate(h, 0);
	host_set_pte(h, va, 0);
	invalidate(h, 0);
	tap_ok(read_page(h, va).status == BNN_STATUS_MMU_FAULT,
	       "a page that went is seen after invalidating all");
	fresh(h);
	host_set_pde(h, HOST_VA + 0x600000,
		     (HOST_BUS + HOST_DATA + 0x600000) | BNN_PTE_V | BNN_PTE_B | BNN_PTE_W);
	byte = 0x42;
	memset(h->mem + HOST_DATA + 0x612000, byte, 64);
	c = read_page(h, HOST_VA + 0x612000);
	host_get(h, HOST_VA + WRITE_AT, &byte, 1);
	tap_ok(!c.status && byte == 0x42, "a block of 2 MiB");
	fresh(h);
}

static void test_sticky(const char *library)
{
	const uint64_t va = HOST_VA + READ_AT + 0x40000;
	struct host *h = host_open(library, "tlb=sticky");

	read_page(h, va);
	host_set_pte(h, va, 0);
	for (unsigned i = 0; i < 400; i++) {
		struct bnn_completion c = read_page(h, HOST_VA + READ_AT + i * 0x1000 % 0x200000);

		if (c.status && i * 0x1000 != 0x40000)
			break;
	}
	tap_ok(!read_page(h, va).status,
	       "tlb=sticky: a page unmapped without invalidation is still used");
	invalidate(h, HOST_ASID + 1);
	tap_ok(!read_page(h, va).status, "another ASID's invalidation does not matter");
	invalidate(h, HOST_ASID);
	tap_ok(read_page(h, va).status == BNN_STATUS_MMU_FAULT, "its own does");
	host_close(h);
	h = host_open(library, "tlb=none");
	read_page(h, va);
	host_set_pte(h, va, 0);
	tap_ok(read_page(h, va).status == BNN_STATUS_MMU_FAULT, "tlb=none: nothing stale");
	host_close(h);
	h = host_open(library, "bus_bits=40");
	host_set_pte(h, va, host_pte(h, va) | UINT64_C(1) << 40);
	tap_ok(read_page(h, va).status == BNN_STATUS_BAD_PTE,
	       "a bus address beyond BUS_BITS: BAD_PTE");
	host_close(h);
}

/* ---- on-chip memory -------------------------------------------------------------------- */

static void test_on_chip(struct host *h)
{
	uint32_t list[3][32];
	uint8_t ones[64], out[64];
	struct bnn_completion c;

	if (h->act_bytes < 8192) {
		tap_skip("no activation memory");
		return;
	}
	fresh(h);
	memset(ones, 0xff, sizeof(ones));
	host_put(h, HOST_VA + READ_AT, ones, sizeof(ones));
	plain_command(list[0], BNN_CMD_POOL);
	bnn_field_set(list[0], BNN_F_POOL_OUT_REGION, 63);
	bnn_field_set(list[0], BNN_F_POOL_OUT_OFFSET, 4096);
	plain_command(list[1], BNN_CMD_POOL);
	bnn_field_set(list[1], BNN_F_POOL_IN_REGION, 63);
	bnn_field_set(list[1], BNN_F_POOL_IN_OFFSET, 4096);
	bnn_field_set(list[1], BNN_F_POOL_H, 2);
	bnn_field_set(list[1], BNN_F_POOL_W, 2);
	cmd_init(list[2], BNN_CMD_END);
	c = run_list(h, list, 3);
	host_get(h, HOST_VA + WRITE_AT, out, 2);
	tap_ok(!c.status && out[0] == 0xff && out[1] == 0xff,
	       "what a job left on chip its next command finds");
	tap_ok(c.counters[BNN_COUNTER_BYTES_ACT] == 32 &&
		       c.counters[BNN_COUNTER_BYTES_WRITTEN] == 2,
	       "bytes on chip are not counted");
	c = run_one(h, list[1]);
	host_get(h, HOST_VA + WRITE_AT, out, 2);
	tap_ok(!c.status && !out[0] && !out[1], "the next job finds zeros");
}

/* ---- ending a job -------------------------------------------------------------------------- */

/* CONV with many rows, so that it takes a while. */
static void long_command(uint32_t *w)
{
	plain_command(w, BNN_CMD_CONV);
	bnn_field_set(w, BNN_F_CONV_H, 200);
	bnn_field_set(w, BNN_F_CONV_W, 200);
	cmd_tensor(w, 11, R_READ, 0x10000, BNN_FORMAT_B1, 200, 16);
	cmd_tensor(w, 18, R_WRITE, 0, BNN_FORMAT_B1, 200, 8);
}

static void start_long(struct host *h, unsigned q, struct job *job)
{
	uint32_t list[2][32];

	fresh(h);
	long_command(list[0]);
	cmd_init(list[1], BNN_CMD_END);
	job_program(h, list, 2);
	job_init(job, 2);
	job_submit(h, q, job);
	for (unsigned i = 0; i < 100 && !host_reg(h, BNN_REG_RUN_QUEUE); i++)
		h->ops->run(h->core, 1);
	h->ops->run(h->core, 300);
}

static void test_kill(struct host *h)
{
	struct bnn_completion c;
	struct job job;

	start_long(h, 2, &job);
	tap_ok(host_reg(h, BNN_REG_RUN_QUEUE) == 3 &&
		       host_reg(h, BNN_REG_RUN_SEQ) == (uint32_t)job.entry.seqno &&
		       host_reg(h, q_reg(2, BNN_REG_Q_STATUS)) == BNN_Q_STATUS_ENABLED,
	       "run() returns in mid-job");
	host_set(h, q_reg(2, BNN_REG_Q_KILL), (uint32_t)job.entry.seqno + 1);
	host_set(h, q_reg(1, BNN_REG_Q_KILL), (uint32_t)job.entry.seqno);
	h->ops->run(h->core, 100);
	tap_ok(host_reg(h, BNN_REG_RUN_QUEUE) == 3, "kill of another job or queue is ignored");
	host_set(h, q_reg(2, BNN_REG_Q_KILL), (uint32_t)job.entry.seqno);
	host_run(h);
	c = job_result(h, 2);
	tap_ok(c.status == BNN_STATUS_KILLED && !c.cmd_index && !c.cmd_word && h->irqs[3] == 1,
	       "KILLED");
	job_submit(h, 2, &job);
	host_run(h);
	tap_ok(!job_result(h, 2).status, "the next job is not hit");
	host_set(h, q_reg(2, BNN_REG_Q_KILL), (uint32_t)job.entry.seqno);
	job_submit(h, 2, &job);
	host_run(h);
	tap_ok(!job_result(h, 2).status, "a kill that comes too late is forgotten");
	start_long(h, 2, &job);
	host_set(h, q_reg(2, BNN_REG_Q_CTRL), 0);
	tap_ok(!(host_reg(h, q_reg(2, BNN_REG_Q_STATUS)) &
		 (BNN_Q_STATUS_IDLE | BNN_Q_STATUS_ENABLED)),
	       "a disabled queue is not idle while its job runs");
	host_run(h);
	tap_ok(!job_result(h, 2).status && done_count(h, 2) == 1, "the job ends normally");
}

static void test_budget(struct host *h)
{
	struct bnn_completion c;
	struct job job;

	start_long(h, 1, &job);
	host_run(h);
	c = job_result(h, 1);
	tap_ok(!c.status && c.cycles > 3 * 1024, "the long job takes %llu cycles",
	       (unsigned long long)c.cycles);
	job.entry.budget = 2;
	job_submit(h, 1, &job);
	host_run(h);
	c = job_result(h, 1);
	tap_ok(c.status == BNN_STATUS_TIMEOUT && c.cmd_index == 0, "TIMEOUT after %llu cycles",
	       (unsigned long long)c.cycles);
	tap_ok(c.cycles >= 2 * 1024 && c.cycles < 4 * 1024, "not much later than the budget");
}

static void test_reset(struct host *h)
{
	struct job job;
	unsigned writes;

	start_long(h, 2, &job);
	writes = h->writes;
	host_set(h, BNN_REG_CTRL, BNN_CTRL_RESET);
	for (unsigned i = 0; i < 1000 && host_reg(h, BNN_REG_RESET_STATUS) & 1; i++)
		h->ops->run(h->core, 1000);
	tap_ok(host_reg(h, BNN_REG_RESET_STATUS) == 0 && host_reg(h, BNN_REG_RESET_COUNT) == 1,
	       "soft reset ends and is counted");
	tap_ok(host_reg(h, BNN_REG_LAST_RUN_QUEUE) == 3 &&
		       host_reg(h, BNN_REG_LAST_RUN_SEQ) == (uint32_t)job.entry.seqno,
	       "it names the job it ended");
	writes = h->writes;
	host_run(h);
	tap_ok(h->writes == writes && !h->irqs[3], "nothing of the time before happens afterwards");
	tap_ok(!host_reg(h, q_reg(2, BNN_REG_Q_RING_LO)) &&
		       !host_reg(h, q_reg(2, BNN_REG_Q_CTRL)) &&
		       host_reg(h, BNN_REG_IRQ_MASK) == 0x1f && !host_reg(h, BNN_REG_RUN_QUEUE),
	       "queues are lost, vectors masked");
	host_setup(h);
	job_submit(h, 2, &job);
	host_run(h);
	tap_ok(!job_result(h, 2).status && host_reg(h, BNN_REG_TIMESTAMP_LO) > 0, "it runs again");
	h->ops->reset(h->core, BNN_CORE_RESET_FLR);
	tap_ok(!host_reg(h, BNN_REG_RESET_COUNT) && !host_reg(h, BNN_REG_LAST_RUN_QUEUE) &&
		       !host_reg(h, BNN_REG_LAST_RUN_SEQ),
	       "a function level reset clears these too");
}

/* ---- saved state -------------------------------------------------------------------------------
 */

enum { STATE_COMMANDS = 12 };

static void state_list(struct host *h, uint32_t list[][32], uint64_t seed)
{
	struct gen g = { .rng = { seed }, .act_bytes = h->act_bytes };

	for (unsigned i = 0; i < STATE_COMMANDS; i++)
		gen_command(&g, list[i]);
	cmd_init(list[STATE_COMMANDS], BNN_CMD_END);
}

static void test_state(struct host *h)
{
	uint32_t list[STATE_COMMANDS + 1][32];
	uint8_t *before = malloc(HOST_DATA_BYTES), *once = malloc(HOST_DATA_BYTES);
	struct rng rng = { 5 };
	struct job job;
	size_t size;
	uint8_t *state;
	unsigned good = 0, interruptions = 0, survived = 0;

	fresh(h);
	gen_memory(h, &rng);
	memcpy(before, h->mem + HOST_DATA, HOST_DATA_BYTES);
	for (unsigned round = 0; round < 20; round++) {
		struct bnn_completion c, d;

		fresh(h);
		memcpy(h->mem + HOST_DATA, before, HOST_DATA_BYTES);
		state_list(h, list, round);
		c = run_list(h, list, STATE_COMMANDS + 1);
		memcpy(once, h->mem + HOST_DATA, HOST_DATA_BYTES);
		fresh(h);
		memcpy(h->mem + HOST_DATA, before, HOST_DATA_BYTES);
		job_program(h, list, STATE_COMMANDS + 1);
		job_init(&job, STATE_COMMANDS + 1);
		job_submit(h, 1, &job);
		while (h->ops->run(h->core, 1 + rng_below(&rng, 8000)) == BNN_CORE_BUSY) {
			size = h->ops->save(h->core, NULL, 0);
			state = malloc(size);
			if (h->ops->save(h->core, state, size) != size)
				break;
			h->ops->reset(h->core, BNN_CORE_RESET_FLR);
			if (h->ops->load(h->core, state, size))
				break;
			free(state);
			interruptions++;
		}
		d = job_result(h, 1);
		good += c.status == d.status && c.cmd_index == d.cmd_index &&
			c.cmd_word == d.cmd_word &&
			!memcmp(once, h->mem + HOST_DATA, HOST_DATA_BYTES);
		for (unsigned i = 0; i < BNN_COUNTERS; i++)
			if (BNN_COUNTERS_DETERMINISTIC >> i & 1 && c.counters[i] != d.counters[i])
				good = 0;
	}
	tap_ok(good == 20, "20 jobs saved and loaded %u times end as if nothing had been",
	       interruptions);

	start_long(h, 1, &job);
	size = h->ops->save(h->core, NULL, 0);
	state = malloc(size);
	h->ops->save(h->core, state, size);
	tap_ok(h->ops->load(h->core, state, size - 1) == -1 &&
		       h->ops->load(h->core, state, 0) == -1 && !host_reg(h, BNN_REG_RUN_QUEUE),
	       "a truncated state is refused");
	for (unsigned i = 0; i < (is_model(h) ? 1500u : 50u); i++) {
		size_t at = rng_below(&rng, 4)
				    ? rng_below(&rng, (uint32_t)(size < 4096 ? size : 4096))
				    : rng_below(&rng, (uint32_t)size);
		uint8_t was = state[at];

		state[at] = (uint8_t)rng_next(&rng);
		if (!h->ops->load(h->core, state, size)) {
			survived++;
			h->ops->run(h->core, 3000);
		}
		state[at] = was;
	}
	fresh(h);
	tap_ok(!read_page(h, HOST_VA + READ_AT).status, "damaged states do no harm (%u were taken)",
	       survived);
	free(state);
	free(before);
	free(once);
}

/* ---- pokes -------------------------------------------------------------------------------------
 */

static void test_pokes(struct host *h)
{
	struct bnn_completion c;
	struct job job;
	uint32_t w[32];
	unsigned i;

	fresh(h);
	plain_command(w, BNN_CMD_CONV);
	if (h->ops->poke(h->core, BNN_CORE_POKE_DMA_READ, 0)) {
		tap_skip("poke DMA_READ");
	} else {
		run_one(h, w);
		tap_ok(host_reg(h, BNN_REG_ERROR) == 2 << BNN_ERROR_RING_READ_SHIFT,
		       "a failed read of the ring");
		for (i = 1; i < 200; i++) {
			fresh(h);
			h->ops->poke(h->core, BNN_CORE_POKE_DMA_READ, i);
			c = run_one(h, w);
			if (c.status != BNN_STATUS_BUS_ERROR)
				break;
		}
		tap_ok(i > 5 && i < 200 && c.status == BNN_STATUS_OK, "each of %u reads may fail",
		       i);
		fresh(h);
	}
	if (h->ops->poke(h->core, BNN_CORE_POKE_DMA_WRITE, 0)) {
		tap_skip("poke DMA_WRITE");
	} else {
		c = run_one(h, w);
		tap_ok(c.status == BNN_STATUS_BUS_ERROR && c.access >> 16 == 1,
		       "a failed write: BUS_ERROR");
	}
	fresh(h);
	if (h->ops->poke(h->core, BNN_CORE_POKE_LOST_IRQ, 1)) {
		tap_skip("poke LOST_IRQ");
	} else {
		run_one(h, w);
		i = h->irqs[2];
		run_one(h, w);
		tap_ok(i == 0 && h->irqs[2] == 1 && done_count(h, 1) == 2, "a lost interrupt");
	}
	fresh(h);
	if (h->ops->poke(h->core, BNN_CORE_POKE_FLIP_BIT, 3)) {
		tap_skip("poke FLIP_BIT");
	} else {
		c = run_one(h, w);
		tap_ok(c.status == BNN_STATUS_PARITY &&
			       host_reg(h, BNN_REG_ERROR) & BNN_ERROR_PARITY,
		       "a flipped bit: PARITY");
	}
	fresh(h);
	if (h->ops->poke(h->core, BNN_CORE_POKE_STUCK_RESET, 0)) {
		tap_skip("poke STUCK_RESET");
	} else {
		host_set(h, BNN_REG_CTRL, BNN_CTRL_RESET);
		for (i = 0; i < 1000 && host_reg(h, BNN_REG_RESET_STATUS) & 1; i++)
			h->ops->run(h->core, 100000);
		tap_ok(host_reg(h, BNN_REG_RESET_STATUS) == BNN_RESET_STATUS_STUCK,
		       "a reset that sticks");
	}
	fresh(h);
	if (h->ops->poke(h->core, BNN_CORE_POKE_HANG, 0)) {
		tap_skip("poke HANG");
	} else {
		empty_job(h, &job);
		job.entry.budget = 1;
		job_submit(h, 1, &job);
		for (i = 0; i < 50; i++)
			h->ops->run(h->core, 10000);
		tap_ok(host_reg(h, BNN_REG_RUN_QUEUE) == 2, "a job that hangs");
		host_set(h, q_reg(1, BNN_REG_Q_KILL), (uint32_t)job.entry.seqno);
		host_run(h);
		tap_ok(job_result(h, 1).status == BNN_STATUS_KILLED, "it can be killed");
	}
	fresh(h);
}

/* ---- profile and counters
 * ------------------------------------------------------------------------ */

static void test_profile(struct host *h)
{
	uint32_t list[3][32];
	struct bnn_profile record[4];
	struct bnn_completion c;
	struct job job;
	bool good = true;

	if (!(h->features & BNN_FEATURES_PROFILE)) {
		tap_skip("profile log");
		return;
	}
	fresh(h);
	plain_command(list[0], BNN_CMD_POOL);
	plain_command(list[1], BNN_CMD_POOL);
	cmd_init(list[2], BNN_CMD_END);
	job_program(h, list, 3);
	job_init(&job, 3);
	job.entry.flags |= BNN_JOB_FLAGS_PROFILE;
	job.entry.profile_region = R_LOG;
	job.entry.iterations = 2;
	job.region[R_LOG].size = 4 * 32 + 31;
	c = run_regions(h, &job);
	host_get(h, HOST_VA + LOG_AT, record, sizeof(record));
	for (unsigned i = 0; i < 4; i++)
		good &= record[i].cmd_index == i % 3 && record[i].iteration == i / 3 &&
			record[i].opcode == (list[i % 3][0] & 0xff) &&
			record[i].start <= record[i].end &&
			(!i || record[i].start >= record[i - 1].start);
	tap_ok(!c.status && good, "a record per command");
	tap_ok(c.counters[BNN_COUNTER_PROFILE_DROPPED] == 2, "a full log drops and counts");
	job.entry.profile_region = R_READ;
	c = run_regions(h, &job);
	tap_ok(c.status == BNN_STATUS_BAD_REGION && c.access == R_READ,
	       "a log region without PROFILE");
}

static uint64_t counter(struct host *h, unsigned i)
{
	return host_reg(h, BNN_REG_CNT + 8 * i) | (uint64_t)host_reg(h, BNN_REG_CNT + 8 * i + 4)
							  << 32;
}

static void test_counters(struct host *h)
{
	uint32_t w[32];
	uint64_t t;

	fresh(h);
	plain_command(w, BNN_CMD_CONV);
	run_one(h, w);
	run_one(h, w);
	tap_ok(!counter(h, BNN_COUNTER_COMMANDS), "CNT holds the last snapshot");
	host_set(h, BNN_REG_CNT_CTRL, 3);
	/* 20 pixels: 6 inner with 9 taps, 10 at edges with 6, 4 corners with 4. */
	tap_ok(counter(h, BNN_COUNTER_COMMANDS) == 4 &&
		       counter(h, BNN_COUNTER_MACS) == 2 * (6 * 9 + 10 * 6 + 4 * 4) * 16 * 8,
	       "the counters of two jobs");
	host_set(h, BNN_REG_CNT_CTRL, 1);
	tap_ok(!counter(h, BNN_COUNTER_COMMANDS), "CLEAR follows SNAPSHOT");
	t = host_reg(h, BNN_REG_TIMESTAMP_LO);
	t |= (uint64_t)host_reg(h, BNN_REG_TIMESTAMP_HI) << 32;
	run_one(h, w);
	tap_ok(host_reg(h, BNN_REG_TIMESTAMP_LO) > (uint32_t)t, "the timestamp moves");
}

static void test_options(const char *library, struct host *h)
{
	struct bnn_core_host host = { .abi = BNN_CORE_ABI };
	char err[100] = "";

	(void)library;
	tap_ok(!h->ops->create(&host, "no_such=1", err, sizeof(err)) && err[0],
	       "unknown option: %s", err);
	err[0] = 0;
	tap_ok(!h->ops->create(&host, "act_kib=-1", err, sizeof(err)) && err[0], "bad value: %s",
	       err);
	host.abi = 0;
	err[0] = 0;
	tap_ok(!h->ops->create(&host, NULL, err, sizeof(err)) && err[0], "other ABI: %s", err);
}

/* core-test [LIBRARY] */
int main(int argc, char **argv)
{
	const char *library = argc > 1 ? argv[1] : "build/lib/libbnnaccel-model.so";
	struct host *h = host_open(library, NULL);

	if (!h)
		return 2;
	tap_note("core %s, features 0x%x, %u KiB on chip", h->ops->name, h->features,
		 h->act_bytes / 1024);
	test_registers(h);
	test_interrupts(h);
	test_enable(h);
	test_completion(h);
	test_arbitration(h);
	test_moderation(h);
	test_queue_errors(h);
	test_entries(h);
	test_regions(h);
	test_iterations(h);
	test_fields(h);
	test_rules(h);
	test_precise(h);
	test_faulty_entries(h);
	test_mapping(h);
	test_on_chip(h);
	test_kill(h);
	test_budget(h);
	test_reset(h);
	test_state(h);
	test_pokes(h);
	test_profile(h);
	test_counters(h);
	test_options(library, h);
	if (is_model(h))
		test_sticky(library);
	tap_ok(h->stray == 0, "all transactions kept the rules (%u reads, %u writes)", h->reads,
	       h->writes);
	host_close(h);
	return tap_done();
}
