/* SPDX-License-Identifier: MIT */
/* bnnaccel import: makes a .bnn file from the raw arrays of a trained network. */
#include "cli.h"

#include <getopt.h>
#include <stdlib.h>

#include <bnnaccel/import.h>

#include "images.h"

static void help(void)
{
	const struct bnnaccel_import_kind *kind;

	printf("usage: bnnaccel import [OPTIONS] FOLDER|MODEL.onnx -o MODEL.bnn\n\n"
	       "  -o FILE            the model to write\n"
	       "  --calibrate FILE   images to choose fixed-point formats with; may be repeated\n"
	       "  --images N         use the first N of them (default 100)\n"
	       "  --headroom X       room over the largest value seen (default 1.25)\n"
	       "  --pow2             round scales of binary convolutions to powers of two\n"
	       "  --report           show the formats chosen and what they lose\n\n"
	       "Folders are known by the files in them:\n");
	for (unsigned int i = 0; (kind = bnnaccel_import_kind(i)); i++)
		printf("  %-14s %s\n", kind->name, kind->about);
}

struct options {
	const char *output;
	struct images calibrate;
	uint64_t images;
	double headroom;
	bool report, pow2;
};

/* Returns 0, an exit code, or -1 after --help. */
static int parse(int argc, char **argv, struct options *o)
{
	enum { CALIBRATE = 256, IMAGES, HEADROOM, REPORT, POW2 };
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "calibrate", required_argument, NULL, CALIBRATE },
		{ "images", required_argument, NULL, IMAGES },
		{ "headroom", required_argument, NULL, HEADROOM },
		{ "report", no_argument, NULL, REPORT },
		{ "pow2", no_argument, NULL, POW2 },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *end, error[512];
	int c, err;

	optind = 0;
	while ((c = getopt_long(argc, argv, "ho:", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			o->output = optarg;
			break;
		case CALIBRATE:
			err = images_load(&o->calibrate, optarg, NULL, error, sizeof(error));
			if (err)
				return cli_fail("import", err, "%s", error);
			break;
		case IMAGES:
			if (!cli_number(optarg, 1, 1000000, &o->images))
				return cli_fail(
					"import", BNNACCEL_ERR_ARGUMENT,
					"--images takes a number from 1 to 1000000, not '%s'",
					optarg);
			break;
		case HEADROOM:
			o->headroom = strtod(optarg, &end);
			if (*end || !(o->headroom >= 1 && o->headroom <= 1000))
				return cli_fail(
					"import", BNNACCEL_ERR_ARGUMENT,
					"--headroom takes a factor from 1 to 1000, not '%s'",
					optarg);
			break;
		case REPORT:
			o->report = true;
			break;
		case POW2:
			o->pow2 = true;
			break;
		case 'h':
			help();
			return -1;
		default:
			fputs("Try 'bnnaccel import --help'.\n", stderr);
			return -BNNACCEL_ERR_ARGUMENT;
		}
	}
	if (argc - optind != 1 || !o->output)
		return cli_fail("import", BNNACCEL_ERR_ARGUMENT,
				"give one folder, and -o FILE; see 'bnnaccel import --help'");
	return 0;
}

int verb_import(int argc, char **argv)
{
	struct options options = { .images = 100, .headroom = 1.25 };
	struct bnnaccel_build_options build = { .size = sizeof(build) };
	const struct images *images = &options.calibrate;
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel_model *model;
	struct bnnaccel *ctx = NULL;
	char *report = NULL;
	int code = parse(argc, argv, &options), err;

	if (code) {
		images_free(&options.calibrate);
		return code < 0 ? 0 : code;
	}
	build.headroom = options.headroom;
	build.pow2_scales = options.pow2;
	build.report = options.report ? &report : NULL;
	if (images->count) {
		build.images = images->pixels;
		build.image_stride = images->bytes;
		build.image_count = images->count < options.images ? images->count : options.images;
	}
	err = bnnaccel_open(&ctx);
	if (err) {
		code = cli_fail("import", err, "out of memory");
		goto out;
	}
	err = bnnaccel_import(ctx, argv[optind], &build, &model);
	if (!err)
		err = bnnaccel_model_save(ctx, model, options.output);
	if (err) {
		code = cli_fail_ctx("import", err, ctx);
		goto out;
	}
	if (report)
		fputs(report, stdout);
	bnnaccel_model_get_info(model, &info);
	printf("%s: %s, %u layers, %llu weight bits\n", options.output, info.name, info.nodes,
	       (unsigned long long)info.weight_bits);
out:
	free(report);
	images_free(&options.calibrate);
	bnnaccel_close(ctx);
	return code;
}
