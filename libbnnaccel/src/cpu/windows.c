// SPDX-License-Identifier: MIT
/* Where the taps of a convolution lie. */
#include "cpu.h"

void bnn_cpu_windows(struct bnn_cpu_windows *n, const uint32_t *words)
{
#define GET(field) bnn_field_get(words, BNN_F_CONV_##field)
	n->h = GET(H);
	n->w = GET(W);
	n->cin = GET(CIN);
	n->cout = GET(COUT);
	n->groups = GET(GROUPS);
	n->cg = n->cin / n->groups;
	n->og = n->cout / n->groups;
	n->kh = GET(KH);
	n->kw = GET(KW);
	n->sh = GET(SH);
	n->sw = GET(SW);
	n->dh = GET(DH);
	n->dw = GET(DW);
	n->pt = GET(PAD_T);
	n->pl = GET(PAD_L);
	n->pb = GET(PAD_B);
	n->pr = GET(PAD_R);
	n->pad_mode = GET(PAD_MODE);
	n->taps = n->kh * n->kw;
	n->ph = n->h + n->pt + n->pb;
	n->pw = n->w + n->pl + n->pr;
	bnn_command_output(words, &n->oh, &n->ow);
#undef GET
}

uint32_t bnn_cpu_present(uint32_t out, uint32_t stride, uint32_t dilation, uint32_t kernel,
			 uint32_t pad, uint32_t size)
{
	uint32_t present = 0, k, at;

	for (k = 0; k < kernel; k++) {
		at = out * stride + k * dilation; /* in the padded input */
		if (at >= pad && at < pad + size)
			present |= 1u << k;
	}
	return present;
}
