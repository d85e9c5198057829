// SPDX-License-Identifier: MIT
/*
 * ONNX: small models of every operator are imported, and are the same network however
 * they are written; faulty ones are refused with a sentence; trained networks have the
 * bits that the importers of raw arrays give them.
 *
 *     onnx FOLDER    (as models/onnx_cases.py writes it)
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "file_pack.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of FOLDER/KIND/NAME.onnx, sorted. */
static size_t list(const char *folder, const char *kind, char **names, size_t max)
{
	char path[512];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", folder, kind);
	dir = opendir(path);
	while (dir && n < max && (entry = readdir(dir))) {
		char *dot = strrchr(entry->d_name, '.');

		if (dot && !strcmp(dot, ".onnx"))
			names[n++] = strndup(entry->d_name, (size_t)(dot - entry->d_name));
	}
	if (dir)
		closedir(dir);
	qsort(names, n, sizeof(*names), by_name);
	return n;
}

/* A file or folder as a lowered network, or NULL and a text. */
static struct bnn_net *import(const char *path, const struct bnnaccel_build_options *options,
			      struct bnn_error *error)
{
	struct bnnaccel_graph *graph = NULL;
	struct bnn_net *net = NULL;

	if (bnn_import_graph(path, &graph, error) || bnn_graph_lower(graph, options, &net, error))
		net = NULL;
	bnnaccel_graph_free(graph);
	return net;
}

/* Every model of a folder gives the bytes that it gives as another folder has it. */
static size_t test_alike(const char *folder, const char *one, const char *other,
			 const struct bnnaccel_build_options *options)
{
	char *names[256], path[600];
	size_t n = list(folder, one, names, 256);

	for (size_t i = 0; i < n; i++) {
		struct bnn_error error = { "" };
		struct bnn_net *nets[2];
		uint8_t *data[2] = { NULL, NULL };
		size_t len[2] = { 0, 0 };

		for (int k = 0; k < 2; k++) {
			snprintf(path, sizeof(path), "%s/%s/%s.onnx", folder, k ? other : one,
				 names[i]);
			nets[k] = import(path, options, &error);
			if (nets[k])
				bnn_file_pack(nets[k], &data[k], &len[k], &error);
			else
				note("%s", error.text);
		}
		ok(data[0] && data[1] && len[0] == len[1] && !memcmp(data[0], data[1], len[0]),
		   "%s: imported, and alike when written another way", names[i]);
		for (int k = 0; k < 2; k++) {
			bnn_net_free(nets[k]);
			free(data[k]);
		}
		free(names[i]);
	}
	return n;
}

static void test_good(const char *folder)
{
	static const struct bnnaccel_build_options options = { .size = sizeof(options) };
	size_t n = test_alike(folder, "good", "again", &options);

	ok(n > 40, "%zu models to import", n);
}

/* Trained networks of images of 32x32x3, calibrated on noise: what counts is that both agree. */
static void test_round_trips(const char *folder)
{
	static uint8_t images[4 * 3072];
	const struct bnnaccel_build_options options = {
		.size = sizeof(options),
		.images = images,
		.image_stride = 3072,
		.image_count = 4,
	};
	uint32_t x = 1;
	size_t n;

	for (size_t i = 0; i < sizeof(images); i++) {
		x = x * 1664525u + 1013904223u;
		images[i] = (uint8_t)(x >> 24);
	}
	n = test_alike(folder, "trained", "trained-again", &options);
	ok(n >= 5, "%zu trained networks, exported and written another way", n);
}

static void test_bad(const char *folder)
{
	static const struct bnnaccel_build_options options = { .size = sizeof(options) };
	char *names[256], path[600];
	size_t n = list(folder, "bad", names, 256);

	ok(n > 40, "%zu models to refuse", n);
	for (size_t i = 0; i < n; i++) {
		struct bnn_error error = { "" };
		struct bnn_net *net;
		char *want;
		size_t len;

		snprintf(path, sizeof(path), "%s/bad/%s.txt", folder, names[i]);
		want = (char *)read_file(path, &len);
		snprintf(path, sizeof(path), "%s/bad/%s.onnx", folder, names[i]);
		net = import(path, &options, &error);
		if (want && len)
			want[len - 1] = 0; /* the line's end */
		ok(!net && want && strstr(error.text, want), "%s is refused: %s", names[i],
		   want ? want : "?");
		if (net || !want || !strstr(error.text, want))
			note("%s", net ? "accepted" : error.text);
		bnn_net_free(net);
		free(want);
		free(names[i]);
	}
}

/* Commands and constants, whatever their names. */
static bool same_commands(const struct bnn_net *a, const struct bnn_net *b)
{
	if (a->node_count != b->node_count || a->value_count != b->value_count)
		return false;
	for (size_t i = 0; i < a->node_count; i++) {
		if (memcmp(a->nodes[i].words, b->nodes[i].words, sizeof(a->nodes[i].words)) ||
		    memcmp(a->nodes[i].ref, b->nodes[i].ref, sizeof(a->nodes[i].ref)))
			return false;
	}
	for (size_t i = 0; i < a->value_count; i++) {
		const struct bnn_value *x = &a->values[i], *y = &b->values[i];

		if (x->role != y->role || x->format != y->format || x->f != y->f ||
		    x->bytes != y->bytes ||
		    (x->role == BNN_ROLE_CONST && memcmp(x->data, y->data, x->bytes)))
			return false;
	}
	return true;
}

/* The same network from arrays and from ONNX; every result of `count` images. */
static void test_trained(const char *folder, bool commands, size_t count)
{
	struct bnnaccel_build_options options = { .size = sizeof(options) };
	struct bnn_error error = { "" };
	struct bnn_net *raw = NULL, *onnx = NULL;
	struct images images;
	uint8_t *a = NULL, *b = NULL;
	char name[256];
	bool same;

	snprintf(name, sizeof(name), "%s/model.onnx", folder);
	if (!data_exists(name) || !images_cifar(&images, "cifar10-test1k/dev500.bin")) {
		skip(folder, "no data");
		return;
	}
	options.images = images.first;
	options.image_stride = images.stride;
	options.image_count = 20;
	raw = import(data_path(folder), &options, &error);
	if (raw)
		onnx = import(data_path(name), &options, &error);
	if (!onnx) {
		ok(false, "%s: %s", folder, error.text);
		goto out;
	}
	if (commands)
		ok(same_commands(raw, onnx), "%s: the same commands and constants", folder);
	a = run_all(raw, &images, count, NULL);
	b = run_all(onnx, &images, count, NULL);
	same = raw->values[raw->output.value].bytes == onnx->values[onnx->output.value].bytes &&
	       !memcmp(a, b, count * raw->values[raw->output.value].bytes);
	ok(same && raw->node_count == onnx->node_count,
	   "%s: the results of %zu images are those of the import from arrays, bit for bit", folder,
	   count);
out:
	free(a);
	free(b);
	bnn_net_free(raw);
	bnn_net_free(onnx);
	free(images.file);
}

int main(int argc, char **argv)
{
	if (argc == 2) {
		test_good(argv[1]);
		test_round_trips(argv[1]);
		test_bad(argv[1]);
	} else {
		skip("small models", "python3-onnx is not installed");
	}
	test_trained("abbnn-cifar10-small", true, 20);
	test_trained("abbnn-cifar10-small/pow2", true, 20);
	test_trained("pokebnn-cifar10-small", false, 100);
	return plan_end();
}
