# SPDX-License-Identifier: MIT
# Networks (.bnn files) and sample images.

NETWORKS := $(BUILD)/networks
SAMPLES := $(BUILD)/samples
BNNACCEL := $(BUILD)/bin/bnnaccel

.PHONY: networks networks-own samples
# Weights of our own, in the repository.
networks-own: $(NETWORKS)/tbn-mlp-mnist.bnn $(NETWORKS)/digits-bnn.bnn

$(NETWORKS)/tbn-mlp-mnist.bnn $(NETWORKS)/digits-bnn.bnn: $(NETWORKS)/%.bnn: $(BNNACCEL) \
		$(wildcard models/tbn-mlp-mnist/* models/digits-bnn/*)
	@mkdir -p $(@D)
	$(BNNACCEL) import models/$* -o $@

# Published weights, where the data set is at hand.
ifneq ($(wildcard $(BNNACCEL_DATA)/README.md $(BNNACCEL_DATA)/fracbnn-cifar10),)
networks: networks-own $(addprefix $(NETWORKS)/,fracbnn-cifar10.bnn cnv-cifar10.bnn lfc-mnist.bnn)

$(NETWORKS)/fracbnn-cifar10.bnn: $(BNNACCEL)
	@mkdir -p $(@D)
	$(BNNACCEL) import $(BNNACCEL_DATA)/fracbnn-cifar10 -o $@ \
		--calibrate $(BNNACCEL_DATA)/cifar10-test1k/dev500.bin --images 100

$(NETWORKS)/cnv-cifar10.bnn: $(BNNACCEL)
	@mkdir -p $(@D)
	$(BNNACCEL) import $(BNNACCEL_DATA)/bnn-pynq/cnvW1A1-cifar10 -o $@

$(NETWORKS)/lfc-mnist.bnn: $(BNNACCEL)
	@mkdir -p $(@D)
	$(BNNACCEL) import $(BNNACCEL_DATA)/bnn-pynq/lfcW1A1-mnist -o $@
else
networks: networks-own
	@echo "networks: no trained weights in BNNACCEL_DATA ($(BNNACCEL_DATA)); built our own only"
endif

ifneq ($(wildcard $(BNNACCEL_DATA)/abbnn-cifar10-small/weights.bin),)
networks: $(addprefix $(NETWORKS)/,abbnn-cifar10-small.bnn abbnn-cifar10-small-pow2.bnn)

$(NETWORKS)/abbnn-cifar10-small.bnn: abbnn := abbnn-cifar10-small
$(NETWORKS)/abbnn-cifar10-small-pow2.bnn: abbnn := abbnn-cifar10-small/pow2
$(NETWORKS)/abbnn-cifar10-small.bnn $(NETWORKS)/abbnn-cifar10-small-pow2.bnn: $(BNNACCEL)
	@mkdir -p $(@D)
	$(BNNACCEL) import $(BNNACCEL_DATA)/$(abbnn) -o $@ \
		--calibrate $(BNNACCEL_DATA)/cifar10-test1k/dev500.bin --images 100
endif

ifneq ($(wildcard $(BNNACCEL_DATA)/pokebnn-cifar10-small/weights.bin),)
networks: $(NETWORKS)/pokebnn-cifar10-small.bnn

$(NETWORKS)/pokebnn-cifar10-small.bnn: $(BNNACCEL)
	@mkdir -p $(@D)
	$(BNNACCEL) import $(BNNACCEL_DATA)/pokebnn-cifar10-small -o $@ \
		--calibrate $(BNNACCEL_DATA)/cifar10-test1k/dev500.bin --images 100
endif

# The four families, trained by ourselves on drawn images (models/README.md).
SHAPES := fracbnn-shapes pokebnn-shapes abbnn-shapes abbnn-shapes-pow2 tbn-shapes
networks-own: $(SHAPES:%=$(NETWORKS)/%.bnn)

$(SHAPES:%=$(NETWORKS)/%.bnn): $(NETWORKS)/%.bnn: $(BNNACCEL) models/shapes/calibration.bin \
		$(wildcard models/*-shapes*/*.onnx)
	@mkdir -p $(@D)
	$(BNNACCEL) import models/$*/$*.onnx -o $@ --calibrate models/shapes/calibration.bin

samples: $(SAMPLES)/shapes.bin

$(SAMPLES)/shapes.bin: models/shapes/test.bin
	@mkdir -p $(@D)
	cp $< $@

# Results of the integer networks by the executor in NumPy, after a change of the lowering.
.PHONY: expected-shapes
expected-shapes: $(SHAPES:%=$(NETWORKS)/%.bnn)
	for n in $(SHAPES); do /usr/bin/python3 models/reference/run.py $(NETWORKS)/$$n.bnn \
		models/shapes/test.bin --csv models/$$n/expected.csv || exit; done

# Digits drawn by a program of ours.
samples: $(SAMPLES)/digits-images-idx3-ubyte

$(BUILD)/models/digits: models/digits/digits.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $< -lm

$(SAMPLES)/digits-images-idx3-ubyte: $(BUILD)/models/digits
	@mkdir -p $(@D)
	$< $(SAMPLES)/digits 200

# The network of our own for the RTL; the arrays are committed.
.PHONY: train-digits-bnn
train-digits-bnn: $(BUILD)/models/digits
	@mkdir -p $(BUILD)/models
	$(CC) -O3 -std=gnu11 -Wall -Wextra -Werror -o $(BUILD)/models/train models/digits-bnn/train.c -lm
	$< $(BUILD)/models/training 30000 7
	$(BUILD)/models/train $(BUILD)/models/training-images-idx3-ubyte \
		$(BUILD)/models/training-labels-idx1-ubyte models/digits-bnn

# The definitions in PyTorch (python3-torch and python3-onnx of Debian).
.PHONY: test-models
test-models: tools
	@/usr/bin/python3 models/check.py $(BNNACCEL)

include models/large/large.mk

# make -s network-table [IMAGES=N] [JSON=1]: every network, everywhere, in one
# table (docs/networks.md, Measured); also in $(BUILD)/network-table.json.
.PHONY: network-table
network-table:
	@$(MAKE) --no-print-directory all networks >&2
	@/usr/bin/python3 models/network_table.py --build $(BUILD) $(if $(IMAGES),--images $(IMAGES)) $(if $(JSON),--json)
