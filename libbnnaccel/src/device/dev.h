/* SPDX-License-Identifier: MIT */
/*
 * What running compiled programs needs of a device: buffers, programs, jobs in
 * order. A core in this process (core_dev.c) and the driver (drm_dev.c) offer
 * it; jobs.c uses it and cannot tell the two apart.
 */
#ifndef BNN_DEVICE_DEV_H
#define BNN_DEVICE_DEV_H

#include <stdbool.h>
#include <stdint.h>

#include "../compile/compile.h"
#include "../error.h"
#include "../exec.h"

/* Zeroed memory that both sides see. It ends with the device at the latest. */
struct bnn_dev_buffer {
	uint8_t *map;
	uint64_t bytes;
};

enum { BNN_DEV_READ = 1, BNN_DEV_WRITE = 2, BNN_DEV_PROFILE = 4 };

struct bnn_dev_region {
	const struct bnn_dev_buffer *buffer; /* NULL: not bound */
	unsigned int access;		     /* BNN_DEV_* */
	uint64_t offset;		     /* in the buffer; a multiple of 64, as the stride */
	uint64_t size, stride;
};

struct bnn_dev_job {
	uint32_t program; /* number that load() gave */
	uint32_t loop_start, iterations, budget;
	/*
	 * By region index; entry 0, the program, is the device's business. If
	 * BNN_PROGRAM_PROFILE is bound, the device logs every command there.
	 */
	struct bnn_dev_region regions[BNN_PROGRAM_REGIONS];
};

/* How a job ended, as the completion slot says it. */
struct bnn_dev_fault {
	uint64_t ticket; /* of the job */
	bool silent;	 /* the device never answered: the rest is not known */
	uint32_t status, detail;
	uint32_t command;
	uint32_t word_offset; /* bytes from the start of the list */
	uint32_t iteration;
	uint32_t access;
	uint64_t va;
};

struct bnn_dev;

struct bnn_dev_ops {
	/* Any number of programs; they stay until close(). */
	int (*load)(struct bnn_dev *dev, const uint32_t *commands, uint32_t count,
		    uint32_t *program, struct bnn_error *error);
	/* access: what the device may do with it at most. */
	int (*alloc)(struct bnn_dev *dev, uint64_t bytes, unsigned int access,
		     struct bnn_dev_buffer **buffer, struct bnn_error *error);
	/* No job that uses it may be in flight. */
	void (*free)(struct bnn_dev *dev, struct bnn_dev_buffer *buffer);
	/* Jobs run in the order of their submission; tickets count from 1. */
	int (*submit)(struct bnn_dev *dev, const struct bnn_dev_job *job, uint64_t *ticket,
		      struct bnn_error *error);
	/*
	 * Waits until a job has ended. Returns 0 if it ended well, BNNACCEL_ERR_DEVICE
	 * with fault->status set (not OK) if not, else another error with its text:
	 * BNNACCEL_ERR_CANCELLED after stop().
	 */
	int (*wait)(struct bnn_dev *dev, uint64_t ticket, struct bnn_dev_fault *fault,
		    struct bnn_error *error);
	/* Any thread: a wait in progress, and every later one, returns soon. For good. */
	void (*stop)(struct bnn_dev *dev);
	void (*counters)(struct bnn_dev *dev, uint64_t counters[BNN_COUNTERS]);
	/* Ends the jobs still queued, too. */
	void (*close)(struct bnn_dev *dev);
};

/* Head of the implementations' own structures. */
struct bnn_dev {
	const struct bnn_dev_ops *ops;
	struct bnn_target target;
	struct bnn_compile_options compile; /* how programs for it are made */
	uint32_t version, build, resets;
	char path[64]; /* device node, or "" */
	bool profile;  /* jobs may have a profile log */
};

/* Jobs that may be queued at the same time. */
#define BNN_DEV_JOBS 2

/* A core of the ABI of bnn_core.h: `rtl` chooses which; options as exec.h has them. */
int bnn_core_dev_open(bool rtl, const struct bnn_exec_options *options, struct bnn_dev **dev,
		      struct bnn_error *error);

/* The driver. */
int bnn_drm_dev_open(const struct bnn_exec_options *options, struct bnn_dev **dev,
		     struct bnn_error *error);

#endif /* BNN_DEVICE_DEV_H */
