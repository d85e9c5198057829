/* SPDX-License-Identifier: MIT */
/*
 * Executors: something that runs a lowered network. cpu/ is the plain engine;
 * device/core_exec.c (model and rtl through the core ABI, in process) and
 * device/drm_exec.c (/dev/accel through the driver) run the same compiled bytes, and
 * nodes on the CPU engine where options or the device's features say so.
 */
#ifndef BNN_EXEC_H
#define BNN_EXEC_H

#include <stddef.h>
#include <stdint.h>

#include "bnn_hw.h"
#include "compile/placement.h"
#include "error.h"
#include "net.h"

struct bnn_exec;

enum bnn_measure {
	BNN_MEASURE_OFF,
	BNN_MEASURE_NODES, /* from the log of the device where there is one */
	BNN_MEASURE_ALONE, /* each node as a job of its own */
};

struct bnn_exec_options {
	uint32_t batch;		  /* images per job at most; 0 = executor's choice */
	const char *device;	  /* /dev/accel/accelN, or NULL: the first bnnaccel device */
	const char *core;	  /* path of a core library, or NULL: beside libbnnaccel */
	const char *core_options; /* options of the core ABI's create(), or NULL */
	uint32_t budget;	  /* job budget in units of 1,024 cycles, 0 = default */
	enum bnn_fallback fallback;
	const bool *cpu_nodes; /* per node: run it on the CPU engine; NULL: none */
	enum bnn_measure profile;
	int isa; /* enum bnn_cpu_isa: the most the CPU engine may use; 0: all */
};

/* Some images on their way through an executor. */
struct bnn_piece {
	const uint8_t *inputs;
	size_t input_stride; /* bytes from image to image; unused for one */
	uint8_t *outputs;
	size_t output_stride;
	size_t count;
	uint64_t first; /* number of the first image in its call, for error texts */
};

/* Memory that the device reads and writes directly. */
struct bnn_dev_buffer;

/* Where a node runs, and what it took so far. */
struct bnn_exec_node {
	bool cpu;
	const char *reason; /* or NULL; belongs to the executor */
	uint64_t runs;	    /* images measured; 0 without profile */
	uint64_t cycles;    /* of the device, in all */
	uint64_t ns;	    /* of the CPU, in all */
	/*
	 * Of all runs, where nodes are measured: of a job of its own all counters; of a node
	 * in the log the bytes; of one on the CPU what the engine counts.
	 */
	uint64_t counters[BNN_COUNTERS];
	uint32_t stall; /* counter that the last record of the log names; 0: none */
};

/* What the jobs run so far added up to; zeros where an executor has none. */
struct bnn_exec_stats {
	uint64_t jobs;
	uint64_t copied; /* bytes of images and results moved between caller and device */
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
	void (*node)(const struct bnn_exec *exec, size_t node, struct bnn_exec_node *info);
	/* Any thread: what runs ends soon with BNNACCEL_ERR_CANCELLED. Only close() may follow. */
	void (*stop)(struct bnn_exec *exec);
	void (*close)(struct bnn_exec *exec);

	/*
	 * The same in pieces, of which several may be in flight; finish() ends the
	 * oldest. A piece that fails, in either, is gone; the others are not affected.
	 * NULL where there is only run(): then pieces are one after the other.
	 */
	void (*limits)(const struct bnn_exec *exec, size_t *pieces, size_t *images);
	int (*begin)(struct bnn_exec *exec, const struct bnn_piece *piece, struct bnn_error *error);
	int (*finish)(struct bnn_exec *exec, struct bnn_error *error);
	/* Images and results that lie in such memory, aligned to 64 bytes, are not copied. */
	int (*alloc)(struct bnn_exec *exec, uint64_t bytes, struct bnn_dev_buffer **buffer,
		     uint8_t **map, struct bnn_error *error);
	void (*free)(struct bnn_exec *exec, struct bnn_dev_buffer *buffer);
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
