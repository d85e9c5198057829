# SPDX-License-Identifier: MIT
# Line coverage of each file of hw/rtl from Verilator's points, and those that no
# run has reached. Instances and parameters of a module count together.
/^C / {
	split($0, quoted, "'")
	n = split(quoted[2], field, "\001")
	file = line = column = what = ""
	for (i = 1; i <= n; i++) {
		split(field[i], pair, "\002")
		if (pair[1] == "f")
			file = pair[2]
		else if (pair[1] == "l")
			line = pair[2]
		else if (pair[1] == "n")
			column = pair[2]
		else if (pair[1] == "o")
			what = pair[2]
	}
	if (file !~ /hw\/rtl\/bnn_/)
		next
	key = file SUBSEP line SUBSEP column SUBSEP what
	count[key] += quoted[3]
}
END {
	for (key in count) {
		split(key, part, SUBSEP)
		points[part[1]]++
		all++
		if (count[key]) {
			hit[part[1]]++
			hits++
		} else {
			missed[part[1]] = missed[part[1]] " " part[2] "(" part[4] ")"
		}
	}
	for (file in points)
		printf "# %-40s %6.1f %%  of %4d%s%s\n", file, 100 * hit[file] / points[file], points[file], \
			missed[file] ? ", not:" : "", missed[file] | "sort"
	close("sort")
	percent = all ? 100 * hits / all : 0
	good = percent >= 95
	printf "%s - line coverage %.1f %% of %d points, wanted 95\n", good ? "ok" : "not ok", percent, all
	exit !good
}
