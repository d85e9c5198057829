// SPDX-License-Identifier: MIT
/*
 * Devices that misbehave. guest-test starts the machine with the property that
 * a test is about and runs that test alone.
 */
#include <glob.h>
#include <pthread.h>

#include "guest.h"

#include "kselftest_harness.h"
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 120

FIXTURE(faults)
{
	int fd;
	uint32_t ctx;
	char pci[32];
};

FIXTURE_SETUP(faults)
{
	self->fd = open_node();
	ASSERT_LE(0, self->fd);
	self->ctx = ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_NORMAL);
	ASSERT_NE(0, self->ctx);
	ASSERT_TRUE(pci_address(self->pci, sizeof(self->pci)));
}

FIXTURE_TEARDOWN(faults)
{
	close(self->fd);
}

static uint32_t resets(int fd)
{
	struct drm_bnnaccel_dev_info info = { 0 };
	struct drm_bnnaccel_dev_query q = { .size = sizeof(info), .pointer = PTR(&info) };

	call(fd, DRM_IOCTL_BNNACCEL_DEV_QUERY, &q);
	return info.resets;
}

/* Submits END and returns a sync_file. */
static int submit_end(int fd, uint32_t ctx)
{
	uint32_t sync = sync_new(fd), program = program_nops(fd, 2);
	struct job j;
	int file;

	job_init(&j, program);
	job_sync(&j, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
	if (job_submit(fd, ctx, &j))
		return -1;
	file = sync_export(fd, sync);
	sync_destroy(fd, sync);
	handle_close(fd, program);
	return file;
}

static char *coredump(void)
{
	static char text[1 << 17];
	FILE *f = NULL;
	glob_t g;

	if (!glob("/sys/class/devcoredump/devcd*/data", 0, NULL, &g))
		f = fopen(g.gl_pathv[0], "r");
	globfree(&g);
	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return text;
}

/* x-hang=1: the guilty job fails; whatever waited behind or beside it runs. */
TEST_F(faults, hang)
{
	int other = open_node(), i, mine[6], theirs[6];
	uint32_t ctx = ctx_new(other, DRM_BNNACCEL_PRIORITY_LOW);
	struct drm_bnnaccel_ctx_query q;
	char *dump;

	for (i = 0; i < 6; i++)
		mine[i] = submit_end(self->fd, self->ctx);
	nap_ms(100); /* so that it is one of mine that hangs */
	for (i = 0; i < 6; i++)
		theirs[i] = submit_end(other, ctx);
	EXPECT_EQ(-ETIMEDOUT, sync_file_wait(mine[0], PATIENCE_MS));
	for (i = 1; i < 6; i++)
		EXPECT_EQ(1, sync_file_wait(mine[i], PATIENCE_MS));
	for (i = 0; i < 6; i++)
		EXPECT_EQ(1, sync_file_wait(theirs[i], PATIENCE_MS));

	q = ctx_query(self->fd, self->ctx);
	EXPECT_EQ(1, q.guilty);
	EXPECT_EQ(1, q.faults);
	EXPECT_EQ(6, q.jobs);
	EXPECT_EQ(1, q.fault_seqno);
	EXPECT_EQ(UINT32_MAX, q.fault_status);
	EXPECT_EQ(0, q.flags);
	q = ctx_query(other, ctx);
	EXPECT_EQ(0, q.guilty | q.faults);
	EXPECT_EQ(6, q.jobs);
	EXPECT_EQ(1, resets(self->fd));

	dump = coredump();
	ASSERT_NE(NULL, dump);
	EXPECT_EQ(0, strncmp(dump, "bnnaccel coredump", 17));
	EXPECT_NE(NULL, strstr(dump, "reason: no progress"));
	EXPECT_NE(NULL, strstr(dump, "context 1, number 1"));
	close(other);
}

/* x-hang=1 again and again: a context that always hangs is banned. */
TEST_F(faults, ban)
{
	int i, files[6];

	for (i = 0; i < 6; i++)
		files[i] = submit_end(self->fd, self->ctx);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-ETIMEDOUT, sync_file_wait(files[i], PATIENCE_MS));
	for (i = 3; i < 6; i++)
		EXPECT_EQ(-ECANCELED, sync_file_wait(files[i], PATIENCE_MS));
	EXPECT_EQ(DRM_BNNACCEL_CTX_BANNED, ctx_query(self->fd, self->ctx).flags);
	EXPECT_EQ(3, ctx_query(self->fd, self->ctx).guilty);
	EXPECT_EQ(-EBADFD, run_end(self->fd, self->ctx));
}

/* x-hang=1,x-stuck-reset=on: a function level reset does it. */
TEST_F(faults, stuck_reset)
{
	EXPECT_EQ(-ETIMEDOUT, run_end(self->fd, self->ctx));
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
	EXPECT_EQ(1, resets(self->fd));
}

static void *reset_from_outside(void *arg)
{
	char path[128];
	int i;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", (char *)arg);
	for (i = 0; i < 10; i++) {
		write_file(path, "1");
		nap_ms(50);
	}
	return NULL;
}

/* The same while somebody else resets the function: neither takes the other's for its own. */
TEST_F(faults, resets_race)
{
	char path[128];
	pthread_t thread;
	int i, ret;

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/reset", self->pci);
	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_from_outside, self->pci));
	for (i = 0; i < 20; i++) {
		write_file(path, "1");
		ret = run_end(self->fd, self->ctx);
		EXPECT_EQ(true, ret == 1 || ret == -EIO || ret == -ETIMEDOUT);
	}
	pthread_join(thread, NULL);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", self->pci);
	write_file(path, "1");
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
}

/* x-lost-irq: found by looking, without a reset. */
TEST_F(faults, lost_irq)
{
	int i;

	for (i = 0; i < 5; i++)
		EXPECT_EQ(1, run_end(self->fd, self->ctx));
	EXPECT_EQ(0, resets(self->fd));
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).faults);
}

/* x-done-lie, x-seqno-lie: nothing that the device says is believed blindly. */
TEST_F(faults, lies)
{
	int i, ret;

	for (i = 0; i < 5; i++) {
		ret = run_end(self->fd, self->ctx);
		EXPECT_EQ(true, ret == -EIO || ret == -ETIMEDOUT);
	}
	EXPECT_LE(1, resets(self->fd));
}

/* x-status-lie: an unknown status is an I/O error. */
TEST_F(faults, unknown_status)
{
	EXPECT_EQ(-EIO, run_end(self->fd, self->ctx));
	EXPECT_EQ(1, ctx_query(self->fd, self->ctx).faults);
	EXPECT_EQ(0, resets(self->fd));
}

/* x-fail-dma-read, for every read from the first on: errors, but no hang. */
TEST_F(faults, dma)
{
	int i, ret;

	for (i = 0; i < 10; i++) {
		ret = run_end(self->fd, self->ctx);
		EXPECT_EQ(true, ret == 1 || ret == -EIO || ret == -ETIMEDOUT);
	}
	/* Bus addresses are nobody's business. */
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).fault_va);
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
}

/* x-gone is set once this has said that it runs: surprise removal without a word from PCI. */
TEST_F(faults, gone)
{
	int i, ret = run_end(self->fd, self->ctx);

	TH_LOG("jobs run");
	for (i = 0; i < 6000 && ret == 1; i++) {
		ret = run_end(self->fd, self->ctx);
		nap_ms(10);
	}
	EXPECT_EQ(-ENODEV, ret);
	EXPECT_EQ(-ENODEV, run_end(self->fd, self->ctx));
	/* What needs no device still works, unmapping included. */
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).guilty);
	EXPECT_EQ(0, handle_close(self->fd, bo_new(self->fd, 4096)));
}

/* x-slow: nobody is reset for being slow as long as there is progress. */
TEST_F(faults, slow)
{
	struct job j;

	job_init(&j, program_nops(self->fd, 65536));
	j.job.iterations = 300;
	EXPECT_EQ(1, job_run(self->fd, self->ctx, &j));
	EXPECT_EQ(0, resets(self->fd));
	EXPECT_EQ(0, ctx_query(self->fd, self->ctx).guilty);
}

/* x-id, x-version: not our device. */
TEST(refused)
{
	EXPECT_EQ(-1, node_number());
	EXPECT_EQ(0, access("/sys/module/bnnaccel", F_OK));
}

TEST_HARNESS_MAIN
