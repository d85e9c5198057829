// SPDX-License-Identifier: MIT
/*
 * The driver as a device: one open file, one context, one timeline whose points
 * are the numbers of the jobs.
 *
 * Everything the kernel holds for us hangs on the open file, so close() undoes
 * whatever an error left half done; signals restart the calls (drmIoctl).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include <bnnaccel/bnnaccel.h>
#include <drm/bnnaccel_drm.h>

#include "dev.h"
#include "drm_find.h"

/*
 * The driver ends every job, by its budget or by a reset. This limit is for a
 * driver that does not; simulated hardware may take a quarter of an hour.
 */
#define WAIT_SECONDS 3600
/* How long stop() may go unnoticed. */
#define LOOK_NS 100000000
/* Jobs whose end is kept until somebody asks; more than are ever in flight. */
#define ENDS 16

struct drm_buffer {
	struct bnn_dev_buffer base;
	uint32_t handle;
	uint64_t size; /* mapped; rounded up to pages by the driver */
	struct drm_buffer *next;
};

struct drm_dev {
	struct bnn_dev base;
	int fd;
	uint32_t ctx, timeline, perfmon;
	uint32_t *programs; /* handles */
	uint32_t program_count;
	uint64_t submitted;
	uint32_t faults;		 /* of the context, already noted */
	struct bnn_dev_fault ends[ENDS]; /* of failed jobs, by ticket; ticket 0: none */
	atomic_bool stop;
	struct drm_buffer *buffers;
};

static struct drm_dev *drm_dev(struct bnn_dev *dev)
{
	return (struct drm_dev *)dev;
}

static int fail_errno(const struct drm_dev *dd, const char *what, struct bnn_error *error)
{
	const char *path = dd->base.path;

	switch (errno) {
	case ENODEV:
		return bnn_fail(error, BNNACCEL_ERR_NO_DEVICE, "%s: the device is gone (%s)", path,
				what);
	case EIO:
		return bnn_fail(
			error, BNNACCEL_ERR_DEVICE,
			"%s: the device does not answer any more (%s); see the kernel log, then "
			"reload the driver or reset the device",
			path, what);
	case ENOMEM:
		return bnn_fail(error, BNNACCEL_ERR_MEMORY,
				"%s: the kernel has no memory (%s); use a smaller batch", path,
				what);
	case EBADFD:
		return bnn_fail(
			error, BNNACCEL_ERR_DEVICE,
			"%s: the driver banned this session because its jobs hung the device "
			"(%s); open a new one",
			path, what);
	default:
		return bnn_fail(error, BNNACCEL_ERR_SYSTEM, "%s: %s failed: %s", path, what,
				strerror(errno));
	}
}

static void free_buffer(struct drm_dev *dd, struct drm_buffer *b)
{
	if (b->base.map)
		munmap(b->base.map, b->size);
	drmCloseBufferHandle(dd->fd, b->handle);
	free(b);
}

static void drm_close(struct bnn_dev *dev)
{
	struct drm_dev *dd = drm_dev(dev);

	while (dd->buffers) {
		struct drm_buffer *b = dd->buffers;

		dd->buffers = b->next;
		free_buffer(dd, b);
	}
	for (uint32_t i = 0; i < dd->program_count; i++)
		drmCloseBufferHandle(dd->fd, dd->programs[i]);
	free(dd->programs);
	if (dd->fd >= 0)
		close(dd->fd);
	free(dd);
}

static void drm_free(struct bnn_dev *dev, struct bnn_dev_buffer *buffer)
{
	struct drm_dev *dd = drm_dev(dev);
	struct drm_buffer **at = &dd->buffers, *b;

	while (*at && &(*at)->base != buffer)
		at = &(*at)->next;
	b = *at;
	if (!b)
		return;
	*at = b->next;
	free_buffer(dd, b);
}

static int map_buffer(struct drm_dev *dd, struct drm_buffer *b, struct bnn_error *error)
{
	struct drm_bnnaccel_bo_mmap_offset args = { .handle = b->handle };
	void *map;

	if (drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET, &args))
		return fail_errno(dd, "looking up a buffer", error);
	map = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, dd->fd, (off_t)args.offset);
	if (map == MAP_FAILED)
		return fail_errno(dd, "mapping a buffer", error);
	b->base.map = map;
	return 0;
}

static int drm_alloc(struct bnn_dev *dev, uint64_t bytes, unsigned int access,
		     struct bnn_dev_buffer **buffer, struct bnn_error *error)
{
	struct drm_dev *dd = drm_dev(dev);
	struct drm_bnnaccel_bo_create args = { .size = bytes };
	struct drm_buffer *b = calloc(1, sizeof(*b));
	int ret;

	(void)access; /* the regions of a job say it */
	if (!b)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a buffer");
	if (drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_BO_CREATE, &args)) {
		free(b);
		return fail_errno(dd, "making a buffer", error);
	}
	*b = (struct drm_buffer){
		.base.bytes = bytes,
		.handle = args.handle,
		.size = args.size,
		.next = dd->buffers,
	};
	dd->buffers = b;
	ret = map_buffer(dd, b, error);
	*buffer = &b->base;
	return ret;
}

static int drm_load(struct bnn_dev *dev, const uint32_t *commands, uint32_t count,
		    uint32_t *program, struct bnn_error *error)
{
	struct drm_dev *dd = drm_dev(dev);
	struct drm_bnnaccel_program_create args = {
		.data = (uintptr_t)commands,
		.size = count * BNN_COMMAND_BYTES,
	};
	uint32_t *more = realloc(dd->programs, (dd->program_count + 1) * sizeof(*more));

	if (!more)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a program");
	dd->programs = more;
	if (drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_PROGRAM_CREATE, &args))
		return fail_errno(dd, "loading a program", error);
	more[dd->program_count] = args.handle;
	*program = dd->program_count++;
	return 0;
}

static unsigned int fill_regions(const struct bnn_dev_job *job, struct drm_bnnaccel_region *regions)
{
	unsigned int count = BNN_PROGRAM_REGIONS - 1;

	memset(regions, 0, count * sizeof(*regions));
	for (unsigned int i = 0; i < count; i++) {
		const struct bnn_dev_region *r = &job->regions[1 + i];

		if (!r->buffer)
			continue;
		regions[i] = (struct drm_bnnaccel_region){
			.handle = ((const struct drm_buffer *)r->buffer)->handle,
			.access = (r->access & BNN_DEV_READ ? DRM_BNNACCEL_REGION_READ : 0) |
				  (r->access & BNN_DEV_WRITE ? DRM_BNNACCEL_REGION_WRITE : 0),
			.offset = r->offset,
			.size = r->size,
			.stride = r->stride,
		};
	}
	return count;
}

static int drm_submit(struct bnn_dev *dev, const struct bnn_dev_job *job, uint64_t *ticket,
		      struct bnn_error *error)
{
	struct drm_dev *dd = drm_dev(dev);
	struct drm_bnnaccel_region regions[BNN_PROGRAM_REGIONS - 1];
	struct drm_bnnaccel_sync sync = {
		.flags = DRM_BNNACCEL_SYNC_SIGNAL,
		.handle = dd->timeline,
		.point = dd->submitted + 1,
	};
	struct drm_bnnaccel_job args = {
		.program = dd->programs[job->program],
		.perfmon = dd->perfmon,
		.loop_start = job->loop_start,
		.iterations = job->iterations,
		.budget = job->budget,
		.regions = {
			.stride = sizeof(regions[0]),
			.count = fill_regions(job, regions),
			.array = (uintptr_t)regions,
		},
		.syncs = { .stride = sizeof(sync), .count = 1, .array = (uintptr_t)&sync },
	};
	struct drm_bnnaccel_submit submit = {
		.ctx = dd->ctx,
		.jobs = { .stride = sizeof(args), .count = 1, .array = (uintptr_t)&args },
	};

	if (drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_SUBMIT, &submit))
		return fail_errno(dd, "submitting a job", error);
	*ticket = ++dd->submitted;
	return 0;
}

/*
 * A failed job signals its point like any other; the context knows how many failed
 * and how the last of them did. Of the others no more is known than that they are
 * among those in flight: with two in flight at most, both.
 */
static int note_faults(struct drm_dev *dd, struct bnn_error *error)
{
	struct drm_bnnaccel_ctx_query query = { .id = dd->ctx };
	struct bnn_dev_fault fault;
	uint32_t more;

	if (drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_CTX_QUERY, &query))
		return fail_errno(dd, "asking how a job ended", error);
	more = query.faults - dd->faults;
	dd->faults = query.faults;
	fault = (struct bnn_dev_fault){
		.silent = query.fault_status == UINT32_MAX,
		.status = query.fault_status,
		.detail = query.fault_detail,
		.command = query.fault_command,
		.word_offset = query.fault_word,
		.iteration = query.fault_iteration,
		.access = query.fault_access,
		.va = query.fault_va,
	};
	for (uint64_t ticket = query.fault_seqno; more && ticket; more--, ticket--) {
		fault.ticket = ticket;
		dd->ends[ticket % ENDS] = fault;
	}
	return 0;
}

static int wait_point(struct drm_dev *dd, uint64_t ticket, struct bnn_error *error)
{
	struct timespec now;
	int64_t t, end;
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &now);
	t = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	end = t + WAIT_SECONDS * 1000000000ll;
	do {
		if (atomic_load(&dd->stop))
			return bnn_fail(error, BNNACCEL_ERR_CANCELLED,
					"%s: the session is being closed", dd->base.path);
		t += LOOK_NS;
		ret = drmSyncobjTimelineWait(dd->fd, &dd->timeline, &ticket, 1, t,
					     DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL);
	} while (ret == -ETIME && t < end);
	if (ret == -ETIME)
		return bnn_fail(error, BNNACCEL_ERR_DEVICE,
				"%s: job %" PRIu64 " did not end in %d s; see the kernel log",
				dd->base.path, ticket, WAIT_SECONDS);
	if (ret) {
		errno = -ret;
		return fail_errno(dd, "waiting for a job", error);
	}
	return 0;
}

static int drm_wait(struct bnn_dev *dev, uint64_t ticket, struct bnn_dev_fault *fault,
		    struct bnn_error *error)
{
	struct drm_dev *dd = drm_dev(dev);
	struct bnn_dev_fault *end = &dd->ends[ticket % ENDS];
	int ret = wait_point(dd, ticket, error);

	if (!ret)
		ret = note_faults(dd, error);
	if (ret || end->ticket != ticket)
		return ret;
	*fault = *end;
	return BNNACCEL_ERR_DEVICE;
}

static void drm_stop(struct bnn_dev *dev)
{
	atomic_store(&drm_dev(dev)->stop, true);
}

static void drm_counters(struct bnn_dev *dev, uint64_t counters[BNN_COUNTERS])
{
	struct drm_dev *dd = drm_dev(dev);
	struct drm_bnnaccel_perfmon_get_values args = {
		.id = dd->perfmon,
		.count = BNN_COUNTERS,
		.values = (uintptr_t)counters,
	};

	memset(counters, 0, BNN_COUNTERS * sizeof(*counters));
	if (dd->perfmon)
		drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES, &args);
}

static const struct bnn_dev_ops drm_dev_ops = {
	.load = drm_load,
	.alloc = drm_alloc,
	.free = drm_free,
	.submit = drm_submit,
	.wait = drm_wait,
	.stop = drm_stop,
	.counters = drm_counters,
	.close = drm_close,
};

static int query_device(struct drm_dev *dd, struct bnn_error *error)
{
	struct drm_bnnaccel_dev_info info = { 0 };
	struct drm_bnnaccel_dev_query args = {
		.type = DRM_BNNACCEL_DEV_QUERY_INFO,
		.size = sizeof(info),
		.pointer = (uintptr_t)&info,
	};
	struct bnn_dev *dev = &dd->base;

	if (drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, &args))
		return fail_errno(dd, "asking for the properties of the device", error);
	dev->version = info.version;
	dev->build = info.build;
	dev->resets = info.resets;
	dev->target.features = info.features;
	dev->target.caps_array = info.caps_array;
	dev->target.caps_ram = info.caps_ram;
	dev->target.clock_hz = info.clock_hz;
	dev->target.max_commands = info.max_commands;
	return 0;
}

static int make_context(struct drm_dev *dd, struct bnn_error *error)
{
	struct drm_bnnaccel_ctx_create ctx = { .priority = DRM_BNNACCEL_PRIORITY_NORMAL };
	struct drm_bnnaccel_perfmon_create perfmon = { 0 };
	int ret;

	if (drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_CTX_CREATE, &ctx))
		return fail_errno(dd, "making a context", error);
	dd->ctx = ctx.id;
	ret = drmSyncobjCreate(dd->fd, 0, &dd->timeline);
	if (ret) {
		errno = ret < -1 ? -ret : errno;
		return fail_errno(dd, "making a timeline", error);
	}
	if (drmIoctl(dd->fd, DRM_IOCTL_BNNACCEL_PERFMON_CREATE, &perfmon))
		return fail_errno(dd, "making a perfmon", error);
	dd->perfmon = perfmon.id;
	return 0;
}

int bnn_drm_dev_open(const struct bnn_exec_options *options, struct bnn_dev **dev,
		     struct bnn_error *error)
{
	struct drm_dev *dd = calloc(1, sizeof(*dd));
	int ret;

	*dev = NULL;
	if (!dd)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a device");
	dd->base.ops = &drm_dev_ops;
	dd->base.target.name = "device";
	dd->fd = bnn_drm_find(options ? options->device : NULL, dd->base.path,
			      sizeof(dd->base.path), error);
	ret = dd->fd < 0 ? dd->fd : query_device(dd, error);
	if (!ret)
		ret = make_context(dd, error);
	if (ret) {
		drm_close(&dd->base);
		return ret;
	}
	*dev = &dd->base;
	return 0;
}
