/* SPDX-License-Identifier: MIT */
/* Figures of merit of a lowered network. */
#ifndef BNN_FIGURES_H
#define BNN_FIGURES_H

#include "bnnaccel/bnnaccel.h"
#include "net.h"

/* Returns -1 if memory is short. */
int bnn_net_figures(const struct bnn_net *net, struct bnnaccel_figures *figures);

/*
 * Multiplications per image in the commands between the first and the last CONV:
 * slopes that are no powers of two, averages over other than 2^n elements, and
 * products of codes of more than one bit. Adds, shifts and compares do not count.
 * `ends` (may be NULL) receives those of the other commands.
 */
uint64_t bnn_net_multiplications(const struct bnn_net *net, uint64_t *ends);

#endif /* BNN_FIGURES_H */
