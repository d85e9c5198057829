/* SPDX-License-Identifier: MIT */
#include "draw.h"

enum { COLUMNS_MAX = 64 }; /* larger images are thinned out */

static void half_block(FILE *out, const uint8_t top[3], const uint8_t bottom[3])
{
	fprintf(out, "\033[38;2;%d;%d;%dm\033[48;2;%d;%d;%dm\u2580", top[0], top[1], top[2],
		bottom[0], bottom[1], bottom[2]);
}

static char grey(const uint8_t rgb[3])
{
	static const char ramp[] = " .:-=+*#%@";

	return ramp[(rgb[0] * 299 + rgb[1] * 587 + rgb[2] * 114) / 1000 * (sizeof(ramp) - 2) / 255];
}

void draw_image(FILE *out, const struct images *images, size_t index, bool colour,
		const char *const *caption, size_t lines)
{
	uint32_t step = (images->w + COLUMNS_MAX - 1) / COLUMNS_MAX;
	uint32_t rows = images->h / step, columns = images->w / step;

	/* a character is about twice as high as wide, so both styles take two rows per line */
	for (uint32_t line = 0; line * 2 < rows; line++) {
		uint32_t y = line * 2 * step, below = y + step < images->h ? y + step : y;

		fputs("  ", out);
		for (uint32_t x = 0; x < columns; x++) {
			uint8_t top[3], bottom[3];

			images_pixel(images, index, y, x * step, top);
			images_pixel(images, index, below, x * step, bottom);
			if (colour) {
				half_block(out, top, bottom);
			} else {
				for (int c = 0; c < 3; c++)
					top[c] = (uint8_t)((top[c] + bottom[c]) / 2);
				fputc(grey(top), out);
			}
		}
		if (colour)
			fputs("\033[0m", out);
		if (line >= 2 && line - 2 < lines)
			fprintf(out, "   %s", caption[line - 2]);
		fputc('\n', out);
	}
}
