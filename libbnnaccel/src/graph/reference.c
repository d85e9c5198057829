// SPDX-License-Identifier: MIT
/*
 * The graph in floating point, operator by operator: what calibration looks at,
 * and what the lowered network is compared with. Sums of codes are exact.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "pack.h"

static void encode(const struct bnnaccel_graph *g, const struct bnn_op *op, const double *in,
		   double *out)
{
	const struct bnn_op *x = &g->ops[op->in[0]];
	uint32_t levels = op->encode.mode == BNNACCEL_ENCODE_VALUE ? 1 : op->encode.levels;
	size_t n = (size_t)x->h * x->w * x->c;
	bool is_signed = op->codes == BNNACCEL_CODES_SIGNED4 || op->codes == BNNACCEL_CODES_SIGNED8;
	unsigned int bits = bnn_codes_bits(op->codes);

	for (size_t i = 0; i < n; i++) {
		const uint8_t *table = op->encode.table + (op->encode.shared ? 0 : i % x->c * 256);
		unsigned int t = table[(unsigned int)in[i]];

		if (op->encode.mode == BNNACCEL_ENCODE_VALUE) {
			t &= (1u << bits) - 1;
			if (op->codes <= BNNACCEL_CODES_ODD8)
				out[i] = 2.0 * t - ((1 << bits) - 1);
			else
				out[i] = (double)t - (is_signed && t >> (bits - 1) ? 1 << bits : 0);
			continue;
		}
		for (uint32_t b = 0; b < levels; b++) {
			bool set = op->encode.mode == BNNACCEL_ENCODE_BITS ? t >> b & 1 : b < t;

			out[i * levels + b] = set ? 1 : -1;
		}
	}
}

/* Eight sums at a time, the compiler's vectors; n is a multiple of 8. */
static void accumulate(float *restrict acc, const float *restrict w, float a, uint32_t n)
{
	typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));

	for (uint32_t i = 0; i < n; i += 8) {
		*(v4 *)(acc + i) += *(const v4 *)(w + i) * a;
		*(v4 *)(acc + i + 4) += *(const v4 *)(w + i + 4) * a;
	}
}

/* Sums of one group with codes of one kind (plane: 0 all, 1 high bit, 2 low bit of ODD2). */
struct sums {
	const struct bnn_op *op, *x;
	const double *in;
	float *w;   /* [tap][channel][output, padded to 8] */
	float *acc; /* outputs, padded to 8 */
	uint32_t outputs, padded, channels;
};

static double plane_of(double code, int plane)
{
	double high = code > 0 ? 1 : -1;

	return plane == 0 ? code : plane == 1 ? high : code - 2 * high;
}

static void sum_pixel(struct sums *s, uint32_t group, uint32_t y, uint32_t x, int plane)
{
	const struct bnn_conv_op *c = &s->op->conv;

	memset(s->acc, 0, s->padded * sizeof(float));
	for (uint32_t t = 0; t < c->kh * c->kw; t++) {
		int64_t iy = (int64_t)y * c->sh + t / c->kw * c->dh - c->pad_t;
		int64_t ix = (int64_t)x * c->sw + t % c->kw * c->dw - c->pad_l;
		bool inside = iy >= 0 && iy < s->x->h && ix >= 0 && ix < s->x->w;
		const double *pixel =
			s->in + ((size_t)iy * s->x->w + ix) * s->x->c + group * s->channels;

		if (!inside && !c->pad_mode)
			continue;
		for (uint32_t i = 0; i < s->channels; i++) {
			double v = inside ? plane_of(pixel[i], plane) : c->pad_mode == 1 ? 1 : -1;

			accumulate(s->acc, s->w + ((size_t)t * s->channels + i) * s->padded,
				   (float)v, s->padded);
		}
	}
}

static int conv_codes(const struct bnnaccel_graph *g, const struct bnn_op *op, const double *in,
		      double *out)
{
	const struct bnn_conv_op *c = &op->conv;
	const struct bnn_op *x = &g->ops[op->in[0]];
	struct sums s = { .op = op,
			  .x = x,
			  .in = in,
			  .outputs = op->c / c->groups,
			  .channels = x->c / c->groups };
	int64_t *first = c->gates ? malloc(op->c * sizeof(*first)) : NULL;
	double unit = x->unit.num / x->unit.den;

	s.padded = (s.outputs + 7) / 8 * 8;
	s.w = malloc((size_t)c->k * s.padded * sizeof(float));
	s.acc = malloc(s.padded * sizeof(float));
	if (!s.w || !s.acc || (c->gates && !first)) {
		free(s.w);
		free(s.acc);
		free(first);
		return BNNACCEL_ERR_MEMORY;
	}
	for (uint32_t o = 0; first && o < op->c; o++)
		first[o] = bnn_gate_first(op, &x->unit, o);
	for (uint32_t group = 0; group < c->groups; group++) {
		memset(s.w, 0, (size_t)c->k * s.padded * sizeof(float));
		for (uint32_t o = 0; o < s.outputs; o++) {
			for (uint32_t j = 0; j < c->k; j++)
				s.w[(size_t)j * s.padded + o] =
					c->w[(size_t)(group * s.outputs + o) * c->k + j];
		}
		for (size_t p = 0; p < (size_t)op->h * op->w; p++) {
			double *pixel = out + p * op->c + group * s.outputs;

			sum_pixel(&s, group, (uint32_t)(p / op->w), (uint32_t)(p % op->w),
				  first ? 1 : 0);
			for (uint32_t o = 0; o < s.outputs; o++)
				pixel[o] = (double)s.acc[o];
			if (first) {
				sum_pixel(&s, group, (uint32_t)(p / op->w), (uint32_t)(p % op->w),
					  2);
				for (uint32_t o = 0; o < s.outputs; o++)
					pixel[o] = 2 * pixel[o] +
						   (pixel[o] >= first[group * s.outputs + o]
							    ? (double)s.acc[o]
							    : 0);
			}
			for (uint32_t o = 0; o < s.outputs; o++) {
				uint32_t oc = group * s.outputs + o;

				pixel[o] = pixel[o] * unit * c->scale[oc] + c->bias[oc];
			}
		}
	}
	free(s.w);
	free(s.acc);
	free(first);
	return 0;
}

/* Whether single precision holds every sum of codes. */
static bool sums_fit(const struct bnnaccel_graph *g, const struct bnn_op *op)
{
	uint64_t abs = (uint64_t)bnn_codes_abs(g->ops[op->in[0]].codes);

	return bnn_weights_norm(op) * abs <= 1 << 24;
}

static void conv_real(const struct bnnaccel_graph *g, const struct bnn_op *op, const double *in,
		      double *out)
{
	const struct bnn_conv_op *c = &op->conv;
	const struct bnn_op *x = &g->ops[op->in[0]];
	uint32_t channels = x->c / c->groups;
	double unit = x->domain == BNN_DOMAIN_CODES ? x->unit.num / x->unit.den : 1;

	for (size_t p = 0; p < (size_t)op->h * op->w; p++) {
		for (uint32_t o = 0; o < op->c; o++) {
			const int16_t *w = c->w + (size_t)o * c->k;
			uint32_t base = o / (op->c / c->groups) * channels;
			double acc = 0;

			for (uint32_t t = 0; t < c->kh * c->kw; t++) {
				int64_t iy =
					(int64_t)(p / op->w) * c->sh + t / c->kw * c->dh - c->pad_t;
				int64_t ix =
					(int64_t)(p % op->w) * c->sw + t % c->kw * c->dw - c->pad_l;
				bool inside = iy >= 0 && iy < x->h && ix >= 0 && ix < x->w;
				const double *pixel = in + ((size_t)iy * x->w + ix) * x->c + base;

				if (!inside && !c->pad_mode)
					continue;
				for (uint32_t i = 0; i < channels; i++)
					acc += w[t * channels + i] * (inside		 ? pixel[i]
								      : c->pad_mode == 1 ? 1
											 : -1);
			}
			out[p * op->c + o] = acc * unit * c->scale[o] + c->bias[o];
		}
	}
}

static void add(const struct bnnaccel_graph *g, const struct bnn_op *op, const double *a,
		const double *b, double *out)
{
	const struct bnn_op *y = &g->ops[op->in[1]];
	bool win = op->add_flags & BNNACCEL_ADD_AVG2X2;
	double unit = y->domain == BNN_DOMAIN_CODES ? y->unit.num / y->unit.den : 1;

	for (size_t p = 0; p < (size_t)op->h * op->w; p++) {
		size_t row = p / op->w << win, column = p % op->w << win;
		const double *q = b + (row * y->w + column) * y->c;

		for (uint32_t i = 0; i < op->c; i++) {
			const double *v = q + i % y->c;
			double r = win ? (v[0] + v[y->c] + v[(size_t)y->w * y->c] +
					  v[(size_t)y->w * y->c + y->c]) /
						   4
				       : v[0];

			if (op->add_flags & BNNACCEL_ADD_ZERO && i >= y->c)
				r = 0;
			out[p * op->c + i] = a[p * op->c + i] + r * unit;
		}
	}
}

static double clamp_code(enum bnnaccel_codes codes, double q)
{
	int max = bnn_codes_max(codes), min = codes >= BNNACCEL_CODES_SIGNED4 ? -max - 1 : 0;

	return fmin(fmax(q, min), max);
}

static void pool(const struct bnnaccel_graph *g, const struct bnn_op *op, const double *in,
		 double *out)
{
	const struct bnnaccel_pool *p = &op->pool;
	const struct bnn_op *x = &g->ops[op->in[0]];

	for (size_t e = 0; e < (size_t)op->h * op->w * op->c; e++) {
		size_t oy = e / op->c / op->w, ox = e / op->c % op->w, oc = e % op->c;
		double sum = 0, max = -INFINITY, min = INFINITY;

		for (uint32_t k = 0; k < p->kernel_h * p->kernel_w * p->group; k++) {
			int64_t iy =
				(int64_t)oy * p->stride_h + k / p->group / p->kernel_w - p->pad_top;
			int64_t ix = (int64_t)ox * p->stride_w + k / p->group % p->kernel_w -
				     p->pad_left;
			double v;

			if (iy < 0 || iy >= x->h || ix < 0 || ix >= x->w)
				continue;
			v = in[((size_t)iy * x->w + ix) * x->c + oc * p->group + k % p->group];
			sum += v;
			max = fmax(max, v);
			min = fmin(min, v);
		}
		out[e] = p->mode == BNNACCEL_POOL_AVG	? sum / p->divisor
			 : p->mode == BNNACCEL_POOL_MAX ? max
							: min;
		/* a mean of codes is a code */
		if (op->domain == BNN_DOMAIN_CODES && p->mode == BNNACCEL_POOL_AVG)
			out[e] = clamp_code(op->codes, floor(out[e] + 0.5));
	}
}

static void quantise(const struct bnn_op *op, const double *in, double *out, size_t n)
{
	int max = bnn_codes_max(op->codes), min = -max - 1;
	double unit = op->unit.num / op->unit.den;

	for (size_t i = 0; i < n; i++) {
		double q = in[i] / unit;

		if (op->codes <= BNNACCEL_CODES_ODD8) {
			q = floor((q + max) / 2 + 0.5);
			out[i] = 2 * fmin(fmax(q, 0), max) - max;
			continue;
		}
		if (op->codes <= BNNACCEL_CODES_UNSIGNED8)
			min = 0;
		out[i] = fmin(fmax(floor(op->floor ? q : q + 0.5), min), max);
	}
}

/* Operators that take one element to one element. */
static void channelwise(const struct bnn_op *op, const double *in, const double *gate, double *out)
{
	const double *a = op->lin.a, *b = op->lin.b;

	for (size_t p = 0; p < (size_t)op->h * op->w; p++, in += op->c, out += op->c) {
		for (uint32_t c = 0; c < op->c; c++) {
			switch (op->kind) {
			case BNN_OP_AFFINE:
				out[c] = in[c] * a[c] + b[c];
				break;
			case BNN_OP_BEND:
				out[c] = in[c] * (in[c] >= 0 ? b[c] : a[c]);
				break;
			case BNN_OP_SIGN:
				out[c] = in[c] >= (op->threshold ? (double)op->threshold[c] : 0)
						 ? 1
						 : -1;
				break;
			default:
				out[c] = in[c] * gate[c];
			}
		}
	}
}

static int run_op(const struct bnnaccel_graph *g, const struct bnn_op *op, double **values,
		  double *out)
{
	const double *in = values[op->in[0]];
	size_t n = (size_t)op->h * op->w * op->c;

	switch (op->kind) {
	case BNN_OP_FLATTEN: {
		/* an image is kept as [y][x][colour]; flat is the order of its bytes */
		const struct bnn_op *x = &g->ops[op->in[0]];

		for (size_t i = 0; i < n; i++) {
			size_t pixels = (size_t)x->h * x->w;

			out[i] = x->planar ? in[i % pixels * x->c + i / pixels] : in[i];
		}
		return 0;
	}
	case BNN_OP_ENCODE:
		encode(g, op, in, out);
		return 0;
	case BNN_OP_CONV:
		if (g->ops[op->in[0]].domain == BNN_DOMAIN_CODES && sums_fit(g, op))
			return conv_codes(g, op, in, out);
		conv_real(g, op, in, out);
		return 0;
	case BNN_OP_AFFINE:
	case BNN_OP_BEND:
	case BNN_OP_SIGN:
		channelwise(op, in, NULL, out);
		return 0;
	case BNN_OP_GATE:
		channelwise(op, in, values[op->in[1]], out);
		return 0;
	case BNN_OP_ADD:
		add(g, op, in, values[op->in[1]], out);
		return 0;
	case BNN_OP_POOL:
		pool(g, op, in, out);
		return 0;
	case BNN_OP_MEAN: {
		const struct bnn_op *x = &g->ops[op->in[0]];
		size_t pixels = (size_t)x->h * x->w;

		for (size_t i = 0; i < pixels; i++, in += x->c) {
			for (uint32_t c = 0; c < x->c; c++)
				out[c] += in[c] / pixels;
		}
		return 0;
	}
	case BNN_OP_QUANTISE:
		quantise(op, in, out, n);
		return 0;
	default:
		bnn_reference_host(g, op, in, out);
		return 0;
	}
}

void bnn_reference_free(const struct bnnaccel_graph *g, double **values)
{
	for (size_t i = 0; i < g->count; i++) {
		free(values[i]);
		values[i] = NULL;
	}
}

/* Tensor i, whose inputs are there. */
static int evaluate(const struct bnnaccel_graph *g, size_t i, const uint8_t *image, double **values)
{
	const struct bnn_op *op = &g->ops[i];
	size_t n = (size_t)op->h * op->w * op->c, pixels = (size_t)op->h * op->w;

	values[i] = calloc(n, sizeof(double));
	if (!values[i])
		return BNNACCEL_ERR_MEMORY;
	if (op->kind != BNN_OP_IMAGE)
		return run_op(g, op, values, values[i]);
	for (size_t j = 0; j < n; j++)
		values[i][j] = image[op->planar ? j % op->c * pixels + j / op->c : j];
	return 0;
}

int bnn_reference_run(const struct bnnaccel_graph *g, const uint8_t *image, double **values,
		      struct bnn_error *error)
{
	int rc = 0;

	for (size_t i = 0; i < g->count; i++)
		values[i] = NULL;
	for (size_t i = 0; !rc && i < g->count; i++)
		rc = evaluate(g, i, image, values);
	if (rc) {
		bnn_reference_free(g, values);
		return bnn_fail(error, rc, "graph %s: out of memory", g->name);
	}
	return 0;
}

int bnn_reference_walk(const struct bnnaccel_graph *g, const uint8_t *image, bnn_reference_fn visit,
		       void *opaque, struct bnn_error *error)
{
	double **values = calloc(g->count, sizeof(*values));
	size_t *last = calloc(g->count, sizeof(*last)); /* operator that reads a tensor last */
	int rc = values && last ? 0 : BNNACCEL_ERR_MEMORY;

	for (size_t i = 0; !rc && i < g->count; i++) {
		last[i] = i;
		for (int k = 0; k < 2; k++) {
			if (g->ops[i].in[k] >= 0)
				last[g->ops[i].in[k]] = i;
		}
	}
	for (size_t i = 0; !rc && i < g->count; i++) {
		rc = evaluate(g, i, image, values);
		if (!rc)
			visit(opaque, i, values[i]);
		for (size_t t = 0; t <= i; t++) {
			if (last[t] > i)
				continue;
			free(values[t]);
			values[t] = NULL;
		}
	}
	if (values)
		bnn_reference_free(g, values);
	free(values);
	free(last);
	return rc ? bnn_fail(error, rc, "graph %s: out of memory", g->name) : 0;
}
