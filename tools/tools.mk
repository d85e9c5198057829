# SPDX-License-Identifier: MIT
# The program bnnaccel.

TOOL_SOURCES := $(wildcard tools/*.c)
TOOL_OBJECTS := $(TOOL_SOURCES:%.c=$(BUILD)/%.o)
-include $(TOOL_OBJECTS:.o=.d)

$(BUILD)/tools/%.o: tools/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -Ilibbnnaccel/include -Ihw/spec/generated -Itools -c -o $@ $<

# Found beside the library wherever the build folder is moved to.
$(BUILD)/bin/bnnaccel: $(TOOL_OBJECTS) $(BUILD)/lib/libbnnaccel.so
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $(TOOL_OBJECTS) -L$(BUILD)/lib -lbnnaccel '-Wl,-rpath,$$ORIGIN/../lib'

.PHONY: tools
tools: $(BUILD)/bin/bnnaccel
