// SPDX-License-Identifier: MIT
/*
 * Speed of the CPU engine on a network of the shape of FracBNN for CIFAR-10: 19
 * convolutions of 3x3 with gates, 16, 32 and 64 channels, two stages per layer.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/random_net.h"
#include "../common/tap.h"
#include "error.h"
#include "exec.h"

#define SET(n, field, v) bnn_field_set((n)->words, BNN_F_##field, v)

static struct random dice = { 5 };

static int32_t constant(struct bnn_net *net, uint64_t bytes, bool records)
{
	struct bnn_value v = { .name = "constant", .role = BNN_ROLE_CONST, .bytes = bytes };
	uint64_t i;

	v.data = malloc(bytes);
	for (i = 0; i < bytes; i++)
		v.data[i] = records ? 0 : (uint8_t)random_next(&dice);
	/* Slopes near 1, thresholds near 0: about half of the gates open. */
	for (i = 0; records && i < bytes; i += BNN_SIZEOF_PARAM) {
		v.data[i + BNN_PARAM_A1] = v.data[i + BNN_PARAM_A1 + 2] = 64;
		v.data[i + BNN_PARAM_A2] = v.data[i + BNN_PARAM_A2 + 2] = 64;
		v.data[i + BNN_PARAM_Q + 1] = 0xff;
		v.data[i + BNN_PARAM_Q + 4] = 0xff;
	}
	return bnn_net_add_value(net, &v);
}

static int32_t tensor(struct bnn_net *net, enum bnn_role role, int format, uint32_t size,
		      uint32_t c)
{
	struct bnn_value v = { .name = "tensor",
			       .role = role,
			       .format = (uint8_t)format,
			       .h = size,
			       .w = size,
			       .c = c };

	return bnn_net_add_value(net, &v);
}

/* One layer: codes -> CONV -> codes and stream. Returns the codes. */
static int32_t layer(struct bnn_net *net, int32_t in, int format, bool frac, uint32_t size,
		     uint32_t cin, uint32_t cout, uint32_t stride, enum bnn_role role)
{
	struct bnn_node n = { .name = "layer", .words = { BNN_CMD_CONV } };
	int slot;

	for (slot = 0; slot < BNN_SLOTS; slot++)
		n.ref[slot] = BNN_NO_VALUE;
	SET(&n, CONV_P1, 1);
	SET(&n, CONV_P2, 1);
	SET(&n, CONV_S1, 6);
	SET(&n, CONV_S2, 6);
	SET(&n, CONV_FRAC, frac);
	SET(&n, CONV_H, size);
	SET(&n, CONV_W, size);
	SET(&n, CONV_CIN, cin);
	SET(&n, CONV_COUT, cout);
	SET(&n, CONV_KH, 3);
	SET(&n, CONV_KW, 3);
	SET(&n, CONV_SH, stride);
	SET(&n, CONV_SW, stride);
	SET(&n, CONV_DH, 1);
	SET(&n, CONV_DW, 1);
	SET(&n, CONV_PAD_T, 1);
	SET(&n, CONV_PAD_L, 1);
	SET(&n, CONV_PAD_B, 1);
	SET(&n, CONV_PAD_R, 1);
	SET(&n, CONV_GROUPS, 1);
	SET(&n, CONV_IN_FORMAT, format);
	SET(&n, CONV_OUTP_FORMAT, BNN_FORMAT_O2);
	SET(&n, CONV_OUTS_FORMAT, BNN_FORMAT_E_S16);
	n.ref[BNN_SLOT_IN] = in;
	n.ref[BNN_SLOT_WEIGHT] = constant(net, bnn_weight_bytes(n.words), false);
	n.ref[BNN_SLOT_PARAM] = constant(net, 64ull * cout, true);
	n.ref[BNN_SLOT_OUTP] = tensor(net, role, BNN_FORMAT_O2, size / stride, cout);
	n.ref[BNN_SLOT_OUTS] = tensor(net, BNN_ROLE_TEMP, BNN_FORMAT_E_S16, size / stride, cout);
	if (stride == 1 && frac) {
		SET(&n, CONV_RES1_FORMAT, BNN_FORMAT_E_S16);
		SET(&n, CONV_RES1_C, cout);
		n.ref[BNN_SLOT_RES1] = n.ref[BNN_SLOT_OUTS] - 4; /* stream of the layer before */
	}
	bnn_net_add_node(net, &n);
	return n.ref[BNN_SLOT_OUTP];
}

static struct bnn_net *fracbnn(void)
{
	struct bnn_net *net = bnn_net_new("fracbnn-shape");
	int32_t x = tensor(net, BNN_ROLE_INPUT, BNN_FORMAT_B1, 32, 96);
	uint32_t size = 32, c = 16, stage, i;

	net->input.value = x;
	net->input.h = net->input.w = 1;
	net->input.c = (uint32_t)net->values[x].bytes;
	x = layer(net, x, BNN_FORMAT_B1, false, 32, 96, 16, 1, BNN_ROLE_TEMP);
	for (stage = 0; stage < 3; stage++) {
		for (i = 0; i < 6; i++) {
			uint32_t stride = stage && !i ? 2 : 1;
			uint32_t cout = stride == 2 ? 2 * c : c;

			x = layer(net, x, BNN_FORMAT_O2, true, size, c, cout, stride,
				  stage == 2 && i == 5 ? BNN_ROLE_OUTPUT : BNN_ROLE_TEMP);
			size /= stride;
			c = cout;
		}
	}
	net->output.value = x;
	net->output.count = 10;
	return net;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	size_t frames = argc > 1 ? strtoul(argv[1], NULL, 0) : 10, i;
	struct bnn_net *net = fracbnn();
	struct bnn_error error = { "" };
	struct bnn_exec_stats stats;
	struct bnn_exec *exec;
	double begin, ms;
	uint8_t *in, *out;

	if (!tap_ok(!bnn_net_check(net, &error) && !bnn_exec_cpu.open(net, NULL, &exec, &error),
		    "the network: %s", error.text))
		return tap_done();
	in = malloc(net->values[net->input.value].bytes);
	out = malloc(net->values[net->output.value].bytes);
	random_input(3, net, in);
	begin = now();
	for (i = 0; i < frames; i++)
		bnn_exec_cpu.run(exec, in, 0, out, 1, &error);
	ms = (now() - begin) / (double)frames;
	bnn_exec_cpu.stats(exec, &stats);
	printf("# %.1f M binary MACs, %llu of %llu gates open, %.1f ms of CPU time per frame\n",
	       (double)stats.counters[BNN_COUNTER_MACS] / 1e6 / (double)frames,
	       (unsigned long long)(stats.counters[BNN_COUNTER_FRAC_ISSUED] / frames),
	       (unsigned long long)((stats.counters[BNN_COUNTER_FRAC_ISSUED] +
				     stats.counters[BNN_COUNTER_FRAC_SKIPPED]) /
				    frames),
	       ms);
	/* A wide bound: other work on the machine must not fail the tests. */
	tap_ok(ms < 200, "a frame takes less than 200 ms");
	bnn_exec_cpu.close(exec);
	bnn_net_free(net);
	free(in);
	free(out);
	return tap_done();
}
