# SPDX-License-Identifier: MIT
# Every suite prints TAP; tests/run runs them and counts.

include tests/style.mk
include $(wildcard tests/*/*-tests.mk tests/unit/unit.mk tests/exec/exec.mk \
	tests/import/import.mk tests/guest/guest.mk)

.PHONY: test test-cli test-system
test:
	@tests/run

test-cli: tools rtl networks samples
	@tests/cli/cli-test $(BUILD)
	@tests/cli/inspect-test $(BUILD)

test-system: all networks
	@tests/system/system-test $(BUILD)
