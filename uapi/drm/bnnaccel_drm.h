/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * ioctl interface of the bnnaccel DRM accel driver (/dev/accel/accelN).
 *
 * Rules that hold for every structure:
 *  - flags without a meaning and fields named pad must be 0, else -EINVAL;
 *  - structures may grow at their end, where 0 means the old behaviour;
 *  - arrays are passed as struct drm_bnnaccel_obj_array, so elements may grow too;
 *  - pointers are u64; times are absolute CLOCK_MONOTONIC nanoseconds.
 *
 * Errors common to all: -ENODEV the device is gone, -EIO the device is wedged,
 * -EFAULT a bad pointer, -E2BIG a count above its limit or unknown bytes that
 * are not 0, -ENOENT an unknown handle or id, -ENOSPC too many objects, or no
 * device address space left, -ENOMEM.
 */
#ifndef _UAPI_BNNACCEL_DRM_H_
#define _UAPI_BNNACCEL_DRM_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

#define DRM_BNNACCEL_DEV_QUERY		0x00
#define DRM_BNNACCEL_BO_CREATE		0x01
#define DRM_BNNACCEL_BO_MMAP_OFFSET	0x02
#define DRM_BNNACCEL_BO_WAIT		0x03
#define DRM_BNNACCEL_CTX_CREATE		0x04
#define DRM_BNNACCEL_CTX_DESTROY	0x05
#define DRM_BNNACCEL_CTX_QUERY		0x06
#define DRM_BNNACCEL_PROGRAM_CREATE	0x07
#define DRM_BNNACCEL_SUBMIT		0x08
#define DRM_BNNACCEL_PERFMON_CREATE	0x09
#define DRM_BNNACCEL_PERFMON_DESTROY	0x0a
#define DRM_BNNACCEL_PERFMON_GET_VALUES	0x0b

/**
 * struct drm_bnnaccel_obj_array - An array in user memory.
 * @stride: Bytes from one element to the next; at least the size of the
 *	element's first version. Newer, unknown bytes must be 0.
 * @count: Elements.
 * @array: Pointer to the first.
 */
struct drm_bnnaccel_obj_array {
	__u32 stride;
	__u32 count;
	__u64 array;
};

/**
 * enum drm_bnnaccel_dev_query_type - What DEV_QUERY returns.
 * @DRM_BNNACCEL_DEV_QUERY_INFO: struct drm_bnnaccel_dev_info
 */
enum drm_bnnaccel_dev_query_type {
	DRM_BNNACCEL_DEV_QUERY_INFO = 0,
};

/**
 * struct drm_bnnaccel_dev_query - Arguments of DRM_IOCTL_BNNACCEL_DEV_QUERY.
 * @type: enum drm_bnnaccel_dev_query_type; unknown: -EINVAL.
 * @size: In: bytes at @pointer. Out: bytes written, or, if @pointer is 0, the
 *	size of the structure.
 * @pointer: Where to write, or 0.
 */
struct drm_bnnaccel_dev_query {
	__u32 type;
	__u32 size;
	__u64 pointer;
};

/**
 * struct drm_bnnaccel_dev_info - The device and the limits of the driver.
 * @version: Register VERSION.
 * @build: Register BUILD.
 * @features: Register FEATURES.
 * @caps_array: Register CAPS_ARRAY.
 * @caps_ram: Register CAPS_RAM.
 * @clock_hz: Register CLOCK_HZ.
 * @queues: Hardware queues, one per priority.
 * @max_regions: Regions per job.
 * @max_jobs: Jobs per SUBMIT.
 * @max_syncs: Sync operations per job.
 * @max_commands: Commands per program.
 * @counters: Values per perfmon.
 * @resets: Resets of the device since the driver was bound.
 * @pad: 0.
 * @max_bo_size: Largest buffer object in bytes.
 * @va_size: Bytes of device address space per open file.
 */
struct drm_bnnaccel_dev_info {
	__u32 version;
	__u32 build;
	__u64 features;
	__u32 caps_array;
	__u32 caps_ram;
	__u32 clock_hz;
	__u32 queues;
	__u32 max_regions;
	__u32 max_jobs;
	__u32 max_syncs;
	__u32 max_commands;
	__u32 counters;
	__u32 resets;
	__u64 max_bo_size;
	__u64 va_size;
};

/**
 * struct drm_bnnaccel_bo_create - Makes a zeroed buffer object.
 * @size: In: bytes, 1 to max_bo_size. Out: rounded up to whole pages.
 * @flags: 0.
 * @handle: Out: GEM handle; free it with DRM_IOCTL_GEM_CLOSE.
 */
struct drm_bnnaccel_bo_create {
	__u64 size;
	__u32 flags;
	__u32 handle;
};

/**
 * struct drm_bnnaccel_bo_mmap_offset - Where to mmap a buffer object.
 * @handle: GEM handle. Programs can't be mapped: -EPERM.
 * @pad: 0.
 * @offset: Out: offset for mmap() on the device file.
 */
struct drm_bnnaccel_bo_mmap_offset {
	__u32 handle;
	__u32 pad;
	__u64 offset;
};

/**
 * struct drm_bnnaccel_bo_wait - Waits until no job uses a buffer object.
 * @handle: GEM handle.
 * @flags: 0.
 * @timeout_ns: Absolute; a time in the past polls. -ETIMEDOUT when it passes.
 */
struct drm_bnnaccel_bo_wait {
	__u32 handle;
	__u32 flags;
	__s64 timeout_ns;
};

/**
 * enum drm_bnnaccel_priority - Priority of a context; higher ones go first.
 * @DRM_BNNACCEL_PRIORITY_LOW: Background.
 * @DRM_BNNACCEL_PRIORITY_NORMAL: The usual one.
 * @DRM_BNNACCEL_PRIORITY_HIGH: Needs CAP_SYS_NICE, else -EPERM.
 */
enum drm_bnnaccel_priority {
	DRM_BNNACCEL_PRIORITY_LOW = 0,
	DRM_BNNACCEL_PRIORITY_NORMAL = 1,
	DRM_BNNACCEL_PRIORITY_HIGH = 2,
};

/**
 * struct drm_bnnaccel_ctx_create - Makes a context: jobs of one context run in
 *	the order of their submission.
 * @priority: enum drm_bnnaccel_priority.
 * @flags: 0.
 * @id: Out: context id, never 0. At most 64 per open file, else -ENOSPC.
 * @pad: 0.
 */
struct drm_bnnaccel_ctx_create {
	__u32 priority;
	__u32 flags;
	__u32 id;
	__u32 pad;
};

/**
 * struct drm_bnnaccel_ctx_destroy - Ends a context. Jobs already queued still run.
 * @id: Context id; -ENOENT if unknown.
 * @pad: 0.
 */
struct drm_bnnaccel_ctx_destroy {
	__u32 id;
	__u32 pad;
};

/** DRM_BNNACCEL_CTX_BANNED - The context caused too many resets; SUBMIT fails with -EBADFD. */
#define DRM_BNNACCEL_CTX_BANNED		(1u << 0)

/**
 * struct drm_bnnaccel_ctx_query - State of a context and its last failed job.
 * @id: Context id.
 * @flags: Out: DRM_BNNACCEL_CTX_*.
 * @guilty: Out: resets caused by this context.
 * @faults: Out: jobs of this context that ended with a status other than OK.
 * @jobs: Out: jobs of this context that ended.
 * @fault_seqno: Out: number of the last failed job (jobs count from 1); 0 = none.
 * @fault_status: Out: its status (hw/spec), or all ones if the device never answered.
 * @fault_detail: Out: its detail code.
 * @fault_command: Out: index of the failing command.
 * @fault_word: Out: byte offset of the offending word in the program.
 * @fault_iteration: Out: iteration of the failing command.
 * @fault_access: Out: region, stream and direction of the failed access.
 * @fault_va: Out: device virtual address of the failed access.
 */
struct drm_bnnaccel_ctx_query {
	__u32 id;
	__u32 flags;
	__u32 guilty;
	__u32 faults;
	__u64 jobs;
	__u64 fault_seqno;
	__u32 fault_status;
	__u32 fault_detail;
	__u32 fault_command;
	__u32 fault_word;
	__u32 fault_iteration;
	__u32 fault_access;
	__u64 fault_va;
};

/**
 * struct drm_bnnaccel_program_create - Copies a command list into an object
 *	that can't be changed, mapped or exported.
 * @data: Pointer to the commands.
 * @size: Bytes; a multiple of 128, at most max_commands * 128.
 * @flags: 0.
 * @handle: Out: GEM handle; free it with DRM_IOCTL_GEM_CLOSE.
 * @pad: 0.
 *
 * The list is not parsed: whatever it holds, the device confines it to the
 * regions of the job that runs it.
 */
struct drm_bnnaccel_program_create {
	__u64 data;
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 pad;
};

/** DRM_BNNACCEL_REGION_READ - The job's commands may read the region. */
#define DRM_BNNACCEL_REGION_READ	(1u << 0)
/** DRM_BNNACCEL_REGION_WRITE - The job's commands may write the region. */
#define DRM_BNNACCEL_REGION_WRITE	(1u << 1)

/**
 * struct drm_bnnaccel_region - What a region index means in a job.
 * @handle: GEM handle of a buffer object, or 0: the index is not bound.
 * @access: DRM_BNNACCEL_REGION_*; not 0 unless @handle is 0.
 * @offset: First byte in the object; a multiple of 64.
 * @size: Bytes per iteration, at least 1.
 * @stride: Added to @offset for each further iteration; a multiple of 64, may be 0.
 *
 * -EINVAL unless offset + stride * (iterations - 1) + size fits the object.
 * Element i of a job's array is region 1 + i; region 0 is its program.
 */
struct drm_bnnaccel_region {
	__u32 handle;
	__u32 access;
	__u64 offset;
	__u64 size;
	__u64 stride;
};

/** DRM_BNNACCEL_SYNC_WAIT - The job waits for the sync point. */
#define DRM_BNNACCEL_SYNC_WAIT		(0u << 0)
/** DRM_BNNACCEL_SYNC_SIGNAL - The end of the job signals the sync point. */
#define DRM_BNNACCEL_SYNC_SIGNAL	(1u << 0)

/**
 * struct drm_bnnaccel_sync - A syncobj operation of a job. Waiting for a point
 *	that nobody has submitted yet is -EINVAL.
 * @flags: DRM_BNNACCEL_SYNC_WAIT or _SIGNAL.
 * @handle: syncobj handle.
 * @point: Point of a timeline syncobj; 0 for a binary one.
 */
struct drm_bnnaccel_sync {
	__u32 flags;
	__u32 handle;
	__u64 point;
};

/**
 * struct drm_bnnaccel_job - One run of a program.
 * @program: GEM handle of a program.
 * @perfmon: Perfmon that adds up the job's counters, or 0.
 * @loop_start: Commands before this index run only in iteration 0.
 * @iterations: 1 to 65,535.
 * @budget: Limit in units of 1,024 device cycles; 0 = the driver's default.
 * @flags: 0.
 * @regions: Array of struct drm_bnnaccel_region, at most max_regions - 1.
 * @syncs: Array of struct drm_bnnaccel_sync, at most max_syncs.
 *
 * The error of the job's fence: 0, -EINVAL malformed command or field,
 * -EFAULT a bound, access right or mapping, -EIO bus or parity error,
 * -ETIME cycle budget used up, -ETIMEDOUT the device hung and was reset,
 * -ECANCELED killed or queued by a context that was banned meanwhile, -ESRCH
 * dropped because its file was closed, -ENODEV gone.
 * DRM_IOCTL_BNNACCEL_CTX_QUERY tells the details of the last failure.
 */
struct drm_bnnaccel_job {
	__u32 program;
	__u32 perfmon;
	__u32 loop_start;
	__u32 iterations;
	__u32 budget;
	__u32 flags;
	struct drm_bnnaccel_obj_array regions;
	struct drm_bnnaccel_obj_array syncs;
};

/**
 * struct drm_bnnaccel_submit - Queues jobs in order.
 * @ctx: Context id.
 * @flags: 0.
 * @queued: Out: jobs queued. On an error the jobs before this index were
 *	queued, this one and those behind it were not.
 * @pad: 0.
 * @jobs: Array of struct drm_bnnaccel_job, 1 to max_jobs.
 */
struct drm_bnnaccel_submit {
	__u32 ctx;
	__u32 flags;
	__u32 queued;
	__u32 pad;
	struct drm_bnnaccel_obj_array jobs;
};

/**
 * struct drm_bnnaccel_perfmon_create - Makes a set of counters, all 0.
 * @flags: 0.
 * @id: Out: perfmon id, never 0. At most 16 per open file, else -ENOSPC.
 */
struct drm_bnnaccel_perfmon_create {
	__u32 flags;
	__u32 id;
};

/**
 * struct drm_bnnaccel_perfmon_destroy - Frees a perfmon.
 * @id: Perfmon id; -ENOENT if unknown.
 * @pad: 0.
 */
struct drm_bnnaccel_perfmon_destroy {
	__u32 id;
	__u32 pad;
};

/**
 * struct drm_bnnaccel_perfmon_get_values - Sums over the ended jobs attached to it.
 * @id: Perfmon id.
 * @count: In: values that fit at @values. Out: values that exist.
 * @jobs: Out: jobs in the sums.
 * @values: Pointer to u64 values, in the order of the counter table (hw/spec).
 */
struct drm_bnnaccel_perfmon_get_values {
	__u32 id;
	__u32 count;
	__u64 jobs;
	__u64 values;
};

#define DRM_IOCTL_BNNACCEL_DEV_QUERY \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_DEV_QUERY, struct drm_bnnaccel_dev_query)
#define DRM_IOCTL_BNNACCEL_BO_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_BO_CREATE, struct drm_bnnaccel_bo_create)
#define DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_BO_MMAP_OFFSET, struct drm_bnnaccel_bo_mmap_offset)
#define DRM_IOCTL_BNNACCEL_BO_WAIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_BNNACCEL_BO_WAIT, struct drm_bnnaccel_bo_wait)
#define DRM_IOCTL_BNNACCEL_CTX_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_CTX_CREATE, struct drm_bnnaccel_ctx_create)
#define DRM_IOCTL_BNNACCEL_CTX_DESTROY \
	DRM_IOW(DRM_COMMAND_BASE + DRM_BNNACCEL_CTX_DESTROY, struct drm_bnnaccel_ctx_destroy)
#define DRM_IOCTL_BNNACCEL_CTX_QUERY \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_CTX_QUERY, struct drm_bnnaccel_ctx_query)
#define DRM_IOCTL_BNNACCEL_PROGRAM_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_PROGRAM_CREATE, struct drm_bnnaccel_program_create)
#define DRM_IOCTL_BNNACCEL_SUBMIT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_SUBMIT, struct drm_bnnaccel_submit)
#define DRM_IOCTL_BNNACCEL_PERFMON_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_PERFMON_CREATE, struct drm_bnnaccel_perfmon_create)
#define DRM_IOCTL_BNNACCEL_PERFMON_DESTROY \
	DRM_IOW(DRM_COMMAND_BASE + DRM_BNNACCEL_PERFMON_DESTROY, struct drm_bnnaccel_perfmon_destroy)
#define DRM_IOCTL_BNNACCEL_PERFMON_GET_VALUES \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_BNNACCEL_PERFMON_GET_VALUES, struct drm_bnnaccel_perfmon_get_values)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_BNNACCEL_DRM_H_ */
