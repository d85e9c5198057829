// SPDX-License-Identifier: MIT
/* The public calls for requests. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api_queue.h"

static int check_request(const struct bnnaccel_session *session,
			 const struct bnnaccel_request *given, struct bnnaccel_request *work,
			 struct bnn_error *error)
{
	const struct bnn_net *net = session->model->net;
	size_t in = net->values[net->input.value].bytes, out = net->values[net->output.value].bytes;
	size_t most;

	work->size = sizeof(*work);
	bnn_api_give(work, given, given->size < sizeof(*work) ? given->size : sizeof(*work));
	for (size_t i = sizeof(*work); i < given->size; i++)
		if (((const unsigned char *)given)[i])
			return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
					"request: this libbnnaccel is older than a member that is "
					"set (size %zu, known %zu)",
					given->size, sizeof(*work));
	if (!work->input_stride)
		work->input_stride = in;
	if (!work->output_stride)
		work->output_stride = out;
	if (!work->inputs || !work->outputs || !work->count)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"request: inputs or outputs is NULL, or count is 0");
	if (work->input_stride < in)
		return bnn_fail(error, BNNACCEL_ERR_BAD_INPUT,
				"request: images are %zu bytes apart, but network \"%.64s\" reads "
				"%zu bytes of each",
				work->input_stride, net->name, in);
	if (work->output_stride < out)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"request: results are %zu bytes apart, but those of network "
				"\"%.64s\" have %zu bytes",
				work->output_stride, net->name, out);
	most = work->input_stride > work->output_stride ? work->input_stride : work->output_stride;
	if (work->count > SIZE_MAX / most)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"request: %zu images cannot lie in memory", work->count);
	return 0;
}

int bnnaccel_submit(struct bnnaccel_session *session, const struct bnnaccel_request *given,
		    uint64_t *ticket)
{
	struct bnn_error *error = session ? bnn_api_error(session->ctx) : NULL;
	struct bnn_request *r;
	struct bnn_queue *q;
	int rc;

	if (ticket)
		*ticket = 0;
	if (!session || !given || !ticket || !bnn_api_size_ok(given->size))
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_submit: session, request or ticket is NULL, or the size "
				"of the request is not set");
	r = calloc(1, sizeof(*r));
	if (!r)
		return bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory for a request");
	rc = check_request(session, given, &r->work, error);
	if (!rc)
		rc = bnn_queue_start(session, error);
	q = session->queue;
	if (!rc && q->count == BNNACCEL_REQUESTS_MAX)
		rc = bnn_fail(error, BNNACCEL_ERR_BUSY,
			      "%d requests were not collected; bnnaccel_next() collects one",
			      BNNACCEL_REQUESTS_MAX);
	if (rc) {
		free(r);
		return rc;
	}
	pthread_mutex_lock(&q->lock);
	r->ticket = ++q->tickets;
	q->count++;
	*q->end = r;
	q->end = &r->next;
	if (!q->running)
		q->running = r;
	pthread_cond_signal(&q->work);
	pthread_mutex_unlock(&q->lock);
	*ticket = r->ticket;
	return 0;
}

static struct bnn_request *find(const struct bnn_queue *q, uint64_t ticket)
{
	struct bnn_request *r = q ? q->oldest : NULL;

	while (r && r->ticket != ticket)
		r = r->next;
	return r;
}

/* Waits with the lock held; whether it ended. */
static bool wait_ended(struct bnn_queue *q, const struct bnn_request *r, int timeout_ms)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	if (timeout_ms > 0) {
		until.tv_sec += timeout_ms / 1000;
		until.tv_nsec += timeout_ms % 1000 * 1000000l;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	}
	while (!r->ended && timeout_ms && rc != ETIMEDOUT)
		rc = timeout_ms < 0 ? pthread_cond_wait(&q->done, &q->lock)
				    : pthread_cond_timedwait(&q->done, &q->lock, &until);
	return r->ended;
}

static int collect(struct bnn_queue *q, struct bnn_request *r, struct bnn_error *error)
{
	struct bnn_request **at = &q->oldest;
	int result = r->result;
	uint64_t one;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (q->end == &r->next)
		q->end = at;
	q->count--;
	if (read(q->fd, &one, sizeof(one)) < 0)
		result = bnn_fail(error, BNNACCEL_ERR_SYSTEM, "eventfd of requests: %s",
				  strerror(errno));
	else if (result)
		*error = r->error;
	free(r);
	return result;
}

static int wait_and_collect(struct bnn_queue *q, struct bnn_request *r, int timeout_ms,
			    struct bnn_error *error)
{
	if (wait_ended(q, r, timeout_ms))
		return collect(q, r, error);
	return bnn_fail(error, BNNACCEL_ERR_TIMEOUT,
			"request %" PRIu64 " has not ended within %d ms; it goes on", r->ticket,
			timeout_ms);
}

int bnnaccel_wait(struct bnnaccel_session *session, uint64_t ticket, int timeout_ms)
{
	struct bnn_error *error = session ? bnn_api_error(session->ctx) : NULL;
	struct bnn_queue *q = session ? session->queue : NULL;
	struct bnn_request *r = NULL;
	int rc = BNNACCEL_ERR_ARGUMENT;

	if (q) {
		pthread_mutex_lock(&q->lock);
		r = find(q, ticket);
		if (r)
			rc = wait_and_collect(q, r, timeout_ms, error);
		pthread_mutex_unlock(&q->lock);
	}
	if (!r)
		bnn_fail(error, rc,
			 "bnnaccel_wait: there is no request %" PRIu64
			 " to collect in this session",
			 ticket);
	return rc;
}

int bnnaccel_next(struct bnnaccel_session *session, uint64_t *ticket, int timeout_ms)
{
	struct bnn_error *error = session ? bnn_api_error(session->ctx) : NULL;
	struct bnn_queue *q = session ? session->queue : NULL;
	int rc;

	if (ticket)
		*ticket = 0;
	if (!q || !ticket || !q->oldest)
		return bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
				"bnnaccel_next: session or ticket is NULL, or there is no request "
				"to collect");
	pthread_mutex_lock(&q->lock);
	*ticket = q->oldest->ticket;
	rc = wait_and_collect(q, q->oldest, timeout_ms, error);
	if (rc == BNNACCEL_ERR_TIMEOUT)
		*ticket = 0;
	pthread_mutex_unlock(&q->lock);
	return rc;
}

int bnnaccel_cancel(struct bnnaccel_session *session, uint64_t ticket)
{
	static const struct bnn_error text = { "the request was cancelled" };
	struct bnn_error *error = session ? bnn_api_error(session->ctx) : NULL;
	struct bnn_queue *q = session ? session->queue : NULL;
	struct bnn_request *r = NULL;

	if (q) {
		pthread_mutex_lock(&q->lock);
		r = find(q, ticket);
		if (r && !r->ended)
			bnn_request_give_up(r, BNNACCEL_ERR_CANCELLED, &text);
		pthread_cond_signal(&q->work);
		pthread_mutex_unlock(&q->lock);
	}
	return r ? 0
		 : bnn_fail(error, BNNACCEL_ERR_ARGUMENT,
			    "bnnaccel_cancel: there is no request %" PRIu64 " in this session",
			    ticket);
}

int bnnaccel_session_fd(struct bnnaccel_session *session)
{
	int rc;

	if (!session)
		return BNNACCEL_ERR_ARGUMENT;
	rc = bnn_queue_start(session, bnn_api_error(session->ctx));
	return rc ? rc : session->queue->fd;
}
