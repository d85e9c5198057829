// SPDX-License-Identifier: MIT
#include "core_load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bnnaccel/bnnaccel.h>

#include "../error.h"

#define RTL_LIBRARY "libbnnaccel-rtl.so"

/* The library's file in the folder that this code was loaded from. */
static bool beside_us(char path[PATH_MAX])
{
	Dl_info info;
	const char *slash;
	int n;

	if (!dladdr((const void *)bnn_core_load, &info) || !info.dli_fname)
		return false;
	slash = strrchr(info.dli_fname, '/');
	n = snprintf(path, PATH_MAX, "%.*s%s", slash ? (int)(slash + 1 - info.dli_fname) : 0,
		     info.dli_fname, RTL_LIBRARY);
	return n > 0 && n < PATH_MAX && access(path, F_OK) == 0;
}

static int check_abi(const struct bnn_core_ops *ops, const char *path,
		     const struct bnn_core_ops **out, struct bnn_error *error)
{
	if (!ops || ops->abi != BNN_CORE_ABI)
		return bnn_fail(
			error, BNNACCEL_ERR_NO_BACKEND,
			"core library %s has ABI %u, this library needs %u; build both from the "
			"same source",
			path, ops ? ops->abi : 0, BNN_CORE_ABI);
	*out = ops;
	return 0;
}

static int open_library(const char *path, const struct bnn_core_ops **ops, struct bnn_error *error)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	bnn_core_entry_fn entry;

	if (!handle)
		return bnn_fail(
			error, BNNACCEL_ERR_NO_BACKEND,
			"core library not found (%s); build it with 'make rtl', or name it with "
			"option core or in BNNACCEL_RTL",
			dlerror());
	/* ISO C has no conversion from an object to a function pointer, POSIX demands one. */
	*(void **)&entry = dlsym(handle, BNN_CORE_ENTRY);
	if (!entry) {
		dlclose(handle);
		return bnn_fail(error, BNNACCEL_ERR_NO_BACKEND,
				"%s is not a core library: no symbol %s", path, BNN_CORE_ENTRY);
	}
	return check_abi(entry(), path, ops, error);
}

int bnn_core_load(bool rtl, const char *path, const struct bnn_core_ops **ops,
		  struct bnn_error *error)
{
	char beside[PATH_MAX];

	if (!path && !rtl)
		return check_abi(bnn_core_model(), "(built in)", ops, error);
	if (!path)
		path = getenv("BNNACCEL_RTL");
	if ((!path || !*path) && beside_us(beside))
		path = beside;
	return open_library(path && *path ? path : RTL_LIBRARY, ops, error);
}
