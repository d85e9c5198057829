// SPDX-License-Identifier: MIT
/* Jobs on the device: results, order, fences, faults, lifetimes. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <linux/udmabuf.h>

#include "guest.h"

#include "kselftest_harness.h"
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 120

#define RD DRM_BNNACCEL_REGION_READ
#define WR DRM_BNNACCEL_REGION_WRITE

FIXTURE(jobs)
{
	int fd;
	uint32_t ctx;
	char pci[32];
};

FIXTURE_SETUP(jobs)
{
	self->fd = open_node();
	ASSERT_LE(0, self->fd);
	self->ctx = ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_NORMAL);
	ASSERT_NE(0, self->ctx);
	ASSERT_TRUE(pci_address(self->pci, sizeof(self->pci)));
}

/* What a client leaves behind is freed when its last job has ended. */
static bool all_gone(const char *pci)
{
	int i;

	for (i = 0; i < PATIENCE_MS / 10; i++) {
		if (objects(pci, "bos") < 0)
			return true;
		if (!objects(pci, "bos") && !objects(pci, "vms") && !objects(pci, "jobs"))
			return true;
		nap_ms(10);
	}
	return false;
}

/* In the parent: the files are closed and the mappings gone with the test's process. */
FIXTURE_TEARDOWN_PARENT(jobs)
{
	EXPECT_TRUE(all_gone(self->pci));
}

static void fill(unsigned char *p, size_t n, unsigned int seed)
{
	size_t i;

	for (i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = seed >> 24;
	}
}

struct pair {
	uint32_t from, to, program;
	unsigned char *src, *dst;
	struct job job;
};

/* Two objects of rows * bytes and a program that copies one to the other. */
static bool pair_new(struct pair *p, int fd, uint32_t rows, uint32_t bytes, unsigned int seed)
{
	p->from = bo_new(fd, rows * bytes);
	p->to = bo_new(fd, rows * bytes);
	p->program = program_copy(fd, 1, 2, rows, bytes);
	p->src = bo_map(fd, p->from, rows * bytes);
	p->dst = bo_map(fd, p->to, rows * bytes);
	if (!p->program || !p->src || !p->dst)
		return false;
	fill(p->src, rows * bytes, seed);
	job_init(&p->job, p->program);
	job_region(&p->job, p->from, RD, rows * bytes);
	job_region(&p->job, p->to, WR, rows * bytes);
	return true;
}

static void pair_free(struct pair *p, int fd, size_t size)
{
	munmap(p->src, size);
	munmap(p->dst, size);
	handle_close(fd, p->from);
	handle_close(fd, p->to);
	handle_close(fd, p->program);
}

TEST_F(jobs, end)
{
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
	EXPECT_EQ(1, ctx_query(self->fd, self->ctx).jobs);
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).faults);
}

TEST_F(jobs, copy)
{
	struct pair p;

	ASSERT_TRUE(pair_new(&p, self->fd, 64, 4096, 1));
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &p.job));
	EXPECT_EQ(0, memcmp(p.src, p.dst, 64 * 4096));
}

TEST_F(jobs, every_priority)
{
	uint32_t priority, ctx;

	for (priority = 0; priority < 3; priority++) {
		ctx = ctx_new(self->fd, priority);
		EXPECT_EQ(1, run_end(self->fd, ctx));
	}
}

TEST_F(jobs, longest_program)
{
	uint32_t program = program_nops(self->fd, BNN_COMMANDS_MAX);
	struct job j;

	job_init(&j, program);
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &j));
}

/* Iterations move the windows; commands before loop_start run once. */
TEST_F(jobs, iterations)
{
	struct command list[3] = { copy_command(1, 3, 1, 256), copy_command(1, 2, 1, 256),
				   { { BNN_CMD_END } } };
	uint32_t program = program_new(self->fd, list, 3);
	uint32_t from = bo_new(self->fd, 4096), to = bo_new(self->fd, 8192);
	uint32_t once = bo_new(self->fd, 4096);
	unsigned char *src = bo_map(self->fd, from, 4096);
	unsigned char *dst = bo_map(self->fd, to, 8192);
	unsigned char *first = bo_map(self->fd, once, 4096);
	struct job j;
	int i;

	fill(src, 4096, 2);
	job_init(&j, program);
	j.job.iterations = 15;
	j.job.loop_start = 1;
	job_region(&j, from, RD, 256)->stride = 256;
	job_region(&j, to, WR, 256)->stride = 512;
	job_region(&j, once, WR, 256)->stride = 256;
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &j));
	for (i = 0; i < 15; i++) {
		EXPECT_EQ(0, memcmp(src + 256 * i, dst + 512 * i, 256));
		EXPECT_EQ(0, dst[512 * i + 256]);
	}
	EXPECT_EQ(0, memcmp(src, first, 256));
	for (i = 256; i < 4096; i++)
		ASSERT_EQ(0, first[i]);
}

TEST_F(jobs, region_offset)
{
	uint32_t bo = bo_new(self->fd, 3 << 20);
	unsigned char *p = bo_map(self->fd, bo, 3 << 20);
	uint32_t program = program_copy(self->fd, 1, 31, 1, 4096);
	struct drm_bnnaccel_region *r;
	struct job j;
	int i;

	ASSERT_NE(NULL, p);
	fill(p, 8192, 3);
	job_init(&j, program);
	r = job_region(&j, bo, RD, 4096);
	r->offset = 64;
	for (i = 2; i < 31; i++)
		job_region(&j, 0, 0, 0);
	r = job_region(&j, bo, WR, 4096);
	r->offset = (2 << 20) - 2048;
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &j));
	EXPECT_EQ(0, memcmp(p + 64, p + (2 << 20) - 2048, 4096));
	EXPECT_EQ(0, p[(2 << 20) - 2049]);
	EXPECT_EQ(0, p[(2 << 20) + 2048]);
}

TEST_F(jobs, program_keeps_its_bytes)
{
	struct command list[2] = { { { BNN_CMD_NOP } }, { { BNN_CMD_END } } };
	uint32_t program = program_new(self->fd, list, 2);
	struct job j;

	memset(list, 0xff, sizeof(list));
	job_init(&j, program);
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &j));
}

FIXTURE(fault)
{
	int fd;
	uint32_t ctx, from, to;
	struct job job;
};

FIXTURE_SETUP(fault)
{
	self->fd = open_node();
	ASSERT_LE(0, self->fd);
	self->ctx = ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_NORMAL);
	self->from = bo_new(self->fd, 4096);
	self->to = bo_new(self->fd, 4096);
	job_init(&self->job, 0);
	job_region(&self->job, self->from, RD, 4096);
	job_region(&self->job, self->to, WR, 4096);
}

/* The context and the next job are none the worse. */
FIXTURE_TEARDOWN(fault)
{
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).flags);
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).guilty);
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
	close(self->fd);
}

static struct drm_bnnaccel_ctx_query fault_run(FIXTURE_DATA(fault) *self,
					       struct __test_metadata *_metadata,
					       const struct command *list, uint32_t count,
					       int error, uint32_t status)
{
	struct drm_bnnaccel_ctx_query q;

	self->job.job.program = program_new(self->fd, list, count);
	EXPECT_EQ(error, job_run(self->fd, self->ctx, &self->job));
	q = ctx_query(self->fd, self->ctx);
	EXPECT_EQ(1, q.jobs);
	EXPECT_EQ(1, q.faults);
	EXPECT_EQ(1, q.fault_seqno);
	EXPECT_EQ(status, q.fault_status);
	return q;
}

TEST_F(fault, opcode)
{
	struct command list[3] = { { { BNN_CMD_NOP } }, { { 0xee } }, { { BNN_CMD_END } } };
	struct drm_bnnaccel_ctx_query q =
		fault_run(self, _metadata, list, 3, -EINVAL, BNN_STATUS_BAD_OPCODE);

	EXPECT_EQ(1, q.fault_command);
	EXPECT_EQ(128, q.fault_word);
}

TEST_F(fault, reserved_bit)
{
	struct command list[2] = { { { BNN_CMD_NOP } }, { { BNN_CMD_END } } };
	struct drm_bnnaccel_ctx_query q;

	list[0].word[31] = 1u << 31;
	q = fault_run(self, _metadata, list, 2, -EINVAL, BNN_STATUS_BAD_FIELD);
	EXPECT_EQ(0, q.fault_command);
	EXPECT_EQ(124, q.fault_word);
	EXPECT_EQ(BNN_DETAIL_RESERVED, q.fault_detail);
}

TEST_F(fault, no_end)
{
	struct command list[2] = { 0 };

	fault_run(self, _metadata, list, 2, -EINVAL, BNN_STATUS_NO_END);
}

TEST_F(fault, garbage)
{
	unsigned char list[64 * BNN_COMMAND_BYTES];

	fill(list, sizeof(list), 4);
	self->job.job.program = program_new(self->fd, list, 64);
	EXPECT_EQ(-EINVAL, job_run(self->fd, self->ctx, &self->job));
}

TEST_F(fault, bounds)
{
	struct command list[2] = { copy_command(1, 2, 2, 4096), { { BNN_CMD_END } } };

	fault_run(self, _metadata, list, 2, -EFAULT, BNN_STATUS_BAD_BOUNDS);
}

TEST_F(fault, region_not_bound)
{
	struct command list[2] = { copy_command(1, 30, 1, 4096), { { BNN_CMD_END } } };
	struct drm_bnnaccel_ctx_query q =
		fault_run(self, _metadata, list, 2, -EFAULT, BNN_STATUS_BAD_BOUNDS);

	EXPECT_EQ(30, q.fault_access & BNN_COMPLETION_ACCESS_REGION);
}

TEST_F(fault, write_to_read_only)
{
	struct command list[2] = { copy_command(1, 1, 1, 2048), { { BNN_CMD_END } } };

	set(&list[0], BNN_F_POOL_OUT_OFFSET, 2048);
	fault_run(self, _metadata, list, 2, -EFAULT, BNN_STATUS_BAD_ACCESS);
}

TEST_F(fault, read_of_write_only)
{
	struct command list[2] = { copy_command(2, 2, 1, 2048), { { BNN_CMD_END } } };

	set(&list[0], BNN_F_POOL_OUT_OFFSET, 2048);
	fault_run(self, _metadata, list, 2, -EFAULT, BNN_STATUS_BAD_ACCESS);
}

/* A job can neither read nor change its commands. */
TEST_F(fault, own_program)
{
	struct command list[2] = { copy_command(0, 2, 1, 128), { { BNN_CMD_END } } };

	fault_run(self, _metadata, list, 2, -EFAULT, BNN_STATUS_BAD_ACCESS);
}

TEST_F(fault, own_program_write)
{
	struct command list[2] = { copy_command(1, 0, 1, 128), { { BNN_CMD_END } } };

	fault_run(self, _metadata, list, 2, -EFAULT, BNN_STATUS_BAD_ACCESS);
}

TEST_F(fault, budget)
{
	uint32_t program = program_nops(self->fd, 1000);

	self->job.job.program = program;
	self->job.job.iterations = 60000;
	self->job.job.budget = 1;
	self->job.job.regions.count = 0;
	EXPECT_EQ(-ETIME, job_run(self->fd, self->ctx, &self->job));
	EXPECT_EQ(BNN_STATUS_TIMEOUT, ctx_query(self->fd, self->ctx).fault_status);
}

/* Jobs before the bad one are queued, those behind it are not. */
TEST_F(jobs, part_of_a_submit)
{
	uint32_t program = program_nops(self->fd, 1);
	struct drm_bnnaccel_job list[4];
	struct drm_bnnaccel_submit args = {
		.ctx = self->ctx,
		.jobs = { sizeof(list[0]), 4, PTR(list) },
	};
	struct job j;
	int i;

	job_init(&j, program);
	for (i = 0; i < 4; i++)
		list[i] = j.job;
	list[2].iterations = 0;
	EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_BNNACCEL_SUBMIT, &args));
	EXPECT_EQ(2, args.queued);
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
	EXPECT_EQ(3, ctx_query(self->fd, self->ctx).jobs);
}

TEST_F(jobs, largest_submit)
{
	uint32_t program = program_nops(self->fd, 3);
	struct drm_bnnaccel_job list[64];
	struct drm_bnnaccel_submit args = {
		.ctx = self->ctx,
		.jobs = { sizeof(list[0]), 64, PTR(list) },
	};
	struct job j;
	int i;

	job_init(&j, program);
	for (i = 0; i < 64; i++)
		list[i] = j.job;
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, call(self->fd, DRM_IOCTL_BNNACCEL_SUBMIT, &args));
		EXPECT_EQ(64, args.queued);
	}
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
	EXPECT_EQ(257, ctx_query(self->fd, self->ctx).jobs);
}

TEST_F(jobs, perfmon)
{
	uint64_t v[BNN_COUNTERS], w[BNN_COUNTERS];
	struct drm_bnnaccel_perfmon_get_values get = {
		.id = perfmon_new(self->fd),
		.count = BNN_COUNTERS,
		.values = PTR(v),
	};
	struct job j;

	job_init(&j, program_nops(self->fd, 10));
	j.job.perfmon = get.id;
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &j));
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &get));
	EXPECT_EQ(1, get.jobs);
	EXPECT_EQ(10, v[BNN_COUNTER_COMMANDS]);
	EXPECT_EQ(1280, v[BNN_COUNTER_BYTES_COMMANDS]);

	/* Another job, not attached, is not counted; a second attached one is. */
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &j));
	get.values = PTR(w);
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &get));
	EXPECT_EQ(2, get.jobs);
	EXPECT_EQ(20, w[BNN_COUNTER_COMMANDS]);
}

TEST_F(jobs, perfmon_destroyed_while_in_use)
{
	struct drm_bnnaccel_perfmon_destroy args = { .id = perfmon_new(self->fd) };
	struct job j;
	int i;

	job_init(&j, program_nops(self->fd, 1000));
	j.job.perfmon = args.id;
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, job_submit(self->fd, self->ctx, &j));
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_BNNACCEL_PERFMON_DESTROY, &args));
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
}

TEST_F(jobs, timeline)
{
	uint32_t other = ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_LOW);
	uint32_t sync = sync_new(self->fd), program = program_nops(self->fd, 2);
	uint64_t point;
	struct job j;

	/* Every point waits for the one before, on another queue. */
	for (point = 1; point <= 200; point++) {
		job_init(&j, program);
		if (point > 1)
			job_sync(&j, DRM_BNNACCEL_SYNC_WAIT, sync, point - 1);
		job_sync(&j, DRM_BNNACCEL_SYNC_SIGNAL, sync, point);
		ASSERT_EQ(0, job_submit(self->fd, point % 2 ? self->ctx : other, &j));
	}
	EXPECT_EQ(0, timeline_wait(self->fd, sync, 200, now_ns() + PATIENCE_MS * 1000000ll));
	EXPECT_EQ(0, timeline_wait(self->fd, sync, 1, 0));
	/* Nobody has submitted that yet. */
	EXPECT_EQ(-EINVAL, timeline_wait(self->fd, sync, 201, 0));
	EXPECT_EQ(100, ctx_query(self->fd, self->ctx).jobs);
	EXPECT_EQ(100, ctx_query(self->fd, other).jobs);
}

/* A chain of copies through two queues, ordered by fences of the objects alone. */
TEST_F(jobs, implicit_fences)
{
	uint32_t low = ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_LOW);
	uint32_t a = bo_new(self->fd, 65536), b = bo_new(self->fd, 65536);
	unsigned char *p = bo_map(self->fd, a, 65536), *q = bo_map(self->fd, b, 65536);
	struct command list[2] = { copy_command(1, 2, 15, 4096), { { BNN_CMD_END } } };
	uint32_t program = program_new(self->fd, list, 2);
	struct drm_bnnaccel_region *r;
	struct job j;
	int i;

	/* Each copy shifts by 64 bytes, so any two out of order show. */
	fill(p, 65536, 5);
	for (i = 0; i < 32; i++) {
		job_init(&j, program);
		r = job_region(&j, i % 2 ? b : a, RD, 15 * 4096);
		r->offset = 64;
		job_region(&j, i % 2 ? a : b, WR, 15 * 4096);
		ASSERT_EQ(0, job_submit(self->fd, i % 2 ? low : self->ctx, &j));
	}
	EXPECT_EQ(0, bo_wait(self->fd, a, now_ns() + PATIENCE_MS * 1000000ll));
	EXPECT_EQ(0, bo_wait(self->fd, b, now_ns() + PATIENCE_MS * 1000000ll));
	EXPECT_EQ(0, bo_wait(self->fd, a, 0));
	fill(q, 65536, 5);
	EXPECT_EQ(0, memcmp(p, q + 32 * 64, 15 * 4096 - 32 * 64));
}

TEST_F(jobs, wait_times_out)
{
	uint32_t bo = bo_new(self->fd, 4096);
	struct job j;
	int i;

	job_init(&j, program_nops(self->fd, 65536));
	j.job.iterations = 3;
	job_region(&j, bo, WR, 64);
	for (i = 0; i < 30; i++)
		ASSERT_EQ(0, job_submit(self->fd, self->ctx, &j));
	EXPECT_EQ(-ETIMEDOUT, bo_wait(self->fd, bo, 0));
	EXPECT_EQ(-ETIMEDOUT, bo_wait(self->fd, bo, now_ns() + 1000000));
	EXPECT_EQ(0, bo_wait(self->fd, bo, now_ns() + PATIENCE_MS * 1000000ll));
}

/* Sharing between two clients: a dma-buf for the data, a sync_file for the order. */
TEST_F(jobs, two_clients)
{
	int other = open_node(), buf, fence;
	uint32_t ctx = ctx_new(other, 1), sync = sync_new(self->fd), theirs, sync2;
	struct drm_syncobj_handle import = { .flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE };
	uint32_t to = bo_new(other, 65536);
	unsigned char *dst = bo_map(other, to, 65536);
	struct pair p;
	struct job j;

	ASSERT_TRUE(pair_new(&p, self->fd, 16, 4096, 6));
	job_sync(&p.job, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
	ASSERT_EQ(0, job_submit(self->fd, self->ctx, &p.job));
	buf = export_buf(self->fd, p.to);
	ASSERT_EQ(0, import_buf(other, buf, &theirs));
	fence = sync_export(self->fd, sync);
	ASSERT_LE(0, fence);
	sync2 = sync_new(other);
	import.handle = sync2;
	import.fd = fence;
	ASSERT_EQ(0, call(other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import));

	job_init(&j, program_copy(other, 1, 2, 16, 4096));
	job_region(&j, theirs, RD, 65536);
	job_region(&j, to, WR, 65536);
	job_sync(&j, DRM_BNNACCEL_SYNC_WAIT, sync2, 0);
	EXPECT_EQ(1, job_run(other, ctx, &j));
	EXPECT_EQ(0, memcmp(p.src, dst, 65536));
	close(buf);
	close(fence);
	close(other);
}

/* One client's addresses mean nothing in another's space: faults, no access. */
TEST_F(jobs, isolation)
{
	int other = open_node();
	uint32_t ctx = ctx_new(other, 1);
	struct pair p;
	struct job j;

	ASSERT_TRUE(pair_new(&p, self->fd, 16, 4096, 7));
	job_init(&j, program_copy(other, 1, 2, 16, 4096));
	EXPECT_EQ(-EFAULT, job_run(other, ctx, &j));
	job_region(&j, p.from, RD, 65536);
	EXPECT_NE(0, job_submit(other, ctx, &j));
	close(other);
}

/* Memory of another driver. */
TEST_F(jobs, udmabuf)
{
	struct udmabuf_create create = { .size = 65536 };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), buf;
	unsigned char *src;
	uint32_t from;
	struct pair p;

	if (dev < 0)
		SKIP(return, "no udmabuf");
	create.memfd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(create.memfd, 65536));
	ASSERT_EQ(0, fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	buf = ioctl(dev, UDMABUF_CREATE, &create);
	ASSERT_LE(0, buf);
	src = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, create.memfd, 0);
	ASSERT_NE(MAP_FAILED, src);
	fill(src, 65536, 8);

	ASSERT_EQ(0, import_buf(self->fd, buf, &from));
	ASSERT_TRUE(pair_new(&p, self->fd, 16, 4096, 9));
	p.job.job.regions.count = 0;
	job_region(&p.job, from, RD, 65536);
	job_region(&p.job, p.to, WR, 65536);
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &p.job));
	EXPECT_EQ(0, memcmp(src, p.dst, 65536));
	close(buf);
	close(dev);
	close(create.memfd);
}

/* Handles may be closed and memory reused as soon as the job is submitted. */
TEST_F(jobs, handles_closed_after_submit)
{
	unsigned char *shared = NULL;
	uint32_t sync = sync_new(self->fd), junk;
	struct pair p;
	int i, buf = -1;

	for (i = 0; i < 50; i++) {
		ASSERT_TRUE(pair_new(&p, self->fd, 16, 4096, 10 + i));
		if (i == 49) {
			buf = export_buf(self->fd, p.to);
			shared = mmap(NULL, 65536, PROT_READ, MAP_SHARED, buf, 0);
			ASSERT_NE(MAP_FAILED, shared);
		}
		job_sync(&p.job, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
		ASSERT_EQ(0, job_submit(self->fd, self->ctx, &p.job));
		pair_free(&p, self->fd, 65536);
		junk = bo_new(self->fd, 65536);
		memset(bo_map(self->fd, junk, 65536), 0xff, 65536);
		handle_close(self->fd, junk);
	}
	EXPECT_EQ(1, sync_wait(self->fd, sync));
	p.src = malloc(65536);
	fill(p.src, 65536, 10 + 49);
	EXPECT_EQ(0, memcmp(p.src, shared, 65536));
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).faults);
	close(buf);
}

/* A new object beside one whose translations the device has cached. */
TEST_F(jobs, neighbours)
{
	struct pair p[64];
	int i;

	for (i = 0; i < 64; i++) {
		ASSERT_TRUE(pair_new(&p[i], self->fd, 1, 4096, i));
		EXPECT_EQ(1, job_run(self->fd, self->ctx, &p[i].job));
		EXPECT_EQ(0, memcmp(p[i].src, p[i].dst, 4096));
	}
	/* And into the holes. */
	for (i = 0; i < 64; i += 2)
		pair_free(&p[i], self->fd, 4096);
	for (i = 0; i < 64; i += 2) {
		ASSERT_TRUE(pair_new(&p[i], self->fd, 1, 4096, 100 + i));
		EXPECT_EQ(1, job_run(self->fd, self->ctx, &p[i].job));
		EXPECT_EQ(0, memcmp(p[i].src, p[i].dst, 4096));
	}
}

/* Whole leaf tables come and go. */
TEST_F(jobs, leaf_tables)
{
	struct pair p;
	int i;

	for (i = 0; i < 6; i++) {
		ASSERT_TRUE(pair_new(&p, self->fd, 1024 + 512 * (i % 2), 4096, i));
		EXPECT_EQ(1, job_run(self->fd, self->ctx, &p.job));
		EXPECT_EQ(0, memcmp(p.src, p.dst, 4096 * 1024));
		pair_free(&p, self->fd, (1024 + 512 * (i % 2)) * 4096);
	}
}

TEST_F(jobs, ctx_destroyed_with_jobs)
{
	uint32_t bo = bo_new(self->fd, 4096), ctx = ctx_new(self->fd, 0);
	uint32_t sync = sync_new(self->fd);
	struct job j;
	int i;

	job_init(&j, program_nops(self->fd, 5000));
	job_region(&j, bo, WR, 64);
	job_sync(&j, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, job_submit(self->fd, ctx, &j));
	EXPECT_EQ(0, ctx_destroy(self->fd, ctx));
	EXPECT_EQ(-ENOENT, job_submit(self->fd, ctx, &j));
	/* They still run. */
	EXPECT_EQ(1, sync_wait(self->fd, sync));
}

/* A sync_file outlives the file of the job. */
TEST_F(jobs, file_closed_with_jobs)
{
	uint32_t sync = sync_new(self->fd);
	struct job j;
	int i, fence;

	job_init(&j, program_nops(self->fd, 20000));
	job_sync(&j, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, job_submit(self->fd, self->ctx, &j));
	fence = sync_export(self->fd, sync);
	ASSERT_LE(0, fence);
	close(self->fd);
	EXPECT_EQ(1, sync_file_wait(fence, PATIENCE_MS));
	close(fence);
}

static void child_with_jobs(int ready)
{
	int fd = open_node(), i;
	uint32_t ctx = ctx_new(fd, 1);
	struct job j;

	job_init(&j, program_nops(fd, 65536));
	j.job.iterations = 1000;
	job_region(&j, bo_new(fd, 1 << 20), WR, 64);
	for (i = 0; i < 100; i++)
		job_submit(fd, ctx, &j);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

/* Its queue would take hours; its death must not. */
TEST_F(jobs, killed_client)
{
	int ready[2], status;
	char c;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid)
		child_with_jobs(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
}

TEST_F(jobs, fdinfo)
{
	static const char * const keys[] = {
		"drm-driver:\tbnnaccel", "drm-pdev:\t", "drm-client-id:\t", "drm-engine-bnn:\t",
		"drm-cycles-bnn:\t", "drm-maxfreq-bnn:\t", "drm-total-memory:\t",
		"drm-shared-memory:\t", "drm-resident-memory:\t", "bnnaccel-jobs:\t1\n",
	};
	char path[64], text[4096] = "", *at;
	unsigned long long cycles = 0, total = 0;
	unsigned int i;
	struct pair p;
	FILE *f;

	ASSERT_TRUE(pair_new(&p, self->fd, 256, 4096, 11));
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &p.job));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	f = fopen(path, "re");
	ASSERT_NE(NULL, f);
	ASSERT_NE(0, fread(text, 1, sizeof(text) - 1, f));
	fclose(f);
	for (i = 0; i < COUNT(keys); i++) {
		EXPECT_NE(NULL, strstr(text, keys[i])) {
			TH_LOG("%s is not in:\n%s", keys[i], text);
		}
	}
	at = strstr(text, "drm-cycles-bnn:");
	EXPECT_EQ(1, sscanf(at, "drm-cycles-bnn: %llu", &cycles));
	EXPECT_NE(0, cycles);
	at = strstr(text, "drm-total-memory:");
	EXPECT_EQ(1, sscanf(at, "drm-total-memory: %llu", &total));
	EXPECT_EQ(2052, total);
}

#define THREADS 4
#define ROUNDS 60

static void *hammer(void *arg)
{
	unsigned int seed = (uintptr_t)arg, round;
	int fd = open_node();
	long bad = 0;

	for (round = 0; round < ROUNDS; round++) {
		uint32_t ctx = ctx_new(fd, (seed + round) % 3);
		uint32_t rows = 1 + (seed * 7 + round * 5) % 40;
		struct pair p;

		if (!pair_new(&p, fd, rows, 4096, seed * 1000 + round)) {
			bad++;
			break;
		}
		bad += job_run(fd, ctx, &p.job) != 1;
		bad += memcmp(p.src, p.dst, rows * 4096) != 0;
		pair_free(&p, fd, rows * 4096);
		ctx_destroy(fd, ctx);
	}
	close(fd);
	return (void *)bad;
}

TEST_F(jobs, many_clients)
{
	pthread_t threads[THREADS];
	void *bad;
	long i;

	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, hammer, (void *)i));
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		EXPECT_EQ(NULL, bad);
	}
}

static int shared_fd;
static volatile bool stop_guessing;

/* Destroys and uses handles that other threads are about to make. */
static void *guess(void *arg)
{
	unsigned int i = 0;

	while (!stop_guessing) {
		uint32_t id = 1 + i++ % 8;
		struct drm_bnnaccel_ctx_query query = { .id = id };
		struct job j;

		call(shared_fd, DRM_IOCTL_BNNACCEL_CTX_QUERY, &query);
		job_init(&j, id);
		job_region(&j, id + 1, RD | WR, 64);
		job_submit(shared_fd, id, &j);
		ctx_destroy(shared_fd, id);
		handle_close(shared_fd, id);
		bo_wait(shared_fd, id, 0);
	}
	return NULL;
}

TEST_F(jobs, racing_threads)
{
	pthread_t threads[2];
	char path[64], text[4096];
	int i, info;

	shared_fd = self->fd;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, guess, NULL));
	for (i = 0; i < 400; i++) {
		ctx_new(self->fd, i % 3);
		bo_new(self->fd, 4096);
		program_nops(self->fd, 2);
		info = open(path, O_RDONLY | O_CLOEXEC);
		while (read(info, text, sizeof(text)) > 0)
			;
		close(info);
	}
	stop_guessing = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* A reset that nobody is guilty of: what waits in the rings runs afterwards. */
TEST_F(jobs, reset_keeps_waiting_jobs)
{
	uint32_t sync[20];
	char path[128];
	struct pair p;
	int i, lost = 0, status;

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/reset", self->pci);
	if (access(path, W_OK))
		SKIP(return, "no debugfs");
	ASSERT_TRUE(pair_new(&p, self->fd, 1024, 4096, 12));
	for (i = 0; i < 20; i++) {
		sync[i] = sync_new(self->fd);
		job_sync(&p.job, DRM_BNNACCEL_SYNC_SIGNAL, sync[i], 0);
		ASSERT_EQ(0, job_submit(self->fd, self->ctx, &p.job));
		p.job.job.syncs.count = 0;
		if (i == 10)
			EXPECT_EQ(0, write_file(path, "1"));
	}
	/* The one that ran is lost, its context not to blame. */
	for (i = 0; i < 20; i++) {
		status = sync_wait(self->fd, sync[i]);
		if (status != 1)
			EXPECT_EQ(-EIO, status);
		lost += status != 1;
	}
	EXPECT_GE(1, lost);
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).guilty);
	EXPECT_EQ(0, memcmp(p.src, p.dst, 1024 * 4096));
}

TEST_F(jobs, many_resets)
{
	char path[128];
	int i, ok = 0;

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/reset", self->pci);
	if (access(path, W_OK))
		SKIP(return, "no debugfs");
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(0, write_file(path, "1"));
		ok += run_end(self->fd, self->ctx) == 1;
	}
	EXPECT_EQ(100, ok);
}

/* A function level reset behind the driver's back, through sysfs. */
TEST_F(jobs, sysfs_reset)
{
	char path[128];
	struct pair p;
	int i, ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", self->pci);
	ASSERT_TRUE(pair_new(&p, self->fd, 256, 4096, 13));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, job_submit(self->fd, self->ctx, &p.job));
		ret = write_file(path, "1");
		if (ret == -ENOENT)
			SKIP(return, "the device offers no reset");
		EXPECT_EQ(0, ret);
		EXPECT_EQ(1, job_run(self->fd, self->ctx, &p.job));
	}
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).faults);
}

static volatile bool stop_unmapping;

static void *unmap_all_the_time(void *arg)
{
	int fd = open_node();

	while (!stop_unmapping)
		handle_close(fd, bo_new(fd, 4096));
	close(fd);
	return NULL;
}

static uint32_t reset_count(int fd)
{
	struct drm_bnnaccel_dev_info info = { 0 };
	struct drm_bnnaccel_dev_query q = { .size = sizeof(info), .pointer = PTR(&info) };

	call(fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, &q);
	return info.resets;
}

/* Memory is unmapped before or after a reset: its invalidation isn't lost in one. */
TEST_F(jobs, unmapping_during_resets)
{
	uint32_t before = reset_count(self->fd);
	pthread_t thread;
	char path[128];
	int i, ret = 0;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", self->pci);
	if (access(path, W_OK))
		SKIP(return, "the device offers no reset");
	ASSERT_EQ(0, pthread_create(&thread, NULL, unmap_all_the_time, NULL));
	for (i = 0; i < 10; i++) {
		ret |= write_file(path, "1");
		EXPECT_EQ(1, run_end(self->fd, self->ctx));
	}
	stop_unmapping = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(before + 10, reset_count(self->fd));
}

/* The freezer and all suspend callbacks, without sleeping. */
TEST_F(jobs, suspend)
{
	struct pair p;
	int i;

	if (write_file("/sys/power/pm_test", "devices"))
		SKIP(return, "no pm_test");
	ASSERT_TRUE(pair_new(&p, self->fd, 256, 4096, 14));
	for (i = 0; i < 3; i++) {
		memset(p.dst, 0, 256 * 4096);
		ASSERT_EQ(0, job_submit(self->fd, self->ctx, &p.job));
		EXPECT_EQ(0, write_file("/sys/power/state", "freeze"));
		EXPECT_EQ(1, job_run(self->fd, self->ctx, &p.job));
		EXPECT_EQ(0, memcmp(p.src, p.dst, 256 * 4096));
	}
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).faults);
	write_file("/sys/power/pm_test", "none");
}

TEST_HARNESS_MAIN
