/* SPDX-License-Identifier: MIT */
/* bnnaccel errors: the exit codes. */
#include "cli.h"

static const struct {
	int code;
	const char *remedy;
} remedies[] = {
	{ BNNACCEL_ERR_ARGUMENT, "'bnnaccel VERB --help' shows the arguments" },
	{ BNNACCEL_ERR_NO_FILE, "check the path and its permissions" },
	{ BNNACCEL_ERR_BAD_MODEL, "the file is damaged or of another version: import it again" },
	{ BNNACCEL_ERR_BAD_INPUT,
	  "give images of the size and kind that 'bnnaccel inspect' names" },
	{ BNNACCEL_ERR_NO_DEVICE, "load the driver ('modprobe bnnaccel'), or use --backend cpu" },
	{ BNNACCEL_ERR_PERMISSION, "join the group 'render', or install the udev rule" },
	{ BNNACCEL_ERR_UNSUPPORTED, "let the CPU help (--backend auto, --fallback needed)" },
	{ BNNACCEL_ERR_DEVICE, "see the kernel log; a larger --budget helps against TIMEOUT" },
	{ BNNACCEL_ERR_MEMORY, "run fewer images at once (--limit, --batch)" },
	{ BNNACCEL_ERR_SYSTEM, "the text names the call that failed" },
	{ BNNACCEL_ERR_NO_BACKEND,
	  "'bnnaccel list' shows the backends; 'make rtl' builds the RTL" },
	{ BNNACCEL_ERR_TIMEOUT, "wait longer, or collect the request later" },
	{ BNNACCEL_ERR_CANCELLED, "submit it again" },
	{ BNNACCEL_ERR_BUSY, "collect requests that have ended" },
};

int verb_errors(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		puts("usage: bnnaccel errors\n\nShows the exit codes and their remedies.");
		return 0;
	}
	printf("%4d  %-20s\n", 0, "success");
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		printf("%4d  %-20s %s\n", -remedies[i].code, bnnaccel_error_name(remedies[i].code),
		       remedies[i].remedy);
	printf("%4d  %-20s\n", 130, "interrupted");
	return 0;
}
