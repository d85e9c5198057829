// SPDX-License-Identifier: MIT
/*
 * Requests in flight. A thread per session cuts them into pieces and keeps as many
 * pieces in the executor as it takes. Pieces go first in, first out, so requests end
 * in the order they came.
 */
#include "api_queue.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Images per piece where the executor has no opinion: bounds what close() waits for. */
#define PLAIN_IMAGES 8

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

void bnn_request_give_up(struct bnn_request *r, int result, const struct bnn_error *error)
{
	r->begun = r->work.count;
	if (r->result)
		return;
	r->result = result;
	r->error = *error;
}

static struct bnn_request *next_to_begin(const struct bnn_queue *q)
{
	struct bnn_request *r = q->running;

	while (r && r->begun == r->work.count)
		r = r->next;
	return r;
}

static void begin_piece(struct bnnaccel_session *session, struct bnn_request *r)
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
	bnn_request_give_up(r, rc, &error);
}

static void finish_piece(struct bnnaccel_session *session)
{
	struct bnn_queue *q = session->queue;
	struct bnn_request *r = q->flying[q->first];
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
		bnn_request_give_up(r, rc, &error);
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
		struct bnn_request *r = q->closing ? NULL : next_to_begin(q);

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
		struct bnn_request *r = q->oldest;

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
int bnn_queue_start(struct bnnaccel_session *session, struct bnn_error *error)
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
	q->flying = calloc(q->most_pieces, sizeof(struct bnn_request *));
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

bool bnn_queue_uses(struct bnnaccel_session *session, const uint8_t *data, size_t bytes)
{
	struct bnn_queue *q = session->queue;
	bool used = false;

	if (!q)
		return false;
	pthread_mutex_lock(&q->lock);
	for (const struct bnn_request *r = q->running; r && !used; r = r->next) {
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
