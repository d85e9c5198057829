// SPDX-License-Identifier: MIT
/*
 * .bnn files: what is written comes back, and damage of any kind is refused with a
 * sentence. Meant to run with sanitizers.
 *
 *     file [MUTATIONS]
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/random_net.h"
#include "../common/tap.h"
#include "bnnaccel/bnnaccel.h"
#include "exec.h"
#include "file.h"
#include "file_pack.h"

struct bytes {
	uint8_t *data;
	size_t len;
};

static struct bytes pack(const struct bnn_net *net)
{
	struct bnn_error error = { "" };
	struct bytes b = { 0 };

	if (bnn_file_pack(net, &b.data, &b.len, &error))
		printf("# pack: %s\n", error.text);
	return b;
}

/* A network of a few hundred bytes that uses labels and every kind of value. */
static struct bnn_net *small_net(void)
{
	struct random_net_options o = {
		.nodes = 4, .max_size = 3, .max_channels = 4, .max_work = 3000
	};
	struct bnn_net *net = NULL;
	uint64_t seed;
	uint32_t i;

	for (seed = 1; !net; seed++) {
		net = random_net(seed, &o);
		if (net && (net->node_count < 3 || net->output.count > 12 ||
			    net->values[net->output.value].format == BNN_FORMAT_NONE)) {
			bnn_net_free(net);
			net = NULL;
		}
	}
	free(net->description);
	net->description = strdup("für den Test");
	net->output.labels = calloc(net->output.count, sizeof(char *));
	for (i = 0; i < net->output.count; i++)
		net->output.labels[i] = strdup(i & 1 ? "odd" : "even");
	return net;
}

static void test_round_trip(void)
{
	unsigned int bad = 0;
	uint64_t seed;

	for (seed = 1; seed <= 300; seed++) {
		struct random_net_options o = { .nodes = 5,
						.max_channels = 70,
						.commands = RANDOM_ALL | RANDOM_HOST };
		struct bnn_net *net = random_net(seed, &o), *again = NULL;
		struct bnn_error error = { "" };
		struct bytes a = pack(net), b = { 0 };

		if (!a.data || bnn_file_parse(a.data, a.len, &again, &error)) {
			printf("# seed %llu: %s\n", (unsigned long long)seed, error.text);
			bad++;
		} else {
			b = pack(again);
			bad += a.len != b.len || memcmp(a.data, b.data, a.len);
		}
		bnn_net_free(net);
		bnn_net_free(again);
		free(a.data);
		free(b.data);
	}
	tap_ok(!bad, "300 networks come back from their bytes, and give the same bytes again");
}

static bool refused(const uint8_t *data, size_t len)
{
	struct bnn_error error = { "" };
	struct bnn_net *net = NULL;
	/* Exactly as large as it is, so that a sanitizer sees a byte too many. */
	uint8_t *copy = malloc(len ? len : 1);
	bool ok;

	memcpy(copy, data, len);
	ok = bnn_file_parse(copy, len, &net, &error) == BNNACCEL_ERR_BAD_MODEL && !net &&
	     strlen(error.text) > 20;
	bnn_net_free(net);
	free(copy);
	return ok;
}

static void test_damage(const struct bytes *file)
{
	uint8_t *copy = malloc(file->len + 64);
	unsigned int bad = 0;
	size_t i;
	int bit;

	memcpy(copy, file->data, file->len);
	for (i = 0; i < file->len; i++) {
		for (bit = 0; bit < 8; bit++) {
			copy[i] ^= (uint8_t)(1 << bit);
			if (!refused(copy, file->len) && bad++ < 5)
				printf("# bit %d of byte %zu was not noticed\n", bit, i);
			copy[i] ^= (uint8_t)(1 << bit);
		}
	}
	tap_ok(!bad, "each of %zu flipped bits is noticed", 8 * file->len);
	for (bad = 0, i = 0; i < file->len; i++)
		bad += !refused(file->data, i);
	tap_ok(!bad, "each of %zu lengths that is too short is refused", file->len);
	memset(copy + file->len, 0, 64);
	for (bad = 0, i = 1; i <= 64; i++)
		bad += !refused(copy, file->len + i);
	tap_ok(!bad, "bytes behind the end are refused");
	free(copy);
}

/* Makes the checksums right again, so that what is behind them gets tested. */
static void repair(struct bytes *b)
{
	uint8_t *p = b->data, *entry;
	uint32_t sections, i;
	uint64_t offset, size;

	if (b->len < BNN_FILE_HEADER_BYTES)
		return;
	sections = bnn_get32(p + BNN_FILE_AT_SECTIONS);
	for (i = 0; i < sections; i++) {
		if (BNN_FILE_HEADER_BYTES + (i + 1ull) * BNN_FILE_ENTRY_BYTES > b->len)
			break;
		entry = p + BNN_FILE_HEADER_BYTES + i * BNN_FILE_ENTRY_BYTES;
		offset = bnn_get64(entry + BNN_FILE_ENTRY_OFFSET);
		size = bnn_get64(entry + BNN_FILE_ENTRY_SIZE);
		if (offset <= b->len && size <= b->len - offset)
			bnn_put32(entry + BNN_FILE_ENTRY_CRC, bnn_crc32(p + offset, size));
	}
	if (i == sections)
		bnn_put32(p + BNN_FILE_AT_TABLE_CRC,
			  bnn_crc32(p + BNN_FILE_HEADER_BYTES, sections * BNN_FILE_ENTRY_BYTES));
	bnn_put32(p + BNN_FILE_AT_HEADER_CRC, bnn_crc32(p, BNN_FILE_AT_HEADER_CRC));
}

static void mutate(struct random *r, struct bytes *b)
{
	static const uint32_t interesting[] = { 0,	    1,	    0xff,   0x7fffffff, 0x80000000,
						0xffffffff, 0x1000, 0x2000, 0x10000 };
	uint32_t changes = random_range(r, 1, 3), i;
	size_t at;

	for (i = 0; i < changes; i++) {
		at = random_range(r, 8, (uint32_t)b->len - 5);
		switch (random_range(r, 0, 3)) {
		case 0:
			b->data[at] ^= (uint8_t)(1 << random_range(r, 0, 7));
			break;
		case 1:
			b->data[at] = (uint8_t)random_next(r);
			break;
		case 2:
			bnn_put32(b->data + at / 4 * 4, interesting[random_range(r, 0, 8)]);
			break;
		default:
			/* One up or down: off by one. */
			b->data[at] = (uint8_t)(b->data[at] + (random_once_in(r, 2) ? 1 : 255));
		}
	}
}

/* Whatever the reader accepts must run without going astray. */
static void run_if_small(const struct bnn_net *net)
{
	uint8_t *in, *out;
	uint64_t bytes = 0, work = 0;
	size_t i;

	for (i = 0; i < net->value_count; i++)
		bytes += net->values[i].bytes;
	for (i = 0; i < net->node_count; i++) {
		const uint32_t *words = net->nodes[i].words;
		uint32_t oh, ow;

		bnn_command_output(words, &oh, &ow);
		work += (uint64_t)oh * ow * 64;
		if ((words[0] & 0xff) == BNN_CMD_CONV)
			work += bnn_weight_count(words) * oh * ow;
		if ((words[0] & 0xff) == BNN_CMD_POOL)
			work += (uint64_t)oh * ow * 4096 * bnn_field_get(words, BNN_F_POOL_CIN);
	}
	if (bytes > 1 << 22 || work > 1 << 22)
		return;
	in = calloc(1, net->values[net->input.value].bytes);
	out = calloc(1, net->values[net->output.value].bytes);
	bnn_cpu_run_tapped(net, in, out, NULL, NULL, NULL);
	free(in);
	free(out);
}

static void test_mutations(unsigned long count)
{
	struct random r = { 42 };
	unsigned long i, accepted = 0, silent = 0;

	for (i = 0; i < count; i++) {
		struct random_net_options o = { .nodes = 4,
						.max_size = 5,
						.max_channels = 20,
						.max_work = 5000,
						.commands =
							i / 50 % 2 ? RANDOM_ALL | RANDOM_HOST : 0 };
		struct bnn_net *net = random_net(i / 50 + 1, &o), *out = NULL;
		struct bnn_error error = { "" };
		struct bytes b = pack(net);

		mutate(&r, &b);
		repair(&b);
		if (!bnn_file_parse(b.data, b.len, &out, &error)) {
			accepted++;
			run_if_small(out);
			bnn_net_free(out);
		} else {
			silent += strlen(error.text) < 20;
		}
		bnn_net_free(net);
		free(b.data);
	}
	tap_ok(!silent,
	       "%lu damaged files with right checksums: %lu still legal and run, the "
	       "others refused with a sentence",
	       count, accepted);
}

/* One change with right checksums, and a piece of the sentence it must give. */
static void expect(const struct bytes *file, size_t at, uint32_t value, const char *text)
{
	struct bnn_error error = { "" };
	struct bytes b = { malloc(file->len), file->len };
	struct bnn_net *net = NULL;
	int rc;

	memcpy(b.data, file->data, file->len);
	bnn_put32(b.data + at, value);
	repair(&b);
	rc = bnn_file_parse(b.data, b.len, &net, &error);
	tap_ok(rc == BNNACCEL_ERR_BAD_MODEL && strstr(error.text, text), "\"%s\"", text);
	if (!strstr(error.text, text))
		printf("# rc %d: %s\n", rc, error.text);
	bnn_net_free(net);
	free(b.data);
}

static size_t section_at(const struct bytes *file, int section)
{
	return bnn_get64(file->data + BNN_FILE_HEADER_BYTES + section * BNN_FILE_ENTRY_BYTES +
			 BNN_FILE_ENTRY_OFFSET);
}

static void test_sentences(const struct bytes *file)
{
	size_t table = BNN_FILE_HEADER_BYTES, net = section_at(file, BNN_FILE_NETWORK);
	size_t node = section_at(file, BNN_FILE_NODES), value = section_at(file, BNN_FILE_VALUES);

	expect(file, BNN_FILE_AT_VERSION, 2, "has version 2.0 of the format");
	expect(file, BNN_FILE_AT_SIZE, (uint32_t)file->len + 1, "is cut off");
	expect(file, BNN_FILE_AT_SIZE, (uint32_t)file->len - 1, "do not belong to it");
	expect(file, BNN_FILE_AT_SECTIONS, 4, "that belong to nothing");
	expect(file, BNN_FILE_AT_SECTIONS, 0xffffffff, "cannot hold a table");
	expect(file, table, 0x58585858, "section XXXX: unknown");
	expect(file, table + BNN_FILE_ENTRY_OFFSET + 4, 1, "do not fit the file");
	expect(file, table + BNN_FILE_ENTRY_SIZE + 4, 1, "do not fit the file");
	expect(file, net + BNN_FILE_NET_NAME, 0xfffffff, "name of the network is not inside");
	expect(file, net + BNN_FILE_NET_INPUT, 9999, "names no input");
	expect(file, net + BNN_FILE_NET_LABELS, 0, "do not hold 0 class names");
	expect(file, net + BNN_FILE_NET_H, 0, "do not fill the input value");
	expect(file, net + BNN_FILE_NET_ORDER, 7, "unknown image order");
	expect(file, value + BNN_FILE_VALUE_NAME, 0xfffffff, "name of value 0");
	expect(file, value + BNN_FILE_VALUE_SIZE + 4, 1, "1 to 2^31");
	expect(file, node + BNN_FILE_NODE_WORDS, 0xee, "no command with opcode 0xee");
	expect(file, node + BNN_FILE_NODE_NAME, 0xfffffff, "name of node 0");
	expect(file, node + BNN_FILE_NODE_REFS, 0x7fffffff, "names value 2147483647");
	expect(file, node + BNN_FILE_NODE_REFS, 0xfffffffe, "names value -2");
}

/* What only `inspect` shows is kept, and a reader that does not know it skips it. */
static void test_origin(struct bnn_net *net)
{
	const struct bnn_origin origin = { 1ull << 40 | 5, 100, 1250 };
	size_t entry = BNN_FILE_HEADER_BYTES + BNN_FILE_ORIGIN * BNN_FILE_ENTRY_BYTES;
	struct bnn_net *known = NULL, *unknown = NULL;
	struct bnn_error error = { "" };
	struct bytes file;

	net->origin = origin;
	file = pack(net);
	tap_ok(!bnn_file_parse(file.data, file.len, &known, &error) &&
		       !memcmp(&known->origin, &origin, sizeof(origin)),
	       "the origin of a network is kept");
	memcpy(file.data + entry, "XXXX", 4);
	repair(&file);
	tap_ok(!bnn_file_parse(file.data, file.len, &unknown, &error) &&
		       !unknown->origin.parameters,
	       "an optional section may be unknown");
	bnn_net_free(known);
	bnn_net_free(unknown);
	free(file.data);
}

static void test_paths(const struct bnn_net *net)
{
	char dir[] = "/tmp/bnn-file-XXXXXX", path[64];
	struct bnn_error error = { "" };
	struct bnn_net *again = NULL;
	struct stat st;

	if (!mkdtemp(dir)) {
		tap_ok(false, "temporary folder");
		return;
	}
	snprintf(path, sizeof(path), "%s/a.bnn", dir);
	tap_ok(!bnn_file_write(net, path, &error) && !bnn_file_write(net, path, &error) &&
		       !bnn_file_read(path, &again, &error) &&
		       !strcmp(again->output.labels[0], "even"),
	       "a file is written, replaced and read");
	bnn_net_free(again);
	tap_ok(!stat(path, &st) && !(st.st_mode & 0111), "it is an ordinary file");
	tap_ok(bnn_file_read("/nowhere/x.bnn", &again, &error) == BNNACCEL_ERR_NO_FILE &&
		       strstr(error.text, "/nowhere/x.bnn"),
	       "a missing file is named");
	tap_ok(bnn_file_read(dir, &again, &error) == BNNACCEL_ERR_NO_FILE, "a folder is refused");
	tap_ok(bnn_file_read("/dev/null", &again, &error) == BNNACCEL_ERR_NO_FILE,
	       "a device is refused");
	tap_ok(bnn_file_write(net, "/nowhere/x.bnn", &error) == BNNACCEL_ERR_NO_FILE,
	       "a folder that does not exist is told");
	tap_ok(bnn_file_write(net, "/dev/full", &error) == BNNACCEL_ERR_SYSTEM &&
		       strstr(error.text, "No space"),
	       "a full disk is told");
	tap_ok(!truncate(path, 0) && bnn_file_read(path, &again, &error) == BNNACCEL_ERR_BAD_MODEL,
	       "an empty file is refused");
	unlink(path);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	struct bnn_net *net = small_net();
	struct bytes file = pack(net);

	tap_ok(bnn_crc32("123456789", 9) == 0xcbf43926 && bnn_crc32("", 0) == 0, "CRC-32");
	test_round_trip();
	test_damage(&file);
	test_sentences(&file);
	test_origin(net);
	test_paths(net);
	test_mutations(argc > 1 ? strtoul(argv[1], NULL, 0) : 20000);
	free(file.data);
	bnn_net_free(net);
	return tap_done();
}
