# SPDX-License-Identifier: MIT
# The kernel that the driver is built against and that the emulated machine
# boots. The variables are evaluated when used, after vm-setup has run.

VM_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
BNN_VM := $(VM_DIR)/bnn-vm

KVERSION = $(shell $(VM_DIR)/kernel version)
KDIR ?= $(shell $(VM_DIR)/kernel headers)
KSELFTEST_INC = $(shell $(VM_DIR)/kernel kselftest)

.PHONY: vm-setup vm-kernel
vm-setup:
	$(VM_DIR)/setup

vm-kernel:
	@$(VM_DIR)/kernel image >/dev/null
