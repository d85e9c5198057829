/* SPDX-License-Identifier: MIT */
/*
 * The CPU helps: nodes that a device can't run, or that were asked for, run on the
 * CPU, with the same results. Shows where each node runs and why.
 *
 *     fallback MODEL.bnn IMAGES [BACKEND [NODE]...]
 */
#include <string.h>

#include "digits.h"

enum { NODES_MAX = 16 };

int main(int argc, char **argv)
{
	struct bnnaccel_session_options options = {
		.size = sizeof(options),
		.backend = argc > 3 ? argv[3] : "auto",
		/* Without it, a node that the backend can't run is an error that names it. */
		.fallback = BNNACCEL_FALLBACK_NEEDED,
	};
	struct bnnaccel_node_info node = { .size = sizeof(node) };
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	uint32_t nodes[NODES_MAX];
	struct bnnaccel *ctx = NULL;
	struct bnnaccel_model *model;
	struct bnnaccel_session *session;
	unsigned char *images, *results;
	size_t count;

	if (argc < 3)
		return fprintf(stderr, "usage: fallback MODEL.bnn IMAGES [BACKEND [NODE]...]\n"), 2;
	for (int i = 4; i < argc && options.cpu_node_count < NODES_MAX; i++)
		nodes[options.cpu_node_count++] = (uint32_t)strtoul(argv[i], NULL, 10);
	options.cpu_nodes = nodes;
	count = read_digits(argv[2], &images);
	check(ctx, bnnaccel_open(&ctx));
	check(ctx, bnnaccel_model_load(ctx, argv[1], &model));
	bnnaccel_model_get_info(model, &info);
	check(ctx, bnnaccel_session_open(ctx, model, &options, &session));

	for (uint32_t i = 0; i < info.nodes; i++) {
		check(ctx, bnnaccel_session_get_node(session, i, &node));
		fprintf(stderr, "node %u %s (%s) on the %s%s%s\n", i, node.name, node.command,
			node.on_cpu ? "cpu" : bnnaccel_session_backend(session),
			*node.reason ? ": it " : "", node.reason);
	}
	results = malloc(count * info.output_bytes);
	check(ctx, bnnaccel_run(session, images, info.input_bytes, results, count));
	for (size_t i = 0; i < count; i++)
		printf("%u\n", bnnaccel_output_class(model, results + i * info.output_bytes));
	bnnaccel_close(ctx);
	free(results);
	free(images);
	return 0;
}
