/* SPDX-License-Identifier: MIT */
/* Segments of a network that the CPU engine runs, on the memory of the device's jobs. */
#ifndef BNN_DEVICE_HOST_H
#define BNN_DEVICE_HOST_H

#include <stdatomic.h>

#include "../compile/placement.h"
#include "../compile/plan.h"
#include "../exec.h"

struct bnn_host;

/* Prepares the nodes of the segments on the CPU; isa as in exec.h. The plan is copied. */
int bnn_host_new(const struct bnn_net *net, const struct bnn_placement *placement,
		 const struct bnn_plan *plan, int isa, struct bnn_host **host,
		 struct bnn_error *error);
void bnn_host_free(struct bnn_host *host);

/* Memory of one image. */
struct bnn_host_image {
	uint8_t *input, *output, *exchange;
};

/*
 * Runs a segment for one image. `measured` (per node, or NULL) receives its times.
 * BNNACCEL_ERR_CANCELLED when `stop` becomes true.
 */
int bnn_host_run(struct bnn_host *host, const struct bnn_segment *segment,
		 const struct bnn_host_image *image, struct bnn_exec_node *measured,
		 const atomic_bool *stop, struct bnn_error *error);

/* Adds what its nodes have counted. */
void bnn_host_counters(const struct bnn_host *host, uint64_t counters[BNN_COUNTERS]);

#endif /* BNN_DEVICE_HOST_H */
