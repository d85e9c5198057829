/* SPDX-License-Identifier: MIT */
/*
 * Memory plan of the values that live only inside a run: which of them lie in the
 * activation memory of the device, which in scratch, and where. Values that are
 * never alive at the same time share bytes.
 */
#ifndef BNN_COMPILE_PLAN_H
#define BNN_COMPILE_PLAN_H

#include "../net.h"

struct bnn_error;

struct bnn_place {
	uint8_t region; /* BNN_PLACE_UNUSED: nothing names the value */
	uint64_t offset;
};

#define BNN_PLACE_UNUSED 0xff

struct bnn_plan {
	struct bnn_place *places; /* per value of the net; set for TEMP only */
	uint64_t onchip_bytes;	  /* used of the activation memory */
	uint64_t scratch_bytes;
};

/* onchip: bytes of activation memory, 0 = none. */
int bnn_plan_make(const struct bnn_net *net, uint64_t onchip, struct bnn_plan *plan,
		  struct bnn_error *error);
void bnn_plan_free(struct bnn_plan *plan);

#endif /* BNN_COMPILE_PLAN_H */
