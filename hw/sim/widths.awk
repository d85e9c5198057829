# SPDX-License-Identifier: MIT
# From the header of Verilator's root class: a check of every variable's width.
# Generated code indexes arrays with variables that it trusts to be clean.
function emit(name, msb, lsb) {
	sub(/;$/, "", name)
	printf "\tok &= fits(r.%s, %d);\n", name, msb - lsb + 1
}
/^ *VL_(IN|OUT|INOUT)(8|16|64|W)?\(/ {
	line = $0
	sub(/^[^(]*\(&?/, "", line)
	split(line, part, /[,)]/)
	emit(part[1], part[2], part[3])
	next
}
match($0, /\/\*[0-9]+:[0-9]+\*\//) {
	split(substr($0, RSTART + 2, RLENGTH - 4), range, ":")
	emit($NF, range[1], range[2])
}
