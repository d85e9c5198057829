/* SPDX-License-Identifier: MIT */
/*
 * Memory without copies: images are put where the device reads them, results are read
 * where it wrote them. For that they begin at multiples of 64 bytes.
 *
 *     zero-copy MODEL.bnn IMAGES [BACKEND]
 */
#include <string.h>

#include "digits.h"

static size_t align(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

int main(int argc, char **argv)
{
	struct bnnaccel_session_options options = { .size = sizeof(options),
						    .backend = argc > 3 ? argv[3] : "auto" };
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel_request request = { .size = sizeof(request) };
	struct bnnaccel_stats stats = { .size = sizeof(stats) };
	struct bnnaccel *ctx = NULL;
	struct bnnaccel_model *model;
	struct bnnaccel_session *session;
	struct bnnaccel_buffer *in, *out;
	unsigned char *digits;
	uint64_t ticket;

	if (argc < 3)
		return fprintf(stderr, "usage: zero-copy MODEL.bnn IMAGES [BACKEND]\n"), 2;
	request.count = read_digits(argv[2], &digits);
	check(ctx, bnnaccel_open(&ctx));
	check(ctx, bnnaccel_model_load(ctx, argv[1], &model));
	bnnaccel_model_get_info(model, &info);
	check(ctx, bnnaccel_session_open(ctx, model, &options, &session));

	request.input_stride = align(info.input_bytes);
	request.output_stride = align(info.output_bytes);
	check(ctx, bnnaccel_buffer_alloc(session, request.count * request.input_stride, &in));
	check(ctx, bnnaccel_buffer_alloc(session, request.count * request.output_stride, &out));
	request.inputs = bnnaccel_buffer_data(in);
	request.outputs = bnnaccel_buffer_data(out);

	/* A camera or a decoder would write here itself. */
	for (size_t i = 0; i < request.count; i++)
		memcpy((unsigned char *)bnnaccel_buffer_data(in) + i * request.input_stride,
		       digits + i * DIGIT_BYTES, DIGIT_BYTES);

	check(ctx, bnnaccel_submit(session, &request, &ticket));
	check(ctx, bnnaccel_wait(session, ticket, -1));
	for (size_t i = 0; i < request.count; i++)
		printf("%u\n",
		       bnnaccel_output_class(model, (unsigned char *)bnnaccel_buffer_data(out) +
							    i * request.output_stride));
	bnnaccel_session_get_stats(session, &stats);
	fprintf(stderr, "%llu bytes copied\n", (unsigned long long)stats.copied);
	bnnaccel_close(ctx); /* the buffers, too */
	free(digits);
	return 0;
}
