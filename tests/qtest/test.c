/* SPDX-License-Identifier: MIT */
/*
 * Tests of the emulated device without a guest. TAP on stdout; exit status 0
 * when all passed, 1 when one failed. Each test is a process of its own with
 * its own QEMU, and bounded in time.
 */
#include "vm.h"
#include "bnn_hw.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Memory of the imagined guest --- */

#define MSI_AT 0x80000u /* messages land in RAM and can be read there */
#define QUEUE_AT(q) (0x100000u + (q) * 0x40000u)
#define RING(q) QUEUE_AT(q)
#define CQ(q) (QUEUE_AT(q) + 0x10000u)
#define DIRECTORY 0x300000u
#define LEAF 0x310000u
#define REGIONS 0x320000u
#define COMMANDS 0x330000u
#define COMMANDS_VA 0x10000u
#define COMMANDS_PAGES 16
#define SHORT_COUNT 8
#define LONG_OFFSET 4096
#define LONG_COUNT 480
#define NOWHERE 0x3000000000ull /* no memory there */

#define ID_WORD ((uint32_t)BNN_PCI_DEVICE_ID << 16 | BNN_PCI_VENDOR_ID)
#define QREG(q, name) (BNN_REG_Q_##name + (q) * BNN_QUEUE_STRIDE)
#define MSG(v) (0xb0 + (v))

struct queue {
	unsigned q, depth;
	uint32_t tail;
};

static void msix_set(struct vm *vm, unsigned v, bool masked)
{
	uint32_t entry[4] = { MSI_AT + 4 * v, 0, MSG(v), masked };
	unsigned i;

	for (i = 0; i < 4; i++)
		qtest(vm, "writel 0x%x 0x%x", BAR2 + 16 * v + 4 * i, entry[i]);
}

static void msix_on(struct vm *vm)
{
	unsigned cap = pci_cap(vm, 0x11), v;

	check(cap);
	pci_write16(vm, cap + 2, 0x8000);
	for (v = 0; v < BNN_IRQ_VECTORS; v++)
		msix_set(vm, v, false);
	mem_set(vm, MSI_AT, 0, 4 * BNN_IRQ_VECTORS);
}

/* Whether the vector's message has come since the last look. */
static bool message(struct vm *vm, unsigned v)
{
	if (mem32(vm, MSI_AT + 4 * v) != MSG(v))
		return false;
	qtest(vm, "writel 0x%x 0", MSI_AT + 4 * v);
	return true;
}

static void page_tables(struct vm *vm)
{
	unsigned i;

	mem_set(vm, DIRECTORY, 0, 16384);
	mem_set(vm, LEAF, 0, 4096);
	qtest(vm, "writeq 0x%x 0x%x", DIRECTORY, LEAF | 1);
	for (i = 0; i < COMMANDS_PAGES; i++)
		qtest(vm, "writeq 0x%x 0x%x", LEAF + 8 * (COMMANDS_VA / 4096 + i),
		      (COMMANDS + 4096 * i) | 1);
}

/* Two lists of NOPs: SHORT_COUNT commands at 0, LONG_COUNT at LONG_OFFSET. */
static void commands(struct vm *vm)
{
	mem_set(vm, COMMANDS, 0, COMMANDS_PAGES * 4096);
	qtest(vm, "writel 0x%x 0x%x", COMMANDS + (SHORT_COUNT - 1) * 128, BNN_CMD_END);
	qtest(vm, "writel 0x%x 0x%x", COMMANDS + LONG_OFFSET + (LONG_COUNT - 1) * 128,
	      BNN_CMD_END);
}

static void regions(struct vm *vm)
{
	struct bnn_region r = {
		.va = COMMANDS_VA, .size = COMMANDS_PAGES * 4096,
		.access = BNN_REGION_ACCESS_X,
	};

	mem_put(vm, REGIONS, &r, sizeof(r));
}

static struct bnn_job job(uint64_t seqno, unsigned count)
{
	struct bnn_job j = {
		.flags = BNN_JOB_FLAGS_IRQ, .ctx = 7, .seqno = seqno,
		.directory = DIRECTORY, .asid = 1, .regions = 1, .version = 1,
		.region_table = REGIONS, .cmd_count = count, .iterations = 1,
		.budget = 1u << 20,
	};

	return j;
}

/* One that does not end by itself while a test looks. */
static struct bnn_job long_job(uint64_t seqno)
{
	struct bnn_job j = job(seqno, LONG_COUNT);

	j.cmd_offset = LONG_OFFSET;
	j.iterations = 65535;
	j.budget = 0xffffffff;
	return j;
}

static struct queue queue_on(struct vm *vm, unsigned q, unsigned depth)
{
	struct queue queue = { q, depth, 0 };

	mem_set(vm, CQ(q), 0xee, depth * 256 + 64);
	mem_set(vm, CQ(q) + depth * 256, 0, 8);
	wr(vm, QREG(q, RING_LO), RING(q));
	wr(vm, QREG(q, RING_HI), 0);
	wr(vm, QREG(q, CQ_LO), CQ(q));
	wr(vm, QREG(q, CQ_HI), 0);
	wr(vm, QREG(q, SIZE), depth);
	wr(vm, QREG(q, CTRL), BNN_Q_CTRL_EN);
	equal(rd(vm, QREG(q, STATUS)), BNN_Q_STATUS_IDLE | BNN_Q_STATUS_ENABLED);
	return queue;
}

static void put_job(struct vm *vm, struct queue *queue, struct bnn_job j)
{
	mem_put(vm, RING(queue->q) + queue->tail++ % queue->depth * 64, &j, sizeof(j));
}

static void ring(struct vm *vm, const struct queue *queue)
{
	wr(vm, QREG(queue->q, TAIL), queue->tail);
}

static void submit(struct vm *vm, struct queue *queue, struct bnn_job j)
{
	put_job(vm, queue, j);
	ring(vm, queue);
}

static uint64_t done(struct vm *vm, const struct queue *queue)
{
	return mem64(vm, CQ(queue->q) + queue->depth * 256);
}

static void await(struct vm *vm, const struct queue *queue, uint64_t count)
{
	eventually(10, done(vm, queue) == count);
}

static struct bnn_completion slot(struct vm *vm, const struct queue *queue, uint64_t n)
{
	struct bnn_completion c;

	mem_get(vm, CQ(queue->q) + n % queue->depth * 256, &c, sizeof(c));
	return c;
}

/* Up and running: page tables, a list of NOPs, messages on. */
static void boot_with(struct vm *vm, const char *props, const char *args)
{
	vm_start(vm, NULL, props, args);
	pci_enable(vm);
	equal(rd(vm, BNN_REG_ID), BNN_RESET_ID);
	msix_on(vm);
	wr(vm, BNN_REG_IRQ_MASK, 0);
	page_tables(vm);
	commands(vm);
	regions(vm);
}

static void boot(struct vm *vm, const char *props)
{
	boot_with(vm, props, "");
}

/* A job must end well now, whatever came before. */
static void still_works(struct vm *vm, struct queue *queue, uint64_t seqno)
{
	uint64_t n = done(vm, queue);
	struct bnn_completion c;

	submit(vm, queue, job(seqno, 8));
	await(vm, queue, n + 1);
	c = slot(vm, queue, n);
	equal(c.seqno, seqno);
	equal(c.status, BNN_STATUS_OK);
}

static void await_reset(struct vm *vm)
{
	eventually(10, !(rd(vm, BNN_REG_RESET_STATUS) & BNN_RESET_STATUS_BUSY));
}

/* Of all that the device might write. */
static uint64_t hash_ram(struct vm *vm)
{
	static const uint32_t at[] = {
		MSI_AT, RING(0), RING(2), CQ(0), CQ(1), CQ(2), CQ(3), DIRECTORY, LEAF, REGIONS,
		COMMANDS,
	};
	uint64_t h = 0xcbf29ce484222325;
	uint8_t data[4096];
	size_t i, k;

	for (k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
		mem_get(vm, at[k], data, sizeof(data));
		for (i = 0; i < sizeof(data); i++)
			h = (h ^ data[i]) * 0x100000001b3;
	}
	return h;
}

/* --- PCI --- */

static void test_identity(void)
{
	struct vm vm;
	unsigned cap;

	vm_start(&vm, NULL, "", "");
	equal(pci_read(&vm, 0), ID_WORD);
	equal(pci_read(&vm, 8) >> 16, BNN_PCI_CLASS);
	equal(pci_read8(&vm, 0x3d), 0); /* no INTx */
	pci_write(&vm, 0x10, 0xffffffff);
	pci_write(&vm, 0x14, 0xffffffff);
	pci_write(&vm, 0x18, 0xffffffff);
	pci_write(&vm, 0x20, 0xffffffff);
	equal(pci_read(&vm, 0x10), 0xffff0004); /* 64 KiB, 64 bits, not prefetchable */
	equal(pci_read(&vm, 0x14), 0xffffffff);
	equal(pci_read(&vm, 0x18) & ~15u, 0xffffe000); /* 8 KiB */
	equal(pci_read(&vm, 0x18) & 9, 0);
	equal(pci_read(&vm, 0x20), 0); /* kept for local memory */
	cap = pci_cap(&vm, 0x10);
	check(cap);
	equal(pci_read(&vm, cap + 4) >> 28 & 1, 1); /* FLR */
	cap = pci_cap(&vm, 0x11);
	check(cap);
	equal(pci_read16(&vm, cap + 2) & 0x7ff, BNN_IRQ_VECTORS - 1);
	equal(pci_read(&vm, cap + 4), 2); /* BAR2, offset 0 */
	equal(pci_read(&vm, cap + 8), 0x1000 | 2);
	check(pci_cap(&vm, 0x01));
	check(!pci_cap(&vm, 0x05));
	vm_quit(&vm);
}

static void test_properties(void)
{
	char text[4096];
	struct vm vm;

	check(vm_try(",core=nonsense", text, sizeof(text)) == 1 << 8);
	check(strstr(text, "must be model, rtl or both"));
	check(vm_try(",core=rtl,rtl=./no-such-file.so", text, sizeof(text)) == 1 << 8);
	check(strstr(text, "no-such-file.so"));
	snprintf(text, sizeof(text), ",core=rtl,rtl=%s", opt.plugin);
	check(vm_try(text, text, sizeof(text)) == 1 << 8);
	check(strstr(text, "bnn_core_entry"));
	if (!opt.core_path) {
		snprintf(text, sizeof(text), ",core=%s,options=no_such_key=1", opt.core);
		check(vm_try(text, text, sizeof(text)) == 1 << 8);
		check(strstr(text, "no_such_key"));
	}
	vm_start(&vm, NULL, ",x-id=0x12345678,x-version=0x20003,x-wait-shift=9", "");
	pci_enable(&vm);
	equal(rd(&vm, BNN_REG_ID), 0x12345678);
	equal(rd(&vm, BNN_REG_VERSION), 0x20003);
	equal(rd(&vm, BNN_REG_WAIT_SHIFT), 9);
	vm_quit(&vm);
}

static void test_bus_switches(void)
{
	struct vm vm;

	vm_start(&vm, NULL, "", "");
	pci_enable(&vm);
	equal(rd(&vm, BNN_REG_ID), BNN_RESET_ID);
	pci_write16(&vm, 4, 4); /* memory off */
	equal(rd(&vm, BNN_REG_ID), 0);
	pci_write16(&vm, 4, 6);
	equal(rd(&vm, BNN_REG_ID), BNN_RESET_ID);
	vm_quit(&vm);
}

/* --- Registers --- */

static void test_registers(void)
{
	struct vm vm;
	uint32_t reg;

	vm_start(&vm, NULL, "", "");
	pci_enable(&vm);
	equal(rd(&vm, BNN_REG_ID), BNN_RESET_ID);
	equal(rd(&vm, BNN_REG_VERSION), BNN_RESET_VERSION);
	check(rd(&vm, BNN_REG_FEATURES_LO) & BNN_FEATURES_BINARY);
	equal(rd(&vm, BNN_REG_MMU_CAPS) & BNN_MMU_CAPS_VA_BITS, 32);
	check(rd(&vm, BNN_REG_CLOCK_HZ));
	check(rd(&vm, BNN_REG_WAIT_SHIFT) <= 10);
	equal(rd(&vm, BNN_REG_IRQ_MASK), 0x1f);
	equal(rd(&vm, BNN_REG_RESET_STATUS), 0);
	equal(rd(&vm, BNN_REG_RESET_COUNT), 0);
	for (reg = 0; reg < BNN_REG_CNT; reg += 4)
		if (rd(&vm, reg) == 0xffffffff)
			fail("register 0x%x reads all ones", reg);
	/* Only four aligned bytes. */
	equal(strtoull(qtest(&vm, "readb 0x%x", BAR0), NULL, 16), 0);
	equal(strtoull(qtest(&vm, "readw 0x%x", BAR0), NULL, 16), 0);
	equal(strtoull(qtest(&vm, "readq 0x%x", BAR0), NULL, 16), 0);
	equal(strtoull(qtest(&vm, "readl 0x%x", BAR0 + 2), NULL, 16), 0);
	wr(&vm, QREG(1, RING_LO), 0x11223340);
	qtest(&vm, "writeb 0x%x 0x55", BAR0 + QREG(1, RING_LO));
	qtest(&vm, "writew 0x%x 0x5555", BAR0 + QREG(1, RING_LO));
	qtest(&vm, "writeq 0x%x 0x5555555555555555", BAR0 + QREG(1, RING_LO));
	qtest(&vm, "writel 0x%x 0x5555", BAR0 + QREG(1, RING_LO) + 1);
	equal(rd(&vm, QREG(1, RING_LO)), 0x11223340);
	/* Read-only and absent ones. */
	wr(&vm, BNN_REG_ID, 0);
	wr(&vm, BNN_REG_TIMESTAMP_LO, 5);
	equal(rd(&vm, BNN_REG_ID), BNN_RESET_ID);
	for (reg = 0; reg < 4; reg++) {
		static const uint32_t holes[] = { 0x00f0, 0x0ffc, 0x1400, 0xfffc };

		wr(&vm, holes[reg], 0xffffffff);
		equal(rd(&vm, holes[reg]), 0);
	}
	equal(rd(&vm, BNN_REG_Q_KILL), 0);
	equal(rd(&vm, BNN_REG_MMU_INV), 0);
	/* A read sees the write before it, and so does one much later. */
	for (reg = 0; reg < BNN_QUEUES; reg++) {
		wr(&vm, QREG(reg, RING_LO), 0x1000 * (reg + 1));
		wr(&vm, QREG(reg, RING_HI), reg + 1);
		wr(&vm, QREG(reg, SIZE), 8 << reg);
		wr(&vm, QREG(reg, COALESCE), 3 + reg);
		equal(rd(&vm, QREG(reg, RING_LO)), 0x1000 * (reg + 1));
		equal(rd(&vm, QREG(reg, COALESCE)), 3 + reg);
	}
	usleep(50000);
	for (reg = 0; reg < BNN_QUEUES; reg++) {
		equal(rd(&vm, QREG(reg, RING_LO)), 0x1000 * (reg + 1));
		equal(rd(&vm, QREG(reg, RING_HI)), reg + 1);
		equal(rd(&vm, QREG(reg, SIZE)), 8 << reg);
		equal(rd(&vm, QREG(reg, COALESCE)), 3 + reg);
		equal(rd(&vm, QREG(reg, STATUS)), BNN_Q_STATUS_IDLE);
	}
	vm_quit(&vm);
}

static void test_queue_enable(void)
{
	static const struct {
		uint32_t ring, cq, size;
		bool good;
	} tries[] = {
		{ 0x1000, 0x2000, 8, true },     { 0x1000, 0x2000, 256, true },
		{ 0x1020, 0x2000, 8, false },    { 0x1000, 0x2080, 8, false },
		{ 0x1000, 0x2000, 4, false },    { 0x1000, 0x2000, 512, false },
		{ 0x1000, 0x2000, 24, false },   { 0x1000, 0x2000, 0, false },
		{ 0x1040, 0x2100, 16, true },
	};
	struct vm vm;
	unsigned i, look;

	vm_start(&vm, NULL, "", "");
	pci_enable(&vm);
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		uint32_t want = tries[i].good ? BNN_Q_STATUS_ENABLED : BNN_Q_STATUS_ERR;

		wr(&vm, QREG(2, CTRL), 0);
		eventually(5, rd(&vm, QREG(2, STATUS)) & BNN_Q_STATUS_IDLE);
		wr(&vm, QREG(2, RING_LO), tries[i].ring);
		wr(&vm, QREG(2, CQ_LO), tries[i].cq);
		wr(&vm, QREG(2, SIZE), tries[i].size);
		wr(&vm, QREG(2, CTRL), BNN_Q_CTRL_EN);
		/* At once, and when the core has seen it. */
		for (look = 0; look < 2; look++) {
			uint32_t got = rd(&vm, QREG(2, STATUS));

			if (got != (want | BNN_Q_STATUS_IDLE))
				fail("case %u, look %u: Q_STATUS 0x%x, not 0x%x", i, look,
				     got, want | BNN_Q_STATUS_IDLE);
			usleep(20000);
		}
		/* The bases are locked while it is enabled. */
		if (tries[i].good) {
			wr(&vm, QREG(2, RING_LO), 0x7000);
			equal(rd(&vm, QREG(2, RING_LO)), tries[i].ring);
			usleep(5000);
			equal(rd(&vm, QREG(2, RING_LO)), tries[i].ring);
		}
	}
	vm_quit(&vm);
}

static void test_invalidate(void)
{
	unsigned i, refused = 0;
	char two[100];
	struct vm vm;

	boot(&vm, "");
	for (i = 0; i < 50; i++) {
		wr(&vm, BNN_REG_MMU_INV, i % 3);
		eventually(5, !(rd(&vm, BNN_REG_MMU_INV_STATUS) & BNN_MMU_INV_STATUS_BUSY));
	}
	equal(rd(&vm, BNN_REG_ERROR), 0);
	/* Two at once: the second is done or refused, and then told. */
	snprintf(two, sizeof(two), "writel 0x%x 1\nwritel 0x%x 2\n",
		 BAR0 + BNN_REG_MMU_INV, BAR0 + BNN_REG_MMU_INV);
	for (i = 0; i < 100; i++) {
		qtest_many(&vm, two, 2);
		eventually(5, !(rd(&vm, BNN_REG_MMU_INV_STATUS) & BNN_MMU_INV_STATUS_BUSY));
		if (rd(&vm, BNN_REG_ERROR)) {
			equal(rd(&vm, BNN_REG_ERROR), BNN_ERROR_INV_BUSY);
			check(message(&vm, 0));
			wr(&vm, BNN_REG_ERROR, 0xffffffff);
			refused++;
		}
	}
	note("%u of %u second invalidations refused", refused, i);
	vm_quit(&vm);
}

static void test_counters(void)
{
	struct queue queue;
	struct vm vm;

	boot(&vm, "");
	queue = queue_on(&vm, 1, 8);
	still_works(&vm, &queue, 1);
	eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 0);
	equal(rd(&vm, BNN_REG_CNT + 8 * BNN_COUNTER_COMMANDS), 0);
	wr(&vm, BNN_REG_CNT_CTRL, BNN_CNT_CTRL_SNAPSHOT | BNN_CNT_CTRL_CLEAR);
	equal(rd(&vm, BNN_REG_CNT + 8 * BNN_COUNTER_COMMANDS), 8);
	wr(&vm, BNN_REG_CNT_CTRL, BNN_CNT_CTRL_SNAPSHOT);
	equal(rd(&vm, BNN_REG_CNT + 8 * BNN_COUNTER_COMMANDS), 0);
	check(rd(&vm, BNN_REG_TIMESTAMP_LO) | rd(&vm, BNN_REG_TIMESTAMP_HI));
	vm_quit(&vm);
}

/* --- Interrupts --- */

static void test_msix(void)
{
	struct vm vm;
	unsigned v;

	vm_start(&vm, NULL, "", "");
	pci_enable(&vm);
	msix_on(&vm);
	/* Masked in the device: latched, sent when unmasked. */
	wr(&vm, BNN_REG_IRQ_TEST, 0x04);
	check(!message(&vm, 2));
	equal(rd(&vm, BNN_REG_IRQ_STATUS), 0x04);
	wr(&vm, BNN_REG_IRQ_STATUS, 0x04);
	wr(&vm, BNN_REG_IRQ_MASK, 0);
	check(!message(&vm, 2));
	for (v = 0; v < BNN_IRQ_VECTORS; v++) {
		wr(&vm, BNN_REG_IRQ_TEST, 1u << v);
		check(message(&vm, v));
		/* Every event is a message: nothing needs to be acknowledged. */
		wr(&vm, BNN_REG_IRQ_TEST, 1u << v);
		check(message(&vm, v));
		equal(rd(&vm, BNN_REG_IRQ_STATUS), (2u << v) - 1);
	}
	wr(&vm, BNN_REG_IRQ_STATUS, 0x1f);
	equal(rd(&vm, BNN_REG_IRQ_STATUS), 0);
	/* Masked in the table: pending there, sent by the unmasking. */
	msix_set(&vm, 3, true);
	wr(&vm, BNN_REG_IRQ_TEST, 1u << 3);
	check(!message(&vm, 3));
	equal(mem32(&vm, BAR2 + 0x1000), 1u << 3);
	msix_set(&vm, 3, false);
	check(message(&vm, 3));
	equal(mem32(&vm, BAR2 + 0x1000), 0);
	/* Without bus mastering nothing goes out. */
	pci_write16(&vm, 4, 2);
	wr(&vm, BNN_REG_IRQ_TEST, 1);
	check(!message(&vm, 0));
	pci_write16(&vm, 4, 6);
	wr(&vm, BNN_REG_IRQ_TEST, 0xffffffe0);
	equal(rd(&vm, BNN_REG_IRQ_STATUS), 1 | 1 << 3);
	vm_quit(&vm);
}

static void test_msi(void)
{
	struct queue queue;
	struct vm vm;
	unsigned cap;

	vm_start(&vm, NULL, ",x-msix=off", "");
	pci_enable(&vm);
	check(!pci_cap(&vm, 0x11));
	cap = pci_cap(&vm, 0x05);
	check(cap);
	pci_write(&vm, cap + 4, MSI_AT);
	pci_write(&vm, cap + 8, 0);
	pci_write16(&vm, cap + 12, MSG(0));
	pci_write16(&vm, cap + 2, 0x81);
	mem_set(&vm, MSI_AT, 0, 4);
	wr(&vm, BNN_REG_IRQ_MASK, 0);
	wr(&vm, BNN_REG_IRQ_TEST, 1 << 4);
	check(message(&vm, 0));
	equal(rd(&vm, BNN_REG_IRQ_STATUS), 1 << 4);
	wr(&vm, BNN_REG_IRQ_STATUS, 1 << 4);
	page_tables(&vm);
	commands(&vm);
	regions(&vm);
	queue = queue_on(&vm, 2, 8);
	submit(&vm, &queue, job(1, 8));
	eventually(5, message(&vm, 0));
	/* The status is there when the message is. */
	equal(rd(&vm, BNN_REG_IRQ_STATUS), 1 << 3);
	equal(done(&vm, &queue), 1);
	vm_quit(&vm);
}

/* --- Jobs --- */

static void test_job(void)
{
	struct bnn_completion c;
	struct queue queue;
	struct vm vm;

	boot(&vm, "");
	queue = queue_on(&vm, 0, 8);
	submit(&vm, &queue, job(0x123456789abcdef0, 8));
	equal(rd(&vm, QREG(0, TAIL)), 1);
	eventually(10, message(&vm, 1));
	/* All is in memory when the message comes. */
	equal(done(&vm, &queue), 1);
	c = slot(&vm, &queue, 0);
	equal(c.seqno, 0x123456789abcdef0);
	equal(c.status, BNN_STATUS_OK);
	equal(c.cmd_index, 7);
	equal(c.detail, 0);
	equal(c.fault_va, 0);
	equal(c.counters[BNN_COUNTER_COMMANDS], 8);
	check(c.cycles && c.end > c.start);
	equal(rd(&vm, BNN_REG_IRQ_STATUS), 2);
	eventually(5, rd(&vm, QREG(0, HEAD)) == 1);
	eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 0);
	equal(rd(&vm, QREG(0, STATUS)), BNN_Q_STATUS_IDLE | BNN_Q_STATUS_ENABLED);
	equal(rd(&vm, BNN_REG_ERROR), 0);
	/* The neighbours are untouched. */
	equal(mem64(&vm, CQ(0) + 256), 0xeeeeeeeeeeeeeeee);
	vm_quit(&vm);
}

static void test_ring_wrap(void)
{
	struct queue queue[BNN_QUEUES];
	unsigned q, round, i;
	struct vm vm;

	boot(&vm, "");
	for (q = 0; q < BNN_QUEUES; q++)
		queue[q] = queue_on(&vm, q, 8);
	for (round = 0; round < 5; round++) {
		for (q = 0; q < BNN_QUEUES; q++) {
			for (i = 0; i < 7; i++)
				put_job(&vm, &queue[q], job(100 * q + queue[q].tail, 8));
			ring(&vm, &queue[q]);
		}
		for (q = 0; q < BNN_QUEUES; q++) {
			await(&vm, &queue[q], queue[q].tail);
			for (i = 1; i <= 7; i++) {
				struct bnn_completion c = slot(&vm, &queue[q], queue[q].tail - i);

				equal(c.seqno, 100 * q + queue[q].tail - i);
				equal(c.status, BNN_STATUS_OK);
			}
			eventually(5, message(&vm, 1 + q));
		}
	}
	vm_quit(&vm);
}

static void test_bad_entry(void)
{
	struct queue queue;
	struct bnn_job j;
	struct vm vm;

	boot(&vm, "");
	queue = queue_on(&vm, 3, 8);
	j = job(1, 8);
	j.version = 2;
	j.flags = 0;
	submit(&vm, &queue, j);
	eventually(10, message(&vm, 4)); /* a failure is told without flag IRQ */
	equal(slot(&vm, &queue, 0).status, BNN_STATUS_BAD_ENTRY);
	j = job(2, 8);
	j.reserved = 1;
	submit(&vm, &queue, j);
	await(&vm, &queue, 2);
	equal(slot(&vm, &queue, 1).status, BNN_STATUS_BAD_ENTRY);
	still_works(&vm, &queue, 3);
	vm_quit(&vm);
}

static void test_faults(void)
{
	unsigned long long own = BAR0 | 1, nowhere = NOWHERE | 1;
	struct bnn_completion c;
	struct queue queue;
	struct vm vm;
	unsigned n = 0;
	uint32_t leaf = LEAF + 8 * (COMMANDS_VA / 4096);

	boot(&vm, "");
	queue = queue_on(&vm, 1, 8);
#define outcome(want) \
	do { \
		wr(&vm, BNN_REG_MMU_INV, 0); \
		eventually(5, !rd(&vm, BNN_REG_MMU_INV_STATUS)); \
		submit(&vm, &queue, job(n, 8)); \
		await(&vm, &queue, n + 1); \
		c = slot(&vm, &queue, n++); \
		equal(c.status, want); \
	} while (0)
	outcome(BNN_STATUS_OK);
	qtest(&vm, "writeq 0x%x 0", leaf);
	outcome(BNN_STATUS_MMU_FAULT);
	equal(c.fault_va, COMMANDS_VA);
	qtest(&vm, "writeq 0x%x 0x%x", leaf, COMMANDS | 0x11);
	outcome(BNN_STATUS_BAD_PTE);
	equal(c.fault_va, COMMANDS_VA);
	/* A page that is this device's own registers, and one that is nothing. */
	qtest(&vm, "writeq 0x%x 0x%llx", leaf, own);
	outcome(BNN_STATUS_BUS_ERROR);
	qtest(&vm, "writeq 0x%x 0x%llx", leaf, nowhere);
	outcome(BNN_STATUS_BUS_ERROR);
	qtest(&vm, "writeq 0x%x 0x%x", leaf, COMMANDS | 1);
	outcome(BNN_STATUS_OK);
	qtest(&vm, "writeq 0x%x 0x%llx", DIRECTORY, nowhere);
	outcome(BNN_STATUS_BUS_ERROR);
	qtest(&vm, "writeq 0x%x 0x%x", DIRECTORY, LEAF | 1);
	qtest(&vm, "writel 0x%x 0xff", COMMANDS);
	outcome(BNN_STATUS_BAD_OPCODE);
	equal(c.cmd_index, 0);
	qtest(&vm, "writel 0x%x 0", COMMANDS);
	qtest(&vm, "writel 0x%x 0", COMMANDS + 7 * 128);
	outcome(BNN_STATUS_NO_END);
	commands(&vm);
	outcome(BNN_STATUS_OK);
#undef outcome
	equal(rd(&vm, BNN_REG_ERROR), 0);
	check(vm_alive(&vm));
	vm_quit(&vm);
}

static void test_ring_faults(void)
{
	struct queue queue;
	struct vm vm;

	boot(&vm, "");
	/* A ring that cannot be read. */
	queue = queue_on(&vm, 0, 8);
	wr(&vm, QREG(0, CTRL), 0);
	eventually(5, rd(&vm, QREG(0, STATUS)) & BNN_Q_STATUS_IDLE);
	wr(&vm, QREG(0, RING_HI), NOWHERE >> 32);
	wr(&vm, QREG(0, CTRL), BNN_Q_CTRL_EN);
	wr(&vm, QREG(0, TAIL), 1);
	eventually(10, message(&vm, 0));
	equal(rd(&vm, BNN_REG_ERROR), 1u << BNN_ERROR_RING_READ_SHIFT);
	check(rd(&vm, QREG(0, STATUS)) & BNN_Q_STATUS_ERR);
	wr(&vm, BNN_REG_ERROR, 0xffffffff);
	equal(rd(&vm, BNN_REG_ERROR), 0);
	/* One too many. */
	queue = queue_on(&vm, 1, 8);
	wr(&vm, QREG(1, TAIL), 9);
	eventually(10, message(&vm, 0));
	equal(rd(&vm, BNN_REG_ERROR), 2u << BNN_ERROR_BAD_TAIL_SHIFT);
	check(rd(&vm, QREG(1, STATUS)) & BNN_Q_STATUS_ERR);
	equal(done(&vm, &queue), 0);
	/* No bus mastering. */
	queue = queue_on(&vm, 2, 8);
	pci_write16(&vm, 4, 2);
	submit(&vm, &queue, job(1, 8));
	eventually(10, rd(&vm, BNN_REG_ERROR) & (4u << BNN_ERROR_RING_READ_SHIFT));
	equal(done(&vm, &queue), 0);
	pci_write16(&vm, 4, 6);
	/* The other queue is not disturbed. */
	queue = queue_on(&vm, 3, 8);
	still_works(&vm, &queue, 5);
	vm_quit(&vm);
}

static void test_kill(void)
{
	struct bnn_completion c;
	struct queue queue;
	struct vm vm;
	unsigned i;

	boot(&vm, "");
	queue = queue_on(&vm, 1, 8);
	for (i = 0; i < 10; i++) {
		uint64_t n = queue.tail;

		submit(&vm, &queue, long_job(0x100000000 + i));
		eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 2 && rd(&vm, BNN_REG_RUN_SEQ) == i);
		check(!(rd(&vm, QREG(1, STATUS)) & BNN_Q_STATUS_IDLE));
		wr(&vm, QREG(1, KILL), i + 1); /* another job */
		wr(&vm, QREG(0, KILL), i);     /* another queue */
		usleep(1000);
		equal(done(&vm, &queue), n);
		wr(&vm, QREG(1, KILL), i);
		await(&vm, &queue, n + 1);
		c = slot(&vm, &queue, n);
		equal(c.status, BNN_STATUS_KILLED);
		equal(c.seqno, 0x100000000 + i);
	}
	still_works(&vm, &queue, 99);
	vm_quit(&vm);
}

static void test_timeout(void)
{
	struct queue queue;
	struct bnn_job j;
	struct vm vm;

	boot(&vm, "");
	queue = queue_on(&vm, 1, 8);
	j = long_job(1);
	j.budget = 1;
	submit(&vm, &queue, j);
	await(&vm, &queue, 1);
	equal(slot(&vm, &queue, 0).status, BNN_STATUS_TIMEOUT);
	still_works(&vm, &queue, 2);
	vm_quit(&vm);
}

/* Registers answer while a job runs, and progress is seen. */
static void test_progress(void)
{
	struct queue queue;
	uint32_t before;
	double start, worst = 0;
	struct vm vm;
	unsigned i;

	boot(&vm, "");
	queue = queue_on(&vm, 1, 8);
	submit(&vm, &queue, long_job(1));
	eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 2);
	before = rd(&vm, BNN_REG_PROGRESS);
	eventually(5, rd(&vm, BNN_REG_PROGRESS) != before);
	for (i = 0; i < 2000; i++) {
		start = now();
		wr(&vm, QREG(2, COALESCE), i & 0xff);
		equal(rd(&vm, QREG(2, COALESCE)), i & 0xff);
		worst = now() - start > worst ? now() - start : worst;
	}
	note("slowest write and read while a job ran: %.1f ms", worst * 1e3);
	equal(done(&vm, &queue), 0);
	wr(&vm, QREG(1, KILL), 1);
	await(&vm, &queue, 1);
	vm_quit(&vm);
}

static void test_disable(void)
{
	struct queue queue;
	struct bnn_job j;
	struct vm vm;

	boot(&vm, ",x-slow=2,x-slice=512");
	queue = queue_on(&vm, 1, 8);
	j = job(1, 8);
	j.iterations = 200;
	put_job(&vm, &queue, j);
	put_job(&vm, &queue, job(2, 8));
	ring(&vm, &queue);
	eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 2);
	wr(&vm, QREG(1, CTRL), 0);
	/* The running job ends, the next is not fetched. */
	eventually(20, rd(&vm, QREG(1, STATUS)) == BNN_Q_STATUS_IDLE);
	equal(done(&vm, &queue), 1);
	equal(slot(&vm, &queue, 0).status, BNN_STATUS_OK);
	equal(rd(&vm, QREG(1, HEAD)), 1);
	qom_set(&vm, "x-slow", "0");
	queue = queue_on(&vm, 1, 8);
	still_works(&vm, &queue, 3);
	vm_quit(&vm);
}

/* --- Resets --- */

static void test_soft_reset(void)
{
	struct queue queue;
	uint64_t hash;
	struct vm vm;
	unsigned i;

	boot(&vm, "");
	for (i = 1; i <= 10; i++) {
		wr(&vm, BNN_REG_IRQ_MASK, 0);
		queue = queue_on(&vm, 2, 8);
		submit(&vm, &queue, long_job(40 + i));
		if (i % 2)
			eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 3);
		wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
		equal(rd(&vm, QREG(2, CTRL)), 0);
		equal(rd(&vm, BNN_REG_IRQ_MASK), 0x1f);
		await_reset(&vm);
		hash = hash_ram(&vm);
		equal(rd(&vm, BNN_REG_RESET_STATUS), 0);
		equal(rd(&vm, BNN_REG_RESET_COUNT), i);
		if (i % 2) {
			equal(rd(&vm, BNN_REG_LAST_RUN_QUEUE), 3);
			equal(rd(&vm, BNN_REG_LAST_RUN_SEQ), 40 + i);
		}
		equal(rd(&vm, BNN_REG_RUN_QUEUE), 0);
		equal(rd(&vm, QREG(2, RING_LO)), 0);
		equal(rd(&vm, QREG(2, SIZE)), 0);
		equal(rd(&vm, QREG(2, STATUS)), BNN_Q_STATUS_IDLE);
		usleep(20000);
		equal(hash_ram(&vm), hash);
	}
	wr(&vm, BNN_REG_IRQ_MASK, 0);
	queue = queue_on(&vm, 2, 8);
	still_works(&vm, &queue, 1);
	eventually(5, message(&vm, 3));
	vm_quit(&vm);
}

/* BUSY must be seen by a read right behind the write. */
static void test_reset_busy(void)
{
	struct queue queue;
	unsigned seen = 0, i;
	struct vm vm;

	boot(&vm, "");
	for (i = 0; i < 50; i++) {
		queue = queue_on(&vm, 0, 8);
		submit(&vm, &queue, long_job(1));
		wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
		if (rd(&vm, BNN_REG_RESET_STATUS) & BNN_RESET_STATUS_BUSY)
			seen++;
		else
			equal(rd(&vm, BNN_REG_RESET_COUNT), i + 1); /* or it is over */
		await_reset(&vm);
	}
	note("BUSY seen %u times of %u", seen, i);
	vm_quit(&vm);
}

static void flr(struct vm *vm)
{
	unsigned cap = pci_cap(vm, 0x10);

	pci_write16(vm, cap + 8, pci_read16(vm, cap + 8) | 0x8000);
}

static void test_flr(void)
{
	struct queue queue;
	uint64_t hash;
	struct vm vm;
	unsigned i;

	boot(&vm, "");
	for (i = 0; i < 10; i++) {
		queue = queue_on(&vm, 2, 8);
		wr(&vm, BNN_REG_IRQ_TEST, 1);
		submit(&vm, &queue, long_job(i));
		if (i % 2)
			eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 3);
		flr(&vm);
		hash = hash_ram(&vm);
		equal(pci_read16(&vm, 4) & 7, 0);
		equal(pci_read(&vm, 0x10), 4);
		equal(pci_read16(&vm, pci_cap(&vm, 0x11) + 2) >> 15, 0);
		usleep(20000);
		equal(hash_ram(&vm), hash);
		pci_enable(&vm);
		equal(rd(&vm, BNN_REG_RESET_COUNT), 0);
		equal(rd(&vm, BNN_REG_RESET_STATUS), 0);
		equal(rd(&vm, BNN_REG_IRQ_STATUS), 0);
		equal(rd(&vm, BNN_REG_IRQ_MASK), 0x1f);
		equal(rd(&vm, QREG(2, CTRL)), 0);
		equal(rd(&vm, BNN_REG_RUN_QUEUE), 0);
		msix_on(&vm);
		wr(&vm, BNN_REG_IRQ_MASK, 0);
	}
	queue = queue_on(&vm, 2, 8);
	still_works(&vm, &queue, 1);
	eventually(5, message(&vm, 3));
	/* The whole machine, in the middle of a job. */
	submit(&vm, &queue, long_job(2));
	eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 3);
	qmp(&vm, "{\"execute\":\"system_reset\"}", false);
	eventually(5, (pci_read16(&vm, 4) & 7) == 0);
	pci_enable(&vm);
	equal(rd(&vm, BNN_REG_ID), BNN_RESET_ID);
	equal(rd(&vm, QREG(2, CTRL)), 0);
	vm_quit(&vm);
}

static void test_sleep(void)
{
	struct queue queue;
	struct vm vm;
	unsigned cap;

	boot(&vm, "");
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 1);
	cap = pci_cap(&vm, 1);
	pci_write16(&vm, cap + 4, 3);
	equal(rd(&vm, BNN_REG_ID), 0xffffffff);
	wr(&vm, QREG(0, COALESCE), 9);
	pci_write16(&vm, cap + 4, 0);
	equal(rd(&vm, BNN_REG_ID), BNN_RESET_ID);
	await_reset(&vm);
	equal(rd(&vm, QREG(0, CTRL)), 0);
	equal(rd(&vm, QREG(0, COALESCE)), 0);
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 2);
	vm_quit(&vm);
}

/* --- The virtual machine --- */

static void test_stop(void)
{
	struct queue queue;
	uint64_t hash;
	struct vm vm;
	unsigned i;

	boot(&vm, "");
	queue = queue_on(&vm, 0, 8);
	submit(&vm, &queue, long_job(1));
	for (i = 0; i < 20; i++) {
		uint32_t progress;

		qmp(&vm, "{\"execute\":\"stop\"}", false);
		hash = i % 5 ? 0 : hash_ram(&vm);
		progress = rd(&vm, BNN_REG_PROGRESS);
		usleep(3000);
		equal(rd(&vm, BNN_REG_PROGRESS), progress);
		if (i % 5 == 0)
			equal(hash_ram(&vm), hash);
		qmp(&vm, "{\"execute\":\"cont\"}", false);
		eventually(5, rd(&vm, BNN_REG_PROGRESS) != progress);
	}
	/* A doorbell while stopped waits. */
	wr(&vm, QREG(0, KILL), 1);
	await(&vm, &queue, 1);
	qmp(&vm, "{\"execute\":\"stop\"}", false);
	submit(&vm, &queue, job(2, 8));
	equal(rd(&vm, QREG(0, TAIL)), 2);
	usleep(50000);
	equal(done(&vm, &queue), 1);
	qmp(&vm, "{\"execute\":\"cont\"}", false);
	await(&vm, &queue, 2);
	vm_quit(&vm);
}

static const char *state_file(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", opt.dir, name);
	return path;
}

static void migrate_out(struct vm *vm, const char *file)
{
	char command[1024];

	qmp(vm, "{\"execute\":\"stop\"}", false);
	snprintf(command, sizeof(command), "{\"execute\":\"migrate\",\"arguments\":"
		 "{\"uri\":\"exec:cat > '%s'\"}}", file);
	qmp(vm, command, false);
	eventually(10, !strstr(qmp(vm, "{\"execute\":\"query-migrate\"}", false),
			       "\"active\""));
	eventually(10, strstr(qmp(vm, "{\"execute\":\"query-migrate\"}", false),
			      "\"completed\""));
}

static void migrate_in(struct vm *vm, const char *file, const char *props)
{
	char args[1024], command[1024];

	snprintf(args, sizeof(args), "-incoming defer");
	vm_start(vm, NULL, props, args);
	snprintf(command, sizeof(command), "{\"execute\":\"migrate-incoming\","
		 "\"arguments\":{\"uri\":\"exec:cat '%s'\"}}", file);
	qmp(vm, command, false);
}

static void test_migrate(void)
{
	const char *file = state_file("state");
	const char *props = ",x-slow=5,x-slice=1024";
	struct queue queue[2];
	struct bnn_job j;
	unsigned i, before, hops = 0;
	struct vm vm, next;

	boot(&vm, props);
	wr(&vm, BNN_REG_IRQ_MASK, 0x1c);
	queue[0] = queue_on(&vm, 0, 16);
	queue[1] = queue_on(&vm, 1, 8);
	for (i = 0; i < 12; i++) {
		j = job(i, 8);
		j.iterations = 60;
		put_job(&vm, &queue[0], j);
	}
	ring(&vm, &queue[0]);
	eventually(20, done(&vm, &queue[0]) >= 2);
	wr(&vm, BNN_REG_IRQ_TEST, 0x10);
	while (done(&vm, &queue[0]) < 12 && hops < 3) {
		migrate_out(&vm, file);
		before = done(&vm, &queue[0]);
		vm_quit(&vm);
		migrate_in(&next, file, hops < 2 ? props : "");
		eventually(10, !strstr(qmp(&next, "{\"execute\":\"query-status\"}", false),
				       "inmigrate"));
		vm = next;
		hops++;
		equal(done(&vm, &queue[0]), before);
		equal(rd(&vm, QREG(0, TAIL)), 12);
		equal(rd(&vm, QREG(0, SIZE)), 16);
		equal(rd(&vm, QREG(1, RING_LO)), RING(1));
		equal(rd(&vm, BNN_REG_IRQ_MASK), 0x1c);
		check(rd(&vm, BNN_REG_IRQ_STATUS) & 0x10);
		usleep(20000);
		equal(done(&vm, &queue[0]), before);
		qmp(&vm, "{\"execute\":\"cont\"}", false);
		eventually(20, done(&vm, &queue[0]) > before);
	}
	note("%u migrations in the middle of the queue", hops);
	check(hops >= 2);
	await(&vm, &queue[0], 12);
	for (i = 0; i < 12; i++) {
		struct bnn_completion c = slot(&vm, &queue[0], i);

		equal(c.seqno, i);
		equal(c.status, BNN_STATUS_OK);
		equal(c.counters[BNN_COUNTER_COMMANDS], 480);
	}
	eventually(5, message(&vm, 1));
	vm_quit(&vm);
}

static void wait_job(struct vm *vm, const char *id)
{
	char command[128];
	const char *reply;

	do {
		nap();
		reply = qmp(vm, "{\"execute\":\"query-jobs\"}", false);
	} while (!strstr(reply, "concluded"));
	if (strstr(reply, "\"error\""))
		fail("job %s: %s", id, reply);
	snprintf(command, sizeof(command),
		 "{\"execute\":\"job-dismiss\",\"arguments\":{\"id\":\"%s\"}}", id);
	qmp(vm, command, false);
}

/* Back to a snapshot in the same QEMU, while another job runs. */
static void test_snapshot(void)
{
	const char *file = state_file("disk.qcow2");
	char command[1024];
	struct queue queue, old;
	struct bnn_job j;
	uint64_t before;
	unsigned i;
	struct vm vm;
	FILE *f = fopen(file, "w");

	check(f);
	fclose(f);
	boot(&vm, ",x-slice=1024");
	snprintf(command, sizeof(command), "{\"execute\":\"blockdev-add\",\"arguments\":"
		 "{\"driver\":\"file\",\"node-name\":\"f0\",\"filename\":\"%s\"}}", file);
	qmp(&vm, command, false);
	qmp(&vm, "{\"execute\":\"blockdev-create\",\"arguments\":{\"job-id\":\"c\",\"options\":"
	    "{\"driver\":\"qcow2\",\"file\":\"f0\",\"size\":1048576}}}", false);
	wait_job(&vm, "c");
	qmp(&vm, "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"qcow2\","
	    "\"node-name\":\"q0\",\"file\":\"f0\"}}", false);
	queue = queue_on(&vm, 0, 8);
	qom_set(&vm, "x-slow", "20");
	for (i = 0; i < 6; i++) {
		j = job(i, 8);
		j.iterations = 60;
		put_job(&vm, &queue, j);
	}
	ring(&vm, &queue);
	eventually(20, done(&vm, &queue) >= 1);
	qmp(&vm, "{\"execute\":\"snapshot-save\",\"arguments\":{\"job-id\":\"s\",\"tag\":\"t\","
	    "\"vmstate\":\"q0\",\"devices\":[\"q0\"]}}", false);
	wait_job(&vm, "s");
	check(done(&vm, &queue) < 6);
	qom_set(&vm, "x-slow", "0");
	old = queue;
	for (i = 0; i < 3; i++) {
		queue = old;
		await(&vm, &queue, 6);
		still_works(&vm, &queue, 99);
		submit(&vm, &queue, long_job(100));
		qom_set(&vm, "x-slow", "5");
		qmp(&vm, "{\"execute\":\"snapshot-load\",\"arguments\":{\"job-id\":\"l\","
		    "\"tag\":\"t\",\"vmstate\":\"q0\",\"devices\":[\"q0\"]}}", false);
		wait_job(&vm, "l");
		before = done(&vm, &old);
		check(before < 6);
		equal(rd(&vm, QREG(0, TAIL)), 6);
		equal(rd(&vm, QREG(0, RING_LO)), RING(0));
		qom_set(&vm, "x-slow", "0");
	}
	queue = old;
	await(&vm, &queue, 6);
	for (i = 0; i < 6; i++) {
		equal(slot(&vm, &queue, i).seqno, i);
		equal(slot(&vm, &queue, i).status, BNN_STATUS_OK);
		equal(slot(&vm, &queue, i).counters[BNN_COUNTER_COMMANDS], 480);
	}
	vm_quit(&vm);
}

/* Whether QEMU took it. It may end with an error, but not by a signal. */
static bool load_damaged(const char *file, size_t pos)
{
	bool loaded = false;
	struct vm vm;
	int status;

	migrate_in(&vm, file, "");
	vm.qmp.may_close = true;
	for (;;) {
		const char *reply = qmp(&vm, "{\"execute\":\"query-status\"}", true);

		if (!reply)
			break;
		if (!strstr(reply, "inmigrate")) {
			loaded = true;
			qmp(&vm, "{\"execute\":\"cont\"}", true);
			usleep(20000);
			qmp(&vm, "{\"execute\":\"quit\"}", true);
			break;
		}
		usleep(2000);
	}
	status = vm_wait(&vm, 20);
	if (WIFSIGNALED(status))
		fail("byte %zu: QEMU died of signal %d", pos, WTERMSIG(status));
	close(vm.qtest.fd);
	close(vm.qmp.fd);
	return loaded;
}

/* Damaged state may be refused, but must not kill QEMU by a signal. */
static void test_migrate_damaged(void)
{
	const char *file = state_file("damaged");
	static char data[64 << 20];
	struct queue queue;
	unsigned refused = 0, i;
	struct vm vm;
	size_t len, at;
	FILE *f;

	boot(&vm, "");
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 1);
	migrate_out(&vm, file);
	vm_quit(&vm);
	f = fopen(file, "rb");
	check(f);
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	for (at = 0; at + 8 < len && memcmp(data + at, "bnnaccel", 8); at++)
		;
	for (; at + 8 < len && memcmp(data + at, opt.core, strlen(opt.core) + 1); at++)
		;
	check(at + 1024 < len);
	srand(1);
	for (i = 0; i < 16; i++) {
		/* name of the core, IRQ_STATUS, IRQ_MASK, size of the core's state */
		static const size_t sure[] = { 1, 16, 20, 417 };
		size_t pos = at + (i < 4 ? sure[i] : rand() % (i < 8 ? 800u : 4000u));
		char saved;

		pos = pos < len ? pos : len - 1;
		saved = data[pos];
		data[pos] ^= 1 + rand() % 255;
		f = fopen(file, "wb");
		check(f && fwrite(data, 1, len, f) == len);
		fclose(f);
		data[pos] = saved;
		if (!load_damaged(file, pos - at))
			refused++;
		else if (i < 4)
			fail("damaged byte %zu was believed", pos - at);
	}
	note("%u of %u damaged states refused", refused, i);
}

/* --- Rough treatment --- */

static void test_fuzz(void)
{
	enum { OPS = 100000, BATCH = 200 };
	static char text[BATCH * 64];
	struct queue queue;
	double start;
	struct vm vm;
	unsigned n, i;

	boot(&vm, "");
	srand(20240607);
	start = now();
	for (n = 0; n < OPS; n += BATCH) {
		char *p = text;

		for (i = 0; i < BATCH; i++) {
			static const char *const sizes = "bwlq";
			unsigned offset = rand() % 8 ? rand() % 0x1400 : rand() % 0x10000;
			unsigned value = rand() % 3 ? rand() % 0x400u : rand() * 2u;
			char size = rand() % 16 ? 'l' : sizes[rand() % 4];

			if (size == 'l')
				offset &= ~3u;
			if (rand() % 3 == 0)
				offset = QREG(rand() % 4, RING_LO) + (rand() % 11) * 4;
			if (rand() % 2)
				p += sprintf(p, "read%c 0x%x\n", size, BAR0 + offset);
			else
				p += sprintf(p, "write%c 0x%x 0x%x\n", size, BAR0 + offset,
					     value);
		}
		qtest_many(&vm, text, BATCH);
	}
	note("%d accesses in %.2f s", OPS, now() - start);
	equal(rd(&vm, BNN_REG_ID), BNN_RESET_ID);
	wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
	await_reset(&vm);
	wr(&vm, BNN_REG_IRQ_STATUS, 0x1f);
	wr(&vm, BNN_REG_IRQ_MASK, 0);
	page_tables(&vm);
	commands(&vm);
	regions(&vm);
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 1);
	vm_quit(&vm);
}

/* Rings, tables and commands full of noise. */
static void test_noise(void)
{
	struct queue queue;
	static uint8_t noise[16384];
	struct vm vm;
	unsigned i, k;

	boot(&vm, "");
	srand(77);
	for (i = 0; i < 60; i++) {
		uint64_t n;

		if (i % 10 == 0) {
			wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
			await_reset(&vm);
			queue = queue_on(&vm, 0, 8);
		}
		for (k = 0; k < sizeof(noise); k++)
			noise[k] = rand();
		switch (i % 4) {
		case 0: /* the entry */
			mem_put(&vm, RING(0) + queue.tail % 8 * 64, noise, 64);
			break;
		case 1: /* behind a sound one: regions */
			mem_put(&vm, REGIONS, noise, 32);
			break;
		case 2:
			mem_put(&vm, COMMANDS, noise, 16384);
			break;
		case 3:
			mem_put(&vm, LEAF, noise, 4096);
			break;
		}
		n = done(&vm, &queue);
		if (i % 4)
			submit(&vm, &queue, job(i, 8));
		else
			wr(&vm, QREG(0, TAIL), ++queue.tail);
		await(&vm, &queue, n + 1);
		page_tables(&vm);
		commands(&vm);
		regions(&vm);
		wr(&vm, BNN_REG_MMU_INV, 0);
		eventually(5, !rd(&vm, BNN_REG_MMU_INV_STATUS));
		still_works(&vm, &queue, 1000 + i);
	}
	vm_quit(&vm);
}

#define VTD 0xfed90000u

static void test_iommu(void)
{
	/* mov word [0x700], 0x1234; hlt; jmp */
	static const uint8_t handler[] = { 0xc7, 6, 0, 7, 0x34, 0x12, 0xf4, 0xeb, 0xfd };
	static const uint16_t vector[] = { 0x600, 0 };
	struct queue queue;
	struct vm vm;

	boot_with(&vm, "", "-device intel-iommu");
	/* Off: addresses pass. */
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 1);
	/*
	 * On, with empty tables: every access faults inside the DMA call and
	 * VT-d raises its own interrupt from there.
	 */
	mem_set(&vm, 0x400000, 0, 4096);
	mem_put(&vm, 8, vector, sizeof(vector));
	mem_put(&vm, 0x600, handler, sizeof(handler));
	qtest(&vm, "writel 0x%x 0x400", VTD + 0x3c); /* NMI */
	qtest(&vm, "writel 0x%x 0xfee00000", VTD + 0x40);
	qtest(&vm, "writel 0x%x 0", VTD + 0x44);
	qtest(&vm, "writel 0x%x 0", VTD + 0x38);
	qtest(&vm, "writeq 0x%x 0x400000", VTD + 0x20);
	qtest(&vm, "writel 0x%x 0x40000000", VTD + 0x18);
	qtest(&vm, "writel 0x%x 0x80000000", VTD + 0x18);
	check(mem32(&vm, VTD + 0x1c) & 0x80000000);
	submit(&vm, &queue, job(2, 8));
	eventually(10, rd(&vm, BNN_REG_ERROR) & (1u << BNN_ERROR_RING_READ_SHIFT));
	eventually(5, mem32(&vm, 0x700) == 0x1234);
	check(mem32(&vm, VTD + 0x34) & 2); /* the fault is recorded */
	equal(done(&vm, &queue), 1);
	/* Off again. */
	qtest(&vm, "writel 0x%x 0", VTD + 0x18);
	wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
	await_reset(&vm);
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 3);
	vm_quit(&vm);
}

/* Power off the slot while a job runs: unrealize must not wait for DMA. */
static void test_unplug(void)
{
	struct queue queue;
	unsigned cap, i;
	struct vm vm;

	for (i = 0; i < 5; i++) {
		vm_start(&vm, "bnnaccel,id=bnn,bus=rp,addr=0.0", "",
			 "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
			 "-device pcie-root-port,id=rp,addr=4.0,chassis=1,slot=1");
		pci_write(&vm, 0x18, 0x00010100);
		pci_write(&vm, 0x20, (BAR0 + 0x100000) | BAR0 >> 16); /* window */
		pci_write16(&vm, 4, 6);
		vm.bus = 1;
		vm.dev = 0;
		equal(pci_read(&vm, 0), ID_WORD);
		pci_enable(&vm);
		msix_on(&vm);
		page_tables(&vm);
		commands(&vm);
		regions(&vm);
		wr(&vm, BNN_REG_IRQ_MASK, 0);
		queue = queue_on(&vm, 0, 8);
		still_works(&vm, &queue, 1);
		eventually(5, message(&vm, 1));
		submit(&vm, &queue, long_job(2));
		if (i % 2)
			eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 1);
		vm.bus = 0;
		vm.dev = 4;
		cap = pci_cap(&vm, 0x10);
		check(cap);
		pci_write16(&vm, cap + 0x18, 0x0700); /* power and indicator off */
		vm.bus = 1;
		vm.dev = 0;
		equal(pci_read(&vm, 0), 0xffffffff);
		check(strstr(qmp(&vm, "{\"execute\":\"qom-list\",\"arguments\":"
				 "{\"path\":\"/machine/peripheral\"}}", false), "\"bnn\"") == NULL);
		vm_quit(&vm);
	}
}

/* --- Injected faults --- */

static void test_inject_dma(void)
{
	struct queue queue;
	struct vm vm;

	boot(&vm, "");
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 1);
	qom_set(&vm, "x-fail-dma-read", "1"); /* the ring entry */
	submit(&vm, &queue, job(2, 8));
	eventually(10, rd(&vm, BNN_REG_ERROR) & (1u << BNN_ERROR_RING_READ_SHIFT));
	wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
	await_reset(&vm);
	queue = queue_on(&vm, 0, 8);
	qom_set(&vm, "x-fail-dma-read", "3");
	submit(&vm, &queue, job(3, 8));
	await(&vm, &queue, 1);
	equal(slot(&vm, &queue, 0).status, BNN_STATUS_BUS_ERROR);
	still_works(&vm, &queue, 4);
	wr(&vm, BNN_REG_ERROR, 0xffffffff);
	qom_set(&vm, "x-fail-dma-write", "1"); /* the completion */
	submit(&vm, &queue, job(5, 8));
	eventually(10, rd(&vm, BNN_REG_ERROR) & (1u << BNN_ERROR_RING_READ_SHIFT));
	wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
	await_reset(&vm);
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 6);
	vm_quit(&vm);
}

static void test_inject_irq(void)
{
	struct queue queue;
	struct vm vm;

	boot(&vm, "");
	queue = queue_on(&vm, 0, 8);
	qom_set(&vm, "x-lost-irq", "1");
	still_works(&vm, &queue, 1);
	eventually(5, rd(&vm, BNN_REG_IRQ_STATUS) == 2);
	usleep(20000);
	check(!message(&vm, 1));
	still_works(&vm, &queue, 2);
	eventually(5, message(&vm, 1));
	vm_quit(&vm);
}

static void test_inject_hang(void)
{
	struct queue queue;
	struct vm vm;

	boot(&vm, ",x-hang=2");
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 1);
	submit(&vm, &queue, job(2, 8));
	usleep(100000);
	equal(done(&vm, &queue), 1);
	equal(rd(&vm, BNN_REG_RUN_SEQ), 2);
	wr(&vm, QREG(0, KILL), 2);
	await(&vm, &queue, 2);
	equal(slot(&vm, &queue, 1).status, BNN_STATUS_KILLED);
	still_works(&vm, &queue, 3);
	qom_set(&vm, "x-hang", "1");
	submit(&vm, &queue, job(4, 8));
	usleep(50000);
	equal(done(&vm, &queue), 3);
	wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
	await_reset(&vm);
	equal(rd(&vm, BNN_REG_LAST_RUN_SEQ), 4);
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 5);
	vm_quit(&vm);
}

static void test_inject_lies(void)
{
	struct queue queue;
	struct vm vm;

	boot(&vm, "");
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 1);
	qom_set(&vm, "x-done-lie", "1000");
	qom_set(&vm, "x-seqno-lie", "5");
	qom_set(&vm, "x-status-lie", "4294967295");
	submit(&vm, &queue, job(2, 8));
	await(&vm, &queue, 1002);
	equal(slot(&vm, &queue, 1).seqno, 7);
	equal(slot(&vm, &queue, 1).status, 0xffffffff);
	qom_set(&vm, "x-done-lie", "0");
	qom_set(&vm, "x-seqno-lie", "0");
	qom_set(&vm, "x-status-lie", "0");
	submit(&vm, &queue, job(3, 8));
	await(&vm, &queue, 3);
	equal(slot(&vm, &queue, 2).status, BNN_STATUS_OK);
	vm_quit(&vm);
}

static void test_inject_gone(void)
{
	struct queue queue;
	struct vm vm;

	boot(&vm, "");
	queue = queue_on(&vm, 0, 8);
	submit(&vm, &queue, long_job(1));
	eventually(5, rd(&vm, BNN_REG_RUN_QUEUE) == 1);
	qom_set(&vm, "x-gone", "true");
	equal(rd(&vm, BNN_REG_ID), 0xffffffff);
	equal(pci_read(&vm, 0), 0xffffffff);
	wr(&vm, BNN_REG_IRQ_TEST, 0x10);
	check(!message(&vm, 4));
	qom_set(&vm, "x-gone", "false");
	equal(rd(&vm, BNN_REG_ID), BNN_RESET_ID);
	equal(rd(&vm, BNN_REG_IRQ_STATUS) & 0x10, 0);
	vm_quit(&vm);
}

static void test_inject_stuck(void)
{
	struct queue queue;
	struct vm vm;

	boot(&vm, ",x-stuck-reset=on");
	equal(rd(&vm, BNN_REG_RESET_STATUS), 0);
	wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
	await_reset(&vm);
	equal(rd(&vm, BNN_REG_RESET_STATUS), BNN_RESET_STATUS_STUCK);
	qom_set(&vm, "x-stuck-reset", "false");
	flr(&vm);
	pci_enable(&vm);
	equal(rd(&vm, BNN_REG_RESET_STATUS), 0);
	wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
	await_reset(&vm);
	equal(rd(&vm, BNN_REG_RESET_STATUS), 0);
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 1);
	vm_quit(&vm);
}

static void test_trace(void)
{
	static const char *const wanted[] = {
		"\"ev\":\"write\",\"reg\":\"Q_TAIL\"", "\"ev\":\"job\",\"queue\":0,\"seqno\":9,",
		"\"ev\":\"fetch\",\"queue\":0,\"seqno\":9,", "\"ev\":\"done\"", "\"ev\":\"irq\",\"vector\":1", "\"kind\":\"soft\"",
		"\"kind\":\"function\"", "\"ev\":\"dma-error\"", "\"ev\":\"vm\"",
	};
	static char text[1 << 20];
	const char *file = state_file("trace");
	char props[600];
	struct queue queue;
	struct vm vm;
	unsigned i;
	FILE *f;

	snprintf(props, sizeof(props), ",x-trace=%s", file);
	boot(&vm, props);
	queue = queue_on(&vm, 0, 8);
	still_works(&vm, &queue, 9);
	qom_set(&vm, "x-fail-dma-read", "1");
	submit(&vm, &queue, job(10, 8));
	eventually(10, rd(&vm, BNN_REG_ERROR));
	wr(&vm, BNN_REG_CTRL, BNN_CTRL_RESET);
	await_reset(&vm);
	flr(&vm);
	vm_quit(&vm);
	f = fopen(file, "r");
	check(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(text, wanted[i]))
			fail("not in the trace: %s", wanted[i]);
}

/* --- Harness --- */

static const struct test {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "identity", test_identity },
	{ "properties", test_properties },
	{ "bus-switches", test_bus_switches },
	{ "registers", test_registers },
	{ "queue-enable", test_queue_enable },
	{ "invalidate", test_invalidate },
	{ "counters", test_counters },
	{ "msix", test_msix },
	{ "msi", test_msi },
	{ "job", test_job },
	{ "ring-wrap", test_ring_wrap },
	{ "bad-entry", test_bad_entry },
	{ "faults", test_faults },
	{ "ring-faults", test_ring_faults },
	{ "kill", test_kill },
	{ "timeout", test_timeout },
	{ "progress", test_progress },
	{ "disable", test_disable },
	{ "soft-reset", test_soft_reset },
	{ "reset-busy", test_reset_busy },
	{ "flr", test_flr },
	{ "sleep", test_sleep },
	{ "stop", test_stop },
	{ "migrate", test_migrate },
	{ "snapshot", test_snapshot },
	{ "migrate-damaged", test_migrate_damaged },
	{ "fuzz", test_fuzz },
	{ "noise", test_noise },
	{ "iommu", test_iommu },
	{ "unplug", test_unplug },
	{ "inject-dma", test_inject_dma },
	{ "inject-irq", test_inject_irq },
	{ "inject-hang", test_inject_hang },
	{ "inject-lies", test_inject_lies },
	{ "inject-gone", test_inject_gone },
	{ "inject-stuck", test_inject_stuck },
	{ "trace", test_trace },
};
#define TESTS (sizeof(tests) / sizeof(tests[0]))

static bool chosen(const char *name, char **filters)
{
	if (!*filters)
		return true;
	for (; *filters; filters++)
		if (!strcmp(name, *filters))
			return true;
	return false;
}

static void remove_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[1024];

	while (d && (e = readdir(d))) {
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		unlink(name);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

/* Where the device looks for the core: beside the plugin, or in ../lib. */
static bool core_exists(void)
{
	char here[1024], path[1200];
	char *slash;

	if (opt.core_path)
		return access(opt.core_path, R_OK) == 0;
	snprintf(here, sizeof(here), "%s", opt.plugin);
	slash = strrchr(here, '/');
	*slash = 0;
	snprintf(path, sizeof(path), "%s/libbnnaccel-%s.so", here, opt.core);
	if (access(path, R_OK) == 0)
		return true;
	snprintf(path, sizeof(path), "%s/../lib/libbnnaccel-%s.so", here, opt.core);
	return access(path, R_OK) == 0;
}

/* What QEMU said, if the test failed. */
static void show_stderr(void)
{
	FILE *f = fopen(state_file("stderr"), "r");
	char text[512];
	unsigned n = 0;

	while (f && n++ < 40 && fgets(text, sizeof(text), f))
		printf("# qemu: %s", text);
	if (f)
		fclose(f);
}

static int run_one(const struct test *test, unsigned limit)
{
	int status;
	pid_t pid;

	unlink(state_file("stderr"));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(limit);
		test->run();
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	if (WIFSIGNALED(status)) {
		printf("# ended by signal %d%s\n", WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? ": took too long" : "");
		return 1;
	}
	return WEXITSTATUS(status);
}

static void usage(void)
{
	fprintf(stderr, "usage: qtest-bnnaccel --plugin FILE.so [--core model|rtl|both] "
		"[--core-path FILE.so] [--qemu PROGRAM] [--list] [TEST]...\n");
	exit(2);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/qtest-bnnaccel-XXXXXX";
	char plugin[1024];
	unsigned i, n = 0, failed = 0, total = 0;
	char **filters;
	int k;

	if (getenv("QEMU") && *getenv("QEMU"))
		opt.qemu = getenv("QEMU");
	for (k = 1; k < argc && argv[k][0] == '-'; k++) {
		const char **into = !strcmp(argv[k], "--plugin") ? &opt.plugin :
				    !strcmp(argv[k], "--core") ? &opt.core :
				    !strcmp(argv[k], "--core-path") ? &opt.core_path :
				    !strcmp(argv[k], "--qemu") ? &opt.qemu : NULL;

		if (!strcmp(argv[k], "--list")) {
			for (i = 0; i < TESTS; i++)
				puts(tests[i].name);
			return 0;
		}
		if (!into || k + 1 == argc)
			usage();
		*into = argv[++k];
	}
	filters = argv + k;
	if (!opt.plugin)
		usage();
	if (!strchr(opt.plugin, '/')) {
		snprintf(plugin, sizeof(plugin), "./%s", opt.plugin);
		opt.plugin = plugin;
	}
	opt.patience = strcmp(opt.core, "rtl") ? 2 : 20;
	if (!core_exists()) {
		printf("1..0 # SKIP the library of core '%s' has not been built\n", opt.core);
		return 0;
	}
	if (!mkdtemp(dir)) {
		fprintf(stderr, "%s: %s\n", dir, strerror(errno));
		return 2;
	}
	opt.dir = dir;
	for (i = 0; i < TESTS; i++)
		total += chosen(tests[i].name, filters);
	printf("TAP version 13\n1..%u\n", total);
	for (i = 0; i < TESTS; i++) {
		double start = now();
		int status;

		if (!chosen(tests[i].name, filters))
			continue;
		status = run_one(&tests[i], 60 * opt.patience);
		printf("%s %u - %s %s # %.2f s%s\n", status && status != 77 ? "not ok" : "ok",
		       ++n, opt.core, tests[i].name, now() - start,
		       status == 77 ? " SKIP" : "");
		if (status && status != 77)
			show_stderr();
		failed += status && status != 77;
	}
	remove_dir(dir);
	if (failed || !n)
		printf("# %u of %u failed\n", failed, n);
	return failed || !n;
}
