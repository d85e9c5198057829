// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "compile/compile.h"
#include "compile/disasm.h"

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

int bnnaccel_model_list_commands(struct bnnaccel *ctx, const struct bnnaccel_model *model,
				 char **text)
{
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnn_program *program;
	size_t length;
	FILE *file;
	int rc;

	if (!ctx || !model || !text)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_model_list_commands: context, model or text is NULL");
	*text = NULL;
	rc = bnn_compile(model->net, &target, NULL, &program, error);
	if (rc)
		return rc;
	file = open_memstream(text, &length);
	if (file)
		bnn_program_print(file, program, model->net);
	bnn_program_free(program);
	if (!file || fclose(file)) {
		free(*text);
		*text = NULL;
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory for a command list");
	}
	return 0;
}
