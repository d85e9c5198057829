// SPDX-License-Identifier: MIT
/* Writes .bnn files. The same network gives the same bytes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bnnaccel/bnnaccel.h"
#include "error.h"
#include "file.h"
#include "file_pack.h"
#include "net.h"

const char bnn_file_types[BNN_FILE_SECTIONS][4] = {
	"STRS", "NETW", "VALU", "NODE", "DATA", "ORIG"
};

struct buffer {
	uint8_t *data;
	size_t len, size;
	bool failed;
};

/* Adds `len` zero bytes and returns where they are. */
static uint8_t *add(struct buffer *b, size_t len)
{
	size_t size = b->size ? b->size : 4096;
	uint8_t *data;

	while (size - b->len < len && size <= SIZE_MAX / 4)
		size *= 2;
	if (b->failed || size - b->len < len)
		goto fail;
	if (size != b->size) {
		data = realloc(b->data, size);
		if (!data)
			goto fail;
		b->data = data;
		b->size = size;
	}
	data = b->data + b->len;
	memset(data, 0, len);
	b->len += len;
	return data;
fail:
	b->failed = true;
	return NULL;
}

static void pad(struct buffer *b)
{
	add(b, -b->len % BNN_FILE_ALIGN);
}

static uint32_t add_string(struct buffer *strings, const char *text)
{
	size_t at = strings->len, len = strlen(text) + 1;
	uint8_t *to = add(strings, len);

	if (to)
		memcpy(to, text, len);
	return (uint32_t)at;
}

static void write_network(const struct bnn_net *net, struct buffer *b, struct buffer *strings)
{
	uint32_t labels = net->output.labels ? net->output.count : 0, i;
	uint8_t *p = add(b, BNN_FILE_NET_BYTES + 4 * (size_t)labels);

	if (!p)
		return;
	bnn_put32(p + BNN_FILE_NET_NAME, add_string(strings, net->name));
	bnn_put32(p + BNN_FILE_NET_DESCRIPTION, add_string(strings, net->description));
	bnn_put32(p + BNN_FILE_NET_INPUT, (uint32_t)net->input.value);
	bnn_put32(p + BNN_FILE_NET_H, net->input.h);
	bnn_put32(p + BNN_FILE_NET_W, net->input.w);
	bnn_put32(p + BNN_FILE_NET_C, net->input.c);
	bnn_put32(p + BNN_FILE_NET_OUTPUT, (uint32_t)net->output.value);
	bnn_put32(p + BNN_FILE_NET_COUNT, net->output.count);
	bnn_put32(p + BNN_FILE_NET_COLUMN, add_string(strings, net->output.column));
	bnn_put32(p + BNN_FILE_NET_LABELS, labels);
	p[BNN_FILE_NET_ORDER] = (uint8_t)net->input.order;
	p[BNN_FILE_NET_KIND] = (uint8_t)net->output.kind;
	p[BNN_FILE_NET_RULE] = (uint8_t)net->output.rule;
	for (i = 0; i < labels; i++)
		bnn_put32(p + BNN_FILE_NET_BYTES + 4 * i,
			  add_string(strings, net->output.labels[i]));
}

static void write_values(const struct bnn_net *net, struct buffer *b, struct buffer *strings,
			 struct buffer *data)
{
	size_t i;

	for (i = 0; i < net->value_count; i++) {
		const struct bnn_value *v = &net->values[i];
		uint8_t *p = add(b, BNN_FILE_VALUE_BYTES), *to;

		if (!p)
			return;
		bnn_put32(p + BNN_FILE_VALUE_NAME, add_string(strings, v->name));
		p[BNN_FILE_VALUE_ROLE] = (uint8_t)v->role;
		p[BNN_FILE_VALUE_FORMAT] = v->format;
		p[BNN_FILE_VALUE_F] = (uint8_t)v->f;
		bnn_put32(p + BNN_FILE_VALUE_H, v->h);
		bnn_put32(p + BNN_FILE_VALUE_W, v->w);
		bnn_put32(p + BNN_FILE_VALUE_C, v->c);
		bnn_put64(p + BNN_FILE_VALUE_SIZE, v->bytes);
		if (v->role != BNN_ROLE_CONST)
			continue;
		pad(data);
		bnn_put64(p + BNN_FILE_VALUE_OFFSET, data->len);
		to = add(data, v->bytes);
		if (to)
			memcpy(to, v->data, v->bytes);
	}
}

static void write_nodes(const struct bnn_net *net, struct buffer *b, struct buffer *strings)
{
	size_t i;
	int k;

	for (i = 0; i < net->node_count; i++) {
		const struct bnn_node *node = &net->nodes[i];
		uint8_t *p = add(b, BNN_FILE_NODE_BYTES);

		if (!p)
			return;
		for (k = 0; k < BNN_COMMAND_BYTES / 4; k++)
			bnn_put32(p + BNN_FILE_NODE_WORDS + 4 * k, node->words[k]);
		for (k = 0; k < BNN_SLOTS; k++)
			bnn_put32(p + BNN_FILE_NODE_REFS + 4 * k, (uint32_t)node->ref[k]);
		bnn_put32(p + BNN_FILE_NODE_NAME, add_string(strings, node->name));
	}
}

static void write_origin(const struct bnn_net *net, struct buffer *b)
{
	uint8_t *p = add(b, BNN_FILE_ORIGIN_BYTES);

	if (!p)
		return;
	bnn_put64(p + BNN_FILE_ORIGIN_PARAMETERS, net->origin.parameters);
	bnn_put32(p + BNN_FILE_ORIGIN_IMAGES, net->origin.images);
	bnn_put32(p + BNN_FILE_ORIGIN_HEADROOM, net->origin.headroom);
}

/* Header, table and sections into one image of the file. */
static void assemble(struct buffer *file, const struct buffer *sections)
{
	uint8_t *p, *entry, *to;
	size_t offset;
	int i;

	add(file, BNN_FILE_HEADER_BYTES + BNN_FILE_SECTIONS * BNN_FILE_ENTRY_BYTES);
	for (i = 0; i < BNN_FILE_SECTIONS; i++) {
		pad(file);
		offset = file->len;
		to = add(file, sections[i].len);
		if (!to)
			return;
		if (sections[i].len)
			memcpy(to, sections[i].data, sections[i].len);
		entry = file->data + BNN_FILE_HEADER_BYTES + i * BNN_FILE_ENTRY_BYTES;
		memcpy(entry + BNN_FILE_ENTRY_TYPE, bnn_file_types[i], 4);
		bnn_put32(entry + BNN_FILE_ENTRY_FLAGS,
			  i == BNN_FILE_ORIGIN ? BNN_FILE_OPTIONAL : 0);
		bnn_put64(entry + BNN_FILE_ENTRY_OFFSET, offset);
		bnn_put64(entry + BNN_FILE_ENTRY_SIZE, sections[i].len);
		bnn_put32(entry + BNN_FILE_ENTRY_CRC, bnn_crc32(to, sections[i].len));
	}
	p = file->data;
	memcpy(p, BNN_FILE_MAGIC, 8);
	bnn_put32(p + BNN_FILE_AT_VERSION, BNN_FILE_MAJOR | BNN_FILE_MINOR << 16);
	bnn_put32(p + BNN_FILE_AT_SECTIONS, BNN_FILE_SECTIONS);
	bnn_put64(p + BNN_FILE_AT_SIZE, file->len);
	bnn_put32(p + BNN_FILE_AT_TABLE_CRC,
		  bnn_crc32(p + BNN_FILE_HEADER_BYTES, BNN_FILE_SECTIONS * BNN_FILE_ENTRY_BYTES));
	bnn_put32(p + BNN_FILE_AT_HEADER_CRC, bnn_crc32(p, BNN_FILE_AT_HEADER_CRC));
}

int bnn_file_pack(const struct bnn_net *net, uint8_t **data, size_t *len, struct bnn_error *error)
{
	struct buffer sections[BNN_FILE_SECTIONS] = { 0 }, file = { 0 };
	int i, rc = bnn_net_check(net, error);

	*data = NULL;
	if (rc)
		return rc;
	write_network(net, &sections[BNN_FILE_NETWORK], &sections[BNN_FILE_STRINGS]);
	write_values(net, &sections[BNN_FILE_VALUES], &sections[BNN_FILE_STRINGS],
		     &sections[BNN_FILE_DATA]);
	write_nodes(net, &sections[BNN_FILE_NODES], &sections[BNN_FILE_STRINGS]);
	write_origin(net, &sections[BNN_FILE_ORIGIN]);
	for (i = 0; i < BNN_FILE_SECTIONS; i++)
		file.failed |= sections[i].failed;
	assemble(&file, sections);
	for (i = 0; i < BNN_FILE_SECTIONS; i++)
		free(sections[i].data);
	if (file.failed) {
		free(file.data);
		return bnn_fail(error, BNNACCEL_ERR_MEMORY,
				"out of memory writing network "
				"\"%.64s\"",
				net->name);
	}
	if (file.len > BNN_FILE_BYTES_MAX) {
		free(file.data);
		return bnn_fail(error, BNNACCEL_ERR_BAD_MODEL,
				"network \"%.64s\" is too large for "
				"a file of 4 GiB",
				net->name);
	}
	*data = file.data;
	*len = file.len;
	return 0;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= (size_t)n) {
		n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return -1;
	}
	return 0;
}

/* A new file beside `path`; its name goes to `name`. */
static int open_beside(const char *path, char *name, size_t room)
{
	unsigned int i;
	int fd = -1;

	for (i = 0; i < 100 && fd < 0; i++) {
		snprintf(name, room, "%s.%ld-%u.new", path, (long)getpid(), i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

/*
 * A regular file is replaced at once, so that a reader or a full disk never leaves
 * half a network; anything else (a pipe, say) is written to directly.
 */
static int replace(const char *path, const uint8_t *data, size_t len)
{
	size_t room = strlen(path) + 40;
	char *name = malloc(room);
	int fd, saved, rc = -1;
	struct stat st;
	bool direct;

	if (!name)
		return -1;
	direct = !stat(path, &st) && !S_ISREG(st.st_mode);
	fd = direct ? open(path, O_WRONLY | O_CLOEXEC) : open_beside(path, name, room);
	if (fd < 0)
		goto out;
	rc = write_all(fd, data, len);
	saved = errno;
	if (close(fd) && !rc)
		rc = -1;
	else
		errno = saved;
	if (!direct && !rc)
		rc = rename(name, path);
	if (!direct && rc) {
		saved = errno;
		unlink(name);
		errno = saved;
	}
out:
	saved = errno;
	free(name);
	errno = saved;
	return rc;
}

int bnn_file_write(const struct bnn_net *net, const char *path, struct bnn_error *error)
{
	uint8_t *data;
	size_t len;
	int rc = bnn_file_pack(net, &data, &len, error);

	if (rc)
		return rc;
	if (replace(path, data, len))
		rc = bnn_fail(error,
			      errno == ENOENT || errno == EACCES ? BNNACCEL_ERR_NO_FILE
								 : BNNACCEL_ERR_SYSTEM,
			      "%s: cannot be written: %s", path, strerror(errno));
	free(data);
	return rc;
}
