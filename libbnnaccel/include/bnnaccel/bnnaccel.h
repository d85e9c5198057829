/* SPDX-License-Identifier: MIT */
/**
 * @file bnnaccel.h
 * Runs trained binary neural networks on a bnnaccel device, on a simulated core
 * in this process, or on the CPU: the same bits everywhere.
 *
 * The simple case is five calls:
 *
 *     struct bnnaccel *ctx;
 *     struct bnnaccel_model *model;
 *     struct bnnaccel_session *session;
 *
 *     bnnaccel_open(&ctx);
 *     bnnaccel_model_load(ctx, "net.bnn", &model);
 *     bnnaccel_session_open(ctx, model, NULL, &session);
 *     bnnaccel_run(session, images, info.input_bytes, outputs, n);
 *     bnnaccel_close(ctx);
 *
 * Functions return 0 or a negative enum bnnaccel_error; bnnaccel_last_error()
 * then gives a sentence that names the place and the remedy.
 *
 * Threads: a model is immutable and may be shared by any number of sessions and
 * threads. A context and a session belong to one thread at a time. There is no
 * global state.
 */
#ifndef BNNACCEL_H
#define BNNACCEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/** Version of this interface. */
#define BNNACCEL_VERSION_MAJOR 0
#define BNNACCEL_VERSION_MINOR 1

/** Error codes; the program `bnnaccel` exits with their magnitude. */
enum bnnaccel_error {
	BNNACCEL_ERR_ARGUMENT = -2,    /**< an argument is wrong (also: usage) */
	BNNACCEL_ERR_NO_FILE = -3,     /**< a file does not exist or can't be read */
	BNNACCEL_ERR_BAD_MODEL = -4,   /**< not a model, damaged, or inconsistent */
	BNNACCEL_ERR_BAD_INPUT = -5,   /**< image of the wrong size or kind */
	BNNACCEL_ERR_NO_DEVICE = -6,   /**< no device, or the driver is not loaded */
	BNNACCEL_ERR_PERMISSION = -7,  /**< the device may not be opened */
	BNNACCEL_ERR_UNSUPPORTED = -8, /**< the backend cannot run this network */
	BNNACCEL_ERR_DEVICE = -9,      /**< the device reported a fault or hung */
	BNNACCEL_ERR_MEMORY = -10,     /**< out of memory */
	BNNACCEL_ERR_SYSTEM = -11,     /**< another system call failed */
	BNNACCEL_ERR_NO_BACKEND = -12, /**< unknown backend, or its library is missing */
	BNNACCEL_ERR_TIMEOUT = -13,    /**< not ready in the time given */
	BNNACCEL_ERR_CANCELLED = -14,  /**< the request was cancelled */
	BNNACCEL_ERR_BUSY = -15,       /**< too many requests, or memory that one still uses */
};

struct bnnaccel;
struct bnnaccel_model;
struct bnnaccel_session;

/** Opens a context. @param ctx receives it; close it with bnnaccel_close(). */
int bnnaccel_open(struct bnnaccel **ctx);

/** Closes a context with every model and session opened through it. NULL is allowed. */
void bnnaccel_close(struct bnnaccel *ctx);

/** Text of the last error of this context; "" if there was none. Valid until the next call. */
const char *bnnaccel_last_error(const struct bnnaccel *ctx);

/** Short name of an error code, such as "no device". */
const char *bnnaccel_error_name(int code);

/** Loads a .bnn file. The model stays valid until it is freed or the context closed. */
int bnnaccel_model_load(struct bnnaccel *ctx, const char *path, struct bnnaccel_model **model);

/** As bnnaccel_model_load(), from memory; the bytes are copied. */
int bnnaccel_model_parse(struct bnnaccel *ctx, const void *data, size_t len,
			 struct bnnaccel_model **model);

/** Writes a model to a .bnn file. */
int bnnaccel_model_save(struct bnnaccel *ctx, const struct bnnaccel_model *model, const char *path);

/** Frees a model; sessions that use it must be closed before. */
void bnnaccel_model_free(struct bnnaccel *ctx, struct bnnaccel_model *model);

/** How results are shown. */
enum bnnaccel_output_kind {
	BNNACCEL_OUTPUT_INT,   /**< integers: columns <column>0, <column>1, ... */
	BNNACCEL_OUTPUT_BITS,  /**< bits: one column of 0 and 1, element 0 first */
	BNNACCEL_OUTPUT_FLOAT, /**< real numbers: columns <column>0, <column>1, ... */
};

/** What a model is; strings belong to the model. */
struct bnnaccel_model_info {
	const char *name;
	const char *description;
	uint32_t input_h, input_w, input_c; /**< image: rows, columns, bytes per pixel */
	int input_planar;		    /**< 1: [colour][y][x], 0: [y][x][colour] */
	size_t input_bytes;		    /**< bytes per image */
	size_t output_bytes;		    /**< bytes per result of bnnaccel_run() */
	uint32_t classes;		    /**< elements of a result */
	enum bnnaccel_output_kind output_kind;
	const char *output_column; /**< name, or prefix of the names, of its columns */
	uint32_t nodes;		   /**< layers as executed */
	uint64_t weight_bits;	   /**< stored weight bits */
	uint64_t macs;		   /**< binary multiply-accumulates per image (dense) */
};

/** Fills @p info. */
void bnnaccel_model_get_info(const struct bnnaccel_model *model, struct bnnaccel_model_info *info);

/** Name of class @p i, or NULL. */
const char *bnnaccel_model_label(const struct bnnaccel_model *model, uint32_t i);

/** Options of a session; zero means the default. Set @p size to sizeof. */
struct bnnaccel_session_options {
	size_t size;
	/** "auto" (device if there is one, else cpu), "device", "model", "rtl" or "cpu". */
	const char *backend;
	const char *device;	  /**< path of the device node; default: the first bnnaccel */
	const char *core;	  /**< path of a core library for model or rtl */
	const char *core_options; /**< "key=value,..." for the core, e.g. "latency=60" */
	uint32_t batch;		  /**< images per job at most */
	uint32_t budget;	  /**< limit per job in units of 1,024 device cycles */
};

/** Opens a session of a model on a backend. @p options may be NULL. */
int bnnaccel_session_open(struct bnnaccel *ctx, const struct bnnaccel_model *model,
			  const struct bnnaccel_session_options *options,
			  struct bnnaccel_session **session);

/** Closes a session. */
void bnnaccel_session_close(struct bnnaccel_session *session);

/** Name of the backend that the session uses: "device", "model", "rtl" or "cpu". */
const char *bnnaccel_session_backend(const struct bnnaccel_session *session);

/**
 * Runs @p count images and waits.
 * @param inputs  image i starts at inputs + i * input_stride; input_bytes each,
 *                never read beyond
 * @param outputs count * output_bytes; element e of result i is read with
 *                bnnaccel_output_value()
 */
int bnnaccel_run(struct bnnaccel_session *session, const void *inputs, size_t input_stride,
		 void *outputs, size_t count);

/** Predicted class of one result. */
uint32_t bnnaccel_output_class(const struct bnnaccel_model *model, const void *output);

/** Element @p i of one result as the integer the network computed. */
int64_t bnnaccel_output_int(const struct bnnaccel_model *model, const void *output, uint32_t i);

/** Element @p i of one result as a real number (integer * 2^-f). */
double bnnaccel_output_value(const struct bnnaccel_model *model, const void *output, uint32_t i);

/** A backend as bnnaccel_device_get_info() sees it. Strings are inside. */
struct bnnaccel_device_info {
	char backend[16];    /**< "device", "model", "rtl", "cpu" */
	char path[64];	     /**< device node, or "" */
	uint32_t version;    /**< register VERSION */
	uint32_t build;	     /**< register BUILD */
	uint64_t features;   /**< register FEATURES */
	uint32_t caps_array; /**< register CAPS_ARRAY */
	uint32_t caps_ram;   /**< register CAPS_RAM */
	uint32_t clock_hz;   /**< register CLOCK_HZ */
	uint32_t resets;     /**< resets since the driver was bound */
};

/**
 * Describes the backend that a session with these options would use; all 0 but
 * the name for cpu. "auto" is resolved.
 */
int bnnaccel_device_get_info(struct bnnaccel *ctx, const struct bnnaccel_session_options *options,
			     struct bnnaccel_device_info *info);

/**
 * Describes node @p i of a model, one line of text: "name: CONV 32x32x16 -> ...".
 * Returns the length it needs (as snprintf), or a negative error if there is no such node.
 */
int bnnaccel_model_describe_node(const struct bnnaccel_model *model, uint32_t i, char *buf,
				 size_t len);

/** Products of codes per image, by the bits of weights and activations. */
struct bnnaccel_macs {
	uint32_t weight_bits, activation_bits;
	uint64_t macs;	   /**< output pixels times weights: padding and closed gates included */
	uint64_t executed; /**< the same with rows that a tile repeats counted once */
};

/** Tensors between layers in one format of docs/hardware.md. */
struct bnnaccel_format {
	const char *name;
	uint32_t tensors;
	int32_t least_point, largest_point; /**< binary points of streams of 16 bits, else equal */
};

#define BNNACCEL_FIGURES_MACS 16
#define BNNACCEL_FIGURES_FORMATS 20

/** What a network costs: docs/networks.md, "Figures". All counts are per image. */
struct bnnaccel_figures {
	uint64_t parameters;  /**< numbers of the trained network, 0 where the file does not say */
	uint64_t weights;     /**< weights of convolutions and dense layers, as used */
	uint64_t stored_bits; /**< what these take in the file, with a scale per output channel */
	double bits_per_weight;	  /**< stored_bits / weights */
	uint64_t binary_macs;	  /**< products of one bit with one bit */
	uint64_t ace;		  /**< macs times weight bits times activation bits (2112.00133) */
	uint64_t executed_ace;	  /**< the same of executed macs */
	double cpu64;		  /**< macs times bits of the wider operand / 64 (2112.00133) */
	uint64_t multiplications; /**< that are neither adds nor shifts */
	uint64_t multiplications_inside; /**< of these, between the first and the last CONV */
	unsigned int padding;	     /**< bits: 1 taps outside count nothing, 2 as +1, 4 as -1 */
	uint32_t calibration_images; /**< 0: formats from bounds */
	double headroom;	     /**< over the largest value seen in calibration */
	uint32_t macs_count, format_count;
	struct bnnaccel_macs macs[BNNACCEL_FIGURES_MACS];
	struct bnnaccel_format formats[BNNACCEL_FIGURES_FORMATS];
};

/** Fills @p figures. */
int bnnaccel_model_get_figures(struct bnnaccel *ctx, const struct bnnaccel_model *model,
			       struct bnnaccel_figures *figures);

/**
 * The commands that a model becomes on a device with every feature and the default
 * memories, as text. @param text receives it; free() it.
 */
int bnnaccel_model_list_commands(struct bnnaccel *ctx, const struct bnnaccel_model *model,
				 char **text);

/** Counters summed over the jobs of a session; order of hw/spec, see docs/hardware.md. */
struct bnnaccel_stats {
	uint64_t jobs;
	uint64_t counters[24];
};

/** Fills @p stats; zeros for the cpu backend where it has no such counter. */
void bnnaccel_session_get_stats(const struct bnnaccel_session *session,
				struct bnnaccel_stats *stats);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif /* BNNACCEL_H */
