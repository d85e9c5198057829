// SPDX-License-Identifier: MIT
#include "compile.h"

#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "../error.h"
#include "constants.h"
#include "refs.h"

/* Bits of a reference's second word: region 5:0, format 10:6, pitch / 16 30:11. */
#define PITCH_SHIFT 11

static uint64_t align_up(uint64_t x)
{
	return (x + BNN_TENSOR_ALIGN - 1) & ~(uint64_t)(BNN_TENSOR_ALIGN - 1);
}

static const char *op_name(const uint32_t *words)
{
	const struct bnn_command *command = bnn_command_find(words);

	return command ? command->name : "unknown";
}

/* Input and output have a region each, at offset 0. */
static void place_ends(const struct bnn_net *net, struct bnn_program *program)
{
	int32_t in = net->input.value, out = net->output.value;

	program->places[in] = (struct bnn_place){ BNN_PROGRAM_INPUT, 0 };
	program->input_bytes = net->values[in].bytes;
	program->input_stride = align_up(program->input_bytes);
	program->places[out] = (struct bnn_place){ BNN_PROGRAM_OUTPUT, 0 };
	program->output_bytes = net->values[out].bytes;
	program->output_stride = align_up(program->output_bytes);
}

static int fill_reference(const struct bnn_net *net, const struct bnn_node *node,
			  const struct bnn_ref *ref, struct bnn_program *program, uint32_t *words,
			  struct bnn_error *error)
{
	unsigned int word = bnn_slot_word[ref->slot];
	int32_t v = node->ref[ref->slot];
	const struct bnn_place *place;

	if (v == BNN_NO_VALUE || ref->bytes > net->values[v].bytes)
		return bnn_fail(error, BNNACCEL_ERR_BAD_MODEL,
				"node '%s' (%s) has no value of %llu bytes for word %u", node->name,
				op_name(words), (unsigned long long)ref->bytes, word);
	place = &program->places[v];
	if (place->region == BNN_PLACE_UNUSED)
		return bnn_fail(error, BNNACCEL_ERR_BAD_MODEL,
				"value '%s' of node '%s' has a role the compiler does not know",
				net->values[v].name, node->name);
	words[word] = (uint32_t)place->offset;
	words[word + 1] |= place->region | (uint32_t)(ref->pitch / BNN_ROW_ALIGN) << PITCH_SHIFT;
	if (!ref->write && place->region == BNN_PROGRAM_OUTPUT)
		program->output_read = true;
	return 0;
}

static uint32_t *append(struct bnn_program *program, int32_t node)
{
	uint32_t *words = program->commands + (size_t)program->count * (BNN_COMMAND_BYTES / 4);

	program->nodes[program->count++] = node;
	return words;
}

static int emit_nodes(const struct bnn_net *net, const struct bnn_target *target,
		      const struct bnn_segment *segment, struct bnn_program *program,
		      struct bnn_error *error)
{
	for (size_t n = segment->first; n < segment->end; n++) {
		const struct bnn_node *node = &net->nodes[n];
		uint32_t *words = append(program, (int32_t)n);
		struct bnn_ref refs[BNN_SLOTS];
		unsigned int count = bnn_command_refs(node->words, refs);
		int ret = bnn_target_check(target, node, error);

		memcpy(words, node->words, BNN_COMMAND_BYTES);
		for (unsigned int i = 0; i < count && !ret; i++)
			ret = fill_reference(net, node, &refs[i], program, words, error);
		if (ret)
			return ret;
		bnn_estimate_command(words, target, &program->estimate);
	}
	return 0;
}

/* Worth it only if the weights stay resident from then on. */
static void emit_prefetch(const struct bnn_target *target, const struct bnn_constants *constants,
			  struct bnn_program *program)
{
	uint64_t room = 1024ull * ((target->caps_ram & BNN_CAPS_RAM_WEIGHT_KIB) >>
				   BNN_CAPS_RAM_WEIGHT_KIB_SHIFT);
	uint32_t *words;

	if (!constants->weight_bytes || constants->weight_bytes > room)
		return;
	words = append(program, -1);
	words[0] = BNN_CMD_PREFETCH;
	bnn_field_set(words, BNN_F_PREFETCH_BYTES, (uint32_t)constants->weight_bytes);
	bnn_field_set(words, BNN_F_PREFETCH_IN_OFFSET, 0);
	bnn_field_set(words, BNN_F_PREFETCH_IN_REGION, BNN_PROGRAM_CONSTANTS);
	program->loop_start = program->count;
}

static int check_size(const struct bnn_net *net, const struct bnn_target *target,
		      const struct bnn_segment *segment, const struct bnn_program *program,
		      struct bnn_error *error)
{
	uint32_t max = target->max_commands, nodes = segment->end - segment->first;

	if (!max || max > BNN_COMMANDS_MAX)
		max = BNN_COMMANDS_MAX;
	if (nodes + 2 > max)
		return bnn_fail(error, BNNACCEL_ERR_UNSUPPORTED,
				"network '%s' has %u nodes in a row, %s takes %u commands",
				net->name, nodes, target->name, max);
	if (program->input_stride > BNN_SPACE_MAX || program->output_stride > BNN_SPACE_MAX)
		return bnn_fail(error, BNNACCEL_ERR_UNSUPPORTED,
				"an image or a result of network '%s' exceeds the %u MiB of device "
				"memory a session may use",
				net->name, (unsigned int)(BNN_SPACE_MAX >> 20));
	return 0;
}

uint64_t bnn_target_onchip(const struct bnn_target *target)
{
	return 1024ull * ((target->caps_ram & BNN_CAPS_RAM_ACT_KIB) >> BNN_CAPS_RAM_ACT_KIB_SHIFT);
}

static int compile(const struct bnn_net *net, const struct bnn_target *target,
		   const struct bnn_compile_options *options, const struct bnn_plan *plan,
		   const struct bnn_segment *segment, struct bnn_program *program,
		   struct bnn_error *error)
{
	size_t nodes = segment->end - segment->first, values = net->value_count;
	struct bnn_constants constants;
	int ret;

	program->places = calloc(values + 1, sizeof(*program->places));
	program->commands = calloc(nodes + 2, BNN_COMMAND_BYTES);
	program->nodes = calloc(nodes + 2, sizeof(*program->nodes));
	if (!program->places || !program->commands || !program->nodes)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory to compile network '%s'",
				net->name);
	memcpy(program->places, plan->places, values * sizeof(*program->places));
	program->onchip_bytes = plan->onchip_bytes;
	program->scratch_bytes = plan->scratch_bytes;
	program->exchange_bytes = plan->exchange_bytes;
	place_ends(net, program);
	ret = check_size(net, target, segment, program, error);
	if (ret)
		return ret;
	ret = bnn_constants_make(net, segment, program->places, &constants, error);
	if (ret)
		return ret;
	program->constants = constants.data;
	program->constants_bytes = constants.bytes;

	if (options && options->prefetch)
		emit_prefetch(target, &constants, program);
	ret = emit_nodes(net, target, segment, program, error);
	if (ret)
		return ret;
	append(program, -1)[0] = BNN_CMD_END;
	return 0;
}

int bnn_compile_segment(const struct bnn_net *net, const struct bnn_target *target,
			const struct bnn_compile_options *options, const struct bnn_plan *plan,
			const struct bnn_segment *segment, struct bnn_program **out,
			struct bnn_error *error)
{
	struct bnn_program *program = calloc(1, sizeof(*program));
	int ret;

	*out = NULL;
	if (!program)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory to compile network '%s'",
				net->name);
	ret = compile(net, target, options, plan, segment, program, error);
	if (ret)
		bnn_program_free(program);
	else
		*out = program;
	return ret;
}

int bnn_compile(const struct bnn_net *net, const struct bnn_target *target,
		const struct bnn_compile_options *options, struct bnn_program **program,
		struct bnn_error *error)
{
	const struct bnn_segment all = { .end = (uint32_t)net->node_count };
	struct bnn_plan plan;
	int ret = bnn_plan_make(net, NULL, bnn_target_onchip(target), &plan, error);

	*program = NULL;
	if (ret)
		return ret;
	ret = bnn_compile_segment(net, target, options, &plan, &all, program, error);
	bnn_plan_free(&plan);
	return ret;
}

void bnn_program_free(struct bnn_program *program)
{
	if (!program)
		return;
	free(program->commands);
	free(program->nodes);
	free(program->constants);
	free(program->places);
	free(program);
}
