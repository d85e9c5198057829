// SPDX-License-Identifier: MIT
/* The operators between image and output but convolution: shapes, parameters, errors. */
#include "ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bnn_op *bnn_op_add(struct bnnaccel_graph *g, enum bnn_op_kind kind, const char *stem, int in,
			  enum bnn_domain domain)
{
	struct bnn_op *op;
	char name[32];

	if (!(g->count & (g->count - 1))) {
		struct bnn_op *ops = realloc(g->ops, (g->count ? 2 * g->count : 1) * sizeof(*ops));

		if (!ops)
			goto memory;
		g->ops = ops;
	}
	op = &g->ops[g->count];
	memset(op, 0, sizeof(*op));
	snprintf(name, sizeof(name), "%s%zu", stem, g->count);
	op->name = strdup(name);
	if (!op->name)
		goto memory;
	op->kind = kind;
	op->in[0] = in;
	op->in[1] = -1;
	op->domain = domain;
	if (in >= 0) {
		op->h = g->ops[in].h;
		op->w = g->ops[in].w;
		op->c = g->ops[in].c;
	}
	g->count++;
	return op;
memory:
	bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
	return NULL;
}

int bnn_op_input(struct bnnaccel_graph *g, int in, unsigned int domains, const char *op)
{
	static const char *const names[] = { "an image", "a tensor of codes", "a real tensor" };

	if (in < 0)
		return g->failed ? g->failed
				 : bnn_graph_fail(g, in, "graph %s: %s got no input", g->name, op);
	if ((size_t)in >= g->count)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: input %d of %s does not exist; use ids returned by operators",
			g->name, in, op);
	if (!(domains >> g->ops[in].domain & 1))
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: %s cannot take %s, which is %s", g->name, op,
				      g->ops[in].name, names[g->ops[in].domain]);
	return 0;
}

double *bnn_op_floats(struct bnnaccel_graph *g, const float *from, uint32_t count, uint32_t n,
		      double otherwise, const char *op, const char *what)
{
	double *to = malloc(n * sizeof(*to));

	if (!to) {
		bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = (uint32_t)((uint64_t)i * count / n);

		to[i] = from ? (double)from[j] : otherwise;
		if (!isfinite(to[i])) {
			bnn_graph_fail(g, BNNACCEL_ERR_BAD_MODEL,
				       "graph %s: element %u of the %s %s is %s; train it again or "
				       "repair it",
				       g->name, j, what, op,
				       isnan(to[i]) ? "not a number" : "infinite");
			free(to);
			return NULL;
		}
	}
	return to;
}

int bnn_op_linear(struct bnnaccel_graph *g, int in, enum bnn_op_kind kind, const float *a,
		  const float *b, double b_otherwise)
{
	const char *name = kind == BNN_OP_AFFINE      ? "affine"
			   : kind == BNN_OP_NORMALISE ? "layer_norm"
						      : "bend";
	int rc = bnn_op_input(g, in, BNN_IN_REAL, name);
	double *da, *db;
	struct bnn_op *op;
	uint32_t c;

	if (rc)
		return rc;
	c = g->ops[in].c;
	da = bnn_op_floats(g, a, c, c, 1, g->ops[in].name,
			   kind == BNN_OP_BEND ? "slopes below 0 after" : "scales after");
	db = da ? bnn_op_floats(g, b, c, c, b_otherwise, g->ops[in].name,
				kind == BNN_OP_BEND ? "slopes above 0 after" : "offsets after")
		: NULL;
	op = db ? bnn_op_add(g, kind, name, in, BNN_DOMAIN_REAL) : NULL;
	if (!op) {
		free(da);
		free(db);
		return g->failed;
	}
	op->lin.a = da;
	op->lin.b = db;
	op->parameters = (a ? c : 0) + (b ? c : 0);
	return (int)g->count - 1;
}

int bnnaccel_graph_affine(struct bnnaccel_graph *g, int in, const float *scale, const float *offset)
{
	return bnn_op_linear(g, in, BNN_OP_AFFINE, scale, offset, 0);
}

int bnnaccel_graph_bend(struct bnnaccel_graph *g, int in, const float *below, const float *above)
{
	return bnn_op_linear(g, in, BNN_OP_BEND, below, above, 1);
}

int bnnaccel_graph_relu(struct bnnaccel_graph *g, int in)
{
	int id = bnnaccel_graph_bend(g, in, NULL, NULL);

	for (uint32_t i = 0; id >= 0 && i < g->ops[id].c; i++)
		g->ops[id].lin.a[i] = 0;
	return id;
}

int bnnaccel_graph_rprelu(struct bnnaccel_graph *g, int in, const float *shift_x,
			  const float *slope, const float *shift_y)
{
	in = bnnaccel_graph_affine(g, in, NULL, shift_x);
	in = bnnaccel_graph_bend(g, in, slope, NULL);
	return bnnaccel_graph_affine(g, in, NULL, shift_y);
}

static int subtract(struct bnnaccel_graph *g, int in, const float *offset)
{
	in = bnnaccel_graph_affine(g, in, NULL, offset);
	for (uint32_t i = 0; in >= 0 && i < g->ops[in].c; i++)
		g->ops[in].lin.b[i] = -g->ops[in].lin.b[i];
	return in;
}

int bnnaccel_graph_dprelu(struct bnnaccel_graph *g, int in, const float *shift_x,
			  const float *below, const float *above, const float *shift_y)
{
	in = subtract(g, in, shift_x);
	in = bnnaccel_graph_bend(g, in, below, above);
	return subtract(g, in, shift_y);
}

int bnnaccel_graph_add(struct bnnaccel_graph *g, int a, int b, unsigned int flags)
{
	int rc = bnn_op_input(g, a, BNN_IN_REAL, "add");
	uint32_t win = flags & BNNACCEL_ADD_AVG2X2 ? 2 : 1;
	struct bnn_op *op;

	if (!rc)
		rc = bnn_op_input(g, b, BNN_IN_REAL | BNN_IN_CODES, "add");
	if (rc)
		return rc;
	if (g->ops[b].domain == BNN_DOMAIN_CODES && !bnn_codes_packed(g->ops[b].codes))
		return bnn_graph_fail(g, BNNACCEL_ERR_UNSUPPORTED,
				      "graph %s: the codes of %s cannot be added; those of 4 bits "
				      "(ODD4) or 8 (UNSIGNED8, SIGNED8) can",
				      g->name, g->ops[b].name);
	if (flags & ~(unsigned int)(BNNACCEL_ADD_AVG2X2 | BNNACCEL_ADD_ZERO))
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: add of %s has flags 0x%x, of which some do not exist", g->name,
			g->ops[b].name, flags);
	if (g->ops[b].h != win * g->ops[a].h || g->ops[b].w != win * g->ops[a].w)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: add%s cannot fit %s (%ux%u) to %s (%ux%u)",
				      g->name, win == 2 ? " with 2x2 averages" : "", g->ops[b].name,
				      g->ops[b].h, g->ops[b].w, g->ops[a].name, g->ops[a].h,
				      g->ops[a].w);
	if (flags & BNNACCEL_ADD_ZERO ? g->ops[b].c > g->ops[a].c : g->ops[a].c % g->ops[b].c)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: add cannot map the %u channels of %s to the %u of %s", g->name,
			g->ops[b].c, g->ops[b].name, g->ops[a].c, g->ops[a].name);
	op = bnn_op_add(g, BNN_OP_ADD, "add", a, BNN_DOMAIN_REAL);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->in[1] = b;
	op->add_flags = flags;
	g->ops[b].packed = g->ops[b].domain == BNN_DOMAIN_CODES;
	return (int)g->count - 1;
}

int bnnaccel_graph_pool(struct bnnaccel_graph *g, int in, const struct bnnaccel_pool *pool)
{
	int rc = bnn_op_input(g, in, BNN_IN_CODES | BNN_IN_REAL, "pool");
	struct bnnaccel_pool p;
	struct bnn_op *op;
	const struct bnn_op *x;

	if (rc)
		return rc;
	if (!pool || (unsigned int)pool->mode > BNNACCEL_POOL_MIN)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: pool after %s needs a mode that exists", g->name,
				      g->ops[in].name);
	p = *pool;
	x = &g->ops[in];
	p.stride_h = p.stride_h ? p.stride_h : p.kernel_h;
	p.stride_w = p.stride_w ? p.stride_w : p.kernel_w;
	p.group = p.group ? p.group : 1;
	if (!p.divisor && p.mode == BNNACCEL_POOL_AVG)
		p.divisor = p.kernel_h * p.kernel_w * p.group;
	if (p.mode != BNNACCEL_POOL_AVG)
		p.divisor = 0;
	if (x->domain == BNN_DOMAIN_CODES &&
	    (p.mode == BNNACCEL_POOL_AVG
		     ? x->codes != BNNACCEL_CODES_UNSIGNED8 && x->codes != BNNACCEL_CODES_SIGNED8
		     : x->codes != BNNACCEL_CODES_SIGN))
		return bnn_graph_fail(g, BNNACCEL_ERR_UNSUPPORTED,
				      "graph %s: of codes only signs can be pooled by MAX or MIN, "
				      "those of 8 bits (UNSIGNED8, SIGNED8) by AVG; pool the real "
				      "tensor before %s",
				      g->name, x->name);
	if (!p.kernel_h || !p.kernel_w || p.kernel_h > 64 || p.kernel_w > 64 || p.stride_h > 64 ||
	    p.stride_w > 64)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_ARGUMENT,
			"graph %s: pool window %ux%u and stride %ux%u must be 1 to 64", g->name,
			p.kernel_h, p.kernel_w, p.stride_h, p.stride_w);
	if (p.pad_top >= p.kernel_h || p.pad_bottom >= p.kernel_h || p.pad_left >= p.kernel_w ||
	    p.pad_right >= p.kernel_w || x->h + p.pad_top + p.pad_bottom < p.kernel_h ||
	    x->w + p.pad_left + p.pad_right < p.kernel_w || x->c % p.group || p.divisor > 0xfffff)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: pool %ux%u does not fit %s (%ux%ux%u)", g->name,
				      p.kernel_h, p.kernel_w, x->name, x->h, x->w, x->c);
	op = bnn_op_add(g, BNN_OP_POOL, "pool", in, x->domain);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	x = &g->ops[in];
	op->h = (x->h + p.pad_top + p.pad_bottom - p.kernel_h) / p.stride_h + 1;
	op->w = (x->w + p.pad_left + p.pad_right - p.kernel_w) / p.stride_w + 1;
	op->c = x->c / p.group;
	op->codes = x->codes;
	op->unit = x->unit;
	op->pool = p;
	/* POOL takes means of elements, not of planes */
	if (x->domain == BNN_DOMAIN_CODES && p.mode == BNNACCEL_POOL_AVG)
		op->packed = g->ops[in].packed = true;
	return (int)g->count - 1;
}

int bnnaccel_graph_mean(struct bnnaccel_graph *g, int in)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "mean");
	struct bnn_op *op;

	if (rc)
		return rc;
	if ((uint64_t)g->ops[in].h * g->ops[in].w > 65535)
		return bnn_graph_fail(
			g, BNNACCEL_ERR_UNSUPPORTED,
			"graph %s: mean over %ux%u pixels could overflow; pool %s before", g->name,
			g->ops[in].h, g->ops[in].w, g->ops[in].name);
	op = bnn_op_add(g, BNN_OP_MEAN, "mean", in, BNN_DOMAIN_REAL);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->h = 1;
	op->w = 1;
	return (int)g->count - 1;
}

int bnnaccel_graph_sign(struct bnnaccel_graph *g, int in, const float *threshold)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "sign");
	double *check;
	struct bnn_op *op;
	uint32_t c;

	if (rc)
		return rc;
	c = g->ops[in].c;
	check = bnn_op_floats(g, threshold, c, c, 0, g->ops[in].name, "thresholds after");
	if (!check)
		return g->failed;
	free(check);
	op = bnn_op_add(g, BNN_OP_SIGN, "sign", in, BNN_DOMAIN_CODES);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->codes = BNNACCEL_CODES_SIGN;
	op->unit = (struct bnn_unit){ 1, 1 };
	if (threshold) {
		op->threshold = malloc(c * sizeof(float));
		if (!op->threshold)
			return bnn_graph_fail(g, BNNACCEL_ERR_MEMORY, "graph %s: out of memory",
					      g->name);
		memcpy(op->threshold, threshold, c * sizeof(float));
		op->parameters = c;
	}
	return (int)g->count - 1;
}

int bnnaccel_graph_quantise(struct bnnaccel_graph *g, int in, enum bnnaccel_codes codes,
			    float range)
{
	int rc = bnn_op_input(g, in, BNN_IN_REAL, "quantise");
	struct bnn_op *op;

	if (rc)
		return rc;
	if (!isfinite(range) || range <= 0 || codes == BNNACCEL_CODES_SIGN ||
	    codes > BNNACCEL_CODES_SIGNED8)
		return bnn_graph_fail(g, BNNACCEL_ERR_ARGUMENT,
				      "graph %s: quantise needs a positive range and codes of 2 to "
				      "8 bits (signs: use sign)",
				      g->name);
	op = bnn_op_add(g, BNN_OP_QUANTISE, "codes", in, BNN_DOMAIN_CODES);
	if (!op)
		return BNNACCEL_ERR_MEMORY;
	op->codes = codes;
	op->unit = (struct bnn_unit){ range, (uint32_t)bnn_codes_max(codes) };
	return (int)g->count - 1;
}
