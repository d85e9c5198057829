/* SPDX-License-Identifier: MIT */
/* The bytes that a reference of a command names, wherever they lie; scratch memory. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

static bool transfer(struct bnn_core *core, const struct ref *r, uint64_t off, uint8_t *buf,
		     uint64_t len, bool write)
{
	uint64_t at = r->base + off;

	/* decode() has checked the extent; this holds even if a step were wrong. */
	if (off > r->extent || len > r->extent - off)
		return fault_access(core, BNN_STATUS_BAD_BOUNDS, r, 0);
	if (r->stream == STREAM_WEIGHTS && core->poke.flip && len) {
		core->poke.flip = false;
		device_error(core, BNN_ERROR_PARITY, at);
		return fault_access(core, BNN_STATUS_PARITY, r, 0);
	}
	if (r->region == BNN_REGION_ONCHIP) {
		charge_bytes(core, len);
		if (write)
			memcpy(core->act + at, buf, len);
		else
			memcpy(buf, core->act + at, len);
		return true;
	}
	while (len) {
		uint32_t n = (uint32_t)(BNN_PAGE_SIZE - at % BNN_PAGE_SIZE);
		uint64_t bus;
		uint32_t status = mmu_translate(core, (uint32_t)at, write, &bus);

		if (n > len)
			n = (uint32_t)len;
		if (status == BNN_STATUS_BUS_ERROR)
			return fault_access(core, status, r, bus);
		if (status)
			return fault_access(core, status, r, at);
		if (!(write ? bus_write(core, bus, buf, n) : bus_read(core, bus, buf, n)))
			return fault_access(core, BNN_STATUS_BUS_ERROR, r, at);
		at += n;
		buf += n;
		len -= n;
	}
	return true;
}

bool mem_read(struct bnn_core *core, const struct ref *r, uint64_t off, void *buf, uint64_t len)
{
	return transfer(core, r, off, buf, len, false);
}

bool mem_write(struct bnn_core *core, const struct ref *r, uint64_t off, const void *buf,
	       uint64_t len)
{
	return transfer(core, r, off, (uint8_t *)buf, len, true);
}

void *scratch_get(struct bnn_core *core, enum scratch id, uint64_t size)
{
	struct buffer *b = &core->scratch[id];

	if (b->size < size) {
		free(b->data);
		b->data = malloc(size);
		b->size = b->data ? size : 0;
		if (!b->data) {
			core->fault = (struct fault){ .status = BNN_STATUS_BUS_ERROR };
			return NULL;
		}
	}
	return b->data;
}

void scratch_free(struct bnn_core *core)
{
	for (unsigned i = 0; i < SCRATCH_COUNT; i++) {
		free(core->scratch[i].data);
		core->scratch[i] = (struct buffer){ NULL, 0 };
	}
	core->prepared = false;
}
