// SPDX-License-Identifier: MIT
#include <pthread.h>

#include "file.h"

#define POLYNOMIAL 0xedb88320u

/* Eight tables, so that eight bytes take one step. */
static uint32_t t[8][256];

static void make_tables(void)
{
	uint32_t i, k, x;

	for (i = 0; i < 256; i++) {
		x = i;
		for (k = 0; k < 8; k++)
			x = x >> 1 ^ (x & 1 ? POLYNOMIAL : 0);
		t[0][i] = x;
	}
	for (i = 0; i < 256; i++) {
		for (k = 1; k < 8; k++)
			t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 255];
	}
}

uint32_t bnn_crc32(const void *data, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint8_t *p = data;
	uint32_t crc = ~0u;
	size_t k;

	pthread_once(&once, make_tables);
	for (; len >= 8; len -= 8, p += 8) {
		crc ^= p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
		crc = t[7][crc & 255] ^ t[6][crc >> 8 & 255] ^ t[5][crc >> 16 & 255] ^
		      t[4][crc >> 24] ^ t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]];
	}
	for (k = 0; k < len; k++)
		crc = crc >> 8 ^ t[0][(crc ^ p[k]) & 255];
	return ~crc;
}
