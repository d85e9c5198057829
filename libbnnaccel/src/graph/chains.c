// SPDX-License-Identifier: MIT
#include "chains.h"

#include <math.h>
#include <stdlib.h>

/* A new chain; index or -1. Its steps have room for every operator of the graph. */
static int open_chain(const struct bnnaccel_graph *g, struct bnn_chains *plan, bool conv,
		      int source, int final)
{
	struct bnn_chain *c, *chains;

	if (!(plan->count & (plan->count - 1))) {
		chains = realloc(plan->chains,
				 (plan->count ? 2 * plan->count : 1) * sizeof(*chains));
		if (!chains)
			return -1;
		plan->chains = chains;
	}
	c = &plan->chains[plan->count];
	*c = (struct bnn_chain){ .conv = conv,
				 .source = source,
				 .final = final,
				 .gate = BNN_NONE,
				 .outp = BNN_NONE,
				 .outs = BNN_NONE,
				 .frame = { 1, 1 },
				 .res = { BNN_NONE, BNN_NONE } };
	c->steps[0] = malloc((g->count + 1) * sizeof(int));
	c->steps[1] = malloc((g->count + 1) * sizeof(int));
	if (!c->steps[0] || !c->steps[1]) {
		free(c->steps[0]);
		free(c->steps[1]);
		return -1;
	}
	return (int)plan->count++;
}

/* The chain that ends in tensor t and may still grow, as nobody else needs t. */
static struct bnn_chain *growing(const struct bnn_chains *plan, int t)
{
	return plan->chain_of[t] >= 0 && plan->uses[t] == 1 ? &plan->chains[plan->chain_of[t]]
							    : NULL;
}

static void move_end(struct bnn_chains *plan, struct bnn_chain *c, int to)
{
	plan->chain_of[to] = plan->chain_of[c->final];
	plan->chain_of[c->final] = -1;
	c->final = to;
}

/* Marks that tensor t is needed in memory; pools are there anyway. */
static void need_stream(const struct bnn_chains *plan, int t)
{
	if (plan->chain_of[t] >= 0)
		plan->chains[plan->chain_of[t]].stream = true;
}

/* A new EW that reads tensor `source` from memory (MEAN: its sums). */
static struct bnn_chain *open_ew(const struct bnnaccel_graph *g, struct bnn_chains *plan,
				 int source, int final)
{
	int i = open_chain(g, plan, false, source, final);

	if (i < 0)
		return NULL;
	if (source != final || g->ops[source].kind != BNN_OP_MEAN)
		need_stream(plan, source);
	if (source != final || plan->chain_of[final] < 0)
		plan->chain_of[final] = i;
	return &plan->chains[i];
}

/* The chain whose pipe makes tensor t: a pool gets an EW of its own. */
static struct bnn_chain *pipe_of(const struct bnnaccel_graph *g, struct bnn_chains *plan, int t)
{
	return plan->chain_of[t] >= 0 ? &plan->chains[plan->chain_of[t]] : open_ew(g, plan, t, t);
}

/* Puts an affine or a bend into P1 or P2 if one of them can take it. */
static bool take_step(const struct bnnaccel_graph *g, struct bnn_chain *c, int op)
{
	int stage = c->residuals || c->count[1] ? 1 : 0;
	bool bend = g->ops[op].kind == BNN_OP_BEND;

	if (bend && c->gate != BNN_NONE)
		return false; /* its threshold would depend on the gate */
	if (bend && c->bent[stage] && ++stage > 1)
		return false;
	c->steps[stage][c->count[stage]++] = op;
	c->bent[stage] |= bend;
	return true;
}

/* The gate goes into P2, where GATEFOLD can rewrite the parameters. */
static bool plan_gate(const struct bnnaccel_graph *g, struct bnn_chains *plan, int i)
{
	int x = g->ops[i].in[0], gate = g->ops[i].in[1];
	struct bnn_chain *c = pipe_of(g, plan, gate);

	if (!c)
		return false;
	c->gates = true;
	c = growing(plan, x);
	if (c && c->gate == BNN_NONE)
		move_end(plan, c, i);
	else
		c = open_ew(g, plan, x, i);
	if (!c)
		return false;
	c->gate = gate;
	c->steps[1][c->count[1]++] = i;
	return true;
}

/* What u is counted in where b is added: 1, or the unit of codes that is no power of two. */
static struct bnn_unit frame_of(const struct bnn_op *b)
{
	int e;

	if (b->domain != BNN_DOMAIN_CODES ||
	    (!(b->unit.den & (b->unit.den - 1)) && frexp(b->unit.num, &e) == 0.5))
		return (struct bnn_unit){ 1, 1 };
	return b->unit;
}

static void put_residual(const struct bnnaccel_graph *g, struct bnn_chains *plan,
			 struct bnn_chain *c, int op, int b)
{
	c->frame = frame_of(&g->ops[b]);
	c->adds[c->residuals] = op;
	c->res[c->residuals++] = b;
	need_stream(plan, b);
}

static bool take_residual(const struct bnnaccel_graph *g, struct bnn_chains *plan, int onto, int op,
			  int b)
{
	struct bnn_unit frame = frame_of(&g->ops[b]);
	struct bnn_chain *c = growing(plan, onto);

	if (!c || c->residuals == 2 || c->count[1])
		return false;
	if (c->residuals && (c->frame.num != frame.num || c->frame.den != frame.den))
		return false; /* no shift aligns both */
	put_residual(g, plan, c, op, b);
	move_end(plan, c, op);
	return true;
}

static bool plan_add(const struct bnnaccel_graph *g, struct bnn_chains *plan, int i)
{
	const struct bnn_op *op = &g->ops[i];
	int a = op->in[0], b = op->in[1];
	struct bnn_chain *c;

	if (take_residual(g, plan, a, i, b))
		return true;
	if (!op->add_flags && g->ops[a].c == g->ops[b].c && g->ops[b].domain == BNN_DOMAIN_REAL &&
	    take_residual(g, plan, b, i, a))
		return true;
	c = open_ew(g, plan, a, i);
	if (!c)
		return false;
	put_residual(g, plan, c, i, b);
	return true;
}

static bool plan_codes(const struct bnnaccel_graph *g, struct bnn_chains *plan, int i)
{
	int t = g->ops[i].in[0];
	struct bnn_chain *c = pipe_of(g, plan, t);
	const struct bnn_op *op = &g->ops[i];
	int other;

	if (!c)
		return false;
	/* one output of each kind, and one set of A3, B3, S3 */
	other = op->packed ? c->outp : c->outs;
	if ((op->packed ? c->outs : c->outp) != BNN_NONE ||
	    (other != BNN_NONE && bnn_chains_scaled(&g->ops[other]) && bnn_chains_scaled(op)))
		c = open_ew(g, plan, t, t);
	if (!c)
		return false;
	if (op->packed)
		c->outs = i;
	else
		c->outp = i;
	return true;
}

static bool plan_op(const struct bnnaccel_graph *g, struct bnn_chains *plan, int i)
{
	const struct bnn_op *op = &g->ops[i];
	struct bnn_chain *c;

	switch (op->kind) {
	case BNN_OP_CONV:
		if (g->ops[op->in[0]].domain == BNN_DOMAIN_REAL) {
			c = pipe_of(g, plan, op->in[0]);
			if (!c)
				return false;
			c->planes = true;
		}
		plan->chain_of[i] = open_chain(g, plan, true, i, i);
		if (plan->chain_of[i] < 0)
			return false;
		c = &plan->chains[plan->chain_of[i]];
		c->steps[0][c->count[0]++] = i;
		return true;
	case BNN_OP_AFFINE:
	case BNN_OP_BEND:
		c = growing(plan, op->in[0]);
		if (c && take_step(g, c, i)) {
			move_end(plan, c, i);
			return true;
		}
		c = open_ew(g, plan, op->in[0], i);
		return c && take_step(g, c, i);
	case BNN_OP_ADD:
		return plan_add(g, plan, i);
	case BNN_OP_POOL:
	case BNN_OP_TRANSPOSE:
	case BNN_OP_NORMALISE:
	case BNN_OP_FUNCTION:
	case BNN_OP_SOFTMAX:
	case BNN_OP_AGGREGATE:
		if (op->domain == BNN_DOMAIN_REAL)
			need_stream(plan, op->in[0]);
		return true;
	case BNN_OP_MEAN:
		c = pipe_of(g, plan, op->in[0]);
		if (!c)
			return false;
		c->sum = true;
		c = open_ew(g, plan, i, i);
		if (c)
			c->mean = true;
		return c;
	case BNN_OP_GATE:
		return plan_gate(g, plan, i);
	case BNN_OP_SIGN:
	case BNN_OP_QUANTISE:
		return plan_codes(g, plan, i);
	default:
		return true;
	}
}

bool bnn_chains_scaled(const struct bnn_op *op)
{
	return op->kind == BNN_OP_QUANTISE && op->codes != BNNACCEL_CODES_ODD2;
}

/* Codes that would share OUTS with the stream get a command of their own, which reads it. */
static bool part_outputs(const struct bnnaccel_graph *g, struct bnn_chains *plan)
{
	for (size_t i = 0, n = plan->count; i < n; i++) {
		struct bnn_chain *c = &plan->chains[i];
		int codes = c->outs, part;

		bool reads_it = !c->conv && !c->mean && c->source == c->final;

		if (codes == BNN_NONE || reads_it ||
		    !(c->stream || c->result || (c->planes && c->outp != BNN_NONE)))
			continue;
		c->outs = BNN_NONE;
		c->stream = true;
		part = open_chain(g, plan, false, c->final, c->final);
		if (part < 0)
			return false;
		plan->chains[part].outs = codes;
	}
	return true;
}

int bnn_chains_make(const struct bnnaccel_graph *g, struct bnn_chains *plan,
		    struct bnn_error *error)
{
	struct bnn_chain *c;

	*plan = (struct bnn_chains){ .chains = NULL };
	plan->chain_of = malloc(g->count * sizeof(int));
	plan->uses = calloc(g->count, sizeof(int));
	if (!plan->chain_of || !plan->uses)
		goto memory;
	for (size_t i = 0; i < g->count; i++) {
		plan->chain_of[i] = -1;
		for (int j = 0; j < 2; j++) {
			if (g->ops[i].in[j] >= 0)
				plan->uses[g->ops[i].in[j]]++;
		}
	}
	plan->uses[g->result]++;
	for (size_t i = 0; i < g->count; i++) {
		if (!plan_op(g, plan, (int)i))
			goto memory;
	}
	if (g->ops[g->result].domain != BNN_DOMAIN_REAL) {
		if (!part_outputs(g, plan))
			goto memory;
		return 0;
	}
	/* what is read inside as well stays apart from the output */
	c = pipe_of(g, plan, g->result);
	if (c && (c->stream || plan->uses[g->result] > 1))
		c = open_ew(g, plan, g->result, g->result);
	if (!c)
		goto memory;
	c->stream = true;
	c->result = true;
	if (!part_outputs(g, plan))
		goto memory;
	return 0;
memory:
	bnn_chains_free(plan);
	return bnn_fail(error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory", g->name);
}

void bnn_chains_free(struct bnn_chains *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		free(plan->chains[i].steps[0]);
		free(plan->chains[i].steps[1]);
	}
	free(plan->chains);
	free(plan->chain_of);
	free(plan->uses);
	*plan = (struct bnn_chains){ .chains = NULL };
}
