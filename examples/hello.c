/* SPDX-License-Identifier: MIT */
/*
 * The five calls: open, load, session, run, close. Prints the class of each image.
 *
 *     hello MODEL.bnn IMAGES
 */
#include "digits.h"

int main(int argc, char **argv)
{
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel *ctx = NULL;
	struct bnnaccel_model *model;
	struct bnnaccel_session *session;
	unsigned char *images, *results;
	size_t count;

	if (argc != 3)
		return fprintf(stderr, "usage: hello MODEL.bnn IMAGES\n"), 2;
	count = read_digits(argv[2], &images);

	check(ctx, bnnaccel_open(&ctx));
	check(ctx, bnnaccel_model_load(ctx, argv[1], &model));
	bnnaccel_model_get_info(model, &info);

	/* No options: the device if there is one, else the CPU. Same bits everywhere. */
	check(ctx, bnnaccel_session_open(ctx, model, NULL, &session));

	results = malloc(count * info.output_bytes);
	check(ctx, bnnaccel_run(session, images, info.input_bytes, results, count));
	for (size_t i = 0; i < count; i++)
		printf("%u\n", bnnaccel_output_class(model, results + i * info.output_bytes));

	bnnaccel_close(ctx); /* with its sessions and models */
	free(results);
	free(images);
	return 0;
}
