/* SPDX-License-Identifier: MIT */
/*
 * Behind the public types. Sources that implement public calls of their own (the
 * graph builder, importers) make models with bnn_api_adopt() and report through
 * bnn_api_error().
 */
#ifndef BNN_API_H
#define BNN_API_H

#include <stdatomic.h>
#include <stdbool.h>

#include "bnnaccel/bnnaccel.h"
#include "error.h"
#include "exec.h"
#include "net.h"

/* A network that bnn_net_check() has accepted. It lives while anything uses it. */
struct bnnaccel_model {
	struct bnn_net *net;
	atomic_uint users; /* the context that made it, and sessions of any context */
	uint64_t weight_bits, macs;
};

struct bnn_queue;

struct bnnaccel_session {
	struct bnnaccel *ctx;
	struct bnnaccel_model *model;
	const struct bnn_exec_ops *ops;
	struct bnn_exec *exec;
	struct bnn_queue *queue;	 /* api_queue.c; NULL until something is submitted */
	struct bnnaccel_buffer *buffers; /* api_buffer.c */
	uint32_t batch;			 /* as the caller asked */
	struct bnnaccel_session *next;
};

struct bnn_api_model_list {
	struct bnnaccel_model *model;
	struct bnn_api_model_list *next;
};

struct bnnaccel {
	struct bnn_error error;
	struct bnn_api_model_list *models;
	struct bnnaccel_session *sessions;
};

/* Whether the size that a caller has set can be that of a struct. */
static inline bool bnn_api_size_ok(size_t size)
{
	return size >= sizeof(size_t);
}

/* Copies what the caller's version of a struct has room for; its size stays. */
void bnn_api_give(void *to, const void *from, size_t known);

/* Where the text of bnnaccel_last_error() goes; cleared. NULL if ctx is. */
struct bnn_error *bnn_api_error(struct bnnaccel *ctx);

/*
 * Makes a model of a network and takes the network over, also on failure. Checks
 * it (bnn_net_check), so that nothing else reaches an executor.
 */
int bnn_api_adopt(struct bnnaccel *ctx, struct bnn_net *net, struct bnnaccel_model **model);

void bnn_api_model_ref(struct bnnaccel_model *model);
void bnn_api_model_unref(struct bnnaccel_model *model);

/* Code and integer of an element of a result. */
int64_t bnn_api_element(const struct bnn_net *net, const uint8_t *output, uint32_t i);

#endif /* BNN_API_H */
