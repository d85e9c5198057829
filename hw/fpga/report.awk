# SPDX-License-Identifier: MIT
# Area and speed of the core, from what yosys and nextpnr wrote (read after tools/json.awk).
#
# Arguments: a file for JSON, then KIND:CONFIG:FILE... KIND is xcup or ecp5 (FILE: stat of yosys,
# of the hierarchy for xcup, LUTs that drive a carry chain called LUTn_CARRY) or pnr (FILE: report of
# nextpnr). Prints tables; JSON gets the same numbers.
#
# Packed LUT6: what a device of 6-input LUTs needs, estimated from the netlist. Such
# a LUT can be two functions of at most five inputs together, so two LUTs of up to
# three inputs (or of two and three) share one where both hang on nothing else. LUTs
# of four inputs and more count as one, and so does every LUT that drives a carry
# chain; LUT RAMs and shift registers count as the LUTs they occupy. Vendors' tools
# pack better than that: they also share inputs.

# What is counted of a netlist, and of which cells, and how often each.
function set_classes(   i, n, pairs, pair) {
	CLASSES = split("lut1 lut2 lut3 lut4 lut5 lut6 carry_luts lut_ram ff ramb36 ramb18 dsp ccu2c dpr ebr", CLASS, " ")
	n = split("RAM32M 4 RAM64M 4 RAM32M16 8 RAM64M8 8 RAM32X1D 2 RAM64X1D 2 RAM128X1D 4 RAM64X1S 1 " \
		"RAM32X16DR8 8 SRL16E 1 SRLC16E 1 SRLC32E 1", pairs, " ")
	for (i = 1; i < n; i += 2)
		LUT_RAM[pairs[i]] = pairs[i + 1]
}

# Adds n cells of a type to module m of own.
function count_cells(own, m, type, n) {
	if (type in LUT_RAM)
		own[m, "lut_ram"] += n * LUT_RAM[type]
	else if (type ~ /^LUT[1-6](_CARRY)?$/) {
		own[m, "lut" substr(type, 4, 1)] += n
		if (type ~ /_CARRY$/)
			own[m, "carry_luts"] += n
	} else if (type ~ /^(FD[RSCP]E|TRELLIS_FF)$/)
		own[m, "ff"] += n
	else if (type ~ /^RAMB36/)
		own[m, "ramb36"] += n
	else if (type ~ /^RAMB18/)
		own[m, "ramb18"] += n
	else if (type ~ /^(DSP|MULT18X18D$)/)
		own[m, "dsp"] += n
	else if (type == "CCU2C")
		own[m, "ccu2c"] += n
	else if (type == "TRELLIS_DPR16X4")
		own[m, "dpr"] += n
	else if (type ~ /^(DP16KD|PDPW16KD)$/)
		own[m, "ebr"] += n
}

# Reads stat: own[module, class], children[module] (the types of its cells, one a line)
# and instances[module, type]; own also has the sums with all below them, as "+class".
function read_stat(file,   line, field, m, cells) {
	split("", own)
	split("", children)
	split("", instances)
	top = ""
	while ((getline line < file) > 0) {
		split(line, field, " ")
		if (field[1] == "===") {
			m = field[2]
			cells = 0
			if (m != "design")
				children[m] = ""
		} else if (m == "design" && top == "" && field[1] != "") {
			top = field[1]
		} else if (line ~ /Number of cells:/) {
			cells = m != "design"
		} else if (cells && field[2] != "") {
			children[m] = children[m] field[1] "\n"
			instances[m, field[1]] = field[2]
			count_cells(own, m, field[1], field[2])
		} else if (field[1] != "") {
			cells = 0
		}
		if (top == "" && m != "" && m != "design")
			only = m
	}
	close(file)
	if (top == "")
		top = only # one module has no hierarchy
	if (top == "")
		fail(file " is no stat of yosys")
	sum_up(top)
}

function sum_up(m,   i, k, n, child) {
	if ((m, "+") in own)
		return
	own[m, "+"] = 1
	for (k = 1; k <= CLASSES; k++)
		own[m, "+" CLASS[k]] = own[m, CLASS[k]] + 0
	n = split(children[m], child, "\n")
	for (i = 1; i < n; i++) {
		if (!(child[i] in children))
			continue
		sum_up(child[i])
		for (k = 1; k <= CLASSES; k++)
			own[m, "+" CLASS[k]] += instances[m, child[i]] * own[child[i], "+" CLASS[k]]
	}
}

# bnn_x of $paramod$0123\bnn_x\P=1.
function base_name(name) {
	return match(name, /bnn_[a-z0-9_]*/) ? substr(name, RSTART, RLENGTH) : name
}

# Collects module m, which is there so often, and what is in it: part[name of depth and module, class].
function add_part(m, times, depth,   i, k, n, key, child) {
	key = depth " " base_name(m)
	if (!((key, "times") in part))
		part_name[++part_name[0]] = key
	part[key, "times"] += times
	for (k = 1; k <= CLASSES; k++)
		part[key, "+" CLASS[k]] += times * own[m, "+" CLASS[k]]
	n = split(children[m], child, "\n")
	for (i = 1; i < n && depth < 3; i++)
		if (child[i] in children)
			add_part(child[i], times * instances[m, child[i]], depth + 1)
}

function packed(v, m,   small) {
	small = v[m, "+lut1"] + v[m, "+lut2"] + v[m, "+lut3"] - v[m, "+carry_luts"]
	return v[m, "+lut4"] + v[m, "+lut5"] + v[m, "+lut6"] + v[m, "+carry_luts"] + int((small + 1) / 2) + v[m, "+lut_ram"]
}

function fail(text) {
	printf "report: %s\n", text > "/dev/stderr"
	exit 1
}

function xcup_json(v, m,   i, s) {
	s = sprintf("\"carry_luts\": %d, \"dsp\": %d, \"ff\": %d, \"lut\": {", v[m, "+carry_luts"], v[m, "+dsp"], v[m, "+ff"])
	for (i = 1; i <= 6; i++)
		s = s sprintf("%s\"LUT%d\": %d", i > 1 ? ", " : "", i, v[m, "+lut" i])
	return s sprintf("}, \"lut6_packed\": %d, \"lut_ram\": %d, \"ramb18\": %d, \"ramb36\": %d", packed(v, m),
		v[m, "+lut_ram"], v[m, "+ramb18"], v[m, "+ramb36"])
}

function before(a, b) {
	if (substr(a, 1, 1) != substr(b, 1, 1))
		return substr(a, 1, 1) < substr(b, 1, 1)
	return packed(part, a) > packed(part, b)
}

function xcup(config, file,   i, j, k, m, n, core, child, key, row, list, result) {
	read_stat(file)
	for (m in children)
		if (base_name(m) == "bnn_core")
			core = m
	if (core == "")
		fail("no bnn_core in " file)
	split("", part)
	split("", part_name)
	n = split(children[core], child, "\n")
	for (i = 1; i < n; i++)
		if (child[i] in children)
			add_part(child[i], instances[core, child[i]], 1)

	add_row(XCUP, config "\t" packed(own, top) "\t" own[top, "+lut6"] "\t" own[top, "+lut5"] "\t" own[top, "+lut4"] "\t" \
		(own[top, "+lut1"] + own[top, "+lut2"] + own[top, "+lut3"]) "\t" own[top, "+lut_ram"] "\t" own[top, "+ff"] \
		"\t" own[top, "+ramb36"] "\t" own[top, "+ramb18"] "\t" own[top, "+dsp"])
	result = xcup_json(own, top) ", \"modules\": {"
	for (i = 1; i <= part_name[0]; i++) {
		key = part_name[i]
		result = result sprintf("%s\n  \"%s\": {%s, \"instances\": %d}", i > 1 ? "," : "", key, xcup_json(part, key),
			part[key, "times"])
		for (j = i; j > 1 && before(key, list[j - 1]); j--)
			list[j] = list[j - 1]
		list[j] = key
	}
	for (i = 1; i <= part_name[0] && config == "default"; i++) {
		key = list[i]
		if (packed(part, key) < 100)
			continue
		add_row(PARTS, sprintf("%*s", 2 * (substr(key, 1, 1) - 1), "") substr(key, 3) "\t" part[key, "times"] "\t" \
			packed(part, key) "\t" part[key, "+lut_ram"] "\t" part[key, "+ff"] "\t" part[key, "+ramb36"] "\t" \
			part[key, "+ramb18"] "\t" part[key, "+dsp"])
	}
	return result "}"
}

function ecp5(config, file,   lut4) {
	read_stat(file)
	lut4 = own[top, "+lut4"] + 2 * own[top, "+ccu2c"] + 4 * own[top, "+dpr"]
	ecp5_row[config] = config ", synthesised\t" lut4 "\t" own[top, "+ff"] "\t" own[top, "+ebr"] "\t" own[top, "+dsp"] "\t-\t-"
	return sprintf("\"ccu2c\": %d, \"dsp\": %d, \"ebr\": %d, \"ff\": %d, \"lut4\": %d, \"lut_ram\": %d", own[top, "+ccu2c"],
		own[top, "+dsp"], own[top, "+ebr"], own[top, "+ff"], lut4, own[top, "+dpr"])
}

function used(v, name) {
	return ("utilization." name ".used") in v ? v["utilization." name ".used"] : "null"
}

function pnr(config, file,   v, i, n, fmax, target, clock, kinds, available) {
	if (!json_read(file, v) || !("utilization#" in v))
		fail(file " is no report of nextpnr")
	for (i = 0; i < v["fmax#"]; i++) {
		clock = "fmax." v["fmax#" i]
		if (!i || v[clock ".achieved"] + 0 < fmax)
			fmax = v[clock ".achieved"] + 0
		if (!i || v[clock ".constraint"] + 0 > target)
			target = v[clock ".constraint"] + 0
	}
	n = split("DP16KD MULT18X18D TRELLIS_COMB TRELLIS_FF", kinds, " ")
	for (i = 1; i <= n; i++)
		if (("utilization." kinds[i] ".available") in v)
			available = available (available == "" ? "" : ", ") "\"" kinds[i] "\": " v["utilization." kinds[i] ".available"]
	target = sprintf("%.1f", target)
	sub(/\.0$/, "", target)
	pnr_row[config] = config ", placed and routed\t" used(v, "TRELLIS_COMB") "\t" used(v, "TRELLIS_FF") "\t" used(v, "DP16KD") "\t" \
		used(v, "MULT18X18D") "\t" sprintf("%.1f\t%s", fmax, target)
	return sprintf("\"available\": {%s}, \"dsp\": %s, \"ebr\": %s, \"ff\": %s, \"fmax_mhz\": %.1f, \"lut4\": %s, \"target_mhz\": %s",
		available, used(v, "MULT18X18D"), used(v, "DP16KD"), used(v, "TRELLIS_FF"), fmax, used(v, "TRELLIS_COMB"), target)
}

# Tables are rows of fields with tabs between; the first is the head.
function add_row(t, fields) {
	cell[t, ++rows[t]] = fields
}

function print_table(t,   i, j, n, column, width, text) {
	if (rows[t] < 2)
		return
	for (i = 1; i <= rows[t]; i++) {
		n = split(cell[t, i], column, "\t")
		for (j = 1; j <= n; j++)
			if (length(column[j]) > width[j])
				width[j] = length(column[j])
	}
	for (i = 1; i <= rows[t]; i++) {
		n = split(cell[t, i], column, "\t")
		text = sprintf("%-*s", width[1], column[1])
		for (j = 2; j <= n; j++)
			text = text sprintf("  %*s", width[j], column[j])
		sub(/ +$/, "", text)
		print text
	}
}

BEGIN {
	XCUP = 1
	ECP5 = 2
	PARTS = 3
	set_classes()
	add_row(XCUP, "UltraScale+\tLUT6 packed\tLUT6\tLUT5\tLUT4\tLUT1-3\tLUT RAM\tFF\tRAMB36\tRAMB18\tDSP")
	add_row(ECP5, "ECP5\tLUT4\tFF\tEBR\tDSP\tFmax MHz\ttarget")
	add_row(PARTS, "parts of default\tinstances\tLUT6 packed\tLUT RAM\tFF\tRAMB36\tRAMB18\tDSP")
	for (a = 2; a < ARGC; a++) {
		split(ARGV[a], argument, ":")
		kind = argument[1]
		config = argument[2]
		file = substr(ARGV[a], length(kind config) + 3)
		if (!(config in result))
			order[++configs] = config
		text = kind == "xcup" ? xcup(config, file) : kind == "ecp5" ? ecp5(config, file) : pnr(config, file)
		result[config] = result[config] (result[config] == "" ? "" : ",") "\n \"" kind "\": {" text "}"
	}
	printf "{" > ARGV[1]
	for (i = 1; i <= configs; i++) {
		config = order[i]
		printf "%s\n\"%s\": {%s}", (i > 1 ? "," : ""), config, result[config] > ARGV[1]
		if (config in pnr_row)
			add_row(ECP5, pnr_row[config])
		else if (config in ecp5_row)
			add_row(ECP5, ecp5_row[config])
	}
	printf "\n}\n" > ARGV[1]
	for (i = XCUP; i <= PARTS; i++) {
		print_table(i)
		if (i < PARTS && rows[i] > 1)
			print ""
	}
}
