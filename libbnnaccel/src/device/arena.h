/* SPDX-License-Identifier: MIT */
/*
 * Memory as a core in this process sees it: a bus whose pages lie scattered, and
 * the page tables of one address space. Buffers are contiguous for the host and
 * for the device, but not on the bus, so the core's translation really works.
 *
 * Nothing is ever unmapped, so no translation needs to be dropped.
 */
#ifndef BNN_DEVICE_ARENA_H
#define BNN_DEVICE_ARENA_H

#include <stdbool.h>
#include <stdint.h>

struct bnn_arena;

/*
 * bus_bits: width of the addresses that the core drives, at least 32. scattered: every page
 * has an entry of its own and is anywhere, as in the worst memory a driver may be given;
 * else large buffers also have blocks of 2 MiB.
 */
struct bnn_arena *bnn_arena_new(unsigned int bus_bits, bool scattered);
void bnn_arena_free(struct bnn_arena *arena);

/*
 * Zeroed memory that is contiguous on the bus, as a driver has it for rings and
 * tables. size: at most 2 MiB; align: a power of two up to 2 MiB. NULL: no memory.
 */
void *bnn_arena_coherent(struct bnn_arena *arena, uint32_t size, uint32_t align, bool device_writes,
			 uint64_t *bus);

/* Zeroed memory in the address space. Returns NULL if memory or addresses ran out. */
void *bnn_arena_map(struct bnn_arena *arena, uint64_t bytes, bool device_writes, uint64_t *va);

/* Bus address of the page directory. */
uint64_t bnn_arena_directory(const struct bnn_arena *arena);

/* DMA of the core; non-zero for a bus error. */
int bnn_arena_dma_read(const struct bnn_arena *arena, uint64_t addr, void *buf, uint32_t len);
int bnn_arena_dma_write(const struct bnn_arena *arena, uint64_t addr, const void *buf,
			uint32_t len);

#endif /* BNN_DEVICE_ARENA_H */
