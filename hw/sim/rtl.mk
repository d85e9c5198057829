# SPDX-License-Identifier: MIT
# The Verilog core: generated parts, the Verilated shared library, lint,
# synthesis check and tests. A configuration is hw/gen/configs/NAME.cfg.

CXX ?= g++
RTL_SOURCES := $(sort $(wildcard hw/rtl/*.sv))
RTL_SPEC := hw/spec/generated/bnn_hw.vh hw/spec/generated/bnn_hw_checks.vh
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

define rtl-library
$(BUILD)/hw/sim/$(1)/Vbnn_top.mk: $$(call rtl-deps,$(1)) hw/sim/rtl.mk
	@mkdir -p $$(@D)
	$$(VERILATOR) --cc --savable -O3 --x-assign 0 --x-initial 0 --noassert --no-timing \
		$$(RTL_VFLAGS) -I$(BUILD)/hw/rtl/$(1) -Mdir $$(@D) $$(call rtl-inputs,$(1))
	@touch $$@

$(BUILD)/hw/sim/$(1)/Vbnn_top__ALL.a: $(BUILD)/hw/sim/$(1)/Vbnn_top.mk
	$$(MAKE) -C $$(@D) -f Vbnn_top.mk OPT_FAST="$$(RTL_OPT)" OPT_SLOW="$$(subst -O3,-O1,$$(RTL_OPT))" \
		OPT_GLOBAL="$$(RTL_OPT)" CXX="$$(CXX)" LINK="$$(CXX)" MAKEFLAGS= \
		Vbnn_top__ALL.a verilated.o verilated_threads.o verilated_save.o
	@touch $$@

$(BUILD)/hw/sim/$(1)/widths.inc: hw/sim/widths.awk $(BUILD)/hw/sim/$(1)/Vbnn_top.mk
	awk -f hw/sim/widths.awk $$(@D)/Vbnn_top___024root.h > $$@

$(2): hw/sim/core.cpp hw/sim/export.map $(BUILD)/hw/sim/$(1)/Vbnn_top__ALL.a \
		$(BUILD)/hw/sim/$(1)/widths.inc hw/include/bnn_core.h
	@mkdir -p $$(@D)
	$$(CXX) -std=c++17 -O3 -g1 -fPIC -shared -fvisibility=hidden -Wall -Wextra \
		-Wl,-Bsymbolic,--no-undefined,--exclude-libs,ALL -Wl,--version-script=hw/sim/export.map \
		-static-libstdc++ -static-libgcc -DVL_USER_FATAL -DVL_USER_FINISH -DVL_USER_STOP \
		-DBNN_SIM_ACT_KIB=$(call rtl-value,$(1),ACT_KIB) \
		-DBNN_SIM_BUILD="0x$$$$(sed -n 's/.*BUILD 32.h//p' $(BUILD)/hw/rtl/$(1)/bnn_config.vh)" \
		-Ihw/include -Ihw/spec/generated -I$(BUILD)/hw/sim/$(1) \
		-isystem $$(VERILATOR_ROOT)/include -isystem $$(VERILATOR_ROOT)/include/vltstd \
		-o $$@ hw/sim/core.cpp $(BUILD)/hw/sim/$(1)/Vbnn_top__ALL.a \
		$(BUILD)/hw/sim/$(1)/verilated.o $(BUILD)/hw/sim/$(1)/verilated_threads.o \
		$(BUILD)/hw/sim/$(1)/verilated_save.o -lpthread
endef
$(eval $(call rtl-library,default,$(RTL_SO)))
$(eval $(call rtl-library,tiny,$(RTL_SO_TINY)))

.PHONY: rtl
rtl: $(RTL_SO)

.PHONY: lint-rtl $(RTL_CONFIGS:%=lint-rtl-%)
lint-rtl: $(RTL_CONFIGS:%=lint-rtl-%)
	@echo "ok - the RTL is clean under verilator --lint-only -Wall"

define rtl-checks
lint-rtl-$(1): $$(call rtl-deps,$(1))
	$$(VERILATOR) --lint-only -Wall $$(RTL_VFLAGS) -I$(BUILD)/hw/rtl/$(1) $$(call rtl-inputs,$(1))
endef
$(foreach c,$(RTL_CONFIGS),$(eval $(call rtl-checks,$(c))))

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
RTL_UNITS := post side bus
RTL_UNIT_PARAMETERS_post := -GLANES=4 -GDEPTH=16
RTL_UNIT_PARAMETERS_bus := -GREADS=3 -GWRITES=2 -GBUS_BITS=40
RTL_UNIT_REFERENCE_post := hw/sim/post_ref.c

rtl-unit-reference = $(if $(RTL_UNIT_REFERENCE_$(1)),$(BUILD)/hw/sim/$(1)_tb/reference.o)

define rtl-unit
$(BUILD)/hw/sim/$(1)_tb/Vbnn_$(1).mk: $(RTL_SOURCES) hw/spec/generated/bnn_hw.vh hw/sim/rtl.mk
	@mkdir -p $$(@D)
	$$(VERILATOR) --cc -O3 --x-assign 0 --x-initial 0 --no-timing -Ihw/spec/generated $$(RTL_UNIT_PARAMETERS_$(1)) \
		--top-module bnn_$(1) -Mdir $$(@D) hw/spec/generated/bnn_hw.vh $$(RTL_SOURCES)
	@touch $$@

$(BUILD)/hw/sim/$(1)_tb/reference.o: $$(RTL_UNIT_REFERENCE_$(1)) $(wildcard hw/model/*.[ch]) $(wildcard hw/sim/*.h)
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) -Ihw/include -Ihw/spec -Ihw/spec/generated -Ihw/model -Ihw/sim -c -o $$@ $$<

$(BUILD)/hw/sim/$(1)_tb/tb: hw/sim/$(1)_tb.cpp $(BUILD)/hw/sim/$(1)_tb/Vbnn_$(1).mk $(call rtl-unit-reference,$(1)) $(MODEL_LIB)
	$$(MAKE) -s -C $$(@D) -f Vbnn_$(1).mk OPT_FAST=-O2 OPT_SLOW=-O1 CXX="$$(CXX)" LINK="$$(CXX)" MAKEFLAGS= \
		Vbnn_$(1)__ALL.a verilated.o verilated_threads.o > $$@.log
	$$(CXX) -std=c++17 -O2 -g -Wall -Wextra -Ihw/spec -Ihw/spec/generated -Ihw/sim -I$$(@D) -isystem $$(VERILATOR_ROOT)/include \
		-isystem $$(VERILATOR_ROOT)/include/vltstd -o $$@ $$< $(call rtl-unit-reference,$(1)) $$(@D)/Vbnn_$(1)__ALL.a \
		$$(@D)/verilated.o $$(@D)/verilated_threads.o $(MODEL_LIB) -lpthread
endef
$(foreach u,$(RTL_UNITS),$(eval $(call rtl-unit,$(u))))

.PHONY: test-rtl-units
test-rtl-units: $(RTL_UNITS:%=$(BUILD)/hw/sim/%_tb/tb)
	@status=0; for tb in $^; do $$tb || status=1; done; exit $$status

# RTL_COMMANDS, RTL_FAULTS and RTL_SEED choose a longer or another run.
RTL_COMMANDS ?= 1000
RTL_FAULTS ?= 600
RTL_SEED ?= 1
.PHONY: test-rtl popcount-check
test-rtl: test-rtl-units $(RTL_BENCH) $(BUILD)/hw/sim/lfc $(MODEL_SO) $(RTL_SO) $(RTL_SO_TINY) lint-rtl popcount-check \
		synth-check $(BUILD)/tests/core/core-test $(BUILD)/tests/core/arith-test
	@status=0; \
	$(RTL_BENCH) -n $(RTL_COMMANDS) -f $(RTL_FAULTS) -s $(RTL_SEED) $(MODEL_SO) $(RTL_SO) || status=1; \
	$(RTL_BENCH) -n 200 -f 200 -s $(RTL_SEED) -o stall=40,latency=7,bytes=4 $(MODEL_SO) $(RTL_SO_TINY) || status=1; \
	$(BUILD)/hw/sim/lfc $(MODEL_SO) $(RTL_SO) || status=1; \
	$(BUILD)/tests/core/core-test $(RTL_SO) || status=1; \
	$(BUILD)/tests/core/arith-test $(RTL_SO_TINY) 40 || status=1; \
	exit $$status

popcount-check: $(RTL_GEN)
	@hw/sim/popcount $(RTL_GEN) $(BUILD)/hw/sim/popcount.d
