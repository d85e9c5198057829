/* SPDX-License-Identifier: MIT */
/* Requests in flight: a thread per session that has any. */
#ifndef BNN_API_QUEUE_H
#define BNN_API_QUEUE_H

#include "api.h"

/* Around every use of session->exec by a caller: the thread uses it, too. */
void bnn_queue_enter(struct bnnaccel_session *session);
void bnn_queue_leave(struct bnnaccel_session *session);

/* Whether a request that has not ended reads or writes any of these bytes. */
bool bnn_queue_uses(struct bnnaccel_session *session, const uint8_t *data, size_t bytes);

/* Gives all requests up and ends the thread. The executor may only be closed then. */
void bnn_queue_end(struct bnnaccel_session *session);

#endif /* BNN_API_QUEUE_H */
