/* SPDX-License-Identifier: MIT */
/*
 * Functional core: what its files share. Registers, structures and commands are
 * those of docs/hardware.md, the arithmetic that of docs/arithmetic.md.
 *
 * run() is a loop over steps. A step is a bounded piece of work (an entry
 * fetched, a command decoded, one output pixel, one strip post-processed).
 * Between two steps the whole state is in struct bnn_core; what a command needs
 * beyond its cursor (buffers, decoded weights) can be rebuilt at any time, so a
 * saved state is small and load() has little to distrust.
 */
#ifndef MODEL_CORE_H
#define MODEL_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bnn_core.h"
#include "bnn_hw.h"
#include "bnn_hw_fields.h"
#include "cycles.h"

/*
 * Work is charged as it is done, so that time passes in every step: MACs, bytes and small
 * operations per cycle, all of them faster than any core. When a command retires, the
 * rest of what cycles.h predicts is charged.
 */
enum { MACS_PER_CYCLE = 32768, BYTES_PER_CYCLE = 512, OPS_PER_CYCLE = 512 };

/* ---- formats ---------------------------------------------------------- */

enum kind { KIND_ODD, KIND_UNSIGNED, KIND_SIGNED, KIND_TERNARY };

struct format {
	uint8_t planes; /* planes in memory; 1 if element-packed */
	uint8_t bits;	/* bits per element and plane */
	uint8_t width;	/* bits of a code */
	uint8_t kind;
	bool packed; /* element-packed */
	bool exists;
};

extern const struct format formats[32]; /* by 5-bit code; [0] is NONE */
extern const struct format wformats[8];

/* Code to value and back; the value is in range. */
int32_t code_value(const struct format *f, uint32_t code);
uint32_t value_code(const struct format *f, int32_t value);
/* Largest magnitude of a value. */
uint64_t format_max(const struct format *f);

/* ---- faults ----------------------------------------------------------- */

enum stream {
	STREAM_COMMANDS,
	STREAM_WEIGHTS,
	STREAM_PARAMS,
	STREAM_INPUT,
	STREAM_OUTPUT,
	STREAM_RESIDUAL,
	STREAM_OTHER
};

struct fault {
	uint32_t status, detail;
	uint32_t word; /* of the command, if has_word */
	bool has_word;
	uint32_t access; /* as COMPLETION.ACCESS */
	uint64_t va;
};

/* ---- commands --------------------------------------------------------- */

/* Values of fields, as docs/hardware.md lists them. */
enum { WMODE_DENSE, WMODE_TILED, WMODE_TILED_FLAT, WMODE_CODEBOOK };
enum { ENC_VALUE, ENC_THERMO, ENC_BITS };
enum { POOL_AVG, POOL_MAX, POOL_MIN };

/* A reference of a command is known by its place in the 32 words. */
enum ref_slot {
	REF_IN,	    /* word 11; GATEFOLD: the gates */
	REF_WEIGHT, /* word 14; ENC: the table; PREFETCH: the bytes */
	REF_PARAM,  /* word 16; GATEFOLD: the records read */
	REF_OUTP,   /* word 18; the output of commands that have one */
	REF_OUTS,
	REF_RES1,
	REF_RES2,
	REF_SUM,
	REF_COUNT
};

struct ref {
	bool used, write;
	uint8_t word, stream, region;
	uint8_t format;	     /* 0: a vector */
	uint32_t h, w, c;    /* tensors only, as the rest of this group */
	uint32_t natural;    /* bytes of a pixel */
	uint32_t pixel;	     /* bytes from pixel to pixel */
	uint64_t row, plane; /* bytes from row to row, plane to plane */
	uint64_t extent;
	uint64_t base; /* device virtual address, or offset on chip */
};

struct command {
	uint32_t words[32];
	const struct bnn_command *info;
	struct ref ref[REF_COUNT];
	/* CONV, EW, POOL; 1, 0 or equal to the input where the command lacks it. */
	uint32_t h, w, cin, cout, oh, ow;
	uint32_t kh, kw, sh, sw, dh, dw, pad_t, pad_l;
	uint32_t k;	    /* weights of an output channel */
	uint32_t rows;	    /* rows of weights: COUT, or fewer if TILED */
	uint32_t row_bytes; /* bytes of a row as stored under DENSE */
	bool record;	    /* parameter records are read */
};

/* How far the running command has got: all that its steps need to go on. */
struct cursor {
	uint32_t y, x;
};

/* ---- jobs, queues, translations --------------------------------------- */

struct region {
	uint64_t va, size, stride;
	uint32_t access;
};

struct job {
	bool active;
	bool killed, hang;
	uint32_t queue;
	uint64_t slot, count; /* bus addresses of its completion and the queue's count */
	uint8_t raw[BNN_SIZEOF_JOB];
	uint8_t table[BNN_REGIONS * BNN_SIZEOF_REGION];
	struct bnn_job entry;
	struct region region[BNN_REGIONS];
	uint32_t index, iteration;
	uint32_t retired, rows; /* PROGRESS, PROGRESS2 */
	uint32_t profiled;	/* records in the log */
	uint64_t start;
	uint64_t counters[BNN_COUNTERS];

	bool open; /* cmd has been fetched and decoded */
	struct command cmd;
	struct cursor at;
	uint64_t issued; /* cycle at which it was */
	uint64_t rounds; /* of its fractional pass so far */
	uint64_t retire; /* cycle at which the last command retired */
	struct cycles_loader loader;
	uint32_t sum[BNN_CHANNELS_MAX];
};

struct queue {
	uint64_t ring, cq, done;
	uint32_t size, tail, head, coalesce;
	uint32_t pending; /* completions since the last interrupt */
	uint32_t passed;  /* jobs of higher queues since it waits */
	bool enabled, err;
};

enum tlb_mode { TLB_NORMAL, TLB_STICKY, TLB_NONE };

struct tlb_line {
	uint32_t asid; /* 0: empty */
	uint32_t key;
	uint64_t pte[8];
};

struct tlb {
	enum tlb_mode mode;
	struct tlb_line *line;
	uint32_t size; /* lines, a power of two */
};

/* ---- scratch memory --------------------------------------------------- */

/* Grow-only buffers, freed when the job ends. */
enum scratch {
	SCRATCH_RAW,
	SCRATCH_SPAN,
	SCRATCH_VALUES,
	SCRATCH_PARAM,
	SCRATCH_ACC,
	SCRATCH_RES1,
	SCRATCH_RES2,
	SCRATCH_CODES,
	SCRATCH_CODES2,
	SCRATCH_ROWS,
	SCRATCH_WEIGHTS,
	SCRATCH_WINDOW,
	SCRATCH_COUNT
};

struct buffer {
	void *data;
	size_t size;
};

/* Parameters of a channel, decoded. */
struct param {
	int32_t th1, th2, bbn, tb, t;
	int32_t b1[2], b2[2];
	int16_t a1[2], a2[2], q[3];
	int8_t k1[2], k2[2];
	uint8_t inv, neg1[2], neg2[2];
};

enum { SLOTS_MAX = 4 * (BNN_KERNEL_MAX - 1) + 1 };

/* A strip is a run of pixels of one output row. */
struct layer {
	uint32_t strip; /* pixels of a strip, but for the last of a row */
	struct param *param;
	int32_t *acc; /* [pixel][COUT] */
	/* CONV: input rows as int16 values, or bits, of columns lo to lo + cols - 1. */
	bool bits;
	uint32_t planes; /* kept apart in the rows; 1: as values */
	uint32_t slots, cols_max;
	uint64_t slot_bytes, plane_bytes;
	uint8_t *row;
	int64_t row_of[SLOTS_MAX]; /* which input row, -1: none */
	int64_t lo;
	uint32_t cols;
	uint8_t *weights;
	size_t weight_row; /* bytes of a row as kept */
	uint32_t block_rows;
	int64_t loaded_block; /* -1: none */
	uint32_t loaded_rows; /* of it */
	/* the strip in work */
	bool open;
	uint32_t pixel, block;
	uint64_t taps, frac_macs, gates_open, gates_shut;
	struct cycles_gates gates; /* rounds of the strip */
};

struct pool {
	uint32_t strip, ky;
	bool open;
	int64_t *acc;
};

/* ---- the core --------------------------------------------------------- */

struct pokes {
	bool hang, flip, stuck;
	bool read, write;
	uint64_t reads, writes; /* that pass before one fails */
	uint64_t lost_irqs;
};

struct bnn_core {
	struct bnn_core_host host;
	atomic_int stop;

	/* configuration */
	uint32_t act_kib, bus_bits;
	struct cycles_config cycles;
	uint32_t chunk; /* bound on pixels of a strip and rows of a block, for tests */
	bool plain;
	bool popcnt;

	/* registers */
	uint64_t now, latched;
	uint32_t reset_count, reset_status, irq_status, irq_mask, error, error_info;
	uint32_t last_queue, last_seq;
	uint64_t counters[BNN_COUNTERS], snapshot[BNN_COUNTERS];
	uint32_t irq_due; /* vectors to raise at the next run() */
	struct queue queue[BNN_QUEUES];

	struct tlb tlb;
	uint8_t *act;
	size_t act_bytes;
	struct job job;
	struct fault fault;
	struct pokes poke;
	uint64_t macs_rest, bytes_rest, ops_rest; /* not yet a cycle */

	/* what the running command can rebuild */
	bool prepared;
	struct buffer scratch[SCRATCH_COUNT];
	struct layer layer;
	struct pool pool;
};

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint64_t align_u64(uint64_t x, uint64_t n)
{
	return (x + n - 1) / n * n;
}

/* Unaligned little-endian; the host may be anything. */
static inline uint32_t get16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static inline void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* core.c */
void core_reset(struct bnn_core *core, enum bnn_core_reset kind);
void core_log(struct bnn_core *core, enum bnn_core_log level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* counters.c */
void count(struct bnn_core *core, unsigned id, uint64_t n);
void charge_macs(struct bnn_core *core, uint64_t macs);
void charge_bytes(struct bnn_core *core, uint64_t bytes);
void charge_ops(struct bnn_core *core, uint64_t ops);
void charge_cycles(struct bnn_core *core, uint64_t cycles);
void count_retired(struct bnn_core *core, const struct command *cmd);
/* Lets the time pass that the command at hand takes; returns the stall that grew most, or 0. */
uint32_t charge_command(struct bnn_core *core);

/* regs.c */
uint32_t regs_read(struct bnn_core *core, uint32_t offset);
void regs_write(struct bnn_core *core, uint32_t offset, uint32_t value);
void irq_raise(struct bnn_core *core, uint32_t vectors);
void irq_deliver(struct bnn_core *core);
void device_error(struct bnn_core *core, uint32_t bits, uint64_t address);

/* queue.c */
void queue_control(struct bnn_core *core, unsigned q, uint32_t value);
void queue_tail(struct bnn_core *core, unsigned q, uint32_t tail);
bool queue_sane(const struct queue *q);
/* Starts the next job; false if there is none. */
bool queue_next(struct bnn_core *core);
void queue_complete(struct bnn_core *core);

/* job.c */
bool job_parse(struct bnn_core *core);
bool job_regions(struct bnn_core *core);
void job_start(struct bnn_core *core);
void job_step(struct bnn_core *core, uint64_t end);
void job_drop(struct bnn_core *core);

/* bus.c, mmu.c, mem.c: false means that core->fault has been set */
bool bus_read(struct bnn_core *core, uint64_t addr, void *buf, uint32_t len);
bool bus_write(struct bnn_core *core, uint64_t addr, const void *buf, uint32_t len);
uint32_t mmu_translate(struct bnn_core *core, uint32_t va, bool write, uint64_t *bus);
void mmu_invalidate(struct bnn_core *core, uint32_t asid);
bool mem_read(struct bnn_core *core, const struct ref *r, uint64_t off, void *buf, uint64_t len);
bool mem_write(struct bnn_core *core, const struct ref *r, uint64_t off, const void *buf,
	       uint64_t len);
/* A buffer of at least size bytes; NULL: out of memory, core->fault is set. */
void *scratch_get(struct bnn_core *core, enum scratch id, uint64_t size);
void scratch_free(struct bnn_core *core);

/* decode.c */
bool decode(struct bnn_core *core, struct command *cmd);
bool fault_word(struct bnn_core *core, uint32_t status, uint32_t detail, uint32_t word);
bool fault_access(struct bnn_core *core, uint32_t status, const struct ref *r, uint64_t va);

/* tensor.c: pixels x to x + n - 1 of row y */
bool tensor_raw(struct bnn_core *core, const struct ref *t, uint32_t plane, uint32_t y, uint32_t x,
		uint32_t n, uint8_t *raw);
/* Values of the first `channels` channels: out[pixel][channel]. */
bool tensor_read(struct bnn_core *core, const struct ref *t, uint32_t y, uint32_t x, uint32_t n,
		 uint32_t channels, int32_t *out);
/* Codes of all channels: codes[pixel][channel]. */
bool tensor_write(struct bnn_core *core, const struct ref *t, uint32_t y, uint32_t x, uint32_t n,
		  const int32_t *codes);

/* The steps of the commands. */
enum step { STEP_MORE, STEP_DONE, STEP_FAULT };
enum step layer_step(struct bnn_core *core);	 /* layer.c: CONV, EW */
enum step encode_step(struct bnn_core *core);	 /* encode.c */
enum step pool_step(struct bnn_core *core);	 /* pool.c */
enum step gatefold_step(struct bnn_core *core);	 /* gatefold.c */
enum step transpose_step(struct bnn_core *core); /* transpose.c */
uint32_t pool_strip(const struct bnn_core *core, const struct command *cmd);
uint32_t encode_strip(const struct bnn_core *core, const struct command *cmd);
uint32_t layer_strip(const struct bnn_core *core, const struct command *cmd);
enum { GATEFOLD_CHUNK = 64, TRANSPOSE_CHUNK = 64 };

/* conv.c */
uint32_t conv_strip(const struct command *cmd, uint32_t wanted);
bool conv_prepare(struct bnn_core *core);
enum step conv_open(struct bnn_core *core, uint32_t n); /* the strip at the cursor */
enum step conv_step(struct bnn_core *core, uint32_t n);

/* popcount.c: out[r] = number of bits in (a ^ row r of w) & m, each n words */
void popcount_rows(bool popcnt, int32_t *out, const uint64_t *a, const uint64_t *m,
		   const uint64_t *w, uint32_t n, uint32_t rows);

/* weights.c: rows first to first + n - 1, as int16 values or as the bits of DENSE rows */
bool weights_load(struct bnn_core *core, uint32_t first, uint32_t n, bool bits, uint8_t *out);
uint64_t weights_extent(const struct command *cmd);

/* pipe.c */
void param_decode(struct param *p, const uint8_t *raw, bool narrow);
bool pipe_strip(struct bnn_core *core, uint32_t n);

/* state.c */
size_t state_save(struct bnn_core *core, void *buf, size_t len);
int state_load(struct bnn_core *core, const void *buf, size_t len);

/* Arithmetic of docs/arithmetic.md, section 1. */
static inline int64_t rnd(int64_t x, unsigned s)
{
	return s ? (x + (INT64_C(1) << (s - 1))) >> s : x;
}

static inline int64_t clamp_count(int64_t x, int64_t lo, int64_t hi, uint64_t *changed)
{
	if (x >= lo && x <= hi)
		return x;
	++*changed;
	return x < lo ? lo : hi;
}

#endif /* MODEL_CORE_H */
