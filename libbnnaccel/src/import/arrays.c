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
	b->typed = b->table && !strncmp(b->table, "name\tdtype\t", 11);
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

/* Offset and number of elements that a line states behind the name. */
static bool parse_line(const struct bnn_bundle *b, const char *line, const char *type,
		       uint64_t *offset, uint64_t *n)
{
	char have[8], shape[64], *s = shape;

	if (!b->typed)
		return sscanf(line, "\t%*[^\t\n]\t%" SCNu64 "\t%" SCNu64, offset, n) == 2;
	if (sscanf(line, "\t%7[^\t\n]\t%63[0-9x]\t%" SCNu64, have, shape, offset) != 3 ||
	    strcmp(have, type))
		return false;
	for (*n = 1; *n <= BNN_FILE_MAX;) {
		*n *= strtoul(s, &s, 10);
		if (*s++ != 'x')
			return true;
	}
	return false;
}

/* Where array `name` of `count` elements lies, or NULL (b->code, error). */
static const uint8_t *find_array(struct bnn_bundle *b, const char *name, size_t count,
				 const char *type, size_t size)
{
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
	if (!parse_line(b, line + strlen(name), type, &offset, &n)) {
		b->code = bnn_fail(b->error, BNNACCEL_ERR_BAD_MODEL,
				   "%s/%s: the line of %s is not name, %s%s%s", b->folder,
				   b->table_name, name, b->typed ? "dtype " : "dimensions",
				   b->typed ? type : "",
				   b->typed ? ", shape, offset" : ", offset, count");
		return NULL;
	}
	if (n != count) {
		b->code = bnn_fail(b->error, BNNACCEL_ERR_BAD_MODEL,
				   "%s/%s: array %s has %" PRIu64 " elements, but %zu are expected",
				   b->folder, b->table_name, name, n, count);
		return NULL;
	}
	if (offset % size || offset > b->bytes || count > (b->bytes - offset) / size) {
		b->code = bnn_fail(
			b->error, BNNACCEL_ERR_BAD_MODEL,
			"%s/%s: array %s lies outside the data file of %zu bytes; copy both again",
			b->folder, b->table_name, name, b->bytes);
		return NULL;
	}
	return b->data + offset;
}

const int8_t *bnn_bundle_int8(struct bnn_bundle *b, const char *name, size_t count)
{
	return (const int8_t *)find_array(b, name, count, "i8", 1);
}

const float *bnn_bundle_floats(struct bnn_bundle *b, const char *name, size_t count)
{
	const float *array = (const float *)(const void *)find_array(b, name, count, "f32", 4);

	for (size_t i = 0; array && i < count; i++) {
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
