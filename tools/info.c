/* SPDX-License-Identifier: MIT */
/* bnnaccel info and list: the backends and devices of this machine. */
#include "cli.h"

#include <getopt.h>
#include <string.h>

#include "bnn_hw.h"
#include "json.h"

static const struct {
	const char *name;
	uint64_t mask;
} features[] = {
	{ "binary", BNN_FEATURES_BINARY },
	{ "post", BNN_FEATURES_POST },
	{ "frac", BNN_FEATURES_FRAC },
	{ "planes", BNN_FEATURES_PLANES },
	{ "stream", BNN_FEATURES_STREAM },
	{ "tiled", BNN_FEATURES_TILED },
	{ "codebook", BNN_FEATURES_CODEBOOK },
	{ "groups", BNN_FEATURES_GROUPS },
	{ "shift-only", BNN_FEATURES_SHIFT_ONLY },
	{ "stem-mac", BNN_FEATURES_STEM_MAC },
	{ "localmem", BNN_FEATURES_LOCALMEM },
	{ "profile", BNN_FEATURES_PROFILE },
};

static unsigned int bits(uint32_t value, uint32_t mask, unsigned int shift)
{
	return (value & mask) >> shift;
}

static unsigned int lanes(const struct bnnaccel_device_info *d)
{
	return bits(d->caps_array, BNN_CAPS_ARRAY_LANES, BNN_CAPS_ARRAY_LANES_SHIFT);
}

static unsigned int lane_bits(const struct bnnaccel_device_info *d)
{
	return bits(d->caps_array, BNN_CAPS_ARRAY_LANE_BITS, BNN_CAPS_ARRAY_LANE_BITS_SHIFT);
}

static unsigned int act_kib(const struct bnnaccel_device_info *d)
{
	return bits(d->caps_ram, BNN_CAPS_RAM_ACT_KIB, BNN_CAPS_RAM_ACT_KIB_SHIFT);
}

static void print_text(const struct bnnaccel_device_info *d)
{
	printf("backend       %s\n", d->backend);
	if (!strcmp(d->backend, "cpu")) {
		printf("this backend runs every network in this process\n");
		return;
	}
	if (*d->path)
		printf("device        %s\n", d->path);
	printf("interface     %u.%u\n",
	       bits(d->version, BNN_VERSION_MAJOR, BNN_VERSION_MAJOR_SHIFT),
	       bits(d->version, BNN_VERSION_MINOR, BNN_VERSION_MINOR_SHIFT));
	printf("build         %08x\n", d->build);
	printf("array         %u lanes of %u bits\n", lanes(d), lane_bits(d));
	printf("on-chip       %u KiB of activations\n", act_kib(d));
	printf("clock         %.1f MHz\n", d->clock_hz / 1e6);
	printf("resets        %u\n", d->resets);
	printf("features     ");
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (d->features & features[i].mask)
			printf(" %s", features[i].name);
	putchar('\n');
}

static void print_json(struct json *json, const struct bnnaccel_device_info *d)
{
	json_open(json, NULL, '{');
	json_string(json, "backend", d->backend);
	json_string(json, "device", d->path);
	json_int(json, "version", d->version);
	json_int(json, "build", d->build);
	json_int(json, "lanes", lanes(d));
	json_int(json, "lane_bits", lane_bits(d));
	json_int(json, "act_kib", act_kib(d));
	json_int(json, "clock_hz", d->clock_hz);
	json_int(json, "resets", d->resets);
	json_open(json, "features", '[');
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (d->features & features[i].mask)
			json_string(json, NULL, features[i].name);
	json_close(json, ']');
	json_close(json, '}');
}

/* Options of both verbs. Returns 0, an exit code, or -1 after --help. */
static int parse(int argc, char **argv, const char *usage, struct bnnaccel_session_options *o,
		 bool *as_json)
{
	static const struct option longs[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "device", required_argument, NULL, 'd' },
		{ "core", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	o->size = sizeof(*o);
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'b':
			o->backend = optarg;
			break;
		case 'd':
			o->device = optarg;
			break;
		case 'c':
			o->core = optarg;
			break;
		case 'j':
			*as_json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			fprintf(stderr, "Try 'bnnaccel %s --help'.\n", argv[0]);
			return -BNNACCEL_ERR_ARGUMENT;
		}
	}
	if (argc > optind)
		return cli_fail(argv[0], BNNACCEL_ERR_ARGUMENT, "'%s' is one argument too many",
				argv[optind]);
	return 0;
}

int verb_info(int argc, char **argv)
{
	static const char usage[] = "usage: bnnaccel info [OPTIONS]\n\n"
				    "  --backend NAME  device (default), model, rtl, cpu\n"
				    "  --device PATH   device node\n"
				    "  --core FILE     core library for model or rtl\n"
				    "  --json\n";
	struct bnnaccel_session_options options = { .backend = "device" };
	struct json json = { .out = stdout };
	struct bnnaccel_device_info info = { .size = sizeof(info) };
	struct bnnaccel *ctx;
	bool as_json = false;
	int code = parse(argc, argv, usage, &options, &as_json), err;

	if (code)
		return code < 0 ? 0 : code;
	err = bnnaccel_open(&ctx);
	if (err)
		return cli_fail("info", err, "out of memory");
	err = bnnaccel_device_get_info(ctx, &options, &info);
	if (err) {
		code = cli_fail_ctx("info", err, ctx);
	} else if (as_json) {
		print_json(&json, &info);
		putchar('\n');
	} else {
		print_text(&info);
	}
	bnnaccel_close(ctx);
	return code;
}

int verb_list(int argc, char **argv)
{
	static const char usage[] =
		"usage: bnnaccel list [--json]\n\n"
		"Shows which backends can be used here, and why others can't.\n";
	static const char *const backends[] = { "device", "model", "rtl", "cpu" };
	struct bnnaccel_session_options options = { 0 };
	struct json json = { .out = stdout };
	struct bnnaccel_device_info info = { .size = sizeof(info) };
	struct bnnaccel *ctx;
	bool as_json = false;
	int code = parse(argc, argv, usage, &options, &as_json), err;

	if (code)
		return code < 0 ? 0 : code;
	err = bnnaccel_open(&ctx);
	if (err)
		return cli_fail("list", err, "out of memory");
	if (as_json)
		json_open(&json, NULL, '[');
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		options.backend = backends[i];
		err = bnnaccel_device_get_info(ctx, &options, &info);
		if (as_json) {
			if (!err)
				print_json(&json, &info);
		} else if (err) {
			printf("%-7s  no   %s\n", backends[i], bnnaccel_last_error(ctx));
		} else if (lanes(&info)) {
			printf("%-7s  yes  %u x %u bits, %u KiB on chip%s%s\n", backends[i],
			       lanes(&info), lane_bits(&info), act_kib(&info),
			       *info.path ? ", " : "", info.path);
		} else {
			printf("%-7s  yes\n", backends[i]);
		}
	}
	if (as_json) {
		json_close(&json, ']');
		putchar('\n');
	}
	bnnaccel_close(ctx);
	return 0;
}
