/* SPDX-License-Identifier: MIT */
/* Numbers that implementations get wrong, each with its result worked out by hand. */
#include <string.h>

#include "host.h"

static struct host *h;

static void fill(uint32_t region_at, uint8_t byte, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		host_put(h, HOST_VA + region_at + i, &byte, 1);
}

static void put(uint32_t at, int64_t v, unsigned bytes)
{
	host_put(h, HOST_VA + at, &v, bytes); /* little-endian, as all of this */
}

static int32_t get32(uint32_t at)
{
	int32_t v;

	host_get(h, HOST_VA + at, &v, 4);
	return v;
}

static int16_t get16(uint32_t at)
{
	int16_t v;

	host_get(h, HOST_VA + at, &v, 2);
	return v;
}

/* Runs it; false, and said so, where the core cannot. */
static bool can_run(const uint32_t *w, const char *what, struct bnn_completion *c)
{
	*c = run_one(h, w);
	if (c->detail == BNN_DETAIL_UNSUPPORTED && cmd_lacks(w, h->features)) {
		tap_skip("%s", what);
		return false;
	}
	if (c->status)
		tap_note("status %u detail %u word %u", c->status, c->detail, c->cmd_word / 4);
	return true;
}

/* A convolution to a raw E_S32 stream: input at R_READ + 0, weights at + 0x10000, records at +
 * 0x20000. */
enum { WEIGHTS_AT = 0x10000, RECORDS_AT = 0x20000 };

static void conv(uint32_t *w, uint32_t size, uint32_t cin, uint32_t cout, uint32_t kernel,
		 uint32_t pad, uint32_t format, uint32_t wformat)
{
	static const enum bnn_field_id ones[] = { BNN_F_CONV_SH, BNN_F_CONV_SW, BNN_F_CONV_DH,
						  BNN_F_CONV_DW, BNN_F_CONV_GROUPS };
	static const enum bnn_field_id pads[] = { BNN_F_CONV_PAD_T, BNN_F_CONV_PAD_L,
						  BNN_F_CONV_PAD_B, BNN_F_CONV_PAD_R };

	cmd_init(w, BNN_CMD_CONV);
	for (unsigned i = 0; i < 5; i++)
		bnn_field_set(w, ones[i], 1);
	for (unsigned i = 0; i < 4; i++)
		bnn_field_set(w, pads[i], pad);
	bnn_field_set(w, BNN_F_CONV_H, size);
	bnn_field_set(w, BNN_F_CONV_W, size);
	bnn_field_set(w, BNN_F_CONV_CIN, cin);
	bnn_field_set(w, BNN_F_CONV_COUT, cout);
	bnn_field_set(w, BNN_F_CONV_KH, kernel);
	bnn_field_set(w, BNN_F_CONV_KW, kernel);
	bnn_field_set(w, BNN_F_CONV_WFORMAT, wformat);
	cmd_tensor(w, 11, R_READ, 0, format, size, cin);
	cmd_vector(w, 14, R_READ, WEIGHTS_AT);
	cmd_tensor(w, 21, R_WRITE, 0, BNN_FORMAT_E_S32, size, cout);
}

static void ew(uint32_t *w, uint32_t size, uint32_t c, uint32_t format, uint32_t out)
{
	cmd_init(w, BNN_CMD_EW);
	bnn_field_set(w, BNN_F_EW_H, size);
	bnn_field_set(w, BNN_F_EW_W, size);
	bnn_field_set(w, BNN_F_EW_COUT, c);
	cmd_tensor(w, 11, R_READ, 0, format, size, c);
	cmd_tensor(w, 21, R_WRITE, 0, out, size, c);
}

static void test_zero_weights(void)
{
	const char *what = "S4 weights of 0 on odd planes make 0";
	struct bnn_completion c;
	uint32_t w[32];

	fill(READ_AT, 0xa7, 4096);
	fill(READ_AT + WEIGHTS_AT, 0, 4096);
	conv(w, 3, 17, 4, 3, 1, BNN_FORMAT_O8, BNN_WFORMAT_S4);
	fill(WRITE_AT, 0xee, 256);
	if (can_run(w, what, &c))
		tap_ok(!c.status && !get32(WRITE_AT) && !get32(WRITE_AT + 12), "%s", what);
}

static void test_absent(void)
{
	static const int32_t expect[] = { 16, 16 + 8 * 16, 16 - 8 * 16 };
	const char *what = "an absent tap is 0, +w or -w, not -1";
	struct bnn_completion c;
	uint32_t w[32];

	fill(READ_AT, 0xff, 64);
	fill(READ_AT + WEIGHTS_AT, 0xff, 64);
	for (uint32_t mode = 0; mode < 3; mode++) {
		conv(w, 1, 16, 1, 3, 1, BNN_FORMAT_B1, BNN_WFORMAT_B1);
		bnn_field_set(w, BNN_F_CONV_PAD_MODE, mode);
		if (!can_run(w, what, &c))
			return;
		tap_ok(!c.status && get32(WRITE_AT) == expect[mode], "%s: mode %u is %d", what,
		       mode, get32(WRITE_AT));
	}
}

static void test_padding_channels(void)
{
	const char *what = "padding channels are ignored";
	struct bnn_completion c;
	uint32_t w[32];

	fill(READ_AT, 0xff, 64);
	fill(READ_AT + WEIGHTS_AT, 0, 64);
	put(READ_AT + WEIGHTS_AT, 0x1ffff, 4);
	conv(w, 1, 17, 1, 1, 0, BNN_FORMAT_B1, BNN_WFORMAT_B1);
	if (!can_run(w, what, &c))
		return;
	tap_ok(!c.status && get32(WRITE_AT) == 17, "%s in the input", what);
	put(READ_AT, 0x1ffff, 4);
	fill(READ_AT + WEIGHTS_AT, 0xff, 64);
	can_run(w, what, &c);
	tap_ok(!c.status && get32(WRITE_AT) == 17, "%s in weights", what);
}

static void test_long_row(void)
{
	const char *what = "K = 784 in a row of 784 bits: threshold 784 is met, 785 is not";
	struct bnn_completion c;
	uint32_t w[32];
	uint8_t bits;

	fill(READ_AT, 0xff, 128);
	fill(READ_AT + WEIGHTS_AT, 0xff, 256);
	put(READ_AT + RECORDS_AT, 784, 8);
	put(READ_AT + RECORDS_AT + 8, 785, 8);
	conv(w, 1, 784, 2, 1, 0, BNN_FORMAT_B1, BNN_WFORMAT_B1);
	bnn_field_set(w, BNN_F_CONV_NARROW, 1);
	cmd_vector(w, 16, R_READ, RECORDS_AT);
	cmd_tensor(w, 18, R_WRITE, 0, BNN_FORMAT_B1, 1, 2);
	memset(&w[21], 0, 12);
	if (!can_run(w, what, &c))
		return;
	host_get(h, HOST_VA + WRITE_AT, &bits, 1);
	tap_ok(!c.status && bits == 1, "%s", what);
}

static void test_gate(void)
{
	const char *what = "the gate opens at M = T";
	struct bnn_completion c;
	uint32_t w[32];

	/* One pixel of 16 channels of code 3: M = 16, L = 16. */
	fill(READ_AT, 0xff, 256);
	fill(READ_AT + WEIGHTS_AT, 0xff, 64);
	fill(READ_AT + RECORDS_AT, 0, 256);
	put(READ_AT + RECORDS_AT + BNN_PARAM_T, 16, 4);
	put(READ_AT + RECORDS_AT + 64 + BNN_PARAM_T, 17, 4);
	put(READ_AT + RECORDS_AT + 128 + BNN_PARAM_T, INT32_MIN, 4);
	conv(w, 1, 16, 3, 1, 0, BNN_FORMAT_O2, BNN_WFORMAT_B1);
	bnn_field_set(w, BNN_F_CONV_FRAC, 1);
	cmd_vector(w, 16, R_READ, RECORDS_AT);
	if (!can_run(w, what, &c))
		return;
	tap_ok(!c.status && get32(WRITE_AT) == 48 && get32(WRITE_AT + 4) == 32 &&
		       get32(WRITE_AT + 8) == 48,
	       "%s, not at M = T - 1", what);
	tap_ok(c.counters[BNN_COUNTER_FRAC_ISSUED] == 2 &&
		       c.counters[BNN_COUNTER_FRAC_SKIPPED] == 1 &&
		       c.counters[BNN_COUNTER_MACS] == 3 * 16 + 2 * 16,
	       "gates and MACs are counted");
}

static void test_pow2(void)
{
	const char *what = "POW2";
	struct bnn_completion c;
	uint32_t w[32];

	/* x = -1, -1, 2^26 - 1 clamped to 2^23 - 1; exponents -31, -1, 15. */
	put(READ_AT, -1, 4);
	put(READ_AT + 4, -1, 4);
	put(READ_AT + 8, (1 << 26) - 1, 4);
	fill(READ_AT + RECORDS_AT, 0, 192);
	for (unsigned i = 0; i < 3; i++) {
		static const int8_t k[] = { -128, -1, 127 };

		put(READ_AT + RECORDS_AT + 64 * i + BNN_PARAM_K2, k[i], 1);
		put(READ_AT + RECORDS_AT + 64 * i + BNN_PARAM_K2 + 1, k[i], 1);
	}
	ew(w, 1, 3, BNN_FORMAT_E_S32, BNN_FORMAT_E_S32);
	bnn_field_set(w, BNN_F_EW_P2, 1);
	bnn_field_set(w, BNN_F_EW_P2_POW2, 1);
	cmd_vector(w, 16, R_READ, RECORDS_AT);
	if (!can_run(w, what, &c))
		return;
	tap_ok(!c.status && get32(WRITE_AT) == 0 && get32(WRITE_AT + 4) == 0 &&
		       get32(WRITE_AT + 8) == INT32_MAX,
	       "%s: rnd of -1 is 0, shifts to the left saturate", what);
	/* sat24, sat32 and sat16 of the third; 2^23 << 15 is within 40 bits. */
	tap_ok(c.counters[BNN_COUNTER_SATURATED] == 3, "%s: %llu clamps", what,
	       (unsigned long long)c.counters[BNN_COUNTER_SATURATED]);
}

static void test_sums(void)
{
	const char *what = "SUM takes the saturated values";
	struct bnn_completion c;
	uint32_t w[32];

	for (unsigned i = 0; i < 4; i++)
		put(READ_AT + 16 * (i / 2) + 4 * (i % 2), i < 3 ? 1000000 : -1000000, 4);
	ew(w, 2, 1, BNN_FORMAT_E_S32, BNN_FORMAT_E_S16);
	bnn_field_set(w, BNN_F_EW_SUM_EN, 1);
	cmd_vector(w, 30, R_WRITE, 4096);
	if (can_run(w, what, &c))
		tap_ok(!c.status && get32(WRITE_AT + 4096) == 3 * 32767 - 32768, "%s", what);
}

static void test_pool(void)
{
	const char *what = "an average over absent pixels divides by all";
	struct bnn_completion c;
	uint32_t w[32];

	for (unsigned i = 0; i < 9; i++)
		put(READ_AT + 16 * (i / 3) + 2 * (i % 3), -32768, 2);
	cmd_init(w, BNN_CMD_POOL);
	bnn_field_set(w, BNN_F_POOL_H, 3);
	bnn_field_set(w, BNN_F_POOL_W, 3);
	bnn_field_set(w, BNN_F_POOL_CIN, 1);
	bnn_field_set(w, BNN_F_POOL_GROUP, 1);
	bnn_field_set(w, BNN_F_POOL_KH, 3);
	bnn_field_set(w, BNN_F_POOL_KW, 3);
	bnn_field_set(w, BNN_F_POOL_SH, 1);
	bnn_field_set(w, BNN_F_POOL_SW, 1);
	bnn_field_set(w, BNN_F_POOL_PAD_T, 1);
	bnn_field_set(w, BNN_F_POOL_PAD_L, 1);
	bnn_field_set(w, BNN_F_POOL_DIV, 9);
	cmd_tensor(w, 11, R_READ, 0, BNN_FORMAT_E_S16, 3, 1);
	cmd_tensor(w, 18, R_WRITE, 0, BNN_FORMAT_E_S16, 2, 1);
	if (can_run(w, what, &c))
		/* 4 * -32768 / 9 = -14563.6; all nine: exactly -32768. */
		tap_ok(!c.status && get16(WRITE_AT) == -14564 && get16(WRITE_AT + 18) == -32768,
		       "%s", what);
}

static void test_fused(void)
{
	const char *what = "planes made at once and from the stored stream are equal";
	struct bnn_completion c;
	struct rng rng = { 3 };
	uint8_t noise[2048], once[256], twice[256];
	uint32_t list[3][32];

	rng_fill(&rng, noise, sizeof(noise));
	host_put(h, HOST_VA + READ_AT, noise, sizeof(noise));
	host_put(h, HOST_VA + READ_AT + WEIGHTS_AT, noise, sizeof(noise));
	conv(list[0], 3, 32, 5, 3, 1, BNN_FORMAT_B1, BNN_WFORMAT_B1);
	cmd_tensor(list[0], 21, R_BOTH, 0, BNN_FORMAT_E_S16, 3, 5);
	cmd_tensor(list[0], 18, R_BOTH, 4096, BNN_FORMAT_O4, 3, 5);
	ew(list[1], 3, 5, BNN_FORMAT_E_S16, BNN_FORMAT_E_S16);
	cmd_tensor(list[1], 11, R_BOTH, 0, BNN_FORMAT_E_S16, 3, 5);
	cmd_tensor(list[1], 18, R_BOTH, 8192, BNN_FORMAT_O4, 3, 5);
	for (unsigned i = 0; i < 2; i++) {
		bnn_field_set(list[i], BNN_F_CONV_A3, 0xfe00);
		bnn_field_set(list[i], BNN_F_CONV_B3, 12345);
		bnn_field_set(list[i], BNN_F_CONV_S3, 11);
	}
	cmd_init(list[2], BNN_CMD_END);
	c = run_list(h, list, 3);
	if (c.detail == BNN_DETAIL_UNSUPPORTED) {
		tap_skip("%s", what);
		return;
	}
	host_get(h, HOST_VA + BOTH_AT + 4096, once, sizeof(once));
	host_get(h, HOST_VA + BOTH_AT + 8192, twice, sizeof(twice));
	/* 4 planes of 3 rows of 16 bytes, of which 6 are written. */
	for (unsigned i = 0; i < 12; i++)
		if (memcmp(once + i / 3 * 64 + i % 3 * 16, twice + i / 3 * 64 + i % 3 * 16, 6))
			c.status = 99;
	tap_ok(!c.status, "%s", what);
}

/* trap-test [LIBRARY] */
int main(int argc, char **argv)
{
	h = host_open(argc > 1 ? argv[1] : "build/lib/libbnnaccel-model.so", NULL);
	if (!h)
		return 2;
	test_zero_weights();
	test_absent();
	test_padding_channels();
	test_long_row();
	test_gate();
	test_pow2();
	test_sums();
	test_pool();
	test_fused();
	host_close(h);
	return tap_done();
}
