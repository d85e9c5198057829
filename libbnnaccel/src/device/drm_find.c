// SPDX-License-Identifier: MIT
#include "drm_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xf86drm.h>

#include <bnnaccel/bnnaccel.h>

#include "../error.h"
#include "bnn_hw.h"

#define DRIVER_NAME "bnnaccel"
#define DRIVER_MAJOR 1
#define ACCEL_DIR "/dev/accel"
#define PCI_DIR "/sys/bus/pci/devices"
#define MODULE_DIR "/sys/module/bnnaccel"
#define NODES 64

/* Opens a node of our driver, or tells why not. */
static int open_node(const char *path, struct bnn_error *error)
{
	drmVersionPtr version;
	int fd = open(path, O_RDWR | O_CLOEXEC), ret;

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return bnn_fail(
			error, BNNACCEL_ERR_PERMISSION,
			"no permission to open %s; join the group that owns it (see ls -l %s, "
			"usually 'render') or run as root",
			path, path);
	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO || errno == ENOTDIR))
		return bnn_fail(error, BNNACCEL_ERR_NO_DEVICE, "there is no device %s: %s", path,
				strerror(errno));
	if (fd < 0)
		return bnn_fail(error, BNNACCEL_ERR_SYSTEM, "can't open %s: %s", path,
				strerror(errno));

	version = drmGetVersion(fd);
	if (!version)
		ret = bnn_fail(error, BNNACCEL_ERR_NO_DEVICE, "%s is not a DRM device", path);
	else if (strcmp(version->name, DRIVER_NAME))
		ret = bnn_fail(error, BNNACCEL_ERR_NO_DEVICE,
			       "%s belongs to driver '%s', not to " DRIVER_NAME, path,
			       version->name);
	else if (version->version_major != DRIVER_MAJOR)
		ret = bnn_fail(error, BNNACCEL_ERR_UNSUPPORTED,
			       "the driver of %s has interface version %d, this library needs %d; "
			       "install both from the same source",
			       path, version->version_major, DRIVER_MAJOR);
	else
		ret = fd;
	drmFreeVersion(version);
	if (ret < 0)
		close(fd);
	return ret;
}

static unsigned long read_hex(const char *device, const char *name)
{
	char path[512], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), PCI_DIR "/%s/%s", device, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return strtoul(text, NULL, 16);
}

static bool hardware_present(void)
{
	DIR *dir = opendir(PCI_DIR);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' &&
			read_hex(entry->d_name, "vendor") == BNN_PCI_VENDOR_ID &&
			read_hex(entry->d_name, "device") == BNN_PCI_DEVICE_ID;
	if (dir)
		closedir(dir);
	return found;
}

static int explain_nothing(struct bnn_error *error)
{
	struct stat st;

	if (!hardware_present())
		return bnn_fail(
			error, BNNACCEL_ERR_NO_DEVICE,
			"there is no bnnaccel device in this machine; use backend cpu or model");
	if (stat(MODULE_DIR, &st))
		return bnn_fail(
			error, BNNACCEL_ERR_NO_DEVICE,
			"the machine has a bnnaccel device, but its driver is not loaded; load it "
			"with 'modprobe bnnaccel'");
	return bnn_fail(error, BNNACCEL_ERR_NO_DEVICE,
			"the bnnaccel driver is loaded but offers no device; see the kernel log "
			"('dmesg | grep bnnaccel')");
}

int bnn_drm_find(const char *path, char *found, size_t found_len, struct bnn_error *error)
{
	struct bnn_error refused;
	bool permission = false, version = false;

	if (path) {
		snprintf(found, found_len, "%s", path);
		return open_node(path, error);
	}
	for (int i = 0; i < NODES; i++) {
		struct bnn_error text;
		int fd;

		snprintf(found, found_len, ACCEL_DIR "/accel%d", i);
		fd = open_node(found, &text);
		if (fd >= 0)
			return fd;
		/* Of several reasons, the one that the user can do something about. */
		if ((fd == BNNACCEL_ERR_PERMISSION && !permission) ||
		    (fd == BNNACCEL_ERR_UNSUPPORTED && !permission && !version))
			refused = text;
		permission |= fd == BNNACCEL_ERR_PERMISSION;
		version |= fd == BNNACCEL_ERR_UNSUPPORTED;
	}
	found[0] = 0;
	if (permission || version)
		return bnn_fail(error,
				permission ? BNNACCEL_ERR_PERMISSION : BNNACCEL_ERR_UNSUPPORTED,
				"%s", refused.text);
	return explain_nothing(error);
}
