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
	BNN_ROLE_INPUT,  /* bytes given per image */
	BNN_ROLE_OUTPUT, /* result per image */
	BNN_ROLE_TEMP,   /* produced and used inside */
	BNN_ROLE_CONST,  /* weights, parameter records, tables: `data` */
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
	uint8_t format;  /* BNN_FORMAT_* */
	int8_t f;        /* binary point of a stream: real = code * 2^-f */
	uint32_t h, w, c;
	uint64_t bytes;  /* size in memory; for tensors bnn_tensor_bytes() */
	uint8_t *data;   /* CONST only; owned */
};

/* Reference slots: the word of the command where the reference lies. */
enum bnn_slot {
	BNN_SLOT_IN,     /* word 11: input; GATE of GATEFOLD */
	BNN_SLOT_WEIGHT, /* word 14: weights; TABLE of ENC */
	BNN_SLOT_PARAM,  /* word 16: parameters; IN of GATEFOLD */
	BNN_SLOT_OUTP,   /* word 18: OUTP; OUT of ENC, POOL, TRANSPOSE, GATEFOLD */
	BNN_SLOT_OUTS,   /* word 21 */
	BNN_SLOT_RES1,   /* word 24 */
	BNN_SLOT_RES2,   /* word 27 */
	BNN_SLOT_SUM,    /* word 30 */
	BNN_SLOTS
};

extern const uint8_t bnn_slot_word[BNN_SLOTS];

#define BNN_NO_VALUE (-1)

struct bnn_node {
	char *name;
	uint32_t words[BNN_COMMAND_BYTES / 4]; /* references 0 */
	int32_t ref[BNN_SLOTS];                /* value index or BNN_NO_VALUE */
};

/* How bytes of an image are ordered in the INPUT value. */
enum bnn_image_order {
	BNN_IMAGE_HWC,
	BNN_IMAGE_PLANAR, /* [colour][y][x], as CIFAR-10 records */
};

/* How the OUTPUT value is shown. */
enum bnn_output_kind {
	BNN_OUTPUT_INT,   /* one integer column per element: <name>0, <name>1, ... */
	BNN_OUTPUT_BITS,  /* one column <name>: a string of 0 and 1, element 0 first */
	BNN_OUTPUT_FLOAT, /* one column per element: code * 2^-f, six decimals */
};

enum bnn_class_rule {
	BNN_CLASS_ARGMAX,   /* first maximum */
	BNN_CLASS_HIGH_BIT, /* highest element that is 1 (of bits: set), else 0 */
};

struct bnn_net {
	char *name;
	char *description; /* one line: origin, licence */

	struct {
		int32_t value; /* index of the INPUT value */
		uint32_t h, w, c;
		enum bnn_image_order order;
	} input;

	struct {
		int32_t value; /* index of the OUTPUT value */
		enum bnn_output_kind kind;
		enum bnn_class_rule rule;
		uint32_t count;   /* elements shown, at most c of the value */
		char *column;     /* column name or prefix */
		char **labels;    /* count class names, or NULL */
	} output;

	struct bnn_value *values;
	size_t value_count;
	struct bnn_node *nodes; /* in program order */
	size_t node_count;
};

/* Geometry (docs/arithmetic.md, section 2) of a tensor with natural pixels. */
uint32_t bnn_format_planes(unsigned int format); /* 1 for element-packed */
uint32_t bnn_format_bits(unsigned int format);   /* per packed element; 1 for planes */
bool bnn_format_is_planes(unsigned int format);
uint64_t bnn_tensor_pixel(unsigned int format, uint32_t c);
uint64_t bnn_tensor_pitch(unsigned int format, uint32_t w, uint32_t c); /* multiple of 16 */
uint64_t bnn_tensor_plane(unsigned int format, uint32_t h, uint32_t w, uint32_t c);
uint64_t bnn_tensor_bytes(unsigned int format, uint32_t h, uint32_t w, uint32_t c);

/* Bytes of the stored weights of a CONV (section 3), 0 on overflow. */
uint64_t bnn_weight_bytes(const uint32_t *conv_words);

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
