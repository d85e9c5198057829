/* SPDX-License-Identifier: MIT */
/* bnnaccel inspect: what a model is and what it costs. */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"

static const char usage[] =
	"usage: bnnaccel inspect [--json | --commands] MODEL\n\n"
	"Shows input, output, size, operations, formats and every layer of a model.\n\n"
	"  --json       the same as one JSON object\n"
	"  --commands   the commands that it becomes on a device\n\n"
	"Operations are per image and counted as papers do: output pixels times weights,\n"
	"padding included. ACE weighs a product by the bits of both operands, CPU64 by the\n"
	"bits of the wider one in words of 64 (arXiv 2112.00133). docs/networks.md has more.\n";

enum { COLUMNS = 100 };

struct model {
	const struct bnnaccel_model *model;
	struct bnnaccel_model_info info;
	struct bnnaccel_figures figures;
	uint64_t file_bytes; /* 0: imported from a folder */
};

/* Bits of the file for one weight. */
static double file_bits(const struct model *m)
{
	return m->figures.weights ? 8.0 * (double)m->file_bytes / (double)m->figures.weights : 0;
}

/* Digits in groups of three. */
static const char *grouped(uint64_t n, char buf[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = 0;
	return buf;
}

/* Four digits and a prefix. */
static const char *scaled(double n, char buf[32])
{
	static const char prefixes[] = { ' ', 'k', 'M', 'G', 'T' };
	int i = 0;

	while (n >= 1000 && i < 4) {
		n /= 1000;
		i++;
	}
	if (i)
		snprintf(buf, 32, "%.4g %c", n, prefixes[i]);
	else
		snprintf(buf, 32, "%.0f", n);
	return buf;
}

/* Breaks a line at blanks; what follows is indented. */
static void print_wrapped(const char *line, int indent)
{
	size_t column = 0;

	while (*line) {
		size_t blanks = strspn(line, " "), word = strcspn(line + blanks, " ");

		if (column && column + blanks + word > COLUMNS) {
			printf("\n%*s", indent, "");
			column = (size_t)indent;
		} else {
			printf("%*s", (int)blanks, "");
			column += blanks;
		}
		printf("%.*s", (int)word, line + blanks);
		column += word;
		line += blanks + word;
	}
	putchar('\n');
}

static void print_operations(const struct bnnaccel_figures *f)
{
	char a[32], b[32];

	for (uint32_t i = 0; i < f->macs_count; i++) {
		const struct bnnaccel_macs *m = &f->macs[i];

		printf("  %-15s %10s of %u-bit weights with %u-bit activations",
		       i ? "" : "products", scaled((double)m->macs, a), m->weight_bits,
		       m->activation_bits);
		if (m->executed != m->macs)
			printf(", %s executed", scaled((double)m->executed, b));
		putchar('\n');
	}
	printf("  %-15s %10s", "ACE", scaled((double)f->ace, a));
	if (f->executed_ace != f->ace)
		printf(", %s executed", scaled((double)f->executed_ace, b));
	printf("\n  %-15s %10s\n", "CPU64", scaled(f->cpu64, a));
	printf("  %-15s %10s, of them %s between the first and the last layer\n", "multiplications",
	       grouped(f->multiplications, a), grouped(f->multiplications_inside, b));
}

static const char *padding(const struct bnnaccel_figures *f, unsigned int i)
{
	static const char *const names[] = { "0", "+1", "-1" };

	return f->padding >> i & 1 ? names[i] : NULL;
}

static void print_formats(const struct bnnaccel_figures *f)
{
	char line[1024] = "  formats         none";
	size_t at = strlen("  formats         ");

	for (uint32_t i = 0; i < f->format_count && at < sizeof(line) - 100; i++) {
		const struct bnnaccel_format *x = &f->formats[i];

		at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%u %s", i ? ", " : "",
				       x->tensors, x->name);
		if (x->least_point != x->largest_point)
			at += (size_t)snprintf(line + at, sizeof(line) - at,
					       " (%d to %d bits behind the point)", x->least_point,
					       x->largest_point);
	}
	print_wrapped(line, 18);
	printf("  padding         ");
	for (unsigned int i = 0, n = 0; i < 3; i++) {
		if (padding(f, i))
			printf("%s%s", n++ ? ", " : "", padding(f, i));
	}
	puts(f->padding ? "" : "none");
	printf("  calibration     ");
	if (f->calibration_images)
		printf("%u image%s, room %.3g times the largest value\n", f->calibration_images,
		       f->calibration_images > 1 ? "s" : "", f->headroom);
	else
		puts("none: nothing can saturate");
}

static void print_text(const struct model *m)
{
	const struct bnnaccel_model_info *info = &m->info;
	const struct bnnaccel_figures *f = &m->figures;
	char line[512], text[600], a[32];

	printf("%s: %s\n\n", info->name, info->description);
	printf("  input           %u x %u x %u bytes, %s\n", info->input_h, info->input_w,
	       info->input_c, info->input_planar ? "colour planes" : "colours interleaved");
	printf("  output          %u classes, column %s\n", info->classes, info->output_column);
	if (f->parameters)
		printf("  parameters      %s\n", grouped(f->parameters, a));
	printf("  weights         %s, %.3f bits each with scales\n", grouped(f->weights, a),
	       f->bits_per_weight);
	if (m->file_bytes)
		printf("  file            %s bytes, %.3f bits for each weight\n",
		       grouped(m->file_bytes, a), file_bits(m));
	print_operations(f);
	print_formats(f);
	printf("  layers          %u", info->nodes);
	if (f->cpu_nodes)
		printf(", %u of them on the CPU", f->cpu_nodes);
	puts("\n");
	for (uint32_t i = 0; i < info->nodes; i++) {
		if (bnnaccel_model_describe_node(m->model, i, line, sizeof(line)) < 0)
			continue;
		snprintf(text, sizeof(text), "  %3u  %s", i, line);
		print_wrapped(text, 9);
	}
}

static void json_operations(struct json *json, const struct bnnaccel_figures *f)
{
	json_int(json, "binary_macs", (int64_t)f->binary_macs);
	json_open(json, "macs", '[');
	for (uint32_t i = 0; i < f->macs_count; i++) {
		json_open(json, NULL, '{');
		json_int(json, "weight_bits", f->macs[i].weight_bits);
		json_int(json, "activation_bits", f->macs[i].activation_bits);
		json_int(json, "macs", (int64_t)f->macs[i].macs);
		json_int(json, "executed", (int64_t)f->macs[i].executed);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_int(json, "ace", (int64_t)f->ace);
	json_int(json, "executed_ace", (int64_t)f->executed_ace);
	json_real(json, "cpu64", f->cpu64);
	json_int(json, "multiplications", (int64_t)f->multiplications);
	json_int(json, "multiplications_inside", (int64_t)f->multiplications_inside);
}

static void json_formats(struct json *json, const struct bnnaccel_figures *f)
{
	json_open(json, "formats", '[');
	for (uint32_t i = 0; i < f->format_count; i++) {
		json_open(json, NULL, '{');
		json_string(json, "format", f->formats[i].name);
		json_int(json, "tensors", f->formats[i].tensors);
		json_int(json, "least_point", f->formats[i].least_point);
		json_int(json, "largest_point", f->formats[i].largest_point);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_open(json, "padding", '[');
	for (unsigned int i = 0; i < 3; i++) {
		if (padding(f, i))
			json_string(json, NULL, padding(f, i));
	}
	json_close(json, ']');
	json_int(json, "calibration_images", f->calibration_images);
	json_real(json, "headroom", f->headroom);
}

static void print_json(const struct model *m)
{
	const struct bnnaccel_model_info *info = &m->info;
	const struct bnnaccel_figures *f = &m->figures;
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
	json_int(&json, "parameters", (int64_t)f->parameters);
	json_int(&json, "weights", (int64_t)f->weights);
	json_int(&json, "weight_bits", (int64_t)info->weight_bits);
	json_real(&json, "bits_per_weight", f->bits_per_weight);
	json_int(&json, "file_size", (int64_t)m->file_bytes);
	json_real(&json, "file_bits_per_weight", file_bits(m));
	json_operations(&json, f);
	json_formats(&json, f);
	json_int(&json, "cpu_nodes", f->cpu_nodes);
	json_open(&json, "layers", '[');
	for (uint32_t i = 0; i < info->nodes; i++) {
		if (bnnaccel_model_describe_node(m->model, i, line, sizeof(line)) >= 0)
			json_string(&json, NULL, line);
	}
	json_close(&json, ']');
	json_close(&json, '}');
	putchar('\n');
}

static int print_commands(struct bnnaccel *ctx, const struct bnnaccel_model *model)
{
	char *text, *line, *rest;
	int err = bnnaccel_model_list_commands(ctx, model, &text);

	if (err)
		return cli_fail_ctx("inspect", err, ctx);
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (*line)
			print_wrapped(line, 11);
	}
	free(text);
	return 0;
}

enum shown { TEXT, JSON, COMMANDS };

static int inspect(struct bnnaccel *ctx, const char *path, enum shown shown)
{
	struct bnnaccel_model *model;
	struct model m = {
		.info.size = sizeof(m.info),
		.figures.size = sizeof(m.figures),
	};
	struct stat st;
	int err = cli_load_model(ctx, path, &model);

	if (err)
		return cli_fail_ctx("inspect", err, ctx);
	if (shown == COMMANDS)
		return print_commands(ctx, model);
	m.model = model;
	bnnaccel_model_get_info(model, &m.info);
	err = bnnaccel_model_get_figures(ctx, model, &m.figures);
	if (err)
		return cli_fail_ctx("inspect", err, ctx);
	if (!stat(path, &st) && S_ISREG(st.st_mode))
		m.file_bytes = (uint64_t)st.st_size;
	if (shown == JSON)
		print_json(&m);
	else
		print_text(&m);
	return 0;
}

int verb_inspect(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "commands", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	enum shown shown = TEXT;
	struct bnnaccel *ctx;
	int c, code;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'h':
			return fputs(usage, stdout), 0;
		case 'j':
			shown = JSON;
			break;
		case 'c':
			shown = COMMANDS;
			break;
		default:
			return fputs("Try 'bnnaccel inspect --help'.\n", stderr),
			       -BNNACCEL_ERR_ARGUMENT;
		}
	}
	if (argc - optind != 1)
		return cli_fail("inspect", BNNACCEL_ERR_ARGUMENT,
				"give one model; see 'bnnaccel inspect --help'");
	code = bnnaccel_open(&ctx);
	if (code)
		return cli_fail("inspect", code, "out of memory");
	code = inspect(ctx, argv[optind], shown);
	bnnaccel_close(ctx);
	return code;
}
