/* SPDX-License-Identifier: MIT */
/* Bus transactions: pages of the host's memory, and the faults injected there. */
#include "core.h"

bool bus_read(struct bnn_core *core, uint64_t addr, void *buf, uint32_t len)
{
	charge_bytes(core, len);
	if (core->poke.read && !core->poke.reads--) {
		core->poke.read = false;
		return false;
	}
	return core->host.dma_read(core->host.opaque, addr, buf, len) == 0;
}

bool bus_write(struct bnn_core *core, uint64_t addr, const void *buf, uint32_t len)
{
	charge_bytes(core, len);
	if (core->poke.write && !core->poke.writes--) {
		core->poke.write = false;
		return false;
	}
	return core->host.dma_write(core->host.opaque, addr, buf, len) == 0;
}
