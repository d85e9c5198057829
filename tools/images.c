/* SPDX-License-Identifier: MIT */
#include "images.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bnnaccel/bnnaccel.h>

enum {
	CIFAR_SIZE = 32,
	CIFAR_RECORD = 1 + 3 * CIFAR_SIZE * CIFAR_SIZE,
	IDX_IMAGES = 0x00000803,
	IDX_LABELS = 0x00000801,
	SIDE_MAX = 4096,
};

static const size_t file_max = (size_t)1 << 30;

struct file {
	uint8_t *data;
	size_t len;
};

static int read_file(const char *path, struct file *file, char *error, size_t error_len)
{
	FILE *f = fopen(path, "rb");
	size_t room = 0;

	*file = (struct file){ 0 };
	if (!f) {
		snprintf(error, error_len, "%s: %s; give the path of an image file", path,
			 strerror(errno));
		return BNNACCEL_ERR_NO_FILE;
	}
	for (;;) {
		size_t got;

		if (file->len == room) {
			uint8_t *bigger;

			room = room ? 2 * room : 1 << 16;
			bigger = room <= file_max ? realloc(file->data, room) : NULL;
			if (!bigger) {
				snprintf(error, error_len, "%s: larger than %zu bytes; split it",
					 path, file_max);
				goto fail;
			}
			file->data = bigger;
		}
		got = fread(file->data + file->len, 1, room - file->len, f);
		file->len += got;
		if (!got)
			break;
	}
	if (ferror(f)) {
		snprintf(error, error_len, "%s: %s", path, strerror(errno));
		goto fail;
	}
	fclose(f);
	return 0;
fail:
	fclose(f);
	free(file->data);
	*file = (struct file){ 0 };
	return BNNACCEL_ERR_NO_FILE;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Room for `count` more images of this shape; all files of a run must agree. */
static int grow(struct images *images, const char *path, uint32_t h, uint32_t w, uint32_t c,
		bool planar, size_t count, char *error, size_t error_len)
{
	size_t bytes = (size_t)h * w * c, total = images->count + count;
	uint8_t *pixels;
	int *labels;

	if (images->count && (images->h != h || images->w != w || images->c != c)) {
		snprintf(error, error_len,
			 "%s: images of %ux%ux%u, but those before are %ux%ux%u; run them "
			 "separately",
			 path, h, w, c, images->h, images->w, images->c);
		return BNNACCEL_ERR_BAD_INPUT;
	}
	if (images->count && images->planar != planar && images_reorder(images, planar))
		goto memory;
	pixels = realloc(images->pixels, total * bytes);
	if (!pixels)
		goto memory;
	images->pixels = pixels;
	labels = realloc(images->labels, total * sizeof(*labels));
	if (!labels)
		goto memory;
	images->labels = labels;
	images->h = h;
	images->w = w;
	images->c = c;
	images->planar = planar;
	images->bytes = bytes;
	return 0;
memory:
	snprintf(error, error_len, "%s: out of memory", path);
	return BNNACCEL_ERR_MEMORY;
}

static int load_cifar(struct images *images, const char *path, const struct file *file, char *error,
		      size_t error_len)
{
	size_t count = file->len / CIFAR_RECORD;
	int err = grow(images, path, CIFAR_SIZE, CIFAR_SIZE, 3, true, count, error, error_len);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *record = file->data + i * CIFAR_RECORD;

		images->labels[images->count] = record[0];
		memcpy(images->pixels + images->count++ * images->bytes, record + 1, images->bytes);
	}
	return 0;
}

/* ".../x-images-idx3-ubyte" has its labels in ".../x-labels-idx1-ubyte". */
static bool labels_beside(const char *path, char *labels, size_t len)
{
	const char *name = strrchr(path, '/'), *at;

	at = strstr(name ? name : path, "images-idx3");
	return at && snprintf(labels, len, "%.*slabels-idx1%s", (int)(at - path), path,
			      at + strlen("images-idx3")) < (int)len;
}

static int load_idx_labels(struct images *images, size_t first, const char *path, bool required,
			   char *error, size_t error_len)
{
	struct file file;
	int err = read_file(path, &file, error, error_len);
	size_t count = images->count - first;

	if (err)
		return required ? err : 0;
	if (file.len < 8 || be32(file.data) != IDX_LABELS || file.len - 8 < count ||
	    be32(file.data + 4) != count) {
		snprintf(error, error_len,
			 "%s: not an idx file of %zu labels; give the labels that belong to the "
			 "images",
			 path, count);
		free(file.data);
		return BNNACCEL_ERR_BAD_INPUT;
	}
	for (size_t i = 0; i < count; i++)
		images->labels[first + i] = file.data[8 + i];
	free(file.data);
	return 0;
}

static int load_idx(struct images *images, const char *path, const char *labels_path,
		    const struct file *file, char *error, size_t error_len)
{
	uint32_t count = be32(file->data + 4), h = be32(file->data + 8), w = be32(file->data + 12);
	size_t first = images->count;
	char beside[PATH_MAX];
	int err;

	if (!h || !w || h > SIDE_MAX || w > SIDE_MAX ||
	    (file->len - 16) / ((size_t)h * w) < count) {
		snprintf(error, error_len,
			 "%s: truncated: its header promises %u images of %ux%u, it has %zu bytes",
			 path, count, h, w, file->len);
		return BNNACCEL_ERR_BAD_INPUT;
	}
	err = grow(images, path, h, w, 1, true, count, error, error_len);
	if (err)
		return err;
	memcpy(images->pixels + first * images->bytes, file->data + 16, count * images->bytes);
	for (size_t i = 0; i < count; i++)
		images->labels[first + i] = -1;
	images->count += count;
	if (labels_path)
		return load_idx_labels(images, first, labels_path, true, error, error_len);
	if (labels_beside(path, beside, sizeof(beside)))
		return load_idx_labels(images, first, beside, false, error, error_len);
	return 0;
}

/* A number of a PNM header, after white space and comments; 0 if there is none. */
static uint32_t pnm_number(const struct file *file, size_t *at)
{
	uint32_t value = 0;

	while (*at < file->len && (strchr(" \t\r\n", file->data[*at]) || file->data[*at] == '#')) {
		if (file->data[*at] == '#')
			while (*at < file->len && file->data[*at] != '\n')
				++*at;
		else
			++*at;
	}
	while (*at < file->len && file->data[*at] >= '0' && file->data[*at] <= '9' &&
	       value < 1000000)
		value = value * 10 + (file->data[(*at)++] - '0');
	return value;
}

static int load_pnm(struct images *images, const char *path, const struct file *file, char *error,
		    size_t error_len)
{
	uint32_t c = file->data[1] == '6' ? 3 : 1, w, h, max;
	size_t at = 2;
	int err;

	w = pnm_number(file, &at);
	h = pnm_number(file, &at);
	max = pnm_number(file, &at);
	at++; /* one white space */
	if (!w || !h || w > SIDE_MAX || h > SIDE_MAX || max != 255 || at > file->len ||
	    file->len - at < (size_t)w * h * c) {
		snprintf(error, error_len,
			 "%s: not a whole 8-bit binary %s of at most %dx%d; save it again with "
			 "maximum 255",
			 path, c == 3 ? "PPM" : "PGM", SIDE_MAX, SIDE_MAX);
		return BNNACCEL_ERR_BAD_INPUT;
	}
	err = grow(images, path, h, w, c, false, 1, error, error_len);
	if (err)
		return err;
	images->labels[images->count] = -1;
	memcpy(images->pixels + images->count++ * images->bytes, file->data + at, images->bytes);
	return 0;
}

int images_load(struct images *images, const char *path, const char *labels_path, char *error,
		size_t error_len)
{
	struct file file;
	int err = read_file(path, &file, error, error_len);

	if (err)
		return err;
	if (file.len >= 16 && be32(file.data) == IDX_IMAGES) {
		err = load_idx(images, path, labels_path, &file, error, error_len);
	} else if (file.len > 8 && file.data[0] == 'P' &&
		   (file.data[1] == '5' || file.data[1] == '6') &&
		   strchr(" \t\r\n#", file.data[2])) {
		err = load_pnm(images, path, &file, error, error_len);
	} else if (file.len && file.len % CIFAR_RECORD == 0) {
		err = load_cifar(images, path, &file, error, error_len);
	} else {
		snprintf(
			error, error_len,
			"%s: no image file that is known (%zu bytes); give a CIFAR-10 binary batch "
			"(records of 3073 bytes), an MNIST idx file, or a binary PGM or PPM",
			path, file.len);
		err = BNNACCEL_ERR_BAD_INPUT;
	}
	free(file.data);
	return err;
}

void images_free(struct images *images)
{
	free(images->pixels);
	free(images->labels);
	*images = (struct images){ 0 };
}

int images_reorder(struct images *images, bool planar)
{
	size_t area = (size_t)images->h * images->w;
	uint8_t *image;

	if (images->planar == planar || images->c == 1) {
		images->planar = planar;
		return 0;
	}
	image = malloc(images->bytes);
	if (!image)
		return BNNACCEL_ERR_MEMORY;
	for (size_t i = 0; i < images->count; i++) {
		uint8_t *pixels = images->pixels + i * images->bytes;

		for (size_t p = 0; p < area; p++) {
			for (uint32_t c = 0; c < images->c; c++) {
				if (planar)
					image[c * area + p] = pixels[p * images->c + c];
				else
					image[p * images->c + c] = pixels[c * area + p];
			}
		}
		memcpy(pixels, image, images->bytes);
	}
	free(image);
	images->planar = planar;
	return 0;
}

void images_pixel(const struct images *images, size_t index, uint32_t y, uint32_t x, uint8_t rgb[3])
{
	const uint8_t *pixels = images->pixels + index * images->bytes;
	size_t area = (size_t)images->h * images->w, p = (size_t)y * images->w + x;

	for (uint32_t i = 0; i < 3; i++) {
		uint32_t c = images->c == 3 ? i : 0;

		rgb[i] = images->planar ? pixels[c * area + p] : pixels[p * images->c + c];
	}
}
