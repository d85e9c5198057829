# SPDX-License-Identifier: MIT
# Compiler and executors: the same bits from CPU engine, functional core and,
# where it is built, RTL; the memory plan; the error texts; the driver's side of
# the library against a stand-in for the kernel.

EXEC_DIR := $(BUILD)/tests/exec
EXEC_CFLAGS := $(LIB_CFLAGS) -Itests/common
EXEC_COMMON := tests/common/random_net.c
EXEC_HEADERS := $(wildcard tests/common/*.h tests/exec/*.h)

EXEC_TESTS := $(EXEC_DIR)/layers $(EXEC_DIR)/plan $(EXEC_DIR)/failures $(EXEC_DIR)/rtl \
	$(EXEC_DIR)/placement $(EXEC_DIR)/drm $(EXEC_DIR)/device

$(EXEC_DIR)/drm: tests/exec/drm.c tests/exec/fake_drm.c tests/exec/common.c $(EXEC_COMMON) $(EXEC_HEADERS) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXEC_CFLAGS) -o $@ $(filter %.c,$^) $(LIB_A) -pthread -lm

$(EXEC_DIR)/%: tests/exec/%.c tests/exec/common.c $(EXEC_COMMON) $(EXEC_HEADERS) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXEC_CFLAGS) -o $@ $(filter %.c,$^) $(LIB_A) $(LIB_LIBS)

# EXEC_LAYERS: random single layers. EXEC_PLACEMENTS: networks cut at random.
EXEC_LAYERS ?= 10000
EXEC_PLACEMENTS ?= 600
.PHONY: exec-tests test-exec
exec-tests: $(EXEC_TESTS)
test-exec: exec-tests
	@status=0; \
	$(EXEC_DIR)/layers $(EXEC_LAYERS) || status=1; \
	$(EXEC_DIR)/plan || status=1; \
	$(EXEC_DIR)/failures || status=1; \
	$(EXEC_DIR)/rtl $(BUILD)/lib/libbnnaccel-rtl.so || status=1; \
	$(EXEC_DIR)/placement $(EXEC_PLACEMENTS) 1 $(BUILD)/lib/libbnnaccel-rtl.so || status=1; \
	$(EXEC_DIR)/drm || status=1; \
	if [ -f $(BUILD)/driver/bnnaccel.ko ]; then \
		tests/vm/bnn-vm --debug-boot --module $(BUILD)/driver/bnnaccel.ko \
			--log $(BUILD)/vm/exec-device.log -- $(EXEC_DIR)/device || status=1; \
	else \
		echo "ok 1 - device # SKIP the driver is not built"; \
	fi; \
	exit $$status
