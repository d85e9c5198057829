/* SPDX-License-Identifier: MIT */
/*
 * A core that errs: the model, but for one bit. Which one is a matter of the
 * environment variable LIE: "data" of each result, "status" of each completion.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "bnn_core.h"
#include "bnn_hw.h"

static struct bnn_core_host host; /* one core at a time */
static const struct bnn_core_ops *model;

static int lying_write(void *opaque, uint64_t addr, const void *buf, uint32_t len)
{
	const char *lie = getenv("LIE");
	uint8_t copy[BNN_PAGE_SIZE];

	memcpy(copy, buf, len);
	if (!strcmp(lie, "data") && len != BNN_SIZEOF_COMPLETION && len != 8)
		copy[len - 1] ^= 0x10;
	if (!strcmp(lie, "status") && len == BNN_SIZEOF_COMPLETION)
		copy[BNN_COMPLETION_STATUS] ^= 1;
	return host.dma_write(opaque, addr, copy, len);
}

static struct bnn_core *create(const struct bnn_core_host *h, const char *options, char *err,
			       size_t len)
{
	struct bnn_core_host lying = *h;

	host = *h;
	lying.dma_write = lying_write;
	return model->create(&lying, options, err, len);
}

__attribute__((visibility("default"))) const struct bnn_core_ops *bnn_core_entry(void);

const struct bnn_core_ops *bnn_core_entry(void)
{
	static struct bnn_core_ops ops;
	void *library = dlopen(getenv("LIAR_MODEL"), RTLD_NOW | RTLD_LOCAL);
	bnn_core_entry_fn entry =
		library ? (bnn_core_entry_fn)dlsym(library, BNN_CORE_ENTRY) : NULL;

	if (!entry)
		return NULL;
	model = entry();
	ops = *model;
	ops.name = "liar";
	ops.create = create;
	return &ops;
}
