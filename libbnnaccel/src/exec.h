/* SPDX-License-Identifier: MIT */
/*
 * Executors: something that runs a lowered network. One file each:
 * cpu/ (plain engine), device/core_exec.c (model and rtl through the core ABI, in
 * process), device/drm_exec.c (/dev/accel through the driver). The last two run
 * the same compiled bytes.
 */
#ifndef BNN_EXEC_H
#define BNN_EXEC_H

#include <stddef.h>
#include <stdint.h>

#include "bnn_hw.h"
#include "error.h"
#include "net.h"

struct bnn_exec;

struct bnn_exec_options {
	uint32_t batch;		  /* images per job at most; 0 = executor's choice */
	const char *device;	  /* /dev/accel/accelN, or NULL: the first bnnaccel device */
	const char *core;	  /* path of a core library, or NULL: beside libbnnaccel */
	const char *core_options; /* options of the core ABI's create(), or NULL */
	uint32_t budget;	  /* job budget in units of 1,024 cycles, 0 = default */
};

/* What the jobs run so far added up to; zeros where an executor has none. */
struct bnn_exec_stats {
	uint64_t jobs;
	uint64_t counters[BNN_COUNTERS];
};

struct bnn_exec_ops {
	const char *name; /* "cpu", "model", "rtl", "device" */
	/* The network outlives the executor. Returns 0 or a negative BNNACCEL_ERR_*. */
	int (*open)(const struct bnn_net *net, const struct bnn_exec_options *options,
		    struct bnn_exec **exec, struct bnn_error *error);
	/*
	 * Runs `count` images. Image i is at inputs + i * input_stride (bytes of the
	 * INPUT value, never overread); its output, the bytes of the OUTPUT value,
	 * goes to outputs + i * output bytes.
	 */
	int (*run)(struct bnn_exec *exec, const uint8_t *inputs, size_t input_stride,
		   uint8_t *outputs, size_t count, struct bnn_error *error);
	void (*stats)(const struct bnn_exec *exec, struct bnn_exec_stats *stats);
	void (*close)(struct bnn_exec *exec);
};

extern const struct bnn_exec_ops bnn_exec_cpu;
extern const struct bnn_exec_ops bnn_exec_model;
extern const struct bnn_exec_ops bnn_exec_rtl;
extern const struct bnn_exec_ops bnn_exec_device;

/*
 * Tensor taps, for tests and debugging: the cpu engine copies every value a node
 * has written to the callback (natural layout), in program order. NULL = off.
 */
typedef void (*bnn_tap_fn)(void *opaque, const struct bnn_net *net, int32_t value,
			   const uint8_t *data, uint64_t bytes);
int bnn_cpu_run_tapped(const struct bnn_net *net, const uint8_t *input, uint8_t *output,
		       bnn_tap_fn tap, void *opaque, struct bnn_error *error);
/* Runs one node on given value buffers (NULL where the node does not use them). */
int bnn_cpu_run_node(const struct bnn_net *net, size_t node, uint8_t *const *buffers,
		     uint64_t counters[BNN_COUNTERS], struct bnn_error *error);

#endif /* BNN_EXEC_H */
