/* SPDX-License-Identifier: MIT */
/* Lock-step: a core that errs is found, and what it leaves runs again. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

static const char *both, *model, *liar, *replay, *folder;

static struct host *open_both(const char *rtl)
{
	char options[2048];

	snprintf(options, sizeof(options), "rtl=%s,dump=%s", rtl, folder);
	return host_open(both, options);
}

/* One job that writes bits. */
static void run_something(struct host *h)
{
	uint32_t list[2][32];
	struct job job;

	cmd_init(list[0], BNN_CMD_ENC);
	bnn_field_set(list[0], BNN_F_ENC_H, 2);
	bnn_field_set(list[0], BNN_F_ENC_W, 3);
	bnn_field_set(list[0], BNN_F_ENC_COLOURS, 2);
	bnn_field_set(list[0], BNN_F_ENC_MODE, 2);
	cmd_vector(list[0], 11, R_READ, 0);
	cmd_vector(list[0], 14, R_READ, 64);
	cmd_tensor(list[0], 18, R_WRITE, 0, BNN_FORMAT_B1, 3, 16);
	cmd_init(list[1], BNN_CMD_END);
	job_program(h, list, 2);
	job_init(&job, 2);
	job_submit(h, 0, &job);
	host_run(h);
}

static uint64_t done_count(struct host *h)
{
	uint32_t depth = host_reg(h, BNN_REG_Q_SIZE);
	uint64_t done;

	memcpy(&done, h->mem + HOST_RINGS + HOST_CQ + depth * BNN_SIZEOF_COMPLETION, 8);
	return done;
}

/* Exit status of bnn-replay on the one trace in the folder, which is removed. */
static int run_replay(const char *rtl)
{
	char pattern[2048], command[8192];
	glob_t found;
	int status = -1;

	snprintf(pattern, sizeof(pattern), "%s/*.trace", folder);
	if (glob(pattern, 0, NULL, &found))
		return -1;
	snprintf(command, sizeof(command), "%s --model=%s --rtl=%s %s >/dev/null", replay, model,
		 rtl, found.gl_pathv[0]);
	if (found.gl_pathc == 1)
		status = WEXITSTATUS(system(command));
	globfree(&found);
	return status;
}

static void remove_traces(void)
{
	char pattern[2048];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*.trace", folder);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}

static void twins_agree(void)
{
	struct host *h = open_both(model);

	host_setup(h);
	run_something(h);
	tap_ok(!host_reg(h, BNN_REG_ERROR) && done_count(h) == 1, "two of a kind agree");
	tap_ok(run_replay(model) == -1, "and leave no trace");
	host_close(h);
}

static void liar_is_found(const char *lie)
{
	struct host *h;
	uint64_t before;

	setenv("LIE", lie, 1);
	h = open_both(liar);
	host_setup(h);
	before = done_count(h);
	run_something(h);
	tap_ok(host_reg(h, BNN_REG_ERROR) == BNN_ERROR_MISMATCH, "%s: ERROR.MISMATCH", lie);
	tap_ok(h->irqs[0] == 1 && host_reg(h, BNN_REG_IRQ_STATUS) & 1, "%s: vector 0", lie);
	tap_ok(done_count(h) == before && !h->irqs[1], "%s: the job is not published", lie);
	run_something(h);
	tap_ok(done_count(h) == before, "%s: the device has stopped", lie);
	tap_ok(run_replay(liar) == 1, "%s: bnn-replay finds it again", lie);
	tap_ok(run_replay(model) == 0, "%s: bnn-replay with an honest core agrees", lie);
	remove_traces();
	host_set(h, BNN_REG_ERROR, BNN_ERROR_MISMATCH);
	host_set(h, BNN_REG_IRQ_STATUS, 1);
	tap_ok(!host_reg(h, BNN_REG_ERROR) && !(host_reg(h, BNN_REG_IRQ_STATUS) & 1),
	       "%s: the error is acknowledged", lie);
	host_set(h, BNN_REG_CTRL, BNN_CTRL_RESET);
	host_run(h);
	host_setup(h);
	run_something(h);
	tap_ok(host_reg(h, BNN_REG_ERROR) == BNN_ERROR_MISMATCH, "%s: found again after a reset",
	       lie);
	host_close(h);
	remove_traces();
}

static void damaged_trace(void)
{
	char command[4096], path[2048];
	FILE *file;

	snprintf(path, sizeof(path), "%s/damaged.trace", folder);
	file = fopen(path, "wb");
	fputs("BNNTRC1\nand then nothing", file);
	fclose(file);
	snprintf(command, sizeof(command), "%s %s 2>/dev/null", replay, path);
	tap_ok(WEXITSTATUS(system(command)) == 3, "bnn-replay refuses a damaged file");
	unlink(path);
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: both-test BOTH MODEL LIAR BNN-REPLAY FOLDER\n");
		return 2;
	}
	both = argv[1];
	model = argv[2];
	liar = argv[3];
	replay = argv[4];
	folder = argv[5];
	setenv("LIAR_MODEL", model, 1);
	remove_traces();
	twins_agree();
	liar_is_found("data");
	liar_is_found("status");
	damaged_trace();
	return tap_done();
}
