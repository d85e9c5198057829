/* SPDX-License-Identifier: MIT */
/* What the verbs of the program bnnaccel share. */
#ifndef BNN_CLI_H
#define BNN_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <bnnaccel/bnnaccel.h>

/* A verb: returns the exit code. argv[0] is the verb. */
struct verb {
	const char *name;
	const char *arguments;
	const char *summary;
	int (*run)(int argc, char **argv);
};

int verb_run(int argc, char **argv);
int verb_profile(int argc, char **argv);
int verb_import(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_info(int argc, char **argv);
int verb_errors(int argc, char **argv);

/* Prints "bnnaccel VERB: text" to stderr and returns the exit code -error. */
int cli_fail(const char *verb, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As cli_fail() with the last error of a context. */
int cli_fail_ctx(const char *verb, int error, const struct bnnaccel *ctx);

/* Parses a whole decimal number in [min, max]. */
bool cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* Opens a .bnn file, or imports a folder that an importer knows. */
int cli_load_model(struct bnnaccel *ctx, const char *path, struct bnnaccel_model **model);

#endif /* BNN_CLI_H */
