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
 * (docs/library.md goes through the rest: requests in the background, the CPU
 * helping a device, memory without copies, times per node.)
 *
 * Functions return 0 or a negative enum bnnaccel_error; bnnaccel_last_error()
 * then gives a sentence that names the place and the remedy.
 *
 * Structures with a member `size` grow at their end. Set it to sizeof before every
 * call that takes one; else the call fails with BNNACCEL_ERR_ARGUMENT.
 *
 * Threads: a model is immutable and may be shared by any number of sessions and
 * threads. A context, its sessions and their buffers belong to one thread at a time.
 * There is no global state.
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

/** Version of this interface: another one is another library (soname). */
#define BNNACCEL_VERSION_MAJOR 0
/** Grows with what is added. */
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
struct bnnaccel_buffer;

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
	BNNACCEL_OUTPUT_INT,   /**< integers: columns COLUMN0, COLUMN1, ... */
	BNNACCEL_OUTPUT_BITS,  /**< bits: one column of 0 and 1, element 0 first */
	BNNACCEL_OUTPUT_FLOAT, /**< real numbers: columns COLUMN0, COLUMN1, ... */
};

/** What a model is; strings belong to the model. */
struct bnnaccel_model_info {
	size_t size;			       /**< sizeof this structure */
	const char *name;		       /**< of the network */
	const char *description;	       /**< one line: origin, licence */
	uint32_t input_h;		       /**< rows of an image */
	uint32_t input_w;		       /**< its columns */
	uint32_t input_c;		       /**< bytes per pixel */
	int input_planar;		       /**< 1: [colour][y][x], 0: [y][x][colour] */
	size_t input_bytes;		       /**< bytes per image */
	size_t output_bytes;		       /**< bytes per result of bnnaccel_run() */
	uint32_t classes;		       /**< elements of a result */
	enum bnnaccel_output_kind output_kind; /**< how they are shown */
	const char *output_column;	       /**< name, or prefix of the names, of its columns */
	uint32_t nodes;			       /**< layers as executed */
	uint64_t weight_bits;		       /**< stored weight bits */
	uint64_t macs;			       /**< binary multiply-accumulates per image (dense) */
};

/** Fills @p info. BNNACCEL_ERR_ARGUMENT if one is NULL or `size` not set. */
int bnnaccel_model_get_info(const struct bnnaccel_model *model, struct bnnaccel_model_info *info);

/** Name of class @p i, or NULL. */
const char *bnnaccel_model_label(const struct bnnaccel_model *model, uint32_t i);

/** What becomes of a node that the backend can't run. The bits do not depend on it. */
enum bnnaccel_fallback {
	BNNACCEL_FALLBACK_DEFAULT, /**< BY_COST for backend "auto", NEVER for the others */
	BNNACCEL_FALLBACK_NEVER,   /**< BNNACCEL_ERR_UNSUPPORTED, which names node and reason */
	BNNACCEL_FALLBACK_NEEDED,  /**< the CPU runs it */
	BNNACCEL_FALLBACK_BY_COST, /**< and what lies between such nodes and isn't worth its
				      transfers; a network that can run whole, does */
};

/** Options of a session; zero means the default. */
struct bnnaccel_session_options {
	size_t size; /**< sizeof this structure */
	/** "auto" (device if there is one, else cpu), "device", "model", "rtl" or "cpu". */
	const char *backend;
	const char *device; /**< path of the device node; default: the first bnnaccel */
	const char *core;   /**< path of a core library for model or rtl */
	/**
	 * "key=value,..." for the core, e.g. "latency=60"; "pages=scattered" gives every page
	 * of its memory an entry of its own in the page table, none of 2 MiB.
	 */
	const char *core_options;
	uint32_t batch;			 /**< images per job at most */
	uint32_t budget;		 /**< limit per job in units of 1,024 device cycles */
	enum bnnaccel_fallback fallback; /**< what becomes of nodes the backend can't run */
	const uint32_t *cpu_nodes; /**< nodes that the CPU runs whatever the backend; copied */
	uint32_t cpu_node_count;   /**< how many */
	/**
	 * 1: measure every node; see bnnaccel_session_get_node(). 2: the same, each node as a
	 * job of its own, so that all its counters are known. Its tensors then lie in memory,
	 * none on chip, and nothing overlaps with the commands beside it.
	 */
	int profile;
	/**
	 * The largest instruction set that the CPU engine uses: "portable" or "popcnt".
	 * Default: the environment's BNNACCEL_ISA, else what the processor has.
	 */
	const char *isa;
};

/** Opens a session of a model on a backend. @p options may be NULL. */
int bnnaccel_session_open(struct bnnaccel *ctx, const struct bnnaccel_model *model,
			  const struct bnnaccel_session_options *options,
			  struct bnnaccel_session **session);

/**
 * Closes a session with its buffers. Requests in flight are given up: what is queued
 * never starts, what runs is left within a fraction of a second (on the CPU: after
 * the node that runs). Memory given to them is not touched any more afterwards.
 */
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

/** Images for bnnaccel_submit(). */
struct bnnaccel_request {
	size_t size;	      /**< sizeof this structure */
	const void *inputs;   /**< image i starts at inputs + i * input_stride */
	size_t input_stride;  /**< at least input_bytes; 0 = input_bytes */
	void *outputs;	      /**< result i starts at outputs + i * output_stride */
	size_t output_stride; /**< at least output_bytes; 0 = output_bytes */
	size_t count;	      /**< images, at least 1 */
};

/** Requests that a session keeps, finished ones that were not collected included. */
#define BNNACCEL_REQUESTS_MAX 1024

/**
 * Starts a request and returns at once. Requests of a session run and end in the
 * order they were submitted; several are in flight at the same time, so that a
 * device always has the next one. The memory stays the caller's and must stay as it
 * is until the request was collected.
 * @param ticket receives its number, which counts from 1
 * @return BNNACCEL_ERR_BUSY with BNNACCEL_REQUESTS_MAX requests not collected
 */
int bnnaccel_submit(struct bnnaccel_session *session, const struct bnnaccel_request *request,
		    uint64_t *ticket);

/**
 * Waits for a request and collects it: the ticket is then used up.
 * @param timeout_ms -1: as long as it takes; 0: do not wait
 * @return how the request ended: 0, BNNACCEL_ERR_CANCELLED, or what went wrong. Or
 *         BNNACCEL_ERR_TIMEOUT, and it goes on; BNNACCEL_ERR_ARGUMENT for a ticket
 *         that was not given or already collected.
 */
int bnnaccel_wait(struct bnnaccel_session *session, uint64_t ticket, int timeout_ms);

/**
 * As bnnaccel_wait() for the oldest request that was not collected.
 * @param ticket receives its number; 0 if none was collected
 * @return BNNACCEL_ERR_ARGUMENT if there is none
 */
int bnnaccel_next(struct bnnaccel_session *session, uint64_t *ticket, int timeout_ms);

/**
 * Gives a request up; it must still be collected. Images not yet started are not
 * run, those under way are. A request that has ended stays as it is.
 */
int bnnaccel_cancel(struct bnnaccel_session *session, uint64_t ticket);

/**
 * A file descriptor for poll(): readable while a request has ended that was not
 * collected. It belongs to the session: do not read or close it.
 * @return the descriptor, or a negative error
 */
int bnnaccel_session_fd(struct bnnaccel_session *session);

/**
 * Memory that the backend reads images from and writes results to without a copy,
 * where the first item lies at a multiple of 64 bytes from its start and, with several
 * items, so does their distance. Elsewhere in it data is copied as usual. It is zero
 * at first, and is freed with the session at the latest.
 */
int bnnaccel_buffer_alloc(struct bnnaccel_session *session, size_t bytes,
			  struct bnnaccel_buffer **buffer);

/** Its first byte, aligned to 64. */
void *bnnaccel_buffer_data(const struct bnnaccel_buffer *buffer);

/** Frees it. NULL is allowed. BNNACCEL_ERR_BUSY while a request that has not ended uses it. */
int bnnaccel_buffer_free(struct bnnaccel_buffer *buffer);

/** Predicted class of one result. */
uint32_t bnnaccel_output_class(const struct bnnaccel_model *model, const void *output);

/** Element @p i of one result as the integer the network computed. */
int64_t bnnaccel_output_int(const struct bnnaccel_model *model, const void *output, uint32_t i);

/** Element @p i of one result as a real number (integer * 2^-f). */
double bnnaccel_output_value(const struct bnnaccel_model *model, const void *output, uint32_t i);

/** A backend as bnnaccel_device_get_info() sees it. Strings are inside. */
struct bnnaccel_device_info {
	size_t size;	     /**< sizeof this structure */
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
	uint32_t weight_bits;	  /**< bits of a weight */
	uint32_t activation_bits; /**< bits of an activation */
	uint64_t macs;	   /**< output pixels times weights: padding and closed gates included */
	uint64_t executed; /**< the same with rows that a tile repeats counted once */
};

/** Tensors between layers in one format of docs/hardware.md. */
struct bnnaccel_format {
	const char *name;      /**< of the format */
	uint32_t tensors;      /**< that have it */
	int32_t least_point;   /**< smallest binary point of streams of 16 bits */
	int32_t largest_point; /**< largest one; of other formats the same */
};

/** Pairs of widths at most. */
#define BNNACCEL_FIGURES_MACS 20
/** Formats at most. */
#define BNNACCEL_FIGURES_FORMATS 20

/** What a network costs: docs/networks.md, "Figures". All counts are per image. */
struct bnnaccel_figures {
	size_t size;	      /**< sizeof this structure */
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
	uint32_t cpu_nodes;	     /**< layers that no device knows, so that the CPU runs them */
	uint32_t macs_count;	     /**< entries of macs */
	uint32_t format_count;	     /**< entries of formats */
	struct bnnaccel_macs macs[BNNACCEL_FIGURES_MACS];	  /**< products by their widths */
	struct bnnaccel_format formats[BNNACCEL_FIGURES_FORMATS]; /**< of tensors between layers */
};

/** Fills @p figures. */
int bnnaccel_model_get_figures(struct bnnaccel *ctx, const struct bnnaccel_model *model,
			       struct bnnaccel_figures *figures);

/**
 * The commands that a model becomes on a device with every feature and the default
 * memories, as text; layers that the CPU runs are named between them. @param text
 * receives it; free() it.
 */
int bnnaccel_model_list_commands(struct bnnaccel *ctx, const struct bnnaccel_model *model,
				 char **text);

/** Counters summed over a session; order of hw/spec, see docs/hardware.md. */
struct bnnaccel_stats {
	size_t size;	       /**< sizeof this structure */
	uint64_t jobs;	       /**< on the cpu: images */
	uint64_t counters[24]; /**< in the order of the hardware's counters */
	uint64_t copied; /**< bytes of images and results copied to and from the device's memory */
};

/**
 * Fills @p stats; zeros for what the backend does not count. It may have to wait for
 * a job that runs. BNNACCEL_ERR_ARGUMENT if one is NULL or `size` not set.
 */
int bnnaccel_session_get_stats(struct bnnaccel_session *session, struct bnnaccel_stats *stats);

/** A node of a session: where it runs, why, and what it takes. Strings belong to the session. */
struct bnnaccel_node_info {
	size_t size;	     /**< sizeof this structure */
	const char *name;    /**< of the node */
	const char *command; /**< such as "CONV" */
	int on_cpu;	     /**< 0: the device or core of the backend runs it */
	/**
	 * Why it is on the CPU, continuing "node NAME ...", or "". Of nodes of the backend
	 * "cpu", and of those of a device, there is nothing to say.
	 */
	const char *reason;
	uint64_t runs;	 /**< images measured; 0 without option profile */
	uint64_t cycles; /**< of the device for all of them */
	uint64_t ns;	 /**< of the CPU for all of them */
	/**
	 * Counters for all of them, as in struct bnnaccel_stats. Where nodes are jobs of
	 * their own: all. From the log of a device: bytes and commands only. On the CPU: the
	 * deterministic ones but bytes and commands.
	 */
	uint64_t counters[24];
	uint32_t stall; /**< index of the stall counter that grew most in the last run, 0: none */
};

/**
 * Fills @p info for node @p i. Cycles come from the log of the device: from the issue of
 * the command, or the retirement of the one before where that is later, to its own. Where
 * it keeps none, nodes run as a job each and the cycles are those of the job, its start
 * included. May have to wait for a job that runs.
 */
int bnnaccel_session_get_node(struct bnnaccel_session *session, uint32_t i,
			      struct bnnaccel_node_info *info);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif /* BNNACCEL_H */
