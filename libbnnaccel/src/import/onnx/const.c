// SPDX-License-Identifier: MIT
#include "const.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"

/* Fields of a TensorProto that hold elements. */
enum { FLOAT_DATA = 4, INT32_DATA, INT64_DATA = 7, DOUBLE_DATA = 10, UINT64_DATA };

static const struct type {
	const char *name;
	uint8_t bytes; /* 0: not supported */
	bool is_signed, is_float;
	uint8_t field; /* where typed elements lie */
	enum bnn_wire_type wire;
} types[] = {
	[0] = { "undefined", 0, false, false, 0, BNN_WIRE_VARINT },
	[BNN_ONNX_FLOAT] = { "float", 4, true, true, FLOAT_DATA, BNN_WIRE_32 },
	[BNN_ONNX_UINT8] = { "uint8", 1, false, false, INT32_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_INT8] = { "int8", 1, true, false, INT32_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_UINT16] = { "uint16", 2, false, false, INT32_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_INT16] = { "int16", 2, true, false, INT32_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_INT32] = { "int32", 4, true, false, INT32_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_INT64] = { "int64", 8, true, false, INT64_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_STRING] = { "string", 0, false, false, 0, BNN_WIRE_VARINT },
	[BNN_ONNX_BOOL] = { "bool", 1, false, false, INT32_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_FLOAT16] = { "float16", 2, true, true, INT32_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_DOUBLE] = { "double", 8, true, true, DOUBLE_DATA, BNN_WIRE_64 },
	[BNN_ONNX_UINT32] = { "uint32", 4, false, false, UINT64_DATA, BNN_WIRE_VARINT },
	[BNN_ONNX_UINT64] = { "uint64", 8, false, false, UINT64_DATA, BNN_WIRE_VARINT },
};

static const struct type *type_of(int32_t type)
{
	return type > 0 && (size_t)type < sizeof(types) / sizeof(types[0]) ? &types[type]
									   : &types[0];
}

const char *bnn_onnx_type_name(int32_t type)
{
	return type_of(type)->name;
}

bool bnn_onnx_type_is_float(int32_t type)
{
	return type_of(type)->is_float;
}

static double half_value(uint32_t bits)
{
	uint32_t e = bits >> 10 & 31, m = bits & 1023;
	double v = e == 31 ? (m ? (double)NAN : (double)INFINITY)
		   : e	   ? ldexp(1024 + m, (int)e - 25)
			   : ldexp(m, -24);

	return bits >> 15 & 1 ? -v : v;
}

/* An element from its bits. */
static double value_of(const struct type *t, int32_t type, uint64_t bits)
{
	uint32_t low = (uint32_t)bits;
	double d;
	float f;

	switch (type) {
	case BNN_ONNX_FLOAT:
		memcpy(&f, &low, sizeof(f));
		return (double)f;
	case BNN_ONNX_DOUBLE:
		memcpy(&d, &bits, sizeof(d));
		return d;
	case BNN_ONNX_FLOAT16:
		return half_value((uint32_t)bits & 0xffff);
	case BNN_ONNX_BOOL:
		return (bits & 0xff) != 0;
	default:
		if (t->bytes < 8)
			bits &= (1ull << 8 * t->bytes) - 1;
		if (!t->is_signed)
			return (double)bits;
		if (t->bytes < 8 && bits >> (8 * t->bytes - 1))
			bits |= ~0ull << 8 * t->bytes;
		return (double)(int64_t)bits;
	}
}

double bnn_onnx_type_round(int32_t type, double value)
{
	const struct type *t = type_of(type);

	if (type == BNN_ONNX_FLOAT)
		return (double)(float)value;
	if (type == BNN_ONNX_BOOL)
		return value != 0;
	if (t->is_float)
		return value;
	value = trunc(value);
	if (isnan(value))
		return 0;
	/* what does not fit is not defined by ONNX; here it is the nearest that does */
	if (t->is_signed)
		return fmin(fmax(value, -ldexp(1, 8 * t->bytes - 1)),
			    ldexp(1, 8 * t->bytes - 1) - 1);
	return fmin(fmax(value, 0), ldexp(1, 8 * t->bytes) - 1);
}

void bnn_onnx_pool_free(struct bnn_onnx_pool *pool)
{
	while (pool->first) {
		struct bnn_onnx_const *c = pool->first;

		pool->first = c->next;
		free(c->v);
		free(c);
	}
}

struct bnn_onnx_const *bnn_onnx_const_new(struct bnn_onnx_pool *pool, int32_t type, uint32_t rank,
					  const int64_t *dims, struct bnn_error *why, int *code)
{
	struct bnn_onnx_const *c;
	uint64_t count, bound = 1;
	bool empty = false;

	*code = BNNACCEL_ERR_BAD_MODEL;
	if (rank > BNN_ONNX_RANK_MAX) {
		bnn_fail(why, 0, "has %u dimensions, %u are possible", rank, BNN_ONNX_RANK_MAX);
		return NULL;
	}
	for (uint32_t i = 0; i < rank; i++) {
		if (dims[i] < 0) {
			bnn_fail(why, 0, "dimension %u is %" PRId64 ", which is negative", i,
				 dims[i]);
			return NULL;
		}
		/* the other factors of an empty one are bounded too, for those who multiply them */
		if (dims[i] && bound > (1ull << 40) / (uint64_t)dims[i])
			bound = 1ull << 41;
		else if (dims[i])
			bound *= (uint64_t)dims[i];
		empty |= !dims[i];
	}
	count = empty && bound <= 1ull << 40 ? 0 : bound;
	*code = BNNACCEL_ERR_UNSUPPORTED;
	if (count + 1 > pool->left) {
		bnn_fail(why, 0, "has more elements than an import may make (%" PRIu64 " are left)",
			 pool->left);
		return NULL;
	}
	*code = BNNACCEL_ERR_MEMORY;
	c = malloc(sizeof(*c));
	if (!c || !(c->v = malloc((count ? count : 1) * sizeof(double)))) {
		free(c);
		bnn_fail(why, 0, "out of memory");
		return NULL;
	}
	*code = 0;
	pool->left -= count + 1;
	c->type = type;
	c->rank = rank;
	memset(c->dims, 0, sizeof(c->dims));
	if (rank)
		memcpy(c->dims, dims, rank * sizeof(*dims));
	c->count = count;
	c->next = pool->first;
	pool->first = c;
	return c;
}

/* The number of elements a tensor has in the file, before anything is allocated for them. */
static uint64_t elements_held(const struct bnn_onnx_tensor *t, const struct type *type)
{
	struct bnn_onnx_numbers at = { .message = t->all,
				       .number = type->field,
				       .type = type->wire };
	uint64_t n = 0, bits;

	if (t->has_raw)
		return bnn_wire_left(&t->raw) / type->bytes;
	while (bnn_onnx_number(&at, &bits))
		n++;
	return n;
}

struct bnn_onnx_const *bnn_onnx_const_load(struct bnn_onnx_pool *pool,
					   const struct bnn_onnx_tensor *t, struct bnn_error *why,
					   int *code)
{
	const struct type *type = type_of(t->type);
	struct bnn_onnx_numbers at = { .message = t->all,
				       .number = type->field,
				       .type = type->wire };
	struct bnn_onnx_const *c;
	uint64_t want = 1, held, bits;

	*code = BNNACCEL_ERR_UNSUPPORTED;
	if (t->external) {
		bnn_fail(why, 0,
			 "has its data in another file; save the model with its data inside "
			 "(onnx.save without save_as_external_data)");
		return NULL;
	}
	if (!type->bytes) {
		bnn_fail(why, 0,
			 "has element type %d (%s); float, double, float16, bool and "
			 "integers are possible",
			 t->type, type->name);
		return NULL;
	}
	*code = BNNACCEL_ERR_BAD_MODEL;
	held = elements_held(t, type);
	for (uint32_t i = 0; i < t->rank; i++) {
		if (t->dims[i] < 0) {
			bnn_fail(why, 0, "dimension %u is %" PRId64 ", which is negative", i,
				 t->dims[i]);
			return NULL;
		}
		if (t->dims[i] && want > (1ull << 40) / (uint64_t)t->dims[i])
			want = 1ull << 41;
		else
			want *= (uint64_t)t->dims[i];
	}
	if (held != want || (t->has_raw && bnn_wire_left(&t->raw) % type->bytes)) {
		if (want > 1ull << 40)
			bnn_fail(why, 0,
				 "has dimensions whose product is beyond 2^40, and %" PRIu64
				 " elements of data",
				 held);
		else
			bnn_fail(why, 0, "has %" PRIu64 " elements of data for a shape of %" PRIu64,
				 held, want);
		return NULL;
	}
	c = bnn_onnx_const_new(pool, t->type, t->rank, t->dims, why, code);
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->count; i++) {
		bits = 0;
		if (t->has_raw) {
			const uint8_t *p = t->raw.p + i * type->bytes;

			for (unsigned int k = 0; k < type->bytes; k++)
				bits |= (uint64_t)p[k] << 8 * k;
		} else {
			bnn_onnx_number(&at, &bits);
		}
		c->v[i] = value_of(type, t->type, bits);
	}
	return c;
}
