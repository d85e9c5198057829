# SPDX-License-Identifier: MIT
# The NumPy reference of docs/arithmetic.md against the CPU engine: networks, and
# random commands one by one and in chains.

REFERENCE_DIR := $(BUILD)/tests/reference

$(REFERENCE_DIR)/record: tests/reference/record.c tests/common/random_net.c $(wildcard tests/common/*.h) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -Itests/common -o $@ $(filter %.c,$^) $(LIB_A) $(LIB_LIBS)

# $(call reference_run,IMAGES,LAYERS,CHAINS)
define reference_run
	@status=0; \
	tests/reference/reference-test $(BUILD) $(1); \
	rm -rf $(REFERENCE_DIR)/random; \
	$(REFERENCE_DIR)/record $(REFERENCE_DIR)/random $(2) $(3) && \
	/usr/bin/python3 models/reference/check.py $(REFERENCE_DIR)/random || status=1; \
	rm -rf $(REFERENCE_DIR)/random; \
	exit $$status
endef

.PHONY: test-reference reference-all
test-reference: tools networks samples $(REFERENCE_DIR)/record
	$(call reference_run,5,2000,400)

# Slow: 500 images, ten times the random commands.
reference-all: tools networks samples $(REFERENCE_DIR)/record
	$(call reference_run,500,20000,4000)
