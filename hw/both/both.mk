# SPDX-License-Identifier: MIT
# Model and RTL in lock-step: a core library, and the program that runs a
# recorded mismatch again.

BOTH_PARTS := trace compare trace_file replay
BOTH_OBJECTS := $(BOTH_PARTS:%=$(BUILD)/hw/both/%.o)
BOTH_CFLAGS := -fPIC -fvisibility=hidden -Ihw/include -Ihw/spec/generated
BOTH_SO := $(BUILD)/lib/libbnnaccel-both.so
BNN_REPLAY := $(BUILD)/bin/bnn-replay

$(BUILD)/hw/both/%.o: hw/both/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(BOTH_CFLAGS) -MMD -MP -c -o $@ $<

# Where the libraries are, seen from the folder in which the build ran.
$(BUILD)/hw/both/bnn-replay.o: BOTH_CFLAGS += -DBNN_LIBRARIES='"$(abspath $(BUILD))/lib"'

$(BOTH_SO): $(BUILD)/hw/both/both.o $(BOTH_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -Wl,-z,defs -o $@ $^ -ldl

$(BNN_REPLAY): $(BUILD)/hw/both/bnn-replay.o $(BOTH_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ -ldl

.PHONY: both
both: $(BOTH_SO) $(BNN_REPLAY)

-include $(wildcard $(BUILD)/hw/both/*.d)
