/* SPDX-License-Identifier: MIT */
/*
 * Packed binary layers: layers.tsv has name, kind, cin, cout, k, stride, byte offset and
 * bytes of each, weights.bin the bits in the order [output][ky][kx][channel].
 */
#ifndef BNN_LAYERS_H
#define BNN_LAYERS_H

#include "arrays.h"

struct bnn_layer {
	uint32_t cin, cout, k, stride;
	const uint8_t *weights;
};

struct bnn_layers {
	const char *path;
	char *text;
	uint8_t *bits;
	size_t bytes;
	struct bnn_error *error;
};

int bnn_layers_open(struct bnn_layers *l, const char *path, struct bnn_error *error);
void bnn_layers_close(struct bnn_layers *l);
bool bnn_layers_have(const struct bnn_layers *l, const char *name);
/* A layer, which must be of that kind: "bin" reads signs, "real-in" real numbers. */
int bnn_layers_get(struct bnn_layers *l, const char *name, const char *kind,
		   struct bnn_layer *layer);
/* An error about a layer: "is missing". */
int bnn_layers_bad(struct bnn_layers *l, const char *name, const char *what);

#endif /* BNN_LAYERS_H */
