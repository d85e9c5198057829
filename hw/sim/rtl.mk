# SPDX-License-Identifier: MIT
# The Verilog core: generated parts, the Verilated shared library, lint,
# synthesis check and tests. A configuration is hw/gen/configs/NAME.cfg.

CXX ?= g++
RTL_SOURCES := $(sort $(wildcard hw/rtl/*.sv))
RTL_SPEC := $(addprefix hw/spec/generated/,bnn_hw.vh bnn_hw_checks.vh bnn_hw_formats.vh)
RTL_CONFIGS := $(patsubst hw/gen/configs/%.cfg,%,$(wildcard hw/gen/configs/*.cfg))
RTL_SO := $(BUILD)/lib/libbnnaccel-rtl.so
RTL_SO_TINY := $(BUILD)/hw/sim/libbnnaccel-rtl-tiny.so
RTL_GEN := $(BUILD)/hw/gen/gen
VERILATOR ?= verilator
YOSYS ?= yosys

rtl-value = $(shell sed -n 's/^$(2)=//p' hw/gen/configs/$(1).cfg)

$(RTL_GEN): hw/gen/gen.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $<

$(BUILD)/hw/rtl/%/bnn_config.vh: hw/gen/configs/%.cfg $(RTL_GEN) $(RTL_SOURCES) $(RTL_SPEC)
	@mkdir -p $(@D)
	$(RTL_GEN) config $< $(RTL_SOURCES) $(RTL_SPEC) $< > $@.new && mv $@.new $@

$(BUILD)/hw/rtl/%/bnn_top.sv: hw/gen/configs/%.cfg $(RTL_GEN)
	@mkdir -p $(@D)
	$(RTL_GEN) top $< > $@.new && mv $@.new $@

$(BUILD)/hw/rtl/%/bnn_popcount_tree.sv: hw/gen/configs/%.cfg $(RTL_GEN)
	@mkdir -p $(@D)
	$(RTL_GEN) popcount $$(( $(call rtl-value,$*,LANE_BITS) / 8 )) > $@.new && mv $@.new $@

rtl-inputs = hw/spec/generated/bnn_hw.vh $(BUILD)/hw/rtl/$(1)/bnn_top.sv $(RTL_SOURCES)
rtl-deps = $(addprefix $(BUILD)/hw/rtl/$(1)/,bnn_config.vh bnn_top.sv bnn_popcount_tree.sv) \
	$(RTL_SOURCES) $(RTL_SPEC)
RTL_VFLAGS := -Ihw/spec/generated --top-module bnn_top

# The .so is position independent and exports one symbol; libstdc++ is linked in.
RTL_OPT := -O3 -fPIC -fvisibility=hidden -DVL_USER_FATAL -DVL_USER_FINISH -DVL_USER_STOP
VERILATOR_ROOT ?= $(shell $(VERILATOR) --getenv VERILATOR_ROOT)

# $(1) configuration, $(2) library, $(3) folder under $(BUILD)/hw, $(4), $(5) flags of Verilator, of the compiler,
# $(6) what Verilator reads, $(7) what that depends on, where these are not the sources.
define rtl-library
$(BUILD)/hw/$(3)/$(1)/Vbnn_top.mk: $(or $(7),$$(call rtl-deps,$(1))) hw/sim/rtl.mk
	@mkdir -p $$(@D)
	$$(VERILATOR) --cc $(or $(4),--savable) -O3 --x-assign 0 --x-initial 0 --noassert --no-timing \
		$$(RTL_VFLAGS) -I$(BUILD)/hw/rtl/$(1) -Mdir $$(@D) $(or $(6),$$(call rtl-inputs,$(1)))
	@touch $$@

$(BUILD)/hw/$(3)/$(1)/Vbnn_top__ALL.a: $(BUILD)/hw/$(3)/$(1)/Vbnn_top.mk
	$$(MAKE) -C $$(@D) -f Vbnn_top.mk OPT_FAST="$$(RTL_OPT)" OPT_SLOW="$$(subst -O3,-O1,$$(RTL_OPT))" \
		OPT_GLOBAL="$$(RTL_OPT)" CXX="$$(CXX)" LINK="$$(CXX)" MAKEFLAGS= \
		Vbnn_top__ALL.a verilated.o verilated_threads.o verilated_save.o $(if $(findstring VM_COVERAGE,$(5)),verilated_cov.o)
	@touch $$@

$(BUILD)/hw/$(3)/$(1)/widths.inc: hw/sim/widths.awk $(BUILD)/hw/$(3)/$(1)/Vbnn_top.mk
	awk -f hw/sim/widths.awk $$(@D)/Vbnn_top___024root.h > $$@

$(2): hw/sim/core.cpp hw/sim/export.map $(BUILD)/hw/$(3)/$(1)/Vbnn_top__ALL.a \
		$(BUILD)/hw/$(3)/$(1)/widths.inc hw/include/bnn_core.h
	@mkdir -p $$(@D)
	$$(CXX) $(5) -std=c++17 -O3 -g1 -fPIC -shared -fvisibility=hidden -Wall -Wextra \
		-Wl,-Bsymbolic,--no-undefined,--exclude-libs,ALL -Wl,--version-script=hw/sim/export.map \
		-static-libstdc++ -static-libgcc -DVL_USER_FATAL -DVL_USER_FINISH -DVL_USER_STOP \
		-DBNN_SIM_ACT_KIB=$(call rtl-value,$(1),ACT_KIB) \
		-DBNN_SIM_BUILD="0x$$$$(sed -n 's/.*BUILD 32.h//p' $(BUILD)/hw/rtl/$(1)/bnn_config.vh)" \
		-Ihw/include -Ihw/spec/generated -I$(BUILD)/hw/$(3)/$(1) \
		-isystem $$(VERILATOR_ROOT)/include -isystem $$(VERILATOR_ROOT)/include/vltstd \
		-o $$@ hw/sim/core.cpp $(BUILD)/hw/$(3)/$(1)/Vbnn_top__ALL.a \
		$(BUILD)/hw/$(3)/$(1)/verilated.o $(BUILD)/hw/$(3)/$(1)/verilated_threads.o \
		$(BUILD)/hw/$(3)/$(1)/verilated_save.o \
		$(if $(findstring VM_COVERAGE,$(5)),$(BUILD)/hw/$(3)/$(1)/verilated_cov.o) -lpthread
endef
# The core of a configuration.
rtl-so = $(if $(filter default,$(1)),$(RTL_SO),$(BUILD)/hw/sim/libbnnaccel-rtl-$(1).so)
$(foreach c,$(RTL_CONFIGS),$(eval $(call rtl-library,$(c),$(call rtl-so,$(c)),sim)))

.PHONY: rtl
rtl: $(RTL_SO)

.PHONY: lint-rtl $(RTL_CONFIGS:%=lint-rtl-%)
lint-rtl: $(RTL_CONFIGS:%=lint-rtl-%)
	@! grep -nE "[~!] *(\([^()]*\)|[A-Za-z0-9_]+)'\(" hw/rtl/*.sv hw/fpga/*.sv || \
		{ echo "not ok - yosys 0.23 takes the operator before such a cast for a part of its width: parentheses"; exit 1; }
	@echo "ok - the RTL is clean under verilator --lint-only -Wall"

define rtl-checks
lint-rtl-$(1): $$(call rtl-deps,$(1))
	$$(VERILATOR) --lint-only -Wall $$(RTL_VFLAGS) -I$(BUILD)/hw/rtl/$(1) $$(call rtl-inputs,$(1))
endef
$(foreach c,$(RTL_CONFIGS),$(eval $(call rtl-checks,$(c))))

comma := ,
RTL_BENCH := $(BUILD)/hw/sim/bench
$(RTL_BENCH): hw/sim/bench.c $(addprefix tests/core/,host.c host.h refs.c refs.h gen.c gen.h) \
		hw/spec/generated/bnn_hw_fields.c hw/spec/status.def
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Ihw/include -Ihw/spec -Ihw/spec/generated -Itests/core -o $@ $(filter %.c,$^) -ldl

$(BUILD)/hw/sim/lfc: hw/sim/lfc.c tests/core/host.c tests/core/host.h hw/spec/generated/bnn_hw_fields.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Ihw/include -Ihw/spec/generated -Itests/core -o $@ $(filter %.c,$^) -ldl

# Whether synthesis can read and elaborate it, with the structural popcount.
.PHONY: synth-check
synth-check: $(call rtl-deps,tiny)
	$(YOSYS) -q -l $(BUILD)/hw/rtl/tiny/synth-check.log -p "read_verilog -sv -Ihw/spec/generated \
		-I$(BUILD)/hw/rtl/tiny $(call rtl-inputs,tiny) $(BUILD)/hw/rtl/tiny/bnn_popcount_tree.sv; \
		hierarchy -check -top bnn_top; proc; check -assert"
	@echo "ok - yosys elaborates the core"

# Benches of single modules: hw/sim/NAME_tb.cpp drives module bnn_NAME, some with C from elsewhere.
# NAME-VARIANT is the same bench with other parameters; it sees them as TB_PARAMETER.
RTL_UNITS := post post-mux post-shift side counters bus front windows windows-32 windows-128 array array-256 load load-tiny load-small \
	stream_in stream_in-4 stream_in-32 stream_in-ew stream_in-ew4 store store-4 store-32
RTL_UNIT_PARAMETERS_post := -GLANES=4 -GDEPTH=16 -GMULT=1
RTL_UNIT_PARAMETERS_post-mux := -GLANES=4 -GDEPTH=32 -GMULT=2
RTL_UNIT_PARAMETERS_post-shift := -GLANES=4 -GDEPTH=16 -GMULT=0
RTL_UNIT_PARAMETERS_bus := -GREADS=3 -GWRITES=2 -GBUS_BITS=40 -GREAD_PLANES=2 -GWRITE_PLANES=1
RTL_UNIT_PARAMETERS_front := -GLANES=4 -GLANE_BITS=32 -GWEIGHT_WORDS=8192 -GWINDOW_WORDS=16768 -GFEATURES=3839 -GBUS_BITS=40
RTL_UNIT_PARAMETERS_windows := -GLANE_BITS=256 -GROW_KIB=64
RTL_UNIT_PARAMETERS_windows-32 := -GLANE_BITS=32 -GROW_KIB=16
RTL_UNIT_PARAMETERS_windows-128 := -GLANE_BITS=128 -GROW_KIB=16
RTL_UNIT_PARAMETERS_array := -GLANES=4 -GLANE_BITS=64 -GWEIGHT_WORDS=64 -GPARAM_WORDS=32 -GWINDOW_WORDS=32 -GRESULTS=16
RTL_UNIT_PARAMETERS_array-256 := -GLANES=16 -GLANE_BITS=256 -GWEIGHT_WORDS=64 -GPARAM_WORDS=32 -GWINDOW_WORDS=32 -GRESULTS=16
RTL_UNIT_PARAMETERS_load := -GLANES=16 -GLANE_BITS=256 -GWEIGHT_WORDS=512 -GPARAM_WORDS=128
RTL_UNIT_PARAMETERS_load-tiny := -GLANES=4 -GLANE_BITS=32 -GWEIGHT_WORDS=8192 -GPARAM_WORDS=64
RTL_UNIT_PARAMETERS_load-small := -GLANES=8 -GLANE_BITS=128 -GWEIGHT_WORDS=1024 -GPARAM_WORDS=128
RTL_UNIT_PARAMETERS_stream_in := -GLANES=16 -GEW=0
RTL_UNIT_PARAMETERS_stream_in-4 := -GLANES=4 -GEW=0
RTL_UNIT_PARAMETERS_stream_in-32 := -GLANES=32 -GEW=0
RTL_UNIT_PARAMETERS_stream_in-ew := -GLANES=16 -GEW=1
RTL_UNIT_PARAMETERS_stream_in-ew4 := -GLANES=4 -GEW=1
RTL_UNIT_PARAMETERS_store := -GLANES=16 -GPARAM_WORDS=128
RTL_UNIT_PARAMETERS_store-4 := -GLANES=4 -GPARAM_WORDS=64
RTL_UNIT_PARAMETERS_store-32 := -GLANES=32 -GPARAM_WORDS=64
RTL_UNIT_REFERENCE_post := hw/sim/post_ref.c
RTL_UNIT_REFERENCE_post-mux := hw/sim/post_ref.c
RTL_UNIT_REFERENCE_post-shift := hw/sim/post_ref.c

rtl-unit-module = $(or $(RTL_UNIT_MODULE_$(1)),$(1))
rtl-unit-reference = $(if $(RTL_UNIT_REFERENCE_$(1)),$(BUILD)/hw/$(2)/$(1)_tb/reference.o)

# $(1) bench, $(2) module, $(3) folder under $(BUILD)/hw, $(4) what Verilator reads, $(5) what that depends on,
# where these are not the sources. VL_DEBUG: Verilator stops where a bench drives more bits than a port has,
# which it computes with otherwise.
define rtl-unit
$(BUILD)/hw/$(3)/$(1)_tb/Vbnn_$(2).mk: $(or $(5),$(RTL_SOURCES) $(RTL_SPEC)) hw/sim/rtl.mk
	@mkdir -p $$(@D)
	$$(VERILATOR) --cc -O3 --x-assign 0 --x-initial 0 --no-timing --top-module bnn_$(2) -Mdir $$(@D) \
		-CFLAGS -DVL_DEBUG $(or $(4),-Ihw/spec/generated $$(RTL_UNIT_PARAMETERS_$(1)) hw/spec/generated/bnn_hw.vh $$(RTL_SOURCES))
	@touch $$@

$(BUILD)/hw/$(3)/$(1)_tb/reference.o: $$(RTL_UNIT_REFERENCE_$(1)) $(wildcard hw/model/*.[ch]) $(wildcard hw/sim/*.h)
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) -Ihw/include -Ihw/spec -Ihw/spec/generated -Ihw/model -Ihw/sim -c -o $$@ $$<

$(BUILD)/hw/$(3)/$(1)_tb/tb: hw/sim/$(2)_tb.cpp hw/sim/tb.h $(BUILD)/hw/$(3)/$(1)_tb/Vbnn_$(2).mk $(call rtl-unit-reference,$(1),$(3)) $(MODEL_LIB)
	$$(MAKE) -s -C $$(@D) -f Vbnn_$(2).mk OPT_FAST=-O2 OPT_SLOW=-O1 CXX="$$(CXX)" LINK="$$(CXX)" MAKEFLAGS= \
		Vbnn_$(2)__ALL.a verilated.o verilated_threads.o > $$@.log
	$$(CXX) -std=c++17 -O2 -g -Wall -Wextra -DVL_DEBUG $$(patsubst -G%,-DTB_%,$$(RTL_UNIT_PARAMETERS_$(1))) -Ihw/spec \
		-Ihw/spec/generated -Ihw/sim -I$$(@D) -isystem $$(VERILATOR_ROOT)/include \
		-isystem $$(VERILATOR_ROOT)/include/vltstd -o $$@ $$< $(call rtl-unit-reference,$(1),$(3)) $$(@D)/Vbnn_$(2)__ALL.a \
		$$(@D)/verilated.o $$(@D)/verilated_threads.o $(MODEL_LIB) -lpthread
endef
$(foreach u,$(RTL_UNITS),$(eval $(call rtl-unit,$(u),$(firstword $(subst -, ,$(u))),sim)))

.PHONY: test-rtl-units
test-rtl-units: $(RTL_UNITS:%=$(BUILD)/hw/sim/%_tb/tb)
	@status=0; for tb in $^; do $$tb || status=1; done; exit $$status

# RTL_COMMANDS, RTL_FAULTS and RTL_SEED choose a longer or another run.
RTL_COMMANDS ?= 400
RTL_FAULTS ?= 150
RTL_SEED ?= 1
rtl-bench = $(RTL_BENCH) -n $(RTL_COMMANDS) -f $(RTL_FAULTS) -s $(RTL_SEED) -o $(2) $(MODEL_SO) $(call rtl-so,$(1))
.PHONY: test-rtl popcount-check
test-rtl: test-rtl-units $(RTL_BENCH) $(BUILD)/hw/sim/lfc $(MODEL_SO) $(RTL_SO) $(RTL_SO_TINY) $(call rtl-so,test-8x64) \
		lint-rtl popcount-check hw-formal-quick synth-check $(BUILD)/tests/core/core-test $(BUILD)/tests/core/arith-test
	@status=0; \
	$(call rtl-bench,default,stall=25) || status=1; \
	$(call rtl-bench,tiny,stall=40$(comma)latency=7$(comma)bytes=4) || status=1; \
	$(call rtl-bench,test-8x64,stall=0) || status=1; \
	$(BUILD)/hw/sim/lfc $(MODEL_SO) $(RTL_SO) || status=1; \
	$(BUILD)/tests/core/core-test $(RTL_SO) || status=1; \
	$(BUILD)/tests/core/arith-test $(RTL_SO_TINY) 40 || status=1; \
	exit $$status

# The campaign: every configuration under several buses, a third of the commands in each.
# make -j2 hw-verify runs two configurations at a time.
HW_VERIFY_COMMANDS ?= 100000
HW_VERIFY_SEED ?= 1
HW_VERIFY_BUSES := stall=25 stall=50,latency=7,bytes=4 stall=0,latency=200 stall=5,latency=1,bytes=8,act_kib=4
hw-verify-count = $(shell echo $$(( ($(HW_VERIFY_COMMANDS) + $(words $(RTL_CONFIGS)) * $(words $(HW_VERIFY_BUSES)) - 1) / \
	($(words $(RTL_CONFIGS)) * $(words $(HW_VERIFY_BUSES))) )))
.PHONY: hw-verify $(RTL_CONFIGS:%=hw-verify-%)
hw-verify: $(RTL_CONFIGS:%=hw-verify-%)

define rtl-verify
hw-verify-$(1): $(RTL_BENCH) $(MODEL_SO) $(call rtl-so,$(1)) $(BUILD)/tests/core/core-test $(BUILD)/tests/core/arith-test
	@echo "# configuration $(1)"; status=0; seed=$(HW_VERIFY_SEED); \
	for bus in $(HW_VERIFY_BUSES); do \
		$(RTL_BENCH) -n $(hw-verify-count) -f $$$$(( $(hw-verify-count) / 20 + 50 )) -s $$$$seed -o $$$$bus \
			$(MODEL_SO) $(call rtl-so,$(1)) || status=1; \
		seed=$$$$((seed + 1)); \
	done; \
	$(BUILD)/tests/core/core-test $(call rtl-so,$(1)) || status=1; \
	$(BUILD)/tests/core/arith-test $(call rtl-so,$(1)) 100 $(HW_VERIFY_SEED) || status=1; \
	exit $$$$status
endef
$(foreach c,$(RTL_CONFIGS),$(eval $(call rtl-verify,$(c))))

# Which lines of the RTL the benches of the core run, in two configurations. Cores that
# count cannot save their state, so core-test fails there.
COVERAGE_CONFIGS := tiny test-8x64
COVERAGE_COMMANDS ?= 1500
coverage-so = $(BUILD)/hw/coverage/libbnnaccel-rtl-$(1).so
$(foreach c,$(COVERAGE_CONFIGS),$(eval $(call rtl-library,$(c),$(call coverage-so,$(c)),coverage,--coverage-line,-DVM_COVERAGE=1)))
.PHONY: hw-coverage
hw-coverage: $(foreach c,$(COVERAGE_CONFIGS),$(call coverage-so,$(c))) $(RTL_BENCH) $(MODEL_SO) \
		$(BUILD)/tests/core/core-test $(BUILD)/tests/core/arith-test
	@rm -f $(BUILD)/hw/coverage/*.dat; export BNNACCEL_COVERAGE=$(BUILD)/hw/coverage; status=0; \
	for so in $(foreach c,$(COVERAGE_CONFIGS),$(call coverage-so,$(c))); do \
		$(RTL_BENCH) -n $(COVERAGE_COMMANDS) -f $(COVERAGE_COMMANDS) -o stall=25 $(MODEL_SO) $$so || status=1; \
		$(RTL_BENCH) -n $(COVERAGE_COMMANDS) -f 0 -s 2 -o stall=0,latency=9 $(MODEL_SO) $$so || status=1; \
		$(BUILD)/tests/core/core-test $$so > $(BUILD)/hw/coverage/core-test.log; \
		$(BUILD)/tests/core/arith-test $$so 60 > $(BUILD)/hw/coverage/arith-test.log || status=1; \
	done; \
	verilator_coverage --annotate $(BUILD)/hw/coverage/annotated $(BUILD)/hw/coverage/*.dat > $(BUILD)/hw/coverage/annotate.log; \
	cat $(BUILD)/hw/coverage/*.dat | awk -f hw/sim/coverage.awk || status=1; exit $$status

# Bounded proofs; hw-formal-mutants shows that each of them can fail.
.PHONY: hw-formal hw-formal-quick hw-formal-mutants
hw-formal: hw/spec/generated/bnn_hw.vh
	@hw/formal/prove $(BUILD)/hw/formal
hw-formal-quick: hw/spec/generated/bnn_hw.vh
	@hw/formal/prove -q $(BUILD)/hw/formal
hw-formal-mutants: hw/spec/generated/bnn_hw.vh
	@hw/formal/prove -m $(BUILD)/hw/formal

popcount-check: $(RTL_GEN)
	@hw/sim/popcount $(RTL_GEN) $(BUILD)/hw/sim/popcount.d
