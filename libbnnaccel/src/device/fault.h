/* SPDX-License-Identifier: MIT */
/* Faults of the device as sentences. */
#ifndef BNN_DEVICE_FAULT_H
#define BNN_DEVICE_FAULT_H

#include "dev.h"

/*
 * Writes the text for a job that failed and returns BNNACCEL_ERR_DEVICE.
 * first_image: number of the image of iteration 0, counted in the call.
 */
int bnn_fault_report(struct bnn_error *error, const struct bnn_net *net,
		     const struct bnn_program *program, const char *device,
		     const struct bnn_dev_fault *fault, uint64_t first_image);

const char *bnn_status_name(uint32_t status);
const char *bnn_detail_name(uint32_t detail);

#endif /* BNN_DEVICE_FAULT_H */
