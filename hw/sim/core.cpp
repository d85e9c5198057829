// SPDX-License-Identifier: MIT
//
// The Verilated core behind the core ABI. The simulated bus answers reads and
// writes after a fixed latency, moves a given number of bytes per cycle and can
// stall at random; all of it follows from the seed, so equal inputs give equal
// cycles.
//
// A burst against the rules of AXI (a request that changes while it waits, a page
// crossed, WLAST at another beat than the last) is answered with an error.
//
// Register accesses clock the core with the bus held still and no job picked, since
// work and host callbacks may only happen inside run(). An idle core is not clocked.

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "Vbnn_top.h"
#include "Vbnn_top___024root.h"
#include "bnn_core.h"
#include "bnn_hw.h"
#include "verilated.h"
#include "verilated_save.h"

#if VM_COVERAGE
#include "verilated_cov.h"
#endif
// Builds that count lines cannot save their state: Verilator has one or the other. Netlists do not.
#ifndef BNN_SIM_SAVES
#define BNN_SIM_SAVES !VM_COVERAGE
#endif

// Verilator's runtime would end the process; here it is at most a failed load.
void vl_fatal(const char *, int, const char *, const char *msg) VL_MT_UNSAFE
{
	throw std::runtime_error(msg ? msg : "verilated");
}
void vl_finish(const char *, int, const char *) VL_MT_UNSAFE
{
}
void vl_stop(const char *, int, const char *) VL_MT_UNSAFE
{
}

namespace
{

constexpr uint32_t ACT_KIB_MAX = BNN_SIM_ACT_KIB;
constexpr uint32_t BEAT = 16;
constexpr size_t BUS_DEPTH = 128;
constexpr uint64_t BUS_MASK = (UINT64_C(1) << 52) - 1;

struct Read {
	uint64_t addr, ready_at;
	uint32_t beats, at, bad, fetched;
	uint8_t data[4096];
};

// No padding: these are saved as they are.
struct Write {
	uint64_t addr;
	uint32_t beats, at, bad, unused;
};

struct WriteData {
	uint8_t data[BEAT];
	uint32_t strobe, last;
};

struct Response {
	uint64_t ready_at, bad;
};

// Options: fixed for the life of a core, and part of a saved state's identity.
struct Options {
	uint32_t act_kib = ACT_KIB_MAX, latency = 60, bytes = BEAT, seed = 1, stall = 0;
};

// What save() stores as it is.
struct Plain {
	uint64_t cycle, random, next_beat_at, next_write_at;
	uint64_t poke_reads, poke_writes, lost_irqs;
	uint64_t ar, aw; // requests that wait, 0 if none
	uint8_t hang, stuck, poke_read, poke_write;
	uint32_t irqs;
};

class Saver final : public VerilatedSerialize
{
      public:
	std::vector<uint8_t> bytes;
	Saver()
	{
		m_isOpen = true;
		header();
	}
	~Saver() override
	{
	}
	void finish()
	{
		trailer();
		flush();
	}
	void flush() override
	{
		bytes.insert(bytes.end(), m_bufp, m_cp);
		m_cp = m_bufp;
	}
};

class Loader final : public VerilatedDeserialize
{
      public:
	Loader(const uint8_t *data, size_t len) : at_(data), left_(len)
	{
		m_isOpen = true;
		m_endp = m_bufp;
		fill();
		header();
	}
	~Loader() override
	{
	}
	void finish()
	{
		trailer();
	}
	// The base class wants 16 KiB of look-ahead: zeros behind the end, which
	// must not be used up.
	void fill() override
	{
		size_t have = size_t(m_endp - m_cp), take, pad;

		memmove(m_bufp, m_cp, have);
		m_cp = m_bufp;
		if (padded_ && have < padded_)
			throw std::runtime_error("short state");
		take = std::min(bufferSize() - have, left_);
		memcpy(m_bufp + have, at_, take);
		at_ += take;
		left_ -= take;
		have += take;
		pad = bufferSize() - have;
		memset(m_bufp + have, 0, pad);
		if (pad)
			padded_ = pad;
		m_endp = m_bufp + bufferSize();
	}

      private:
	const uint8_t *at_;
	size_t left_, padded_ = 0;
};

uint64_t checksum(const uint8_t *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (n--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

} // namespace

struct bnn_core {
	bnn_core_host host;
	Options options;
	VerilatedContext context;
	std::unique_ptr<Vbnn_top> top;
	std::atomic<bool> stop{ false };
	Plain p{};
	std::deque<Read> reads;
	std::deque<Write> writes;
	std::deque<WriteData> data;
	std::deque<Response> responses;

	// Zeroed, so that padding in what Verilator saves is the same everywhere. Not
	// inlined, or GCC 12 takes free() for a mismatch.
	__attribute__((noinline)) static void *operator new(size_t size)
	{
		void *p = calloc(1, size);

		if (!p)
			throw std::bad_alloc();
		return p;
	}
	__attribute__((noinline)) static void operator delete(void *p)
	{
		free(p);
	}

	bnn_core(const bnn_core_host *h, const Options &o) : host(*h), options(o)
	{
		context.traceEverOn(false);
		context.randReset(0);
		top.reset(new Vbnn_top(&context, "top"));
		restart();
	}

	// splitmix64
	uint32_t random()
	{
		uint64_t z = p.random += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		return uint32_t((z ^ (z >> 31)) >> 32);
	}

	bool stalled()
	{
		return options.stall && random() % 100 < options.stall;
	}

	void clock()
	{
		top->clk_i = 1;
		top->eval();
		top->clk_i = 0;
		top->eval();
		p.cycle++;
		p.irqs |= top->irq_o & 31u;
		if (top->test_hang_ack_o)
			top->test_hang_i = p.hang = 0;
	}

	void still()
	{
		top->arready_i = 0;
		top->rvalid_i = 0;
		top->awready_i = 0;
		top->wready_i = 0;
		top->bvalid_i = 0;
	}

	void restart()
	{
		uint64_t cycle = p.cycle;

		p = Plain{};
		p.cycle = cycle;
		p.random = options.seed;
		reads.clear();
		writes.clear();
		data.clear();
		responses.clear();
		still();
		top->rresp_i = top->rlast_i = top->bresp_i = 0;
		memset(&top->rdata_i[0], 0, BEAT);
		top->act_kib_i = options.act_kib & 0xfffu;
		top->reg_req_i = 0;
		top->reg_write_i = 0;
		top->reg_addr_i = 0;
		top->reg_wdata_i = 0;
		top->test_hold_i = 0;
		top->test_hang_i = 0;
		top->test_stuck_i = 0;
		top->rst_ni = 0;
		for (int i = 0; i < 4; i++)
			clock();
		top->rst_ni = 1;
		p.irqs = 0;
	}

	uint32_t access(uint32_t offset, bool write, uint32_t value)
	{
		still();
		top->test_hold_i = 1;
		top->reg_req_i = 1;
		top->reg_write_i = write;
		top->reg_addr_i = offset & 0xfffcu;
		top->reg_wdata_i = value;
		// Counter operations hold an access for two dozen cycles each.
		for (int i = 0; i < 256; i++) {
			clock();
			if (top->reg_ack_o)
				break;
		}
		top->reg_req_i = 0;
		top->reg_write_i = 0;
		value = top->reg_rdata_o;
		clock();
		top->test_hold_i = 0;
		top->eval();
		return value;
	}

	bool failing(uint8_t &armed, uint64_t &count)
	{
		if (!armed)
			return false;
		if (count--)
			return false;
		armed = 0;
		return true;
	}

	void fetch(Read &r)
	{
		uint32_t len = r.beats * BEAT;

		r.fetched = 1;
		r.bad = r.bad || failing(p.poke_read, p.poke_reads) ||
			host.dma_read(host.opaque, r.addr, r.data, len);
		if (r.bad)
			memset(r.data, 0, len);
	}

	// One call per run of enabled bytes.
	bool store(uint64_t addr, const WriteData &w)
	{
		bool bad = failing(p.poke_write, p.poke_writes);

		for (uint32_t i = 0; i < BEAT && !bad;) {
			uint32_t n = 0;

			while (i + n < BEAT && (w.strobe >> (i + n) & 1))
				n++;
			if (n)
				bad = host.dma_write(host.opaque, addr + i, w.data + i, n);
			i += n + 1;
		}
		return bad;
	}

	static bool legal(uint64_t addr, uint32_t beats)
	{
		return addr % BEAT == 0 && addr % 4096 + beats * BEAT <= 4096;
	}

	// Whether a request that waits is still the same.
	static bool offered(uint64_t &held, bool valid, uint64_t addr, uint32_t len)
	{
		uint64_t now = (addr & BUS_MASK) | uint64_t(len & 0xffu) << 52 | 1;
		bool same = !held || (valid && held == now);

		if (valid)
			held = now;
		return same;
	}

	// One cycle with the bus at work.
	void tick()
	{
		// Address and write channels: what is offered and taken now.
		bool ar = offered(p.ar, top->arvalid_o, top->araddr_o, top->arlen_o);
		bool aw = offered(p.aw, top->awvalid_o, top->awaddr_o, top->awlen_o);

		top->arready_i = reads.size() < BUS_DEPTH && !stalled();
		if (top->arvalid_o && top->arready_i) {
			reads.emplace_back();
			Read &r = reads.back();

			r.addr = top->araddr_o & BUS_MASK;
			r.beats = (top->arlen_o & 0xffu) + 1;
			r.at = r.fetched = 0;
			r.bad = !ar || !legal(r.addr, r.beats);
			r.ready_at = p.cycle + options.latency;
			p.ar = 0;
		}
		top->awready_i = writes.size() < BUS_DEPTH && !stalled();
		if (top->awvalid_o && top->awready_i) {
			Write w{};

			w.addr = top->awaddr_o & BUS_MASK;
			w.beats = (top->awlen_o & 0xffu) + 1;
			w.bad = !aw || !legal(w.addr, w.beats);
			writes.push_back(w);
			p.aw = 0;
		}
		top->wready_i = data.size() < BUS_DEPTH && p.cycle >= p.next_write_at && !stalled();
		if (top->wvalid_o && top->wready_i) {
			data.emplace_back();
			memcpy(data.back().data, &top->wdata_o[0], BEAT);
			data.back().strobe = top->wstrb_o & 0xffffu;
			data.back().last = top->wlast_o & 1u;
			p.next_write_at = p.cycle + BEAT / options.bytes;
		}

		// Read data.
		top->rvalid_i = 0;
		if (!reads.empty() && reads.front().ready_at <= p.cycle &&
		    p.cycle >= p.next_beat_at && !stalled()) {
			Read &r = reads.front();

			if (!r.fetched)
				fetch(r);
			top->rvalid_i = 1;
			memcpy(&top->rdata_i[0], r.data + r.at * BEAT, BEAT);
			top->rresp_i = r.bad ? 2 : 0;
			r.at++;
			top->rlast_i = r.at == r.beats;
			if (r.at == r.beats)
				reads.pop_front();
			p.next_beat_at = p.cycle + BEAT / options.bytes;
		}

		// Write responses.
		top->bvalid_i = 0;
		if (!responses.empty() && responses.front().ready_at <= p.cycle && !stalled()) {
			top->bvalid_i = 1;
			top->bresp_i = responses.front().bad ? 2 : 0;
			responses.pop_front();
		}

		clock();

		while (!writes.empty() && !data.empty()) {
			Write &w = writes.front();
			uint64_t addr = w.addr + w.at * BEAT;

			w.at++;
			w.bad |= (w.at == w.beats) != bool(data.front().last);
			w.bad |= !w.bad && store(addr, data.front());
			data.pop_front();
			if (w.at == w.beats) {
				responses.push_back(Response{ p.cycle + options.latency, w.bad });
				writes.pop_front();
			}
		}
	}

	void deliver()
	{
		for (uint32_t v = 0; v < BNN_IRQ_VECTORS; v++) {
			if (!(p.irqs >> v & 1))
				continue;
			if (p.lost_irqs)
				p.lost_irqs--;
			else
				host.irq(host.opaque, v);
		}
		p.irqs = 0;
	}

	bool idle() const
	{
		return top->idle_o && !p.irqs;
	}
};

namespace
{

bool number(const std::string &text, unsigned long lo, unsigned long hi, uint32_t &out)
{
	char *end;
	unsigned long v;

	if (text.empty() || text[0] < '0' || text[0] > '9')
		return false;
	v = strtoul(text.c_str(), &end, 0);
	if (*end || v < lo || v > hi)
		return false;
	out = uint32_t(v);
	return true;
}

bool set_option(Options &o, const std::string &key, const std::string &value)
{
	if (key == "act_kib")
		return number(value, 0, ACT_KIB_MAX, o.act_kib);
	if (key == "latency")
		return number(value, 0, 1000000, o.latency);
	if (key == "bytes")
		return number(value, 1, BEAT, o.bytes) && BEAT % o.bytes == 0;
	if (key == "seed")
		return number(value, 0, 0xffffffff, o.seed);
	if (key == "stall")
		return number(value, 0, 99, o.stall);
	return false;
}

bnn_core *create(const bnn_core_host *host, const char *text, char *err, size_t err_len)
{
	std::string rest = text ? text : "";
	Options options;

	if (host->abi != BNN_CORE_ABI) {
		snprintf(err, err_len, "The host speaks core ABI %u, the RTL core %u.", host->abi,
			 BNN_CORE_ABI);
		return nullptr;
	}
	while (!rest.empty()) {
		size_t comma = rest.find(','), equals;
		std::string item = rest.substr(0, comma);

		rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
		if (item.empty())
			continue;
		equals = item.find('=');
		if (equals == std::string::npos ||
		    !set_option(options, item.substr(0, equals), item.substr(equals + 1))) {
			snprintf(err, err_len, "The RTL core does not know the option '%s'.",
				 item.c_str());
			return nullptr;
		}
	}
	try {
		return new bnn_core(host, options);
	} catch (const std::exception &) {
		snprintf(err, err_len, "Out of memory.");
		return nullptr;
	}
}

// Builds for coverage leave what a core has counted in $BNNACCEL_COVERAGE.
void cover(bnn_core *core)
{
#if VM_COVERAGE
	static std::atomic<unsigned> number{ 0 };
	const char *folder = getenv("BNNACCEL_COVERAGE");

	if (folder) {
		std::string file = folder;

		file += "/" + std::to_string(getpid()) + "-" + std::to_string(number++) + ".dat";
		core->context.coveragep()->write(file.c_str());
	}
	core->context.coveragep()->clear();
#else
	(void)core;
#endif
}

void destroy(bnn_core *core)
{
	if (core) {
		core->top->final();
		cover(core);
	}
	delete core;
}

void mmio_write(bnn_core *core, uint32_t offset, uint32_t value)
{
	core->access(offset, true, value);
	// The reset has seen it.
	if (offset == BNN_REG_CTRL && (value & BNN_CTRL_RESET))
		core->top->test_stuck_i = core->p.stuck = 0;
}

uint32_t mmio_read(bnn_core *core, uint32_t offset)
{
	return core->access(offset, false, 0);
}

void reset(bnn_core *core, bnn_core_reset kind)
{
	if (kind == BNN_CORE_RESET_SOFT)
		mmio_write(core, BNN_REG_CTRL, BNN_CTRL_RESET);
	else
		core->restart();
}

bnn_core_state run(bnn_core *core, uint64_t cycles)
{
	bnn_core_state state = BNN_CORE_BUSY;

	core->deliver();
	for (;;) {
		if (core->idle()) {
			state = BNN_CORE_IDLE;
			break;
		}
		if (!cycles-- || core->stop.load(std::memory_order_relaxed))
			break;
		core->tick();
		if (core->p.irqs)
			core->deliver();
	}
	core->stop.store(false, std::memory_order_relaxed);
	return state;
}

void request_stop(bnn_core *core)
{
	core->stop.store(true, std::memory_order_relaxed);
}

int poke(bnn_core *core, bnn_core_poke fault, uint64_t arg)
{
	switch (fault) {
	case BNN_CORE_POKE_HANG:
		core->top->test_hang_i = core->p.hang = 1;
		return 0;
	case BNN_CORE_POKE_DMA_READ:
		core->p.poke_read = 1;
		core->p.poke_reads = arg;
		return 0;
	case BNN_CORE_POKE_DMA_WRITE:
		core->p.poke_write = 1;
		core->p.poke_writes = arg;
		return 0;
	case BNN_CORE_POKE_LOST_IRQ:
		core->p.lost_irqs = arg;
		return 0;
	case BNN_CORE_POKE_STUCK_RESET:
		core->top->test_stuck_i = core->p.stuck = 1;
		return 0;
	default:
		return -1; // FLIP_BIT: this core has no parity
	}
}

// ---- saved states: head, glue, Verilated state ----

struct Head {
	char magic[8];
	uint64_t length, sum;
	uint32_t build, options[5];
	uint32_t counts[4];
};

Head head_of(bnn_core *core)
{
	const Options &o = core->options;
	Head h{};

	memcpy(h.magic, "BNNRTL2", 8);
	h.build = BNN_SIM_BUILD;
	h.options[0] = o.act_kib;
	h.options[1] = o.latency;
	h.options[2] = o.bytes;
	h.options[3] = o.seed;
	h.options[4] = o.stall;
	return h;
}

// Whether the bits of a loaded variable above its width are 0.
template <class T> bool fits(T v, unsigned width)
{
	return width >= 8 * sizeof(T) || !(uint64_t(v) >> width);
}

template <size_t N> bool fits(const VlWide<N> &v, unsigned width)
{
	return width % 32 == 0 || !(v[N - 1] >> width % 32);
}

template <class T, size_t N> bool fits(const VlUnpacked<T, N> &v, unsigned width)
{
	bool ok = true;

	for (size_t i = 0; i < N; i++)
		ok &= fits(v[i], width);
	return ok;
}

bool is_clean(const Vbnn_top___024root &r)
{
	bool ok = true;

#if BNN_SIM_SAVES
#include "widths.inc"
#else
	(void)r;
#endif
	return ok;
}

template <class T> void append(std::vector<uint8_t> &out, const T &v)
{
	const uint8_t *p = reinterpret_cast<const uint8_t *>(&v);

	out.insert(out.end(), p, p + sizeof(v));
}

template <class T> bool take(const uint8_t *&at, size_t &left, T &v)
{
	if (left < sizeof(v))
		return false;
	memcpy(&v, at, sizeof(v));
	at += sizeof(v);
	left -= sizeof(v);
	return true;
}

template <class T>
bool take_all(const uint8_t *&at, size_t &left, std::deque<T> &list, uint32_t count)
{
	list.clear();
	if (count > BUS_DEPTH * 2)
		return false;
	while (count--) {
		list.emplace_back();
		if (!take(at, left, list.back()))
			return false;
	}
	return true;
}

size_t save(bnn_core *core, void *buf, size_t len)
{
	std::vector<uint8_t> body, all;
	Head h = head_of(core);
	Saver saver;

	append(body, core->p);
	for (const Read &r : core->reads)
		append(body, r);
	for (const Write &w : core->writes)
		append(body, w);
	for (const WriteData &w : core->data)
		append(body, w);
	for (const Response &r : core->responses)
		append(body, r);
#if BNN_SIM_SAVES
	saver << *core->top;
#endif
	saver.finish();
	body.insert(body.end(), saver.bytes.begin(), saver.bytes.end());
	h.counts[0] = uint32_t(core->reads.size());
	h.counts[1] = uint32_t(core->writes.size());
	h.counts[2] = uint32_t(core->data.size());
	h.counts[3] = uint32_t(core->responses.size());
	h.length = body.size();
	h.sum = checksum(body.data(), body.size());
	append(all, h);
	all.insert(all.end(), body.begin(), body.end());
	if (buf && len >= all.size())
		memcpy(buf, all.data(), all.size());
	return all.size();
}

bool restore(bnn_core *core, const uint8_t *at, size_t left)
{
	Head want = head_of(core), h;

	if (!take(at, left, h) || memcmp(h.magic, want.magic, sizeof(h.magic)) ||
	    h.build != want.build || memcmp(h.options, want.options, sizeof(h.options)) ||
	    h.length != left || h.sum != checksum(at, left))
		return false;
	if (!take(at, left, core->p) || !take_all(at, left, core->reads, h.counts[0]) ||
	    !take_all(at, left, core->writes, h.counts[1]) ||
	    !take_all(at, left, core->data, h.counts[2]) ||
	    !take_all(at, left, core->responses, h.counts[3]))
		return false;
	for (const Read &r : core->reads)
		if (r.beats > 256 || r.at >= r.beats || r.addr > BUS_MASK ||
		    !bnn_core::legal(r.addr, r.beats))
			return false;
	for (const Write &w : core->writes)
		if (w.beats > 256 || w.at >= w.beats || w.addr > BUS_MASK)
			return false;
	core->p.irqs &= (1u << BNN_IRQ_VECTORS) - 1;
	try {
		Loader loader(at, left);

#if BNN_SIM_SAVES
		loader >> *core->top;
#else
		return false;
#endif
		loader.finish();
	} catch (const std::exception &) {
		return false;
	}
	return is_clean(*core->top->rootp);
}

int load(bnn_core *core, const void *buf, size_t len)
{
	if (restore(core, static_cast<const uint8_t *>(buf), len))
		return 0;
	cover(core);
	core->top.reset(new Vbnn_top(&core->context, "top"));
	core->restart();
	return -1;
}

const bnn_core_ops ops = {
	BNN_CORE_ABI, "rtl", create,	   destroy, reset, mmio_read,
	mmio_write,   run,   request_stop, save,    load,  poke,
};

} // namespace

extern "C" __attribute__((visibility("default"))) const struct bnn_core_ops *bnn_core_entry(void)
{
	return &ops;
}
