// SPDX-License-Identifier: MIT
/* The executor that runs on /dev/accel through the driver. */
#include "jobs.h"

static int open_device(const struct bnn_net *net, const struct bnn_exec_options *options,
		       struct bnn_exec **exec, struct bnn_error *error)
{
	struct bnn_dev *dev;
	int ret = bnn_drm_dev_open(options, &dev, error);

	return ret ? ret : bnn_jobs_open(net, options, dev, exec, error);
}

const struct bnn_exec_ops bnn_exec_device = {
	.name = "device",
	.open = open_device,
	BNN_JOBS_OPS,
};
