# SPDX-License-Identifier: GPL-2.0-or-later
# The QEMU device and its tests without a guest. Included by the top Makefile.

BUILD ?= build
QEMU ?= qemu-system-x86_64
QEMU_PLUGIN := $(BUILD)/qemu/libbnnaccel-qemu.so
QTEST := $(BUILD)/tests/qtest-bnnaccel

.PHONY: qemu-device test-qtest test-qtest-asan
qemu-device: $(QEMU_PLUGIN)

# The QEMU that the object was built for is part of its name's promise: build
# again when another version is installed.
QEMU_PLUGIN_FOR := $(BUILD)/qemu/version
.PHONY: qemu-version
qemu-version:
	@mkdir -p $(BUILD)/qemu
	@v=`qemu-device/build.sh dir` || exit 1; \
	echo "$$v" | cmp -s - $(QEMU_PLUGIN_FOR) || echo "$$v" > $(QEMU_PLUGIN_FOR)
$(QEMU_PLUGIN_FOR): qemu-version ;

$(QEMU_PLUGIN): $(wildcard qemu-device/*.c qemu-device/*.h) qemu-device/build.sh \
		hw/include/bnn_core.h hw/spec/registers.def \
		hw/spec/generated/bnn_hw.h $(QEMU_PLUGIN_FOR)
	@mkdir -p $(@D)
	CC="$(CC)" CFLAGS="$(QEMU_CFLAGS)" qemu-device/build.sh so $@

$(QTEST): $(wildcard tests/qtest/*.c tests/qtest/*.h) hw/spec/generated/bnn_hw.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -Ihw/spec/generated -o $@ $(wildcard tests/qtest/*.c)

# The cores are found in $(BUILD)/lib.
test-qtest: $(QEMU_PLUGIN) $(QTEST) model rtl both
	QEMU="$(QEMU)" $(QTEST) --plugin $(QEMU_PLUGIN) --core model
	QEMU="$(QEMU)" $(QTEST) --plugin $(QEMU_PLUGIN) --core rtl
	QEMU="$(QEMU)" $(QTEST) --plugin $(QEMU_PLUGIN) --core both

# The same device under AddressSanitizer and UBSan, in the same stock QEMU.
QEMU_ASAN := $(BUILD)/qemu-asan/libbnnaccel-qemu.so
$(QEMU_ASAN): $(QEMU_PLUGIN)
	@mkdir -p $(@D)
	CC="$(CC)" CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all \
		-fno-omit-frame-pointer" qemu-device/build.sh so $@

test-qtest-asan: $(QEMU_ASAN) $(QTEST) $(if $(wildcard hw/model/model.mk),model)
	QEMU="tests/qtest/qemu-asan" REAL_QEMU="$(QEMU)" CC="$(CC)" \
		$(QTEST) --plugin $(QEMU_ASAN) --core model
