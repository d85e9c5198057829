/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the guest tests: they speak to the driver through its ioctls
 * only, without the library.
 */
#ifndef GUEST_H
#define GUEST_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/sync_file.h>

#include <drm/bnnaccel_drm.h>

#include "bnn_hw.h"
#include "bnn_hw_fields.h"

#define NODES 16
#define PTR(p) ((uint64_t)(uintptr_t)(p))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* Emulators are slow and test machines busy. */
#define PATIENCE_MS 60000

struct command {
	uint32_t word[BNN_COMMAND_BYTES / 4];
};

/* 0 or -errno. */
static inline int call(int fd, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(fd, request, arg);
	while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? -errno : 0;
}

static inline int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static inline void nap_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&t, NULL);
}

/* The first device there is; its number may grow when it is bound again. */
static inline int node_number(void)
{
	char path[32];
	int i;

	for (i = 0; i < NODES; i++) {
		snprintf(path, sizeof(path), "/dev/accel/accel%d", i);
		if (!access(path, F_OK))
			return i;
	}
	return -1;
}

static inline int open_node(void)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/accel/accel%d", node_number());
	return open(path, O_RDWR | O_CLOEXEC);
}

static inline uint32_t bo_new(int fd, uint64_t size)
{
	struct drm_bnnaccel_bo_create args = { .size = size };

	return call(fd, DRM_IOCTL_BNNACCEL_BO_CREATE, &args) ? 0 : args.handle;
}

static inline int handle_close(int fd, uint32_t handle)
{
	struct drm_gem_close args = { .handle = handle };

	return call(fd, DRM_IOCTL_GEM_CLOSE, &args);
}

static inline void *bo_map(int fd, uint32_t handle, size_t size)
{
	struct drm_bnnaccel_bo_mmap_offset args = { .handle = handle };
	void *p;

	if (call(fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET, &args))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, args.offset);
	return p == MAP_FAILED ? NULL : p;
}

static inline int bo_wait(int fd, uint32_t handle, int64_t timeout_ns)
{
	struct drm_bnnaccel_bo_wait args = { .handle = handle, .timeout_ns = timeout_ns };

	return call(fd, DRM_IOCTL_BNNACCEL_BO_WAIT, &args);
}

static inline uint32_t ctx_new(int fd, uint32_t priority)
{
	struct drm_bnnaccel_ctx_create args = { .priority = priority };

	return call(fd, DRM_IOCTL_BNNACCEL_CTX_CREATE, &args) ? 0 : args.id;
}

static inline int ctx_destroy(int fd, uint32_t id)
{
	struct drm_bnnaccel_ctx_destroy args = { .id = id };

	return call(fd, DRM_IOCTL_BNNACCEL_CTX_DESTROY, &args);
}

static inline struct drm_bnnaccel_ctx_query ctx_query(int fd, uint32_t id)
{
	struct drm_bnnaccel_ctx_query args = { .id = id };

	if (call(fd, DRM_IOCTL_BNNACCEL_CTX_QUERY, &args))
		memset(&args, 0xff, sizeof(args));
	return args;
}

static inline uint32_t perfmon_new(int fd)
{
	struct drm_bnnaccel_perfmon_create args = { 0 };

	return call(fd, DRM_IOCTL_BNNACCEL_PERFMON_CREATE, &args) ? 0 : args.id;
}

static inline uint32_t program_new(int fd, const void *commands, uint32_t count)
{
	struct drm_bnnaccel_program_create args = {
		.data = PTR(commands),
		.size = count * BNN_COMMAND_BYTES,
	};

	return call(fd, DRM_IOCTL_BNNACCEL_PROGRAM_CREATE, &args) ? 0 : args.handle;
}

/* A list of NOPs with END as its last command. */
static inline uint32_t program_nops(int fd, uint32_t count)
{
	struct command *list = calloc(count, sizeof(*list));
	uint32_t handle;

	list[count - 1].word[0] = BNN_CMD_END;
	handle = program_new(fd, list, count);
	free(list);
	return handle;
}

static inline void set(struct command *c, enum bnn_field_id id, uint32_t value)
{
	const struct bnn_field *f = &bnn_fields[id];

	c->word[f->word] |= value << f->lsb;
}

/* Copies rows * bytes from offset 0 of region `from` to offset 0 of `to`. */
static inline struct command copy_command(uint32_t from, uint32_t to, uint32_t rows,
					  uint32_t bytes)
{
	struct command c = { { BNN_CMD_POOL } };

	set(&c, BNN_F_POOL_MODE, 1);
	set(&c, BNN_F_POOL_H, rows);
	set(&c, BNN_F_POOL_W, 1);
	set(&c, BNN_F_POOL_CIN, bytes);
	set(&c, BNN_F_POOL_GROUP, 1);
	set(&c, BNN_F_POOL_KH, 1);
	set(&c, BNN_F_POOL_KW, 1);
	set(&c, BNN_F_POOL_SH, 1);
	set(&c, BNN_F_POOL_SW, 1);
	set(&c, BNN_F_POOL_IN_REGION, from);
	set(&c, BNN_F_POOL_IN_FORMAT, BNN_FORMAT_E_U8);
	set(&c, BNN_F_POOL_IN_PITCH, bytes / 16);
	set(&c, BNN_F_POOL_OUT_REGION, to);
	set(&c, BNN_F_POOL_OUT_FORMAT, BNN_FORMAT_E_U8);
	set(&c, BNN_F_POOL_OUT_PITCH, bytes / 16);
	return c;
}

static inline uint32_t program_copy(int fd, uint32_t from, uint32_t to, uint32_t rows,
				    uint32_t bytes)
{
	struct command list[2] = { copy_command(from, to, rows, bytes), { { BNN_CMD_END } } };

	return program_new(fd, list, 2);
}

static inline uint32_t sync_new(int fd)
{
	struct drm_syncobj_create args = { 0 };

	return call(fd, DRM_IOCTL_SYNCOBJ_CREATE, &args) ? 0 : args.handle;
}

static inline int sync_destroy(int fd, uint32_t handle)
{
	struct drm_syncobj_destroy args = { .handle = handle };

	return call(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &args);
}

/* Returns a sync_file of the fence in a binary syncobj, or -errno. */
static inline int sync_export(int fd, uint32_t handle)
{
	struct drm_syncobj_handle args = {
		.handle = handle,
		.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
	};
	int ret = call(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);

	return ret ?: args.fd;
}

/* 1 ended well, 0 not yet, else the error of the fence. */
static inline int sync_file_status(int sync_file)
{
	struct sync_file_info info = { 0 };
	int ret = call(sync_file, SYNC_IOC_FILE_INFO, &info);

	return ret ?: info.status;
}

static inline int sync_file_wait(int sync_file, int ms)
{
	struct pollfd p = { .fd = sync_file, .events = POLLIN };

	if (poll(&p, 1, ms) != 1)
		return -ETIMEDOUT;
	return sync_file_status(sync_file);
}

/* Waits for the fence of a binary syncobj: 1, or its error. */
static inline int sync_wait(int fd, uint32_t handle)
{
	int file = sync_export(fd, handle), ret;

	if (file < 0)
		return file;
	ret = sync_file_wait(file, PATIENCE_MS);
	close(file);
	return ret;
}

static inline int timeline_wait(int fd, uint32_t handle, uint64_t point, int64_t timeout_ns)
{
	struct drm_syncobj_timeline_wait args = {
		.handles = PTR(&handle),
		.points = PTR(&point),
		.timeout_nsec = timeout_ns,
		.count_handles = 1,
	};

	return call(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

static inline int export_buf(int fd, uint32_t handle)
{
	struct drm_prime_handle args = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = call(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);

	return ret ?: args.fd;
}

static inline int import_buf(int fd, int buf, uint32_t *handle)
{
	struct drm_prime_handle args = { .fd = buf };
	int ret = call(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);

	*handle = args.handle;
	return ret;
}

/* A job with room for its arrays. */
struct job {
	struct drm_bnnaccel_job job;
	struct drm_bnnaccel_region regions[BNN_REGIONS - 1];
	struct drm_bnnaccel_sync syncs[8];
};

static inline void job_init(struct job *j, uint32_t program)
{
	memset(j, 0, sizeof(*j));
	j->job.program = program;
	j->job.iterations = 1;
	j->job.regions.stride = sizeof(j->regions[0]);
	j->job.regions.array = PTR(j->regions);
	j->job.syncs.stride = sizeof(j->syncs[0]);
	j->job.syncs.array = PTR(j->syncs);
}

static inline struct drm_bnnaccel_region *job_region(struct job *j, uint32_t handle,
						     uint32_t access, uint64_t size)
{
	struct drm_bnnaccel_region *r = &j->regions[j->job.regions.count++];

	*r = (struct drm_bnnaccel_region){ .handle = handle, .access = access, .size = size };
	return r;
}

static inline void job_sync(struct job *j, uint32_t flags, uint32_t handle, uint64_t point)
{
	j->syncs[j->job.syncs.count++] =
		(struct drm_bnnaccel_sync){ .flags = flags, .handle = handle, .point = point };
}

static inline int job_submit(int fd, uint32_t ctx, struct job *j)
{
	struct drm_bnnaccel_submit args = {
		.ctx = ctx,
		.jobs = { sizeof(j->job), 1, PTR(&j->job) },
	};

	return call(fd, DRM_IOCTL_BNNACCEL_SUBMIT, &args);
}

/* Submits and waits: 1, the error of the fence, or that of the ioctl. */
static inline int job_run(int fd, uint32_t ctx, struct job *j)
{
	uint32_t sync = sync_new(fd);
	int ret;

	job_sync(j, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
	ret = job_submit(fd, ctx, j);
	if (!ret)
		ret = sync_wait(fd, sync);
	sync_destroy(fd, sync);
	j->job.syncs.count--;
	return ret;
}

/* Runs END alone. */
static inline int run_end(int fd, uint32_t ctx)
{
	uint32_t program = program_nops(fd, 1);
	struct job j;
	int ret;

	job_init(&j, program);
	ret = job_run(fd, ctx, &j);
	handle_close(fd, program);
	return ret;
}

/* Opens a file, writes a text: 0 or -errno. */
static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* The PCI address of the device, for example 0000:01:00.0. */
static inline bool pci_address(char *name, size_t len)
{
	char path[64], link[512];
	const char *base;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/accel/accel%d/device", node_number());
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = 0;
	base = strrchr(link, '/');
	snprintf(name, len, "%.*s", (int)len - 1, base ? base + 1 : link);
	return true;
}

/* Reads a number of the driver's debugfs file "objects"; -1 without debugfs. */
static inline long objects(const char *pci, const char *name)
{
	char path[600], key[32];
	long value;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/objects", pci);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fscanf(f, "%31s %ld", key, &value) == 2) {
		if (!strcmp(key, name)) {
			fclose(f);
			return value;
		}
	}
	fclose(f);
	return -1;
}

#endif /* GUEST_H */
