# SPDX-License-Identifier: MIT
# Small programs on the public headers; docs/library.md goes through them.

EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))

$(BUILD)/examples/%: examples/%.c examples/digits.h $(wildcard libbnnaccel/include/bnnaccel/*.h) $(LIB_SO)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Ilibbnnaccel/include -o $@ $< -L$(BUILD)/lib -lbnnaccel \
		'-Wl,-rpath,$$ORIGIN/../lib'

.PHONY: examples
examples: $(EXAMPLES)
