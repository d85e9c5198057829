// SPDX-License-Identifier: MIT
/*
 * Reads .bnn files. The bytes may come from anyone: nothing is used before it is
 * known to lie inside, no size is allocated that the file does not itself contain,
 * and bnn_net_check() judges the network that comes out.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
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

#define BAD BNNACCEL_ERR_BAD_MODEL

struct section {
	const uint8_t *data;
	size_t len;
};

struct reader {
	const char *path;
	const uint8_t *data;
	size_t len;
	struct section sections[BNN_FILE_SECTIONS];
	struct bnn_error *error;
};

__attribute__((format(printf, 2, 3))) static int bad(const struct reader *r, const char *format,
						     ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return bnn_fail(r->error, BAD, "%.96s: %s", r->path, text);
}

static bool all_zero(const uint8_t *p, size_t len)
{
	while (len && !*p)
		len--, p++;
	return !len;
}

static int read_header(const struct reader *r, uint32_t *sections)
{
	const uint8_t *p = r->data;
	uint32_t version;

	if (r->len < 8 || memcmp(p, BNN_FILE_MAGIC, 8))
		return bad(r, "is not a .bnn file; networks are converted with `bnnaccel import`");
	if (r->len < BNN_FILE_HEADER_BYTES)
		return bad(r, "is cut off inside its header (%zu bytes); get the file again",
			   r->len);
	version = bnn_get32(p + BNN_FILE_AT_VERSION);
	if ((version & 0xffff) != BNN_FILE_MAJOR)
		return bad(r,
			   "has version %u.%u of the format, this library reads %u.x; convert "
			   "the network again, or use a matching libbnnaccel",
			   version & 0xffff, version >> 16, BNN_FILE_MAJOR);
	if (bnn_crc32(p, BNN_FILE_AT_HEADER_CRC) != bnn_get32(p + BNN_FILE_AT_HEADER_CRC))
		return bad(r,
			   "header: the checksum is wrong, so the file is damaged; get it again");
	if (bnn_get64(p + BNN_FILE_AT_SIZE) > r->len)
		return bad(r, "is cut off: it has %zu of %" PRIu64 " bytes; get the file again",
			   r->len, bnn_get64(p + BNN_FILE_AT_SIZE));
	if (bnn_get64(p + BNN_FILE_AT_SIZE) < r->len)
		return bad(r,
			   "has %" PRIu64 " bytes that do not belong to it behind its end; get "
			   "the file again",
			   r->len - bnn_get64(p + BNN_FILE_AT_SIZE));
	if (!all_zero(p + BNN_FILE_AT_TABLE_CRC + 4,
		      BNN_FILE_AT_HEADER_CRC - BNN_FILE_AT_TABLE_CRC - 4))
		return bad(r, "header: reserved bytes are not 0");
	*sections = bnn_get32(p + BNN_FILE_AT_SECTIONS);
	if (*sections > BNN_FILE_SECTIONS_MAX ||
	    (r->len - BNN_FILE_HEADER_BYTES) / BNN_FILE_ENTRY_BYTES < *sections)
		return bad(r, "header: the file cannot hold a table of %u sections", *sections);
	if (bnn_crc32(p + BNN_FILE_HEADER_BYTES, *sections * BNN_FILE_ENTRY_BYTES) !=
	    bnn_get32(p + BNN_FILE_AT_TABLE_CRC))
		return bad(r, "section table: the checksum is wrong, so the file is damaged; get "
			      "it again");
	return 0;
}

/* A printable form of the four letters of a section. */
static const char *type_name(const uint8_t *type, char buf[5])
{
	int i;

	for (i = 0; i < 4; i++)
		buf[i] = type[i] >= ' ' && type[i] < 0x7f ? (char)type[i] : '?';
	buf[4] = 0;
	return buf;
}

/* One entry; `*end` is where the section before it ended. */
static int read_entry(struct reader *r, const uint8_t *entry, uint64_t *end)
{
	uint64_t offset = bnn_get64(entry + BNN_FILE_ENTRY_OFFSET);
	uint64_t size = bnn_get64(entry + BNN_FILE_ENTRY_SIZE);
	uint32_t flags = bnn_get32(entry + BNN_FILE_ENTRY_FLAGS);
	char name[5];
	int i;

	type_name(entry, name);
	if ((flags & ~BNN_FILE_OPTIONAL) || bnn_get32(entry + BNN_FILE_ENTRY_CRC + 4))
		return bad(r, "section %s: reserved bits of its table entry are not 0", name);
	/* In order and without overlap, so that every byte belongs to one thing. */
	if (offset % BNN_FILE_ALIGN || offset < *end || offset > r->len || size > r->len - offset)
		return bad(r,
			   "section %s: offset %" PRIu64 " and size %" PRIu64 " do not fit the "
			   "file",
			   name, offset, size);
	if (offset - *end >= BNN_FILE_ALIGN || !all_zero(r->data + *end, offset - *end))
		return bad(r, "section %s: there are bytes before it that belong to nothing", name);
	if (bnn_crc32(r->data + offset, size) != bnn_get32(entry + BNN_FILE_ENTRY_CRC))
		return bad(r,
			   "section %s: the checksum is wrong, so the file is damaged; get it "
			   "again",
			   name);
	*end = offset + size;
	for (i = 0; i < BNN_FILE_SECTIONS; i++) {
		if (memcmp(entry, bnn_file_types[i], 4))
			continue;
		if (r->sections[i].data)
			return bad(r, "section %s: occurs twice", name);
		r->sections[i] = (struct section){ r->data + offset, size };
		return 0;
	}
	if (!(flags & BNN_FILE_OPTIONAL))
		return bad(r, "section %s: unknown to this library; a newer one is needed", name);
	return 0;
}

static int read_table(struct reader *r, uint32_t sections)
{
	uint64_t end = BNN_FILE_HEADER_BYTES + (uint64_t)sections * BNN_FILE_ENTRY_BYTES;
	uint32_t i;
	int rc;

	for (i = 0; i < sections; i++) {
		rc = read_entry(r, r->data + BNN_FILE_HEADER_BYTES + i * BNN_FILE_ENTRY_BYTES,
				&end);
		if (rc)
			return rc;
	}
	if (end != r->len)
		return bad(r, "has bytes behind its last section that belong to nothing");
	for (i = 0; i < BNN_FILE_SECTIONS; i++) {
		if (!r->sections[i].data && i != BNN_FILE_ORIGIN)
			return bad(r, "section %.4s: is missing", bnn_file_types[i]);
	}
	return 0;
}

/* A string of the file, or NULL. Section STRS ends with a 0, so all of them do. */
static const char *string_at(const struct reader *r, uint32_t at)
{
	const struct section *s = &r->sections[BNN_FILE_STRINGS];

	return at < s->len && !s->data[s->len - 1] ? (const char *)s->data + at : NULL;
}

static int take_string(const struct reader *r, uint32_t at, const char *what, char **out)
{
	const char *text = string_at(r, at);

	if (!text)
		return bad(r, "section STRS: the %s is not inside", what);
	free(*out);
	*out = strdup(text);
	return *out ? 0 : bnn_fail(r->error, BNNACCEL_ERR_MEMORY, "%.96s: out of memory", r->path);
}

static int read_network(const struct reader *r, struct bnn_net *net)
{
	const struct section *s = &r->sections[BNN_FILE_NETWORK];
	const uint8_t *p = s->data;
	uint32_t labels, i;
	int rc;

	if (s->len < BNN_FILE_NET_BYTES)
		return bad(r, "section NETW: has %zu bytes, too few", s->len);
	labels = bnn_get32(p + BNN_FILE_NET_LABELS);
	if (s->len != BNN_FILE_NET_BYTES + 4 * (uint64_t)labels)
		return bad(r, "section NETW: %zu bytes do not hold %u class names", s->len, labels);
	if (!all_zero(p + BNN_FILE_NET_RULE + 1, BNN_FILE_NET_BYTES - BNN_FILE_NET_RULE - 1))
		return bad(r, "section NETW: reserved bytes are not 0");
	rc = take_string(r, bnn_get32(p + BNN_FILE_NET_NAME), "name of the network", &net->name);
	if (!rc)
		rc = take_string(r, bnn_get32(p + BNN_FILE_NET_DESCRIPTION), "description",
				 &net->description);
	if (!rc)
		rc = take_string(r, bnn_get32(p + BNN_FILE_NET_COLUMN), "output column",
				 &net->output.column);
	if (rc)
		return rc;
	net->input.value = (int32_t)bnn_get32(p + BNN_FILE_NET_INPUT);
	net->input.h = bnn_get32(p + BNN_FILE_NET_H);
	net->input.w = bnn_get32(p + BNN_FILE_NET_W);
	net->input.c = bnn_get32(p + BNN_FILE_NET_C);
	net->input.order = (enum bnn_image_order)p[BNN_FILE_NET_ORDER];
	net->output.value = (int32_t)bnn_get32(p + BNN_FILE_NET_OUTPUT);
	net->output.kind = (enum bnn_output_kind)p[BNN_FILE_NET_KIND];
	net->output.rule = (enum bnn_class_rule)p[BNN_FILE_NET_RULE];
	if (!labels) {
		net->output.count = bnn_get32(p + BNN_FILE_NET_COUNT);
		return 0;
	}
	if (labels != bnn_get32(p + BNN_FILE_NET_COUNT))
		return bad(r, "section NETW: %u class names for %u outputs", labels,
			   bnn_get32(p + BNN_FILE_NET_COUNT));
	net->output.labels = calloc(labels, sizeof(*net->output.labels));
	if (!net->output.labels)
		return bnn_fail(r->error, BNNACCEL_ERR_MEMORY, "%.96s: out of memory", r->path);
	net->output.count = labels;
	for (i = 0; !rc && i < labels; i++)
		rc = take_string(r, bnn_get32(p + BNN_FILE_NET_BYTES + 4 * i), "name of a class",
				 &net->output.labels[i]);
	return rc;
}

static int read_value(const struct reader *r, const uint8_t *p, size_t i, uint64_t *end,
		      struct bnn_net *net)
{
	const struct section *data = &r->sections[BNN_FILE_DATA];
	uint64_t offset = bnn_get64(p + BNN_FILE_VALUE_OFFSET);
	const char *name = string_at(r, bnn_get32(p + BNN_FILE_VALUE_NAME));
	struct bnn_value v = {
		.name = (char *)name,
		.role = (enum bnn_role)p[BNN_FILE_VALUE_ROLE],
		.format = p[BNN_FILE_VALUE_FORMAT],
		.f = (int8_t)p[BNN_FILE_VALUE_F],
		.h = bnn_get32(p + BNN_FILE_VALUE_H),
		.w = bnn_get32(p + BNN_FILE_VALUE_W),
		.c = bnn_get32(p + BNN_FILE_VALUE_C),
		.bytes = bnn_get64(p + BNN_FILE_VALUE_SIZE),
	};

	if (!name)
		return bad(r, "section VALU: the name of value %zu is not inside STRS", i);
	if (p[BNN_FILE_VALUE_F + 1] || !all_zero(p + BNN_FILE_VALUE_C + 4, 4) ||
	    !all_zero(p + BNN_FILE_VALUE_OFFSET + 8, 8))
		return bad(r, "section VALU: reserved bytes of value %zu are not 0", i);
	/* bnn_net_add_value() would work it out, but a file has to say. */
	if (!v.bytes || v.bytes > BNN_VALUE_BYTES_MAX)
		return bad(r,
			   "section VALU: value %zu \"%.64s\" has %" PRIu64 " bytes; 1 to 2^31 "
			   "are possible",
			   i, name, v.bytes);
	if (v.role != BNN_ROLE_CONST && offset)
		return bad(r, "section VALU: value %zu \"%.64s\" has data, but is no constant", i,
			   name);
	if (v.role == BNN_ROLE_CONST) {
		if (offset % BNN_FILE_ALIGN || offset < *end || offset - *end >= BNN_FILE_ALIGN ||
		    offset > data->len || v.bytes > data->len - offset)
			return bad(r,
				   "section VALU: the data of value %zu \"%.64s\" (%" PRIu64
				   " bytes at %" PRIu64 ") is not where it must be in DATA",
				   i, name, v.bytes, offset);
		if (!all_zero(data->data + *end, offset - *end))
			return bad(r, "section DATA: bytes before value \"%.64s\" are not 0", name);
		*end = offset + v.bytes;
		v.data = malloc(v.bytes);
		if (v.data)
			memcpy(v.data, data->data + offset, v.bytes);
	}
	if ((v.role == BNN_ROLE_CONST && !v.data) || bnn_net_add_value(net, &v) < 0)
		return bnn_fail(r->error, BNNACCEL_ERR_MEMORY, "%.96s: out of memory", r->path);
	return 0;
}

static int read_values(const struct reader *r, struct bnn_net *net)
{
	const struct section *s = &r->sections[BNN_FILE_VALUES];
	uint64_t end = 0;
	size_t i;
	int rc = 0;

	if (s->len % BNN_FILE_VALUE_BYTES)
		return bad(r, "section VALU: %zu bytes are not a whole number of values", s->len);
	for (i = 0; !rc && i < s->len / BNN_FILE_VALUE_BYTES; i++)
		rc = read_value(r, s->data + i * BNN_FILE_VALUE_BYTES, i, &end, net);
	if (!rc && end != r->sections[BNN_FILE_DATA].len)
		rc = bad(r, "section DATA: has bytes that belong to no value");
	return rc;
}

static int read_nodes(const struct reader *r, struct bnn_net *net)
{
	const struct section *s = &r->sections[BNN_FILE_NODES];
	struct bnn_node node;
	const uint8_t *p;
	size_t i;
	int k;

	if (s->len % BNN_FILE_NODE_BYTES)
		return bad(r, "section NODE: %zu bytes are not a whole number of nodes", s->len);
	for (i = 0; i < s->len / BNN_FILE_NODE_BYTES; i++) {
		p = s->data + i * BNN_FILE_NODE_BYTES;
		node.name = (char *)string_at(r, bnn_get32(p + BNN_FILE_NODE_NAME));
		if (!node.name)
			return bad(r, "section NODE: the name of node %zu is not inside STRS", i);
		if (!all_zero(p + BNN_FILE_NODE_NAME + 4,
			      BNN_FILE_NODE_BYTES - BNN_FILE_NODE_NAME - 4))
			return bad(r, "section NODE: reserved bytes of node %zu are not 0", i);
		for (k = 0; k < BNN_COMMAND_BYTES / 4; k++)
			node.words[k] = bnn_get32(p + BNN_FILE_NODE_WORDS + 4 * k);
		for (k = 0; k < BNN_SLOTS; k++)
			node.ref[k] = (int32_t)bnn_get32(p + BNN_FILE_NODE_REFS + 4 * k);
		if (bnn_net_add_node(net, &node) < 0)
			return bnn_fail(r->error, BNNACCEL_ERR_MEMORY, "%.96s: out of memory",
					r->path);
	}
	return 0;
}

static int read_origin(const struct reader *r, struct bnn_net *net)
{
	const struct section *s = &r->sections[BNN_FILE_ORIGIN];

	if (!s->data)
		return 0;
	if (s->len != BNN_FILE_ORIGIN_BYTES)
		return bad(r, "section ORIG: has %zu bytes, not %d", s->len, BNN_FILE_ORIGIN_BYTES);
	net->origin.parameters = bnn_get64(s->data + BNN_FILE_ORIGIN_PARAMETERS);
	net->origin.images = bnn_get32(s->data + BNN_FILE_ORIGIN_IMAGES);
	net->origin.headroom = bnn_get32(s->data + BNN_FILE_ORIGIN_HEADROOM);
	return 0;
}

static int parse(const char *path, const void *data, size_t len, struct bnn_net **result,
		 struct bnn_error *error)
{
	struct reader r = { .path = path, .data = data, .len = len, .error = error };
	struct bnn_error inner = { "" };
	struct bnn_net *net;
	uint32_t sections = 0;
	int rc;

	*result = NULL;
	rc = read_header(&r, &sections);
	if (!rc)
		rc = read_table(&r, sections);
	if (rc)
		return rc;
	net = bnn_net_new("");
	if (!net)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "%.96s: out of memory", path);
	rc = read_network(&r, net);
	if (!rc)
		rc = read_values(&r, net);
	if (!rc)
		rc = read_nodes(&r, net);
	if (!rc)
		rc = read_origin(&r, net);
	if (!rc) {
		rc = bnn_net_check(net, &inner);
		if (rc)
			bnn_fail(error, rc, "%.96s: %.380s", path, inner.text);
	}
	if (rc) {
		bnn_net_free(net);
		return rc;
	}
	*result = net;
	return 0;
}

int bnn_file_parse(const void *data, size_t len, struct bnn_net **net, struct bnn_error *error)
{
	return parse("network in memory", data, len, net, error);
}

/* Reads instead of mapping, so that a file that shrinks meanwhile is no SIGBUS. */
static int read_all(int fd, size_t len, uint8_t *data)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO;
			return -1;
		}
		done += (size_t)n;
	}
	return 0;
}

int bnn_file_read(const char *path, struct bnn_net **net, struct bnn_error *error)
{
	uint8_t *data = NULL;
	struct stat st;
	int fd, rc;

	*net = NULL;
	/* A FIFO must not block before it can be refused. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		rc = bnn_fail(error, BNNACCEL_ERR_NO_FILE, "%s: cannot be opened: %s", path,
			      strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = bnn_fail(error, BNNACCEL_ERR_NO_FILE, "%s: is not a regular file", path);
		goto out;
	}
	if ((uint64_t)st.st_size > BNN_FILE_BYTES_MAX) {
		rc = bnn_fail(error, BAD, "%s: is larger than 4 GiB, so not a .bnn file", path);
		goto out;
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		rc = bnn_fail(error, BNNACCEL_ERR_MEMORY, "%s: out of memory", path);
	else if (read_all(fd, (size_t)st.st_size, data))
		rc = bnn_fail(error, BNNACCEL_ERR_NO_FILE, "%s: cannot be read: %s", path,
			      strerror(errno));
	else
		rc = parse(path, data, (size_t)st.st_size, net, error);
out:
	free(data);
	if (fd >= 0)
		close(fd);
	return rc;
}
