/* SPDX-License-Identifier: MIT */
/*
 * The CPU engine inside: one plan per node, made once from the command words (and
 * the weights, where they are constant), run once per image. All arithmetic is
 * that of docs/arithmetic.md.
 */
#ifndef BNN_CPU_H
#define BNN_CPU_H

#include "error.h"
#include "net.h"

/* A tensor in memory as a command sees it. */
struct bnn_cpu_tensor {
	uint8_t *data;
	enum bnn_kind kind;
	bool planar;
	uint32_t width; /* bits of a code */
	uint32_t h, w, c;
	uint32_t pixel; /* bytes of a pixel (of one plane) */
	uint64_t pitch, plane;
};

void bnn_cpu_tensor(struct bnn_cpu_tensor *tensor, const struct bnn_slot_info *info, uint8_t *data);
/* The codes of all channels of a pixel, and their values. */
void bnn_cpu_load_codes(const struct bnn_cpu_tensor *tensor, uint32_t y, uint32_t x,
			int32_t *codes);
void bnn_cpu_load(const struct bnn_cpu_tensor *tensor, uint32_t y, uint32_t x, int32_t *values);
/* Stores codes (only their low bits count); padding channels become 0. */
void bnn_cpu_store(const struct bnn_cpu_tensor *tensor, uint32_t y, uint32_t x,
		   const int32_t *codes);

static inline uint32_t bnn_le32_at(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint16_t bnn_le16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline void bnn_le32_put(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline void bnn_le16_put(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

/* Rounding shift and counted clamps, section 1. */
static inline int64_t bnn_rnd(int64_t x, unsigned int s)
{
	return s ? (x + (1ll << (s - 1))) >> s : x;
}

static inline int64_t bnn_clamp(int64_t x, int64_t low, int64_t high, uint64_t *saturated)
{
	if (x < low) {
		++*saturated;
		return low;
	}
	if (x > high) {
		++*saturated;
		return high;
	}
	return x;
}

static inline int64_t bnn_sat(int64_t x, unsigned int n, uint64_t *saturated)
{
	return bnn_clamp(x, -(1ll << (n - 1)), (1ll << (n - 1)) - 1, saturated);
}

static inline int64_t bnn_usat(int64_t x, unsigned int n, uint64_t *saturated)
{
	return bnn_clamp(x, 0, (1ll << n) - 1, saturated);
}

/* The post-processing pipe, prepared for one run of a command. */
struct bnn_cpu_pipe;
struct bnn_cpu_pipe *bnn_cpu_pipe_new(const uint32_t *words);
void bnn_cpu_pipe_free(struct bnn_cpu_pipe *pipe);
/* Takes the buffers of the slots and forgets the sums of the run before. */
void bnn_cpu_pipe_start(struct bnn_cpu_pipe *pipe, uint8_t *const *slots);
/* All channels of one output pixel. */
void bnn_cpu_pipe_pixel(struct bnn_cpu_pipe *pipe, uint32_t y, uint32_t x, const int32_t *acc,
			uint64_t *saturated);
void bnn_cpu_pipe_finish(struct bnn_cpu_pipe *pipe);
/* Gate threshold of a channel, for FRAC. */
int32_t bnn_cpu_pipe_gate(const struct bnn_cpu_pipe *pipe, uint32_t channel);

/* A row of weights as integers: [tap][channel of the group]. */
void bnn_cpu_weight_row(const uint32_t *words, const uint8_t *data, uint32_t row, int16_t *out);
/* Rows that differ; output channel r uses row r mod this. */
uint32_t bnn_cpu_weight_rows(const uint32_t *words);

/* Instruction sets, the later the larger; what a processor lacks is never used. */
enum bnn_cpu_isa {
	BNN_CPU_ISA_BEST, /* no limit */
	BNN_CPU_ISA_PORTABLE,
	BNN_CPU_ISA_POPCNT,
	BNN_CPU_ISAS
};
/* By name; -1 if there is none. */
int bnn_cpu_isa_find(const char *name);
/* Name of an instruction set but BEST, or NULL behind the last. */
const char *bnn_cpu_isa_name(int isa);

/* out[r] = number of bits set in both, for rows of n 64-bit words. */
typedef void (*bnn_cpu_match_fn)(const uint64_t *window, const uint64_t *rows, size_t count,
				 size_t n, uint32_t *out);
bnn_cpu_match_fn bnn_cpu_match(enum bnn_cpu_isa most);

/* Which of the two convolutions a plan uses. Tests ask for each. */
enum bnn_cpu_path {
	BNN_CPU_AUTO,
	BNN_CPU_PACKED,	 /* bit planes and population count */
	BNN_CPU_INTEGER, /* integer multiply-accumulate; FRAC too */
};

/* Window geometry of a CONV, shared by both convolutions. */
struct bnn_cpu_windows {
	uint32_t h, w, cin, cout, groups, cg, og; /* cg, og: channels in and out per group */
	uint32_t kh, kw, sh, sw, dh, dw, pt, pl, pb, pr, pad_mode, taps;
	uint32_t ph, pw; /* padded input */
	uint32_t oh, ow;
};
void bnn_cpu_windows(struct bnn_cpu_windows *windows, const uint32_t *words);
/* Taps along one axis that lie inside the input, as bits. */
uint32_t bnn_cpu_present(uint32_t out, uint32_t stride, uint32_t dilation, uint32_t kernel,
			 uint32_t pad, uint32_t size);

struct bnn_cpu_packed;
struct bnn_cpu_packed *bnn_cpu_packed_new(const uint32_t *words, enum bnn_cpu_isa most);
void bnn_cpu_packed_free(struct bnn_cpu_packed *conv);
void bnn_cpu_packed_weights(struct bnn_cpu_packed *conv, const uint8_t *data);
void bnn_cpu_packed_run(struct bnn_cpu_packed *conv, uint8_t *in, struct bnn_cpu_pipe *pipe,
			uint64_t *counters);

struct bnn_cpu_integer;
struct bnn_cpu_integer *bnn_cpu_integer_new(const uint32_t *words);
void bnn_cpu_integer_free(struct bnn_cpu_integer *conv);
void bnn_cpu_integer_weights(struct bnn_cpu_integer *conv, const uint8_t *data);
void bnn_cpu_integer_run(struct bnn_cpu_integer *conv, uint8_t *in, struct bnn_cpu_pipe *pipe,
			 uint64_t *counters);

/*
 * The commands without weights. `slots` are the buffers by slot. Those that return
 * a value return -1 when memory is short.
 */
int bnn_cpu_enc(const uint32_t *words, uint8_t *const *slots);
int bnn_cpu_pool(const uint32_t *words, uint8_t *const *slots, uint64_t *counters);
void bnn_cpu_gatefold(const uint32_t *words, uint8_t *const *slots, uint64_t *counters);
void bnn_cpu_transpose(const uint32_t *words, uint8_t *const *slots);
/* Commands of the host, section 12. */
int bnn_cpu_host(const uint32_t *words, uint8_t *const *slots, uint64_t *counters);

/* A node, ready to run. Constant weights are prepared at once, others in each run. */
struct bnn_cpu_plan;
int bnn_cpu_plan_new(const struct bnn_net *net, size_t node, enum bnn_cpu_path path,
		     enum bnn_cpu_isa most, struct bnn_cpu_plan **plan, struct bnn_error *error);
void bnn_cpu_plan_free(struct bnn_cpu_plan *plan);
/* `buffers` by value index; NULL means the data of a constant. */
int bnn_cpu_plan_run(struct bnn_cpu_plan *plan, uint8_t *const *buffers, uint64_t *counters,
		     struct bnn_error *error);

#endif /* BNN_CPU_H */
