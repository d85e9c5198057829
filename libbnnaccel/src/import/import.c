// SPDX-License-Identifier: MIT
/* Which importer a folder is for. */
#include "import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../api.h"
#include "../graph/graph.h"
#include "ir.h"
#include "layers.h"

const char *const bnn_cifar10_labels[10] = { "airplane", "automobile", "bird",	"cat",	"deer",
					     "dog",	 "frog",       "horse", "ship", "truck" };

static const struct importer {
	struct bnnaccel_import_kind kind;
	const char *detect[5];
	const char *layer; /* in layers.tsv, where files alone don't tell kinds apart */
	int (*import)(const char *path, const char *name, struct bnnaccel_graph **graph,
		      struct bnn_error *error);
} importers[] = {
	{ { "bnn-pynq", "fully binary networks CNV and LFC, thresholds and packed bits",
	    "manifest.tsv L0_weights.bits L0_thresholds.i32" },
	  { "manifest.tsv", "L0_weights.bits", "L0_thresholds.i32" },
	  NULL,
	  bnn_import_pynq },
	{ { "tbn-mlp", "tiled bit network of two dense layers", "fc1_tile.bits fc2_tile.bits" },
	  { "fc1_tile.bits", "fc2_tile.bits" },
	  NULL,
	  bnn_import_tbn },
	{ { "fracbnn-cifar10", "FracBNN for CIFAR-10, float parameters", "params.tsv params.f32" },
	  { "params.tsv", "params.f32" },
	  NULL,
	  bnn_import_fracbnn },
	{ { "pokebnn-cifar10", "PokeBNN for images of 32x32, packed bits and other parameters",
	    "layers.tsv with layer block0.c1, weights.bin params.tsv params.bin" },
	  { "layers.tsv", "weights.bin", "params.tsv", "params.bin" },
	  "block0.c1",
	  bnn_import_pokebnn },
	{ { "abbnn-cifar10", "A&B BNN for images of 32x32, packed bits and float parameters",
	    "layers.tsv weights.bin params.tsv params.bin" },
	  { "layers.tsv", "weights.bin", "params.tsv", "params.bin" },
	  NULL,
	  bnn_import_abbnn },
	/* a file: found by what it is, not by what is in it */
	{ { "onnx", "a model in ONNX: standard operators and those of docs/onnx.md", "NAME.onnx" },
	  { NULL },
	  NULL,
	  NULL },
};

#define IMPORTERS (sizeof(importers) / sizeof(importers[0]))

const struct bnnaccel_import_kind *bnnaccel_import_kind(unsigned int i)
{
	return i < IMPORTERS ? &importers[i].kind : NULL;
}

/* Start and end of the last part of the first `end` bytes of a path. */
static size_t last_part(const char *path, size_t *end)
{
	size_t start;

	while (*end && path[*end - 1] == '/')
		--*end;
	for (start = *end; start && path[start - 1] != '/'; start--)
		;
	return start;
}

/*
 * The last part of the path; a variant "pow2" goes behind the part before it; what
 * tells variants of bnn-pynq apart is kept.
 */
static void model_name(const char *path, char *name, size_t size)
{
	size_t end = strlen(path), start = last_part(path, &end);
	bool pow2 = end - start == 4 && !strncmp(path + start, "pow2", 4) && start;
	char *variant;

	if (pow2) {
		end = start;
		start = last_part(path, &end);
	}
	snprintf(name, size, "%.*s%s", (int)(end - start > 100 ? 100 : end - start), path + start,
		 pow2 ? start == end ? "pow2" : "-pow2" : "");
	variant = strstr(name, "W1A1");
	if (variant)
		memmove(variant, variant + 4, strlen(variant + 4) + 1);
	if (!*name)
		snprintf(name, size, "network");
}

static bool has_layer(const char *path, const char *name)
{
	struct bnn_error error;
	struct bnn_layers layers;
	bool has = !bnn_layers_open(&layers, path, &error) && bnn_layers_have(&layers, name);

	bnn_layers_close(&layers);
	return has;
}

static bool is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* The file's name without its suffix. */
static int import_file(const char *path, struct bnnaccel_graph **graph, struct bnn_notes *notes,
		       struct bnn_error *error)
{
	size_t end = strlen(path), start = last_part(path, &end);
	char name[128];

	if (end - start > 5 && !strncmp(path + end - 5, ".onnx", 5))
		end -= 5;
	snprintf(name, sizeof(name), "%.*s", (int)(end - start > 100 ? 100 : end - start),
		 path + start);
	return bnn_import_onnx(path, name, graph, notes, error);
}

int bnn_import_end(const char *path, struct bnnaccel_graph *g, int rc, bool told,
		   struct bnnaccel_graph **graph, struct bnn_error *error)
{
	if (!rc) {
		*graph = g;
		return 0;
	}
	if (g && !told)
		bnn_fail(error, rc, "%s: %s", path, bnnaccel_graph_error(g));
	bnnaccel_graph_free(g);
	return rc;
}

int bnn_import_graph(const char *path, struct bnnaccel_graph **graph, struct bnn_error *error)
{
	return bnn_import_notes(path, graph, NULL, error);
}

int bnn_import_notes(const char *path, struct bnnaccel_graph **graph, struct bnn_notes *notes,
		     struct bnn_error *error)
{
	char name[128];

	if (is_file(path))
		return import_file(path, graph, notes, error);
	if (!bnn_array_exists(path, "."))
		return bnn_fail(error, BNNACCEL_ERR_NO_FILE, "there is no file or folder %s", path);
	for (size_t i = 0; i < IMPORTERS; i++) {
		bool all = importers[i].import;

		for (int j = 0; importers[i].detect[j]; j++)
			all = all && bnn_array_exists(path, importers[i].detect[j]);
		if (!all || (importers[i].layer && !has_layer(path, importers[i].layer)))
			continue;
		model_name(path, name, sizeof(name));
		return importers[i].import(path, name, graph, error);
	}
	return bnn_fail(
		error, BNNACCEL_ERR_BAD_MODEL,
		"folder %s holds no network of a known kind; 'bnnaccel import --help' lists them",
		path);
}

/* What the importer decided, before what lowering reports. */
static void join_reports(char **report, const struct bnn_notes *notes)
{
	size_t len = report && *report ? strlen(*report) : 0;
	char *all = report && notes->text ? malloc(notes->len + len + 1) : NULL;

	if (!all)
		return; /* the rest of a report is better than none */
	memcpy(all, notes->text, notes->len);
	memcpy(all + notes->len, *report ? *report : "", len + 1);
	free(*report);
	*report = all;
}

int bnnaccel_import(struct bnnaccel *ctx, const char *path,
		    const struct bnnaccel_build_options *given, struct bnnaccel_model **model)
{
	struct bnn_error *error = bnn_api_error(ctx);
	struct bnnaccel_build_options options;
	struct bnn_notes notes = { NULL, 0 };
	struct bnnaccel_graph *graph;
	int rc;

	if (!ctx || !path || !model)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"import needs a context, a path and a model");
	/* before any file is read */
	rc = bnn_build_options(given, &options, error);
	if (!rc)
		rc = bnn_import_notes(path, &graph, options.report ? &notes : NULL, error);
	if (!rc) {
		rc = bnnaccel_graph_build(ctx, graph, &options, model);
		bnnaccel_graph_free(graph);
	}
	if (!rc)
		join_reports(options.report, &notes);
	free(notes.text);
	return rc;
}
