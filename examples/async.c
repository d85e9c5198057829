/* SPDX-License-Identifier: MIT */
/*
 * Requests in the background: submits images as they come, and collects results when
 * poll() says that there are some. A program with a loop of its own would add the
 * descriptor to the others it waits for.
 *
 *     async MODEL.bnn IMAGES
 */
#include <poll.h>

#include "digits.h"

enum { PART = 8 /* images per request */ };

int main(int argc, char **argv)
{
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel *ctx = NULL;
	struct bnnaccel_model *model;
	struct bnnaccel_session *session;
	size_t count, submitted = 0, collected = 0;
	unsigned char *images, *results;
	struct pollfd ended = { .events = POLLIN };

	if (argc != 3)
		return fprintf(stderr, "usage: async MODEL.bnn IMAGES\n"), 2;
	count = read_digits(argv[2], &images);
	check(ctx, bnnaccel_open(&ctx));
	check(ctx, bnnaccel_model_load(ctx, argv[1], &model));
	bnnaccel_model_get_info(model, &info);
	check(ctx, bnnaccel_session_open(ctx, model, NULL, &session));
	results = malloc(count * info.output_bytes);
	check(ctx, ended.fd = bnnaccel_session_fd(session));

	while (collected < count) {
		uint64_t ticket;

		if (submitted < count) {
			struct bnnaccel_request request = {
				.size = sizeof(request),
				.inputs = images + submitted * info.input_bytes,
				.outputs = results + submitted * info.output_bytes,
				.count = count - submitted < PART ? count - submitted : PART,
			};

			/* Returns at once; images and results must stay where they are. */
			check(ctx, bnnaccel_submit(session, &request, &ticket));
			submitted += request.count;
		}
		/* While there are more images: only look. Then: wait. */
		if (poll(&ended, 1, submitted < count ? 0 : -1) != 1)
			continue;
		/* Requests end in the order they were submitted. */
		check(ctx, bnnaccel_next(session, &ticket, 0));
		for (int i = 0; i < PART && collected < count; i++, collected++)
			printf("%u\n", bnnaccel_output_class(
					       model, results + collected * info.output_bytes));
	}
	bnnaccel_close(ctx);
	free(results);
	free(images);
	return 0;
}
