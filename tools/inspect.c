/* SPDX-License-Identifier: MIT */
/* bnnaccel inspect: what a model is. */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"

static const char usage[] = "usage: bnnaccel inspect [--json] MODEL\n\n"
			    "Shows input, output, size, operations and every layer of a model.\n";

static const char *order(const struct bnnaccel_model_info *info)
{
	return info->input_planar ? "colour planes" : "colours interleaved";
}

static void print_text(const struct bnnaccel_model *model, const struct bnnaccel_model_info *info,
		       uint64_t file_bytes)
{
	char line[512];

	printf("%s: %s\n\n", info->name, info->description);
	printf("  input         %u x %u x %u bytes, %s\n", info->input_h, info->input_w,
	       info->input_c, order(info));
	printf("  output        %u classes, column %s\n", info->classes, info->output_column);
	printf("  weights       %" PRIu64 " bits\n", info->weight_bits);
	printf("  operations    %.2f M binary multiply-accumulates per image\n", info->macs / 1e6);
	if (file_bytes)
		printf("  file          %" PRIu64 " bytes\n", file_bytes);
	printf("  layers        %u\n\n", info->nodes);
	for (uint32_t i = 0; i < info->nodes; i++) {
		if (bnnaccel_model_describe_node(model, i, line, sizeof(line)) >= 0)
			printf("  %3u  %s\n", i, line);
	}
}

static void print_json(const struct bnnaccel_model *model, const struct bnnaccel_model_info *info,
		       uint64_t file_bytes)
{
	struct json json = { .out = stdout };
	char line[512];

	json_open(&json, NULL, '{');
	json_string(&json, "name", info->name);
	json_string(&json, "description", info->description);
	json_open(&json, "input", '[');
	json_int(&json, NULL, info->input_h);
	json_int(&json, NULL, info->input_w);
	json_int(&json, NULL, info->input_c);
	json_close(&json, ']');
	json_bool(&json, "input_planar", info->input_planar);
	json_int(&json, "classes", info->classes);
	json_int(&json, "weight_bits", (int64_t)info->weight_bits);
	json_int(&json, "macs", (int64_t)info->macs);
	json_int(&json, "file_bytes", (int64_t)file_bytes);
	json_open(&json, "layers", '[');
	for (uint32_t i = 0; i < info->nodes; i++) {
		if (bnnaccel_model_describe_node(model, i, line, sizeof(line)) >= 0)
			json_string(&json, NULL, line);
	}
	json_close(&json, ']');
	json_close(&json, '}');
	putchar('\n');
}

int verb_inspect(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct bnnaccel_model_info info;
	struct bnnaccel_model *model;
	struct bnnaccel *ctx;
	bool as_json = false;
	struct stat st;
	int c, err;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), 0;
		if (c != 'j')
			return fputs("Try 'bnnaccel inspect --help'.\n", stderr),
			       -BNNACCEL_ERR_ARGUMENT;
		as_json = true;
	}
	if (argc - optind != 1)
		return cli_fail("inspect", BNNACCEL_ERR_ARGUMENT,
				"give one model; see 'bnnaccel inspect --help'");
	err = bnnaccel_open(&ctx);
	if (err)
		return cli_fail("inspect", err, "out of memory");
	err = cli_load_model(ctx, argv[optind], &model);
	if (err) {
		err = cli_fail_ctx("inspect", err, ctx);
		bnnaccel_close(ctx);
		return err;
	}
	bnnaccel_model_get_info(model, &info);
	if (stat(argv[optind], &st) || !S_ISREG(st.st_mode))
		st.st_size = 0;
	if (as_json)
		print_json(model, &info, (uint64_t)st.st_size);
	else
		print_text(model, &info, (uint64_t)st.st_size);
	bnnaccel_close(ctx);
	return 0;
}
