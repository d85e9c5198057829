/* SPDX-License-Identifier: MIT */
/* Importers: from a folder of raw arrays, or a model file, to a graph. */
#ifndef BNN_IMPORT_H
#define BNN_IMPORT_H

#include <stdbool.h>

#include "../error.h"
#include "bnnaccel/graph.h"
#include "bnnaccel/import.h"

/* The network in folder or file `path` as a graph; its kind is recognised by its files. */
struct bnn_notes;
int bnn_import_graph(const char *path, struct bnnaccel_graph **graph, struct bnn_error *error);
int bnn_import_notes(const char *path, struct bnnaccel_graph **graph, struct bnn_notes *notes,
		     struct bnn_error *error);

/*
 * How an importer ends: hands its graph over, or frees it and returns `rc`. A mistake that
 * `error` does not yet tell of is the graph's. `g` is NULL where none was made.
 */
int bnn_import_end(const char *path, struct bnnaccel_graph *g, int rc, bool told,
		   struct bnnaccel_graph **graph, struct bnn_error *error);

/* One importer each. `name` is the model's. */
int bnn_import_pynq(const char *path, const char *name, struct bnnaccel_graph **graph,
		    struct bnn_error *error);
int bnn_import_tbn(const char *path, const char *name, struct bnnaccel_graph **graph,
		   struct bnn_error *error);
int bnn_import_fracbnn(const char *path, const char *name, struct bnnaccel_graph **graph,
		       struct bnn_error *error);
int bnn_import_abbnn(const char *path, const char *name, struct bnnaccel_graph **graph,
		     struct bnn_error *error);
int bnn_import_pokebnn(const char *path, const char *name, struct bnnaccel_graph **graph,
		       struct bnn_error *error);

/* An ONNX file. `notes` (may be NULL) receives what was decided; its text is the caller's. */
int bnn_import_onnx(const char *path, const char *name, struct bnnaccel_graph **graph,
		    struct bnn_notes *notes, struct bnn_error *error);

extern const char *const bnn_cifar10_labels[10];

#endif /* BNN_IMPORT_H */
