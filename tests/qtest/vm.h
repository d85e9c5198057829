/* SPDX-License-Identifier: MIT */
/*
 * A QEMU without a guest: its processor is halted, and the test plays the
 * guest through the qtest protocol. No QEMU header or library is needed.
 */
#ifndef QTEST_VM_H
#define QTEST_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BAR0 0xe0000000u
#define BAR2 0xe0100000u
#define RAM_SIZE 0x4000000u

struct stream {
	int fd;
	bool may_close; /* QEMU may end: qmp() then returns NULL */
	char buf[65536];
	size_t len;
};

struct vm {
	pid_t pid;
	struct stream qtest, qmp;
	unsigned bus, dev; /* where the accelerator is */
};

struct options {
	const char *qemu, *plugin, *core, *core_path, *dir;
	unsigned patience; /* factor for waits: the RTL is slow */
};
extern struct options opt;

/* Ends the test. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define check(condition) \
	do { \
		if (!(condition)) \
			fail("%s:%d: %s", __func__, __LINE__, #condition); \
	} while (0)
#define equal(got, want) \
	do { \
		unsigned long long g_ = (got), w_ = (want); \
		if (g_ != w_) \
			fail("%s:%d: %s is 0x%llx, not 0x%llx", __func__, __LINE__, \
			     #got, g_, w_); \
	} while (0)
/* Repeats until the condition holds, for at most `seconds` times patience. */
#define eventually(seconds, condition) \
	do { \
		double end_ = now() + (seconds) * opt.patience; \
		while (!(condition)) { \
			if (now() > end_) \
				fail("%s:%d: never: %s", __func__, __LINE__, #condition); \
			nap(); \
		} \
	} while (0)

double now(void);
void nap(void);

/*
 * Starts QEMU with the device (props: ",key=value..." or "") and further
 * arguments, separated by spaces, before -device. Where device is NULL it is
 * "bnnaccel,id=bnn,addr=4.0".
 */
void vm_start(struct vm *vm, const char *device, const char *props, const char *args);
/* The same without QMP and qtest; returns the exit status, output in text. */
int vm_try(const char *props, char *text, size_t len);
void vm_quit(struct vm *vm);
/* Expects that QEMU still lives and ends when asked to. */
bool vm_alive(struct vm *vm);
/* Waits for the end; returns the status of waitpid(). */
int vm_wait(struct vm *vm, double seconds);

/* One command; the reply's line without "OK ". */
const char *qtest(struct vm *vm, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Many at once, each ending with a newline; their replies are dropped. */
void qtest_many(struct vm *vm, const char *commands, unsigned count);
/* Sends a QMP command; returns the reply; fails on an error unless may_fail. */
const char *qmp(struct vm *vm, const char *command, bool may_fail);
void qom_set(struct vm *vm, const char *property, const char *value);

uint32_t pci_read(struct vm *vm, unsigned offset);
uint16_t pci_read16(struct vm *vm, unsigned offset);
uint8_t pci_read8(struct vm *vm, unsigned offset);
void pci_write(struct vm *vm, unsigned offset, uint32_t value);
void pci_write16(struct vm *vm, unsigned offset, uint16_t value);
/* Offset of a capability; 0 if absent. */
unsigned pci_cap(struct vm *vm, unsigned id);
/* Places the BARs and enables memory and bus mastering. */
void pci_enable(struct vm *vm);

uint32_t rd(struct vm *vm, uint32_t reg);
void wr(struct vm *vm, uint32_t reg, uint32_t value);
uint32_t mem32(struct vm *vm, uint64_t addr);
uint64_t mem64(struct vm *vm, uint64_t addr);
void mem_put(struct vm *vm, uint64_t addr, const void *data, size_t len);
void mem_get(struct vm *vm, uint64_t addr, void *data, size_t len);
void mem_set(struct vm *vm, uint64_t addr, uint8_t value, size_t len);

#endif
