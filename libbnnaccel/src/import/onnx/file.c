// SPDX-License-Identifier: MIT
/* ONNX files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../import.h"
#include "bnnaccel/bnnaccel.h"
#include "read.h"

/* Protocol buffers end at 2 GiB. */
#define FILE_MAX (1ll << 31)

/* Reads instead of mapping, so that a file that shrinks meanwhile is no SIGBUS. */
static int read_bytes(int fd, uint8_t *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO;
			return -1;
		}
		done += (size_t)n;
	}
	return 0;
}

int bnn_import_onnx(const char *path, const char *name, struct bnnaccel_graph **graph,
		    struct bnn_notes *notes, struct bnn_error *error)
{
	static const struct bnn_onnx_limits limits = { .elements = 1ull << 30, .nodes = 16384 };
	uint8_t *data = NULL;
	struct stat st;
	int rc, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		rc = bnn_fail(error, BNNACCEL_ERR_NO_FILE, "%.96s: cannot be opened: %s", path,
			      strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size >= FILE_MAX) {
		rc = bnn_fail(error, BNNACCEL_ERR_BAD_MODEL,
			      "%.96s: is no regular file of less than 2 GiB, so no ONNX model",
			      path);
		goto out;
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		rc = bnn_fail(error, BNNACCEL_ERR_MEMORY, "%.96s: out of memory", path);
	else if (read_bytes(fd, data, (size_t)st.st_size))
		rc = bnn_fail(error, BNNACCEL_ERR_NO_FILE, "%.96s: cannot be read: %s", path,
			      strerror(errno));
	else
		rc = bnn_onnx_graph(path, name, data, (size_t)st.st_size, &limits, graph, notes,
				    error);
out:
	free(data);
	if (fd >= 0)
		close(fd);
	return rc;
}
