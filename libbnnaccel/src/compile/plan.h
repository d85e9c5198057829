/* SPDX-License-Identifier: MIT */
/*
 * Memory plan of the values that live only inside a run. Those of one segment on
 * the device lie in its activation memory or in scratch, where values that are never
 * alive at the same time share bytes. Those that several segments use lie in the
 * exchange memory, which each image has for itself. What only the CPU uses has no
 * place here.
 */
#ifndef BNN_COMPILE_PLAN_H
#define BNN_COMPILE_PLAN_H

#include "../net.h"

struct bnn_error;
struct bnn_placement;

struct bnn_place {
	uint8_t region; /* BNN_PLACE_UNUSED: nothing on the device names the value */
	uint64_t offset;
};

#define BNN_PLACE_UNUSED 0xff

struct bnn_plan {
	struct bnn_place *places; /* per value of the net; set for TEMP only */
	uint64_t onchip_bytes;	  /* used of the activation memory */
	uint64_t scratch_bytes;
	uint64_t exchange_bytes; /* per image */
};

/*
 * onchip: bytes of activation memory, 0 = none. placement: NULL if the device runs
 * every node in one segment.
 */
int bnn_plan_make(const struct bnn_net *net, const struct bnn_placement *placement, uint64_t onchip,
		  struct bnn_plan *plan, struct bnn_error *error);
void bnn_plan_free(struct bnn_plan *plan);

#endif /* BNN_COMPILE_PLAN_H */
