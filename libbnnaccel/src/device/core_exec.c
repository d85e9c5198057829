// SPDX-License-Identifier: MIT
/* The executors that run a core in this process: functional model and Verilated RTL. */
#include "jobs.h"

static int open_core(bool rtl, const struct bnn_net *net, const struct bnn_exec_options *options,
		     struct bnn_exec **exec, struct bnn_error *error)
{
	struct bnn_dev *dev;
	int ret = bnn_core_dev_open(rtl, options, &dev, error);

	return ret ? ret : bnn_jobs_open(net, options, dev, exec, error);
}

static int open_model(const struct bnn_net *net, const struct bnn_exec_options *options,
		      struct bnn_exec **exec, struct bnn_error *error)
{
	return open_core(false, net, options, exec, error);
}

static int open_rtl(const struct bnn_net *net, const struct bnn_exec_options *options,
		    struct bnn_exec **exec, struct bnn_error *error)
{
	return open_core(true, net, options, exec, error);
}

const struct bnn_exec_ops bnn_exec_model = {
	.name = "model",
	.open = open_model,
	BNN_JOBS_OPS,
};

const struct bnn_exec_ops bnn_exec_rtl = {
	.name = "rtl",
	.open = open_rtl,
	BNN_JOBS_OPS,
};
