/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight: a thread per session that has any. api_queue.c is the thread,
 * api_request.c the public calls.
 *
 * `lock` guards the list of requests; `exec` whoever uses the executor. The thread
 * takes exec without lock, and lets callers that want it go first.
 */
#ifndef BNN_API_QUEUE_H
#define BNN_API_QUEUE_H

#include <pthread.h>

#include "api.h"

struct bnn_request {
	uint64_t ticket;
	struct bnnaccel_request work;
	size_t begun;  /* images handed to the executor, or skipped */
	size_t pieces; /* in the executor */
	bool ended;    /* ready to be collected */
	int result;
	struct bnn_error error;
	struct bnn_request *next;
};

struct bnn_queue {
	pthread_t thread;
	pthread_mutex_t lock, exec;
	pthread_cond_t work, done;
	struct bnn_request *oldest, **end; /* not collected, in order of their tickets */
	struct bnn_request *running;	   /* the first that has not ended */
	uint64_t tickets;
	size_t count;
	unsigned int callers; /* that want exec, or have it */
	bool closing;
	int fd; /* eventfd: one per request to collect */
	/* Of the thread: */
	struct bnn_request **flying; /* requests of the pieces in the executor, a ring */
	size_t first, pieces, most_pieces, most_images;
	struct bnn_piece plain; /* the piece, where the executor has only run() */
};

/* Starts the thread of a session that has none. */
int bnn_queue_start(struct bnnaccel_session *session, struct bnn_error *error);

/* With the lock held: the rest of a request is not run. The first error is the one told. */
void bnn_request_give_up(struct bnn_request *request, int result, const struct bnn_error *error);

/* Around every use of session->exec by a caller: the thread uses it, too. */
void bnn_queue_enter(struct bnnaccel_session *session);
void bnn_queue_leave(struct bnnaccel_session *session);

/* Whether a request that has not ended reads or writes any of these bytes. */
bool bnn_queue_uses(struct bnnaccel_session *session, const uint8_t *data, size_t bytes);

/* Gives all requests up and ends the thread. The executor may only be closed then. */
void bnn_queue_end(struct bnnaccel_session *session);

#endif /* BNN_API_QUEUE_H */
