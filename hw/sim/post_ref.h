/* SPDX-License-Identifier: MIT */
#ifndef SIM_POST_REF_H
#define SIM_POST_REF_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct post_command {
	bool p1, p1_pow2, p2, p2_pow2, res1, res2;
	unsigned ps, s1, sb1, s2, sb2, s3, align1, align2;
	int16_t a3;
	int32_t b3;
	unsigned outp, outs; /* format codes; 0: none */
};

struct post_result {
	int32_t v16;
	uint32_t outp, outs, changed;
};

/* record: 64 bytes, struct PARAM. res1, res2: values before their shift. */
void post_ref(const struct post_command *c, const uint8_t *record, int32_t acc, int32_t res1,
	      int32_t res2, struct post_result *out);

#ifdef __cplusplus
}
#endif

#endif
