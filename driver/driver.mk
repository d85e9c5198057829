# SPDX-License-Identifier: MIT
# The kernel module. Included by the top Makefile; KDIR comes from tests/vm/vm.mk.

BUILD ?= build
DRIVER_MODULE := $(BUILD)/driver/bnnaccel.ko

.PHONY: driver check-driver
driver:
	$(MAKE) -C driver KDIR=$(KDIR) BUILD=$(abspath $(BUILD)/driver) modules
$(DRIVER_MODULE): driver ;

# W=1 and sparse.
check-driver:
	$(MAKE) -C driver KDIR=$(KDIR) BUILD=$(abspath $(BUILD)/driver) check
