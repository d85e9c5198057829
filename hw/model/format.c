/* SPDX-License-Identifier: MIT */
/* Formats of tensors and weights, and the values of their codes. */
#include "core.h"

#define FORMAT(name, code, planes, bits, kind, text) \
	[code] = { (planes) ? (planes) : 1, \
		   bits, \
		   (planes) ? (planes) : (bits), \
		   KIND_##kind, \
		   !(planes), \
		   (code) != 0 },
#define WFORMAT(name, code, bits, kind, text)
const struct format formats[32] = {
#include "formats.def"
};
#undef FORMAT
#undef WFORMAT

#define FORMAT(name, code, planes, bits, kind, text)
#define WFORMAT(name, code, bits, kind, text) [code] = { 1, bits, bits, KIND_##kind, true, true },
const struct format wformats[8] = {
#include "formats.def"
};

int32_t code_value(const struct format *f, uint32_t code)
{
	switch (f->kind) {
	case KIND_ODD:
		return (int32_t)(2 * code) - (int32_t)((1u << f->width) - 1);
	case KIND_SIGNED:
		return (int32_t)(code << (32 - f->width)) >> (32 - f->width);
	case KIND_TERNARY:
		return code & 1 ? (code & 2 ? -1 : 1) : 0;
	default:
		return (int32_t)code;
	}
}

uint32_t value_code(const struct format *f, int32_t value)
{
	uint32_t mask = UINT32_MAX >> (32 - f->width);

	if (f->kind == KIND_ODD)
		return (uint32_t)(value + (int32_t)mask) / 2;
	return (uint32_t)value & mask;
}

uint64_t format_max(const struct format *f)
{
	switch (f->kind) {
	case KIND_SIGNED:
		return UINT64_C(1) << (f->width - 1);
	case KIND_TERNARY:
		return 1;
	default:
		return (UINT64_C(1) << f->width) - 1;
	}
}
