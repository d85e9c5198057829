// SPDX-License-Identifier: MIT
/* Memory that a backend works on directly. */
#include "api_buffer.h"

#include <stdlib.h>
#include <string.h>

#include "api_queue.h"

struct bnnaccel_buffer {
	struct bnnaccel_session *session;
	struct bnn_dev_buffer *dev; /* NULL: the backend has no memory of its own */
	uint8_t *data;
	size_t bytes;
	struct bnnaccel_buffer *next;
};

static int alloc_plain(struct bnnaccel_buffer *buffer, struct bnn_error *error)
{
	size_t bytes = (buffer->bytes + BNN_TENSOR_ALIGN - 1) / BNN_TENSOR_ALIGN * BNN_TENSOR_ALIGN;

	if (bytes >= buffer->bytes)
		buffer->data = aligned_alloc(BNN_TENSOR_ALIGN, bytes);
	if (!buffer->data)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory for a buffer of %zu bytes",
				buffer->bytes);
	memset(buffer->data, 0, bytes);
	return 0;
}

int bnnaccel_buffer_alloc(struct bnnaccel_session *session, size_t bytes,
			  struct bnnaccel_buffer **result)
{
	struct bnn_error *error = session ? bnn_api_error(session->ctx) : NULL;
	struct bnnaccel_buffer *buffer;
	int rc;

	if (result)
		*result = NULL;
	if (!session || !result || !bytes)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_buffer_alloc: session or buffer is NULL, or bytes is 0");
	buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory for a buffer");
	buffer->session = session;
	buffer->bytes = bytes;
	if (session->ops->alloc) {
		bnn_queue_enter(session);
		rc = session->ops->alloc(session->exec, bytes, &buffer->dev, &buffer->data, error);
		bnn_queue_leave(session);
	} else {
		rc = alloc_plain(buffer, error);
	}
	if (rc) {
		free(buffer);
		return rc;
	}
	buffer->next = session->buffers;
	session->buffers = buffer;
	*result = buffer;
	return 0;
}

void *bnnaccel_buffer_data(const struct bnnaccel_buffer *buffer)
{
	return buffer ? buffer->data : NULL;
}

int bnnaccel_buffer_free(struct bnnaccel_buffer *buffer)
{
	struct bnnaccel_session *session;
	struct bnnaccel_buffer **at;

	if (!buffer)
		return 0;
	session = buffer->session;
	if (bnn_queue_uses(session, buffer->data, buffer->bytes))
		return bnn_fail(bnn_api_error(session->ctx), BNNACCEL_ERR_BUSY,
				"bnnaccel_buffer_free: a request still uses the buffer; collect "
				"it first (bnnaccel_wait)");
	for (at = &session->buffers; *at && *at != buffer; at = &(*at)->next)
		;
	if (*at)
		*at = buffer->next;
	if (buffer->dev) {
		bnn_queue_enter(session);
		session->ops->free(session->exec, buffer->dev);
		bnn_queue_leave(session);
	} else {
		free(buffer->data);
	}
	free(buffer);
	return 0;
}

void bnn_buffers_end(struct bnnaccel_session *session)
{
	while (session->buffers) {
		struct bnnaccel_buffer *buffer = session->buffers;

		session->buffers = buffer->next;
		/* That of a device ends with it: a job that was given up may still use it. */
		if (!buffer->dev)
			free(buffer->data);
		free(buffer);
	}
}
