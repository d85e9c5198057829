/* SPDX-License-Identifier: MIT */
/* The functional model's pipe, one value at a time, for the bench of bnn_post. */
#include "../model/pipe.c"

#include "post_ref.h"

void post_ref(const struct post_command *c, const uint8_t *record, int32_t acc, int32_t res1,
	      int32_t res2, struct post_result *out)
{
	struct pipe g = {
		.p1 = c->p1,
		.p1_pow2 = c->p1_pow2,
		.p2 = c->p2,
		.p2_pow2 = c->p2_pow2,
		.straight = !c->p1 && !c->p2 && !c->res1 && !c->res2,
		.ps = c->ps,
		.s1 = c->s1,
		.sb1 = c->sb1,
		.s2 = c->s2,
		.sb2 = c->sb2,
		.s3 = c->s3,
		.a3 = c->a3,
		.b3 = c->b3,
		.outp_code = c->outp,
		.outs_code = c->outs,
		.outp = &formats[c->outp],
		.outs = &formats[c->outs],
	};
	bool same_q3 = quantised(g.outp_code) && quantised(g.outs_code) &&
		       g.outp->width == g.outs->width &&
		       (g.outp->kind == KIND_SIGNED) == (g.outs->kind == KIND_SIGNED);
	uint64_t changed = 0, again = 0;
	struct param p;
	struct result r;

	g.res[0] = (struct residual){ c->res1 ? &res1 : NULL, 1, 1, c->align1, false };
	g.res[1] = (struct residual){ c->res2 ? &res2 : NULL, 1, 1, c->align2, false };
	param_decode(&p, record, false);
	r = pipe_value(&g, &p, acc, 0, 0, &changed);
	out->v16 = (int32_t)r.v16;
	out->outp = out->outs = 0;
	if (g.outp_code)
		out->outp =
			(uint32_t)plane_code(&g, &p, &r, &changed) & ((1u << g.outp->width) - 1);
	if (g.outs_code)
		out->outs = (uint32_t)element_code(&g, &r, same_q3 ? &again : &changed) &
			    (uint32_t)((UINT64_C(1) << g.outs->width) - 1);
	out->changed = (uint32_t)changed;
}
