# SPDX-License-Identifier: MIT
# Tests that run in the emulated machine against the driver's ioctls. They use
# the kernel's own kselftest_harness.h, which tests/vm/kernel provides.

GUEST_NAMES := $(sort $(basename $(notdir $(wildcard tests/guest/test-*.c))))
GUEST_PROGRAMS := $(GUEST_NAMES:%=$(BUILD)/tests/guest/%)
GUEST_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Wno-unused-parameter -Wno-missing-field-initializers -pthread -Iuapi -Itests/guest \
	-Ihw/spec/generated -isystem $(KSELFTEST_INC) $(shell pkg-config --cflags libdrm)

.PHONY: guest-tests test-guest
guest-tests: $(GUEST_PROGRAMS)

# Runs on the host, beside the machine.
QMP_SET := $(BUILD)/tests/guest/qmp-set
$(QMP_SET): tests/guest/qmp-set.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -std=gnu11 -D_GNU_SOURCE -o $@ $<

$(BUILD)/tests/guest/%: tests/guest/%.c tests/guest/guest.h uapi/drm/bnnaccel_drm.h \
		hw/spec/generated/bnn_hw_fields.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(GUEST_CFLAGS) -o $@ $< hw/spec/generated/bnn_hw_fields.c

test-guest: $(GUEST_PROGRAMS) $(QMP_SET) driver qemu-device model
	@tests/guest/guest-test $(BUILD)
