// SPDX-License-Identifier: MIT
//
// Bench of bnn_bus with three read and two write streams: random requests through
// page tables, random stalls on all sides, invalidations under way, missing pages
// and bus errors. Every beat read, every byte written, every fault, and the rules
// of AXI.
//
//   bus_tb [-n ROUNDS] [-s SEED]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vbnn_bus.h"
#include "bnn_hw.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr unsigned READS = 3, WRITES = 2, BUS_BITS = 40;
constexpr uint32_t BYTES = 4 << 20, PAGE = 4096;
constexpr uint64_t BUS = UINT64_C(0x2300000000);
constexpr uint16_t ASID = 5;

// Virtual: a table of pages to read, one of pages to write, a block to read.
constexpr uint32_t VA_READ = 0x10000000, VA_WRITE = 0x10200000, VA_BLOCK = 0x10400000;
constexpr uint32_t PAGES = 160;
// Bus memory, in pages: directory, two tables, pages; the block is its second half.
constexpr uint32_t DIRECTORY = 0, TABLES = 4, DATA = 8;

template <class W> void set_bits(W &words, unsigned at, uint64_t v, unsigned n)
{
	uint8_t *p = reinterpret_cast<uint8_t *>(&words);

	for (unsigned i = 0; i < n; i++, at++)
		p[at / 8] = uint8_t((p[at / 8] & ~(1u << at % 8)) | (v >> i & 1) << at % 8);
}

template <class W> const uint8_t *bytes_of(const W &words)
{
	return reinterpret_cast<const uint8_t *>(&words);
}

struct Fault {
	unsigned status, slot;
	uint64_t addr;
	bool write;
};

class Bench
{
      public:
	std::unique_ptr<Vbnn_bus> top{ new Vbnn_bus };
	std::vector<uint8_t> memory = std::vector<uint8_t>(BYTES), want;
	std::vector<uint32_t> frame = std::vector<uint32_t>(2 * PAGES); // of reads, of writes
	std::string wrong;
	std::vector<Fault> faults;
	int64_t now = 0;
	unsigned stall = 0, latency = 0;
	int64_t fail_read = -1, fail_write = -1; // countdowns
	uint64_t bursts = 0, beats = 0;

	struct Request {
		bool virt;
		uint64_t addr;
		uint32_t left;
		unsigned slot;
	};
	struct Beat {
		bool virt;
		uint64_t addr;
		unsigned slot;
		uint8_t data[16];
		uint16_t strb;
	};
	std::deque<Request> todo[READS], asked[READS];
	std::deque<Beat> out[WRITES];

	Bench()
	{
		for (uint8_t &b : memory)
			b = uint8_t(random32());
		memset(memory.data(), 0, DATA * PAGE);
		for (uint32_t i = 0; i < 2 * PAGES; i++)
			frame[i] = DATA + i;
		for (uint32_t i = 2 * PAGES - 1; i; i--)
			std::swap(frame[i], frame[random32() % (i + 1)]);
		pde(VA_READ, (BUS + TABLES * PAGE) | 1);
		pde(VA_WRITE, (BUS + (TABLES + 1) * PAGE) | 1);
		pde(VA_BLOCK, (BUS + BYTES / 2) | 5);
		for (uint32_t i = 0; i < PAGES; i++) {
			map(VA_READ, i, true);
			map(VA_WRITE, i, true);
		}
		want = memory;
		top->rst_ni = 0;
		top->asid_i = ASID;
		set_bits(top->directory_i, 0, (BUS + DIRECTORY * PAGE) >> 14, BUS_BITS - 14);
		for (int i = 0; i < 4; i++)
			clock();
		top->rst_ni = 1;
	}

	void map(uint32_t base, uint32_t page, bool valid)
	{
		bool write = base == VA_WRITE;
		uint64_t entry = BUS + uint64_t(frame[page + (write ? PAGES : 0)]) * PAGE;

		put64(TABLES * PAGE + (write ? PAGE : 0) + 8 * page,
		      entry | (write ? 2 : 0) | (valid ? 1 : 0));
	}
	void pde(uint32_t va, uint64_t entry)
	{
		put64(DIRECTORY * PAGE + 8 * (va >> 21), entry);
	}
	void put64(uint32_t at, uint64_t v)
	{
		for (unsigned i = 0; i < 8; i++)
			memory[at + i] = uint8_t(v >> 8 * i);
		if (!want.empty())
			std::copy_n(&memory[at], 8, &want[at]);
	}

	// Offset in memory of a virtual or bus address.
	uint32_t at(bool virt, uint64_t addr) const
	{
		if (!virt)
			return uint32_t(addr - BUS);
		if (addr >= VA_BLOCK)
			return uint32_t(BYTES / 2 + addr - VA_BLOCK);
		if (addr >= VA_WRITE)
			return uint32_t(frame[PAGES + (addr - VA_WRITE) / PAGE] * PAGE +
					addr % PAGE);
		return uint32_t(frame[(addr - VA_READ) / PAGE] * PAGE + addr % PAGE);
	}

	bool idle() const
	{
		for (unsigned i = 0; i < READS; i++)
			if (!todo[i].empty() || !asked[i].empty())
				return false;
		for (unsigned i = 0; i < WRITES; i++)
			if (!out[i].empty())
				return false;
		return top->quiet_o;
	}
	bool reads_idle() const
	{
		for (unsigned i = 0; i < READS; i++)
			if (!todo[i].empty() || !asked[i].empty())
				return false;
		return true;
	}

	void step();

      private:
	struct Read {
		uint64_t addr;
		unsigned len, at;
		int64_t ready_at;
		bool bad;
	};
	struct Write {
		uint64_t addr;
		unsigned len, at;
		bool bad;
	};
	std::deque<Read> reads;
	std::deque<Write> writes;
	std::deque<std::vector<uint8_t>> data; // 16 bytes, strobes, last
	std::deque<std::pair<int64_t, bool>> responses;
	bool ar_held = false, aw_held = false, w_held = false;
	uint64_t ar_addr = 0, aw_addr = 0;
	uint8_t w_data[16];
	unsigned offered = 0; // write streams whose beat is on offer

	void clock()
	{
		top->clk_i = 1;
		top->eval();
		top->clk_i = 0;
		top->eval();
		now++;
	}
	bool stalled()
	{
		return stall && random32() % 100 < stall;
	}
	void bus();
	void drive();
};

// The slave: in order, with its rules.
void Bench::bus()
{
	if (ar_held && (!top->arvalid_o || top->araddr_o != ar_addr))
		wrong = "AR not held";
	if (aw_held && (!top->awvalid_o || top->awaddr_o != aw_addr))
		wrong = "AW not held";
	if (w_held && (!top->wvalid_o || memcmp(w_data, bytes_of(top->wdata_o), 16)))
		wrong = "W not held";
	top->arready_i = !stalled();
	top->awready_i = !stalled();
	top->wready_i = !stalled();
	ar_held = top->arvalid_o && !top->arready_i;
	aw_held = top->awvalid_o && !top->awready_i;
	w_held = top->wvalid_o && !top->wready_i;
	ar_addr = top->araddr_o;
	aw_addr = top->awaddr_o;
	memcpy(w_data, bytes_of(top->wdata_o), 16);

	if (top->arvalid_o && top->arready_i) {
		unsigned len = top->arlen_o + 1u;

		if (len > 16 || top->araddr_o % PAGE + 16 * len > PAGE || top->araddr_o % 16 ||
		    reads.size() >= 16)
			wrong = "read burst against the rules";
		reads.push_back(Read{ top->araddr_o, len, 0, now + latency, !fail_read });
		fail_read--;
	}
	if (top->awvalid_o && top->awready_i) {
		unsigned len = top->awlen_o + 1u;

		if (len > 16 || top->awaddr_o % PAGE + 16 * len > PAGE || top->awaddr_o % 16 ||
		    writes.size() + responses.size() >= 64)
			wrong = "write burst against the rules";
		writes.push_back(Write{ top->awaddr_o, len, 0, !fail_write });
		fail_write--;
		bursts++;
	}
	if (top->wvalid_o && top->wready_i) {
		std::vector<uint8_t> d(w_data, w_data + 16);

		d.push_back(uint8_t(top->wstrb_o));
		d.push_back(uint8_t(top->wstrb_o >> 8));
		d.push_back(top->wlast_o);
		data.push_back(d);
		beats++;
	}
	while (!writes.empty() && !data.empty()) {
		Write &w = writes.front();
		const std::vector<uint8_t> &d = data.front();
		uint64_t to = w.addr + 16 * w.at - BUS;

		if (to + 16 > BYTES)
			wrong = "write outside memory";
		else if (!w.bad)
			for (unsigned i = 0; i < 16; i++)
				if (d[16 + i / 8] >> i % 8 & 1)
					memory[to + i] = d[i];
		w.at++;
		if (bool(d[18]) != (w.at == w.len))
			wrong = "WLAST";
		data.pop_front();
		if (w.at == w.len) {
			responses.push_back({ now + latency, w.bad });
			writes.pop_front();
		}
	}

	top->rvalid_i = !reads.empty() && reads.front().ready_at < now && !stalled();
	if (top->rvalid_i) {
		Read &r = reads.front();
		uint64_t from = r.addr + 16 * r.at - BUS;

		if (from + 16 > BYTES)
			wrong = "read outside memory";
		else
			memcpy(&top->rdata_i[0], &memory[from], 16);
		r.at++;
		top->rresp_i = r.bad ? 2 : 0;
		top->rlast_i = r.at == r.len;
		if (r.at == r.len)
			reads.pop_front();
	}
	top->bvalid_i = !responses.empty() && responses.front().first < now && !stalled();
	if (top->bvalid_i) {
		top->bresp_i = responses.front().second ? 2 : 0;
		responses.pop_front();
	}
}

// The units.
void Bench::drive()
{
	for (unsigned i = 0; i < READS; i++) {
		bool valid = !todo[i].empty() && !top->flush_i;

		set_bits(top->rq_valid_i, i, valid, 1);
		set_bits(top->rb_ready_i, i, !stalled(), 1);
		if (!valid)
			continue;
		set_bits(top->rq_virt_i, i, todo[i].front().virt, 1);
		set_bits(top->rq_slot_i, 4 * i, todo[i].front().slot, 4);
		set_bits(top->rq_addr_i, BUS_BITS * i, todo[i].front().addr, BUS_BITS);
		set_bits(top->rq_beats_i, 24 * i, todo[i].front().left, 24);
	}
	for (unsigned i = 0; i < WRITES; i++) {
		bool valid = !out[i].empty() && !top->flush_i && (!stalled() || (offered >> i & 1));

		offered = (offered & ~(1u << i)) | unsigned(valid) << i;
		set_bits(top->w_valid_i, i, valid, 1);
		if (!valid)
			continue;
		set_bits(top->w_virt_i, i, out[i].front().virt, 1);
		set_bits(top->w_slot_i, 4 * i, out[i].front().slot, 4);
		set_bits(top->w_addr_i, (BUS_BITS - 4) * i, out[i].front().addr >> 4, BUS_BITS - 4);
		for (unsigned b = 0; b < 16; b++)
			set_bits(top->w_data_i, 128 * i + 8 * b, out[i].front().data[b], 8);
		set_bits(top->w_strb_i, 16 * i, out[i].front().strb, 16);
	}
}

void Bench::step()
{
	drive();
	bus();
	top->eval();
	for (unsigned i = 0; i < READS; i++) {
		if ((top->rb_valid_o >> i & 1) && (top->rb_ready_i >> i & 1) && !top->flush_i) {
			const uint8_t *beat = bytes_of(top->rb_data_o) + 16 * i;

			if (asked[i].empty()) {
				wrong = "a beat nobody asked for";
				return;
			}
			Request &r = asked[i].front();
			if (faults.empty() && memcmp(beat, &memory[at(r.virt, r.addr)], 16))
				wrong = "data of a read";
			r.addr += 16;
			if (!--r.left)
				asked[i].pop_front();
		}
		if ((top->rq_valid_i >> i & 1) && (top->rq_ready_o >> i & 1)) {
			asked[i].push_back(todo[i].front());
			todo[i].pop_front();
		}
	}
	for (unsigned i = 0; i < WRITES; i++)
		if ((top->w_valid_i >> i & 1) && (top->w_ready_o >> i & 1)) {
			offered &= ~(1u << i);
			out[i].pop_front();
		}
	if (top->fault_o)
		faults.push_back(Fault{ top->fault_status_o, top->fault_slot_o, top->fault_addr_o,
					bool(top->fault_write_o) });
	clock();
}

void add_reads(Bench &b, unsigned stream)
{
	for (uint32_t n = range(0, 12); n; n--) {
		uint32_t len = one_in(3) ? range(1, 1500) : one_in(2) ? range(1, 40) : 1;
		uint32_t size = one_in(3) ? BYTES / 2 : PAGES * PAGE;
		uint32_t base = size == PAGES * PAGE ? VA_READ : VA_BLOCK;
		uint32_t off = random32() % (size / 16 - len) * 16;

		if (stream == 0 && one_in(4))
			b.todo[0].push_back({ false, BUS + BYTES / 2 + off % (BYTES / 4), len, 9 });
		else
			b.todo[stream].push_back({ true, base + off, len, range(0, 8) });
	}
}

// Stream i writes pages i, i + 2, ..., in runs; the second write to a byte wins.
void add_writes(Bench &b, unsigned stream)
{
	for (uint32_t n = range(0, 12); n; n--) {
		uint32_t page = range(0, PAGES / 2 - 1) * 2 + stream;
		uint32_t at = random32() % 256, len = one_in(3) ? 1 : range(1, 80);

		for (; len && at < 256; len--, at++) {
			Bench::Beat beat = { true, VA_WRITE + page * PAGE + 16 * at, 3, {}, 0 };
			uint32_t to = b.at(true, beat.addr);

			beat.strb = uint16_t(one_in(2) ? 0xffff : random32());
			for (unsigned i = 0; i < 16; i++) {
				beat.data[i] = uint8_t(random32());
				if (beat.strb >> i & 1)
					b.want[to + i] = beat.data[i];
			}
			if (one_in(40)) {
				beat.virt = false;
				beat.addr = BUS + to;
			}
			b.out[stream].push_back(beat);
		}
	}
}

bool settle(Bench &b, int64_t most)
{
	for (int64_t i = 0; i < most && b.wrong.empty() && b.faults.empty(); i++) {
		if (b.idle())
			return true;
		b.step();
	}
	if (b.wrong.empty() && b.faults.empty())
		b.wrong = "no end";
	return false;
}

void invalidate(Bench &b)
{
	b.top->inv_req_i = 1;
	b.top->inv_asid_i = one_in(2) ? 0 : ASID;
	for (int i = 0; i < 20000 && b.wrong.empty(); i++) {
		bool done;

		b.top->eval();
		done = b.top->inv_done_o;
		b.step();
		if (done) {
			b.top->inv_req_i = 0;
			b.top->eval();
			return;
		}
	}
	b.wrong = "no end of an invalidation";
}

void flush(Bench &b)
{
	b.top->flush_i = 1;
	for (unsigned i = 0; i < READS; i++) {
		b.todo[i].clear();
		b.asked[i].clear();
	}
	for (unsigned i = 0; i < WRITES; i++)
		b.out[i].clear();
	for (int i = 0; i < 20000 && b.wrong.empty(); i++) {
		b.step();
		if (b.top->quiet_o) {
			b.top->flush_i = 0;
			b.top->eval();
			return;
		}
	}
	b.wrong = "not quiet after a flush";
}

void choose_bus(Bench &b)
{
	b.stall = one_in(3) ? 0 : range(1, 60);
	b.latency = one_in(2) ? range(0, 10) : range(20, 90);
}

bool traffic(Bench &b)
{
	choose_bus(b);
	for (unsigned i = 0; i < READS; i++)
		add_reads(b, i);
	for (unsigned i = 0; i < WRITES; i++)
		add_writes(b, i);
	if (one_in(2)) {
		for (int i = 0; i < 4000 && !b.reads_idle() && b.wrong.empty(); i++)
			b.step();
		// Pages to read move, while writes go on.
		if (b.reads_idle()) {
			for (unsigned i = 0; i < 20; i++) {
				uint32_t p = random32() % PAGES, q = random32() % PAGES;

				std::swap(b.frame[p], b.frame[q]);
				b.map(VA_READ, p, true);
				b.map(VA_READ, q, true);
			}
			invalidate(b);
			add_reads(b, 1);
		}
	}
	if (!settle(b, 400000))
		return false;
	for (uint32_t i = 0; i < BYTES; i++)
		if (b.memory[i] != b.want[i]) {
			b.wrong = "byte written";
			return false;
		}
	return true;
}

// One access of several must fail; then a flush, and everything works again.
bool trouble(Bench &b)
{
	unsigned kind = range(0, 4), stream;
	uint32_t page = range(0, PAGES - 1);
	uint32_t status = BNN_STATUS_MMU_FAULT;
	Fault f;

	choose_bus(b);
	if (kind <= 1) {
		// A page is missing.
		bool write = kind == 1;

		b.map(write ? VA_WRITE : VA_READ, page, false);
		invalidate(b);
		if (write) {
			stream = page % 2;
			add_writes(b, stream);
			b.out[stream].push_back({ true, VA_WRITE + page * PAGE, 4, {}, 0xffff });
		} else {
			stream = range(0, READS - 1);
			b.todo[stream].push_back({ true, VA_READ + page * PAGE, 1, 5 });
		}
	} else if (kind == 2) {
		// Not writable.
		b.out[0].push_back({ true, VA_READ + page * PAGE, 3, {}, 0xffff });
	} else {
		status = BNN_STATUS_BUS_ERROR;
		if (kind == 3) {
			// Half a line of pages: nothing is read ahead, where an error is nobody's.
			b.todo[2].push_back({ true, VA_READ, 4 * 256, 2 });
			b.fail_read = range(0, 60);
		} else {
			add_writes(b, 1);
			b.out[1].push_back({ true, VA_WRITE + 31 * PAGE, 7, {}, 0xffff });
			b.fail_write = 0;
		}
	}
	for (int i = 0; i < 60000 && b.wrong.empty() && b.faults.empty(); i++)
		b.step();
	b.fail_read = b.fail_write = -1;
	if (b.wrong.empty() && b.faults.empty())
		b.wrong = "no fault";
	if (!b.wrong.empty())
		return false;
	f = b.faults.front();
	if (f.status != status || f.write != (kind == 1 || kind == 2 || kind == 4))
		b.wrong = "status of a fault";
	if (kind == 0 && (f.slot != 5 || f.addr >> 12 != (VA_READ >> 12) + page))
		b.wrong = "slot or page of a missing page";
	if (kind == 1 && f.addr >> 12 != (VA_WRITE >> 12) + page)
		b.wrong = "page of a missing page to write";
	if (kind == 2 && (f.slot != 3 || f.addr >> 12 != (VA_READ >> 12) + page))
		b.wrong = "slot or page of a page not to be written";
	if (kind == 3 && f.slot != 2)
		b.wrong = "slot of a failed read";
	flush(b);
	b.faults.clear();
	b.want = b.memory;
	b.map(VA_WRITE, page, true);
	b.map(VA_READ, page, true);
	return b.wrong.empty();
}

void report(bool ok, const char *what, const Bench &b)
{
	if (!ok)
		printf("# %s, cycle %lld\n", b.wrong.c_str(), (long long)b.now);
	tap_ok(ok, "%s", what);
}

// Without stalls and some way off: what a stream moves.
bool speed(Bench &b)
{
	int64_t begin;
	uint64_t bursts = b.bursts;
	bool ok;

	b.stall = 0;
	b.latency = 200;
	b.todo[1].push_back({ true, VA_READ, PAGES * 256, 1 });
	begin = b.now;
	ok = settle(b, 200000);
	begin = b.now - begin;
	printf("# %u beats read in %lld cycles\n", PAGES * 256, (long long)begin);
	ok &= begin < PAGES * 256 * 103 / 100 + 200;
	for (uint32_t i = 0; i < 8192; i++)
		b.out[0].push_back({ true, VA_WRITE + 16 * i, 3, {}, 0 });
	begin = b.now;
	ok &= settle(b, 200000);
	begin = b.now - begin;
	printf("# 8192 beats written in %lld cycles, %llu bursts\n", (long long)begin,
	       (unsigned long long)(b.bursts - bursts));
	return ok && b.bursts - bursts == 512 && begin < 8192 * 11 / 10 + 300;
}

} // namespace

int main(int argc, char **argv)
{
	unsigned rounds = tb_options(argc, argv, 60);
	bool ok = true;

	std::unique_ptr<Bench> b(new Bench);
	for (unsigned i = 0; i < rounds && ok; i++)
		ok = traffic(*b);
	printf("# %llu write bursts, %llu beats\n", (unsigned long long)b->bursts,
	       (unsigned long long)b->beats);
	report(ok, "reads and writes through pages", *b);
	for (unsigned i = 0; i < 2 * rounds && ok; i++) {
		ok = trouble(*b);
		if (ok && one_in(4))
			ok = traffic(*b);
	}
	report(ok, "faults, and traffic after them", *b);
	if (ok)
		ok = speed(*b);
	report(ok, "speed of a stream", *b);
	return tap_end();
}
