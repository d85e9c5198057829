# SPDX-License-Identifier: MIT
# Lock-step: with a core that errs, and with two models in place of model and RTL,
# which must agree in every test of a core.
BOTH_TEST := $(BUILD)/tests/both
BOTH_TEST_CFLAGS := -Ihw/include -Ihw/spec/generated -Itests/core

$(BOTH_TEST)/liar.so: tests/both/liar.c hw/include/bnn_core.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fPIC -fvisibility=hidden $(BOTH_TEST_CFLAGS) -shared -o $@ $< -ldl

$(BOTH_TEST)/both-test: tests/both/both-test.c $(addprefix $(BUILD)/tests/core/,host.o bnn_hw_fields.o)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(BOTH_TEST_CFLAGS) -o $@ $^ -ldl

$(BOTH_TEST)/twins/libbnnaccel-both.so: $(BOTH_SO) $(MODEL_SO)
	@mkdir -p $(@D)
	cp $(BOTH_SO) $@
	cp $(MODEL_SO) $(@D)/libbnnaccel-model.so
	cp $(MODEL_SO) $(@D)/libbnnaccel-rtl.so

.PHONY: test-both
test-both: $(BOTH_TEST)/both-test $(BOTH_TEST)/liar.so $(BOTH_TEST)/twins/libbnnaccel-both.so \
		$(BNN_REPLAY) $(addprefix $(BUILD)/tests/core/,core-test trap-test arith-test)
	@mkdir -p $(BOTH_TEST)/traces; status=0; \
	$(BOTH_TEST)/both-test $(BOTH_SO) $(MODEL_SO) $(BOTH_TEST)/liar.so $(BNN_REPLAY) \
		$(BOTH_TEST)/traces || status=1; \
	for t in core trap arith; do $(BUILD)/tests/core/$$t-test $(BOTH_TEST)/twins/libbnnaccel-both.so || status=1; done; exit $$status
