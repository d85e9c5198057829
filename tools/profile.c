/* SPDX-License-Identifier: MIT */
/*
 * bnnaccel profile: what one image costs on a core of this process, in all and command
 * by command. The total is that of one job with the whole network. Commands come from the
 * log of that job, or, where a core has none or --alone is given, from jobs of one command
 * each. Products, gates and the right result are the CPU engine's.
 */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bnn_hw.h"
#include "images.h"
#include "json.h"

static const char usage[] =
	"usage: bnnaccel profile [OPTIONS] MODEL [IMAGES]\n\n"
	"Runs the first image (default: a random one) and shows cycles, stalls by cause, bytes\n"
	"and use of the array, in all and for every command. The result is compared with the\n"
	"CPU's.\n\n"
	"  --backend NAME    rtl (default): what is; model: what the cycle model predicts\n"
	"  --core FILE       core library\n"
	"  --latency N       cycles from a request to its first bytes (default 60)\n"
	"  --bytes N         bytes per cycle: 1, 2, 4, 8, 16 (default)\n"
	"  --scatter         every page anywhere, with a page-table entry of its own\n"
	"  --core-options S  more options of the core, e.g. stall=20\n"
	"  --warm            run the image once before, as a stream of images would\n"
	"  --alone           commands as jobs of their own: stalls by cause, nothing overlaps\n"
	"  --total           the network as a whole only, no commands\n"
	"  --fallback WHEN   never (default), needed: the CPU runs what the core can't\n"
	"  --json            one JSON object\n";

struct profile {
	struct bnnaccel_session_options options;
	char core_options[512];
	const char *model_path, *image_path;
	bool json, alone, warm, total, by_log;

	struct bnnaccel *ctx;
	struct bnnaccel_model *model;
	struct bnnaccel_model_info info;
	struct bnnaccel_device_info device;
	struct images images;
	uint8_t *image, *output, *other;
	/* whole: one job, without a log, which costs cycles. rows: per command. */
	struct bnnaccel_session *whole, *rows, *cpu;
	struct bnnaccel_stats stats;	   /* of the image measured */
	struct bnnaccel_node_info *before; /* per command: of the images before it */
	double seconds;
	bool same;
};

/* A command, all sources together. */
struct row {
	struct bnnaccel_node_info core, cpu;
	uint64_t cycles, macs;
	double utilisation;
};

static const char *const counter_names[BNN_COUNTERS] = BNN_COUNTER_NAMES;

static const struct {
	const char *name;
	unsigned int counter;
} stalls[] = {
	{ "command", BNN_COUNTER_STALL_COMMAND }, { "scrub", BNN_COUNTER_STALL_SCRUB },
	{ "walk", BNN_COUNTER_STALL_WALK },	  { "weights", BNN_COUNTER_STALL_WEIGHTS },
	{ "act", BNN_COUNTER_STALL_ACT },	  { "post", BNN_COUNTER_STALL_POST },
	{ "residual", BNN_COUNTER_STALL_RESIDUAL }, { "store", BNN_COUNTER_STALL_STORE },
}, bytes[] = {
	{ "commands", BNN_COUNTER_BYTES_COMMANDS }, { "weights", BNN_COUNTER_BYTES_WEIGHTS },
	{ "act", BNN_COUNTER_BYTES_ACT },	    { "residual", BNN_COUNTER_BYTES_RESIDUAL },
	{ "written", BNN_COUNTER_BYTES_WRITTEN },
};

enum { STALLS = sizeof(stalls) / sizeof(stalls[0]), BYTES = sizeof(bytes) / sizeof(bytes[0]) };

static void add_option(struct profile *p, const char *key, const char *value)
{
	size_t at = strlen(p->core_options);

	snprintf(p->core_options + at, sizeof(p->core_options) - at, "%s%s%s", at ? "," : "", key,
		 value);
}

static int parse(int argc, char **argv, struct profile *p)
{
	enum {
		BACKEND = 256,
		CORE,
		LATENCY,
		WIDTH,
		SCATTER,
		CORE_OPTIONS,
		WARM,
		ALONE,
		TOTAL,
		FALLBACK,
		JSON
	};
	static const struct option longs[] = {
		{ "backend", required_argument, NULL, BACKEND },
		{ "core", required_argument, NULL, CORE },
		{ "latency", required_argument, NULL, LATENCY },
		{ "bytes", required_argument, NULL, WIDTH },
		{ "scatter", no_argument, NULL, SCATTER },
		{ "core-options", required_argument, NULL, CORE_OPTIONS },
		{ "warm", no_argument, NULL, WARM },
		{ "alone", no_argument, NULL, ALONE },
		{ "total", no_argument, NULL, TOTAL },
		{ "fallback", required_argument, NULL, FALLBACK },
		{ "json", no_argument, NULL, JSON },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	uint64_t n;
	int c;

	p->options.size = sizeof(p->options);
	p->options.backend = "rtl";
	p->options.batch = 1;
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if ((c == LATENCY || c == WIDTH) && !cli_number(optarg, 0, UINT32_MAX, &n))
			return cli_fail("profile", BNNACCEL_ERR_ARGUMENT, "'%s' is not a number",
					optarg);
		if (optarg && strlen(p->core_options) + strlen(optarg) > 400)
			return cli_fail("profile", BNNACCEL_ERR_ARGUMENT,
					"core options are longer than 400 characters");
		switch (c) {
		case BACKEND:
			p->options.backend = optarg;
			break;
		case CORE:
			p->options.core = optarg;
			break;
		case LATENCY:
			add_option(p, "latency=", optarg);
			break;
		case WIDTH:
			add_option(p, "bytes=", optarg);
			break;
		case SCATTER:
			add_option(p, "pages=scattered", "");
			break;
		case CORE_OPTIONS:
			add_option(p, optarg, "");
			break;
		case WARM:
			p->warm = true;
			break;
		case ALONE:
			p->alone = true;
			break;
		case TOTAL:
			p->total = true;
			break;
		case FALLBACK:
			if (strcmp(optarg, "never") && strcmp(optarg, "needed"))
				return cli_fail("profile", BNNACCEL_ERR_ARGUMENT,
						"--fallback is never or needed, not '%s'", optarg);
			if (!strcmp(optarg, "needed"))
				p->options.fallback = BNNACCEL_FALLBACK_NEEDED;
			break;
		case JSON:
			p->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			fputs("Try 'bnnaccel profile --help'.\n", stderr);
			return -BNNACCEL_ERR_ARGUMENT;
		}
	}
	if (argc - optind < 1 || argc - optind > 2)
		return cli_fail("profile", BNNACCEL_ERR_ARGUMENT,
				"give a model and at most one image file; see 'bnnaccel profile "
				"--help'");
	if (strcmp(p->options.backend, "model") && strcmp(p->options.backend, "rtl"))
		return cli_fail("profile", BNNACCEL_ERR_ARGUMENT,
				"--backend is model or rtl, not '%s': only cores in this process "
				"can be profiled",
				p->options.backend);
	p->options.core_options = p->core_options;
	p->model_path = argv[optind];
	p->image_path = argv[optind + 1];
	return 0;
}

/* splitmix64: the same image everywhere. */
static void random_image(uint8_t *image, size_t len)
{
	uint64_t state = 1;

	for (size_t i = 0; i < len; i++) {
		uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		image[i] = (uint8_t)(z >> 56);
	}
}

static int load_image(struct profile *p)
{
	const struct bnnaccel_model_info *info = &p->info;
	const struct images *images = &p->images;
	char error[512];
	int err;

	p->image = malloc(info->input_bytes);
	p->output = calloc(1, info->output_bytes);
	p->other = calloc(1, info->output_bytes);
	if (!p->image || !p->output || !p->other)
		return cli_fail("profile", BNNACCEL_ERR_MEMORY, "out of memory");
	if (!p->image_path) {
		random_image(p->image, info->input_bytes);
		return 0;
	}
	err = images_load(&p->images, p->image_path, NULL, error, sizeof(error));
	if (err)
		return cli_fail("profile", err, "%s", error);
	if (images->h != info->input_h || images->w != info->input_w ||
	    images->c != info->input_c || !images->count)
		return cli_fail("profile", BNNACCEL_ERR_BAD_INPUT,
				"%s takes images of %ux%ux%u, %s has %zu of %ux%ux%u", info->name,
				info->input_h, info->input_w, info->input_c, p->image_path,
				images->count, images->h, images->w, images->c);
	p->images.count = 1;
	if (images_reorder(&p->images, info->input_planar))
		return cli_fail("profile", BNNACCEL_ERR_MEMORY, "out of memory");
	memcpy(p->image, images->pixels, info->input_bytes);
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int open_session(struct profile *p, const char *backend, int measure,
			struct bnnaccel_session **session)
{
	struct bnnaccel_session_options options = p->options;
	int err;

	options.backend = backend;
	options.profile = measure;
	err = bnnaccel_session_open(p->ctx, p->model, &options, session);
	return err ? cli_fail_ctx("profile", err, p->ctx) : 0;
}

static int run(struct profile *p, struct bnnaccel_session *session, uint8_t *output)
{
	int err = bnnaccel_run(session, p->image, p->info.input_bytes, output, 1);

	return err ? cli_fail_ctx("profile", err, p->ctx) : 0;
}

static void get_node(struct bnnaccel_session *session, uint32_t i, struct bnnaccel_node_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	bnnaccel_session_get_node(session, i, info);
}

/* A session on the core, after the first image if that does not count. */
static int open_warm(struct profile *p, int measure, struct bnnaccel_session **session)
{
	int code = open_session(p, p->options.backend, measure, session);

	if (!code && p->warm)
		code = run(p, *session, p->output);
	for (uint32_t i = 0; !code && i < p->info.nodes; i++)
		get_node(*session, i, &p->before[i]);
	return code;
}

/* The whole network as one job: stats and seconds are those of the last image. */
static int run_whole(struct profile *p)
{
	struct bnnaccel_stats before = { 0 };
	int code = open_warm(p, 0, &p->whole);
	double start;

	if (code)
		return code;
	before.size = p->stats.size = sizeof(before);
	bnnaccel_session_get_stats(p->whole, &before);
	start = now();
	code = run(p, p->whole, p->output);
	p->seconds = now() - start;
	bnnaccel_session_get_stats(p->whole, &p->stats);
	p->stats.jobs -= before.jobs;
	for (int i = 0; i < BNN_COUNTERS; i++)
		p->stats.counters[i] -= before.counters[i];
	return code;
}

static int measure(struct profile *p)
{
	int code;

	p->before = calloc(p->info.nodes + 1, sizeof(*p->before));
	if (!p->before)
		return cli_fail("profile", BNNACCEL_ERR_MEMORY, "out of memory");
	p->device.size = sizeof(p->device);
	code = bnnaccel_device_get_info(p->ctx, &p->options, &p->device);
	if (code)
		return cli_fail_ctx("profile", code, p->ctx);
	p->by_log = (p->device.features & BNN_FEATURES_PROFILE) && !p->alone;
	code = run_whole(p);
	if (!code)
		code = open_session(p, "cpu", 1, &p->cpu);
	if (!code)
		code = run(p, p->cpu, p->other);
	p->same = !code && !memcmp(p->output, p->other, p->info.output_bytes);
	if (!code && !p->total) {
		code = open_warm(p, p->by_log ? 1 : 2, &p->rows);
		if (!code)
			code = run(p, p->rows, p->output);
		p->same &= !memcmp(p->output, p->other, p->info.output_bytes);
	}
	return code;
}

static double utilisation(const struct profile *p, uint64_t macs, uint64_t cycles)
{
	uint32_t lanes = p->device.caps_array & BNN_CAPS_ARRAY_LANES;
	uint32_t bits =
		(p->device.caps_array & BNN_CAPS_ARRAY_LANE_BITS) >> BNN_CAPS_ARRAY_LANE_BITS_SHIFT;

	return cycles ? (double)macs / ((double)lanes * bits * (double)cycles) : 0;
}

static void get_row(const struct profile *p, uint32_t i, struct row *row)
{
	get_node(p->cpu, i, &row->cpu);
	if (p->rows) {
		get_node(p->rows, i, &row->core);
	} else {
		row->core = row->cpu;
		row->core.on_cpu = 0;
		memset(row->core.counters, 0, sizeof(row->core.counters));
	}
	for (int c = 0; c < BNN_COUNTERS; c++)
		row->core.counters[c] -= p->before[i].counters[c];
	row->cycles = row->core.cycles - p->before[i].cycles;
	row->macs = row->cpu.counters[BNN_COUNTER_MACS];
	row->utilisation = utilisation(p, row->macs, row->cycles);
}

static void json_stalls(struct json *json, const uint64_t counters[BNN_COUNTERS])
{
	json_open(json, "stalls", '{');
	for (int i = 0; i < STALLS; i++)
		json_int(json, stalls[i].name, (int64_t)counters[stalls[i].counter]);
	json_close(json, '}');
}

static void json_bytes(struct json *json, const uint64_t counters[BNN_COUNTERS])
{
	json_open(json, "bytes", '{');
	for (int i = 0; i < BYTES; i++)
		json_int(json, bytes[i].name, (int64_t)counters[bytes[i].counter]);
	json_close(json, '}');
}

static void json_row(struct json *json, const struct profile *p, uint32_t i)
{
	char text[512] = "";
	struct row row;

	get_row(p, i, &row);
	bnnaccel_model_describe_node(p->model, i, text, sizeof(text));
	json_open(json, NULL, '{');
	json_int(json, "index", i);
	json_string(json, "opcode", row.core.command);
	json_string(json, "name", row.core.name);
	json_string(json, "text", text);
	json_bool(json, "on_cpu", row.core.on_cpu);
	json_int(json, "cycles", (int64_t)row.cycles);
	json_int(json, "macs", (int64_t)row.macs);
	json_real(json, "utilisation", row.utilisation);
	json_int(json, "gates_open", (int64_t)row.cpu.counters[BNN_COUNTER_FRAC_ISSUED]);
	json_int(json, "gates_shut", (int64_t)row.cpu.counters[BNN_COUNTER_FRAC_SKIPPED]);
	json_bytes(json, row.core.counters);
	if (p->rows && !p->by_log)
		json_stalls(json, row.core.counters);
	else if (p->rows)
		json_string(json, "stall", row.core.stall ? counter_names[row.core.stall] : "");
	json_close(json, '}');
}

static void print_json(const struct profile *p)
{
	const uint64_t *counters = p->stats.counters;
	uint64_t cycles = counters[BNN_COUNTER_CYCLES], inside = 0;
	struct json json = { .out = stdout };
	char config[32];
	struct row row;

	snprintf(config, sizeof(config), "%ux%u", p->device.caps_array & BNN_CAPS_ARRAY_LANES,
		 (p->device.caps_array & BNN_CAPS_ARRAY_LANE_BITS) >>
			 BNN_CAPS_ARRAY_LANE_BITS_SHIFT);
	json_open(&json, NULL, '{');
	json_string(&json, "model", p->info.name);
	json_string(&json, "backend", p->options.backend);
	json_string(&json, "config", config);
	json_int(&json, "act_kib", p->device.caps_ram & BNN_CAPS_RAM_ACT_KIB);
	json_int(&json, "weight_kib",
		 (p->device.caps_ram & BNN_CAPS_RAM_WEIGHT_KIB) >> BNN_CAPS_RAM_WEIGHT_KIB_SHIFT);
	json_string(&json, "options", p->core_options);
	json_string(&json, "rows_from",
		    !p->rows	? "none"
		    : p->by_log ? "log"
				: "jobs of one command");
	json_bool(&json, "same_as_cpu", p->same);
	json_real(&json, "seconds", p->seconds);
	json_int(&json, "jobs", (int64_t)p->stats.jobs);
	json_int(&json, "cycles", (int64_t)cycles);
	json_int(&json, "array_busy", (int64_t)counters[BNN_COUNTER_ARRAY_BUSY]);
	json_int(&json, "macs", (int64_t)counters[BNN_COUNTER_MACS]);
	json_real(&json, "utilisation", utilisation(p, counters[BNN_COUNTER_MACS], cycles));
	json_int(&json, "gates_open", (int64_t)counters[BNN_COUNTER_FRAC_ISSUED]);
	json_int(&json, "gates_shut", (int64_t)counters[BNN_COUNTER_FRAC_SKIPPED]);
	json_int(&json, "saturated", (int64_t)counters[BNN_COUNTER_SATURATED]);
	json_int(&json, "pte_reads", (int64_t)counters[BNN_COUNTER_PTE_READS]);
	json_stalls(&json, counters);
	json_bytes(&json, counters);
	for (uint32_t i = 0; i < p->info.nodes; i++) {
		get_row(p, i, &row);
		inside += row.cycles;
	}
	json_int(&json, "cycles_of_commands", (int64_t)inside);
	json_open(&json, "commands", '[');
	for (uint32_t i = 0; i < p->info.nodes; i++)
		json_row(&json, p, i);
	json_close(&json, ']');
	json_close(&json, '}');
	putchar('\n');
}

/* What a command waited for most. */
static const char *worst_stall(const struct profile *p, const struct row *row)
{
	uint64_t most = 0;
	const char *name = "";

	if (p->by_log)
		return row->core.stall ? counter_names[row->core.stall] + strlen("STALL_") : "";
	for (int i = 0; i < STALLS; i++) {
		if (row->core.counters[stalls[i].counter] <= most)
			continue;
		most = row->core.counters[stalls[i].counter];
		name = stalls[i].name;
	}
	return name;
}

static void print_text(const struct profile *p)
{
	const uint64_t *counters = p->stats.counters;
	uint64_t cycles = counters[BNN_COUNTER_CYCLES], inside = 0;
	struct row row;

	if (p->rows)
		printf("  #  command      cycles  share  use of array      bytes  waits for  "
		       "name\n");
	for (uint32_t i = 0; i < p->info.nodes; i++) {
		get_row(p, i, &row);
		inside += row.cycles;
	}
	for (uint32_t i = 0; p->rows && i < p->info.nodes; i++) {
		uint64_t moved = 0;

		get_row(p, i, &row);
		for (int b = 0; b < BYTES; b++)
			moved += row.core.counters[bytes[b].counter];
		printf("%3u  %-9s %9" PRIu64 "  %4.1f %%        %5.1f %%  %9" PRIu64
		       "  %-9s  %.32s\n",
		       i, row.core.command, row.cycles,
		       inside ? 100.0 * (double)row.cycles / (double)inside : 0,
		       100 * row.utilisation, moved,
		       row.core.on_cpu ? "(cpu)" : worst_stall(p, &row), row.core.name);
	}
	printf("\n%s on %s, options \"%s\": %" PRIu64 " cycles", p->info.name, p->options.backend,
	       p->core_options, cycles);
	if (p->rows)
		printf(", the commands%s %" PRIu64, p->by_log ? "" : " alone", inside);
	putchar('\n');
	printf("array: %" PRIu64 " products, %.1f %% of what it could do, busy %.1f %%\n",
	       counters[BNN_COUNTER_MACS], 100 * utilisation(p, counters[BNN_COUNTER_MACS], cycles),
	       cycles ? 100.0 * (double)counters[BNN_COUNTER_ARRAY_BUSY] / (double)cycles : 0);
	if (counters[BNN_COUNTER_FRAC_ISSUED] + counters[BNN_COUNTER_FRAC_SKIPPED])
		printf("gates: %.1f %% open\n",
		       100.0 * (double)counters[BNN_COUNTER_FRAC_ISSUED] /
			       (double)(counters[BNN_COUNTER_FRAC_ISSUED] +
					counters[BNN_COUNTER_FRAC_SKIPPED]));
	printf("waits:");
	for (int i = 0; i < STALLS; i++)
		if (counters[stalls[i].counter])
			printf(" %s %" PRIu64, stalls[i].name, counters[stalls[i].counter]);
	printf("\nbytes:");
	for (int i = 0; i < BYTES; i++)
		printf(" %s %" PRIu64, bytes[i].name, counters[bytes[i].counter]);
	printf("\nthe result is that of the CPU; %.2f s\n", p->seconds);
}

int verb_profile(int argc, char **argv)
{
	struct profile p = { 0 };
	int code = parse(argc, argv, &p), err;

	if (code)
		return code < 0 ? 0 : code;
	err = bnnaccel_open(&p.ctx);
	if (err)
		return cli_fail("profile", err, "out of memory");
	err = cli_load_model(p.ctx, p.model_path, &p.model);
	if (err)
		code = cli_fail_ctx("profile", err, p.ctx);
	if (!code) {
		p.info.size = sizeof(p.info);
		bnnaccel_model_get_info(p.model, &p.info);
		code = load_image(&p);
	}
	if (!code)
		code = measure(&p);
	if (!code && p.json)
		print_json(&p);
	if (!code && !p.same)
		code = cli_fail("profile", BNNACCEL_ERR_DEVICE,
				"%s gives another result than the CPU", p.options.backend);
	if (!code && !p.json)
		print_text(&p);
	images_free(&p.images);
	free(p.before);
	free(p.image);
	free(p.output);
	free(p.other);
	bnnaccel_close(p.ctx);
	return code;
}
