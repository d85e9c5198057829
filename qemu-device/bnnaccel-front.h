/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bnnaccel: what a guest's register access meets.
 *
 * A core is owned by a worker thread and may be busy for milliseconds inside
 * run(). An MMIO handler must not wait for it: the handler holds the big lock
 * that the worker's DMA needs. So register accesses end here. Writes that
 * concern the core go into an ordered mailbox; reads are answered from what the
 * worker published after its last slice, with the writes still in the mailbox
 * laid over it, so that a read after a write always sees that write.
 *
 * The interrupt block (IRQ_*, ERROR) and the snapshot of the global counters
 * (CNT_*) live here entirely: an acknowledge that waited in the mailbox could
 * otherwise clear an event that the guest has not seen.
 *
 * No locking and nothing of QEMU in here: the caller holds one lock.
 */
#ifndef BNNACCEL_FRONT_H
#define BNNACCEL_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "bnn_hw.h"

#define BNN_FRONT_WORDS ((0x1000 + BNN_QUEUES * BNN_QUEUE_STRIDE) / 4)
#define BNN_FRONT_BOX 4096
#define BNN_FRONT_VECTORS ((1u << BNN_IRQ_VECTORS) - 1)

typedef struct BnnMail {
    uint32_t offset;
    uint32_t value;
} BnnMail;

typedef struct BnnFront {
    uint32_t reset[BNN_FRONT_WORDS];   /* registers of a fresh core */
    uint32_t pub[BNN_FRONT_WORDS];     /* as the core last had them */
    uint32_t shadow[BNN_FRONT_WORDS];  /* as writes in flight will leave them */
    uint64_t flight[BNN_FRONT_WORDS];  /* last such write */
    uint64_t posted;                   /* writes so far */
    uint64_t applied;                  /* of these, published */
    uint64_t reset_seq;                /* writes before the last reset */
    uint64_t soft_seq;                 /* the write of a soft reset, or 0 */

    BnnMail box[BNN_FRONT_BOX];
    unsigned count;

    uint32_t epoch;                    /* function level resets so far */
    bool flr;                          /* the core does not know of the last */
    bool stick;                        /* fault: soft resets end STUCK */
    bool stuck;                        /* one has */

    uint32_t irq_status;
    uint32_t irq_mask;
    uint32_t error;
    uint32_t ts_hi;
    uint64_t cnt_live[BNN_COUNTERS];
    uint64_t cnt_base[BNN_COUNTERS];
    uint64_t cnt_snap[BNN_COUNTERS];
} BnnFront;

/* A write's consequences for the caller. */
typedef struct BnnFrontEffect {
    uint32_t raise;         /* vectors whose message is to be sent */
    bool kick;              /* there is mail for the core */
    const char *complaint;  /* what the guest did wrong, or NULL */
} BnnFrontEffect;

/* Whether a core has a readable register there (never in the upper queues). */
bool bnn_front_readable(uint32_t offset);
/* For traces; "?" where there is none. */
const char *bnn_front_name(uint32_t offset);

/* regs: BNN_FRONT_WORDS registers of a fresh core. */
void bnn_front_init(BnnFront *f, const uint32_t *regs);
/* Function level reset: the mailbox is empty, old publications are void. */
void bnn_front_reset(BnnFront *f);

uint32_t bnn_front_read(BnnFront *f, uint32_t offset);
void bnn_front_write(BnnFront *f, uint32_t offset, uint32_t value,
                     BnnFrontEffect *effect);

/*
 * For the worker. take() empties the mailbox into box[BNN_FRONT_BOX];
 * publish() says what the core looks like after the writes up to seq, unless
 * a function level reset came in between (then it returns false).
 * error: events since the last publication. cnt: NULL or the counters.
 */
unsigned bnn_front_take(BnnFront *f, BnnMail *box, uint32_t *epoch,
                        uint64_t *seq, bool *flr);
bool bnn_front_publish(BnnFront *f, uint32_t epoch, uint64_t seq,
                       const uint32_t *regs, uint32_t error,
                       const uint64_t *cnt);
/*
 * Events of these vectors, unless a reset came in between; returns those whose
 * message is to be sent.
 */
uint32_t bnn_front_raise(BnnFront *f, uint32_t epoch, uint64_t seq,
                         uint32_t vectors);

#endif /* BNNACCEL_FRONT_H */
