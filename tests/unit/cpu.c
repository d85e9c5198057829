// SPDX-License-Identifier: MIT
/*
 * The CPU engine against the naive oracle: random networks of all commands, both
 * convolutions, every output bit and every counter that does not depend on time.
 *
 *     cpu [COUNT [FIRST_SEED]]
 */
#include <stdlib.h>
#include <string.h>

#include "../common/oracle.h"
#include "../common/random_net.h"
#include "../common/tap.h"
#include "cpu/cpu.h"

static const int compared[] = { BNN_COUNTER_MACS, BNN_COUNTER_FRAC_ISSUED, BNN_COUNTER_FRAC_SKIPPED,
				BNN_COUNTER_SATURATED };

/* fill: every byte of the input, or -1 for random ones. */
static uint8_t **new_buffers(const struct bnn_net *net, uint64_t seed, int fill)
{
	uint8_t **buffers = calloc(net->value_count, sizeof(*buffers));
	size_t i;

	for (i = 0; i < net->value_count; i++) {
		if (net->values[i].role == BNN_ROLE_CONST)
			continue;
		/* A pattern, so that writing where nothing may be written shows. */
		buffers[i] = malloc(net->values[i].bytes);
		memset(buffers[i], 0xa5, net->values[i].bytes);
	}
	random_input(seed, net, buffers[net->input.value]);
	if (fill >= 0)
		memset(buffers[net->input.value], fill, net->values[net->input.value].bytes);
	return buffers;
}

static void free_buffers(const struct bnn_net *net, uint8_t **buffers)
{
	size_t i;

	for (i = 0; i < net->value_count; i++)
		free(buffers[i]);
	free(buffers);
}

/* Runs a network on the engine and on the oracle. What differs is told. */
static bool same(const struct bnn_net *net, uint64_t seed, int fill, enum bnn_cpu_path path)
{
	/* Each instruction set in turn. */
	enum bnn_cpu_isa most = seed % BNN_CPU_ISAS;
	uint64_t got[BNN_COUNTERS] = { 0 }, want[BNN_COUNTERS] = { 0 };
	uint8_t **a = new_buffers(net, seed, fill), **b = new_buffers(net, seed, fill);
	struct bnn_error error = { "" };
	struct bnn_cpu_plan *plan;
	bool ok = true;
	size_t node, i;

	for (node = 0; ok && node < net->node_count; node++) {
		if (bnn_cpu_plan_new(net, node, path, most, &plan, &error) ||
		    bnn_cpu_plan_run(plan, a, got, &error)) {
			printf("# seed %llu node %zu: %s\n", (unsigned long long)seed, node,
			       error.text);
			ok = false;
			break;
		}
		bnn_cpu_plan_free(plan);
		oracle_run_node(net, node, b, want);
		for (i = 0; i < net->value_count; i++) {
			if (a[i] && memcmp(a[i], b[i], net->values[i].bytes)) {
				printf("# seed %llu node %zu opcode %02x: value %zu differs\n",
				       (unsigned long long)seed, node,
				       net->nodes[node].words[0] & 0xff, i);
				ok = false;
			}
		}
		for (i = 0; i < sizeof(compared) / sizeof(compared[0]); i++) {
			if (got[compared[i]] != want[compared[i]]) {
				printf("# seed %llu node %zu: counter %d is %llu, not %llu\n",
				       (unsigned long long)seed, node, compared[i],
				       (unsigned long long)got[compared[i]],
				       (unsigned long long)want[compared[i]]);
				ok = false;
			}
		}
	}
	free_buffers(net, a);
	free_buffers(net, b);
	return ok;
}

/*
 * The longest sums that are legal, of the largest values: every input format with
 * every weight format, to a single output pixel.
 */
static struct bnn_net *largest(uint32_t format, uint32_t wformat, bool frac, uint8_t weight)
{
	struct bnn_net *net = bnn_net_new("largest");
	struct bnn_node n = { .name = "conv", .words = { BNN_CMD_CONV } };
	uint32_t *words = n.words, cin;
	struct bnn_value v = { 0 };
	char text[128];
	int slot;

#define SET(field, value) bnn_field_set(words, BNN_F_CONV_##field, value)
	for (slot = 0; slot < BNN_SLOTS; slot++)
		n.ref[slot] = BNN_NO_VALUE;
	SET(FRAC, frac);
	SET(PS, 8); /* so that 32 bits are not clamped to 24 */
	SET(H, 7);
	SET(W, 7);
	SET(COUT, 3);
	SET(KH, 7);
	SET(KW, 7);
	SET(SH, 1);
	SET(SW, 1);
	SET(DH, 1);
	SET(DW, 1);
	SET(GROUPS, 1);
	SET(IN_FORMAT, format);
	SET(WFORMAT, wformat);
	SET(OUTS_FORMAT, BNN_FORMAT_E_S32);
	for (cin = 700; cin; cin--) {
		SET(CIN, cin);
		if (!bnn_command_check(words, text, sizeof(text)))
			break;
	}
#undef SET
	v = (struct bnn_value){ .name = "in",
				.role = BNN_ROLE_INPUT,
				.format = (uint8_t)format,
				.h = 7,
				.w = 7,
				.c = cin };
	n.ref[BNN_SLOT_IN] = bnn_net_add_value(net, &v);
	v = (struct bnn_value){ .name = "w",
				.role = BNN_ROLE_CONST,
				.bytes = bnn_weight_bytes(words) };
	v.data = malloc(v.bytes);
	memset(v.data, weight, v.bytes);
	n.ref[BNN_SLOT_WEIGHT] = bnn_net_add_value(net, &v);
	if (frac) {
		v = (struct bnn_value){ .name = "p", .role = BNN_ROLE_CONST, .bytes = 3 * 64 };
		v.data = calloc(1, v.bytes);
		n.ref[BNN_SLOT_PARAM] = bnn_net_add_value(net, &v);
	}
	v = (struct bnn_value){ .name = "out",
				.role = BNN_ROLE_OUTPUT,
				.format = BNN_FORMAT_E_S32,
				.h = 1,
				.w = 1,
				.c = 3 };
	n.ref[BNN_SLOT_OUTS] = bnn_net_add_value(net, &v);
	bnn_net_add_node(net, &n);
	net->input.value = n.ref[BNN_SLOT_IN];
	net->input.h = net->input.w = 1;
	net->input.c = (uint32_t)net->values[net->input.value].bytes;
	net->output.value = n.ref[BNN_SLOT_OUTS];
	net->output.count = 3;
	return net;
}

static void test_largest(void)
{
	static const uint8_t fill[] = { 0x00, 0xff, 0x80, 0x88 };
	static const uint8_t weight[] = { 0x00, 0x00, 0x80, 0xff };
	uint32_t format, wformat, pattern;
	unsigned int bad = 0, tried = 0;
	int path;

	for (format = 1; format < 32; format++) {
		if (!bnn_format_known(format) || format == BNN_FORMAT_E_U16 ||
		    format == BNN_FORMAT_E_S32)
			continue;
		for (wformat = 0; wformat < 7; wformat++) {
			for (pattern = 0; pattern < 4; pattern++) {
				bool frac = format == BNN_FORMAT_O2 && wformat == 0 && pattern & 1;
				struct bnn_net *net =
					largest(format, wformat, frac, weight[pattern]);
				struct bnn_error error = { "" };

				bad += bnn_net_check(net, &error) != 0;
				for (path = BNN_CPU_PACKED; path <= BNN_CPU_INTEGER;
				     path++, tried++)
					bad += !same(net, 0, fill[pattern],
						     (enum bnn_cpu_path)path);
				bnn_net_free(net);
			}
		}
	}
	tap_ok(!bad, "%u sums as long and large as they may be", tried);
}

/* What the random layers have covered, so that a test of nothing is noticed. */
struct coverage {
	unsigned int commands[256], in[32], outp[32], outs[32], res[32], wformat[8], wmode[4];
	unsigned int pad_mode[3], groups, dilation, stride, win, zero, narrow, frac, in_place;
	unsigned int saturated, sum, pow2, edges;
};

static void cover(struct coverage *c, const struct bnn_net *net)
{
	size_t i;

#define GET(field) bnn_field_get(words, BNN_F_CONV_##field)
	for (i = 0; i < net->node_count; i++) {
		const struct bnn_node *node = &net->nodes[i];
		const uint32_t *words = node->words;
		uint32_t op = words[0] & 0xff;

		c->commands[op]++;
		if (op != BNN_CMD_CONV && op != BNN_CMD_EW)
			continue;
		c->in[GET(IN_FORMAT)]++;
		c->outp[GET(OUTP_FORMAT)]++;
		c->outs[GET(OUTS_FORMAT)]++;
		c->res[GET(RES1_FORMAT)]++;
		c->win += GET(RES1_WIN);
		c->zero += GET(RES1_ZERO);
		c->narrow += GET(NARROW);
		c->sum += GET(SUM_EN);
		c->pow2 += GET(P1_POW2) + GET(P2_POW2);
		c->in_place += node->ref[BNN_SLOT_OUTS] != BNN_NO_VALUE &&
			       (node->ref[BNN_SLOT_OUTS] == node->ref[BNN_SLOT_IN] ||
				node->ref[BNN_SLOT_OUTS] == node->ref[BNN_SLOT_RES1]);
		if (op == BNN_CMD_EW)
			continue;
		c->wformat[GET(WFORMAT)]++;
		c->wmode[GET(WMODE)]++;
		c->frac += GET(FRAC);
		c->groups += GET(GROUPS) > 1;
		c->dilation += GET(DH) > 1;
		c->stride += GET(SH) > 1;
		if (GET(PAD_T) || GET(PAD_R))
			c->pad_mode[GET(PAD_MODE)]++;
	}
#undef GET
}

static bool covered(const unsigned int *counts, size_t n, uint32_t wanted)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((wanted >> i & 1) && !counts[i])
			return false;
	}
	return true;
}

static void check_coverage(const struct coverage *c)
{
	static const int commands[] = { 0x00, 0x10, 0x20, 0x22, 0x30, 0x31, 0x40, 0x42 };
	bool all = true;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		all &= c->commands[commands[i]] > 0;
	tap_ok(all, "every command occurred");
	tap_ok(covered(c->in, 32, 0xdf03fe), "every input format occurred");
	tap_ok(covered(c->outp, 32, 0x3ff) && covered(c->outs, 32, 0xff0001),
	       "every output format occurred");
	tap_ok(covered(c->res, 32, 0x590001) && c->win && c->zero,
	       "every residual format and option occurred");
	tap_ok(covered(c->wformat, 8, 0x7f) && covered(c->wmode, 4, 0xf),
	       "every weight format and mode occurred");
	tap_ok(covered(c->pad_mode, 3, 7) && c->groups && c->dilation && c->stride,
	       "every pad mode, groups, dilation and stride occurred");
	tap_ok(c->narrow && c->frac && c->sum && c->pow2 && c->in_place,
	       "narrow records (%u), gates (%u), sums (%u), powers of two (%u) and results in "
	       "place (%u) occurred",
	       c->narrow, c->frac, c->sum, c->pow2, c->in_place);
}

/* Commands that only this engine knows, alone and among others. */
static void test_host(uint64_t count, uint64_t first)
{
	unsigned int bad = 0, seen[256] = { 0 };
	struct bnn_error error = { "" };

	for (uint64_t seed = first; seed < first + count; seed++) {
		struct random_net_options o = { .commands = seed % 4 ? RANDOM_HOST
								     : RANDOM_HOST | RANDOM_ALL,
						.nodes = seed % 4 ? 1 : 6,
						.max_work = 100000 };
		struct bnn_net *net = random_net(seed, &o);

		if (!net || bnn_net_check(net, &error)) {
			printf("# seed %llu: %s\n", (unsigned long long)seed, error.text);
			bad++;
		} else {
			for (size_t i = 0; i < net->node_count; i++)
				seen[net->nodes[i].words[0] & 0xff]++;
			bad += !same(net, seed, -1, BNN_CPU_AUTO);
		}
		bnn_net_free(net);
	}
	tap_ok(!bad && seen[BNN_CMD_NORMALISE] && seen[BNN_CMD_TABLE] && seen[BNN_CMD_SOFTMAX] &&
		       seen[BNN_CMD_AGGREGATE],
	       "commands of the host = oracle (%u, %u, %u, %u of each)", seen[BNN_CMD_NORMALISE],
	       seen[BNN_CMD_TABLE], seen[BNN_CMD_SOFTMAX], seen[BNN_CMD_AGGREGATE]);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1200;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, seed, tried = 0;
	unsigned int bad_check = 0, bad[3] = { 0 };
	struct coverage coverage = { 0 };
	struct bnn_error error;

	for (seed = first; seed < first + count; seed++, tried++) {
		/* Mostly single nodes; the rest chains, where values are used again. */
		struct random_net_options o = { .nodes = seed % 4 ? 1 : 6,
						.max_work = seed % 4 ? 0 : 400000 };
		struct bnn_net *net = random_net(seed, &o);

		if (!net || bnn_net_check(net, &error)) {
			printf("# seed %llu: %s\n", (unsigned long long)seed,
			       net ? error.text : "out of memory");
			bad_check++;
			bnn_net_free(net);
			continue;
		}
		cover(&coverage, net);
		bad[0] += !same(net, seed, -1, BNN_CPU_AUTO);
		bad[1] += !same(net, seed, -1, BNN_CPU_PACKED);
		bad[2] += !same(net, seed, -1, BNN_CPU_INTEGER);
		bnn_net_free(net);
	}
	tap_ok(!bad_check, "%llu random networks are accepted", (unsigned long long)tried);
	tap_ok(!bad[0], "cpu engine = oracle");
	tap_ok(!bad[1], "convolution on bit planes = oracle");
	tap_ok(!bad[2], "convolution on integers = oracle");
	test_largest();
	if (count >= 1000)
		check_coverage(&coverage);
	test_host(count / 2, first);
	return tap_done();
}
