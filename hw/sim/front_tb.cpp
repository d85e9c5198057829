// SPDX-License-Identifier: MIT
//
// Bench of bnn_front: random lists with iterations, as one command after the other
// would run them. The units are played here: they take random times, fail at
// random, and what is fetched may lie on missing pages or come with bus errors.
//
// Checked: what E and L are given and when, the oldest command in every cycle, how
// the job ends, counters, the profile log; abort at any cycle.
//
//   front_tb [-n JOBS] [-s SEED]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vbnn_front.h"
#include "bnn_hw.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr unsigned BUS_BITS = 40;
constexpr uint32_t REGIONS = 4, ACT_BYTES = 16 << 10, REGION_BYTES = 1 << 16;
constexpr uint32_t PROGRAM = 0, CONSTANTS = 1, TENSORS = 2, LOG = 3, ONCHIP = 63;
constexpr unsigned S_COMMAND = 8, S_LOG = 10;

// Bits of a port, however Verilator holds it.
template <class W> uint64_t bits(const W &port, unsigned at, unsigned n)
{
	const uint8_t *p = reinterpret_cast<const uint8_t *>(&port);
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= uint64_t(p[(at + i) / 8] >> (at + i) % 8 & 1) << i;
	return v;
}

struct Command {
	uint32_t words[32] = {};
	void set(unsigned word, unsigned lsb, uint32_t v)
	{
		words[word] |= v << lsb;
	}
	unsigned opcode() const
	{
		return words[0] & 0xff;
	}
	bool layer() const
	{
		return opcode() == BNN_CMD_CONV || opcode() == BNN_CMD_EW;
	}
	bool unit() const
	{
		return layer() || opcode() == BNN_CMD_POOL || opcode() == BNN_CMD_ENC;
	}
};

// What a reference covers: offset and bytes within a region, as the bench made it.
struct Extent {
	bool used = false;
	uint32_t region = 0, offset = 0, bytes = 0;
};

// A command of the list and what is to be known of it.
struct Item {
	Command cmd;
	Extent ref[8];
	uint64_t payload[4] = {}; // weights, input, residual, output
	bool frac = false;
	unsigned rows = 0, cg = 0, shift = 0;
	bool bad = false; // the checks refuse it
	unsigned status = 0, detail = 0, word = 0;
	uint32_t access = 0;
};

struct Result {
	bool bad = false;
	unsigned status = 0, detail = 0;
	uint32_t word = 0, access = 0;
	uint64_t page = 0, page2 = 0; // either of them
	uint16_t index = 0, iter = 0;
};

// A command as it is executed.
struct Run {
	uint16_t index, iter;
	const Item *item;
	uint64_t va[REGIONS]; // of the regions, in its iteration
	bool fails = false, fails_l = false;
	unsigned slot = 0, status = 0;
	uint64_t page = 0;
	uint32_t present = 0;
	uint64_t open = 0;
	bool l_done = false, started = false;
};

struct Record {
	uint32_t index, opcode, iter, stall;
	uint64_t start, end;
};

struct Request {
	uint32_t addr;
	int64_t ready_at;
};

struct Fault {
	unsigned status, slot;
	uint64_t addr;
	bool write, load, lost;
};

class Bench
{
      public:
	std::unique_ptr<Vbnn_front> top{ new Vbnn_front };
	int64_t now = 0, begun = 0;
	std::string wrong;
	uint64_t l_ahead = 0, decoded_ahead = 0, starts = 0, jobs = 0, dropped_fetches = 0;

	// The job.
	std::vector<Item> list;
	std::vector<Run> runs;
	Result expected;
	uint32_t loop_start = 0, iterations = 1, offset = 0;
	uint64_t va[REGIONS] = {}, stride[REGIONS] = {};
	bool log = false;
	uint32_t log_size = 0;
	int64_t log_fails = -1;		    // record
	std::vector<uint32_t> fetch_errors; // index in the list: a bad beat
	int64_t missing = -1; // page of the list, from its base, of the iteration below
	uint32_t missing_iter = 0;
	unsigned slow = 40;
	bool first_long = false; // E takes long for the first command
	int64_t lost = -1; // index in the list whose request fails although its page has been there

	// Its state.
	uint64_t region_va[REGIONS] = {};
	uint32_t step = 0, iter_now = 0;
	size_t l_at_first = 0; // where L was when E was done with the first command
	size_t retired = 0, popped = 0, e_at = 0, l_at = 0;
	uint64_t macs = 0, bytes[4] = {}, records = 0, log_dropped = 0;
	std::vector<uint8_t> log_data;

	// Units.
	int64_t e_until = -1, w_until = -1, l_until = -1, e_fault_at = -1, l_fault_at = -1,
		log_until = -1;
	bool e_running = false, l_running = false, draining = false;
	std::deque<Request> requests;
	std::deque<Fault> faults;
	bool fetch_stuck = false;
	unsigned beat = 0;
	int64_t beat_ready_at = 0;

	void fail(const std::string &what)
	{
		if (wrong.empty())
			wrong = what;
	}

	void idle_inputs()
	{
		top->start_i = 0;
		top->stepped_i = 0;
		top->rq_ready_i = 0;
		top->rb_valid_i = 0;
		top->w_ready_i = 0;
		top->fault_i = 0;
		top->unit_done_i = 0;
		top->l_done_i = 0;
		top->stall_i = 0;
		top->clear_i = 0;
	}

	void clock()
	{
		top->clk_i = 1;
		top->eval();
		top->clk_i = 0;
		top->eval();
		now++;
	}

	void reset()
	{
		idle_inputs();
		top->writes_done_i = 1;
		top->act_bytes_i = ACT_BYTES;
		top->rst_ni = 0;
		clock();
		top->rst_ni = 1;
		clock();
	}

	void forget()
	{
		e_running = l_running = draining = fetch_stuck = false;
		e_until = w_until = l_until = e_fault_at = l_fault_at = log_until = -1;
		requests.clear();
		faults.clear();
		beat = 0;
		e_at = l_at = retired = popped = 0;
		macs = records = log_dropped = 0;
		memset(bytes, 0, sizeof(bytes));
		step = iter_now = 0;
	}

	// The address of a reference of a run.
	uint64_t address(const Run &r, unsigned slot) const
	{
		const Extent &e = r.item->ref[slot];

		return e.region == ONCHIP ? e.offset : r.va[e.region] + e.offset;
	}

	bool overlaps(const Run &a, unsigned i, const Run &b, unsigned j) const
	{
		const Extent &x = a.item->ref[i], &y = b.item->ref[j];

		return x.used && y.used && (x.region == ONCHIP) == (y.region == ONCHIP) &&
		       address(a, i) < address(b, j) + y.bytes &&
		       address(b, j) < address(a, i) + x.bytes;
	}

	bool waits_for(const Run &k, const Run &older) const
	{
		static const unsigned outputs[] = { 3, 4, 7 };

		for (unsigned o : outputs)
			if (overlaps(k, 1, older, o) || overlaps(k, 2, older, o))
				return true;
		return false;
	}

	// What is fetched: one request after the other; a page that is missing brings a fault and
	// no beats.
	void fetch_side()
	{
		uint64_t list_va = region_va[PROGRAM] + offset;

		if (top->rq_valid_o && top->rq_ready_i) {
			uint32_t index = (top->rq_addr_o - uint32_t(list_va)) / 128;
			uint64_t first = top->rq_addr_o >> 12, last = (top->rq_addr_o + 127u) >> 12;

			if ((top->rq_addr_o - uint32_t(list_va)) % 128 || index >= list.size())
				fail("a request beside the list");
			if (int64_t(index) == lost && !iter_now) {
				faults.push_back({ BNN_STATUS_MMU_FAULT, S_COMMAND, first << 12,
						   false, false, true });
			} else if (missing >= 0 && iter_now == missing_iter &&
				   int64_t(last) >= missing &&
				   (int64_t(first) >= missing || int64_t(last) >= missing)) {
				faults.push_back({ BNN_STATUS_MMU_FAULT, S_COMMAND,
						   std::max(first, uint64_t(missing)) << 12, false,
						   false, true });
				if (!requests.empty() &&
				    int64_t(requests.back().addr >> 12) != missing &&
				    int64_t((requests.back().addr + 127u) >> 12) != missing)
					fail("asked ahead on a page that may be missing");
			} else {
				for (uint32_t bad : fetch_errors)
					if (bad == index) {
						uint64_t at =
							(top->rq_addr_o & ~15u) + 16 * range(0, 7);
						uint64_t burst = std::max<uint64_t>(
							top->rq_addr_o & ~15u, at & ~255u);

						faults.push_back({ BNN_STATUS_BUS_ERROR, S_COMMAND,
								   burst, false, false, false });
					}
				requests.push_back(
					{ top->rq_addr_o, now + int64_t(range(4, slow)) });
			}
		}
		if (top->rb_valid_i && top->rb_ready_o) {
			beat = (beat + 1) % 8;
			if (!beat)
				requests.pop_front();
		}
	}

	void e_side()
	{
		bool conv = top->start_conv_o, side = top->start_side_o;

		if (conv || side) {
			starts++;
			if (e_running || draining)
				fail("E starts while it runs");
			while (e_at < runs.size() && !runs[e_at].item->cmd.unit())
				e_at++;
			if (e_at >= runs.size()) {
				fail("E starts what must not run");
				return;
			}
			Run &r = runs[e_at];
			const Item &it = *r.item;

			if (conv != it.cmd.layer() || top->x_opcode_o != it.cmd.opcode() ||
			    e_at != popped)
				fail("E starts another command");
			for (unsigned i = 0; i < 8; i++) {
				if ((top->x_ref_used_o >> i & 1) != it.ref[i].used)
					fail("references of E");
				if (it.ref[i].used && ((top->x_ref_onchip_o >> i & 1) !=
							       (it.ref[i].region == ONCHIP) ||
						       bits(top->x_ref_addr_o, 32 * i, 32) !=
							       uint32_t(address(r, i))))
					fail("an address of E");
			}
			if (it.cmd.layer() && (top->x_a3_o != (it.cmd.words[9] & 0xffff) ||
					       top->x_b3_o != it.cmd.words[10]))
				fail("fields of E");
			r.started = e_running = true;
			e_until =
				now + (first_long && !e_at ? 3000 : range(1, one_in(6) ? 600 : 60));
			e_fault_at = r.fails && !r.fails_l && r.slot != S_LOG
					     ? now + int64_t(range(0, 40))
					     : -1;
			top->present_i = r.present;
			top->open_i = r.open;
		}
		if (e_running) {
			const Run &r = runs[e_at];

			if (bits(top->x_ref_addr_o, 0, 32) != uint32_t(address(r, 0)) ||
			    top->x_opcode_o != r.item->cmd.opcode())
				fail("a field of E changes");
		}
		if (top->unit_done_i) {
			e_running = false;
			draining = true;
			if (!e_at)
				l_at_first = l_at;
		}
		if (draining && top->writes_done_i && top->combine_flush_o) {
			draining = false;
			e_at++;
		}
		if (e_running && e_fault_at >= 0 && now >= e_fault_at) {
			const Run &r = runs[e_at];
			bool out = r.slot == 3 || r.slot == 4 || r.slot == 7;

			faults.push_back({ r.status, r.slot, r.page, out, false, one_in(2) });
			e_fault_at = -1;
			e_until = one_in(2) ? INT64_MAX : std::max(e_until, now + 4);
		}
	}

	void l_side()
	{
		if (top->l_start_o) {
			while (l_at < runs.size() && !runs[l_at].item->cmd.layer())
				l_at++;
			// Behind a command that will fail in E anything may be loaded.
			bool behind =
				l_at >= runs.size() && runs.back().fails && !runs.back().fails_l;

			if (l_running || (l_at >= runs.size() && !behind)) {
				fail("L starts what it must not");
				return;
			}
			l_running = true;
			l_until = now + range(1, one_in(6) ? 300 : 50);
			if (behind)
				return;
			Run &r = runs[l_at];

			for (size_t i = popped; i < l_at; i++)
				if (waits_for(r, runs[i]))
					fail("L reads what an older command has still to write");
			if ((r.item->ref[1].used && top->l_w_addr_o != uint32_t(address(r, 1))) ||
			    (r.item->ref[2].used && top->l_p_addr_o != uint32_t(address(r, 2))) ||
			    top->l_ew_o != (r.item->cmd.opcode() == BNN_CMD_EW) ||
			    top->l_rows_o != r.item->rows)
				fail("fields of L");
			l_ahead += l_at > popped;
			l_fault_at = r.fails && r.fails_l ? now + int64_t(range(0, 30)) : -1;
			if (l_fault_at >= 0)
				l_until = std::max(l_until, l_fault_at + 4);
		}
		if (top->l_done_i) {
			l_running = false;
			if (l_at < runs.size())
				runs[l_at++].l_done = true;
		}
		if (l_running && l_fault_at >= 0 && now >= l_fault_at) {
			const Run &r = runs[l_at];

			faults.push_back({ r.status, r.slot, r.page, false, true, one_in(2) });
			l_fault_at = -1;
			if (one_in(2))
				l_until = INT64_MAX;
		}
	}

	void log_side()
	{
		if (!(top->w_valid_o && top->w_ready_i))
			return;
		uint64_t at = uint64_t(top->w_addr_o) * 16 - va[LOG];

		if (at + 16 > log_size) {
			fail("a write beside the log");
			return;
		}
		for (unsigned i = 0; i < 16; i++)
			log_data[at + i] = uint8_t(bits(top->w_data_o, 8 * i, 8));
		if (at % 32) {
			if (int64_t(at / 32) == log_fails)
				faults.push_back({ BNN_STATUS_MMU_FAULT, S_LOG, va[LOG] + at, true,
						   false, one_in(2) });
			records++;
			log_until = now + range(3, 30);
		}
	}

	void counters()
	{
		if (top->retire_o) {
			if (retired >= runs.size()) {
				fail("one too many retires");
				return;
			}
			const Run &r = runs[retired];

			if (r.item->cmd.unit() &&
			    (!r.started || e_running || draining || e_at <= retired))
				fail("retired before it was done");
			if (r.item->cmd.layer() && !r.l_done)
				fail("retired before it was loaded");
			bytes[0] += top->x_bytes_weights_o;
			bytes[1] += top->x_bytes_act_o;
			bytes[2] += top->x_bytes_residual_o;
			bytes[3] += top->x_bytes_written_o;
			for (unsigned i = 0; i < 8; i++)
				macs_of(r);
			retired++;
			if (!log)
				popped++;
		}
		if (top->macs_add_o)
			macs += top->macs_o;
		if (top->log_dropped_o)
			log_dropped++;
	}

	uint64_t macs_of(const Run &r) const
	{
		if (r.item->cmd.opcode() != BNN_CMD_CONV)
			return 0;
		return uint64_t(r.item->cg) * r.item->rows *
			       (uint64_t(r.present) << r.item->shift) +
		       (r.item->frac ? r.open * r.item->cg : 0);
	}

	// One cycle: inputs, clock edge with what both sides agreed on.
	void cycle()
	{
		idle_inputs();
		// Faults: one per cycle, and before what follows from them.
		if (!faults.empty()) {
			const Fault &f = faults.front();

			top->fault_i = 1;
			top->fault_status_i = uint8_t(f.status);
			top->fault_slot_i = uint8_t(f.slot);
			top->fault_addr_i = f.addr;
			top->fault_write_i = f.write;
			top->fault_load_i = f.load;
			top->fault_lost_i = f.lost;
		}
		top->rq_ready_i = !one_in(3) && requests.size() < 16 &&
				  std::none_of(faults.begin(), faults.end(),
					       [](const Fault &f) { return f.slot == S_COMMAND; });
		top->rb_valid_i =
			!requests.empty() && now >= requests.front().ready_at && faults.size() < 1;
		if (top->rb_valid_i && beat == 0 && !beat_offered)
			top->rb_valid_i = beat_offered = !one_in(3);
		if (top->rb_valid_i) {
			uint32_t index = uint32_t(
				(requests.front().addr - uint32_t(region_va[PROGRAM] + offset)) /
				128);

			for (unsigned i = 0; i < 4; i++)
				top->rb_data_i[i] = index < list.size()
							    ? list[index].cmd.words[4 * beat + i]
							    : 0;
		}
		top->w_ready_i = !one_in(3);
		top->unit_done_i = e_running && now >= e_until && faults.empty() && e_fault_at < 0;
		top->l_done_i = l_running && now >= l_until && faults.empty() && l_fault_at < 0;
		if (top->unit_done_i)
			w_until = now + range(0, 30);
		top->writes_done_i =
			!e_running && now >= w_until && now >= log_until && faults.empty();
		top->stall_i = one_in(2) ? 0 : uint8_t(range(2, 9));
		top->elapsed_i = uint64_t(now - begun);
		top->stepped_i = 0;
		top->eval();
		if (top->step_o && ++step > REGIONS) {
			top->stepped_i = 1;
			step = 0;
			iter_now++;
			for (unsigned i = 0; i < REGIONS; i++)
				region_va[i] += stride[i];
		}
		regions();
		top->list_i = uint32_t(region_va[PROGRAM] + offset);
		top->eval();
		regions();
		top->eval();
		if (top->fault_i)
			faults.pop_front();
		fetch_side();
		e_side();
		l_side();
		log_side();
		check_oldest();
		counters();
		if (top->rb_valid_i && top->rb_ready_o)
			beat_offered = false;
		clock();
		// In the log's case a slot is left when its record is written.
		if (log && popped < retired && !top->w_valid_o && left_log())
			popped++;
	}

	bool beat_offered = false;

	bool left_log()
	{
		return popped + 1 < runs.size() ? top->index_o == runs[popped + 1].index &&
							  top->iter_o == runs[popped + 1].iter
						: false;
	}

	void regions()
	{
		unsigned r = top->region_o;
		bool bound = r < REGIONS;

		top->region_va_i = bound ? uint32_t(region_va[r]) : 0;
		top->region_size_i = bound ? REGION_BYTES : 0;
		top->region_r_i = r == CONSTANTS || r == TENSORS;
		top->region_w_i = r == TENSORS;
	}

	void check_oldest()
	{
		if (log || top->start_i)
			return;
		if (popped < runs.size()
			    ? top->index_o != runs[popped].index || top->iter_o != runs[popped].iter
			    : top->index_o != expected.index || top->iter_o != expected.iter)
			fail("the oldest command: index " + std::to_string(top->index_o) +
			     " of iteration " + std::to_string(top->iter_o));
	}

	void begin()
	{
		forget();
		for (unsigned i = 0; i < REGIONS; i++)
			region_va[i] = va[i];
		log_data.assign(log_size, 0xee);
		idle_inputs();
		begun = now;
		top->present_i = 0;
		top->open_i = 0;
		top->start_i = 1;
		top->list_i = uint32_t(va[PROGRAM] + offset);
		top->cmd_count_i = uint32_t(list.size());
		top->loop_start_i = uint16_t(loop_start);
		top->iterations_i = uint16_t(iterations);
		top->log_i = log;
		top->log_va_i = uint32_t(va[LOG]);
		top->log_size_i = log_size;
		top->log_region_i = LOG;
		top->eval();
		clock();
		jobs++;
	}

	void end()
	{
		idle_inputs();
		top->clear_i = 1;
		top->writes_done_i = 1;
		for (int i = 0; i < 2 || top->macs_busy_o; i++) {
			top->eval();
			if (top->macs_add_o)
				macs += top->macs_o;
			clock();
		}
		top->clear_i = 0;
		top->eval();
		if (top->rq_valid_o || top->w_valid_o || top->l_start_o || top->start_conv_o ||
		    top->start_side_o || top->bad_o || top->end_o || top->step_o)
			fail("not idle after clear");
	}

	// To the end of the job, or to a random cycle.
	void run(int64_t cut)
	{
		int64_t limit = now + 2000 + 1500 * int64_t(runs.size() + 1);

		begin();
		while (wrong.empty() && !top->bad_o && !top->end_o && now < limit &&
		       (cut < 0 || now - begun < cut))
			cycle();
		if (cut >= 0 && now - begun >= cut) {
			end();
			return;
		}
		if (now >= limit)
			fail("it does not end; " + std::to_string(popped) + " of " +
			     std::to_string(runs.size()) + " commands retired");
		check_end();
		end();
		check_counters();
	}

	void check_end()
	{
		if (!wrong.empty())
			return;
		if (top->bad_o != expected.bad) {
			fail("ends " + std::string(top->bad_o ? "bad" : "well") + ", status " +
			     std::to_string(top->status_o));
		} else if (top->index_o != expected.index || top->iter_o != expected.iter) {
			fail("ends at index " + std::to_string(top->index_o) + " of iteration " +
			     std::to_string(top->iter_o) + " instead of " +
			     std::to_string(expected.index) + ", " + std::to_string(expected.iter));
		} else if (expected.bad &&
			   (top->status_o != expected.status || top->detail_o != expected.detail ||
			    top->word_o != expected.word || top->access_o != expected.access ||
			    (uint64_t(top->page_o) << 12 != expected.page &&
			     uint64_t(top->page_o) << 12 !=
				     std::max(expected.page, expected.page2)))) {
			char text[160];

			snprintf(text, sizeof(text),
				 "fault %u.%u word %x access %x page %llx, not %u.%u %x %x %llx",
				 top->status_o, top->detail_o, top->word_o, top->access_o,
				 (unsigned long long)(top->page_o) << 12, expected.status,
				 expected.detail, expected.word, expected.access,
				 (unsigned long long)expected.page);
			fail(text);
		}
	}

	void check_counters()
	{
		uint64_t m = 0, b[4] = {};

		if (!wrong.empty())
			return;
		// The command whose log cannot be written has retired.
		size_t n = runs.size() -
			   (!runs.empty() && runs.back().fails && runs.back().slot != S_LOG);

		if (retired != n) {
			fail("retired " + std::to_string(retired) + " instead of " +
			     std::to_string(n));
			return;
		}
		for (size_t i = 0; i < n; i++) {
			m += macs_of(runs[i]);
			for (unsigned k = 0; k < 4; k++)
				b[k] += runs[i].item->payload[k];
		}
		if (m != macs)
			fail("MACs " + std::to_string(macs) + " instead of " + std::to_string(m));
		if (memcmp(b, bytes, sizeof(b)))
			fail("bytes");
		if (log)
			check_log(n);
	}

	void check_log(size_t n)
	{
		uint64_t last = 0, fit = std::min<uint64_t>(n, log_size / 32);

		if (records != fit || log_dropped != n - fit)
			fail("records " + std::to_string(records) + ", dropped " +
			     std::to_string(log_dropped));
		for (size_t i = 0; i < fit; i++) {
			Record r;

			memcpy(&r, &log_data[32 * i], 32);
			if (r.index != runs[i].index || r.iter != runs[i].iter ||
			    r.opcode != runs[i].item->cmd.opcode() || r.start > r.end ||
			    r.start < last || (!runs[i].item->cmd.unit() && r.start != r.end) ||
			    (r.stall && (r.stall < BNN_COUNTER_STALL_WEIGHTS ||
					 r.stall > BNN_COUNTER_STALL_COMMAND)))
				fail("record " + std::to_string(i));
			last = r.end;
		}
	}
};

// ---- lists ----

uint32_t bits_of(unsigned format)
{
	switch (format) {
	case BNN_FORMAT_E_O4:
		return 4;
	case BNN_FORMAT_E_S8:
		return 8;
	case BNN_FORMAT_E_S16:
		return 16;
	default:
		return 1;
	}
}

unsigned planes_of(unsigned format)
{
	switch (format) {
	case BNN_FORMAT_O2:
		return 2;
	case BNN_FORMAT_U4:
		return 4;
	case BNN_FORMAT_S8:
		return 8;
	default:
		return 1;
	}
}

// Adds a tensor at a random place; returns its payload.
uint64_t tensor(Item &it, unsigned slot, unsigned word, unsigned format, uint32_t h, uint32_t w,
		uint32_t c, uint32_t region)
{
	uint32_t pixel = 2 * ((c * bits_of(format) + 15) / 16),
		 pitch = (w * pixel + 15) / 16 + range(0, 1);
	uint32_t plane = (16 * pitch * h + 63) / 64 * 64, n = planes_of(format);
	Extent &e = it.ref[slot];

	e.used = true;
	e.region = region;
	e.bytes = (n - 1) * plane + (h - 1) * 16 * pitch + w * pixel;
	e.offset = range(0, 60) * 64;
	it.cmd.words[word] = e.offset;
	it.cmd.set(word + 1, 0, region);
	it.cmd.set(word + 1, 6, format);
	it.cmd.set(word + 1, 11, pitch);
	return region == ONCHIP ? 0 : uint64_t(pixel) * w * h * n;
}

uint64_t vector(Item &it, unsigned slot, unsigned word, uint32_t bytes, uint32_t region)
{
	Extent &e = it.ref[slot];

	e = { true, region, range(0, 60) * 64, bytes };
	it.cmd.words[word] = e.offset;
	it.cmd.words[word + 1] = region;
	return region == ONCHIP ? 0 : bytes;
}

uint32_t readable()
{
	return one_in(3) ? CONSTANTS : one_in(4) ? ONCHIP : TENSORS;
}

uint32_t writable()
{
	return one_in(4) ? ONCHIP : TENSORS;
}

void make_layer(Item &it, bool ew)
{
	static const unsigned formats[] = { BNN_FORMAT_B1, BNN_FORMAT_O2, BNN_FORMAT_U4,
					    BNN_FORMAT_S8, BNN_FORMAT_E_O4 };
	static const unsigned logs[] = { 0, 1, 2, 3, 2 };
	unsigned f = range(0, 4),
		 wformat = one_in(2)   ? 0
			   : one_in(2) ? 1
				       : 5,
		 wlog = wformat == 5 ? 2 : wformat;
	uint32_t h = range(1, 3), w = range(1, 3), cin = range(1, 40), cout = range(1, 20) * 2,
		 tile = 0;
	bool record;

	it.cmd.set(0, 0, ew ? BNN_CMD_EW : BNN_CMD_CONV);
	it.cmd.set(1, 0, h);
	it.cmd.set(1, 16, w);
	it.cmd.set(2, 16, cout);
	it.cmd.words[9] = random32() & 0xffff;
	it.cmd.words[10] = random32();
	it.rows = cout;
	if (!ew) {
		it.cg = cin;
		it.cmd.set(2, 0, cin);
		it.cmd.words[3] = 1 | 1 << 4 | 1 << 8 | 1 << 11 | 1 << 14 | 1 << 17;
		it.frac = f == 1 && !wformat && one_in(2);
		it.shift = it.frac ? 0 : logs[f] + wlog;
		if (one_in(3)) {
			tile = 2;
			it.rows = cout / 2;
			it.cmd.set(5, 17, 1);
			it.cmd.set(5, 19, tile);
		}
		it.cmd.set(5, 0, 1);
		it.cmd.set(5, 14, wformat);
		it.cmd.set(0, 14, it.frac);
		it.payload[0] += vector(it, 1, 14,
					(cin * (1u << wlog) + 15) / 16 * 2 <= 16
						? 16 * it.rows
						: ((cin * (1u << wlog) + 15) / 16 * 2 + 15) / 16 *
							  16 * it.rows,
					readable());
	}
	record = it.frac || one_in(2);
	it.cmd.set(0, 8, record);
	if (record)
		it.payload[0] += vector(it, 2, 16, 64 * cout, readable());
	it.payload[1] += tensor(it, 0, 11, formats[f], h, w, ew ? cout : cin, readable());
	it.payload[3] += tensor(it, 4, 21, one_in(2) ? BNN_FORMAT_E_S16 : BNN_FORMAT_E_S8, h, w,
				cout, writable());
	if (record && one_in(2))
		it.payload[3] += tensor(it, 3, 18, one_in(2) ? BNN_FORMAT_B1 : BNN_FORMAT_U4, h, w,
					cout, writable());
	if (one_in(4)) {
		it.cmd.set(0, 13, 1);
		it.payload[3] += vector(it, 7, 30, 4 * cout, writable());
	}
	if (one_in(4)) {
		it.cmd.set(7, 0, cout);
		it.payload[2] += tensor(it, 5, 24, BNN_FORMAT_E_S16, h, w, cout, readable());
	}
}

void make_side(Item &it)
{
	uint32_t h = range(1, 4), w = range(1, 4), c = range(1, 40);

	it.cmd.set(1, 0, h);
	it.cmd.set(1, 16, w);
	it.cmd.set(2, 0, c);
	if (one_in(2)) {
		it.cmd.set(0, 0, BNN_CMD_POOL);
		it.cmd.set(0, 8, 1);
		it.cmd.set(2, 16, 1);
		it.cmd.words[3] = 1 | 1 << 7 | 1 << 14 | 1 << 21;
		it.payload[1] = tensor(it, 0, 11, BNN_FORMAT_B1, h, w, c, readable());
		it.payload[3] = tensor(it, 3, 18, BNN_FORMAT_B1, h, w, c, writable());
	} else {
		it.cmd.set(0, 0, BNN_CMD_ENC);
		it.cmd.set(0, 9, 1);
		it.payload[1] = vector(it, 0, 11, h * w * c, readable());
		vector(it, 1, 14, 256, readable());
		it.payload[3] = tensor(it, 3, 18, BNN_FORMAT_U4, h, w, c, writable());
	}
}

// The command's own outputs must not meet what it reads or another output.
bool clashes(const Item &it)
{
	for (unsigned o : { 3, 4, 7 })
		for (unsigned i = 0; i < 8; i++) {
			const Extent &a = it.ref[o], &b = it.ref[i];

			if (i != o && a.used && b.used && a.region == b.region &&
			    a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes)
				return true;
		}
	return false;
}

Item make_item()
{
	for (;;) {
		Item it;

		switch (range(0, 9)) {
		case 0:
			return it; // NOP
		case 1:
			it.cmd.set(0, 0, BNN_CMD_PREFETCH);
			it.cmd.words[1] = range(1, 4096);
			vector(it, 1, 14, it.cmd.words[1], readable());
			it.ref[1].used = false; // by no unit
			return it;
		case 2:
		case 3:
			make_side(it);
			break;
		case 4:
			make_layer(it, true);
			break;
		default:
			make_layer(it, false);
		}
		if (!clashes(it))
			return it;
	}
}

void damage(Item &it)
{
	it.bad = true;
	switch (range(0, 3)) {
	case 0:
		it.cmd.words[0] = (it.cmd.words[0] & ~0xffu) | 0x77;
		it.status = BNN_STATUS_BAD_OPCODE;
		break;
	case 1:
		it.cmd.words[0] |= 1u << 31;
		it.status = BNN_STATUS_BAD_FIELD;
		it.detail = BNN_DETAIL_RESERVED;
		break;
	default:
		if (!it.ref[0].used) {
			it.cmd.words[2] = 1u << 31;
			it.status = BNN_STATUS_BAD_FIELD;
			it.detail = BNN_DETAIL_RESERVED;
			it.word = 2;
			break;
		}
		// IN outside its region, or in one that is not bound.
		it.cmd.words[11] = 0xfffc0;
		it.status =
			it.ref[0].region == ONCHIP ? BNN_STATUS_BAD_ONCHIP : BNN_STATUS_BAD_BOUNDS;
		it.word = 11;
		it.access = it.ref[0].region | 3 << 8;
	}
}

// What one command after the other does.
void expect(Bench &b)
{
	uint32_t index = 0, iter = 0;
	uint64_t records = 0;

	b.runs.clear();
	b.expected = Result{};
	for (;;) {
		uint64_t at = b.va[PROGRAM] + iter * b.stride[PROGRAM] + b.offset + 128 * index;
		Result &x = b.expected;
		Run r{};

		x.index = uint16_t(index);
		x.iter = uint16_t(iter);
		x.word = 128 * index;
		x.bad = true;
		if (b.missing >= 0 && iter == b.missing_iter &&
		    int64_t((at + 127) >> 12) >= b.missing) {
			x.status = BNN_STATUS_MMU_FAULT;
			x.page = std::max<uint64_t>(at >> 12, uint64_t(b.missing)) << 12;
			return;
		}
		if (std::find(b.fetch_errors.begin(), b.fetch_errors.end(), index) !=
		    b.fetch_errors.end()) {
			x.status = BNN_STATUS_BUS_ERROR;
			x.page = at >> 12 << 12;
			x.page2 = (at + 127) >> 12 << 12;
			return;
		}
		const Item &it = b.list[index];

		if (it.bad) {
			x.status = it.status;
			x.detail = it.detail;
			x.word += 4 * it.word;
			x.access = it.access;
			return;
		}
		r.index = uint16_t(index);
		r.iter = uint16_t(iter);
		r.item = &it;
		for (unsigned i = 0; i < REGIONS; i++)
			r.va[i] = b.va[i] + iter * b.stride[i];
		r.present = one_in(3) ? random32() : range(0, 5000);
		r.open = one_in(3) ? uint64_t(random32()) << 16 | range(0, 0xffff) : range(0, 5000);
		if (it.cmd.unit() && one_in(60)) {
			std::vector<unsigned> slots;

			for (unsigned i = 0; i < 8; i++)
				if (it.ref[i].used && it.ref[i].region != ONCHIP)
					slots.push_back(i);
			if (!slots.empty()) {
				r.slot = slots[range(0, uint32_t(slots.size()) - 1)];
				r.fails = true;
				r.fails_l = it.cmd.layer() && (r.slot == 1 || r.slot == 2);
				r.status = one_in(2) ? BNN_STATUS_MMU_FAULT : BNN_STATUS_BUS_ERROR;
				r.page = uint64_t(random32()) << 12 &
					 ((UINT64_C(1) << BUS_BITS) - 1);
				static const unsigned streams[] = { 3, 1, 2, 4, 4, 5, 5, 4 };
				unsigned stream = streams[r.slot];

				if (it.cmd.opcode() == BNN_CMD_ENC && r.slot == 1)
					stream = 6;
				x.status = r.status;
				x.page = r.page;
				x.access =
					it.ref[r.slot].region | stream << 8 |
					(r.slot == 3 || r.slot == 4 || r.slot == 7 ? 1u << 16 : 0);
				b.runs.push_back(r);
				return;
			}
		}
		if (b.log && records++ < b.log_size / 32 && int64_t(records) - 1 == b.log_fails) {
			r.fails = true;
			r.slot = S_LOG;
			b.runs.push_back(r);
			x.status = BNN_STATUS_MMU_FAULT;
			x.page = (b.va[LOG] + 32 * (records - 1) + 16) >> 12 << 12;
			x.access = LOG | 6 << 8 | 1 << 16;
			return;
		}
		b.runs.push_back(r);
		if (it.cmd.opcode() == BNN_CMD_END) {
			if (++iter == b.iterations) {
				x.bad = false;
				return;
			}
			index = b.loop_start;
		} else if (index + 1 == b.list.size()) {
			x.status = BNN_STATUS_NO_END;
			return;
		} else {
			index++;
		}
	}
}

void make_job(Bench &b)
{
	uint32_t n = one_in(8) ? range(30, 80) : range(1, 14), ends = one_in(10) ? n + 1 : n;

	b.list.clear();
	for (uint32_t i = 0; i < n; i++)
		b.list.push_back(make_item());
	Item end;

	end.cmd.set(0, 0, BNN_CMD_END);
	if (ends == n)
		b.list.push_back(end);
	// Behind END lies anything.
	if (ends == n && one_in(2))
		for (uint32_t i = range(1, 12); i--;) {
			b.list.push_back(make_item());
			if (one_in(2))
				damage(b.list.back());
		}
	if (one_in(4))
		damage(b.list[range(0, n - 1)]);
	b.iterations = one_in(2) ? 1 : range(2, 5);
	b.loop_start = range(0, std::min(n, uint32_t(b.list.size()) - 1));
	b.offset = 128 * range(0, 40);
	for (unsigned i = 0; i < REGIONS; i++) {
		b.va[i] = UINT64_C(0x10000000) * (i + 1) + 64 * range(0, 1000);
		b.stride[i] = one_in(3) ? 0 : 64 * range(0, 200);
	}
	if (one_in(4))
		b.va[PROGRAM] += range(0, 63);
	b.log = one_in(3);
	b.log_size = 32 * range(0, one_in(2) ? 4 : 60) + (one_in(4) ? 31 : 0);
	b.log_fails = one_in(4) ? int64_t(range(0, 12)) : -1;
	b.fetch_errors.clear();
	for (uint32_t i = one_in(4) ? range(1, 3) : 0; i--;)
		b.fetch_errors.push_back(range(0, uint32_t(b.list.size()) - 1));
	b.missing = -1;
	if (one_in(6)) {
		b.missing_iter = range(0, b.iterations - 1);
		b.missing = int64_t((b.va[PROGRAM] + b.missing_iter * b.stride[PROGRAM] + b.offset +
				     128 * range(0, uint32_t(b.list.size()) - 1)) >>
				    12);
	}
	b.slow = one_in(2) ? 12 : 100;
	expect(b);
}

// L is through with all that it may take while E is at the first command: five of eight, the sixth
// waits for the third.
bool ahead(Bench &b)
{
	for (;;) {
		bool good = true;

		b.list.clear();
		for (unsigned i = 0; i < 8; i++) {
			Item it;

			do {
				it = Item{};
				make_layer(it, false);
			} while (clashes(it) || (it.ref[1].region == CONSTANTS) != (i != 5) ||
				 (it.ref[2].used && it.ref[2].region != CONSTANTS));
			b.list.push_back(it);
		}
		b.list.emplace_back();
		b.list.back().cmd.set(0, 0, BNN_CMD_END);
		b.iterations = 1;
		b.loop_start = b.offset = 0;
		b.log = false;
		b.fetch_errors.clear();
		b.missing = -1;
		for (unsigned i = 0; i < REGIONS; i++)
			b.va[i] = UINT64_C(0x10000000) * (i + 1);
		do
			expect(b);
		while (b.expected.bad);
		for (unsigned i = 0; i < 5; i++)
			good &= b.waits_for(b.runs[5], b.runs[i]) == (i == 2);
		if (good)
			break;
	}
	b.first_long = true;
	b.run(-1);
	b.first_long = false;
	if (b.l_at_first != 5)
		b.fail("L is at command " + std::to_string(b.l_at_first));
	return b.wrong.empty();
}

// What was asked for behind END cannot be translated any more: the stream is out of step, and the
// job ends at the next command.
bool lost(Bench &b)
{
	b.list.assign(10, Item{});
	b.list[3].cmd.set(0, 0, BNN_CMD_END);
	b.iterations = 3;
	b.loop_start = range(0, 3);
	b.fetch_errors.clear();
	b.missing = -1;
	b.log = false;
	expect(b);
	b.runs.resize(4);
	b.expected = Result{};
	b.expected.bad = true;
	b.expected.index = uint16_t(b.loop_start);
	b.expected.iter = 1;
	b.expected.word = 128 * b.loop_start;
	b.expected.status = BNN_STATUS_MMU_FAULT;
	b.lost = range(4, 6);
	b.expected.page = (b.va[PROGRAM] + b.offset + 128 * uint64_t(b.lost)) >> 12 << 12;
	b.slow = 200;
	b.run(-1);
	b.lost = -1;
	return b.wrong.empty();
}

void report(bool ok, const char *what, const Bench &b)
{
	if (!ok)
		printf("# %s, cycle %lld of job %llu\n", b.wrong.c_str(),
		       (long long)(b.now - b.begun), (unsigned long long)b.jobs);
	tap_ok(ok, "%s", what);
}

} // namespace

int main(int argc, char **argv)
{
	unsigned jobs = tb_options(argc, argv, 3000);
	bool ok = true;

	std::unique_ptr<Bench> b(new Bench);
	b->reset();
	for (unsigned i = 0; i < jobs && ok; i++) {
		make_job(*b);
		b->run(-1);
		ok = b->wrong.empty();
	}
	printf("# %llu jobs, %llu commands of E, %llu of L ahead of it\n",
	       (unsigned long long)b->jobs, (unsigned long long)b->starts,
	       (unsigned long long)b->l_ahead);
	report(ok, "lists, one command after the other", *b);
	for (unsigned i = 0; i < jobs / 4 && ok; i++) {
		make_job(*b);
		b->run(int64_t(range(1, 1500)));
		if (b->wrong.empty()) {
			make_job(*b);
			b->run(-1);
		}
		ok = b->wrong.empty();
	}
	report(ok, "aborts at any cycle, and jobs after them", *b);
	for (unsigned i = 0; i < 20 && ok; i++)
		ok = ahead(*b);
	report(ok, "L runs ahead as far as it may", *b);
	for (unsigned i = 0; i < 20 && ok; i++)
		ok = lost(*b);
	report(ok, "a fetch behind END that breaks the stream", *b);
	return tap_end();
}
