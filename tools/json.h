/* SPDX-License-Identifier: MIT */
/* A JSON writer: commas and quotes are its business. */
#ifndef BNN_JSON_H
#define BNN_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool comma; /* the next element needs one before it */
};

/* key is NULL inside arrays. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_string(struct json *json, const char *key, const char *value);
void json_int(struct json *json, const char *key, int64_t value);
void json_real(struct json *json, const char *key, double value);
void json_bool(struct json *json, const char *key, bool value);

#endif /* BNN_JSON_H */
