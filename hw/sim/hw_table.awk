# SPDX-License-Identifier: MIT
# One row of hw-table from the profiles of a network (read after tools/json.awk).
#
# Arguments: a line of hw_networks.tsv; profiles by bnnaccel profile --json or "": near, versus, far; why there
# is none, or ""; the file that gets the row as JSON. Prints a line of the Markdown table.

# 1234567.8 as 1,234,568, small ones with three decimals.
function number(x,   s) {
	if (x < 100)
		return sprintf("%.3f", x)
	for (s = sprintf("%.0f", x); match(s, /[0-9][0-9][0-9][0-9](,|$)/); )
		s = substr(s, 1, RSTART) "," substr(s, RSTART + 1)
	return s
}

function fail(text) {
	printf "hw-table: %s\n", text > "/dev/stderr"
	exit 1
}

function read_profile(file, v) {
	if (!json_read(file, v) || !("cycles" in v))
		fail("no profile in " file)
}

# Cycles, products and cycles with what lies between, of a part, in part_cycles, part_macs, part_span.
# The binary layers are the CONV of 1-bit weights, but for the first and the last CONV of the network.
function measure_part(v, part,   i, n, convs, first, last) {
	part_cycles = part_span = v["cycles"]
	part_macs = v["macs"]
	if (part == "all")
		return
	n = v["commands#"]
	for (i = 0; i < n; i++)
		if (v["commands." i ".opcode"] == "CONV")
			convs[++convs[0]] = i
	part_cycles = part_macs = part_span = 0
	for (i = 2; i < convs[0]; i++) {
		if (v["commands." convs[i] ".text"] !~ /, [0-9]+x[0-9]+ B1([^A-Za-z0-9_]|$)/)
			continue
		if (first == "")
			first = convs[i]
		last = convs[i]
		part_cycles += v["commands." last ".cycles"]
		part_macs += v["commands." last ".macs"]
	}
	if (first == "")
		fail("no layers of 1-bit weights in " name)
	for (i = first; i <= last; i++)
		part_span += v["commands." i ".cycles"]
}

# What CONV and EW add, sorted.
function shortcut_formats(v,   i, j, n, text, format, list, found) {
	for (i = 0; i < v["commands#"]; i++) {
		text = v["commands." i ".text"]
		while (match(text, /plus ([0-9]+x[0-9]+x[0-9]+ )?[A-Za-z0-9_]+/)) {
			format = substr(text, RSTART, RLENGTH)
			text = substr(text, RSTART + RLENGTH)
			sub(/.* /, "", format)
			if (format in found)
				continue
			found[format] = 1
			for (j = n++; j > 0 && list[j - 1] > format; j--)
				list[j] = list[j - 1]
			list[j] = format
		}
	}
	text = n ? list[0] : "-"
	for (i = 1; i < n; i++)
		text = text ", " list[i]
	return text
}

# Stalls of more than half a percent of a frame, the largest first.
function waits(v,   i, j, n, key, list, text) {
	for (i = 0; i < v["stalls#"]; i++) {
		key = v["stalls#" i]
		if (v["stalls." key] * 200 <= v["cycles"] + 0)
			continue
		for (j = n++; j > 0 && v["stalls." list[j - 1]] + 0 < v["stalls." key] + 0; j--)
			list[j] = list[j - 1]
		list[j] = key
	}
	for (i = 0; i < n; i++)
		text = text (i ? ", " : "") sprintf("%s %.1f", list[i], 100 * v["stalls." list[i]] / v["cycles"])
	return text
}

function note(text) {
	notes = notes (notes == "" ? "" : "; ") text
}

function json(key, value) {
	printf "%s\"%s\": %s", comma, key, value > out
	comma = ", "
}

function json_text_of(key, value) {
	gsub(/["\\]/, "\\\\&", value)
	gsub(/[\t\n]/, " ", value)
	json(key, "\"" value "\"")
}

function real(x) {
	return sprintf("%.17g", x)
}

BEGIN {
	WALK_MAX = 0.02 # share of cycles, pages scattered

	split(ARGV[1], column, "\t")
	near = ARGV[2]
	versus = ARGV[3]
	far = ARGV[4]
	error = ARGV[5]
	out = ARGV[6]
	name = column[1]
	part = column[4]
	target = column[6]
	stretch = column[7]
	printf "{" > out
	json_text_of("name", name)
	json_text_of("network", column[2])
	json_text_of("image", column[3])
	json_text_of("part", part)
	json_text_of("versus", column[5])
	json("target", target)
	json("stretch", stretch)
	json_text_of("shortcut", column[8])

	if (near != "") {
		read_profile(near, v)
		measure_part(v, part)
		cycles = part_cycles
		macs = part_macs
		span = part_span
		frame = v["cycles"]
		value = cycles
		same = v["same_as_cpu"]
		split(v["config"], array, "x")
		utilisation = macs / (array[1] * array[2] * cycles)
		gates = v["gates_open"] + v["gates_shut"]
		formats = shortcut_formats(v)
		printf ", \"profile\": " > out
		while ((getline text < near) > 0)
			print text > out
		json("cycles", sprintf("%.0f", cycles))
		json("macs", sprintf("%.0f", macs))
		json("span", sprintf("%.0f", span))
		json("frame", frame)
		json_text_of("config", v["config"])
		json("seconds", v["seconds"])
		json_text_of("rows_from", v["rows_from"])
		json("utilisation", real(utilisation))
		json("busy", real(v["array_busy"] / frame))
		json("stalls", "{")
		comma = ""
		for (i = 0; i < v["stalls#"]; i++)
			json(v["stalls#" i], v["stalls." v["stalls#" i]])
		printf "}" > out
		json_text_of("formats", formats)
		json("gates", gates ? real(v["gates_open"] / gates) : "null")
	}
	if (versus != "") {
		read_profile(versus, w)
		measure_part(w, part)
		json("versus_cycles", sprintf("%.0f", part_cycles))
		value = cycles / part_cycles
		if (w["same_as_cpu"] != "true")
			same = "false"
	}
	if (near != "") {
		json("same", same)
		json("value", real(value))
		json("ratio", real(value / target))
	}
	if (far != "") {
		read_profile(far, f)
		walk = f["stalls.walk"] / f["cycles"]
		json("far_cycles", f["cycles"])
		json("far_walk", real(walk))
		json("far_same", f["same_as_cpu"])
		json("far_seconds", f["seconds"])
	}
	if (error != "")
		json_text_of("error", error)
	printf "}" > out

	if (error != "") {
		printf "| %s | | | %s (%s) | | | | | | | | | %s |\n", name, number(target), number(stretch), error
		exit
	}
	if (!index(formats, column[8]))
		note("target assumes " column[8])
	if (part == "binary") {
		note("with what lies between " number(span) ", frame " number(frame))
		if (v["rows_from"] != "log")
			note("commands run alone")
	}
	if (far != "" && walk > WALK_MAX)
		note(sprintf("walks above %.0f %%", 100 * WALK_MAX))
	printf "| %s | %s | %s | %s (%s) | %.2f | %.1f %% | %.1f %% | %s | %s | %s | %s | %.1f | %s |\n",
		name, part, number(value), number(target), number(stretch), value / target,
		100 * utilisation, 100 * v["array_busy"] / frame, waits(v),
		gates ? sprintf("%.1f %%", 100 * v["gates_open"] / gates) : "-", formats,
		far == "" ? "-" : sprintf("%.1f %%", 100 * walk), v["seconds"], notes
}
