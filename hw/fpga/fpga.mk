# SPDX-License-Identifier: MIT
# The core on FPGAs: synthesis with yosys for two families, place and route for
# the ECP5 with nextpnr, one table of it all. Included by the top Makefile.
#
# make fpga-report               whatever is missing of the configurations below
# make fpga-synth-xcup-CONFIG    UltraScale+, 6-input LUTs; flattened within large modules
# make fpga-synth-ecp5-CONFIG    ECP5, 4-input LUTs; flattened
# make fpga-pnr-CONFIG           LFE5UM5G-85F; build/fpga/ecp5-CONFIG/bnn_ecp5.bit
# make hw-netlist, hw-elaborated   the core after synthesis, simulated (docs/testing.md)

FPGA := $(BUILD)/fpga
FPGA_SOURCES := $(sort $(wildcard hw/fpga/*.sv))
FPGA_CONFIGS ?= small default
# What of these is placed and routed; RAM of the others does not fit the device.
FPGA_PNR ?= small
FPGA_SEED ?= 1
FPGA_REPORT = @LC_ALL=C awk -f tools/json.awk -f hw/fpga/report.awk

fpga-read = read_verilog -sv -DSYNTHESIS -Ihw/spec/generated -I$(BUILD)/hw/rtl/$(1) \
	$(call rtl-inputs,$(1)) $(BUILD)/hw/rtl/$(1)/bnn_popcount_tree.sv $(FPGA_SOURCES)

# abc9 has folded a carry chain into a clock enable (yosys #5777); newer versions use it unasked.
FPGA_ECP5 = $(shell $(YOSYS) -h synth_ecp5 | grep -q -e -noabc9 && echo -noabc9)

# yosys 0.23 re-encodes the state machines of bnn_front so that no command retires: all keep their
# encoding. After hierarchy, which makes the modules with their parameters.
FPGA_NO_FSM = setattr -set fsm_encoding \"none\" w:*;

# Calls LUTs that drive a carry chain LUTn_CARRY, for the report. The nets are split because
# a selection knows whole nets only; nothing can be done with the netlist after that.
FPGA_MARK_CARRY = splitnets -ports; select -set chain t:CARRY4 t:CARRY8 %u %ci1:+CARRY4,CARRY8[S]; \
	select -set drive @chain %ci1:+LUT1,LUT2,LUT3[O] t:LUT* %i; \
	$(foreach n,1 2 3,chtype -set LUT$(n)_CARRY @drive t:LUT$(n) %i;)

# Kept as modules, for the table by module and because equal lanes are synthesised once; all
# others are flattened into them. The patterns: with and without parameters in the name.
FPGA_KEEP := core front cmd load windows former array steps array_lane popcount_tree post post_lane stream_in store \
	side side_encode side_pool side_transpose side_gatefold actmem bus bus_mmu queue rings regs read_port counters
FPGA_KEEP_HIERARCHY = $(foreach k,$(FPGA_KEEP),setattr -mod -set keep_hierarchy 1 bnn_$(k) *\\\\bnn_$(k) *\\\\bnn_$(k)\\\\*;)

# No wide multiplexers: MUXF7 and the like cost the LUTs that feed them.
define fpga-synth
$(FPGA)/xcup-$(1)/stat.txt: $$(call rtl-deps,$(1)) $(FPGA_SOURCES)
	@mkdir -p $$(@D)
	$$(YOSYS) -q -w 'did not match' -l $$(@D)/synth.log -p "$$(call fpga-read,$(1)); hierarchy -top bnn_axi; \
		$(FPGA_NO_FSM) $(FPGA_KEEP_HIERARCHY) synth_xilinx -family xcup -flatten -nowidelut -noiopad -top bnn_axi; \
		$(FPGA_MARK_CARRY) tee -o $$@.new stat"
	@mv $$@.new $$@

$(FPGA)/ecp5-$(1)/bnn_ecp5.json: $$(call rtl-deps,$(1)) $(FPGA_SOURCES)
	@mkdir -p $$(@D)
	$$(YOSYS) -q -l $$(@D)/synth.log -p "$$(call fpga-read,$(1)); hierarchy -top bnn_ecp5; $(FPGA_NO_FSM) \
		synth_ecp5 -nowidelut $$(FPGA_ECP5) -top bnn_ecp5; \
		tee -o $$(@D)/stat.txt stat; write_json $$@.new; write_verilog -noattr $$(@D)/bnn_ecp5.v"
	@mv $$@.new $$@

$(FPGA)/ecp5-$(1)/stat.txt: $(FPGA)/ecp5-$(1)/bnn_ecp5.json ;

# The target is the clock of the configuration. The default router: router2 makes far slower designs.
$(FPGA)/ecp5-$(1)/pnr.json: $(FPGA)/ecp5-$(1)/bnn_ecp5.json hw/fpga/nextpnr
	hw/fpga/nextpnr --um5g-85k --package CABGA381 --speed 8 --json $$< --lpf-allow-unconstrained \
		--freq $$$$(( $$(call rtl-value,$(1),CLOCK_HZ) / 1000000 )) --timing-allow-fail --seed $(FPGA_SEED) \
		--textcfg $$(@D)/bnn_ecp5.config --report $$@.new --quiet -l $$(@D)/pnr.log
	hw/fpga/nextpnr --pack $$(@D)/bnn_ecp5.config $$(@D)/bnn_ecp5.bit
	@mv $$@.new $$@

.PHONY: fpga-synth-xcup-$(1) fpga-synth-ecp5-$(1) fpga-pnr-$(1)
fpga-synth-xcup-$(1): $(FPGA)/xcup-$(1)/stat.txt
	$(FPGA_REPORT) $$(<D)/report.json xcup:$(1):$$<
fpga-synth-ecp5-$(1): $(FPGA)/ecp5-$(1)/stat.txt
	$(FPGA_REPORT) $$(<D)/report.json ecp5:$(1):$$<
fpga-pnr-$(1): $(FPGA)/ecp5-$(1)/pnr.json
	$(FPGA_REPORT) $$(<D)/report.json pnr:$(1):$$<
endef
$(foreach c,$(RTL_CONFIGS),$(eval $(call fpga-synth,$(c))))

FPGA_PARTS = $(foreach c,$(FPGA_CONFIGS),xcup:$(c):$(FPGA)/xcup-$(c)/stat.txt) \
	$(foreach c,$(filter-out $(FPGA_PNR),$(FPGA_CONFIGS)),ecp5:$(c):$(FPGA)/ecp5-$(c)/stat.txt) \
	$(foreach c,$(FPGA_PNR),pnr:$(c):$(FPGA)/ecp5-$(c)/pnr.json)

.PHONY: fpga-report lint-fpga
fpga-report: $(foreach p,$(FPGA_PARTS),$(lastword $(subst :, ,$(p))))
	$(FPGA_REPORT) $(FPGA)/report.json $(FPGA_PARTS)

lint-rtl: lint-fpga
# Memory ports of 128, 64 and 32 bits.
lint-fpga: $(foreach c,default test-8x64 test-2x32,$(call rtl-deps,$(c))) $(FPGA_SOURCES)
	for top in default:bnn_axi test-8x64:bnn_axi test-2x32:bnn_axi default:bnn_ecp5; do \
		$(VERILATOR) --lint-only -Wall -Ihw/spec/generated -I$(BUILD)/hw/rtl/$${top%%:*} --top-module $${top#*:} \
		hw/spec/generated/bnn_hw.vh $(BUILD)/hw/rtl/$${top%%:*}/bnn_top.sv $(RTL_SOURCES) $(FPGA_SOURCES) || exit 1; done

# The core alone as yosys has it, Verilated: behind the core ABI like the core itself, but that it saves no state.
# make hw-netlist      after synthesis for the ECP5, with yosys's models of the primitives and ours of those that
#                      it has none of (hw/fpga/sim)
# make hw-elaborated   as yosys reads the sources: minutes instead of an hour
# make hw-netlist-units  single modules after synthesis, in their benches
NETLIST_CONFIG ?= small
NETLIST_COMMANDS ?= 60
NETLIST_NETWORKS ?= digits-bnn
ELABORATED_CONFIG ?= tiny
ELABORATED_COMMANDS ?= 300
YOSYS_SHARE ?= $(dir $(shell command -v $(YOSYS)))../share/yosys
netlist-v = $(FPGA)/$(1)-$(2)/bnn_top.v
netlist-so = $(FPGA)/$(1)-$(2)/libbnnaccel-$(1).so

# $(1) kind, $(2) configuration, $(3) commands of yosys
define netlist
$(call netlist-v,$(1),$(2)): $$(call rtl-deps,$(2))
	@mkdir -p $$(@D)
	$$(YOSYS) -q -l $$(@D)/yosys.log -p "$$(filter-out $(FPGA_SOURCES),$$(call fpga-read,$(2))); $(3); write_verilog -noattr $$@.new"
	@mv $$@.new $$@

# Much code of which little is repeated: more optimisation takes the compiler an hour.
$(BUILD)/hw/$(1)/$(2)/Vbnn_top__ALL.a: RTL_OPT := $(subst -O3,-O1,$(RTL_OPT))
endef
FPGA_ECP5_CORE = hierarchy -top bnn_top; $$(FPGA_NO_FSM) synth_ecp5 -nowidelut $$(FPGA_ECP5) -top bnn_top; tee -o $$(@D)/stat.txt stat
$(eval $(call netlist,netlist,$(NETLIST_CONFIG),$(FPGA_ECP5_CORE)))
$(eval $(call netlist,elaborated,$(ELABORATED_CONFIG),hierarchy -check -top bnn_top; proc; opt))
NETLIST_VFLAGS := -Wno-fatal --output-split 20000
NETLIST_MODELS = -DNO_INCLUDES -I$(YOSYS_SHARE)/ecp5 -Wno-MODDUP hw/fpga/sim/ecp5.v -v $(YOSYS_SHARE)/ecp5/cells_sim.v
$(eval $(call rtl-library,$(NETLIST_CONFIG),$(call netlist-so,netlist,$(NETLIST_CONFIG)),netlist,$(NETLIST_VFLAGS),\
	-DBNN_SIM_SAVES=0,$(call netlist-v,netlist,$(NETLIST_CONFIG)) $(NETLIST_MODELS),\
	$(call netlist-v,netlist,$(NETLIST_CONFIG)) hw/fpga/sim/ecp5.v))
$(eval $(call rtl-library,$(ELABORATED_CONFIG),$(call netlist-so,elaborated,$(ELABORATED_CONFIG)),elaborated,$(NETLIST_VFLAGS),\
	-DBNN_SIM_SAVES=0,$(call netlist-v,elaborated,$(ELABORATED_CONFIG)),$(call netlist-v,elaborated,$(ELABORATED_CONFIG))))

# $(1) library, $(2) commands
netlist-bench = $(RTL_BENCH) -n $(2) -f 0 -e 10 -w 20000 -o stall=25 $(MODEL_SO) $(1) || status=1; \
	$(BUILD)/hw/sim/lfc -n 1 $(MODEL_SO) $(1) || status=1; \
	for network in $(NETLIST_NETWORKS); do \
		$(BUILD)/bin/bnnaccel profile --backend rtl --core $(1) $(BUILD)/networks/$$network.bnn || status=1; \
	done
.PHONY: hw-netlist hw-elaborated
hw-netlist: $(call netlist-so,netlist,$(NETLIST_CONFIG)) $(RTL_BENCH) $(BUILD)/hw/sim/lfc $(MODEL_SO) tools networks
	@status=0; $(call netlist-bench,$<,$(NETLIST_COMMANDS)); exit $$status
hw-elaborated: $(call netlist-so,elaborated,$(ELABORATED_CONFIG)) $(RTL_BENCH) $(BUILD)/hw/sim/lfc $(MODEL_SO) tools networks
	@status=0; $(call netlist-bench,$<,$(ELABORATED_COMMANDS)); exit $$status

NETLIST_UNITS ?= load-tiny stream_in-4 store-4 bus
define netlist-unit
$(BUILD)/hw/netlist/$(1)_tb/net.v: $(RTL_SOURCES) $(RTL_SPEC)
	@mkdir -p $$(@D)
	$$(YOSYS) -q -l $$(@D)/yosys.log -p "read_verilog -sv -DSYNTHESIS -Ihw/spec/generated hw/spec/generated/bnn_hw.vh \
		$$(RTL_SOURCES); hierarchy -check -top bnn_$(2) $(subst =, ,$(patsubst -G%,-chparam %,$(RTL_UNIT_PARAMETERS_$(1)))); \
		rename -top bnn_$(2); $(FPGA_NO_FSM) synth_ecp5 -nowidelut $$(FPGA_ECP5) -top bnn_$(2); write_verilog -noattr $$@.new"
	@mv $$@.new $$@
$(call rtl-unit,$(1),$(2),netlist,$(NETLIST_VFLAGS) $(BUILD)/hw/netlist/$(1)_tb/net.v $(NETLIST_MODELS),\
	$(BUILD)/hw/netlist/$(1)_tb/net.v hw/fpga/sim/ecp5.v)
endef
$(foreach u,$(NETLIST_UNITS),$(eval $(call netlist-unit,$(u),$(firstword $(subst -, ,$(u))))))

.PHONY: hw-netlist-units
hw-netlist-units: $(NETLIST_UNITS:%=$(BUILD)/hw/netlist/%_tb/tb)
	@status=0; for tb in $^; do $$tb || status=1; done; exit $$status

# Benches of the modules around the core, run with those of the core's.
FPGA_UNITS := axil link axi_width-32 axi_width-64 axi_width-128
FPGA_UNIT_PARAMETERS_axi_width-32 := -GBITS=32
FPGA_UNIT_PARAMETERS_axi_width-64 := -GBITS=64
FPGA_UNIT_PARAMETERS_axi_width-128 := -GBITS=128

# $(1) bench, $(2) module
define fpga-unit
$(BUILD)/hw/fpga/$(1)_tb/tb: hw/fpga/$(2)_tb.cpp hw/fpga/bnn_$(2).sv hw/sim/tb.h hw/fpga/fpga.mk
	@mkdir -p $$(@D)
	$$(VERILATOR) --cc -O3 --x-assign 0 --x-initial 0 --no-timing --top-module bnn_$(2) -Mdir $$(@D) \
		$$(FPGA_UNIT_PARAMETERS_$(1)) hw/fpga/bnn_$(2).sv
	$$(MAKE) -s -C $$(@D) -f Vbnn_$(2).mk OPT_FAST=-O2 OPT_SLOW=-O1 CXX="$$(CXX)" LINK="$$(CXX)" MAKEFLAGS= \
		Vbnn_$(2)__ALL.a verilated.o verilated_threads.o > $$@.log
	$$(CXX) -std=c++17 -O2 -g -Wall -Wextra -Werror $$(patsubst -G%,-DTB_%,$$(FPGA_UNIT_PARAMETERS_$(1))) -Ihw/sim -I$$(@D) \
		-isystem $$(VERILATOR_ROOT)/include -isystem $$(VERILATOR_ROOT)/include/vltstd -o $$@ $$< \
		$$(@D)/Vbnn_$(2)__ALL.a $$(@D)/verilated.o $$(@D)/verilated_threads.o -lpthread
endef
$(foreach u,$(FPGA_UNITS),$(eval $(call fpga-unit,$(u),$(firstword $(subst -, ,$(u))))))
test-rtl-units: $(FPGA_UNITS:%=$(BUILD)/hw/fpga/%_tb/tb)
