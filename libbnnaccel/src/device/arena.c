// SPDX-License-Identifier: MIT
#include "arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bnn_hw.h"

#define PAGE BNN_PAGE_SIZE
#define BLOCK BNN_BLOCK_SIZE
#define PAGES (BLOCK / PAGE) /* per block */

/* The bus: 4,096 blocks of 2 MiB, more than the 4 GiB a device may address, used out of order. */
#define BUS_BLOCKS 4096
#define BUS_BLOCKS_32 1024
#define BLOCK_STEP 1597
#define PAGE_STEP 197
#define BUS_BASE_40 (3ull << 38)
#define BUS_BASE_32 (1ull << 30)
/* Pages are taken from this many blocks in turn. */
#define OPEN_BLOCKS 4

#define DIRECTORY_BYTES (BNN_DIRECTORY_ENTRIES * BNN_SIZEOF_PTE)
#define VA_END (1ull << 32)

struct page {
	uint8_t *host;
	bool device_writes;
};

struct mapping {
	void *host;
	uint64_t bytes;
	struct mapping *next;
};

struct bnn_arena {
	uint64_t bus_base;
	uint32_t bus_blocks;
	bool scattered;
	struct page *blocks[BUS_BLOCKS]; /* PAGES entries each */
	uint32_t blocks_used;
	uint32_t open[OPEN_BLOCKS]; /* blocks that single pages come from */
	uint32_t pages_used;
	uint64_t *directory;
	uint64_t directory_bus;
	uint64_t *leaves[BNN_DIRECTORY_ENTRIES];
	uint64_t va_next;
	struct mapping *mappings;
};

/* ---- the bus ---- */

static int take_block(struct bnn_arena *arena, uint32_t *block)
{
	uint32_t b;

	if (arena->blocks_used == arena->bus_blocks)
		return -1;
	b = arena->blocks_used * BLOCK_STEP % arena->bus_blocks;
	arena->blocks[b] = calloc(PAGES, sizeof(struct page));
	if (!arena->blocks[b])
		return -1;
	arena->blocks_used++;
	*block = b;
	return 0;
}

static uint64_t bus_address(const struct bnn_arena *arena, uint32_t block, uint32_t page)
{
	return arena->bus_base + (uint64_t)block * BLOCK + (uint64_t)page * PAGE;
}

static void set_page(struct bnn_arena *arena, uint32_t block, uint32_t page, void *host,
		     bool device_writes)
{
	arena->blocks[block][page] = (struct page){ host, device_writes };
}

/* Gives one page of host memory a place on the bus; 0 = none left. */
static uint64_t attach_page(struct bnn_arena *arena, void *host, bool device_writes)
{
	uint32_t n = arena->pages_used % (OPEN_BLOCKS * PAGES);
	uint32_t page = n / OPEN_BLOCKS * PAGE_STEP % PAGES, block;

	if (n < OPEN_BLOCKS && take_block(arena, &arena->open[n]))
		return 0;
	arena->pages_used++;
	block = arena->open[n % OPEN_BLOCKS];
	set_page(arena, block, page, host, device_writes);
	return bus_address(arena, block, page);
}

/* The same for 2 MiB, contiguous; 0 = none left. */
static uint64_t attach_block(struct bnn_arena *arena, uint8_t *host, bool device_writes)
{
	uint32_t block;

	if (take_block(arena, &block))
		return 0;
	for (uint32_t i = 0; i < PAGES; i++)
		set_page(arena, block, i, host + (size_t)i * PAGE, device_writes);
	return bus_address(arena, block, 0);
}

static const struct page *find_page(const struct bnn_arena *arena, uint64_t addr)
{
	uint64_t block = (addr - arena->bus_base) / BLOCK;
	const struct page *page;

	if (addr < arena->bus_base || block >= arena->bus_blocks || !arena->blocks[block])
		return NULL;
	page = &arena->blocks[block][addr / PAGE % PAGES];
	return page->host ? page : NULL;
}

int bnn_arena_dma_read(const struct bnn_arena *arena, uint64_t addr, void *buf, uint32_t len)
{
	const struct page *page = find_page(arena, addr);

	if (!page || len > PAGE - addr % PAGE)
		return -1;
	memcpy(buf, page->host + addr % PAGE, len);
	return 0;
}

int bnn_arena_dma_write(const struct bnn_arena *arena, uint64_t addr, const void *buf, uint32_t len)
{
	const struct page *page = find_page(arena, addr);

	if (!page || !page->device_writes || len > PAGE - addr % PAGE)
		return -1;
	memcpy(page->host + addr % PAGE, buf, len);
	return 0;
}

/* ---- host memory ---- */

/* Page-aligned and zeroed; only touched pages cost memory. Freed with the arena. */
static void *host_memory(struct bnn_arena *arena, uint64_t bytes)
{
	struct mapping *m = malloc(sizeof(*m));
	void *host;

	if (!m)
		return NULL;
	host = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (host == MAP_FAILED) {
		free(m);
		return NULL;
	}
	*m = (struct mapping){ host, bytes, arena->mappings };
	arena->mappings = m;
	return host;
}

void *bnn_arena_coherent(struct bnn_arena *arena, uint32_t size, uint32_t align, bool device_writes,
			 uint64_t *bus)
{
	/* A block each is wasteful on the bus only: it costs no memory. */
	uint32_t pages = (size + PAGE - 1) / PAGE, block;
	uint8_t *host = host_memory(arena, (uint64_t)pages * PAGE);

	if (!host || align > BLOCK || pages > PAGES || take_block(arena, &block))
		return NULL;
	for (uint32_t i = 0; i < pages; i++)
		set_page(arena, block, i, host + (size_t)i * PAGE, device_writes);
	*bus = bus_address(arena, block, 0);
	return host;
}

/* ---- page tables ---- */

static uint64_t *leaf_table(struct bnn_arena *arena, uint32_t index)
{
	uint64_t *leaf = arena->leaves[index], bus;

	if (leaf)
		return leaf;
	leaf = host_memory(arena, PAGE);
	bus = leaf ? attach_page(arena, leaf, false) : 0;
	if (!bus)
		return NULL;
	arena->leaves[index] = leaf;
	arena->directory[index] = bus | BNN_PTE_V;
	return leaf;
}

static int map_page(struct bnn_arena *arena, uint64_t va, uint8_t *host, bool device_writes)
{
	uint64_t *leaf = leaf_table(arena, (uint32_t)(va / BLOCK));
	uint64_t bus = leaf ? attach_page(arena, host, device_writes) : 0;

	if (!bus)
		return -1;
	leaf[va / PAGE % BNN_LEAF_ENTRIES] = bus | BNN_PTE_V | (device_writes ? BNN_PTE_W : 0);
	return 0;
}

static int map_block(struct bnn_arena *arena, uint64_t va, uint8_t *host, bool device_writes)
{
	uint64_t bus = attach_block(arena, host, device_writes);

	if (!bus)
		return -1;
	arena->directory[va / BLOCK] =
		bus | BNN_PTE_V | BNN_PTE_B | (device_writes ? BNN_PTE_W : 0);
	return 0;
}

void *bnn_arena_map(struct bnn_arena *arena, uint64_t bytes, bool device_writes, uint64_t *va)
{
	uint64_t start = arena->va_next, size, done = 0;
	uint8_t *host;

	if (!bytes || bytes > VA_END)
		return NULL;
	size = (bytes + PAGE - 1) / PAGE * PAGE;
	if (size >= BLOCK)
		start = (start + BLOCK - 1) / BLOCK * BLOCK;
	if (start + size > VA_END)
		return NULL;
	host = host_memory(arena, size);
	if (!host)
		return NULL;
	while (done < size) {
		uint64_t at = start + done;
		/* Large buffers mix both kinds of entries. */
		bool block = !arena->scattered && at % BLOCK == 0 && size - done >= BLOCK &&
			     at / BLOCK % 2;

		if (block ? map_block(arena, at, host + done, device_writes)
			  : map_page(arena, at, host + done, device_writes))
			return NULL;
		done += block ? BLOCK : PAGE;
	}
	*va = start;
	/* An unmapped page behind each buffer, so that running over its end is found. */
	arena->va_next = start + size + PAGE;
	return host;
}

uint64_t bnn_arena_directory(const struct bnn_arena *arena)
{
	return arena->directory_bus;
}

struct bnn_arena *bnn_arena_new(unsigned int bus_bits, bool scattered)
{
	struct bnn_arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		return NULL;
	arena->scattered = scattered;
	/* Addresses beyond 32 bits, where the core has them. */
	arena->bus_base = bus_bits >= 40 ? BUS_BASE_40 : BUS_BASE_32;
	arena->bus_blocks = bus_bits >= 40 ? BUS_BLOCKS : BUS_BLOCKS_32;
	/* Address 0 stays free, and so does page 0. */
	arena->va_next = 5 * PAGE;
	arena->directory = bnn_arena_coherent(arena, DIRECTORY_BYTES, DIRECTORY_BYTES, false,
					      &arena->directory_bus);
	if (!arena->directory) {
		bnn_arena_free(arena);
		return NULL;
	}
	return arena;
}

void bnn_arena_free(struct bnn_arena *arena)
{
	if (!arena)
		return;
	while (arena->mappings) {
		struct mapping *m = arena->mappings;

		arena->mappings = m->next;
		munmap(m->host, m->bytes);
		free(m);
	}
	for (uint32_t i = 0; i < BUS_BLOCKS; i++)
		free(arena->blocks[i]);
	free(arena);
}
