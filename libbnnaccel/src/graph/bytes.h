/* SPDX-License-Identifier: MIT */
/* Little-endian numbers in constants. */
#ifndef BNN_BYTES_H
#define BNN_BYTES_H

#include <stdint.h>

static inline void bnn_bytes16(uint8_t *to, int32_t v)
{
	to[0] = (uint8_t)v;
	to[1] = (uint8_t)(v >> 8);
}

static inline void bnn_bytes32(uint8_t *to, int32_t v)
{
	bnn_bytes16(to, v);
	bnn_bytes16(to + 2, v >> 16);
}

#endif /* BNN_BYTES_H */
