# SPDX-License-Identifier: MIT
# One network of hw-cycle-model (read after tools/json.awk).
#
# Arguments: name, profile of the RTL, of the model, 1 for TAP, number of the test, commands that may be off.

BEGIN {
	name = ARGV[1]
	tap = ARGV[4]
	if (!json_read(ARGV[2], rtl) || !json_read(ARGV[3], model) || rtl["commands#"] != model["commands#"] ||
	    rtl["commands#"] + 0 == 0) {
		print (tap ? "not ok " ARGV[5] " - " : "") name ": no profiles, or of other networks"
		exit 1
	}
	for (i = 0; i < rtl["commands#"]; i++) {
		r = rtl["commands." i ".cycles"] + 0
		m = model["commands." i ".cycles"] + 0
		sum_r += r
		sum_m += m
		off = m > r ? m - r : r - m
		limit = r * 0.03 > 32 ? r * 0.03 : 32
		bad += off > limit
		if (off / limit > worst) {
			worst = off / limit
			text = sprintf("%s, %d of %d", rtl["commands." i ".name"], m, r)
		}
	}
	error = 100 * (sum_m - sum_r) / sum_r
	failed = bad > (tap ? ARGV[6] : 0) || error > 2 || error < -2
	if (tap)
		printf "%sok %d - %s: the model's cycles are %+.2f %% off, %d of %d commands more than 3 %% and 32 cycles (%s)\n", \
			failed ? "not " : "", ARGV[5], name, error, bad, rtl["commands#"], text
	else
		printf "| %s | %d | %d | %+.2f %% | %d of %d | %s |\n", name, sum_r, sum_m, error, bad, rtl["commands#"], text
	exit failed
}
