# SPDX-License-Identifier: MIT
# Fuzz targets for files that may come from anyone. `make fuzz-onnx` and `make fuzz-bnn` run
# a campaign; `make test-fuzz` replays the corpora that earlier ones left.

FUZZ_DIR := $(BUILD)/fuzz
FUZZ_RUNS ?= 20000000
FUZZ_OPTIONS ?= -max_len=8192 -timeout=10 -rss_limit_mb=4096 -print_final_stats=1
FUZZ_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror $(LIB_CFLAGS) -DBNN_FUZZ
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_COUNT := -fsanitize-coverage=inline-8bit-counters,pc-table
FUZZ_RUN := ASAN_OPTIONS=malloc_context_size=2:quarantine_size_mb=16 nice
FUZZ_OBJECTS := $(LIB_SOURCES:%.c=$(FUZZ_DIR)/obj/%.o)
FUZZ_LINKED := $(LIB_MODEL_OBJECTS)

# The library with counters for libFuzzer. Compares are not traced: the mutators know the
# formats, and tracing takes a third of the time.
$(FUZZ_OBJECTS): $(FUZZ_DIR)/obj/%.o: %.c
	@mkdir -p $(@D)
	clang-14 $(FUZZ_CFLAGS) $(FUZZ_SANITIZE) $(FUZZ_COUNT) -MMD -MP -c -o $@ $<

$(FUZZ_DIR)/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(FUZZ_OBJECTS) $(FUZZ_LINKED)
	clang-14 $(FUZZ_CFLAGS) $(FUZZ_SANITIZE) -fsanitize=fuzzer -o $@ $< $(FUZZ_OBJECTS) \
		$(FUZZ_LINKED) $(LIB_LIBS)

$(FUZZ_DIR)/seeds: tests/fuzz/seeds.c tests/common/random_net.c $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -o $@ tests/fuzz/seeds.c tests/common/random_net.c $(LIB_A) $(LIB_LIBS)

# A campaign keeps what it finds in build/fuzz/NAME-corpus; findings are files in build/fuzz.
.PHONY: fuzz-bnn fuzz-onnx test-fuzz
fuzz-bnn: $(FUZZ_DIR)/bnn $(FUZZ_DIR)/seeds
	@mkdir -p $(FUZZ_DIR)/bnn-corpus $(FUZZ_DIR)/bnn-seeds
	$(FUZZ_DIR)/seeds $(FUZZ_DIR)/bnn-seeds 200
	$(FUZZ_RUN) $(FUZZ_DIR)/bnn $(FUZZ_OPTIONS) -runs=$(FUZZ_RUNS) -dict=tests/fuzz/bnn.dict \
		-artifact_prefix=$(FUZZ_DIR)/bnn- $(FUZZ_DIR)/bnn-corpus tests/fuzz/bnn-corpus \
		$(FUZZ_DIR)/bnn-seeds

fuzz-onnx: $(FUZZ_DIR)/onnx $(BUILD)/tests/import/onnx-cases
	@mkdir -p $(FUZZ_DIR)/onnx-corpus
	$(FUZZ_RUN) $(FUZZ_DIR)/onnx $(FUZZ_OPTIONS) -runs=$(FUZZ_RUNS) \
		-artifact_prefix=$(FUZZ_DIR)/onnx- $(FUZZ_DIR)/onnx-corpus tests/fuzz/onnx-corpus \
		$(BUILD)/tests/import/onnx-cases/good $(BUILD)/tests/import/onnx-cases/bad

# The corpora and the small models again, with sanitizers but without libFuzzer.
FUZZ_REPLAYS := $(FUZZ_DIR)/replay-bnn $(FUZZ_DIR)/replay-onnx
FUZZ_UNIT_LIB := $(BUILD)/tests/unit/libbnnaccel.a

$(FUZZ_REPLAYS): $(FUZZ_DIR)/replay-%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/fuzz.h \
		$(FUZZ_UNIT_LIB) $(FUZZ_LINKED)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -O1 $(FUZZ_SANITIZE) -o $@ $< tests/fuzz/replay.c \
		$(FUZZ_UNIT_LIB) $(FUZZ_LINKED) $(LIB_LIBS)

test-fuzz: $(FUZZ_REPLAYS)
	@export ASAN_OPTIONS=malloc_context_size=2:quarantine_size_mb=8; status=0; \
	$(FUZZ_DIR)/replay-bnn bnn tests/fuzz/bnn-corpus || status=1; \
	$(FUZZ_DIR)/replay-onnx onnx tests/fuzz/onnx-corpus \
		$(if $(ONNX_CASES),$(ONNX_CASES)/good $(ONNX_CASES)/bad) || status=1; exit $$status
test-unit: test-fuzz

-include $(FUZZ_OBJECTS:.o=.d)
