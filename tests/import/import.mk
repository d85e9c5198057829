# SPDX-License-Identifier: MIT
# Graph builder, lowering and importers. What needs published weights or images is
# skipped where BNNACCEL_DATA has none.

IMPORT_DIR := $(BUILD)/tests/import
IMPORT_NAMES := exact graph errors networks teacher abbnn pokebnn large
IMPORT_NAMES += operators shortcuts relatives wide
IMPORT_TESTS := $(IMPORT_NAMES:%=$(IMPORT_DIR)/%)

$(addprefix $(IMPORT_DIR)/,graph operators shortcuts relatives wide): tests/import/random_graph.c
$(addprefix $(IMPORT_DIR)/,operators shortcuts relatives): tests/import/bench.c
$(IMPORT_DIR)/%: tests/import/%.c tests/import/common.c $(wildcard tests/import/*.h) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -o $@ $(filter %.c,$^) $(LIB_A) $(LIB_LIBS)

# As the generator is built, but for its main().
$(IMPORT_DIR)/large: $(filter-out %/main.c,$(LARGE_SOURCES)) models/large/large.h

.PHONY: import-tests test-import
import-tests: $(IMPORT_TESTS)
test-import: import-tests
	@status=0; for test in $(IMPORT_TESTS); do $$test || status=1; done; exit $$status
