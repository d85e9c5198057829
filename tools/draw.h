/* SPDX-License-Identifier: MIT */
/* Draws an image in the terminal with a caption beside it. */
#ifndef BNN_DRAW_H
#define BNN_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "images.h"

/*
 * colour: two rows of pixels per line as half blocks in 24-bit colour; else one
 * character of a grey ramp per pixel. `caption` lines are printed at the right.
 */
void draw_image(FILE *out, const struct images *images, size_t index, bool colour,
		const char *const *caption, size_t lines);

#endif /* BNN_DRAW_H */
