# SPDX-License-Identifier: MIT
# Networks, files, CPU engine and public calls. Everything but the speed is built
# with sanitizers, from sources: these tests are about hostile input and misuse.

UNIT_DIR := $(BUILD)/tests/unit
UNIT_SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_LIB := $(UNIT_DIR)/libbnnaccel.a
UNIT_OBJECTS := $(LIB_SOURCES:%.c=$(UNIT_DIR)/obj/%.o)
UNIT_COMMON := tests/common/random_net.c tests/common/oracle.c
UNIT_HEADERS := $(wildcard tests/common/*.h libbnnaccel/src/*.h libbnnaccel/src/cpu/*.h)
UNIT_TESTS := $(addprefix $(UNIT_DIR)/,cpu file net api requests)

$(UNIT_OBJECTS): $(UNIT_DIR)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) $(UNIT_SANITIZE) -MMD -MP -c -o $@ $<

$(UNIT_LIB): $(UNIT_OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

# The functional core comes as it is: it has tests of its own.
$(UNIT_TESTS): $(UNIT_DIR)/%: tests/unit/%.c $(UNIT_COMMON) $(UNIT_HEADERS) $(UNIT_LIB) \
		$(LIB_MODEL_OBJECTS)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) $(UNIT_SANITIZE) -o $@ $< $(UNIT_COMMON) $(UNIT_LIB) \
		$(LIB_MODEL_OBJECTS) $(LIB_LIBS)

# What runs in several threads, once more with ThreadSanitizer.
UNIT_TSAN := -O1 -g -fsanitize=thread
UNIT_TSAN_OBJECTS := $(patsubst %.c,$(UNIT_DIR)/tsan/%.o,$(sort $(MODEL_SOURCES) \
	$(filter-out libbnnaccel/src/graph/% libbnnaccel/src/import/%,$(LIB_SOURCES))))

$(UNIT_TSAN_OBJECTS): $(UNIT_DIR)/tsan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -Ihw/spec $(UNIT_TSAN) -MMD -MP -c -o $@ $<

$(UNIT_DIR)/requests-tsan: tests/unit/requests.c tests/common/random_net.c $(UNIT_HEADERS) \
		$(UNIT_TSAN_OBJECTS)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) $(UNIT_TSAN) -o $@ $< tests/common/random_net.c \
		$(UNIT_TSAN_OBJECTS) $(LIB_LIBS)

$(UNIT_DIR)/speed: tests/unit/speed.c tests/common/random_net.c $(UNIT_HEADERS) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -o $@ $(filter %.c,$^) $(LIB_A) $(LIB_LIBS)

.PHONY: unit-tests test-unit
unit-tests: $(UNIT_TESTS) $(UNIT_DIR)/speed $(UNIT_DIR)/requests-tsan $(LIB_SO) tools examples \
	networks-own samples
test-unit: unit-tests
	$(UNIT_DIR)/net
	$(UNIT_DIR)/file
	$(UNIT_DIR)/cpu
	$(UNIT_DIR)/api
	$(UNIT_DIR)/requests
	$(UNIT_DIR)/requests-tsan
	$(UNIT_DIR)/speed
	tests/unit/exports $(LIB_SO)
	tests/unit/examples $(BUILD)

-include $(UNIT_OBJECTS:.o=.d) $(UNIT_TSAN_OBJECTS:.o=.d)
