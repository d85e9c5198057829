// SPDX-License-Identifier: MIT
/*
 * What the compiler makes of a network, checked on the commands themselves: every
 * byte a command reads was last written by the command that should have, whatever
 * shares memory with it; nothing leaves its region; constants are stored once.
 */
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "compile/compile.h"
#include "compile/disasm.h"
#include "compile/refs.h"
#include "tap.h"

#define ALL_FEATURES \
	(BNN_FEATURES_BINARY | BNN_FEATURES_POST | BNN_FEATURES_FRAC | BNN_FEATURES_PLANES | \
	 BNN_FEATURES_STREAM | BNN_FEATURES_TILED | BNN_FEATURES_CODEBOOK | BNN_FEATURES_GROUPS)

static struct bnn_target make_target(uint32_t act_kib)
{
	return (struct bnn_target){
		.name = "test",
		.features = ALL_FEATURES,
		.caps_array = 16 | 256 << BNN_CAPS_ARRAY_LANE_BITS_SHIFT |
			      16u << BNN_CAPS_ARRAY_POST_LANES_SHIFT,
		.caps_ram = act_kib | 256u << BNN_CAPS_RAM_WEIGHT_KIB_SHIFT,
		.clock_hz = 200000000,
		.max_commands = BNN_COMMANDS_MAX,
	};
}

/* One memory: who wrote each 16 bytes last (0: nobody, else value + 1). */
struct memory {
	uint64_t bytes;
	int32_t *owner;
};

enum { GRAIN = 16 };

static struct memory new_memory(uint64_t bytes)
{
	return (struct memory){ bytes, calloc(bytes / GRAIN + 1, sizeof(int32_t)) };
}

static bool touch(struct memory *m, const struct bnn_ref *ref, uint64_t offset, int32_t value)
{
	if (offset % BNN_TENSOR_ALIGN || offset + ref->bytes > m->bytes)
		return false;
	for (uint64_t i = offset / GRAIN; i * GRAIN < offset + ref->bytes; i++) {
		if (ref->write)
			m->owner[i] = value + 1;
		else if (m->owner[i] != value + 1)
			return false;
	}
	return true;
}

/* Outputs must not touch other references of the command, in place excepted. */
static bool disjoint(const uint32_t *words, const struct bnn_ref *a, const struct bnn_ref *b)
{
	unsigned int x = bnn_slot_word[a->slot], y = bnn_slot_word[b->slot];
	bool operand = b->slot == BNN_SLOT_RES1 || b->slot == BNN_SLOT_RES2 ||
		       (b->slot == BNN_SLOT_IN && bnn_opcode(words) == BNN_CMD_EW);

	if (a == b || !a->write || bnn_ref_region(words, x) != bnn_ref_region(words, y))
		return true;
	if (bnn_ref_offset(words, x) + a->bytes <= bnn_ref_offset(words, y) ||
	    bnn_ref_offset(words, y) + b->bytes <= bnn_ref_offset(words, x))
		return true;
	return a->slot == BNN_SLOT_OUTS && operand && words[x] == words[y] &&
	       words[x + 1] == words[y + 1] && words[x + 2] == words[y + 2];
}

static bool check_command(const struct bnn_net *net, const struct bnn_program *program,
			  uint32_t index, struct memory *chip, struct memory *scratch)
{
	const uint32_t *words = bnn_program_command(program, index);
	struct bnn_ref refs[BNN_SLOTS];
	unsigned int count = bnn_command_refs(words, refs);
	int32_t node = program->nodes[index];

	for (int write = 0; write < 2; write++) {
		for (unsigned int i = 0; i < count; i++) {
			unsigned int word = bnn_slot_word[refs[i].slot];
			unsigned int region = bnn_ref_region(words, word);
			int32_t value = net->nodes[node].ref[refs[i].slot];
			uint32_t offset = bnn_ref_offset(words, word);
			bool ok = true;

			if (refs[i].write != write)
				continue;
			if (region == BNN_REGION_ONCHIP)
				ok = touch(chip, &refs[i], offset, value);
			else if (region == BNN_PROGRAM_SCRATCH)
				ok = touch(scratch, &refs[i], offset, value);
			else if (region == BNN_PROGRAM_CONSTANTS)
				ok = offset + refs[i].bytes <= program->constants_bytes &&
				     !memcmp(program->constants + offset, net->values[value].data,
					     refs[i].bytes);
			else
				ok = offset == 0;
			for (unsigned int j = 0; j < count && ok; j++)
				ok = disjoint(words, &refs[i], &refs[j]);
			if (!ok) {
				printf("# command %u, word %u\n", index, word);
				return false;
			}
		}
	}
	return true;
}

static bool plan_holds(const struct bnn_net *net, const struct bnn_program *program,
		       uint32_t act_kib)
{
	struct memory chip = new_memory(1024ull * act_kib);
	struct memory scratch = new_memory(program->scratch_bytes);
	bool ok = program->onchip_bytes <= chip.bytes;

	for (uint32_t i = 0; i < program->count && ok; i++)
		if (program->nodes[i] >= 0)
			ok = check_command(net, program, i, &chip, &scratch);
	free(chip.owner);
	free(scratch.owner);
	return ok && bnn_opcode(bnn_program_command(program, program->count - 1)) == BNN_CMD_END;
}

/* Bytes if no two values shared any. */
static uint64_t unshared(const struct bnn_net *net)
{
	uint64_t sum = 0;

	for (size_t v = 0; v < net->value_count; v++)
		if (net->values[v].role == BNN_ROLE_TEMP)
			sum += (net->values[v].bytes + 63) & ~63ull;
	return sum;
}

static void test_random_plans(unsigned int count)
{
	static const uint32_t sizes[] = { 0, 1, 8, 64, 4095 };
	const struct random_net_options shape = { .nodes = 40, .max_work = 300000 };
	uint64_t failed = 0, shared = 0, on_chip = 0, bad_text = 0;

	for (uint64_t seed = 1; seed <= count; seed++) {
		struct bnn_net *net = random_net(seed, &shape);

		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			struct bnn_target target = make_target(sizes[s]);
			struct bnn_program *program;
			struct bnn_error error = { "" };
			char line[2048];

			if (bnn_compile(net, &target, NULL, &program, &error)) {
				printf("# seed %llu: %s\n", (unsigned long long)seed, error.text);
				failed++;
				continue;
			}
			if (!plan_holds(net, program, sizes[s])) {
				printf("# seed %llu, %u KiB\n", (unsigned long long)seed, sizes[s]);
				failed++;
			}
			shared += program->scratch_bytes + program->onchip_bytes < unshared(net);
			on_chip += program->onchip_bytes > 0;
			for (uint32_t i = 0; i < program->count; i++)
				bad_text += bnn_disasm(bnn_program_command(program, i), line,
						       sizeof(line)) >= sizeof(line) ||
					    strchr(line, '?');
			bnn_program_free(program);
		}
		bnn_net_free(net);
	}
	tap_ok(!failed, "%u networks, five on-chip sizes: reads find what was written", count);
	tap_ok(shared > count && on_chip > count, "memory is shared (%llu) and on chip (%llu)",
	       (unsigned long long)shared, (unsigned long long)on_chip);
	tap_ok(!bad_text, "every command has a text");
}

/* ---- a small network by hand ---- */

/* 3x3 taps of 64 bits, padded to 16 bytes. */
enum { ROW_BYTES = 80 };

static int32_t tensor(struct bnn_net *net, enum bnn_role role, unsigned int format, uint32_t h,
		      uint32_t w, uint32_t c)
{
	struct bnn_value v = {
		.name = "t", .role = role, .format = (uint8_t)format, .h = h, .w = w, .c = c
	};

	return bnn_net_add_value(net, &v);
}

static int32_t constant(struct bnn_net *net, uint64_t bytes, uint8_t fill)
{
	struct bnn_value v = { .name = "k", .role = BNN_ROLE_CONST, .bytes = bytes };

	v.data = malloc(bytes);
	memset(v.data, fill, bytes);
	return bnn_net_add_value(net, &v);
}

static void add_conv(struct bnn_net *net, const char *name, int32_t in, int32_t out,
		     int32_t weights, int32_t param, unsigned int in_format,
		     unsigned int outs_format)
{
	struct bnn_node node = { .name = (char *)name };
	uint32_t *w = node.words;

	for (int s = 0; s < BNN_SLOTS; s++)
		node.ref[s] = BNN_NO_VALUE;
	w[0] = BNN_CMD_CONV;
	bnn_field_set(w, BNN_F_CONV_NARROW, outs_format ? 0 : 1);
	bnn_field_set(w, BNN_F_CONV_H, 8);
	bnn_field_set(w, BNN_F_CONV_W, 8);
	bnn_field_set(w, BNN_F_CONV_CIN, 64);
	bnn_field_set(w, BNN_F_CONV_COUT, 64);
	bnn_field_set(w, BNN_F_CONV_KH, 3);
	bnn_field_set(w, BNN_F_CONV_KW, 3);
	bnn_field_set(w, BNN_F_CONV_SH, 1);
	bnn_field_set(w, BNN_F_CONV_SW, 1);
	bnn_field_set(w, BNN_F_CONV_DH, 1);
	bnn_field_set(w, BNN_F_CONV_DW, 1);
	bnn_field_set(w, BNN_F_CONV_PAD_T, 1);
	bnn_field_set(w, BNN_F_CONV_PAD_L, 1);
	bnn_field_set(w, BNN_F_CONV_PAD_B, 1);
	bnn_field_set(w, BNN_F_CONV_PAD_R, 1);
	bnn_field_set(w, BNN_F_CONV_GROUPS, 1);
	bnn_field_set(w, BNN_F_CONV_IN_FORMAT, in_format);
	node.ref[BNN_SLOT_IN] = in;
	node.ref[BNN_SLOT_WEIGHT] = weights;
	if (outs_format) {
		bnn_field_set(w, BNN_F_CONV_OUTS_FORMAT, outs_format);
		node.ref[BNN_SLOT_OUTS] = out;
	} else {
		bnn_field_set(w, BNN_F_CONV_OUTP_FORMAT, BNN_FORMAT_B1);
		node.ref[BNN_SLOT_OUTP] = out;
		node.ref[BNN_SLOT_PARAM] = param;
	}
	bnn_net_add_node(net, &node);
}

/* Three equal binary layers on an input of 8x8x64 bits; the last one as given. */
static struct bnn_net *three_layers(unsigned int last_outs)
{
	struct bnn_net *net = bnn_net_new("three");
	uint64_t weight_bytes = ROW_BYTES * 64;
	int32_t a = tensor(net, BNN_ROLE_INPUT, BNN_FORMAT_B1, 8, 8, 64);
	int32_t b = tensor(net, BNN_ROLE_TEMP, BNN_FORMAT_B1, 8, 8, 64);
	int32_t c = tensor(net, BNN_ROLE_TEMP, BNN_FORMAT_B1, 8, 8, 64);
	int32_t d = tensor(net, BNN_ROLE_OUTPUT, last_outs ? last_outs : BNN_FORMAT_B1, 8, 8, 64);

	net->input.value = a;
	net->input.h = 8;
	net->input.w = 8;
	net->input.c = 8;
	net->output.value = d;
	net->output.count = 64;
	add_conv(net, "first", a, b, constant(net, weight_bytes, 0x5a), constant(net, 512, 1),
		 BNN_FORMAT_B1, 0);
	add_conv(net, "second", b, c, constant(net, weight_bytes, 0x5a), constant(net, 512, 2),
		 BNN_FORMAT_B1, 0);
	add_conv(net, "third", c, d, constant(net, weight_bytes, 0x77), constant(net, 512, 1),
		 BNN_FORMAT_B1, last_outs);
	return net;
}

static void test_three_layers(void)
{
	static const char *const want =
		"CONV NARROW H=8 W=8 CIN=64 COUT=64 KH=3 KW=3 SH=1 SW=1 DH=1 DW=1 PAD_T=1 PAD_L=1 "
		"PAD_B=1 PAD_R=1 GROUPS=1 IN=chip:0x0/B1(64) WEIGHT=const:0x0 PARAM=const:0x2a00 "
		"OUTP=chip:0x200/B1(64)";
	struct bnn_compile_options prefetch = { .prefetch = true };
	struct bnn_target target = make_target(64);
	struct bnn_net *net = three_layers(0);
	struct bnn_program *program;
	struct bnn_error error = { "" };
	uint32_t words[BNN_COMMAND_BYTES / 4] = { 0x99 };
	char line[512], tiny[4];

	tap_ok(!bnn_net_check(net, &error), "the network is legal %s", error.text);
	if (!tap_ok(!bnn_compile(net, &target, NULL, &program, &error), "it compiles %s",
		    error.text))
		return;
	tap_ok(program->count == 4 && program->loop_start == 0, "three commands and END");
	tap_ok(program->constants_bytes == 2 * 64 * ROW_BYTES + 2 * 512,
	       "equal constants are stored once (%llu bytes)",
	       (unsigned long long)program->constants_bytes);
	tap_ok(program->estimate.macs == 3ull * 22 * 22 * 64 * 64,
	       "the estimate counts present taps");
	bnn_disasm(bnn_program_command(program, 1), line, sizeof(line));
	if (!tap_ok(!strcmp(line, want), "disassembly"))
		printf("# %s\n", line);
	tap_ok(bnn_disasm(bnn_program_command(program, 1), tiny, sizeof(tiny)) == strlen(want) &&
		       !strcmp(tiny, "CON"),
	       "a short buffer gets the beginning");
	bnn_disasm(words, line, sizeof(line));
	tap_ok(!strcmp(line, "opcode 0x99"), "unknown opcode");
	words[0] = BNN_CMD_POOL | 1u << 30;
	bnn_disasm(words, line, sizeof(line));
	tap_ok(!strcmp(line, "POOL w0?=0x40000000"), "reserved bits show: %s", line);
	bnn_program_free(program);

	bnn_compile(net, &target, &prefetch, &program, &error);
	tap_ok(program->count == 5 && program->loop_start == 1 &&
		       bnn_opcode(program->commands) == BNN_CMD_PREFETCH &&
		       bnn_field_get(program->commands, BNN_F_PREFETCH_BYTES) == 2 * 64 * ROW_BYTES,
	       "the weights are announced once");
	bnn_program_free(program);
	target.caps_ram = 8 << BNN_CAPS_RAM_WEIGHT_KIB_SHIFT;
	bnn_compile(net, &target, &prefetch, &program, &error);
	tap_ok(program->loop_start == 0 && program->onchip_bytes == 0 &&
		       program->scratch_bytes == 1024,
	       "but not if they do not fit; without activation memory all is scratch");
	bnn_program_free(program);
	bnn_net_free(net);
}

static void test_unsupported(void)
{
	struct bnn_target target = make_target(0);
	struct bnn_error error = { "" };
	struct bnn_program *program;
	struct bnn_net *net = three_layers(0);

	target.features = BNN_FEATURES_BINARY;
	target.name = "rtl";
	tap_ok(!bnn_compile(net, &target, NULL, &program, &error),
	       "binary layers need BINARY only %s", error.text);
	bnn_program_free(program);
	target.max_commands = 3;
	tap_ok(bnn_compile(net, &target, NULL, &program, &error) == -8 && !program,
	       "too many nodes: %s", error.text);
	bnn_net_free(net);

	net = three_layers(BNN_FORMAT_E_S16);
	target.max_commands = 0;
	tap_ok(bnn_compile(net, &target, NULL, &program, &error) == -8 && !program &&
		       strstr(error.text, "'third'") && strstr(error.text, "STREAM") &&
		       strstr(error.text, "rtl"),
	       "%s", error.text);
	bnn_net_free(net);
}

int main(int argc, char **argv)
{
	test_three_layers();
	test_unsupported();
	test_random_plans(argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 0) : 400);
	return tap_done();
}
