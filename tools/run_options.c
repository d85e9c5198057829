/* SPDX-License-Identifier: MIT */
#include "run_options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nodes.h"

static const char usage[] =
	"usage: bnnaccel run [OPTIONS] MODEL IMAGES...\n\n"
	"MODEL is a .bnn file, or a folder of trained weights that 'bnnaccel import' knows.\n"
	"IMAGES are CIFAR-10 binary batches, MNIST idx files (labels are found beside them),\n"
	"binary PGM or PPM.\n\n"
	"  --backend NAME    device, model, rtl, cpu, or auto: device if there is one\n"
	"  --device PATH     device node (default: the first bnnaccel device)\n"
	"  --core FILE       core library for model or rtl\n"
	"  --core-options S  options of the core, e.g. latency=60,bytes=16\n"
	"  --batch N         images per job at most\n"
	"  --budget N        limit per job in units of 1024 device cycles\n"
	"  --fallback WHEN   never, needed, cost: which nodes the CPU runs for the backend\n"
	"  --cpu-nodes LIST  nodes the CPU runs anyway, e.g. 3,7-9\n"
	"  --isa NAME        largest instruction set of the CPU engine, e.g. portable\n"
	"  --limit N         stop after N images\n"
	"  --labels FILE     idx labels of the images\n"
	"  --draw N          draw the first N images (default: 4 in a terminal, else 0)\n"
	"  --color WHEN      auto, always, never\n"
	"  --csv FILE        write index, label, pred and every output; - is standard output\n"
	"  --json            print the results as JSON\n"
	"  --profile         measure every node, and show it and the counters, per image\n"
	"  --placement       show where every node runs, and why\n"
	"  --quiet           no progress, no summary\n";

static bool parse_fallback(const char *text, enum bnnaccel_fallback *fallback)
{
	static const char *const names[] = { "default", "never", "needed", "cost" };

	for (int i = 0; i < 4; i++) {
		if (strcmp(text, names[i]))
			continue;
		*fallback = (enum bnnaccel_fallback)i;
		return true;
	}
	return false;
}

int run_options_parse(int argc, char **argv, struct run_options *o)
{
	enum {
		BACKEND = 256,
		DEVICE,
		CORE,
		CORE_OPTIONS,
		BATCH,
		BUDGET,
		LIMIT,
		LABELS,
		DRAW,
		COLOR,
		CSV,
		JSON,
		PROFILE,
		PLACEMENT,
		FALLBACK,
		CPU_NODES,
		ISA,
		QUIET
	};
	static const struct option longs[] = {
		{ "backend", required_argument, NULL, BACKEND },
		{ "device", required_argument, NULL, DEVICE },
		{ "core", required_argument, NULL, CORE },
		{ "core-options", required_argument, NULL, CORE_OPTIONS },
		{ "batch", required_argument, NULL, BATCH },
		{ "budget", required_argument, NULL, BUDGET },
		{ "limit", required_argument, NULL, LIMIT },
		{ "labels", required_argument, NULL, LABELS },
		{ "draw", required_argument, NULL, DRAW },
		{ "color", required_argument, NULL, COLOR },
		{ "csv", required_argument, NULL, CSV },
		{ "json", no_argument, NULL, JSON },
		{ "profile", no_argument, NULL, PROFILE },
		{ "placement", no_argument, NULL, PLACEMENT },
		{ "fallback", required_argument, NULL, FALLBACK },
		{ "cpu-nodes", required_argument, NULL, CPU_NODES },
		{ "isa", required_argument, NULL, ISA },
		{ "quiet", no_argument, NULL, QUIET },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *color = "auto";
	int c;

	o->session.size = sizeof(o->session);
	o->limit = UINT64_MAX;
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		uint64_t n = 0;

		if (c >= BATCH && c <= DRAW && c != LABELS &&
		    !cli_number(optarg, c == DRAW ? 0 : 1, UINT32_MAX, &n))
			return cli_fail("run", BNNACCEL_ERR_ARGUMENT,
					"'%s' is not a number from %d to %u", optarg,
					c == DRAW ? 0 : 1, UINT32_MAX);
		switch (c) {
		case BACKEND:
			o->session.backend = optarg;
			break;
		case DEVICE:
			o->session.device = optarg;
			break;
		case CORE:
			o->session.core = optarg;
			break;
		case CORE_OPTIONS:
			o->session.core_options = optarg;
			break;
		case BATCH:
			o->session.batch = (uint32_t)n;
			break;
		case BUDGET:
			o->session.budget = (uint32_t)n;
			break;
		case LIMIT:
			o->limit = n;
			break;
		case LABELS:
			o->labels = optarg;
			break;
		case DRAW:
			o->draw = n;
			o->draw_given = true;
			break;
		case COLOR:
			color = optarg;
			break;
		case CSV:
			o->csv = optarg;
			break;
		case JSON:
			o->json = true;
			break;
		case PROFILE:
			o->profile = true;
			o->session.profile = 1;
			break;
		case PLACEMENT:
			o->placement = true;
			break;
		case FALLBACK:
			if (!parse_fallback(optarg, &o->session.fallback))
				return cli_fail("run", BNNACCEL_ERR_ARGUMENT,
						"--fallback is never, needed or cost, not '%s'",
						optarg);
			break;
		case CPU_NODES:
			free((void *)o->session.cpu_nodes);
			if (!nodes_parse(optarg, &o->session))
				return cli_fail("run", BNNACCEL_ERR_ARGUMENT,
						"'%s' is no list of nodes; write one as 3,7-9",
						optarg);
			break;
		case ISA:
			o->session.isa = optarg;
			break;
		case QUIET:
			o->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			fputs("Try 'bnnaccel run --help'.\n", stderr);
			return -BNNACCEL_ERR_ARGUMENT;
		}
	}
	if (argc - optind < 2)
		return cli_fail(
			"run", BNNACCEL_ERR_ARGUMENT,
			"give a model and at least one image file; see 'bnnaccel run --help'");
	if (strcmp(color, "auto") && strcmp(color, "always") && strcmp(color, "never"))
		return cli_fail("run", BNNACCEL_ERR_ARGUMENT,
				"--color is auto, always or never, not '%s'", color);
	o->color = !strcmp(color, "always") || (!strcmp(color, "auto") && isatty(STDOUT_FILENO));
	if (!o->draw_given)
		o->draw = isatty(STDOUT_FILENO) ? 4 : 0;
	if (o->json || (o->csv && !strcmp(o->csv, "-")))
		o->draw = 0;
	o->model = argv[optind];
	return 0;
}

void run_options_free(struct run_options *o)
{
	free((void *)o->session.cpu_nodes);
	o->session.cpu_nodes = NULL;
}
