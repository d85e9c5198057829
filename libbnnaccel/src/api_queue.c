// SPDX-License-Identifier: MIT
/*
 * Requests in flight. A thread per session cuts them into pieces and keeps as many
 * pieces in the executor as it takes. Pieces go first in, first out, so requests end
 * in the order they came.
 *
 * `lock` guards the list of requests; `exec` whoever uses the executor. The thread
 * takes exec without lock, and lets callers that want it go first.
 */
#include "api_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Images per piece where the executor has no opinion: bounds what close() waits for. */
#define PLAIN_IMAGES 8

struct request {
	uint64_t ticket;
	struct bnnaccel_request work;
	size_t begun;  /* images handed to the executor, or skipped */
	size_t pieces; /* in the executor */
	bool ended;    /* ready to be collected */
	int result;
	struct bnn_error error;
	struct request *next;
};

struct bnn_queue {
	pthread_t thread;
	pthread_mutex_t lock, exec;
	pthread_cond_t work, done;
	struct request *oldest, **end; /* not collected, in order of their tickets */
	struct request *running;       /* the first that has not ended */
	uint64_t tickets;
	size_t count;
	unsigned int callers; /* that want exec, or have it */
	bool closing;
	int fd; /* eventfd: one per request to collect */
	/* Of the thread: */
	struct request **flying; /* requests of the pieces in the executor, a ring */
	size_t first, pieces, most_pieces, most_images;
	struct bnn_piece plain; /* the piece, where the executor has only run() */
};

void bnn_queue_enter(struct bnnaccel_session *session)
{
	struct bnn_queue *q = session->queue;

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->callers++;
	pthread_mutex_unlock(&q->lock);
	pthread_mutex_lock(&q->exec);
}

void bnn_queue_leave(struct bnnaccel_session *session)
{
	struct bnn_queue *q = session->queue;

	if (!q)
		return;
	pthread_mutex_unlock(&q->exec);
	pthread_mutex_lock(&q->lock);
	q->callers--;
	pthread_cond_signal(&q->work);
	pthread_mutex_unlock(&q->lock);
}

/* ---- the thread; lock is held except around the executor ---- */

static void lock_exec(struct bnn_queue *q)
{
	while (q->callers)
		pthread_cond_wait(&q->work, &q->lock);
	pthread_mutex_unlock(&q->lock);
	pthread_mutex_lock(&q->exec);
}

static void unlock_exec(struct bnn_queue *q)
{
	pthread_mutex_unlock(&q->exec);
	pthread_mutex_lock(&q->lock);
}

static int run_plain(struct bnnaccel_session *session, struct bnn_error *error)
{
	const struct bnn_piece *p = &session->queue->plain;
	const struct bnn_net *net = session->model->net;
	int rc = 0;

	if (p->output_stride == net->values[net->output.value].bytes)
		return session->ops->run(session->exec, p->inputs, p->input_stride, p->outputs,
					 p->count, error);
	for (size_t i = 0; i < p->count && !rc; i++)
		rc = session->ops->run(session->exec, p->inputs + i * p->input_stride,
				       p->input_stride, p->outputs + i * p->output_stride, 1,
				       error);
	return rc;
}

/* The rest of it is not run. The first error is the one that is told. */
static void give_up(struct request *r, int result, const struct bnn_error *error)
{
	r->begun = r->work.count;
	if (r->result)
		return;
	r->result = result;
	r->error = *error;
}

static struct request *next_to_begin(const struct bnn_queue *q)
{
	struct request *r = q->running;

	while (r && r->begun == r->work.count)
		r = r->next;
	return r;
}

static void begin_piece(struct bnnaccel_session *session, struct request *r)
{
	struct bnn_queue *q = session->queue;
	const struct bnnaccel_request *work = &r->work;
	size_t left = work->count - r->begun;
	struct bnn_error error = { "" };
	struct bnn_piece piece = {
		.inputs = (const uint8_t *)work->inputs + r->begun * work->input_stride,
		.input_stride = work->input_stride,
		.outputs = (uint8_t *)work->outputs + r->begun * work->output_stride,
		.output_stride = work->output_stride,
		.count = left < q->most_images ? left : q->most_images,
		.first = r->begun,
	};
	int rc = 0;

	r->begun += piece.count;
	r->pieces++;
	lock_exec(q);
	if (session->ops->begin)
		rc = session->ops->begin(session->exec, &piece, &error);
	else
		q->plain = piece;
	unlock_exec(q);
	if (!rc) {
		q->flying[(q->first + q->pieces++) % q->most_pieces] = r;
		return;
	}
	r->pieces--;
	give_up(r, rc, &error);
}

static void finish_piece(struct bnnaccel_session *session)
{
	struct bnn_queue *q = session->queue;
	struct request *r = q->flying[q->first];
	struct bnn_error error = { "" };
	int rc;

	lock_exec(q);
	rc = session->ops->finish ? session->ops->finish(session->exec, &error)
				  : run_plain(session, &error);
	unlock_exec(q);
	q->first = (q->first + 1) % q->most_pieces;
	q->pieces--;
	r->pieces--;
	if (rc)
		give_up(r, rc, &error);
}

static void end_requests(struct bnn_queue *q)
{
	const uint64_t one = 1;

	while (q->running && q->running->begun == q->running->work.count && !q->running->pieces) {
		q->running->ended = true;
		q->running = q->running->next;
		/* Never blocks: the count stays far below what an eventfd holds. */
		if (write(q->fd, &one, sizeof(one)) < 0)
			continue;
	}
	pthread_cond_broadcast(&q->done);
}

static void *serve(void *opaque)
{
	struct bnnaccel_session *session = opaque;
	struct bnn_queue *q = session->queue;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		struct request *r = q->closing ? NULL : next_to_begin(q);

		if (r && q->pieces < q->most_pieces)
			begin_piece(session, r);
		else if (q->pieces)
			finish_piece(session);
		else if (q->closing)
			break;
		else
			pthread_cond_wait(&q->work, &q->lock);
		end_requests(q);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* ---- the caller ---- */

static void free_queue(struct bnn_queue *q)
{
	while (q->oldest) {
		struct request *r = q->oldest;

		q->oldest = r->next;
		free(r);
	}
	if (q->fd >= 0)
		close(q->fd);
	pthread_cond_destroy(&q->work);
	pthread_cond_destroy(&q->done);
	pthread_mutex_destroy(&q->lock);
	pthread_mutex_destroy(&q->exec);
	free(q->flying);
	free(q);
}

static void init_locks(struct bnn_queue *q)
{
	pthread_condattr_t clock;

	pthread_mutex_init(&q->lock, NULL);
	pthread_mutex_init(&q->exec, NULL);
	pthread_cond_init(&q->work, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&q->done, &clock);
	pthread_condattr_destroy(&clock);
}

/* The first request starts the thread. Signals are for the program's own threads. */
static int start(struct bnnaccel_session *session, struct bnn_error *error)
{
	struct bnn_queue *q = calloc(1, sizeof(*q));
	sigset_t all, before;
	int rc;

	if (session->queue || !q) {
		free(q);
		return session->queue
			       ? 0
			       : bnn_fail(error, BNNACCEL_ERR_MEMORY, "out of memory for requests");
	}
	init_locks(q);
	q->end = &q->oldest;
	q->most_pieces = 1;
	q->most_images = session->batch ? session->batch : PLAIN_IMAGES;
	if (session->ops->limits)
		session->ops->limits(session->exec, &q->most_pieces, &q->most_images);
	q->flying = calloc(q->most_pieces, sizeof(struct request *));
	q->fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	if (!q->flying || q->fd < 0) {
		rc = bnn_fail(error, BNNACCEL_ERR_SYSTEM, "eventfd for requests: %s",
			      strerror(errno));
		free_queue(q);
		return rc;
	}
	session->queue = q;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&q->thread, NULL, serve, session);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!rc)
		return 0;
	session->queue = NULL;
	free_queue(q);
	return bnn_fail(error, BNNACCEL_ERR_SYSTEM, "a thread for requests: %s", strerror(rc));
}

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
	struct request *r;
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
		rc = start(session, error);
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

static struct request *find(const struct bnn_queue *q, uint64_t ticket)
{
	struct request *r = q ? q->oldest : NULL;

	while (r && r->ticket != ticket)
		r = r->next;
	return r;
}

/* Waits with the lock held; whether it ended. */
static bool wait_ended(struct bnn_queue *q, const struct request *r, int timeout_ms)
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

static int collect(struct bnn_queue *q, struct request *r, struct bnn_error *error)
{
	struct request **at = &q->oldest;
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

static int wait_and_collect(struct bnn_queue *q, struct request *r, int timeout_ms,
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
	struct request *r = NULL;
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
	struct request *r = NULL;

	if (q) {
		pthread_mutex_lock(&q->lock);
		r = find(q, ticket);
		if (r && !r->ended)
			give_up(r, BNNACCEL_ERR_CANCELLED, &text);
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
	rc = start(session, bnn_api_error(session->ctx));
	return rc ? rc : session->queue->fd;
}

bool bnn_queue_uses(struct bnnaccel_session *session, const uint8_t *data, size_t bytes)
{
	struct bnn_queue *q = session->queue;
	bool used = false;

	if (!q)
		return false;
	pthread_mutex_lock(&q->lock);
	for (const struct request *r = q->running; r && !used; r = r->next) {
		const uint8_t *in = r->work.inputs, *out = r->work.outputs;

		used = (in < data + bytes && in + r->work.count * r->work.input_stride > data) ||
		       (out < data + bytes && out + r->work.count * r->work.output_stride > data);
	}
	pthread_mutex_unlock(&q->lock);
	return used;
}

void bnn_queue_end(struct bnnaccel_session *session)
{
	struct bnn_queue *q = session->queue;
	bool busy;

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->closing = true;
	busy = q->running != NULL;
	pthread_cond_signal(&q->work);
	pthread_mutex_unlock(&q->lock);
	if (busy)
		session->ops->stop(session->exec);
	pthread_join(q->thread, NULL);
	session->queue = NULL;
	free_queue(q);
}
