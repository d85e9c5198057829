// SPDX-License-Identifier: MIT
/* Whole networks against the expected results of their data sets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "figures.h"

struct score {
	size_t images, right, same_class, same_line;
};

/* The line of a CSV that the program would write for one result. */
static void format_line(const struct bnn_net *net, const uint8_t *output, size_t index,
			const char *label, char *line)
{
	int n = sprintf(line, "%zu,%s,%u", index, label, output_class(net, output));

	if (net->output.kind == BNN_OUTPUT_BITS)
		line[n++] = ',';
	for (uint32_t i = 0; i < net->output.count; i++) {
		if (net->output.kind == BNN_OUTPUT_BITS)
			n += sprintf(line + n, "%d", (int)output_int(net, output, i));
		else
			n += sprintf(line + n, ",%lld", (long long)output_int(net, output, i));
	}
}

static struct score compare(const struct bnn_net *net, const uint8_t *outputs, size_t count,
			    const char *csv)
{
	char *text = (char *)read_file(data_path(csv), NULL), *save = NULL, *line;
	uint64_t bytes = net->values[net->output.value].bytes;
	struct score score = { 0 };

	line = text ? strtok_r(text, "\n", &save) : NULL;
	for (size_t i = 0; line && i < count; i++) {
		const uint8_t *output = outputs + i * bytes;
		char label[16], ours[1024];
		unsigned int index, prediction;

		line = strtok_r(NULL, "\n", &save);
		if (!line || sscanf(line, "%u,%15[^,],%u", &index, label, &prediction) != 3 ||
		    index != i)
			break;
		format_line(net, output, i, label, ours);
		score.images++;
		score.right += output_class(net, output) == strtoul(label, NULL, 10);
		score.same_class += output_class(net, output) == prediction;
		score.same_line += !strcmp(ours, line);
	}
	free(text);
	return score;
}

/* Everything that a case demands, in images of its data set. */
struct network_case {
	const char *folder, *images, *expected;
	bool idx;
	size_t calibrate;
	size_t count, right, same_class, same_line;
	uint64_t saturated; /* at most: an image may go beyond what calibration saw */
	bool shifts_only;   /* nothing is multiplied between the first and the last layer */
	bool variant;	    /* of a case before: not written to BNNACCEL_NETWORKS */
};

static void check(const struct network_case *c)
{
	struct bnnaccel_build_options options = { .size = sizeof(options) };
	char *report = NULL, *line, *save = NULL;
	struct images images;
	struct bnn_net *net;
	struct score score;
	uint64_t saturated;
	uint8_t *outputs;

	if (!data_exists(c->folder) || !data_exists(c->images)) {
		skip(c->folder, "no data set; BNNACCEL_DATA names its folder");
		return;
	}
	if (!(c->idx ? images_idx : images_cifar)(&images, c->images)) {
		ok(false, "%s can be read", c->images);
		return;
	}
	if (c->calibrate) {
		options.images = images.first;
		options.image_stride = images.stride;
		options.image_count = c->calibrate;
	}
	options.report = &report;
	net = import_net(c->folder, &options, NULL);
	for (line = strtok_r(report, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		note("%s", line);
	free(report);
	if (getenv("BNNACCEL_NETWORKS") && !c->variant) {
		struct bnn_error error;
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s.bnn", getenv("BNNACCEL_NETWORKS"), net->name);
		ok(!bnn_file_write(net, path, &error), "%s is written", path);
	}
	outputs = run_all(net, &images, images.count, &saturated);
	score = compare(net, outputs, images.count, c->expected);
	note("%s%s: %zu images, %zu right, %zu predictions equal, %zu lines equal, %llu values "
	     "saturated",
	     net->name, c->calibrate ? " calibrated" : "", score.images, score.right,
	     score.same_class, score.same_line, (unsigned long long)saturated);
	ok(score.images == c->count && score.right >= c->right,
	   "%s: at least %zu of %zu right: %zu", net->name, c->right, c->count, score.right);
	ok(score.same_class >= c->same_class, "%s: at least %zu predictions equal: %zu", net->name,
	   c->same_class, score.same_class);
	if (c->same_line)
		ok(score.same_line >= c->same_line, "%s: at least %zu results equal: %zu",
		   net->name, c->same_line, score.same_line);
	ok(saturated <= c->saturated, "%s: %llu values saturate, %llu were known", net->name,
	   (unsigned long long)saturated, (unsigned long long)c->saturated);
	if (c->shifts_only)
		ok(!bnn_net_multiplications(net, NULL),
		   "%s: no multiplication between the first and the last layer", net->name);
	free(outputs);
	free(images.file);
	bnn_net_free(net);
}

int main(void)
{
	static const struct network_case cases[] = {
		{ .folder = "bnn-pynq/lfcW1A1-mnist",
		  .images = "mnist-t10k/dev5000-images-idx3-ubyte",
		  .expected = "bnn-pynq/expected_lfcW1A1-mnist_dev5000.csv",
		  .idx = true,
		  .count = 5000,
		  .right = 4920,
		  .same_class = 5000,
		  .same_line = 5000 },
		{ .folder = "bnn-pynq/cnvW1A1-cifar10",
		  .images = "cifar10-test1k/dev500.bin",
		  .expected = "bnn-pynq/expected_cnvW1A1-cifar10_dev500.csv",
		  .count = 500,
		  .right = 400,
		  .same_class = 500,
		  .same_line = 500 },
		{ .folder = "tbn-mlp-mnist",
		  .images = "mnist-t10k/dev5000-images-idx3-ubyte",
		  .expected = "tbn-mlp-mnist/expected_dev5000.csv",
		  .idx = true,
		  .count = 5000,
		  .right = 4850,
		  .same_class = 4975 },
		{ .folder = "fracbnn-cifar10",
		  .images = "cifar10-test1k/dev500.bin",
		  .expected = "fracbnn-cifar10/expected_float_dev500.csv",
		  .calibrate = 100,
		  .count = 500,
		  .right = 440,
		  .same_class = 455 },
		/* without images: formats from bounds cost some bits */
		{ .folder = "fracbnn-cifar10",
		  .images = "cifar10-test1k/dev500.bin",
		  .expected = "fracbnn-cifar10/expected_float_dev500.csv",
		  .count = 500,
		  .right = 430,
		  .same_class = 440,
		  .variant = true },
		{ .folder = "abbnn-cifar10-small",
		  .images = "cifar10-test1k/dev500.bin",
		  .expected = "abbnn-cifar10-small/expected_float_dev500.csv",
		  .calibrate = 100,
		  .count = 500,
		  .right = 360,
		  .same_class = 455 },
		{ .folder = "abbnn-cifar10-small/pow2",
		  .images = "cifar10-test1k/dev500.bin",
		  .expected = "abbnn-cifar10-small/pow2/expected_float_dev500.csv",
		  .calibrate = 100,
		  .count = 500,
		  .right = 366,
		  .same_class = 455,
		  .shifts_only = true },
		{ .folder = "abbnn-cifar10-small/pow2",
		  .images = "cifar10-test1k/dev500.bin",
		  .expected = "abbnn-cifar10-small/pow2/expected_float_dev500.csv",
		  .count = 500,
		  .right = 350,
		  .same_class = 430,
		  .shifts_only = true,
		  .variant = true },
		{ .folder = "pokebnn-cifar10-small",
		  .images = "cifar10-test1k/dev500.bin",
		  .expected = "pokebnn-cifar10-small/expected_float_dev500.csv",
		  .calibrate = 100,
		  .count = 500,
		  .right = 374,
		  .same_class = 420,
		  .saturated = 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i]);
	return plan_end();
}
