/* SPDX-License-Identifier: MIT */
/* bnn-replay: runs a recorded job again on model and RTL and compares. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

static void usage(FILE *out)
{
	fputs("usage: bnn-replay [OPTION]... FILE\n"
	      "\n"
	      "Runs the job that a mismatch of model and RTL has left in FILE on both again, and\n"
	      "says whether they still differ.\n"
	      "\n"
	      "  --model=LIBRARY  the model (default: beside bnn-replay's library folder)\n"
	      "  --rtl=LIBRARY    the RTL\n"
	      "  --rtl-options=K=V,...  of the simulated bus: latency, bytes, seed, stall\n"
	      "  -h, --help\n"
	      "\n"
	      "Status: 0 they agree, 1 they differ, 2 usage, 3 a file can't be used.\n",
	      out);
}

static void print_log(void *opaque, enum bnn_core_log level, const char *text)
{
	static const char *const names[] = { "error", "info", "debug" };

	printf("%s: %s: %s\n", (const char *)opaque, names[level], text);
}

static uint32_t word(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void print_end(const char *name, const uint8_t *completion)
{
	printf("%-5s  status %2u, detail %2u, command %u, word %#x, %u cycles\n", name,
	       word(completion + BNN_COMPLETION_STATUS), word(completion + BNN_COMPLETION_DETAIL),
	       word(completion + BNN_COMPLETION_CMD_INDEX),
	       word(completion + BNN_COMPLETION_CMD_WORD),
	       word(completion + BNN_COMPLETION_CYCLES));
}

static int run_side(struct trace *trace, enum trace_side side, const char *name,
		    const char *library, const char *options)
{
	struct replay r = { .trace = trace, .side = side, .log = print_log };
	char err[512];

	r.opaque = (void *)(uintptr_t)name;
	if (replay_open(&r, library, options, err, sizeof(err))) {
		fprintf(stderr, "bnn-replay: %s: %s\n", name, err);
		return -1;
	}
	replay_start(&r);
	while (!replay_run(&r, 1000000))
		;
	print_end(name, trace->completion[side]);
	replay_close(&r);
	return 0;
}

int main(int argc, char **argv)
{
	enum { MODEL = 256, RTL, RTL_OPTIONS };
	static const struct option options[] = {
		{ "model", required_argument, NULL, MODEL },
		{ "rtl", required_argument, NULL, RTL },
		{ "rtl-options", required_argument, NULL, RTL_OPTIONS },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *model = BNN_LIBRARIES "/libbnnaccel-model.so",
		   *rtl = BNN_LIBRARIES "/libbnnaccel-rtl.so", *extra = NULL;
	struct trace trace = { 0 };
	char text[512], why[160];
	bool same;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case MODEL:
			model = optarg;
			break;
		case RTL:
			rtl = optarg;
			break;
		case RTL_OPTIONS:
			extra = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc - 1) {
		usage(stderr);
		return 2;
	}
	if (trace_load(&trace, argv[optind], text, sizeof(text))) {
		fprintf(stderr, "bnn-replay: %s\n", text);
		return 3;
	}
	memset(trace.completion, 0, sizeof(trace.completion));
	snprintf(text, sizeof(text), "act_kib=%u", trace.act_kib);
	if (run_side(&trace, TRACE_MODEL, "model", model, text))
		return 3;
	snprintf(text, sizeof(text), "act_kib=%u%s%s", trace.act_kib, extra ? "," : "",
		 extra ? extra : "");
	if (run_side(&trace, TRACE_RTL, "rtl", rtl, text))
		return 3;
	same = trace_same(&trace, why, sizeof(why));
	printf("%s%s\n", same ? "they agree" : "they differ: ", same ? "" : why);
	trace_clear(&trace);
	return !same;
}
