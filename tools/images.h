/* SPDX-License-Identifier: MIT */
/*
 * Image files: CIFAR-10 binary batches (records of 3,073 bytes), MNIST idx files
 * (images; labels from the file beside it) and binary PGM / PPM.
 */
#ifndef BNN_IMAGES_H
#define BNN_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct images {
	uint32_t h, w, c;
	bool planar; /* [colour][y][x]; else [y][x][colour] */
	size_t count;
	size_t bytes;	 /* per image */
	uint8_t *pixels; /* count * bytes */
	int *labels;	 /* -1 = unknown */
};

/* Appends the images of a file. `error` receives a sentence. Returns 0 or a BNNACCEL_ERR_* code. */
int images_load(struct images *images, const char *path, const char *labels_path, char *error,
		size_t error_len);
void images_free(struct images *images);

/* Reorders every image to the order a model wants. Returns 0 or BNNACCEL_ERR_MEMORY. */
int images_reorder(struct images *images, bool planar);

/* One pixel as red, green, blue. */
void images_pixel(const struct images *images, size_t index, uint32_t y, uint32_t x,
		  uint8_t rgb[3]);

#endif /* BNN_IMAGES_H */
