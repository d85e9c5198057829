// SPDX-License-Identifier: MIT
/* Names of the instruction sets that the engine knows. */
#include <string.h>

#include "cpu.h"

static const char *const names[BNN_CPU_ISAS] = {
	[BNN_CPU_ISA_PORTABLE] = "portable",
	[BNN_CPU_ISA_POPCNT] = "popcnt",
};

const char *bnn_cpu_isa_name(int isa)
{
	return isa > BNN_CPU_ISA_BEST && isa < BNN_CPU_ISAS ? names[isa] : NULL;
}

int bnn_cpu_isa_find(const char *name)
{
	for (int i = BNN_CPU_ISA_BEST + 1; i < BNN_CPU_ISAS; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}
