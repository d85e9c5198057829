// SPDX-License-Identifier: MIT
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

#include "../error.h"
#include "compile.h"
#include "liveness.h"
#include "placement.h"

/*
 * Finding free bytes compares each buffer with all others. Beyond this many the
 * buffers go one behind the other instead: no network has them, hostile files may.
 */
#define SHARE_MAX 8192

struct buffer {
	int32_t value;
	const struct bnn_life *life;
	uint64_t bytes; /* aligned */
	uint64_t offset;
	bool placed;
};

static uint64_t align_up(uint64_t x)
{
	return (x + BNN_TENSOR_ALIGN - 1) & ~(uint64_t)(BNN_TENSOR_ALIGN - 1);
}

/* Traffic that the activation memory saves, per node it is occupied for. */
static uint64_t benefit(const struct buffer *b)
{
	return b->bytes * b->life->accesses / (b->life->last - b->life->first + 1);
}

static int by_benefit(const void *x, const void *y)
{
	const struct buffer *a = x, *b = y;

	if (benefit(a) != benefit(b))
		return benefit(a) > benefit(b) ? -1 : 1;
	return a->value < b->value ? -1 : a->value > b->value;
}

static int by_size(const void *x, const void *y)
{
	const struct buffer *a = x, *b = y;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->value < b->value ? -1 : a->value > b->value;
}

static bool together(const struct buffer *a, const struct buffer *b)
{
	return a->life->first <= b->life->last && b->life->first <= a->life->last;
}

/*
 * The smallest hole that fits between the placed buffers alive at the same time,
 * else the place behind them. `by_offset` lists the placed ones by their offset.
 */
static uint64_t best_fit(struct buffer *const *by_offset, size_t count, const struct buffer *b,
			 uint64_t limit)
{
	uint64_t end = 0, best = UINT64_MAX, best_room = UINT64_MAX;

	for (size_t i = 0; i < count; i++) {
		const struct buffer *other = by_offset[i];

		if (!together(other, b))
			continue;
		if (other->offset > end) {
			uint64_t room = other->offset - end;

			if (room >= b->bytes && room < best_room) {
				best_room = room;
				best = end;
			}
		}
		if (other->offset + other->bytes > end)
			end = other->offset + other->bytes;
	}
	if (best == UINT64_MAX && end <= limit && limit - end >= b->bytes)
		best = end;
	return best;
}

static void insert(struct buffer **by_offset, size_t count, struct buffer *b)
{
	size_t i = count;

	for (; i > 0 && by_offset[i - 1]->offset > b->offset; i--)
		by_offset[i] = by_offset[i - 1];
	by_offset[i] = b;
}

/* Places what fits below the limit, in the order given. Returns the bytes used. */
static uint64_t place_all(struct buffer *buffers, size_t count, struct buffer **by_offset,
			  uint64_t limit, struct bnn_place *places, uint8_t region)
{
	bool share = count <= SHARE_MAX;
	uint64_t used = 0;
	size_t placed = 0;

	for (size_t i = 0; i < count; i++) {
		struct buffer *b = &buffers[i];
		uint64_t offset;

		if (b->placed || b->bytes > limit)
			continue;
		if (share)
			offset = best_fit(by_offset, placed, b, limit);
		else
			offset = limit - used >= b->bytes ? used : UINT64_MAX;
		if (offset == UINT64_MAX)
			continue;
		b->offset = offset;
		b->placed = true;
		if (share)
			insert(by_offset, placed++, b);
		if (offset + b->bytes > used)
			used = offset + b->bytes;
		places[b->value] = (struct bnn_place){ .region = region, .offset = offset };
	}
	return used;
}

/* Whose memory a buffer needs. */
enum kind { KIND_DEVICE, KIND_EXCHANGE, KIND_CPU };

static enum kind kind_of(const struct bnn_placement *placement, const uint32_t *segment_of,
			 const struct bnn_life *life)
{
	if (!placement)
		return KIND_DEVICE;
	if (segment_of[life->first] != segment_of[life->last])
		return KIND_EXCHANGE;
	return placement->segments[segment_of[life->first]].cpu ? KIND_CPU : KIND_DEVICE;
}

static size_t collect(const struct bnn_net *net, const struct bnn_placement *placement,
		      const uint32_t *segment_of, const struct bnn_life *lives, enum kind kind,
		      struct buffer *buffers)
{
	size_t count = 0;

	for (size_t v = 0; v < net->value_count; v++)
		if (lives[v].accesses && lives[v].buffer == (int32_t)v &&
		    kind_of(placement, segment_of, &lives[v]) == kind)
			buffers[count++] = (struct buffer){
				.value = (int32_t)v,
				.life = &lives[v],
				.bytes = align_up(lives[v].bytes),
			};
	return count;
}

static int check_placed(const struct bnn_net *net, const struct buffer *buffers, size_t count,
			struct bnn_error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!buffers[i].placed)
			return bnn_fail(
				error, BNNACCEL_ERR_UNSUPPORTED,
				"the intermediate values of network '%s' exceed the %u MiB of "
				"device memory a session may use; use backend cpu",
				net->name, (unsigned int)(BNN_SPACE_MAX >> 20));
	return 0;
}

/* The segment of each node; NULL when memory is short. */
static uint32_t *number_segments(const struct bnn_net *net, const struct bnn_placement *placement)
{
	uint32_t *segment_of = calloc(net->node_count + 1, sizeof(*segment_of));

	for (size_t s = 0; segment_of && placement && s < placement->count; s++)
		for (uint32_t i = placement->segments[s].first; i < placement->segments[s].end; i++)
			segment_of[i] = (uint32_t)s;
	return segment_of;
}

int bnn_plan_make(const struct bnn_net *net, const struct bnn_placement *placement, uint64_t onchip,
		  struct bnn_plan *plan, struct bnn_error *error)
{
	size_t values = net->value_count ? net->value_count : 1, count;
	uint32_t *segment_of = number_segments(net, placement);
	struct bnn_life *lives = bnn_liveness(net);
	struct buffer *buffers = calloc(values, sizeof(*buffers));
	struct buffer **by_offset = calloc(values, sizeof(*by_offset));
	int ret = 0;

	memset(plan, 0, sizeof(*plan));
	plan->places = calloc(values, sizeof(*plan->places));
	if (!segment_of || !lives || !buffers || !by_offset || !plan->places) {
		ret = bnn_fail(error, BNNACCEL_ERR_MEMORY, "no memory to plan network '%s'",
			       net->name);
		goto out;
	}
	for (size_t v = 0; v < values; v++)
		plan->places[v].region = BNN_PLACE_UNUSED;
	count = collect(net, placement, segment_of, lives, KIND_DEVICE, buffers);
	if (onchip) {
		qsort(buffers, count, sizeof(*buffers), by_benefit);
		plan->onchip_bytes = place_all(buffers, count, by_offset, onchip, plan->places,
					       BNN_REGION_ONCHIP);
	}
	qsort(buffers, count, sizeof(*buffers), by_size);
	plan->scratch_bytes = place_all(buffers, count, by_offset, BNN_SPACE_MAX, plan->places,
					BNN_PROGRAM_SCRATCH);
	ret = check_placed(net, buffers, count, error);
	count = collect(net, placement, segment_of, lives, KIND_EXCHANGE, buffers);
	qsort(buffers, count, sizeof(*buffers), by_size);
	plan->exchange_bytes = place_all(buffers, count, by_offset, BNN_SPACE_MAX, plan->places,
					 BNN_PROGRAM_EXCHANGE);
	if (!ret)
		ret = check_placed(net, buffers, count, error);
	for (size_t v = 0; v < net->value_count; v++)
		if (lives[v].buffer != (int32_t)v)
			plan->places[v] = plan->places[lives[v].buffer];
out:
	free(segment_of);
	free(lives);
	free(buffers);
	free(by_offset);
	if (ret)
		bnn_plan_free(plan);
	return ret;
}

void bnn_plan_free(struct bnn_plan *plan)
{
	free(plan->places);
	memset(plan, 0, sizeof(*plan));
}
