/* SPDX-License-Identifier: MIT */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPLY_SECONDS 20

struct options opt = { .qemu = "qemu-system-x86_64", .core = "model", .patience = 1 };

static void say(const char *what, const char *format, va_list args)
{
	fputs(what, stdout);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
}

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("# ", format, args);
	va_end(args);
	exit(1);
}

void skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("# skipped: ", format, args);
	va_end(args);
	exit(77);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("# ", format, args);
	va_end(args);
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

void nap(void)
{
	usleep(200);
}

/* --- Processes --- */

static const char *bios(void)
{
	static char path[512];
	static const unsigned char halt[] = { 0xfa, 0xf4, 0xeb, 0xfd }; /* cli; hlt; jmp */
	static unsigned char image[65536];
	int fd;

	snprintf(path, sizeof(path), "%s/halt.bin", opt.dir);
	if (access(path, R_OK) == 0)
		return path;
	memcpy(image + sizeof(image) - 16, halt, sizeof(halt));
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	if (fd < 0 || write(fd, image, sizeof(image)) != (ssize_t)sizeof(image))
		fail("%s: %s", path, strerror(errno));
	close(fd);
	return path;
}

struct arguments {
	char *argv[96];
	int argc;
};

static void add(struct arguments *a, const char *format, ...)
{
	va_list args;

	if (a->argc == 94)
		fail("too many arguments");
	va_start(args, format);
	if (vasprintf(&a->argv[a->argc++], format, args) < 0)
		fail("out of memory");
	va_end(args);
	a->argv[a->argc] = NULL;
}

static void common(struct arguments *a)
{
	a->argc = 0;
	add(a, "%s", opt.qemu);
	add(a, "-accel");
	add(a, "tcg");
	add(a, "-machine");
	add(a, "q35");
	add(a, "-m");
	add(a, "%u", RAM_SIZE >> 20);
	add(a, "-nodefaults");
	add(a, "-display");
	add(a, "none");
	add(a, "-bios");
	add(a, "%s", bios());
	add(a, "-plugin");
	add(a, "%s", opt.plugin);
}

static void add_device(struct arguments *a, const char *device, const char *props)
{
	add(a, "-device");
	if (opt.core_path)
		add(a, "%s,core=%s,%s=%s%s", device ? device : "bnnaccel,id=bnn,addr=4.0",
		    opt.core, opt.core, opt.core_path, props);
	else
		add(a, "%s,core=%s%s", device ? device : "bnnaccel,id=bnn,addr=4.0",
		    opt.core, props);
}

static pid_t spawn(struct arguments *a, int out)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		if (out < 0) {
			char path[512];

			snprintf(path, sizeof(path), "%s/stderr", opt.dir);
			out = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
		}
		dup2(out, 1);
		dup2(out, 2);
		execvp(a->argv[0], a->argv);
		dprintf(2, "%s: %s\n", a->argv[0], strerror(errno));
		_exit(127);
	}
	while (a->argc > 0)
		free(a->argv[--a->argc]);
	return pid;
}

int vm_wait(struct vm *vm, double seconds)
{
	double end = now() + seconds;
	int status;

	while (waitpid(vm->pid, &status, WNOHANG) == 0) {
		if (now() > end) {
			kill(vm->pid, SIGKILL);
			waitpid(vm->pid, &status, 0);
			fail("QEMU did not end within %.0f s", seconds);
		}
		usleep(2000);
	}
	vm->pid = 0;
	return status;
}

static char *line(struct stream *s, double seconds)
{
	static char text[65536];
	double end = now() + seconds;

	for (;;) {
		char *nl = memchr(s->buf, '\n', s->len);
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		ssize_t n;

		if (nl) {
			size_t len = nl - s->buf;

			memcpy(text, s->buf, len);
			text[len] = 0;
			s->len -= len + 1;
			memmove(s->buf, nl + 1, s->len);
			return text;
		}
		if (s->len == sizeof(s->buf))
			fail("overlong line from QEMU");
		if (now() > end)
			return NULL;
		if (poll(&p, 1, 50) <= 0)
			continue;
		n = read(s->fd, s->buf + s->len, sizeof(s->buf) - s->len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0 && s->may_close)
			return NULL;
		if (n <= 0)
			fail("QEMU closed the connection: it has died");
		s->len += n;
	}
}

static void put(struct stream *s, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(s->fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && s->may_close)
			return;
		if (n <= 0)
			fail("QEMU closed the connection: it has died");
		text += n;
		len -= n;
	}
}

void vm_start(struct vm *vm, const char *device, const char *props, const char *args)
{
	struct arguments a;
	int qt[2], qm[2];
	char *copy = strdup(args), *word;

	memset(vm, 0, sizeof(*vm));
	vm->dev = 4;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, qt) || socketpair(AF_UNIX, SOCK_STREAM, 0, qm))
		fail("socketpair: %s", strerror(errno));
	fcntl(qt[0], F_SETFD, FD_CLOEXEC);
	fcntl(qm[0], F_SETFD, FD_CLOEXEC);
	common(&a);
	add(&a, "-chardev");
	add(&a, "socket,id=qt,fd=%d", qt[1]);
	add(&a, "-object");
	add(&a, "qtest,id=q0,chardev=qt,log=/dev/null");
	add(&a, "-chardev");
	add(&a, "socket,id=qm,fd=%d", qm[1]);
	add(&a, "-mon");
	add(&a, "chardev=qm,mode=control");
	for (word = strtok(copy, " "); word; word = strtok(NULL, " "))
		add(&a, "%s", word);
	free(copy);
	add_device(&a, device, props);
	vm->pid = spawn(&a, -1);
	close(qt[1]);
	close(qm[1]);
	vm->qtest.fd = qt[0];
	vm->qmp.fd = qm[0];
	if (!line(&vm->qmp, REPLY_SECONDS))
		fail("no greeting from QEMU");
	qmp(vm, "{\"execute\":\"qmp_capabilities\"}", false);
}

int vm_try(const char *props, char *text, size_t len)
{
	struct arguments a;
	struct vm vm = { 0 };
	size_t used = 0;
	int out[2], status;
	ssize_t n;

	if (pipe(out))
		fail("pipe: %s", strerror(errno));
	common(&a);
	add(&a, "-device");
	add(&a, "bnnaccel%s", props);
	vm.pid = spawn(&a, out[1]);
	close(out[1]);
	status = vm_wait(&vm, REPLY_SECONDS);
	while (used < len - 1 && (n = read(out[0], text + used, len - 1 - used)) > 0)
		used += n;
	text[used] = 0;
	close(out[0]);
	return status;
}

bool vm_alive(struct vm *vm)
{
	return strstr(qmp(vm, "{\"execute\":\"query-status\"}", false), "return");
}

void vm_quit(struct vm *vm)
{
	int status;

	vm->qmp.may_close = true; /* before the reply is out, sometimes */
	qmp(vm, "{\"execute\":\"quit\"}", true);
	status = vm_wait(vm, REPLY_SECONDS * opt.patience);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail("QEMU ended with status 0x%x", status);
	close(vm->qtest.fd);
	close(vm->qmp.fd);
}

/* --- Protocols --- */

const char *qtest(struct vm *vm, const char *format, ...)
{
	char *text, *reply;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		fail("out of memory");
	put(&vm->qtest, text, len);
	put(&vm->qtest, "\n", 1);
	reply = line(&vm->qtest, REPLY_SECONDS);
	if (!reply)
		fail("no reply to: %.60s", text);
	if (strncmp(reply, "OK", 2))
		fail("reply to %.60s: %.60s", text, reply);
	free(text);
	return reply[2] ? reply + 3 : reply + 2;
}

void qtest_many(struct vm *vm, const char *commands, unsigned count)
{
	put(&vm->qtest, commands, strlen(commands));
	while (count--) {
		const char *reply = line(&vm->qtest, REPLY_SECONDS);

		if (!reply || strncmp(reply, "OK", 2))
			fail("reply: %.60s", reply ? reply : "none");
	}
}

const char *qmp(struct vm *vm, const char *command, bool may_fail)
{
	put(&vm->qmp, command, strlen(command));
	put(&vm->qmp, "\n", 1);
	for (;;) {
		const char *reply = line(&vm->qmp, REPLY_SECONDS * opt.patience);

		if (!reply && vm->qmp.may_close)
			return NULL;
		if (!reply)
			fail("no reply to %s", command);
		if (strstr(reply, "\"event\"") && strstr(reply, "\"timestamp\""))
			continue;
		if (!may_fail && !strstr(reply, "\"return\""))
			fail("%s: %s", command, reply);
		return reply;
	}
}

void qom_set(struct vm *vm, const char *property, const char *value)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"/machine/peripheral/bnn\","
		 "\"property\":\"%s\",\"value\":%s}}", property, value);
	qmp(vm, command, false);
}

/* --- PCI --- */

static void select_config(struct vm *vm, unsigned offset)
{
	qtest(vm, "outl 0xcf8 0x%x", 0x80000000u | vm->bus << 16 | vm->dev << 11 |
	      (offset & 0xfc));
}

uint32_t pci_read(struct vm *vm, unsigned offset)
{
	select_config(vm, offset);
	return strtoul(qtest(vm, "inl 0xcfc"), NULL, 16);
}

uint16_t pci_read16(struct vm *vm, unsigned offset)
{
	select_config(vm, offset);
	return strtoul(qtest(vm, "inw 0x%x", 0xcfc + (offset & 2)), NULL, 16);
}

uint8_t pci_read8(struct vm *vm, unsigned offset)
{
	select_config(vm, offset);
	return strtoul(qtest(vm, "inb 0x%x", 0xcfc + (offset & 3)), NULL, 16);
}

void pci_write(struct vm *vm, unsigned offset, uint32_t value)
{
	select_config(vm, offset);
	qtest(vm, "outl 0xcfc 0x%x", value);
}

void pci_write16(struct vm *vm, unsigned offset, uint16_t value)
{
	select_config(vm, offset);
	qtest(vm, "outw 0x%x 0x%x", 0xcfc + (offset & 2), value);
}

unsigned pci_cap(struct vm *vm, unsigned id)
{
	unsigned at, n = 0;

	if (!(pci_read16(vm, 6) & 0x10))
		return 0;
	for (at = pci_read8(vm, 0x34); at && n < 48; at = pci_read8(vm, at + 1), n++)
		if (pci_read8(vm, at) == id)
			return at;
	return 0;
}

void pci_enable(struct vm *vm)
{
	pci_write(vm, 0x10, BAR0);
	pci_write(vm, 0x14, 0);
	pci_write(vm, 0x18, BAR2);
	pci_write16(vm, 4, 6);
}

/* --- Memory --- */

uint32_t mem32(struct vm *vm, uint64_t addr)
{
	return strtoull(qtest(vm, "readl 0x%llx", (unsigned long long)addr), NULL, 16);
}

uint64_t mem64(struct vm *vm, uint64_t addr)
{
	return strtoull(qtest(vm, "readq 0x%llx", (unsigned long long)addr), NULL, 16);
}

uint32_t rd(struct vm *vm, uint32_t reg)
{
	return mem32(vm, BAR0 + reg);
}

void wr(struct vm *vm, uint32_t reg, uint32_t value)
{
	qtest(vm, "writel 0x%x 0x%x", BAR0 + reg, value);
}

void mem_put(struct vm *vm, uint64_t addr, const void *data, size_t len)
{
	static char hex[2 * 8192 + 1];
	const uint8_t *p = data;

	while (len) {
		size_t n = len < 8192 ? len : 8192, i;

		for (i = 0; i < n; i++)
			sprintf(hex + 2 * i, "%02x", p[i]);
		qtest(vm, "write 0x%llx 0x%zx 0x%s", (unsigned long long)addr, n, hex);
		addr += n;
		p += n;
		len -= n;
	}
}

void mem_get(struct vm *vm, uint64_t addr, void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		size_t n = len < 8192 ? len : 8192, i;
		const char *hex = qtest(vm, "read 0x%llx 0x%zx", (unsigned long long)addr, n);
		unsigned byte;

		for (i = 0; i < n; i++) {
			if (sscanf(hex + 2 + 2 * i, "%2x", &byte) != 1)
				fail("bad reply to read");
			p[i] = byte;
		}
		addr += n;
		p += n;
		len -= n;
	}
}

void mem_set(struct vm *vm, uint64_t addr, uint8_t value, size_t len)
{
	qtest(vm, "memset 0x%llx 0x%zx 0x%02x", (unsigned long long)addr, len, value);
}
