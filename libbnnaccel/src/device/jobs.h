/* SPDX-License-Identifier: MIT */
/* Running any number of images as jobs of a device. */
#ifndef BNN_DEVICE_JOBS_H
#define BNN_DEVICE_JOBS_H

#include "dev.h"

/* Compiles for the device and prepares it. Takes the device over, also on error. */
int bnn_jobs_open(const struct bnn_net *net, const struct bnn_exec_options *options,
		  struct bnn_dev *dev, struct bnn_exec **exec, struct bnn_error *error);

/* The other three calls of bnn_exec_ops. */
int bnn_jobs_run(struct bnn_exec *exec, const uint8_t *inputs, size_t input_stride,
		 uint8_t *outputs, size_t count, struct bnn_error *error);
void bnn_jobs_stats(const struct bnn_exec *exec, struct bnn_exec_stats *stats);
void bnn_jobs_close(struct bnn_exec *exec);

/* What an executor made by bnn_jobs_open() runs. */
const struct bnn_program *bnn_jobs_program(const struct bnn_exec *exec);

#endif /* BNN_DEVICE_JOBS_H */
