// SPDX-License-Identifier: MIT
/* Building and freeing lowered networks. */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "bnnaccel/bnnaccel.h"

struct bnn_net *bnn_net_new(const char *name)
{
	struct bnn_net *net = calloc(1, sizeof(*net));

	if (!net)
		return NULL;
	net->input.value = BNN_NO_VALUE;
	net->output.value = BNN_NO_VALUE;
	net->name = strdup(name ? name : "");
	net->description = strdup("");
	net->output.column = strdup("out");
	if (!net->name || !net->description || !net->output.column) {
		bnn_net_free(net);
		return NULL;
	}
	return net;
}

void bnn_net_free(struct bnn_net *net)
{
	size_t i;

	if (!net)
		return;
	for (i = 0; i < net->value_count; i++) {
		free(net->values[i].name);
		free(net->values[i].data);
	}
	for (i = 0; i < net->node_count; i++)
		free(net->nodes[i].name);
	for (i = 0; net->output.labels && i < net->output.count; i++)
		free(net->output.labels[i]);
	free(net->output.labels);
	free(net->output.column);
	free(net->values);
	free(net->nodes);
	free(net->name);
	free(net->description);
	free(net);
}

/* Room for one more element; arrays grow to powers of two. */
static void *grow(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	return realloc(array, (count ? 2 * count : 1) * size);
}

int bnn_net_add_value(struct bnn_net *net, const struct bnn_value *value)
{
	char *name = strdup(value->name ? value->name : "");
	struct bnn_value *values = NULL;

	if (name && net->value_count < INT32_MAX)
		values = grow(net->values, net->value_count, sizeof(*values));
	if (!values) {
		free(name);
		free(value->data);
		return BNNACCEL_ERR_MEMORY;
	}
	net->values = values;
	values += net->value_count;
	*values = *value;
	values->name = name;
	if (value->format != BNN_FORMAT_NONE && !value->bytes)
		values->bytes = bnn_tensor_bytes(value->format, value->h, value->w, value->c);
	return (int)net->value_count++;
}

int bnn_net_add_node(struct bnn_net *net, const struct bnn_node *node)
{
	char *name = strdup(node->name ? node->name : "");
	struct bnn_node *nodes = NULL;

	if (name && net->node_count < INT32_MAX)
		nodes = grow(net->nodes, net->node_count, sizeof(*nodes));
	if (!nodes) {
		free(name);
		return BNNACCEL_ERR_MEMORY;
	}
	net->nodes = nodes;
	nodes += net->node_count;
	*nodes = *node;
	nodes->name = name;
	return (int)net->node_count++;
}
