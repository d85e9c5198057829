// SPDX-License-Identifier: MIT
/*
 * .bnn files from anyone: parsed, checked, and what the check accepts and is small
 * runs on the CPU engine. A libFuzzer target; its mutator changes the payload of
 * one section and then writes sizes, offsets and checksums as a file has them, so
 * that changes get behind the checksums.
 */
#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "file.h"
#include "file_pack.h"
#include "fuzz.h"

enum { BYTES_MAX = 1 << 16, WORK_MAX = 1 << 15 };

/* Multiply-adds or elements, so that a run takes a fraction of a millisecond. */
static uint64_t work(const uint32_t *words)
{
	unsigned int op = words[0] & 0xff;
	struct bnn_slot_info info;
	uint64_t n = 0, k = 1;
	uint32_t oh, ow;

	for (int slot = 0; slot < BNN_SLOTS; slot++) {
		bnn_slot_describe(words, slot, &info);
		n += info.kind == BNN_SLOT_TENSOR ? (uint64_t)info.h * info.w * info.c * 8
						  : info.bytes;
	}
	if (op == BNN_CMD_CONV || op == BNN_CMD_POOL) {
		bnn_command_output(words, &oh, &ow);
		n += (uint64_t)oh * ow;
	}
	if (op == BNN_CMD_CONV) {
		k = (uint64_t)bnn_field_get(words, BNN_F_CONV_KH) *
		    bnn_field_get(words, BNN_F_CONV_KW);
		k *= bnn_field_get(words, BNN_F_CONV_CIN) / bnn_field_get(words, BNN_F_CONV_GROUPS);
		k *= bnn_field_get(words, BNN_F_CONV_COUT) * (uint64_t)oh * ow;
	} else if (op == BNN_CMD_POOL) {
		k = (uint64_t)bnn_field_get(words, BNN_F_POOL_KH) *
		    bnn_field_get(words, BNN_F_POOL_KW) * oh * ow *
		    bnn_field_get(words, BNN_F_POOL_CIN);
	}
	return n + k;
}

static bool is_small(const struct bnn_net *net)
{
	uint64_t bytes = 0, sum = 0;

	for (size_t i = 0; i < net->value_count; i++)
		bytes += net->values[i].bytes;
	for (size_t i = 0; i < net->node_count && sum <= WORK_MAX; i++)
		sum += work(net->nodes[i].words);
	return bytes <= BYTES_MAX && sum <= WORK_MAX;
}

static void run(const struct bnn_net *net)
{
	uint8_t *in = calloc(1, net->values[net->input.value].bytes);
	uint8_t *out = malloc(net->values[net->output.value].bytes);
	struct bnn_exec *exec = NULL;
	struct bnn_error error;

	for (size_t i = 0; i < net->values[net->input.value].bytes; i++)
		in[i] = (uint8_t)(i * 37);
	if (!bnn_exec_cpu.open(net, NULL, &exec, &error)) {
		bnn_exec_cpu.run(exec, in, net->values[net->input.value].bytes, out, 1, &error);
		bnn_exec_cpu.close(exec);
	}
	free(in);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bnn_error error = { "" };
	struct bnn_net *net = NULL;

	if (bnn_file_parse(data, size, &net, &error)) {
		fuzz_check(error.text[0] && strlen(error.text) < sizeof(error.text) - 1, data, size,
			   "refused without a whole sentence");
		return 0;
	}
	if (is_small(net))
		run(net);
	bnn_net_free(net);
	return 0;
}

/* A section while a file is taken apart. */
struct part {
	uint8_t entry[BNN_FILE_ENTRY_BYTES];
	const uint8_t *data;
	size_t len;
};

static size_t take_apart(const uint8_t *data, size_t size, struct part *parts, size_t max)
{
	size_t n = 0;

	while (n < max && BNN_FILE_HEADER_BYTES + (n + 1) * BNN_FILE_ENTRY_BYTES <= size) {
		const uint8_t *e = data + BNN_FILE_HEADER_BYTES + n * BNN_FILE_ENTRY_BYTES;
		uint64_t at = bnn_get64(e + BNN_FILE_ENTRY_OFFSET);
		uint64_t len = bnn_get64(e + BNN_FILE_ENTRY_SIZE);

		if (n >= bnn_get32(data + BNN_FILE_AT_SECTIONS) || at > size || len > size - at)
			break;
		memcpy(parts[n].entry, e, BNN_FILE_ENTRY_BYTES);
		parts[n].data = data + at;
		parts[n].len = len;
		n++;
	}
	return n;
}

/* Writes a file of these sections; 0 if `max` is too small. */
static size_t put_together(struct part *parts, size_t n, uint8_t *out, size_t max)
{
	size_t at = BNN_FILE_HEADER_BYTES + n * BNN_FILE_ENTRY_BYTES;

	for (size_t i = 0; i < n; i++) {
		uint8_t *e = out + BNN_FILE_HEADER_BYTES + i * BNN_FILE_ENTRY_BYTES;
		size_t start = (at + BNN_FILE_ALIGN - 1) / BNN_FILE_ALIGN * BNN_FILE_ALIGN;

		if (start > max || parts[i].len > max - start)
			return 0;
		memset(out + at, 0, start - at);
		memcpy(out + start, parts[i].data, parts[i].len);
		memcpy(e, parts[i].entry, BNN_FILE_ENTRY_BYTES);
		bnn_put64(e + BNN_FILE_ENTRY_OFFSET, start);
		bnn_put64(e + BNN_FILE_ENTRY_SIZE, parts[i].len);
		bnn_put32(e + BNN_FILE_ENTRY_CRC, bnn_crc32(parts[i].data, parts[i].len));
		at = start + parts[i].len;
	}
	memset(out, 0, BNN_FILE_HEADER_BYTES);
	memcpy(out, BNN_FILE_MAGIC, 8);
	bnn_put32(out + BNN_FILE_AT_VERSION, BNN_FILE_MAJOR | BNN_FILE_MINOR << 16);
	bnn_put32(out + BNN_FILE_AT_SECTIONS, (uint32_t)n);
	bnn_put64(out + BNN_FILE_AT_SIZE, at);
	bnn_put32(out + BNN_FILE_AT_TABLE_CRC,
		  bnn_crc32(out + BNN_FILE_HEADER_BYTES, n * BNN_FILE_ENTRY_BYTES));
	bnn_put32(out + BNN_FILE_AT_HEADER_CRC, bnn_crc32(out, BNN_FILE_AT_HEADER_CRC));
	return at;
}

/* Changes one section; nodes and values also by whole fields and whole records. */
static void mutate_part(struct part *part, uint8_t *work, size_t room, unsigned int seed)
{
	size_t record = !memcmp(part->entry, "NODE", 4)	  ? BNN_FILE_NODE_BYTES
			: !memcmp(part->entry, "VALU", 4) ? BNN_FILE_VALUE_BYTES
							  : 0;
	size_t at;

	memcpy(work, part->data, part->len);
	part->data = work;
	if (!record || part->len < record || seed % 4 == 0) {
		part->len = LLVMFuzzerMutate(work, part->len, room);
		return;
	}
	at = seed / 16 % (part->len / record) * record;
	if (seed % 4 == 1 && part->len + record <= room) {
		memmove(work + at + record, work + at, part->len - at);
		part->len += record;
	} else if (seed % 16 == 2) {
		memmove(work + at, work + at + record, part->len - at - record);
		part->len -= record;
	} else {
		at += seed / 16 / (part->len / record) % (record / 4) * 4;
		LLVMFuzzerMutate(work + at, 4, 4);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct part parts[BNN_FILE_SECTIONS + 2];
	size_t n = take_apart(data, size, parts, BNN_FILE_SECTIONS + 2), made = 0;
	uint8_t *work, *out;

	/* now and then the container itself */
	if (!n || seed % 32 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	work = malloc(max_size + BNN_FILE_NODE_BYTES);
	out = malloc(max_size + BNN_FILE_HEADER_BYTES +
		     (BNN_FILE_SECTIONS + 2) * BNN_FILE_ENTRY_BYTES);
	mutate_part(&parts[seed / 32 % n], work, max_size, seed / 256);
	made = put_together(parts, n, out, max_size);
	if (made)
		memcpy(data, out, made);
	free(work);
	free(out);
	return made ? made : LLVMFuzzerMutate(data, size, max_size);
}
