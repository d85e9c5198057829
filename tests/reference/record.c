// SPDX-License-Identifier: MIT
/*
 * Writes random networks with inputs and what the CPU engine makes of them, for
 * models/reference/check.py.
 *
 *     record FOLDER LAYERS NETWORKS [FIRST_SEED]
 *
 * LAYERS of a single command, half of them CONV, which has the most to vary; NETWORKS
 * of up to 14 commands. Of each FOLDER/NAME.bnn, and
 * FOLDER/NAME.rec, little-endian: u32 images; u64 MACS, FRAC_ISSUED, FRAC_SKIPPED,
 * SATURATED; the input of each image; then for each value that is not a constant
 * or the input, in order, its bytes of each image.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "exec.h"
#include "random_net.h"

static const int counters[] = { BNN_COUNTER_MACS, BNN_COUNTER_FRAC_ISSUED, BNN_COUNTER_FRAC_SKIPPED,
				BNN_COUNTER_SATURATED };

static void die(const char *what, const char *text)
{
	fprintf(stderr, "record: %s: %s\n", what, text);
	exit(1);
}

static void put(FILE *file, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		putc((int)(value >> 8 * i & 0xff), file);
}

/* Runs the network with this value as its output; the caller frees the bytes. */
static uint8_t *run(const struct bnn_net *net, const uint8_t *inputs, uint32_t images,
		    struct bnn_exec_stats *stats)
{
	const struct bnn_exec_options options = { 0 };
	struct bnn_error error = { "" };
	struct bnn_exec *exec;
	uint8_t *outputs = malloc(net->values[net->output.value].bytes * images);

	if (!outputs)
		die(net->name, "out of memory");
	if (bnn_exec_cpu.open(net, &options, &exec, &error) ||
	    bnn_exec_cpu.run(exec, inputs, net->values[net->input.value].bytes, outputs, images,
			     &error))
		die(net->name, error.text);
	bnn_exec_cpu.stats(exec, stats);
	bnn_exec_cpu.close(exec);
	return outputs;
}

static void write_results(FILE *file, struct bnn_net *net, const uint8_t *inputs, uint32_t images)
{
	int32_t shown = net->output.value;
	uint32_t count = net->output.count;

	for (size_t i = 0; i < net->value_count; i++) {
		struct bnn_value *v = &net->values[i];
		struct bnn_exec_stats stats;
		uint8_t *outputs;

		if (v->role != BNN_ROLE_TEMP && v->role != BNN_ROLE_OUTPUT)
			continue;
		net->values[net->output.value].role = BNN_ROLE_TEMP;
		v->role = BNN_ROLE_OUTPUT;
		net->output.value = (int32_t)i;
		net->output.count = 1;
		outputs = run(net, inputs, images, &stats);
		fwrite(outputs, v->bytes, images, file);
		free(outputs);
	}
	net->values[net->output.value].role = BNN_ROLE_TEMP;
	net->values[shown].role = BNN_ROLE_OUTPUT;
	net->output.value = shown;
	net->output.count = count;
}

static void record(const char *folder, const char *kind, uint64_t seed,
		   const struct random_net_options *shape)
{
	struct bnn_net *net = random_net(seed, shape);
	const uint32_t images = 2;
	struct bnn_exec_stats stats;
	struct bnn_error error = { "" };
	uint8_t *inputs;
	uint64_t bytes;
	char path[4096];
	FILE *file;

	if (!net)
		die(folder, "out of memory");
	bytes = net->values[net->input.value].bytes;
	inputs = malloc(bytes * images);
	if (!inputs)
		die(folder, "out of memory");
	for (uint32_t i = 0; i < images; i++)
		random_input(seed + i, net, inputs + i * bytes);

	snprintf(path, sizeof(path), "%s/%s-%06llu.bnn", folder, kind, (unsigned long long)seed);
	if (bnn_file_write(net, path, &error))
		die(path, error.text);
	snprintf(path, sizeof(path), "%s/%s-%06llu.rec", folder, kind, (unsigned long long)seed);
	file = fopen(path, "wb");
	if (!file)
		die(path, strerror(errno));
	free(run(net, inputs, images, &stats));
	put(file, images, 4);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		put(file, stats.counters[counters[i]], 8);
	fwrite(inputs, bytes, images, file);
	write_results(file, net, inputs, images);
	if (ferror(file) || fclose(file))
		die(path, "could not be written");
	free(inputs);
	bnn_net_free(net);
}

int main(int argc, char **argv)
{
	const uint32_t all = RANDOM_ALL | RANDOM_HOST;
	const struct random_net_options conv = { .commands = RANDOM_CONV };
	const struct random_net_options any = { .commands = all };
	const struct random_net_options chain = { .nodes = 14,
						  .commands = all,
						  .max_work = 300000 };
	uint64_t layers, networks, first;

	if (argc < 4) {
		fprintf(stderr, "usage: record FOLDER LAYERS NETWORKS [FIRST_SEED]\n");
		return 2;
	}
	layers = strtoull(argv[2], NULL, 0);
	networks = strtoull(argv[3], NULL, 0);
	first = argc > 4 ? strtoull(argv[4], NULL, 0) : 1;
	if (mkdir(argv[1], 0777) && errno != EEXIST)
		die(argv[1], strerror(errno));
	for (uint64_t seed = first; seed < first + layers; seed++)
		record(argv[1], "layer", seed, seed & 1 ? &conv : &any);
	for (uint64_t seed = first; seed < first + networks; seed++)
		record(argv[1], "chain", seed, &chain);
	return 0;
}
