/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bnnaccel/import.h>

static const struct verb verbs[] = {
	{ "run", "MODEL IMAGES...", "classify images", verb_run },
	{ "import", "FOLDER|MODEL.onnx -o MODEL.bnn", "make a model from trained weights",
	  verb_import },
	{ "profile", "MODEL [IMAGES]", "measure cycles, stalls and bytes of every command",
	  verb_profile },
	{ "inspect", "MODEL", "show what a model is", verb_inspect },
	{ "list", "", "show the backends and devices of this machine", verb_list },
	{ "info", "", "show what a device can do", verb_info },
	{ "errors", "", "show the exit codes and their remedies", verb_errors },
};

int cli_fail(const char *verb, int error, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "bnnaccel %s: ", verb);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -error;
}

int cli_fail_ctx(const char *verb, int error, const struct bnnaccel *ctx)
{
	return cli_fail(verb, error, "%s", bnnaccel_last_error(ctx));
}

bool cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	if (*text < '0' || *text > '9')
		return false;
	*value = strtoull(text, &end, 10);
	return !errno && !*end && *value >= min && *value <= max;
}

int cli_load_model(struct bnnaccel *ctx, const char *path, struct bnnaccel_model **model)
{
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return bnnaccel_import(ctx, path, NULL, model);
	return bnnaccel_model_load(ctx, path, model);
}

static void help(FILE *out)
{
	fprintf(out,
		"bnnaccel %d.%d: runs binary neural networks on the bnnaccel accelerator\n\n"
		"usage: bnnaccel VERB [OPTIONS]\n\n",
		BNNACCEL_VERSION_MAJOR, BNNACCEL_VERSION_MINOR);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(out, "  %-8s %-20s %s\n", verbs[i].name, verbs[i].arguments,
			verbs[i].summary);
	fprintf(out, "\n'bnnaccel VERB --help' shows the options of a verb.\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	int code;

	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(name, "--version")) {
		printf("bnnaccel %d.%d\n", BNNACCEL_VERSION_MAJOR, BNNACCEL_VERSION_MINOR);
		return 0;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(name, verbs[i].name))
			continue;
		code = verbs[i].run(argc - 1, argv + 1);
		if (fflush(stdout) || ferror(stdout))
			return cli_fail(name, BNNACCEL_ERR_SYSTEM, "standard output: %s",
					strerror(errno));
		return code;
	}
	if (*name)
		fprintf(stderr, "bnnaccel: there is no verb '%s'\n\n", name);
	help(stderr);
	return -BNNACCEL_ERR_ARGUMENT;
}
