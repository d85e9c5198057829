/* SPDX-License-Identifier: MIT */
/* Finding a core: the model is linked in, others come from a library. */
#ifndef BNN_DEVICE_CORE_LOAD_H
#define BNN_DEVICE_CORE_LOAD_H

#include <stdbool.h>

#include "bnn_core.h"

struct bnn_error;

/*
 * path: of the library, or NULL for the usual places. Libraries stay loaded
 * (their code may have started threads or registered destructors).
 */
int bnn_core_load(bool rtl, const char *path, const struct bnn_core_ops **ops,
		  struct bnn_error *error);

#endif /* BNN_DEVICE_CORE_LOAD_H */
