# SPDX-License-Identifier: MIT
# libbnnaccel: the shared library with the public calls only, and a static one
# with every symbol for tests and the command line tool. Sources are found by
# themselves, each below libbnnaccel/src.

LIB_SO := $(BUILD)/lib/libbnnaccel.so
LIB_SONAME := libbnnaccel.so.0
LIB_A := $(BUILD)/lib/libbnnaccel.a
LIB_INCLUDES := -Ilibbnnaccel/include -Ilibbnnaccel/src -Ihw/spec/generated -Ihw/include -Iuapi
LIB_CFLAGS := -D_GNU_SOURCE -fPIC -fvisibility=hidden -pthread $(LIB_INCLUDES) \
	$(shell pkg-config --cflags libdrm 2>/dev/null)
LIB_LIBS := -pthread $(shell pkg-config --libs libdrm 2>/dev/null || echo -ldrm) -lm
LIB_MAP := libbnnaccel/libbnnaccel.map

LIB_SOURCES := $(sort $(wildcard libbnnaccel/src/*.c libbnnaccel/src/*/*.c \
	libbnnaccel/src/*/*/*.c)) hw/spec/generated/bnn_hw_fields.c
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/obj/%.o)

.PHONY: lib
lib: $(LIB_SO) $(LIB_A)

$(LIB_OBJECTS): $(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_A): $(LIB_OBJECTS)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(LIB_SO): $(LIB_OBJECTS) $(LIB_MAP)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(LIB_SONAME) \
		-Wl,--version-script=$(LIB_MAP) -Wl,--no-undefined -Wl,--as-needed \
		-o $@ $(LIB_OBJECTS) $(LIB_LIBS)
	@ln -sf libbnnaccel.so $(BUILD)/lib/$(LIB_SONAME)

# The reference of the public headers; warnings are errors.
.PHONY: docs-api
docs-api:
	@mkdir -p $(BUILD)/docs-api
	@DOCS_API=$(BUILD)/docs-api doxygen Doxyfile

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
$(BUILD)/lib/bnnaccel.pc: libbnnaccel/bnnaccel.pc.in
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|0.1.0|' $< > $@
lib: $(BUILD)/lib/bnnaccel.pc

-include $(LIB_OBJECTS:.o=.d)
