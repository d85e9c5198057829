// SPDX-License-Identifier: MIT
#include "layers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"

int bnn_layers_open(struct bnn_layers *l, const char *path, struct bnn_error *error)
{
	int rc = 0;

	*l = (struct bnn_layers){ .path = path, .error = error };
	l->text = bnn_array_read(path, "layers.tsv", 0, NULL, &rc, error);
	if (!rc)
		l->bits = bnn_array_read(path, "weights.bin", 0, &l->bytes, &rc, error);
	return rc;
}

void bnn_layers_close(struct bnn_layers *l)
{
	free(l->text);
	free(l->bits);
	*l = (struct bnn_layers){ .path = NULL };
}

int bnn_layers_bad(struct bnn_layers *l, const char *name, const char *what)
{
	return bnn_fail(l->error, BNNACCEL_ERR_BAD_MODEL, "%s/layers.tsv: layer %s %s", l->path,
			name, what);
}

static const char *find(const struct bnn_layers *l, const char *name)
{
	size_t length = strlen(name);
	const char *line = l->text;

	while (line && (strncmp(line, name, length) || line[length] != '\t')) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return line ? line + length : NULL;
}

bool bnn_layers_have(const struct bnn_layers *l, const char *name)
{
	return find(l, name);
}

int bnn_layers_get(struct bnn_layers *l, const char *name, const char *kind,
		   struct bnn_layer *layer)
{
	const char *line = find(l, name);
	uint64_t offset, bytes;
	char have[16];

	if (!line)
		return bnn_layers_bad(l, name, "is missing");
	if (sscanf(line,
		   "\t%15[^\t\n]\t%" SCNu32 "\t%" SCNu32 "\t%" SCNu32 "\t%" SCNu32 "\t%" SCNu64
		   "\t%" SCNu64,
		   have, &layer->cin, &layer->cout, &layer->k, &layer->stride, &offset,
		   &bytes) != 7)
		return bnn_layers_bad(l, name,
				      "is not name, kind, cin, cout, k, stride, offset, bytes");
	if (strcmp(have, kind))
		return bnn_layers_bad(l, name, "is of another kind than expected (bin or real-in)");
	if (!layer->cin || layer->cin % 8 || layer->cin > 8192 || !layer->cout ||
	    layer->cout > 8192 || layer->k % 2 == 0 || layer->k > 7 || layer->stride < 1 ||
	    layer->stride > 2)
		return bnn_layers_bad(l, name, "has sizes that are not possible");
	if (bytes != (uint64_t)layer->cout * layer->cin * layer->k * layer->k / 8)
		return bnn_layers_bad(l, name, "has another number of bytes than its sizes need");
	if (offset > l->bytes || bytes > l->bytes - offset)
		return bnn_layers_bad(l, name, "lies outside weights.bin; copy both again");
	layer->weights = l->bits + offset;
	return 0;
}
