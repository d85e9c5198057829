/* SPDX-License-Identifier: MIT */
/*
 * A network from scratch: which half of a picture of 4x4 bytes is brighter? One dense
 * layer with weights +1 and -1 tells. The model is stored, loaded and run.
 *
 *     builder FILE.bnn
 */
#include <stdio.h>
#include <stdlib.h>

#include <bnnaccel/bnnaccel.h>
#include <bnnaccel/graph.h>

enum { SIDE = 4, BYTES = SIDE * SIDE };

static void check(const char *text, int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s\n", bnnaccel_error_name(rc), text);
	exit(1);
}

static void build(struct bnnaccel *ctx, struct bnnaccel_model **model)
{
	static const char *const labels[] = { "left", "right" };
	struct bnnaccel_output output = {
		.kind = BNNACCEL_OUTPUT_INT, .column = "score", .count = 2, .labels = labels
	};
	struct bnnaccel_encoding encoding = { .codes = BNNACCEL_CODES_SIGNED8 };
	struct bnnaccel_conv dense = { .outputs = 2,
				       .kind = BNNACCEL_WEIGHTS_SIGN,
				       .order = BNNACCEL_OHWI };
	float weights[2 * BYTES];
	unsigned char table[256];
	struct bnnaccel_graph *graph;
	int x;

	/* Bytes 0 to 255 become codes -128 to 127 (two's complement). */
	for (int byte = 0; byte < 256; byte++)
		table[byte] = (unsigned char)(byte - 128);
	encoding.table = table;
	/* Output 0 adds the left half and subtracts the right one; output 1 the reverse. */
	for (int i = 0; i < BYTES; i++) {
		weights[i] = i % SIDE < SIDE / 2 ? 1 : -1;
		weights[BYTES + i] = -weights[i];
	}
	dense.weights = weights;

	/* No check in between: the first mistake is what bnnaccel_graph_build() reports. */
	check("out of memory", bnnaccel_graph_new("brighter", &graph));
	bnnaccel_graph_describe(graph, "example; CC0-1.0");
	x = bnnaccel_graph_image(graph, SIDE, SIDE, 1, 0);
	x = bnnaccel_graph_encode(graph, x, &encoding);
	x = bnnaccel_graph_dense(graph, x, &dense);
	bnnaccel_graph_output(graph, x, &output);
	x = bnnaccel_graph_build(ctx, graph, NULL, model);
	bnnaccel_graph_free(graph);
	check(bnnaccel_last_error(ctx), x);
}

int main(int argc, char **argv)
{
	static const unsigned char pictures[2][BYTES] = {
		{ 9, 8, 1, 0, 9, 9, 2, 1, 8, 8, 0, 0, 200, 100, 90, 80 },
		{ 0, 9, 80, 90, 0, 0, 70, 0, 250, 0, 200, 100, 0, 0, 0, 7 },
	};
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel_model *built, *model;
	struct bnnaccel_session *session;
	unsigned char *results;
	struct bnnaccel *ctx;

	if (argc != 2)
		return fprintf(stderr, "usage: builder FILE.bnn\n"), 2;
	check("out of memory", bnnaccel_open(&ctx));
	build(ctx, &built);
	check(bnnaccel_last_error(ctx), bnnaccel_model_save(ctx, built, argv[1]));

	check(bnnaccel_last_error(ctx), bnnaccel_model_load(ctx, argv[1], &model));
	bnnaccel_model_get_info(model, &info);
	results = malloc(2 * info.output_bytes);
	check(bnnaccel_last_error(ctx), bnnaccel_session_open(ctx, model, NULL, &session));
	check(bnnaccel_last_error(ctx), bnnaccel_run(session, pictures, BYTES, results, 2));
	for (int i = 0; i < 2; i++) {
		const unsigned char *result = results + (size_t)i * info.output_bytes;
		uint32_t class = bnnaccel_output_class(model, result);

		printf("picture %d: %s by %lld\n", i, bnnaccel_model_label(model, class),
		       (long long)bnnaccel_output_int(model, result, class));
	}
	bnnaccel_close(ctx);
	free(results);
	return 0;
}
