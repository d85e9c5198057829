/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bnnaccel: register front end. See bnnaccel-front.h.
 */
#include <string.h>

#include "bnnaccel-front.h"

enum { NONE, RO, RW, W1S, W1C, WO };

#define QUEUE_BASE 0x1000u
#define INDEX(reg) ((reg) / 4)
#define CNT_END (BNN_REG_CNT + BNN_COUNTERS * 8)

static const uint8_t access_of[BNN_FRONT_WORDS] = {
#define REG(name, offset, access, reset, text) [INDEX(offset)] = access,
#define REG64(name, offset, access, text) \
    [INDEX(offset)] = access, [INDEX((offset) + 4)] = access,
#define BITS(reg, name, lsb, width, text)
#include "registers.def"
#undef REG
#undef REG64
#undef BITS
};

static const char *const name_of[BNN_FRONT_WORDS] = {
#define REG(name, offset, access, reset, text) [INDEX(offset)] = #name,
#define REG64(name, offset, access, text) \
    [INDEX(offset)] = #name "_LO", [INDEX((offset) + 4)] = #name "_HI",
#define BITS(reg, name, lsb, width, text)
#include "registers.def"
#undef REG
#undef REG64
#undef BITS
};

/* The register of queue 0 that describes this one. */
static uint32_t base_of(uint32_t offset)
{
    if (offset >= QUEUE_BASE &&
        offset < QUEUE_BASE + BNN_QUEUES * BNN_QUEUE_STRIDE) {
        return QUEUE_BASE + (offset - QUEUE_BASE) % BNN_QUEUE_STRIDE;
    }
    return offset;
}

static bool is_cnt(uint32_t offset)
{
    return offset >= BNN_REG_CNT && offset < CNT_END;
}

static unsigned access_at(uint32_t offset)
{
    if (offset / 4 >= BNN_FRONT_WORDS) {
        return NONE;
    }
    return is_cnt(offset) ? RO : access_of[INDEX(base_of(offset))];
}

bool bnn_front_readable(uint32_t offset)
{
    unsigned access = access_at(offset);

    return access != NONE && access != WO;
}

const char *bnn_front_name(uint32_t offset)
{
    uint32_t base = base_of(offset);

    if (is_cnt(offset)) {
        return "CNT";
    }
    if (base / 4 >= BNN_FRONT_WORDS || !name_of[INDEX(base)]) {
        return "?";
    }
    return name_of[INDEX(base)];
}

void bnn_front_init(BnnFront *f, const uint32_t *regs)
{
    bool stick = f->stick;

    memset(f, 0, sizeof(*f));
    f->stick = stick;
    memcpy(f->reset, regs, sizeof(f->reset));
    memcpy(f->pub, regs, sizeof(f->pub));
    f->irq_mask = BNN_FRONT_VECTORS;
}

static void forget_events(BnnFront *f)
{
    f->irq_status = 0;
    f->irq_mask = BNN_FRONT_VECTORS;
    f->error = 0;
    memset(f->cnt_live, 0, sizeof(f->cnt_live));
    memset(f->cnt_base, 0, sizeof(f->cnt_base));
    memset(f->cnt_snap, 0, sizeof(f->cnt_snap));
}

void bnn_front_reset(BnnFront *f)
{
    uint32_t lo = f->pub[INDEX(BNN_REG_TIMESTAMP_LO)];
    uint32_t hi = f->pub[INDEX(BNN_REG_TIMESTAMP_HI)];

    memcpy(f->pub, f->reset, sizeof(f->pub));
    f->pub[INDEX(BNN_REG_TIMESTAMP_LO)] = lo;
    f->pub[INDEX(BNN_REG_TIMESTAMP_HI)] = hi;
    f->epoch++;
    f->flr = true;
    f->stuck = false;
    f->count = 0;
    f->applied = f->posted;
    f->reset_seq = f->posted;
    f->soft_seq = 0;
    forget_events(f);
}

/* What the guest is to see of a register that the core keeps. */
static uint32_t seen(const BnnFront *f, uint32_t offset)
{
    unsigned i = INDEX(offset);

    return f->flight[i] > f->applied ? f->shadow[i] : f->pub[i];
}

/* The write being posted will leave the register like this. */
static void expect(BnnFront *f, uint32_t offset, uint32_t value)
{
    f->shadow[INDEX(offset)] = value;
    f->flight[INDEX(offset)] = f->posted;
}

uint32_t bnn_front_read(BnnFront *f, uint32_t offset)
{
    if (is_cnt(offset)) {
        uint64_t v = f->cnt_snap[(offset - BNN_REG_CNT) / 8];

        return offset & 4 ? v >> 32 : v;
    }
    if (!bnn_front_readable(offset)) {
        return 0;
    }
    switch (offset) {
    case BNN_REG_IRQ_STATUS:
        return f->irq_status;
    case BNN_REG_IRQ_MASK:
        return f->irq_mask;
    case BNN_REG_ERROR:
        return f->error;
    case BNN_REG_TIMESTAMP_LO:
        f->ts_hi = f->pub[INDEX(BNN_REG_TIMESTAMP_HI)];
        break;
    case BNN_REG_TIMESTAMP_HI:
        return f->ts_hi;
    }
    return seen(f, offset);
}

static bool post(BnnFront *f, uint32_t offset, uint32_t value,
                 BnnFrontEffect *effect)
{
    if (f->count == BNN_FRONT_BOX) {
        effect->complaint = "too many writes at once, dropped";
        return false;
    }
    f->box[f->count].offset = offset;
    f->box[f->count].value = value;
    f->count++;
    f->posted++;
    effect->kick = true;
    return true;
}

static void write_reset(BnnFront *f, uint32_t value, BnnFrontEffect *effect)
{
    uint32_t offset;

    if (!(value & BNN_CTRL_RESET)) {
        return;
    }
    /* Nothing that earlier writes could still do outlives the reset. */
    f->count = 0;
    post(f, BNN_REG_CTRL, BNN_CTRL_RESET, effect);
    expect(f, BNN_REG_RESET_STATUS, BNN_RESET_STATUS_BUSY);
    for (offset = QUEUE_BASE; offset < BNN_FRONT_WORDS * 4; offset += 4) {
        if (bnn_front_readable(offset)) {
            expect(f, offset, f->reset[INDEX(offset)]);
        }
    }
    expect(f, BNN_REG_ERROR_INFO, 0);
    forget_events(f);
    f->reset_seq = f->posted;
    f->soft_seq = f->posted;
}

static uint32_t happen(BnnFront *f, uint32_t vectors)
{
    f->irq_status |= vectors;
    return vectors & ~f->irq_mask;
}

static void write_inv(BnnFront *f, uint32_t value, BnnFrontEffect *effect)
{
    if (seen(f, BNN_REG_MMU_INV_STATUS) & BNN_MMU_INV_STATUS_BUSY) {
        effect->complaint = "MMU_INV written while an invalidation runs";
        f->error |= BNN_ERROR_INV_BUSY;
        effect->raise |= happen(f, 1);
        return;
    }
    if (post(f, BNN_REG_MMU_INV, value, effect)) {
        expect(f, BNN_REG_MMU_INV_STATUS, BNN_MMU_INV_STATUS_BUSY);
    }
}

static bool queue_is_sound(const BnnFront *f, uint32_t queue)
{
    uint32_t size = seen(f, queue + BNN_REG_Q_SIZE);

    return size >= BNN_DEPTH_MIN && size <= BNN_DEPTH_MAX &&
           !(size & (size - 1)) &&
           !(seen(f, queue + BNN_REG_Q_RING_LO) %
             sizeof(struct bnn_job)) &&
           !(seen(f, queue + BNN_REG_Q_CQ_LO) %
             sizeof(struct bnn_completion));
}

static void write_queue_ctrl(BnnFront *f, uint32_t queue, uint32_t value,
                             BnnFrontEffect *effect)
{
    uint32_t ctrl = seen(f, queue + BNN_REG_Q_CTRL);
    uint32_t status = seen(f, queue + BNN_REG_Q_STATUS);

    if (!post(f, queue + BNN_REG_Q_CTRL, value, effect)) {
        return;
    }
    value &= BNN_Q_CTRL_EN;
    if (!value) {
        /* The core alone knows whether a job is still running. */
        status = 0;
    } else if (!(ctrl & BNN_Q_CTRL_EN) && !(status & BNN_Q_STATUS_IDLE)) {
        /* Refused if it is: nothing can be told yet. */
        status = 0;
    } else if (!(ctrl & BNN_Q_CTRL_EN) && !queue_is_sound(f, queue)) {
        status = BNN_Q_STATUS_IDLE | BNN_Q_STATUS_ERR;
        value = 0;
    } else if (!(ctrl & BNN_Q_CTRL_EN)) {
        status = BNN_Q_STATUS_IDLE | BNN_Q_STATUS_ENABLED;
        expect(f, queue + BNN_REG_Q_HEAD, 0);
        expect(f, queue + BNN_REG_Q_TAIL, 0);
    }
    expect(f, queue + BNN_REG_Q_CTRL, value);
    expect(f, queue + BNN_REG_Q_STATUS, status);
}

static void write_queue(BnnFront *f, uint32_t offset, uint32_t value,
                        BnnFrontEffect *effect)
{
    uint32_t reg = base_of(offset);
    uint32_t queue = offset - reg;

    switch (reg) {
    case BNN_REG_Q_CTRL:
        write_queue_ctrl(f, queue, value, effect);
        return;
    case BNN_REG_Q_RING_LO:
    case BNN_REG_Q_RING_HI:
    case BNN_REG_Q_CQ_LO:
    case BNN_REG_Q_CQ_HI:
    case BNN_REG_Q_SIZE:
        if (seen(f, queue + BNN_REG_Q_CTRL) & BNN_Q_CTRL_EN) {
            effect->complaint = "written while the queue is enabled";
            return;
        }
        break;
    case BNN_REG_Q_COALESCE:
        value &= 0xff;
        break;
    case BNN_REG_Q_KILL:
        post(f, offset, value, effect);
        return;
    }
    if (post(f, offset, value, effect)) {
        expect(f, offset, value);
    }
}

static void write_cnt_ctrl(BnnFront *f, uint32_t value)
{
    unsigned i;

    for (i = 0; i < BNN_COUNTERS; i++) {
        if (value & BNN_CNT_CTRL_SNAPSHOT) {
            f->cnt_snap[i] = f->cnt_live[i] - f->cnt_base[i];
        }
        if (value & BNN_CNT_CTRL_CLEAR) {
            f->cnt_base[i] = f->cnt_live[i];
        }
    }
}

void bnn_front_write(BnnFront *f, uint32_t offset, uint32_t value,
                     BnnFrontEffect *effect)
{
    uint32_t old;

    memset(effect, 0, sizeof(*effect));
    switch (access_at(offset)) {
    case NONE:
        effect->complaint = "no such register";
        return;
    case RO:
        effect->complaint = "register is read-only";
        return;
    }
    if (offset >= QUEUE_BASE) {
        write_queue(f, offset, value, effect);
        return;
    }
    switch (offset) {
    case BNN_REG_CTRL:
        write_reset(f, value, effect);
        break;
    case BNN_REG_MMU_INV:
        write_inv(f, value, effect);
        break;
    case BNN_REG_IRQ_STATUS:
        f->irq_status &= ~value;
        break;
    case BNN_REG_IRQ_MASK:
        old = f->irq_mask;
        f->irq_mask = value & BNN_FRONT_VECTORS;
        effect->raise = f->irq_status & old & ~f->irq_mask;
        break;
    case BNN_REG_IRQ_TEST:
        effect->raise = happen(f, value & BNN_FRONT_VECTORS);
        break;
    case BNN_REG_ERROR:
        f->error &= ~value;
        break;
    case BNN_REG_CNT_CTRL:
        write_cnt_ctrl(f, value);
        break;
    default:
        if (post(f, offset, value, effect) && bnn_front_readable(offset)) {
            expect(f, offset, value);
        }
    }
}

unsigned bnn_front_take(BnnFront *f, BnnMail *box, uint32_t *epoch,
                        uint64_t *seq, bool *flr)
{
    unsigned n = f->count;

    memcpy(box, f->box, n * sizeof(*box));
    f->count = 0;
    *epoch = f->epoch;
    *seq = f->posted;
    *flr = f->flr;
    f->flr = false;
    return n;
}

bool bnn_front_publish(BnnFront *f, uint32_t epoch, uint64_t seq,
                       const uint32_t *regs, uint32_t error,
                       const uint64_t *cnt)
{
    uint32_t *reset_status = &f->pub[INDEX(BNN_REG_RESET_STATUS)];
    uint32_t count = f->pub[INDEX(BNN_REG_RESET_COUNT)];

    if (epoch != f->epoch) {
        return false;
    }
    memcpy(f->pub, regs, sizeof(f->pub));
    if (seq >= f->reset_seq) {
        f->error |= error;
    }
    /* A core may take its time to clear what the guest already sees cleared. */
    if (*reset_status & BNN_RESET_STATUS_BUSY && f->soft_seq &&
        seq >= f->soft_seq) {
        f->applied = f->soft_seq - 1;
    } else {
        f->applied = seq;
    }
    if (f->stick && count != f->pub[INDEX(BNN_REG_RESET_COUNT)]) {
        f->stuck = true;
    }
    if (f->stuck) {
        *reset_status |= BNN_RESET_STATUS_STUCK;
    }
    if (cnt && seq >= f->reset_seq) {
        memcpy(f->cnt_live, cnt, sizeof(f->cnt_live));
    }
    return true;
}

uint32_t bnn_front_raise(BnnFront *f, uint32_t epoch, uint64_t seq,
                         uint32_t vectors)
{
    if (epoch != f->epoch || seq < f->reset_seq) {
        return 0;
    }
    return happen(f, vectors);
}
