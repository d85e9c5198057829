// SPDX-License-Identifier: MIT
//
// Bench of bnn_counters: jobs with random events, up to all of them in every cycle,
// against plain sums. The counters of a job must be exact when they are handed over.
// What a snapshot shows and a clear drops while a job runs may be up to LAG cycles old.
//
//   counters_tb [-n JOBS] [-s SEED]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "Vbnn_counters.h"
#include "bnn_hw.h"
#include "tb.h"
#include "verilated.h"

namespace
{

constexpr unsigned N = BNN_COUNTERS, LAG = 64;
using Values = std::vector<uint64_t>;

class Bench
{
      public:
	std::unique_ptr<Vbnn_counters> top{ new Vbnn_counters };
	Values job = Values(N), least = Values(N), most = Values(N); // least, most: of all jobs
	std::deque<Values> past; // of the job, before each of the last cycles
	bool wrong = false;
	unsigned percent = 50, number = 0;
	uint64_t mask = ~UINT64_C(0);
	int macs_wait = 0, longest = 0, busy = 0;

	void fail(const char *what, unsigned i, uint64_t is, uint64_t should)
	{
		if (!wrong)
			printf("# job %u: counter %u %s: %llx, not %llx\n", number, i, what,
			       (unsigned long long)is, (unsigned long long)should);
		wrong = true;
	}
	void clock()
	{
		top->clk_i = 1;
		top->eval();
		top->clk_i = 0;
		top->eval();
	}
	bool now()
	{
		return range(1, 100) <= percent;
	}
	void still()
	{
		top->retire_i = top->macs_add_i = top->merge_i = top->snapshot_i = top->clear_i = 0;
		top->job_take_i = 0;
	}
	void reset()
	{
		still();
		top->rst_ni = 0;
		for (int i = 0; i < 3; i++)
			clock();
		top->rst_ni = 1;
		least = most = Values(N);
		while (top->busy_o)
			clock();
	}

	// A cycle; what happens in it is added if a job runs.
	void step(bool count, bool events = true)
	{
		static const unsigned by_one[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 18, 20, 23 };
		Values add(N);

		top->count_i = count;
		top->inc_i = 0;
		for (unsigned i : by_one)
			if (now()) {
				top->inc_i |= 1u << i;
				add[i] = 1;
			}
		top->reads_i = uint8_t(now() ? 31 : range(0, 31));
		add[BNN_COUNTER_LATENCY_SUM] = top->reads_i;
		top->saturated_i = uint16_t(now() ? 0xffff : random64());
		top->gates_open_i = uint8_t(now() ? 0xff : random64());
		top->gates_shut_i = uint8_t(now() ? 0xff : random64());
		top->add_i = now();
		if (top->add_i) {
			add[BNN_COUNTER_SATURATED] = top->saturated_i;
			add[BNN_COUNTER_FRAC_ISSUED] = top->gates_open_i;
			add[BNN_COUNTER_FRAC_SKIPPED] = top->gates_shut_i;
		}
		top->weights_i = random64() & mask & 0xffffffffff;
		top->act_i = random64() & mask & 0xffffffffff;
		top->residual_i = random64() & mask & 0xffffffffff;
		top->written_i = random64() & mask & 0xffffffffff;
		top->macs_i = random64() & mask & 0xffffffffffffff;
		top->eval();
		top->retire_i = events && count && !top->retire_busy_o && now();
		top->macs_add_i = events && count && macs_wait <= 0 && now();
		macs_wait = top->macs_add_i ? 8 : macs_wait - 1;
		if (top->retire_i) {
			add[BNN_COUNTER_BYTES_WEIGHTS] = top->weights_i;
			add[BNN_COUNTER_BYTES_ACT] = top->act_i;
			add[BNN_COUNTER_BYTES_RESIDUAL] = top->residual_i;
			add[BNN_COUNTER_BYTES_WRITTEN] = top->written_i;
			add[BNN_COUNTER_BYTES_COMMANDS] = 128;
			add[BNN_COUNTER_COMMANDS] = 1;
		}
		if (top->macs_add_i)
			add[BNN_COUNTER_MACS] = top->macs_i;
		clock();
		if (count) {
			past.push_back(job);
			if (past.size() > LAG)
				past.pop_front();
			for (unsigned i = 0; i < N; i++)
				job[i] += add[i];
		}
		top->snapshot_i = top->clear_i = top->merge_i = top->job_take_i = 0;
		busy = top->busy_o ? busy + 1 : 0;
		longest = std::max(longest, busy);
	}

	// Snapshot or clear, or both; `count` as the job is.
	void control(bool snapshot, bool clear, bool count)
	{
		Values before = count && past.size() == LAG ? past.front() : Values(N);

		if (!count)
			before = job;
		top->snapshot_i = snapshot;
		top->clear_i = clear;
		do
			step(count);
		while (top->busy_o);
		for (unsigned i = 0; i < N && snapshot; i++) {
			top->snap_index_i = uint8_t(i);
			top->eval();
			// Differences, as after a clear what all jobs added can be negative.
			if (top->snap_o - (least[i] + before[i]) >
			    most[i] + job[i] - (least[i] + before[i]))
				fail("in the snapshot", i, top->snap_o, most[i] + job[i]);
		}
		for (unsigned i = 0; i < N && clear; i++) {
			least[i] = -job[i];
			most[i] = -before[i];
		}
	}

	void run()
	{
		uint32_t cycles = range(1, 3) == 1 ? range(1, 100) : range(100, 3000);

		percent = range(0, 3) == 0 ? 100 : range(0, 100);
		mask = range(0, 1) ? ~UINT64_C(0) : 0xffff;
		job = Values(N);
		past.clear();
		for (uint32_t i = 0; i < cycles; i++) {
			step(true);
			if (range(0, 200) == 0)
				for (uint32_t k = range(1, 4); k; k--)
					control(true, range(0, 4) == 0, true);
			else if (range(0, 500) == 0)
				control(false, true, true);
		}
		// The job's end waits for what is computed for a retired command.
		step(true, false);
		for (unsigned i = 0; i < N;) {
			int wait = 0;

			if (i && range(0, 60) == 0)
				control(true, false, false);
			while (!top->job_valid_o && wait++ < 100)
				step(false);
			if (wait > 99) {
				fail("is never handed over", i, 0, 0);
				return;
			}
			if (range(0, 3) == 0)
				step(false);
			for (unsigned k = 0; k < 2; k++, i++) {
				uint64_t v;

				memcpy(&v, &top->job_pair_o[2 * k], 8);
				if (v != job[i])
					fail("of the job", i, v, job[i]);
			}
			top->job_take_i = 1;
			step(false);
		}
		if (range(0, 4) == 0)
			control(true, range(0, 3) == 0, false);
		top->merge_i = 1;
		do
			step(false);
		while (top->busy_o);
		for (unsigned i = 0; i < N; i++) {
			least[i] += job[i];
			most[i] += job[i];
			job[i] = 0;
		}
		// From here on all is exact once more if nothing was cleared meanwhile.
		control(true, range(0, 9) == 0, false);
		if (range(0, 30) == 0)
			reset();
		number++;
	}
};

} // namespace

int main(int argc, char **argv)
{
	unsigned jobs = tb_options(argc, argv, 300);
	Bench b;

	b.reset();
	for (unsigned i = 0; i < jobs && !b.wrong; i++)
		b.run();
	tap_ok(!b.wrong, "bnn_counters: %u jobs", b.number);
	return tap_end();
}
