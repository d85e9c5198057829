// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target on every file of the folders given, and on damaged versions of
 * each: cut off in several places, and with single bytes changed.
 *
 *     replay NAME FOLDER...
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "../common/tap.h"
#include "fuzz.h"

static unsigned int runs;

/* Mutators are part of the targets, but need libFuzzer only there. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	(void)max_size;
	for (size_t i = 0; i < size; i++)
		data[i] ^= (uint8_t)(i * 29 % 255 == runs % 255 ? 1u << i % 8 : 0);
	return size;
}

/* An exact allocation, so that the sanitizer sees a read behind the end. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

static bool replay(const char *path)
{
	enum { MAX = 1 << 16 };
	uint8_t *data = malloc(MAX), *work = malloc(MAX);
	FILE *f = fopen(path, "rb");
	size_t size = f ? fread(data, 1, MAX, f) : 0;

	if (f) {
		fclose(f);
		run(data, size);
		for (unsigned int i = 0; i < 8; i++)
			run(data, size * i / 8);
		for (unsigned int i = 0; i < 8 && size; i++) {
			size_t made;

			memcpy(work, data, size);
			made = LLVMFuzzerCustomMutator(work, size, MAX, i * 2654435761u);
			run(work, made);
		}
	}
	free(data);
	free(work);
	return f;
}

int main(int argc, char **argv)
{
	char path[4096];

	for (int i = 2; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		unsigned int files = 0, bad = 0;
		struct dirent *entry;

		runs = 0;
		while (dir && (entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			files++;
			bad += !replay(path);
		}
		if (dir)
			closedir(dir);
		tap_ok(files && !bad,
		       "fuzz %s: %u files of its corpus and damaged versions, %u runs", argv[1],
		       files, runs);
	}
	return tap_done();
}
