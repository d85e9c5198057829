/* SPDX-License-Identifier: MIT */
/*
 * Many images at once: a job of the device runs the whole network over a batch of
 * them. Shows jobs and time for several sizes; results do not depend on it.
 *
 *     batch MODEL.bnn IMAGES [BACKEND]
 */
#include <string.h>
#include <time.h>

#include "digits.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 1, 16, 200 };
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel *ctx = NULL;
	struct bnnaccel_model *model;
	unsigned char *images, *results, *first;
	size_t count;

	if (argc < 3)
		return fprintf(stderr, "usage: batch MODEL.bnn IMAGES [BACKEND]\n"), 2;
	count = read_digits(argv[2], &images);
	check(ctx, bnnaccel_open(&ctx));
	check(ctx, bnnaccel_model_load(ctx, argv[1], &model));
	bnnaccel_model_get_info(model, &info);
	results = calloc(count, info.output_bytes);
	first = calloc(count, info.output_bytes);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bnnaccel_session_options options = {
			.size = sizeof(options),
			.backend = argc > 3 ? argv[3] : "auto",
			.batch = sizes[i],
		};
		struct bnnaccel_stats stats = { .size = sizeof(stats) };
		struct bnnaccel_session *session;
		double start;

		check(ctx, bnnaccel_session_open(ctx, model, &options, &session));
		start = now();
		check(ctx, bnnaccel_run(session, images, info.input_bytes, results, count));
		fprintf(stderr, "%.0f us per image\n", (now() - start) * 1e6 / (double)count);
		bnnaccel_session_get_stats(session, &stats);
		if (!i)
			memcpy(first, results, count * info.output_bytes);
		printf("at most %u images per job: %llu jobs, results %s\n", sizes[i],
		       (unsigned long long)stats.jobs,
		       memcmp(first, results, count * info.output_bytes) ? "differ" : "equal");
		bnnaccel_session_close(session);
	}
	bnnaccel_close(ctx);
	free(results);
	free(first);
	free(images);
	return 0;
}
