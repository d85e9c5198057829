/* SPDX-License-Identifier: MIT */
/* Options of a session. */
#ifndef BNN_API_OPTIONS_H
#define BNN_API_OPTIONS_H

#include "api.h"

/* The backend of that name, or NULL; "auto" is not one. */
const struct bnn_exec_ops *bnn_api_backend(const char *name);

/* The caller's options, completed; checks size and the backend's name. */
int bnn_api_options(struct bnnaccel *ctx, const struct bnnaccel_session_options *given,
		    struct bnnaccel_session_options *options);

/* Options for an executor; free them. Strings are the caller's. */
int bnn_api_exec_options(const struct bnnaccel_session_options *options, const struct bnn_net *net,
			 struct bnn_exec_options *result, struct bnn_error *error);
void bnn_api_exec_options_free(struct bnn_exec_options *options);

#endif /* BNN_API_OPTIONS_H */
