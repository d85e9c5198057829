// SPDX-License-Identifier: MIT
/* Every ioctl: what it accepts, what it refuses, and with which error. */
#include "guest.h"

#include "kselftest_harness.h"
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 120

FIXTURE(dev)
{
	int fd;
	int other;
	struct drm_bnnaccel_dev_info info;
};

FIXTURE_SETUP(dev)
{
	struct drm_bnnaccel_dev_query query = {
		.size = sizeof(self->info),
		.pointer = PTR(&self->info),
	};

	self->fd = open_node();
	ASSERT_LE(0, self->fd);
	self->other = open_node();
	ASSERT_LE(0, self->other);
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, &query));
}

FIXTURE_TEARDOWN(dev)
{
	close(self->fd);
	close(self->other);
}

#define ARGS(type, ...) (&(struct drm_bnnaccel_##type){ __VA_ARGS__ })
#define EXPECT_CALL(expected, fd, request, ...) EXPECT_EQ(expected, call(fd, request, __VA_ARGS__))

TEST_F(dev, version)
{
	char name[32] = "";
	struct drm_version v = { .name_len = sizeof(name) - 1, .name = name };

	EXPECT_CALL(0, self->fd, DRM_IOCTL_VERSION, &v);
	EXPECT_STREQ("bnnaccel", name);
	EXPECT_EQ(1, v.version_major);
}

TEST_F(dev, query_size)
{
	struct drm_bnnaccel_dev_query q = { 0 };

	EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, &q);
	EXPECT_EQ(sizeof(self->info), q.size);
}

TEST_F(dev, query_values)
{
	EXPECT_EQ(BNN_RESET_VERSION >> 16, self->info.version >> 16);
	EXPECT_LE(1, self->info.queues);
	EXPECT_GE(BNN_QUEUES, self->info.queues);
	EXPECT_GE(BNN_REGIONS, self->info.max_regions);
	EXPECT_EQ(64, self->info.max_jobs);
	EXPECT_EQ(64, self->info.max_syncs);
	EXPECT_EQ(BNN_COMMANDS_MAX, self->info.max_commands);
	EXPECT_EQ(BNN_COUNTERS, self->info.counters);
	EXPECT_EQ(1ull << 30, self->info.max_bo_size);
	EXPECT_EQ((1ull << 32) - 4096, self->info.va_size);
	EXPECT_NE(0, self->info.clock_hz);
}

TEST_F(dev, query_short_buffer)
{
	unsigned char buf[sizeof(self->info)];
	struct drm_bnnaccel_dev_query q = { .size = 5, .pointer = PTR(buf) };

	memset(buf, 0xa5, sizeof(buf));
	EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, &q);
	EXPECT_EQ(5, q.size);
	EXPECT_EQ(0xa5, buf[5]);
	EXPECT_EQ(0, memcmp(buf, &self->info, 5));
}

TEST_F(dev, query_long_buffer)
{
	unsigned char buf[sizeof(self->info) + 64];
	struct drm_bnnaccel_dev_query q = { .size = sizeof(buf), .pointer = PTR(buf) };

	memset(buf, 0xa5, sizeof(buf));
	EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, &q);
	EXPECT_EQ(sizeof(self->info), q.size);
	EXPECT_EQ(0xa5, buf[q.size]);
}

TEST_F(dev, query_refused)
{
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, ARGS(dev_query, .type = 1));
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY,
		    ARGS(dev_query, .type = UINT32_MAX));
	EXPECT_CALL(-EFAULT, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY,
		    ARGS(dev_query, .size = 8, .pointer = 8));
	EXPECT_CALL(-EFAULT, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY,
		    ARGS(dev_query, .size = 8, .pointer = UINT64_MAX - 4));
	EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, ARGS(dev_query, .pointer = 8));
	EXPECT_CALL(-EFAULT, self->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, NULL);
}

TEST_F(dev, unknown_ioctls)
{
	char args[256] = "";
	unsigned int nr;

	for (nr = DRM_COMMAND_BASE + DRM_BNNACCEL_PERFMON_GET_VALUES + 1; nr < DRM_COMMAND_END; nr++)
		EXPECT_CALL(-EINVAL, self->fd, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, nr, 64),
			    args);
}

/* A newer user space passes more; an older one less, which counts as 0. */
TEST_F(dev, other_struct_sizes)
{
	struct {
		struct drm_bnnaccel_ctx_create args;
		uint64_t newer;
	} longer = { { .priority = 1 } };
	uint32_t shorter[2] = { 1, 0 };
	unsigned int nr = DRM_COMMAND_BASE + DRM_BNNACCEL_CTX_CREATE;

	EXPECT_CALL(0, self->fd, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, nr, sizeof(longer)),
		    &longer);
	EXPECT_EQ(1, longer.args.id);
	EXPECT_CALL(0, self->fd, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, nr, 8), shorter);
}

TEST_F(dev, bo_create)
{
	static const uint64_t sizes[] = { 1, 4095, 4096, 4097, 1 << 20 };
	struct drm_bnnaccel_bo_create args;
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++) {
		args = (struct drm_bnnaccel_bo_create){ .size = sizes[i] };
		EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_BO_CREATE, &args);
		EXPECT_EQ((sizes[i] + 4095) & ~4095ull, args.size);
		EXPECT_NE(0, args.handle);
		EXPECT_EQ(0, handle_close(self->fd, args.handle));
		EXPECT_EQ(-EINVAL, handle_close(self->fd, args.handle));
	}
}

TEST_F(dev, bo_create_refused)
{
	static const uint64_t sizes[] = { 0, (1 << 30) + 1, 1ull << 32, 1ull << 63,
					  UINT64_MAX - 4095, UINT64_MAX };
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++)
		EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_BO_CREATE,
			    ARGS(bo_create, .size = sizes[i]));
	for (i = 0; i < 32; i++)
		EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_BO_CREATE,
			    ARGS(bo_create, .size = 4096, .flags = 1u << i));
}

TEST_F(dev, bo_is_zeroed)
{
	uint32_t bo = bo_new(self->fd, 1 << 20);
	uint64_t *p = bo_map(self->fd, bo, 1 << 20);
	size_t i, set = 0;

	ASSERT_NE(NULL, p);
	for (i = 0; i < (1 << 20) / 8; i++)
		set += !!p[i];
	EXPECT_EQ(0, set);
	munmap(p, 1 << 20);
}

TEST_F(dev, bo_survives_its_handle_while_mapped)
{
	uint32_t bo = bo_new(self->fd, 8192);
	char *p = bo_map(self->fd, bo, 8192);

	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, handle_close(self->fd, bo));
	memset(p, 1, 8192);
	munmap(p, 4096);
	p[4096] = 2;
	munmap(p + 4096, 4096);
}

TEST_F(dev, mmap_offset_refused)
{
	uint32_t bo = bo_new(self->fd, 4096);

	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET,
		    ARGS(bo_mmap_offset, .handle = bo, .pad = 1));
	EXPECT_CALL(-ENOENT, self->fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET,
		    ARGS(bo_mmap_offset, .handle = 0));
	EXPECT_CALL(-ENOENT, self->fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET,
		    ARGS(bo_mmap_offset, .handle = UINT32_MAX));
	EXPECT_CALL(-ENOENT, self->other, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET,
		    ARGS(bo_mmap_offset, .handle = bo));
}

TEST_F(dev, mmap_limits)
{
	struct drm_bnnaccel_bo_mmap_offset args = { .handle = bo_new(self->fd, 8192) };
	const int rw = PROT_READ | PROT_WRITE;

	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET, &args));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 12288, rw, MAP_SHARED, self->fd, args.offset));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, rw, MAP_PRIVATE, self->fd, args.offset));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, rw, MAP_SHARED, self->fd, 0));
	/* The offset is no secret, but needs a handle of the same file. */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, rw, MAP_SHARED, self->other, args.offset));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(dev, bo_wait)
{
	uint32_t bo = bo_new(self->fd, 4096);

	EXPECT_EQ(0, bo_wait(self->fd, bo, 0));
	EXPECT_EQ(0, bo_wait(self->fd, bo, -1));
	EXPECT_EQ(0, bo_wait(self->fd, bo, INT64_MIN));
	EXPECT_EQ(0, bo_wait(self->fd, bo, INT64_MAX));
	EXPECT_EQ(-ENOENT, bo_wait(self->fd, 0, 0));
	EXPECT_EQ(-ENOENT, bo_wait(self->other, bo, 0));
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_BO_WAIT,
		    ARGS(bo_wait, .handle = bo, .flags = 1));
}

TEST_F(dev, ctx_create)
{
	struct drm_bnnaccel_ctx_query q;
	uint32_t ctx, prio;

	for (prio = 0; prio <= DRM_BNNACCEL_PRIORITY_HIGH; prio++) {
		ctx = ctx_new(self->fd, prio);
		ASSERT_NE(0, ctx);
		q = ctx_query(self->fd, ctx);
		EXPECT_EQ(ctx, q.id);
		EXPECT_EQ(0, q.flags | q.guilty | q.faults | q.jobs | q.fault_seqno |
				     q.fault_status | q.fault_va);
	}
}

TEST_F(dev, ctx_create_refused)
{
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_CTX_CREATE,
		    ARGS(ctx_create, .priority = DRM_BNNACCEL_PRIORITY_HIGH + 1));
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_CTX_CREATE,
		    ARGS(ctx_create, .priority = UINT32_MAX));
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_CTX_CREATE,
		    ARGS(ctx_create, .flags = 1));
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_CTX_CREATE, ARGS(ctx_create, .pad = 1));
}

TEST_F(dev, high_priority_is_a_privilege)
{
	if (seteuid(65534))
		SKIP(return, "not root");
	EXPECT_CALL(-EPERM, self->fd, DRM_IOCTL_BNNACCEL_CTX_CREATE,
		    ARGS(ctx_create, .priority = DRM_BNNACCEL_PRIORITY_HIGH));
	EXPECT_NE(0, ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_NORMAL));
	EXPECT_NE(0, ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_LOW));
	EXPECT_EQ(0, seteuid(0));
}

TEST_F(dev, ctx_limit)
{
	unsigned int i;

	for (i = 0; i < 64; i++)
		ASSERT_NE(0, ctx_new(self->fd, 1));
	EXPECT_CALL(-ENOSPC, self->fd, DRM_IOCTL_BNNACCEL_CTX_CREATE, ARGS(ctx_create, 1));
	EXPECT_NE(0, ctx_new(self->other, 1));
	EXPECT_EQ(0, ctx_destroy(self->fd, 17));
	EXPECT_EQ(17, ctx_new(self->fd, 1));
}

TEST_F(dev, ctx_destroy)
{
	uint32_t ctx = ctx_new(self->fd, 1);

	EXPECT_EQ(-ENOENT, ctx_destroy(self->other, ctx));
	EXPECT_EQ(-ENOENT, ctx_destroy(self->fd, 0));
	EXPECT_EQ(-ENOENT, ctx_destroy(self->fd, UINT32_MAX));
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_CTX_DESTROY,
		    ARGS(ctx_destroy, .id = ctx, .pad = 1));
	EXPECT_EQ(0, ctx_destroy(self->fd, ctx));
	EXPECT_EQ(-ENOENT, ctx_destroy(self->fd, ctx));
	EXPECT_CALL(-ENOENT, self->fd, DRM_IOCTL_BNNACCEL_CTX_QUERY, ARGS(ctx_query, .id = ctx));
	EXPECT_CALL(-ENOENT, self->fd, DRM_IOCTL_BNNACCEL_CTX_QUERY, ARGS(ctx_query, .id = 0));
}

TEST_F(dev, program_create)
{
	const uint32_t size = BNN_COMMANDS_MAX * BNN_COMMAND_BYTES;
	char *list = calloc(1, size);
	uint32_t handle = program_new(self->fd, list, BNN_COMMANDS_MAX);

	EXPECT_NE(0, handle);
	EXPECT_EQ(0, handle_close(self->fd, handle));
	free(list);
}

TEST_F(dev, program_create_refused)
{
	struct command list[2] = { 0 };
	static const uint32_t sizes[] = { 0, 1, 64, 127, 129, 255, UINT32_MAX, UINT32_MAX - 127,
					  (BNN_COMMANDS_MAX + 1) * BNN_COMMAND_BYTES };
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++)
		EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_PROGRAM_CREATE,
			    ARGS(program_create, .data = PTR(list), .size = sizes[i]));
	for (i = 0; i < 32; i++)
		EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_PROGRAM_CREATE,
			    ARGS(program_create, .data = PTR(list), .size = 128,
				 .flags = 1u << i));
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_PROGRAM_CREATE,
		    ARGS(program_create, .data = PTR(list), .size = 128, .pad = 1));
	EXPECT_CALL(-EFAULT, self->fd, DRM_IOCTL_BNNACCEL_PROGRAM_CREATE,
		    ARGS(program_create, .data = 0, .size = 128));
	EXPECT_CALL(-EFAULT, self->fd, DRM_IOCTL_BNNACCEL_PROGRAM_CREATE,
		    ARGS(program_create, .data = UINT64_MAX - 63, .size = 128));
}

/* Neither the offset of a program nor a guess gives access to its bytes. */
TEST_F(dev, program_is_sealed)
{
	uint32_t before = bo_new(self->fd, 4096);
	uint32_t program = program_nops(self->fd, 1);
	struct drm_bnnaccel_bo_mmap_offset args = { .handle = before };
	uint64_t offset;
	void *p;

	EXPECT_CALL(-EPERM, self->fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET,
		    ARGS(bo_mmap_offset, .handle = program));
	EXPECT_EQ(-EPERM, export_buf(self->fd, program));

	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET, &args));
	for (offset = args.offset + 4096; offset < args.offset + 4096 * 64; offset += 4096) {
		p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, offset);
		EXPECT_EQ(MAP_FAILED, p);
	}
}

TEST_F(dev, perfmon)
{
	uint64_t values[BNN_COUNTERS + 1];
	struct drm_bnnaccel_perfmon_get_values args = {
		.count = BNN_COUNTERS + 1,
		.jobs = 5,
		.values = PTR(values),
	};
	unsigned int i;

	for (i = 0; i < 16; i++)
		ASSERT_NE(0, perfmon_new(self->fd));
	EXPECT_CALL(-ENOSPC, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_CREATE,
		    ARGS(perfmon_create, 0));
	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_CREATE,
		    ARGS(perfmon_create, .flags = 1));

	args.id = 3;
	memset(values, 0xff, sizeof(values));
	EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &args);
	EXPECT_EQ(BNN_COUNTERS, args.count);
	EXPECT_EQ(0, args.jobs);
	for (i = 0; i < BNN_COUNTERS; i++)
		EXPECT_EQ(0, values[i]);
	EXPECT_EQ(UINT64_MAX, values[BNN_COUNTERS]);

	memset(values, 0xff, sizeof(values));
	args.count = 2;
	EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &args);
	EXPECT_EQ(BNN_COUNTERS, args.count);
	EXPECT_EQ(UINT64_MAX, values[2]);

	args.count = 0;
	args.values = 0;
	EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &args);
	EXPECT_EQ(BNN_COUNTERS, args.count);
	args.count = 1;
	EXPECT_CALL(-EFAULT, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &args);
	args.id = 17;
	EXPECT_CALL(-ENOENT, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &args);
	args.id = 3;
	EXPECT_CALL(-ENOENT, self->other, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &args);

	EXPECT_CALL(-EINVAL, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_DESTROY,
		    ARGS(perfmon_destroy, .id = 3, .pad = 1));
	EXPECT_CALL(0, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_DESTROY, ARGS(perfmon_destroy, 3));
	EXPECT_CALL(-ENOENT, self->fd, DRM_IOCTL_BNNACCEL_PERFMON_DESTROY,
		    ARGS(perfmon_destroy, 3));
	EXPECT_EQ(3, perfmon_new(self->fd));
}

TEST_F(dev, prime)
{
	uint32_t bo = bo_new(self->fd, 8192), mine, theirs;
	int buf = export_buf(self->fd, bo), again;
	char *p, *q, *r;

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, import_buf(self->fd, buf, &mine));
	EXPECT_EQ(bo, mine);
	ASSERT_EQ(0, import_buf(self->other, buf, &theirs));
	again = export_buf(self->other, theirs);
	ASSERT_LE(0, again);

	p = bo_map(self->fd, bo, 8192);
	q = bo_map(self->other, theirs, 8192);
	r = mmap(NULL, 8192, PROT_READ, MAP_SHARED, again, 0);
	ASSERT_NE(NULL, p);
	ASSERT_NE(NULL, q);
	ASSERT_NE(MAP_FAILED, r);
	p[5000] = 77;
	EXPECT_EQ(77, q[5000]);
	EXPECT_EQ(77, r[5000]);
	EXPECT_EQ(0, handle_close(self->fd, bo));
	EXPECT_EQ(77, q[5000]);
	close(buf);
	close(again);
}

FIXTURE(submit)
{
	int fd;
	int other;
	uint32_t ctx;
	uint32_t bo;
	uint32_t program;
	struct job job;
	struct drm_bnnaccel_submit args;
};

FIXTURE_SETUP(submit)
{
	self->fd = open_node();
	ASSERT_LE(0, self->fd);
	self->other = open_node();
	ASSERT_LE(0, self->other);
	self->ctx = ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_NORMAL);
	self->bo = bo_new(self->fd, 8192);
	self->program = program_nops(self->fd, 4);
	ASSERT_NE(0, self->ctx);
	ASSERT_NE(0, self->bo);
	ASSERT_NE(0, self->program);
	job_init(&self->job, self->program);
	self->args = (struct drm_bnnaccel_submit){
		.ctx = self->ctx,
		.queued = 99,
		.jobs = { sizeof(self->job.job), 1, PTR(&self->job.job) },
	};
}

FIXTURE_TEARDOWN(submit)
{
	/* Nothing that was refused may have reached the device. */
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).jobs);
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
	close(self->fd);
	close(self->other);
}

#define EXPECT_SUBMIT(expected) \
	do { \
		EXPECT_EQ(expected, call(self->fd, DRM_IOCTL_BNNACCEL_SUBMIT, &self->args)); \
		EXPECT_EQ(0, self->args.queued); \
	} while (0)

TEST_F(submit, arguments)
{
	struct drm_bnnaccel_submit good = self->args;

	self->args.ctx = 0;
	EXPECT_SUBMIT(-ENOENT);
	self->args.ctx = self->ctx + 1;
	EXPECT_SUBMIT(-ENOENT);
	self->args = good;
	self->args.flags = 1u << 31;
	EXPECT_SUBMIT(-EINVAL);
	self->args = good;
	self->args.pad = 1;
	EXPECT_SUBMIT(-EINVAL);
	self->args = good;
	self->args.jobs.count = 0;
	EXPECT_SUBMIT(-EINVAL);
	self->args.jobs.count = 65;
	EXPECT_SUBMIT(-E2BIG);
	self->args.jobs.count = UINT32_MAX;
	EXPECT_SUBMIT(-E2BIG);
	self->args = good;
	self->args.jobs.stride = 0;
	EXPECT_SUBMIT(-EINVAL);
	self->args.jobs.stride = sizeof(self->job.job) - 1;
	EXPECT_SUBMIT(-EINVAL);
	self->args.jobs.stride = UINT32_MAX;
	EXPECT_SUBMIT(-E2BIG);
	self->args = good;
	self->args.jobs.array = 0;
	EXPECT_SUBMIT(-EFAULT);
	self->args.jobs.array = UINT64_MAX - 8;
	EXPECT_SUBMIT(-EFAULT);
}

/* A context of another client is not even a context. */
TEST_F(submit, foreign_objects)
{
	EXPECT_EQ(-ENOENT, call(self->other, DRM_IOCTL_BNNACCEL_SUBMIT, &self->args));
	ASSERT_NE(0, ctx_new(self->other, 1));
	EXPECT_EQ(-ENOENT, call(self->other, DRM_IOCTL_BNNACCEL_SUBMIT, &self->args));
}

TEST_F(submit, newer_bytes_must_be_zero)
{
	struct {
		struct drm_bnnaccel_job job;
		uint64_t newer;
	} longer = { self->job.job, 1 };

	self->args.jobs = (struct drm_bnnaccel_obj_array){ sizeof(longer), 1, PTR(&longer) };
	EXPECT_SUBMIT(-E2BIG);
}

TEST_F(submit, job_fields)
{
	struct drm_bnnaccel_job *job = &self->job.job, good = *job;

	job->program = 0;
	EXPECT_SUBMIT(-ENOENT);
	job->program = UINT32_MAX;
	EXPECT_SUBMIT(-ENOENT);
	job->program = self->bo;
	EXPECT_SUBMIT(-EINVAL);
	*job = good;
	job->flags = 1;
	EXPECT_SUBMIT(-EINVAL);
	*job = good;
	job->iterations = 0;
	EXPECT_SUBMIT(-EINVAL);
	job->iterations = 65536;
	EXPECT_SUBMIT(-EINVAL);
	job->iterations = UINT32_MAX;
	EXPECT_SUBMIT(-EINVAL);
	*job = good;
	job->loop_start = 4;
	EXPECT_SUBMIT(-EINVAL);
	job->loop_start = UINT32_MAX;
	EXPECT_SUBMIT(-EINVAL);
	*job = good;
	job->perfmon = 1;
	EXPECT_SUBMIT(-ENOENT);
	job->perfmon = UINT32_MAX;
	EXPECT_SUBMIT(-ENOENT);
}

TEST_F(submit, region_arrays)
{
	struct drm_bnnaccel_obj_array *a = &self->job.job.regions;

	job_region(&self->job, self->bo, DRM_BNNACCEL_REGION_READ, 64);
	a->stride = sizeof(struct drm_bnnaccel_region) - 8;
	EXPECT_SUBMIT(-EINVAL);
	a->stride = 4097;
	EXPECT_SUBMIT(-E2BIG);
	a->stride = sizeof(struct drm_bnnaccel_region);
	a->count = 32;
	EXPECT_SUBMIT(-E2BIG);
	a->count = UINT32_MAX;
	EXPECT_SUBMIT(-E2BIG);
	a->count = 1;
	a->array = 16;
	EXPECT_SUBMIT(-EFAULT);
}

TEST_F(submit, region_fields)
{
	const uint32_t rw = DRM_BNNACCEL_REGION_READ | DRM_BNNACCEL_REGION_WRITE;
	const struct drm_bnnaccel_region bad[] = {
		{ .handle = 0, .access = rw },
		{ .handle = 0, .offset = 64 },
		{ .handle = 0, .size = 64 },
		{ .handle = 0, .stride = 64 },
		{ .handle = self->bo, .access = 0, .size = 64 },
		{ .handle = self->bo, .access = 4, .size = 64 },
		{ .handle = self->bo, .access = 1u << 31 | rw, .size = 64 },
		{ .handle = self->bo, .access = rw, .size = 0 },
		{ .handle = self->bo, .access = rw, .size = 8193 },
		{ .handle = self->bo, .access = rw, .size = UINT64_MAX },
		{ .handle = self->bo, .access = rw, .size = 64, .offset = 32 },
		{ .handle = self->bo, .access = rw, .size = 64, .offset = 8192 },
		{ .handle = self->bo, .access = rw, .size = 65, .offset = 8128 },
		{ .handle = self->bo, .access = rw, .size = 128, .offset = UINT64_MAX - 63 },
		{ .handle = self->bo, .access = rw, .size = 64, .stride = 32 },
		{ .handle = self->program, .access = DRM_BNNACCEL_REGION_READ, .size = 64 },
	};
	unsigned int i;

	for (i = 0; i < COUNT(bad); i++) {
		self->job.job.regions.count = 0;
		*job_region(&self->job, 0, 0, 0) = bad[i];
		EXPECT_SUBMIT(-EINVAL);
	}
	self->job.job.regions.count = 0;
	job_region(&self->job, UINT32_MAX, rw, 64);
	EXPECT_SUBMIT(-ENOENT);
}

TEST_F(submit, region_strides)
{
	const struct {
		uint32_t iterations;
		uint64_t stride, size;
	} bad[] = {
		{ 2, 8192, 64 },
		{ 2, 8128, 65 },
		{ 128, 64, 128 },
		{ 65535, 64, 64 },
		{ 65535, 1ull << 48, 64 },
		{ 65535, 1ull << 63, 64 },
		{ 3, 1ull << 63, 64 },
		{ 2, UINT64_MAX - 63, 64 },
	};
	struct drm_bnnaccel_region *r;
	unsigned int i;

	r = job_region(&self->job, self->bo, DRM_BNNACCEL_REGION_WRITE, 64);
	for (i = 0; i < COUNT(bad); i++) {
		self->job.job.iterations = bad[i].iterations;
		r->stride = bad[i].stride;
		r->size = bad[i].size;
		EXPECT_SUBMIT(-EINVAL);
	}
}

TEST_F(submit, syncs)
{
	struct drm_bnnaccel_obj_array *a = &self->job.job.syncs;
	uint32_t sync = sync_new(self->fd), foreign = sync_new(self->other) + 5;

	a->count = 1;
	self->job.syncs[0] = (struct drm_bnnaccel_sync){ .flags = 2, .handle = sync };
	EXPECT_SUBMIT(-EINVAL);
	self->job.syncs[0].flags = 1u << 31;
	EXPECT_SUBMIT(-EINVAL);
	self->job.syncs[0] = (struct drm_bnnaccel_sync){ DRM_BNNACCEL_SYNC_SIGNAL, foreign, 0 };
	EXPECT_SUBMIT(-ENOENT);
	self->job.syncs[0].flags = DRM_BNNACCEL_SYNC_WAIT;
	EXPECT_SUBMIT(-ENOENT);
	/* Nothing was submitted that could ever signal it. */
	self->job.syncs[0].handle = sync;
	EXPECT_SUBMIT(-EINVAL);
	self->job.syncs[0].point = 7;
	EXPECT_SUBMIT(-EINVAL);
	a->count = 65;
	EXPECT_SUBMIT(-E2BIG);
	a->count = 1;
	a->stride = 8;
	EXPECT_SUBMIT(-EINVAL);
	a->stride = sizeof(self->job.syncs[0]);
	a->array = 8;
	EXPECT_SUBMIT(-EFAULT);
}

/* Syncs found before the bad one are let go, and none of them is signalled. */
TEST_F(submit, unwinding)
{
	uint32_t sync = sync_new(self->fd);

	job_region(&self->job, self->bo, DRM_BNNACCEL_REGION_WRITE, 64);
	job_sync(&self->job, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
	job_sync(&self->job, DRM_BNNACCEL_SYNC_SIGNAL, sync, 9);
	job_sync(&self->job, DRM_BNNACCEL_SYNC_SIGNAL, UINT32_MAX, 0);
	EXPECT_SUBMIT(-ENOENT);
	EXPECT_EQ(-EINVAL, sync_export(self->fd, sync));
	EXPECT_EQ(0, bo_wait(self->fd, self->bo, 0));
}

TEST_HARNESS_MAIN
