# SPDX-License-Identifier: MIT
# A JSON reader for other awk programs (LC_ALL=C awk -f tools/json.awk -f ...).
#
# json_read(FILE, v) fills v: a number, string, true, false or null is v["path"], as text (add 0
# to compare numbers), where path is the keys to it with dots between, elements of arrays counted from 0; v["path#"] is the number
# of elements of an object or array, v["path#I"] the key of the I-th. Returns 0 if FILE is no JSON.
function json_read(file, v,   line, name) {
	json_text = ""
	json_at = 1
	json_bad = 0
	for (name in v)
		delete v[name]
	while ((getline line < file) > 0)
		json_text = json_text line "\n"
	close(file)
	json_value("", v)
	return !json_bad && json_next() == ""
}

# The next character that is not white space; it is not taken.
function json_next(   c) {
	while ((c = substr(json_text, json_at, 1)) ~ /^[ \t\r\n]$/)
		json_at++
	return c
}

function json_string(   s, c, part) {
	for (json_at++; !json_bad; ) {
		part = substr(json_text, json_at, 256)
		match(part, /^[^"\\]*/)
		s = s substr(part, 1, RLENGTH)
		json_at += RLENGTH
		c = substr(json_text, json_at++, 1)
		if (c == "\"")
			return s
		if (c == "\\") {
			c = substr(json_text, json_at++, 1)
			if (c == "u")
				json_at += 4
			c = c == "n" ? "\n" : c == "t" ? "\t" : c ~ /[bfru]/ ? " " : c
		}
		json_bad = c == ""
		s = s c
	}
	return s
}

function json_value(path, v,   c, n, key, closing, under) {
	c = json_next()
	if (c == "\"") {
		v[path] = json_string()
	} else if (c == "{" || c == "[") {
		closing = c == "{" ? "}" : "]"
		under = path == "" ? "" : path "."
		json_at++
		while (!json_bad && json_next() != closing) {
			if (n) {
				json_bad = json_next() != ","
				json_at++
			}
			key = n + 0
			if (c == "{") {
				json_bad = json_bad || json_next() != "\""
				key = json_string()
				json_bad = json_bad || json_next() != ":"
				json_at++
			}
			v[path "#" (n + 0)] = key
			json_value(under key, v)
			n++
		}
		json_at++
		v[path "#"] = n + 0
	} else if (match(substr(json_text, json_at, 40), /^(-?[0-9][-+.0-9eE]*|true|false|null)/)) {
		v[path] = substr(json_text, json_at, RLENGTH)
		json_at += RLENGTH
	} else {
		json_bad = 1
	}
}
