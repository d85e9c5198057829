/* SPDX-License-Identifier: MIT */
/*
 * Running any number of images on a device, with help of the CPU engine: each
 * segment of the network is a job or a loop over its nodes, one after the other for
 * a batch of images. Two batches are under way at the same time, so that the device
 * works while the CPU copies or computes.
 */
#ifndef BNN_DEVICE_JOBS_H
#define BNN_DEVICE_JOBS_H

#include "dev.h"

/* Compiles for the device and prepares it. Takes the device over, also on error. */
int bnn_jobs_open(const struct bnn_net *net, const struct bnn_exec_options *options,
		  struct bnn_dev *dev, struct bnn_exec **exec, struct bnn_error *error);

/* The other calls of bnn_exec_ops. */
int bnn_jobs_run(struct bnn_exec *exec, const uint8_t *inputs, size_t input_stride,
		 uint8_t *outputs, size_t count, struct bnn_error *error);
void bnn_jobs_stats(const struct bnn_exec *exec, struct bnn_exec_stats *stats);
void bnn_jobs_node(const struct bnn_exec *exec, size_t node, struct bnn_exec_node *info);
void bnn_jobs_stop(struct bnn_exec *exec);
void bnn_jobs_close(struct bnn_exec *exec);
void bnn_jobs_limits(const struct bnn_exec *exec, size_t *pieces, size_t *images);
int bnn_jobs_begin(struct bnn_exec *exec, const struct bnn_piece *piece, struct bnn_error *error);
int bnn_jobs_finish(struct bnn_exec *exec, struct bnn_error *error);
int bnn_jobs_alloc(struct bnn_exec *exec, uint64_t bytes, struct bnn_dev_buffer **buffer,
		   uint8_t **map, struct bnn_error *error);
void bnn_jobs_free(struct bnn_exec *exec, struct bnn_dev_buffer *buffer);

/* Members of bnn_exec_ops for executors made by bnn_jobs_open(). */
#define BNN_JOBS_OPS \
	.run = bnn_jobs_run, .stats = bnn_jobs_stats, .node = bnn_jobs_node, \
	.stop = bnn_jobs_stop, .close = bnn_jobs_close, .limits = bnn_jobs_limits, \
	.begin = bnn_jobs_begin, .finish = bnn_jobs_finish, .alloc = bnn_jobs_alloc, \
	.free = bnn_jobs_free

/* The program of the first segment on the device, or NULL. */
const struct bnn_program *bnn_jobs_program(const struct bnn_exec *exec);

#endif /* BNN_DEVICE_JOBS_H */
