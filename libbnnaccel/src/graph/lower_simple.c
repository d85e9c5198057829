// SPDX-License-Identifier: MIT
/* ENC, POOL and TRANSPOSE. */
#include <stdlib.h>
#include <string.h>

#include "lower.h"

int bnn_lower_encode(struct bnn_lower *lo, int i)
{
	const struct bnn_op *op = &lo->g->ops[i], *x = &lo->g->ops[op->in[0]];
	static const unsigned int modes[] = {
		[BNNACCEL_ENCODE_VALUE] = BNN_ENC_VALUE,
		[BNNACCEL_ENCODE_THERMOMETER] = BNN_ENC_THERMO,
		[BNNACCEL_ENCODE_BITS] = BNN_ENC_BITS,
	};
	unsigned int format =
		op->packed ? bnn_codes_packed(op->codes) : bnn_codes_format(op->codes);
	uint32_t bytes = 256 * (op->encode.shared ? 1 : x->c);
	struct bnn_node node;
	uint8_t *table = malloc(bytes);

	if (!table)
		return BNNACCEL_ERR_MEMORY;
	memcpy(table, op->encode.table, bytes);
	bnn_lower_init(&node, BNN_CMD_ENC, op);
	bnn_field_set(node.words, BNN_F_ENC_PLANAR, x->kind == BNN_OP_IMAGE && x->planar);
	bnn_field_set(node.words, BNN_F_ENC_SHARED, op->encode.shared);
	bnn_field_set(node.words, BNN_F_ENC_MODE, modes[op->encode.mode]);
	bnn_field_set(node.words, BNN_F_ENC_H, x->h);
	bnn_field_set(node.words, BNN_F_ENC_W, x->w);
	bnn_field_set(node.words, BNN_F_ENC_COLOURS, x->c);
	bnn_field_set(node.words, BNN_F_ENC_LEVELS,
		      op->encode.mode == BNNACCEL_ENCODE_THERMOMETER ? op->encode.levels : 0);
	bnn_field_set(node.words, BNN_F_ENC_OUT_FORMAT, format);
	lo->at[i].codes = bnn_lower_value(lo, i == lo->g->result ? BNN_ROLE_OUTPUT : BNN_ROLE_TEMP,
					  format, op->h, op->w, op->c, 0, NULL, op->name, "");
	node.ref[BNN_SLOT_IN] = lo->net->input.value;
	node.ref[BNN_SLOT_OUTP] = lo->at[i].codes;
	node.ref[BNN_SLOT_WEIGHT] =
		bnn_lower_value(lo, BNN_ROLE_CONST, 0, 0, 0, bytes, 0, table, op->name, ".table");
	return bnn_lower_node(lo, &node);
}

int bnn_lower_pool(struct bnn_lower *lo, int i)
{
	const struct bnn_op *op = &lo->g->ops[i], *x = &lo->g->ops[op->in[0]];
	static const unsigned int modes[] = {
		[BNNACCEL_POOL_AVG] = BNN_POOL_AVG,
		[BNNACCEL_POOL_MAX] = BNN_POOL_MAX,
		[BNNACCEL_POOL_MIN] = BNN_POOL_MIN,
	};
	const struct bnnaccel_pool *p = &op->pool;
	bool real = op->domain == BNN_DOMAIN_REAL;
	unsigned int format = real	   ? BNN_FORMAT_E_S16
			      : op->packed ? bnn_codes_packed(op->codes)
					   : bnn_codes_format(op->codes);
	const struct bnn_places *from = &lo->at[op->in[0]];
	struct bnn_node node;
	int32_t out;

	lo->at[i].f = from->f;
	bnn_lower_init(&node, BNN_CMD_POOL, op);
	bnn_field_set(node.words, BNN_F_POOL_MODE, modes[p->mode]);
	bnn_field_set(node.words, BNN_F_POOL_H, x->h);
	bnn_field_set(node.words, BNN_F_POOL_W, x->w);
	bnn_field_set(node.words, BNN_F_POOL_CIN, x->c);
	bnn_field_set(node.words, BNN_F_POOL_GROUP, p->group);
	bnn_field_set(node.words, BNN_F_POOL_KH, p->kernel_h);
	bnn_field_set(node.words, BNN_F_POOL_KW, p->kernel_w);
	bnn_field_set(node.words, BNN_F_POOL_SH, p->stride_h);
	bnn_field_set(node.words, BNN_F_POOL_SW, p->stride_w);
	bnn_field_set(node.words, BNN_F_POOL_PAD_T, p->pad_top);
	bnn_field_set(node.words, BNN_F_POOL_PAD_L, p->pad_left);
	bnn_field_set(node.words, BNN_F_POOL_PAD_B, p->pad_bottom);
	bnn_field_set(node.words, BNN_F_POOL_PAD_R, p->pad_right);
	bnn_field_set(node.words, BNN_F_POOL_DIV, p->divisor);
	bnn_field_set(node.words, BNN_F_POOL_IN_FORMAT, format);
	bnn_field_set(node.words, BNN_F_POOL_OUT_FORMAT, format);
	out = bnn_lower_value(lo, !real && i == lo->g->result ? BNN_ROLE_OUTPUT : BNN_ROLE_TEMP,
			      format, op->h, op->w, op->c, lo->at[i].f, NULL, op->name, "");
	if (real)
		lo->at[i].stream = out;
	else
		lo->at[i].codes = out;
	node.ref[BNN_SLOT_IN] = real ? from->stream : from->codes;
	node.ref[BNN_SLOT_OUTP] = out;
	return bnn_lower_node(lo, &node);
}

int bnn_lower_transpose(struct bnn_lower *lo, int i)
{
	const struct bnn_op *op = &lo->g->ops[i], *x = &lo->g->ops[op->in[0]];
	const struct bnn_places *from = &lo->at[op->in[0]];
	struct bnn_node node;

	lo->at[i].f = from->f;
	bnn_lower_init(&node, BNN_CMD_TRANSPOSE, op);
	bnn_field_set(node.words, BNN_F_TRANSPOSE_H, x->h);
	bnn_field_set(node.words, BNN_F_TRANSPOSE_W, x->w);
	bnn_field_set(node.words, BNN_F_TRANSPOSE_C, x->c);
	bnn_field_set(node.words, BNN_F_TRANSPOSE_IN_FORMAT, BNN_FORMAT_E_S16);
	bnn_field_set(node.words, BNN_F_TRANSPOSE_OUT_FORMAT, BNN_FORMAT_E_S16);
	node.ref[BNN_SLOT_IN] = from->stream;
	node.ref[BNN_SLOT_OUTP] = lo->at[i].stream =
		bnn_lower_value(lo, BNN_ROLE_TEMP, BNN_FORMAT_E_S16, op->h, op->w, op->c,
				lo->at[i].f, NULL, op->name, "");
	return bnn_lower_node(lo, &node);
}
