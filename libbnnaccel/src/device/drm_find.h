/* SPDX-License-Identifier: MIT */
/* Finding the device node, and saying why there is none. */
#ifndef BNN_DEVICE_DRM_FIND_H
#define BNN_DEVICE_DRM_FIND_H

#include <stddef.h>

struct bnn_error;

/*
 * Opens `path`, or the first node that belongs to the bnnaccel driver. Returns
 * the file descriptor, its path in `found`, or a negative BNNACCEL_ERR_*.
 */
int bnn_drm_find(const char *path, char *found, size_t found_len, struct bnn_error *error);

#endif /* BNN_DEVICE_DRM_FIND_H */
