// SPDX-License-Identifier: MIT
#include "arrays.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bnnaccel/bnnaccel.h"

static bool join(char *to, size_t size, const char *folder, const char *file)
{
	int n = snprintf(to, size, "%s/%s", folder, file);

	return n > 0 && (size_t)n < size;
}

bool bnn_array_exists(const char *folder, const char *file)
{
	char path[4096];

	return join(path, sizeof(path), folder, file) && !access(path, R_OK);
}

void *bnn_array_read(const char *folder, const char *file, size_t want, size_t *bytes, int *code,
		     struct bnn_error *error)
{
	size_t size = want ? want : BNN_FILE_MAX, have = 0, room = want ? want + 2 : 1 << 16;
	char path[4096];
	uint8_t *data = NULL, *more;
	FILE *f;

	if (!join(path, sizeof(path), folder, file)) {
		*code = bnn_fail(error, BNNACCEL_ERR_ARGUMENT, "path of %s is too long", file);
		return NULL;
	}
	f = fopen(path, "rb");
	if (!f) {
		*code = bnn_fail(error, BNNACCEL_ERR_NO_FILE, "cannot read %s: %s", path,
				 strerror(errno));
		return NULL;
	}
	/* one byte more than wanted is read, to notice a file that is too long */
	for (;;) {
		more = realloc(data, room);
		if (!more)
			break;
		data = more;
		have += fread(data + have, 1, room - 1 - have, f);
		if (have < room - 1 || have > size)
			break;
		room *= 2;
	}
	if (!more) {
		*code = bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory reading %s", path);
	} else if (ferror(f)) {
		*code = bnn_fail(error, BNNACCEL_ERR_NO_FILE,
				 "cannot read %s: it is not a readable file", path);
	} else if (want && have != want) {
		*code = bnn_fail(error, BNNACCEL_ERR_BAD_MODEL,
				 "%s has %s%zu bytes, but %zu are expected; copy it again", path,
				 have > want ? "more than " : "", have > want ? want : have, want);
	} else if (have > size) {
		*code = bnn_fail(error, BNNACCEL_ERR_BAD_MODEL, "%s is larger than %u bytes", path,
				 BNN_FILE_MAX);
	} else {
		fclose(f);
		data[have] = 0;
		if (bytes)
			*bytes = have;
		return data;
	}
	fclose(f);
	free(data);
	return NULL;
}

int bnn_bundle_open(struct bnn_bundle *b, const char *folder, const char *table, const char *data,
		    struct bnn_error *error)
{
	*b = (struct bnn_bundle){ .folder = folder, .table_name = table, .error = error };
	b->table = bnn_array_read(folder, table, 0, NULL, &b->code, error);
	if (b->table)
		b->data = bnn_array_read(folder, data, 0, &b->bytes, &b->code, error);
	return b->code;
}

void bnn_bundle_close(struct bnn_bundle *b)
{
	free(b->table);
	free(b->data);
	b->table = NULL;
	b->data = NULL;
}

/* The line of the table that starts with this name and a tab. */
static const char *find_line(const struct bnn_bundle *b, const char *name)
{
	size_t length = strlen(name);
	const char *line = b->table;

	while (line && (strncmp(line, name, length) || line[length] != '\t')) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return line;
}

const float *bnn_bundle_floats(struct bnn_bundle *b, const char *name, size_t count)
{
	const float *array;
	const char *line;
	uint64_t offset, n;

	if (b->code)
		return NULL;
	line = find_line(b, name);
	if (!line) {
		b->code = bnn_fail(b->error, BNNACCEL_ERR_BAD_MODEL, "%s/%s lists no array %s",
				   b->folder, b->table_name, name);
		return NULL;
	}
	if (sscanf(line + strlen(name), "\t%*[^\t\n]\t%" SCNu64 "\t%" SCNu64, &offset, &n) != 2) {
		b->code = bnn_fail(b->error, BNNACCEL_ERR_BAD_MODEL,
				   "%s/%s: the line of %s is not name, dimensions, offset, count",
				   b->folder, b->table_name, name);
		return NULL;
	}
	if (n != count) {
		b->code = bnn_fail(b->error, BNNACCEL_ERR_BAD_MODEL,
				   "%s/%s: array %s has %" PRIu64 " elements, but %zu are expected",
				   b->folder, b->table_name, name, n, count);
		return NULL;
	}
	if (offset % 4 || offset > b->bytes || count > (b->bytes - offset) / 4) {
		b->code = bnn_fail(
			b->error, BNNACCEL_ERR_BAD_MODEL,
			"%s/%s: array %s lies outside the data file of %zu bytes; copy both again",
			b->folder, b->table_name, name, b->bytes);
		return NULL;
	}
	array = (const float *)(const void *)(b->data + offset);
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(array[i])) {
			b->code = bnn_fail(
				b->error, BNNACCEL_ERR_BAD_MODEL,
				"%s: element %zu of array %s is %s; train it again or repair it",
				b->folder, i, name, isnan(array[i]) ? "not a number" : "infinite");
			return NULL;
		}
	}
	return array;
}
