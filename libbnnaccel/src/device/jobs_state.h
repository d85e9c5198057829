/* SPDX-License-Identifier: MIT */
/* What the sources of jobs.h share. */
#ifndef BNN_DEVICE_JOBS_STATE_H
#define BNN_DEVICE_JOBS_STATE_H

#include <stdatomic.h>

#include "../compile/placement.h"
#include "host.h"
#include "jobs.h"

/* A segment made ready: on the device its program, on the CPU nothing. */
struct bnn_stage {
	struct bnn_segment segment;
	struct bnn_program *program;
	uint32_t number; /* of the program on the device */
	struct bnn_dev_buffer *constants;
};

/* Images or results of a piece as jobs see them: in a buffer, at regular distances. */
struct bnn_binding {
	struct bnn_dev_buffer *buffer;
	uint64_t offset, stride;
};

/* A piece under way, and the memory of its own. */
struct bnn_lane {
	bool busy;
	struct bnn_piece piece;
	struct bnn_dev_buffer *input, *output, *exchange, *log;
	struct bnn_binding in, out;
	size_t stage;
	uint64_t ticket; /* of the job of this stage; 0: none */
};

/* Memory given to the caller. */
struct bnn_lent {
	struct bnn_dev_buffer *buffer;
	struct bnn_lent *next;
};

struct bnn_exec {
	const struct bnn_net *net;
	struct bnn_dev *dev;
	struct bnn_placement placement;
	struct bnn_stage *stages; /* placement.count */
	struct bnn_host *host;	  /* NULL: no node is on the CPU */
	struct bnn_dev_buffer *scratch;
	struct bnn_lane slots[BNN_DEV_JOBS];
	size_t slot_count;
	size_t begun, finished;		    /* pieces; slots are used in turn */
	uint64_t input_bytes, input_stride; /* per image */
	uint64_t output_bytes, output_stride;
	uint64_t exchange_bytes;
	unsigned int output_access;
	uint32_t batch;			/* images per piece at most */
	uint32_t budget;		/* 0: from the estimate */
	struct bnn_exec_node *measured; /* per node; NULL: no profile */
	bool alone;			/* nodes run alone although there is a log */
	uint64_t last[BNN_COUNTERS];	/* counters before the job, if nodes run alone */
	atomic_bool stop;
	uint64_t jobs, copied;
	struct bnn_lent *lent;
};

/* Binds the log of the device, if there is one, and takes in what a job has left there. */
void bnn_profile_bind(const struct bnn_exec *exec, const struct bnn_lane *slot,
		      struct bnn_dev_job *job);
void bnn_profile_job(struct bnn_exec *exec, const struct bnn_lane *slot);
/* Whether nodes are measured by the log of the device, and not alone. */
bool bnn_profile_by_log(const struct bnn_exec *exec);
/* Bytes of log for a piece. */
uint64_t bnn_profile_bytes(const struct bnn_exec *exec);

#endif /* BNN_DEVICE_JOBS_STATE_H */
