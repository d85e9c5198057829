// SPDX-License-Identifier: MIT
/* The commands of a model as text. */
#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "compile/compile.h"
#include "compile/disasm.h"
#include "compile/placement.h"

/* The default build: 16 lanes of 256 bits, memories of 256 KiB each. */
static const struct bnn_target target = {
	.name = "the default device",
	.features = ~(uint64_t)BNN_FEATURES_SHIFT_ONLY,
	.caps_array =
		16 | 256 << BNN_CAPS_ARRAY_LANE_BITS_SHIFT | 16 << BNN_CAPS_ARRAY_POST_LANES_SHIFT,
	.caps_ram = 256 | 256 << BNN_CAPS_RAM_WEIGHT_KIB_SHIFT,
	.clock_hz = 200000000,
	.max_commands = BNN_COMMANDS_MAX,
};

static int print_segment(FILE *file, const struct bnn_net *net, const struct bnn_plan *plan,
			 const struct bnn_segment *segment, struct bnn_error *error)
{
	struct bnn_program *program;
	int rc;

	if (segment->cpu) {
		for (uint32_t i = segment->first; i < segment->end; i++)
			fprintf(file, "# on the CPU: %s\n", net->nodes[i].name);
		return 0;
	}
	rc = bnn_compile_segment(net, &target, NULL, plan, segment, &program, error);
	if (rc)
		return rc;
	bnn_program_print(file, program, net);
	bnn_program_free(program);
	return 0;
}

static int print_all(FILE *file, const struct bnn_net *net, struct bnn_error *error)
{
	const struct bnn_placement_options options = { .fallback = BNN_FALLBACK_NEEDED };
	struct bnn_placement placement;
	struct bnn_plan plan;
	int rc = bnn_placement_make(net, &target, &options, &placement, error);

	if (rc)
		return rc;
	rc = bnn_plan_make(net, &placement, bnn_target_onchip(&target), &plan, error);
	if (!rc) {
		for (size_t i = 0; !rc && i < placement.count; i++)
			rc = print_segment(file, net, &plan, &placement.segments[i], error);
		bnn_plan_free(&plan);
	}
	bnn_placement_free(&placement, net->node_count);
	return rc;
}

int bnnaccel_model_list_commands(struct bnnaccel *ctx, const struct bnnaccel_model *model,
				 char **text)
{
	struct bnn_error *error = bnn_api_error(ctx);
	size_t length;
	FILE *file;
	int rc;

	if (!ctx || !model || !text)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_model_list_commands: context, model or text is NULL");
	*text = NULL;
	file = open_memstream(text, &length);
	rc = file ? print_all(file, model->net, error) : 0;
	if (!file || fclose(file))
		rc = bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory for a command list");
	if (rc) {
		free(*text);
		*text = NULL;
	}
	return rc;
}
