/* SPDX-License-Identifier: MIT */
#ifndef BNN_FILE_PACK_H
#define BNN_FILE_PACK_H

#include <stddef.h>
#include <stdint.h>

struct bnn_net;
struct bnn_error;

/* The bytes of a .bnn file; `data` is malloc'd. */
int bnn_file_pack(const struct bnn_net *net, uint8_t **data, size_t *len, struct bnn_error *error);

static inline uint32_t bnn_get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t bnn_get64(const uint8_t *p)
{
	return bnn_get32(p) | (uint64_t)bnn_get32(p + 4) << 32;
}

static inline void bnn_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline void bnn_put64(uint8_t *p, uint64_t v)
{
	bnn_put32(p, (uint32_t)v);
	bnn_put32(p + 4, (uint32_t)(v >> 32));
}

#endif /* BNN_FILE_PACK_H */
