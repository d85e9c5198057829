/* SPDX-License-Identifier: MIT */
#include "nodes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A list longer than any network is a mistake, and would only fill memory. */
#define LIST_MAX 65536

static bool append(struct bnnaccel_session_options *o, uint32_t **list, uint64_t first,
		   uint64_t last)
{
	uint32_t *more;

	if (last < first || last >= LIST_MAX || o->cpu_node_count + last - first >= LIST_MAX)
		return false;
	more = realloc(*list, (o->cpu_node_count + last - first + 1) * sizeof(**list));
	if (!more)
		return false;
	*list = more;
	for (; first <= last; first++)
		more[o->cpu_node_count++] = (uint32_t)first;
	return true;
}

bool nodes_parse(const char *text, struct bnnaccel_session_options *o)
{
	uint32_t *list = NULL;
	bool ok = true;

	o->cpu_node_count = 0;
	while (ok) {
		char *end = (char *)text;
		uint64_t first, last;

		ok = *text >= '0' && *text <= '9';
		if (!ok)
			break;
		first = last = strtoull(text, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoull(end + 1, &end, 10);
		ok = append(o, &list, first, last) && (!*end || *end == ',');
		if (!*end)
			break;
		text = end + 1;
	}
	o->cpu_nodes = list;
	return ok;
}

static void get(struct bnnaccel_session *session, uint32_t i, struct bnnaccel_node_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	bnnaccel_session_get_node(session, i, info);
}

static const char *place(struct bnnaccel_session *session, const struct bnnaccel_node_info *info)
{
	return info->on_cpu ? "cpu" : bnnaccel_session_backend(session);
}

uint32_t nodes_on_cpu(struct bnnaccel_session *session, uint32_t nodes)
{
	struct bnnaccel_node_info info;
	uint32_t count = 0;

	for (uint32_t i = 0; i < nodes; i++) {
		get(session, i, &info);
		count += info.on_cpu != 0;
	}
	return count;
}

void nodes_print_placement(struct bnnaccel_session *session, uint32_t nodes)
{
	struct bnnaccel_node_info info;

	printf("\nnode  place   command    name\n");
	for (uint32_t i = 0; i < nodes; i++) {
		get(session, i, &info);
		printf("%4u  %-6s  %-9s  %s%s%s\n", i, place(session, &info), info.command,
		       info.name, *info.reason ? " " : "", info.reason);
	}
	printf("%u of %u nodes on the CPU\n", nodes_on_cpu(session, nodes), nodes);
}

static double per_image(uint64_t sum, uint64_t runs)
{
	return runs ? (double)sum / (double)runs : 0;
}

void nodes_print_profile(struct bnnaccel_session *session, uint32_t nodes)
{
	double cycles = 0, ns = 0;
	struct bnnaccel_node_info info;

	for (uint32_t i = 0; i < nodes; i++) {
		get(session, i, &info);
		cycles += per_image(info.cycles, info.runs);
		ns += per_image(info.ns, info.runs);
	}
	printf("\nnode  place   command    %14s   share  name\n", "per image");
	for (uint32_t i = 0; i < nodes; i++) {
		double value, whole = 0;

		get(session, i, &info);
		value = per_image(info.on_cpu ? info.ns : info.cycles, info.runs);
		whole = info.on_cpu ? ns : cycles;
		printf("%4u  %-6s  %-9s  %11.1f %s  %4.1f %%  %s\n", i, place(session, &info),
		       info.command, info.on_cpu ? value / 1000 : value, info.on_cpu ? "us" : "cy",
		       whole > 0 ? 100 * value / whole : 0, info.name);
	}
	if (cycles > 0)
		printf("in all  %.0f cycles of the device per image\n", cycles);
	if (ns > 0)
		printf("in all  %.1f us of the CPU per image\n", ns / 1000);
}

void nodes_json(struct json *json, struct bnnaccel_session *session, uint32_t nodes)
{
	struct bnnaccel_node_info info;

	json_open(json, "nodes", '[');
	for (uint32_t i = 0; i < nodes; i++) {
		get(session, i, &info);
		json_open(json, NULL, '{');
		json_int(json, "node", i);
		json_string(json, "name", info.name);
		json_string(json, "command", info.command);
		json_string(json, "place", place(session, &info));
		json_string(json, "reason", info.reason);
		json_int(json, "runs", (int64_t)info.runs);
		json_int(json, "cycles", (int64_t)info.cycles);
		json_int(json, "ns", (int64_t)info.ns);
		json_close(json, '}');
	}
	json_close(json, ']');
}
