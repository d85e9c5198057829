// SPDX-License-Identifier: MIT
/* large: writes networks of the papers' size, or images of that size (see large.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "large.h"

enum { SIZE = 224, IMAGES = 3 };

static int usage(FILE *out)
{
	fputs("usage: large NAME FILE.bnn       a network with random parameters\n"
	      "       large --image SEED FILE.ppm   a random image of 224x224\n\nnetworks:\n",
	      out);
	for (const struct large_network *n = large_networks; n->name; n++)
		fprintf(out, "  %-22s %s\n", n->name, n->about);
	return out == stdout ? 0 : 2;
}

static int write_image(const char *seed, const char *path)
{
	static uint8_t bytes[SIZE * SIZE * 3];
	FILE *file = fopen(path, "wb");

	large_image(strtoull(seed, NULL, 10), SIZE, bytes);
	if (file)
		fprintf(file, "P6 %d %d 255\n", SIZE, SIZE);
	if (!file || fwrite(bytes, sizeof(bytes), 1, file) != 1 || fclose(file)) {
		fprintf(stderr, "large: %s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The last line of a report tells how many values saturated on the calibration images. */
static const char *last_line(char *text)
{
	size_t len = strlen(text);
	char *line;

	if (len && text[len - 1] == '\n')
		text[len - 1] = 0;
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

static int write_network(struct bnnaccel *ctx, const struct large_network *network,
			 const char *path)
{
	static uint8_t images[IMAGES][SIZE * SIZE * 3];
	struct bnnaccel_build_options options = {
		.size = sizeof(options), .images = images, .image_count = IMAGES, .headroom = 1.5
	};
	struct bnnaccel_graph *g = NULL;
	struct bnnaccel_model *model;
	double start = seconds();
	char *report = NULL;
	int rc;

	for (uint64_t i = 0; i < IMAGES; i++)
		large_image(i + 1, SIZE, images[i]);
	options.report = &report;
	rc = large_graph(network, SIZE, 1, &g);
	if (rc) {
		fprintf(stderr, "large: %s\n", g ? bnnaccel_graph_error(g) : "out of memory");
	} else {
		rc = bnnaccel_graph_build(ctx, g, &options, &model);
		if (!rc)
			rc = bnnaccel_model_save(ctx, model, path);
		if (rc)
			fprintf(stderr, "large: %s\n", bnnaccel_last_error(ctx));
	}
	if (!rc)
		printf("%s (%.0f s)\n", last_line(report), seconds() - start);
	if (!rc && getenv("LARGE_REPORT"))
		puts(report);
	free(report);
	bnnaccel_graph_free(g);
	return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
	const struct large_network *network;
	struct bnnaccel *ctx;
	int code;

	if (argc == 4 && !strcmp(argv[1], "--image"))
		return write_image(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout);
	network = argc == 3 ? large_find(argv[1]) : NULL;
	if (!network)
		return usage(stderr);
	if (bnnaccel_open(&ctx)) {
		fputs("large: out of memory\n", stderr);
		return 1;
	}
	code = write_network(ctx, network, argv[2]);
	bnnaccel_close(ctx);
	return code;
}
