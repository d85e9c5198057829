/* SPDX-License-Identifier: MIT */
/**
 * @file import.h
 * Imports trained networks: ONNX files (docs/onnx.md), and the raw arrays that authors
 * published.
 */
#ifndef BNNACCEL_IMPORT_H
#define BNNACCEL_IMPORT_H

#include <stddef.h>

#include "bnnaccel.h"
#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/** A kind of network that can be imported. */
struct bnnaccel_import_kind {
	const char *name;  /**< such as "bnn-pynq" */
	const char *about; /**< what it is, one line */
	const char *files; /**< files by which a folder is recognised, separated by spaces, or
				the file itself */
};

/** The kind number @p i, or NULL behind the last. */
const struct bnnaccel_import_kind *bnnaccel_import_kind(unsigned int i);

/**
 * Imports the network in folder or file @p path; a folder's files tell which kind it is,
 * a file is an ONNX model.
 * @param options as for bnnaccel_graph_build(), or NULL
 * @param model   receives the model, owned by @p ctx
 * @return 0, BNNACCEL_ERR_NO_FILE if a file is missing, BNNACCEL_ERR_BAD_MODEL if
 *         one is damaged or the folder is of no known kind, BNNACCEL_ERR_UNSUPPORTED if a
 *         model has an operator that is not known, or another code
 */
int bnnaccel_import(struct bnnaccel *ctx, const char *path,
		    const struct bnnaccel_build_options *options, struct bnnaccel_model **model);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif /* BNNACCEL_IMPORT_H */
