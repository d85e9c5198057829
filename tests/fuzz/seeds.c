// SPDX-License-Identifier: MIT
/* Writes small random networks as .bnn files, to start a fuzz campaign with: seeds FOLDER COUNT */
#include <stdio.h>
#include <stdlib.h>

#include "../common/random_net.h"
#include "error.h"

int main(int argc, char **argv)
{
	char path[4096];
	int count = argc == 3 ? atoi(argv[2]) : 0;

	for (int i = 1; i <= count; i++) {
		struct random_net_options o = { .nodes = (uint32_t)(1 + i % 4),
						.commands = i % 2 ? RANDOM_ALL : 0xfff,
						.max_size = 4,
						.max_channels = 18,
						.max_work = 2000 };
		struct bnn_net *net = random_net((uint64_t)i, &o);
		struct bnn_error error;

		snprintf(path, sizeof(path), "%s/random%d", argv[1], i);
		if (!net || bnn_file_write(net, path, &error))
			return 1;
		bnn_net_free(net);
	}
	return count ? 0 : 1;
}
