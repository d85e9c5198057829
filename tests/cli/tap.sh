# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# TAP for shell tests: sourced.
tap_count=0

# ok DESCRIPTION COMMAND...: one test; a failing command's output is shown.
ok() {
	local text=$1 tap_output
	shift
	tap_count=$((tap_count + 1))
	if tap_output=$("$@" 2>&1); then
		echo "ok $tap_count - $text"
	else
		echo "not ok $tap_count - $text"
		printf '%s\n' "$tap_output" | tail -n 12 | sed 's/^/# /'
	fi
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

finish() {
	echo "1..$tap_count"
}
