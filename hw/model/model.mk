# SPDX-License-Identifier: MIT
# The functional core: a static library for those who link it in, and a shared
# one behind the core ABI.

MODEL_SOURCES := $(filter-out hw/model/entry.c,$(wildcard hw/model/*.c)) \
	hw/spec/generated/bnn_hw_fields.c
MODEL_OBJECTS := $(MODEL_SOURCES:%.c=$(BUILD)/%.o)
MODEL_CFLAGS := -fPIC -fvisibility=hidden -Ihw/include -Ihw/spec -Ihw/spec/generated
MODEL_LIB := $(BUILD)/hw/libbnncore-model.a
MODEL_SO := $(BUILD)/lib/libbnnaccel-model.so

# The int16 dot product is worth a vectoriser's full effort.
$(BUILD)/hw/model/conv.o: MODEL_CFLAGS += -O3

$(BUILD)/hw/model/%.o: hw/model/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(MODEL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/hw/spec/generated/%.o: hw/spec/generated/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(MODEL_CFLAGS) -MMD -MP -c -o $@ $<

$(MODEL_LIB): $(MODEL_OBJECTS)
	@mkdir -p $(@D)
	$(AR) rcs $@ $^

$(MODEL_SO): $(BUILD)/hw/model/entry.o $(MODEL_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -Wl,-z,defs -o $@ $^

.PHONY: model
model: $(MODEL_LIB) $(MODEL_SO)

-include $(MODEL_OBJECTS:.o=.d) $(BUILD)/hw/model/entry.d
