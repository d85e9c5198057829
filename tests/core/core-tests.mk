# SPDX-License-Identifier: MIT
# Tests of a core behind the core ABI. CORE=path runs them on another library.
CORE ?= $(MODEL_SO)
CORE_TEST_CFLAGS := -Ihw/include -Ihw/spec/generated
CORE_TEST_PARTS := $(addprefix $(BUILD)/tests/core/,host.o refs.o gen.o oracle.o bnn_hw_fields.o)
CORE_TESTS := $(addprefix $(BUILD)/tests/core/,core-test trap-test arith-test)

# The fuzzer has the model built into it, with the sanitizers.
CORE_FUZZ_SOURCES := tests/core/fuzz.c tests/core/host.c tests/core/refs.c tests/core/gen.c $(MODEL_SOURCES)
CORE_FUZZ_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra $(MODEL_CFLAGS) -Itests/core
CORE_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

$(BUILD)/tests/core/%.o: tests/core/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CORE_TEST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/core/bnn_hw_fields.o: hw/spec/generated/bnn_hw_fields.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CORE_TEST_CFLAGS) -MMD -MP -c -o $@ $<

$(CORE_TESTS): %: %.o $(CORE_TEST_PARTS)
	$(CC) $(CFLAGS) -o $@ $^ -ldl

$(BUILD)/tests/core/fuzz: $(CORE_FUZZ_SOURCES) $(wildcard hw/model/*.h tests/core/*.h)
	@mkdir -p $(@D)
	$(CC) $(CORE_FUZZ_CFLAGS) $(CORE_SANITIZE) -o $@ $(CORE_FUZZ_SOURCES) -ldl

# A campaign: build/tests/core/libfuzzer -max_total_time=3600 CORPUS
$(BUILD)/tests/core/libfuzzer: $(CORE_FUZZ_SOURCES) $(wildcard hw/model/*.h tests/core/*.h)
	@mkdir -p $(@D)
	clang-14 $(CORE_FUZZ_CFLAGS) -DFUZZ_NO_MAIN -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $(CORE_FUZZ_SOURCES) -ldl

# What the model counts, from the inside.
$(BUILD)/tests/core/cycles-test: tests/core/cycles-test.c tests/common/tap.h $(wildcard hw/model/*.h) $(MODEL_LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(MODEL_CFLAGS) -Ihw/model -o $@ $< $(MODEL_LIB)

.PHONY: test-core fuzz-core
test-core: $(CORE_TESTS) $(BUILD)/tests/core/cycles-test $(BUILD)/tests/core/fuzz $(CORE)
	@status=0; $(foreach t,$(CORE_TESTS),$(t) $(CORE) || status=1;) \
	$(BUILD)/tests/core/cycles-test || status=1; \
	$(BUILD)/tests/core/fuzz || status=1; exit $$status

fuzz-core: $(BUILD)/tests/core/libfuzzer

-include $(CORE_TEST_PARTS:.o=.d) $(CORE_TESTS:=.d)
