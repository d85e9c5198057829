/* SPDX-License-Identifier: MIT */
/* bnnaccel run: classifies images and shows, counts and records the results. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bnn_hw.h"
#include "draw.h"
#include "images.h"
#include "json.h"
#include "nodes.h"
#include "run_options.h"

struct run {
	struct run_options options;
	struct bnnaccel *ctx;
	struct bnnaccel_model *model;
	struct bnnaccel_session *session;
	struct bnnaccel_model_info info;
	struct images images;
	uint8_t *outputs;
	double seconds;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static int load(struct run *run, char **paths)
{
	struct run_options *o = &run->options;
	const struct bnnaccel_model_info *info = &run->info;
	char error[512];
	int err;

	err = cli_load_model(run->ctx, o->model, &run->model);
	if (err)
		return cli_fail_ctx("run", err, run->ctx);
	run->info.size = sizeof(run->info);
	bnnaccel_model_get_info(run->model, &run->info);
	for (; *paths; paths++) {
		err = images_load(&run->images, *paths, o->labels, error, sizeof(error));
		if (err)
			return cli_fail("run", err, "%s", error);
	}
	if (run->images.h != info->input_h || run->images.w != info->input_w ||
	    run->images.c != info->input_c)
		return cli_fail(
			"run", BNNACCEL_ERR_BAD_INPUT,
			"%s takes images of %ux%ux%u, these are %ux%ux%u; give images of that size",
			info->name, info->input_h, info->input_w, info->input_c, run->images.h,
			run->images.w, run->images.c);
	if (images_reorder(&run->images, info->input_planar))
		return cli_fail("run", BNNACCEL_ERR_MEMORY, "out of memory");
	if (run->images.count > o->limit)
		run->images.count = o->limit;
	run->outputs = calloc(run->images.count ? run->images.count : 1, info->output_bytes);
	if (!run->outputs)
		return cli_fail("run", BNNACCEL_ERR_MEMORY, "out of memory for %zu results",
				run->images.count);
	err = bnnaccel_session_open(run->ctx, run->model, &o->session, &run->session);
	return err ? cli_fail_ctx("run", err, run->ctx) : 0;
}

static void progress(const struct run *run, size_t done, bool last)
{
	if (run->options.quiet || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%zu of %zu images%s", done, run->images.count, last ? "\r\033[K" : "");
	fflush(stderr);
}

/* Runs everything, in pieces that let progress be shown and Ctrl-C be obeyed. */
static int classify(struct run *run)
{
	size_t piece = run->options.session.batch ? run->options.session.batch : 32;
	size_t done = 0;
	double shown = now(), start = shown;
	int err = 0;

	signal(SIGINT, on_interrupt);
	while (done < run->images.count && !interrupted) {
		size_t count = run->images.count - done < piece ? run->images.count - done : piece;

		err = bnnaccel_run(run->session, run->images.pixels + done * run->images.bytes,
				   run->images.bytes, run->outputs + done * run->info.output_bytes,
				   count);
		if (err)
			break;
		done += count;
		if (now() - shown > 0.25) {
			shown = now();
			progress(run, done, false);
		}
	}
	run->seconds = now() - start;
	progress(run, done, true);
	if (err)
		return cli_fail_ctx("run", err, run->ctx);
	if (interrupted) {
		fprintf(stderr, "bnnaccel run: interrupted after %zu of %zu images\n", done,
			run->images.count);
		run->images.count = done;
	}
	return 0;
}

static const uint8_t *output(const struct run *run, size_t i)
{
	return run->outputs + i * run->info.output_bytes;
}

static int write_csv(const struct run *run)
{
	const char *path = run->options.csv;
	FILE *out = strcmp(path, "-") ? fopen(path, "w") : stdout;
	bool bad;

	if (!out)
		return cli_fail("run", BNNACCEL_ERR_NO_FILE,
				"%s: %s; choose a place you may write to", path, strerror(errno));
	fprintf(out, "index,label,pred");
	if (run->info.output_kind == BNNACCEL_OUTPUT_BITS)
		fprintf(out, ",%s", run->info.output_column);
	else
		for (uint32_t e = 0; e < run->info.classes; e++)
			fprintf(out, ",%s%u", run->info.output_column, e);
	fputc('\n', out);
	for (size_t i = 0; i < run->images.count; i++) {
		fprintf(out, "%zu,%d,%u", i, run->images.labels[i],
			bnnaccel_output_class(run->model, output(run, i)));
		if (run->info.output_kind == BNNACCEL_OUTPUT_BITS)
			fputc(',', out);
		for (uint32_t e = 0; e < run->info.classes; e++) {
			int64_t value = bnnaccel_output_int(run->model, output(run, i), e);

			if (run->info.output_kind == BNNACCEL_OUTPUT_BITS)
				fputc(value > 0 ? '1' : '0', out);
			else if (run->info.output_kind == BNNACCEL_OUTPUT_INT)
				fprintf(out, ",%" PRId64, value);
			else
				fprintf(out, ",%.6f",
					bnnaccel_output_value(run->model, output(run, i), e));
		}
		fputc('\n', out);
	}
	bad = ferror(out);
	if (out != stdout)
		bad |= fclose(out) != 0;
	return bad ? cli_fail("run", BNNACCEL_ERR_SYSTEM, "%s: writing failed: %s", path,
			      strerror(errno))
		   : 0;
}

static const char *label(const struct run *run, int class, char text[16])
{
	const char *name = class >= 0 ? bnnaccel_model_label(run->model, (uint32_t) class) : "?";

	if (name)
		return name;
	snprintf(text, 16, "%d", class);
	return text;
}

static void draw(const struct run *run)
{
	for (size_t i = 0; i < run->images.count && i < run->options.draw; i++) {
		int pred = (int)bnnaccel_output_class(run->model, output(run, i));
		int truth = run->images.labels[i];
		const char *mark = truth < 0 ? "" : truth == pred ? "  (right)" : "  (wrong)";
		char text[3][80], a[16], b[16];
		const char *lines[3] = { text[0], text[1], text[2] };

		snprintf(text[0], sizeof(text[0]), "image       %zu", i);
		snprintf(text[1], sizeof(text[1]), "label       %s", label(run, truth, a));
		snprintf(text[2], sizeof(text[2]), "prediction  %s%s", label(run, pred, b), mark);
		draw_image(stdout, &run->images, i, run->options.color, lines, 3);
		putchar('\n');
	}
}

static void count(const struct run *run, size_t *labelled, size_t *right)
{
	*labelled = *right = 0;
	for (size_t i = 0; i < run->images.count; i++) {
		int truth = run->images.labels[i];

		*labelled += truth >= 0;
		*right += truth >= 0 &&
			  bnnaccel_output_class(run->model, output(run, i)) == (uint32_t)truth;
	}
}

static const char *const counter_names[BNN_COUNTERS] = BNN_COUNTER_NAMES;

/* Counters that stayed 0 are left out. */
static void print_profile(const struct run *run)
{
	struct bnnaccel_stats stats = { .size = sizeof(stats) };

	bnnaccel_session_get_stats(run->session, &stats);
	nodes_print_profile(run->session, run->info.nodes);
	printf("\n%" PRIu64 " jobs; per image:\n", stats.jobs);
	for (size_t i = 0; i < BNN_COUNTERS; i++)
		if (stats.counters[i])
			printf("  %-16s %14.1f\n", counter_names[i],
			       (double)stats.counters[i] / (double)run->images.count);
}

static void json_profile(struct json *json, const struct run *run)
{
	struct bnnaccel_stats stats = { .size = sizeof(stats) };

	bnnaccel_session_get_stats(run->session, &stats);
	json_open(json, "profile", '{');
	json_int(json, "jobs", (int64_t)stats.jobs);
	for (size_t i = 0; i < BNN_COUNTERS; i++)
		json_int(json, counter_names[i], (int64_t)stats.counters[i]);
	json_close(json, '}');
}

static void print_json(const struct run *run)
{
	struct json json = { .out = stdout };
	size_t labelled, right;

	count(run, &labelled, &right);
	json_open(&json, NULL, '{');
	json_string(&json, "model", run->info.name);
	json_string(&json, "backend", bnnaccel_session_backend(run->session));
	json_int(&json, "images", (int64_t)run->images.count);
	json_int(&json, "labelled", (int64_t)labelled);
	json_int(&json, "right", (int64_t)right);
	json_real(&json, "seconds", run->seconds);
	json_int(&json, "nodes_on_cpu", nodes_on_cpu(run->session, run->info.nodes));
	if (run->options.profile)
		json_profile(&json, run);
	if (run->options.profile || run->options.placement)
		nodes_json(&json, run->session, run->info.nodes);
	json_open(&json, "results", '[');
	for (size_t i = 0; i < run->images.count; i++) {
		json_open(&json, NULL, '{');
		json_int(&json, "index", (int64_t)i);
		json_int(&json, "label", run->images.labels[i]);
		json_int(&json, "pred", bnnaccel_output_class(run->model, output(run, i)));
		json_open(&json, "output", '[');
		for (uint32_t e = 0; e < run->info.classes; e++) {
			if (run->info.output_kind == BNNACCEL_OUTPUT_FLOAT)
				json_real(&json, NULL,
					  bnnaccel_output_value(run->model, output(run, i), e));
			else
				json_int(&json, NULL,
					 bnnaccel_output_int(run->model, output(run, i), e));
		}
		json_close(&json, ']');
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	putchar('\n');
}

static void summary(const struct run *run)
{
	FILE *out = run->options.csv && !strcmp(run->options.csv, "-") ? stderr : stdout;
	uint32_t helped = nodes_on_cpu(run->session, run->info.nodes);
	size_t labelled, right;

	count(run, &labelled, &right);
	fprintf(out, "%s on %s", run->info.name, bnnaccel_session_backend(run->session));
	if (strcmp(bnnaccel_session_backend(run->session), "cpu") && helped)
		fprintf(out, " and cpu (%u of %u nodes)", helped, run->info.nodes);
	fprintf(out, ": %zu images in %.2f s, %.1f per second", run->images.count, run->seconds,
		run->seconds > 0 ? run->images.count / run->seconds : 0.0);
	if (labelled)
		fprintf(out, "; %zu of %zu right (%.1f %%)", right, labelled,
			100.0 * right / labelled);
	fputc('\n', out);
}

int verb_run(int argc, char **argv)
{
	struct run run = { 0 };
	int code = run_options_parse(argc, argv, &run.options), err;

	if (code) {
		run_options_free(&run.options);
		return code < 0 ? 0 : code;
	}
	err = bnnaccel_open(&run.ctx);
	if (err)
		return cli_fail("run", err, "out of memory");
	code = load(&run, argv + optind + 1);
	if (!code)
		code = classify(&run);
	if (!code) {
		draw(&run);
		if (run.options.csv)
			code = write_csv(&run);
		if (run.options.json)
			print_json(&run);
		else if (!run.options.quiet)
			summary(&run);
		if (run.options.placement && !run.options.json)
			nodes_print_placement(run.session, run.info.nodes);
		if (run.options.profile && !run.options.json && run.images.count)
			print_profile(&run);
		if (interrupted && !code)
			code = 130;
	}
	free(run.outputs);
	run_options_free(&run.options);
	images_free(&run.images);
	bnnaccel_close(run.ctx);
	return code;
}
