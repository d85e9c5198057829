/* SPDX-License-Identifier: MIT */
/*
 * Sets a property of the emulated device: qmp-set SOCKET PROPERTY JSON [SECONDS]
 *
 * Waits up to a minute for QEMU's control socket; with SECONDS, repeats that often
 * until the machine ends.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void nap(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

static FILE *connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "qmp-set: %s cannot be a socket\n", path);
		exit(1);
	}
	strcpy(addr.sun_path, path);
	for (int i = 0; i < 600; i++) {
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return fdopen(fd, "r");
		nap(0.1);
	}
	perror(path);
	exit(1);
}

/* Events come between answers; the end of the machine ends this as well. */
static void command(FILE *qmp, const char *text)
{
	char line[4096];

	if (write(fileno(qmp), text, strlen(text)) != (ssize_t)strlen(text))
		exit(0);
	while (fgets(line, sizeof(line), qmp)) {
		if (strstr(line, "\"return\""))
			return;
		if (strstr(line, "\"error\"")) {
			fprintf(stderr, "qmp-set: %s", line);
			exit(1);
		}
	}
	exit(0);
}

int main(int argc, char **argv)
{
	double period = argc > 4 ? strtod(argv[4], NULL) : 0;
	char set[512], line[4096];
	FILE *qmp;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: qmp-set SOCKET PROPERTY JSON [SECONDS]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	snprintf(set, sizeof(set),
		 "{\"execute\": \"qom-set\", \"arguments\": {\"path\": "
		 "\"/machine/peripheral/bnn0\", "
		 "\"property\": \"%s\", \"value\": %s}}\n",
		 argv[2], argv[3]);
	qmp = connect_to(argv[1]);
	if (!fgets(line, sizeof(line), qmp)) /* the greeting */
		return 0;
	command(qmp, "{\"execute\": \"qmp_capabilities\"}\n");
	for (;;) {
		command(qmp, set);
		if (period <= 0)
			return 0;
		nap(period);
	}
}
