/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>

static void quoted(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(out, "\\u%04x", (unsigned int)*s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

static void start(struct json *json, const char *key)
{
	if (json->comma)
		fputc(',', json->out);
	json->comma = true;
	if (key) {
		quoted(json->out, key);
		fputc(':', json->out);
	}
}

void json_open(struct json *json, const char *key, char bracket)
{
	start(json, key);
	fputc(bracket, json->out);
	json->comma = false;
}

void json_close(struct json *json, char bracket)
{
	fputc(bracket, json->out);
	json->comma = true;
}

void json_string(struct json *json, const char *key, const char *value)
{
	start(json, key);
	quoted(json->out, value);
}

void json_int(struct json *json, const char *key, int64_t value)
{
	start(json, key);
	fprintf(json->out, "%" PRId64, value);
}

void json_real(struct json *json, const char *key, double value)
{
	start(json, key);
	fprintf(json->out, "%.9g", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	start(json, key);
	fputs(value ? "true" : "false", json->out);
}
