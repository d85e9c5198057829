/* SPDX-License-Identifier: MIT */
/*
 * Layout of .bnn files: docs/file-format.md. All integers are little-endian, all
 * offsets of sections are multiples of 64.
 */
#ifndef BNN_FILE_H
#define BNN_FILE_H

#include <stddef.h>
#include <stdint.h>

#define BNN_FILE_MAGIC \
	"\x89" \
	"BNN\r\n\x1a\n"
#define BNN_FILE_MAJOR 1
#define BNN_FILE_MINOR 0
#define BNN_FILE_ALIGN 64
#define BNN_FILE_BYTES_MAX (1ull << 32)

/* Header. */
enum {
	BNN_FILE_HEADER_BYTES = 64,
	BNN_FILE_AT_VERSION = 8,     /* u16 major, u16 minor */
	BNN_FILE_AT_SECTIONS = 12,   /* u32 */
	BNN_FILE_AT_SIZE = 16,	     /* u64: of the file */
	BNN_FILE_AT_TABLE_CRC = 24,  /* of the section table */
	BNN_FILE_AT_HEADER_CRC = 60, /* of the 60 bytes before it */
};

/* Section table entry. */
enum {
	BNN_FILE_ENTRY_BYTES = 32,
	BNN_FILE_ENTRY_TYPE = 0,   /* u32 */
	BNN_FILE_ENTRY_FLAGS = 4,  /* u32 */
	BNN_FILE_ENTRY_OFFSET = 8, /* u64 */
	BNN_FILE_ENTRY_SIZE = 16,  /* u64 */
	BNN_FILE_ENTRY_CRC = 24,   /* u32; then u32 0 */
	BNN_FILE_SECTIONS_MAX = 64,
};

#define BNN_FILE_OPTIONAL 1u /* flag: readers that do not know the section skip it */

/* Sections, in the order in which they are written. */
enum bnn_file_section {
	BNN_FILE_STRINGS, /* "STRS" */
	BNN_FILE_NETWORK, /* "NETW" */
	BNN_FILE_VALUES,  /* "VALU" */
	BNN_FILE_NODES,	  /* "NODE" */
	BNN_FILE_DATA,	  /* "DATA" */
	BNN_FILE_ORIGIN,  /* "ORIG", optional */
	BNN_FILE_SECTIONS
};

/* NETW: this, then one u32 per class name. */
enum {
	BNN_FILE_NET_BYTES = 48,
	BNN_FILE_NET_NAME = 0,
	BNN_FILE_NET_DESCRIPTION = 4,
	BNN_FILE_NET_INPUT = 8,
	BNN_FILE_NET_H = 12,
	BNN_FILE_NET_W = 16,
	BNN_FILE_NET_C = 20,
	BNN_FILE_NET_OUTPUT = 24,
	BNN_FILE_NET_COUNT = 28,
	BNN_FILE_NET_COLUMN = 32,
	BNN_FILE_NET_LABELS = 36,
	BNN_FILE_NET_ORDER = 40, /* u8 */
	BNN_FILE_NET_KIND = 41,
	BNN_FILE_NET_RULE = 42, /* then 5 bytes 0 */
};

/* VALU: one of these per value. */
enum {
	BNN_FILE_VALUE_BYTES = 48,
	BNN_FILE_VALUE_NAME = 0,
	BNN_FILE_VALUE_ROLE = 4, /* u8 */
	BNN_FILE_VALUE_FORMAT = 5,
	BNN_FILE_VALUE_F = 6, /* i8, then a byte 0 */
	BNN_FILE_VALUE_H = 8,
	BNN_FILE_VALUE_W = 12,
	BNN_FILE_VALUE_C = 16,	    /* then 4 bytes 0 */
	BNN_FILE_VALUE_SIZE = 24,   /* u64 */
	BNN_FILE_VALUE_OFFSET = 32, /* u64, in DATA; 0 but for constants; 8 bytes 0 */
};

/* NODE: one of these per node. */
enum {
	BNN_FILE_NODE_BYTES = 192,
	BNN_FILE_NODE_WORDS = 0,
	BNN_FILE_NODE_REFS = 128, /* i32 each */
	BNN_FILE_NODE_NAME = 160, /* then 28 bytes 0 */
};

/* ORIG. */
enum {
	BNN_FILE_ORIGIN_BYTES = 16,
	BNN_FILE_ORIGIN_PARAMETERS = 0, /* u64 */
	BNN_FILE_ORIGIN_IMAGES = 8,
	BNN_FILE_ORIGIN_HEADROOM = 12,
};

extern const char bnn_file_types[BNN_FILE_SECTIONS][4];

/* CRC-32 as in zlib and PNG. */
uint32_t bnn_crc32(const void *data, size_t len);

#endif /* BNN_FILE_H */
