/* SPDX-License-Identifier: MIT */
/*
 * The LFC network (784-1024-1024-1024-64, thresholds everywhere) with random
 * weights, one job over several images, on two cores: equal output bytes, and
 * what a frame costs on the second.
 *
 *   lfc [-n IMAGES] [-o OPTIONS] MODEL RTL
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

enum {
	LAYERS = 4,
	TABLE_AT = 0,
	WEIGHTS_AT = 0x400,
	PARAMS_AT = 0x80000,
	IMAGES_AT = 0x100000,
	COMMANDS = LAYERS + 2
};

static const uint32_t channels[LAYERS + 1] = { 784, 1024, 1024, 1024, 64 };

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void build(uint32_t list[COMMANDS][32])
{
	uint32_t weights = WEIGHTS_AT, params = PARAMS_AT, at = 0;
	uint32_t *w = list[0];

	cmd_init(w, BNN_CMD_ENC);
	bnn_field_set(w, BNN_F_ENC_SHARED, 1);
	bnn_field_set(w, BNN_F_ENC_H, 1);
	bnn_field_set(w, BNN_F_ENC_W, 1);
	bnn_field_set(w, BNN_F_ENC_COLOURS, channels[0]);
	cmd_vector(w, 11, R_BOTH, 0);
	cmd_vector(w, 14, R_READ, TABLE_AT);
	cmd_tensor(w, 18, BNN_REGION_ONCHIP, at, BNN_FORMAT_B1, 1, channels[0]);
	for (unsigned i = 0; i < LAYERS; i++) {
		uint32_t cin = channels[i], cout = channels[i + 1], next = at + 256;

		w = list[i + 1];
		cmd_init(w, BNN_CMD_CONV);
		bnn_field_set(w, BNN_F_CONV_NARROW, 1);
		bnn_field_set(w, BNN_F_CONV_H, 1);
		bnn_field_set(w, BNN_F_CONV_W, 1);
		bnn_field_set(w, BNN_F_CONV_CIN, cin);
		bnn_field_set(w, BNN_F_CONV_COUT, cout);
		bnn_field_set(w, BNN_F_CONV_KH, 1);
		bnn_field_set(w, BNN_F_CONV_KW, 1);
		bnn_field_set(w, BNN_F_CONV_SH, 1);
		bnn_field_set(w, BNN_F_CONV_SW, 1);
		bnn_field_set(w, BNN_F_CONV_DH, 1);
		bnn_field_set(w, BNN_F_CONV_DW, 1);
		bnn_field_set(w, BNN_F_CONV_GROUPS, 1);
		cmd_tensor(w, 11, BNN_REGION_ONCHIP, at, BNN_FORMAT_B1, 1, cin);
		cmd_vector(w, 14, R_READ, weights);
		cmd_vector(w, 16, R_READ, params);
		if (i + 1 < LAYERS)
			cmd_tensor(w, 18, BNN_REGION_ONCHIP, next, BNN_FORMAT_B1, 1, cout);
		else
			cmd_tensor(w, 18, R_WRITE, 0, BNN_FORMAT_B1, 1, cout);
		weights += cout * ((cin / 8 + 15) / 16 * 16);
		params += 8 * cout;
		at = next;
	}
	cmd_init(list[LAYERS + 1], BNN_CMD_END);
}

int main(int argc, char **argv)
{
	const char *options = NULL;
	struct host *h[2];
	struct bnn_completion c[2];
	uint32_t list[COMMANDS][32], images = 8;
	struct rng r = { 1 };
	double took[2];
	int o;

	while ((o = getopt(argc, argv, "n:o:")) != -1) {
		if (o == 'n')
			images = (uint32_t)strtoul(optarg, NULL, 0);
		else if (o == 'o')
			options = optarg;
		else
			return 2;
	}
	if (argc - optind != 2 || !images || images > 512) {
		fprintf(stderr, "usage: lfc [-n IMAGES] [-o OPTIONS] MODEL RTL\n");
		return 2;
	}
	build(list);
	for (unsigned i = 0; i < 2; i++) {
		struct job job;

		h[i] = host_open(argv[optind + i], i ? options : NULL);
		if (!h[i])
			return 2;
		if (!i) {
			rng_fill(&r, h[0]->mem + HOST_DATA, 0x700000);
			for (uint32_t k = 0; k < 0x10000 / 8; k++) {
				int32_t record[2] = { (int32_t)rng_below(&r, 81) - 40, 0 };

				host_put(h[0], HOST_VA + READ_AT + PARAMS_AT + 8 * k, record, 8);
			}
		} else {
			memcpy(h[1]->mem + HOST_DATA, h[0]->mem + HOST_DATA, HOST_DATA_BYTES);
		}
		job_program(h[i], list, COMMANDS);
		job_init(&job, COMMANDS);
		job.entry.iterations = images;
		job.region[R_BOTH].size = channels[0];
		job.region[R_BOTH].stride = channels[0];
		job.region[R_WRITE].size = 8;
		job.region[R_WRITE].stride = 8;
		job_submit(h[i], 1, &job);
		took[i] = seconds();
		host_run(h[i]);
		took[i] = seconds() - took[i];
		c[i] = job_result(h[i], 1);
	}
	tap_ok(!c[0].status && !c[1].status, "both jobs end OK (%u, %u)", c[0].status, c[1].status);
	tap_ok(!memcmp(h[0]->mem + HOST_DATA, h[1]->mem + HOST_DATA, HOST_DATA_BYTES),
	       "the outputs of %u images agree", images);
	tap_ok(c[0].counters[BNN_COUNTER_MACS] == c[1].counters[BNN_COUNTER_MACS],
	       "MACs agree (%llu)", (unsigned long long)c[1].counters[BNN_COUNTER_MACS]);
	tap_note("%s: %.0f cycles, %.4f s per image; %s: %.6f s", h[1]->ops->name,
		 (double)c[1].cycles / images, took[1] / images, h[0]->ops->name, took[0] / images);
	for (unsigned i = 0; i < 10; i++)
		tap_note("counter %u: %llu", i, (unsigned long long)c[1].counters[i]);
	host_close(h[0]);
	host_close(h[1]);
	return tap_done();
}
