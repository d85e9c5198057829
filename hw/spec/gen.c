/* SPDX-License-Identifier: MIT */
/*
 * Generator: reads the tables of this folder (they are C, included below) and
 * prints one of
 *   header    bnn_hw.h         for driver, library, model and device
 *   fields    bnn_hw_fields.h  command field table, for decoders and encoders
 *   verilog   bnn_hw.vh        for the RTL
 *   verilog-checks, verilog-formats: functions, to be included in its modules
 *   docs      docs/hardware.md
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum kind { KIND_REG, KIND_REG64, KIND_BITS, KIND_STRUCT, KIND_MEMBER, KIND_FLAG };

struct row {
	enum kind kind;
	const char *owner;
	const char *name;
	const char *access;
	const char *reset;
	unsigned int at;    /* offset, or lsb */
	unsigned int width; /* bytes (of one element), or bits */
	unsigned int count;
	const char *text;
};

static const struct row registers[] = {
#define REG(n, off, acc, rst, t) { KIND_REG, "", #n, #acc, #rst, off, 4, 1, t },
#define REG64(n, off, acc, t) { KIND_REG64, "", #n, #acc, "0", off, 8, 1, t },
#define BITS(r, n, lsb, w, t) { KIND_BITS, #r, #n, "", "", lsb, w, 1, t },
#include "registers.def"
};

static const struct row structures[] = {
#define STRUCT(n, size, t) { KIND_STRUCT, "", #n, "", "", 0, size, 1, t },
#define MEMBER(s, n, off, unit, count, t) { KIND_MEMBER, #s, #n, "", "", off, unit, count, t },
#define FLAG(s, m, n, lsb, w, t) { KIND_FLAG, #s "_" #m, #n, "", "", lsb, w, 1, t },
#include "structures.def"
};

struct code {
	const char *name;
	unsigned int value;
	const char *text;
};

#define STATUS(n, v, t)
#define DETAIL(n, v, t)
#define COUNTER(n, d, t)

static const struct code statuses[] = {
#undef STATUS
#define STATUS(n, v, t) { #n, v, t },
#include "status.def"
#undef STATUS
#define STATUS(n, v, t)
};

static const struct code details[] = {
#undef DETAIL
#define DETAIL(n, v, t) { #n, v, t },
#include "status.def"
#undef DETAIL
#define DETAIL(n, v, t)
};

/* value: 1 = deterministic */
static const struct code counters[] = {
#undef COUNTER
#define COUNTER(n, d, t) { #n, d, t },
#include "status.def"
};

static const struct code limits[] = {
#define LIMIT(n, v, t) { #n, v, t },
#include "limits.def"
};

struct format {
	const char *name;
	unsigned int code, planes, bits;
	const char *kind;
	const char *text;
};

#define FORMAT(n, c, p, b, k, t) { #n, c, p, b, #k, t },
#define WFORMAT(n, c, b, k, t)
static const struct format formats[] = {
#include "formats.def"
};
#undef FORMAT
#undef WFORMAT
#define FORMAT(n, c, p, b, k, t)
#define WFORMAT(n, c, b, k, t) { #n, c, 0, b, #k, t },
static const struct format wformats[] = {
#include "formats.def"
};

enum { COMMAND_ROW, FIELD_ROW };

struct field {
	int kind;
	const char *command, *name;
	unsigned int word; /* opcode of a COMMAND_ROW */
	unsigned int lsb, width;
	uint32_t min, max;
	const char *detail;
	const char *text;
};

#define COMMAND(n, op, t) { COMMAND_ROW, #n, "", op, 0, 0, 0, 0, "", t },
#define FIELD(c, n, word, lsb, width, min, max, detail, t) \
	{ FIELD_ROW, #c, #n, word, lsb, width, min, max, #detail, t },
#define VECTOR(c, n, word, t) \
	FIELD(c, n##_OFFSET, word, 0, 32, 0, 0xffffffff, RANGE, t " Byte offset in the region.") \
	FIELD(c, n##_REGION, (word) + 1, 0, 6, 0, 63, RANGE, "Region index.")
#define TENSOR(c, n, word, t) \
	VECTOR(c, n, word, t) \
	FIELD(c, n##_FORMAT, (word) + 1, 6, 5, 0, 31, RANGE, "Tensor format.") \
	FIELD(c, n##_PITCH, (word) + 1, 11, 20, 0, 0xfffff, RANGE, "Bytes from row to row / 16.") \
	FIELD(c, n##_PIXEL, (word) + 2, 0, 16, 0, 0xffff, RANGE, \
	      "Bytes from pixel to pixel / 2; 0 = pixels lie without gaps.")
static const struct field field_rows[] = {
#include "commands.def"
};

/* The same, the fields of each command sorted by word and lsb. */
static struct field fields[COUNT(field_rows)];

static bool before(const struct field *a, const struct field *b)
{
	return a->word != b->word ? a->word < b->word : a->lsb < b->lsb;
}

static void sort_fields(void)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		size_t at = i;

		for (; field_rows[i].kind == FIELD_ROW && fields[at - 1].kind == FIELD_ROW &&
		       before(&field_rows[i], &fields[at - 1]);
		     at--)
			fields[at] = fields[at - 1];
		fields[at] = field_rows[i];
	}
}

static uint64_t mask_of(unsigned int width)
{
	return width >= 64 ? ~0ull : (1ull << width) - 1;
}

static void print_lower(const char *s)
{
	for (; *s; s++)
		putchar(*s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s);
}

static void header_registers(void)
{
	printf("\n/* Registers of BAR0; those of queue q are BNN_QUEUE_STRIDE * q further. */\n");
	for (size_t i = 0; i < COUNT(registers); i++) {
		const struct row *r = &registers[i];

		if (r->kind == KIND_REG) {
			printf("#define BNN_REG_%s 0x%04x\n", r->name, r->at);
		} else if (r->kind == KIND_REG64) {
			printf("#define BNN_REG_%s_LO 0x%04x\n", r->name, r->at);
			printf("#define BNN_REG_%s_HI 0x%04x\n", r->name, r->at + 4);
		} else {
			printf("#define BNN_%s_%s 0x%08xu\n", r->owner, r->name,
			       (unsigned int)(mask_of(r->width) << r->at));
			printf("#define BNN_%s_%s_SHIFT %u\n", r->owner, r->name, r->at);
		}
	}
	for (size_t i = 0; i < COUNT(registers); i++)
		if (registers[i].kind == KIND_REG && strcmp(registers[i].reset, "config"))
			printf("#define BNN_RESET_%s %su\n", registers[i].name, registers[i].reset);
}

static void header_structs(void)
{
	for (size_t i = 0; i < COUNT(structures); i++) {
		const struct row *r = &structures[i];
		char name[64];

		switch (r->kind) {
		case KIND_STRUCT:
			printf("\n/* %s */\n#define BNN_SIZEOF_%s %u\n", r->text, r->name,
			       r->width);
			break;
		case KIND_MEMBER:
			printf("#define BNN_%s_%s 0x%02x\n", r->owner, r->name, r->at);
			break;
		default:
			snprintf(name, sizeof(name), "BNN_%s_%s", r->owner, r->name);
			/* the PTE has one member: leave its name out */
			if (!strcmp(r->owner, "PTE_ENTRY"))
				snprintf(name, sizeof(name), "BNN_PTE_%s", r->name);
			printf("#define %s 0x%llx%s\n", name,
			       (unsigned long long)(mask_of(r->width) << r->at),
			       !strcmp(r->owner, "PTE_ENTRY") ? "ull" : "u");
			printf("#define %s_SHIFT %u\n", name, r->at);
		}
	}
	for (size_t i = 0; i < COUNT(structures); i++) {
		const struct row *s = &structures[i], *m;
		unsigned int at = 0, gap = 0;

		if (s->kind != KIND_STRUCT)
			continue;
		printf("\nstruct bnn_");
		print_lower(s->name);
		printf(" {\n");
		for (m = s + 1; m < structures + COUNT(structures) && m->kind != KIND_STRUCT; m++) {
			if (m->kind != KIND_MEMBER)
				continue;
			if (m->at > at)
				printf("\tbnn_u8 gap%u[%u];\n", gap++, m->at - at);
			if (m->width == 1)
				printf("\tbnn_u8 ");
			else
				printf("\tbnn_le%u ", m->width * 8);
			print_lower(m->name);
			if (m->count > 1)
				printf("[%u]", m->count);
			printf(";\n");
			at = m->at + m->width * m->count;
		}
		if (at < s->width)
			printf("\tbnn_u8 gap%u[%u];\n", gap, s->width - at);
		printf("};\n");
	}
}

static void header_codes(const char *title, const char *prefix, const struct code *c, size_t n)
{
	printf("\n/* %s */\n", title);
	for (size_t i = 0; i < n; i++)
		printf(c[i].value > 0xffff ? "#define BNN_%s%s 0x%xu\n" : "#define BNN_%s%s %u\n",
		       prefix, c[i].name, c[i].value);
}

static void header(void)
{
	printf("/* SPDX-License-Identifier: GPL-2.0-only OR GPL-2.0-or-later OR MIT */\n"
	       "/* Generated by hw/spec/gen.c from the tables beside it: do not edit. */\n"
	       "#ifndef BNN_HW_H\n#define BNN_HW_H\n\n"
	       "#ifdef __KERNEL__\n#include <linux/types.h>\n"
	       "#define bnn_u8 u8\n#define bnn_le16 __le16\n"
	       "#define bnn_le32 __le32\n#define bnn_le64 __le64\n"
	       "#else\n#include <stdint.h>\n"
	       "#define bnn_u8 uint8_t\n#define bnn_le16 uint16_t\n"
	       "#define bnn_le32 uint32_t\n#define bnn_le64 uint64_t\n#endif\n");
	header_codes("Limits.", "", limits, COUNT(limits));
	header_registers();
	header_structs();
	header_codes("Status of a job.", "STATUS_", statuses, COUNT(statuses));
	header_codes("Details of a status.", "DETAIL_", details, COUNT(details));
	printf("\n/* Counters. */\n");
	for (size_t i = 0; i < COUNT(counters); i++)
		printf("#define BNN_COUNTER_%s %zu\n", counters[i].name, i);
	printf("\n/* Initialiser of an array of their names. */\n#define BNN_COUNTER_NAMES "
	       "\\\n\t{ ");
	for (size_t i = 0; i < COUNT(counters); i++) {
		printf(i % 4 || !i ? "\"" : "\\\n\t  \"");
		print_lower(counters[i].name);
		printf("\", ");
	}
	printf("}\n");
	printf("\n/* Bit i is set where counter i is the same on every core. */\n"
	       "#define BNN_COUNTERS_DETERMINISTIC 0x");
	uint32_t mask = 0;

	for (size_t i = 0; i < COUNT(counters); i++)
		mask |= counters[i].value << i;
	printf("%08xu\n", mask);
	printf("\n/* Tensor formats. */\n");
	for (size_t i = 0; i < COUNT(formats); i++)
		printf("#define BNN_FORMAT_%s %u\n", formats[i].name, formats[i].code);
	printf("\n/* Weight formats. */\n");
	for (size_t i = 0; i < COUNT(wformats); i++)
		printf("#define BNN_WFORMAT_%s %u\n", wformats[i].name, wformats[i].code);
	printf("\n/* Commands. */\n");
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].kind == COMMAND_ROW)
			printf("#define BNN_CMD_%s 0x%02x\n", fields[i].command, fields[i].word);
	printf("\n#endif /* BNN_HW_H */\n");
}

static unsigned int host_opcode(void)
{
	for (size_t i = 0; i < COUNT(limits); i++)
		if (!strcmp(limits[i].name, "HOST_OPCODE"))
			return limits[i].value;
	fprintf(stderr, "gen: no limit HOST_OPCODE\n");
	return 0;
}

/* The first row of the commands that no device knows: they come last. */
static size_t device_rows(void)
{
	size_t i = 0;

	while (i < COUNT(fields) &&
	       (fields[i].kind != COMMAND_ROW || fields[i].word < host_opcode()))
		i++;
	return i;
}

static size_t command_count(size_t rows)
{
	size_t n = 0;

	for (size_t i = 0; i < rows; i++)
		n += fields[i].kind == COMMAND_ROW;
	return n;
}

static uint32_t field_mask(const struct field *f)
{
	return (uint32_t)(mask_of(f->width) << f->lsb);
}

/* Bits of a word that the command at row `c` claims; the opcode is word 0, bits 7:0. */
static uint32_t claimed(size_t c, unsigned int word)
{
	uint32_t mask = word ? 0 : 0xff;

	for (size_t i = c + 1; i < COUNT(fields) && fields[i].kind == FIELD_ROW; i++)
		if (fields[i].word == word)
			mask |= field_mask(&fields[i]);
	return mask;
}

static unsigned int detail_value(const char *name)
{
	for (size_t i = 0; i < COUNT(details); i++)
		if (!strcmp(details[i].name, name))
			return details[i].value;
	fprintf(stderr, "gen: unknown detail %s\n", name);
	return 0;
}

static void fields_header(void)
{
	printf("/* SPDX-License-Identifier: MIT */\n"
	       "/* Generated by hw/spec/gen.c from hw/spec/commands.def: do not edit. */\n"
	       "#ifndef BNN_HW_FIELDS_H\n#define BNN_HW_FIELDS_H\n\n#include <stdint.h>\n\n"
	       "struct bnn_field {\n\tconst char *name;\n\tuint8_t word, lsb, width, detail;\n"
	       "\tuint32_t min, max;\n};\n\n"
	       "/*\n * A command: its fields are bnn_fields[first] to [first + count - 1], sorted "
	       "by\n"
	       " * word and lsb; the reserved bits of word w are ~claimed[w].\n */\n"
	       "struct bnn_command {\n\tconst char *name;\n\tuint8_t opcode;\n\tuint16_t first, "
	       "count;\n"
	       "\tuint32_t claimed[32];\n};\n\n"
	       "enum bnn_field_id {\n");
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].kind == FIELD_ROW)
			printf("\tBNN_F_%s_%s,\n", fields[i].command, fields[i].name);
	printf("\tBNN_FIELD_COUNT\n};\n\n"
	       "/* Commands of a device, then those that only the CPU engine of the library knows. "
	       "*/\n"
	       "enum { BNN_COMMAND_COUNT = %zu, BNN_ALL_COMMAND_COUNT = %zu };\n\n",
	       command_count(device_rows()), command_count(COUNT(fields)));
	printf("extern const struct bnn_field bnn_fields[BNN_FIELD_COUNT];\n"
	       "extern const struct bnn_command bnn_commands[BNN_ALL_COMMAND_COUNT];\n\n"
	       "/* The value of a field in the 32 words of a command. */\n"
	       "static inline uint32_t bnn_field_get(const uint32_t *words, enum bnn_field_id "
	       "id)\n{\n"
	       "\tconst struct bnn_field *f = &bnn_fields[id];\n\n"
	       "\treturn words[f->word] >> f->lsb & (uint32_t)((1ull << f->width) - 1);\n}\n\n"
	       "static inline void bnn_field_set(uint32_t *words, enum bnn_field_id id, uint32_t "
	       "value)\n{\n"
	       "\tconst struct bnn_field *f = &bnn_fields[id];\n"
	       "\tuint32_t mask = (uint32_t)((1ull << f->width) - 1);\n\n"
	       "\twords[f->word] = (words[f->word] & ~(mask << f->lsb)) | (value & mask) << "
	       "f->lsb;\n}\n\n"
	       "#endif /* BNN_HW_FIELDS_H */\n");
}

static void fields_source(void)
{
	printf("/* SPDX-License-Identifier: MIT */\n"
	       "/* Generated by hw/spec/gen.c from hw/spec/commands.def: do not edit. */\n"
	       "#include \"bnn_hw_fields.h\"\n\n"
	       "const struct bnn_field bnn_fields[BNN_FIELD_COUNT] = {\n");
	for (size_t i = 0; i < COUNT(fields); i++) {
		const struct field *f = &fields[i];

		if (f->kind == FIELD_ROW)
			printf("\t{ \"%s\", %u, %u, %u, %u, 0x%x, 0x%x },\n", f->name, f->word,
			       f->lsb, f->width, detail_value(f->detail), f->min, f->max);
	}
	printf("};\n\nconst struct bnn_command bnn_commands[BNN_ALL_COMMAND_COUNT] = {\n");
	unsigned int first = 0;

	for (size_t i = 0; i < COUNT(fields); i++) {
		unsigned int count = 0;

		if (fields[i].kind != COMMAND_ROW)
			continue;
		while (i + 1 + count < COUNT(fields) && fields[i + 1 + count].kind == FIELD_ROW)
			count++;
		printf("\t{ \"%s\", 0x%02x, %u, %u,\n\t  {", fields[i].command, fields[i].word,
		       first, count);
		for (unsigned int w = 0; w < 32; w++)
			printf("%s0x%08x,", w % 6 ? " " : "\n\t    ", claimed(i, w));
		printf(" } },\n");
		first += count;
	}
	printf("};\n");
}

static void verilog_codes(const char *prefix, const struct code *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("`define BNN_%s%s 32'h%x\n", prefix, c[i].name, c[i].value);
}

/* The bit of a command in the set of those that the device has, in the order of the table; NULL:
 * all. */
static unsigned int command_set(const char *command)
{
	unsigned int bit = 1;

	for (size_t i = 0; i < device_rows(); i++) {
		if (fields[i].kind != COMMAND_ROW)
			continue;
		if (command && !strcmp(fields[i].command, command))
			return bit;
		bit <<= 1;
	}
	return bit - 1;
}

static bool same_check(const struct field *f, const struct field *g)
{
	return g->kind == FIELD_ROW && f->word == g->word && f->lsb == g->lsb &&
	       f->width == g->width && f->min == g->min && f->max == g->max &&
	       !strcmp(f->detail, g->detail);
}

/* A field that must be in a range, once for all commands that have it. */
static void verilog_check_range(size_t at)
{
	const struct field *f = &fields[at];
	unsigned int high = f->word * 32 + f->lsb + f->width - 1, low = f->word * 32 + f->lsb,
		     set = 0;
	bool below = f->min > 0, above = f->max < mask_of(f->width);

	for (size_t i = 0; i < device_rows(); i++) {
		if (!same_check(f, &fields[i]))
			continue;
		if (i < at)
			return;
		set |= command_set(fields[i].command);
	}
	if (!below && !above)
		return;
	printf("    if (|(is & 32'h%08x) && (", set);
	if (below)
		printf("c[%u:%u] < %u'd%u", high, low, f->width, f->min);
	if (below && above)
		printf(" || ");
	if (above)
		printf("c[%u:%u] > %u'd%u", high, low, f->width, f->max);
	printf("))\n      bnn_check_fields = {8'd%u, 8'd%u};\n", detail_value(f->detail), f->word);
}

/* Bits of a word that are reserved, those together that are so in the same commands. */
static void verilog_check_reserved(unsigned int w)
{
	unsigned int set[32] = { 0 };
	const char *operator= "    if (";

	for (size_t i = 0; i < device_rows(); i++)
		for (unsigned int b = 0; b < 32 && fields[i].kind == COMMAND_ROW; b++)
			if (~claimed(i, w) >> b & 1)
				set[b] |= command_set(fields[i].command);
	for (unsigned int b = 0; b < 32; b++) {
		unsigned int mask = 0, of = set[b];

		for (unsigned int i = b; i < 32; i++) {
			if (of && set[i] == of) {
				mask |= 1u << i;
				set[i] = 0;
			}
		}
		if (!mask)
			continue;
		/* an opcode that is none is told before */
		if (of == command_set(NULL))
			printf("%s|(c[%u:%u] & 32'h%08x)", operator, w * 32 + 31, w * 32, mask);
		else
			printf("%s(|(is & 32'h%08x) && |(c[%u:%u] & 32'h%08x))", operator, of,
			       w * 32 + 31, w * 32, mask);
		operator= " ||\n        ";
	}
	if (*operator== ' ' && operator[1] == '|')
		printf(")\n      bnn_check_fields = {8'd%u, 8'd%u};\n", detail_value("RESERVED"),
		       w);
}

/*
 * A function that checks reserved bits and field ranges of the 1,024-bit command and
 * returns {detail[7:0], word[7:0]}, 0 when all are legal: the lowest word first, in a
 * word reserved bits before fields from lsb up. One for all commands, as most fields
 * and reserved bits lie alike in them.
 */
static void verilog_check(void)
{
	printf("\nfunction automatic [15:0] bnn_check_fields;\n  input [1023:0] c;\n  input [31:0] "
	       "is; // one bit, by command:");
	for (size_t i = 0; i < device_rows(); i++)
		if (fields[i].kind == COMMAND_ROW)
			printf(" %s", fields[i].command);
	printf("\n  begin\n    bnn_check_fields = 16'h0;\n");
	/* the last assignment wins, so go backwards */
	for (unsigned int w = 32; w-- > 0;) {
		for (unsigned int lsb = 32; lsb-- > 0;)
			for (size_t i = 0; i < device_rows(); i++)
				if (fields[i].kind == FIELD_ROW && fields[i].word == w &&
				    fields[i].lsb == lsb)
					verilog_check_range(i);
		verilog_check_reserved(w);
	}
	printf("  end\nendfunction\n");
}

static void verilog(void)
{
	printf("// SPDX-License-Identifier: MIT\n"
	       "// Generated by hw/spec/gen.c from the tables beside it: do not edit.\n"
	       "`ifndef BNN_HW_VH\n`define BNN_HW_VH\n");
	verilog_codes("", limits, COUNT(limits));
	for (size_t i = 0; i < COUNT(registers); i++) {
		const struct row *r = &registers[i];

		if (r->kind == KIND_REG)
			printf("`define BNN_REG_%s 16'h%04x\n", r->name, r->at);
		else if (r->kind == KIND_REG64)
			printf("`define BNN_REG_%s_LO 16'h%04x\n`define BNN_REG_%s_HI 16'h%04x\n",
			       r->name, r->at, r->name, r->at + 4);
		else
			printf("`define BNN_%s_%s_BIT %u\n", r->owner, r->name, r->at);
	}
	/* members as bit ranges of the whole structure read as one little-endian number */
	for (size_t i = 0; i < COUNT(structures); i++) {
		const struct row *r = &structures[i];

		if (r->kind == KIND_STRUCT)
			printf("`define BNN_SIZEOF_%s %u\n", r->name, r->width);
		else if (r->kind == KIND_MEMBER)
			printf("`define BNN_%s_%s %u:%u\n", r->owner, r->name,
			       (r->at + r->width * r->count) * 8 - 1, r->at * 8);
		else
			printf("`define BNN_%s_%s_BIT %u\n", r->owner, r->name, r->at);
	}
	verilog_codes("STATUS_", statuses, COUNT(statuses));
	verilog_codes("DETAIL_", details, COUNT(details));
	for (size_t i = 0; i < COUNT(counters); i++)
		printf("`define BNN_COUNTER_%s %zu\n", counters[i].name, i);
	for (size_t i = 0; i < COUNT(formats); i++)
		printf("`define BNN_FORMAT_%s 5'd%u\n", formats[i].name, formats[i].code);
	for (size_t i = 0; i < COUNT(wformats); i++)
		printf("`define BNN_WFORMAT_%s 3'd%u\n", wformats[i].name, wformats[i].code);
	printf("// Fields as bit ranges of the 1,024-bit command.\n");
	for (size_t i = 0; i < device_rows(); i++) {
		const struct field *f = &fields[i];

		if (f->kind == COMMAND_ROW)
			printf("`define BNN_CMD_%s 8'h%02x\n", f->command, f->word);
		else
			printf("`define BNN_%s_%s %u:%u\n`define BNN_%s_%s_W %u\n", f->command,
			       f->name, f->word * 32 + f->lsb + f->width - 1, f->word * 32 + f->lsb,
			       f->command, f->name, f->word);
	}
	printf("`endif\n");
}

static void verilog_checks(void)
{
	printf("// SPDX-License-Identifier: MIT\n"
	       "// Generated by hw/spec/gen.c from hw/spec/commands.def: do not edit.\n"
	       "// To be included in a module body.\n");
	verilog_check();
}

static unsigned int format_bits_log2(const struct format *f)
{
	unsigned int log2 = 0;

	while (1u << log2 < f->bits * (f->planes ? f->planes : 1))
		log2++;
	return log2;
}

static unsigned int format_is_planes(const struct format *f)
{
	return f->planes > 0;
}

static unsigned int format_odd(const struct format *f)
{
	return f->bits && !strcmp(f->kind, "ODD");
}

static unsigned int format_signed(const struct format *f)
{
	return !strcmp(f->kind, "SIGNED");
}

/* A function of the code of a format; 0 where the code is none. */
static void verilog_format(const char *name, const char *text, unsigned int width, bool weights,
			   unsigned int (*value)(const struct format *f))
{
	const struct format *list = weights ? wformats : formats;
	size_t n = weights ? COUNT(wformats) : COUNT(formats);

	printf("\n// %s\nfunction automatic ", text);
	if (width > 1)
		printf("[%u:0] ", width - 1);
	printf("%s;\n  input [%u:0] f;\n  case (f)\n", name, weights ? 2 : 4);
	for (unsigned int v = 1; v < 1u << width; v++) {
		const char *before = "    ";

		for (size_t i = 0; i < n; i++) {
			if (value(&list[i]) != v)
				continue;
			printf("%s`BNN_%sFORMAT_%s", before, weights ? "W" : "", list[i].name);
			before = ", ";
		}
		if (*before == ',')
			printf(":\n      %s = %u'd%u;\n", name, width, v);
	}
	printf("    default:\n      %s = %u'd0;\n  endcase\nendfunction\n", name, width);
}

static void verilog_formats(void)
{
	printf("// SPDX-License-Identifier: MIT\n"
	       "// Generated by hw/spec/gen.c from hw/spec/formats.def: do not edit.\n"
	       "// To be included in a module body.\n");
	verilog_format("bnn_format_bits_log2",
		       "log2 of the bits of a value, in planes or elements.", 3, false,
		       format_bits_log2);
	verilog_format("bnn_format_is_planes", "In planes, not elements.", 1, false,
		       format_is_planes);
	verilog_format("bnn_format_odd", "Odd values.", 1, false, format_odd);
	verilog_format("bnn_format_signed", "Two's complement.", 1, false, format_signed);
	verilog_format("bnn_wformat_bits_log2", "log2 of the bits of a weight.", 2, true,
		       format_bits_log2);
	verilog_format("bnn_wformat_odd",
		       "Odd weights; the others are signed, ternary ones as well.", 1, true,
		       format_odd);
}

static void docs_codes(const char *title, const char *intro, const struct code *c, size_t n)
{
	printf("\n## %s\n\n%s| value | name | meaning |\n|---|---|---|\n", title, intro);
	for (size_t i = 0; i < n; i++)
		printf("| %u | `%s` | %s |\n", c[i].value, c[i].name, c[i].text);
}

static void docs_bits(unsigned int lsb, unsigned int width)
{
	if (width == 1)
		printf("%u", lsb);
	else
		printf("%u:%u", lsb + width - 1, lsb);
}

static void docs_formats(const char *title, const struct format *f, size_t n)
{
	printf("\n## %s\n\n| code | name | planes | bits | values | meaning "
	       "|\n|---|---|---|---|---|---|\n",
	       title);
	for (size_t i = 0; i < n; i++) {
		printf("| %u | `%s` | ", f[i].code, f[i].name);
		if (f[i].planes)
			printf("%u", f[i].planes);
		printf(" | %u | %s | %s |\n", f[i].bits, f[i].kind, f[i].text);
	}
}

static void docs(void)
{
	printf("<!-- Generated by hw/spec/gen.c: do not edit. -->\n# Hardware reference\n\n"
	       "The interface between driver, library, device model and RTL. It is described once, "
	       "in\n"
	       "`hw/spec/*.def`; this page, `hw/spec/generated/bnn_hw.h`, `bnn_hw_fields.[ch]` and "
	       "the Verilog headers are\n"
	       "generated from it by `make spec`. What the commands compute is in "
	       "[arithmetic.md](arithmetic.md).\n"
	       "Everything is little-endian.\n\n## Registers\n\n"
	       "BAR0, 64 KiB, 32-bit accesses only: others read 0 and are ignored. Registers from "
	       "0x1000 on exist\n"
	       "once per queue, 0x100 apart. W1S: writing 1 starts. W1C: writing 1 clears.\n\n"
	       "| offset | bits | name | access | reset | meaning |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < COUNT(registers); i++) {
		const struct row *r = &registers[i];

		if (r->kind == KIND_BITS) {
			printf("| | ");
			docs_bits(r->at, r->width);
			printf(" | %s | | | %s |\n", r->name, r->text);
		} else {
			printf("| 0x%04x%s | | `%s` | %s | %s | %s |\n", r->at,
			       r->kind == KIND_REG64 ? " lo, hi" : "", r->name, r->access, r->reset,
			       r->text);
		}
	}
	printf("\n## Structures in memory\n\n");
	for (size_t i = 0; i < COUNT(structures); i++) {
		const struct row *r = &structures[i];

		if (r->kind == KIND_STRUCT)
			printf("\n### %s, %u bytes\n\n%s\n\n| offset | bytes | bits | name | "
			       "meaning |\n|---|---|---|---|---|\n",
			       r->name, r->width, r->text);
		else if (r->kind == KIND_MEMBER)
			printf("| 0x%02x | %u | | `%s` | %s |\n", r->at, r->width * r->count,
			       r->name, r->text);
		else {
			printf("| | | ");
			docs_bits(r->at, r->width);
			printf(" | %s | %s |\n", r->name, r->text);
		}
	}
	docs_codes("Status", "How a job ended.\n\n", statuses, COUNT(statuses));
	docs_codes("Details", "The finer cause beside a status.\n\n", details, COUNT(details));
	printf("\n## Counters\n\n64 bits each. Deterministic ones are the same on every core for a "
	       "job that ends OK.\n\n"
	       "| index | name | deterministic | meaning |\n|---|---|---|---|\n");
	for (size_t i = 0; i < COUNT(counters); i++)
		printf("| %zu | `%s` | %s | %s |\n", i, counters[i].name,
		       counters[i].value ? "yes" : "no", counters[i].text);
	docs_codes("Limits", "", limits, COUNT(limits));
	docs_formats("Tensor formats", formats, COUNT(formats));
	docs_formats("Weight formats", wformats, COUNT(wformats));
	printf("\n## Commands\n\n128 bytes, 32 words of 32 bits; bits 7:0 of word 0 are the "
	       "opcode. "
	       "Bits that no field claims are reserved: 0.\nCommands from opcode 0x%02x on run on "
	       "the host: the CPU engine of the library knows them, a device reports BAD_OPCODE.\n",
	       host_opcode());
	for (size_t i = 0; i < COUNT(fields); i++) {
		const struct field *f = &fields[i];

		if (f->kind == COMMAND_ROW) {
			printf("\n### %s, opcode 0x%02x\n\n%s\n", f->command, f->word, f->text);
			if (i + 1 < COUNT(fields) && fields[i + 1].kind == FIELD_ROW)
				printf("\n| word | bits | field | range | detail | meaning "
				       "|\n|---|---|---|---|---|---|\n");
			continue;
		}
		printf("| %u | ", f->word);
		docs_bits(f->lsb, f->width);
		printf(" | `%s` | ", f->name);
		if (f->min || f->max < mask_of(f->width))
			printf("%u..%u | %s", f->min, f->max, f->detail);
		else
			printf("any |");
		printf(" | %s |\n", f->text);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} outputs[] = {
		{ "header", header },
		{ "fields-header", fields_header },
		{ "fields-source", fields_source },
		{ "verilog", verilog },
		{ "verilog-checks", verilog_checks },
		{ "verilog-formats", verilog_formats },
		{ "docs", docs },
	};

	sort_fields();
	for (size_t i = 0; argc == 2 && i < COUNT(outputs); i++) {
		if (!strcmp(argv[1], outputs[i].name)) {
			outputs[i].print();
			return ferror(stdout) || fflush(stdout) ? 1 : 0;
		}
	}
	fprintf(stderr, "usage: gen header | fields-header | fields-source | verilog | "
			"verilog-checks | verilog-formats | docs\n");
	return 2;
}
