# SPDX-License-Identifier: GPL-2.0-only
# The driver, built for the kernel of the emulated machine (KDIR, tests/vm/vm.mk).

.PHONY: driver test-driver
driver: $(BUILD)/driver/bnnaccel.ko

$(BUILD)/driver/bnnaccel.ko: $(wildcard driver/*.c driver/*.h driver/Kbuild driver/Makefile) \
		uapi/drm/bnnaccel_drm.h hw/spec/generated/bnn_hw.h
	$(MAKE) -C driver KDIR=$(KDIR) BUILD=$(abspath $(BUILD)/driver) modules

# Warnings and sparse, as the kernel's maintainers ask for.
test-driver:
	@if $(MAKE) -s -C driver KDIR=$(KDIR) BUILD=$(abspath $(BUILD)/driver) check; \
	then echo "ok - driver: W=1 and sparse are clean"; \
	else echo "not ok - driver: W=1 and sparse"; fi
