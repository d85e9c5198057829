# SPDX-License-Identifier: MIT
# Networks of the papers' size with random parameters, and images for them. Not part
# of `make all`: a few minutes.

LARGE := $(BUILD)/models/large
LARGE_DIR := $(BUILD)/networks-large
LARGE_SOURCES := $(wildcard models/large/*.c)
LARGE_NAMES := fracbnn-imagenet pokebnn-0.5 pokebnn-1.0 pokebnn-1.0-s8 pokebnn-2.0 abbnn-reactnet18 \
	abbnn-reactnet34 abbnn-reactnet-a abbnn-reactnet-a-s8 tbn-resnet18 tbn-resnet18-all \
	tbn-resnet18-untiled tbn-mlpmixer
LARGE_NETWORKS := $(LARGE_NAMES:%=$(LARGE_DIR)/%.bnn)
LARGE_IMAGES := $(foreach seed,101 102,$(LARGE_DIR)/image-$(seed).ppm)

$(LARGE): $(LARGE_SOURCES) models/large/large.h $(BUILD)/lib/libbnnaccel.so
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Ilibbnnaccel/include -o $@ $(LARGE_SOURCES) -L$(BUILD)/lib -lbnnaccel \
		'-Wl,-rpath,$$ORIGIN/../lib' -lm

$(LARGE_NETWORKS): $(LARGE_DIR)/%.bnn: $(LARGE)
	@mkdir -p $(@D)
	@$(LARGE) $* $@

$(LARGE_IMAGES): $(LARGE_DIR)/image-%.ppm: $(LARGE)
	@mkdir -p $(@D)
	@$(LARGE) --image $* $@

.PHONY: networks-large
networks-large: $(LARGE_NETWORKS) $(LARGE_IMAGES)
	@du -ch $(LARGE_NETWORKS) | tail -n 1
