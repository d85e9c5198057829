/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct bnn_core_ops *(*host_linked)(void);

/* ---- TAP ---------------------------------------------------------------- */

static unsigned tap_count, tap_failed;

bool tap_ok(bool pass, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%s %u - ", pass ? "ok" : "not ok", ++tap_count);
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout);
	va_end(ap);
	tap_failed += !pass;
	return pass;
}

void tap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("ok %u - ", ++tap_count);
	vprintf(fmt, ap);
	puts(" # SKIP");
	va_end(ap);
}

void tap_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed != 0;
}

/* ---- random numbers ----------------------------------------------------- */

uint32_t rng_next(struct rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(z >> 32);
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	return n ? rng_next(r) % n : 0;
}

uint32_t rng_range(struct rng *r, uint32_t lo, uint32_t hi)
{
	return lo + rng_below(r, hi - lo + 1);
}

bool rng_one_in(struct rng *r, uint32_t n)
{
	return rng_below(r, n) == 0;
}

void rng_fill(struct rng *r, void *data, size_t n)
{
	uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rng_next(r);
}

/* ---- callbacks ---------------------------------------------------------- */

static uint8_t *bus_at(struct host *h, uint64_t addr, uint32_t len)
{
	if (!len || len > BNN_PAGE_SIZE || addr % BNN_PAGE_SIZE + len > BNN_PAGE_SIZE)
		h->stray++;
	if (addr < HOST_BUS || addr - HOST_BUS > HOST_BYTES - len)
		return NULL;
	if (h->closed && addr / BNN_PAGE_SIZE == h->closed / BNN_PAGE_SIZE)
		h->trespasses++;
	if (addr >= HOST_BUS + HOST_DATA)
		h->last = ((addr - HOST_BUS - HOST_DATA) / BNN_PAGE_SIZE ^ 5) * BNN_PAGE_SIZE;
	return h->mem + (addr - HOST_BUS);
}

static int dma_read(void *opaque, uint64_t addr, void *buf, uint32_t len)
{
	struct host *h = opaque;
	uint8_t *p = bus_at(h, addr, len);

	h->reads++;
	if (!p)
		return -1;
	memcpy(buf, p, len);
	return 0;
}

static int dma_write(void *opaque, uint64_t addr, const void *buf, uint32_t len)
{
	struct host *h = opaque;
	uint8_t *p = bus_at(h, addr, len);
	uint64_t off = addr - HOST_BUS;

	h->writes++;
	if (!p)
		return -1;
	if (off < HOST_TABLES) {
		uint64_t in_queue = off % HOST_RING_BYTES;

		h->clock++;
		h->order_queue = (unsigned)(off / HOST_RING_BYTES);
		if (in_queue < HOST_CQ)
			h->stray++;
		else if (len == 8)
			h->done_at = h->clock;
		else
			h->slot_at = h->clock;
	} else if (off < HOST_DATA) {
		h->stray++;
	}
	memcpy(p, buf, len);
	return 0;
}

static void irq(void *opaque, uint32_t vector)
{
	struct host *h = opaque;

	h->irq_at = ++h->clock;
	if (vector < BNN_IRQ_VECTORS)
		h->irqs[vector]++;
	else
		h->stray++;
}

/* ---- the core ----------------------------------------------------------- */

struct host *host_open(const char *library, const char *options)
{
	struct host *h = calloc(1, sizeof(*h));
	struct bnn_core_host host = { .abi = BNN_CORE_ABI,
				      .opaque = h,
				      .dma_read = dma_read,
				      .dma_write = dma_write,
				      .irq = irq };
	bnn_core_entry_fn entry = NULL;
	char err[256] = "";

	if (!h || !(h->mem = calloc(1, HOST_BYTES)))
		abort();
	if (library) {
		h->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
		if (!h->library) {
			fprintf(stderr, "%s\n", dlerror());
			exit(2);
		}
		*(void **)&entry = dlsym(h->library, BNN_CORE_ENTRY);
	} else {
		entry = host_linked;
	}
	if (!entry) {
		fprintf(stderr, "no core in %s\n", library ? library : "this program");
		exit(2);
	}
	h->ops = entry();
	h->core = h->ops->create(&host, options, err, sizeof(err));
	if (!h->core) {
		fprintf(stderr, "create(%s): %s\n", options ? options : "", err);
		host_close(h);
		return NULL;
	}
	h->slice = UINT64_MAX;
	h->features = host_reg(h, BNN_REG_FEATURES_LO);
	h->act_bytes = (host_reg(h, BNN_REG_CAPS_RAM) & BNN_CAPS_RAM_ACT_KIB) * 1024;
	host_setup(h);
	return h;
}

void host_close(struct host *h)
{
	if (h->core)
		h->ops->destroy(h->core);
	if (h->library)
		dlclose(h->library);
	free(h->mem);
	free(h);
}

uint32_t host_reg(struct host *h, uint32_t offset)
{
	return h->ops->mmio_read(h->core, offset);
}

void host_set(struct host *h, uint32_t offset, uint32_t value)
{
	h->ops->mmio_write(h->core, offset, value);
}

void host_run(struct host *h)
{
	while (h->ops->run(h->core, h->slice) == BNN_CORE_BUSY)
		;
}

/* ---- memory ------------------------------------------------------------- */

/* Neighbours are exchanged in a pattern, so contiguity is never by accident. */
uint64_t host_bus(uint64_t va)
{
	uint64_t page = (va - HOST_VA) / BNN_PAGE_SIZE ^ 5;

	return HOST_BUS + HOST_DATA + page * BNN_PAGE_SIZE + va % BNN_PAGE_SIZE;
}

uint8_t *host_at(struct host *h, uint64_t va)
{
	return h->mem + (host_bus(va) - HOST_BUS);
}

void host_put(struct host *h, uint64_t va, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		*host_at(h, va + i) = p[i];
}

void host_get(struct host *h, uint64_t va, void *data, size_t n)
{
	uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		p[i] = *host_at(h, va + i);
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void store64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint8_t *pde_at(struct host *h, uint64_t va)
{
	return h->mem + HOST_DIRECTORY + (va >> 21) * 8;
}

static uint8_t *pte_at(struct host *h, uint64_t va)
{
	uint64_t pde = load64(pde_at(h, va));

	if (!(pde & BNN_PTE_V)) {
		if (h->leaves == HOST_LEAF_COUNT)
			abort();
		pde = (HOST_BUS + HOST_LEAVES + BNN_PAGE_SIZE * h->leaves++) | BNN_PTE_V;
		store64(pde_at(h, va), pde);
	}
	return h->mem + ((pde & BNN_PTE_ADDR) - HOST_BUS) + (va >> 12 & 511) * 8;
}

uint64_t host_pte(struct host *h, uint64_t va)
{
	return load64(pte_at(h, va));
}

void host_set_pte(struct host *h, uint64_t va, uint64_t pte)
{
	store64(pte_at(h, va), pte);
}

uint64_t host_pde(struct host *h, uint64_t va)
{
	return load64(pde_at(h, va));
}

void host_set_pde(struct host *h, uint64_t va, uint64_t pde)
{
	store64(pde_at(h, va), pde);
}

void host_enable(struct host *h, unsigned q, unsigned depth)
{
	uint32_t at = q * BNN_QUEUE_STRIDE;
	uint64_t ring = HOST_BUS + HOST_RINGS + q * HOST_RING_BYTES, cq = ring + HOST_CQ;

	host_set(h, BNN_REG_Q_CTRL + at, 0);
	host_set(h, BNN_REG_Q_RING_LO + at, (uint32_t)ring);
	host_set(h, BNN_REG_Q_RING_HI + at, (uint32_t)(ring >> 32));
	host_set(h, BNN_REG_Q_CQ_LO + at, (uint32_t)cq);
	host_set(h, BNN_REG_Q_CQ_HI + at, (uint32_t)(cq >> 32));
	host_set(h, BNN_REG_Q_SIZE + at, depth);
	host_set(h, BNN_REG_Q_CTRL + at, BNN_Q_CTRL_EN);
	memset(h->mem + (cq - HOST_BUS), 0xee, HOST_RING_BYTES - HOST_CQ);
	h->tail[q] = 0;
}

void host_setup(struct host *h)
{
	memset(h->mem + HOST_DIRECTORY, 0, HOST_REGIONS - HOST_DIRECTORY);
	memset(h->mem + HOST_LEAVES, 0, HOST_LEAF_COUNT * BNN_PAGE_SIZE);
	h->leaves = 0;
	for (uint64_t at = 0; at < HOST_DATA_BYTES; at += BNN_PAGE_SIZE)
		host_set_pte(h, HOST_VA + at, host_bus(HOST_VA + at) | BNN_PTE_V | BNN_PTE_W);
	host_set(h, BNN_REG_MMU_INV, 0);
	host_set(h, BNN_REG_IRQ_MASK, 0);
	for (unsigned q = 0; q < BNN_QUEUES; q++)
		host_enable(h, q, 16);
}

/* ---- jobs --------------------------------------------------------------- */

static struct bnn_region region(uint64_t at, uint64_t size, uint32_t access)
{
	return (struct bnn_region){ .va = HOST_VA + at, .size = size, .access = access };
}

void job_init(struct job *job, uint32_t count)
{
	memset(job, 0, sizeof(*job));
	job->entry = (struct bnn_job){ .flags = BNN_JOB_FLAGS_IRQ,
				       .ctx = 3,
				       .directory = HOST_BUS + HOST_DIRECTORY,
				       .asid = HOST_ASID,
				       .regions = R_COUNT,
				       .version = 1,
				       .cmd_count = count,
				       .iterations = 1,
				       .budget = UINT32_MAX };
	job->region[R_PROGRAM] = region(0, PROGRAM_BYTES, BNN_REGION_ACCESS_X);
	job->region[R_READ] = region(READ_AT, READ_BYTES, BNN_REGION_ACCESS_R);
	job->region[R_WRITE] = region(WRITE_AT, WRITE_BYTES, BNN_REGION_ACCESS_W);
	job->region[R_BOTH] =
		region(BOTH_AT, BOTH_BYTES, BNN_REGION_ACCESS_R | BNN_REGION_ACCESS_W);
	job->region[R_ALIAS] = job->region[R_BOTH];
	job->region[R_ALIAS].va += ALIAS_SKIP;
	job->region[R_ALIAS].size -= ALIAS_SKIP;
	job->region[R_LOG] = region(LOG_AT, LOG_BYTES, BNN_REGION_ACCESS_PROFILE);
}

void job_program(struct host *h, uint32_t words[][32], uint32_t count)
{
	host_put(h, HOST_VA, words, (size_t)count * BNN_COMMAND_BYTES);
}

/* The structures of bnn_hw.h are as in memory on a little-endian host. */
uint64_t job_submit(struct host *h, unsigned q, struct job *job)
{
	uint32_t depth = host_reg(h, BNN_REG_Q_SIZE + q * BNN_QUEUE_STRIDE);
	uint32_t index = h->tail[q] % depth;
	uint32_t table = HOST_REGIONS + (q * 256 + index) * 1024;

	job->entry.seqno = ++h->seqno;
	if (!job->entry.region_table)
		job->entry.region_table = HOST_BUS + table;
	memcpy(h->mem + table, job->region, sizeof(job->region));
	memcpy(h->mem + HOST_RINGS + q * HOST_RING_BYTES + index * BNN_SIZEOF_JOB, &job->entry,
	       BNN_SIZEOF_JOB);
	host_set(h, BNN_REG_Q_TAIL + q * BNN_QUEUE_STRIDE, ++h->tail[q]);
	return job->entry.seqno;
}

struct bnn_completion job_result_at(struct host *h, unsigned q, uint32_t count)
{
	uint32_t depth = host_reg(h, BNN_REG_Q_SIZE + q * BNN_QUEUE_STRIDE);
	struct bnn_completion c;

	memcpy(&c,
	       h->mem + HOST_RINGS + q * HOST_RING_BYTES + HOST_CQ +
		       (count - 1) % depth * BNN_SIZEOF_COMPLETION,
	       sizeof(c));
	return c;
}

struct bnn_completion job_result(struct host *h, unsigned q)
{
	return job_result_at(h, q, h->tail[q]);
}

struct bnn_completion run_list(struct host *h, uint32_t words[][32], uint32_t count)
{
	struct job job;

	job_program(h, words, count);
	job_init(&job, count);
	job_submit(h, 1, &job);
	host_run(h);
	return job_result(h, 1);
}

struct bnn_completion run_one(struct host *h, const uint32_t *words)
{
	uint32_t list[2][32] = { { 0 } };

	memcpy(list[0], words, sizeof(list[0]));
	cmd_init(list[1], BNN_CMD_END);
	return run_list(h, list, 2);
}

/* ---- commands ----------------------------------------------------------- */

void cmd_init(uint32_t *words, uint32_t opcode)
{
	memset(words, 0, BNN_COMMAND_BYTES);
	words[0] = opcode;
}

static unsigned element_bits(uint32_t format)
{
	static const uint8_t bits[] = { 4, 4, 4, 8, 8, 16, 16, 32 };

	return format < BNN_FORMAT_E_O4 ? 1 : bits[format - BNN_FORMAT_E_O4];
}

void cmd_tensor(uint32_t *words, unsigned word, uint32_t region_index, uint32_t offset,
		uint32_t format, uint32_t w, uint32_t c)
{
	uint32_t natural = 2 * ((c * element_bits(format) + 15) / 16);

	words[word] = offset;
	words[word + 1] = region_index | format << 6 | (w * natural + 15) / 16 << 11;
	words[word + 2] = 0;
}

void cmd_vector(uint32_t *words, unsigned word, uint32_t region_index, uint32_t offset)
{
	words[word] = offset;
	words[word + 1] = region_index;
}

static uint32_t format_features(uint32_t format)
{
	return format >= BNN_FORMAT_E_O4 ? BNN_FEATURES_STREAM
	       : format > BNN_FORMAT_B1	 ? BNN_FEATURES_PLANES
					 : 0;
}

uint32_t cmd_features(const uint32_t *w)
{
	uint32_t in = w[12] >> 6 & 31, out = w[19] >> 6 & 31, need = BNN_FEATURES_BINARY;
	uint32_t outs = w[22] >> 6 & 31, res1 = w[25] >> 6 & 31, res2 = w[28] >> 6 & 31;

	switch (w[0] & 0xff) {
	case BNN_CMD_ENC:
		need |= format_features(out);
		break;
	case BNN_CMD_GATEFOLD:
		need |= BNN_FEATURES_POST;
		break;
	case BNN_CMD_POOL:
		need |= format_features(in);
		break;
	case BNN_CMD_TRANSPOSE:
		need |= BNN_FEATURES_STREAM;
		break;
	case BNN_CMD_CONV:
		if (bnn_field_get(w, BNN_F_CONV_FRAC))
			need |= BNN_FEATURES_FRAC | BNN_FEATURES_POST;
		if (bnn_field_get(w, BNN_F_CONV_WFORMAT))
			need |= BNN_FEATURES_PLANES;
		if (bnn_field_get(w, BNN_F_CONV_GROUPS) > 1 ||
		    bnn_field_get(w, BNN_F_CONV_DH) > 1 || bnn_field_get(w, BNN_F_CONV_DW) > 1)
			need |= BNN_FEATURES_GROUPS;
		if (bnn_field_get(w, BNN_F_CONV_WMODE) == 3)
			need |= BNN_FEATURES_CODEBOOK;
		else if (bnn_field_get(w, BNN_F_CONV_WMODE))
			need |= BNN_FEATURES_TILED;
		/* fall through */
	case BNN_CMD_EW:
		if ((w[0] & 0xff) == BNN_CMD_EW)
			need |= BNN_FEATURES_STREAM | BNN_FEATURES_POST;
		need |= format_features(in) | format_features(out) | format_features(outs) |
			format_features(res1) | format_features(res2);
		if (bnn_field_get(w, BNN_F_CONV_P1) || bnn_field_get(w, BNN_F_CONV_P2) || res1 ||
		    res2 || bnn_field_get(w, BNN_F_CONV_SUM_EN) || outs ||
		    !bnn_field_get(w, BNN_F_CONV_NARROW))
			need |= BNN_FEATURES_POST;
		break;
	}
	return need;
}

uint32_t cmd_lacks(const uint32_t *w, uint32_t features)
{
	uint32_t opcode = w[0] & 0xff, lacks = cmd_features(w) & ~features;

	if ((opcode == BNN_CMD_CONV || opcode == BNN_CMD_EW) &&
	    ((bnn_field_get(w, BNN_F_CONV_P1) && !bnn_field_get(w, BNN_F_CONV_P1_POW2)) ||
	     (bnn_field_get(w, BNN_F_CONV_P2) && !bnn_field_get(w, BNN_F_CONV_P2_POW2))))
		lacks |= features & BNN_FEATURES_SHIFT_ONLY;
	return lacks;
}
