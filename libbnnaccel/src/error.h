/* SPDX-License-Identifier: MIT */
#ifndef BNN_ERROR_H
#define BNN_ERROR_H

/* A sentence that says what, where and what to do. */
struct bnn_error {
	char text[512];
};

/* Formats the text and returns `code`, so that callers can return it. NULL is allowed. */
int bnn_fail(struct bnn_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* BNN_ERROR_H */
