# SPDX-License-Identifier: MIT
# The kernel module. Included by the top Makefile; KDIR comes from tests/vm/vm.mk.

BUILD ?= build
DRIVER_MODULE := $(BUILD)/driver/bnnaccel.ko

.PHONY: driver test-driver
driver:
	$(MAKE) -C driver KDIR=$(KDIR) BUILD=$(abspath $(BUILD)/driver) modules
$(DRIVER_MODULE): driver ;

test-driver:
	@driver/driver-test $(BUILD) $(KDIR)
