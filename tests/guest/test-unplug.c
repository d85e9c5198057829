// SPDX-License-Identifier: MIT
/*
 * The device is taken away while it is in use, by unbinding the driver and by
 * removing the PCI device; the jobs meanwhile would take hours.
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "guest.h"

#include "kselftest_harness.h"
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 120

static int unbind(const char *pci)
{
	return write_file("/sys/bus/pci/drivers/bnnaccel/unbind", pci);
}

static int bind(const char *pci)
{
	return write_file("/sys/bus/pci/drivers/bnnaccel/bind", pci);
}

static int pci_remove(const char *pci)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", pci);
	return write_file(path, "1");
}

static int rescan(const char *pci)
{
	return write_file("/sys/bus/pci/rescan", "1");
}

FIXTURE(unplug)
{
	int fd;
	uint32_t ctx;
	char pci[32];
};

FIXTURE_VARIANT(unplug)
{
	int (*away)(const char *pci);
	int (*back)(const char *pci);
};

FIXTURE_VARIANT_ADD(unplug, unbind)
{
	.away = unbind,
	.back = bind,
};

FIXTURE_VARIANT_ADD(unplug, remove)
{
	.away = pci_remove,
	.back = rescan,
};

FIXTURE_SETUP(unplug)
{
	self->fd = open_node();
	ASSERT_LE(0, self->fd);
	self->ctx = ctx_new(self->fd, DRM_BNNACCEL_PRIORITY_NORMAL);
	ASSERT_NE(0, self->ctx);
	ASSERT_TRUE(pci_address(self->pci, sizeof(self->pci)));
}

/* A new client of the new device. */
FIXTURE_TEARDOWN(unplug)
{
	int fd;
	uint32_t ctx;

	if (self->fd >= 0)
		close(self->fd);
	ASSERT_EQ(0, variant->back(self->pci));
	fd = open_node();
	ASSERT_LE(0, fd);
	ctx = ctx_new(fd, 1);
	EXPECT_EQ(1, run_end(fd, ctx));
	close(fd);
}

TEST_F(unplug, idle)
{
	EXPECT_EQ(1, run_end(self->fd, self->ctx));
	EXPECT_EQ(0, variant->away(self->pci));
	EXPECT_EQ(-ENODEV, run_end(self->fd, self->ctx));
}

/* Jobs running, in the ring and queued; a mapping, a dma-buf and fences held. */
TEST_F(unplug, busy)
{
	uint32_t bo = bo_new(self->fd, 1 << 20), late = bo_new(self->fd, 4096);
	uint32_t sync = sync_new(self->fd);
	unsigned char *p = bo_map(self->fd, bo, 1 << 20);
	struct drm_bnnaccel_bo_mmap_offset offset = { .handle = late };
	int buf = export_buf(self->fd, bo), fences[40], i;
	struct job j;

	ASSERT_NE(NULL, p);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_BNNACCEL_BO_MMAP_OFFSET, &offset));
	memset(p, 0x5a, 1 << 20);
	job_init(&j, program_nops(self->fd, 65536));
	j.job.iterations = 65535;
	j.job.budget = UINT32_MAX;
	job_region(&j, bo, DRM_BNNACCEL_REGION_WRITE, 64);
	job_sync(&j, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, job_submit(self->fd, self->ctx, &j));
		fences[i] = sync_export(self->fd, sync);
		ASSERT_LE(0, fences[i]);
	}
	EXPECT_EQ(0, sync_file_status(fences[0]));

	EXPECT_EQ(0, variant->away(self->pci));
	for (i = 0; i < 40; i++)
		EXPECT_EQ(-ENODEV, sync_file_wait(fences[i], PATIENCE_MS));

	/* Old mappings stay readable, new ones and calls fail. */
	EXPECT_EQ(0x5a, p[12345]);
	p[12345] = 1;
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, offset.offset));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-ENODEV, job_submit(self->fd, self->ctx, &j));
	EXPECT_EQ(0, bo_new(self->fd, 4096));
	EXPECT_EQ(-1, open_node());

	/* Fences and buffers outlive the file. */
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(1, p[12345]);
	munmap(p, 1 << 20);
	p = mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED, buf, 0);
	if (p != MAP_FAILED)
		EXPECT_EQ(1, p[12345]);
	for (i = 0; i < 40; i++) {
		EXPECT_EQ(-ENODEV, sync_file_status(fences[i]));
		close(fences[i]);
	}
	close(buf);
}

static volatile bool stop;

static void *submit_all_the_time(void *arg)
{
	int fd = open_node();
	uint32_t ctx = ctx_new(fd, 0);

	while (!stop && run_end(fd, ctx) != -ENODEV)
		;
	close(fd);
	return NULL;
}

TEST_F(unplug, racing)
{
	pthread_t threads[3];
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, submit_all_the_time, NULL));
	nap_ms(200);
	EXPECT_EQ(0, variant->away(self->pci));
	stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static long unload(void)
{
	return syscall(SYS_delete_module, "bnnaccel", O_NONBLOCK) ? -errno : 0;
}

/*
 * Fences of jobs that never reached the device, were dropped with their file,
 * or ended long ago: the module stays as long as one is held.
 */
TEST(module_stays_for_fences)
{
	uint32_t ctx, sync, old;
	char pci[32], name[32];
	int fd = open_node(), held, done, i;
	struct sync_file_info info = { 0 };
	struct job j;

	ASSERT_LE(0, fd);
	ASSERT_TRUE(pci_address(pci, sizeof(pci)));
	ctx = ctx_new(fd, 1);
	old = sync_new(fd);
	job_init(&j, program_nops(fd, 2));
	job_sync(&j, DRM_BNNACCEL_SYNC_SIGNAL, old, 0);
	ASSERT_EQ(0, job_submit(fd, ctx, &j));
	done = sync_export(fd, old);
	EXPECT_LE(0, done);
	sync_file_wait(done, PATIENCE_MS);

	sync = sync_new(fd);
	job_init(&j, program_nops(fd, 65536));
	j.job.iterations = 65535;
	j.job.budget = UINT32_MAX;
	job_sync(&j, DRM_BNNACCEL_SYNC_SIGNAL, sync, 0);
	for (i = 0; i < 30; i++)
		ASSERT_EQ(0, job_submit(fd, ctx, &j));
	held = sync_export(fd, sync);
	EXPECT_EQ(-EAGAIN, unload());
	EXPECT_EQ(0, unbind(pci));
	close(fd);
	EXPECT_EQ(-ENODEV, sync_file_wait(held, PATIENCE_MS));
	EXPECT_EQ(-EAGAIN, unload());

	close(done);
	info.sync_fence_info = 0;
	EXPECT_EQ(0, call(held, SYNC_IOC_FILE_INFO, &info));
	{
		struct sync_fence_info fence = { 0 };

		info = (struct sync_file_info){ .num_fences = 1, .sync_fence_info = PTR(&fence) };
		EXPECT_EQ(0, call(held, SYNC_IOC_FILE_INFO, &info));
		snprintf(name, sizeof(name), "%s", fence.obj_name);
		EXPECT_EQ(0, strncmp(name, "bnnaccel", 8));
	}
	EXPECT_EQ(-EAGAIN, unload());
	close(held);
	for (i = 0; i < 500 && unload(); i++)
		nap_ms(20);
	EXPECT_EQ(-1, access("/sys/module/bnnaccel", F_OK));
}

TEST_HARNESS_MAIN
