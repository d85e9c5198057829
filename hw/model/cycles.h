/* SPDX-License-Identifier: MIT */
/*
 * What a command takes on the Verilog core of docs/core.md: a prediction from its shape,
 * the format of its tensors and, for the fractional pass, the gates that were open.
 *
 * What can be counted is counted as the RTL does it: chunks, words of windows, passes,
 * beats. What cannot (latencies, pipes filling and draining) is a constant with a name.
 */
#ifndef MODEL_CYCLES_H
#define MODEL_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

struct command;

struct cycles_config {
	uint32_t lanes, lane_bits;	    /* N, B */
	uint32_t weight_words, param_words; /* of a lane */
	uint32_t row_kib;		    /* row buffer */
	uint32_t window_words;		    /* window buffer */
	uint32_t latency, bytes;	    /* of the memory: cycles, bytes per cycle */
};

extern const struct cycles_config cycles_default;

/* Exposed per command and chunk, in cycles. */
enum {
	CYCLES_DISPATCH = 5, /* from the end of a command to the next at work */
	CYCLES_SETUP = 20,   /* bnn_windows works out how rows lie, per chunk */
	CYCLES_DRAIN = 47,   /* last word of a chunk through array, pipe and store */
	CYCLES_LOG = 18,     /* a record of the profile log, besides the latency */
	CYCLES_LOAD = 30,    /* bnn_load cuts a command, until it asks for the first chunk */
	CYCLES_TAP = 4,	     /* a tap that is asked from memory (taps way) */
	/* bnn_side, measured on the RTL */
	CYCLES_SIDE = 16,      /* start and end of a command */
	CYCLES_POOL_STRIP = 2, /* POOL of pixels of several strips: a tap of each */
	CYCLES_POOL_PIXEL = 6, /* and an output pixel that is made element by element */
	CYCLES_ENCODE = 130,   /* ENC: tables, and the first pages of a job */
	CYCLES_FOLD = 36,      /* GATEFOLD: first record through the multipliers */
	CYCLES_COLOUR = 5,     /* ENC: each of more than four colours */
	CYCLES_RECORD = 4,     /* GATEFOLD */
};

/* A CONV or EW as cut and played. Steps are of one group of channels, beats of all in a chunk. */
struct cycles_plan {
	bool conv, frac;
	bool split, slice; /* modes of the lanes */
	bool mac;	   /* lanes multiply; 16 groups of one channel count as one */
	bool narrow, taps; /* ways of bnn_windows; neither: rows */
	bool replay;	   /* a window is sent once for each tile */
	uint32_t groups, rows, copies;
	uint32_t cg, og;    /* channels of a group */
	uint32_t convs;	    /* groups of a chunk, at most */
	uint32_t row_words; /* of a weight row in a lane */
	uint32_t tile_rows; /* N, or 2N */
	uint32_t tiles_max; /* of a chunk */
	uint32_t passes;
	uint64_t pixels;
	uint64_t steps;	      /* of the array for one tile, all pixels; FRAC: of M alone */
	uint64_t form_steps;  /* of bnn_former, all pixels and passes */
	uint64_t row_beats;   /* of IN, to the row buffer */
	uint64_t row_writes;  /* cycles that these take there, if more */
	uint64_t first_beats; /* of the rows of the first window */
	uint64_t taken;	      /* taps present, all pixels */
};

struct cycles_chunk {
	uint32_t first, rows; /* stored rows */
	uint32_t tiles, groups;
	uint32_t convs, plays;	/* groups of the convolution; tiles of each, in all */
	uint32_t words, params; /* of the rings of the loader */
	uint64_t load_beats;	/* of weights and parameters */
};

void cycles_plan(const struct cycles_config *config, const struct command *cmd,
		 struct cycles_plan *plan);
/* The chunk that begins with a stored row. */
void cycles_chunk(const struct cycles_config *config, const struct command *cmd,
		  const struct cycles_plan *plan, uint32_t first, struct cycles_chunk *chunk);

/* Cycles per output pixel of all channels of a chunk. */
uint32_t cycles_post(const struct cycles_plan *plan, const struct cycles_chunk *chunk);
uint64_t cycles_store(const struct cycles_config *config, const struct command *cmd,
		      const struct cycles_plan *plan, const struct cycles_chunk *chunk);
uint64_t cycles_residual(const struct cycles_config *config, const struct command *cmd,
			 const struct cycles_plan *plan, const struct cycles_chunk *chunk);

/*
 * The fractional pass of one pixel: rounds of L, the most gates that are open in one half
 * of a lane, chunk by chunk. Channels are added in ascending order.
 */
enum { CYCLES_HALVES = 128 };
struct cycles_gates {
	uint32_t mask, chunk; /* halves of lanes in use less one, channels of a chunk */
	uint32_t limit, most;
	uint64_t rounds;
	uint8_t open[CYCLES_HALVES];
};
void cycles_gates_start(struct cycles_gates *gates, const struct cycles_plan *plan);
void cycles_gates_add(struct cycles_gates *gates, uint32_t channel, bool open);
void cycles_gates_end(struct cycles_gates *gates); /* of the pixel */

/*
 * Chunks that the loader holds, with the cycle at which each is free again; what the last
 * commands wrote, which it waits for where it is weights, and what they read of memory, which
 * comes before its own.
 */
enum { CYCLES_HELD = 16, CYCLES_OLDER = 8 };
struct cycles_loader {
	uint64_t at; /* the last chunk was loaded */
	uint32_t count;
	struct {
		uint64_t free;
		uint32_t words, params;
	} held[CYCLES_HELD];
	struct {
		uint64_t start, end, beats;
	} traffic[CYCLES_HELD]; /* of chunks and commands, the last one first */
	struct {
		uint64_t end;
		uint64_t from[2], to[2]; /* of the outputs; to 0: none */
	} older[CYCLES_OLDER];		 /* the last one first */
};

/* Where the time of a command went; causes as the stall counters. */
struct cycles_result {
	uint64_t end;
	uint64_t busy; /* of the array */
	uint64_t weights, act, post, residual, store;
	uint64_t memory; /* cycles of the bus for what was read, but for the loader */
};

/* From `start` on; `rounds` of L in all its pixels. Updates the loader. */
void cycles_command(const struct cycles_config *config, const struct command *cmd, uint64_t start,
		    uint64_t rounds, struct cycles_loader *loader, struct cycles_result *result);

#endif /* MODEL_CYCLES_H */
