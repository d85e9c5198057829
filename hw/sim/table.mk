# SPDX-License-Identifier: MIT
# Cycles of whole networks on the Verilated core.

# make -s hw-table: every network of hw_networks.tsv, in one table (docs/testing.md), also in
# $(BUILD)/hw-table.json. HW_NETWORKS="fracbnn-cifar10 cnv-cifar10" chooses, HW_FAR=0 leaves
# out the second run of each, HW_BACKEND=model predicts.
HW_NETWORKS ?= $(shell sed -n 's/^\([a-z0-9.-]*\)\t.*/\1/p' hw/sim/hw_networks.tsv)
HW_BACKEND ?= rtl
# Files that networks of the papers' size need: their own, those they are compared with, an image.
hw-large = $(sort $(patsubst networks-large/%,%.bnn,$(filter networks-large/%,$(foreach n,$(1),$(shell \
	sed -n 's/^$(n)\t//p' hw/sim/hw_networks.tsv)))) $(if $(filter-out %-cifar10,$(1)),image-101.ppm))

.PHONY: hw-table hw-cycle-model test-cycles
hw-table:
	@$(MAKE) --no-print-directory tools $(if $(filter model,$(HW_BACKEND)),model,rtl) networks \
		$(addprefix $(LARGE_DIR)/,$(call hw-large,$(HW_NETWORKS))) >&2
	@hw/sim/hw-table $(if $(filter model,$(HW_BACKEND)),-m) $(if $(filter 0,$(HW_FAR)),-n) $(BUILD) $(BNNACCEL_DATA) $(HW_NETWORKS)

test-cycles: tools rtl networks
	@hw/sim/hw-table -b hw/sim/cycles.tsv $(BUILD) $(BNNACCEL_DATA)
	@hw/sim/hw-cycle-model -t $(BUILD) $(BNNACCEL_DATA) fracbnn-cifar10 cnv-cifar10

# make -s hw-cycle-model: the cycle model against the RTL, command by command, for the networks of
# cycle_model.tsv that are built (make networks-large).
hw-cycle-model: tools model rtl networks
	@hw/sim/hw-cycle-model $(BUILD) $(BNNACCEL_DATA)
