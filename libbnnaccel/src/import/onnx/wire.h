/* SPDX-License-Identifier: MIT */
/*
 * The wire format of protocol buffers, read in place. A reader is a range of bytes;
 * a field that is a message, a string or packed numbers gives another range inside
 * it, so nothing can be read outside the file, and nothing is allocated here.
 */
#ifndef BNN_WIRE_H
#define BNN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bnn_wire {
	const uint8_t *p, *end;
};

enum bnn_wire_type { BNN_WIRE_VARINT = 0, BNN_WIRE_64 = 1, BNN_WIRE_BYTES = 2, BNN_WIRE_32 = 5 };

struct bnn_wire_field {
	uint32_t number; /* at least 1 */
	enum bnn_wire_type type;
	uint64_t value;	       /* of VARINT, 64 and 32 */
	struct bnn_wire bytes; /* of BYTES */
};

/* The next field: 1, 0 at the end, -1 where the bytes are no field. */
int bnn_wire_next(struct bnn_wire *w, struct bnn_wire_field *field);

/* One varint, of packed numbers; false at the end or where there is none. */
bool bnn_wire_varint(struct bnn_wire *w, uint64_t *value);

static inline size_t bnn_wire_left(const struct bnn_wire *w)
{
	return (size_t)(w->end - w->p);
}

#endif /* BNN_WIRE_H */
