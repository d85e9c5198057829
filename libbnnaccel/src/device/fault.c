// SPDX-License-Identifier: MIT
#include "fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "../compile/disasm.h"
#include "../compile/refs.h"

struct code {
	const char *name, *text;
};

/* The table lies beside the folder of the generated headers. */
static const struct code statuses[] = {
#define STATUS(name, value, text) [value] = { #name, text },
#define DETAIL(name, value, text)
#define COUNTER(name, deterministic, text)
#include "../status.def"
#undef STATUS
#undef DETAIL
#undef COUNTER
};

static const struct code details[] = {
#define STATUS(name, value, text)
#define DETAIL(name, value, text) [value] = { #name, text },
#define COUNTER(name, deterministic, text)
#include "../status.def"
#undef STATUS
#undef DETAIL
#undef COUNTER
};

static const struct code *lookup(const struct code *table, size_t count, uint32_t value)
{
	static const struct code unknown = { "unknown code",
					     "Library and device do not fit together." };

	return value < count && table[value].name ? &table[value] : &unknown;
}

static const struct code *status_code(uint32_t status)
{
	return lookup(statuses, sizeof(statuses) / sizeof(statuses[0]), status);
}

static const struct code *detail_code(uint32_t detail)
{
	return lookup(details, sizeof(details) / sizeof(details[0]), detail);
}

const char *bnn_status_name(uint32_t status)
{
	return status_code(status)->name;
}

const char *bnn_detail_name(uint32_t detail)
{
	return detail_code(detail)->name;
}

/* "node 'conv2' (CONV, command 3)" */
static void describe_command(const struct bnn_net *net, const struct bnn_program *program,
			     uint32_t index, char *text, size_t len)
{
	const struct bnn_command *command;
	int32_t node;

	if (index >= program->count) {
		snprintf(text, len, "command %" PRIu32, index);
		return;
	}
	command = bnn_command_find(bnn_program_command(program, index));
	node = program->nodes[index];
	if (node >= 0)
		snprintf(text, len, "node '%.100s' (%s, command %" PRIu32 ")",
			 net->nodes[node].name, command ? command->name : "?", index);
	else
		snprintf(text, len, "command %" PRIu32 " (%s)", index,
			 command ? command->name : "?");
}

/* ", word 19 (OUTP_REGION, ...)"; nothing if no word is to blame. */
static void describe_word(const struct bnn_program *program, const struct bnn_dev_fault *fault,
			  char *text, size_t len)
{
	uint32_t word = fault->word_offset / 4 % (BNN_COMMAND_BYTES / 4);
	char fields[96];

	text[0] = 0;
	if (fault->word_offset / BNN_COMMAND_BYTES != fault->command ||
	    fault->command >= program->count)
		return;
	if (fault->status < BNN_STATUS_BAD_OPCODE || fault->status > BNN_STATUS_BAD_OVERLAP)
		return;
	bnn_disasm_word(bnn_program_command(program, fault->command), word, fields, sizeof(fields));
	snprintf(text, len, ", word %" PRIu32 " (%s)", word, fields[0] ? fields : "no field");
}

static void describe_access(const struct bnn_dev_fault *fault, char *text, size_t len)
{
	text[0] = 0;
	if (fault->status < BNN_STATUS_BAD_BOUNDS || fault->status > BNN_STATUS_BUS_ERROR)
		return;
	snprintf(text, len, ", %s of region %u at 0x%" PRIx64,
		 fault->access & BNN_COMPLETION_ACCESS_WRITE ? "write" : "read",
		 (unsigned int)(fault->access & BNN_COMPLETION_ACCESS_REGION), fault->va);
}

static const char *remedy(const struct bnn_dev_fault *fault)
{
	switch (fault->status) {
	case BNN_STATUS_TIMEOUT:
		return "Raise the job budget or run fewer images per job.";
	case BNN_STATUS_KILLED:
		return "Another client or an administrator ended the job; run again.";
	case BNN_STATUS_PARITY:
	case BNN_STATUS_BUS_ERROR:
		return "Run again; if it comes back the hardware is faulty.";
	case BNN_STATUS_BAD_FIELD:
		if (fault->detail == BNN_DETAIL_UNSUPPORTED || fault->detail == BNN_DETAIL_CAPACITY)
			return "Run the network with backend model or cpu.";
	}
	return "This is a bug in compiler, driver or device; please report it with this text.";
}

int bnn_fault_report(struct bnn_error *error, const struct bnn_net *net,
		     const struct bnn_program *program, const char *device,
		     const struct bnn_dev_fault *fault, uint64_t first_image)
{
	const struct code *status = status_code(fault->status),
			  *detail = detail_code(fault->detail);
	char where[160], word[128], access[80], finer[112] = "";

	if (fault->silent)
		return bnn_fail(
			error, BNNACCEL_ERR_DEVICE,
			"%s: the device did not answer and was reset while it ran network '%s'; "
			"see the kernel log",
			device, net->name);
	describe_command(net, program, fault->command, where, sizeof(where));
	describe_word(program, fault, word, sizeof(word));
	describe_access(fault, access, sizeof(access));
	if (fault->detail)
		snprintf(finer, sizeof(finer), "/%s", detail->name);
	return bnn_fail(error, BNNACCEL_ERR_DEVICE,
			"%s: %s%s at %s%s%s, iteration %" PRIu32 " (image %" PRIu64 "): %s %s",
			device, status->name, finer, where, word, access, fault->iteration,
			first_image + fault->iteration, fault->detail ? detail->text : status->text,
			remedy(fault));
}
