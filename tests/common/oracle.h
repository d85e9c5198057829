/* SPDX-License-Identifier: MIT */
/*
 * docs/arithmetic.md once more, as slowly and literally as possible: one bit at a
 * time, one formula per function, nothing prepared. It shares no code with the
 * engines, so a mistake would have to be made twice.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "net.h"

/* As bnn_cpu_run_node(); counts MACS, FRAC_ISSUED, FRAC_SKIPPED and SATURATED. */
void oracle_run_node(const struct bnn_net *net, size_t node, uint8_t *const *buffers,
		     uint64_t counters[BNN_COUNTERS]);

#endif /* ORACLE_H */
