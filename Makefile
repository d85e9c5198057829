# SPDX-License-Identifier: MIT
# make run    set up, build, boot the emulated machine, classify images on it
# make test   everything that can be tested here
# make help   the rest

BUILD ?= build
CC ?= gcc
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -Wall -Wextra -Werror
export BNNACCEL_DATA ?= ../shared/data

.DEFAULT_GOAL := all
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

include hw/spec/spec.mk
include hw/model/model.mk
include hw/both/both.mk
include hw/sim/rtl.mk
include hw/fpga/fpga.mk
include libbnnaccel/lib.mk libbnnaccel/src/device/device.mk
include tools/tools.mk
include examples/examples.mk
include models/models.mk
include hw/sim/table.mk
include qemu-device/qemu.mk
include driver/driver.mk
include tests/vm/vm.mk
include tests/tests.mk

.PHONY: all host setup run demo help clean
all: host qemu-device driver
# What needs neither an emulated machine nor a kernel.
host: tools examples model rtl both networks-own samples

setup:
	@tests/vm/setup

run:
	@tools/first-light

demo:
	@tools/demo

help:
	@echo "make run       set up, build, boot the emulated machine, classify images on the device"
	@echo "make test      build and run all tests; the last line counts them"
	@echo "make demo      the same networks in this process: cpu, model and rtl; no root, no machine"
	@echo "make networks  build/networks/*.bnn from the trained weights in BNNACCEL_DATA"
	@echo "make networks-large  networks of the papers' size with random parameters: 2 to 5 minutes, 85 MB"
	@echo "make -s network-table  accuracy, equal bits and cost of every network, in one table: 3 minutes"
	@echo "make -s hw-table  cycles of a frame of each network on the RTL, against targets (docs/testing.md)"
	@echo "make -s hw-cycle-model  the cycle model against the RTL, command by command (docs/testing.md)"
	@echo "make -s fpga-report  area and speed of the core on two FPGA families, from yosys and nextpnr: half an hour"
	@echo "make setup     only install the Debian packages that are missing"
	@echo "make all       only build"
	@echo "make examples  the programs of examples/"
	@echo "make docs-api  the reference of the library in build/docs-api"
	@echo "make spec      regenerate headers and docs/hardware.md from hw/spec"
	@echo "make clean     remove the build folder"

clean:
	rm -rf $(BUILD)
