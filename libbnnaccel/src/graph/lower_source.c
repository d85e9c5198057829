// SPDX-License-Identifier: MIT
/* What a CONV or an EW reads. */
#include <math.h>
#include <stdlib.h>

#include "pack.h"
#include "pipe.h"
#include "split.h"

int bnn_pipe_conv_source(struct bnn_lower *lo, struct bnn_pipe *p, uint64_t *bound)
{
	const struct bnn_op *op = &lo->g->ops[p->chain->source];
	const struct bnn_op *x = &lo->g->ops[op->in[0]];
	const struct bnn_places *from = &lo->at[op->in[0]];
	bool codes = x->domain == BNN_DOMAIN_CODES;
	unsigned int format = !codes	  ? BNN_FORMAT_S16
			      : x->packed ? bnn_codes_packed(x->codes)
					  : bnn_codes_format(x->codes);
	uint32_t *words = p->node.words;
	uint64_t abs = codes ? (uint64_t)bnn_codes_abs(x->codes) : 32768, bytes;
	uint8_t *data;

	p->input = codes ? x->unit : (struct bnn_unit){ ldexp(1, -from->f), 1 };
	p->unit = p->input;
	p->frac = op->conv.gates;
	*bound = bnn_weights_norm(op) * abs;
	if (!bnn_conv_in_range(lo->g, op))
		return bnn_pipe_unsupported(
			lo, p, "its sums could exceed 32 bits; quantise its input to fewer bits");
	if (!codes && op->conv.pad_mode)
		return bnn_pipe_unsupported(lo, p, "padding with +-1 needs an input of codes");
	bnn_lower_init(&p->node, BNN_CMD_CONV, p->final);
	bnn_field_set(words, BNN_F_CONV_FRAC, p->frac);
	bnn_field_set(words, BNN_F_CONV_H, x->h);
	bnn_field_set(words, BNN_F_CONV_W, x->w);
	bnn_field_set(words, BNN_F_CONV_CIN, x->c);
	bnn_field_set(words, BNN_F_CONV_COUT, op->c);
	bnn_field_set(words, BNN_F_CONV_KH, op->conv.kh);
	bnn_field_set(words, BNN_F_CONV_KW, op->conv.kw);
	bnn_field_set(words, BNN_F_CONV_SH, op->conv.sh);
	bnn_field_set(words, BNN_F_CONV_SW, op->conv.sw);
	bnn_field_set(words, BNN_F_CONV_DH, op->conv.dh);
	bnn_field_set(words, BNN_F_CONV_DW, op->conv.dw);
	bnn_field_set(words, BNN_F_CONV_PAD_T, op->conv.pad_t);
	bnn_field_set(words, BNN_F_CONV_PAD_L, op->conv.pad_l);
	bnn_field_set(words, BNN_F_CONV_PAD_B, op->conv.pad_b);
	bnn_field_set(words, BNN_F_CONV_PAD_R, op->conv.pad_r);
	bnn_field_set(words, BNN_F_CONV_PAD_MODE, op->conv.pad_mode);
	data = bnn_weights_pack(op, words, &bytes);
	if (!data)
		return bnn_fail(lo->error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory",
				lo->g->name);
	p->node.ref[BNN_SLOT_WEIGHT] = bnn_lower_value(lo, BNN_ROLE_CONST, 0, 0, 0, (uint32_t)bytes,
						       0, data, op->name, ".weights");
	if (codes) {
		p->node.ref[BNN_SLOT_IN] = from->codes;
	} else if (from->planes != BNN_NO_VALUE) {
		p->node.ref[BNN_SLOT_IN] = from->planes;
	} else {
		format = BNN_FORMAT_E_S16;
		p->node.ref[BNN_SLOT_IN] = from->stream;
	}
	bnn_field_set(words, BNN_F_CONV_IN_FORMAT, format);
	return 0;
}

void bnn_pipe_ew_source(struct bnn_lower *lo, struct bnn_pipe *p, uint64_t *bound)
{
	const struct bnn_chain *chain = p->chain;
	const struct bnn_op *x = &lo->g->ops[chain->source];
	bool mean = chain->mean;
	const struct bnn_places *from = &lo->at[mean ? x->in[0] : chain->source];
	uint32_t *words = p->node.words;

	bnn_lower_init(&p->node, BNN_CMD_EW, p->final);
	bnn_field_set(words, BNN_F_CONV_H, x->h);
	bnn_field_set(words, BNN_F_CONV_W, x->w);
	bnn_field_set(words, BNN_F_CONV_COUT, x->c);
	p->unit = (struct bnn_unit){ ldexp(1, -from->f), 1 };
	*bound = 32768;
	if (mean) {
		const struct bnn_op *before = &lo->g->ops[x->in[0]];

		p->unit.den = before->h * before->w;
		*bound *= p->unit.den;
	}
	p->node.ref[BNN_SLOT_IN] = mean ? from->sum : from->stream;
	bnn_field_set(words, BNN_F_CONV_IN_FORMAT, mean ? BNN_FORMAT_E_S32 : BNN_FORMAT_E_S16);
}
