/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bnnaccel: PCIe device around a binary-neural-network core.
 *
 * The core (functional model or Verilated RTL) is a shared object behind the
 * core ABI, bnn_core.h. A worker thread owns it. Rules of this file:
 *
 *  - run() is called without the big lock (BQL). DMA and messages take it, one
 *    burst at a time, and check epoch, stop and fault state under it.
 *  - An MMIO handler never waits for the worker: see bnnaccel-front.h.
 *  - Lock order: BQL, then BnnAccel.lock. Whoever holds the latter takes
 *    nothing and calls neither the core nor QEMU's memory or PCI code.
 *  - Waiting for the worker with the BQL held would deadlock on its DMA, so
 *    the BQL is released round the two waits there are: unrealize and VM stop.
 *  - While the VM is stopped the core does not run; register writes still
 *    reach it, since they cause no DMA. So the mailbox is empty when the state
 *    is saved.
 */
#include "qemu/osdep.h"
#include <dlfcn.h>
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/cutils.h"
#include "qemu/host-utils.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qom/object.h"
#if QEMU_VERSION_MAJOR >= 8
#include "hw/pci/pci_device.h"
#endif
#if QEMU_VERSION_MAJOR >= 10
#include "system/runstate.h"
#else
#include "sysemu/runstate.h"
#endif
#include "bnn_core.h"
#include "bnn_hw.h"
#include "bnnaccel-front.h"

#if QEMU_VERSION_MAJOR < 9
#define bql_lock() qemu_mutex_lock_iothread()
#define bql_unlock() qemu_mutex_unlock_iothread()
#define BNNACCEL_FIELDS VMStateField
#else
#define BNNACCEL_FIELDS const VMStateField
#endif

#define TYPE_BNNACCEL "bnnaccel"
OBJECT_DECLARE_SIMPLE_TYPE(BnnAccel, BNNACCEL)

#define BNNACCEL_MSIX_BAR 2
#define BNNACCEL_MSIX_TABLE 0
#define BNNACCEL_MSIX_PBA 0x1000
#define BNNACCEL_MSIX_SIZE 0x2000
#define BNNACCEL_PM_CAP 0x40
#define BNNACCEL_PCIE_CAP 0x80
#define BNNACCEL_AER_CAP 0x100

#define BNNACCEL_SLICE_MIN 1024
#define BNNACCEL_SLICE_MAX (16 * MiB)
#define BNNACCEL_SLICE_NS (2 * SCALE_MS)
#define BNNACCEL_STATE_MAX (256 * MiB)
#define BNNACCEL_NONE UINT64_MAX

/* Cores run slower than the clock they report: the driver waits longer. */
#define BNNACCEL_WAIT_SHIFT_MODEL 3
#define BNNACCEL_WAIT_SHIFT_RTL 6

/* Work for the owner of the core beside registers and running. */
typedef enum { REQ_NONE, REQ_SAVE, REQ_LOAD } BnnAccelRequest;

/* Faults that a test can set at any time; 0 means off unless stated. */
typedef struct BnnAccelFaults {
    uint64_t hang;
    uint64_t fail_dma_read;
    uint64_t fail_dma_write;
    uint64_t lost_irq;
    uint64_t done_lie;
    uint64_t seqno_lie;
    uint64_t status_lie;
    uint64_t slow_ms;
    uint64_t flip_bit; /* BNNACCEL_NONE: off */
} BnnAccelFaults;

/* What only the worker touches. */
typedef struct BnnAccelWorker {
    bool hang_armed; /* the core will let the next job hang */
    uint32_t regs[BNN_FRONT_WORDS];
    uint64_t cnt[BNN_COUNTERS];
    BnnMail box[BNN_FRONT_BOX];
    uint32_t irqs;      /* raised by the core in this slice */
    bool busy;          /* the core wants to run */
    uint32_t run_queue; /* what ran when the counters were last read */
    uint32_t run_seq;
    uint64_t slice;
    unsigned slices;
} BnnAccelWorker;

struct BnnAccel {
    PCIDevice parent_obj;

    MemoryRegion mmio;
    MemoryRegion msix;

    /* Properties */
    char *core_name;
    char *core_path[3]; /* as core_names */
    char *options;
    char *trace_path;
    uint64_t slice;
    uint32_t id;
    uint32_t version;
    uint8_t wait_shift;
    bool use_msix;

    FILE *trace;
    void *library;
    const struct bnn_core_ops *ops;
    struct bnn_core *core;
    VMChangeStateEntry *vm_state;

    QemuThread thread;
    bool thread_started;
    QemuMutex lock;
    QemuCond wake;      /* the worker has something to do */
    QemuCond parked;    /* the worker has finished a round */

    /* Under lock; epoch and stop are also written with the BQL only. */
    BnnFront front;
    BnnAccelFaults fault;
    bool stop;
    bool running;       /* the VM runs */
    bool in_round;      /* the worker is between two checks of the above */
    bool gone;          /* surprise removal */
    uint32_t round_epoch;
    BnnAccelRequest request;
    int request_result;

    BnnAccelWorker *w;

    /* Saved state */
    uint8_t saved_core[16];
    uint32_t blob_len;
    uint8_t *blob;
};

static void G_GNUC_PRINTF(2, 3)
bnnaccel_trace(BnnAccel *s, const char *format, ...)
{
    va_list args;
    g_autofree char *text = NULL;

    if (!s->trace) {
        return;
    }
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    fprintf(s->trace, "{\"us\":%" PRId64 ",%s}\n",
            qemu_clock_get_us(QEMU_CLOCK_REALTIME), text);
}

static void bnnaccel_kick(BnnAccel *s)
{
    if (s->core) {
        s->ops->request_stop(s->core);
    }
    qemu_cond_signal(&s->wake);
}

/* --- Messages (with the BQL) --- */

static void bnnaccel_send(BnnAccel *s, uint32_t vectors)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    bool message = false;
    unsigned v;

    for (v = 0; v < BNN_IRQ_VECTORS; v++) {
        bool lost = false;

        if (!(vectors & (1u << v))) {
            continue;
        }
        qemu_mutex_lock(&s->lock);
        if (s->gone) {
            lost = true;
        } else if (s->fault.lost_irq) {
            s->fault.lost_irq--;
            lost = true;
        }
        qemu_mutex_unlock(&s->lock);
        bnnaccel_trace(s, "\"ev\":\"irq\",\"vector\":%u,\"lost\":%s", v,
                       lost ? "true" : "false");
        if (lost) {
            continue;
        }
        if (!s->use_msix) {
            message = true;
        } else if (msix_enabled(pdev)) {
            msix_notify(pdev, v);
        }
    }
    if (message && msi_enabled(pdev)) {
        msi_notify(pdev, 0);
    }
}

/* --- What the core calls, from the worker inside run() --- */

/*
 * Whether this write tells how a job ended: the start of a completion slot
 * (*slot) or the count of finished jobs behind the last slot of the queue.
 * Cores may write a slot at once or in beats of 16 bytes.
 */
static bool bnnaccel_is_outcome(BnnAccel *s, uint64_t addr, uint32_t len,
                                unsigned *queue, bool *slot)
{
    unsigned q;

    for (q = 0; q < BNN_QUEUES; q++) {
        const uint32_t *regs = s->w->regs + q * BNN_QUEUE_STRIDE / 4;
        uint64_t cq = regs[BNN_REG_Q_CQ_LO / 4] |
                      (uint64_t)regs[BNN_REG_Q_CQ_HI / 4] << 32;
        uint64_t slots = (uint64_t)regs[BNN_REG_Q_SIZE / 4] *
                         sizeof(struct bnn_completion);
        uint64_t at = addr - cq;

        if (addr < cq || at > slots || !slots) {
            continue;
        }
        *queue = q;
        *slot = at < slots;
        if (*slot) {
            return at % sizeof(struct bnn_completion) == 0 &&
                   len >= BNN_COMPLETION_CMD_WORD;
        }
        return len >= sizeof(uint64_t);
    }
    return false;
}

/* buf: a copy of what the core wrote, to be changed as the faults say. */
static void bnnaccel_outcome(BnnAccel *s, uint8_t *buf, unsigned queue,
                             bool slot)
{
    if (!slot) {
        stq_le_p(buf, ldq_le_p(buf) + s->fault.done_lie);
        bnnaccel_trace(s, "\"ev\":\"done\",\"queue\":%u,\"count\":%" PRIu64,
                       queue, ldq_le_p(buf));
        return;
    }
    stq_le_p(buf, ldq_le_p(buf) + s->fault.seqno_lie);
    if (s->fault.status_lie) {
        stl_le_p(buf + BNN_COMPLETION_STATUS, s->fault.status_lie);
    }
    bnnaccel_trace(s, "\"ev\":\"job\",\"queue\":%u,\"seqno\":%" PRIu64
                   ",\"status\":%u,\"command\":%u", queue, ldq_le_p(buf),
                   ldl_le_p(buf + BNN_COMPLETION_STATUS),
                   ldl_le_p(buf + BNN_COMPLETION_CMD_INDEX));
    if (s->fault.hang > 1 && --s->fault.hang == 1) {
        s->ops->request_stop(s->core);
    }
}

/* For the trace: whether an entry of a ring has been read. */
static void bnnaccel_trace_fetch(BnnAccel *s, uint64_t addr, const uint8_t *buf,
                                 uint32_t len)
{
    unsigned q;

    for (q = 0; q < BNN_QUEUES && len >= sizeof(struct bnn_job); q++) {
        const uint32_t *regs = s->w->regs + q * BNN_QUEUE_STRIDE / 4;
        uint64_t ring = regs[BNN_REG_Q_RING_LO / 4] |
                        (uint64_t)regs[BNN_REG_Q_RING_HI / 4] << 32;
        uint64_t size = (uint64_t)regs[BNN_REG_Q_SIZE / 4] *
                        sizeof(struct bnn_job);

        if (addr >= ring && addr - ring < size) {
            bnnaccel_trace(s, "\"ev\":\"fetch\",\"queue\":%u,\"seqno\":%"
                           PRIu64 ",\"ctx\":%u", q,
                           ldq_le_p(buf + BNN_JOB_SEQNO),
                           ldl_le_p(buf + BNN_JOB_CTX));
            return;
        }
    }
}

/* RAM only: whatever else answers on the bus may call back into this device. */
static int bnnaccel_dma(BnnAccel *s, uint64_t addr, void *buf, uint32_t len,
                        DMADirection dir)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    bool write = dir == DMA_DIRECTION_FROM_DEVICE;
    uint64_t *fail = write ? &s->fault.fail_dma_write
                           : &s->fault.fail_dma_read;
    MemTxAttrs attrs = { .memory = 1 };
    uint8_t page[BNN_PAGE_SIZE];
    const char *why = NULL;
    MemTxResult result;
    unsigned queue;
    bool slot;

    if (!len || addr % BNN_PAGE_SIZE + len > BNN_PAGE_SIZE) {
        qemu_log_mask(LOG_GUEST_ERROR, "bnnaccel: the core made a bad access: "
                      "%u bytes at 0x%" PRIx64 "\n", len, addr);
        return -1;
    }
    attrs.requester_id = pci_requester_id(pdev);
    bql_lock();
    qemu_mutex_lock(&s->lock);
    if (s->round_epoch != s->front.epoch) {
        why = "reset";
    } else if (s->stop || s->gone) {
        why = "gone";
    } else if (*fail && --*fail == 0) {
        why = "injected";
    } else if (write && bnnaccel_is_outcome(s, addr, len, &queue, &slot)) {
        memcpy(page, buf, len);
        bnnaccel_outcome(s, page, queue, slot);
        buf = page;
    }
    qemu_mutex_unlock(&s->lock);
    if (!why) {
        result = pci_dma_rw(pdev, addr, buf, len, dir, attrs);
        if (result != MEMTX_OK) {
            why = "bus";
        }
    }
    bql_unlock();
    if (why) {
        bnnaccel_trace(s, "\"ev\":\"dma-error\",\"write\":%s,\"addr\":%" PRIu64
                       ",\"len\":%u,\"why\":\"%s\"", write ? "true" : "false",
                       addr, len, why);
        return -1;
    }
    if (!write && s->trace) {
        bnnaccel_trace_fetch(s, addr, buf, len);
    }
    return 0;
}

static int bnnaccel_dma_read(void *opaque, uint64_t addr, void *buf,
                             uint32_t len)
{
    return bnnaccel_dma(opaque, addr, buf, len, DMA_DIRECTION_TO_DEVICE);
}

static int bnnaccel_dma_write(void *opaque, uint64_t addr, const void *buf,
                              uint32_t len)
{
    return bnnaccel_dma(opaque, addr, (void *)buf, len,
                        DMA_DIRECTION_FROM_DEVICE);
}

/*
 * The message goes out after the slice, when the registers that the guest's
 * handler reads are published; ask for the slice to end.
 */
static void bnnaccel_irq(void *opaque, uint32_t vector)
{
    BnnAccel *s = opaque;

    if (vector < BNN_IRQ_VECTORS) {
        s->w->irqs |= 1u << vector;
        s->ops->request_stop(s->core);
    }
}

static void bnnaccel_core_log(void *opaque, enum bnn_core_log level,
                              const char *text)
{
    if (level == BNN_CORE_LOG_ERROR) {
        qemu_log_mask(LOG_GUEST_ERROR, "bnnaccel: %s\n", text);
    }
}

/* --- The worker --- */

static uint32_t bnnaccel_core_read(BnnAccel *s, uint32_t offset)
{
    return s->ops->mmio_read(s->core, offset);
}

static void bnnaccel_core_write(BnnAccel *s, uint32_t offset, uint32_t value)
{
    s->ops->mmio_write(s->core, offset, value);
}

static void bnnaccel_read_all(BnnAccel *s)
{
    uint32_t offset;

    for (offset = 0; offset < BNN_FRONT_WORDS * 4; offset += 4) {
        if (bnn_front_readable(offset) &&
            (offset < BNN_REG_CNT ||
             offset >= BNN_REG_CNT + BNN_COUNTERS * 8)) {
            s->w->regs[offset / 4] = bnnaccel_core_read(s, offset);
        }
    }
}

static void bnnaccel_read_live(BnnAccel *s)
{
    static const uint32_t live[] = {
        BNN_REG_RESET_STATUS, BNN_REG_RESET_COUNT, BNN_REG_ERROR_INFO,
        BNN_REG_MMU_INV_STATUS, BNN_REG_RUN_QUEUE, BNN_REG_RUN_SEQ,
        BNN_REG_PROGRESS, BNN_REG_PROGRESS2, BNN_REG_LAST_RUN_QUEUE,
        BNN_REG_LAST_RUN_SEQ, BNN_REG_TIMESTAMP_LO, BNN_REG_TIMESTAMP_HI,
    };
    static const uint32_t live_queue[] = {
        BNN_REG_Q_CTRL, BNN_REG_Q_STATUS, BNN_REG_Q_HEAD,
    };
    unsigned i, q;

    for (i = 0; i < ARRAY_SIZE(live); i++) {
        s->w->regs[live[i] / 4] = bnnaccel_core_read(s, live[i]);
    }
    for (q = 0; q < BNN_QUEUES; q++) {
        for (i = 0; i < ARRAY_SIZE(live_queue); i++) {
            uint32_t offset = live_queue[i] + q * BNN_QUEUE_STRIDE;

            s->w->regs[offset / 4] = bnnaccel_core_read(s, offset);
        }
    }
}

static void bnnaccel_read_counters(BnnAccel *s)
{
    unsigned i;

    bnnaccel_core_write(s, BNN_REG_CNT_CTRL, BNN_CNT_CTRL_SNAPSHOT);
    for (i = 0; i < BNN_COUNTERS; i++) {
        uint32_t offset = BNN_REG_CNT + i * 8;

        s->w->cnt[i] = bnnaccel_core_read(s, offset) |
                       (uint64_t)bnnaccel_core_read(s, offset + 4) << 32;
    }
}

/* Whether another job runs than at the last look, or none. */
static bool bnnaccel_next_job(BnnAccel *s)
{
    BnnAccelWorker *w = s->w;
    uint32_t queue = w->regs[BNN_REG_RUN_QUEUE / 4];
    uint32_t seq = w->regs[BNN_REG_RUN_SEQ / 4];
    bool other = !queue || queue != w->run_queue || seq != w->run_seq;

    w->run_queue = queue;
    w->run_seq = seq;
    return other;
}

/*
 * Interrupts are masked and latched in the front end: the core's own mask
 * stays open and its latches are emptied, so that each bit is a new event.
 */
static uint32_t bnnaccel_collect_events(BnnAccel *s)
{
    uint32_t status = bnnaccel_core_read(s, BNN_REG_IRQ_STATUS);
    uint32_t error = bnnaccel_core_read(s, BNN_REG_ERROR);

    if (status) {
        bnnaccel_core_write(s, BNN_REG_IRQ_STATUS, status);
    }
    if (error) {
        bnnaccel_core_write(s, BNN_REG_ERROR, error);
    }
    if (!(s->w->regs[BNN_REG_RESET_STATUS / 4] & BNN_RESET_STATUS_BUSY) &&
        bnnaccel_core_read(s, BNN_REG_IRQ_MASK)) {
        bnnaccel_core_write(s, BNN_REG_IRQ_MASK, 0);
    }
    return error;
}

static void bnnaccel_apply(BnnAccel *s, unsigned count)
{
    BnnAccelWorker *w = s->w;
    unsigned i;

    for (i = 0; i < count; i++) {
        if (w->box[i].offset == BNN_REG_CTRL) {
            w->irqs = 0;
            bnnaccel_trace(s, "\"ev\":\"reset\",\"kind\":\"soft\"");
        }
        bnnaccel_core_write(s, w->box[i].offset, w->box[i].value);
        if (w->box[i].offset == BNN_REG_CTRL &&
            !(bnnaccel_core_read(s, BNN_REG_RESET_STATUS) &
              BNN_RESET_STATUS_BUSY)) {
            bnnaccel_core_write(s, BNN_REG_IRQ_MASK, 0);
        }
    }
}

static uint64_t bnnaccel_timestamp(BnnAccel *s)
{
    uint64_t lo = bnnaccel_core_read(s, BNN_REG_TIMESTAMP_LO);

    return lo | (uint64_t)bnnaccel_core_read(s, BNN_REG_TIMESTAMP_HI) << 32;
}

/* Slices take about as long as it may take to publish progress. */
static void bnnaccel_run_slice(BnnAccel *s)
{
    BnnAccelWorker *w = s->w;
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    uint64_t before = bnnaccel_timestamp(s);
    uint64_t cycles, fit;
    int64_t took;

    w->busy = s->ops->run(s->core, s->slice ? s->slice : w->slice) ==
              BNN_CORE_BUSY;
    took = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start;
    cycles = bnnaccel_timestamp(s) - before;
    if (cycles && took > 10 * SCALE_US) {
        fit = muldiv64(MIN(cycles, UINT32_MAX), BNNACCEL_SLICE_NS,
                       MIN(took, UINT32_MAX));
        fit = MIN(fit, 4 * w->slice);
        w->slice = MAX(MIN(fit, BNNACCEL_SLICE_MAX), BNNACCEL_SLICE_MIN);
    }
}

static int bnnaccel_serve(BnnAccel *s, BnnAccelRequest request)
{
    size_t len;

    switch (request) {
    case REQ_SAVE:
        len = s->ops->save(s->core, NULL, 0);
        if (!len || len > BNNACCEL_STATE_MAX) {
            return -1;
        }
        s->blob = g_malloc0(len);
        s->blob_len = len;
        return s->ops->save(s->core, s->blob, len) == len ? 0 : -1;
    case REQ_LOAD:
        s->w->busy = true;
        return s->ops->load(s->core, s->blob, s->blob_len);
    default:
        return -1;
    }
}

/* Called with the lock, which is released meanwhile. */
static void bnnaccel_round(BnnAccel *s)
{
    BnnAccelWorker *w = s->w;
    BnnAccelRequest request = s->request;
    bool run, flr, hang, counters;
    unsigned count;
    uint64_t seq, flip;
    uint32_t epoch, error, send;
    int result = 0;

    count = bnn_front_take(&s->front, w->box, &epoch, &seq, &flr);
    run = s->running && !s->gone && !s->stop;
    hang = s->fault.hang == 1;
    flip = s->fault.flip_bit;
    if (hang) {
        s->fault.hang = 0;
    }
    s->fault.flip_bit = BNNACCEL_NONE;
    s->round_epoch = epoch;
    s->in_round = true;
    qemu_mutex_unlock(&s->lock);

    w->irqs = 0;
    if (flr) {
        bnnaccel_trace(s, "\"ev\":\"reset\",\"kind\":\"function\"");
        s->ops->reset(s->core, BNN_CORE_RESET_FLR);
        bnnaccel_core_write(s, BNN_REG_IRQ_MASK, 0);
        hang |= w->hang_armed; /* the reset disarmed it */
    }
    if (hang) {
        w->hang_armed = !s->ops->poke(s->core, BNN_CORE_POKE_HANG, 0);
        if (!w->hang_armed) {
            bnnaccel_trace(s, "\"ev\":\"unsupported\",\"fault\":\"hang\"");
        }
    }
    if (flip != BNNACCEL_NONE &&
        s->ops->poke(s->core, BNN_CORE_POKE_FLIP_BIT, flip)) {
        bnnaccel_trace(s, "\"ev\":\"unsupported\",\"fault\":\"flip-bit\"");
    }
    bnnaccel_apply(s, count);
    if (request != REQ_NONE) {
        result = bnnaccel_serve(s, request);
    }
    if (flr || count || request == REQ_LOAD) {
        w->busy = true;
        bnnaccel_read_all(s); /* bnnaccel_is_outcome() needs the queues */
    }
    if (run && w->busy) {
        bnnaccel_run_slice(s);
    }
    if (w->regs[BNN_REG_RESET_STATUS / 4] & BNN_RESET_STATUS_BUSY) {
        bnnaccel_read_all(s); /* the queues are being cleared */
    } else {
        bnnaccel_read_live(s);
    }
    if (w->regs[BNN_REG_RUN_QUEUE / 4]) {
        w->hang_armed = false; /* this job is the one */
    }
    error = bnnaccel_collect_events(s);
    counters = !w->busy || w->slices++ % 32 == 0 || request == REQ_LOAD ||
               bnnaccel_next_job(s);
    if (counters) {
        bnnaccel_read_counters(s);
    }

    qemu_mutex_lock(&s->lock);
    if (bnn_front_publish(&s->front, epoch, seq, w->regs, error,
                          counters ? w->cnt : NULL) && w->irqs) {
        qemu_mutex_unlock(&s->lock);
        bql_lock();
        qemu_mutex_lock(&s->lock);
        send = s->stop ? 0 : bnn_front_raise(&s->front, epoch, seq, w->irqs);
        qemu_mutex_unlock(&s->lock);
        if (send) {
            bnnaccel_send(s, send);
        }
        bql_unlock();
        qemu_mutex_lock(&s->lock);
    }
    if (request != REQ_NONE) {
        s->request = REQ_NONE;
        s->request_result = result;
    }
    s->in_round = false;
    qemu_cond_broadcast(&s->parked);
}

static bool bnnaccel_has_work(BnnAccel *s)
{
    return s->front.count || s->front.flr || s->request != REQ_NONE ||
           s->fault.hang == 1 || s->fault.flip_bit != BNNACCEL_NONE ||
           (s->w->busy && s->running && !s->gone);
}

static void *bnnaccel_worker(void *opaque)
{
    BnnAccel *s = opaque;

    rcu_register_thread();
    qemu_mutex_lock(&s->lock);
    while (!s->stop) {
        if (!bnnaccel_has_work(s)) {
            qemu_cond_wait(&s->wake, &s->lock);
            continue;
        }
        bnnaccel_round(s);
        if (s->fault.slow_ms && s->w->busy && !s->stop && !s->front.count) {
            qemu_cond_timedwait(&s->wake, &s->lock,
                                MIN(s->fault.slow_ms, 1000));
        }
    }
    qemu_mutex_unlock(&s->lock);
    rcu_unregister_thread();
    return NULL;
}

/* Has the worker do something; the VM is stopped. Called with the BQL. */
static int bnnaccel_ask(BnnAccel *s, BnnAccelRequest request)
{
    int result;

    qemu_mutex_lock(&s->lock);
    if (s->running) {
        /* Nobody saves a running VM; waiting for its DMA would deadlock. */
        qemu_mutex_unlock(&s->lock);
        return -1;
    }
    s->request = request;
    bnnaccel_kick(s);
    while (s->request != REQ_NONE) {
        qemu_cond_wait(&s->parked, &s->lock);
    }
    result = s->request_result;
    qemu_mutex_unlock(&s->lock);
    return result;
}

static void bnnaccel_vm_state(void *opaque, bool running, RunState state)
{
    BnnAccel *s = opaque;

    qemu_mutex_lock(&s->lock);
    s->running = running;
    bnnaccel_kick(s);
    qemu_mutex_unlock(&s->lock);
    if (!running) {
        /* Nothing may write to memory any more when this returns. */
        bql_unlock();
        qemu_mutex_lock(&s->lock);
        while (s->in_round) {
            qemu_cond_wait(&s->parked, &s->lock);
        }
        qemu_mutex_unlock(&s->lock);
        bql_lock();
    }
    bnnaccel_trace(s, "\"ev\":\"vm\",\"running\":%s",
                   running ? "true" : "false");
}

/* --- What the guest calls --- */

static bool bnnaccel_asleep(BnnAccel *s)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    return pci_get_word(pdev->config + BNNACCEL_PM_CAP + PCI_PM_CTRL) &
           PCI_PM_CTRL_STATE_MASK;
}

static uint64_t bnnaccel_mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    BnnAccel *s = opaque;
    uint32_t value;

    if (s->gone || bnnaccel_asleep(s)) {
        return UINT64_MAX;
    }
    if (size != 4 || addr & 3) {
        qemu_log_mask(LOG_GUEST_ERROR, "bnnaccel: read of %u bytes at 0x%"
                      HWADDR_PRIx ": only 4 aligned bytes are allowed\n",
                      size, addr);
        return 0;
    }
    qemu_mutex_lock(&s->lock);
    value = bnn_front_read(&s->front, addr);
    qemu_mutex_unlock(&s->lock);
    switch (addr) {
    case BNN_REG_ID:
        value = s->id ? s->id : value;
        break;
    case BNN_REG_VERSION:
        value = s->version ? s->version : value;
        break;
    case BNN_REG_WAIT_SHIFT:
        value = s->wait_shift;
        break;
    }
    bnnaccel_trace(s, "\"ev\":\"read\",\"reg\":\"%s\",\"offset\":%u,"
                   "\"value\":%u", bnn_front_name(addr), (unsigned)addr, value);
    return value;
}

static void bnnaccel_mmio_write(void *opaque, hwaddr addr, uint64_t value,
                                unsigned size)
{
    BnnAccel *s = opaque;
    BnnFrontEffect effect;

    if (s->gone || bnnaccel_asleep(s)) {
        return;
    }
    if (size != 4 || addr & 3) {
        qemu_log_mask(LOG_GUEST_ERROR, "bnnaccel: write of %u bytes at 0x%"
                      HWADDR_PRIx ": only 4 aligned bytes are allowed\n",
                      size, addr);
        return;
    }
    bnnaccel_trace(s, "\"ev\":\"write\",\"reg\":\"%s\",\"offset\":%u,"
                   "\"value\":%u", bnn_front_name(addr), (unsigned)addr,
                   (uint32_t)value);
    qemu_mutex_lock(&s->lock);
    bnn_front_write(&s->front, addr, value, &effect);
    if (effect.kick) {
        bnnaccel_kick(s);
    }
    qemu_mutex_unlock(&s->lock);
    if (effect.complaint) {
        qemu_log_mask(LOG_GUEST_ERROR, "bnnaccel: write of 0x%x to %s (0x%x): "
                      "%s\n", (uint32_t)value, bnn_front_name(addr),
                      (unsigned)addr, effect.complaint);
    }
    if (effect.raise) {
        bnnaccel_send(s, effect.raise);
    }
}

/*
 * All sizes are let in and refused in the handlers: with max_access_size 4 here
 * the memory core would make two accesses of a 64-bit one.
 */
static const MemoryRegionOps bnnaccel_mmio_ops = {
    .read = bnnaccel_mmio_read,
    .write = bnnaccel_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

static uint32_t bnnaccel_config_read(PCIDevice *pdev, uint32_t addr, int len)
{
    return BNNACCEL(pdev)->gone ? UINT32_MAX
                                : pci_default_read_config(pdev, addr, len);
}

static void bnnaccel_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val,
                                  int len)
{
    BnnAccel *s = BNNACCEL(pdev);
    BnnFrontEffect effect;
    bool was_asleep = bnnaccel_asleep(s);

    if (s->gone) {
        return;
    }
    pci_default_write_config(pdev, addr, val, len);
    pcie_cap_flr_write_config(pdev, addr, val, len);
    pcie_aer_write_config(pdev, addr, val, len);
    if (was_asleep && !bnnaccel_asleep(s)) {
        qemu_mutex_lock(&s->lock);
        bnn_front_write(&s->front, BNN_REG_CTRL, BNN_CTRL_RESET, &effect);
        bnnaccel_kick(s);
        qemu_mutex_unlock(&s->lock);
    }
}

/* Function level, bus and system reset. Waits for nothing. */
#if QEMU_VERSION_MAJOR >= 9
static void bnnaccel_reset_hold(Object *obj, ResetType type)
#else
static void bnnaccel_reset_hold(Object *obj)
#endif
{
    BnnAccel *s = BNNACCEL(obj);

    qemu_mutex_lock(&s->lock);
    bnn_front_reset(&s->front);
    bnnaccel_kick(s);
    qemu_mutex_unlock(&s->lock);
    pcie_cap_deverr_reset(PCI_DEVICE(s));
}

/* --- Saved state --- */

static int bnnaccel_pre_save(void *opaque)
{
    BnnAccel *s = opaque;

    g_clear_pointer(&s->blob, g_free);
    s->blob_len = 0;
    pstrcpy((char *)s->saved_core, sizeof(s->saved_core), s->ops->name);
    return bnnaccel_ask(s, REQ_SAVE);
}

static int bnnaccel_post_save(void *opaque)
{
    BnnAccel *s = opaque;

    g_clear_pointer(&s->blob, g_free);
    s->blob_len = 0;
    return 0;
}

static int bnnaccel_pre_load(void *opaque)
{
    return bnnaccel_post_save(opaque);
}

static bool bnnaccel_blob_ok(void *opaque, int version_id)
{
    BnnAccel *s = opaque;

    return s->blob_len > 0 && s->blob_len <= BNNACCEL_STATE_MAX;
}

static int bnnaccel_post_load(void *opaque, int version_id)
{
    BnnAccel *s = opaque;
    int result;

    s->saved_core[sizeof(s->saved_core) - 1] = '\0';
    if (strcmp((char *)s->saved_core, s->ops->name)) {
        error_report("bnnaccel: the saved state is not of core '%s', which "
                     "this device has", s->ops->name);
        return -EINVAL;
    }
    if ((s->front.irq_status | s->front.irq_mask) & ~BNN_FRONT_VECTORS) {
        error_report("bnnaccel: the saved state is damaged");
        return -EINVAL;
    }
    result = bnnaccel_ask(s, REQ_LOAD);
    bnnaccel_post_save(s);
    if (result) {
        error_report("bnnaccel: core '%s' refused the saved state: damaged, or "
                     "of another build or other options", s->ops->name);
        return -EINVAL;
    }
    return 0;
}

static bool bnnaccel_with_msix(void *opaque, int version_id)
{
    BnnAccel *s = opaque;

    return s->use_msix;
}

static const VMStateDescription vmstate_bnnaccel = {
    .name = TYPE_BNNACCEL,
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = bnnaccel_pre_save,
    .post_save = bnnaccel_post_save,
    .pre_load = bnnaccel_pre_load,
    .post_load = bnnaccel_post_load,
    .fields = (BNNACCEL_FIELDS[]) {
        VMSTATE_PCI_DEVICE(parent_obj, BnnAccel),
        VMSTATE_STRUCT(parent_obj.exp.aer_log, BnnAccel, 0,
                       vmstate_pcie_aer_log, PCIEAERLog),
        VMSTATE_MSIX_TEST(parent_obj, BnnAccel, bnnaccel_with_msix),
        VMSTATE_BUFFER(saved_core, BnnAccel),
        VMSTATE_UINT32(front.irq_status, BnnAccel),
        VMSTATE_UINT32(front.irq_mask, BnnAccel),
        VMSTATE_UINT32(front.error, BnnAccel),
        VMSTATE_UINT32(front.ts_hi, BnnAccel),
        VMSTATE_BOOL(front.stuck, BnnAccel),
        VMSTATE_UINT64_ARRAY(front.cnt_base, BnnAccel, BNN_COUNTERS),
        VMSTATE_UINT64_ARRAY(front.cnt_snap, BnnAccel, BNN_COUNTERS),
        VMSTATE_UINT32(blob_len, BnnAccel),
        VMSTATE_VALIDATE("size of the core's state", bnnaccel_blob_ok),
        VMSTATE_VBUFFER_ALLOC_UINT32(blob, BnnAccel, 0, NULL, blob_len),
        VMSTATE_END_OF_LIST()
    }
};

/* --- Fault injection --- */

typedef struct BnnAccelFault {
    const char *name;
    size_t offset;
    const char *text;
} BnnAccelFault;

#define FAULT(n, field, t) { n, offsetof(BnnAccelFaults, field), t }
static const BnnAccelFault bnnaccel_faults[] = {
    FAULT("x-hang", hang,
          "the n-th job from now on never ends, but for kill and reset"),
    FAULT("x-fail-dma-read", fail_dma_read, "the n-th read from now on fails"),
    FAULT("x-fail-dma-write", fail_dma_write,
          "the n-th write from now on fails"),
    FAULT("x-lost-irq", lost_irq, "the next n interrupt messages are lost"),
    FAULT("x-done-lie", done_lie, "added to the counts of finished jobs"),
    FAULT("x-seqno-lie", seqno_lie, "added to the seqno of completions"),
    FAULT("x-status-lie", status_lie, "replaces the status of completions"),
    FAULT("x-slow", slow_ms, "milliseconds to sleep after each slice"),
    FAULT("x-flip-bit", flip_bit, "this bit of the next weights is flipped"),
};
#undef FAULT

static void bnnaccel_get_fault(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    BnnAccel *s = BNNACCEL(obj);
    const BnnAccelFault *fault = opaque;
    uint64_t value;

    qemu_mutex_lock(&s->lock);
    value = *(uint64_t *)((char *)&s->fault + fault->offset);
    qemu_mutex_unlock(&s->lock);
    visit_type_uint64(v, name, &value, errp);
}

static void bnnaccel_set_fault(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    BnnAccel *s = BNNACCEL(obj);
    const BnnAccelFault *fault = opaque;
    uint64_t value;

    if (!visit_type_uint64(v, name, &value, errp)) {
        return;
    }
    qemu_mutex_lock(&s->lock);
    *(uint64_t *)((char *)&s->fault + fault->offset) = value;
    if (s->thread_started) {
        bnnaccel_kick(s);
    }
    qemu_mutex_unlock(&s->lock);
    bnnaccel_trace(s, "\"ev\":\"fault\",\"name\":\"%s\",\"value\":%" PRIu64,
                   name, value);
}

static bool bnnaccel_get_gone(Object *obj, Error **errp)
{
    return BNNACCEL(obj)->gone;
}

static void bnnaccel_set_gone(Object *obj, bool value, Error **errp)
{
    BnnAccel *s = BNNACCEL(obj);

    qemu_mutex_lock(&s->lock);
    s->gone = value;
    if (s->thread_started) {
        bnnaccel_kick(s);
    }
    qemu_mutex_unlock(&s->lock);
}

static bool bnnaccel_get_stick(Object *obj, Error **errp)
{
    return BNNACCEL(obj)->front.stick;
}

static void bnnaccel_set_stick(Object *obj, bool value, Error **errp)
{
    BnnAccel *s = BNNACCEL(obj);

    qemu_mutex_lock(&s->lock);
    s->front.stick = value;
    qemu_mutex_unlock(&s->lock);
}

/* --- Coming and going --- */

static const char *const core_names[] = { "model", "rtl", "both" };
enum { CORE_MODEL, CORE_RTL, CORE_BOTH };

/* The core's library: named by the user, or beside this one, or in ../lib. */
static char *bnnaccel_find_core(BnnAccel *s, unsigned kind, Error **errp)
{
    g_autofree char *file = g_strdup_printf("libbnnaccel-%s.so",
                                            s->core_name);
    g_autofree char *here = NULL;
    g_autofree char *beside = NULL;
    g_autofree char *lib = NULL;
    Dl_info info;

    if (s->core_path[kind]) {
        return g_strdup(s->core_path[kind]);
    }
    if (!dladdr(&bnnaccel_mmio_ops, &info) || !info.dli_fname) {
        error_setg(errp, "cannot find %s: name it with %s=PATH", file,
                   s->core_name);
        return NULL;
    }
    here = g_path_get_dirname(info.dli_fname);
    beside = g_build_filename(here, file, NULL);
    if (g_file_test(beside, G_FILE_TEST_EXISTS)) {
        return g_steal_pointer(&beside);
    }
    lib = g_build_filename(here, "..", "lib", file, NULL);
    if (g_file_test(lib, G_FILE_TEST_EXISTS)) {
        return g_steal_pointer(&lib);
    }
    error_setg(errp, "core=%s needs %s, which is neither in %s nor in %s/../lib"
               ": build it with make, or name it with %s=PATH", s->core_name,
               file, here, here, s->core_name);
    return NULL;
}

static const struct bnn_core_host bnnaccel_host = {
    .abi = BNN_CORE_ABI,
    .dma_read = bnnaccel_dma_read,
    .dma_write = bnnaccel_dma_write,
    .irq = bnnaccel_irq,
    .log = bnnaccel_core_log,
};

/* The options for the core; "both" also wants to know where the others are. */
static char *bnnaccel_core_options(BnnAccel *s, unsigned kind)
{
    GString *options = g_string_new(s->options ? s->options : "");

    for (unsigned i = CORE_MODEL; kind == CORE_BOTH && i <= CORE_RTL; i++) {
        if (s->core_path[i]) {
            g_string_append_printf(options, ",%s=%s", core_names[i],
                                   s->core_path[i]);
        }
    }
    return g_string_free(options, false);
}

static bool bnnaccel_load_core(BnnAccel *s, Error **errp)
{
    struct bnn_core_host host = bnnaccel_host;
    g_autofree char *path = NULL;
    g_autofree char *options = NULL;
    bnn_core_entry_fn entry;
    char err[256] = "unknown error";
    unsigned kind = 0;

    if (!s->core_name) {
        s->core_name = g_strdup("model");
    }
    while (kind < ARRAY_SIZE(core_names) &&
           strcmp(s->core_name, core_names[kind])) {
        kind++;
    }
    if (kind == ARRAY_SIZE(core_names)) {
        error_setg(errp, "core=%s: must be model, rtl or both", s->core_name);
        return false;
    }
    path = bnnaccel_find_core(s, kind, errp);
    if (!path) {
        return false;
    }
    s->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!s->library) {
        error_setg(errp, "core=%s: %s", s->core_name, dlerror());
        return false;
    }
    entry = (bnn_core_entry_fn)dlsym(s->library, BNN_CORE_ENTRY);
    if (!entry) {
        error_setg(errp, "%s is no core library: it lacks the symbol %s", path,
                   BNN_CORE_ENTRY);
        return false;
    }
    s->ops = entry();
    if (!s->ops || s->ops->abi != BNN_CORE_ABI) {
        error_setg(errp, "%s has core ABI %u, this device needs %u: build both "
                   "from the same source", path, s->ops ? s->ops->abi : 0,
                   BNN_CORE_ABI);
        return false;
    }
    host.opaque = s;
    options = bnnaccel_core_options(s, kind);
    s->core = s->ops->create(&host, options, err, sizeof(err));
    if (!s->core) {
        err[sizeof(err) - 1] = '\0';
        error_setg(errp, "core=%s: %s", s->core_name, err);
        return false;
    }
    if (s->wait_shift == UINT8_MAX) {
        s->wait_shift = kind == CORE_MODEL ? BNNACCEL_WAIT_SHIFT_MODEL
                                           : BNNACCEL_WAIT_SHIFT_RTL;
    }
    return true;
}

static bool bnnaccel_init_pci(PCIDevice *pdev, Error **errp)
{
    BnnAccel *s = BNNACCEL(pdev);
    unsigned v;

    pci_config_set_interrupt_pin(pdev->config, 0);
    memory_region_init_io(&s->mmio, OBJECT(s), &bnnaccel_mmio_ops, s,
                          "bnnaccel-mmio", BNN_BAR0_SIZE);
    pci_register_bar(pdev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64, &s->mmio);
    if (pci_add_capability(pdev, PCI_CAP_ID_PM, BNNACCEL_PM_CAP,
                           PCI_PM_SIZEOF, errp) < 0) {
        return false;
    }
    pci_set_word(pdev->config + BNNACCEL_PM_CAP + PCI_PM_PMC, 3);
    pci_set_word(pdev->wmask + BNNACCEL_PM_CAP + PCI_PM_CTRL,
                 PCI_PM_CTRL_STATE_MASK);
    if (pcie_endpoint_cap_init(pdev, BNNACCEL_PCIE_CAP) < 0) {
        error_setg(errp, "no PCIe capability on this bus");
        return false;
    }
    pcie_cap_deverr_init(pdev);
    pcie_cap_flr_init(pdev);
    if (pcie_aer_init(pdev, PCI_ERR_VER, BNNACCEL_AER_CAP, PCI_ERR_SIZEOF,
                      errp) < 0) {
        return false;
    }
    if (!s->use_msix) {
        return msi_init(pdev, 0, 1, true, false, errp) >= 0;
    }
    memory_region_init(&s->msix, OBJECT(s), "bnnaccel-msix",
                       BNNACCEL_MSIX_SIZE);
    pci_register_bar(pdev, BNNACCEL_MSIX_BAR, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->msix);
    if (msix_init(pdev, BNN_IRQ_VECTORS, &s->msix, BNNACCEL_MSIX_BAR,
                  BNNACCEL_MSIX_TABLE, &s->msix, BNNACCEL_MSIX_BAR,
                  BNNACCEL_MSIX_PBA, 0, errp) < 0) {
        return false;
    }
    for (v = 0; v < BNN_IRQ_VECTORS; v++) {
        msix_vector_use(pdev, v);
    }
    return true;
}

/* Undoes whatever realize() has done so far. Called with the BQL. */
static void bnnaccel_teardown(BnnAccel *s)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    if (s->vm_state) {
        qemu_del_vm_change_state_handler(s->vm_state);
        s->vm_state = NULL;
    }
    if (s->thread_started) {
        qemu_mutex_lock(&s->lock);
        s->stop = true;
        bnnaccel_kick(s);
        qemu_mutex_unlock(&s->lock);
        bql_unlock();
        qemu_thread_join(&s->thread);
        bql_lock();
        s->thread_started = false;
    }
    if (s->core) {
        s->ops->destroy(s->core);
        s->core = NULL;
    }
    if (s->library) {
        dlclose(s->library);
        s->library = NULL;
    }
    g_clear_pointer(&s->w, g_free);
    g_clear_pointer(&s->blob, g_free);
    if (msix_present(pdev)) {
        msix_unuse_all_vectors(pdev);
        msix_uninit(pdev, &s->msix, &s->msix);
    }
    msi_uninit(pdev);
    if (pdev->exp.aer_cap) {
        pcie_aer_exit(pdev);
    }
    if (pdev->exp.exp_cap) {
        pcie_cap_exit(pdev);
    }
    if (s->trace) {
        fclose(s->trace);
        s->trace = NULL;
    }
}

static void bnnaccel_realize(PCIDevice *pdev, Error **errp)
{
    BnnAccel *s = BNNACCEL(pdev);

    s->w = g_new0(BnnAccelWorker, 1);
    s->w->slice = BNNACCEL_SLICE_MIN * 16;
    if (s->trace_path) {
        s->trace = fopen(s->trace_path, "w");
        if (!s->trace) {
            error_setg_file_open(errp, errno, s->trace_path);
            goto fail;
        }
        setvbuf(s->trace, NULL, _IOLBF, 0);
    }
    if (!bnnaccel_load_core(s, errp) || !bnnaccel_init_pci(pdev, errp)) {
        goto fail;
    }
    bnnaccel_core_write(s, BNN_REG_IRQ_MASK, 0);
    bnnaccel_read_all(s);
    bnn_front_init(&s->front, s->w->regs);
    s->running = runstate_is_running();
    s->stop = false;
    qemu_thread_create(&s->thread, "bnnaccel", bnnaccel_worker, s,
                       QEMU_THREAD_JOINABLE);
    s->thread_started = true;
    s->vm_state = qemu_add_vm_change_state_handler(bnnaccel_vm_state, s);
    return;

fail:
    bnnaccel_teardown(s);
}

static void bnnaccel_exit(PCIDevice *pdev)
{
    bnnaccel_teardown(BNNACCEL(pdev));
}

static void bnnaccel_instance_init(Object *obj)
{
    BnnAccel *s = BNNACCEL(obj);

    qemu_mutex_init(&s->lock);
    qemu_cond_init(&s->wake);
    qemu_cond_init(&s->parked);
    s->fault.flip_bit = BNNACCEL_NONE;
}

static void bnnaccel_instance_finalize(Object *obj)
{
    BnnAccel *s = BNNACCEL(obj);

    qemu_cond_destroy(&s->parked);
    qemu_cond_destroy(&s->wake);
    qemu_mutex_destroy(&s->lock);
}

#if QEMU_VERSION_MAJOR >= 10
static const Property bnnaccel_properties[] = {
#else
static Property bnnaccel_properties[] = {
#endif
    DEFINE_PROP_STRING("core", BnnAccel, core_name),
    DEFINE_PROP_STRING("model", BnnAccel, core_path[0]),
    DEFINE_PROP_STRING("rtl", BnnAccel, core_path[1]),
    DEFINE_PROP_STRING("both", BnnAccel, core_path[2]),
    DEFINE_PROP_STRING("options", BnnAccel, options),
    DEFINE_PROP_BOOL("x-msix", BnnAccel, use_msix, true),
    DEFINE_PROP_STRING("x-trace", BnnAccel, trace_path),
    DEFINE_PROP_UINT64("x-slice", BnnAccel, slice, 0),
    DEFINE_PROP_UINT32("x-id", BnnAccel, id, 0),
    DEFINE_PROP_UINT32("x-version", BnnAccel, version, 0),
    DEFINE_PROP_UINT8("x-wait-shift", BnnAccel, wait_shift, UINT8_MAX),
#if QEMU_VERSION_MAJOR < 10
    DEFINE_PROP_END_OF_LIST(),
#endif
};

static void bnnaccel_class_init(ObjectClass *klass,
#if QEMU_VERSION_MAJOR > 10 || \
    (QEMU_VERSION_MAJOR == 10 && QEMU_VERSION_MINOR >= 1)
                                const void *data)
#else
                                void *data)
#endif
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);
    unsigned i;

    k->realize = bnnaccel_realize;
    k->exit = bnnaccel_exit;
    k->config_read = bnnaccel_config_read;
    k->config_write = bnnaccel_config_write;
    k->vendor_id = BNN_PCI_VENDOR_ID;
    k->device_id = BNN_PCI_DEVICE_ID;
    k->class_id = BNN_PCI_CLASS;
    k->revision = 1;
    rc->phases.hold = bnnaccel_reset_hold;
    dc->desc = "Binary neural network accelerator";
    dc->vmsd = &vmstate_bnnaccel;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, bnnaccel_properties);
    for (i = 0; i < ARRAY_SIZE(bnnaccel_faults); i++) {
        const BnnAccelFault *fault = &bnnaccel_faults[i];

        object_class_property_add(klass, fault->name, "uint64",
                                  bnnaccel_get_fault, bnnaccel_set_fault, NULL,
                                  (void *)fault);
        object_class_property_set_description(klass, fault->name, fault->text);
    }
    object_class_property_add_bool(klass, "x-gone", bnnaccel_get_gone,
                                   bnnaccel_set_gone);
    object_class_property_set_description(klass, "x-gone",
        "the device is off the bus: all ones");
    object_class_property_add_bool(klass, "x-stuck-reset", bnnaccel_get_stick,
                                   bnnaccel_set_stick);
    object_class_property_set_description(klass, "x-stuck-reset",
        "soft resets end with STUCK until a function level reset");
}

static const TypeInfo bnnaccel_info = {
    .name = TYPE_BNNACCEL,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(BnnAccel),
    .instance_init = bnnaccel_instance_init,
    .instance_finalize = bnnaccel_instance_finalize,
    .class_init = bnnaccel_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { }
    },
};

static void bnnaccel_register_types(void)
{
    type_register_static(&bnnaccel_info);
}

type_init(bnnaccel_register_types)
