// SPDX-License-Identifier: MIT
/* CONV and EW. */
#include <math.h>
#include <stdlib.h>

#include "pipe.h"

int bnn_pipe_unsupported(struct bnn_lower *lo, const struct bnn_pipe *p, const char *what)
{
	return bnn_fail(lo->error, BNNACCEL_ERR_UNSUPPORTED, "graph %s: %s: %s", lo->g->name,
			p->final->name, what);
}

/* Shift that brings sums of at most `bound` into the 24 bits of x. */
static unsigned int pre_shift(uint64_t bound)
{
	unsigned int ps = 0;

	while ((bound >> ps) + 1 > 0x7fffff)
		ps++;
	return ps;
}

static bool is_sign(const struct bnn_lower *lo, int op)
{
	return op != BNN_NONE && lo->g->ops[op].kind == BNN_OP_SIGN;
}

static int lower(struct bnn_lower *lo, struct bnn_pipe *p)
{
	const struct bnn_chain *chain = p->chain;
	uint64_t bound;
	unsigned int ps;
	int rc = 0;

	if (chain->conv)
		rc = bnn_pipe_conv_source(lo, p, &bound);
	else
		bnn_pipe_ew_source(lo, p, &bound);
	if (rc)
		return rc;
	ps = pre_shift(bound);
	p->unit.num = ldexp(p->unit.num, (int)ps);
	bnn_field_set(p->node.words, BNN_F_CONV_PS, ps);
	p->f = lo->at[chain->final].f;
	if (chain->result)
		bnn_pipe_choose_result(lo, p);
	p->f_u = p->f;
	p->notes.f = p->f;
	p->notes.ps = ps;
	p->threshold = is_sign(lo, chain->outp) && chain->outs == BNN_NONE && !chain->stream &&
		       !chain->sum && !chain->planes && !chain->residuals && !chain->count[1] &&
		       !chain->bent[0];
	if (!p->threshold)
		rc = bnn_pipe_make_stages(lo, p);
	if (!rc && p->frac)
		bnn_pipe_make_gates(lo, p);
	if (!rc)
		rc = bnn_pipe_set_outputs(lo, p);
	if (!rc)
		rc = bnn_pipe_set_params(lo, p);
	if (!rc && chain->gate != BNN_NONE)
		rc = bnn_pipe_fold_gate(lo, p);
	if (!rc)
		rc = bnn_lower_node(lo, &p->node);
	if (!rc)
		bnn_report_chain(lo, chain, &p->notes);
	return rc;
}

int bnn_lower_chain(struct bnn_lower *lo, const struct bnn_chain *chain)
{
	struct bnn_pipe p = { .chain = chain, .final = &lo->g->ops[chain->final] };
	int rc;

	p.c = p.final->c;
	p.tb = calloc(p.c, sizeof(*p.tb));
	p.t = calloc(p.c, sizeof(*p.t));
	p.inv = calloc(p.c, sizeof(*p.inv));
	if (p.tb && p.t && p.inv)
		rc = lower(lo, &p);
	else
		rc = bnn_fail(lo->error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory",
			      lo->g->name);
	bnn_stage_free(&p.stage[0]);
	bnn_stage_free(&p.stage[1]);
	free(p.tb);
	free(p.t);
	free(p.inv);
	return rc;
}
