// SPDX-License-Identifier: MIT
#include "wire.h"

bool bnn_wire_varint(struct bnn_wire *w, uint64_t *value)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64 && w->p < w->end; shift += 7) {
		uint8_t byte = *w->p++;

		/* the tenth byte has one bit */
		if (shift == 63 && byte > 1)
			return false;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*value = v;
			return true;
		}
	}
	return false;
}

static bool fixed(struct bnn_wire *w, unsigned int bytes, uint64_t *value)
{
	if (bnn_wire_left(w) < bytes)
		return false;
	*value = 0;
	for (unsigned int i = 0; i < bytes; i++)
		*value |= (uint64_t)w->p[i] << 8 * i;
	w->p += bytes;
	return true;
}

int bnn_wire_next(struct bnn_wire *w, struct bnn_wire_field *field)
{
	uint64_t tag, len;
	bool ok = false;

	if (w->p == w->end)
		return 0;
	*field = (struct bnn_wire_field){ 0 };
	if (!bnn_wire_varint(w, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
		return -1;
	field->number = (uint32_t)(tag >> 3);
	field->type = (enum bnn_wire_type)(tag & 7);
	switch (tag & 7) {
	case BNN_WIRE_VARINT:
		ok = bnn_wire_varint(w, &field->value);
		break;
	case BNN_WIRE_64:
		ok = fixed(w, 8, &field->value);
		break;
	case BNN_WIRE_32:
		ok = fixed(w, 4, &field->value);
		break;
	case BNN_WIRE_BYTES:
		ok = bnn_wire_varint(w, &len) && len <= bnn_wire_left(w);
		if (ok) {
			field->bytes = (struct bnn_wire){ w->p, w->p + len };
			w->p += len;
		}
		break;
	default: /* groups, which ONNX does not have */
		break;
	}
	return ok ? 1 : -1;
}
