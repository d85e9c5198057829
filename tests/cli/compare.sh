# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Comparisons of result files (index,label,pred,...): sourced.

# right FILE: images whose prediction is the label
right() {
	awk -F, 'NR > 1 && $2 == $3 { n++ } END { print n + 0 }' "$1"
}

# agree FILE FILE: images with the same prediction
agree() {
	paste -d, <(cut -d, -f3 "$1") <(cut -d, -f3 "$2") |
		awk -F, 'NR > 1 && $1 == $2 { n++ } END { print n + 0 }'
}

# at_least N VALUE WHAT
at_least() {
	echo "$3: $2, at least $1 wanted"
	[ "$2" -ge "$1" ]
}

# rows FILE: data rows
rows() {
	awk 'END { print NR - 1 }' "$1"
}
