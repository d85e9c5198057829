/* SPDX-License-Identifier: MIT */
/*
 * A small neutral graph between the readers of model files and the graph builder.
 *
 * A reader (ONNX today) appends what its file says, element by element; the
 * constructors recognise what the builder has an operator for: a compare that is made
 * +1 and -1 is a sign, floor(x*s + 1/2) between two bounds is a code, a choice between
 * two multiples of x is a bend, the sum of every k-th channel is a mean of channels.
 * bnn_ir_emit() then writes builder operators. A rewriting never rounds: the numbers
 * that reach the builder are those of the file.
 *
 * Tensors are numbered from 0; h, w, c as in the builder. Constructors return the
 * number of the result, or a negative enum bnnaccel_error with a text; given a
 * negative number they return it.
 */
#ifndef BNN_IR_H
#define BNN_IR_H

#include <stdbool.h>
#include <stdint.h>

#include "../error.h"
#include "bnnaccel/graph.h"

enum bnn_ir_kind {
	BNN_IR_IMAGE,  /* bytes 0 to 255 */
	BNN_IR_AFFINE, /* x*a + b, or x/a + b */
	BNN_IR_BEND,   /* x >= 0 ? b*x : a*x */
	BNN_IR_CLIP,
	BNN_IR_FLOOR,  /* of something that has become no code (yet) */
	BNN_IR_BINARY, /* x >= t ? hi : lo */
	BNN_IR_STEPS,  /* alpha*clamp(floor(x*scale + offset), first, last) + beta */
	BNN_IR_CONV,
	BNN_IR_ADD,
	BNN_IR_POOL,
	BNN_IR_MEAN,
	BNN_IR_GATE,   /* x times the hard sigmoid of in[1] */
	BNN_IR_EXTEND, /* more channels: repeated or zero */
	BNN_IR_PAD,    /* more rows and columns */
	BNN_IR_PART,   /* every step-th channel: sum of those in `mask` */
	BNN_IR_THERMOMETER,
	BNN_IR_BITPLANES,
	BNN_IR_TRANSPOSE, /* pixels and channels exchanged */
	BNN_IR_NORMALISE, /* over the channels of each pixel */
	BNN_IR_FUNCTION,
	BNN_IR_ERF, /* of something that has become no GELU (yet) */
};

/* One number for all channels (n = 1) or one for each (n = c). */
struct bnn_ir_param {
	double *v;
	uint32_t n;
};

enum bnn_ir_weights {
	BNN_IR_WEIGHTS_FLOAT, /* float, a form is chosen by their values */
	BNN_IR_WEIGHTS_CODES, /* int8 */
	BNN_IR_WEIGHTS_TILE,  /* packed bits, outputs*k/tile of them */
};

struct bnn_ir_conv {
	bool dense; /* the kernel is the input */
	uint32_t outputs, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
	uint32_t pad_top, pad_left, pad_bottom, pad_right, groups;
	int pad_value;
	enum bnn_ir_weights kind;
	enum bnnaccel_weights_order order;
	void *weights; /* malloc'd, taken over */
	uint32_t tile;
	float *scale, *bias, *gates; /* scales, outputs, outputs; or NULL; taken over */
	uint32_t scales;
};

struct bnn_ir_pool {
	bool max;
	uint32_t kernel_h, kernel_w, stride_h, stride_w;
	uint32_t pad_top, pad_left, pad_bottom, pad_right, group, divisor;
};

struct bnn_ir_node {
	enum bnn_ir_kind kind;
	int in[2]; /* -1: none */
	char *name;
	uint32_t h, w, c;
	uint32_t uses;	 /* readers that are alive */
	int id, flat_id; /* in the builder; -1 before */
	bool alive;
	struct bnn_ir_param a, b; /* AFFINE, NORMALISE; BEND: below, above; BINARY: a is t */
	bool divide;		  /* AFFINE */
	bool strict;		  /* BINARY: x > t */
	double lo, hi;		  /* CLIP, BINARY */
	struct {
		double scale, offset, first, last, alpha, beta;
		double bound; /* of a clip that was part of it, or 0 */
		bool clipped; /* the file clips, so it is meant to */
		int codes;    /* enum bnnaccel_codes, if the file says so; else -1 */
	} steps;
	union {
		struct bnn_ir_conv conv;
		struct bnn_ir_pool pool;
		bool planar;   /* IMAGE */
		float epsilon; /* NORMALISE */
		enum bnnaccel_function function;
		unsigned int flags; /* ADD */
		bool zero;	    /* EXTEND */
		struct {
			uint32_t top, left, bottom, right;
			double value;
		} pad;
		struct {
			uint32_t step;
			uint64_t mask; /* step is at most 64 */
		} part;
		struct {
			uint8_t *table; /* 256 per colour or 256 */
			uint32_t tables, levels;
		} thermo;
	};
};

/* What an import decided, for the report: a text that grows. */
struct bnn_notes {
	char *text;
	size_t len;
};
void bnn_note(struct bnn_notes *notes, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

struct bnn_ir {
	const char *path;   /* of the model, for errors */
	char where[200];    /* "node \"x\" (Conv)": what is being read */
	char label[80];	    /* name of the next tensor */
	uint64_t left;	    /* elements of parameters that may still be made */
	uint32_t nodes_max; /* at least 1 */
	struct bnn_notes *notes;
	struct bnn_error *error;
	struct bnn_ir_node *nodes;
	int count;
	int result; /* tensor, or -1 */
	char *column;
	char **labels; /* ends with NULL; or NULL */
	uint32_t label_count;
};

void bnn_ir_free(struct bnn_ir *ir);

/* The text becomes "PATH: WHERE: ..."; returns `code`. */
int bnn_ir_fail(struct bnn_ir *ir, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A copy of n numbers, or of one; NULL with an error. */
int bnn_ir_param(struct bnn_ir *ir, struct bnn_ir_param *p, const double *v, uint32_t n);
bool bnn_ir_is(struct bnn_ir_param p, double value); /* all of them */

int bnn_ir_image(struct bnn_ir *ir, uint32_t h, uint32_t w, uint32_t c, bool planar);
/* x*a + b, or x/a + b; v NULL: 1, 0. Parameters are copied; n is 1 or c. */
int bnn_ir_affine(struct bnn_ir *ir, int in, const double *a, uint32_t an, const double *b,
		  uint32_t bn, bool divide);
int bnn_ir_scalar(struct bnn_ir *ir, int in, double a, double b);
int bnn_ir_bend(struct bnn_ir *ir, int in, const double *below, uint32_t below_n,
		const double *above, uint32_t above_n);
int bnn_ir_clip(struct bnn_ir *ir, int in, double lo, double hi); /* either may be infinite */
int bnn_ir_floor(struct bnn_ir *ir, int in);
int bnn_ir_compare(struct bnn_ir *ir, int in, const double *t, uint32_t n, bool strict, double lo,
		   double hi);
/* condition ? yes : no; one of the two may be a constant instead (tensor -1, `value`) */
int bnn_ir_select(struct bnn_ir *ir, int condition, int yes, double yes_value, int no,
		  double no_value);
/* Takes over what `conv` points to, also on failure. */
int bnn_ir_conv(struct bnn_ir *ir, int in, const struct bnn_ir_conv *conv);
int bnn_ir_add(struct bnn_ir *ir, int a, int b);
int bnn_ir_multiply(struct bnn_ir *ir, int a, int b); /* a gate */
int bnn_ir_gate(struct bnn_ir *ir, int in, int gate);
int bnn_ir_pool(struct bnn_ir *ir, int in, const struct bnn_ir_pool *pool);
int bnn_ir_mean(struct bnn_ir *ir, int in);
int bnn_ir_extend(struct bnn_ir *ir, int in, uint32_t channels, bool zero);
int bnn_ir_pad(struct bnn_ir *ir, int in, uint32_t top, uint32_t left, uint32_t bottom,
	       uint32_t right, double value);
int bnn_ir_part(struct bnn_ir *ir, int in, uint32_t start, uint32_t step);
/* Codes of a kind, range and rounding that the file states; values are code*alpha. */
int bnn_ir_codes(struct bnn_ir *ir, int in, enum bnnaccel_codes codes, float range, bool down,
		 bool symmetric, bool real);
int bnn_ir_thermometer(struct bnn_ir *ir, int in, const uint8_t *table, uint32_t tables,
		       uint32_t levels);
int bnn_ir_bitplanes(struct bnn_ir *ir, int in);
/* Pixels as channels; the channels become pixels in `rows` rows. */
int bnn_ir_transpose(struct bnn_ir *ir, int in, uint32_t rows);
int bnn_ir_normalise(struct bnn_ir *ir, int in, const double *scale, uint32_t scales,
		     const double *offset, uint32_t offsets, float epsilon);
int bnn_ir_function(struct bnn_ir *ir, int in, enum bnnaccel_function function);
int bnn_ir_erf(struct bnn_ir *ir, int in);

/* Chooses forms and writes builder operators. */
int bnn_ir_emit(struct bnn_ir *ir, struct bnnaccel_graph *graph);

/* --- shared by ir*.c --- */
/* A node with two parameters of 1 or c numbers. */
int bnn_ir_affine_as(struct bnn_ir *ir, enum bnn_ir_kind kind, int in, const double *a, uint32_t an,
		     const double *b, uint32_t bn);
/* Whether x times g is a function of x. */
bool bnn_ir_product(struct bnn_ir *ir, int x, int g, int *result);
int bnn_ir_new(struct bnn_ir *ir, enum bnn_ir_kind kind, int in);
bool bnn_ir_is_image(const struct bnn_ir *ir, int in); /* element-wise of the image only */
/* Whether a dense layer sees this image as one pixel, in the order of its bytes. */
bool bnn_ir_is_flat(const struct bnn_ir *ir, int in);
void bnn_ir_simplify(struct bnn_ir *ir);

/* What a convolution reads: codes of the builder, and the real value of code 1. */
struct bnn_ir_source {
	int id;
	double factor; /* value = factor*code */
	double unit;   /* that the builder believes */
	bool signs, real;
};
int bnn_ir_encode(struct bnn_ir *ir, struct bnnaccel_graph *g, int in, bool flat);
/* The builder's kind and range of a STEPS node, and its factor; or an error. */
int bnn_ir_code_kind(struct bnn_ir *ir, int i, enum bnnaccel_codes *codes, float *range, bool *down,
		     double *factor);
int bnn_ir_source_of(struct bnn_ir *ir, struct bnnaccel_graph *g, int in, bool flat,
		     struct bnn_ir_source *source);
int bnn_ir_emit_conv(struct bnn_ir *ir, struct bnnaccel_graph *g, int i);
/* Parameters as the builder takes them: n or c floats; malloc'd. */
float *bnn_ir_floats(const struct bnn_ir_node *n, struct bnn_ir_param p, bool inverse, double sign);

#endif /* BNN_IR_H */
