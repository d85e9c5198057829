// SPDX-License-Identifier: MIT
#include "disasm.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "compile.h"
#include "refs.h"

struct text {
	char *buf;
	size_t len, used; /* used may exceed len, as with snprintf() */
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *t, const char *format, ...)
{
	size_t room = t->used < t->len ? t->len - t->used : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(room ? t->buf + t->used : NULL, room, format, args);
	va_end(args);
	if (n > 0)
		t->used += (size_t)n;
}

const char *bnn_format_name(unsigned int format)
{
	static const char *const names[32] = {
		[BNN_FORMAT_NONE] = "NONE",   [BNN_FORMAT_B1] = "B1",
		[BNN_FORMAT_O2] = "O2",	      [BNN_FORMAT_O4] = "O4",
		[BNN_FORMAT_O8] = "O8",	      [BNN_FORMAT_U4] = "U4",
		[BNN_FORMAT_U8] = "U8",	      [BNN_FORMAT_S4] = "S4",
		[BNN_FORMAT_S8] = "S8",	      [BNN_FORMAT_S16] = "S16",
		[BNN_FORMAT_E_O4] = "E_O4",   [BNN_FORMAT_E_U4] = "E_U4",
		[BNN_FORMAT_E_S4] = "E_S4",   [BNN_FORMAT_E_U8] = "E_U8",
		[BNN_FORMAT_E_S8] = "E_S8",   [BNN_FORMAT_E_U16] = "E_U16",
		[BNN_FORMAT_E_S16] = "E_S16", [BNN_FORMAT_E_S32] = "E_S32",
	};

	return format < 32 && names[format] ? names[format] : "format?";
}

static const char *region_name(unsigned int region, char buf[16])
{
	static const char *const names[BNN_PROGRAM_REGIONS] = { "cmd",	  "const",   "in",
								"out",	  "scratch", "exchange",
								"profile" };

	if (region < BNN_PROGRAM_REGIONS)
		return names[region];
	if (region == BNN_REGION_ONCHIP)
		return "chip";
	snprintf(buf, 16, "region%u", region);
	return buf;
}

/* Length of the field's name without a suffix, or 0 if it does not end so. */
static size_t stem(const struct bnn_field *f, const char *suffix)
{
	size_t n = strlen(f->name), s = strlen(suffix);

	return n > s && !strcmp(f->name + n - s, suffix) ? n - s : 0;
}

/* Returns the number of fields that make up the reference at f. */
static unsigned int put_reference(struct text *t, const uint32_t *words, const struct bnn_field *f,
				  unsigned int left)
{
	size_t name = stem(f, "_OFFSET");
	uint32_t second = words[f->word + 1];
	unsigned int fields = 2;
	char buf[16];

	if (left > 2 && stem(f + 2, "_FORMAT"))
		fields = 5;
	if (!words[f->word] && !second && (fields == 2 || !words[f->word + 2]))
		return fields;
	put(t, " %.*s=%s:0x%x", (int)name, f->name, region_name(second & 0x3f, buf),
	    words[f->word]);
	if (fields == 2)
		return fields;
	put(t, "/%s(%u", bnn_format_name(second >> 6 & 0x1f),
	    (second >> 11 & 0xfffff) * BNN_ROW_ALIGN);
	if (words[f->word + 2] & 0xffff)
		put(t, ",%u", 2 * (words[f->word + 2] & 0xffff));
	put(t, ")");
	return fields;
}

size_t bnn_disasm(const uint32_t *words, char *buf, size_t len)
{
	struct text t = { .buf = buf, .len = len };
	const struct bnn_command *command = bnn_command_find(words);

	if (len)
		buf[0] = 0;
	if (!command) {
		put(&t, "opcode 0x%02x", words[0] & 0xff);
		return t.used;
	}
	put(&t, "%s", command->name);
	for (unsigned int i = 0; i < command->count;) {
		const struct bnn_field *f = &bnn_fields[command->first + i];
		uint32_t value = bnn_field_get(words, (enum bnn_field_id)(command->first + i));

		if (stem(f, "_OFFSET")) {
			i += put_reference(&t, words, f, command->count - i);
			continue;
		}
		if (value && f->width == 1)
			put(&t, " %s", f->name);
		else if (value)
			put(&t, " %s=%" PRIu32, f->name, value);
		i++;
	}
	for (unsigned int w = 0; w < BNN_COMMAND_BYTES / 4; w++)
		if (words[w] & ~command->claimed[w])
			put(&t, " w%u?=0x%x", w, words[w] & ~command->claimed[w]);
	return t.used;
}

size_t bnn_disasm_word(const uint32_t *words, unsigned int word, char *buf, size_t len)
{
	struct text t = { .buf = buf, .len = len };
	const struct bnn_command *command = bnn_command_find(words);

	if (len)
		buf[0] = 0;
	if (word == 0)
		put(&t, "opcode");
	for (unsigned int i = 0; command && i < command->count; i++) {
		const struct bnn_field *f = &bnn_fields[command->first + i];

		if (f->word == word)
			put(&t, "%s%s", t.used ? ", " : "", f->name);
	}
	return t.used;
}

void bnn_program_print(FILE *file, const struct bnn_program *program, const struct bnn_net *net)
{
	char line[2048];

	fprintf(file,
		"# %" PRIu32 " commands, loop from %" PRIu32 "; bytes: constants %" PRIu64
		", input %" PRIu64 ", output %" PRIu64 ", scratch %" PRIu64 ", on chip %" PRIu64
		"\n",
		program->count, program->loop_start, program->constants_bytes, program->input_bytes,
		program->output_bytes, program->scratch_bytes, program->onchip_bytes);
	fprintf(file, "# per image about %" PRIu64 " MACs, %" PRIu64 " bytes, %" PRIu64 " cycles\n",
		program->estimate.macs, program->estimate.bytes, program->estimate.cycles);
	for (uint32_t i = 0; i < program->count; i++) {
		int32_t node = program->nodes[i];

		bnn_disasm(bnn_program_command(program, i), line, sizeof(line));
		fprintf(file, "%5" PRIu32 "  %s", i, line);
		if (net && node >= 0)
			fprintf(file, "  ; %s", net->nodes[node].name);
		fputc('\n', file);
	}
}
