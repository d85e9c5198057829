/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bnnaccel as a shared object for an unmodified QEMU: -plugin ./this.so
 *
 * QEMU loads plugins after its own types are registered and before it makes the
 * board and the -device objects. bnnaccel.c, which is written as a file inside
 * QEMU's tree, is included here; its type_init() is caught and called when QEMU
 * installs the plugin. No TCG callback is registered, so the guest runs at full
 * speed.
 *
 * That is not what plugins are for: it works only with the very QEMU whose
 * headers this was compiled with, which is checked first.
 */
#define BUILDING_DSO
#include "qemu/osdep.h"
#include "qemu/module.h"

#undef type_init
#define type_init(fn) static void (*const bnnaccel_types)(void) = fn;

#include "bnnaccel.c"

#include "qapi/qapi-types-control.h"
#include "qapi/qapi-commands-control.h"
#include "qemu/qemu-plugin.h"

/* The one declaration of QEMU's that the headers hide from plugins. */
QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static bool bnnaccel_same_layout(void)
{
    const VMStateField *f;

    for (f = vmstate_pci_device.fields; f->name; f++) {
        if (!strcmp(f->name, "config") &&
            f->offset != offsetof(PCIDevice, config)) {
            return false;
        }
    }
#if QEMU_VERSION_MAJOR < 10
    return object_type_get_instance_size(TYPE_PCI_DEVICE) == sizeof(PCIDevice);
#else
    return true;
#endif
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info,
                                           int argc, char **argv)
{
    g_autoptr(VersionInfo) v = qmp_query_version(NULL);

    if (v->qemu->major != QEMU_VERSION_MAJOR ||
        v->qemu->minor != QEMU_VERSION_MINOR ||
        v->qemu->micro != QEMU_VERSION_MICRO) {
        fprintf(stderr, "bnnaccel: built for QEMU %d.%d.%d, this is %" PRId64
                ".%" PRId64 ".%" PRId64 " (%s): build the plugin again "
                "(make qemu-device)\n",
                QEMU_VERSION_MAJOR, QEMU_VERSION_MINOR, QEMU_VERSION_MICRO,
                v->qemu->major, v->qemu->minor, v->qemu->micro, v->package);
        return 1;
    }
    if (!bnnaccel_same_layout()) {
        fprintf(stderr, "bnnaccel: built for another build of QEMU %s than "
                "this one (%s): build the plugin again (make qemu-device)\n",
                QEMU_VERSION, v->package);
        return 1;
    }
    if (object_class_by_name("bnnaccel")) {
        fprintf(stderr, "bnnaccel: this QEMU already has the device\n");
        return 1;
    }
    bnnaccel_types();
    return 0;
}
