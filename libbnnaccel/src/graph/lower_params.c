// SPDX-License-Identifier: MIT
/* Parameter records. */
#include <stdlib.h>

#include "bytes.h"
#include "pipe.h"

void bnn_pipe_make_gates(struct bnn_lower *lo, struct bnn_pipe *p)
{
	const struct bnn_op *op = &lo->g->ops[p->chain->source];
	int64_t k = op->conv.k;

	for (uint32_t c = 0; c < p->c; c++) {
		int64_t first = bnn_gate_first(op, &p->input, c);

		p->t[c] = (int32_t)first;
		p->notes.never += first > k;
		p->notes.always += first <= -k;
	}
}

/* Where a stage has its parameters in a record. */
struct stage_places {
	unsigned int th, b, a, k, neg;
};

static void put_stage(const struct bnn_stage *s, const struct stage_places *at, uint32_t c,
		      uint8_t *to)
{
	bnn_bytes32(to + at->th, s->th[c]);
	for (unsigned int i = 0; i < 2; i++) {
		bnn_bytes32(to + at->b + 4 * i, s->b[2 * c + i]);
		if (s->pow2) {
			to[at->k + i] = (uint8_t)s->k[2 * c + i];
			if (s->a[2 * c + i] < 0)
				to[BNN_PARAM_FLAGS] |= (uint8_t)(1u << (at->neg + i));
		} else {
			bnn_bytes16(to + at->a + 2 * i, s->a[2 * c + i]);
		}
	}
}

static void put_record(const struct bnn_pipe *p, uint32_t c, uint8_t *to)
{
	static const struct stage_places places[] = {
		{ BNN_PARAM_TH1, BNN_PARAM_B1, BNN_PARAM_A1, BNN_PARAM_K1,
		  BNN_PARAM_FLAGS_NEG1_SHIFT },
		{ BNN_PARAM_TH2, BNN_PARAM_B2, BNN_PARAM_A2, BNN_PARAM_K2,
		  BNN_PARAM_FLAGS_NEG2_SHIFT },
	};

	if (p->p1)
		put_stage(&p->stage[0], &places[0], c, to);
	if (p->p2)
		put_stage(&p->stage[1], &places[1], c, to);
	if (p->chain->gate != BNN_NONE)
		bnn_bytes32(to + BNN_PARAM_BBN, p->stage[1].bbn[c]);
	bnn_bytes32(to + BNN_PARAM_TB, p->tb[c]);
	bnn_bytes32(to + BNN_PARAM_T, p->t[c]);
	to[BNN_PARAM_FLAGS] |= p->inv[c] ? BNN_PARAM_FLAGS_INV : 0;
	for (int i = 0; i < 3; i++)
		bnn_bytes16(to + BNN_PARAM_Q + 2 * i, p->q[i]);
}

int bnn_pipe_set_params(struct bnn_lower *lo, struct bnn_pipe *p)
{
	bool narrow = p->threshold && !p->frac;
	uint32_t size = narrow ? BNN_SIZEOF_PARAM_NARROW : BNN_SIZEOF_PARAM;
	uint8_t *data;

	bnn_field_set(p->node.words, BNN_F_CONV_NARROW, narrow);
	if (!bnn_command_needs_param(p->node.words))
		return 0;
	data = calloc(p->c, size);
	if (!data)
		return bnn_fail(lo->error, BNNACCEL_ERR_MEMORY, "graph %s: out of memory",
				lo->g->name);
	for (uint32_t c = 0; c < p->c; c++) {
		if (narrow) {
			bnn_bytes32(data + c * size + BNN_PARAM_NARROW_TB, p->tb[c]);
			data[c * size + BNN_PARAM_NARROW_FLAGS] =
				p->inv[c] ? BNN_PARAM_FLAGS_INV : 0;
		} else {
			put_record(p, c, data + c * size);
		}
	}
	p->node.ref[BNN_SLOT_PARAM] = bnn_lower_value(lo, BNN_ROLE_CONST, 0, 0, 0, p->c * size, 0,
						      data, p->final->name, ".params");
	return 0;
}

/* The records as they are with the gates of this image. */
int bnn_pipe_fold_gate(struct bnn_lower *lo, struct bnn_pipe *p)
{
	struct bnn_node fold;

	bnn_lower_init(&fold, BNN_CMD_GATEFOLD, p->final);
	bnn_field_set(fold.words, BNN_F_GATEFOLD_C, p->c);
	fold.ref[BNN_SLOT_IN] = lo->at[p->chain->gate].gate;
	fold.ref[BNN_SLOT_PARAM] = p->node.ref[BNN_SLOT_PARAM];
	fold.ref[BNN_SLOT_OUTP] =
		bnn_lower_value(lo, BNN_ROLE_TEMP, 0, 0, 0, p->c * BNN_SIZEOF_PARAM, 0, NULL,
				p->final->name, ".gated");
	p->node.ref[BNN_SLOT_PARAM] = fold.ref[BNN_SLOT_OUTP];
	return bnn_lower_node(lo, &fold);
}
