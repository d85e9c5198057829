/* SPDX-License-Identifier: MIT */
/* The options of bnnaccel run. */
#ifndef BNN_RUN_OPTIONS_H
#define BNN_RUN_OPTIONS_H

#include "cli.h"

struct run_options {
	struct bnnaccel_session_options session;
	const char *model, *labels, *csv;
	uint64_t limit, draw;
	bool draw_given, color, json, quiet, profile, placement;
};

/*
 * Returns 0, or an exit code; -1 when --help was asked for. optind is then the index
 * of the model. run_options_free() afterwards in any case.
 */
int run_options_parse(int argc, char **argv, struct run_options *options);
void run_options_free(struct run_options *options);

#endif /* BNN_RUN_OPTIONS_H */
