# SPDX-License-Identifier: MIT
# ONNX: small models that a script writes, and a second reader from ONNX's own definition.

ONNX_DIR := $(BUILD)/tests/import
ONNX_PYTHON := /usr/bin/python3
ONNX_FOLDER := $(shell $(ONNX_PYTHON) -c 'import os, onnx; print(os.path.dirname(onnx.__file__))' 2>/dev/null)
ONNX_CASES := $(if $(ONNX_FOLDER),$(ONNX_DIR)/onnx-cases)
ONNX_PROTO := $(ONNX_DIR)/onnx-ml.pb-c
ONNX_TRAINED = $(wildcard models/*/*.onnx $(addprefix $(BNNACCEL_DATA)/,*/model.onnx */*/model.onnx))
ONNX_MODELS = $(wildcard $(ONNX_CASES)/good/*.onnx $(ONNX_CASES)/again/*.onnx) $(ONNX_TRAINED)
ONNX_ORACLE := $(if $(and $(ONNX_FOLDER),$(shell command -v protoc-c)),$(ONNX_DIR)/onnx_oracle)

$(ONNX_DIR)/onnx-cases: models/onnx_cases.py
	@rm -rf $@
	@mkdir -p $@
	@$(ONNX_PYTHON) $< $@ $(ONNX_TRAINED) >/dev/null || { rm -rf $@; exit 1; }

$(ONNX_PROTO).c:
	@mkdir -p $(@D)
	protoc-c --proto_path=$(ONNX_FOLDER) --c_out=$(@D) $(ONNX_FOLDER)/onnx-ml.proto

$(ONNX_DIR)/onnx: tests/import/onnx.c tests/import/common.c tests/import/common.h $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -o $@ $(filter %.c,$^) $(LIB_A) $(LIB_LIBS)

$(ONNX_DIR)/onnx_oracle: tests/import/onnx_oracle.c tests/import/common.c $(ONNX_PROTO).c $(LIB_A)
	$(CC) $(CFLAGS) -Wno-error $(LIB_CFLAGS) -I$(ONNX_DIR) -o $@ $(filter %.c,$^) $(LIB_A) \
		$(LIB_LIBS) -lprotobuf-c

.PHONY: test-onnx
import-tests: $(ONNX_DIR)/onnx $(ONNX_CASES) $(ONNX_ORACLE)
test-onnx: import-tests
	@status=0; $(ONNX_DIR)/onnx $(ONNX_CASES) || status=1; \
	if [ -n "$(ONNX_ORACLE)" ]; then $(ONNX_ORACLE) $(ONNX_MODELS) || status=1; \
	else echo "ok 1 # skip protobuf-c-compiler or python3-onnx is not installed"; fi; exit $$status
test-import: test-onnx
test-fuzz: $(ONNX_CASES)
