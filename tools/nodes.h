/* SPDX-License-Identifier: MIT */
/* Where the nodes of a session run, and what they take. */
#ifndef BNN_NODES_H
#define BNN_NODES_H

#include <bnnaccel/bnnaccel.h>

#include "json.h"

/*
 * Node numbers such as "3,7-9" into options->cpu_nodes, which the caller frees.
 * Returns false if the text is not such a list.
 */
bool nodes_parse(const char *text, struct bnnaccel_session_options *options);

/* Nodes on the CPU; `nodes` is the number of all. */
uint32_t nodes_on_cpu(struct bnnaccel_session *session, uint32_t nodes);

/* A line per node: place and reason. */
void nodes_print_placement(struct bnnaccel_session *session, uint32_t nodes);
/* A line per node: cycles or microseconds per image, and its share. */
void nodes_print_profile(struct bnnaccel_session *session, uint32_t nodes);
/* An array "nodes" with all of it. */
void nodes_json(struct json *json, struct bnnaccel_session *session, uint32_t nodes);

#endif /* BNN_NODES_H */
