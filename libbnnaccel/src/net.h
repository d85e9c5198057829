/* SPDX-License-Identifier: MIT */
/*
 * The lowered network: what a .bnn file holds and every executor runs. Integers
 * only. A node is a command of hw/spec whose references (offset, region, pitch)
 * are still 0 and named by value indices instead; the compiler fills them in,
 * the CPU engine does without. So the meaning of a node is that of the command
 * in docs/arithmetic.md, and its fields are read with bnn_field_get().
 *
 * A network is immutable once bnn_net_check() has accepted it, and may then be
 * shared between threads.
 */
#ifndef BNN_NET_H
#define BNN_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bnn_hw.h"
#include "bnn_hw_fields.h"

enum bnn_role {
	BNN_ROLE_INPUT,	 /* bytes given per image */
	BNN_ROLE_OUTPUT, /* result per image */
	BNN_ROLE_TEMP,	 /* produced and used inside */
	BNN_ROLE_CONST,	 /* weights, parameter records, tables: `data` */
};

/*
 * A value: a tensor (format is not NONE; shape h, w, c; natural pixels, rows
 * padded to 16 bytes, plane pitch as in docs/arithmetic.md section 2) or plain
 * bytes (format NONE: image bytes, weights, parameter records, tables, SUM and
 * gate vectors).
 */
struct bnn_value {
	char *name;
	enum bnn_role role;
	uint8_t format; /* BNN_FORMAT_* */
	int8_t f;	/* binary point of a stream: real = code * 2^-f */
	uint32_t h, w, c;
	uint64_t bytes; /* size in memory; for tensors bnn_tensor_bytes() */
	uint8_t *data;	/* CONST only; owned */
};

/* Reference slots: the word of the command where the reference lies. */
enum bnn_slot {
	BNN_SLOT_IN,	 /* word 11: input; GATE of GATEFOLD */
	BNN_SLOT_WEIGHT, /* word 14: weights; TABLE of ENC, TABLE, SOFTMAX; GRAPH of AGGREGATE */
	BNN_SLOT_PARAM,	 /* word 16: parameters; IN of GATEFOLD */
	BNN_SLOT_OUTP,	 /* word 18: OUTP; OUT of the commands that have one */
	BNN_SLOT_OUTS,	 /* word 21 */
	BNN_SLOT_RES1,	 /* word 24 */
	BNN_SLOT_RES2,	 /* word 27 */
	BNN_SLOT_SUM,	 /* word 30 */
	BNN_SLOTS
};

extern const uint8_t bnn_slot_word[BNN_SLOTS];

#define BNN_NO_VALUE (-1)

/*
 * Of a reference the words hold the format only (that of the value); offset,
 * region, pitch and pixel pitch are 0. The shape of a tensor is what the command
 * says, and the value has the same, with two exceptions:
 *  - a view: both are without gaps and have as many elements (a value of 4x4x64
 *    read as 1x1x1024). So take pitches from bnn_slot_describe(), not from the value;
 *  - a vector (ENC IN, TABLE, GATE, PARAM, SUM, GRAPH) may name an element-packed tensor
 *    without gaps, weights a tensor that lies like them (bnn_slot_fits()).
 * A value may be written more than once; OUTS in place: same value as RES1, RES2
 * or IN where docs/arithmetic.md section 8 allows it.
 */
struct bnn_node {
	char *name;
	uint32_t words[BNN_COMMAND_BYTES / 4];
	int32_t ref[BNN_SLOTS]; /* value index or BNN_NO_VALUE */
};

/* How bytes of an image are ordered in the INPUT value. */
enum bnn_image_order {
	BNN_IMAGE_HWC,
	BNN_IMAGE_PLANAR, /* [colour][y][x], as CIFAR-10 records */
};

/* How the OUTPUT value is shown. */
enum bnn_output_kind {
	BNN_OUTPUT_INT,	  /* one integer column per element: <name>0, <name>1, ... */
	BNN_OUTPUT_BITS,  /* one column <name>: a string of 0 and 1, element 0 first */
	BNN_OUTPUT_FLOAT, /* one column per element: code * 2^-f, six decimals */
};

enum bnn_class_rule {
	BNN_CLASS_ARGMAX,   /* first maximum */
	BNN_CLASS_HIGH_BIT, /* highest element that is 1 (of bits: set), else 0 */
};

/* Where the integers come from, as far as known; executors do not look at it. */
struct bnn_origin {
	uint64_t parameters; /* of the trained network; 0: unknown */
	uint32_t images;     /* that formats were calibrated with; 0: formats from bounds */
	uint32_t headroom;   /* over the largest value seen, in thousandths */
};

struct bnn_net {
	char *name;
	char *description; /* one line: origin, licence */
	struct bnn_origin origin;

	struct {
		int32_t value; /* index of the INPUT value */
		uint32_t h, w, c;
		enum bnn_image_order order;
	} input;

	struct {
		int32_t value; /* index of the OUTPUT value */
		enum bnn_output_kind kind;
		enum bnn_class_rule rule;
		uint32_t count; /* elements shown, at most c of the value */
		char *column;	/* column name or prefix */
		char **labels;	/* count class names, or NULL */
	} output;

	struct bnn_value *values;
	size_t value_count;
	struct bnn_node *nodes; /* in program order */
	size_t node_count;
};

/* Geometry (docs/arithmetic.md, section 2) of a tensor with natural pixels. */
uint32_t bnn_format_planes(unsigned int format); /* 1 for element-packed */
uint32_t bnn_format_bits(unsigned int format);	 /* per packed element; 1 for planes */
bool bnn_format_is_planes(unsigned int format);
uint64_t bnn_tensor_pixel(unsigned int format, uint32_t c);
uint64_t bnn_tensor_pitch(unsigned int format, uint32_t w, uint32_t c); /* multiple of 16 */
uint64_t bnn_tensor_plane(unsigned int format, uint32_t h, uint32_t w, uint32_t c);
uint64_t bnn_tensor_bytes(unsigned int format, uint32_t h, uint32_t w, uint32_t c);

/* Largest height or width of a value: a residual with WIN may be twice BNN_SIZE_MAX. */
#define BNN_VALUE_SIZE_MAX (2 * BNN_SIZE_MAX)
/* Bounds of a value and of all together: offsets and addresses have 32 bits. */
#define BNN_VALUE_BYTES_MAX (1ull << 31)
#define BNN_NET_BYTES_MAX (1ull << 32)

enum bnn_kind { BNN_KIND_ODD, BNN_KIND_UNSIGNED, BNN_KIND_SIGNED };

bool bnn_format_known(unsigned int format);	/* and not NONE */
uint32_t bnn_format_width(unsigned int format); /* bits of a code */
enum bnn_kind bnn_format_kind(unsigned int format);

/* Bytes of the stored weights of a CONV (section 3). */
uint64_t bnn_weight_bytes(const uint32_t *conv_words);

/* Values of MODE and WMODE fields. */
enum { BNN_ENC_VALUE, BNN_ENC_THERMO, BNN_ENC_BITS };
enum { BNN_POOL_AVG, BNN_POOL_MAX, BNN_POOL_MIN };
enum { BNN_AGGREGATE_SUM, BNN_AGGREGATE_MEAN, BNN_AGGREGATE_MAX };
enum { BNN_WMODE_DENSE, BNN_WMODE_TILED, BNN_WMODE_TILED_FLAT, BNN_WMODE_CODEBOOK };

uint32_t bnn_wformat_bits(unsigned int wformat);
uint64_t bnn_weight_rows(const uint32_t *conv_words);		  /* stored rows */
uint64_t bnn_weight_tap_bits(const uint32_t *conv_words);	  /* of a row, padding included */
uint64_t bnn_weight_row_bytes(const uint32_t *conv_words);	  /* padding included */
uint64_t bnn_weight_codebook_indices(const uint32_t *conv_words); /* their byte offset */
uint64_t bnn_weight_count(const uint32_t *conv_words);		  /* weights as used */
uint64_t bnn_weight_stored_bits(const uint32_t *conv_words);	  /* without padding */

/*
 * Whether a command runs on the host: docs/arithmetic.md section 12. The CPU engine
 * knows such commands, a device reports BAD_OPCODE.
 */
bool bnn_command_is_host(const uint32_t *words);

/* OH and OW of CONV, POOL (0: no window fits) and AGGREGATE, else H and W. */
void bnn_command_output(const uint32_t *words, uint32_t *oh, uint32_t *ow);
bool bnn_command_needs_param(const uint32_t *words); /* section 5 */

enum bnn_slot_kind { BNN_SLOT_UNUSED, BNN_SLOT_TENSOR, BNN_SLOT_VECTOR };

/* What a command does with a reference. Of words that a check has accepted. */
struct bnn_slot_info {
	enum bnn_slot_kind kind;
	bool write;
	uint8_t format;	  /* TENSOR */
	uint32_t h, w, c; /* TENSOR: as the command sees it */
	uint64_t bytes;	  /* TENSOR: bnn_tensor_bytes(); VECTOR: its length */
};
void bnn_slot_describe(const uint32_t *words, enum bnn_slot slot, struct bnn_slot_info *info);
/* Bytes before the weights of an AGGREGATE's graph: row starts and columns. */
uint64_t bnn_graph_bytes(const uint32_t *aggregate_words);
/* Whether a value can be named in a slot (its size, shape, layout; not its role). */
bool bnn_slot_fits(const uint32_t *words, enum bnn_slot slot, const struct bnn_slot_info *info,
		   const struct bnn_value *value);

/*
 * Building: both return the new index or a negative BNNACCEL_ERR_* code. Names
 * are copied; `data` (malloc'd) is taken over, also on error.
 */
struct bnn_net *bnn_net_new(const char *name);
void bnn_net_free(struct bnn_net *net);
int bnn_net_add_value(struct bnn_net *net, const struct bnn_value *value);
int bnn_net_add_node(struct bnn_net *net, const struct bnn_node *node);

struct bnn_error;

/*
 * Checks the words of a node alone: opcode, fields, rules, formats. Returns NULL or
 * a sentence about what is wrong, which stays valid until the next call in `buf`.
 */
const char *bnn_command_check(const uint32_t *words, char *buf, size_t len);

/*
 * Checks everything: fields and rules as docs/arithmetic.md section 8, shapes of
 * values against the commands, roles, every TEMP and OUTPUT written before it is
 * read, sizes. Returns 0 or a negative code with a text that names the node.
 */
int bnn_net_check(const struct bnn_net *net, struct bnn_error *error);

/* .bnn files (docs/file-format.md). Hostile input is refused with a clear text. */
int bnn_file_write(const struct bnn_net *net, const char *path, struct bnn_error *error);
int bnn_file_read(const char *path, struct bnn_net **net, struct bnn_error *error);
int bnn_file_parse(const void *data, size_t len, struct bnn_net **net, struct bnn_error *error);

#endif /* BNN_NET_H */
