/* SPDX-License-Identifier: MIT */
/**
 * @file graph.h
 * Builds a network from trained floating-point parameters.
 *
 * A graph is written down in real numbers, as papers do: each operator takes
 * tensors and returns the id of a new one. bnnaccel_graph_build() then fuses it
 * into the device's commands, chooses binary points, turns thresholds into exact
 * integer compares, and gives a model (docs/networks.md says how).
 *
 *     struct bnnaccel_conv conv = { .outputs = 64, .kernel_h = 3, .kernel_w = 3,
 *                                   .weights = w, .kind = BNNACCEL_WEIGHTS_SIGN };
 *     int x = bnnaccel_graph_image(g, 32, 32, 3, 1);
 *     x = bnnaccel_graph_encode(g, x, &encoding);
 *     x = bnnaccel_graph_conv(g, x, &conv);
 *     x = bnnaccel_graph_affine(g, x, bn_scale, bn_offset);
 *     x = bnnaccel_graph_sign(g, x, NULL);
 *     ...
 *     bnnaccel_graph_output(g, x, &output);
 *     bnnaccel_graph_build(ctx, g, NULL, &model);
 *
 * An operator takes tensors that exist, so a graph has no cycles. Ids are at least 0.
 * An operator that fails returns a negative enum
 * bnnaccel_error; given a negative id, an operator returns that id and does
 * nothing else. So a network may be written without a check in between: the first
 * mistake is what bnnaccel_graph_error() and bnnaccel_graph_build() report.
 *
 * Tensors are images (bytes), codes (small integers times one unit: what
 * convolutions read) or real. Shapes are rows h, columns w, channels c; batches do
 * not appear. Arrays of parameters are copied; "[c]" is one value per channel. A
 * NaN or an infinity is refused with the array and the index.
 *
 * sign(0) is +1, an odd code never is 0, a tap outside the image contributes 0
 * unless pad_value says otherwise.
 */
#ifndef BNNACCEL_GRAPH_H
#define BNNACCEL_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "bnnaccel.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

struct bnnaccel_graph;

/**
 * Starts a graph. @param name becomes the model's name.
 * @param graph receives it; free it with bnnaccel_graph_free(), also after a build.
 */
int bnnaccel_graph_new(const char *name, struct bnnaccel_graph **graph);

/** Frees a graph; models built from it stay valid. NULL is allowed. */
void bnnaccel_graph_free(struct bnnaccel_graph *graph);

/** One line of origin and licence, shown by `bnnaccel inspect`. */
int bnnaccel_graph_describe(struct bnnaccel_graph *graph, const char *text);

/** The first mistake in this graph as a sentence; "" if there was none. */
const char *bnnaccel_graph_error(const struct bnnaccel_graph *graph);

/** Names a tensor in errors, reports and the model. Returns @p tensor. */
int bnnaccel_graph_name(struct bnnaccel_graph *graph, int tensor, const char *name);

/** The image: h*w*c bytes, [y][x][colour], or [colour][y][x] with @p planar. Once per graph. */
int bnnaccel_graph_image(struct bnnaccel_graph *graph, uint32_t h, uint32_t w, uint32_t c,
			 int planar);

/** An image as one pixel of h*w*c channels, in the order of its bytes (for dense networks). */
int bnnaccel_graph_flatten(struct bnnaccel_graph *graph, int image);

/** Kinds of codes. Largest code: 1; 3, 15, 255; 15, 255; 7, 127, 32767. */
enum bnnaccel_codes {
	BNNACCEL_CODES_SIGN, /**< +1, -1 */
	BNNACCEL_CODES_ODD2, /**< -3, -1, 1, 3 (FracBNN's 2-bit activations) */
	BNNACCEL_CODES_ODD4,
	BNNACCEL_CODES_ODD8,
	BNNACCEL_CODES_UNSIGNED4, /**< 0 to 15 */
	BNNACCEL_CODES_UNSIGNED8,
	BNNACCEL_CODES_SIGNED4, /**< -8 to 7 */
	BNNACCEL_CODES_SIGNED8,
	BNNACCEL_CODES_SIGNED16,
};

/** What the table of an encoding holds. */
enum bnnaccel_encoding_mode {
	BNNACCEL_ENCODE_VALUE,	     /**< the table gives the code (two's complement), c channels */
	BNNACCEL_ENCODE_THERMOMETER, /**< channel levels*colour + b is +1 where b < table, else -1
				      */
	BNNACCEL_ENCODE_BITS, /**< channel 8*colour + b is +1 where bit b of the table is set */
};

/** How bytes become codes: everything about an input that rounds is decided in the table. */
struct bnnaccel_encoding {
	enum bnnaccel_encoding_mode mode; /**< what the table holds */
	enum bnnaccel_codes codes;	  /**< of VALUE; the others give SIGN */
	const uint8_t *table;		  /**< 256 bytes, or 256 per colour */
	uint32_t tables;		  /**< 1 or the number of colours; 0 = 1 */
	uint32_t levels;		  /**< of THERMOMETER, 1 to 255 */
	float unit;			  /**< real value of code 1; 0 = 1 */
};

/** Image to codes. */
int bnnaccel_graph_encode(struct bnnaccel_graph *graph, int image,
			  const struct bnnaccel_encoding *encoding);

/** What the array of weights holds. */
enum bnnaccel_weights_kind {
	BNNACCEL_WEIGHTS_SIGN,	/**< float: +1 where >= 0, else -1 */
	BNNACCEL_WEIGHTS_BITS,	/**< packed bits, least significant first, 1 = +1, rows of row_bytes
				 */
	BNNACCEL_WEIGHTS_TILED, /**< packed bits of one tile, outputs*K/tile of them, without gaps
				   (TBN) */
	BNNACCEL_WEIGHTS_INT8,	/**< int8 codes; the smallest format that holds all of them is used
				 */
	BNNACCEL_WEIGHTS_FLOAT, /**< float, rounded to 8 bits with one scale per output channel */
	BNNACCEL_WEIGHTS_ODD,	/**< int16 odd codes of -255 to 255, each a sum of +-1 times 2^i
				   (arXiv 2106.09886); the smallest format that holds all is used */
	BNNACCEL_WEIGHTS_CODEBOOK, /**< uint16 indices of kernels, [output][channel of the group],
				      into a codebook of +-1 kernels (arXiv 2110.09195) */
};

/** How weights are ordered. */
enum bnnaccel_weights_order {
	BNNACCEL_OHWI, /**< [output][ky][kx][channel of the group] */
	BNNACCEL_OIHW, /**< [output][channel of the group][ky][kx], as PyTorch; not for packed bits
			  and indices */
};

/**
 * A convolution (correlation: tap (ky, kx) of output (y, x) reads row
 * y*stride_h + ky*dilation_h - pad_top). Zero means the default given.
 *
 * With @p gates it is FracBNN's precision-gated convolution (arXiv 2012.12206,
 * section 3): the input must be ODD2, the weights +-1. With H and L the
 * convolutions of the high and the low bits, the result is 2*u*H where
 * 2*u*H <= gates[output], else u*(2*H + L), u being the input's unit.
 */
struct bnnaccel_conv {
	uint32_t outputs;    /**< output channels, 1 to 8192 */
	uint32_t kernel_h;   /**< rows, 1 to 7; ignored by bnnaccel_graph_dense() */
	uint32_t kernel_w;   /**< columns, likewise */
	uint32_t stride_h;   /**< rows from window to window, 1 to 4, default 1 */
	uint32_t stride_w;   /**< columns, likewise */
	uint32_t dilation_h; /**< rows from tap to tap, 1 to 4, default 1 */
	uint32_t dilation_w; /**< columns, likewise */
	uint32_t pad_top;    /**< rows before the first, less than the (dilated) kernel */
	uint32_t pad_left;   /**< columns before the first, likewise */
	uint32_t pad_bottom; /**< rows behind the last */
	uint32_t pad_right;  /**< columns behind the last */
	int pad_value;	     /**< code outside the image: 0 (nothing), +1 or -1 */
	uint32_t groups;     /**< default 1 */
	enum bnnaccel_weights_kind kind;   /**< what @p weights holds */
	enum bnnaccel_weights_order order; /**< and in which order */
	const void *weights;		   /**< of the type that @p kind says */
	size_t row_bytes; /**< of BITS; default: the bits of a row, rounded up to bytes */
	/**
	 * Of TILED: p, how often the tile is repeated. Where it does not consist of whole
	 * output channels, one scale per tile would change inside a channel: then `scales`
	 * may be 1, 0 or `outputs` only.
	 */
	uint32_t tile;
	const uint64_t *codebook; /**< of CODEBOOK: 2^index_bits kernels, bit ky*kernel_w + kx */
	uint32_t index_bits;	  /**< of CODEBOOK: 1 to 9 */
	const float *scale;	  /**< multiplies the result; NULL = 1 */
	uint32_t scales; /**< divides outputs: channel r takes scale[r*scales/outputs]; 0 = one per
			    output */
	/**
	 * Of INT8 weights of -1, 0 and 1: the scale of the -1, while `scale` is that of the
	 * +1 (ternary weights with two scales per layer or channel). Costs a second
	 * convolution: p*P - n*N = (p + n)/2*(P - N) + (p - n)/2*(P + N). NULL: as `scale`.
	 */
	const float *scale_negative;
	const float *bias;  /**< [outputs], added after the scale; NULL = 0 */
	const float *gates; /**< [outputs], or NULL: not gated */
};

/**
 * Convolution of codes, or of a real tensor, which is then rounded to 16 bits.
 * Gives a real tensor. Of a real tensor, more than 511 weights of 8 bits per output
 * (257 odd ones) are parted into two convolutions with 4 bits each, exactly, up to 4369;
 * beyond these, and where other sums could exceed 32 bits, the build fails.
 */
int bnnaccel_graph_conv(struct bnnaccel_graph *graph, int in, const struct bnnaccel_conv *conv);

/** As bnnaccel_graph_conv() with a kernel as large as the input (at most 7x7): one pixel out. */
int bnnaccel_graph_dense(struct bnnaccel_graph *graph, int in, const struct bnnaccel_conv *conv);

/** scale[c]*x + offset[c], a folded batch norm; NULL means 1 or 0. */
int bnnaccel_graph_affine(struct bnnaccel_graph *graph, int in, const float *scale,
			  const float *offset);

/** x >= 0 ? above[c]*x : below[c]*x; NULL means 1. PReLU: above NULL. */
int bnnaccel_graph_bend(struct bnnaccel_graph *graph, int in, const float *below,
			const float *above);

/** max(x, 0). */
int bnnaccel_graph_relu(struct bnnaccel_graph *graph, int in);

/** RPReLU: PReLU(x + shift_x[c], slope[c]) + shift_y[c] (FracBNN; A&B BNN with slopes 2^k). */
int bnnaccel_graph_rprelu(struct bnnaccel_graph *graph, int in, const float *shift_x,
			  const float *slope, const float *shift_y);

/** DPReLU: (u >= 0 ? above : below)[c]*u - shift_y[c] with u = x - shift_x[c] (arXiv 2112.00133).
 */
int bnnaccel_graph_dprelu(struct bnnaccel_graph *graph, int in, const float *shift_x,
			  const float *below, const float *above, const float *shift_y);

/** How a shortcut is brought to the shape of what it is added to. */
enum bnnaccel_add_flags {
	BNNACCEL_ADD_AVG2X2 = 1, /**< b is twice as high and wide: its 2x2 averages are added */
	BNNACCEL_ADD_ZERO =
		2, /**< b has fewer channels: missing ones are 0 (else: b is repeated) */
};

/**
 * a + b, the shortcut b of c' channels mapped to those of a as @p flags (bits) say. b is
 * real, or codes of ODD4, UNSIGNED8 or SIGNED8, added as their real values (FracBNN for
 * ImageNet has shortcuts of 4 bits, arXiv 2012.12206).
 */
int bnnaccel_graph_add(struct bnnaccel_graph *graph, int a, int b, unsigned int flags);

/** What becomes of a window. */
enum bnnaccel_pool_mode {
	BNNACCEL_POOL_AVG, /**< real tensors, and codes of 8 bits; what lies outside counts as 0 */
	BNNACCEL_POOL_MAX, /**< of signs: OR */
	BNNACCEL_POOL_MIN, /**< of signs: AND */
};

/** A pooling window; zero means the default given. */
struct bnnaccel_pool {
	enum bnnaccel_pool_mode mode; /**< what becomes of a window */
	uint32_t kernel_h;	      /**< rows, 1 to 64 */
	uint32_t kernel_w;	      /**< columns, likewise */
	uint32_t stride_h;   /**< rows from window to window, 1 to 64, default: the kernel */
	uint32_t stride_w;   /**< columns, likewise */
	uint32_t pad_top;    /**< rows before the first, less than the (dilated) kernel */
	uint32_t pad_left;   /**< columns before the first, likewise */
	uint32_t pad_bottom; /**< rows behind the last */
	uint32_t pad_right;  /**< columns behind the last */
	uint32_t group;	     /**< consecutive channels pooled into one, default 1 */
	uint32_t divisor;    /**< of AVG, default kernel_h*kernel_w*group */
};

/**
 * Pools signs (MAX, MIN), a real tensor, which is then rounded to 16 bits, or codes of
 * UNSIGNED8 or SIGNED8 (AVG): the nearest code of the same unit, ties up.
 */
int bnnaccel_graph_pool(struct bnnaccel_graph *graph, int in, const struct bnnaccel_pool *pool);

/** Mean over all pixels: one pixel of c channels, from exact sums. */
int bnnaccel_graph_mean(struct bnnaccel_graph *graph, int in);

/** +1 where x >= threshold[c], else -1; NULL means 0. */
int bnnaccel_graph_sign(struct bnnaccel_graph *graph, int in, const float *threshold);

/**
 * Nearest code of a real tensor, the largest code standing for @p range: ODD2 with
 * range 1 has the values -1, -1/3, 1/3, 1. Ties go up. Not for SIGN.
 */
int bnnaccel_graph_quantise(struct bnnaccel_graph *graph, int in, enum bnnaccel_codes codes,
			    float range);

/**
 * min(floor(x * 16/range), 15), and alike for 8 bits, of a tensor that is not negative: the
 * largest code not above x. For the two UNSIGNED kinds.
 */
int bnnaccel_graph_quantise_down(struct bnnaccel_graph *graph, int in, enum bnnaccel_codes codes,
				 float range);

/** min(max(x, low), high). */
int bnnaccel_graph_clip(struct bnnaccel_graph *graph, int in, float low, float high);

/**
 * Squeeze-and-excite: x[c] times the hard sigmoid min(max(gate[c] + 3, 0), 6)/6 of a tensor
 * of one pixel.
 */
int bnnaccel_graph_gate(struct bnnaccel_graph *graph, int in, int gate);

/**
 * Channels of a tensor in another order, or some of them: channel i of the result is
 * channel channels[i] of the input. Costs a convolution with ternary weights.
 */
int bnnaccel_graph_select(struct bnnaccel_graph *graph, int in, const uint32_t *channels,
			  uint32_t count);

/** Channel shuffle: channel g*n + i becomes i*groups + g (c = groups*n; ShuffleNet). */
int bnnaccel_graph_shuffle(struct bnnaccel_graph *graph, int in, uint32_t groups);

/** The channels of a, then those of b: two real tensors of the same size. */
int bnnaccel_graph_concat(struct bnnaccel_graph *graph, int a, int b);

/**
 * Pixels and channels exchanged: h*w pixels of c channels become c pixels of h*w
 * channels, in @p rows rows (0 = 1), so that 1x1 convolutions mix pixels (MLP-Mixer).
 * More than one row only where rows of the result are multiples of 16 bytes.
 */
int bnnaccel_graph_transpose(struct bnnaccel_graph *graph, int in, uint32_t rows);

/**
 * Layer normalisation: scale[c]*(x - mean)/sqrt(variance + epsilon) + offset[c], mean
 * and variance over the channels of each pixel. NULL means 1 or 0. On the CPU.
 */
int bnnaccel_graph_layer_norm(struct bnnaccel_graph *graph, int in, const float *scale,
			      const float *offset, float epsilon);

/** Functions of one variable, from tables. On the CPU. */
enum bnnaccel_function {
	BNNACCEL_GELU, /**< x*Phi(x) */
	BNNACCEL_SILU, /**< x/(1 + exp(-x)), also called swish */
	BNNACCEL_SIGMOID,
	BNNACCEL_TANH,
};

/** A function of each value. */
int bnnaccel_graph_function(struct bnnaccel_graph *graph, int in, enum bnnaccel_function function);

/** bnnaccel_graph_function() with GELU. */
int bnnaccel_graph_gelu(struct bnnaccel_graph *graph, int in);

/** exp(x[c]) over their sum, for each pixel. On the CPU. */
int bnnaccel_graph_softmax(struct bnnaccel_graph *graph, int in);

/** What becomes of the nodes that edges bring. */
enum bnnaccel_aggregation {
	BNNACCEL_AGGREGATE_SUM,
	BNNACCEL_AGGREGATE_MEAN,
	BNNACCEL_AGGREGATE_MAX
};

/** Edges of a fixed graph whose nodes are pixels, row by row; compressed sparse rows. */
struct bnnaccel_edges {
	enum bnnaccel_aggregation mode; /**< what becomes of them */
	uint32_t h;		 /**< rows of nodes of the result; 0 = as many as there are */
	uint32_t w;		 /**< columns, likewise */
	const uint32_t *starts;	 /**< [h*w + 1]: edges starts[u] to starts[u + 1] - 1 lead to u */
	const uint32_t *sources; /**< [edges]: node that an edge comes from */
	const float *weights; /**< [edges], of SUM, rounded to 16 bits with one scale; NULL = 1 */
};

/**
 * Aggregation of a graph network: each node becomes the sum, the mean or the largest of
 * those that edges bring; 0 without edges. A binary graph layer (arXiv 2012.15823) is a 1x1
 * convolution, then this. On the CPU.
 */
int bnnaccel_graph_aggregate(struct bnnaccel_graph *graph, int in,
			     const struct bnnaccel_edges *edges);

/** Which class a result stands for. */
enum bnnaccel_class_rule {
	BNNACCEL_CLASS_FIRST_MAX, /**< the first largest value */
	BNNACCEL_CLASS_HIGH_BIT,  /**< the highest element that is set, else 0 */
};

/** How the last tensor is shown. */
struct bnnaccel_output {
	/** INT: real values rounded to integers. BITS: signs. FLOAT: real values. */
	enum bnnaccel_output_kind kind;
	enum bnnaccel_class_rule rule; /**< which class it stands for */
	uint32_t count;		       /**< elements shown, the first ones; 0 = all */
	uint32_t bits;		   /**< of real values: 16 or 32; 0 = 32 if 16 would be too few */
	const char *column;	   /**< column name or prefix, default "out" */
	const char *const *labels; /**< count class names, or NULL */
};

/** Declares the result, a tensor of one pixel. Once per graph. Returns 0. */
int bnnaccel_graph_output(struct bnnaccel_graph *graph, int in,
			  const struct bnnaccel_output *output);

/** Options of a build; zero means the default. */
struct bnnaccel_build_options {
	size_t size; /**< sizeof this structure */
	/**
	 * Images to calibrate binary points with. Without, they come from bounds that
	 * no input can exceed, which costs a few bits.
	 */
	const void *images;
	size_t image_stride; /**< bytes from image to image; 0 = without gaps */
	size_t image_count;  /**< how many */
	double headroom;     /**< room over the largest value seen, default 1.25 */
	unsigned int guard;  /**< bits below a stream's last one while adding, default 6 */
	/** If not NULL: receives a text about formats and losses; free() it. */
	char **report;
	/**
	 * Not 0: scales of convolutions whose weights are +1 and -1 are rounded to powers of
	 * two (nearest in the logarithm). Where no other factor joins them, as in A&B BNN,
	 * hidden layers then add and shift only.
	 */
	int pow2_scales;
};

/**
 * Lowers a graph to integers. @p options may be NULL. The graph stays usable.
 * @param model receives the model, owned by @p ctx as one loaded from a file
 */
int bnnaccel_graph_build(struct bnnaccel *ctx, struct bnnaccel_graph *graph,
			 const struct bnnaccel_build_options *options,
			 struct bnnaccel_model **model);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif /* BNNACCEL_GRAPH_H */
