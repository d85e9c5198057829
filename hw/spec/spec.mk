# SPDX-License-Identifier: MIT
# The interface description and what is generated from it. The generated files
# are committed, so that driver and library build without this step;
# `make check-spec` fails when they are stale.

SPEC_TABLES := $(wildcard hw/spec/*.def)
SPEC_FILES := hw/spec/generated/bnn_hw.h hw/spec/generated/bnn_hw_fields.h \
	hw/spec/generated/bnn_hw_fields.c hw/spec/generated/bnn_hw.vh \
	hw/spec/generated/bnn_hw_checks.vh hw/spec/generated/bnn_hw_formats.vh docs/hardware.md
spec-output = $(subst hw/spec/generated/bnn_hw.h,header,$(subst \
	hw/spec/generated/bnn_hw_fields.h,fields-header,$(subst \
	hw/spec/generated/bnn_hw_fields.c,fields-source,$(subst \
	hw/spec/generated/bnn_hw.vh,verilog,$(subst \
	hw/spec/generated/bnn_hw_checks.vh,verilog-checks,$(subst \
	hw/spec/generated/bnn_hw_formats.vh,verilog-formats,$(subst docs/hardware.md,docs,$(1))))))))

$(BUILD)/hw/spec-gen: hw/spec/gen.c $(SPEC_TABLES)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Ihw/spec -o $@ $<

.PHONY: spec check-spec
spec: $(BUILD)/hw/spec-gen
	@mkdir -p hw/spec/generated
	@set -e; $(foreach f,$(SPEC_FILES),$< $(call spec-output,$(f)) > $(f).new; \
		if cmp -s $(f).new $(f); then rm $(f).new; else mv $(f).new $(f); fi;)

check-spec: $(BUILD)/hw/spec-gen
	@$(foreach f,$(SPEC_FILES),$< $(call spec-output,$(f)) | cmp - $(f) || \
		{ echo "$(f) is stale: run 'make spec' and commit it"; exit 1; };)
	@echo "ok - generated interface files are current"
