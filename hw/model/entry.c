/* SPDX-License-Identifier: MIT */
/* The one symbol of libbnnaccel-model.so. */
#include "bnn_core.h"

__attribute__((visibility("default"))) const struct bnn_core_ops *bnn_core_entry(void);

const struct bnn_core_ops *bnn_core_entry(void)
{
	return bnn_core_model();
}
