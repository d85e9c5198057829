/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for libdrm and the driver behind it: the calls that the library
 * makes, checked as the driver checks them, on a functional core. The device node
 * is a plain file, whose bytes are the buffer objects. Jobs run when somebody
 * waits for them, so what the library does in between shows.
 */
#ifndef FAKE_DRM_H
#define FAKE_DRM_H

#include <stdbool.h>
#include <stdint.h>

struct fake_drm {
	char path[64];
	const char *driver; /* what drmGetVersion() says */
	int major;
	uint32_t act_kib; /* on-chip memory */
	/* The call that fails, counted from 1; 0: none. */
	unsigned int fail_call;
	int fail_errno;
	/* The job that ends badly, counted from 1, and how. */
	uint64_t bad_job;
	uint32_t bad_status;
	bool eager; /* waiting for a job runs all that are queued */
	/* What happened. */
	unsigned int calls;
	unsigned int objects;	     /* buffers and programs that exist */
	unsigned int most_in_flight; /* jobs queued at the same time */
	uint64_t jobs;
	bool misuse; /* a call the driver would have refused */
};

extern struct fake_drm fake;

void fake_start(void);
void fake_stop(void);
/* Mappings of the device file in this process. */
unsigned int fake_mappings(void);

#endif /* FAKE_DRM_H */
