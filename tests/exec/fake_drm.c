// SPDX-License-Identifier: MIT
#include "fake_drm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include <drm/bnnaccel_drm.h>

#include "device/dev.h"

enum { OBJECTS = 64, JOBS = 8, PAGE = 4096 };

struct object {
	bool exists, program;
	uint64_t offset, size;	       /* in the file */
	struct bnn_dev_buffer *buffer; /* on the core */
	uint32_t number;	       /* of a program on the core */
};

struct queued {
	uint64_t point;
	struct drm_bnnaccel_job job;
	struct drm_bnnaccel_region regions[BNN_REGIONS];
};

struct fake_drm fake;

static int file_fd = -1;
static uint64_t file_end;
static struct object objects[OBJECTS];
static struct queued queue[JOBS];
static unsigned int queued;
static uint64_t signalled;
static struct drm_bnnaccel_ctx_query ctx;
static struct bnn_dev *core;

void fake_start(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.driver = "bnnaccel";
	fake.major = 1;
	strcpy(fake.path, "/tmp/bnnaccel-fake-XXXXXX");
	file_fd = mkstemp(fake.path);
	if (file_fd < 0)
		abort();
}

static void fake_close(void)
{
	if (core)
		core->ops->close(core);
	core = NULL;
	memset(objects, 0, sizeof(objects));
	memset(&ctx, 0, sizeof(ctx));
	queued = 0;
	signalled = 0;
	file_end = 0;
	if (ftruncate(file_fd, 0))
		abort();
}

void fake_stop(void)
{
	fake_close();
	close(file_fd);
	unlink(fake.path);
}

unsigned int fake_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int count = 0;
	char line[512];

	while (fgets(line, sizeof(line), maps))
		count += strstr(line, fake.path) != NULL;
	fclose(maps);
	return count;
}

static int refuse(int code)
{
	errno = code;
	return -1;
}

/* A call that the driver refuses although nothing was injected is the library's mistake. */
static int misuse(void)
{
	fake.misuse = true;
	return refuse(EINVAL);
}

static bool injected(void)
{
	if (++fake.calls != fake.fail_call)
		return false;
	errno = fake.fail_errno;
	return true;
}

drmVersionPtr drmGetVersion(int fd)
{
	drmVersionPtr version;

	(void)fd;
	if (injected())
		return NULL;
	/* The first call on a fresh file. */
	fake_close();
	version = calloc(1, sizeof(*version));
	version->version_major = fake.major;
	version->name = strdup(fake.driver);
	return version;
}

void drmFreeVersion(drmVersionPtr version)
{
	if (version)
		free(version->name);
	free(version);
}

static uint32_t new_object(uint64_t size, bool program)
{
	for (uint32_t i = 1; i < OBJECTS; i++) {
		if (objects[i].exists)
			continue;
		objects[i] = (struct object){ true, program, file_end, size, NULL, 0 };
		if (!program)
			file_end += size;
		if (ftruncate(file_fd, (off_t)file_end))
			abort();
		fake.objects++;
		return i;
	}
	abort();
}

static struct object *find_object(uint32_t handle, bool program)
{
	if (!handle || handle >= OBJECTS || !objects[handle].exists ||
	    objects[handle].program != program)
		return NULL;
	return &objects[handle];
}

int drmCloseBufferHandle(int fd, uint32_t handle)
{
	(void)fd;
	if (!handle || handle >= OBJECTS || !objects[handle].exists)
		return misuse();
	objects[handle].exists = false;
	fake.objects--;
	return 0;
}

int drmSyncobjCreate(int fd, uint32_t flags, uint32_t *handle)
{
	(void)fd;
	if (flags)
		return misuse();
	if (injected())
		return -1;
	*handle = 7;
	return 0;
}

/* ---- the core behind it ---- */

static struct bnn_dev *get_core(void)
{
	struct bnn_exec_options options = { 0 };
	struct bnn_error error;
	char text[32];

	if (core)
		return core;
	snprintf(text, sizeof(text), "act_kib=%u", fake.act_kib);
	options.core_options = text;
	if (bnn_core_dev_open(false, &options, &core, &error))
		abort();
	return core;
}

/* Moves an object between the file and the core's memory. */
static void copy_object(struct object *o, bool to_core)
{
	struct bnn_error error;

	if (!o->buffer &&
	    core->ops->alloc(core, o->size, BNN_DEV_READ | BNN_DEV_WRITE, &o->buffer, &error))
		abort();
	if ((to_core ? pread(file_fd, o->buffer->map, o->size, (off_t)o->offset)
		     : pwrite(file_fd, o->buffer->map, o->size, (off_t)o->offset)) !=
	    (ssize_t)o->size)
		abort();
}

static void note_fault(uint64_t number, const struct bnn_dev_fault *fault)
{
	ctx.faults++;
	ctx.fault_seqno = number;
	ctx.fault_status = fault->status;
	ctx.fault_detail = fault->detail;
	ctx.fault_command = fault->command;
	ctx.fault_word = fault->word_offset;
	ctx.fault_iteration = fault->iteration;
	ctx.fault_access = fault->access;
	ctx.fault_va = fault->va;
}

static void run_job(const struct queued *q)
{
	struct bnn_dev_job job = {
		.program = find_object(q->job.program, true)->number,
		.loop_start = q->job.loop_start,
		.iterations = q->job.iterations,
		.budget = q->job.budget ? q->job.budget : 1u << 22,
	};
	struct bnn_dev_fault fault = { 0 };
	struct bnn_error error;
	uint64_t ticket;

	for (unsigned int i = 0; i < q->job.regions.count; i++) {
		struct object *o = find_object(q->regions[i].handle, false);

		if (!o)
			continue;
		copy_object(o, true);
		job.regions[1 + i] =
			(struct bnn_dev_region){ o->buffer, q->regions[i].access,
						 q->regions[i].offset, q->regions[i].size,
						 q->regions[i].stride };
	}
	ctx.jobs++;
	fake.jobs++;
	if (core->ops->submit(core, &job, &ticket, &error))
		abort();
	if (core->ops->wait(core, ticket, &fault, &error))
		note_fault(ctx.jobs, &fault);
	for (unsigned int i = 0; i < q->job.regions.count; i++)
		if (q->regions[i].access & DRM_BNNACCEL_REGION_WRITE)
			copy_object(find_object(q->regions[i].handle, false), false);
	if (fake.jobs == fake.bad_job) {
		fault = (struct bnn_dev_fault){ .status = fake.bad_status };
		note_fault(ctx.jobs, &fault);
	}
}

int drmSyncobjTimelineWait(int fd, uint32_t *handles, uint64_t *points, unsigned int count,
			   int64_t timeout, uint32_t flags, uint32_t *first)
{
	(void)fd;
	(void)timeout;
	(void)first;
	if (count != 1 || handles[0] != 7 || flags != DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL) {
		misuse();
		return -EINVAL;
	}
	if (injected())
		return -errno;
	while (queued && (fake.eager || signalled < points[0])) {
		signalled = queue[0].point;
		run_job(&queue[0]);
		memmove(queue, queue + 1, --queued * sizeof(queue[0]));
	}
	return signalled >= points[0] ? 0 : -ETIME;
}

/* ---- ioctls ---- */

static int bo_create(struct drm_bnnaccel_bo_create *args)
{
	if (!args->size || args->flags)
		return misuse();
	args->size = (args->size + PAGE - 1) / PAGE * PAGE;
	args->handle = new_object(args->size, false);
	return 0;
}

static int bo_mmap_offset(struct drm_bnnaccel_bo_mmap_offset *args)
{
	struct object *o = find_object(args->handle, false);

	if (!o || args->pad)
		return misuse();
	args->offset = o->offset;
	return 0;
}

static int program_create(struct drm_bnnaccel_program_create *args)
{
	const uint32_t *commands = (const uint32_t *)(uintptr_t)args->data;
	struct bnn_error error;
	uint32_t number;

	if (!args->size || args->size % BNN_COMMAND_BYTES || args->flags || args->pad)
		return misuse();
	if (get_core()->ops->load(core, commands, args->size / BNN_COMMAND_BYTES, &number, &error))
		abort();
	args->handle = new_object(args->size, true);
	objects[args->handle].number = number;
	return 0;
}

static bool region_ok(const struct drm_bnnaccel_region *r, uint32_t iterations)
{
	struct object *o = find_object(r->handle, false);

	if (!r->handle)
		return !r->access && !r->offset && !r->size && !r->stride;
	return o && r->access && r->access <= 3 && r->size && (r->offset | r->stride) % 64 == 0 &&
	       r->offset + r->stride * (iterations - 1) + r->size <= o->size;
}

static int submit(struct drm_bnnaccel_submit *args)
{
	const struct drm_bnnaccel_job *job = (const void *)(uintptr_t)args->jobs.array;
	const struct drm_bnnaccel_sync *sync;
	struct queued *q = &queue[queued];

	if (args->ctx != 3 || args->flags || args->pad || args->jobs.count != 1 ||
	    args->jobs.stride != sizeof(*job) || queued == JOBS)
		return misuse();
	sync = (const void *)(uintptr_t)job->syncs.array;
	if (!find_object(job->program, true) || job->perfmon != 5 || !job->iterations ||
	    job->iterations > BNN_ITERATIONS_MAX || job->flags ||
	    job->regions.count >= BNN_REGIONS || job->regions.stride != sizeof(q->regions[0]) ||
	    job->syncs.count != 1 || job->syncs.stride != sizeof(*sync) ||
	    sync->flags != DRM_BNNACCEL_SYNC_SIGNAL || sync->handle != 7 ||
	    sync->point <= signalled)
		return misuse();
	q->job = *job;
	q->point = sync->point;
	memcpy(q->regions, (const void *)(uintptr_t)job->regions.array,
	       job->regions.count * sizeof(q->regions[0]));
	for (unsigned int i = 0; i < job->regions.count; i++)
		if (!region_ok(&q->regions[i], job->iterations))
			return misuse();
	queued++;
	if (queued > fake.most_in_flight)
		fake.most_in_flight = queued;
	args->queued = 1;
	return 0;
}

static int dev_query(struct drm_bnnaccel_dev_query *args)
{
	struct drm_bnnaccel_dev_info *info = (void *)(uintptr_t)args->pointer;

	if (args->type != DRM_BNNACCEL_DEV_QUERY_INFO || args->size != sizeof(*info) || !info)
		return misuse();
	get_core();
	*info = (struct drm_bnnaccel_dev_info){
		.version = core->version,
		.build = core->build,
		.features = core->target.features,
		.caps_array = core->target.caps_array,
		.caps_ram = core->target.caps_ram,
		.clock_hz = core->target.clock_hz,
		.max_commands = BNN_COMMANDS_MAX,
		.counters = BNN_COUNTERS,
	};
	return 0;
}

static int perfmon_values(struct drm_bnnaccel_perfmon_get_values *args)
{
	if (args->id != 5 || args->count != BNN_COUNTERS)
		return misuse();
	core->ops->counters(core, (uint64_t *)(uintptr_t)args->values);
	return 0;
}

int drmIoctl(int fd, unsigned long request, void *args)
{
	(void)fd;
	if (injected())
		return -1;
	switch (request) {
	case DRM_IOCTL_BNNACCEL_DEV_QUERY:
		return dev_query(args);
	case DRM_IOCTL_BNNACCEL_BO_CREATE:
		return bo_create(args);
	case DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET:
		return bo_mmap_offset(args);
	case DRM_IOCTL_BNNACCEL_CTX_CREATE:
		((struct drm_bnnaccel_ctx_create *)args)->id = 3;
		return 0;
	case DRM_IOCTL_BNNACCEL_CTX_QUERY:
		ctx.id = 3;
		memcpy(args, &ctx, sizeof(ctx));
		return 0;
	case DRM_IOCTL_BNNACCEL_PROGRAM_CREATE:
		return program_create(args);
	case DRM_IOCTL_BNNACCEL_SUBMIT:
		return submit(args);
	case DRM_IOCTL_BNNACCEL_PERFMON_CREATE:
		((struct drm_bnnaccel_perfmon_create *)args)->id = 5;
		return 0;
	case DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES:
		return perfmon_values(args);
	}
	return misuse();
}
