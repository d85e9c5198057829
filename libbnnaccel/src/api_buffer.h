/* SPDX-License-Identifier: MIT */
#ifndef BNN_API_BUFFER_H
#define BNN_API_BUFFER_H

#include "api.h"

/* Frees the buffers of a session that has no request any more. */
void bnn_buffers_end(struct bnnaccel_session *session);

#endif /* BNN_API_BUFFER_H */
