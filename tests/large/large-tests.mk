# SPDX-License-Identifier: MIT
# Not part of `make test`: builds networks of the papers' size and runs them, 3 minutes.

.PHONY: test-large
test-large: tools model networks-large
	@tests/large/large-test $(BUILD)
