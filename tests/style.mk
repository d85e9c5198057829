# SPDX-License-Identifier: MIT
# Formatting, shell scripts, licence lines, generated files.

FORMATTED = $(shell git ls-files '*.c' '*.h' '*.cpp' ':!driver' ':!uapi' ':!qemu-device' ':!tests/guest' ':!tests/qtest' ':!hw/spec/generated')
SCRIPTS = $(shell git grep -lE '^\#!/.*(bash|busybox sh|/sh)' -- tests tools qemu-device .ci hw)

.PHONY: test-style
test-style: check-spec
	@clang-format --dry-run -Werror $(FORMATTED) && echo "ok - clang-format" || echo "not ok - clang-format"
	@shellcheck -x $(SCRIPTS) && echo "ok - shellcheck" || echo "not ok - shellcheck"
	@$(MAKE) -s docs-api && echo "ok - reference of the headers" || echo "not ok - reference of the headers"
	@missing=$$(git ls-files ':!*.md' ':!LICENSES' ':!models/*/*.bits' ':!models/*/*.i32' ':!models/*/*.tsv' ':!models/*/*.onnx' ':!models/*/*.csv' ':!models/*/*.bin' ':!tests/fuzz/*-corpus/*' ':!.gitignore' | \
		xargs grep -L SPDX-License-Identifier); \
	[ -z "$$missing" ] && echo "ok - licence lines" || { echo "$$missing"; echo "not ok - licence lines"; }
